//! `vtr run`: runs the job.
//!
//! It makes the plan, runs it as a whole or in batches of weeks, and reports each publication: a summary on stderr or
//! JSON on stdout, and always the report under the output. It fails as the run does; earlier batches stay published,
//! and the next start continues after them.

use crate::assemble;
use crate::cli::{GlobalOptions, RunArgs};
use crate::error::{Error, Result};
use crate::job;
use crate::job::plan::{Claim, Plan, WeekRange};
use crate::progress::{Visibility, conclude, say, warn};
use crate::publish;
use crate::publish::gc::{self, Mode};
use crate::publish::log::{self, InputFile, Manifest, day_text};
use crate::publish::outdated;
use crate::publish::stale::{self, Look, Rehash, Stale, Weeks};
use crate::publish::store::Store;
use crate::scan;
use crate::schema::Table;
use crate::tell::report::{Newest, Outcome, RunReport};
use crate::tell::{ended, lineage, metrics};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;
use vtr_kernel::calendar::{Day, last_plausible_day, monday};
use vtr_kernel::text::grouped;

/// Runs the job and writes the metrics of its last publication.
pub fn run(args: &RunArgs, global: &GlobalOptions) -> Result<()> {
    reported(args, global).1
}

/// The same; returns the report of its last publication, or of how far the run came.
pub fn reported(args: &RunArgs, global: &GlobalOptions) -> (RunReport, Result<()>) {
    // A job that cannot be read has no name yet.
    let mut last = RunReport { job: args.job.job.display().to_string(), ..RunReport::default() };
    let ended = run_into(args, global, &mut last);
    (last, ended)
}

fn run_into(args: &RunArgs, global: &GlobalOptions, last: &mut RunReport) -> Result<()> {
    // From here on, the message after a signal says whether anything was published.
    crate::signals::begun();
    args.metrics.as_deref().map_or(Ok(()), metrics::check)?;
    args.report.as_deref().map_or(Ok(()), super::report::check)?;
    let mut planned = None;
    let ended = publications(args, global, last, &mut planned);
    let ended = sync_sinks(args, global, last, planned.as_ref(), ended);
    if let (Some(path), Some(plan), true) = (&args.report, &planned, ended.is_ok())
        && let Err(error) = super::report::after_run(&plan.output.path, path)
    {
        // The publication remains valid.
        warn(&format!("--report: {}", error.told()));
    }
    if last.ended_at.is_empty() {
        last.finish();
        last.outcome = if ended.is_ok() { Outcome::Unchanged } else { Outcome::Failed };
    }
    if let Some(path) = &args.metrics
        && let Err(error) = metrics::write(path, last, &accounts(planned.as_ref(), &ended), exit_code(&ended))
    {
        // The publication remains valid, and a failed run has its own error.
        warn(&error.told());
    }
    ended
}

/// Syncs the sinks, whatever the run published: a run that changes nothing still repairs a sink that lags behind.
/// After a gate or a conflict the sinks may lack the published version; any other error of the run stops the sync too.
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

/// The accounts of the newest version; none after a failed run, or if there is no table of them.
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

/// Runs one publication, or several one after the other.
fn publications(
    args: &RunArgs,
    global: &GlobalOptions,
    last: &mut RunReport,
    planned: &mut Option<Plan>,
) -> Result<()> {
    let plan = job::load(&args.job.job, &super::overrides(&args.job, &args.range), SystemTime::now())?;
    let plan = planned.insert(plan);
    *last = crate::tell::facts::begin_report(plan);
    if plan.range.is_none() && args.batch.is_some() {
        return Err(Error::Usage("--batch needs the weeks of the backfill: give --from and --to, or --last".into()));
    }
    let mode = if args.full || plan.range.is_some() { assemble::Mode::MakeAll } else { assemble::Mode::Make };
    if let Some(line) = made(assemble::ready(plan, mode)?)
        && !global.quiet
    {
        say(&format!("{}: {line}", plan.name));
    }
    let store = publish::at(Path::new(&plan.output.path))?;
    let base = log::latest(store.as_ref())?;
    let rehash = if args.rehash { Rehash::All } else { Rehash::Changed };
    stale::recall(plan, base.as_ref(), store.as_ref(), rehash)?;
    let run = Run { args, global, base: base.as_ref(), store: store.as_ref(), told: &RefCell::default() };
    let ended = match (plan.range, args.batch, args.stale) {
        (None, ..) => run.up_to_date(plan, last),
        (Some(_), None, false) => run.weeks_asked_for(plan, last),
        (Some(asked), _, _) => run.batches(plan, asked, last),
    };
    if last.begun
        && let Err(error) = stale::remember(plan, store.as_ref())
    {
        // If the memory is not saved, the inputs are hashed again next time.
        warn(&error.told());
    }
    if let (Err(_), true, Some(path)) = (&ended, last.ended_at.is_empty(), &args.lineage) {
        // A run that failed before it began still gets a start and an end event.
        lineage::append(path, &lineage::started(plan))?;
        lineage::append(path, &lineage::ended(plan, last, &ended))?;
    }
    ended?;
    match plan.output.keep.filter(|_| args.range.from.is_none() && args.range.to.is_none() && args.range.last.is_none())
    {
        Some(keep) if last.outcome == Outcome::Published => run.collect(keep),
        _ => Ok(()),
    }
}

/// A sentence about joined packages.
fn made(outcome: assemble::Assembled) -> Option<String> {
    match outcome {
        assemble::Assembled::None | assemble::Assembled::Standing => None,
        assemble::Assembled::Unchanged => {
            Some("packages are kept: no raw file, profile or rule has changed".to_owned())
        }
        assemble::Assembled::Made { packages, weeks, new } => Some(format!(
            "{} packages of {weeks} weeks were joined from raw files; {new} weeks are new or changed",
            grouped(packages)
        )),
    }
}

/// The data that all publications of one command line share.
struct Run<'a> {
    args: &'a RunArgs,
    global: &'a GlobalOptions,
    /// The newest version at the beginning.
    base: Option<&'a Manifest>,
    store: &'a dyn Store,
    /// What was said of all packages: it is the same for each publication.
    told: &'a RefCell<BTreeSet<String>>,
}

impl Run<'_> {
    fn tell(&self, line: &str) {
        if !self.global.quiet {
            say(line);
        }
    }

    fn one(&self, plan: &Plan, last: &mut RunReport) -> Result<()> {
        one(plan, self, last)
    }

    /// Updates all outdated weeks of the output.
    fn up_to_date(&self, plan: &mut Plan, last: &mut RunReport) -> Result<()> {
        let Some(base) = self.base.filter(|_| !self.args.full) else { return self.one(plan, last) };
        publish::refuse_other(plan, Some(base), None)?;
        let survey = scan::survey(plan)?;
        publish::refuse_other(plan, Some(base), Some(survey.evidence))?;
        let look = Look::at(plan, survey, base, self.store)?;
        let (found, inputs) = (look.stale(), look.digests());
        let closed = plan.first_open();
        let Weeks { mut weeks, health, dropped, gone } = match found {
            Stale::Some(found) => found,
            Stale::Everything(why) => {
                self.tell(&format!("{}: all weeks are judged: {why}", plan.name));
                let Some(first) = closed else { return self.one(plan, last) };
                let range = WeekRange { first, last: monday(last_plausible_day(plan.as_of)) };
                plan.claim = Some(Arc::default());
                plan.with_health = true;
                job::restart(plan, range, SystemTime::now());
                return self.one(plan, last);
            }
        };
        refuse_others_place(plan, base, &gone)?;
        let held: BTreeSet<Day> =
            weeks.keys().copied().filter(|week| closed.is_some_and(|first| *week < first)).collect();
        weeks.retain(|week, _| !held.contains(week));
        if !held.is_empty() {
            let (first, last) = (iso(held.first()), iso(held.last()));
            let count = held.len();
            self.tell(&format!(
                "{}: {count} outdated weeks from {first} to {last} are closed and stay as they are",
                plan.name
            ));
        }
        plan.with_health = health.is_some();
        draw_health_in(plan, &mut weeks, health.as_deref());
        if let (true, Some(table)) = (weeks.is_empty(), self.reshaped(plan, base, &dropped)) {
            weeks.insert(monday(plan.health_span().1), table);
        }
        if weeks.is_empty() {
            return self.nothing(plan, base, last);
        }
        // If the same content exists under another name, no row is lost.
        let is_renamed = |input: &&InputFile| inputs.values().any(|digest| *digest == input.digest);
        gone.iter().filter(|input| !is_renamed(input)).for_each(|input| warn_gone(plan, input, &weeks));
        let published = base.all_files().filter_map(|file| file.week).collect::<BTreeSet<Day>>();
        if held.is_empty() && closed.is_none() && published.iter().all(|week| weeks.contains_key(week)) {
            self.tell(&format!(
                "{}: all weeks are outdated: {}",
                plan.name,
                weeks.values().next().map_or("", |why| why)
            ));
            return self.one(plan, last);
        }
        let held = stale::spans(&held);
        self.ranges(plan, (&weeks, health.as_deref()), Claim { base: base.version, inputs, held }, last)
    }

    /// Publishes the outdated weeks, range by range; the last publication records that all other weeks are valid as
    /// they are.
    fn ranges(
        &self,
        plan: &mut Plan,
        (weeks, health): (&BTreeMap<Day, String>, Option<&str>),
        claim: Claim,
        last: &mut RunReport,
    ) -> Result<()> {
        // Ranges whose copies and windows overlap are cheaper to read as one.
        let gap = (plan.copies_within_days + 30) / 7;
        let ranges = outdated::ranges(weeks.keys().copied(), gap);
        let copies = match plan.identity {
            Some(_) => {
                let days = plan.copies_within_days;
                let apart = self.base.and_then(|base| base.copies_apart_days);
                let apart = apart.filter(|apart| *apart > 0);
                let measured =
                    apart.map_or(String::new(), |apart| format!("; the greatest distance seen is {apart} days"));
                format!(", as long as copies of a package are within {days} days of each other{measured}")
            }
            None => String::new(),
        };
        let (mut base, before) = (claim.base, plan.known.clone());
        for (index, range) in ranges.iter().enumerate() {
            let (from, to) = range.days();
            let mut reasons: Vec<&str> = weeks.range(from..=to).map(|(_, why)| why.as_str()).collect();
            reasons.dedup();
            let is_last = index + 1 == ranges.len();
            plan.with_health = is_last && health.is_some();
            let health = health.filter(|_| is_last).map(|why| format!("account_health: {why}"));
            reasons.extend(health.as_deref().filter(|why| !reasons.contains(why)));
            let more = if reasons.len() > 2 { ", ..." } else { "" };
            reasons.truncate(2);
            self.tell(&format!(
                "{}: {} to {}: {}{more}",
                plan.name,
                iso(Some(&from)),
                iso(Some(&to)),
                reasons.join(", ")
            ));
            plan.claim = Some(Arc::new(if is_last { Claim { base, ..claim.clone() } } else { Claim::default() }));
            job::restart(plan, *range, SystemTime::now());
            self.one(plan, last)?;
            base = last.version.unwrap_or(base);
            self.recalled(plan, base)?;
        }
        if plan.known.bad.iter().any(|bad| !before.bad.contains(bad)) {
            // A file that has proved to be bad counts in weeks for which only sound parts of it were read.
            let newest = log::read(self.store, base)?;
            let mut counted = newest.states.iter().flat_map(|state| &state.inputs.were);
            if counted.any(|input| newest.bad.iter().any(|bad| bad.digest == input.digest)) {
                (plan.range, plan.claim) = (None, None);
                return Run { base: Some(&newest), ..*self }.up_to_date(plan, last);
            }
        }
        let mut apart: Vec<String> = Vec::new();
        apart.extend(plan.first_open().map(|first| format!("weeks before {}, which are closed", iso(Some(&first)))));
        let health =
            log::read(self.store, base)?.health_as_of.filter(|day| *day < plan.as_of && plan.asks_for_health());
        apart.extend(health.map(|day| format!("account_health, which is of {}", day_text(day))));
        let apart = if apart.is_empty() { String::new() } else { format!(", apart from {}", apart.join(", and ")) };
        self.tell(&format!("{}: up to date as a run with --full would leave it{apart}{copies}", plan.name));
        Ok(())
    }

    /// Loads what the version just published says about text files.
    fn recalled(&self, plan: &mut Plan, version: u64) -> Result<()> {
        if plan.known.version == Some(version) {
            return Ok(());
        }
        stale::remember(plan, self.store)?;
        let base = log::read(self.store, version)?;
        stale::recall(plan, Some(&base), self.store, Rehash::Changed)
    }

    /// The reason why a publication is needed although no week is outdated: its tables differ from those of the job.
    fn reshaped(&self, plan: &Plan, base: &Manifest, dropped: &[String]) -> Option<String> {
        let new = plan.output.tables.iter().find(|table| !base.has(**table) && !table.is_of_health());
        let dropped = dropped.first().map(|table| format!("{table} is no longer made"));
        // The tables of rules and marketplaces also list marketplaces without packages.
        let lists_rules =
            [Table::DimMarketplace, Table::DimCarrier, Table::DimRule].iter().any(|table| base.has(*table));
        let then = base.states.first().filter(|_| lists_rules).map(|state| &state.book);
        let now = stale::book_parts(plan);
        let part = then.and_then(|then| outdated::changed_parts(then, &now).next().map(str::to_owned));
        let rules = part.map(|part| format!("the book has changed: {part}"));
        let moved = || moved_on(plan, base).map(|table| format!("{} is as of {}", table.name(), day_text(base.as_of)));
        new.map(|table| format!("{} is new", table.name())).or(dropped).or(rules).or_else(moved)
    }

    /// Reports that nothing is outdated.
    fn nothing(&self, plan: &Plan, base: &Manifest, last: &mut RunReport) -> Result<()> {
        publish::tend(plan)?;
        (last.outcome, last.version) = (Outcome::Unchanged, Some(base.version));
        (last.newest, last.evidence) = (Some(Newest::of(base, plan)), base.evidence.clone());
        last.finish();
        if self.args.json {
            super::print(last.to_json() + "\n")?;
        }
        self.tell(&format!("{}: no week is outdated; version {} is in force", plan.name, base.version));
        last.newest.iter().filter_map(Newest::headline).for_each(|line| self.tell(&line));
        let published = last.newest.iter().flat_map(|newest| newest.warnings.iter());
        let published =
            published.filter(|warning| ![log::JOINED, log::ENDED].iter().any(|anew| warning.starts_with(anew)));
        let ended = ended::warning(plan, &base.weeks);
        let warnings = plan.of_packages.iter().chain(published).chain(&ended).cloned().collect::<Vec<_>>();
        scan::told_again(plan, &warnings)?.iter().for_each(|warning| warn(warning));
        Ok(())
    }

    /// Publishes the weeks that a person asked for, and reports other outdated weeks, which stay as they are.
    fn weeks_asked_for(&self, plan: &Plan, last: &mut RunReport) -> Result<()> {
        if let Some(base) = self.base {
            publish::refuse_other(plan, Some(base), None)?;
            let survey = scan::survey(plan)?;
            let mut whole =
                job::load(&self.args.job.job, &super::overrides(&self.args.job, &self.args.range), SystemTime::now())?;
            (whole.range, whole.known, whole.as_of) = (None, plan.known.clone(), plan.as_of);
            whole.inputs = plan.inputs.clone();
            if let Stale::Some(Weeks { weeks, .. }) = Look::at(&whole, survey, base, self.store)?.stale() {
                let asked = plan.range.map_or((Day::MIN, Day::MAX), |range| range.days());
                let others = weeks.into_iter().filter(|(week, _)| !(asked.0..=asked.1).contains(week));
                let others: BTreeMap<Day, String> = others.collect();
                for range in outdated::ranges(others.keys().copied(), 0) {
                    let (from, to) = range.days();
                    let why = &others[&from];
                    let weeks = format!("{} to {}", iso(Some(&from)), iso(Some(&to)));
                    self.tell(&format!(
                        "{weeks} stay as they are though outdated ({why}); a run without weeks judges them"
                    ));
                }
            }
        }
        self.one(plan, last)
    }

    /// Publishes those of the weeks asked for that are outdated, some at a time.
    fn batches(&self, plan: &mut Plan, asked: WeekRange, last: &mut RunReport) -> Result<()> {
        let args = self.args;
        let found = match self.base {
            None => Stale::Everything("nothing is published yet".into()),
            Some(base) => {
                let survey = scan::survey(plan)?;
                publish::refuse_other(plan, Some(base), Some(survey.evidence))?;
                Look::at(plan, survey, base, self.store)?.stale()
            }
        };
        let Weeks { mut weeks, health, .. } = match found {
            Stale::Some(found) => found,
            Stale::Everything(why) => {
                let weeks = (asked.first..=asked.last).step_by(7).map(|week| (week, why.clone())).collect();
                Weeks { weeks, health: plan.may_renew_health().then_some(why), ..Weeks::default() }
            }
        };
        draw_health_in(plan, &mut weeks, health.as_deref());
        let at_most = args.batch.and_then(|weeks| i32::try_from(weeks).ok()).unwrap_or(i32::MAX / 14);
        let batches: Vec<WeekRange> = match args.stale {
            false => cut(asked, at_most),
            true => {
                outdated::ranges(weeks.keys().copied(), 0).into_iter().flat_map(|range| cut(range, at_most)).collect()
            }
        };
        let last_week = weeks.last_key_value().map(|(week, _)| *week);
        let mut empty = 0;
        plan.is_batch = true;
        for (index, batch) in batches.iter().enumerate() {
            let (from, to) = batch.days();
            let named = format!("batch {} of {}, {} to {}", index + 1, batches.len(), iso(Some(&from)), iso(Some(&to)));
            let Some((_, why)) = weeks.range(from..=to).next() else {
                let is_empty = publish::refuse_weeks(self.base, *batch).is_err();
                empty += usize::from(is_empty);
                let says = if is_empty { "no package is in these weeks" } else { "is published and up to date" };
                self.tell(&format!("{named}: {says}"));
                continue;
            };
            plan.with_health = health.is_some() && last_week.is_some_and(|week| week <= to);
            self.tell(&format!("{named}: {why}"));
            job::restart(plan, *batch, SystemTime::now());
            let before = last.clone();
            match self.one(plan, last) {
                // The run is told of by the batches that have packages.
                Err(Error::NoWeeks(_)) => (empty, *last) = (empty + 1, before),
                ended => ended?,
            }
        }
        // Some weeks of a backfill may have no rows; if none has any, the year is mistyped.
        if empty == batches.len() && empty > 0 {
            return publish::refuse_weeks(self.base, asked);
        }
        if batches.is_empty() {
            self.tell(&format!("{}: no week is outdated", plan.name));
        }
        Ok(())
    }

    /// Deletes files that only older versions name.
    fn collect(&self, keep: u64) -> Result<()> {
        match gc::collect(self.store, keep, SystemTime::now(), Mode::Delete) {
            Ok(collected) if collected.files > 0 => {
                self.tell(&format!("deleted {} files of versions before {}", collected.files, collected.oldest_kept));
                Ok(())
            }
            // Another run is publishing; the next run collects.
            Ok(_) | Err(Error::Conflict(_)) => Ok(()),
            Err(error) => {
                warn(&error.told());
                Ok(())
            }
        }
    }
}

/// Returns a table of all weeks that differs on the plan's `as_of` from that of the published one, whatever its inputs.
fn moved_on(plan: &Plan, base: &Manifest) -> Option<Table> {
    let last_week = |as_of: Day| monday(last_plausible_day(as_of));
    let markets = || plan.book.markets().map(|(_, market)| market);
    let in_force = |as_of: Day| markets().map(move |market| market.version(as_of).map(|version| version.id));
    let past = |first: Day| base.files(Table::Judged).iter().any(|file| file.week.is_some_and(|week| week < first));
    let moved = [
        (Table::DimWeek, last_week(base.as_of) != last_week(plan.as_of)),
        (Table::DimMarketplace, !in_force(base.as_of).eq(in_force(plan.as_of))),
        (Table::Judged, plan.judged_from().is_some_and(past)),
    ];
    moved.into_iter().find(|(table, differs)| *differs && base.has(*table)).map(|(table, _)| table)
}

fn iso(week: Option<&Day>) -> String {
    week.map(|week| vtr_kernel::calendar::iso_week(*week)).unwrap_or_default()
}

/// Whether a file that an earlier run read is still there.
fn is_there(plan: &Plan, input: &InputFile) -> bool {
    plan.root.join(&input.file).is_file()
}

/// Refuses an output that was made from other files which are all still there: that of another job with the same name.
fn refuse_others_place(plan: &Plan, base: &Manifest, gone: &[InputFile]) -> Result<()> {
    let are_all = gone.len() == base.inputs.len() && gone.iter().all(|input| is_there(plan, input));
    match gone.first().filter(|_| are_all) {
        None => Ok(()),
        Some(first) => Err(Error::Usage(format!(
            "{}: was made from {}, which is still there and which this job does not read: two jobs of one name and one output \
             replace each other's figures; give each its own `name` and [output] path, or run with --full if the inputs of \
             this job have changed",
            plan.output.path,
            vtr_kernel::text::shown(&first.file)
        ))),
    }
}

/// Warns of the weeks that lose rows because a file is gone, or is no longer read.
fn warn_gone(plan: &Plan, input: &InputFile, weeks: &BTreeMap<Day, String>) {
    let held = |week: &Day| input.days.iter().flatten().any(|(first, last)| *first <= *week + 6 && *week <= *last);
    let lost: BTreeSet<Day> = weeks.keys().copied().filter(held).collect();
    let (Some(first), Some(last)) = (lost.first(), lost.last()) else { return };
    let (what, remedy) = match is_there(plan, input) {
        true => {
            ("the file is there, but no input of the job reads it any more", "name it in `path` if its packages count")
        }
        false => (
            "the file is gone",
            "[output] closed_after_days keeps weeks as they are whose inputs are deleted as a rule",
        ),
    };
    warn(&format!(
        "{}: {}, and its rows are gone with it, from {} to {}; {}",
        vtr_kernel::text::shown(&input.file),
        what,
        iso(Some(first)),
        iso(Some(last)),
        remedy
    ));
}

/// Adds a week if the tables of the last final window are outdated: the last of the weeks that are judged counts the
/// days of these tables with its own, and without the addition it would be too far from them, or there would be none.
fn draw_health_in(plan: &Plan, weeks: &mut BTreeMap<Day, String>, health: Option<&str>) {
    let (from, to) = plan.health_span();
    if let Some(why) = health
        && weeks.last_key_value().is_none_or(|(last, _)| last + 6 < from)
    {
        weeks.insert(monday(to), format!("account_health: {why}"));
    }
}

/// Splits a range into pieces of `weeks` weeks.
fn cut(range: WeekRange, weeks: i32) -> Vec<WeekRange> {
    let starts = (range.first..=range.last).step_by(weeks.max(1) as usize * 7);
    starts.map(|first| WeekRange { first, last: range.last.min(first.saturating_add(7 * (weeks - 1))) }).collect()
}

/// Makes one publication.
fn one(plan: &Plan, run: &Run, last: &mut RunReport) -> Result<()> {
    let Run { args, global, told, .. } = run;
    let visibility = if global.quiet { Visibility::Quiet } else { Visibility::Shown };
    if let Some(path) = &args.lineage {
        lineage::append(path, &lineage::started(plan))?;
    }
    let (mut report, result) = crate::run(plan, visibility);
    // A run that changed nothing writes no report, and a refused output is not ours.
    if report.begun
        && report.outcome != Outcome::Unchanged
        && let Err(error) = publish::at(Path::new(&plan.output.path)).and_then(|store| report.write(store.as_ref()))
    {
        // The publication remains valid, and a failed run has its own error.
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
    let is_new = |warning: &&String| !warning.starts_with(log::JOINED) || told.borrow_mut().insert((*warning).clone());
    last.warnings.iter().filter(is_new).for_each(|warning| warn(warning));
    if global.show_values {
        last.rejected_values.iter().for_each(|value| say(value));
    }
    ended
}
