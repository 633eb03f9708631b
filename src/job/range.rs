//! The weeks that a run is asked for, and its `as_of` day.
//!
//! It knows dates only, no files. It fails with the contradiction and the correct spelling.

use super::plan::WeekRange;
use vtr_kernel::calendar::{
    Day, FIRST_DAY, date_from_day, day_from_date, last_plausible_day, monday, monday_from_iso_week,
};

/// Weeks as asked for, by option or by environment.
#[derive(Clone, Debug, Default)]
pub struct AskedWeeks {
    /// First week.
    pub from: Option<String>,
    /// Last week.
    pub to: Option<String>,
    /// The number of weeks up to that of `as_of`.
    pub last: Option<u32>,
}

impl AskedWeeks {
    /// Returns whether no weeks were asked for, which means the whole history.
    pub fn is_nothing(&self) -> bool {
        self.from.is_none() && self.to.is_none() && self.last.is_none()
    }

    /// Returns the weeks, both ends included. An open end is the first or last plausible date.
    ///
    /// # Errors
    /// A text that is not a week, or options that contradict each other.
    pub fn weeks(&self, as_of: Day) -> Result<Option<WeekRange>, String> {
        if self.is_nothing() {
            return Ok(None);
        }
        let (earliest, latest) = (monday(FIRST_DAY), monday(last_plausible_day(as_of)));
        if let Some(count) = self.last {
            if self.from.is_some() || self.to.is_some() {
                return Err(
                    "--last counts back from the week of as_of; it cannot be combined with --from or --to".into()
                );
            }
            if count == 0 {
                return Err("--last 0 asks for no week; write 1 or more".into());
            }
            let back = i32::try_from(count - 1).ok().and_then(|weeks| weeks.checked_mul(7)).unwrap_or(i32::MAX);
            let last = monday(as_of);
            return Ok(Some(WeekRange { first: last.saturating_sub(back).max(earliest), last }));
        }
        let week = |option: &str, text: &Option<String>| text.as_deref().map(|text| week(option, text)).transpose();
        let (from, to) = (week("--from", &self.from)?, week("--to", &self.to)?);
        if let (Some(from), Some(to)) = (from, to)
            && from > to
        {
            return Err(format!("--from {} is after --to {}", date_from_day(from), date_from_day(to)));
        }
        if from.is_some_and(|from| from > latest) {
            return Err(format!(
                "--from is more than two years after as_of ({}), where nothing is judged",
                date_from_day(as_of)
            ));
        }
        if to.is_some_and(|to| to < earliest) {
            return Err("--to is before 2005, where nothing is judged".into());
        }
        let (first, last) = (from.unwrap_or(earliest).max(earliest), to.unwrap_or(latest).min(latest));
        Ok(Some(WeekRange { first, last }))
    }
}

/// Returns the Monday of a week written as `2025-W03` or as any of its days.
///
/// # Errors
/// The text is not a week; the message shows how weeks are written.
pub fn week(option: &str, text: &str) -> Result<Day, String> {
    let day = || text.parse().ok().map(day_from_date).map(monday);
    monday_from_iso_week(text)
        .or_else(day)
        .ok_or_else(|| format!("{option} {text:?} is not a week; write 2025-W03, or a date such as 2025-01-13"))
}

/// Returns the day of `as_of`; `today` is the given day.
///
/// # Errors
/// The text is not a date.
pub fn as_of(text: &str, today: Day) -> Result<Day, String> {
    if text == "today" {
        return Ok(today);
    }
    let day = text.parse().ok().map(day_from_date);
    let day =
        day.ok_or_else(|| format!("`as_of` cannot be {text:?}; write \"today\", or a date such as 2025-01-31"))?;
    let plausible = FIRST_DAY..=last_plausible_day(today);
    plausible.contains(&day).then_some(day).ok_or_else(|| {
        format!(
            "`as_of` {text} is before 2005 or more than two years ahead; write \"today\", or a date such as 2025-01-31"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        day_from_date(text.parse().unwrap())
    }

    fn asked(from: &str, to: &str, last: u32) -> Result<Option<(String, String)>, String> {
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let asked = AskedWeeks { from: text(from), to: text(to), last: (last > 0).then_some(last) };
        let shown = |range: WeekRange| (date_from_day(range.first).to_string(), date_from_day(range.last).to_string());
        asked.weeks(day("2025-02-05")).map(|range| range.map(shown))
    }

    #[test]
    fn weeks_by_label_by_date_and_by_count() {
        let weeks = |first: &str, last: &str| Ok(Some((first.to_owned(), last.to_owned())));
        assert_eq!(asked("", "", 0), Ok(None));
        assert_eq!(asked("2025-W03", "2025-01-26", 0), weeks("2025-01-13", "2025-01-20"));
        assert_eq!(asked("2024-12-30", "2025-W01", 0), weeks("2024-12-30", "2024-12-30"));
        assert_eq!(asked("", "", 1), weeks("2025-02-03", "2025-02-03"));
        assert_eq!(asked("", "", 4), weeks("2025-01-13", "2025-02-03"));
        assert_eq!(asked("2025-W03", "", 0), weeks("2025-01-13", "2027-02-01"));
        assert_eq!(asked("", "2025-W03", 0), weeks("2004-12-27", "2025-01-13"));
    }

    #[test]
    fn contradictions_are_refused() {
        for (from, to, last) in
            [("2025-W04", "2025-W03", 0), ("2025-W03", "", 2), ("2025-W54", "", 0), ("2030-W01", "", 0)]
        {
            assert!(asked(from, to, last).is_err(), "{from} {to} {last}");
        }
        assert!(AskedWeeks { last: Some(0), ..AskedWeeks::default() }.weeks(0).is_err());
    }

    #[test]
    fn as_of_is_today_or_a_date() {
        let today = day("2025-02-05");
        assert_eq!(as_of("today", today), Ok(today));
        assert_eq!(as_of("2024-12-31", today), Ok(day("2024-12-31")));
        for wrong in ["yesterday", "2025-02-30", "1999-01-01", "2099-01-01", "2025-01-01T00:00:00Z"] {
            assert!(as_of(wrong, today).is_err(), "{wrong}");
        }
    }
}
