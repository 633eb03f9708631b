//! The copies of one thread that are in memory, ordered by part of the hash space.
//!
//! Neighbouring rows belong to any of a thousand parts, so that writing each to the memory of its part would wait for
//! that memory. Copies are therefore collected as they come, and each full block is ordered by part: its reads do not wait
//! for each other, and its writes are in sequence. Nothing here fails; reading copies that are not yet ordered panics.

use super::{PART_BITS, PARTS};
use vtr_columnar::judge::CopyRecord;

/// The copies of a block: 1.8 MB, about the second cache of a core. Ordering blocks took 16 % of the CPU from a run of
/// 3 million rows into `vtr_weekly`, and 50 of its 295 MB (Intel Xeon, two threads, 2026-11-29).
const BLOCK: usize = 1 << 15;

/// Copies in memory.
#[derive(Default)]
pub struct Held {
    /// Those not yet ordered, as they came. They are kept as words, because copying bytes that were just written as
    /// words would wait for these.
    collected: Vec<[u64; CopyRecord::BYTES / 8]>,
    blocks: Vec<Block>,
}

/// Copies ordered by part.
struct Block {
    copies: Vec<u8>,
    /// For each part, where its copies end, counted in copies.
    ends: Vec<u32>,
}

impl Held {
    /// Takes a copy over.
    pub fn add(&mut self, copy: &CopyRecord) {
        self.collected.push(copy.to_words());
        if self.collected.len() == BLOCK {
            self.order();
        }
    }

    /// Orders what was collected since the last block, so that it can be read.
    pub fn order(&mut self) {
        if !self.collected.is_empty() {
            self.blocks.push(Block::of(&self.collected));
            self.collected.clear();
        }
    }

    /// Drops all copies.
    pub fn clear(&mut self) {
        self.collected.clear();
        self.blocks.clear();
    }

    /// Returns the copies of a part, in pieces.
    ///
    /// # Panics
    /// If copies were added and not ordered.
    pub fn of(&self, part: usize) -> impl Iterator<Item = &[u8]> {
        assert!(self.collected.is_empty(), "copies are ordered before they are read");
        self.blocks.iter().map(move |block| block.of_part(part)).filter(|piece| !piece.is_empty())
    }
}

impl Block {
    fn of(copies: &[[u64; CopyRecord::BYTES / 8]]) -> Block {
        let part = |copy: &[u64; CopyRecord::BYTES / 8]| (copy[0] >> (u64::BITS - PART_BITS)) as usize;
        let mut places = vec![0u32; PARTS];
        copies.iter().for_each(|copy| places[part(copy)] += 1);
        let mut first = 0;
        for place in &mut places {
            (*place, first) = (first, first + *place);
        }
        let mut order = vec![0u32; copies.len()];
        for (at, copy) in (0..).zip(copies) {
            let place = &mut places[part(copy)];
            order[*place as usize] = at;
            *place += 1;
        }
        let mut ordered = Vec::with_capacity(copies.len() * CopyRecord::BYTES);
        let bytes = |at: &u32| copies[*at as usize].map(u64::to_le_bytes);
        order.iter().for_each(|at| ordered.extend_from_slice(bytes(at).as_flattened()));
        // Each place has moved from the first copy of its part to the end.
        Block { copies: ordered, ends: places }
    }

    fn of_part(&self, part: usize) -> &[u8] {
        let first = part.checked_sub(1).map_or(0, |before| self.ends[before]) as usize;
        &self.copies[first * CopyRecord::BYTES..self.ends[part] as usize * CopyRecord::BYTES]
    }
}
