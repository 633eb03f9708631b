//! The interface between a publication and the place that it goes to.
//!
//! A place keeps whole files under relative names and can make one visible only if its name is free. The protocol
//! needs nothing else, so that a local disk and an object store look the same to it. The answer of a place to an
//! attempt may be wrong or lost: callers read back.

use crate::error::Result;
use crate::place::object_files;
use crate::place::readable::Readable;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::io::{Cursor, Read, Seek};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;
use vtr_kernel::text::hex;

use super::local::Local;
use super::object::Object;

/// A place of publication. Paths are relative to it, with `/`.
pub trait Store: Debug + Send + Sync {
    /// How to show a path of the output to people.
    fn shown(&self, path: &str) -> String;

    /// Prepares the place for publication, or says why that is impossible.
    fn prepare(&self) -> Result<()>;

    /// All files below a folder, unordered; empty if there is no such folder.
    fn list(&self, folder: &str) -> Result<Vec<Entry>>;

    /// The metadata of a file; `None` if there is none.
    fn look(&self, path: &str) -> Result<Option<Entry>>;

    /// Opens a file; `None` if there is none.
    fn open(&self, path: &str) -> Result<Option<Readable>>;

    /// Puts a whole file in place, replacing one of that name, and verifies what arrived. Files below `data/` may be
    /// lost in a power loss until their folder is settled.
    fn put(&self, path: &str, content: Content, run_id: &str) -> Result<()>;

    /// Makes a file visible, whole and in one step, if its name is free. It may be visible even if the answer says
    /// otherwise.
    fn create(&self, path: &str, bytes: &[u8], run_id: &str) -> Result<Created>;

    /// Deletes a file; a missing file is not an error.
    fn delete(&self, path: &str) -> Result<()>;

    /// Whether a file of this content exists, as far as the place does not guarantee that itself.
    fn holds(&self, path: &str, bytes: u64, sha256: &str) -> Result<bool>;

    /// Makes durable the files that were put into these folders.
    fn sync(&self, _folders: &BTreeSet<String>) -> Result<()> {
        Ok(())
    }

    /// The sizes of files, `None` where there is none.
    fn sizes(&self, paths: &[&str]) -> Result<Vec<Option<u64>>> {
        paths.iter().map(|path| Ok(self.look(path)?.map(|entry| entry.bytes))).collect()
    }

    /// The place as a folder of this machine, for locks and links; `None` for an object store.
    fn local(&self) -> Option<&Local> {
        None
    }
}

/// A file of a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its path below the place, with `/`.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// The time of its last put, by the clock of the place.
    pub modified: SystemTime,
}

/// The result of an attempt to make a file visible under a free name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// The file is visible, and it is ours.
    Done,
    /// The place says that the name is taken; only reading the file shows by whom.
    Taken,
}

/// A source that can be read again from its beginning.
pub trait Rereadable: Read + Seek {}

impl<T: Read + Seek> Rereadable for T {}

/// A whole file to put: its source, and what must arrive.
pub struct Content<'a> {
    /// The source from its beginning; it may be read more than once.
    pub reader: Box<dyn Rereadable + 'a>,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of its bytes, in hex.
    pub sha256: String,
}

impl<'a> Content<'a> {
    /// The content of bytes in memory.
    pub fn of(bytes: &'a [u8]) -> Content<'a> {
        let sha256 = hex(&Sha256::digest(bytes));
        Content { reader: Box::new(Cursor::new(bytes)), bytes: bytes.len() as u64, sha256 }
    }

    /// The content of a spooled file, with its size and the SHA-256 of its bytes in hex.
    pub fn spooled(file: &'a mut (impl Read + Seek), bytes: u64, sha256: &str) -> Content<'a> {
        Content { reader: Box::new(file), bytes, sha256: sha256.to_owned() }
    }
}

/// The place at a folder or a URI. No request is sent yet.
pub fn at(out: &Path) -> Result<Arc<dyn Store>> {
    match out.to_str().filter(|out| object_files::is_uri(out)) {
        Some(uri) => Ok(Arc::new(Object::at(uri)?)),
        None => Ok(Arc::new(Local::new(out))),
    }
}

/// The bytes of a small file; `None` if there is none.
pub fn read(store: &dyn Store, path: &str) -> Result<Option<Vec<u8>>> {
    let Some(readable) = store.open(path)? else { return Ok(None) };
    let mut bytes = Vec::new();
    let read = readable.reader().read_to_end(&mut bytes);
    read.map_err(|error| crate::error::Error::failed(format!("{}: reading it", store.shown(path)), error))?;
    Ok(Some(bytes))
}
