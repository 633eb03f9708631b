//! The published tables as data: names, columns, types, keys and meanings.
//!
//! Builders, documentation and tests all read from here, so that a table cannot differ from its description. It must
//! not hold figures or logic; a change of grain or meaning is a new table. Nothing in it fails.

pub mod cell;
mod columns;
mod star;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use std::fmt::Write;
use std::sync::{Arc, LazyLock};
use vtr_kernel::Reason;
use vtr_kernel::mend::FixableBy;

/// A published table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)] // `meaning` documents them
pub enum Table {
    VtrWeekly,
    VtrWeeklyCategory,
    VtrWeeklyReasons,
    VtrRolling,
    AccountHealth,
    HealthBreakdown,
    Defects,
    Judged,
    CarrierNames,
    Rejects,
    InputFiles,
    DimMarketplace,
    DimCarrier,
    DimReason,
    DimRule,
    DimWeek,
    DimSeller,
}

/// The kind of values in a column; it decides the Arrow type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueKind {
    /// Ids, names and texts: Utf8.
    Text,
    /// Counts, bytes and record numbers: Int64.
    Count,
    /// Rates, interval bounds and targets: Float64.
    Share,
    /// Calendar days: Date32.
    Day,
    /// Yes or no: Boolean.
    Flag,
    /// Instants: timestamps in microseconds, UTC.
    Time,
    /// Amounts of money: [`MONEY`]. The type is a decimal: text could not be added up, and a double could not decide
    /// whether a value is below a limit.
    Money,
}

/// The digits of an amount of money, and the number of them after the decimal point: those of BigQuery's `NUMERIC`, so
/// that no warehouse has to truncate a value.
pub const MONEY: (u8, i8) = vtr_columnar::defects::VALUE;

impl ValueKind {
    /// Returns the Arrow type of the columns of this kind.
    pub fn data_type(self) -> DataType {
        match self {
            ValueKind::Text => DataType::Utf8,
            ValueKind::Count => DataType::Int64,
            ValueKind::Share => DataType::Float64,
            ValueKind::Day => DataType::Date32,
            ValueKind::Flag => DataType::Boolean,
            ValueKind::Time => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            ValueKind::Money => DataType::Decimal128(MONEY.0, MONEY.1),
        }
    }

    /// Returns the type's name in the documentation.
    pub fn name(self) -> &'static str {
        match self {
            ValueKind::Text => "string",
            ValueKind::Count => "int64",
            ValueKind::Share => "double",
            ValueKind::Day => "date",
            ValueKind::Flag => "boolean",
            ValueKind::Time => "timestamp (UTC)",
            ValueKind::Money => "decimal(38, 9)",
        }
    }
}

/// The facts of one column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColumnFacts {
    /// Its name.
    pub name: &'static str,
    /// The kind of its values.
    pub kind: ValueKind,
    /// Whether a value may be null.
    pub nullable: bool,
    /// Its meaning, for a person.
    pub meaning: &'static str,
}

const fn column(name: &'static str, kind: ValueKind, meaning: &'static str) -> ColumnFacts {
    ColumnFacts { name, kind, nullable: false, meaning }
}

const fn nullable(name: &'static str, kind: ValueKind, meaning: &'static str) -> ColumnFacts {
    ColumnFacts { name, kind, nullable: true, meaning }
}

/// One entry of a table's list of columns.
enum ColumnEntry {
    One(ColumnFacts),
    /// One count for each defect reason, in ladder order.
    DefectReasons,
    /// One count for each party that can fix a defect, in the order of [`FixableBy::ALL`].
    Menders,
}

use ColumnEntry::{DefectReasons, Menders, One};
use ValueKind::Count;
use columns::*;

static SCHEMAS: LazyLock<Vec<SchemaRef>> = LazyLock::new(|| Table::ALL.into_iter().map(make_schema).collect());

fn make_schema(table: Table) -> SchemaRef {
    let columns = table.columns();
    let fields = columns.iter().map(|facts| Field::new(facts.name, facts.kind.data_type(), facts.nullable));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

impl Table {
    /// All tables, in canonical order.
    pub const ALL: [Table; 17] = [
        Table::VtrWeekly,
        Table::VtrWeeklyCategory,
        Table::VtrWeeklyReasons,
        Table::VtrRolling,
        Table::AccountHealth,
        Table::HealthBreakdown,
        Table::Defects,
        Table::Judged,
        Table::CarrierNames,
        Table::Rejects,
        Table::InputFiles,
        Table::DimMarketplace,
        Table::DimCarrier,
        Table::DimReason,
        Table::DimRule,
        Table::DimWeek,
        Table::DimSeller,
    ];

    /// Returns its name in jobs and folders.
    pub fn name(self) -> &'static str {
        match self {
            Table::VtrWeekly => "vtr_weekly",
            Table::VtrWeeklyCategory => "vtr_weekly_category",
            Table::VtrWeeklyReasons => "vtr_weekly_reasons",
            Table::VtrRolling => "vtr_rolling",
            Table::AccountHealth => "account_health",
            Table::HealthBreakdown => "health_breakdown",
            Table::Defects => "defects",
            Table::Judged => "judged",
            Table::CarrierNames => "carrier_names",
            Table::Rejects => "rejects",
            Table::InputFiles => "input_files",
            Table::DimMarketplace => "dim_marketplace",
            Table::DimCarrier => "dim_carrier",
            Table::DimReason => "dim_reason",
            Table::DimRule => "dim_rule",
            Table::DimWeek => "dim_week",
            Table::DimSeller => "dim_seller",
        }
    }

    /// Returns the table with a name.
    pub fn from_name(name: &str) -> Option<Table> {
        Table::ALL.into_iter().find(|table| table.name() == name)
    }

    /// Returns whether it is published week by week.
    pub fn is_partitioned(self) -> bool {
        !self.is_star() && !self.is_of_health() && !matches!(self, Table::Rejects | Table::InputFiles)
    }

    /// Returns whether it is made if a job names no tables. The tables with one row for each package must be asked
    /// for.
    pub fn is_made_by_default(self) -> bool {
        self != Table::Judged
    }

    /// Returns whether it covers the last final window: it is renewed as a whole, on every new `as_of`.
    pub fn is_of_health(self) -> bool {
        matches!(self, Table::AccountHealth | Table::HealthBreakdown)
    }

    /// Returns whether it only explains codes of the other tables and says nothing about shipments.
    pub fn is_star(self) -> bool {
        self >= Table::DimMarketplace
    }

    /// Returns the meaning of one row, for a person.
    pub fn meaning(self) -> &'static str {
        match self {
            Table::VtrWeekly => "The rate by carrier and ISO week.",
            Table::VtrWeeklyCategory => "The rate by product category and ISO week.",
            Table::VtrWeeklyReasons => {
                "Which rule decided over how many packages of an ISO week, domestic and across borders, by service."
            }
            Table::VtrRolling => {
                "The rate over the policy's trailing window, by product category: the figure that the marketplace judges. \
                 Windows end on every Sunday, or on every day with `rolling = \"daily\"`; \
                 a file holds the windows that end in its week."
            }
            Table::AccountHealth => {
                "The last window whose figures are final, with its status and what is needed to meet the target."
            }
            Table::HealthBreakdown => {
                "What the figures of `account_health` are made of: the same window, by carrier and defect reason."
            }
            Table::Defects => "Every package without a valid tracking number, why, and what to do about it.",
            Table::Judged => {
                "Every judged package of the last `judged_weeks` weeks, for audits and what-if questions. Made only if the \
                 job names it."
            }
            Table::CarrierNames => "What each carrier name was taken for.",
            Table::Rejects => "Records that could not be judged at all, of the last publication.",
            Table::InputFiles => "What was read and what became of it, of the last publication.",
            Table::DimMarketplace => "The marketplaces of the book, as of the run's `as_of`.",
            Table::DimCarrier => "The carriers of the book.",
            Table::DimReason => "Every way a judged package can end.",
            Table::DimRule => "The rules that the tables name: since when, until when, and where that was read.",
            Table::DimWeek => "Every ISO week that a package can lie in.",
            Table::DimSeller => {
                "The sellers of the published rows and of the job's `sellers` file, with what that file says of them."
            }
        }
    }

    /// Returns the columns that identify a row, in the order by which rows are sorted.
    pub fn key(self) -> &'static [&'static str] {
        match self {
            Table::VtrWeekly => &["seller_id", "marketplace", "programme", "carrier", "week_start"],
            Table::VtrWeeklyCategory => &["seller_id", "marketplace", "programme", "product_category", "week_start"],
            Table::VtrRolling => &["seller_id", "marketplace", "programme", "product_category", "window_end"],
            Table::VtrWeeklyReasons => &[
                "seller_id",
                "marketplace",
                "programme",
                "week_start",
                "class",
                "reason",
                "rule",
                "lane",
                "cross_border",
                "service_class",
                "buy_shipping",
            ],
            Table::AccountHealth => &["seller_id", "marketplace", "programme", "product_category"],
            Table::HealthBreakdown => &["seller_id", "marketplace", "programme", "product_category", "carrier"],
            Table::Defects | Table::Judged => &["seller_id", "marketplace", "order_id", "package_id"],
            Table::CarrierNames => &["marketplace", "carrier_typed", "week_start", "carrier"],
            Table::Rejects => &["file", "record"],
            Table::InputFiles => &["file"],
            Table::DimMarketplace => &["marketplace"],
            Table::DimCarrier => &["carrier"],
            Table::DimReason => &["reason"],
            Table::DimRule => &["marketplace", "reason", "rule"],
            Table::DimWeek => &["week_start"],
            Table::DimSeller => &["seller_id"],
        }
    }

    fn parts(self) -> &'static [ColumnEntry] {
        match self {
            Table::VtrWeekly => VTR_WEEKLY,
            Table::VtrWeeklyCategory => VTR_WEEKLY_CATEGORY,
            Table::VtrRolling => VTR_ROLLING,
            Table::VtrWeeklyReasons => VTR_WEEKLY_REASONS,
            Table::AccountHealth => ACCOUNT_HEALTH,
            Table::HealthBreakdown => HEALTH_BREAKDOWN,
            Table::Defects => DEFECT_LIST,
            Table::Judged => JUDGED_LIST,
            Table::CarrierNames => CARRIER_NAMES,
            Table::Rejects => REJECTS,
            Table::InputFiles => INPUT_FILES,
            Table::DimMarketplace => star::DIM_MARKETPLACE,
            Table::DimCarrier => star::DIM_CARRIER,
            Table::DimReason => star::DIM_REASON,
            Table::DimRule => star::DIM_RULE,
            Table::DimWeek => star::DIM_WEEK,
            Table::DimSeller => star::DIM_SELLER,
        }
    }

    /// Returns its columns, in order.
    pub fn columns(self) -> Vec<ColumnFacts> {
        let mut columns = Vec::new();
        for part in self.parts() {
            match part {
                One(facts) => columns.push(*facts),
                DefectReasons => {
                    columns
                        .extend(Reason::defects().map(|reason| column(reason.name(), Count, reason.entry().meaning)));
                }
                Menders => {
                    columns.extend(FixableBy::ALL.map(|mender| column(mender.column(), Count, mender.meaning())));
                }
            }
        }
        columns
    }

    /// Returns its Arrow schema.
    pub fn schema(self) -> SchemaRef {
        SCHEMAS[self as usize].clone()
    }
}

/// The number of tables in which a column must have the same meaning to be described once for all of them.
const SHARED_BY: usize = 3;

/// Returns the columns that several tables have with the same type and meaning, in the order of their first table.
fn shared_columns() -> Vec<ColumnFacts> {
    let all: Vec<ColumnFacts> = Table::ALL.into_iter().flat_map(Table::columns).collect();
    let mut shared: Vec<ColumnFacts> = Vec::new();
    for facts in &all {
        if !shared.contains(facts) && all.iter().filter(|other| *other == facts).count() >= SHARED_BY {
            shared.push(*facts);
        }
    }
    shared
}

fn markdown_columns(text: &mut String, columns: &[ColumnFacts]) {
    let _ = writeln!(text, "| column | type | nulls | meaning |\n|---|---|---|---|");
    for facts in columns {
        let nulls = if facts.nullable { "yes" } else { "" };
        let _ = writeln!(text, "| `{}` | {} | {nulls} | {} |", facts.name, facts.kind.name(), facts.meaning);
    }
    text.push('\n');
}

/// Returns the documentation of all tables, as Markdown: for each table a heading, its grain, its columns in order,
/// and the meaning of those columns that it does not share with others.
pub fn markdown() -> String {
    let list = |names: &mut dyn Iterator<Item = &'static str>| {
        names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    };
    let shared = shared_columns();
    let mut text = String::new();
    for table in Table::ALL {
        let files = if table.is_partitioned() { "One file a week." } else { "One file." };
        let (name, meaning, key) = (table.name(), table.meaning(), list(&mut table.key().iter().copied()));
        let columns = table.columns();
        let _ = writeln!(text, "### `{name}`\n\n{meaning} {files} Key and sort order: {key}.\n");
        let _ = writeln!(text, "Columns: {}.\n", list(&mut columns.iter().map(|facts| facts.name)));
        let own: Vec<ColumnFacts> = columns.into_iter().filter(|facts| !shared.contains(facts)).collect();
        if !own.is_empty() {
            markdown_columns(&mut text, &own);
        }
    }
    let _ = writeln!(text, "### Columns that several tables share\n");
    markdown_columns(&mut text, &shared);
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_found_by_name_and_stand_in_canonical_order() {
        for (index, table) in Table::ALL.into_iter().enumerate() {
            assert_eq!(table as usize, index);
            assert_eq!(Table::from_name(table.name()), Some(table));
        }
        assert_eq!(Table::from_name("vtr_daily"), None);
    }

    #[test]
    fn keys_are_columns_that_are_never_null_and_evidence_stands_last() {
        for table in Table::ALL {
            let columns = table.columns();
            for key in table.key() {
                let facts = columns.iter().find(|facts| facts.name == *key);
                assert!(facts.is_some_and(|facts| !facts.nullable), "{} {key}", table.name());
            }
            let last = columns.last().map(|facts| facts.name);
            assert_eq!(last == Some("evidence"), !table.is_star(), "{}", table.name());
            for (index, facts) in columns.iter().enumerate() {
                assert!(columns[..index].iter().all(|other| other.name != facts.name), "{} twice", facts.name);
                assert!(!facts.meaning.contains('|') && !facts.meaning.is_empty(), "{}", facts.name);
            }
        }
        let health = Table::AccountHealth.columns();
        assert_eq!(health[health.len() - 2].name, "as_of");
    }

    #[test]
    fn weekly_columns_are_these() {
        let names: Vec<&str> = Table::VtrWeekly.columns().iter().map(|facts| facts.name).collect();
        let want = "seller_id marketplace programme carrier week_start iso_week shipments out_of_scope exempt eligible \
                    valid defects pending tracking_missing tracking_placeholder carrier_missing carrier_not_accepted \
                    number_refused carrier_mismatch added_after_delivery number_malformed check_digit_failed \
                    delivery_scan_missing scan_missing vtr vtr_low vtr_high target target_kind meets_target \
                    provisional evidence";
        assert_eq!(names, want.split_whitespace().collect::<Vec<_>>());
    }

    #[test]
    fn the_documentation_names_every_column() {
        let text = markdown();
        for table in Table::ALL {
            assert!(text.contains(&format!("### `{}`", table.name())));
            assert!(table.columns().iter().all(|facts| text.contains(&format!("| `{}` | ", facts.name))));
        }
    }
}
