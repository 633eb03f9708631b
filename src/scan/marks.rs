//! The positions of the bytes in a text that can end a cell.
//!
//! The text is scanned once, sixty-four bytes at a time, without a branch for any byte; the caller that cuts it then
//! goes from mark to mark. It knows nothing of records and cannot fail.

/// Bytes that are compared together.
const BLOCK: usize = 64;

/// The positions of four bytes in a text, in order.
pub(crate) struct Marks {
    bytes: [u8; 4],
    places: Vec<usize>,
    /// The first position that was not passed.
    next: usize,
    length: usize,
}

impl Marks {
    /// Marks without a text; a byte may be given twice.
    pub fn of(bytes: [u8; 4]) -> Marks {
        Marks { bytes, places: Vec::new(), next: 0, length: 0 }
    }

    /// Scans a text in place of the one before.
    pub fn look(&mut self, text: &[u8]) {
        self.places.clear();
        (self.next, self.length) = (0, text.len());
        let (blocks, rest) = text.as_chunks::<BLOCK>();
        for (index, block) in blocks.iter().enumerate() {
            let mut found = found(block, self.bytes);
            while found != 0 {
                self.places.push(index * BLOCK + found.trailing_zeros() as usize);
                found &= found - 1;
            }
        }
        let from = text.len() - rest.len();
        self.places.extend((from..text.len()).filter(|place| self.bytes.contains(&text[*place])));
    }

    /// Goes to a position, which may be before the passed ones.
    pub fn go_to(&mut self, place: usize) {
        self.next = self.places.partition_point(|found| *found < place);
    }

    /// Returns the first mark at or after a position, or the text's length. The position is never one that was passed.
    #[inline]
    pub fn after(&mut self, place: usize) -> usize {
        while let Some(found) = self.places.get(self.next) {
            if *found >= place {
                return *found;
            }
            self.next += 1;
        }
        self.length
    }
}

/// Returns which bytes of a block are one of four, the first as the lowest bit.
#[inline]
fn found(block: &[u8; BLOCK], [a, b, c, d]: [u8; 4]) -> u64 {
    let hits = block.map(|byte| u8::from((byte == a) | (byte == b) | (byte == c) | (byte == d)));
    let (eights, _) = hits.as_chunks::<8>();
    // The product gathers the lowest bits of eight bytes in the highest byte.
    let bits = |eight: &[u8; 8]| u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
    eights.iter().enumerate().fold(0, |found, (index, eight)| found | bits(eight) << (8 * index))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn marks_are_where_the_bytes_are(text in proptest::collection::vec(0u8..6, 0..300)) {
            let mut marks = Marks::of([0, 1, 1, 3]);
            marks.look(&text);
            let mut at = 0;
            for (place, byte) in text.iter().enumerate() {
                if [0, 1, 3].contains(byte) {
                    prop_assert_eq!(marks.after(at), place);
                    at = place + 1;
                }
            }
            prop_assert_eq!(marks.after(at), text.len());
        }
    }
}
