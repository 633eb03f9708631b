//! States: what each week of an output was judged by, as the newest manifest carries it.
//!
//! A run that updates a whole output leaves one state of all weeks; runs of some weeks leave several states, and each
//! week is in one of them. The module keeps sets of weeks and lists of inputs and compares nothing. It cannot fail.

use crate::job::plan::{Claim, WeekRange};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use vtr_kernel::calendar::{Day, monday};

use super::log::{InputFile, Manifest};

/// The first and last Monday of some weeks.
pub type WeekSpan = (Day, Day);

/// All possible weeks: those of the year 1 to those of the year 9999.
pub const ALL: WeekSpan = (-719_162, 2_932_892);

/// What some weeks were judged by, or what would judge them exactly as they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The version whose run made this state.
    pub version: u64,
    /// The last day that the run took into account.
    #[serde(with = "super::log::day")]
    pub as_of: Day,
    /// The UTC day on which the run began.
    #[serde(with = "super::log::day")]
    pub ran_on: Day,
    /// The output revision of the program.
    pub revision: u32,
    /// Digest of the job.
    pub job: String,
    /// Digests of the parts of the book.
    pub book: BTreeMap<String, String>,
    /// The tables that were made.
    pub tables: BTreeSet<String>,
    /// The largest distance in days between copies of one package; `None` if copies were not looked for.
    pub copies_apart_days: Option<i64>,
    /// The weeks, ascending and disjoint.
    #[serde(with = "super::log::days")]
    pub weeks: Vec<WeekSpan>,
    /// The differences between the inputs of this state and those of the manifest.
    #[serde(default, skip_serializing_if = "Differences::is_none")]
    pub inputs: Differences,
}

/// The differences between an older list of inputs and a newer one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Differences {
    /// Files of the newer list that the older one lacks.
    pub without: BTreeSet<String>,
    /// Entries of the older list that changed or are gone.
    pub were: Vec<InputFile>,
}

impl Differences {
    fn is_none(&self) -> bool {
        self.without.is_empty() && self.were.is_empty()
    }

    /// The differences from a newer list of inputs to an older one.
    pub fn between(newer: &[InputFile], older: &[InputFile]) -> Differences {
        let by_name = |inputs: &[InputFile]| -> BTreeMap<String, InputFile> {
            inputs.iter().map(|input| (input.file.clone(), input.clone())).collect()
        };
        let (newer, older) = (by_name(newer), by_name(older));
        let without = newer.keys().filter(|file| !older.contains_key(*file)).cloned().collect();
        let were = older.into_values().filter(|input| newer.get(&input.file) != Some(input)).collect();
        Differences { without, were }
    }

    /// Restores the older list from the newer one.
    pub fn before(&self, newer: &[InputFile]) -> Vec<InputFile> {
        let mut older: BTreeMap<&str, &InputFile> = newer.iter().map(|input| (input.file.as_str(), input)).collect();
        older.retain(|file, _| !self.without.contains(*file));
        older.extend(self.were.iter().map(|input| (input.file.as_str(), input)));
        older.into_values().cloned().collect()
    }
}

impl State {
    /// Whether the state contains a week.
    pub fn holds(&self, week: Day) -> bool {
        self.weeks.iter().any(|(first, last)| (*first..=*last).contains(&week))
    }
}

/// Removes the other spans from the weeks.
pub fn minus(weeks: &[WeekSpan], others: &[WeekSpan]) -> Vec<WeekSpan> {
    let mut left = weeks.to_vec();
    for (from, to) in others {
        let cut = |(first, last): WeekSpan| {
            [(first, last.min(from - 7)), (first.max(to + 7), last)].into_iter().filter(|(first, last)| first <= last)
        };
        left = left.into_iter().flat_map(cut).collect();
        left.dedup();
    }
    left
}

/// The weeks that a publication puts into its own state.
pub fn weeks_of(range: Option<WeekRange>, claim: Option<&Claim>) -> Vec<WeekSpan> {
    match (range, claim) {
        (None, _) => vec![ALL],
        (Some(_), Some(claim)) => minus(&[ALL], &claim.held),
        (Some(range), None) => vec![(monday(range.first), monday(range.last))],
    }
}

/// The states of the next manifest, the newest first: `own`, and what it leaves of the earlier ones.
pub fn follow(own: State, inputs: &[InputFile], base: Option<&Manifest>, health: Option<u64>) -> Vec<State> {
    let mut states = Vec::new();
    for state in base.map_or(&[][..], |base| &base.states) {
        let weeks = minus(&state.weeks, &own.weeks);
        if weeks.is_empty() && health != Some(state.version) {
            continue;
        }
        let before = state.inputs.before(&base.expect("its states are of a manifest").inputs);
        states.push(State { weeks, inputs: Differences::between(inputs, &before), ..state.clone() });
    }
    states.insert(0, own);
    states
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(file: &str, digest: &str) -> InputFile {
        InputFile { file: file.into(), digest: digest.into(), ..InputFile::default() }
    }

    #[test]
    fn weeks_are_cut_out_of_others() {
        assert_eq!(minus(&[(0, 70)], &[(14, 21)]), [(0, 7), (28, 70)]);
        assert_eq!(minus(&[(0, 70)], &[(0, 7), (63, 90)]), [(14, 56)]);
        assert_eq!(minus(&[(0, 7), (21, 28)], &[(7, 21)]), [(0, 0), (28, 28)]);
        assert_eq!(minus(&[(0, 70)], &[ALL]), []);
        assert_eq!(minus(&[(0, 70)], &[(77, 84)]), [(0, 70)]);
        assert_eq!((ALL.0 - 4) % 7, 0, "a Monday");
        assert_eq!((ALL.1 - 4) % 7, 0, "a Monday");
    }

    #[test]
    fn older_inputs_come_back_from_what_they_differ_in() {
        let newer = [input("a", "1"), input("b", "2"), input("c", "3")];
        let older = [input("a", "1"), input("b", "0"), input("x", "9")];
        let differences = Differences::between(&newer, &older);
        assert_eq!((differences.without.len(), differences.were.len()), (1, 2));
        assert_eq!(differences.before(&newer), older);
        assert!(Differences::between(&newer, &newer).is_none());
    }
}
