//! The values that a run set aside, as manifests, reports and warnings name them.
//!
//! Counts of files are added up to counts of the run here, with the first places over all files; no value is shown. It
//! cannot fail.

use serde::{Deserialize, Serialize};
use vtr_columnar::asides::{Aside, Asides, Bound, Found, PLACES, TABLE};
use vtr_kernel::text::{counted, shown};

/// If fewer times than this are copied, they are taken for chance, whatever their share.
const CHANCE: u64 = 20;
/// One in this many rows may have a copied time by chance: a day has 86,400 seconds, and most scans are within a few
/// days.
const CHANCE_ROWS: u64 = 5_000;

/// Whether a file's values of one kind may be there by chance, so that they are not reported.
fn is_chance(found: &Found, rows: u64) -> bool {
    found.kind == Aside::CopiedTime && (found.count < CHANCE || found.count < rows / CHANCE_ROWS)
}

/// Values of one kind in one column over all files of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetAside {
    /// The kind, such as `filler_time`.
    pub kind: String,
    /// The column.
    pub column: String,
    /// The number of values.
    pub count: u64,
    /// The first places by file and record.
    pub places: Vec<AsidePlace>,
}

/// A record of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AsidePlace {
    /// The file's path as shown in `input_files`.
    pub file: String,
    /// The record, from 1.
    pub record: u64,
}

impl SetAside {
    /// Adds up the values set aside of all files, given with their numbers of rows in the order of their paths; sorted
    /// by kind and column.
    pub fn of<'a>(files: impl IntoIterator<Item = (&'a str, &'a Asides, u64)>) -> Vec<SetAside> {
        let mut all: Vec<((Aside, _), SetAside)> = Vec::new();
        for (file, asides, rows) in files {
            for found in asides.iter().filter(|found| !is_chance(found, rows)) {
                let key = (found.kind, found.column);
                let at = all.binary_search_by_key(&key, |(key, _)| *key).unwrap_or_else(|at| {
                    let kind = found.kind.entry().name.to_owned();
                    let none = SetAside { kind, column: found.column.name().to_owned(), count: 0, places: Vec::new() };
                    all.insert(at, (key, none));
                    at
                });
                let own = &mut all[at].1;
                own.count += found.count;
                let room = PLACES - own.places.len();
                let place = |record: &u64| AsidePlace { file: file.to_owned(), record: *record };
                own.places.extend(found.records.iter().take(room).map(place));
            }
        }
        all.into_iter().map(|(_, all)| all).collect()
    }

    /// Adds up the values set aside of files, given in the order of their paths; sorted by the names of kind and
    /// column.
    pub fn added_up<'a>(each: impl IntoIterator<Item = &'a SetAside>) -> Vec<SetAside> {
        let mut all: Vec<SetAside> = Vec::new();
        for one in each {
            match all.iter_mut().find(|own| (&own.kind, &own.column) == (&one.kind, &one.column)) {
                Some(own) => {
                    own.count += one.count;
                    let room = PLACES.saturating_sub(own.places.len());
                    own.places.extend(one.places.iter().take(room).cloned());
                }
                None => all.push(one.clone()),
            }
        }
        all.sort_by(|a, b| (&a.kind, &a.column).cmp(&(&b.kind, &b.column)));
        all
    }

    /// The limit of the job that applies to this kind.
    pub fn bound(&self) -> Bound {
        TABLE.iter().find(|entry| entry.name == self.kind).map_or(Bound::None, |entry| entry.bound)
    }

    /// The first places: `in/a.csv, record 3`.
    pub fn places_shown(&self) -> String {
        let place = |place: &AsidePlace| format!("{}, record {}", shown(&place.file), place.record);
        let places: Vec<String> = self.places.iter().map(place).collect();
        places.join("; ")
    }

    /// A sentence that says what was set aside, where, and what to do.
    pub fn sentence(&self) -> String {
        let entry = TABLE.iter().find(|entry| entry.name == self.kind);
        let (what, remedy) = entry.map_or((self.kind.as_str(), ""), |entry| (entry.told(self.count), entry.remedy));
        let (values, column) = (counted(self.count, "value", "values"), &self.column);
        format!("`{column}`: {values} {what}; {remedy} (first: {})", self.places_shown())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vtr_columnar::input::Column;

    #[test]
    fn files_add_up_and_the_first_places_are_those_of_the_first_files() {
        let of = |records: &[u64]| {
            let mut asides = Asides::default();
            records.iter().for_each(|record| asides.note(Aside::DamagedId, Column::TrackingNumber, *record));
            asides
        };
        let (a, b, c) = (of(&[8, 2]), of(&[1, 5, 6, 7]), of(&[]));
        let all = SetAside::of([("a.csv", &a, 9), ("b.csv", &b, 9), ("c.csv", &c, 9)]);
        assert_eq!(all.len(), 1);
        assert_eq!((all[0].count, all[0].bound()), (6, Bound::MaxDamaged));
        assert_eq!(all[0].places_shown(), "a.csv, record 2; a.csv, record 8; b.csv, record 1");
        assert!(all[0].sentence().starts_with("`tracking_number`: 6 values are numbers such as 9.2E+21"));
    }

    #[test]
    fn a_few_copied_times_are_chance() {
        let told = |kind: Aside, count: u64, rows: u64| {
            let mut asides = Asides::default();
            asides.add(kind, Column::FirstScanAt, count, &[1]);
            SetAside::of([("a.csv", &asides, rows)]).len() == 1
        };
        assert!(!told(Aside::CopiedTime, 19, 19) && !told(Aside::CopiedTime, 99, 500_000));
        assert!(told(Aside::CopiedTime, 20, 20) && told(Aside::CopiedTime, 100, 500_000));
        assert!(told(Aside::FillerTime, 1, 500_000));
    }
}
