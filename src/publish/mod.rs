//! Publication: data files named by their content, then one numbered manifest for all tables, which appears in one
//! atomic step. That step is the only commit point.
//!
//! Whole weeks are replaced; nothing is ever appended, overwritten or deleted here. A reader that opens one manifest
//! sees exactly its files. A gate that trips, a conflict or any other failure before the commit point leaves the old
//! version in force; unnamed data files stay for `gc`.

pub mod accounts;
pub mod asides;
pub mod checks;
mod commit;
pub mod current;
mod disk;
pub mod encode;
pub mod gates;
pub mod gc;
pub mod kept;
pub mod local;
pub mod log;
pub mod lost;
mod next;
pub mod notes;
pub mod object;
pub mod outdated;
pub mod rates;
pub mod stale;
pub mod state;
pub mod store;
pub mod target;
#[cfg(test)]
mod tests;
mod unchanged;
pub mod unfinished;

pub use asides::SetAside;
pub use checks::Checked;
pub use gates::Sums;
pub use log::{DataFile, InputFile, Manifest, Span, open};
pub use store::at;

use crate::error::{Error, Result};
use crate::job::plan::{Plan, WeekRange};
use crate::place::readable::Readable;
use crate::scan::Survey;
use crate::scan::identity::BadFile;
use crate::schema::Table;
use crate::tables::Piece;
use arrow::record_batch::RecordBatch;
use local::Guard;
use parking_lot::{Mutex, MutexGuard};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use store::{Content, Store};
use target::Target;
use unchanged::Rows;
use unfinished::Alive;
use vtr_kernel::calendar::Day;
use vtr_kernel::ladder::Evidence;

/// The folder, below the output, of files that runs leave beside the tables.
pub const RUNS: &str = "_runs";

/// A publication under way. Begin it before the inputs are read: what others publish between the beginning and the
/// commit is checked for conflicts.
pub struct Publication {
    target: Target,
    store: Arc<dyn Store>,
    run_id: String,
    /// The highest version when the run began.
    base: Option<Manifest>,
    made: Mutex<WrittenPieces>,
    checks: Mutex<checks::Checks>,
    _guard: Option<(Guard, Alive)>,
}

/// What a publication has written so far; its threads share it.
#[derive(Default)]
struct WrittenPieces {
    /// New files by table; only the commit makes them part of the output.
    files: BTreeMap<Table, Vec<DataFile>>,
    /// Pieces written, including those without rows.
    pieces: BTreeSet<(Table, Option<Day>)>,
    audit: gates::Audit,
    /// Folders whose entries must be made durable before the commit.
    folders: BTreeSet<String>,
}

/// The content of the manifest besides the files.
pub struct ManifestFacts {
    /// The evidence by which packages were judged.
    pub evidence: Evidence,
    /// Every input file with its own sums, sorted by shown path.
    pub inputs: Vec<(InputFile, Sums)>,
    /// Files that were left out because they could not be read to their end.
    pub bad: Vec<BadFile>,
    /// The sums of the whole run.
    pub sums: Sums,
    /// Judged packages within the range by Monday and class (order of `Class::ALL`), counted independently of the
    /// tables.
    pub weeks: BTreeMap<Day, [u64; 4]>,
    /// First and last promised day of the pending packages of each week, by Monday.
    pub due: BTreeMap<Day, (Day, Day)>,
    /// Packages with a value rule whose value could not be compared.
    pub unpriced: u64,
    /// The largest distance in days between copies of one package, if copies were looked for.
    pub copies_apart_days: Option<i64>,
    /// Whether the run read all days that `account_health` needs; if not, the published table stays.
    pub health_span_read: bool,
    /// Weeks beside those that the run judges, by Monday, whose inputs are gone; published windows over them stay.
    pub lost: BTreeSet<Day>,
    /// Sentences that say what could not be judged; equal runs have equal sentences.
    pub not_judged: Vec<String>,
    /// The values set aside.
    pub set_aside: Vec<SetAside>,
    /// Warnings in sentences; equal runs have equal sentences.
    pub warnings: Vec<String>,
    /// Rows of files that were not read because their published rows are still valid.
    pub kept: gates::KeptCounts,
}

/// The new files of a table so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrittenFiles {
    /// The table.
    pub table: Table,
    /// The number of files.
    pub files: usize,
    /// Their rows.
    pub rows: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// The result of a publication.
#[derive(Clone, Debug)]
pub struct Published {
    /// The version in force.
    pub version: u64,
    /// Whether the same content was published already, so that nothing was written.
    pub unchanged: bool,
    /// The number of files that the manifest names.
    pub files: usize,
    /// The manifest.
    pub manifest: Manifest,
    /// What went wrong after the commit point: `current` or `views.sql` may be old.
    pub warnings: Vec<String>,
}

/// The span of each table that a run of a plan replaces.
pub fn spans(plan: &Plan) -> Vec<(Table, Span)> {
    let last_end = plan.range.map_or(Day::MAX, |range| plan.window_ends(range).1);
    plan.output.tables.iter().map(|table| (*table, target::span(*table, plan.range, last_end))).collect()
}

/// Refuses a published version of another job or of other evidence, without beginning a publication.
pub fn refuse_other(plan: &Plan, published: Option<&Manifest>, evidence: Option<Evidence>) -> Result<()> {
    let Some(published) = published else { return Ok(()) };
    let target = Target::of(plan)?;
    target.refuse_other(published, evidence)?;
    target.refuse_backwards(published)
}

/// Whether the plan's memory of text files belongs to the run's base, so that their published rows can be kept.
pub fn knows_inputs(plan: &Plan, base: Option<&Manifest>) -> bool {
    let Some(base) = base.filter(|base| Some(base.version) == plan.known.version) else { return false };
    let rows = [Table::InputFiles, Table::Rejects];
    rows.iter().all(|table| !plan.output.tables.contains(table) || base.has(*table))
}

/// Begins a publication of a plan. Refuses an output that another job, or other evidence, published to.
pub fn begin(plan: &Plan, run_id: String) -> Result<Publication> {
    let target = Target::of(plan)?;
    let store = at(&target.out)?;
    Publication::to(store, target, run_id)
}

/// Deletes what dead runs left, and updates `current` and `views.sql` to the newest version. A run does this for an
/// output without outdated weeks.
///
/// # Errors
/// As [`begin`], and the error of the disk or the store.
pub fn tend(plan: &Plan) -> Result<()> {
    let publication = begin(plan, plan.run_id.clone())?;
    current::refresh(publication.store.as_ref(), &publication.run_id)
}

impl WrittenPieces {
    fn remember_folders(&mut self, folder: &str) {
        let mut folder = folder;
        while self.folders.insert(folder.to_owned()) {
            folder = folder.rsplit_once('/').map_or("", |(above, _)| above);
        }
    }
}

impl Publication {
    /// Returns the place of the output's notes of row groups.
    pub fn notes(&self) -> notes::Kept<'_> {
        notes::Kept { store: self.store.as_ref(), run_id: &self.run_id }
    }

    /// Begins a publication at a place.
    ///
    /// # Errors
    /// The place cannot be published to, or belongs to another job or other evidence.
    ///
    /// # Panics
    /// If the run id cannot be part of a file name.
    pub fn to(store: Arc<dyn Store>, target: Target, run_id: String) -> Result<Publication> {
        assert!(!run_id.is_empty() && !run_id.contains(['/', '.']), "a run id is part of file names: `{run_id}`");
        store.prepare()?;
        let guard = unfinished::begin(store.as_ref(), &run_id)?;
        let base = log::latest(store.as_ref())?;
        if let Some(base) = &base {
            target.refuse_other(base, target.evidence)?;
            target.refuse_backwards(base)?;
        }
        let weeks = base.iter().flat_map(|base| base.files(Table::VtrWeekly)).filter_map(|file| file.week);
        let weeks = weeks.filter(|week| base.as_ref().is_some_and(|base| target.was_final(base, *week)));
        let checks = Mutex::new(checks::Checks::new(&target.checks, weeks, target.check_bytes));
        Ok(Publication { target, store, run_id, base, made: Mutex::default(), checks, _guard: guard })
    }

    /// The version in force when the run began.
    pub fn base(&self) -> Option<&Manifest> {
        self.base.as_ref()
    }

    /// Reads the published rows of files that are not read again.
    pub fn kept(&self, survey: &Survey) -> Result<kept::Kept> {
        kept::read(self.store.as_ref(), self.base.as_ref(), survey)
    }

    /// Refuses weeks that neither the inputs nor the output contain: nobody can have meant them.
    ///
    /// # Errors
    /// [`Error::NoWeeks`].
    pub fn refuse_nothing(&self, plan: &Plan) -> Result<()> {
        let (Some(range), None) = (plan.range, &plan.claim) else { return Ok(()) };
        if plan.is_batch && plan.with_health {
            return Ok(());
        }
        refuse_weeks(self.base.as_ref(), range)
    }

    /// Refuses evidence other than that of the published version; the commit checks again.
    pub fn expect(&self, evidence: Evidence) -> Result<()> {
        self.base.as_ref().map_or(Ok(()), |base| self.target.refuse_other(base, Some(evidence)))
    }

    /// The weeks of a table that this run replaces; a piece of any other week must not be written. `None` for a table
    /// that the job does not make.
    pub fn span(&self, table: Table) -> Option<Span> {
        self.target.spans.get(&table).copied()
    }

    /// Hands on the texts in a column of published rows that the run does not replace, once for each run of equal ones.
    ///
    /// # Errors
    /// A file is missing or cannot be read; the error of `take`.
    pub fn each_in_force(
        &self,
        tables: &[Table],
        facts: &ManifestFacts,
        column: &str,
        take: &mut dyn FnMut(&str),
    ) -> Result<()> {
        let Some(base) = &self.base else { return Ok(()) };
        let replaced = self.replaced(facts, Some(base));
        for table in tables {
            for file in base.files(*table).iter().filter(|file| self.stays(*table, file, &replaced)) {
                encode::read_texts(self.opened(file)?, &self.store.shown(&file.path), column, take)?;
            }
        }
        Ok(())
    }

    fn read_published(
        &self,
        file: &DataFile,
        columns: &[&str],
        take: &mut dyn FnMut(&RecordBatch) -> Result<()>,
    ) -> Result<()> {
        encode::read_columns(self.opened(file)?, &self.store.shown(&file.path), columns, take)
    }

    fn opened(&self, file: &DataFile) -> Result<Readable> {
        self.store.open(&file.path)?.ok_or_else(|| {
            let shown = self.store.shown(&file.path);
            let what = format!("{shown}: the file is missing; `vtr run --full` writes all files anew");
            Error::Failed { what, source: None }
        })
    }

    fn made(&self) -> MutexGuard<'_, WrittenPieces> {
        self.made.lock()
    }

    fn checks(&self) -> MutexGuard<'_, checks::Checks> {
        self.checks.lock()
    }

    /// Puts a piece of a table in place as one file; a week without rows has no file. Several threads may write at
    /// once.
    ///
    /// # Panics
    /// If the piece is outside the run's span, was written before, or lacks its table's schema.
    pub fn write(&self, piece: Piece) -> Result<()> {
        let (table, week) = (piece.table, piece.week);
        let name = table.name();
        assert!(table.is_partitioned() == week.is_some(), "{name}: a piece has a week if its table has weeks");
        assert!(
            self.span(table).is_some_and(|span| span.covers(week)),
            "{name}: {week:?} is not for this run to replace"
        );
        let is_first = self.made().pieces.insert((table, week));
        assert!(is_first, "{name}: {week:?} was written twice");
        let mut audit = gates::Audit::default();
        let mut pass = |rows: &RecordBatch| {
            audit.add(table, week, rows);
            if let (Table::VtrWeekly, Some(week)) = (table, week) {
                self.checks().add(week, rows);
            }
        };
        let published = self.base.as_ref().and_then(|base| base.files(table).iter().find(|file| file.week == week));
        let (schema, made_by) = (table.schema(), self.target.made_by());
        let mut rows = Rows::new(piece.batches, &schema, published.is_some(), &mut pass);
        let mut held = Vec::new();
        if let Some(published) = published.filter(|published| published.made_from.is_some())
            && rows.hold(self.target.held_bytes, &mut held)?
            && published.made_from == rows.digest(&made_by)
            && self.is_in_place(&published.path, published.bytes, &published.sha256)?
        {
            self.made().audit.merge(audit);
            self.made().files.entry(table).or_default().push(published.clone());
            return Ok(());
        }
        let mut encoded = encode::batches(name, &schema, held.into_iter().map(Ok).chain(&mut rows))?;
        let made_from = rows.digest(&made_by);
        self.made().audit.merge(audit);
        if encoded.rows == 0 && week.is_some() {
            return Ok(());
        }
        let folder = match week {
            Some(week) => format!("data/{name}/week={}", log::day_text(week)),
            None => format!("data/{name}"),
        };
        let path = format!("{folder}/{}.parquet", encoded.sha256);
        if !self.is_in_place(&path, encoded.bytes, &encoded.sha256)? {
            let content = Content::spooled(&mut encoded.content, encoded.bytes, &encoded.sha256);
            self.store.put(&path, content, &self.run_id)?;
            self.made().remember_folders(&folder);
        }
        let file = DataFile { made_from, ..DataFile::of(path, &encoded, week) };
        self.made().files.entry(table).or_default().push(file);
        Ok(())
    }

    /// Whether the base names a file and it is intact. A file that the base does not name is put anew even if it
    /// exists, because its age would otherwise let `gc` delete it.
    fn is_in_place(&self, path: &str, bytes: u64, sha256: &str) -> Result<bool> {
        let named = self.base.as_ref().is_some_and(|base| base.all_files().any(|file| file.path == path));
        Ok(named && self.store.holds(path, bytes, sha256)?)
    }

    /// The new files so far, in the order of the tables.
    pub fn written(&self) -> Vec<WrittenFiles> {
        let written = |(table, files): (&Table, &Vec<DataFile>)| WrittenFiles {
            table: *table,
            files: files.len(),
            rows: files.iter().map(|file| file.rows).sum(),
            bytes: files.iter().map(|file| file.bytes).sum(),
        };
        self.made().files.iter().map(written).collect()
    }
}

/// Refuses weeks of which none is published, once the inputs are known to hold none of them either.
///
/// # Errors
/// [`Error::NoWeeks`], with the weeks that are published.
pub fn refuse_weeks(base: Option<&Manifest>, range: WeekRange) -> Result<()> {
    let published = base.iter().flat_map(|base| base.tables.values().flatten()).filter_map(|file| file.week);
    let all: BTreeSet<Day> = published.collect();
    if all.iter().any(|week| (range.first..=range.last).contains(week)) {
        return Ok(());
    }
    let week = vtr_kernel::calendar::iso_week;
    let known = match (all.first(), all.last()) {
        (Some(first), Some(last)) => format!("; published are {} to {}", week(*first), week(*last)),
        _ => String::new(),
    };
    Err(Error::NoWeeks(format!(
        "no package is in the weeks asked for, {} to {}, and none is published of them{known}; nothing was published: check \
         the year",
        week(range.first),
        week(range.last)
    )))
}
