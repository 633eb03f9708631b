//! The unfinished files of runs on a local disk: where they are, which run owns them, and when they may be deleted.
//!
//! A run holds a lock for as long as it lives. A run whose lock is free, on the very system that it ran on, is dead,
//! and the next run deletes what it left. In any doubt (another host, a file system without locks, a mark that was not
//! written) the files stay until `gc` finds them old; files that cannot be deleted stay too.

use crate::error::{Error, Result};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::current::SNAPSHOTS;
use super::local::{Guard, Local, TEMPORARY};
use super::store::Store;
use super::{RUNS, log};

/// The folder of the runs' own folders, below the output.
pub const FOLDER: &str = "_tmp";

/// The locked file in a run's folder. Once it is locked, the file names the system.
const MARK: &str = "lock";

/// A living run: its folder, which is deleted with this value.
#[derive(Debug)]
pub struct Alive {
    folder: PathBuf,
    _lock: File,
}

/// Begins a run in an output: keeps `gc` away, deletes what dead runs left, and marks the run as alive, for as long as
/// the value lives. An object store needs none of this: its unfinished uploads are no objects.
///
/// # Errors
/// A folder or the mark cannot be made.
pub fn begin(store: &dyn Store, run_id: &str) -> Result<Option<(Guard, Alive)>> {
    let Some(local) = store.local() else { return Ok(None) };
    local.make_folder(log::FOLDER)?;
    let guard = local.guard_run(log::FOLDER)?;
    clean(local);
    Ok(Some((guard, Alive::begin(local, run_id)?)))
}

/// The folder of a run's unfinished files.
pub fn folder(run_id: &str) -> String {
    format!("{FOLDER}/{TEMPORARY}{run_id}")
}

impl Alive {
    /// Makes a run's folder and marks it as alive, as far as the file system can.
    pub fn begin(local: &Local, run_id: &str) -> Result<Alive> {
        let folder = folder(run_id);
        local.make_folder(&folder)?;
        let folder = local.locate(&folder);
        let mark = folder.join(MARK);
        let mut lock =
            File::create(&mark).map_err(|error| Error::failed(format!("{}: making it", mark.display()), error))?;
        if let (Ok(()), Some(system)) = (lock.try_lock(), system()) {
            // Without the mark the run is never taken for dead; nothing else is lost.
            let _ = lock.write_all(system.as_bytes());
        }
        Ok(Alive { folder, _lock: lock })
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Deletes what dead runs left. It usually costs one look into an empty folder.
pub fn clean(local: &Local) {
    for name in local.names(FOLDER).unwrap_or_default() {
        let Some(run_id) = name.strip_prefix(TEMPORARY).filter(|run_id| !run_id.is_empty()) else { continue };
        let Some(_held) = held_of_dead(&local.locate(&folder(run_id)).join(MARK)) else { continue };
        for place in ["", log::FOLDER, SNAPSHOTS, "_state", &format!("{RUNS}/{run_id}")] {
            remove_of(local, place, run_id);
        }
        // The folder goes last, so that a run stopped before this leaves the rest to be found.
        let _ = fs::remove_dir_all(local.locate(&folder(run_id)));
    }
}

/// Deletes a run's unfinished files and folders in one place.
fn remove_of(local: &Local, place: &str, run_id: &str) {
    let own = Local::temporary(run_id, "");
    for name in local.names(place).unwrap_or_default().iter().filter(|name| name.starts_with(&own)) {
        let path = local.locate(place).join(name);
        let _ = if path.is_dir() && !path.is_symlink() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    }
}

/// The lock of a run that is certainly dead.
fn held_of_dead(mark: &Path) -> Option<File> {
    let of_here = fs::read_to_string(mark).ok()? == system()?;
    let lock = File::open(mark).ok().filter(|_| of_here)?;
    lock.try_lock().ok().map(|()| lock)
}

/// Identifies this running system, as opposed to all others and to earlier starts of itself: locks are reliable only
/// within one.
fn system() -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(boot.trim().to_owned()).filter(|boot| !boot.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACES: [&str; 4] = ["", "_log", "_snapshots", "_runs/r1"];

    /// Simulates a killed run: its mark as given, and an unfinished file in every place.
    fn killed(local: &Local, mark: &str) {
        for place in PLACES {
            local.make_folder(place).unwrap();
            fs::write(local.locate(place).join(".tmp-r1-half"), "half").unwrap();
        }
        local.make_folder("_snapshots/.tmp-r1-7/vtr_weekly").unwrap();
        let _ = std::os::unix::fs::symlink("_snapshots/7", local.locate(".tmp-r1-current"));
        local.make_folder(&folder("r1")).unwrap();
        fs::write(local.locate(&folder("r1")).join(".tmp-r1-abc"), "half").unwrap();
        fs::write(local.locate(&folder("r1")).join(MARK), mark).unwrap();
    }

    fn left(local: &Local) -> usize {
        let all = walkdir::WalkDir::new(local.locate("")).into_iter().map(|entry| entry.unwrap());
        all.filter(|entry| entry.file_name().to_string_lossy().starts_with(TEMPORARY)).count()
    }

    #[test]
    fn what_a_dead_run_left_goes_and_nothing_else() {
        let out = tempfile::tempdir().unwrap();
        let local = Local::new(out.path());
        let Some(system) = system() else { return println!("skipped: this system has no name of its own") };
        killed(&local, &system);
        for other in ["_log/.tmp-r10-half", ".tmp-r2-half", "_runs/r1/report.json"] {
            fs::write(local.locate(other), "another's").unwrap();
        }
        assert_eq!(left(&local), 10);
        clean(&local);
        assert_eq!(left(&local), 2);
        assert!(local.locate("_runs/r1/report.json").exists() && !local.locate(&folder("r1")).exists());
    }

    #[test]
    fn in_doubt_all_of_it_stays() {
        let out = tempfile::tempdir().unwrap();
        let local = Local::new(out.path());
        for mark in ["", "another system"] {
            killed(&local, mark);
            clean(&local);
            assert_eq!(left(&local), 8, "{mark}");
        }
        fs::remove_file(local.locate(&folder("r1")).join(MARK)).unwrap();
        clean(&local);
        assert_eq!(left(&local), 8);
    }

    #[test]
    fn a_run_that_lives_keeps_its_own_and_takes_it_along() {
        let out = tempfile::tempdir().unwrap();
        let local = Local::new(out.path());
        let alive = Alive::begin(&local, "r1").unwrap();
        fs::write(local.locate(&folder("r1")).join(".tmp-r1-abc"), "half").unwrap();
        clean(&local);
        assert_eq!(left(&local), 2);
        drop(alive);
        assert_eq!(left(&local), 0);
    }
}
