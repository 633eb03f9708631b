//! Trying a file in a separate process: the run survives whatever the file does to the decoder.
//!
//! The process is this program again, which limits its own memory and processor time before it touches the file,
//! decodes it whole and keeps nothing. If it refuses the file or is killed by a signal, the file is refused; only a
//! process that cannot be started is a failure of the run.

use super::files::{Listed, Packing};
use super::store::Origin;
use super::{FileDecoding, LookSettings, parquet, survey_csv, text};
use crate::error::{Error, Result};
use crate::job::plan::{CellRules, Dialect, Format, Heading, Input, Limits, OnBadFile, Plan, Quote, Trial};
use parking_lot::Mutex;
use rustix::process::{Resource, Rlimit, setrlimit};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use vtr_columnar::input::{Column, ColumnSet};

/// The interval at which a process is polled.
const PAUSE: Duration = Duration::from_millis(5);
/// Characters that are shown of a process's last output.
const LAST_WORDS: usize = 200;

/// The program that is started instead of this one, and the arguments before the usual ones.
static PROGRAM: OnceLock<(PathBuf, Vec<String>)> = OnceLock::new();

/// Sets the program to start if this one is a library of another, such as an interpreter. The first call wins.
pub fn tried_by(program: PathBuf, words: Vec<String>) {
    let _ = PROGRAM.set((program, words));
}

/// Everything that reading one file needs.
#[derive(Serialize, Deserialize)]
struct TrialTask {
    path: PathBuf,
    shown: String,
    bytes: u64,
    parquet: bool,
    packing: u8,
    delimiter: Option<u8>,
    quote: Quote,
    encoding: String,
    header_line: usize,
    columns: Vec<(String, Vec<Heading>)>,
    constants: Vec<(String, String)>,
    from_path: Option<String>,
    limits: Limits,
}

const PACKINGS: [Packing; 3] = [Packing::Plain, Packing::Gzip, Packing::Zstd];

/// Tries all files whose input asks for it, as many at once as the run has threads; returns the fault of each refused
/// file, by its place in the list.
pub(crate) fn try_all(plan: &Plan, listed: &[Listed]) -> Result<HashMap<usize, String>> {
    let wanted: Vec<usize> =
        (0..listed.len()).filter(|place| plan.inputs[listed[*place].input].trial == Trial::Isolated).collect();
    // A trial is bounded in memory and has no network: it could not fetch the file.
    if let Some(place) = wanted.iter().find(|place| listed[**place].origin.path().is_none()) {
        return Err(Error::Usage(format!(
            "{}: `isolate = true` is for files of this machine; take it out of this [[input]], or copy the files here",
            listed[*place].shown
        )));
    }
    let (next, done) = (AtomicUsize::new(0), Mutex::new((HashMap::new(), None)));
    let work = || {
        while let Some(place) = wanted.get(next.fetch_add(1, Ordering::Relaxed)) {
            let tried = try_file(&TrialTask::new(plan, &listed[*place]));
            let mut done = done.lock();
            match tried {
                Ok(None) => {}
                Ok(Some(why)) => drop(done.0.insert(*place, why)),
                Err(error) => {
                    done.1.get_or_insert(error);
                    return;
                }
            }
        }
    };
    std::thread::scope(|scope| {
        (0..plan.threads.clamp(1, wanted.len().max(1))).for_each(|_| drop(scope.spawn(work)));
    });
    match done.into_inner() {
        (_, Some(error)) => Err(error),
        (refused, None) => Ok(refused),
    }
}

/// Tries one file; returns why it is refused, if it is.
fn try_file(task: &TrialTask) -> Result<Option<String>> {
    let failed = |error: std::io::Error| Error::failed(format!("cannot start a process to try {}", task.shown), error);
    let mut input = tempfile::tempfile().map_err(failed)?;
    let json = serde_json::to_vec(task).expect("paths of a job are UTF-8, and numbers have a JSON form");
    input.write_all(&json).and_then(|()| input.seek(SeekFrom::Start(0))).map_err(failed)?;
    let mut said = tempfile::tempfile().map_err(failed)?;
    let mut command = match PROGRAM.get() {
        Some((program, words)) => {
            let mut command = Command::new(program);
            command.args(words);
            command
        }
        None => Command::new(std::env::current_exe().map_err(failed)?),
    };
    command.args(["--quiet", "try-file"]).stdin(input).stdout(Stdio::null()).stderr(said.try_clone().map_err(failed)?);
    let mut child = command.env("RUST_BACKTRACE", "0").spawn().map_err(failed)?;
    let status = loop {
        if let Some(status) = child.try_wait().map_err(failed)? {
            break status;
        }
        if let Err(stopped) = crate::signals::check() {
            let _ = child.kill().and_then(|()| child.wait());
            return Err(stopped);
        }
        std::thread::sleep(PAUSE);
    };
    if status.success() {
        return Ok(None);
    }
    let mut words = Vec::new();
    let _ = said.seek(SeekFrom::Start(0)).and_then(|_| (&said).take(64 << 10).read_to_end(&mut words));
    Ok(Some(verdict(task, status, &String::from_utf8_lossy(&words))))
}

/// Returns the fault of a file by the exit of its process.
fn verdict(task: &TrialTask, status: ExitStatus, words: &str) -> String {
    let words = words.trim().strip_prefix("error: ").unwrap_or(words.trim());
    if status.code() == Some(3) {
        return words.strip_prefix(&format!("{}: ", task.shown)).unwrap_or(words).to_owned();
    }
    let how = match (status.signal(), status.code()) {
        (Some(signal), _) => format!("signal {signal}"),
        (None, code) => format!("exit code {}", code.unwrap_or(-1)),
    };
    let last: String = words.lines().last().unwrap_or_default().escape_debug().take(LAST_WORDS).collect();
    let last = if last.is_empty() { String::new() } else { format!(" ({last})") };
    let (bytes, seconds) = (task.limits.max_isolated_bytes, task.limits.max_isolated_seconds);
    format!(
        "ended the process that tried it with {how}{last}, under {bytes} bytes of memory and {seconds} s of processor time; \
         write the file again, or raise [limits] max_isolated_bytes or max_isolated_seconds if it is sound"
    )
}

/// Does the work of the process: limits itself, then reads the task on its stdin.
///
/// # Errors
/// [`Error::Input`] if the file is refused; others if the task is not valid.
pub fn answer(task: &mut dyn Read) -> Result<()> {
    let mut json = Vec::new();
    task.read_to_end(&mut json).map_err(|error| Error::failed("reading the task", error))?;
    let task: TrialTask = serde_json::from_slice(&json).map_err(|error| {
        Error::Usage(format!("stdin holds no task ({error}); a run with isolate = true writes one"))
    })?;
    let limit = |resource: Resource, most: u64| {
        let limits = Rlimit { current: Some(most), maximum: Some(most) };
        setrlimit(resource, limits).map_err(|error| Error::failed("limiting the process", std::io::Error::from(error)))
    };
    limit(Resource::Core, 0)?;
    limit(Resource::Cpu, task.limits.max_isolated_seconds)?;
    limit(Resource::As, task.limits.max_isolated_bytes)?;
    let refused = |why: String| Error::Input(format!("{}: {why}", task.shown));
    task.read().map_err(refused)
}

impl TrialTask {
    fn new(plan: &Plan, listed: &Listed) -> TrialTask {
        let input = &plan.inputs[listed.input];
        let named = |pairs: &[(Column, String)]| {
            pairs.iter().map(|(column, text)| (column.name().to_owned(), text.clone())).collect()
        };
        TrialTask {
            path: listed.origin.path().map(std::path::Path::to_path_buf).unwrap_or_default(),
            shown: listed.shown.clone(),
            bytes: listed.bytes,
            parquet: listed.format == Format::Parquet,
            packing: PACKINGS.iter().position(|packing| *packing == listed.packing).unwrap_or(0) as u8,
            delimiter: input.dialect.delimiter,
            quote: input.dialect.quote,
            encoding: input.dialect.encoding.name().to_owned(),
            header_line: input.dialect.header_line,
            columns: input
                .columns
                .iter()
                .map(|(column, headings)| (column.name().to_owned(), headings.clone()))
                .collect(),
            constants: named(&input.constants),
            from_path: input.from_path.as_ref().map(|pattern| pattern.as_str().to_owned()),
            limits: plan.limits.clone(),
        }
    }

    /// Decodes the whole file.
    fn read(&self) -> std::result::Result<(), String> {
        let input = self.input();
        let format = if self.parquet { Format::Parquet } else { Format::Csv };
        let packing = PACKINGS[usize::from(self.packing) % PACKINGS.len()];
        let metadata = self.path.metadata().map_err(|error| format!("cannot be opened: {error}"))?;
        let (origin, shown) = (Origin::disk(self.path.clone(), &metadata), self.shown.clone());
        let listed = Listed { shown, origin, input: 0, format, packing, bytes: self.bytes };
        let reading = LookSettings {
            input: &input,
            limits: &self.limits,
            book: None,
            needed: None,
            counted: None,
            as_of: None,
            unused: ColumnSet::default(),
            most_bytes: self.limits.max_isolated_bytes / 8,
            budget: None,
        };
        let looked = match format {
            Format::Parquet => parquet::survey(&reading, &listed, 0),
            Format::Csv => survey_csv(&reading, &listed, 0),
        };
        let looked = looked.map_err(|faults| faults.join("\n    "))?;
        for unit in &looked.units {
            let end = match &looked.source {
                FileDecoding::Parquet(source) => parquet::read(source, &looked.file, unit, &mut |_| Ok(())),
                FileDecoding::Csv(packing, mapping) => {
                    text(&input, &self.limits, &listed.origin, &self.shown, *packing, None)
                        .read(mapping, &mut |_| Ok(()))
                }
            };
            end.map_err(|error| error.to_string())??;
        }
        Ok(())
    }

    fn input(&self) -> Input {
        let columns = |pairs: &[(String, String)]| {
            let pair = |(name, text): &(String, String)| Some((Column::from_name(name)?, text.clone()));
            pairs.iter().filter_map(pair).collect()
        };
        let encoding = encoding_rs::Encoding::for_label(self.encoding.as_bytes()).unwrap_or(encoding_rs::UTF_8);
        Input {
            paths: Vec::new(),
            given: None,
            format: None,
            columns: self
                .columns
                .iter()
                .filter_map(|(name, of)| Some((Column::from_name(name)?, of.clone())))
                .collect(),
            constants: columns(&self.constants),
            from_path: self.from_path.as_deref().and_then(|pattern| regex::Regex::new(pattern).ok()),
            dialect: Dialect { delimiter: self.delimiter, quote: self.quote, encoding, header_line: self.header_line },
            cells: CellRules::default(),
            columnar_cells: CellRules::default(),
            days: ColumnSet::default(),
            zone: None,
            csv_keys: Vec::new(),
            allow_absent: ColumnSet::default(),
            settings: String::new(),
            on_bad_file: OnBadFile::Fail,
            trial: Trial::None,
        }
    }
}
