//! Names by which files refer to each other: carriers, groups, families, service classes, marketplaces, programmes;
//! and the ids of rules, each of which is unique in a book.
//!
//! Names are collected before anything else is read, so that a fault in one file does not make its name unknown in
//! all others. This module never decides where a name may be used.

use super::reader::{Document, Layer, Node, Report, Text};
use super::{Shelf, stacked};
use crate::carrier::{CarrierId, CarrierSet};
use crate::lane::Country;
use crate::placeholder::Placeholder;
use crate::policy::{Confidence, Doubt, FixedRules, MarketplaceId, ProgrammeId, RuleId};
use crate::reason::Reason;
use crate::suggest::did_you_mean;
use std::collections::{BTreeMap, HashMap};

/// The greatest number of carriers or of marketplaces; more would leave no code for the unknown ones.
const MAX_IDS: usize = 60_000;

/// An example for messages about `families.toml`.
const MEMBERS: &str = "[\"royal_mail\", \"parcelforce\"]";

/// A bare name that means a different carrier in each country.
pub(super) struct BareName<'a> {
    pub name: Text<'a>,
    pub default: Option<CarrierId>,
    /// Whether it counts only as a whole name.
    pub whole_name: bool,
    pub exceptions: BTreeMap<Country, CarrierId>,
}

/// The names to which files may refer.
pub(super) struct Names<'a> {
    carriers: BTreeMap<&'a str, CarrierId>,
    /// The marketplaces, by name.
    pub markets: BTreeMap<&'a str, MarketplaceId>,
    /// The members of each family, with the places that name them.
    pub families: BTreeMap<&'a str, Vec<(CarrierId, Text<'a>)>>,
    groups: BTreeMap<&'a str, CarrierSet>,
    /// The names that depend on the origin.
    pub bare: Vec<BareName<'a>>,
    classes: Vec<String>,
    /// The programmes: `standard` first, the others in order.
    pub programmes: Vec<String>,
    /// Whether the lists of groups and classes are complete; an incomplete list makes no name unknown.
    sound: bool,
    report: &'a Report,
}

impl<'a> Names<'a> {
    pub fn collect(shelf: &Shelf<'a>, report: &'a Report) -> Names<'a> {
        let sound = |documents: &[&Document]| !documents.is_empty() && documents.iter().all(|document| document.sound);
        let carriers = ids(&shelf.carriers, "id", "carrier id", report);
        let markets = ids(&shelf.policies, "marketplace", "marketplace", report);
        let mut names = Names {
            carriers: carriers.into_iter().zip(0..).map(|(id, index)| (id, CarrierId(index))).collect(),
            markets: markets.into_iter().zip(0..).map(|(name, index)| (name, MarketplaceId(index))).collect(),
            families: BTreeMap::new(),
            groups: BTreeMap::new(),
            bare: Vec::new(),
            classes: classes(&shelf.services),
            programmes: programmes(&shelf.policies),
            sound: sound(&shelf.services) && sound(&shelf.families),
            report,
        };
        for (layer, document) in stacked(&shelf.families) {
            names.read_families(layer, document);
        }
        names
    }

    fn read_families(&mut self, layer: Layer, document: &'a Document<'a>) {
        let root = document.root(self.report);
        if let Some(families) = root.need_in(layer, "families", "[families] with its keys").and_then(Node::table) {
            for (family, members) in families.entries(MEMBERS) {
                let members = members.some_texts().unwrap_or_default();
                let members = members.into_iter().filter_map(|id| Some((self.carrier(id)?, id))).collect();
                self.families.entry(family.text).or_default().extend::<Vec<_>>(members);
            }
        }
        if let Some(groups) = root.need_in(layer, "groups", "[groups] with its keys").and_then(Node::table) {
            for (group, members) in groups.entries(MEMBERS) {
                let members = members.some_texts().unwrap_or_default();
                let members: Vec<CarrierId> = members.into_iter().filter_map(|id| self.carrier(id)).collect();
                let set = self.groups.entry(group.text).or_default();
                members.into_iter().for_each(|id| set.insert(id));
            }
        }
        let bare = root.need_in(layer, "by_ship_from", "[by_ship_from] with its keys").and_then(Node::table);
        for (name, table) in bare.iter().flat_map(|bare| bare.entries("{ default = \"dhl_express\" }")) {
            let Some(table) = table.table() else { continue };
            let known = self.bare.iter().position(|bare| bare.name.text == name.text);
            let at = known.unwrap_or_else(|| {
                self.bare.push(BareName { name, default: None, whole_name: false, exceptions: BTreeMap::new() });
                self.bare.len() - 1
            });
            for (place, carrier) in table.entries("\"dhl_express\"") {
                if place.text == "whole_name" {
                    self.bare[at].whole_name = carrier.flag().unwrap_or(false);
                    continue;
                }
                let Some(carrier) = carrier.text().and_then(|id| self.carrier(id)) else { continue };
                if place.text == "default" {
                    self.bare[at].default = Some(carrier);
                } else if let Some(country) = super::versions::country(place.text) {
                    self.bare[at].exceptions.insert(country, carrier);
                } else {
                    let message = format!(
                        "`{}` is no country that a package leaves from; write two capitals such as \"GB\", or default",
                        place.text
                    );
                    self.report.add(place.at, message);
                }
            }
        }
        root.finish();
    }

    /// Returns a carrier by its id.
    pub fn carrier(&self, id: Text) -> Option<CarrierId> {
        let known = self.carriers.get(id.text).copied();
        if known.is_none() {
            let hint = did_you_mean(id.text, self.carriers.keys().copied());
            self.report.add(id.at, format!("no carrier has the id `{}`{hint}", id.text));
        }
        known
    }

    /// Returns the number of carriers with a file of their own.
    pub fn carrier_count(&self) -> usize {
        self.carriers.len()
    }

    /// Returns the carrier ids in order.
    pub fn carrier_ids(&self) -> impl Iterator<Item = &'a str> + '_ {
        self.carriers.keys().copied()
    }

    /// Reads a list of ids and `@groups`.
    pub fn carrier_set(&self, list: &[Text]) -> CarrierSet {
        let mut set = CarrierSet::default();
        for item in list {
            match item.text.strip_prefix('@') {
                None => self.carrier(*item).into_iter().for_each(|id| set.insert(id)),
                Some(group) => match self.groups.get(group) {
                    Some(members) => members.ids().for_each(|id| set.insert(id)),
                    None if !self.sound => {}
                    None => {
                        let hint = did_you_mean(group, self.groups.keys().copied());
                        self.report.add(item.at, format!("families.toml has no group `{group}`{hint}"));
                    }
                },
            }
        }
        set
    }

    /// Reads a list of service classes as bits.
    pub fn class_bits(&self, list: &[Text]) -> u32 {
        let mut bits = 0;
        for item in list {
            match self.classes.iter().position(|name| name == item.text) {
                Some(index) => bits |= 1u32.checked_shl(index as u32).unwrap_or(0),
                None if !self.sound => {}
                None => {
                    let hint = did_you_mean(item.text, self.classes.iter().map(String::as_str));
                    self.report.add(item.at, format!("services.toml has no class `{}`{hint}", item.text));
                }
            }
        }
        bits
    }

    /// Returns `standard`, or a programme that some version judges separately.
    pub fn programme(&self, name: &str) -> Option<ProgrammeId> {
        self.programmes.iter().position(|known| known == name).map(|index| ProgrammeId(index as u16))
    }
}

/// Returns the texts of a key that every file of a kind has, in order; a repeated text is reported.
fn ids<'a>(documents: &[&'a Document<'a>], key: &str, what: &str, report: &Report) -> Vec<&'a str> {
    let mut met: BTreeMap<&str, Text> = BTreeMap::new();
    // A damaged file without a readable id most likely has the id of its file name.
    let called = |document: &&'a Document<'a>| {
        let stem = document.name.rsplit('/').next()?.strip_suffix(".toml")?;
        (!document.sound).then_some(Text { text: stem, at: document.place(0) })
    };
    for id in documents.iter().filter_map(|document| document.peek(key).or_else(|| called(document))) {
        match met.get(id.text) {
            Some(first) => {
                report.add(id.at, format!("the {what} `{}` is taken at {}; write one of your own", id.text, first.at));
            }
            None if met.len() == MAX_IDS => report.add(id.at, format!("a book holds at most {MAX_IDS} of these")),
            None => {
                met.insert(id.text, id);
            }
        }
    }
    met.into_keys().collect()
}

/// Returns the names of the service classes in their order, those that only a higher layer has behind the others.
/// It reports nothing.
fn classes(documents: &[&Document]) -> Vec<String> {
    let silent = Report::default();
    let mut names: Vec<String> = Vec::new();
    for (layer, document) in documents.iter().enumerate() {
        let root = document.root(&silent);
        let classes = root.may("class", "").and_then(Node::tables).unwrap_or_default();
        for class in classes {
            // A class without a name keeps its place, so that the bits of the following ones stay right.
            let name = class.may("name", "").and_then(Node::text).map_or(String::new(), |name| name.text.to_owned());
            if layer == 0 || !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names
}

/// Returns `standard` and the names of all programmes that versions judge separately. It reports nothing.
fn programmes(documents: &[&Document]) -> Vec<String> {
    let silent = Report::default();
    let mut names = Vec::new();
    for document in documents {
        let root = document.root(&silent);
        for version in root.may("version", "").and_then(Node::tables).unwrap_or_default() {
            for programme in version.may("programme", "").and_then(Node::tables).unwrap_or_default() {
                names.extend(programme.may("name", "").and_then(Node::text).map(|name| name.text.to_owned()));
            }
        }
    }
    names.sort();
    names.dedup();
    names.retain(|name| name != "standard");
    names.insert(0, "standard".into());
    names
}

/// The ids of rules; a verdict may name each of them.
pub(super) struct Rules<'a> {
    texts: Vec<String>,
    doubts: HashMap<u32, Doubt>,
    met: HashMap<String, String>,
    report: &'a Report,
}

impl<'a> Rules<'a> {
    /// Adds the rules that no file names; they come first.
    pub fn new(names: &Names, report: &'a Report) -> (Rules<'a>, FixedRules) {
        let mut rules = Rules { texts: Vec::new(), doubts: HashMap::new(), met: HashMap::new(), report };
        let fixed = FixedRules {
            no_marketplace: rules.fixed(["no_marketplace"]),
            fulfilled_by_marketplace: rules.fixed([Reason::FulfilledByMarketplace.name()]),
            canceled: rules.fixed([Reason::Canceled.name()]),
            markets: rules.fixed(names.markets.keys().copied()),
            placeholders: rules.fixed(Placeholder::ALL.map(Placeholder::name)),
            carriers: rules.fixed(names.carrier_ids()),
            shapes: Vec::new(),
        };
        (rules, fixed)
    }

    /// Adds rules that need no file; returns the index of the first.
    fn fixed<'t>(&mut self, texts: impl IntoIterator<Item = &'t str>) -> u32 {
        let first = self.next();
        for text in texts {
            self.texts.push(text.to_owned());
            self.met.insert(text.to_owned(), "a rule, carrier or marketplace of its own".to_owned());
        }
        first
    }

    /// Returns the index of the rule that is added next.
    pub fn next(&self) -> u32 {
        self.texts.len() as u32
    }

    /// Adds the rule of an id.
    pub fn add(&mut self, id: Text) -> RuleId {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        if !id.text.chars().all(plain) {
            let message = format!("the id `{}` holds more than a-z, 0-9, - and _; write those only", id.text);
            self.report.add(id.at, message);
        }
        if let Some(first) = self.met.get(id.text) {
            let message = format!("the id `{}` is taken: {first}; write another, because verdicts name ids", id.text);
            self.report.add(id.at, message);
        }
        let index = self.next();
        self.texts.push(id.text.to_owned());
        self.met.entry(id.text.to_owned()).or_insert_with(|| id.at.to_string());
        RuleId(index)
    }

    /// Returns the text of a rule's id.
    pub fn text(&self, rule: RuleId) -> &str {
        &self.texts[rule.0 as usize]
    }

    /// Notes how certain a rule is.
    pub fn rate(&mut self, rule: RuleId, confidence: Confidence) {
        if confidence == Confidence::Unsure {
            self.doubts.insert(rule.0, Doubt::UnsureRule);
        }
    }

    /// Notes that the shape of a rule was seen too rarely.
    pub fn note_low(&mut self, rule: RuleId) {
        self.doubts.insert(rule.0, Doubt::LowShape);
    }

    /// Returns the doubt about each rule, in order.
    pub fn doubts(&self) -> Vec<Option<Doubt>> {
        (0..self.next()).map(|rule| self.doubts.get(&rule).copied()).collect()
    }

    pub fn into_texts(self) -> Vec<String> {
        self.texts
    }
}
