//! Where an input lies: a disk of this machine, or an object store; and what a URI names there.
//!
//! It opens files as they were when the run listed them and refuses one that has changed since; it knows
//! no format. What a store refuses or a network loses is told apart from a file that is bad: the one ends
//! the run, the other is the file's own fault.

use crate::error::Error;
use crate::place::blob::Blob;
use crate::place::remote::{self, Place, Remote};
use globset::GlobMatcher;
use std::fs::{File, Metadata};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::files::{is_glob, matcher, split_glob};

/// Where a file lies, and which state of it is meant.
#[derive(Clone, Debug)]
pub enum Origin {
    /// On a disk of this machine.
    Disk {
        /// Its path.
        path: PathBuf,
        /// Its size when it was listed.
        bytes: u64,
        /// When it had been changed last; `None` where the system does not tell.
        modified: Option<SystemTime>,
    },
    /// On an object store.
    Store(Remote),
}

impl Origin {
    /// A file of this machine as it is now.
    pub fn disk(path: PathBuf, metadata: &Metadata) -> Origin {
        Origin::Disk { path, bytes: metadata.len(), modified: metadata.modified().ok() }
    }

    /// Its path, if it lies on this machine.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Origin::Disk { path, .. } => Some(path),
            Origin::Store(_) => None,
        }
    }

    /// Its size when it was listed.
    pub fn bytes(&self) -> u64 {
        match self {
            Origin::Disk { bytes, .. } => *bytes,
            Origin::Store(remote) => remote.bytes(),
        }
    }

    /// Opens it; what was fetched of it before is not remembered.
    ///
    /// # Errors
    /// It cannot be opened, or has changed.
    pub fn open(&self) -> Result<Blob, String> {
        match self {
            Origin::Store(remote) => Ok(Blob::Remote(remote.anew())),
            Origin::Disk { path, bytes, modified } => {
                let file = File::open(path).map_err(|error| format!("cannot be opened: {error}"))?;
                let metadata = file.metadata().map_err(|error| format!("cannot be looked at: {error}"))?;
                if metadata.len() != *bytes || metadata.modified().ok() != *modified {
                    return Err("has changed since the run looked at it; run again".to_owned());
                }
                Ok(Blob::File(file))
            }
        }
    }

    /// What went wrong between us and the store, if that is why the file could not be read.
    pub fn trouble(&self) -> Option<Error> {
        match self {
            Origin::Store(remote) => remote.trouble().map(Error::from),
            Origin::Disk { .. } => None,
        }
    }

    /// The same for two names of one file.
    pub(crate) fn identity(&self) -> String {
        match self {
            Origin::Disk { path, .. } => {
                path.canonicalize().unwrap_or_else(|_| path.clone()).to_string_lossy().into_owned()
            }
            Origin::Store(remote) => remote.shown(),
        }
    }
}

/// What a URI names.
pub(crate) enum Named {
    /// One object.
    Object(Remote),
    /// What lies below a folder, each with its path from there; not everything there need be wanted.
    Folder(Vec<(String, Remote)>),
    /// What fits a glob, each with its path from the first folder with a glob sign.
    Glob(String, Vec<(String, Remote)>),
}

/// Asks a store what a URI names.
///
/// # Errors
/// The URI is none, or the store does not answer as it should.
pub(crate) fn named(uri: &str) -> Result<Named, String> {
    let (scheme, bucket, path) = remote::parts(uri)?;
    let place = Place::at(&format!("{scheme}://{bucket}")).map_err(|trouble| trouble.to_string())?;
    let said = |trouble: remote::Trouble| trouble.to_string();
    if !path.is_empty() && !path.ends_with('/') {
        // An object may well have brackets in its name: what is there as written is meant as written.
        if let Some(meta) = place.look(path).map_err(said)? {
            return Ok(Named::Object(place.open(path, &meta)));
        }
    }
    let (base, pattern) = if is_glob(path) { split_glob(path) } else { (path.to_owned(), String::new()) };
    let matcher: Option<GlobMatcher> = if pattern.is_empty() { None } else { Some(matcher(uri, &pattern)?) };
    let base = base.trim_matches('/');
    let mut found = Vec::new();
    for meta in place.list(base).map_err(said)? {
        let Some(below) = place.below(&meta.location) else { continue };
        let relative = below.strip_prefix(base).unwrap_or(&below).trim_start_matches('/').to_owned();
        if matcher.as_ref().is_none_or(|matcher| matcher.is_match(&relative)) {
            found.push((relative, place.open(&below, &meta)));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(if pattern.is_empty() { Named::Folder(found) } else { Named::Glob(pattern, found) })
}
