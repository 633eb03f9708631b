//! Counts of a chunk of cells, added up in polars and spread over columns.
//!
//! A chunk is some accounts: it is small, whatever the run's size. Here counts are added up and
//! nothing else; rates, targets and texts are made from the sums by the tables. It fails only if
//! polars does.

use crate::error::{Error, Result};
use polars::prelude::{DataFrame, Int64Chunked, IntoColumn, PolarsError, SortMultipleOptions, UInt64Chunked};
use vtr_kernel::Reason;
use vtr_kernel::mend::{OUTCOMES, Outcome};
use vtr_kernel::reason::Class;

const KEY: &str = "key";
const COUNT: &str = "count";

/// Zones of time that a table can count apart.
const ZONES: usize = 32;
/// Codes of outcomes that a key has room for.
const CODES: u64 = 32;
/// A key is its row times this, plus its zone and outcome.
const SLOTS: u64 = ZONES as u64 * CODES;

/// The reason that stands for its class.
fn representative(class: Class) -> Reason {
    match class {
        Class::OutOfScope => Reason::Canceled,
        Class::Exempt => Reason::Exempt,
        Class::Valid => Reason::Scanned,
        Class::Defect => Reason::ScanMissing,
    }
}

/// What stands for all that is pending.
const PENDING: Outcome = Outcome { reason: Reason::ScanMissing, is_pending: true };

/// A count column: its name, and what it counts.
#[derive(Clone, Copy)]
pub struct Measure {
    name: &'static str,
    /// For each zone, bit `code` is set for each outcome that is counted.
    outcomes: [u32; ZONES],
}

impl Measure {
    /// Counts the packages whose outcome answers yes, in zones with this bit.
    pub fn of(name: &'static str, bit: u8, counts: impl Fn(Outcome) -> bool) -> Measure {
        let counted = OUTCOMES.iter().filter(|outcome| counts(**outcome));
        let bits = counted.fold(0, |bits, outcome| bits | 1 << outcome.code());
        let in_zone = |zone: usize| if zone & usize::from(bit) == 0 { 0 } else { bits };
        Measure { name, outcomes: std::array::from_fn(in_zone) }
    }

    fn counts(&self, slot: u64) -> bool {
        self.outcomes[(slot / CODES) as usize] >> (slot % CODES) & 1 == 1
    }
}

/// Counts by row, zone and outcome, not yet added up.
#[derive(Default)]
pub struct Counts {
    keys: Vec<u64>,
    counts: Vec<i64>,
}

impl Counts {
    /// Notes a count of a row.
    pub fn push(&mut self, row: usize, slot: u64, count: i64) {
        self.keys.push(row as u64 * SLOTS + slot);
        self.counts.push(count);
    }
}

/// The slot of a zone and of an outcome by its code. One outcome stands for its class, since what is told apart
/// without need makes frames longer; what is pending stands for itself.
pub fn slot(zone: u8, code: u32) -> u64 {
    let code = match OUTCOMES[code as usize] {
        Outcome { is_pending: true, .. } => u32::from(PENDING.code()),
        outcome => representative(outcome.class()) as u32,
    };
    u64::from(zone) * CODES + u64::from(code)
}

/// Sums by row, a column for each measure.
pub struct Sums {
    names: Vec<&'static str>,
    columns: Vec<Vec<i64>>,
}

impl Sums {
    /// Adds up the counts of so many rows.
    pub fn of(counts: Counts, rows: usize, measures: &[Measure]) -> Result<Sums> {
        let sums = sum(counts)?;
        let keys = sums.column(KEY).and_then(|column| column.u64()?.cont_slice()).map_err(failed)?;
        let counts = sums.column(COUNT).and_then(|column| column.i64()?.cont_slice()).map_err(failed)?;
        let places: Vec<Vec<usize>> = (0..SLOTS)
            .map(|slot| (0..measures.len()).filter(|measure| measures[*measure].counts(slot)).collect())
            .collect();
        let mut columns = vec![vec![0i64; rows]; measures.len()];
        for (key, count) in keys.iter().zip(counts) {
            for measure in &places[(key % SLOTS) as usize] {
                columns[*measure][(key / SLOTS) as usize] += count;
            }
        }
        Ok(Sums { names: measures.iter().map(|measure| measure.name).collect(), columns })
    }

    /// The sums of a measure.
    pub fn column(&self, name: &str) -> &[i64] {
        let column = self.names.iter().position(|other| *other == name).expect("every measure has a column");
        &self.columns[column]
    }

    /// The same columns, of some rows.
    pub fn rows(&self, kept: &[usize]) -> Sums {
        let some = |column: &Vec<i64>| kept.iter().map(|row| column[*row]).collect();
        Sums { names: self.names.clone(), columns: self.columns.iter().map(some).collect() }
    }
}

fn failed(error: PolarsError) -> Error {
    Error::failed("adding up the folded counts", error)
}

/// One row for each key.
fn sum(counts: Counts) -> Result<DataFrame> {
    let keys = UInt64Chunked::from_vec(KEY.into(), counts.keys).into_column();
    let counts = Int64Chunked::from_vec(COUNT.into(), counts.counts).into_column();
    let mut all = DataFrame::new_infer_height(vec![keys, counts]).map_err(failed)?;
    // Sorted first, groups are slices, and neither they nor the sums need a hash.
    all.sort_in_place([KEY], SortMultipleOptions::new()).map_err(failed)?;
    // Deprecated in favour of the lazy engine, which would be half of polars for a sum.
    #[allow(deprecated)]
    let mut sums = all.group_by_stable([KEY]).and_then(|groups| groups.sum()).map_err(failed)?;
    sums.set_column_names(&[KEY, COUNT]).map_err(failed)?;
    sums.rechunk_mut();
    Ok(sums)
}
