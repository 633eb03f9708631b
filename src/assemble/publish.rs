//! The packages as a separate output: content-named files, one numbered manifest, the same commit as for tables.
//!
//! A week whose rows did not change keeps its file. A run that is stopped anywhere leaves either the old packages or
//! the new ones. It fails if the place does, or if another assembly committed first.

use super::facts::Fate;
use super::tally::Tally;
use super::{Raw, weeks};
use crate::error::{Error, Result};
use crate::job::digest::OUTPUT_REVISION;
use crate::job::plan::{ByWeek, Plan};
use crate::publish::asides::SetAside;
pub use crate::publish::current::PACKAGES;
use crate::publish::encode::{self, Encoded};
use crate::publish::log::{self, DataFile, InputFile, Job, Manifest, Replaced, Span, day_text};
use crate::publish::store::{self, Content, Created, Store};
use crate::publish::unfinished::{self, Alive};
use crate::publish::{Sums, current, gc};
use crate::schema::ValueKind;
use crate::signals;
use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{Field, Schema, SchemaRef};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::SystemTime;
use vtr_columnar::fold::Reject;
use vtr_kernel::calendar::Day;

/// The table of the fates of all records.
pub const FILES: &str = "assembled_files";
/// The table of records that could not be read.
pub const REJECTS: &str = "rejects";

/// A publication of packages under way.
pub struct PackagePublication {
    store: Arc<dyn Store>,
    run_id: String,
    base: Option<Manifest>,
    made: Mutex<MadeFiles>,
    _guard: Option<(crate::publish::local::Guard, Alive)>,
}

/// What the manifest says beside the files.
pub struct ManifestNotes {
    /// Sentences that do not change between equal runs.
    pub warnings: Vec<String>,
    /// Values that cannot be told.
    pub set_aside: Vec<SetAside>,
}

#[derive(Default)]
struct MadeFiles {
    files: BTreeMap<&'static str, Vec<DataFile>>,
    folders: BTreeSet<String>,
}

impl PackagePublication {
    /// Begins a publication.
    ///
    /// # Errors
    /// The place cannot be published to, or belongs to another job.
    pub fn begin(store: Arc<dyn Store>, plan: &Plan) -> Result<PackagePublication> {
        store.prepare()?;
        let guard = unfinished::begin(store.as_ref(), &plan.run_id)?;
        let base = log::latest(store.as_ref())?;
        if let Some(base) = &base {
            refuse_other(store.as_ref(), base, plan)?;
        }
        Ok(PackagePublication { store, run_id: plan.run_id.clone(), base, made: Mutex::default(), _guard: guard })
    }

    fn made(&self) -> parking_lot::MutexGuard<'_, MadeFiles> {
        self.made.lock()
    }

    /// Puts a file of a table in place.
    ///
    /// # Errors
    /// The place refuses it.
    pub fn write(&self, table: &'static str, week: Option<Day>, mut encoded: Encoded, by_week: ByWeek) -> Result<()> {
        if encoded.rows == 0 && week.is_some() {
            return Ok(());
        }
        let folder = match week {
            Some(week) => format!("data/{table}/week={}", day_text(week)),
            None => format!("data/{table}"),
        };
        let path = format!("{folder}/{}.parquet", encoded.sha256);
        let named = self.base.as_ref().is_some_and(|base| base.all_files().any(|file| file.path == path));
        if !(named && self.store.holds(&path, encoded.bytes, &encoded.sha256)?) {
            let content = Content::spooled(&mut encoded.content, encoded.bytes, &encoded.sha256);
            self.store.put(&path, content, &self.run_id)?;
            let mut made = self.made();
            let mut folder = folder.as_str();
            while made.folders.insert(folder.to_owned()) {
                folder = folder.rsplit_once('/').map_or("", |(above, _)| above);
            }
        }
        let file = DataFile { by_week, ..DataFile::of(path, &encoded, week) };
        self.made().files.entry(table).or_default().push(file);
        Ok(())
    }

    /// Commits; weeks before `closed` stay as they are published.
    ///
    /// # Errors
    /// A conflict, or a failure of the place.
    pub fn commit(
        self,
        plan: &Plan,
        digest: &str,
        inputs: Vec<InputFile>,
        told: ManifestNotes,
        closed: Option<Day>,
    ) -> Result<Manifest> {
        let mut folders = std::mem::take(&mut self.made().folders);
        folders.extend([log::FOLDER, ""].map(String::from));
        self.store.sync(&folders)?;
        let manifest = self.manifest(plan, digest, inputs, told, closed);
        if let Some(base) = self.base.as_ref().filter(|base| manifest.says_the_same(base)) {
            return Ok(base.clone());
        }
        let ours: BTreeSet<&str> = manifest.all_files().map(|file| file.path.as_str()).collect();
        gc::refuse_doomed(self.store.as_ref(), &ours, SystemTime::now())?;
        let mut text =
            serde_json::to_vec_pretty(&manifest).map_err(|error| Error::failed("writing the manifest", error))?;
        text.push(b'\n');
        signals::check()?;
        let created = self.store.create(&log::path(manifest.version), &text, &self.run_id);
        let there = log::find(self.store.as_ref(), manifest.version)?;
        let is_ours = there.is_some_and(|there| there.run_id == self.run_id);
        match created {
            _ if is_ours => {}
            Err(error) => return Err(error),
            Ok(Created::Done | Created::Taken) => {
                return Err(Error::Conflict(format!(
                    "{}: another run published packages meanwhile; nothing was published; run again",
                    self.store.shown("")
                )));
            }
        }
        self.store.sync(&BTreeSet::from([log::FOLDER.to_owned()]))?;
        if let Err(error) = current::refresh(self.store.as_ref(), &self.run_id) {
            crate::progress::warn(&format!("the packages are published, but {}; the next run mends it", error.told()));
        }
        Ok(manifest)
    }

    fn manifest(
        &self,
        plan: &Plan,
        digest: &str,
        inputs: Vec<InputFile>,
        told: ManifestNotes,
        closed: Option<Day>,
    ) -> Manifest {
        let version = self.base.as_ref().map_or(0, |base| base.version) + 1;
        let mut tables: BTreeMap<String, Vec<DataFile>> = BTreeMap::new();
        for (table, files) in std::mem::take(&mut self.made().files) {
            let mut files: Vec<DataFile> =
                files.into_iter().map(|file| DataFile { judged_by: version, ..file }).collect();
            if let (PACKAGES, Some(first), Some(base)) = (table, closed, &self.base) {
                let stands = |file: &&DataFile| file.week.is_some_and(|week| week < first);
                files.retain(|file| !stands(&file));
                files.extend(base.tables.get(PACKAGES).into_iter().flatten().filter(stands).cloned());
            }
            files.sort_by(|a, b| (a.week, &a.path).cmp(&(b.week, &b.path)));
            tables.insert(table.to_owned(), files);
        }
        let dropped = log::dropped(self.base.as_ref(), &tables);
        Manifest {
            format: log::FORMAT,
            version,
            run_id: self.run_id.clone(),
            program: log::program(),
            job: Job { name: plan.name.clone(), digest: digest.to_owned() },
            book: plan.book.digest().to_owned(),
            evidence: PACKAGES.to_owned(),
            as_of: plan.as_of,
            health_as_of: None,
            inputs,
            bad: Vec::new(),
            sums: Sums::default(),
            unpriced: 0,
            copies_apart_days: None,
            rates: Vec::new(),
            revision: OUTPUT_REVISION,
            states: Vec::new(),
            health_state: None,
            judged: BTreeMap::new(),
            weeks: BTreeMap::new(),
            not_judged: Vec::new(),
            set_aside: told.set_aside,
            warnings: told.warnings,
            replaced: Replaced {
                base: self.base.as_ref().map(|base| base.version),
                tables: tables.keys().map(|table| (table.clone(), Span::All)).collect(),
                files: dropped,
            },
            tables,
        }
    }
}

/// Refuses packages of another job.
pub fn refuse_other(store: &dyn Store, base: &Manifest, plan: &Plan) -> Result<()> {
    let (out, theirs, ours) = (store.shown(""), &base.job.name, &plan.name);
    if base.evidence != PACKAGES {
        return Err(Error::Usage(format!(
            "{out}: holds tables of rates, no packages; give [assemble] a `path` of its own"
        )));
    }
    if theirs != ours {
        return Err(Error::Usage(format!(
            "{out}: holds the packages of job `{theirs}`, not of `{ours}`; give [assemble] a `path` of its own"
        )));
    }
    Ok(())
}

/// Returns where a file of the place can be read.
pub fn locate(store: &dyn Store, path: &str) -> String {
    match store.local() {
        Some(local) => local.locate(path).to_string_lossy().into_owned(),
        None => store.shown(path),
    }
}

/// Returns columns as a schema.
pub(super) fn columns_of(columns: &[(&'static str, ValueKind, bool)]) -> SchemaRef {
    let field =
        |(name, kind, nullable): &(&'static str, ValueKind, bool)| Field::new(*name, kind.data_type(), *nullable);
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

fn one(table: &'static str, columns: &[(&'static str, ValueKind, bool)], arrays: Vec<ArrayRef>) -> Result<Encoded> {
    let schema = columns_of(columns);
    let batch = RecordBatch::try_new(schema.clone(), arrays)
        .map_err(|error| Error::failed(format!("making {table}"), error))?;
    encode::batches(table, &schema, std::iter::once(Ok(batch)))
}

fn counts(values: impl Iterator<Item = u64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values.map(|value| i64::try_from(value).unwrap_or(i64::MAX))))
}

/// Returns the table `assembled_files`.
///
/// # Errors
/// The disk is full.
pub fn files_table(files: &[Raw], tally: &Tally) -> Result<Encoded> {
    let mut columns = vec![
        ("file", ValueKind::Text, false),
        ("kind", ValueKind::Text, false),
        ("role", ValueKind::Text, false),
        ("bytes", ValueKind::Count, false),
        ("read", ValueKind::Count, false),
    ];
    columns.extend(Fate::ALL.map(|fate| (fate.column(), ValueKind::Count, false)));
    columns.push(("digest", ValueKind::Text, false));
    let text =
        |of: &dyn Fn(&Raw) -> String| -> ArrayRef { Arc::new(StringArray::from_iter_values(files.iter().map(of))) };
    let fates = |index: usize| tally.fates.get(&(index as u32)).copied().unwrap_or_default();
    let mut arrays = vec![
        text(&|file| file.listed.shown.clone()),
        text(&|file| file.kind.clone()),
        text(&|file| file.role.to_owned()),
        counts(files.iter().map(|file| file.listed.bytes)),
        counts((0..files.len()).map(|index| fates(index).iter().sum())),
    ];
    arrays.extend(Fate::ALL.map(|fate| counts((0..files.len()).map(|index| fates(index)[fate as usize]))));
    arrays.push(text(&|file| file.digest.clone()));
    one(FILES, &columns, arrays)
}

/// Returns the table `rejects`, with the same columns as in an output, without evidence.
///
/// # Errors
/// The disk is full.
pub fn rejects_table(files: &[Raw], rejects: &[(u32, Reject)]) -> Result<Encoded> {
    let columns = [
        ("file", ValueKind::Text, false),
        ("record", ValueKind::Count, false),
        ("line", ValueKind::Count, true),
        ("byte_offset", ValueKind::Count, true),
        ("column", ValueKind::Text, false),
        ("reason", ValueKind::Text, false),
        ("value", ValueKind::Text, true),
    ];
    let place = |of: fn(&Reject) -> Option<u64>| -> ArrayRef {
        Arc::new(Int64Array::from_iter(
            rejects.iter().map(|(_, reject)| of(reject).and_then(|at| i64::try_from(at).ok())),
        ))
    };
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(rejects.iter().map(|(file, _)| &files[*file as usize].listed.shown))),
        counts(rejects.iter().map(|(_, reject)| reject.record)),
        place(|reject| reject.line),
        place(|reject| reject.byte_offset),
        Arc::new(StringArray::from_iter_values(
            rejects.iter().map(|(_, reject)| reject.column.as_deref().unwrap_or_default()),
        )),
        Arc::new(StringArray::from_iter_values(rejects.iter().map(|(_, reject)| &reject.reason))),
        Arc::new(StringArray::from_iter(rejects.iter().map(|(_, reject)| reject.value.as_deref()))),
    ];
    one(REJECTS, &columns, arrays)
}

/// Returns the file of a week of packages.
///
/// # Errors
/// The disk fails.
pub fn week_file(week: weeks::PackageBatches, schema: &SchemaRef) -> Result<Encoded> {
    encode::batches(PACKAGES, schema, week)
}

/// Returns the manifest at a place, if there is one.
///
/// # Errors
/// The place cannot be read, or holds something else.
pub fn standing(store: &dyn Store, plan: &Plan) -> Result<Option<Manifest>> {
    let base = log::latest(store)?;
    if let Some(base) = &base {
        refuse_other(store, base, plan)?;
    }
    Ok(base)
}

/// Returns the remembered facts of raw files.
///
/// # Errors
/// The place cannot be read.
pub fn memory(store: &dyn Store) -> Result<Vec<u8>> {
    Ok(store::read(store, crate::publish::stale::MEMORY)?.unwrap_or_default())
}
