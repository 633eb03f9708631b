//! The packed rows of a note: each field takes as many bits as the rows of its group need.
//!
//! A row is packed without its key, which is kept apart, and with a checksum of its own, so that any row can be read
//! alone. Fields are counted from their least value, and versions in their greatest common unit. Nothing is chosen
//! here. Rows that would take too many bits, or bytes that do not match their checksum, are `None`.

use super::form::{OF_PACKAGE, Row};
use serde::{Deserialize, Serialize};
use vtr_columnar::fold::noted_check;
use vtr_columnar::judge::NotedCell;

/// The bits of the hashes of order and package that are not in the key: 16 and 49.
const HASH_BITS: u32 = 65;
/// The bits of the package's hash that are in the key.
const KEY_BITS: u32 = OF_PACKAGE.count_ones() - 1;
/// The most bits of a version: one more than it has, because the lowest number says that there is none.
const MOST_VERSION_BITS: u32 = 65;
/// The most bits of a cell; with less than a byte that waits they fit a word.
const MOST_CELL_BITS: u32 = 120;
/// The bytes of a row's checksum.
const CHECK: usize = 4;
/// The version of a row without one.
const NO_VERSION: i64 = i64::MIN;
/// The most bytes of a row.
pub const MOST: usize = (HASH_BITS + MOST_VERSION_BITS + u32::BITS + MOST_CELL_BITS).div_ceil(8) as usize + CHECK;

/// The number of bits and the least value of each field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packing {
    least_version: i64,
    unit: u64,
    versions: u32,
    places: u32,
    cells: [Field; NotedCell::FIELDS],
}

/// A field of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Field {
    least: u32,
    bits: u32,
}

fn bits_of(most: u128) -> u32 {
    u128::BITS - most.leading_zeros()
}

fn greatest_common(mut a: u64, mut b: u64) -> u64 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

impl Packing {
    /// Returns the packing that these rows need; `None` if their cells take too many bits.
    pub fn of(rows: &[Row]) -> Option<Packing> {
        let versions = || rows.iter().map(|row| row.version).filter(|version| *version != NO_VERSION);
        let least_version = versions().min().unwrap_or(0);
        let (mut unit, mut most) = (0, 0);
        for version in versions() {
            let above = version.wrapping_sub(least_version) as u64;
            most = above.max(most);
            if unit != 1 && !(above == 0 || unit > 0 && above.is_multiple_of(unit)) {
                unit = greatest_common(unit, above);
            }
        }
        let unit = unit.max(1);
        let mut bounds = [(u32::MAX, 0); NotedCell::FIELDS];
        for row in rows {
            for ((least, most), field) in bounds.iter_mut().zip(row.cell.fields()) {
                (*least, *most) = (field.min(*least), field.max(*most));
            }
        }
        let field = |(least, most): (u32, u32)| {
            let least = least.min(most);
            Field { least, bits: bits_of(u128::from(most - least)) }
        };
        let place = rows.iter().map(|row| row.place).max().unwrap_or(0);
        let packing = Packing {
            least_version,
            unit,
            versions: bits_of(u128::from(most / unit) + 1),
            places: bits_of(place.into()),
            cells: bounds.map(field),
        };
        packing.is_sound().then_some(packing)
    }

    /// Returns whether rows can be packed so; it need not be asked of a packing that was made here.
    pub fn is_sound(&self) -> bool {
        self.versions <= MOST_VERSION_BITS
            && self.places <= u32::BITS
            && self.cells.iter().all(|field| field.bits <= u32::BITS)
            && self.cell_bits() <= MOST_CELL_BITS
    }

    fn cell_bits(&self) -> u32 {
        self.cells.iter().map(|field| field.bits).sum()
    }

    /// Returns the bytes of a row, its checksum included.
    pub fn row_bytes(&self) -> usize {
        (HASH_BITS + self.versions + self.places + self.cell_bits()).div_ceil(8) as usize + CHECK
    }

    /// Returns the bytes of a cell.
    pub fn cell_bytes(&self) -> usize {
        self.cell_bits().div_ceil(8) as usize
    }

    /// Packs a cell; packed cells have the order of cells.
    #[inline]
    pub fn cell(&self, cell: &NotedCell) -> u128 {
        let fields = self.cells.iter().zip(cell.fields());
        fields.fold(0, |packed, (field, value)| packed << field.bits | u128::from(value - field.least))
    }

    /// Unpacks a cell; `None` if no program packed it.
    pub fn cell_of(&self, packed: u128) -> Option<NotedCell> {
        let (mut fields, mut rest) = ([0; NotedCell::FIELDS], packed);
        for (value, field) in fields.iter_mut().zip(&self.cells).rev() {
            *value = field.least.checked_add((rest & ((1 << field.bits) - 1)) as u32)?;
            rest >>= field.bits;
        }
        NotedCell::from_fields(fields)
    }

    fn version(&self, version: i64) -> u128 {
        if version == NO_VERSION {
            return 0;
        }
        u128::from(version.wrapping_sub(self.least_version) as u64 / self.unit) + 1
    }

    fn version_of(&self, packed: u128) -> i64 {
        let above = packed.checked_sub(1).map(|units| self.unit.wrapping_mul(units as u64));
        above.map_or(NO_VERSION, |above| self.least_version.wrapping_add(above as i64))
    }

    /// Appends a packed row.
    pub fn write(&self, row: &Row, rank: u32, into: &mut Vec<u8>) {
        let mut bits = Bits::default();
        bits.push(row.hash.1 >> KEY_BITS, HASH_BITS - 16);
        bits.push(u64::from(row.hash.0 as u16), 16);
        let version = self.version(row.version);
        bits.push(version as u64, self.versions.min(u64::BITS));
        bits.push((version >> u64::BITS) as u64, self.versions.saturating_sub(u64::BITS));
        bits.push(row.place.into(), self.places);
        // The last field first, so that a reader takes them out of one number.
        for (field, value) in self.cells.iter().zip(row.cell.fields()).rev() {
            bits.push((value - field.least).into(), field.bits);
        }
        let bytes = &bits.finish()[..self.row_bytes() - CHECK];
        into.extend_from_slice(bytes);
        into.extend_from_slice(&(noted_check(rank, bytes) as u32).to_le_bytes());
    }

    /// Reads a row by its key, its rank and its bytes.
    pub fn read(&self, key: u64, rank: u32, bytes: &[u8]) -> Option<Row> {
        let (bytes, wanted) = bytes.split_last_chunk::<CHECK>()?;
        if noted_check(rank, bytes) as u32 != u32::from_le_bytes(*wanted) {
            return None;
        }
        let mut from = 0;
        let mut take = |bits: u32| {
            let taken = taken(bytes, from, bits);
            from += bits as usize;
            taken
        };
        let hash = take(HASH_BITS);
        let (version, place) = (take(self.versions), take(self.places) as u32);
        let low = (hash >> (HASH_BITS - 16)) as u16;
        let in_key = (key & OF_PACKAGE) >> 1;
        Some(Row {
            hash: ((key & !OF_PACKAGE) | u64::from(low), (hash as u64) << KEY_BITS | in_key),
            version: self.version_of(version),
            place,
            cell: self.cell_of(take(self.cell_bits()))?,
        })
    }
}

/// Bits on their way into bytes, the lowest first.
struct Bits {
    waiting: u64,
    /// Fewer than 32.
    count: u32,
    words: [u32; MOST.div_ceil(4) + 1],
    written: usize,
}

impl Default for Bits {
    fn default() -> Bits {
        Bits { waiting: 0, count: 0, words: [0; MOST.div_ceil(4) + 1], written: 0 }
    }
}

impl Bits {
    #[inline(always)]
    fn push(&mut self, value: u64, bits: u32) {
        let low = bits.min(32);
        self.push_few(value & 0xffff_ffff, low);
        if bits > low {
            self.push_few(value >> 32, bits - low);
        }
    }

    #[inline(always)]
    fn push_few(&mut self, value: u64, bits: u32) {
        self.waiting |= value << self.count;
        self.count += bits;
        if self.count >= 32 {
            self.words[self.written] = self.waiting as u32;
            self.written += 1;
            self.waiting >>= 32;
            self.count -= 32;
        }
    }

    #[inline]
    fn finish(mut self) -> [u8; 4 * (MOST.div_ceil(4) + 1)] {
        self.words[self.written] = self.waiting as u32;
        let mut bytes = [0; 4 * (MOST.div_ceil(4) + 1)];
        for (bytes, word) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(self.words) {
            *bytes = word.to_le_bytes();
        }
        bytes
    }
}

/// Returns bits of bytes; those behind the end are zeros.
fn taken(bytes: &[u8], from: usize, bits: u32) -> u128 {
    let bytes = bytes.get(from / 8..).unwrap_or_default();
    let low = (0..).zip(bytes).take(16).fold(0, |low, (at, byte)| low | u128::from(*byte) << (8 * at));
    (low >> (from % 8)) & ((1 << bits) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn row((hash, version, place, fields): ((u64, u64), i64, u32, [u16; 3])) -> Row {
        let [seller, category, told] = fields.map(u32::from);
        let fields = [20_000 + place % 40, seller, category, 7, 3, 1, told % 256];
        Row { hash, version, place, cell: NotedCell::from_fields(fields).unwrap() }
    }

    proptest! {
        #[test]
        fn rows_are_read_as_they_were_written(
            rows in proptest::collection::vec(
                ((any::<u64>(), any::<u64>()), prop_oneof![Just(i64::MIN), Just(i64::MAX), any::<i64>(), 0..9_000i64],
                 any::<u32>(), any::<[u16; 3]>()), 0..40),
            unit in prop_oneof![Just(1), Just(1_000_000i64)],
        ) {
            let rows: Vec<Row> = rows.into_iter().map(row).map(|row| match row.version {
                version @ 0..9_000 => Row { version: version * unit, ..row },
                _ => row,
            }).collect();
            let packing = Packing::of(&rows).unwrap();
            let again: Packing = serde_json::from_str(&serde_json::to_string(&packing).unwrap()).unwrap();
            prop_assert_eq!(&again, &packing);
            let mut bytes = Vec::new();
            (0..).zip(&rows).for_each(|(rank, row)| packing.write(row, rank, &mut bytes));
            prop_assert_eq!(bytes.len(), rows.len() * packing.row_bytes());
            prop_assert!(packing.row_bytes() <= MOST);
            for ((rank, row), bytes) in (0..).zip(&rows).zip(bytes.chunks(packing.row_bytes())) {
                prop_assert_eq!(packing.read(row.key(), rank, bytes), Some(*row));
                prop_assert_eq!(packing.read(row.key(), rank + 1, bytes), None);
                for at in 0..bytes.len() {
                    let mut damaged = bytes.to_vec();
                    damaged[at] ^= 1 << (at % 8);
                    prop_assert_eq!(packing.read(row.key(), rank, &damaged), None);
                }
            }
            for pair in rows.windows(2) {
                prop_assert_eq!(pair[0].cell.cmp(&pair[1].cell), packing.cell(&pair[0].cell).cmp(&packing.cell(&pair[1].cell)));
            }
        }
    }

    #[test]
    fn whole_seconds_take_the_bits_of_seconds() {
        let rows = |unit: i64| -> Vec<Row> {
            let row = |at: u32| row(((7, 9), 1_700_000_000_000_000 + i64::from(at) * unit, at, [1, 2, 3]));
            (0..1_000).map(row).collect()
        };
        let (seconds, micros) = (Packing::of(&rows(1_000_000)).unwrap(), Packing::of(&rows(1_000_003)).unwrap());
        assert_eq!((seconds.unit, seconds.versions), (1_000_000, 10));
        assert_eq!((micros.unit, micros.versions), (1_000_003, 10));
        let odd = [rows(1_000_000), rows(1_000_003)].concat();
        let odd = Packing::of(&odd).unwrap();
        assert_eq!((odd.unit, odd.versions), (1, 30));
    }

    #[test]
    fn a_packing_that_nobody_made_is_not_sound() {
        let packing = Packing::of(&[row(((1, 2), 3, 4, [5, 6, 7]))]).unwrap();
        assert!(packing.is_sound());
        let wide = Packing { cells: [Field { least: 0, bits: 20 }; NotedCell::FIELDS], ..packing.clone() };
        let many = Packing { versions: 66, ..packing.clone() };
        assert!(!wide.is_sound() && !many.is_sound());
        let far = Packing { cells: [Field { least: u32::MAX, bits: 3 }; NotedCell::FIELDS], ..packing };
        assert_eq!(far.cell_of(1), None);
    }
}
