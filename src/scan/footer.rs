//! The footer of a Parquet file: its bytes, their digest, and whether anything is encrypted.
//!
//! It decodes nothing of the data and trusts no length before it was compared with the file's size.
//! It fails, with the reason only, on what is no Parquet file, is cut off or is encrypted.

use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataOptions, ParquetMetaDataReader};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

const MAGIC: &[u8; 4] = b"PAR1";
const ENCRYPTED: &[u8; 4] = b"PARE";
/// Length and magic behind the metadata.
const TAIL: u64 = 8;

/// A footer that was read.
pub(super) struct Footer {
    /// What it says.
    pub metadata: ParquetMetaData,
    /// SHA-256 in hex of the file's size and of the footer's bytes.
    pub digest: String,
}

/// Reads the footer of a file.
///
/// # Errors
/// Why it is none.
pub(super) fn read(file: &mut File, size: u64, options: &ParquetMetaDataOptions) -> Result<Footer, String> {
    let bytes = bytes(file, size).map_err(|error| match error {
        Trouble::Says(what) => what,
        Trouble::Io(error) => format!("cannot be read: {error}"),
    })?;
    let metadata = &bytes[..bytes.len() - TAIL as usize];
    if (Thrift { bytes: metadata }).names_a_key(Level::File) == Some(true) {
        return Err("is encrypted; write it without encryption".to_owned());
    }
    let decoded =
        super::parquet::guarded(|| ParquetMetaDataReader::decode_metadata_with_options(metadata, Some(options)));
    let mut hash = Sha256::new();
    hash.update(size.to_le_bytes());
    hash.update(&bytes);
    Ok(Footer {
        metadata: decoded.map_err(|error| format!("has a damaged footer ({error}); write the file again"))?,
        digest: super::hex(&hash.finalize()),
    })
}

enum Trouble {
    Says(String),
    Io(std::io::Error),
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        Trouble::Io(error)
    }
}

/// The metadata with length and magic behind.
fn bytes(file: &mut File, size: u64) -> Result<Vec<u8>, Trouble> {
    let says = |what: &str| Err(Trouble::Says(what.to_owned()));
    if size < TAIL + MAGIC.len() as u64 {
        return says("is too short for a Parquet file: it is empty or cut off");
    }
    let mut head = [0; 4];
    file.seek(SeekFrom::Start(0))?;
    file.read_exact(&mut head)?;
    let mut tail = [0; TAIL as usize];
    file.seek(SeekFrom::Start(size - TAIL))?;
    file.read_exact(&mut tail)?;
    let (length, magic) = tail.split_at(4);
    if magic == ENCRYPTED {
        return says("is encrypted; write it without encryption");
    }
    if magic != MAGIC {
        let cut = "has no Parquet mark at its end: it was cut off, or its writer did not finish. Get it again";
        return says(if head == *MAGIC { cut } else { "is no Parquet file" });
    }
    if head != *MAGIC {
        return says("has no Parquet mark at its beginning: it is damaged. Get it again");
    }
    let length = u64::from(u32::from_le_bytes([length[0], length[1], length[2], length[3]]));
    if length + TAIL + MAGIC.len() as u64 > size {
        return says("names a footer longer than the file: it is damaged or cut off. Get it again");
    }
    let mut bytes = vec![0; (length + TAIL) as usize];
    file.seek(SeekFrom::Start(size - TAIL - length))?;
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Thrift's compact protocol, as far as it takes to pass over what is not asked for.
struct Thrift<'a> {
    bytes: &'a [u8],
}

/// Whose fields are walked.
#[derive(Clone, Copy, PartialEq)]
enum Level {
    File,
    RowGroup,
    ColumnChunk,
}

const BOOLS: [u8; 2] = [1, 2];
const BYTE: u8 = 3;
const INTEGERS: [u8; 3] = [4, 5, 6];
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const LISTS: [u8; 2] = [9, 10];
const MAP: u8 = 11;
const STRUCT: u8 = 12;
/// Nesting beyond this is nothing that a footer holds.
const DEPTH: u8 = 16;

impl Thrift<'_> {
    /// Whether a key or a cipher is named (fields 8 and 9 of a file and of a column chunk); `None`:
    /// the bytes are damaged.
    fn names_a_key(&mut self, level: Level) -> Option<bool> {
        let mut field = 0i64;
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Some(false);
            }
            let kind = head & 15;
            field = if head >> 4 == 0 { self.zigzag()? } else { field + i64::from(head >> 4) };
            let below = match (level, field) {
                (Level::File | Level::ColumnChunk, 8 | 9) => return Some(true),
                (Level::File, 4) => Some(Level::RowGroup),
                (Level::RowGroup, 1) => Some(Level::ColumnChunk),
                _ => None,
            };
            match below {
                Some(below) if LISTS.contains(&kind) => {
                    let (kind, length) = self.list()?;
                    for _ in 0..length {
                        if kind != STRUCT {
                            self.skip(kind, DEPTH)?;
                        } else if self.names_a_key(below)? {
                            return Some(true);
                        }
                    }
                }
                _ if BOOLS.contains(&kind) => {}
                _ => self.skip(kind, DEPTH)?,
            }
        }
    }

    fn skip(&mut self, kind: u8, depth: u8) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        match kind {
            BYTE => self.pass(1),
            _ if BOOLS.contains(&kind) => self.pass(1),
            _ if INTEGERS.contains(&kind) => self.varint().map(|_| ()),
            DOUBLE => self.pass(8),
            BINARY => {
                let length = self.varint()?;
                self.pass(length)
            }
            _ if LISTS.contains(&kind) => {
                let (kind, length) = self.list()?;
                (0..length).try_for_each(|_| self.skip(kind, depth))
            }
            MAP => {
                let length = self.varint()?;
                if length == 0 {
                    return Some(());
                }
                let kinds = self.byte()?;
                (0..length).try_for_each(|_| self.skip(kinds >> 4, depth).and_then(|()| self.skip(kinds & 15, depth)))
            }
            STRUCT => loop {
                let head = self.byte()?;
                if head == 0 {
                    return Some(());
                }
                if head >> 4 == 0 {
                    self.varint()?;
                }
                if !BOOLS.contains(&(head & 15)) {
                    self.skip(head & 15, depth)?;
                }
            },
            _ => None,
        }
    }

    fn list(&mut self) -> Option<(u8, u64)> {
        let head = self.byte()?;
        let length = if head >> 4 == 15 { self.varint()? } else { u64::from(head >> 4) };
        Some((head & 15, length))
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

    fn zigzag(&mut self) -> Option<i64> {
        let value = self.varint()?;
        Some((value >> 1) as i64 ^ -((value & 1) as i64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_seen_in_files_and_columns_and_nowhere_else() {
        // field 3 (i64) = 1, stop
        assert_eq!((Thrift { bytes: &[0x36, 2, 0] }).names_a_key(Level::File), Some(false));
        // field 8 (struct)
        assert_eq!((Thrift { bytes: &[0x8c, 0, 0] }).names_a_key(Level::File), Some(true));
        // field 4: list of one row group {1: list of one column chunk {8: struct}}
        let column = [0x49, 0x1c, 0x19, 0x1c, 0x8c, 0, 0, 0, 0];
        assert_eq!((Thrift { bytes: &column }).names_a_key(Level::File), Some(true));
        // the same with field 2 of the column chunk
        let column = [0x49, 0x1c, 0x19, 0x1c, 0x26, 0, 0, 0, 0];
        assert_eq!((Thrift { bytes: &column }).names_a_key(Level::File), Some(false));
        assert_eq!((Thrift { bytes: &[0x49, 0x1c] }).names_a_key(Level::File), None);
    }
}
