//! Delimited text to batches: mapped cells as text, records that cannot be cut as rejects.
//!
//! It copies no cell of a column that the job does not map, allocates nothing per cell and types nothing. A record
//! with the wrong number of fields, undecodable bytes, NUL or an oversize cell is rejected with its place; a file that
//! cannot be read to the end is refused.

use super::choose::Headings;
use super::content::FileContent;
use super::files::{Packing, delimiter_by_suffix};
use super::headings::Mapping;
use super::labels::LabelBuilder;
use super::records::{CellRange, Cutting, Fault, Next, RecordReader};
use super::store::Origin;
use super::{Chunk, UnitEnd};
use crate::job::plan::{CellRules, Dialect, Limits};
use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, StringViewBuilder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use std::borrow::Cow;
use std::sync::Arc;
use vtr_columnar::fold::{Records, Reject, shown_value};
use vtr_columnar::input::{Column, ColumnSet, Kind, label_type};
use vtr_kernel::Book;
use vtr_kernel::calendar::date_from_day;
use vtr_kernel::text::trim;

/// Records of a chunk, few enough for all their cells to stay in the processor's caches, and the bytes of cells after
/// which it is handed on early.
const CHUNK_RECORDS: usize = 2_048;
const CHUNK_BYTES: usize = 2 << 20;

/// A file of delimited text and how to read it.
pub(crate) struct Text<'a> {
    /// Where its bytes are.
    pub origin: &'a Origin,
    /// Its path as shown.
    pub shown: &'a str,
    /// How it is compressed.
    pub packing: Packing,
    /// How it is cut.
    pub dialect: &'a Dialect,
    /// How its cells are read, which decides whether one is filled.
    pub cells: &'a CellRules,
    /// Time columns that are calendar days.
    pub days: ColumnSet,
    /// The limits on its resources.
    pub limits: &'a Limits,
    /// The book that lists fillers; `None` where values do not matter.
    pub book: Option<&'a Arc<Book>>,
}

impl Text<'_> {
    /// Opens the file and reads its headings.
    ///
    /// # Errors
    /// It cannot be read, or there are no headings where they should be.
    pub fn open(&self) -> Result<(RecordReader, Vec<String>), String> {
        let (dialect, limits) = (self.dialect, self.limits);
        let content = FileContent::open(self.origin, self.packing, limits)?;
        let delimiter = self.delimiter();
        let cutting = Cutting {
            delimiter,
            quote: dialect.quote.between(delimiter),
            max_record: limits.max_record_bytes,
            max_cells: limits.max_columns,
        };
        let mut records = RecordReader::new(content, dialect.encoding, cutting)?;
        for line in 1..dialect.header_line {
            if !records.skip_line()? {
                let at = dialect.header_line;
                return Err(format!("has {} lines, but its headings should be on line {at} (`header_line`)", line - 1));
            }
        }
        let headings = headings(&mut records, cutting, dialect.header_line, limits)?;
        records.expect(headings.len());
        Ok((records, headings))
    }

    /// Returns the byte between its cells.
    pub fn delimiter(&self) -> u8 {
        self.dialect.delimiter.unwrap_or_else(|| delimiter_by_suffix(self.shown))
    }

    /// Reads the whole file.
    ///
    /// # Errors
    /// The inner error: a fault of the file. The outer error: the one that `each` returned.
    pub fn read(
        &self,
        mapping: &Mapping,
        each: &mut dyn FnMut(Chunk) -> crate::error::Result<()>,
    ) -> crate::error::Result<Result<UnitEnd, String>> {
        let (mut records, first) = match self.open() {
            Ok((records, headings))
                if mapping
                    .columns
                    .iter()
                    .all(|(_, places)| places.iter().all(|place| place.index < headings.len())) =>
            {
                let first = FirstLine::of(&records, headings);
                (records, first)
            }
            Ok(_) => return Ok(Err("has changed since the run looked at it; run again".to_owned())),
            Err(refused) => return Ok(Err(refused)),
        };
        let mut chunker = Chunker::new(self, mapping, first);
        loop {
            match records.next() {
                Ok(Next::End) => break,
                Ok(Next::Record { fields }) => {
                    let fields = records.fields_below(chunker.first.width(), fields);
                    if let Err(refused) = chunker.record(&records, fields) {
                        return Ok(Err(refused));
                    }
                }
                Ok(Next::Swallowed { lines }) => chunker.swallowed(&records, lines, SWALLOWED.to_owned()),
                Ok(Next::Fault(fault)) => chunker.fault(&records, fault, self.limits),
                Err(refused) => return Ok(Err(refused)),
            }
            while chunker.is_full() {
                each(chunker.take())?;
                chunker.reject_swallowed();
            }
        }
        if !chunker.is_empty() {
            each(chunker.take())?;
        }
        let rows_read = chunker.number;
        Ok(records.finish().map(|(bytes_read, digest)| UnitEnd { rows_read, bytes_read, digest: Some(digest) }))
    }
}

fn headings(records: &mut RecordReader, cutting: Cutting, at: usize, limits: &Limits) -> Result<Vec<String>, String> {
    let fields = match records.next()? {
        Next::End => return Err(format!("has no headings: line {at} and all that follow are empty")),
        Next::Fault(fault) => {
            return Err(format!("line {}: the headings cannot be read: {}", records.line(), says(fault, limits).0));
        }
        Next::Record { .. } | Next::Swallowed { .. } if records.line() != at as u64 => {
            let line = records.line();
            return Err(format!(
                "line {at} is empty, where the headings should be; set `header_line = {line}` if they are there"
            ));
        }
        Next::Record { fields } => fields,
        Next::Swallowed { .. } => return Err(format!("line {at}: the headings cannot be read: {SWALLOWED}")),
    };
    if fields > limits.max_columns {
        let max = limits.max_columns;
        return Err(format!("has {fields} columns, more than {max}; if that is right, raise [limits] max_columns"));
    }
    let bytes = records.bytes();
    if fields <= 2 && bytes.len() <= 5 && bytes.to_ascii_lowercase().starts_with(b"sep=") {
        let next = at + 1;
        let other = bytes.get(4).filter(|byte| **byte != cutting.delimiter);
        let delimiter =
            other.map_or(String::new(), |byte| format!(" and `delimiter = {:?}`", char::from(*byte).to_string()));
        return Err(format!(
            "line {at} tells a spreadsheet the delimiter; the headings follow it: set `header_line = {next}`{delimiter} in [input.csv]"
        ));
    }
    if let [cell] = records.cells()
        && let Some((other, count)) = other_delimiter(&bytes[cell.start..cell.end], cutting.delimiter)
    {
        let (given, other) = (char::from(cutting.delimiter).to_string(), char::from(other).to_string());
        return Err(format!(
            "the delimiter {given:?} cuts nothing on line {at}, where the headings should stand, but {other:?} stands there \
             {count} times: set `delimiter = {other:?}` in [input.csv]"
        ));
    }
    let in_quotes = |cell: &CellRange| bytes[cell.start..cell.end].first() == Some(&b'"');
    if cutting.quote.is_none() && records.cells().iter().any(in_quotes) {
        return Err(format!(
            "line {at}: headings are in quotes, but the text is read without any, as between tabs; set `quote = \"\\\"\"` \
             in [input.csv]"
        ));
    }
    let text = |cell: &CellRange| {
        let text = String::from_utf8_lossy(&bytes[cell.start..cell.end]);
        let quote = cutting.quote.map_or('"', char::from);
        if cell.doubled { text.replace(&format!("{quote}{quote}"), &quote.to_string()) } else { text.into_owned() }
    };
    Ok(records.cells().iter().map(text).collect())
}

/// Returns another delimiter that a line of headings holds and the given one does not cut, and its number of
/// occurrences.
fn other_delimiter(line: &[u8], given: u8) -> Option<(u8, usize)> {
    let count = |byte: u8| line.iter().filter(|other| **other == byte).count();
    let others = [b';', b'\t', b',', b'|'].into_iter().filter(|byte| *byte != given);
    others.map(|byte| (byte, count(byte))).filter(|(_, count)| *count > 0).max_by_key(|(_, count)| *count)
}

/// The reason for which a record is rejected if a quote in it swallowed others.
pub(crate) const SWALLOWED: &str = "quote swallowed lines: one cell holds line ends and the cells of other records. If quotes are text in \
    this file, set quote = \"\" in [input.csv]";

/// Returns the reason of a fault for rejects and messages, and the value to show.
pub(crate) fn says(fault: Fault, limits: &Limits) -> (String, Option<String>) {
    match fault {
        Fault::Unterminated => ("a quote opens a field and is never closed".to_owned(), None),
        Fault::AfterQuote => ("text follows the closing quote of a field".to_owned(), None),
        Fault::Oversize => (format!("the record is longer than {} bytes", limits.max_record_bytes), None),
    }
}

/// The reason for which a record is rejected if its bytes are of another encoding.
pub(crate) const UNDECODABLE: &str = "not in the declared encoding";

/// What is in the reason for which a record is rejected that has another number of fields than the headings.
pub(crate) const FIELDS: &str = " fields: ";

/// The reason for which a record is rejected if it repeats the headings.
pub(crate) const HEADINGS_AGAIN: &str = "repeats the headings, as where one file was appended to another";

/// The line of the headings, to recognise it where it comes again: where files were appended to each other.
pub(crate) struct FirstLine {
    headings: Vec<String>,
    /// The first heading that is not empty: records may have an empty cell under an empty one.
    named: usize,
    /// The bytes of the line; they are the same in another order.
    bytes: usize,
}

impl FirstLine {
    /// Remembers the headings, which were read last.
    pub fn of(records: &RecordReader, headings: Vec<String>) -> FirstLine {
        let named = headings.iter().position(|heading| !heading.is_empty()).unwrap_or(0);
        FirstLine { headings, named, bytes: records.bytes().len() }
    }

    /// Returns the number of headings.
    pub fn width(&self) -> usize {
        self.headings.len()
    }

    /// Returns whether a record of as many fields is the headings again, in their order.
    ///
    /// # Errors
    /// They stand in another order: all that follow would be read by the wrong headings.
    #[inline]
    pub fn is_again(&self, text: &str, records: &RecordReader) -> Result<bool, String> {
        let cells = records.cells();
        let is_named = |cell: &CellRange| text[cell.start..cell.end] == self.headings[self.named];
        // Hardly any other record passes this.
        let may_be = text.len() == self.bytes || cells.get(self.named).is_some_and(is_named);
        Ok(may_be && self.compare(text, cells).map_err(|why| format!("line {}: {why}", records.line()))?)
    }

    #[cold]
    fn compare(&self, text: &str, cells: &[CellRange]) -> Result<bool, String> {
        let plain = |cell: &CellRange| trim(&text[cell.start..cell.end]).unwrap_or_default();
        // Where all records are of one length, this is asked of each.
        let first = cells.get(self.named).map_or("", plain);
        if !self.headings.iter().any(|heading| trim(heading) == Some(first)) {
            return Ok(false);
        }
        let cells: Vec<&str> = cells.iter().map(plain).collect();
        let headings: Vec<&str> = self.headings.iter().map(|heading| trim(heading).unwrap_or_default()).collect();
        if cells == headings {
            return Ok(true);
        }
        let (mut a, mut b) = (cells, headings);
        a.sort_unstable();
        b.sort_unstable();
        if a != b {
            return Ok(false);
        }
        Err("the headings come again in another order, as where one file was appended to another; give the files one by one".to_owned())
    }
}

enum CellBuilder {
    Label(LabelBuilder),
    Text(StringViewBuilder),
}

/// A column of a chunk.
struct Taken {
    column: Column,
    /// Its place among the headings; if it has several, the first.
    place: usize,
    /// The places to look at and the conversion, unless the cell is used as it is.
    chosen: Option<Chosen>,
    builder: CellBuilder,
}

/// How a column is built from cells.
struct Chosen {
    headings: Headings,
    is_day: bool,
}

/// Gathers records into chunks.
struct Chunker<'a> {
    cells: &'a CellRules,
    schema: SchemaRef,
    columns: Vec<Taken>,
    /// The headings; a record has as many fields.
    first: FirstLine,
    max_field: usize,
    record: Vec<u64>,
    line: Vec<u64>,
    byte_offset: Vec<u64>,
    rejects: Vec<Reject>,
    /// The reject for further lines of one record, and their number.
    swallowed: Option<(Reject, u64)>,
    /// Bytes of the records gathered.
    bytes: usize,
    /// Number of the last record seen.
    number: u64,
    unquoted: String,
}

impl<'a> Chunker<'a> {
    fn new(text: &Text<'a>, mapping: &Mapping, first: FirstLine) -> Chunker<'a> {
        let mut fields = Vec::new();
        let mut columns = Vec::new();
        for (column, places) in &mapping.columns {
            let label = column.kind() == Kind::Label;
            fields.push(Field::new(column.name(), if label { label_type() } else { DataType::Utf8View }, true));
            let builder = if label {
                CellBuilder::Label(LabelBuilder::default())
            } else {
                CellBuilder::Text(StringViewBuilder::new())
            };
            let is_day = text.days.contains(*column);
            let is_chosen = is_day || places.len() > 1 || places.iter().any(|place| !place.values.is_empty());
            let chosen = is_chosen.then(|| {
                let (column, places, book) = (*column, places.clone(), text.book.cloned());
                Chosen { headings: Headings { column, places, book }, is_day }
            });
            columns.push(Taken { column: *column, place: places[0].index, chosen, builder });
        }
        Chunker {
            cells: text.cells,
            schema: Arc::new(Schema::new(fields)),
            columns,
            first,
            max_field: text.limits.max_field_bytes,
            record: Vec::new(),
            line: Vec::new(),
            byte_offset: Vec::new(),
            rejects: Vec::new(),
            swallowed: None,
            bytes: 0,
            number: 0,
            unquoted: String::new(),
        }
    }

    fn is_full(&self) -> bool {
        self.record.len() + self.rejects.len() >= CHUNK_RECORDS || self.bytes >= CHUNK_BYTES
    }

    /// Rejects a record that spans lines each of which may have been a record: it counts as that many rows.
    fn swallowed(&mut self, records: &RecordReader, lines: u64, reason: String) {
        self.number += 1;
        self.reject(records, None, reason, None);
        self.swallowed = self.rejects.last().cloned().map(|first| (first, lines.saturating_sub(1)));
        self.reject_swallowed();
    }

    /// Rejects further lines of a record that swallowed them, as far as there is room.
    fn reject_swallowed(&mut self) {
        while !self.is_full()
            && let Some((last, left)) = self.swallowed.as_mut().filter(|(_, left)| *left > 0)
        {
            *left -= 1;
            self.number += 1;
            last.record = self.number;
            last.line = last.line.map(|line| line + 1);
            let next = last.clone();
            self.rejects.push(next);
        }
    }

    fn is_empty(&self) -> bool {
        self.record.is_empty() && self.rejects.is_empty()
    }

    fn fault(&mut self, records: &RecordReader, fault: Fault, limits: &Limits) {
        self.number += 1;
        let (reason, value) = says(fault, limits);
        self.reject(records, None, reason, value);
    }

    fn reject(&mut self, records: &RecordReader, column: Option<Column>, reason: String, value: Option<String>) {
        self.rejects.push(Reject {
            record: self.number,
            line: Some(records.line()),
            byte_offset: Some(records.offset()),
            column: column.map(|column| column.name().to_owned()),
            reason,
            value,
            seller: None,
        });
    }

    fn record(&mut self, records: &RecordReader, fields: usize) -> Result<(), String> {
        if records.is_blank(self.first.width()) {
            return Ok(());
        }
        self.number += 1;
        let bytes = records.bytes();
        let Ok(text) = simdutf8::basic::from_utf8(bytes) else {
            let at = std::str::from_utf8(bytes).err().map_or(0, |error| error.valid_up_to());
            self.reject_at(records, at, UNDECODABLE.to_owned());
            return Ok(());
        };
        if fields != self.first.width() {
            let few = if fields < self.first.width() { "too few" } else { "too many" };
            let reason = format!("{few}{FIELDS}{fields}, where the headings are {}", self.first.width());
            self.number -= 1;
            self.swallowed(records, records.lines(), reason);
            return Ok(());
        }
        if records.has_nul() {
            let at = bytes.iter().position(|byte| *byte == 0).unwrap_or(0);
            self.reject_at(records, at, "holds a NUL character".to_owned());
            return Ok(());
        }
        if bytes.len() > self.max_field
            && let Some(cell) = records.cells().iter().find(|cell| cell.end - cell.start > self.max_field)
        {
            self.reject_at(records, cell.start, format!("longer than {} bytes", self.max_field));
            return Ok(());
        }
        if self.first.is_again(text, records)? {
            self.reject(records, None, HEADINGS_AGAIN.to_owned(), None);
            return Ok(());
        }
        let unread = records.unread();
        for Taken { place, chosen, builder, .. } in &mut self.columns {
            if let Some(chosen) = chosen {
                let value = chosen.value((text, records.cells()), self.cells, &mut self.unquoted);
                match builder {
                    CellBuilder::Label(labels) => labels.append(&value, None),
                    CellBuilder::Text(texts) => texts.append_value(value),
                }
                continue;
            }
            let cell = records.cells()[*place];
            let mut value = &text[cell.start..cell.end];
            let mut head = unread.get(cell.start..).and_then(<[u8]>::first_chunk);
            if cell.doubled {
                head = None;
                // The byte before a quoted cell is the quote.
                undouble(value, bytes[cell.start - 1], &mut self.unquoted);
                value = &self.unquoted;
            }
            match builder {
                CellBuilder::Label(labels) => labels.append(value, head),
                CellBuilder::Text(texts) => texts.append_value(value),
            }
        }
        self.bytes += bytes.len();
        self.record.push(self.number);
        self.line.push(records.line());
        self.byte_offset.push(records.offset());
        Ok(())
    }

    /// Rejects a record because of one of its bytes. Cells of columns that the job does not map are neither named nor
    /// shown.
    fn reject_at(&mut self, records: &RecordReader, at: usize, reason: String) {
        let cell = records.cells().iter().enumerate().find(|(_, cell)| cell.start <= at && at <= cell.end);
        let mapped = cell.and_then(|(index, cell)| {
            let holds = |taken: &&Taken| match &taken.chosen {
                Some(chosen) => chosen.headings.places.iter().any(|place| place.index == index),
                None => taken.place == index,
            };
            let column = self.columns.iter().find(holds)?.column;
            let shown = &records.bytes()[cell.start..cell.end.min(cell.start + 1024)];
            Some((column, shown_value(&String::from_utf8_lossy(shown))))
        });
        match mapped {
            Some((column, value)) => self.reject(records, Some(column), reason, Some(value)),
            None => self.reject(records, None, format!("a field that the job does not map: {reason}"), None),
        }
    }

    fn take(&mut self) -> Chunk {
        let finish = |builder: &mut CellBuilder| -> ArrayRef {
            match builder {
                CellBuilder::Label(labels) => labels.finish(),
                CellBuilder::Text(texts) => Arc::new(texts.finish()),
            }
        };
        let arrays = self.columns.iter_mut().map(|taken| finish(&mut taken.builder)).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.record.len()));
        let batch = RecordBatch::try_new_with_options(self.schema.clone(), arrays, &options)
            .expect("every record appends one value to every column");
        self.bytes = 0;
        let vacate = |list: &mut Vec<u64>| std::mem::replace(list, Vec::with_capacity(CHUNK_RECORDS));
        let records = Records::Listed {
            record: vacate(&mut self.record),
            line: vacate(&mut self.line),
            byte_offset: vacate(&mut self.byte_offset),
        };
        Chunk { batch, records, rejects: std::mem::take(&mut self.rejects) }
    }
}

impl Chosen {
    /// Returns the value of the first cell that says something; empty if none is filled.
    fn value<'t>(
        &'t self,
        (text, cells): (&'t str, &[CellRange]),
        rules: &CellRules,
        unquoted: &'t mut String,
    ) -> Cow<'t, str> {
        let found = self.headings.first(rules, |place| {
            let cell = cells[place.index];
            let value = &text[cell.start..cell.end];
            if !cell.doubled {
                return place.filled(value, rules).map(Cow::Borrowed);
            }
            // The byte before a quoted cell is the quote.
            undouble(value, text.as_bytes()[cell.start - 1], unquoted);
            place.filled(unquoted, rules).map(|filled| Cow::Owned(filled.to_owned()))
        });
        match found {
            Some(found) if self.is_day => day(found, rules),
            found => found.unwrap_or_default(),
        }
    }
}

/// Returns the calendar day of a time; a text that is not a time stays, to be rejected unchanged.
pub(crate) fn day<'t>(time: Cow<'t, str>, rules: &CellRules) -> Cow<'t, str> {
    match rules.times.as_written(&time) {
        Some((day, Some(_))) => Cow::Owned(date_from_day(day).to_string()),
        _ => time,
    }
}

/// Turns doubled quotes into single ones.
pub(crate) fn undouble(text: &str, quote: u8, into: &mut String) {
    into.clear();
    let quote = char::from(quote);
    let mut rest = text;
    while let Some(at) = rest.find(quote) {
        into.push_str(&rest[..=at]);
        rest = rest.get(at + 2..).unwrap_or("");
    }
    into.push_str(rest);
}
