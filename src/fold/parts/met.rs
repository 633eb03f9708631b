//! Which copies may meet another: nearly all rows have none, and need not be looked at again.
//!
//! It looks at hashes alone. What it lets pass may still be alone; what it holds back surely is. Nothing fails.

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch};

/// Slots for each hash: one in so many of those that are alone passes all the same.
const SLOTS: u64 = 16;

/// Slots of hashes, and whether one or several fell into each.
pub struct Met {
    once: Vec<u64>,
    again: Vec<u64>,
    /// Bits by which a hash is shifted to the left, since those of a bucket begin alike, and then to the right.
    shifts: (u32, u32),
}

impl Met {
    /// For about so many hashes of one of so many buckets, in at most so many bytes.
    pub fn of(hashes: u64, buckets: u32, most_bytes: usize) -> Met {
        // A slot takes two bits.
        let most = (most_bytes as u64).saturating_mul(4).max(64);
        let slots = hashes.saturating_mul(SLOTS).clamp(64, most);
        let bits = slots.next_power_of_two().trailing_zeros().min(48);
        let bits = if 1 << bits > most { bits - 1 } else { bits };
        let words = vec![0; (1usize << bits) / 64];
        Met { once: words.clone(), again: words, shifts: (buckets.max(1).ilog2(), u64::BITS - bits) }
    }

    fn slot(&self, identity: &[u8]) -> (usize, u64) {
        let hash = u64::from_be_bytes(*identity.first_chunk().unwrap_or(&[0; 8]));
        let slot = (hash << self.shifts.0) >> self.shifts.1;
        ((slot / 64) as usize, 1 << (slot % 64))
    }

    /// Sees the identities of a batch, its first column.
    pub fn see(&mut self, batch: &RecordBatch) {
        let Some(identities) = batch.column(0).as_fixed_size_binary_opt() else { return };
        for row in 0..identities.len() {
            let (word, bit) = self.slot(identities.value(row));
            self.again[word] |= self.once[word] & bit;
            self.once[word] |= bit;
        }
    }

    /// Which rows of a batch may meet others, and whether any may.
    pub fn passing(&self, batch: &RecordBatch) -> (BooleanArray, bool) {
        let Some(identities) = batch.column(0).as_fixed_size_binary_opt() else {
            return (BooleanArray::from(vec![true; batch.num_rows()]), true);
        };
        let passes = |row: usize| {
            let (word, bit) = self.slot(identities.value(row));
            self.again[word] & bit != 0
        };
        let passing: BooleanArray = (0..identities.len()).map(|row| Some(passes(row))).collect();
        let any = passing.true_count() > 0;
        (passing, any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, FixedSizeBinaryArray};
    use std::sync::Arc;

    #[test]
    fn all_that_meet_pass_and_hardly_any_that_are_alone() {
        let identity = |of: u64| {
            let hash = blake3::hash(&of.to_le_bytes());
            hash.as_bytes().first_chunk::<16>().copied().unwrap_or_default()
        };
        let batch = |of: std::ops::Range<u64>| {
            let bytes: Vec<[u8; 16]> = of.map(identity).collect();
            let array: ArrayRef = Arc::new(FixedSizeBinaryArray::try_from_iter(bytes.into_iter()).unwrap());
            RecordBatch::try_from_iter([("identity", array)]).unwrap()
        };
        let (first, second) = (batch(0..10_000), batch(9_900..20_000));
        for (most_bytes, most_alone) in [(1 << 20, 1_000), (2_000, 10_000), (0, 10_000)] {
            let mut met = Met::of(20_000, 1, most_bytes);
            met.see(&first);
            met.see(&second);
            let (passing, any) = met.passing(&first);
            assert!(any && (9_900..10_000).all(|row| passing.value(row)));
            assert!(passing.true_count() <= most_alone, "{}", passing.true_count());
        }
        let mut met = Met::of(10_000, 3, 1 << 20);
        met.see(&first);
        assert!(met.passing(&first).0.true_count() < 1_000);
        assert_eq!(met.passing(&first).0.len(), 10_000);
    }
}
