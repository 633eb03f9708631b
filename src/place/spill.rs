//! Spill: data that does not fit in memory, in temporary files without a name.
//!
//! A file is unlinked as soon as it is open, so that nothing remains however the process ends. It knows neither rows
//! nor counts, only bytes and their positions. It fails when the disk does, and names the folder.

use crate::error::{Error, Result};
use parking_lot::Mutex;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// The position of spilled bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpillRange {
    offset: u64,
    length: u64,
}

impl SpillRange {
    /// Returns the number of bytes.
    pub fn bytes(&self) -> usize {
        self.length as usize
    }
}

/// One temporary file, created with the first bytes; several threads may share it.
#[derive(Debug)]
pub struct Spill {
    folder: PathBuf,
    file: Mutex<Option<std::sync::Arc<File>>>,
    end: AtomicU64,
}

impl Spill {
    /// Returns a spill below a folder; nothing is written yet.
    pub fn below(folder: &Path) -> Spill {
        Spill { folder: folder.to_path_buf(), file: Mutex::new(None), end: AtomicU64::new(0) }
    }

    fn failed(&self, what: &str, error: std::io::Error) -> Error {
        let folder = self.folder.display();
        Error::failed(
            format!(
                "{folder}: {what} a temporary file; give it room, set `temp` in the job (or TMPDIR) to a folder that has, or \
                 raise --memory"
            ),
            error,
        )
    }

    fn file(&self) -> Result<std::sync::Arc<File>> {
        let mut file = self.file.lock();
        if let Some(file) = &*file {
            return Ok(file.clone());
        }
        let made = tempfile::tempfile_in(&self.folder).map_err(|error| self.failed("making", error))?;
        Ok(file.insert(made.into()).clone())
    }

    /// Spills bytes.
    ///
    /// # Errors
    /// The folder is full, gone, or not writable.
    pub fn put(&self, bytes: &[u8]) -> Result<SpillRange> {
        let place = SpillRange {
            offset: self.end.fetch_add(bytes.len() as u64, Ordering::Relaxed),
            length: bytes.len() as u64,
        };
        self.file()?.write_all_at(bytes, place.offset).map_err(|error| self.failed("writing to", error))?;
        Ok(place)
    }

    /// Reads a part of spilled bytes.
    ///
    /// # Errors
    /// The disk fails.
    pub fn read(&self, place: SpillRange, from: usize, into: &mut [u8]) -> Result<()> {
        self.file()?.read_exact_at(into, place.offset + from as u64).map_err(|error| self.failed("reading back", error))
    }

    /// Returns the bytes written so far.
    pub fn bytes(&self) -> u64 {
        self.end.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_and_the_folder_stays_empty() {
        let folder = tempfile::tempdir().unwrap();
        let spill = Spill::below(folder.path());
        let (a, b) = (spill.put(b"first").unwrap(), spill.put(b"second").unwrap());
        let mut bytes = [0; 3];
        spill.read(b, 3, &mut bytes).unwrap();
        assert_eq!(&bytes, b"ond");
        let mut bytes = vec![0; a.bytes()];
        spill.read(a, 0, &mut bytes).unwrap();
        assert_eq!(bytes, b"first");
        assert_eq!(spill.bytes(), 11);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "a spill file has no name");
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let spill = Spill::below(Path::new("/nowhere/at/all"));
        let error = spill.put(b"x").unwrap_err().to_string();
        assert!(error.contains("/nowhere/at/all") && error.contains("TMPDIR"), "{error}");
    }
}
