//! Superseded rows: found among the copies of all threads, with everything that they subtract from the counts.
//!
//! It chooses nothing itself and changes no count; the owner of the counts subtracts the rows. It fails only if the
//! disk does or the run is told to stop.

use super::counts::{Gone, Runs};
use super::dedup::Search;
use super::{Gathered, on_threads};
use crate::error::Result;
use crate::job::plan::Plan;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use vtr_columnar::choice::Between;
use vtr_columnar::fold::{FileTally, Weeks};
use vtr_columnar::judge::Judge;

/// Superseded rows.
#[derive(Default)]
pub(super) struct Lost {
    /// Their cells, negative.
    pub runs: Runs,
    /// The superseded rows that are in a list of rows.
    pub gone: Gone,
    /// Their places by file, and their number.
    pub files: BTreeMap<u32, (FileTally, u64)>,
    /// By week and class, negative.
    pub weeks: Weeks,
    /// The number of those whose verdict depended on an unknown value.
    pub unpriced: u64,
    /// What was found between copies.
    pub between: Between,
    pub spilled_bytes: u64,
}

impl Lost {
    /// Finds the superseded rows among copies.
    pub fn among(plan: &Plan, judge: &Judge, search: Search<'_>) -> Result<Lost> {
        let found = on_threads(plan, &AtomicBool::new(false), || {
            let mut subtractor = judge.subtractor();
            let (mut gone, mut gathered) = (Gone::default(), Gathered::new(plan));
            let between = search.run(&mut |copy| {
                if subtractor.take_out(copy) {
                    gone.insert(copy.file, copy.record);
                }
                gathered.relieve_counts(subtractor.bytes(), &mut || subtractor.take_pieces())
            })?;
            gathered.runs.keep(subtractor.take_pieces());
            let (taken, spilled_bytes) = (subtractor.taken(), gathered.spill.bytes());
            let (files, weeks, unpriced) = (taken.files, taken.weeks, taken.unpriced);
            Ok(Lost { runs: gathered.runs, gone, files, weeks, unpriced, between, spilled_bytes })
        })?;
        let mut lost = Lost { spilled_bytes: search.spilled_bytes(), ..Lost::default() };
        found.into_iter().for_each(|found| lost.merge(found));
        Ok(lost)
    }

    /// Adds the superseded rows that another thread or process found.
    pub fn merge(&mut self, other: Lost) {
        self.runs.merge(other.runs);
        self.gone.merge(other.gone);
        self.weeks.merge(&other.weeks);
        for (file, (tally, rows)) in other.files {
            let own = self.files.entry(file).or_default();
            own.0.merge(&tally);
            own.1 += rows;
        }
        self.unpriced += other.unpriced;
        self.between.add(other.between);
        self.spilled_bytes += other.spilled_bytes;
    }
}
