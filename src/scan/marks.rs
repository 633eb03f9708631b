//! The positions of the bytes in a text that can end a cell.
//!
//! The text is scanned once, sixty-four bytes at a time, without a branch for any byte; the caller that cuts it then
//! goes from mark to mark. It knows nothing of records and cannot fail.

/// Bytes that are compared together.
const BLOCK: usize = 64;

/// The positions of four bytes in a text, in order.
pub(crate) struct Marks {
    bytes: [u8; 4],
    /// The first `count` are positions; behind them is room.
    places: Vec<usize>,
    count: usize,
    /// The first position that was not passed.
    next: usize,
    length: usize,
    has_nul: bool,
}

impl Marks {
    /// Marks without a text; a byte may be given twice.
    pub fn of(bytes: [u8; 4]) -> Marks {
        Marks { bytes, places: Vec::new(), count: 0, next: 0, length: 0, has_nul: false }
    }

    /// Scans a text in place of the one before.
    pub fn look(&mut self, text: &[u8]) {
        (self.next, self.length, self.count) = (0, text.len(), 0);
        let (blocks, rest) = text.as_chunks::<BLOCK>();
        let mut nuls = 0;
        for (index, block) in blocks.iter().enumerate() {
            nuls |= block.iter().fold(0, |nuls, byte| nuls | u8::from(*byte == 0));
            self.take(index * BLOCK, found(block, self.bytes));
        }
        let mut last = [0; BLOCK];
        last[..rest.len()].copy_from_slice(rest);
        let of_rest = (1u64 << rest.len()) - 1;
        self.take(text.len() - rest.len(), found(&last, self.bytes) & of_rest);
        self.has_nul = nuls != 0 || rest.contains(&0);
    }

    /// Takes the marks of a block. Positions are written by eights, also behind the last mark, because how many a block
    /// has is hard to predict.
    #[inline]
    fn take(&mut self, from: usize, mut found: u64) {
        if self.places.len() < self.count + BLOCK {
            self.places.resize(2 * self.places.len() + BLOCK, 0);
        }
        let more = found.count_ones() as usize;
        let (eights, _) = self.places[self.count..self.count + BLOCK].as_chunks_mut::<8>();
        for eight in eights.iter_mut().take(more.div_ceil(8)) {
            for place in eight {
                *place = from + found.trailing_zeros() as usize;
                found &= found.wrapping_sub(1);
            }
        }
        self.count += more;
    }

    /// Returns whether the text has a NUL character.
    pub fn has_nul(&self) -> bool {
        self.has_nul
    }

    /// Goes to a position, which may be before the passed ones.
    pub fn go_to(&mut self, place: usize) {
        self.next = self.places[..self.count].partition_point(|found| *found < place);
    }

    /// Returns the first mark at or after a position, or the text's length. The position is never one that was passed.
    #[inline]
    pub fn after(&mut self, place: usize) -> usize {
        while let Some(found) = self.places[..self.count].get(self.next) {
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
            prop_assert_eq!(marks.has_nul(), text.contains(&0));
            for place in 0..text.len() {
                marks.go_to(place);
                let next = text[place..].iter().position(|byte| [0, 1, 3].contains(byte));
                prop_assert_eq!(marks.after(place), next.map_or(text.len(), |next| place + next));
            }
        }
    }
}
