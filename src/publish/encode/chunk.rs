//! One column of a row group, encoded from codes: pages, their index, and what the footer says of them.
//!
//! It writes what the parquet crate's own writer would write for the same rows, byte for byte, but it does not hash
//! each value again. The crate frames the pages and writes footer and indexes. It fails only if the crate does.

use super::values::Values;
use super::{ZSTD_LEVEL, runs};
use arrow::array::{Array, ArrayRef};
use bytes::Bytes;
use parquet::basic::{BoundaryOrder, CompressionCodec, Encoding, EncodingMask, PageType};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{
    ColumnChunkMetaData, ColumnIndexBuilder, LevelHistogram, OffsetIndexBuilder, PageEncodingStats,
};
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;
use std::cell::Cell;
use std::iter::repeat_n;
use std::ops::Range;

/// The most rows between two looks at the sizes; if all rows of a write are null, or none of a column that may hold
/// nulls, they are [`ROWS_OF_A_PAGE`].
const ROWS_OF_A_STEP: usize = 1_024;
/// The rows and bytes after which a page ends.
const ROWS_OF_A_PAGE: usize = 20_000;
const BYTES_OF_A_PAGE: usize = 1 << 20;
/// The bytes after which a dictionary is full; the values of later pages are written as they are.
const BYTES_OF_A_DICTIONARY: usize = 1 << 20;

thread_local! {
    /// A compressor of the thread that has no file now.
    static IDLE: Cell<Option<zstd::bulk::Compressor<'static>>> = const { Cell::new(None) };
}

/// Compresses pages. A thread keeps a compressor from file to file, because making one asks the processor what it can
/// do, which takes microseconds in a virtual machine: a run of 300,000 rows into all tables spent 14.6 % of its processor
/// time on making compressors, and 13.2 % on decompressors that came with them.
pub struct Compressor(Option<zstd::bulk::Compressor<'static>>);

impl Compressor {
    /// Takes the idle compressor of the thread, or else makes one.
    pub fn take() -> Result<Compressor> {
        let idle = IDLE.take();
        let made = || zstd::bulk::Compressor::new(ZSTD_LEVEL).map_err(failed);
        Ok(Compressor(Some(idle.map_or_else(made, Ok)?)))
    }

    fn compress(&mut self, page: &[u8]) -> Result<Bytes> {
        let own = self.0.as_mut().expect("it is given back only when it is dropped");
        own.compress(page).map(Bytes::from).map_err(failed)
    }
}

impl Drop for Compressor {
    fn drop(&mut self) {
        // The place is gone if the thread is ending; then so is the compressor.
        let _ = IDLE.try_with(|idle| idle.set(self.0.take()));
    }
}

fn failed(error: std::io::Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}

/// How the values of the next page are written.
enum Form {
    /// As codes into the dictionary.
    Codes(Vec<u32>),
    /// As they are.
    Plain(Vec<u8>),
}

/// A page that is written.
struct WrittenPage<B> {
    rows: usize,
    nulls: usize,
    bytes: usize,
    bounds: Option<(B, B)>,
    text_bytes: Option<i64>,
    encoding: Encoding,
}

/// A column chunk that is being filled.
pub struct ColumnChunk<V: Values> {
    descriptor: ColumnDescPtr,
    values: V,
    form: Form,
    /// Rows of the page in progress.
    rows: usize,
    /// Whether each of these rows has a value; `None` if the column holds no nulls.
    levels: Option<Vec<u32>>,
    pages: Vec<u8>,
    written: Vec<WrittenPage<V::Bound>>,
    /// The dictionary's page, once it is full.
    dictionary: Vec<u8>,
    /// Bytes of all pages before compression.
    whole: usize,
}

impl<V: Values> ColumnChunk<V> {
    /// Makes a chunk of a column.
    pub fn of(descriptor: &ColumnDescPtr) -> Box<ColumnChunk<V>> {
        Box::new(ColumnChunk {
            descriptor: descriptor.clone(),
            values: V::default(),
            form: Form::Codes(Vec::new()),
            rows: 0,
            levels: (descriptor.max_def_level() > 0).then(Vec::new),
            pages: Vec::new(),
            written: Vec::new(),
            dictionary: Vec::new(),
            whole: 0,
        })
    }

    /// Appends the rows of arrays, as one write.
    pub fn write(&mut self, parts: &[&ArrayRef], compressor: &mut Compressor) -> Result<()> {
        let all: usize = parts.iter().map(|part| part.len()).sum();
        let nulls: usize = parts.iter().map(|part| part.null_count()).sum();
        let is_uniform = self.levels.is_some() && (nulls == 0 || nulls == all);
        let rows_of_a_step = if is_uniform { ROWS_OF_A_PAGE } else { ROWS_OF_A_STEP };
        for first in (0..all).step_by(rows_of_a_step) {
            let step = first..all.min(first + rows_of_a_step);
            let room = match &self.form {
                Form::Codes(_) => BYTES_OF_A_DICTIONARY.saturating_sub(self.values.bytes()),
                Form::Plain(_) => BYTES_OF_A_PAGE,
            };
            let most = fitting(&mut self.values, parts, step.clone(), room);
            for from in step.clone().step_by(most) {
                self.append(parts, from..step.end.min(from + most));
                self.look(compressor)?;
            }
        }
        Ok(())
    }

    fn append(&mut self, parts: &[&ArrayRef], rows: Range<usize>) {
        self.rows += rows.len();
        for (array, rows) in pieces(parts, rows) {
            if let Some(levels) = &mut self.levels {
                match array.nulls() {
                    None => levels.extend(repeat_n(1, rows.len())),
                    Some(nulls) => levels.extend(rows.clone().map(|row| u32::from(nulls.is_valid(row)))),
                }
            }
            match &mut self.form {
                Form::Codes(codes) => self.values.code(array, rows, codes),
                Form::Plain(bytes) => self.values.plain(array, rows, bytes),
            }
        }
    }

    /// Ends the page if it is large enough, and the dictionary if it is full.
    fn look(&mut self, compressor: &mut Compressor) -> Result<()> {
        if self.rows >= ROWS_OF_A_PAGE || self.rows > 0 && self.page_bytes() >= BYTES_OF_A_PAGE {
            self.end_page(compressor)?;
        }
        if matches!(self.form, Form::Codes(_)) && self.values.bytes() >= BYTES_OF_A_DICTIONARY {
            self.end_page(compressor)?;
            self.dictionary = self.dictionary_page(compressor)?;
            self.form = Form::Plain(Vec::new());
        }
        Ok(())
    }

    /// The most bytes that the page in progress can take.
    fn page_bytes(&self) -> usize {
        match &self.form {
            Form::Codes(codes) => V::HEAD + runs::most_bytes(runs::width(self.values.len()), codes.len()),
            Form::Plain(bytes) => bytes.len(),
        }
    }

    /// Bytes of the chunk so far, as far as they are known.
    pub fn bytes(&self) -> usize {
        let dictionary = match &self.form {
            Form::Codes(_) => self.values.bytes(),
            Form::Plain(_) => self.dictionary.len(),
        };
        self.pages.len() + self.page_bytes() + dictionary
    }

    fn end_page(&mut self, compressor: &mut Compressor) -> Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let (mut page, mut nulls) = (Vec::new(), 0);
        if let Some(levels) = &mut self.levels {
            nulls = levels.iter().filter(|level| **level == 0).count();
            page.extend_from_slice(&[0; 4]);
            runs::encode(levels, 1, &mut page);
            levels.clear();
            let bytes = page.len() as u32 - 4;
            page[..4].copy_from_slice(&bytes.to_le_bytes());
        }
        let encoding = match &mut self.form {
            Form::Codes(codes) => {
                let width = runs::width(self.values.len());
                page.reserve(1 + runs::most_bytes(width, codes.len()));
                page.push(width as u8);
                runs::encode(codes, width, &mut page);
                codes.clear();
                Encoding::RLE_DICTIONARY
            }
            Form::Plain(bytes) => {
                page.append(bytes);
                Encoding::PLAIN
            }
        };
        let before = page.len();
        let page = Page::DataPage {
            buf: compressor.compress(&page)?,
            num_values: self.rows as u32,
            encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        let bytes = self.frame(page, before)?;
        self.pages.extend_from_slice(&bytes);
        self.written.push(WrittenPage {
            rows: std::mem::take(&mut self.rows),
            nulls,
            bytes: bytes.len(),
            bounds: self.values.take_bounds(),
            text_bytes: self.values.take_text_bytes(),
            encoding,
        });
        Ok(())
    }

    fn dictionary_page(&mut self, compressor: &mut Compressor) -> Result<Vec<u8>> {
        let page = self.values.dictionary();
        let before = page.len();
        let page = Page::DictionaryPage {
            buf: compressor.compress(&page)?,
            num_values: self.values.len() as u32,
            encoding: Encoding::PLAIN,
            is_sorted: false,
        };
        self.frame(page, before)
    }

    /// A page behind its header.
    fn frame(&mut self, page: Page, before: usize) -> Result<Vec<u8>> {
        let mut framed = TrackedWrite::new(Vec::with_capacity(page.buffer().len() + 64));
        let written = SerializedPageWriter::new(&mut framed).write_page(CompressedPage::new(page, before))?;
        self.whole += written.uncompressed_size;
        framed.into_inner()
    }

    /// Ends the chunk: its bytes, and what the footer says of it.
    pub fn close(mut self, compressor: &mut Compressor) -> Result<(Bytes, ColumnCloseResult)> {
        self.end_page(compressor)?;
        if matches!(self.form, Form::Codes(_)) {
            self.dictionary = self.dictionary_page(compressor)?;
        }
        let head = self.dictionary.len();
        let mut chunk = std::mem::take(&mut self.dictionary);
        chunk.append(&mut self.pages);

        let rows: usize = self.written.iter().map(|page| page.rows).sum();
        let mut offsets = OffsetIndexBuilder::new();
        let mut offset = head;
        for page in &self.written {
            offsets.append_row_count(page.rows as i64);
            offsets.append_unencoded_byte_array_data_bytes(page.text_bytes);
            offsets.append_offset_and_size(offset as i64, page.bytes as i32);
            offset += page.bytes;
        }
        let bounds: Vec<&(V::Bound, V::Bound)> = self.written.iter().filter_map(|page| page.bounds.as_ref()).collect();
        let mut index = ColumnIndexBuilder::new(V::TYPE);
        for page in &self.written {
            match &page.bounds {
                Some((low, high)) => {
                    let [low, high] = V::indexed(low, high);
                    index.append(false, low, high, page.nulls as i64);
                }
                None if page.nulls == page.rows => index.append(true, Vec::new(), Vec::new(), page.nulls as i64),
                None => index.to_invalid(),
            }
            index.append_histograms(&None, &self.histogram(page));
        }
        index.set_boundary_order(order(&bounds));
        let index = if index.valid() { Some(index.build()?) } else { None };
        let nulls = self.written.iter().map(|page| page.nulls as u64).sum();
        let is_signed = self.descriptor.sort_order().is_signed();
        let histogram =
            self.levels.as_ref().map(|_| LevelHistogram::from(vec![nulls as i64, rows as i64 - nulls as i64]));

        let metadata = ColumnChunkMetaData::builder(self.descriptor.clone())
            .set_compression_codec(CompressionCodec::ZSTD)
            .set_encodings_mask(EncodingMask::new_from_encodings(self.encodings().iter()))
            .set_page_encoding_stats(self.encoding_stats())
            .set_total_compressed_size(chunk.len() as i64)
            .set_total_uncompressed_size(self.whole as i64)
            .set_num_values(rows as i64)
            .set_data_page_offset(head as i64)
            .set_dictionary_page_offset(Some(0))
            .set_unencoded_byte_array_data_bytes(self.written.iter().map(|page| page.text_bytes).sum())
            .set_definition_level_histogram(histogram)
            .set_statistics(V::statistics(extremes(&bounds), nulls, is_signed));
        let result = ColumnCloseResult {
            bytes_written: chunk.len() as u64,
            rows_written: rows as u64,
            metadata: metadata.build()?,
            bloom_filter: None,
            column_index: index,
            offset_index: Some(offsets.build()),
        };
        Ok((chunk.into(), result))
    }

    /// How many rows of a page are null, and how many are not.
    fn histogram(&self, page: &WrittenPage<V::Bound>) -> Option<LevelHistogram> {
        let levels = || vec![page.nulls as i64, (page.rows - page.nulls) as i64];
        self.levels.as_ref().map(|_| LevelHistogram::from(levels()))
    }

    /// The number of pages of an encoding.
    fn pages_of(&self, encoding: Encoding) -> i32 {
        self.written.iter().filter(|page| page.encoding == encoding).count() as i32
    }

    fn encoding_stats(&self) -> Vec<PageEncodingStats> {
        let dictionary =
            PageEncodingStats { page_type: PageType::DICTIONARY_PAGE, encoding: Encoding::PLAIN, count: 1 };
        let pages = [Encoding::RLE_DICTIONARY, Encoding::PLAIN].map(|encoding| {
            let count = self.pages_of(encoding);
            PageEncodingStats { page_type: PageType::DATA_PAGE, encoding, count }
        });
        std::iter::once(dictionary).chain(pages.into_iter().filter(|pages| pages.count > 0)).collect()
    }

    fn encodings(&self) -> Vec<Encoding> {
        // Levels are run lengths by definition, and the dictionary is plain.
        let codes = (self.pages_of(Encoding::RLE_DICTIONARY) > 0).then_some(Encoding::RLE_DICTIONARY);
        [Encoding::PLAIN, Encoding::RLE].into_iter().chain(codes).collect()
    }
}

/// The arrays that hold rows, and the rows in each.
fn pieces<'p>(parts: &'p [&ArrayRef], rows: Range<usize>) -> impl Iterator<Item = (&'p dyn Array, Range<usize>)> {
    let mut before = 0;
    let piece = move |part: &'p &ArrayRef| {
        let (first, end) = (before, before + part.len());
        before = end;
        let (from, to) = (rows.start.clamp(first, end), rows.end.clamp(first, end));
        (from < to).then(|| (&***part, from - first..to - first))
    };
    parts.iter().filter_map(piece)
}

/// The rows of a step that are written at a time: those whose texts fit a number of bytes, and the one that exceeds
/// it. Nulls between them are reckoned to be spread evenly.
fn fitting<V: Values>(values: &mut V, parts: &[&ArrayRef], step: Range<usize>, room: usize) -> usize {
    let most: usize = pieces(parts, step.clone()).map(|(array, rows)| values.most_bytes(array, rows.len())).sum();
    if most <= room {
        return step.len();
    }
    let (mut fit, mut bytes) = (0, 0);
    for (array, piece) in pieces(parts, step.clone()) {
        let is_over = values.sizes(array, piece, &mut |size, times| {
            let more = times.min((room - bytes) / size.max(1));
            (fit, bytes) = (fit + more, bytes + more * size);
            more < times
        });
        if is_over {
            let nulls: usize =
                pieces(parts, step.clone()).map(|(array, rows)| array.slice(rows.start, rows.len()).null_count()).sum();
            return ((fit + 1) * step.len()).div_ceil(step.len() - nulls);
        }
    }
    step.len()
}

/// The order of the pages' bounds.
fn order<B: PartialOrd>(bounds: &[&(B, B)]) -> BoundaryOrder {
    let pairs = || bounds.windows(2);
    if pairs().all(|pair| pair[0].0 <= pair[1].0 && pair[0].1 <= pair[1].1) {
        BoundaryOrder::ASCENDING
    } else if pairs().all(|pair| pair[0].0 >= pair[1].0 && pair[0].1 >= pair[1].1) {
        BoundaryOrder::DESCENDING
    } else {
        BoundaryOrder::UNORDERED
    }
}

/// The least and the greatest of all bounds.
fn extremes<B: PartialOrd + Clone>(bounds: &[&(B, B)]) -> Option<(B, B)> {
    let mut all = bounds.iter();
    let (mut low, mut high) = all.next().map(|(low, high)| (low, high))?;
    for (other_low, other_high) in all {
        low = if other_low < low { other_low } else { low };
        high = if other_high > high { other_high } else { high };
    }
    Some((low.clone(), high.clone()))
}
