//! What can still be done about a package that counts as a defect: by whom, until when, and how.
//!
//! The answer follows from a verdict and its facts, and changes no figure: a pending defect is a defect. Every
//! function is total and reads no clock.

use crate::calendar::{Day, Zone};
use crate::facts::Facts;
use crate::ladder::{Evidence, Scanned, Terms};
use crate::reason::{COUNT, Class, Reason};
use std::borrow::Cow;

/// The party that can still turn a defect into a valid package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FixableBy {
    /// Nobody: the package is delivered, or the rule does not forgive.
    Nobody,
    /// The carrier, by a scan: the number may be right.
    Carrier,
    /// Whoever gives or corrects the number or the carrier.
    Number,
}

impl FixableBy {
    /// All values.
    pub const ALL: [FixableBy; 3] = [FixableBy::Nobody, FixableBy::Carrier, FixableBy::Number];

    /// Returns who can mend a defect of this reason.
    fn of(reason: Reason, is_delivered: bool) -> FixableBy {
        match reason {
            _ if is_delivered => FixableBy::Nobody,
            Reason::CarrierNotAccepted | Reason::AddedAfterDelivery => FixableBy::Nobody,
            Reason::DeliveryScanMissing | Reason::ScanMissing => FixableBy::Carrier,
            _ => FixableBy::Number,
        }
    }

    /// Returns the name in tables and options.
    pub fn name(self) -> &'static str {
        match self {
            FixableBy::Nobody => "nobody",
            FixableBy::Carrier => "carrier",
            FixableBy::Number => "number",
        }
    }

    /// Returns the value of a name.
    pub fn from_name(name: &str) -> Option<FixableBy> {
        FixableBy::ALL.into_iter().find(|mender| mender.name() == name)
    }

    /// Returns the name of the column that counts its defects.
    pub fn column(self) -> &'static str {
        match self {
            FixableBy::Nobody => "fixable_by_nobody",
            FixableBy::Carrier => "fixable_by_carrier",
            FixableBy::Number => "fixable_by_number",
        }
    }

    /// Returns what that column counts, for a person.
    pub fn meaning(self) -> &'static str {
        match self {
            FixableBy::Nobody => "defects that nobody can mend any more",
            FixableBy::Carrier => "defects that a scan of the carrier still mends",
            FixableBy::Number => "defects that a number or carrier, given or corrected in time, still mends",
        }
    }
}

/// The remedy of a defect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mending {
    /// The party that can do it.
    pub fixable_by: FixableBy,
    /// The promised day in the marketplace's time zone, if there is a promise.
    pub promised_day: Option<Day>,
    /// Whether the defect may still resolve itself: a scan is missing, and the promised day has not passed.
    pub is_pending: bool,
}

impl Mending {
    /// Returns what can be done about a package; `None` if it is no defect.
    pub fn of(facts: &Facts, reason: Reason, terms: &Terms, zone: &Zone) -> Option<Mending> {
        if reason.class() != Class::Defect {
            return None;
        }
        let is_delivered =
            matches!(terms.evidence, Evidence::Scans) && Scanned::of(facts, terms.as_of).delivery.is_some();
        let promised_day = facts.promised.map(|promised| promised.day(zone));
        let waits_for_scan = matches!(reason, Reason::DeliveryScanMissing | Reason::ScanMissing);
        Some(Mending {
            fixable_by: FixableBy::of(reason, is_delivered),
            promised_day,
            is_pending: waits_for_scan && promised_day.is_some_and(|day| day >= terms.as_of),
        })
    }

    /// Returns the last day on which a correction can come before the delivery; for a missing scan there is no such
    /// day.
    pub fn act_by(&self) -> Option<Day> {
        self.promised_day.filter(|_| self.fixable_by == FixableBy::Number)
    }
}

/// Returns the last end of a trailing window that contains a package of this day.
pub fn counts_until(day: Day, window_days: i32) -> Day {
    day.saturating_add(window_days.max(1) - 1)
}

/// Returns what to do about a defect, in complete sentences: for the package itself, or for later ones if nothing
/// mends it any more. `likely_carrier` is the name of the carrier to which the number belongs.
pub fn suggested_fix(
    reason: Reason,
    fixable_by: FixableBy,
    is_pending: bool,
    likely_carrier: Option<&str>,
) -> Cow<'static, str> {
    let entry = reason.entry();
    if entry.class != Class::Defect {
        return "".into();
    }
    match (fixable_by, likely_carrier) {
        (FixableBy::Carrier, _) if is_pending => "Nothing to do yet: the promised day has not passed.".into(),
        // Delivered without its first scan: nobody can act, and yet that scan may still be reported.
        (FixableBy::Nobody, _) if is_pending => {
            "Nothing to do yet: it is delivered without its first scan, which may still be reported until the promised day."
                .into()
        }
        (FixableBy::Nobody, _) => {
            format!("Nothing mends this package any more. For later ones: {}", entry.lesson).into()
        }
        (_, Some(likely)) => format!("{} The likely carrier is {likely}.", entry.fix).into(),
        _ => entry.fix.into(),
    }
}

/// The key of counts: a reason and, for a missing scan, whether the package is still pending. It fits
/// [`Outcome::BITS`] bits; the code of an outcome that is not pending equals the code of its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The reason.
    pub reason: Reason,
    /// Whether the package is pending.
    pub is_pending: bool,
}

const PENDING: [Reason; 2] = [Reason::DeliveryScanMissing, Reason::ScanMissing];

/// Every outcome, by its code.
pub static OUTCOMES: [Outcome; COUNT + PENDING.len()] = outcomes();

const fn outcomes() -> [Outcome; COUNT + PENDING.len()] {
    let mut all = [Outcome { reason: Reason::Canceled, is_pending: false }; COUNT + PENDING.len()];
    let mut code = 0;
    while code < COUNT {
        all[code] = Outcome { reason: crate::reason::TABLE[code].reason, is_pending: false };
        code += 1;
    }
    while code < all.len() {
        all[code] = Outcome { reason: PENDING[code - COUNT], is_pending: true };
        code += 1;
    }
    all
}

impl Outcome {
    /// The number of bits of a code.
    pub const BITS: u32 = 5;

    /// Returns its code.
    #[inline]
    pub fn code(self) -> u8 {
        match self.reason {
            Reason::DeliveryScanMissing if self.is_pending => COUNT as u8,
            Reason::ScanMissing if self.is_pending => COUNT as u8 + 1,
            reason => reason as u8,
        }
    }

    /// Returns the outcome of a code, if there is one.
    pub fn from_code(code: u8) -> Option<Outcome> {
        OUTCOMES.get(usize::from(code)).copied()
    }

    /// Returns its effect on the rate.
    pub fn class(self) -> Class {
        self.reason.class()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_outcomes_come_back_and_fit_their_bits() {
        for (code, outcome) in OUTCOMES.iter().enumerate() {
            assert_eq!(usize::from(outcome.code()), code);
            assert_eq!(Outcome::from_code(code as u8), Some(*outcome));
            assert_eq!(code < COUNT, outcome.reason as usize == code);
        }
        assert!(OUTCOMES.len() <= 1 << Outcome::BITS);
        assert_eq!(Outcome::from_code(OUTCOMES.len() as u8), None);
    }

    #[test]
    fn who_can_mend_a_defect() {
        let by = |reason| FixableBy::of(reason, false);
        assert_eq!(by(Reason::CarrierNotAccepted), FixableBy::Nobody);
        assert_eq!(by(Reason::AddedAfterDelivery), FixableBy::Nobody);
        assert_eq!(by(Reason::ScanMissing), FixableBy::Carrier);
        assert_eq!(by(Reason::DeliveryScanMissing), FixableBy::Carrier);
        let others = Reason::defects().filter(|reason| !matches!(reason.entry().rung, 11 | 14 | 18 | 19));
        let others: Vec<Reason> = others.collect();
        assert_eq!(others.len(), 7);
        assert!(others.iter().all(|reason| by(*reason) == FixableBy::Number));
        assert!(Reason::defects().all(|reason| FixableBy::of(reason, true) == FixableBy::Nobody));
    }

    #[test]
    fn advice_stands_by_itself_and_fits_who_can_act() {
        for reason in Reason::defects() {
            let gone = suggested_fix(reason, FixableBy::Nobody, false, None);
            assert!(gone.starts_with("Nothing mends this package any more. For later ones: "), "{gone}");
            assert!(gone.trim_end().ends_with('.') && !gone.contains("beside"), "{gone}");
            let now = suggested_fix(reason, FixableBy::of(reason, false), false, None);
            assert!(now.len() >= 20 && now.ends_with('.') && !now.contains("empty"), "{now}");
        }
        let mismatch = suggested_fix(Reason::CarrierMismatch, FixableBy::Number, false, Some("Yun Express"));
        assert_eq!(mismatch, "Correct the carrier. The likely carrier is Yun Express.");
        assert!(suggested_fix(Reason::ScanMissing, FixableBy::Carrier, true, None).starts_with("Nothing to do yet"));
        let delivered = suggested_fix(Reason::DeliveryScanMissing, FixableBy::Nobody, true, None);
        assert!(
            delivered.starts_with("Nothing to do yet") && delivered.contains("without its first scan"),
            "{delivered}"
        );
        assert_eq!(suggested_fix(Reason::Scanned, FixableBy::Nobody, false, None), "");
    }

    #[test]
    fn a_package_counts_in_the_windows_that_hold_its_day() {
        assert_eq!(counts_until(100, 30), 129);
        assert_eq!(counts_until(100, 1), 100);
    }
}
