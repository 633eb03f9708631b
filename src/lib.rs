//! `vtr`: shipment histories in, Valid Tracking Rate tables out.
//!
//! # The route
//!
//! `job` (plan) → `scan` → `fold` → `dedup` → `tables` → `publish` (gates, commit), called in that
//! order by [`run`]. What a shipment is worth is decided in the kernel crate by the rules of the
//! book; the columnar crate takes Arrow batches to verdicts and counts; everything here moves files.
//!
//! # Invariants
//!
//! * All that can move a verdict is in the kernel or the book.
//! * Stages take `&Plan`; only `job` reads clock and environment.
//! * Counts are integers that add up over any split of the input, in any order; rates are made once,
//!   in the kernel's tally.
//! * Every row read ends in one counted place; a counter kept apart must agree, or nothing is published.
//! * Polars sees folded counts only: it reads no input and writes no output.
//! * A published file never changes; one numbered manifest makes a version visible.

pub mod blob;
pub mod cli;
pub mod counts;
mod deal;
pub mod dedup;
pub mod error;
pub mod fold;
pub mod r#gen;
pub mod job;
pub mod lineage;
pub mod metrics;
pub mod progress;
pub mod publish;
pub mod reach;
pub mod remote;
pub mod report;
pub mod scan;
pub mod sellers;
pub mod signals;
pub mod spill;
pub mod stale;
pub mod suggest;
pub mod tables;
pub mod verbs;

use error::{Error, Result};
use fold::{FileCounts, Folded};
use job::plan::{AsOfMode, Plan};
use progress::{Progress, Visibility};
use publish::{InputFile, ManifestFacts, Publication, Sums};
use report::{Outcome, RunReport, TableRows};
use scan::Survey;
use std::collections::BTreeSet;
use tables::columns::Table;
use tables::{FileRow, TablesInput};
use vtr_columnar::fold::Reject;
use vtr_kernel::calendar::date_from_day;
use vtr_kernel::text::shown;

/// Runs a plan: reads, judges, counts and publishes. The report says how far it came, whatever the
/// result.
pub fn run(plan: &Plan, visibility: Visibility) -> (RunReport, Result<()>) {
    run_by(plan, visibility, &scan::read)
}

/// [`run`] with the inputs given by another reader.
pub fn run_by(plan: &Plan, visibility: Visibility, reader: &scan::Reader) -> (RunReport, Result<()>) {
    let mut report = begin_report(plan);
    let result = route(plan, visibility, reader, &mut report);
    report.finish();
    (report, result)
}

/// The route: one stage after the other.
fn route(plan: &Plan, visibility: Visibility, reader: &scan::Reader, report: &mut RunReport) -> Result<()> {
    signals::begun();
    let mut survey = report.stage("survey", || scan::survey_and_try(plan))?;
    let publication = publish::begin(plan, plan.run_id.clone())?;
    report.begun = true;
    publication.expect(survey.evidence)?;
    note_survey(&survey, report);
    let axis = tables::time_axis(plan);
    let (goes_on, folded) = loop {
        let progress = Progress::begin("reading", survey.units.iter().map(|unit| unit.rows).sum(), visibility);
        let folded = fold::fold(plan, &survey, &axis, &progress, reader, report);
        let known = folded.and_then(|folded| Ok((reach::goes_on(plan, &survey, &axis, &folded, reader)?, folded)));
        match known {
            // Nothing of a file that turns out bad half way may count: what was folded is dropped, and the rest folded anew.
            Err(Error::BadFiles(bad)) => survey = survey.without(plan, bad)?,
            known => break known?,
        }
        publication.expect(survey.evidence)?;
        note_survey(&survey, report);
    };
    let apart = publication.base().and_then(|base| base.copies_apart_days);
    let facts = facts(plan, &survey, &folded, apart, report);
    publish(plan, &survey, (&folded, goes_on), publication, facts, report, visibility)
}

/// Makes the tables, hands them to the publication piece by piece, and commits.
fn publish(
    plan: &Plan,
    survey: &Survey,
    (folded, goes_on): (&Folded, bool),
    publication: Publication,
    facts: ManifestFacts,
    report: &mut RunReport,
    visibility: Visibility,
) -> Result<()> {
    let files: Vec<FileRow> =
        survey.files.iter().zip(&folded.files).map(|(file, counts)| file_row(file, counts)).collect();
    let input = TablesInput {
        plan,
        counted: &folded.counted,
        rejects: &folded.rejects,
        files: &files,
        goes_on,
        evidence: survey.evidence,
    };
    let judged = sellers::Judged::of(&folded.sellers, &plan.output.tables);
    let progress = Progress::begin("writing tables", 0, visibility);
    let write = |piece: tables::Piece| publication.write(judged.watch(piece));
    let built = report.stage("tables", || tables::build(&input, &progress, &write));
    drop(progress);
    if let Err(error) = built {
        publication.abandon()?;
        return Err(error);
    }
    report.warnings.extend(judged.warning(plan.limits.max_rejected));
    report.tables = publication
        .written()
        .iter()
        .map(|written| TableRows {
            table: written.table.name().into(),
            rows: written.rows,
            files: written.files as u64,
        })
        .collect();
    let mut checked = Vec::new();
    let published = report.stage("publish", || publication.commit(facts, &mut checked));
    let borne = checked.iter().filter(|check| !check.holds && !check.stops());
    report.warnings.extend(borne.map(|check| format!("check {}: {}", check.name, check.found)));
    report.checks = checked;
    let published = published?;
    report.version = Some(published.version);
    if let Some(day) = published.manifest.health_as_of.filter(|day| *day > plan.as_of) {
        report.tables.retain(|table| table.table != Table::AccountHealth.name());
        report.warnings.push(format!(
            "account_health was left as it is: it was published as of {}, later than this run; use --out for a past day",
            date_from_day(day)
        ));
    }
    report.outcome = if published.unchanged { Outcome::Unchanged } else { Outcome::Published };
    report.warnings.extend(published.warnings);
    Ok(())
}

pub(crate) fn begin_report(plan: &Plan) -> RunReport {
    let date = |day| date_from_day(day).to_string();
    RunReport {
        run_id: plan.run_id.clone(),
        job: plan.name.clone(),
        job_digest: plan.job_digest.clone(),
        book_digest: plan.book.digest().to_owned(),
        as_of: date(plan.as_of),
        range: plan.range.map(|range| [date(range.days().0), date(range.days().1)]),
        began_at: plan.began_at.clone(),
        threads: plan.threads,
        memory_bytes: plan.memory,
        ..RunReport::default()
    }
}

fn note_survey(survey: &Survey, report: &mut RunReport) {
    report.evidence = survey.evidence.name().to_owned();
    report.files = survey.files.len() as u64;
}

fn file_row(file: &scan::SourceFile, counts: &FileCounts) -> FileRow {
    FileRow {
        file: file.shown.clone(),
        bytes: file.bytes,
        rows_read: counts.rows_read,
        rows_pruned: file.rows_pruned,
        rejected: counts.tally.rejected,
        after_as_of: counts.tally.after_as_of,
        superseded: counts.superseded,
        outside_range: counts.tally.outside_range,
        classes: counts.tally.classes,
        first_day: counts.tally.first_day,
        last_day: counts.tally.last_day,
        digest: counts.digest.clone(),
    }
}

fn sums(file: &scan::SourceFile, counts: &FileCounts) -> Sums {
    let [out_of_scope, exempt, valid, defect] = counts.tally.classes;
    Sums {
        read: counts.rows_read,
        rows_pruned: file.rows_pruned,
        rejected: counts.tally.rejected,
        after_as_of: counts.tally.after_as_of,
        superseded: counts.superseded,
        outside_range: counts.tally.outside_range,
        out_of_scope,
        exempt,
        valid,
        defect,
    }
}

/// What the manifest says, and the report with it.
fn facts(
    plan: &Plan,
    survey: &Survey,
    folded: &Folded,
    published_apart: Option<i64>,
    report: &mut RunReport,
) -> ManifestFacts {
    let mut inputs = Vec::new();
    let mut total = Sums::default();
    for (file, counts) in survey.files.iter().zip(&folded.files) {
        let own = sums(file, counts);
        total = total.plus(&own);
        inputs.push((InputFile { file: file.shown.clone(), bytes: file.bytes, digest: counts.digest.clone() }, own));
    }
    // Of the total, what can be told without the files is: rows as they arrived, classes as the weeks add up.
    total.read = folded.rows_taken;
    let classes = folded.weeks.values().fold([0; 4], |sum, week| std::array::from_fn(|class| sum[class] + week[class]));
    [total.out_of_scope, total.exempt, total.valid, total.defect] = classes;
    report.counts = total;
    report.unpriced = folded.unpriced;
    report.bytes_read = folded.bytes_read;
    report.spilled_bytes = folded.spilled_bytes;
    // A ranged run cannot know better than the full run before it.
    let apart = folded.copies_apart_days.max(published_apart.filter(|_| plan.range.is_some()));
    let mut warnings = warnings(plan, &total, folded, apart);
    warnings.extend(survey.warnings());
    report.warnings.extend(warnings.iter().cloned());
    report.warnings.extend(rejects_shown(survey, folded, &|reject| Some(format!(": {}", reject.reason))));
    report.rejected_values =
        rejects_shown(survey, folded, &|reject| reject.value.as_ref().map(|value| format!(" holds \"{value}\"")));
    ManifestFacts {
        evidence: survey.evidence,
        inputs,
        sums: total,
        weeks: folded.weeks.clone(),
        unpriced: folded.unpriced,
        copies_apart_days: apart,
        health_span_read: plan.counts_health_span(),
        not_judged: survey.not_judged.iter().map(|absent| not_judged(absent, survey.files.len())).collect(),
        warnings,
    }
}

/// Something about the first rejected rows of different faults; their values are for those who ask.
fn rejects_shown(survey: &Survey, folded: &Folded, what: &dyn Fn(&Reject) -> Option<String>) -> Vec<String> {
    let line = |(file, reject): &(u32, Reject)| {
        let (file, column) = (&survey.files[*file as usize].shown, reject.column.as_deref().unwrap_or("the record"));
        Some(format!("rejected: {}, record {}: {column}{}", shown(file), reject.record, what(reject)?))
    };
    let mut seen = BTreeSet::new();
    let mut is_new = |reject: &Reject| seen.insert((reject.column.clone(), reject.reason.clone()));
    folded.rejects.iter().filter(|(_, reject)| is_new(reject)).take(3).filter_map(line).collect()
}

/// What the absence of a column means, in a sentence.
pub(crate) fn not_judged(absent: &scan::NotJudged, files: usize) -> String {
    format!("`{}` is absent from {} of {files} files: {}", absent.column.name(), absent.files.len(), absent.consequence)
}

/// What a reader of the figures should know, in sentences that do not change between equal runs.
fn warnings(plan: &Plan, total: &Sums, folded: &Folded, apart: Option<i64>) -> Vec<String> {
    let mut warnings = Vec::new();
    if total.after_as_of > 0 && plan.as_of_mode == AsOfMode::Rows {
        let share = vtr_kernel::tally::Tally { valid: total.after_as_of, eligible: total.read }.percent();
        warnings.push(format!(
            "{} of {} rows ({share}) are newer than as_of and were left out; if the source keeps only the latest state of a \
             package, use as_of_mode = \"scans\"",
            total.after_as_of, total.read
        ));
    }
    if folded.unpriced > 0 {
        warnings.push(format!(
            "{} packages fall under a rule that asks for their value, but value, currency or rate is unknown; give \
             package_value, currency and a rates file",
            folded.unpriced
        ));
    }
    if !plan.counts_health_span() && plan.output.tables.contains(&Table::AccountHealth) {
        warnings.push(
            "account_health was left as it is: the weeks asked for do not hold all the days that it needs, about 16 weeks before as_of".to_owned(),
        );
    }
    if plan.range.is_some()
        && let Some(apart) = apart
        && apart > i64::from(plan.copies_within_days)
    {
        warnings.push(format!(
            "copies of one package lie up to {apart} days apart, more than copies_within = {}; raise it, or some copies outside the \
             range may have gone unseen",
            plan.copies_within_days
        ));
    }
    warnings
}
