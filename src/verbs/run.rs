//! `vtr run`: the main job.
//!
//! It makes the plan, runs it, and says what came of it: a summary on stderr or JSON on stdout, and
//! always the report under the output. It fails as the run does.

use crate::cli::{GlobalOptions, RunArgs};
use crate::error::Result;
use crate::job;
use crate::progress::{Visibility, say};
use crate::publish;
use crate::report::Outcome;
use std::path::Path;
use std::time::SystemTime;

/// Runs the job.
pub fn run(args: &RunArgs, global: &GlobalOptions) -> Result<()> {
    let plan = job::load(&args.job.job, &super::overrides(&args.job, &args.range), SystemTime::now())?;
    let visibility = if global.quiet { Visibility::Quiet } else { Visibility::Shown };
    let (report, result) = crate::run(&plan, visibility);
    // Of a run that changed nothing nothing is written, and an output that was refused is not ours.
    let kept = if report.begun && report.outcome != Outcome::Unchanged {
        publish::at(Path::new(&plan.output.path)).and_then(|store| report.write(store.as_ref())).map(drop)
    } else {
        Ok(())
    };
    if args.json {
        super::print(report.to_json() + "\n")?;
    }
    if global.quiet {
        report.warnings.iter().for_each(|warning| say(&format!("warning: {warning}")));
    } else {
        say(&report.summary());
    }
    if global.show_values {
        report.rejected_values.iter().for_each(|value| say(value));
    }
    result.and(kept)
}
