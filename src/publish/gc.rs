//! Cleaning: deletes data that no kept manifest names and that is older than a grace time.
//!
//! It must never touch an entry of the log, a file that a kept version names, anything it does not know
//! as its own, or anything at all while a run is alive here; runs elsewhere are protected by the grace
//! time, because a writer puts anew whatever its base does not name. It stops at the first file that
//! cannot be deleted.

use crate::error::{Error, Result};
use std::collections::BTreeSet;
use std::fs::{self, Metadata};
use std::path::Path;
use std::time::{Duration, SystemTime};
use walkdir::WalkDir;

use super::current::SNAPSHOTS;
use super::local::{Local, TEMPORARY};
use super::log;

/// How old a file must be before it may go: longer than any run takes.
pub const GRACE: Duration = Duration::from_secs(7 * 86_400);

/// Versions that stay readable unless told otherwise.
pub const KEEP: u64 = 10;

/// What was deleted, or would be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// The lowest version whose files all remain.
    pub oldest_kept: u64,
    /// The highest version.
    pub newest: u64,
    /// Data files that went.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Unfinished files of dead runs that went.
    pub temporary: u64,
    /// Data files that nothing names and that are still too young.
    pub too_young: u64,
}

/// Whether to delete or only to count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Delete.
    Delete,
    /// Only count what would go.
    Count,
}

/// Cleans an output, keeping the files of the newest `keep` versions (at least one).
pub fn collect(out: &Path, keep: u64, now: SystemTime, mode: Mode) -> Result<Collected> {
    let store = Local::new(out);
    let newest = log::open(out, None)?.version;
    let Some(_guard) = store.guard_cleaning(log::FOLDER)? else {
        let out = out.display();
        return Err(Error::Conflict(format!("{out}: a run is publishing there now; clean again when it has ended")));
    };
    let versions = log::versions(&store)?;
    let kept = &versions[versions.len().saturating_sub(usize::try_from(keep.max(1)).unwrap_or(usize::MAX))..];
    let mut named = BTreeSet::new();
    for version in kept {
        named.extend(log::read(&store, *version)?.all_files().map(|file| file.path.clone()));
    }
    let sweep = Sweep { now, mode };
    let mut collected =
        Collected { oldest_kept: kept.first().copied().unwrap_or(newest), newest, ..Collected::default() };
    sweep.data(&store, &named, &mut collected)?;
    for folder in ["", log::FOLDER, SNAPSHOTS] {
        sweep.temporary(&store, folder, &mut collected)?;
    }
    Ok(collected)
}

struct Sweep {
    now: SystemTime,
    mode: Mode,
}

impl Sweep {
    fn data(&self, store: &Local, named: &BTreeSet<String>, collected: &mut Collected) -> Result<()> {
        let data = store.locate("data");
        for entry in WalkDir::new(&data).sort_by_file_name() {
            let entry = match entry {
                Err(_) if !data.exists() => return Ok(()),
                entry => entry.map_err(|error| Error::failed(format!("{}: listing it", data.display()), error))?,
            };
            let Ok(below) = entry.path().strip_prefix(store.locate("")) else { continue };
            let parts: Vec<_> = below.components().map(|part| part.as_os_str().to_string_lossy()).collect();
            let (path, name) = (parts.join("/"), entry.file_name().to_string_lossy());
            let unfinished = name.starts_with(TEMPORARY);
            if !entry.file_type().is_file() || named.contains(&path) || !(unfinished || is_content_name(&name)) {
                continue;
            }
            let metadata = entry.metadata().map_err(|error| Error::failed(format!("{path}: looking at it"), error))?;
            if !self.is_old(&metadata) {
                collected.too_young += u64::from(!unfinished);
                continue;
            }
            self.delete(entry.path(), false)?;
            if unfinished {
                collected.temporary += 1;
            } else {
                collected.files += 1;
                collected.bytes += metadata.len();
            }
        }
        Ok(())
    }

    /// What runs that died left behind in one folder.
    fn temporary(&self, store: &Local, folder: &str, collected: &mut Collected) -> Result<()> {
        for name in store.list(folder)?.iter().filter(|name| name.starts_with(TEMPORARY)) {
            let path = store.locate(folder).join(name);
            let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
            if self.is_old(&metadata) {
                self.delete(&path, metadata.is_dir())?;
                collected.temporary += 1;
            }
        }
        Ok(())
    }

    /// A file from the future is young: its clock cannot be trusted.
    fn is_old(&self, metadata: &Metadata) -> bool {
        metadata.modified().is_ok_and(|written| self.now.duration_since(written).is_ok_and(|age| age > GRACE))
    }

    fn delete(&self, path: &Path, is_folder: bool) -> Result<()> {
        let deleted = match self.mode {
            Mode::Count => return Ok(()),
            Mode::Delete if is_folder => fs::remove_dir_all(path),
            Mode::Delete => fs::remove_file(path),
        };
        deleted.map_err(|error| Error::failed(format!("{}: deleting it", path.display()), error))
    }
}

/// Whether a name is one that publications give: 64 hex digits and the suffix.
fn is_content_name(name: &str) -> bool {
    let digits = name.strip_suffix(".parquet").unwrap_or_default();
    digits.len() == 64 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
