//! Rows that are listed one by one: defects, for those who mend them, and on request every judged row.
//!
//! They are collected as codes and get their texts when they are handed on. Nothing here fails.

use crate::keys::{NONE, SharedKeys, market_from_code};
use crate::rows::Row;
use arrow::array::{
    ArrayBuilder, ArrayRef, BooleanBuilder, Date32Builder, Decimal128Builder, Int64Builder, RecordBatch, StringArray,
    StringBuilder, TimestampMicrosecondBuilder, UInt8Builder, UInt16Builder, UInt32Builder,
};
use std::sync::Arc;
use vtr_kernel::Book;
use vtr_kernel::amount::Amount;
use vtr_kernel::calendar::Zone;
use vtr_kernel::carrier::Carrier;
use vtr_kernel::facts::CurrencyField;
use vtr_kernel::instant::Moment;
use vtr_kernel::ladder::{Evidence, Scanned, Terms, Verdict};
use vtr_kernel::mend::{FixableBy, Mending, Outcome, counts_until};
use vtr_kernel::policy::{Marketplace, ProgrammeId, RuleId};
use vtr_kernel::reason::Class;

/// The columns of listed rows, in order. Texts are Utf8; `file` is UInt32, `record` and `known_scans` are Int64,
/// `day`, `act_by` and `counts_until` are Date32, `reason` is UInt8 (the code of `vtr_kernel::Reason`),
/// `package_value` is Decimal128 of [`VALUE`], times are microseconds in UTC, flags are Boolean.
pub const LISTED: [&str; 27] = [
    "file",
    "record",
    "seller_id",
    "marketplace",
    "order_id",
    "package_id",
    "day",
    "programme",
    "product_category",
    "carrier_typed",
    "carrier",
    "tracking_number",
    "ship_service",
    "ship_from_country",
    "ship_to_country",
    "lane",
    "package_value",
    "currency",
    "shipped_at",
    "promised_delivery_at",
    "first_scan_at",
    "known_scans",
    "reason",
    "rule",
    "likely_carrier",
    "list_doubt",
    "pending",
];

/// The columns behind those of [`LISTED`]: what can still be done about a defect.
pub const MENDING: [&str; 3] = ["fixable_by", "act_by", "counts_until"];

/// The precision and scale of values.
pub const VALUE: (u8, i8) = (38, 9);

/// Labels of at most this many bytes are not measured one by one.
const SHORT: usize = 128;

/// A row to be listed.
pub(crate) struct Listed<'a> {
    /// The file and the record.
    pub place: (u32, u64),
    pub row: &'a Row<'a>,
    pub verdict: &'a Verdict,
    pub outcome: Outcome,
    pub lane: Option<RuleId>,
    pub package_id: &'a str,
    /// The service as typed.
    pub service: Option<&'a str>,
    /// `None`: the row is no defect.
    pub mending: Option<Mending>,
    pub clock: &'a Zone,
}

/// The columns of listed rows, as codes.
pub(crate) struct ListedRows {
    file: UInt32Builder,
    record: Int64Builder,
    seller: UInt32Builder,
    market: UInt16Builder,
    order_id: StringBuilder,
    package_id: StringBuilder,
    day: Date32Builder,
    programme: UInt16Builder,
    category: UInt32Builder,
    typed: UInt32Builder,
    carrier: UInt16Builder,
    tracking: StringBuilder,
    service: StringBuilder,
    from: StringBuilder,
    to: StringBuilder,
    lane: UInt32Builder,
    value: Decimal128Builder,
    currency: StringBuilder,
    shipped: TimestampMicrosecondBuilder,
    promised: TimestampMicrosecondBuilder,
    first_scan: TimestampMicrosecondBuilder,
    known_scans: Int64Builder,
    reason: UInt8Builder,
    rule: UInt32Builder,
    likely: UInt16Builder,
    list_doubt: BooleanBuilder,
    pending: BooleanBuilder,
    fixable_by: UInt8Builder,
    act_by: Date32Builder,
    counts_until: Date32Builder,
    /// Rows whose labels are counted in `label_bytes`.
    labelled: usize,
    /// The bytes that the labels of those rows take once they are written out.
    label_bytes: usize,
}

impl Default for ListedRows {
    fn default() -> ListedRows {
        let value = Decimal128Builder::new().with_precision_and_scale(VALUE.0, VALUE.1);
        let time = || TimestampMicrosecondBuilder::new().with_timezone("UTC");
        ListedRows {
            file: UInt32Builder::new(),
            record: Int64Builder::new(),
            seller: UInt32Builder::new(),
            market: UInt16Builder::new(),
            order_id: StringBuilder::new(),
            package_id: StringBuilder::new(),
            day: Date32Builder::new(),
            programme: UInt16Builder::new(),
            category: UInt32Builder::new(),
            typed: UInt32Builder::new(),
            carrier: UInt16Builder::new(),
            tracking: StringBuilder::new(),
            service: StringBuilder::new(),
            from: StringBuilder::new(),
            to: StringBuilder::new(),
            lane: UInt32Builder::new(),
            value: value.expect("the digits of values are few enough"),
            currency: StringBuilder::new(),
            shipped: time(),
            promised: time(),
            first_scan: time(),
            known_scans: Int64Builder::new(),
            reason: UInt8Builder::new(),
            rule: UInt32Builder::new(),
            likely: UInt16Builder::new(),
            list_doubt: BooleanBuilder::new(),
            pending: BooleanBuilder::new(),
            fixable_by: UInt8Builder::new(),
            act_by: Date32Builder::new(),
            counts_until: Date32Builder::new(),
            labelled: 0,
            label_bytes: 0,
        }
    }
}

/// Returns an amount with the decimals of [`VALUE`], the next one rounded; `None` if it has too many digits before
/// the mark.
fn scaled(amount: Amount) -> Option<i128> {
    let most = 10i128.pow(VALUE.0.into());
    let mantissa = match VALUE.1 as i32 - i32::from(amount.scale) {
        more @ 0.. => amount.mantissa.checked_mul(10i128.checked_pow(more.unsigned_abs())?)?,
        less => match 10i128.checked_pow(less.unsigned_abs()) {
            Some(tens) => {
                let (whole, rest) = (amount.mantissa / tens, amount.mantissa % tens);
                whole + if rest.abs() >= tens - rest.abs() { rest.signum() } else { 0 }
            }
            None => 0,
        },
    };
    Some(mantissa).filter(|mantissa| -most < *mantissa && *mantissa < most)
}

impl ListedRows {
    pub(crate) fn push(&mut self, listed: &Listed, terms: &Terms) {
        let Listed { row, verdict, .. } = listed;
        self.file.append_value(listed.place.0);
        self.record.append_value(listed.place.1 as i64);
        self.seller.append_value(row.seller);
        self.market.append_value(row.market);
        self.order_id.append_value(row.facts.order_id);
        self.package_id.append_value(listed.package_id);
        self.day.append_value(verdict.day);
        self.programme.append_value(verdict.programme.0);
        self.category.append_value(row.category);
        self.typed.append_value(row.typed);
        self.carrier.append_value(verdict.carrier.code());
        self.tracking.append_value(row.number.unwrap_or_default());
        self.lane.append_option(listed.lane.map(|lane| lane.0));
        self.reason.append_value(verdict.reason as u8);
        self.rule.append_value(verdict.rule.0);
        self.likely.append_option(verdict.likely_carrier.map(|id| Carrier::Known(id).code()));
        self.list_doubt.append_value(verdict.list_doubt);
        self.pending.append_value(listed.outcome.is_pending);
        self.push_facts(listed, terms);
        self.push_mending(listed, terms);
    }

    fn push_facts(&mut self, listed: &Listed, terms: &Terms) {
        let facts = &listed.row.facts;
        self.service.append_option(listed.service);
        self.from.append_option(facts.origin.map(|country| country.code()));
        self.to.append_option(facts.destination.map(|country| country.code()));
        self.value.append_option(facts.value.and_then(scaled));
        let markets = match facts.marketplace {
            Marketplace::None => None,
            Marketplace::Known(id) => Some(terms.book.market(id).currency),
        };
        let currency = match facts.currency {
            CurrencyField::Marketplaces => markets,
            CurrencyField::Code(code) => Some(code),
            CurrencyField::Unknown => None,
        };
        self.currency.append_option(currency.as_ref().map(|currency| currency.code()));
        let at = |moment: Option<Moment>| moment.map(|moment| moment.earliest(listed.clock));
        self.shipped.append_option(at(facts.shipped));
        self.promised.append_option(at(facts.promised));
        let known = |moment: Option<Moment>| match terms.evidence {
            Evidence::Scans => moment.filter(|moment| !moment.is_after(terms.as_of)),
            Evidence::Format => None,
        };
        let delivery = known(Scanned::of(facts, terms.as_of).delivery);
        let first = known(facts.first_scan);
        self.first_scan.append_option(at(first));
        self.known_scans.append_value(i64::from(first.is_some()) + i64::from(delivery.is_some()));
    }

    fn push_mending(&mut self, listed: &Listed, terms: &Terms) {
        let window_days = match listed.row.facts.marketplace {
            Marketplace::None => None,
            Marketplace::Known(id) => Some(terms.book.market(id).window_days),
        };
        let is_eligible = matches!(listed.outcome.class(), Class::Valid | Class::Defect);
        let until = window_days.filter(|_| is_eligible).map(|days| counts_until(listed.verdict.day, days));
        self.fixable_by.append_option(listed.mending.map(|mending| mending.fixable_by as u8));
        self.act_by.append_option(listed.mending.and_then(|mending| mending.act_by()));
        self.counts_until.append_option(until);
    }

    pub(crate) fn len(&self) -> usize {
        self.file.len()
    }

    /// Returns the bytes of the rows' texts as [`ListedRows::finish`] writes them, without those of the book.
    pub(crate) fn bytes(&mut self, keys: &SharedKeys) -> usize {
        let new = self.labelled..self.file.len();
        self.labelled = new.end;
        self.label_bytes += if keys.longest() <= SHORT {
            new.len() * 3 * SHORT
        } else {
            let codes = [&self.seller, &self.category, &self.typed].map(|codes| &codes.values_slice()[new.clone()]);
            keys.bytes_of(codes)
        };
        let texts = [&self.order_id, &self.package_id, &self.tracking, &self.service];
        texts.into_iter().map(|texts| texts.values_slice().len()).sum::<usize>() + self.label_bytes
    }

    /// Returns the rows so far, with texts instead of codes: the columns of [`LISTED`] and of [`MENDING`].
    pub(crate) fn finish(&mut self, keys: &SharedKeys, book: &Book) -> Option<RecordBatch> {
        if self.file.is_empty() {
            return None;
        }
        (self.labelled, self.label_bytes) = (0, 0);
        let [sellers, categories, typed] =
            keys.texts([&self.seller.finish(), &self.category.finish(), &self.typed.finish()]);
        let carrier = |code: Option<u16>| code.map(|code| book.carriers.label(Carrier::from_code(code)));
        let market = |code: Option<u16>| code.map(|code| book.marketplace_label(market_from_code(code)));
        let markets: StringArray = self.market.finish().iter().map(market).collect();
        let programme = |code: Option<u16>| code.map(|code| book.programme(ProgrammeId(code)));
        let programmes: StringArray = self.programme.finish().iter().map(programme).collect();
        let carriers: StringArray = self.carrier.finish().iter().map(carrier).collect();
        let rule = |code: u32| book.rule(RuleId(code));
        let rules: StringArray = self.rule.finish().iter().map(|code| code.map(rule)).collect();
        let lanes: StringArray = self.lane.finish().iter().map(|code| Some(code.map_or(NONE, rule))).collect();
        let likely: StringArray = self.likely.finish().iter().map(carrier).collect();
        let mender = |place: Option<u8>| place.map(|place| FixableBy::ALL[usize::from(place)].name());
        let fixable_by: StringArray = self.fixable_by.finish().iter().map(mender).collect();
        let columns: [ArrayRef; LISTED.len() + MENDING.len()] = [
            Arc::new(self.file.finish()),
            Arc::new(self.record.finish()),
            Arc::new(sellers),
            Arc::new(markets),
            Arc::new(self.order_id.finish()),
            Arc::new(self.package_id.finish()),
            Arc::new(self.day.finish()),
            Arc::new(programmes),
            Arc::new(categories),
            Arc::new(typed),
            Arc::new(carriers),
            Arc::new(self.tracking.finish()),
            Arc::new(self.service.finish()),
            Arc::new(self.from.finish()),
            Arc::new(self.to.finish()),
            Arc::new(lanes),
            Arc::new(self.value.finish()),
            Arc::new(self.currency.finish()),
            Arc::new(self.shipped.finish()),
            Arc::new(self.promised.finish()),
            Arc::new(self.first_scan.finish()),
            Arc::new(self.known_scans.finish()),
            Arc::new(self.reason.finish()),
            Arc::new(rules),
            Arc::new(likely),
            Arc::new(self.list_doubt.finish()),
            Arc::new(self.pending.finish()),
            Arc::new(fixable_by),
            Arc::new(self.act_by.finish()),
            Arc::new(self.counts_until.finish()),
        ];
        let named = LISTED.into_iter().chain(MENDING).zip(columns).map(|(name, column)| (name, column, true));
        Some(RecordBatch::try_from_iter_with_nullable(named).expect("one value a column was pushed for each row"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_nine_decimals_and_are_null_where_they_do_not_fit() {
        let read = |text: &str| scaled(Amount::read(text, b'.').unwrap());
        assert_eq!(read("19.99"), Some(19_990_000_000));
        assert_eq!(read("-0.0000000015"), Some(-2));
        assert_eq!(read("0.0000000014999999"), Some(1));
        assert_eq!(read("0.33333333333333331"), Some(333_333_333));
        assert_eq!(read("99999999999999999999999999999"), Some(99_999_999_999_999_999_999_999_999_999_000_000_000));
        assert_eq!(read("100000000000000000000000000000"), None);
    }
}
