//! Merges the sorted counts of several weeks or segments, cell by cell.
//!
//! Each of them is read batch by batch, so that memory holds one batch of each, however many cells a week has. Cells
//! come in ascending order, each once; the table decides what is added up. It fails if the counts cannot be read;
//! counts out of order panic.

use super::space::{Space, dictionary};
use crate::error::Result;
use crate::fold::counts::{Batches, Marginal};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int64Type, UInt8Type};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::sync::Arc;
use vtr_kernel::calendar::Day;
use vtr_kernel::mend::Outcome;

/// Merged counts of a marginal.
pub struct Merge<'a> {
    sources: Vec<MergeInput<'a>>,
    /// The next cell of each source that is not yet exhausted, the smallest on top.
    next: BinaryHeap<Reverse<(u64, usize)>>,
}

/// One count: the index of its week or segment among those merged, and the outcome's code. If a marginal has a carrier
/// beside the keys of its cells, the high bits of the code hold the carrier's code (see [`Count::carrier`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// The index of the week or segment.
    pub source: usize,
    /// The code of the outcome, and of the carrier.
    pub code: u32,
    /// How many packages.
    pub count: i64,
}

impl Count {
    /// The code of the outcome.
    pub fn outcome(&self) -> usize {
        (self.code & ((1 << Outcome::BITS) - 1)) as usize
    }

    /// The code of the carrier.
    pub fn carrier(&self) -> u32 {
        self.code >> Outcome::BITS
    }
}

impl<'a> Merge<'a> {
    /// Begins to read weeks or segments, given by their first days.
    pub fn of(marginal: &'a Marginal, days: &[Day], space: &Arc<Space>) -> Result<Merge<'a>> {
        let mut sources = Vec::with_capacity(days.len());
        let mut next = BinaryHeap::with_capacity(days.len());
        for day in days {
            let mut source =
                MergeInput { space: Arc::clone(space), batches: marginal.sorted(*day)?, rows: UnpackedRows::default() };
            if let Some(cell) = source.cell()? {
                next.push(Reverse((cell, sources.len())));
            }
            sources.push(source);
        }
        Ok(Merge { sources, next })
    }

    /// The next cell.
    pub fn peek(&self) -> Option<u64> {
        self.next.peek().map(|Reverse((cell, _))| *cell)
    }

    /// Takes the next cell and hands on its counts in the order of the sources.
    pub fn next(&mut self, mut each: impl FnMut(Count)) -> Result<Option<u64>> {
        let Some(cell) = self.peek() else { return Ok(None) };
        while let Some(top) = self.next.peek_mut() {
            let Reverse((found, source)) = *top;
            if found != cell {
                break;
            }
            match self.sources[source].take(cell, |code, count| each(Count { source, code, count }))? {
                Some(after) => {
                    assert!(after > cell, "the counts of a segment ascend");
                    let mut top = top;
                    *top = Reverse((after, source));
                }
                None => drop(PeekMut::pop(top)),
            }
        }
        Ok(Some(cell))
    }
}

/// One week or segment, read up to `rows`.
struct MergeInput<'a> {
    space: Arc<Space>,
    batches: Batches<'a>,
    rows: UnpackedRows,
}

/// An unpacked batch, and how many of its rows are used up.
#[derive(Default)]
struct UnpackedRows {
    cells: Vec<u64>,
    codes: Vec<u32>,
    counts: arrow::buffer::ScalarBuffer<i64>,
    at: usize,
}

impl UnpackedRows {
    fn of(batch: &RecordBatch, space: &Space) -> UnpackedRows {
        let outcomes = batch["reason"].as_primitive::<UInt8Type>().values().iter().map(|code| u32::from(*code));
        let codes = match batch.column_by_name("carrier").filter(|_| !space.has("carrier")) {
            None => outcomes.collect(),
            Some(_) => {
                let carriers = dictionary(batch, "carrier").0.values();
                carriers.iter().zip(outcomes).map(|(carrier, outcome)| carrier << Outcome::BITS | outcome).collect()
            }
        };
        let counts = batch["count"].as_primitive::<Int64Type>();
        assert!(counts.null_count() == 0, "counts are never null");
        UnpackedRows { cells: space.cells(batch), codes, counts: counts.values().clone(), at: 0 }
    }
}

impl MergeInput<'_> {
    /// The cell of the next row; reads the next batch if necessary.
    fn cell(&mut self) -> Result<Option<u64>> {
        while self.rows.at == self.rows.cells.len() {
            let Some(batch) = self.batches.next() else { return Ok(None) };
            self.rows = UnpackedRows::of(&batch?, &self.space);
        }
        Ok(Some(self.rows.cells[self.rows.at]))
    }

    /// Hands on the rows of a cell; returns the cell after it.
    fn take(&mut self, cell: u64, mut each: impl FnMut(u32, i64)) -> Result<Option<u64>> {
        loop {
            let rows = &mut self.rows;
            while rows.at < rows.cells.len() && rows.cells[rows.at] == cell {
                each(rows.codes[rows.at], rows.counts[rows.at]);
                rows.at += 1;
            }
            // A cell's rows may continue in the next batch.
            match self.cell()? {
                Some(next) if next == cell => {}
                next => return Ok(next),
            }
        }
    }
}
