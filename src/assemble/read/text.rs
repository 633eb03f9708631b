//! Delimited text to records.
//!
//! It cuts as the run's own reader does, rejects the same records, and types nothing. A line without any filled cell
//! is not a record. It fails on a file that cannot be read to its end or lacks headings that its kind needs.

use super::{
    Each, FieldSet, Heading, RawFile, ReadItem, ReadSettings, Record, RecordCounts, RecordPart, constant_cells,
    find_headings, first_filled,
};
use crate::scan::csv::{FirstLine, HEADINGS_AGAIN, SWALLOWED, Text, says, undouble};
use crate::scan::records::{Next, RecordReader};
use vtr_columnar::fold::{Reject, shown_value};
use vtr_columnar::input::ColumnSet;
use vtr_kernel::sources::Field;
use vtr_kernel::text::trim;

pub(super) fn read(
    file: &RawFile,
    reading: &ReadSettings,
    each: &mut Each,
) -> crate::error::Result<Result<RecordCounts, String>> {
    let text = Text {
        origin: file.origin,
        shown: file.shown,
        packing: file.packing,
        dialect: reading.dialect,
        cells: reading.cells,
        days: ColumnSet::default(),
        limits: reading.limits,
        book: None,
    };
    let opened = text.open().and_then(|(records, headings)| {
        let found = find_headings(reading, file.constants, &headings)?;
        let first = FirstLine::of(&records, headings);
        Ok((records, first, found))
    });
    let (mut records, first, headings) = match opened {
        Ok(opened) => opened,
        Err(refused) => return Ok(Err(refused)),
    };
    let base = constant_cells(file.constants, reading.cells);
    let mut rows = LineRecords { reading, headings, first, base, rejects: Rejects { counts: RecordCounts::default() } };
    loop {
        match records.next() {
            Ok(Next::End) => break,
            Ok(Next::Record { fields }) => {
                let fields = records.fields_below(rows.first.width(), fields);
                if let Err(refused) = rows.record(&records, fields, each)? {
                    return Ok(Err(refused));
                }
            }
            Ok(Next::Swallowed { lines }) => rows.rejects.lines(&records, lines, SWALLOWED, each)?,
            Ok(Next::Fault(fault)) => rows.rejects.one(&records, says(fault, reading.limits).0, None, each)?,
            Err(refused) => return Ok(Err(refused)),
        }
    }
    let mut counts = rows.rejects.counts;
    Ok(records.finish().map(|(bytes, digest)| {
        (counts.bytes, counts.digest) = (bytes, Some(digest));
        counts
    }))
}

/// Makes records from lines.
struct LineRecords<'a> {
    reading: &'a ReadSettings<'a>,
    headings: Vec<Heading<'a>>,
    /// The headings; a line has as many fields.
    first: FirstLine,
    /// Cells that are the same for all lines.
    base: [Option<&'a str>; Field::COUNT],
    rejects: Rejects,
}

impl LineRecords<'_> {
    /// Makes a record of a line.
    ///
    /// # Errors
    /// The inner error: a fault of the file. The outer error: the one that `each` returned.
    fn record(
        &mut self,
        records: &RecordReader,
        fields: usize,
        each: &mut Each,
    ) -> crate::error::Result<Result<(), String>> {
        let bytes = records.bytes();
        if bytes.iter().all(|byte| byte.is_ascii_whitespace()) {
            return Ok(Ok(()));
        }
        let Ok(line) = std::str::from_utf8(bytes) else {
            return self.rejects.one(records, "not in the declared encoding".to_owned(), None, each).map(Ok);
        };
        if fields != self.first.width() {
            let few = if fields < self.first.width() { "too few" } else { "too many" };
            let reason = format!("{few} fields: {fields}, where the headings are {}", self.first.width());
            return self.rejects.lines(records, records.lines(), &reason, each).map(Ok);
        }
        match self.first.is_again(line, records) {
            Ok(true) => return self.rejects.one(records, HEADINGS_AGAIN.to_owned(), None, each).map(Ok),
            Ok(false) => {}
            Err(why) => return Ok(Err(why)),
        }
        let filled = records.cells().iter().filter(|cell| trim(&line[cell.start..cell.end]).is_some()).count();
        if filled == 0 {
            return Ok(Ok(()));
        }
        let places = self.headings.iter().flat_map(|heading| &heading.places);
        let fault = places.clone().find_map(|(at, spot)| {
            let cell = records.cells()[*at];
            fault_of(&line[cell.start..cell.end], self.reading).map(|fault| (fault, spot, cell))
        });
        if let Some((fault, spot, cell)) = fault {
            let shown = shown_value(&String::from_utf8_lossy(&bytes[cell.start..cell.end.min(cell.start + 1024)]));
            return self.rejects.one(records, format!("`{}` {fault}", spot.at), Some(shown), each).map(Ok);
        }
        let doubled = places.map(|(at, _)| records.cells()[*at]).filter(|cell| cell.doubled);
        let undoubled: Vec<String> = doubled
            .map(|cell| {
                let mut plain = String::new();
                // The byte before a quoted cell is the quote.
                undouble(&line[cell.start..cell.end], bytes[cell.start - 1], &mut plain);
                plain
            })
            .collect();
        let (mut cells, mut plain) = (self.base, undoubled.iter());
        for heading in &self.headings {
            let mut value = None;
            for (at, spot) in &heading.places {
                let cell = records.cells()[*at];
                let own = &line[cell.start..cell.end];
                let own = if cell.doubled { plain.next().map_or(own, String::as_str) } else { own };
                value = value.or_else(|| first_filled(spot, own, self.reading.cells));
            }
            cells[heading.field.index()] = value;
        }
        self.rejects.counts.records += 1;
        self.rejects.counts.documents += 1;
        let number = self.rejects.counts.records + self.rejects.counts.rejected;
        each(ReadItem::Record(Record {
            record: number,
            document: number,
            line: Some(records.line()),
            byte_offset: Some(records.offset()),
            part: RecordPart::Whole,
            filled,
            cells: &cells,
            numbers: FieldSet::default(),
        }))
        .map(Ok)
    }
}

/// Returns the fault of a cell: its length, or a NUL.
fn fault_of(cell: &str, reading: &ReadSettings) -> Option<String> {
    let max = reading.limits.max_field_bytes;
    if cell.len() > max {
        Some(format!("is longer than {max} bytes"))
    } else {
        cell.contains('\0').then(|| "holds a NUL character".to_owned())
    }
}

/// Counts rejects and hands them on.
struct Rejects {
    counts: RecordCounts,
}

impl Rejects {
    fn one(
        &mut self,
        records: &RecordReader,
        reason: String,
        value: Option<String>,
        each: &mut Each,
    ) -> crate::error::Result<()> {
        self.counts.rejected += 1;
        self.counts.documents += 1;
        each(ReadItem::Reject(Reject {
            record: self.counts.records + self.counts.rejected,
            line: Some(records.line()),
            byte_offset: Some(records.offset()),
            column: None,
            reason,
            value,
            seller: None,
        }))
    }

    /// Rejects a record that swallowed lines which may each have been a record: it counts as that many rows.
    fn lines(&mut self, records: &RecordReader, lines: u64, reason: &str, each: &mut Each) -> crate::error::Result<()> {
        for line in 0..lines.max(1) {
            self.counts.rejected += 1;
            self.counts.documents += 1;
            each(ReadItem::Reject(Reject {
                record: self.counts.records + self.counts.rejected,
                line: Some(records.line() + line),
                byte_offset: Some(records.offset()),
                column: None,
                reason: reason.to_owned(),
                value: None,
                seller: None,
            }))?;
        }
        Ok(())
    }
}
