//! A temporary file whose bytes are hashed as they are written.
//!
//! It stays in memory while it is small and is then spooled to an unnamed file on disk. It fails if the disk is full.

use sha2::{Digest, Sha256};
use std::io::{self, Seek, Write};
use tempfile::SpooledTempFile;
use vtr_kernel::text::hex;

/// A file that is being written.
pub struct Hashed {
    file: SpooledTempFile,
    hash: Sha256,
    bytes: u64,
}

/// A file that is written.
pub struct Finished {
    /// Its bytes, positioned at the beginning.
    pub file: SpooledTempFile,
    /// Their SHA-256 in hex.
    pub sha256: String,
    /// The number of bytes.
    pub bytes: u64,
}

impl Hashed {
    /// Begins a file, of which at most so many bytes are held in memory.
    pub fn new(in_memory: usize) -> Hashed {
        Hashed { file: SpooledTempFile::new(in_memory), hash: Sha256::new(), bytes: 0 }
    }

    /// Ends the file.
    ///
    /// # Errors
    /// It cannot be read from its beginning.
    pub fn finish(self) -> io::Result<Finished> {
        let Hashed { mut file, hash, bytes } = self;
        file.rewind()?;
        Ok(Finished { file, sha256: hex(&hash.finalize()), bytes })
    }
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
