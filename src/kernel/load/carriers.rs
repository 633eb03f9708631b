//! Carriers: their files, the names that mean them, their families and their partners.

use super::Shelf;
use super::names::{Names, Rules};
use super::reader::{Document, Node, Place, Report, Table, Text};
use super::versions::sources;
use crate::carrier::{Carrier, CarrierId, CarrierSet, Carriers, Entry, KeyMeaning};
use crate::check_digit::{self, Check};
use crate::lane::Country;
use crate::number::{Alphabet, Shape};
use crate::text;
use std::collections::HashMap;

/// The content of a carrier's file.
struct Read<'a> {
    entry: Entry,
    partners: CarrierSet,
    /// The place of its family, or of the missing key.
    family_at: Place<'a>,
}

/// Returns all carriers by id, and the first rule of each one's shapes. `None` only beside a reported problem.
pub(super) fn read<'a>(
    shelf: &Shelf<'a>,
    names: &Names<'a>,
    rules: &mut Rules,
    report: &'a Report,
) -> Option<(Carriers, Vec<u32>)> {
    let mut documents: Vec<&'a Document<'a>> =
        shelf.carriers.iter().copied().filter(|document| document.sound).collect();
    documents.sort_by_key(|document| document.peek("id").map(|id| id.text));
    let mut carriers = Carriers::default();
    let mut keys = Keys { met: HashMap::new(), report };
    let (mut all, mut shapes) = (Vec::new(), Vec::new());
    for document in documents {
        shapes.push(rules.next());
        let root = document.root(report);
        all.extend(carrier(&root, &mut carriers.alphabet, &mut keys, names, rules, report));
        root.finish();
    }
    check_families(&all, names, report);
    for (index, bare) in names.bare.iter().enumerate() {
        keys.add(bare.name, KeyMeaning::ByShipFrom(index as u16));
        if bare.whole_name {
            carriers.whole_names.insert(text::alias_key(bare.name.text));
        }
        let mut by_country = vec![bare.default.map_or(Carrier::Unknown, Carrier::Known); Country::COUNT];
        bare.exceptions.iter().for_each(|(country, id)| by_country[country.index()] = Carrier::Known(*id));
        carriers.by_ship_from.push(by_country);
    }
    if all.len() != names.carrier_count() {
        return None;
    }
    let friends = friends(&all, names);
    carriers.whole_names.extend(whole_names(&all));
    carriers.by_key = keys.met.into_iter().map(|(key, (meaning, _))| (key, meaning)).collect();
    carriers.entries = all.into_iter().zip(friends).map(|(read, friends)| Entry { friends, ..read.entry }).collect();
    carriers.prepare();
    Some((carriers, shapes))
}

fn carrier<'a>(
    root: &Table<'a>,
    alphabet: &mut Alphabet,
    keys: &mut Keys<'a>,
    names: &Names<'a>,
    rules: &mut Rules,
    report: &Report,
) -> Option<Read<'a>> {
    let id = root.need("id", "\"royal_mail\"").and_then(Node::text);
    let name = root.need("name", "\"Royal Mail\"").and_then(Node::text);
    let family = root.may("family", "\"royal_mail_group\"").and_then(Node::text);
    let partners = root.may("partners", "[\"@posts\"]").and_then(Node::texts).unwrap_or_default();
    let whole_name = root.may("whole_name", "true").and_then(Node::flag).unwrap_or(false);
    let amazon_code = root.may("amazon_code", "\"Royal Mail\"").and_then(Node::text);
    let aliases = root.need("aliases", "[\"Royal Mail 1st Class\"]").and_then(Node::texts);
    let closed = root.need("closed", "false");
    let sources = sources(root);
    let shapes = root.may("shape", "[[shape]] with its keys").and_then(Node::tables).unwrap_or_default();
    let shape_count = shapes.len();
    let shapes: Vec<Shape> = shapes.iter().filter_map(|table| shape(table, alphabet, rules, report)).collect();
    let is_closed = closed.and_then(Node::flag);
    if let (Some(closed), Some(true), 0) = (closed, is_closed, shape_count) {
        let message = "`closed = true` without any [[shape]] would make every number malformed; write closed = false";
        report.add(closed.at, message);
    }
    let (id, name, aliases) = (id?, name?, aliases?);
    check_id(id, report);
    if let Some(this) = names.carrier(id) {
        [id, name]
            .iter()
            .chain(&amazon_code)
            .chain(&aliases)
            .for_each(|alias| keys.add(*alias, KeyMeaning::Carrier(this)));
    }
    let entry = Entry {
        id: id.text.to_owned(),
        name: name.text.to_owned(),
        family: family.map(|family| family.text.to_owned()),
        closed: is_closed?,
        whole_name,
        amazon_code: amazon_code.map(|code| code.text.to_owned()),
        aliases: aliases.iter().map(|alias| alias.text.to_owned()).collect(),
        shapes,
        sources: sources?,
        friends: CarrierSet::default(),
    };
    Some(Read { entry, partners: names.carrier_set(&partners), family_at: family.unwrap_or(id).at })
}

/// Checks an id, because ids appear in tables beside `other` and `(none)`.
fn check_id(id: Text, report: &Report) {
    if !id.text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_') {
        report.add(id.at, format!("the carrier id `{}` holds more than a-z, 0-9 and _; write those only", id.text));
    }
    if id.text == "other" {
        report.add(id.at, "the carrier id `other` means unknown names in tables; write another");
    }
}

fn shape(table: &Table, alphabet: &mut Alphabet, rules: &mut Rules, report: &Report) -> Option<Shape> {
    let id = table.need("id", "\"royal_mail_s10\"").and_then(Node::text);
    let pattern = table.need("pattern", "\"[A-Z]{2}[0-9]{9}GB\"").and_then(Node::text);
    let check = table.need("check", "\"none\"").and_then(|node| node.choice(&check_digit::NAMES));
    let hard = table.may("hard", "true");
    let strict = table.need("signature", "\"none\"").and_then(|node| node.choice(&[("none", false), ("strict", true)]));
    let levels = [("high", "high"), ("medium", "medium"), ("low", "low")];
    let confidence = table.need("confidence", "\"high\"").and_then(|node| node.choice(&levels));
    table.finish();
    if let (Some(hard), Some(Check::None)) = (hard, check) {
        report.add(
            hard.at,
            "`hard` says that a failed check digit fails the number; leave it out where check = \"none\"",
        );
    }
    if let Some(id) = id {
        let rule = rules.add(id);
        if confidence == Some("low") {
            rules.note_low(rule);
        }
    }
    let compiled = pattern.and_then(|pattern| match alphabet.compile(pattern.text) {
        Ok(compiled) => Some(compiled),
        Err(error) => {
            report.add(pattern.at, format!("the pattern {:?} cannot be used: {error}", pattern.text));
            None
        }
    });
    let (variants, prefix) = compiled?;
    Some(Shape {
        id: id?.text.to_owned(),
        pattern: pattern?.text.to_owned(),
        check: check?,
        hard: hard.and_then(Node::flag).unwrap_or(false),
        strict: strict?,
        prefix,
        confidence: confidence?.to_owned(),
        variants,
    })
}

/// Returns the keys of carriers whose names count only as a whole.
fn whole_names<'r>(all: &'r [Read]) -> impl Iterator<Item = String> + 'r {
    let entries = all.iter().map(|read| &read.entry).filter(|entry| entry.whole_name);
    let names = entries.flat_map(|entry| [&entry.id, &entry.name].into_iter().chain(&entry.aliases));
    names.map(|name| text::alias_key(name))
}

/// The alias keys of the whole book.
struct Keys<'a> {
    met: HashMap<String, (KeyMeaning, Place<'a>)>,
    report: &'a Report,
}

impl<'a> Keys<'a> {
    fn add(&mut self, alias: Text<'a>, meaning: KeyMeaning) {
        let key = text::alias_key(alias.text);
        if key.is_empty() {
            self.report.add(alias.at, format!("the name `{}` holds no letter or digit; leave it out", alias.text));
            return;
        }
        match self.met.get(&key) {
            Some((other, first)) if *other != meaning => {
                let message = format!(
                    "the name `{}` (key `{key}`) already means another carrier at {first}; leave it out of one of them",
                    alias.text
                );
                self.report.add(alias.at, message);
            }
            Some(_) => {}
            None => {
                self.met.insert(key, (meaning, alias.at));
            }
        }
    }
}

/// Checks that a carrier's `family` and the lists of families.toml say the same.
fn check_families(all: &[Read], names: &Names, report: &Report) {
    for read in all {
        let Some(family) = &read.entry.family else { continue };
        let members = names.families.get(family.as_str());
        if !members.is_some_and(|members| members.iter().any(|(_, id)| id.text == read.entry.id)) {
            let message = format!(
                "`family` is {family:?}, but families.toml does not list `{}` there; write it in both or neither",
                read.entry.id
            );
            report.add(read.family_at, message);
        }
    }
    for (family, members) in &names.families {
        for (_, id) in members {
            let Some(read) = all.iter().find(|read| read.entry.id == id.text) else { continue };
            if read.entry.family.as_deref() != Some(family) {
                let own = read.entry.family.as_deref().unwrap_or("no family");
                let message = format!(
                    "`{}` is listed in the family {family:?}, but its file says {own:?}; write family = {family:?} at {}",
                    id.text, read.family_at
                );
                report.add(id.at, message);
            }
        }
    }
}

/// Returns, for each carrier, itself, its family and its partners. Partnership holds both ways, but the family and
/// partners of a partner are strangers.
fn friends(all: &[Read], names: &Names) -> Vec<CarrierSet> {
    let mut friends: Vec<CarrierSet> = all.iter().map(|read| read.partners.clone()).collect();
    for (index, read) in all.iter().enumerate() {
        let this = CarrierId(index as u16);
        friends[index].insert(this);
        read.partners.ids().for_each(|partner| friends[usize::from(partner.0)].insert(this));
        let family = read.entry.family.as_deref().and_then(|family| names.families.get(family));
        family.into_iter().flatten().for_each(|(member, _)| friends[index].insert(*member));
    }
    friends
}
