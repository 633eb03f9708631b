//! The command line as types: one variant a verb.
//!
//! Help texts are made from the comments here, each with an example. No work is done; a line that
//! does not parse never gets past clap, which says why and exits with 2.

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use std::path::PathBuf;

/// The open engine for Valid Tracking Rate: judges shipment histories under Amazon's dated rules and publishes rate tables.
#[derive(Debug, Parser)]
#[command(name = "vtr", version, max_term_width = 110, after_help = EXIT_CODES)]
pub struct Cli {
    /// Options that every verb takes.
    #[command(flatten)]
    pub global: GlobalOptions,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

const EXIT_CODES: &str = "\
Data goes to stdout, everything else to stderr.

Exit codes: 0 done; 1 failed; 2 usage, job or book wrong; 3 input refused; 4 a gate tripped, nothing published;
5 lost a publish conflict, safe to retry; 130/143 stopped by a signal, with nothing half done.

Example:
  vtr run jobs/weekly.toml";

/// Options that every verb takes.
#[derive(Clone, Debug, Args)]
pub struct GlobalOptions {
    /// No progress and no log lines below warnings
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Show contents of cells: on stderr what stood in rejected ones, in `inspect` a few of each column
    #[arg(long, global = true)]
    pub show_values: bool,
    /// How stderr is written: log lines, summaries, warnings, errors
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text, value_name = "FORMAT")]
    pub log_format: LogFormat,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

/// A verb.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Read, judge, aggregate, publish: the main job
    #[command(
        after_help = "Without weeks it brings the output up to date: it judges the weeks that are outdated, and the outcome is that of --full.\n\nExamples:\n  vtr run jobs/weekly.toml\n  vtr run jobs/weekly.toml --from 2025-W03 --to 2025-W05"
    )]
    Run(RunArgs),
    /// What a run would read and replace, and why, without doing it; checks job, book and input schemas
    #[command(after_help = "Example:\n  vtr plan jobs/weekly.toml --from 2025-W03 --to 2025-W05")]
    Plan(PlanArgs),
    /// Tell each package of an order as a story: facts, rungs passed, the version, the reason, what to do
    #[command(after_help = "Example:\n  vtr explain jobs/weekly.toml --seller A2EXAMPLE --order 026-1234567-1234567")]
    Explain(ExplainArgs),
    /// The defect list of a published output
    #[command(
        after_help = "Example:\n  vtr defects out --marketplace DE --reason scan_missing --format csv > defects.csv"
    )]
    Defects(DefectsArgs),
    /// The account health of a published output, worst first
    #[command(after_help = "Example:\n  vtr health out --fail-on breach")]
    Health(HealthArgs),
    /// What to do today about defects that still count: by whom, until when, worth what; or Amazon's upload file
    #[command(
        after_help = "Examples:\n  vtr worklist out --marketplace DE\n  vtr worklist out --format csv > worklist.csv\n  vtr worklist jobs/weekly.toml --format ship-confirm -o corrections"
    )]
    Worklist(WorklistArgs),
    /// The page that people read, of one published version: self-contained HTML, no script, printable
    #[command(
        after_help = "Examples:\n  vtr report out -o report.html\n  vtr report out --event 2026-W36=\"Evri replaced by DPD\" -o report.html\n  vtr report out --split-by seller -o pages\n  vtr report out --appeal A2EXAMPLE GB Electronics -o appeal.html"
    )]
    Report(ReportArgs),
    /// What a carrier name is taken for, and what is wrong with a number declared for it
    #[command(
        after_help = "Examples:\n  vtr carriers \"Royal Mail Tracked 48\"\n  vtr carriers DHL --ship-from DE --number 003404341234567890"
    )]
    Carriers(CarriersArgs),
    /// Lint a book, print what is in force, write the book out, compare two books
    #[command(subcommand, after_help = "Example:\n  vtr book show GB --on 2025-01-15")]
    Book(BookVerb),
    /// A synthetic multi-marketplace history with known truth, for trials and benchmarks
    #[command(after_help = "Example:\n  vtr gen --rows 1000000 --seed 7 history --truth")]
    Gen(GenArgs),
    /// Hold our figures beside Amazon's performance and defect reports, and name the cause of each difference
    #[command(
        after_help = "Example:\n  vtr reconcile mine.toml --performance amazon/S1_2026-11-24.json --defects amazon/S1_2026-11-24.csv --seller S1"
    )]
    Reconcile(ReconcileArgs),
    /// Re-hash a published output
    #[command(after_help = "Example:\n  vtr verify out")]
    Verify(VerifyArgs),
    /// Print version and files of a published output
    #[command(after_help = "Example:\n  vtr resolve out --table vtr_weekly")]
    Resolve(ResolveArgs),
    /// The published tables: their grain, columns, types and meanings
    #[command(after_help = "Example:\n  vtr tables vtr_weekly")]
    Tables(TablesArgs),
    /// Bring the job's sinks, where dashboards read, to a published version
    #[command(
        after_help = "Examples:\n  vtr sync jobs/weekly.toml\n  vtr sync jobs/weekly.toml --sink bi --dry-run > schema.sql"
    )]
    Sync(SyncArgs),
    /// Print SQL views of a published output where it lies now, also if it was copied or mounted elsewhere
    #[command(after_help = "Example:\n  vtr views out | duckdb figures.duckdb")]
    Views(ViewsArgs),
    /// Print the sources.yml by which dbt knows the published tables: columns, meanings, tests, freshness
    #[command(after_help = "Example:\n  vtr dbt out --target postgres > models/vtr/sources.yml")]
    Dbt(DbtArgs),
    /// Delete what no kept version of an output names
    #[command(after_help = "Example:\n  vtr gc out --keep 10 --dry-run")]
    Gc(GcArgs),
    /// First look at any CSV or Parquet file: rows, columns, types, what is wrong, headings that map
    #[command(
        after_help = "Examples:\n  vtr inspect report.txt\n  vtr inspect confirmations.txt --encoding shift_jis --header-line 3"
    )]
    Inspect(InspectArgs),
    /// Decode one file whole under limits, for a run with `isolate = true`; what to do stands on stdin
    #[command(hide = true, after_help = "Example:\n  vtr try-file < trial.json")]
    TryFile,
    /// About job files
    #[command(subcommand, after_help = "Example:\n  vtr job schema > job.schema.json")]
    Job(JobVerb),
    /// Completions for a shell, to stdout
    #[command(after_help = "Example:\n  vtr completions bash > /etc/bash_completion.d/vtr")]
    Completions(CompletionsArgs),
    /// The manual page of the program or of a verb, to stdout
    #[command(after_help = "Example:\n  vtr man run | man -l -")]
    Man(ManArgs),
}

/// `vtr reconcile`.
#[derive(Clone, Debug, Args)]
pub struct ReconcileArgs {
    /// The job.
    #[command(flatten)]
    pub job: JobOptions,
    /// Seller performance reports; default: those that [reconcile] names
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub performance: Vec<PathBuf>,
    /// VTR defect reports; default: those that [reconcile] names
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub defects: Vec<PathBuf>,
    /// The seller that the reports are of; default: what [reconcile] pattern says, or the output's only seller
    #[arg(long)]
    pub seller: Option<String>,
    /// Only this marketplace, such as DE
    #[arg(long)]
    pub marketplace: Option<String>,
    /// The day on which the reports were pulled; packages are judged as of it
    #[arg(long, value_name = "DATE")]
    pub pulled_on: Option<chrono::NaiveDate>,
    /// List the orders instead of the summary
    #[arg(long)]
    pub orders: bool,
    /// How the result is written
    #[arg(long, value_enum, default_value_t = ListFormat::Table)]
    pub format: ListFormat,
    /// Exit with 4 on a difference
    #[arg(long, value_enum, value_name = "WHAT")]
    pub fail_on: Option<Difference>,
}

/// Which differences fail `vtr reconcile`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Difference {
    /// Packages that count differ beyond the tolerance
    Shipments,
    /// Rates differ beyond the tolerance
    Rate,
    /// An order that no cause explains
    Orders,
    /// Any of them
    Any,
}

/// Which table.
#[derive(Clone, Debug, Args)]
pub struct TablesArgs {
    /// One table, with its columns; default: all tables, a line each
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// How the list is written
    #[arg(long, value_enum, default_value_t = ListFormat::Table)]
    pub format: ListFormat,
}

/// Which job, and what stands in for its keys.
#[derive(Clone, Debug, Args)]
pub struct JobOptions {
    /// The job file
    #[arg(value_name = "JOB.toml")]
    pub job: PathBuf,
    /// Last day (UTC) of which anything is known, or `today` [env: VTR_AS_OF]
    #[arg(long, value_name = "DATE")]
    pub as_of: Option<String>,
    /// Folder of the book to judge by, instead of the one in the program (`embedded`); of several each adds to those
    /// before it [env: VTR_BOOK]
    #[arg(long, value_name = "DIR")]
    pub book: Vec<PathBuf>,
    /// Where to publish, from the working folder [env: VTR_OUT]
    #[arg(long, value_name = "PATH")]
    pub out: Option<String>,
    /// Worker threads [env: VTR_THREADS]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// Memory to keep to, such as "2 GiB" [env: VTR_MEMORY]
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<String>,
    /// Any key of the job, such as `input.0.path=new/*.parquet`; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

/// Which weeks; without any those that are outdated.
#[derive(Clone, Debug, Default, Args)]
pub struct RangeOptions {
    /// First week: 2025-W03, or a date in it [env: VTR_FROM]
    #[arg(long, value_name = "WEEK")]
    pub from: Option<String>,
    /// Last week, included [env: VTR_TO]
    #[arg(long, value_name = "WEEK")]
    pub to: Option<String>,
    /// The N weeks up to and including that of as_of [env: VTR_LAST]
    #[arg(long, value_name = "N", conflicts_with_all = ["from", "to"])]
    pub last: Option<u32>,
}

/// `vtr run`.
#[derive(Clone, Debug, Args)]
pub struct RunArgs {
    /// The job.
    #[command(flatten)]
    pub job: JobOptions,
    /// The weeks.
    #[command(flatten)]
    pub range: RangeOptions,
    /// So many weeks at a time, one publication each: a long backfill in bounded memory that goes on where it was stopped
    #[arg(long, value_name = "WEEKS", value_parser = clap::value_parser!(u32).range(1..))]
    pub batch: Option<u32>,
    /// Only the weeks that are outdated, as a run without weeks does; with weeks those of them
    #[arg(long)]
    pub stale: bool,
    /// Read and judge everything, closed weeks too, whatever stands
    #[arg(long, conflicts_with_all = ["from", "to", "last", "batch", "stale"])]
    pub full: bool,
    /// Hash every input anew, and trust nothing that is remembered of it
    #[arg(long)]
    pub rehash: bool,
    /// The run's summary as JSON on stdout, one object for each publication
    #[arg(long)]
    pub json: bool,
    /// Write the figures of the run, also of a failed one, as a Prometheus text file
    #[arg(long, value_name = "FILE")]
    pub metrics: Option<PathBuf>,
    /// Write the page of the published version, as `vtr report` does
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Append OpenLineage events of each publication, one JSON object a line
    #[arg(long, value_name = "FILE")]
    pub lineage: Option<PathBuf>,
}

/// `vtr plan`.
#[derive(Clone, Debug, Args)]
pub struct PlanArgs {
    /// The job.
    #[command(flatten)]
    pub job: JobOptions,
    /// The weeks.
    #[command(flatten)]
    pub range: RangeOptions,
}

/// `vtr explain`.
#[derive(Clone, Debug, Args)]
pub struct ExplainArgs {
    /// The job.
    #[command(flatten)]
    pub job: JobOptions,
    /// The seller's id, exactly
    #[arg(long, value_name = "S")]
    pub seller: Option<String>,
    /// The order's id, exactly; may be repeated
    #[arg(long, value_name = "O")]
    pub order: Vec<String>,
    /// A file with an order's id a line; behind a comma its seller, else that of --seller or any
    #[arg(long, value_name = "FILE")]
    pub orders: Option<PathBuf>,
    /// A tracking number, however it is written, in the place of orders
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["order", "orders"])]
    pub tracking: Option<String>,
    /// How the stories are written
    #[arg(long, value_enum, default_value_t = ListFormat::Table)]
    pub format: ListFormat,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
}

/// `vtr worklist`. All filters must fit.
#[derive(Clone, Debug, Args)]
pub struct WorklistArgs {
    /// A published output; for ship-confirm a job file
    #[arg(value_name = "OUT|JOB.toml")]
    pub out: PathBuf,
    /// Only this seller; may be repeated
    #[arg(long)]
    pub seller: Vec<String>,
    /// Only this marketplace, such as DE or Amazon.de; may be repeated
    #[arg(long)]
    pub marketplace: Vec<String>,
    /// Only this product category; may be repeated
    #[arg(long)]
    pub category: Vec<String>,
    /// How the list is written
    #[arg(long, value_enum, default_value_t = WorklistFormat::Table)]
    pub format: WorklistFormat,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
    /// For ship-confirm: the folder that gets a file for each seller
    #[arg(short = 'o', long = "output", value_name = "DIR", default_value = ".")]
    pub target: PathBuf,
    /// Exit with 4 if the day of a correction has passed
    #[arg(long, value_enum, value_name = "WHAT")]
    pub fail_on: Option<WorklistFailOn>,
}

/// How a work list is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum WorklistFormat {
    /// For people
    Table,
    /// A line a package, with headings
    Csv,
    /// One array of objects, one a package
    Json,
    /// The corrections that are certain as Amazon's upload file, one a seller; needs the job
    ShipConfirm,
}

/// What a work list fails on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum WorklistFailOn {
    /// A correction whose promised day has passed
    Overdue,
}

/// `vtr report`.
#[derive(Clone, Debug, Args)]
pub struct ReportArgs {
    /// A published output
    pub out: PathBuf,
    /// The file, or a folder; default: stdout
    #[arg(short = 'o', long = "output", value_name = "FILE|DIR")]
    pub target: Option<PathBuf>,
    /// An older version; default: the highest
    #[arg(long, value_name = "N")]
    pub version: Option<u64>,
    /// Only this seller; may be repeated
    #[arg(long)]
    pub seller: Vec<String>,
    /// Only this marketplace, such as DE or Amazon.de; may be repeated
    #[arg(long)]
    pub marketplace: Vec<String>,
    /// How many weeks it looks back
    #[arg(long, value_name = "N", default_value_t = crate::verbs::report::WEEKS)]
    pub weeks: u32,
    /// Bytes of a page at most; the last accounts are left out above it
    #[arg(long, value_name = "SIZE", default_value = crate::verbs::report::MAX_SIZE)]
    pub max_size: String,
    /// A page for each seller, in the folder -o, without a byte of the others
    #[arg(long, value_enum, value_name = "WHAT")]
    pub split_by: Option<SplitBy>,
    /// A change and its week, to see whether it helped: 2026-W36="Evri replaced by DPD"; may be repeated
    #[arg(long, value_name = "WEEK[=TEXT]")]
    pub event: Vec<String>,
    /// A title in the place of the finding
    #[arg(long)]
    pub title: Option<String>,
    /// The facts that Amazon's appeal form asks for, of one account or category, in the place of the report
    #[arg(long, num_args = 2..=3, value_names = ["SELLER", "MARKETPLACE", "CATEGORY"], conflicts_with_all = ["seller", "marketplace", "split_by"])]
    pub appeal: Option<Vec<String>>,
}

/// What a report is split by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SplitBy {
    /// A file for each seller
    Seller,
}

/// `vtr defects`. All filters must fit.
#[derive(Clone, Debug, Args)]
pub struct DefectsArgs {
    /// A published output
    pub out: PathBuf,
    /// Only this seller, or these: A1,A2
    #[arg(long)]
    pub seller: Option<String>,
    /// Only this marketplace: DE, Amazon.de or its id; lists by comma
    #[arg(long)]
    pub marketplace: Option<String>,
    /// Only this carrier: its id in the tables, or a name such as DHL Paket; lists by comma
    #[arg(long)]
    pub carrier: Option<String>,
    /// Only this product category, in any case; lists by comma
    #[arg(long)]
    pub category: Option<String>,
    /// Only this programme; lists by comma
    #[arg(long)]
    pub programme: Option<String>,
    /// Only what these can still mend: nobody, carrier or number; lists by comma
    #[arg(long, value_name = "WHO", value_delimiter = ',')]
    pub fixable_by: Vec<Fixable>,
    /// Only this reason, such as scan_missing; lists by comma
    #[arg(long)]
    pub reason: Option<String>,
    /// From this week on: 2025-W03, or a date in it
    #[arg(long, value_name = "WEEK")]
    pub from: Option<String>,
    /// From this day on
    #[arg(long, value_name = "DATE", conflicts_with = "from")]
    pub since: Option<String>,
    /// Up to and including this week
    #[arg(long, value_name = "WEEK")]
    pub to: Option<String>,
    /// How rows are ordered
    #[arg(long, value_enum, default_value_t = DefectOrder::Urgency)]
    pub sort: DefectOrder,
    /// The most rows shown; default: all, as a table 50
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// How the list is written
    #[arg(long, value_enum, default_value_t = ListFormat::Table)]
    pub format: ListFormat,
}

/// Who can still mend a defect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Fixable {
    /// Nobody any more
    Nobody,
    /// The carrier, by a scan
    Carrier,
    /// Whoever gives or corrects number or carrier
    Number,
}

/// How defects are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DefectOrder {
    /// What must be done soonest first, then what counts the shortest; what counts no more comes last
    Urgency,
    /// As published: by week, seller, marketplace, order and package
    Key,
}

/// How a list is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ListFormat {
    /// For people
    Table,
    /// With headings
    Csv,
    /// One array of objects
    Json,
}

/// `vtr health`.
#[derive(Clone, Debug, Args)]
pub struct HealthArgs {
    /// A published output
    pub out: PathBuf,
    /// Only this seller, or these: A1,A2
    #[arg(long)]
    pub seller: Option<String>,
    /// Only this marketplace: DE, Amazon.de or its id; lists by comma
    #[arg(long)]
    pub marketplace: Option<String>,
    /// How the list is written
    #[arg(long, value_enum, default_value_t = ListFormat::Table)]
    pub format: ListFormat,
    /// At most so many rows, the worst; default: all
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
    /// What changed since that version, in the place of the list
    #[arg(long, value_name = "VERSION")]
    pub compare: Option<u64>,
    /// Exit with 4 if any account is this bad or worse, worse than before, or the table is stale; several by commas
    #[arg(long, value_enum, value_name = "STATUS", value_delimiter = ',')]
    pub fail_on: Vec<FailOn>,
    /// Days after which the table is stale
    #[arg(long, value_name = "DAYS", default_value_t = 7, value_parser = clap::value_parser!(i32).range(0..))]
    pub max_age: i32,
}

/// From which status on `vtr health` fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum FailOn {
    /// Below target
    Breach,
    /// Below target, or so near to it that chance alone could do it
    AtRisk,
    /// Worse than in the version of --compare
    Worse,
    /// Older than --max-age
    Stale,
}

/// `vtr carriers`.
#[derive(Clone, Debug, Args)]
pub struct CarriersArgs {
    /// A carrier's name as sellers type it; without one all known carriers are listed
    pub name: Option<String>,
    /// A tracking number declared for it
    #[arg(long, value_name = "N")]
    pub number: Option<String>,
    /// Where the package leaves from (an ISO country), for names that mean another carrier in each country
    #[arg(long, value_name = "CC")]
    pub ship_from: Option<String>,
    /// The marketplace: its country stands for the origin where none is given
    #[arg(long, value_name = "M")]
    pub marketplace: Option<String>,
    /// Folder of the book to ask, instead of the one in the program; of several each adds to those before it
    #[arg(long, value_name = "DIR", env = "VTR_BOOK")]
    pub book: Vec<PathBuf>,
}

/// `vtr book`.
#[derive(Clone, Debug, Subcommand)]
pub enum BookVerb {
    /// Name all problems of a book; without a folder of the one in the program
    #[command(after_help = "Examples:\n  vtr book check my_book\n  vtr book check embedded my_additions")]
    Check {
        /// The book's folder; of several each adds to those before it, and `embedded` is the one in the program
        #[arg(value_name = "DIR")]
        book: Vec<PathBuf>,
    },
    /// Write the book that is in the program into a folder, to read or to change it
    #[command(after_help = "Example:\n  vtr book export my_book")]
    Export {
        /// The folder, which must be empty or new
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
    /// What is in force in a marketplace on a day; without one, in all of them in short
    #[command(after_help = "Example:\n  vtr book show GB --on 2025-01-15")]
    Show {
        /// An ISO country, a marketplace id or a domain
        marketplace: Option<String>,
        /// The day; default: today (UTC)
        #[arg(long, value_name = "DATE")]
        on: Option<String>,
        /// Folder of the book, instead of the one in the program; of several each adds to those before it
        #[arg(long, value_name = "DIR", env = "VTR_BOOK")]
        book: Vec<PathBuf>,
    },
    /// What changed between two books
    #[command(after_help = "Example:\n  vtr book diff embedded my_book")]
    Diff {
        /// The older book's folder, or `embedded`
        old: PathBuf,
        /// The newer book's folder, or `embedded`
        new: PathBuf,
    },
}

/// `vtr gen`.
#[derive(Clone, Debug, Args)]
pub struct GenArgs {
    /// Folder that gets `shipments/`, and `truth/` beside it
    pub out: PathBuf,
    /// How many rows, in all files together
    #[arg(long, value_name = "N", required_unless_present = "sample", value_parser = clap::value_parser!(u64).range(1..))]
    pub rows: Option<u64>,
    /// The same seed gives the same bytes
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// How the files are written
    #[arg(long, value_enum, default_value_t = GenFormat::Parquet)]
    pub format: GenFormat,
    /// Also write where each row must end, as a Parquet file beside each data file
    #[arg(long)]
    pub truth: bool,
    /// How many files of equal size; default: one a month
    #[arg(long, value_name = "N")]
    pub files: Option<usize>,
    /// First day of shipping
    #[arg(long, value_name = "DATE", default_value = "2024-01-01")]
    pub from: String,
    /// Last day of shipping
    #[arg(long, value_name = "DATE", default_value = "2025-12-31")]
    pub to: String,
    /// How many sellers; default: one for about 2,000 rows
    #[arg(long, value_name = "N")]
    pub sellers: Option<usize>,
    /// In which order rows stand in a file
    #[arg(long, value_enum, default_value_t = GenOrder::Date)]
    pub sorted: GenOrder,
    /// Damage a few rows (5 in 10,000), so that they cannot be judged
    #[arg(long)]
    pub dirt: bool,
    /// Threads; the bytes do not depend on it
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// Write the small history of `sample_data` instead
    #[arg(long, conflicts_with_all = ["rows", "seed", "format", "truth", "files", "from", "to", "sellers", "sorted", "dirt"])]
    pub sample: bool,
}

/// How rows are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum GenOrder {
    /// By the day of shipping
    Date,
    /// By nothing
    None,
}

/// How `vtr gen` writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum GenFormat {
    /// With dictionaries
    Parquet,
    /// With headings
    Csv,
}

/// `vtr verify`.
#[derive(Clone, Debug, Args)]
pub struct VerifyArgs {
    /// A published output
    pub out: PathBuf,
    /// An older version; default: the highest
    #[arg(long, value_name = "N")]
    pub version: Option<u64>,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// `vtr resolve`.
#[derive(Clone, Debug, Args)]
pub struct ResolveArgs {
    /// A published output
    pub out: PathBuf,
    /// One table only
    #[arg(long, value_name = "NAME")]
    pub table: Option<String>,
    /// An older version; default: the highest
    #[arg(long, value_name = "N")]
    pub version: Option<u64>,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// `vtr sync`.
#[derive(Clone, Debug, Args)]
pub struct SyncArgs {
    /// The job.
    #[command(flatten)]
    pub job: JobOptions,
    /// One sink only
    #[arg(long, value_name = "NAME")]
    pub sink: Option<String>,
    /// An older version; default: the highest
    #[arg(long, value_name = "N")]
    pub version: Option<u64>,
    /// Replace everything, not only what changed
    #[arg(long)]
    pub full: bool,
    /// Print the statements that make a sink's schema, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Go back, if the sink holds a newer version
    #[arg(long)]
    pub force: bool,
}

/// `vtr views`.
#[derive(Clone, Debug, Args)]
pub struct ViewsArgs {
    /// A published output
    pub out: PathBuf,
    /// Whose SQL
    #[arg(long, value_enum, default_value_t = Engine::Duckdb)]
    pub engine: Engine,
    /// An older version; default: the highest
    #[arg(long, value_name = "N")]
    pub version: Option<u64>,
}

/// An engine that reads the published files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Engine {
    /// DuckDB
    Duckdb,
    /// ClickHouse, clickhouse-local and chDB
    Clickhouse,
}

/// `vtr dbt`.
#[derive(Clone, Debug, Args)]
pub struct DbtArgs {
    /// A published output
    pub out: PathBuf,
    /// Where dbt reads: the schema of a postgres sink, or the published files by DuckDB
    #[arg(long, value_enum)]
    pub target: DbtTarget,
    /// The schema of the postgres sink
    #[arg(long, value_name = "NAME", default_value = "vtr")]
    pub schema: String,
}

/// Where dbt reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DbtTarget {
    /// A sink of kind `postgres`
    Postgres,
    /// The published files, by dbt-duckdb
    Duckdb,
}

/// `vtr gc`.
#[derive(Clone, Debug, Args)]
pub struct GcArgs {
    /// A published output
    pub out: PathBuf,
    /// How many versions to keep
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    pub keep: u64,
    /// Only count what would go
    #[arg(long)]
    pub dry_run: bool,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// `vtr inspect`.
#[derive(Clone, Debug, Args)]
pub struct InspectArgs {
    /// A CSV or Parquet file, also with .gz or .zst
    pub file: PathBuf,
    /// How it is written; default: by suffix, else by its first bytes
    #[arg(long, value_enum)]
    pub format: Option<InspectFormat>,
    /// One character, or \t; default: tab for .tsv and .txt, else comma
    #[arg(long, value_name = "C")]
    pub delimiter: Option<String>,
    /// One character, or "" for none
    #[arg(long, value_name = "C")]
    pub quote: Option<String>,
    /// The encoding by its WHATWG label: utf-8, utf-16, windows-1252, shift_jis ...
    #[arg(long, value_name = "LABEL")]
    pub encoding: Option<String>,
    /// The line on which the headings stand, from 1
    #[arg(long, value_name = "N")]
    pub header_line: Option<usize>,
    /// A text that means null; may be repeated
    #[arg(long = "null", value_name = "TEXT")]
    pub nulls: Vec<String>,
    /// The decimal mark, "." or ","
    #[arg(long, value_name = "MARK")]
    pub decimal: Option<String>,
    /// How times are written, such as "%d.%m.%Y %H:%M"; may be repeated
    #[arg(long = "timestamp", value_name = "FORMAT")]
    pub timestamps: Vec<String>,
    /// A limit of a job, such as `limits.max_columns=5000`; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// How an inspected file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum InspectFormat {
    /// Delimited text
    Csv,
    /// Apache Parquet
    Parquet,
}

/// `vtr job`.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum JobVerb {
    /// The JSON Schema of job files, to stdout
    #[command(after_help = "Example:\n  vtr job schema > job.schema.json")]
    Schema,
}

/// `vtr completions`.
#[derive(Clone, Copy, Debug, Args)]
pub struct CompletionsArgs {
    /// Which shell
    #[arg(value_enum)]
    pub shell: Shell,
}

/// `vtr man`.
#[derive(Clone, Debug, Args)]
pub struct ManArgs {
    /// One verb; default: the program
    pub verb: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_verb_has_an_example() {
        fn check(command: &clap::Command) {
            for verb in command.get_subcommands() {
                let help = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(help.starts_with("Example"), "{}", verb.get_name());
                check(verb);
            }
        }
        check(&Cli::command());
    }
}
