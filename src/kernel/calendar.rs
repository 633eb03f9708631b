//! Days, weeks and the clocks of marketplaces.
//!
//! A day is an `i32` counting from 1970-01-01, an instant an `i64` of UTC microseconds. Time zones
//! come from the database compiled in, never from the host. Every function is total; instants
//! outside the tabulated years keep the nearest tabulated offset.

use chrono::{Datelike, NaiveDate, Offset, TimeZone, Utc};
use std::sync::OnceLock;

/// Days since 1970-01-01 in some calendar.
pub type Day = i32;
/// Microseconds since 1970-01-01T00:00 UTC.
pub type Micros = i64;

/// Microseconds in a day without clock changes.
pub const DAY_MICROS: Micros = 86_400_000_000;

/// The first day whose shipments are judged; an earlier date is a damaged one.
pub const FIRST_DAY: Day = 12_784; // 2005-01-01

/// Returns the day of a civil date.
pub fn day_from_date(date: NaiveDate) -> Day {
    date.num_days_from_ce() - 719_163
}

/// The days of a common year before each month.
const BEFORE_MONTH: [Day; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];

/// Returns the day of a civil date whose year has four digits, or `None` if there is no such date. It computes on
/// plain integers because histories hold hundreds of millions of dates.
#[inline]
pub(crate) fn day_of_civil(year: u16, month: u8, day: u8) -> Option<Day> {
    let (year, day) = (Day::from(year), Day::from(day));
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let before = *BEFORE_MONTH.get(usize::from(month).checked_sub(1)?)?;
    let days = match month {
        2 => 28 + Day::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if day < 1 || day > days {
        return None;
    }
    // Leap days before a year, counted from a year so early that every count is positive.
    let leap_days = |year: Day| (year + 399) / 4 - (year + 399) / 100 + (year + 399) / 400;
    let new_year = 365 * (year - 1970) + leap_days(year) - leap_days(1970);
    Some(new_year + before + Day::from(is_leap && month > 2) + day - 1)
}

/// Returns the civil date of a day; days beyond chrono's range are clamped to its ends.
pub fn date_from_day(day: Day) -> NaiveDate {
    let last = if day < 0 { NaiveDate::MIN } else { NaiveDate::MAX };
    day.checked_add(719_163).and_then(NaiveDate::from_num_days_from_ce_opt).unwrap_or(last)
}

/// Returns the Monday of the ISO week that contains a day.
#[inline]
pub fn monday(day: Day) -> Day {
    day - (day + 3).rem_euclid(7)
}

/// Returns the ISO week label of a day, such as `2025-W01`.
pub fn iso_week(day: Day) -> String {
    let week = date_from_day(day).iso_week();
    format!("{:04}-W{:02}", week.year(), week.week())
}

/// Returns the Monday named by an ISO week label such as `2025-W03`.
pub fn monday_from_iso_week(label: &str) -> Option<Day> {
    let (year, week) = label.split_once("-W").or_else(|| label.split_once("-w"))?;
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if year.len() != 4 || week.len() != 2 || !digits(year) || !digits(week) {
        return None;
    }
    let monday = NaiveDate::from_isoywd_opt(year.parse().ok()?, week.parse().ok()?, chrono::Weekday::Mon)?;
    Some(day_from_date(monday))
}

/// Returns the last plausible day of a shipment: `as_of` plus two years (29 February gives 28).
pub fn last_plausible_day(as_of: Day) -> Day {
    let date = date_from_day(as_of);
    let later = date.with_year(date.year() + 2).or_else(|| NaiveDate::from_ymd_opt(date.year() + 2, 2, 28));
    day_from_date(later.unwrap_or(date))
}

/// Returns whether figures up to and including `last_day` can still change on the day `as_of`.
pub fn provisional(last_day: Day, latency_days: i32, as_of: Day) -> bool {
    last_day.saturating_add(latency_days) >= as_of
}

/// A time zone. Its offset changes from 1990 to 2100 are tabulated when the first offset is asked for: a book names
/// about two dozen zones, a run asks a few of them and most verbs ask none.
#[derive(Clone, Debug)]
pub struct Zone {
    name: String,
    zone: chrono_tz::Tz,
    changes: OnceLock<Changes>,
}

/// The offset changes of a zone.
#[derive(Clone, Debug)]
struct Changes {
    /// The start of each stretch of constant offset, in UTC microseconds, ascending; the first is `MIN`.
    starts: Vec<Micros>,
    /// The offset from UTC in microseconds, one per stretch.
    offsets: Vec<Micros>,
    /// The stretch at the beginning of each slot of time, so that no look-up needs a search.
    slots: Vec<u16>,
}

/// A slot is 2^42 microseconds, about 51 days; few stretches are shorter.
const SLOT_SHIFT: u32 = 42;
/// The slot of 1990-01-01, which begins the first tabulated year.
const FIRST_SLOT: i64 = (FIRST_SECOND * 1_000_000) >> SLOT_SHIFT;
/// The slot of 2100-01-01.
const LAST_SLOT: i64 = (LAST_SECOND * 1_000_000) >> SLOT_SHIFT;
/// 1990-01-01 in seconds of UTC.
const FIRST_SECOND: i64 = 7_305 * 86_400;
/// 2100-01-01 in seconds of UTC.
const LAST_SECOND: i64 = 47_482 * 86_400;
/// No zone changes twice within this many seconds, so a scan with this stride misses no change.
const STRIDE: i64 = 7 * 86_400;

/// Returns the seconds to add to UTC at a second of UTC, according to the database.
fn offset_seconds(zone: chrono_tz::Tz, second: i64) -> i64 {
    let instant = chrono::DateTime::<Utc>::from_timestamp(second, 0).unwrap_or_default();
    i64::from(zone.offset_from_utc_datetime(&instant.naive_utc()).fix().local_minus_utc())
}

impl Changes {
    fn of(zone: chrono_tz::Tz) -> Changes {
        let mut current = offset_seconds(zone, FIRST_SECOND);
        let (mut starts, mut offsets) = (vec![Micros::MIN], vec![current * 1_000_000]);
        let mut from = FIRST_SECOND;
        while from < LAST_SECOND {
            let to = from + STRIDE;
            let next = offset_seconds(zone, to);
            if next != current {
                let (mut before, mut after) = (from, to);
                while after - before > 1 {
                    let middle = before + (after - before) / 2;
                    if offset_seconds(zone, middle) == current { before = middle } else { after = middle }
                }
                starts.push(after * 1_000_000);
                offsets.push(next * 1_000_000);
                current = next;
            }
            from = to;
        }
        let stretch = |slot: i64| starts.partition_point(|start| *start <= slot << SLOT_SHIFT).saturating_sub(1);
        let slots = (FIRST_SLOT..=LAST_SLOT).map(|slot| stretch(slot) as u16).collect();
        Changes { starts, offsets, slots }
    }

    #[inline]
    fn offset_at(&self, instant: Micros) -> Micros {
        let slot = (instant >> SLOT_SHIFT) - FIRST_SLOT;
        let Some(first) = usize::try_from(slot).ok().and_then(|slot| self.slots.get(slot)) else {
            let stretch = self.starts.partition_point(|start| *start <= instant);
            return self.offsets[stretch.saturating_sub(1)];
        };
        let mut stretch = usize::from(*first);
        while self.starts.get(stretch + 1).is_some_and(|start| *start <= instant) {
            stretch += 1;
        }
        self.offsets[stretch]
    }
}

impl Zone {
    /// Returns UTC itself.
    pub fn utc() -> Zone {
        Zone { name: "UTC".into(), zone: chrono_tz::Tz::UTC, changes: OnceLock::new() }
    }

    /// Returns the zone of a place by its IANA name, or UTC; `None` for names that stand for one offset the whole year,
    /// such as `EST` and `Etc/GMT-1`: a place by that name has summer time, or no days of its own.
    pub fn of_place(name: &str) -> Option<Zone> {
        let is_offset = matches!(name, "EST" | "MST" | "HST" | "GMT" | "GMT0" | "GMT+0" | "GMT-0" | "Greenwich");
        Zone::named(name).filter(|_| !is_offset && !name.starts_with("Etc/GMT"))
    }

    /// Returns the zone of an IANA name such as `Europe/Berlin`; `None` if the database lacks it.
    pub fn named(name: &str) -> Option<Zone> {
        Some(Zone { name: name.into(), zone: name.parse().ok()?, changes: OnceLock::new() })
    }

    #[inline]
    fn changes(&self) -> &Changes {
        self.changes.get_or_init(|| Changes::of(self.zone))
    }

    /// Returns the IANA name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the microseconds to add to UTC at an instant.
    #[inline]
    pub fn offset_at(&self, instant: Micros) -> Micros {
        self.changes().offset_at(instant)
    }

    /// Returns the local calendar day of an instant.
    #[inline]
    pub fn day_at(&self, instant: Micros) -> Day {
        let local = instant.saturating_add(self.offset_at(instant));
        let day = local.div_euclid(DAY_MICROS);
        day.clamp(i64::from(Day::MIN), i64::from(Day::MAX)) as Day
    }

    /// Returns the instant of a local wall-clock time. A time in a gap is read with the offset before the gap. A
    /// time that occurs twice is the earlier of the two instants.
    pub fn instant_of(&self, local: Micros) -> Micros {
        // The stretch is the earliest one that contains the local time when it is read with that stretch's offset.
        let Changes { starts, offsets, .. } = self.changes();
        let near = starts.partition_point(|start| *start <= local.saturating_sub(2 * DAY_MICROS)).saturating_sub(1);
        let mut before_gap = local.saturating_sub(offsets[near]);
        for stretch in near..starts.len() {
            let instant = local.saturating_sub(offsets[stretch]);
            let end = starts.get(stretch + 1).copied().unwrap_or(Micros::MAX);
            if instant < starts[stretch] {
                break; // the local time falls between the previous stretch and this one
            }
            if instant < end {
                return instant;
            }
            before_gap = instant;
        }
        before_gap
    }

    /// Returns the first instant of a local calendar day.
    pub fn first_instant(&self, day: Day) -> Micros {
        self.instant_of(i64::from(day).saturating_mul(DAY_MICROS))
    }

    /// Returns the last microsecond of a local calendar day. If the zone skipped the day, as Samoa did when it
    /// crossed the date line, this is the instant at which the day would have begun.
    pub fn last_instant(&self, day: Day) -> Micros {
        self.first_instant(day.saturating_add(1)).saturating_sub(1).max(self.first_instant(day))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        day_from_date(text.parse().unwrap())
    }

    fn micros(text: &str) -> Micros {
        chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_micros()
    }

    #[test]
    fn civil_days_are_those_of_the_library() {
        for year in 0..=9999 {
            for (month, day) in (0..=13).flat_map(|month| (0..=32).map(move |day| (month, day))) {
                let known = NaiveDate::from_ymd_opt(year.into(), month.into(), day.into()).map(day_from_date);
                assert_eq!(day_of_civil(year, month, day), known, "{year}-{month}-{day}");
            }
        }
    }

    #[test]
    fn weeks_are_iso_weeks() {
        assert_eq!(iso_week(day("2024-12-30")), "2025-W01");
        assert_eq!(monday(day("2025-01-05")), day("2024-12-30"));
        assert_eq!(iso_week(day("2027-01-03")), "2026-W53");
        assert_eq!(monday_from_iso_week("2025-W01"), Some(day("2024-12-30")));
        assert_eq!(monday_from_iso_week("2025-W53"), None);
        assert_eq!(monday_from_iso_week("2025-W1"), None);
        assert_eq!(day("2005-01-01"), FIRST_DAY);
    }

    #[test]
    fn two_years_after_a_leap_day_is_the_28th() {
        assert_eq!(last_plausible_day(day("2024-02-29")), day("2026-02-28"));
        assert_eq!(last_plausible_day(day("2025-03-01")), day("2027-03-01"));
    }

    #[test]
    fn a_week_is_final_only_when_its_latency_has_passed() {
        assert!(provisional(day("2025-01-05"), 14, day("2025-01-19")));
        assert!(!provisional(day("2025-01-05"), 14, day("2025-01-20")));
    }

    #[test]
    fn local_days_follow_the_zone_not_the_host() {
        let berlin = Zone::named("Europe/Berlin").unwrap();
        assert_eq!(berlin.day_at(micros("2025-01-14T22:59:59Z")), day("2025-01-14"));
        assert_eq!(berlin.day_at(micros("2025-01-14T23:00:00Z")), day("2025-01-15"));
        assert_eq!(berlin.day_at(micros("2025-07-14T22:00:00Z")), day("2025-07-15"));
        assert!(Zone::named("Europe/Atlantis").is_none());
    }

    #[test]
    fn gaps_take_the_offset_before_and_overlaps_the_earlier_instant() {
        let berlin = Zone::named("Europe/Berlin").unwrap();
        let local = |text: &str| micros(&format!("{text}Z"));
        assert_eq!(berlin.instant_of(local("2025-03-30T02:30:00")), micros("2025-03-30T01:30:00Z"));
        assert_eq!(berlin.instant_of(local("2025-10-26T02:30:00")), micros("2025-10-26T00:30:00Z"));
        assert_eq!(berlin.first_instant(day("2025-03-30")), micros("2025-03-29T23:00:00Z"));
        // Cairo moved its clock forward at midnight: the day began at 01:00.
        let cairo = Zone::named("Africa/Cairo").unwrap();
        assert_eq!(cairo.first_instant(day("2024-04-26")), micros("2024-04-25T22:00:00Z"));
        assert_eq!(cairo.day_at(cairo.first_instant(day("2024-04-26"))), day("2024-04-26"));
    }

    #[test]
    fn the_table_agrees_with_the_database_hour_by_hour() {
        for name in ["Europe/London", "America/Los_Angeles", "Africa/Cairo", "Australia/Sydney", "America/Sao_Paulo"] {
            let (table, zone) = (Zone::named(name).unwrap(), name.parse::<chrono_tz::Tz>().unwrap());
            for hour in 0..(25 * 366 * 24) {
                let second = i64::from(FIRST_DAY) * 86_400 + hour * 3_600;
                let instant = chrono::DateTime::<Utc>::from_timestamp(second, 0).unwrap();
                let want = i64::from(zone.offset_from_utc_datetime(&instant.naive_utc()).fix().local_minus_utc());
                assert_eq!(table.offset_at(second * 1_000_000), want * 1_000_000, "{name} {instant}");
            }
        }
    }
    #[test]
    fn the_table_of_every_zone_agrees_with_the_database() {
        for zone in chrono_tz::TZ_VARIANTS {
            let table = Zone::named(zone.name()).unwrap();
            // Two changes within one stride would show between samples less than half a stride apart. A change that
            // is found must be exact to the second.
            let days = (FIRST_SECOND..LAST_SECOND).step_by(86_400 * 3);
            let starts = table.changes().starts[1..].iter().map(|start| start / 1_000_000);
            for second in days.chain(starts.flat_map(|start| [start - 1, start])) {
                let want = offset_seconds(zone, second) * 1_000_000;
                assert_eq!(table.offset_at(second * 1_000_000), want, "{zone} {second}");
            }
        }
    }
}
