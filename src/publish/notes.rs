//! Where an output keeps the notes of row groups: below its state, named by what they are notes of.
//!
//! Notes change no figure and belong to no version: any of them may be missing, and each is checked by whoever reads it.
//! So they are written without waiting for the disk. It fails if the place does.

use super::local::{Local, TEMPORARY};
use super::store::Store;
use crate::error::{Error, Result};
use crate::fold::notes::{self, NotePlace};
use crate::place::readable::Readable;
use std::collections::HashSet;
use std::fs;
use std::io::ErrorKind;
use std::time::{Duration, SystemTime};

use super::log::Manifest;

/// The folder, below the output, of all notes.
pub const FOLDER: &str = "_state/groups";

/// The age from which on no run looks back at the rows of a note: half a year and some.
const LOOKED_AT: Duration = Duration::from_secs(200 * 86_400);

/// The notes of an output.
pub struct Kept<'a> {
    /// The output.
    pub store: &'a dyn Store,
    /// The run, for temporary names.
    pub run_id: &'a str,
}

fn path(name: &str) -> String {
    format!("{FOLDER}/{name}")
}

impl NotePlace for Kept<'_> {
    fn names(&self, folder: &str) -> Result<HashSet<String>> {
        let below = format!("{FOLDER}/");
        let entries = self.store.list(&path(folder))?;
        Ok(entries.iter().filter_map(|entry| Some(entry.path.strip_prefix(&below)?.to_owned())).collect())
    }

    fn open(&self, name: &str) -> Result<Option<Readable>> {
        self.store.open(&path(name))
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = path(name);
        let Some(local) = self.store.local() else { return self.store.create(&path, bytes, self.run_id).map(drop) };
        let (folder, last) = path.rsplit_once('/').expect("a note is in a folder");
        local.make_folder(folder)?;
        let temporary = local.locate(folder).join(Local::temporary(self.run_id, last));
        // Whoever has the name already has the same bytes.
        let put = fs::write(&temporary, bytes).and_then(|()| match fs::hard_link(&temporary, local.locate(&path)) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            linked => linked,
        });
        let _ = fs::remove_file(&temporary);
        put.map_err(|error| Error::failed(format!("{}: writing it", self.store.shown(&path)), error))
    }

    fn drop(&self, name: &str) {
        let _ = self.store.delete(&path(name));
    }
}

/// The notes of an output for those who only look: nothing is written or deleted.
pub struct Read<'a>(pub Kept<'a>);

impl NotePlace for Read<'_> {
    fn names(&self, folder: &str) -> Result<HashSet<String>> {
        self.0.names(folder)
    }

    fn open(&self, name: &str) -> Result<Option<Readable>> {
        self.0.open(name)
    }

    fn put(&self, _: &str, _: &[u8]) -> Result<()> {
        Ok(())
    }

    fn drop(&self, _: &str) {}
}

/// Returns the notes that nobody will look at: those of another job, book or evidence than the newest version's, and
/// those of rows that are long past.
pub(super) fn outlived(store: &dyn Store, newest: &Manifest, now: SystemTime) -> Result<Vec<String>> {
    let own = path(&notes::folder(&newest.job.digest, &newest.book, &newest.evidence)) + "/";
    let entries = store.list(FOLDER)?.into_iter();
    let lives = |entry: &super::store::Entry| {
        let is_own = entry.path.strip_prefix(&own).is_some_and(|name| !name.starts_with(TEMPORARY));
        let limit = if is_own { LOOKED_AT } else { super::gc::GRACE };
        now.duration_since(entry.modified).is_ok_and(|age| age <= limit)
    };
    Ok(entries.filter(|entry| !lives(entry)).map(|entry| entry.path).collect())
}
