//! Service classes and placeholders.

use super::names::Names;
use super::policies::Markets;
use super::reader::{Layer, Node, Report, Table, Text};
use super::{Shelf, stacked};
use crate::carrier::CarrierSet;
use crate::number::clean_into;
use crate::placeholder::Placeholders;
use crate::service::{Class, MAX_CLASSES, Services};
use crate::text;

/// Reads the classes of every layer's `services.toml`: classes of one name unite, new ones come last. `None` only
/// beside a reported problem.
pub(super) fn services<'a>(shelf: &Shelf<'a>, names: &Names, report: &'a Report) -> Option<Services> {
    let mut classes: Vec<Class> = Vec::new();
    for (layer, document) in stacked(&shelf.services) {
        let root = document.root(report);
        let tables = root.need_in(layer, "class", "[[class]] with its keys").and_then(Node::tables);
        root.finish();
        let below = classes.len();
        let mut met = Vec::<Text>::new();
        for table in tables.iter().flatten() {
            let Some((name, class)) = class(table, layer, &classes, names, report) else { continue };
            if let Some(first) = met.iter().find(|first| first.text == name.text) {
                let message = format!("the class `{}` is defined at {} already; keep one of them", name.text, first.at);
                report.add(name.at, message);
            }
            met.push(name);
            match classes[..below].iter_mut().find(|known| known.name == class.name) {
                Some(known) => {
                    known.phrases.extend(class.phrases);
                    known.except.extend(class.except);
                    known.carriers.extend(&class.carriers);
                }
                None => classes.push(class),
            }
            if classes.len() == MAX_CLASSES + 1 {
                report.add(table.at, format!("a book holds at most {MAX_CLASSES} service classes"));
            }
        }
    }
    Some(Services { classes })
}

/// Reads one class and its name. It may leave out what a class of that name in a lower layer says. `None` without a
/// name.
fn class<'a>(
    table: &Table<'a>,
    layer: Layer,
    below: &[Class],
    names: &Names,
    report: &Report,
) -> Option<(Text<'a>, Class)> {
    let name = table.need("name", "\"letter\"").and_then(Node::text);
    let adds = layer == Layer::OnTop && name.is_some_and(|name| below.iter().any(|class| class.name == name.text));
    let layer = if adds { Layer::OnTop } else { Layer::Lowest };
    let phrases = table.need_in(layer, "phrases", "[\"letter\", \"stamp\"]").and_then(Node::some_texts);
    let carriers = table.need_in(layer, "carriers", "[\"*\"]").and_then(Node::some_texts);
    let except = table.need_in(layer, "except", "[]").and_then(Node::texts);
    table.finish();
    let name = name?;
    let class = Class {
        name: name.text.to_owned(),
        phrases: words(&phrases.unwrap_or_default(), report),
        except: words(&except.unwrap_or_default(), report),
        carriers: carriers_or_all(&carriers.unwrap_or_default(), names, report),
    };
    Some((name, class))
}

/// Reads ids and `@groups`, or `*`: every carrier, known or not.
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

/// Reads the tests of every layer's `placeholders.toml`: lists unite, and the last layer's value of any other key
/// counts. `None` only beside a reported problem.
pub(super) fn placeholders<'a>(shelf: &Shelf<'a>, markets: &Markets, report: &'a Report) -> Option<Placeholders> {
    let mut all = Placeholders::default();
    for (layer, document) in stacked(&shelf.placeholders) {
        let root = document.root(report);
        let list = |key, example, fold: fn(&str) -> String| folded(&root, layer, (key, example), report, fold);
        all.words.extend(list("words", "[\"n/a\", \"none\"]", text::alias_key));
        all.numbers.extend(list("numbers", "[\"1Z999AA10123456784\"]", cleaned));
        all.order_id_suffixes.extend(list("order_id_suffixes", "[\"InvalidId\"]", cleaned));
        let flag = |key| root.need_in(layer, key, "true").and_then(Node::flag);
        all.repeated = flag("repeated").unwrap_or(all.repeated);
        all.counting = flag("counting").unwrap_or(all.counting);
        all.order_id = flag("order_id").unwrap_or(all.order_id);
        all.url = flag("url").unwrap_or(all.url);
        all.no_digit = flag("no_digit").unwrap_or(all.no_digit);
        let min_length = root.need_in(layer, "min_length", "5").and_then(|node| node.whole(0..=64));
        all.min_length = min_length.map_or(all.min_length, |length| usize::try_from(length).unwrap_or_default());
        let channels = root.need_in(layer, "no_marketplace", "[\"Non-Amazon\"]").and_then(Node::texts);
        let fillers = root.may("fillers", "[\"n/a\"]").and_then(Node::texts);
        all.fillers.extend(fillers.iter().flatten().map(|filler| text::lower(filler.text)));
        let id_fillers = root.may("id_fillers", "[\"n/a\"]").and_then(Node::texts);
        all.id_fillers.extend(id_fillers.iter().flatten().map(|filler| text::lower(filler.text)));
        root.finish();
        for channel in channels.iter().flatten() {
            if markets.knows(channel.text) {
                let message = format!("`{}` is a name of a marketplace; leave it out of one of them", channel.text);
                report.add(channel.at, message);
            }
            all.no_marketplace.push(text::lower(channel.text));
        }
    }
    all.prepare();
    Some(all)
}

/// Returns the texts of a list in the form in which they are compared. A text that folds to nothing could never
/// fit.
fn folded(
    root: &Table,
    layer: Layer,
    (key, example): (&'static str, &'static str),
    report: &Report,
    fold: fn(&str) -> String,
) -> Vec<String> {
    let fold = |item: &Text| {
        let folded = fold(item.text);
        if folded.is_empty() {
            report.add(item.at, format!("nothing is left of `{}` once it is folded; leave it out", item.text));
        }
        folded
    };
    let texts = root.need_in(layer, key, example).and_then(Node::texts);
    texts.iter().flatten().map(fold).collect()
}

fn cleaned(text: &str) -> String {
    let mut cleaned = String::new();
    clean_into(text, &mut cleaned);
    cleaned
}
