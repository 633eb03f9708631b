//! Tests of notes of row groups: whatever earlier runs noted, the tables are those of a full run, byte for byte; and a
//! run that may believe notes reads less.

use crate::support::{files, root, text, vtr};
use arrow::array::{ArrayRef, RecordBatch, StringArray, TimestampMicrosecondArray};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime};
use vtr::fold::touched::{MostRows, days};
use vtr::job::{Overrides, load};
use vtr::publish::notes::{Kept, Read};
use vtr::scan::survey;

/// A Monday to come: a run as of a day that is over is followed by one that judges everything.
pub static DAY_0: LazyLock<i64> = LazyLock::new(|| {
    let today = (SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() / 86_400) as i64;
    // The first day of all was a Thursday.
    today + 7 - (today + 3) % 7
});
const DAY_MICROS: i64 = 86_400_000_000;
/// Rows of a row group, of which a file has two.
const GROUP: usize = 300;

/// A number below `sides`, from a seed that advances.
fn roll(seed: &mut u64, sides: u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) % sides
}

#[derive(Clone)]
pub struct Package {
    pub seller: Option<String>,
    order: String,
    number: Option<String>,
    category: String,
    promised: i64,
    scanned: Option<i64>,
    updated: Option<i64>,
}

/// An order id; half of them are of Amazon's form.
fn order_id(of: u64) -> String {
    let seven = of % 10_000_000;
    if of.is_multiple_of(2) { format!("305-{of:07}") } else { format!("305-{seven:07}-{seven:07}") }
}

/// Packages promised within a week; some repeat others that were written before, and some of those are of one order.
pub fn packages(dice: &mut u64, week: i64, before: &[Package]) -> Vec<Package> {
    packages_of(dice, (week, 1), before)
}

/// Packages shipped within a week and promised within `weeks` from its beginning, by the day of shipment.
fn packages_of(dice: &mut u64, (week, weeks): (i64, u64), before: &[Package]) -> Vec<Package> {
    let mut packages: Vec<Package> = Vec::new();
    for _ in 0..2 * GROUP {
        let day = *DAY_0 + 7 * week + roll(dice, 7 * weeks) as i64;
        let promised = day * DAY_MICROS + roll(dice, 86_400) as i64 * 1_000_000;
        let scan = promised - DAY_MICROS * (1 + roll(dice, 2) as i64);
        let number = format!("JJD{:017}", 5_000_000 + roll(dice, 1 << 30));
        let mut package = Package {
            seller: (roll(dice, 90) > 0).then(|| format!("S{}", roll(dice, 4))),
            order: order_id(roll(dice, 1 << 30)),
            number: (roll(dice, 40) > 0).then_some(number),
            category: ["Toys", "Book", "Home"][roll(dice, 3) as usize].to_owned(),
            promised,
            scanned: (roll(dice, 6) > 0).then_some(scan),
            updated: (roll(dice, 3) > 0).then_some(scan + DAY_MICROS / 2),
        };
        let own = packages.len() as u64;
        let like = match roll(dice, 12) {
            0 if !before.is_empty() => Some(before[roll(dice, before.len() as u64) as usize].clone()),
            1 if own > 0 => Some(packages[roll(dice, own) as usize].clone()),
            _ => None,
        };
        if let Some(like) = like {
            (package.order, package.seller) = (like.order, like.seller);
            // Half of them are the same package, the others a second one of the order.
            if roll(dice, 2) == 0 {
                package.number = like.number;
            }
        }
        // Of a few weeks some scans are still to come when they are read first.
        if week % 4 == 3 && roll(dice, 50) == 0 {
            package.scanned = Some(promised + 12 * DAY_MICROS);
        }
        packages.push(package);
    }
    // Those that are long on their way lie in the order of shipment.
    if weeks == 1 {
        packages.sort_by_key(|package| package.promised);
    }
    packages
}

pub fn write(path: &Path, packages: &[Package]) {
    let texts = |of: &dyn Fn(&Package) -> Option<String>| -> ArrayRef {
        Arc::new(packages.iter().map(of).collect::<StringArray>())
    };
    let times = |of: &dyn Fn(&Package) -> Option<i64>| -> ArrayRef {
        Arc::new(packages.iter().map(of).collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
    };
    let batch = RecordBatch::try_from_iter_with_nullable([
        ("seller_id", texts(&|package| package.seller.clone()), true),
        ("marketplace", texts(&|package| Some(if package.promised % 5 == 0 { "FR" } else { "DE" }.to_owned())), true),
        ("order_id", texts(&|package| Some(package.order.clone())), true),
        ("carrier", texts(&|_| Some("DHL".to_owned())), true),
        ("tracking_number", texts(&|package| package.number.clone()), true),
        ("product_category", texts(&|package| Some(package.category.clone())), true),
        ("kind", texts(&|package| Some(package.category.to_uppercase())), true),
        ("promised_delivery_at", times(&|package| Some(package.promised)), true),
        ("first_scan_at", times(&|package| package.scanned), true),
        ("updated_at", times(&|package| package.updated), true),
    ])
    .unwrap();
    let layout = WriterProperties::builder().set_max_row_group_row_count(Some(GROUP)).build();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), Some(layout)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// The published files of all tables except those that describe the last publication; their names are digests.
fn published(out: &Path) -> BTreeSet<String> {
    let last = fs::read_dir(out.join("_log")).unwrap().map(|entry| entry.unwrap().path()).max().unwrap();
    let manifest: Value = serde_json::from_str(&fs::read_to_string(last).unwrap()).unwrap();
    let tables = manifest["tables"].as_object().unwrap().iter();
    let tables = tables.filter(|(table, _)| !matches!(table.as_str(), "rejects" | "input_files"));
    let files = tables.flat_map(|(_, files)| files.as_array().unwrap().clone());
    files.map(|file| file["path"].as_str().unwrap().to_owned()).collect()
}

/// The notes of an output.
fn notes(out: &Path) -> Vec<PathBuf> {
    let all = walkdir::WalkDir::new(out.join("_state/groups")).sort_by_file_name().into_iter();
    all.filter_map(Result::ok).filter(|entry| entry.file_type().is_file()).map(|entry| entry.into_path()).collect()
}

pub struct Case {
    folder: tempfile::TempDir,
    /// The heading of the category, and the target of the German store.
    category: &'static str,
    target: &'static str,
    unit: &'static str,
}

impl Case {
    pub fn new(unit: &'static str) -> Case {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("in")).unwrap();
        fs::create_dir_all(folder.path().join("ours/policies")).unwrap();
        Case { folder, category: "product_category", target: "0.95", unit }
    }

    pub fn input(&self, name: &str) -> PathBuf {
        self.folder.path().join("in").join(name)
    }

    pub fn out(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs the job as of a day; returns the reports of its publications, and what was said.
    pub fn run(&self, out: &str, as_of: i64, extra: &[&str]) -> (Vec<Value>, String) {
        let output = self.try_run(out, as_of, extra);
        let said = text(&output.stderr);
        assert!(output.status.success(), "{said}");
        let printed = text(&output.stdout);
        let reports = serde_json::Deserializer::from_str(&printed).into_iter::<Value>();
        (reports.map(Result::unwrap).collect(), said)
    }

    fn try_run(&self, out: &str, as_of: i64, extra: &[&str]) -> Output {
        let Case { category, target, unit, .. } = self;
        let policy = fs::read_to_string(root().join("src/kernel/book/policies/de.toml")).unwrap();
        let policy = policy.replace("at_least = \"0.95\"", &format!("at_least = \"{target}\""));
        fs::write(self.out("ours/policies/de.toml"), policy).unwrap();
        let job = format!(
            "name = \"noted\"\nidentity = \"{unit}\"\ncopies_within = 20\nbook = [\"embedded\", \"ours\"]\n[[input]]\n\
             path = \"in/*\"\n[input.columns]\nproduct_category = \"{category}\"\n[limits]\nmax_rejected = \"10%\"\n\
             max_vanished_weeks = 99\n[output]\npath = \"out\"\n"
        );
        let path = self.out("job.toml");
        fs::write(&path, job).unwrap();
        let day = date(as_of);
        let (job, out) = (path.display().to_string(), self.out(out).display().to_string());
        vtr(&[&["run", &job, "--json", "--out", &out, "--as-of", &day], extra].concat())
    }
}

fn sum(reports: &[Value], key: &str) -> u64 {
    reports.iter().map(|report| report[key].as_u64().unwrap()).sum()
}

/// Publishes a history week after week: with late files, replaced files, and copies across files and weeks; the mapping
/// and the book change on the way.
#[test]
fn notes_of_weeks_before_change_no_byte_of_a_random_history() {
    let seeds = std::env::var("NOTED_SEEDS").map_or(4, |seeds| seeds.parse().unwrap());
    let mut noted = 0;
    for seed in 0..seeds {
        let dice = &mut (seed + 1);
        let mut case = Case::new(if seed % 4 == 3 { "order" } else { "package" });
        // Row groups hold rows of one week or of several, of which few are asked for at once.
        let weeks = [1, 4][seed as usize % 2];
        let mut written: Vec<Package> = Vec::new();
        let mut put = |case: &Case, dice: &mut u64, name: &str, week: i64| {
            let near = |package: &&Package| (package.promised / DAY_MICROS - *DAY_0 - 7 * week).abs() < 18;
            let near: Vec<Package> = written.iter().filter(near).cloned().collect();
            let packages = packages_of(dice, (week, weeks), &near);
            write(&case.input(name), &packages);
            written.extend(packages);
        };
        (0..12).for_each(|week| put(&case, dice, &format!("week-{week:02}.parquet"), week));
        for week in 12..18 {
            put(&case, dice, &format!("week-{week:02}.parquet"), week);
            let change = roll(dice, 6);
            match change {
                0 => put(&case, dice, &format!("a-late-{week:02}.parquet"), week - 3),
                1 => put(&case, dice, &format!("week-{:02}.parquet", week - 5), week - 5),
                2 => case.category = if case.category == "kind" { "product_category" } else { "kind" },
                3 => case.target = if case.target == "0.95" { "0.96" } else { "0.95" },
                _ => {}
            }
            // The last days of a week are still pending on some Mondays.
            let as_of = *DAY_0 + 7 * week + [7, 5][roll(dice, 2) as usize];
            let (reports, said) = case.run("out", as_of, &[]);
            noted += sum(&reports, "rows_noted");
            let fresh = format!("fresh-{week}");
            case.run(&fresh, as_of, &["--full"]);
            let what = format!("seed {seed}, week {week}, change {change}: {said}");
            let whole = published(&case.out(&fresh));
            assert_eq!(published(&case.out("out")).symmetric_difference(&whole).collect::<Vec<_>>(), [""; 0], "{what}");
            // One week by itself finds nearly all of its neighbours noted.
            let day = date(*DAY_0 + 7 * (week - roll(dice, 4) as i64));
            let (reports, said) = case.run("out", as_of, &["--from", &day, "--to", &day]);
            noted += sum(&reports, "rows_noted");
            let what = format!("seed {seed}, week {week}, {day} alone: {said}");
            assert_eq!(published(&case.out("out")).symmetric_difference(&whole).collect::<Vec<_>>(), [""; 0], "{what}");
        }
    }
    println!("{noted} rows were taken from notes");
    assert!(noted > 20_000 * seeds, "{noted}");
}

/// A history of 26 weeks, published whole.
fn history(case: &Case) -> i64 {
    history_of(case, 1)
}

/// The same of packages that are up to `weeks` on their way.
fn history_of(case: &Case, weeks: u64) -> i64 {
    let dice = &mut 7;
    let mut near: Vec<Package> = Vec::new();
    for week in 0..26 {
        let packages = packages_of(dice, (week, weeks), &near);
        write(&case.input(&format!("week-{week:02}.parquet")), &packages);
        near = packages;
    }
    let as_of = *DAY_0 + 7 * 26;
    case.run("out", as_of, &[]);
    as_of
}

/// The last whole week of [`history`].
static LAST: LazyLock<[String; 4]> = LazyLock::new(|| {
    let monday = date(*DAY_0 + 7 * 25);
    ["--from", &monday, "--to", &monday].map(str::to_owned)
});

/// A day as it is written.
pub fn date(day: i64) -> String {
    chrono::DateTime::from_timestamp_micros(day * DAY_MICROS).unwrap().format("%Y-%m-%d").to_string()
}

fn copied(from: &Path, to: &Path) {
    for entry in walkdir::WalkDir::new(from) {
        let entry = entry.unwrap();
        let target = to.join(entry.path().strip_prefix(from).unwrap());
        if entry.file_type().is_dir() {
            fs::create_dir_all(target).unwrap();
        } else if entry.file_type().is_file() {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn a_week_with_notes_reads_less_than_one_without() {
    let case = Case::new("package");
    let as_of = history(&case);
    assert!(notes(&case.out("out")).len() > 20, "{:?}", notes(&case.out("out")));
    copied(&case.out("out"), &case.out("bare"));
    fs::remove_dir_all(case.out("bare/_state/groups")).unwrap();
    let (noted, _) = case.run("out", as_of, &LAST.each_ref().map(String::as_str));
    let (bare, _) = case.run("bare", as_of, &LAST.each_ref().map(String::as_str));
    assert_eq!(published(&case.out("out")), published(&case.out("bare")));
    assert_eq!(sum(&bare, "rows_noted"), 0);
    assert!(sum(&noted, "rows_noted") > 2_000, "{}", noted[0]["rows_noted"]);
    let (less, more) = (sum(&noted, "bytes_read"), sum(&bare, "bytes_read"));
    println!("{less} bytes instead of {more}");
    assert!(less * 5 < more * 4, "{less} of {more}");
    assert_eq!(noted[0]["counts"], bare[0]["counts"], "rows count as if they were read");
    // A job that leaves nothing out believes no note.
    let (whole, _) =
        case.run("out", as_of, &[&LAST.each_ref().map(String::as_str)[..], &["--set", "prune=false"]].concat());
    assert_eq!(sum(&whole, "rows_noted"), 0);
}

#[test]
fn of_a_group_with_rows_of_the_week_only_these_are_judged() {
    let case = Case::new("package");
    let as_of = history_of(&case, 4);
    copied(&case.out("out"), &case.out("bare"));
    fs::remove_dir_all(case.out("bare/_state/groups")).unwrap();
    // The last groups hold packages that are still pending or scanned later, and are read whole.
    for week in [13, 14] {
        let monday = date(*DAY_0 + 7 * week);
        let asked = ["--from", &monday, "--to", &monday];
        let (noted, _) = case.run("out", as_of, &asked);
        let (bare, _) = case.run("bare", as_of, &asked);
        assert_eq!(published(&case.out("out")), published(&case.out("bare")), "{monday}");
        assert_eq!(noted[0]["counts"], bare[0]["counts"], "{monday}: rows count as if they were read");
        let counts = &noted[0]["counts"];
        let of_week = |name: &str| counts[name].as_u64().unwrap();
        let of_week: u64 = ["out_of_scope", "exempt", "valid", "defect"].map(of_week).iter().sum();
        let (all, judged) = (sum(&noted, "rows_noted"), counts["read"].as_u64().unwrap() - sum(&noted, "rows_noted"));
        assert_eq!(other_channels(&noted[0]), other_channels(&bare[0]), "{monday}: no row is looked at twice");
        println!("{monday}: {all} rows are noted, {judged} are judged, {of_week} of the week are counted");
        // Superseded rows of the week are judged too.
        assert!(of_week > 100 && (of_week..of_week * 5 / 4).contains(&judged), "{monday}: {judged} for {of_week}");
    }
}

/// What a report says of order ids of other channels.
fn other_channels(report: &Value) -> String {
    let warnings = report["warnings"].as_array().unwrap().iter().filter_map(Value::as_str);
    warnings.filter(|warning| warning.contains("of Amazon's form")).map(str::to_owned).next().unwrap()
}

/// The files that only one of two outputs has.
pub fn differing(one: &Path, other: &Path) -> Vec<String> {
    published(one).symmetric_difference(&published(other)).cloned().collect()
}

/// The weeks that a run without weeks judged, as it says.
fn judged(said: &str) -> usize {
    let monday = |text: &str| {
        let (year, week) = text.get(..8)?.split_once("-W")?;
        chrono::NaiveDate::from_isoywd_opt(year.parse().ok()?, week.parse().ok()?, chrono::Weekday::Mon)
    };
    let range = |line: &str| {
        let (from, to) = line.split_once(": ")?.1.split_once(" to ")?;
        Some((monday(to)? - monday(from)?).num_weeks() as usize + 1)
    };
    said.lines().filter_map(range).sum()
}

#[test]
fn a_late_file_costs_its_weeks_and_those_of_its_copies() {
    let case = Case::new("package");
    let as_of = history(&case);
    let dice = &mut 11;
    let late: Vec<Package> = packages(dice, 20, &[]).into_iter().step_by(2).collect();
    // Not on a day that is another week's in some time zone.
    let (from, to) = ((*DAY_0 + 7 * 20 + 1) * DAY_MICROS, (*DAY_0 + 7 * 20 + 6) * DAY_MICROS);
    let late: Vec<Package> = late.into_iter().filter(|package| (from..to).contains(&package.promised)).collect();
    write(&case.input("a-late.parquet"), &late);
    copied(&case.out("out"), &case.out("unnoted"));
    fs::remove_dir_all(case.out("unnoted/_state/groups")).unwrap();
    let (_, said) = case.run("out", as_of, &[]);
    assert_eq!(judged(&said), 1, "{said}");
    case.run("fresh", as_of, &["--full"]);
    assert_eq!(differing(&case.out("out"), &case.out("fresh")), [""; 0], "{said}");
    // Without notes, rows are read as long as they are few.
    let (_, said) = case.run("unnoted", as_of, &[]);
    assert_eq!(judged(&said), 1, "{said}");
    assert_eq!(differing(&case.out("unnoted"), &case.out("fresh")), [""; 0], "{said}");
    // A copy of a package that another week already has touches that week too.
    let moved = |package: &Package| Package { promised: package.promised - 14 * DAY_MICROS, ..package.clone() };
    let again: Vec<Package> = late.iter().map(moved).collect();
    write(&case.input("b-late.parquet"), &again);
    let (_, said) = case.run("out", as_of, &[]);
    assert_eq!(judged(&said), 3, "{said}");
    case.run("fresh", as_of, &["--full"]);
    assert_eq!(differing(&case.out("out"), &case.out("fresh")), [""; 0], "{said}");
}

#[test]
fn windows_in_weeks_without_packages_are_those_of_a_full_run() {
    let case = Case::new("package");
    let dice = &mut 5;
    let put = |dice: &mut u64, week: i64| {
        write(&case.input(&format!("week-{week:02}.parquet")), &packages(dice, week, &[]));
    };
    let same = |as_of: i64, what: &str| {
        let (_, said) = case.run("out", as_of, &[]);
        case.run("fresh", as_of, &["--full"]);
        assert_eq!(differing(&case.out("out"), &case.out("fresh")), [""; 0], "{what}: {said}");
    };
    (0..4).chain([7]).for_each(|week| put(dice, week));
    let as_of = *DAY_0 + 7 * 8;
    same(as_of, "new");
    // The windows that end between the fourth and the eighth week become final without a package of their week.
    same(as_of + 3, "as_of has moved by three days");
    same(as_of + 10, "as_of has moved by a week");
    same(as_of + 45, "as_of has moved by more than a window");
    put(dice, 20);
    same(*DAY_0 + 7 * 21, "a file after a gap that is longer than a window");
    fs::remove_file(case.input("week-20.parquet")).unwrap();
    same(*DAY_0 + 7 * 21, "the file is gone");
}

/// Damage that may befall a note.
fn damage(kind: usize, note: &Path, other: &Path) {
    let mut bytes = fs::read(note).unwrap();
    let at = |share: usize| bytes.len() * share / 100;
    match kind {
        0 => fs::write(note, b"").unwrap(),
        1 => fs::write(note, &bytes[..at(60)]).unwrap(),
        2 => fs::remove_file(note).unwrap(),
        3 => drop(fs::copy(other, note).unwrap()),
        // Only runs that count rows of the group look at its cells.
        5 => {
            let from = at(3);
            bytes[from] ^= 1;
            fs::write(note, bytes).unwrap();
        }
        // The records are the greatest part, and are checked last.
        4 => {
            let (from, to) = (at(40), at(95));
            bytes[from..to].iter_mut().for_each(|byte| *byte ^= 0x55);
            fs::write(note, bytes).unwrap();
        }
        // The keys are behind cells and records of rows that are alike.
        _ => {
            let from = at(16);
            bytes[from] ^= 1;
            fs::write(note, bytes).unwrap();
        }
    }
}

#[test]
fn damaged_notes_cost_time_and_nothing_else() {
    [1, 4].into_iter().for_each(damaged_notes_of);
}

fn damaged_notes_of(weeks: u64) {
    let case = Case::new("package");
    let as_of = history_of(&case, weeks);
    let (whole, all) = (published(&case.out("out")), notes(&case.out("out")));
    assert!(!files(&case.out("out/current")).is_empty());
    for kind in 0..7 {
        let out = format!("damaged-{kind}");
        copied(&case.out("out"), &case.out(&out));
        for (place, note) in all.iter().enumerate() {
            let inside = note.strip_prefix(case.out("out")).unwrap();
            damage(kind, &case.out(&out).join(inside), &all[(place + 1) % all.len()]);
        }
        let (reports, said) = case.run(&out, as_of, &LAST.each_ref().map(String::as_str));
        assert_eq!(published(&case.out(&out)), whole, "damage {kind}: {said}");
        let is_told = said.contains("of a row group is not used");
        assert_eq!(is_told, kind != 2, "damage {kind}: {said}");
        assert!(kind == 5 || sum(&reports, "rows_noted") == 0, "damage {kind}: {}", sum(&reports, "rows_noted"));
        // What was not believed is gone; a full run writes it anew.
        case.run(&out, as_of, &["--full"]);
        let (reports, said) = case.run(&out, as_of, &LAST.each_ref().map(String::as_str));
        assert!(sum(&reports, "rows_noted") > 0 && !said.contains("is not used"), "damage {kind}: {said}");
        assert_eq!(published(&case.out(&out)), whole, "damage {kind}: {said}");
    }
}

#[test]
fn a_collection_deletes_the_notes_that_no_run_looks_at() {
    let case = Case::new("package");
    history(&case);
    let own = notes(&case.out("out"));
    let other_job = case.out("out/_state/groups/0000000000000000");
    fs::create_dir(&other_job).unwrap();
    let foreign = ["old", "young"].map(|name| other_job.join(name));
    for path in &foreign {
        fs::copy(&own[2], path).unwrap();
    }
    let age = |path: &Path, days: u64| {
        let file = File::options().write(true).open(path).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(days * 86_400)).unwrap();
    };
    age(&own[0], 201);
    age(&own[1], 199);
    age(&foreign[0], 8);
    age(&foreign[1], 6);
    let collect = |extra: &[&str]| -> Value {
        let out = case.out("out").display().to_string();
        let output = vtr(&[&["gc", &out, "--json"], extra].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    assert_eq!(collect(&["--dry-run"])["notes"], 2);
    assert_eq!(notes(&case.out("out")).len(), own.len() + 2, "a dry run deletes nothing");
    assert_eq!(collect(&[])["notes"], 2);
    let left = notes(&case.out("out"));
    assert_eq!((left.len(), own[0].exists(), foreign[0].exists()), (own.len(), false, false));
    assert_eq!(collect(&[])["notes"], 0);
}

#[test]
fn days_of_new_rows_are_looked_for_as_long_as_few_rows_are_read() {
    let case = Case::new("package");
    let as_of = history(&case);
    write(&case.input("a-late.parquet"), &packages(&mut 11, 20, &[]));
    let day = Overrides { as_of: Some(date(as_of)), ..Overrides::default() };
    let plan = load(&case.out("job.toml"), &day, SystemTime::now()).unwrap();
    let mut survey = survey(&plan).unwrap();
    survey.identify(&plan).unwrap();
    let new = survey.files.iter().position(|file| file.shown == "in/a-late.parquet").unwrap();
    let store = vtr::publish::at(&case.out("out")).unwrap();
    let place = Read(Kept { store: store.as_ref(), run_id: "test" });
    let is_found = |new_rows: usize, unnoted: u64| {
        let most = MostRows { new: new_rows as u64, unnoted };
        days(&plan, &survey, (&BTreeSet::from([new as u32]), 20), &place, most).unwrap().is_some()
    };
    assert!(is_found(2 * GROUP, 0), "all other rows are noted");
    assert!(!is_found(2 * GROUP - 1, u64::MAX));
    // The rows of a damaged note are read like those that have none.
    let own = survey.files[new].days.as_ref().unwrap();
    let (first, last) = (own.iter().map(|group| group.first).min(), own.iter().map(|group| group.last).max());
    let (from, to) = (first.unwrap() - 20, last.unwrap() + 20);
    let others = survey.files.iter().enumerate().filter(|(index, _)| *index != new);
    let near = others.flat_map(|(_, file)| file.days.iter().flatten());
    let near = near.filter(|group| group.first <= to && from <= group.last).count() * GROUP;
    notes(&case.out("out")).iter().for_each(|note| fs::write(note, "damaged").unwrap());
    assert!(is_found(2 * GROUP, near as u64) && near > 10 * GROUP, "{near}");
    assert!(!is_found(2 * GROUP, GROUP as u64 - 1));
    fs::remove_dir_all(case.out("out/_state/groups")).unwrap();
    assert!(is_found(2 * GROUP, near as u64));
    assert!(!is_found(2 * GROUP, near as u64 - 1));
}

#[test]
fn limits_are_those_of_all_rows_whatever_was_read_again() {
    let case = Case::new("package");
    let as_of = history(&case);
    let dice = &mut 11;
    let limited = |share: &str| format!("limits.max_rejected={share}");
    for (name, week) in [("a-late.parquet", 20), ("b-late.parquet", 10)] {
        // Half of the new rows are rejected: many among those that a run reads, few among all.
        let mut late = packages(dice, week, &[]);
        late.iter_mut().step_by(2).for_each(|package| package.seller = None);
        write(&case.input(name), &late);
        copied(&case.out("out"), &case.out(name));
        let plain = case.try_run(name, as_of, &["--set", &limited("2.5%")]);
        assert!(plain.status.code() == Some(4) && text(&plain.stderr).contains("not read again"), "{name}: {plain:?}");
        let full = case.try_run(name, as_of, &["--set", &limited("2.5%"), "--full"]);
        assert_eq!(full.status.code(), Some(4), "{name}: {full:?}");
        let (_, said) = case.run("out", as_of, &["--set", &limited("5%")]);
        assert!(judged(&said) < 14, "{name}: {said}");
        case.run("fresh", as_of, &["--set", &limited("5%"), "--full"]);
        assert_eq!(differing(&case.out("out"), &case.out("fresh")), [""; 0], "{said}");
    }
}
