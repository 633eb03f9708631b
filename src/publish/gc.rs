//! Garbage collection: deletes data that no kept manifest names and that is older than a grace time.
//!
//! It must never touch an entry of the log, a file that a kept version names, anything that is not its own, or
//! anything at all while a run is alive on this machine. Runs on other machines are protected by the grace time,
//! because a writer puts every file anew that its base does not name. It stops at the first file that cannot be
//! deleted.

use crate::error::{Error, Result};
use crate::signals;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::current::SNAPSHOTS;
use super::local::{Local, TEMPORARY};
use super::log;
use super::notes;
use super::store::{self, Content, Entry, Store};
use super::unfinished;

/// The folder, below the output, in which a collection under way lists what it deletes.
pub const FOLDER: &str = "_gc";

/// The time for which such a list is valid: no request to delete is under way for longer.
const INTENT_LIVES: Duration = Duration::from_secs(86_400);

/// The age at which a file may be deleted: longer than any run takes.
pub const GRACE: Duration = Duration::from_secs(7 * 86_400);

/// The default number of versions that stay readable.
pub const KEEP: u64 = 10;

/// What was deleted, or would be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// The lowest version whose files all remain.
    pub oldest_kept: u64,
    /// The highest version.
    pub newest: u64,
    /// Data files deleted.
    pub files: u64,
    /// The bytes of these files.
    pub bytes: u64,
    /// Unfinished files of dead runs that were deleted.
    pub temporary: u64,
    /// Unnamed data files that are still too young.
    pub too_young: u64,
    /// Notes of row groups that no run looks at any more, and that were deleted.
    pub notes: u64,
}

/// Whether to delete or only to count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Delete.
    Delete,
    /// Only count.
    Count,
}

/// Cleans an output. It keeps the files of the newest `keep` versions (at least one) and of those that were the newest
/// within the grace time, because whoever reads or builds on one of them has begun since then.
pub fn collect(store: &dyn Store, keep: u64, now: SystemTime, mode: Mode) -> Result<Collected> {
    let manifest = log::open(store, None)?;
    let newest = manifest.version;
    let _guard = match store.local() {
        None => None,
        Some(local) => match local.guard_cleaning(log::FOLDER)? {
            Some(guard) => Some(guard),
            None => {
                let out = store.shown("");
                return Err(Error::Conflict(format!(
                    "{out}: a run is publishing there now; clean again when it has ended"
                )));
            }
        },
    };
    let sweep = Sweep { store, now, mode };
    let all = store.list("data")?;
    let (oldest_kept, named) = sweep.named(keep)?;
    let mut collected = Collected { oldest_kept, newest, ..Collected::default() };
    let mut doomed = Vec::new();
    for entry in all {
        let name = entry.path.rsplit('/').next().unwrap_or_default();
        let (unfinished, ours) = (name.starts_with(TEMPORARY), is_content_name(name));
        if named.contains(&entry.path) || !(unfinished || ours) {
            continue;
        }
        match sweep.is_old(entry.modified) {
            true => doomed.push(entry),
            false => collected.too_young += u64::from(ours),
        }
    }
    sweep.delete(doomed, keep, &mut collected)?;
    for path in notes::outlived(store, &manifest, now)? {
        if mode == Mode::Delete {
            store.delete(&path)?;
        }
        collected.notes += 1;
    }
    if let Some(local) = store.local() {
        let runs = local.names(super::RUNS)?.into_iter().map(|run| format!("{}/{run}", super::RUNS));
        let runs = runs.filter(|folder| local.locate(folder).is_dir());
        for folder in ["", log::FOLDER, SNAPSHOTS, FOLDER, unfinished::FOLDER, "_state"]
            .into_iter()
            .map(str::to_owned)
            .chain(runs)
        {
            sweep.temporary(local, &folder, &mut collected)?;
        }
    }
    Ok(collected)
}

/// Refuses to publish files that a concurrent `gc` may be about to delete. A writer calls this after it has put a file
/// anew, and `gc` lists a file before it looks at the file's age: one of the two sees the other, even without locks.
pub fn refuse_doomed(store: &dyn Store, files: &BTreeSet<&str>, now: SystemTime) -> Result<()> {
    for entry in store.list(FOLDER)? {
        if now.duration_since(entry.modified).is_ok_and(|age| age > INTENT_LIVES) {
            continue;
        }
        let Some(text) = store::read(store, &entry.path)? else { continue };
        let Ok(intent) = serde_json::from_slice::<Intent>(&text) else { continue };
        if let Some(path) = intent.deletes.iter().find(|path| files.contains(path.as_str())) {
            let path = store.shown(path);
            return Err(Error::Conflict(format!(
                "{path}: a `vtr gc` is about to delete it, and this run needs it; nothing was published; run again"
            )));
        }
    }
    Ok(())
}

/// The files that a `gc` is about to delete.
#[derive(Serialize, Deserialize)]
struct Intent {
    deletes: Vec<String>,
}

struct Sweep<'a> {
    store: &'a dyn Store,
    now: SystemTime,
    mode: Mode,
}

impl Sweep<'_> {
    /// The lowest version whose files remain, and all files that remain.
    fn named(&self, keep: u64) -> Result<(u64, BTreeSet<String>)> {
        let mut log: Vec<(u64, SystemTime)> = Vec::new();
        for entry in self.store.list(log::FOLDER)? {
            let name = entry.path.rsplit('/').next().unwrap_or_default();
            log.extend(log::version_of(name).map(|version| (version, entry.modified)));
        }
        log.sort_unstable();
        let first = log.len().saturating_sub(usize::try_from(keep.max(1)).unwrap_or(usize::MAX));
        // A version stops being the newest when the next one appears.
        let until = |at: usize| log.get(at + 1).map(|(_, appeared)| *appeared);
        let young = |at: &usize| until(*at).is_some_and(|until| !self.is_old(until));
        let first = (0..first).find(young).unwrap_or(first);
        let mut named = BTreeSet::new();
        for (version, _) in &log[first..] {
            named.extend(log::read(self.store, *version)?.all_files().map(|file| file.path.clone()));
        }
        Ok((log.get(first).map_or(0, |(version, _)| *version), named))
    }

    /// Deletes what is still old and unnamed after every writer could have seen the list.
    fn delete(&self, doomed: Vec<Entry>, keep: u64, collected: &mut Collected) -> Result<()> {
        let count = |entry: &Entry, collected: &mut Collected| {
            if entry.path.rsplit('/').next().is_some_and(is_content_name) {
                collected.files += 1;
                collected.bytes += entry.bytes;
            } else {
                collected.temporary += 1;
            }
        };
        if self.mode == Mode::Count || doomed.is_empty() {
            doomed.iter().for_each(|entry| count(entry, collected));
            return Ok(());
        }
        let nanos = self.now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
        let intent = Intent { deletes: doomed.iter().map(|entry| entry.path.clone()).collect() };
        let said = serde_json::to_vec(&intent).map_err(|error| Error::failed("saying what will be deleted", error))?;
        let id = format!("gc-{nanos}-{}", std::process::id());
        let path = format!("{FOLDER}/{id}.json");
        self.store.put(&path, Content::of(&said), &id)?;
        let (_, named) = self.named(keep)?;
        for entry in doomed {
            signals::check()?;
            let found = self.store.look(&entry.path)?.filter(|found| self.is_old(found.modified));
            if found.is_some() && !named.contains(&entry.path) {
                self.store.delete(&entry.path)?;
                count(&entry, collected);
            }
        }
        // The list is deleted last: a failed request to delete may still be under way, and then the list must remain.
        self.store.delete(&path)?;
        for left in self.store.list(FOLDER)?.iter().filter(|left| self.is_old(left.modified)) {
            self.store.delete(&left.path)?;
        }
        Ok(())
    }

    /// Collects what dead runs left behind in one folder.
    fn temporary(&self, local: &Local, folder: &str, collected: &mut Collected) -> Result<()> {
        for name in local.names(folder)?.iter().filter(|name| name.starts_with(TEMPORARY)) {
            let path = local.locate(folder).join(name);
            let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
            if !metadata.modified().is_ok_and(|written| self.is_old(written)) {
                continue;
            }
            let deleted = match self.mode {
                Mode::Count => Ok(()),
                Mode::Delete if metadata.is_dir() => fs::remove_dir_all(&path),
                Mode::Delete => fs::remove_file(&path),
            };
            deleted.map_err(|error| Error::failed(format!("{}: deleting it", path.display()), error))?;
            collected.temporary += 1;
        }
        Ok(())
    }

    /// Whether a file is old enough. One dated in the future counts as young: its clock cannot be trusted.
    fn is_old(&self, written: SystemTime) -> bool {
        self.now.duration_since(written).is_ok_and(|age| age > GRACE)
    }
}

/// Whether a name has the form that publications use: 64 hex digits and the suffix.
fn is_content_name(name: &str) -> bool {
    let digits = name.strip_suffix(".parquet").unwrap_or_default();
    digits.len() == 64 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
