//! The results of all threads together, and what superseded rows take from them.
//!
//! It adds and subtracts; which rows are superseded is decided elsewhere. Nothing fails.

use super::counts::{DefectRuns, Gone, Runs};
use super::dedup::Copies;
use super::lost::Lost;
use super::notes::NotedGroup;
use super::{FileCounts, Gathered, RejectedSellers};
use crate::place::budget::Peaks;
use crate::scan::Survey;
use vtr_columnar::choice::Between;
use vtr_columnar::fold::{Due, Weeks};

/// The results of all threads.
#[derive(Default)]
pub struct Whole {
    pub runs: Runs,
    pub files: Vec<FileCounts>,
    pub sellers: RejectedSellers,
    pub defects: Vec<DefectRuns>,
    pub judged: Vec<DefectRuns>,
    pub gone: Gone,
    pub weeks: Weeks,
    pub due: Due,
    pub unpriced: u64,
    pub bytes_read: u64,
    pub rows_taken: u64,
    pub lost: Lost,
    pub noted: Vec<NotedGroup>,
    pub spilled_bytes: u64,
    pub peaks: Peaks,
}

impl Whole {
    /// Merges the results of the threads; the copies are returned apart.
    pub fn of(threads: Vec<Gathered>, survey: &Survey) -> (Whole, Vec<Copies>) {
        let mut whole = Whole { files: vec![FileCounts::default(); survey.files.len()], ..Whole::default() };
        let mut copies = Vec::new();
        for mut thread in threads {
            thread.copies.order();
            whole.runs.merge(thread.runs);
            thread.files.iter().for_each(|(file, counts)| whole.files[*file as usize].merge(counts));
            whole.peaks.merge(&thread.peaks);
            whole.sellers.merge(thread.sellers);
            whole.weeks.merge(&thread.weeks);
            whole.due.merge(&thread.due);
            whole.unpriced += thread.unpriced;
            whole.bytes_read += thread.bytes_read;
            whole.rows_taken += thread.rows_taken;
            whole.lost.merge(thread.lost);
            whole.noted.extend(thread.noted.0);
            whole.spilled_bytes += thread.spill.bytes() + thread.copies.spilled_bytes();
            whole.defects.push(thread.defects);
            whole.judged.push(thread.judged);
            copies.push(thread.copies);
        }
        for (counts, file) in whole.files.iter_mut().zip(&survey.files) {
            if let Some(digest) = &file.digest {
                counts.digest.clone_from(digest);
            }
        }
        (whole, copies)
    }

    /// Subtracts superseded rows from every count and list that they entered; returns what was found between
    /// copies.
    pub fn take_out(&mut self, lost: Lost) -> Between {
        self.runs.merge(lost.runs);
        self.spilled_bytes += lost.spilled_bytes;
        self.weeks.merge(&lost.weeks);
        self.unpriced -= lost.unpriced;
        self.gone.merge(lost.gone);
        for (file, (tally, rows)) in lost.files {
            let counts = &mut self.files[file as usize];
            counts.tally.take_out(&tally);
            counts.superseded += rows;
        }
        lost.between
    }
}
