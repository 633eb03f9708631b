//! What the parts of an assembly have in common: where a record stands, where it ends, what is counted.
//!
//! It knows neither files nor formats, and it must not decide anything. Nothing in it fails.

use vtr_kernel::calendar::Micros;

/// Where a record stands; files are numbered bytewise by their shown paths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The number of its file.
    pub file: u32,
    /// Its number in it, from 1.
    pub record: u64,
}

/// When something was written: by the clock of its source, then by the file's name. `None` is before all others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp {
    /// `written_at`, or a document's last update.
    pub at: Option<Micros>,
    /// The file.
    pub file: u32,
}

/// Where a record that was read ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Fate {
    /// It cannot be read.
    Rejected,
    /// It goes on the record before it.
    Continuation,
    /// It is newer than the last day of which anything is known.
    AfterAsOf,
    /// A newer or better record counts in its place.
    Superseded,
    /// It is part of a package that another record stands for.
    Merged,
    /// A document without a package.
    NotShipped,
    /// A package.
    Package,
    /// It lent facts to a package.
    Used,
    /// No package asked for it.
    Unused,
}

impl Fate {
    /// All, in the order of the table `assembled_files`.
    pub const ALL: [Fate; 9] = [
        Fate::Rejected,
        Fate::Continuation,
        Fate::AfterAsOf,
        Fate::Superseded,
        Fate::Merged,
        Fate::NotShipped,
        Fate::Package,
        Fate::Used,
        Fate::Unused,
    ];

    /// The column that counts it.
    pub fn column(self) -> &'static str {
        match self {
            Fate::Rejected => "rejected",
            Fate::Continuation => "continuation",
            Fate::AfterAsOf => "after_as_of",
            Fate::Superseded => "superseded",
            Fate::Merged => "merged",
            Fate::NotShipped => "not_shipped",
            Fate::Package => "packages",
            Fate::Used => "used",
            Fate::Unused => "unused",
        }
    }
}

/// What is counted beside the packages of a seller, marketplace and week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Note {
    /// Item writes that took a whole order's place.
    WholeReplaced,
    /// What could not be told apart: blank numbers of slots with several packages, order ids of two sellers.
    Ambiguous,
    /// Orders of several packages, each of which bears the order's value.
    SplitOrders,
    /// Packages whose lines have several categories.
    MixedCategory,
    /// Packages whose order is in two currencies, and has no value.
    MixedCurrency,
    /// Packages whose value holds tax, because the tax of a line is not told.
    TaxUnknown,
    /// Packages that share events with another one of the same number.
    NumberShared,
    /// Packages whose number only other carriers scanned.
    ScannedByOther,
    /// Packages of carriers that no feed follows, as the job says.
    Unseen,
}

impl Note {
    /// All, in the order of the table `join_coverage`.
    pub const ALL: [Note; 9] = [
        Note::WholeReplaced,
        Note::Ambiguous,
        Note::SplitOrders,
        Note::MixedCategory,
        Note::MixedCurrency,
        Note::TaxUnknown,
        Note::NumberShared,
        Note::ScannedByOther,
        Note::Unseen,
    ];

    /// The column that counts it.
    pub fn column(self) -> &'static str {
        match self {
            Note::WholeReplaced => "whole_replaced",
            Note::Ambiguous => "ambiguous",
            Note::SplitOrders => "split_orders",
            Note::MixedCategory => "mixed_category",
            Note::MixedCurrency => "mixed_currency",
            Note::TaxUnknown => "tax_unknown",
            Note::NumberShared => "number_shared",
            Note::ScannedByOther => "scanned_by_other",
            Note::Unseen => "unseen",
        }
    }
}

/// How often each of [`Note::ALL`] was met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Notes(pub [u32; Note::ALL.len()]);

impl Notes {
    /// Counts one more.
    pub fn add(&mut self, note: Note) {
        self.0[note as usize] += 1;
    }

    /// How often.
    pub fn count(&self, note: Note) -> u32 {
        self.0[note as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fates_and_notes_are_their_own_index() {
        assert!(Fate::ALL.into_iter().enumerate().all(|(index, fate)| fate as usize == index));
        assert!(Note::ALL.into_iter().enumerate().all(|(index, note)| note as usize == index));
    }
}
