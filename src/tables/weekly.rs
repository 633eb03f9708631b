//! `vtr_weekly` and `vtr_weekly_category`: the rate by ISO week.
//!
//! Both are sums of one marginal over a week, so that they cannot disagree with each other. They
//! hold every judged week of the asked range and no other day. They fail only if polars does.

use super::columns::Table;
use super::frames::{self, Codes, Detail, Measure, Space};
use super::rates::{self, Rate, Rules};
use super::{CATEGORY_KEYS, Piece, TablesInput, batches, day_column, text_column};
use crate::error::Result;
use arrow::array::{ArrayRef, BooleanArray, Int64Array};
use arrow::record_batch::RecordBatch;
use polars::prelude::DataFrame;
use std::ops::Range;
use std::sync::Arc;
use vtr_kernel::Reason;
use vtr_kernel::calendar::{self, Day};
use vtr_kernel::reason::Class;
use vtr_kernel::tally::Tally;

/// The key columns of `Counted::weekly`.
const CARRIER_KEYS: [&str; 4] = ["seller_id", "marketplace", "programme", "carrier"];

fn measures() -> Vec<Measure> {
    let mut measures = vec![
        Measure::class("out_of_scope", Class::OutOfScope),
        Measure::class("exempt", Class::Exempt),
        Measure::class("valid", Class::Valid),
        Measure::class("defects", Class::Defect),
    ];
    measures.extend(Reason::defects().map(Measure::reason));
    measures
}

/// `vtr_weekly`, week by week.
pub fn by_carrier(input: &TablesInput, each: &mut dyn FnMut(Piece) -> Result<()>) -> Result<()> {
    let weekly = &input.counted.weekly;
    let space = Space::of(weekly, &CARRIER_KEYS);
    for week in weekly.days().into_iter().filter(|week| input.in_range(*week)) {
        let batches: Vec<RecordBatch> = weekly.sorted(week)?.collect::<Result<_>>()?;
        publish(input, Table::VtrWeekly, &space, week, &batches, each)?;
    }
    Ok(())
}

/// `vtr_weekly_category`, week by week.
pub fn by_category(input: &TablesInput, each: &mut dyn FnMut(Piece) -> Result<()>) -> Result<()> {
    let segments = &input.counted.category;
    let space = Space::of(segments, &CATEGORY_KEYS);
    let mut rest = segments.days().into_iter().peekable();
    while let Some(day) = rest.next() {
        let week = calendar::monday(day);
        let mut of_week: Vec<RecordBatch> = segments.sorted(day)?.collect::<Result<_>>()?;
        while let Some(day) = rest.next_if(|day| calendar::monday(*day) == week) {
            for batch in segments.sorted(day)? {
                of_week.push(batch?);
            }
        }
        if input.in_range(week) {
            publish(input, Table::VtrWeeklyCategory, &space, week, &of_week, each)?;
        }
    }
    Ok(())
}

/// One week of either table.
fn publish(
    input: &TablesInput,
    table: Table,
    space: &Space,
    week: Day,
    counted: &[RecordBatch],
    each: &mut dyn FnMut(Piece) -> Result<()>,
) -> Result<()> {
    let frames: Result<Vec<DataFrame>> =
        counted.iter().map(|batch| space.frame(batch, 0, Detail::Reasons, |_| true)).collect();
    let sums = frames::pivot(&frames::sum(frames?)?, &measures())?;
    let sheet = Sheet { input, table, space, rules: &Rules::of(&input.plan.book, space), sums: &sums, week };
    let batches = batches(sums.height(), |rows| sheet.batch(rows))?;
    if batches.is_empty() { Ok(()) } else { each(Piece::of(table, Some(week), batches)) }
}

/// The sums of one week, to be written out.
struct Sheet<'a> {
    input: &'a TablesInput<'a>,
    table: Table,
    space: &'a Space,
    rules: &'a Rules<'a>,
    sums: &'a DataFrame,
    week: Day,
}

impl Sheet<'_> {
    fn counts(&self, name: &str, rows: &Range<usize>) -> Result<&[i64]> {
        Ok(&frames::counts(self.sums, name)?[rows.clone()])
    }

    fn batch(&self, rows: Range<usize>) -> Result<RecordBatch> {
        let last_day = self.week + 6;
        let codes: Vec<Codes> =
            frames::cells(self.sums)?[rows.clone()].iter().map(|cell| self.space.codes(*cell)).collect();
        let [out_of_scope, exempt] = [self.counts("out_of_scope", &rows)?, self.counts("exempt", &rows)?];
        let [valid, defects] = [self.counts("valid", &rows)?, self.counts("defects", &rows)?];
        let eligible: Vec<i64> = valid.iter().zip(defects).map(|(valid, defects)| valid + defects).collect();
        let shipments = (0..rows.len()).map(|row| out_of_scope[row] + exempt[row] + eligible[row]);
        let rates: Vec<Rate> = (0..rows.len())
            .map(|row| Rate {
                tally: Tally { valid: frames::unsigned(valid[row]), eligible: frames::unsigned(eligible[row]) },
                target: self.rules.target(codes[row][1], codes[row][2], last_day),
            })
            .collect();
        let provisional = codes.iter().map(|codes| self.rules.provisional(codes[1], last_day, self.input.plan.as_of));
        let count = |counts: &[i64]| -> ArrayRef { Arc::new(Int64Array::from(counts.to_vec())) };

        let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.table.columns().len());
        for column in 0..4 {
            columns.push(text_column(codes.iter().map(|codes| self.space.text(column, codes[column]))));
        }
        columns.push(day_column(codes.iter().map(|_| self.week)));
        let iso_week = calendar::iso_week(self.week);
        columns.push(text_column(codes.iter().map(|_| iso_week.as_str())));
        columns.push(Arc::new(Int64Array::from_iter_values(shipments)));
        columns.extend([out_of_scope, exempt, &eligible, valid, defects].map(count));
        for reason in Reason::defects() {
            columns.push(count(self.counts(reason.name(), &rows)?));
        }
        columns.extend(rates::vtr_and_target(&rates));
        columns.push(rates::meets_target(&rates));
        columns.push(Arc::new(BooleanArray::from_iter(provisional.map(Some))));
        columns.push(self.input.evidence_column(rows.len()));
        Ok(self.input.batch(self.table, columns))
    }
}
