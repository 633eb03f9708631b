//! What is set aside of a row: times and values that are no evidence, scans copied from other times, odd numbers.
//!
//! Everything is noted with its column and record, and nothing is judged or dropped silently. Nothing fails.

use super::{Counter, asks_for_number};
use crate::asides::Aside;
use crate::columns::Columns;
use crate::input::Column;
use crate::reject::Records;
use crate::rows::Row;
use vtr_kernel::facts::{Facts, Notice};
use vtr_kernel::instant::Moment;
use vtr_kernel::ladder::{Verdict, zone};
use vtr_kernel::reason::Reason;
use vtr_kernel::strays::{Bounds, Mark, OddValue, Stray, are_days, is_filler, is_same_second, odd_value};

impl Counter<'_> {
    /// Removes times and values that are no evidence from a sound row.
    #[inline]
    pub(super) fn set_strays_aside(&mut self, row: &mut Row, mark: Mark, records: &Records, at: usize) {
        if let Some(odd) = row.facts.value.and_then(|value| odd_value(value, mark)) {
            self.set_aside_value(row, odd, records.number(at));
        }
        if row.is_ordinary {
            return;
        }
        let facts = &row.facts;
        let bounds = Bounds::of(facts.shipped, facts.promised, self.settings.scan_lead_days);
        let holds = |moment: Option<Moment>| moment.is_none_or(|moment| bounds.surely_hold(moment));
        if !(holds(facts.first_scan) & holds(facts.delivery_scan) & holds(facts.tracking_added)) && row.is_sound {
            self.set_aside_times(row, &bounds, records.number(at));
        }
    }

    #[cold]
    fn set_aside_value(&mut self, row: &mut Row, odd: OddValue, record: u64) {
        row.facts.value = None;
        let kind = match odd {
            OddValue::Negative => Aside::NegativeValue,
            OddValue::Zero => Aside::ZeroValue,
            OddValue::OpenMark => Aside::OpenMark,
        };
        // The value is not noted if no rung looks at it.
        if row.is_sound && asks_for_number(&row.facts) {
            self.out.asides.note(kind, Column::PackageValue, record);
        }
    }

    #[cold]
    fn set_aside_times(&mut self, row: &mut Row, bounds: &Bounds, record: u64) {
        let clock = zone(self.terms.book, row.facts.marketplace, &self.utc);
        let asides = &mut self.out.asides;
        let facts = &mut row.facts;
        for (column, time) in
            [(Column::FirstScanAt, &mut facts.first_scan), (Column::DeliveryScanAt, &mut facts.delivery_scan)]
        {
            if let Some(stray) = time.and_then(|moment| bounds.stray(moment, clock)) {
                *time = None;
                let kind = match stray {
                    Stray::Filler => Aside::FillerTime,
                    Stray::EarlierParcel => Aside::EarlierParcel,
                };
                asides.note(kind, column, record);
            }
        }
        if facts.tracking_added.is_some_and(|moment| is_filler(moment, clock)) {
            facts.tracking_added = None;
            asides.note(Aside::FillerTime, Column::TrackingAddedAt, record);
        }
    }

    /// Checks whether the scans of a row are copies of another of its times.
    #[inline]
    pub(super) fn look_for_copies(&mut self, row: &Row, facts: &Facts, records: &Records, at: usize) {
        if row.is_ordinary || facts.first_scan.is_none() & facts.delivery_scan.is_none() {
            return;
        }
        let (shipped, promised, added) = (facts.shipped, facts.promised, facts.tracking_added);
        // A number that is added at the moment of the delivery is late, and is no copy.
        let scans = [
            (Column::FirstScanAt, facts.first_scan, [shipped, promised, added]),
            (Column::DeliveryScanAt, facts.delivery_scan, [shipped, promised, None]),
        ];
        for (column, scan, others) in scans {
            let is_copy = |scan: Moment| others.into_iter().flatten().any(|other| is_same_second(scan, other));
            if scan.is_some_and(is_copy) && asks_for_number(facts) {
                self.out.asides.note(Aside::CopiedTime, column, records.number(at));
            }
        }
        let tally = &mut self.out.tally;
        for (place, scan, other) in [(0, facts.first_scan, shipped), (1, facts.delivery_scan, promised)] {
            if let (Some(scan), Some(other)) = (scan, other)
                && are_days(scan, other)
            {
                tally.by_days[place] += 1;
                tally.same_day[place] += u64::from(scan == other);
            }
        }
        let is_after = |scan: Option<Moment>| scan.is_some_and(|scan| scan.is_after(self.terms.as_of));
        tally.blanked += u64::from(is_after(facts.first_scan) | is_after(facts.delivery_scan));
    }

    /// Notes a package without number whose order is not shipped yet by its status, unless anything else shows that it
    /// is.
    #[cold]
    fn note_unshipped(&mut self, facts: &Facts, record: u64) {
        if facts.shipped.or(facts.tracking_added).or(facts.first_scan).or(facts.delivery_scan).is_none() {
            self.out.asides.note(Aside::Unshipped, Column::OrderStatus, record);
        }
    }

    /// Notes the findings in a judged row: in its tracking number, its exchange rate and its order's state.
    #[inline]
    pub(super) fn note_findings(
        &mut self,
        columns: &Columns,
        facts: &Facts,
        (notice, verdict): (Notice, &Verdict),
        (at, record): (usize, u64),
    ) {
        if notice != Notice::None || verdict.several_numbers || verdict.old_rate {
            self.note_number(notice, verdict, record);
        }
        if verdict.reason == Reason::TrackingMissing && columns.state.aside(at) == Some(Aside::Unshipped) {
            self.note_unshipped(facts, record);
        }
    }

    /// Notes the findings in a row's tracking number, and an old exchange rate.
    #[cold]
    fn note_number(&mut self, notice: Notice, verdict: &Verdict, record: u64) {
        let of_number = match notice {
            Notice::None => None,
            Notice::Unwrapped => Some(Aside::WrappedText),
            Notice::Damaged => Some(Aside::DamagedId),
        };
        let several = verdict.several_numbers.then_some(Aside::SeveralNumbers);
        for kind in of_number.into_iter().chain(several) {
            self.out.asides.note(kind, Column::TrackingNumber, record);
        }
        if verdict.old_rate {
            self.out.asides.note(Aside::OldRate, Column::Currency, record);
        }
    }
}
