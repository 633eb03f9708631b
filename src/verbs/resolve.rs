//! `vtr resolve`: prints the version of an output and the files of its tables.
//!
//! It reads only the log and opens no data file. It fails if nothing is published, or if the output lacks the version
//! or table.

use super::listing::{self, Cell, Format};
use crate::error::{Error, Result};
use crate::publish::store::Store;
use crate::publish::{self, DataFile, Manifest, log};
use crate::schema::Table;
use serde_json::json;
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use vtr_kernel::text::{shown, shown_json};

/// Prints to stdout the highest version, or the one asked for, and the files of all tables or of one.
pub fn run(out: &Path, table: Option<&str>, version: Option<u64>, format: Format) -> Result<()> {
    let store = publish::at(out)?;
    let store = store.as_ref();
    let manifest = publish::open(store, version)?;
    let tables = choose(&manifest, table)?;
    let printed = match format {
        Format::Json => print_json(&mut io::stdout().lock(), store, &manifest, &tables),
        Format::Table => print_text(&mut io::stdout().lock(), store, &manifest, &tables),
        Format::Csv => return listing::print(format, &HEADS, rows(store, &manifest, &tables)),
    };
    match printed {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        printed => printed.map_err(|error| Error::failed("writing to stdout", error)),
    }
}

/// The columns of the list for spreadsheets, which has a row per file.
const HEADS: [&str; 7] = ["version", "table", "week", "rows", "bytes", "sha256", "path"];

fn rows<'a>(store: &dyn Store, manifest: &Manifest, tables: &Tables<'a>) -> Vec<Vec<Cell<'a>>> {
    let count = |count: u64| Cell::Count(i64::try_from(count).unwrap_or(i64::MAX));
    let row = |name: &'a str, file: &'a DataFile| {
        vec![
            count(manifest.version),
            Cell::text(name),
            file.week.map_or(Cell::Null, Cell::Day),
            count(file.rows),
            count(file.bytes),
            Cell::text(file.sha256.as_str()),
            Cell::text(store.shown(&file.path)),
        ]
    };
    tables.iter().flat_map(|(name, files)| files.iter().map(move |file| row(name, file))).collect()
}

type Tables<'a> = Vec<(&'a str, &'a [DataFile])>;

fn choose<'a>(manifest: &'a Manifest, table: Option<&str>) -> Result<Tables<'a>> {
    let known: Vec<&str> = Table::ALL.iter().map(|table| table.name()).collect();
    if let Some(asked) = table
        && !manifest.tables.contains_key(asked)
    {
        let (version, holds) = (manifest.version, manifest.tables.keys().cloned().collect::<Vec<_>>().join(", "));
        let which = if known.contains(&asked) { "is not part of" } else { "is no table; of" };
        return Err(Error::Usage(format!("--table: `{asked}` {which} version {version}, which holds {holds}")));
    }
    let place = |name: &str| known.iter().position(|known| *known == name).unwrap_or(known.len());
    let tables = manifest.tables.iter().map(|(name, files)| (name.as_str(), files.as_slice()));
    let mut tables: Tables = tables.filter(|(name, _)| table.is_none_or(|asked| asked == *name)).collect();
    tables.sort_by_key(|(name, _)| place(name));
    Ok(tables)
}

/// Prints one line per file: table, week, rows, bytes, path.
fn print_text(to: &mut dyn Write, store: &dyn Store, manifest: &Manifest, tables: &Tables) -> io::Result<()> {
    writeln!(to, "version {}", manifest.version)?;
    for (name, files) in tables {
        for file in *files {
            let week = file.week.map_or("-".to_owned(), log::day_text);
            let path = store.shown(&file.path);
            let path = shown(&path);
            writeln!(to, "{name}\t{week}\t{}\t{}\t{path}", file.rows, file.bytes)?;
        }
    }
    to.flush()
}

fn print_json(to: &mut dyn Write, store: &dyn Store, manifest: &Manifest, tables: &Tables) -> io::Result<()> {
    let of_table = |(name, files): &(&str, &[DataFile])| {
        let files: Vec<_> = files
            .iter()
            .map(|file| {
                json!({
                    "path": store.shown(&file.path),
                    "sha256": file.sha256,
                    "bytes": file.bytes,
                    "rows": file.rows,
                    "week": file.week.map(log::day_text),
                    "judged_by": file.judged_by,
                })
            })
            .collect();
        json!({ "table": name, "files": files })
    };
    let document = json!({
        "version": manifest.version,
        "run_id": manifest.run_id,
        "job": manifest.job.name,
        "as_of": log::day_text(manifest.as_of),
        "evidence": manifest.evidence,
        "tables": tables.iter().map(of_table).collect::<Vec<_>>(),
    });
    writeln!(to, "{}", shown_json(&format!("{document:#}")))?;
    to.flush()
}
