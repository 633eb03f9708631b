//! What a publication asks of the place it goes to, whatever that place is.
//!
//! A place keeps whole files under names below it and can make one visible only if its name is free;
//! nothing else is asked, so that a local disk and an object store can be the same to the protocol. What
//! a place answers to an attempt may be wrong or lost: callers look at what is there.

use crate::error::Result;
use crate::place::blob::Blob;
use crate::place::remote;
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
    /// How a path of the output is shown to people.
    fn shown(&self, path: &str) -> String;

    /// Makes the place ready to be published to, or says why it cannot be.
    fn prepare(&self) -> Result<()>;

    /// All files below a folder, in no order; none if there is no such folder.
    fn list(&self, folder: &str) -> Result<Vec<Entry>>;

    /// What is known of a file; `None` if there is none.
    fn look(&self, path: &str) -> Result<Option<Entry>>;

    /// Opens a file; `None` if there is none.
    fn open(&self, path: &str) -> Result<Option<Blob>>;

    /// Puts a whole file in place, over one of that name if need be, and makes sure of what arrived. What is put below
    /// `data/` may be lost with the power until its folder is settled.
    fn put(&self, path: &str, content: Content, run_id: &str) -> Result<()>;

    /// Makes a file visible, whole and in one step, if its name is free. It may have become so although
    /// the answer says otherwise.
    fn create(&self, path: &str, bytes: &[u8], run_id: &str) -> Result<Created>;

    /// Deletes a file; one that is not there is no failure.
    fn delete(&self, path: &str) -> Result<()>;

    /// Whether a file of this content is there, as far as the place does not vouch for that itself.
    fn holds(&self, path: &str, bytes: u64, sha256: &str) -> Result<bool>;

    /// Makes durable what was put into these folders.
    fn settle(&self, _folders: &BTreeSet<String>) -> Result<()> {
        Ok(())
    }

    /// The sizes of files, `None` where there is none.
    fn sizes(&self, paths: &[&str]) -> Result<Vec<Option<u64>>> {
        paths.iter().map(|path| Ok(self.look(path)?.map(|entry| entry.bytes))).collect()
    }

    /// The place as a folder of this machine, for locks and links.
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
    /// When it was last put, by the clock of the place.
    pub modified: SystemTime,
}

/// What came of an attempt to make a file visible under a free name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// It is there now, and it is ours.
    Done,
    /// The place says that the name is taken; by whom, only reading it tells.
    Taken,
}

/// A source that can be read again from its beginning.
pub trait Rereadable: Read + Seek {}

impl<T: Read + Seek> Rereadable for T {}

/// A whole file to put: where to read it, and what must arrive.
pub struct Content<'a> {
    /// From its beginning; may be read more than once.
    pub reader: Box<dyn Rereadable + 'a>,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of its bytes, in hex.
    pub sha256: String,
}

impl<'a> Content<'a> {
    /// Bytes at hand.
    pub fn of(bytes: &'a [u8]) -> Content<'a> {
        let sha256 = hex(&Sha256::digest(bytes));
        Content { reader: Box::new(Cursor::new(bytes)), bytes: bytes.len() as u64, sha256 }
    }

    /// A file that was spooled, with its size and the SHA-256 of its bytes in hex.
    pub fn spooled(file: &'a mut (impl Read + Seek), bytes: u64, sha256: &str) -> Content<'a> {
        Content { reader: Box::new(file), bytes, sha256: sha256.to_owned() }
    }
}

/// The place at a folder or a URI. Nothing is asked of it yet.
pub fn at(out: &Path) -> Result<Arc<dyn Store>> {
    match out.to_str().filter(|out| remote::is_uri(out)) {
        Some(uri) => Ok(Arc::new(Object::at(uri)?)),
        None => Ok(Arc::new(Local::new(out))),
    }
}

/// The bytes of a small file; `None` if there is none.
pub fn read(store: &dyn Store, path: &str) -> Result<Option<Vec<u8>>> {
    let Some(blob) = store.open(path)? else { return Ok(None) };
    let mut bytes = Vec::new();
    let read = blob.reader().read_to_end(&mut bytes);
    read.map_err(|error| crate::error::Error::failed(format!("{}: reading it", store.shown(path)), error))?;
    Ok(Some(bytes))
}
