//! A file to read, wherever it is: on a disk of this machine, in memory, or on an object store.
//!
//! It returns bytes by position and length, to the Parquet decoder and to readers from the beginning; it knows no
//! format and writes nothing. Reading fails as the disk or the store does.

use crate::place::remote::{Remote, RemoteRead};
use bytes::{Buf, Bytes};
use parquet::errors::Result as ParquetResult;
use parquet::file::reader::{ChunkReader, Length};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read, Seek, SeekFrom};
use vtr_kernel::text::hex;

/// A file to read.
#[derive(Debug)]
pub enum Blob {
    /// On a disk of this machine.
    File(File),
    /// In memory.
    Memory(Bytes),
    /// On an object store.
    Remote(Remote),
}

/// Reads on from a position of a [`Blob`].
#[derive(Debug)]
pub enum BlobRead {
    /// On a disk.
    File(BufReader<File>),
    /// In memory.
    Memory(bytes::buf::Reader<Bytes>),
    /// On an object store.
    Remote(RemoteRead),
}

impl Blob {
    /// Reads from the beginning to the end.
    pub fn reader(&self) -> Box<dyn Read + Send + '_> {
        match self {
            Blob::File(file) => match file.try_clone().and_then(|mut file| {
                file.seek(SeekFrom::Start(0))?;
                Ok(file)
            }) {
                Ok(file) => Box::new(file),
                Err(error) => Box::new(Broken(Some(error))),
            },
            Blob::Memory(bytes) => Box::new(bytes.clone().reader()),
            Blob::Remote(remote) => Box::new(remote.stream()),
        }
    }

    /// Reads from the beginning to the end; a file on disk is read from its current position.
    pub fn into_reader(self) -> Box<dyn Read + Send> {
        match self {
            Blob::File(file) => Box::new(file),
            Blob::Memory(bytes) => Box::new(bytes.reader()),
            Blob::Remote(remote) => Box::new(remote.stream()),
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

impl Length for Blob {
    fn len(&self) -> u64 {
        match self {
            Blob::File(file) => file.len(),
            Blob::Memory(bytes) => bytes.len() as u64,
            Blob::Remote(remote) => remote.bytes(),
        }
    }
}

impl ChunkReader for Blob {
    type T = BlobRead;

    fn get_read(&self, start: u64) -> ParquetResult<BlobRead> {
        Ok(match self {
            Blob::File(file) => BlobRead::File(file.get_read(start)?),
            Blob::Memory(bytes) => BlobRead::Memory(bytes.get_read(start)?),
            Blob::Remote(remote) => BlobRead::Remote(remote.read_from(start)),
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        match self {
            Blob::File(file) => file.get_bytes(start, length),
            Blob::Memory(bytes) => bytes.get_bytes(start, length),
            Blob::Remote(remote) => Ok(remote.get(start, length)?),
        }
    }
}

impl Read for BlobRead {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            BlobRead::File(file) => file.read(into),
            BlobRead::Memory(bytes) => bytes.read(into),
            BlobRead::Remote(remote) => remote.read(into),
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
