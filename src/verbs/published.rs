//! Opens a published output for the list verbs: its files, and the filters of the command line.
//!
//! It opens the manifest once and hands on its files; it reads no table itself. It fails if the output has no
//! publication or lacks the table, or if a filter cannot be resolved.

use super::age::Age;
use super::filters::{FilterValues, Filters, Packages, PublishedOutput, Terms, TypedFilter};
use super::listing::{self, Format};
use super::{compare, defects, health};
use crate::cli::{DefectOrder, DefectsArgs, FailOn, Fixable, HealthArgs, ListFormat, ListOutput};
use crate::error::{Error, Result};
use crate::job;
use crate::pages::brief::{self, Answer};
use crate::pages::model::{Account, Standing};
use crate::pages::read::{PublishedVersion, Scope};
use crate::pages::words::Names;
use crate::pages::{model, terms, work};
use crate::progress::warn;
use crate::publish::store::Store;
use crate::publish::{self, Manifest};
use crate::schema::Table;
use crate::tables::health::Status;
use std::collections::BTreeSet;
use std::io::{Write, stderr, stdout};
use std::sync::Arc;
use std::time::SystemTime;
use vtr_kernel::calendar::{Day, day_from_date};
use vtr_kernel::mend::FixableBy;

/// Runs `vtr defects`.
///
/// # Errors
/// Those of the manifest and of the list; [`Error::Usage`] for a filter.
pub fn defects(args: &DefectsArgs) -> Result<()> {
    let week = |option: &str, text: &Option<String>| {
        text.as_deref().map(|text| job::week(option, text)).transpose().map_err(Error::Usage)
    };
    let reason = args.reason.as_deref().map(defects::reasons).transpose()?;
    let (from, to) = (week("--from", &args.from)?, week("--to", &args.to)?.map(|monday| monday + 6));
    let store = publish::at(&args.out)?;
    let manifest = open(store.as_ref(), Table::Defects)?;
    let published = PublishedOutput { store: store.as_ref(), manifest: &manifest };
    let asked = TypedFilter {
        seller: args.seller.as_deref(),
        marketplace: args.marketplace.as_deref(),
        carrier: args.carrier.as_deref(),
        category: args.category.as_deref(),
        programme: args.programme.as_deref(),
    };
    let book = job::shelf::book(&[])?;
    let (names, doubt) = terms::of(&PublishedVersion { store: store.as_ref(), manifest: &manifest }, &book)?;
    doubt.iter().for_each(|doubt| warn(doubt));
    let filters = Filters::of(&asked, &Terms { book: &book, names: &names }, &published)?;
    let since = args.since.as_deref().map(|text| {
        let no_day = || Error::Usage(format!("--since: `{text}` is no date like 2025-01-13"));
        text.parse().map(day_from_date).map_err(|_| no_day())
    });
    let fixable_by = args.fixable_by.iter().map(|who| match who {
        Fixable::Nobody => FixableBy::Nobody,
        Fixable::Carrier => FixableBy::Carrier,
        Fixable::Number => FixableBy::Number,
    });
    let from = from.or(since.transpose()?);
    if let (Some(from), Some(to)) = (from, to)
        && from > to
    {
        let [from, to] = [from, to].map(vtr_kernel::calendar::date_from_day);
        return Err(Error::Usage(format!("the first day asked for ({from}) is after the last one ({to})")));
    }
    let query = defects::Query {
        filters,
        reason,
        fixable_by: (!args.fixable_by.is_empty()).then(|| FilterValues::of(fixable_by.map(FixableBy::name))),
        from,
        to,
        order: match args.sort {
            DefectOrder::Urgency => defects::Order::Urgency(defects::Clock::of(&names, manifest.as_of)),
            DefectOrder::Key => defects::Order::Key,
        },
        limit: args.limit,
        format: format(args.written),
    };
    let files = manifest.files(Table::Defects).iter();
    let files: Vec<defects::WeekFile> =
        files.filter_map(|file| file.week.map(|week| defects::WeekFile { week, path: file.path.clone() })).collect();
    let matches = defects::run(store.as_ref(), &files, &query, &mut stdout().lock(), &mut stderr())?;
    if matches == defects::Matches::None {
        let packages = published.packages(&query.filters, |week| defects::may_match(week, &query))?;
        // A note that cannot be written is not an error.
        let _ = writeln!(stderr(), "{}", no_defects(args.reason.as_deref(), packages));
    }
    Ok(())
}

/// A sentence that says what an empty list of defects means.
fn no_defects(reason: Option<&str>, packages: Option<Packages>) -> String {
    let what = reason.map_or_else(|| "no defects".to_owned(), |reason| format!("no defects with {reason}"));
    let packages_of = |count: u64| if count == 1 { "1 package".to_owned() } else { format!("{count} packages") };
    match packages {
        None => format!("{what} match"),
        Some(Packages { judged: 0, .. }) => format!("{what}: no package was judged there"),
        Some(Packages { judged, eligible: 0 }) => format!("{what}: none of {} counts for a rate", packages_of(judged)),
        Some(Packages { eligible, .. }) => format!("{what} among {}", packages_of(eligible)),
    }
}

/// Runs `vtr health`.
///
/// # Errors
/// Those of the manifest and of the list; [`Error::Gate`] by `--fail-on`.
pub fn health(args: &HealthArgs, now: SystemTime) -> Result<()> {
    health_to(args, now, &mut stdout().lock(), &mut stderr())
}

/// The same with other writers: the rows go to `out`, notes for people to `notes`.
///
/// # Errors
/// As [`health`].
pub fn health_to(args: &HealthArgs, now: SystemTime, out: &mut dyn Write, notes: &mut dyn Write) -> Result<()> {
    if args.fail_on.contains(&FailOn::Worse) && args.compare.is_none() {
        return Err(Error::Usage("--fail-on worse: give the version to compare with by --compare".into()));
    }
    let store = publish::at(&args.out)?;
    let manifest = open(store.as_ref(), Table::AccountHealth)?;
    let published = PublishedOutput { store: store.as_ref(), manifest: &manifest };
    let asked = TypedFilter {
        seller: args.seller.as_deref(),
        marketplace: args.marketplace.as_deref(),
        carrier: None,
        ..TypedFilter::default()
    };
    let book = job::shelf::book(&[])?;
    let source = PublishedVersion { store: store.as_ref(), manifest: &manifest };
    let (names, doubt) = terms::of(&source, &book)?;
    // A note that cannot be written is not an error.
    let _ = doubt.iter().try_for_each(|doubt| writeln!(notes, "{doubt}"));
    let query = health::HealthQuery {
        filters: Filters::of(&asked, &Terms { book: &book, names: &names }, &published)?,
        format: format(args.written),
        limit: args.limit,
        fail_on: args.fail_on.iter().filter_map(status).min(),
    };
    let files: Vec<_> = manifest.files(Table::AccountHealth).iter().map(|file| file.path.clone()).collect();
    let today = today(args.today, now);
    let age = Age::of(&manifest, today, args.max_age);
    let is_stale = || if args.fail_on.contains(&FailOn::Stale) { age.gate() } else { Ok(()) };
    if let Some(before) = args.compare {
        let before = version(store.as_ref(), Table::AccountHealth, Some(before))?;
        let worse = if args.fail_on.contains(&FailOn::Worse) { compare::Worse::Fails } else { compare::Worse::Said };
        let compared = compare::run(store.as_ref(), (&before, &manifest), &query, worse, out, notes);
        listing::unless_pipe_closed(compared)?;
        health::check(store.as_ref(), &files, &query)?;
        return is_stale();
    }
    age.tell(notes);
    let told = told(&source, &query, names, today)?;
    health::run(store.as_ref(), &files, &query, &told, out, notes)?;
    is_stale()
}

/// The day given by an option, else that of the clock.
pub fn today(given: Option<chrono::NaiveDate>, now: SystemTime) -> Day {
    let seconds = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    given.map_or_else(|| Day::try_from(seconds / 86_400).unwrap_or(Day::MAX), day_from_date)
}

/// What people read beside the rows: answers about the worst account that passes the filters, and the accounts that
/// have no rate yet.
fn told(source: &PublishedVersion, query: &health::HealthQuery, names: Names, today: Day) -> Result<health::Told> {
    let (mut accounts, _) = model::all_accounts(source, &Scope::default(), &names)?;
    let passes = |wanted: &Option<FilterValues>, value: &str| wanted.as_ref().is_none_or(|wanted| wanted.has(value));
    accounts.retain(|account| {
        passes(&query.filters.seller, &account.key.seller) && passes(&query.filters.marketplace, &account.key.market)
    });
    let (new, judged): (Vec<&Account>, Vec<&Account>) =
        accounts.iter().partition(|account| account.standing == Standing::Unassessed);
    let answers = match judged.first() {
        Some(worst) if query.format == Format::Table => answers(source, worst, &names, today)?,
        _ => Vec::new(),
    };
    let unassessed = brief::unassessed(&new, &names);
    let new = new.into_iter().map(|account| account.key.clone()).collect();
    Ok(health::Told { answers, unassessed, new, names })
}

/// What a reader wants to know first of the worst account.
fn answers(source: &PublishedVersion, worst: &Account, names: &Names, today: Day) -> Result<Vec<Answer>> {
    let seen = today.max(source.manifest.as_of);
    let mut work = None;
    if source.manifest.has(Table::Defects) {
        let only = |value: &str| Some(Arc::new(BTreeSet::from([value.to_owned()])));
        let scope = Scope { sellers: only(&worst.key.seller), markets: only(&worst.key.market) };
        let accounts = std::slice::from_ref(worst);
        work = Some(
            work::work(source, &scope, accounts, &work::is_decisive, seen, &|_| 0)?
                .remove(&worst.key)
                .unwrap_or_default(),
        );
    }
    Ok(brief::answers(worst, work.as_ref(), names, seen))
}

/// The least bad status with which the list fails.
fn status(fail_on: &FailOn) -> Option<Status> {
    match fail_on {
        FailOn::Breach => Some(Status::Breach),
        FailOn::AtRisk => Some(Status::AtRisk),
        FailOn::Worse | FailOn::Stale => None,
    }
}

fn open(store: &dyn Store, table: Table) -> Result<Manifest> {
    version(store, table, None)
}

/// Opens a version of an output that has a table; by default the highest.
///
/// # Errors
/// There is no such version, or it lacks the table.
pub fn version(store: &dyn Store, table: Table, version: Option<u64>) -> Result<Manifest> {
    let manifest = publish::open(store, version)?;
    if manifest.has(table) {
        return Ok(manifest);
    }
    let (out, name) = (store.shown(""), table.name());
    let made = if table.is_of_health() { ", in a run without a range of weeks" } else { "" };
    Err(Error::Usage(format!(
        "{out} holds no table {name}; publish it with a job whose [output] `tables` names it{made}"
    )))
}

/// The format of a list; `--json` is `--format json`.
pub fn format(written: ListOutput) -> Format {
    match written.format() {
        ListFormat::Table => Format::Table,
        ListFormat::Csv => Format::Csv,
        ListFormat::Json => Format::Json,
    }
}
