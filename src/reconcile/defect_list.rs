//! Amazon's VTR defect report: the packages that Amazon counts as defects, one per row.
//!
//! Nine columns are matched by their headings. The four criteria between `Ship Option` and `Package Value` have no
//! publicly known names, so they are kept as text. Another kind of file is refused with what it looks like.

use super::performance::looks_like;
use crate::error::{Error, Result};
use crate::scan::headings;
use std::collections::{BTreeMap, HashSet};
use vtr_kernel::amount::Amount;
use vtr_kernel::money::Currency;
use vtr_kernel::number;

/// A row of the report.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// Amazon's order id.
    pub order_id: String,
    /// The carrier as Amazon names it.
    pub carrier: String,
    /// The cell of the tracking id, cleaned; empty if Amazon has none.
    pub number: String,
    /// Whether the tracking id is `<order id>-InvalidId`: Amazon could not process the number, unless the seller typed
    /// just that.
    pub is_invalid_id: bool,
    /// Origin as written.
    pub origin: String,
    /// Promised delivery as written.
    pub promised: String,
    /// Ship method and option as written.
    pub ship_method: String,
    /// Ship option as written.
    pub ship_option: String,
    /// Criteria that are set, by their headings.
    pub flags: Vec<String>,
    /// The package's value; `None` if blank or unreadable.
    pub value: Option<Amount>,
    /// Its currency, if a sign says it.
    pub currency: Option<Currency>,
    /// Product category as written.
    pub category: String,
    /// All cells, if there is no number that tells the packages of an order apart: then only rows that agree in all
    /// cells are the same.
    pub cells: Vec<String>,
    /// The row's number in the file, from 1.
    pub record: u64,
}

/// What a row has in common with its repetitions: order, number, carrier, and [`Listed::cells`].
pub type RowIdentity = (String, String, String, Vec<String>);

/// What a file holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DefectList {
    /// Distinct rows, in the order of the file.
    pub rows: Vec<Listed>,
    /// The number of repeated rows.
    pub repeated: u64,
    /// The number of rows that a column of an older generation of the report marks as no defects.
    pub not_defects: u64,
    /// The number of package values that could not be read.
    pub unreadable_values: u64,
}

/// The columns matched by name: canonical name, whether it is required, Amazon's heading.
const COLUMNS: [(&str, bool, &str); 9] = [
    ("order_id", true, "Order ID"),
    ("carrier", true, "Carrier Name"),
    ("tracking_id", true, "Tracking ID"),
    ("origin_country", false, "Origin Country"),
    ("promised_delivery_date", false, "Promised Delivery Date"),
    ("ship_method", false, "Ship Method"),
    ("ship_option", false, "Ship Option"),
    ("package_value", false, "Package Value"),
    ("product_category", false, "Product Category"),
];

/// Reads a report. `mapped` gives the headings of a localised report by canonical name.
///
/// # Errors
/// [`Error::Input`] if the bytes are no such report; `shown` names the file.
pub fn read(
    bytes: &[u8],
    encoding: &'static encoding_rs::Encoding,
    mapped: &BTreeMap<String, String>,
    shown: &str,
) -> Result<DefectList> {
    let refused = |why: String| Error::Input(format!("{shown} is no VTR defect report: {why}"));
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(DefectList::default());
    }
    if let Some(what) = looks_like(bytes) {
        return Err(refused(format!("it looks like {what}")));
    }
    let (text, _, has_errors) = encoding.decode(bytes);
    if has_errors {
        let name = encoding.name();
        return Err(refused(format!("it is not encoded in {name}; set `encoding` in [reconcile]")));
    }
    let heads = text.lines().next().unwrap_or_default();
    let delimiter = if heads.contains('\t') { b'\t' } else { b',' };
    let mut reader = csv::ReaderBuilder::new();
    let quotes = delimiter == b',';
    let mut reader = reader.delimiter(delimiter).quoting(quotes).flexible(true).from_reader(text.as_bytes());
    let broken = |error: csv::Error| refused(format!("it cannot be cut into cells: {error}"));
    let heads: Vec<String> = reader.headers().map_err(broken)?.iter().map(|head| head.trim().to_owned()).collect();
    if let [line] = heads.as_slice()
        && let Some(mark) = [';', '|'].into_iter().find(|mark| line.matches(*mark).count() >= 2)
    {
        return Err(refused(format!("its cells are separated by `{mark}`; save it with commas or tabs between them")));
    }
    let places = Places::of(&heads, mapped).map_err(refused)?;
    let mut list = DefectList::default();
    for (row, record) in reader.records().enumerate() {
        let record = record.map_err(broken)?;
        if record.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        if record.len() != heads.len() {
            let (line, found) = (row + 2, record.len());
            return Err(refused(format!("line {line} has {found} cells, the headings are {}", heads.len())));
        }
        if !places.is_defect(&record) {
            list.not_defects += 1;
            continue;
        }
        let listed = places.listed(&record, row as u64 + 1, &mut list.unreadable_values);
        list.rows.push(listed);
    }
    list.repeated = keep_new(&mut list.rows, &mut HashSet::new());
    Ok(list)
}

/// Removes the rows that were seen before, adds the others to those seen, and returns how many were removed.
pub fn keep_new(rows: &mut Vec<Listed>, seen: &mut HashSet<RowIdentity>) -> u64 {
    let before = rows.len();
    let identity = |row: &Listed| (row.order_id.clone(), row.number.clone(), row.carrier.clone(), row.cells.clone());
    rows.retain(|row| seen.insert(identity(row)));
    (before - rows.len()) as u64
}

/// The indices of a file's columns.
struct Places {
    named: BTreeMap<&'static str, usize>,
    flags: Vec<(String, usize)>,
    has_valid_tracking: Option<usize>,
    no_valid_tracking: Option<usize>,
}

impl Places {
    fn of(heads: &[String], mapped: &BTreeMap<String, String>) -> std::result::Result<Places, String> {
        let place = |heading: &str| heads.iter().position(|head| headings::key(head) == headings::key(heading));
        let mut named = BTreeMap::new();
        for (name, is_needed, heading) in COLUMNS {
            let heading = mapped.get(name).map_or(heading, String::as_str);
            match place(heading) {
                Some(found) => drop(named.insert(name, found)),
                None if is_needed => {
                    return Err(format!(
                        "it has no column `{heading}`; if its headings are localised, map them in [reconcile.columns]"
                    ));
                }
                None => {}
            }
        }
        let (has_valid_tracking, no_valid_tracking) = (place("Has Valid Tracking Number"), place("No Valid Tracking"));
        let flags = match (named.get("ship_option"), named.get("package_value")) {
            (Some(option), Some(value)) if option < value => {
                (option + 1..*value).map(|at| (heads[at].clone(), at)).collect()
            }
            _ => Vec::new(),
        };
        Ok(Places { named, flags, has_valid_tracking, no_valid_tracking })
    }

    fn cell<'r>(&self, record: &'r csv::StringRecord, name: &str) -> &'r str {
        self.named.get(name).and_then(|at| record.get(*at)).unwrap_or_default().trim()
    }

    /// Whether a row is a defect: older generations list every package and mark the defects.
    fn is_defect(&self, record: &csv::StringRecord) -> bool {
        let cell = |place: Option<usize>| place.and_then(|at| record.get(at)).map(str::trim);
        let is_valid = cell(self.has_valid_tracking).is_some_and(|cell| !cell.is_empty() && is_set(cell));
        let is_unmarked = cell(self.no_valid_tracking).is_some_and(|cell| !is_set(cell));
        !is_valid && !is_unmarked
    }

    fn listed(&self, record: &csv::StringRecord, number_of_record: u64, unreadable_values: &mut u64) -> Listed {
        let cell = |name: &str| self.cell(record, name).to_owned();
        let (order_id, typed) = (cell("order_id"), cell("tracking_id"));
        let suffix = typed.strip_prefix(order_id.as_str()).unwrap_or_default();
        let is_invalid_id = !order_id.is_empty() && suffix.eq_ignore_ascii_case("-InvalidId");
        let mut buffer = String::new();
        let cleaned = number::cleaned(&typed, &mut buffer);
        let (value, currency) = match money(self.cell(record, "package_value")) {
            Money::Blank => (None, None),
            Money::Unreadable => {
                *unreadable_values += 1;
                (None, None)
            }
            Money::Read(value, currency) => (Some(value), currency),
        };
        let is_named = !is_invalid_id && !cleaned.is_empty();
        let set = |(_, at): &&(String, usize)| record.get(*at).is_some_and(is_set);
        Listed {
            carrier: cell("carrier"),
            number: cleaned.to_owned(),
            is_invalid_id,
            origin: cell("origin_country"),
            promised: cell("promised_delivery_date"),
            ship_method: cell("ship_method"),
            ship_option: cell("ship_option"),
            flags: self.flags.iter().filter(set).map(|(head, _)| head.clone()).collect(),
            value,
            currency,
            category: cell("product_category"),
            cells: if is_named { Vec::new() } else { record.iter().map(str::to_owned).collect() },
            record: number_of_record,
            order_id,
        }
    }
}

fn is_set(cell: &str) -> bool {
    ["x", "yes", "true", "1", "y"].iter().any(|word| cell.trim().eq_ignore_ascii_case(word))
}

enum Money {
    Blank,
    Unreadable,
    Read(Amount, Option<Currency>),
}

/// Reads `1.210,00 €`, `£12.50`, `1,210.00`. The last mark is the decimal mark, unless it occurs several times, or three
/// digits follow it and the other mark does not occur: then it is a thousands mark.
fn money(text: &str) -> Money {
    if text.is_empty() {
        return Money::Blank;
    }
    // A dollar or yen sign stands for several currencies, so it is skipped and the package's own currency counts.
    const SIGNS: [(char, &str); 4] = [('€', "EUR"), ('£', "GBP"), ('$', ""), ('¥', "")];
    let sign = SIGNS.iter().find(|(sign, _)| text.contains(*sign)).and_then(|(_, code)| Currency::read(code));
    let code = text.split(|c: char| !c.is_ascii_alphabetic()).find(|word| word.len() == 3).and_then(Currency::read);
    let figures: String = text.chars().filter(|c| c.is_ascii_digit() || matches!(c, '.' | ',' | '-')).collect();
    let strange = text.chars().any(|c| {
        !(c.is_ascii_digit()
            || matches!(c, '.' | ',' | '-' | '+')
            || c.is_whitespace()
            || c.is_ascii_alphabetic()
            || SIGNS.iter().any(|(sign, _)| *sign == c))
    });
    let decimal = figures.rfind(['.', ',']).filter(|at| {
        let mark = figures.as_bytes()[*at];
        let count = figures.bytes().filter(|byte| *byte == mark).count();
        count == 1 && (figures.len() - at - 1 != 3 || figures.contains(if mark == b'.' { ',' } else { '.' }))
    });
    let plain: String = figures
        .char_indices()
        .filter_map(|(at, c)| match c {
            '.' | ',' if Some(at) == decimal => Some('.'),
            '.' | ',' => None,
            c => Some(c),
        })
        .collect();
    match Amount::read(&plain, b'.') {
        Ok(amount) if !strange => Money::Read(amount, sign.or(code)),
        _ => Money::Unreadable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADS: &str = "Order ID,Carrier Name,Tracking ID,Origin Country,Promised Delivery Date,Ship Method,Ship Option,\
                         C1,C2,C3,C4,Package Value,Product Category\n";

    fn list(rows: &str) -> DefectList {
        read(format!("{HEADS}{rows}").as_bytes(), encoding_rs::UTF_8, &BTreeMap::new(), "a.csv").unwrap()
    }

    #[test]
    fn rows_are_read_with_their_flags_and_repeated_ones_count_once() {
        let row = "O1,DHL,00 34,DE,2026-10-20,Brief,Std,X,,No,1,\"1.210,00 €\",Toys\n";
        let unread = "O2,DHL,O2-InvalidId,DE,,,,,,,,n/a!,Toys\n";
        let list = list(&format!("{row}{row}{unread}{unread}O2,DHL,O2-InvalidId,DE,,,,,,,,9.00,Toys\n,,,,,,,,,,,,\n"));
        assert_eq!((list.rows.len(), list.repeated, list.unreadable_values), (3, 2, 2));
        assert_eq!(list.rows[0].number, "0034");
        assert_eq!(list.rows[0].flags, ["C1", "C4"]);
        assert_eq!(list.rows[0].value, Amount::read("1210.00", b'.').ok());
        assert!(list.rows[1].is_invalid_id && list.rows[1].number == "O2INVALIDID");
        assert_eq!(list.rows[2].value, Amount::read("9.00", b'.').ok());
    }

    #[test]
    fn money_is_read_with_either_mark() {
        let read = |text: &str| match money(text) {
            Money::Read(amount, currency) => Some((amount, currency.map(|code| code.code().to_owned()))),
            _ => None,
        };
        let amount = |text: &str| Amount::read(text, b'.').unwrap();
        assert_eq!(read("12,50 €"), Some((amount("12.50"), Some("EUR".into()))));
        assert_eq!(read("£1,210.00"), Some((amount("1210.00"), Some("GBP".into()))));
        assert_eq!(read("1,210"), Some((amount("1210"), None)));
        assert_eq!(read("EUR 7"), Some((amount("7"), Some("EUR".into()))));
        assert_eq!(read("7 %"), None);
    }

    #[test]
    fn older_generations_say_which_rows_are_defects() {
        let text = "Order ID\tCarrier Name\tTracking ID\tHas Valid Tracking Number\nO1\tDHL\t1\tNo\nO2\tDHL\t2\tYes\n";
        let list = read(text.as_bytes(), encoding_rs::UTF_8, &BTreeMap::new(), "a.txt").unwrap();
        assert_eq!((list.rows.len(), list.not_defects), (1, 1));
        let text = "Order ID\tCarrier Name\tTracking ID\tNo Valid Tracking\nO1\tDHL\t1\tX\nO2\tDHL\t2\t\n";
        let list = read(text.as_bytes(), encoding_rs::UTF_8, &BTreeMap::new(), "a.txt").unwrap();
        assert_eq!((list.rows.len(), list.not_defects), (1, 1));
    }

    #[test]
    fn other_files_are_refused_with_a_remedy() {
        let refused =
            |bytes: &[u8]| read(bytes, encoding_rs::UTF_8, &BTreeMap::new(), "a.csv").unwrap_err().to_string();
        assert!(refused(b"PK\x03\x04...").contains("save it as CSV"));
        assert!(refused(b"Bestellnummer,Versender\n1,2\n").contains("[reconcile.columns]"));
        assert!(refused(b"Order ID,Carrier Name,Tracking ID\n1,2\n").contains("line 2"));
        assert!(refused(b"Order ID,Carrier Name,Tracking ID\n\xff,2,3\n").contains("encoding"));
    }
}
