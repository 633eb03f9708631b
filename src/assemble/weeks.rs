//! Weeks of packages as Arrow batches: sorted runs merged, columns as the job decides them.
//!
//! The job alone decides which columns there are, so that a week without scans has the same columns as one with them.
//! Only one piece of each run is in memory. It fails if the disk does.

use super::coverage::OfWeek;
use super::judging::Judging;
use super::pack::{BY_EVENTS, BY_FRIEND, BY_OTHER, BY_STATUS, HAS_ORDER, OTHER_DELIVERED, Pack};
use super::row::Row;
use crate::error::{Error, Result};
use crate::place::spill::{Spill, SpillRange};
use crate::schema::ValueKind;
use arrow::array::{
    ArrayRef, BooleanBuilder, Decimal128Builder, Int64Builder, RecordBatch, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow::datatypes::{Field as ArrowField, Schema, SchemaRef};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use vtr_columnar::input::{Column, ColumnSet, Kind as Cells};
use vtr_kernel::sources::Field;
use vtr_kernel::text;

/// Rows of a batch.
const ROWS: usize = 8_192;
/// Bytes of a run that are read at a time.
const PIECE: usize = 16 << 10;

/// Columns of a package beside the canonical ones, with their types.
pub const OWN: [(&str, ValueKind, bool, &str); 5] = [
    ("source_file", ValueKind::Text, false, "the file that says what the package is, as `assembled_files` shows it"),
    ("source_record", ValueKind::Count, false, "the number of its record there, from 1"),
    ("orders_file", ValueKind::Text, true, "the file that lent the order's facts; null: none did"),
    ("events", ValueKind::Count, false, "distinct events that count for it"),
    (
        "scan_source",
        ValueKind::Text,
        true,
        "`events`, `partner` (events, all of another carrier of the family or partners of its own), `status` (a scan is \
         known by the package's state only, and is no later than its time); without a scan that counts: `other` (another \
         carrier than its own scanned it), `other_delivered` (and delivered it), or null",
    ),
];

/// The values of `scan_source` for packages that only another carrier than their own scanned: not delivered, delivered.
pub const OTHERS: [&str; 2] = ["other", "other_delivered"];

/// Returns the schema of packages.
pub fn schema(columns: ColumnSet) -> SchemaRef {
    let of = |column: Column| {
        let kind = match column.kind() {
            Cells::Label | Cells::Text => ValueKind::Text,
            Cells::Flag => ValueKind::Flag,
            Cells::Amount => ValueKind::Money,
            Cells::Time => ValueKind::Time,
        };
        ArrowField::new(column.name(), kind.data_type(), true)
    };
    let own = OWN.iter().map(|(name, kind, nullable, _)| ArrowField::new(*name, kind.data_type(), *nullable));
    Arc::new(Schema::new(columns.iter().map(of).chain(own).collect::<Vec<_>>()))
}

/// A run that is being read.
struct RunReader<'s> {
    spill: &'s Spill,
    run: SpillRange,
    at: usize,
    buffer: Vec<u8>,
    from: usize,
}

impl RunReader<'_> {
    /// Makes the next row the first of the buffer; returns `false` at the end.
    fn fill(&mut self) -> Result<bool> {
        let needed = |bytes: &[u8]| {
            bytes.get(..4).map(|length| 4 + u32::from_le_bytes([length[0], length[1], length[2], length[3]]) as usize)
        };
        loop {
            let held = &self.buffer[self.from..];
            let lacks = match needed(held) {
                Some(needed) if needed <= held.len() => return Ok(true),
                Some(needed) => needed - held.len(),
                None => 4,
            };
            let left = self.run.bytes() - self.at;
            if left == 0 {
                return Ok(false);
            }
            self.buffer.drain(..self.from);
            self.from = 0;
            let held = self.buffer.len();
            let more = left.min(lacks.max(PIECE));
            self.buffer.resize(held + more, 0);
            self.spill.read(self.run, self.at, &mut self.buffer[held..])?;
            self.at += more;
        }
    }

    /// Returns the bytes of the row without its length.
    fn row(&self) -> &[u8] {
        let held = &self.buffer[self.from..];
        let length = u32::from_le_bytes([held[0], held[1], held[2], held[3]]) as usize;
        &held[4..4 + length]
    }

    fn step(&mut self) {
        self.from += 4 + self.row().len();
    }
}

/// The sort key of a row, owned.
type SortKey = ([String; 5], u32, u64);

fn key(row: &[u8]) -> SortKey {
    let pack = Pack::of(Row::of(row));
    (pack.key().map(str::to_owned), pack.source.file, pack.source.record)
}

/// The rows of a week in order, as batches.
pub struct PackageBatches<'s, 'c> {
    readers: Vec<RunReader<'s>>,
    next: BinaryHeap<Reverse<(SortKey, usize)>>,
    columns: ColumnSet,
    schema: SchemaRef,
    files: &'s [String],
    coverage: &'s mut OfWeek<'c>,
    judging: &'s mut Judging<'c>,
}

impl<'s, 'c> PackageBatches<'s, 'c> {
    /// Merges the runs of a week; `files` are the shown names of the files. Coverage and judging weeks
    /// are told on the way.
    ///
    /// # Errors
    /// The disk fails.
    pub fn of(
        spill: &'s Spill,
        runs: &[SpillRange],
        columns: ColumnSet,
        files: &'s [String],
        (coverage, judging): (&'s mut OfWeek<'c>, &'s mut Judging<'c>),
    ) -> Result<PackageBatches<'s, 'c>> {
        let reader = |run: &SpillRange| RunReader { spill, run: *run, at: 0, buffer: Vec::new(), from: 0 };
        let mut week = PackageBatches {
            readers: runs.iter().map(reader).collect(),
            next: BinaryHeap::new(),
            columns,
            schema: schema(columns),
            files,
            coverage,
            judging,
        };
        for index in 0..week.readers.len() {
            week.look(index)?;
        }
        Ok(week)
    }

    fn look(&mut self, index: usize) -> Result<()> {
        if self.readers[index].fill()? {
            self.next.push(Reverse((key(self.readers[index].row()), index)));
        }
        Ok(())
    }

    fn batch(&mut self) -> Result<Option<RecordBatch>> {
        let mut batch = BatchBuilder::of(self.columns);
        while batch.rows < ROWS {
            let Some(Reverse((_, index))) = self.next.pop() else { break };
            let pack = Pack::of(Row::of(self.readers[index].row()));
            self.coverage.add(&pack);
            self.judging.add(&pack, self.columns, self.files);
            batch.add(&pack, self.files);
            self.readers[index].step();
            self.look(index)?;
        }
        if batch.rows == 0 {
            return Ok(None);
        }
        let columns = batch.finish();
        let batch = RecordBatch::try_new(self.schema.clone(), columns);
        batch.map(Some).map_err(|error| Error::failed("making packages", error))
    }
}

impl Iterator for PackageBatches<'_, '_> {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Result<RecordBatch>> {
        self.batch().transpose()
    }
}

enum FieldBuilder {
    Text(StringBuilder),
    Flag(BooleanBuilder),
    Money(Decimal128Builder),
    Time(TimestampMicrosecondBuilder),
}

struct BatchBuilder {
    rows: usize,
    columns: Vec<(Field, FieldBuilder)>,
    source_file: StringBuilder,
    source_record: Int64Builder,
    orders_file: StringBuilder,
    events: Int64Builder,
    scan_source: StringBuilder,
}

impl BatchBuilder {
    fn of(columns: ColumnSet) -> BatchBuilder {
        let builder = |column: Column| {
            let field = Field::from_name(column.name())?;
            let builder = match column.kind() {
                Cells::Label | Cells::Text => FieldBuilder::Text(StringBuilder::new()),
                Cells::Flag => FieldBuilder::Flag(BooleanBuilder::new()),
                Cells::Amount => {
                    FieldBuilder::Money(Decimal128Builder::new().with_data_type(ValueKind::Money.data_type()))
                }
                Cells::Time => FieldBuilder::Time(TimestampMicrosecondBuilder::new().with_timezone("UTC")),
            };
            Some((field, builder))
        };
        BatchBuilder {
            rows: 0,
            columns: columns.iter().filter_map(builder).collect(),
            source_file: StringBuilder::new(),
            source_record: Int64Builder::new(),
            orders_file: StringBuilder::new(),
            events: Int64Builder::new(),
            scan_source: StringBuilder::new(),
        }
    }

    fn add(&mut self, pack: &Pack, files: &[String]) {
        for (field, builder) in &mut self.columns {
            match builder {
                FieldBuilder::Text(texts) => texts.append_option(pack.text(*field)),
                FieldBuilder::Flag(flags) => flags.append_option(pack.text(*field).and_then(text::flag)),
                FieldBuilder::Money(amounts) => amounts.append_option(pack.value),
                FieldBuilder::Time(times) if *field == Field::UpdatedAt => times.append_option(pack.updated_at),
                FieldBuilder::Time(times) => times.append_option(pack.time(*field)),
            }
        }
        self.source_file.append_option(files.get(pack.source.file as usize));
        self.source_record.append_value(i64::try_from(pack.source.record).unwrap_or(i64::MAX));
        let lent = pack.orders_file.filter(|_| pack.flags & HAS_ORDER != 0);
        self.orders_file.append_option(lent.and_then(|file| files.get(file as usize)));
        self.events.append_value(i64::try_from(pack.events).unwrap_or(i64::MAX));
        self.scan_source.append_option(match pack.flags & (BY_STATUS | BY_EVENTS) {
            0 if pack.flags & OTHER_DELIVERED != 0 => Some(OTHERS[1]),
            0 if pack.flags & BY_OTHER != 0 => Some(OTHERS[0]),
            0 => None,
            BY_EVENTS if pack.flags & BY_FRIEND != 0 => Some("partner"),
            BY_EVENTS => Some("events"),
            _ => Some("status"),
        });
        self.rows += 1;
    }

    fn finish(self) -> Vec<ArrayRef> {
        let column = |(_, builder): (Field, FieldBuilder)| -> ArrayRef {
            match builder {
                FieldBuilder::Text(mut texts) => Arc::new(texts.finish()),
                FieldBuilder::Flag(mut flags) => Arc::new(flags.finish()),
                FieldBuilder::Money(mut amounts) => Arc::new(amounts.finish()),
                FieldBuilder::Time(mut times) => Arc::new(times.finish()),
            }
        };
        let mut columns: Vec<ArrayRef> = self.columns.into_iter().map(column).collect();
        let (mut file, mut record, mut orders) = (self.source_file, self.source_record, self.orders_file);
        let (mut events, mut source) = (self.events, self.scan_source);
        columns.extend([
            Arc::new(file.finish()) as ArrayRef,
            Arc::new(record.finish()),
            Arc::new(orders.finish()),
            Arc::new(events.finish()),
            Arc::new(source.finish()),
        ]);
        columns
    }
}
