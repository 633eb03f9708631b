//! Runs the program and reads what it published.

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, TimestampMicrosecondType};
use arrow::util::display::array_value_to_string;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The repository's root.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Runs the program in a folder, without the host's `VTR_*` variables.
pub fn vtr_in(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vtr"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("VTR_")) {
        command.env_remove(name);
    }
    command.current_dir(folder).args(args).output().expect("the program starts")
}

/// Runs the program in the repository's root.
pub fn vtr(args: &[&str]) -> Output {
    vtr_in(&root(), args)
}

/// Runs the program, which must succeed, and returns its stdout.
pub fn ok(args: &[&str]) -> String {
    let output = vtr(args);
    assert!(output.status.success(), "vtr {args:?}: {}\n{}", output.status, text(&output.stderr));
    text(&output.stdout)
}

/// Runs the program, which must end with this code, and returns its stderr.
pub fn fails(code: i32, args: &[&str]) -> String {
    let output = vtr(args);
    assert_eq!(output.status.code(), Some(code), "vtr {args:?}: {}", text(&output.stderr));
    text(&output.stderr)
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A row by column, with cells as text; null is `None`.
pub type Row = BTreeMap<String, Option<String>>;

/// The rows of one Parquet file.
pub fn read(path: &Path) -> Vec<Row> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap().build().unwrap();
    let mut rows = Vec::new();
    for batch in reader {
        let batch = batch.unwrap();
        for row in 0..batch.num_rows() {
            let cell = |column: &std::sync::Arc<dyn Array>| {
                column.is_valid(row).then(|| match column.data_type() {
                    DataType::Timestamp(..) => {
                        let time = column.as_primitive::<TimestampMicrosecondType>().value_as_datetime(row).unwrap();
                        time.and_utc().to_rfc3339()
                    }
                    _ => array_value_to_string(column, row).unwrap(),
                })
            };
            rows.push(
                batch
                    .schema()
                    .fields()
                    .iter()
                    .zip(batch.columns())
                    .map(|(field, column)| (field.name().clone(), cell(column)))
                    .collect(),
            );
        }
    }
    rows
}

/// All Parquet files below a folder, by path.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = walkdir::WalkDir::new(folder)
        .follow_links(true)
        .into_iter()
        .map(|entry| entry.unwrap().into_path())
        .filter(|path| path.extension().is_some_and(|suffix| suffix == "parquet"))
        .collect();
    files.sort();
    files
}

/// The rows of a published table, week by week.
pub fn table(out: &Path, name: &str) -> Vec<Row> {
    files(&out.join("current").join(name)).iter().flat_map(|path| read(path)).collect()
}

/// A cell that must not be null.
pub fn cell<'a>(row: &'a Row, column: &str) -> &'a str {
    row[column].as_deref().unwrap_or_else(|| panic!("{column} is null in {row:?}"))
}

/// A count that must not be null.
pub fn count(row: &Row, column: &str) -> i64 {
    cell(row, column).parse().unwrap()
}

/// The published data files by path below the output; names are digests, so this is the content.
pub fn contents(out: &Path) -> Vec<String> {
    let data = out.join("data");
    files(&data).iter().map(|path| path.strip_prefix(&data).unwrap().display().to_string()).collect()
}
