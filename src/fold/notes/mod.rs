//! Notes of row groups: what an earlier run found in a row group, for runs that ask for other weeks than its rows'.
//!
//! A note is named by the content of the file, the place of the group in it, and everything by which its rows were
//! mapped and judged; one that is missing, damaged or foreign is as good as none, and the rows are read. It must never
//! stand for rows that another `as_of` would judge otherwise, or for rows of the weeks asked for. Failing to write one
//! costs a later run time, so it is only a warning.

mod form;
mod group;
mod packing;

pub use form::{OF_PACKAGE, key_of, may_meet};
pub use group::{Key, NotedGroup};

use crate::error::{Error, Result};
use crate::fold::FileCounts;
use crate::fold::dedup;
use crate::job::digest::OUTPUT_REVISION;
use crate::job::plan::{Format, Plan};
use crate::place::budget::Purpose;
use crate::place::readable::Readable;
use crate::place::spill::Spill;
use crate::scan::midnight::Midnights;
use crate::scan::repeated::Repeated;
use crate::scan::sampled::Sampled;
use crate::scan::{Chunk, FilePart, Seen, SourceFile, Survey, Unit};
use form::{Facts, Opened};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use vtr_columnar::judge::{CopyRecord, Judge, NotedWriter, Reject, Yield};
use vtr_kernel::calendar::Day;

/// The form of a note; raised whenever notes of an older form must not be read.
const FORM: u32 = 7;
/// Row groups with fewer rows are read as fast as their notes.
const LEAST_ROWS: u64 = 256;
/// The most rejected rows that a note holds.
const MOST_REJECTS: usize = 20_000;
/// The most bytes of distinct texts of a note.
const MOST_TEXT_BYTES: usize = 8 << 20;
/// Files that stay open at once.
const MOST_OPEN: u64 = 256;
/// If more than one in so many rows of a group are of the range of weeks, all are read: a note would spare little.
const ASKED_OF: u64 = 2;
/// Days after which `as_of` has moved on so far that nobody looks back at a group.
const KEPT_DAYS: i32 = 28;

/// Returns the folder of the notes of one job, book and evidence.
pub fn folder(job: &str, book: &str, evidence: &str) -> String {
    let all = blake3::hash(format!("{job}\n{book}\n{evidence}").as_bytes());
    all.to_hex()[..16].to_owned()
}

/// The notes of a run.
pub struct Notes<'a> {
    place: &'a dyn NotePlace,
    folder: String,
    /// Everything by which rows of any file are mapped and judged.
    terms: String,
    names: HashSet<String>,
    /// The first day whose rows a run of the next weeks may look at.
    from: Day,
    most_rows: u64,
    is_damaged: AtomicBool,
    bytes_read: AtomicU64,
    rows: AtomicU64,
    open_files: AtomicU64,
    troubles: Mutex<Vec<String>>,
}

impl<'a> Notes<'a> {
    /// Looks at the notes of a plan; `None` if the plan has none: without identity nothing is looked for around the
    /// weeks, and a job that leaves nothing out reads everything.
    pub fn of(plan: &Plan, survey: &Survey, place: &'a dyn NotePlace) -> Option<Notes<'a>> {
        if plan.identity.is_none() || !plan.prune {
            return None;
        }
        let judge = super::judge(plan, survey).build();
        let unused: Vec<&str> = plan.unused().iter().map(|column| column.name()).collect();
        let (job, book, evidence) = (&plan.job_digest, plan.book.digest(), survey.evidence.name());
        let program = env!("CARGO_PKG_VERSION");
        let terms = format!(
            "{FORM}\n{program}\n{OUTPUT_REVISION}\n{job}\n{book}\n{evidence}\n{}\n{}",
            unused.join(","),
            judge.noted_names()
        );
        let folder = folder(job, book, evidence);
        let mut troubles = Vec::new();
        let names = place.names(&folder).unwrap_or_else(|error| {
            troubles.push(format!("notes of row groups are not used: {}", error.told()));
            HashSet::new()
        });
        let most_rows = plan.budget().share(Purpose::Copies) / form::ROW;
        Some(Notes {
            place,
            folder,
            terms: blake3::hash(terms.as_bytes()).to_hex().to_string(),
            names,
            from: plan.health_span().0 - plan.copies_within_days - KEPT_DAYS,
            most_rows: most_rows as u64,
            is_damaged: AtomicBool::new(false),
            bytes_read: AtomicU64::new(0),
            rows: AtomicU64::new(0),
            open_files: AtomicU64::new(0),
            troubles: Mutex::new(troubles),
        })
    }

    /// Returns the identity of a unit's note; `None` if there can be none.
    fn key(&self, plan: &Plan, file: &SourceFile, unit: &Unit) -> Option<String> {
        let (FilePart::RowGroup(group), Format::Parquet) = (unit.part, file.format) else { return None };
        let digest = file.digest.as_ref()?;
        let constants: String =
            file.constants.iter().map(|(column, text)| format!("{}={}:{text}\n", column.name(), text.len())).collect();
        let settings = &plan.inputs[file.input].settings;
        let all =
            format!("{}\n{digest}\n{group}\n{}\n{}\n{settings}\n{constants}", self.terms, unit.first_record, unit.rows);
        Some(blake3::hash(all.as_bytes()).to_hex().to_string())
    }

    fn name(&self, key: &str, kind: Kind) -> String {
        format!("{}/{}{}", self.folder, &key[..32], kind.suffix())
    }

    /// Returns what is known of a unit's rows outside the range of weeks, if there is no need to judge them again.
    pub fn known(&self, plan: &Plan, judge: &Judge, file: &SourceFile, unit: &Unit) -> Option<Known> {
        plan.range?;
        let key = self.key(plan, file, unit)?;
        for kind in [Kind::Settled, Kind::Pending] {
            let name = self.name(&key, kind);
            if !self.names.contains(&name) {
                continue;
            }
            let (opened, bytes) = match self.opened(&name, &key) {
                Ok(Some(opened)) => opened,
                Ok(None) => continue,
                Err(why) => {
                    self.doubt(&name, &why);
                    continue;
                }
            };
            let facts = &opened.facts;
            let is_counted = counted(plan);
            let asked = facts.asked(plan);
            if facts.as_of > plan.as_of || asked > unit.rows / ASKED_OF {
                return None;
            }
            // Pending packages may have become something else.
            if facts.pending.iter().any(|day| is_counted(*day)) {
                continue;
            }
            let counts = facts.days.iter().any(|(day, _)| is_counted(*day));
            match opened.known(judge, plan, counts) {
                Ok((known, more)) => {
                    self.bytes_read.fetch_add(bytes + more, Ordering::Relaxed);
                    self.rows.fetch_add(unit.rows - asked, Ordering::Relaxed);
                    return Some(Known { name, readable: self.kept_open(known.readable), ..known });
                }
                Err(why) => self.doubt(&name, &why),
            }
        }
        None
    }

    /// Returns the identity and the name of a unit's note, if there is one.
    fn named(&self, plan: &Plan, file: &SourceFile, unit: &Unit) -> Option<(String, String)> {
        let key = self.key(plan, file, unit)?;
        let names = [Kind::Settled, Kind::Pending].map(|kind| self.name(&key, kind));
        let name = names.into_iter().find(|name| self.names.contains(name))?;
        Some((key, name))
    }

    /// Returns whether there is a note of a unit.
    pub fn has(&self, plan: &Plan, file: &SourceFile, unit: &Unit) -> bool {
        self.named(plan, file, unit).is_some()
    }

    /// Returns the identities of a unit's rows, if they are noted. They hold whatever the run judges.
    pub fn keys(&self, plan: &Plan, judge: &Judge, file: &SourceFile, unit: &Unit) -> Option<Known> {
        let (key, name) = self.named(plan, file, unit)?;
        let opened = self.opened(&name, &key).and_then(|opened| {
            let opened = opened.filter(|(opened, _)| opened.facts.as_of <= plan.as_of);
            opened.map(|(opened, _)| opened.known(judge, plan, false)).transpose()
        });
        match opened {
            Ok(known) => known.map(|(known, _)| Known { name, readable: self.kept_open(known.readable), ..known }),
            Err(why) => {
                self.doubt(&name, &why);
                None
            }
        }
    }

    /// Returns a file that may stay open: few enough are, and it is on a disk, where many small reads cost little.
    fn kept_open(&self, readable: Option<Readable>) -> Option<Readable> {
        let is_file = |readable: &Readable| matches!(readable, Readable::File(_));
        let may = |_: &Readable| self.open_files.fetch_add(1, Ordering::Relaxed) < MOST_OPEN;
        readable.filter(is_file).filter(may)
    }

    fn opened(&self, name: &str, key: &str) -> std::result::Result<Option<(Opened, u64)>, String> {
        match self.place.open(name) {
            Ok(Some(readable)) => Opened::of(readable, key).map(Some),
            // A collection deleted it, or the place has trouble that the rows may not have.
            Ok(None) | Err(_) => Ok(None),
        }
    }

    /// Says that a note is not believed.
    fn doubt(&self, name: &str, why: &str) {
        self.place.drop(name);
        let mut troubles = self.troubles.lock();
        if troubles.is_empty() {
            troubles.push(format!(
                "a note of a row group is not used ({name}: {why}) and was deleted; the rows were read again"
            ));
        }
    }

    /// Opens a note again, for its records.
    fn reopen(&self, name: &str) -> std::result::Result<Readable, String> {
        let readable = self.place.open(name).map_err(|error| error.told())?;
        readable.ok_or_else(|| "it is gone".to_owned())
    }

    /// Notes bytes that were read of records.
    fn read(&self, bytes: u64) {
        self.bytes_read.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Says that records turned out to be damaged once the run had counted on them. Others probably are too, and each
    /// would cost a run its time, so all notes of the job are deleted.
    pub fn give_up(&self, name: &str, why: &str) {
        self.doubt(name, why);
        self.names.iter().for_each(|name| self.place.drop(name));
        self.is_damaged.store(true, Ordering::SeqCst);
    }

    /// Returns whether the run must begin again without notes.
    pub fn is_damaged(&self) -> bool {
        self.is_damaged.load(Ordering::SeqCst)
    }

    /// Returns the bytes that were read of notes, and the rows that were not judged because of them.
    pub fn used(&self) -> (u64, u64) {
        (self.bytes_read.load(Ordering::Relaxed), self.rows.load(Ordering::Relaxed))
    }

    /// Returns what should be told to people.
    pub fn troubles(&self) -> Vec<String> {
        self.troubles.lock().clone()
    }

    /// Begins to gather what a note needs; `None` if the unit is not worth one, or has one.
    pub fn begin(&self, plan: &Plan, judge: &Judge, file: &SourceFile, unit: &Unit) -> Option<Gathering> {
        let is_new = unit.last_day.is_some_and(|last| last >= self.from);
        let fits = (LEAST_ROWS..=self.most_rows).contains(&unit.rows);
        let key = self.key(plan, file, unit).filter(|_| is_new && fits && !unit.for_copies)?;
        if self.names.contains(&self.name(&key, Kind::Settled)) {
            return None;
        }
        Some(Gathering {
            key,
            first_record: unit.first_record,
            rows: Some(Vec::with_capacity(unit.rows as usize)),
            writer: judge.noted_writer(),
            days: BTreeMap::new(),
            pending: BTreeSet::new(),
            rejects: Vec::new(),
            times: Midnights::of(1),
            values: Repeated::of(1),
            sample: Sampled::of(1),
        })
    }

    /// Writes a note of what was gathered, if later runs may believe it.
    pub fn write(&self, plan: &Plan, judge: &Judge, gathered: Gathering, counts: &FileCounts) {
        let Gathering { key, rows, writer, days, pending, rejects, times, values, sample, .. } = gathered;
        let tally = &counts.tally;
        let is_whole = tally.rejected == rejects.len() as u64 && tally.after_as_of == 0;
        let (Some(rows), Some(of)) = (rows.filter(|_| is_whole), plan.identity.map(dedup::unit)) else { return };
        let name = self.name(&key, if pending.is_empty() { Kind::Settled } else { Kind::Pending });
        if tally.later.is_some() || self.names.contains(&name) {
            return;
        }
        let seen = Seen { times: times.seen(0), values: values.seen(0), sample: sample.seen(0) };
        let facts = Facts::of(key, plan.as_of, pending, counts, (&rejects, seen), &days);
        let Some(bytes) = form::written(facts, writer.texts(judge), rows, of) else { return };
        if let Err(error) = self.place.put(&name, &bytes) {
            let mut troubles = self.troubles.lock();
            if troubles.is_empty() {
                troubles.push(format!("a note of a row group was not written: {}", error.told()));
            }
        }
    }
}

/// The place of notes. It need not be safe against a power loss: a note that was cut is not believed.
pub trait NotePlace: Sync {
    /// The names of all notes in a folder.
    ///
    /// # Errors
    /// The place cannot be read.
    fn names(&self, folder: &str) -> Result<HashSet<String>>;

    /// Opens a note; `None` if there is none.
    ///
    /// # Errors
    /// The place cannot be read.
    fn open(&self, name: &str) -> Result<Option<Readable>>;

    /// Puts a note in place as a whole, if its name is free.
    ///
    /// # Errors
    /// The place cannot be written.
    fn put(&self, name: &str, bytes: &[u8]) -> Result<()>;

    /// Deletes a note that is not believed; failing to is no harm.
    fn drop(&self, name: &str);
}

/// Whether packages of a group were still pending.
#[derive(Clone, Copy)]
enum Kind {
    Settled,
    Pending,
}

impl Kind {
    fn suffix(self) -> &'static str {
        match self {
            Kind::Settled => "s",
            Kind::Pending => "p",
        }
    }
}

/// What is gathered for a note while a unit is read.
pub struct Gathering {
    key: String,
    first_record: u64,
    /// `None` once a row did not fit.
    rows: Option<Vec<form::Row>>,
    writer: NotedWriter,
    /// Judged rows by day.
    days: BTreeMap<Day, u64>,
    /// Days of pending packages.
    pending: BTreeSet<Day>,
    rejects: Vec<Reject>,
    times: Midnights,
    values: Repeated,
    sample: Sampled,
}

impl Gathering {
    /// Looks at a chunk before it is judged.
    pub fn look(&self, chunk: &Chunk, plan: &Plan, file: &SourceFile) {
        let cells = plan.cells(file.input, file.format);
        self.times.look(0, &chunk.batch, &cells);
        self.values.look(0, &chunk.batch, &cells);
        self.sample.look(0, file, chunk, plan);
    }

    /// Takes what came of rows.
    pub fn add(&mut self, copies: &[CopyRecord], rejects: &[Reject]) {
        for alike in copies.chunk_by(|a, b| a.day == b.day) {
            *self.days.entry(alike[0].day).or_default() += alike.len() as u64;
        }
        self.pending.extend(copies.iter().filter(|copy| copy.outcome().is_pending).map(|copy| copy.day));
        for copy in copies {
            let row = form::Row::of(copy, self.first_record, &mut self.writer);
            match (&mut self.rows, row) {
                (Some(rows), Some(row)) => rows.push(row),
                _ => self.rows = None,
            }
        }
        let room = (MOST_REJECTS + 1).saturating_sub(self.rejects.len());
        self.rejects.extend(rejects.iter().take(room).cloned());
    }

    /// Takes what the fold says at the end of a unit; returns the counts that go into the note. A file whose days are
    /// known otherwise does not say which rows another `as_of` would judge differently.
    pub fn counts(out: &mut Yield, rows_read: u64, file: &SourceFile) -> FileCounts {
        let counts =
            FileCounts { rows_read, tally: out.tally.clone(), asides: out.asides.clone(), ..FileCounts::default() };
        if file.days.is_some() {
            out.tally.later = None;
        }
        counts
    }
}

/// Returns whether a run counts rows of a day that it does not judge.
fn counted(plan: &Plan) -> impl Fn(Day) -> bool {
    let counted = plan.days_counted();
    move |day| !plan.is_asked(day) && counted.is_none_or(|(first, last)| first <= day && day <= last)
}

/// What is known of a unit.
pub struct Known {
    name: String,
    /// The counts of its rows, without those in the range of weeks.
    pub counts: FileCounts,
    /// The judged rows in the range of weeks, which must be read.
    pub asked: u64,
    /// Its rejected rows.
    pub rejects: Vec<Reject>,
    /// What reading it has met in its columns.
    pub seen: Seen,
    /// The cells of its rows, as the note has them; none if the run counts none.
    cells: Vec<u8>,
    readable: Option<Readable>,
    sections: form::Sections,
    keys: Vec<u8>,
}

impl Known {
    /// Hands on the cells that the run counts, as records, each with its number of rows.
    ///
    /// # Errors
    /// The note is not to be believed, although the run counted on it: it must begin again without notes.
    pub fn each_cell(&self, plan: &Plan, notes: &Notes, take: impl FnMut(&CopyRecord, u32)) -> Result<()> {
        form::each_cell(&self.sections, &self.cells, counted(plan), take).ok_or_else(|| {
            notes.give_up(&self.name, "it holds cells that this program does not know");
            Error::Enough
        })
    }

    /// Returns the part by which its rows are compared with others.
    pub fn into_group(self, unit: &Unit, spill: Arc<Spill>) -> (NotedGroup, Vec<u8>) {
        let place = (unit.file, unit.first_record);
        (NotedGroup::of(self.name, self.sections, place, &self.keys, (self.readable, spill)), self.keys)
    }
}
