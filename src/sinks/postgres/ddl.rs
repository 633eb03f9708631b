//! The SQL of a sink's schema: tables, keys, comments and views, made from the schema of the published tables, so that
//! a new column or table is included automatically.
//!
//! It writes SQL and sends none. Nothing in it fails; a column type without a PostgreSQL type here panics, and a test
//! shows that there is none.

use crate::job::digest::sha256_hex;
use crate::schema::{ColumnFacts, Table};
use crate::sinks::is_summed;
use arrow::datatypes::DataType;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::LazyLock;

/// The table that names the version of the others.
pub const VERSION: &str = "_version";

/// The most bytes of a text in an index; longer ones are truncated. A B-tree entry has at most 2,704 bytes, and must
/// hold two free texts beside some short ones.
pub const KEY_BYTES: usize = 1_200;

/// The columns of [`VERSION`], with their types and meanings.
const VERSION_COLUMNS: [(&str, &str, &str); 11] = [
    ("output", "text", "id of the output that is replicated"),
    ("version", "bigint", "number of the version that all tables hold"),
    ("manifest", "text", "SHA-256 of the version's manifest"),
    ("settings", "text", "SHA-256 of the sink's settings"),
    ("shape", "text", "SHA-256 of the statements that made tables and views"),
    ("tables", "text", "tables that are replicated"),
    ("job", "text", "job that published the version"),
    ("evidence", "text", "what was judged by: scans, or format (the number alone)"),
    ("as_of", "date", "last day (UTC) that the run took into account"),
    ("program", "text", "program that published the version"),
    ("synced_at", "timestamp with time zone", "when the version was put in place"),
];

/// Quotes an identifier.
pub fn ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Quotes a text.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A quoted table name with its schema.
pub fn qualified(schema: &str, table: &str) -> String {
    format!("{}.{}", ident(schema), ident(table))
}

/// The PostgreSQL type, as `format_type` spells it.
pub fn sql_type(kind: &DataType) -> &'static str {
    match kind {
        DataType::Utf8 => "text",
        DataType::Int64 => "bigint",
        DataType::Float64 => "double precision",
        DataType::Date32 => "date",
        DataType::Boolean => "boolean",
        DataType::Decimal128(..) => "numeric",
        DataType::Timestamp(..) => "timestamp with time zone",
        other => unreachable!("published tables have no column of type {other}"),
    }
}

/// The day column by which a table's weeks are replaced.
pub fn week_column(table: Table) -> Option<&'static str> {
    let has = |name: &str| table.columns().iter().any(|facts| facts.name == name);
    table.is_partitioned().then(|| if has("week_start") { "week_start" } else { "window_end" })
}

/// The columns of a table's primary key, the week first, so that a week's rows are stored together; empty for tables
/// of rows as sources wrote them.
fn primary_key(table: Table) -> Vec<&'static str> {
    if !is_summed(table) && !table.name().starts_with("dim_") {
        return Vec::new();
    }
    let week = week_column(table);
    let others = table.key().iter().copied().filter(|name| Some(*name) != week);
    week.into_iter().chain(others).collect()
}

/// The columns of the index of a table without a primary key.
fn index(table: Table) -> Vec<&'static str> {
    let has = |name: &&str| table.columns().iter().any(|facts| facts.name == *name);
    let by = ["seller_id", "marketplace"].into_iter().find(has);
    by.into_iter().chain(week_column(table)).collect()
}

/// Whether an index begins with the week.
pub fn is_by_week(table: Table) -> bool {
    week_column(table).is_some_and(|week| primary_key(table).first() == Some(&week))
}

/// Whether an index finds a row by its key: one that begins with a marketplace finds thousands.
pub fn finds_rows(table: Table) -> bool {
    !primary_key(table).is_empty() || index(table).first() == Some(&"seller_id")
}

/// Whether a text is part of an index. Such texts are truncated alike in every table, so that joins still work.
pub fn is_cut(facts: &ColumnFacts) -> bool {
    static INDEXED: LazyLock<BTreeSet<&'static str>> = LazyLock::new(|| {
        let indexed = |table: Table| if primary_key(table).is_empty() { index(table) } else { primary_key(table) };
        Table::ALL.into_iter().flat_map(indexed).collect()
    });
    facts.kind.data_type() == DataType::Utf8 && INDEXED.contains(facts.name)
}

/// Creates the schema if it does not exist.
pub fn create_schema(schema: &str) -> String {
    format!("CREATE SCHEMA {};\n", ident(schema))
}

/// Creates the version table.
pub fn create_version(schema: &str) -> String {
    let columns: Vec<String> =
        VERSION_COLUMNS.iter().map(|(name, kind, _)| format!("    {} {kind} NOT NULL", ident(name))).collect();
    let name = qualified(schema, VERSION);
    let mut sql = format!("CREATE TABLE {name} (\n{}\n);\n", columns.join(",\n"));
    let _ = writeln!(sql, "COMMENT ON TABLE {name} IS 'Which version the tables of this schema hold: one row.';");
    for (column, _, meaning) in VERSION_COLUMNS {
        let _ = writeln!(sql, "COMMENT ON COLUMN {name}.{} IS {};", ident(column), literal(meaning));
    }
    sql
}

/// The names of the columns of the version table.
pub fn version_columns() -> impl Iterator<Item = &'static str> {
    VERSION_COLUMNS.iter().map(|(name, ..)| *name)
}

/// A column's name and type.
pub fn definition(facts: &ColumnFacts) -> String {
    format!("{} {}", ident(facts.name), sql_type(&facts.kind.data_type()))
}

/// Creates a table without keys.
pub fn create_table(schema: &str, table: Table) -> String {
    let columns: Vec<String> = table.columns().iter().map(|facts| format!("    {}", definition(facts))).collect();
    format!("CREATE TABLE {} (\n{}\n);\n", qualified(schema, table.name()), columns.join(",\n"))
}

/// Creates a table's keys and indexes, after the first rows are loaded, which is faster.
pub fn create_keys(schema: &str, table: Table) -> String {
    let name = qualified(schema, table.name());
    let list = |columns: &[&str]| columns.iter().map(|column| ident(column)).collect::<Vec<_>>().join(", ");
    let (key, index) = (primary_key(table), index(table));
    if !key.is_empty() {
        return format!("ALTER TABLE {name} ADD PRIMARY KEY ({});\n", list(&key));
    }
    let mut sql = String::new();
    if !index.is_empty() {
        let _ = writeln!(sql, "CREATE INDEX ON {name} ({});", list(&index));
    }
    if let Some(week) = week_column(table) {
        // A week's rows are stored together, so that a BRIN index of a few bytes per block range finds them.
        let _ = writeln!(sql, "CREATE INDEX ON {name} USING brin ({});", ident(week));
    }
    sql
}

/// Comments on a table and its columns, for users of BI tools.
pub fn comments(schema: &str, table: Table) -> String {
    let name = qualified(schema, table.name());
    let mut sql = format!("COMMENT ON TABLE {name} IS {};\n", literal(table.meaning()));
    for facts in table.columns() {
        let _ = writeln!(sql, "COMMENT ON COLUMN {name}.{} IS {};", ident(facts.name), literal(facts.meaning));
    }
    sql
}

/// The name of a table's view.
pub fn view_name(table: Table) -> String {
    format!("{}_bi", table.name())
}

/// Creates a table's view for dashboards: rates in percent, the week also as a timestamp, the version's `as_of`.
pub fn create_view(schema: &str, table: Table) -> String {
    let view = qualified(schema, &view_name(table));
    let (mut columns, mut notes) = (Vec::new(), Vec::new());
    for facts in table.columns() {
        let column = format!("t.{}", ident(facts.name));
        if facts.kind.data_type() == DataType::Float64 {
            let name = format!("{}_percent", facts.name);
            columns.push(format!("round((100 * {column})::numeric, 4)::double precision AS {}", ident(&name)));
            notes.push((name, format!("in percent: {}", facts.meaning)));
            continue;
        }
        columns.push(column.clone());
        notes.push((facts.name.to_owned(), facts.meaning.to_owned()));
        if Some(facts.name) == week_column(table) {
            let name = format!("{}_at", facts.name);
            columns.push(format!("{column}::timestamp AS {}", ident(&name)));
            notes.push((name, format!("as a timestamp, for tools that filter by one: {}", facts.meaning)));
        }
    }
    if !table.columns().iter().any(|facts| facts.name == "as_of") {
        columns.push("v.\"as_of\"".to_owned());
        notes.push(("as_of".to_owned(), "last day (UTC) that the run took into account".to_owned()));
    }
    columns.push("v.\"version\"".to_owned());
    notes.push(("version".to_owned(), "number of the published version".to_owned()));
    let mut sql = format!(
        "CREATE VIEW {view} AS SELECT\n    {}\nFROM {} t CROSS JOIN {} v;\n",
        columns.join(",\n    "),
        qualified(schema, table.name()),
        qualified(schema, VERSION)
    );
    let _ = writeln!(sql, "COMMENT ON VIEW {view} IS {};", literal(table.meaning()));
    for (column, note) in notes {
        let _ = writeln!(sql, "COMMENT ON COLUMN {view}.{} IS {};", ident(&column), literal(&note));
    }
    sql
}

/// The statements that make a schema of these tables.
pub fn script(schema: &str, tables: &[Table]) -> String {
    let mut sql = create_schema(schema);
    sql += &create_version(schema);
    for table in tables {
        sql += &create_table(schema, *table);
        sql += &create_keys(schema, *table);
        sql += &comments(schema, *table);
        sql += &create_view(schema, *table);
    }
    sql
}

/// A digest that identifies the shape of a schema.
pub fn digest(schema: &str, tables: &[Table]) -> String {
    sha256_hex(script(schema, tables).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_published_column_has_a_type_and_a_comment() {
        for table in Table::ALL {
            let sql = script("vtr", &[table]);
            for facts in table.columns() {
                assert!(sql.contains(&definition(&facts)), "{} {}", table.name(), facts.name);
                let comment =
                    format!("{}.{} IS {};", qualified("vtr", table.name()), ident(facts.name), literal(facts.meaning));
                assert!(sql.contains(&comment), "{comment}");
            }
        }
    }

    #[test]
    fn keys_begin_with_the_week_and_hold_at_most_two_free_texts() {
        assert_eq!(primary_key(Table::VtrWeekly), ["week_start", "seller_id", "marketplace", "programme", "carrier"]);
        assert_eq!(week_column(Table::VtrRolling), Some("window_end"));
        assert_eq!((primary_key(Table::Defects).len(), index(Table::Defects)), (0, vec!["seller_id", "week_start"]));
        let free = ["seller_id", "product_category", "order_id", "package_id", "carrier_typed", "file"];
        for table in Table::ALL {
            let in_key = primary_key(table).into_iter().chain(index(table));
            let free: BTreeSet<&str> = in_key.filter(|name| free.contains(name)).collect();
            assert!(free.len() * KEY_BYTES <= 2_400, "{}: {free:?}", table.name());
        }
    }

    #[test]
    fn names_and_texts_cannot_end_their_quotes() {
        assert_eq!(ident("a\"; DROP"), "\"a\"\"; DROP\"");
        assert_eq!(literal("it's"), "'it''s'");
    }
}
