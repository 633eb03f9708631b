//! Tests of runs spread over processes: whatever is folded where, how often and in which order, the published bytes
//! are those of `vtr run`, and parts that do not belong together are refused by name.

use crate::support::{contents, files, ok, root, text, vtr, vtr_in};
use arrow::array::RecordBatch;
use flate2::{Compression, write::GzEncoder};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::properties::WriterProperties;
use serde_json::Value;
use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use vtr::progress::Visibility;
use vtr::shares::{self, HeldParts, Machine, Part, PartKind, Units, Work};

const TABLES: &str = "tables = [\"vtr_weekly\", \"vtr_weekly_category\", \"vtr_weekly_reasons\", \"vtr_rolling\", \
                      \"account_health\", \"health_breakdown\", \"defects\", \"judged\", \"carrier_names\", \"rejects\", \
                      \"input_files\", \"dim_seller\"]";

/// A history with damaged rows whose files overlap, and a job over it with every table.
struct World(tempfile::TempDir);

impl World {
    fn of(rows: &str, extra: &[&str], job: &str) -> World {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("history").display().to_string();
        let mut args = vec!["gen", "--rows", rows, "--seed", "11", "--from", "2025-02-01", "--to", "2025-05-31"];
        args.extend(extra);
        args.push(&out);
        ok(&args);
        let head = format!("name = \"job\"\nas_of = \"2025-06-30\"\n{job}\n");
        let tail = format!(
            "[[input]]\npath = \"history/shipments/*\"\n[output]\npath = \"out\"\n{TABLES}\n[limits]\nmax_rejected = \"90 %\"\n"
        );
        std::fs::write(folder.path().join("job.toml"), head + &tail).unwrap();
        World(folder)
    }

    /// Adds rows that no parser of numbers and days can read, and rows that occur in two files.
    fn with_dirt(self) -> World {
        let shipments = self.0.path().join("history/shipments");
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(&shipments).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        for pair in files.windows(2) {
            let (before, after) =
                (std::fs::read_to_string(&pair[0]).unwrap(), std::fs::read_to_string(&pair[1]).unwrap());
            let again: Vec<&str> = before.lines().skip(1).step_by(5).take(60).collect();
            let heading = after.lines().next().unwrap();
            let broken: Vec<String> =
                after.lines().skip(1).step_by(97).map(|line| line.replace("2025-", "20x5-")).collect();
            let columns = heading.split(',').count();
            let short = ["a".to_owned(), ",".repeat(columns + 3)];
            let more = [again.join("\n"), broken.join("\n"), short.join("\n")].join("\n");
            std::fs::write(&pair[1], format!("{}\n{more}\n", after.trim_end())).unwrap();
        }
        self
    }

    /// Splits the same rows into many row groups.
    fn with_row_groups(self) -> World {
        for path in files(&self.0.path().join("history")) {
            let batches =
                ParquetRecordBatchReaderBuilder::try_new(File::open(&path).unwrap()).unwrap().build().unwrap();
            let batches: Vec<RecordBatch> = batches.map(Result::unwrap).collect();
            let properties = WriterProperties::builder().set_max_row_group_row_count(Some(500)).build();
            let into = File::create(&path).unwrap();
            let mut writer = ArrowWriter::try_new(into, batches[0].schema(), Some(properties)).unwrap();
            batches.iter().for_each(|batch| writer.write(batch).unwrap());
            writer.close().unwrap();
        }
        self
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    fn run(&self, out: &str, extra: &[&str]) {
        let (job, out) = (self.path("job.toml"), self.path(out));
        let mut args = vec!["run", &job, "--quiet", "--out", &out];
        args.extend(extra);
        ok(&args);
    }

    /// Plans into a new output; returns the plan's path.
    fn plan(&self, out: &str, extra: &[&str]) -> String {
        let (job, out, units) = (self.path("job.toml"), self.path(out), self.path(&format!("{out}.json")));
        let mut args = vec!["plan", &job, "--quiet", "--out", &out, "--units", &units];
        args.extend(extra);
        ok(&args);
        units
    }

    fn fold(&self, units: &str, share: &str, to: &str, extra: &[&str]) {
        let (job, to) = (self.path("job.toml"), self.path(to));
        let mut args = vec!["fold", &job, "--quiet", "--plan", units, "--share", share, "--to", &to];
        args.extend(extra);
        ok(&args);
    }

    fn finish(&self, units: &str, from: &str) -> (Option<i32>, String) {
        let (job, from) = (self.path("job.toml"), self.path(from));
        let ended = vtr(&["finish", &job, "--quiet", "--plan", units, "--from", &from]);
        (ended.status.code(), text(&ended.stderr))
    }

    /// The content of a version without the run's name; the names of its files are digests of their bytes.
    fn published(&self, out: &str) -> Value {
        let newest = std::fs::read_dir(self.0.path().join(out).join("_log")).unwrap();
        let newest =
            newest.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|end| end == "json"));
        let mut manifest: Value = serde_json::from_slice(&std::fs::read(newest.max().unwrap()).unwrap()).unwrap();
        assert!(manifest["tables"].as_object().unwrap().len() >= 10 && manifest["run_id"].is_string());
        manifest.as_object_mut().unwrap().remove("run_id");
        manifest
    }

    fn rows(&self, out: &str, of: &str) -> u64 {
        self.published(out)["sums"][of].as_u64().unwrap()
    }
}

#[test]
fn one_two_seven_and_sixty_four_shares_in_any_order_publish_the_bytes_of_a_run() {
    let world = World::of("30000", &["--format", "csv"], "").with_dirt();
    world.run("whole", &[]);
    assert!(world.rows("whole", "superseded") > 200 && world.rows("whole", "rejected") > 100);
    for (shares, step) in [(1, 1), (2, 1), (7, 3), (64, 27)] {
        let out = format!("out-{shares}");
        let units = world.plan(&out, &["--buckets", "3"]);
        for turn in 0..shares {
            let index = turn * step % shares + 1;
            // Neither the number of threads nor the memory changes a part.
            let machine: &[&str] = if turn % 2 == 0 { &["--threads", "1"] } else { &["--memory", "256 MiB"] };
            world.fold(&units, &format!("{index}/{shares}"), &format!("parts-{shares}"), machine);
        }
        let (code, said) = world.finish(&units, &format!("parts-{shares}"));
        assert_eq!(code, Some(0), "{said}");
        assert_eq!(world.published(&out), world.published("whole"), "{shares} shares");
    }
}

#[test]
fn row_groups_weeks_and_orders_of_parquet_are_those_of_a_run() {
    let worlds = [("identity = \"order\"", "order"), ("deduplicate = false", "every row"), ("", "package")];
    for (job, what) in worlds {
        let world = World::of("24000", &["--files", "4", "--dirt"], job).with_row_groups();
        for (range, out) in [(&[][..], "all"), (&["--from", "2025-W12", "--to", "2025-W15"][..], "weeks")] {
            let whole = format!("whole-{out}");
            world.run(&whole, range);
            let units = world.plan(out, range);
            for index in [3, 1, 2] {
                world.fold(&units, &format!("{index}/3"), &format!("parts-{out}"), &[]);
            }
            let (code, said) = world.finish(&units, &format!("parts-{out}"));
            assert_eq!(code, Some(0), "{said}");
            assert_eq!(world.published(out), world.published(&whole), "{what} {out}");
            // The same on a published version, over one week.
            let again = ["--from", "2025-W13", "--to", "2025-W13"];
            // With notes the warnings of a run tell more of the rows around its week; shares fold without them.
            let _ = std::fs::remove_dir_all(world.path(&format!("{whole}/_state/groups")));
            world.run(&whole, &again);
            let units = world.plan(out, &again);
            world.fold(&units, "1/1", &format!("parts-again-{out}"), &[]);
            let (code, said) = world.finish(&units, &format!("parts-again-{out}"));
            assert_eq!(code, Some(0), "{said}");
            assert_eq!(world.published(out), world.published(&whole), "{what} {out} upon a version");
        }
    }
}

#[test]
fn settled_buckets_publish_the_same_whoever_folded_what_twice() {
    let world = World::of("20000", &["--format", "csv"], "").with_dirt();
    world.run("whole", &[]);
    let json = std::fs::read_to_string(world.plan("settled", &["--buckets", "4"])).unwrap();
    let open = || {
        Work::open(
            Units::read("units.json", &json).unwrap(),
            &Machine { threads: Some(2), memory: None },
            SystemTime::now(),
        )
        .unwrap()
    };
    let work = open();
    let units = work.units().units.len();
    assert!(units >= 4, "{units}");
    let mut parts: Vec<Part> = Vec::new();
    for places in [vec![1], (2..units).collect(), vec![0]] {
        // Another process, and this one a second time, give the same bytes.
        let folded = shares::fold_units(&open(), &places).unwrap();
        assert_eq!(folded, shares::fold_units(&work, &places).unwrap());
        parts.extend(folded.iter().cloned());
        parts.extend(folded.into_iter().filter(|part| part.kind == PartKind::Copies));
    }
    let of = |bucket: u32| parts.iter().filter(|part| part.bucket == bucket).cloned().collect::<Vec<Part>>();
    let settled: Vec<Part> =
        (0..4).rev().flat_map(|bucket| shares::settle_bucket(&work, of(bucket)).unwrap()).collect();
    assert!(settled.iter().all(|part| part.kind != PartKind::Copies));
    assert_eq!(settled.iter().filter(|part| part.kind == PartKind::Gone).count(), 4);
    let (_, ended) = shares::finish(&work, &HeldParts(settled.clone()), Visibility::Quiet);
    ended.unwrap();
    assert_eq!(world.published("settled"), world.published("whole"));

    let early = of(2).into_iter().filter(|part| part.kind != PartKind::Copies).collect();
    let refused = shares::settle_bucket(&work, early).unwrap_err().to_string();
    assert!(refused.contains("bucket 2: its copies are of 0 units"), "{refused}");
    let lacking = settled.into_iter().filter(|part| part.kind != PartKind::Files).collect();
    let (_, ended) = shares::finish(&open(), &HeldParts(lacking), Visibility::Quiet);
    assert!(ended.unwrap_err().to_string().contains("parts are missing of the units 0, 1"));
}

#[test]
fn a_share_that_was_killed_or_folded_twice_is_there_once() {
    let world = World::of("20000", &["--format", "csv"], "").with_dirt();
    world.run("whole", &[]);
    let units = world.plan("out", &["--buckets", "2"]);
    for index in [1, 2, 3] {
        world.fold(&units, &format!("{index}/3"), "parts", &[]);
    }
    // A worker died after some of its parts were in place and one was half written.
    let share = world.0.path().join("parts/00002-of-00003");
    for gone in ["counts-00001.arrow", "weeks"] {
        let files = std::fs::read_dir(&share).unwrap().map(|entry| entry.unwrap().path());
        let gone: Vec<PathBuf> =
            files.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with(gone)).collect();
        assert_eq!(gone.len(), 1);
        std::fs::write(share.join(".tmp-20250101T000000Z-0-weeks"), &std::fs::read(&gone[0]).unwrap()[..99]).unwrap();
        std::fs::remove_file(&gone[0]).unwrap();
    }
    let (code, said) = world.finish(&units, "parts");
    assert!(code == Some(3) && said.contains("of 1 of 3 shares: 2/3"), "{said}");
    assert!(!world.0.path().join("out/current").exists(), "nothing is published");
    world.fold(&units, "2/3", "parts", &[]);
    world.fold(&units, "2/3", "parts", &[]);
    // Parts of a plan with another number of shares do no harm.
    world.fold(&units, "1/2", "parts", &[]);
    let (code, said) = world.finish(&units, "parts");
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(world.published("out"), world.published("whole"));
    // A newer version exists, so the plan is refused.
    let (code, said) = world.finish(&units, "parts");
    assert!(code == Some(5) && said.contains("version 1 is published, and the plan is of no version"), "{said}");
}

#[test]
fn parts_and_inputs_that_are_not_of_the_plan_are_refused_by_name() {
    let world = World::of("12000", &["--format", "csv"], "").with_dirt();
    let units = world.plan("out", &[]);
    let (code, said) = world.finish(&units, "parts");
    assert!(code == Some(3) && said.contains("there is no part of this plan"), "{said}");
    world.fold(&units, "1/2", "parts", &[]);
    world.fold(&units, "2/2", "parts", &[]);
    let part = world.0.path().join("parts/00001-of-00002/copies-00000.arrow");
    let whole = std::fs::read(&part).unwrap();
    let refused = |bytes: &[u8], why: &str| {
        std::fs::write(&part, bytes).unwrap();
        let (code, said) = world.finish(&units, "parts");
        assert!(code == Some(3) && said.contains("copies-00000.arrow") && said.contains(why), "{said}");
    };
    refused(&whole[..whole.len() - 100], "cut short");
    refused(&whole[..whole.len() / 2], "cut short");
    refused(b"PAR1 is no part", "not a part that `vtr fold` wrote");
    let mut damaged = whole.clone();
    damaged[whole.len() / 3] ^= 1;
    refused(&damaged, "not those that were written");
    let second = std::fs::read(world.0.path().join("parts/00002-of-00002/copies-00000.arrow")).unwrap();
    refused(&second, "its name does not say");
    let other = world.plan("other", &["--as-of", "2025-06-29"]);
    world.fold(&other, "1/2", "foreign", &[]);
    refused(
        &std::fs::read(world.0.path().join("foreign/00001-of-00002/copies-00000.arrow")).unwrap(),
        "of another plan",
    );
    std::fs::write(&part, &whole).unwrap();

    let job = world.path("job.toml");
    let fold = |extra: &[&str]| {
        let parts = world.path("more");
        let mut args = vec!["fold", &job, "--quiet", "--plan", &units, "--to", &parts];
        args.extend(extra);
        let ended = vtr_in(&root(), &args);
        (ended.status.code(), text(&ended.stderr))
    };
    for share in ["0/2", "3/2", "x", "1"] {
        assert_eq!(fold(&["--share", share]).0, Some(2), "{share}");
    }
    let (code, said) = fold(&["--share", "1/2", "--as-of", "2025-06-01"]);
    assert!(code == Some(2) && said.contains("as_of is another"), "{said}");
    let (code, said) = fold(&["--share", "1/2", "--set", "evidence=format"]);
    assert!(code == Some(2) && said.contains("the job has changed"), "{said}");
    let edited = std::fs::read_to_string(&units).unwrap().replacen("\"rows\": ", "\"rows\": 1", 1);
    std::fs::write(world.path("edited.json"), edited).unwrap();
    let ended =
        vtr(&["fold", &job, "--plan", &world.path("edited.json"), "--share", "1/2", "--to", &world.path("more")]);
    assert!(ended.status.code() == Some(2) && text(&ended.stderr).contains("not as it was written"));

    // One digit of one file changes, its size does not.
    let input = first_input(world.0.path());
    let changed = std::fs::read_to_string(&input).unwrap().replacen('1', "2", 1);
    std::fs::write(&input, changed).unwrap();
    let said: String = ["1/2", "2/2"].map(|share| fold(&["--share", share]).1).concat();
    let name = input.file_name().unwrap().to_string_lossy().into_owned();
    assert!(said.contains(&name) && said.contains("has changed since it was planned"), "{said}");
    std::fs::remove_file(&input).unwrap();
    let (code, said) = fold(&["--share", "1/2"]);
    assert!(code == Some(3) && said.contains(&name) && said.contains("gone since they were planned"), "{said}");
}

/// Who follows what `vtr finish` says of a damaged part gets out of it.
#[test]
fn a_damaged_part_is_made_again_when_its_share_is_folded_again() {
    let world = World::of("6000", &["--format", "csv"], "");
    let units = world.plan("out", &["--buckets", "2"]);
    ["1/2", "2/2"].into_iter().for_each(|share| world.fold(&units, share, "parts", &[]));
    let parts = ["copies-00001.arrow", "counts-00000.arrow"].map(|name| world.path("parts/00001-of-00002/") + name);
    for part in &parts {
        let whole = std::fs::read(part).unwrap();
        let mut flipped = whole.clone();
        flipped[whole.len() / 3] ^= 1;
        for damaged in [&whole[..whole.len() / 2], b"", &flipped] {
            std::fs::write(part, damaged).unwrap();
            let (code, said) = world.finish(&units, "parts");
            assert!(code == Some(3) && said.contains("fold its share again"), "{said}");
            let (job, to) = (world.path("job.toml"), world.path("parts"));
            let ended = vtr(&["fold", &job, "--plan", &units, "--share", "1/2", "--to", &to]);
            let said = text(&ended.stderr);
            assert!(ended.status.success() && said.contains("1 of its parts is damaged"), "{said}");
            assert!(std::fs::read(part).unwrap() == whole, "{part}");
        }
    }
    let (code, said) = world.finish(&units, "parts");
    assert_eq!(code, Some(0), "{said}");
}

/// 900,000 orders in two files alike, whose 300,000 categories are 900,000 cells of two marginals, all in one part.
#[test]
fn a_finish_keeps_to_its_memory_however_great_the_parts_are() {
    const SMALL: u64 = 256 << 20;
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    std::fs::create_dir(folder.path().join("in")).unwrap();
    let mut csv = String::from(
        "seller_id,marketplace,order_id,carrier,tracking_number,product_category,promised_delivery_at,updated_at\n",
    );
    for order in 0..900_000 {
        let (category, day) = (order / 3, 5 + 7 * (order % 3));
        writeln!(csv, "A1,DE,305-{order},DHL,N/A,category number {category},2025-06-{day:02},2025-06-01").unwrap();
    }
    ["a", "b"].into_iter().for_each(|name| std::fs::write(folder.path().join(format!("in/{name}.csv")), &csv).unwrap());
    let job = "name = \"m\"\nas_of = \"2025-06-30\"\n[[input]]\npath = \"in/*\"\n[output]\npath = \"out\"\n";
    std::fs::write(folder.path().join("job.toml"), job).unwrap();
    let (job, parts) = (at("job.toml"), at("parts"));
    let mut published = Vec::new();
    for (out, memory) in [("roomy", "8 GiB"), ("small", "256 MiB")] {
        let (out, units) = (at(out), at(&format!("{out}.json")));
        ok(&["plan", &job, "--quiet", "--out", &out, "--units", &units]);
        let parts = format!("{parts}-{memory}");
        ok(&["fold", &job, "--quiet", "--plan", &units, "--share", "1/1", "--to", &parts, "--memory", "8 GiB"]);
        let args = ["--plan", &units, "--from", &parts, "--memory", memory, "--threads", "2"];
        let report: Value =
            serde_json::from_str(&ok(&[&["finish", &job, "--quiet", "--json"], &args[..]].concat())).unwrap();
        let (peak, spilled) = (report["peak_rss_bytes"].as_u64().unwrap(), report["spilled_bytes"].as_u64().unwrap());
        if memory == "256 MiB" {
            assert!(peak > 0 && peak <= SMALL && spilled > 20 << 20, "{} MiB, {spilled} bytes spilled", peak >> 20);
        }
        assert_eq!(report["counts"]["superseded"], 900_000);
        published.push(contents(Path::new(&out)));
    }
    assert!(published[0].len() > 3);
    assert_eq!(published[0], published[1]);
}

#[test]
fn a_file_that_turns_out_bad_half_way_is_left_out_as_by_a_run() {
    let world = World::of("12000", &["--format", "csv"], "");
    let history = world.0.path().join("history/shipments");
    let first = std::fs::read(first_input(world.0.path())).unwrap();
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(&first).unwrap();
    let packed = packed.finish().unwrap();
    std::fs::write(history.join("cut.csv.gz"), &packed[..packed.len() - 9]).unwrap();
    std::fs::write(history.join("empty.csv"), "").unwrap();
    let job = std::fs::read_to_string(world.path("job.toml")).unwrap();
    let job = job.replace("shipments/*\"", "shipments/*\"\non_bad_file = \"skip\"");
    std::fs::write(world.path("job.toml"), job).unwrap();
    world.run("whole", &[]);
    let units = world.plan("out", &[]);
    for index in [2, 1] {
        world.fold(&units, &format!("{index}/2"), "parts", &[]);
    }
    let (code, said) = world.finish(&units, "parts");
    assert_eq!(code, Some(0), "{said}");
    for name in ["cut.csv.gz", "empty.csv"] {
        assert_eq!(
            said.matches(&format!("left out, on_bad_file = \"skip\": history/shipments/{name}: ")).count(),
            1,
            "{said}"
        );
    }
    assert_eq!(world.published("out"), world.published("whole"));
}

#[test]
fn a_job_of_raw_files_is_joined_when_it_is_planned_and_publishes_the_bytes_of_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let body = std::fs::read_to_string(root().join("jobs/assemble.toml")).unwrap();
    let body = body.replace("../sample_data", &root().join("sample_data").display().to_string());
    std::fs::write(folder.path().join("job.toml"), body.replace("../out/assemble", "unused")).unwrap();
    let job = at("job.toml");
    let (units, parts, out) = (at("units.json"), at("parts"), at("out"));
    ok(&["plan", &job, "--quiet", "--out", &out, "--units", &units]);
    for share in ["2/2", "1/2"] {
        ok(&["fold", &job, "--quiet", "--plan", &units, "--share", share, "--to", &parts]);
    }
    ok(&["finish", &job, "--quiet", "--plan", &units, "--from", &parts]);
    ok(&["run", &job, "--full", "--quiet", "--out", &at("whole")]);
    assert!(contents(Path::new(&out)).len() > 3);
    assert_eq!(contents(Path::new(&out)), contents(&folder.path().join("whole")));
}

fn first_input(folder: &Path) -> PathBuf {
    let files = std::fs::read_dir(folder.join("history/shipments")).unwrap().map(|entry| entry.unwrap().path());
    files.min().unwrap()
}
