//! The keys of a job for publication: its checks, and the sinks that hold replicas.
//!
//! They are part of the job file's types and, like them, resolve nothing; a wrong key or type never gets here.

use super::spec::{Scalar, tables};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A check of the tables before they are published.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckSpec {
    /// Its name, as reports show it.
    pub name: String,
    /// The figure that is checked.
    pub kind: CheckKind,
    /// The consequence if it does not hold.
    #[serde(default)]
    pub level: CheckLevel,
    /// The most that is allowed, such as "5%" or 0; the unit and the default depend on the kind.
    pub at_most: Option<Scalar>,
    /// For `rate_jump`: "falls" (default), or "both" for rises too.
    pub direction: Option<Direction>,
    /// For `rate_jump`: sellers with fewer eligible packages in a marketplace, before or after, are left out; default: 1.
    #[schemars(range(min = 1))]
    pub min_eligible: Option<u64>,
}

/// The figures that checks look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckKind {
    /// The change of the number of judged packages in weeks that were final already, as a share of the published number; default: "20%".
    RowTotals,
    /// Sellers of the published weeks that would vanish, as a number or a share; default: 0.
    SellersVanished,
    /// The fall of a seller's rate in a marketplace over weeks that were final already, in percentage points; default: "10%".
    RateJump,
    /// Weeks without data between the first and the last; default: 0.
    WeeksMissing,
    /// Share of judged packages whose carrier the book does not know; default: "5%".
    UnknownCarriers,
}

impl CheckKind {
    /// Returns its name in jobs and reports.
    pub fn name(self) -> &'static str {
        match self {
            CheckKind::RowTotals => "row_totals",
            CheckKind::SellersVanished => "sellers_vanished",
            CheckKind::RateJump => "rate_jump",
            CheckKind::WeeksMissing => "weeks_missing",
            CheckKind::UnknownCarriers => "unknown_carriers",
        }
    }
}

/// The changes of a rate that count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Only falls.
    #[default]
    Falls,
    /// Falls and rises.
    Both,
}

/// The consequence if a check does not hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckLevel {
    /// Nothing is published.
    #[default]
    Fail,
    /// A warning is printed, and the version is published.
    Warn,
}

/// A sink: a replica of the output, which dashboards read.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SinkSpec {
    /// Its name: small letters, digits, `_` and `-`.
    pub name: String,
    /// Its kind.
    pub kind: SinkKind,
    /// The tables that it holds; default: all that are published.
    #[serde(default)]
    #[schemars(schema_with = "tables")]
    pub tables: Option<Vec<String>>,
    /// For `postgres`: the schema that belongs to the sink; default: vtr. The connection comes from PGHOST, PGUSER, PGPASSFILE and the like or from VTR_SINK_NAME_URL, never from the job.
    pub schema: Option<String>,
    /// For `files`: the folder, relative to the job file, or a URI.
    pub path: Option<String>,
    /// For `files`: how tables are written.
    pub format: Option<SinkFormat>,
    /// For `files`: whether each table is one file; default: one a week.
    pub flat: Option<bool>,
    /// For `files` as CSV: whether texts that a spreadsheet would run as a formula get an apostrophe; default: true.
    pub defuse: Option<bool>,
}

/// The kinds of sinks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SinkKind {
    /// A schema of a PostgreSQL database.
    Postgres,
    /// A folder of plain files.
    Files,
}

/// How a sink of plain files writes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SinkFormat {
    /// Comma-separated text with headings, UTF-8.
    Csv,
    /// Apache Parquet.
    Parquet,
    /// One JSON object a line.
    Jsonl,
}
