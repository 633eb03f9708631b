//! A local folder as the place of publication: immutable files named by content, and one atomic
//! step that makes a numbered manifest visible.
//!
//! What it puts in place is written beside, synced and read back first, so that no reader ever sees
//! half a file; it must not overwrite a manifest or delete data. A failure leaves no temporary file of
//! a living run behind, and nothing that a manifest names is touched.

use crate::error::{Error, Result};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

/// How the names of unfinished files begin; the run id follows.
pub const TEMPORARY: &str = ".tmp-";

/// An output on the local file system. Paths are relative to it, with `/`.
#[derive(Clone, Debug)]
pub struct Local {
    root: PathBuf,
}

/// What came of an attempt to make a numbered file visible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Linked {
    /// It is there now, and it is ours.
    Done,
    /// Somebody else's was there before.
    Taken,
}

/// A lock on a folder: keeps `gc` away while a run lives, runs away while `gc` works, and those who make
/// hints apart; let go when dropped. Where a file system knows no locks there is none: the grace time
/// then protects data alone, and the commit never needs one.
#[derive(Debug)]
pub struct Guard {
    _folder: Option<File>,
}

impl Local {
    /// The output at a folder, which need not exist.
    pub fn new(root: &Path) -> Local {
        Local { root: root.to_path_buf() }
    }

    /// Where a path of the output lies.
    pub fn locate(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// A temporary name for `name` that belongs to a run.
    pub fn temporary(run_id: &str, name: &str) -> String {
        format!("{TEMPORARY}{run_id}-{name}")
    }

    /// Makes the output's own folder, so that a power loss cannot take it away again.
    pub fn make_root(&self) -> Result<()> {
        let given =
            |folder: &Path| if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder.to_path_buf() };
        let mut missing: Vec<PathBuf> =
            self.root.ancestors().map(given).take_while(|folder| !folder.exists()).collect();
        self.make_folder("")?;
        missing.retain_mut(|folder| folder.parent().map(given).map(|above| *folder = above).is_some());
        missing.iter().try_for_each(|above| sync(above))
    }

    /// Makes a folder and those above it.
    pub fn make_folder(&self, path: &str) -> Result<()> {
        let folder = self.locate(path);
        fs::create_dir_all(&folder)
            .map_err(|error| Error::failed(format!("{}: making the folder", folder.display()), error))
    }

    /// The names of the entries of a folder, in no order; none if there is no such folder.
    pub fn list(&self, path: &str) -> Result<Vec<String>> {
        let folder = self.locate(path);
        let failed = |error| Error::failed(format!("{}: listing the folder", folder.display()), error);
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed)?,
        };
        let name =
            |entry: io::Result<fs::DirEntry>| entry.map(|entry| entry.file_name().to_string_lossy().into_owned());
        entries.map(name).collect::<io::Result<_>>().map_err(failed)
    }

    /// The bytes of a file.
    pub fn read(&self, path: &str) -> Result<Vec<u8>> {
        let path = self.locate(path);
        fs::read(&path).map_err(|error| Error::failed(format!("{}: reading it", path.display()), error))
    }

    /// The size of a file; `None` if there is none.
    pub fn size(&self, path: &str) -> Option<u64> {
        fs::metadata(self.locate(path)).ok().filter(fs::Metadata::is_file).map(|metadata| metadata.len())
    }

    /// Puts a whole file in place, over one of that name if need be: content-named files are the same
    /// then, only younger, which keeps `gc` off them. Its folder is not yet synced.
    pub fn put(&self, path: &str, content: &mut dyn Read, run_id: &str) -> Result<()> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        self.make_folder(folder)?;
        let target = self.locate(path);
        let temporary = target.with_file_name(Local::temporary(run_id, name.split('.').next().unwrap_or(name)));
        let put = write_synced(&temporary, content).and_then(|()| fs::rename(&temporary, &target));
        put.map_err(|error| {
            let _ = fs::remove_file(&temporary);
            Error::failed(format!("{}: writing it", target.display()), error)
        })
    }

    /// Makes a file visible under a name that must be free, whole and in one step. The link may have
    /// been made although the system reported a failure: the caller reads back to know.
    pub fn link_new(&self, path: &str, mut bytes: &[u8], run_id: &str) -> Result<Linked> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        self.make_folder(folder)?;
        let target = self.locate(path);
        let temporary = target.with_file_name(Local::temporary(run_id, name.split('.').next().unwrap_or(name)));
        let linked = write_synced(&temporary, &mut bytes).and_then(|()| fs::hard_link(&temporary, &target));
        let _ = fs::remove_file(&temporary);
        match linked {
            Ok(()) => Ok(Linked::Done),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(Linked::Taken),
            Err(error) => {
                let path = target.display();
                Err(Error::failed(
                    format!("{path}: publishing it by a hard link (the file system must allow them)"),
                    error,
                ))
            }
        }
    }

    /// Makes the entries of a folder durable.
    pub fn sync_folder(&self, path: &str) -> Result<()> {
        sync(&self.locate(path))
    }

    /// Holds `gc` off for as long as the guard lives; waits for one that is at work.
    pub fn guard_run(&self, path: &str) -> Result<Guard> {
        let folder = self.open_folder(path)?;
        let held = folder.lock_shared().is_ok();
        Ok(Guard { _folder: held.then_some(folder) })
    }

    /// Waits until nobody else of this machine holds the folder alone, and holds it so.
    pub fn guard_alone(&self, path: &str) -> Result<Guard> {
        let folder = self.open_folder(path)?;
        let held = folder.lock().is_ok();
        Ok(Guard { _folder: held.then_some(folder) })
    }

    /// Holds runs off for as long as the guard lives; `None` if one is alive.
    pub fn guard_cleaning(&self, path: &str) -> Result<Option<Guard>> {
        let folder = self.open_folder(path)?;
        match folder.try_lock() {
            Ok(()) => Ok(Some(Guard { _folder: Some(folder) })),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(_)) => Ok(Some(Guard { _folder: None })),
        }
    }

    fn open_folder(&self, path: &str) -> Result<File> {
        let folder = self.locate(path);
        File::open(&folder).map_err(|error| Error::failed(format!("{}: opening the folder", folder.display()), error))
    }
}

/// Makes the entries of a folder durable.
fn sync(folder: &Path) -> Result<()> {
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        // Some network file systems cannot sync folders; they offer nothing better.
        Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Ok(()),
        synced => synced.map_err(|error| Error::failed(format!("{}: syncing the folder", folder.display()), error)),
    }
}

/// Writes a file that must not be seen yet, makes it durable and reads it back.
fn write_synced(path: &Path, content: &mut dyn Read) -> io::Result<()> {
    let mut file = File::create(path)?;
    let written = copy_hashed(content, &mut file)?;
    file.sync_all()?;
    drop(file);
    if hash_file(path)? != written {
        return Err(io::Error::other("the file system gave back other bytes than were written"));
    }
    Ok(())
}

/// SHA-256 of a file's bytes, in hex, with little memory.
pub fn hash_file(path: &Path) -> io::Result<String> {
    copy_hashed(&mut File::open(path)?, &mut io::sink())
}

/// Copies to the end; SHA-256 of the bytes, in hex.
fn copy_hashed(from: &mut dyn Read, to: &mut dyn Write) -> io::Result<String> {
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 1 << 18]);
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(hex(&hash.finalize())),
            Ok(length) => {
                hash.update(&buffer[..length]);
                to.write_all(&buffer[..length])?;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Bytes in lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_taken_once_and_keeps_its_first_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let store = Local::new(folder.path());
        assert_eq!(store.link_new("_log/1.json", b"first", "a").unwrap(), Linked::Done);
        assert_eq!(store.link_new("_log/1.json", b"second", "b").unwrap(), Linked::Taken);
        assert_eq!(store.read("_log/1.json").unwrap(), b"first");
        assert_eq!(store.list("_log").unwrap(), ["1.json"], "no temporary file is left");
    }

    #[test]
    fn put_replaces_whole_files_and_leaves_nothing_beside() {
        let folder = tempfile::tempdir().unwrap();
        let store = Local::new(folder.path());
        store.put("data/t/x.parquet", &mut b"old".as_slice(), "a").unwrap();
        store.put("data/t/x.parquet", &mut b"new".as_slice(), "a").unwrap();
        assert_eq!(store.read("data/t/x.parquet").unwrap(), b"new");
        assert_eq!(store.list("data/t").unwrap(), ["x.parquet"]);
        assert_eq!((store.size("data/t/x.parquet"), store.size("data/t")), (Some(3), None));
        assert!(store.list("nowhere").unwrap().is_empty());
    }

    #[test]
    fn an_output_may_lie_deep_below_what_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let store = Local::new(&folder.path().join("a/b/c"));
        store.make_root().unwrap();
        store.make_root().unwrap();
        assert!(folder.path().join("a/b/c").is_dir());
    }

    #[test]
    fn a_name_that_cannot_be_taken_leaves_no_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        let store = Local::new(folder.path());
        store.make_folder("data/t/x.parquet/in-the-way").unwrap();
        assert!(store.put("data/t/x.parquet", &mut b"new".as_slice(), "a").is_err());
        assert_eq!(store.list("data/t").unwrap(), ["x.parquet"]);
    }
}
