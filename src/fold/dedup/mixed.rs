//! The search among copies of which some are only noted: by their keys, and by their records where keys are alike.
//!
//! Rows whose keys differ are no copies of each other; where keys are alike, all records are looked at, so that the
//! choice is the same as among records alone. [`choose`] decides which copy counts. It fails if the disk does, the run
//! is told to stop, or a note turns out to be damaged.

use super::repeats::Repeats;
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
    repeats: &mut Repeats,
    lost: &mut dyn FnMut(&CopyRecord) -> Result<()>,
) -> Result<Between> {
    let copies: Vec<CopyRecord> =
        bytes.as_chunks::<{ CopyRecord::BYTES }>().0.iter().map(CopyRecord::from_bytes).collect();
    // Those of this run, then those of one group after the other.
    let mut keys: Vec<Key> = copies.iter().map(key_of).zip(0..).collect();
    let (mut buffer, mut starts) = (Vec::new(), Vec::new());
    for group in &noted.groups {
        starts.push(keys.len());
        group.keys(part, &mut buffer, &mut keys)?;
    }
    // The groups are numbered from 1.
    let group_of = |place: u32| starts.partition_point(|start| *start <= place as usize);
    let file_of = |place: u32| match group_of(place) {
        0 => copies[place as usize].file,
        group => noted.groups[group - 1].file(),
    };
    // What a later file has of an order says something about packages that it lacks.
    let are_of_files = |alike: &[(u64, u32)]| alike.iter().any(|(_, place)| file_of(*place) != file_of(alike[0].1));
    let (mut sets, mut of_order) = (Vec::new(), Vec::new());
    for alike in repeats.among(keys.iter().map(|(key, _)| key & !OF_PACKAGE)).chunk_by(|a, b| a.0 == b.0) {
        of_order.clear();
        of_order.extend(alike.iter().map(|(_, place)| keys[*place as usize].0));
        of_order.sort_unstable();
        if may_meet(&of_order, unit) || are_of_files(alike) {
            sets.push(alike);
        }
    }
    let mut wanted = BTreeMap::<usize, Vec<Key>>::new();
    for (_, place) in sets.iter().copied().flatten() {
        wanted.entry(group_of(*place)).or_default().push(keys[*place as usize]);
    }
    let mut records = BTreeMap::<(usize, u32), CopyRecord>::new();
    for (group, mut keys) in wanted {
        if group == 0 {
            records.extend(keys.iter().map(|(_, place)| ((0, *place), copies[*place as usize])));
            continue;
        }
        keys.sort_unstable_by_key(|(_, rank)| *rank);
        let found = noted.records(&noted.groups[group - 1], &keys)?;
        records.extend(found.into_iter().map(|(rank, record)| ((group, rank), record)));
    }
    let mut found = Between::default();
    for alike in sets {
        let record = |(_, place): &(u64, u32)| records[&(group_of(*place), keys[*place as usize].1)];
        found.add(choose(alike.iter().map(record).collect(), unit, lost)?);
    }
    Ok(found)
}
