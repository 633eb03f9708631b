//! Tests of each rung on a small invented book, and tests that judging ends on every input.

use super::*;
use crate::amount::Amount;
use crate::calendar::day_from_date;
use crate::carrier::CarrierName;
use crate::lane::Country;
use crate::load::{self, fixture};
use crate::money::Currency;
use crate::number::clean_into;
use crate::reason::Reason::*;

const NEW: &str = "2025-02-03";
const OLD: &str = "2023-02-03";
const GOOD_S10: &str = "RD123456785GB";

fn book() -> Book {
    load::load(&fixture::files()).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn day(text: &str) -> Day {
    day_from_date(text.parse().unwrap())
}

/// Returns a scan on a day of 2025.
fn on(text: &str) -> Option<Moment> {
    Some(Moment::Date(day(text)))
}

/// Returns a domestic package of Red Post with a right number and no scan.
fn package(book: &Book) -> Facts<'static> {
    Facts {
        marketplace: book.resolve_marketplace("GB").unwrap(),
        fulfilled_by: FulfilledBy::Seller,
        state: OrderState::Live,
        order_id: "202-1234567-7654321",
        carrier: CarrierField::Name(book.carriers.resolve(Some("Red"))),
        service: book.services.resolve(None),
        buy_shipping: false,
        tracking: Tracking::Number(GOOD_S10),
        origin: None,
        destination: None,
        value: None,
        currency: CurrencyField::Marketplaces,
        programme: None,
        promised: None,
        shipped: None,
        tracking_added: None,
        first_scan: None,
        delivery_scan: None,
        scan_columns: ScanColumns::Both,
    }
}

fn judged(book: &Book, facts: &Facts, on: &str, evidence: Evidence) -> (Reason, String) {
    let terms = Terms { book, rates: &Rates::default(), as_of: day("2025-06-01"), evidence };
    let verdict = judge(facts, day(on), &terms);
    (verdict.reason, book.rule(verdict.rule).to_owned())
}

/// Asserts reason and rule of the package with some facts changed, on scans.
fn assert_says(on: &str, reason: Reason, rule: &str, change: impl FnOnce(&Book, &mut Facts)) {
    let book = book();
    let mut facts = package(&book);
    change(&book, &mut facts);
    assert_eq!(judged(&book, &facts, on, Evidence::Scans), (reason, rule.to_owned()));
}

fn carrier(book: &Book, name: &str) -> CarrierField {
    CarrierField::Name(book.carriers.resolve(Some(name)))
}

#[test]
fn rungs_1_to_6_ask_whether_it_is_measured() {
    assert_says(NEW, NotOnMarketplace, "no_marketplace", |_, facts| facts.marketplace = Marketplace::None);
    assert_says(NEW, FulfilledByMarketplace, "fulfilled_by_marketplace", |_, facts| {
        facts.fulfilled_by = FulfilledBy::Marketplace;
        facts.state = OrderState::Canceled;
    });
    assert_says(NEW, Canceled, "canceled", |_, facts| facts.state = OrderState::Canceled);
    for gap in ["2020-12-31", "2025-01-01", "2025-01-14"] {
        assert_says(gap, NoPolicy, "GB", |_, _| {});
    }
    assert_says(NEW, NoPolicy, "DE", |book, facts| facts.marketplace = book.resolve_marketplace("DE").unwrap());
    assert_says(NEW, LaneNotMeasured, "gb-new", |_, facts| facts.destination = Some(Country::read("IT")));
    assert_says(OLD, LaneNotMeasured, "gb-old", |_, facts| facts.origin = Some(Country::read("FR")));
    let stamps = |book: &Book, facts: &mut Facts| {
        facts.service = book.services.resolve(Some("1st class letter"));
        facts.buy_shipping = true;
        facts.tracking = Tracking::Missing;
    };
    assert_says(NEW, Exempt, "gb-stamps", stamps);
    assert_says(NEW, TrackingMissing, "gb-domestic", |book, facts| {
        stamps(book, facts);
        facts.buy_shipping = false;
    });
    assert_says(NEW, TrackingMissing, "gb-domestic", |book, facts| {
        stamps(book, facts);
        facts.carrier = carrier(book, "White");
    });
}

#[test]
fn values_are_strict_limits_and_unknown_ones_do_not_match() {
    let freight = |value: Option<&str>, currency: CurrencyField| {
        let book = book();
        let mut facts = package(&book);
        facts.carrier = carrier(&book, "Blue");
        facts.value = value.map(|value| Amount::read(value, b'.').unwrap());
        facts.currency = currency;
        let terms =
            Terms { book: &book, rates: &Rates::default(), as_of: day("2025-06-01"), evidence: Evidence::Scans };
        let verdict = judge(&facts, day(OLD), &terms);
        (verdict.reason, verdict.unpriced)
    };
    assert_eq!(freight(Some("2.99"), CurrencyField::Marketplaces), (Exempt, false));
    assert_eq!(freight(Some("3.00"), CurrencyField::Marketplaces), (CarrierNotMeasured, false));
    assert_eq!(freight(None, CurrencyField::Marketplaces), (CarrierNotMeasured, true));
    assert_eq!(freight(Some("1"), CurrencyField::Unknown), (CarrierNotMeasured, true));
    assert_eq!(freight(Some("1"), CurrencyField::Code(Currency::EUR)), (CarrierNotMeasured, true));
}

#[test]
fn rungs_7_to_12_ask_for_a_number_and_an_accepted_carrier() {
    assert_says(NEW, TrackingMissing, "gb-domestic", |_, facts| facts.tracking = Tracking::Missing);
    for (number, rule) in [("NONE", "words"), ("0000000000", "repeated"), ("20212345677654321", "order_id")] {
        assert_says(NEW, TrackingPlaceholder, rule, |_, facts| facts.tracking = Tracking::Number(number));
    }
    for name in [None, Some("--")] {
        assert_says(NEW, CarrierMissing, "gb-domestic", |book, facts| {
            facts.carrier = CarrierField::Name(book.carriers.resolve(name));
        });
    }
    for name in ["Blue", "Somebody"] {
        assert_says(OLD, CarrierNotMeasured, "gb-old", |book, facts| facts.carrier = carrier(book, name));
    }
    let import = |book: &Book, facts: &mut Facts, name: &str| {
        facts.origin = Some(Country::read("DE"));
        facts.carrier = carrier(book, name);
    };
    for name in ["White", "Green", "Somebody"] {
        assert_says(NEW, CarrierNotAccepted, "gb-new", |book, facts| import(book, facts, name));
    }
    assert_says(NEW, NumberRefused, "gb-red-ending", |book, facts| {
        import(book, facts, "Red");
        facts.tracking = Tracking::Number("7123456782");
    });
    assert_says(NEW, NumberRefused, "gb-han", |book, facts| facts.carrier = carrier(book, "White 红"));
}

#[test]
fn rung_13_names_whose_number_it_certainly_is() {
    let mismatch = |name: &str, number: &'static str| {
        let book = book();
        let mut facts = package(&book);
        facts.carrier = carrier(&book, name);
        facts.tracking = Tracking::Number(number);
        facts.first_scan = on("2025-02-01");
        let terms =
            Terms { book: &book, rates: &Rates::default(), as_of: day("2025-06-01"), evidence: Evidence::Scans };
        let verdict = judge(&facts, day(NEW), &terms);
        let owner = verdict.likely_carrier.map(|id| book.carriers.entry(id).id.clone());
        (verdict.reason, book.rule(verdict.rule).to_owned(), owner)
    };
    let says = |reason, rule: &str, owner: Option<&str>| (reason, rule.to_owned(), owner.map(str::to_owned));
    assert_eq!(mismatch("Blue", GOOD_S10), says(CarrierMismatch, "red_s10", Some("red")));
    assert_eq!(mismatch("Green", "WHT123456782"), says(CarrierMismatch, "white_12", Some("white")));
    let scanned = says(Scanned, "gb-domestic", None);
    assert_eq!(mismatch("Blue", "RD123456784GB"), scanned, "a signature needs its check digit");
    assert_eq!(mismatch("Green", GOOD_S10), scanned, "of the family");
    assert_eq!(mismatch("White", GOOD_S10), scanned, "of a partner");
    assert_eq!(mismatch("Red", "WHT123456782"), scanned, "partnership holds both ways");
    assert_eq!(mismatch("Somebody", GOOD_S10), scanned, "an unknown carrier may hand over to anyone");
}

#[test]
fn rungs_14_15_18_19_count_scans() {
    let late = |added: &'static str, delivered: &'static str| {
        move |_: &Book, facts: &mut Facts| {
            facts.tracking_added = on(added);
            facts.delivery_scan = on(delivered);
        }
    };
    assert_says(NEW, AddedAfterDelivery, "gb-domestic", late("2025-02-05", "2025-02-04"));
    assert_says(NEW, Scanned, "gb-domestic", late("2025-02-04", "2025-02-04"));
    assert_says(NEW, Scanned, "gb-domestic", late("2025-06-02", "2025-02-04"));
    assert_says(NEW, ScanMissing, "gb-domestic", |_, _| {});
    assert_says(NEW, ScanMissing, "gb-domestic", |_, facts| facts.first_scan = on("2025-06-02"));
    let abroad = |first: bool, delivery: bool, columns: ScanColumns| {
        move |_: &Book, facts: &mut Facts| {
            facts.destination = Some(Country::read("FR"));
            facts.first_scan = on("2025-02-01").filter(|_| first);
            facts.delivery_scan = on("2025-02-04").filter(|_| delivery);
            facts.scan_columns = columns;
        }
    };
    assert_says(NEW, Scanned, "gb-out", abroad(true, true, ScanColumns::Both));
    assert_says(NEW, DeliveryScanMissing, "gb-out", abroad(true, false, ScanColumns::Both));
    assert_says(NEW, DeliveryScanMissing, "gb-out", abroad(false, true, ScanColumns::Both));
    assert_says(NEW, ScanMissing, "gb-out", abroad(false, false, ScanColumns::Both));
    assert_says(NEW, Scanned, "gb-out", abroad(true, false, ScanColumns::FirstOnly));
    assert_says(NEW, Scanned, "gb-out", abroad(false, true, ScanColumns::DeliveryOnly));
    let import = |value: Option<&'static str>| {
        move |_: &Book, facts: &mut Facts| {
            facts.origin = Some(Country::read("DE"));
            facts.value = value.map(|value| Amount::read(value, b'.').unwrap());
            facts.first_scan = on("2025-02-01");
        }
    };
    assert_says(NEW, Scanned, "gb-in", import(Some("4.99")));
    assert_says(NEW, DeliveryScanMissing, "gb-in", import(Some("5")));
    assert_says(NEW, DeliveryScanMissing, "gb-in", import(None));
}

#[test]
fn rungs_16_and_17_blame_the_number_only_where_it_is_known_to_be_wrong() {
    for (name, number, reason, rule) in [
        ("Red", "RD123456784GB", CheckDigitFailed, "red_s10"),
        ("White", "WHT123456781", CheckDigitFailed, "white_12"),
        ("Red", "AB12345", NumberMalformed, "red"),
        ("White", "WHT12", NumberMalformed, "white"),
        ("Red", "7123456783", ScanMissing, "gb-domestic"),
        ("White", "QQ12345", ScanMissing, "gb-domestic"),
        ("Green", "QQ12345", ScanMissing, "gb-domestic"),
        ("Somebody", "WHT12", ScanMissing, "gb-domestic"),
    ] {
        assert_says(NEW, reason, rule, |book, facts| {
            facts.carrier = carrier(book, name);
            facts.tracking = Tracking::Number(number);
        });
        // A scan is better evidence than any form of the number.
        assert_says(NEW, Scanned, "gb-domestic", |book, facts| {
            facts.carrier = carrier(book, name);
            facts.tracking = Tracking::Number(number);
            facts.first_scan = on("2025-02-01");
        });
    }
}

#[test]
fn format_evidence_looks_at_the_number_alone() {
    let book = book();
    for (name, number, reason) in [
        ("Red", GOOD_S10, WellFormed),
        ("Green", GOOD_S10, WellFormed),
        ("Red", "7123456782", WellFormed),
        ("Red", "7123456783", Unverified),
        ("Somebody", GOOD_S10, Unverified),
        ("Red", "RD123456784GB", CheckDigitFailed),
        ("Red", "AB12345", NumberMalformed),
        ("Blue", GOOD_S10, CarrierMismatch),
    ] {
        let mut facts = package(&book);
        facts.carrier = carrier(&book, name);
        facts.tracking = Tracking::Number(number);
        facts.first_scan = on("2025-02-01");
        facts.delivery_scan = on("2025-02-01");
        facts.tracking_added = on("2025-02-09");
        assert_eq!(judged(&book, &facts, NEW, Evidence::Format).0, reason, "{name} {number}");
    }
}

#[test]
fn absent_columns_silence_what_depends_on_them() {
    assert_says(NEW, ScanMissing, "gb-domestic", |_, facts| facts.tracking = Tracking::NoColumn);
    assert_says(NEW, CarrierMissing, "gb-domestic", |book, facts| {
        facts.tracking = Tracking::NoColumn;
        facts.carrier = CarrierField::Name(book.carriers.resolve(None));
    });
    assert_says(NEW, ScanMissing, "gb-domestic", |_, facts| {
        facts.carrier = CarrierField::NoColumn;
        facts.tracking = Tracking::Number("RD123456784GB");
    });
    assert_says(OLD, ScanMissing, "gb-old-domestic", |_, facts| facts.carrier = CarrierField::NoColumn);
    assert_says(NEW, ScanMissing, "gb-in", |_, facts| {
        facts.tracking = Tracking::NoColumn;
        facts.origin = Some(Country::read("DE"));
    });
}

#[test]
fn the_lane_knows_the_programme_better_than_the_column() {
    let book = book();
    let programme = |origin: Option<&str>, column: Option<&str>, on: &str| {
        let mut facts = package(&book);
        facts.origin = origin.map(Country::read);
        facts.programme = column.and_then(|name| book.resolve_programme(name));
        let terms = Terms { book: &book, rates: &Rates::default(), as_of: day(NEW), evidence: Evidence::Scans };
        book.programme(judge(&facts, day(on), &terms).programme).to_owned()
    };
    assert_eq!(programme(None, None, NEW), "standard");
    assert_eq!(programme(None, Some("Premium"), NEW), "premium");
    assert_eq!(programme(Some("DE"), None, NEW), "premium");
    assert_eq!(programme(None, Some("premium"), OLD), "standard", "that version judges none apart");
    assert_eq!(programme(None, Some("sfp"), NEW), "standard");
}

#[test]
fn the_marketplaces_clock_selects_the_day() {
    let book = book();
    let utc = Zone::utc();
    let late = Moment::Instant(day("2025-02-03") as i64 * crate::calendar::DAY_MICROS + 23 * 3_600_000_000);
    let day_of = |name: &str, promised, shipped| {
        selecting_day(&book, book.resolve_marketplace(name).unwrap(), promised, shipped, &utc)
    };
    assert_eq!(day_of("GB", Some(late), on("2025-01-01")), Some(day("2025-02-03")));
    assert_eq!(day_of("DE", on("2025-01-01"), Some(late)), Some(day("2025-02-04")));
    assert_eq!(day_of("DE", on("2025-01-01"), None), Some(day("2025-01-01")));
    assert_eq!(day_of("Non-Shop", Some(late), None), Some(day("2025-02-03")));
    assert_eq!(day_of("GB", None, None), None);
}

/// Texts that often break programs.
const ODD: [&str; 14] = [
    "",
    " ",
    "\0",
    "-",
    "１Ｚ９９９",
    "é",
    "e\u{301}\u{301}",
    "\u{feff}\u{200b}\u{ad}",
    "💥💥💥",
    "لا يوجد",
    "普通郵便",
    "ﬃ",
    "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
    "RD123456785GB\u{0}",
];

fn odd_moments() -> [Option<Moment>; 6] {
    [
        None,
        Some(Moment::Instant(i64::MIN)),
        Some(Moment::Instant(i64::MAX)),
        Some(Moment::Date(Day::MIN)),
        Some(Moment::Date(Day::MAX)),
        Some(Moment::Date(0)),
    ]
}

/// Judges with every evidence and on every odd day; the only demand is that it returns.
fn survives(book: &Book, facts: &Facts) {
    for evidence in [Evidence::Scans, Evidence::Format] {
        for as_of in [Day::MIN, 0, day(NEW), Day::MAX] {
            let terms = Terms { book, rates: &Rates::default(), as_of, evidence };
            for on in [Day::MIN, day(OLD), day(NEW), Day::MAX] {
                let verdict = judge(facts, on, &terms);
                assert!(!book.rule(verdict.rule).is_empty());
            }
        }
    }
}

#[test]
fn judging_is_total() {
    for book in [book(), load::embedded().unwrap()] {
        let marketplace = book.resolve_marketplace("GB").unwrap();
        let mut cleaned = String::new();
        for (index, text) in ODD.iter().enumerate() {
            clean_into(text, &mut cleaned);
            let facts = Facts {
                marketplace,
                order_id: text,
                carrier: carrier(&book, ODD[(index + 5) % ODD.len()]),
                service: book.services.resolve(Some(text)),
                tracking: Tracking::of_cleaned(&cleaned),
                origin: Some(Country::read(text)),
                currency: CurrencyField::read(Some(text), &book.words),
                ..package(&book)
            };
            survives(&book, &facts);
            facts_of_each_carrier(&book, &facts).for_each(|facts| survives(&book, &facts));
        }
        for added in odd_moments() {
            for delivery in odd_moments() {
                let facts =
                    Facts { tracking_added: added, delivery_scan: delivery, first_scan: added, ..package(&book) };
                survives(&book, &Facts { marketplace, ..facts });
                let utc = Zone::utc();
                let _ = selecting_day(&book, marketplace, added, delivery, &utc);
            }
        }
        for mantissa in [i128::MIN, -1, 0, 1, i128::MAX] {
            for scale in [0, 255] {
                let facts = Facts { value: Some(Amount { mantissa, scale }), ..package(&book) };
                survives(&book, &Facts { marketplace, origin: Some(Country::read("CN")), ..facts });
            }
        }
    }
}

fn facts_of_each_carrier<'a>(book: &'a Book, facts: &'a Facts) -> impl Iterator<Item = Facts<'a>> {
    let shaped = book.carriers.iter().filter(|(_, entry)| !entry.shapes.is_empty());
    let names = shaped.map(|(_, entry)| book.carriers.resolve(Some(&entry.name)));
    names.map(|name: CarrierName| Facts { carrier: CarrierField::Name(name), ..*facts })
}
