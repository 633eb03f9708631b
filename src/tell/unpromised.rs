//! Warns of the newest packages without a scan of which no promised day is known, so that none of them can be pending.
//!
//! It counts them in the batches of the list of defects as these are written, and changes none. It cannot fail.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Date32Type, UInt32Type};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use vtr_kernel::calendar::Day;
use vtr_kernel::text::grouped;
use vtr_kernel::{Book, Reason};

/// The newest packages without scans and without a promised day.
#[derive(Debug, Default)]
pub struct Unpromised<'b> {
    /// By marketplace, the first day whose figures are not final.
    open_from: HashMap<&'b str, Day>,
    packages: AtomicU64,
}

impl<'b> Unpromised<'b> {
    /// Begins without packages.
    pub fn of(book: &'b Book, as_of: Day) -> Unpromised<'b> {
        let open_from = book.markets().map(|(_, market)| (market.name.as_str(), as_of - market.latency_days));
        Unpromised { open_from: open_from.collect(), packages: AtomicU64::new(0) }
    }

    /// Counts the rows of a batch of defects.
    pub fn see(&self, batch: &RecordBatch) {
        let promised = &batch["promised_delivery_at"];
        if promised.null_count() == 0 {
            return;
        }
        let (markets, reasons) =
            (batch["marketplace"].as_string::<i32>(), batch["reason"].as_dictionary::<UInt32Type>());
        let names = reasons.values().as_string::<i32>();
        let reason = |row: usize| names.value(reasons.keys().value(row) as usize);
        let days = batch["day"].as_primitive::<Date32Type>();
        let waits = [Reason::DeliveryScanMissing, Reason::ScanMissing].map(Reason::name);
        let is_open =
            |row: usize| self.open_from.get(markets.value(row)).is_some_and(|first| days.value(row) >= *first);
        let is_new = |row: &usize| promised.is_null(*row) && waits.contains(&reason(*row)) && is_open(*row);
        self.packages.fetch_add((0..batch.num_rows()).filter(is_new).count() as u64, Relaxed);
    }

    /// A warning, if there are such packages.
    pub fn warning(&self) -> Option<String> {
        let packages = self.packages.load(Relaxed);
        (packages > 0).then(|| {
            format!(
                "packages of the last days without the scans that the rule asks for, and without a promised day until which \
                 they could wait: {}; each counts as a defect until it is scanned, which lowers the newest rates; map \
                 `promised_delivery_at`",
                grouped(packages)
            )
        })
    }
}
