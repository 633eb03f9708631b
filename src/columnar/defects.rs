//! The rows of defects, one by one, for the list that people mend from.
//!
//! They are gathered as codes and texts and become readable once all codes are known. A batch that
//! the fold did not hand on panics.

use crate::fold::Row;
use crate::keys::{Keys, market_code, market_from_code};
use arrow::array::{
    ArrayBuilder, ArrayRef, AsArray, BooleanBuilder, Date32Builder, Int64Builder, RecordBatch, StringArray,
    StringBuilder, UInt8Builder, UInt16Builder, UInt32Builder,
};
use arrow::datatypes::{UInt16Type, UInt32Type};
use std::sync::Arc;
use vtr_kernel::Book;
use vtr_kernel::carrier::Carrier;
use vtr_kernel::ladder::Verdict;
use vtr_kernel::policy::RuleId;

/// The parts of a defect that are in neither row nor verdict.
pub(crate) struct DefectRow<'a> {
    pub typed: u32,
    pub package_id: &'a str,
    pub tracking: &'a str,
    pub mendable: bool,
}

/// Columns of defects in codes; [`defects_as_text`] makes them readable.
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
        self.seller.append_value(read.seller_code);
        self.market.append_value(market_code(read.marketplace));
        self.order_id.append_value(read.order_id);
        self.package_id.append_value(defect.package_id);
        self.day.append_value(verdict.day);
        self.typed.append_value(defect.typed);
        self.carrier.append_value(verdict.carrier.code());
        self.tracking.append_value(defect.tracking);
        self.reason.append_value(verdict.reason as u8);
        self.rule.append_value(verdict.rule.0);
        self.likely.append_option(verdict.likely_carrier.map(|id| Carrier::Known(id).code()));
        self.mendable.append_value(defect.mendable);
    }

    pub(crate) fn finish(&mut self) -> Option<RecordBatch> {
        if self.file.is_empty() {
            return None;
        }
        let columns: Vec<(&str, ArrayRef, bool)> = vec![
            ("file", Arc::new(self.file.finish()), false),
            ("record", Arc::new(self.record.finish()), false),
            ("seller_id", Arc::new(self.seller.finish()), false),
            ("marketplace", Arc::new(self.market.finish()), false),
            ("order_id", Arc::new(self.order_id.finish()), false),
            ("package_id", Arc::new(self.package_id.finish()), false),
            ("day", Arc::new(self.day.finish()), false),
            ("carrier_typed", Arc::new(self.typed.finish()), false),
            ("carrier", Arc::new(self.carrier.finish()), false),
            ("tracking_number", Arc::new(self.tracking.finish()), false),
            ("reason", Arc::new(self.reason.finish()), false),
            ("rule", Arc::new(self.rule.finish()), false),
            ("likely_carrier", Arc::new(self.likely.finish()), true),
            ("mendable", Arc::new(self.mendable.finish()), false),
        ];
        Some(RecordBatch::try_from_iter_with_nullable(columns).expect("one value a column was pushed for each row"))
    }
}

/// The defects of a batch that the fold handed on, with texts for codes. Columns: `file` (UInt32),
/// `record` (Int64), `seller_id`, `marketplace`, `order_id`, `package_id` (Utf8), `day` (Date32),
/// `carrier_typed`, `carrier`, `tracking_number` (Utf8), `reason` (UInt8), `rule` (Utf8),
/// `likely_carrier` (Utf8, nullable), `mendable` (Boolean).
///
/// # Panics
/// If the batch is not one that the fold handed on.
pub fn defects_as_text(batch: &RecordBatch, keys: &Keys, book: &Book) -> RecordBatch {
    let column = |name: &str| batch.column_by_name(name).expect("the fold names its columns").clone();
    let texts32 = |name: &str, text: &dyn Fn(u32) -> String| -> ArrayRef {
        let codes = column(name);
        let codes = codes.as_primitive::<UInt32Type>();
        Arc::new(codes.iter().map(|code| code.map(text)).collect::<StringArray>())
    };
    let texts16 = |name: &str, text: &dyn Fn(u16) -> String| -> ArrayRef {
        let codes = column(name);
        let codes = codes.as_primitive::<UInt16Type>();
        Arc::new(codes.iter().map(|code| code.map(text)).collect::<StringArray>())
    };
    let carrier = |code: u16| book.carriers.label(Carrier::from_code(code)).to_owned();
    let columns: Vec<(&str, ArrayRef, bool)> = vec![
        ("file", column("file"), false),
        ("record", column("record"), false),
        ("seller_id", texts32("seller_id", &|code| keys.sellers[code as usize].to_string()), false),
        (
            "marketplace",
            texts16("marketplace", &|code| book.marketplace_label(market_from_code(code)).to_owned()),
            false,
        ),
        ("order_id", column("order_id"), false),
        ("package_id", column("package_id"), false),
        ("day", column("day"), false),
        ("carrier_typed", texts32("carrier_typed", &|code| keys.typed[code as usize].to_string()), false),
        ("carrier", texts16("carrier", &carrier), false),
        ("tracking_number", column("tracking_number"), false),
        ("reason", column("reason"), false),
        ("rule", texts32("rule", &|code| book.rule(RuleId(code)).to_owned()), false),
        ("likely_carrier", texts16("likely_carrier", &carrier), true),
        ("mendable", column("mendable"), false),
    ];
    RecordBatch::try_from_iter_with_nullable(columns).expect("every column is as long as its codes")
}
