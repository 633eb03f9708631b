//! Parts: what a share of the units came to, as Arrow IPC files that another process can add up.
//!
//! A part holds texts and no codes, says in its footer whose it is and what of it must arrive, and is the same bytes
//! whoever folds it. It knows neither where parts are kept nor which there must be. It refuses by name what is cut,
//! damaged, no part at all, or of another plan, book or version.

mod receive;
mod send;
mod told;

pub use receive::{finished, settled_bucket};
pub use send::folded;

use crate::error::{Error, Result};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::ipc::CompressionType;
use arrow::ipc::reader::{FileReader, read_footer_length};
use arrow::ipc::root_as_footer;
use arrow::ipc::writer::{FileWriter, IpcWriteOptions};
use std::collections::BTreeMap;
use std::io::Cursor;
use std::ops::Range;

/// What a part holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PartKind {
    /// Cells and how many rows fell into each, by bucket of the seller; see `vtr_columnar::judge::counts_schema`.
    Counts,
    /// What it takes to choose among copies, by bucket of their identity; see `vtr_columnar::judge::copies_schema`.
    Copies,
    /// The rows of the table `defects`.
    Defects,
    /// The rows of the table `judged`.
    Judged,
    /// Rejected rows.
    Rejects,
    /// What became of the rows of each input file.
    Files,
    /// Judged rows by week and class, counted apart from the cells.
    Weeks,
    /// In the place of all copies of a bucket, once they are settled: the listed rows that lost, and what all that
    /// lost take out of files and weeks. What they take out of cells is among the counts.
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

    /// Its name in file names and footers.
    pub fn name(self) -> &'static str {
        ["counts", "copies", "defects", "judged", "rejects", "files", "weeks", "gone"][self as usize]
    }

    /// The kind of a name.
    pub fn from_name(name: &str) -> Option<PartKind> {
        PartKind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether there is one in every bucket; of the others there is one for each share.
    pub fn is_bucketed(self) -> bool {
        matches!(self, PartKind::Counts | PartKind::Copies | PartKind::Gone)
    }
}

/// A part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What it holds.
    pub kind: PartKind,
    /// Which bucket of it. What is not dealt out by key lies in any.
    pub bucket: u32,
    /// An Arrow IPC file.
    pub bytes: Vec<u8>,
}

/// What all parts of one plan have in common, and who may add them up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    /// The digest of the plan.
    pub plan: String,
    /// The digest of the book.
    pub book: String,
    /// The program, its version and the revision of what it writes.
    pub program: String,
}

/// What a part says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Whose it is.
    pub seal: Seal,
    /// What it holds.
    pub kind: PartKind,
    /// Which bucket of it.
    pub bucket: u32,
    /// The units whose rows it holds, as places in the plan, ascending.
    pub units: Vec<usize>,
    /// Of how many shares it was made one; `None` where somebody else deals out the units.
    pub shares: Option<usize>,
    /// Its rows.
    pub rows: u64,
    /// BLAKE3 of the bytes before the footer.
    check: String,
    /// What stands beside the rows, as JSON.
    told: String,
}

/// What a part is made with: all of its header that is known before its rows.
#[derive(Clone, Copy)]
pub struct Making<'a> {
    /// Whose it is.
    pub seal: &'a Seal,
    /// The units whose rows it holds, ascending.
    pub units: &'a [usize],
    /// Of how many shares it is one.
    pub shares: Option<usize>,
    /// How many buckets there are.
    pub buckets: u32,
}

/// The bucket of a text.
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

/// How hard is compressed: half of a copy is a hash, and the levels above cost more than they save.
const LEVEL: i32 = 1;

/// Behind the rows stands the mark of their end, then the footer, its length and the magic word.
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
    let options = IpcWriteOptions::default();
    let options = options.try_with_compression(Some(CompressionType::ZSTD)).map_err(failed)?;
    let options = options.try_with_compression_level(Some(LEVEL)).map_err(failed)?;
    let mut writer = FileWriter::try_new_with_options(Vec::new(), schema, options).map_err(failed)?;
    batches.iter().try_for_each(|batch| writer.write(batch)).map_err(failed)?;
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
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

/// Units as text: `0-4,9`.
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

/// A refusal that names a part.
pub(super) fn refused(name: &str, why: impl std::fmt::Display) -> Error {
    Error::Input(format!("{}: {why}", vtr_kernel::text::shown(name)))
}

const NO_PART: &str = "it is no part that `vtr fold` wrote, or it was cut short; fold its share again";

/// Bytes of the footer of a file that ends so, behind which nothing stands but its length and the magic word.
///
/// # Errors
/// It is no Arrow file.
pub fn footer_bytes(name: &str, end: &[u8]) -> Result<usize> {
    let end = end.last_chunk::<END>().ok_or_else(|| refused(name, NO_PART))?;
    let length = read_footer_length(*end).map_err(|_| refused(name, NO_PART))?;
    Ok(length + END)
}

impl Header {
    /// What the end of a file says, of which at least [`footer_bytes`] are there.
    ///
    /// # Errors
    /// It is no part.
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
            format!("it was folded by another book ({book}), and the plan is of {}: plan and fold anew", seal.book)
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

/// The header and the rows of a part, every byte of which is as it was written.
///
/// # Errors
/// It is cut, damaged, no part, or one of another plan.
pub fn decode(name: &str, bytes: &[u8], seal: &Seal) -> Result<(Header, Vec<RecordBatch>)> {
    const DAMAGED: &str = "its bytes are not those that were written; fold its share again";
    let header = Header::of(name, bytes)?;
    header.expect(name, seal)?;
    let rows_end = bytes.len().checked_sub(footer_bytes(name, bytes)? + END_MARK);
    let rows = rows_end.and_then(|end| bytes.get(..end)).ok_or_else(|| refused(name, DAMAGED))?;
    if blake3::hash(rows).to_hex().as_str() != header.check {
        return Err(refused(name, DAMAGED));
    }
    let batches =
        FileReader::try_new(Cursor::new(bytes), None).and_then(Iterator::collect::<std::result::Result<_, _>>);
    let batches: Vec<RecordBatch> = batches.map_err(|error| refused(name, format!("{DAMAGED} ({error})")))?;
    if batches.iter().map(|batch| batch.num_rows() as u64).sum::<u64>() != header.rows {
        return Err(refused(name, DAMAGED));
    }
    Ok((header, batches))
}

/// Parts for tests.
#[cfg(test)]
pub mod samples {
    use super::*;
    use arrow::array::{ArrayRef, UInt32Array};
    use std::sync::Arc;

    /// Whose they are.
    pub fn seal() -> Seal {
        Seal { plan: "plan".into(), book: "book".into(), program: "vtr 1".into() }
    }

    /// One of bucket 7 in 4 shares.
    pub fn part(units: &[usize], rows: u32) -> Part {
        let batch: ArrayRef = Arc::new(UInt32Array::from_iter_values(0..rows));
        let batch = RecordBatch::try_from_iter([("file", batch)]).unwrap();
        let making = Making { seal: &seal(), units, shares: Some(4), buckets: 1 };
        encode(making, (PartKind::Gone, 7), &batch.schema(), std::slice::from_ref(&batch), "{}".into()).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::samples::{part, seal};
    use super::*;

    #[test]
    fn a_part_says_whose_it_is_and_gives_its_rows_back() {
        let (header, batches) = decode("a", &part(&[0, 1, 2, 5], 1_000).bytes, &seal()).unwrap();
        assert_eq!((header.kind, header.bucket, header.rows, header.shares), (PartKind::Gone, 7, 1_000, Some(4)));
        assert_eq!((header.units, batches[0].num_rows()), (vec![0, 1, 2, 5], 1_000));
        assert_eq!(decode("a", &part(&[], 0).bytes, &seal()).unwrap().0.units, Vec::<usize>::new());
    }

    #[test]
    fn whatever_byte_is_lost_or_changed_the_part_is_refused_by_name() {
        let whole = part(&[3], 50).bytes;
        for length in 0..whole.len() {
            let refused = decode("staging/cut.arrow", &whole[..length], &seal()).unwrap_err().to_string();
            assert!(refused.starts_with("staging/cut.arrow: "), "{length}: {refused}");
        }
        let end = whole.len() - footer_bytes("a", &whole).unwrap() - END_MARK;
        for place in 0..end {
            let mut damaged = whole.clone();
            damaged[place] ^= 0x20;
            assert!(decode("a", &damaged, &seal()).is_err(), "{place}");
        }
    }

    #[test]
    fn a_part_of_another_plan_book_or_version_is_refused_with_what_differs() {
        let bytes = part(&[3], 5).bytes;
        let refused = |seal: Seal| decode("a", &bytes, &seal).unwrap_err().to_string();
        assert!(refused(Seal { plan: "other".into(), ..seal() }).contains("another plan (plan)"));
        assert!(refused(Seal { book: "other".into(), ..seal() }).contains("another book (book)"));
        assert!(refused(Seal { program: "vtr 2".into(), ..seal() }).contains("folded by vtr 1"));
    }

    #[test]
    fn units_are_written_as_ranges() {
        for units in [vec![], vec![0], vec![1, 2, 3], vec![0, 2, 3, 9]] {
            assert_eq!(from_ranges(&ranges(&units)), Some(units));
        }
        assert_eq!(ranges(&[0, 2, 3, 9]), "0,2-3,9");
        assert_eq!(from_ranges("1-x"), None);
    }
}
