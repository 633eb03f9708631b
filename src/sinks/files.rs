//! A folder of plain files as a sink: CSV, Parquet or JSON lines, one file a table or a week.
//!
//! Each file is written beside its place and renamed. `_version.json` is written last and names the version with the
//! digest of every file; while files are being replaced it says so, because a folder cannot change in one step.
//! Writers take turns by a lock file that only one of them can create; a dead writer is detected, and what it left is
//! written anew.

use super::{Altered, Amount, Asked, Change, Did, Held, Part, SINK_REVISION, Source, Synced};
use crate::error::{Error, Result};
use crate::job::digest::sha256_hex;
use crate::job::plan::{FilesPlace, Formulas, Layout, Sink, SinkFormat};
use crate::place::hashed::{Finished, Hashed};
use crate::publish::local::{Guard, TEMPORARY};
use crate::publish::log::day_text;
use crate::publish::store::{self, Content, Created, Store};
use crate::publish::{self, DataFile};
use crate::schema::Table;
use crate::schema::cell::{Cell, is_formula};
use crate::signals;
use arrow::array::RecordBatch;
use parquet::arrow::ArrowWriter;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The file that names the version; written last.
const VERSION: &str = crate::place::marks::SINK_VERSION;
/// The lock file, which only one writer can create.
const LOCK: &str = "_lock";
/// A lock that was not renewed for this long belongs to a dead writer.
const LOCK_LIVES: Duration = Duration::from_secs(600);
/// Bytes of a file that are kept in memory; a longer one goes to disk.
const BYTES_IN_MEMORY: usize = 8 << 20;

/// The content of `_version.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Stand {
    /// `complete`, or `replacing` while the folder holds files of two versions.
    state: FolderState,
    #[serde(flatten)]
    held: Held,
    /// The last day that the version took into account.
    as_of: String,
    /// The files by path: their bytes, rows and SHA-256.
    files: BTreeMap<String, FileFacts>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum FolderState {
    Complete,
    Replacing,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct FileFacts {
    table: String,
    bytes: u64,
    rows: u64,
    sha256: String,
}

/// The version that a folder holds.
///
/// # Errors
/// The folder cannot be read.
pub fn held(place: &FilesPlace) -> Result<Option<Held>> {
    let store = publish::at(Path::new(&place.path))?;
    Ok(stand(store.as_ref())?.filter(|stand| stand.state == FolderState::Complete).map(|stand| stand.held))
}

fn stand(store: &dyn Store) -> Result<Option<Stand>> {
    let Some(bytes) = store::read(store, VERSION)? else { return Ok(None) };
    let strange = |_| {
        let path = store.shown(VERSION);
        Error::Usage(format!("{path}: was not written by this program; give the sink a `path` of its own"))
    };
    serde_json::from_slice(&bytes).map(Some).map_err(strange)
}

/// Brings a folder to a version.
///
/// # Errors
/// [`Error::Conflict`] if another writer is at work or the folder is ahead, [`Error::Usage`] for a folder that is not
/// the sink's, else the error of the output or the folder.
pub fn sync(sink: &Sink, place: &FilesPlace, source: &Source, asked: &Asked, run_id: &str) -> Result<Synced> {
    let store = publish::at(Path::new(&place.path))?;
    store.prepare()?;
    let tables = source.tables(sink.tables.as_deref());
    let settings = settings(sink, place, &tables);
    let unchanged = Synced { version: source.manifest.version, did: Did::Nothing, ..Synced::default() };
    let before = stand(store.as_ref())?;
    let is_complete = |stand: &Stand| stand.state == FolderState::Complete;
    let whole = before.as_ref().filter(|stand| is_complete(stand));
    let changes = source.changes(sink, whole.map(|stand| &stand.held), &settings, asked)?;
    if whole.is_some() && changes.is_none() {
        return tidy(store.as_ref(), sink, run_id).map(|()| unchanged);
    }
    let lock = Lock::take(store.as_ref(), sink, run_id)?;
    let done = (|| {
        let before = stand(store.as_ref())?;
        refuse_strangers(store.as_ref(), sink, before.as_ref())?;
        // The content of the folder is unknown after a writer died: everything is written.
        let amount = if before.as_ref().is_some_and(is_complete) { asked.amount } else { Amount::Full };
        let asked = Asked { amount, ..*asked };
        let changes = source.changes(sink, before.as_ref().map(|stand| &stand.held), &settings, &asked)?;
        let Some(changes) = changes else { return Ok(unchanged) };
        let writer = Writer { store: store.as_ref(), sink, place, source, run_id, lock: &lock };
        writer.write(&changes, &tables, before, settings)
    })();
    lock.free();
    done
}

/// Deletes the leftovers of a writer that died after everything was written.
fn tidy(store: &dyn Store, sink: &Sink, run_id: &str) -> Result<()> {
    if store.look(LOCK)?.is_none() {
        return Ok(());
    }
    let lock = match Lock::take(store, sink, run_id) {
        // A living writer deletes its own files.
        Err(Error::Conflict(_)) => return Ok(()),
        taken => taken?,
    };
    let left = store.list("")?.into_iter().map(|entry| entry.path).filter(|path| path.contains(TEMPORARY));
    let done = left.collect::<Vec<_>>().iter().try_for_each(|path| store.delete(path));
    lock.free();
    done
}

fn settings(sink: &Sink, place: &FilesPlace, tables: &[Table]) -> String {
    let names: Vec<&str> = match &sink.tables {
        None => vec!["all"],
        Some(_) => tables.iter().map(|table| table.name()).collect(),
    };
    let FilesPlace { format, layout, formulas, .. } = place;
    sha256_hex(format!("files {SINK_REVISION} {format:?} {layout:?} {formulas:?} {}", names.join(",")).as_bytes())
}

/// Refuses a folder with files that no sink wrote.
fn refuse_strangers(store: &dyn Store, sink: &Sink, before: Option<&Stand>) -> Result<()> {
    if before.is_some() {
        return Ok(());
    }
    let is_ours = |path: &str| path == LOCK || path.contains(TEMPORARY) || path == "_put_if_absent";
    match store.list("")?.into_iter().find(|entry| !is_ours(&entry.path)) {
        None => Ok(()),
        Some(stranger) => Err(Error::Usage(format!(
            "sink {}: {} was not written by this program; give the sink a `path` of its own, which holds nothing else",
            sink.name,
            store.shown(&stranger.path)
        ))),
    }
}

/// The content of the lock file: the writer whose turn it is.
#[derive(Serialize, Deserialize, PartialEq, Eq)]
struct Turn {
    run: String,
    host: String,
    process: u32,
    /// The start of the writer's process, by the clock of its system.
    since: String,
}

struct Lock<'s> {
    store: &'s dyn Store,
    turn: Vec<u8>,
    run_id: String,
    _guard: Option<Guard>,
}

impl Turn {
    fn own(run_id: &str) -> Turn {
        let process = std::process::id();
        Turn { run: run_id.to_owned(), host: host(), process, since: since(process).unwrap_or_default() }
    }

    /// Whether the writer is certainly dead; writers of other machines are never taken for dead.
    fn is_dead(&self) -> bool {
        self.host == host() && since(self.process).is_none_or(|since| since != self.since)
    }
}

fn host() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    format!("{} {}", read("/proc/sys/kernel/hostname"), read("/proc/sys/kernel/random/boot_id"))
}

/// The start of a process of this machine; `None` if there is none.
fn since(process: u32) -> Option<String> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name is in parentheses and may contain blanks; the start is the 20th field after it.
    text.rsplit_once(')')?.1.split_whitespace().nth(19).map(str::to_owned)
}

impl<'s> Lock<'s> {
    fn take(store: &'s dyn Store, sink: &Sink, run_id: &str) -> Result<Lock<'s>> {
        // On one machine no two writers replace a dead writer's lock at a time.
        let guard = store.local().map(|local| local.guard_alone("")).transpose()?;
        let turn = serde_json::to_vec(&Turn::own(run_id)).map_err(|error| Error::failed("writing the lock", error))?;
        for _ in 0..2 {
            if store.create(LOCK, &turn, run_id)? == Created::Done
                || store::read(store, LOCK)?.is_some_and(|there| there == turn)
            {
                return Ok(Lock { store, turn, run_id: run_id.to_owned(), _guard: guard });
            }
            let Some(entry) = store.look(LOCK)? else { continue };
            let there = store::read(store, LOCK)?.and_then(|bytes| serde_json::from_slice::<Turn>(&bytes).ok());
            let is_old = SystemTime::now().duration_since(entry.modified).is_ok_and(|age| age > LOCK_LIVES);
            if !is_old && !there.is_none_or(|turn| turn.is_dead()) {
                let path = store.shown(LOCK);
                return Err(Error::Conflict(format!(
                    "sink {}: another sync writes there now ({path}); sync again when it has ended. A dead writer is detected \
                     after {} minutes",
                    sink.name,
                    LOCK_LIVES.as_secs() / 60
                )));
            }
            store.delete(LOCK)?;
        }
        let path = store.shown(LOCK);
        Err(Error::Conflict(format!("sink {}: {path}: others take it over and over; sync again", sink.name)))
    }

    /// Renews the lock, and fails if another writer has taken it.
    fn renew(&self) -> Result<()> {
        signals::check()?;
        if store::read(self.store, LOCK)?.is_none_or(|there| there != self.turn) {
            let path = self.store.shown(LOCK);
            return Err(Error::Conflict(format!(
                "{path}: was taken by another sync, which took this one for dead; sync again"
            )));
        }
        match self.store.local() {
            Some(_) => Ok(()),
            None => self.store.put(LOCK, Content::of(&self.turn), &self.run_id),
        }
    }

    fn free(self) {
        if store::read(self.store, LOCK).ok().flatten().is_some_and(|there| there == self.turn) {
            // If this fails, the lock will be taken for a dead writer's.
            let _ = self.store.delete(LOCK);
        }
    }
}

struct Writer<'s> {
    store: &'s dyn Store,
    sink: &'s Sink,
    place: &'s FilesPlace,
    source: &'s Source<'s>,
    run_id: &'s str,
    lock: &'s Lock<'s>,
}

impl Writer<'_> {
    fn write(&self, changes: &[Change], tables: &[Table], before: Option<Stand>, settings: String) -> Result<Synced> {
        let manifest = &self.source.manifest;
        let mut synced = Synced { version: manifest.version, did: Did::Wrote, ..Synced::default() };
        let held = Held {
            output: self.source.output.clone(),
            version: manifest.version,
            manifest: self.source.digest.clone(),
            settings,
        };
        let known = before.as_ref().map(|stand| stand.files.clone()).unwrap_or_default();
        let replacing = Stand {
            state: FolderState::Replacing,
            held: before.map_or_else(|| held.clone(), |stand| stand.held),
            as_of: day_text(manifest.as_of),
            files: known.clone(),
        };
        self.say(&replacing)?;
        let mut files = known.clone();
        for change in changes {
            synced.tables += 1;
            for (path, sources) in self.pieces(change) {
                self.lock.renew()?;
                let facts = self.piece(&path, change.table, &sources, &mut synced)?;
                files.insert(path, facts);
            }
        }
        let wanted: BTreeSet<String> = tables
            .iter()
            .flat_map(|table| {
                let files = manifest.files(*table).to_vec();
                self.pieces(&Change { table: *table, part: Part::All, files, before: Vec::new() })
            })
            .map(|(path, _)| path)
            .collect();
        // A dead writer may have left files that no version names.
        let there: BTreeSet<String> = self.store.list("")?.into_iter().map(|entry| entry.path).collect();
        for path in there.iter().chain(known.keys()).filter(|path| !wanted.contains(*path)) {
            if path.as_str() != VERSION && path.as_str() != LOCK && path.as_str() != "_put_if_absent" {
                self.store.delete(path)?;
            }
        }
        files.retain(|path, _| wanted.contains(path));
        self.lock.renew()?;
        self.say(&Stand { state: FolderState::Complete, held, as_of: day_text(manifest.as_of), files })?;
        Ok(synced)
    }

    fn say(&self, stand: &Stand) -> Result<()> {
        let mut text = serde_json::to_vec_pretty(stand).map_err(|error| Error::failed("writing the version", error))?;
        text.push(b'\n');
        self.store.put(VERSION, Content::of(&text), self.run_id)?;
        self.store.sync(&BTreeSet::from([String::new()]))
    }

    /// The files of a change by path, each with the published files that it is made of.
    fn pieces(&self, change: &Change) -> Vec<(String, Vec<DataFile>)> {
        let (name, end) = (change.table.name(), self.suffix());
        if self.place.layout == Layout::Flat || !change.table.is_partitioned() {
            // One file holds all weeks, so all of them are written.
            return vec![(format!("{name}.{end}"), self.source.manifest.files(change.table).to_vec())];
        }
        let mut pieces: BTreeMap<String, Vec<DataFile>> = BTreeMap::new();
        for file in &change.files {
            let week = file.week.map(day_text).unwrap_or_default();
            pieces.entry(format!("{name}/week={week}.{end}")).or_default().push(file.clone());
        }
        pieces.into_iter().collect()
    }

    fn suffix(&self) -> &'static str {
        match self.place.format {
            SinkFormat::Csv => "csv",
            SinkFormat::Parquet => "parquet",
            SinkFormat::Jsonl => "jsonl",
        }
    }

    /// Writes one file.
    fn piece(&self, path: &str, table: Table, sources: &[DataFile], synced: &mut Synced) -> Result<FileFacts> {
        let making = |error: Box<dyn std::error::Error + Send + Sync>| {
            Error::failed(format!("sink {}: making {}", self.sink.name, self.store.shown(path)), error)
        };
        let spool = Hashed::new(BYTES_IN_MEMORY);
        let mut form = Form::begin(self.place, table, spool).map_err(making)?;
        let mut rows = 0;
        for file in sources {
            self.source.read(table, file, None, &mut |batch| {
                rows += batch.num_rows() as u64;
                form.add(batch, &mut synced.altered).map_err(making)
            })?;
        }
        let written = form.end().map_err(making)?;
        let Finished { mut file, sha256, bytes } = written.finish().map_err(|error| making(error.into()))?;
        self.store.put(path, Content::spooled(&mut file, bytes, &sha256), self.run_id)?;
        synced.files += 1;
        synced.rows += rows;
        Ok(FileFacts { table: table.name().to_owned(), bytes, rows, sha256 })
    }
}

type Made<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// A file in one of the formats, to which rows are added.
enum Form {
    Csv(Box<csv::Writer<Hashed>>, Formulas),
    Jsonl(Hashed, Vec<&'static str>),
    Parquet(Box<ArrowWriter<Hashed>>),
}

impl Form {
    fn begin(place: &FilesPlace, table: Table, spool: Hashed) -> Made<Form> {
        let names: Vec<&'static str> = table.columns().iter().map(|facts| facts.name).collect();
        Ok(match place.format {
            SinkFormat::Csv => {
                let mut writer = csv::Writer::from_writer(spool);
                writer.write_record(&names)?;
                Form::Csv(Box::new(writer), place.formulas)
            }
            SinkFormat::Jsonl => Form::Jsonl(spool, names),
            SinkFormat::Parquet => {
                let properties = publish::encode::properties()?;
                Form::Parquet(Box::new(ArrowWriter::try_new(spool, table.schema(), Some(properties))?))
            }
        })
    }

    fn add(&mut self, batch: &RecordBatch, altered: &mut Altered) -> Made<()> {
        match self {
            Form::Parquet(writer) => writer.write(batch)?,
            Form::Csv(writer, formulas) => {
                for row in 0..batch.num_rows() {
                    for column in batch.columns() {
                        let cell = Cell::of(column.as_ref(), row);
                        let plain = cell.plain();
                        let defused = *formulas == Formulas::Defused && is_formula(&cell);
                        altered.defused += u64::from(defused);
                        writer.write_field(if defused { format!("'{plain}") } else { plain })?;
                    }
                    writer.write_record(None::<&[u8]>)?;
                }
            }
            Form::Jsonl(spool, names) => {
                for row in 0..batch.num_rows() {
                    let cells = names.iter().zip(batch.columns());
                    let members =
                        cells.map(|(name, column)| format!("\"{name}\":{}", Cell::of(column.as_ref(), row).json()));
                    writeln!(spool, "{{{}}}", members.collect::<Vec<_>>().join(","))?;
                }
            }
        }
        Ok(())
    }

    fn end(self) -> Made<Hashed> {
        match self {
            Form::Parquet(writer) => Ok(writer.into_inner()?),
            Form::Csv(writer, _) => writer.into_inner().map_err(|error| error.into_error().into()),
            Form::Jsonl(spool, _) => Ok(spool),
        }
    }
}

/// The place of a sink of files, for people.
///
/// # Errors
/// The path is invalid.
pub fn shown(place: &FilesPlace) -> Result<String> {
    let store: Arc<dyn Store> = publish::at(Path::new(&place.path))?;
    Ok(store.shown(""))
}
