//! The world of a synthetic history: marketplaces with their clocks and routes, and the demands of the book's rules
//! on each, turned into recipes.
//!
//! The book is read only for its ingredients (the version in force on a day, the lane of a route, the integrated
//! carriers, the exemptions). The outcome of a package follows from its recipe, never from asking the kernel. A
//! rule without a recipe is an error.

use super::carriers::{self, Known, POOL};
use super::labels::{Labels, NULL};
use super::places::{cents_per_euro, midnights, routes};
use crate::error::{GenError, Result};
use chrono::{Datelike, NaiveDate};
use vtr_kernel::Book;
use vtr_kernel::carrier::{Carrier, CarrierId};
use vtr_kernel::lane::{CarrierRule, Condition, Country, Known as List, Lane, Limit, Otherwise, Scans};
use vtr_kernel::money::Money;
use vtr_kernel::policy::{Market, SelectedBy, Version};
use vtr_kernel::service::ServiceClass;

/// Days since 1970-01-01.
pub type Day = i32;

/// Microseconds in a second.
pub const SECOND: i64 = 1_000_000;
/// Seconds in an hour.
pub const HOUR: u64 = 3_600;
/// Seconds in a day.
pub const DAY: u64 = 24 * HOUR;

/// The number of days of every clock before the first and after the last day of shipping.
const MARGIN: i32 = 60;

/// A set of carriers: one bit for each carrier of the pool.
pub type CarrierBits = u64;

/// Everything from which packages are made.
pub struct World {
    /// The texts of the history's columns.
    pub texts: Texts,
    /// The texts of the truth.
    pub truth: TruthTexts,
    /// The marketplaces, by name.
    pub markets: Vec<MarketPlan>,
    /// The keys of names that are no marketplace.
    pub no_markets: Vec<u32>,
    /// The keys of carrier names that the book lacks.
    pub unknown_carriers: Vec<u32>,
    /// The keys of carrier names in Chinese characters, with their indexes in the pool.
    pub chinese_carriers: Vec<(u32, u8)>,
    /// The key, in the truth, of each carrier of the pool.
    pub carrier_labels: Vec<u32>,
    /// The keys of the categories.
    pub categories: Vec<u32>,
    /// The key, in the truth, of each category.
    pub category_labels: Vec<u32>,
    /// The indexes in the pool of the owners of strict numbers.
    pub signed: Vec<u8>,
    /// The keys of the small vocabularies.
    pub kit: Kit,
    /// The keys, in the truth, of `(none)` as marketplace, carrier and category, of `other`, and of `standard`.
    pub fixed: Fixed,
}

/// The keys, in the truth, of labels that are no names.
#[derive(Clone, Copy)]
pub struct Fixed {
    pub no_market: u32,
    pub no_carrier: u32,
    pub no_category: u32,
    pub other: u32,
    pub standard: u32,
}

/// The keys of the small vocabularies.
pub struct Kit {
    pub seller_channels: Vec<u32>,
    pub own_channels: Vec<u32>,
    pub live: Vec<u32>,
    pub canceled: Vec<u32>,
    pub sfp: Vec<u32>,
    pub premium: Vec<u32>,
    pub blank_carriers: Vec<u32>,
    pub unknown_market: u32,
    pub blank_market: u32,
    pub blank_seller: u32,
}

impl Kit {
    fn new(texts: &mut Texts) -> Kit {
        let keys = |labels: &mut Labels, names: &[&str]| names.iter().map(|name| labels.key(name)).collect();
        Kit {
            seller_channels: keys(&mut texts.channel, &["MFN", "MFN", "FBM", "Merchant", "Seller", "mfn"]),
            own_channels: keys(&mut texts.channel, &["AFN", "AFN", "FBA", "Amazon", "afn"]),
            live: keys(&mut texts.status, &["Shipped", "Shipped", "Shipped", "Delivered", "PartiallyShipped"]),
            canceled: keys(&mut texts.status, &["Cancelled", "Canceled", "CANCELLED"]),
            sfp: keys(&mut texts.programme, &["sfp", "SFP"]),
            premium: keys(&mut texts.programme, &["premium", "Premium"]),
            blank_carriers: keys(&mut texts.carrier, &["-", " ", "?"]),
            unknown_market: texts.marketplace.key("Amazon.atlantis"),
            blank_market: texts.marketplace.key("  "),
            blank_seller: texts.seller.key(" "),
        }
    }
}

/// The dictionaries of the history's label columns.
#[derive(Default)]
pub struct Texts {
    pub seller: Labels,
    pub marketplace: Labels,
    pub channel: Labels,
    pub status: Labels,
    pub carrier: Labels,
    pub service: Labels,
    pub country: Labels,
    pub currency: Labels,
    pub category: Labels,
    pub programme: Labels,
}

/// The dictionaries of the truth.
#[derive(Default)]
pub struct TruthTexts {
    pub marketplace: Labels,
    pub carrier: Labels,
    pub category: Labels,
    pub programme: Labels,
}

/// One marketplace.
pub struct MarketPlan {
    /// The name in tables.
    pub name: String,
    /// The key of that name in the truth.
    pub label: u32,
    /// The keys of names that its column may have; the first is the most common.
    pub names: Vec<u32>,
    /// The key of its currency.
    pub currency: u32,
    /// The number of its cents that make about one euro.
    pub cents_per_euro: i64,
    /// The date that selects the version.
    pub selected_by: SelectedBy,
    /// The first day of the clock.
    pub clock_from: Day,
    /// The UTC microseconds at which each day begins.
    pub midnights: Vec<i64>,
    /// For each day of the clock, the index of the rules in force.
    pub rules_on: Vec<Option<u8>>,
    /// The rules.
    pub rules: Vec<Rules>,
    /// The spellings of each carrier of the pool.
    pub spellings: Vec<Vec<u32>>,
    /// The keys of parcel services.
    pub services: Vec<u32>,
    /// The carriers of domestic packages.
    pub at_home: Vec<(u8, u32)>,
    /// The carriers of packages from China.
    pub from_china: Vec<(u8, u32)>,
    /// The origins and destinations, whether or not a rule covers them.
    pub routes: Vec<Route>,
    /// The routes of each kind.
    pub by_kind: [Vec<u8>; 4],
}

/// An origin and a destination.
pub struct Route {
    /// The keys of spellings of the origin.
    pub from: Vec<u32>,
    /// The keys of spellings of the destination.
    pub to: Vec<u32>,
    /// The distance.
    pub kind: RouteKind,
}

/// The distance that a package travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteKind {
    /// Inside the marketplace's country.
    Home,
    /// To or from a neighbour.
    Near,
    /// From China.
    China,
    /// From or to anywhere else.
    Far,
}

/// A version of the policy, by route.
pub struct Rules {
    /// The names of the programmes that it judges separately, and their keys in the truth.
    pub programmes: Vec<(String, u32)>,
    /// The lane of each route.
    pub lanes: Vec<Option<LanePlan>>,
}

/// The demands of a lane.
pub struct LanePlan {
    /// The required scans.
    pub scans: ScanPlan,
    /// The carriers that count, and the treatment of others; `None`: all count.
    pub integrated: Option<(CarrierBits, Otherwise)>,
    /// The value in cents of the marketplace's currency from which on no exemption takes a parcel.
    pub floor: i64,
    /// Whether the lane exempts every package.
    pub all_exempt: bool,
    /// The recipes for exempt packages.
    pub exempt: Vec<ExemptRecipe>,
    /// The recipes for refused packages.
    pub refuse: Vec<RefuseRecipe>,
    /// The key, in the truth, of the lane's own programme.
    pub programme: Option<u32>,
}

/// The number of required scans.
#[derive(Clone, Copy)]
pub enum ScanPlan {
    /// The same number for every package.
    Always(u8),
    /// One number below a value in cents, another from it on.
    Split { below: i64, then: u8, otherwise: u8 },
}

/// The requirements of an exemption.
pub struct ExemptRecipe {
    /// The carriers to choose from; `None`: any.
    pub carriers: Option<CarrierBits>,
    /// Whether an unknown carrier is also exempt.
    pub unknown_too: bool,
    /// The services to choose from; empty: any.
    pub services: Vec<u32>,
    /// Whether the label must be bought through the marketplace; `None`: it does not matter.
    pub buy_shipping: Option<bool>,
    /// The strict limit in cents, and its currency's key.
    pub below: Option<(i64, u32)>,
}

/// The requirements of a refusal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum RefuseRecipe {
    /// The number is of one of these carriers and does not end in `CN`.
    NotEndingInCn(CarrierBits),
    /// The carrier's name is in Chinese characters.
    Chinese,
}

impl MarketPlan {
    /// Returns the instant at which a day begins.
    pub fn midnight(&self, day: Day) -> i64 {
        self.midnights[(day - self.clock_from) as usize]
    }

    /// Returns the day of an instant within the clock; `near` is at most a day off.
    pub fn day_of(&self, instant: i64, near: Day) -> Day {
        if instant < self.midnight(near) {
            near - 1
        } else if instant >= self.midnight(near + 1) {
            near + 1
        } else {
            near
        }
    }

    /// Returns the rules of a day.
    pub fn rules(&self, day: Day) -> Option<&Rules> {
        self.rules_on[(day - self.clock_from) as usize].map(|index| &self.rules[usize::from(index)])
    }
}

/// Returns the index of a carrier in the pool.
pub fn pool_index(id: &str) -> Option<u8> {
    POOL.iter().position(|known| known.id == id).map(|index| index as u8)
}

const CATEGORIES: [&str; 22] = [
    "Home",
    "Kitchen",
    "Toys",
    "Books",
    "Apparel",
    "Shoes",
    "Beauty",
    "Health",
    "Sports",
    "Garden",
    "Automotive",
    "Electronics",
    "PC",
    "Office",
    "Pet Supplies",
    "Baby",
    "Grocery",
    "Jewelry",
    "Watches",
    "Musical Instruments",
    "Furniture",
    "Tools",
];

impl World {
    /// Makes the world between two days of shipping.
    ///
    /// # Errors
    /// A carrier or condition of the book for which there is no recipe.
    pub fn build(book: &Book, from: Day, to: Day) -> Result<World> {
        let ids: Vec<CarrierId> = POOL
            .iter()
            .map(|known| {
                let missing = || {
                    GenError::Usage(format!("the book has no carrier `{}`, which the generator ships with", known.id))
                };
                book.carriers.by_id(known.id).ok_or_else(missing)
            })
            .collect::<Result<_>>()?;
        let (mut texts, mut truth) = (Texts::default(), TruthTexts::default());
        let mut markets = Vec::new();
        for (_, market) in book.markets() {
            let maker = Maker { book, market, ids: &ids };
            markets.push(maker.plan(&mut texts, &mut truth, from - MARGIN, to + MARGIN)?);
        }
        let fixed = Fixed {
            no_market: truth.marketplace.key("(none)"),
            no_carrier: truth.carrier.key("(none)"),
            no_category: truth.category.key("(none)"),
            other: truth.carrier.key("other"),
            standard: truth.programme.key("standard"),
        };
        Ok(World {
            no_markets: ["Non-Amazon", "Non-Amazon US", "Non-Amazon DE", "non-amazon"]
                .map(|name| texts.marketplace.key(name))
                .to_vec(),
            unknown_carriers: carriers::UNKNOWN.map(|name| texts.carrier.key(name)).to_vec(),
            chinese_carriers: carriers::CHINESE
                .iter()
                .filter_map(|(name, id)| Some((texts.carrier.key(name), pool_index(id)?)))
                .collect(),
            signed: carriers::SIGNED.iter().filter_map(|(id, _)| pool_index(id)).collect(),
            kit: Kit::new(&mut texts),
            carrier_labels: POOL.iter().map(|known| truth.carrier.key(known.id)).collect(),
            categories: CATEGORIES.map(|name| texts.category.key(name)).to_vec(),
            category_labels: CATEGORIES.map(|name| truth.category.key(name)).to_vec(),
            fixed,
            texts,
            truth,
            markets,
        })
    }

    /// Returns the index of a marketplace.
    pub fn market(&self, name: &str) -> Option<u8> {
        self.markets.iter().position(|market| market.name == name).map(|index| index as u8)
    }
}

/// Makes the plan of one marketplace.
struct Maker<'a> {
    book: &'a Book,
    market: &'a Market,
    ids: &'a [CarrierId],
}

impl Maker<'_> {
    fn plan(&self, texts: &mut Texts, truth: &mut TruthTexts, from: Day, to: Day) -> Result<MarketPlan> {
        let market = self.market;
        let named: Vec<&str> = market.aliases.iter().chain(&market.ids).map(String::as_str).collect();
        let mut names: Vec<u32> = named.iter().map(|name| texts.marketplace.key(name)).collect();
        names.push(texts.marketplace.key(&market.title));
        names.push(
            texts.marketplace.key(&market.aliases.first().map_or(market.name.clone(), |name| name.to_lowercase())),
        );
        let routes = routes(&market.name, &mut texts.country);
        let (mut rules, mut versions): (Vec<Rules>, Vec<&str>) = (Vec::new(), Vec::new());
        let mut rules_on = Vec::new();
        for day in from..=to {
            // A version that judges only some programmes does not apply to the packages of this world.
            let Some(version) = market.version(day).filter(|version| version.only.is_none()) else {
                rules_on.push(None);
                continue;
            };
            let id = self.book.rule(version.id);
            let known = versions.iter().position(|known| *known == id);
            if known.is_none() {
                versions.push(id);
                rules.push(self.rules(version, &routes, texts, truth)?);
            }
            rules_on.push(Some(known.unwrap_or(rules.len() - 1) as u8));
        }
        let weighted = |list: &[(&str, u32)]| -> Vec<(u8, u32)> {
            list.iter().filter_map(|(id, weight)| Some((pool_index(id)?, *weight))).collect()
        };
        Ok(MarketPlan {
            name: market.name.clone(),
            label: truth.marketplace.key(&market.name),
            names,
            currency: texts.currency.key(market.currency.code()),
            cents_per_euro: cents_per_euro(market.currency.code()),
            selected_by: market.selected_by,
            clock_from: from,
            midnights: midnights(market.zone.name(), from, to + 1)?,
            rules_on,
            rules,
            spellings: POOL.iter().map(|known| spellings(known, &market.name, &mut texts.carrier)).collect(),
            services: carriers::PARCEL_SERVICES
                .iter()
                .chain(carriers::local_services(&market.name))
                .map(|name| texts.service.key(name))
                .collect(),
            at_home: weighted(carriers::at_home(&market.name)),
            from_china: weighted(carriers::FROM_CHINA),
            by_kind: [RouteKind::Home, RouteKind::Near, RouteKind::China, RouteKind::Far]
                .map(|kind| (0..routes.len() as u8).filter(|index| routes[usize::from(*index)].kind == kind).collect()),
            routes,
        })
    }

    fn rules(&self, version: &Version, routes: &[Route], texts: &mut Texts, truth: &mut TruthTexts) -> Result<Rules> {
        let mut lanes = Vec::new();
        for route in routes {
            let country = |keys: &[u32]| {
                keys.iter()
                    .find(|key| **key != NULL)
                    .map_or(self.market.country, |key| Country::read(texts.country.text(*key)))
            };
            let (from, to) = (country(&route.from), country(&route.to));
            let lane = version.lanes.iter().find(|lane| lane.from.contains(from) && lane.to.contains(to));
            lanes.push(match lane {
                Some(lane) => Some(self.lane(version, lane, texts, truth)?),
                None => None,
            });
        }
        let named = |id| self.book.programme(id).to_owned();
        let programmes: Vec<String> = version.programmes.iter().map(|programme| named(programme.id)).collect();
        let programmes = programmes.into_iter().map(|name| (name.clone(), truth.programme.key(&name))).collect();
        Ok(Rules { programmes, lanes })
    }

    fn lane(&self, version: &Version, lane: &Lane, texts: &mut Texts, truth: &mut TruthTexts) -> Result<LanePlan> {
        let (on_list, integrated) = match lane.carriers.as_ref().unwrap_or(&version.carriers) {
            CarrierRule::Any => (CarrierBits::MAX, None),
            CarrierRule::Integrated(set, otherwise, known) => {
                let bits = self.bits(|id| set.contains(Carrier::Known(id)));
                // A carrier that is missing from a partly known list is judged like any other.
                (bits, (*known == List::Complete).then_some((bits, *otherwise)))
            }
        };
        let mut plan = LanePlan {
            scans: self.scans(lane)?,
            integrated,
            floor: 0,
            all_exempt: false,
            exempt: Vec::new(),
            refuse: Vec::new(),
            programme: lane.programme.map(|id| truth.programme.key(self.book.programme(id))),
        };
        for condition in &lane.exempt {
            self.exempt(condition, on_list, &mut plan, texts)?;
        }
        for condition in &lane.refuse {
            plan.refuse.push(match (&condition.number_not_ending, &condition.carriers, condition.carrier_script_han) {
                (Some(ending), Some(set), false) if ending == "CN" => {
                    RefuseRecipe::NotEndingInCn(self.bits(|id| set.contains(Carrier::Known(id))))
                }
                (None, None, true) => RefuseRecipe::Chinese,
                _ => return self.no_recipe(condition),
            });
        }
        Ok(plan)
    }

    fn exempt(
        &self,
        condition: &Condition,
        on_list: CarrierBits,
        plan: &mut LanePlan,
        texts: &mut Texts,
    ) -> Result<()> {
        // No package of this world depends on its day of shipment: parcels have no service of such an exemption.
        if condition.shipped.is_some() && condition.services.is_some() {
            return Ok(());
        }
        // The first cent beyond the limit.
        let beyond = |limit: &Limit| match limit {
            Limit::Below(money) => cents(money),
            Limit::AtMost(money) => cents(money) + 1,
        };
        let limit = condition.value.as_ref().map(|limit| (beyond(limit), limit.money().currency));
        let below = limit.map(|(cents, currency)| (cents, texts.currency.key(currency.code())));
        let free = condition.carriers.is_none() && condition.buy_shipping.is_none();
        if condition.services.is_none() {
            match (limit, condition.integrated) {
                (None, None) if free => plan.all_exempt = true,
                // A limit in the store's own currency; parcels have values at or above it.
                (Some((cents, currency)), _) if free && currency == self.market.currency => {
                    plan.floor = plan.floor.max(cents)
                }
                _ => return self.no_recipe(condition),
            }
        }
        let mut services = Vec::new();
        for index in (0..32u8).filter(|index| condition.services.is_some_and(|bits| bits >> index & 1 == 1)) {
            let class = self.book.services.name(ServiceClass(index));
            services.extend(carriers::services_of(class).iter().map(|name| texts.service.key(name)));
        }
        if condition.services.is_some() && services.is_empty() {
            return self.no_recipe(condition);
        }
        let listed = condition.carriers.as_ref().map(|set| self.bits(|id| set.contains(Carrier::Known(id))));
        let carriers = match condition.integrated {
            None => listed,
            Some(true) => Some(listed.unwrap_or(CarrierBits::MAX) & on_list),
            Some(false) => Some(listed.unwrap_or(CarrierBits::MAX) & !on_list),
        };
        let unknown_too = condition.carriers.is_none() && condition.integrated != Some(true);
        plan.exempt.push(ExemptRecipe { carriers, unknown_too, services, buy_shipping: condition.buy_shipping, below });
        Ok(())
    }

    fn scans(&self, lane: &Lane) -> Result<ScanPlan> {
        match &lane.scans {
            Scans::Always(count) => Ok(ScanPlan::Always(*count)),
            Scans::Split { below, then, otherwise } if below.currency == self.market.currency => {
                Ok(ScanPlan::Split { below: cents(below), then: *then, otherwise: *otherwise })
            }
            Scans::Split { .. } => Err(GenError::Usage(format!(
                "the generator knows no packages for lane `{}`: its limit is not in the currency of {}",
                self.book.rule(lane.id),
                self.market.name
            ))),
        }
    }

    fn bits(&self, has: impl Fn(CarrierId) -> bool) -> CarrierBits {
        self.ids.iter().enumerate().filter(|(_, id)| has(**id)).fold(0, |bits, (index, _)| bits | 1 << index)
    }

    fn no_recipe<T>(&self, condition: &Condition) -> Result<T> {
        let rule = self.book.rule(condition.id);
        Err(GenError::Usage(format!(
            "the generator has no recipe for the condition `{rule}` of the book; add one to src/gen/world.rs"
        )))
    }
}

fn cents(money: &Money) -> i64 {
    let scale = u32::from(money.amount.scale);
    let cents = if scale <= 2 {
        money.amount.mantissa * 10i128.pow(2 - scale)
    } else {
        money.amount.mantissa / 10i128.pow(scale - 2)
    };
    cents as i64
}

fn spellings(known: &Known, market: &str, labels: &mut Labels) -> Vec<u32> {
    let local = known.local.iter().filter(|(_, markets)| markets.contains(&market)).map(|(name, _)| *name);
    // Local spellings are used most often.
    local.chain(known.spellings.iter().copied()).map(|name| labels.key(name)).collect()
}

/// Returns the date of a day.
pub fn date(day: Day) -> NaiveDate {
    NaiveDate::from_num_days_from_ce_opt(day + 719_163).unwrap_or_default()
}

/// Returns the day of a date.
pub fn day(date: NaiveDate) -> Day {
    date.num_days_from_ce() - 719_163
}
