//! The form of a note: facts as JSON, cells, keys of all rows in order, and their records.
//!
//! A reader takes the facts and the keys, and only the records that it needs; each part and each record has a checksum
//! of its own, and the facts repeat the identity of the note, so that a file under a wrong name is not believed. Nothing is
//! chosen or counted here. Whatever is wrong with a note is said in a sentence, and is no error of the run.

use super::super::parts::told;
use super::packing::{self, Packing};
use super::{Known, MOST_TEXT_BYTES};
use crate::fold::FileCounts;
use crate::job::plan::Plan;
use crate::place::readable::Readable;
use crate::scan::Seen;
use bytes::Bytes;
use parquet::file::reader::Length;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use vtr_columnar::choice::is_numberless;
use vtr_columnar::fold::FileTally;
use vtr_columnar::judge::{CopyRecord, Judge, NotedCell, NotedReader, NotedTexts, NotedWriter, Reject, Unit};
use vtr_kernel::calendar::Day;

const MAGIC: [u8; 8] = *b"vtrnote2";

/// The bytes behind the facts: their stored and their plain length, and their check.
const END: usize = 16;
/// Bytes at the end that are read at first; most facts are shorter.
const LAST: u64 = 8 << 10;
/// The most bytes of plain facts or cells.
const MOST_BYTES: u64 = 1 << 30;
/// The size of a rank in bytes.
pub const RANK: usize = 4;
/// The size of a cell's number of rows.
const COUNT: usize = 4;
/// The most bytes that a row takes while a note is made: as it was gathered, its place in the order, and its record
/// with its key.
pub const ROW: usize = size_of::<Row>() + size_of::<(u64, u32)>() + 8 + packing::MOST;
/// Rows that are read at once before they are written.
const BLOCK: usize = 64;
/// Level of compression of facts and cells.
const LEVEL: i32 = 1;

/// Returns the checksum of bytes.
pub fn check(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(*blake3::hash(bytes).as_bytes().first_chunk().expect("a hash has 32 bytes"))
}

/// A row on its way into a note, or out of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The hashes of its order and its package.
    pub hash: (u64, u64),
    /// Its version.
    pub version: i64,
    /// Its place in the group.
    pub place: u32,
    /// Its cell.
    pub cell: NotedCell,
}

impl Row {
    /// Takes a record; `None` if it does not fit.
    pub fn of(copy: &CopyRecord, first_record: u64, writer: &mut NotedWriter) -> Option<Row> {
        Some(Row {
            hash: copy.hash,
            version: copy.version,
            place: u32::try_from(copy.record.checked_sub(first_record)?).ok()?,
            cell: writer.cell(copy)?,
        })
    }

    /// Returns its key.
    pub fn key(&self) -> u64 {
        key(self.hash, self.cell.is_numberless())
    }
}

/// Returns the key of a row among all rows of a run: the high bits of the order's hash, some of the package's, and
/// whether the package has no number.
pub fn key_of(copy: &CopyRecord) -> u64 {
    key(copy.hash, is_numberless(copy))
}

fn key(hash: (u64, u64), is_numberless: bool) -> u64 {
    (hash.0 & !OF_PACKAGE) | (hash.1 & OF_PACKAGE >> 1) << 1 | u64::from(is_numberless)
}

/// The bits of a key that are of the package.
pub const OF_PACKAGE: u64 = 0xffff;

/// Returns whether rows of one order, given by their keys in order, may decide about each other.
pub fn may_meet(keys: &[u64], unit: Unit) -> bool {
    if unit == Unit::Order {
        return true;
    }
    // Packages of one order that differ say something about each other only if one has no number.
    keys.iter().any(|key| key & 1 == 1) || keys.windows(2).any(|pair| pair[0] == pair[1])
}

/// What a note says of a row group as a whole.
#[derive(Serialize, Deserialize)]
pub struct Facts {
    key: String,
    /// The `as_of` of the run; a later one judges no row differently, apart from pending ones.
    pub as_of: Day,
    /// The days of packages that were still pending.
    pub pending: BTreeSet<Day>,
    counts: told::File,
    /// Judged rows by day.
    pub days: Vec<(Day, u64)>,
    rejects: Vec<RejectedRow>,
    texts: NotedTexts,
    /// Rows that may be copies of others.
    rows: u64,
    /// How their records and cells are packed; `None` if there are no rows.
    packing: Option<Packing>,
    /// The stored bytes of the cells, their number, and their check.
    cells: (u64, u64, u64),
    /// The number and the check of the records that are read in any case.
    alike: (u64, u64),
    /// The check of the keys.
    keys: u64,
}

/// A rejected row.
#[derive(Serialize, Deserialize)]
struct RejectedRow {
    record: u64,
    column: Option<String>,
    reason: String,
    value: Option<String>,
    seller: Option<String>,
}

impl Facts {
    /// Takes what a run found.
    pub fn of(
        key: String,
        as_of: Day,
        pending: BTreeSet<Day>,
        counts: &FileCounts,
        (rejects, seen): (&[Reject], Seen),
        days: &BTreeMap<Day, u64>,
    ) -> Facts {
        let rejected = |reject: &Reject| RejectedRow {
            record: reject.record,
            column: reject.column.clone(),
            reason: reject.reason.clone(),
            value: reject.value.clone(),
            seller: reject.seller.clone(),
        };
        Facts {
            key,
            as_of,
            pending,
            counts: told::File::of(counts, seen),
            days: days.iter().map(|(day, rows)| (*day, *rows)).collect(),
            rejects: rejects.iter().map(rejected).collect(),
            texts: NotedTexts::default(),
            rows: 0,
            packing: None,
            cells: (0, 0, 0),
            alike: (0, 0),
            keys: 0,
        }
    }

    /// Returns the number of judged rows in the range of weeks.
    pub fn asked(&self, plan: &Plan) -> u64 {
        self.days.iter().filter(|(day, _)| plan.is_asked(*day)).map(|(_, rows)| rows).sum()
    }
}

/// Writes a note; `None` if its texts or cells do not fit.
pub fn written(mut facts: Facts, texts: NotedTexts, rows: Vec<Row>, unit: Unit) -> Option<Vec<u8>> {
    if texts.iter().flatten().map(String::len).sum::<usize>() > MOST_TEXT_BYTES {
        return None;
    }
    let packing = Packing::of(&rows)?;
    (facts.texts, facts.rows) = (texts, rows.len() as u64);
    let (cells, count) = cells(&rows, &packing);
    let stored = zstd::bulk::compress(&cells, LEVEL).ok()?;
    facts.cells = (stored.len() as u64, count, check(&stored));
    // By place where keys are equal, for rows are gathered in their order.
    let mut order: Vec<(u64, u32)> = (0..).zip(&rows).map(|(at, row)| (row.key(), at)).collect();
    order.sort_unstable();
    let alike = alike(&rows, &order, unit, &packing);
    let size_of_alike = RANK + packing.row_bytes();
    facts.alike = ((alike.len() / size_of_alike) as u64, check(&alike));
    let most = MAGIC.len() + stored.len() + alike.len() + rows.len() * (8 + packing.row_bytes()) + LAST as usize;
    let mut bytes = Vec::with_capacity(most);
    [&MAGIC[..], &stored, &alike].iter().for_each(|part| bytes.extend_from_slice(part));
    let keys_from = bytes.len();
    order.iter().for_each(|(key, _)| bytes.extend_from_slice(&key.to_le_bytes()));
    facts.keys = check(&bytes[keys_from..]);
    let (mut rank, mut block) = (0, Vec::with_capacity(BLOCK));
    for order in order.chunks(BLOCK) {
        // Their places are far apart: one loop reads them, so that the processor overlaps the reads. Making notes took
        // 1,644 of 43,589 samples of a run of 10 million rows into eight tables without this, and 766 of 40,102 with it
        // (Intel Xeon with AVX-512, 2026-11-30).
        block.clear();
        block.extend(order.iter().map(|(_, at)| rows[*at as usize]));
        for row in &block {
            packing.write(row, rank, &mut bytes);
            rank += 1;
        }
    }
    drop((rows, order));
    facts.packing = Some(packing);
    let plain = serde_json::to_vec(&facts).ok()?;
    let told = zstd::bulk::compress(&plain, LEVEL).ok()?;
    bytes.extend_from_slice(&told);
    bytes.extend_from_slice(&u32::try_from(told.len()).ok()?.to_le_bytes());
    bytes.extend_from_slice(&u32::try_from(plain.len()).ok()?.to_le_bytes());
    bytes.extend_from_slice(&check(&told).to_le_bytes());
    Some(bytes)
}

/// The ranks and records of rows that may decide about each other within the group: every run asks for them.
fn alike(rows: &[Row], order: &[(u64, u32)], unit: Unit, packing: &Packing) -> Vec<u8> {
    let (mut bytes, mut first, mut keys) = (Vec::new(), 0u32, Vec::new());
    for alike in order.chunk_by(|a, b| a.0 & !OF_PACKAGE == b.0 & !OF_PACKAGE) {
        if alike.len() > 1 {
            keys.clear();
            keys.extend(alike.iter().map(|(key, _)| *key));
            if may_meet(&keys, unit) {
                for (rank, (_, at)) in (first..).zip(alike) {
                    bytes.extend_from_slice(&rank.to_le_bytes());
                    packing.write(&rows[*at as usize], rank, &mut bytes);
                }
            }
        }
        first += alike.len() as u32;
    }
    bytes
}

/// The distinct cells in order, each with its number of rows, and how many there are.
fn cells(rows: &[Row], packing: &Packing) -> (Vec<u8>, u64) {
    let mut cells: Vec<u128> = rows.iter().map(|row| packing.cell(&row.cell)).collect();
    cells.sort_unstable();
    let (mut bytes, mut count) = (Vec::new(), 0);
    for equal in cells.chunk_by(|a, b| a == b) {
        // The highest byte first, so that neighbours begin alike.
        bytes.extend_from_slice(&equal[0].to_be_bytes()[size_of::<u128>() - packing.cell_bytes()..]);
        bytes.extend_from_slice(&(equal.len() as u32).to_le_bytes());
        count += 1;
    }
    (bytes, count)
}

/// Where the sections of a note are, and what reading the records needs.
pub struct Sections {
    /// Rows with records.
    pub rows: usize,
    /// The position of the first record.
    pub records_from: u64,
    /// Records that every run asks for, each behind its rank, in order.
    pub alike: Bytes,
    /// How records are packed.
    pub packing: Packing,
    /// Reads cells.
    pub reader: NotedReader,
}

/// A note whose facts are read and sound.
pub struct Opened {
    readable: Readable,
    /// What it says.
    pub facts: Facts,
    /// The position behind the records.
    end: u64,
}

fn failed(error: std::io::Error) -> String {
    format!("it cannot be read: {error}")
}

const DAMAGED: &str = "it is damaged";

/// Returns bytes of a note whose checksum holds.
fn sound(readable: &Readable, from: u64, length: u64, wanted: u64) -> Result<Bytes, String> {
    let end = from.checked_add(length).filter(|end| *end <= readable.len() && length <= MOST_BYTES);
    let length = end.and_then(|_| usize::try_from(length).ok()).ok_or(DAMAGED)?;
    let bytes = readable.bytes_at(from, length).map_err(failed)?;
    if check(&bytes) == wanted { Ok(bytes) } else { Err(DAMAGED.to_owned()) }
}

fn word(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(*bytes[at..].first_chunk().expect("there are eight bytes"))
}

impl Opened {
    /// Reads the facts; returns the bytes read too.
    pub fn of(readable: Readable, key: &str) -> Result<(Opened, u64), String> {
        let whole = readable.len();
        let read = LAST.min(whole);
        let last = readable.bytes_at(whole - read, read as usize).map_err(failed)?;
        let Some(end) = last.len().checked_sub(END) else { return Err(DAMAGED.to_owned()) };
        let (lengths, wanted) = (word(&last, end), word(&last, end + 8));
        let (length, plain) = (lengths & 0xffff_ffff, lengths >> 32);
        let from = (whole - END as u64).checked_sub(length).ok_or(DAMAGED)?;
        let told = match (end as u64).checked_sub(length) {
            Some(start) => last.slice(start as usize..end),
            None => sound(&readable, from, length, wanted)?,
        };
        if check(&told) != wanted || plain > MOST_BYTES {
            return Err(DAMAGED.to_owned());
        }
        let plain = zstd::bulk::decompress(&told, plain as usize).map_err(failed)?;
        let facts: Facts = serde_json::from_slice(&plain).map_err(|_| DAMAGED)?;
        if facts.key != key {
            return Err("it is the note of something else".to_owned());
        }
        Ok((Opened { readable, facts, end: from }, read.max(length)))
    }

    /// Returns what is known of the unit, with its cells if the run counts any; and the bytes read.
    pub fn known(self, judge: &Judge, plan: &Plan, counts_cells: bool) -> Result<(Known, u64), String> {
        let Opened { readable, facts, end } = self;
        let cells_from = MAGIC.len() as u64;
        let (stored, cells, wanted) = facts.cells;
        let (reader, asked) = (judge.noted_reader(&facts.texts), facts.asked(plan));
        let packing = facts.packing.filter(Packing::is_sound).ok_or(DAMAGED)?;
        let record = packing.row_bytes();
        let mut read = 0;
        let cells = if counts_cells {
            read += stored;
            plain_cells(&packing, &sound(&readable, cells_from, stored, wanted)?, cells)?
        } else {
            Vec::new()
        };
        let rows = usize::try_from(facts.rows).map_err(|_| DAMAGED)?;
        let alike_from = cells_from + stored;
        let length = facts.alike.0.checked_mul((RANK + record) as u64).ok_or(DAMAGED)?;
        let alike = sound(&readable, alike_from, length, facts.alike.1)?;
        read += length;
        let keys_from = alike_from + length;
        let length = facts.rows.checked_mul(8).ok_or(DAMAGED)?;
        let keys = Vec::from(sound(&readable, keys_from, length, facts.keys)?);
        read += length;
        let records_from = keys_from + length;
        if end != records_from + rows.saturating_mul(record) as u64 {
            return Err(DAMAGED.to_owned());
        }
        let seen = facts.counts.seen;
        let mut counts = facts.counts.into_counts().ok_or(DAMAGED)?;
        counts.tally = outside(&counts.tally, &facts.days, plan);
        let reject = |row: RejectedRow| Reject {
            record: row.record,
            line: None,
            byte_offset: None,
            column: row.column,
            reason: row.reason,
            value: row.value,
            seller: row.seller,
        };
        let rejects = facts.rejects.into_iter().map(reject).collect();
        let sections = Sections { rows, records_from, alike, packing, reader };
        let (name, readable) = (String::new(), Some(readable));
        let known = Known { name, counts, asked, rejects, seen, cells, readable, sections, keys };
        Ok((known, read))
    }
}

/// Returns the tally of a group without its rows in the range of weeks.
fn outside(then: &FileTally, days: &[(Day, u64)], plan: &Plan) -> FileTally {
    let mut tally = FileTally {
        rejected: then.rejected,
        first_day: then.first_day,
        last_day: then.last_day,
        by_days: then.by_days,
        same_day: then.same_day,
        ..FileTally::default()
    };
    for (day, rows) in days.iter().filter(|(day, _)| !plan.is_asked(*day)) {
        tally.outside_range += rows;
        tally.after_windows += if plan.days_counted().is_some_and(|(_, last)| *day > last) { *rows } else { 0 };
    }
    tally
}

fn plain_cells(packing: &Packing, stored: &[u8], count: u64) -> Result<Vec<u8>, String> {
    let size = packing.cell_bytes() + COUNT;
    let length = usize::try_from(count).ok().and_then(|count| count.checked_mul(size));
    let length = length.filter(|length| *length as u64 <= MOST_BYTES).ok_or(DAMAGED)?;
    let bytes = zstd::bulk::decompress(stored, length).map_err(failed)?;
    if bytes.len() == length { Ok(bytes) } else { Err(DAMAGED.to_owned()) }
}

/// Hands on the cells of days that are counted, as records, each with its rows; `None` if there is one that this program
/// does not know, which ends it.
pub fn each_cell(
    sections: &Sections,
    cells: &[u8],
    is_counted: impl Fn(Day) -> bool,
    mut take: impl FnMut(&CopyRecord, u32),
) -> Option<()> {
    let Sections { packing, reader, .. } = sections;
    for bytes in cells.chunks_exact(packing.cell_bytes() + COUNT) {
        let (packed, rows) = bytes.split_last_chunk::<COUNT>()?;
        let mut wide = [0; size_of::<u128>()];
        wide[size_of::<u128>() - packed.len()..].copy_from_slice(packed);
        let cell = packing.cell_of(u128::from_be_bytes(wide))?;
        if is_counted(cell.day()) {
            take(&reader.record(&cell)?, u32::from_le_bytes(*rows));
        }
    }
    Some(())
}
