//! The memory of a run: how it is divided among purposes, and how much each purpose used.
//!
//! Shares are bytes, per thread where threads hold data of their own; a purpose that has used up its share spills to
//! disk. Nothing here holds or counts rows. It fails if the process uses more than the run was given nevertheless, and
//! states the memory that the run would need.

use crate::error::{Error, Result};
use std::collections::BTreeMap;

/// The memory that every run uses: the program, the rules, the buffers of readers and writers.
const BASE_BYTES: u64 = 96 << 20;
/// The memory that the first thread needs, and each further one: buffers, and what the allocator keeps for it. glibc
/// gives each thread an arena and returns little of it: 150,000 categories used 250 MiB on two threads and 180 MiB on
/// one thread that shares the arena of the main thread.
const FIRST_THREAD_BYTES: u64 = 256 << 20;
const THREAD_BYTES: u64 = 64 << 20;

/// The purposes that memory is held for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// Distinct texts: sellers, categories, carrier names.
    Texts,
    /// Counts by cell.
    Counts,
    /// Records of rows that may be copies of each other.
    Copies,
    /// Rows of defects.
    Defects,
    /// Rejected rows that are kept.
    Rejects,
}

impl Purpose {
    /// Returns its name in the report.
    pub fn name(self) -> &'static str {
        match self {
            Purpose::Texts => "texts",
            Purpose::Counts => "counts",
            Purpose::Copies => "copies",
            Purpose::Defects => "defects",
            Purpose::Rejects => "rejects",
        }
    }
}

/// The most bytes that each purpose used; those of several threads add up.
#[derive(Clone, Debug, Default)]
pub struct Peaks(BTreeMap<Purpose, usize>);

impl Peaks {
    /// Notes the bytes that a purpose uses now.
    pub fn see(&mut self, purpose: Purpose, bytes: usize) {
        let peak = self.0.entry(purpose).or_default();
        *peak = (*peak).max(bytes);
    }

    /// Adds the peaks of another thread.
    pub fn merge(&mut self, other: &Peaks) {
        other.0.iter().for_each(|(purpose, bytes)| *self.0.entry(*purpose).or_default() += bytes);
    }

    /// Returns the peaks by the purposes' names.
    pub fn by_name(&self) -> BTreeMap<&'static str, u64> {
        self.0.iter().map(|(purpose, bytes)| (purpose.name(), *bytes as u64)).collect()
    }
}

/// The memory that a run was given.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    memory: u64,
    threads: usize,
    /// The threads asked for.
    asked: usize,
}

impl Budget {
    /// Returns the budget for a number of bytes and the threads that were asked for.
    pub fn new(memory: u64, threads: usize) -> Budget {
        let more = memory.saturating_sub(FIRST_THREAD_BYTES) / THREAD_BYTES;
        let fit = usize::try_from(more).unwrap_or(usize::MAX).saturating_add(1);
        Budget { memory, threads: threads.clamp(1, fit), asked: threads }
    }

    /// Returns the number of threads that work at once: those asked for, as far as they fit into the memory.
    pub fn threads(self) -> usize {
        self.threads
    }

    fn left(self) -> usize {
        usize::try_from(self.memory.saturating_sub(BASE_BYTES)).unwrap_or(usize::MAX)
    }

    /// Returns the share of a purpose in bytes, for one thread; texts and rejects are shared by all threads. The share
    /// of rejects does not depend on the memory, because they are published.
    pub fn share(self, purpose: Purpose) -> usize {
        match purpose {
            Purpose::Texts => self.left() / 4,
            // A growing table exists twice for a moment, and all of them once more as a sorted run.
            Purpose::Counts | Purpose::Copies => self.left() / 8 / self.threads,
            Purpose::Defects => self.left() / 32 / self.threads,
            Purpose::Rejects => 24 << 20,
        }
    }

    /// Returns the bytes of counts that are kept sorted while no thread works on them, for each marginal.
    pub fn kept_counts(self) -> usize {
        (self.left() / 64).min(32 << 20)
    }

    /// Returns the most bytes that the values of a decoded batch may take.
    pub fn decoded(self) -> u64 {
        (self.left() / 8 / self.threads).min(256 << 20) as u64
    }

    /// Returns the most bytes of a table's rows that one thread holds until it knows whether they are published.
    pub fn held(self) -> usize {
        (self.left() / 32 / self.threads).min(64 << 20)
    }

    /// Returns the memory that a run needs which takes so much by now: half as much again, in round steps, for each of the
    /// threads that this memory allows. More memory means more threads, which take as much as the present ones.
    fn needed(self, taken: u64) -> u64 {
        let each = taken.saturating_sub(BASE_BYTES) / self.threads as u64;
        let is_enough = |memory: &u64| {
            let threads = Budget::new(*memory, self.asked).threads as u64;
            *memory >= BASE_BYTES.saturating_add(each.saturating_mul(threads).saturating_mul(3) / 2)
        };
        ((taken + taken / 2).div_ceil(STEP)..).map(|steps| steps * STEP).find(is_enough).unwrap_or(u64::MAX)
    }

    /// Refuses pages that are inflated at once on every thread and have no room; a batch may hold the end of one page and
    /// the next, so that they take a quarter more than their bytes.
    ///
    /// # Errors
    /// What has the pages, their bytes, and the setting that the run needs.
    pub fn admit_pages(self, bytes: u64, of: &str) -> Result<()> {
        let all = bytes.saturating_mul(self.threads as u64);
        if all.saturating_add(all / 4) <= self.left() as u64 {
            return Ok(());
        }
        let needed = self.needed(BASE_BYTES.saturating_add(all));
        Err(Error::Usage(format!(
            "{of}: the pages of its columns take {} MiB at once on each of {} {}, more than the {} MiB of --memory have room \
             for; nothing was published: raise it to {} MiB{}, or write the file with pages of 1 MiB",
            bytes >> 20,
            self.threads,
            if self.threads == 1 { "thread" } else { "threads" },
            self.memory >> 20,
            needed >> 20,
            if self.threads == 1 { "" } else { ", use fewer --threads" }
        )))
    }

    /// Fails once the process uses more than the run was given.
    ///
    /// # Errors
    /// The memory that the process uses, and the setting that the run needs.
    pub fn check(self) -> Result<()> {
        let Some(taken) = resident().filter(|taken| *taken > self.memory) else { return Ok(()) };
        let needed = self.needed(taken);
        Err(Error::Usage(format!(
            "these inputs take {} MiB of memory by now, more than the {} MiB of --memory; nothing was published: raise it to \
             {} MiB, use fewer --threads, or run parts of the inputs separately",
            taken >> 20,
            self.memory >> 20,
            needed >> 20
        )))
    }
}

/// The steps in which more memory is asked for.
const STEP: u64 = 64 << 20;

/// Returns the resident memory of the process, if the system reports it.
fn resident() -> Option<u64> {
    const PAGE: u64 = 4_096;
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    statm.split(' ').nth(1)?.parse::<u64>().ok()?.checked_mul(PAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_as_many_as_fit() {
        assert_eq!(Budget::new(256 << 20, 16).threads(), 1);
        assert_eq!(Budget::new(320 << 20, 16).threads(), 2);
        assert_eq!(Budget::new(256 << 20, 0).threads(), 1);
        assert_eq!(Budget::new(2 << 30, 16).threads(), 16);
    }

    #[test]
    fn too_little_is_refused_with_the_figure() {
        Budget::new(1 << 40, 1).check().unwrap();
        let refused = Budget::new(1 << 20, 1).check().unwrap_err();
        let said = refused.to_string();
        assert!(
            refused.exit_code() == 2 && said.contains("the 1 MiB of --memory") && said.contains("raise it to"),
            "{said}"
        );
    }

    #[test]
    fn the_figure_holds_for_the_threads_that_it_allows() {
        assert_eq!(Budget::new(256 << 20, 1).needed(338 << 20), 512 << 20);
        assert_eq!(Budget::new(256 << 20, 2).needed(338 << 20), 832 << 20);
        assert_eq!(Budget::new(512 << 20, 2).needed(588 << 20), 896 << 20);
    }

    #[test]
    fn pages_without_room_are_refused_before_they_are_inflated() {
        let said = |memory: u64, threads: usize, pages: u64| {
            Budget::new(memory << 20, threads).admit_pages(pages << 20, "a.parquet").map_err(|error| error.to_string())
        };
        assert_eq!((said(256, 1, 128), said(512, 2, 160), said(2_048, 64, 50)), (Ok(()), Ok(()), Ok(())));
        let refused = said(256, 2, 179).unwrap_err();
        assert!(
            refused.contains("a.parquet: the pages of its columns take 179 MiB at once on each of 1 thread,"),
            "{refused}"
        );
        assert!(refused.contains("raise it to 640 MiB, or write"), "{refused}");
        assert!(said(512, 2, 179).unwrap_err().contains("MiB, use fewer --threads, or write"));
        assert!(said(640, 2, 179).is_ok() && said(384, 1, 179).is_ok());
    }

    #[test]
    fn peaks_of_threads_add_up() {
        let (mut all, mut one) = (Peaks::default(), Peaks::default());
        one.see(Purpose::Defects, 7);
        one.see(Purpose::Defects, 5);
        all.merge(&one);
        all.merge(&one);
        assert_eq!(all.by_name(), BTreeMap::from([("defects", 14)]));
    }
}
