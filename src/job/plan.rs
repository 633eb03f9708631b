//! The plan of a run: a job that was checked, with its dates resolved and its book loaded.
//!
//! Every later stage takes `&Plan` and never the job file; only this room reads clock and environment, once.

use super::assembly::{Assemble, DeliveredByOther};
pub use super::choices::{AsOfMode, EvidenceWanted, Identity, MatchedBy, OnBadFile, Rolling};
pub use super::published::{CheckKind, CheckLevel, Direction, SinkFormat};
use crate::place::budget::Budget;
use crate::scan::identity::Known;
use crate::schema::Table;
use regex::Regex;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
pub use vtr_columnar::input::CellRules;
use vtr_columnar::input::{Column, ColumnSet};
use vtr_kernel::Book;
use vtr_kernel::calendar::{Day, Zone, monday};
use vtr_kernel::money::Rates;

/// Everything a run needs to know.
pub struct Plan {
    /// The job's name.
    pub name: String,
    /// The folder that relative paths start from: the job file's.
    pub root: PathBuf,
    /// Names this run in temporary files, reports and manifests; no figure depends on it.
    pub run_id: String,
    /// When the run began, RFC 3339 in UTC.
    pub began_at: String,
    /// The last day (UTC) on which anything is known.
    pub as_of: Day,
    /// How rows that are newer than `as_of` are treated.
    pub as_of_mode: AsOfMode,
    /// The evidence that the job asks for.
    pub evidence: EvidenceWanted,
    /// Whether and how superseded copies are found.
    pub identity: Option<Identity>,
    /// The weeks asked for; `None` is the whole history.
    pub range: Option<WeekRange>,
    /// Whether the weeks are some of those asked for, so that the tables of the last final window may be all that a run
    /// has to renew.
    pub is_batch: bool,
    /// Whether all days of `account_health` count, wherever the weeks of the run are.
    pub with_health: bool,
    /// The most days between copies of one package; only ranged runs need it.
    pub copies_within_days: i32,
    /// Whether row groups may be left out by their statistics.
    pub prune: bool,
    /// The rules.
    pub book: Arc<Book>,
    /// Exchange rates; empty without a file.
    pub rates: Arc<Rates>,
    /// The facts about sellers, by id: name, owner, region.
    pub sellers: super::sellers::Sellers,
    /// The inputs, in the order of the job; if the job joins raw files, the packages that these become.
    pub inputs: Vec<Input>,
    /// The raw files that are joined into packages before anything is read; `None` if nothing is joined.
    pub assemble: Option<Arc<Assemble>>,
    /// Where and what is published.
    pub output: Output,
    /// The limits of the run's resources and of tolerated faults.
    pub limits: Limits,
    /// Checks of the tables before they are published.
    pub checks: Vec<Check>,
    /// Places where dashboards read.
    pub sinks: Vec<Sink>,
    /// Amazon's own reports to compare with.
    pub reconcile: Reconcile,
    /// Worker threads, at least 1.
    pub threads: usize,
    /// Bytes of memory that the run keeps to; see [`Plan::budget`].
    pub memory: u64,
    /// Folder for spilled data.
    pub temp: PathBuf,
    /// SHA-256 in hex of every key of the job that can change a figure of a week, without the choice of tables.
    pub job_digest: String,
    /// The facts about inputs that earlier runs left.
    pub known: Arc<Known>,
    /// Warnings about the packages that raw files were joined into, in sentences.
    pub of_packages: Vec<String>,
    /// Packages that another carrier than their own delivered, so that correcting them is too late.
    pub delivered_by_other: Arc<DeliveredByOther>,
    /// The state of all weeks once this run is published; `None` if it covers only the weeks that the run judges.
    pub claim: Option<Arc<Claim>>,
}

/// The facts of a run of some weeks about all others: they are as the run would judge them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claim {
    /// The version to which these facts apply; for any other version nothing is claimed.
    pub base: u64,
    /// The inputs to which these facts apply, each with its digest; for any others nothing is claimed.
    pub inputs: BTreeMap<String, String>,
    /// Weeks that stay outdated: first and last Monday.
    pub held: Vec<(Day, Day)>,
}

impl Plan {
    /// Returns how the memory is divided.
    pub fn budget(&self) -> Budget {
        Budget::new(self.memory, self.threads)
    }

    /// Returns the digest of everything that bounds the reading of a file: memory, threads and limits.
    pub fn bounds(&self) -> String {
        let all = format!("{}\n{}\n{:?}", self.memory, self.threads, self.limits);
        blake3::hash(all.as_bytes()).to_hex()[..16].to_owned()
    }

    /// Returns when the run began, in nanoseconds since 1970, rounded down to the second.
    pub fn began_nanos(&self) -> i64 {
        let began = chrono::DateTime::parse_from_rfc3339(&self.began_at).ok();
        began.and_then(|began| began.timestamp_nanos_opt()).unwrap_or(0)
    }

    /// Returns the UTC day on which the run began.
    pub fn began_on(&self) -> Day {
        Day::try_from(self.began_nanos().div_euclid(86_400_000_000_000)).unwrap_or(Day::MAX)
    }

    /// Returns the Monday of the first week that is not closed; `None` if no week is closed.
    pub fn first_open(&self) -> Option<Day> {
        // A week is closed if its Sunday is more than `days` days before `as_of`.
        let open = |days: i32| vtr_kernel::calendar::monday(self.as_of.saturating_sub(days));
        self.output.closed_after_days.map(open)
    }

    /// Returns how the cells of a file are read; `[input.csv]` applies to delimited text only.
    pub fn cells(&self, input: usize, format: Format) -> CellRules {
        match format {
            Format::Parquet => self.inputs[input].columnar_cells.clone(),
            Format::Csv => self.inputs[input].cells.clone(),
        }
    }

    /// Returns the columns on which no figure of the tables asked for depends.
    pub fn unused(&self) -> ColumnSet {
        let asks_for = |tables: &[Table]| tables.iter().any(|table| self.output.tables.contains(table));
        let listed = [Table::Defects, Table::Judged];
        let counted = [Table::VtrWeeklyCategory, Table::VtrRolling, Table::AccountHealth, Table::HealthBreakdown];
        let by_category = asks_for(&counted) || asks_for(&listed);
        let by_package = self.identity.is_some() || asks_for(&listed);
        let used = [(Column::ProductCategory, by_category), (Column::PackageId, by_package)];
        used.into_iter().filter(|(_, is_used)| !is_used).map(|(column, _)| column).collect()
    }

    /// Returns whether a day is in the range of weeks.
    pub fn is_asked(&self, day: Day) -> bool {
        self.range.is_none_or(|range| (range.days().0..=range.days().1).contains(&day))
    }

    /// Returns the first and last day that a week or window of the tables asked for can hold; `None` for all. Days
    /// that only windows need count if there are windows, from the Monday of the first of them, so that its week can be
    /// compared with the published one.
    pub fn days_counted(&self) -> Option<(Day, Day)> {
        let range = self.range?;
        let (mut first, mut last) = range.days();
        if self.output.tables.contains(&Table::VtrRolling) {
            let longest = self.book.markets().map(|(_, market)| market.window_days).max().unwrap_or(1);
            first = monday(first - longest + 1);
            last = self.window_ends(range).1;
        }
        let (from, to) = self.health_span();
        if self.asks_for_health() && self.with_health {
            (first, last) = (first.min(monday(from)), last.max(to));
        }
        Some((first, last))
    }

    /// Returns the first and last day on which windows that overlap a range can end. If windows end on every day, these
    /// are whole weeks of ends, so that a week's file is complete.
    pub fn window_ends(&self, range: WeekRange) -> (Day, Day) {
        let longest = vtr_kernel::windows::lengths(&self.book).last().copied().unwrap_or(1);
        let last = range.last + 6 + longest - 1;
        let last = match self.output.rolling {
            Rolling::Weekly => monday(last + 1) - 1,
            Rolling::Daily => monday(last) + 6,
        };
        (range.first, last)
    }

    /// Returns whether a table is asked for that covers the last final window.
    pub fn asks_for_health(&self) -> bool {
        self.output.tables.iter().any(|table| table.is_of_health())
    }

    /// Returns whether the run may renew the tables of the last final window: they are asked for, and the weeks asked
    /// for hold all their days.
    pub fn may_renew_health(&self) -> bool {
        let (from, to) = self.health_span();
        let holds = |range: WeekRange| range.days().0 <= from && to <= range.days().1;
        self.asks_for_health() && self.range.is_none_or(holds)
    }

    /// Returns the first day whose rows `judged` holds; `None` if it is not asked for.
    pub fn judged_from(&self) -> Option<Day> {
        let weeks = i32::try_from(self.output.judged_weeks).unwrap_or(i32::MAX / 7).max(1);
        let first = monday(self.as_of).saturating_sub(7 * (weeks - 1));
        self.output.tables.contains(&Table::Judged).then_some(first)
    }

    /// Returns the first and last day that `account_health` covers, over all marketplaces.
    pub fn health_span(&self) -> (Day, Day) {
        let spans = self.book.markets().map(|(_, market)| vtr_kernel::windows::span(market, self.as_of));
        spans.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))).unwrap_or((self.as_of, self.as_of))
    }

    /// Returns the days that must be read so that the counted ones are exact, because copies of a package may be some
    /// days apart; `None` for all.
    pub fn days_read(&self) -> Option<(Day, Day)> {
        let slack = if self.identity.is_some() { self.copies_within_days } else { 0 };
        self.days_counted().map(|(first, last)| (first - slack, last + slack))
    }

    /// Returns whether every day that `account_health` depends on is counted.
    pub fn counts_health_span(&self) -> bool {
        let Some((first, last)) = self.days_counted() else { return true };
        let (from, to) = self.health_span();
        first <= from && to <= last
    }
}

/// A range of whole ISO weeks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WeekRange {
    /// Monday of the first week.
    pub first: Day,
    /// Monday of the last week.
    pub last: Day,
}

impl WeekRange {
    /// Returns the first and last day.
    pub fn days(&self) -> (Day, Day) {
        (self.first, self.last + 6)
    }
}

/// One `[[input]]`.
#[derive(Clone)]
pub struct Input {
    /// Files, folders, globs or URIs, as written in the job.
    pub paths: Vec<String>,
    /// The files themselves, if other code than the paths names them; `None` if the paths do.
    pub given: Option<Vec<Given>>,
    /// How the files are written; `None` if the suffix decides.
    pub format: Option<Format>,
    /// Headings in the source of each mapped column; the first filled one counts.
    pub columns: Vec<(Column, Vec<Heading>)>,
    /// Columns that have one value for all rows.
    pub constants: Vec<(Column, String)>,
    /// Columns whose value is a named group over the shown path.
    pub from_path: Option<Regex>,
    /// How CSV text is cut into cells.
    pub dialect: Dialect,
    /// How cells of delimited text are read.
    pub cells: CellRules,
    /// How texts in Parquet columns are read.
    pub columnar_cells: CellRules,
    /// Time columns that are calendar days, whatever their type.
    pub days: ColumnSet,
    /// The zone of times without an offset in typed columns; `None` is UTC.
    pub zone: Option<Zone>,
    /// Keys of `[input.csv]` that the job gives; an input without delimited text must have none.
    pub csv_keys: Vec<&'static str>,
    /// Columns that the files may lack although little can be judged without them.
    pub allow_absent: ColumnSet,
    /// All keys of the input except its paths, as the job gives them: inputs with equal ones read a file alike.
    pub settings: String,
    /// What a run does about a file that cannot be read to its end.
    pub on_bad_file: OnBadFile,
    /// How a file is tried before it is read.
    pub trial: Trial,
}

/// Digests of the rows of a file by the week that judges them, by Monday.
pub type ByWeek = BTreeMap<Day, String>;

impl Input {
    /// Returns the digests of a file's rows by the week that judges them; empty if unknown.
    pub fn by_week(&self, shown: &str) -> ByWeek {
        let file = self.given.iter().flatten().find(|file| file.shown == shown);
        file.map_or(ByWeek::new(), |file| file.by_week.clone())
    }
}

/// A file that is read whatever the paths name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// Its name in tables and messages.
    pub shown: String,
    /// Its path or URI.
    pub path: String,
    /// Digests of its rows by the week that judges them; empty if unknown.
    pub by_week: ByWeek,
}

/// A heading that a column is mapped to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heading {
    /// As written in the job, without outer blanks.
    pub name: String,
    /// Cells, without outer blanks, and the values that they are read as; empty means null.
    pub values: Vec<(String, String)>,
}

impl Heading {
    /// Returns a heading whose cells are read unchanged.
    pub fn plain(name: &str) -> Heading {
        Heading { name: name.to_owned(), values: Vec::new() }
    }
}

/// How a file is tried before it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trial {
    /// Not at all.
    None,
    /// A separate process decodes it whole.
    Isolated,
}

/// A file format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Apache Parquet.
    Parquet,
    /// Delimited text.
    Csv,
}

/// The character that opens and closes a cell of delimited text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Quote {
    /// Nothing between tabs, which is how reports are written; a double quote between other delimiters.
    ByDelimiter,
    /// Nothing: quotes are text.
    None,
    /// This byte.
    Byte(u8),
}

impl Quote {
    /// Returns the byte that opens and closes a cell, if any does, in text with a given delimiter.
    pub fn between(self, delimiter: u8) -> Option<u8> {
        match self {
            Quote::ByDelimiter => (delimiter != b'\t').then_some(b'"'),
            Quote::None => None,
            Quote::Byte(byte) => Some(byte),
        }
    }
}

/// How delimited text is cut into cells.
#[derive(Clone, Debug)]
pub struct Dialect {
    /// The byte between cells; `None` if the suffix decides: tab for `.tsv` and `.txt`, else comma.
    pub delimiter: Option<u8>,
    /// The character that opens and closes a cell.
    pub quote: Quote,
    /// The declared encoding.
    pub encoding: &'static encoding_rs::Encoding,
    /// Physical line of the headings, from 1.
    pub header_line: usize,
}

/// Where and what is published.
pub struct Output {
    /// Folder or URI, resolved against the job's folder.
    pub path: String,
    /// Tables to make, in canonical order.
    pub tables: Vec<Table>,
    /// Days on which rolling windows end.
    pub rolling: Rolling,
    /// Eligible packages below which `account_health` reports that they are few.
    pub min_eligible: u64,
    /// The number of weeks up to that of `as_of` that the table `judged` holds.
    pub judged_weeks: u32,
    /// Days after which a week that ended is not judged again unless asked for; `None` if weeks never close.
    pub closed_after_days: Option<i32>,
    /// Versions that stay readable after a run has published; `None` for all.
    pub keep: Option<u64>,
}

/// A `[[check]]`: a figure of the tables, and the most that it may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Its name, as reports show it.
    pub name: String,
    /// The figure that is checked.
    pub kind: CheckKind,
    /// The consequence if the check does not hold.
    pub level: CheckLevel,
    /// The most that the figure may be.
    pub at_most: Most,
    /// For `rate_jump`: eligible packages below which a seller is left out.
    pub min_eligible: u64,
    /// For `rate_jump`: which moves count.
    pub direction: Direction,
}

/// Amazon's own reports to compare with.
#[derive(Clone, Debug)]
pub struct Reconcile {
    /// Path or glob of performance reports, relative to the job's folder.
    pub performance: Option<String>,
    /// Path or glob of defect reports, relative to the job's folder.
    pub defects: Option<String>,
    /// Groups over a report's path: `seller_id`, `pulled_on`.
    pub pattern: Option<Regex>,
    /// The encoding of defect reports.
    pub encoding: &'static encoding_rs::Encoding,
    /// Headings of localised defect reports, by our names.
    pub columns: BTreeMap<String, String>,
    /// Share of Amazon's packages within which counts agree, as an exact fraction.
    pub shipments_tolerance: (u64, u64),
    /// Points within which rates agree, as an exact fraction.
    pub rate_tolerance: (u64, u64),
}

impl Default for Reconcile {
    fn default() -> Self {
        Reconcile {
            performance: None,
            defects: None,
            pattern: None,
            encoding: encoding_rs::UTF_8,
            columns: BTreeMap::new(),
            shipments_tolerance: (1, 100),
            rate_tolerance: (5, 1_000),
        }
    }
}

/// The most that a check allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Most {
    /// A number.
    Count(u64),
    /// A share, as an exact fraction.
    Share(u64, u64),
}

/// A `[[sink]]`: a place that holds a replica of what is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sink {
    /// Its name.
    pub name: String,
    /// The tables that it holds; `None`: all that are published.
    pub tables: Option<Vec<Table>>,
    /// Its kind and place.
    pub place: SinkPlace,
}

/// The kind and place of a sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SinkPlace {
    /// A schema of a PostgreSQL database.
    Postgres {
        /// Its name.
        schema: String,
    },
    /// A folder of plain files.
    Files(FilesPlace),
}

/// A sink of plain files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilesPlace {
    /// Folder or URI, resolved against the job's folder.
    pub path: String,
    /// How tables are written.
    pub format: SinkFormat,
    /// How tables are divided into files.
    pub layout: Layout,
    /// How texts are written that a spreadsheet would run.
    pub formulas: Formulas,
}

/// How a sink divides tables into files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// One file a table.
    Flat,
    /// One file a week, if a table has weeks.
    Weeks,
}

/// How texts are written that a spreadsheet would run as a formula.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Formulas {
    /// They get a leading apostrophe.
    Defused,
    /// They stay as they are.
    Kept,
}

/// The limits of a run's resources and of tolerated faults.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Limits {
    /// Share of rejected rows above which nothing is published: `rejected * .1 > read * .0` trips,
    /// as an exact fraction.
    pub max_rejected: (u64, u64),
    /// Share of the rows read whose value in a column may be damaged, as an exact fraction.
    pub max_damaged: (u64, u64),
    /// Share of the rows read whose word in a column the book may not know, as an exact fraction.
    pub max_unknown_words: (u64, u64),
    /// Share of the rows read whose scan may be another time of the package, as an exact fraction.
    pub max_copied_times: (u64, u64),
    /// Days by which a scan may be before its shipment.
    pub scan_lead_days: i32,
    /// Published weeks that may be left without any row.
    pub max_vanished_weeks: u64,
    /// Rejected rows kept in the table.
    pub max_rejected_rows_kept: usize,
    /// Bytes of a cell.
    pub max_field_bytes: usize,
    /// CSV: bytes of a record.
    pub max_record_bytes: usize,
    /// Columns of a file.
    pub max_columns: usize,
    /// Compressed text: bytes of a file once inflated.
    pub max_inflated_bytes: u64,
    /// The factor by which a compressed text or a Parquet column may inflate, checked after 64 MiB.
    pub max_inflated_ratio: u64,
    /// Parquet: bytes of a page once inflated.
    pub max_page_bytes: u64,
    /// Parquet: rows of a row group.
    pub max_row_group_rows: u64,
    /// Bytes of memory of a process that tries a file.
    pub max_isolated_bytes: u64,
    /// Processor seconds of a process that tries a file.
    pub max_isolated_seconds: u64,
}

#[cfg(test)]
pub(crate) mod fixture;
