//! The lists of `words.toml`.

use super::names::Names;
use super::reader::{Layer, Node, Report, Table, Text};
use super::{Shelf, stacked};
use crate::facts::{FulfilledBy, OrderState};
use crate::money::Currency;
use crate::policy::ProgrammeId;
use crate::suggest::did_you_mean;
use crate::text;
use crate::words::Words;
use std::collections::HashMap;

const SPELLINGS: &str = "[\"AFN\", \"FBA\"]";

/// Unites the lists of every layer. `None` only beside a reported problem.
pub(super) fn read<'a>(shelf: &Shelf<'a>, names: &Names, report: &'a Report) -> Option<Words> {
    let mut words = Words::default();
    for (layer, document) in stacked(&shelf.words) {
        let root = document.root(report);
        let table = |key, example| root.need_in(layer, key, example).and_then(Node::table);
        if let Some(table) = table("fulfillment_channel", "[fulfillment_channel] with its keys") {
            let meanings = [("marketplace", FulfilledBy::Marketplace), ("seller", FulfilledBy::Seller)];
            words.fulfillment_channel.extend(meant(&table, layer, meanings, report));
        }
        if let Some(table) = table("order_status", "[order_status] with its keys") {
            let meanings = [("canceled", OrderState::Canceled), ("live", OrderState::Live)];
            let unshipped = table.may("unshipped", "[\"Unshipped\"]").and_then(Node::texts).unwrap_or_default();
            let mut met = meant(&table, layer, meanings, report);
            add(&unshipped, OrderState::Live, text::alias_key, &mut met, report);
            words.unshipped.extend(unshipped.iter().map(|spelling| text::alias_key(spelling.text)));
            words.order_status.extend(met);
        }
        if let Some(table) = table("programme", "[programme] with its keys") {
            programmes(&table, names, &mut words.programme, report);
        }
        if let Some(table) = table("currency", "[currency] with its keys") {
            currencies(&table, &mut words.currency, report);
        }
        root.finish();
    }
    Some(words)
}

/// Reads lists of spellings under the names of their meanings. If a spelling has several meanings, that of the highest
/// layer counts, which is read last.
fn meant<T: Copy + PartialEq, const N: usize>(
    table: &Table,
    layer: Layer,
    meanings: [(&'static str, T); N],
    report: &Report,
) -> HashMap<String, T> {
    let mut met = HashMap::new();
    for (key, meaning) in meanings {
        let spellings = table.need_in(layer, key, SPELLINGS).and_then(Node::texts).unwrap_or_default();
        add(&spellings, meaning, text::alias_key, &mut met, report);
    }
    table.finish();
    met
}

fn add<T: Copy + PartialEq>(
    spellings: &[Text],
    meaning: T,
    fold: impl Fn(&str) -> String,
    into: &mut HashMap<String, T>,
    report: &Report,
) {
    for spelling in spellings {
        let key = fold(spelling.text);
        if key.is_empty() {
            report.add(spelling.at, format!("the word `{}` holds no letter or digit; leave it out", spelling.text));
        } else if into.insert(key, meaning).is_some_and(|other| other != meaning) {
            let message = format!("the word `{}` has two meanings here; leave it out of one of them", spelling.text);
            report.add(spelling.at, message);
        }
    }
}

fn programmes(table: &Table, names: &Names, into: &mut HashMap<String, ProgrammeId>, report: &Report) {
    let mut met = HashMap::new();
    for (name, spellings) in table.entries("[\"Seller Fulfilled Prime\"]") {
        let spellings = spellings.texts().unwrap_or_default();
        match names.programme(name.text) {
            Some(id) => add(&spellings, id, text::alias_key, &mut met, report),
            None => {
                let hint = did_you_mean(name.text, names.programmes.iter().map(String::as_str));
                report.add(name.at, format!("no version judges a programme `{}`{hint}", name.text));
            }
        }
    }
    into.extend(met);
}

/// Reads codes, and further spellings under the code that they mean.
fn currencies(table: &Table, into: &mut HashMap<String, Currency>, report: &Report) {
    let mut met = HashMap::new();
    for (name, node) in table.entries("[\"EUR\", \"GBP\"]") {
        let spellings = node.texts().unwrap_or_default();
        let code = |text: Text| {
            let code = Currency::read(text.text).filter(|code| code.code() == text.text);
            if code.is_none() {
                report.add(text.at, format!("`{}` is no currency code of three capitals; write one", text.text));
            }
            code
        };
        if name.text == "codes" {
            for text in &spellings {
                code(*text).into_iter().for_each(|code| add(&[*text], code, text::lower, &mut met, report));
            }
        } else if let Some(code) = code(name) {
            add(&spellings, code, text::lower, &mut met, report);
        }
    }
    into.extend(met);
}
