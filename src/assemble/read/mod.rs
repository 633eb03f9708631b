//! Raw files to records: the mapped values of a line or document, as text by field.
//!
//! It trims, maps words and picks the first filled of several places; it types nothing and joins nothing. A record
//! that cannot be cut or decoded is a reject with its place, and a file that cannot be read to its end is refused with
//! the reason.

mod columnar;
pub mod cut;
mod decode;
mod documents;
#[cfg(test)]
mod tests;
mod text;

use crate::job::plan::{CellRules, Dialect, Limits};
use crate::scan::Origin;
use crate::scan::files::Packing;
use regex::Regex;
use vtr_columnar::fold::Reject;
use vtr_kernel::sources::{Field, Format, Profile, Spot};

/// A raw file.
#[derive(Clone, Copy)]
pub(crate) struct RawFile<'a> {
    /// Where its bytes are.
    pub origin: &'a Origin,
    /// Its path as shown.
    pub shown: &'a str,
    /// Its format.
    pub format: Format,
    /// How it is compressed as a whole.
    pub packing: Packing,
    /// Fields with one value for all of its records; they override what the profile maps. An empty value is null.
    pub constants: &'a [(Field, String)],
}

/// The settings for an input's files: the profile of their kind with the job's keys over it.
#[derive(Clone, Copy)]
pub(crate) struct ReadSettings<'a> {
    /// The mapped columns, and the paths of documents.
    pub profile: &'a Profile,
    /// Fields whose headings the job itself names: a text or Parquet file that has none of them is refused.
    pub from_job: &'a [Field],
    /// How delimited text is cut.
    pub dialect: &'a Dialect,
    /// How texts are read, and which of them mean null.
    pub cells: &'a CellRules,
    /// The limits on reading.
    pub limits: &'a Limits,
    /// The most bytes of a document.
    pub max_document_bytes: usize,
}

/// The part of a file that a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecordPart {
    /// A line, a row, or a whole document.
    Whole,
    /// An element of a document's list.
    Element,
    /// A document whose list is empty or missing: only the document's own fields are filled.
    Bare,
}

/// A record: borrowed from the reader until the next one.
#[derive(Debug)]
pub(crate) struct Record<'a> {
    /// Its number in the file, from 1; rejects are numbered with the records.
    pub record: u64,
    /// The number of its line, row or document in the file, from 1.
    pub document: u64,
    /// Physical line, if there are lines.
    pub line: Option<u64>,
    /// Byte offset of the line or document in the inflated file; unknown for Parquet.
    pub byte_offset: Option<u64>,
    /// The part of the file that it is.
    pub part: RecordPart,
    /// Filled cells of the line, those that are not mapped included; for documents the filled fields.
    pub filled: usize,
    /// By [`Field::index`]: the value without outer blanks, never empty; `None` for null, or if it is not in the file.
    pub cells: &'a [Option<&'a str>; Field::COUNT],
    /// Fields whose values are numbers by their type, and so written with a point.
    pub numbers: FieldSet,
}

/// A set of fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FieldSet(u64);

const _: () = assert!(Field::COUNT <= 64);

impl FieldSet {
    fn insert(&mut self, field: Field) {
        self.0 |= 1 << field.index();
    }

    /// Returns whether it holds a field.
    pub fn holds(self, field: Field) -> bool {
        self.0 >> field.index() & 1 == 1
    }
}

impl Record<'_> {
    /// Returns the value of a field.
    pub fn get(&self, field: Field) -> Option<&str> {
        self.cells[field.index()]
    }
}

/// One result of reading a file.
#[derive(Debug)]
pub(crate) enum ReadItem<'a> {
    /// A record.
    Record(Record<'a>),
    /// A reject. Each counts as one record read.
    Reject(Reject),
}

/// The counts of a file. `records + rejected` is the number of records read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RecordCounts {
    /// Records handed on.
    pub records: u64,
    /// Rejects handed on.
    pub rejected: u64,
    /// Documents, lines or rows among them, as they are in the file.
    pub documents: u64,
    /// Bytes of the file as stored.
    pub bytes: u64,
    /// The digest of its content; unknown for Parquet.
    pub digest: Option<String>,
}

/// A function that takes the results of a file.
pub(crate) type Each<'e> = dyn FnMut(ReadItem) -> crate::error::Result<()> + 'e;

/// Reads a whole file, record by record, in the order of the file.
///
/// # Errors
/// The inner error: a fault of the file. The outer error: the one that `each` returned.
pub(crate) fn read(
    file: &RawFile,
    reading: &ReadSettings,
    each: &mut Each,
) -> crate::error::Result<std::result::Result<RecordCounts, String>> {
    match file.format {
        Format::Csv => text::read(file, reading, each),
        Format::Json => documents::read(file, reading, each),
        Format::Parquet => columnar::read(file, reading, each),
    }
}

/// Returns the names of a Parquet file's columns.
///
/// # Errors
/// The fault of the file.
pub(crate) fn column_names(origin: &Origin) -> Result<Vec<String>, String> {
    columnar::names(origin)
}

/// Returns format and packing of a file of a kind by its suffix; `None` if the kind has no such suffix.
pub(crate) fn format_of(shown: &str, wanted: Format) -> Option<(Format, Packing)> {
    let lower = shown.to_ascii_lowercase();
    let (inner, packing) = match (lower.strip_suffix(".gz"), lower.strip_suffix(".zst")) {
        (Some(inner), _) => (inner, Packing::Gzip),
        (_, Some(inner)) => (inner, Packing::Zstd),
        _ => (lower.as_str(), Packing::Plain),
    };
    let ends = |suffixes: &[&str]| suffixes.iter().any(|suffix| inner.ends_with(suffix));
    match wanted {
        Format::Json => ends(&[".json", ".jsonl", ".ndjson", ".txt"]).then_some((Format::Json, packing)),
        _ if ends(&[".parquet"]) && packing == Packing::Plain => Some((Format::Parquet, packing)),
        _ => ends(&[".csv", ".tsv", ".txt"]).then_some((Format::Csv, packing)),
    }
}

/// Returns the fields with one value for all records of a file: the profile's and job's constants, and the groups of a
/// pattern over the path, which win.
///
/// # Errors
/// The path does not fit the pattern.
pub(crate) fn constants(
    profile: &Profile,
    from_path: Option<&Regex>,
    shown: &str,
) -> Result<Vec<(Field, String)>, String> {
    let mut constants = profile.constants.clone();
    let Some(pattern) = from_path else { return Ok(constants) };
    let groups = pattern
        .captures(shown)
        .ok_or_else(|| format!("the path does not fit the pattern `{}` of [input.from_path]", pattern.as_str()))?;
    for name in pattern.capture_names().flatten() {
        let (Some(field), Some(text)) = (Field::from_name(name), groups.name(name)) else { continue };
        let text = crate::scan::headings::from_path(text.as_str())
            .map_err(|fault| format!("the group `{name}` of [input.from_path]: {fault}"))?;
        constants.retain(|(known, _)| *known != field);
        constants.push((field, text));
    }
    Ok(constants)
}

/// Returns the text that a place gives for one of its texts; `None` if it is blank.
fn first_filled<'a>(spot: &'a Spot, text: &'a str, cells: &CellRules) -> Option<&'a str> {
    cells.trim(spot.reads(cells.trim(text)?))
}

/// A place of a file's heading for a field.
struct Heading<'a> {
    field: Field,
    /// Indexes among the headings, and how their cells are read.
    places: Vec<(usize, &'a Spot)>,
}

/// Finds the headings of the fields that are not constants.
///
/// # Errors
/// The headings that are missing, or appear twice.
fn find_headings<'a>(
    reading: &ReadSettings<'a>,
    constants: &[(Field, String)],
    headings: &[String],
) -> Result<Vec<Heading<'a>>, String> {
    use crate::scan::headings::{key, nearest, shown_heading};
    let keys: Vec<String> = headings.iter().map(|heading| key(heading)).collect();
    let (mut found, mut faults) = (Vec::new(), Vec::new());
    let is_constant = |field: Field| constants.iter().any(|(known, _)| *known == field);
    for (field, spots) in reading.profile.columns.iter().filter(|(field, _)| !is_constant(*field)) {
        let mut places = Vec::new();
        for spot in spots {
            let mut at = keys.iter().enumerate().filter(|(_, known)| **known == key(&spot.at)).map(|(at, _)| at);
            match (at.next(), at.next()) {
                (Some(_), Some(_)) => faults.push(format!("the heading `{}` appears twice", shown_heading(&spot.at))),
                (Some(at), None) => places.push((at, spot)),
                (None, _) => {}
            }
        }
        let is_needed = reading.profile.needs.contains(field) || reading.from_job.contains(field);
        if places.is_empty() && is_needed && faults.is_empty() {
            let names: Vec<String> = spots.iter().map(|spot| format!("`{}`", spot.at)).collect();
            let near = spots.first().map_or(String::new(), |spot| nearest(&key(&spot.at), headings));
            let kind = &reading.profile.kind;
            faults.push(format!(
                "no heading {} for `{}`, which `{kind}` needs{near}",
                names.join(" or "),
                field.name()
            ));
        }
        if !places.is_empty() {
            found.push(Heading { field: *field, places });
        }
    }
    if faults.is_empty() { Ok(found) } else { Err(faults.join("; ")) }
}

/// Returns the cells of a record that are the same for all of a file.
fn constant_cells<'a>(constants: &'a [(Field, String)], cells: &CellRules) -> [Option<&'a str>; Field::COUNT] {
    let mut all = [None; Field::COUNT];
    for (field, text) in constants {
        all[field.index()] = cells.trim(text);
    }
    all
}
