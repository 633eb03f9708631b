//! Publication: data files named by their content, then one numbered manifest for all tables, which
//! appears in one atomic step; that step is the only commit point.
//!
//! Whole weeks are replaced and nothing is ever appended, overwritten or deleted here; a reader that
//! opens one manifest sees exactly its files. A gate that trips, a conflict or any other failure before
//! the commit point leaves the old version in force; unnamed data files stay for `gc`.

pub mod accounts;
pub mod asides;
pub mod checks;
pub mod current;
mod disk;
pub mod encode;
pub mod gates;
pub mod gc;
pub mod kept;
pub mod local;
pub mod log;
pub mod object;
pub mod outdated;
pub mod rates;
pub mod stale;
pub mod state;
pub mod store;
pub mod target;
#[cfg(test)]
mod tests;
pub mod unfinished;

pub use asides::SetAside;
pub use checks::Checked;
pub use gates::Sums;
pub use log::{DataFile, InputFile, Manifest, Span, open};
pub use store::at;

use crate::error::{Error, Result};
use crate::job::plan::{Claim, Plan};
use crate::scan::Survey;
use crate::schema::Table;
use crate::signals;
use crate::tables::Piece;
use arrow::record_batch::RecordBatch;
use local::Guard;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use store::{Content, Created, Store};
use target::Target;
use unfinished::Alive;
use vtr_columnar::asides::Bound;
use vtr_kernel::calendar::Day;
use vtr_kernel::ladder::Evidence;

/// The folder of what runs leave beside the tables, below the output.
pub const RUNS: &str = "_runs";

/// A publication under way. Begin it before the inputs are read: what others publish between then and
/// the commit is checked for conflicts.
pub struct Publication {
    target: Target,
    store: Arc<dyn Store>,
    run_id: String,
    /// The highest version when the run began.
    base: Option<Manifest>,
    made: Mutex<Made>,
    checks: Mutex<checks::Checks>,
    _guard: Option<(Guard, Alive)>,
}

/// What a publication has written; its threads share it.
#[derive(Default)]
struct Made {
    /// New files by table; they become part of the output only by the commit.
    files: BTreeMap<Table, Vec<DataFile>>,
    /// Pieces written, those without rows too.
    pieces: BTreeSet<(Table, Option<Day>)>,
    audit: gates::Audit,
    /// Folders whose entries must be made durable before the commit.
    folders: BTreeSet<String>,
}

/// What the manifest says beside the files.
pub struct ManifestFacts {
    /// What was judged by.
    pub evidence: Evidence,
    /// Every input file with its own sums, in the order of the shown path.
    pub inputs: Vec<(InputFile, Sums)>,
    /// The sums of the whole run: those of the files added up.
    pub sums: Sums,
    /// Judged packages within the range by Monday and class (order of `Class::ALL`), counted apart from
    /// the tables.
    pub weeks: BTreeMap<Day, [u64; 4]>,
    /// First and last promised day of the pending packages of each week, by Monday.
    pub due: BTreeMap<Day, (Day, Day)>,
    /// Packages to which a value rule applied whose value could not be compared.
    pub unpriced: u64,
    /// The largest distance in days between copies of one package, where copies were sought.
    pub copies_apart_days: Option<i64>,
    /// Whether the run read all days that `account_health` needs; if not, the published one stays.
    pub health_span_read: bool,
    /// What could not be judged, in sentences that do not change between equal runs.
    pub not_judged: Vec<String>,
    /// What was set aside.
    pub set_aside: Vec<SetAside>,
    /// What a reader should know, in sentences that do not change between equal runs.
    pub warnings: Vec<String>,
    /// Rows of files that were not read, because what is published of them stands.
    pub kept: gates::Kept,
}

/// What a table holds of new files so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// The table.
    pub table: Table,
    /// Its new files.
    pub files: usize,
    /// Their rows.
    pub rows: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// The end of a publication.
#[derive(Clone, Debug)]
pub struct Published {
    /// The version that holds now.
    pub version: u64,
    /// The same was published already, and nothing was written.
    pub unchanged: bool,
    /// Files that the manifest names.
    pub files: usize,
    /// The manifest.
    pub manifest: Manifest,
    /// What went wrong after the commit point: `current` or `views.sql` may be old.
    pub warnings: Vec<String>,
}

/// What a run of a plan replaces of each table that it makes.
pub fn spans(plan: &Plan) -> Vec<(Table, Span)> {
    let last_end = plan.days_counted().map_or(Day::MAX, |(_, last)| last);
    plan.output.tables.iter().map(|table| (*table, target::span(*table, plan.range, last_end))).collect()
}

/// Refuses a published version of another job or of other evidence, without beginning anything.
pub fn refuse_other(plan: &Plan, published: Option<&Manifest>, evidence: Option<Evidence>) -> Result<()> {
    let Some(published) = published else { return Ok(()) };
    let target = Target::of(plan)?;
    target.refuse_other(published, evidence)?;
    target.refuse_backwards(published)
}

/// Begins a publication of a plan. Refuses an output that another job, or other evidence, published to.
pub fn begin(plan: &Plan, run_id: String) -> Result<Publication> {
    let target = Target::of(plan)?;
    let store = at(&target.out)?;
    Publication::to(store, target, run_id)
}

/// Takes away what dead runs left, and brings `current` and `views.sql` up to the newest version: what a run owes an
/// output in which no week is outdated.
///
/// # Errors
/// As [`begin`], and what the disk or the store says.
pub fn tend(plan: &Plan) -> Result<()> {
    let publication = begin(plan, plan.run_id.clone())?;
    current::refresh(publication.store.as_ref(), &publication.run_id)
}

/// Whether what a run knows of the weeks that it does not judge still holds.
fn holds(claim: &Claim, base: Option<&Manifest>, inputs: &[InputFile]) -> bool {
    let digests = inputs.iter().map(|input| (&input.file, &input.digest));
    base.is_some_and(|base| base.version == claim.base) && digests.eq(claim.inputs.iter())
}

impl Made {
    fn remember_folders(&mut self, folder: &str) {
        let mut folder = folder;
        while self.folders.insert(folder.to_owned()) {
            folder = folder.rsplit_once('/').map_or("", |(above, _)| above);
        }
    }
}

impl Publication {
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
        let guard = match store.local() {
            None => None,
            Some(local) => {
                local.make_folder(log::FOLDER)?;
                let guard = local.guard_run(log::FOLDER)?;
                unfinished::clean(local);
                Some((guard, Alive::begin(local, &run_id)?))
            }
        };
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

    /// Whether what a plan knows of text files is of the version that this stands on, and their rows can be kept.
    pub fn knows_inputs_of(&self, plan: &Plan) -> bool {
        let Some(base) = self.base.as_ref().filter(|base| Some(base.version) == plan.known.version) else {
            return false;
        };
        let rows = [Table::InputFiles, Table::Rejects];
        rows.iter().all(|table| self.span(*table).is_none() || base.has(*table))
    }

    /// What is published of files that are not read again.
    pub fn kept(&self, survey: &Survey) -> Result<kept::Kept> {
        kept::read(self.store.as_ref(), self.base.as_ref(), survey)
    }

    /// Refuses weeks of which neither the inputs nor the output know any: nobody can have meant them.
    ///
    /// # Errors
    /// [`Error::Usage`].
    pub fn refuse_nothing(&self, plan: &Plan) -> Result<()> {
        let (Some(range), None, None) = (plan.range, &plan.claim, plan.backfill) else { return Ok(()) };
        let published = self.base.iter().flat_map(|base| base.tables.values().flatten()).filter_map(|file| file.week);
        let all: BTreeSet<Day> = published.collect();
        if all.iter().any(|week| (range.first..=range.last).contains(week)) {
            return Ok(());
        }
        let week = vtr_kernel::calendar::iso_week;
        let known = match (all.first(), all.last()) {
            (Some(first), Some(last)) => format!("; published are {} to {}", week(*first), week(*last)),
            _ => String::new(),
        };
        Err(Error::Usage(format!(
            "no package lies in the weeks asked for, {} to {}, and none is published of them{known}; nothing was published: check \
             the year",
            week(range.first),
            week(range.last)
        )))
    }

    /// Refuses evidence other than that of the published version; the commit asks again.
    pub fn expect(&self, evidence: Evidence) -> Result<()> {
        self.base.as_ref().map_or(Ok(()), |base| self.target.refuse_other(base, Some(evidence)))
    }

    /// The weeks of a table that this run replaces; a piece of any other week must not be written.
    /// `None` for a table that the job does not make.
    pub fn span(&self, table: Table) -> Option<Span> {
        self.target.spans.get(&table).copied()
    }

    /// Hands on some columns of a table as it was published when the run began.
    ///
    /// # Errors
    /// A file is missing or cannot be read; what `take` says.
    pub fn each_published(
        &self,
        table: Table,
        columns: &[&str],
        take: &mut dyn FnMut(&RecordBatch) -> Result<()>,
    ) -> Result<()> {
        for file in self.base.iter().flat_map(|base| base.files(table)) {
            self.read_published(file, columns, take)?;
        }
        Ok(())
    }

    fn read_published(
        &self,
        file: &DataFile,
        columns: &[&str],
        take: &mut dyn FnMut(&RecordBatch) -> Result<()>,
    ) -> Result<()> {
        let shown = self.store.shown(&file.path);
        let Some(blob) = self.store.open(&file.path)? else {
            let what = format!("{shown}: the file is missing; `vtr run --full` writes all files anew");
            return Err(Error::Failed { what, source: None });
        };
        encode::read_columns(blob, &shown, columns, take)
    }

    fn made(&self) -> MutexGuard<'_, Made> {
        self.made.lock().expect("no thread panics while it notes what was written")
    }

    fn checks(&self) -> MutexGuard<'_, checks::Checks> {
        self.checks.lock().expect("no thread panics while it notes what was written")
    }

    /// Puts a piece of a table in place as one file; a week without rows has none. Several threads may
    /// write at once.
    ///
    /// # Panics
    /// If the piece lies outside the run's span, was written before, or lacks its table's schema.
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
        let mut encoded = encode::parquet(piece, &mut |rows| {
            audit.add(table, week, rows);
            if let (Table::VtrWeekly, Some(week)) = (table, week) {
                self.checks().add(week, rows);
            }
        })?;
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
        let file =
            DataFile { path, sha256: encoded.sha256, bytes: encoded.bytes, rows: encoded.rows, week, judged_by: 0 };
        self.made().files.entry(table).or_default().push(file);
        Ok(())
    }

    /// Whether the base names a file and it is whole. What the base does not name is put anew even if it
    /// is there, so that `gc` does not find it old.
    fn is_in_place(&self, path: &str, bytes: u64, sha256: &str) -> Result<bool> {
        let named = self.base.as_ref().is_some_and(|base| base.all_files().any(|file| file.path == path));
        Ok(named && self.store.holds(path, bytes, sha256)?)
    }

    /// What was written so far, in the order of the tables.
    pub fn written(&self) -> Vec<Written> {
        let written = |(table, files): (&Table, &Vec<DataFile>)| Written {
            table: *table,
            files: files.len(),
            rows: files.iter().map(|file| file.rows).sum(),
            bytes: files.iter().map(|file| file.bytes).sum(),
        };
        self.made().files.iter().map(written).collect()
    }

    /// Judges the gates and publishes. Ends with the version that holds: a new one, or the published one
    /// if that says the same. Another publication of the same weeks that came first is a conflict. What
    /// came of every gate stands in `checked`, whatever the end.
    ///
    /// # Panics
    /// If an unpartitioned table of the job was not written.
    pub fn commit(self, facts: ManifestFacts, checked: &mut Vec<Checked>) -> Result<Published> {
        // That the entries of folders are durable is part of what a manifest promises.
        let mut folders = std::mem::take(&mut self.made().folders);
        folders.extend([log::FOLDER, ""].map(String::from));
        self.store.settle(&folders)?;
        let mut taken = 0;
        loop {
            let base = self.newest(taken)?;
            if let Some(base) = &base {
                self.target.refuse_other(base, Some(facts.evidence))?;
            }
            let judged = self.judge_gates(&facts, base.as_ref(), checked);
            let judged = judged.map_err(|tripped| self.with_rejects(tripped, &facts));
            let manifest = self.manifest(&facts, base.as_ref());
            if let Some(base) = base.filter(|base| manifest.says_the_same(base)) {
                judged?;
                return Ok(self.published(base, true));
            }
            // Against weeks that somebody else has just published the gates would say nothing of worth.
            self.refuse_overlap(&manifest)?;
            judged?;
            self.refuse_missing(&manifest)?;
            // Past this line a signal finds the new version published.
            let attempt = signals::attempt(manifest.version)?;
            if self.appeared(&manifest)? {
                attempt.published(manifest.version);
                self.store.settle(&BTreeSet::from([log::FOLDER.to_owned()])).map_err(|error| {
                    let version = manifest.version;
                    Error::failed(
                        format!("version {version} is published, but a power loss now could undo it; run again"),
                        error,
                    )
                })?;
                return Ok(self.published(manifest, false));
            }
            // Somebody else's: what they published is the new base, and the gates are judged against it.
            taken = manifest.version;
        }
    }

    /// The highest version; at least `known`, whatever a list that lags behind says.
    fn newest(&self, known: u64) -> Result<Option<Manifest>> {
        match log::versions(self.store.as_ref())?.last().copied().unwrap_or(0).max(known) {
            0 => Ok(None),
            version => log::read(self.store.as_ref(), version).map(Some),
        }
    }

    /// Gives up: nothing was published. Rejects already written are kept beside the run's report; says
    /// where.
    pub fn abandon(self) -> Result<Option<String>> {
        self.keep_rejects()
    }

    /// Judges every gate against a base; the first that trips is the failure, all of them are told.
    fn judge_gates(&self, facts: &ManifestFacts, base: Option<&Manifest>, checked: &mut Vec<Checked>) -> Result<()> {
        let made: Vec<Table> = self.target.spans.keys().copied().collect();
        let files = facts.inputs.iter().map(|(input, sums)| (input.file.as_str(), sums));
        let identity = gates::identity(files, &facts.sums)
            .and_then(|()| self.made().audit.weeks(&made, &facts.weeks, &facts.sums));
        let rejected = gates::max_rejected(self.target.max_rejected, &facts.sums, facts.kept);
        let vanished = gates::max_vanished(self.target.max_vanished_weeks, &self.vanished_weeks(base));
        let aside = |bound, share| gates::set_aside(bound, share, &facts.set_aside, facts.sums.read + facts.kept.rows);
        let own = [
            ("identity", identity),
            ("max_rejected", rejected),
            ("max_damaged", aside(Bound::MaxDamaged, self.target.max_damaged)),
            ("max_unknown_words", aside(Bound::MaxUnknownWords, self.target.max_unknown_words)),
            ("max_vanished_weeks", vanished),
        ];
        checked.clear();
        checked.extend(own.iter().map(|(kind, result)| Checked::of_gate(kind, result)));
        let results = self.judge_checks(base)?;
        let failed: Vec<&Checked> = results.iter().filter(|check| check.stops()).collect();
        let tripped = (!failed.is_empty()).then(|| checks::tripped(&failed));
        checked.extend(results.iter().cloned());
        own.into_iter().try_for_each(|(_, result)| result)?;
        tripped.map_or(Ok(()), Err)
    }

    /// What comes of the job's checks against a base.
    fn judge_checks(&self, base: Option<&Manifest>) -> Result<Vec<Checked>> {
        let open = |file: &DataFile, take: &mut dyn FnMut(&RecordBatch) -> Result<()>| {
            self.read_published(file, &checks::COLUMNS, take)
        };
        let Some(span) = self.span(Table::VtrWeekly) else { return Ok(Vec::new()) };
        let files = base.map_or(&[][..], |base| base.files(Table::VtrWeekly));
        let new = self.made().files.get(&Table::VtrWeekly).cloned().unwrap_or_default();
        let was_final = |week: Day| base.is_some_and(|base| self.target.was_final(base, week));
        self.checks().judge(&checks::Published { files, span, new: &new, open: &open, was_final: &was_final })
    }

    /// A gate that tripped, with the place where the rejects are.
    fn with_rejects(&self, tripped: Error, facts: &ManifestFacts) -> Error {
        match (tripped, self.keep_rejects()) {
            (Error::Gate(what), Ok(Some(kept))) if facts.sums.rejected > 0 => {
                Error::Gate(format!("{what}\n  the rejected rows are kept in {kept}"))
            }
            (Error::Gate(what), Err(error)) => Error::Gate(format!("{what}\n  the rejects could not be kept: {error}")),
            (tripped, _) => tripped,
        }
    }

    /// Mondays that the published weekly tables have and this run, which replaces them, has not.
    fn vanished_weeks(&self, base: Option<&Manifest>) -> BTreeSet<Day> {
        let weekly = [Table::VtrWeekly, Table::VtrWeeklyCategory].into_iter();
        let of_table = |table: Table| {
            let (span, base) = (self.span(table)?, base?);
            let made: BTreeSet<Option<Day>> =
                self.made().files.get(&table).into_iter().flatten().map(|file| file.week).collect();
            let gone = base
                .files(table)
                .iter()
                .map(|file| file.week)
                .filter(|week| span.covers(*week) && !made.contains(week));
            Some(gone.flatten().collect::<Vec<Day>>())
        };
        weekly.filter_map(of_table).flatten().collect()
    }

    /// Makes the manifest visible; `false` if its number is somebody else's. Whatever the place said
    /// about the attempt, the log tells whether it succeeded: a lost answer, a repeated request and a lost
    /// race look the same.
    fn appeared(&self, manifest: &Manifest) -> Result<bool> {
        const ATTEMPTS: usize = 4;
        let version = manifest.version;
        let mut text =
            serde_json::to_vec_pretty(manifest).map_err(|error| Error::failed("writing the manifest", error))?;
        text.push(b'\n');
        let mut attempt = 1;
        loop {
            let created = self.store.create(&log::path(version), &text, &self.run_id);
            if matches!(created, Ok(Created::Done)) {
                return Ok(true);
            }
            let there = log::find(self.store.as_ref(), version).map_err(|error| {
                if let Err(stopped) = signals::check() {
                    return stopped;
                }
                let cause = created.as_ref().err().map(|cause| format!(" ({cause})")).unwrap_or_default();
                Error::failed(
                    format!("whether version {version} was published is not known{cause}; run again: that is harmless"),
                    error,
                )
            })?;
            match (there, created) {
                (Some(there), _) => return Ok(there.run_id == self.run_id),
                (None, Err(error)) => return Err(error),
                // A store may say so of a name for which two requests only met.
                (None, Ok(_)) if attempt < ATTEMPTS => attempt += 1,
                (None, Ok(_)) => {
                    let path = self.store.shown(&log::path(version));
                    let what = format!("{path}: the place says that it exists, and has it not; run again");
                    return Err(Error::Failed { what, source: None });
                }
            }
        }
    }

    /// The publication stands; what follows are hints.
    fn published(&self, manifest: Manifest, unchanged: bool) -> Published {
        let mut warnings = Vec::new();
        match current::refresh(self.store.as_ref(), &self.run_id) {
            Ok(()) => signals::complete(manifest.version),
            // What was not finished is said with the word to stop.
            Err(Error::Stopped { .. }) => {}
            Err(error) => {
                let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
                let version = manifest.version;
                warnings.push(format!("version {version} is published, but {error}{cause}; the next run mends it"));
            }
        }
        Published { version: manifest.version, unchanged, files: manifest.all_files().count(), manifest, warnings }
    }

    fn keep_rejects(&self) -> Result<Option<String>> {
        let rejects = self.made().files.get(&Table::Rejects).and_then(|files| files.first().cloned());
        let Some(rejects) = rejects else { return Ok(None) };
        let Some(bytes) = store::read(self.store.as_ref(), &rejects.path)? else { return Ok(None) };
        let kept = format!("{RUNS}/{}/rejects.parquet", self.run_id);
        self.store.put(&kept, Content::of(&bytes), &self.run_id)?;
        Ok(Some(self.store.shown(&kept)))
    }

    /// The manifest that follows a base: new files within the spans of this run, the base's elsewhere.
    fn manifest(&self, facts: &ManifestFacts, base: Option<&Manifest>) -> Manifest {
        let version = base.map_or(0, |base| base.version) + 1;
        let published = base.and_then(|base| base.health_as_of);
        let takes_health = facts.health_span_read && published.is_none_or(|published| self.target.as_of >= published);
        let mut spans = self.target.spans.clone();
        if !takes_health {
            spans.remove(&Table::AccountHealth);
            spans.remove(&Table::HealthBreakdown);
        }
        let makes_health = spans.contains_key(&Table::AccountHealth);
        let inputs: Vec<InputFile> = facts.inputs.iter().map(|(input, _)| input.clone()).collect();
        let claim = self.target.claim.as_deref().filter(|claim| holds(claim, base, &inputs));
        let tables = self.tables(base, &spans, version, claim.is_some());
        let health_as_of = if makes_health { Some(self.target.as_of) } else { published };
        let health_as_of = health_as_of.filter(|_| tables.contains_key(Table::AccountHealth.name()));
        let health_state = match makes_health || claim.is_some() {
            true => Some(version),
            false => base.and_then(|base| base.health_state),
        };
        let health_state = health_state.filter(|_| health_as_of.is_some());
        let own = self.state(facts, version, claim);
        let states = state::follow(own, &inputs, base, health_state);
        let named: BTreeSet<&str> = tables.values().flatten().map(|file| file.path.as_str()).collect();
        let dropped = base.into_iter().flat_map(Manifest::all_files).map(|file| &file.path);
        let dropped = dropped.filter(|path| !named.contains(path.as_str())).cloned().collect();
        Manifest {
            format: log::FORMAT,
            version,
            run_id: self.run_id.clone(),
            program: format!("vtr {}", env!("CARGO_PKG_VERSION")),
            job: self.target.job.clone(),
            book: self.target.book.clone(),
            evidence: facts.evidence.name().to_owned(),
            as_of: self.target.as_of,
            health_as_of,
            inputs,
            revision: self.target.revision,
            states,
            health_state,
            judged: self.judged(facts, base, &tables, version),
            weeks: self.weeks(facts, base),
            sums: facts.sums,
            rates: self.rates(facts, base),
            unpriced: facts.unpriced,
            copies_apart_days: facts.copies_apart_days,
            not_judged: facts.not_judged.clone(),
            set_aside: facts.set_aside.clone(),
            warnings: facts.warnings.clone(),
            replaced: log::Replaced {
                base: base.map(|base| base.version),
                tables: spans.iter().map(|(table, span)| (table.name().to_owned(), *span)).collect(),
                files: dropped,
            },
            tables,
        }
    }

    /// What the rates of every week come to: those of this run, the base's elsewhere.
    fn rates(&self, facts: &ManifestFacts, base: Option<&Manifest>) -> Vec<rates::Week> {
        let Some(source) = rates::SOURCES.into_iter().find(|table| self.target.spans.contains_key(table)) else {
            return Vec::new();
        };
        let span = self.target.spans[&source];
        let kept = base.into_iter().flat_map(|base| &base.rates).filter(|week| !span.covers(Some(week.week)));
        let mut weeks = rates::weeks(&self.made().audit.rates(source), &facts.due);
        weeks.extend(kept.cloned());
        weeks.sort_by_key(|week| week.week);
        weeks
    }

    /// The state of the weeks that the run judged, or knows to be as it would judge them.
    fn state(&self, facts: &ManifestFacts, version: u64, claim: Option<&Claim>) -> state::State {
        let target = &self.target;
        state::State {
            version,
            as_of: target.as_of,
            ran_on: target.ran_on,
            revision: target.revision,
            job: target.job.digest.clone(),
            book: target.book_parts.clone(),
            tables: target.spans.keys().map(|table| table.name().to_owned()).collect(),
            copies_apart_days: facts.copies_apart_days,
            weeks: state::weeks_of(target.range, claim),
            inputs: state::Differences::default(),
        }
    }

    /// The versions that computed what is in force.
    fn judged(
        &self,
        facts: &ManifestFacts,
        base: Option<&Manifest>,
        tables: &BTreeMap<String, Vec<DataFile>>,
        version: u64,
    ) -> BTreeMap<u64, log::Judged> {
        let in_force: BTreeSet<u64> = tables.values().flatten().map(|file| file.judged_by).collect();
        let before = base.into_iter().flat_map(|base| base.judged.clone());
        let own = log::Judged { as_of: self.target.as_of, warnings: facts.warnings.clone() };
        before.chain([(version, own)]).filter(|(version, _)| in_force.contains(version)).collect()
    }

    /// The sums of the weeks in force.
    fn weeks(&self, facts: &ManifestFacts, base: Option<&Manifest>) -> BTreeMap<Day, [u64; 4]> {
        let mut weeks = base.map(|base| base.weeks.clone()).unwrap_or_default();
        weeks.retain(|week, _| self.target.range.is_some_and(|range| !(range.first..=range.last).contains(week)));
        weeks.extend(&facts.weeks);
        weeks
    }

    fn tables(
        &self,
        base: Option<&Manifest>,
        spans: &BTreeMap<Table, Span>,
        version: u64,
        claims: bool,
    ) -> BTreeMap<String, Vec<DataFile>> {
        let made = self.made();
        let mut tables = base.map(|base| base.tables.clone()).unwrap_or_default();
        // What the job makes no more would stand beside figures that are newer.
        if self.target.range.is_none() || claims {
            tables.retain(|name, _| self.target.spans.keys().any(|table| table.name() == name));
        }
        // These two describe the last publication; those of an older one would mislead.
        for table in [Table::Rejects, Table::InputFiles] {
            tables.remove(table.name());
        }
        if let (Some(first), Some(judged)) = (self.target.judged_from, tables.get_mut(Table::Judged.name())) {
            judged.retain(|file| file.week.is_none_or(|week| week >= first));
        }
        for (table, span) in spans {
            let name = table.name();
            let written = table.is_partitioned() || made.pieces.contains(&(*table, None));
            assert!(written, "{name} is to be replaced, but was not written");
            let files = tables.entry(name.to_owned()).or_default();
            files.retain(|file| !span.covers(file.week));
            let new = made.files.get(table).into_iter().flatten().cloned();
            files.extend(new.map(|file| DataFile { judged_by: version, ..file }));
            files.sort_by(|a, b| (a.week, &a.path).cmp(&(b.week, &b.path)));
        }
        tables
    }

    /// Refuses to publish over weeks that somebody else published since this run began, or beside
    /// figures of another job or book that appeared since then.
    fn refuse_overlap(&self, manifest: &Manifest) -> Result<()> {
        let began = self.base.as_ref().map_or(0, |base| base.version);
        for version in log::versions(self.store.as_ref())?
            .into_iter()
            .filter(|version| (began + 1..manifest.version).contains(version))
        {
            let other = log::read(self.store.as_ref(), version)?;
            let (run, out) = (&other.run_id, self.store.shown(""));
            if (&other.job, &other.book) != (&manifest.job, &manifest.book) {
                return Err(Error::Conflict(format!(
                    "{out}: run {run} published version {version} from another state of the job or the book while this run was \
                     at work; nothing was published; run again"
                )));
            }
            let mut weekly = self.target.spans.iter().filter(|(table, _)| table.is_partitioned());
            let overlaps = |(table, span): &(&Table, &Span)| {
                other.replaced.tables.get(table.name()).is_some_and(|theirs| theirs.overlaps(span))
            };
            if let Some((table, _)) = weekly.find(overlaps) {
                let table = table.name();
                return Err(Error::Conflict(format!(
                    "{out}: run {run} published version {version} with weeks of {table} that this run replaces too; nothing was \
                     published; run again"
                )));
            }
        }
        Ok(())
    }

    /// Refuses to name a file that is not there, or may not be there much longer.
    fn refuse_missing(&self, manifest: &Manifest) -> Result<()> {
        let made = self.made();
        let ours: BTreeSet<&str> = made.files.values().flatten().map(|file| file.path.as_str()).collect();
        gc::refuse_doomed(self.store.as_ref(), &ours, std::time::SystemTime::now())?;
        let files: Vec<&DataFile> = manifest.all_files().collect();
        let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
        let sizes = self.store.sizes(&paths)?;
        match files.iter().zip(sizes).find(|(file, size)| *size != Some(file.bytes)) {
            None => Ok(()),
            Some((file, _)) => {
                let path = self.store.shown(&file.path);
                let what = "the file is missing or has another size; `vtr run --full` writes all files anew";
                Err(Error::Failed { what: format!("{path}: {what}"), source: None })
            }
        }
    }
}
