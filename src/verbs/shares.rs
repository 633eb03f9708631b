//! `vtr plan --units`, `vtr fold` and `vtr finish`: one run in many processes, started by whoever owns a scheduler.
//!
//! They move plans and parts between files and [`shares`], which does the work, and report the result. They must
//! decide nothing about a figure, and fail as shares do.

use crate::cli::{FinishArgs, FoldArgs, GlobalOptions, JobOptions, PlanArgs, RangeOptions};
use crate::error::{Error, Result};
use crate::fold::parts::Header;
use crate::place::object_files::is_uri;
use crate::progress::{Visibility, conclude, say, warn};
use crate::publish;
use crate::publish::store::{self, Content, Store};
use crate::shares::{self, Folder, Part, PartKind, Units, Work};
use crate::tell::report::{Outcome, RunReport};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;
use vtr_kernel::text::grouped;

/// Writes the plan of shares.
pub fn plan(args: &PlanArgs, to: &str, global: &GlobalOptions) -> Result<()> {
    let units =
        shares::plan(&args.job.job, &super::overrides(&args.job, &args.range), args.buckets, SystemTime::now())?;
    let (store, name) = place(to)?;
    store.put(&name, Content::of(units.to_json().as_bytes()), "plan")?;
    if !global.quiet {
        let bytes: u64 = units.units.iter().map(|unit| unit.bytes).sum();
        say(&format!(
            "{}: {} units of {} KiB in {} files are planned in {to}; fold them in at most so many shares, each with `vtr fold {} \
             --plan {to} --share I/N --to FOLDER`",
            units.job.name,
            grouped(units.units.len() as u64),
            grouped(bytes >> 10),
            grouped(units.inputs.len() as u64),
            args.job.job.display()
        ));
    }
    Ok(())
}

/// The folder of a file or object, and the name in it.
fn place(path: &str) -> Result<(Arc<dyn Store>, String)> {
    let (folder, name) = match path.rsplit_once('/') {
        Some(("", name)) => ("/", name),
        Some((folder, name)) => (folder, name),
        None => (".", path),
    };
    if name.is_empty() || is_uri(path) && folder.ends_with('/') {
        return Err(Error::Usage(format!("{path}: give the name of a file, such as units.json")));
    }
    Ok((publish::at(Path::new(folder))?, name.to_owned()))
}

/// Loads a job as the plan of shares describes it.
fn work(job: &JobOptions, units: &str) -> Result<Work> {
    let (store, name) = place(units)?;
    let text = store::read(store.as_ref(), &name)?.ok_or_else(|| {
        Error::Usage(format!("{units}: there is no such plan; make it with `vtr plan JOB --units {units}`"))
    })?;
    let text = String::from_utf8(text).map_err(|_| Error::Usage(format!("{units}: it is not text; plan again")))?;
    Work::of_job(
        &job.job,
        Units::read(units, &text)?,
        &super::overrides(job, &RangeOptions::default()),
        SystemTime::now(),
    )
}

/// Reads the number of a share and the number of shares.
fn share(text: &str) -> Result<(usize, usize)> {
    let read = |text: &str| text.trim().parse::<usize>().ok();
    match text.split_once('/').map(|(index, shares)| (read(index), read(shares))) {
        Some((Some(0), Some(_))) => Err(Error::Usage(format!(
            "--share {text}: shares are counted from 1; of a scheduler's index from 0 write $((INDEX + 1))"
        ))),
        Some((Some(index), Some(shares))) if index <= shares => Ok((index, shares)),
        _ => Err(Error::Usage(format!("--share {text}: write which share of how many, from 1/N to N/N, such as 3/16"))),
    }
}

/// Folds a share and writes its parts.
pub fn fold(args: &FoldArgs, global: &GlobalOptions) -> Result<()> {
    let (index, shares) = share(&args.share)?;
    let work = work(&args.job, &args.units)?;
    let tell = |line: &str| {
        if !global.quiet {
            say(&format!("{}: share {index}/{shares}: {line}", work.plan().name));
        }
    };
    let names = shares::names(&work, index, shares);
    if names.is_empty() {
        tell("there are fewer units than shares, and none for this one: there is nothing to do");
        return Ok(());
    }
    let folder = Folder::at(&args.to, &work.plan().run_id)?;
    let there = folder.below(names[0].rsplit_once('/').map_or("", |(folder, _)| folder))?;
    if names.iter().all(|name| there.contains(name)) {
        let mut damaged = Vec::new();
        for name in &names {
            crate::signals::check()?;
            if !folder.is_whole(name, work.seal(), &work.plan().temp)? {
                damaged.push(name);
            }
        }
        let Some(first) = damaged.first() else {
            tell("all its parts are there already");
            return Ok(());
        };
        let are = if damaged.len() == 1 { "is" } else { "are" };
        tell(&format!("{} of its parts {are} damaged, first {first}: it is folded again", damaged.len()));
    }
    folder.prepare()?;
    let visibility = if global.quiet { Visibility::Quiet } else { Visibility::Shown };
    let mut put = Vec::new();
    shares::fold_share(&work, (index, shares), visibility, &mut |part: Part| {
        crate::signals::check()?;
        let name = Folder::name(index, shares, part.kind, part.bucket);
        folder.put(&name, &part, &work.units().digest)?;
        put.push((part.kind, Header::of(&name, &part.bytes)?.rows, part.bytes.len() as u64));
        Ok(())
    })?;
    let sum = |kind: PartKind, what: &str| {
        let own = put.iter().filter(|(of, ..)| *of == kind);
        let (rows, bytes) = own.fold((0, 0), |sum, (_, rows, bytes)| (sum.0 + rows, sum.1 + bytes));
        format!("{} {what} in {} bytes", grouped(rows), grouped(bytes))
    };
    tell(&format!(
        "{} units gave {} parts of {} KiB: {} and {}",
        grouped(work.units().share(index, shares).len() as u64),
        put.len(),
        grouped(put.iter().map(|(.., bytes)| bytes).sum::<u64>() >> 10),
        sum(PartKind::Counts, "cells"),
        sum(PartKind::Copies, "copies")
    ));
    Ok(())
}

/// Adds the parts up and publishes.
pub fn finish(args: &FinishArgs, global: &GlobalOptions) -> Result<()> {
    reported(args, global).map(drop)
}

/// The same; returns the report.
///
/// # Errors
/// As [`finish`].
pub fn reported(args: &FinishArgs, global: &GlobalOptions) -> Result<RunReport> {
    // From here on, the message after a signal says whether anything was published.
    crate::signals::begun();
    let work = work(&args.job, &args.units)?;
    let folder = Folder::at(&args.from, &work.plan().run_id)?;
    let visibility = if global.quiet { Visibility::Quiet } else { Visibility::Shown };
    let (report, ended) = added_up(&work, &folder, visibility);
    if args.json {
        super::print(report.to_json() + "\n")?;
    }
    if !global.quiet {
        conclude(&report.summary(), ended.as_ref().err().map_or(0, Error::exit_code));
    }
    report.warnings.iter().for_each(|warning| warn(warning));
    ended?;
    if !work.plan().sinks.is_empty() && args.job.out.is_none() {
        super::sync::after_run(work.plan(), &args.job.job, global, None).1?;
    }
    Ok(report)
}

/// Adds up the parts of a folder, publishes, and writes the report under the output.
pub fn added_up(work: &Work, folder: &Folder, visibility: Visibility) -> (RunReport, Result<()>) {
    let (mut report, result) = shares::finish(work, folder, visibility);
    if report.begun
        && report.outcome != Outcome::Unchanged
        && let Err(error) =
            publish::at(Path::new(&work.plan().output.path)).and_then(|store| report.write(store.as_ref()))
    {
        // The publication remains valid, and a failed run has its own error.
        report.warnings.push(error.told());
    }
    (report, result.and_then(|()| crate::signals::check()))
}
