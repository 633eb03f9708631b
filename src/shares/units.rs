//! The plan of shares: units of work in a fixed order, and everything that must be the same wherever they are folded.
//!
//! It is a self-contained JSON file, with the text of the job in it. Making it reads footers and the facts by which
//! inputs are recognised again; it writes nothing. It is refused if a byte of it has changed.

use crate::assemble::{self, Mode};
use crate::error::{Error, Result};
use crate::fold::queue::stretches;
use crate::fold::{dedup, refuse_many, trial};
use crate::job::digest::{OUTPUT_REVISION, sha256_hex};
use crate::job::{self, Overrides};
use crate::publish;
use crate::scan::identity::BadFile;
use crate::scan::{self, Extent, FilePart, Stamp, Unit};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::SystemTime;
use vtr_kernel::calendar::{Day, date_from_day};

/// The format version of the plans written here.
const FORMAT: u32 = 1;
/// Rows of a bucket of copies, which a process holds at once.
const BUCKET_ROWS: u64 = 4 << 20;
/// The most buckets, unless more are asked for.
const MOST_BUCKETS: u64 = 256;
/// Nanoseconds within which a change may not show in a file's times.
const UNSURE_NANOS: i64 = 2_000_000_000;

/// Returns the program, its version and its output revision.
pub fn program() -> String {
    format!("vtr {} (revision {OUTPUT_REVISION})", env!("CARGO_PKG_VERSION"))
}

/// The content of `units.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Units {
    /// The format version of the plan.
    pub format: u32,
    /// SHA-256 of all other keys.
    pub digest: String,
    /// The program that folds and finishes it.
    pub program: String,
    /// The job's name, the folder that its paths start from, and its text.
    pub job: PlannedJob,
    /// Options that concern the job, `as_of` among them, but not the machine.
    pub options: Overrides,
    /// SHA-256 of the book.
    pub book: String,
    /// The last day on which anything is known.
    pub as_of: String,
    /// First and last Monday of the weeks asked for; `None` for all.
    pub weeks: Option<[String; 2]>,
    /// The evidence: `scans` or `format`.
    pub evidence: String,
    /// The tables that are made.
    pub tables: Vec<String>,
    /// The version on which the publication is based; `None` if nothing is published.
    pub base: Option<u64>,
    /// The number of buckets over which counts and copies are distributed.
    pub buckets: u32,
    /// The input files, bytewise by their shown paths.
    pub inputs: Vec<PlannedInput>,
    /// Files that the job allows to be left out, and the reasons.
    pub left_out: BTreeMap<String, String>,
    /// Those of them that reading found to be bad.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bad: Vec<BadFile>,
    /// The units to read.
    pub units: Vec<PlannedUnit>,
}

/// The job of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedJob {
    /// Its name.
    pub name: String,
    /// The digest of every key of it that can change a figure.
    pub digest: String,
    /// The folder that its paths start from.
    pub folder: String,
    /// The job file.
    pub text: String,
}

/// An input file of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedInput {
    /// Its path as tables show it.
    pub file: String,
    /// Its size.
    pub bytes: u64,
    /// The identifier of its content: `blake3:` of the bytes, or `etag:` of an object.
    pub digest: String,
    /// The system's facts about it; `None` if these do not vouch for its content.
    pub stamp: Option<Stamp>,
    /// Whether it is not read, because its published rows are valid.
    #[serde(default)]
    pub kept: bool,
}

/// A unit of work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedUnit {
    /// The place of its file among the inputs.
    pub file: u32,
    /// Its row group in a Parquet file; `None` for all of the file.
    pub row_group: Option<usize>,
    /// The number of its first record, from 1.
    pub first_record: u64,
    /// Its rows, known or estimated.
    pub rows: u64,
    /// Its stored bytes.
    pub bytes: u64,
}

impl PlannedUnit {
    /// Converts a unit of a survey.
    pub(super) fn of(unit: &Unit) -> PlannedUnit {
        let row_group = match unit.part {
            FilePart::RowGroup(group) => Some(group),
            FilePart::Whole => None,
        };
        PlannedUnit { file: unit.file, row_group, first_record: unit.first_record, rows: unit.rows, bytes: unit.bytes }
    }
}

impl Units {
    /// Reads `units.json`; `name` is its name in messages.
    ///
    /// # Errors
    /// It is not a plan, of another version, or has changed since it was written.
    pub fn read(name: &str, text: &str) -> Result<Units> {
        let refused = |why: String| Error::Usage(format!("{name}: {why}"));
        let anew = "make it again with `vtr plan JOB --units`";
        let units: Units = serde_json::from_str(text)
            .map_err(|error| refused(format!("it is not a plan of units that this program reads ({error}); {anew}")))?;
        if units.format != FORMAT || units.program != program() {
            let (theirs, ours) = (&units.program, program());
            return Err(refused(format!(
                "it was planned by {theirs}, and this is {ours}: plan, fold and finish by one version"
            )));
        }
        if units.digest != units.own_digest() {
            return Err(refused(format!("it is not as it was written: {anew}")));
        }
        Ok(units)
    }

    /// Returns the text to write.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("texts and numbers have a JSON form") + "\n"
    }

    fn own_digest(&self) -> String {
        let blank = Units { digest: String::new(), ..self.clone() };
        sha256_hex(&serde_json::to_vec(&blank).expect("texts and numbers have a JSON form"))
    }

    /// Returns the places of the units of share `index` (from 1) of `shares`: a contiguous range of about as many
    /// bytes as the others.
    pub fn share(&self, index: usize, shares: usize) -> Vec<usize> {
        let bytes: Vec<u64> = self.units.iter().map(|unit| unit.bytes).collect();
        let place = index.checked_sub(1);
        place.and_then(|place| stretches(&bytes, shares).into_iter().nth(place)).into_iter().flatten().collect()
    }
}

/// Plans a job for shares: all that a run of all weeks, or of those asked for, would read. Raw files are joined first.
/// `now` is the moment at which it is planned.
///
/// # Errors
/// Those of a run before it reads.
pub fn plan(job: &Path, options: &Overrides, buckets: Option<u32>, now: SystemTime) -> Result<Units> {
    let text = job::text(job)?;
    let mut plan = job::load(job, options, now)?;
    let mode = if plan.range.is_some() { Mode::MakeAll } else { Mode::Make };
    assemble::ready(&mut plan, mode)?;
    let base = super::recalled(&mut plan)?;
    publish::refuse_other(&plan, base.as_ref(), None)?;
    let mut survey = scan::survey_and_try(&plan)?;
    publish::refuse_other(&plan, base.as_ref(), Some(survey.evidence))?;
    refuse_many(&survey)?;
    survey.identify_all(&plan)?;
    if plan.range.is_some() {
        survey = survey.without_known_bad(&plan)?;
    }
    if publish::knows_inputs(&plan, base.as_ref()) {
        survey.keep_known(&plan);
    }
    let survey = trial::without_bad(&plan, survey)?;
    publish::refuse_other(&plan, base.as_ref(), Some(survey.evidence))?;
    let began = plan.began_nanos();
    let sure = |stamp: &Stamp| stamp.changed.is_some_and(|changed| began.saturating_sub(changed) >= UNSURE_NANOS);
    let input = |file: &scan::SourceFile| PlannedInput {
        file: file.shown.clone(),
        bytes: file.bytes,
        digest: file.digest.clone().unwrap_or_default(),
        stamp: file.origin.stamped().map(|(_, stamp)| stamp.clone()).filter(sure),
        kept: file.reading == Extent::Kept,
    };
    let rows: u64 = survey.units.iter().map(|unit| unit.rows).sum();
    let fitting = (rows / BUCKET_ROWS + 1).min(MOST_BUCKETS) as u32;
    let date = |day: Day| date_from_day(day).to_string();
    let folder = std::path::absolute(job::root(job)).map_err(|error| Error::failed("the job's folder", error))?;
    let mut units = Units {
        format: FORMAT,
        digest: String::new(),
        program: program(),
        job: PlannedJob {
            name: plan.name.clone(),
            digest: plan.job_digest.clone(),
            folder: folder.to_string_lossy().into_owned(),
            text,
        },
        options: frozen(options, date(plan.as_of)),
        book: plan.book.digest().to_owned(),
        as_of: date(plan.as_of),
        weeks: plan.range.map(|range| [date(range.first), date(range.last)]),
        evidence: survey.evidence.name().to_owned(),
        tables: plan.output.tables.iter().map(|table| table.name().to_owned()).collect(),
        base: base.map(|base| base.version),
        buckets: buckets.unwrap_or(fitting).clamp(1, dedup::PARTS as u32),
        inputs: survey.files.iter().map(input).collect(),
        left_out: survey.refused().clone(),
        bad: survey.bad.clone(),
        units: survey.units.iter().map(PlannedUnit::of).collect(),
    };
    units.digest = units.own_digest();
    Ok(units)
}

/// Returns options that are valid wherever the plan goes: absolute paths, a fixed day, nothing of this machine.
fn frozen(options: &Overrides, as_of: String) -> Overrides {
    let path = |path: &std::path::PathBuf| job::here(path.to_string_lossy().into_owned()).into();
    Overrides {
        from: None,
        to: None,
        last: None,
        as_of: Some(as_of),
        book: options.book.iter().map(path).collect(),
        sources: options.sources.clone().map(job::here),
        out: options.out.clone().map(job::here),
        threads: None,
        memory: None,
        set: options.set.clone(),
    }
}
