//! `vtr worklist`: lists what to do today, who does it, until when, and what it is worth.
//!
//! It shows the groups of `pages::work` and adds no figure: a package is worth one package of its account in the
//! window that can still be changed. It fails if a table is missing or cannot be read, if a filter cannot be resolved,
//! and with `--fail-on overdue` if a correction's day has passed.

use super::age::Age;
use super::filters::Terms;
use super::listing::{self, Cell, Format, Listing};
use super::{confirm, published, report};
use crate::cli::{MAX_AGE, WorklistArgs, WorklistFailOn, WorklistFormat};
use crate::error::{Error, Result};
use crate::job::shelf;
use crate::pages::model::{self, Account, Key, Standing};
use crate::pages::read::PublishedVersion;
use crate::pages::terms;
use crate::pages::words::{self, Names};
use crate::pages::work::{self, AccountWork, Actor, OpenDefect, Reach, Task, WorkGroup};
use crate::progress::warn;
use crate::publish;
use crate::schema::Table;
use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::io::{Write, stderr, stdout};
use std::time::SystemTime;
use vtr_kernel::calendar::Day;
use vtr_kernel::tally::Tally;
use vtr_kernel::text::shown;

/// The tasks of a kind that the terminal shows.
const SHOWN: usize = 10;

/// The columns of the lists for programs before those that name the package; each package has a row.
const BEFORE: [&str; 8] = ["action", "who", "act_by", "is_overdue", "counts_until", "worth_points", "status", "few"];
/// The columns after them.
const AFTER: [&str; 2] = ["likely_carrier", "suggested_fix"];

/// Runs `vtr worklist`.
///
/// # Errors
/// See the head of the module.
pub fn run(args: &WorklistArgs, now: SystemTime) -> Result<()> {
    let format = match if args.json { WorklistFormat::Json } else { args.format } {
        WorklistFormat::ShipConfirm => return confirm::run(args),
        WorklistFormat::Table => Format::Table,
        WorklistFormat::Csv => Format::Csv,
        WorklistFormat::Json => Format::Json,
    };
    let store = publish::at(&args.out)?;
    let manifest = published::version(store.as_ref(), Table::Defects, None)?;
    let source = PublishedVersion { store: store.as_ref(), manifest: &manifest };
    let book = shelf::book(&[])?;
    let (names, doubt) = terms::of(&source, &book)?;
    doubt.iter().for_each(|doubt| warn(doubt));
    let terms = Terms { book: &book, names: &names };
    let scope = report::scope(&args.seller, &args.marketplace, &terms)?;
    report::refuse_unknown(&source, &args.seller, &args.category, &terms)?;
    let (accounts, empty) = model::all_accounts(&source, &scope, &names)?;
    report::refuse_empty(accounts.len() + empty, &scope)?;
    let asked: BTreeSet<String> = args.category.iter().cloned().collect();
    let cap = if format == Format::Table { 0 } else { usize::MAX };
    let (is_asked, seen) =
        (|_: &Account, category: &str| asked.is_empty() || asked.contains(category), published::today(args.today, now));
    let work = work::work(&source, &scope, &accounts, &is_asked, seen, &|_| cap)?;
    Age::of(&manifest, seen, MAX_AGE).warn_if_stale();
    if seen < manifest.as_of && args.today.is_some() {
        let day = vtr_kernel::calendar::date_from_day(manifest.as_of);
        warn(&format!(
            "--today is before the day of the figures, {day}, and that day counts; publish figures of it by --as-of"
        ));
    }
    let (as_of, seen) = (manifest.as_of, seen.max(manifest.as_of));
    let list = List { accounts: &accounts, work: &work, names: &names, is_doubtful: doubt.is_some(), as_of, seen };
    let shown = match format {
        // Quoted values were escaped where they were quoted; escaping here would destroy colours.
        Format::Table => super::print(list.text(listing::width())),
        format => list.rows(format, &mut stdout().lock(), &mut stderr()),
    };
    listing::unless_pipe_closed(shown)?;
    match args.fail_on {
        Some(WorklistFailOn::Overdue) => list.gate(),
        None => Ok(()),
    }
}

struct List<'a> {
    accounts: &'a [Account],
    work: &'a HashMap<Key, AccountWork>,
    names: &'a Names,
    /// Whether the windows may be others than those by which the figures were judged.
    is_doubtful: bool,
    /// The day of the figures.
    as_of: Day,
    /// The day from which days are seen.
    seen: Day,
}

impl List<'_> {
    fn overdue(&self) -> Vec<(&Account, i64)> {
        let late = |account: &'_ Account| self.work.get(&account.key)?.get(&Actor::Late).map(|group| group.packages);
        self.accounts.iter().filter_map(|account| late(account).map(|packages| (account, packages))).collect()
    }

    fn gate(&self) -> Result<()> {
        let overdue = self.overdue();
        let Some((first, packages)) = overdue.first() else { return self.gate_past() };
        Err(Error::Gate(format!(
            "--fail-on overdue: {} of {} not corrected by the promised day, first of all {} of {}",
            words::plural(overdue.iter().map(|(_, packages)| packages).sum(), "package"),
            words::plural(overdue.len() as i64, "account"),
            words::number(*packages),
            first.title(self.names)
        )))
    }

    /// Fails if corrections were due when the figures were made and their last window is final since.
    fn gate_past(&self) -> Result<()> {
        let past = self.work.values().filter_map(|work| work.get(&Actor::Past));
        match past.map(|group| group.dated).sum::<i64>() {
            0 => Ok(()),
            packages => Err(Error::Gate(format!(
                "--fail-on overdue: by the figures of {} {} not corrected by the promised day, and the time for it is over; \
                 run the job again",
                words::date(self.as_of),
                if packages == 1 {
                    "1 package was".into()
                } else {
                    format!("{} packages were", words::number(packages))
                }
            ))),
        }
    }

    /// What a reader must know if the time of packages has passed since the figures were made.
    fn past(&self) -> Option<String> {
        let past = self.packages_of(&Actor::Past);
        (past > 0).then(|| {
            format!(
                "PAST: {} could be mended or waited for on that day, and the time for it is over. Run the job again.",
                words::plural(past, "package")
            )
        })
    }

    /// What an empty list means.
    fn nothing(&self) -> &'static str {
        match self.packages_of(&Actor::Past) {
            0 if self.is_doubtful => {
                "Nothing found to do by the windows of this program's book, by which these figures were not judged."
            }
            0 => "Nothing to do: no defect that still counts can be mended.",
            _ => "Nothing to do by these figures, which are too old to say what can be mended today.",
        }
    }

    fn packages_of(&self, actor: &Actor) -> i64 {
        self.work.values().filter_map(|work| work.get(actor)).map(|group| group.packages).sum()
    }

    /// The text for people: three sections, two lines per task.
    fn text(&self, width: usize) -> String {
        let (dated, open) = work::tasks(self.accounts, self.work);
        let (chased, late): (Vec<Task>, Vec<Task>) =
            open.into_iter().partition(|task| matches!(task.actor, Actor::Chase(_)));
        let packages = |tasks: &[Task]| tasks.iter().map(|task| task.group.packages).sum::<i64>();
        let all = packages(&dated) + packages(&chased) + packages(&late);
        let mut text = format!(
            "Work list, as of {} {}\n",
            words::weekday(self.as_of, self.as_of),
            words::date(self.as_of).format("%Y")
        );
        let nothing = (all == 0).then(|| self.nothing().to_owned());
        for note in self.past().into_iter().chain(nothing) {
            listing::wrapped(&note, width).iter().for_each(|line| text += &format!("{line}\n"));
        }
        let stretches = [
            ("YOU: correct number or carrier before delivery, soonest first", dated),
            ("ASK CARRIERS to scan or trace, what brings most back first", chased),
            ("YOU, OVERDUE: the promised day is over, but no delivery is known: still worth correcting", late),
        ];
        for (head, tasks) in stretches.iter().filter(|(_, tasks)| !tasks.is_empty()) {
            let packages = packages(tasks);
            for line in listing::wrapped(&format!("{head} ({})", words::plural(packages, "package")), width) {
                let _ = write!(text, "\n{}", listing::emphasised(&line));
            }
            text.push('\n');
            tasks.iter().take(SHOWN).for_each(|task| self.task(task, width, &mut text));
            if tasks.len() > SHOWN {
                let rest = &tasks[SHOWN..];
                let more: i64 = rest.iter().map(|task| task.group.packages).sum();
                let _ = writeln!(
                    text,
                    "  and {} more with {}; --format csv has all",
                    words::plural(rest.len() as i64, "task"),
                    words::plural(more, "package")
                );
            }
        }
        let (waiting, gone) = (self.packages_of(&Actor::Wait), self.packages_of(&Actor::Nobody));
        text.push('\n');
        if waiting > 0 {
            let note =
                format!("WAIT: {} with a scan missing, not due yet. Nothing to do.", words::plural(waiting, "package"));
            listing::wrapped(&note, width).iter().for_each(|line| text += &format!("{line}\n"));
        }
        if gone > 0 {
            let note = format!("Still counted, but too late to mend: {}.", words::plural(gone, "more package"));
            listing::wrapped(&note, width).iter().for_each(|line| text += &format!("{line}\n"));
        }
        let legend = "Points: the gain of the account's rate from mending, in the window that can still change, which ends on the next Sunday; older or later windows: mending changes only figures before or after that one. Until: the last day on which mending is useful. --format csv lists every package.";
        listing::wrapped(legend, width).iter().for_each(|line| text += &format!("{line}\n"));
        text
    }

    fn task(&self, task: &Task, width: usize, text: &mut String) {
        let (account, group) = (&self.accounts[task.account], task.group);
        let worth = match (group.moving, group.elsewhere()) {
            _ if account.is_outlook_final(self.seen) => "other windows".to_owned(),
            (0, "before") => "older windows".to_owned(),
            (0, "after") => "later windows".to_owned(),
            (0, _) => "other windows".to_owned(),
            // A job without `vtr_weekly` does not say how many packages a young account has.
            (_, _) if account.outlook.tally.eligible == 0 => words::NONE.to_owned(),
            (moving, _) => format!("{} points", words::points(moving, account.outlook.tally.eligible)),
        };
        let when = match (task.actor, group.act_by, group.until) {
            (Actor::Correct, Some(day), _) => {
                format!("by {}, {}", words::weekday(day, self.seen), words::distance(day, self.seen))
            }
            (Actor::Correct, None, _) => "as soon as you can".to_owned(),
            (_, _, Some((first, _))) => match group.packages {
                1 => format!("until {}", words::weekday(first, self.seen)),
                _ => format!("the first until {}", words::weekday(first, self.seen)),
            },
            _ => String::new(),
        };
        let status = listing::coloured(account.standing);
        let what = shown(&task.actor.action(group.packages, self.names)).into_owned();
        let head = format!("  {when:<28} {worth:>14}  {status}");
        let promise = match (task.actor, group.unpromised) {
            (Actor::Chase(_), 1..) => format!("; {}", words::promise(group.unpromised, group.packages)),
            (Actor::Correct, 1..) => format!("; {}", words::delivered(group.unpromised, group.packages)),
            _ => String::new(),
        };
        let body = format!("{}: {what}{promise}{}", shown(&account.title(self.names)), self.effect(account, group));
        let _ = writeln!(text, "{head}");
        listing::wrapped(&body, width.saturating_sub(4)).iter().for_each(|line| {
            let _ = writeln!(text, "    {line}");
        });
    }

    /// What mending a group does to the rate of the window that can still change, and whether that is enough.
    fn effect(&self, account: &Account, group: &WorkGroup) -> String {
        let from = account.outlook.tally;
        if group.moving == 0 || from.eligible == 0 {
            return String::new();
        }
        if account.is_outlook_final(self.seen) {
            return format!(" (the window to {} is final by now)", words::day(account.outlook.end, self.seen));
        }
        let to = Tally { valid: (from.valid + group.moving).min(from.eligible), ..from };
        let which = match (group.packages, group.moving) {
            (packages, moving) if packages == moving as i64 => "in".to_owned(),
            (_, moving) => format!("{} of them in", words::number(moving as i64)),
        };
        let enough = match (account.decisive_category(), account.target.and_then(|target| to.meets(target))) {
            (_, None) => return String::new(),
            (Some(category), _) => format!("all categories together; {} decides", shown(category)),
            (None, Some(true)) => "enough".to_owned(),
            (None, Some(false)) => "not enough".to_owned(),
        };
        format!(
            " ({which} the window to {}: {} of {} valid become {}, {enough})",
            words::day(account.outlook.end, self.seen),
            words::number(from.valid as i64),
            words::number(from.eligible as i64),
            words::number(to.valid as i64)
        )
    }

    /// The list for programs: every package that somebody acts on or waits for, accounts below the target first.
    fn rows(&self, format: Format, out: &mut dyn Write, notes: &mut dyn Write) -> Result<()> {
        let mut listing = Listing::begin(format, &[&BEFORE[..], &work::PACKAGE, &AFTER].concat(), out)?;
        let mut rows = 0;
        for account in self.accounts {
            let Some(work) = self.work.get(&account.key) else { continue };
            let wait = work.get(&Actor::Wait).map(|group| (&Actor::Wait, group));
            for (actor, group) in work::in_order(work).into_iter().chain(wait) {
                for item in &group.items {
                    listing.row(&self.row(account, actor, item))?;
                    rows += 1;
                }
            }
        }
        listing.finish(notes)?;
        // Notes that cannot be written are no errors.
        if let Some(past) = self.past() {
            let _ = writeln!(notes, "as of {}: {past}", words::date(self.as_of));
        }
        if rows == 0 {
            let _ = writeln!(notes, "{}", self.nothing());
        }
        Ok(())
    }

    fn row<'a>(&self, account: &'a Account, actor: &'a Actor, item: &'a OpenDefect) -> Vec<Cell<'a>> {
        let who = match actor {
            Actor::Chase(carrier) => carrier.as_str(),
            Actor::Wait | Actor::Past => "nobody",
            _ => "seller",
        };
        let eligible = account.outlook.tally.eligible;
        let worth = if item.reach == Reach::Next && eligible > 0 { 100.0 / eligible as f64 } else { 0.0 };
        let text = |text: &'a str| Cell::text(text);
        vec![
            text(actor.name()),
            text(who),
            item.act_by.map_or(Cell::Null, Cell::Day),
            Cell::Flag(*actor == Actor::Late),
            Cell::Day(item.counts_until),
            Cell::Share(worth),
            text(&account.status),
            Cell::Flag(account.standing >= Standing::Few),
            text(&account.key.seller),
            text(&account.key.market),
            text(&account.key.programme),
            text(&item.category),
            text(&item.order),
            text(&item.package),
            Cell::Day(item.day),
            text(&item.carrier_typed),
            text(&item.carrier),
            text(&item.number),
            text(&item.reason),
            item.likely.as_deref().map_or(Cell::Null, Cell::text),
            text(&item.fix),
        ]
    }
}
