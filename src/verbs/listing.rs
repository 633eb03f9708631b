//! Rows of a published table for people and programs: a terminal table, CSV or JSON.
//!
//! Values are shown as published; only the terminal table may shorten them. Cells are text from outside: CSV defuses
//! what a spreadsheet would run as a formula, and the terminal table escapes control characters. It fails if a file is
//! no such table or writing fails.

use crate::error::{Error, Result};
use crate::pages::model::Standing;
use crate::publish::encode;
use crate::publish::store::Store;
use crate::schema::Table;
pub use crate::schema::cell::{Cell, is_formula};
use arrow::record_batch::RecordBatch;
use comfy_table::{CellAlignment, ContentArrangement, presets};
use std::io::{self, IsTerminal, Write};
use std::str::FromStr;
pub use vtr_kernel::text::wrapped;
use vtr_kernel::text::{shown, shown_json};

/// The format of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For people, as wide as the terminal.
    #[default]
    Table,
    /// For spreadsheets: with headings, formulas defused.
    Csv,
    /// For programs: one array of objects.
    Json,
}

impl Format {
    /// The names of all formats.
    pub const NAMES: [&'static str; 3] = ["table", "csv", "json"];
}

impl FromStr for Format {
    type Err = String;

    fn from_str(name: &str) -> std::result::Result<Format, String> {
        match name {
            "table" => Ok(Format::Table),
            "csv" => Ok(Format::Csv),
            "json" => Ok(Format::Json),
            other => Err(format!("`{other}` is no format; write table, csv or json")),
        }
    }
}

/// A list being written.
pub struct Listing<'w> {
    heads: Vec<&'static str>,
    sink: ListSink<'w>,
    rows: usize,
    defused: usize,
}

enum ListSink<'w> {
    Table(comfy_table::Table, &'w mut dyn Write),
    /// Cards of some lines per row, on a terminal too narrow for a table; the number is its width in columns.
    Cards(usize, &'w mut dyn Write),
    Csv(Box<csv::Writer<&'w mut dyn Write>>),
    Json(&'w mut dyn Write),
}

fn unwritten(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::failed("writing the rows", error)
}

impl<'w> Listing<'w> {
    /// Begins a list with these columns.
    pub fn begin(format: Format, heads: &[&'static str], out: &'w mut dyn Write) -> Result<Listing<'w>> {
        let sink = match format {
            Format::Table if width() < CARDS_BELOW => ListSink::Cards(width(), out),
            Format::Table => {
                let mut table = comfy_table::Table::new();
                table.load_preset(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
                table.set_header(heads);
                ListSink::Table(table, out)
            }
            Format::Csv => {
                let mut writer = csv::Writer::from_writer(out);
                writer.write_record(heads).map_err(unwritten)?;
                ListSink::Csv(Box::new(writer))
            }
            Format::Json => {
                write!(out, "[").map_err(unwritten)?;
                ListSink::Json(out)
            }
        };
        Ok(Listing { heads: heads.to_vec(), sink, rows: 0, defused: 0 })
    }

    /// Adds a row, one cell for each column.
    pub fn row(&mut self, cells: &[Cell]) -> Result<()> {
        match &mut self.sink {
            ListSink::Cards(width, out) => {
                let card = card(&self.heads, cells, *width);
                write!(out, "{card}").map_err(unwritten)?;
            }
            ListSink::Table(table, _) => {
                table.add_row(self.heads.iter().zip(cells).map(|(head, cell)| {
                    let alignment = if matches!(cell, Cell::Count(_) | Cell::Share(_)) {
                        CellAlignment::Right
                    } else {
                        CellAlignment::Left
                    };
                    let text = cell.plain();
                    let of_status = has_colours().then(|| (*head == "status").then(|| colour(&text)).flatten());
                    let shown = comfy_table::Cell::new(shown(&text)).set_alignment(alignment);
                    of_status.flatten().map_or(shown.clone(), |colour| shown.fg(colour))
                }));
            }
            ListSink::Csv(writer) => {
                for cell in cells {
                    let plain = cell.plain();
                    let defused = is_formula(cell);
                    self.defused += usize::from(defused);
                    let field = if defused { format!("'{plain}") } else { plain };
                    writer.write_field(field).map_err(unwritten)?;
                }
                writer.write_record(None::<&[u8]>).map_err(unwritten)?;
            }
            ListSink::Json(out) => {
                let separator = if self.rows == 0 { "\n  {" } else { ",\n  {" };
                let members = self.heads.iter().zip(cells);
                let members: Vec<String> = members.map(|(head, cell)| format!("\"{head}\": {}", cell.json())).collect();
                let members = members.iter().map(|member| shown_json(member)).collect::<Vec<_>>();
                write!(out, "{separator}{}}}", members.join(", ")).map_err(unwritten)?;
            }
        }
        self.rows += 1;
        Ok(())
    }

    /// Writes the rest, and reports changed cells on `notes`.
    pub fn finish(self, notes: &mut dyn Write) -> Result<()> {
        match self.sink {
            ListSink::Cards(_, out) => out.flush().map_err(unwritten)?,
            ListSink::Table(table, out) => {
                writeln!(out, "{}", table.trim_fmt()).and_then(|()| out.flush()).map_err(unwritten)?
            }
            ListSink::Csv(mut writer) => writer.flush().map_err(unwritten)?,
            ListSink::Json(out) => {
                let end = if self.rows == 0 { "]" } else { "\n]" };
                writeln!(out, "{end}").and_then(|()| out.flush()).map_err(unwritten)?;
            }
        }
        if self.defused > 0 {
            let cells = if self.defused == 1 { "1 cell begins" } else { &format!("{} cells begin", self.defused) };
            let note = format!(
                "{cells} like a spreadsheet formula and got a leading apostrophe; --format json leaves cells as they are"
            );
            writeln!(notes, "{note}").map_err(unwritten)?;
        }
        Ok(())
    }
}

/// Prints rows in memory to stdout.
///
/// # Errors
/// As [`super::print`].
pub fn print<'c>(format: Format, heads: &[&'static str], rows: impl IntoIterator<Item = Vec<Cell<'c>>>) -> Result<()> {
    let mut text = Vec::new();
    let mut listing = Listing::begin(format, heads, &mut text)?;
    for row in rows {
        listing.row(&row)?;
    }
    listing.finish(&mut io::stderr())?;
    super::print(text)
}

/// A terminal with fewer columns shows rows as cards.
pub const CARDS_BELOW: usize = 140;
/// The width if it is unknown: for pipes, logs and files.
const UNKNOWN_WIDTH: usize = 80;
/// Cells on the first line of a card.
const CARD_HEAD: usize = 4;

/// The width in columns: the terminal's, or that of `COLUMNS`.
pub fn width() -> usize {
    let said = std::env::var("COLUMNS").ok().and_then(|columns| columns.trim().parse().ok());
    let seen = || comfy_table::Table::new().width().map(usize::from);
    said.or_else(seen).filter(|width| *width > 0).unwrap_or(UNKNOWN_WIDTH).max(40)
}

/// A row as a card: its first cells on one line, the others with their heads below; empty ones are left out.
fn card(heads: &[&str], cells: &[Cell], width: usize) -> String {
    let text = |cell: &Cell| shown(&cell.plain()).into_owned();
    let first: Vec<String> = cells.iter().take(CARD_HEAD).map(text).filter(|text| !text.is_empty()).collect();
    let rest = heads.iter().zip(cells).skip(CARD_HEAD).map(|(head, cell)| (head.replace('_', " "), text(cell)));
    let rest: Vec<String> =
        rest.filter(|(_, text)| !text.is_empty()).map(|(head, text)| format!("{head} {text}")).collect();
    let mut card = wrapped(&first.join("  "), width).join("\n    ") + "\n";
    for line in wrapped(&rest.join("; "), width.saturating_sub(4)) {
        card += &format!("    {line}\n");
    }
    card
}

/// Whether to use colours: on a terminal, unless `NO_COLOR` is set.
fn has_colours() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty()) && io::stdout().is_terminal()
}

/// A standing in words with its shape, and with its colour if colours are used.
pub fn coloured(standing: Standing) -> String {
    let (shape, colour) = match standing {
        Standing::Breach => ('▲', 31),
        Standing::AtRisk => ('◆', 33),
        Standing::Good => ('●', 32),
        Standing::Few => ('○', 2),
        Standing::Unassessed => ('◌', 2),
    };
    let words = format!("{shape} {}", standing.words().to_lowercase());
    if has_colours() { format!("\u{1b}[{colour}m{words}\u{1b}[0m") } else { words }
}

/// The colour of a status in a table.
fn colour(status: &str) -> Option<comfy_table::Color> {
    match status {
        "breach" => Some(comfy_table::Color::DarkRed),
        "at_risk" => Some(comfy_table::Color::DarkYellow),
        "good" => Some(comfy_table::Color::DarkGreen),
        _ => None,
    }
}

/// A line that is emphasised if colours are used.
pub fn emphasised(line: &str) -> String {
    if has_colours() { format!("\u{1b}[1m{line}\u{1b}[0m") } else { line.to_owned() }
}

/// Reads a published file of a table, batch by batch, until `each` says false.
///
/// # Errors
/// The file cannot be read, or is no file of that table.
pub fn read_published(
    store: &dyn Store,
    table: Table,
    path: &str,
    each: &mut dyn FnMut(&RecordBatch) -> Result<bool>,
) -> Result<bool> {
    let shown = store.shown(path);
    let unreadable = |error: Box<dyn std::error::Error + Send + Sync>| {
        Error::failed(format!("reading {shown}; `vtr verify` tells whether the output is damaged"), error)
    };
    let readable = store.open(path)?.ok_or_else(|| unreadable("the file is missing".into()))?;
    let builder = encode::builder(readable, &shown)?;
    let found: Vec<_> =
        builder.schema().fields().iter().map(|field| (field.name().clone(), field.data_type().clone())).collect();
    let wanted: Vec<_> = table.columns().iter().map(|facts| (facts.name.to_string(), facts.kind.data_type())).collect();
    if found != wanted {
        return Err(Error::Input(format!(
            "{shown} has not the columns of `{}`; it was published by another version of this program: run the job again",
            table.name()
        )));
    }
    for batch in builder.build().map_err(|error| unreadable(error.into()))? {
        if !each(&batch.map_err(|error| unreadable(error.into()))?)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Ignores a closed pipe (`vtr defects OUT | head`): the reader has what it wanted.
pub fn unless_pipe_closed(result: Result<()>) -> Result<()> {
    match result {
        Err(Error::Failed { source: Some(source), .. }) if is_closed_pipe(source.as_ref()) => Ok(()),
        other => other,
    }
}

fn is_closed_pipe(error: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    let of_csv = error.downcast_ref::<csv::Error>().and_then(|error| match error.kind() {
        csv::ErrorKind::Io(error) => Some(error.kind()),
        _ => None,
    });
    of_csv.or_else(|| error.downcast_ref::<io::Error>().map(io::Error::kind)) == Some(io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::publish::local::Local;
    use crate::schema::{MONEY, ValueKind};
    use arrow::array::{
        ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, StringArray,
        TimestampMicrosecondArray,
    };
    use std::sync::Arc;

    /// Paths of any folder of this machine.
    fn local() -> Local {
        Local::new(std::path::Path::new("/"))
    }

    /// The content of a column that a test does not set.
    pub fn filler(table: Table, name: &str) -> Cell<'static> {
        match table.columns().iter().find(|facts| facts.name == name).unwrap().kind {
            ValueKind::Text => Cell::text("x"),
            ValueKind::Count => Cell::Count(1),
            ValueKind::Share => Cell::Share(0.5),
            ValueKind::Flag => Cell::Flag(true),
            ValueKind::Day => Cell::Day(20_000),
            ValueKind::Time => Cell::Time(1_736_899_200_000_000),
            ValueKind::Money => Cell::Money(19_990_000_000),
        }
    }

    /// A published file of a table with these cells.
    pub fn published(table: Table, rows: usize, cell: impl Fn(usize, &str) -> Cell<'static>) -> tempfile::TempPath {
        let column = |name: &str, kind: ValueKind| -> ArrayRef {
            let cells = (0..rows).map(|row| cell(row, name));
            match kind {
                ValueKind::Text => Arc::new(StringArray::from_iter(
                    cells.map(|cell| if let Cell::Text(text) = cell { Some(text) } else { None }),
                )),
                ValueKind::Count => Arc::new(Int64Array::from_iter(
                    cells.map(|cell| if let Cell::Count(count) = cell { Some(count) } else { None }),
                )),
                ValueKind::Share => Arc::new(Float64Array::from_iter(
                    cells.map(|cell| if let Cell::Share(share) = cell { Some(share) } else { None }),
                )),
                ValueKind::Flag => Arc::new(BooleanArray::from_iter(
                    cells.map(|cell| if let Cell::Flag(flag) = cell { Some(flag) } else { None }),
                )),
                ValueKind::Day => Arc::new(Date32Array::from_iter(
                    cells.map(|cell| if let Cell::Day(day) = cell { Some(day) } else { None }),
                )),
                ValueKind::Time => Arc::new(
                    cells
                        .map(|cell| if let Cell::Time(micros) = cell { Some(micros) } else { None })
                        .collect::<TimestampMicrosecondArray>()
                        .with_timezone("UTC"),
                ),
                ValueKind::Money => Arc::new(
                    cells
                        .map(|cell| if let Cell::Money(units) = cell { Some(units) } else { None })
                        .collect::<Decimal128Array>()
                        .with_precision_and_scale(MONEY.0, MONEY.1)
                        .unwrap(),
                ),
            }
        };
        let columns = table.columns().iter().map(|facts| column(facts.name, facts.kind)).collect();
        let batch = RecordBatch::try_new(table.schema(), columns).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut writer = parquet::arrow::ArrowWriter::try_new(file.reopen().unwrap(), table.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        file.into_temp_path()
    }

    #[test]
    fn files_of_other_tables_are_refused() {
        let file = published(Table::InputFiles, 1, |_, name| filler(Table::InputFiles, name));
        let error = read_published(&local(), Table::Defects, file.to_str().unwrap(), &mut |_| Ok(true)).unwrap_err();
        assert!(
            matches!(error, Error::Input(_)) && error.to_string().contains("has not the columns of `defects`"),
            "{error}"
        );
        assert!(read_published(&local(), Table::Defects, "nowhere.parquet", &mut |_| Ok(true)).is_err());
    }

    fn listed(format: Format, rows: &[Vec<Cell>]) -> (String, String) {
        let (mut out, mut notes) = (Vec::new(), Vec::new());
        let mut listing = Listing::begin(format, &["a", "b"], &mut out).unwrap();
        rows.iter().for_each(|row| listing.row(row).unwrap());
        listing.finish(&mut notes).unwrap();
        (String::from_utf8(out).unwrap(), String::from_utf8(notes).unwrap())
    }

    #[test]
    fn spreadsheets_get_no_formulas() {
        for text in
            ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "  =1", " \t x", "\u{a0}=1", "\u{feff}=1", "\0=1", "＝1", "\nx"]
        {
            let (out, notes) = listed(Format::Csv, &[vec![Cell::text(text), Cell::Count(-3)]]);
            assert!(out.contains(&format!("'{text}")), "{text:?} {out:?}");
            assert!(out.trim_end().ends_with(",-3"), "numbers stay: {out:?}");
            assert!(notes.starts_with("1 cell begins like a spreadsheet formula"), "{notes}");
        }
        let (out, notes) = listed(Format::Csv, &[vec![Cell::text("a=b, \"c\""), Cell::Null]]);
        assert_eq!((out.as_str(), notes.as_str()), ("a,b\n\"a=b, \"\"c\"\"\",\n", ""));
    }

    #[test]
    fn json_is_an_array_whose_members_keep_their_order() {
        assert_eq!(listed(Format::Json, &[]).0, "[]\n");
        let rows = [vec![Cell::text("=\"x\""), Cell::Share(0.5)], vec![Cell::Day(0), Cell::Null]];
        let want = "[\n  {\"a\": \"=\\\"x\\\"\", \"b\": 0.5},\n  {\"a\": \"1970-01-01\", \"b\": null}\n]\n";
        assert_eq!(listed(Format::Json, &rows).0, want);
    }

    #[test]
    fn terminals_are_not_steered() {
        let (out, _) = listed(Format::Table, &[vec![Cell::text("\u{1b}[2Jred\u{202e}"), Cell::Flag(true)]]);
        assert!(out.contains("\\u{1b}[2Jred\\u{202e}") && !out.contains('\u{1b}'), "{out}");
    }

    #[test]
    fn a_card_fits_and_leaves_out_what_is_empty() {
        let heads = ["day", "seller", "market", "order_id", "number", "likely_carrier", "suggested_fix"];
        let long = "Compare the number with the label: a character is missing, extra or mistyped.";
        let cells = [
            Cell::Day(0),
            Cell::text("A"),
            Cell::text("GB"),
            Cell::text("1-2"),
            Cell::text("T1"),
            Cell::Null,
            Cell::text(long),
        ];
        let card = card(&heads, &cells, 60);
        assert!(card.starts_with("1970-01-01  A  GB  1-2\n    number T1; suggested fix Compare"), "{card}");
        assert!(card.lines().all(|line| line.chars().count() <= 60) && !card.contains("likely"), "{card}");
        assert_eq!(wrapped("a bb ccc", 20), ["a bb ccc"]);
    }

    #[test]
    fn a_closed_pipe_is_no_failure() {
        let closed = || io::Error::from(io::ErrorKind::BrokenPipe);
        assert!(unless_pipe_closed(Err(unwritten(closed()))).is_ok());
        assert!(unless_pipe_closed(Err(unwritten(csv::Error::from(closed())))).is_ok());
        assert!(unless_pipe_closed(Err(unwritten(io::Error::from(io::ErrorKind::StorageFull)))).is_err());
    }
}
