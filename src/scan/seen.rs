//! What reading meets in the rows of all files beside what is judged: values that are odd for a file, and not for a row.
//!
//! It looks at each chunk once before it is handed on and changes none. It cannot fail.

use super::midnight::Midnights;
use super::repeated::{self, Repeated};
use super::sampled::{self, Sampled};
use super::twice::Twice;
use super::{Chunk, SourceFile};
use crate::job::plan::{Identity, Plan};
use serde::{Deserialize, Serialize};
use vtr_columnar::input::CellRules;

/// What reading rows of a file has met in its columns; what is met in other rows is added in any order.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Seen {
    /// The times of day, in bits.
    pub times: u16,
    /// The values of columns that may have one only.
    pub values: repeated::ValuesOfColumns,
    /// What a sample of the rows has.
    #[serde(default)]
    pub sample: sampled::Sample,
}

/// What reading has met in all files.
pub(crate) struct Watch {
    /// The times of day.
    midnights: Midnights,
    /// The columns with one value only.
    repeated: Repeated,
    /// A sample of rows.
    sampled: Sampled,
    /// The orders in which packages are sought that count twice.
    pub twice: Twice,
}

impl Watch {
    /// Returns the state for `files` files, with nothing met yet.
    pub fn of(files: usize) -> Watch {
        Watch {
            midnights: Midnights::of(files),
            repeated: Repeated::of(files),
            sampled: Sampled::of(files),
            twice: Twice::new(),
        }
    }

    /// Looks at the rows of a chunk of a file, which has the place `at` among all.
    pub fn look(&self, at: u32, file: &SourceFile, chunk: &Chunk, (plan, cells): (&Plan, &CellRules)) {
        self.midnights.look(at, &chunk.batch, cells);
        self.repeated.look(at, &chunk.batch, cells);
        self.sampled.look(at, file, chunk, plan);
        if plan.identity.is_some() {
            self.twice.look(at, file, chunk, plan);
        }
    }

    /// Returns what was met in a file, for another process.
    pub fn seen(&self, file: u32) -> Seen {
        let (times, values, sample) = (self.midnights.seen(file), self.repeated.seen(file), self.sampled.seen(file));
        Seen { times, values, sample }
    }

    /// Adds what another process met in a file.
    pub fn see(&self, file: u32, seen: Seen) {
        self.midnights.see(file, seen.times);
        self.repeated.see(file, seen.values);
        self.sampled.see(file, seen.sample);
    }

    /// Returns sentences about what was met. Packages that this program joined hold the days of their sources as moments.
    pub fn warnings(&self, files: &[SourceFile], is_joined: bool, identity: Option<Identity>) -> Vec<String> {
        let mut warnings = if is_joined { Vec::new() } else { self.midnights.warnings(files) };
        warnings.extend(self.repeated.warnings(files, &self.midnights));
        warnings.extend(self.sampled.warnings(files, &self.midnights));
        warnings.extend(self.twice.warnings(files, identity));
        warnings
    }
}
