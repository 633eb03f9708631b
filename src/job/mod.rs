//! Jobs: the text that a person writes becomes a [`plan::Plan`], the only thing that later stages see.
//!
//! Options override the environment, which overrides the job file, which overrides the defaults. Only this module
//! reads clock, environment and machine, once. It fails with all faults, each with file and line or the option it came
//! from.

mod assemble;
pub mod assembly;
mod checks;
mod choices;
pub mod digest;
mod document;
mod inputs;
pub mod plan;
mod published;
mod quantity;
mod range;
mod reports;
mod resolve;
pub mod sellers;
pub mod shelf;
pub mod sinks;
pub mod spec;
#[cfg(test)]
mod tests;

use crate::error::{Error, Result};
use chrono::{DateTime, SecondsFormat, Utc};
use document::{Document, Origin, Report};
use plan::Plan;
use resolve::{Machine, SpecReport, Surroundings};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use spec::JobSpec;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use vtr_kernel::calendar::Day;

pub(crate) use assemble::raw_input;
pub(crate) use inputs::says_of_useless;
pub use quantity::share;
pub use range::week;
pub use resolve::MEMORY_FLOOR_BYTES;

/// The command line's settings for a job. Paths start from the working folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Overrides {
    /// First week: `2025-W03` or a date.
    pub from: Option<String>,
    /// Last week, included.
    pub to: Option<String>,
    /// The number of weeks up to and including that of `as_of`.
    pub last: Option<u32>,
    /// `today` or a date.
    pub as_of: Option<String>,
    /// The book's folders, the lowest first; if empty, the job decides.
    pub book: Vec<PathBuf>,
    /// The folder of the profiles.
    pub sources: Option<String>,
    /// The output's folder or URI.
    pub out: Option<String>,
    /// Worker threads.
    pub threads: Option<usize>,
    /// Memory, such as `2 GiB`.
    pub memory: Option<String>,
    /// Any keys of the job, each `key=value`; paths in them start from the job's folder.
    pub set: Vec<String>,
}

/// Reads a job file and makes its plan.
///
/// # Errors
/// [`Error::Usage`] with all faults of job, options, book and rates, a line each.
pub fn load(path: &Path, flags: &Overrides, now: SystemTime) -> Result<Plan> {
    load_with(path, flags, &|name| std::env::var(name).ok(), now)
}

/// Returns the text of a job file.
///
/// # Errors
/// [`Error::Usage`] if it cannot be read.
pub fn text(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|error| {
        Error::Usage(format!(
            "cannot read the job {}: {error}; give the path of a job file such as jobs/weekly.toml",
            path.display()
        ))
    })
}

/// Returns the folder that the paths of a job start from.
pub fn root(path: &Path) -> PathBuf {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_path_buf()
}

/// Makes the plan of a job whose text is given, as [`load`] does; `shown` is its name in messages, and its paths start
/// from `root`.
///
/// # Errors
/// As [`load`].
pub fn load_text(text: &str, (shown, root): (&str, PathBuf), flags: &Overrides, now: SystemTime) -> Result<Plan> {
    read(text, (shown, root), flags, &|name| std::env::var(name).ok(), now)
}

/// Returns the profiles in the program.
///
/// # Errors
/// All of their problems; a release has none.
pub fn sources() -> Result<vtr_kernel::sources::Sources> {
    vtr_kernel::sources::Sources::embedded().map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(|problem| format!("sources/{problem}")).collect();
        Error::Usage(lines.join("\n"))
    })
}

/// Returns the `[[input]]` and `[limits]` that options alone define: key of the input or of `[limits]`, value as
/// typed, option it came from.
///
/// # Errors
/// [`Error::Usage`] with all faults, by option.
pub fn input_of(path: &Path, options: &[(&str, String, String)]) -> Result<(plan::Input, plan::Limits)> {
    let report = Report::new("options".to_owned());
    let mut document = Document::parse("name = \"look\"\n[[input]]\n[output]\npath = \"out\"\n", &report);
    document.give("input.0.path", Value::from(path.to_string_lossy().into_owned()), "FILE");
    for (key, value, option) in options {
        if option.starts_with("--set") {
            report.hide(value);
        }
        let list = value.starts_with('[') && key.ends_with(['s', ']']);
        let key = if key.starts_with("limits.") { (*key).to_owned() } else { format!("input.0.{key}") };
        let number = value.parse::<i64>().ok().filter(|_| !key.ends_with("delimiter") && !key.ends_with("quote"));
        if list || key.starts_with("limits.") {
            document
                .set(&key, value, option)
                .unwrap_or_else(|message| report.add(&Origin::Given(option.clone()), message));
        } else {
            document.give(&key, number.map_or_else(|| Value::from(value.as_str()), Value::from), option);
        }
    }
    let spec = document.fitted(&spec::schema(), &report).map(serde_json::from_value::<JobSpec>);
    let both = spec.and_then(std::result::Result::ok).and_then(|spec| {
        let written = SpecReport { document: &document, report: &report };
        Some((inputs::inputs(&spec, written)?.pop()?, resolve::limits(&spec.limits, written)?))
    });
    match (report.into_text(), both) {
        (None, Some(both)) => Ok(both),
        (problems, _) => Err(Error::Usage(problems.unwrap_or_else(|| "the options cannot be used".into()))),
    }
}

/// Does the work of [`load`], with the environment as a function.
fn load_with(
    path: &Path,
    flags: &Overrides,
    environment: &dyn Fn(&str) -> Option<String>,
    now: SystemTime,
) -> Result<Plan> {
    read(&text(path)?, (&path.display().to_string(), root(path)), flags, environment, now)
}

fn read(
    text: &str,
    (shown, root): (&str, PathBuf),
    flags: &Overrides,
    environment: &dyn Fn(&str) -> Option<String>,
    now: SystemTime,
) -> Result<Plan> {
    let report = Report::new(shown.to_owned());
    let mut document = Document::parse(text, &report);
    let sound = report.is_empty();
    lay_over(&mut document, flags, environment, &report);
    // If a file is not TOML, only that is reported; keys that seem to be missing may be after the damage.
    let fitted = if sound { document.fitted(&spec::schema(), &report) } else { None };
    let plan = fitted.map(serde_json::from_value::<JobSpec>).and_then(|spec| {
        // A tree that fits the schema fits the types that the schema was made from; if not, the types explain why.
        let spec = spec.map_err(|error| report.add(&Origin::Line(1), error.to_string())).ok()?;
        let weeks = weeks(flags, environment, &report);
        let (began_at, run_id) = (rfc3339(now), run_id(now));
        let temp = std::env::temp_dir();
        let around = Surroundings { root, today: utc_day(now), began_at, run_id, weeks, machine: machine(), temp };
        resolve::plan(&spec, SpecReport { document: &document, report: &report }, around)
    });
    match (report.into_text(), plan) {
        (None, Some(plan)) => Ok(plan),
        (problems, _) => Err(Error::Usage(problems.unwrap_or_else(|| format!("the job {shown} cannot be used")))),
    }
}

/// Turns the plan into that of the next batch of weeks, which is a run of its own.
pub fn restart(plan: &mut Plan, range: plan::WeekRange, now: SystemTime) {
    (plan.range, plan.began_at, plan.run_id) = (Some(range), rfc3339(now), run_id(now));
}

/// Resolves a path that is given beside the job: it starts from the working folder, not from the job's.
pub fn here(path: String) -> String {
    if path.contains("://") || path.is_empty() || path == shelf::EMBEDDED {
        return path;
    }
    std::path::absolute(&path).map_or(path, |path| path.to_string_lossy().into_owned())
}

/// Lays environment and options over the job; options win.
fn lay_over(document: &mut Document, flags: &Overrides, environment: &dyn Fn(&str) -> Option<String>, report: &Report) {
    const VARIABLES: [(&str, &str); 6] = [
        ("VTR_AS_OF", "as_of"),
        ("VTR_BOOK", "book"),
        ("VTR_SOURCES", "sources"),
        ("VTR_OUT", "output.path"),
        ("VTR_THREADS", "threads"),
        ("VTR_MEMORY", "memory"),
    ];
    for (variable, key) in VARIABLES {
        let Some(value) = environment(variable).filter(|value| !value.is_empty()) else { continue };
        let value = if matches!(key, "book" | "sources" | "output.path") { here(value) } else { value };
        let value = match value.parse::<u64>() {
            Ok(number) if key == "threads" => Value::from(number),
            _ => Value::from(value),
        };
        document.give(key, value, variable);
    }
    for set in &flags.set {
        // Values are not repeated, because problems go to logs.
        let option = format!("--set {}", set.split_once('=').map_or(set.as_str(), |(key, _)| key.trim()));
        let done = match set.split_once('=') {
            Some((key, value)) => {
                report.hide(value.trim());
                document.set(key.trim(), value.trim(), &option)
            }
            None => Err("write a key and its value, as in --set output.path=out".into()),
        };
        done.unwrap_or_else(|message| report.add(&Origin::Given(option), message));
    }
    let book: Vec<String> = flags.book.iter().map(|path| here(path.to_string_lossy().into_owned())).collect();
    let options = [
        ("--as-of", "as_of", flags.as_of.clone().map(Value::from)),
        ("--book", "book", (!book.is_empty()).then(|| Value::from(book))),
        ("--sources", "sources", flags.sources.clone().map(here).map(Value::from)),
        ("--out", "output.path", flags.out.clone().map(here).map(Value::from)),
        ("--threads", "threads", flags.threads.map(Value::from)),
        ("--memory", "memory", flags.memory.clone().map(Value::from)),
    ];
    for (option, key, value) in options {
        if let Some(value) = value {
            document.give(key, value, option);
        }
    }
}

/// Returns the weeks asked for: by options, or if there are none by the environment.
fn weeks(flags: &Overrides, environment: &dyn Fn(&str) -> Option<String>, report: &Report) -> range::AskedWeeks {
    let asked = range::AskedWeeks { from: flags.from.clone(), to: flags.to.clone(), last: flags.last };
    if !asked.is_nothing() {
        return asked;
    }
    let variable = |name: &str| environment(name).filter(|value| !value.is_empty());
    let last = variable("VTR_LAST").and_then(|text| {
        let count = text.parse().ok();
        if count.is_none() {
            report.add(&Origin::Given("VTR_LAST".into()), format!("{text:?} is not a number of weeks"));
        }
        count
    });
    range::AskedWeeks { from: variable("VTR_FROM"), to: variable("VTR_TO"), last }
}

/// Returns the UTC day of a moment.
fn utc_day(now: SystemTime) -> Day {
    let seconds = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    Day::try_from(seconds / 86_400).unwrap_or(Day::MAX)
}

/// Formats a moment in UTC, to the second.
fn rfc3339(now: SystemTime) -> String {
    DateTime::<Utc>::from(now).to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Returns a name for the run: its start, and a suffix that distinguishes two runs of the same second.
fn run_id(now: SystemTime) -> String {
    let nanos = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let seed = format!("{nanos} {} {host}", std::process::id());
    let digest = digest::sha256_hex(seed.as_bytes());
    format!("{}-{}", DateTime::<Utc>::from(now).format("%Y%m%dT%H%M%SZ"), &digest[..8])
}

/// Returns the machine's resources: its processors, and 2 GiB or half of its memory, the smaller.
fn machine() -> Machine {
    const MOST: u64 = 2 << 30;
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let memory_bytes =
        [physical_memory(), container_memory()].into_iter().flatten().min().map_or(MOST, |bytes| (bytes / 2).min(MOST));
    Machine { threads, memory_bytes: memory_bytes.max(MEMORY_FLOOR_BYTES) }
}

/// Returns the memory of the machine, if the system reports it.
fn physical_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1_024)
}

/// Returns the memory that a container may use, if there is a limit.
fn container_memory() -> Option<u64> {
    std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok()?.trim().parse().ok()
}
