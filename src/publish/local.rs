//! A local folder as the place of publication: immutable files named by content, and one atomic step that makes a
//! numbered manifest visible.
//!
//! A file is written beside its place and read back first, so that no reader ever sees half a file. Data are durable
//! once their folders are settled, everything else when it is put. It must not overwrite a manifest or delete data. A
//! failure leaves no temporary file of a living run behind and touches nothing that a manifest names.

use crate::error::{Error, Result};
use crate::place::readable::{Readable, hash};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use walkdir::WalkDir;

use super::disk::{self, Disks, Syncing};
use super::store::{Content, Created, Entry, Store};
use super::unfinished;

/// How the names of unfinished files begin; the run id follows.
pub const TEMPORARY: &str = ".tmp-";

/// An output on the local file system. Paths are relative to it, with `/`.
#[derive(Clone, Debug)]
pub struct Local {
    root: PathBuf,
    disks: Arc<Disks>,
}

/// A lock on a folder, released when dropped: it keeps `gc` away while a run lives, runs away while `gc` works, and
/// serialises those who write hints. If a file system has no locks, there is none: the grace time then protects data
/// alone, and the commit never needs one.
#[derive(Debug)]
pub struct Guard {
    _folder: Option<File>,
}

impl Local {
    /// The output at a folder, which need not exist.
    pub fn new(root: &Path) -> Local {
        Local { root: root.to_path_buf(), disks: Arc::default() }
    }

    /// The location of a path of the output.
    pub fn locate(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// A temporary name for `name` that belongs to a run.
    pub fn temporary(run_id: &str, name: &str) -> String {
        format!("{TEMPORARY}{run_id}-{name}")
    }

    /// Makes the output's own folder, durable against a power loss.
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

    /// The names of the entries of a folder, unordered; empty if there is no such folder.
    pub fn names(&self, path: &str) -> Result<Vec<String>> {
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

    /// The path of the temporary file of data until they are complete. It is in the run's folder, so that all of them
    /// are found without searching every folder.
    fn in_folder_of_run(&self, path: &str, run_id: &str) -> io::Result<PathBuf> {
        let folder = self.locate(&unfinished::folder(run_id));
        fs::create_dir_all(&folder)?;
        Ok(folder.join(self.beside(path, run_id).file_name().unwrap_or_default()))
    }

    /// The path of the temporary file, in the same folder, of a file until it is complete.
    fn beside(&self, path: &str, run_id: &str) -> PathBuf {
        let target = self.locate(path);
        let name = target.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        target.with_file_name(Local::temporary(run_id, &name))
    }

    /// Keeps `gc` away while the guard lives; waits for one that is running.
    pub fn guard_run(&self, path: &str) -> Result<Guard> {
        let folder = self.open_folder(path)?;
        let held = folder.lock_shared().is_ok();
        Ok(Guard { _folder: held.then_some(folder) })
    }

    /// Waits for the exclusive lock of the folder on this machine, and takes it.
    pub fn guard_alone(&self, path: &str) -> Result<Guard> {
        let folder = self.open_folder(path)?;
        let held = folder.lock().is_ok();
        Ok(Guard { _folder: held.then_some(folder) })
    }

    /// Keeps runs away while the guard lives; `None` if one is alive.
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

    fn entry(&self, path: &Path, metadata: &fs::Metadata) -> io::Result<Option<Entry>> {
        let Some(path) = path.strip_prefix(&self.root).ok().filter(|_| metadata.is_file()) else { return Ok(None) };
        let parts: Vec<_> = path.components().map(|part| part.as_os_str().to_string_lossy()).collect();
        Ok(Some(Entry { path: parts.join("/"), bytes: metadata.len(), modified: metadata.modified()? }))
    }
}

impl Store for Local {
    fn shown(&self, path: &str) -> String {
        if path.is_empty() { self.root.display().to_string() } else { self.locate(path).display().to_string() }
    }

    fn prepare(&self) -> Result<()> {
        self.make_root()
    }

    fn list(&self, folder: &str) -> Result<Vec<Entry>> {
        let folder = self.locate(folder);
        let mut entries = Vec::new();
        for entry in WalkDir::new(&folder).sort_by_file_name() {
            let found = entry.map_err(io::Error::from).and_then(|entry| {
                let metadata = entry.metadata().map_err(io::Error::from)?;
                self.entry(entry.path(), &metadata)
            });
            match found {
                Ok(found) => entries.extend(found),
                // Others may have deleted the files, or there is no such folder.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(Error::failed(format!("{}: listing it", folder.display()), error)),
            }
        }
        Ok(entries)
    }

    fn look(&self, path: &str) -> Result<Option<Entry>> {
        let path = self.locate(path);
        match fs::metadata(&path).and_then(|metadata| self.entry(&path, &metadata)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            found => found.map_err(|error| Error::failed(format!("{}: looking at it", path.display()), error)),
        }
    }

    fn open(&self, path: &str) -> Result<Option<Readable>> {
        let path = self.locate(path);
        match File::open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::failed(format!("{}: opening it", path.display()), error)),
            Ok(file) => Ok(Some(Readable::File(file))),
        }
    }

    /// Puts a file without syncing its folder. An existing file of that name has the same content; replacing it renews
    /// its age, which protects it from `gc`.
    fn put(&self, path: &str, mut content: Content, run_id: &str) -> Result<()> {
        self.make_folder(path.rsplit_once('/').map_or("", |(folder, _)| folder))?;
        let target = self.locate(path);
        let failed = |error| Error::failed(format!("{}: writing it", target.display()), error);
        let syncing = match target.parent() {
            Some(folder) if path.starts_with("data/") => self.disks.write_into(folder).map_err(failed)?,
            _ => Syncing::Each,
        };
        let mut by = |temporary: &Path| {
            let put = write(temporary, &mut content, syncing).and_then(|()| put_in_place(temporary, &target, syncing));
            put.inspect_err(|_| drop(fs::remove_file(temporary)))
        };
        let put = if path.starts_with("data/") {
            self.in_folder_of_run(path, run_id).and_then(|temporary| by(&temporary))
        } else {
            by(&self.beside(path, run_id))
        };
        let put = match put {
            // The folder of data may be on a file system of its own.
            Err(error) if error.kind() == ErrorKind::CrossesDevices => by(&self.beside(path, run_id)),
            put => put,
        };
        put.map_err(failed)
    }

    fn create(&self, path: &str, bytes: &[u8], run_id: &str) -> Result<Created> {
        self.make_folder(path.rsplit_once('/').map_or("", |(folder, _)| folder))?;
        let (target, temporary) = (self.locate(path), self.beside(path, run_id));
        let linked =
            write(&temporary, &mut Content::of(bytes), Syncing::Each).and_then(|()| fs::hard_link(&temporary, &target));
        let _ = fs::remove_file(&temporary);
        match linked {
            Ok(()) => Ok(Created::Done),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(Created::Taken),
            Err(error) => {
                let path = target.display();
                Err(Error::failed(
                    format!("{path}: publishing it by a hard link (the file system must allow them)"),
                    error,
                ))
            }
        }
    }

    fn delete(&self, path: &str) -> Result<()> {
        let path = self.locate(path);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(Error::failed(format!("{}: deleting it", path.display()), error))
            }
            _ => Ok(()),
        }
    }

    /// Compares the bytes themselves: disks lose data and people edit files.
    fn holds(&self, path: &str, bytes: u64, sha256: &str) -> Result<bool> {
        let found = fs::metadata(self.locate(path)).is_ok_and(|metadata| metadata.len() == bytes);
        Ok(found && hash_file(&self.locate(path)).is_ok_and(|found| found == sha256))
    }

    fn sync(&self, folders: &BTreeSet<String>) -> Result<()> {
        let folders: Vec<PathBuf> = folders.iter().map(|folder| self.locate(folder)).collect();
        let left = self.disks.sync(&folders).map_err(|error| {
            Error::failed(format!("{}: syncing the file system of what was written", self.root.display()), error)
        })?;
        left.into_iter().try_for_each(sync)
    }

    fn local(&self) -> Option<&Local> {
        Some(self)
    }
}

/// Makes the entries of a folder durable.
fn sync(folder: &Path) -> Result<()> {
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        // Some network file systems cannot sync folders and offer nothing better.
        Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Ok(()),
        synced => synced.map_err(|error| Error::failed(format!("{}: syncing the folder", folder.display()), error)),
    }
}

/// Gives a complete file its name. A file that is not yet durable must not replace one that may be durable and named
/// by a version.
fn put_in_place(temporary: &Path, target: &Path, syncing: Syncing) -> io::Result<()> {
    if syncing == Syncing::Together {
        if disk::move_to_free_name(temporary, target)? {
            return Ok(());
        }
        File::open(temporary)?.sync_all()?;
    }
    fs::rename(temporary, target)
}

/// Writes a file that must not be visible yet, syncs it unless it is to be synced with others, and reads it back.
fn write(path: &Path, content: &mut Content, syncing: Syncing) -> io::Result<()> {
    let mut file = File::create(path)?;
    content.reader.seek(SeekFrom::Start(0))?;
    io::copy(&mut content.reader, &mut file)?;
    if syncing == Syncing::Each {
        file.sync_all()?;
    }
    drop(file);
    if hash_file(path)? != content.sha256 {
        return Err(io::Error::other("the file system gave back other bytes than were written"));
    }
    Ok(())
}

/// SHA-256 of a file's bytes, in hex; reads in chunks.
pub fn hash_file(path: &Path) -> io::Result<String> {
    hash(&mut File::open(path)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_taken_once_and_keeps_its_first_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let store = Local::new(folder.path());
        assert_eq!(store.create("_log/1.json", b"first", "a").unwrap(), Created::Done);
        assert_eq!(store.create("_log/1.json", b"second", "b").unwrap(), Created::Taken);
        assert_eq!(fs::read(store.locate("_log/1.json")).unwrap(), b"first");
        assert_eq!(store.names("_log").unwrap(), ["1.json"], "no temporary file is left");
    }

    #[test]
    fn put_replaces_whole_files_and_leaves_nothing_beside() {
        let folder = tempfile::tempdir().unwrap();
        let store = Local::new(folder.path());
        store.put("data/t/x.parquet", Content::of(b"old"), "a").unwrap();
        store.put("data/t/x.parquet", Content::of(b"new"), "a").unwrap();
        assert_eq!(fs::read(store.locate("data/t/x.parquet")).unwrap(), b"new");
        assert_eq!(store.names("data/t").unwrap(), ["x.parquet"]);
        assert_eq!(store.sizes(&["data/t/x.parquet", "data/t"]).unwrap(), [Some(3), None]);
        let listed: Vec<String> = store.list("data").unwrap().into_iter().map(|entry| entry.path).collect();
        assert_eq!(listed, ["data/t/x.parquet"]);
        assert!(store.list("nowhere").unwrap().is_empty() && store.names("nowhere").unwrap().is_empty());
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
        assert!(store.put("data/t/x.parquet", Content::of(b"new"), "a").is_err());
        assert_eq!(store.names("data/t").unwrap(), ["x.parquet"]);
    }
}
