//! Warnings of a look at a file about identifiers that a spreadsheet or a float has damaged.
//!
//! It names columns and counts, and shows no value; how a run treats such values is the fold's business. It cannot
//! fail.

use vtr_columnar::asides::Aside;
use vtr_columnar::input::Column;
use vtr_kernel::text::counted;

/// The columns whose values are identifiers.
pub(crate) const IDENTIFIERS: [Column; 4] =
    [Column::SellerId, Column::OrderId, Column::PackageId, Column::TrackingNumber];

/// Explains damaged values of a column and the remedy.
pub(crate) fn sentence(column: &str, count: u64) -> String {
    let entry = Aside::DamagedId.entry();
    format!("`{column}`: {} {}; {}", counted(count, "value", "values"), entry.told(count), entry.remedy)
}
