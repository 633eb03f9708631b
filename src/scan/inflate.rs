//! The pages of a row group, inflated by one zstd context a thread.
//!
//! The parquet crate makes two contexts for every column chunk, and making one asks the processor what it can do, which
//! takes microseconds in a virtual machine: 15 % of the time of a run over 2,000 small files. So here the crate reads the
//! pages as they are stored, and they are inflated to the sizes that [`walk`](super::pages::walk) checked before. Pages
//! in other compressions are left to the crate. It fails as the crate does.

use bytes::Bytes;
use parquet::arrow::arrow_reader::RowGroups;
use parquet::basic::Compression;
use parquet::column::page::{Page, PageIterator, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::reader::ChunkReader;
use parquet::file::serialized_reader::SerializedPageReader;
use std::cell::RefCell;
use std::collections::HashMap;
use std::io::Cursor;
use std::sync::Arc;
use zstd::bulk::Decompressor;

thread_local! {
    static CONTEXT: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// One row group whose page headers were walked.
pub(crate) struct GroupPages<R> {
    pub data: Arc<R>,
    pub metadata: Arc<ParquetMetaData>,
    pub group: usize,
    /// For each leaf that is read, the bytes of its pages once inflated.
    pub inflated: HashMap<usize, Arc<[u32]>>,
}

impl<R: ChunkReader + 'static> RowGroups for GroupPages<R> {
    fn num_rows(&self) -> usize {
        self.metadata.row_group(self.group).num_rows() as usize
    }

    fn column_chunks(&self, leaf: usize) -> Result<Box<dyn PageIterator>> {
        let group = self.metadata.row_group(self.group);
        let (chunk, rows) = (group.column(leaf), group.num_rows() as usize);
        let pages: Box<dyn PageReader> = match self.inflated.get(&leaf) {
            Some(sizes) if matches!(chunk.compression(), Compression::ZSTD(_)) => {
                let stored = chunk.clone().into_builder().set_compression(Compression::UNCOMPRESSED).build()?;
                let pages = SerializedPageReader::new(self.data.clone(), &stored, rows, None)?;
                Box::new(Inflating { pages, sizes: sizes.clone(), next: 0 })
            }
            _ => Box::new(SerializedPageReader::new(self.data.clone(), chunk, rows, None)?),
        };
        Ok(Box::new(OneChunk(Some(pages))))
    }

    fn row_groups(&self) -> Box<dyn Iterator<Item = &RowGroupMetaData> + '_> {
        Box::new(std::iter::once(self.metadata.row_group(self.group)))
    }

    fn metadata(&self) -> &ParquetMetaData {
        &self.metadata
    }
}

/// The pages of the only row group.
struct OneChunk(Option<Box<dyn PageReader>>);

impl Iterator for OneChunk {
    type Item = Result<Box<dyn PageReader>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.take().map(Ok)
    }
}

impl PageIterator for OneChunk {}

/// Inflates stored pages.
struct Inflating<R: ChunkReader> {
    pages: SerializedPageReader<R>,
    sizes: Arc<[u32]>,
    next: usize,
}

impl<R: ChunkReader> Inflating<R> {
    fn size(&mut self) -> Result<usize> {
        let size = self.sizes.get(self.next).copied();
        self.next += 1;
        size.map(|size| size as usize).ok_or_else(|| ParquetError::General("a page without a header".to_owned()))
    }
}

impl<R: ChunkReader> Iterator for Inflating<R> {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl<R: ChunkReader> PageReader for Inflating<R> {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let Some(mut page) = self.pages.get_next_page()? else { return Ok(None) };
        let size = self.size()?;
        match &mut page {
            Page::DataPage { buf, .. } | Page::DictionaryPage { buf, .. } => *buf = inflated(buf, 0, size)?,
            Page::DataPageV2 { buf, def_levels_byte_len, rep_levels_byte_len, is_compressed, .. } => {
                if *is_compressed {
                    // The levels in front are not compressed.
                    *buf = inflated(buf, *def_levels_byte_len as usize + *rep_levels_byte_len as usize, size)?;
                }
            }
        }
        Ok(Some(page))
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.pages.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.size()?;
        self.pages.skip_next_page()
    }

    fn at_record_boundary(&mut self) -> Result<bool> {
        self.pages.at_record_boundary()
    }
}

/// Returns a page of a known size: its first bytes as they are, the others inflated.
fn inflated(stored: &[u8], plain: usize, size: usize) -> Result<Bytes> {
    let Some((levels, values)) = stored.split_at_checked(plain).filter(|_| plain <= size) else {
        return Err(ParquetError::General("Invalid page header".to_owned()));
    };
    let mut page = Vec::with_capacity(size);
    page.extend_from_slice(levels);
    // A page without a value may hold nothing at all.
    if size > plain {
        let mut into = Cursor::new(&mut page);
        into.set_position(plain as u64);
        CONTEXT.with_borrow_mut(|context| {
            let context = match context {
                Some(context) => context,
                None => context.insert(Decompressor::new()?),
            };
            context.decompress_to_buffer(values, &mut into)
        })?;
    }
    if page.len() != size {
        let told = format!("Actual decompressed size doesn't match the expected one ({} vs {size})", page.len());
        return Err(ParquetError::General(told));
    }
    Ok(Bytes::from(page))
}

#[cfg(test)]
mod tests {
    use super::super::pages;
    use super::*;
    use crate::job::plan::fixture;
    use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
    use parquet::arrow::arrow_reader::{
        ArrowReaderMetadata, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
    };
    use parquet::arrow::{ArrowWriter, ProjectionMask, parquet_to_arrow_field_levels};
    use parquet::basic::ZstdLevel;
    use parquet::file::properties::{WriterProperties, WriterVersion};
    use std::path::Path;

    /// A file of texts with a dictionary and without, numbers with nulls, and a column of nulls, in several pages.
    fn file(version: WriterVersion) -> Bytes {
        let text = |row: i64| (row % 5 > 0).then(|| format!("carrier {}", row % 7));
        let columns: [(&str, ArrayRef); 4] = [
            ("label", Arc::new((0..900).map(text).collect::<StringArray>())),
            ("text", Arc::new((0..900).map(|row| Some(format!("order {row}"))).collect::<StringArray>())),
            ("number", Arc::new((0..900).map(|row| (row % 3 > 0).then_some(row)).collect::<Int64Array>())),
            ("nothing", Arc::new(Int64Array::new_null(900))),
        ];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(3).unwrap()))
            .set_writer_version(version)
            .set_column_dictionary_enabled("text".into(), false)
            .set_data_page_row_count_limit(200)
            .set_write_batch_size(100);
        let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties.build())).unwrap();
        writer.write(&batch).unwrap();
        writer.into_inner().unwrap().into()
    }

    /// Reads the only group as the program does.
    fn ours(file: &Bytes, metadata: &ArrowReaderMetadata) -> std::result::Result<Vec<RecordBatch>, String> {
        let group = metadata.metadata().row_group(0);
        let walked = |leaf: usize| {
            let pages = pages::walk(file, group.column(leaf), &fixture::plan(Path::new("."), Vec::new()).limits)?;
            Ok((leaf, pages.inflated.into()))
        };
        let inflated = (0..group.num_columns()).map(walked).collect::<std::result::Result<_, String>>()?;
        let pages =
            GroupPages { data: Arc::new(file.clone()), metadata: metadata.metadata().clone(), group: 0, inflated };
        let (schema, fields) = (metadata.parquet_schema(), metadata.schema().fields());
        let levels = parquet_to_arrow_field_levels(schema, ProjectionMask::all(), Some(fields)).unwrap();
        let reader = ParquetRecordBatchReader::try_new_with_row_groups(&levels, &pages, 256, None);
        reader
            .map_err(|error| error.to_string())?
            .collect::<std::result::Result<_, _>>()
            .map_err(|error| error.to_string())
    }

    /// Reads it as the crate does.
    fn theirs(file: &Bytes, metadata: &ArrowReaderMetadata) -> std::result::Result<Vec<RecordBatch>, String> {
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file.clone(), metadata.clone());
        let reader = builder.with_batch_size(256).build().map_err(|error| error.to_string())?;
        reader.collect::<std::result::Result<_, _>>().map_err(|error| error.to_string())
    }

    #[test]
    fn pages_of_both_versions_are_those_that_the_crate_inflates_also_if_a_byte_is_damaged() {
        for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
            let file = file(version);
            let metadata = ArrowReaderMetadata::load(&file, Default::default()).unwrap();
            assert_eq!(ours(&file, &metadata).unwrap(), theirs(&file, &metadata).unwrap());
            let pages = metadata.metadata().row_group(0).columns();
            let end: u64 =
                pages.iter().map(|column| column.byte_range()).map(|(start, length)| start + length).max().unwrap();
            let (mut refused, mut read) = (0, 0);
            for at in 4..end as usize {
                let mut damaged = file.to_vec();
                damaged[at] ^= 0x55;
                let damaged = Bytes::from(damaged);
                // What the walk refuses before, and a panic of the crate, are other tests' business.
                let both = std::panic::catch_unwind(|| (ours(&damaged, &metadata), theirs(&damaged, &metadata)));
                match both {
                    Ok((Ok(ours), theirs)) => {
                        assert_eq!(Ok(ours), theirs, "byte {at}");
                        read += 1;
                    }
                    Ok((Err(_), _)) | Err(_) => refused += 1,
                }
            }
            assert!(refused > 100 && read > 0, "{refused} refused, {read} read");
        }
    }
}
