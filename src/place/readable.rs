//! A file to read, wherever it is: on a disk of this machine, in memory, or on an object store.
//!
//! It returns bytes by position and length, to the Parquet decoder and to readers from the beginning; it knows no
//! format and writes nothing. Reading fails as the disk or the store does.

use crate::place::object_files::ObjectFile;
use crate::place::object_reads::ObjectRead;
use bytes::{Buf, Bytes};
use parquet::errors::Result as ParquetResult;
use parquet::file::reader::{ChunkReader, Length};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read, Seek, SeekFrom};
use vtr_kernel::text::hex;

/// A file to read.
#[derive(Debug)]
pub enum Readable {
    /// On a disk of this machine.
    File(File),
    /// In memory.
    Memory(Bytes),
    /// On an object store.
    ObjectFile(ObjectFile),
}

/// Reads on from a position of a [`Readable`].
#[derive(Debug)]
pub enum FileRead {
    /// On a disk.
    File(BufReader<File>),
    /// In memory.
    Memory(bytes::buf::Reader<Bytes>),
    /// On an object store.
    ObjectFile(ObjectRead),
}

impl Readable {
    /// Reads from the beginning to the end.
    pub fn reader(&self) -> Box<dyn Read + Send + '_> {
        match self {
            Readable::File(file) => match file.try_clone().and_then(|mut file| {
                file.seek(SeekFrom::Start(0))?;
                Ok(file)
            }) {
                Ok(file) => Box::new(file),
                Err(error) => Box::new(Broken(Some(error))),
            },
            Readable::Memory(bytes) => Box::new(bytes.clone().reader()),
            Readable::ObjectFile(object) => Box::new(object.stream()),
        }
    }

    /// Reads from the beginning to the end; a file on disk is read from its current position.
    pub fn into_reader(self) -> Box<dyn Read + Send> {
        match self {
            Readable::File(file) => Box::new(file),
            Readable::Memory(bytes) => Box::new(bytes.reader()),
            Readable::ObjectFile(object) => Box::new(object.stream()),
        }
    }

    /// Returns the bytes at a position; several threads may ask at once, which the decoder's interface does not allow.
    ///
    /// # Errors
    /// The file ends before them, or the disk or the store fails.
    pub fn bytes_at(&self, start: u64, length: usize) -> io::Result<Bytes> {
        match self {
            Readable::File(file) => {
                let mut bytes = vec![0; length];
                std::os::unix::fs::FileExt::read_exact_at(file, &mut bytes, start)?;
                Ok(bytes.into())
            }
            Readable::Memory(bytes) => {
                let start = usize::try_from(start).unwrap_or(usize::MAX);
                let end = start.checked_add(length).filter(|end| *end <= bytes.len());
                end.map(|end| bytes.slice(start..end)).ok_or_else(|| ErrorKind::UnexpectedEof.into())
            }
            Readable::ObjectFile(object) => object.get(start, length).map_err(io::Error::other),
        }
    }

    /// Returns the SHA-256 of the bytes, in hex, with little memory.
    pub fn hash(&self) -> io::Result<String> {
        hash(&mut self.reader())
    }
}

/// A file that could not be prepared for reading.
struct Broken(Option<io::Error>);

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

impl Length for Readable {
    fn len(&self) -> u64 {
        match self {
            Readable::File(file) => file.len(),
            Readable::Memory(bytes) => bytes.len() as u64,
            Readable::ObjectFile(object) => object.bytes(),
        }
    }
}

impl ChunkReader for Readable {
    type T = FileRead;

    fn get_read(&self, start: u64) -> ParquetResult<FileRead> {
        Ok(match self {
            Readable::File(file) => FileRead::File(file.get_read(start)?),
            Readable::Memory(bytes) => FileRead::Memory(bytes.get_read(start)?),
            Readable::ObjectFile(object) => FileRead::ObjectFile(object.read_from(start)),
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        match self {
            Readable::File(file) => file.get_bytes(start, length),
            Readable::Memory(bytes) => bytes.get_bytes(start, length),
            Readable::ObjectFile(object) => Ok(object.get(start, length)?),
        }
    }
}

impl Read for FileRead {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            FileRead::File(file) => file.read(into),
            FileRead::Memory(bytes) => bytes.read(into),
            FileRead::ObjectFile(object) => object.read(into),
        }
    }
}

/// Returns the SHA-256 of a reader's bytes, in hex.
pub fn hash(reader: &mut dyn Read) -> io::Result<String> {
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 1 << 18]);
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(hex(&hash.finalize())),
            Ok(length) => hash.update(&buffer[..length]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
