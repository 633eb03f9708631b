//! A moment as sources give it: an instant, or a bare calendar date; and text to moment.
//!
//! Nothing here knows which column a moment came from. Parsing fails with [`Unreadable`], never
//! guesses.

use crate::calendar::{DAY_MICROS, Day, Micros, Zone, day_from_date, day_of_civil};
use chrono::format::{Item, Parsed, StrftimeItems, parse};

/// When something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// UTC microseconds.
    Instant(Micros),
    /// A date without a time: that calendar day in the marketplace's time zone.
    Date(Day),
}

impl Moment {
    /// The calendar day in a zone.
    #[inline]
    pub fn day(self, zone: &Zone) -> Day {
        match self {
            Moment::Instant(instant) => zone.day_at(instant),
            Moment::Date(day) => day,
        }
    }

    /// Whether this had not yet happened at the end of the day `as_of` (UTC).
    #[inline]
    pub fn is_after(self, as_of: Day) -> bool {
        match self {
            Moment::Instant(instant) => instant >= (i64::from(as_of) + 1).saturating_mul(DAY_MICROS),
            Moment::Date(day) => day > as_of,
        }
    }

    /// As an instant; a bare date is the first instant of its day.
    #[inline]
    pub fn earliest(self, zone: &Zone) -> Micros {
        match self {
            Moment::Instant(instant) => instant,
            Moment::Date(day) => zone.first_instant(day),
        }
    }

    /// As an instant; a bare date is the last microsecond of its day.
    #[inline]
    pub fn latest(self, zone: &Zone) -> Micros {
        match self {
            Moment::Instant(instant) => instant,
            Moment::Date(day) => zone.last_instant(day),
        }
    }
}

/// The text is no moment in any declared or standard form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

/// How the times of one input are written.
#[derive(Clone, Debug)]
pub struct TimeFormat {
    declared: Vec<Vec<Item<'static>>>,
    zone: Zone,
}

impl Default for TimeFormat {
    fn default() -> Self {
        TimeFormat { declared: Vec::new(), zone: Zone::utc() }
    }
}

impl TimeFormat {
    /// Formats in `strftime` notation, tried in order before the standard ones, and the zone of
    /// times without an offset.
    ///
    /// # Errors
    /// The first format that is not understood.
    pub fn new<S: AsRef<str>>(formats: &[S], zone: Zone) -> Result<TimeFormat, String> {
        let declared = formats
            .iter()
            .map(|format| StrftimeItems::new(format.as_ref()).parse_to_owned().map_err(|_| format.as_ref().to_owned()));
        Ok(TimeFormat { declared: declared.collect::<Result<_, _>>()?, zone })
    }

    /// Reads trimmed text.
    ///
    /// # Errors
    /// [`Unreadable`] if neither a declared form nor RFC 3339, `yyyy-mm-dd hh:mm[:ss[.f]][offset]`
    /// or `yyyy-mm-dd` fits.
    pub fn read(&self, text: &str) -> Result<Moment, Unreadable> {
        for items in &self.declared {
            let mut parsed = Parsed::new();
            if parse(&mut parsed, text, items.iter()).is_ok()
                && let Some(moment) = self.resolve(&parsed)
            {
                return Ok(moment);
            }
        }
        self.standard(text.as_bytes()).ok_or(Unreadable)
    }

    fn resolve(&self, parsed: &Parsed) -> Option<Moment> {
        if parsed.second() == Some(60) {
            return None;
        }
        if let Some(second) = parsed.timestamp() {
            let micros = i64::from(parsed.nanosecond().unwrap_or(0) / 1_000);
            return Some(Moment::Instant(second.checked_mul(1_000_000)?.checked_add(micros)?));
        }
        let date = parsed.to_naive_date().ok()?;
        if parsed.hour_div_12().is_none() && parsed.hour_mod_12().is_none() {
            return Some(Moment::Date(day_from_date(date)));
        }
        let local = date.and_time(parsed.to_naive_time().ok()?).and_utc().timestamp_micros();
        let instant = match parsed.offset() {
            Some(seconds) => local - i64::from(seconds) * 1_000_000,
            None => self.zone.instant_of(local),
        };
        Some(Moment::Instant(instant))
    }

    /// `yyyy-mm-dd`, and with `T` or a blank a time.
    fn standard(&self, text: &[u8]) -> Option<Moment> {
        if let Some((second, zone)) = text.split_first_chunk()
            && matches!(zone, b"Z" | b"")
            && let Some(local) = whole_second(second)
        {
            return Some(Moment::Instant(if zone.is_empty() { self.zone.instant_of(local) } else { local }));
        }
        let (date, rest) = (text.get(..10)?, &text[10..]);
        if date[4] != b'-' || date[7] != b'-' {
            return None;
        }
        let (year, month, day) = (digits(&date[..4])?, digits(&date[5..7])?, digits(&date[8..10])?);
        let day = day_of_civil(year as u16, month as u8, day as u8)?;
        let Some((&separator, rest)) = rest.split_first() else {
            return Some(Moment::Date(day));
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
        let local = i64::from(day) * DAY_MICROS + time * 1_000_000 + micros;
        match zone {
            b"" => Some(Moment::Instant(self.zone.instant_of(local))),
            b"Z" | b"z" => Some(Moment::Instant(local)),
            _ => {
                let sign = match zone[0] {
                    b'+' => 1,
                    b'-' => -1,
                    _ => return None,
                };
                if zone.len() != 6 || zone[3] != b':' {
                    return None;
                }
                let (hours, minutes) = (digits(&zone[1..3])?, digits(&zone[4..6])?);
                if hours > 23 || minutes > 59 {
                    return None;
                }
                Some(Moment::Instant(local - sign * i64::from(hours * 60 + minutes) * 60_000_000))
            }
        }
    }
}

/// The wall-clock time `yyyy-mm-ddThh:mm:ss` in microseconds, as nearly all are written: eight bytes at a time,
/// because histories hold hundreds of millions of these. `None` if it is not exactly that.
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

/// What each two digits in a row come to, in the place of the first, if text fits a pattern in which `0` stands
/// for a digit and all else for itself.
fn pairs(text: [u8; 8], pattern: [u8; 8]) -> Option<[u8; 8]> {
    // A digit becomes its value, and what is not one sets a highest bit; anything else must become zero.
    let most = pattern.map(|byte| if byte == b'0' { 0x7f - 9 } else { 0x7f });
    let digits = u64::from_le_bytes(text) ^ u64::from_le_bytes(pattern);
    let high = 0x8080_8080_8080_8080;
    if digits & high != 0 || (digits + u64::from_le_bytes(most)) & high != 0 {
        return None;
    }
    Some((digits * 10 + (digits >> 8)).to_le_bytes())
}

/// `[:ss[.fraction]]` and what follows: seconds, microseconds (floored), the zone text.
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
                // The library takes a sixtieth second.
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
            "2025-01-15T10:20 Z",
            "2025-01-15T10:20:30+0200",
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
