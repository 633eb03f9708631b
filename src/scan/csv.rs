//! Delimited text to batches: mapped cells as text, records that cannot be cut as rejects.
//!
//! It copies no cell of a column that the job does not map, allocates nothing per cell and types
//! nothing. A record with the wrong number of fields, undecodable bytes, NUL or an oversize cell is
//! rejected with its place; a file that cannot be read to the end is refused.

use super::content::Content;
use super::files::{Packing, delimiter_by_suffix};
use super::headings::Mapping;
use super::labels::LabelBuilder;
use super::records::{Cutting, Fault, Next, RecordReader};
use super::store::Origin;
use super::{Chunk, UnitEnd};
use crate::job::plan::{Dialect, Limits};
use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, StringViewBuilder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use std::sync::Arc;
use vtr_columnar::fold::{Records, Reject, shown_value};
use vtr_columnar::input::{Column, Kind, label_type};

/// Records of a chunk, few enough for all their cells to stay near the processor, and the bytes of cells after
/// which it is handed on early.
const CHUNK_RECORDS: usize = 2_048;
const CHUNK_BYTES: usize = 16 << 20;

/// A file of delimited text and how to read it.
pub(crate) struct Text<'a> {
    /// Where it is.
    pub origin: &'a Origin,
    /// Its path as shown.
    pub shown: &'a str,
    /// How it is compressed.
    pub packing: Packing,
    /// How it is cut.
    pub dialect: &'a Dialect,
    /// What it may cost.
    pub limits: &'a Limits,
}

impl Text<'_> {
    /// Opens the file and reads its headings.
    ///
    /// # Errors
    /// It cannot be read, or there are no headings where they should be.
    pub fn open(&self) -> Result<(RecordReader, Vec<String>), String> {
        let (dialect, limits) = (self.dialect, self.limits);
        let content = Content::open(self.origin, self.packing, limits)?;
        let cutting = Cutting {
            delimiter: dialect.delimiter.unwrap_or_else(|| delimiter_by_suffix(self.shown)),
            quote: dialect.quote,
            max_record: limits.max_record_bytes,
            max_cells: limits.max_columns,
        };
        let mut records = RecordReader::new(content, dialect.encoding, cutting)?;
        for line in 1..dialect.header_line {
            if !records.skip_line()? {
                let at = dialect.header_line;
                return Err(format!(
                    "has {} lines, but its headings should stand on line {at} (`header_line`)",
                    line - 1
                ));
            }
        }
        let headings = headings(&mut records, dialect, limits)?;
        Ok((records, headings))
    }

    /// Reads the whole file.
    ///
    /// # Errors
    /// The inner one: what is wrong with the file. The outer one: what `each` failed with.
    pub fn read(
        &self,
        mapping: &Mapping,
        each: &mut dyn FnMut(Chunk) -> crate::error::Result<()>,
    ) -> crate::error::Result<Result<UnitEnd, String>> {
        let (mut records, width) = match self.open() {
            Ok((records, headings)) if mapping.columns.iter().all(|(_, place)| *place < headings.len()) => {
                (records, headings.len())
            }
            Ok(_) => return Ok(Err("has changed since the run looked at it; run again".to_owned())),
            Err(refused) => return Ok(Err(refused)),
        };
        let mut chunker = Chunker::new(mapping, width, self.limits.max_field_bytes);
        loop {
            match records.next() {
                Ok(Next::End) => break,
                Ok(Next::Record { fields }) => chunker.record(&records, fields),
                Ok(Next::Fault(fault)) => chunker.fault(&records, fault, self.limits),
                Err(refused) => return Ok(Err(refused)),
            }
            if chunker.is_full() {
                each(chunker.take())?;
            }
        }
        if !chunker.is_empty() {
            each(chunker.take())?;
        }
        let rows_read = chunker.number;
        Ok(records.finish().map(|(bytes_read, digest)| UnitEnd { rows_read, bytes_read, digest: Some(digest) }))
    }
}

fn headings(records: &mut RecordReader, dialect: &Dialect, limits: &Limits) -> Result<Vec<String>, String> {
    let at = dialect.header_line;
    let fields = match records.next()? {
        Next::End => return Err(format!("has no headings: line {at} and all that follow are empty")),
        Next::Fault(fault) => {
            return Err(format!("line {}: the headings cannot be read: {}", records.line(), says(fault, limits).0));
        }
        Next::Record { .. } if records.line() != at as u64 => {
            let line = records.line();
            return Err(format!(
                "line {at} is empty, where the headings should stand; set `header_line = {line}` if they stand there"
            ));
        }
        Next::Record { fields } => fields,
    };
    if fields > limits.max_columns {
        let max = limits.max_columns;
        return Err(format!("has {fields} columns, more than {max}; if that is right, raise [limits] max_columns"));
    }
    let bytes = records.bytes();
    if fields == 1 && bytes.to_ascii_lowercase().starts_with(b"sep=") {
        let next = at + 1;
        return Err(format!(
            "line {at} tells a spreadsheet the delimiter; the headings follow it: set `header_line = {next}` in [input.csv]"
        ));
    }
    let text = |cell: &super::records::Cell| {
        let text = String::from_utf8_lossy(&bytes[cell.start..cell.end]);
        let quote = dialect.quote.map_or('"', char::from);
        if cell.doubled { text.replace(&format!("{quote}{quote}"), &quote.to_string()) } else { text.into_owned() }
    };
    Ok(records.cells().iter().map(text).collect())
}

/// What rejects and messages say of a fault, and what to show as its value.
fn says(fault: Fault, limits: &Limits) -> (String, Option<String>) {
    match fault {
        Fault::Unterminated => ("a quote opens a field and is never closed".to_owned(), None),
        Fault::AfterQuote => ("text follows the closing quote of a field".to_owned(), None),
        Fault::Oversize => (format!("the record is longer than {} bytes", limits.max_record_bytes), None),
    }
}

enum Builder {
    Label(LabelBuilder),
    Text(StringViewBuilder),
}

/// Gathers records into chunks.
struct Chunker {
    schema: SchemaRef,
    /// Column, place among the headings, values.
    columns: Vec<(Column, usize, Builder)>,
    /// Fields that a record should have.
    width: usize,
    max_field: usize,
    record: Vec<u64>,
    line: Vec<u64>,
    byte_offset: Vec<u64>,
    rejects: Vec<Reject>,
    /// Bytes of the records gathered.
    bytes: usize,
    /// Number of the last record seen.
    number: u64,
    unquoted: String,
}

impl Chunker {
    fn new(mapping: &Mapping, width: usize, max_field: usize) -> Chunker {
        let mut fields = Vec::new();
        let mut columns = Vec::new();
        for (column, place) in &mapping.columns {
            let label = column.kind() == Kind::Label;
            fields.push(Field::new(column.name(), if label { label_type() } else { DataType::Utf8View }, true));
            let builder =
                if label { Builder::Label(LabelBuilder::default()) } else { Builder::Text(StringViewBuilder::new()) };
            columns.push((*column, *place, builder));
        }
        Chunker {
            schema: Arc::new(Schema::new(fields)),
            columns,
            width,
            max_field,
            record: Vec::new(),
            line: Vec::new(),
            byte_offset: Vec::new(),
            rejects: Vec::new(),
            bytes: 0,
            number: 0,
            unquoted: String::new(),
        }
    }

    fn is_full(&self) -> bool {
        self.record.len() + self.rejects.len() >= CHUNK_RECORDS || self.bytes >= CHUNK_BYTES
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

    fn record(&mut self, records: &RecordReader, fields: usize) {
        self.number += 1;
        let bytes = records.bytes();
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                return self.reject_at(records, error.valid_up_to(), "not in the declared encoding".to_owned());
            }
        };
        if fields != self.width {
            let few = if fields < self.width { "too few" } else { "too many" };
            let reason = format!("{few} fields: {fields}, where the headings are {}", self.width);
            return self.reject(records, None, reason, None);
        }
        if bytes.contains(&0) {
            let at = bytes.iter().position(|byte| *byte == 0).unwrap_or(0);
            return self.reject_at(records, at, "holds a NUL character".to_owned());
        }
        if bytes.len() > self.max_field
            && let Some(cell) = records.cells().iter().find(|cell| cell.end - cell.start > self.max_field)
        {
            return self.reject_at(records, cell.start, format!("longer than {} bytes", self.max_field));
        }
        let unread = records.unread();
        for (_, place, builder) in &mut self.columns {
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
                Builder::Label(labels) => labels.append(value, head),
                Builder::Text(texts) => texts.append_value(value),
            }
        }
        self.bytes += bytes.len();
        self.record.push(self.number);
        self.line.push(records.line());
        self.byte_offset.push(records.offset());
    }

    /// Rejects a record for what stands at a byte of it. Cells of columns that the job does not map
    /// are neither named nor shown.
    fn reject_at(&mut self, records: &RecordReader, at: usize, reason: String) {
        let cell = records.cells().iter().enumerate().find(|(_, cell)| cell.start <= at && at <= cell.end);
        let mapped = cell.and_then(|(index, cell)| {
            let (column, _, _) = self.columns.iter().find(|(_, place, _)| *place == index)?;
            let shown = &records.bytes()[cell.start..cell.end.min(cell.start + 1024)];
            Some((*column, shown_value(&String::from_utf8_lossy(shown))))
        });
        match mapped {
            Some((column, value)) => self.reject(records, Some(column), reason, Some(value)),
            None => self.reject(records, None, format!("a field that the job does not map: {reason}"), None),
        }
    }

    fn take(&mut self) -> Chunk {
        let finish = |builder: &mut Builder| -> ArrayRef {
            match builder {
                Builder::Label(labels) => labels.finish(),
                Builder::Text(texts) => Arc::new(texts.finish()),
            }
        };
        let arrays = self.columns.iter_mut().map(|(_, _, builder)| finish(builder)).collect();
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

/// Doubled quotes to single ones.
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
