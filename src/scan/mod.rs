//! From the paths of a job to Arrow batches with canonical column names.
//!
//! `survey` looks at every file before any work: its columns, types, evidence and, for Parquet, its footer; `read`
//! then returns one unit after the other. It renames, cuts and decodes; it neither trims nor judges, and it never
//! turns an unreadable value into a null: records become rejects, and bad files are refused, all at once.

mod absent;
mod choose;
pub(crate) mod content;
pub(crate) mod csv;
pub(crate) mod damage;
pub(crate) mod decode;
mod evidence;
pub(crate) mod files;
pub(crate) mod footer;
pub(crate) mod headings;
pub mod identity;
mod inflate;
pub mod isolate;
pub(crate) mod known;
pub(crate) mod labels;
pub(crate) mod marks;
pub(crate) mod midnight;
pub(crate) mod pages;
pub(crate) mod parquet;
mod prune;
pub(crate) mod published;
pub(crate) mod records;
pub(crate) mod repeated;
pub(crate) mod sampled;
mod seen;
mod spans;
pub(crate) mod store;
pub(crate) mod table_formats;
mod thrift;
pub(crate) mod twice;
mod unmapped;

use crate::error::{Error, Result};
use crate::job::plan::{AsOfMode, Format, Identity, Input, Limits, OnBadFile, Plan};
use crate::place::budget::Budget;
use crate::place::object_files::is_uri;
pub use absent::NotJudged;
use arrow::array::RecordBatch;
pub(crate) use files::split_glob;
use files::{Listed, Packing};
use headings::Mapping;
pub use seen::Seen;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
pub use store::{Origin, Stamp};
use vtr_columnar::fold::{Records, Reject};
use vtr_columnar::input::{Column, ColumnSet};
use vtr_kernel::Book;
use vtr_kernel::calendar::Day;
use vtr_kernel::ladder::Evidence;
use vtr_kernel::text::shown as quoted;

/// The inputs that a run will read.
pub struct Survey {
    /// All files, bytewise by their shown paths.
    pub files: Vec<SourceFile>,
    /// The units to read; bigger units come before those of less than about half their size.
    pub units: Vec<Unit>,
    /// Row groups that are left out and can hold rows after all days that are read, earliest first: none of their rows
    /// counts, but they show whether the data go on.
    pub beyond: Vec<Unit>,
    /// The evidence by which all files are judged.
    pub evidence: Evidence,
    /// The outcomes that cannot be judged because columns are absent.
    pub not_judged: Vec<NotJudged>,
    /// How each file is read, in the order of `files`.
    sources: Vec<FileDecoding>,
    /// Whether the files are packages that this program joined: they hold the days of their sources as moments.
    is_joined: bool,
    /// What reading has met in the rows.
    watch: seen::Watch,
    /// How copies are found, if at all.
    identity: Option<Identity>,
    /// Files that the job allows to be left out, and the reasons.
    left_out: Vec<String>,
    /// What is said of headings that are known and that the job does not map.
    pub unmapped: Vec<String>,
    /// What is said of files that lie beside those that are read.
    beside: Option<String>,
    /// What is said of files that this program published and that paths of the job lead to.
    published: Option<String>,
    /// The reasons of those, by shown path.
    refused: BTreeMap<String, String>,
    /// Those of them that reading found to be bad, by path, each with the identity of its content.
    pub bad: Vec<identity::BadFile>,
}

/// The words before a file that is left out, and why.
pub const LEFT_OUT: &str = "left out, on_bad_file = \"skip\": ";

impl Survey {
    /// Returns warnings about facts that reject nothing and should be known, in sentences.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings: Vec<String> = self.left_out().chain(self.beside.iter().cloned()).collect();
        warnings.extend(self.absent());
        warnings.extend(self.unmapped.iter().cloned());
        warnings.extend(self.watch.warnings(&self.files, self.is_joined, self.identity));
        warnings
    }

    /// Returns what is said of files that are no inputs because this program published them; it depends on what was
    /// published before.
    pub fn published(&self) -> Option<&str> {
        self.published.as_deref()
    }

    /// Returns what reading a file has met, for another process.
    pub fn seen(&self, file: u32) -> Seen {
        self.watch.seen(file)
    }

    /// Notes what another process has met in a file.
    pub fn see(&self, file: u32, seen: Seen) {
        self.watch.see(file, seen);
    }

    /// Returns the orders in which reading has looked for packages that count twice, for another process.
    pub(crate) fn twice(&self) -> &twice::Twice {
        &self.watch.twice
    }

    /// Files that were refused and that the job allows to be left out, with every reason.
    pub fn refused(&self) -> &BTreeMap<String, String> {
        &self.refused
    }

    /// Returns what the absence of number, carrier or scans means, in sentences.
    fn absent(&self) -> impl Iterator<Item = String> {
        let is_told = |column| {
            matches!(column, Column::Carrier | Column::TrackingNumber)
                || matches!(self.evidence, Evidence::Scans)
                    && matches!(column, Column::FirstScanAt | Column::DeliveryScanAt)
        };
        let of = self.files.len();
        let differ = move |absent: &&NotJudged| absent.files.len() < of;
        let without_scans = matches!(self.evidence, Evidence::Format)
            && !self.files.iter().any(|file| file.columns.contains(Column::FirstScanAt))
            && !self.files.iter().any(|file| file.columns.contains(Column::DeliveryScanAt));
        let scans = "no file has `first_scan_at` or `delivery_scan_at`: packages are judged on the number alone, and whether \
                     the carrier scanned them is not known";
        let absent = self.not_judged.iter().filter(move |absent| is_told(absent.column) || differ(absent));
        let absent = absent.map(move |absent| {
            let differs =
                if absent.files.len() < of { "; the inputs differ in it: compare their headings" } else { "" };
            absent.told(of) + differs
        });
        without_scans.then(|| scans.to_owned()).into_iter().chain(absent)
    }

    /// Returns the files that are left out, and why, in sentences.
    pub fn left_out(&self) -> impl Iterator<Item = String> {
        self.left_out.iter().map(|what| format!("{LEFT_OUT}{what}"))
    }

    /// Returns the survey without files that proved to be bad.
    ///
    /// # Errors
    /// A bad file may not be left out, or no file remains.
    pub fn without(self, plan: &Plan, bad: Vec<(u32, String)>) -> Result<Survey> {
        let input = |file: u32| &plan.inputs[self.files[file as usize].input];
        if bad.iter().any(|(file, _)| input(*file).on_bad_file == OnBadFile::Fail) {
            return Err(Error::BadFiles(bad));
        }
        let gone: HashSet<u32> = bad.iter().map(|(file, _)| *file).collect();
        let (mut refused, mut known) = (self.refused, self.bad);
        for (index, what) in bad {
            let file = &self.files[index as usize];
            let why = what.strip_prefix(&format!("{}: ", quoted(&file.shown))).unwrap_or(&what);
            refused.insert(file.shown.clone(), why.to_owned());
            let digest = identity::of_bad(plan, file);
            known.extend(digest.map(|digest| identity::BadFile {
                file: file.shown.clone(),
                digest,
                why: why.to_owned(),
                under: plan.bounds(),
            }));
        }
        known.sort_by(|a, b| a.file.cmp(&b.file));
        // In the order of files, whether the survey refused them or reading did.
        let left_out = refused.iter().map(|(shown, why)| format!("{}: {why}", quoted(shown))).collect();
        let (mut looked, mut places) = (Vec::new(), Vec::new());
        for (index, (file, source)) in (0..).zip(self.files.into_iter().zip(self.sources)) {
            places.push(looked.len() as u32);
            if !gone.contains(&index) {
                looked.push((file, source));
            }
        }
        let stay = |units: Vec<Unit>| -> Vec<Unit> {
            let stays = units.into_iter().filter(|unit| !gone.contains(&unit.file));
            stays.map(|unit| Unit { file: places[unit.file as usize], ..unit }).collect()
        };
        let (units, beyond) = (stay(self.units), stay(self.beyond));
        let ((files, sources), published) = (looked.into_iter().unzip(), self.published);
        Ok(Survey { refused, bad: known, published, ..finished(plan, files, (units, beyond), sources, left_out)? })
    }
}

/// A file of a run.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// Its path relative to the job's folder, with `/`.
    pub shown: String,
    /// Where its bytes are.
    pub origin: Origin,
    /// Index of its input in the plan.
    pub input: usize,
    /// How it is written.
    pub format: Format,
    /// Its size.
    pub bytes: u64,
    /// The identifier of its content; `None` if it is not known before reading.
    pub digest: Option<String>,
    /// Rows by the footer; for CSV not known before reading.
    pub rows: Option<u64>,
    /// Rows of row groups that are not read because none of the days asked for can be in them.
    pub rows_pruned: u64,
    /// The possible days of each row group's rows; `None` if not known before reading.
    pub days: Option<Vec<GroupDays>>,
    /// Columns that it has, constants and those from its path included.
    pub columns: ColumnSet,
    /// Columns with one value: constants and those from its path.
    pub constants: Vec<(Column, String)>,
    /// Columns that it lacks by the job's mapping, each with a heading that is known as it.
    pub unmapped: Vec<(Column, String)>,
    /// How much of it is read.
    pub reading: Extent,
}

/// How much of a file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All, or the row groups that can matter.
    Read,
    /// Nothing: a published version knows that the same content has no row on a day that is read.
    Kept,
}

/// The possible days of a row group's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupDays {
    /// Their first day.
    pub first: Day,
    /// Their last day.
    pub last: Day,
    /// The last day of any moment in them, scans and updates among them; `None` if unknown.
    pub latest: Option<Day>,
}

/// A piece of a file that is read by one thread.
#[derive(Clone, Debug)]
pub struct Unit {
    /// Index of its file in the survey.
    pub file: u32,
    /// Which part of it.
    pub part: FilePart,
    /// Number of its first data record, from 1.
    pub first_record: u64,
    /// Whether none of its rows is on a day asked for, so that they can only be copies of rows that are: columns that
    /// cannot matter then are not decoded.
    pub for_copies: bool,
    /// The last day that its rows can have; `None` if that is not known before reading.
    pub last_day: Option<Day>,
    /// Rows, known or estimated: for order and progress only.
    pub rows: u64,
    /// Stored bytes to read.
    pub bytes: u64,
}

/// A part of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilePart {
    /// A row group of a Parquet file, by index.
    RowGroup(usize),
    /// All of it.
    Whole,
}

/// Rows of a unit.
#[derive(Clone)]
pub struct Chunk {
    /// Mapped columns by canonical name, typed as [`Column::read_as`] says.
    pub batch: RecordBatch,
    /// Which records its rows are.
    pub records: Records,
    /// Records among and around them that could not be cut, in order.
    pub rejects: Vec<Reject>,
}

/// The result of reading a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitEnd {
    /// Data records seen, rejected ones included.
    pub rows_read: u64,
    /// Stored bytes read.
    pub bytes_read: u64,
    /// Text: the digest of the content as stored.
    pub digest: Option<String>,
}

/// How a file is read.
enum FileDecoding {
    Parquet(Box<parquet::ParquetDecoding>),
    Csv(Packing, Mapping),
}

/// Looks at every file of a plan without reading its data.
///
/// # Errors
/// All files that are refused, each with every reason.
pub fn survey(plan: &Plan) -> Result<Survey> {
    let (listed, published) = files::list(plan)?;
    Ok(Survey { published, ..look_at(plan, listed, &HashMap::new())? })
}

/// Calls [`survey`] after decoding the files of inputs that ask for it whole, in separate processes.
///
/// # Errors
/// Those of [`survey`]; among them files whose process was killed or refused them.
pub fn survey_and_try(plan: &Plan) -> Result<Survey> {
    let (listed, published) = files::list(plan)?;
    let refused = isolate::try_all(plan, &listed)?;
    Ok(Survey { published, ..look_at(plan, listed, &refused)? })
}

/// Returns the warnings of an earlier run with what it said of files beside those that are read said anew, for a run that
/// reads none.
///
/// # Errors
/// The files cannot be listed.
pub fn told_again(plan: &Plan, warnings: &[String]) -> Result<Vec<String>> {
    // Only folders of this machine are looked at; those of a store need not be listed once more.
    if plan.inputs.iter().flat_map(|input| &input.paths).all(|path| is_uri(path)) {
        return Ok(warnings.to_vec());
    }
    let (files, _) = files::list(plan)?;
    let read = files.iter().map(|file| file.shown.as_str()).collect();
    let others = warnings.iter().filter(|warning| !warning.starts_with(files::BESIDE)).cloned();
    Ok(others.chain(files::beside(plan, &read)).collect())
}

/// Surveys only the files that another process has looked at, by shown path; those that it refused, with its reasons,
/// are not looked at again.
///
/// # Errors
/// Those of [`survey`], and a file that is gone.
pub fn survey_again(plan: &Plan, files: &HashSet<&str>, refused: &BTreeMap<String, String>) -> Result<Survey> {
    let (mut listed, published) = files::list(plan)?;
    listed.retain(|file| files.contains(file.shown.as_str()) || refused.contains_key(&file.shown));
    let there: HashSet<&str> = listed.iter().map(|file| file.shown.as_str()).collect();
    let mut gone: Vec<&str> = files.iter().copied().filter(|file| !there.contains(file)).collect();
    if !gone.is_empty() {
        gone.sort_unstable();
        let gone: String = gone.iter().map(|file| format!("\n  {}", quoted(file))).collect();
        return Err(Error::Input(format!("input files are gone since they were planned:{gone}\nplan again")));
    }
    let bad = listed.iter().enumerate().filter_map(|(place, file)| Some((place, refused.get(&file.shown)?.clone())));
    let bad = bad.collect();
    Ok(Survey { published, ..look_at(plan, listed, &bad)? })
}

/// Looks at files, some of which were tried and refused.
fn look_at(plan: &Plan, listed: Vec<Listed>, tried: &HashMap<usize, String>) -> Result<Survey> {
    let count = listed.len();
    let (mut files, mut units, mut sources) = (Vec::new(), Vec::new(), Vec::new());
    let mut beyond: Vec<(Day, Unit)> = Vec::new();
    let mut bad = BTreeMap::new();
    let (mut refused, mut left_out, mut found) = (Vec::new(), Vec::new(), headings::ListedHeadings::default());
    for (place, listed) in listed.into_iter().enumerate() {
        let index = files.len();
        let needed = plan.days_read().filter(|_| plan.prune);
        let as_of = (plan.as_of_mode == AsOfMode::Rows).then_some(plan.as_of);
        let (input, limits, unused) = (&plan.inputs[listed.input], &plan.limits, plan.unused());
        let counted = plan.days_counted().filter(|_| plan.prune);
        let (most_bytes, budget) = (plan.budget().decoded(), Some(plan.budget()));
        let book = Some(&plan.book);
        let reading = LookSettings { input, limits, book, needed, counted, as_of, unused, most_bytes, budget };
        let looked = match listed.format {
            _ if tried.contains_key(&place) => Err(vec![tried[&place].clone()]),
            Format::Parquet => parquet::survey(&reading, &listed, index as u32),
            Format::Csv => survey_csv(&reading, &listed, index as u32),
        };
        match looked {
            Ok(looked) => {
                found.add(looked.file.input, &looked.listed);
                files.push(looked.file);
                units.extend(looked.units);
                beyond.extend(looked.beyond);
                sources.push(looked.source);
            }
            Err(faults) => {
                // A failure between us and a store is not a fault of the file.
                if let Some(trouble) = listed.origin.trouble() {
                    return Err(trouble);
                }
                let skips = reading.input.on_bad_file == OnBadFile::Skip;
                let whose = if skips { &mut left_out } else { &mut refused };
                if skips {
                    bad.insert(listed.shown.clone(), faults.join("\n    "));
                }
                whose.push(format!("{}: {}", quoted(&listed.shown), faults.join("\n    ")));
            }
        }
    }
    if !refused.is_empty() {
        refused.append(&mut left_out);
        let bad = refused.len();
        return Err(Error::Input(format!("{bad} of {count} input files refused:\n  {}", refused.join("\n  "))));
    }
    let nowhere = found.nowhere(plan);
    if !nowhere.is_empty() {
        return Err(Error::Input(format!("headings of the job are refused:\n  {}", nowhere.join("\n  "))));
    }
    beyond.sort_by_key(|(day, unit)| (*day, unit.file, unit.first_record));
    let beyond = beyond.into_iter().map(|(_, unit)| unit).collect();
    let survey = finished(plan, files, (units, beyond), sources, left_out)?;
    // Files that are left out are told of by themselves.
    let known = survey.files.iter().map(|file| file.shown.as_str()).chain(bad.keys().map(String::as_str));
    let beside = files::beside(plan, &known.collect());
    Ok(Survey { beside, refused: bad, ..survey })
}

/// Returns the survey of files that can be read.
fn finished(
    plan: &Plan,
    files: Vec<SourceFile>,
    (mut units, beyond): (Vec<Unit>, Vec<Unit>),
    sources: Vec<FileDecoding>,
    left_out: Vec<String>,
) -> Result<Survey> {
    if files.is_empty() {
        let what = left_out.join("\n  ");
        return Err(Error::Input(format!("every input file was refused, so none can be left out:\n  {what}")));
    }
    evidence::refuse_without(plan, &files)?;
    let evidence = evidence::common(plan.evidence, &files)?;
    // Units of about one size stay in their order, which is roughly that of time: then consecutive units count into
    // the same cells.
    units.sort_by_key(|unit| (std::cmp::Reverse(unit.bytes.checked_ilog2()), unit.file, unit.first_record));
    let (not_judged, unmapped) = (absent::not_judged(&files), unmapped::sentences(plan, &files));
    let (watch, identity) = (seen::Watch::of(files.len()), plan.identity);
    let (beside, published, refused, bad) = (None, None, BTreeMap::new(), Vec::new());
    let whole = Survey {
        files,
        units,
        beyond,
        evidence,
        not_judged,
        sources,
        is_joined: plan.assemble.is_some(),
        watch,
        identity,
        left_out,
        unmapped,
        beside,
        published,
        refused,
        bad,
    };
    Ok(whole)
}

/// A function that returns the chunks of a unit, one after the other, and its end: [`read`], or a replacement. The
/// number of rows in its end, counted apart from the chunks, must agree with them.
pub type Reader<'a> = dyn Fn(&Plan, &Survey, &Unit, &mut dyn FnMut(Chunk) -> Result<()>) -> Result<UnitEnd> + Sync + 'a;

/// Reads one unit, chunk by chunk.
///
/// # Errors
/// [`Error::BadFiles`] with this file if it cannot be read to the end or differs from its footer. Errors of
/// `each` are returned unchanged.
pub fn read(plan: &Plan, survey: &Survey, unit: &Unit, each: &mut dyn FnMut(Chunk) -> Result<()>) -> Result<UnitEnd> {
    let file = &survey.files[unit.file as usize];
    let cells = plan.cells(file.input, file.format);
    let each = &mut |chunk: Chunk| {
        survey.watch.look(unit.file, file, &chunk, (plan, &cells));
        each(chunk)
    };
    let end = match &survey.sources[unit.file as usize] {
        FileDecoding::Parquet(source) => parquet::read(source, file, unit, each)?,
        FileDecoding::Csv(packing, mapping) => {
            text(&plan.inputs[file.input], &plan.limits, &file.origin, &file.shown, *packing, Some(&plan.book))
                .read(mapping, each)?
        }
    };
    end.map_err(|refused| {
        let refused = || Error::BadFiles(vec![(unit.file, format!("{}: {refused}", quoted(&file.shown)))]);
        file.origin.trouble().unwrap_or_else(refused)
    })
}

/// The result of looking at a file.
pub(crate) struct Looked {
    file: SourceFile,
    units: Vec<Unit>,
    /// Units that are left out and can hold rows after all days that are read, each with its first day.
    beyond: Vec<(Day, Unit)>,
    source: FileDecoding,
    /// Headings of the job that it has, each with its place in the list of its column.
    listed: Vec<(Column, usize)>,
}

/// The settings for looking at a file.
#[derive(Clone, Copy)]
pub(crate) struct LookSettings<'a> {
    input: &'a Input,
    limits: &'a Limits,
    /// The book that lists fillers; `None` where values do not matter.
    book: Option<&'a Arc<Book>>,
    /// First and last day that must be read; `None` for all.
    needed: Option<(Day, Day)>,
    /// First and last day whose rows are counted; `None` for all.
    counted: Option<(Day, Day)>,
    /// The day after which a row does not exist yet; `None` if every row exists.
    as_of: Option<Day>,
    /// Columns that need not be decoded.
    unused: ColumnSet,
    /// The most bytes that the values of a decoded batch may take.
    most_bytes: u64,
    /// The memory that must have room for pages; `None` where the system limits it.
    budget: Option<Budget>,
}

fn text<'a>(
    input: &'a Input,
    limits: &'a Limits,
    origin: &'a Origin,
    shown: &'a str,
    packing: Packing,
    book: Option<&'a Arc<Book>>,
) -> csv::Text<'a> {
    let Input { dialect, cells, days, .. } = input;
    csv::Text { origin, shown, packing, dialect, cells, days: *days, limits, book }
}

fn survey_csv(reading: &LookSettings, listed: &Listed, index: u32) -> std::result::Result<Looked, Vec<String>> {
    let LookSettings { input, limits, .. } = *reading;
    let (_, headings) =
        text(input, limits, &listed.origin, &listed.shown, listed.packing, None).open().map_err(|fault| vec![fault])?;
    let (mapping, faults) = headings::map(input, &listed.shown, &headings);
    if !faults.is_empty() {
        return Err(faults);
    }
    // A row of a shipment report has about 150 bytes and compresses to a fifth; only the order of work and the
    // progress bar depend on it.
    let rows = listed.bytes / if listed.packing == Packing::Plain { 150 } else { 30 } + 1;
    let unit = Unit {
        file: index,
        part: FilePart::Whole,
        first_record: 1,
        for_copies: false,
        last_day: None,
        rows,
        bytes: listed.bytes,
    };
    let unmapped = unmapped::unmapped(input, &mapping, &headings);
    let file = SourceFile { unmapped, ..source_file(listed, &mapping) };
    let found = mapping.listed();
    let source = FileDecoding::Csv(listed.packing, mapping);
    Ok(Looked { file, units: vec![unit], beyond: Vec::new(), source, listed: found })
}

fn source_file(listed: &Listed, mapping: &Mapping) -> SourceFile {
    SourceFile {
        shown: listed.shown.clone(),
        origin: listed.origin.clone(),
        input: listed.input,
        format: listed.format,
        bytes: listed.bytes,
        digest: None,
        rows: None,
        rows_pruned: 0,
        days: None,
        columns: mapping.present(),
        constants: mapping.constants.clone(),
        unmapped: Vec::new(),
        reading: Extent::Read,
    }
}

#[cfg(test)]
mod tests;
