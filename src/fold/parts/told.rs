//! The counters of files and weeks that accompany the rows of parts, as JSON.
//!
//! It is only another form of the fold's counters. It fails on a text that it did not write.

use crate::fold::FileCounts;
use crate::scan::Seen;
use crate::scan::twice::Orders;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use vtr_columnar::asides::{Asides, TABLE};
use vtr_columnar::fold::{FileTally, Later};
use vtr_columnar::input::Column;
use vtr_kernel::calendar::Day;
use vtr_kernel::lane::Country;
use vtr_kernel::reason::COUNT;

/// The outcome of the rows of a file.
#[derive(Serialize, Deserialize)]
pub struct Tally {
    rejected: u64,
    after_as_of: u64,
    outside_range: u64,
    after_windows: u64,
    classes: [u64; 4],
    reasons: Vec<u64>,
    days: (Option<Day>, Option<Day>),
    later: Option<[Day; 4]>,
    /// Rows whose scan and shipment, and whose delivery and promise, are both days, and those among them where the two
    /// are the same day.
    by_days: ([u64; 2], [u64; 2]),
    /// Rows with a scan after `as_of`.
    blanked: u64,
}

impl Tally {
    /// Converts the fold's tally.
    pub fn of(tally: &FileTally) -> Tally {
        Tally {
            rejected: tally.rejected,
            after_as_of: tally.after_as_of,
            outside_range: tally.outside_range,
            after_windows: tally.after_windows,
            classes: tally.classes,
            reasons: tally.reasons.to_vec(),
            days: (tally.first_day, tally.last_day),
            later: tally.later.map(|later| [later.first, later.last, later.from, later.until]),
            by_days: (tally.by_days, tally.same_day),
            blanked: tally.blanked,
        }
    }

    /// Returns the fold's tally; `None` if the reasons are not those of this program.
    pub fn into_tally(self) -> Option<FileTally> {
        Some(FileTally {
            rejected: self.rejected,
            after_as_of: self.after_as_of,
            outside_range: self.outside_range,
            after_windows: self.after_windows,
            classes: self.classes,
            reasons: <[u64; COUNT]>::try_from(self.reasons).ok()?,
            first_day: self.days.0,
            last_day: self.days.1,
            later: self.later.map(|[first, last, from, until]| Later { first, last, from, until }),
            blanked: self.blanked,
            by_days: self.by_days.0,
            same_day: self.by_days.1,
        })
    }
}

/// A file of a share.
#[derive(Serialize, Deserialize)]
pub struct File {
    rows_read: u64,
    tally: Tally,
    digest: String,
    /// Kind, column, count and first records.
    asides: Vec<(String, String, u64, Vec<u64>)>,
    /// Column and the countries that occur in it.
    countries: Vec<(String, Vec<String>)>,
    /// What reading it has met in its columns.
    #[serde(default)]
    pub seen: Seen,
}

impl File {
    /// Converts the fold's counters.
    pub fn of(counts: &FileCounts, seen: Seen) -> File {
        let found = counts.asides.iter().map(|found| {
            let (kind, column) = (found.kind.entry().name.to_owned(), found.column.name().to_owned());
            (kind, column, found.count, found.records.clone())
        });
        let countries =
            counts.asides.countries().map(|(column, met)| (column.name().to_owned(), met.map(Country::code).collect()));
        File {
            rows_read: counts.rows_read,
            tally: Tally::of(&counts.tally),
            digest: counts.digest.clone(),
            asides: found.collect(),
            countries: countries.collect(),
            seen,
        }
    }

    /// Returns the fold's counters; `None` if a value is unknown to this program.
    pub fn into_counts(self) -> Option<FileCounts> {
        let mut asides = Asides::default();
        for (kind, column, count, records) in self.asides {
            let kind = TABLE.iter().find(|entry| entry.name == kind)?.kind;
            asides.add(kind, Column::from_name(&column)?, count, &records);
        }
        for (column, met) in self.countries {
            let column = Column::from_name(&column)?;
            met.iter().for_each(|country| asides.meet(column, Country::read(country)));
        }
        let tally = self.tally.into_tally()?;
        Some(FileCounts { rows_read: self.rows_read, tally, superseded: 0, digest: self.digest, asides })
    }
}

/// The counters of a share apart from its weeks.
#[derive(Default, Serialize, Deserialize)]
pub struct Share {
    /// Rows that arrived at the fold.
    pub rows_taken: u64,
    /// Bytes read from the inputs.
    pub bytes_read: u64,
    /// Rows whose verdict depended on a value that could not be compared.
    pub unpriced: u64,
    /// First and last promised day of the pending packages of each week, by Monday.
    pub due: BTreeMap<Day, (Day, Day)>,
    /// Rejected rows by seller, and those of further sellers.
    pub sellers: (BTreeMap<String, u64>, u64),
    /// The orders in which packages that count twice were sought.
    #[serde(default)]
    pub twice: Orders,
}

/// The amounts that the losers of a bucket subtract.
#[derive(Default, Serialize, Deserialize)]
pub struct Lost {
    /// By file: their places, and the number of rows.
    pub files: BTreeMap<u32, (Tally, u64)>,
    /// By week, negative.
    pub weeks: BTreeMap<Day, [i64; 4]>,
    /// The losers whose verdict depended on an unknown value.
    pub unpriced: u64,
    /// The largest distance in days between two copies.
    pub apart_days: i64,
    /// Defects that won over a valid copy only by their place.
    #[serde(default)]
    pub valid_lost: u64,
    /// Packages without a number, of orders of which a later file has one with a number.
    #[serde(default)]
    pub numberless: u64,
    /// The same, of which the same file has one with a number.
    #[serde(default)]
    pub beside: u64,
    /// Defects of orders of which a later file has other packages only.
    #[serde(default)]
    pub replaced: u64,
    /// Defects of packages of which a later file has a valid copy without `updated_at`.
    #[serde(default)]
    pub undated: u64,
    /// Defects without a scan that an older copy has.
    #[serde(default)]
    pub unscanned: u64,
}

impl Default for Tally {
    fn default() -> Tally {
        Tally::of(&FileTally::default())
    }
}
