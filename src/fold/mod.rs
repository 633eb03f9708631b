//! Threads over units of work: read, judge, count, and merge the threads' counts.
//!
//! Every row that a reader saw ends in one counted place of its file; the columnar crate decides which place, and
//! `dedup` which rows are superseded. It fails on inputs that cannot be read to their end, once all of them are known,
//! and when the run is told to stop.

pub mod counts;
pub mod data_end;
pub mod dedup;
mod lost;
mod noted;
pub mod notes;
pub mod parts;
mod pieces;
pub mod queue;
mod rejects;
pub mod touched;
pub mod trial;
mod whole;

use crate::error::{Error, Result};
use crate::fold::dedup::mixed::Noted;
use crate::fold::dedup::{Copies, Search};
use crate::fold::notes::{Gathering, NotePlace, NotedGroup, Notes};
use crate::fold::pieces::Pieces;
use crate::fold::rejects::KeptRejects;
use crate::job::plan::{AsOfMode, Plan, Rolling};
use crate::place::budget::{Budget, Peaks, Purpose};
use crate::place::spill::Spill;
use crate::progress::Progress;
use crate::scan::{self, Survey, Unit};
use crate::schema::Table;
use crate::tell::rejected_sellers::RejectedSellers;
use crate::tell::report::RunReport;
use arrow::array::RecordBatch;
use counts::{Counted, DefectRuns, Defects, Runs};
use lost::Lost;
use noted::{BesideNote, Left};
use parking_lot::Mutex;
use queue::Queue;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use vtr_columnar::alike::Alike;
use vtr_columnar::asides::Asides;
use vtr_columnar::axis::{Cuts, TimeAxis, WindowEnds};
use vtr_columnar::choice::Between;
use vtr_columnar::fold::{Due, FileTally, MOST_FILES, Weeks};
use vtr_columnar::input::Column;
use vtr_columnar::judge::{
    Counter, Identity, Judge, JudgeBuilder, LaterRows, MarginalKind, Records, Reject, Source, Yield,
};
use vtr_columnar::partial::Piece;
use vtr_kernel::calendar::Day;
use vtr_kernel::ladder::Evidence;
use vtr_kernel::text::shown;
use whole::Whole;

/// Everything that a run learned from its inputs.
pub struct Folded {
    /// The folded counts and the rows of defects, without superseded rows.
    pub counted: Counted,
    /// Sellers and categories that differ only in how they are written.
    pub alike: Vec<Alike>,
    /// Rejected rows by file and record, the first ones up to the limit.
    pub rejects: Vec<(u32, Reject)>,
    /// The sellers whose rows were rejected.
    pub sellers: RejectedSellers,
    /// Rows that arrived at the fold over all files; no other counter counts them.
    pub rows_taken: u64,
    /// The outcome of each file's rows, in the order of the survey's files.
    pub files: Vec<FileCounts>,
    /// Judged rows in range by Monday and class, counted apart from the marginals.
    pub weeks: BTreeMap<Day, [u64; 4]>,
    /// First and last promised day of the pending packages of each week, by its Monday.
    pub due: BTreeMap<Day, (Day, Day)>,
    /// Rows whose verdict depended on a value that could not be compared.
    pub unpriced: u64,
    /// The largest distance in days between copies of one package, if copies were sought.
    pub copies_apart_days: Option<i64>,
    /// What was found between copies.
    pub between: Between,
    /// Bytes read from the inputs, and from notes in place of them.
    pub bytes_read: u64,
    /// Rows that were not judged because an earlier run had noted what they count.
    pub rows_noted: u64,
    /// Bytes that did not fit in memory and were spilled.
    pub spilled_bytes: u64,
    /// The peak memory of each purpose.
    pub peaks: Peaks,
}

/// The outcome of one file's rows.
#[derive(Clone, Debug, Default)]
pub struct FileCounts {
    /// Rows, counted where they were read and nowhere else.
    pub rows_read: u64,
    /// The places in which they ended, without superseded rows.
    pub tally: FileTally,
    /// Rows superseded by a newer copy.
    pub superseded: u64,
    /// The file's digest.
    pub digest: String,
    /// The values of it that were set aside.
    pub asides: Asides,
}

impl FileCounts {
    /// Adds what was found in other rows of the file, none of which is known to be superseded.
    fn merge(&mut self, other: &FileCounts) {
        self.rows_read += other.rows_read;
        self.tally.merge(&other.tally);
        self.asides.merge(&other.asides);
        if !other.digest.is_empty() {
            self.digest.clone_from(&other.digest);
        }
    }
}

/// Rows of defects that are gathered before they are decoded, and their bytes.
const DEFECT_ROWS: usize = 16_384;
const DEFECT_BYTES: usize = 4 << 20;
/// Batches between checks of the process's memory.
const BATCHES_UNSEEN: usize = 16;

/// The results of one thread.
struct Gathered {
    runs: Runs,
    files: BTreeMap<u32, FileCounts>,
    sellers: RejectedSellers,
    copies: Copies,
    defects: DefectRuns,
    judged: DefectRuns,
    weeks: Weeks,
    due: Due,
    unpriced: u64,
    bytes_read: u64,
    /// Rows that other processes counted on arrival at their fold.
    rows_taken: u64,
    /// Superseded rows that other processes found.
    lost: Lost,
    /// What is gathered for a note of the unit that is read.
    gathering: Option<Gathering>,
    /// What is gathered of rows that are read beside their group's note.
    beside: Option<BesideNote>,
    /// Row groups that are only noted, and the bytes of their keys in memory.
    noted: (Vec<NotedGroup>, usize),
    /// Bytes of counts that were taken over and are in memory.
    held_counts: usize,
    most_counts: usize,
    spill: Arc<Spill>,
    peaks: Peaks,
}

impl Gathered {
    fn new(plan: &Plan) -> Gathered {
        let (budget, spill) = (plan.budget(), Arc::new(Spill::below(&plan.temp)));
        Gathered {
            runs: Runs::default(),
            files: BTreeMap::new(),
            sellers: RejectedSellers::default(),
            copies: Copies::new(budget.share(Purpose::Copies), Spill::below(&plan.temp)),
            defects: DefectRuns::new(budget.share(Purpose::Defects), spill.clone()),
            judged: DefectRuns::new(budget.share(Purpose::Defects), spill.clone()),
            weeks: Weeks::default(),
            due: Due::default(),
            unpriced: 0,
            bytes_read: 0,
            rows_taken: 0,
            lost: Lost::default(),
            gathering: None,
            beside: None,
            noted: (Vec::new(), 0),
            held_counts: 0,
            most_counts: budget.share(Purpose::Counts),
            spill,
            peaks: Peaks::default(),
        }
    }

    /// Takes over the data of which a folder holds too much; it is called after every batch of a file.
    fn relieve(
        &mut self,
        file: u32,
        seller: Option<&str>,
        counter: &mut Counter,
        rejects: Vec<Reject>,
        kept: &KeptRejects,
    ) -> Result<()> {
        for seller in rejects.iter().filter_map(|reject| reject.seller.as_deref().or(seller)) {
            self.sellers.add(seller, 1);
        }
        let copies = counter.take_copies();
        if let Some(gathering) = &mut self.gathering {
            gathering.add(&copies, &rejects);
        }
        if let Some(beside) = &mut self.beside {
            beside.add(&copies);
        }
        kept.add(file, rejects);
        self.copies.add(&copies)?;
        self.peaks.see(Purpose::Copies, self.copies.bytes());
        if let Some(defects) = counter.take_defects(DEFECT_ROWS, DEFECT_BYTES) {
            self.peaks.see(Purpose::Defects, self.defects.bytes() + defects.get_array_memory_size());
            self.defects.add(defects)?;
        }
        if let Some(judged) = counter.take_judged(DEFECT_ROWS, DEFECT_BYTES) {
            self.judged.add(judged)?;
        }
        self.peaks.see(Purpose::Counts, counter.bytes());
        self.relieve_counts(counter.bytes(), &mut || counter.take_pieces())
    }

    /// Takes over counts from another process, and spills them if those in memory exceed their share.
    fn hold(&mut self, pieces: Vec<Piece>) -> Result<()> {
        let bytes: usize = pieces.iter().map(|piece| piece.packed.bytes()).sum();
        if self.held_counts + bytes > self.most_counts {
            return self.runs.spill(pieces, &self.spill);
        }
        self.held_counts += bytes;
        self.peaks.see(Purpose::Counts, self.held_counts);
        self.runs.keep(pieces);
        Ok(())
    }

    /// Spills counts if they exceed their share.
    fn relieve_counts(&mut self, bytes: usize, take: &mut dyn FnMut() -> Vec<Piece>) -> Result<()> {
        if bytes > self.most_counts { self.runs.spill(take(), &self.spill) } else { Ok(()) }
    }

    fn add(&mut self, file: u32, out: Yield, rows_read: u64, digest: Option<String>) -> Result<()> {
        let counts = self.files.entry(file).or_default();
        counts.rows_read += rows_read;
        counts.tally.merge(&out.tally);
        counts.asides.merge(&out.asides);
        counts.digest = digest.unwrap_or_default();
        self.weeks.merge(&out.weeks);
        self.due.merge(&out.due);
        self.unpriced += out.unpriced;
        self.copies.add(&out.copies)?;
        out.judged.map_or(Ok(()), |judged| self.judged.add(judged))?;
        out.defects.map_or(Ok(()), |defects| self.defects.add(defects))
    }
}

/// Reads and folds all units of a survey.
///
/// # Errors
/// An input that cannot be read to its end, more distinct texts than fit, a disk that fails, or a stop of the
/// run.
pub fn fold(
    plan: &Plan,
    survey: &Survey,
    progress: &Progress,
    reader: &scan::Reader,
    place: &dyn NotePlace,
    report: &mut RunReport,
) -> Result<Folded> {
    refuse_many(survey)?;
    let notes = Notes::of(plan, survey, place);
    let mut by = |notes: Option<&Notes>| {
        let before = progress.done();
        let (judge, kept) = hands(plan, survey.evidence);
        let reading = FoldReading::of(plan, survey, &survey.units, (reader, progress), &kept).with(notes);
        let gathered = report.stage("read, judge and fold", || reading.all(&judge))?;
        settled(plan, survey, (judge, kept), gathered, (progress.done() - before, notes), report)
    };
    let folded = match by(notes.as_ref()) {
        // What was counted may not be what the inputs hold: nothing of it counts.
        Err(Error::Enough) if notes.as_ref().is_some_and(Notes::is_damaged) => by(None),
        folded => folded,
    };
    report.warnings.extend(notes.iter().flat_map(Notes::troubles));
    folded
}

/// Refuses more files than a run can number.
///
/// # Errors
/// The number of files.
pub fn refuse_many(survey: &Survey) -> Result<()> {
    if survey.files.len() > MOST_FILES {
        let count = survey.files.len();
        return Err(Error::Input(format!(
            "{count} input files are more than a run can tell apart ({MOST_FILES}); join some"
        )));
    }
    Ok(())
}

/// Returns the judge of all threads of a process, and the store of their rejected rows.
fn hands(plan: &Plan, evidence: Evidence) -> (Judge, KeptRejects) {
    let budget = plan.budget();
    let judge = judge_by(plan, evidence).most_text_bytes(budget.share(Purpose::Texts)).build();
    (judge, KeptRejects::new(plan.limits.max_rejected_rows_kept, budget.share(Purpose::Rejects)))
}

/// Merges the results of this process or others, and subtracts superseded rows.
fn settled(
    plan: &Plan,
    survey: &Survey,
    (judge, kept): (Judge, KeptRejects),
    gathered: Vec<Gathered>,
    (rows_taken, notes): (u64, Option<&Notes>),
    report: &mut RunReport,
) -> Result<Folded> {
    let budget = plan.budget();
    let (mut whole, copies) = Whole::of(gathered, survey);
    let unit = plan.identity.map(dedup::unit);
    let groups = Some(std::mem::take(&mut whole.noted)).filter(|groups| !groups.is_empty());
    let noted = groups.zip(notes).map(|(groups, notes)| Noted { groups, notes });
    let between = report.stage("deduplicate", || {
        let search = |unit| Search::new(copies, unit, budget.share(Purpose::Copies), Spill::below(&plan.temp));
        let search = |unit| search(unit).with(noted);
        let lost = unit.map(|unit| Lost::among(plan, &judge, search(unit))).transpose()?;
        let elsewhere = std::mem::take(&mut whole.lost);
        Ok::<_, Error>(lost.map(|lost| {
            let mut between = whole.take_out(elsewhere);
            between.add(whole.take_out(lost));
            between
        }))
    })?;
    whole.peaks.see(Purpose::Texts, judge.text_bytes());
    let (bytes_noted, rows_noted) = notes.map_or((0, 0), Notes::used);
    let (rejects, most) = kept.finish();
    whole.peaks.see(Purpose::Rejects, most);
    let (counted, alike) = report.stage("sort texts", || {
        let gone = Arc::new(whole.gone);
        let listed = [whole.defects, whole.judged].map(|rows| Defects::of(rows, gone.clone()));
        let keys = judge.into_keys();
        let alike = keys.alike();
        (Counted::of_runs(whole.runs, keys, listed, budget.kept_counts()), alike)
    });
    Ok(Folded {
        counted,
        alike,
        rejects,
        sellers: whole.sellers,
        rows_taken: rows_taken + whole.rows_taken,
        files: whole.files,
        weeks: whole.weeks.by_monday(),
        due: whole.due.by_monday(),
        unpriced: whole.unpriced,
        copies_apart_days: between.map(|between| between.apart_days),
        between: between.unwrap_or_default(),
        bytes_read: whole.bytes_read + bytes_noted,
        rows_noted,
        spilled_bytes: whole.spilled_bytes,
        peaks: whole.peaks,
    })
}

/// Returns the judge that a plan asks for.
pub fn judge(plan: &Plan, survey: &Survey) -> JudgeBuilder {
    judge_by(plan, survey.evidence)
}

fn judge_by(plan: &Plan, evidence: Evidence) -> JudgeBuilder {
    let asked = |table: Table| plan.output.tables.contains(&table);
    let by_category = asked(Table::VtrWeeklyCategory) || asked(Table::VtrRolling) || plan.asks_for_health();
    let kinds = [
        (MarginalKind::Weekly, asked(Table::VtrWeekly)),
        (MarginalKind::Category, by_category),
        (MarginalKind::Names, asked(Table::CarrierNames)),
        (MarginalKind::Reasons, asked(Table::VtrWeeklyReasons)),
        (MarginalKind::Breakdown, asked(Table::AccountHealth) || asked(Table::HealthBreakdown)),
    ];
    let kinds: Vec<MarginalKind> = kinds.into_iter().filter_map(|(kind, is_asked)| is_asked.then_some(kind)).collect();
    Judge::builder(plan.book.clone(), plan.as_of)
        .rates(plan.rates.clone())
        .evidence(evidence)
        .later_rows(match plan.as_of_mode {
            AsOfMode::Rows => LaterRows::Absent,
            AsOfMode::Scans => LaterRows::Kept,
        })
        .scan_lead_days(plan.limits.scan_lead_days)
        .range(plan.range.map(|range| range.days()))
        .windows(plan.days_counted())
        .axis(time_axis(plan))
        .kinds(&kinds)
        .lists(asked(Table::Defects), plan.judged_from())
        .identity(plan.identity.map(|identity| Identity::keyed(dedup::unit(identity), &plan.job_digest)))
}

/// Runs work on as many threads as the plan has; the first error is the reason that all stop.
fn on_threads<T: Send>(plan: &Plan, stop: &AtomicBool, work: impl Fn() -> Result<T> + Sync) -> Result<Vec<T>> {
    let failure: Mutex<Option<Error>> = Mutex::new(None);
    let guarded = || {
        let done = work();
        done.map_err(|error| {
            // The reason is stored before the flag is set: the errors with which the others stop are never the reason.
            failure.lock().get_or_insert(error);
            stop.store(true, Ordering::SeqCst);
        })
        .ok()
    };
    let threads = plan.budget().threads();
    let done: Vec<Option<T>> = std::thread::scope(|scope| {
        // A single worker is this thread: a second one would have an arena of its own, and little of the first arena
        // is returned.
        if threads == 1 {
            return vec![guarded()];
        }
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(guarded)).collect();
        let join = |thread: std::thread::ScopedJoinHandle<_>| match thread.join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        threads.into_iter().map(join).collect()
    });
    match failure.into_inner() {
        Some(error) => Err(error),
        None => Ok(done.into_iter().flatten().collect()),
    }
}

/// The shared state of the reading threads.
struct FoldReading<'a> {
    plan: &'a Plan,
    survey: &'a Survey,
    units: &'a [Unit],
    reader: &'a scan::Reader<'a>,
    progress: &'a Progress,
    kept: &'a KeptRejects,
    budget: Budget,
    stop: AtomicBool,
    notes: Option<&'a Notes<'a>>,
}

impl<'a> FoldReading<'a> {
    fn of(
        plan: &'a Plan,
        survey: &'a Survey,
        units: &'a [Unit],
        (reader, progress): (&'a scan::Reader<'a>, &'a Progress),
        kept: &'a KeptRejects,
    ) -> FoldReading<'a> {
        let (budget, stop) = (plan.budget(), AtomicBool::new(false));
        FoldReading { plan, survey, units, reader, progress, kept, budget, stop, notes: None }
    }

    /// Takes over what earlier runs noted, and notes what this one finds.
    fn with(self, notes: Option<&'a Notes<'a>>) -> FoldReading<'a> {
        FoldReading { notes, ..self }
    }

    fn all(&self, judge: &Judge) -> Result<Vec<Gathered>> {
        let (queue, hands) = (Queue::of(self.units, self.budget.threads()), AtomicUsize::new(0));
        // After a file proved to be bad, none of the results counts; the rest is read so that all bad files are named.
        let bad: Mutex<BTreeMap<u32, String>> = Mutex::default();
        let gathered = on_threads(self.plan, &self.stop, || {
            let hand = hands.fetch_add(1, Ordering::Relaxed);
            let mut counter = judge.counter();
            let mut gathered = Gathered::new(self.plan);
            while !self.stop.load(Ordering::SeqCst) {
                let Some(unit) = queue.next(hand) else { break };
                if bad.lock().contains_key(&unit.file) {
                    continue;
                }
                match self.unit(unit, judge, &mut counter, &mut gathered) {
                    Err(Error::BadFiles(one)) => bad.lock().extend(one),
                    done => done?,
                }
            }
            gathered.runs.keep(counter.take_pieces());
            Ok(gathered)
        })?;
        match bad.into_inner() {
            bad if bad.is_empty() => Ok(gathered),
            bad => Err(Error::BadFiles(bad.into_iter().collect())),
        }
    }

    fn unit(&self, unit: &scan::Unit, judge: &Judge, counter: &mut Counter, gathered: &mut Gathered) -> Result<()> {
        let file = &self.survey.files[unit.file as usize];
        let left = self.take_noted(unit, judge, counter, gathered)?;
        if left == Left::Nothing {
            return Ok(());
        }
        let is_new = left == Left::All;
        let source = source(self.plan, self.survey, unit.file);
        gathered.gathering = self.notes.filter(|_| is_new).and_then(|notes| notes.begin(self.plan, judge, file, unit));
        counter.seek_later(is_new && (file.days.is_none() || gathered.gathering.is_some()));
        counter.only_range(!is_new);
        let seller = constant_seller(file);
        let (mut pieces, mut unseen) = (Pieces::default(), 0);
        let mut take = |chunk: scan::Chunk| {
            crate::signals::check()?;
            if self.stop.load(Ordering::SeqCst) {
                return Err(Error::Enough);
            }
            let (in_batch, rejected) = (chunk.batch.num_rows(), chunk.rejects.len());
            gathered.gathering.iter().for_each(|gathering| gathering.look(&chunk, self.plan, file));
            counter.reject(rejected as u64);
            gathered.relieve(unit.file, seller, counter, chunk.rejects, self.kept)?;
            let input = judge.input_of(&chunk.batch.schema(), &source).map_err(|fault| refused(file, fault))?;
            let mut fold = |batch: &RecordBatch, records: &Records| {
                let rejects = counter.add(&input, batch, records).map_err(|fault| refused(file, fault))?;
                // A note lists them already.
                let rejects = if is_new { rejects.0 } else { Vec::new() };
                gathered.relieve(unit.file, seller, counter, rejects, self.kept)
            };
            let rows = pieces.rows(&chunk.batch);
            if rows >= in_batch {
                fold(&chunk.batch, &chunk.records)?;
            } else {
                for first in (0..in_batch).step_by(rows) {
                    let rows = rows.min(in_batch - first);
                    fold(&chunk.batch.slice(first, rows), &chunk.records.slice(first, rows))?;
                }
            }
            unseen += 1;
            if unseen % BATCHES_UNSEEN == 0 || rows < in_batch {
                self.budget.check()?;
            }
            self.progress.add((in_batch + rejected) as u64);
            Ok(())
        };
        let end = (self.reader)(self.plan, self.survey, unit, &mut take)?;
        self.end(unit, judge, counter, gathered, end)
    }
}

/// Returns the seller of all rows of a file, if the job or the path says it.
fn constant_seller(file: &scan::SourceFile) -> Option<&str> {
    let seller = file.constants.iter().find(|(column, _)| *column == Column::SellerId);
    seller.map(|(_, text)| text.as_str()).filter(|seller| !seller.is_empty())
}

/// Returns the facts of a file that are not in the schema of its batches.
pub fn source(plan: &Plan, survey: &Survey, file: u32) -> Arc<Source> {
    let of = &survey.files[file as usize];
    Arc::new(Source { file, constants: of.constants.clone(), cells: plan.cells(of.input, of.format) })
}

/// Returns the error of a file whose batches cannot be judged.
pub fn refused(file: &scan::SourceFile, fault: impl std::fmt::Display) -> Error {
    Error::Input(format!("{}: {fault}", shown(&file.shown)))
}

/// The time axis that the plan's tables need, cut wherever a week or a window begins or ends, from
/// the first day that is judged to the last plausible one.
pub fn time_axis(plan: &Plan) -> TimeAxis {
    let asks_for = |table: Table| plan.output.tables.contains(&table);
    let rolling = asks_for(Table::VtrRolling).then_some(match plan.output.rolling {
        Rolling::Daily => WindowEnds::Daily,
        Rolling::Weekly => WindowEnds::Sundays,
    });
    TimeAxis::of(&plan.book, plan.as_of, Cuts { rolling, health: asks_for(Table::AccountHealth) })
}
