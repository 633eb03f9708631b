//! The comparison as text, CSV and JSON.
//!
//! It lays out the comparison and computes nothing but truncated rates. It cannot fail.

use super::causes::Cause;
use super::{Agreement, Compared, Completeness, Orders, OutcomeCounts, Side, Soundness, UNKNOWN_STORE};
use std::collections::BTreeMap;
use std::fmt::Write;
use vtr_kernel::calendar::date_from_day;
use vtr_kernel::tally::Tally;
use vtr_kernel::text::{grouped, shown, wrapped};

/// Widest line of a table.
const WIDTH: usize = 80;

/// The comparison for people, at most 80 columns wide unless texts from the reports are longer.
pub fn text(all: &[Compared], notes: &[String]) -> String {
    let mut text = String::new();
    for note in notes {
        let _ = writeln!(text, "note: {note}");
    }
    for one in all {
        if !text.is_empty() {
            text.push('\n');
        }
        window(one, &mut text);
    }
    text
}

fn window(one: &Compared, text: &mut String) {
    let days = one.window.map_or("all days".to_owned(), |window| window.to_string());
    let pulled = match (one.pulled_on, one.window) {
        (Some(day), Some(window)) => format!(
            ", pulled {} (lag {} days, the book says {})",
            date_from_day(day),
            day - window.to,
            one.latency_days
        ),
        (Some(day), None) => format!(", pulled {}", date_from_day(day)),
        (None, _) => String::new(),
    };
    let is_unknown = one.marketplace == UNKNOWN_STORE;
    let marketplace = if is_unknown { "marketplace unknown" } else { &one.marketplace };
    let head = format!("{}, {marketplace}, {days}{pulled}", shown(&one.seller));
    let _ = writeln!(text, "{}", wrapped(&head, WIDTH - 4).join("\n    "));
    if is_unknown {
        sentence(text, 2, "nothing says in which store these orders are, so they complete no store's list");
    }
    if one.is_restated {
        let _ = writeln!(text, "  a later report restates these days");
    }
    if let Some(amazon) = &one.amazon {
        figures(one, amazon, text);
    }
    if let Some(orders) = &one.orders {
        of_orders(orders, text);
    }
    if let Some(ours) = &one.ours {
        let _ = writeln!(text, "  ours by class and rule");
        for ((class, rule), packages) in &ours.by_rule {
            let _ = writeln!(text, "    {class:<14}{rule:<44}{:>9}", grouped(*packages));
        }
        for (programme, packages) in &ours.programmes {
            let _ = writeln!(text, "    beside: {} eligible packages of programme {programme}", grouped(*packages));
        }
    }
}

/// Adds a sentence, wrapped between words and indented.
fn sentence(text: &mut String, indent: usize, said: &str) {
    for line in wrapped(said, WIDTH - indent) {
        let _ = writeln!(text, "{:indent$}{line}", "");
    }
}

fn figures(one: &Compared, amazon: &super::Figure, text: &mut String) {
    let line = |text: &mut String, head: &str, theirs: String, ours: String, apart: String| {
        let _ = writeln!(text, "  {head:<32}{theirs:>13}{ours:>13}{apart:>12}");
    };
    line(text, "", "Amazon".into(), "ours".into(), "apart".into());
    let count = |text: &mut String, head: &str, theirs: u64, ours: Option<u64>| {
        let apart = ours.map_or(String::new(), |ours| signed(i128::from(ours) - i128::from(theirs)));
        line(text, head, grouped(theirs), ours.map_or("none".into(), grouped), apart);
    };
    let ours = one.ours.as_ref();
    count(text, "packages counted", amazon.shipments, ours.map(OutcomeCounts::eligible));
    count(text, "with valid tracking", amazon.valid, ours.map(|ours| ours.valid));
    count(text, "defects", amazon.shipments.saturating_sub(amazon.valid), ours.map(|ours| ours.defects));
    let percent = |valid: u64, eligible: u64| Tally { valid, eligible }.percent();
    let theirs = percent(amazon.valid.min(amazon.shipments), amazon.shipments);
    let mine = ours.map_or("none".into(), |ours| percent(ours.valid, ours.eligible()));
    line(text, "rate", theirs, mine, ours.map_or(String::new(), |ours| points(amazon, ours)));
    if let Some(utc) = &one.ours_utc {
        line(text, "rate by days of UTC", String::new(), percent(utc.valid, utc.eligible()), String::new());
    }
    let account = amazon.account_status.as_deref().unwrap_or("not reported");
    let _ = writeln!(text, "  Amazon's status {}, account {account}, target {}", amazon.status, amazon.target);
    if amazon.soundness == Soundness::Inconsistent {
        let written = amazon.rate.as_deref().unwrap_or("none");
        let said =
            format!("inconsistent: the report's counts and its rate {written} contradict each other; not compared");
        sentence(text, 2, &said);
    } else {
        let says = |agreement: Agreement| match agreement {
            Agreement::Agrees => "agree",
            Agreement::Differs => "differ beyond the tolerance",
            Agreement::NotCompared => "cannot be compared",
        };
        let _ = writeln!(text, "  packages {}; rates {}", says(one.shipments), says(one.rate));
    }
}

/// Whether a list of orders has all defects of the report.
fn completeness(of: Completeness) -> String {
    match of {
        Completeness::Complete => "list complete".to_owned(),
        Completeness::Incomplete(1) => "list incomplete: 1 row is missing".to_owned(),
        Completeness::Incomplete(lacking) if lacking > 0 => format!("list incomplete: {lacking} rows are missing"),
        Completeness::Incomplete(-1) => "list has 1 row more than the report has defects".to_owned(),
        Completeness::Incomplete(more) => format!("list has {} rows more than the report has defects", -more),
        Completeness::Unknown => "no figure tells whether the list is complete".to_owned(),
    }
}

fn of_orders(orders: &Orders, text: &mut String) {
    let count = |side: Side| orders.cases.iter().filter(|case| case.side == side).count();
    let complete = completeness(orders.completeness);
    let said = format!(
        "orders: both {}, only Amazon {}, only ours {}, not listed {}, ambiguous {} ({complete})",
        count(Side::Both),
        count(Side::OnlyAmazon),
        count(Side::OnlyOurs),
        count(Side::NotListed),
        count(Side::Ambiguous)
    );
    sentence(text, 2, &said);
    for side in [Side::OnlyAmazon, Side::OnlyOurs] {
        let whole = count(side);
        for (name, (orders_of, because)) in by_cause(orders, side) {
            let share = orders_of * 100 / whole.max(1);
            let _ = writeln!(text, "    {name:<24}{orders_of:>7}  {share:>3} % of {}", side.name().replace('_', " "));
            sentence(text, 6, &shown(because));
        }
    }
    let flagged = cross_table(orders);
    if !flagged.is_empty() {
        let _ = writeln!(text, "  both defects: our reason beside Amazon's criteria");
        for ((reason, flags), orders) in flagged {
            let flags = if flags.is_empty() { "none set".to_owned() } else { shown(&flags).into_owned() };
            let _ = writeln!(text, "    {reason:<24}{orders:>7}  {flags}");
        }
    }
}

/// Orders by cause, the most frequent first, with the facts of one of them.
fn by_cause(orders: &Orders, side: Side) -> Vec<(&'static str, (usize, &str))> {
    let mut causes: BTreeMap<&'static str, (usize, &str)> = BTreeMap::new();
    for case in orders.cases.iter().filter(|case| case.side == side) {
        if let Some(Cause { name, because }) = &case.cause {
            causes.entry(name).or_insert((0, because)).0 += 1;
        }
    }
    let mut causes: Vec<_> = causes.into_iter().collect();
    causes.sort_by(|a, b| b.1.0.cmp(&a.1.0).then(a.0.cmp(b.0)));
    causes
}

/// Orders that are defects on both sides, by our reason and Amazon's criteria.
fn cross_table(orders: &Orders) -> BTreeMap<(String, String), usize> {
    let mut table = BTreeMap::new();
    for case in orders.cases.iter().filter(|case| case.side == Side::Both) {
        *table.entry((case.reason.clone(), case.flags.join(", "))).or_default() += 1;
    }
    table
}

/// Our rate minus Amazon's in points, from integers, cut toward zero.
fn points(amazon: &super::Figure, ours: &OutcomeCounts) -> String {
    let (a, b) = (i128::from(ours.valid), i128::from(ours.eligible()));
    let (c, d) = (i128::from(amazon.valid), i128::from(amazon.shipments));
    if b == 0 || d == 0 {
        return String::new();
    }
    let cut = (a * d - c * b) * 10_000 / (b * d);
    let sign = if cut < 0 { "-" } else { "+" };
    format!("{sign}{}.{:02}", cut.abs() / 100, cut.abs() % 100)
}

fn signed(apart: i128) -> String {
    let sign = if apart < 0 { "-" } else { "+" };
    format!("{sign}{}", grouped(u64::try_from(apart.unsigned_abs()).unwrap_or(u64::MAX)))
}

/// The comparison for programs: `{"windows": [..], "notes": [..]}`.
pub fn json(all: &[Compared], notes: &[String], with_orders: bool) -> serde_json::Value {
    let windows: Vec<serde_json::Value> = all.iter().map(|one| json_window(one, with_orders)).collect();
    serde_json::json!({ "windows": windows, "notes": notes })
}

fn json_window(one: &Compared, with_orders: bool) -> serde_json::Value {
    let agreement = |agreement: Agreement| match agreement {
        Agreement::Agrees => "agrees",
        Agreement::Differs => "differs",
        Agreement::NotCompared => "not_compared",
    };
    let counts = |counts: &OutcomeCounts| {
        let rules = counts
            .by_rule
            .iter()
            .map(|((class, rule), packages)| serde_json::json!({ "class": class, "rule": rule, "packages": packages }));
        serde_json::json!({
            "eligible": counts.eligible(), "valid": counts.valid, "defects": counts.defects,
            "by_rule": rules.collect::<Vec<_>>(), "programmes": counts.programmes,
        })
    };
    let amazon = one.amazon.as_ref().map(|figure| {
        serde_json::json!({
            "shipments": figure.shipments, "valid": figure.valid, "rate": figure.rate, "status": figure.status,
            "target": figure.target, "account_status": figure.account_status,
            "inconsistent": figure.soundness == Soundness::Inconsistent,
        })
    });
    let differences = match (&one.amazon, &one.ours) {
        (Some(amazon), Some(ours)) if amazon.soundness == Soundness::Sound => serde_json::json!({
            "shipments": i128::from(ours.eligible()) - i128::from(amazon.shipments),
            "valid": i128::from(ours.valid) - i128::from(amazon.valid), "rate_points": points(amazon, ours),
        }),
        _ => serde_json::Value::Null,
    };
    let orders = one.orders.as_ref().map(|orders| json_orders(orders, with_orders));
    serde_json::json!({
        "seller_id": one.seller, "marketplace": one.marketplace,
        "from": one.window.map(|window| date_from_day(window.from).to_string()),
        "to": one.window.map(|window| date_from_day(window.to).to_string()),
        "pulled_on": one.pulled_on.map(|day| date_from_day(day).to_string()),
        "latency_days": one.latency_days, "restated": one.is_restated, "amazon": amazon,
        "ours": one.ours.as_ref().map(counts), "ours_utc": one.ours_utc.as_ref().map(counts),
        "differences": differences,
        "agreement": { "shipments": agreement(one.shipments), "rate": agreement(one.rate) },
        "orders": orders,
    })
}

fn json_orders(orders: &Orders, with_cases: bool) -> serde_json::Value {
    let count = |side: Side| orders.cases.iter().filter(|case| case.side == side).count();
    let causes = [Side::OnlyAmazon, Side::OnlyOurs].into_iter().flat_map(|side| {
        by_cause(orders, side).into_iter().map(move |(name, (orders, because))| {
            serde_json::json!({ "side": side.name(), "cause": name, "orders": orders, "because": because })
        })
    });
    let flags = cross_table(orders)
        .into_iter()
        .map(|((reason, flags), orders)| serde_json::json!({ "reason": reason, "criteria": flags, "orders": orders }));
    let cases = orders.cases.iter().filter(|_| with_cases).map(|case| {
        serde_json::json!({
            "side": case.side.name(), "order_id": case.order_id, "number": case.number, "carrier": case.carrier,
            "reason": case.reason, "criteria": case.flags, "cause": case.cause.as_ref().map(|cause| cause.name),
            "because": case.cause.as_ref().map(|cause| &cause.because),
        })
    });
    let lacking = match orders.completeness {
        Completeness::Complete => Some(0),
        Completeness::Incomplete(lacking) => Some(lacking),
        Completeness::Unknown => None,
    };
    serde_json::json!({
        "listed": orders.listed, "list_complete": orders.completeness == Completeness::Complete, "rows_lacking": lacking,
        "both": count(Side::Both), "only_amazon": count(Side::OnlyAmazon), "only_ours": count(Side::OnlyOurs),
        "not_listed": count(Side::NotListed), "ambiguous": count(Side::Ambiguous),
        "causes": causes.collect::<Vec<_>>(), "criteria": flags.collect::<Vec<_>>(), "cases": cases.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_row_is_missing_and_two_are() {
        for (lacking, said) in
            [(1, "1 row is missing"), (2, "2 rows are missing"), (-1, "1 row more"), (-2, "2 rows more")]
        {
            assert!(completeness(Completeness::Incomplete(lacking)).contains(said), "{said}");
        }
    }
}
