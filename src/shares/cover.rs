//! Chooses the parts of a place that are added up: each unit of the plan once, in every kind and bucket.
//!
//! It looks at names and footers and adds nothing itself. It refuses a place with missing parts, naming the shares
//! that must be folded again, and one with overlapping parts.

use super::source::{Folder, PartSource};
use super::work::Work;
use crate::error::{Error, Result};
use crate::fold::parts::{Header, Named, PartKind};
use crate::schema::Table;
use std::collections::{BTreeMap, BTreeSet};

/// The facts of a part that are known before its rows are read.
#[derive(Clone)]
struct KnownPart {
    name: String,
    kind: PartKind,
    bucket: u32,
    units: Vec<usize>,
}

/// The parts grouped by the number of shares into which the units were divided.
type PartGroups = BTreeMap<Option<usize>, Vec<KnownPart>>;

/// The parts to be added up, those of a kind and bucket side by side.
///
/// # Errors
/// Parts are missing, overlap, are foreign, or cannot be looked at.
pub fn chosen(work: &Work, source: &dyn PartSource) -> Result<Vec<Named>> {
    let mut groups = PartGroups::new();
    for name in source.names()? {
        crate::signals::check()?;
        let (shares, known) = known(work, source, name)?;
        groups.entry(shares).or_default().push(known);
    }
    let mut best: Option<(Option<usize>, BTreeSet<usize>)> = None;
    for (shares, parts) in groups {
        let (once, missing) = missing(work, parts)?;
        if missing.is_empty() {
            let named = |KnownPart { name, kind, bucket, .. }: KnownPart| Named { name, kind, bucket };
            return Ok(once.into_iter().map(named).collect());
        }
        if best.as_ref().is_none_or(|(_, least)| missing.len() < least.len()) {
            best = Some((shares, missing));
        }
    }
    match best {
        None if work.units().units.is_empty() => Ok(Vec::new()),
        None => Err(Error::Input(format!(
            "{}: there is no part of this plan; fold its shares with `vtr fold` first",
            source.shown()
        ))),
        Some((shares, missing)) => Err(incomplete(work, source, shares, &missing)),
    }
}

fn known(work: &Work, source: &dyn PartSource, name: String) -> Result<(Option<usize>, KnownPart)> {
    // Names that this program made state the same as footers, which are read with the rows and compared with them.
    if let Some((index, shares, kind, bucket)) = Folder::named(&name) {
        let units = work.units().share(index, shares);
        return Ok((Some(shares), KnownPart { name, kind, bucket, units }));
    }
    let header = Header::of(&name, &source.end(&name)?)?;
    header.expect(&name, work.seal())?;
    Ok((header.shares, KnownPart { name, kind: header.kind, bucket: header.bucket, units: header.units }))
}

/// Refuses a part that differs from its name.
///
/// # Errors
/// What it holds.
pub fn expect(work: &Work, name: &str, header: &Header) -> Result<()> {
    let Some((index, shares, kind, bucket)) = Folder::named(name) else { return Ok(()) };
    if (header.kind, header.bucket) == (kind, bucket) && header.units == work.units().share(index, shares) {
        return Ok(());
    }
    let (kind, bucket, units) = (header.kind.name(), header.bucket, header.units.len());
    Err(Error::Input(format!(
        "{name}: it holds {kind} of bucket {bucket} of {units} units, which its name does not say; fold share {index}/{shares} \
         into another folder"
    )))
}

/// Returns the parts, each once, and the units that are missing from one of them.
fn missing(work: &Work, parts: Vec<KnownPart>) -> Result<(Vec<KnownPart>, BTreeSet<usize>)> {
    let mut once: BTreeMap<(PartKind, u32, Vec<usize>), KnownPart> = BTreeMap::new();
    for part in parts {
        once.entry((part.kind, part.bucket, part.units.clone())).or_insert(part);
    }
    let mut missing = BTreeSet::new();
    for (kind, bucket) in expected(work) {
        let is_own = |part: &&KnownPart| {
            let is_settled = kind == PartKind::Copies && part.kind == PartKind::Gone;
            (part.kind == kind || is_settled) && bucket.is_none_or(|bucket| bucket == part.bucket)
        };
        let own: Vec<&KnownPart> = once.values().filter(is_own).collect();
        missing.extend(lacking(work, kind, &own)?);
    }
    Ok((once.into_values().collect(), missing))
}

/// Returns the kinds of parts that are required, the bucketed ones in every bucket.
pub fn expected(work: &Work) -> Vec<(PartKind, Option<u32>)> {
    let plan = work.plan();
    let is_made = |kind: PartKind| match kind {
        PartKind::Copies => plan.identity.is_some(),
        PartKind::Defects => plan.output.tables.contains(&Table::Defects),
        PartKind::Judged => plan.output.tables.contains(&Table::Judged),
        PartKind::Gone => false,
        PartKind::Counts | PartKind::Rejects | PartKind::Files | PartKind::Weeks => true,
    };
    let mut kinds = Vec::new();
    for kind in PartKind::ALL.into_iter().filter(|kind| is_made(*kind)) {
        match kind.is_bucketed() {
            true => kinds.extend((0..work.units().buckets).map(|bucket| (kind, Some(bucket)))),
            false => kinds.push((kind, None)),
        }
    }
    kinds
}

/// Returns the units that parts of one kind and bucket lack.
fn lacking(work: &Work, kind: PartKind, parts: &[&KnownPart]) -> Result<BTreeSet<usize>> {
    let all = || 0..work.units().units.len();
    if let Some(gone) = parts.iter().find(|part| part.kind == PartKind::Gone)
        && (parts.len() > 1 || gone.units.len() != all().len())
    {
        return Err(Error::Input(format!(
            "{}: it was settled before all parts of bucket {} were there; settle the bucket again with all of them",
            gone.name, gone.bucket
        )));
    }
    let mut of = vec![None; all().len()];
    for part in parts {
        for unit in &part.units {
            let place = of
                .get_mut(*unit)
                .ok_or_else(|| Error::Input(format!("{}: it holds unit {unit}, which the plan has not", part.name)))?;
            if let Some(other) = place.replace(&part.name) {
                let kind = kind.name();
                return Err(Error::Input(format!(
                    "{other} and {}: both hold {kind} of unit {unit}; keep one of them",
                    part.name
                )));
            }
        }
    }
    Ok(all().filter(|unit| of[*unit].is_none()).collect())
}

fn incomplete(work: &Work, source: &dyn PartSource, shares: Option<usize>, missing: &BTreeSet<usize>) -> Error {
    let place = source.shown();
    let Some(shares) = shares else {
        let units: Vec<String> = missing.iter().take(20).map(ToString::to_string).collect();
        let more = if missing.len() > units.len() { ", ..." } else { "" };
        return Error::Input(format!("{place}: parts are missing of the units {}{more}; fold them", units.join(", ")));
    };
    let lacks = |index: &usize| work.units().share(*index, shares).iter().any(|unit| missing.contains(unit));
    let lacking: Vec<String> = (1..=shares).filter(lacks).map(|index| format!("{index}/{shares}")).collect();
    Error::Input(format!(
        "{place}: parts are missing of {} of {shares} shares: {}; fold each with `vtr fold JOB --plan units.json --share I/{shares}`",
        lacking.len(),
        lacking.join(", ")
    ))
}
