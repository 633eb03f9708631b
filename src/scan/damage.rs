//! What a look at a file says of identifiers that a spreadsheet or a float has damaged.
//!
//! It names columns and counts, and shows no value; what a run makes of such values is the fold's business. It
//! cannot fail.

use vtr_columnar::asides::Aside;
use vtr_columnar::input::Column;

/// The columns whose values are identifiers.
pub(crate) const IDENTIFIERS: [Column; 4] =
    [Column::SellerId, Column::OrderId, Column::PackageId, Column::TrackingNumber];

/// What damaged values of a column mean and how to mend them.
pub(crate) fn sentence(column: &str, count: u64) -> String {
    let entry = Aside::DamagedId.entry();
    format!("`{column}`: {count} values {}; {}", entry.what, entry.remedy)
}
