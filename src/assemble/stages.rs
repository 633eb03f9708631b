//! The stages of an assembly: files to rows, rows to packages by order, packages to events by number, packages to
//! weeks.
//!
//! Threads take files, partitions and weeks in any order; the results are sorted by a unique key and so the same for
//! any number of threads. The number of partitions bounds the memory. It fails as its parts do, and if the fates of a
//! file's records do not add up to the records read.

use super::coverage::{self, Coverage};
use super::exchange::{self, Exchange};
use super::facts::{Fate, RecordPlace, number_key};
use super::judging::Judging;
use super::publish::{self, PackagePublication};
use super::read::{self, RawFile, ReadSettings};
use super::tally::Told;
use super::typed::{self, Noted, Typed};
use super::weeks::{self, PackageBatches};
use super::{Assemble, Categories, Context, Mode, NEWER, Raw, Tally, join, lending, scans};
use crate::error::{Error, Result};
use crate::job::assembly::AssembleInput;
use crate::job::plan::{ByWeek, EvidenceWanted, OnBadFile, Plan};
use crate::place::budget::Purpose;
use crate::place::spill::{Spill, SpillRange};
use crate::publish::asides::{AsidePlace, SetAside};
use crate::publish::gates;
use crate::publish::log::{InputFile, Manifest};
use crate::publish::store::Store;
use crate::scan::files::Packing;
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use vtr_columnar::asides::{Aside, Bound};
use vtr_columnar::fold::Reject;
use vtr_columnar::input::Column;
use vtr_kernel::calendar::{Day, Zone};
use vtr_kernel::sources::{Field, Role};
use vtr_kernel::text::shown as quoted;

/// The assumed inflation of a compressed file, by which the number of partitions is chosen.
const INFLATES: u64 = 8;
/// Bytes in memory for a stored byte of raw text while its partition is joined, index and sorting included.
const IN_MEMORY: u64 = 4;
/// The most partitions: each has a small buffer in every thread.
const PARTITIONS: u64 = 256;
/// Days at the beginning of the orders' span in which the order of a package may have been placed before the span, so
/// that it need not be known.
const BEFORE: Day = 7;
/// Days by which the span ends before the promise of an order whose day of placing is unknown.
const BEHIND: Day = 14;

/// Makes the packages of all files and publishes them.
pub(super) fn assemble(
    plan: &Plan,
    assemble: &Assemble,
    files: Vec<Raw>,
    inputs: Vec<InputFile>,
    at: Arc<dyn Store>,
    mode: Mode,
) -> Result<Manifest> {
    let publication = PackagePublication::begin(at, plan)?;
    let parts = partitions(plan, &files);
    let mut left_out = HashSet::new();
    let (first, by_order, by_event) = loop {
        let (by_order, by_event) = (Exchange::new(&plan.temp, parts), Exchange::new(&plan.temp, parts));
        let first = read_all(plan, assemble, &files, &left_out, &by_order, &by_event)?;
        if first.bad.is_empty() {
            break (first, by_order, by_event);
        }
        // If a file proves to be bad while it is read, none of its records may count: all files are read again without
        // it.
        left_out.extend(first.bad.keys().copied());
        for (file, why) in &first.bad {
            let name = quoted(&files[*file].listed.shown);
            crate::progress::warn(&format!("left out, on_bad_file = \"skip\": {name}: {why}"));
        }
        if left_out.len() == files.len() {
            return Err(Error::Input("every raw file was refused, so none can be left out".into()));
        }
    };
    let names: Vec<String> = files.iter().map(|file| file.listed.shown.clone()).collect();
    let context = Context {
        assemble,
        book: &plan.book,
        utc: Zone::utc(),
        as_of: plan.as_of,
        range: plan.range.map(|range| range.days()),
        has_events: assemble.inputs.iter().any(|input| input.profile.role == Role::Events),
        categories: first.categories,
        spans: first.spans,
        unseen: assemble.unseen.iter().filter_map(|id| plan.book.carriers.by_id(id)).map(|id| id.0).collect(),
        ranks: lending::ranks(&names),
    };
    let mut tally = first.tally;
    let by_number = Exchange::new(&plan.temp, parts);
    for other in join_orders(plan, &context, &by_order, &by_number)? {
        tally.merge(other);
    }
    drop(by_order);
    let spill = Spill::below(&plan.temp);
    let mut runs: BTreeMap<Day, Vec<SpillRange>> = BTreeMap::new();
    for (other, own) in join_numbers(plan, &context, &by_number, &by_event, &spill)? {
        tally.merge(other);
        own.into_iter().for_each(|(week, run)| runs.entry(week).or_default().push(run));
    }
    context.categories.count(&mut tally);
    let mut rejects = first.rejects;
    rejects.sort_by_key(|(file, reject)| (*file, reject.record));
    rejects.truncate(plan.limits.max_rejected_rows_kept);
    add_up(&files, &first.read, &tally)?;
    refuse_rejects(plan, &files, &tally, &rejects)?;
    let set_aside = set_aside(&files, &first.asides);
    refuse_set_aside(plan, &files, &first.read, &set_aside)?;
    let name = |file: u32| quoted(&files[file as usize].listed.shown).into_owned();
    let carrier = |id: u16| plan.book.carriers.entry(vtr_kernel::carrier::CarrierId(id)).id.clone();
    let told = told(plan, assemble, (&name, &carrier));
    tally.judge(&told)?;
    let coverage = Coverage::below(&plan.temp);
    let sorted = SortedPackages { spill: &spill, runs: &runs, names: &names, coverage: &coverage };
    write_weeks(plan, assemble, &sorted, &publication)?;
    publication.write(publish::FILES, None, publish::files_table(&files, &tally)?, ByWeek::new())?;
    publication.write(coverage::COVERAGE, None, coverage.table()?, ByWeek::new())?;
    publication.write(publish::REJECTS, None, publish::rejects_table(&files, &rejects)?, ByWeek::new())?;
    let closed = plan.first_open().filter(|_| mode != Mode::MakeAll && plan.range.is_none());
    let warnings = warnings(&tally, &told).into_iter().chain(set_aside.iter().map(SetAside::sentence)).collect();
    publication.commit(plan, &assemble.digest, inputs, publish::ManifestNotes { warnings, set_aside }, closed)
}

/// Names of files by number, and of carriers.
type Names<'a> = (&'a dyn Fn(u32) -> String, &'a dyn Fn(u16) -> String);

/// Returns what the warnings of a tally depend on beside its counts.
fn told<'a>(plan: &Plan, assemble: &'a Assemble, (file, carrier): Names<'a>) -> Told<'a> {
    let columns = super::columns(assemble);
    let has_scans = [Column::FirstScanAt, Column::DeliveryScanAt].iter().any(|scan| columns.contains(*scan));
    Told {
        has_orders: assemble.inputs.iter().any(AssembleInput::lends_orders),
        covers: &assemble.covers,
        window: assemble.window,
        judges_scans: has_scans && plan.evidence != EvidenceWanted::Format,
        file,
        carrier,
    }
}

/// Returns warnings that do not change between equal runs.
fn warnings(tally: &Tally, told: &Told) -> Vec<String> {
    let newer: u64 = tally.fates.values().map(|fates| fates[Fate::AfterAsOf as usize]).sum();
    let mut warnings = Vec::new();
    if newer > 0 {
        warnings.push(format!("{newer} {NEWER} and were left out of the packages"));
    }
    let unmapped: u64 = tally.unmapped.values().map(|(count, _)| count).sum();
    if unmapped > 0 {
        let worst = tally.unmapped.iter().max_by_key(|(key, (count, _))| (*count, std::cmp::Reverse(*key)));
        let words = worst.map(|((status, sub), _)| format!("{status} {sub}")).unwrap_or_default();
        let words = quoted(words.trim()).into_owned();
        warnings.push(format!(
            "{unmapped} statuses of {} are in no list and tell of no scan, `{words}` above all",
            tally.statuses
        ));
    }
    warnings.extend(tally.warnings(told));
    warnings
}

/// Returns the estimated bytes of a file once inflated.
pub(super) fn inflated(file: &Raw) -> u64 {
    match file.listed.packing {
        Packing::Plain => file.listed.bytes,
        _ => file.listed.bytes.saturating_mul(INFLATES),
    }
}

/// Returns the number of partitions that keeps each small enough.
fn partitions(plan: &Plan, files: &[Raw]) -> usize {
    let all: u64 = files.iter().map(inflated).sum::<u64>().saturating_mul(IN_MEMORY);
    let share = plan.budget().share(Purpose::Copies).max(1 << 20) as u64;
    usize::try_from(all.div_ceil(share).clamp(1, PARTITIONS)).unwrap_or(1)
}

/// Runs pieces of work in threads, each of which has its own state.
fn pool<S, R: Send>(
    threads: usize,
    count: usize,
    begin: &(dyn Fn() -> S + Sync),
    step: &(dyn Fn(&mut S, usize) -> Result<()> + Sync),
    end: &(dyn Fn(S) -> Result<R> + Sync),
) -> Result<Vec<R>> {
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let ended: Mutex<Vec<Result<R>>> = Mutex::default();
    let work = || {
        let mut state = begin();
        let done = loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count || stop.load(Ordering::Relaxed) {
                break Ok(());
            }
            if let Err(error) = step(&mut state, index) {
                stop.store(true, Ordering::Relaxed);
                break Err(error);
            }
        };
        let result = done.and_then(|()| end(state));
        ended.lock().push(result);
    };
    std::thread::scope(|scope| {
        (0..threads.clamp(1, count.max(1))).for_each(|_| drop(scope.spawn(work)));
    });
    ended.into_inner().into_iter().collect()
}

/// The result of reading all files.
#[derive(Default)]
struct First {
    tally: Tally,
    /// Records and rejects by file, as the readers count them.
    read: BTreeMap<usize, u64>,
    rejects: Vec<(u32, Reject)>,
    /// Cells that are set aside or read without their wrapper, by reason, field and file.
    asides: BTreeMap<(Aside, Field, usize), Noted>,
    spans: BTreeMap<String, (Day, Day)>,
    categories: Categories,
    /// Files that cannot be read to their end and may be left out.
    bad: BTreeMap<usize, String>,
}

/// The state of a reading thread.
struct ReadState<'e> {
    by_order: exchange::ExchangeWriter<'e>,
    by_event: exchange::ExchangeWriter<'e>,
    first: First,
    /// Rows of category maps: seller, SKU, category, place.
    categories: Vec<(Option<String>, String, String, RecordPlace)>,
    /// Files that must not be bad.
    refused: BTreeMap<usize, String>,
}

fn read_all(
    plan: &Plan,
    assemble: &Assemble,
    files: &[Raw],
    left_out: &HashSet<usize>,
    by_order: &Exchange,
    by_event: &Exchange,
) -> Result<First> {
    let begin = || ReadState {
        by_order: by_order.writer(),
        by_event: by_event.writer(),
        first: First::default(),
        categories: Vec::new(),
        refused: BTreeMap::new(),
    };
    let step = |state: &mut ReadState, index: usize| match left_out.contains(&index) {
        true => Ok(()),
        false => read_one(plan, assemble, &files[index], index, state),
    };
    let end = |state: ReadState| {
        state.by_order.end()?;
        state.by_event.end()?;
        Ok((state.first, state.categories, state.refused))
    };
    let mut all = First::default();
    let mut refused = BTreeMap::new();
    for (first, categories, bad) in pool(plan.budget().threads(), files.len(), &begin, &step, &end)? {
        all.tally.merge(first.tally);
        all.read.extend(first.read);
        all.rejects.extend(first.rejects);
        all.asides.extend(first.asides);
        all.bad.extend(first.bad);
        for (seller, (from, to)) in first.spans {
            let span = all.spans.entry(seller).or_insert((from, to));
            *span = (span.0.min(from), span.1.max(to));
        }
        for (seller, sku, category, place) in categories {
            all.categories.add(seller.as_deref(), &sku, &category, place);
        }
        refused.extend(bad);
    }
    if !refused.is_empty() {
        let lines: Vec<String> =
            refused.iter().map(|(file, why)| format!("{}: {why}", quoted(&files[*file].listed.shown))).collect();
        return Err(Error::Input(format!(
            "{} of {} raw files refused:\n  {}",
            lines.len(),
            files.len(),
            lines.join("\n  ")
        )));
    }
    all.spans.values_mut().for_each(|(from, to)| (*from, *to) = (from.saturating_add(BEFORE), *to));
    all.spans.retain(|_, (from, to)| from <= to);
    Ok(all)
}

fn read_one(plan: &Plan, assemble: &Assemble, file: &Raw, index: usize, state: &mut ReadState) -> Result<()> {
    let input = &assemble.inputs[file.listed.input];
    let place = file.listed.input as u16;
    let constants = match read::constants(&input.profile, input.from_path.as_ref(), &file.listed.shown) {
        Ok(constants) => constants,
        Err(why) => {
            state.refused.insert(index, why);
            return Ok(());
        }
    };
    let raw = RawFile {
        origin: &file.listed.origin,
        shown: &file.listed.shown,
        format: file.format,
        packing: file.listed.packing,
        constants: &constants,
    };
    let reading = reading(assemble, file);
    let typed = typed::File::of(input, place, index as u32, plan.as_of);
    let (by_order, by_event) = (&mut state.by_order, &mut state.by_event);
    let (categories, spans) = (&mut state.categories, &mut state.first.spans);
    let mut buffer = String::new();
    let mut take = |record: &Typed| -> Result<()> {
        let text = |field: Field| record.text(field).unwrap_or_default();
        match input.profile.role {
            Role::Shipments => by_order.add(text(Field::OrderId), |bytes| record.write(bytes)),
            Role::Orders => {
                widen(spans, record, &typed.utc);
                by_order.add(text(Field::OrderId), |bytes| record.write(bytes))
            }
            Role::Events => {
                by_event.add(number_key(text(Field::TrackingNumber), &mut buffer), |bytes| record.write(bytes))
            }
            Role::Categories => {
                let place = RecordPlace { file: record.head.file, record: record.head.record };
                let seller = record.text(Field::SellerId).map(str::to_owned);
                categories.push((seller, text(Field::Sku).to_owned(), text(Field::ProductCategory).to_owned(), place));
                Ok(())
            }
        }
    };
    match typed.read(&raw, &reading, plan.limits.max_rejected_rows_kept, &mut take)? {
        Ok(read) => {
            state.first.read.insert(index, read.counts.records + read.counts.rejected);
            for fate in Fate::ALL {
                state.first.tally.fate(index as u32, fate, read.fates[fate as usize]);
            }
            let of_file = read.asides.into_iter().map(|((aside, field), noted)| ((aside, field, index), noted));
            state.first.asides.extend(of_file);
            state.first.rejects.extend(read.rejects.into_iter().map(|reject| (index as u32, reject)));
        }
        Err(why) => {
            if let Some(trouble) = file.listed.origin.trouble() {
                return Err(trouble);
            }
            let bad = if input.on_bad_file == OnBadFile::Skip { &mut state.first.bad } else { &mut state.refused };
            bad.insert(index, why);
        }
    }
    Ok(())
}

/// Returns how a file is read.
pub(super) fn reading<'a>(assemble: &'a Assemble, file: &Raw) -> ReadSettings<'a> {
    let input = &assemble.inputs[file.listed.input];
    let is_columnar = file.format == vtr_kernel::sources::Format::Parquet;
    ReadSettings {
        profile: &input.profile,
        from_job: &input.from_job,
        dialect: &input.dialect,
        cells: if is_columnar { &input.columnar_cells } else { &input.cells },
        limits: &assemble.limits,
        max_document_bytes: assemble.max_document_bytes,
    }
}

/// Widens the days that a seller's orders span.
fn widen(spans: &mut BTreeMap<String, (Day, Day)>, record: &Typed, utc: &Zone) {
    let created = record.time(Field::CreatedAt).map(|at| at.day(utc));
    let promised = || record.time(Field::PromisedDeliveryAt).map(|at| at.day(utc));
    // An order is shipped after it was placed, and some days before its promise.
    let (Some(day), behind) = (created.or_else(promised), if created.is_some() { 0 } else { BEHIND }) else { return };
    let (from, to) = (day, day.saturating_sub(behind));
    let seller = record.text(Field::SellerId).unwrap_or_default();
    match spans.get_mut(seller) {
        Some(span) => *span = (span.0.min(from), span.1.max(to)),
        None => drop(spans.insert(seller.to_owned(), (from, to))),
    }
}

fn join_orders(plan: &Plan, context: &Context, from: &Exchange, onward: &Exchange) -> Result<Vec<Tally>> {
    let step = |(writer, tally): &mut (exchange::ExchangeWriter, Tally), part: usize| {
        plan.budget().check()?;
        join::partition(context, &from.read(part)?, writer, tally)
    };
    let end = |(writer, tally): (exchange::ExchangeWriter, Tally)| writer.end().map(|()| tally);
    pool(plan.budget().threads(), from.parts(), &|| (onward.writer(), Tally::default()), &step, &end)
}

type TalliedRuns = (Tally, Vec<(Day, SpillRange)>);

fn join_numbers(
    plan: &Plan,
    context: &Context,
    packages: &Exchange,
    events: &Exchange,
    spill: &Spill,
) -> Result<Vec<TalliedRuns>> {
    let step = |(tally, runs): &mut TalliedRuns, part: usize| {
        plan.budget().check()?;
        scans::partition(context, &packages.read(part)?, &events.read(part)?, spill, runs, tally)
    };
    pool(plan.budget().threads(), packages.parts(), &TalliedRuns::default, &step, &|state| Ok(state))
}

/// Checks that every record that was read has one fate.
fn add_up(files: &[Raw], read: &BTreeMap<usize, u64>, tally: &Tally) -> Result<()> {
    for (index, file) in files.iter().enumerate() {
        let ended: u64 = tally.fates.get(&(index as u32)).map_or(0, |fates| fates.iter().sum());
        let read = read.get(&index).copied().unwrap_or(0);
        if read != ended {
            let what = format!(
                "{}: {read} records were read and {ended} are accounted for; this is a fault of the program, and nothing was published",
                quoted(&file.listed.shown)
            );
            return Err(Error::Failed { what, source: None });
        }
    }
    Ok(())
}

/// Refuses more rejects than the job allows.
fn refuse_rejects(plan: &Plan, files: &[Raw], tally: &Tally, rejects: &[(u32, Reject)]) -> Result<()> {
    let read: u64 = tally.fates.values().flatten().sum();
    let rejected: u64 = tally.fates.values().map(|fates| fates[Fate::Rejected as usize]).sum();
    let (part, whole) = plan.limits.max_rejected;
    if u128::from(rejected) * u128::from(whole) <= u128::from(read) * u128::from(part) {
        return Ok(());
    }
    let sample = |(file, reject): &(u32, Reject)| {
        let line = reject.line.map(|line| format!(" line {line}")).unwrap_or_default();
        let column = reject.column.as_ref().map(|column| format!(" `{column}`:")).unwrap_or_default();
        format!(
            "{} record {}{line}:{column} {}",
            quoted(&files[*file as usize].listed.shown),
            reject.record,
            reject.reason
        )
    };
    let samples: Vec<String> = rejects.iter().take(3).map(sample).collect();
    Err(Error::Gate(format!(
        "{rejected} of {read} records of the raw files are rejected, more than limits.max_rejected bears; the packages were not \
         replaced, and nothing was published:\n  {}",
        samples.join("\n  ")
    )))
}

/// Returns the counts of cells that are set aside or unwrapped, by reason and field, with the first places of all files.
fn set_aside(files: &[Raw], asides: &BTreeMap<(Aside, Field, usize), Noted>) -> Vec<SetAside> {
    let each = asides.iter().map(|((aside, field, file), noted)| {
        let place = |record: &u64| AsidePlace { file: files[*file].listed.shown.clone(), record: *record };
        SetAside {
            kind: aside.entry().name.to_owned(),
            column: field.name().to_owned(),
            count: noted.count,
            places: noted.records.iter().map(place).collect(),
        }
    });
    SetAside::added_up(&each.collect::<Vec<_>>())
}

/// Refuses more amounts with an open decimal mark than the job allows, as a share of the records that may have amounts.
fn refuse_set_aside(plan: &Plan, files: &[Raw], read: &BTreeMap<usize, u64>, all: &[SetAside]) -> Result<()> {
    let has_amounts = |file: &usize| [Role::Shipments, Role::Orders].map(Role::name).contains(&files[*file].role);
    let records = read.iter().filter(|(file, _)| has_amounts(file)).map(|(_, read)| read).sum();
    gates::set_aside(Bound::MaxDamaged, plan.limits.max_damaged, all, records)
}

/// The packages by week, and their coverage.
struct SortedPackages<'s> {
    spill: &'s Spill,
    runs: &'s BTreeMap<Day, Vec<SpillRange>>,
    /// Shown names of the files.
    names: &'s [String],
    coverage: &'s Coverage,
}

fn write_weeks(
    plan: &Plan,
    assemble: &Assemble,
    sorted: &SortedPackages,
    publication: &PackagePublication,
) -> Result<()> {
    let columns = super::columns(assemble);
    let schema = weeks::schema(columns);
    let utc = Zone::utc();
    let all: Vec<(&Day, &Vec<SpillRange>)> = sorted.runs.iter().collect();
    let step = |_: &mut (), index: usize| {
        crate::signals::check()?;
        let (week, runs) = all[index];
        let mut cells = sorted.coverage.week(&plan.book, &utc, *week);
        let mut judging = Judging::of(&plan.book, &utc);
        let rows = PackageBatches::of(sorted.spill, runs, columns, sorted.names, (&mut cells, &mut judging))?;
        let encoded = publish::week_file(rows, &schema)?;
        cells.end()?;
        publication.write(publish::PACKAGES, Some(*week), encoded, judging.end())
    };
    pool(plan.budget().threads(), all.len(), &|| (), &step, &|()| Ok(())).map(drop)
}
