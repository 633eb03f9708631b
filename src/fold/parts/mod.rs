//! Parts: the results of a share of the units, as Arrow IPC files that another process can add up.
//!
//! A part holds texts and no codes, its footer states its plan, book, program and row count, and its bytes are the
//! same whichever process folds it. It knows neither where parts are kept nor which are required. It refuses by name a
//! file that is cut, damaged, not a part, or of another plan, book or version.

mod met;
mod opened;
mod receive;
mod send;
pub(in crate::fold) mod told;

pub use opened::{Opened, end};
pub use receive::{Named, finished, settled_bucket};
pub use send::folded;

use crate::error::{Error, Result};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::ipc::CompressionType;
use arrow::ipc::reader::read_footer_length;
use arrow::ipc::root_as_footer;
use arrow::ipc::writer::{FileWriter, IpcWriteOptions};
use std::collections::BTreeMap;
use std::ops::Range;

/// The kinds of parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PartKind {
    /// Cells and how many rows fell into each, by bucket of the seller; see `vtr_columnar::judge::counts_schema`.
    Counts,
    /// The facts by which the newest of several copies is chosen, by bucket of their identity; see
    /// `vtr_columnar::judge::copies_schema`.
    Copies,
    /// The rows of the table `defects`.
    Defects,
    /// The rows of the table `judged`.
    Judged,
    /// Rejected rows.
    Rejects,
    /// The outcome of the rows of each input file.
    Files,
    /// Judged rows by week and class, counted apart from the cells.
    Weeks,
    /// The replacement of all copies of a bucket, once they are settled: the listed rows that lost, and what all
    /// losers subtract from files and weeks. What they subtract from cells is among the counts.
    Gone,
}

impl PartKind {
    /// All of them.
    pub const ALL: [PartKind; 8] = [
        PartKind::Counts,
        PartKind::Copies,
        PartKind::Defects,
        PartKind::Judged,
        PartKind::Rejects,
        PartKind::Files,
        PartKind::Weeks,
        PartKind::Gone,
    ];

    /// Returns its name in file names and footers.
    pub fn name(self) -> &'static str {
        ["counts", "copies", "defects", "judged", "rejects", "files", "weeks", "gone"][self as usize]
    }

    /// Returns the kind with a name.
    pub fn from_name(name: &str) -> Option<PartKind> {
        PartKind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Returns whether there is one part in every bucket; of the other kinds there is one for each share.
    pub fn is_bucketed(self) -> bool {
        matches!(self, PartKind::Counts | PartKind::Copies | PartKind::Gone)
    }
}

/// A part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its kind.
    pub kind: PartKind,
    /// Its bucket. A part that is not distributed by key may be in any bucket.
    pub bucket: u32,
    /// An Arrow IPC file.
    pub bytes: Vec<u8>,
}

/// The identity that all parts of one plan share; it decides which program may add them up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    /// The digest of the plan.
    pub plan: String,
    /// The digest of the book.
    pub book: String,
    /// The program, its version and the revision of what it writes.
    pub program: String,
}

/// The footer's facts about a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The plan, book and program that it belongs to.
    pub seal: Seal,
    /// Its kind.
    pub kind: PartKind,
    /// Its bucket.
    pub bucket: u32,
    /// The units whose rows it holds, as places in the plan, ascending.
    pub units: Vec<usize>,
    /// The number of shares of which it is one; `None` if another system distributes the units.
    pub shares: Option<usize>,
    /// Its rows.
    pub rows: u64,
    /// BLAKE3 of the bytes before the footer.
    check: String,
    /// The counters that accompany the rows, as JSON.
    told: String,
}

/// The input for making a part: everything in its header that is known before its rows.
#[derive(Clone, Copy)]
pub struct Making<'a> {
    /// The plan, book and program that it belongs to.
    pub seal: &'a Seal,
    /// The units whose rows it holds, ascending.
    pub units: &'a [usize],
    /// The number of shares of which it is one.
    pub shares: Option<usize>,
    /// How many buckets there are.
    pub buckets: u32,
}

/// Returns the bucket of a text.
pub fn bucket_of(text: &str, buckets: u32) -> usize {
    let hash = blake3::hash(text.as_bytes());
    let head = hash.as_bytes().first_chunk().copied().unwrap_or_default();
    (u64::from_le_bytes(head) % u64::from(buckets.max(1))) as usize
}

/// The key-value pairs of a footer.
const KEYS: [&str; 10] = [
    "vtr.plan",
    "vtr.book",
    "vtr.program",
    "vtr.kind",
    "vtr.bucket",
    "vtr.units",
    "vtr.shares",
    "vtr.rows",
    "vtr.check",
    "vtr.told",
];

/// The compression level: half of a copy is a hash, and higher levels cost more time than they save space.
const LEVEL: i32 = 1;

/// Bytes of the end mark after the rows; footer, its length and the magic word follow.
const END_MARK: usize = 8;
const END: usize = 10;

fn failed(error: ArrowError) -> Error {
    Error::failed("writing a part", error)
}

/// Writes a part.
pub(super) fn encode(
    making: Making,
    (kind, bucket): (PartKind, u32),
    schema: &SchemaRef,
    batches: &[RecordBatch],
    told: String,
) -> Result<Part> {
    encode_each(making, (kind, bucket), schema, &mut batches.iter().cloned().map(Ok), told)
}

/// Writes a part from batches that come one after the other.
pub(super) fn encode_each(
    making: Making,
    (kind, bucket): (PartKind, u32),
    schema: &SchemaRef,
    batches: &mut dyn Iterator<Item = Result<RecordBatch>>,
    told: String,
) -> Result<Part> {
    let options = IpcWriteOptions::default();
    let options = options.try_with_compression(Some(CompressionType::ZSTD)).map_err(failed)?;
    let options = options.try_with_compression_level(Some(LEVEL)).map_err(failed)?;
    let mut writer = FileWriter::try_new_with_options(Vec::new(), schema, options).map_err(failed)?;
    let mut rows = 0;
    for batch in batches {
        let batch = batch?;
        rows += batch.num_rows();
        writer.write(&batch).map_err(failed)?;
    }
    let check = blake3::hash(writer.get_ref()).to_hex().to_string();
    let Making { seal, units, shares, .. } = making;
    let values = [
        seal.plan.clone(),
        seal.book.clone(),
        seal.program.clone(),
        kind.name().to_owned(),
        bucket.to_string(),
        ranges(units),
        shares.map(|shares| shares.to_string()).unwrap_or_default(),
        rows.to_string(),
        check,
        told,
    ];
    KEYS.into_iter().zip(values).for_each(|(key, value)| writer.write_metadata(key, value));
    Ok(Part { kind, bucket, bytes: writer.into_inner().map_err(failed)? })
}

/// Returns units as text: `0-4,9`.
fn ranges(units: &[usize]) -> String {
    let alike = units.chunk_by(|a, b| a + 1 == *b);
    let range = |run: &[usize]| match run {
        [one] => one.to_string(),
        run => format!("{}-{}", run[0], run[run.len() - 1]),
    };
    alike.map(range).collect::<Vec<_>>().join(",")
}

fn from_ranges(text: &str) -> Option<Vec<usize>> {
    let range = |text: &str| -> Option<Range<usize>> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        Some(first.parse().ok()?..last.parse::<usize>().ok()?.checked_add(1)?)
    };
    let ranges: Option<Vec<Range<usize>>> = text.split(',').filter(|range| !range.is_empty()).map(range).collect();
    Some(ranges?.into_iter().flatten().collect())
}

/// Returns a refusal that names a part.
pub(super) fn refused(name: &str, why: impl std::fmt::Display) -> Error {
    Error::Input(format!("{}: {why}", vtr_kernel::text::shown(name)))
}

const NO_PART: &str = "it is not a part that `vtr fold` wrote, or it was cut short; fold its share again";

/// Returns the length of the footer of a file, by the file's last bytes; only the length and the magic word follow the
/// footer.
///
/// # Errors
/// It is not an Arrow file.
pub fn footer_bytes(name: &str, end: &[u8]) -> Result<usize> {
    let end = end.last_chunk::<END>().ok_or_else(|| refused(name, NO_PART))?;
    let length = read_footer_length(*end).map_err(|_| refused(name, NO_PART))?;
    Ok(length + END)
}

impl Header {
    /// Reads the header from the end of a file, of which at least [`footer_bytes`] are given.
    ///
    /// # Errors
    /// It is not a part.
    pub fn of(name: &str, end: &[u8]) -> Result<Header> {
        let length = footer_bytes(name, end)?;
        let from = end.len().checked_sub(length).ok_or_else(|| refused(name, NO_PART))?;
        let footer = root_as_footer(&end[from..end.len() - END]).map_err(|_| refused(name, NO_PART))?;
        let pairs = footer.custom_metadata().into_iter().flatten();
        let said: BTreeMap<&str, &str> = pairs.filter_map(|pair| Some((pair.key()?, pair.value()?))).collect();
        Header::from(&said).ok_or_else(|| refused(name, NO_PART))
    }

    fn from(said: &BTreeMap<&str, &str>) -> Option<Header> {
        let [plan, book, program, kind, bucket, units, shares, rows, check, told] = KEYS.map(|key| said.get(key));
        let own = |text: Option<&&str>| text.map(|text| (*text).to_owned());
        Some(Header {
            seal: Seal { plan: own(plan)?, book: own(book)?, program: own(program)? },
            kind: PartKind::from_name(kind?)?,
            bucket: bucket?.parse().ok()?,
            units: from_ranges(units?)?,
            shares: Some(*shares?).filter(|shares| !shares.is_empty()).map(str::parse).transpose().ok()?,
            rows: rows?.parse().ok()?,
            check: own(check)?,
            told: own(told)?,
        })
    }

    /// Refuses a part of another plan, book or version.
    ///
    /// # Errors
    /// Which of them differs.
    pub fn expect(&self, name: &str, seal: &Seal) -> Result<()> {
        let Seal { plan, book, program } = &self.seal;
        let why = if *program != seal.program {
            format!("it was folded by {program}, and this is {}: fold and finish by one version", seal.program)
        } else if *book != seal.book {
            format!("it was folded by another book ({book}), and the plan is of {}: plan and fold again", seal.book)
        } else if *plan != seal.plan {
            format!(
                "it is a part of another plan ({plan}), and this is {}: give each plan a folder of its own",
                seal.plan
            )
        } else {
            return Ok(());
        };
        Err(refused(name, why))
    }
}

/// Parts for tests.
#[cfg(test)]
pub mod samples {
    use super::*;
    use arrow::array::{ArrayRef, UInt32Array};
    use std::sync::Arc;

    /// Returns the seal of the parts.
    pub fn seal() -> Seal {
        Seal { plan: "plan".into(), book: "book".into(), program: "vtr 1".into() }
    }

    /// Returns one part of bucket 7 in 4 shares.
    pub fn part(units: &[usize], rows: u32) -> Part {
        let batch: ArrayRef = Arc::new(UInt32Array::from_iter_values(0..rows));
        let batch = RecordBatch::try_from_iter([("file", batch)]).unwrap();
        let making = Making { seal: &seal(), units, shares: Some(4), buckets: 1 };
        encode(making, (PartKind::Gone, 7), &batch.schema(), std::slice::from_ref(&batch), "{}".into()).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_written_as_ranges() {
        for units in [vec![], vec![0], vec![1, 2, 3], vec![0, 2, 3, 9]] {
            assert_eq!(from_ranges(&ranges(&units)), Some(units));
        }
        assert_eq!(ranges(&[0, 2, 3, 9]), "0,2-3,9");
        assert_eq!(from_ranges("1-x"), None);
    }
}
