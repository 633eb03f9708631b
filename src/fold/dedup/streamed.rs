//! The search among more copies than fit in memory, such as those of a source whose order ids are all the same.
//!
//! They are sorted piece by piece onto the disk and merged; only two neighbouring copies of a group are in memory,
//! however many there are. [`Choice`] decides which copy counts. It fails if the disk does or the run is told to stop.

use crate::error::Result;
use crate::place::spill::{Spill, SpillRange};
use crate::signals;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use vtr_columnar::choice::{Between, Choice, Order, order};
use vtr_columnar::judge::{CopyRecord, Unit};

/// Bytes that are read back at once from each sorted piece.
const STEP: usize = 1_024 * CopyRecord::BYTES;

/// Copies sorted by piece.
pub struct Sorted<'a> {
    unit: Unit,
    spill: &'a Spill,
    pieces: Vec<SpillRange>,
    waiting: Vec<(Order, CopyRecord)>,
    most: usize,
}

impl<'a> Sorted<'a> {
    /// Holds no copies yet; pieces take at most `most_bytes` bytes.
    pub fn new(unit: Unit, spill: &'a Spill, most_bytes: usize) -> Sorted<'a> {
        let most = (most_bytes / size_of::<(Order, CopyRecord)>()).max(1);
        Sorted { unit, spill, pieces: Vec::new(), waiting: Vec::new(), most }
    }

    /// Takes bytes of copies.
    ///
    /// # Errors
    /// The disk fails.
    pub fn add(&mut self, bytes: &[u8]) -> Result<()> {
        for copy in bytes.as_chunks::<{ CopyRecord::BYTES }>().0 {
            let copy = CopyRecord::from_bytes(copy);
            self.waiting.push((order(&copy, self.unit), copy));
            if self.waiting.len() >= self.most {
                self.set_aside()?;
            }
        }
        Ok(())
    }

    fn set_aside(&mut self) -> Result<()> {
        signals::check()?;
        self.waiting.sort_unstable_by_key(|(key, _)| *key);
        let mut bytes = Vec::with_capacity(self.waiting.len() * CopyRecord::BYTES);
        self.waiting.drain(..).for_each(|(_, copy)| bytes.extend_from_slice(&copy.to_bytes()));
        self.pieces.push(self.spill.put(&bytes)?);
        Ok(())
    }

    /// Hands on the copies that lost; returns the largest distance in days between two of a group.
    ///
    /// # Errors
    /// The disk fails, or `lost` fails.
    pub fn losers(mut self, lost: &mut dyn FnMut(&CopyRecord) -> Result<()>) -> Result<Between> {
        if !self.waiting.is_empty() {
            self.set_aside()?;
        }
        self.waiting = Vec::new();
        let mut pieces: Vec<SortedPiece> = self.pieces.iter().map(|place| SortedPiece::of(*place)).collect();
        let mut heads = BinaryHeap::new();
        for (index, piece) in pieces.iter_mut().enumerate() {
            heads
                .extend(piece.next(self.spill)?.map(|copy| Reverse((order(&copy, self.unit), index, KeyedCopy(copy)))));
        }
        let mut choice = Choice::new(self.unit);
        while let Some(Reverse((_, index, KeyedCopy(copy)))) = heads.pop() {
            let next = pieces[index].next(self.spill)?;
            heads.extend(next.map(|copy| Reverse((order(&copy, self.unit), index, KeyedCopy(copy)))));
            choice.next(&copy, lost)?;
        }
        choice.finish(lost)
    }
}

/// A copy that is ordered by its key alone.
struct KeyedCopy(CopyRecord);

impl PartialEq for KeyedCopy {
    fn eq(&self, _: &KeyedCopy) -> bool {
        true
    }
}

impl Eq for KeyedCopy {}

impl PartialOrd for KeyedCopy {
    fn partial_cmp(&self, other: &KeyedCopy) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for KeyedCopy {
    fn cmp(&self, _: &KeyedCopy) -> std::cmp::Ordering {
        std::cmp::Ordering::Equal
    }
}

/// A sorted piece that is read back.
struct SortedPiece {
    place: SpillRange,
    read: usize,
    bytes: Vec<u8>,
    at: usize,
}

impl SortedPiece {
    fn of(place: SpillRange) -> SortedPiece {
        SortedPiece { place, read: 0, bytes: Vec::new(), at: 0 }
    }

    fn next(&mut self, spill: &Spill) -> Result<Option<CopyRecord>> {
        if self.at == self.bytes.len() {
            signals::check()?;
            let length = STEP.min(self.place.bytes() - self.read);
            self.bytes.resize(length, 0);
            spill.read(self.place, self.read, &mut self.bytes)?;
            (self.read, self.at) = (self.read + length, 0);
        }
        let copy = self.bytes[self.at..].first_chunk::<{ CopyRecord::BYTES }>().map(CopyRecord::from_bytes);
        self.at += if copy.is_some() { CopyRecord::BYTES } else { 0 };
        Ok(copy)
    }
}
