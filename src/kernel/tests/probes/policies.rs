//! Probes of every leaf of every policy file.

use crate::shelf::{Shelf, list, texts};
use crate::shipment::{Answer, Shipment, even_rates};
use std::collections::{BTreeMap, BTreeSet};
use toml::{Table, Value};
use vtr_kernel::Book;
use vtr_kernel::calendar::{Day, date_from_day, day_from_date};

/// The keys that may change without changing a figure.
const COMMENTARY: [(&str, &str); 14] = [
    ("name", "the store's name, for people"),
    ("version.id", "the name of a rule"),
    ("version.per", "what is suspended by it"),
    ("version.programme.per", "what is suspended by it"),
    ("version.confidence", "how sure the source is"),
    ("version.checked_on", "when the source was read"),
    ("version.source.title", "a source"),
    ("version.source.url", "a source"),
    ("listed_prices", "what values are made of; judged ones are given"),
    ("version.lane.confidence", "how sure the source is"),
    ("version.lane.exempt.confidence", "how sure the source is"),
    ("version.lane.id", "the name of a rule"),
    ("version.lane.exempt.id", "the name of a rule"),
    ("version.lane.refuse.id", "the name of a rule"),
];

/// A carrier without shapes, family, partners or a place on any list.
const NOBODY: &str = "tezel_lojistik";

/// A step on the way to a leaf.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
}

/// A value that is neither table nor list, and the path to it.
#[derive(Clone, Debug)]
struct Leaf {
    file: String,
    path: Vec<Step>,
    value: Value,
}

impl Leaf {
    /// Returns the keys of the path, and the index in the innermost list of texts.
    fn kind(&self) -> (String, usize) {
        let keys: Vec<&str> = self
            .path
            .iter()
            .filter_map(|step| if let Step::Key(key) = step { Some(key.as_str()) } else { None })
            .collect();
        let place = match self.path.last() {
            Some(Step::Index(index)) => *index,
            _ => 0,
        };
        // The keys of groups are chosen by each marketplace.
        let keys = if keys[0] == "groups" { vec!["groups"] } else { keys };
        (keys.join("."), place)
    }

    fn index_after(&self, key: &str) -> Option<usize> {
        let at = self.path.iter().position(|step| *step == Step::Key(key.into()))?;
        match self.path.get(at + 1) {
            Some(Step::Index(index)) => Some(*index),
            _ => None,
        }
    }
}

fn leaves(value: &Value, path: &mut Vec<Step>, file: &str, found: &mut Vec<Leaf>) {
    match value {
        Value::Table(table) => {
            for (key, value) in table {
                path.push(Step::Key(key.clone()));
                leaves(value, path, file, found);
                path.pop();
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                path.push(Step::Index(index));
                leaves(value, path, file, found);
                path.pop();
            }
        }
        _ => found.push(Leaf { file: file.to_owned(), path: path.clone(), value: value.clone() }),
    }
}

fn at<'a>(table: &'a mut Table, path: &[Step]) -> &'a mut Value {
    let (Step::Key(first), rest) = (&path[0], &path[1..]) else { panic!("a file is a table") };
    rest.iter().fold(&mut table[first.as_str()], |value, step| match step {
        Step::Key(key) => &mut value[key.as_str()],
        Step::Index(index) => &mut value[*index],
    })
}

fn shifted(date: &Value, by: Day) -> Value {
    let day = day_of(date) + by;
    Value::Datetime(date_from_day(day).to_string().parse().unwrap())
}

fn day_of(date: &Value) -> Day {
    day_from_date(date.as_datetime().unwrap().to_string().parse().unwrap())
}

/// Returns another value for a leaf; `None` removes the key.
fn other(kind: &str, leaf: &Leaf, number: usize) -> Option<Value> {
    let text = || leaf.value.as_str().unwrap();
    let string = |text: &str| Value::String(text.to_owned());
    Some(match kind {
        "ids" | "aliases" => Value::String(format!("ZZ{number}")),
        "currency" => string("XXX"),
        "time_zone" => string("Pacific/Kiritimati"),
        "selected_by" => string("shipped"),
        "window_days" | "latency_days" => Value::Integer(leaf.value.as_integer().unwrap() - 1),
        "groups" => string("QQ"),
        "version.from" | "version.programme.from" => shifted(&leaf.value, 1),
        "version.until" | "version.programme.until" | "version.lane.exempt.shipped_before" => shifted(&leaf.value, -1),
        "version.only" => string("standard"),
        "version.lane.carriers.known" => string("complete"),
        "version.lane.from" | "version.lane.to" => string(if text().starts_with('!') { "!QQ" } else { "QQ" }),
        "version.target.at_least" | "version.target.more_than" | "version.programme.target.at_least" => string("0.5"),
        "version.programme.name" => Value::String(format!("{}x", text())),
        "version.lane.programme" => string("standard"),
        "version.carriers" | "version.lane.carriers" => {
            let rule = [("integrated", list(&[NOBODY])), ("otherwise", string("not_accepted"))];
            Value::Table(rule.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
        }
        "version.carriers.integrated"
        | "version.lane.carriers.integrated"
        | "version.lane.exempt.carriers"
        | "version.lane.refuse.carriers" => string(NOBODY),
        "version.carriers.otherwise" | "version.lane.carriers.otherwise" => {
            string(if text() == "not_measured" { "not_accepted" } else { "not_measured" })
        }
        "version.lane.scans" | "version.lane.scans.then" | "version.lane.scans.otherwise" => {
            Value::Integer(3 - leaf.value.as_integer().unwrap())
        }
        "version.lane.exempt.value_at_most" => {
            let (amount, currency) = text().split_once(' ').unwrap();
            Value::String(format!("{}.99 {currency}", amount.parse::<i64>().unwrap() - 1))
        }
        "version.lane.scans.value_below" | "version.lane.exempt.value_below" => {
            let (amount, currency) = text().split_once(' ').unwrap();
            Value::String(format!("{amount}.01 {currency}"))
        }
        "version.lane.exempt.services" => string(if text() == "freight" { "regular_letter" } else { "freight" }),
        "version.lane.exempt.buy_shipping" | "version.lane.exempt.integrated" => {
            Value::Boolean(!leaf.value.as_bool().unwrap())
        }
        "version.lane.refuse.number_not_ending" => string("QQ"),
        "version.lane.refuse.carrier_script" => return None,
        _ => {
            panic!("{}: no probe knows the parameter {kind}; say how to change it, or that it is commentary", leaf.file)
        }
    })
}

/// The shipments that a leaf could affect.
struct Craft<'a> {
    shelf: &'a Shelf,
    file: &'a Table,
}

impl Craft<'_> {
    fn market(&self) -> &str {
        self.file["marketplace"].as_str().unwrap()
    }

    fn versions(&self) -> &[Value] {
        self.file.get("version").and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    fn countries(&self, places: &Value) -> Vec<String> {
        let mut countries = Vec::new();
        for place in texts(Some(places)) {
            match place.split_at(1) {
                ("@", group) => countries.extend(texts(self.file["groups"].get(group))),
                ("!", _) => countries.extend(["QQ", "FR"].map(str::to_owned)),
                ("*", _) => countries.extend(["nowhere", "FR"].map(str::to_owned)),
                _ => countries.push(place),
            }
        }
        countries
    }

    fn members(&self, item: &str) -> BTreeSet<String> {
        match item.strip_prefix('@') {
            Some(group) => texts(self.shelf.files["families.toml"]["groups"].get(group)).into_iter().collect(),
            None => [item.to_owned()].into(),
        }
    }

    /// Returns, for each list of carriers, a member that only one of its items adds.
    fn members_of_lists(&self, version: &Value, lane: &Value) -> Vec<String> {
        let mut found = Vec::new();
        for carriers in [version.get("carriers"), lane.get("carriers")].into_iter().flatten() {
            let items = texts(carriers.get("integrated"));
            for item in &items {
                let others: BTreeSet<String> =
                    items.iter().filter(|other| *other != item).flat_map(|other| self.members(other)).collect();
                found.extend(self.members(item).difference(&others).next().cloned());
            }
        }
        found
    }

    fn values(&self, lane: &Value) -> Vec<Option<(String, Option<String>)>> {
        let mut values = vec![None, Some(("1".to_owned(), None))];
        let conditions = lane.get("exempt").and_then(Value::as_array).into_iter().flatten();
        let limits = conditions
            .chain(lane.get("scans"))
            .filter_map(|holder| holder.get("value_below").or_else(|| holder.get("value_at_most")));
        for limit in limits {
            let (amount, currency) = limit.as_str().unwrap().split_once(' ').unwrap();
            values.push(Some((amount.to_owned(), Some(currency.to_owned()))));
        }
        values
    }

    /// Calls `each` with shipments of a lane until it returns that one suffices.
    fn of_lane(&self, version: &Value, lane: &Value, each: &mut dyn FnMut(&Shipment) -> bool) -> bool {
        const SERVICES: [Option<&str>; 7] = [
            None,
            Some("letter"),
            Some("large letter"),
            Some("untracked"),
            Some("freight"),
            Some("standard envelope"),
            Some("regular letter"),
        ];
        let first = version.get("from").map(day_of);
        let last = version.get("until").map(|until| day_of(until) - 1);
        let of_programmes = version.get("programme").and_then(Value::as_array).into_iter().flatten();
        let of_programmes = of_programmes.flat_map(|programme| {
            let until = programme.get("until").map(|until| day_of(until) - 1);
            programme.get("from").map(day_of).into_iter().chain(until)
        });
        let days = [first, last]
            .into_iter()
            .flatten()
            .chain(of_programmes)
            .chain((first.is_none() && last.is_none()).then_some(20_000));
        let mut carriers: Vec<String> =
            ["Bob's Vans", "usps", "royal_mail", "china_post", "canada_post", "australia_post", "Bob 运"]
                .map(str::to_owned)
                .into();
        carriers.extend(self.members_of_lists(version, lane));
        let programmes = version.get("programme").and_then(Value::as_array).into_iter().flatten();
        let programmes: Vec<Option<String>> = [None]
            .into_iter()
            .chain(programmes.map(|programme| programme["name"].as_str().map(str::to_owned)))
            .collect();
        let mut shipment = Shipment::new(self.market(), 0);
        for day in days {
            shipment.day = day;
            for (from, to) in pairs(&self.countries(&lane["from"]), &self.countries(&lane["to"])) {
                (shipment.from, shipment.to) = (Some(from), Some(to));
                for programme in &programmes {
                    shipment.programme = programme.clone();
                    for carrier in &carriers {
                        shipment.carrier = carrier.clone();
                        for value in self.values(lane) {
                            shipment.value = value;
                            for service in SERVICES {
                                shipment.service = service;
                                for bought in [false, true] {
                                    shipment.bought = bought;
                                    for (scans, number) in [
                                        (0, "AT837151204PL"),
                                        (1, "AT490384850CN"),
                                        (1, "AT837151204PL"),
                                        (2, "AT837151204PL"),
                                    ] {
                                        (shipment.scans, shipment.number) = (scans, number.to_owned());
                                        if each(&shipment) {
                                            return true;
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
        false
    }

    /// Calls `each` likewise with the shipments of everything above a leaf; without a version, with one package.
    fn of_leaf(&self, leaf: &Leaf, each: &mut dyn FnMut(&Shipment) -> bool) -> bool {
        let (version, lane) = (leaf.index_after("version"), leaf.index_after("lane"));
        if matches!(leaf.path[0], Step::Key(ref key) if key == "ids" || key == "aliases") {
            return each(&Shipment::new(leaf.value.as_str().unwrap(), 20_000));
        }
        if self.versions().is_empty() && each(&Shipment::new(self.market(), 20_000)) {
            return true;
        }
        for (_, version) in
            self.versions().iter().enumerate().filter(|(index, _)| version.is_none_or(|only| only == *index))
        {
            let lanes = version["lane"].as_array().unwrap();
            for (_, lane) in lanes.iter().enumerate().filter(|(index, _)| lane.is_none_or(|only| only == *index)) {
                if self.of_lane(version, lane, each) {
                    return true;
                }
            }
        }
        false
    }

    /// Returns the ids of which an answer must have used one if a leaf has changed it.
    fn went_by(&self, leaf: &Leaf, answers: [&Answer; 2]) -> bool {
        let Some(version) = leaf.index_after("version").map(|index| &self.versions()[index]) else { return true };
        let id = |table: &Value| table["id"].as_str().unwrap().to_owned();
        let by =
            |what: fn(&Answer) -> Option<&String>, id: String| answers.iter().any(|answer| what(answer) == Some(&id));
        let Some(lane) = leaf.index_after("lane").map(|index| &version["lane"][index]) else {
            return by(|answer| answer.version.as_ref(), id(version));
        };
        let condition =
            ["exempt", "refuse"].into_iter().find_map(|key| leaf.index_after(key).map(|index| &lane[key][index]));
        by(|answer| answer.lane.as_ref(), id(lane))
            && condition.is_none_or(|condition| by(|answer| Some(&answer.rule), id(condition)))
    }
}

fn pairs(from: &[String], to: &[String]) -> Vec<(String, String)> {
    from.iter().flat_map(|from| to.iter().map(move |to| (from.clone(), to.clone()))).collect()
}

/// Returns whether the book states the same twice, so that one of the two cannot matter.
fn is_said_twice(kind: &str, leaf: &Leaf, file: &Table) -> bool {
    let lane = || &file["version"][leaf.index_after("version").unwrap()]["lane"][leaf.index_after("lane").unwrap()];
    match kind {
        // A lane that exempts everything requires no scans.
        "version.lane.scans" => {
            let mut exempt = lane().get("exempt").and_then(Value::as_array).into_iter().flatten();
            exempt.any(|exemption| exemption.as_table().unwrap().len() == 1)
        }
        // If a list is only partly known, the next rungs judge the other carriers.
        "version.lane.carriers.otherwise" => {
            lane()["carriers"].get("known").is_some_and(|known| *known == "partial".into())
        }
        // The name of a marketplace always counts as one of its aliases.
        "aliases" => leaf.value == file["marketplace"],
        // A store without a limit compares no value.
        "currency" => !toml::to_string(file).unwrap().contains("value_"),
        _ => false,
    }
}

#[test]
#[cfg_attr(debug_assertions, ignore = "slow without optimisation; run with --release")]
fn every_parameter_of_every_policy_moves_an_answer() {
    let (shelf, rates) = (Shelf::embedded(), even_rates());
    let book = shelf.load();
    let mut kinds: BTreeMap<(String, usize), Vec<Leaf>> = BTreeMap::new();
    for (name, file) in shelf.files.iter().filter(|(name, _)| name.starts_with("policies/")) {
        let mut found = Vec::new();
        leaves(&Value::Table(file.clone()), &mut Vec::new(), name, &mut found);
        found.into_iter().for_each(|leaf| kinds.entry(leaf.kind()).or_default().push(leaf));
    }
    let (mut dead, mut asked) = (Vec::new(), 0);
    for ((kind, place), leaves) in &kinds {
        if COMMENTARY.iter().any(|(commentary, _)| commentary == kind) {
            continue;
        }
        let changed =
            if kind == "marketplace" { renamed(&shelf) } else { shelf.changed(|shelf| change(shelf, kind, leaves)) };
        for leaf in leaves {
            let file = &shelf.files[&leaf.file];
            if is_said_twice(kind, leaf, file) {
                continue;
            }
            asked += 1;
            if !moves(leaf, &Craft { shelf: &shelf, file }, [&book, &changed], &rates) {
                dead.push(format!("{} {kind}[{place}] {:?} = {}", leaf.file, leaf.path, leaf.value));
            }
        }
    }
    assert!(dead.is_empty(), "of {asked} parameters these move nothing:\n{}", dead.join("\n"));
    println!("{asked} parameters of policies move an answer");
}

fn moves(leaf: &Leaf, craft: &Craft, books: [&Book; 2], rates: &vtr_kernel::money::Rates) -> bool {
    craft.of_leaf(leaf, &mut |shipment| {
        let [before, after] = books.map(|book| shipment.judged(book, rates));
        before.text != after.text && craft.went_by(leaf, [&before, &after])
    })
}

fn change(shelf: &mut Shelf, kind: &str, leaves: &[Leaf]) {
    for (number, leaf) in leaves.iter().enumerate() {
        let file = shelf.file(&leaf.file);
        match other(kind, leaf, number) {
            Some(value) => *at(file, &leaf.path) = value,
            None => {
                let (Some(Step::Key(key)), above) = (leaf.path.last(), &leaf.path[..leaf.path.len() - 1]) else {
                    panic!("{leaf:?}")
                };
                at(file, above).as_table_mut().unwrap().remove(key);
            }
        }
        if kind == "version.programme.name" {
            for lane in file["version"][leaf.index_after("version").unwrap()]["lane"].as_array_mut().unwrap() {
                if lane.get("programme") == Some(&leaf.value) {
                    lane["programme"] = other(kind, leaf, number).unwrap();
                }
            }
            let version = &mut file["version"][leaf.index_after("version").unwrap()];
            if version
                .get("only")
                .is_some_and(|only| texts(Some(only)).iter().any(|name| leaf.value == name.as_str().into()))
            {
                version["only"] = Value::Array(vec![other(kind, leaf, number).unwrap()]);
            }
        }
    }
    if kind == "version.programme.name" {
        shelf.file("words.toml").insert("programme".into(), Value::Table(Table::new()));
    }
}

/// Returns the book with every marketplace renamed.
fn renamed(shelf: &Shelf) -> Book {
    shelf.changed(|shelf| {
        for (number, (_, file)) in shelf.files.iter_mut().filter(|(name, _)| name.starts_with("policies/")).enumerate()
        {
            let name = format!("X{}", char::from(b'A' + number as u8));
            file.insert("marketplace".into(), Value::String(name));
        }
    })
}
