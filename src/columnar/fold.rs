//! The fold: one loop over the rows of a batch, from cells to counts.
//!
//! Each row ends in exactly one place: rejected, after `as_of`, outside the range, or judged. Which copies are
//! superseded is decided later, from the [`CopyRecord`] records that the fold hands on. It refuses a batch with other
//! columns than its input's, and one whose values cannot be read as their column's type.

mod noted;
mod set_aside;

pub use crate::copies::{CopyRecord, MOST_FILES, Subtractor, Taken};
pub use crate::reject::{Records, Reject, Rejects, shown_cell, shown_value};
pub use crate::tallies::{Due, FileTally, Later, Weeks};
pub use noted::{NotedCell, NotedReader, NotedTexts, NotedWriter, noted_check};

use crate::asides::Asides;
use crate::columns::{Columns, Held, Resolvers};
use crate::copies::{Of, copy, text_hash};
use crate::defects::{Listed, ListedRows};
use crate::judge::{Counts, Judge};
use crate::keys::{Circumstances, Codes, Layout, SharedKeys, market_from_code};
use crate::partial::{Partial, Piece, RowKeys, week_index};
use crate::plausible::Plausible;
use crate::refusal::InputError;
use crate::rows::{BLOCK, Row, Rows, instants};
use crate::settings::{Beside, LaterRows, Settings, row_keys};
use crate::source::Input;
use arrow::array::RecordBatch;
use vtr_kernel::calendar::{Day, Zone};
use vtr_kernel::facts::{Facts, FulfilledBy, Notice, OrderState, Tracking};
use vtr_kernel::glance::Glance;
use vtr_kernel::instant::Moment;
use vtr_kernel::ladder::{Selected, Terms, Verdict, judge_by, select_any, selecting_day, zone};
use vtr_kernel::mend::{Mending, Outcome};
use vtr_kernel::policy::Marketplace;
use vtr_kernel::reason::Reason;

/// The results beside the marginals since the last call of [`Counter::take`].
#[derive(Default)]
pub struct Yield {
    /// The counts of the file's rows.
    pub tally: FileTally,
    /// A record for every row that may have copies.
    pub copies: Vec<CopyRecord>,
    /// The rows of defects in the requested range, in no order; see [`LISTED`](crate::defects::LISTED) for the
    /// columns.
    pub defects: Option<RecordBatch>,
    /// The judged rows in the requested range from the first day on for which they are kept, with the same columns.
    pub judged: Option<RecordBatch>,
    /// The promised days of pending rows by week.
    pub due: Due,
    /// The judged rows by week and class, counted separately from the marginals.
    pub weeks: Weeks,
    /// The rows whose verdict depended on a value that could not be compared.
    pub unpriced: u64,
    /// The values that were set aside.
    pub asides: Asides,
}

impl Yield {
    /// Returns what rows in the range of weeks add to the counts of a file whose other rows, rejected rows and values
    /// set aside are known.
    pub fn of_range(self) -> Yield {
        let FileTally { classes, reasons, .. } = self.tally;
        Yield { tally: FileTally { classes, reasons, ..FileTally::default() }, asides: Asides::default(), ..self }
    }
}

/// The outcome of one row.
pub enum Fate<'a> {
    /// The row cannot be judged.
    Rejected(Reject),
    /// The row does not exist yet on the `as_of` day.
    AfterAsOf(Day),
    /// The row was judged.
    Judged {
        /// Its facts.
        facts: &'a Facts<'a>,
        /// Its verdict.
        verdict: &'a Verdict,
        /// The rules that apply to it; `None`: it is on no marketplace.
        selected: &'a Option<Selected<'a>>,
        /// Its package.
        package: &'a str,
        /// Its record as a possible copy of another; `None` if copies are not sought.
        copy: Option<CopyRecord>,
    },
}

/// Scratch space that rows share.
#[derive(Default)]
struct Scratch {
    cleaned: String,
    identity: Vec<u8>,
}

/// Counts the rows of batches, on one thread; any number of counters of one judge may count at once.
///
/// # Examples
/// ```
/// use arrow::array::{ArrayRef, RecordBatch, StringArray};
/// use std::sync::Arc;
/// use vtr_columnar::judge::{Judge, MarginalKind, Records};
///
/// let judge = Judge::builder(Arc::new(vtr_kernel::load::embedded().unwrap()), 20_269).build();
/// let text = |cell: &str| -> ArrayRef { Arc::new(StringArray::from_iter_values([cell])) };
/// let batch = RecordBatch::try_from_iter([
///     ("seller_id", text("A1")),
///     ("marketplace", text("DE")),
///     ("order_id", text("302-1")),
///     ("promised_delivery_at", text("2025-06-02")),
/// ])
/// .unwrap();
/// let input = judge.input(&batch.schema()).unwrap();
/// // Any number of threads, each with a counter of its own.
/// let mut counts = judge.counts();
/// for counter in std::thread::scope(|scope| {
///     let work = || {
///         let mut counter = judge.counter();
///         counter.add(&input, &batch, &Records::From(1)).map(|_| counter)
///     };
///     let threads = [scope.spawn(work), scope.spawn(work)];
///     threads.map(|thread| thread.join().unwrap())
/// }) {
///     counts.add(counter.unwrap().counts());
/// }
/// assert_eq!(counts.batches(MarginalKind::Weekly).next().unwrap().num_rows(), 1);
/// ```
pub struct Counter<'a> {
    judge: &'a Judge,
    settings: &'a Settings,
    keys: &'a SharedKeys,
    pub(crate) terms: Terms<'a>,
    layout: Layout,
    resolvers: Resolvers,
    partial: Partial,
    pub(crate) utc: Zone,
    pub(crate) plausible: Plausible,
    /// `None`: every row's times are tested one by one.
    glance: Option<Glance>,
    /// The hashes of the marketplaces' names, by code; none if copies are not sought.
    market_hashes: Vec<(u64, u64)>,
    out: Yield,
    defects: ListedRows,
    judged: ListedRows,
    /// Whether to look for rows that another `as_of` would judge differently.
    seeks_later: bool,
    /// Whether only rows in the range of weeks are judged.
    only_range: bool,
}

/// Returns whether any rung needs number and value: the first rungs do not, so the number need not be cleaned.
#[inline]
fn asks_for_number(facts: &Facts) -> bool {
    facts.marketplace != Marketplace::None
        && facts.fulfilled_by == FulfilledBy::Seller
        && facts.state == OrderState::Live
}

/// Returns the codes by which a judged row is counted.
#[inline]
fn codes(row: &Row, verdict: &Verdict, outcome: Outcome) -> Codes {
    Codes {
        time: week_index(row.day),
        seller: row.seller,
        market: row.market,
        programme: verdict.programme.0,
        carrier: verdict.carrier.code(),
        reason: outcome.code(),
    }
}

impl<'a> Counter<'a> {
    /// Makes a counter that has counted nothing; `keys` gives texts their codes.
    pub(crate) fn new(judge: &'a Judge, keys: &'a SharedKeys) -> Counter<'a> {
        let settings = judge.settings();
        Counter {
            judge,
            settings,
            keys,
            terms: settings.terms(),
            layout: Layout::of(&settings.book),
            resolvers: Resolvers::default(),
            partial: Partial::default(),
            utc: Zone::utc(),
            plausible: Plausible::of(settings.as_of),
            glance: Glance::new(settings.as_of, settings.scan_lead_days, settings.later_rows == LaterRows::Absent),
            market_hashes: market_hashes(settings),
            out: Yield::default(),
            defects: ListedRows::default(),
            judged: ListedRows::default(),
            seeks_later: false,
            only_range: false,
        }
    }

    /// Turns the search for rows that another `as_of` would judge differently on or off. It reads every time of a
    /// row, so it is only for files for which this is not known otherwise.
    pub fn seek_later(&mut self, seeks: bool) {
        self.seeks_later = seeks;
    }

    /// Passes over rows outside the range of weeks, or no longer does. It is for files of which these are known
    /// otherwise, and then only [`Yield::of_range`] of what it finds counts.
    pub fn only_range(&mut self, only: bool) {
        self.only_range = only;
    }

    /// Counts the rows of a batch, and returns those that cannot be judged, in order.
    ///
    /// # Errors
    /// A batch with other columns than the input's, values that cannot be read as their column's type (numbers that
    /// a float has cut, bytes that are no text), or more different texts than fit; nothing of the batch is counted
    /// then.
    pub fn add(&mut self, input: &Input, batch: &RecordBatch, records: &Records) -> Result<Rejects, InputError> {
        let mut held = Held::default();
        let columns = self.columns(input, batch, &mut held)?;
        let mark = columns.value.mark(input.cells());
        self.keys.check()?;
        let asides = &mut self.out.asides;
        columns.each_aside(batch.num_rows(), &mut |column, row, kind| asides.note(kind, column, records.number(row)));
        columns.each_country(&mut |column, country| asides.meet(column, country));
        let (mut block, mut selected, mut scratch) = (Rows::new(), [None; BLOCK], Scratch::default());
        let (mut first, mut rejects) = (0, Vec::new());
        while first < batch.num_rows() {
            let rows = block.read(&columns, input.cells(), first, batch.num_rows());
            // Dependent memory accesses are made for all rows of the block in one loop, so that the processor
            // overlaps several of them.
            let times = instants(&columns, first, rows.len());
            let ordinary = self.glance.map_or(0, |glance| glance.ordinary(&times, rows.len()));
            for (of_block, row) in rows.iter_mut().enumerate() {
                row.is_ordinary = ordinary >> of_block & 1 == 1;
                row.is_sound &= self.is_dated(row);
                self.set_strays_aside(row, mark, records, first + of_block);
            }
            if self.seeks_later {
                let later = rows.iter().filter_map(|row| self.later(row)).reduce(Later::plus);
                later.into_iter().for_each(|later| self.out.tally.see_later(later));
            }
            let asked = self.asked(rows);
            let is_asked = |of_block: usize| asked >> of_block & 1 == 1;
            for ((of_block, row), selected) in rows.iter_mut().enumerate().zip(&mut selected) {
                if !is_asked(of_block) {
                    continue;
                }
                *selected = select_any(&row.facts, self.terms.book, row.day);
                if columns.has_tracking && asks_for_number(&row.facts) {
                    row.take_number();
                }
            }
            for ((of_block, row), selected) in rows.iter().enumerate().zip(&selected) {
                let at = first + of_block;
                if !row.is_sound {
                    rejects.push(self.first_fault(&columns, input, batch, records, at));
                } else if is_asked(of_block) {
                    self.place(&columns, input, (at, row, selected), records, &mut scratch);
                }
            }
            first += rows.len();
        }
        self.resolvers.keep(columns);
        self.reject(rejects.len() as u64);
        Ok(Rejects(rejects))
    }

    /// Calls `tell` with the outcome of each row of a batch, in order, and counts none.
    ///
    /// # Errors
    /// As [`Counter::add`].
    pub fn explain(
        &mut self,
        input: &Input,
        batch: &RecordBatch,
        records: &Records,
        tell: &mut dyn FnMut(usize, Fate),
    ) -> Result<(), InputError> {
        let mut held = Held::default();
        let columns = self.columns(input, batch, &mut held)?;
        let mark = columns.value.mark(input.cells());
        let (mut block, mut scratch) = (Rows::new(), Scratch::default());
        let mut first = 0;
        while first < batch.num_rows() {
            let rows = block.read(&columns, input.cells(), first, batch.num_rows());
            for (at, row) in (first..).zip(&mut *rows) {
                row.is_sound &= self.is_dated(row);
                self.set_strays_aside(row, mark, records, at);
                if !row.is_sound {
                    tell(at, Fate::Rejected(self.first_fault(&columns, input, batch, records, at)));
                    continue;
                }
                if self.is_later(row) {
                    tell(at, Fate::AfterAsOf(row.day));
                    continue;
                }
                let facts = row.facts_with(tracking(&columns, row.number, &mut scratch.cleaned).0);
                let selected = select_any(&facts, self.terms.book, row.day);
                let verdict = judge_by(&facts, row.day, &self.terms, &selected);
                let package = columns.package.get(at, input.cells()).unwrap_or(facts.tracking.whole());
                let clock = zone(self.terms.book, facts.marketplace, &self.utc);
                let place = (input.file(), records.number(at));
                let copy = self.settings.identity.map(|identity| {
                    let account = self.account(&columns, at, row);
                    copy(identity, account, place, row, package, clock, &mut scratch.identity)
                });
                tell(at, Fate::Judged { facts: &facts, verdict: &verdict, selected: &selected, package, copy });
            }
            first += rows.len();
        }
        self.resolvers.keep(columns);
        Ok(())
    }

    /// Returns the columns of a batch, ready to be read row by row.
    fn columns<'b>(
        &mut self,
        input: &'b Input,
        batch: &'b RecordBatch,
        held: &'b mut Held,
    ) -> Result<Columns<'b>, InputError> {
        input.check(batch)?;
        self.resolvers.columns(input, batch, self.keys, self.terms.book, self.settings.identity, held)
    }

    /// Counts rows that were rejected before they became part of a batch.
    pub fn reject(&mut self, rows: u64) {
        self.out.tally.rejected += rows;
    }

    /// Returns the results since the last call; callers take them between files.
    pub fn take(&mut self) -> Yield {
        let mut out = std::mem::take(&mut self.out);
        out.defects = self.take_defects(1, 0);
        out.judged = self.take_judged(1, 0);
        out
    }

    /// Returns the records of copies since the last call; they are many, so callers take them often.
    pub fn take_copies(&mut self) -> Vec<CopyRecord> {
        std::mem::take(&mut self.out.copies)
    }

    /// Returns the rows of defects since the last call, once there are `at_least` of them or their texts take
    /// `bytes` bytes.
    pub fn take_defects(&mut self, at_least: usize, bytes: usize) -> Option<RecordBatch> {
        if self.defects.len() < at_least && self.defects.bytes(self.keys) < bytes {
            return None;
        }
        self.defects.finish(self.keys, self.terms.book)
    }

    /// Returns the judged rows since the last call, under the same conditions.
    pub fn take_judged(&mut self, at_least: usize, bytes: usize) -> Option<RecordBatch> {
        if self.judged.len() < at_least && self.judged.bytes(self.keys) < bytes {
            return None;
        }
        self.judged.finish(self.keys, self.terms.book)
    }

    /// Returns the bytes that the counts take now; it is cheap enough to be called often.
    pub fn bytes(&self) -> usize {
        self.partial.bytes()
    }

    /// Returns the counts so far, packed for memory or disk, and empties them.
    pub fn take_pieces(&mut self) -> Vec<Piece> {
        self.partial.take()
    }

    /// Returns the counts of everything counted and not yet taken.
    pub fn counts(self) -> Counts<'a> {
        Counts::of(self.judge, self.partial)
    }

    /// Returns the rows of a block that are judged, one bit each, the first one lowest.
    #[inline]
    fn asked(&self, rows: &[Row]) -> u64 {
        if !self.only_range {
            return u64::MAX;
        }
        let is_asked = |row: &Row| self.settings.range.is_none_or(|(from, to)| from <= row.day && row.day <= to);
        rows.iter().rev().fold(0, |asked, row| asked << 1 | u64::from(is_asked(row)))
    }

    /// Places a row in time; returns whether none of its dates rejects it.
    #[inline]
    fn is_dated(&self, row: &mut Row) -> bool {
        let (book, facts) = (self.terms.book, &row.facts);
        let day = selecting_day(book, facts.marketplace, facts.promised, facts.shipped, &self.utc);
        let clock = zone(book, facts.marketplace, &self.utc);
        let wrong = |moment: Option<Moment>| moment.is_some_and(|moment| !self.plausible.contains(moment, clock));
        let is_dated = row.is_ordinary || day.is_some() && !wrong(facts.promised) && !wrong(facts.shipped);
        row.day = day.unwrap_or_default();
        is_dated
    }

    /// Counts a sound row in its place.
    #[inline]
    fn place<'b>(
        &mut self,
        columns: &'b Columns,
        input: &'b Input,
        (at, row, selected): (usize, &Row<'b>, &Option<Selected>),
        records: &Records,
        scratch: &'b mut Scratch,
    ) {
        let settings = self.settings;
        self.out.tally.see(row.day);
        if !row.is_ordinary && self.is_later(row) {
            self.out.tally.after_as_of += 1;
            return;
        }
        let package = if settings.identity.is_some() { columns.package.get(at, input.cells()) } else { None };
        let with_number;
        let (facts, notice) = if row.has_number {
            (&row.facts, Notice::None)
        } else {
            let is_asked = asks_for_number(&row.facts) || package.is_none() && settings.identity.is_some();
            let (tracking, notice) = tracking(columns, row.number.filter(|_| is_asked), &mut scratch.cleaned);
            with_number = row.facts_with(tracking);
            (&with_number, notice)
        };
        let verdict = judge_by(facts, row.day, &self.terms, selected);
        let clock = zone(self.terms.book, facts.marketplace, &self.utc);
        let mending = Mending::of(facts, verdict.reason, &self.terms, clock);
        let outcome = Outcome { reason: verdict.reason, is_pending: mending.is_some_and(|mending| mending.is_pending) };
        let codes = codes(row, &verdict, outcome);
        let beside = Beside {
            category: row.category,
            typed: row.typed,
            circumstances: if settings.wants.reasons { self.circumstances(facts, &verdict, selected) } else { 0 },
            mender: mending.map_or(0, |mending| mending.fixable_by as u8 + 1),
        };
        let keys = row_keys(settings, self.layout, &codes, row.day, beside);
        self.count(&keys, codes.time, row.day, verdict.reason);
        self.look_for_copies(row, facts, records, at);
        let unpriced = verdict.unpriced && keys.in_range;
        self.out.unpriced += u64::from(unpriced);
        let record = records.number(at);
        self.note_findings(columns, facts, (notice, &verdict), (at, record));
        let clock = zone(self.terms.book, facts.marketplace, &self.utc);
        if let Some(identity) = settings.identity {
            let package = package.unwrap_or(facts.tracking.whole());
            let (account, place) = (self.account(columns, at, row), (input.file(), record));
            let copy = copy(identity, account, place, row, package, clock, &mut scratch.identity);
            self.out.copies.push(CopyRecord { cell: keys.weekly, beside, unpriced, ..copy });
        }
        if let Some(mending) = mending.filter(|mending| mending.is_pending && keys.in_range) {
            self.out.due.add(codes.time, mending.promised_day);
        }
        let in_defects = settings.wants_defects && mending.is_some();
        let in_judged = settings.lists_judged(row.day);
        if keys.in_range && (in_defects || in_judged) {
            let listed = Listed {
                place: (input.file(), record),
                row,
                verdict: &verdict,
                outcome,
                lane: selected.and_then(|selected| selected.lane).map(|lane| lane.id),
                package_id: columns.package.get(at, input.cells()).unwrap_or(facts.tracking.whole()),
                service: columns.service_typed.get(at, input.cells()),
                mending,
                clock,
            };
            for (rows, is_in) in [(&mut self.defects, in_defects), (&mut self.judged, in_judged)] {
                if is_in {
                    rows.push(&listed, &self.terms);
                }
            }
        }
    }

    /// Returns the circumstances by which a package is counted beside its account, week and outcome.
    fn circumstances(&self, facts: &Facts, verdict: &Verdict, selected: &Option<Selected>) -> u32 {
        let home = selected.as_ref().map(|selected| selected.market.country);
        let ends = facts.origin.or(home).zip(facts.destination.or(home));
        self.layout.circumstances(&Circumstances {
            rule: verdict.rule,
            lane: selected.as_ref().and_then(|selected| selected.lane).map(|lane| lane.id),
            service: self.terms.book.services.class_of(facts.service, verdict.carrier),
            is_cross_border: ends.is_some_and(|(from, to)| from != to),
            is_bought: facts.buy_shipping,
            is_doubtful: verdict.list_doubt,
        })
    }

    /// Returns the hashes of a row's seller and marketplace.
    #[inline(always)] // as `copy`
    fn account(&self, columns: &Columns, at: usize, row: &Row) -> ((u64, u64), (u64, u64)) {
        (columns.seller_hash.get(at), self.market_hashes[usize::from(row.market)])
    }

    /// Returns whether a row does not exist yet on the `as_of` day.
    fn is_later(&self, row: &Row) -> bool {
        let later = |moment: Option<Moment>| moment.is_some_and(|moment| moment.is_after(self.terms.as_of));
        later(row.facts.shipped) || self.settings.later_rows == LaterRows::Absent && later(row.updated)
    }

    /// Returns the other `as_of` days that would judge a row differently, whatever its outcome.
    fn later(&self, row: &Row) -> Option<Later> {
        let (facts, as_of) = (&row.facts, self.terms.as_of);
        let clock = zone(self.terms.book, facts.marketplace, &self.utc);
        let later = |from: Day, until: Day| Later { first: row.day, last: row.day, from, until };
        let times = [facts.shipped, row.updated, facts.tracking_added, facts.first_scan, facts.delivery_scan];
        let unknown = times.into_iter().flatten().filter(|time| time.is_after(as_of)).map(|time| {
            let day = time.day(&self.utc);
            later(day, day)
        });
        // Two years are 730 or 731 days.
        let too_far = [facts.promised, facts.shipped].into_iter().flatten().map(|time| time.day(clock));
        let too_far = too_far.filter(|day| *day > *self.plausible.days.end()).map(|day| later(day - 732, day - 730));
        unknown.chain(too_far).reduce(Later::plus)
    }

    #[inline]
    fn count(&mut self, keys: &RowKeys, week: u16, day: Day, reason: Reason) {
        self.partial.count(keys, self.settings.wants);
        if keys.in_range {
            self.out.tally.add(reason);
            self.out.weeks.add(week, reason.class(), 1);
        } else {
            self.out.tally.add_outside(day, self.settings.windows);
        }
    }
}

/// Returns the hashes of all marketplaces' names, by code.
fn market_hashes(settings: &Settings) -> Vec<(u64, u64)> {
    let book = &settings.book;
    let codes = 0..=book.markets().count() as u16;
    let hash = |identity, code| text_hash(identity, Of::Marketplace, book.marketplace_label(market_from_code(code)));
    settings.identity.map_or_else(Vec::new, |identity| codes.map(|code| hash(identity, code)).collect())
}

/// Returns the content of a row's tracking column with its number cleaned, and the finding in it.
#[inline(always)] // it is a few words, and would pass through memory
fn tracking<'a>(columns: &Columns, number: Option<&'a str>, buffer: &'a mut String) -> (Tracking<'a>, Notice) {
    if columns.has_tracking {
        Tracking::read(number.unwrap_or_default(), buffer)
    } else {
        (Tracking::NoColumn, Notice::None)
    }
}
