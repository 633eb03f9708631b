//! `vtr views`: prints a published output as SQL views over its current location.
//!
//! Paths are absolute, because SQL cannot refer to its own folder; if the output is copied or mounted elsewhere, print
//! the views again there. It opens no data file. It fails if nothing is published.

use crate::cli::Engine;
use crate::error::{Error, Result};
use crate::publish::{self, Manifest, current};
use crate::schema::Table;
use arrow::datatypes::DataType;
use std::fmt::Write;
use std::path::Path;
use vtr_kernel::text::shown;

/// Prints the views of the highest version, or of the one asked for.
///
/// # Errors
/// Nothing is published there; stdout cannot be written.
pub fn run(out: &Path, version: Option<u64>, engine: Engine) -> Result<()> {
    let store = publish::at(out)?;
    let manifest = publish::open(store.as_ref(), version)?;
    let root = current::root(store.as_ref())?;
    if shown(&root) != root {
        let root = shown(&root);
        return Err(Error::Usage(format!(
            "{root}: its path holds hidden characters; rename the folder, and ask again"
        )));
    }
    super::print(match engine {
        Engine::Duckdb => current::views_of(store.as_ref(), &manifest)?,
        Engine::Clickhouse => clickhouse(&root, &manifest),
    })
}

/// The tables as ClickHouse views. A server reads only files below its `user_files_path`; clickhouse-local and chDB
/// read any path.
fn clickhouse(root: &str, manifest: &Manifest) -> String {
    let mut text =
        format!("-- ClickHouse views of version {} of job {}.\n", manifest.version, shown(&manifest.job.name));
    for (name, files) in &manifest.tables {
        let Some(table) = Table::from_name(name) else { continue };
        let columns: Vec<String> = table
            .schema()
            .fields()
            .iter()
            .map(|field| format!("{} {}", field.name(), word(field.data_type())))
            .collect();
        let structure = literal(&columns.join(", "));
        let part = |path: &str| format!("SELECT * FROM {}", source(&format!("{root}/{path}"), &structure));
        let body = match files.as_slice() {
            [] => format!("SELECT * FROM null({structure})"),
            files => files.iter().map(|file| part(&file.path)).collect::<Vec<_>>().join("\nUNION ALL "),
        };
        let _ = write!(text, "\nCREATE OR REPLACE VIEW {name} AS\n{body};\n");
    }
    text
}

/// The table function that reads a path.
fn source(path: &str, structure: &str) -> String {
    match path.split_once("://") {
        Some(("gs", rest)) => {
            format!("gcs({}, 'Parquet', {structure})", literal(&format!("https://storage.googleapis.com/{rest}")))
        }
        Some(("s3" | "s3a", rest)) => {
            let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
            let url = format!("https://{bucket}.s3.amazonaws.com/{key}");
            format!("s3({}, 'Parquet', {structure})", literal(&url))
        }
        _ => format!("file({}, 'Parquet', {structure})", literal(&itself(path))),
    }
}

/// A path with `?` for each other sign of a pattern; `?` matches any one character.
fn itself(path: &str) -> String {
    path.chars().map(|c| if matches!(c, '*' | '{' | '}') { '?' } else { c }).collect()
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

fn word(kind: &DataType) -> String {
    let plain = match kind {
        DataType::Int64 => "Int64".to_owned(),
        DataType::Float64 => "Float64".to_owned(),
        DataType::Boolean => "Bool".to_owned(),
        DataType::Date32 => "Date32".to_owned(),
        DataType::Decimal128(digits, scale) => format!("Decimal({digits}, {scale})"),
        DataType::Timestamp(..) => "DateTime64(6, \'UTC\')".to_owned(),
        _ => "String".to_owned(),
    };
    format!("Nullable({plain})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_clickhouse_end_where_they_should() {
        assert_eq!(literal("it's \\ x"), "'it\\'s \\\\ x'");
        assert_eq!(
            source("s3://bucket/a/b.parquet", "'x Int64'"),
            "s3('https://bucket.s3.amazonaws.com/a/b.parquet', 'Parquet', 'x Int64')"
        );
        assert_eq!(source("/a{b}/c", "'x'"), "file('/a?b?/c', 'Parquet', 'x')");
    }
}
