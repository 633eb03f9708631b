//! The plan of shares: units of work in a fixed order, and everything that must be the same wherever they are folded.
//!
//! It is a JSON file that stands for itself: the text of the job is in it. Making it reads footers, and of inputs what
//! it takes to know them again; it writes nothing. It is refused if a byte of it has changed.

use crate::assemble::{self, Mode};
use crate::error::{Error, Result};
use crate::fold::deal::stretches;
use crate::fold::{dedup, refuse_many};
use crate::job::digest::{OUTPUT_REVISION, sha256_hex};
use crate::job::{self, Overrides};
use crate::publish;
use crate::scan::{self, Extent, Part, Stamp, Unit};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::SystemTime;
use vtr_kernel::calendar::{Day, date_from_day};

/// The shape of the plans written here.
const FORMAT: u32 = 1;
/// Rows of a bucket of copies: what a process holds of them at once.
const BUCKET_ROWS: u64 = 4 << 20;
/// Buckets, at most, unless more are asked for.
const MOST_BUCKETS: u64 = 256;
/// Nanoseconds for which a change may not show in a file's times.
const UNSURE_NANOS: i64 = 2_000_000_000;

/// The program, its version and the revision of what it writes.
pub fn program() -> String {
    format!("vtr {} (revision {OUTPUT_REVISION})", env!("CARGO_PKG_VERSION"))
}

/// What `units.json` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Units {
    /// The shape of the plan.
    pub format: u32,
    /// SHA-256 of all the rest.
    pub digest: String,
    /// The program that folds and finishes it.
    pub program: String,
    /// The job's name, the folder that its paths start from, and its text.
    pub job: PlannedJob,
    /// What options said of the job, `as_of` among them, but not of the machine.
    pub options: Overrides,
    /// SHA-256 of the book.
    pub book: String,
    /// The last day of which anything is known.
    pub as_of: String,
    /// First and last Monday of the weeks asked for; `None`: all.
    pub weeks: Option<[String; 2]>,
    /// What is judged by: `scans` or `format`.
    pub evidence: String,
    /// The tables that are made.
    pub tables: Vec<String>,
    /// The version that is published upon; `None`: nothing is published.
    pub base: Option<u64>,
    /// Into how many buckets counts and copies are dealt.
    pub buckets: u32,
    /// The input files, bytewise by their shown paths.
    pub inputs: Vec<PlannedInput>,
    /// Files that the job allows to be left out, and why they are.
    pub left_out: BTreeMap<String, String>,
    /// What there is to read.
    pub units: Vec<PlannedUnit>,
}

/// The job of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedJob {
    /// Its name.
    pub name: String,
    /// The digest of every key of it that can move a figure.
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
    /// What tells its content: `blake3:` of the bytes, or `etag:` of an object.
    pub digest: String,
    /// What the system said of it; `None` where that does not vouch for its content.
    pub stamp: Option<Stamp>,
    /// Whether it is not read, because what is published of it stands.
    #[serde(default)]
    pub kept: bool,
}

/// A unit of work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedUnit {
    /// The place of its file among the inputs.
    pub file: u32,
    /// Which row group of a Parquet file; `None`: all of the file.
    pub row_group: Option<usize>,
    /// The number of its first record, from 1.
    pub first_record: u64,
    /// Its rows, known or estimated.
    pub rows: u64,
    /// Its stored bytes.
    pub bytes: u64,
}

impl PlannedUnit {
    /// That of a survey.
    pub(super) fn of(unit: &Unit) -> PlannedUnit {
        let row_group = match unit.part {
            Part::RowGroup(group) => Some(group),
            Part::Whole => None,
        };
        PlannedUnit { file: unit.file, row_group, first_record: unit.first_record, rows: unit.rows, bytes: unit.bytes }
    }
}

impl Units {
    /// Reads `units.json`; `name` is what messages call it.
    ///
    /// # Errors
    /// It is no plan, of another version, or not as it was written.
    pub fn read(name: &str, text: &str) -> Result<Units> {
        let refused = |why: String| Error::Usage(format!("{name}: {why}"));
        let anew = "make it anew with `vtr plan JOB --units`";
        let units: Units = serde_json::from_str(text)
            .map_err(|error| refused(format!("it is no plan of units that this program knows ({error}); {anew}")))?;
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

    /// As it is written.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("texts and numbers have a JSON form") + "\n"
    }

    fn own_digest(&self) -> String {
        let blank = Units { digest: String::new(), ..self.clone() };
        sha256_hex(&serde_json::to_vec(&blank).expect("texts and numbers have a JSON form"))
    }

    /// The places of the units of share `index` (from 1) of `shares`: a stretch of about as many bytes as the others.
    pub fn share(&self, index: usize, shares: usize) -> Vec<usize> {
        let bytes: Vec<u64> = self.units.iter().map(|unit| unit.bytes).collect();
        let place = index.checked_sub(1);
        place.and_then(|place| stretches(&bytes, shares).into_iter().nth(place)).into_iter().flatten().collect()
    }
}

/// Plans a job for shares: what a run of all weeks, or of those asked for, would read. Raw files are joined first. `now` is the
/// moment at which it is planned.
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
    if publish::knows_inputs(&plan, base.as_ref()) {
        survey.keep_known(&plan);
    }
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
        units: survey.units.iter().map(PlannedUnit::of).collect(),
    };
    units.digest = units.own_digest();
    Ok(units)
}

/// Options as they hold wherever the plan goes: paths whole, the day fixed, nothing of this machine.
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
