//! What a lane asks of a package: scans, and the conditions of exemptions and refusals.

use super::names::Rules;
use super::reader::{Node, Table};
use super::versions::Context;
use crate::amount::Amount;
use crate::lane::{Condition, Scans};
use crate::money::{Currency, Money};
use crate::number::clean_into;

/// What a condition is part of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Exemption,
    Refusal,
}

/// How `scans` is written.
pub(super) const SCANS: &str = "1, 2 or { value_below = \"5 GBP\", then = 1, otherwise = 2 }";

/// One or two, or a split by value.
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

/// An exemption or a refusal. `None` only beside a problem.
pub(super) fn condition(
    table: &Table,
    kind: Kind,
    has_list: bool,
    context: &Context,
    rules: &mut Rules,
) -> Option<Condition> {
    let id = table.need("id", "\"gb-letter-below-20-eur\"").and_then(Node::text).map(|id| rules.add(id));
    let carriers = table.may("carriers", "[\"royal_mail\"]").and_then(Node::some_texts);
    let services = table.may("services", "[\"letter\"]").and_then(Node::some_texts);
    let buy_shipping = table.may("buy_shipping", "true").and_then(Node::flag);
    let value_below = table.may("value_below", MONEY).and_then(money);
    let integrated = table.may("integrated", "false");
    if let (Some(node), false) = (integrated, has_list) {
        let message = "`integrated` asks a list of carriers, but this lane takes any; leave it out";
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
        value_below,
        integrated: integrated.and_then(Node::flag),
        number_not_ending: ending.and_then(cleaned_ending),
        carrier_script_han: script.and_then(|node| node.choice(&[("han", true)])).unwrap_or(false),
    })
}

/// An ending as cleaned numbers have it, since others would never be met.
fn cleaned_ending(node: Node) -> Option<String> {
    let text = node.text()?.text;
    let mut cleaned = String::new();
    clean_into(text, &mut cleaned);
    if cleaned == text { Some(cleaned) } else { node.refuse("is no ending of a cleaned number (capitals, no hyphens)") }
}
