//! `vtr tables`: prints the published tables, column by column.
//!
//! It prints the schema that the tables are built by and reads no output. It fails if the table is unknown, or if
//! stdout cannot be written.

use super::listing::{Cell, Format, Listing};
use crate::assemble::PACKAGE_COLUMNS;
use crate::error::{Error, Result};
use crate::place::marks::{OF_PACKAGES, PACKAGES};
use crate::schema::{Table, ValueKind};
use vtr_kernel::suggest::did_you_mean;

/// Lists all tables, or the columns of one.
///
/// # Errors
/// [`Error::Usage`] for an unknown table, and as [`super::print`].
pub fn run(name: Option<&str>, format: Format) -> Result<()> {
    let mut text = Vec::new();
    match name {
        None => tables(format, &mut text)?,
        Some(PACKAGES) => columns(&PACKAGE_COLUMNS, format, &mut text)?,
        Some(name) if OF_PACKAGES.contains(&name) => {
            return Err(Error::Usage(format!(
                "`{name}` counts what became of the records that were joined into packages: docs/assemble.md says what, and \
                 `vtr tables packages` what packages have beside the columns of a shipment"
            )));
        }
        Some(name) => {
            let known = Table::ALL.into_iter().map(Table::name);
            let table = Table::from_name(name)
                .ok_or_else(|| Error::Usage(format!("there is no table `{name}`{}", did_you_mean(name, known))))?;
            columns(&of(table), format, &mut text)?;
        }
    }
    super::print(text)
}

fn tables(format: Format, out: &mut Vec<u8>) -> Result<()> {
    let mut listing = Listing::begin(format, &["table", "files", "key", "meaning"], out)?;
    for table in Table::ALL {
        let files = if table.is_partitioned() { "one a week" } else { "one" };
        let key = table.key().join(", ");
        listing.row(&[Cell::text(table.name()), Cell::text(files), Cell::text(key), Cell::text(table.meaning())])?;
    }
    listing.finish(&mut std::io::stderr())
}

/// A column: its name, its kind, whether it may be null, and what it means.
type Described = (&'static str, ValueKind, bool, &'static str);

fn of(table: Table) -> Vec<Described> {
    table.columns().iter().map(|column| (column.name, column.kind, column.nullable, column.meaning)).collect()
}

fn columns(all: &[Described], format: Format, out: &mut Vec<u8>) -> Result<()> {
    let mut listing = Listing::begin(format, &["column", "type", "nulls", "meaning"], out)?;
    for (name, kind, nullable, meaning) in all {
        listing.row(&[Cell::text(*name), Cell::text(kind.name()), Cell::Flag(*nullable), Cell::text(*meaning)])?;
    }
    listing.finish(&mut std::io::stderr())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_and_column_is_listed() {
        let mut text = Vec::new();
        tables(Format::Csv, &mut text).unwrap();
        let listed = String::from_utf8(text).unwrap();
        for table in Table::ALL {
            assert!(listed.contains(table.name()), "{}", table.name());
            let mut text = Vec::new();
            columns(&of(table), Format::Json, &mut text).unwrap();
            let rows: serde_json::Value = serde_json::from_slice(&text).unwrap();
            assert_eq!(rows.as_array().unwrap().len(), table.columns().len());
        }
        assert!(run(Some("vtr_weekli"), Format::Table).unwrap_err().to_string().contains("`vtr_weekly`"));
    }
}
