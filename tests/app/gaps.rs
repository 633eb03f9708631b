//! Tests of gaps in time and in ids: feeds and exports that stopped, events too far from the shipping of their package,
//! ids of raw files that a spreadsheet damaged.

use crate::support::{cell, fails, table, text, vtr};
use chrono::{Days, NaiveDate};
use std::fs;
use std::path::Path;

fn day(date: &str) -> NaiveDate {
    date.parse().unwrap()
}

fn number(order: usize) -> String {
    format!("JJD0003900{order:08}")
}

fn said(args: &[&str]) -> String {
    let ran = vtr(args);
    assert!(ran.status.success(), "{args:?}: {}", text(&ran.stderr));
    text(&ran.stderr)
}

/// Writes packages of two carriers, one each a day for some days until `as_of`, and a feed with one event each.
fn followed(at: &Path, days: usize, as_of: NaiveDate, event: &dyn Fn(&str, NaiveDate) -> Option<NaiveDate>) -> String {
    let mut shipments = "order,carrier,number,shipped,promised\n".to_owned();
    let mut events = "tracking_number,carrier,occurred_at,status\n".to_owned();
    for order in 0..days * 2 {
        let shipped = as_of - Days::new((days - order / 2) as u64);
        let (carrier, number) = (if order % 2 == 0 { "DHL" } else { "Hermes" }, number(order));
        shipments += &format!("O-{order},{carrier},{number},{shipped},{}\n", shipped + Days::new(3));
        if let Some(at) = event(carrier, shipped).filter(|at| *at <= as_of) {
            events += &format!("{number},{carrier},{at}T09:00:00Z,in_transit\n");
        }
    }
    fs::write(at.join("shipments.csv"), shipments).unwrap();
    fs::write(at.join("events.csv"), events).unwrap();
    let job = format!(
        "name = \"gaps\"\nas_of = \"{as_of}\"\n[[input]]\npath = \"shipments.csv\"\n\
         constants = {{ seller_id = \"S1\", marketplace = \"DE\" }}\n[input.columns]\norder_id = \"order\"\ncarrier = \"carrier\"\n\
         tracking_number = \"number\"\nshipped_at = \"shipped\"\npromised_delivery_at = \"promised\"\n\
         [[input]]\nkind = \"vtr.events\"\npath = \"events.csv\"\n[output]\npath = \"out\"\n"
    );
    let path = at.join("job.toml");
    fs::write(&path, job).unwrap();
    path.display().to_string()
}

#[test]
fn a_feed_that_stopped_is_a_gap_however_long_the_history_is() {
    let folder = tempfile::tempdir().unwrap();
    let as_of = day("2025-06-30");
    let next = |shipped: NaiveDate| shipped + Days::new(1);
    let until = |carrier: &'static str, days: u64| {
        move |of: &str, shipped: NaiveDate| {
            (of != carrier || next(shipped) <= as_of - Days::new(days)).then(|| next(shipped))
        }
    };
    let job = followed(folder.path(), 400, as_of, &until("DHL", 24));
    let told = fails(4, &["run", &job]);
    assert!(told.contains("carrier dhl_paket: 0 of 14 numbers shipped from 2025-06-09 to 2025-06-22"), "{told}");
    assert!(told.contains("the last day with a number that is named is 2025-06-05"), "{told}");
    assert!(!told.contains("carrier hermes"), "{told}");
    // Who asks for no coverage is told of it.
    let told = said(&["run", &job, "--set", "limits.events_cover=0%"]);
    assert!(told.contains("a feed has probably stopped"), "{told}");
    // A feed that ends some days before `as_of`, and a carrier with few packages, are nothing to speak of.
    for days in [0, 3, 9] {
        let job = followed(folder.path(), 400, as_of, &until("DHL", days));
        assert!(!said(&["run", &job]).contains("has probably stopped"), "{days}");
    }
}

#[test]
fn scans_outside_of_the_window_are_counted_and_cover_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let as_of = day("2025-06-30");
    let early = |shipped: NaiveDate| shipped - Days::new(30);
    let some = |_: &str, shipped: NaiveDate| {
        let is_early = shipped < day("2025-03-26");
        Some(if is_early { early(shipped) } else { shipped + Days::new(1) })
    };
    let job = followed(folder.path(), 100, as_of, &some);
    let told = said(&["run", &job]);
    assert!(
        told.contains("8 of 200 packages have no scan, but their number was scanned outside of event_window"),
        "{told}"
    );
    assert!(told.contains("[-3, 90]") && told.contains("first of shipments.csv record 1:"), "{told}");
    assert!(!said(&["run", &job, "--set", "assemble.event_window=[-40, 90]"]).contains("scanned outside of"));
    let job = followed(folder.path(), 100, as_of, &|_, shipped| Some(early(shipped)));
    let told = fails(4, &["run", &job]);
    assert!(told.contains("events_cover: carrier dhl_paket: no feed names any of its numbers"), "{told}");
    assert!(told.contains("packages have no scan, but their number was scanned outside of event_window"), "{told}");
}

#[test]
fn exports_that_stopped_are_said_and_make_figures_stale() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let today = chrono::Utc::now().date_naive();
    let (path, out) = (at.join("job.toml").display().to_string(), at.join("out").display().to_string());
    let write = |last: u64, as_of: &str| {
        let row = |ago: u64| {
            let shipped = today - Days::new(ago);
            let promised = shipped + Days::new(2);
            format!("A1,GB,O{ago},Royal Mail,RU199013455GB,{promised},{shipped},{}T08:09:10Z\n", shipped + Days::new(1))
        };
        let headings =
            "seller_id,marketplace,order_id,carrier,tracking_number,promised_delivery_at,shipped_at,first_scan_at\n";
        fs::write(at.join("in.csv"), headings.to_owned() + &(last..90).map(row).collect::<String>()).unwrap();
        let job = format!("name = \"cron\"\n{as_of}[[input]]\npath = \"in.csv\"\n[output]\npath = \"out\"\n");
        fs::write(&path, job).unwrap();
    };
    write(24, "");
    for _ in 0..2 {
        let told = said(&["run", &path]);
        assert!(told.contains("the inputs end early: hardly any package is of a day after"), "{told}");
    }
    let told = fails(4, &["health", &out, "--fail-on", "stale"]);
    assert!(told.contains("--fail-on stale: hardly any package is of a day after"), "{told}");
    assert!(said(&["worklist", &out]).contains("hardly any package is of a day after"));
    assert!(!said(&["health", &out, "--fail-on", "stale", "--max-age", "40"]).contains("hardly any"));
    // With the newer exports it is said of no week any more.
    write(0, "");
    assert!(!said(&["run", &path]).contains("the inputs end early"));
    assert!(!said(&["run", &path]).contains("the inputs end early"));
    said(&["health", &out, "--fail-on", "stale"]);
    // Who looks back at a history knows where it ends.
    write(60, &format!("as_of = \"{}\"\n", today - Days::new(20)));
    let beside = at.join("beside").display().to_string();
    assert!(!said(&["run", &path, "--out", &beside]).contains("the inputs end early"));
}

/// A job of confirmations, an item in each of two files, and its packages.
fn items(at: &Path, ids: &dyn Fn(usize, usize) -> String) -> String {
    for item in [0, 1] {
        let line = |order: usize| {
            format!("O-{order}\t{}\tDHL\t{}\t2025-03-0{}\n", ids(order, item), number(order * 2 + item), 3 + item)
        };
        let rows: String = (0..20).map(line).collect();
        let file = at.join(format!("c_2025-03-0{}T100000Z.tsv", 3 + item));
        fs::write(file, "order-id\torder-item-id\tcarrier\tnumber\tshipped\n".to_owned() + &rows).unwrap();
    }
    let job = "name = \"items\"\nas_of = \"2025-06-30\"\nevidence = \"format\"\n[[input]]\npath = \"c_*.tsv\"\nfold = \"confirmations\"\n\
               constants = { seller_id = \"S\", marketplace = \"DE\" }\n[input.from_path]\n\
               pattern = \"c_(?<written_at>[0-9-]{10}T[0-9]{6}Z)\"\n[input.columns]\norder_id = \"order-id\"\n\
               order_item_id = \"order-item-id\"\ncarrier = \"carrier\"\ntracking_number = \"number\"\nshipped_at = \"shipped\"\n\
               [output]\npath = \"out\"\n";
    let path = at.join("job.toml");
    fs::write(&path, job).unwrap();
    path.display().to_string()
}

#[test]
fn damaged_ids_of_raw_files_make_no_packages_one() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let whole = |order: usize, item: usize| format!("1234567{order:04}{item:03}");
    said(&["run", &items(at, &whole)]);
    assert_eq!(table(&at.join("packages"), "packages").len(), 40);
    // An item's write without its item would be one of the whole order, and drop the other item's package.
    let job = items(at, &|order, item| if order < 5 { "1.23457E+13".into() } else { whole(order, item) });
    let told = fails(4, &["run", &job]);
    assert!(told.contains("c_2025-03-03T100000Z.tsv record 1 line 2: `order_item_id`: damaged"), "{told}");
    let told = said(&["run", &job, "--set", "limits.max_rejected=100%", "--set", "limits.max_damaged=100%"]);
    assert!(told.contains("`order_item_id`: 10 values are numbers such as 9.2E+21"), "{told}");
    assert_eq!(table(&at.join("packages"), "packages").len(), 30);
    // Without a fold the number stands in for a package's id, as in any other file.
    let rows: String = (0..4).map(|order| format!("O-1,1.2E+13,DHL,{},2025-03-03\n", number(order))).collect();
    fs::write(at.join("p.csv"), "order,package,carrier,number,shipped\n".to_owned() + &rows).unwrap();
    let job = "name = \"rows\"\nas_of = \"2025-06-30\"\nevidence = \"format\"\n[[input]]\nrole = \"shipments\"\npath = \"p.csv\"\n\
               constants = { seller_id = \"S\", marketplace = \"DE\" }\n[input.columns]\norder_id = \"order\"\npackage_id = \"package\"\n\
               carrier = \"carrier\"\ntracking_number = \"number\"\nshipped_at = \"shipped\"\n[[input]]\nrole = \"orders\"\n\
               path = \"o.csv\"\nconstants = { seller_id = \"S\" }\n[input.columns]\norder_id = \"order_id\"\n\
               promised_delivery_at = \"promised_delivery_at\"\n[limits]\nmax_damaged = \"100%\"\n[output]\npath = \"rows\"\n\
               [assemble]\npath = \"of_rows\"\n";
    fs::write(at.join("o.csv"), "order_id,promised_delivery_at\nO-1,2025-03-06\n").unwrap();
    fs::write(at.join("rows.toml"), job).unwrap();
    let told = said(&["run", &at.join("rows.toml").display().to_string()]);
    assert!(told.contains("`package_id`: 4 values are numbers such as 9.2E+21"), "{told}");
    let packages = table(&at.join("of_rows"), "packages");
    assert_eq!(packages.len(), 4);
    assert!(
        packages.iter().all(|row| cell(row, "promised_delivery_at").starts_with("2025-03-05T23:00")),
        "{packages:?}"
    );
}
