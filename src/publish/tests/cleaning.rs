//! Tests of `gc` and writers on a place without locks: each may come between any two steps of the other, and a
//! collection may die between any two of its own steps.
//!
//! The place is in memory; the test decides what happens before which step.

use super::*;
use crate::place::readable::Readable;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use std::fmt;
use std::time::Duration;
use store::{Content, Created, Entry, Store};
use vtr_kernel::text::hex;

const DAY: Duration = Duration::from_secs(86_400);

/// An action that happens before a step, given the step's number.
type Between = Box<dyn FnMut(&Arc<Memory>, usize) -> Result<()> + Send>;

struct Memory {
    files: Mutex<BTreeMap<String, (Vec<u8>, SystemTime)>>,
    steps: Mutex<usize>,
    between: Mutex<Option<Between>>,
    own: std::sync::Weak<Memory>,
}

impl fmt::Debug for Memory {
    fn fmt(&self, to: &mut fmt::Formatter) -> fmt::Result {
        write!(to, "memory")
    }
}

impl Memory {
    fn new() -> Arc<Memory> {
        Arc::new_cyclic(|own| Memory {
            files: Mutex::default(),
            steps: Mutex::new(0),
            between: Mutex::new(None),
            own: own.clone(),
        })
    }

    /// Begins a step after the action before it has happened; steps of that action do not count.
    fn step(&self) -> Result<()> {
        let Some(mut between) = self.between.lock().take() else { return Ok(()) };
        let step = *self.steps.lock();
        let done = between(&self.own.upgrade().unwrap(), step);
        *self.steps.lock() = step + 1;
        *self.between.lock() = Some(between);
        done
    }

    /// Does work with an action between its steps; returns the number of steps.
    fn with<T>(&self, between: Between, work: impl FnOnce() -> T) -> (T, usize) {
        *self.steps.lock() = 0;
        *self.between.lock() = Some(between);
        let done = work();
        *self.between.lock() = None;
        (done, *self.steps.lock())
    }

    /// Lets time pass: all files become older by as much.
    fn pass(&self, time: Duration) {
        self.files.lock().values_mut().for_each(|(_, modified)| *modified -= time);
    }

    fn paths(&self, folder: &str) -> Vec<String> {
        self.files.lock().keys().filter(|path| path.starts_with(folder)).cloned().collect()
    }
}

impl Store for Memory {
    fn shown(&self, path: &str) -> String {
        format!("memory/{path}")
    }

    fn prepare(&self) -> Result<()> {
        Ok(())
    }

    fn list(&self, folder: &str) -> Result<Vec<Entry>> {
        self.step()?;
        let files = self.files.lock();
        let below =
            files.iter().filter(|(path, _)| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')));
        let entry = |(path, (bytes, modified)): (&String, &(Vec<u8>, SystemTime))| Entry {
            path: path.clone(),
            bytes: bytes.len() as u64,
            modified: *modified,
        };
        Ok(below.map(entry).collect())
    }

    fn look(&self, path: &str) -> Result<Option<Entry>> {
        self.step()?;
        let found = self.files.lock().get(path).map(|(bytes, modified)| (bytes.len() as u64, *modified));
        Ok(found.map(|(bytes, modified)| Entry { path: path.to_owned(), bytes, modified }))
    }

    fn open(&self, path: &str) -> Result<Option<Readable>> {
        self.step()?;
        Ok(self.files.lock().get(path).map(|(bytes, _)| Readable::Memory(bytes.clone().into())))
    }

    fn put(&self, path: &str, mut content: Content, _: &str) -> Result<()> {
        self.step()?;
        let mut bytes = Vec::new();
        content.reader.read_to_end(&mut bytes).unwrap();
        self.files.lock().insert(path.to_owned(), (bytes, SystemTime::now()));
        Ok(())
    }

    fn create(&self, path: &str, bytes: &[u8], _: &str) -> Result<Created> {
        self.step()?;
        let now = SystemTime::now();
        let mut files = self.files.lock();
        if files.contains_key(path) {
            return Ok(Created::Taken);
        }
        files.insert(path.to_owned(), (bytes.to_vec(), now));
        Ok(Created::Done)
    }

    fn delete(&self, path: &str) -> Result<()> {
        self.step()?;
        assert!(!path.starts_with(log::FOLDER), "{path} is deleted");
        self.files.lock().remove(path);
        Ok(())
    }

    fn holds(&self, path: &str, bytes: u64, sha256: &str) -> Result<bool> {
        self.step()?;
        let files = self.files.lock();
        let same = |there: &[u8]| there.len() as u64 == bytes && hex(&Sha256::digest(there)) == sha256;
        Ok(files.get(path).is_some_and(|(there, _)| same(there)))
    }
}

/// A place whose first version was replaced long ago, so that no kept version names its file of the week.
fn place() -> Arc<Memory> {
    let memory = Memory::new();
    for (id, mark) in [("r1", 1), ("r2", 2)] {
        commit(&writer(id, mark), written(&memory, &writer(id, mark)).unwrap()).unwrap();
        memory.pass(DAY);
    }
    memory.pass(30 * DAY);
    memory
}

fn writer(id: &'static str, mark: i64) -> TestRun {
    TestRun::new(id, &[(WEEKS[0], mark)])
}

fn written(memory: &Arc<Memory>, run: &TestRun) -> Result<Publication> {
    let publication = Publication::to(memory.clone(), run.target(Path::new("memory")), run.id.to_owned())?;
    run.pieces().into_iter().try_for_each(|piece| publication.write(piece))?;
    Ok(publication)
}

fn commit(run: &TestRun, publication: Publication) -> Result<Published> {
    publication.commit(run.facts(), &mut Vec::new())
}

fn clean(memory: &Memory) -> Result<gc::Collected> {
    gc::collect(memory, 1, SystemTime::now(), Mode::Delete)
}

/// The newest version, after a check that each of its files exists and has the content of its name.
fn whole(memory: &Memory) -> Manifest {
    let manifest = log::latest(memory).unwrap().unwrap();
    let files = memory.files.lock();
    for file in manifest.all_files() {
        let (bytes, _) =
            files.get(&file.path).unwrap_or_else(|| panic!("version {} lost {}", manifest.version, file.path));
        assert_eq!(hex(&Sha256::digest(bytes)), file.sha256);
    }
    drop(files);
    manifest
}

fn nothing() -> Between {
    Box::new(|_, _| Ok(()))
}

/// The file that only the first version names.
fn forsaken(memory: &Memory) -> String {
    let first = log::find(memory, 1).unwrap().unwrap();
    first.files(Table::VtrWeekly)[0].path.clone()
}

#[test]
fn a_writer_that_needs_what_is_being_deleted_lands_whole_or_not_at_all() {
    let memory = place();
    let lost = forsaken(&memory);
    let (cleaned, steps) = memory.with(nothing(), || clean(&memory));
    assert_eq!(
        (cleaned.unwrap().files, memory.paths("data").contains(&lost), memory.paths("_gc").len()),
        (1, false, 0)
    );
    let mut ends: BTreeMap<&str, usize> = BTreeMap::new();
    // The writer puts its files before one step of the collection and commits before the same or a later step, or
    // afterwards.
    for first in 0..=steps {
        for last in first..=steps {
            let memory = place();
            let run = writer("r3", 1);
            let (under_way, ended) = (Arc::new(Mutex::new(None)), Arc::new(Mutex::new(None)));
            let act = {
                let (run, under_way, ended) = (run.clone(), under_way.clone(), ended.clone());
                move |memory: &Arc<Memory>, step: usize| {
                    if step == first {
                        *under_way.lock() = Some(written(memory, &run).unwrap());
                    }
                    if step == last {
                        let publication = under_way.lock().take().unwrap();
                        *ended.lock() = Some(commit(&run, publication));
                    }
                }
            };
            let between = act.clone();
            let (cleaned, seen) = memory.with(
                Box::new(move |memory, step| {
                    between(memory, step);
                    Ok(())
                }),
                || clean(&memory),
            );
            cleaned.unwrap();
            (seen..=steps).for_each(|step| act(&memory, step));
            let end = ended.lock().take().unwrap();
            let manifest = whole(&memory);
            let kind = match end {
                Ok(_) => "landed",
                Err(Error::Conflict(_)) => "gave way",
                Err(Error::Failed { .. }) => "found it gone",
                Err(other) => panic!("{other}"),
            };
            *ends.entry(kind).or_default() += 1;
            assert_eq!(manifest.version, if kind == "landed" { 3 } else { 2 }, "{first} {last}: {kind}");
            if kind != "landed" {
                // A retry is safe now that the collection has ended.
                commit(&run, written(&memory, &run).unwrap()).unwrap();
            }
            assert!(whole(&memory).all_files().any(|file| file.path == lost));
        }
    }
    println!("{steps} steps: {ends:?}");
    assert!(["landed", "gave way", "found it gone"].iter().all(|kind| ends.contains_key(kind)), "{ends:?}");
}

#[test]
fn a_cleaning_between_any_two_steps_of_a_writer_takes_nothing_from_it() {
    let count = {
        let memory = place();
        let run = writer("r3", 1);
        memory.with(nothing(), || commit(&run, written(&memory, &run).unwrap()).unwrap()).1
    };
    for at in 0..count {
        let memory = place();
        let run = writer("r3", 1);
        let between: Between = Box::new(move |memory, step| if step == at { clean(memory).map(drop) } else { Ok(()) });
        let (end, _) = memory.with(between, || commit(&run, written(&memory, &run)?));
        // A finished collection has deleted the file before it was put anew, or not at all.
        assert_eq!((end.unwrap().version, whole(&memory).version), (3, 3), "before step {at}");
    }
}

#[test]
fn a_cleaning_that_dies_takes_nothing_that_is_named_and_is_forgotten() {
    let (_, steps) = {
        let memory = place();
        memory.with(nothing(), || clean(&memory).unwrap())
    };
    let mut gave_way = 0;
    for at in 0..steps {
        let memory = place();
        let died = || Error::Failed { what: "killed".into(), source: None };
        let between: Between = Box::new(move |_, step| if step == at { Err(died()) } else { Ok(()) });
        let (cleaned, _) = memory.with(between, || clean(&memory));
        assert!(cleaned.is_err());
        assert_eq!(whole(&memory).version, 2);
        // Its list is valid for a day, because one of its requests may still be under way.
        let run = writer("r3", 1);
        let end = commit(&run, written(&memory, &run).unwrap());
        let said = !memory.paths("_gc").is_empty();
        assert_eq!(matches!(end, Err(Error::Conflict(_))), said, "before step {at}: {:?}", end.err());
        gave_way += usize::from(said);
        memory.pass(DAY + DAY / 2);
        commit(&run, written(&memory, &run).unwrap()).unwrap();
        assert_eq!(whole(&memory).version, 3);
        // The next collections do what it left undone, and delete its list once that is old.
        memory.pass(30 * DAY);
        commit(&writer("r4", 4), written(&memory, &writer("r4", 4)).unwrap()).unwrap();
        memory.pass(30 * DAY);
        clean(&memory).unwrap();
        let left = memory.paths("data/vtr_weekly").len();
        assert_eq!((left, memory.paths("_gc").len(), whole(&memory).version), (1, 0, 4), "before step {at}");
    }
    assert!(gave_way > 0 && gave_way < steps, "{gave_way} of {steps}");
}

#[test]
fn two_cleanings_at_once_do_what_one_does() {
    let (_, steps) = {
        let memory = place();
        memory.with(nothing(), || clean(&memory).unwrap())
    };
    for at in 0..steps {
        for writes_at in [None, Some(at), Some(at + 1), Some(steps - 1)] {
            let memory = place();
            let lost = forsaken(&memory);
            let between: Between = Box::new(move |memory, step| {
                if step == at {
                    clean(memory)?;
                }
                if writes_at == Some(step) {
                    let run = writer("r3", 1);
                    let end = written(memory, &run).and_then(|publication| commit(&run, publication));
                    assert!(matches!(end, Ok(_) | Err(Error::Conflict(_))), "{:?}", end.err());
                }
                Ok(())
            });
            let (cleaned, _) = memory.with(between, || clean(&memory));
            cleaned.unwrap();
            let manifest = whole(&memory);
            let is_there = memory.paths("data").contains(&lost);
            // The file of a writer that gave way is young, and stays for the next collection.
            assert!(is_there || manifest.version == 2, "{at} {writes_at:?}");
            assert!(!is_there || writes_at.is_some(), "{at}");
            assert_eq!(memory.paths("_gc"), [""; 0], "{at} {writes_at:?}");
        }
    }
}
