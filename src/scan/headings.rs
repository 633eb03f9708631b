//! Maps a source's headings to canonical columns: by name, never by position.
//!
//! It knows names only, neither types nor cells. It refuses a mapped heading that is missing or appears twice, a
//! constant beside a column of its name, and a file without the columns that every shipment needs.

use crate::job::plan::{CellRules, Heading, Input, Plan};
use std::collections::HashSet;
use vtr_columnar::input::{Column, ColumnSet, Kind};
use vtr_kernel::amount::Amount;

/// Where the columns of one file are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mapping {
    /// Columns and the places that their cells come from, in canonical order.
    pub columns: Vec<(Column, Vec<HeadingPlace>)>,
    /// Columns with one value for the whole file, in canonical order; an empty one is null.
    pub constants: Vec<(Column, String)>,
}

/// A heading of the file that a column is read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HeadingPlace {
    /// Index of the heading in the file.
    pub index: usize,
    /// Index of the heading in the job's list.
    pub listed: usize,
    /// Cell values that are replaced by others.
    pub values: Vec<(String, String)>,
}

impl HeadingPlace {
    /// Returns the value of a cell: trimmed and replaced, and `None` if nothing is left of it.
    pub fn filled<'a>(&'a self, cell: &'a str, rules: &CellRules) -> Option<&'a str> {
        let cell = rules.trim(cell)?;
        match self.values.iter().find(|(from, _)| from == cell) {
            Some((_, to)) => rules.trim(to),
            None => Some(cell),
        }
    }
}

/// Headings of lists that at least one file has: input, column, place in the list.
#[derive(Default)]
pub(crate) struct ListedHeadings(HashSet<(usize, Column, usize)>);

impl ListedHeadings {
    /// Adds the headings that a file of an input has.
    pub fn add(&mut self, input: usize, listed: &[(Column, usize)]) {
        self.0.extend(listed.iter().map(|(column, listed)| (input, *column, *listed)));
    }

    /// Returns the faults of headings that no file has, while others of their lists exist.
    pub fn nowhere(&self, plan: &Plan) -> Vec<String> {
        let mut faults = Vec::new();
        for (index, input) in plan.inputs.iter().enumerate() {
            for (column, headings) in input.columns.iter().filter(|(_, headings)| headings.len() > 1) {
                let has = |listed: usize| self.0.contains(&(index, *column, listed));
                let count = headings.len();
                for listed in (0..count).filter(|listed| !has(*listed) && (0..count).any(has)) {
                    let heading = &headings[listed].name;
                    faults.push(format!(
                        "no file has the heading `{heading}` that [input.columns] lists for `{}`",
                        column.name()
                    ));
                }
            }
        }
        faults
    }
}

impl Mapping {
    /// Returns the headings that were found, each with its place in the list of its column.
    pub fn listed(&self) -> Vec<(Column, usize)> {
        self.columns.iter().flat_map(|(column, places)| places.iter().map(|place| (*column, place.listed))).collect()
    }

    /// Returns all columns that the file has.
    pub fn present(&self) -> ColumnSet {
        let columns = self.columns.iter().map(|(column, _)| *column);
        columns.chain(self.constants.iter().map(|(column, _)| *column)).collect()
    }
}

/// Finds the columns of a file among its headings; returns those that were found, and all faults.
pub(crate) fn map(input: &Input, shown: &str, headings: &[String]) -> (Mapping, Vec<String>) {
    let keys: Vec<String> = headings.iter().map(|heading| key(heading)).collect();
    let (mut faults, mut named) = (Vec::new(), ColumnSet::default());
    let mut mapping = Mapping { constants: constants(input, shown, &mut faults), ..Mapping::default() };
    let is_mapped = |column: Column| input.columns.iter().any(|(mapped, _)| *mapped == column);
    for column in Column::ALL {
        let own = [Heading::plain(column.name())];
        let wanted = match input.columns.iter().find(|(mapped, _)| *mapped == column) {
            Some((_, headings)) => headings.as_slice(),
            // A heading that the job assigns to another column is not this one's, whatever its name.
            None if input.columns.iter().flat_map(|(_, headings)| headings).any(|h| key(&h.name) == column.name()) => {
                continue;
            }
            None => &own,
        };
        let mut places = Vec::new();
        for (listed, heading) in wanted.iter().enumerate() {
            let mut found = keys.iter().enumerate().filter(|(_, known)| **known == key(&heading.name));
            match (found.next(), found.next()) {
                (Some((first, _)), Some((second, _))) => {
                    named.insert(column);
                    faults.push(doubled(headings, first, second));
                }
                (Some((index, _)), None) => places.push(HeadingPlace { index, listed, values: heading.values.clone() }),
                (None, _) => {}
            }
        }
        if !places.is_empty() {
            mapping.columns.push((column, places));
        } else if is_mapped(column) && !named.contains(column) {
            named.insert(column);
            let names: Vec<String> = wanted.iter().map(|heading| format!("`{}`", heading.name)).collect();
            let near = nearest(&key(&wanted[0].name), headings);
            faults.push(format!("no heading {} for `{}`{near}", names.join(" or "), column.name()));
        }
    }
    for (column, _) in &mapping.constants {
        if mapping.columns.iter().any(|(mapped, _)| mapped == column) {
            let name = column.name();
            faults.push(format!(
                "`{name}` has a value for the whole file in the job, but the file has such a column too"
            ));
        }
    }
    check_needed(&mapping, named, headings, &mut faults);
    if mapping.columns.is_empty() && !faults.is_empty() {
        faults.push(
            "none of its headings is known. Of a text file they may stand on another line, behind a title, or be written in \
             another encoding or with another delimiter: say so with `header_line`, `encoding` or `delimiter` in [input.csv]; \
             `vtr inspect` finds all three"
                .to_owned(),
        );
    }
    (mapping, faults)
}

/// Returns what is doubtful about the headings that a job maps, a sentence each.
pub(crate) fn doubtful(input: &Input) -> Vec<String> {
    let mut sentences = given_twice(input);
    sentences.extend(scans_by_another_name(input));
    sentences
}

/// Returns the headings that a job assigns to two columns which cannot mean the same, a sentence each. One number may
/// name the package as well, and one text both carrier and service.
fn given_twice(input: &Input) -> Vec<String> {
    const FINE: [(Column, Column); 1] = [(Column::Carrier, Column::ShipService)];
    let names = input.columns.iter().flat_map(|(column, all)| all.iter().map(|heading| (*column, &heading.name)));
    let names: Vec<(Column, &String)> = names.collect();
    let mut sentences = Vec::new();
    for (at, (first, name)) in names.iter().enumerate() {
        for (second, _) in names[at + 1..].iter().filter(|(_, other)| key(other) == key(name)) {
            let (a, b) = ((*first).min(*second), (*first).max(*second));
            if a == b || a == Column::PackageId || b == Column::PackageId || FINE.contains(&(a, b)) {
                continue;
            }
            sentences.push(format!(
                "the heading `{}` is both `{}` and `{}` by [input.columns]: one of the two is mapped wrongly, or is not known",
                shown_heading(name),
                a.name(),
                b.name()
            ));
        }
    }
    sentences
}

/// Headings that a job gives to a column of scans although they are called like another column of times, a sentence each.
fn scans_by_another_name(input: &Input) -> Vec<String> {
    let scans =
        input.columns.iter().filter(|(column, _)| matches!(column, Column::FirstScanAt | Column::DeliveryScanAt));
    let names = scans.flat_map(|(column, all)| all.iter().map(|heading| (*column, &heading.name)));
    let sentence = |(column, name): (Column, &String)| {
        let called = Column::from_name(&key(name))?;
        let is_other = called.kind() == Kind::Time && !matches!(called, Column::FirstScanAt | Column::DeliveryScanAt);
        is_other.then(|| {
            format!(
                "`{}` is mapped to the heading `{}`, which is no scan: each package would count as scanned; map the column with what \
                 the carrier scanned",
                column.name(),
                shown_heading(name)
            )
        })
    };
    names.filter_map(sentence).collect()
}

fn doubled(headings: &[String], first: usize, second: usize) -> String {
    format!(
        "the heading `{}` appears twice (columns {} and {}); case and outer blanks make no difference. Remove or rename one",
        shown_heading(&headings[first]),
        first + 1,
        second + 1
    )
}

/// Returns the form in which headings are compared.
pub(crate) fn key(heading: &str) -> String {
    heading.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}').to_lowercase()
}

fn constants(input: &Input, shown: &str, faults: &mut Vec<String>) -> Vec<(Column, String)> {
    let mut constants = input.constants.clone();
    if let Some(pattern) = &input.from_path {
        match pattern.captures(shown) {
            Some(groups) => {
                for name in pattern.capture_names().flatten() {
                    let (Some(column), Some(text)) = (Column::from_name(name), groups.name(name)) else { continue };
                    if constants.iter().any(|(constant, _)| *constant == column) {
                        faults.push(format!("`{name}` is both in [input.constants] and in [input.from_path]"));
                    } else {
                        match from_path(text.as_str()) {
                            Ok(text) => constants.push((column, text)),
                            Err(fault) => faults.push(format!("the group `{name}` of [input.from_path]: {fault}")),
                        }
                    }
                }
            }
            None => {
                faults.push(format!("the path does not fit the pattern `{}` of [input.from_path]", pattern.as_str()))
            }
        }
    }
    constants.sort_by_key(|(column, _)| *column);
    constants
}

/// Decodes a part of a path: writers of partitioned tables write `%2F` for a character that no name may hold, and a
/// reserved name for null. A plus sign is a plus sign.
pub(crate) fn from_path(text: &str) -> Result<String, String> {
    if text == "__HIVE_DEFAULT_PARTITION__" {
        return Ok(String::new());
    }
    let hex = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let (bytes, mut decoded, mut at) = (text.as_bytes(), Vec::with_capacity(text.len()), 0);
    while let Some(byte) = bytes.get(at) {
        let pair = bytes.get(at + 1).copied().and_then(hex).zip(bytes.get(at + 2).copied().and_then(hex));
        match (byte, pair) {
            (b'%', Some((high, low))) => {
                decoded.push(high << 4 | low);
                at += 3;
            }
            _ => {
                decoded.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8(decoded).map_err(|_| format!("`{}` is not UTF-8 once %XX are decoded", shown_heading(text)))
}

fn check_needed(mapping: &Mapping, named: ColumnSet, headings: &[String], faults: &mut Vec<String>) {
    let present = mapping.present();
    for column in Column::ALL.into_iter().filter(|column| column.is_needed()) {
        if !present.contains(column) && !named.contains(column) {
            let name = column.name();
            faults.push(format!(
                "no column `{name}`{}. Map it: [input.columns] {name} = \"...\", or give its value in [input.constants]",
                nearest(name, headings)
            ));
        }
    }
    let dates = [Column::PromisedDeliveryAt, Column::ShippedAt];
    if !dates.iter().any(|date| present.contains(*date) || named.contains(*date)) {
        faults.push(
            "neither `promised_delivery_at` nor `shipped_at`: without a date no shipment can be placed in time. \
             Map one of them in [input.columns]"
                .to_owned(),
        );
    }
}

/// Returns whether a heading looks like a value, which must not be shown.
pub(crate) fn is_value(heading: &str) -> bool {
    let text = heading.trim();
    let rules = vtr_columnar::input::CellRules::default();
    !text.is_empty()
        && (text.contains('@')
            || Amount::read(text, b'.').is_ok()
            || rules.times.read(text).is_ok()
            || text.bytes().filter(u8::is_ascii_digit).count() * 2 > text.len())
}

/// Returns whether a line of headings is probably a record: some of it looks like values, and nothing is a column. Then
/// the rest may be names of people, and none of it must be shown.
pub(crate) fn are_values(headings: &[String]) -> bool {
    headings.iter().any(|heading| is_value(heading))
        && !headings.iter().any(|heading| Column::from_name(&key(heading)).is_some())
}

/// Returns the headings that are most similar to the wanted one.
pub(crate) fn nearest(wanted: &str, headings: &[String]) -> String {
    if are_values(headings) {
        return "; the line of headings seems to be missing: its cells look like values, and are not shown".to_owned();
    }
    let score = |heading: &String| (strsim::jaro_winkler(wanted, &key(heading)) * 1000.0) as u32;
    let mut ranked: Vec<(u32, &String)> = headings.iter().map(|heading| (score(heading), heading)).collect();
    ranked.sort_by_key(|(likeness, _)| std::cmp::Reverse(*likeness));
    let named = |(_, heading): &(u32, &String)| format!("`{}`", shown_heading(heading));
    let near: Vec<String> = ranked.iter().take(3).filter(|(score, _)| *score >= 600).map(named).collect();
    match (near.is_empty(), headings.len()) {
        (false, _) => format!("; nearest: {}", near.join(", ")),
        (true, 0) => String::new(),
        (true, _) => {
            let all: Vec<String> =
                headings.iter().take(8).map(|heading| format!("`{}`", shown_heading(heading))).collect();
            format!("; the file has {}{}", all.join(", "), if headings.len() > 8 { ", ..." } else { "" })
        }
    }
}

/// Returns a heading as messages show it: escaped, at most 60 characters.
pub(crate) fn shown_heading(heading: &str) -> String {
    let trimmed = heading.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    trimmed.escape_debug().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::plan::fixture::input;

    fn headings(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn columns(mapping: &Mapping) -> Vec<(&'static str, usize)> {
        mapping.columns.iter().map(|(column, places)| (column.name(), places[0].index)).collect()
    }

    #[test]
    fn names_bind_trimmed_and_in_any_case() {
        let mut job = input(&[]);
        job.columns = vec![
            (Column::Carrier, vec![Heading::plain("Carrier-Name")]),
            (Column::TrackingAddedAt, vec![Heading::plain("shipped_at")]),
        ];
        let names = [
            "\u{feff}SELLER_ID ",
            "marketplace",
            "buyer",
            "carrier-name",
            "order_id",
            "shipped_at",
            "carrier",
            "promised_delivery_at",
        ];
        let (mapping, faults) = map(&job, "a.csv", &headings(&names));
        assert!(faults.is_empty(), "{faults:?}");
        let want = [
            ("seller_id", 0),
            ("marketplace", 1),
            ("order_id", 4),
            ("carrier", 3),
            ("promised_delivery_at", 7),
            ("tracking_added_at", 5),
        ];
        assert_eq!(columns(&mapping), want);
    }

    #[test]
    fn missing_doubled_and_needed_headings_are_all_named() {
        let mut job = input(&[]);
        job.columns =
            vec![(Column::Carrier, vec![Heading::plain("carier")]), (Column::OrderId, vec![Heading::plain("order")])];
        let faults = map(&job, "a.csv", &headings(&["Seller_Id", "seller_id", "Carrier ", "order", "note", "note"]))
            .1
            .join("\n");
        for part in [
            "`Seller_Id` appears twice",
            "no heading `carier` for `carrier`; nearest: `Carrier`",
            "no column `marketplace`",
            "neither `promised",
        ] {
            assert!(faults.contains(part), "{part}: {faults}");
        }
        assert!(!faults.contains("`note` appears"), "{faults}");
    }

    #[test]
    fn of_a_record_in_the_place_of_headings_nothing_is_shown() {
        let record = ["283-8024524-5907469", "Max Mustermann", "Market Lane 4", "DHL"];
        let mut job = input(&[]);
        for mapped in [vec![], vec![(Column::Carrier, vec![Heading::plain("carier")])]] {
            job.columns = mapped;
            let faults = map(&job, "a.csv", &headings(&record)).1.join("\n");
            assert!(faults.contains("the line of headings seems to be missing"), "{faults}");
            assert!(record.iter().all(|cell| !faults.contains(cell)), "{faults}");
        }
        // A heading of a year is no record, and neither is a line in which no cell looks like a value.
        assert!(!are_values(&headings(&["2025", "order_id"])) && !are_values(&headings(&["Bestellung", "Datum"])));
    }

    #[test]
    fn of_a_list_those_headings_are_taken_that_the_file_has() {
        let mut job = input(&[]);
        let list = |names: &[&str]| names.iter().map(|name| Heading::plain(name)).collect::<Vec<_>>();
        job.columns = vec![(Column::Carrier, list(&["carrier-name", "carrier-code", "carrier"]))];
        let common = ["seller_id", "marketplace", "order_id", "shipped_at"];
        let of = |more: &[&str]| map(&job, "a.csv", &headings(&[&common[..], more].concat()));
        let places = |mapping: &Mapping| {
            let found = mapping.columns.iter().find(|(column, _)| *column == Column::Carrier).unwrap();
            found.1.iter().map(|place| (place.index, place.listed)).collect::<Vec<_>>()
        };
        assert_eq!(places(&of(&["Carrier", "CARRIER-NAME"]).0), [(5, 0), (4, 2)]);
        assert_eq!(places(&of(&["carrier-code"]).0), [(4, 1)]);
        let faults = of(&["carriers"]).1.join("\n");
        assert!(
            faults.contains(
                "no heading `carrier-name` or `carrier-code` or `carrier` for `carrier`; nearest: `carriers`"
            ),
            "{faults}"
        );
        assert!(of(&["carrier", "Carrier"]).1[0].contains("`carrier` appears twice"));
    }

    #[test]
    fn a_cell_is_filled_if_something_is_left_of_it() {
        let values = vec![("Other".to_owned(), String::new()), ("PBS".to_owned(), "Post".to_owned())];
        let place = HeadingPlace { index: 0, listed: 0, values };
        let rules = CellRules { nulls: vec!["N/A".into()], ..CellRules::default() };
        let filled = |cell| place.filled(cell, &rules);
        assert_eq!(
            [" Other ", "N/A", "  ", "PBS", "other"].map(filled),
            [None, None, None, Some("Post"), Some("other")]
        );
    }

    #[test]
    fn constants_and_paths_are_columns_and_clash_with_headings() {
        let mut job = input(&[]);
        job.constants = vec![(Column::Marketplace, "DE".into())];
        job.from_path = Some(regex::Regex::new("in/(?<seller_id>[^/]+)/").unwrap());
        let names = ["order_id", "shipped_at"];
        let (mapping, faults) = map(&job, "in/S1/a.csv", &headings(&names));
        assert!(faults.is_empty(), "{faults:?}");
        assert_eq!(mapping.constants, [(Column::SellerId, "S1".to_owned()), (Column::Marketplace, "DE".to_owned())]);
        assert!(mapping.present().contains(Column::SellerId));
        assert!(map(&job, "else.csv", &headings(&names)).1.join("\n").contains("does not fit the pattern"));
        let path = "in/seller_id=A%3DB+%e2%82%ac%zz%/x.csv";
        job.from_path = Some(regex::Regex::new("seller_id=(?<seller_id>[^/]+)/").unwrap());
        assert_eq!(map(&job, path, &headings(&names)).0.constants[0].1, "A=B+€%zz%");
        let null = map(&job, "in/seller_id=__HIVE_DEFAULT_PARTITION__/x.csv", &headings(&names)).0;
        assert_eq!(null.constants[0], (Column::SellerId, String::new()));
        let faults = map(&job, "in/seller_id=%ff/x.csv", &headings(&names)).1;
        assert!(faults[0].contains("`seller_id` of [input.from_path]: `%ff` is not UTF-8"), "{faults:?}");
        job.from_path = Some(regex::Regex::new("in/(?<seller_id>[^/]+)/").unwrap());
        let faults = map(&job, "in/S1/a.csv", &headings(&["order_id", "shipped_at", "MARKETPLACE"])).1;
        assert!(faults[0].contains("`marketplace` has a value for the whole file"), "{faults:?}");
    }
}
