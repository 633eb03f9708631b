//! The page of one account: lead sentences, six answers, the figure over time, causes, work list, levers, evidence.
//!
//! It composes figures of the model and reads nothing; it divides only to draw. Captions say where lists are cut; sums
//! always include everything. Nothing in it fails.

mod evidence;

use super::brief;
use super::chart::{self, Point};
use super::html::Html;
use super::levers::{self, Lever, RateChange};
use super::model::{self, Account, Breakdown, LeftOut, Standing, Week};
use super::view::{ColumnHead, FiguresTable, HtmlTable, Side, pareto, rendered, side};
use super::words::{self, NONE, Names, THIN};
use super::work::{self, AccountWork, Actor, OpenDefect, WorkGroup};
use askama::Template;
use std::collections::BTreeMap;
use vtr_kernel::Reason;
use vtr_kernel::calendar::Day;
use vtr_kernel::tally::{Tally, Target};

/// The most categories shown.
const CATEGORIES: usize = 30;
/// The most carriers shown.
const CARRIERS: usize = 40;
/// Carriers with fewer packages are shown together.
const FEW_PACKAGES: u64 = 5;

/// The data of one account's page.
pub struct Detail<'a> {
    /// The account.
    pub account: &'a Account,
    /// Its categories, the one with most defects first.
    pub categories: &'a [(String, Account)],
    /// Its weeks and windows, oldest first.
    pub points: &'a [Point],
    /// Its judged window by carrier.
    pub breakdown: &'a Breakdown,
    /// The packages left out of the rate; `None` if no table has them.
    pub left: Option<&'a LeftOut>,
    /// The work list; `None` if no table has it.
    pub work: Option<&'a AccountWork>,
    /// The work list of the category that decides the account's standing.
    pub of_category: Option<&'a AccountWork>,
    /// The most rows of a list of packages.
    pub list_rows: usize,
    /// Changes whose effect is to be shown.
    pub events: &'a [RateChange],
    /// Names of marketplaces and carriers.
    pub names: &'a Names,
}

struct Section {
    title: String,
    anchor: Option<String>,
    pieces: Vec<Html>,
}

impl Section {
    fn of(title: impl Into<String>, pieces: Vec<Html>) -> Section {
        Section { title: title.into(), anchor: None, pieces }
    }
}

#[derive(Template)]
#[template(path = "account.html", config = "src/pages/askama.toml")]
struct AccountBody {
    id: String,
    class: &'static str,
    shape: Html,
    standing: &'static str,
    title: String,
    lead: Html,
    facts: Vec<(&'static str, Html)>,
    finding: String,
    timeline: Option<Html>,
    parts: Vec<Section>,
}

struct LeverView {
    text: String,
    bar: Html,
    counts: Html,
    verdict: Html,
}

#[derive(Template)]
#[template(path = "levers.html", config = "src/pages/askama.toml")]
struct Levers {
    note: String,
    levers: Vec<LeverView>,
}

/// The state of an account, in at most three sentences.
pub fn lead(account: &Account) -> Html {
    if account.standing == Standing::Unassessed {
        let (so_far, (start, end)) = (account.outlook.tally, account.window);
        let day = |day| words::day(day, account.as_of);
        return Html::text(format!(
            "None of its packages is in the last final window, {} to {}, ",
            day(start),
            day(end)
        ))
        .and("so there is no rate yet. ")
        .and(format!("In the window to {} ", day(account.outlook.end)))
        .strong(format!("{} of {}", so_far.valid, words::plural(so_far.eligible as i64, "package")))
        .and(if so_far.eligible == 1 { " is valid so far." } else { " are valid so far." });
    }
    let packages = words::plural(account.tally.eligible as i64, "package");
    let defects = words::plural(account.defects(), "defect");
    let rate = Html::new().strong(words::rate(account.tally)).and(format!(" of {packages}"));
    let Some(target) = account.target else {
        return rate.and(format!("; no rule is in force that asks for a rate. {defects}."));
    };
    if account.standing == Standing::Few {
        return rate.and(format!(
            ": too few to judge. {defects}; each package moves the rate by {} points.",
            words::cut(1, account.tally.eligible)
        ));
    }
    if let Some(name) = account.decisive_category() {
        let decisive = account.decisive();
        let asks = format!(" in all; Amazon asks {} of each category. ", words::target(target));
        let figures = format!(
            "{name}: {} of {}",
            words::rate(decisive.tally),
            words::plural(decisive.tally.eligible as i64, "package")
        );
        return rate.and(asks).strong(figures).and("; ").with(&standing(decisive, target));
    }
    rate.and(format!("; Amazon asks {}. ", words::target(target))).with(&standing(account, target))
}

/// The defects and the room that the target leaves for them.
fn standing(account: &Account, target: Target) -> Html {
    let defects = words::plural(account.defects(), "defect");
    let budget = account.budget.unwrap_or_default();
    match account.standing {
        Standing::Breach => {
            let fit = account.defects() + budget;
            let fit = if fit > 0 { format!("at most {} fit", words::number(fit)) } else { "none fits".to_owned() };
            let verb = if account.defects() == 1 { "There is" } else { "There are" };
            let lead = Html::text(format!("{verb} ")).strong(format!("{defects} where {fit}")).and(".");
            lead.and(format!(" {}.", brief::back(account)))
        }
        Standing::AtRisk | Standing::Good | Standing::Few | Standing::Unassessed => {
            let room = match budget {
                0 => "one more would miss the target".to_owned(),
                1 => "1 more fits".to_owned(),
                more => format!("{} more fit", words::number(more)),
            };
            let defects = if account.defects() == 0 { "No defects".to_owned() } else { defects };
            let lead = Html::text(format!("{defects}; {room}."));
            if account.low < target.share() {
                lead.and(format!(
                    " With so few packages the true rate may be as low as {}{THIN}%.",
                    words::percent(account.low, 2)
                ))
            } else {
                lead
            }
        }
    }
}

/// The page of an account.
pub fn page(detail: &Detail) -> Html {
    let account = detail.account;
    let is_charted = matches!(account.standing, Standing::Breach | Standing::AtRisk) && !detail.points.is_empty();
    let timeline = is_charted.then(|| chart::timeline(account, detail.points));
    let mut parts = Vec::new();
    parts.extend(detail.category_part());
    parts.extend(detail.causes());
    parts.push(detail.work_part());
    parts.extend(detail.lever_part());
    parts.extend(detail.carrier_part());
    parts.extend(detail.events.iter().map(|event| detail.evidence(event)));
    parts.extend(detail.left_part());
    if is_charted {
        parts.push(detail.figures());
    }
    rendered(&AccountBody {
        id: account.id(),
        class: chart::class(account.standing),
        shape: chart::shape(account.standing, 14),
        standing: account.standing.words(),
        title: account.title(detail.names),
        lead: lead(account),
        facts: detail.facts(),
        finding: chart::finding(account, detail.points),
        timeline,
        parts,
    })
}

impl Detail<'_> {
    fn as_of(&self) -> Day {
        self.account.as_of
    }

    fn weeks(&self) -> Vec<Week> {
        self.points.iter().map(|point| point.week.clone()).collect()
    }

    /// The six answers: why, where, what first, what then, whether it is enough, what comes next.
    fn facts(&self) -> Vec<(&'static str, Html)> {
        let account = self.account;
        let mut facts = Vec::new();
        if account.standing != Standing::Unassessed {
            facts.push(("Why", brief::why(account.decisive(), self.names).html()));
        }
        if let [(name, category), _, ..] = self.categories
            && account.category.is_none()
            && category.defects() > 1
            && category.defects() * 3 > account.defects() * 2
        {
            facts.push((
                "Where",
                Html::text(format!(
                    "{name}: {} of {} defects; its rate is {}",
                    words::number(category.defects()),
                    words::number(account.defects()),
                    words::rate(category.tally)
                )),
            ));
        }
        let work = if account.category.is_some() { self.of_category } else { self.work };
        if let Some(todo) = work.map(work::in_order) {
            let id = format!("{}w", account.id());
            let mut todo = todo.into_iter();
            match todo.next() {
                None => facts.push(("First", Html::text("Nothing: no defect that still counts can be mended"))),
                Some((actor, group)) => {
                    let mut first = Html::link(&id, actor.action(group.packages, self.names));
                    if let (Actor::Correct, Some(day)) = (actor, group.act_by) {
                        first = first
                            .and(", the first by ")
                            .strong(words::weekday(day, self.as_of()))
                            .and(format!(" ({})", words::distance(day, self.as_of())));
                    } else if let Some((soonest, _)) = group.until {
                        first = first.and(format!(
                            "; the first of them is worth it until {}",
                            words::weekday(soonest, self.as_of())
                        ));
                    }
                    facts.push(("First", first));
                }
            }
            if let Some((actor, group)) = todo.next() {
                let rest: i64 = todo.map(|(_, group)| group.packages).sum();
                let others = if rest > 0 {
                    format!(", and {} of others", words::plural(rest, "package"))
                } else {
                    String::new()
                };
                facts.push(("Then", Html::text(format!("{}{others}", actor.action(group.packages, self.names)))));
            }
        }
        facts.extend(
            work.and_then(|work| brief::enough(account.decisive(), work, self.as_of()))
                .map(|answer| ("Enough?", answer.html())),
        );
        facts.extend(self.next().map(|next| ("Next", next)));
        facts
    }

    fn next(&self) -> Option<Html> {
        let outlook = self.account.decisive().outlook;
        if outlook.tally.eligible == 0 {
            return None;
        }
        let best = Tally { valid: outlook.tally.valid + outlook.pending, ..outlook.tally };
        let end = words::day(outlook.end, self.as_of());
        Some(Html::text(if outlook.pending == 0 {
            format!("{} in the window to {end}, as things stand", words::rate(outlook.tally))
        } else {
            format!(
                "In the window to {end} the figure stands between {} and {}, as {} scanned or not",
                words::rate(outlook.tally),
                words::rate(best),
                if outlook.pending == 1 {
                    "the waiting package is".into()
                } else {
                    format!("the {} waiting packages are", outlook.pending)
                }
            )
        }))
    }

    fn category_part(&self) -> Option<Section> {
        if self.categories.len() < 2 || self.account.standing >= Standing::Few {
            return None;
        }
        let row = |(name, category): &(String, Account)| Side {
            name: name.clone(),
            tally: category.tally,
            pending: 0,
            more: vec![Html::text(match category.standing {
                Standing::Few | Standing::Unassessed => "too few",
                Standing::Breach => "below target",
                Standing::AtRisk => "at risk",
                Standing::Good => "meets it",
            })],
        };
        let rows: Vec<Side> = self.categories.iter().take(CATEGORIES).map(row).collect();
        let caption = format!(
            "Amazon may suspend one category and leave the others. Dot: rate; bar: 95{THIN}% interval; upright: target; hollow: fewer than 20 packages.{}",
            cut_note(rows.len(), self.categories.len())
        );
        let table = side("Category", &["Status"], &rows, self.account.target, Html::text(caption));
        Some(Section::of("Categories", vec![table]))
    }

    fn causes(&self) -> Option<Section> {
        let defects = self.account.defects();
        if self.breakdown.is_empty() || defects < 2 {
            return None;
        }
        let mut reasons = vec![0; Reason::defects().count()];
        for share in self.breakdown.values() {
            reasons.iter_mut().zip(&share.reasons).for_each(|(sum, count)| *sum += count);
        }
        let by_reason: Vec<_> = model::by_reason(&reasons)
            .into_iter()
            .map(|(name, count)| {
                let fix = Reason::from_name(name).map_or("", |reason| reason.entry().fix);
                (words::reason(name), count, Html::text(fix))
            })
            .collect();
        let mut carriers: Vec<_> = self.breakdown.iter().filter(|(_, share)| share.defects() > 0).collect();
        carriers.sort_by_key(|(_, share)| std::cmp::Reverse(share.defects()));
        let wrong = |reasons: &[i64]| {
            let parts = model::by_reason(reasons).into_iter();
            let parts = parts.map(|(name, count)| format!("{} × {}", words::number(count), words::reason_inline(name)));
            Html::text(parts.collect::<Vec<_>>().join(", "))
        };
        let by_carrier: Vec<_> = carriers
            .into_iter()
            .map(|(id, share)| (self.names.carrier(id).to_owned(), share.defects(), wrong(&share.reasons)))
            .collect();
        let days = words::plural(i64::from(self.account.window_days()), "day");
        Some(Section::of(
            format!("Why: {} in the judged {days}", words::plural(defects, "defect")),
            vec![
                pareto(
                    "Reason",
                    Some("What mends it in time"),
                    &by_reason,
                    "By reason. Bar: share of all defects; tick: sum of the shares so far.",
                ),
                pareto("Carrier", Some("What went wrong"), &by_carrier, "By carrier."),
            ],
        ))
    }

    fn work_part(&self) -> Section {
        let mut pieces = Vec::new();
        match self.work {
            None => pieces.push(Html::markup("<p>Nothing to do: no defect that still counts.</p>")),
            Some(work) => {
                let mut groups: Vec<_> = work.iter().collect();
                // Groups are in the order of actors; among carriers, the one with the most packages comes first.
                groups.sort_by_key(|(actor, group)| {
                    let rank = match actor {
                        Actor::Correct => 0,
                        Actor::Chase(_) => 1,
                        Actor::Late => 2,
                        Actor::Wait => 3,
                        Actor::Nobody | Actor::Past => 4,
                    };
                    (rank, std::cmp::Reverse(group.packages))
                });
                groups.iter().for_each(|(actor, group)| pieces.extend(self.group(actor, group)));
            }
        }
        let anchor = Some(format!("{}w", self.account.id()));
        Section { title: "What to do, and by when".into(), anchor, pieces }
    }

    /// What each package of a group is worth, and which figures the others move.
    fn each(&self, group: &WorkGroup) -> String {
        let end = words::day(self.account.outlook.end, self.as_of());
        match (self.account.outlook.tally.eligible, group.moving) {
            (0, _) => String::new(),
            (_, 0) => {
                format!(
                    " None of them is in the window to {end}: mending them lifts the figures of windows {} it.",
                    group.elsewhere()
                )
            }
            (eligible, moving) if moving as i64 == group.packages => {
                format!(" Each is worth {} points in the window to {end}.", words::cut(1, eligible))
            }
            (eligible, moving) => format!(
                " {} of them {} in the window to {end}, worth {} points each; mending the others lifts the figures of windows {} it.",
                words::number(moving as i64),
                if moving == 1 { "is" } else { "are" },
                words::cut(1, eligible),
                group.elsewhere()
            ),
        }
    }

    fn group(&self, actor: &Actor, group: &WorkGroup) -> Vec<Html> {
        let (packages, as_of) = (words::plural(group.packages, "package"), self.as_of());
        let heading = |text: String| Html::markup("<h4>").and(text).with(&Html::markup("</h4>"));
        let sentence = |text: String| Html::markup("<p>").and(text).with(&Html::markup("</p>"));
        let each = self.each(group);
        let last = group.until.map_or(String::new(), |(_, last)| words::weekday(last, as_of));
        match actor {
            Actor::Correct => {
                let caption = format!("{packages}. A correction counts only if it is made before delivery.");
                let when = |item: &OpenDefect| {
                    item.act_by.map_or("as soon as you can".into(), |day| words::weekday(day, as_of))
                };
                vec![
                    heading("You: correct the number or the carrier".into()),
                    self.list(group, caption, "By", &when, "What is wrong", &|item| self.wrong(item)),
                ]
            }
            Actor::Late => {
                let caption = format!("{packages} whose promised day is over: too late for a sure correction.{each}");
                let until = |item: &OpenDefect| words::weekday(item.worth_until, as_of);
                vec![
                    heading("You: overdue, but not known to be delivered, so still worth correcting".into()),
                    self.list(group, caption, "Worth it until", &until, "What is wrong", &|item| self.wrong(item)),
                ]
            }
            Actor::Chase(carrier) => {
                let is_known = carrier != "other" && carrier != "(none)";
                let (who, how) = if is_known {
                    (format!("{}: ask for scans", self.names.carrier(carrier)), "Send these numbers with the manifest.")
                } else {
                    (
                        "Carrier not known: find it, then ask for scans".into(),
                        "The name that was typed is no carrier\u{2019}s.",
                    )
                };
                let promise = words::promise(group.unpromised, group.packages);
                let caption = format!("{packages} not scanned as the rule asks, {promise}. {how}{each}");
                let until = |item: &OpenDefect| words::weekday(item.worth_until, as_of);
                let promised = |item: &OpenDefect| {
                    Html::text(format!("{}, {}", words::day(item.day, as_of), words::distance(item.day, as_of)))
                };
                vec![heading(who), self.list(group, caption, "Worth it until", &until, "Day that counts", &promised)]
            }
            Actor::Wait => vec![
                heading("Wait: not due yet".into()),
                sentence(format!(
                    "{packages} without the scans that the rule asks for so far; the promised day is not over. Nothing to do: only those whose scans are never reported become defects."
                )),
            ],
            Actor::Nobody | Actor::Past => vec![
                heading("Nobody can act".into()),
                sentence(format!(
                    "{packages} delivered, or of a kind that the rule does not forgive. The last of them counts until {last}."
                )),
            ],
        }
    }

    fn list(
        &self,
        group: &WorkGroup,
        caption: String,
        when: &'static str,
        day: &dyn Fn(&OpenDefect) -> String,
        what: &'static str,
        told: &dyn Fn(&OpenDefect) -> Html,
    ) -> Html {
        let row = |item: &OpenDefect| {
            let number = if item.number.chars().any(char::is_alphanumeric) { &*item.number } else { "none" };
            vec![Html::text(day(item)), Html::text(&item.order), Html::text(number), told(item)]
        };
        let rows: Vec<Vec<Html>> = group.items.iter().take(self.list_rows).map(row).collect();
        let mut caption = Html::text(caption);
        if (rows.len() as i64) < group.packages {
            caption = caption
                .and(format!(" The first {} of {}; all: ", rows.len(), words::number(group.packages)))
                .inside("code", format!("vtr worklist OUT --seller {} --format csv", self.account.key.seller));
        }
        let heads = vec![
            ColumnHead::of(when, "when"),
            ColumnHead::of("Order", "id"),
            ColumnHead::of("Number as given", "id"),
            ColumnHead::of(what, "what"),
        ];
        HtmlTable::plain("work", caption, heads, rows)
    }

    fn wrong(&self, item: &OpenDefect) -> Html {
        let typed = if item.carrier_typed.is_empty() { "no carrier" } else { &*item.carrier_typed };
        let text = Html::text(format!("{}: {typed}", words::reason(&item.reason)));
        match &item.likely {
            Some(likely) => text.and(" \u{2192} ").strong(self.names.carrier(likely)),
            None => text,
        }
    }

    fn lever_part(&self) -> Option<Section> {
        let account = self.account;
        if account.standing == Standing::Few || account.target.is_none() {
            return None;
        }
        let work = if account.category.is_some() { self.of_category } else { self.work };
        let mending = work.map(|work| levers::mending(account.decisive(), work)).unwrap_or_default();
        let carriers = match account.standing {
            // Carriers are known for all categories together.
            Standing::Breach if account.category.is_none() => levers::carriers(account, self.breakdown, self.names),
            _ => Vec::new(),
        };
        let mut pieces = Vec::new();
        if !mending.is_empty() {
            let of = account.decisive_category().map_or(String::new(), |category| format!(" in {category}"));
            let note = format!(
                "Whole packages{of} of the window to {}, the one that can still be moved; packages that wait count as defects. Dark: the rate as it is; light: the gain; upright: the target.",
                words::day(account.outlook.end, self.as_of())
            );
            pieces.push(self.lever_list(note, &mending));
        }
        if !carriers.is_empty() {
            let note = format!(
                "Whole packages of the judged window to {}: what the figure would have been.",
                words::day(account.window.1, self.as_of())
            );
            pieces.push(self.lever_list(note, &carriers));
        }
        (!pieces.is_empty()).then(|| Section::of("What each lever would give", pieces))
    }

    fn lever_list(&self, note: String, levers: &[Lever]) -> Html {
        let view = |lever: &Lever| LeverView {
            text: lever.text.clone(),
            bar: chart::lever(lever.from, lever.to, self.account.asked()),
            counts: Html::text(format!(
                "{}/{} \u{2192} {}/{} = ",
                lever.from.valid, lever.from.eligible, lever.to.valid, lever.to.eligible
            ))
            .strong(words::rate(lever.to)),
            verdict: match (self.account.meets(lever.from), self.account.meets(lever.to)) {
                (false, true) => Html::new().strong("reaches the target"),
                (_, false) => Html::text("not enough by itself"),
                (true, true) => Html::text("target met already"),
            },
        };
        rendered(&Levers { note, levers: levers.iter().map(view).collect() })
    }

    fn carrier_part(&self) -> Option<Section> {
        if self.breakdown.len() < 2 || self.account.standing == Standing::Few {
            return None;
        }
        let mut carriers: Vec<_> =
            self.breakdown.iter().filter(|(_, share)| share.tally.eligible >= FEW_PACKAGES).collect();
        carriers.sort_by_key(|(_, share)| std::cmp::Reverse((share.defects(), share.tally.eligible)));
        let too_many = |tally: Tally| {
            let budget = self.account.target.and_then(|target| tally.defect_budget(target)).unwrap_or_default();
            Html::text(if budget < 0 { words::number(-budget) } else { NONE.into() })
        };
        let shown = carriers.len().min(CARRIERS);
        let mut rows: Vec<Side> = carriers[..shown]
            .iter()
            .map(|(id, share)| Side {
                name: self.names.carrier(id).to_owned(),
                tally: share.tally,
                pending: 0,
                more: vec![too_many(share.tally)],
            })
            .collect();
        let rest: Vec<_> = self.breakdown.values().filter(|share| share.tally.eligible < FEW_PACKAGES).collect();
        if !rest.is_empty() {
            let sum = rest.iter().fold(Tally::default(), |sum, share| Tally {
                valid: sum.valid + share.tally.valid,
                eligible: sum.eligible + share.tally.eligible,
            });
            let name = format!("{}, each under {FEW_PACKAGES}", words::plural(rest.len() as i64, "other"));
            rows.push(Side { name, tally: sum, pending: 0, more: vec![too_many(sum)] });
        }
        let caption = format!(
            "The judged window. Too many: defects above the share that the target leaves.{}",
            cut_note(shown, carriers.len())
        );
        let table = side("Carrier", &["Too many"], &rows, self.account.target, Html::text(caption));
        Some(Section::of("Carriers side by side", vec![table]))
    }
}

fn cut_note(shown: usize, all: usize) -> String {
    if shown < all { format!(" The first {shown} of {all}; sums are over all.") } else { String::new() }
}
