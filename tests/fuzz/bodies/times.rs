//! Text to a moment: the result must equal that of chrono and its time zones, and be read again as printed.
//!
//! The first line has digits that choose the zone and the declared formats; the rest is the cell.

use chrono::{DateTime, LocalResult, NaiveDateTime, TimeZone};
use std::sync::LazyLock;
use vtr_kernel::calendar::{DAY_MICROS, Zone, date_from_day, iso_week, monday, monday_from_iso_week};
use vtr_kernel::instant::{Moment, TimeFormat};

/// Zones of marketplaces, and zones whose clocks did something rare.
const ZONES: [&str; 10] = [
    "UTC",
    "Europe/London",
    "Europe/Berlin",
    "America/New_York",
    "America/Sao_Paulo",
    "Asia/Tokyo",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Africa/Casablanca",
    "Antarctica/Troll",
];

const FORMATS: [&[&str]; 5] = [
    &[],
    &["%d/%m/%Y %H:%M", "%d/%m/%Y"],
    &["%s", "%s.%f"],
    &["%A %e %B %Y %I:%M:%S %p", "%+", "%c"],
    &["%G-W%V-%u", "%Y%j", "%y%m%d", "%Y-%m-%dT%H:%M:%S%.f%z"],
];

struct Known {
    zone: Zone,
    tz: chrono_tz::Tz,
    formats: Vec<TimeFormat>,
}

static KNOWN: LazyLock<Vec<Known>> = LazyLock::new(|| {
    let known = ZONES.iter().map(|name| {
        let zone = Zone::named(name).expect("the database has it");
        let formats =
            FORMATS.iter().map(|formats| TimeFormat::new(formats, zone.clone()).expect("these are formats")).collect();
        Known { zone, tz: name.parse().expect("the database has it"), formats }
    });
    known.collect()
});

/// Runs one input.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (head, cell) = text.split_once('\n').unwrap_or(("", &text));
    let digit = |place: usize| head.as_bytes().get(place).map_or(0, |byte| usize::from(byte % 16));
    let known = &KNOWN[digit(0) % ZONES.len()];
    let declared = digit(1) % FORMATS.len();
    let read = known.formats[declared].read(cell);
    if let Ok(moment) = read {
        means_one_time(moment, &known.zone);
        reads_as_printed(moment);
    }
    if declared == 0 {
        agrees_with_chrono(cell, read.ok(), known);
    }
}

fn means_one_time(moment: Moment, zone: &Zone) {
    let day = moment.day(zone);
    assert!(moment.earliest(zone) <= moment.latest(zone), "{moment:?}");
    let left_out = zone.first_instant(day) >= zone.first_instant(day.saturating_add(1));
    // Days beyond these have no instants that fit; such dates are rejected earlier.
    if (-100_000_000..100_000_000).contains(&day) && !left_out {
        assert_eq!(zone.day_at(moment.earliest(zone)), day, "{moment:?} in {}", zone.name());
        assert_eq!(zone.day_at(moment.latest(zone)), day, "{moment:?} in {}", zone.name());
        assert!(!moment.is_after(day + 1) && moment.is_after(day - 2), "{moment:?}");
        assert!((0..7).contains(&(day - monday(day))), "{day}");
        if (0..=9_999).contains(&chrono::Datelike::year(&date_from_day(monday(day) + 3))) {
            assert_eq!(monday_from_iso_week(&iso_week(day)), Some(monday(day)), "{day}");
        }
    }
}

fn reads_as_printed(moment: Moment) {
    let printed = match moment {
        Moment::Date(day) => date_from_day(day).to_string(),
        Moment::Instant(micros) => match DateTime::from_timestamp_micros(micros) {
            Some(instant) => instant.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string(),
            None => return,
        },
    };
    // Years beyond four digits have a sign, which is read from declared formats only.
    if printed.starts_with(['+', '-']) {
        return;
    }
    assert_eq!(TimeFormat::default().read(&printed), Ok(moment), "{printed}");
}

fn agrees_with_chrono(cell: &str, read: Option<Moment>, known: &Known) {
    let fraction = cell.split_once('.').map_or("", |(_, rest)| rest).bytes().take_while(u8::is_ascii_digit).count();
    match (DateTime::parse_from_rfc3339(cell), read) {
        (Ok(theirs), Some(ours)) => assert_eq!(Moment::Instant(theirs.timestamp_micros()), ours, "{cell}"),
        (Ok(_), None) => {
            let leap = cell.as_bytes().get(17..19) == Some(b"60");
            let lower = cell.as_bytes().get(10) == Some(&b't');
            assert!(leap || lower || fraction > 9 || !cell.is_ascii(), "chrono reads {cell:?}, we do not");
        }
        (Err(_), Some(Moment::Date(day))) => assert_eq!(date_from_day(day).to_string(), cell),
        (Err(_), Some(Moment::Instant(ours))) => {
            let cell = cell.replacen(' ', "T", 1);
            let forms = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%.f"];
            let local = forms.iter().find_map(|form| NaiveDateTime::parse_from_str(&cell, form).ok());
            if let Some(local) = local.filter(|_| fraction > 0 || !cell.contains('.')) {
                local_time_means(local, ours, known);
            }
        }
        (Err(_), None) => {}
    }
}

/// Checks a time without an offset against the time zone database; a time in a gap must be on the day that holds it
/// or the next.
fn local_time_means(local: NaiveDateTime, ours: i64, known: &Known) {
    use chrono::Datelike;
    if !(1991..2099).contains(&local.year()) {
        return;
    }
    match known.tz.from_local_datetime(&local) {
        LocalResult::Single(theirs) | LocalResult::Ambiguous(theirs, _) => {
            assert_eq!(theirs.timestamp_micros(), ours, "{local} in {}", known.zone.name());
        }
        LocalResult::None => {
            let naive = local.and_utc().timestamp_micros();
            assert!((naive - ours).abs() <= DAY_MICROS, "{local} in {}", known.zone.name());
        }
    }
}
