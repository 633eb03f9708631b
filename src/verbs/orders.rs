//! Reads the rows of some orders again from a job's inputs; the kernel judges them as in a run.
//!
//! Every file is read, and only the rows asked for are judged; nothing is counted or published. It fails if an input
//! is refused, and skips bad files as a run does.

use crate::error::{Error, Result};
use crate::fold::{self, dedup};
use crate::job::plan::Plan;
use crate::progress::warn;
use crate::scan::{self, Survey};
use crate::schema::Table;
use arrow::array::{Array, AsArray, BooleanArray, RecordBatch, StringViewArray};
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::DataType;
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap, HashSet};
use vtr_columnar::choice::losers;
use vtr_columnar::input::Column;
use vtr_columnar::judge::{CopyRecord, Fate, Judge, Records, Source};
use vtr_kernel::facts::Tracking;
use vtr_kernel::text::shown;
use vtr_kernel::wrapper::{unwrapped, unwrapped_number};

/// The rows asked for.
#[derive(Clone, Debug)]
pub enum WantedRows {
    /// Rows of orders, each with its sellers; of any seller if none is named. Both ids as [`order_id`] and
    /// [`seller_id`] make them.
    Orders(HashMap<String, HashSet<String>>),
    /// Rows of which a number has these letters and digits; of any seller if none is given.
    Number {
        /// Letters and digits, in capitals.
        number: String,
        /// The seller.
        seller: Option<String>,
    },
}

impl WantedRows {
    /// Wants one number, written with any separators and in any case.
    pub fn number(number: &str, seller: Option<&str>) -> WantedRows {
        let number = letters(&unwrapped_number(number.trim()));
        WantedRows::Number { number, seller: seller.map(seller_id) }
    }

    fn columns(&self) -> [Column; 2] {
        match self {
            WantedRows::Orders(_) => [Column::SellerId, Column::OrderId],
            WantedRows::Number { .. } => [Column::SellerId, Column::TrackingNumber],
        }
    }

    fn holds(&self, seller: &str, cell: &str) -> bool {
        match self {
            WantedRows::Orders(orders) => {
                let sellers = orders.get(unwrapped_number(cell).as_ref());
                sellers.is_some_and(|sellers| sellers.is_empty() || sellers.contains(unwrapped(seller).as_ref()))
            }
            WantedRows::Number { number, seller: asked } => {
                names(cell, number) && asked.as_ref().is_none_or(|asked| *asked == unwrapped(seller))
            }
        }
    }
}

/// Whether a cell, as a run reads it, is the number or holds it as one of several.
fn names(cell: &str, number: &str) -> bool {
    let whole = letters(cell);
    // Cells are read as a run reads them only if they can hold the number, because the whole history passes here.
    whole == number
        || whole.contains(number) && {
            let mut buffer = String::new();
            let (tracking, _) = Tracking::read(cell, &mut buffer);
            letters(tracking.whole()) == number || tracking.numbers().any(|one| letters(one) == number)
        }
}

fn letters(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_uppercase).collect()
}

/// A seller's id as in the tables, from the id as typed.
pub fn seller_id(typed: &str) -> String {
    unwrapped(typed.trim()).into_owned()
}

/// An order's id as in the tables, from the id as typed.
pub fn order_id(typed: &str) -> String {
    unwrapped_number(typed.trim()).into_owned()
}

/// One row that was asked for.
pub struct AskedRow<'a> {
    /// The file and record, for people.
    pub place: &'a str,
    /// Its batch.
    pub batch: &'a RecordBatch,
    /// The constants of the file.
    pub constants: &'a [(Column, String)],
    /// Its index in the batch.
    pub row: usize,
    /// The outcome of the row.
    pub fate: Fate<'a>,
}

/// The kept part of a row, and whether a newer copy supersedes it.
pub struct FoundRow<T> {
    /// The kept part.
    pub kept: T,
    /// Whether a newer copy supersedes it.
    pub superseded: bool,
}

/// Reads the rows and collects what `keep` returns for each.
///
/// # Errors
/// The inputs are refused.
pub fn read<T: Send>(plan: &mut Plan, wanted: &WantedRows, keep: &Keep<T>) -> Result<Vec<FoundRow<T>>> {
    // All facts are read, whatever tables the job makes.
    plan.output.tables = Table::ALL.to_vec();
    let plan = &*plan;
    let mut survey = scan::survey_and_try(plan)?;
    let rows = loop {
        let judge = fold::judge(plan, &survey).build();
        match rows(plan, &survey, &judge, wanted, keep) {
            // Bad files are skipped, as in a run.
            Err(Error::BadFiles(bad)) => survey = survey.without(plan, bad)?,
            told => break told?,
        }
    };
    survey.left_out().for_each(|left_out| warn(&left_out));
    let copies: Vec<CopyRecord> = rows.iter().filter_map(|(_, copy)| *copy).collect();
    let lost = plan.identity.map_or_else(Vec::new, |identity| losers(copies, dedup::unit(identity)));
    let is_lost = |copy: &CopyRecord| lost.iter().any(|loser| (loser.file, loser.record) == (copy.file, copy.record));
    let found = rows.into_iter().map(|(kept, copy)| FoundRow { kept, superseded: copy.as_ref().is_some_and(is_lost) });
    Ok(found.collect())
}

type KeptRows<T> = Vec<(T, Option<CopyRecord>)>;

/// Returns the kept part of a row, and its identity and order among copies.
pub type Keep<'k, T> = dyn Fn(&Plan, &Judge, AskedRow) -> (T, Option<CopyRecord>) + Sync + 'k;

fn rows<T: Send>(
    plan: &Plan,
    survey: &Survey,
    judge: &Judge,
    wanted: &WantedRows,
    keep: &Keep<T>,
) -> Result<KeptRows<T>> {
    let mut units: Vec<&scan::Unit> = survey.units.iter().collect();
    units.sort_by_key(|unit| (unit.file, unit.first_record));
    let found = Mutex::new(Vec::new());
    let mut bad: BTreeMap<u32, String> = BTreeMap::new();
    for unit in units {
        if bad.contains_key(&unit.file) {
            continue;
        }
        let mut counter = judge.counter();
        let file = &survey.files[unit.file as usize];
        let source = fold::source(plan, survey, unit.file);
        let mut take = |chunk: scan::Chunk| {
            crate::signals::check()?;
            let asked = asked(&chunk, &source, wanted).map_err(|fault| fold::refused(file, fault))?;
            let Some((batch, records)) = asked else { return Ok(()) };
            let mut tell = |row: usize, fate: Fate| {
                let place = format!("{}, record {}", shown(&file.shown), number(&records, row));
                let row = AskedRow { place: &place, batch: &batch, constants: &file.constants, row, fate };
                let kept = keep(plan, judge, row);
                found.lock().push(kept);
            };
            let input = judge.input_of(&batch.schema(), &source);
            let told = input.and_then(|input| counter.explain(&input, &batch, &records, &mut tell));
            told.map_err(|fault| fold::refused(file, fault))
        };
        match scan::read(plan, survey, unit, &mut take) {
            Err(Error::BadFiles(one)) => bad.extend(one),
            read => drop(read?),
        }
    }
    if !bad.is_empty() {
        return Err(Error::BadFiles(bad.into_iter().collect()));
    }
    Ok(found.into_inner())
}

fn number(records: &Records, row: usize) -> u64 {
    match records {
        Records::From(first) => first + row as u64,
        Records::Listed { record, .. } => record[row],
    }
}

/// A column of texts, or the file's constant; neither if the file has no such column.
enum Cells<'a> {
    Texts(StringViewArray),
    Constant(&'a str),
    Nothing,
}

impl Cells<'_> {
    fn value(&self, row: usize) -> &str {
        match self {
            Cells::Texts(texts) if texts.is_null(row) => "",
            Cells::Texts(texts) => texts.value(row).trim(),
            Cells::Constant(text) => text.trim(),
            Cells::Nothing => "",
        }
    }
}

/// The rows of a chunk that are asked for, and their record numbers.
fn asked(
    chunk: &scan::Chunk,
    source: &Source,
    wanted: &WantedRows,
) -> std::result::Result<Option<(RecordBatch, Records)>, String> {
    let cells = |column: Column| -> std::result::Result<Cells, String> {
        let Some(array) = chunk.batch.column_by_name(column.name()) else {
            let constant = source.constants.iter().find(|(constant, _)| *constant == column);
            return Ok(constant.map_or(Cells::Nothing, |(_, text)| Cells::Constant(text)));
        };
        let texts = cast(array, &DataType::Utf8View).map_err(|error| error.to_string())?;
        Ok(Cells::Texts(texts.as_string_view().clone()))
    };
    let [seller, cell] = wanted.columns();
    let (sellers, cells) = (cells(seller)?, cells(cell)?);
    let stays: Vec<bool> =
        (0..chunk.batch.num_rows()).map(|row| wanted.holds(sellers.value(row), cells.value(row))).collect();
    if !stays.contains(&true) {
        return Ok(None);
    }
    let kept = || (0..stays.len()).filter(|row| stays[*row]);
    let record: Vec<u64> = kept().map(|row| number(&chunk.records, row)).collect();
    let (line, byte_offset) = match &chunk.records {
        Records::From(_) => (Vec::new(), Vec::new()),
        Records::Listed { line, byte_offset, .. } => {
            (kept().map(|row| line[row]).collect(), kept().map(|row| byte_offset[row]).collect())
        }
    };
    let mask = BooleanArray::from(stays.clone());
    let batch = filter_record_batch(&chunk.batch, &mask).map_err(|error| error.to_string())?;
    Ok(Some((batch, Records::Listed { record, line, byte_offset })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_found_however_its_cell_is_written() {
        let is_found = |asked: &str, cell: &str| WantedRows::number(asked, None).holds("S", cell);
        let number = "1ZF59Y670343817537";
        for cell in [
            "1z f59y67 0343817537",
            "1ZF59Y670343817536/1ZF59Y670343817537",
            "1ZF59Y670343817536 1ZF59Y670343817537",
            "[1ZF59Y670343817537;]",
            "=\"1ZF59Y670343817537\"",
        ] {
            assert!(is_found(number, cell), "{cell}");
        }
        assert!(is_found("=\"1ZF59Y670343817537\"", number) && is_found("1234567890.0", "1234567890"));
        assert!(is_found("00340434161094022115", "00340434161094022115.0"));
        assert!(!is_found(number, "1ZF59Y6703438175371") && !is_found("70343817537", number));
    }
}
