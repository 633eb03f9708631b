//! Marketplaces: their files, the names that mean them, and the order of their versions.

use super::Shelf;
use super::names::{Names, Rules};
use super::reader::{Document, Node, Place, Report, Table, Text};
use super::versions;
use crate::calendar::{Day, Zone, date_from_day};
use crate::lane::Country;
use crate::money::Currency;
use crate::policy::{ListedPrices, Market, MarketplaceId, SelectedBy, Version};
use crate::text;
use std::collections::{BTreeMap, HashMap};

/// All marketplaces and the index of their names.
#[derive(Default)]
pub(super) struct Markets<'a> {
    /// The marketplaces by name; `None` only beside a reported problem.
    pub all: Option<Vec<Market>>,
    pub by_id: HashMap<String, MarketplaceId>,
    pub by_alias: HashMap<String, MarketplaceId>,
    /// The meaning of each id and alias in any case, and the place where it was first read.
    met: HashMap<String, (MarketplaceId, Place<'a>)>,
}

impl<'a> Markets<'a> {
    /// Returns whether a text already means a marketplace.
    pub fn knows(&self, text: &str) -> bool {
        self.by_id.contains_key(text) || self.by_alias.contains_key(&text::lower(text))
    }

    /// Adds the ids and aliases of one marketplace; none may mean another one too.
    fn register(&mut self, id: MarketplaceId, ids: &[Text<'a>], aliases: &[Text<'a>], report: &Report) {
        for text in ids.iter().chain(aliases) {
            let (owner, first) = *self.met.entry(text::lower(text.text)).or_insert((id, text.at));
            if owner != id {
                let message =
                    format!("`{}` means another marketplace at {first}; leave it out of one of them", text.text);
                report.add(text.at, message);
            }
        }
        self.by_id.extend(ids.iter().map(|text| (text.text.to_owned(), id)));
        self.by_alias.extend(aliases.iter().map(|text| (text::lower(text.text), id)));
    }
}

pub(super) fn read<'a>(shelf: &Shelf<'a>, names: &Names<'a>, rules: &mut Rules, report: &'a Report) -> Markets<'a> {
    let mut markets = Markets::default();
    let mut documents: Vec<&'a Document<'a>> =
        shelf.policies.iter().copied().filter(|document| document.sound).collect();
    documents.sort_by_key(|document| document.peek("marketplace").map(|name| name.text));
    let mut all = Vec::new();
    for document in documents {
        let root = document.root(report);
        all.extend(market(document, &root, &mut markets, names, rules, report));
        root.finish();
    }
    markets.all = (all.len() == names.markets.len()).then_some(all);
    markets
}

fn market<'a>(
    document: &Document,
    root: &Table<'a>,
    markets: &mut Markets<'a>,
    names: &Names<'a>,
    rules: &mut Rules,
    report: &'a Report,
) -> Option<Market> {
    let name = root.need("marketplace", "\"GB\"").and_then(Node::text);
    let title = root.need("name", "\"Amazon.co.uk\"").and_then(Node::text);
    let ids = root.need("ids", "[\"A1F83G8C2ARO7P\"]").and_then(Node::texts);
    let aliases = root.need("aliases", "[\"UK\", \"Amazon.co.uk\"]").and_then(Node::texts);
    let currency = root.need("currency", "\"GBP\"").and_then(currency);
    let zone = root.need("time_zone", "\"Europe/London\"").and_then(|node| {
        let zone = Zone::of_place(node.text()?.text);
        if zone.is_none() {
            node.refuse("is no place of the IANA database; write one such as \"Europe/London\"")
        } else {
            zone
        }
    });
    let clocks = [("promised_delivery", SelectedBy::PromisedDelivery), ("shipped", SelectedBy::Shipped)];
    let selected_by = root.need("selected_by", "\"promised_delivery\"").and_then(|node| node.choice(&clocks));
    let window_days = root.need("window_days", "30").and_then(|node| node.whole(1..=366));
    let latency_days = root.need("latency_days", "14").and_then(|node| node.whole(0..=366));
    let prices = [("with_tax", ListedPrices::WithTax), ("without_tax", ListedPrices::WithoutTax)];
    let listed_prices = root.may("listed_prices", "\"with_tax\"");
    let listed_prices = listed_prices.map_or(Some(ListedPrices::WithoutTax), |node| node.choice(&prices));
    let groups = root.may("groups", "[groups] with its keys").and_then(Node::table);
    let groups = groups.map(|groups| countries_by_group(&groups)).unwrap_or_default();
    let tables = root.may("version", "[[version]] with its keys").and_then(Node::tables).unwrap_or_default();
    let mut dated = Vec::new();
    for table in &tables {
        let context = versions::Context { names, groups: &groups, report };
        dated.extend(versions::version(table, &context, rules).map(|version| (version, table.at)));
    }
    let versions = in_order_of_time(dated, rules, report);
    let (name, ids, aliases) = (name?, ids?, aliases?);
    if let Some(id) = names.markets.get(name.text) {
        markets.register(*id, &ids, &[aliases.as_slice(), &[name]].concat(), report);
    }
    let country = Country::read(name.text);
    if country.code() != name.text {
        let message = format!("`marketplace` is {:?}; write the store's country in two capitals, as \"GB\"", name.text);
        report.add(name.at, message);
    }
    let texts = |texts: Vec<Text>| texts.iter().map(|text| text.text.to_owned()).collect();
    Some(Market {
        name: name.text.to_owned(),
        title: title?.text.to_owned(),
        ids: texts(ids),
        aliases: texts(aliases),
        currency: currency?,
        zone: zone?,
        selected_by: selected_by?,
        window_days: window_days?,
        latency_days: latency_days?,
        country,
        listed_prices: listed_prices?,
        note: document.note(),
        begins: versions.iter().map(|version| version.from.unwrap_or(Day::MIN)).collect(),
        versions,
    })
}

fn currency(node: Node) -> Option<Currency> {
    let text = node.text()?;
    match Currency::read(text.text).filter(|currency| currency.code() == text.text) {
        None => node.refuse("is no currency code of three capitals"),
        currency => currency,
    }
}

/// Reads `[groups]` of a marketplace.
fn countries_by_group<'a>(groups: &Table<'a>) -> BTreeMap<&'a str, Vec<Country>> {
    let mut by_group = BTreeMap::new();
    for (group, node) in groups.entries("[\"DE\", \"FR\"]") {
        let countries = node.some_texts().unwrap_or_default();
        let read = |country: &Text| match versions::country(country.text) {
            None => node.refuse(format!("lists `{}`, which is no country code of two capitals", country.text)),
            country => country,
        };
        by_group.insert(group.text, countries.iter().filter_map(read).collect());
    }
    by_group
}

/// Sorts versions by their days; they may leave gaps but not overlap.
fn in_order_of_time(mut dated: Vec<(Version, Place)>, rules: &Rules, report: &Report) -> Vec<Version> {
    dated.sort_by_key(|(version, _)| version.from);
    let written = |day: Day| date_from_day(day).to_string();
    for (version, at) in &dated {
        if let (Some(from), Some(until)) = (version.from, version.until)
            && from >= until
        {
            let (from, until) = (written(from), written(until));
            report.add(
                *at,
                format!("the version is never in force: from = {from}, until = {until}; write a later until"),
            );
        }
    }
    for pair in dated.windows(2) {
        let ((earlier, _), (later, at)) = (&pair[0], &pair[1]);
        let (first, second) = (rules.text(earlier.id), rules.text(later.id));
        let Some(from) = later.from else {
            let message =
                format!("`{first}` and `{second}` both lack `from`; write the day on which one of them begins");
            report.add(*at, message);
            continue;
        };
        if earlier.until.is_none_or(|until| until > from) {
            let end = earlier
                .until
                .map_or("has no until".to_owned(), |until| format!("is in force until {}", written(until)));
            let from = written(from);
            let message = format!(
                "`{second}` begins on {from}, but `{first}` {end}; write until = {from} in `{first}` or earlier"
            );
            report.add(*at, message);
        }
    }
    dated.into_iter().map(|(version, _)| version).collect()
}
