//! Builds the manifest that follows another: what a run made within its weeks, and what is carried over beside them.
//!
//! It reads what was written and what is in force, and changes neither. It cannot fail; a missing table panics.

use super::log::{self, DataFile, InputFile, Manifest, Span};
use super::{ManifestFacts, Publication, lost, rates, state};
use crate::job::plan::Claim;
use crate::schema::Table;
use std::collections::{BTreeMap, BTreeSet};
use vtr_kernel::calendar::Day;

/// Whether a run's claim about the weeks that it does not judge still holds.
fn holds(claim: &Claim, base: Option<&Manifest>, inputs: &[InputFile]) -> bool {
    let digests = inputs.iter().map(|input| (&input.file, &input.digest));
    base.is_some_and(|base| base.version == claim.base) && digests.eq(claim.inputs.iter())
}

impl Publication {
    /// The manifest that follows a base: the new files within this run's spans, the base's files elsewhere.
    pub(super) fn manifest(&self, facts: &ManifestFacts, base: Option<&Manifest>) -> Manifest {
        let version = base.map_or(0, |base| base.version) + 1;
        let published = base.and_then(|base| base.health_as_of);
        let spans = self.replaced(facts, base);
        let makes_health = spans.keys().any(|table| table.is_of_health());
        let inputs: Vec<InputFile> = facts.inputs.iter().map(|(input, _)| input.clone()).collect();
        let claim = self.target.claim.as_deref().filter(|claim| holds(claim, base, &inputs));
        let tables = self.tables(base, &spans, version, claim.is_some());
        let health_as_of = if makes_health { Some(self.target.as_of) } else { published };
        let has_health = tables.keys().filter_map(|name| Table::from_name(name)).any(Table::is_of_health);
        let health_as_of = health_as_of.filter(|_| has_health);
        let health_state = match makes_health || claim.is_some() && facts.lost.is_empty() {
            true => Some(version),
            false => base.and_then(|base| base.health_state),
        };
        let health_state = health_state.filter(|_| health_as_of.is_some());
        let own = self.state(facts, version, claim);
        let states = state::follow(own, &inputs, base, health_state);
        let dropped = log::dropped(base, &tables);
        Manifest {
            format: log::FORMAT,
            version,
            run_id: self.run_id.clone(),
            program: log::program(),
            job: self.target.job.clone(),
            book: self.target.book.clone(),
            evidence: facts.evidence.name().to_owned(),
            as_of: self.target.as_of,
            health_as_of,
            inputs,
            bad: facts.bad.clone(),
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

    /// The span of each table that the run replaces in a base.
    pub(super) fn replaced(&self, facts: &ManifestFacts, base: Option<&Manifest>) -> BTreeMap<Table, Span> {
        let published = base.and_then(|base| base.health_as_of);
        let takes_health = facts.health_span_read && published.is_none_or(|published| self.target.as_of >= published);
        let mut spans = self.target.spans.clone();
        if !takes_health {
            spans.retain(|table, _| !table.is_of_health());
        }
        let rolling = spans.get(&Table::VtrRolling).copied();
        if let (Some(Span::Weeks { first, last }), Some(range)) = (rolling, self.target.range) {
            let whole = lost::spared((first, last), range, self.target.windows, &facts.lost);
            spans.remove(&Table::VtrRolling);
            spans.extend(whole.map(|(first, last)| (Table::VtrRolling, Span::Weeks { first, last })));
        }
        spans
    }

    /// Whether a file of a base stays in force beside what the run replaces.
    pub(super) fn stays(&self, table: Table, file: &DataFile, replaced: &BTreeMap<Table, Span>) -> bool {
        let from = self.target.judged_from.filter(|_| table == Table::Judged);
        let is_past = from.is_some_and(|first| file.week.is_some_and(|week| week < first));
        !is_past && replaced.get(&table).is_none_or(|span| !span.covers(file.week))
    }

    /// The counts of the rates of every week: those of this run within its weeks, the base's elsewhere.
    fn rates(&self, facts: &ManifestFacts, base: Option<&Manifest>) -> Vec<rates::WeekRates> {
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

    /// The state of the weeks that the run judged, or that would be the same if it did.
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

    /// The versions that computed the weeks in force.
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
        // Tables that the job no longer makes would remain beside newer figures.
        if self.target.range.is_none() || claims {
            tables.retain(|name, _| self.target.spans.keys().any(|table| table.name() == name));
        }
        // These two tables describe the last publication; an older publication's rows would mislead.
        for table in [Table::Rejects, Table::InputFiles] {
            tables.remove(table.name());
        }
        for table in spans.keys() {
            let name = table.name();
            let written = table.is_partitioned() || made.pieces.contains(&(*table, None));
            assert!(written, "{name} is to be replaced, but was not written");
            let files = tables.entry(name.to_owned()).or_default();
            files.retain(|file| self.stays(*table, file, spans));
            // Windows that lost weeks make too small are written and not named.
            let new =
                made.files.get(table).into_iter().flatten().filter(|file| spans[table].covers(file.week)).cloned();
            files.extend(new.map(|file| DataFile { judged_by: version, ..file }));
            files.sort_by(|a, b| (a.week, &a.path).cmp(&(b.week, &b.path)));
        }
        tables
    }
}
