//! Sellers: their marketplaces, goods and carriers, and how careful they are.
//!
//! Like real sellers they differ by orders of magnitude in size, sell in one to six marketplaces and a few
//! categories, use a few carriers and have their own way of typing. This module must not know rules.

use super::dice::{Dice, Lottery};
use super::habits::{Custom, Habits};
use super::world::World;

/// The intended outcome of a package, as far as the seller decides it; the rules of the day can override it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the names say it
pub enum Wish {
    NotOnMarketplace,
    Fulfilled,
    Canceled,
    Exempt,
    Missing,
    Filler,
    CarrierMissing,
    Refused,
    Mismatch,
    Late,
    Malformed,
    WrongDigit,
    DeliveryMissing,
    ScanMissing,
    Scanned,
}

/// Wishes, and how often they occur in 100,000 packages of an average seller.
const WISHES: [(Wish, u32); 14] = [
    (Wish::NotOnMarketplace, 1_200),
    (Wish::Fulfilled, 9_000),
    (Wish::Canceled, 1_800),
    (Wish::Exempt, 2_000),
    (Wish::Missing, 600),
    (Wish::Filler, 420),
    (Wish::CarrierMissing, 180),
    (Wish::Refused, 6_000),
    (Wish::Mismatch, 350),
    (Wish::Late, 450),
    (Wish::Malformed, 250),
    (Wish::WrongDigit, 320),
    (Wish::DeliveryMissing, 2_500),
    (Wish::ScanMissing, 1_000),
];

/// The first of [`WISHES`] that is a fault of the seller.
const FIRST_FAULT: usize = 4;

/// How careful a seller is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the names say it
pub enum Care {
    Great,
    Good,
    Fair,
    Poor,
    /// Packages of one kind are shipped without ever being scanned.
    Unscanned,
    /// The seller picks the wrong carrier, or types filler.
    Careless,
}

impl Care {
    /// Returns the faults in per cent of an average seller's, and how many of 100,000 packages have each of two
    /// further faults.
    fn faults(self) -> (u32, &'static [(Wish, u32)]) {
        match self {
            Care::Great => (20, &[]),
            Care::Good => (60, &[]),
            Care::Fair => (100, &[]),
            Care::Poor => (230, &[]),
            Care::Unscanned => (60, &[(Wish::ScanMissing, 16_000), (Wish::Missing, 3_000)]),
            Care::Careless => (60, &[(Wish::Mismatch, 9_000), (Wish::Filler, 5_000)]),
        }
    }

    /// Draws the intended outcome of a package.
    pub fn wish(self, dice: &mut Dice) -> Wish {
        let (percent, more) = self.faults();
        let mut left = dice.below(100_000) as u32;
        for (index, (wish, times)) in WISHES.iter().enumerate() {
            let mut times = *times;
            if index >= FIRST_FAULT {
                times = times * percent / 100;
                times += more.iter().find(|(other, _)| other == wish).map_or(0, |(_, more)| *more);
            }
            if left < times {
                return *wish;
            }
            left -= times;
        }
        Wish::Scanned
    }
}

/// The greatest number of marketplaces of a seller.
pub const MOST_MARKETS: usize = 6;

/// A seller in one marketplace.
#[derive(Clone, Copy, Default)]
pub struct Offer {
    /// The marketplace.
    pub market: u8,
    /// Its weight.
    pub weight: u32,
    /// The domestic carriers, the favourite first.
    pub carriers: [u8; 3],
}

/// A seller.
pub struct Seller {
    /// The key of its id.
    pub key: u32,
    /// Its marketplaces.
    pub offers: [Offer; MOST_MARKETS],
    /// The number of its marketplaces.
    pub offer_count: u8,
    /// Whether its goods come from China.
    pub from_china: bool,
    /// Indexes of its categories, the favourite first.
    pub categories: [u8; 4],
    /// How careful it is.
    pub care: Care,
    /// A category with which it is less careful, and how careful it is there.
    pub weak_spot: Option<(u8, Care)>,
    /// Whether its export names packages.
    pub names_packages: bool,
    /// The number on which its spellings depend.
    pub habit: u32,
    /// What it keeps, if sellers have habits.
    pub custom: Option<Custom>,
}

/// All sellers, and their shares of the packages.
pub struct Sellers {
    /// The sellers, the biggest first.
    pub all: Vec<Seller>,
    /// Draws the seller of the next package.
    pub lottery: Lottery,
    /// Whether they have habits.
    pub habits: Habits,
}

/// The home marketplaces of sellers, with weights, and the other marketplaces in which such sellers sell.
const HOMES: &[(&str, u32, &[&str])] = &[
    ("US", 260, &["CA", "MX", "BR", "GB", "JP", "AU"]),
    ("DE", 170, &["FR", "IT", "ES", "NL", "PL", "SE", "BE", "GB"]),
    ("GB", 140, &["DE", "FR", "IT", "ES", "NL", "IE", "US"]),
    ("JP", 90, &["US", "SG"]),
    ("FR", 70, &["DE", "IT", "ES", "BE", "GB"]),
    ("IT", 65, &["DE", "FR", "ES", "GB"]),
    ("ES", 55, &["FR", "IT", "DE", "GB"]),
    ("CA", 40, &["US", "MX"]),
    ("IN", 40, &["AE", "SA", "SG"]),
    ("AU", 25, &["SG", "US"]),
    ("NL", 18, &["DE", "BE", "FR"]),
    ("PL", 16, &["DE", "SE", "NL"]),
    ("SE", 12, &["DE", "PL", "NL"]),
    ("BE", 10, &["NL", "FR", "DE"]),
    ("BR", 14, &[]),
    ("MX", 12, &["US"]),
    ("AE", 10, &["SA", "EG"]),
    ("SA", 6, &["AE"]),
    ("TR", 6, &["DE"]),
    ("SG", 5, &["AU"]),
];

impl Sellers {
    /// Makes `count` sellers, at least one.
    pub fn make(world: &mut World, seed: u64, count: usize, habits: Habits) -> Sellers {
        let mut all: Vec<Seller> = (0..count).map(|rank| make(world, seed, rank)).collect();
        if habits == Habits::Kept {
            for (rank, seller) in all.iter_mut().enumerate() {
                let home = &world.markets[usize::from(seller.offers[0].market)];
                seller.custom = Some(Custom::of(home, seller.from_china, seed, rank, count));
            }
        }
        Sellers { all, lottery: Lottery::zipf(count), habits }
    }
}

/// Returns a seller's id: `A` and thirteen letters and digits, or for a few a number with leading zeros.
fn id(seed: u64, rank: usize) -> String {
    if rank % 97 == 41 {
        return format!("{rank:012}");
    }
    const DIGITS: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let mut dice = Dice::new(seed, 11, 0, rank as u64);
    let mut id = String::from("A");
    (0..8).for_each(|_| id.push(char::from(*dice.pick(DIGITS))));
    // The rank at the end makes ids unique.
    let mut rest = rank;
    (0..5).for_each(|_| {
        id.push(char::from(DIGITS[rest % 36]));
        rest /= 36;
    });
    id
}

fn make(world: &mut World, seed: u64, rank: usize) -> Seller {
    let mut dice = Dice::new(seed, 12, 0, rank as u64);
    let home = &HOMES[dice.weighted(HOMES.iter().map(|home| home.1))];
    let from_china = dice.hits(1_400);
    let more = dice.weighted([55, 20, 10, 7, 5, 3].into_iter());
    let mut names = vec![home.0];
    let mut others = home.2.to_vec();
    for _ in 0..more.min(others.len()) {
        names.push(others.remove(dice.below(others.len() as u64) as usize));
    }
    let mut offers = [Offer::default(); MOST_MARKETS];
    let markets: Vec<u8> = names.iter().filter_map(|name| world.market(name)).take(MOST_MARKETS).collect();
    for (place, market) in markets.iter().enumerate() {
        let carriers = favourites(&world.markets[usize::from(*market)].at_home, &mut dice);
        offers[place] =
            Offer { market: *market, weight: if place == 0 { 60 } else { 5 + dice.below(20) as u32 }, carriers };
    }
    let mut categories = [0u8; 4];
    let first = dice.below(world.categories.len() as u64);
    for (place, category) in categories.iter_mut().enumerate() {
        // Categories that are neighbours in the list; sellers with few categories have one twice.
        *category = ((first + dice.below(1 + place as u64 * 2)) % world.categories.len() as u64) as u8;
    }
    let care = [Care::Great, Care::Good, Care::Fair, Care::Poor][dice.weighted([30, 40, 20, 10].into_iter())];
    Seller {
        key: world.texts.seller.key(&id(seed, rank)),
        offers,
        offer_count: markets.len().max(1) as u8,
        from_china,
        categories,
        care,
        weak_spot: dice.hits(500).then_some((categories[1], Care::Unscanned)),
        names_packages: dice.hits(5_000),
        habit: dice.bits() as u32,
        custom: None,
    }
}

/// Draws three carriers by weight; the favourite may occur twice.
pub fn favourites(weights: &[(u8, u32)], dice: &mut Dice) -> [u8; 3] {
    let mut draw = || weights[dice.weighted(weights.iter().map(|(_, weight)| *weight))].0;
    [draw(), draw(), draw()]
}
