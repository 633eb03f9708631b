//! Sorted counts of several pieces of time, brought together cell by cell.
//!
//! Each piece is read batch by batch, so that no more than a batch of each is held, however many cells
//! a week has. Cells come in ascending order and each comes once; what is added up, and what is not,
//! is the table's business. It fails if reading the counts does; counts out of order panic.

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

/// Counts of a marginal, merged.
pub struct Merge<'a> {
    sources: Vec<Source<'a>>,
    /// The next cell of each source that has one, the smallest on top.
    next: BinaryHeap<Reverse<(u64, usize)>>,
}

/// One count: which piece of time it is of, by its place among those merged, and the outcome's code; where a
/// marginal has a carrier beside the keys of its cells, that one's code stands above it (see [`Count::carrier`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// The place of the piece of time.
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
    /// Begins to read pieces of time.
    pub fn of(marginal: &'a Marginal, days: &[Day], space: &Arc<Space>) -> Result<Merge<'a>> {
        let mut sources = Vec::with_capacity(days.len());
        let mut next = BinaryHeap::with_capacity(days.len());
        for day in days {
            let mut source =
                Source { space: Arc::clone(space), batches: marginal.sorted(*day)?, rows: Rows::default() };
            if let Some(cell) = source.cell()? {
                next.push(Reverse((cell, sources.len())));
            }
            sources.push(source);
        }
        Ok(Merge { sources, next })
    }

    /// The cell that comes next.
    pub fn peek(&self) -> Option<u64> {
        self.next.peek().map(|Reverse((cell, _))| *cell)
    }

    /// Takes the next cell, handing on its counts in the order of the pieces.
    pub fn next(&mut self, mut each: impl FnMut(Count)) -> Result<Option<u64>> {
        let Some(cell) = self.peek() else { return Ok(None) };
        while let Some(top) = self.next.peek_mut() {
            let Reverse((found, source)) = *top;
            if found != cell {
                break;
            }
            match self.sources[source].take(cell, |code, count| each(Count { source, code, count }))? {
                Some(after) => {
                    assert!(after > cell, "the counts of a piece of time ascend");
                    let mut top = top;
                    *top = Reverse((after, source));
                }
                None => drop(PeekMut::pop(top)),
            }
        }
        Ok(Some(cell))
    }
}

/// One piece of time, read as far as `rows`.
struct Source<'a> {
    space: Arc<Space>,
    batches: Batches<'a>,
    rows: Rows,
}

/// A batch, unpacked, and how far it is used up.
#[derive(Default)]
struct Rows {
    cells: Vec<u64>,
    codes: Vec<u32>,
    counts: arrow::buffer::ScalarBuffer<i64>,
    at: usize,
}

impl Rows {
    fn of(batch: &RecordBatch, space: &Space) -> Rows {
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
        Rows { cells: space.cells(batch), codes, counts: counts.values().clone(), at: 0 }
    }
}

impl Source<'_> {
    /// The cell of the next row, read if need be.
    fn cell(&mut self) -> Result<Option<u64>> {
        while self.rows.at == self.rows.cells.len() {
            let Some(batch) = self.batches.next() else { return Ok(None) };
            self.rows = Rows::of(&batch?, &self.space);
        }
        Ok(Some(self.rows.cells[self.rows.at]))
    }

    /// Hands on the rows of a cell; the cell after it.
    fn take(&mut self, cell: u64, mut each: impl FnMut(u32, i64)) -> Result<Option<u64>> {
        loop {
            let rows = &mut self.rows;
            while rows.at < rows.cells.len() && rows.cells[rows.at] == cell {
                each(rows.codes[rows.at], rows.counts[rows.at]);
                rows.at += 1;
            }
            // A cell's rows may go on in the next batch.
            match self.cell()? {
                Some(next) if next == cell => {}
                next => return Ok(next),
            }
        }
    }
}
