//! The command line as types: one variant a verb.
//!
//! Help texts are made from the comments here, each with an example. No work is done; clap refuses a line that does
//! not parse, states why and exits with 2.

mod lists;
mod others;

pub use lists::*;
pub use others::*;

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// The open engine for Valid Tracking Rate: judges shipment histories under Amazon's dated rules and publishes rate tables.
#[derive(Debug, Parser)]
#[command(name = "vtr", version, max_term_width = 110, after_help = EXIT_CODES)]
pub struct Cli {
    /// Options that every verb takes.
    #[command(flatten)]
    pub global: GlobalOptions,
    /// The verb to run.
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
    /// Show contents of cells: on stderr those of rejected cells, in `inspect` a few of each column
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
    /// Print what a run would read and replace, and why, without doing it; checks job, book and input schemas
    #[command(
        after_help = "With --units it writes the plan that `vtr fold` and `vtr finish` work by: all weeks, or those asked for.\n\nExamples:\n  vtr plan jobs/weekly.toml --from 2025-W03 --to 2025-W05\n  vtr plan jobs/weekly.toml --units units.json"
    )]
    Plan(PlanArgs),
    /// Fold one share of a planned run to parts, on any machine; a share folded twice counts once
    #[command(
        after_help = "Start it once for each share, in any order, on machines that reach inputs and folder of parts.\n\nExamples:\n  vtr fold jobs/weekly.toml --plan units.json --share 3/16 --to s3://bucket/parts/2026-11-28\n  vtr fold jobs/weekly.toml --plan units.json --share $((JOB_COMPLETION_INDEX + 1))/16 --to /mnt/parts"
    )]
    Fold(FoldArgs),
    /// Add up the parts of all shares of a planned run and publish, as `vtr run` would have
    #[command(
        after_help = "Missing shares are named, and nothing is published.\n\nExample:\n  vtr finish jobs/weekly.toml --plan units.json --from s3://bucket/parts/2026-11-28"
    )]
    Finish(FinishArgs),
    /// Explain each package of an order: facts, rungs passed, the version, the reason, what to do
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
    /// List today's corrections of defects that still count: by whom, until when, worth what; or write Amazon's upload file
    #[command(
        after_help = "Examples:\n  vtr worklist out --marketplace DE\n  vtr worklist out --format csv > worklist.csv\n  vtr worklist jobs/weekly.toml --format ship-confirm -o corrections"
    )]
    Worklist(WorklistArgs),
    /// Write the page that people read, of one published version: self-contained HTML, no script, printable
    #[command(
        after_help = "Examples:\n  vtr report out -o report.html\n  vtr report out --event 2026-W36=\"Evri replaced by DPD\" -o report.html\n  vtr report out --split-by seller -o pages\n  vtr report out --appeal A2EXAMPLE GB Electronics -o appeal.html"
    )]
    Report(ReportArgs),
    /// Print the carrier that a name means, and the faults of a number declared for it
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
    /// Compare our figures with Amazon's performance and defect reports, and name the cause of each difference
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
    /// Print SQL views of a published output at its present place, also if it was copied or mounted elsewhere
    #[command(after_help = "Example:\n  vtr views out | duckdb figures.duckdb")]
    Views(ViewsArgs),
    /// Print the sources.yml by which dbt knows the published tables: columns, meanings, tests, freshness
    #[command(after_help = "Example:\n  vtr dbt out --target postgres > models/vtr/sources.yml")]
    Dbt(DbtArgs),
    /// Delete files that no kept version of an output names
    #[command(after_help = "Example:\n  vtr gc out --keep 10 --dry-run")]
    Gc(GcArgs),
    /// First look at CSV, Parquet or JSON files: rows, columns, types, what is wrong, headings that map, kinds that fit
    #[command(
        after_help = "Examples:\n  vtr inspect report.txt\n  vtr inspect confirmations.txt --encoding shift_jis --header-line 3"
    )]
    Inspect(InspectArgs),
    /// Decode one file whole under limits, for a run with `isolate = true`; reads the task from stdin
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
    /// How it is written.
    #[command(flatten)]
    pub written: ListOutput,
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
    /// How it is written.
    #[command(flatten)]
    pub written: ListOutput,
}

/// The job, and options that override its keys.
#[derive(Clone, Debug, Args)]
pub struct JobOptions {
    /// The job file
    #[arg(value_name = "JOB.toml")]
    pub job: PathBuf,
    /// Last day (UTC) on which anything is known, or `today` [env: VTR_AS_OF]
    #[arg(long, value_name = "DATE")]
    pub as_of: Option<String>,
    /// Folder of the book to judge by, instead of the one in the program (`embedded`); of several each adds to those
    /// before it [env: VTR_BOOK]
    #[arg(long, value_name = "DIR")]
    pub book: Vec<PathBuf>,
    /// Folder of the profiles of kinds of files, instead of those in the program [env: VTR_SOURCES]
    #[arg(long, value_name = "DIR")]
    pub sources: Option<String>,
    /// Where to publish, from the working folder [env: VTR_OUT]
    #[arg(long, value_name = "PATH")]
    pub out: Option<String>,
    /// Worker threads [env: VTR_THREADS]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// Most memory, such as "2 GiB" [env: VTR_MEMORY]
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<String>,
    /// Any key of the job, such as `input.0.path=new/*.parquet`; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

/// The weeks; without options those that are outdated.
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
    /// Weeks at a time, one publication each: a long backfill in bounded memory that goes on where it was stopped
    #[arg(long, value_name = "WEEKS", value_parser = clap::value_parser!(u32).range(1..))]
    pub batch: Option<u32>,
    /// Only the weeks that are outdated, as a run without weeks does; with weeks, those of them that are outdated
    #[arg(long)]
    pub stale: bool,
    /// Read and judge everything, closed weeks too, whatever is published
    #[arg(long, conflicts_with_all = ["from", "to", "last", "batch", "stale"])]
    pub full: bool,
    /// Hash every input again, and trust no remembered digest
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
    /// Write the plan of shares to this file or object instead
    #[arg(long, value_name = "FILE")]
    pub units: Option<String>,
    /// With --units: the number of buckets for counts and copies; default: by the number of rows
    #[arg(long, value_name = "N", requires = "units", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub buckets: Option<u32>,
    /// How it is written.
    #[command(flatten)]
    pub written: ListOutput,
}

/// `vtr fold`.
#[derive(Clone, Debug, Args)]
pub struct FoldArgs {
    /// The job.
    #[command(flatten)]
    pub job: JobOptions,
    /// The plan that `vtr plan --units` wrote
    #[arg(long = "plan", value_name = "FILE")]
    pub units: String,
    /// The share and the number of shares, from 1/N to N/N
    #[arg(long, value_name = "I/N")]
    pub share: String,
    /// Folder of the parts, on a disk or an object store that all shares reach
    #[arg(long, value_name = "PATH")]
    pub to: String,
}

/// `vtr finish`.
#[derive(Clone, Debug, Args)]
pub struct FinishArgs {
    /// The job.
    #[command(flatten)]
    pub job: JobOptions,
    /// The plan that `vtr plan --units` wrote
    #[arg(long = "plan", value_name = "FILE")]
    pub units: String,
    /// Folder of the parts
    #[arg(long, value_name = "PATH")]
    pub from: String,
    /// Print the report as JSON to stdout
    #[arg(long)]
    pub json: bool,
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
    /// How it is written.
    #[command(flatten)]
    pub written: ListOutput,
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
                assert!(help.contains("Example"), "{}", verb.get_name());
                check(verb);
            }
        }
        check(&Cli::command());
    }
}
