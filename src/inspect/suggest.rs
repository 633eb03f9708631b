//! From headings to the part of a job that reads them, and from bytes to the settings to declare.
//!
//! It only proposes: no file is read by its results. Headings are matched as the job would match them. It cannot fail.

use super::profile::Profile;
use super::{Look, Mapped, Mapping, Unused, shown_heading};
use crate::scan::known::{HeadingMeaning, meaning};
use encoding_rs::{Encoding, SHIFT_JIS};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use vtr_columnar::input::{Column, Kind};

/// A heading that may be a column.
struct HeadingCandidate<'a> {
    /// Its rank as a source by its name; smaller is better.
    rank: usize,
    heading: &'a str,
    caution: Option<&'static str>,
    fill: Fill,
}

/// The share of a column's rows that are filled.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fill {
    /// Every row, with an order id of Amazon's form.
    AmazonIds,
    /// Every row.
    All,
    /// More than one of ten.
    Some,
    /// At most one of ten.
    AlmostNone,
    /// No row.
    None,
}

impl Fill {
    /// Returns how much of a column was filled.
    pub fn of(profile: &Profile) -> Fill {
        match profile {
            profile if profile.nulls == 0 && profile.values > 0 && profile.amazon_ids == profile.values => {
                Fill::AmazonIds
            }
            profile if profile.nulls == 0 => Fill::All,
            profile if profile.values == 0 => Fill::None,
            profile if profile.is_almost_empty() => Fill::AlmostNone,
            _ => Fill::Some,
        }
    }
}

/// Maps headings to columns; `fills` gives how much of each is filled, if known.
pub(super) fn mapping(headings: &[String], fills: &[Fill]) -> Mapping {
    let mut candidates: BTreeMap<Column, Vec<HeadingCandidate>> = BTreeMap::new();
    let mut mapping = Mapping::default();
    for (index, heading) in headings.iter().enumerate() {
        let fill = fills.get(index).copied().unwrap_or(Fill::All);
        match meaning(heading) {
            Some((HeadingMeaning::Is(column, caution), rank)) => {
                candidates.entry(column).or_default().push(HeadingCandidate {
                    rank,
                    heading: trimmed(heading),
                    caution,
                    fill,
                });
            }
            Some((HeadingMeaning::Personal, _)) => mapping.personal.push(shown_heading(heading)),
            Some((HeadingMeaning::Useless(why), _)) => {
                mapping.unused.push(Unused { heading: shown_heading(heading), why: why.to_owned() });
            }
            None => {}
        }
    }
    for (column, mut found) in candidates {
        // A slightly better name does not outweigh a column without values, nor one with the ids that are asked for.
        let is_other = |fill: Fill| column == Column::OrderId && fill != Fill::AmazonIds;
        found.sort_by_key(|candidate| (candidate.fill >= Fill::AlmostNone, is_other(candidate.fill), candidate.rank));
        let best = &found[0];
        let says_same = |other: &&HeadingCandidate| {
            best.fill > Fill::All
                && other.fill != Fill::None
                && best.caution.is_none()
                && other.caution.is_none()
                && other.heading != best.heading
        };
        let also: Vec<String> = found[1..].iter().filter(says_same).map(|other| other.heading.to_owned()).collect();
        for other in &found[1..] {
            if !also.iter().any(|also| also == other.heading) {
                let why = format!("`{}` is the better source of `{}`", shown_heading(best.heading), column.name());
                mapping.unused.push(Unused { heading: shown_heading(other.heading), why });
            }
        }
        let (heading, caution) = (best.heading.to_owned(), best.caution);
        mapping.columns.push(Mapped { column: column.name(), heading, also, caution });
    }
    let has = |column: Column| mapping.has(column.name());
    let mut missing: Vec<&'static str> =
        Column::ALL.into_iter().filter(|column| column.is_needed() && !has(*column)).map(Column::name).collect();
    if !has(Column::PromisedDeliveryAt) && !has(Column::ShippedAt) {
        missing.push("promised_delivery_at or shipped_at");
    }
    mapping.missing = missing;
    mapping
}

/// Returns the number of known headings in a line, which distinguishes the line of headings from one above it.
pub(super) fn known_headings(headings: &[String]) -> usize {
    headings.iter().filter(|heading| meaning(heading).is_some()).count()
}

fn trimmed(heading: &str) -> &str {
    heading.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}')
}

/// Returns a text as TOML writes it.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// Keys of an `[[input]]`, and those of its `[input.csv]`.
#[derive(Default)]
pub(super) struct Keys {
    pub input: Vec<(&'static str, String)>,
    pub csv: Vec<(&'static str, String)>,
}

impl Keys {
    /// Returns the keys that the columns need, whatever the format: how times and amounts are written, which are days,
    /// which texts mean null beside those that are declared already.
    pub fn of_columns(looked: &[(Column, &Profile)], declared_nulls: &[String]) -> Keys {
        let mut keys = Keys::default();
        let times = || looked.iter().filter(|(column, _)| column.kind() == Kind::Time);
        let written: Vec<Vec<&str>> =
            times().map(|(_, profile)| profile.time_formats()).filter(|formats| !formats.is_empty()).collect();
        let mut formats: Vec<&str> = written.iter().filter(|one| one.len() == 1).flatten().copied().collect();
        let sure = formats.clone();
        // A format that one column leaves open may be settled by another.
        let open: Vec<&Vec<&str>> =
            written.iter().filter(|one| !one.iter().any(|format| sure.contains(format))).collect();
        formats.extend(open.iter().copied().flatten());
        formats.sort_unstable();
        formats.dedup();
        if !open.is_empty() {
            keys.input.push(("# timestamps", format!("{formats:?}  # keep the one that is meant")));
        } else if !formats.is_empty() {
            keys.input.push(("timestamps", format!("{formats:?}")));
        }
        let fillers: BTreeSet<&String> = times().flat_map(|(_, profile)| &profile.timeless.words).collect();
        let nulls: Vec<&String> = declared_nulls.iter().chain(fillers).collect();
        if !nulls.is_empty() {
            keys.input.push(("nulls", format!("{nulls:?}")));
        }
        let days: Vec<&str> =
            times().filter(|(_, profile)| profile.is_at_midnight()).map(|(column, _)| column.name()).collect();
        if !days.is_empty() {
            keys.input.push(("days", format!("{days:?}  # if they are calendar days")));
        }
        if looked.iter().any(|(column, profile)| column.kind() == Kind::Amount && profile.has_decimal_comma()) {
            keys.input.push(("decimal", "\",\"".to_owned()));
        }
        keys
    }
}

/// Returns the part of a job that reads a file.
pub(super) fn snippet(look: &Look, keys: &Keys) -> String {
    let mut text = String::from("[[input]]\n");
    let _ = writeln!(text, "path = {}", quoted(&look.file));
    let suffix_tells = super::by_suffix(&look.file).is_some();
    if !suffix_tells {
        let _ = writeln!(text, "format = \"{}\"", look.format);
    }
    for (key, value) in &keys.input {
        let _ = writeln!(text, "{key} = {value}");
    }
    // A run finds a heading that is a column's own name without its line, but not in an input that is joined with others.
    text += "\n[input.columns]\n";
    for mapped in &look.mapping.columns {
        let caution = mapped.caution.map_or_else(String::new, |caution| format!("  # {caution}"));
        let list =
            || std::iter::once(&mapped.heading).chain(&mapped.also).map(|heading| quoted(heading)).collect::<Vec<_>>();
        let from = if mapped.also.is_empty() { quoted(&mapped.heading) } else { format!("[{}]", list().join(", ")) };
        let _ = writeln!(text, "{} = {from}{caution}", mapped.column);
    }
    for missing in &look.mapping.missing {
        let where_else = if missing.contains(" or ") { "" } else { ", or give its value in [input.constants]" };
        let _ = writeln!(text, "# {missing}: no heading is known for it; write yours here{where_else}");
    }
    let constants: Vec<&&str> = look.mapping.missing.iter().filter(|name| !name.contains(" or ")).collect();
    if !constants.is_empty() {
        text += "\n[input.constants]\n";
        for name in constants {
            let example = if *name == "marketplace" { "DE" } else { "..." };
            let _ = writeln!(text, "# {name} = \"{example}\"");
        }
    }
    if !keys.csv.is_empty() {
        text += "\n[input.csv]\n";
        for (key, value) in &keys.csv {
            let _ = writeln!(text, "{key} = {value}");
        }
    }
    text
}

/// Returns a delimiter as TOML writes it.
pub(super) fn quoted_delimiter(delimiter: u8) -> String {
    quoted(&char::from(delimiter).to_string())
}

/// Returns the likely encoding of bytes that are not UTF-8.
pub(super) fn likely_encoding(bytes: &[u8]) -> &'static str {
    if let Some(wide) = likely_wide(bytes) {
        return wide;
    }
    let (text, had_errors) = SHIFT_JIS.decode_without_bom_handling(bytes);
    // A character that is cut off at the end of a sample is not an error.
    let errors = text.chars().filter(|c| *c == char::REPLACEMENT_CHARACTER).count();
    let is_cut = errors == 1 && text.ends_with(char::REPLACEMENT_CHARACTER);
    if (!had_errors || is_cut) && reads_japanese(&text) { "shift_jis" } else { "windows-1252" }
}

/// Recognises UTF-16 without a byte order mark: every other byte of mostly ASCII text is zero.
pub(super) fn likely_wide(bytes: &[u8]) -> Option<&'static str> {
    let pairs = bytes.chunks_exact(2);
    let (count, zeros) =
        (pairs.len(), |at: usize| pairs.clone().filter(|pair| pair[at] == 0 && pair[1 - at] != 0).count());
    if count >= 4 && zeros(1) * 10 >= count * 7 {
        Some("utf-16le")
    } else if count >= 4 && zeros(0) * 10 >= count * 7 {
        Some("utf-16be")
    } else {
        None
    }
}

/// Returns whether the characters beyond ASCII are Japanese and adjacent, as in words; accented letters of another
/// encoding come one by one.
fn reads_japanese(text: &str) -> bool {
    let is_japanese =
        |c: char| matches!(c, '\u{3000}'..='\u{30ff}' | '\u{4e00}'..='\u{9fff}' | '\u{ff00}'..='\u{ff9f}');
    let (mut run, mut together, mut foreign) = (0usize, 0usize, 0usize);
    for c in text.chars().chain(std::iter::once('\n')) {
        if is_japanese(c) {
            run += 1;
            continue;
        }
        together += if run > 1 { run } else { 0 };
        foreign += usize::from(run == 1) + usize::from(!c.is_ascii());
        run = 0;
    }
    together > 0 && together >= 2 * foreign
}

/// Returns a delimiter that cuts the first lines equally if the given one does not cut at all.
pub(super) fn likely_delimiter(head: &[u8], given: u8) -> Option<u8> {
    let lines: Vec<&[u8]> =
        head.split(|byte| matches!(byte, b'\n' | b'\r')).filter(|line| !line.is_empty()).take(5).collect();
    let count = |line: &[u8], byte: u8| line.iter().filter(|other| **other == byte).count();
    let first = lines.first()?;
    if count(first, given) > 0 {
        return None;
    }
    let others = *b"\t;|,";
    let cuts = |byte: u8| {
        let wanted = count(first, byte);
        wanted > 0 && lines.iter().skip(1).filter(|line| count(line, byte) >= wanted).count() * 2 >= lines.len() - 1
    };
    others.into_iter().filter(|byte| *byte != given && cuts(*byte)).max_by_key(|byte| count(first, *byte))
}

/// Returns the encoding by a byte order mark at the beginning, if it is not UTF-8's.
pub(super) fn by_mark(head: &[u8]) -> Option<&'static Encoding> {
    Encoding::for_bom(head).map(|(encoding, _)| encoding).filter(|encoding| *encoding != encoding_rs::UTF_8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_told_by_what_reads_as_words() {
        let (japanese, _, _) = SHIFT_JIS.encode("注文番号\t出荷日\tヤマト運輸");
        assert_eq!(likely_encoding(&japanese), "shift_jis");
        for western in ["Müller", "caf\u{e9},1", "Andr\u{e9}e", "Señor Ñandú", "Größe", "à côté"] {
            let (bytes, _, _) = encoding_rs::WINDOWS_1252.encode(western);
            assert_eq!(likely_encoding(&bytes), "windows-1252", "{western}");
        }
        let wide: Vec<u8> = "order-id,carrier".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(likely_encoding(&wide), "utf-16le");
    }

    #[test]
    fn a_delimiter_is_proposed_where_the_given_one_cuts_nothing() {
        assert_eq!(likely_delimiter(b"a;b;c\n1;2;3\n", b','), Some(b';'));
        assert_eq!(likely_delimiter(b"a,b;c\n", b','), None);
        assert_eq!(likely_delimiter(b"a\n1\n", b','), None);
    }

    #[test]
    fn the_better_of_two_headings_is_mapped() {
        let headings = ["order-id", "carrier-code", "carrier-name", "ship-date"].map(str::to_owned);
        let mapping = mapping(&headings, &[]);
        let columns: Vec<_> = mapping.columns.iter().map(|mapped| (mapped.column, mapped.heading.as_str())).collect();
        assert_eq!(columns, [("order_id", "order-id"), ("carrier", "carrier-name"), ("shipped_at", "ship-date")]);
        assert_eq!(mapping.missing, ["seller_id", "marketplace"]);
        assert!(mapping.unused[0].why.contains("`carrier-name` is the better source"));
    }

    #[test]
    fn a_filled_column_goes_before_one_that_is_almost_empty() {
        let headings = ["carrier", "carrier-name", "delivery-end-date", "latest-delivery-date"].map(str::to_owned);
        let of = |fills: [Fill; 4]| {
            let mapping = mapping(&headings, &fills);
            let texts = |mapped: &Mapped| (mapped.heading.clone(), mapped.also.join("+"));
            (texts(&mapping.columns[0]), texts(&mapping.columns[1]))
        };
        let pair = |heading: &str, also: &str| (heading.to_owned(), also.to_owned());
        let (all, some, few, none) = (Fill::All, Fill::Some, Fill::AlmostNone, Fill::None);
        assert_eq!(of([all, all, all, all]), (pair("carrier", ""), pair("latest-delivery-date", "")));
        assert_eq!(of([few, some, few, few]), (pair("carrier-name", "carrier"), pair("latest-delivery-date", "")));
        assert_eq!(of([some, all, all, none]), (pair("carrier", "carrier-name"), pair("delivery-end-date", "")));
        assert_eq!(of([none, all, all, some]).0, pair("carrier-name", ""));
    }
}
