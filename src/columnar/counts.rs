//! Counts of one worker, or of several added up, as Arrow batches of texts.
//!
//! Codes never leave the process: another worker's counts are added by their texts, weeks and reasons. This module
//! makes no rates. It refuses a foreign batch as a whole if it is no batch of counts, or if the judge does not know
//! something that it counts.

use crate::copies::Subtractor;
use crate::foreign::{self, Allowed};
use crate::judge::Judge;
use crate::keys::Keys;
use crate::marginals::MarginalKind;
use crate::partial::{Partial, Unpacked};
use crate::refusal::InputError;
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Date32Array, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, UInt8Type};
use std::collections::BTreeMap;
use std::sync::Arc;
use vtr_kernel::mend::{FixableBy, Outcome};

/// The greatest number of rows of a returned batch.
const BATCH_ROWS: usize = 65_536;

/// The counts, by [`MarginalKind`].
///
/// # Examples
/// ```
/// use arrow::array::RecordBatch;
/// use std::sync::Arc;
/// use vtr_columnar::judge::{Judge, MarginalKind};
///
/// let book = Arc::new(vtr_kernel::load::embedded().unwrap());
/// let (here, there) = (Judge::builder(book.clone(), 20_269).build(), Judge::builder(book, 20_269).build());
/// let mut sum = here.counts();
/// // What another process counted arrives as batches, by IPC for example.
/// for batch in there.counts().batches(MarginalKind::Weekly) {
///     sum.merge(&batch).unwrap();
/// }
/// let foreign = RecordBatch::new_empty(MarginalKind::Weekly.schema());
/// assert_eq!(sum.merge(&foreign), Ok(()));
/// let error = sum.merge(&RecordBatch::new_empty(Arc::new(arrow::datatypes::Schema::empty()))).unwrap_err();
/// assert!(error.to_string().contains("no kind of counts"), "{error}");
/// ```
pub struct Counts<'a> {
    judge: &'a Judge,
    partial: Partial,
}

impl MarginalKind {
    /// Returns the columns of its batches: time (`week` or `segment`, a Date32; for [`MarginalKind::Breakdown`]
    /// `fixable_by`, Utf8, null for valid packages), the columns of [`MarginalKind::keys`] (Utf8), `reason` (Utf8) with
    /// `pending` (Boolean) for kinds that distinguish packages by it, `list_doubt` (Boolean) for
    /// [`MarginalKind::Reasons`], and `count` (Int64, positive).
    pub fn schema(self) -> SchemaRef {
        let text = |name: &str| Field::new(name, DataType::Utf8, false);
        let mut fields = vec![match self {
            MarginalKind::Weekly | MarginalKind::Names | MarginalKind::Reasons => {
                Field::new("week", DataType::Date32, false)
            }
            MarginalKind::Category => Field::new("segment", DataType::Date32, false),
            MarginalKind::Breakdown => Field::new("fixable_by", DataType::Utf8, true),
        }];
        fields.extend(self.keys().iter().map(|name| text(name)));
        if matches!(self, MarginalKind::Weekly | MarginalKind::Category | MarginalKind::Breakdown) {
            fields.push(text("reason"));
        }
        if self != MarginalKind::Names {
            fields.push(Field::new("pending", DataType::Boolean, false));
        }
        if self == MarginalKind::Reasons {
            fields.push(Field::new("list_doubt", DataType::Boolean, false));
        }
        fields.push(Field::new("count", DataType::Int64, false));
        Arc::new(Schema::new(fields))
    }
}

impl<'a> Counts<'a> {
    pub(crate) fn of(judge: &'a Judge, mut partial: Partial) -> Counts<'a> {
        partial.count_pending();
        Counts { judge, partial }
    }

    /// Adds the counts of another counter of the same judge.
    ///
    /// # Panics
    /// If the counts are of another judge, whose codes have other meanings. Merge its batches instead.
    pub fn add(&mut self, other: Counts) {
        assert!(std::ptr::eq(self.judge, other.judge), "counts of two judges are added by their batches");
        self.partial.merge(other.partial);
    }

    /// Subtracts rows that a newer copy supersedes, once the counts hold them.
    pub fn take_out(&mut self, superseded: Subtractor) {
        self.partial.merge(superseded.taken().partial);
    }

    /// Adds a batch of counts that may come from a worker with other codes: another process, or another engine. It
    /// must have the columns of one [`MarginalKind::schema`], with texts of any Arrow type, in any order; a cell may
    /// occur more than once.
    ///
    /// # Errors
    /// The batch is no batch of counts, or one of its values is unknown to this judge: another book, another time
    /// axis, a null, a count that is not positive. Nothing of it is added then.
    pub fn merge(&mut self, batch: &RecordBatch) -> Result<(), InputError> {
        let (kind, cells) = foreign::cells(self.judge, batch, Allowed::Positive)?;
        cells.into_iter().for_each(|(cell, rows)| self.partial.add(kind, cell, rows));
        Ok(())
    }

    /// Returns the counts of a kind: texts, time and reason as columns; see [`MarginalKind::schema`]. Rows are sorted
    /// by time, by keys bytewise, and by the rung of their reason, each cell once. No batch has more than 65,536 rows.
    pub fn batches(&self, kind: MarginalKind) -> impl Iterator<Item = RecordBatch> + use<'a> {
        let settings = self.judge.settings();
        let cells: BTreeMap<u16, Unpacked> = self.partial.cells(kind);
        let keys = self.judge.shared_keys().ranked(&settings.book, settings.axis.clone());
        cells.into_iter().flat_map(move |(time, cells)| {
            let sorted = keys.batch(kind, cells);
            let rows = sorted.num_rows();
            let pieces = (0..rows).step_by(BATCH_ROWS).map(|first| sorted.slice(first, BATCH_ROWS.min(rows - first)));
            let pieces: Vec<RecordBatch> = pieces.map(|piece| readable(&keys, kind, time, &piece)).collect();
            pieces
        })
    }

    /// Returns the bytes that the counts take.
    pub fn bytes(&self) -> usize {
        self.partial.bytes()
    }
}

/// Returns the sorted counts of one time, with texts instead of codes.
fn readable(keys: &Keys, kind: MarginalKind, time: u16, sorted: &RecordBatch) -> RecordBatch {
    let rows = sorted.num_rows();
    let day = keys.day(kind, time);
    let mut columns: Vec<ArrayRef> = vec![match kind {
        MarginalKind::Weekly | MarginalKind::Names | MarginalKind::Reasons | MarginalKind::Category => {
            Arc::new(Date32Array::from_value(day, rows))
        }
        MarginalKind::Breakdown => {
            let mender = (day as usize).checked_sub(1).map(|place| FixableBy::ALL[place].name());
            Arc::new(StringArray::from_iter((0..rows).map(|_| mender)))
        }
    }];
    let texts = kind.keys().iter().map(|name| cast(&sorted[*name], &DataType::Utf8).expect("dictionaries hold texts"));
    columns.extend(texts);
    let flags = |of: &dyn Fn(u8) -> bool, codes: &ArrayRef| -> ArrayRef {
        let codes = codes.as_primitive::<UInt8Type>().values();
        Arc::new(BooleanArray::from_iter(codes.iter().map(|code| Some(of(*code)))))
    };
    match kind {
        MarginalKind::Names => {}
        MarginalKind::Reasons => {
            columns.push(flags(&|code| code & 1 == 1, &sorted["flags"]));
            columns.push(flags(&|code| code >> 1 & 1 == 1, &sorted["flags"]));
        }
        MarginalKind::Weekly | MarginalKind::Category | MarginalKind::Breakdown => {
            let outcome = |code: u8| Outcome::from_code(code).expect("the fold packs codes of outcomes");
            let codes = sorted["reason"].as_primitive::<UInt8Type>().values();
            let reasons = codes.iter().map(|code| outcome(*code).reason.name());
            columns.push(Arc::new(StringArray::from_iter_values(reasons)));
            columns.push(flags(&|code| outcome(code).is_pending, &sorted["reason"]));
        }
    }
    columns.push(sorted["count"].clone());
    debug_assert!(columns.iter().all(|column| column.len() == rows));
    RecordBatch::try_new(kind.schema(), columns).expect("columns are built in the order and types of their kind")
}
