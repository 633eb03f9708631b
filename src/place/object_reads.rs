//! Reading objects from a position on, or from the beginning to the end in large requests.
//!
//! It keeps no piece of its own beyond the one that is being read. It fails as the store does.

use super::object_files::{Object, ObjectFile, STEP};
use bytes::Bytes;
use std::io::{self, Read};
use std::sync::Arc;

/// Reads on from a position of an [`ObjectFile`].
#[derive(Debug)]
pub struct ObjectRead {
    pub(super) object: ObjectFile,
    pub(super) at: u64,
}

impl Read for ObjectRead {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = self.object.bytes().saturating_sub(self.at);
        let length = into.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        if length == 0 {
            return Ok(0);
        }
        into[..length].copy_from_slice(&self.object.get(self.at, length)?);
        self.at += length as u64;
        Ok(length)
    }
}

/// Reads an object from its beginning to its end.
#[derive(Debug)]
pub struct ObjectStream {
    pub(super) object: Arc<Object>,
    pub(super) at: u64,
    pub(super) step: Bytes,
}

impl Read for ObjectStream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.step.is_empty() && self.at < self.object.bytes {
            let until = self.object.bytes.min(self.at + STEP as u64);
            self.step = self.object.fetch(std::slice::from_ref(&(self.at..until)))?.remove(0);
            self.at = until;
        }
        let length = into.len().min(self.step.len());
        into[..length].copy_from_slice(&self.step.split_to(length));
        Ok(length)
    }
}
