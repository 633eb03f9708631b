//! Arguments of the other verbs: the book, generated histories, replicas, first looks.
//!
//! It holds types alone, from which help, completions and manual pages are made. No work is done.

use super::{JobOptions, ListOutput};
use clap::{Args, Subcommand, ValueEnum};
use clap_complete::Shell;
use std::path::PathBuf;

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
    /// The marketplace: its country is the origin if none is given
    #[arg(long, value_name = "M")]
    pub marketplace: Option<String>,
    /// Folder of the book to ask, instead of the one in the program; of several each adds to those before it
    #[arg(long, value_name = "DIR", env = "VTR_BOOK")]
    pub book: Vec<PathBuf>,
    /// How it is written.
    #[command(flatten)]
    pub written: ListOutput,
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
        /// How it is written.
        #[command(flatten)]
        written: ListOutput,
    },
    /// Write the book that is in the program into a folder, to read or to change it
    #[command(after_help = "Example:\n  vtr book export my_book")]
    Export {
        /// The folder, which must be empty or new
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
    /// Print the rules in force in a marketplace on a day; without a marketplace, a summary of all of them
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
        /// How it is written.
        #[command(flatten)]
        written: ListOutput,
    },
    /// Print the changes between two books
    #[command(after_help = "Example:\n  vtr book diff embedded my_book")]
    Diff {
        /// The older book's folder, or `embedded`
        old: PathBuf,
        /// The newer book's folder, or `embedded`
        new: PathBuf,
        /// How it is written.
        #[command(flatten)]
        written: ListOutput,
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
    /// Sellers keep one spelling of each label and a few carriers, as in life; without it each row draws them
    #[arg(long)]
    pub habits: bool,
    /// The order of rows in a file
    #[arg(long, value_enum, default_value_t = GenOrder::Date)]
    pub sorted: GenOrder,
    /// Damage a few rows (5 in 10,000), so that they cannot be judged
    #[arg(long)]
    pub dirt: bool,
    /// Also write Amazon's performance report and defect report of each seller into `amazon/`: as the truth has them, or
    /// with one cause of difference planted, such as scan_unseen_by_amazon
    #[arg(long, value_name = "CAUSE", num_args = 0..=1, default_missing_value = "nothing")]
    pub amazon: Option<String>,
    /// Write sellers' exports: confirmations, order reports, events, Orders API documents, a category map
    #[arg(long, conflicts_with_all = ["format", "files", "sorted", "dirt", "amazon", "sample"])]
    pub raw: bool,
    /// Threads; the bytes do not depend on it
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// Write the small history of `sample_data` instead
    #[arg(long, conflicts_with_all = ["rows", "seed", "format", "truth", "files", "from", "to", "sellers", "habits", "sorted", "dirt", "amazon"])]
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
    /// How it is written.
    #[command(flatten)]
    pub written: ListOutput,
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
    /// How it is written.
    #[command(flatten)]
    pub written: ListOutput,
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
    /// The engine whose SQL is printed
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
    /// How many versions to keep; those that were the newest within the last 7 days are kept, too
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    pub keep: u64,
    /// Only count what would be deleted
    #[arg(long)]
    pub dry_run: bool,
    /// How it is written.
    #[command(flatten)]
    pub written: ListOutput,
}

/// `vtr inspect`.
#[derive(Clone, Debug, Args)]
pub struct InspectArgs {
    /// CSV, Parquet or JSON files, also with .gz or .zst
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
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
    /// The line of the headings, from 1
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
#[derive(Clone, Debug, Subcommand)]
pub enum JobVerb {
    /// Write a whole job for a seller's exports: kinds, paths, encodings, and what paths say of sellers and marketplaces
    #[command(
        after_help = "Examples:\n  vtr job init exports/\n  vtr job init orders/*.json --name mine -o jobs/mine.toml"
    )]
    Init(JobInitArgs),
    /// The JSON Schema of job files, to stdout
    #[command(after_help = "Example:\n  vtr job schema > job.schema.json")]
    Schema,
}

/// `vtr job init`.
#[derive(Clone, Debug, Args)]
pub struct JobInitArgs {
    /// Files, or folders of them
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The job's name
    #[arg(long, default_value = "mine")]
    pub name: String,
    /// Where the job is written, - for stdout; an existing file is left as it is and refused
    #[arg(short, long, value_name = "FILE", default_value = "job.toml")]
    pub out: PathBuf,
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
