//! A source's headings to canonical columns: by name, never by position.
//!
//! It knows names only, neither types nor cells. A mapped heading that is missing or stands twice, a
//! constant beside a column of its name, and a file without what every shipment needs are refused.

use crate::job::plan::Input;
use vtr_columnar::input::{Column, ColumnSet};

/// Where the columns of one file are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mapping {
    /// Column and index of its heading, in canonical order.
    pub columns: Vec<(Column, usize)>,
    /// Columns with one value for the whole file, in canonical order.
    pub constants: Vec<(Column, String)>,
}

impl Mapping {
    /// All columns that the file has.
    pub fn present(&self) -> ColumnSet {
        let columns = self.columns.iter().map(|(column, _)| *column);
        columns.chain(self.constants.iter().map(|(column, _)| *column)).collect()
    }
}

/// Finds the columns of a file among its headings: those that were found, and all that is wrong.
pub(crate) fn map(input: &Input, shown: &str, headings: &[String]) -> (Mapping, Vec<String>) {
    let keys: Vec<String> = headings.iter().map(|heading| key(heading)).collect();
    let (mut faults, mut named) = (Vec::new(), ColumnSet::default());
    let mut mapping = Mapping { constants: constants(input, shown, &mut faults), ..Mapping::default() };
    for column in Column::ALL {
        let heading = match input.columns.iter().find(|(mapped, _)| *mapped == column) {
            Some((_, heading)) => heading.as_str(),
            // A heading that the job gives to another column is not this one's, whatever it is called.
            None if input.columns.iter().any(|(_, heading)| key(heading) == column.name()) => continue,
            None => column.name(),
        };
        let wanted = key(heading);
        let mut places = keys.iter().enumerate().filter(|(_, key)| **key == wanted).map(|(place, _)| place);
        match (places.next(), places.next()) {
            (Some(place), None) => mapping.columns.push((column, place)),
            (Some(first), Some(second)) => {
                named.insert(column);
                faults.push(format!(
                    "the heading `{}` stands twice (columns {} and {}); case and outer blanks make no difference. \
                     Remove or rename one",
                    shown_heading(&headings[first]),
                    first + 1,
                    second + 1
                ));
            }
            (None, _) if heading == column.name() && !input.columns.iter().any(|(mapped, _)| *mapped == column) => {}
            (None, _) => {
                named.insert(column);
                faults.push(format!("no heading `{heading}` for `{}`{}", column.name(), nearest(&wanted, headings)));
            }
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
    (mapping, faults)
}

/// The form in which headings are compared.
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
                        faults.push(format!("`{name}` stands both in [input.constants] and in [input.from_path]"));
                    } else {
                        constants.push((column, text.as_str().to_owned()));
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

/// The headings most like the wanted one.
fn nearest(wanted: &str, headings: &[String]) -> String {
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

/// A heading as messages show it: escaped, at most 60 characters.
pub(crate) fn shown_heading(heading: &str) -> String {
    let trimmed = heading.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    trimmed.escape_debug().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::super::fixture::input;
    use super::*;

    fn headings(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn columns(mapping: &Mapping) -> Vec<(&'static str, usize)> {
        mapping.columns.iter().map(|(column, place)| (column.name(), *place)).collect()
    }

    #[test]
    fn names_bind_trimmed_and_in_any_case() {
        let mut job = input(&[]);
        job.columns = vec![(Column::Carrier, "Carrier-Name".into()), (Column::TrackingAddedAt, "shipped_at".into())];
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
        job.columns = vec![(Column::Carrier, "carier".into()), (Column::OrderId, "order".into())];
        let faults = map(&job, "a.csv", &headings(&["Seller_Id", "seller_id", "Carrier ", "order", "note", "note"]))
            .1
            .join("\n");
        for part in [
            "`Seller_Id` stands twice",
            "no heading `carier` for `carrier`; nearest: `Carrier`",
            "no column `marketplace`",
            "neither `promised",
        ] {
            assert!(faults.contains(part), "{part}: {faults}");
        }
        assert!(!faults.contains("`note` stands"), "{faults}");
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
        let faults = map(&job, "in/S1/a.csv", &headings(&["order_id", "shipped_at", "MARKETPLACE"])).1;
        assert!(faults[0].contains("`marketplace` has a value for the whole file"), "{faults:?}");
    }
}
