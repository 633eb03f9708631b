//! The types that the parts of an assembly share: the place of a record, its fate, the notes that are counted.
//!
//! It knows neither files nor formats, and it must not decide anything. Nothing in it fails.

use vtr_kernel::calendar::Micros;
use vtr_kernel::facts::Tracking;

/// The place of a record; files are numbered bytewise by their shown paths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordPlace {
    /// The number of its file.
    pub file: u32,
    /// Its number in it, from 1.
    pub record: u64,
}

/// The time of a writing: by the clock of its source, then by the file's name. `None` is before all others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp {
    /// `written_at`, or a document's last update.
    pub at: Option<Micros>,
    /// The file.
    pub file: u32,
}

/// How a record that was read ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Fate {
    /// It cannot be read.
    Rejected,
    /// It continues the record before it.
    Continuation,
    /// It is newer than the last day on which anything is known.
    AfterAsOf,
    /// A newer or better record counts in its place.
    Superseded,
    /// It is part of a package that another record represents.
    Merged,
    /// A document without a package.
    NotShipped,
    /// A package.
    Package,
    /// It lent facts to a package.
    Used,
    /// No package needed it.
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

    /// Returns the column that counts it.
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

/// The notes that are counted beside the packages of a seller, marketplace and week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Note {
    /// Item writes that replaced a whole order.
    WholeReplaced,
    /// Ambiguous cases: blank numbers of slots with several packages, order ids of two sellers.
    Ambiguous,
    /// Orders of several packages, each of which has the order's whole value.
    SplitOrders,
    /// Packages whose lines have several categories.
    MixedCategory,
    /// Packages whose order is in two currencies, and has no value.
    MixedCurrency,
    /// Packages whose value includes tax, because the tax of a line is unknown.
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

    /// Returns the column that counts it.
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

/// The number of occurrences of each of [`Note::ALL`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Notes(pub [u32; Note::ALL.len()]);

impl Notes {
    /// Counts one more.
    pub fn add(&mut self, note: Note) {
        self.0[note as usize] += 1;
    }

    /// Returns the number of occurrences.
    pub fn count(&self, note: Note) -> u32 {
        self.0[note as usize]
    }
}

/// Returns the cleaned number by which packages and events meet: of a cell with several numbers the first one.
/// `buffer` is scratch space. Empty if the cell holds none.
pub fn number_key<'a>(number: &'a str, buffer: &'a mut String) -> &'a str {
    match Tracking::read(number, buffer).0 {
        Tracking::Several(all) => all.split('\n').nth(1).unwrap_or(all),
        tracking => tracking.whole(),
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
