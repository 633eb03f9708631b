//! Where an input is: a disk of this machine or an object store; and the objects that a URI names there.
//!
//! It opens files as they were when the run listed them and refuses one that has changed since; it knows no format. A
//! refusal of a store or a network failure is distinguished from a bad file: the first ends the run, the second is the
//! fault of the file.

use crate::error::Error;
use crate::place::object_files::{self, ObjectFile, Place};
use crate::place::readable::Readable;
use globset::GlobMatcher;
use serde::{Deserialize, Serialize};
use std::fs::{File, Metadata};
use std::path::{Path, PathBuf};

use super::files::{is_glob, matcher, split_glob};
use super::table_formats::ListedTables;

/// The system's facts of a file: while all of them stay the same, the content does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Its device; 0 if the system does not report it.
    pub device: u64,
    /// Its inode; 0 if the system does not report it.
    pub inode: u64,
    /// Its size.
    pub bytes: u64,
    /// The time of the last change of its content, in nanoseconds since 1970; `None` if the system does not report it.
    pub modified: Option<i64>,
    /// The time of the last change of its status, which nobody can set; likewise.
    pub changed: Option<i64>,
}

impl Stamp {
    #[cfg(unix)]
    fn of(metadata: &Metadata) -> Stamp {
        use std::os::unix::fs::MetadataExt;
        let nanos = |seconds: i64, nanos: i64| seconds.checked_mul(1_000_000_000)?.checked_add(nanos);
        Stamp {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            modified: nanos(metadata.mtime(), metadata.mtime_nsec()),
            changed: nanos(metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    #[cfg(not(unix))]
    fn of(metadata: &Metadata) -> Stamp {
        let modified = metadata.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
        let modified = modified.and_then(|since| i64::try_from(since.as_nanos()).ok());
        Stamp { device: 0, inode: 0, bytes: metadata.len(), modified, changed: None }
    }
}

/// Where a file is, and which state of it is meant.
#[derive(Clone, Debug)]
pub enum Origin {
    /// On a disk of this machine.
    Disk {
        /// Its path.
        path: PathBuf,
        /// The system's facts when it was listed.
        stamp: Stamp,
    },
    /// On an object store.
    Store(ObjectFile),
}

impl Origin {
    /// Returns the origin of a file of this machine as it is now.
    pub fn disk(path: PathBuf, metadata: &Metadata) -> Origin {
        Origin::Disk { path, stamp: Stamp::of(metadata) }
    }

    /// Returns its whole path and the system's facts, if it is on this machine.
    pub fn stamped(&self) -> Option<(String, &Stamp)> {
        let Origin::Disk { path, stamp } = self else { return None };
        let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
        Some((path.to_str()?.to_owned(), stamp))
    }

    /// Returns the store's identifier of its content; `None` if there is none.
    pub(super) fn told(&self) -> Option<String> {
        match self {
            Origin::Disk { .. } => None,
            Origin::Store(object) => {
                object.etag().map(|etag| format!("etag:{}:{}", etag.trim_matches('"'), object.bytes()))
            }
        }
    }

    /// Returns its path, if it is on this machine.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Origin::Disk { path, .. } => Some(path),
            Origin::Store(_) => None,
        }
    }

    /// Returns its size when it was listed.
    pub fn bytes(&self) -> u64 {
        match self {
            Origin::Disk { stamp, .. } => stamp.bytes,
            Origin::Store(object) => object.bytes(),
        }
    }

    /// Opens it; pieces that were fetched before are forgotten.
    ///
    /// # Errors
    /// It cannot be opened, or has changed.
    pub fn open(&self) -> Result<Readable, String> {
        match self {
            Origin::Store(object) => Ok(Readable::ObjectFile(object.anew())),
            Origin::Disk { path, stamp } => {
                let file = File::open(path).map_err(|error| format!("cannot be opened: {error}"))?;
                let metadata = file.metadata().map_err(|error| format!("cannot be looked at: {error}"))?;
                if Stamp::of(&metadata) != *stamp {
                    return Err("has changed since the run looked at it; run again".to_owned());
                }
                Ok(Readable::File(file))
            }
        }
    }

    /// Returns the failure between us and the store, if that is why the file could not be read.
    pub fn trouble(&self) -> Option<Error> {
        match self {
            Origin::Store(object) => object.trouble().map(Error::from),
            Origin::Disk { .. } => None,
        }
    }

    /// Returns an identity that is the same for two names of one file.
    pub(crate) fn identity(&self) -> String {
        match self {
            Origin::Disk { path, .. } => {
                path.canonicalize().unwrap_or_else(|_| path.clone()).to_string_lossy().into_owned()
            }
            Origin::Store(object) => object.shown(),
        }
    }
}

/// The objects that a URI names.
pub(crate) enum Named {
    /// One object.
    Object(ObjectFile),
    /// Several objects.
    Several {
        /// The glob that they match; `None`: the objects below a folder, of which some may not be wanted.
        pattern: Option<String>,
        /// The objects, each with its path from the folder, or from the first folder with a glob sign.
        objects: Vec<(String, ObjectFile)>,
        /// The tables among all objects of the folder.
        tables: ListedTables,
    },
}

/// Asks a store which objects a URI names.
///
/// # Errors
/// The URI is not valid, or the store does not answer as it should.
pub(crate) fn named(uri: &str) -> Result<Named, String> {
    let (scheme, bucket, path) = object_files::parts(uri)?;
    let place = Place::at(&format!("{scheme}://{bucket}")).map_err(|trouble| trouble.to_string())?;
    let said = |trouble: object_files::Trouble| trouble.to_string();
    if !path.is_empty() && !path.ends_with('/') {
        // An object may have brackets in its name: one that exists as written is taken literally.
        if let Some(meta) = place.look(path).map_err(said)? {
            return Ok(Named::Object(place.open(path, &meta)));
        }
    }
    let (base, pattern) = if is_glob(path) { split_glob(path) } else { (path.to_owned(), String::new()) };
    let matcher: Option<GlobMatcher> = if pattern.is_empty() { None } else { Some(matcher(uri, &pattern)?) };
    // One slash ends a folder's name; a further one is part of its keys.
    let base = base.strip_suffix('/').unwrap_or(&base);
    let (mut objects, mut tables) = (Vec::new(), ListedTables::default());
    let folder = if base.is_empty() { String::new() } else { format!("{base}/") };
    for meta in place.list(&folder).map_err(said)? {
        let Some(below) = place.below(&meta.location) else { continue };
        let Some(relative) = below.strip_prefix(&folder).map(str::to_owned) else { continue };
        tables.look(&relative);
        if matcher.as_ref().is_none_or(|matcher| matcher.is_match(&relative)) {
            objects.push((relative, place.open(&below, &meta)));
        }
    }
    objects.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(Named::Several { pattern: (!pattern.is_empty()).then_some(pattern), objects, tables })
}
