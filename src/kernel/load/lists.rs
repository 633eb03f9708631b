//! Service classes and placeholders.

use super::Shelf;
use super::names::Names;
use super::policies::Markets;
use super::reader::{Node, Report, Table, Text};
use crate::carrier::CarrierSet;
use crate::number::clean_into;
use crate::placeholder::Placeholders;
use crate::service::{Class, MAX_CLASSES, Services};
use crate::text;

/// The classes of `services.toml`. `None` only beside a problem.
pub(super) fn services<'a>(shelf: &Shelf<'a>, names: &Names, report: &'a Report) -> Option<Services> {
    let document = shelf.services.filter(|document| document.sound)?;
    let root = document.root(report);
    let tables = root.need("class", "[[class]] with its keys").and_then(Node::tables);
    root.finish();
    let (mut classes, mut first) = (Vec::new(), Vec::<Text>::new());
    for (index, table) in tables?.iter().enumerate() {
        if index == MAX_CLASSES {
            report.add(table.at, format!("a book holds at most {MAX_CLASSES} service classes"));
        }
        let name = table.need("name", "\"letter\"").and_then(Node::text);
        let phrases = table.need("phrases", "[\"letter\", \"stamp\"]").and_then(Node::some_texts);
        let carriers = table.need("carriers", "[\"*\"]").and_then(Node::some_texts);
        let except = table.need("except", "[]").and_then(Node::texts);
        table.finish();
        let Some(name) = name else { continue };
        if let Some(first) = first.iter().find(|first| first.text == name.text) {
            report.add(name.at, format!("the class `{}` stands at {} already; write one of them", name.text, first.at));
        }
        first.push(name);
        classes.push(Class {
            name: name.text.to_owned(),
            phrases: words(&phrases.unwrap_or_default(), report),
            except: words(&except.unwrap_or_default(), report),
            carriers: carriers_or_all(&carriers.unwrap_or_default(), names, report),
        });
    }
    Some(Services { classes })
}

/// Ids and `@groups`, or `*`: every carrier, known or not.
fn carriers_or_all(list: &[Text], names: &Names, report: &Report) -> CarrierSet {
    match list.iter().find(|item| item.text == "*") {
        Some(star) if list.len() > 1 => {
            report.add(star.at, "`*` is every carrier; write it alone");
            CarrierSet::default()
        }
        Some(_) => CarrierSet { any: true, ..CarrierSet::default() },
        None => names.carrier_set(list),
    }
}

fn words(phrases: &[Text], report: &Report) -> Vec<Vec<String>> {
    let words = |phrase: &Text| {
        let words = text::words(phrase.text);
        if words.is_empty() {
            report.add(phrase.at, format!("`{}` holds no word; leave it out", phrase.text));
        }
        words
    };
    phrases.iter().map(words).collect()
}

/// The tests of `placeholders.toml`. `None` only beside a problem.
pub(super) fn placeholders<'a>(shelf: &Shelf<'a>, markets: &Markets, report: &'a Report) -> Option<Placeholders> {
    let document = shelf.placeholders.filter(|document| document.sound)?;
    let root = document.root(report);
    let words = folded(&root, "words", "[\"n/a\", \"none\"]", report, text::alias_key);
    let numbers = folded(&root, "numbers", "[\"1Z999AA10123456784\"]", report, cleaned);
    let repeated = root.need("repeated", "true").and_then(Node::flag);
    let counting = root.need("counting", "true").and_then(Node::flag);
    let order_id = root.need("order_id", "true").and_then(Node::flag);
    let order_id_suffixes = folded(&root, "order_id_suffixes", "[\"InvalidId\"]", report, cleaned);
    let no_digit = root.need("no_digit", "true").and_then(Node::flag);
    let min_length = root.need("min_length", "5").and_then(|node| node.whole(0..=64));
    let channels = root.need("no_marketplace", "[\"Non-Amazon\"]").and_then(Node::texts);
    root.finish();
    for channel in channels.iter().flatten() {
        if markets.knows(channel.text) {
            report
                .add(channel.at, format!("`{}` is a name of a marketplace; leave it out of one of them", channel.text));
        }
    }
    let mut placeholders = Placeholders {
        words: words?,
        numbers: numbers?,
        repeated: repeated?,
        counting: counting?,
        order_id: order_id?,
        order_id_suffixes: order_id_suffixes?,
        no_digit: no_digit?,
        min_length: usize::try_from(min_length?).unwrap_or_default(),
        no_marketplace: channels?.iter().map(|channel| text::lower(channel.text)).collect(),
        ends: Vec::new(),
    };
    placeholders.prepare();
    Some(placeholders)
}

/// The texts of a list in the form in which they are compared; one that vanishes would fit nothing.
fn folded(
    root: &Table,
    key: &'static str,
    example: &'static str,
    report: &Report,
    fold: impl Fn(&str) -> String,
) -> Option<Vec<String>> {
    let fold = |item: &Text| {
        let folded = fold(item.text);
        if folded.is_empty() {
            report.add(item.at, format!("nothing is left of `{}` once it is folded; leave it out", item.text));
        }
        folded
    };
    root.need(key, example).and_then(Node::texts).map(|texts| texts.iter().map(fold).collect())
}

fn cleaned(text: &str) -> String {
    let mut cleaned = String::new();
    clean_into(text, &mut cleaned);
    cleaned
}
