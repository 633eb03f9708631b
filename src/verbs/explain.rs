//! `vtr explain`: tells how each package of an order, of several or of a tracking number was judged.
//!
//! It reads the job's inputs as a run does and judges the rows asked for with the same kernel; nothing is counted or
//! published. It fails if the job or its inputs are refused, and if no row is found.

use super::listing::{self, Cell, Listing};
use super::orders::{self, AskedRow, FoundRow, WantedRows, order_id, seller_id};
use crate::assemble::{others, provenance};
use crate::cli::{ExplainArgs, GlobalOptions};
use crate::error::{Error, Result};
use crate::job::{self, plan::Plan};
use crate::publish::{log, outdated, stale};
use arrow::array::{Array, RecordBatch};
use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::io::{stderr, stdout};
use std::path::Path;
use std::time::SystemTime;
use vtr_columnar::fold::shown_cell;
use vtr_columnar::input::Column;
use vtr_columnar::judge::{CopyRecord, Fate, Judge};
use vtr_kernel::calendar::{Day, Zone, date_from_day, iso_week};
use vtr_kernel::carrier::Carrier;
use vtr_kernel::facts::{CarrierField, Facts, Tracking};
use vtr_kernel::ladder::{Evidence, Scanned, Selected, Verdict, select, zone};
use vtr_kernel::lane::{CarrierRule, Lane, Scans};
use vtr_kernel::mend::{FixableBy, Mending, suggested_fix};
use vtr_kernel::policy::{Market, Marketplace, Version};
use vtr_kernel::reason::{Reason, TABLE};
use vtr_kernel::sources::Field;
use vtr_kernel::text::shown;

/// The explanation of one row.
#[derive(Default)]
struct Story {
    seller: String,
    order: String,
    package: String,
    place: String,
    title: String,
    body: String,
    fate: &'static str,
    day: Option<Day>,
    rule: String,
    reason: Option<Reason>,
    to_do: String,
    fixable_by: Option<FixableBy>,
    act_by: Option<Day>,
    likely: Option<String>,
    /// The facts in the source.
    facts: Vec<Field>,
    /// The end of the facts in the body.
    facts_end: usize,
}

impl Story {
    /// Adds a line behind the facts.
    fn add_to_facts(&mut self, head: &str, text: &str) {
        let mut told = String::new();
        line(&mut told, head, text);
        self.body.insert_str(self.facts_end, &told);
        self.facts_end += told.len();
    }

    /// Takes back that a number or carrier can still be corrected: the package is delivered.
    fn call_correction_off(&mut self) {
        let Some(reason) = self.reason.filter(|_| self.fixable_by == Some(FixableBy::Number)) else { return };
        let nobody = suggested_fix(reason, FixableBy::Nobody, false, None).into_owned();
        let (mut before, mut now) = (String::new(), String::new());
        line(&mut before, "to do", &self.to_do);
        line(&mut now, "to do", &nobody);
        if let Some(day) = self.act_by.take() {
            line(&mut before, "by", &promised(day));
        }
        self.body = self.body.replace(&before, &now);
        (self.to_do, self.fixable_by) = (nobody, Some(FixableBy::Nobody));
    }
}

/// The day by which a correction counts, in words.
fn promised(day: Day) -> String {
    format!("{}, the promised day", date_from_day(day))
}

/// The columns of the lists for programs, which have a row for each row of the inputs.
const HEADS: [&str; 16] = [
    "seller_id",
    "order_id",
    "package_id",
    "place",
    "fate",
    "superseded",
    "day",
    "class",
    "reason",
    "rung",
    "rule",
    "meaning",
    "to_do",
    "act_by",
    "likely_carrier",
    "story",
];

/// Explains the orders or the number asked for.
pub fn run(args: &ExplainArgs, _global: &GlobalOptions) -> Result<()> {
    let wanted = wanted(args)?;
    let mut plan = job::load(&args.job.job, &super::overrides(&args.job, &Default::default()), SystemTime::now())?;
    crate::assemble::ready(&mut plan, crate::assemble::Mode::Standing)?;
    let mut stories = orders::read(&mut plan, &wanted, &story)?;
    published_otherwise(&plan).iter().for_each(|doubt| crate::progress::warn(doubt));
    tell_sources(&plan, &mut stories)?;
    let missing = missing(&wanted, &stories);
    if stories.is_empty() {
        return Err(Error::Input(format!("no row of {} is in the job's inputs; {UNFOUND}", missing.join(" or "))));
    }
    if !missing.is_empty() {
        crate::progress::warn(&format!("no row of {} is in the job's inputs; {UNFOUND}", missing.join(" or ")));
    }
    let format = super::published::format(args.written);
    if format == listing::Format::Table {
        return super::print_lines(&told(&stories, &wanted));
    }
    listing::unless_pipe_closed(listed(&stories, format))
}

/// Says if the tables were published by another book than the one that judges here, so that their verdicts may differ.
/// Packages are explained without an output, too.
fn published_otherwise(plan: &Plan) -> Option<String> {
    let store = crate::publish::at(Path::new(&plan.output.path)).ok()?;
    let base = log::latest(store.as_ref()).ok()??;
    let now = stale::book_parts(plan);
    let part = outdated::changed_parts(&base.states.first()?.book, &now).next()?;
    Some(format!(
        "version {} of {} was judged by another book, in which {part} differs, and may give other verdicts than these; name the \
         book of that run by --book, or run the job again",
        base.version,
        store.shown("")
    ))
}

/// Adds to the facts of joined packages where they come from, and events of their numbers that do not count for them.
fn tell_sources(plan: &Plan, stories: &mut [FoundRow<Story>]) -> Result<()> {
    let Some(provenance) = provenance::open(plan)? else { return Ok(()) };
    let (mut unscanned, mut of_stories) = (Vec::new(), Vec::new());
    for (index, FoundRow { kept: story, .. }) in stories.iter_mut().enumerate() {
        let (sources, package) = provenance.of(&story.place, &|field| story.facts.contains(&field))?;
        if !sources.is_empty() {
            story.add_to_facts("from", &sources.join("\n             "));
        }
        if let Some(package) = package {
            unscanned.push(package);
            of_stories.push(index);
        }
    }
    // The feeds may be gone since the packages were joined, which are explained all the same.
    let others = others::of(plan, &unscanned).unwrap_or_else(|error| {
        crate::progress::warn(&format!("events of other carriers are not named: {}", error.told()));
        Vec::new()
    });
    for ((story, package), others) in of_stories.into_iter().zip(&unscanned).zip(&others) {
        let each = others.iter().map(|other| {
            let (count, carrier) = (other.events, shown(&other.carrier));
            let events = if count == 1 { "1 event".to_owned() } else { format!("{count} events") };
            let delivered = if other.is_delivered {
                ", and was delivered by them: a number or carrier that is corrected after delivery does not count"
            } else {
                ""
            };
            format!("{} has {events} by {carrier}, which is another carrier{delivered}", shown(&package.number))
        });
        let each: Vec<String> = each.collect();
        if !each.is_empty() {
            stories[story].kept.add_to_facts("apart", &each.join("\n             "));
        }
        if others.iter().any(|other| other.is_delivered) {
            stories[story].kept.call_correction_off();
        }
    }
    Ok(())
}

const UNFOUND: &str = "seller and order must be as in the source, blanks around them aside, or the row was rejected before its order could be read";

/// The rows that the options ask for.
fn wanted(args: &ExplainArgs) -> Result<WantedRows> {
    if let Some(number) = &args.tracking {
        return Ok(WantedRows::number(number, args.seller.as_deref()));
    }
    let usage = |text: &str| Err(Error::Usage(text.into()));
    let mut orders: HashMap<String, HashSet<String>> = HashMap::new();
    for order in &args.order {
        let Some(seller) = &args.seller else { return usage("--order: give its --seller too") };
        orders.entry(order_id(order)).or_default().insert(seller_id(seller));
    }
    if let Some(path) = &args.orders {
        let read = std::fs::read_to_string(path);
        let unread = |error| format!("--orders {}: {error}; give a file with an order's id a line", path.display());
        let text = read.map_err(|error| Error::Usage(unread(error)))?;
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (order, seller) = match line.split_once([',', ';', '\t']) {
                Some((order, seller)) => (order, Some(seller_id(seller))),
                None => (line, args.seller.as_deref().map(seller_id)),
            };
            let sellers = orders.entry(order_id(order)).or_default();
            sellers.extend(seller.filter(|seller| !seller.is_empty()));
        }
    }
    if orders.is_empty() {
        return usage("give --seller and --order, a list by --orders FILE, or --tracking NUMBER");
    }
    Ok(WantedRows::Orders(orders))
}

/// The orders or the number that were not found, in words.
fn missing(wanted: &WantedRows, stories: &[FoundRow<Story>]) -> Vec<String> {
    let is_found = |order: &str, seller: Option<&str>| {
        stories.iter().any(|story| story.kept.order == order && seller.is_none_or(|seller| story.kept.seller == seller))
    };
    match wanted {
        WantedRows::Number { number, .. } if stories.is_empty() => vec![format!("number `{}`", shown(number))],
        WantedRows::Number { .. } => Vec::new(),
        WantedRows::Orders(orders) => {
            let mut missing = Vec::new();
            for (order, sellers) in orders {
                if sellers.is_empty() && !is_found(order, None) {
                    missing.push(format!("order `{}`", shown(order)));
                }
                for seller in sellers.iter().filter(|seller| !is_found(order, Some(seller))) {
                    missing.push(format!("seller `{}` and order `{}`", shown(seller), shown(order)));
                }
            }
            missing.sort();
            missing
        }
    }
}

/// The text for people: order by order, in the order in which they were found.
fn told(stories: &[FoundRow<Story>], wanted: &WantedRows) -> String {
    let mut text = String::new();
    if let WantedRows::Number { number, .. } = wanted {
        let _ = writeln!(text, "Number {}", shown(number));
    }
    let mut orders: Vec<(&str, &str)> = Vec::new();
    for story in stories {
        let order = (story.kept.seller.as_str(), story.kept.order.as_str());
        if !orders.contains(&order) {
            orders.push(order);
        }
    }
    for (index, (seller, order)) in orders.iter().enumerate() {
        let of_order: Vec<_> = stories
            .iter()
            .filter(|story| (story.kept.seller.as_str(), story.kept.order.as_str()) == (*seller, *order))
            .collect();
        let rows = if of_order.len() == 1 { "1 row".to_owned() } else { format!("{} rows", of_order.len()) };
        let gap = if index > 0 { "\n" } else { "" };
        let _ = writeln!(text, "{gap}Seller {}, order {}: {rows}", shown(seller), shown(order));
        for story in of_order {
            let _ = writeln!(text, "\n{}", story.kept.title);
            if story.superseded {
                text.push_str("  superseded: another copy of it counts; on its own it would be judged so:\n");
            }
            text.push_str(&story.kept.body);
        }
    }
    text
}

fn listed(stories: &[FoundRow<Story>], format: listing::Format) -> Result<()> {
    let mut out = stdout().lock();
    let mut listing = Listing::begin(format, &HEADS, &mut out)?;
    for FoundRow { kept: story, superseded } in stories {
        let entry = story.reason.map(Reason::entry);
        let of_entry = |text: fn(&vtr_kernel::reason::ReasonRow) -> &'static str| {
            entry.map_or(Cell::Null, |entry| Cell::text(text(entry)))
        };
        let day = |day: Option<Day>| day.map_or(Cell::Null, Cell::Day);
        listing.row(&[
            Cell::text(&*story.seller),
            Cell::text(&*story.order),
            Cell::text(&*story.package),
            Cell::text(&*story.place),
            Cell::text(story.fate),
            Cell::Flag(*superseded),
            day(story.day),
            of_entry(|entry| entry.class.name()),
            of_entry(|entry| entry.name),
            entry.map_or(Cell::Null, |entry| Cell::Count(i64::from(entry.rung))),
            Cell::text(&*story.rule),
            of_entry(|entry| entry.meaning),
            Cell::text(&*story.to_do),
            day(story.act_by),
            story.likely.as_deref().map_or(Cell::Null, Cell::text),
            Cell::text(&*story.body),
        ])?;
    }
    listing.finish(&mut stderr())
}

/// A cell of a row as text; empty if the source has none.
fn typed(row: &AskedRow, column: Column) -> String {
    let cell = row.batch.column_by_name(column.name()).and_then(|array| shown_cell(array, row.row));
    let said = || row.constants.iter().find(|(constant, _)| *constant == column).map(|(_, text)| text.clone());
    cell.or_else(said).map_or(String::new(), |text| text.trim().to_owned())
}

/// Seller and order of a row, as in the tables.
pub(super) fn names(row: &AskedRow) -> (String, String) {
    (seller_id(&typed(row, Column::SellerId)), order_id(&typed(row, Column::OrderId)))
}

fn story(plan: &Plan, judge: &Judge, row: AskedRow) -> (Story, Option<CopyRecord>) {
    let (seller, order) = names(&row);
    let mut story = Story {
        seller,
        order,
        place: row.place.to_owned(),
        title: format!("Row in {}", row.place),
        ..Story::default()
    };
    facts_as_typed(row.batch, row.row, row.constants, &mut story.body);
    story.facts_end = story.body.len();
    let schema = row.batch.schema();
    let named = schema.fields().iter().zip(row.batch.columns()).filter(|(_, array)| array.is_valid(row.row));
    story.facts = named.filter_map(|(field, _)| Field::from_name(field.name())).collect();
    let mut copy = None;
    match row.fate {
        Fate::Rejected(reject) => {
            story.fate = "rejected";
            let column = reject.column.as_deref().unwrap_or("the record");
            line(&mut story.body, "verdict", &format!("rejected: {column}: {}", reject.reason));
        }
        Fate::AfterAsOf(day) => {
            story.fate = "after_as_of";
            let as_of = date_from_day(plan.as_of);
            line(&mut story.body, "day", &date_from_day(day).to_string());
            line(
                &mut story.body,
                "verdict",
                &format!("after_as_of: it was updated or shipped after {as_of}, so on that day it did not exist yet"),
            );
        }
        Fate::Judged { facts, verdict, package, copy: found, .. } => {
            story.fate = "judged";
            let named = if package.is_empty() { "without id or number".into() } else { shown(package) };
            story.title = format!("Package {named} ({})", row.place);
            story.package = package.to_owned();
            copy = found;
            judged(plan, judge, facts, verdict, &mut story);
        }
    }
    (story, copy)
}

fn line(body: &mut String, head: &str, text: &str) {
    writeln!(body, "  {head:<10} {text}").expect("a string takes everything");
}

fn facts_as_typed(batch: &RecordBatch, row: usize, constants: &[(Column, String)], body: &mut String) {
    let schema = batch.schema();
    let cells = schema.fields().iter().zip(batch.columns());
    let typed =
        cells.filter_map(|(field, array)| Some(format!("{} = {}", field.name(), shown(&shown_cell(array, row)?))));
    let said = constants.iter().filter(|(column, _)| batch.column_by_name(column.name()).is_none());
    let said = said.map(|(column, text)| format!("{} = {} (for the whole file)", column.name(), shown(text)));
    line(body, "facts", &said.chain(typed).collect::<Vec<_>>().join("\n             "));
}

fn judged(plan: &Plan, judge: &Judge, facts: &Facts, verdict: &Verdict, story: &mut Story) {
    let book = &*plan.book;
    (story.day, story.reason) = (Some(verdict.day), Some(verdict.reason));
    story.rule = book.rule(verdict.rule).to_owned();
    story.likely = verdict.likely_carrier.map(|owner| book.carriers.entry(owner).id.clone());
    if let Some(mending) = mending(book, judge, facts, verdict) {
        (story.to_do, story.act_by) = (fix(book, verdict, &mending), mending.act_by());
        story.fixable_by = Some(mending.fixable_by);
        if mending.fixable_by == FixableBy::Carrier && !mending.is_pending && is_unasked(plan, verdict) {
            story.to_do =
                "Give a feed of events that follows its carrier, or leave the package out of these figures.".to_owned();
        }
    }
    let body = &mut story.body;
    let day = date_from_day(verdict.day);
    if let Marketplace::Known(id) = facts.marketplace {
        let selected = select(facts, book, id, verdict.day);
        let market = selected.market;
        line(
            body,
            "day",
            &format!("{day} in {} ({}), which selects the rules", market.zone.name(), iso_week(verdict.day)),
        );
        line(body, "rules", &rules(book, market, selected.version, verdict));
        if let Some(lane) = selected.lane {
            line(body, "lane", &lane_asked(book, market, lane, facts));
        }
        line(body, "carrier", &carrier(book, facts, verdict, selected.carriers));
        sources(body, &selected, verdict);
    } else {
        line(body, "day", &format!("{day} in UTC ({})", iso_week(verdict.day)));
    }
    if let Some(number) = numbers(facts, verdict) {
        line(body, "number", &number);
    }
    if matches!(judge.terms().evidence, Evidence::Scans) {
        let seen = Scanned::of(facts, plan.as_of);
        let which = match (seen.count, seen.delivery) {
            (1, Some(_)) => ": the one at delivery, and no first one",
            (1, None) => ": the first one, and none at delivery",
            _ => "",
        };
        line(body, "scans", &format!("{} counted as of {}{which}", seen.count, date_from_day(plan.as_of)));
    } else {
        line(body, "scans", "not looked at: judged on the number alone");
    }
    let entry = verdict.reason.entry();
    let passed: Vec<String> = TABLE
        .iter()
        .filter(|other| other.rung < entry.rung && !silent(other.reason, judge))
        .map(|other| format!("{} {}", other.rung, other.name))
        .collect();
    line(body, "passed", &if passed.is_empty() { "no rung before".to_owned() } else { passed.join(", ") });
    line(
        body,
        "verdict",
        &format!("{}: {} (rung {}), rule {}", entry.class.name(), entry.name, entry.rung, book.rule(verdict.rule)),
    );
    line(body, "meaning", entry.meaning);
    if let Some(owner) = verdict.likely_carrier {
        line(body, "likely", &format!("{} ({})", book.carriers.entry(owner).name, book.carriers.entry(owner).id));
    }
    notes(plan, verdict, body);
    if !story.to_do.is_empty() {
        line(body, "to do", &story.to_do);
    }
    if let Some(day) = story.act_by {
        line(body, "by", &promised(day));
    }
}

/// Whether the job says that no feed follows a package's carrier, so that its scans cannot be known.
fn is_unasked(plan: &Plan, verdict: &Verdict) -> bool {
    let (Some(assemble), Carrier::Known(id)) = (&plan.assemble, verdict.carrier) else { return false };
    let waits_for_scan = matches!(verdict.reason, Reason::DeliveryScanMissing | Reason::ScanMissing);
    let has_state = assemble.inputs.iter().any(|input| input.fills(Field::PackageStatus));
    waits_for_scan && !has_state && assemble.unseen.contains(&plan.book.carriers.entry(id).id)
}

/// What to know about a verdict before it is relied on.
fn notes(plan: &Plan, verdict: &Verdict, body: &mut String) {
    if is_unasked(plan, verdict) {
        let unasked = "no feed of events follows its carrier ([assemble] `unseen`): nobody asked it, so nothing says that it \
                       did not scan the package";
        line(body, "note", unasked);
    }
    if verdict.list_doubt {
        line(body, "note", "the carrier is not on the rule's list, which is only partly known: it may not count");
    }
    if verdict.unpriced {
        line(body, "note", "a rule asked for the package's value, but value, currency or rate is unknown");
    }
    if verdict.old_rate {
        line(body, "note", "a rule compared the package's value at an exchange rate that was more than 35 days old");
    }
}

/// The lane, its ends and the number of scans that it requires.
fn lane_asked(book: &vtr_kernel::Book, market: &Market, lane: &Lane, facts: &Facts) -> String {
    let country = |country: Option<vtr_kernel::lane::Country>| country.unwrap_or(market.country).code();
    let scans = match &lane.scans {
        Scans::Always(count) => format!("{count}"),
        Scans::Split { below, then, otherwise } => {
            format!("{then} below {} {}, otherwise {otherwise}", decimal(&below.amount), below.currency.code())
        }
    };
    let (from, to) = (country(facts.origin), country(facts.destination));
    format!("{}: {from} to {to}, scans asked for: {scans}", book.rule(lane.id))
}

fn mending(book: &vtr_kernel::Book, judge: &Judge, facts: &Facts, verdict: &Verdict) -> Option<Mending> {
    let utc = Zone::utc();
    Mending::of(facts, verdict.reason, &judge.terms(), zone(book, facts.marketplace, &utc))
}

fn fix(book: &vtr_kernel::Book, verdict: &Verdict, mending: &Mending) -> String {
    let likely = verdict.likely_carrier.map(|owner| book.carriers.entry(owner).name.as_str());
    suggested_fix(verdict.reason, mending.fixable_by, mending.is_pending, likely).into_owned()
}

/// Adds the confidence of the deciding rule and the book's note on it; without a note, the note on the version.
fn sources(body: &mut String, selected: &Selected, verdict: &Verdict) {
    let Some(version) = selected.version else { return };
    let of_version = (version.id, version.confidence, &version.note);
    let lane = selected.lane;
    let of_lane = lane.into_iter().map(|lane| (lane.id, lane.confidence, &lane.note));
    let conditions = lane.into_iter().flat_map(|lane| lane.exempt.iter().chain(&lane.refuse));
    let of_conditions = conditions.map(|condition| (condition.id, condition.confidence, &condition.note));
    let mut all = of_lane.chain(of_conditions);
    let (_, confidence, note) = all.find(|(id, ..)| *id == verdict.rule).unwrap_or(of_version);
    line(body, "sure", confidence.name());
    let note = if note.is_empty() { &version.note } else { note };
    note.iter().for_each(|text| line(body, "book", text));
}

/// The content of the tracking cell; `None` if it is empty.
fn numbers(facts: &Facts, verdict: &Verdict) -> Option<String> {
    match facts.tracking {
        Tracking::NoColumn | Tracking::Missing => None,
        Tracking::Plain(number) | Tracking::Number(number) => Some(format!("{} once cleaned", shown(number))),
        Tracking::Damaged(number) => Some(format!("{}: damaged by a float, nothing is judged by it", shown(number))),
        Tracking::Several(all) | Tracking::Spaced(all) => {
            let numbers: Vec<_> = all.split('\n').skip(1).map(shown).collect();
            let judged = if verdict.several_numbers { "several, the first that fits is judged" } else { "one number" };
            Some(format!("{}: {judged}", numbers.join(" ")))
        }
    }
}

/// Whether a reason cannot occur with the run's evidence.
fn silent(reason: Reason, judge: &Judge) -> bool {
    let by_number = matches!(reason, Reason::WellFormed | Reason::Unverified);
    match judge.terms().evidence {
        Evidence::Scans => by_number,
        Evidence::Format => matches!(reason.entry().rung, 14 | 15 | 18 | 19),
    }
}

fn decimal(amount: &vtr_kernel::amount::Amount) -> String {
    let digits = format!("{:0width$}", amount.mantissa, width = usize::from(amount.scale) + 1);
    let (whole, fraction) = digits.split_at(digits.len() - usize::from(amount.scale));
    if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") }
}

fn rules(book: &vtr_kernel::Book, market: &Market, version: Option<&Version>, verdict: &Verdict) -> String {
    let Some(version) = version else { return format!("{} has no rules in force on that day", market.name) };
    let from = version.from.map_or("ever".to_owned(), |day| date_from_day(day).to_string());
    let until = version.until.map_or(String::new(), |day| format!(" until before {}", date_from_day(day)));
    let target = version.target(verdict.programme, verdict.day);
    format!(
        "{}, in force since {from}{until}; target: {} {} % in programme {}",
        book.rule(version.id),
        target.kind.name().replace('_', " "),
        target.share() * 100.0,
        book.programme(verdict.programme)
    )
}

fn carrier(book: &vtr_kernel::Book, facts: &Facts, verdict: &Verdict, rule: Option<&CarrierRule>) -> String {
    if facts.carrier == CarrierField::NoColumn {
        return "the source has no such column: not judged".to_owned();
    }
    let integrated = match rule {
        Some(CarrierRule::Integrated(..)) if verdict.carrier == Carrier::Missing => "",
        Some(rule @ CarrierRule::Integrated(..)) if rule.is_integrated(verdict.carrier) => ", integrated",
        Some(CarrierRule::Integrated(..)) => ", not integrated",
        _ => "",
    };
    format!("taken for {}{integrated}", book.carriers.label(verdict.carrier))
}
