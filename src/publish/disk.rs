//! The file systems under an output, and how the files written there become durable.
//!
//! A run writes hundreds of small files. If Linux can sync a whole file system in one call and reports write errors,
//! the data files of a run are synced together before the manifest that names them; everywhere else each file is
//! synced when it is written. It must not decide what is written or when a version becomes visible. It fails with the
//! system's error if a file system lost something.

use parking_lot::{Mutex, MutexGuard};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// How a file becomes durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syncing {
    /// By itself, when it is written.
    Each,
    /// With its whole file system, by [`Disks::sync`].
    Together,
}

/// The file systems that were written to, by device number.
#[derive(Debug, Default)]
pub struct Disks(Mutex<BTreeMap<u64, Disk>>);

/// A file system.
#[derive(Debug)]
struct Disk {
    /// A folder of it, opened before anything was written, because the system reports a write error only to file
    /// handles that were open at the time. `None` if each file is synced by itself.
    folder: Option<File>,
    /// Whether something was written that no sync has covered.
    unsynced: bool,
}

impl Disks {
    /// Says how a file about to be written into a folder becomes durable. After [`Syncing::Together`] the caller must
    /// call [`Disks::sync`] for that folder.
    ///
    /// # Errors
    /// The folder cannot be opened or looked at.
    pub fn write_into(&self, folder: &Path) -> io::Result<Syncing> {
        let device = std::fs::metadata(folder)?.dev();
        let mut disks = self.disks();
        let disk = match disks.entry(device) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let folder = File::open(folder)?;
                let folder = tells_what_it_lost(&folder).then_some(folder);
                new.insert(Disk { folder, unsynced: false })
            }
        };
        disk.unsynced = disk.folder.is_some();
        Ok(if disk.unsynced { Syncing::Together } else { Syncing::Each })
    }

    /// Syncs the whole file system of each folder that has files waiting for it. Returns the folders whose entries are
    /// still to be synced.
    ///
    /// # Errors
    /// A folder cannot be looked at; a file system could not write something since the first [`Disks::write_into`].
    pub fn sync<'f>(&self, folders: &'f [PathBuf]) -> io::Result<Vec<&'f Path>> {
        let mut disks = self.disks();
        let (mut synced, mut left) = (Vec::new(), Vec::new());
        for folder in folders {
            let device = std::fs::metadata(folder)?.dev();
            match disks.get_mut(&device).filter(|disk| disk.unsynced) {
                Some(Disk { folder: Some(open), unsynced }) => {
                    sync_file_system(open)?;
                    *unsynced = false;
                    synced.push(device);
                }
                _ if synced.contains(&device) => {}
                _ => left.push(folder.as_path()),
            }
        }
        Ok(left)
    }

    fn disks(&self) -> MutexGuard<'_, BTreeMap<u64, Disk>> {
        self.0.lock()
    }
}

#[cfg(target_os = "linux")]
fn sync_file_system(folder: &File) -> io::Result<()> {
    Ok(rustix::fs::syncfs(folder)?)
}

/// Whether `syncfs` syncs a folder's file system to disk and reports what could not be written: Linux does since 5.8,
/// for file systems on a disk of their own. Network file systems and overlays report errors only to the file
/// concerned.
#[cfg(target_os = "linux")]
fn tells_what_it_lost(folder: &File) -> bool {
    /// ext4 (and ext2, ext3), XFS, Btrfs, F2FS, and files in memory.
    const KEPT_HERE: [u64; 5] = [0xef53, 0x5846_5342, 0x9123_683e, 0xf2f5_2010, 0x0102_1994];
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let kind = rustix::fs::fstatfs(folder).map(|known| known.f_type as u64);
    is_at_least_5_8(&release) && kind.is_ok_and(|kind| KEPT_HERE.contains(&(kind & 0xffff_ffff)))
}

#[cfg(target_os = "linux")]
fn is_at_least_5_8(release: &str) -> bool {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map_while(|digits| digits.parse::<u32>().ok());
    (numbers.next(), numbers.next()) >= (Some(5), Some(8))
}

#[cfg(not(target_os = "linux"))]
fn sync_file_system(_: &File) -> io::Result<()> {
    unreachable!("no file is left unsynced here")
}

#[cfg(not(target_os = "linux"))]
fn tells_what_it_lost(_: &File) -> bool {
    false
}

/// Moves a file to a free name within a file system; returns whether it did.
///
/// # Errors
/// The system's error, except for a name that is taken.
#[cfg(target_os = "linux")]
pub fn move_to_free_name(from: &Path, to: &Path) -> io::Result<bool> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(true),
        // The file system may not support a rename that keeps an existing name.
        Err(rustix::io::Errno::EXIST | rustix::io::Errno::INVAL) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Moves no file: if each file is synced when it is written, a plain rename does.
///
/// # Errors
/// None.
#[cfg(not(target_os = "linux"))]
pub fn move_to_free_name(_: &Path, _: &Path) -> io::Result<bool> {
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_of_the_system_is_compared_by_its_numbers() {
        for (release, is_enough) in [
            ("5.8.0", true),
            ("5.10.0-28-amd64", true),
            ("6.1", true),
            ("5.7.19", false),
            ("4.18.0-553.el8", false),
            ("", false),
        ] {
            assert_eq!(is_at_least_5_8(release), is_enough, "{release}");
        }
    }

    #[test]
    fn a_folder_waits_for_a_sync_only_while_something_unsynced_lies_on_its_file_system() {
        let folder = tempfile::tempdir().unwrap();
        let (disks, path) = (Disks::default(), folder.path().to_path_buf());
        let folders = [path.clone(), path.join(".")];
        assert_eq!(disks.sync(&folders).unwrap(), folders, "nothing was written: each folder is synced by itself");
        let syncing = disks.write_into(&path).unwrap();
        let left = disks.sync(&folders).unwrap();
        assert_eq!(left.is_empty(), syncing == Syncing::Together, "{left:?}");
        assert_eq!(disks.sync(&folders).unwrap(), folders, "the file system was synced already");
        assert!(disks.sync(&[path.join("gone")]).is_err());
    }

    #[test]
    fn a_name_that_is_taken_keeps_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        std::fs::write(&from, "new").unwrap();
        assert_eq!(move_to_free_name(&from, &to).unwrap(), cfg!(target_os = "linux"));
        std::fs::write(&from, "newer").unwrap();
        std::fs::write(&to, "old").unwrap();
        assert!(!move_to_free_name(&from, &to).unwrap());
        assert_eq!(std::fs::read_to_string(&to).unwrap(), "old");
    }
}
