//! `vtr sync`: brings the job's sinks to a published version; `vtr run` does the same after its publication.
//!
//! It reports the version in each sink, and continues with the next sink if one fails. The publication is valid
//! whatever a sink does; the verb fails with the error of the first sink that failed.

use crate::cli::{GlobalOptions, SyncArgs};
use crate::error::{Error, Result};
use crate::job;
use crate::job::plan::{Plan, Sink, SinkPlace};
use crate::progress::{say, warn};
use crate::publish::{self, log};
use crate::schema::Table;
use crate::sinks::{self, Amount, Asked, Did, Newer, Source, Synced, tell};
use crate::tell::lineage;
use crate::tell::report::SinkState;
use std::path::Path;
use std::time::SystemTime;

/// Brings the job's sinks, or one of them, to a version.
///
/// # Errors
/// Those of the job, the output and the first sink that failed.
pub fn run(args: &SyncArgs, global: &GlobalOptions) -> Result<()> {
    let plan = job::load(&args.job.job, &super::overrides(&args.job, &Default::default()), SystemTime::now())?;
    let chosen = sinks::chosen(&plan, &args.job.job, args.sink.as_deref())?;
    let store = publish::at(Path::new(&plan.output.path))?;
    if args.dry_run {
        let published = log::latest(store.as_ref())?;
        let tables = published.map_or_else(
            || plan.output.tables.clone(),
            |manifest| Table::ALL.into_iter().filter(|table| manifest.has(*table)).collect(),
        );
        return super::print(chosen.iter().map(|sink| dry(sink, &tables)).collect::<String>());
    }
    let source = Source::open(store.as_ref(), args.version)?;
    refuse_other(&plan, &source)?;
    let asked = Asked {
        version: args.version,
        amount: if args.full { Amount::Full } else { Amount::Changed },
        newer: if args.force { Newer::Replace } else { Newer::Keep },
    };
    let mut failed = Ok(());
    for sink in chosen {
        match sinks::sync(sink, &source, &asked, &plan.run_id) {
            Ok(synced) if global.quiet && synced.did == Did::Nothing => {}
            Ok(synced) => tell(sink, &synced, global),
            // The other sinks are synced all the same; the verb returns the first failure.
            Err(error) if failed.is_ok() => failed = Err(error),
            Err(error) => warn(&error.told()),
        }
        crate::signals::check()?;
    }
    failed
}

fn tell(sink: &Sink, synced: &Synced, global: &GlobalOptions) {
    if !global.quiet {
        say(&tell::line(sink, synced));
    }
    tell::notes(sink, synced).iter().for_each(|note| warn(note));
}

/// The statements that make a sink's schema, or the files that a sync would write.
fn dry(sink: &Sink, published: &[Table]) -> String {
    let wanted = |table: &&Table| sink.tables.as_ref().is_none_or(|tables| tables.contains(table));
    let tables: Vec<Table> = published.iter().filter(wanted).copied().collect();
    match &sink.place {
        SinkPlace::Postgres { schema } => {
            format!(
                "-- sink {}: the statements of its schema\n{}\n",
                sink.name,
                sinks::postgres::script(schema, &tables)
            )
        }
        SinkPlace::Files(place) => {
            let names: Vec<&str> = tables.iter().map(|table| table.name()).collect();
            format!(
                "-- sink {}: {} files of {} in {}\n",
                sink.name,
                tell::format(place.format),
                names.join(", "),
                place.path
            )
        }
    }
}

fn refuse_other(plan: &Plan, source: &Source) -> Result<()> {
    let (theirs, out) = (&source.manifest.job.name, source.store.shown(""));
    if *theirs == plan.name {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "{out}: belongs to job `{theirs}`, not to `{}`; sync by the job that publishes there",
        plan.name
    )))
}

/// Syncs all sinks of a job after a run, and reports the version in each.
///
/// # Errors
/// [`Error::Failed`] with the sinks that do not hold the published version.
pub fn after_run(
    plan: &Plan,
    job: &Path,
    global: &GlobalOptions,
    events: Option<&Path>,
) -> (Vec<SinkState>, Result<()>) {
    let opened = publish::at(Path::new(&plan.output.path)).and_then(|store| Ok((log::latest(store.as_ref())?, store)));
    let (published, store) = match opened {
        Ok((Some(published), store)) => (published.version, store),
        Ok((None, _)) => return (Vec::new(), Ok(())),
        Err(error) => return (Vec::new(), Err(error)),
    };
    let source = match Source::open(store.as_ref(), Some(published)) {
        Ok(source) => source,
        Err(error) => return (Vec::new(), Err(error)),
    };
    let asked = Asked { version: None, amount: Amount::Changed, newer: Newer::Keep };
    let (mut states, mut told) = (Vec::new(), Vec::new());
    for sink in &plan.sinks {
        if let Err(stopped) = crate::signals::check() {
            return (states, Err(stopped));
        }
        let done = sinks::sync(sink, &source, &asked, &plan.run_id);
        let version = match &done {
            Ok(synced) => {
                if synced.did == Did::Wrote {
                    tell(sink, synced, global);
                }
                Some(synced.version)
            }
            Err(error) => {
                let version = sinks::held(sink).ok().flatten().map(|held| held.version);
                told.push(tell::failure(sink, published, version, job, error));
                version
            }
        };
        if let Some(path) = events
            && let Err(error) =
                lineage::append(path, &lineage::synced(plan, sink, &source.tables(sink.tables.as_deref()), &done))
        {
            warn(&error.told());
        }
        states.push(SinkState { sink: sink.name.clone(), kind: tell::kind(sink), version, published });
        if let Err(Error::Stopped { .. }) = &done {
            return (states, done.map(drop));
        }
    }
    let ended = match told.is_empty() {
        true => Ok(()),
        false => Err(Error::Failed { what: told.join("\n"), source: None }),
    };
    (states, ended)
}
