//! Gathers the facts that decide which weeks are outdated: the inputs as they are now, and the published states.
//!
//! It identifies inputs by their content, reads changed text files to find their days, and asks [`outdated`]; it
//! decides nothing itself. It fails if an input or a published file cannot be read.

use crate::error::{Error, Result};
use crate::fold::{data_end, touched};
use crate::job::digest::OUTPUT_REVISION;
use crate::job::plan::{OnBadFile, Plan, Rolling};
use crate::publish::encode;
use crate::publish::log::{self, InputFile, Later, Manifest, Span, day_text};
use crate::publish::notes;
use crate::publish::outdated::{self, InForce, Input, Now, Outdated};
use crate::publish::state::{ALL, State};
use crate::publish::store::{self, Store};
use crate::scan::identity::Days;
use crate::scan::identity::{Known, KnownText};
use crate::scan::{SourceFile, Survey};
use crate::schema::Table;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use vtr_kernel::calendar::{Day, monday};

/// The path, below the output, of what is remembered of inputs.
pub const MEMORY: &str = "_state/inputs.json";

/// Tables with weeks; the first of them that a job makes gives the published weeks.
const WEEKLY: [Table; 5] =
    [Table::VtrWeekly, Table::VtrWeeklyCategory, Table::Defects, Table::CarrierNames, Table::VtrRolling];

/// The outdated part of an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stale {
    /// These weeks.
    Some(Weeks),
    /// Unknown until everything is read; with the reason.
    Everything(String),
}

/// The outdated weeks, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Weeks {
    /// Weeks, by Monday, each with its reason.
    pub weeks: BTreeMap<Day, String>,
    /// The reason why the tables of the last final window are outdated, if they are and the weeks asked for hold all
    /// their days.
    pub health: Option<String>,
    /// Published files of tables that the job no longer makes.
    pub dropped: Vec<String>,
    /// Inputs that are gone, each with the days and the number of its rows.
    pub gone: Vec<InputFile>,
}

/// The facts about an output and the inputs as they are now.
pub struct Look<'a> {
    plan: &'a Plan,
    base: &'a Manifest,
    now: Now,
    /// By changed part of the book, the weeks that it covers.
    covered: BTreeMap<String, BTreeSet<Day>>,
    /// A file that cannot be read to its end.
    unreadable: Option<String>,
}

/// Groups adjacent weeks into spans of first and last Monday.
pub fn spans(weeks: &BTreeSet<Day>) -> Vec<Days> {
    outdated::ranges(weeks.iter().copied(), 0).into_iter().map(|range| (range.first, range.last)).collect()
}

/// Loads into a plan what earlier runs remembered of the inputs.
///
/// # Errors
/// The place cannot be read.
pub fn recall(plan: &mut Plan, base: Option<&Manifest>, store: &dyn Store, rehash: Rehash) -> Result<()> {
    let mut known = Known::default();
    if let Some(base) = base {
        let text = |input: &InputFile| {
            let known = KnownText { bytes: input.bytes, digest: input.digest.clone(), days: input.days.clone()? };
            Some((input.file.clone(), known))
        };
        known.version = Some(base.version);
        known.texts = base.inputs.iter().filter_map(text).collect();
        // Another program or job may be able to read them, and so may a run with more memory or other limits.
        if base.program == log::program() && base.job.digest == plan.job_digest {
            let bounds = plan.bounds();
            known.bad = base.bad.iter().filter(|bad| bad.under == bounds).cloned().collect();
        }
    }
    if rehash == Rehash::Changed {
        known.read(&store::read(store, MEMORY)?.unwrap_or_default());
    }
    plan.known = Arc::new(known);
    Ok(())
}

/// Which inputs to hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rehash {
    /// Inputs that may have changed.
    Changed,
    /// All inputs.
    All,
}

impl<'a> Look<'a> {
    /// Examines all inputs.
    ///
    /// # Errors
    /// An input cannot be read to its end, or a signal to stop.
    pub fn at(plan: &'a Plan, mut survey: Survey, base: &'a Manifest, store: &dyn Store) -> Result<Look<'a>> {
        survey.identify(plan)?;
        let mut survey = survey.without_known_bad(plan)?;
        let mut inputs = BTreeMap::new();
        let mut unreadable = None;
        for index in 0..survey.files.len() {
            let shown = survey.files[index].shown.clone();
            match input(plan, &mut survey, index, base) {
                Ok(input) => drop(inputs.insert(shown, input)),
                // A run skips the file, or fails and says why.
                Err(Error::Input(_) | Error::BadFiles(_)) => {
                    let leaves_out = plan.inputs[survey.files[index].input].on_bad_file == OnBadFile::Skip;
                    unreadable = unreadable.or(Some(shown).filter(|_| !leaves_out));
                }
                Err(other) => return Err(other),
            }
        }
        touch(plan, &survey, &mut inputs, base, store)?;
        let now = now(plan, inputs, base);
        let covered = covered(base, store, &now)?;
        Ok(Look { plan, base, now, covered, unreadable })
    }

    /// The digest of every input.
    pub fn digests(&self) -> BTreeMap<String, String> {
        self.now.inputs.iter().map(|(file, input)| (file.clone(), input.digest.clone())).collect()
    }

    /// The outdated weeks among those that the plan covers.
    pub fn stale(&self) -> Stale {
        let (plan, base) = (self.plan, self.base);
        if let Some(file) = &self.unreadable {
            return Stale::Everything(format!("{file} cannot be read to its end"));
        }
        let Some(table) = WEEKLY.into_iter().find(|table| plan.output.tables.contains(table)) else {
            return Stale::Everything("the job makes no table with weeks".into());
        };
        let published: BTreeSet<Day> = base.files(table).iter().filter_map(|file| file.week).collect();
        // Some weeks have windows and no packages.
        let all = WEEKLY.into_iter().flat_map(|table| base.files(table)).filter_map(|file| file.week);
        let standing = InForce { weeks: all.collect(), ..self.standing() };
        let mut weeks = match outdated::outdated(&self.now, &standing) {
            Outdated::Everything(why) => return Stale::Everything(why),
            Outdated::Weeks(weeks) => weeks,
        };
        let asked = |week: &Day| plan.range.is_none_or(|range| (range.first..=range.last).contains(week));
        weeks.retain(|week, _| asked(week));
        if plan.output.tables.contains(&Table::VtrRolling) {
            let packed = if table == Table::VtrRolling { BTreeSet::new() } else { published.clone() };
            add_windows(plan, &packed, published.first().copied(), &mut weeks);
            weeks.retain(|week, _| asked(week));
        }
        let made: BTreeSet<&str> = plan.output.tables.iter().map(|table| table.name()).collect();
        let dropped = base.tables.keys().filter(|table| !made.contains(table.as_str())).cloned().collect();
        let gone = base.inputs.iter().filter(|input| !self.now.inputs.contains_key(&input.file)).cloned().collect();
        Stale::Some(Weeks { weeks, health: self.health(), dropped, gone })
    }

    fn standing(&self) -> InForce {
        let states = self.base.states.iter();
        let states = states.map(|state| (state.clone(), state.inputs.before(&self.base.inputs))).collect();
        let pending = self.base.rates.iter().filter_map(|week| Some((week.week, week.due_from?))).collect();
        InForce { states, pending, covered: self.covered.clone(), ..InForce::default() }
    }

    /// The reason why the tables of the last final window are outdated, if this run may renew them.
    fn health(&self) -> Option<String> {
        let (plan, base) = (self.plan, self.base);
        if !plan.may_renew_health() {
            return None;
        }
        let (from, to) = plan.health_span();
        match base.health_as_of {
            None => return Some("not published yet".into()),
            // A later one is never replaced.
            Some(day) if day > plan.as_of => return None,
            Some(day) if day < plan.as_of => return Some(format!("of {}", day_text(day))),
            Some(_) => {}
        }
        let state = base.states.iter().find(|state| Some(state.version) == base.health_state);
        let Some(state) = state else { return Some("it is not known what it was made from".into()) };
        let span: BTreeSet<Day> = (monday(from)..=to).step_by(7).collect();
        let state = State { weeks: vec![ALL], ..state.clone() };
        let inputs = state.inputs.before(&base.inputs);
        let standing = InForce { states: vec![(state, inputs)], weeks: span.clone(), ..self.standing() };
        match outdated::outdated(&self.now, &standing) {
            Outdated::Everything(why) => Some(why),
            Outdated::Weeks(weeks) => weeks.into_iter().find(|(week, _)| span.contains(week)).map(|(_, why)| why),
        }
    }

    /// Published weeks that a run of the plan would leave without rows because no input can contain a day of them;
    /// `None` if the days of an input are unknown.
    pub fn vanishing(&self) -> Option<BTreeSet<Day>> {
        let days: Option<Vec<&Vec<Days>>> = self.now.inputs.values().map(|input| input.days.as_ref()).collect();
        let days = days?;
        let holds = |week: Day| days.iter().copied().flatten().any(|(first, last)| *first <= week + 6 && week <= *last);
        let weekly = [Table::VtrWeekly, Table::VtrWeeklyCategory].into_iter();
        let spans: BTreeMap<Table, Span> = crate::publish::spans(self.plan).into_iter().collect();
        let replaced = weekly.filter_map(|table| Some((spans.get(&table)?, self.base.files(table))));
        let weeks = replaced.flat_map(|(span, files)| files.iter().filter(|file| span.covers(file.week)));
        let is_open = |week: &Day| self.plan.first_open().is_none_or(|first| first <= *week);
        Some(weeks.filter_map(|file| file.week).filter(|week| is_open(week) && !holds(*week)).collect())
    }
}

/// Finds out which days the rows of new files touch.
fn touch(
    plan: &Plan,
    survey: &Survey,
    inputs: &mut BTreeMap<String, Input>,
    base: &Manifest,
    store: &dyn Store,
) -> Result<()> {
    let known: BTreeSet<&str> = base.inputs.iter().map(|input| input.file.as_str()).collect();
    let is_new = |shown: &str| inputs.contains_key(shown) && !known.contains(shown);
    let new: BTreeSet<u32> =
        (0..).zip(&survey.files).filter(|(_, file)| is_new(&file.shown)).map(|(index, _)| index).collect();
    if new.is_empty() || new.len() == survey.files.len() {
        return Ok(());
    }
    let apart = base.states.iter().filter_map(|state| Day::try_from(state.copies_apart_days?).ok()).max().unwrap_or(0);
    let place = notes::Read(notes::Kept { store, run_id: &plan.run_id });
    let days = match touched::days(plan, survey, (&new, plan.copies_within_days.max(apart)), &place, touched::CHEAP) {
        // A run skips the file, or fails and says why.
        Err(Error::Input(_) | Error::BadFiles(_)) => None,
        days => days?,
    };
    let Some(days) = days else { return Ok(()) };
    for index in new {
        if let Some(input) = inputs.get_mut(&survey.files[index as usize].shown) {
            input.touched = Some(days.iter().map(|day| (*day, *day)).collect());
        }
    }
    Ok(())
}

/// Adds the weeks without packages before a stale one. Windows end in them only if packages follow, so their windows
/// may appear or disappear with it.
fn add_windows(plan: &Plan, packed: &BTreeSet<Day>, first: Option<Day>, stale: &mut BTreeMap<Day, String>) {
    let longest = vtr_kernel::windows::lengths(&plan.book).last().copied().unwrap_or(1);
    let most = 7 * (longest / 7 + 1);
    for (week, why) in stale.clone() {
        // Windows without packages end at most their length after the last package.
        let before = packed.range(..week).next_back().copied();
        let Some(before) = before.or((packed.is_empty()).then_some(week - 7 - most)) else { continue };
        let empty = (before + 7..week).step_by(7).take_while(|empty| *empty <= before + most);
        for empty in empty.filter(|empty| first.is_some_and(|first| first < *empty)) {
            stale.entry(empty).or_insert_with(|| why.clone());
        }
    }
}

/// What a run of the plan would judge by.
fn now(plan: &Plan, inputs: BTreeMap<String, Input>, base: &Manifest) -> Now {
    let markets = || plan.book.markets().map(|(_, market)| market);
    let turns = |days: &mut dyn Iterator<Item = Day>| days.collect::<BTreeSet<Day>>();
    let versions = || markets().flat_map(|market| &market.versions);
    let turns = match plan.output.tables.contains(&Table::CarrierNames) && !base.states.is_empty() {
        true => turns(&mut versions().flat_map(|version| version.from.into_iter().chain(version.until))),
        false => BTreeSet::new(),
    };
    Now {
        as_of: plan.as_of,
        revision: OUTPUT_REVISION,
        job: plan.job_digest.clone(),
        book: book_parts(plan),
        tables: plan.output.tables.iter().map(|table| table.name().to_owned()).collect(),
        latencies: markets().map(|market| market.latency_days).collect(),
        first_end: if plan.output.rolling == Rolling::Daily { 0 } else { 6 },
        slack: plan.identity.map(|_| plan.copies_within_days),
        turns,
        inputs,
    }
}

/// Digests of the parts of the book; the name of a policy version's part includes its marketplace and days.
pub fn book_parts(plan: &Plan) -> BTreeMap<String, String> {
    let mut parts = plan.book.parts().clone();
    for (_, market) in plan.book.markets() {
        for version in &market.versions {
            let day = |day: Option<Day>| day.map_or_else(|| "-".to_owned(), day_text);
            if let Some(part) = parts.get_mut(plan.book.rule(version.id)) {
                *part = format!("{part} {} {} {}", market.name, day(version.from), day(version.until));
            }
        }
    }
    parts
}

/// The marketplace and days of a policy version, from its text in [`book_parts`]: the first day, and the day after the
/// last.
fn in_force(part: &str) -> Option<(&str, Day, Day)> {
    let words: Vec<&str> = part.split(' ').collect();
    let [_, market, from, until] = words[..] else { return None };
    let day = |text: &str, open: Day| match text {
        "-" => Some(open),
        date => date.parse().ok().map(vtr_kernel::calendar::day_from_date),
    };
    Some((market, day(from, Day::MIN)?, day(until, Day::MAX)?))
}

/// By part, the weeks that changed policy versions cover or covered and that contain their marketplaces.
fn covered(base: &Manifest, store: &dyn Store, now: &Now) -> Result<BTreeMap<String, BTreeSet<Day>>> {
    let mut covered = BTreeMap::new();
    if !base.has(Table::VtrWeekly) {
        return Ok(covered);
    }
    let changed = base.states.iter().flat_map(|state| outdated::changed_parts(&state.book, &now.book));
    for part in changed.collect::<BTreeSet<&str>>() {
        let books = base.states.iter().map(|state| &state.book).chain([&now.book]);
        let spans: Option<Vec<(&str, Day, Day)>> =
            books.filter_map(|book| book.get(part)).map(|part| in_force(part)).collect();
        let Some(spans) = spans else { continue };
        let mut weeks = BTreeSet::new();
        for file in base.files(Table::VtrWeekly) {
            let Some(week) = file.week else { continue };
            for (market, from, until) in &spans {
                if *from <= week + 6 && week < *until && occurs(store, &file.path, market)? {
                    weeks.insert(week);
                    break;
                }
            }
        }
        covered.insert(part.to_owned(), weeks);
    }
    Ok(covered)
}

/// Whether a published week contains packages of a marketplace.
fn occurs(store: &dyn Store, path: &str, marketplace: &str) -> Result<bool> {
    let Some(readable) = store.open(path)? else { return Ok(true) };
    let mut found = false;
    encode::read_texts(readable, &store.shown(path), "marketplace", &mut |name| found |= name == marketplace)?;
    Ok(found)
}

/// The facts of an input: from its statistics, from memory of the same content, or by reading it.
fn input(plan: &Plan, survey: &mut Survey, index: usize, base: &Manifest) -> Result<Input> {
    let file = &survey.files[index];
    let digest = file.digest.clone();
    let older = base.states.iter().flat_map(|state| &state.inputs.were);
    let mut known = base.inputs.iter().chain(older);
    let known = known.find(|input| Some(&input.digest) == digest.as_ref() && input.days.is_some());
    let later = |known: &InputFile| known.later.into_iter().collect();
    let by_week = plan.inputs[file.input].by_week(&file.shown);
    match (&file.days, known, digest) {
        (Some(_), _, Some(digest)) => {
            Ok(Input { digest, days: days(file), by_week, later: later_groups(file), touched: None })
        }
        (None, Some(known), Some(digest)) => {
            Ok(Input { digest, days: known.days.clone(), by_week, later: later(known), touched: None })
        }
        _ => {
            let found = data_end::look(plan, survey, index)?;
            let digest = survey.files[index].digest.clone().or(found.digest).unwrap_or_default();
            survey.files[index].digest.get_or_insert_with(|| digest.clone());
            let days = found.first_day.zip(found.last_day).into_iter().collect();
            let later = found.later.map(Later::from).into_iter().collect();
            Ok(Input { digest, days: Some(days), by_week, later, touched: None })
        }
    }
}

/// The days of a file by its statistics; adjacent spans are joined.
pub fn days(file: &SourceFile) -> Option<Vec<Days>> {
    let mut spans: Vec<Days> = file.days.as_ref()?.iter().map(|group| (group.first, group.last)).collect();
    spans.sort_unstable();
    let mut joined: Vec<Days> = Vec::new();
    for (first, last) in spans {
        match joined.last_mut() {
            Some(before) if first <= before.1 + 7 => before.1 = before.1.max(last),
            _ => joined.push((first, last)),
        }
    }
    Some(joined)
}

/// Row groups in which another `as_of` may change something.
fn later_groups(file: &SourceFile) -> Vec<Later> {
    let groups = file.days.iter().flatten();
    let later = |group: &crate::scan::GroupDays| {
        let (first, last) = (group.first, group.last);
        let moments = Later { first, last, from: Day::MIN, until: group.latest.unwrap_or(Day::MAX) };
        // Two years are 730 or 731 days.
        let too_far = Later { first, last, from: first.saturating_sub(732), until: last.saturating_sub(730) };
        [moments, too_far]
    };
    groups.flat_map(later).collect()
}

/// Saves what was learned of inputs for the next run.
///
/// # Errors
/// The place cannot be written.
pub fn remember(plan: &Plan, store: &dyn Store) -> Result<()> {
    let Some(text) = plan.known.written() else { return Ok(()) };
    store.put(MEMORY, store::Content::of(&text), &plan.run_id)
}
