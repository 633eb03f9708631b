//! A part that is read: first all its bytes against their checksum, then batch by batch, so that it takes the memory of a
//! batch however great it is.
//!
//! It knows no kind's columns. It refuses by name what is cut, damaged, no part at all, or of another plan.

use super::{END_MARK, Header, NO_PART, Seal, footer_bytes, refused};
use crate::error::{Error, Result};
use crate::place::readable::Readable;
use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use arrow::ipc::reader::FileReader;
use bytes::Bytes;
use parquet::file::reader::{ChunkReader, Length};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// What is read of the end of a part at once: most footers fit.
const END_BYTES: u64 = 16 << 10;
/// Parts of a store that are no greater stay in memory; others wait in the temporary folder.
const HELD_BYTES: u64 = 4 << 20;
/// What is read of a part at once while its checksum is made.
const STEP: usize = 256 << 10;

const DAMAGED: &str = "its bytes are not those that were written; fold its share again";

fn unread(name: &str, error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::failed(format!("{name}: reading it"), error)
}

/// The end of a part, its footer at least.
///
/// # Errors
/// It cannot be read, or is no part.
pub fn end(name: &str, readable: &Readable) -> Result<Bytes> {
    let bytes = readable.len();
    let last = |length: u64| {
        let length = length.min(bytes);
        readable.get_bytes(bytes - length, length as usize).map_err(|error| unread(name, error))
    };
    let end = last(END_BYTES)?;
    let footer = footer_bytes(name, &end)? as u64;
    if footer <= END_BYTES { Ok(end) } else { last(footer) }
}

/// A part, every byte of which is as it was written.
#[derive(Debug)]
pub struct Opened {
    name: String,
    header: Header,
    content: PartContent,
}

#[derive(Debug)]
enum PartContent {
    Memory(Bytes),
    File(File),
}

impl Opened {
    /// Opens a part; what lies on a store is fetched once, into `temp` if it is great.
    ///
    /// # Errors
    /// It is cut, damaged, no part, one of another plan, or cannot be read.
    pub fn of(name: &str, readable: Readable, seal: &Seal, temp: &Path) -> Result<Opened> {
        let end = end(name, &readable)?;
        let header = Header::of(name, &end)?;
        header.expect(name, seal)?;
        Opened::verified(name, (readable, header, &end), temp)
    }

    /// Returns whether every byte of a part is as it was written and its rows can be read.
    ///
    /// # Errors
    /// It is one of another plan, or cannot be read.
    pub fn is_whole(name: &str, readable: Readable, seal: &Seal, temp: &Path) -> Result<bool> {
        let if_damaged = |error: Error| match error {
            Error::Input(_) => Ok(false),
            other => Err(other),
        };
        let (header, end) = match end(name, &readable).and_then(|end| Ok((Header::of(name, &end)?, end))) {
            Ok(found) => found,
            Err(error) => return if_damaged(error),
        };
        header.expect(name, seal)?;
        let part = Opened::verified(name, (readable, header, &end), temp);
        let read = part.and_then(|part| part.batches(None)?.try_for_each(|batch| batch.map(drop)));
        read.map_or_else(if_damaged, |()| Ok(true))
    }

    fn verified(name: &str, (readable, header, end): (Readable, Header, &Bytes), temp: &Path) -> Result<Opened> {
        let behind = (footer_bytes(name, end)? + END_MARK) as u64;
        let rows_end = readable.len().checked_sub(behind).ok_or_else(|| refused(name, NO_PART))?;
        let (check, content) = checked(readable, rows_end, temp).map_err(|error| unread(name, error))?;
        if check != header.check {
            return Err(refused(name, DAMAGED));
        }
        Ok(Opened { name: name.to_owned(), header, content })
    }

    /// What it is called in messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it says of itself.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Its batches, of all columns or of those at some places; the last thing that is said is that rows are missing.
    ///
    /// # Errors
    /// Its rows cannot be read.
    pub fn batches(&self, columns: Option<&[usize]>) -> Result<impl Iterator<Item = Result<RecordBatch>>> {
        let damaged = |error: ArrowError| refused(&self.name, format!("{DAMAGED} ({error})"));
        let reader = PartReader { content: &self.content, at: 0 };
        let mut batches = FileReader::try_new(reader, columns.map(<[usize]>::to_vec)).map_err(damaged)?;
        let mut left = Some(self.header.rows);
        Ok(std::iter::from_fn(move || match (batches.next(), left) {
            (Some(batch), Some(rows)) => {
                let rows_of = batch.as_ref().map_or(0, |batch| batch.num_rows() as u64);
                left = rows.checked_sub(rows_of).filter(|_| batch.is_ok());
                let batch = batch.map_err(damaged);
                Some(if left.is_none() && batch.is_ok() { Err(refused(&self.name, DAMAGED)) } else { batch })
            }
            (None, Some(rows)) if rows > 0 => {
                left = None;
                Some(Err(refused(&self.name, DAMAGED)))
            }
            _ => None,
        }))
    }
}

/// The checksum of the bytes before the footer, and what the part is read from.
fn checked(readable: Readable, rows_end: u64, temp: &Path) -> io::Result<(String, PartContent)> {
    let mut kept = match &readable {
        Readable::ObjectFile(_) if readable.len() > HELD_BYTES => Some(tempfile::tempfile_in(temp)?),
        _ => None,
    };
    if let (Readable::ObjectFile(_), None) = (&readable, &kept) {
        let mut bytes = Vec::with_capacity(readable.len() as usize);
        readable.reader().read_to_end(&mut bytes)?;
        return checked(Readable::Memory(bytes.into()), rows_end, temp);
    }
    let (mut hash, mut left, mut bytes) = (blake3::Hasher::new(), rows_end as usize, vec![0; STEP]);
    let mut reader = readable.reader();
    loop {
        let read = reader.read(&mut bytes)?;
        if read == 0 {
            break;
        }
        let own = read.min(left);
        hash.update(&bytes[..own]);
        left -= own;
        match &mut kept {
            Some(kept) => kept.write_all(&bytes[..read])?,
            None if left == 0 => break,
            None => {}
        }
    }
    drop(reader);
    let content = match (readable, kept) {
        (_, Some(kept)) => PartContent::File(kept),
        (Readable::File(file), None) => PartContent::File(file),
        (Readable::Memory(bytes), None) => PartContent::Memory(bytes),
        (Readable::ObjectFile(_), None) => return Err(io::Error::other("what lies on a store is fetched first")),
    };
    Ok((hash.finalize().to_hex().to_string(), content))
}

/// A place in a part from which is read on.
struct PartReader<'a> {
    content: &'a PartContent,
    at: u64,
}

impl Read for PartReader<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = match self.content {
            PartContent::File(file) => file.read_at(into, self.at)?,
            PartContent::Memory(bytes) => bytes.get(self.at as usize..).unwrap_or_default().read(into)?,
        };
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for PartReader<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let length = match self.content {
            PartContent::File(file) => file.metadata()?.len(),
            PartContent::Memory(bytes) => bytes.len() as u64,
        };
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => length.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{part, seal};
    use super::*;

    fn opened(name: &str, bytes: &[u8], seal: &Seal) -> Result<(Header, Vec<RecordBatch>)> {
        let temp = std::env::temp_dir();
        let held = Opened::of(name, Readable::Memory(bytes.to_vec().into()), seal, &temp);
        let held = held.and_then(|part| Ok((part.header().clone(), part.batches(None)?.collect::<Result<_>>()?)));
        // A disk says the same.
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        let on_disk = Opened::of(name, Readable::File(file), seal, &temp);
        assert_eq!(
            on_disk.map(|part| part.header().clone()).ok(),
            held.as_ref().map(|(header, _)| header.clone()).ok()
        );
        held
    }

    #[test]
    fn a_part_says_whose_it_is_and_gives_its_rows_back() {
        let (header, batches) = opened("a", &part(&[0, 1, 2, 5], 1_000).bytes, &seal()).unwrap();
        assert_eq!(
            (header.kind, header.bucket, header.rows, header.shares),
            (super::super::PartKind::Gone, 7, 1_000, Some(4))
        );
        assert_eq!((header.units, batches[0].num_rows()), (vec![0, 1, 2, 5], 1_000));
        assert_eq!(opened("a", &part(&[], 0).bytes, &seal()).unwrap().0.units, Vec::<usize>::new());
    }

    #[test]
    fn whatever_byte_is_lost_or_changed_the_part_is_refused_by_name() {
        let whole = part(&[3], 50).bytes;
        for length in 0..whole.len() {
            let refused = opened("staging/cut.arrow", &whole[..length], &seal()).unwrap_err().to_string();
            assert!(refused.starts_with("staging/cut.arrow: "), "{length}: {refused}");
        }
        let end = whole.len() - footer_bytes("a", &whole).unwrap() - END_MARK;
        for place in 0..end {
            let mut damaged = whole.clone();
            damaged[place] ^= 0x20;
            assert!(opened("a", &damaged, &seal()).is_err(), "{place}");
        }
    }

    #[test]
    fn a_part_of_another_plan_book_or_version_is_refused_with_what_differs() {
        let bytes = part(&[3], 5).bytes;
        let refused = |seal: Seal| opened("a", &bytes, &seal).unwrap_err().to_string();
        assert!(refused(Seal { plan: "other".into(), ..seal() }).contains("another plan (plan)"));
        assert!(refused(Seal { book: "other".into(), ..seal() }).contains("another book (book)"));
        assert!(refused(Seal { program: "vtr 2".into(), ..seal() }).contains("folded by vtr 1"));
    }
}
