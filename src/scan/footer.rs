//! The footer of a Parquet file: its bytes, and whether anything is encrypted.
//!
//! It decodes no data and trusts no length before it was compared with the file's size. It fails, with the reason
//! only, on a file that is not Parquet, is cut off or is encrypted.

use super::thrift::{self, Fields, Thrift};
use parquet::errors::ParquetError;
use parquet::file::metadata::{FileMetaData, ParquetMetaData, ParquetMetaDataOptions, ParquetMetaDataReader};
use parquet::file::reader::ChunkReader;

const MAGIC: &[u8; 4] = b"PAR1";
const ENCRYPTED: &[u8; 4] = b"PARE";
/// Bytes of length and magic after the metadata.
const TAIL: u64 = 8;

/// Whether the first bytes are checked although the last ones are sound.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum FirstBytes {
    /// They are checked.
    Looked,
    /// They are not checked, because that would take another request.
    Left,
}

/// Reads and parses the footer of a file.
///
/// # Errors
/// Why it is not a footer.
pub(crate) fn read(
    file: &impl ChunkReader,
    size: u64,
    head: FirstBytes,
    options: &ParquetMetaDataOptions,
) -> Result<ParquetMetaData, String> {
    let bytes = bytes(file, size, head).map_err(|error| match error {
        FooterTrouble::Says(what) => what,
        FooterTrouble::Io(error) => format!("cannot be read: {error}"),
    })?;
    let metadata = &bytes[..bytes.len() - TAIL as usize];
    match names_a_key(&mut Thrift::new(metadata), Level::File) {
        Some(false) => {}
        Some(true) => return Err("is encrypted; write it without encryption".to_owned()),
        None => return Err("has a damaged footer; write the file again".to_owned()),
    }
    let decoded =
        super::parquet::guarded(|| ParquetMetaDataReader::decode_metadata_with_options(metadata, Some(options)));
    decoded.map(with_total).map_err(|error| format!("has a damaged footer ({error}); write the file again"))
}

/// Corrects the total of rows. Some writers leave it at 0 although row groups have rows, and the decoder would believe
/// it. The total is the sum over the row groups; each of them is compared with the decoded rows.
fn with_total(metadata: ParquetMetaData) -> ParquetMetaData {
    let file = metadata.file_metadata();
    let rows = metadata.row_groups().iter().fold(0i64, |sum, group| sum.saturating_add(group.num_rows()));
    if file.num_rows() != 0 || rows <= 0 {
        return metadata;
    }
    let filled = FileMetaData::new(
        file.version(),
        rows,
        file.created_by().map(str::to_owned),
        file.key_value_metadata().cloned(),
        file.schema_descr_ptr(),
        file.column_orders().cloned(),
    );
    ParquetMetaData::new(filled, metadata.row_groups().to_vec())
}

enum FooterTrouble {
    Says(String),
    Io(ParquetError),
}

impl From<ParquetError> for FooterTrouble {
    fn from(error: ParquetError) -> Self {
        FooterTrouble::Io(error)
    }
}

/// Returns the metadata followed by length and magic.
fn bytes(file: &impl ChunkReader, size: u64, looked: FirstBytes) -> Result<Vec<u8>, FooterTrouble> {
    let says = |what: &str| Err(FooterTrouble::Says(what.to_owned()));
    if size < TAIL + MAGIC.len() as u64 {
        return says("is too short for a Parquet file: it is empty or cut off");
    }
    let tail = file.get_bytes(size - TAIL, TAIL as usize)?;
    let head = || file.get_bytes(0, MAGIC.len());
    let (length, magic) = tail.split_at(4);
    if magic == ENCRYPTED {
        return says("is encrypted; write it without encryption");
    }
    if magic != MAGIC {
        let cut = "has no Parquet mark at its end: it was cut off, or its writer did not finish. Get it again";
        return says(if head()? == MAGIC.as_slice() { cut } else { "is not a Parquet file" });
    }
    if looked == FirstBytes::Looked && head()? != MAGIC.as_slice() {
        return says("has no Parquet mark at its beginning: it is damaged. Get it again");
    }
    let length = u64::from(u32::from_le_bytes([length[0], length[1], length[2], length[3]]));
    if length + TAIL + MAGIC.len() as u64 > size {
        return says("names a footer longer than the file: it is damaged or cut off. Get it again");
    }
    Ok(file.get_bytes(size - TAIL - length, (length + TAIL) as usize)?.to_vec())
}

/// The structure whose fields are walked.
#[derive(Clone, Copy, PartialEq)]
enum Level {
    File,
    RowGroup,
    ColumnChunk,
}

/// Returns whether a key or a cipher is named (fields 8 and 9 of a file and of a column chunk); `None` if the bytes
/// are damaged. A list longer than the remaining bytes is damaged too: the decoder would reserve memory for it before
/// it checked.
fn names_a_key(thrift: &mut Thrift, level: Level) -> Option<bool> {
    let mut fields = Fields::default();
    while let Some((field, kind)) = fields.next(thrift)? {
        let below = match (level, field) {
            (Level::File | Level::ColumnChunk, 8 | 9) => return Some(true),
            (Level::File, 4) => Some(Level::RowGroup),
            (Level::RowGroup, 1) => Some(Level::ColumnChunk),
            _ => None,
        };
        match below {
            Some(below) if thrift::is_list(kind) => {
                let (kind, length) = thrift.list()?;
                for _ in 0..length {
                    if kind != thrift::STRUCT {
                        thrift.skip(kind)?;
                    } else if names_a_key(thrift, below)? {
                        return Some(true);
                    }
                }
            }
            _ => thrift.skip_field(kind)?,
        }
    }
    Some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(bytes: &[u8]) -> Option<bool> {
        names_a_key(&mut Thrift::new(bytes), Level::File)
    }

    #[test]
    fn keys_are_seen_in_files_and_columns_and_nowhere_else() {
        // field 3 (i64) = 1, stop
        assert_eq!(walk(&[0x36, 2, 0]), Some(false));
        // field 8 (struct)
        assert_eq!(walk(&[0x8c, 0, 0]), Some(true));
        // field 4: list of one row group {1: list of one column chunk {8: struct}}
        assert_eq!(walk(&[0x49, 0x1c, 0x19, 0x1c, 0x8c, 0, 0, 0, 0]), Some(true));
        // the same with field 2 of the column chunk
        assert_eq!(walk(&[0x49, 0x1c, 0x19, 0x1c, 0x26, 0, 0, 0, 0]), Some(false));
        assert_eq!(walk(&[0x49, 0x1c]), None);
    }

    #[test]
    fn lists_longer_than_what_is_left_are_damage() {
        // field 4: a list of 2^31 - 1 row groups, none of which is present
        assert_eq!(walk(&[0x49, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x07, 0, 0, 0]), None);
    }
}
