//! Tests of the generator against the kernel: two independent readings of one contract must agree row by row.

use super::habits::MOST_CARRIERS;
use super::labels::NULL;
use super::layout::{Cut, Slice, cut};
use super::package::{Factory, NEVER, Parcel, Place};
use super::sellers::Sellers;
use super::world::{World, date, day};
use super::*;
use std::collections::{BTreeMap, HashMap, HashSet};
use vtr_kernel::amount::Amount;
use vtr_kernel::calendar::Zone;
use vtr_kernel::carrier::CarrierName;
use vtr_kernel::facts::{CarrierField, CurrencyField, Facts, ScanColumns, Tracking};
use vtr_kernel::instant::Moment;
use vtr_kernel::ladder::{Evidence, Terms, is_implausible, judge, selecting_day};
use vtr_kernel::lane::{CarrierRule, Country, Known, Otherwise};
use vtr_kernel::money::Rates;
use vtr_kernel::policy::Marketplace;
use vtr_kernel::service::Service;
use vtr_kernel::{Reason, number, text};

const FROM: &str = "2024-01-01";
const TO: &str = "2025-12-31";

fn book() -> Book {
    vtr_kernel::load::embedded().expect("the book in the program loads")
}

struct History {
    world: World,
    sellers: Sellers,
    slices: Vec<Slice>,
}

impl History {
    fn new(book: &Book, rows: u64, seed: u64, how: Cut, habits: Habits) -> History {
        let (from, to) = (day(FROM.parse().unwrap()), day(TO.parse().unwrap()));
        let mut world = World::build(book, from, to).unwrap();
        let sellers = Sellers::make(&mut world, seed, 400, habits);
        History { world, sellers, slices: cut(rows, from, to, how) }
    }

    fn factory(&self, dirt: u32) -> Factory<'_> {
        let (world, sellers, slices) = (&self.world, &self.sellers, self.slices.as_slice());
        Factory { world, sellers, slices, seed: 7, sorted: true, dirt, as_text: false, converts: false }
    }
}

fn optional(text: &str) -> Option<&str> {
    text::trim(text)
}

fn moment(time: i64) -> Option<Moment> {
    (time != NEVER).then_some(Moment::Instant(time))
}

/// The folded dictionaries.
struct Folded {
    carriers: Vec<CarrierName>,
    services: Vec<Service>,
}

impl Folded {
    fn of(world: &World, book: &Book) -> Folded {
        let (carriers, services) = (world.texts.carrier.texts().iter(), world.texts.service.texts().iter());
        Folded {
            carriers: carriers.map(|name| book.carriers.resolve(optional(name))).collect(),
            services: services.map(|name| book.services.resolve(optional(name))).collect(),
        }
    }
}

/// Returns the kernel's verdict on a row; `None` if it cannot be judged.
fn judged(parcel: &Parcel, world: &World, folded: &Folded, terms: &Terms, utc: &Zone) -> Option<vtr_kernel::Verdict> {
    let (book, texts) = (terms.book, &world.texts);
    optional(texts.seller.text(parcel.seller))?;
    let marketplace = book.resolve_marketplace(optional(texts.marketplace.text(parcel.marketplace))?)?;
    optional(parcel.order.as_str())?;
    let mut cleaned = String::new();
    number::clean_into(parcel.tracking.as_ref().map_or("", |text| text.as_str()), &mut cleaned);
    let facts = Facts {
        marketplace,
        fulfilled_by: book.words.fulfilled_by(optional(texts.channel.text(parcel.channel))).meaning(),
        state: book.words.order_state(optional(texts.status.text(parcel.status))).meaning(),
        order_id: parcel.order.as_str(),
        carrier: CarrierField::Name(
            folded.carriers.get(parcel.carrier as usize).copied().unwrap_or_else(|| book.carriers.resolve(None)),
        ),
        service: folded.services.get(parcel.service as usize).copied().unwrap_or_default(),
        buy_shipping: parcel.buy_shipping.unwrap_or(false),
        tracking: Tracking::of_cleaned(&cleaned),
        origin: optional(texts.country.text(parcel.from)).map(Country::read),
        destination: optional(texts.country.text(parcel.to)).map(Country::read),
        value: parcel.value.map(|value| Amount { mantissa: i128::from(value), scale: 2 }),
        currency: CurrencyField::read(optional(texts.currency.text(parcel.currency)), &book.words),
        programme: optional(texts.programme.text(parcel.programme)).and_then(|name| book.resolve_programme(name)),
        promised: moment(parcel.promised),
        shipped: moment(parcel.shipped),
        tracking_added: moment(parcel.added),
        first_scan: moment(parcel.first_scan),
        delivery_scan: moment(parcel.delivery),
        scan_columns: ScanColumns::Both,
    };
    let zone = vtr_kernel::ladder::zone(book, marketplace, utc);
    let dates = [facts.promised, facts.shipped];
    if dates.iter().flatten().any(|date| is_implausible(date.day(zone), terms.as_of)) {
        return None;
    }
    let day = selecting_day(book, marketplace, facts.promised, facts.shipped, utc)?;
    Some(judge(&facts, day, terms))
}

/// Returns whether a version in force in the history's span fails carriers that are not on a complete list.
fn fails_unlisted_carriers(book: &Book) -> bool {
    let (first, last) = (day(FROM.parse().unwrap()), day(TO.parse().unwrap()));
    let fails = |rule: &CarrierRule| matches!(rule, CarrierRule::Integrated(_, Otherwise::NotAccepted, known) if *known == Known::Complete);
    book.markets().flat_map(|(_, market)| &market.versions).any(|version| {
        let in_span = version.from.is_none_or(|from| from <= last) && version.until.is_none_or(|until| first < until);
        let mut rules = version.lanes.iter().map(|lane| lane.carriers.as_ref().unwrap_or(&version.carriers));
        in_span && rules.any(fails)
    })
}

#[test]
fn the_kernel_agrees_with_the_truth_row_by_row() {
    agrees(Habits::Mixed);
}

#[test]
fn the_kernel_agrees_with_the_truth_of_sellers_with_habits() {
    agrees(Habits::Kept);
}

fn agrees(habits: Habits) {
    let (book, rates, utc) = (book(), Rates::default(), Zone::utc());
    let history = History::new(&book, 240_000, 7, Cut::Months, habits);
    let factory = history.factory(5);
    let as_of = day(TO.parse().unwrap()) + SETTLED_DAYS;
    let terms = Terms { book: &book, rates: &rates, as_of, evidence: Evidence::Scans };
    let (mut wrong, mut counts) = (BTreeMap::<String, (u32, String)>::new(), BTreeMap::<Reason, u32>::new());
    let mut markets = BTreeMap::<&str, u32>::new();
    let folded = Folded::of(&history.world, &book);
    for (file, slice) in history.slices.iter().enumerate() {
        for row in 0..slice.rows() {
            let parcel = factory.row(file, row);
            let end = (i64::from(as_of) + 1) * 86_400_000_000;
            for time in [parcel.updated, parcel.first_scan, parcel.delivery, parcel.added] {
                assert!(time == NEVER || time < end, "nothing happens after as_of");
            }
            let verdict = judged(&parcel, &history.world, &folded, &terms, &utc);
            let found = match (parcel.truth.place, verdict) {
                (Place::Superseded, Some(_)) => continue, // judged by its winner; the next test compares those
                (Place::Rejected, None) => continue,
                (Place::Judged(reason), Some(verdict)) => {
                    *counts.entry(reason).or_default() += 1;
                    let truth = &parcel.truth;
                    let texts = &history.world.truth;
                    let market = texts.marketplace.text(truth.market);
                    *markets.entry(market).or_default() += 1;
                    let want = (
                        reason.name(),
                        date(truth.day),
                        market,
                        texts.carrier.text(truth.carrier),
                        texts.programme.text(truth.programme),
                    );
                    let resolved = book.resolve_marketplace(history.world.texts.marketplace.text(parcel.marketplace));
                    let got = (
                        verdict.reason.name(),
                        date(verdict.day),
                        book.marketplace_label(resolved.unwrap_or(Marketplace::None)),
                        book.carriers.label(verdict.carrier),
                        book.programme(verdict.programme),
                    );
                    if want == got {
                        continue;
                    }
                    format!(
                        "{} in truth, {} by {}, carrier {} / {}",
                        want.0,
                        got.0,
                        book.rule(verdict.rule),
                        want.3,
                        got.3
                    )
                }
                (place, verdict) => {
                    format!("{place:?} in truth, judged {}", verdict.map_or("not at all", |v| v.reason.name()))
                }
            };
            let entry = wrong.entry(found).or_default();
            entry.0 += 1;
            entry.1 = show(&parcel, &history.world);
        }
    }
    let wrong: Vec<String> =
        wrong.iter().map(|(what, (times, example))| format!("{times} x {what}\n      {example}")).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // Every reason that a rule in force can give must occur often enough to be worth counting, and no other reason.
    for entry in vtr_kernel::reason::TABLE.iter().filter(|entry| !["well_formed", "unverified"].contains(&entry.name)) {
        let times = counts.get(&entry.reason).copied().unwrap_or(0);
        let can_speak = entry.reason != Reason::CarrierNotAccepted || fails_unlisted_carriers(&book);
        assert!(if can_speak { times >= 20 } else { times == 0 }, "{} occurs {times} times: {counts:?}", entry.name);
    }
    assert!(markets.len() >= 16, "{markets:?}");
}

fn show(parcel: &Parcel, world: &World) -> String {
    let texts = &world.texts;
    format!(
        "{} {} carrier {:?} service {:?} number {:?} {}->{} value {:?} {} buy {:?} day {}",
        texts.marketplace.text(parcel.marketplace),
        parcel.order.as_str(),
        texts.carrier.text(parcel.carrier),
        texts.service.text(parcel.service),
        parcel.tracking.as_ref().map(|text| text.as_str()),
        texts.country.text(parcel.from),
        texts.country.text(parcel.to),
        parcel.value,
        texts.currency.text(parcel.currency),
        parcel.buy_shipping,
        date(parcel.truth.day)
    )
}

#[test]
fn of_each_package_exactly_the_winner_is_judged() {
    let book = book();
    for (rows, how) in [(30_000u64, Cut::Months), (5_000, Cut::Files(9))] {
        let history = History::new(&book, rows, 7, how, Habits::Mixed);
        let factory = history.factory(20);
        // For each identity as the contract defines it, the best row so far and whether the truth says that it
        // wins.
        let mut best = HashMap::<(u32, u32, String, String), ((i64, usize, u64), bool)>::new();
        let (mut superseded, mut read) = (0u64, 0u64);
        for (file, slice) in history.slices.iter().enumerate() {
            for row in 0..slice.rows() {
                let parcel = factory.row(file, row);
                read += 1;
                if parcel.truth.place == Place::Rejected {
                    continue;
                }
                let mut cleaned = String::new();
                number::clean_into(parcel.tracking.as_ref().map_or("", |text| text.as_str()), &mut cleaned);
                let package = if parcel.package > 0 { parcel.package.to_string() } else { cleaned };
                let key = (parcel.seller, parcel.truth.market, parcel.order.as_str().to_owned(), package);
                let (rank, wins) = ((parcel.updated, file, row), parcel.truth.place != Place::Superseded);
                superseded += u64::from(!wins);
                let entry = best.entry(key).or_insert((rank, wins));
                if rank > entry.0 {
                    assert!(!entry.1, "a row that loses was to win: file {file} row {row}");
                    *entry = (rank, wins);
                } else if rank < entry.0 {
                    assert!(!wins, "a row that loses was to win: file {file} row {row}");
                }
            }
        }
        assert!(best.values().all(|(_, wins)| *wins), "a row that wins was to lose");
        assert_eq!(read, rows);
        assert!(superseded * 100 > rows * 2 && superseded * 100 < rows * 6, "{superseded} of {rows}");
    }
}

#[test]
fn a_seller_with_habits_spells_each_label_in_one_way_and_has_few_carriers() {
    let book = book();
    let history = History::new(&book, 60_000, 7, Cut::Months, Habits::Kept);
    let factory = history.factory(0);
    let (world, none) = (&history.world, history.world.fixed);
    let mut spelled = HashMap::<(u32, &str, u32), HashSet<u32>>::new();
    let mut carriers = HashMap::<u32, HashSet<u32>>::new();
    for (file, slice) in history.slices.iter().enumerate() {
        for parcel in (0..slice.rows()).map(|row| factory.row(file, row)) {
            let country = |key: u32| match world.texts.country.text(key).to_uppercase().as_str() {
                "UK" => "GB".to_owned(),
                other => other.to_owned(),
            };
            let code = |key: u32| {
                if key == NULL { NULL } else { country(key).bytes().fold(0, |code, byte| code << 8 | u32::from(byte)) }
            };
            let mut labels = vec![
                ("marketplace", parcel.truth.market, parcel.marketplace),
                ("carrier", parcel.truth.carrier, parcel.carrier),
                ("channel", u32::from(world.kit.own_channels.contains(&parcel.channel)), parcel.channel),
                ("country", code(parcel.from), parcel.from),
                ("country", code(parcel.to), parcel.to),
                ("programme", parcel.truth.market, parcel.programme),
            ];
            // A missing carrier is null or one text; packages of no marketplace come from several.
            labels.retain(|(column, of, key)| *key != NULL && (*column, *of) != ("programme", none.no_market));
            for (column, of, key) in labels {
                spelled.entry((parcel.seller, column, of)).or_default().insert(key);
            }
            if parcel.truth.carrier != none.no_carrier {
                carriers.entry(parcel.seller).or_default().insert(parcel.truth.carrier);
            }
        }
    }
    let several = |(_, keys): &(_, &HashSet<u32>)| keys.len() > 1;
    assert_eq!(spelled.iter().find(several), None);
    let most = carriers.values().map(HashSet::len).max();
    assert_eq!(most, Some(MOST_CARRIERS));
    let single = carriers.values().filter(|carriers| carriers.len() == 1).count();
    assert!(single * 3 > carriers.len(), "{single} of {} sellers use one carrier", carriers.len());
}

#[test]
fn the_bytes_do_not_depend_on_threads() {
    let book = book();
    let folder = tempfile::tempdir().unwrap();
    let digest = |threads: usize, format: Format| {
        let options = GenOptions {
            rows: 20_000,
            seed: 3,
            out: folder.path().join(format!("{threads}-{format:?}")),
            format,
            files: Some(5),
            from: FROM.parse().unwrap(),
            to: TO.parse().unwrap(),
            sellers: None,
            habits: Habits::Mixed,
            truth: true,
            sorted: false,
            dirt: 5,
            amazon: None,
            threads,
            raw: false,
            go_on: || true,
        };
        let made = generate(&options, &book).unwrap();
        assert_eq!((made.rows, made.files.len()), (20_000, 5));
        let truth = (0..5).map(|file| options.out.join(format!("truth/part-{file:04}.parquet")));
        made.files.iter().cloned().chain(truth).map(|path| std::fs::read(path).unwrap()).collect::<Vec<_>>()
    };
    for format in [Format::Parquet, Format::Csv] {
        assert!(digest(1, format) == digest(3, format), "{format:?}");
    }
}
