//! Tests that unchanged inputs are recognised by content: whatever cell is corrected in place, an incremental run
//! equals a full one. Tables of one version agree, whatever tables the job made before.

use crate::support::{fails, ok, text, vtr};
use arrow::array::{ArrayRef, RecordBatch, StringArray, TimestampMicrosecondArray};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{WriterProperties, WriterVersion};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

/// 2025-03-03, a Monday.
const DAY_0: i64 = 20_150;
const DAY_MICROS: i64 = 86_400_000_000;
const ROWS: u64 = 160;

/// One package per day, whose cells are corrected.
#[derive(Clone)]
struct Package {
    seller: String,
    category: String,
    number: String,
    promised: i64,
    scanned: Option<i64>,
}

fn packages() -> Vec<Package> {
    let package = |row: u64| {
        let promised = (DAY_0 + row as i64) * DAY_MICROS + DAY_MICROS / 2;
        Package {
            seller: format!("S{}", row % 3),
            category: ["Toys", "Book"][row as usize % 2].to_owned(),
            number: format!("JJD{:017}", 5_000_000 + row * 7919),
            promised,
            scanned: (!row.is_multiple_of(5)).then_some(promised - DAY_MICROS),
        }
    };
    (0..ROWS).map(package).collect()
}

/// Corrects a cell without changing its length.
fn correct(package: &mut Package, column: u64) {
    match column {
        0 => package.number = "1".repeat(package.number.len()),
        1 => package.seller = "S9".to_owned(),
        2 => package.category = "Home".to_owned(),
        3 => package.promised += DAY_MICROS,
        _ => package.scanned = package.scanned.map_or(Some(package.promised - DAY_MICROS), |_| None),
    }
}

/// The format of a file.
#[derive(Clone, Copy, Debug)]
enum Writer {
    Parquet(Compression, WriterVersion, bool),
    Csv,
}

impl Writer {
    fn write(self, folder: &Path, packages: &[Package]) -> std::path::PathBuf {
        match self {
            Writer::Csv => csv(folder, packages),
            Writer::Parquet(compression, version, has_dictionaries) => {
                let layout = WriterProperties::builder()
                    .set_compression(compression)
                    .set_writer_version(version)
                    .set_dictionary_enabled(has_dictionaries)
                    .set_max_row_group_row_count(Some(50));
                let path = folder.join("a.parquet");
                let batch = batch(packages);
                let mut writer =
                    ArrowWriter::try_new(File::create(&path).unwrap(), batch.schema(), Some(layout.build())).unwrap();
                writer.write(&batch).unwrap();
                writer.close().unwrap();
                path
            }
        }
    }
}

fn batch(packages: &[Package]) -> RecordBatch {
    let texts = |of: &dyn Fn(usize, &Package) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(packages.iter().enumerate().map(|(row, package)| of(row, package))))
    };
    let times = |of: &dyn Fn(&Package) -> Option<i64>| -> ArrayRef {
        Arc::new(packages.iter().map(of).collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
    };
    RecordBatch::try_from_iter([
        ("seller_id", texts(&|_, package| package.seller.clone())),
        ("marketplace", texts(&|_, _| "DE".to_owned())),
        ("order_id", texts(&|row, _| format!("305-{row:07}"))),
        ("carrier", texts(&|_, _| "DHL".to_owned())),
        ("tracking_number", texts(&|_, package| package.number.clone())),
        ("product_category", texts(&|_, package| package.category.clone())),
        ("promised_delivery_at", times(&|package| Some(package.promised))),
        ("first_scan_at", times(&|package| package.scanned)),
    ])
    .unwrap()
}

fn csv(folder: &Path, packages: &[Package]) -> std::path::PathBuf {
    let time =
        |micros: i64| chrono::DateTime::from_timestamp_micros(micros).unwrap().format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let head =
        "seller_id,marketplace,order_id,carrier,tracking_number,product_category,promised_delivery_at,first_scan_at\n";
    let line = |(row, package): (usize, &Package)| {
        // A missing scan leaves blanks, so that no size changes.
        let scanned = package.scanned.map_or(" ".repeat(20), time);
        let Package { seller, number, category, promised, .. } = package;
        format!("{seller},DE,305-{row:07},DHL,{number},{category},{},{scanned}\n", time(*promised))
    };
    let path = folder.join("a.csv");
    fs::write(&path, head.to_owned() + &packages.iter().enumerate().map(line).collect::<String>()).unwrap();
    path
}

/// The published files of all tables except those that describe the last publication.
fn published(out: &Path) -> BTreeSet<String> {
    let manifest = manifest(out);
    let tables = manifest["tables"].as_object().unwrap().iter();
    let tables = tables.filter(|(table, _)| !matches!(table.as_str(), "rejects" | "input_files"));
    let files = tables.flat_map(|(_, files)| files.as_array().unwrap().clone());
    files.map(|file| file["path"].as_str().unwrap().to_owned()).collect()
}

fn manifest(out: &Path) -> Value {
    let last = fs::read_dir(out.join("_log")).unwrap().map(|entry| entry.unwrap().path()).max().unwrap();
    serde_json::from_str(&fs::read_to_string(last).unwrap()).unwrap()
}

struct Case {
    folder: tempfile::TempDir,
}

impl Case {
    fn new(output: &str) -> Case {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("in")).unwrap();
        let job = format!(
            "name = \"unchanged\"\nas_of = \"2025-12-01\"\ncopies_within = 7\n[[input]]\npath = \"in/*\"\n[output]\npath = \"out\"\n{output}"
        );
        fs::write(folder.path().join("job.toml"), job).unwrap();
        Case { folder }
    }

    fn input(&self) -> std::path::PathBuf {
        self.folder.path().join("in")
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Runs the job; returns stderr.
    fn run(&self, extra: &[&str]) -> String {
        let output = vtr(&[&["run", &self.path("job.toml")], extra].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stderr)
    }

    /// The differences between the output and a full run into another output.
    fn differences(&self, fresh: &str, extra: &[&str]) -> Vec<String> {
        let fresh = self.folder.path().join(fresh);
        ok(&[&["run", &self.path("job.toml"), "--quiet", "--full", "--out", fresh.to_str().unwrap()], extra].concat());
        published(&self.folder.path().join("out")).symmetric_difference(&published(&fresh)).cloned().collect()
    }
}

/// A number below `sides`, from a seed that advances.
fn roll(seed: &mut u64, sides: u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) % sides
}

#[test]
fn a_cell_that_is_corrected_in_place_is_judged_again_under_each_writer() {
    let zstd = Compression::ZSTD(ZstdLevel::try_new(3).unwrap());
    let writers = [
        Writer::Parquet(Compression::UNCOMPRESSED, WriterVersion::PARQUET_1_0, false),
        Writer::Parquet(Compression::UNCOMPRESSED, WriterVersion::PARQUET_2_0, true),
        Writer::Parquet(Compression::SNAPPY, WriterVersion::PARQUET_1_0, true),
        Writer::Parquet(zstd, WriterVersion::PARQUET_1_0, false),
        Writer::Csv,
    ];
    let seeds = std::env::var("UNCHANGED_SEEDS").map_or(3, |seeds| seeds.parse().unwrap());
    let (mut corrected, mut same_size) = (0, 0);
    for writer in writers {
        let case = Case::new("");
        let mut packages = packages();
        let path = writer.write(&case.input(), &packages);
        case.run(&["--quiet"]);
        assert!(case.run(&[]).contains("no week is outdated"), "{writer:?}");
        for seed in 0..seeds {
            let dice = &mut (seed + 1);
            let before = path.metadata().unwrap();
            let (row, column) = (roll(dice, ROWS) as usize, (roll(dice, 5) + seed) % 5);
            correct(&mut packages[row], column);
            writer.write(&case.input(), &packages);
            File::options().write(true).open(&path).unwrap().set_modified(before.modified().unwrap()).unwrap();
            same_size += u64::from(path.metadata().unwrap().len() == before.len());
            let said = case.run(&[]);
            let what = format!("{writer:?}, seed {seed}, row {row}, column {column}");
            assert!(!said.contains("no week is outdated"), "{what}: {said}");
            assert_eq!(case.differences(&format!("full-{seed}"), &[]), [""; 0], "{what}: {said}");
            corrected += 1;
        }
    }
    println!("{corrected} cells corrected, {same_size} of them in files that kept their size");
    assert!(same_size * 3 > corrected, "{same_size} of {corrected}");
}

const TABLES: [&str; 17] = [
    "vtr_weekly",
    "vtr_weekly_category",
    "vtr_rolling",
    "account_health",
    "defects",
    "carrier_names",
    "rejects",
    "input_files",
    "vtr_weekly_reasons",
    "health_breakdown",
    "judged",
    "dim_marketplace",
    "dim_carrier",
    "dim_reason",
    "dim_rule",
    "dim_week",
    "dim_seller",
];

/// Publishes one set of tables, then another after a correction: every table of the newest version is as a fresh run
/// makes it, or absent.
#[test]
fn tables_of_one_version_agree_whatever_was_made_before() {
    const N: usize = TABLES.len();
    let without = |left_out: usize| (0..N).filter(move |table| *table != left_out).collect::<Vec<usize>>();
    let all: Vec<usize> = (0..N).collect();
    let mut pairs: Vec<(Vec<usize>, Vec<usize>)> = Vec::new();
    for table in 0..N {
        pairs.push((all.clone(), vec![table]));
        pairs.push((vec![table], all.clone()));
        pairs.push((without(table), without((table + 3) % N)));
    }
    let set = |tables: &[usize]| {
        let names: Vec<String> = tables.iter().map(|table| format!("\"{}\"", TABLES[*table])).collect();
        format!("output.tables=[{}]", names.join(","))
    };
    for (index, (first, second)) in pairs.iter().enumerate() {
        let case = Case::new("");
        let mut packages = packages();
        csv(&case.input(), &packages);
        case.run(&["--quiet", "--set", &set(first)]);
        // In half of the cases only the tables change.
        if index % 2 == 0 {
            correct(&mut packages[140], 4);
            csv(&case.input(), &packages);
        }
        let said = case.run(&["--set", &set(second)]);
        let differences = case.differences("fresh", &["--set", &set(second)]);
        assert_eq!(differences, [""; 0], "{first:?}, then {second:?}: {said}");
        let names: BTreeSet<String> = second.iter().map(|table| TABLES[*table].to_owned()).collect();
        let there = manifest(&case.folder.path().join("out"))["tables"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(names, there, "{first:?}, then {second:?}: {said}");
    }
    println!("{} pairs of sets of tables", pairs.len());
}

#[test]
fn a_mistyped_year_and_an_earlier_day_publish_nothing() {
    let case = Case::new("");
    csv(&case.input(), &packages());
    case.run(&["--quiet"]);
    let job = case.path("job.toml");
    let said = fails(2, &["run", &job, "--from", "2015-W10", "--to", "2015-W12"]);
    assert!(said.contains("no package is in the weeks asked for") && said.contains("2025-W10"), "{said}");
    let said = fails(2, &["run", &job, "--as-of", "2025-11-01"]);
    assert!(said.contains("published as of 2025-12-01") && said.contains("--out"), "{said}");
    assert_eq!(manifest(&case.folder.path().join("out"))["version"], 1);
    // Only the weeks named are judged, and other outdated weeks are reported.
    let said = case.run(&["--from", "2025-W30", "--to", "2025-W31", "--as-of", "2025-12-03"]);
    assert!(said.contains("2025-W"), "{said}");
    assert_eq!(manifest(&case.folder.path().join("out"))["health_as_of"], "2025-12-01");
    case.run(&["--quiet", "--as-of", "2025-12-03"]);
    assert_eq!(manifest(&case.folder.path().join("out"))["health_as_of"], "2025-12-03");
}

/// Rotated exports neither stop the runs nor reduce closed weeks.
#[test]
fn closed_weeks_outlive_their_inputs() {
    let case = Case::new("");
    let packages = packages();
    let halves = |folder: &Path, which: &[usize]| {
        for index in which {
            let part = folder.join(index.to_string());
            fs::create_dir_all(&part).unwrap();
            csv(&part, &packages[index * 80..(index + 1) * 80]);
        }
    };
    let (set, job) = (["--set", "input.0.path=in/*/*.csv"], case.path("job.toml"));
    halves(&case.input(), &[0, 1]);
    ok(&[&["run", &job, "--quiet"], &set[..]].concat());
    let before = published(&case.folder.path().join("out"));
    fs::remove_dir_all(case.input().join("0")).unwrap();
    let said = fails(4, &[&["run", &job], &set[..]].concat());
    assert!(said.contains("would vanish") && said.contains("closed_after_days"), "{said}");
    assert!(said.contains("the file is gone"), "{said}");
    let closed = [&set[..], &["--set", "output.closed_after_days=190"]].concat();
    let said = case.run(&closed);
    assert!(said.contains("as a run with --full would leave it, apart from weeks before"), "{said}");
    let after = published(&case.folder.path().join("out"));
    let week = |path: &&String| path.contains("week=2025-03") || path.contains("week=2025-04");
    assert_eq!(after.iter().filter(week).collect::<Vec<_>>(), before.iter().filter(week).collect::<Vec<_>>(), "{said}");
    assert!(case.run(&closed).contains("stay as they are"), "still outdated, still closed");
    // What is said of a whole run is what it says itself.
    let said = fails(4, &[&["run", &job, "--full"], &closed[..]].concat());
    assert!(said.contains("would vanish") && said.contains("a run without --full"), "{said}");
    // Weeks that were closed before they are final would stay provisional.
    let said = fails(2, &[&["run", &job], &set[..], &["--set", "output.closed_after_days=13"]].concat());
    assert!(said.contains("`output.closed_after_days` = 13 closes weeks before they are final"), "{said}");
}

/// The memory of inputs is a hint: if it is damaged or gone, only time is lost, and `--rehash` ignores it.
#[test]
fn the_memory_of_inputs_is_a_hint() {
    let case = Case::new("");
    csv(&case.input(), &packages());
    case.run(&["--quiet"]);
    let memory = case.folder.path().join("out/_state/inputs.json");
    for damage in ["", "{}", "[1,2"] {
        let _ = fs::create_dir_all(memory.parent().unwrap());
        fs::write(&memory, damage).unwrap();
        assert!(case.run(&[]).contains("no week is outdated"), "{damage}");
    }
    assert!(case.run(&["--rehash"]).contains("no week is outdated"));
    let files = ok(&["resolve", &case.path("out"), "--table", "input_files"]);
    assert!(files.contains("input_files"), "{files}");
}
