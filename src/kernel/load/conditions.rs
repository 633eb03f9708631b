//! The requirements of a lane: scans, and the conditions of exemptions and refusals.

use super::names::Rules;
use super::reader::{Node, Table};
use super::versions::{CONFIDENCE, Context, confidence};
use crate::amount::Amount;
use crate::lane::{Condition, Limit, Scans, ShippedOn};
use crate::money::{Currency, Money};
use crate::number::clean_into;
use crate::policy::Confidence;

/// The kind of rule to which a condition belongs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Exemption,
    Refusal,
}

/// What a condition takes over from its lane.
pub(super) struct OfLane {
    /// Whether a list of carriers is in force.
    pub has_list: bool,
    pub confidence: Confidence,
}

/// The notation of `scans`.
pub(super) const SCANS: &str = "1, 2 or { value_below = \"5 GBP\", then = 1, otherwise = 2 }";

/// Reads one or two, or a split by value.
pub(super) fn scans(node: Node) -> Option<Scans> {
    if node.is_whole() {
        return node.whole(1..=2).map(|count| Scans::Always(count as u8));
    }
    let table = node.table()?;
    let below = table.need("value_below", MONEY).and_then(money);
    let then = table.need("then", "1").and_then(|node| node.whole(1..=2));
    let otherwise = table.need("otherwise", "2").and_then(|node| node.whole(1..=2));
    table.finish();
    Some(Scans::Split { below: below?, then: then? as u8, otherwise: otherwise? as u8 })
}

const MONEY: &str = "\"20 EUR\"";

fn money(node: Node) -> Option<Money> {
    let text = node.text()?.text;
    let money = text.split_once(' ').and_then(|(amount, currency)| {
        let amount = Amount::read(amount, b'.').ok().filter(|amount| amount.mantissa > 0)?;
        let currency = Currency::read(currency).filter(|known| known.code() == currency)?;
        Some(Money { amount, currency })
    });
    if money.is_none() { node.refuse("is no amount above 0 with a currency of three capitals") } else { money }
}

/// Reads an exemption or a refusal. `None` only beside a reported problem.
pub(super) fn condition(
    table: &Table,
    kind: Kind,
    of_lane: &OfLane,
    context: &Context,
    rules: &mut Rules,
) -> Option<Condition> {
    let id = table.need("id", "\"gb-letter-below-20-eur\"").and_then(Node::text).map(|id| rules.add(id));
    let carriers = table.may("carriers", "[\"royal_mail\"]").and_then(Node::some_texts);
    let services = table.may("services", "[\"letter\"]").and_then(Node::some_texts);
    let buy_shipping = table.may("buy_shipping", "true").and_then(Node::flag);
    let value = limit(table);
    let shipped = shipped_on(table, context);
    let rating = table.may("confidence", CONFIDENCE).and_then(confidence).unwrap_or(of_lane.confidence);
    id.into_iter().for_each(|id| rules.rate(id, rating));
    let integrated = table.may("integrated", "false");
    if let (Some(node), false) = (integrated, of_lane.has_list) {
        let message = "`integrated` needs a list of carriers, but this lane accepts any; leave it out";
        context.report.add(node.at, message);
    }
    let ending = table.may("number_not_ending", "\"CN\"");
    let script = table.may("carrier_script", "\"han\"");
    for node in ending.iter().chain(&script).filter(|_| kind == Kind::Exemption) {
        let message = format!("only [[version.lane.refuse]] can ask for `{}`; leave it out of an exemption", node.key);
        context.report.add(node.at, message);
    }
    table.finish();
    Some(Condition {
        id: id?,
        carriers: carriers.map(|list| context.names.carrier_set(&list)),
        services: services.map(|list| context.names.class_bits(&list)),
        buy_shipping,
        value,
        shipped,
        integrated: integrated.and_then(Node::flag),
        number_not_ending: ending.and_then(cleaned_ending),
        carrier_script_han: script.and_then(|node| node.choice(&[("han", true)])).unwrap_or(false),
        confidence: rating,
        note: table.note(),
    })
}

/// Reads `value_below` or `value_at_most`.
fn limit(table: &Table) -> Option<Limit> {
    let below = table.may("value_below", MONEY);
    let at_most = table.may("value_at_most", MONEY);
    match (below, at_most) {
        (Some(_), Some(node)) => node.refuse("cannot be beside `value_below`; a condition has only one limit"),
        (Some(node), None) => money(node).map(Limit::Below),
        (None, Some(node)) => money(node).map(Limit::AtMost),
        (None, None) => None,
    }
}

/// Reads `shipped_from` and `shipped_before`.
fn shipped_on(table: &Table, context: &Context) -> Option<ShippedOn> {
    let first = table.may("shipped_from", "2023-03-31");
    let last = table.may("shipped_before", "2023-03-31");
    let (from, before) = (first.and_then(Node::date), last.and_then(Node::date));
    if let (Some(from), Some(before), Some(node)) = (from, before, last)
        && from >= before
    {
        context.report.add(node.at, "no day is both in `shipped_from` and before `shipped_before`; write a later one");
    }
    (from.is_some() || before.is_some()).then_some(ShippedOn { from, before })
}

/// Reads an ending in the form of cleaned numbers, since no number could end with any other.
fn cleaned_ending(node: Node) -> Option<String> {
    let text = node.text()?.text;
    let mut cleaned = String::new();
    clean_into(text, &mut cleaned);
    if cleaned == text { Some(cleaned) } else { node.refuse("is no ending of a cleaned number (capitals, no hyphens)") }
}
