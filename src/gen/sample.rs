//! The sample: a small history with a story, the content of `sample_data/`.
//!
//! Fourteen invented sellers over the winter in which the European rules changed, as Parquet by
//! month; ship confirmations of two of them as tab-separated text without scans; and a file of
//! invented exchange rates. It fails like [`generate`](super::generate).

use super::carriers::POOL;
use super::columns::Dictionaries;
use super::dice::{Lottery, mix};
use super::habits::Habits;
use super::layout::{self, Cut};
use super::package::{Factory, Parcel, Place};
use super::raw::{self, Habit, Truths};
use super::sellers::{Care, MOST_MARKETS, Offer, Seller, Sellers};
use super::world::{Day, World, date, day, pool_index};
use super::write::{self, Target};
use super::{Format, Generated, SETTLED_DAYS};
use crate::error::{GenError, Result};
use chrono::{Datelike, NaiveDate, Weekday};
use std::path::Path;
use vtr_kernel::{Book, Reason};

const ROWS: u64 = 9_000;
const SEED: u64 = 20_250_115;

/// One seller of the sample.
struct Figure {
    id: &'static str,
    share: u64,
    /// The marketplaces, and the carriers used there.
    sells: &'static [(&'static str, [&'static str; 3])],
    from_china: bool,
    categories: [u8; 4],
    care: Care,
    weak_spot: Option<(u8, Care)>,
}

const HOME: u8 = 0;
const TOYS: u8 = 2;
const BOOKS: u8 = 3;
const APPAREL: u8 = 4;
const SPORTS: u8 = 8;
const ELECTRONICS: u8 = 11;
const OFFICE: u8 = 13;

const NOBODY: Figure = Figure {
    id: "",
    share: 5,
    sells: &[],
    from_china: false,
    categories: [HOME, HOME, TOYS, OFFICE],
    care: Care::Good,
    weak_spot: None,
};

const FIGURES: [Figure; 14] = [
    Figure {
        id: "A1BERGHOFHAUS0",
        share: 16,
        sells: &[("DE", ["dhl_paket", "deutsche_post", "dpd"]), ("FR", ["colissimo", "mondial_relay", "dpd"])],
        ..NOBODY
    },
    Figure {
        id: "A1BRIGHTONTOYS",
        share: 14,
        sells: &[("GB", ["royal_mail", "inpost", "evri"]), ("DE", ["hermes_de", "dpd", "gls"])],
        categories: [TOYS, BOOKS, TOYS, SPORTS],
        ..NOBODY
    },
    // In trouble: its electronics are never scanned.
    Figure {
        id: "A1CABLECORNER0",
        share: 14,
        sells: &[("GB", ["evri", "royal_mail", "yodel"]), ("DE", ["hermes_de", "dhl_paket", "gls"])],
        categories: [ELECTRONICS, OFFICE, HOME, ELECTRONICS],
        weak_spot: Some((ELECTRONICS, Care::Unscanned)),
        ..NOBODY
    },
    // In trouble: it picks the wrong carrier, or types filler.
    Figure {
        id: "A1QUICKPICKDE0",
        share: 12,
        sells: &[("DE", ["dpd", "dhl_express", "gls"]), ("FR", ["chronopost", "colissimo", "dpd"])],
        categories: [SPORTS, APPAREL, SPORTS, HOME],
        care: Care::Careless,
        ..NOBODY
    },
    Figure {
        id: "A1MAISONPARIS0",
        sells: &[("FR", ["colissimo", "la_poste", "chronopost"]), ("BE", ["bpost", "dpd", "gls"])],
        ..NOBODY
    },
    Figure {
        id: "A1CASAROMANA00",
        sells: &[("IT", ["brt", "poste_italiane", "gls"]), ("FR", ["dpd", "ups", "gls"])],
        ..NOBODY
    },
    Figure {
        id: "A1SOLYMARSHOP0",
        sells: &[("ES", ["correos", "seur", "correos_express"]), ("IT", ["gls", "brt", "sda"])],
        ..NOBODY
    },
    Figure {
        id: "A1EVERGREENUSA",
        share: 10,
        sells: &[("US", ["usps", "ups", "fedex"]), ("CA", ["canada_post", "ups", "purolator"])],
        care: Care::Great,
        ..NOBODY
    },
    Figure {
        id: "A1HOBBYTOKYO00",
        sells: &[("JP", ["yamato", "sagawa", "japan_post"])],
        categories: [TOYS, TOYS, BOOKS, HOME],
        ..NOBODY
    },
    Figure {
        id: "A1SHENZHENGIFT",
        share: 9,
        sells: &[
            ("GB", ["yodel", "evri", "ups"]),
            ("DE", ["dpd", "gls", "ups"]),
            ("US", ["usps", "ups", "fedex"]),
            ("JP", ["yamato", "sagawa", "japan_post"]),
            ("CA", ["canada_post", "ups", "purolator"]),
        ],
        from_china: true,
        care: Care::Fair,
        ..NOBODY
    },
    Figure {
        id: "A1DELHICRAFTS0",
        sells: &[("IN", ["delhivery", "bluedart", "india_post"]), ("AE", ["aramex", "imile", "emirates_post"])],
        ..NOBODY
    },
    Figure {
        id: "A1OUTBACKGEAR0",
        share: 4,
        sells: &[("AU", ["australia_post", "sendle", "aramex"])],
        categories: [SPORTS, SPORTS, APPAREL, HOME],
        ..NOBODY
    },
    Figure {
        id: "A1POLDERBIKES0",
        share: 4,
        sells: &[("NL", ["postnl", "dhl_parcel", "dpd"]), ("BE", ["bpost", "postnl", "dpd"])],
        ..NOBODY
    },
    Figure {
        id: "A1KSIAZKIWAW00",
        share: 4,
        sells: &[("PL", ["inpost", "dpd", "poczta_polska"]), ("SE", ["postnord", "ups", "gls"])],
        categories: [BOOKS, BOOKS, OFFICE, TOYS],
        ..NOBODY
    },
];

/// The ship confirmations: seller, marketplace, month.
const CONFIRMATIONS: [(&str, &str, &str); 4] = [
    ("A1BRIGHTONTOYS", "GB", "2025-02"),
    ("A1BRIGHTONTOYS", "GB", "2025-03"),
    ("A1QUICKPICKDE0", "DE", "2025-02"),
    ("A1QUICKPICKDE0", "DE", "2025-03"),
];

/// Sellers whose packages of two months are also written as raw files, and how they keep them.
const RAW: [(&str, Habit); 3] =
    [("A1BRIGHTONTOYS", Habit::AfterShip), ("A1HOBBYTOKYO00", Habit::Japanese), ("A1EVERGREENUSA", Habit::OrdersApi)];

/// Writes the sample into a folder.
///
/// # Errors
/// As [`generate`](super::generate).
pub fn sample(out: &Path, book: &Book) -> Result<Generated> {
    let (from, to) = span();
    let mut world = World::build(book, from, to)?;
    let sellers = sellers(&mut world);
    let slices = layout::cut(ROWS, from, to, Cut::Months);
    let factory = Factory {
        world: &world,
        sellers: &sellers,
        slices: &slices,
        seed: SEED,
        sorted: true,
        dirt: 4,
        as_text: false,
        converts: true,
    };
    let (shipments, confirmations) = (out.join("shipments"), out.join("ship_confirmations"));
    for folder in [&shipments, &confirmations] {
        std::fs::create_dir_all(folder)
            .map_err(|error| GenError::failed(format!("cannot make the folder {}", folder.display()), error))?;
    }
    let dictionaries = Dictionaries::of(&world);
    let mut files = Vec::new();
    for (index, slice) in slices.iter().enumerate() {
        let data = shipments.join(format!("{}.parquet", slice.name));
        write::file(
            &factory,
            &dictionaries,
            index,
            Format::Parquet,
            &Target { data: &data, shown: "", truth: None, go_on: || true },
        )?;
        files.push(data);
    }
    for (seller, market, month) in CONFIRMATIONS {
        let path = confirmations.join(format!("{seller}_{market}_{month}.txt"));
        save(&path, &confirmation(&factory, seller, market, month))?;
        files.push(path);
    }
    let habit = |seller: &str, _: &str| RAW.iter().find(|(id, _)| *id == seller).map(|(_, habit)| *habit);
    let months = |month: &str| ["2025-02", "2025-03"].contains(&month);
    files.extend(raw::write(&factory, book, &out.join("raw"), &habit, &months, Truths::Left)?.1);
    let rates = out.join("eurofxref-hist.csv");
    save(&rates, &invented_rates(from - 7, to + SETTLED_DAYS))?;
    files.push(rates);
    Ok(Generated { rows: ROWS, files, as_of: date(to + SETTLED_DAYS), pulled_on: None })
}

/// Returns the first and the last day of shipping.
fn span() -> (Day, Day) {
    let known = |year, month, last| NaiveDate::from_ymd_opt(year, month, last).unwrap_or_default();
    (day(known(2024, 10, 1)), day(known(2025, 4, 30)))
}

fn save(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).map_err(|error| GenError::failed(format!("cannot write {}", path.display()), error))
}

fn sellers(world: &mut World) -> Sellers {
    let all = FIGURES.iter().enumerate().map(|(rank, figure)| {
        let mut offers = [Offer::default(); MOST_MARKETS];
        for (place, (market, carriers)) in figure.sells.iter().enumerate() {
            let carriers = carriers.map(|id| pool_index(id).unwrap_or(0));
            offers[place] =
                Offer { market: world.market(market).unwrap_or(0), weight: if place == 0 { 60 } else { 30 }, carriers };
        }
        Seller {
            key: world.texts.seller.key(figure.id),
            offers,
            offer_count: figure.sells.len() as u8,
            from_china: figure.from_china,
            categories: figure.categories,
            care: figure.care,
            weak_spot: figure.weak_spot,
            names_packages: rank % 3 == 0,
            habit: rank as u32 * 5,
            custom: None,
        }
    });
    let shares: Vec<u64> = FIGURES.iter().map(|figure| figure.share).collect();
    Sellers { all: all.collect(), lottery: Lottery::new(&shares), habits: Habits::Mixed }
}

/// Returns a month of ship confirmations under the headings of the feed, which has no scans and no value.
fn confirmation(factory: &Factory, seller: &str, market: &str, month: &str) -> String {
    let mut text = String::from(
        "order-id\torder-item-id\tquantity\tship-date\tcarrier-code\tcarrier-name\ttracking-number\tship-method\n",
    );
    let texts = &factory.world.texts;
    let asked = |parcel: &Parcel| {
        let elsewhere = [Reason::NotOnMarketplace, Reason::FulfilledByMarketplace, Reason::Canceled];
        let counts = matches!(parcel.truth.place, Place::Judged(reason) if !elsewhere.contains(&reason));
        counts
            && texts.seller.text(parcel.seller) == seller
            && factory.world.truth.marketplace.text(parcel.truth.market) == market
            && parcel.shipped != super::package::NEVER
    };
    let Some(index) = factory.slices.iter().position(|slice| slice.name == month) else { return text };
    for row in 0..factory.slices[index].rows() {
        let parcel = factory.row(index, row);
        if !asked(&parcel) {
            continue;
        }
        let mut shipped = Vec::new();
        write::time(parcel.shipped, &mut shipped);
        let carrier = texts.carrier.text(parcel.carrier);
        let known = POOL.iter().any(|known| known.spellings.first() == Some(&carrier));
        let item = mix(SEED ^ mix(row)) % 100_000_000_000_000;
        text += &format!(
            "{}\t{item:014}\t1\t{}\t{}\t{carrier}\t{}\t{}\n",
            parcel.order.as_str(),
            String::from_utf8_lossy(&shipped),
            if known { carrier } else { "Other" },
            parcel.tracking.as_ref().map_or("", |number| number.as_str()),
            texts.service.text(parcel.service),
        );
    }
    text
}

/// Returns rates in the layout of the European Central Bank's history, the newest day first; the figures are
/// invented and only resemble the real ones.
fn invented_rates(from: Day, to: Day) -> String {
    const RATES: [(&str, u64, usize); 12] = [
        ("USD", 10_700, 4),
        ("JPY", 16_000, 2),
        ("GBP", 84_000, 5),
        ("PLN", 42_500, 4),
        ("SEK", 114_000, 4),
        ("CAD", 15_000, 4),
        ("AUD", 16_500, 4),
        ("INR", 910_000, 4),
        ("BRL", 62_000, 4),
        ("MXN", 216_000, 4),
        ("SGD", 14_300, 4),
        ("TRY", 378_000, 4),
    ];
    let mut text = String::from("Date");
    RATES.iter().for_each(|(code, ..)| text += &format!(",{code}"));
    for day in (from..=to).rev().filter(|day| !matches!(date(*day).weekday(), Weekday::Sat | Weekday::Sun)) {
        text += &format!("\n{}", date(day));
        for (place, (_, middle, digits)) in RATES.iter().enumerate() {
            // Half a per cent up and down, in steps of a week and of a day.
            let wobble = mix((day / 7) as u64 * 31 + place as u64) % 70 + mix(day as u64 * 97 + place as u64) % 30;
            let rate = middle * (9_950 + wobble) / 10_000;
            let unit = 10u64.pow(*digits as u32);
            text += &format!(",{}.{:0digits$}", rate / unit, rate % unit);
        }
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use vtr_kernel::Class;

    #[test]
    fn two_sellers_are_in_trouble_and_january_changes_what_counts() {
        let book = vtr_kernel::load::embedded().expect("the book in the program loads");
        let (from, to) = span();
        let mut world = World::build(&book, from, to).unwrap();
        let sellers = sellers(&mut world);
        let slices = layout::cut(ROWS, from, to, Cut::Months);
        let factory = Factory {
            world: &world,
            sellers: &sellers,
            slices: &slices,
            seed: SEED,
            sorted: true,
            dirt: 4,
            as_text: false,
            converts: true,
        };
        let change = day("2025-01-15".parse().unwrap());
        let (mut rates, mut counts) = (BTreeMap::<_, (u32, u32)>::new(), BTreeMap::<_, u32>::new());
        for (file, slice) in slices.iter().enumerate() {
            for row in 0..slice.rows() {
                let parcel = factory.row(file, row);
                let Place::Judged(reason) = parcel.truth.place else { continue };
                let texts = &world.texts;
                let category = texts.category.text(parcel.category);
                if matches!(reason.class(), Class::Valid | Class::Defect) {
                    let rate = rates.entry((texts.seller.text(parcel.seller), category)).or_default();
                    *(if reason.class() == Class::Valid { &mut rate.0 } else { &mut rate.1 }) += 1;
                }
                let market = world.truth.marketplace.text(parcel.truth.market);
                *counts.entry((market, parcel.truth.day >= change, reason.name())).or_default() += 1;
            }
        }
        let rate = |seller, category| {
            let (valid, defects) = rates[&(seller, category)];
            f64::from(valid) / f64::from(valid + defects)
        };
        assert!(rate("A1CABLECORNER0", "Electronics") < 0.85 && rate("A1CABLECORNER0", "Office") > 0.93, "{rates:?}");
        assert!(rate("A1QUICKPICKDE0", "Sports") < 0.90 && rate("A1BERGHOFHAUS0", "Home") > 0.95, "{rates:?}");
        let count = |key| counts.get(&key).copied().unwrap_or(0);
        for market in ["DE", "GB"] {
            for reason in ["carrier_not_measured", "lane_not_measured"] {
                let (before, after) = (count((market, false, reason)), count((market, true, reason)));
                assert!(before > 40 && after * 2 < before, "{market} {reason}: {before} before, {after} after");
            }
        }
    }
}
