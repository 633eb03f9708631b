//! Shares: one run folded by many processes or machines and finished once, under any scheduler.
//!
//! A plan lists units of work and fixes everything that they are judged by; any process folds some of them to parts,
//! and one adds all parts up, by the code of a run, and publishes. It owns no scheduler, no executor and no protocol.
//! It refuses by name everything that does not belong together: other inputs, books, plans and versions, missing and
//! damaged parts.

mod cover;
mod source;
mod units;
mod work;

pub use crate::fold::parts::{Part, PartKind};
pub use source::{Folder, HeldParts, PartSource};
pub use units::{PlannedInput, PlannedUnit, Units, plan};
pub use work::{Machine, Work};

use crate::error::{Error, Result};
use crate::fold::data_end;
use crate::fold::parts::{self, Header, Making, Opened};
use crate::progress::{Progress, Visibility};
use crate::publish;
use crate::publish::log;
use crate::publish::stale::{self, Rehash};
use crate::scan;
use crate::tell::facts;
use crate::tell::report::RunReport;
use std::collections::BTreeMap;
use std::path::Path;

/// Folds some units, as places in the plan, to parts: counts and copies have one for each bucket, every other kind has
/// one. The same units give the same bytes, whichever process folds them and in whatever order.
///
/// # Errors
/// An input has changed since it was planned or cannot be read to its end; more distinct texts than fit, a
/// disk that fails, or a stop of the run.
pub fn fold_units(work: &Work, units: &[usize]) -> Result<Vec<Part>> {
    let mut parts = Vec::new();
    let mut take = |part: Part| {
        parts.push(part);
        Ok(())
    };
    fold(work, units, None, Visibility::Quiet, &mut take)?;
    Ok(parts)
}

/// Folds share `index` (from 1) of `shares`, see [`Units::share`], and hands its parts on, each as soon as it is made.
///
/// # Errors
/// As [`fold_units`], and what `take` says.
pub fn fold_share(
    work: &Work,
    (index, shares): (usize, usize),
    visibility: Visibility,
    take: &mut Taking,
) -> Result<()> {
    fold(work, &work.units().share(index, shares), Some(shares), visibility, take)
}

/// Takes a part.
pub type Taking<'a> = dyn FnMut(Part) -> Result<()> + 'a;

fn fold(work: &Work, units: &[usize], shares: Option<usize>, visibility: Visibility, take: &mut Taking) -> Result<()> {
    let mut places = units.to_vec();
    places.sort_unstable();
    places.dedup();
    let survey = work.survey()?;
    let units = work.units_at(&survey, &places)?;
    work.refuse_changed(&survey, &units)?;
    let making = Making { seal: work.seal(), units: &places, shares, buckets: work.units().buckets };
    let progress = Progress::begin("folding", units.iter().map(|unit| unit.rows).sum(), visibility);
    let still = |file: u32, read: &str| work.refuse_other_content(&survey, file, read);
    parts::folded(work.plan(), &survey, &units, making, (&progress, &still), take)
}

/// Settles and merges all parts of one bucket, of whatever kind, from all processes that folded. [`PartKind::Copies`]
/// become [`PartKind::Gone`]; [`PartKind::Counts`] become one part from which the cells of superseded rows are
/// subtracted; a row that another bucket counts leaves a negative cell until all is added up. Other parts are returned
/// unchanged.
///
/// All parts of the bucket must be given, or copies would not meet: [`finish`] refuses parts that were settled too
/// early.
///
/// # Errors
/// A part is of another bucket or plan, cut or damaged; more distinct texts than fit, a disk that fails, or a
/// stop of the run.
pub fn settle_bucket(work: &Work, parts: Vec<Part>) -> Result<Vec<Part>> {
    let (taken, mut settled): (Vec<Part>, Vec<Part>) =
        parts.into_iter().partition(|part| matches!(part.kind, PartKind::Counts | PartKind::Copies));
    let mut own: BTreeMap<(PartKind, Vec<usize>), (String, Part)> = BTreeMap::new();
    let mut bucket = None;
    for (place, part) in (0..).zip(taken) {
        let name = format!("part {place} of kind {} for bucket {}", part.kind.name(), part.bucket);
        let header = Header::of(&name, &part.bytes)?;
        if (header.kind, header.bucket) != (part.kind, part.bucket) || *bucket.get_or_insert(part.bucket) != part.bucket
        {
            let (kind, found) = (header.kind.name(), header.bucket);
            return Err(Error::Input(format!(
                "{name}: it holds {kind} of bucket {found}: give parts of one bucket at once"
            )));
        }
        // Units that were folded twice count once.
        own.entry((header.kind, header.units)).or_insert((name, part));
    }
    let Some(bucket) = bucket else { return Ok(settled) };
    let mut units: Vec<usize> = own.keys().flat_map(|(_, units)| units.iter().copied()).collect();
    units.sort_unstable();
    for kind in [PartKind::Counts, PartKind::Copies] {
        let held: usize = own.keys().filter(|(own, _)| *own == kind).map(|(_, units)| units.len()).sum();
        let all = {
            let mut all = units.clone();
            all.dedup();
            all.len()
        };
        if held != all && (kind == PartKind::Counts || work.plan().identity.is_some()) {
            let kind = kind.name();
            return Err(Error::Input(format!(
                "bucket {bucket}: its {kind} are of {held} units and its parts of {all}; give all parts of the bucket, each once"
            )));
        }
    }
    units.dedup();
    let making = Making { seal: work.seal(), units: &units, shares: None, buckets: work.units().buckets };
    let own: Vec<(String, Part)> = own.into_values().collect();
    settled.extend(parts::settled_bucket(work.plan(), work.evidence()?, &own, bucket, making)?);
    Ok(settled)
}

/// Adds all parts up and publishes, by the code of a run: settles copies that are not settled, makes the tables,
/// checks the gates, commits. The report states how far it came, whatever the result.
pub fn finish(work: &Work, source: &dyn PartSource, visibility: Visibility) -> (RunReport, Result<()>) {
    let mut report = facts::begin_report(work.plan());
    let result = route(work, source, visibility, &mut report);
    report.finish();
    (report, result)
}

fn route(work: &Work, source: &dyn PartSource, visibility: Visibility, report: &mut RunReport) -> Result<()> {
    crate::signals::begun();
    let (plan, units) = (work.plan(), work.units());
    let chosen = report.stage("find parts", || cover::chosen(work, source))?;
    let publication = publish::begin(plan, plan.run_id.clone())?;
    report.begun = true;
    let version = publication.base().map(|base| base.version);
    if version != units.base {
        let at = |version: Option<u64>| version.map_or("no version".to_owned(), |version| format!("version {version}"));
        return Err(Error::Conflict(format!(
            "{}: {} is published, and the plan is of {}; plan and fold again",
            plan.output.path,
            at(version),
            at(units.base)
        )));
    }
    let mut survey = report.stage("survey", || work.look())?;
    publication.expect(survey.evidence)?;
    for (file, planned) in survey.files.iter_mut().zip(&units.inputs) {
        file.digest = Some(planned.digest.clone());
    }
    if publish::knows_inputs(plan, publication.base()) {
        survey.keep_known(plan);
    }
    work.expect_units(&survey)?;
    facts::note_survey(&survey, report);
    let open = |name: &str| {
        let part = Opened::of(name, source.open(name)?, work.seal(), &plan.temp)?;
        cover::expect(work, name, part.header())?;
        Ok(part)
    };
    let folded = parts::finished(plan, &survey, &chosen, &open, units.buckets, report)?;
    let goes_on = data_end::goes_on(plan, &survey, &folded, &scan::read)?;
    crate::conclude(plan, &survey, (&folded, goes_on), publication, report, visibility)
}

/// Returns the names of all parts of a share in a [`Folder`].
pub fn names(work: &Work, index: usize, shares: usize) -> Vec<String> {
    let units = work.units().share(index, shares);
    let own = units.first().map(|unit| (*unit % work.units().buckets as usize) as u32);
    let Some(own) = own else { return Vec::new() };
    let name = |(kind, bucket): (PartKind, Option<u32>)| Folder::name(index, shares, kind, bucket.unwrap_or(own));
    cover::expected(work).into_iter().map(name).collect()
}

/// Adds to a plan the facts about its inputs in the output's version.
fn recalled(plan: &mut crate::job::plan::Plan) -> Result<Option<log::Manifest>> {
    let store = publish::at(Path::new(&plan.output.path))?;
    let base = log::latest(store.as_ref())?;
    stale::recall(plan, base.as_ref(), store.as_ref(), Rehash::Changed)?;
    Ok(base)
}
