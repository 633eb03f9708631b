//! Distributes units of work over threads, with work stealing.
//!
//! Each thread gets a contiguous range of units of about equal bytes: histories are roughly in the order of time, so
//! most cells of a week are counted by one thread and exist once. A thread that is done steals from the end of the
//! longest remaining range. Which thread does which unit changes no result, and nothing here fails.

use crate::scan::Unit;
use parking_lot::Mutex;
use std::ops::Range;

/// The remaining units, by thread.
pub struct Queue<'a>(Mutex<Vec<&'a [Unit]>>);

impl<'a> Queue<'a> {
    /// Distributes units over `threads` threads.
    pub fn of(units: &'a [Unit], threads: usize) -> Queue<'a> {
        let bytes: Vec<u64> = units.iter().map(|unit| unit.bytes).collect();
        Queue(Mutex::new(stretches(&bytes, threads).into_iter().map(|stretch| &units[stretch]).collect()))
    }

    /// Returns the next unit for a thread, counted from 0; `None` once no thread has any left.
    pub fn next(&self, thread: usize) -> Option<&'a Unit> {
        let mut left = self.0.lock();
        let own = left.get_mut(thread).and_then(|own| own.split_off_first());
        own.or_else(|| left.iter_mut().max_by_key(|left| (bytes(left), left.len()))?.split_off_last())
    }
}

/// Returns as many ranges as there are workers, at least one, each of about the same bytes.
pub fn stretches(bytes: &[u64], hands: usize) -> Vec<Range<usize>> {
    let mut from = 0;
    let stretch = |hands: usize| {
        let share = bytes[from..].iter().sum::<u64>() / hands as u64;
        let mut held = 0;
        let lies_beyond = |bytes: &u64| {
            held += bytes;
            // The unit across the border belongs to the side that holds more of it.
            hands > 1 && held > share + bytes / 2
        };
        let own = from..bytes[from..].iter().position(lies_beyond).map_or(bytes.len(), |place| from + place);
        from = own.end;
        own
    };
    (1..=hands.max(1)).rev().map(stretch).collect()
}

fn bytes(units: &[Unit]) -> u64 {
    units.iter().map(|unit| unit.bytes).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::FilePart;

    fn units(bytes: impl IntoIterator<Item = u64>) -> Vec<Unit> {
        let unit = |(group, bytes): (usize, u64)| Unit {
            file: 0,
            part: FilePart::RowGroup(group),
            first_record: 1,
            for_copies: false,
            last_day: None,
            rows: 1,
            bytes,
        };
        bytes.into_iter().enumerate().map(unit).collect()
    }

    fn taken(queue: &Queue, threads: impl IntoIterator<Item = usize>) -> Vec<usize> {
        let group = |unit: &Unit| match unit.part {
            FilePart::RowGroup(group) => group,
            FilePart::Whole => unreachable!("units are row groups here"),
        };
        threads.into_iter().map_while(|thread| queue.next(thread)).map(group).collect()
    }

    #[test]
    fn threads_keep_to_their_stretches_and_then_help_from_the_end() {
        let units = units([10; 8]);
        let queue = Queue::of(&units, 2);
        assert_eq!(taken(&queue, [0, 1, 0, 1, 0, 0]), [0, 4, 1, 5, 2, 3]);
        assert_eq!(taken(&queue, [0, 1, 0, 1]), [7, 6]);
    }

    #[test]
    fn stretches_are_cut_by_bytes() {
        let units = units([100, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10]);
        assert_eq!(taken(&Queue::of(&units, 2), [1, 0]), [1, 0]);
    }

    #[test]
    fn every_unit_is_dealt_once_whoever_asks() {
        for threads in 0..9 {
            for (count, size) in [(0, 5), (1, 0), (1, 7), (3, 0), (5, 1), (40, 1_000)] {
                let units = units((0..count).map(|unit| size * (unit % 3)));
                let queue = Queue::of(&units, threads);
                let mut all = taken(&queue, (0..).map(|turn| turn * 7 % 11));
                all.sort_unstable();
                assert_eq!(all, (0..count as usize).collect::<Vec<_>>(), "{threads} threads");
            }
        }
    }
}
