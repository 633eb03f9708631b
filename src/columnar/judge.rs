//! The front door: one set of rules and terms that judges Arrow batches and counts them.
//!
//! A judge is made once per process and shared by threads; everything it needs to know of a schema, it reads from
//! the schema. It opens no file and reads no clock. It refuses unreadable data with an [`InputError`] that names
//! the column, what was found and what is wanted.

pub use crate::axis::{Cuts, TimeAxis, WindowEnds};
pub use crate::carried::copies_schema;
pub use crate::copies::{CopyRecord, Subtractor};
pub use crate::counts::Counts;
pub use crate::dealt::{Dealt, counts_schema, narrowed};
pub use crate::fold::{Counter, Fate, NotedCell, NotedReader, NotedTexts, NotedWriter, Yield};
pub use crate::marginals::MarginalKind;
pub use crate::refusal::{InputError, InputFault};
pub use crate::reject::{Records, Reject, Rejects};
pub use crate::settings::{Identity, LaterRows, Unit};
pub use crate::source::{Input, Source};
pub use crate::verdicts::verdict_schema;

use crate::carried;
use crate::dealt;
use crate::keys::{Keys, Layout, SharedKeys};
use crate::partial::{Piece, Wants};
use crate::settings::Settings;
use crate::verdicts::{identities, verdicts};
use arrow::array::{FixedSizeBinaryArray, RecordBatch};
use arrow::datatypes::SchemaRef;
use std::ops::RangeInclusive;
use std::sync::Arc;
use vtr_kernel::Book;
use vtr_kernel::calendar::{Day, FIRST_DAY, last_plausible_day, monday};
use vtr_kernel::ladder::{Evidence, Terms};
use vtr_kernel::money::Rates;
use vtr_kernel::strays::LEAD_DAYS;
use vtr_kernel::windows;

/// A set of rules and terms, owned: made once, used by any number of threads.
///
/// # Examples
/// ```
/// use arrow::array::{ArrayRef, AsArray, RecordBatch, StringArray};
/// use std::sync::Arc;
/// use vtr_columnar::judge::Judge;
///
/// let book = Arc::new(vtr_kernel::load::embedded().unwrap());
/// let as_of = vtr_kernel::calendar::day_from_date("2025-06-30".parse().unwrap());
/// let judge = Judge::builder(book, as_of).build();
///
/// let text = |cells: [&str; 2]| -> ArrayRef { Arc::new(StringArray::from_iter_values(cells)) };
/// let batch = RecordBatch::try_from_iter([
///     ("seller_id", text(["A1", "A1"])),
///     ("marketplace", text(["DE", "Narnia"])),
///     ("order_id", text(["302-1", "302-2"])),
///     ("carrier", text(["DHL", "DHL"])),
///     ("tracking_number", text(["00340434161094022115", "00340434161094022115"])),
///     ("promised_delivery_at", text(["2025-06-02", "2025-06-02"])),
///     ("first_scan_at", text(["2025-05-30T10:00:00Z", ""])),
/// ])
/// .unwrap();
///
/// let input = judge.input(&batch.schema()).unwrap();
/// let verdicts = judge.verdicts(&input, &batch).unwrap();
/// assert_eq!(verdicts["reason"].as_string::<i32>().value(0), "scanned");
/// assert_eq!(verdicts["fault"].as_string::<i32>().value(1), "marketplace: no marketplace of the book");
/// ```
#[derive(Debug)]
pub struct Judge {
    settings: Settings,
    keys: SharedKeys,
}

/// The settings from which a [`Judge`] is made.
#[derive(Clone, Debug)]
pub struct JudgeBuilder {
    settings: Settings,
    most_text_bytes: usize,
}

impl Judge {
    /// Starts a judge from a book and the `as_of` day (UTC), the last day for which data are known. By default
    /// scans decide, every day is requested, every kind is counted, no row is listed, and rows are never copies of
    /// each other.
    pub fn builder(book: Arc<Book>, as_of: Day) -> JudgeBuilder {
        let settings = Settings {
            health: book.markets().map(|(_, market)| windows::health(market, as_of)).collect(),
            axis: TimeAxis::of(&book, as_of, Cuts::default()),
            book,
            rates: Arc::default(),
            as_of,
            evidence: Evidence::Scans,
            later_rows: LaterRows::Absent,
            scan_lead_days: LEAD_DAYS,
            range: None,
            windows: None,
            wants: Wants::of(&MarginalKind::ALL),
            wants_defects: false,
            judged_from: None,
            identity: None,
        };
        JudgeBuilder { settings, most_text_bytes: usize::MAX }
    }

    /// Returns how batches of a schema are read.
    ///
    /// # Errors
    /// A required column is missing, a column occurs twice, or its type cannot be read.
    pub fn input(&self, schema: &SchemaRef) -> Result<Input, InputError> {
        self.input_of(schema, &Arc::new(Source::default()))
    }

    /// Returns the same, with declarations about the input beside its schema.
    ///
    /// # Errors
    /// As [`Judge::input`].
    pub fn input_of(&self, schema: &SchemaRef, source: &Arc<Source>) -> Result<Input, InputError> {
        let input = Input::new(schema, source)?;
        input.can_be_judged()?;
        Ok(input)
    }

    /// Returns the outcome of each row: one row in, one row out, in their order; see [`verdict_schema`] for the
    /// columns. Nothing is counted. Each distinct text of a batch is resolved once, so large batches are cheaper.
    ///
    /// # Errors
    /// As [`Counter::add`].
    pub fn verdicts(&self, input: &Input, batch: &RecordBatch) -> Result<RecordBatch, InputError> {
        verdicts(self, input, batch)
    }

    /// Returns the identity of each row's package or order, 16 bytes, null for rows that are not judged. It is a
    /// hash of texts, keyed by [`JudgeBuilder::identity`], and so is the same on every worker, whatever its codes.
    ///
    /// # Errors
    /// As [`Counter::add`], and if the judge was made without an identity.
    pub fn identities(&self, input: &Input, batch: &RecordBatch) -> Result<FixedSizeBinaryArray, InputError> {
        identities(self, input, batch)
    }

    /// Makes a counter for one thread.
    ///
    /// # Examples
    /// ```
    /// use arrow::array::{ArrayRef, AsArray, RecordBatch, StringArray};
    /// use arrow::datatypes::Int64Type;
    /// use std::sync::Arc;
    /// use vtr_columnar::judge::{Judge, MarginalKind, Records};
    ///
    /// let judge = Judge::builder(Arc::new(vtr_kernel::load::embedded().unwrap()), 20_269).build();
    /// let text = |cells: [&str; 3]| -> ArrayRef { Arc::new(StringArray::from_iter_values(cells)) };
    /// let batch = RecordBatch::try_from_iter([
    ///     ("seller_id", text(["A1", "A1", ""])),
    ///     ("marketplace", text(["DE", "DE", "DE"])),
    ///     ("order_id", text(["302-1", "302-2", "302-3"])),
    ///     ("promised_delivery_at", text(["2025-06-02", "2025-06-02", "2025-06-02"])),
    /// ])
    /// .unwrap();
    /// let input = judge.input(&batch.schema()).unwrap();
    /// let mut counter = judge.counter();
    /// let rejects = counter.add(&input, &batch, &Records::From(1)).unwrap();
    /// assert_eq!((rejects.len(), rejects.iter().next().unwrap().record), (1, 3));
    ///
    /// let weekly: Vec<RecordBatch> = counter.counts().batches(MarginalKind::Weekly).collect();
    /// assert_eq!(weekly[0]["count"].as_primitive::<Int64Type>().values(), &[2]);
    /// ```
    pub fn counter(&self) -> Counter<'_> {
        Counter::new(self, &self.keys)
    }

    /// Makes empty counts, to which other counts can be added.
    pub fn counts(&self) -> Counts<'_> {
        Counts::of(self, Default::default())
    }

    /// Makes a subtractor for rows that a newer copy supersedes.
    pub fn subtractor(&self) -> Subtractor<'_> {
        Subtractor::new(&self.settings)
    }

    /// Returns everything except the facts on which verdicts depend.
    pub fn terms(&self) -> Terms<'_> {
        self.settings.terms()
    }

    /// Returns the bytes that the texts with codes take.
    pub fn text_bytes(&self) -> usize {
        self.keys.bytes()
    }

    /// Returns the texts of all codes, once nothing more is counted.
    pub fn into_keys(self) -> Keys {
        self.keys.freeze(&self.settings.book, self.settings.axis)
    }

    /// Returns records of copies with texts instead of codes, for a worker with other codes; see [`copies_schema`].
    pub fn copies_batch(&self, copies: &[CopyRecord]) -> RecordBatch {
        self.keys.ranked(&self.settings.book, self.settings.axis.clone()).copies(copies)
    }

    /// Returns the counts of another worker in this judge's codes, packed. The batch must be one of
    /// [`Dealt::batches`], with texts of any Arrow type. Counts of subtracted rows are negative.
    ///
    /// # Errors
    /// The batch has other columns, or one of its values is unknown to this judge.
    pub fn pieces(&self, batch: &RecordBatch) -> Result<Vec<Piece>, InputError> {
        dealt::pieces(self, batch)
    }

    /// Returns the records of a batch that another worker made by [`Judge::copies_batch`].
    ///
    /// # Errors
    /// The batch has other columns, or one of its values is unknown to this judge.
    pub fn copies(&self, batch: &RecordBatch) -> Result<Vec<CopyRecord>, InputError> {
        carried::copies(self, batch)
    }

    /// Returns whether a day can be the day of a package, or be in the week of one.
    pub(crate) fn is_plausible(&self, day: Day) -> bool {
        self.plausible_days().contains(&day)
    }

    pub(crate) fn plausible_days(&self) -> RangeInclusive<Day> {
        FIRST_DAY..=monday(last_plausible_day(self.settings.as_of)) + 6
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) fn shared_keys(&self) -> &SharedKeys {
        &self.keys
    }
}

impl JudgeBuilder {
    /// Sets the exchange rates, for rules that compare values; without them no value in another currency can be
    /// compared.
    pub fn rates(mut self, rates: Arc<Rates>) -> JudgeBuilder {
        self.settings.rates = rates;
        self
    }

    /// Sets the evidence by which the judge decides.
    pub fn evidence(mut self, evidence: Evidence) -> JudgeBuilder {
        self.settings.evidence = evidence;
        self
    }

    /// Sets the treatment of rows that were updated after the `as_of` day.
    pub fn later_rows(mut self, later_rows: LaterRows) -> JudgeBuilder {
        self.settings.later_rows = later_rows;
        self
    }

    /// Sets the number of days by which a scan may precede its shipment.
    pub fn scan_lead_days(mut self, days: i32) -> JudgeBuilder {
        self.settings.scan_lead_days = days;
        self
    }

    /// Sets the first and last day whose weeks are counted; `None`: all. Verdicts are given for all days.
    pub fn range(mut self, days: Option<(Day, Day)>) -> JudgeBuilder {
        self.settings.range = days;
        self
    }

    /// Sets the first and last day that a requested window can contain; `None`: all.
    pub fn windows(mut self, days: Option<(Day, Day)>) -> JudgeBuilder {
        self.settings.windows = days;
        self
    }

    /// Sets how days are cut for counts by segment; the default is weeks.
    pub fn axis(mut self, axis: TimeAxis) -> JudgeBuilder {
        self.settings.axis = axis;
        self
    }

    /// Sets the kinds of counts to keep.
    pub fn kinds(mut self, kinds: &[MarginalKind]) -> JudgeBuilder {
        self.settings.wants = Wants::of(kinds);
        self
    }

    /// Sets the rows that counters list one by one: defects, and every judged row from a day on.
    pub fn lists(mut self, defects: bool, judged_from: Option<Day>) -> JudgeBuilder {
        (self.settings.wants_defects, self.settings.judged_from) = (defects, judged_from);
        self
    }

    /// Sets what makes rows copies of each other; `None`: nothing does.
    pub fn identity(mut self, identity: Option<Identity>) -> JudgeBuilder {
        self.settings.identity = identity;
        self
    }

    /// Sets the greatest number of bytes for the distinct texts of counters; a batch that exceeds it is refused.
    pub fn most_text_bytes(mut self, bytes: usize) -> JudgeBuilder {
        self.most_text_bytes = bytes;
        self
    }

    /// Makes the judge.
    ///
    /// # Panics
    /// If the book has so many carriers that a million sellers would not fit beside them.
    pub fn build(self) -> Judge {
        let keys = SharedKeys::new(Layout::of(&self.settings.book), self.most_text_bytes);
        Judge { settings: self.settings, keys }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_share_a_judge() {
        fn is_shared<T: Send + Sync + 'static>() {}
        is_shared::<Judge>();
        is_shared::<Input>();
        is_shared::<InputError>();
    }
}
