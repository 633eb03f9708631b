//! Moments as sources write them: an instant or a bare calendar date; and parsing of texts into moments.
//!
//! This module does not know the column of a moment. Parsing fails with [`Unreadable`] and never guesses.

use crate::calendar::{DAY_MICROS, Day, Micros, Zone, day_from_date, day_of_civil};
use chrono::format::{Fixed, Item, Parsed, StrftimeItems, parse};

/// A point in time as a source gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// An instant in UTC microseconds.
    Instant(Micros),
    /// A date without a time: that calendar day in the marketplace's time zone.
    Date(Day),
}

impl Moment {
    /// Returns the calendar day in a zone.
    #[inline]
    pub fn day(self, zone: &Zone) -> Day {
        match self {
            Moment::Instant(instant) => zone.day_at(instant),
            Moment::Date(day) => day,
        }
    }

    /// Returns whether this had not yet happened at the end of the day `as_of` (UTC).
    #[inline]
    pub fn is_after(self, as_of: Day) -> bool {
        match self {
            Moment::Instant(instant) => instant >= (i64::from(as_of) + 1).saturating_mul(DAY_MICROS),
            Moment::Date(day) => day > as_of,
        }
    }

    /// Returns the instant; a bare date is the first instant of its day.
    #[inline]
    pub fn earliest(self, zone: &Zone) -> Micros {
        match self {
            Moment::Instant(instant) => instant,
            Moment::Date(day) => zone.first_instant(day),
        }
    }

    /// Returns the instant; a bare date is the last microsecond of its day.
    #[inline]
    pub fn latest(self, zone: &Zone) -> Micros {
        match self {
            Moment::Instant(instant) => instant,
            Moment::Date(day) => zone.last_instant(day),
        }
    }
}

/// The error for a text that is no moment in any declared or standard form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

/// The reason why a declared format cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WrongFormat {
    /// The format is not understood.
    Unknown(String),
    /// The format contains the name of a zone, which would be read and then ignored.
    ZoneName(String),
    /// The format has seconds since 1970 with a fraction directly behind them: no reader can tell where one ends.
    SplitSeconds(String),
}

/// The name of the declared form of milliseconds since 1970, in UTC.
pub const UNIX_MILLISECONDS: &str = "unix milliseconds";
/// The name of the declared form of a spreadsheet's serial days: days since 1899-12-30, their fraction a time of day.
pub const SPREADSHEET_DAYS: &str = "spreadsheet days";

/// A declared form.
#[derive(Clone, Debug)]
enum Form {
    /// One in `strftime` notation.
    Signs(Vec<Item<'static>>),
    /// [`UNIX_MILLISECONDS`].
    UnixMilliseconds,
    /// [`SPREADSHEET_DAYS`].
    SpreadsheetDays,
}

/// The notation of the times of one input.
#[derive(Clone, Debug)]
pub struct TimeFormat {
    declared: Vec<Form>,
    zone: Zone,
}

impl Default for TimeFormat {
    fn default() -> Self {
        TimeFormat { declared: Vec::new(), zone: Zone::utc() }
    }
}

/// A moment as written. The offset, if there is one, says on which clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Written {
    day: Day,
    /// Microseconds since midnight; `None`: a bare date.
    time: Option<Micros>,
    /// Microseconds ahead of UTC; `None`: the input's clock.
    offset: Option<Micros>,
}

/// From this many seconds since 1970 on (the year 5138), a number probably counts milliseconds.
const RATHER_MILLISECONDS: i64 = 100_000_000_000;

impl TimeFormat {
    /// Takes formats in `strftime` notation, or [`UNIX_MILLISECONDS`] or [`SPREADSHEET_DAYS`], which are tried in order
    /// before the standard ones, and the zone of times without an offset.
    ///
    /// # Errors
    /// Returns the first format that cannot be used.
    pub fn new<S: AsRef<str>>(formats: &[S], zone: Zone) -> Result<TimeFormat, WrongFormat> {
        let declared = formats.iter().map(|format| match format.as_ref() {
            UNIX_MILLISECONDS => Ok(Form::UnixMilliseconds),
            SPREADSHEET_DAYS => Ok(Form::SpreadsheetDays),
            format => items(format).map(Form::Signs),
        });
        Ok(TimeFormat { declared: declared.collect::<Result<_, _>>()?, zone })
    }

    /// Returns the same formats with another clock.
    #[must_use]
    pub fn in_zone(self, zone: Zone) -> TimeFormat {
        TimeFormat { zone, ..self }
    }

    /// Returns the zone of times without an offset.
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// Reads trimmed text.
    ///
    /// # Errors
    /// [`Unreadable`] if neither a declared form nor RFC 3339, `yyyy-mm-dd hh:mm[:ss[.f]][offset]`
    /// or `yyyy-mm-dd` fits. An offset is `Z`, `+hh`, `+hhmm`, `+hh:mm`, `UTC` or `GMT`, with or without a
    /// blank before it.
    pub fn read(&self, text: &str) -> Result<Moment, Unreadable> {
        if let Some(instant) = self.read_usual(text) {
            return Ok(Moment::Instant(instant));
        }
        let Written { day, time, offset } = self.written(text).ok_or(Unreadable)?;
        let Some(time) = time else { return Ok(Moment::Date(day)) };
        let local = i64::from(day) * DAY_MICROS + time;
        Ok(Moment::Instant(offset.map_or_else(|| self.zone.instant_of(local), |offset| local - offset)))
    }

    /// Reads `yyyy-mm-dd hh:mm:ss` or `yyyy-mm-ddThh:mm:ss`, with or without `Z`, the usual notation; `None` for any
    /// other text, or if a form is declared. The result fits registers.
    #[inline]
    pub fn read_usual(&self, text: &str) -> Option<Micros> {
        let (second, zone) = text.as_bytes().split_first_chunk()?;
        if !matches!(zone, b"Z" | b"") || !self.declared.is_empty() {
            return None;
        }
        let local = whole_second(second)?;
        Some(if zone.is_empty() { self.zone.instant_of(local) } else { local })
    }

    /// Returns the calendar day written in trimmed text and the microseconds since midnight, whatever their clock;
    /// `None` if [`read`](TimeFormat::read) fails.
    pub fn as_written(&self, text: &str) -> Option<(Day, Option<Micros>)> {
        self.written(text).map(|written| (written.day, written.time))
    }

    fn written(&self, text: &str) -> Option<Written> {
        let declared = self.declared.iter().find_map(|form| match form {
            Form::Signs(items) => {
                let mut parsed = Parsed::new();
                parse(&mut parsed, text, items.iter()).ok()?;
                resolve(&parsed, text)
            }
            Form::UnixMilliseconds => unix_milliseconds(text),
            Form::SpreadsheetDays => spreadsheet_days(text),
        });
        declared.or_else(|| standard(text.as_bytes()))
    }
}

/// Parses a declared format.
fn items(format: &str) -> Result<Vec<Item<'static>>, WrongFormat> {
    let items = StrftimeItems::new(format).parse_to_owned().map_err(|_| WrongFormat::Unknown(format.to_owned()))?;
    if items.iter().any(|item| matches!(item, Item::Fixed(Fixed::TimezoneName))) {
        return Err(WrongFormat::ZoneName(format.to_owned()));
    }
    let signs = format.replace("%%", "");
    let split = |(_, behind): (&str, &str)| ["%f", "%3f", "%6f", "%9f"].iter().any(|sign| behind.starts_with(sign));
    if signs.split_once("%s").is_some_and(split) {
        return Err(WrongFormat::SplitSeconds(format.to_owned()));
    }
    Ok(items)
}

/// The first year of four digits.
const FOUR_DIGITS: i32 = 1_000;

fn resolve(parsed: &Parsed, text: &str) -> Option<Written> {
    if parsed.second() == Some(60) {
        return None;
    }
    // `%Y` reads 26 as the year 26, which nobody means; a filler such as 0001-01-01 has all four digits.
    if parsed.year().is_some_and(|year| year < FOUR_DIGITS && !text.contains(&format!("{:04}", year.unsigned_abs()))) {
        return None;
    }
    if let Some(second) = parsed.timestamp() {
        if second.checked_abs()? >= RATHER_MILLISECONDS {
            return None;
        }
        let micros = second * 1_000_000 + i64::from(parsed.nanosecond().unwrap_or(0) / 1_000);
        let day = Day::try_from(micros.div_euclid(DAY_MICROS)).ok()?;
        return Some(Written { day, time: Some(micros.rem_euclid(DAY_MICROS)), offset: Some(0) });
    }
    let date = parsed.to_naive_date().ok()?;
    let day = day_from_date(date);
    if parsed.hour_div_12().is_none() && parsed.hour_mod_12().is_none() {
        return Some(Written { day, time: None, offset: None });
    }
    let local = date.and_time(parsed.to_naive_time().ok()?).and_utc().timestamp_micros();
    let time = local - i64::from(day) * DAY_MICROS;
    let offset = parsed.offset().map(|seconds| i64::from(seconds) * 1_000_000);
    Some(Written { day, time: Some(time), offset })
}

/// Reads milliseconds since 1970. Zero is a filler; any other number of fewer than twelve digits counts something else.
fn unix_milliseconds(text: &str) -> Option<Written> {
    // Tables of floats have `.0` behind whole numbers.
    let text = text.strip_suffix(".0").unwrap_or(text);
    let number =
        text.parse::<i64>().ok().filter(|number| *number == 0 || number.checked_abs() >= Some(RATHER_MILLISECONDS))?;
    let micros = number.checked_mul(1_000)?;
    let day = Day::try_from(micros.div_euclid(DAY_MICROS)).ok()?;
    Some(Written { day, time: Some(micros.rem_euclid(DAY_MICROS)), offset: Some(0) })
}

/// The day from which spreadsheets count: 1899-12-30.
const SPREADSHEET_ZERO: Day = -25_569;

/// Reads a spreadsheet's serial day of at most five digits; its fraction is a time of day, to the millisecond as
/// spreadsheets keep it. Without one it is a date.
fn spreadsheet_days(text: &str) -> Option<Written> {
    let (whole, fraction) = text.split_once(['.', ',']).unwrap_or((text, ""));
    if whole.is_empty() || whole.len() > 5 || fraction.len() > 18 {
        return None;
    }
    let day = SPREADSHEET_ZERO + Day::try_from(digits(whole.as_bytes())?).ok()?;
    let all = fraction.bytes().all(|byte| byte.is_ascii_digit()).then_some(fraction)?;
    let fraction = if all.is_empty() { 0 } else { all.parse::<u128>().ok()? };
    if fraction == 0 {
        return Some(Written { day, time: None, offset: None });
    }
    let parts = 10u128.pow(all.len() as u32);
    let milliseconds = (fraction * (DAY_MICROS / 1_000) as u128 + parts / 2) / parts;
    // What rounds up to the end of the day is the first moment of the next one.
    let local = i64::from(day) * DAY_MICROS + milliseconds as Micros * 1_000;
    let day = Day::try_from(local.div_euclid(DAY_MICROS)).ok()?;
    Some(Written { day, time: Some(local.rem_euclid(DAY_MICROS)), offset: None })
}

/// Reads `yyyy-mm-dd`, optionally with a time behind `T` or a blank.
fn standard(text: &[u8]) -> Option<Written> {
    if let Some((second, zone)) = text.split_first_chunk()
        && matches!(zone, b"Z" | b"")
        && let Some(local) = whole_second(second)
    {
        let (day, time) = (local.div_euclid(DAY_MICROS) as Day, local.rem_euclid(DAY_MICROS));
        return Some(Written { day, time: Some(time), offset: (!zone.is_empty()).then_some(0) });
    }
    let (date, rest) = (text.get(..10)?, &text[10..]);
    if date[4] != b'-' || date[7] != b'-' {
        return None;
    }
    let (year, month, day) = (digits(&date[..4])?, digits(&date[5..7])?, digits(&date[8..10])?);
    let day = day_of_civil(year as u16, month as u8, day as u8)?;
    let Some((&separator, rest)) = rest.split_first() else {
        return Some(Written { day, time: None, offset: None });
    };
    if separator != b'T' && separator != b' ' || rest.get(2) != Some(&b':') {
        return None;
    }
    let (hour, minute) = (digits(&rest[..2])?, digits(rest.get(3..5)?)?);
    let (second, micros, zone) = seconds(&rest[5..])?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let time = i64::from(hour) * 3_600 + i64::from(minute) * 60 + i64::from(second);
    let offset = if zone.is_empty() { None } else { Some(offset(zone)?) };
    Some(Written { day, time: Some(time * 1_000_000 + micros), offset })
}

/// Returns the microseconds that a clock is ahead of UTC, written as `Z`, `UTC`, `GMT`, `+hh`, `+hhmm` or `+hh:mm`,
/// with or without a blank before it.
fn offset(zone: &[u8]) -> Option<Micros> {
    let zone = zone.strip_prefix(b" ").unwrap_or(zone);
    if [&b"Z"[..], b"UTC", b"GMT"].iter().any(|utc| zone.eq_ignore_ascii_case(utc)) {
        return Some(0);
    }
    let (sign, clock) = zone.split_first()?;
    let sign = match sign {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = match clock {
        [h, h2] => ([*h, *h2], *b"00"),
        [h, h2, m, m2] | [h, h2, b':', m, m2] => ([*h, *h2], [*m, *m2]),
        _ => return None,
    };
    let (hours, minutes) = (digits(&hours)?, digits(&minutes)?);
    (hours <= 23 && minutes <= 59).then(|| sign * i64::from(hours * 60 + minutes) * 60_000_000)
}

/// Returns the wall-clock time `yyyy-mm-ddThh:mm:ss`, the usual notation, in microseconds; `None` for any other
/// text. It reads eight bytes at a time because histories hold hundreds of millions of times.
fn whole_second(text: &[u8; 19]) -> Option<Micros> {
    let [date @ .., day_tens, day_ones, separator, _, _, _, _, _, _, _, _] = text;
    let [.., h, h2, c, m, m2, c2, s, s2] = text;
    let date = pairs(*date, *b"0000-00-")?;
    let time = pairs([*h, *h2, *c, *m, *m2, *c2, *s, *s2], *b"00:00:00")?;
    let (tens, ones) = (day_tens.wrapping_sub(b'0'), day_ones.wrapping_sub(b'0'));
    let (hour, minute, second) = (time[0], time[3], time[6]);
    if tens > 9 || ones > 9 || !matches!(separator, b'T' | b' ') || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let year = u16::from(date[0]) * 100 + u16::from(date[2]);
    let day = day_of_civil(year, date[5], tens * 10 + ones)?;
    let seconds = i64::from(hour) * 3_600 + i64::from(minute) * 60 + i64::from(second);
    Some(i64::from(day) * DAY_MICROS + seconds * 1_000_000)
}

/// Returns the value of each two adjacent digits, at the place of the first one, if the text fits a pattern in
/// which `0` matches any digit and every other character matches itself.
fn pairs(text: [u8; 8], pattern: [u8; 8]) -> Option<[u8; 8]> {
    // A digit becomes its value and any other byte sets the highest bit; every other character of the pattern must
    // become zero.
    let most = pattern.map(|byte| if byte == b'0' { 0x7f - 9 } else { 0x7f });
    let digits = u64::from_le_bytes(text) ^ u64::from_le_bytes(pattern);
    let high = 0x8080_8080_8080_8080;
    if digits & high != 0 || (digits + u64::from_le_bytes(most)) & high != 0 {
        return None;
    }
    Some((digits * 10 + (digits >> 8)).to_le_bytes())
}

/// Reads `[:ss[.fraction]]` and the rest: seconds, microseconds (floored), the zone text.
fn seconds(rest: &[u8]) -> Option<(u32, i64, &[u8])> {
    if rest.first() != Some(&b':') {
        return Some((0, 0, rest));
    }
    let (second, rest) = (digits(rest.get(1..3)?)?, &rest[3..]);
    if rest.first() != Some(&b'.') {
        return Some((second, 0, rest));
    }
    let length = rest[1..].iter().take_while(|b| b.is_ascii_digit()).count();
    if length > 9 {
        return None;
    }
    let mut micros = 0;
    for place in 0..6 {
        let digit = if place < length { rest[1 + place] - b'0' } else { 0 };
        micros = micros * 10 + i64::from(digit);
    }
    Some((second, micros, &rest[1 + length..]))
}

fn digits(bytes: &[u8]) -> Option<u32> {
    bytes.iter().try_fold(0u32, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + u32::from(byte - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Moment, Unreadable> {
        TimeFormat::default().read(text)
    }

    fn micros(text: &str) -> Moment {
        Moment::Instant(chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_micros())
    }

    #[test]
    fn standard_forms() {
        assert_eq!(read("2025-01-15"), Ok(Moment::Date(20_103)));
        assert_eq!(read("2025-01-15T10:20:30Z"), Ok(micros("2025-01-15T10:20:30Z")));
        assert_eq!(read("2025-01-15 10:20"), Ok(micros("2025-01-15T10:20:00Z")));
        assert_eq!(read("2025-01-15T10:20+02:00"), Ok(micros("2025-01-15T08:20:00Z")));
        assert_eq!(read("2025-01-15 10:20:30.1234567-05:30"), Ok(micros("2025-01-15T15:50:30.123456Z")));
        assert_eq!(read("2025-01-15T10:20:30."), Ok(micros("2025-01-15T10:20:30Z")));
    }

    #[test]
    fn offsets_are_read_as_warehouses_and_shops_write_them() {
        for offset in
            ["Z", "z", " Z", "+00", "+0000", "+00:00", " +00", " +0000", " +00:00", "UTC", " UTC", " GMT", "-00"]
        {
            assert_eq!(read(&format!("2026-10-23 22:59:59{offset}")), Ok(micros("2026-10-23T22:59:59Z")), "{offset:?}");
            assert_eq!(
                read(&format!("2026-10-23T22:59:59.5{offset}")),
                Ok(micros("2026-10-23T22:59:59.5Z")),
                "{offset:?}"
            );
        }
        for offset in ["-0330", "-03:30", " -0330"] {
            assert_eq!(read(&format!("2026-10-23 22:59:59{offset}")), Ok(micros("2026-10-24T02:29:59Z")), "{offset:?}");
        }
        assert_eq!(read("2026-10-23 22:59:59-07"), Ok(micros("2026-10-24T05:59:59Z")));
    }

    #[test]
    fn formats_that_would_mislead_are_refused() {
        let wrong = |format: &str| TimeFormat::new(&[format], Zone::utc()).unwrap_err();
        let zone = "%b %d, %Y %H:%M:%S %Z".to_owned();
        assert_eq!(wrong(&zone), WrongFormat::ZoneName(zone));
        for split in ["%s%3f", "%s%f", "x%%%s%6f"] {
            assert_eq!(wrong(split), WrongFormat::SplitSeconds(split.to_owned()));
        }
        assert_eq!(wrong("%Q"), WrongFormat::Unknown("%Q".to_owned()));
        let seconds = TimeFormat::new(&["%s", "%s%.3f"], Zone::utc()).unwrap();
        assert_eq!(seconds.read("1736936430"), Ok(micros("2025-01-15T10:20:30Z")));
        assert_eq!(seconds.read("1736936430.250"), Ok(micros("2025-01-15T10:20:30.25Z")));
        assert_eq!(seconds.read("1736936430000"), Err(Unreadable), "milliseconds are no seconds");
    }

    #[test]
    fn a_year_of_two_digits_is_no_year_of_four() {
        let format = TimeFormat::new(&["%d.%m.%Y %H:%M", "%d.%m.%Y"], Zone::utc()).unwrap();
        for text in ["05.09.26", "05.09.26 19:12", "5.9.26", "01.01.1", "01.01.01 00:00", "05.09.126"] {
            assert_eq!(format.read(text), Err(Unreadable), "{text}");
            assert_eq!(format.as_written(text), None, "{text}");
        }
        for (text, day) in [("05.09.2026", 20_701), ("01.01.0001", -719_162), ("01.01.0001 00:00", -719_162)] {
            assert_eq!(format.as_written(text).map(|(day, _)| day), Some(day), "{text}");
        }
        let short = TimeFormat::new(&["%d.%m.%y"], Zone::utc()).unwrap();
        assert_eq!(short.read("05.09.26"), Ok(Moment::Date(20_701)));
    }

    #[test]
    fn milliseconds_and_serial_days_are_read_where_they_are_declared() {
        let milliseconds = TimeFormat::new(&[UNIX_MILLISECONDS], Zone::utc()).unwrap();
        for text in ["1736936430250", "1736936430250.0"] {
            assert_eq!(milliseconds.read(text), Ok(micros("2025-01-15T10:20:30.25Z")));
        }
        assert_eq!(milliseconds.read("0"), Ok(micros("1970-01-01T00:00:00Z")));
        for text in ["1736936430", "17369364302500000000", "1736936430250.5", "", "-"] {
            assert_eq!(milliseconds.read(text), Err(Unreadable), "{text}");
        }
        let berlin = Zone::named("Europe/Berlin").unwrap();
        let days = TimeFormat::new(&[SPREADSHEET_DAYS], berlin).unwrap();
        // 45672 is 2025-01-15 in every spreadsheet.
        assert_eq!(days.read("45672"), Ok(Moment::Date(20_103)));
        assert_eq!(days.read("45672.0"), Ok(Moment::Date(20_103)));
        for text in ["45672.4309027778", "45672,4309027778", "45672.430902777778"] {
            assert_eq!(days.read(text), Ok(micros("2025-01-15T09:20:30Z")), "{text}");
        }
        assert_eq!(days.read("45671.9999999999"), Ok(micros("2025-01-14T23:00:00Z")));
        assert_eq!(days.read("0"), Ok(Moment::Date(SPREADSHEET_ZERO)));
        assert_eq!(days.read("2025-01-15"), Ok(Moment::Date(20_103)), "standard forms are still read");
        for text in ["20250115", "-1", "1e4", "45672.", "45672.4x", "4567 2", ".5"] {
            let wanted = if text == "45672." { Ok(Moment::Date(20_103)) } else { Err(Unreadable) };
            assert_eq!(days.read(text), wanted, "{text}");
        }
        assert_eq!(read("45672"), Err(Unreadable));
        assert_eq!(read("1736936430250"), Err(Unreadable));
    }

    #[test]
    fn days_are_those_that_stand_there() {
        let format = TimeFormat::new(&["%d.%m.%Y %H:%M %z"], Zone::named("America/Los_Angeles").unwrap()).unwrap();
        for text in ["2025-01-15", "2025-01-15T00:00:00Z", "2025-01-15 23:59:59-07", "15.01.2025 00:10 +0900"] {
            assert_eq!(format.as_written(text).map(|(day, _)| day), Some(20_103), "{text}");
        }
        assert_eq!(format.as_written("2025-01-15T00:00:00Z"), Some((20_103, Some(0))));
        assert_eq!(format.as_written("2025-01-15"), Some((20_103, None)));
        assert_eq!(format.as_written("15.01.2025"), None);
    }

    #[test]
    fn the_usual_form_is_read_as_the_library_reads_it() {
        for second in (-62_167_219_200..253_402_300_800i64).step_by(86_400 * 37 + 3_661) {
            let time = chrono::DateTime::from_timestamp(second, 0).unwrap();
            for form in ["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S+00:00"] {
                let text = time.format(form).to_string();
                assert_eq!(read(&text), Ok(Moment::Instant(second * 1_000_000)), "{text}");
            }
        }
        let good = b"2025-01-15T10:20:30Z";
        for place in 0..good.len() {
            for byte in 0..=u8::MAX {
                let mut text = *good;
                text[place] = byte;
                let Ok(text) = std::str::from_utf8(&text) else { continue };
                let known =
                    chrono::NaiveDateTime::parse_from_str(text.trim_end_matches(['Z', 'z']), "%Y-%m-%dT%H:%M:%S");
                let fits = known.is_ok()
                    && text.as_bytes().iter().zip(good).all(|(a, b)| a.is_ascii_digit() == b.is_ascii_digit());
                // The library accepts a second of 60.
                if !matches!(place, 10 | 19) && (place, byte) != (17, b'6') {
                    assert_eq!(read(text).is_ok(), fits, "{text:?}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_time() {
        for text in [
            "",
            "2025-13-01",
            "2025-02-29",
            "2025-01-15T24:00:00Z",
            "2025-01-15T10:20:60Z",
            "2025-1-5",
            "15.01.2025",
            "2025-01-15T",
            "2025-01-15T1:20",
            "2025-01-15t10:20",
            "2025-01-15T10:20:30.1234567890Z",
            "2025-01-15T10:20  Z",
            "2025-01-15T10:20:30+2",
            "2025-01-15T10:20:30+02:00:00",
            "2025-01-15T10:20:30+020",
            "2025-01-15T10:20:30 CET",
            "2025-01-15 UTC",
            "2025-01-15T10:20:30+02:60",
            "9.2E+21",
            "2025-01-15x",
            "２０25-01-15",
        ] {
            assert_eq!(read(text), Err(Unreadable), "{text:?}");
        }
    }

    #[test]
    fn declared_forms_come_first_and_may_be_bare() {
        let format = TimeFormat::new(&["%d/%m/%Y %H:%M", "%d/%m/%Y"], Zone::named("Europe/Berlin").unwrap()).unwrap();
        assert_eq!(format.read("15/01/2025"), Ok(Moment::Date(20_103)));
        assert_eq!(format.read("15/01/2025 00:30"), Ok(micros("2025-01-14T23:30:00Z")));
        assert_eq!(format.read("2025-01-15T00:30"), Ok(micros("2025-01-14T23:30:00Z")));
        assert_eq!(format.read("31/02/2025"), Err(Unreadable));
        assert!(TimeFormat::new(&["%Q"], Zone::utc()).is_err());
    }

    #[test]
    fn against_as_of_dates_compare_as_dates() {
        assert!(!Moment::Date(100).is_after(100));
        assert!(Moment::Date(101).is_after(100));
        assert!(!Moment::Instant(101 * DAY_MICROS - 1).is_after(100));
        assert!(Moment::Instant(101 * DAY_MICROS).is_after(100));
    }
}
