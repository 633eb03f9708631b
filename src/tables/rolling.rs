//! `vtr_rolling`: the rate over the policy's trailing window, the figure that a marketplace judges.
//!
//! A window's counts follow from those of the window before: what came in is added, what fell out is
//! taken out again, exactly. It publishes whole weeks of window ends and never reads beyond what the
//! marginals hold. It fails only if polars does.

use super::columns::Table;
use super::frames::{self, Codes, Detail, Measure, Space};
use super::rates::{self, Rate, Rules};
use super::{CATEGORY_KEYS, Piece, TablesInput, batches, day_column, text_column};
use crate::counts::Marginal;
use crate::error::Result;
use crate::job::plan::{Plan, Rolling, WeekRange};
use arrow::array::{ArrayRef, BooleanArray, Int64Array};
use arrow::record_batch::RecordBatch;
use polars::prelude::DataFrame;
use std::collections::{BTreeSet, VecDeque};
use std::iter::Peekable;
use std::sync::Arc;
use vtr_kernel::calendar::{self, Day};
use vtr_kernel::reason::Class;
use vtr_kernel::tally::Tally;

/// The lengths of the book's windows.
pub fn window_lengths(plan: &Plan) -> BTreeSet<i32> {
    plan.book.markets().map(|(_, market)| market.window_days.max(1)).collect()
}

/// First and last day on which windows that overlap a range can end: whole weeks of ends where
/// every day is one, so that a week's file is complete.
pub fn ends_of_range(plan: &Plan, range: WeekRange) -> (Day, Day) {
    let longest = window_lengths(plan).last().copied().unwrap_or(1);
    let last = range.last + 6 + longest - 1;
    let last = match plan.output.rolling {
        Rolling::Weekly => calendar::monday(last + 1) - 1,
        Rolling::Daily => calendar::monday(last) + 6,
    };
    (range.first, last)
}

/// `vtr_rolling`, week by week of window ends.
pub fn build(input: &TablesInput, each: &mut dyn FnMut(Piece) -> Result<()>) -> Result<()> {
    let plan = input.plan;
    let segments = &input.counted.category;
    let days = segments.days();
    let (Some(first), Some(last)) = (days.first(), days.last()) else { return Ok(()) };
    let space = Space::of(segments, &CATEGORY_KEYS).with_total();
    let rules = Rules::of(&plan.book, &space);
    let (mut first_end, mut last_end) = (calendar::monday(*first), calendar::monday(*last) + 6);
    if let Some(range) = plan.range {
        let (first_of_range, last_of_range) = ends_of_range(plan, range);
        first_end = first_end.max(first_of_range);
        // Days beyond the windows are not counted, but they tell how far the data reach.
        let reach = input.files.iter().filter_map(|file| file.last_day.max(file.pruned_to)).max();
        last_end = last_end.max(reach.map_or(last_end, |day| calendar::monday(day) + 6)).min(last_of_range);
    }
    let mut trails: Vec<Trail> =
        window_lengths(plan).into_iter().map(|days| Trail::new(days, segments, first_end)).collect();
    let mut week = calendar::monday(first_end);
    while week <= last_end {
        let ends = match plan.output.rolling {
            Rolling::Weekly => week + 6..=week + 6,
            Rolling::Daily => week..=week + 6,
        };
        let mut rows = Vec::new();
        for end in ends.filter(|end| (first_end..=last_end).contains(end)) {
            for trail in &mut trails {
                trail.advance(&space, &rules, end)?;
                trail.rows(&space, end, &mut rows)?;
            }
        }
        rows.sort_unstable_by_key(|row| (row.cell, row.end));
        let sheet = Sheet { input, space: &space, rules: &rules };
        let batches = batches(rows.len(), |range| Ok(sheet.batch(&rows[range])))?;
        if !batches.is_empty() {
            each(Piece::of(Table::VtrRolling, Some(week), batches))?;
        }
        week += 7;
    }
    Ok(())
}

/// One window of one cell.
struct Row {
    cell: u64,
    end: Day,
    window_days: i32,
    tally: Tally,
}

/// The window of one length, moving along the time axis.
struct Trail<'a> {
    window_days: i32,
    segments: &'a Marginal,
    ahead: Peekable<std::vec::IntoIter<Day>>,
    /// What is in the window, by first day of the segment.
    inside: VecDeque<(Day, DataFrame)>,
    /// The sum of what is inside; cells without a judged package are not in it.
    total: Option<DataFrame>,
}

impl<'a> Trail<'a> {
    fn new(window_days: i32, segments: &'a Marginal, first_end: Day) -> Trail<'a> {
        let mut days = segments.days();
        days.retain(|day| *day > first_end - window_days);
        Trail { window_days, segments, ahead: days.into_iter().peekable(), inside: VecDeque::new(), total: None }
    }

    /// Moves the window's last day to `end`.
    fn advance(&mut self, space: &Space, rules: &Rules, end: Day) -> Result<()> {
        let has_this_length =
            |codes: Codes| rules.market(codes[1]).is_some_and(|market| market.window_days.max(1) == self.window_days);
        let mut parts: Vec<DataFrame> = self.total.take().into_iter().collect();
        while let Some(day) = self.ahead.next_if(|day| *day <= end) {
            let batches = self.segments.sorted(day)?;
            let frames = batches.map(|batch| space.frame(&batch?, 0, Detail::Classes, has_this_length));
            let frame = frames::sum(frames.collect::<Result<_>>()?)?;
            parts.push(frame.clone());
            self.inside.push_back((day, frame));
        }
        let start = end - self.window_days + 1;
        while let Some((_, frame)) = self.inside.front().filter(|(day, _)| *day < start) {
            parts.push(frames::negative(frame)?);
            self.inside.pop_front();
        }
        self.total = match parts.len() {
            0 => None,
            1 => parts.pop(),
            _ => Some(frames::not_zero(frames::sum(parts)?)?),
        };
        Ok(())
    }

    /// The rows of the window as it stands, totals over the categories included.
    fn rows(&self, space: &Space, end: Day, rows: &mut Vec<Row>) -> Result<()> {
        let Some(total) = &self.total else { return Ok(()) };
        let measures = [Measure::class("valid", Class::Valid), Measure::class("defects", Class::Defect)];
        let sums = frames::pivot(&space.add_totals(total)?, &measures)?;
        let [valid, defects] = [frames::counts(&sums, "valid")?, frames::counts(&sums, "defects")?];
        for (row, cell) in frames::cells(&sums)?.iter().enumerate() {
            let [valid, defects] = [frames::unsigned(valid[row]), frames::unsigned(defects[row])];
            let tally = Tally { valid, eligible: valid + defects };
            rows.push(Row { cell: *cell, end, window_days: self.window_days, tally });
        }
        Ok(())
    }
}

/// The rows of one week of window ends, to be written out.
struct Sheet<'a> {
    input: &'a TablesInput<'a>,
    space: &'a Space,
    rules: &'a Rules<'a>,
}

impl Sheet<'_> {
    fn batch(&self, rows: &[Row]) -> RecordBatch {
        let codes: Vec<Codes> = rows.iter().map(|row| self.space.codes(row.cell)).collect();
        let rate = |(row, codes): (&Row, &Codes)| Rate {
            tally: row.tally,
            target: self.rules.target(codes[1], codes[2], row.end),
        };
        let rates: Vec<Rate> = rows.iter().zip(&codes).map(rate).collect();
        let as_of = self.input.plan.as_of;
        let provisional = rows.iter().zip(&codes).map(|(row, codes)| self.rules.provisional(codes[1], row.end, as_of));
        let count = |of: fn(&Tally) -> u64| -> ArrayRef {
            Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| of(&row.tally) as i64)))
        };

        let mut columns: Vec<ArrayRef> = Vec::with_capacity(18);
        for column in 0..4 {
            columns.push(text_column(codes.iter().map(|codes| self.space.text(column, codes[column]))));
        }
        columns.push(day_column(rows.iter().map(|row| row.end)));
        columns.push(day_column(rows.iter().map(|row| row.end - row.window_days + 1)));
        columns.push(count(|tally| tally.eligible));
        columns.push(count(|tally| tally.valid));
        columns.push(count(|tally| tally.eligible - tally.valid));
        columns.extend(rates::vtr_and_target(&rates));
        columns.push(rates::meets_target(&rates));
        columns.push(rates::defect_budget(&rates));
        columns.push(Arc::new(BooleanArray::from_iter(provisional.map(Some))));
        columns.push(self.input.evidence_column(rows.len()));
        self.input.batch(Table::VtrRolling, columns)
    }
}
