//! Which columns files lack, and what that means for the verdicts on their shipments.
//!
//! A file without a column that every row needs is refused elsewhere. Nothing here fails.

use super::SourceFile;
use vtr_columnar::input::Column;

/// The consequence of a column's absence for the verdicts on a file's shipments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotJudged {
    /// The absent column.
    pub column: Column,
    /// The consequence.
    pub consequence: &'static str,
    /// Indices of the files without it, ascending.
    pub files: Vec<u32>,
}

impl NotJudged {
    /// Returns a sentence that says what the absence means among so many files.
    pub fn told(&self, files: usize) -> String {
        format!("`{}` is absent from {} of {files} files: {}", self.column.name(), self.files.len(), self.consequence)
    }
}

/// Returns the absent columns, each with the files that lack it.
pub(super) fn not_judged(files: &[SourceFile]) -> Vec<NotJudged> {
    let absent = |column: Column| {
        let without = files.iter().enumerate().filter(|(_, file)| !file.columns.contains(column));
        let files: Vec<u32> = without.map(|(index, _)| index as u32).collect();
        let consequence = consequence(column)?;
        (!files.is_empty()).then_some(NotJudged { column, consequence, files })
    };
    Column::ALL.into_iter().filter_map(absent).collect()
}

/// Returns the consequence of a column's absence; `None` if a file without it is refused.
pub(super) fn consequence(column: Column) -> Option<&'static str> {
    Some(match column {
        Column::SellerId | Column::Marketplace | Column::OrderId => return None,
        Column::PackageId => "packages of an order are told apart by their tracking numbers",
        Column::FulfillmentChannel => "every package counts as shipped by the seller",
        Column::OrderStatus => "cancelled packages are not recognised",
        Column::Carrier => "nothing that depends on the carrier is judged",
        Column::ShipService => "exemptions by service class do not apply",
        Column::BuyShipping => "no package counts as bought through Buy Shipping",
        Column::TrackingNumber => "nothing that depends on the tracking number is judged",
        Column::ShipFromCountry => "every package counts as sent from the marketplace's country",
        Column::ShipToCountry => "every package counts as sent to the marketplace's country",
        Column::PackageValue => {
            "conditions on the value do not match, and a split by value asks for the higher number of scans"
        }
        Column::Currency => "values count as in the marketplace's currency",
        Column::ProductCategory => "every package is of the category (none)",
        Column::Programme => "every package is of the programme standard",
        Column::PromisedDeliveryAt => "shipments are placed in time by `shipped_at`",
        Column::ShippedAt => {
            "shipments without a promise are rejected, and those shipped after `as_of` are not told apart"
        }
        Column::TrackingAddedAt => "numbers added after the delivery are not recognised",
        Column::FirstScanAt => "a delivery scan alone counts as two scans",
        Column::DeliveryScanAt => {
            "a first scan alone counts as two scans, and no number is known to be added after the delivery"
        }
        Column::UpdatedAt => "the newest copy of a package is chosen by file and row only",
    })
}
