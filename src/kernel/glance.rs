//! A glance at the times of many shipments: which of them need no second look.
//!
//! Nearly all times of a history are instants that are plausible on every clock, known on the `as_of` day, not before
//! their shipment, and equal to no other time. [`Glance`] finds the rows of which all this is certain by comparing
//! integers; the exact tests of [`strays`](crate::strays) and of the fold then run for the others only. It is
//! never wrong about a row that it passes, but it may leave out ordinary ones. Pure and total.

use crate::calendar::{DAY_MICROS, Day, FIRST_DAY, Micros, last_plausible_day};
use crate::strays::{BEFORE_PROMISE, HOUR, LAST_DAY, SECOND, SLACK};

/// The most shipments of one glance: a bit each.
pub const MOST: usize = 64;

/// One time of up to [`MOST`] shipments.
#[derive(Clone, Copy, Debug)]
pub struct Instants<'a> {
    /// The instants; those of shipments that have none may be anything.
    pub values: &'a [Micros],
    /// A bit for each shipment that has an instant here, the first one lowest.
    pub given: u64,
    /// A bit for each shipment that has something other than an instant, such as a bare date.
    pub other: u64,
}

/// The times of up to [`MOST`] shipments; all have as many values.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)] // the names are those of `Facts`
pub struct ShipmentTimes<'a> {
    pub promised: Instants<'a>,
    pub shipped: Instants<'a>,
    pub tracking_added: Instants<'a>,
    pub first_scan: Instants<'a>,
    pub delivery_scan: Instants<'a>,
    pub updated: Instants<'a>,
}

/// The limits within which times are ordinary.
#[derive(Clone, Copy, Debug)]
pub struct Glance {
    /// The first instant that is plausible on every clock, and the number of them for promises and shipments.
    first: Micros,
    plausible: u64,
    /// The first instant that is not known yet.
    unknown_from: Micros,
    /// The first update that is not known yet.
    update_from: Micros,
    /// The first instant at which no scan may be.
    no_scan_from: Micros,
    /// How long before its shipment, and before its promise, a time may surely be.
    before_shipment: Micros,
    before_promise: Micros,
}

impl Glance {
    /// Takes the `as_of` day, the number of days by which a scan may precede its shipment, and whether rows that
    /// were updated after `as_of` are absent. `None`: with a negative number of days no row is certain.
    pub fn new(as_of: Day, lead_days: i32, later_updates_are_absent: bool) -> Option<Glance> {
        let micros = |days: i32| i64::from(days).saturating_mul(DAY_MICROS);
        let first = micros(FIRST_DAY) + SLACK;
        let unknown_from = i64::from(as_of).saturating_add(1).saturating_mul(DAY_MICROS);
        (lead_days >= 0).then(|| Glance {
            first,
            plausible: micros(last_plausible_day(as_of)).saturating_sub(first).max(0) as u64,
            unknown_from,
            update_from: if later_updates_are_absent { unknown_from } else { Micros::MAX },
            no_scan_from: micros(LAST_DAY),
            before_shipment: micros(lead_days) - SLACK,
            before_promise: micros(lead_days.saturating_add(BEFORE_PROMISE)) - SLACK,
        })
    }

    /// Returns a bit for each of the first `count` shipments of which all of this is certain: it has a promise or a
    /// shipment, and both are plausible; shipment, scans and update are known on the `as_of` day; no scan, nor the
    /// time at which its number was given, is a stray; no scan is on a whole hour, or equal to another time to the
    /// second.
    pub fn ordinary(&self, times: &ShipmentTimes, count: usize) -> u64 {
        let ShipmentTimes {
            promised,
            shipped,
            tracking_added: added,
            first_scan: first,
            delivery_scan: delivery,
            updated,
        } = times;
        let all = [promised, shipped, added, first, delivery, updated];
        let other = all.iter().fold(0, |bits, time| bits | time.other);
        let count = all.iter().fold(count.min(MOST), |count, time| count.min(time.values.len()));
        let [promises, shipments, additions, firsts, deliveries, updates] = all.map(|time| &time.values[..count]);
        let [p, s, a, f, d, u] = all.map(|time| time.given);
        let mut ordinary = 0;
        for at in (0..count).rev() {
            // Every condition is evaluated, so that there is no branch to predict; a time that is not given passes.
            let has = |bits: u64| bits >> at & 1 == 1;
            let (promise, shipment) = (promises[at], shipments[at]);
            let is_plausible = |time: Micros| (time.wrapping_sub(self.first) as u64) < self.plausible;
            let of_promise = if has(p) { promise.wrapping_sub(self.before_promise) } else { self.first };
            let floor = if has(s) { shipment.wrapping_sub(self.before_shipment) } else { of_promise };
            let floor = floor.max(self.first);
            let holds = |time: Micros| (floor <= time) & (time < self.no_scan_from);
            let is_scan =
                |scan: Micros| holds(scan) & (scan < self.unknown_from) & !(scan as u64).is_multiple_of(HOUR as u64);
            let (first_scan, delivery_scan) = (firsts[at], deliveries[at]);
            let of_first = is_scan(first_scan)
                & (!has(s) | is_another_second(first_scan, shipment))
                & (!has(p) | is_another_second(first_scan, promise))
                & (!has(a) | is_another_second(first_scan, additions[at]));
            let of_delivery = is_scan(delivery_scan)
                & (!has(s) | is_another_second(delivery_scan, shipment))
                & (!has(p) | is_another_second(delivery_scan, promise));
            let is_ordinary = (has(p) | has(s))
                & (!has(p) | is_plausible(promise))
                & (!has(s) | is_plausible(shipment) & (shipment < self.unknown_from))
                & (!has(u) | (updates[at] < self.update_from))
                & (!has(a) | holds(additions[at]))
                & (!has(f) | of_first)
                & (!has(d) | of_delivery);
            ordinary = ordinary << 1 | u64::from(is_ordinary);
        }
        ordinary & !other
    }
}

/// Returns whether two instants are a second or more apart.
#[inline]
fn is_another_second(one: Micros, other: Micros) -> bool {
    let most = SECOND as i64 - 1;
    one.wrapping_sub(other).wrapping_add(most) as u64 > 2 * most as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::Zone;
    use crate::instant::Moment;
    use crate::ladder::is_implausible;
    use crate::strays::{Bounds, are_days, is_same_second};

    /// Returns times near everything that the tests ask about, and some far away.
    fn times(as_of: Day, random: &mut impl FnMut() -> u64) -> Vec<[Option<Moment>; 6]> {
        let base = i64::from(as_of - 8) * DAY_MICROS;
        let mut time = |near: Micros| {
            let jitter =
                [0, 1, SECOND as i64 - 1, SECOND as i64, HOUR, 37_123_456, 2 * HOUR + 99_000_000, 5 * HOUR - 7];
            let days = [0, 0, 0, 0, 0, 0, 0, 0, 1, -2, 3, 30, -30, -31, 32, 60, -62, 700, 731, -8000, 40_000];
            let pick = |random: u64, of: usize| (random >> 33) as usize % of;
            let micros = near + days[pick(random(), days.len())] * DAY_MICROS + jitter[pick(random(), jitter.len())];
            match pick(random(), 24) {
                0 => (None, micros),
                1 => (Some(Moment::Date(micros.div_euclid(DAY_MICROS) as Day)), micros),
                2 => (Some(Moment::Instant(i64::MIN + 5)), near),
                3 => (Some(Moment::Instant(i64::MAX)), near),
                _ => (Some(Moment::Instant(micros)), micros),
            }
        };
        let mut all = Vec::new();
        for _ in 0..60_000 {
            let (promised, near) = time(base + 11 * HOUR + 12_345_678);
            let (shipped, near) = time(near);
            let others = [time(near), time(near + 40 * HOUR), time(near + 90 * HOUR), time(near)];
            all.push([promised, shipped, others[0].0, others[1].0, others[2].0, others[3].0]);
        }
        all
    }

    #[test]
    fn an_ordinary_row_passes_every_exact_test() {
        let (as_of, utc) = (20_270, Zone::utc());
        let mut state = 11_u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state
        };
        let rows = times(as_of, &mut random);
        let mut passed = 0;
        for (lead, absent) in [(30, true), (0, true), (30, false), (i32::MAX, true)] {
            let glance = Glance::new(as_of, lead, absent).unwrap();
            for block in rows.chunks(50) {
                let column = |index: usize| {
                    let values = block.iter().map(|row| match row[index] {
                        Some(Moment::Instant(instant)) => instant,
                        _ => 77,
                    });
                    let bits = |test: fn(Moment) -> bool| {
                        (0..).zip(block).fold(0, |bits, (at, row)| bits | u64::from(row[index].is_some_and(test)) << at)
                    };
                    let given = bits(|time| matches!(time, Moment::Instant(_)));
                    (values.collect::<Vec<_>>(), given, bits(|time| matches!(time, Moment::Date(_))))
                };
                let columns: Vec<_> = (0..6).map(column).collect();
                let instants =
                    |at: usize| Instants { values: &columns[at].0, given: columns[at].1, other: columns[at].2 };
                let ordinary = glance.ordinary(
                    &ShipmentTimes {
                        promised: instants(0),
                        shipped: instants(1),
                        tracking_added: instants(2),
                        first_scan: instants(3),
                        delivery_scan: instants(4),
                        updated: instants(5),
                    },
                    block.len(),
                );
                for (at, row) in block.iter().enumerate().filter(|(at, _)| ordinary >> at & 1 == 1) {
                    let [promised, shipped, added, first, delivery, updated] = *row;
                    passed += 1;
                    assert!(promised.or(shipped).is_some(), "{at}");
                    for time in [promised, shipped].into_iter().flatten() {
                        assert!(!is_implausible(time.day(&utc), as_of), "{row:?}");
                    }
                    let bounds = Bounds::of(shipped, promised, lead);
                    for time in [added, first, delivery].into_iter().flatten() {
                        assert!(bounds.surely_hold(time), "{row:?}");
                    }
                    let known = [shipped, first, delivery].into_iter().chain([updated.filter(|_| absent)]);
                    assert!(known.flatten().all(|time| !time.is_after(as_of)), "{row:?}");
                    for (scan, others) in [(first, [shipped, promised, added]), (delivery, [shipped, promised, None])] {
                        for (scan, other) in others.into_iter().flatten().filter_map(|other| scan.zip(Some(other))) {
                            assert!(!is_same_second(scan, other) && !are_days(scan, other), "{row:?}");
                        }
                    }
                }
            }
        }
        assert!(passed > 5_000, "{passed}");
        assert!(Glance::new(as_of, -1, true).is_none());
    }
}
