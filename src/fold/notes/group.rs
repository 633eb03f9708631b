//! A noted row group in the search for copies: its keys, and its records on demand.
//!
//! Keys stay in memory or are spilled; each record is read when it is needed, and checked. It chooses nothing. A damaged
//! record fails with a sentence.

use super::Notes;
use super::form::{RANK, Sections};
use crate::error::{Error, Result};
use crate::fold::dedup::PARTS;
use crate::place::readable::Readable;
use crate::place::spill::{Spill, SpillRange};
use arrow::array::BooleanBufferBuilder;
use arrow::buffer::BooleanBuffer;
use bytes::Bytes;
use parking_lot::Mutex;
use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;
use vtr_columnar::judge::CopyRecord;
use vtr_kernel::calendar::Day;

/// The key of a row, with its rank in the group.
pub type Key = (u64, u32);

const FOREIGN: &str = "it lists other rows than its row group has";

/// The shift that leaves of a hash its part of the hash space.
const PART_SHIFT: u32 = u64::BITS - PARTS.trailing_zeros();
/// A noted row group.
pub struct NotedGroup {
    name: String,
    file: u32,
    first_record: u64,
    sections: Sections,
    /// The first rank of every part of the hash space, and the number of rows.
    bounds: Vec<u32>,
    keys: HeldKeys,
    /// The file, if it stays open.
    readable: Option<Readable>,
    spill: Arc<Spill>,
    /// The ranks of rows that the run reads itself.
    read: Option<BooleanBuffer>,
    /// The records of an object: many small requests would take longer than one for all.
    copied: Mutex<Option<SpillRange>>,
}

enum HeldKeys {
    None,
    Memory(Vec<u8>),
    Spilled(SpillRange),
}

impl NotedGroup {
    /// Makes a group without its keys; they and what must be copied are spilled to `spill`.
    pub(super) fn of(
        name: String,
        sections: Sections,
        (file, first_record): (u32, u64),
        keys: &[u8],
        (readable, spill): (Option<Readable>, Arc<Spill>),
    ) -> NotedGroup {
        let (keys, _) = keys.as_chunks::<8>();
        let part = |key: &[u8; 8]| (u64::from_le_bytes(*key) >> PART_SHIFT) as usize;
        let mut bounds = Vec::with_capacity(PARTS + 1);
        for (rank, key) in (0..).zip(keys) {
            while bounds.len() <= part(key) {
                bounds.push(rank);
            }
        }
        bounds.resize(PARTS + 1, keys.len() as u32);
        let (keys, copied) = (HeldKeys::None, Mutex::default());
        NotedGroup { name, file, first_record, sections, bounds, keys, readable, spill, read: None, copied }
    }

    /// Keeps the keys in memory.
    pub fn hold(&mut self, keys: Vec<u8>) {
        self.keys = HeldKeys::Memory(keys);
    }

    /// Keeps the keys on disk.
    ///
    /// # Errors
    /// The disk fails.
    pub fn spill(&mut self, keys: &[u8]) -> Result<()> {
        self.keys = HeldKeys::Spilled(self.spill.put(keys)?);
        Ok(())
    }

    /// Returns the index of its file.
    pub fn file(&self) -> u32 {
        self.file
    }

    fn ranks(&self, part: usize) -> Range<usize> {
        self.bounds[part] as usize..self.bounds[part + 1] as usize
    }

    /// Leaves rows to the run, which read them itself: those of days that it asks for, which have these keys.
    ///
    /// # Errors
    /// The disk fails, or the note turns out to be damaged or to be that of other rows.
    pub fn leave(&mut self, notes: &Notes, mut own: Vec<u64>, is_asked: &dyn Fn(Day) -> bool) -> Result<()> {
        own.sort_unstable();
        let mut own = own.chunk_by(|a, b| a == b).peekable();
        let mut read = BooleanBufferBuilder::new(self.sections.rows);
        read.append_n(self.sections.rows, false);
        let (mut bytes, mut keys) = (Vec::new(), Vec::new());
        for part in 0..PARTS {
            keys.clear();
            self.keys(part, &mut bytes, &mut keys)?;
            for alike in keys.chunk_by(|a, b| a.0 == b.0) {
                let Some(own) = own.next_if(|own| own[0] == alike[0].0) else { continue };
                let mut ranks: Vec<u32> = alike.iter().map(|(_, rank)| *rank).collect();
                if own.len() < ranks.len() {
                    // Rows with one key are told apart by their records.
                    let records = self.records(notes, alike).map_err(|why| self.give_up(notes, &why))?;
                    let asked = records.iter().filter(|(_, copy)| is_asked(copy.day));
                    ranks = asked.map(|(rank, _)| *rank).collect();
                }
                if own.len() != ranks.len() {
                    return Err(self.give_up(notes, FOREIGN));
                }
                ranks.iter().for_each(|rank| read.set_bit(*rank as usize, true));
            }
        }
        if own.next().is_some() {
            return Err(self.give_up(notes, FOREIGN));
        }
        self.read = Some(read.finish());
        Ok(())
    }

    /// Says that the note is not to be believed, although the run counted on it; returns the error that ends the fold.
    pub fn give_up(&self, notes: &Notes, why: &str) -> Error {
        notes.give_up(&self.name, why);
        Error::Enough
    }

    /// Adds the keys of a part of the hash space.
    ///
    /// # Errors
    /// The disk fails.
    pub fn keys(&self, part: usize, bytes: &mut Vec<u8>, into: &mut Vec<Key>) -> Result<()> {
        let ranks = self.ranks(part);
        let own = match &self.keys {
            HeldKeys::None => return Ok(()),
            HeldKeys::Memory(keys) => &keys[8 * ranks.start..8 * ranks.end],
            HeldKeys::Spilled(place) => {
                bytes.resize(8 * ranks.len(), 0);
                self.spill.read(*place, 8 * ranks.start, bytes)?;
                bytes
            }
        };
        let keys = own.as_chunks::<8>().0.iter().map(|key| u64::from_le_bytes(*key)).zip(ranks.start as u32..);
        match &self.read {
            None => into.extend(keys),
            Some(read) => into.extend(keys.filter(|(_, rank)| !read.value(*rank as usize))),
        }
        Ok(())
    }

    /// Returns the records of rows, each with its rank, given their keys and ranks, which ascend.
    ///
    /// # Errors
    /// A record is damaged or cannot be read.
    pub fn records(&self, notes: &Notes, wanted: &[Key]) -> std::result::Result<Vec<(u32, CopyRecord)>, String> {
        const DAMAGED: &str = "it is damaged";
        let size = self.sections.packing.row_bytes();
        let mut records = Vec::with_capacity(wanted.len());
        for (key, rank) in wanted {
            let own;
            let bytes = match self.alike(*rank) {
                Some(bytes) => bytes,
                None => {
                    own = self.bytes(notes, *rank as usize * size, size)?;
                    &own
                }
            };
            records.push((*rank, self.record(*key, *rank, bytes).ok_or(DAMAGED)?));
        }
        Ok(records)
    }

    /// Returns the record of a rank, if it is among those that are in memory.
    fn alike(&self, rank: u32) -> Option<&[u8]> {
        let size = RANK + self.sections.packing.row_bytes();
        let of = |place: usize| self.sections.alike[size * place..].split_first_chunk::<RANK>();
        let (mut from, mut to) = (0, self.sections.alike.len() / size);
        while from < to {
            let middle = from.midpoint(to);
            let (here, record) = of(middle)?;
            match u32::from_le_bytes(*here).cmp(&rank) {
                Ordering::Less => from = middle + 1,
                Ordering::Equal => return record.get(..size - RANK),
                Ordering::Greater => to = middle,
            }
        }
        None
    }

    /// Returns bytes of the records.
    fn bytes(&self, notes: &Notes, from: usize, length: usize) -> std::result::Result<Bytes, String> {
        let start = self.sections.records_from;
        let read = |readable: &Readable, from: usize, length: usize| {
            notes.read(length as u64);
            readable.bytes_at(start + from as u64, length).map_err(|error| format!("it cannot be read: {error}"))
        };
        if let Some(readable) = &self.readable {
            return read(readable, from, length);
        }
        let mut copied = self.copied.lock();
        let place = match *copied {
            Some(place) => place,
            None => match notes.reopen(&self.name)? {
                readable @ Readable::File(_) => return read(&readable, from, length),
                readable => {
                    let all = read(&readable, 0, self.sections.rows * self.sections.packing.row_bytes())?;
                    *copied.insert(self.spill.put(&all).map_err(|error| error.told())?)
                }
            },
        };
        let mut bytes = vec![0; length];
        self.spill.read(place, from, &mut bytes).map_err(|error| error.told())?;
        Ok(bytes.into())
    }

    fn record(&self, key: u64, rank: u32, bytes: &[u8]) -> Option<CopyRecord> {
        let row = self.sections.packing.read(key, rank, bytes)?;
        let mut record = self.sections.reader.record(&row.cell)?;
        let place = self.first_record + u64::from(row.place);
        (record.hash, record.version) = (row.hash, row.version);
        (record.file, record.record) = (self.file, place);
        Some(record)
    }
}
