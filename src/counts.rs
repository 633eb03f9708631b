//! What a run has counted, as tables ask for it: a piece of time at a time, sorted, batch by batch.
//!
//! Nothing is judged, summed into rates or sorted by anything but its key here, and no reader may
//! hold more pieces of time than it works on; several threads may ask at once. Whether counts lie in
//! memory or in spilled runs is this module's own business, and only reading those can fail.

use crate::error::Result;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::compute::interleave;
use arrow::datatypes::{Date32Type, Int64Type, UInt32Type};
use std::collections::BTreeMap;
use std::sync::Arc;
use vtr_columnar::partial::Marginals;
use vtr_kernel::calendar::{self, Day};

/// Most rows of a batch that is handed out.
pub const BATCH_ROWS: usize = 65_536;

/// Batches that follow each other in order.
pub type Batches<'a> = Box<dyn Iterator<Item = Result<RecordBatch>> + 'a>;

/// Everything that tables are made from, superseded rows taken out.
#[derive(Debug, Default)]
pub struct Counted {
    /// By Monday. Keys: `seller_id`, `marketplace`, `programme`, `carrier`; with `reason`. Only weeks
    /// of the asked range.
    pub weekly: Marginal,
    /// By first day of the segment (see `vtr_columnar::partial::TimeAxis`); days outside the range
    /// included where a window needs them. Keys: `seller_id`, `marketplace`, `programme`,
    /// `product_category`; with `reason`.
    pub category: Marginal,
    /// By Monday. Keys: `marketplace`, `carrier_typed`, `carrier`: judged shipments. Only weeks of the
    /// asked range.
    pub names: Marginal,
    /// Defects in each marketplace's health window, all under one day. Keys: `seller_id`,
    /// `marketplace`, `programme`, `product_category`, `carrier`.
    pub culprits: Marginal,
    /// The rows of defects.
    pub defects: Defects,
}

impl Counted {
    /// Of counts and defects that lie in memory; defects in any order, in the schema of
    /// `vtr_columnar::fold::defects_as_text`.
    pub fn in_memory(marginals: Marginals, defects: Vec<RecordBatch>) -> Counted {
        let culprits = marginals.culprits.map(|batch| (0, batch));
        Counted {
            weekly: Marginal::in_memory(marginals.weekly),
            category: Marginal::in_memory(marginals.category),
            names: Marginal::in_memory(marginals.names),
            culprits: Marginal::in_memory(culprits.into_iter().collect()),
            defects: Defects::in_memory(defects),
        }
    }
}

/// Counts by key and piece of time.
///
/// Its batches have a `Dictionary(UInt32, Utf8)` column for each key, `reason` (UInt8, the code of
/// `vtr_kernel::Reason`) where told apart, and `count` (Int64, positive). All batches share one
/// dictionary for each key, whose texts ascend bytewise without repetition, so that codes compare as
/// texts do.
#[derive(Debug, Default)]
pub struct Marginal {
    days: BTreeMap<Day, RecordBatch>,
}

impl Marginal {
    fn in_memory(mut days: BTreeMap<Day, RecordBatch>) -> Marginal {
        days.retain(|_, batch| batch.num_rows() > 0);
        Marginal { days }
    }

    /// The pieces of time that hold counts, by first day, ascending.
    pub fn days(&self) -> Vec<Day> {
        self.days.keys().copied().collect()
    }

    /// The texts of a key column, by code; none where nothing was counted.
    pub fn texts(&self, column: &str) -> StringArray {
        let Some(batch) = self.days.values().next() else { return StringArray::new_null(0) };
        batch[column].as_dictionary::<UInt32Type>().values().as_string::<i32>().clone()
    }

    /// The counts of a piece of time, ascending by the codes of the keys in their order and then by
    /// reason, each combination once; in batches of at most [`BATCH_ROWS`] rows.
    ///
    /// # Errors
    /// What reading spilled counts says.
    pub fn sorted(&self, day: Day) -> Result<Batches<'_>> {
        let Some(batch) = self.days.get(&day) else { return Ok(Box::new(std::iter::empty())) };
        let rows = batch.num_rows();
        let cut = move |start| Ok(batch.slice(start, BATCH_ROWS.min(rows - start)));
        Ok(Box::new((0..rows).step_by(BATCH_ROWS).map(cut)))
    }
}

/// The rows of defects.
#[derive(Debug, Default)]
pub struct Defects {
    batches: Vec<RecordBatch>,
    /// Where the rows of each week stand: batch and row.
    weeks: BTreeMap<Day, Vec<(u32, u32)>>,
}

/// The text columns that defects are sorted by; file and record follow.
const DEFECT_KEYS: [&str; 4] = ["seller_id", "marketplace", "order_id", "package_id"];

impl Defects {
    fn in_memory(batches: Vec<RecordBatch>) -> Defects {
        let mut weeks: BTreeMap<Day, Vec<(u32, u32)>> = BTreeMap::new();
        for (index, batch) in batches.iter().enumerate() {
            for (row, day) in batch["day"].as_primitive::<Date32Type>().values().iter().enumerate() {
                weeks.entry(calendar::monday(*day)).or_default().push((index as u32, row as u32));
            }
        }
        Defects { batches, weeks }
    }

    /// The Mondays of the weeks that hold defects, ascending; of all weeks read, whatever was asked for.
    pub fn weeks(&self) -> Vec<Day> {
        self.weeks.keys().copied().collect()
    }

    /// The defects of a week in the schema of `vtr_columnar::fold::defects_as_text`, sorted by
    /// `seller_id`, `marketplace`, `order_id`, `package_id`, `file`, `record`, in batches of at most
    /// [`BATCH_ROWS`] rows.
    ///
    /// # Errors
    /// What reading spilled rows says.
    pub fn sorted(&self, week: Day) -> Result<Batches<'_>> {
        let mut places = self.weeks.get(&week).cloned().unwrap_or_default();
        let keys: Vec<DefectKeys> = self.batches.iter().map(DefectKeys::of).collect();
        places.sort_unstable_by(|a, b| {
            let key = |(batch, row): &(u32, u32)| keys[*batch as usize].key(*row as usize);
            key(a).cmp(&key(b))
        });
        let starts = (0..places.len()).step_by(BATCH_ROWS);
        Ok(Box::new(starts.map(move |start| Ok(self.gather(&places[start..places.len().min(start + BATCH_ROWS)])))))
    }

    fn gather(&self, places: &[(u32, u32)]) -> RecordBatch {
        let places: Vec<(usize, usize)> = places.iter().map(|(batch, row)| (*batch as usize, *row as usize)).collect();
        let schema = self.batches[0].schema();
        let column = |index: usize| -> ArrayRef {
            let columns: Vec<&dyn Array> = self.batches.iter().map(|batch| batch.column(index).as_ref()).collect();
            interleave(&columns, &places).expect("batches of defects share their types")
        };
        let columns = (0..schema.fields().len()).map(column).collect();
        RecordBatch::try_new(Arc::clone(&schema), columns).expect("every column was gathered from the same rows")
    }
}

/// What a batch of defects is sorted by.
struct DefectKeys<'a> {
    texts: [&'a StringArray; 4],
    file: &'a [u32],
    record: &'a [i64],
}

impl<'a> DefectKeys<'a> {
    fn of(batch: &'a RecordBatch) -> DefectKeys<'a> {
        DefectKeys {
            texts: DEFECT_KEYS.map(|name| batch[name].as_string::<i32>()),
            file: batch["file"].as_primitive::<UInt32Type>().values(),
            record: batch["record"].as_primitive::<Int64Type>().values(),
        }
    }

    /// Null and empty texts are the same here.
    fn key(&self, row: usize) -> ([&'a str; 4], u32, i64) {
        let text = |texts: &'a StringArray| if texts.is_null(row) { "" } else { texts.value(row) };
        (self.texts.map(text), self.file[row], self.record[row])
    }
}
