//! Arguments of the verbs that read a published output and list it, or make a page of it.
//!
//! It holds types alone, from which help, completions and manual pages are made. No work is done.

use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Weeks that a page shows unless told otherwise.
pub const WEEKS: u32 = 26;

/// Bytes of a page at most unless told otherwise.
pub const MAX_SIZE: &str = "5MiB";

/// Days after which figures are too old for what is made of them, unless told otherwise.
pub const MAX_AGE: i32 = 7;

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
    /// For ship-confirm: the folder in which a file for each seller is written
    #[arg(short = 'o', long = "output", value_name = "DIR", default_value = ".")]
    pub target: PathBuf,
    /// The day from which days are seen; default: today by the clock
    #[arg(long, value_name = "DATE")]
    pub today: Option<chrono::NaiveDate>,
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

/// The condition on which `vtr worklist` fails.
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
    #[arg(long, value_name = "N", default_value_t = WEEKS)]
    pub weeks: u32,
    /// Bytes of a page at most; the last accounts are left out above it
    #[arg(long, value_name = "SIZE", default_value = MAX_SIZE)]
    pub max_size: String,
    /// A page for each seller, in the folder -o, without a byte of the others
    #[arg(long, value_enum, value_name = "WHAT")]
    pub split_by: Option<SplitBy>,
    /// A change and its week, to see whether it helped: 2026-W36="Evri replaced by DPD"; may be repeated
    #[arg(long, value_name = "WEEK[=TEXT]")]
    pub event: Vec<String>,
    /// A title instead of the finding
    #[arg(long)]
    pub title: Option<String>,
    /// The facts that Amazon's appeal form asks for, of one account or category, in the place of the report
    #[arg(long, num_args = 2..=3, value_names = ["SELLER", "MARKETPLACE", "CATEGORY"], conflicts_with_all = ["seller", "marketplace", "split_by"])]
    pub appeal: Option<Vec<String>>,
}

/// The key by which a report is split.
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
    /// Only defects that these can still fix: nobody, carrier or number; lists by comma
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
    /// How it is written.
    #[command(flatten)]
    pub written: ListOutput,
}

/// Who can still fix a defect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Fixable {
    /// Nobody any more
    Nobody,
    /// The carrier, by a scan
    Carrier,
    /// Whoever adds or corrects number or carrier
    Number,
}

/// How defects are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DefectOrder {
    /// Defects with the earliest deadline first, then those that count for the shortest time; those that count no more
    /// come last
    Urgency,
    /// As published: by week, seller, marketplace, order and package
    Key,
}

/// How a verb writes its list.
#[derive(Clone, Copy, Debug, Args)]
pub struct ListOutput {
    /// How the list is written
    #[arg(long, value_enum, default_value_t = ListFormat::Table)]
    pub format: ListFormat,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
}

impl ListOutput {
    /// The format asked for by either option.
    pub fn format(self) -> ListFormat {
        if self.json { ListFormat::Json } else { self.format }
    }
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
    /// How it is written.
    #[command(flatten)]
    pub written: ListOutput,
    /// The most rows shown, the worst first; default: all
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// The day from which days are seen; default: today by the clock
    #[arg(long, value_name = "DATE")]
    pub today: Option<chrono::NaiveDate>,
    /// Print the changes since that version instead of the list
    #[arg(long, value_name = "VERSION")]
    pub compare: Option<u64>,
    /// Exit with 4 if any account is this bad or worse, worse than before, or the table is stale; several by commas
    #[arg(long, value_enum, value_name = "STATUS", value_delimiter = ',')]
    pub fail_on: Vec<FailOn>,
    /// Days after which the table is stale
    #[arg(long, value_name = "DAYS", default_value_t = MAX_AGE, value_parser = clap::value_parser!(i32).range(0..))]
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
    /// Worse than in the version of --compare, or known then and no longer
    Worse,
    /// Older than --max-age
    Stale,
}
