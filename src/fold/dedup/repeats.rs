//! Finds the hashes that occur again, among many that occur once.
//!
//! A table of places takes less time than sorting all hashes, and as much memory; only repeated hashes are sorted.
//! Nothing fails.

use super::PART_BITS;
use vtr_columnar::judge::CopyRecord;

/// A hash and its place.
type Repeated = (u64, u32);

/// The bit of a hash that was found.
const LISTED: u32 = 1 << 31;
/// The most bytes of copies among which repeats can be sought.
pub const MOST_BYTES: usize = (LISTED - 1) as usize * CopyRecord::BYTES;

/// Memory for the search, which parts use one after the other.
#[derive(Default)]
pub struct Repeats {
    hashes: Vec<u64>,
    /// 0, or the place of a hash plus one, with [`LISTED`] once it is among those found.
    table: Vec<u32>,
    found: Vec<Repeated>,
}

impl Repeats {
    /// Returns the hashes of one part that occur again among them, each with its place, by hash and place.
    pub fn among(&mut self, all: impl Iterator<Item = u64>) -> &[Repeated] {
        let Repeats { hashes, table, found } = self;
        found.clear();
        hashes.clear();
        hashes.extend(all);
        let size = (hashes.len() + hashes.len() / 2).next_power_of_two();
        table.clear();
        table.resize(size, 0);
        let mask = size - 1;
        for (place, hash) in (0..).zip(hashes.iter()) {
            // The first bits are those of the part, and so the same.
            let mut slot = hash.rotate_left(PART_BITS + size.trailing_zeros()) as usize & mask;
            loop {
                let Some(first) = (table[slot] & !LISTED).checked_sub(1) else {
                    table[slot] = place + 1;
                    break;
                };
                if hashes[first as usize] == *hash {
                    if table[slot] & LISTED == 0 {
                        found.push((*hash, first));
                        table[slot] |= LISTED;
                    }
                    found.push((*hash, place));
                    break;
                }
                slot = (slot + 1) & mask;
            }
        }
        found.sort_unstable();
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn repeats_are_those_that_sorting_finds(
            hashes in proptest::collection::vec(prop_oneof![0u64..40, (0u64..9).prop_map(|high| high << 40)], 0..200),
        ) {
            let mut sorted: Vec<Repeated> = hashes.iter().copied().zip(0..).collect();
            sorted.sort_unstable();
            let wanted: Vec<Repeated> =
                sorted.chunk_by(|a, b| a.0 == b.0).filter(|alike| alike.len() > 1).flatten().copied().collect();
            let mut repeats = Repeats::default();
            prop_assert_eq!(repeats.among(hashes.iter().copied()), &wanted);
            prop_assert_eq!(repeats.among(hashes.iter().copied().take(1)), &[]);
            prop_assert_eq!(repeats.among(hashes.iter().copied()), &wanted);
        }
    }
}
