//! Probes of the lists of the book: names of carriers, groups, bare names, service classes, fillers.
//!
//! Items of a list do not depend on each other, so a whole list is emptied or moved at once and each item is then
//! judged separately.

use crate::shelf::{Shelf, list, texts};
use crate::shipment::{Shipment, even_rates};
use std::collections::BTreeSet;
use toml::{Table, Value};
use vtr_kernel::Book;
use vtr_kernel::calendar::Day;
use vtr_kernel::lane::Country;
use vtr_kernel::text::alias_key;

const NOBODY: &str = "tezel_lojistik";

/// 15 June 2024, when European stores list their carriers and exempt letters.
const OLD: Day = 19_889;
/// 22 April 2025.
const NEW: Day = 20_200;

fn differ(books: [&Book; 2], shipment: &Shipment) -> bool {
    let rates = even_rates();
    shipment.judged(books[0], &rates).text != shipment.judged(books[1], &rates).text
}

fn any_differs(books: [&Book; 2], shipments: &[Shipment]) -> bool {
    shipments.iter().any(|shipment| differ(books, shipment))
}

/// Asserts that every item changes the answer for its shipment.
fn assert_all(what: &str, books: [&Book; 2], items: impl Iterator<Item = (String, Shipment)>) {
    let items: Vec<_> = items.collect();
    let dead: Vec<&String> =
        items.iter().filter(|(_, shipment)| !differ(books, shipment)).map(|(item, _)| item).collect();
    assert!(!items.is_empty() && dead.is_empty(), "{what}: of {} these move nothing: {dead:?}", items.len());
}

fn named(carrier: &str) -> Shipment {
    Shipment { carrier: carrier.to_owned(), ..Shipment::new("BE", NEW) }
}

#[test]
fn every_alias_and_name_of_a_carrier_moves_an_answer() {
    let shelf = Shelf::embedded();
    let book = shelf.load();
    // An alias with the same key as the id or name is stated twice.
    let own = |table: &Table| ["id", "name"].map(|key| alias_key(table[key].as_str().unwrap()));
    let aliases = |table: &Table| -> Vec<String> {
        texts(table.get("aliases")).into_iter().filter(|alias| !own(table).contains(&alias_key(alias))).collect()
    };
    let ids: Vec<String> = shelf.carriers().map(|(id, _)| id.to_owned()).collect();
    let changed = shelf.changed(|shelf| {
        let lists: Vec<Vec<String>> = shelf.carriers().map(|(_, table)| aliases(table)).collect();
        for (index, id) in ids.iter().enumerate() {
            let next = &lists[(index + 1) % lists.len()];
            // The code that Amazon's files use is also a name, and would be a duplicate.
            shelf.carrier(id).remove("amazon_code");
            shelf.carrier(id).insert("aliases".into(), list(&next.iter().map(String::as_str).collect::<Vec<_>>()));
        }
    });
    let items = shelf.carriers().flat_map(|(_, table)| aliases(table));
    assert_all("aliases", [&book, &changed], items.map(|alias| (alias.clone(), named(&alias))));

    // The names whose key is neither the id's nor an alias's.
    let keyed = |table: &Table| {
        let [id, name] = own(table);
        id != name && !texts(table.get("aliases")).iter().any(|alias| alias_key(alias) == name)
    };
    let names: Vec<(String, String)> = shelf
        .carriers()
        .filter(|(_, table)| keyed(table))
        .map(|(id, table)| (id.to_owned(), table["name"].as_str().unwrap().to_owned()))
        .collect();
    let changed = shelf.changed(|shelf| {
        for (index, (id, _)) in names.iter().enumerate() {
            shelf.carrier(id).remove("amazon_code");
            shelf.carrier(id).insert("name".into(), Value::String(names[(index + 1) % names.len()].1.clone()));
        }
    });
    assert_all("names", [&book, &changed], names.iter().map(|(_, name)| (name.clone(), named(name))));
}

#[test]
fn every_id_of_a_carrier_is_its_name_in_an_answer() {
    let shelf = Shelf::embedded();
    let book = shelf.load();
    let ids: BTreeSet<String> = shelf.carriers().map(|(id, _)| id.to_owned()).collect();
    let changed = shelf.changed(|shelf| {
        let keys = ["id", "carriers", "partners", "integrated"];
        for (name, file) in &mut shelf.files {
            let value = std::mem::take(file);
            let Value::Table(renamed) = rename(&Value::Table(value), &ids, name == "families.toml", &keys) else {
                unreachable!()
            };
            *file = renamed;
        }
    });
    assert_all("ids", [&book, &changed], ids.iter().map(|id| (id.clone(), named(id))));
}

/// Returns a value with `zz` in front of every id of a carrier below the keys that hold ids.
fn rename(value: &Value, ids: &BTreeSet<String>, below: bool, keys: &[&str]) -> Value {
    match value {
        Value::Table(table) => {
            let entries = table
                .iter()
                .map(|(key, value)| (key.clone(), rename(value, ids, below || keys.contains(&key.as_str()), keys)));
            Value::Table(entries.collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(|item| rename(item, ids, below, keys)).collect()),
        Value::String(text) if below && ids.contains(text) => Value::String(format!("zz{text}")),
        other => other.clone(),
    }
}

#[test]
fn every_member_of_a_list_of_integrated_carriers_moves_an_answer() {
    let shelf = Shelf::embedded();
    let book = shelf.load();
    let groups = shelf.files["families.toml"]["groups"].as_table().unwrap();
    for (group, members) in groups.iter().filter(|(group, _)| group.starts_with("integrated_")) {
        let changed = shelf.changed(|shelf| {
            shelf.file("families.toml")["groups"].as_table_mut().unwrap().insert(group.clone(), list(&[NOBODY]));
        });
        let uses = uses(&shelf, &format!("@{group}"));
        assert!(!uses.is_empty(), "no policy names @{group}");
        // A member that other groups of every list also hold is stated twice.
        let others = |member: &String, list: &Vec<String>| {
            list.iter()
                .filter_map(|item| item.strip_prefix('@'))
                .filter(|other| other != group)
                .any(|other| texts(groups.get(other)).contains(member))
        };
        let once = texts(Some(members)).into_iter().filter(|member| uses.iter().any(|list| !others(member, list)));
        let dead: Vec<String> =
            once.filter(|member| !stores(member).any(|shipment| differ([&book, &changed], &shipment))).collect();
        assert!(dead.is_empty(), "{group}: {dead:?} move nothing");
    }
}

/// Returns the lists of integrated carriers that name a group.
fn uses(shelf: &Shelf, group: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for (_, file) in shelf.files.iter().filter(|(name, _)| name.starts_with("policies/")) {
        for version in file.get("version").and_then(Value::as_array).into_iter().flatten() {
            let lanes = version["lane"].as_array().unwrap().iter();
            let rules = lanes.filter_map(|lane| lane.get("carriers")).chain(version.get("carriers"));
            found.extend(
                rules.map(|rule| texts(rule.get("integrated"))).filter(|list| list.iter().any(|item| item == group)),
            );
        }
    }
    found
}

/// A day on which the American list of 2016 was in force for domestic packages.
const OLDEST: Day = 17_683;

/// Returns a carrier's packages, domestic and from abroad, in every store that ever kept a list.
fn stores(carrier: &str) -> impl Iterator<Item = Shipment> {
    let carrier = carrier.to_owned();
    ["GB", "DE", "US", "JP", "AU", "IN", "BR", "AE", "SA"].into_iter().flat_map(move |market| {
        let carrier = carrier.clone();
        [None, Some("CN"), Some("FR")].into_iter().flat_map(move |from| {
            let carrier = carrier.clone();
            [OLDEST, OLD, NEW].into_iter().map(move |day| {
                let value = Some(("9999".to_owned(), None));
                Shipment {
                    carrier: carrier.clone(),
                    from: from.map(str::to_owned),
                    value,
                    ..Shipment::new(market, day)
                }
            })
        })
    })
}

#[test]
fn every_bare_name_moves_an_answer() {
    let shelf = Shelf::embedded();
    let book = shelf.load();
    let changed = shelf.changed(|shelf| {
        let bare = shelf.file("families.toml")["by_ship_from"].as_table_mut().unwrap();
        bare.iter_mut()
            .flat_map(|(_, entries)| entries.as_table_mut().unwrap().iter_mut())
            .filter(|(_, id)| id.is_str())
            .for_each(|(_, id)| *id = Value::String(NOBODY.into()));
    });
    let bare = shelf.files["families.toml"]["by_ship_from"].as_table().unwrap();
    // The United States represent the countries without an entry.
    let countries = |entries: &Value| -> Vec<String> {
        let entries = entries.as_table().unwrap().iter().filter(|(_, id)| id.is_str());
        entries.map(|(country, _)| if country == "default" { "US".to_owned() } else { country.clone() }).collect()
    };
    let places = bare
        .iter()
        .flat_map(|(name, entries)| countries(entries).into_iter().map(move |country| (name.clone(), country)));
    let items = places.map(|(name, country)| {
        let what = format!("{name} from {country}");
        (what, Shipment { carrier: name, from: Some(country), ..Shipment::new("GB", NEW) })
    });
    assert_all("bare names", [&book, &changed], items);
    let none = shelf
        .changed(|shelf| *shelf.file("families.toml").get_mut("by_ship_from").unwrap() = Value::Table(Table::new()));
    assert_all(
        "keys of bare names",
        [&book, &none],
        bare.keys().map(|name| (name.clone(), Shipment { carrier: name.clone(), ..Shipment::new("DE", NEW) })),
    );
}

/// Returns packages whose service is the condition of one of the book's exemptions.
fn of_service(class: &str, service: &'static str) -> Vec<Shipment> {
    let value = Some(("1".to_owned(), None));
    let package = |market: &str, day: Day, carrier: &str| {
        let shipment = Shipment::new(market, day);
        Shipment { service: Some(service), carrier: carrier.to_owned(), value: value.clone(), ..shipment }
    };
    match class {
        "freight" => vec![package("US", NEW, "Bob's Vans")],
        "envelope" => vec![package("US", NEW, "USPS")],
        "parcel" => vec![package("DE", OLD, "FedEx")],
        "regular_letter" => vec![package("AU", NEW, "Australia Post")],
        // German exemptions of 2024 do not distinguish letters from large letters; the British ones of 2025 do.
        _ => vec![package("DE", OLD, "Bob's Vans"), Shipment { bought: true, ..package("GB", NEW, "Royal Mail") }],
    }
}

#[test]
fn every_service_class_moves_an_answer() {
    let shelf = Shelf::embedded();
    let book = shelf.load();
    let classes = shelf.files["services.toml"]["class"].as_array().unwrap();
    let leaked = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
    for (index, class) in classes.iter().enumerate() {
        let (name, phrases) = (class["name"].as_str().unwrap(), texts(class.get("phrases")));
        let with =
            |key: &str, value: Value| shelf.changed(|shelf| shelf.file("services.toml")["class"][index][key] = value);
        let silent = with("phrases", list(&["qqqq"]));
        let some =
            phrases.iter().any(|phrase| any_differs([&book, &silent], &of_service(name, leaked(phrase.clone()))));
        assert!(some, "the phrases of {name} move nothing");
        // Every phrase belongs to its class, or to one before it.
        let group = |phrase: &String| {
            let service = book.services.resolve(Some(phrase));
            let carrier = book
                .carriers
                .in_country(book.carriers.resolve(Some(&of_service(name, "")[0].carrier)), Country::UNKNOWN);
            book.services.class_of(service, carrier).is_some_and(|class| usize::from(class.0) <= index)
        };
        let stray: Vec<&String> = phrases.iter().filter(|phrase| !group(phrase)).collect();
        assert!(stray.is_empty(), "{name}: {stray:?} are of no class up to it");
        let nobody = with("carriers", list(&[NOBODY]));
        assert!(
            phrases.iter().any(|phrase| any_differs([&book, &nobody], &of_service(name, leaked(phrase.clone())))),
            "the carriers of {name} move nothing"
        );
        let lenient = with("except", list(&[]));
        for except in texts(class.get("except")) {
            let tried = phrases
                .iter()
                .any(|phrase| any_differs([&book, &lenient], &of_service(name, leaked(format!("{phrase} {except}")))));
            assert!(tried, "{name}: except {except} moves nothing");
        }
    }
}

#[test]
fn every_filler_moves_an_answer() {
    let shelf = Shelf::embedded();
    let book = shelf.load();
    let with = |key: &str, value: Value| {
        shelf.changed(|shelf| drop(shelf.file("placeholders.toml").insert(key.into(), value)))
    };
    let of = |key: &str| texts(shelf.files["placeholders.toml"].get(key)).into_iter();
    let numbered = |number: String| (number.clone(), Shipment { number, ..Shipment::new("BE", NEW) });
    assert_all("words", [&book, &with("words", list(&[]))], of("words").map(numbered));
    assert_all("numbers", [&book, &with("numbers", list(&[]))], of("numbers").map(numbered));
    assert_all(
        "order_id_suffixes",
        [&book, &with("order_id_suffixes", list(&[]))],
        of("order_id_suffixes").map(|suffix| numbered(format!("202-1234567-7654321-{suffix}"))),
    );
    assert_all(
        "no_marketplace",
        [&book, &with("no_marketplace", list(&[]))],
        of("no_marketplace").map(|channel| (channel.clone(), Shipment::new(&channel, NEW))),
    );
    assert_all(
        "fillers",
        [&book, &with("fillers", list(&[]))],
        of("fillers").map(|carrier| (carrier.clone(), Shipment { carrier, ..Shipment::new("BE", NEW) })),
    );
    let without = with("id_fillers", list(&[]));
    for filler in of("id_fillers") {
        let is_one = |book: &Book| book.placeholders.is_id_filler(&filler);
        assert!(is_one(&book) && !is_one(&without), "{filler}");
    }
    for (key, number) in [
        ("repeated", "0000000"),
        ("counting", "23456789"),
        ("order_id", "202-1234567-7654321"),
        ("no_digit", "UNTERWEGS"),
        ("url", "https://t.example/1Z0123450300123459"),
    ] {
        assert_all(key, [&book, &with(key, Value::Boolean(false))], [numbered(number.into())].into_iter());
    }
    for (length, number) in [(4, "12A4"), (6, "12A4B")] {
        assert_all(
            "min_length",
            [&book, &with("min_length", Value::Integer(length))],
            [numbered(number.into())].into_iter(),
        );
    }
    let keys: Vec<&String> = shelf.files["placeholders.toml"].keys().collect();
    assert_eq!(keys.len(), 12, "a new kind of filler needs a probe: {keys:?}");
}
