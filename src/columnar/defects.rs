//! The rows of defects, one by one, for the list that people mend from.
//!
//! They are gathered as codes and become readable when they are handed on. Nothing here fails.

use crate::keys::{SharedKeys, market_from_code};
use crate::rows::Row;
use arrow::array::{
    ArrayBuilder, ArrayRef, BooleanBuilder, Date32Builder, Int64Builder, RecordBatch, StringArray, StringBuilder,
    UInt8Builder, UInt16Builder, UInt32Array, UInt32Builder,
};
use std::sync::Arc;
use vtr_kernel::Book;
use vtr_kernel::carrier::Carrier;
use vtr_kernel::ladder::Verdict;
use vtr_kernel::policy::RuleId;

/// The parts of a defect that are in neither row nor verdict.
pub(crate) struct DefectRow<'a> {
    pub package_id: &'a str,
    pub mendable: bool,
}

/// Columns of defects in codes.
pub(crate) struct DefectRows {
    file: UInt32Builder,
    record: Int64Builder,
    seller: UInt32Builder,
    market: UInt16Builder,
    order_id: StringBuilder,
    package_id: StringBuilder,
    day: Date32Builder,
    typed: UInt32Builder,
    carrier: UInt16Builder,
    tracking: StringBuilder,
    reason: UInt8Builder,
    rule: UInt32Builder,
    likely: UInt16Builder,
    mendable: BooleanBuilder,
}

impl Default for DefectRows {
    fn default() -> Self {
        DefectRows {
            file: UInt32Builder::new(),
            record: Int64Builder::new(),
            seller: UInt32Builder::new(),
            market: UInt16Builder::new(),
            order_id: StringBuilder::new(),
            package_id: StringBuilder::new(),
            day: Date32Builder::new(),
            typed: UInt32Builder::new(),
            carrier: UInt16Builder::new(),
            tracking: StringBuilder::new(),
            reason: UInt8Builder::new(),
            rule: UInt32Builder::new(),
            likely: UInt16Builder::new(),
            mendable: BooleanBuilder::new(),
        }
    }
}

impl DefectRows {
    pub(crate) fn push(&mut self, file: u32, record: u64, read: &Row, verdict: &Verdict, defect: &DefectRow) {
        self.file.append_value(file);
        self.record.append_value(record as i64);
        self.seller.append_value(read.seller);
        self.market.append_value(read.market);
        self.order_id.append_value(read.facts.order_id);
        self.package_id.append_value(defect.package_id);
        self.day.append_value(verdict.day);
        self.typed.append_value(read.typed);
        self.carrier.append_value(verdict.carrier.code());
        self.tracking.append_value(read.number.unwrap_or_default());
        self.reason.append_value(verdict.reason as u8);
        self.rule.append_value(verdict.rule.0);
        self.likely.append_option(verdict.likely_carrier.map(|id| Carrier::Known(id).code()));
        self.mendable.append_value(defect.mendable);
    }

    pub(crate) fn len(&self) -> usize {
        self.file.len()
    }

    /// The rows so far, with texts for codes; see [`Yield::defects`](crate::fold::Yield::defects).
    pub(crate) fn finish(&mut self, keys: &SharedKeys, book: &Book) -> Option<RecordBatch> {
        if self.file.is_empty() {
            return None;
        }
        let carrier = |code: Option<u16>| code.map(|code| book.carriers.label(Carrier::from_code(code)));
        let (sellers, typed) = (self.seller.finish(), self.typed.finish());
        let [seller, carrier_typed]: [ArrayRef; 2] = keys.texts(|seller, name| {
            let texts = |codes: &UInt32Array, text: &dyn Fn(u32) -> String| -> ArrayRef {
                Arc::new(codes.iter().map(|code| code.map(text)).collect::<StringArray>())
            };
            [texts(&sellers, seller), texts(&typed, name)]
        });
        let market = |code: Option<u16>| code.map(|code| book.marketplace_label(market_from_code(code)));
        let markets: StringArray = self.market.finish().iter().map(market).collect();
        let carriers: StringArray = self.carrier.finish().iter().map(carrier).collect();
        let rules: StringArray =
            self.rule.finish().iter().map(|code| code.map(|code| book.rule(RuleId(code)))).collect();
        let likely: StringArray = self.likely.finish().iter().map(carrier).collect();
        let columns: Vec<(&str, ArrayRef, bool)> = vec![
            ("file", Arc::new(self.file.finish()), false),
            ("record", Arc::new(self.record.finish()), false),
            ("seller_id", seller, false),
            ("marketplace", Arc::new(markets), false),
            ("order_id", Arc::new(self.order_id.finish()), false),
            ("package_id", Arc::new(self.package_id.finish()), false),
            ("day", Arc::new(self.day.finish()), false),
            ("carrier_typed", carrier_typed, false),
            ("carrier", Arc::new(carriers), false),
            ("tracking_number", Arc::new(self.tracking.finish()), false),
            ("reason", Arc::new(self.reason.finish()), false),
            ("rule", Arc::new(rules), false),
            ("likely_carrier", Arc::new(likely), true),
            ("mendable", Arc::new(self.mendable.finish()), false),
        ];
        Some(RecordBatch::try_from_iter_with_nullable(columns).expect("one value a column was pushed for each row"))
    }
}
