//! Where an account stands: what its window, its last days and its outlook come to.
//!
//! It compares rates with targets and divides nothing itself. Every function is total.

use crate::tally::{Rate, Tally};

/// Where a seller stands; the worst is the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Nothing eligible, or no version in force.
    NoData,
    /// Meets the target.
    Good,
    /// Meets it, but narrowly, not lately, or not if nothing more is scanned.
    AtRisk,
    /// Misses it.
    Breach,
}

impl Status {
    /// All of them.
    pub const ALL: [Status; 4] = [Status::NoData, Status::Good, Status::AtRisk, Status::Breach];

    /// The name in tables and options.
    pub fn name(self) -> &'static str {
        match self {
            Status::NoData => "no_data",
            Status::Good => "good",
            Status::AtRisk => "at_risk",
            Status::Breach => "breach",
        }
    }

    /// The status of a name.
    pub fn from_name(name: &str) -> Option<Status> {
        Status::ALL.into_iter().find(|status| status.name() == name)
    }

    /// What a window's rate, its last days and the outlook's lower end come to.
    pub fn of(rate: &Rate, last_days: Tally, outlook_low: &Rate) -> Status {
        let (Some(meets), Some(target)) = (rate.meets(), rate.target) else { return Status::NoData };
        let has_defects = rate.tally.eligible > rate.tally.valid;
        let is_narrow = has_defects && rate.tally.is_narrow(target);
        if !meets {
            Status::Breach
        } else if is_narrow || last_days.meets(target) == Some(false) || outlook_low.meets() == Some(false) {
            Status::AtRisk
        } else {
            Status::Good
        }
    }
}
