//! Listed rows, of defects or of all judged packages, on the way to their table: gathered by thread, spilled as sorted
//! runs once there are many, and merged week by week.
//!
//! Superseded rows are left out on the way. It knows the columns that it sorts by and no others. It fails only if the
//! disk does.

use super::{BATCH_ROWS, Batches};
use crate::error::{Error, Result};
use crate::place::spill::{Spill, SpillRange};
use arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use arrow::compute::{filter_record_batch, interleave_record_batch};
use arrow::datatypes::{Date32Type, Int64Type, UInt32Type};
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{BufReader, Read};
use std::sync::Arc;
use vtr_kernel::calendar::{self, Day};

/// Rows that do not count any more: a bit for each record of a file.
#[derive(Debug, Default)]
pub struct Gone(HashMap<u32, Vec<u64>>);

impl Gone {
    /// Notes a row.
    pub fn insert(&mut self, file: u32, record: u64) {
        let bits = self.0.entry(file).or_default();
        let word = (record / 64) as usize;
        if bits.len() <= word {
            bits.resize(word + 1, 0);
        }
        bits[word] |= 1 << (record % 64);
    }

    /// Returns all of them, by file and record.
    pub fn rows(&self) -> Vec<(u32, u64)> {
        let bits = |bits: &Vec<u64>| {
            let words = (0u64..).zip(bits.clone());
            words.flat_map(|(word, bits)| {
                (0..64).filter(move |bit| bits >> bit & 1 == 1).map(move |bit| 64 * word + bit)
            })
        };
        let files: BTreeMap<u32, &Vec<u64>> = self.0.iter().map(|(file, bits)| (*file, bits)).collect();
        files.into_iter().flat_map(|(file, records)| bits(records).map(move |record| (file, record))).collect()
    }

    fn contains(&self, file: u32, record: i64) -> bool {
        let word = self.0.get(&file).and_then(|bits| bits.get((record / 64) as usize));
        word.is_some_and(|word| word >> (record % 64) & 1 == 1)
    }

    /// Adds the rows that another thread noted.
    pub fn merge(&mut self, other: Gone) {
        for (file, more) in other.0 {
            let bits = self.0.entry(file).or_default();
            if bits.len() < more.len() {
                bits.resize(more.len(), 0);
            }
            bits.iter_mut().zip(more).for_each(|(own, more)| *own |= more);
        }
    }

    /// Returns the rows of a batch that still count.
    fn rest(&self, batch: RecordBatch) -> RecordBatch {
        if self.0.is_empty() {
            return batch;
        }
        let files = batch["file"].as_primitive::<UInt32Type>().values().iter();
        let records = batch["record"].as_primitive::<Int64Type>().values().iter();
        let stays: BooleanArray =
            files.zip(records).map(|(file, record)| Some(!self.contains(*file, *record))).collect();
        filter_record_batch(&batch, &stays).expect("the filter is as long as its batch")
    }
}

/// The rows that one thread gathers.
#[derive(Debug)]
pub struct DefectRuns {
    batches: Vec<RecordBatch>,
    bytes: usize,
    most_bytes: usize,
    spill: Arc<Spill>,
    runs: Vec<DefectRun>,
}

/// A sorted run on disk, with the position of each week's rows.
#[derive(Debug)]
struct DefectRun {
    spill: Arc<Spill>,
    weeks: BTreeMap<Day, SpillRange>,
}

fn failed(error: ArrowError) -> Error {
    Error::failed("setting defects aside", error)
}

impl DefectRuns {
    /// Holds no rows yet; rows that take more than `most_bytes` in memory are spilled.
    pub fn new(most_bytes: usize, spill: Arc<Spill>) -> DefectRuns {
        DefectRuns { batches: Vec::new(), bytes: 0, most_bytes, spill, runs: Vec::new() }
    }

    /// Takes a batch in the schema of `vtr_columnar::fold::Yield`.
    ///
    /// # Errors
    /// The disk fails.
    pub fn add(&mut self, batch: RecordBatch) -> Result<()> {
        self.bytes += batch.get_array_memory_size();
        self.batches.push(batch);
        if self.bytes > self.most_bytes { self.spill() } else { Ok(()) }
    }

    /// Returns the bytes in memory.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    fn spill(&mut self) -> Result<()> {
        let rows = InMemory::of(std::mem::take(&mut self.batches));
        self.bytes = 0;
        let mut weeks = BTreeMap::new();
        for week in rows.weeks.keys() {
            let schema = rows.batches[0].schema();
            let mut writer = StreamWriter::try_new(Vec::new(), &schema).map_err(failed)?;
            for batch in rows.sorted(*week, RUN) {
                writer.write(&batch).map_err(failed)?;
            }
            weeks.insert(*week, self.spill.put(&writer.into_inner().map_err(failed)?)?);
        }
        self.runs.push(DefectRun { spill: self.spill.clone(), weeks });
        Ok(())
    }
}

/// Most rows of a batch, and bytes of their texts after which it ends.
#[derive(Clone, Copy)]
struct Batch {
    rows: usize,
    bytes: usize,
}

/// The limits of a batch in a run: while runs are merged, one batch of each run is in memory.
const RUN: Batch = Batch { rows: 4_096, bytes: 64 << 10 };
/// The limits of a batch that is handed on, after a merge and from memory.
const MERGED: Batch = Batch { rows: 4_096, bytes: 1 << 20 };
const READY: Batch = Batch { rows: BATCH_ROWS, bytes: 16 << 20 };
/// Bytes that are read at once from a run.
const READ_BYTES: usize = 16 << 10;

/// The rows of defects.
#[derive(Debug, Default)]
pub struct Defects {
    memory: InMemory,
    runs: Vec<DefectRun>,
    gone: Arc<Gone>,
}

impl Defects {
    /// Returns the rows of all threads, without superseded ones.
    pub fn of(threads: impl IntoIterator<Item = DefectRuns>, gone: Arc<Gone>) -> Defects {
        let (mut batches, mut runs) = (Vec::new(), Vec::new());
        for thread in threads {
            batches
                .extend(thread.batches.into_iter().map(|batch| gone.rest(batch)).filter(|batch| batch.num_rows() > 0));
            runs.extend(thread.runs);
        }
        Defects { memory: InMemory::of(batches), runs, gone }
    }

    /// Returns the rows of batches in any order, for tests.
    #[cfg(test)]
    pub fn in_memory(batches: Vec<RecordBatch>) -> Defects {
        Defects { memory: InMemory::of(batches), ..Defects::default() }
    }

    /// Returns the Mondays of the weeks that may hold defects, ascending.
    pub fn weeks(&self) -> Vec<Day> {
        let spilled = self.runs.iter().flat_map(|run| run.weeks.keys());
        self.memory.weeks.keys().chain(spilled).copied().collect::<BTreeSet<Day>>().into_iter().collect()
    }

    /// Returns the defects of a week in the schema of `vtr_columnar::fold::Yield`, sorted by `seller_id`,
    /// `marketplace`, `order_id`, `package_id`, `file`, `record`, in batches of at most [`BATCH_ROWS`] rows.
    ///
    /// # Errors
    /// A failure to read spilled rows.
    pub fn sorted(&self, week: Day) -> Result<Batches<'_>> {
        self.cut(week, READY)
    }

    /// The same rows, cut into the same batches whether they were in memory or on disk.
    ///
    /// # Errors
    /// As [`Defects::sorted`].
    pub fn evenly(&self, week: Day) -> Result<Batches<'_>> {
        self.cut(week, MERGED)
    }

    /// `ready`: of a batch if all rows are in memory.
    fn cut(&self, week: Day, ready: Batch) -> Result<Batches<'_>> {
        let runs = self.runs.iter().filter_map(|run| Some((run, *run.weeks.get(&week)?)));
        let mut sources: Vec<Batches> = Vec::new();
        for (run, place) in runs {
            let bytes = BufReader::with_capacity(READ_BYTES, PlaceReader { spill: &run.spill, place, read: 0 });
            let batches = StreamReader::try_new(bytes, None).map_err(failed)?;
            sources.push(Box::new(batches.map(|batch| batch.map(|batch| self.gone.rest(batch)).map_err(failed))));
        }
        if sources.is_empty() {
            return Ok(Box::new(self.memory.sorted(week, ready).map(Ok)));
        }
        sources.push(Box::new(self.memory.sorted(week, MERGED).map(Ok)));
        let cursors = sources.into_iter().map(Cursor::at_first).collect::<Result<Vec<_>>>()?;
        Ok(Box::new(DefectMerge { cursors: cursors.into_iter().flatten().collect() }))
    }
}

/// Reads the bytes of several positions, one after the other.
struct PlaceReader<'a> {
    spill: &'a Spill,
    place: SpillRange,
    read: usize,
}

impl Read for PlaceReader<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let length = into.len().min(self.place.bytes() - self.read);
        self.spill.read(self.place, self.read, &mut into[..length]).map_err(std::io::Error::other)?;
        self.read += length;
        Ok(length)
    }
}

/// Rows in memory.
#[derive(Debug, Default)]
struct InMemory {
    batches: Vec<RecordBatch>,
    /// The rows of each week: batch and row.
    weeks: BTreeMap<Day, Vec<(u32, u32)>>,
}

impl InMemory {
    fn of(batches: Vec<RecordBatch>) -> InMemory {
        let mut weeks: BTreeMap<Day, Vec<(u32, u32)>> = BTreeMap::new();
        for (index, batch) in batches.iter().enumerate() {
            for (row, day) in batch["day"].as_primitive::<Date32Type>().values().iter().enumerate() {
                weeks.entry(calendar::monday(*day)).or_default().push((index as u32, row as u32));
            }
        }
        InMemory { batches, weeks }
    }

    fn sorted(&self, week: Day, most: Batch) -> impl Iterator<Item = RecordBatch> + '_ {
        let key = |(batch, row): (u32, u32)| key(&self.batches[batch as usize], row as usize);
        let places = self.weeks.get(&week).into_iter().flatten();
        // The first bytes of the first text decide most comparisons, without a look at the batches.
        let mut places: Vec<(u64, (u32, u32))> = places.map(|place| (opening(key(*place).0[0]), *place)).collect();
        places.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| key(a.1).cmp(&key(b.1))));
        let places: Vec<(usize, usize)> =
            places.into_iter().map(|(_, (batch, row))| (batch as usize, row as usize)).collect();
        let mut start = 0;
        std::iter::from_fn(move || {
            let (from, mut bytes) = (start, 0);
            while start < places.len() && start - from < most.rows && bytes < most.bytes {
                let (batch, row) = places[start];
                bytes += text_bytes(&self.batches[batch], row);
                start += 1;
            }
            (from < start).then(|| gather(&self.batches, &places[from..start]))
        })
    }
}

fn gather(batches: &[RecordBatch], places: &[(usize, usize)]) -> RecordBatch {
    let batches: Vec<&RecordBatch> = batches.iter().collect();
    interleave_record_batch(&batches, places).expect("batches of defects share their schema")
}

/// Returns the bytes of a row's texts.
fn text_bytes(batch: &RecordBatch, row: usize) -> usize {
    let texts = batch.columns().iter().filter_map(|column| column.as_string_opt::<i32>());
    texts.map(|texts| texts.value_length(row) as usize).sum()
}

/// Columns that rows are sorted by, as texts; file and record, the first two columns, follow.
const KEYS: std::ops::Range<usize> = 2..6;

/// Returns the sort key of a row; null and empty texts are equal here.
fn key(batch: &RecordBatch, row: usize) -> ([&str; 4], u32, i64) {
    let mut columns = batch.columns()[KEYS].iter().map(|column| column.as_string::<i32>());
    let text = std::array::from_fn(|_| match columns.next() {
        Some(texts) if texts.is_valid(row) => texts.value(row),
        _ => "",
    });
    let file = batch.column(0).as_primitive::<UInt32Type>().value(row);
    (text, file, batch.column(1).as_primitive::<Int64Type>().value(row))
}

/// Returns a number that is in the order of texts, and equal for texts whose first eight bytes are; shorter ones are
/// filled up with the least byte.
fn opening(text: &str) -> u64 {
    let mut first = [0; 8];
    let length = text.len().min(first.len());
    first[..length].copy_from_slice(&text.as_bytes()[..length]);
    u64::from_be_bytes(first)
}

/// A sorted source and its current row.
struct Cursor<'a> {
    rest: Batches<'a>,
    batch: RecordBatch,
    row: usize,
}

impl<'a> Cursor<'a> {
    /// Returns a cursor at the first row; `None` if there is no row.
    fn at_first(mut rest: Batches<'a>) -> Result<Option<Cursor<'a>>> {
        Ok(next_rows(&mut rest)?.map(|batch| Cursor { rest, batch, row: 0 }))
    }
}

fn next_rows(rest: &mut Batches) -> Result<Option<RecordBatch>> {
    rest.find(|batch| batch.as_ref().map_or(true, |batch| batch.num_rows() > 0)).transpose()
}

/// The rows of several sorted sources, sorted.
struct DefectMerge<'a> {
    cursors: Vec<Cursor<'a>>,
}

impl DefectMerge<'_> {
    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        let mut batches: Vec<RecordBatch> = self.cursors.iter().map(|cursor| cursor.batch.clone()).collect();
        let mut of_cursor: Vec<usize> = (0..batches.len()).collect();
        let (mut places, mut bytes) = (Vec::new(), 0);
        while places.len() < MERGED.rows && bytes < MERGED.bytes && !self.cursors.is_empty() {
            let at = |index: &usize| key(&self.cursors[*index].batch, self.cursors[*index].row);
            let first = (0..self.cursors.len()).min_by(|a, b| at(a).cmp(&at(b))).unwrap_or(0);
            let cursor = &mut self.cursors[first];
            bytes += text_bytes(&cursor.batch, cursor.row);
            places.push((of_cursor[first], cursor.row));
            cursor.row += 1;
            if cursor.row < cursor.batch.num_rows() {
                continue;
            }
            match next_rows(&mut cursor.rest)? {
                Some(batch) => {
                    of_cursor[first] = batches.len();
                    batches.push(batch.clone());
                    (cursor.batch, cursor.row) = (batch, 0);
                }
                None => {
                    self.cursors.remove(first);
                    of_cursor.remove(first);
                }
            }
        }
        Ok((!places.is_empty()).then(|| gather(&batches, &places)))
    }
}

impl Iterator for DefectMerge<'_> {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_batch().transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, Date32Array, Int64Array, StringArray, UInt32Array};

    /// Returns rows of these sellers, records from `first`, all in one week except every seventh.
    fn batch(sellers: &[&str], first: i64) -> RecordBatch {
        let records = || first..first + sellers.len() as i64;
        let texts = |text: &str| -> ArrayRef { Arc::new(StringArray::from(vec![text; sellers.len()])) };
        RecordBatch::try_from_iter(vec![
            ("file", Arc::new(UInt32Array::from(vec![0; sellers.len()])) as ArrayRef),
            ("record", Arc::new(Int64Array::from_iter_values(records()))),
            ("seller_id", Arc::new(StringArray::from(sellers.to_vec()))),
            ("marketplace", texts("DE")),
            ("order_id", texts("1")),
            ("package_id", texts("")),
            (
                "day",
                Arc::new(Date32Array::from_iter_values(
                    records().map(|record| 20_000 + 7 * i32::from(record % 7 == 0)),
                )),
            ),
        ])
        .unwrap()
    }

    fn rows(defects: &Defects) -> Vec<(Day, String, i64)> {
        let mut rows = Vec::new();
        for week in defects.weeks() {
            for batch in defects.sorted(week).unwrap() {
                let batch = batch.unwrap();
                (0..batch.num_rows()).for_each(|row| {
                    let (texts, _, record) = key(&batch, row);
                    rows.push((week, texts[0].to_owned(), record));
                });
            }
        }
        rows
    }

    #[test]
    fn runs_on_disk_give_the_rows_in_the_same_order_without_those_gone() {
        let mut results = Vec::new();
        for most_bytes in [usize::MAX, 0, 3_000] {
            let spill = Arc::new(Spill::below(&std::env::temp_dir()));
            let mut threads: Vec<DefectRuns> = (0..2).map(|_| DefectRuns::new(most_bytes, spill.clone())).collect();
            for index in 0..40 {
                let sellers = ["B", "A", "C", ["A", "D"][index % 2]];
                threads[index % 2].add(batch(&sellers, 1 + 4 * index as i64)).unwrap();
            }
            let mut gone = Gone::default();
            (1..=160).filter(|record| record % 5 == 0).for_each(|record| gone.insert(0, record));
            gone.insert(3, 1);
            let defects = Defects::of(threads, Arc::new(gone));
            let rows = rows(&defects);
            assert!(rows.is_sorted() && rows.len() == 128, "{}", rows.len());
            assert_eq!(spill.bytes() > 0, most_bytes != usize::MAX);
            results.push(rows);
        }
        assert!(results.windows(2).all(|pair| pair[0] == pair[1]));
    }
}
