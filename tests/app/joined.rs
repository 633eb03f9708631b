//! Joined packages: generated exports against their truth, changes of some files, and any order of records.
//!
//! What is rewritten is what changed, and what an incremental run leaves is what a fresh one makes, byte for byte.

use crate::support::{Row, cell, fails, files, ok, read, table, text, vtr, vtr_in};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use vtr_kernel::policy::Marketplace;

/// Cells of a line with quotes where they are needed.
fn cells(line: &str) -> Vec<String> {
    let (mut cells, mut quoted) = (vec![String::new()], false);
    for sign in line.chars() {
        match sign {
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(String::new()),
            sign => cells.last_mut().unwrap().push(sign),
        }
    }
    cells
}

fn bare(number: &str) -> String {
    number.chars().filter(|sign| sign.is_alphanumeric()).collect::<String>().to_uppercase()
}

const FACTS: [&str; 10] = [
    "marketplace",
    "carrier",
    "ship_service",
    "shipped_at",
    "promised_delivery_at",
    "package_value",
    "currency",
    "product_category",
    "first_scan_at",
    "delivery_scan_at",
];

/// A fact as both sides write it: times in one form, amounts without zeros at their end.
fn same_form(fact: &str, value: &str) -> String {
    match fact {
        "package_value" if value.contains('.') => value.trim_end_matches('0').trim_end_matches('.').to_owned(),
        _ if fact.ends_with("_at") => value.replace("+00:00", "Z"),
        _ => value.to_owned(),
    }
}

#[test]
fn generated_exports_are_joined_to_what_the_generator_says_of_them() {
    let book = vtr_kernel::load::embedded().unwrap();
    let store = |text: &str| match book.resolve_marketplace(text) {
        Some(Marketplace::Known(id)) => book.market(id).name.clone(),
        _ => text.to_owned(),
    };
    let mut split = 0;
    for seed in ["1", "3"] {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let raw = at.join("raw").display().to_string();
        let months = ["--from", "2025-01-01", "--to", "2025-04-30"];
        ok(&[&["gen", "--raw", "--truth", "--rows", "4000", "--seed", seed, &raw, "--quiet"], &months[..]].concat());
        let made = vtr_in(at, &["job", "init", "raw", "--name", "all"]);
        assert!(made.status.success(), "{}", text(&made.stderr));
        let run = vtr_in(at, &["run", "job.toml", "--quiet"]);
        assert!(run.status.success(), "seed {seed}: {}", text(&run.stderr));
        let key = |of: &dyn Fn(&str) -> String| (of("seller_id"), of("order_id"), bare(&of("tracking_number")));
        let truth = fs::read_to_string(at.join("raw/truth/packages.csv")).unwrap();
        let heads = cells(truth.lines().next().unwrap());
        let mut wanted = BTreeMap::new();
        let mut orders: BTreeMap<(String, String), u32> = BTreeMap::new();
        for line in truth.lines().skip(1) {
            let line = cells(line);
            let of = |column: &str| line[heads.iter().position(|head| head == column).unwrap()].clone();
            let facts: Vec<String> = FACTS.iter().map(|fact| same_form(fact, &of(fact))).collect();
            *orders.entry((of("seller_id"), of("order_id"))).or_default() += 1;
            assert!(wanted.insert(key(&of), facts).is_none(), "{line:?} appears twice");
        }
        split += orders.values().filter(|packages| **packages > 1).count();
        let mut found = BTreeMap::new();
        for row in table(&at.join("out/packages"), "packages") {
            let of = |column: &str| row[column].clone().unwrap_or_default();
            let fact = |fact: &&str| match *fact {
                "marketplace" => store(&of(fact)),
                _ => same_form(fact, &of(fact)),
            };
            assert!(
                found.insert(key(&of), FACTS.iter().map(fact).collect::<Vec<String>>()).is_none(),
                "{row:?} appears twice"
            );
        }
        assert!(wanted.len() > 3_000, "{}", wanted.len());
        let differing = wanted.iter().filter(|(key, facts)| found.get(*key) != Some(*facts));
        let shown: Vec<_> = differing.map(|(key, facts)| (key, facts, found.get(key))).collect();
        assert!(shown.is_empty(), "seed {seed}: {} differ: {:#?}", shown.len(), &shown[..shown.len().min(5)]);
        assert_eq!(found.len(), wanted.len());
    }
    assert!(split > 100, "{split} orders of several packages");
}

/// An order report with one line, whose price is written as given.
fn shop(at: &Path, keys: &str, price: &str, tax: &str) -> String {
    fs::write(
        at.join("confirm.tsv"),
        "order-id\torder-item-id\tcarrier\tnumber\tshipped\nO-1\t1\tDHL\t00340434161094022115\t2025-03-03\n\
         O-2\t1\tDHL\t00340434161094022116\t2025-03-03\n",
    )
    .unwrap();
    let orders = format!(
        "order\titem\tprice\ttax\tcurrency\tpromise\nO-1\t1\t{price}\t{tax}\tEUR\t2025-03-07\nO-1\t2\t5.50\t0.50\tEUR\t2025-03-07\n\
         O-2\t1\t9.99\t0.99\tEUR\t2025-03-07\n"
    );
    fs::write(at.join("orders.tsv"), orders).unwrap();
    let job = format!(
        "name = \"amounts\"\nas_of = \"2025-06-30\"\n[[input]]\npath = \"confirm.tsv\"\nconstants = {{ seller_id = \"S\", marketplace = \"DE\" }}\n\
         [input.columns]\norder_id = \"order-id\"\norder_item_id = \"order-item-id\"\ncarrier = \"carrier\"\ntracking_number = \"number\"\n\
         shipped_at = \"shipped\"\n[[input]]\nrole = \"orders\"\npath = \"orders.tsv\"\nconstants = {{ seller_id = \"S\" }}\n{keys}\n[input.columns]\n\
         order_id = \"order\"\norder_item_id = \"item\"\nitem_price = \"price\"\nitem_tax = \"tax\"\ncurrency = \"currency\"\n\
         promised_delivery_at = \"promise\"\n[output]\npath = \"out\"\n"
    );
    let path = at.join("job.toml");
    fs::write(&path, job).unwrap();
    path.display().to_string()
}

#[test]
fn an_amount_whose_mark_is_open_is_unknown_until_the_job_says_which_it_is() {
    let borne = "limits.max_damaged=100%";
    let tried = |keys: &str, price: &str, tax: &str| {
        let folder = tempfile::tempdir().unwrap();
        let job = shop(folder.path(), keys, price, tax);
        let run = vtr(&["run", &job, "--set", borne]);
        let said = text(&run.stderr);
        assert!(run.status.success(), "{price} {tax}: {said}");
        let rows = table(&folder.path().join("packages"), "packages");
        let value =
            |order: &str| rows.iter().find(|row| cell(row, "order_id") == order).unwrap()["package_value"].clone();
        assert_eq!(value("O-2").as_deref(), Some("9.000000000"));
        (value("O-1"), said)
    };
    // Beside a line of 5.50 with a tax of 0.50, in a store whose prices hold tax.
    let unknown = |said: &str, column: &str, count: u64| {
        let values = if count == 1 { "value" } else { "values" };
        let told = format!("`{column}`: {count} {values} can be thousands as well as thousandths");
        assert!(said.contains(&told) && said.contains("orders.tsv, record 1"), "{said}");
    };
    for price in ["1.234", "-1.234", "999.999", "+12.345"] {
        let (value, said) = tried("", price, "0");
        assert_eq!(value, None, "{price}");
        unknown(&said, "item_price", 1);
    }
    let (value, said) = tried("", "12.00", "1.234");
    assert_eq!(value, None);
    unknown(&said, "item_tax", 1);
    for (keys, price, tax, value) in [
        ("", "1234", "0", "1239.000000000"),
        ("", "1.23", "0", "6.230000000"),
        ("", "1.2340", "0", "6.234000000"),
        ("", "0.123", "0", "5.123000000"),
        ("", "1234.567", "0", "1239.567000000"),
        ("decimal = \".\"", "1.234", "0", "6.234000000"),
        ("csv = { decimal = \".\" }", "1.234", "0", "6.234000000"),
    ] {
        let (found, said) = tried(keys, price, tax);
        assert_eq!(found.as_deref(), Some(value), "{keys} {price}");
        assert!(!said.contains("thousandths"), "{said}");
    }
    // Without a remedy the run stops at its limit and names the place; the packages are not replaced.
    let folder = tempfile::tempdir().unwrap();
    let job = shop(folder.path(), "", "1.234", "0");
    let said = fails(4, &["run", &job]);
    for part in ["limits.max_damaged", "`item_price`: 1 value", "orders.tsv, record 1", "decimal = \".\""] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!folder.path().join("packages/current").exists());
    // What has marks of both kinds, or one that is none, is no number: its record is rejected and named.
    for (keys, price) in [
        ("", "1,234"),
        ("", "1'234"),
        ("", "12.345,00"),
        ("", "12,345.00"),
        ("decimal = \",\"", "12.345,00"),
        ("decimal = \",\"", "1.234"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let said = fails(4, &["run", &shop(folder.path(), keys, price, "0")]);
        assert!(said.contains("orders.tsv record 1") && said.contains("`item_price`: no number"), "{price}: {said}");
    }
}

#[test]
fn a_comma_that_the_job_declares_is_the_decimal_mark() {
    let folder = tempfile::tempdir().unwrap();
    let job = shop(folder.path(), "decimal = \",\"", "1,234", "0");
    let orders = folder.path().join("orders.tsv");
    let written =
        fs::read_to_string(&orders).unwrap().replace("5.50\t0.50", "5,50\t0,50").replace("9.99\t0.99", "9,99\t0,99");
    fs::write(&orders, written).unwrap();
    ok(&["run", &job, "--quiet"]);
    let rows = table(&folder.path().join("packages"), "packages");
    let values: BTreeMap<&str, &str> =
        rows.iter().map(|row| (cell(row, "order_id"), cell(row, "package_value"))).collect();
    assert_eq!(values, BTreeMap::from([("O-1", "6.234000000"), ("O-2", "9.000000000")]));
}

/// 2025-03-03, a Monday.
const MONDAY: i64 = 20_150;

fn day(day: i64) -> String {
    chrono::DateTime::from_timestamp(day * 86_400, 0).unwrap().format("%Y-%m-%d").to_string()
}

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }

    fn shuffle<T>(&mut self, all: &mut [T]) {
        for last in (1..all.len()).rev() {
            all.swap(last, self.roll(last + 1));
        }
    }
}

/// The raw files of a shop, by path, each a heading and its rows.
type Files = BTreeMap<String, Vec<String>>;

const CONFIRMATION: &str =
    "order-id\torder-item-id\tquantity\tship-date\tcarrier-code\tcarrier-name\ttracking-number\tship-method";
const ORDER: &str = "order\titem\tprice\tcurrency\tplaced\tpromise";
const EVENT: &str = "tracking_number,carrier,occurred_at,status";
const ORDERS: usize = 50;

fn number(order: usize, item: usize, version: usize) -> String {
    format!("JJD{:017}", 40_000_000 + order * 1_000 + item * 100 + version)
}

fn confirmed(order: usize, item: usize, version: usize) -> String {
    format!("O-{order}\t{item}\t1\t{}\tDHL\t\t{}\tPaket", day(MONDAY + order as i64), number(order, item, version))
}

fn event(order: usize, item: usize, version: usize, after: i64, status: &str) -> String {
    format!("{},DHL,{}T09:00:00Z,{status}", number(order, item, version), day(MONDAY + order as i64 + after))
}

/// A shop with an order a day, of one to three items, in five files a kind.
fn drawn(dice: &mut Dice) -> Files {
    let mut files = Files::new();
    let mut add = |name: String, head: &str, row: String| {
        files.entry(name).or_insert_with(|| vec![head.to_owned()]).push(row);
    };
    for order in 0..ORDERS {
        let part = order / 10;
        let written = day(MONDAY + 9 + part as i64 * 10);
        let shipped = MONDAY + order as i64;
        for item in 0..1 + dice.roll(3) {
            add(format!("confirm/S1_DE_{written}T100000Z.txt"), CONFIRMATION, confirmed(order, item, 0));
            let price = format!("{}.{:02}", 5 + dice.roll(90), dice.roll(100));
            let (placed, promise) = (day(shipped - 1), day(shipped + 4));
            add(format!("orders/{part}.tsv"), ORDER, format!("O-{order}\t{item}\t{price}\tEUR\t{placed}\t{promise}"));
            let last = if dice.roll(10) > 0 { 3 } else { 2 };
            for (after, status) in [(0, "label_created"), (1, "in_transit"), (3, "delivered")].into_iter().take(last) {
                add(format!("events/{part}.csv"), EVENT, event(order, item, 0, after, status));
            }
        }
    }
    files
}

/// Changes a file or adds one, as exports and mistakes do.
fn change(files: &mut Files, dice: &mut Dice, step: usize) -> &'static str {
    let (order, part) = (dice.roll(ORDERS), dice.roll(5));
    let later = format!("confirm/S1_DE_2025-05-{:02}T100000Z.txt", step + 1);
    let name = |folder: &str| match folder {
        "orders" => format!("orders/{part}.tsv"),
        _ => format!("events/{part}.csv"),
    };
    let row = |rows: &[String], dice: &mut Dice| 1 + dice.roll(rows.len() - 1);
    match step % 8 {
        0 => {
            files.insert(later, vec![CONFIRMATION.to_owned(), confirmed(order, 0, step + 1)]);
            "a number is corrected"
        }
        1 => {
            let whole = format!("O-{order}\t\t\t\t\t\t\t");
            files.insert(later, vec![CONFIRMATION.to_owned(), whole]);
            "a blank write"
        }
        2 => {
            let rows = files.get_mut(&name("orders")).unwrap();
            let at = row(rows, dice);
            rows[at] = rows[at].replace("\tEUR\t", "1\tEUR\t");
            "a price is corrected in place"
        }
        3 => {
            files.insert(format!("events/late-{step}.csv"), vec![EVENT.to_owned(), event(order, 0, 0, 9, "delivered")]);
            "a late event"
        }
        4 => {
            let rows = files[&name("events")].clone();
            files.insert(format!("events/again-{step}.csv"), rows);
            "a pull is repeated"
        }
        5 => {
            let rows = files.get_mut(&name("events")).unwrap();
            dice.shuffle(&mut rows[1..]);
            "events in another order"
        }
        6 => {
            files.insert(format!("events/odd-{step}.csv"), vec![EVENT.to_owned(), event(999, 0, 0, 1, "in_transit")]);
            "an event of nobody's"
        }
        _ => {
            let rows = files.get_mut(&name("orders")).unwrap();
            let at = row(rows, dice);
            let order: i64 = rows[at][2..].split('\t').next().unwrap().parse().unwrap();
            let (from, to) = (day(MONDAY + order + 4), day(MONDAY + order + 11));
            rows.iter_mut()
                .filter(|row| row.starts_with(&format!("O-{order}\t")))
                .for_each(|row| *row = row.replace(&from, &to));
            "a promise is put off by a week"
        }
    }
}

/// Writes the files below a folder, and a job over them whose packages and tables lie in folders of their own.
fn put(at: &Path, raw: &Files, place: &str) -> String {
    let folder = at.join("raw");
    let _ = fs::remove_dir_all(&folder);
    for (name, rows) in raw {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, rows.join("\n") + "\n").unwrap();
    }
    let job = format!(
        "name = \"shop\"\nas_of = \"2025-06-30\"\n[[input]]\nkind = \"amazon.ship_confirm\"\npath = \"raw/confirm/*.txt\"\n[input.from_path]\n\
         pattern = '/(?<seller_id>[A-Z0-9]+)_(?<marketplace>[A-Z]{{2}})_(?<written_at>[0-9-]{{10}}T[0-9]{{6}}Z)\\.'\n\
         [[input]]\nrole = \"orders\"\npath = \"raw/orders/*.tsv\"\nconstants = {{ seller_id = \"S1\" }}\n[input.columns]\norder_id = \"order\"\n\
         order_item_id = \"item\"\nitem_price = \"price\"\ncurrency = \"currency\"\ncreated_at = \"placed\"\npromised_delivery_at = \"promise\"\n\
         [[input]]\nkind = \"vtr.events\"\npath = \"raw/events/*.csv\"\n[assemble]\npath = \"{place}/packages\"\n[output]\npath = \"{place}/out\"\ntables = [\"vtr_weekly\", \"vtr_rolling\", \"defects\"]\n\
         [limits]\nevents_cover = \"0%\"\n"
    );
    let path = at.join(format!("{}.toml", place.replace('/', "-")));
    fs::write(&path, job).unwrap();
    path.display().to_string()
}

/// The files of a table or of all tables as they stand, by their name, which is their content.
fn standing(place: &Path) -> BTreeSet<String> {
    let current = place.join("current");
    files(&current).iter().map(|path| path.strip_prefix(&current).unwrap().display().to_string()).collect()
}

/// The files of tables, but for those that tell of the run's own reading.
fn tables(out: &Path) -> BTreeSet<String> {
    let of_run = |name: &String| name.starts_with("input_files/") || name.starts_with("rejects/");
    standing(out).into_iter().filter(|name| !of_run(name)).collect()
}

/// The rows of packages by the file's week.
fn weeks(place: &Path) -> BTreeMap<String, Vec<Row>> {
    let week = |path: &Path| path.parent().unwrap().file_name().unwrap().to_str().unwrap().replace("week=", "");
    files(&place.join("current/packages")).iter().map(|path| (week(path), read(path))).collect()
}

fn manifest(place: &Path) -> Value {
    let mut logs: Vec<_> = fs::read_dir(place.join("_log")).unwrap().map(|entry| entry.unwrap().path()).collect();
    logs.retain(|path| path.extension().is_some_and(|suffix| suffix == "json"));
    logs.sort();
    serde_json::from_slice(&fs::read(logs.last().unwrap()).unwrap()).unwrap()
}

/// Weeks of `vtr_weekly` that a version judged.
fn judged(place: &Path, version: u64) -> BTreeSet<String> {
    let all = manifest(place)["tables"]["vtr_weekly"].as_array().unwrap().clone();
    let week = |file: &Value| {
        let path = file["path"].as_str().unwrap();
        path.split("week=").nth(1).unwrap()[..10].to_owned()
    };
    all.iter().filter(|file| file["judged_by"] == version).map(week).collect()
}

fn instant(row: &Row, column: &str) -> chrono::DateTime<chrono::Utc> {
    cell(row, column).parse().unwrap()
}

fn monday(day: chrono::NaiveDate) -> String {
    let since = chrono::Datelike::weekday(&day).num_days_from_monday();
    (day - chrono::Days::new(u64::from(since))).to_string()
}

/// The Monday of a row's promised day.
fn promised_week(row: &Row) -> String {
    monday(instant(row, "promised_delivery_at").with_timezone(&chrono_tz::Europe::Berlin).date_naive())
}

#[test]
fn an_export_rewrites_the_weeks_whose_rows_changed_and_outdates_those() {
    let (mut rewritten, mut untouched, mut kinds) = (0, 0, BTreeSet::new());
    let seeds = std::env::var("JOINED_SEEDS").map_or(1, |seeds| seeds.parse().unwrap());
    for seed in 1..=seeds {
        let (folder, mut dice) = (tempfile::tempdir().unwrap(), Dice(seed));
        let at = folder.path();
        let mut raw = drawn(&mut dice);
        ok(&["run", &put(at, &raw, "kept"), "--quiet"]);
        for step in 0..8 {
            let (packages, out) = (at.join("kept/packages"), at.join("kept/out"));
            let (before, files_before) = (weeks(&packages), standing(&packages));
            let version = manifest(&out)["version"].as_u64().unwrap();
            let what = change(&mut raw, &mut dice, step);
            kinds.insert(what);
            ok(&["run", &put(at, &raw, "kept"), "--quiet"]);
            let (after, files_after) = (weeks(&packages), standing(&packages));
            let of_packages = |name: &&String| name.starts_with("packages/");
            let new: BTreeSet<String> = files_after
                .difference(&files_before)
                .filter(of_packages)
                .map(|name| name.split("week=").nth(1).unwrap()[..10].to_owned())
                .collect();
            let changed: BTreeSet<String> = after
                .iter()
                .filter(|(week, rows)| before.get(*week) != Some(rows))
                .map(|(week, _)| week.clone())
                .collect();
            assert_eq!(new, changed, "seed {seed}, step {step}: {what}");
            assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>(), "no week comes or goes");
            // Outdated are exactly the weeks in which changed rows are promised.
            let rows = || [&before, &after].into_iter().flat_map(|weeks| changed.iter().flat_map(|week| &weeks[week]));
            let is_changed =
                |row: &&Row| [&before, &after].iter().any(|weeks| !weeks.values().flatten().any(|known| known == *row));
            let wanted: BTreeSet<String> = rows().filter(is_changed).map(promised_week).collect();
            let now = manifest(&out)["version"].as_u64().unwrap();
            let judged = if now > version { judged(&out, now) } else { BTreeSet::new() };
            assert_eq!(judged, wanted, "seed {seed}, step {step}: {what}");
            (rewritten, untouched) = (rewritten + changed.len(), untouched + after.len() - changed.len());
            // A fresh assembly of the same files.
            let fresh = format!("fresh-{step}");
            ok(&["run", &put(at, &raw, &fresh), "--quiet"]);
            assert_eq!(standing(&at.join(&fresh).join("packages")), files_after, "seed {seed}, step {step}: {what}");
            assert_eq!(tables(&at.join(&fresh).join("out")), tables(&out), "seed {seed}, step {step}: {what}");
        }
    }
    println!("{rewritten} weeks rewritten, {untouched} left as they were, by {kinds:?}");
    assert!(kinds.len() == 8 && rewritten >= 3 && untouched > 5 * rewritten, "{rewritten} {untouched} {kinds:?}");
}

/// Rows without what says where they were read.
fn unplaced(place: &Path) -> BTreeMap<String, Vec<Row>> {
    let mut weeks = weeks(place);
    for row in weeks.values_mut().flatten() {
        ["source_file", "source_record", "orders_file"].iter().for_each(|column| drop(row.remove(*column)));
    }
    weeks
}

/// Mixes rows of a kind over as many files as before; what is of one order or number stays in its order if asked.
fn mixed(raw: &Files, folder: &str, dice: &mut Dice, together: &dyn Fn(&str) -> Option<String>) -> Files {
    let mut files = raw.clone();
    let names: Vec<String> = raw.keys().filter(|name| name.starts_with(folder)).cloned().collect();
    let head = raw[&names[0]][0].clone();
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (at, row) in names.iter().flat_map(|name| raw[name][1..].iter()).enumerate() {
        groups.entry(together(row).unwrap_or_else(|| at.to_string())).or_default().push(row.clone());
    }
    let mut groups: Vec<Vec<String>> = groups.into_values().collect();
    dice.shuffle(&mut groups);
    names.iter().for_each(|name| drop(files.insert(name.clone(), vec![head.clone()])));
    for group in groups {
        let name = &names[dice.roll(names.len())];
        // Rows of other groups stand between those of one.
        let rows = files.get_mut(name).unwrap();
        let mut from = 1;
        for row in group {
            let at = from + dice.roll(rows.len() - from + 1);
            rows.insert(at, row);
            from = at + 1;
        }
    }
    files
}

#[test]
fn packages_do_not_hang_on_the_order_or_the_files_in_which_records_come() {
    let (folder, mut dice) = (tempfile::tempdir().unwrap(), Dice(11));
    let at = folder.path();
    let mut raw = drawn(&mut dice);
    // Many rows of one order: lines that come again, corrected, as a file is exported twice.
    for order in [7, 23] {
        let name = format!("orders/{}.tsv", order / 10);
        for item in 0..40 {
            let (placed, promise) = (day(MONDAY + order - 1), day(MONDAY + order + 4));
            let row = format!("O-{order}\t{item}\t{}.50\tEUR\t{placed}\t{promise}", item + 1);
            raw.get_mut(&name).unwrap().extend([row.replace(".50", ".75"), row]);
        }
    }
    ok(&["run", &put(at, &raw, "first"), "--quiet"]);
    let (first, packages) = (standing(&at.join("first/packages")), at.join("first/packages"));
    let is_package = |name: &String| name.starts_with("packages/");
    let of_order = |row: &str| row.split('\t').next().map(str::to_owned);
    for turn in 0..4 {
        // Events are found by number and time alone: not a byte moves.
        let events = mixed(&raw, "events/", &mut dice, &|_| None);
        let place = format!("events-{turn}");
        ok(&["run", &put(at, &events, &place), "--quiet"]);
        let now = standing(&at.join(&place).join("packages"));
        let differing: Vec<&String> = now.symmetric_difference(&first).filter(|name| is_package(name)).collect();
        assert!(differing.is_empty(), "turn {turn}: {differing:?}");
        // Of an order the later line counts, so its lines stay in their order; in which file they stand is told of a package.
        let orders = mixed(&events, "orders/", &mut dice, &of_order);
        let place = format!("orders-{turn}");
        ok(&["run", &put(at, &orders, &place), "--quiet", "--threads", &(1 + turn % 3).to_string()]);
        assert_eq!(unplaced(&at.join(&place).join("packages")), unplaced(&packages), "turn {turn}");
    }
    let rows: Vec<Row> = weeks(&packages).into_values().flatten().collect();
    let value = |order: &str| {
        let row = rows.iter().find(|row| cell(row, "order_id") == order).unwrap();
        cell(row, "package_value").to_owned()
    };
    // 1.50 to 40.50, each in place of the line before it.
    assert_eq!((value("O-7"), value("O-23")), ("840.000000000".to_owned(), "840.000000000".to_owned()));
}
