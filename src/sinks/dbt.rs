//! Describes the published tables as dbt sources: columns, meanings, tests, freshness.
//!
//! All of it follows from the schema of the published tables; the manifest is read only for the names of the tables
//! that exist. Nothing in it fails.

use crate::publish::Manifest;
use crate::schema::{ColumnFacts, Table};
use crate::tables::health::Status;
use std::fmt::Write;
use vtr_kernel::Reason;

/// The place from which dbt reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A sink of kind `postgres`.
    Postgres {
        /// Its schema.
        schema: String,
    },
    /// The published files, by dbt-duckdb.
    Duckdb {
        /// The location of the output.
        root: String,
        /// Whether it has the folder `current`.
        is_local: bool,
    },
}

/// Column names that are SQL keywords and therefore quoted.
const RESERVED: [&str; 1] = ["column"];

/// The text of `sources.yml`, for dbt 1.10 and later.
pub fn sources(manifest: &Manifest, target: &Target) -> String {
    let mut text = String::from(
        "# Made by `vtr dbt` from the published tables; make it anew after an upgrade. Needs dbt 1.10 or later.\nversion: 2\n\nsources:\n  - name: vtr\n",
    );
    let job = quoted(&format!("Valid Tracking Rate, published by job {}", manifest.job.name));
    let _ = writeln!(text, "    description: {job}");
    if let Target::Postgres { schema } = target {
        let _ = writeln!(text, "    schema: {}", quoted(schema));
        let version = format!("select max(synced_at) from \"{}\".\"_version\"", schema.replace('"', "\"\""));
        let _ = writeln!(text, "    config:\n      loaded_at_query: {}", quoted(&version));
        text += "      freshness:\n        warn_after: {count: 8, period: day}\n        error_after: {count: 15, period: day}\n";
    }
    text += "    tables:\n";
    let published = Table::ALL.into_iter().filter(|table| manifest.has(*table));
    for table in published {
        text += &of_table(table, manifest, target);
    }
    text
}

fn of_table(table: Table, manifest: &Manifest, target: &Target) -> String {
    let name = table.name();
    let mut text = format!("      - name: {name}\n        description: {}\n", quoted(table.meaning()));
    if let Target::Duckdb { root, is_local } = target {
        let location = match is_local {
            // The link is updated with every publication, so that the file stays the same.
            true if table.is_partitioned() => list(&[format!("{root}/current/{name}/*/*.parquet")]),
            true => list(&[format!("{root}/current/{name}/*.parquet")]),
            false => {
                let files = manifest.files(table).iter().map(|file| format!("{root}/{}", file.path));
                list(&files.collect::<Vec<_>>())
            }
        };
        let location = format!("read_parquet({location}, hive_partitioning = false)");
        let _ = writeln!(text, "        config:\n          external_location: {}", quoted(&location));
    }
    if let keys @ [_, _, ..] = table.key() {
        let _ = writeln!(
            text,
            "        data_tests:\n          - unique:\n              name: {}\n              column_name: {}",
            quoted(&format!("unique_{name}_key")),
            quoted(&format!("md5(concat_ws(chr(31), {}))", keys.join(", ")))
        );
    }
    text += "        columns:\n";
    for facts in table.columns() {
        let _ = writeln!(text, "          - name: {}\n            description: {}", facts.name, quoted(facts.meaning));
        if RESERVED.contains(&facts.name) {
            text += "            quote: true\n";
        }
        let tests = tests(table, &facts);
        if !tests.is_empty() {
            let _ = writeln!(text, "            data_tests:\n{}", tests.join("\n"));
        }
    }
    text
}

/// The tests of a column.
fn tests(table: Table, facts: &ColumnFacts) -> Vec<String> {
    let mut tests = Vec::new();
    if !facts.nullable {
        tests.push("              - not_null".to_owned());
    }
    if table.key() == [facts.name] {
        tests.push("              - unique".to_owned());
    }
    let values: Vec<&str> = match (table, facts.name) {
        (Table::Defects, "reason") | (Table::AccountHealth, "leading_reason") => {
            Reason::defects().map(Reason::name).collect()
        }
        (Table::AccountHealth, "status") => Status::ALL.into_iter().map(Status::name).collect(),
        (_, "evidence") => vec!["scans", "format"],
        (_, "target_kind") => vec!["at_least", "more_than"],
        _ => Vec::new(),
    };
    if !values.is_empty() {
        let values = values.iter().map(|value| quoted(value)).collect::<Vec<_>>().join(", ");
        tests.push(format!(
            "              - accepted_values:\n                  arguments:\n                    values: [{values}]"
        ));
    }
    tests
}

/// Paths as an SQL list.
fn list(paths: &[String]) -> String {
    let quoted: Vec<String> = paths.iter().map(|path| format!("'{}'", path.replace('\'', "''"))).collect();
    format!("[{}]", quoted.join(", "))
}

/// A YAML string, written as a JSON string.
fn quoted(text: &str) -> String {
    // dbt would read two braces as a template.
    let text = text.replace("{{", "{ {").replace("{%", "{ %");
    serde_json::Value::from(text).to_string()
}
