//! Tests of the book as data: books in layers, digests of their parts, and what must hold for every file of the
//! embedded one.

use std::collections::BTreeSet;
use toml::{Table, Value};
use vtr_kernel::Book;
use vtr_kernel::lane::Country;
use vtr_kernel::load::{self, BookFile};

fn file(name: &str, text: &str) -> BookFile {
    BookFile { name: name.into(), text: text.into() }
}

fn stacked(ours: &[BookFile]) -> Result<Book, Vec<load::Problem>> {
    load::load_layers(&[&load::embedded_files(), ours])
}

fn carrier(book: &Book, name: &str) -> String {
    book.carriers.label(book.carriers.in_country(book.carriers.resolve(Some(name)), Country::read("US"))).to_owned()
}

const BOB: &str = "id = \"bobs_vans\"\nname = \"Bob's Vans\"\naliases = []\nclosed = false\nsource = []\n";

#[test]
fn a_later_book_adds_to_the_one_below_it() {
    let book = stacked(&[
        file("carriers/bobs_vans.toml", BOB),
        file("families.toml", "[groups]\nposts = [\"bobs_vans\"]\n[by_ship_from.DHL]\nUS = \"bobs_vans\"\n"),
        file("placeholders.toml", "words = [\"nada\"]\nmin_length = 7\n"),
        file("services.toml", "[[class]]\nname = \"letter\"\nphrases = [\"pigeon\"]\n"),
        file("words.toml", "[fulfillment_channel]\nseller = [\"AFN\"]\n"),
    ])
    .unwrap_or_else(|problems| panic!("{problems:?}"));
    assert_eq!((carrier(&book, "Bob's Vans").as_str(), carrier(&book, "DHL").as_str()), ("bobs_vans", "bobs_vans"));
    assert_eq!(carrier(&book, "USPS"), "usps", "what the book below knows stays known");
    let find = |number: &str| book.placeholders.find(number, "").map(|found| found.name());
    assert_eq!([find("NADA"), find("NONE"), find("12A4B6")], [Some("words"), Some("words"), Some("min_length")]);
    let class = |name: &str| {
        let class = book.services.class_of(book.services.resolve(Some(name)), vtr_kernel::carrier::Carrier::Unknown);
        class.map(|class| book.services.name(class).to_owned())
    };
    assert_eq!([class("by pigeon").as_deref(), class("Standardbrief").as_deref()], [Some("letter"), Some("letter")]);
    let ships = |text: &str| book.words.fulfilled_by(Some(text)).meaning();
    assert_eq!(ships("AFN"), vtr_kernel::facts::FulfilledBy::Seller, "the later book's meaning counts");
    assert_eq!(ships("AMAZON_NA"), vtr_kernel::facts::FulfilledBy::Marketplace);
}

#[test]
fn a_problem_names_its_book() {
    let problems = stacked(&[file("families.toml", "[groups]\nposts = [\"nobody\"]\n")]).unwrap_err();
    assert!(problems.iter().any(|problem| problem.layer == 1 && problem.line == 2), "{problems:?}");
}

#[test]
fn a_part_changes_with_what_it_says_alone() {
    let embedded = load::embedded().unwrap();
    let changed = |name: &str, from: &str, to: &str| -> BTreeSet<String> {
        let mut files = load::embedded_files();
        let file = files.iter_mut().find(|file| file.name == name).unwrap();
        assert!(file.text.contains(from), "{name} holds {from}");
        file.text = file.text.replacen(from, to, 1);
        let book = load::load(&files).unwrap();
        let parts = book.parts().iter().filter(|(part, digest)| embedded.parts().get(*part) != Some(digest));
        parts.map(|(part, _)| part.clone()).collect()
    };
    let one = |part: &str| BTreeSet::from([part.to_owned()]);
    assert_eq!(changed("policies/de.toml", "\"15 EUR\"", "\"16 EUR\""), one("de-2025-01-15"));
    assert_eq!(changed("policies/de.toml", "window_days = 30", "window_days = 31"), one("policies/de.toml"));
    assert_eq!(changed("policies/de.toml", "# Amazon.de", "# A comment"), BTreeSet::new());
    assert_eq!(changed("policies/de.toml", "checked_on = 2026-11-22", "checked_on = 2026-11-23"), BTreeSet::new());
    assert_eq!(changed("carriers/evri.toml", "closed = true", "closed = false"), one("carriers/evri.toml"));
    assert_eq!(changed("words.toml", "\"AFN\"", "\"AFNX\""), one("words.toml"));
}

#[test]
fn policies_say_what_they_doubt() {
    let book = load::embedded().unwrap();
    for (_, market) in book.markets() {
        assert!(!market.note.is_empty(), "{} begins without a comment", market.name);
    }
    let (_, spain) = book.markets().find(|(_, market)| market.name == "ES").unwrap();
    let floors = spain.versions.iter().flat_map(|version| version.lanes.iter()).flat_map(|lane| &lane.exempt);
    let floor = floors.into_iter().find(|floor| book.rule(floor.id) == "es-below-15-eur-2025").unwrap();
    assert_eq!(floor.note, ["The floor is carried over: no text ends it, and none confirms it."]);
    assert_eq!(book.doubt(floor.id), Some(vtr_kernel::policy::Doubt::UnsureRule));
}

#[test]
fn every_national_post_is_in_the_group_of_posts() {
    let files = load::embedded_files();
    let families: Table = files.iter().find(|file| file.name == "families.toml").unwrap().text.parse().unwrap();
    let posts: Vec<&str> = families["groups"]["posts"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    for file in files.iter().filter(|file| file.name.starts_with("carriers/")) {
        let table: Table = file.text.parse().unwrap();
        let (id, name) = (table["id"].as_str().unwrap(), table["name"].as_str().unwrap());
        let words: Vec<&str> = name.split(' ').collect();
        // These two names contain such a word, but are no postal services.
        let is_post = words.iter().any(|word| ["Post", "Poste", "Correos", "Poczta"].contains(word))
            && !["correos_express", "post_modern"].contains(&id);
        assert!(!is_post || posts.contains(&id), "{id} ({name}) is a post and is not in @posts");
    }
}

#[test]
fn every_code_of_a_carrier_means_that_carrier() {
    let book = load::embedded().unwrap();
    let mut count = 0;
    for (_, entry) in book.carriers.iter() {
        let Some(code) = &entry.amazon_code else { continue };
        assert_eq!(carrier(&book, code), entry.id, "{code}");
        count += 1;
    }
    assert!(count > 250, "only {count} carriers have a code");
}
