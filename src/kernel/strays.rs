//! Times and values that are no evidence: fillers, scans of an earlier parcel that had the same number, values that
//! no buyer pays.
//!
//! It says which ones these are and changes none; the caller decides what follows. Pure and total.

use crate::amount::Amount;
use crate::calendar::{DAY_MICROS, Day, FIRST_DAY, Micros, Zone};
use crate::instant::Moment;

/// The number of days by which a scan may precede the shipment, unless a job says otherwise.
pub const LEAD_DAYS: i32 = 30;
/// The number of further days if only the promise is known.
pub(crate) const BEFORE_PROMISE: i32 = 30;
/// The last plausible day of a scan: 2100-01-01.
pub(crate) const LAST_DAY: Day = 47_482;
/// No zone is further from UTC, and no bare date is further from its first instant.
pub(crate) const SLACK: Micros = 2 * DAY_MICROS;

/// The reason why a time is no evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stray {
    /// The time is before 2005 or after 2100: the zero or the end of some clock.
    Filler,
    /// The time is of an earlier parcel that had the same number.
    EarlierParcel,
}

/// The limits for the scans of one shipment.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The moment to which the scans belong, and by how many days they may precede it.
    anchor: Option<(Moment, i32)>,
    /// From this moment on no scan is stray; an earlier one may be.
    surely_from: Micros,
}

/// Returns a moment in microseconds; a bare date is read as if in UTC.
#[inline]
fn about(moment: Moment) -> Micros {
    match moment {
        Moment::Instant(instant) => instant,
        Moment::Date(day) => i64::from(day).saturating_mul(DAY_MICROS),
    }
}

impl Bounds {
    /// Makes the limits of a shipment. A scan may precede `shipped` by `lead_days` days. Without `shipped`, or if
    /// it is implausibly long after the promise, a scan may precede `promised` by 30 days more than that.
    #[inline]
    pub fn of(shipped: Option<Moment>, promised: Option<Moment>, lead_days: i32) -> Bounds {
        let lead = i64::from(lead_days).saturating_mul(DAY_MICROS);
        let is_meant = |shipped: Moment, promised: Moment| about(shipped).saturating_sub(about(promised)) <= lead;
        let anchor = match (shipped, promised) {
            (Some(shipped), Some(promised)) if !is_meant(shipped, promised) => {
                Some((promised, lead_days.saturating_add(BEFORE_PROMISE)))
            }
            (Some(shipped), _) => Some((shipped, lead_days)),
            (None, Some(promised)) => Some((promised, lead_days.saturating_add(BEFORE_PROMISE))),
            (None, None) => None,
        };
        let first = i64::from(FIRST_DAY) * DAY_MICROS;
        let from = anchor.map_or(first, |(moment, days)| {
            about(moment).saturating_sub(i64::from(days).saturating_mul(DAY_MICROS)).max(first)
        });
        Bounds { anchor, surely_from: from.saturating_add(SLACK) }
    }

    /// Returns whether a scan is certainly evidence; nearly all are.
    #[inline]
    pub fn surely_hold(&self, scan: Moment) -> bool {
        let about = about(scan);
        self.surely_from <= about && about < i64::from(LAST_DAY) * DAY_MICROS
    }

    /// Returns why a scan is no evidence; `None`: it is evidence. The lead between two instants is counted exactly,
    /// any other in days of the marketplace's zone.
    pub fn stray(&self, scan: Moment, zone: &Zone) -> Option<Stray> {
        if is_filler(scan, zone) {
            return Some(Stray::Filler);
        }
        let (anchor, days) = self.anchor?;
        let is_earlier = match (scan, anchor) {
            (Moment::Instant(scan), Moment::Instant(anchor)) => {
                anchor.saturating_sub(scan) > i64::from(days).saturating_mul(DAY_MICROS)
            }
            (scan, anchor) => i64::from(anchor.day(zone)) - i64::from(scan.day(zone)) > i64::from(days),
        };
        is_earlier.then_some(Stray::EarlierParcel)
    }
}

/// Returns whether the time of a scan is implausible.
#[inline]
pub fn is_filler(moment: Moment, zone: &Zone) -> bool {
    let about = about(moment);
    let surely = i64::from(FIRST_DAY) * DAY_MICROS + SLACK..i64::from(LAST_DAY) * DAY_MICROS - SLACK;
    !surely.contains(&about) && !(FIRST_DAY..=LAST_DAY).contains(&moment.day(zone))
}

/// Times on whole hours are not compared to the second: dates are stored as midnights of any zone.
pub(crate) const HOUR: Micros = 3_600_000_000;
pub(crate) const SECOND: u64 = 1_000_000;

/// Returns whether two times agree to the second, which a carrier's scan and the time of another clock do only by
/// chance. Dates and whole hours never count as equal, because many times share them.
#[inline]
pub fn is_same_second(scan: Moment, other: Moment) -> bool {
    match (scan, other) {
        (Moment::Instant(scan), Moment::Instant(other)) => scan.abs_diff(other) < SECOND && scan % HOUR != 0,
        _ => false,
    }
}

/// Returns whether two times are bare dates, or timestamps that hold dates.
#[inline]
pub fn are_days(scan: Moment, other: Moment) -> bool {
    let is_day = |moment: Moment| match moment {
        Moment::Date(_) => true,
        Moment::Instant(instant) => instant % HOUR == 0,
    };
    is_day(scan) && is_day(other)
}

/// The reason why the value of a package is no evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OddValue {
    /// Below zero: a refund or a correction.
    Negative,
    /// Zero: more likely a filler of the export than the worth of a package.
    Zero,
    /// A value such as `1.234`, which may mean thousands or thousandths.
    OpenMark,
}

/// How certain the decimal mark of an amount is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// The mark is declared, or given by the amount's type.
    Known,
    /// The mark is assumed because nothing else was declared.
    Assumed,
}

/// Returns why a value is no evidence; `None`: it is evidence.
#[inline]
pub fn odd_value(value: Amount, mark: Mark) -> Option<OddValue> {
    match value.mantissa {
        ..0 => Some(OddValue::Negative),
        0 => Some(OddValue::Zero),
        // One to three digits, the mark, three digits.
        1_000..1_000_000 if value.scale == 3 && mark == Mark::Assumed => Some(OddValue::OpenMark),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_nobody_pays_are_known() {
        let odd = |text: &str, mark| odd_value(Amount::read(text, b'.').unwrap(), mark);
        for (text, want) in [
            ("-0.01", Some(OddValue::Negative)),
            ("-1.234", Some(OddValue::Negative)),
            ("0", Some(OddValue::Zero)),
            ("-0.00", Some(OddValue::Zero)),
            ("1.234", Some(OddValue::OpenMark)),
            ("999.999", Some(OddValue::OpenMark)),
            ("0.123", None),
            ("1000.000", None),
            ("1.23", None),
            ("1.2340", None),
            ("1234", None),
        ] {
            assert_eq!(odd(text, Mark::Assumed), want, "{text}");
        }
        assert_eq!((odd("1.234", Mark::Known), odd("0.00", Mark::Known)), (None, Some(OddValue::Zero)));
    }
    use crate::calendar::day_from_date;

    fn at(text: &str) -> Moment {
        crate::instant::TimeFormat::default().read(text).unwrap()
    }

    #[test]
    fn copies_of_a_time_are_known_to_the_second() {
        let same = |scan: &str, other: &str| is_same_second(at(scan), at(other));
        assert!(same("2025-05-01T10:20:30Z", "2025-05-01T12:20:30+02:00"));
        assert!(same("2025-05-01T10:20:30.999Z", "2025-05-01T10:20:30Z"));
        assert!(!same("2025-05-01T10:20:31Z", "2025-05-01T10:20:30Z"));
        // Midnights hold dates, and many packages share a date.
        assert!(!same("2025-05-01T00:00:00+05:00", "2025-05-01T00:00:00+05:00") && !same("2025-05-01", "2025-05-01"));
        let days = |scan: &str, other: &str| are_days(at(scan), at(other));
        assert!(days("2025-05-01T00:00:00+05:00", "2025-05-01") && !days("2025-05-01T10:20:30Z", "2025-05-01"));
    }

    #[test]
    fn a_ship_date_long_after_the_promise_is_not_held_against_scans() {
        let utc = Zone::utc();
        let stray = |shipped: &str| {
            let bounds = Bounds::of(Some(at(shipped)), Some(at("2025-01-15")), LEAD_DAYS);
            bounds.stray(at("2025-01-12T10:00:00Z"), &utc)
        };
        assert_eq!(stray("2025-02-12"), Some(Stray::EarlierParcel));
        assert_eq!(stray("2025-05-02T17:00:00Z"), None);
    }

    #[test]
    fn the_ends_of_clocks_are_fillers() {
        let utc = Zone::utc();
        for text in ["0001-01-01", "1753-01-01", "1899-12-30T00:00:00Z", "1970-01-01T00:00:00Z", "2004-12-31T23:59:59Z"]
        {
            assert!(is_filler(at(text), &utc), "{text}");
        }
        for text in ["2100-01-02", "9999-12-31T23:59:59Z"] {
            assert!(is_filler(at(text), &utc), "{text}");
        }
        for text in ["2005-01-01", "2005-01-01T00:00:00Z", "2100-01-01T23:59:59Z", "2025-05-01"] {
            assert!(!is_filler(at(text), &utc), "{text}");
        }
        // The marketplace's day counts.
        let tokyo = Zone::named("Asia/Tokyo").unwrap();
        assert!(!is_filler(at("2004-12-31T15:00:00Z"), &tokyo) && is_filler(at("2004-12-31T14:59:59Z"), &tokyo));
        assert_eq!(LAST_DAY, day_from_date(chrono::NaiveDate::from_ymd_opt(2100, 1, 1).unwrap()));
    }

    #[test]
    fn a_lead_is_borne_to_its_last_microsecond() {
        let utc = Zone::utc();
        let stray = |scan: &str, shipped: Option<&str>, promised: &str| {
            Bounds::of(shipped.map(at), Some(at(promised)), LEAD_DAYS).stray(at(scan), &utc)
        };
        let shipped = Some("2025-05-31T12:00:00Z");
        assert_eq!(stray("2025-05-01T12:00:00Z", shipped, "2025-06-05"), None);
        assert_eq!(stray("2025-05-01T11:59:59.999999Z", shipped, "2025-06-05"), Some(Stray::EarlierParcel));
        // A bare date is compared by days.
        assert_eq!(stray("2025-05-01", shipped, "2025-06-05"), None);
        assert_eq!(stray("2025-04-30", shipped, "2025-06-05"), Some(Stray::EarlierParcel));
        // Without a shipment, 60 days before the promise.
        assert_eq!(stray("2025-04-06T00:00:00Z", None, "2025-06-05T00:00:00Z"), None);
        assert_eq!(stray("2025-04-05T23:59:59Z", None, "2025-06-05T00:00:00Z"), Some(Stray::EarlierParcel));
    }

    #[test]
    fn what_surely_holds_is_never_stray() {
        let bare = |days: i64| Moment::Date(days as Day);
        let instant = |days: i64, hours: i64| Moment::Instant(days * DAY_MICROS + hours * DAY_MICROS / 24);
        for zone in ["UTC", "Asia/Tokyo", "America/Los_Angeles"].map(|name| Zone::named(name).unwrap()) {
            for (shipped, lead) in [(20_000, 30), (20_000, 0), (12_800, 30), (47_480, 7)] {
                let near =
                    (shipped - lead - 4..shipped + 4).chain(12_780..12_790).chain(47_478..47_486).chain([-719_529]);
                for (day, hour) in near.flat_map(|day| (0..24).step_by(5).map(move |hour| (day, hour))) {
                    for anchor in [bare(shipped), instant(shipped, 3)] {
                        let bounds = Bounds::of(Some(anchor), None, lead as i32);
                        for scan in [bare(day), instant(day, hour)] {
                            assert!(
                                !bounds.surely_hold(scan) || bounds.stray(scan, &zone).is_none(),
                                "{scan:?} {anchor:?}"
                            );
                        }
                    }
                }
            }
        }
    }
}
