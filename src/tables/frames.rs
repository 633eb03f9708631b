//! Folded counts as polars frames: keys packed into one number beside the count.
//!
//! Here counts are added up and spread over columns, and nothing else: rates, targets and texts are
//! made from the sums by the tables. A key is a number in the mixed radix of the dictionaries, whose
//! order is that of the texts, so sorting keys sorts rows. It fails only if polars does; keys that
//! break the marginals' promise of sorted, shared dictionaries panic.

use crate::counts::Marginal;
use crate::error::{Error, Result};
use arrow::array::{Array, AsArray, PrimitiveArray, StringArray};
use arrow::datatypes::{Int64Type, UInt8Type, UInt32Type};
use arrow::record_batch::RecordBatch;
use polars::prelude::{
    BooleanChunked, DataFrame, Int64Chunked, IntoColumn, NewChunkedArray, PolarsError, SortMultipleOptions,
    UInt64Chunked,
};
use vtr_kernel::Reason;
use vtr_kernel::reason::{Class, TABLE};

/// The name of the sum over all categories.
pub const ALL: &str = "(all)";
/// What stands for a missing marketplace.
pub const NONE: &str = "(none)";

const KEY: &str = "key";
const COUNT: &str = "count";
const CELL: &str = "cell";

/// Zones of time that a table can count apart.
const ZONES: usize = 16;
/// Codes of reasons that a key has room for.
const CODES: u64 = 32;
/// A key is its cell times this, plus its zone and reason.
const SLOTS: u64 = ZONES as u64 * CODES;

/// How finely reasons are told apart; what is not needed makes frames longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Each reason by itself.
    Reasons,
    /// One reason stands for its class.
    Classes,
}

/// The reason that stands for its class.
fn representative(class: Class) -> Reason {
    match class {
        Class::OutOfScope => Reason::Canceled,
        Class::Exempt => Reason::Exempt,
        Class::Valid => Reason::Scanned,
        Class::Defect => Reason::ScanMissing,
    }
}

fn failed(error: PolarsError) -> Error {
    Error::failed("adding up the folded counts", error)
}

/// The code of each key column of a cell; a marginal with fewer keys leaves the last ones 0.
pub type Codes = [u32; 5];

/// A count column: its name, and what it counts.
#[derive(Clone, Copy)]
pub struct Measure {
    /// The column's name.
    pub name: &'static str,
    /// For each zone, bit `code` is set for each reason that is counted.
    reasons: [u32; ZONES],
}

impl Measure {
    fn of(name: &'static str, counts: impl Fn(Reason) -> bool) -> Measure {
        let counted = TABLE.iter().map(|entry| entry.reason).filter(|reason| counts(*reason));
        Measure { name, reasons: [counted.fold(0, |bits, reason| bits | 1 << reason as u32); ZONES] }
    }

    /// Counts every judged package.
    pub fn judged(name: &'static str) -> Measure {
        Measure::of(name, |_| true)
    }

    /// Counts the packages of one class.
    pub fn class(name: &'static str, class: Class) -> Measure {
        Measure::of(name, |reason| reason.class() == class)
    }

    /// Counts valid packages and defects.
    pub fn eligible(name: &'static str) -> Measure {
        Measure::of(name, |reason| matches!(reason.class(), Class::Valid | Class::Defect))
    }

    /// Counts one reason, under its own name.
    pub fn reason(reason: Reason) -> Measure {
        Measure::of(reason.name(), |other| other == reason)
    }

    /// The same column, counting only in zones with this bit.
    pub fn in_zones_with(mut self, bit: u8) -> Measure {
        for (zone, reasons) in self.reasons.iter_mut().enumerate() {
            if zone & usize::from(bit) == 0 {
                *reasons = 0;
            }
        }
        self
    }

    fn counts(&self, slot: u64) -> bool {
        self.reasons[(slot / CODES) as usize] >> (slot % CODES) & 1 == 1
    }
}

/// The keys of a marginal: which texts each of its key columns can hold, in ascending order.
pub struct Space {
    names: Vec<&'static str>,
    texts: Vec<StringArray>,
    /// Where [`ALL`] stands in the last column, if that has totals.
    total: Option<Total>,
}

#[derive(Clone, Copy)]
struct Total {
    place: u64,
    /// Whether a text of the source is called like the total. Its own rows are left out: they could
    /// not be told from the total, which counts them too.
    is_taken: bool,
}

impl Space {
    /// The keys that a marginal's batches share.
    pub fn of(marginal: &Marginal, names: &[&'static str]) -> Space {
        let texts = names.iter().map(|name| marginal.texts(name)).collect::<Vec<_>>();
        for (name, texts) in names.iter().zip(&texts) {
            let ascending = (1..texts.len()).all(|index| texts.value(index - 1) < texts.value(index));
            assert!(ascending, "the dictionary of `{name}` ascends, so that codes compare as texts do");
        }
        let space = Space { names: names.to_vec(), texts, total: None };
        let cells = (0..names.len()).try_fold(SLOTS, |cells, column| cells.checked_mul(space.radix(column) + 1));
        assert!(cells.is_some(), "all combinations of {names:?} fit 64 bits");
        space
    }

    /// The same keys, with a total in the last column.
    pub fn with_total(mut self) -> Space {
        let texts = &self.texts[self.texts.len() - 1];
        let place = (0..texts.len()).find(|index| texts.value(*index) >= ALL).unwrap_or(texts.len());
        let is_taken = place < texts.len() && texts.value(place) == ALL;
        self.total = Some(Total { place: place as u64, is_taken });
        self
    }

    fn radix(&self, column: usize) -> u64 {
        let extra = self.total.filter(|total| column + 1 == self.texts.len() && !total.is_taken);
        // At least one, so that an empty dictionary is no division by zero.
        (self.texts[column].len() as u64 + u64::from(extra.is_some())).max(1)
    }

    /// How many texts a column's dictionary has, in order of their codes.
    pub fn texts(&self, column: usize) -> impl Iterator<Item = &str> {
        self.texts[column].iter().map(Option::unwrap_or_default)
    }

    /// The code of each key column of a cell.
    pub fn codes(&self, mut cell: u64) -> Codes {
        let mut codes = Codes::default();
        for column in (0..self.texts.len()).rev() {
            codes[column] = (cell % self.radix(column)) as u32;
            cell /= self.radix(column);
        }
        codes
    }

    /// The text of a code of a column.
    pub fn text(&self, column: usize, code: u32) -> &str {
        let texts = &self.texts[column];
        match self.total {
            Some(total) if column + 1 == self.texts.len() && !total.is_taken => match u64::from(code).cmp(&total.place)
            {
                std::cmp::Ordering::Less => texts.value(code as usize),
                std::cmp::Ordering::Equal => ALL,
                std::cmp::Ordering::Greater => texts.value(code as usize - 1),
            },
            _ => texts.value(code as usize),
        }
    }

    /// The cell that sums up a cell's last column.
    pub fn total_of(&self, cell: u64) -> u64 {
        let place = self.total.map_or(0, |total| total.place);
        cell - cell % self.radix(self.texts.len() - 1) + place
    }

    /// The cells of a batch's rows.
    fn cells(&self, batch: &RecordBatch) -> Vec<u64> {
        let mut cells = vec![0u64; batch.num_rows()];
        for (column, name) in self.names.iter().enumerate() {
            let (keys, texts) = dictionary(batch, name);
            let shared = texts.values().ptr_eq(self.texts[column].values()) || *texts == self.texts[column];
            assert!(shared, "all batches of a marginal share the dictionary of `{name}`");
            let radix = self.radix(column);
            let is_last = column + 1 == self.texts.len();
            let moved_from =
                self.total.filter(|total| is_last && !total.is_taken).map_or(u64::MAX, |total| total.place);
            for (cell, key) in cells.iter_mut().zip(keys.values()) {
                let code = u64::from(*key);
                *cell = *cell * radix + code + u64::from(code >= moved_from);
            }
        }
        cells
    }

    /// A batch of counts as a frame of keys and counts; `keep` sees a cell's codes.
    pub fn frame(
        &self,
        batch: &RecordBatch,
        zone: u8,
        detail: Detail,
        keep: impl Fn(Codes) -> bool,
    ) -> Result<DataFrame> {
        let code = |reason: Reason| match detail {
            Detail::Reasons => reason as u64,
            Detail::Classes => representative(reason.class()) as u64,
        };
        let slots: Vec<u64> = TABLE.iter().map(|entry| u64::from(zone) * CODES + code(entry.reason)).collect();
        let counts = batch[COUNT].as_primitive::<Int64Type>().values();
        let reasons = batch.column_by_name("reason").map(|reasons| reasons.as_primitive::<UInt8Type>().values());
        let mut keys: Vec<u64> = Vec::with_capacity(counts.len());
        let mut sums: Vec<i64> = Vec::with_capacity(counts.len());
        for (row, cell) in self.cells(batch).into_iter().enumerate() {
            if !keep(self.codes(cell)) {
                continue;
            }
            let key = cell * SLOTS + slots[reasons.map_or(0, |reasons| usize::from(reasons[row]))];
            // Batches are sorted, so equal keys mostly follow each other.
            match sums.last_mut() {
                Some(sum) if keys.last() == Some(&key) => *sum += counts[row],
                _ => {
                    keys.push(key);
                    sums.push(counts[row]);
                }
            }
        }
        frame(keys, sums)
    }

    /// Summed counts and beside them the totals over the last column.
    pub fn add_totals(&self, sums: &DataFrame) -> Result<DataFrame> {
        let (keys, counts) = (keys_of(sums)?, self::counts(sums, COUNT)?);
        let total = |key: u64| self.total_of(key / SLOTS) * SLOTS + key % SLOTS;
        let totals = frame(keys.iter().map(|key| total(*key)).collect(), counts.to_vec())?;
        let is_detail: Vec<bool> = keys.iter().map(|key| total(*key) != *key).collect();
        let detail = sums.filter(&BooleanChunked::from_slice("detail".into(), &is_detail)).map_err(failed)?;
        sum(vec![detail, totals])
    }
}

/// A dictionary column's keys and texts.
pub fn dictionary<'a>(batch: &'a RecordBatch, name: &str) -> (&'a PrimitiveArray<UInt32Type>, &'a StringArray) {
    let array = batch[name].as_dictionary::<UInt32Type>();
    assert!(array.null_count() == 0, "keys of a marginal are never null");
    (array.keys(), array.values().as_string::<i32>())
}

fn frame(keys: Vec<u64>, counts: Vec<i64>) -> Result<DataFrame> {
    let keys = UInt64Chunked::from_vec(KEY.into(), keys).into_column();
    let counts = Int64Chunked::from_vec(COUNT.into(), counts).into_column();
    DataFrame::new_infer_height(vec![keys, counts]).map_err(failed)
}

/// Adds up frames of keys and counts: one row for each key, in ascending order.
pub fn sum(frames: Vec<DataFrame>) -> Result<DataFrame> {
    let mut frames = frames.into_iter();
    let Some(mut all) = frames.next() else { return frame(Vec::new(), Vec::new()) };
    for frame in frames {
        all.vstack_mut_owned(frame).map_err(failed)?;
    }
    all.rechunk_mut();
    let is_summed = keys_of(&all)?.is_sorted_by(|a, b| a < b);
    if is_summed {
        return Ok(all);
    }
    // Sorted first, groups are slices, and neither they nor the sums need a hash.
    all.sort_in_place([KEY], SortMultipleOptions::new()).map_err(failed)?;
    // Deprecated in favour of the lazy engine, which would be half of polars for a sum.
    #[allow(deprecated)]
    let mut sums = all.group_by_stable([KEY]).and_then(|groups| groups.sum()).map_err(failed)?;
    drop(all);
    sums.set_column_names(&[KEY, COUNT]).map_err(failed)?;
    sums.rechunk_mut();
    assert!(keys_of(&sums)?.is_sorted_by(|a, b| a < b), "groups of sorted keys ascend");
    Ok(sums)
}

/// Summed counts spread over columns: one row for each cell, one column for each measure.
pub fn pivot(sums: &DataFrame, measures: &[Measure]) -> Result<DataFrame> {
    let (keys, counts) = (keys_of(sums)?, self::counts(sums, COUNT)?);
    let mut cells: Vec<u64> = keys.iter().map(|key| key / SLOTS).collect();
    cells.dedup();
    let places: Vec<Vec<usize>> = (0..SLOTS)
        .map(|slot| (0..measures.len()).filter(|measure| measures[*measure].counts(slot)).collect())
        .collect();
    let mut columns = vec![vec![0i64; cells.len()]; measures.len()];
    let mut row = 0;
    for (key, count) in keys.iter().zip(counts) {
        while cells[row] != key / SLOTS {
            row += 1;
        }
        for measure in &places[(key % SLOTS) as usize] {
            columns[*measure][row] += count;
        }
    }
    let mut wide = vec![UInt64Chunked::from_vec(CELL.into(), cells).into_column()];
    wide.extend(
        measures
            .iter()
            .zip(columns)
            .map(|(measure, counts)| Int64Chunked::from_vec(measure.name.into(), counts).into_column()),
    );
    DataFrame::new_infer_height(wide).map_err(failed)
}

/// Rows that are added up as soon as they are many, so that a long span needs no long memory.
#[derive(Default)]
pub struct Adder {
    total: Option<DataFrame>,
    parts: Vec<DataFrame>,
    rows: usize,
}

impl Adder {
    /// Fewer rows than these are not worth a sum.
    const ROWS: usize = 500_000;

    /// Adds a frame of the same columns as all others.
    pub fn add(&mut self, frame: DataFrame) -> Result<()> {
        self.rows += frame.height();
        self.parts.push(frame);
        // Waiting for as many rows as the total has keeps the work in proportion to the rows.
        if self.rows >= self.total.as_ref().map_or(0, DataFrame::height).max(Self::ROWS) {
            self.add_up()
        } else {
            Ok(())
        }
    }

    fn add_up(&mut self) -> Result<()> {
        let mut parts: Vec<DataFrame> = self.total.take().into_iter().collect();
        parts.append(&mut self.parts);
        self.rows = 0;
        self.total = if parts.is_empty() { None } else { Some(sum(parts)?) };
        Ok(())
    }

    /// The sum; `None` if nothing was added.
    pub fn finish(mut self) -> Result<Option<DataFrame>> {
        self.add_up()?;
        Ok(self.total)
    }
}

/// The counts negated: added, they take the counts out again.
pub fn negative(sums: &DataFrame) -> Result<DataFrame> {
    frame(keys_of(sums)?.to_vec(), counts(sums, COUNT)?.iter().map(|count| -count).collect())
}

/// The summed counts that are not zero.
pub fn not_zero(sums: DataFrame) -> Result<DataFrame> {
    above_zero(sums, COUNT)
}

/// The rows whose count in one column is above zero.
pub fn above_zero(frame: DataFrame, name: &str) -> Result<DataFrame> {
    let kept: Vec<bool> = counts(&frame, name)?.iter().map(|count| *count > 0).collect();
    if kept.iter().all(|kept| *kept) {
        return Ok(frame);
    }
    let mut rest = frame.filter(&BooleanChunked::from_slice("kept".into(), &kept)).map_err(failed)?;
    rest.rechunk_mut();
    Ok(rest)
}

/// The cells of a pivoted frame.
pub fn cells(frame: &DataFrame) -> Result<&[u64]> {
    frame.column(CELL).and_then(|column| column.u64()?.cont_slice()).map_err(failed)
}

/// A count column of a pivoted frame.
pub fn counts<'a>(frame: &'a DataFrame, name: &str) -> Result<&'a [i64]> {
    frame.column(name).and_then(|column| column.i64()?.cont_slice()).map_err(failed)
}

fn keys_of(sums: &DataFrame) -> Result<&[u64]> {
    sums.column(KEY).and_then(|column| column.u64()?.cont_slice()).map_err(failed)
}

/// A count as the kernel takes it; sums of judged packages are never negative.
pub fn unsigned(count: i64) -> u64 {
    u64::try_from(count).expect("a sum of counts is not negative")
}
