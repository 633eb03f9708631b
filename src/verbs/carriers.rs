//! `vtr carriers`: shows how a carrier's name is resolved, and what is wrong with a number declared for it.
//!
//! It asks the kernel the ladder's questions and prints the answers; it has no rule of its own. It fails if the
//! marketplace or country is unknown or the book cannot be used; a wrong number is an answer, not a failure.

use super::listing::{self, Cell, Format};
use super::published;
use crate::cli::CarriersArgs;
use crate::error::{Error, Result};
use crate::job::shelf;
use std::collections::BTreeMap;
use std::fmt::Write;
use vtr_kernel::Book;
use vtr_kernel::carrier::{Carrier, CarrierId, Entry};
use vtr_kernel::facts::{Notice, Tracking};
use vtr_kernel::ladder::judged_number;
use vtr_kernel::lane::Country;
use vtr_kernel::suggest::nearest;
use vtr_kernel::text;

/// Prints the answers to stdout.
///
/// # Errors
/// `Error::Usage` for an unknown marketplace or country, or a book that cannot be used.
pub fn run(args: &CarriersArgs) -> Result<()> {
    let book = shelf::book(&args.book)?;
    let marketplace = args.marketplace.as_deref().map(|text| super::book::marketplace(&book, text)).transpose()?;
    let origin = args.ship_from.as_deref().map(country).transpose()?;
    let origin = origin.or_else(|| marketplace.map(|id| book.market(id).country));
    let (name, number) = (args.name.as_deref(), args.number.as_deref());
    match (published::format(args.written), name, number) {
        (Format::Table, ..) => super::print_lines(&answer(&book, name, number, origin)),
        (format, None, None) => listing::print(format, &LIST_HEADS, book.carriers.iter().map(|(_, entry)| row(entry))),
        (format, ..) => listing::print(format, &ANSWER_HEADS, answer_rows(&book, name, number, origin)),
    }
}

/// The columns of the list of all carriers, for programs.
const LIST_HEADS: [&str; 4] = ["carrier", "name", "shapes", "no_other_shapes"];

fn row(entry: &Entry) -> Vec<Cell<'_>> {
    let shapes = Cell::Count(i64::try_from(entry.shapes.len()).unwrap_or(i64::MAX));
    vec![Cell::text(entry.id.as_str()), Cell::text(entry.name.as_str()), shapes, Cell::Flag(entry.closed)]
}

/// The columns of an answer, for programs: a row for each carrier that the name or number may mean.
const ANSWER_HEADS: [&str; 5] = ["name", "ship_from", "number", "carrier", "finding"];

fn answer_rows<'a>(
    book: &Book,
    name: Option<&'a str>,
    number: Option<&'a str>,
    origin: Option<Country>,
) -> Vec<Vec<Cell<'a>>> {
    let given = |text: Option<&'a str>| text.map_or(Cell::Null, Cell::text);
    let row = |from: String, carrier: &str, finding: &str| {
        let lines: Vec<&str> = finding.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let from = if from.is_empty() { Cell::Null } else { Cell::text(from) };
        vec![given(name), from, given(number), Cell::text(carrier.to_owned()), Cell::text(lines.join("; "))]
    };
    let Some(name) = name else {
        let numbers = match numbers(book, number.unwrap_or_default()) {
            Err(fault) => return vec![row(String::new(), "", &fault)],
            Ok(numbers) => numbers,
        };
        let of_number = |one: &String| {
            let which = if numbers.len() > 1 { format!("{one} ") } else { String::new() };
            let found = owners(book, one.as_bytes());
            found
                .map(|(id, finding)| row(String::new(), &book.carriers.entry(id).id, &format!("{which}{finding}")))
                .collect::<Vec<_>>()
        };
        return numbers.iter().flat_map(of_number).collect();
    };
    let mut rows = Vec::new();
    for (countries, carrier) in meanings(book, name, origin) {
        let mut finding = described(book, carrier, name);
        if let Some(number) = number {
            finding += "\n";
            finding += &held_against(book, carrier, number);
        }
        rows.push(row(countries.join(", "), book.carriers.label(carrier), &finding));
    }
    rows
}

/// The carriers whose signature or pattern a number matches, with that signature or pattern.
fn owners<'a>(book: &'a Book, number: &'a [u8]) -> impl Iterator<Item = (CarrierId, String)> + 'a {
    let signed = book.carriers.signatures(number);
    let signed = signed.map(|(id, shape)| (id, format!("carries its signature, shape `{}`", shape.id)));
    let fitting = book.carriers.iter().filter_map(|(id, entry)| {
        let shape = book.carriers.own_pattern(id, number)?;
        Some((id, format!("fits its pattern, shape `{}`", entry.shapes[shape].id)))
    });
    signed.chain(fitting)
}

fn country(text: &str) -> Result<Country> {
    match Country::read(text.trim()) {
        Country::UNKNOWN => Err(Error::Usage(format!("--ship-from {text:?} is no country; write two letters, as GB"))),
        country => Ok(country),
    }
}

fn answer(book: &Book, name: Option<&str>, number: Option<&str>, origin: Option<Country>) -> String {
    match (name, number) {
        (None, None) => list(book),
        (None, Some(number)) => of_number(book, number),
        (Some(name), number) => {
            let (mut text, carriers) = meaning(book, name, origin);
            if let Some(number) = number {
                for carrier in carriers {
                    text += "\n";
                    text += &held_against(book, carrier, number);
                }
            }
            text
        }
    }
}

/// All carriers of the book, one per line.
fn list(book: &Book) -> String {
    let mut text = String::new();
    for (_, entry) in book.carriers.iter() {
        let shapes = match (entry.shapes.len(), entry.closed) {
            (0, _) => "no known shape".to_owned(),
            (count, true) => format!("{count} shapes, which are all there are"),
            (count, false) => format!("{count} shapes"),
        };
        let _ = writeln!(text, "{:<28} {} ({shapes})", entry.id, entry.name);
    }
    text
}

/// How a name is resolved, and the carriers that it may mean.
fn meaning(book: &Book, name: &str, origin: Option<Country>) -> (String, Vec<Carrier>) {
    let meanings = meanings(book, name, origin);
    let mut text = String::new();
    for (countries, carrier) in &meanings {
        let described = described(book, *carrier, name);
        let _ = match (origin, meanings.len(), countries.is_empty()) {
            (Some(origin), ..) => writeln!(text, "{name:?} on a package from {} is {described}", origin.code()),
            (None, 1, _) => writeln!(text, "{name:?} is {described}"),
            (None, _, true) => writeln!(text, "  elsewhere: {described}"),
            (None, _, false) => writeln!(text, "  {}: {described}", countries.join(", ")),
        };
    }
    if meanings.len() > 1 {
        let head = "means another carrier in each country that a package leaves from";
        text = format!("{name:?} {head}:\n{text}");
    }
    (text, meanings.into_iter().map(|(_, carrier)| carrier).collect())
}

/// The carriers that a name may mean, each with the countries of origin in which it does; no countries mean all
/// others.
fn meanings(book: &Book, name: &str, origin: Option<Country>) -> Vec<(Vec<String>, Carrier)> {
    let folded = book.carrier_name(vtr_kernel::text::trim(name));
    if let Some(origin) = origin {
        return vec![(vec![origin.code()], book.carriers.in_country(folded, origin))];
    }
    let elsewhere = book.carriers.in_country(folded, Country::UNKNOWN);
    let mut by_carrier: BTreeMap<Carrier, Vec<String>> = BTreeMap::new();
    for country in Country::all() {
        let carrier = book.carriers.in_country(folded, country);
        if carrier != elsewhere {
            by_carrier.entry(carrier).or_default().push(country.code());
        }
    }
    let mut meanings: Vec<_> = by_carrier.into_iter().map(|(carrier, countries)| (countries, carrier)).collect();
    meanings.push((Vec::new(), elsewhere));
    meanings
}

fn described(book: &Book, carrier: Carrier, name: &str) -> String {
    match carrier {
        Carrier::Missing => "a missing carrier: it has no letter or digit".into(),
        Carrier::Unknown => {
            let names = book
                .carriers
                .iter()
                .flat_map(|(_, entry)| entry.aliases.iter().map(String::as_str).chain([entry.name.as_str()]));
            let hint =
                nearest(name, names).map_or_else(String::new, |known| format!("; the nearest known name is {known:?}"));
            format!("no known carrier (`other` in the tables){hint}")
        }
        Carrier::Known(id) => {
            let entry = book.carriers.entry(id);
            format!("{} (`{}`)", entry.name, entry.id)
        }
    }
}

/// The number of a cell that a run judges, and how many the cell holds.
struct JudgedNumber {
    number: String,
    of: usize,
}

/// Reads a cell as a run does; or tells what is wrong with it whatever the carrier.
fn read(book: &Book, carrier: Carrier, raw: &str) -> std::result::Result<JudgedNumber, String> {
    let mut buffer = String::new();
    let (tracking, notice) = Tracking::read(text::trim(raw).unwrap_or_default(), &mut buffer);
    if notice == Notice::Damaged {
        return Err(format!(
            "{raw:?} was damaged by a spreadsheet or float, so no rung judges it; take the number from its source\n"
        ));
    }
    let (Some(number), is_several) = judged_number(tracking, "", carrier, book) else {
        return Err(format!("{raw:?} is nothing but blanks and punctuation: tracking_missing\n"));
    };
    if let Some(placeholder) = book.placeholders.find(number, "") {
        return Err(format!("{raw:?} is a filler, no number: tracking_placeholder (rule `{}`)\n", placeholder.name()));
    }
    Ok(JudgedNumber { number: number.to_owned(), of: if is_several { tracking.numbers().count() } else { 1 } })
}

/// All numbers of a cell; or what is wrong with the cell.
fn numbers(book: &Book, raw: &str) -> std::result::Result<Vec<String>, String> {
    let judged = read(book, Carrier::Missing, raw)?;
    if judged.of == 1 {
        return Ok(vec![judged.number]);
    }
    let mut buffer = String::new();
    let (tracking, _) = Tracking::read(text::trim(raw).unwrap_or_default(), &mut buffer);
    Ok(tracking.numbers().map(str::to_owned).collect())
}

/// Describes what is wrong with a number declared for a carrier.
fn held_against(book: &Book, carrier: Carrier, raw: &str) -> String {
    let judged = match read(book, carrier, raw) {
        Ok(judged) => judged,
        Err(fault) => return fault,
    };
    let (number, bytes) = (&judged.number, judged.number.as_bytes());
    let mut text = format!("number {number}, declared for {}\n", book.carriers.label(carrier));
    if judged.of > 1 {
        let _ = writeln!(text, "  of {} numbers, the first that fits is judged, else the first", judged.of);
    }
    match carrier {
        Carrier::Missing => text += "  a number without a carrier: carrier_missing\n",
        Carrier::Unknown => text += "  nothing is known against it: an unknown carrier may hand over to anyone\n",
        Carrier::Known(id) => {
            let _ = writeln!(text, "  {}", verdict(book, id, bytes));
            for line in shapes_that_fit(book, id, bytes) {
                let _ = writeln!(text, "  {line}");
            }
        }
    }
    text + &signatures(book, bytes, carrier)
}

/// Applies rungs 13, 16 and 17 of the ladder to one number.
fn verdict(book: &Book, id: CarrierId, number: &[u8]) -> String {
    let carriers = &book.carriers;
    let entry = carriers.entry(id);
    if carriers.fits(id, number) {
        return match carriers.well_formed(id, number) {
            Some(shape) => format!("it is well formed: shape `{}`", shape.id),
            None => {
                "a shape fits, though its check digit is wrong; carriers break that one, so it does not count".into()
            }
        };
    }
    if let Some((owner, shape)) = carriers.strict_owner(id, number) {
        let owner = carriers.entry(owner);
        return format!(
            "it certainly belongs to {} (`{}`, shape `{}`): carrier_mismatch",
            owner.name, owner.id, owner.shapes[shape].id
        );
    }
    if let Some(shape) = carriers.own_pattern(id, number) {
        return format!("its check digit is wrong for shape `{}`: check_digit_failed", entry.shapes[shape].id);
    }
    if carriers.opens_like_own_signature(id, number) {
        return format!("it opens like a number of {}, but the rest is wrong: number_malformed", entry.name);
    }
    if entry.closed {
        return format!("no shape of {} fits, and these are all there are: number_malformed", entry.name);
    }
    if entry.shapes.is_empty() {
        return format!("no shape of {} is known, so nothing is said against it", entry.name);
    }
    format!("no known shape of {} fits, but there may be others: nothing is said against it", entry.name)
}

/// Shapes of the declared carrier, its family and its partners whose pattern matches.
fn shapes_that_fit(book: &Book, id: CarrierId, number: &[u8]) -> Vec<String> {
    let carriers = &book.carriers;
    let friends = carriers.iter().filter(|(other, _)| *other == id || carriers.are_friends(id, *other));
    let mut lines = Vec::new();
    for (other, entry) in friends {
        let Some(first) = carriers.own_pattern(other, number) else { continue };
        let whose = if other == id { "its own".to_owned() } else { format!("its partner {}'s", entry.name) };
        lines.push(format!("fits the pattern of {whose} shape `{}`", entry.shapes[first].id));
    }
    lines
}

fn signatures(book: &Book, number: &[u8], declared: Carrier) -> String {
    let mut text = String::new();
    for (owner, shape) in book.carriers.signatures(number).filter(|(owner, _)| Carrier::Known(*owner) != declared) {
        let owner = book.carriers.entry(owner);
        let _ = writeln!(text, "  carries the signature of {} (`{}`, shape `{}`)", owner.name, owner.id, shape.id);
    }
    text
}

/// Describes the carriers to which a number may belong, without a declared carrier.
fn of_number(book: &Book, raw: &str) -> String {
    let numbers = match numbers(book, raw) {
        Ok(numbers) => numbers,
        Err(fault) => return fault,
    };
    let mut text = String::new();
    for number in &numbers {
        let bytes = number.as_bytes();
        text += &format!("number {number}\n{}", signatures(book, bytes, Carrier::Missing));
        for (id, entry) in book.carriers.iter() {
            if let Some(shape) = book.carriers.own_pattern(id, bytes) {
                let shape = &entry.shapes[shape].id;
                let _ = writeln!(text, "  fits the pattern of {} (`{}`, shape `{shape}`)", entry.name, entry.id);
            }
        }
    }
    text + "A number rarely says whose it is; give the declared carrier to learn whether it fits.\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(name: &str, number: Option<&str>, from: Option<&str>) -> String {
        let book = shelf::book(&[]).unwrap();
        answer(&book, (!name.is_empty()).then_some(name), number, from.map(Country::read))
    }

    #[test]
    fn a_name_is_explained_and_a_near_one_named() {
        assert!(ask("Royal Mail Tracked 48", None, None).contains("`royal_mail`"));
        assert!(
            ask("Ryal Mail", None, None)
                .contains("no known carrier (`other` in the tables); the nearest known name is")
        );
        assert!(ask("--", None, None).contains("missing carrier"));
    }

    #[test]
    fn a_bare_name_depends_on_the_origin() {
        assert!(ask("DHL", None, None).contains("another carrier in each country"));
        assert!(ask("DHL", None, Some("de")).contains("from DE is"));
    }

    #[test]
    fn a_number_is_held_against_its_declared_carrier() {
        assert!(ask("UPS", Some("1Z 8A4W21 0315764208"), None).contains("well formed"));
        assert!(ask("UPS", Some("1Z8A4W210315764209"), None).contains("check_digit_failed"));
        assert!(ask("UPS", Some("1Z8A4W210315764"), None).contains("number_malformed"));
        assert!(ask("Hermes", Some("1Z8A4W210315764208"), Some("GB")).contains("carrier_mismatch"));
        assert!(ask("UPS", Some("..."), None).contains("tracking_missing"));
        assert!(ask("UPS", Some("00000000"), None).contains("tracking_placeholder"));
        assert!(ask("", Some("1Z8A4W210315764208"), None).contains("signature of UPS"));
    }

    /// The cell of a row and that of the command line mean the same.
    #[test]
    fn a_number_is_read_as_a_run_reads_its_cell() {
        assert!(ask("USPS", Some("00340434161094022115.0"), None).contains("number 00340434161094022115,"));
        let two = ask("UPS", Some("1ZF59Y670343817537/1Z8A4W210315764208"), None);
        assert!(two.contains("number 1Z8A4W210315764208,") && two.contains("of 2 numbers"), "{two}");
        assert!(two.contains("well formed"), "{two}");
        let wrapped = ask("UPS", Some("=\"1Z8A4W210315764209\""), None);
        assert!(wrapped.contains("number 1Z8A4W210315764209,") && wrapped.contains("check_digit_failed"), "{wrapped}");
        for damaged in ["9.2E+21", "2,13246E+11", "9400111899223190000000"] {
            assert!(ask("UPS", Some(damaged), None).contains("damaged by a spreadsheet or float"), "{damaged}");
            assert!(ask("", Some(damaged), None).contains("damaged by a spreadsheet or float"), "{damaged}");
        }
        let both = ask("", Some("1ZF59Y670343817536/1Z8A4W210315764208"), None);
        assert_eq!(both.matches("\n  carries the signature of UPS").count(), 2, "{both}");
    }

    #[test]
    fn without_a_name_all_carriers_are_listed() {
        assert!(ask("", None, None).lines().count() > 60);
    }
}
