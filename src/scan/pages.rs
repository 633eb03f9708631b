//! The headers of a column chunk's pages, checked before any of them is trusted.
//!
//! The decoder reserves the memory that a header asks for; here every header is walked first, with a seek over each
//! page's body, and compared with the footer and the limits. It decodes dictionaries at most, and fails with the reason
//! only.

use super::parquet::{BATCH_ROWS, LEAST_ROWS, guarded, too_long};
use super::thrift::{Fields, STRUCT, Thrift};
use crate::job::plan::Limits;
use parquet::basic::{Compression, Type as PhysicalType};
use parquet::column::page::{Page, PageReader};
use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};
use parquet::file::reader::ChunkReader;
use parquet::file::serialized_reader::SerializedPageReader;
use std::collections::HashMap;
use std::sync::Arc;

/// Bytes read for a header: at first, then if it holds statistics, and at most.
const HEADER_STEPS: [u64; 3] = [128, 8 << 10, 1 << 20];
/// Inflated bytes up to which the ratio is not checked.
pub(crate) const RATIO_FROM: u64 = 64 << 20;

/// The cost of a chunk's pages for its reader.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pages {
    /// Values in all data pages.
    pub values: u64,
    /// Bytes of the largest page once inflated.
    pub largest: u64,
    /// Bytes of each data page and dictionary once inflated, in their order.
    pub inflated: Vec<u32>,
    /// Whether values are encoded as changes of the value before, so that a page can hold far more than its bytes.
    pub builds_on_the_last: bool,
    /// Whether a dictionary is abandoned within the chunk, which makes its reader write the texts out.
    pub leaves_its_dictionary: bool,
}

#[derive(Default)]
struct PageHeader {
    kind: i64,
    inflated: i64,
    stored: i64,
    values: i64,
    encoding: i64,
    length: u64,
}

const DATA: i64 = 0;
const INDEX: i64 = 1;
const DICTIONARY: i64 = 2;
const DATA_V2: i64 = 3;
const DELTA_BYTE_ARRAY: i64 = 7;
const ENCODED_BY_DICTIONARY: [i64; 2] = [2, 8];

/// Walks over the pages of a chunk.
///
/// # Errors
/// A header that is damaged, exceeds the limits, or does not agree with the footer.
pub(crate) fn walk(data: &impl ChunkReader, chunk: &ColumnChunkMetaData, limits: &Limits) -> Result<Pages, String> {
    let name = chunk.column_path().string();
    let said = |what: String| format!("column `{name}`: {what}");
    let start = chunk.dictionary_page_offset().unwrap_or(chunk.data_page_offset());
    let (Ok(start), Ok(stored)) = (u64::try_from(start), u64::try_from(chunk.compressed_size())) else {
        return Err(said("is outside the file".to_owned()));
    };
    let (mut at, end) = (start, start.saturating_add(stored));
    let (mut pages, mut inflated) = (Pages::default(), 0u64);
    let (mut has_dictionary, mut has_others) = (false, false);
    while at < end {
        let header = header(data, at, end).map_err(said)?;
        check(&header, chunk, end - at - header.length, limits).map_err(said)?;
        at += header.length + header.stored as u64;
        inflated += header.inflated as u64;
        pages.largest = pages.largest.max(header.inflated as u64);
        if header.kind != INDEX {
            pages
                .inflated
                .push(u32::try_from(header.inflated).map_err(|_| said("a page of 4 GiB or more".to_owned()))?);
        }
        match header.kind {
            DICTIONARY => has_dictionary = true,
            INDEX => {}
            _ => {
                pages.values += header.values as u64;
                pages.builds_on_the_last |= header.encoding == DELTA_BYTE_ARRAY;
                has_others |= !ENCODED_BY_DICTIONARY.contains(&header.encoding);
            }
        }
    }
    pages.leaves_its_dictionary = has_dictionary && has_others;
    if i64::try_from(pages.values) != Ok(chunk.num_values()) {
        let (seen, told) = (pages.values, chunk.num_values());
        return Err(said(format!("its pages hold {seen} values, but the footer says {told}")));
    }
    if inflated > RATIO_FROM && inflated > stored.saturating_mul(limits.max_inflated_ratio) {
        let max = limits.max_inflated_ratio;
        return Err(said(format!(
            "inflates to more than {max} times its {stored} bytes; if that is right, raise [limits] max_inflated_ratio"
        )));
    }
    Ok(pages)
}

/// What the headers of a row group's pages say.
pub(crate) struct WalkedGroup {
    /// The rows of a batch.
    pub batch_rows: usize,
    /// For each leaf that is read, the bytes of its pages once inflated.
    pub inflated: HashMap<usize, Arc<[u32]>>,
    /// The bytes of the largest page of each of these leaves: so much is inflated at once.
    pub at_once: u64,
}

/// Walks over the headers of all pages, and refuses those that ask for too much memory. Batches have the number of rows
/// whose values take at most a given number of bytes when they are decoded at once: fewer if values are long, or can be
/// much longer than their encoding.
pub(crate) fn walk_group<R: ChunkReader + 'static>(
    data: &Arc<R>,
    group: &RowGroupMetaData,
    leaves: &[usize],
    limits: &Limits,
    most_bytes: u64,
) -> Result<WalkedGroup, String> {
    let (mut rows, mut of_a_row, mut inflated, mut at_once) = (BATCH_ROWS, 0, HashMap::new(), 0u64);
    for leaf in leaves {
        let chunk = group.column(*leaf);
        of_a_row += chunk.uncompressed_size().unsigned_abs() / chunk.num_values().unsigned_abs().max(1);
        let pages = walk(data.as_ref(), chunk, limits)?;
        at_once = at_once.saturating_add(pages.largest);
        inflated.insert(*leaf, pages.inflated.into());
        let longest = if pages.builds_on_the_last {
            pages.largest
        } else if pages.leaves_its_dictionary && chunk.column_type() == PhysicalType::BYTE_ARRAY {
            longest_in_dictionary(data, group, *leaf, limits)?
        } else {
            continue;
        };
        rows = rows.min((most_bytes / longest.max(1)).max(LEAST_ROWS) as usize);
    }
    let batch_rows = rows.min((most_bytes / of_a_row.max(1)).max(LEAST_ROWS) as usize);
    Ok(WalkedGroup { batch_rows, inflated, at_once })
}

/// Returns the length of the longest text of a dictionary, which may be written out once for every row.
fn longest_in_dictionary<R: ChunkReader + 'static>(
    data: &Arc<R>,
    group: &RowGroupMetaData,
    leaf: usize,
    limits: &Limits,
) -> Result<u64, String> {
    let chunk = group.column(leaf);
    let rows = group.num_rows() as usize;
    let page = guarded(|| SerializedPageReader::new(data.clone(), chunk, rows, None)?.get_next_page());
    let name = chunk.column_path().string();
    let Some(Page::DictionaryPage { buf, .. }) = page.map_err(|error| format!("column `{name}`: {error}"))? else {
        return Ok(0);
    };
    let (mut rest, mut longest) = (buf.as_ref(), 0);
    while let Some((length, texts)) = rest.split_first_chunk::<4>() {
        let length = u32::from_le_bytes(*length);
        longest = longest.max(u64::from(length));
        rest = texts.get(length as usize..).unwrap_or_default();
    }
    if longest > limits.max_field_bytes as u64 {
        return Err(format!("column `{name}`: {}", too_long(longest, limits)));
    }
    Ok(longest)
}

fn check(header: &PageHeader, chunk: &ColumnChunkMetaData, left: u64, limits: &Limits) -> Result<(), String> {
    let damaged = |what: &str| Err(format!("{what}; the page header is damaged"));
    if ![DATA, INDEX, DICTIONARY, DATA_V2].contains(&header.kind) {
        return damaged(&format!("a page of unknown kind {}", header.kind));
    }
    if header.inflated < 0 || header.stored < 0 || header.values < 0 || header.stored as u64 > left {
        return damaged("a page with sizes that cannot be");
    }
    if header.inflated as u64 > limits.max_page_bytes {
        let (bytes, max) = (header.inflated, limits.max_page_bytes);
        return Err(format!(
            "a page of {bytes} bytes once inflated, more than {max}; if that is right, raise [limits] max_page_bytes"
        ));
    }
    if chunk.compression() == Compression::UNCOMPRESSED && header.stored != header.inflated {
        return damaged("a page that is not compressed and yet has two sizes");
    }
    if header.kind == DICTIONARY && header.values > header.inflated.max(1) {
        return damaged("a dictionary of more values than bytes");
    }
    if matches!(header.kind, DATA | DATA_V2) && header.values > chunk.num_values() {
        return damaged("a page of more values than its column");
    }
    Ok(())
}

/// Returns the header at a position.
fn header(data: &impl ChunkReader, at: u64, end: u64) -> Result<PageHeader, String> {
    for step in HEADER_STEPS {
        let length = step.min(end - at);
        let bytes = data.get_bytes(at, length as usize).map_err(|error| format!("cannot be read: {error}"))?;
        if let Some(header) = parse(&bytes) {
            return Ok(header);
        }
        if length < step {
            break;
        }
    }
    Err(format!("a page header is damaged (byte {at})"))
}

fn parse(bytes: &[u8]) -> Option<PageHeader> {
    let mut thrift = Thrift::new(bytes);
    let (mut fields, mut header) =
        (Fields::default(), PageHeader { kind: -1, inflated: -1, stored: -1, ..PageHeader::default() });
    while let Some((field, kind)) = fields.next(&mut thrift)? {
        match field {
            1 => header.kind = thrift.zigzag()?,
            2 => header.inflated = thrift.zigzag()?,
            3 => header.stored = thrift.zigzag()?,
            5 | 7 | 8 if kind == STRUCT => of_kind(&mut thrift, field, &mut header)?,
            _ => thrift.skip_field(kind)?,
        }
    }
    header.length = thrift.walked() as u64;
    Some(header)
}

/// Reads the part of a header that depends on the page's kind: values first, then the encoding.
fn of_kind(thrift: &mut Thrift, part: i64, header: &mut PageHeader) -> Option<()> {
    let encoding = if part == 8 { 4 } else { 2 };
    let mut fields = Fields::default();
    while let Some((field, kind)) = fields.next(thrift)? {
        match field {
            1 => header.values = thrift.zigzag()?,
            _ if field == encoding => header.encoding = thrift.zigzag()?,
            _ => thrift.skip_field(kind)?,
        }
    }
    Some(())
}
