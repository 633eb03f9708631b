//! The status of an account, from its window, its last days and its outlook.
//!
//! It compares rates with targets and divides nothing itself. Every function is total.

use crate::tally::{Rate, Tally};

/// The status of a seller; the worst is the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// No package is eligible, or no version is in force.
    NoData,
    /// The seller meets the target.
    Good,
    /// The seller meets the target, but narrowly, or not in the last days, or not if nothing more is scanned.
    AtRisk,
    /// The seller misses the target.
    Breach,
}

impl Status {
    /// All statuses.
    pub const ALL: [Status; 4] = [Status::NoData, Status::Good, Status::AtRisk, Status::Breach];

    /// Returns the name in tables and options.
    pub fn name(self) -> &'static str {
        match self {
            Status::NoData => "no_data",
            Status::Good => "good",
            Status::AtRisk => "at_risk",
            Status::Breach => "breach",
        }
    }

    /// Returns the status of a name.
    pub fn from_name(name: &str) -> Option<Status> {
        Status::ALL.into_iter().find(|status| status.name() == name)
    }

    /// Returns the status for a window's rate, its last days and the outlook's lower end.
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
