//! The verbs: one function each, dispatched here.
//!
//! It turns the command line into plain arguments and must do no work of its own. Machine-readable output of a verb
//! goes through [`print`], which detects a closed pipe.

pub mod age;
pub mod book;
pub mod carriers;
mod compare;
pub mod completions;
mod confirm;
pub mod dbt;
pub mod defects;
pub mod explain;
pub mod filters;
pub mod gc;
pub mod r#gen;
pub mod health;
pub mod inspect;
pub mod job;
pub mod listing;
pub mod man;
mod orders;
pub mod plan;
pub mod published;
pub mod reconcile;
pub mod report;
pub mod resolve;
pub mod run;
pub mod shares;
pub mod sync;
pub mod tables;
pub mod verify;
pub mod views;
pub mod worklist;

use crate::cli::{Cli, JobOptions, RangeOptions, Verb};
use crate::error::{Error, Result};
use crate::job::Overrides;
use crate::publish::gc::Mode;
use std::io::Write;
use std::time::SystemTime;

/// Runs the verb of the command line.
///
/// # Errors
/// Those of the verb.
pub fn run(cli: Cli) -> Result<()> {
    let global = &cli.global;
    match &cli.verb {
        Verb::Run(args) => run::run(args, global),
        Verb::Plan(args) => plan::run(args, global),
        Verb::Fold(args) => shares::fold(args, global),
        Verb::Finish(args) => shares::finish(args, global),
        Verb::Explain(args) => explain::run(args, global),
        Verb::Defects(args) => published::defects(args),
        Verb::Health(args) => published::health(args, SystemTime::now()),
        Verb::Worklist(args) => worklist::run(args, SystemTime::now()),
        Verb::Report(args) => report::run(args, SystemTime::now()),
        Verb::Carriers(args) => carriers::run(args),
        Verb::Book(verb) => book::run(verb, SystemTime::now()),
        Verb::Gen(args) => r#gen::run(args, global),
        Verb::Reconcile(args) => reconcile::run(args),
        Verb::Verify(args) => verify::run(&args.out, args.version, published::format(args.written)),
        Verb::Resolve(args) => {
            resolve::run(&args.out, args.table.as_deref(), args.version, published::format(args.written))
        }
        Verb::Tables(args) => tables::run(args.name.as_deref(), published::format(args.written)),
        Verb::Sync(args) => sync::run(args, global),
        Verb::Views(args) => views::run(&args.out, args.version, args.engine),
        Verb::Dbt(args) => dbt::run(&args.out, args.target, &args.schema),
        Verb::Gc(args) => {
            let mode = if args.dry_run { Mode::Count } else { Mode::Delete };
            gc::run(&args.out, args.keep, mode, SystemTime::now(), published::format(args.written))
        }
        Verb::Inspect(args) => inspect::run(args, global),
        Verb::TryFile => crate::scan::isolate::answer(&mut std::io::stdin().lock()),
        Verb::Job(verb) => job::run(verb),
        Verb::Completions(args) => completions::run(args.shell),
        Verb::Man(args) => man::run(args.verb.as_deref()),
    }
}

/// The overrides of a job by options.
pub fn overrides(job: &JobOptions, range: &RangeOptions) -> Overrides {
    Overrides {
        from: range.from.clone(),
        to: range.to.clone(),
        last: range.last,
        as_of: job.as_of.clone(),
        book: job.book.clone(),
        sources: job.sources.clone(),
        out: job.out.clone(),
        threads: job.threads,
        memory: job.memory.clone(),
        set: job.set.clone(),
    }
}

/// Writes lines for people to stdout, with control characters escaped.
///
/// # Errors
/// As [`print`].
pub fn print_lines(lines: &str) -> Result<()> {
    print(crate::progress::shown_lines(lines))
}

/// Writes data to stdout.
///
/// # Errors
/// [`Error::Failed`] if stdout cannot be written, including a broken pipe, which the program then does not report.
pub fn print(data: impl AsRef<[u8]>) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    let written = stdout.write_all(data.as_ref()).and_then(|()| stdout.flush());
    written.map_err(|error| Error::failed("cannot write to stdout", error))
}
