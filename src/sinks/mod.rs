//! Sinks: replicas of a committed version in the places from which dashboards read.
//!
//! A sink is made from a manifest and its files, never from a run in flight, and no figure is ever decided from one.
//! What to replace follows from two manifests: that of the version in the sink and that of the version it is brought
//! to. It fails without touching the publication, and after every failure the next sync continues from the version in
//! the sink.

pub mod dbt;
pub mod files;
pub mod postgres;
pub mod tell;
#[cfg(test)]
mod tests;

use crate::error::{Error, Result};
use crate::job::digest::sha256_hex;
use crate::job::plan::{Plan, Sink, SinkPlace};
use crate::publish::store::{self, Store};
use crate::publish::{self, DataFile, Manifest, encode, log};
use crate::schema::Table;
use crate::signals;
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use parquet::arrow::arrow_reader::{RowSelection, RowSelector};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use vtr_kernel::calendar::Day;

/// Raised whenever a version would be written to a sink differently; sinks are then rewritten whole.
pub const SINK_REVISION: u32 = 1;

/// The path, below an output, of its id.
const OUTPUT_ID: &str = "_output_id";
/// Rows read at a time: few, because texts can be long.
const ROWS_AT_A_TIME: usize = 1_024;

/// The terms of a sync.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// An older version; `None` for the highest.
    pub version: Option<u64>,
    /// What is replaced.
    pub amount: Amount,
    /// What to do with a sink that holds a newer version.
    pub newer: Newer,
}

/// What a sync replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// The difference between the version in the sink and the one it is brought to.
    Changed,
    /// Everything.
    Full,
}

/// What to do with a sink that holds a newer version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Newer {
    /// Keep it, and fail.
    Keep,
    /// Take it back to the version asked for.
    Replace,
}

/// The version in a sink, as the sink records it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The id of the output.
    pub output: String,
    /// The version.
    pub version: u64,
    /// SHA-256 of the version's manifest, in hex.
    pub manifest: String,
    /// SHA-256 of the sink's own settings, in hex.
    pub settings: String,
}

/// A part of a table to put in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The table.
    pub table: Table,
    /// The part that is deleted first.
    pub part: Part,
    /// The files whose rows replace it.
    pub files: Vec<DataFile>,
    /// The files of the version in the sink, from which the part was written; empty if that is not known.
    pub before: Vec<DataFile>,
}

/// The part of a table that a change deletes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// The whole table.
    All,
    /// These weeks.
    Weeks(BTreeSet<Day>),
}

/// The result of a sync.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Synced {
    /// The version in the sink after the sync.
    pub version: u64,
    /// What was done.
    pub did: Did,
    /// The number of tables of which a part was replaced.
    pub tables: usize,
    /// The number of files whose rows were written.
    pub files: usize,
    /// The number of rows written.
    pub rows: u64,
    /// Cells that were written differently from the published ones.
    pub altered: Altered,
}

/// What a sync did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Did {
    /// The version was there already.
    #[default]
    Nothing,
    /// The version was put in place.
    Wrote,
}

/// Counts of cells that a sink cannot store unchanged, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Altered {
    /// Key texts too long for an index: truncated, with their hash at the end.
    pub cut: u64,
    /// Texts with U+0000, written as `\u{0}`.
    pub nul: u64,
    /// Texts that a spreadsheet would execute, written with a leading apostrophe.
    pub defused: u64,
}

/// A committed version, ready to be replicated.
pub struct Source<'a> {
    /// The place of publication.
    pub store: &'a dyn Store,
    /// The id of the output.
    pub output: String,
    /// The version.
    pub manifest: Manifest,
    /// SHA-256 of the manifest's bytes, in hex.
    pub digest: String,
}

impl<'a> Source<'a> {
    /// Opens the highest version of an output, or the one asked for.
    ///
    /// # Errors
    /// Nothing is published there, or not this version; the output's id can be neither read nor made.
    pub fn open(store: &'a dyn Store, version: Option<u64>) -> Result<Source<'a>> {
        let manifest = publish::open(store, version)?;
        let digest = digest_of(store, manifest.version)?.unwrap_or_default();
        Ok(Source { store, output: output_id(store)?, manifest, digest })
    }

    /// The tables that a sink holds: all published ones, or those of them that the sink names.
    pub fn tables(&self, asked: Option<&[Table]>) -> Vec<Table> {
        let published = Table::ALL.into_iter().filter(|table| self.manifest.has(*table));
        published.filter(|table| asked.is_none_or(|asked| asked.contains(table))).collect()
    }

    /// The changes that a sync must make to a sink in this state, if any.
    ///
    /// # Errors
    /// [`Error::Usage`] for a sink of another output, [`Error::Conflict`] for one that holds a newer version.
    pub fn changes(
        &self,
        sink: &Sink,
        held: Option<&Held>,
        settings: &str,
        asked: &Asked,
    ) -> Result<Option<Vec<Change>>> {
        let tables = self.tables(sink.tables.as_deref());
        let Some(held) = held else { return Ok(Some(changes(None, &self.manifest, &tables))) };
        let (name, out, version) = (&sink.name, self.store.shown(""), self.manifest.version);
        if held.output != self.output {
            return Err(Error::Usage(format!(
                "sink {name}: holds version {} of another output than {out}; give this job a sink of its own (another `schema` or \
                 `path`), or drop what is there",
                held.version
            )));
        }
        if held.version > version && asked.newer == Newer::Keep {
            return Err(Error::Conflict(format!(
                "sink {name}: holds version {}, which is newer than version {version}; --force goes back to it",
                held.version
            )));
        }
        let same = held.version == version && held.manifest == self.digest;
        if same && held.settings == settings && asked.amount == Amount::Changed {
            return Ok(None);
        }
        // The version in the sink may be missing from this log or differ from it: if an output was restored from a
        // backup, its version numbers prove nothing.
        let known = digest_of(self.store, held.version)?.is_some_and(|digest| digest == held.manifest);
        let old = match known && held.settings == settings && asked.amount == Amount::Changed {
            true => log::find(self.store, held.version)?,
            false => None,
        };
        Ok(Some(changes(old.as_ref(), &self.manifest, &tables)))
    }

    /// Hands on the rows of a file, all or those that are wanted, batch by batch, in the columns of its table.
    ///
    /// # Errors
    /// The file is missing, damaged or of another schema; the error of `each`; a signal.
    pub fn read(
        &self,
        table: Table,
        file: &DataFile,
        wanted: Option<&[bool]>,
        each: &mut dyn FnMut(&RecordBatch) -> Result<()>,
    ) -> Result<()> {
        let (shown, name) = (self.store.shown(&file.path), table.name());
        let readable = self.store.open(&file.path)?.ok_or_else(|| {
            let version = self.manifest.version;
            let what = format!(
                "{shown}: the file of version {version} is missing; `vtr gc` deletes those of old versions, sync a newer one"
            );
            Error::Failed { what, source: None }
        })?;
        let builder = encode::builder(readable, &shown)?;
        let shape = |schema: &arrow::datatypes::Schema| {
            let of = |field: &arrow::datatypes::FieldRef| (field.name().clone(), field.data_type().clone());
            schema.fields().iter().map(of).collect::<Vec<_>>()
        };
        if shape(builder.schema()) != shape(&table.schema()) {
            return Err(Error::Input(format!(
                "{shown} has not the columns of `{name}`; it was published by another version of this program: run the job \
                 again without a week range"
            )));
        }
        let unread =
            |error| Error::failed(format!("reading {shown}; `vtr verify` tells whether the output is damaged"), error);
        let mut rows = 0;
        let builder = match wanted {
            Some(wanted) => builder.with_row_selection(selection(wanted)),
            None => builder,
        };
        let expected = wanted.map_or(file.rows, |wanted| wanted.iter().filter(|row| **row).count() as u64);
        for batch in builder.with_batch_size(ROWS_AT_A_TIME).build().map_err(unread)? {
            signals::check()?;
            let batch = batch.map_err(|error| Error::failed(format!("reading {shown}"), error))?;
            rows += batch.num_rows() as u64;
            each(&batch)?;
        }
        if rows != expected {
            let what = format!("{shown}: holds {rows} rows, the manifest tells of {expected}; `vtr verify`");
            return Err(Error::Failed { what, source: None });
        }
        Ok(())
    }
}

/// Returns the wanted rows as spans to select and to skip.
fn selection(wanted: &[bool]) -> RowSelection {
    let spans = wanted.chunk_by(|a, b| a == b);
    spans
        .map(|span| if span[0] { RowSelector::select(span.len()) } else { RowSelector::skip(span.len()) })
        .collect::<Vec<_>>()
        .into()
}

/// The differences between two versions, table by table; everything if there is no old one.
pub fn changes(old: Option<&Manifest>, new: &Manifest, tables: &[Table]) -> Vec<Change> {
    let of_table = |table: &Table| {
        let files = new.files(*table);
        let Some(before) = old.filter(|old| old.has(*table)).map(|old| old.files(*table)) else {
            return Some(Change { table: *table, part: Part::All, files: files.to_vec(), before: Vec::new() });
        };
        let (then, now) = (by_part(before), by_part(files));
        let parts: BTreeSet<Option<Day>> = then.keys().chain(now.keys()).copied().collect();
        let differs: BTreeSet<Option<Day>> = parts.into_iter().filter(|part| then.get(part) != now.get(part)).collect();
        let part = match differs.is_empty() {
            true => return None,
            // A table that became partitioned, or stopped being so, is another table.
            false if differs.contains(&None) => Part::All,
            false => Part::Weeks(differs.iter().flatten().copied().collect()),
        };
        let files = files.iter().filter(|file| part == Part::All || differs.contains(&file.week)).cloned().collect();
        let before = before.iter().filter(|file| differs.contains(&file.week)).cloned();
        let before = before.filter(|file| part != Part::All || file.week.is_none()).collect();
        Some(Change { table: *table, part, files, before })
    };
    tables.iter().filter_map(of_table).collect()
}

/// The content of each week of a table, or of the whole table.
fn by_part(files: &[DataFile]) -> BTreeMap<Option<Day>, BTreeSet<&str>> {
    let mut parts: BTreeMap<Option<Day>, BTreeSet<&str>> = BTreeMap::new();
    files.iter().for_each(|file| {
        parts.entry(file.week).or_default().insert(&file.sha256);
    });
    parts
}

/// SHA-256 of a manifest's bytes, in hex; `None` if the log has no such version.
fn digest_of(store: &dyn Store, version: u64) -> Result<Option<String>> {
    Ok(store::read(store, &log::path(version))?.map(|bytes| sha256_hex(&bytes)))
}

/// The id of an output: 16 random bytes in hex, made at the first request and never changed. A copy of an output keeps
/// the id, which is right until both are published to; then the manifests distinguish them.
fn output_id(store: &dyn Store) -> Result<String> {
    for _ in 0..2 {
        if let Some(bytes) = store::read(store, OUTPUT_ID)? {
            let text = String::from_utf8_lossy(&bytes).trim().to_owned();
            return match text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                true => Ok(text),
                false => Err(Error::Failed {
                    what: format!(
                        "{}: is damaged; restore it from a backup, or delete it and drop the sinks of this output",
                        store.shown(OUTPUT_ID)
                    ),
                    source: None,
                }),
            };
        }
        let mut random = [0u8; 16];
        let drawn = File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut random));
        drawn.map_err(|error| Error::failed("/dev/urandom: drawing an id for the output", error))?;
        let id = vtr_kernel::text::hex(&random);
        // The file is read back whatever the result: another process may have made it.
        store.create(OUTPUT_ID, format!("{id}\n").as_bytes(), &id)?;
    }
    let what = format!("{}: the id of the output was written and is not there", store.shown(OUTPUT_ID));
    Err(Error::Failed { what, source: None })
}

/// Counts of a part of a table that must be equal in the sink.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// The number of rows.
    pub rows: u64,
    /// The sums of `eligible` and `valid`, for tables that have them.
    pub sums: Option<[i64; 2]>,
}

impl Counted {
    /// Adds rows of a table.
    pub fn add(&mut self, batch: &RecordBatch) {
        self.rows += batch.num_rows() as u64;
        let sum = |name: &str| {
            let column = batch.column_by_name(name)?.as_primitive_opt::<Int64Type>()?;
            Some(column.iter().flatten().sum::<i64>())
        };
        if let (Some(eligible), Some(valid)) = (sum("eligible"), sum("valid")) {
            let [had_eligible, had_valid] = self.sums.unwrap_or_default();
            self.sums = Some([had_eligible + eligible, had_valid + valid]);
        }
    }
}

/// Whether a table has the columns that are summed.
pub fn is_summed(table: Table) -> bool {
    ["eligible", "valid"].iter().all(|name| table.columns().iter().any(|facts| facts.name == *name))
}

/// Brings one sink to a version.
///
/// # Errors
/// The errors of the output and of the sink's place.
pub fn sync(sink: &Sink, source: &Source, asked: &Asked, run_id: &str) -> Result<Synced> {
    match &sink.place {
        SinkPlace::Postgres { schema } => postgres::sync(sink, schema, source, asked),
        SinkPlace::Files(place) => files::sync(sink, place, source, asked, run_id),
    }
}

/// The version in a sink; `None` for an empty one.
///
/// # Errors
/// The place cannot be reached.
pub fn held(sink: &Sink) -> Result<Option<Held>> {
    match &sink.place {
        SinkPlace::Postgres { schema } => postgres::held(sink, schema),
        SinkPlace::Files(place) => files::held(place),
    }
}

/// A job's sink by name, or all of its sinks.
///
/// # Errors
/// [`Error::Usage`] for a job without sinks, or for an unknown name.
pub fn chosen<'p>(plan: &'p Plan, job: &Path, name: Option<&str>) -> Result<Vec<&'p Sink>> {
    let names: Vec<&str> = plan.sinks.iter().map(|sink| sink.name.as_str()).collect();
    if names.is_empty() {
        return Err(Error::Usage(format!("{}: the job has no [[sink]]; docs/bi.md shows one", job.display())));
    }
    let Some(name) = name else { return Ok(plan.sinks.iter().collect()) };
    let sink = plan.sinks.iter().find(|sink| sink.name == name);
    let hint = vtr_kernel::suggest::did_you_mean(name, names);
    sink.map(|sink| vec![sink]).ok_or_else(|| Error::Usage(format!("--sink: the job has no sink `{name}`{hint}")))
}
