//! The origin of a batch's cells: the canonical columns of a schema, and declarations for the whole input.
//!
//! The schema alone decides which columns exist and how each is read. Nothing is judged here. It refuses a schema
//! from which nothing can be judged, and a batch with another schema.

use crate::input::{CellRules, Column, ColumnSet};
use crate::refusal::{InputError, InputFault};
use crate::resolve::Origin;
use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use std::sync::Arc;

/// Declarations about an input beside its schema.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// Its index among the inputs, in their order: the later one of two copies wins.
    pub file: u32,
    /// Columns with one value for all rows; a column of the batches takes precedence.
    pub constants: Vec<(Column, String)>,
    /// The rules by which texts are read.
    pub cells: CellRules,
}

/// The columns of an input, ready for its batches.
///
/// # Examples
/// ```
/// use arrow::datatypes::{DataType, Field, Schema};
/// use std::sync::Arc;
/// use vtr_columnar::input::Column;
/// use vtr_columnar::judge::{InputFault, Judge};
///
/// let judge = Judge::builder(Arc::new(vtr_kernel::load::embedded().unwrap()), 20_269).build();
/// let field = |name: &str, kind: DataType| Field::new(name, kind, true);
/// let mut fields = vec![
///     field("seller_id", DataType::Utf8),
///     field("marketplace", DataType::Utf8),
///     field("order_id", DataType::Utf8),
///     field("promised_delivery_at", DataType::Date32),
///     field("first_scan_at", DataType::Date32),
///     field("colour", DataType::Utf8),
/// ];
/// let input = judge.input(&Arc::new(Schema::new(fields.clone()))).unwrap();
/// assert!(input.has(Column::FirstScanAt) && !input.has(Column::TrackingNumber));
/// assert_eq!(input.ignored().collect::<Vec<_>>(), ["colour"]);
///
/// fields.remove(2);
/// let error = judge.input(&Arc::new(Schema::new(fields))).unwrap_err();
/// assert_eq!((error.fault, error.column.as_deref()), (InputFault::Columns, Some("order_id")));
/// ```
#[derive(Clone, Debug)]
pub struct Input {
    source: Arc<Source>,
    schema: SchemaRef,
    columns: ColumnSet,
}

impl Input {
    /// Makes the input for batches with a schema.
    pub(crate) fn new(schema: &SchemaRef, source: &Arc<Source>) -> Result<Input, InputError> {
        let mut columns = ColumnSet::default();
        for (column, field) in canonical(schema) {
            if columns.contains(column) {
                let remedy = "leave one of them out";
                return Err(InputError::of(InputFault::Columns, column.name(), "there twice", "there once", remedy));
            }
            column.read_as(field.data_type())?;
            columns.insert(column);
        }
        source.constants.iter().for_each(|(column, _)| columns.insert(*column));
        Ok(Input { source: source.clone(), schema: schema.clone(), columns })
    }

    /// Refuses an input of which no row could be judged.
    pub(crate) fn can_be_judged(&self) -> Result<(), InputError> {
        let remedy = "give the source's column this name, or give one value for all rows";
        let absent = |column: Column, wanted: &str| {
            Err(InputError::of(InputFault::Columns, column.name(), "absent", wanted, remedy))
        };
        if let Some(column) = Column::ALL.into_iter().find(|column| column.is_needed() && !self.has(*column)) {
            return absent(column, "there");
        }
        if !self.has(Column::PromisedDeliveryAt) && !self.has(Column::ShippedAt) {
            return absent(Column::PromisedDeliveryAt, "there, or `shipped_at`");
        }
        Ok(())
    }

    /// Refuses a batch that lacks the columns of the schema.
    pub(crate) fn check(&self, batch: &RecordBatch) -> Result<(), InputError> {
        let found = batch.schema_ref();
        if Arc::ptr_eq(found, &self.schema) {
            return Ok(());
        }
        let differs = |schema: &Schema, other: &Schema| {
            let mut columns = canonical(schema);
            columns.find_map(|(column, field)| {
                let same =
                    other.column_with_name(field.name()).is_some_and(|(_, o)| o.data_type() == field.data_type());
                (!same).then_some(column)
            })
        };
        let Some(column) = differs(&self.schema, found).or_else(|| differs(found, &self.schema)) else { return Ok(()) };
        let kind = |schema: &Schema| match schema.column_with_name(column.name()) {
            Some((_, field)) => field.data_type().to_string(),
            None => "absent".to_owned(),
        };
        let wanted = format!("{}, as in the declared schema", kind(&self.schema));
        let remedy = "make another input for batches of another schema";
        Err(InputError::of(InputFault::Schema, column.name(), kind(found), &wanted, remedy))
    }

    /// Returns whether a column exists, in the batches or as one value for all rows.
    pub fn has(&self, column: Column) -> bool {
        self.columns.contains(column)
    }

    /// Returns the columns that exist.
    pub fn columns(&self) -> ColumnSet {
        self.columns
    }

    /// Returns the names in the schema that are no canonical columns; these are not read.
    pub fn ignored(&self) -> impl Iterator<Item = &str> {
        self.schema.fields().iter().map(|field| field.name().as_str()).filter(|name| Column::from_name(name).is_none())
    }

    /// Returns the declarations beside its schema.
    pub fn source(&self) -> &Source {
        &self.source
    }

    #[inline]
    pub(crate) fn cells(&self) -> &CellRules {
        &self.source.cells
    }

    #[inline]
    pub(crate) fn file(&self) -> u32 {
        self.source.file
    }

    /// Returns the one value of a column for all rows.
    pub(crate) fn constant(&self, column: Column) -> Option<&str> {
        let constants = self.source.constants.iter();
        constants.filter(|(constant, _)| *constant == column).map(|(_, text)| text.as_str()).next()
    }

    /// Returns the origin of a column's cells in a batch.
    pub(crate) fn origin<'b>(&'b self, batch: &'b RecordBatch, column: Column) -> Origin<'b> {
        match batch.column_by_name(column.name()) {
            Some(array) => Origin::Array(array),
            None => self.constant(column).map_or(Origin::Absent, Origin::Constant),
        }
    }
}

/// Returns the canonical columns of a schema.
fn canonical(schema: &Schema) -> impl Iterator<Item = (Column, &arrow::datatypes::FieldRef)> {
    schema.fields().iter().filter_map(|field| Some((Column::from_name(field.name())?, field)))
}
