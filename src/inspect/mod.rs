//! A first look at one file: its content, its faults, and how a job would read it.
//!
//! Every value is read and none is kept: memory does not grow with the file, and no content of a cell leaves this room
//! unless it was asked for. A file that cannot be read to its end is refused, as a run would refuse it; every guess is
//! reported.

mod columnar;
mod findings;
pub mod initial;
pub mod kinds;
mod profile;
mod suggest;
mod text;

use crate::error::{Error, Result};
use crate::job::plan::{Format, Input, Limits};
use crate::place::object_files::is_uri;
use crate::scan::files::{Packing, by_suffix};
use crate::scan::store::{self, Named, Origin};
use parquet::file::reader::ChunkReader;
use serde::Serialize;
use std::path::Path;

/// The file to look at, and the settings.
pub struct Request<'a> {
    /// The file.
    pub path: &'a Path,
    /// How it is written and cut, as far as declared.
    pub input: Input,
    /// Which of these settings were declared.
    pub declared: Declared,
    /// Formats of times that were declared.
    pub timestamps: Vec<String>,
    /// The limits on its resources.
    pub limits: Limits,
    /// Whether values are shown.
    pub values: Values,
}

/// The settings that a person declared, which nothing replaces.
#[derive(Clone, Copy, Debug, Default)]
pub struct Declared {
    /// The encoding.
    pub encoding: bool,
    /// The line of the headings.
    pub header_line: bool,
    /// The delimiter.
    pub delimiter: bool,
}

/// Whether contents of cells are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    /// Never.
    Hidden,
    /// A few of each column.
    Shown,
}

/// The result of a look.
#[derive(Debug, Serialize)]
pub struct Look {
    /// The file as it was named.
    pub file: String,
    /// Its size.
    pub bytes: u64,
    /// `csv` or `parquet`.
    pub format: &'static str,
    /// `none`, `gzip` or `zstd`.
    pub packing: &'static str,
    /// Data rows; for text the records after the headings, those that cannot be cut included.
    pub rows: u64,
    /// The facts that only text has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<TextLook>,
    /// The facts that only Parquet has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parquet: Option<ParquetLook>,
    /// The columns in their order.
    pub columns: Vec<ColumnLook>,
    /// Faults, and facts that need attention.
    pub findings: Vec<Finding>,
    /// Settings to declare, and assumptions made.
    pub hints: Vec<String>,
    /// The headings that are columns of a shipment.
    pub mapping: Mapping,
    /// The part of a job that reads the file.
    pub snippet: String,
    /// The kinds that it fits, the likeliest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<kinds::FileKind>,
    /// Its content as the likeliest kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fills: Option<kinds::Fills>,
    /// Why no run should read the file unchanged; absent if nothing prevents it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// How text is cut.
#[derive(Debug, Serialize)]
pub struct TextLook {
    /// The encoding it was read in.
    pub encoding: String,
    /// Whether it begins with a byte order mark.
    pub byte_order_mark: bool,
    /// The character between cells.
    pub delimiter: char,
    /// The character around cells.
    pub quote: Option<char>,
    /// `LF`, `CRLF`, `CR`, `mixed` or `none`, by the first 64 KiB.
    pub line_ends: &'static str,
    /// Physical line of the headings.
    pub header_line: u64,
    /// Records, the headings among them.
    pub records: u64,
    /// Records with more or fewer fields than there are headings.
    pub ragged: u64,
    /// Offset in the (inflated) file of the first bytes that are invalid in the encoding; for encodings other than
    /// UTF-8 that of their record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undecodable_at: Option<u64>,
}

/// How a Parquet file is laid out.
#[derive(Debug, Serialize)]
pub struct ParquetLook {
    /// The program that wrote it.
    pub created_by: Option<String>,
    /// Its row groups.
    pub row_groups: usize,
    /// Codecs in use.
    pub compression: Vec<String>,
    /// The largest page once inflated.
    pub largest_page_bytes: u64,
}

/// One column.
#[derive(Debug, Serialize)]
pub struct ColumnLook {
    /// Its heading; one that looks like a value is shown as `(column 3)`.
    pub name: String,
    /// The type of all its values; for Parquet how they are stored.
    #[serde(rename = "type")]
    pub kind: String,
    /// Values that are present.
    pub values: u64,
    /// Nulls; for text empty cells and declared nulls.
    pub nulls: u64,
    /// The approximate number of distinct values; absent for nested columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distinct: Option<u64>,
    /// Whether that number is exact.
    pub distinct_is_exact: bool,
    /// Bytes of the longest text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longest_bytes: Option<u64>,
    /// The shipment's column that it is mapped to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maps_to: Option<&'static str>,
    /// A further remark.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Some values, escaped and cut, if they were asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<String>,
}

/// A fault, with its first places.
#[derive(Debug, Serialize)]
pub struct Finding {
    /// Its name.
    pub kind: &'static str,
    /// The number of occurrences.
    pub count: u64,
    /// Its meaning.
    pub says: String,
    /// The first places.
    pub first: Vec<Spot>,
}

/// A place in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Spot {
    /// Number of the data record, from 1; 0 is the headings.
    pub record: u64,
    /// Physical line, from 1; 0 if there are none.
    pub line: u64,
    /// Byte offset.
    pub byte_offset: u64,
    /// Fields of the record, if their number is the fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fields: Option<u64>,
}

/// The headings that are columns of a shipment.
#[derive(Debug, Default, Serialize)]
pub struct Mapping {
    /// Column and heading, in the order of the contract.
    pub columns: Vec<Mapped>,
    /// Columns that every shipment needs and no heading gives.
    pub missing: Vec<&'static str>,
    /// Headings of personal data: no job needs them, and columns that are not mapped are never read.
    pub personal: Vec<String>,
    /// Known headings that no verdict needs, or whose facts another heading gives better.
    pub unused: Vec<Unused>,
}

impl Mapping {
    /// Returns the column of a heading, compared without outer blanks.
    pub fn column_of(&self, heading: &str) -> Option<&'static str> {
        let is_its = |mapped: &&Mapped| mapped.heading == heading || mapped.also.iter().any(|also| also == heading);
        self.columns.iter().find(is_its).map(|mapped| mapped.column)
    }

    /// Returns whether some heading is this column.
    pub fn has(&self, column: &str) -> bool {
        self.columns.iter().any(|mapped| mapped.column == column)
    }
}

/// A heading that is a column.
#[derive(Debug, Serialize)]
pub struct Mapped {
    /// The column.
    pub column: &'static str,
    /// The heading.
    pub heading: String,
    /// Headings with the same meaning, for rows in which the cells of those before are empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
    /// The caution before it is trusted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caution: Option<&'static str>,
}

/// A heading that is not used, and why.
#[derive(Debug, Serialize)]
pub struct Unused {
    /// The heading.
    pub heading: String,
    /// Why.
    pub why: String,
}

/// Returns the place of a path or URI, or the fault if it is not a file.
///
/// # Errors
/// [`Error::Input`] with the fault.
pub fn origin(path: &Path) -> Result<Origin> {
    match path.to_str().filter(|path| is_uri(path)) {
        Some(uri) => on_store(uri),
        None => on_disk(path).map_err(|what| Error::Input(format!("{}: {what}", path.display()))),
    }
}

/// Looks at a file.
///
/// # Errors
/// [`Error::Input`] with the fault, if it cannot be read to its end.
pub fn look(request: &Request) -> Result<Look> {
    let shown = request.path.display().to_string();
    let origin = origin(request.path)?;
    let refused = |what: String| {
        let refused = || Error::Input(format!("{shown}: {what}"));
        origin.trouble().unwrap_or_else(refused)
    };
    let mut hints = Vec::new();
    let (format, packing) = kind(request, &origin, &mut hints).map_err(refused)?;
    let mut look = Look {
        file: shown.clone(),
        bytes: origin.bytes(),
        format: if format == Format::Parquet { "parquet" } else { "csv" },
        packing: match packing {
            Packing::Plain => "none",
            Packing::Gzip => "gzip",
            Packing::Zstd => "zstd",
        },
        rows: 0,
        text: None,
        parquet: None,
        columns: Vec::new(),
        findings: Vec::new(),
        hints,
        mapping: Mapping::default(),
        snippet: String::new(),
        kinds: Vec::new(),
        fills: None,
        refused: None,
    };
    let done = match format {
        Format::Parquet => columnar::look(request, &origin, &mut look),
        Format::Csv => text::look(request, &origin, packing, &mut look),
    };
    done.map_err(refused)?;
    look.findings.retain(|finding| finding.count > 0);
    Ok(look)
}

fn on_disk(path: &Path) -> std::result::Result<Origin, String> {
    let metadata = path.metadata().map_err(|error| format!("cannot be opened: {error}"))?;
    if metadata.is_dir() {
        return Err("is a folder; name one of its files".to_owned());
    }
    if !metadata.is_file() {
        return Err("is not a regular file; pipes and devices cannot be read twice".to_owned());
    }
    Ok(Origin::disk(path.to_path_buf(), &metadata))
}

fn on_store(uri: &str) -> Result<Origin> {
    let others = match store::named(uri).map_err(Error::Input)? {
        Named::Object(object) => return Ok(Origin::Store(object)),
        Named::Several { objects, .. } => objects,
    };
    Err(Error::Input(match others.first() {
        Some((_, first)) => format!("{uri}: names {} objects; name one, such as {}", others.len(), first.shown()),
        None => format!("{uri}: there is no such object"),
    }))
}

/// Returns format and packing: as declared, by the name, else by the first bytes, which is reported.
fn kind(request: &Request, origin: &Origin, hints: &mut Vec<String>) -> std::result::Result<(Format, Packing), String> {
    let name = request.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let told = by_suffix(&name);
    let file = origin.open()?;
    let part = |start: u64, length: u64| {
        let bytes = file.get_bytes(start, length as usize);
        bytes.map_err(|error| format!("cannot be read: {error}"))
    };
    let head = part(0, origin.bytes().min(1024))?;
    let tail = part(origin.bytes().saturating_sub(4), origin.bytes().min(4))?;
    let packing = match &*head {
        [0x1f, 0x8b, ..] => Packing::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Packing::Zstd,
        _ => Packing::Plain,
    };
    let marks: [&[u8]; 2] = [b"PAR1", b"PARE"];
    let is_parquet = marks.iter().any(|mark| head.starts_with(mark) || tail == *mark);
    let by_magic = if is_parquet { Format::Parquet } else { Format::Csv };
    match (request.input.format, told) {
        (Some(Format::Parquet), _) => Ok((Format::Parquet, Packing::Plain)),
        (Some(Format::Csv), Some((_, told))) => Ok((Format::Csv, told)),
        (None, Some(told)) => Ok(told),
        (Some(Format::Csv), None) => Ok((Format::Csv, packing)),
        (None, None) if !is_parquet && packing == Packing::Plain && !reads_as_text(&head) => Err(
            "is neither text nor Parquet by its first bytes, and its name does not tell; give --format csv or --format parquet"
                .to_owned(),
        ),
        (None, None) => {
            let format = if by_magic == Format::Parquet { "parquet" } else { "csv" };
            hints.push(format!(
                "the name does not tell the format; by its first bytes it is read as {format}{}: a job needs `format = \"{format}\"`",
                match packing {
                    Packing::Plain => "",
                    Packing::Gzip => " in gzip",
                    Packing::Zstd => " in Zstandard",
                }
            ));
            Ok((by_magic, packing))
        }
    }
}

/// Returns whether bytes may be text: no control characters beyond white space, except pairs of bytes one of which is
/// zero.
fn reads_as_text(head: &[u8]) -> bool {
    let is_control = |byte: &u8| *byte < 0x20 && !matches!(byte, b'\t' | b'\r' | b'\n' | 0x0c);
    let wide = suggest::by_mark(head).is_some() || suggest::likely_wide(head).is_some();
    wide || head.starts_with(b"PK") || head.iter().filter(|byte| is_control(byte)).count() * 50 <= head.len()
}

/// Returns a heading as it is shown: trimmed, escaped, at most 60 characters.
fn shown_heading(heading: &str) -> String {
    crate::scan::headings::shown_heading(heading)
}

/// The first few places of a fault.
#[derive(Default)]
struct Spots {
    count: u64,
    first: Vec<Spot>,
}

impl Spots {
    const SHOWN: usize = 5;

    fn add(&mut self, spot: Spot) {
        self.count += 1;
        if self.first.len() < Spots::SHOWN {
            self.first.push(spot);
        }
    }

    fn finding(self, kind: &'static str, says: impl Into<String>) -> Finding {
        Finding { kind, count: self.count, says: says.into(), first: self.first }
    }
}
