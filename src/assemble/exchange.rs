//! Exchanges: rows distributed by a key over partitions, each small enough to fit in memory, in temporary files.
//!
//! Threads write pieces of a partition in any order, so the reader of a partition sorts it by a unique key. It knows
//! neither rows nor keys, only bytes and hashes. It fails when the disk does.

use crate::error::Result;
use crate::place::spill::{Spill, SpillRange};
use parking_lot::Mutex;
use std::path::Path;

/// Bytes of a partition that a thread buffers before it spills them.
const PIECE: usize = 32 << 10;

/// Rows by partition.
pub struct Exchange {
    spill: Spill,
    parts: Vec<Mutex<Vec<SpillRange>>>,
}

impl Exchange {
    /// Returns an exchange of `parts` partitions, below a folder.
    pub fn new(folder: &Path, parts: usize) -> Exchange {
        let parts = (0..parts.max(1)).map(|_| Mutex::default()).collect();
        Exchange { spill: Spill::below(folder), parts }
    }

    /// Returns the number of partitions.
    pub fn parts(&self) -> usize {
        self.parts.len()
    }

    /// Returns the partition of a key.
    pub fn part(&self, key: &str) -> usize {
        (hash(key.as_bytes()) % self.parts.len() as u64) as usize
    }

    /// Returns a thread's own writer.
    pub fn writer(&self) -> ExchangeWriter<'_> {
        ExchangeWriter { exchange: self, buffers: vec![Vec::new(); self.parts.len()] }
    }

    /// Returns all rows of a partition.
    ///
    /// # Errors
    /// The disk fails.
    pub fn read(&self, part: usize) -> Result<Vec<u8>> {
        let places = self.parts[part].lock();
        let mut bytes = vec![0; places.iter().map(SpillRange::bytes).sum()];
        let mut at = 0;
        for place in places.iter() {
            self.spill.read(*place, 0, &mut bytes[at..at + place.bytes()])?;
            at += place.bytes();
        }
        Ok(bytes)
    }
}

/// The rows that a thread has not spilled yet.
pub struct ExchangeWriter<'e> {
    exchange: &'e Exchange,
    buffers: Vec<Vec<u8>>,
}

impl ExchangeWriter<'_> {
    /// Adds a row to the partition of a key.
    ///
    /// # Errors
    /// The disk fails.
    pub fn add(&mut self, key: &str, row: impl FnOnce(&mut Vec<u8>)) -> Result<()> {
        let part = self.exchange.part(key);
        row(&mut self.buffers[part]);
        if self.buffers[part].len() >= PIECE { self.flush(part) } else { Ok(()) }
    }

    fn flush(&mut self, part: usize) -> Result<()> {
        let buffer = &mut self.buffers[part];
        if !buffer.is_empty() {
            let place = self.exchange.spill.put(buffer)?;
            self.exchange.parts[part].lock().push(place);
            buffer.clear();
        }
        Ok(())
    }

    /// Spills the rest.
    ///
    /// # Errors
    /// The disk fails.
    pub fn end(mut self) -> Result<()> {
        (0..self.buffers.len()).try_for_each(|part| self.flush(part))
    }
}

/// Returns FNV-1a, its bits mixed once more, so that its remainder is evenly distributed.
fn hash(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in bytes {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_gives_back_what_was_put_into_it() {
        let folder = tempfile::tempdir().unwrap();
        let exchange = Exchange::new(folder.path(), 4);
        let mut writer = exchange.writer();
        for key in 0..10_000u32 {
            writer.add(&key.to_string(), |bytes| bytes.extend_from_slice(&key.to_le_bytes())).unwrap();
        }
        writer.end().unwrap();
        let mut found = Vec::new();
        for part in 0..exchange.parts() {
            let bytes = exchange.read(part).unwrap();
            assert!((8_000..12_000).contains(&bytes.len()), "{} bytes are not a quarter", bytes.len());
            found.extend(bytes.chunks(4).map(|bytes| u32::from_le_bytes(bytes.try_into().unwrap())));
        }
        found.sort_unstable();
        assert!(found.into_iter().eq(0..10_000));
    }
}
