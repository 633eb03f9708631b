//! The search among copies of which some are only noted: by their keys, and by their records where keys are alike.
//!
//! Rows whose keys differ are no copies of each other; where keys are alike, all records are looked at, so that the
//! choice is the same as among records alone. [`choose`] decides which copy counts. It fails if the disk does, the run
//! is told to stop, or a note turns out to be damaged.

use crate::error::Result;
use crate::fold::notes::{Key, NotedGroup, Notes, OF_PACKAGE, key_of, may_meet};
use std::collections::BTreeMap;
use vtr_columnar::choice::{Between, choose};
use vtr_columnar::judge::{CopyRecord, Unit};

/// Noted row groups beside the copies of this run.
pub struct Noted<'a> {
    /// The groups.
    pub groups: Vec<NotedGroup>,
    /// Where their records are.
    pub notes: &'a Notes<'a>,
}

/// A row in the search.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Seen {
    key: u64,
    /// The group, from 1, or 0 for a record of this run.
    group: u32,
    /// Its rank in the group, or its place among the records.
    place: u32,
}

impl Noted<'_> {
    /// Hands on all records of a part of the hash space.
    ///
    /// # Errors
    /// The disk fails, a note is damaged, or `take` fails.
    pub fn all(&self, part: usize, take: &mut dyn FnMut(&CopyRecord) -> Result<()>) -> Result<()> {
        let (mut bytes, mut keys) = (Vec::new(), Vec::new());
        for group in &self.groups {
            keys.clear();
            group.keys(part, &mut bytes, &mut keys)?;
            self.records(group, &keys)?.iter().try_for_each(|(_, copy)| take(copy))?;
        }
        Ok(())
    }

    fn records(&self, group: &NotedGroup, keys: &[Key]) -> Result<Vec<(u32, CopyRecord)>> {
        group.records(self.notes, keys).map_err(|why| group.give_up(self.notes, &why))
    }
}

/// Searches copies in one part of the hash space; `bytes` are those of this run.
pub fn search(
    (noted, part): (&Noted, usize),
    bytes: &[u8],
    unit: Unit,
    lost: &mut dyn FnMut(&CopyRecord) -> Result<()>,
) -> Result<Between> {
    let copies: Vec<CopyRecord> =
        bytes.as_chunks::<{ CopyRecord::BYTES }>().0.iter().map(CopyRecord::from_bytes).collect();
    let mut seen: Vec<Seen> =
        (0..).zip(&copies).map(|(place, copy)| Seen { key: key_of(copy), group: 0, place }).collect();
    let (mut buffer, mut keys) = (Vec::new(), Vec::new());
    for (index, group) in (1..).zip(&noted.groups) {
        keys.clear();
        group.keys(part, &mut buffer, &mut keys)?;
        seen.extend(keys.iter().map(|(key, rank)| Seen { key: *key, group: index, place: *rank }));
    }
    seen.sort_unstable();
    let is_alike = |a: &Seen, b: &Seen| a.key & !OF_PACKAGE == b.key & !OF_PACKAGE;
    let mut of_order = Vec::new();
    let mut groups: Vec<&[Seen]> = Vec::new();
    for alike in seen.chunk_by(is_alike).filter(|alike| alike.len() > 1) {
        of_order.clear();
        of_order.extend(alike.iter().map(|seen| seen.key));
        if may_meet(&of_order, unit) {
            groups.push(alike);
        }
    }
    let mut wanted = BTreeMap::<u32, Vec<Key>>::new();
    for seen in groups.iter().copied().flatten().filter(|seen| seen.group > 0) {
        wanted.entry(seen.group).or_default().push((seen.key, seen.place));
    }
    let mut records = BTreeMap::<(u32, u32), CopyRecord>::new();
    for (group, mut keys) in wanted {
        keys.sort_unstable_by_key(|(_, rank)| *rank);
        let found = noted.records(&noted.groups[group as usize - 1], &keys)?;
        records.extend(found.into_iter().map(|(rank, record)| ((group, rank), record)));
    }
    let mut found = Between::default();
    for alike in groups {
        let record = |seen: &Seen| match seen.group {
            0 => copies[seen.place as usize],
            group => records[&(group, seen.place)],
        };
        found.add(choose(alike.iter().map(record).collect(), unit, lost)?);
    }
    Ok(found)
}
