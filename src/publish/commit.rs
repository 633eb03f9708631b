//! The commit of a publication: gates, conflicts, and the one atomic step that makes a manifest visible.
//!
//! It decides nothing about figures and writes no table. Until the atomic step every failure leaves the old version in
//! force. After it nothing fails; what could not be updated is a warning.

use super::checks::{self, Checked};
use super::log::{self, DataFile, Manifest, Span};
use super::store::{self, Content, Created};
use super::{ManifestFacts, Publication, Published, RUNS, current, gates, gc};
use crate::error::{Error, Result};
use crate::schema::Table;
use crate::signals;
use arrow::record_batch::RecordBatch;
use std::collections::BTreeSet;
use vtr_columnar::asides::Bound;
use vtr_kernel::calendar::Day;

impl Publication {
    /// Judges the gates and publishes. The result is the version in force: a new one, or the published one if the
    /// content is the same. If another publication of the same weeks came first, that is a conflict. `checked`
    /// receives the result of every gate, whatever the outcome.
    ///
    /// # Panics
    /// If an unpartitioned table of the job was not written.
    pub fn commit(self, facts: ManifestFacts, checked: &mut Vec<Checked>) -> Result<Published> {
        // A manifest promises that the entries of folders are durable.
        let mut folders = std::mem::take(&mut self.made().folders);
        folders.extend([log::FOLDER, ""].map(String::from));
        self.store.sync(&folders)?;
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
            // Gates say nothing useful against weeks that another run has just published.
            self.refuse_overlap(&manifest)?;
            judged?;
            self.refuse_missing(&manifest)?;
            // From here on a signal finds the new version published.
            let attempt = signals::attempt(manifest.version)?;
            if self.appeared(&manifest)? {
                attempt.published(manifest.version);
                self.store.sync(&BTreeSet::from([log::FOLDER.to_owned()])).map_err(|error| {
                    let version = manifest.version;
                    Error::failed(
                        format!("version {version} is published, but a power loss now could undo it; run again"),
                        error,
                    )
                })?;
                return Ok(self.published(manifest, false));
            }
            // The version is another run's: it becomes the new base, and the gates are judged against it.
            taken = manifest.version;
        }
    }

    /// The newest version, at least `known`: a store's listing may lag behind.
    fn newest(&self, known: u64) -> Result<Option<Manifest>> {
        match log::versions(self.store.as_ref())?.last().copied().unwrap_or(0).max(known) {
            0 => Ok(None),
            version => log::read(self.store.as_ref(), version).map(Some),
        }
    }

    /// Gives up without publishing. Rejects already written are kept beside the run's report; returns where.
    pub fn abandon(self) -> Result<Option<String>> {
        self.keep_rejects()
    }

    /// Judges every gate against a base. The first that trips is the failure; all results are reported.
    fn judge_gates(&self, facts: &ManifestFacts, base: Option<&Manifest>, checked: &mut Vec<Checked>) -> Result<()> {
        let made: Vec<Table> = self.target.spans.keys().copied().collect();
        let files = facts.inputs.iter().map(|(input, sums)| (input.file.as_str(), sums));
        let identity = gates::identity(files, &facts.sums)
            .and_then(|()| self.made().audit.weeks(&made, &facts.weeks, &facts.sums));
        let rejected = gates::max_rejected(self.target.max_rejected, &facts.sums, facts.kept);
        let vanished =
            gates::max_vanished(self.target.max_vanished_weeks, &self.vanished_weeks(base), self.target.closes_weeks);
        let aside = |bound, share| gates::set_aside(bound, share, &facts.set_aside, facts.sums.read + facts.kept.rows);
        let own = [
            ("identity", identity),
            ("max_rejected", rejected),
            ("max_damaged", aside(Bound::MaxDamaged, self.target.max_damaged)),
            ("max_unknown_words", aside(Bound::MaxUnknownWords, self.target.max_unknown_words)),
            ("max_copied_times", aside(Bound::MaxCopiedTimes, self.target.max_copied_times)),
            ("max_vanished_weeks", vanished),
        ];
        checked.clear();
        checked.extend(own.iter().map(|(kind, result)| Checked::of_gate(kind, result)));
        let results = self.judge_checks(base)?;
        let tripped = checks::tripped(&results);
        checked.extend(results.iter().cloned());
        own.into_iter().try_for_each(|(_, result)| result)?;
        tripped.map_or(Ok(()), Err)
    }

    /// Judges the job's checks against a base.
    fn judge_checks(&self, base: Option<&Manifest>) -> Result<Vec<Checked>> {
        let open = |file: &DataFile, take: &mut dyn FnMut(&RecordBatch) -> Result<()>| {
            self.read_published(file, &checks::COLUMNS, take)
        };
        let Some(span) = self.span(Table::VtrWeekly) else { return Ok(Vec::new()) };
        let files = base.map_or(&[][..], |base| base.files(Table::VtrWeekly));
        let new = self.made().files.get(&Table::VtrWeekly).cloned().unwrap_or_default();
        let was_final = |week: Day| base.is_some_and(|base| self.target.was_final(base, week));
        self.checks().judge(&checks::PublishedState { files, span, new: &new, open: &open, was_final: &was_final })
    }

    /// A tripped gate's error, with the place of the rejects.
    fn with_rejects(&self, tripped: Error, facts: &ManifestFacts) -> Error {
        match (tripped, self.keep_rejects()) {
            (Error::Gate(what), Ok(Some(kept))) if facts.sums.rejected > 0 => {
                Error::Gate(format!("{what}\n  the rejected rows are kept in {kept}"))
            }
            (Error::Gate(what), Err(error)) => Error::Gate(format!("{what}\n  the rejects could not be kept: {error}")),
            (tripped, _) => tripped,
        }
    }

    /// Mondays that the published weekly tables have and this run, which replaces them, lacks.
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

    /// Makes the manifest visible; `false` if its number belongs to another run. Only the log decides whether the
    /// attempt succeeded: a lost answer, a repeated request and a lost race look the same.
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
                // A store may also answer this if two requests for a free name collided.
                (None, Ok(_)) if attempt < ATTEMPTS => attempt += 1,
                (None, Ok(_)) => {
                    let path = self.store.shown(&log::path(version));
                    let what = format!("{path}: the place says that it exists, but does not have it; run again");
                    return Err(Error::Failed { what, source: None });
                }
            }
        }
    }

    /// The publication is committed; `current` and `views.sql` are only hints and follow now.
    fn published(&self, manifest: Manifest, unchanged: bool) -> Published {
        let mut warnings = Vec::new();
        match current::refresh(self.store.as_ref(), &self.run_id) {
            Ok(()) => signals::complete(manifest.version),
            // The error of the signal already names what was not finished.
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

    /// Refuses to publish over weeks that another run has published since this run began, or beside figures of another
    /// job or book that have appeared since then.
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

    /// Refuses to name a file that is missing, or that may soon be deleted.
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
