//! Replaces in a table only the rows that differ between the version in the sink and the one it is brought to.
//!
//! Both versions' published files are compared, a week at a time, by digests of rows; the server is told the
//! keys to delete and the rows to insert. It decides nothing about what a table must hold: whenever the files of the
//! old version cannot be read, the server holds other rows than they, or many rows differ, it undoes its part and all
//! is replaced.

use super::rows::{self, Digests};
use super::{Altered, Change, Counted, Part, Source, Sync, ddl, filter};
use crate::error::{Error, Result};
use crate::publish::DataFile;
use crate::publish::log::day_text;
use crate::schema::Table;
use crate::schema::cell::Cell;
use crate::sinks::Synced;
use arrow::array::RecordBatch;
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, BTreeSet};
use vtr_kernel::calendar::Day;

/// Bytes of keys sent in one statement.
const BYTES_OF_KEYS: usize = 4 << 20;
/// The most rows of a part that are compared: each takes some 50 bytes of memory. A larger part is replaced whole.
const ROWS_TO_COMPARE: u64 = 2 << 20;
/// Lets the server look each key up.
const BY_INDEX: &str =
    "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL enable_seqscan = off";
/// Leaves the way to the server again.
const BY_ITSELF: &str =
    "SET LOCAL enable_hashjoin = DEFAULT; SET LOCAL enable_mergejoin = DEFAULT; SET LOCAL enable_seqscan = DEFAULT";
/// The share of rows that may differ, as a divisor: to find and replace a row costs the server about this many times
/// what it costs to delete and copy one of a whole week.
const FEW: usize = 4;

/// A week of both versions, or a table without weeks.
pub struct Compared {
    week: Option<Day>,
    before: Vec<DataFile>,
    files: Vec<DataFile>,
    /// The rows that differ; `None` if all are replaced.
    differing: Option<Differing>,
}

/// The rows of two versions that differ.
struct Differing {
    /// Those of the old files, in their order.
    gone: Vec<bool>,
    /// Those of the new files, in their order.
    new: Vec<bool>,
    /// The counts of the new files.
    counts: Counted,
}

impl Differing {
    /// Whether so few rows differ that replacing these alone is less work.
    fn is_worth_it(&self) -> bool {
        let rows = self.gone.len() + self.new.len();
        let differing = self.gone.iter().chain(&self.new).filter(|differs| **differs).count();
        differing.saturating_mul(FEW) <= rows
    }
}

/// Compares both versions of a change, week by week.
///
/// # Errors
/// A file that cannot be read, or a signal.
pub fn compare(source: &Source, change: &Change) -> Result<Vec<Compared>> {
    let weeks: BTreeSet<Option<Day>> = change.before.iter().chain(&change.files).map(|file| file.week).collect();
    let of_week = |week: Option<Day>| {
        let own = |files: &[DataFile]| files.iter().filter(|file| file.week == week).cloned().collect();
        let (before, files): (Vec<DataFile>, Vec<DataFile>) = (own(&change.before), own(&change.files));
        let rows: u64 = before.iter().chain(&files).map(|file| file.rows).sum();
        let differing = match before.is_empty() || files.is_empty() || rows > ROWS_TO_COMPARE {
            true => None,
            false => Some(differing(source, change.table, &before, &files)?).filter(Differing::is_worth_it),
        };
        Ok(Compared { week, before, files, differing })
    };
    weeks.into_iter().map(of_week).collect()
}

/// Finds the rows whose keys have other rows in the other version, and counts the new ones.
fn differing(source: &Source, table: Table, before: &[DataFile], files: &[DataFile]) -> Result<Differing> {
    let digests = Digests::of(table);
    let read = |files: &[DataFile], each: &mut dyn FnMut(&RecordBatch)| -> Result<Vec<(u64, u64)>> {
        let mut found = Vec::new();
        for file in files {
            source.read(table, file, None, &mut |batch| {
                each(batch);
                found.extend(digests.rows(batch));
                Ok(())
            })?;
        }
        Ok(found)
    };
    let mut counts = Counted::default();
    let (old, new) = std::thread::scope(|scope| {
        let old = scope.spawn(|| read(before, &mut |_| {}));
        let new = read(files, &mut |batch| counts.add(batch));
        (old.join(), new)
    });
    let (old, new) = (old.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?, new?);
    // Rows of one key add up, so that their order is of no importance and none is lost if a key stands twice.
    let mut sums: FxHashMap<u64, u64> = FxHashMap::default();
    sums.reserve(new.len());
    let signed = old.iter().copied().chain(new.iter().map(|(key, row)| (*key, row.wrapping_neg())));
    for (key, row) in signed {
        let sum = sums.entry(key).or_default();
        *sum = sum.wrapping_add(row);
    }
    let differs = |rows: Vec<(u64, u64)>| rows.into_iter().map(|(key, _)| sums[&key] != 0).collect();
    Ok(Differing { gone: differs(old), new: differs(new), counts })
}

impl Sync<'_> {
    /// Replaces the rows of a change that differ; `false` if nothing was done because they must be replaced whole.
    ///
    /// # Errors
    /// A lock, a missing privilege or a signal; everything else is left to the replacement of the whole.
    pub(super) fn mend(
        &self,
        change: &Change,
        compared: Result<Vec<Compared>>,
        name: &str,
        synced: &mut Synced,
    ) -> Result<bool> {
        if change.before.is_empty() {
            return Ok(false);
        }
        let compared = match compared {
            Ok(compared) => compared,
            Err(Error::Failed { .. } | Error::Input(_)) => return Ok(false),
            Err(error) => return Err(error),
        };
        let session = self.turn.session;
        session.execute("beginning to compare", "SAVEPOINT mend")?;
        let mut mended = synced.clone();
        match self.mend_weeks(change, compared, name, &mut mended) {
            Ok(true) => {
                *synced = mended;
                synced.tables += 1;
                synced.files += change.files.len();
                Ok(true)
            }
            Ok(false) | Err(Error::Failed { .. } | Error::Input(_)) => {
                session.execute("replacing the whole", "ROLLBACK TO SAVEPOINT mend").map(|()| false)
            }
            Err(error) => Err(error),
        }
    }

    fn mend_weeks(&self, change: &Change, weeks: Vec<Compared>, name: &str, synced: &mut Synced) -> Result<bool> {
        let (table, mut counted) = (change.table, BTreeMap::new());
        for Compared { week, before, files, differing } in weeks {
            let part = week.map_or(Part::All, |week| Part::Weeks(BTreeSet::from([week])));
            let (wanted, counts) = match differing {
                Some(Differing { gone, new, counts }) => {
                    if !self.delete(table, &part, name, &before, &gone)? {
                        return Ok(false);
                    }
                    (Some(new), Some(counts))
                }
                None => {
                    self.delete_all(table, &part, name)?;
                    (None, None)
                }
            };
            let mut found = Counted::default();
            if wanted.as_ref().map_or(!files.is_empty(), |wanted| wanted.contains(&true)) {
                let mut each = |_, batch: &RecordBatch| found.add(batch);
                self.copy_rows(table, &files, name, wanted.as_deref(), &mut each, synced)?;
            }
            counted.insert(week, counts.unwrap_or(found));
        }
        self.check(change, name, &counted).map(|()| true)
    }

    /// Deletes the rows that differ; `false` if the server does not hold exactly the rows of the files.
    fn delete(&self, table: Table, part: &Part, name: &str, before: &[DataFile], differs: &[bool]) -> Result<bool> {
        let mut gone = Gone::of(table);
        let (mut from, mut expected, mut deleted) = (0, 0, 0);
        let step = format!("deleting from {name}");
        for file in before {
            let end = differs.len().min(from + usize::try_from(file.rows).unwrap_or(usize::MAX));
            self.source.read(table, file, Some(&differs[from..end]), &mut |batch| {
                (0..batch.num_rows()).for_each(|row| gone.add(batch, row));
                expected += batch.num_rows() as u64;
                if gone.bytes >= BYTES_OF_KEYS {
                    deleted += self.turn.session.changed(&step, &gone.take(name, part))?;
                }
                Ok(())
            })?;
            from = end;
        }
        if gone.bytes > 0 {
            deleted += self.turn.session.changed(&step, &gone.take(name, part))?;
        }
        Ok(deleted == expected)
    }
}

/// Keys of rows to delete, column by column, as elements of SQL arrays.
struct Gone {
    table: Table,
    places: Vec<usize>,
    columns: Vec<String>,
    bytes: usize,
}

impl Gone {
    fn of(table: Table) -> Gone {
        let places = rows::key_places(table);
        let columns = vec![String::new(); places.len()];
        Gone { table, places, columns, bytes: 0 }
    }

    fn add(&mut self, batch: &RecordBatch, row: usize) {
        let facts = self.table.columns();
        for (place, column) in self.places.iter().zip(&mut self.columns) {
            let had = column.len();
            if had > 0 {
                column.push(',');
            }
            match Cell::of(batch.column(*place).as_ref(), row) {
                Cell::Text(text) => {
                    let stored = rows::text(&text, ddl::is_cut(&facts[*place]), &mut Altered::default());
                    column.push('"');
                    for letter in stored.chars() {
                        if matches!(letter, '"' | '\\') {
                            column.push('\\');
                        }
                        column.push(letter);
                    }
                    column.push('"');
                }
                Cell::Day(day) => column.push_str(&day_text(day)),
                other => column.push_str(&other.plain()),
            }
            self.bytes += column.len() - had;
        }
    }

    /// The statement that deletes the rows with these keys.
    fn take(&mut self, name: &str, part: &Part) -> String {
        let facts = self.table.columns();
        let (mut arrays, mut names, mut tests) = (Vec::new(), Vec::new(), Vec::new());
        for (index, (place, column)) in self.places.iter().zip(&mut self.columns).enumerate() {
            let facts = &facts[*place];
            let elements = ddl::literal(&format!("{{{}}}", std::mem::take(column)));
            arrays.push(format!("{elements}::{}[]", ddl::sql_type(&facts.kind.data_type())));
            names.push(format!("k{index}"));
            tests.push(format!("t.{} = gone.k{index}", ddl::ident(facts.name)));
        }
        tests.extend(filter(self.table, part));
        self.bytes = 0;
        let (arrays, names) = (arrays.join(", "), names.join(", "));
        let sql = format!("DELETE FROM {name} t USING unnest({arrays}) AS gone({names}) WHERE {}", tests.join(" AND "));
        // The server would read a table of weeks whole, as its statistics do not tell how few keys there are.
        match ddl::finds_rows(self.table) {
            true => format!("{BY_INDEX}; {sql}; {BY_ITSELF}"),
            false => sql,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, StringArray, new_null_array};
    use std::sync::Arc;

    #[test]
    fn keys_cannot_end_their_quotes_and_name_each_row_once() {
        let table = Table::DimSeller;
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["a\"'\\{,}", "NULL", ""]));
        let schema = table.schema();
        let columns = schema.fields().iter().map(|field| match field.name().as_str() {
            "seller_id" => texts.clone(),
            _ => new_null_array(field.data_type(), 3),
        });
        let nullable: Vec<_> = schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true)).collect();
        let schema = Arc::new(arrow::datatypes::Schema::new(nullable));
        let batch = RecordBatch::try_new(schema, columns.collect()).expect("columns of the table");
        let mut gone = Gone::of(table);
        (0..3).for_each(|row| gone.add(&batch, row));
        let sql = gone.take("\"s\".\"t\"", &Part::All);
        let want = r#"DELETE FROM "s"."t" t USING unnest('{"a\"''\\{,}","NULL",""}'::text[]) AS gone(k0) WHERE t."seller_id" = gone.k0"#;
        assert_eq!((sql, gone.bytes), (format!("{BY_INDEX}; {want}; {BY_ITSELF}"), 0));
        let digests: Vec<_> = Digests::of(table).rows(&batch).collect();
        assert!(digests[0].0 != digests[1].0 && digests[1].0 != digests[2].0);
    }
}
