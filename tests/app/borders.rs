//! Tests of weeks at the borders of a range: a ranged run gives the same figures for them as a full run, although it
//! skips row groups. Histories are small, invented and sorted by day, in row groups of a few rows.

use crate::support::ok;
use arrow::array::{ArrayRef, RecordBatch, StringArray, TimestampMicrosecondArray};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

/// 2025-06-02, a Monday.
const DAY_0: i64 = 20_241;
const HOUR: i64 = 3_600_000_000;

/// A package in one export. Days count from [`DAY_0`].
#[derive(Clone, Debug)]
struct Package {
    order: u64,
    day: i64,
    shipped: i64,
    updated: i64,
    seller: &'static str,
    marketplace: &'static str,
    is_scanned: bool,
}

fn package(order: u64, day: i64) -> Package {
    let (seller, marketplace) = ("S1", "DE");
    Package {
        order,
        day,
        shipped: day - 3,
        updated: day - 1,
        seller,
        marketplace,
        is_scanned: !order.is_multiple_of(3),
    }
}

/// Writes packages in their order, `group` to a row group.
fn write(path: &Path, packages: &[Package], group: usize) {
    let texts = |of: &dyn Fn(&Package) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(packages.iter().map(of)))
    };
    let times = |of: &dyn Fn(&Package) -> Option<i64>| -> ArrayRef {
        let at_noon = packages.iter().map(|package| of(package).map(|day| (DAY_0 + day) * 24 * HOUR + 12 * HOUR));
        Arc::new(at_noon.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
    };
    let batch = RecordBatch::try_from_iter([
        ("seller_id", texts(&|package| package.seller.to_owned())),
        ("marketplace", texts(&|package| package.marketplace.to_owned())),
        ("order_id", texts(&|package| format!("305-{:07}", package.order))),
        ("package_id", texts(&|_| "1".to_owned())),
        ("carrier", texts(&|_| "DHL".to_owned())),
        ("tracking_number", texts(&|package| format!("JJD{:017}", 5_000_000 + package.order * 7919))),
        ("product_category", texts(&|package| ["Toys", "Books"][package.order as usize % 2].to_owned())),
        ("promised_delivery_at", times(&|package| Some(package.day))),
        ("shipped_at", times(&|package| Some(package.shipped))),
        ("first_scan_at", times(&|package| package.is_scanned.then_some(package.shipped + 1))),
        ("updated_at", times(&|package| Some(package.updated))),
    ])
    .unwrap();
    let layout = WriterProperties::builder().set_max_row_group_row_count(Some(group)).build();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), Some(layout)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// A history and the job that reads it.
struct History {
    folder: tempfile::TempDir,
}

impl History {
    /// Makes a history in which each list of packages is a file, sorted by day.
    fn of(keys: &str, files: &[Vec<Package>], group: usize) -> History {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("in")).unwrap();
        let job = format!(
            "name = \"borders\"\n{keys}\n[[input]]\npath = \"in/*\"\n[limits]\nmax_rejected = \"100%\"\n[output]\npath = \"out\"\n"
        );
        fs::write(folder.path().join("job.toml"), job).unwrap();
        let history = History { folder };
        files.iter().enumerate().for_each(|(index, packages)| history.change(index, packages, group));
        history
    }

    /// Runs the job into an output of its own; returns the manifest and the report.
    fn run(&self, out: &str, extra: &[&str]) -> (Value, Value) {
        let (job, out) = (self.folder.path().join("job.toml"), self.folder.path().join(out));
        let args = ["run", job.to_str().unwrap(), "--quiet", "--json", "--out", out.to_str().unwrap()];
        let report = ok(&[&args, extra].concat());
        let manifest = fs::read_to_string(out.join("_log/00000000000000000001.json")).unwrap();
        (serde_json::from_str(&manifest).unwrap(), serde_json::from_str(&report).unwrap())
    }

    /// Whether a manifest has judged packages of these weeks of 2025.
    fn holds(&self, manifest: &Value, weeks: std::ops::RangeInclusive<i64>) -> bool {
        let mut mondays = weeks.map(|week| {
            let monday = chrono::NaiveDate::from_isoywd_opt(2025, week as u32, chrono::Weekday::Mon);
            format!("week={}/", monday.expect("a week of 2025"))
        });
        let files = manifest["tables"]["vtr_weekly"].as_array().unwrap();
        mondays.any(|monday| files.iter().any(|file| file["path"].as_str().unwrap().contains(&monday)))
    }

    /// Runs the job over weeks without a judged package: no week is published, and the reason is printed if no row is
    /// in them.
    fn publishes_no_week(&self, out: &str, weeks: [&str; 2], extra: &[&str]) {
        let (job, out) = (self.folder.path().join("job.toml"), self.folder.path().join(out));
        let args = ["run", job.to_str().unwrap(), "--out", out.to_str().unwrap(), "--from", weeks[0], "--to", weeks[1]];
        let output = crate::support::vtr(&[&args, extra].concat());
        let said = crate::support::text(&output.stderr);
        match output.status.code() {
            Some(2) => assert!(said.contains("no package is in the weeks asked for"), "{said}"),
            code => assert!(code == Some(0) && !out.join("current/vtr_weekly").exists(), "{said}"),
        }
    }

    /// The files in force of all tables except those that describe the last publication.
    fn published(&self, out: &str) -> BTreeSet<String> {
        let log = self.folder.path().join(out).join("_log");
        let last = fs::read_dir(log).unwrap().map(|entry| entry.unwrap().path()).max().unwrap();
        let manifest: Value = serde_json::from_str(&fs::read_to_string(last).unwrap()).unwrap();
        let tables = manifest["tables"].as_object().unwrap().iter();
        let tables = tables.filter(|(table, _)| !matches!(table.as_str(), "rejects" | "input_files"));
        let files = tables.flat_map(|(_, files)| files.as_array().unwrap());
        files.map(|file| file["path"].as_str().unwrap().to_owned()).collect()
    }

    /// The differences between an output after an incremental run and after a full run, as of a day.
    fn stale_and_full(&self, out: &str, fresh: &str, extra: &[&str]) -> Vec<String> {
        let job = self.folder.path().join("job.toml").display().to_string();
        let run = |out: &str, more: &[&str]| {
            let out = self.folder.path().join(out).display().to_string();
            let args = ["run", &job, "--quiet", "--out", &out, "--set", "limits.max_vanished_weeks=999"];
            ok(&[&args, extra, more].concat());
        };
        run(out, &[]);
        run(fresh, &["--full"]);
        let (stale, fresh) = (self.published(out), self.published(fresh));
        stale.symmetric_difference(&fresh).cloned().collect()
    }

    /// Rewrites a file, or deletes it.
    fn change(&self, file: usize, packages: &[Package], group: usize) {
        let path = self.folder.path().join(format!("in/{file}.parquet"));
        let mut packages = packages.to_vec();
        packages.sort_by_key(|package| package.day);
        if packages.is_empty() { fs::remove_file(path).unwrap() } else { write(&path, &packages, group) }
    }

    /// The differences between a ranged run and a full run within the ranged run's weeks, with the ranged run's
    /// report.
    fn differences(&self, full: &Value, out: &str, weeks: [&str; 2], extra: &[&str]) -> (Vec<String>, Value) {
        let (ranged, report) = self.run(out, &[&["--from", weeks[0], "--to", weeks[1]], extra].concat());
        let mut differences = Vec::new();
        for (table, span) in ranged["replaced"]["tables"].as_object().unwrap() {
            let Some(span) = span.get("weeks") else { continue };
            let own = files(&ranged, table, span);
            differences.extend(own.symmetric_difference(&files(full, table, span)).cloned());
        }
        (differences, report)
    }
}

/// The files of a table within a span, by path; names are digests.
fn files(manifest: &Value, table: &str, span: &Value) -> BTreeSet<String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let (first, last) = (text(&span["first"]), text(&span["last"]));
    let files = manifest["tables"][table].as_array().map(Vec::as_slice).unwrap_or_default().iter();
    files.filter(|file| (&first..=&last).contains(&&text(&file["week"]))).map(|file| text(&file["path"])).collect()
}

fn windows(manifest: &Value) -> usize {
    manifest["tables"]["vtr_rolling"].as_array().unwrap().len()
}

/// One package on each of some days.
fn daily(days: std::ops::Range<i64>) -> Vec<Package> {
    days.map(|day| package(1_000 + day as u64, day)).collect()
}

const NO_COPIES: &str = "as_of = \"2025-12-31\"\ndeduplicate = false";

/// The last windows of a range end in the week of the last judged package; rejected, future and superseded rows are
/// not judged.
#[test]
fn windows_end_with_the_last_judged_package() {
    // A package on each of the first 14 days: the last judged one is in 2025-W24.
    let asked = ["2025-W23", "2025-W23"];
    let cases: [(&str, &str, Vec<Package>, [usize; 2]); 7] = [
        ("nothing else", NO_COPIES, Vec::new(), [2, 2]),
        ("judged packages far away", NO_COPIES, daily(90..95), [8, 9]),
        ("rejected ones far away", NO_COPIES, with(daily(90..95), |package| package.marketplace = "Narnia"), [2, 2]),
        (
            "rows not yet there, in a row group with one that is rejected",
            "as_of = \"2025-07-15\"\ndeduplicate = false",
            [with(daily(20..25), later), with(daily(25..26), |package| package.seller = " ")].concat(),
            [2, 2],
        ),
        (
            "rows not yet there in row groups that are left out",
            "as_of = \"2025-07-15\"\ncopies_within = 0",
            { [with(daily(90..94), later), with(daily(94..95), |package| package.seller = "")].concat() },
            [2, 2],
        ),
        (
            "one that is there among rows that are not",
            "as_of = \"2025-07-15\"\ncopies_within = 0",
            [with(daily(90..94), later), with(daily(94..95), |package| (package.shipped, package.updated) = (9, 9))]
                .concat(),
            [7, 8],
        ),
        (
            "superseded copies",
            "as_of = \"2025-12-31\"\ncopies_within = 40",
            {
                // Packages that moved to a day within the first two weeks.
                with(daily(20..25), |package| {
                    package.order = 1_000 + package.day as u64 - 20;
                    package.updated = -40;
                })
            },
            [2, 2],
        ),
    ];
    for (what, keys, more, weeks) in cases {
        let history = History::of(keys, &[[daily(0..14), more].concat()], 3);
        for (rolling, weeks) in ["weekly", "daily"].into_iter().zip(weeks) {
            let set = format!("output.rolling={rolling}");
            let set = ["--set", &set];
            let (full, _) = history.run(&format!("full-{rolling}"), &set);
            assert_eq!(windows(&full), weeks, "{what}: {rolling}");
            let (differences, _) = history.differences(&full, &format!("ranged-{rolling}"), asked, &set);
            assert_eq!(differences, Vec::<String>::new(), "{what}: {rolling}");
        }
    }
}

fn with(mut packages: Vec<Package>, change: impl Fn(&mut Package)) -> Vec<Package> {
    packages.iter_mut().for_each(change);
    packages
}

/// Changes a package on 2025-08-01.
fn later(package: &mut Package) {
    package.updated = 60;
}

/// Eight packages a day, each with a copy up to ten days before or after it, newer or older.
fn copied(days: std::ops::Range<i64>) -> Vec<Package> {
    const AWAY: [i64; 4] = [10, -10, 9, -9];
    let mut packages = Vec::new();
    for order in days.start * 8..days.end * 8 {
        let (day, place) = (order / 8, order as usize % 8);
        let first = Package { shipped: day, ..package(order as u64, day) };
        let updated = if place < 4 { first.updated + 1 } else { first.updated - 1 };
        let day = day + AWAY[place % 4];
        packages.push(Package { day, shipped: day, updated, is_scanned: !first.is_scanned, ..first.clone() });
        packages.push(first);
    }
    packages
}

/// Whether a warning of a report contains a text.
fn said(line: &Value, what: &str) -> bool {
    line.as_str().unwrap().contains(what)
}

const ALL: [&str; 0] = [];
const WEEKLY_ALONE: [&str; 2] = ["--set", "output.tables=[\"vtr_weekly\"]"];
const DAILY: [&str; 2] = ["--set", "output.rolling=daily"];

#[test]
fn copies_across_the_borders_of_a_range_are_found() {
    let history = History::of("as_of = \"2026-03-31\"\ncopies_within = 10", &[copied(0..210)], 4);
    for (name, set) in [("all", &ALL[..]), ("weekly", &WEEKLY_ALONE), ("daily", &DAILY)] {
        let (full, _) = history.run(&format!("{name}-full"), set);
        assert_eq!(full["copies_apart_days"], 10);
        for (index, weeks) in [["2025-W31", "2025-W31"], ["2025-W33", "2025-W36"]].into_iter().enumerate() {
            let (differences, report) = history.differences(&full, &format!("{name}-{index}"), weeks, set);
            assert_eq!(differences, Vec::<String>::new(), "{name}: {weeks:?}");
            let pruned = report["counts"]["rows_pruned"].as_u64().unwrap();
            assert!(pruned > if name == "weekly" { 2_400 } else { 1_200 }, "{name}: only {pruned} rows were left out");
            let health = report["warnings"].as_array().unwrap().iter().filter(|line| said(line, "account_health"));
            assert_eq!(health.count(), usize::from(name != "weekly"), "{report}");
            // The borders matter: if the run reads one day less, it misses some copies.
            let blind = [set, &["--set", "copies_within=9"]].concat();
            let (differences, _) = history.differences(&full, &format!("{name}-{index}-blind"), weeks, &blind);
            assert!(!differences.is_empty(), "{name}: {weeks:?}");
        }
    }
}

/// A full run records how far apart copies are; ranged runs that look less far warn of it.
#[test]
fn copies_farther_away_than_is_looked_are_warned_of() {
    let history = History::of("as_of = \"2026-03-31\"\ncopies_within = 10", &[copied(0..120)], 4);
    let set = [&WEEKLY_ALONE[..], &["--set", "copies_within=9"]].concat();
    let warnings = |out: &str, extra: &[&str]| {
        let out = history.folder.path().join(out).display().to_string();
        let job = history.folder.path().join("job.toml").display().to_string();
        let args = ["run", &job, "--quiet", "--json", "--out", &out];
        let report: Value = serde_json::from_str(&ok(&[&args, &set[..], extra].concat())).unwrap();
        let of_copies =
            report["warnings"].as_array().unwrap().iter().filter(|line| said(line, "copies of one package"));
        of_copies.map(|line| line.as_str().unwrap().to_owned()).collect()
    };
    let none: Vec<String> = warnings("out", &[]);
    assert_eq!(none, [""; 0], "a full run sees every copy");
    let ranged: Vec<String> = warnings("out", &["--from", "2025-W28", "--to", "2025-W28"]);
    let expected = "copies of one package are up to 10 days apart, more than copies_within = 9; raise it";
    assert!(ranged.len() == 1 && ranged[0].starts_with(expected), "{ranged:?}");
    let enough: Vec<String> = warnings("out", &["--from", "2025-W28", "--to", "2025-W28", "--set", "copies_within=10"]);
    assert_eq!(enough, [""; 0]);
}

/// A number below `sides`, from a seed that advances.
fn roll(seed: &mut u64, sides: i64) -> i64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) as i64 % sides
}

/// A history with gaps, copies up to 12 days apart, rejected rows and future rows, in one file or two.
fn drawn(seed: &mut u64) -> Vec<Vec<Package>> {
    let mut files = vec![Vec::new(); 1 + roll(seed, 2) as usize];
    let (mut day, mut order) = (0, 0);
    while day < 160 {
        day += if roll(seed, 25) == 0 { roll(seed, 60) } else { roll(seed, 3) };
        order += 1;
        let mut first = package(order, day);
        first.shipped -= roll(seed, 4);
        if roll(seed, 12) == 0 {
            first.seller = " ";
        }
        if roll(seed, 6) == 0 {
            first.updated += roll(seed, 60);
        }
        let place = roll(seed, files.len() as i64) as usize;
        if roll(seed, 3) == 0 {
            let copy =
                Package { day: day + roll(seed, 25) - 12, updated: first.updated + roll(seed, 5) - 2, ..first.clone() };
            let place = roll(seed, files.len() as i64) as usize;
            files[place].push(copy);
        }
        files[place].push(first);
    }
    files
}

/// The number of histories drawn unless `BORDER_SEEDS` sets another.
const SEEDS: u64 = 4;

#[test]
fn drawn_histories_give_the_same_weeks_by_range_and_whole() {
    let seeds = std::env::var("BORDER_SEEDS").map_or(SEEDS, |seeds| seeds.parse().unwrap());
    let (mut compared, mut pruned) = (0, 0);
    for seed in 0..seeds {
        let dice = &mut (seed + 1);
        let identity =
            ["identity = \"package\"", "identity = \"order\"", "deduplicate = false"][roll(dice, 3) as usize];
        let as_of = ["2025-08-10", "2025-09-30", "2026-01-31"][roll(dice, 3) as usize];
        let rolling = ["weekly", "daily"][roll(dice, 2) as usize];
        let keys = format!("as_of = \"{as_of}\"\ncopies_within = 12\n{identity}");
        let history = History::of(&keys, &drawn(dice), 1 + roll(dice, 5) as usize);
        let set = format!("output.rolling={rolling}");
        let set = ["--set", &set];
        let (full, _) = history.run("full", &set);
        for index in 0..3 {
            let first = 20 + roll(dice, 25);
            let last = first + roll(dice, 4);
            let weeks = [format!("2025-W{first}"), format!("2025-W{last}")];
            let weeks = [weeks[0].as_str(), weeks[1].as_str()];
            if !history.holds(&full, first..=last) {
                // A range without any package is treated as mistyped.
                history.publishes_no_week(&format!("ranged-{index}"), weeks, &set);
                continue;
            }
            let (differences, report) = history.differences(&full, &format!("ranged-{index}"), weeks, &set);
            assert_eq!(differences, Vec::<String>::new(), "seed {seed}: {keys} {rolling} {weeks:?}");
            pruned += report["counts"]["rows_pruned"].as_u64().unwrap();
            compared += 1;
        }
    }
    println!("{compared} ranges compared, {pruned} rows left out");
    assert!(pruned > 10 * seeds, "{pruned}");
}

/// Days from [`DAY_0`] to today.
fn today() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    now.as_secs() as i64 / 86_400 - DAY_0
}

fn date(day: i64) -> String {
    (chrono::DateTime::UNIX_EPOCH + chrono::TimeDelta::days(DAY_0 + day)).date_naive().to_string()
}

/// A history that ends about today, with everything known as of some later day.
fn recent(packages: Vec<Package>, by: i64) -> Vec<Package> {
    with(packages, |package| {
        (package.day, package.shipped, package.updated) =
            (package.day + by, package.shipped + by, package.updated + by);
    })
}

/// A plain run leaves the same output as a full run, including `account_health` and the windows of empty weeks.
#[test]
fn what_is_stale_is_all_that_a_full_run_would_change() {
    let today = today();
    let as_of = |day: i64| ["--as-of".to_owned(), date(today + day)];
    for rolling in ["weekly", "daily"] {
        let keys = "deduplicate = false";
        let history = History::of(keys, &[recent(daily(0..60), today - 60), recent(daily(80..83), today - 60)], 3);
        let set = format!("output.rolling={rolling}");
        let full = |day: i64, fresh: &str| {
            let [option, day] = as_of(day);
            history.stale_and_full("out", fresh, &["--set", &set, &option, &day])
        };
        assert_eq!(full(30, "first"), [""; 0], "nothing was published: {rolling}");
        assert_eq!(full(31, "a-day"), [""; 0], "a day passed: {rolling}");
        history.change(1, &[], 3);
        assert_eq!(full(31, "gone"), [""; 0], "the last packages are gone: {rolling}");
        history.change(1, &recent(daily(85..86), today - 60), 3);
        assert_eq!(full(31, "back"), [""; 0], "some came back behind weeks without any: {rolling}");
        history.change(0, &recent(daily(0..59), today - 60), 3);
        assert_eq!(full(34, "both"), [""; 0], "inputs and as_of: {rolling}");
        // Weeks that do not contain the days of `account_health` leave it unchanged.
        let out = history.folder.path().join("out").display().to_string();
        let job = history.folder.path().join("job.toml").display().to_string();
        let args = ["plan", &job, "--out", &out, "--set", &set, "--as-of", &date(today + 35)];
        assert!(ok(&args).contains(&format!("stale      account_health: of {}", date(today + 34))), "{}", ok(&args));
        assert!(!ok(&[&args[..], &["--last", "2"]].concat()).contains("account_health: of"));
    }
}

#[test]
fn drawn_histories_that_change_are_the_same_by_stale_and_whole() {
    let seeds = std::env::var("BORDER_SEEDS").map_or(SEEDS, |seeds| seeds.parse().unwrap());
    for seed in 0..seeds {
        let dice = &mut (seed + 1_001);
        let identity =
            ["identity = \"package\"", "identity = \"order\"", "deduplicate = false"][roll(dice, 3) as usize];
        let rolling = ["weekly", "daily"][roll(dice, 2) as usize];
        let group = 1 + roll(dice, 5) as usize;
        let by = today() - 120 - roll(dice, 30);
        let mut files: Vec<Vec<Package>> = drawn(dice).into_iter().map(|packages| recent(packages, by)).collect();
        let history = History::of(&format!("copies_within = 12\n{identity}"), &files, group);
        let set = format!("output.rolling={rolling}");
        let mut as_of = today() + 1;
        for step in 0..4 {
            let day = date(as_of);
            let differences = history.stale_and_full("out", &format!("full-{step}"), &["--set", &set, "--as-of", &day]);
            assert_eq!(differences, [""; 0], "seed {seed}, step {step}: {identity} {rolling} as of {day}");
            as_of += [0, 1, 1, 9][roll(dice, 4) as usize];
            if roll(dice, 3) > 0 {
                let file = roll(dice, files.len() as i64) as usize;
                let mut kept = std::mem::take(&mut files[file]);
                kept.retain(|_| roll(dice, 30) > 0);
                let day = by + roll(dice, 170);
                kept.push(package(9_000 + step, day));
                files[file] = kept;
                history.change(file, &files[file], group);
            }
        }
    }
}
