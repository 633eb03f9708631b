//! `vtr`: shipment histories in, Valid Tracking Rate tables out.
//!
//! # The route
//!
//! `job` (plan) → `scan` → `fold` (with deduplication) → `tables` → `publish` (gates, commit), called in that order by
//! [`run`]; [`shares`] goes the same way with the fold distributed over processes, whose parts are added up; `tell`
//! reports what happened, `place` keeps bytes, `inspect` looks at files before there is a job. The kernel crate
//! decides by the rules of the book what a shipment is worth; the columnar crate turns Arrow batches into verdicts and
//! counts; everything here moves files.
//!
//! # Invariants
//!
//! * Everything that can change a verdict is in the kernel or the book.
//! * Stages take `&Plan`; only `job` reads clock and environment.
//! * Counts are integers that add up over any split of the input, in any order; rates are made once, in the kernel's
//!   tally.
//! * Every row read ends in one counted place; an independent counter must agree, or nothing is published.
//! * Polars adds up published rows for pages and lists: it reads no input and writes no output.
//! * A published file never changes; one numbered manifest makes a version visible.

pub mod assemble;
pub mod cli;
pub mod error;
pub mod fold;
pub mod inspect;
pub mod job;
pub mod pages;
pub mod place;
pub mod progress;
pub mod publish;
pub mod reconcile;
pub mod scan;
pub mod schema;
pub mod shares;
pub mod signals;
pub mod sinks;
pub mod tables;
pub mod tell;
pub mod verbs;

use error::{Error, Result};
use fold::{Folded, data_end};
use job::plan::Plan;
use progress::{Progress, Visibility};
use publish::{ManifestFacts, Publication};
use scan::Survey;
use schema::Table;
use tables::{FileRow, TablesInput};
use tell::report::{Newest, Outcome, RunReport};
use tell::{doubts, facts, rejected_sellers};
use vtr_kernel::calendar::date_from_day;

/// Runs a plan: reads, judges, counts and publishes. The report states how far the run came, whatever the result.
pub fn run(plan: &Plan, visibility: Visibility) -> (RunReport, Result<()>) {
    run_by(plan, visibility, &scan::read)
}

/// Runs a plan like [`run`], with another reader of the inputs.
pub fn run_by(plan: &Plan, visibility: Visibility, reader: &scan::Reader) -> (RunReport, Result<()>) {
    let mut report = facts::begin_report(plan);
    let result = route(plan, visibility, reader, &mut report);
    report.finish();
    (report, result)
}

/// Calls the stages of the route in order.
fn route(plan: &Plan, visibility: Visibility, reader: &scan::Reader, report: &mut RunReport) -> Result<()> {
    signals::begun();
    let mut survey = report.stage("survey", || scan::survey_and_try(plan))?;
    let publication = publish::begin(plan, plan.run_id.clone())?;
    report.begun = true;
    publication.expect(survey.evidence)?;
    report.stage("identify inputs", || survey.identify(plan))?;
    // A run of the whole history tries them again.
    if plan.range.is_some() {
        survey = survey.without_known_bad(plan)?;
    }
    if publish::knows_inputs(plan, publication.base()) {
        survey.keep_known(plan);
    }
    facts::note_survey(&survey, report);
    let (goes_on, folded) = loop {
        let progress = Progress::begin("reading", survey.units.iter().map(|unit| unit.rows).sum(), visibility);
        let folded = fold::fold(plan, &survey, &progress, reader, &publication.notes(), report);
        let known = folded.and_then(|folded| Ok((data_end::goes_on(plan, &survey, &folded, reader)?, folded)));
        match known {
            // If a file proves to be bad while it is read, none of its rows may count: all counts are dropped, and the
            // remaining files are folded again.
            Err(Error::BadFiles(bad)) => survey = survey.without(plan, bad)?,
            known => break known?,
        }
        publication.expect(survey.evidence)?;
        facts::note_survey(&survey, report);
    };
    conclude(plan, &survey, (&folded, goes_on), publication, report, visibility)
}

/// Does what follows once everything is folded, in this process or in others: facts, tables, gates, commit.
fn conclude(
    plan: &Plan,
    survey: &Survey,
    (folded, goes_on): (&Folded, bool),
    publication: Publication,
    report: &mut RunReport,
    visibility: Visibility,
) -> Result<()> {
    facts::learn(plan, survey, folded);
    if folded.weeks.is_empty() && folded.counted.category.days().is_empty() {
        publication.refuse_nothing(plan)?;
    }
    let facts = facts::facts(plan, survey, folded, publication.base(), report);
    publish(plan, survey, (folded, goes_on), publication, facts, report, visibility)
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
    let kept = publication.kept(survey)?;
    let own =
        |(index, (file, counts))| kept.files.get(&index).cloned().unwrap_or_else(|| facts::file_row(file, counts));
    let files: Vec<FileRow> = (0..).zip(survey.files.iter().zip(&folded.files)).map(own).collect();
    let rejects = [&folded.rejects[..], &kept.rejects[..]].concat();
    let input = TablesInput {
        plan,
        counted: &folded.counted,
        rejects: &rejects,
        files: &files,
        goes_on,
        evidence: survey.evidence,
    };
    let judged = rejected_sellers::JudgedRows::of(&folded.sellers, &plan.output.tables);
    let progress = Progress::begin("writing tables", 0, visibility);
    let doubts = doubts::Doubts::of(&plan.book, plan.as_of);
    let seen = tables::star::WrittenSellers::of(plan);
    let write = |piece: tables::Piece| publication.write(doubts.watch(seen.watch(judged.watch(piece))));
    let built = report.stage("tables", || {
        tables::build(&input, &progress, &write)?;
        publication.each_in_force(seen.tables(), &facts, "seller_id", &mut |seller| seen.see(seller))?;
        seen.piece().map_or(Ok(()), |piece| publication.write(piece))
    });
    drop(progress);
    if let Err(error) = built {
        publication.abandon()?;
        return Err(error);
    }
    report.warnings.extend(judged.warning(plan.limits.max_rejected));
    report.warnings.extend(doubts.warnings());
    report.tables = publication.written().iter().map(facts::table_rows).collect();
    let (mut checked, reads_health) = (Vec::new(), facts.health_span_read);
    let published = report.stage("publish", || publication.commit(facts, &mut checked));
    let borne = checked.iter().filter(|check| !check.holds && !check.stops());
    report.warnings.extend(borne.map(|check| format!("check {}: {}", check.name, check.found)));
    report.checks = checked;
    let published = published?;
    report.version = Some(published.version);
    let is_later = published.manifest.health_as_of.filter(|day| *day > plan.as_of && plan.counts_health_span());
    if is_later.is_some() || !reads_health {
        report.tables.retain(|table| !Table::from_name(&table.table).is_some_and(Table::is_of_health));
    }
    if let Some(day) = is_later {
        report.warnings.push(format!(
            "account_health was not replaced: it was published as of {}, later than this run; use --out for a past day",
            date_from_day(day)
        ));
    }
    report.headline = publish::rates::headline(&published.manifest.rates);
    report.newest = Some(Newest::of(&published.manifest, plan));
    report.outcome = if published.unchanged { Outcome::Unchanged } else { Outcome::Published };
    report.warnings.extend(published.warnings);
    Ok(())
}
