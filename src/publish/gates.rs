//! The gates before publishing: sums that must hold for any input, and the job's limits.
//!
//! They compare figures that were counted independently of each other and never correct any; a gate reads no files. A
//! gate that trips names the figures, and nothing is published.

use crate::error::{Error, Result};
use crate::schema::Table;
use crate::tables::each_text;
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use vtr_columnar::asides::Bound;
use vtr_kernel::Class;
use vtr_kernel::calendar::Day;

use super::asides::SetAside;
use super::log::day_text;
use super::rates::{self, Counts};

/// Where the rows of a file, or of all files, ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sums {
    /// Rows read, counted only where they are read.
    pub read: u64,
    /// Rows of row groups that were skipped; not part of the rows read.
    pub rows_pruned: u64,
    /// Rows that cannot be judged.
    pub rejected: u64,
    /// Rows dated after the `as_of` day.
    pub after_as_of: u64,
    /// Older copies.
    pub superseded: u64,
    /// Rows outside the range of weeks.
    pub outside_range: u64,
    /// Judged: not part of the measure.
    pub out_of_scope: u64,
    /// Judged: left out by an exemption.
    pub exempt: u64,
    /// Judged: valid.
    pub valid: u64,
    /// Judged: defect.
    pub defect: u64,
}

impl Sums {
    /// The judged rows by class, in the order of [`Class::ALL`].
    pub fn classes(&self) -> [u64; 4] {
        [self.out_of_scope, self.exempt, self.valid, self.defect]
    }

    /// The outcomes that must add up to the rows read, by name.
    fn fates(&self) -> [(&'static str, u64); 8] {
        [
            ("rejected", self.rejected),
            ("after_as_of", self.after_as_of),
            ("superseded", self.superseded),
            ("outside_range", self.outside_range),
            ("out_of_scope", self.out_of_scope),
            ("exempt", self.exempt),
            ("valid", self.valid),
            ("defect", self.defect),
        ]
    }

    /// The sum of both.
    pub fn plus(mut self, other: &Sums) -> Sums {
        self.read += other.read;
        self.rows_pruned += other.rows_pruned;
        self.rejected += other.rejected;
        self.after_as_of += other.after_as_of;
        self.superseded += other.superseded;
        self.outside_range += other.outside_range;
        self.out_of_scope += other.out_of_scope;
        self.exempt += other.exempt;
        self.valid += other.valid;
        self.defect += other.defect;
        self
    }
}

/// Checks that every row read ended in exactly one place: in each file, in total, and that the files add up to the
/// total.
pub fn identity<'a>(files: impl IntoIterator<Item = (&'a str, &'a Sums)>, total: &Sums) -> Result<()> {
    let mut added = Sums::default();
    for (file, sums) in files {
        ends_once(file, sums)?;
        added = added.plus(sums);
    }
    ends_once("all inputs", total)?;
    if added != *total {
        return Err(broken(format!("the files add up to {added:?}, but the run counted {total:?}")));
    }
    Ok(())
}

fn ends_once(place: &str, sums: &Sums) -> Result<()> {
    let ended: u64 = sums.fates().iter().map(|(_, rows)| rows).sum();
    if ended == sums.read {
        return Ok(());
    }
    let fates: Vec<String> = sums.fates().iter().map(|(name, rows)| format!("{name} {rows}")).collect();
    Err(broken(format!("{place}: {} rows read, but {} = {ended}", sums.read, fates.join(" + "))))
}

fn broken(what: String) -> Error {
    Error::Gate(format!(
        "the counts do not agree: {what}; nothing was published; this is a fault of the program, report it"
    ))
}

/// Rows of unchanged files that were not read again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeptCounts {
    /// Their rows.
    pub rows: u64,
    /// The number of them that were rejected when they were read.
    pub rejected: u64,
}

impl KeptCounts {
    /// Returns these and further rows.
    #[must_use]
    pub fn plus(self, rows: u64, rejected: u64) -> KeptCounts {
        KeptCounts { rows: self.rows + rows, rejected: self.rejected + rejected }
    }
}

/// Checks the job's limit on rejected rows: `share`, an exact fraction, of the rows read now and of those kept.
pub fn max_rejected(share: (u64, u64), sums: &Sums, kept: KeptCounts) -> Result<()> {
    let (numerator, denominator) = share;
    let (rejected, rows) = (sums.rejected + kept.rejected, sums.read + kept.rows);
    if u128::from(rejected) * u128::from(denominator) <= u128::from(rows) * u128::from(numerator) {
        return Ok(());
    }
    let not_read = if kept.rows > 0 {
        format!(" ({} of them in files or row groups that were not read again)", kept.rows)
    } else {
        String::new()
    };
    Err(Error::Gate(format!(
        "{rejected} of {rows} rows{not_read} were rejected, more than `limits.max_rejected` allows ({numerator} in {denominator}); \
         nothing was published; mend the inputs or raise the limit"
    )))
}

/// Checks the job's limit on values set aside in each column: `share`, an exact fraction, of the rows read now and of
/// those kept from files that did not change.
pub fn set_aside(bound: Bound, share: (u64, u64), all: &[SetAside], rows: u64) -> Result<()> {
    let (numerator, denominator) = share;
    let key = match bound {
        Bound::None => return Ok(()),
        Bound::MaxDamaged => "limits.max_damaged",
        Bound::MaxUnknownWords => "limits.max_unknown_words",
        Bound::MaxCopiedTimes => "limits.max_copied_times",
    };
    let is_borne = |count: u64| u128::from(count) * u128::from(denominator) <= u128::from(rows) * u128::from(numerator);
    let too_many = all.iter().filter(|aside| aside.bound() == bound && !is_borne(aside.count));
    let lines: Vec<String> = too_many.map(|aside| format!("\n  {}", aside.sentence())).collect();
    if lines.is_empty() {
        return Ok(());
    }
    Err(Error::Gate(format!(
        "more values are doubtful than `{key}` allows ({numerator} in {denominator} of {rows} rows); nothing was published; mend \
         the inputs or raise the limit{}",
        lines.concat()
    )))
}

/// Checks the job's limit on published weeks that lose all their rows: a missing or truncated input must not empty
/// dashboards.
pub fn max_vanished(most: u64, weeks: &BTreeSet<Day>, closes_weeks: bool) -> Result<()> {
    let (Some(first), Some(last)) = (weeks.first(), weeks.last()) else { return Ok(()) };
    if weeks.len() as u64 <= most {
        return Ok(());
    }
    let remedy = if closes_weeks {
        "a run without --full and weeks leaves those as they are that [output] `closed_after_days` closes"
    } else {
        "if old inputs are deleted as a rule, set [output] `closed_after_days` to fewer days than they are kept, and \
         their weeks stay as they are"
    };
    Err(Error::Gate(format!(
        "{} published weeks would vanish, {} to {}; nothing was published; {remedy}; else bring the inputs back, publish to \
         another place (--out), or raise `limits.max_vanished_weeks`",
        weeks.len(),
        day_text(*first),
        day_text(*last)
    )))
}

/// The sums of each week of the tables, taken from the rows as they are written.
#[derive(Debug, Default)]
pub struct Audit {
    /// Packages by table and Monday, in the order of [`Class::ALL`].
    weeks: BTreeMap<(&'static str, Day), [u64; 4]>,
    /// Counts of the rates by table and Monday, of final rows and of open ones.
    rates: BTreeMap<(&'static str, Day), [Counts; 2]>,
}

impl Audit {
    /// Adds up rows of a piece.
    ///
    /// # Panics
    /// If a weekly table lacks a count column, or a count is negative.
    pub fn add(&mut self, table: Table, week: Option<Day>, rows: &RecordBatch) {
        let Some(week) = week else { return };
        let total = |column: &str| column_sum(table, rows, column);
        if rates::SOURCES.contains(&table) {
            self.add_rates((table.name(), week), rates::sums(rows));
        }
        let counts = match table {
            Table::VtrWeekly | Table::VtrWeeklyCategory => ["out_of_scope", "exempt", "valid", "defects"].map(total),
            Table::CarrierNames => [total("shipments"), 0, 0, 0],
            Table::Defects => [0, 0, 0, rows.num_rows() as u64],
            Table::VtrWeeklyReasons => by_class(rows, Some("packages")),
            Table::Judged => by_class(rows, None),
            _ => return,
        };
        self.add_counts((table.name(), week), counts);
    }

    /// Adds the sums of another audit.
    pub fn merge(&mut self, other: Audit) {
        other.weeks.into_iter().for_each(|(week, counts)| self.add_counts(week, counts));
        other.rates.into_iter().for_each(|(week, rates)| self.add_rates(week, rates));
    }

    fn add_rates(&mut self, week: (&'static str, Day), rates: [Counts; 2]) {
        let sums = self.rates.entry(week).or_default();
        sums.iter_mut().zip(rates).for_each(|(sum, more)| sum.plus(more));
    }

    /// Counts of the rates of a table's weeks, of final rows and of open ones, by Monday.
    pub fn rates(&self, table: Table) -> BTreeMap<Day, [Counts; 2]> {
        let of_table = self.rates.iter().filter(|((name, _), _)| *name == table.name());
        of_table.map(|((_, week), sums)| (*week, *sums)).collect()
    }

    fn add_counts(&mut self, week: (&'static str, Day), counts: [u64; 4]) {
        let sums = self.weeks.entry(week).or_default();
        sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
    }

    /// Checks that the tables made agree, week by week, with what was counted independently, and that the weeks add up
    /// to the total.
    pub fn weeks(&self, made: &[Table], counted: &BTreeMap<Day, [u64; 4]>, total: &Sums) -> Result<()> {
        let added = counted.values().fold([0; 4], |sum, week| std::array::from_fn(|class| sum[class] + week[class]));
        if added != total.classes() {
            let (added, total) = (classes(added), classes(total.classes()));
            return Err(broken(format!("the weeks add up to {added}, but the files to {total}")));
        }
        for table in made {
            let expected = |classes: [u64; 4]| match table {
                Table::VtrWeekly | Table::VtrWeeklyCategory | Table::VtrWeeklyReasons => Some(classes),
                Table::CarrierNames => Some([classes.iter().sum(), 0, 0, 0]),
                Table::Defects => Some([0, 0, 0, classes[3]]),
                _ => None,
            };
            let of_table = self.weeks.keys().filter(|(name, _)| *name == table.name()).map(|(_, week)| week);
            for week in of_table.chain(counted.keys()) {
                let Some(expected) = expected(counted.get(week).copied().unwrap_or_default()) else { break };
                let found = self.weeks.get(&(table.name(), *week)).copied().unwrap_or_default();
                if found != expected {
                    let (name, week) = (table.name(), day_text(*week));
                    let (found, expected) = match table {
                        Table::CarrierNames => (format!("{} judged", found[0]), format!("{} judged", expected[0])),
                        _ => (classes(found), classes(expected)),
                    };
                    return Err(broken(format!(
                        "{name}, week of {week}: the table says {found}, the run counted {expected}"
                    )));
                }
            }
        }
        Ok(())
    }
}

fn classes(counts: [u64; 4]) -> String {
    let named: Vec<String> =
        Class::ALL.iter().zip(counts).map(|(class, count)| format!("{} {count}", class.name())).collect();
    named.join(", ")
}

/// Packages by class; a row has a number of packages or is one package.
fn by_class(rows: &RecordBatch, packages: Option<&str>) -> [u64; 4] {
    let (mut sums, mut first) = ([0; 4], 0);
    let packages = packages.map(|name| rows[name].as_primitive::<Int64Type>().values());
    each_text(&rows["class"], &mut |class, alike| {
        let class = Class::ALL.iter().position(|known| known.name() == class).expect("every row is of a class");
        let count = |packages: &[i64]| packages.iter().map(|count| count.unsigned_abs()).sum();
        sums[class] += packages.map_or(alike as u64, |packages| count(&packages[first..first + alike]));
        first += alike;
    });
    sums
}

fn column_sum(table: Table, batch: &RecordBatch, column: &str) -> u64 {
    let (table, found) = (table.name(), batch.column_by_name(column));
    let counts = found.and_then(|array| array.as_primitive_opt::<Int64Type>());
    let counts = counts.unwrap_or_else(|| panic!("{table} has no Int64 column `{column}`"));
    let count = |count: i64| u64::try_from(count).unwrap_or_else(|_| panic!("{table}.{column} holds a negative count"));
    counts.iter().flatten().map(count).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, Int32Array, Int64Array, StringArray};
    use arrow::datatypes::DataType;
    use std::sync::Arc;

    fn sums(read: u64, rejected: u64, valid: u64, defect: u64) -> Sums {
        Sums { read, rejected, valid, defect, ..Sums::default() }
    }

    fn says(result: Result<()>, words: &[&str]) {
        let Err(Error::Gate(message)) = result else { panic!("the gate did not trip: {result:?}") };
        words.iter().for_each(|word| assert!(message.contains(word), "{message}"));
    }

    #[test]
    fn rows_end_once_in_each_file_and_in_total() {
        let (a, b) = (sums(10, 1, 7, 2), sums(5, 0, 5, 0));
        identity([("a", &a), ("b", &b)], &sums(15, 1, 12, 2)).unwrap();
        says(identity([("a.csv", &sums(10, 1, 7, 1))], &sums(10, 1, 7, 2)), &["a.csv", "10 rows read", "= 9"]);
        says(identity([("a", &a)], &sums(15, 1, 12, 2)), &["read: 10", "read: 15"]);
        // Two faults that cancel out in the total are still faults of their files.
        says(identity([("a", &sums(10, 0, 9, 0)), ("b", &sums(5, 0, 6, 0))], &sums(15, 0, 15, 0)), &["a: 10 rows"]);
    }

    #[test]
    fn the_limit_of_rejects_is_exact() {
        let none = KeptCounts::default();
        max_rejected((1, 1000), &sums(3000, 3, 2997, 0), none).unwrap();
        says(max_rejected((1, 1000), &sums(2999, 3, 2996, 0), none), &["3 of 2999", "1 in 1000"]);
        max_rejected((0, 1), &sums(10, 0, 10, 0), none).unwrap();
        says(max_rejected((0, 1), &sums(u64::MAX, 1, 0, 0), none), &["1 of"]);
        // Rows that are not read again count as when they were read.
        let kept = KeptCounts { rows: 2000, rejected: 1 };
        max_rejected((1, 1000), &sums(1000, 2, 998, 0), kept).unwrap();
        says(max_rejected((1, 1000), &sums(1000, 3, 997, 0), kept), &["4 of 3000", "2000 of them in files"]);
    }

    #[test]
    fn the_limits_of_what_is_set_aside_hold_for_each_column_and_kind() {
        let aside = |kind: &str, column: &str, count| SetAside {
            kind: kind.into(),
            column: column.into(),
            count,
            places: vec![crate::publish::asides::AsidePlace { file: "in/a.csv".into(), record: 7 }],
        };
        let all = [aside("damaged_id", "tracking_number", 30), aside("unknown_word", "currency", 31)];
        set_aside(Bound::MaxDamaged, (1, 100), &all, 3000).unwrap();
        says(
            set_aside(Bound::MaxUnknownWords, (1, 100), &all, 3000),
            &["max_unknown_words", "`currency`: 31 values", "in/a.csv, record 7", "1 in 100 of 3000"],
        );
        says(set_aside(Bound::MaxDamaged, (0, 1), &all, 3000), &["`tracking_number`: 30 values", "as text"]);
        set_aside(Bound::None, (0, 1), &all, 3000).unwrap();
    }

    /// One row whose counts are all `count`.
    fn row(table: Table, count: i64) -> RecordBatch {
        let schema = table.schema();
        let column = |field: &arrow::datatypes::FieldRef| match field.data_type() {
            DataType::Int64 => Arc::new(Int64Array::from(vec![count])) as ArrayRef,
            DataType::Utf8 => Arc::new(StringArray::from(vec!["x"])),
            other => arrow::compute::cast(&Int64Array::from(vec![1_i64]), other)
                .or_else(|_| arrow::compute::cast(&Int32Array::from(vec![1]), other))
                .unwrap(),
        };
        let columns = schema.fields().iter().map(column).collect();
        RecordBatch::try_new(schema.clone(), columns).unwrap()
    }

    #[test]
    fn every_table_with_weeks_is_held_to_the_count() {
        let mut audit = Audit::default();
        let tables = [Table::VtrWeekly, Table::VtrWeeklyCategory, Table::Defects, Table::CarrierNames];
        for (table, count) in tables.into_iter().zip([1, 1, 0, 4]) {
            let mut apart = Audit::default();
            apart.add(table, Some(4), &row(table, count));
            audit.merge(apart);
        }
        let total = Sums { out_of_scope: 1, exempt: 1, ..sums(4, 0, 1, 1) };
        audit.weeks(&tables, &BTreeMap::from([(4, [1; 4])]), &total).unwrap();
        let more = Sums { defect: 2, ..total };
        for table in tables {
            says(audit.weeks(&[table], &BTreeMap::from([(4, [1, 1, 1, 2])]), &more), &[table.name(), "1970-01-05"]);
            // A week that is on one side only.
            says(audit.weeks(&[table], &BTreeMap::from([(11, [1; 4])]), &total), &[table.name()]);
        }
        says(audit.weeks(&tables, &BTreeMap::from([(4, [1; 4])]), &more), &["defect 1", "defect 2"]);
        audit.weeks(&[Table::Rejects, Table::VtrRolling], &BTreeMap::from([(4, [1; 4])]), &total).unwrap();
    }
}
