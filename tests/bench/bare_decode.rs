//! The lower bound: decodes the columns by which `vtr_weekly` is judged, labels as dictionaries, and does nothing
//! with them.
//!
//! Usage: bare_decode THREADS FILE...; threads take row groups from one queue, as in a run. It prints the number of
//! rows read and panics at a file that cannot be read.

use arrow::datatypes::{Field, Schema};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use vtr_columnar::input::{Column, Kind, label_type};

/// The columns that only other tables or deduplication need.
const LEFT_OUT: [Column; 2] = [Column::PackageId, Column::ProductCategory];

/// The rows of a batch.
const BATCH_ROWS: usize = 4_096;

fn opened(path: &str) -> (ArrowReaderMetadata, Vec<String>) {
    let file = File::open(path).expect("the file opens");
    let plain = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()).expect("the footer reads");
    let column = |field: &Field| Column::from_name(field.name()).filter(|column| !LEFT_OUT.contains(column));
    let fields = plain.schema().fields().iter().map(|field| match column(field).map(Column::kind) {
        Some(Kind::Label) => Arc::new(field.as_ref().clone().with_data_type(label_type())),
        _ => field.clone(),
    });
    let options = ArrowReaderOptions::new().with_schema(Arc::new(Schema::new(fields.collect::<Vec<_>>())));
    let typed = ArrowReaderMetadata::try_new(plain.metadata().clone(), options).expect("labels can be dictionaries");
    let names =
        plain.schema().fields().iter().filter(|field| column(field).is_some()).map(|field| field.name().clone());
    (typed, names.collect())
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let threads: usize = arguments.next().and_then(|text| text.parse().ok()).expect("first the number of threads");
    let paths: Vec<String> = arguments.collect();
    let files: Vec<(ArrowReaderMetadata, Vec<String>)> = paths.iter().map(|path| opened(path)).collect();
    let groups = |file: usize| (0..files[file].0.metadata().num_row_groups()).map(move |group| (file, group));
    let units: Vec<(usize, usize)> = (0..files.len()).flat_map(groups).collect();
    let (next, rows) = (AtomicUsize::new(0), AtomicU64::new(0));
    let work = || {
        while let Some((file, group)) = units.get(next.fetch_add(1, Ordering::Relaxed)) {
            let (metadata, names) = &files[*file];
            let source = File::open(&paths[*file]).expect("the file opens again");
            let mask = ProjectionMask::columns(metadata.parquet_schema(), names.iter().map(String::as_str));
            let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(source, metadata.clone())
                .with_projection(mask)
                .with_row_groups(vec![*group])
                .with_batch_size(BATCH_ROWS)
                .build()
                .expect("the columns are there");
            for batch in reader {
                rows.fetch_add(batch.expect("the row group decodes").num_rows() as u64, Ordering::Relaxed);
            }
        }
    };
    std::thread::scope(|scope| {
        (1..threads).for_each(|_| drop(scope.spawn(work)));
        work();
    });
    println!("{} rows", rows.into_inner());
}
