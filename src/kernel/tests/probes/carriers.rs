//! Probes of the numbers in carriers' files: shapes, closed, families, partners.
//!
//! The numbers are judged with a book of one marketplace that accepts any carrier, because such a book loads
//! quickly.

use crate::shelf::{Shelf, texts};
use crate::shipment::{Shipment, even_rates};
use std::collections::BTreeMap;
use std::path::Path;
use toml::{Table, Value};
use vtr_kernel::Book;
use vtr_kernel::carrier::CarrierId;
use vtr_kernel::ladder::Evidence;

const NOBODY: &str = "tezel_lojistik";

/// Keys that another shape states too, so that they change nothing by themselves: shape, key, the other shape.
const SAID_TWICE: [(&str, &str, &str); 25] = [
    ("colissimo_s10", "hard", "chronopost_s10"),
    ("dhl_leitcode_14", "pattern", "dhl_ecommerce_14"),
    ("dhl_leitcode_14", "check", "dhl_ecommerce_14"),
    ("dhl_leitcode_14", "hard", "dhl_ecommerce_14"),
    ("dpd_15", "hard", "dpd_15_letter"),
    ("dpd_15_letter", "hard", "dpd_15"),
    ("la_poste_s10", "pattern", "chronopost_s10"),
    ("la_poste_s10", "signature", "colissimo_s10"),
    ("la_poste_s10", "hard", "chronopost_s10"),
    ("la_poste_13", "pattern", "colissimo_13"),
    ("la_poste_13", "check", "colissimo_13"),
    ("lasership_lx", "pattern", "lasership_l2_8"),
    ("lasership_lx", "check", "lasership_l2_8"),
    ("poste_s10", "hard", "sda_13"),
    ("royal_mail_s10", "signature", "parcelforce_s10"),
    ("sda_13", "pattern", "poste_dom"),
    ("sda_13", "hard", "poste_dom"),
    ("usps_impb_zip5", "pattern", "usps_impb"),
    ("usps_impb_zip5", "signature", "usps_impb"),
    ("usps_impb_any", "signature", "usps_impb"),
    ("usps_impb_any_zip5", "pattern", "usps_impb_any"),
    ("usps_impb_any_zip5", "signature", "usps_impb"),
    ("usps_91_any", "signature", "usps_91"),
    ("yanwen_s10", "pattern", "s10"),
    ("yanwen_s10", "signature", "s10"),
];

/// Returns the numbers of every shape, right and wrong.
fn numbers() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/synthetic_vectors.csv");
    let text = std::fs::read_to_string(path).expect("tests/data is part of the repository");
    let vectors = text.lines().skip(1).map(|line| line.split(',').nth(2).unwrap());
    // The vectors hold no number that has a form but too few digits.
    const FEW_DIGITS: [&str; 5] = ["LXABCDEFGH12", "GMABCDEFGH12", "ABCDEFGHIJK1", "ABCDEFGHIJKL1", "31415926"];
    vectors.chain(FEW_DIGITS).map(str::to_owned).collect()
}

/// Judges every package of these carriers and numbers until the answers of two books differ.
fn differs(books: [&Book; 2], carriers: &[&str], numbers: &[&String]) -> bool {
    let rates = even_rates();
    let mut shipment = Shipment::new("BE", 20_200);
    for carrier in carriers {
        shipment.carrier = (*carrier).to_owned();
        for number in numbers {
            shipment.number = (*number).clone();
            for evidence in [Evidence::Format, Evidence::Scans] {
                shipment.evidence = evidence;
                if shipment.judged(books[0], &rates).text != shipment.judged(books[1], &rates).text {
                    return true;
                }
            }
        }
    }
    false
}

/// Returns the carrier itself, those with which it shares numbers, and one that shares none.
fn declared(book: &Book, id: CarrierId) -> Vec<&str> {
    let own = book.carriers.entry(id).id.as_str();
    let friends = book.carriers.iter().filter(|(other, _)| *other != id && book.carriers.are_friends(id, *other));
    [own, NOBODY].into_iter().chain(friends.map(|(_, entry)| entry.id.as_str())).collect()
}

/// Returns the other value of one key of a shape; `None` if there is none.
fn changes(shape: &Table) -> Vec<(&'static str, Table)> {
    let with = |change: &dyn Fn(&mut Table)| {
        let mut shape = shape.clone();
        change(&mut shape);
        shape
    };
    let text = |text: &str| Value::String(text.to_owned());
    let (check, strict) = (shape["check"].as_str().unwrap(), shape["signature"].as_str() == Some("strict"));
    let hard = shape.get("hard").and_then(Value::as_bool).unwrap_or(false);
    let mut all = vec![
        ("pattern", with(&|shape| drop(shape.insert("pattern".into(), text("QQQQQ[0-9]{50}"))))),
        (
            "signature",
            with(&|shape| drop(shape.insert("signature".into(), text(if strict { "none" } else { "strict" })))),
        ),
        (
            "check",
            with(&|shape| {
                shape.insert("check".into(), text(if check == "none" { "luhn" } else { "none" }));
                shape.remove("hard");
            }),
        ),
    ];
    if check != "none" {
        all.push(("hard", with(&|shape| drop(shape.insert("hard".into(), Value::Boolean(!hard))))));
    }
    all
}

#[test]
#[cfg_attr(debug_assertions, ignore = "slow without optimisation; run with --release")]
fn every_shape_moves_an_answer() {
    let (shelf, numbers) = (Shelf::of_one_market(), numbers());
    let book = shelf.load();
    let (mut dead, mut asked) = (Vec::new(), 0);
    for (id, table) in shelf.carriers() {
        let carrier = book.carriers.by_id(id).unwrap();
        for (index, shape) in table.get("shape").and_then(Value::as_array).into_iter().flatten().enumerate() {
            let name = shape["id"].as_str().unwrap();
            let fitting: Vec<&String> = numbers
                .iter()
                .filter(|number| book.carriers.try_shape(carrier, index, number.as_bytes()).is_some())
                .collect();
            for (key, changed) in changes(shape.as_table().unwrap()) {
                let is_twice = SAID_TWICE.iter().any(|(shape, twice, _)| (*shape, *twice) == (name, key));
                asked += 1;
                let changed = shelf.changed(|shelf| shelf.carrier(id)["shape"][index] = Value::Table(changed));
                if differs([&book, &changed], &declared(&book, carrier), &fitting) == is_twice {
                    dead.push(format!("{name} {key} ({} numbers, said twice: {is_twice})", fitting.len()));
                }
            }
        }
    }
    assert!(
        dead.is_empty(),
        "of {asked} parameters of shapes these move nothing, or do and are listed as said twice:\n{}",
        dead.join("\n")
    );
    println!("{asked} parameters of shapes move an answer");
}

#[test]
fn every_closed_moves_an_answer() {
    let shelf = Shelf::of_one_market();
    let book = shelf.load();
    // A carrier without shapes cannot be closed; the loader refuses it.
    let shaped: Vec<&str> =
        shelf.carriers().filter(|(_, table)| table.contains_key("shape")).map(|(id, _)| id).collect();
    let changed = shelf.changed(|shelf| {
        for id in &shaped {
            let closed = shelf.carrier(id)["closed"].as_bool().unwrap();
            shelf.carrier(id).insert("closed".into(), Value::Boolean(!closed));
        }
    });
    let odd = "QZ9QZ8QZ7QZ6QZ5QZ4QZ3QZ2QZ1Q".to_owned();
    let dead: Vec<&&str> = shaped.iter().filter(|id| !differs([&book, &changed], &[id], &[&odd])).collect();
    assert!(shaped.len() > 50 && dead.is_empty(), "closed moves nothing for {dead:?}");
}

#[test]
#[cfg_attr(debug_assertions, ignore = "slow without optimisation; run with --release")]
fn every_family_moves_an_answer() {
    let (shelf, numbers) = (Shelf::of_one_market(), numbers());
    let (book, numbers) = (shelf.load(), numbers.iter().collect::<Vec<_>>());
    let families = shelf.files["families.toml"]["families"].as_table().unwrap();
    let mut dead = Vec::new();
    for (family, members) in families {
        let members = texts(Some(members));
        for member in &members {
            let changed = shelf.changed(|shelf| {
                let families = shelf.file("families.toml")["families"].as_table_mut().unwrap();
                let left: Vec<Value> =
                    members.iter().filter(|other| *other != member).map(|id| Value::String(id.clone())).collect();
                families.insert(family.clone(), Value::Array(left));
                shelf.carrier(member).remove("family");
            });
            let declared: Vec<&str> = members.iter().map(String::as_str).collect();
            if !differs([&book, &changed], &declared, &numbers) {
                dead.push(format!("{member} in {family}"));
            }
        }
    }
    assert!(dead.is_empty(), "these members of families move nothing: {dead:?}");
}

#[test]
#[cfg_attr(debug_assertions, ignore = "slow without optimisation; run with --release")]
fn every_partner_moves_an_answer() {
    let (shelf, numbers) = (Shelf::of_one_market(), numbers());
    let (book, numbers) = (shelf.load(), numbers.iter().collect::<Vec<_>>());
    let groups = shelf.files["families.toml"]["groups"].as_table().unwrap();
    let mut places: BTreeMap<usize, Vec<(&str, String)>> = BTreeMap::new();
    for (id, table) in shelf.carriers() {
        for (place, item) in texts(table.get("partners")).into_iter().enumerate() {
            places.entry(place).or_default().push((id, item));
        }
    }
    let mut dead = Vec::new();
    for (place, items) in &places {
        let changed = shelf.changed(|shelf| {
            items.iter().for_each(|(id, _)| shelf.carrier(id)["partners"][*place] = Value::String(NOBODY.into()));
        });
        for (id, item) in items {
            let members = match item.strip_prefix('@') {
                Some(group) => texts(groups.get(group)),
                None => vec![item.clone()],
            };
            // Carriers that are friends for another reason too are stated twice.
            let carrier = |book: &Book, id: &str| book.carriers.by_id(id).unwrap();
            let parted =
                |other: &&String| !changed.carriers.are_friends(carrier(&changed, id), carrier(&changed, other));
            let declared: Vec<&str> = members.iter().filter(parted).map(String::as_str).chain([*id]).collect();
            if !differs([&book, &changed], &declared, &numbers) {
                dead.push(format!("{id} partner {item}"));
            }
        }
    }
    assert!(dead.is_empty(), "these partners move nothing: {dead:?}");
}
