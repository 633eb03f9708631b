//! Tests of publications end to end on a folder: what replaces what, what is refused, what readers see.

mod cleaning;
mod seeded;
mod unchanged;

use super::gc::{GRACE, Mode};
use super::local::Local;
use super::*;
use crate::job::plan::WeekRange;
use crate::verbs::listing::Format;
use crate::verbs::{resolve, verify};
use arrow::array::{ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, StringArray};
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;
use tempfile::TempDir;

/// Mondays of five successive weeks.
const WEEKS: [Day; 5] = [20_003, 20_010, 20_017, 20_024, 20_031];
const AS_OF: Day = 20_060;

/// A batch of any table: text columns number the rows, `valid` is `mark` in each row, other counts are 0.
fn batch(table: Table, rows: usize, mark: i64) -> RecordBatch {
    let schema = table.schema();
    let column = |field: &arrow::datatypes::FieldRef| -> ArrayRef {
        let number =
            if matches!(field.name().as_str(), "valid" | "eligible" | "shipments" | "record") { mark } else { 0 };
        match field.data_type() {
            DataType::Int64 => Arc::new(Int64Array::from(vec![number; rows])),
            DataType::Float64 => Arc::new(Float64Array::from(vec![0.95; rows])),
            DataType::Date32 => Arc::new(Date32Array::from(vec![WEEKS[0]; rows])),
            DataType::Boolean => Arc::new(BooleanArray::from(vec![true; rows])),
            DataType::Utf8 => Arc::new(StringArray::from_iter_values((0..rows).map(|row| format!("{row:06}")))),
            other => panic!("{}: {other} is no type of a published column", field.name()),
        }
    };
    RecordBatch::try_new(schema.clone(), schema.fields().iter().map(column).collect()).unwrap()
}

fn piece(table: Table, week: Option<Day>, rows: usize, mark: i64) -> Piece<'static> {
    Piece::of(table, week, vec![batch(table, rows, mark)])
}

/// One run: its weeks, each with the number of valid packages of its one row.
#[derive(Clone)]
struct TestRun {
    id: &'static str,
    job: &'static str,
    digest: &'static str,
    evidence: Evidence,
    as_of: Day,
    range: Option<WeekRange>,
    weeks: Vec<(Day, i64)>,
    health_span_read: bool,
    input_digest: &'static str,
    may_vanish: u64,
}

impl TestRun {
    fn new(id: &'static str, weeks: &[(Day, i64)]) -> TestRun {
        TestRun {
            id,
            job: "weekly",
            digest: "job",
            evidence: Evidence::Scans,
            as_of: AS_OF,
            range: None,
            weeks: weeks.to_vec(),
            health_span_read: true,
            input_digest: "one",
            may_vanish: 5,
        }
    }

    fn ranged(id: &'static str, first: Day, last: Day, weeks: &[(Day, i64)]) -> TestRun {
        let range = Some(WeekRange { first, last });
        TestRun { range, health_span_read: false, ..TestRun::new(id, weeks) }
    }

    fn target(&self, out: &Path) -> Target {
        let tables = [Table::VtrWeekly, Table::AccountHealth, Table::Rejects, Table::InputFiles];
        Target {
            out: out.to_path_buf(),
            job: log::Job { name: self.job.into(), digest: self.digest.into() },
            book: "book".into(),
            book_parts: BTreeMap::from([("the whole".into(), "book".into())]),
            revision: 2,
            ran_on: self.as_of,
            range: self.range,
            claim: None,
            latency_days: 14,
            windows: (30, 6),
            as_of: self.as_of,
            evidence: None,
            spans: tables.into_iter().map(|table| (table, target::span(table, self.range, WEEKS[4]))).collect(),
            judged_from: None,
            max_rejected: (1, 10),
            max_damaged: (1, 100),
            max_unknown_words: (1, 100),
            max_copied_times: (1, 2),
            max_vanished_weeks: self.may_vanish,
            closes_weeks: false,
            checks: Vec::new(),
            check_bytes: 1 << 20,
            held_bytes: 1 << 20,
        }
    }

    fn begin(&self, out: &Path) -> Result<Publication> {
        Publication::to(at(out)?, self.target(out), self.id.to_owned())
    }

    fn pieces(&self) -> Vec<Piece<'static>> {
        let weeks = self.weeks.iter().map(|(week, valid)| piece(Table::VtrWeekly, Some(*week), 1, *valid));
        let whole =
            [(Table::AccountHealth, 2, i64::from(self.as_of)), (Table::Rejects, 0, 0), (Table::InputFiles, 1, 0)];
        weeks.chain(whole.map(|(table, rows, mark)| piece(table, None, rows, mark))).collect()
    }

    fn write(&self, publication: &Publication) {
        self.pieces().into_iter().for_each(|piece| publication.write(piece).unwrap());
    }

    fn facts(&self) -> ManifestFacts {
        let valid = self.weeks.iter().map(|(_, valid)| valid.unsigned_abs()).sum();
        let sums = Sums { read: valid, valid, ..Sums::default() };
        let input =
            InputFile { file: "in.csv".into(), bytes: 9, digest: self.input_digest.into(), ..InputFile::default() };
        ManifestFacts {
            evidence: self.evidence,
            inputs: vec![(input, sums)],
            bad: Vec::new(),
            sums,
            weeks: self.weeks.iter().map(|(week, valid)| (*week, [0, 0, valid.unsigned_abs(), 0])).collect(),
            due: BTreeMap::new(),
            unpriced: 0,
            copies_apart_days: None,
            health_span_read: self.health_span_read,
            lost: BTreeSet::new(),
            not_judged: Vec::new(),
            set_aside: Vec::new(),
            warnings: Vec::new(),
            kept: gates::KeptCounts::default(),
        }
    }

    fn publish(&self, out: &Path) -> Result<Published> {
        let publication = self.begin(out)?;
        self.write(&publication);
        let published = publication.commit(self.facts(), &mut Vec::new())?;
        assert!(published.warnings.is_empty(), "{:?}", published.warnings);
        Ok(published)
    }
}

/// Reads the published state of a place.
fn open(out: &Path, version: Option<u64>) -> Result<Manifest> {
    super::open(at(out)?.as_ref(), version)
}

fn damages(out: &Path, manifest: &Manifest) -> Vec<verify::Damage> {
    verify::damages(at(out).unwrap().as_ref(), manifest).unwrap()
}

fn locate(out: &Path, file: &DataFile) -> PathBuf {
    out.join(&file.path)
}

/// The number of rows of a Parquet file on this machine.
fn rows(path: &Path) -> u64 {
    encode::rows(crate::place::readable::Readable::File(fs::File::open(path).unwrap()), "the file").unwrap()
}

/// The weeks of `vtr_weekly` with the valid packages read back from its files.
fn weekly(out: &Path, manifest: &Manifest) -> Vec<(Day, i64)> {
    let read = |file: &DataFile| {
        let store = at(out).unwrap();
        let readable = store.open(&file.path).unwrap().unwrap();
        let batch = encode::open(readable, &file.path).unwrap().next().unwrap().unwrap();
        let column = batch.column_by_name("valid").unwrap().clone();
        (file.week.unwrap(), column.as_any().downcast_ref::<Int64Array>().unwrap().value(0))
    };
    manifest.files(Table::VtrWeekly).iter().map(read).collect()
}

/// All files below a folder with their bytes, including the log's entries.
fn tree(out: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = walkdir::WalkDir::new(out).into_iter().map(|entry| entry.unwrap());
    let files = entries.filter(|entry| entry.file_type().is_file());
    files.map(|entry| (entry.path().to_path_buf(), fs::read(entry.path()).unwrap())).collect()
}

fn no_temporary_files(out: &Path) {
    let left: Vec<_> = tree(out).into_keys().filter(|path| path.to_string_lossy().contains(local::TEMPORARY)).collect();
    assert!(left.is_empty(), "{left:?}");
}

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("it's out");
    (folder, out)
}

#[test]
fn the_same_again_changes_nothing() {
    let (_folder, out) = folder();
    let run = TestRun::new("r1", &[(WEEKS[0], 5), (WEEKS[1], 7)]);
    let first = run.publish(&out).unwrap();
    assert_eq!((first.version, first.unchanged, first.files), (1, false, 5));
    let before = tree(&out);
    let again = TestRun { id: "r2", ..run.clone() }.publish(&out).unwrap();
    assert_eq!((again.version, again.unchanged, again.manifest.run_id.as_str()), (1, true, "r1"));
    assert_eq!(tree(&out), before);
    // A later as_of makes another version, of the same files.
    let later = TestRun { id: "r3", as_of: AS_OF + 1, ..run }.publish(&out).unwrap();
    assert_eq!((later.version, later.unchanged), (2, false));
    assert_eq!(later.manifest.files(Table::VtrWeekly)[0].path, first.manifest.files(Table::VtrWeekly)[0].path);
    no_temporary_files(&out);
}

#[test]
fn a_ranged_run_replaces_its_weeks_and_a_full_one_all() {
    let (_folder, out) = folder();
    TestRun::new("r1", &[(WEEKS[0], 1), (WEEKS[1], 2), (WEEKS[2], 3), (WEEKS[3], 4)]).publish(&out).unwrap();
    // Week 2 of the range is now empty, so it vanishes; weeks outside the range stay.
    let ranged = TestRun::ranged("r2", WEEKS[1], WEEKS[2], &[(WEEKS[1], 20)]).publish(&out).unwrap().manifest;
    assert_eq!(weekly(&out, &ranged), [(WEEKS[0], 1), (WEEKS[1], 20), (WEEKS[3], 4)]);
    let judged_by: Vec<u64> = ranged.files(Table::VtrWeekly).iter().map(|file| file.judged_by).collect();
    assert_eq!((judged_by, ranged.replaced.base), (vec![1, 2, 1], Some(1)));
    assert_eq!(ranged.replaced.files.len(), 2, "{:?}", ranged.replaced);
    let span = Span::Weeks { first: WEEKS[1], last: WEEKS[2] };
    assert_eq!(ranged.replaced.tables["vtr_weekly"], span);
    let full = TestRun::new("r3", &[(WEEKS[4], 9)]).publish(&out).unwrap().manifest;
    assert_eq!(weekly(&out, &full), [(WEEKS[4], 9)]);
    // Every version stays readable.
    assert_eq!(weekly(&out, &open(&out, Some(1)).unwrap()).len(), 4);
    assert!(matches!(open(&out, Some(4)), Err(Error::Usage(_))));
    resolve::run(&out, Some("vtr_weekly"), Some(2), Format::Json).unwrap();
    resolve::run(&out, None, None, Format::Csv).unwrap();
    let Err(Error::Usage(message)) = resolve::run(&out, Some("vtr_rolling"), None, Format::Table) else {
        panic!("resolved")
    };
    assert!(message.contains("is not part of version 3") && message.contains("vtr_weekly"), "{message}");
}

#[test]
fn some_weeks_of_other_tables_are_refused() {
    let (_folder, out) = folder();
    let whole = TestRun::new("r1", &[(WEEKS[0], 1), (WEEKS[1], 2)]);
    whole.publish(&out).unwrap();
    let ranged = TestRun::ranged("r2", WEEKS[0], WEEKS[0], &[(WEEKS[0], 1)]);
    let begin = |change: &dyn Fn(&mut Target)| {
        let mut target = ranged.target(&out);
        change(&mut target);
        Publication::to(at(&out).unwrap(), target, "r2".into()).map(|_| ())
    };
    begin(&|_| {}).unwrap();
    let span = target::span(Table::Defects, ranged.range, WEEKS[4]);
    let Err(Error::Usage(added)) = begin(&|target| {
        target.spans.insert(Table::Defects, span);
    }) else {
        panic!("added")
    };
    assert!(added.contains("(with defects)") && added.contains("without a range"), "{added}");
    let Err(Error::Usage(dropped)) = begin(&|target| {
        target.spans.remove(&Table::AccountHealth);
    }) else {
        panic!("dropped")
    };
    assert!(dropped.contains("(without account_health)"), "{dropped}");
    begin(&|target| {
        target.range = None;
        target.spans.insert(Table::Defects, Span::All);
    })
    .unwrap();
}

#[test]
fn windows_after_the_range_are_replaced_too() {
    let range = Some(WeekRange { first: WEEKS[0], last: WEEKS[1] });
    let last_end = WEEKS[4] + 6;
    let windows = target::span(Table::VtrRolling, range, last_end);
    assert_eq!(windows, Span::Weeks { first: WEEKS[0], last: WEEKS[4] });
    assert!(!windows.covers(Some(WEEKS[4] + 7)), "the window after the last one would vanish");
    assert_eq!(target::span(Table::Defects, range, last_end), Span::Weeks { first: WEEKS[0], last: WEEKS[1] });
    assert_eq!(target::span(Table::Rejects, range, last_end), Span::All);
    assert_eq!(target::span(Table::VtrRolling, None, last_end), Span::All);
}

#[test]
fn account_health_never_goes_back_in_time() {
    let (_folder, out) = folder();
    let run = TestRun::new("r1", &[(WEEKS[0], 1)]);
    let first = run.publish(&out).unwrap().manifest;
    let Err(Error::Usage(message)) = (TestRun { id: "r0", as_of: AS_OF - 7, ..run.clone() }).publish(&out) else {
        panic!("went back")
    };
    assert!(message.contains("--out"), "{message}");
    let older = TestRun {
        as_of: AS_OF - 7,
        health_span_read: true,
        ..TestRun::ranged("r2", WEEKS[0], WEEKS[0], &[(WEEKS[0], 1)])
    };
    let older = older.publish(&out).unwrap().manifest;
    assert_eq!(older.files(Table::AccountHealth), first.files(Table::AccountHealth));
    assert_eq!((older.health_as_of, older.as_of), (Some(AS_OF), AS_OF - 7));
    let blind =
        TestRun { id: "r3", as_of: AS_OF + 7, health_span_read: false, ..run.clone() }.publish(&out).unwrap().manifest;
    assert_eq!(blind.health_as_of, Some(AS_OF));
    let newer = TestRun { id: "r4", as_of: AS_OF + 7, ..run }.publish(&out).unwrap().manifest;
    assert_eq!(newer.health_as_of, Some(AS_OF + 7));
    assert_ne!(newer.files(Table::AccountHealth), first.files(Table::AccountHealth));
}

#[test]
fn another_job_or_other_evidence_is_refused() {
    let (_folder, out) = folder();
    let run = TestRun::new("r1", &[(WEEKS[0], 1)]);
    run.publish(&out).unwrap();
    let other = TestRun { id: "r2", job: "daily", ..run.clone() };
    let Err(Error::Usage(message)) = other.begin(&out).map(|_| ()) else { panic!("accepted") };
    assert!(message.contains("`weekly`") && message.contains("`daily`"), "{message}");
    let format = TestRun { id: "r3", evidence: Evidence::Format, ..run };
    assert!(matches!(format.begin(&out).unwrap().expect(Evidence::Format), Err(Error::Usage(_))));
    assert!(matches!(format.publish(&out), Err(Error::Usage(_))));
    assert_eq!(open(&out, None).unwrap().version, 1);
}

#[test]
fn disjoint_weeks_both_land_and_shared_ones_conflict() {
    let (_folder, out) = folder();
    TestRun::new("r0", &[(WEEKS[0], 1), (WEEKS[1], 2), (WEEKS[2], 3)]).publish(&out).unwrap();
    let runs = [
        TestRun::ranged("a", WEEKS[0], WEEKS[0], &[(WEEKS[0], 10)]),
        TestRun::ranged("b", WEEKS[1], WEEKS[1], &[(WEEKS[1], 20)]),
        TestRun::ranged("c", WEEKS[0], WEEKS[1], &[(WEEKS[0], 30)]),
    ];
    let publications: Vec<Publication> = runs.iter().map(|run| run.begin(&out).unwrap()).collect();
    runs.iter().zip(&publications).for_each(|(run, publication)| run.write(publication));
    let mut publications = publications.into_iter();
    let mut commit = |run: &TestRun| publications.next().unwrap().commit(run.facts(), &mut Vec::new());
    assert_eq!(commit(&runs[0]).unwrap().version, 2);
    let second = commit(&runs[1]).unwrap();
    assert_eq!((second.version, second.manifest.replaced.base), (3, Some(2)));
    assert_eq!(weekly(&out, &second.manifest), [(WEEKS[0], 10), (WEEKS[1], 20), (WEEKS[2], 3)]);
    let Err(Error::Conflict(message)) = commit(&runs[2]) else { panic!("both landed") };
    assert!(message.contains("run a") && message.contains("vtr_weekly"), "{message}");
    assert_eq!(open(&out, None).unwrap(), second.manifest);
    // A retry is safe.
    assert_eq!(runs[2].publish(&out).unwrap().version, 4);
}

#[test]
fn two_runs_that_say_the_same_are_one_publication() {
    let (_folder, out) = folder();
    let (a, b) = (TestRun::new("a", &[(WEEKS[0], 1)]), TestRun::new("b", &[(WEEKS[0], 1)]));
    let (first, second) = (a.begin(&out).unwrap(), b.begin(&out).unwrap());
    a.write(&first);
    b.write(&second);
    assert!(!first.commit(a.facts(), &mut Vec::new()).unwrap().unchanged);
    let second = second.commit(b.facts(), &mut Vec::new()).unwrap();
    assert_eq!((second.version, second.unchanged, second.manifest.run_id.as_str()), (1, true, "a"));
}

#[test]
fn figures_of_another_state_of_the_job_are_not_mixed_in_flight() {
    let (_folder, out) = folder();
    TestRun::new("r0", &[(WEEKS[0], 1), (WEEKS[1], 2)]).publish(&out).unwrap();
    let late = TestRun::ranged("late", WEEKS[1], WEEKS[1], &[(WEEKS[1], 20)]);
    let publication = late.begin(&out).unwrap();
    late.write(&publication);
    TestRun { digest: "job, changed", ..TestRun::ranged("new", WEEKS[0], WEEKS[0], &[(WEEKS[0], 10)]) }
        .publish(&out)
        .unwrap();
    assert!(matches!(publication.commit(late.facts(), &mut Vec::new()), Err(Error::Conflict(_))));
}

#[test]
fn threads_that_race_for_a_number_all_land_once() {
    let (_folder, out) = folder();
    TestRun::new("r0", &[(WEEKS[0], 1), (WEEKS[1], 2), (WEEKS[2], 3), (WEEKS[3], 4)]).publish(&out).unwrap();
    let ids = ["t0", "t1", "t2", "t3"];
    let barrier = std::sync::Barrier::new(ids.len());
    std::thread::scope(|scope| {
        for (id, week) in ids.into_iter().zip(WEEKS) {
            let (out, barrier) = (&out, &barrier);
            scope.spawn(move || {
                let run = TestRun::ranged(id, week, week, &[(week, 100)]);
                let publication = run.begin(out).unwrap();
                run.write(&publication);
                barrier.wait();
                let published = publication.commit(run.facts(), &mut Vec::new()).unwrap();
                assert!(published.warnings.is_empty(), "{:?}", published.warnings);
            });
        }
    });
    let last = open(&out, None).unwrap();
    assert_eq!((last.version, weekly(&out, &last)), (5, WEEKS[..4].iter().map(|week| (*week, 100)).collect()));
    let runs: BTreeSet<String> = (2..=5).map(|version| open(&out, Some(version)).unwrap().run_id).collect();
    assert_eq!(runs.len(), 4);
    no_temporary_files(&out);
    let current = fs::read_link(out.join(current::CURRENT)).unwrap();
    assert_eq!(current, Path::new("_snapshots/5"), "the link is at the highest version, whoever came last");
}

#[test]
fn readers_see_whole_versions_only() {
    let (_folder, out) = folder();
    TestRun::new("r0", &[(WEEKS[0], 1), (WEEKS[1], 1)]).publish(&out).unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let (mut seen, mut ended) = (BTreeSet::new(), false);
            while !ended {
                ended = done.load(std::sync::atomic::Ordering::SeqCst);
                let manifest = open(&out, None).unwrap();
                assert!(damages(&out, &manifest).is_empty());
                let weeks = weekly(&out, &manifest);
                assert!(weeks.len() == 2 && weeks[0].1 == weeks[1].1, "{weeks:?}");
                seen.insert(manifest.version);
            }
            seen
        });
        for mark in 2..20 {
            TestRun::new("w", &[(WEEKS[0], mark), (WEEKS[1], mark)]).publish(&out).unwrap();
        }
        done.store(true, std::sync::atomic::Ordering::SeqCst);
        assert!(reader.join().unwrap().contains(&19));
    });
}

#[test]
fn a_run_that_gives_up_leaves_the_old_version_and_its_rejects() {
    let (_folder, out) = folder();
    let run = TestRun::new("r1", &[(WEEKS[0], 8)]);
    run.publish(&out).unwrap();
    let next = TestRun { id: "r2", ..run.clone() };
    let publication = next.begin(&out).unwrap();
    next.write(&publication);
    let mut facts = next.facts();
    facts.sums.rejected = 2;
    facts.sums.read += 2;
    facts.inputs[0].1 = facts.sums;
    let Err(Error::Gate(message)) = publication.commit(facts, &mut Vec::new()) else { panic!("2 of 10 rejected") };
    assert!(message.contains("2 of 10"), "{message}");
    assert_eq!(rows(&out.join("_runs/r2/rejects.parquet")), 0);
    assert_eq!(open(&out, None).unwrap().version, 1);
    let publication = TestRun { id: "r3", ..run }.begin(&out).unwrap();
    publication.write(piece(Table::Rejects, None, 3, 1)).unwrap();
    assert_eq!(rows(Path::new(&publication.abandon().unwrap().unwrap())), 3);
    no_temporary_files(&out);
}

#[test]
fn tables_that_disagree_with_the_count_are_not_published() {
    let (_folder, out) = folder();
    let run = TestRun::new("r1", &[(WEEKS[0], 8), (WEEKS[1], 2)]);
    let publication = run.begin(&out).unwrap();
    run.write(&publication);
    let mut facts = run.facts();
    facts.weeks.insert(WEEKS[0], [0, 0, 7, 0]);
    facts.weeks.insert(WEEKS[1], [0, 0, 3, 0]);
    let Err(Error::Gate(message)) = publication.commit(facts, &mut Vec::new()) else { panic!("published") };
    let week = log::day_text(WEEKS[0]);
    assert!(message.contains(&week) && message.contains("valid 8") && message.contains("valid 7"), "{message}");
    assert!(matches!(open(&out, None), Err(Error::Input(_))));
}

#[test]
fn verify_finds_a_flipped_byte_and_the_next_run_mends_it() {
    let (_folder, out) = folder();
    let run = TestRun::new("r1", &[(WEEKS[0], 8), (WEEKS[1], 2)]);
    let manifest = run.publish(&out).unwrap().manifest;
    assert!(damages(&out, &manifest).is_empty());
    let (flipped, lost) = (&manifest.files(Table::VtrWeekly)[0], &manifest.files(Table::VtrWeekly)[1]);
    let mut bytes = fs::read(locate(&out, flipped)).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(locate(&out, flipped), bytes).unwrap();
    fs::remove_file(locate(&out, lost)).unwrap();
    let found = damages(&out, &manifest);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].what.contains("SHA-256") && found[1].what == "missing", "{found:?}");
    assert_eq!(verify::run(&out, None, Format::Table).unwrap_err().exit_code(), 1);
    assert!(TestRun { id: "r2", ..run }.publish(&out).unwrap().unchanged);
    assert!(damages(&out, &manifest).is_empty());
    let in_current = out.join(current::CURRENT).join(flipped.path.strip_prefix("data/").unwrap());
    assert_eq!(local::hash_file(&in_current).unwrap(), flipped.sha256, "current is mended too");
}

#[test]
fn gc_deletes_what_is_unnamed_and_old_and_nothing_else() {
    let (_folder, out) = folder();
    let versions: Vec<Manifest> =
        (1..=3).map(|mark| TestRun::new("r", &[(WEEKS[0], mark)]).publish(&out).unwrap().manifest).collect();
    fs::write(out.join("data/vtr_weekly/notes.txt"), "mine").unwrap();
    fs::write(out.join("data/vtr_weekly/.tmp-dead-abc"), "half").unwrap();
    let now = SystemTime::now();
    let gc = |keep, now| gc::collect(&Local::new(&out), keep, now, Mode::Delete);
    let young = gc(1, now).unwrap();
    // The version that was the newest within the grace time is kept, because somebody may still read it.
    assert_eq!((young.files, young.temporary, young.too_young, young.oldest_kept), (0, 0, 0, 1));
    let old = now + GRACE + std::time::Duration::from_secs(60);
    let counted = gc::collect(&Local::new(&out), 1, old, Mode::Count).unwrap();
    assert_eq!(gc(2, old).unwrap().files, 1);
    assert!(damages(&out, &versions[1]).is_empty() && damages(&out, &versions[2]).is_empty());
    assert_eq!(damages(&out, &versions[0]).len(), 1);
    assert_eq!((gc(0, old).unwrap().files, counted.files, counted.temporary), (1, 2, 1), "keep is at least one");
    assert!(damages(&out, &versions[2]).is_empty());
    assert!(out.join("data/vtr_weekly/notes.txt").exists() && !out.join("data/vtr_weekly/.tmp-dead-abc").exists());
    assert_eq!(log::versions(&Local::new(&out)).unwrap(), [1, 2, 3]);
    crate::verbs::gc::run(&out, 1, Mode::Count, now, Format::Json).unwrap();
    let alive = TestRun::new("r4", &[]).begin(&out).unwrap();
    assert!(matches!(gc(1, old), Err(Error::Conflict(_))));
    drop(alive);
    gc(1, old).unwrap();
}

#[test]
fn current_and_views_follow_the_log_and_are_mended() {
    let (_folder, out) = folder();
    let run = |mark| TestRun::new("r", &[(WEEKS[0], mark)]);
    run(1).publish(&out).unwrap();
    let week = format!("current/vtr_weekly/week={}", log::day_text(WEEKS[0]));
    let in_current =
        || fs::read_dir(out.join(&week)).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
    let first = in_current();
    (2..=4).for_each(|mark| assert!(run(mark).publish(&out).unwrap().version == mark.unsigned_abs()));
    assert!(in_current().len() == 1 && in_current() != first);
    let mut snapshots: Vec<_> = Local::new(&out).names(current::SNAPSHOTS).unwrap();
    snapshots.sort();
    assert_eq!(snapshots, ["3", "4"]);
    let views = fs::read_to_string(out.join(current::VIEWS)).unwrap();
    assert!(views.contains("version 4") && views.contains("it''s out/data/vtr_weekly/week="), "{views}");
    // Somebody damages the hints; a run that changes nothing repairs them.
    fs::remove_dir_all(out.join("_snapshots/4/vtr_weekly")).unwrap();
    fs::remove_file(out.join(current::VIEWS)).unwrap();
    fs::remove_file(out.join(current::CURRENT)).unwrap();
    assert!(run(4).publish(&out).unwrap().unchanged);
    assert_eq!((in_current().len(), fs::read_to_string(out.join(current::VIEWS)).unwrap()), (1, views));
}

/// The bytes of a piece's file, after a check of size, digest and rows.
fn bytes(piece: Piece) -> Vec<u8> {
    let (mut bytes, mut passed) = (Vec::new(), 0);
    let batches = piece.batches.inspect(|rows| passed += rows.as_ref().map_or(0, |rows| rows.num_rows() as u64));
    let mut encoded = encode::batches(piece.table.name(), &piece.table.schema(), batches).unwrap();
    std::io::Read::read_to_end(&mut encoded.content, &mut bytes).unwrap();
    assert_eq!((bytes.len() as u64, passed), (encoded.bytes, encoded.rows));
    assert_eq!(vtr_kernel::text::hex(&<sha2::Sha256 as sha2::Digest>::digest(&bytes)), encoded.sha256);
    bytes
}

#[test]
fn a_file_depends_on_its_rows_and_not_on_their_batches() {
    let whole = batch(Table::VtrWeekly, 66_000, 3);
    let cut = |sizes: &[usize]| {
        let (mut from, mut batches) = (0, Vec::new());
        for size in sizes.iter().cycle() {
            let size = (*size).min(whole.num_rows() - from);
            batches.push(whole.slice(from, size));
            from += size;
            if from == whole.num_rows() {
                break;
            }
        }
        bytes(Piece::of(Table::VtrWeekly, Some(WEEKS[0]), batches))
    };
    let whole_bytes = cut(&[66_000]);
    assert!(cut(&[1_000, 7, 30_001]) == whole_bytes && cut(&[512, 512]) == whole_bytes);
    // A piece without batches becomes a file without rows.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("empty.parquet");
    fs::write(&path, bytes(Piece::of(Table::Rejects, None, Vec::new()))).unwrap();
    assert_eq!(rows(&path), 0);
}
