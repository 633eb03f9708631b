//! Which days a promise or a shipment can have.
//!
//! Most instants are told without a time zone. Nothing here fails.

use std::ops::RangeInclusive;
use vtr_kernel::calendar::{DAY_MICROS, Day, FIRST_DAY, Micros, Zone, last_plausible_day};
use vtr_kernel::instant::Moment;

/// The plausible days of a promise or a shipment.
pub(crate) struct Plausible {
    pub(crate) days: RangeInclusive<Day>,
    /// The instants that are on a plausible day in every time zone.
    instants: std::ops::Range<Micros>,
}

impl Plausible {
    pub(crate) fn of(as_of: Day) -> Plausible {
        let last = last_plausible_day(as_of);
        let instants = i64::from(FIRST_DAY + 1) * DAY_MICROS..i64::from(last) * DAY_MICROS;
        Plausible { days: FIRST_DAY..=last, instants }
    }

    pub(crate) fn contains(&self, moment: Moment, clock: &Zone) -> bool {
        match moment {
            Moment::Instant(instant) if self.instants.contains(&instant) => true,
            moment => self.days.contains(&moment.day(clock)),
        }
    }
}
