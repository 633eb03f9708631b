//! The facts that Amazon's form for an appeal asks for: root causes, actions taken, prevention.
//!
//! Counts, rules and orders come from the tables; no sentence of an appeal is composed, and blank lines are left for
//! the seller's own words. The page fills two sheets of A4. Nothing in it fails.

use super::account;
use super::html::Html;
use super::levers::{self, RateChange};
use super::model::{self, Account, Share, Week};
use super::view::rendered;
use super::words::{self, Names};
use super::work::{AccountWork, Actor};
use askama::Template;
use std::collections::BTreeMap;

/// The most orders named for each root cause.
pub const ORDERS: usize = 10;
/// The number of root causes described in full.
const CAUSES: usize = 4;

/// The data of an appeal.
pub struct Appeal<'a> {
    /// The account, or one category of it.
    pub account: &'a Account,
    /// The category, if one was named.
    pub category: Option<&'a str>,
    /// The judged window, all carriers together.
    pub window: Share,
    /// By reason, the rules that applied and some orders of the judged window.
    pub orders: BTreeMap<String, ReasonDefects>,
    /// The work that is still possible.
    pub work: Option<&'a AccountWork>,
    /// The weeks, which show the effect of changes.
    pub weeks: Vec<Week>,
    /// The changes that were made.
    pub events: &'a [RateChange],
    /// Names of marketplaces and carriers.
    pub names: &'a Names,
}

/// The defects of one reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReasonDefects {
    /// The number of packages by rule.
    pub rules: BTreeMap<String, i64>,
    /// The meaning of the reason.
    pub meaning: String,
    /// The number of packages by carrier.
    pub carriers: BTreeMap<String, i64>,
    /// The first orders.
    pub orders: Vec<String>,
}

#[derive(Template)]
#[template(path = "appeal.html", config = "src/pages/askama.toml")]
struct AppealBody {
    facts: Html,
    causes: Vec<Html>,
    notes: Vec<Html>,
    done: Vec<Html>,
    lines: Html,
}

impl Appeal<'_> {
    /// The page.
    pub fn page(&self) -> Html {
        let account = self.account;
        let of = self.category.map_or(String::new(), |category| format!(" in the category {category}"));
        let facts = Html::text(format!(
            "{}{of}, packages of {} to {}: ",
            account.title(self.names),
            words::day(account.window.0, account.as_of),
            words::day(account.window.1, account.as_of)
        ))
        .with(&account::lead(account));
        let reasons = model::by_reason(&self.window.reasons);
        let rest: i64 = reasons.iter().skip(CAUSES).map(|(_, count)| count).sum();
        let notes = (rest > 0)
            .then(|| Html::text(format!("{} of other causes are not told here.", words::plural(rest, "defect"))));
        rendered(&AppealBody {
            facts,
            causes: reasons.iter().take(CAUSES).map(|(name, count)| self.cause(name, *count)).collect(),
            notes: notes.into_iter().collect(),
            done: self.done(),
            lines: blank_lines(),
        })
    }

    fn cause(&self, name: &str, count: i64) -> Html {
        let cause = Html::new().strong(words::reason(name)).and(format!(": {}", words::plural(count, "package")));
        let Some(told) = self.orders.get(name) else { return cause.and(".") };
        let mut carriers: Vec<_> = told.carriers.iter().collect();
        carriers.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let carriers = carriers.iter().take(3).map(|(id, count)| format!("{} {count}", self.names.carrier(id)));
        let mut cause = cause
            .and(format!(" ({}). ", carriers.collect::<Vec<_>>().join(", ")))
            .and("Meaning: ")
            .and(&told.meaning)
            .and(". Rule ");
        for (index, (rule, count)) in told.rules.iter().enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            cause = cause.and(comma).inside("code", rule);
            if told.rules.len() > 1 {
                cause = cause.and(format!(" ({count})"));
            }
        }
        let shown = told.orders.len() as i64;
        let of =
            if shown < count { format!("The first {shown} of {}: ", words::number(count)) } else { "Orders: ".into() };
        cause.and(". ").below(format!("{of}{}", told.orders.join("; ")))
    }

    fn done(&self) -> Vec<Html> {
        let paragraph = |text: String| Html::markup("<p>").and(text).with(&Html::markup("</p>"));
        let mut pieces = Vec::new();
        if let Some(work) = self.work {
            let sum = |is_asked: fn(&Actor) -> bool| -> i64 {
                work.iter().filter(|(actor, _)| is_asked(actor)).map(|(_, group)| group.packages).sum()
            };
            let numbers = sum(|actor| matches!(actor, Actor::Correct | Actor::Late));
            let scans = sum(|actor| matches!(actor, Actor::Chase(_)));
            pieces.push(paragraph(format!(
                "Of all defects that still count, which are not only those of the days above, {} can still get a number or carrier, and {} a scan of their carrier. Write what you did, and when.",
                words::number(numbers),
                words::number(scans)
            )));
        }
        for event in self.events {
            let found = levers::evidence(&self.weeks, event);
            let since = words::weekday(event.monday, self.account.as_of);
            let what = if event.text.is_empty() { String::new() } else { format!(": {}", event.text) };
            let (before, after) = (found.before.tally, found.after.tally);
            let figures = match found.difference {
                None => "too few packages since then to tell".to_owned(),
                Some((difference, low, high)) => format!(
                    "{} of {} before, {} of {} after; {} points, between {} and {}",
                    words::rate(before),
                    before.eligible,
                    words::rate(after),
                    after.eligible,
                    words::difference(difference),
                    words::difference(low),
                    words::difference(high)
                ),
            };
            pieces.push(paragraph(format!("Since the week of {since}{what}. {figures}.")));
        }
        pieces
    }
}

/// Ruled lines to write on; they are no backgrounds, because these are not printed.
fn blank_lines() -> Html {
    let line = |y: u32| format!("<rect class=\"i\" y=\"{y}\" width=\"100%\" height=\".75\" fill=\"#59636b\"/>");
    let lines: String = [30, 60, 90, 119].map(line).concat();
    Html::drawn(format!("<svg class=\"g\" width=\"100%\" height=\"120\" aria-hidden=\"true\">{lines}</svg>"))
}
