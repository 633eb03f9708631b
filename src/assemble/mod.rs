//! Assemble: the files that sellers have become packages, one row each, in the form that a run reads.
//!
//! Spines make packages and sides lend them facts; records are distributed over partitions by order, then by number,
//! and joined there by the pure parts of this room. It judges nothing; the run does. It fails with the faults of the
//! inputs, by file and place, and leaves the published packages unchanged.

pub mod by_other;
mod categories;
pub mod coverage;
pub mod documents;
pub mod events;
mod exchange;
pub mod facts;
mod join;
mod judging;
mod lending;
pub mod orders;
pub mod others;
mod pack;
pub mod provenance;
pub mod publish;
pub mod read;
mod recent;
mod row;
mod scans;
mod stages;
pub mod tally;
mod typed;
mod weeks;
pub mod writes;

pub use crate::job::assembly::{Assemble, AssembleInput, Covers};
use tally::Tally;
pub use weeks::OWN as PACKAGE_COLUMNS;

use crate::error::{Error, Result};
use crate::job::assembly::FoldBy;
use crate::job::plan::{EvidenceWanted, Given, Plan};
use crate::place::object_files::is_uri;
use crate::publish::log::{self, InputFile, Manifest, day_text};
use crate::publish::store::{self, Content, Store};
use crate::scan::files::Listed;
use crate::scan::identity::{self, Known};
use categories::Categories;
use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use vtr_columnar::input::{Column, ColumnSet};
use vtr_kernel::Book;
use vtr_kernel::calendar::{Day, Zone};
use vtr_kernel::sources::{Field, Format, Role};
use vtr_kernel::text::shown as quoted;

/// A raw file, as it was found.
pub struct Raw {
    pub(crate) listed: Listed,
    pub(crate) format: Format,
    /// The name of its profile; empty without one.
    pub(crate) kind: String,
    pub(crate) role: &'static str,
    /// The digest of its content.
    pub(crate) digest: String,
}

/// The state that the stages share.
struct Context<'p> {
    assemble: &'p Assemble,
    book: &'p Book,
    utc: Zone,
    as_of: Day,
    /// The days asked for; `None` for all.
    range: Option<(Day, Day)>,
    has_events: bool,
    categories: Categories,
    /// Days within which every order should be known, by seller; an empty name is for sides that name no seller.
    spans: BTreeMap<String, (Day, Day)>,
    /// Carriers that no feed follows.
    unseen: HashSet<u16>,
    /// The ranks of the files by the numbers in their names, if the names as text give another order.
    ranks: Option<Vec<u32>>,
}

impl Context<'_> {
    fn span_of(&self, seller: &str) -> Option<&(Day, Day)> {
        self.spans.get(seller).or_else(|| self.spans.get(""))
    }
}

/// The treatment of packages that do not exist, or are outdated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// They are made.
    Make,
    /// They are made, closed weeks too.
    MakeAll,
    /// The published ones are taken unchanged.
    Standing,
}

/// The outcome for the packages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Assembled {
    /// The job joins nothing.
    None,
    /// No file or rule has changed.
    Unchanged,
    /// They were made.
    Made {
        /// Packages.
        packages: u64,
        /// Their weeks.
        weeks: usize,
        /// Files that were not there before.
        new: usize,
    },
    /// They are unchanged since they were published.
    Standing,
}

/// Makes the packages of a job that joins raw files, if needed, and lets the plan read them.
///
/// # Errors
/// Files that cannot be read, counts that do not add up, gaps in the coverage of the sides, or the place.
pub fn ready(plan: &mut Plan, mode: Mode) -> Result<Assembled> {
    let Some(assemble) = plan.assemble.clone() else { return Ok(Assembled::None) };
    let at = store::at(Path::new(&assemble.path))?;
    let base = publish::standing(at.as_ref(), plan)?;
    if mode == Mode::Standing {
        let Some(base) = base else {
            let (path, name) = (&assemble.path, &plan.name);
            return Err(Error::Usage(format!(
                "{path}: no packages are published there, which job `{name}` joins from raw files; `vtr run` makes them first"
            )));
        };
        give(plan, at.as_ref(), &base)?;
        return Ok(Assembled::Standing);
    }
    refuse_mixed_evidence(plan, &assemble)?;
    let files = find(plan, &assemble, at.as_ref(), Remember::Files)?;
    let inputs = inputs(&files);
    let is_same = |base: &Manifest| is_of(base, &assemble, &inputs) && holds_on(base, plan.as_of);
    if let Some(base) = base.as_ref().filter(|base| is_same(base)) {
        give(plan, at.as_ref(), base)?;
        return Ok(Assembled::Unchanged);
    }
    // Packages of a past day must not replace newer ones.
    let is_past = assemble.is_past || base.as_ref().is_some_and(|base| base.as_of > plan.as_of);
    let at = if is_past { scratch(plan, &assemble)? } else { at };
    let before: HashSet<String> = base.iter().flat_map(Manifest::all_files).map(|file| file.path.clone()).collect();
    let manifest = stages::assemble(plan, &assemble, files, inputs, at.clone(), mode)?;
    let packages = manifest.tables.get(publish::PACKAGES).cloned().unwrap_or_default();
    give(plan, at.as_ref(), &manifest)?;
    if packages.is_empty() {
        return Err(Error::Input(
            "no record of the raw files is a package that was known on that day; nothing was published".into(),
        ));
    }
    Ok(Assembled::Made {
        packages: packages.iter().map(|file| file.rows).sum(),
        weeks: packages.len(),
        new: packages.iter().filter(|file| !before.contains(&file.path)).count(),
    })
}

/// A preview of an assembly.
pub struct Joins {
    /// Where the packages go.
    pub path: String,
    /// Raw files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The facts of each input.
    pub inputs: Vec<JoinsInput>,
    /// The columns that packages have.
    pub columns: Vec<&'static str>,
    /// The required coverage, in words.
    pub covers: Vec<String>,
    /// Bytes that are spilled meanwhile, as an estimate.
    pub temporary: u64,
    /// How the published packages relate to these files.
    pub stands: Stands,
}

/// The facts of an input.
pub struct JoinsInput {
    /// Its paths, as written.
    pub paths: String,
    /// The name of its profile; empty without one.
    pub kind: String,
    /// Its role.
    pub role: &'static str,
    /// Its files.
    pub files: u64,
}

/// How published packages relate to the raw files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stands {
    /// They were made of these files.
    Same,
    /// They were made of other files.
    Changed,
    /// There are none.
    Nothing,
}

/// Previews the assembly of a job; `None` if it joins nothing.
///
/// # Errors
/// Paths that name nothing, files that cannot be read, or the place.
pub fn look(plan: &Plan) -> Result<Option<Joins>> {
    let Some(assemble) = plan.assemble.clone() else { return Ok(None) };
    let at = store::at(Path::new(&assemble.path))?;
    let base = publish::standing(at.as_ref(), plan)?;
    refuse_mixed_evidence(plan, &assemble)?;
    let files = find(plan, &assemble, at.as_ref(), Remember::Nothing)?;
    let of = |index: usize| files.iter().filter(move |file| file.listed.input == index).count() as u64;
    let stands = match &base {
        None => Stands::Nothing,
        Some(base) if is_of(base, &assemble, &inputs(&files)) && holds_on(base, plan.as_of) => Stands::Same,
        Some(_) => Stands::Changed,
    };
    let has = |role: Role| assemble.inputs.iter().any(|input| input.profile.role == role);
    let share =
        |name: &str, (part, whole): (u64, u64), what: &str| format!("{name} {} {what}", tally::share((part, whole)));
    let mut covers = Vec::new();
    if has(Role::Events) {
        covers.push(share("events_cover", assemble.covers.events, "of the numbers shipped over 7 days ago"));
        covers.push(share("statuses_unmapped", assemble.covers.unmapped, "of the events at the most"));
    }
    if has(Role::Orders) {
        covers.push(share("orders_cover", assemble.covers.orders, "of the packages within the days of the orders"));
    }
    let inputs = assemble.inputs.iter().enumerate().map(|(index, input)| JoinsInput {
        paths: input.paths.join(", "),
        kind: input.profile.kind.clone(),
        role: input.profile.role.name(),
        files: of(index),
    });
    Ok(Some(Joins {
        path: assemble.path.clone(),
        files: files.len() as u64,
        bytes: files.iter().map(|file| file.listed.bytes).sum(),
        inputs: inputs.collect(),
        columns: columns(&assemble).iter().map(Column::name).collect(),
        covers,
        temporary: files.iter().map(stages::inflated).sum::<u64>().saturating_mul(2),
        stands,
    }))
}

/// Returns files as a manifest names them.
fn inputs(files: &[Raw]) -> Vec<InputFile> {
    let input = |file: &Raw| InputFile {
        file: file.listed.shown.clone(),
        bytes: file.listed.bytes,
        digest: file.digest.clone(),
        ..InputFile::default()
    };
    files.iter().map(input).collect()
}

/// Returns whether packages were made of these files by these rules.
fn is_of(base: &Manifest, assemble: &Assemble, inputs: &[InputFile]) -> bool {
    let digests = |inputs: &[InputFile]| -> BTreeMap<String, String> {
        inputs.iter().map(|input| (input.file.clone(), input.digest.clone())).collect()
    };
    base.job.digest == assemble.digest && digests(&base.inputs) == digests(inputs)
}

/// Whether digests are kept for the next run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Remember {
    Files,
    Nothing,
}

/// The text in the manifest of packages if records were left out because they are newer than its `as_of`.
const NEWER: &str = "records are newer than as_of";

/// Returns whether packages of an earlier day are also those of a day: no record was left out that is known by then.
fn holds_on(base: &Manifest, as_of: Day) -> bool {
    base.as_of == as_of || (base.as_of < as_of && !base.warnings.iter().any(|warning| warning.contains(NEWER)))
}

/// Lets the plan read the packages of a manifest, with what is to be said of them.
fn give(plan: &mut Plan, store: &dyn Store, manifest: &Manifest) -> Result<()> {
    plan.of_packages = manifest.warnings.iter().map(|warning| format!("{}{warning}", log::JOINED)).collect();
    let given = manifest.tables.get(publish::PACKAGES).into_iter().flatten().map(|file| Given {
        shown: format!("{}/week={}", publish::PACKAGES, file.week.map(day_text).unwrap_or_default()),
        path: publish::locate(store, &file.path),
        by_week: file.by_week.clone(),
    });
    let given = given.collect();
    if let Some(input) = plan.inputs.first_mut() {
        input.given = Some(given);
    }
    by_other::recall(plan, store, manifest)
}

/// Returns a temporary place for packages that are not kept.
fn scratch(plan: &Plan, assemble: &Assemble) -> Result<Arc<dyn Store>> {
    let made = match assemble.scratch.get() {
        Some(folder) => folder,
        None => {
            let folder = tempfile::tempdir_in(&plan.temp)
                .map_err(|error| Error::failed(format!("{}: making a temporary folder", plan.temp.display()), error))?;
            assemble.scratch.get_or_init(|| folder)
        }
    };
    store::at(made.path())
}

/// Lists the raw files with their digests.
fn find(plan: &Plan, assemble: &Assemble, at: &dyn Store, remember: Remember) -> Result<Vec<Raw>> {
    let paths: Vec<&[String]> = assemble.inputs.iter().map(|input| input.paths.as_slice()).collect();
    let format_of = |input: usize, name: &str| {
        let input = &assemble.inputs[input];
        match input.format {
            Some(Format::Json) => read::format_of(name, Format::Json).or(Some((Format::Json, packing_of(name)))),
            Some(format) => Some((format, packing_of(name))),
            None => read::format_of(name, input.profile.format),
        }
    };
    let (listed, published) =
        crate::scan::files::list_raw(plan, &paths, &|input, name| format_of(input, name).map(|(_, packing)| packing))?;
    published.iter().filter(|_| remember == Remember::Files).for_each(|said| crate::progress::warn(said));
    let mut known = Known::default();
    known.read(&publish::memory(at)?);
    let digests = identity::digests(&known, &listed, plan)?;
    if remember == Remember::Files
        && let Some(text) = known.written()
        && !is_uri(&assemble.path)
        && Path::new(&assemble.path).is_dir()
    {
        // A file that is not remembered is hashed again.
        let _ = at.put(crate::publish::stale::MEMORY, Content::of(&text), &plan.run_id);
    }
    let raw = |(listed, digest): (Listed, String)| {
        let input = &assemble.inputs[listed.input];
        let format = format_of(listed.input, &listed.shown).map_or(Format::Csv, |(format, _)| format);
        Raw { format, kind: input.profile.kind.clone(), role: input.profile.role.name(), digest, listed }
    };
    Ok(listed.into_iter().zip(digests).map(raw).collect())
}

fn packing_of(name: &str) -> crate::scan::files::Packing {
    crate::scan::files::packing(&name.to_ascii_lowercase())
}

/// Returns whether spines have scans of their own.
fn has_scans(input: &AssembleInput) -> bool {
    let own = input.fills(Field::FirstScanAt) || input.fills(Field::DeliveryScanAt);
    own || (input.fold() == Some(FoldBy::Documents) && input.fills(Field::PackageStatus))
}

/// Refuses spines of which some have scans and others none, unless the job declares the evidence.
fn refuse_mixed_evidence(plan: &Plan, assemble: &Assemble) -> Result<()> {
    let has_events = assemble.inputs.iter().any(|input| input.profile.role == Role::Events);
    let spines = || assemble.inputs.iter().filter(|input| input.profile.role == Role::Shipments);
    if has_events || plan.evidence != EvidenceWanted::Auto || spines().all(has_scans) || !spines().any(has_scans) {
        return Ok(());
    }
    let of = |scans: bool| {
        let named = spines()
            .filter(|input| has_scans(input) == scans)
            .map(|input| quoted(&input.paths.join(", ")).into_owned());
        named.collect::<Vec<_>>().join(", ")
    };
    Err(Error::Input(format!(
        "{} tell of scans and {} do not: packages of both are never judged alike; give an input of events, run them as two jobs, or \
         set `evidence`: with \"scans\" a package counts as never scanned if neither its record nor a document has its number",
        of(true),
        of(false)
    )))
}

/// Returns the columns that packages have, which the job alone decides.
fn columns(assemble: &Assemble) -> ColumnSet {
    let inputs = &assemble.inputs;
    let spines = || inputs.iter().filter(|input| input.profile.role == Role::Shipments);
    let fills = |field: Field| {
        inputs.iter().any(|input| matches!(input.profile.role, Role::Shipments | Role::Orders) && input.fills(field))
    };
    let has_role = |role: Role| inputs.iter().any(|input| input.profile.role == role);
    let is_there = |column: &Column| match column {
        Column::SellerId | Column::Marketplace | Column::OrderId | Column::ShippedAt | Column::PromisedDeliveryAt => {
            true
        }
        Column::Carrier => spines().any(|input| input.fills(Field::Carrier)),
        Column::TrackingNumber => spines().any(|input| input.fills(Field::TrackingNumber)),
        Column::PackageValue | Column::Currency => fills(Field::PackageValue) || fills(Field::ItemPrice),
        Column::ProductCategory => has_role(Role::Categories) || fills(Field::ProductCategory),
        Column::FirstScanAt | Column::DeliveryScanAt => has_role(Role::Events) || spines().any(has_scans),
        Column::TrackingAddedAt => spines().any(|input| match input.fold() {
            Some(FoldBy::Writes) => input.fills(Field::WrittenAt),
            Some(FoldBy::Documents) => input.fills(Field::CreatedAt) || input.fills(Field::TrackingAddedAt),
            _ => input.fills(Field::TrackingAddedAt),
        }),
        Column::UpdatedAt => spines().any(|input| input.fills(Field::UpdatedAt) || input.fills(Field::WrittenAt)),
        other => Field::from_name(other.name()).is_some_and(fills),
    };
    Column::ALL.into_iter().filter(is_there).collect()
}
