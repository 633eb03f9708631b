//! The age of an output's account health: its day, its windows, and whether that is too long ago.
//!
//! It reads only the manifest; the caller gives today's date. It fails only by `--fail-on stale`.

use crate::error::{Error, Result};
use crate::progress::warn;
use crate::publish::Manifest;
use crate::publish::log::day_text;
use crate::tell::ended;
use std::io::Write;
use vtr_kernel::calendar::Day;

/// The age of the account health shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Age {
    /// The `as_of` of `account_health`.
    as_of: Day,
    /// The `as_of` of the newest weeks.
    weeks_as_of: Day,
    /// The last day with packages, if a manifest says it.
    data_to: Option<Day>,
    /// Whether the figures were made for a day long before: whoever looks back knows where the packages end.
    looks_back: bool,
    today: Day,
    max_days: i32,
}

impl Age {
    /// The age of a version's `account_health` on a day, or without it of its weeks; an age over `max_days` is stale.
    pub fn of(manifest: &Manifest, today: Day, max_days: i32) -> Age {
        let as_of = manifest.health_as_of.unwrap_or(manifest.as_of);
        let weeks_as_of = manifest.as_of;
        let looks_back = manifest.made_on().is_some_and(|day| day > weeks_as_of + ended::LATE);
        Age { as_of, weeks_as_of, data_to: ended::last_day(&manifest.weeks), looks_back, today, max_days }
    }

    /// Says that the packages of new figures ended long before them, but no more than some days; of old figures it need not
    /// be said.
    fn ended(&self, at_most: Day) -> Option<String> {
        let last = self.data_to?;
        let days = self.weeks_as_of.saturating_sub(last);
        (!self.is_stale() && !self.looks_back && days > self.max_days.max(ended::LATE) && days <= at_most).then(|| {
            format!(
                "hardly any package is of a day after {}, {days} days before the figures: if the exports have stopped, bring the newer \
                 ones and run the job",
                day_text(last)
            )
        })
    }

    fn days(&self) -> i32 {
        self.today.saturating_sub(self.as_of)
    }

    /// Whether the table is too old, by the calendar or compared with the weekly tables.
    pub fn is_stale(&self) -> bool {
        self.days().max(self.weeks_as_of.saturating_sub(self.as_of)) > self.max_days
    }

    /// Writes a line about it for people.
    pub fn tell(&self, notes: &mut dyn Write) {
        let ago = match self.days() {
            0 => "today".to_owned(),
            1 => "yesterday".to_owned(),
            days if days > 0 => format!("{days} days ago"),
            days => format!("{} days ahead", -days),
        };
        let weeks = match self.weeks_as_of > self.as_of {
            true => format!(
                "; the weekly tables are as of {}: only a run that reads all its days renews it",
                day_text(self.weeks_as_of)
            ),
            false => String::new(),
        };
        let head = if self.is_stale() { "warning: " } else { "" };
        // A note that cannot be written is not an error.
        let _ = writeln!(notes, "{head}account health as of {}, {ago}{weeks}", day_text(self.as_of));
        let _ = self.ended(ended::LONG_AGO).iter().try_for_each(|ended| writeln!(notes, "warning: {ended}"));
    }

    /// Warns of figures that are too old for what is made of them.
    pub fn warn_if_stale(&self) {
        self.ended(ended::LONG_AGO).iter().for_each(|ended| warn(ended));
        if !self.is_stale() {
            return;
        }
        warn(&format!(
            "these figures are as of {}, {} days before today, and days in them are seen from then: run the job again",
            day_text(self.as_of.min(self.weeks_as_of)),
            self.days()
        ));
    }

    /// Fails if the table is stale, or the data behind it, for `--fail-on stale`.
    ///
    /// # Errors
    /// [`Error::Gate`] if it is too old, or its packages are.
    pub fn gate(&self) -> Result<()> {
        if let Some(ended) = self.ended(Day::MAX) {
            return Err(Error::Gate(format!("--fail-on stale: {ended}")));
        }
        if !self.is_stale() {
            return Ok(());
        }
        Err(Error::Gate(format!(
            "--fail-on stale: account health is as of {}, {} days before today, more than --max-age {}; run the job",
            day_text(self.as_of),
            self.days(),
            self.max_days
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn age(days: i32, behind: i32) -> Age {
        let (as_of, weeks_as_of, today) = (20_000, 20_000 + behind, 20_000 + days);
        Age { as_of, weeks_as_of, data_to: Some(20_000), looks_back: false, today, max_days: 7 }
    }

    #[test]
    fn a_week_is_not_too_old_and_a_day_more_is() {
        let told = |age: &Age| {
            let mut notes = Vec::new();
            age.tell(&mut notes);
            String::from_utf8(notes).unwrap()
        };
        assert!(age(7, 0).gate().is_ok());
        assert_eq!(told(&age(0, 0)), "account health as of 2024-10-04, today\n");
        assert_eq!(age(8, 0).gate().unwrap_err().exit_code(), 4);
        assert_eq!(told(&age(8, 0)), "warning: account health as of 2024-10-04, 8 days ago\n");
        let ended = |days: i32| Age { data_to: Some(20_000 - days), ..age(1, 0) };
        assert!(ended(7).gate().is_ok());
        assert_eq!(ended(8).gate().unwrap_err().exit_code(), 4);
        assert!(told(&ended(8)).contains("\nwarning: hardly any package is of a day after 2024-09-26, 8 days before"));
        assert!(ended(200).gate().is_err() && !told(&ended(200)).contains("warning"));
        assert!(Age { looks_back: true, ..ended(8) }.gate().is_ok());
        let frozen = age(9, 9);
        assert!(
            frozen.is_stale() && told(&frozen).contains("the weekly tables are as of 2024-10-13"),
            "{}",
            told(&frozen)
        );
    }
}
