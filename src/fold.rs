//! Threads over units of work: read, judge, count, and bring the threads' counts together.
//!
//! Every row that a reader saw ends in one counted place of its file; which place is the columnar
//! crate's business, which rows are superseded `dedup`'s. It fails on the first input that cannot be
//! read to its end, and when the run is told to stop.

use crate::counts::Counted;
use crate::dedup::{self, Copies};
use crate::error::{Error, Result};
use crate::job::plan::{AsOfMode, Plan};
use crate::progress::Progress;
use crate::report::RunReport;
use crate::scan::{self, Survey};
use crate::tables::columns::Table;
use crate::tables::health;
use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Int64Type, UInt32Type};
use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use vtr_columnar::fold::{
    Copy, FileSource, FileTally, Folder, Identity, Reject, Settings, Subtractor, Weeks, Yield, defects_as_text,
};
use vtr_columnar::keys::SharedKeys;
use vtr_columnar::partial::{Partial, TimeAxis, Wants, week_monday};
use vtr_kernel::calendar::Day;
use vtr_kernel::ladder::Terms;

/// Everything that a run learned from its inputs.
pub struct Folded {
    /// The folded counts and the rows of defects, superseded rows taken out.
    pub counted: Counted,
    /// Rejected rows by file and record, the first ones up to the limit.
    pub rejects: Vec<(u32, Reject)>,
    /// What became of each file's rows, in the order of the survey's files.
    pub files: Vec<FileCounts>,
    /// Judged rows in range by Monday and class, counted apart from the marginals.
    pub weeks: BTreeMap<Day, [u64; 4]>,
    /// Rows whose verdict hung on a value that could not be compared.
    pub unpriced: u64,
    /// The largest distance in days between copies of one package, where copies were sought.
    pub copies_apart_days: Option<i64>,
    /// Bytes read from the inputs.
    pub bytes_read: u64,
}

/// What became of one file's rows.
#[derive(Clone, Debug, Default)]
pub struct FileCounts {
    /// Rows, counted where they were read and nowhere else.
    pub rows_read: u64,
    /// Where they ended, superseded ones taken out of their places.
    pub tally: FileTally,
    /// Rows superseded by a newer copy.
    pub superseded: u64,
    /// Digest of the file.
    pub digest: String,
}

/// What one thread gathers.
#[derive(Default)]
struct Gathered {
    partial: Partial,
    files: BTreeMap<u32, FileCounts>,
    rejects: Vec<(u32, Reject)>,
    copies: Copies,
    defects: Vec<RecordBatch>,
    weeks: Weeks,
    unpriced: u64,
    bytes_read: u64,
}

/// Reads and folds all units of a survey.
pub fn fold(
    plan: &Plan,
    survey: &Survey,
    axis: &TimeAxis,
    progress: &Progress,
    report: &mut RunReport,
) -> Result<Folded> {
    let settings = settings(plan, survey, axis);
    let shared = SharedKeys::default();
    let gathered = report.stage("read, judge and fold", || read_all(plan, survey, &settings, &shared, progress))?;
    let keys = shared.freeze();
    let mut whole = Gathered::default();
    let mut copies = Vec::new();
    report.stage("merge", || {
        for mut thread in gathered {
            copies.push(std::mem::take(&mut thread.copies));
            whole.merge(thread, plan.limits.max_rejected_rows_kept);
        }
    });
    let unit = plan.identity.map(dedup::unit);
    let superseded = report.stage("deduplicate", || unit.map(|unit| dedup::superseded(copies, unit, plan.threads)));
    let mut apart = None;
    if let Some(superseded) = superseded {
        apart = Some(superseded.apart_days);
        report.stage("take superseded rows out", || whole.take_out(&superseded.losers, &settings, &keys));
    }
    let mut files = vec![FileCounts::default(); survey.files.len()];
    for (index, counts) in std::mem::take(&mut whole.files) {
        files[index as usize] = counts;
    }
    for (counts, file) in files.iter_mut().zip(&survey.files) {
        if let Some(digest) = &file.digest {
            counts.digest.clone_from(digest);
        }
    }
    let counted = report.stage("sort counts", || {
        let marginals = whole.partial.into_marginals(&keys, axis, &plan.book);
        let defects = whole.defects.iter().map(|batch| defects_as_text(batch, &keys, &plan.book)).collect();
        Counted::in_memory(marginals, defects)
    });
    Ok(Folded {
        counted,
        rejects: whole.rejects,
        files,
        weeks: by_monday(&whole.weeks),
        unpriced: whole.unpriced,
        copies_apart_days: apart,
        bytes_read: whole.bytes_read,
    })
}

/// What a plan folds by.
pub fn settings<'a>(plan: &'a Plan, survey: &Survey, axis: &'a TimeAxis) -> Settings<'a> {
    let asked = |table: Table| plan.output.tables.contains(&table);
    let hasher = RandomState::new();
    Settings {
        terms: Terms { book: &plan.book, rates: &plan.rates, as_of: plan.as_of, evidence: survey.evidence },
        keep_later_rows: plan.as_of_mode == AsOfMode::Scans,
        range: plan.range.map(|range| range.days()),
        windows: plan.days_counted(),
        axis,
        health: plan.book.markets().map(|(_, market)| health::window(market, plan.as_of)).collect(),
        wants: Wants {
            weekly: asked(Table::VtrWeekly),
            category: asked(Table::VtrWeeklyCategory) || asked(Table::VtrRolling) || asked(Table::AccountHealth),
            names: asked(Table::CarrierNames),
            culprits: asked(Table::AccountHealth),
        },
        wants_defects: asked(Table::Defects),
        identity: plan.identity.map(|identity| Identity {
            unit: dedup::unit(identity),
            key: (hasher.hash_one(0u8), hasher.hash_one(1u8)),
        }),
    }
}

fn read_all(
    plan: &Plan,
    survey: &Survey,
    settings: &Settings,
    keys: &SharedKeys,
    progress: &Progress,
) -> Result<Vec<Gathered>> {
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let failure: Mutex<Option<Error>> = Mutex::new(None);
    let work = || {
        let mut folder = Folder::new(settings, keys);
        let mut gathered = Gathered::default();
        while !stop.load(Ordering::SeqCst) {
            let Some(unit) = survey.units.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
            if let Err(error) = read_unit(plan, survey, unit, &mut folder, &mut gathered, progress, &stop) {
                // First the reason, then the word to stop: what the others stop with is never the reason.
                failure.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get_or_insert(error);
                stop.store(true, Ordering::SeqCst);
            }
        }
        gathered.partial = folder.finish();
        gathered
    };
    let gathered = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..plan.threads.max(1)).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    match failure.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
        Some(error) => Err(error),
        None => Ok(gathered),
    }
}

fn read_unit(
    plan: &Plan,
    survey: &Survey,
    unit: &scan::Unit,
    folder: &mut Folder,
    gathered: &mut Gathered,
    progress: &Progress,
    stop: &AtomicBool,
) -> Result<()> {
    let file = &survey.files[unit.file as usize];
    let cells = plan.cells(file.input, file.format);
    let source = FileSource { file: unit.file, columns: file.columns, constants: &file.constants, cells: &cells };
    let end = scan::read(plan, survey, unit, &mut |chunk| {
        crate::signals::check()?;
        if stop.load(Ordering::SeqCst) {
            return Err(Error::Gate("another thread failed".to_owned()));
        }
        let rows = chunk.batch.num_rows() + chunk.rejects.len();
        chunk.rejects.into_iter().for_each(|reject| folder.reject(reject));
        folder
            .batch(&source, &chunk.batch, &chunk.records)
            .map_err(|reason| Error::Input(format!("{}: {reason}", file.shown)))?;
        gathered.copies.add(folder.take_copies());
        progress.add(rows as u64);
        Ok(())
    })?;
    gathered.bytes_read += end.bytes_read;
    let out = folder.take();
    gathered.add(unit.file, out, end.rows_read, end.digest, plan.limits.max_rejected_rows_kept);
    Ok(())
}

impl Gathered {
    fn add(&mut self, file: u32, out: Yield, rows_read: u64, digest: Option<String>, most_rejects: usize) {
        let counts = self.files.entry(file).or_default();
        counts.rows_read += rows_read;
        counts.tally.merge(&out.tally);
        counts.digest = digest.unwrap_or_default();
        self.copies.add(out.copies);
        self.defects.extend(out.defects);
        self.weeks.merge(&out.weeks);
        self.unpriced += out.unpriced;
        self.rejects.extend(out.rejects.into_iter().map(|reject| (file, reject)));
        if self.rejects.len() > 2 * most_rejects {
            keep_first(&mut self.rejects, most_rejects);
        }
    }

    fn merge(&mut self, other: Gathered, most_rejects: usize) {
        self.partial.merge(other.partial);
        for (file, counts) in other.files {
            let own = self.files.entry(file).or_default();
            own.rows_read += counts.rows_read;
            own.tally.merge(&counts.tally);
            if !counts.digest.is_empty() {
                own.digest = counts.digest;
            }
        }
        self.defects.extend(other.defects);
        self.weeks.merge(&other.weeks);
        self.unpriced += other.unpriced;
        self.bytes_read += other.bytes_read;
        self.rejects.extend(other.rejects);
        keep_first(&mut self.rejects, most_rejects);
    }

    /// Takes superseded rows out of every count and list that they entered.
    fn take_out(&mut self, losers: &[Copy], settings: &Settings, keys: &vtr_columnar::keys::Keys) {
        let mut subtractor = Subtractor::new(settings, keys);
        for copy in losers {
            let counts = self.files.entry(copy.file()).or_default();
            subtractor.take_out(copy, &mut counts.tally);
            counts.superseded += 1;
            self.unpriced -= u64::from(copy.unpriced);
        }
        let (partial, weeks) = subtractor.finish();
        self.partial.merge(partial);
        self.weeks.merge(&weeks);
        let gone: HashSet<(u32, i64)> = losers.iter().map(|copy| (copy.file(), copy.record() as i64)).collect();
        if gone.is_empty() {
            return;
        }
        for batch in &mut self.defects {
            let (files, records) =
                (batch.column(0).as_primitive::<UInt32Type>(), batch.column(1).as_primitive::<Int64Type>());
            let stays: BooleanArray = files
                .values()
                .iter()
                .zip(records.values())
                .map(|(file, record)| Some(!gone.contains(&(*file, *record))))
                .collect();
            *batch = filter_record_batch(batch, &stays).expect("the filter is as long as its batch");
        }
    }
}

/// Keeps the first rejects by file and record.
fn keep_first(rejects: &mut Vec<(u32, Reject)>, most: usize) {
    rejects.sort_unstable_by_key(|(file, reject)| (*file, reject.record));
    rejects.truncate(most);
}

fn by_monday(weeks: &Weeks) -> BTreeMap<Day, [u64; 4]> {
    let judged = weeks.0.iter().enumerate().filter(|(_, classes)| classes.iter().any(|count| *count != 0));
    judged
        .map(|(index, classes)| {
            let count = |count: i64| u64::try_from(count).expect("no more rows are taken out than were counted in");
            (week_monday(index as u16), classes.map(count))
        })
        .collect()
}
