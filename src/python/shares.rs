//! One run in many processes, for `vtr.spark` and for other engines: plans of units, parts as bytes.
//!
//! It moves bytes between Python and `vtr::shares`, which does the work, and decides nothing.

use crate::{errors, parsed, work};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;
use vtr::cli::Verb;
use vtr::error::{Error, Result};
use vtr::job::plan::Identity;
use vtr::progress::Visibility;
use vtr::publish;
use vtr::shares::{self, Folder, Machine, Part, PartKind, Units};
use vtr::verbs;
use vtr_columnar::input::Column;

/// A part in Python: kind, bucket, bytes.
type Bytes<'py> = (&'static str, u32, Bound<'py, PyBytes>);

/// Returns the text of a plan of units, given the words of `vtr plan`.
#[pyfunction]
#[pyo3(signature = (words, buckets=None))]
pub fn plan_units(py: Python<'_>, words: Vec<String>, buckets: Option<u32>) -> PyResult<String> {
    let cli = parsed(words)?;
    work::interruptible(py, move || match &cli.verb {
        Verb::Plan(args) => {
            let options = verbs::overrides(&args.job, &args.range);
            Ok(shares::plan(&args.job.job, &options, buckets, SystemTime::now())?.to_json())
        }
        _ => Ok(String::new()),
    })
}

/// The facts of a job that matter before its units are planned.
#[pyclass(frozen, get_all, module = "vtr")]
pub struct JobFacts {
    /// The place where it publishes.
    output: String,
    /// A name for this run of the job.
    run_id: String,
    /// The number of `[[input]]`s.
    inputs: usize,
    /// Whether copies are identified by order.
    by_order: bool,
    /// Whether its first input declares the zone of times without one.
    has_zone: bool,
    /// The columns of its first input, each with the headings from which it may be read.
    columns: Vec<(String, Vec<String>)>,
    /// The constant columns of its first input.
    constants: Vec<String>,
}

/// Reads a job, given the words of `vtr plan`.
#[pyfunction]
pub fn job_facts(py: Python<'_>, words: Vec<String>) -> PyResult<JobFacts> {
    let cli = parsed(words)?;
    work::interruptible(py, move || {
        let Verb::Plan(args) = &cli.verb else { return Err(Error::Usage("no job is given".into())) };
        let options = verbs::overrides(&args.job, &args.range);
        let plan = vtr::job::load(&args.job.job, &options, SystemTime::now())?;
        let first = plan.inputs.first();
        let mapped = first.map_or(&[][..], |input| &input.columns);
        let columns = Column::ALL.into_iter().map(|column| {
            let headings = mapped
                .iter()
                .find(|(mapped, _)| *mapped == column)
                .map(|(_, headings)| headings.iter().map(|heading| heading.name.clone()).collect());
            (column.name().to_owned(), headings.unwrap_or_else(|| vec![column.name().to_owned()]))
        });
        Ok(JobFacts {
            columns: columns.collect(),
            constants: first.map_or_else(Vec::new, |input| {
                input.constants.iter().map(|(column, _)| column.name().to_owned()).collect()
            }),
            output: plan.output.path.clone(),
            run_id: plan.run_id.clone(),
            inputs: plan.inputs.len(),
            by_order: plan.identity == Some(Identity::Order),
            has_zone: first.is_some_and(|input| input.zone.is_some()),
        })
    })
}

/// A plan of units, open in this process.
#[pyclass(frozen, module = "vtr")]
pub struct Work {
    work: Arc<shares::Work>,
}

#[pymethods]
impl Work {
    #[new]
    #[pyo3(signature = (units, threads=None, memory=None))]
    fn new(py: Python<'_>, units: String, threads: Option<usize>, memory: Option<String>) -> PyResult<Work> {
        work::interruptible(py, move || {
            let units = Units::read("the plan of units", &units)?;
            let work = shares::Work::open(units, &Machine { threads, memory }, SystemTime::now())?;
            Ok(Work { work: Arc::new(work) })
        })
    }

    /// Folds some units, given as indexes in the plan, to parts.
    fn fold<'py>(&self, py: Python<'py>, units: Vec<usize>) -> PyResult<Vec<Bytes<'py>>> {
        let work = self.work.clone();
        let parts = work::interruptible(py, move || shares::fold_units(&work, &units))?;
        Ok(handed(py, parts))
    }

    /// Settles all parts of one bucket.
    fn settle<'py>(&self, py: Python<'py>, parts: Vec<(String, u32, Vec<u8>)>) -> PyResult<Vec<Bytes<'py>>> {
        let work = self.work.clone();
        let parts = parts.into_iter().map(taken).collect::<Result<Vec<Part>>>().map_err(|e| errors::raised(&e))?;
        let settled = work::interruptible(py, move || shares::settle_bucket(&work, parts))?;
        Ok(handed(py, settled))
    }

    /// Writes a part into a folder under a name; an existing part stays.
    fn put(&self, py: Python<'_>, folder: String, name: String, part: (String, u32, Vec<u8>)) -> PyResult<()> {
        let work = self.work.clone();
        work::interruptible(py, move || {
            let folder = Folder::at(&folder, &work.plan().run_id)?;
            folder.put(&name, &taken(part)?, &work.units().digest)
        })
    }

    /// Adds up all parts of a folder and publishes; returns the report as JSON.
    fn finish(&self, py: Python<'_>, folder: String) -> PyResult<String> {
        let work = self.work.clone();
        work::interruptible(py, move || {
            let parts = Folder::at(&folder, &work.plan().run_id)?;
            let (report, ended) = verbs::shares::added_up(&work, &parts, Visibility::Quiet);
            ended.map(|()| report.to_json())
        })
    }
}

fn handed(py: Python<'_>, parts: Vec<Part>) -> Vec<Bytes<'_>> {
    parts.into_iter().map(|part| (part.kind.name(), part.bucket, PyBytes::new(py, &part.bytes))).collect()
}

fn taken((kind, bucket, bytes): (String, u32, Vec<u8>)) -> Result<Part> {
    let kind = PartKind::from_name(&kind).ok_or_else(|| Error::Usage(format!("`{kind}` is no kind of part")))?;
    Ok(Part { kind, bucket, bytes })
}

/// Prepares a folder for parts.
#[pyfunction]
pub fn prepare(py: Python<'_>, folder: String) -> PyResult<()> {
    work::interruptible(py, move || publish::at(Path::new(&folder))?.prepare())
}

/// Deletes all files below a folder of parts.
#[pyfunction]
pub fn sweep(py: Python<'_>, folder: String) -> PyResult<()> {
    work::interruptible(py, move || {
        let store = publish::at(Path::new(&folder))?;
        store.list("")?.iter().try_for_each(|entry| store.delete(&entry.path))
    })
}
