//! The job file, exactly as it is written.
//!
//! These types are the only list of its keys: reading, the JSON Schema and the digest are made from them. They hold
//! the written values and resolve nothing; a wrong key or type never gets here. The plan has its own structs, because it
//! holds paths, sizes, shares and time zones parsed, where the job file has text; enums are shared with the plan.

pub use super::choices::{AsOfMode, EvidenceWanted, Identity, MatchedBy, OnBadFile, Rolling};
pub use super::published::{CheckKind, CheckLevel, CheckSpec, Direction, SinkFormat, SinkKind, SinkSpec};
pub use super::reports::ReconcileSpec;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use vtr_columnar::input::{Column, Kind};
use vtr_kernel::sources::{BlankNumber, Field, Fold, Format, Role};

/// A job of `vtr`: the inputs, how they are judged, and the output.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JobSpec {
    /// The job's name; an output belongs to one job.
    pub name: String,
    /// The last day (UTC) on which anything is known: "today", or a date such as 2025-01-31.
    #[serde(default = "today")]
    pub as_of: String,
    /// How rows that are newer than `as_of` are treated.
    #[serde(default)]
    pub as_of_mode: AsOfMode,
    /// The evidence by which packages are judged.
    #[serde(default)]
    pub evidence: EvidenceWanted,
    /// Whether superseded copies of a package are left out.
    #[serde(default = "yes")]
    pub deduplicate: bool,
    /// The condition under which two rows are copies of each other.
    #[serde(default)]
    pub identity: Identity,
    /// The most days between copies of one package; a run over a range of weeks reads that many days more.
    #[serde(default = "copies_within")]
    #[schemars(range(min = 0, max = 3660))]
    pub copies_within: i32,
    /// Whether Parquet row groups may be left out by their statistics.
    #[serde(default = "yes")]
    pub prune: bool,
    /// Exchange rates in the layout of the ECB's eurofxref-hist.csv, relative to the job file.
    pub rates: Option<String>,
    /// A CSV file with the headings seller_id, name, owner, region, relative to the job file: the facts about sellers in `dim_seller`.
    pub sellers: Option<String>,
    /// A folder with the rules to judge by, relative to the job file, or several, each of which adds to those before it; "embedded" means the rules in the program, which are the default.
    pub book: Option<OneOrMany>,
    /// A folder with the profiles of kinds of files, relative to the job file; default: those in the program.
    pub sources: Option<String>,
    /// Worker threads; default: as many as the machine has processors.
    #[schemars(range(min = 1, max = 1024))]
    pub threads: Option<usize>,
    /// Most memory of the run, such as "2 GiB"; default: 2 GiB or half of the machine's, the smaller.
    pub memory: Option<Size>,
    /// Folder for data that does not fit in memory, relative to the job file; default: the system's (TMPDIR).
    pub temp: Option<String>,
    /// The inputs.
    pub input: Vec<InputSpec>,
    /// The output.
    pub output: OutputSpec,
    /// The limits of the run's resources and of tolerated faults.
    #[serde(default)]
    pub limits: LimitsSpec,
    /// Checks of the tables before they are published.
    #[serde(default)]
    pub check: Vec<CheckSpec>,
    /// Replicas of the output for dashboards.
    #[serde(default)]
    pub sink: Vec<SinkSpec>,
    /// Amazon's own reports, with which `vtr reconcile` compares our figures.
    #[serde(default)]
    pub reconcile: ReconcileSpec,
    /// How raw files are joined into packages, if an input has a `kind`, a `fold` or the role of a side.
    #[serde(default)]
    pub assemble: AssembleSpec,
}

/// How raw files are joined into packages.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AssembleSpec {
    /// The folder of the packages, relative to the job file; default: `packages` beside the output.
    pub path: Option<String>,
    /// Days around `shipped_at` (without it: around the promise less 30 days) in which an event belongs to a package: the first, usually before shipping, and the last; default: [-3, 90].
    #[schemars(length(min = 2, max = 2))]
    pub event_window: Option<Vec<i32>>,
    /// Carriers that no feed of events covers: their packages are judged by the other facts, and counted.
    pub unseen: Vec<String>,
}

/// One source of shipments.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InputSpec {
    /// The profile of the files, such as "amazon.ship_confirm", which gives role, format, headings and dialect; a key written here overrides it.
    pub kind: Option<String>,
    /// The role of the rows; default: that of the `kind`, else "shipments".
    #[serde(default)]
    #[schemars(schema_with = "roles")]
    pub role: Option<Role>,
    /// How rows of different sources are assigned to one order; default: by seller and order.
    #[serde(rename = "match")]
    pub matched_by: Option<MatchedBy>,
    /// How rows become packages; default: as the `kind` defines.
    #[serde(default)]
    #[schemars(schema_with = "folds")]
    pub fold: Option<Fold>,
    /// For a fold "confirmations": the meaning of a blank tracking number; default: "keep".
    #[serde(default)]
    #[schemars(schema_with = "blank_numbers")]
    pub blank_number: Option<BlankNumber>,
    /// The heading of the column with the time when the rows were written; the alternative is a group of that name in `from_path`.
    pub written_at: Option<String>,
    /// File, folder or glob, or a list of them, relative to the job file.
    pub path: OneOrMany,
    /// The format of the files; default: by suffix.
    #[serde(default)]
    #[schemars(schema_with = "formats")]
    pub format: Option<Format>,
    /// Canonical name = heading of the source, or a list of headings of which the first filled cell counts.
    #[serde(default)]
    #[schemars(schema_with = "headings")]
    pub columns: BTreeMap<String, ColumnSpec>,
    /// Canonical name = the value of all rows, for facts that the source does not have.
    #[serde(default)]
    #[schemars(schema_with = "constants")]
    pub constants: BTreeMap<String, Scalar>,
    /// Columns that are read from the file's path.
    pub from_path: Option<FromPathSpec>,
    /// The IANA time zone of times without an offset; default: UTC.
    pub time_zone: Option<String>,
    /// Time columns that are calendar days, whatever their type; times of day and zones in them are ignored.
    #[serde(default)]
    #[schemars(schema_with = "time_columns")]
    pub days: Vec<String>,
    /// Texts that mean null.
    pub nulls: Option<Vec<String>>,
    /// The decimal mark of texts, "." or ","; default: ".".
    pub decimal: Option<String>,
    /// How times are written (strftime), beside RFC 3339 and %Y-%m-%d.
    pub timestamps: Option<Vec<String>>,
    /// How delimited text is written.
    #[serde(default)]
    pub csv: CsvSpec,
    /// Columns that the files may lack although little can be judged without them: `tracking_number` if there are no scans either.
    #[serde(default)]
    pub allow_absent: Vec<MayLack>,
    /// What a run does about a file that cannot be read to its end.
    #[serde(default)]
    pub on_bad_file: OnBadFile,
    /// Whether each file is first decoded whole by a separate process under limits of memory and time, so that no file can crash the run; every file is then read twice.
    #[serde(default)]
    pub isolate: bool,
}

/// A column that files may lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MayLack {
    /// The tracking number, if there are no scans either: every package counts as it would without a number.
    TrackingNumber,
}

/// One text, or a list of them.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OneOrMany {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl OneOrMany {
    /// Returns all of them.
    pub fn to_vec(&self) -> Vec<String> {
        match self {
            OneOrMany::One(text) => vec![text.clone()],
            OneOrMany::Many(texts) => texts.clone(),
        }
    }
}

/// A value for all rows.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Scalar {
    /// A text, as in a cell.
    Text(String),
    /// A flag.
    Flag(bool),
    /// A whole number.
    Whole(i64),
}

impl Scalar {
    /// Returns the value as in a cell.
    pub fn to_text(&self) -> String {
        match self {
            Scalar::Text(text) => text.clone(),
            Scalar::Flag(flag) => flag.to_string(),
            Scalar::Whole(number) => number.to_string(),
        }
    }
}

/// Columns that are read from the file's path.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FromPathSpec {
    /// A regular expression over the path as `input_files` shows it, its groups named as columns: `exports/(?<seller_id>[^/]+)/`.
    pub pattern: String,
}

/// The source of a column's cells.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ColumnSpec {
    /// From one heading.
    One(HeadingSpec),
    /// From the first of several headings whose cell is filled.
    FirstFilled(Vec<HeadingSpec>),
}

impl ColumnSpec {
    /// Returns all of its headings, the first one first.
    pub fn headings(&self) -> &[HeadingSpec] {
        match self {
            ColumnSpec::One(heading) => std::slice::from_ref(heading),
            ColumnSpec::FirstFilled(headings) => headings,
        }
    }
}

/// A heading of the source.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum HeadingSpec {
    /// Its cells unchanged.
    Plain(String),
    /// Its cells, some of them replaced.
    Replaced(ReplacedSpec),
}

/// A heading, some of whose cells are replaced.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplacedSpec {
    /// The heading.
    pub at: String,
    /// Cell without outer blanks = its replacement; "" means that the cell is empty.
    pub values: BTreeMap<String, String>,
}

impl HeadingSpec {
    /// Returns the heading.
    pub fn at(&self) -> &str {
        match self {
            HeadingSpec::Plain(at) => at,
            HeadingSpec::Replaced(replaced) => &replaced.at,
        }
    }

    /// Returns cells and their replacements.
    pub fn values(&self) -> Vec<(String, String)> {
        match self {
            HeadingSpec::Plain(_) => Vec::new(),
            HeadingSpec::Replaced(replaced) => replaced.values.clone().into_iter().collect(),
        }
    }
}

/// How delimited text is written. Keys that also apply to other formats belong in the input itself.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CsvSpec {
    /// One character; default: tab for .tsv and .txt, else comma.
    pub delimiter: Option<String>,
    /// One character, or "" for none; default: none if the delimiter is a tab, else ".
    pub quote: Option<String>,
    /// The encoding by its WHATWG label: utf-8, utf-16, windows-1252, shift_jis ... It is never guessed; default: utf-8.
    pub encoding: Option<String>,
    /// The line of the headings, from 1; default: 1.
    #[schemars(range(min = 1, max = 1000))]
    pub header_line: Option<usize>,
    /// As `nulls` of the input.
    pub nulls: Option<Vec<String>>,
    /// As `decimal` of the input.
    pub decimal: Option<String>,
    /// As `timestamps` of the input.
    pub timestamps: Option<Vec<String>>,
    /// As `time_zone` of the input.
    pub time_zone: Option<String>,
}

impl CsvSpec {
    /// Returns the keys that are set, in their order.
    pub fn keys(&self) -> Vec<&'static str> {
        let stand = [
            ("delimiter", self.delimiter.is_some()),
            ("quote", self.quote.is_some()),
            ("encoding", self.encoding.is_some()),
            ("header_line", self.header_line.is_some()),
            ("nulls", self.nulls.is_some()),
            ("decimal", self.decimal.is_some()),
            ("timestamps", self.timestamps.is_some()),
            ("time_zone", self.time_zone.is_some()),
        ];
        stand.into_iter().filter(|(_, stands)| *stands).map(|(key, _)| key).collect()
    }
}

/// The output.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OutputSpec {
    /// The folder, relative to the job file.
    pub path: String,
    /// The tables to make; default: all.
    #[serde(default)]
    #[schemars(schema_with = "tables")]
    pub tables: Option<Vec<String>>,
    /// The days on which rolling windows end.
    #[serde(default)]
    pub rolling: Rolling,
    /// Days after which a week is closed: a plain run does not judge, shrink or delete weeks that ended longer before `as_of`, so that old inputs may be removed; default: never.
    #[schemars(range(min = 0, max = 36500))]
    pub closed_after_days: Option<i32>,
    /// Versions that stay readable: once a plain run has published, files that no newer version names are deleted as `vtr gc` does; default: all.
    #[schemars(range(min = 1))]
    pub keep: Option<u64>,
    /// Eligible packages below which `account_health` reports that there are few; status and gates do not change.
    #[serde(default = "min_eligible_of_accounts")]
    pub min_eligible: u64,
    /// The number of weeks up to that of `as_of` that the table `judged` holds; older ones are dropped from it.
    #[serde(default = "judged_weeks")]
    #[schemars(range(min = 1))]
    pub judged_weeks: u32,
}

fn min_eligible_of_accounts() -> u64 {
    10
}

fn judged_weeks() -> u32 {
    8
}

/// The limits of a run's resources and of tolerated faults. Sizes are bytes, or texts such as "64 KiB".
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsSpec {
    /// Share of the rows read that may be rejected, such as "0.1%"; above it nothing is published.
    pub max_rejected: String,
    /// Share of the rows read with a possibly damaged identifier (9.2E+21) in one column, such as "1%"; above it nothing is published.
    pub max_damaged: String,
    /// Share of the rows read with a word in one column that the book does not know, such as "1%"; above it nothing is published.
    pub max_unknown_words: String,
    /// Share of the rows read with a scan that equals another time of the package to the second, such as "50%"; above it nothing is published.
    pub max_copied_times: String,
    /// Days by which a scan may be before `shipped_at` (without it: 30 more before the promise); an earlier one is of another parcel and counts as empty.
    #[schemars(range(min = 0, max = 3660))]
    pub scan_lead_days: i32,
    /// Published weeks that may be left without any row; if more would vanish, nothing is published.
    #[schemars(range(min = 0))]
    pub max_vanished_weeks: u64,
    /// Rejected rows that the table `rejects` keeps.
    #[schemars(range(min = 0))]
    pub max_rejected_rows_kept: usize,
    /// Largest cell.
    pub max_field_bytes: Size,
    /// Largest record of delimited text.
    pub max_record_bytes: Size,
    /// Most columns of a file.
    #[schemars(range(min = 1, max = 100000))]
    pub max_columns: usize,
    /// Largest compressed text file once inflated.
    pub max_inflated_bytes: Size,
    /// The factor by which a compressed text file, or a column of a Parquet row group, may inflate, checked after 64 MiB.
    #[schemars(range(min = 1))]
    pub max_inflated_ratio: u64,
    /// Largest page of a Parquet file once inflated.
    pub max_page_bytes: Size,
    /// Most rows of a Parquet row group.
    #[schemars(range(min = 1))]
    pub max_row_group_rows: u64,
    /// Memory of the process that tries a file of an input with `isolate = true`.
    pub max_isolated_bytes: Size,
    /// Processor seconds of the process that tries a file of an input with `isolate = true`.
    #[schemars(range(min = 1))]
    pub max_isolated_seconds: u64,
    /// Share of the packages shipped more than 7 days before `as_of` whose number the events must name, by carrier, by seller and overall; "0%" turns the check off.
    pub events_cover: String,
    /// Share of the packages within the days of the orders whose order must be known; "0%" turns the check off.
    pub orders_cover: String,
    /// Share of the events whose status may be unknown; "100%" turns the check off.
    pub statuses_unmapped: String,
    /// Largest JSON document.
    pub max_document_bytes: Size,
}

impl Default for LimitsSpec {
    fn default() -> Self {
        LimitsSpec {
            max_rejected: "0.1%".into(),
            max_damaged: "1%".into(),
            max_unknown_words: "1%".into(),
            max_copied_times: "50%".into(),
            scan_lead_days: vtr_kernel::strays::LEAD_DAYS,
            max_vanished_weeks: 0,
            max_rejected_rows_kept: 100_000,
            max_field_bytes: Size::Text("64 KiB".into()),
            max_record_bytes: Size::Text("1 MiB".into()),
            max_columns: 1_000,
            max_inflated_bytes: Size::Text("64 GiB".into()),
            max_inflated_ratio: 5_000,
            max_page_bytes: Size::Text("128 MiB".into()),
            max_row_group_rows: 100_000_000,
            max_isolated_bytes: Size::Text("2 GiB".into()),
            max_isolated_seconds: 600,
            events_cover: "95%".into(),
            orders_cover: "99%".into(),
            statuses_unmapped: "1%".into(),
            max_document_bytes: Size::Text("16 MiB".into()),
        }
    }
}

/// A number of bytes, or a text such as "64 KiB".
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Size {
    /// Bytes.
    Bytes(u64),
    /// With a unit.
    Text(String),
}

fn today() -> String {
    "today".into()
}

fn yes() -> bool {
    true
}

fn copies_within() -> i32 {
    60
}

/// Returns a table whose keys are the canonical columns, and the fields of inputs that are joined.
fn by_column(of: &Schema) -> Schema {
    let fields = Field::ALL.into_iter().map(Field::name);
    let names = Column::ALL.into_iter().map(Column::name).chain(fields);
    let columns: Map<String, Value> = names.map(|name| (name.into(), of.clone().into())).collect();
    json_schema!({ "type": "object", "properties": columns, "additionalProperties": false })
}

fn headings(generator: &mut SchemaGenerator) -> Schema {
    by_column(&generator.subschema_for::<ColumnSpec>())
}

fn time_columns(_: &mut SchemaGenerator) -> Schema {
    let times = Column::ALL.into_iter().filter(|column| column.kind() == Kind::Time);
    let names: Vec<&str> = times.map(Column::name).collect();
    json_schema!({ "type": "array", "items": { "type": "string", "enum": names } })
}

fn constants(generator: &mut SchemaGenerator) -> Schema {
    by_column(&generator.subschema_for::<Scalar>())
}

pub(super) fn tables(_: &mut SchemaGenerator) -> Schema {
    let names: Vec<&str> = crate::schema::Table::ALL.iter().map(|table| table.name()).collect();
    json_schema!({ "type": "array", "items": { "type": "string", "enum": names } })
}

/// Returns the schema of a text that is one of these words, each with its meaning.
fn one_of(words: &[(&str, &str)]) -> Schema {
    let form = |(word, meaning): &(&str, &str)| json!({ "type": "string", "const": word, "description": meaning });
    json_schema!({ "oneOf": words.iter().map(form).collect::<Vec<Value>>() })
}

fn roles(_: &mut SchemaGenerator) -> Schema {
    one_of(&Role::ALL.map(|role| {
        let meaning = match role {
            Role::Shipments => "Packages, or writes about packages.",
            Role::Orders => "Lines of orders, whose facts are lent to packages.",
            Role::Events => "Scans, whose times are lent to packages.",
            Role::Categories => "Categories of products.",
        };
        (role.name(), meaning)
    }))
}

fn formats(_: &mut SchemaGenerator) -> Schema {
    one_of(&[Format::Parquet, Format::Csv, Format::Json].map(|format| {
        let meaning = match format {
            Format::Parquet => "Apache Parquet.",
            Format::Csv => "Delimited text.",
            Format::Json => "JSON: a document, an array of documents, or one a line; only for inputs that are joined.",
        };
        (format.name(), meaning)
    }))
}

fn folds(_: &mut SchemaGenerator) -> Schema {
    one_of(&[(Fold::Confirmations.name(), "Rows are writes: the later ones replace, blanks keep, `NULL` deletes.")])
}

fn blank_numbers(_: &mut SchemaGenerator) -> Schema {
    one_of(&[BlankNumber::Keep, BlankNumber::Delete].map(|blank| {
        let meaning = match blank {
            BlankNumber::Keep => "The existing number is kept.",
            BlankNumber::Delete => "The number is deleted.",
        };
        (blank.name(), meaning)
    }))
}

/// Returns the JSON Schema of a job file, without references, so that an editor or the reader can walk it.
pub fn schema() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<JobSpec>();
    schema.insert("title".into(), "vtr job".into());
    schema.to_value()
}
