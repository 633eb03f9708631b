//! `vtr run`: the main job.
//!
//! It makes the plan, runs it, as a whole or in batches of weeks, and says what came of each: a summary
//! on stderr or JSON on stdout, and always the report under the output. It fails as the run does; of
//! batches those before stay published, and the next start goes on behind them.

use crate::cli::{GlobalOptions, RunArgs};
use crate::error::{Error, Result};
use crate::job;
use crate::job::plan::{Plan, WeekRange};
use crate::progress::{Visibility, conclude, say, warn};
use crate::publish;
use crate::publish::stale::{self, Outdated, Stale};
use crate::tell::report::{Outcome, RunReport};
use crate::tell::{lineage, metrics};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::SystemTime;
use vtr_kernel::calendar::{Day, monday};

/// Runs the job, and leaves the figures of its last publication.
pub fn run(args: &RunArgs, global: &GlobalOptions) -> Result<()> {
    args.metrics.as_deref().map_or(Ok(()), metrics::check)?;
    args.report.as_deref().map_or(Ok(()), super::report::check)?;
    // A job that cannot be read has no name yet.
    let mut last = RunReport { job: args.job.job.display().to_string(), ..RunReport::default() };
    let mut planned = None;
    let ended = publications(args, global, &mut last, &mut planned);
    let ended = sync_sinks(args, global, &mut last, planned.as_ref(), ended);
    if let (Some(path), Some(plan), true) = (&args.report, &planned, ended.is_ok())
        && let Err(error) = super::report::after_run(&plan.output.path, path)
    {
        // What was published stands.
        warn(&format!("--report: {}", error.told()));
    }
    if last.ended_at.is_empty() {
        last.finish();
        last.outcome = if ended.is_ok() { Outcome::Unchanged } else { Outcome::Failed };
    }
    if let Some(path) = &args.metrics
        && let Err(error) = metrics::write(path, &last, &accounts(planned.as_ref(), &ended), exit_code(&ended))
    {
        // What was published stands, and what failed has its own error.
        warn(&error.told());
    }
    ended
}

/// Brings the sinks up, whatever the run published: one that lags is repaired by a run that changed nothing. A gate
/// or a conflict leaves a version standing that they may lack; what stopped a run for another reason stops this too.
fn sync_sinks(
    args: &RunArgs,
    global: &GlobalOptions,
    last: &mut RunReport,
    planned: Option<&Plan>,
    ended: Result<()>,
) -> Result<()> {
    let stands = matches!(ended, Ok(()) | Err(Error::Gate(_) | Error::Conflict(_)));
    let Some(plan) = planned.filter(|plan| stands && !plan.sinks.is_empty()) else { return ended };
    if args.job.out.is_some() {
        let note =
            "the sinks were left as they are: --out names an output for trials; vtr sync with --out brings them to it";
        if !global.quiet {
            say(note);
        }
        return ended;
    }
    let (states, synced) = super::sync::after_run(plan, &args.job.job, global, args.lineage.as_deref());
    last.sinks = states;
    match (ended, synced) {
        (Err(first), Err(second)) => {
            warn(&second.told());
            Err(first)
        }
        (ended, synced) => ended.and(synced),
    }
}

/// How the accounts of the newest version stand; none after a run that failed, and none where nothing tells.
fn accounts(plan: Option<&Plan>, ended: &Result<()>) -> metrics::Accounts {
    let Some(plan) = plan.filter(|_| ended.is_ok()) else { return metrics::Accounts::default() };
    metrics::Accounts::of(&plan.output.path).unwrap_or_else(|error| {
        warn(&format!("--metrics: the accounts are left out: {}", error.told()));
        metrics::Accounts::default()
    })
}

fn exit_code(ended: &Result<()>) -> i32 {
    ended.as_ref().err().map_or(0, Error::exit_code)
}

/// One publication, or one after the other.
fn publications(
    args: &RunArgs,
    global: &GlobalOptions,
    last: &mut RunReport,
    planned: &mut Option<Plan>,
) -> Result<()> {
    let plan = job::load(&args.job.job, &super::overrides(&args.job, &args.range), SystemTime::now())?;
    let plan = planned.insert(plan);
    *last = crate::tell::facts::begin_report(plan);
    if args.batch.is_none() && !args.stale {
        return one(plan, args, global, last);
    }
    let asked = plan.range;
    if asked.is_none() && !args.stale {
        return Err(Error::Usage("--batch needs the weeks of the backfill: give --from and --to, or --last".into()));
    }
    let tell = |line: String| {
        if !global.quiet {
            say(&line)
        }
    };
    let weeks = match outdated(plan)? {
        Stale::Some(stale) => with_health(plan, stale),
        Stale::Everything(why) => match (asked, args.batch) {
            (Some(range), Some(_)) => whole(range, why),
            _ => {
                tell(format!("stale: all weeks asked for: {why}"));
                return one(plan, args, global, last);
            }
        },
    };
    let at_most = args.batch.and_then(|weeks| i32::try_from(weeks).ok()).unwrap_or(i32::MAX / 14);
    let batches: Vec<WeekRange> = match (asked, args.stale) {
        (Some(range), false) => cut(range, at_most),
        _ => stale::ranges(weeks.keys().copied()).into_iter().flat_map(|range| cut(range, at_most)).collect(),
    };
    if plan.backfill.is_none() {
        plan.backfill = asked.filter(|_| args.batch.is_some());
    }
    for (index, batch) in batches.iter().enumerate() {
        let (from, to) = batch.days();
        let named = format!(
            "batch {} of {}, {} to {}",
            index + 1,
            batches.len(),
            vtr_kernel::calendar::iso_week(from),
            vtr_kernel::calendar::iso_week(to)
        );
        let Some((_, why)) = weeks.range(from..=to).next() else {
            tell(format!("{named}: stands as it would be published"));
            continue;
        };
        tell(format!("{named}: {why}"));
        job::restart(plan, *batch, SystemTime::now());
        one(plan, args, global, last)?;
    }
    if batches.is_empty() {
        tell(format!("{}: no week is stale", plan.name));
    }
    Ok(())
}

/// The weeks to run; where `account_health` is stale the one with the last of its days is among them, and
/// counts the days before it too.
fn with_health(plan: &mut Plan, stale: Outdated) -> BTreeMap<Day, String> {
    let mut weeks = stale.weeks;
    if let Some(why) = stale.health {
        let (from, to) = plan.health_span();
        let (first, last) = (monday(from), monday(to));
        weeks.entry(last).or_insert(format!("account_health: {why}"));
        plan.backfill = Some(plan.range.unwrap_or(WeekRange { first, last }));
    }
    weeks
}

fn outdated(plan: &Plan) -> Result<Stale> {
    let survey = crate::scan::survey(plan)?;
    let store = publish::at(Path::new(&plan.output.path))?;
    if let Some(base) = publish::log::latest(store.as_ref())? {
        publish::refuse_other(plan, Some(&base), survey.evidence)?;
    }
    stale::stale(plan, &survey, store.as_ref())
}

/// Every week of a range, for one reason.
fn whole(range: WeekRange, why: String) -> BTreeMap<Day, String> {
    (range.first..=range.last).step_by(7).map(|week| (week, why.clone())).collect()
}

/// A range in pieces of so many weeks.
fn cut(range: WeekRange, weeks: i32) -> Vec<WeekRange> {
    let starts = (range.first..=range.last).step_by(weeks.max(1) as usize * 7);
    starts.map(|first| WeekRange { first, last: range.last.min(first.saturating_add(7 * (weeks - 1))) }).collect()
}

/// One publication.
fn one(plan: &Plan, args: &RunArgs, global: &GlobalOptions, last: &mut RunReport) -> Result<()> {
    let visibility = if global.quiet { Visibility::Quiet } else { Visibility::Shown };
    if let Some(path) = &args.lineage {
        lineage::append(path, &lineage::started(plan))?;
    }
    let (mut report, result) = crate::run(plan, visibility);
    // Of a run that changed nothing nothing is written, and an output that was refused is not ours.
    if report.begun
        && report.outcome != Outcome::Unchanged
        && let Err(error) = publish::at(Path::new(&plan.output.path)).and_then(|store| report.write(store.as_ref()))
    {
        // What was published stands, and what failed has its own error.
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        report.warnings.push(format!("{error}{cause}"));
    }
    let ended = result.and_then(|()| crate::signals::check());
    if let Some(path) = &args.lineage
        && let Err(error) = lineage::append(path, &lineage::ended(plan, &report, &ended))
    {
        report.warnings.push(error.told());
    }
    *last = report;
    if args.json {
        super::print(last.to_json() + "\n")?;
    }
    if !global.quiet {
        conclude(&last.summary(), exit_code(&ended));
    }
    last.warnings.iter().for_each(|warning| warn(warning));
    if global.show_values {
        last.rejected_values.iter().for_each(|value| say(value));
    }
    ended
}
