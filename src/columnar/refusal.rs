//! Refusals of Arrow data: the column, what was found in it, what is wanted, and what to do.
//!
//! The crate refuses data only with an [`InputError`]. Rows that cannot be judged are not refused but become
//! [`Reject`](crate::fold::Reject)s. Nothing is decided here.

use crate::input::Column;
use arrow::datatypes::DataType;
use std::fmt;

/// The kind of fault, for callers that branch on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputFault {
    /// A required column is missing or occurs twice.
    Columns,
    /// A column has a type from which it cannot be read.
    Type,
    /// A column holds values that do not fit its declared type: numbers that a float has cut, bytes that are no
    /// text, counts of something that the judge does not know.
    Values,
    /// A batch lacks the columns that were declared for it.
    Schema,
    /// There are more different texts than may be held at once.
    TooManyTexts,
    /// The judge was made without a setting that the call needs.
    Judge,
}

/// A refusal of Arrow data. Nothing of a refused batch is judged or counted.
///
/// # Examples
/// ```
/// use arrow::datatypes::DataType;
/// use vtr_columnar::input::Column;
/// use vtr_columnar::judge::InputFault;
///
/// let error = Column::SellerId.read_as(&DataType::Int64).unwrap_err();
/// assert_eq!(error.fault, InputFault::Type);
/// assert_eq!((error.column.as_deref(), &*error.found, &*error.wanted), (Some("seller_id"), "Int64", "text"));
/// assert!(error.to_string().contains("Export it as text"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputError {
    /// The kind of fault.
    pub fault: InputFault,
    /// The column at fault; `None`: the data as a whole.
    pub column: Option<String>,
    /// What was found.
    pub found: String,
    /// What is wanted instead.
    pub wanted: String,
    /// What to do; empty if `wanted` says it.
    pub remedy: String,
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let InputError { found, wanted, remedy, .. } = self;
        match &self.column {
            Some(column) => write!(f, "column `{column}` is {found}; it must be {wanted}")?,
            None => write!(f, "{found}, {wanted}")?,
        }
        let mark = if self.column.is_some() { ": " } else { "; " };
        if remedy.is_empty() { Ok(()) } else { write!(f, "{mark}{remedy}") }
    }
}

impl std::error::Error for InputError {}

impl InputError {
    /// Makes the fault of a column.
    pub(crate) fn of(
        fault: InputFault,
        column: &str,
        found: impl fmt::Display,
        wanted: &str,
        remedy: &str,
    ) -> InputError {
        let (column, found) = (Some(column.to_owned()), found.to_string());
        InputError { fault, column, found, wanted: wanted.to_owned(), remedy: remedy.to_owned() }
    }

    /// Makes the fault of a column with a type from which it cannot be read.
    pub(crate) fn wrong_type(column: Column, found: &DataType, wanted: &str, remedy: &str) -> InputError {
        InputError::of(InputFault::Type, column.name(), found, wanted, remedy)
    }

    /// Makes the fault of a column whose values Arrow cannot read as their type.
    pub(crate) fn unreadable(column: Column, found: &DataType, why: String) -> InputError {
        let wanted = "readable as text, numbers or times throughout";
        InputError::of(InputFault::Values, column.name(), found, wanted, &why)
    }

    /// Makes the fault of the data as a whole.
    pub(crate) fn whole(fault: InputFault, found: String, wanted: &str, remedy: &str) -> InputError {
        InputError { fault, column: None, found, wanted: wanted.to_owned(), remedy: remedy.to_owned() }
    }
}
