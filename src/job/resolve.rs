//! Resolves a spec to a plan.
//!
//! It checks every value for its key, and reports all faults with their places. Apart from the book and the files of
//! rates and sellers it reads no files; it reads neither clock nor environment, both of which are passed to it.

use super::document::{Document, Report};
use super::plan::{Limits, Output, Plan, WeekRange};
use super::spec::{JobSpec, LimitsSpec, OutputSpec, Size};
use super::{assemble, checks, digest, inputs, quantity, range, reports, sellers, shelf, sinks};
use crate::error::Error;
use crate::place::object_files::{self, is_uri};
use crate::schema::Table;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use vtr_kernel::Book;
use vtr_kernel::calendar::Day;
use vtr_kernel::money::Rates;

/// Runs with less memory than this are refused: the rules and the buffers of the readers take most of it.
pub const MEMORY_FLOOR_BYTES: u64 = 256 << 20;

/// Everything that the plan depends on besides the job.
pub struct Surroundings {
    /// The job file's folder.
    pub root: PathBuf,
    /// The UTC day on which the run starts.
    pub today: Day,
    /// When it starts, RFC 3339 in UTC.
    pub began_at: String,
    /// The run's id.
    pub run_id: String,
    /// The weeks asked for.
    pub weeks: range::AskedWeeks,
    /// The machine's threads and bytes of memory.
    pub machine: Machine,
    /// The system's folder for temporary files.
    pub temp: PathBuf,
}

/// The resources of the machine.
#[derive(Clone, Copy)]
pub struct Machine {
    /// Threads that can run at once.
    pub threads: usize,
    /// Memory of a run that sets none.
    pub memory_bytes: u64,
}

/// A spec, and the report to which its faults are added.
#[derive(Clone, Copy)]
pub(super) struct SpecReport<'a> {
    pub document: &'a Document,
    pub report: &'a Report,
}

impl SpecReport<'_> {
    /// Reports the fault of a key.
    pub fn refuse(&self, key: &str, message: impl Into<String>) {
        self.report.add(&self.document.origin(key), message);
    }

    /// Returns the value, or reports the fault of the key.
    pub fn good<T>(&self, key: &str, result: Result<T, String>) -> Option<T> {
        result.map_err(|message| self.refuse(key, message)).ok()
    }

    /// Returns whether a path is valid: a path of this machine, or a URI of a supported store.
    pub fn is_path(&self, key: &str, path: &str) -> bool {
        if path.trim().is_empty() {
            self.refuse(key, format!("`{key}` is empty; write a path relative to the job file, or a URI"));
        } else if is_uri(path)
            && let Err(fault) = object_files::parts(path)
        {
            self.refuse(key, format!("`{key}`: {fault}"));
        } else {
            return true;
        }
        false
    }

    /// Returns the folder or URI that a path names, if it can be one that is published to.
    pub fn folder(&self, key: &str, root: &Path, path: &str) -> Option<String> {
        if !self.is_path(key, path) {
            return None;
        }
        if is_uri(path) {
            return Some(path.to_owned());
        }
        let whole = root.join(path);
        if whole.is_file() {
            self.refuse(key, format!("`{key}`: {path} is a file; name a folder, which is made if it is not there"));
            return None;
        }
        Some(whole.to_string_lossy().into_owned())
    }

    /// Returns whether a path is one of this machine.
    pub fn is_local(&self, key: &str, path: &str) -> bool {
        if let Some((scheme, _)) = path.split_once("://") {
            self.refuse(key, format!("`{key}` must be a local file, not one at {scheme}://; copy it here"));
            return false;
        }
        self.is_path(key, path)
    }
}

/// Makes the plan; `None` only if a problem was reported.
pub(super) fn plan(spec: &JobSpec, written: SpecReport, around: Surroundings) -> Option<Plan> {
    let name = job_name(spec, written);
    let as_of = written.good("as_of", range::as_of(&spec.as_of, around.today));
    let weeks = as_of.and_then(|as_of| week_range(&around, as_of, written.report));
    let book = book(spec, &around.root, written);
    let rates = rates(spec, &around.root, written);
    let limits = limits(&spec.limits, written);
    let joins = assemble::is_asked_for(spec);
    let (inputs, assembly) = match (joins, &limits, book.as_ref().zip(as_of)) {
        (true, Some(limits), Some((book, as_of))) => {
            let days = (as_of, around.today);
            let assembly = assemble::assemble(spec, &around.root, limits, book, days, written);
            (assembly.as_ref().map(|assembly| vec![assemble::packages(assembly)]), Some(assembly))
        }
        (true, ..) => (None, None),
        (false, ..) => {
            assemble::refuse_useless(spec, written);
            (inputs::inputs(spec, written), Some(None))
        }
    };
    let output = output(&spec.output, &around.root, written);
    output.iter().zip(&book).for_each(|(output, book)| refuse_early_close(output, book, written));
    let memory = memory(spec.memory.as_ref(), around.machine.memory_bytes, written);
    let checks = checks::checks(&spec.check, output.as_ref(), written);
    let sinks = sinks::sinks(&spec.sink, &around.root, written);
    let sellers = sellers::sellers(spec, &around.root, written);
    let reconcile = reports::reconcile(&spec.reconcile, written);
    let (rates_text, rates) = rates?;
    let (sellers_text, sellers) = sellers?;
    let temp = spec.temp.as_ref().map_or(around.temp, |temp| around.root.join(temp));
    let plan = Plan {
        name: name?,
        root: around.root,
        run_id: around.run_id,
        began_at: around.began_at,
        as_of: as_of?,
        as_of_mode: spec.as_of_mode,
        evidence: spec.evidence,
        // Joined packages have no copies.
        identity: (spec.deduplicate && !joins).then_some(spec.identity),
        range: weeks?,
        is_batch: false,
        with_health: false,
        copies_within_days: spec.copies_within,
        prune: spec.prune,
        book: book?,
        rates: Arc::new(rates),
        sellers,
        inputs: inputs?,
        assemble: assembly?.map(Arc::new),
        output: output?,
        limits: limits?,
        checks: checks?,
        sinks: sinks?,
        reconcile: reconcile?,
        threads: spec.threads.unwrap_or(around.machine.threads).max(1),
        memory: memory?,
        temp,
        job_digest: String::new(),
        known: Arc::default(),
        of_packages: Vec::new(),
        delivered_by_other: Arc::default(),
        claim: None,
    };
    let job_digest = digest::of(&plan, spec, rates_text.as_deref(), sellers_text.as_deref());
    Some(Plan { job_digest, ..plan })
}

fn job_name(spec: &JobSpec, written: SpecReport) -> Option<String> {
    let sound = !spec.name.trim().is_empty() && !spec.name.contains(vtr_kernel::text::is_hidden);
    if !sound {
        written.refuse("name", "`name` must be a text of one line, such as \"weekly\"");
    }
    sound.then(|| spec.name.clone())
}

/// Returns the weeks; `Some(None)` is the whole history.
fn week_range(around: &Surroundings, as_of: Day, report: &Report) -> Option<Option<WeekRange>> {
    let weeks = around.weeks.weeks(as_of);
    weeks.map_err(|message| report.add(&super::document::Origin::Given("weeks".into()), message)).ok()
}

fn book(spec: &JobSpec, root: &Path, written: SpecReport) -> Option<Arc<Book>> {
    let folder = |name: String| if name == shelf::EMBEDDED { name.into() } else { root.join(name) };
    let folders: Vec<PathBuf> = spec.book.iter().flat_map(super::spec::OneOrMany::to_vec).map(folder).collect();
    match shelf::book(&folders) {
        Ok(book) => Some(book),
        Err(Error::Usage(problems)) => {
            written.refuse("book", format!("the book cannot be used:\n{}", indented(&problems)));
            None
        }
        Err(other) => {
            written.refuse("book", other.to_string());
            None
        }
    }
}

/// Returns the text of the rates file and its rates; without a file no text and no rates.
fn rates(spec: &JobSpec, root: &Path, written: SpecReport) -> Option<(Option<String>, Rates)> {
    let Some(path) = &spec.rates else { return Some((None, Rates::default())) };
    if !written.is_local("rates", path) {
        return None;
    }
    let path = root.join(path);
    let text = std::fs::read_to_string(&path).map_err(|error| {
        format!(
            "cannot read the rates file {}: {error}; give the ECB's eurofxref-hist.csv, or take `rates` out",
            path.display()
        )
    });
    let text = written.good("rates", text)?;
    let rates = Rates::read(&text).map_err(|problems| {
        let lines =
            problems.iter().map(|problem| format!("{}: {problem}", path.display())).collect::<Vec<_>>().join("\n");
        format!("the rates file cannot be used:\n{}", indented(&lines))
    });
    written.good("rates", rates).map(|rates| (Some(text), rates))
}

/// Returns lines under a heading; if there are very many only the first few, because they tend to have one cause.
fn indented(lines: &str) -> String {
    const SHOWN: usize = 30;
    let count = lines.lines().count();
    let mut shown: Vec<String> = lines.lines().take(SHOWN).map(|line| format!("  {line}")).collect();
    if count > SHOWN {
        shown.push(format!("  ... and {} more", count - SHOWN));
    }
    shown.join("\n")
}

fn output(spec: &OutputSpec, root: &Path, written: SpecReport) -> Option<Output> {
    let path = written.folder("output.path", root, &spec.path);
    let tables: Vec<Table> = match &spec.tables {
        None => Table::ALL.into_iter().filter(|table| table.is_made_by_default()).collect(),
        Some(names) => Table::ALL.into_iter().filter(|table| names.iter().any(|name| name == table.name())).collect(),
    };
    if tables.is_empty() {
        written.refuse(
            "output.tables",
            "`output.tables` is empty; name a table, or take the key out to make all but `judged`",
        );
    }
    let (rolling, min_eligible, judged_weeks) = (spec.rolling, spec.min_eligible, spec.judged_weeks);
    let (closed_after_days, keep) = (spec.closed_after_days, spec.keep);
    let output = Output { path: path?, tables, rolling, min_eligible, judged_weeks, closed_after_days, keep };
    (!output.tables.is_empty()).then_some(output)
}

/// Refuses to close weeks that are not final yet: they would stay provisional for good.
fn refuse_early_close(output: &Output, book: &vtr_kernel::Book, written: SpecReport) {
    let latency = book.longest_latency();
    if let Some(days) = output.closed_after_days.filter(|days| *days < latency) {
        let key = "output.closed_after_days";
        let message = format!(
            "`{key}` = {days} closes weeks before they are final, {latency} days after they end: they would stay \
             provisional; write {latency} or more, or take the key out"
        );
        written.refuse(key, message);
    }
}

pub(super) fn limits(spec: &LimitsSpec, written: SpecReport) -> Option<Limits> {
    let share = |key: &str, share: &str| written.good(key, quantity::share(share));
    let max_rejected = share("limits.max_rejected", &spec.max_rejected);
    let max_damaged = share("limits.max_damaged", &spec.max_damaged);
    let max_unknown_words = share("limits.max_unknown_words", &spec.max_unknown_words);
    let max_copied_times = share("limits.max_copied_times", &spec.max_copied_times);
    let size =
        |key: &str, size: &Size| written.good(key, size.bytes().map_err(|message| format!("`{key}`: {message}")));
    let field = size("limits.max_field_bytes", &spec.max_field_bytes);
    let record = size("limits.max_record_bytes", &spec.max_record_bytes);
    let inflated = size("limits.max_inflated_bytes", &spec.max_inflated_bytes);
    let page = size("limits.max_page_bytes", &spec.max_page_bytes);
    let isolated = size("limits.max_isolated_bytes", &spec.max_isolated_bytes);
    if let (Some(field), Some(record)) = (field, record)
        && field > record
    {
        let message = "`limits.max_field_bytes` is more than `limits.max_record_bytes`; a record holds its fields";
        written.refuse("limits.max_field_bytes", message);
    }
    Some(Limits {
        max_rejected: max_rejected?,
        max_damaged: max_damaged?,
        max_unknown_words: max_unknown_words?,
        max_copied_times: max_copied_times?,
        scan_lead_days: spec.scan_lead_days,
        max_vanished_weeks: spec.max_vanished_weeks,
        max_rejected_rows_kept: spec.max_rejected_rows_kept,
        max_field_bytes: usize::try_from(field?).ok()?,
        max_record_bytes: usize::try_from(record?).ok()?,
        max_columns: spec.max_columns,
        max_inflated_bytes: inflated?,
        max_inflated_ratio: spec.max_inflated_ratio,
        max_page_bytes: page?,
        max_row_group_rows: spec.max_row_group_rows,
        max_isolated_bytes: isolated?,
        max_isolated_seconds: spec.max_isolated_seconds,
    })
}

fn memory(size: Option<&Size>, default: u64, written: SpecReport) -> Option<u64> {
    let Some(size) = size else { return Some(default) };
    let bytes = written.good("memory", size.bytes().map_err(|message| format!("`memory`: {message}")))?;
    if bytes < MEMORY_FLOOR_BYTES {
        let message =
            format!("`memory` must be at least {} MiB; below that not even the buffers fit", MEMORY_FLOOR_BYTES >> 20);
        written.refuse("memory", message);
        return None;
    }
    Some(bytes)
}
