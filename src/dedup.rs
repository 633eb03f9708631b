//! Which rows are superseded by a newer copy of themselves: exact, up to a keyed 128-bit hash.
//!
//! The fold counts every row and leaves a [`Copy`] of what it takes to choose among copies; here the
//! losers are found, part by part of the hash space, so that their counts can be taken out again.
//! The records lie in memory, 48 bytes a row; nothing here can fail.

use crate::job::plan;
use std::sync::Mutex;
use vtr_columnar::fold::{Copy, Unit};

/// Parts of the hash space, by its top bits.
const PARTS: usize = 256;

/// The records of one thread, by part of the hash space.
pub struct Copies(Vec<Vec<Copy>>);

impl Default for Copies {
    fn default() -> Self {
        Copies((0..PARTS).map(|_| Vec::new()).collect())
    }
}

impl Copies {
    /// Takes records over.
    pub fn add(&mut self, copies: Vec<Copy>) {
        for copy in copies {
            self.0[(copy.hash.0 >> 56) as usize].push(copy);
        }
    }
}

/// What the search for copies came to.
#[derive(Debug, Default)]
pub struct Superseded {
    /// The rows that lost to a newer copy, by file and record.
    pub losers: Vec<Copy>,
    /// The largest distance in days between two copies.
    pub apart_days: i64,
}

/// The unit of identity that a plan asks for.
pub fn unit(identity: plan::Identity) -> Unit {
    match identity {
        plan::Identity::Package => Unit::Package,
        plan::Identity::Order => Unit::Order,
    }
}

/// Finds the superseded rows among the records of all threads.
pub fn superseded(copies: Vec<Copies>, unit: Unit, threads: usize) -> Superseded {
    let mut parts: Vec<Vec<Vec<Copy>>> = (0..PARTS).map(|_| Vec::new()).collect();
    for thread in copies {
        for (part, records) in parts.iter_mut().zip(thread.0) {
            part.push(records);
        }
    }
    let waiting = Mutex::new(parts);
    let next = || waiting.lock().unwrap_or_else(std::sync::PoisonError::into_inner).pop();
    let found = Mutex::new(Superseded::default());
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                let mut own = Superseded::default();
                while let Some(part) = next() {
                    search(part.concat(), unit, &mut own);
                }
                let mut found = found.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                found.losers.append(&mut own.losers);
                found.apart_days = found.apart_days.max(own.apart_days);
            });
        }
    });
    let mut found = found.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    found.losers.sort_unstable_by_key(|copy| copy.position);
    found
}

/// Searches one part of the hash space.
fn search(mut part: Vec<Copy>, unit: Unit, found: &mut Superseded) {
    match unit {
        // Later `updated_at`, then later file, then later row: the last of each hash wins.
        Unit::Package => part.sort_unstable_by_key(|copy| (copy.hash, copy.version, copy.position)),
        // Newer files last; within a file the rows of one package beside each other.
        Unit::Order => part.sort_unstable_by_key(|copy| (copy.hash, copy.file(), copy.version, copy.position)),
    }
    for group in part.chunk_by(|a, b| a.hash == b.hash) {
        let Some(last) = group.last() else { continue };
        if group.len() == 1 {
            continue;
        }
        for (index, copy) in group.iter().enumerate() {
            let loses = match unit {
                Unit::Package => index + 1 < group.len(),
                Unit::Order => {
                    let next = group.get(index + 1);
                    copy.file() != last.file() || next.is_some_and(|next| next.version == copy.version)
                }
            };
            if loses {
                found.losers.push(*copy);
            }
        }
        let days = || group.iter().map(|copy| i64::from(copy.day));
        let apart = days().max().zip(days().min()).map_or(0, |(last, first)| last - first);
        found.apart_days = found.apart_days.max(apart);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vtr_kernel::Reason;

    fn copy(hash: u64, version: i64, file: u64, record: u64) -> Copy {
        Copy {
            hash: (hash << 50, hash),
            version,
            position: file << 40 | record,
            pair: 0,
            name: 0,
            day: record as i32,
            reason: Reason::Scanned,
            unpriced: false,
        }
    }

    fn losers(unit: Unit, records: &[Copy]) -> Vec<(u32, u64)> {
        // Every way to cut the records over two threads gives the same.
        let results: Vec<Vec<(u32, u64)>> = (0..=records.len())
            .map(|cut| {
                let (mut a, mut b) = (Copies::default(), Copies::default());
                a.add(records[..cut].to_vec());
                b.add(records[cut..].to_vec());
                superseded(vec![a, b], unit, 2).losers.iter().map(|copy| (copy.file(), copy.record())).collect()
            })
            .collect();
        assert!(results.windows(2).all(|pair| pair[0] == pair[1]));
        results[0].clone()
    }

    #[test]
    fn the_newest_copy_of_a_package_wins_then_the_later_file_then_the_later_row() {
        let records = [
            copy(1, 10, 1, 1),
            copy(1, 20, 0, 2),
            copy(2, 5, 0, 3),
            copy(2, 5, 1, 4),
            copy(3, i64::MIN, 0, 5),
            copy(3, i64::MIN, 0, 6),
            copy(4, 1, 0, 7),
        ];
        assert_eq!(losers(Unit::Package, &records), [(0, 3), (0, 5), (1, 1)]);
    }

    #[test]
    fn of_an_order_only_the_newest_file_counts_and_each_package_of_it_once() {
        // File 0 knew packages 7 and 8, file 1 knows 8 (twice) and 9.
        let records = [copy(1, 7, 0, 1), copy(1, 8, 0, 2), copy(1, 8, 1, 3), copy(1, 9, 1, 4), copy(1, 8, 1, 5)];
        assert_eq!(losers(Unit::Order, &records), [(0, 1), (0, 2), (1, 3)]);
    }

    #[test]
    fn the_distance_between_copies_is_kept() {
        let mut copies = Copies::default();
        copies.add(vec![copy(1, 1, 0, 3), copy(1, 2, 0, 40), copy(2, 1, 0, 500)]);
        assert_eq!(superseded(vec![copies], Unit::Package, 1).apart_days, 37);
    }
}
