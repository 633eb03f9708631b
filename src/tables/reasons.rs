//! `vtr_weekly_reasons`: the number of packages of a week that each rule decided, and under which circumstances.
//!
//! The counts of a week arrive sorted by the table's key; only counts that differ in pending and doubt alone are left
//! to add up. Memory holds no more than a batch of rows, and it fails only if the counts cannot be read.

use super::space::{dictionary, rows_of_a_batch};
use super::{PieceTask, TablesInput, coded, count_column, day_column};
use crate::error::Result;
use crate::fold::counts::Batches;
use crate::schema::Table;
use arrow::array::{ArrayRef, AsArray, BooleanArray, RecordBatch, StringArray};
use arrow::datatypes::{Int64Type, UInt8Type};
use std::collections::VecDeque;
use std::sync::Arc;
use vtr_columnar::marginals::CIRCUMSTANCES;
use vtr_kernel::calendar::Day;

/// Makes the table, week by week.
pub(super) fn build<'a>(input: &'a TablesInput<'a>) -> Vec<PieceTask<'a>> {
    let reasons = &input.counted.reasons;
    let task = |week: Day| {
        PieceTask::of(Table::VtrWeeklyReasons, Some(week), move || {
            let texts = CIRCUMSTANCES.map(|name| reasons.texts(name));
            let (counts, most) = (reasons.sorted(week)?, rows_of_a_batch(&texts));
            Ok(Box::new(ReasonBatches { input, week, counts, rows: VecDeque::new(), texts, most }) as Batches)
        })
    };
    reasons.days().into_iter().filter(|week| input.in_range(*week)).map(task).collect()
}

/// The codes of a key.
type ReasonKey = [u32; CIRCUMSTANCES.len()];

/// Numbers of packages, of pending ones and of those in doubt.
type ReasonSums = [i64; 3];

/// One week, read batch by batch.
struct ReasonBatches<'a> {
    input: &'a TablesInput<'a>,
    week: Day,
    counts: Batches<'a>,
    /// Keys that are added up; the rows of the last one may continue in the next batch.
    rows: VecDeque<(ReasonKey, ReasonSums)>,
    texts: [StringArray; CIRCUMSTANCES.len()],
    /// Rows of a written batch.
    most: usize,
}

impl ReasonBatches<'_> {
    /// Adds up the rows of a batch.
    fn add(&mut self, batch: &RecordBatch) {
        let keys = CIRCUMSTANCES.map(|name| dictionary(batch, name).0);
        let (flags, counts) = (batch["flags"].as_primitive::<UInt8Type>(), batch["count"].as_primitive::<Int64Type>());
        for row in 0..batch.num_rows() {
            let key = keys.map(|codes| codes.value(row));
            let (flags, count) = (flags.value(row), counts.value(row));
            let sums = [count, count * i64::from(flags & 1), count * i64::from(flags >> 1 & 1)];
            match self.rows.back_mut() {
                Some((last, whole)) if *last == key => {
                    whole.iter_mut().zip(sums).for_each(|(sum, more)| *sum += more);
                }
                _ => self.rows.push_back((key, sums)),
            }
        }
    }

    fn batch(&self, rows: &[(ReasonKey, ReasonSums)]) -> RecordBatch {
        let texts = &self.texts;
        let text = |column: usize| coded(rows.iter().map(|(key, _)| key[column]), &texts[column]);
        let flag = |column: usize| -> ArrayRef {
            let is_set = |(key, _): &(ReasonKey, ReasonSums)| Some(texts[column].value(key[column] as usize) == "true");
            Arc::new(rows.iter().map(is_set).collect::<BooleanArray>())
        };
        let count = |of: usize| count_column(rows.iter().map(|(_, sums)| sums[of]).collect());
        let columns: Vec<ArrayRef> = vec![
            text(0),
            text(1),
            text(2),
            day_column(std::iter::repeat_n(self.week, rows.len())),
            text(3),
            text(4),
            text(5),
            text(6),
            flag(7),
            text(8),
            flag(9),
            count(0),
            count(1),
            count(2),
            self.input.evidence_column(rows.len()),
        ];
        self.input.batch(Table::VtrWeeklyReasons, columns)
    }
}

impl Iterator for ReasonBatches<'_> {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Result<RecordBatch>> {
        // One key more than is written, because rows of the last one may still follow.
        while self.rows.len() <= self.most {
            match self.counts.next() {
                None => break,
                Some(Err(error)) => return Some(Err(error)),
                Some(Ok(batch)) => self.add(&batch),
            }
        }
        let rows: Vec<(ReasonKey, ReasonSums)> = self.rows.drain(..self.rows.len().min(self.most)).collect();
        (!rows.is_empty()).then(|| Ok(self.batch(&rows)))
    }
}
