//! The fault for which a row is rejected: its first one, in the order of the columns.
//!
//! It runs only for rows that are known to have a fault, so it may be slow. It judges nothing; a row without a
//! fault is a broken invariant and panics.

use crate::asides::Aside;
use crate::columns::{Columns, CountryCell, MarketCell};
use crate::fold::Counter;
use crate::input::Column;
use crate::reject::{Records, Reject, shown_cell, shown_value};
use crate::resolve::{Cell, Labels, fault_text};
use crate::source::Input;
use arrow::array::RecordBatch;
use vtr_kernel::calendar::FIRST_DAY;
use vtr_kernel::countries::is_only_state;
use vtr_kernel::facts::FulfilledBy;
use vtr_kernel::ladder::zone;
use vtr_kernel::policy::Marketplace;

const NO_COUNTRY: &str = "unknown country: write its two-letter code";
const STATE: &str = "unknown country, but a state of the US: map the column that holds countries";

impl Counter<'_> {
    /// Returns the reject of a row: its first fault in the order of the columns.
    pub(crate) fn first_fault(
        &self,
        columns: &Columns,
        input: &Input,
        batch: &RecordBatch,
        records: &Records,
        row: usize,
    ) -> Reject {
        let (column, reason) = self.fault(columns, input, row);
        let typed = |column: Column| match batch.column_by_name(column.name()) {
            Some(array) => shown_cell(array, row),
            None => input.constant(column).map(str::to_owned),
        };
        let is_state = reason == NO_COUNTRY && typed(column).is_some_and(|text| is_only_state(text.trim()));
        let reason = if is_state { STATE } else { reason };
        let (line, byte_offset) = records.place(row);
        Reject {
            record: records.number(row),
            line,
            byte_offset,
            column: Some(column.name().to_owned()),
            reason: reason.to_owned(),
            value: typed(column).map(|text| shown_value(&text)),
            seller: typed(Column::SellerId).and_then(|text| input.cells().trim(&text).map(str::to_owned)),
        }
    }

    fn fault(&self, columns: &Columns, input: &Input, row: usize) -> (Column, &'static str) {
        let cells = input.cells();
        const EMPTY: &str = "empty, but needed";
        const FILLER: &str = "a filler such as N/A, but needed";
        const DAMAGED: &str = "damaged: a spreadsheet or a float has cut its digits; export the column as text";
        let why_none = |aside: Option<Aside>| match aside {
            Some(Aside::DamagedId) => DAMAGED,
            Some(Aside::FillerText) => FILLER,
            _ => EMPTY,
        };
        if columns.seller.get(row).is_none() {
            return (Column::SellerId, why_none(columns.seller.aside(row)));
        }
        let marketplace = match columns.market.get(row) {
            MarketCell::Null => return (Column::Marketplace, EMPTY),
            MarketCell::Unknown => return (Column::Marketplace, "no marketplace of the book"),
            MarketCell::Known(marketplace) => marketplace,
        };
        if columns.order.get(row, cells).is_none() {
            return (Column::OrderId, why_none(columns.order_aside(row)));
        }
        if columns.buy_shipping.get(row, cells) == Cell::Fault {
            return (Column::BuyShipping, fault_text(Column::BuyShipping));
        }
        let is_measured = marketplace != Marketplace::None && columns.fulfilled.get(row) != FulfilledBy::Marketplace;
        let countries = [(Column::ShipFromCountry, &columns.from), (Column::ShipToCountry, &columns.to)];
        let is_unknown = |labels: &Labels<CountryCell>| labels.get(row).is_unknown;
        if let Some((column, _)) = countries.into_iter().find(|(_, labels)| is_measured && is_unknown(labels)) {
            return (column, NO_COUNTRY);
        }
        if columns.value.get(row, cells) == Cell::Fault {
            return (Column::PackageValue, columns.value.fault_text(row, cells));
        }
        let clock = zone(self.terms.book, marketplace, &self.utc);
        if columns.promised.get(row) == Cell::Null && columns.shipped.get(row) == Cell::Null {
            return (Column::PromisedDeliveryAt, "empty, and shipped_at too: one of the two is needed");
        }
        let times = [
            (Column::PromisedDeliveryAt, &columns.promised),
            (Column::ShippedAt, &columns.shipped),
            (Column::TrackingAddedAt, &columns.added),
            (Column::FirstScanAt, &columns.first_scan),
            (Column::DeliveryScanAt, &columns.delivery_scan),
            (Column::UpdatedAt, &columns.updated),
        ];
        for (column, times) in times {
            let limited = matches!(column, Column::PromisedDeliveryAt | Column::ShippedAt);
            match times.get(row) {
                Cell::Fault => return (column, fault_text(column)),
                Cell::Value(moment) if limited && moment.day(clock) < FIRST_DAY => {
                    return (column, "before 2005-01-01");
                }
                Cell::Value(moment) if limited && !self.plausible.contains(moment, clock) => {
                    return (column, "more than two years after as_of");
                }
                _ => {}
            }
        }
        unreachable!("a row is asked for its fault only if it has one")
    }
}
