//! Thrift's compact protocol, as far as walking over Parquet's headers needs it.
//!
//! It allocates nothing and follows no length beyond the available bytes; the decoder cannot be trusted with either.
//! Every step fails with `None` if the bytes end or are not Thrift.

/// Bytes that are walked over.
pub(crate) struct Thrift<'a> {
    bytes: &'a [u8],
    whole: usize,
}

const BOOLS: [u8; 2] = [1, 2];
const BYTE: u8 = 3;
const INTEGERS: [u8; 3] = [4, 5, 6];
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const MAP: u8 = 11;
/// The type code of a structure.
pub(crate) const STRUCT: u8 = 12;
const UUID: u8 = 13;
/// The deepest nesting; no valid header is deeper.
const DEPTH: u8 = 16;

/// Returns whether a type code is a list or a set.
pub(crate) fn is_list(kind: u8) -> bool {
    matches!(kind, 9 | 10)
}

/// The fields of one structure, one after the other.
#[derive(Default)]
pub(crate) struct Fields {
    last: i64,
}

impl Fields {
    /// Returns number and type code of the next field; the inner `None` is the structure's end.
    pub fn next(&mut self, thrift: &mut Thrift) -> Option<Option<(i64, u8)>> {
        let head = thrift.byte()?;
        if head == 0 {
            return Some(None);
        }
        self.last = if head >> 4 == 0 { thrift.zigzag()? } else { self.last + i64::from(head >> 4) };
        Some(Some((self.last, head & 15)))
    }
}

impl<'a> Thrift<'a> {
    /// Begins at the first byte.
    pub fn new(bytes: &'a [u8]) -> Thrift<'a> {
        Thrift { bytes, whole: bytes.len() }
    }

    /// Returns the bytes walked over so far.
    pub fn walked(&self) -> usize {
        self.whole - self.bytes.len()
    }

    /// Passes over a field's value. Flags are in the field's head.
    pub fn skip_field(&mut self, kind: u8) -> Option<()> {
        if BOOLS.contains(&kind) { Some(()) } else { self.skip(kind) }
    }

    /// Passes over a value in a list.
    pub fn skip(&mut self, kind: u8) -> Option<()> {
        self.skip_to(kind, DEPTH)
    }

    /// Returns type code and number of a list's values.
    pub fn list(&mut self) -> Option<(u8, u64)> {
        let head = self.byte()?;
        let length = if head >> 4 == 15 { self.varint()? } else { u64::from(head >> 4) };
        // Every value takes at least one byte.
        (length <= self.bytes.len() as u64).then_some((head & 15, length))
    }

    /// Reads a signed number.
    pub fn zigzag(&mut self) -> Option<i64> {
        let value = self.varint()?;
        Some((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    fn skip_to(&mut self, kind: u8, depth: u8) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        match kind {
            BYTE => self.pass(1),
            _ if BOOLS.contains(&kind) => self.pass(1),
            _ if INTEGERS.contains(&kind) => self.varint().map(|_| ()),
            DOUBLE => self.pass(8),
            UUID => self.pass(16),
            BINARY => {
                let length = self.varint()?;
                self.pass(length)
            }
            _ if is_list(kind) => {
                let (kind, length) = self.list()?;
                (0..length).try_for_each(|_| self.skip_to(kind, depth))
            }
            MAP => {
                let length = self.varint()?;
                if length == 0 {
                    return Some(());
                }
                let kinds = self.byte()?;
                (0..length)
                    .try_for_each(|_| self.skip_to(kinds >> 4, depth).and_then(|()| self.skip_to(kinds & 15, depth)))
            }
            STRUCT => {
                let mut fields = Fields::default();
                while let Some((_, kind)) = fields.next(self)? {
                    if !BOOLS.contains(&kind) {
                        self.skip_to(kind, depth)?;
                    }
                }
                Some(())
            }
            _ => None,
        }
    }

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(*first)
    }

    fn pass(&mut self, length: u64) -> Option<()> {
        self.bytes = self.bytes.get(usize::try_from(length).ok()?..)?;
        Some(())
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }
}
