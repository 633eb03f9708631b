//! The first pages of a report: the number of accounts that miss their target, what to do first, all accounts, sums.
//!
//! It composes figures of the model and reads nothing; sums are made over packages, never over rates. Nothing in it
//! fails.

use super::brief;
use super::chart::{self, Point};
use super::html::Html;
use super::model::{self, Account, Breakdown, Key, Standing, Week};
use super::view::{ColumnHead, HtmlTable, Side, TableGroup, pareto, rendered, side};
use super::words::{self, NONE, Names, THIN};
use super::work::{self, AccountWork, Actor, Task, WorkGroup};
use askama::Template;
use std::collections::{BTreeMap, HashMap, HashSet};
use vtr_kernel::Reason;
use vtr_kernel::calendar::Day;
use vtr_kernel::tally::{Tally, Target};

/// The most rows of the table of accounts.
pub const ACCOUNT_ROWS: usize = 2_000;
/// The tasks of either kind on the first page.
const TASKS: usize = 6;
/// The weeks of the sums.
const SUM_WEEKS: usize = 12;
/// The most standings drawn one by one; further ones are only counted.
const SHAPES: usize = 40;

/// The data of the first pages.
pub struct Overview<'a> {
    /// The accounts, worst first.
    pub accounts: &'a [Account],
    /// The number of accounts without eligible packages.
    pub empty: usize,
    /// The work list.
    pub work: &'a HashMap<Key, AccountWork>,
    /// The work of the categories that decide the standing of their accounts.
    pub decisive: &'a HashMap<Key, AccountWork>,
    /// Weeks and windows of the accounts that have a page.
    pub points: &'a HashMap<Key, Vec<Point>>,
    /// The accounts that have a page.
    pub shown: &'a HashSet<String>,
    /// Weeks over all accounts, newest first.
    pub weeks: &'a [Week],
    /// The judged windows over all accounts, by carrier.
    pub whole: &'a Breakdown,
    /// Names of marketplaces and carriers.
    pub names: &'a Names,
    /// The last day that the version took into account.
    pub as_of: Day,
    /// The most rows of the table of accounts.
    pub rows: usize,
    /// The title, if one was given.
    pub title: Option<&'a str>,
}

struct StandingCount {
    shapes: Html,
    count: String,
    words: String,
}

#[derive(Template)]
#[template(path = "head.html", config = "src/pages/askama.toml")]
struct Top {
    title: String,
    answers: Vec<(&'static str, Html)>,
    units: Vec<StandingCount>,
    notes: Vec<Html>,
}

struct Line {
    when: Html,
    what: Html,
    who: Html,
    worth: Html,
}

#[derive(Template)]
#[template(path = "overview.html", config = "src/pages/askama.toml")]
struct Body {
    dated: Vec<Line>,
    open: Vec<Line>,
    more: Vec<Html>,
    accounts: Html,
    sums: Vec<Html>,
    weeks: Html,
}

impl Overview<'_> {
    fn of(&self, standing: Standing) -> impl Iterator<Item = &Account> {
        self.accounts.iter().filter(move |account| account.standing == standing)
    }

    /// An account's title, linked if it has a page.
    fn title_of(&self, account: &Account) -> Html {
        let (id, title) = (account.id(), account.title(self.names));
        if self.shown.contains(&id) { Html::link(&id, title) } else { Html::text(title) }
    }

    /// The number of accounts that miss their target, five answers about the worst one, and the notes.
    pub fn head(&self, notes: Vec<Html>) -> Html {
        let breach = self.of(Standing::Breach).count() as i64;
        let all = self.judged().count() as i64;
        let new = self.accounts.len() as i64 - all;
        let title = match (self.title, breach, all) {
            (Some(title), _, _) => title.to_owned(),
            (None, _, 0) if new > 0 => "No account can be assessed yet".to_owned(),
            (None, _, 0) => "No account has a package that counts".to_owned(),
            (None, 0, _) => {
                let new = match new {
                    0 => String::new(),
                    1 => "; 1 is not yet assessed".to_owned(),
                    new => format!("; {} are not yet assessed", words::number(new)),
                };
                format!("No account of {} is below Amazon\u{2019}s target{new}", words::number(all))
            }
            (None, 1, 1) => "The account is below Amazon\u{2019}s target".to_owned(),
            (None, breach, all) => format!(
                "{} of {} {} below Amazon\u{2019}s target",
                words::number(breach),
                if all == 1 { "1 account".into() } else { format!("{} accounts", words::number(all)) },
                if breach == 1 { "is" } else { "are" }
            ),
        };
        let units = Standing::ALL.into_iter().map(|standing| {
            let count = self.of(standing).count();
            let one = chart::shape(standing, 13);
            let shapes = if count <= SHAPES { count } else { 1 };
            let shapes = (0..shapes).fold(Html::new(), |all, _| all.with(&one));
            (
                count,
                StandingCount { shapes, count: words::number(count as i64), words: standing.words().to_lowercase() },
            )
        });
        let units = units.filter(|(count, _)| *count > 0).map(|(_, unit)| unit).collect();
        let mut all_notes = self.windows();
        all_notes.extend(notes);
        rendered(&Top { title, answers: self.answers(), units, notes: all_notes })
    }

    /// The accounts with a rate, the worst first.
    fn judged(&self) -> impl Iterator<Item = &Account> {
        self.accounts.iter().filter(|account| account.standing != Standing::Unassessed)
    }

    /// The worst account, why, what to do first, by when, and whether that is enough.
    fn answers(&self) -> Vec<(&'static str, Html)> {
        let Some(worst) = self.judged().next() else { return Vec::new() };
        let nothing = AccountWork::new();
        let work = if worst.category.is_some() { self.decisive } else { self.work };
        let work = work.get(&worst.key).unwrap_or(&nothing);
        let answers = brief::answers(worst, Some(work), self.names, self.as_of).into_iter().enumerate();
        let html = |(index, answer): (usize, brief::Answer)| match index {
            0 => (answer.head, self.title_of(worst).and(&answer.rest)),
            _ => (answer.head, answer.html()),
        };
        answers.map(html).collect()
    }

    /// The judged windows, and how many accounts have no package in them.
    fn windows(&self) -> Vec<Html> {
        let judged = self.judged().next().map(|worst| {
            let sum = self.judged().fold(Tally::default(), |sum, account| Tally {
                valid: sum.valid + account.tally.valid,
                eligible: sum.eligible + account.tally.eligible,
            });
            let (from, to) = worst.window;
            let is_one = self.judged().all(|account| account.window == worst.window);
            let windows = if is_one { "" } else { " for the worst account; others are judged by windows of their own" };
            format!(
                "Judged: the {} from {} to {}, the last that are final{windows}. All accounts: {} of {}.",
                words::plural(i64::from(worst.window_days()), "day"),
                words::day(from, self.as_of),
                words::day(to, self.as_of),
                words::rate(sum),
                words::plural(sum.eligible as i64, "package")
            )
        });
        let new: Vec<&Account> = self.of(Standing::Unassessed).collect();
        let empty = (self.empty > 0).then(|| {
            format!(
                "{} had no package that counts in that window and {} not listed.",
                words::plural(self.empty as i64, "more account"),
                if self.empty == 1 { "is" } else { "are" }
            )
        });
        [judged, brief::unassessed(&new, self.names), empty].into_iter().flatten().map(Html::text).collect()
    }

    /// What to do first, all accounts, sums.
    pub fn body(&self) -> Html {
        let (dated, open) = work::tasks(self.accounts, self.work);
        let mut more = Vec::new();
        let left = |all: usize| all.saturating_sub(TASKS);
        if left(dated.len()) + left(open.len()) > 0 {
            more.push(
                Html::text(format!(
                    "The first of {}. All of them: ",
                    words::plural((dated.len() + open.len()) as i64, "task")
                ))
                .inside("code", "vtr worklist OUT"),
            );
        }
        let waiting: i64 = self.work.values().filter_map(|work| work.get(&Actor::Wait)).map(|wait| wait.packages).sum();
        if waiting > 0 {
            let waits = words::plural(waiting, "package");
            more.push(Html::text(format!(
                "{waits} with a scan missing so far {} not due yet: nothing to do about them.",
                if waiting == 1 { "is" } else { "are" }
            )));
        }
        let line = |task: &Task| self.line(task);
        rendered(&Body {
            dated: dated.iter().take(TASKS).map(line).collect(),
            open: open.iter().take(TASKS).map(line).collect(),
            more,
            accounts: self.table(),
            sums: self.sums(),
            weeks: self.week_table(),
        })
    }

    fn line(&self, task: &Task) -> Line {
        let (account, group) = (&self.accounts[task.account], task.group);
        let (id, packages) = (account.id(), group.packages);
        let what = task.actor.action(packages, self.names);
        let target = if self.shown.contains(&id) { format!("{id}w") } else { "accounts".to_owned() };
        let outlook = account.outlook;
        let after = Tally { valid: (outlook.tally.valid + group.moving).min(outlook.tally.eligible), ..outlook.tally };
        let (when, worth) = match (task.actor, group.act_by) {
            (Actor::Correct, Some(day)) => (
                Html::new()
                    .strong(format!("By {}", words::weekday(day, self.as_of)))
                    .and(format!(", {}", words::distance(day, self.as_of))),
                self.kept_out(group),
            ),
            _ if group.moving > 0 => {
                let mut worth =
                    Html::text(format!("{} \u{2192} ", words::rate(outlook.tally))).strong(words::rate(after));
                if (group.moving as i64) < packages {
                    worth = worth.and(" ").below(format!(
                        "by the {} in the window to {}",
                        group.moving,
                        words::day(outlook.end, self.as_of)
                    ));
                }
                (Html::new().strong(format!("{} points", words::points(group.moving, outlook.tally.eligible))), worth)
            }
            _ if group.elsewhere() == "after" => (
                Html::text("Later packages"),
                Html::text(format!("count only in windows after that to {}", words::day(outlook.end, self.as_of))),
            ),
            _ => (
                Html::text("Older packages"),
                Html::text(format!("count only in windows {} the next one", group.elsewhere())),
            ),
        };
        let who = Html::new().with(&chart::shape(account.standing, 12)).and(" ").and(account.title(self.names));
        Line { when, what: Html::link(&target, what), who, worth }
    }

    /// Which figures corrections keep defects out of.
    fn kept_out(&self, group: &WorkGroup) -> Html {
        let others = group.packages - group.moving as i64;
        let elsewhere = match group.elsewhere() {
            "before" => "earlier figures",
            "after" => "later figures",
            _ => "earlier and later figures",
        };
        let kept = |packages, figures| format!("keeps {} out of {figures}", words::plural(packages, "defect"));
        match (group.moving as i64, others) {
            (_, 0) => Html::text(kept(group.packages, "the next figure")),
            (0, others) => Html::text(kept(others, elsewhere)),
            (moving, others) => Html::text(kept(moving, "the next figure"))
                .and(" ")
                .below(format!("and {} out of {elsewhere}", words::number(others))),
        }
    }

    fn table(&self) -> Html {
        let mut groups = Vec::new();
        let mut left = self.rows;
        for standing in Standing::ALL {
            let accounts: Vec<&Account> = self.of(standing).collect();
            if accounts.is_empty() {
                continue;
            }
            let shown = accounts.len().min(left);
            left -= shown;
            let cut = if shown < accounts.len() {
                format!(", the worst {} shown", words::number(shown as i64))
            } else {
                String::new()
            };
            let words = format!("{}: {}{cut}", standing.words(), words::number(accounts.len() as i64));
            let title = Html::markup(match standing {
                Standing::Breach => "<span class=\"bad\">",
                Standing::AtRisk => "<span class=\"warn\">",
                Standing::Good => "<span class=\"ok\">",
                Standing::Few | Standing::Unassessed => "<span class=\"few\">",
            });
            let mut title = title.with(&chart::shape(standing, 12)).and(" ").and(words).with(&Html::markup("</span>"));
            if let Some(why) = why(standing) {
                title = title.below(why);
            }
            let rows = accounts[..shown].iter().map(|account| self.row(account)).collect();
            groups.push(TableGroup { title: Some(title), rows });
        }
        let weeks = self.points.values().next().map_or(0, Vec::len);
        let caption = format!(
            "Line: the rolling figure of the last {weeks} weeks, dashed where scans can still change it; thin line: the target. One scale for all, 70 to 100{THIN}%."
        );
        rendered(&HtmlTable {
            class: "acc",
            caption: Html::text(caption),
            heads: vec![
                ColumnHead::of("Account, leading cause", ""),
                ColumnHead::of("Rate", "n rt"),
                ColumnHead::of("Weeks", "gr"),
                ColumnHead::of("Asked", "n"),
                ColumnHead::of("Defects", "n"),
                ColumnHead::of("Room", "n"),
                ColumnHead::of("In 7 days", "n"),
                ColumnHead::of("Not due", "n"),
            ],
            groups,
        })
    }

    fn row(&self, account: &Account) -> Vec<Html> {
        let mut name = self.title_of(account);
        if let Some((category, decisive)) = account.category.as_deref() {
            let (rate, packages) = (words::rate(decisive.tally), words::number(decisive.tally.eligible as i64));
            name = name.below(format!("{category}: {rate} of {packages}, {}", account.standing.words().to_lowercase()));
        }
        if account.cause.is_some() {
            name = name.below(model::cause(account, self.names));
        }
        let is_new = account.standing == Standing::Unassessed;
        if is_new && account.outlook.tally.eligible > 0 {
            let (so_far, end) = (account.outlook.tally, words::day(account.outlook.end, self.as_of));
            name = name.below(format!(
                "So far {} of {} valid in the window to {end}",
                words::number(so_far.valid as i64),
                words::plural(so_far.eligible as i64, "package")
            ));
        }
        let rate = words::rate(account.tally);
        let rate = match account.standing {
            Standing::Few => Html::markup("<span class=\"mut\">").and(rate).with(&Html::markup("</span>")),
            _ => Html::text(rate),
        };
        let room = match account.budget {
            None => Html::text(NONE),
            Some(budget) if budget < 0 => Html::text(format!("{} too many", words::number(-budget))),
            Some(1) => Html::text("1 more fits"),
            Some(budget) => Html::text(format!("{} more fit", words::number(budget))),
        };
        let room = match (account.budget, account.needed) {
            (None, _) | (_, Some(0)) => room,
            (_, Some(needed)) => room.below(format!("{} needed", words::number(needed))),
            (_, None) => room.below("no number mends it"),
        };
        let change = account.before.zip(account.tally.rate()).map(|(before, now)| words::difference(now - before));
        let spark = self.points.get(&account.key).filter(|_| account.standing < Standing::Few);
        let pending =
            self.work.get(&account.key).and_then(|work| work.get(&Actor::Wait)).map_or(0, |wait| wait.packages);
        vec![
            name,
            rate,
            spark.map_or(Html::new(), |points| chart::spark(account, points)),
            Html::text(account.target.map_or(NONE.into(), words::target_short)),
            if is_new {
                Html::text(NONE)
            } else {
                Html::new()
                    .strong(words::number(account.defects()))
                    .and(format!(" of {}", words::number(account.tally.eligible as i64)))
            },
            room,
            Html::text(change.unwrap_or(NONE.into())),
            Html::text(if pending > 0 { words::number(pending) } else { NONE.into() }),
        ]
    }

    fn sums(&self) -> Vec<Html> {
        let mut reasons = vec![0; Reason::defects().count()];
        let mut carriers: BTreeMap<&str, i64> = BTreeMap::new();
        for (carrier, share) in self.whole {
            reasons.iter_mut().zip(&share.reasons).for_each(|(sum, count)| *sum += count);
            *carriers.entry(self.names.carrier(carrier)).or_default() += share.defects();
        }
        if reasons.iter().sum::<i64>() == 0 {
            return vec![Html::markup("<p>No defects in the judged windows.</p>")];
        }
        let mut carriers: Vec<_> = carriers.into_iter().filter(|(_, count)| *count > 0).collect();
        carriers.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let reasons: Vec<_> = model::by_reason(&reasons)
            .into_iter()
            .map(|(name, count)| (words::reason(name), count, Html::new()))
            .collect();
        let carriers: Vec<_> =
            carriers.into_iter().map(|(name, count)| (name.to_owned(), count, Html::new())).collect();
        vec![
            pareto(
                "Reason",
                None,
                &reasons,
                "Defects of the judged windows by reason. Tick: sum of the shares so far.",
            ),
            pareto("Carrier", None, &carriers, "The same by carrier."),
        ]
    }

    fn week_table(&self) -> Html {
        let rows: Vec<Side> = self
            .weeks
            .iter()
            .take(SUM_WEEKS)
            .map(|week| Side {
                name: format!(
                    "{}, from {}{}",
                    words::week(week.monday),
                    words::day(week.monday, self.as_of),
                    if week.is_open { ", open" } else { "" }
                ),
                tally: week.tally,
                pending: week.pending,
                more: vec![Html::text(if week.pending > 0 { words::number(week.pending as i64) } else { NONE.into() })],
            })
            .collect();
        if rows.is_empty() {
            return Html::new();
        }
        let caption = format!(
            "The last {}, each alone, over all accounts. Defects leave out packages that are not due yet; the pale bar runs from none to all of them scanned.",
            words::plural(rows.len() as i64, "week")
        );
        side("Week", &["Not due"], &rows, self.usual_target(), Html::text(caption))
    }

    /// The target of most accounts, which is drawn if they are shown together.
    fn usual_target(&self) -> Option<Target> {
        let mut counts: Vec<(Target, usize)> = Vec::new();
        for target in self.accounts.iter().filter_map(|account| account.target) {
            match counts.iter_mut().find(|(known, _)| *known == target) {
                Some((_, count)) => *count += 1,
                None => counts.push((target, 1)),
            }
        }
        counts.into_iter().max_by_key(|(_, count)| *count).map(|(target, _)| target)
    }
}

fn why(standing: Standing) -> Option<&'static str> {
    match standing {
        Standing::AtRisk => Some(
            "The target is met, but by so few packages that the true rate may lie below it, or the last 7 days or the outlook miss it.",
        ),
        Standing::Few => Some("One package more or less moves the rate by more than the target leaves room for."),
        Standing::Unassessed => Some(
            "None of their packages is in the last final window yet, so there is no rate. What can be done about them is in the list of what to do.",
        ),
        Standing::Breach | Standing::Good => None,
    }
}
