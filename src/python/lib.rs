//! The wheel: the functions for Python, built on the verbs of the program and on the front door of the columnar
//! crate.
//!
//! Arrow data enter and leave only through the C stream interface, so no second Arrow has to match ours. This crate
//! decides nothing. Errors of the program become exceptions by exit code, with the program's own text.

mod errors;
mod judge;
mod output;
mod shares;
mod stream;
mod work;

use clap::Parser;
use pyo3::prelude::*;
use std::path::PathBuf;
use vtr::cli::{Cli, Verb};
use vtr::verbs;

/// Parses a command line as the program does, with the program's own messages.
fn parsed(words: Vec<String>) -> PyResult<Cli> {
    let line = std::iter::once("vtr".to_owned()).chain(words);
    Cli::try_parse_from(line).map_err(|refused| errors::usage(&refused.render().to_string()))
}

/// Runs a job, given the words of `vtr run`; returns the report of its last publication as JSON.
#[pyfunction]
fn run(py: Python<'_>, words: Vec<String>) -> PyResult<String> {
    let cli = parsed(words)?;
    let report = work::interruptible(py, move || {
        let Verb::Run(args) = &cli.verb else { return Ok(None) };
        let (report, ended) = verbs::run::reported(args, &cli.global);
        ended.map(|()| Some(report.to_json()))
    })?;
    Ok(report.unwrap_or_default())
}

/// Returns the output of `vtr plan`, given its words: pairs of step and detail as JSON.
#[pyfunction]
fn plan(py: Python<'_>, words: Vec<String>) -> PyResult<String> {
    let cli = parsed(words)?;
    work::interruptible(py, move || match &cli.verb {
        Verb::Plan(args) => match &args.units {
            Some(to) => verbs::shares::plan(args, to, &cli.global).map(|()| "[]".to_owned()),
            None => verbs::plan::as_json(args),
        },
        _ => Ok(String::new()),
    })
}

/// Folds a share, given the words of `vtr fold`.
#[pyfunction]
fn fold(py: Python<'_>, words: Vec<String>) -> PyResult<()> {
    let cli = parsed(words)?;
    work::interruptible(py, move || match &cli.verb {
        Verb::Fold(args) => verbs::shares::fold(args, &cli.global),
        _ => Ok(()),
    })
}

/// Adds shares up and publishes, given the words of `vtr finish`; returns the report as JSON.
#[pyfunction]
fn finish(py: Python<'_>, words: Vec<String>) -> PyResult<String> {
    let cli = parsed(words)?;
    work::interruptible(py, move || match &cli.verb {
        Verb::Finish(args) => verbs::shares::reported(args, &cli.global).map(|report| report.to_json()),
        _ => Ok(String::new()),
    })
}

/// Runs the program itself, as `python -m vtr`; returns the exit code.
#[pyfunction]
fn main(py: Python<'_>, words: Vec<String>) -> i32 {
    py.detach(|| {
        let cli = match Cli::try_parse_from(std::iter::once("vtr".to_owned()).chain(words)) {
            Ok(cli) => cli,
            Err(refused) => {
                let _ = refused.print();
                return refused.exit_code();
            }
        };
        vtr::signals::install();
        vtr::progress::start_log(&cli.global);
        let ended = verbs::run(cli);
        vtr::signals::ending();
        ended.map_or_else(
            |error| {
                vtr::progress::fail(&error.told(), error.exit_code());
                error.exit_code()
            },
            |()| 0,
        )
    })
}

/// Sets how to start a separate process that tries a file: this interpreter, with this package.
#[pyfunction]
fn tried_by(program: PathBuf, words: Vec<String>) {
    vtr::scan::isolate::tried_by(program, words);
}

#[pymodule]
fn _vtr(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    errors::add(module)?;
    module.add_class::<judge::Verdicts>()?;
    module.add_class::<output::Output>()?;
    module.add_class::<output::Table>()?;
    module.add_function(wrap_pyfunction!(run, module)?)?;
    module.add_function(wrap_pyfunction!(plan, module)?)?;
    module.add_function(wrap_pyfunction!(fold, module)?)?;
    module.add_function(wrap_pyfunction!(finish, module)?)?;
    module.add_class::<shares::Work>()?;
    module.add_class::<shares::JobFacts>()?;
    module.add_function(wrap_pyfunction!(shares::plan_units, module)?)?;
    module.add_function(wrap_pyfunction!(shares::job_facts, module)?)?;
    module.add_function(wrap_pyfunction!(shares::prepare, module)?)?;
    module.add_function(wrap_pyfunction!(shares::sweep, module)?)?;
    module.add_function(wrap_pyfunction!(main, module)?)?;
    module.add_function(wrap_pyfunction!(tried_by, module)?)?;
    module.add_function(wrap_pyfunction!(output::health, module)?)?;
    module.add_function(wrap_pyfunction!(judge::judge, module)?)
}
