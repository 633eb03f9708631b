//! Values that are set aside because they are implausible, counted by kind and column with their first places.
//!
//! A value that is set aside is no evidence; its reader notes it here and goes on. This module judges nothing and
//! keeps no value, only records. It cannot fail.

use crate::input::Column;
use vtr_kernel::countries;
use vtr_kernel::lane::{Country, CountrySet};

/// The reason why a value is set aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)] // the table says what each is
pub enum Aside {
    FillerTime,
    EarlierParcel,
    DamagedId,
    SeveralNumbers,
    UnknownWord,
    WrappedText,
    NumberAsInteger,
    FillerText,
    NegativeValue,
    ZeroValue,
    OpenMark,
    OldRate,
    CopiedTime,
    Unshipped,
}

/// The limit of a job that bounds how many values of a kind are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bound {
    /// Any share is accepted; it is still reported.
    None,
    /// `limits.max_damaged`.
    MaxDamaged,
    /// `limits.max_unknown_words`.
    MaxUnknownWords,
    /// `limits.max_copied_times`.
    MaxCopiedTimes,
}

/// One row of the table of kinds.
pub struct AsideRow {
    /// The kind itself; `TABLE[i].kind as usize == i`.
    pub kind: Aside,
    /// The name in reports and manifests.
    pub name: &'static str,
    /// One value and its treatment, to follow `1 value`.
    one: &'static str,
    /// Values and their treatment, to follow `2 values`.
    more: &'static str,
    /// The remedy.
    pub remedy: &'static str,
    /// The limit that bounds it.
    pub bound: Bound,
}

impl AsideRow {
    /// Says what so many values are and how they are treated.
    pub fn told(&self, count: u64) -> &'static str {
        if count == 1 { self.one } else { self.more }
    }
}

macro_rules! table {
    ($($kind:ident $name:literal $bound:ident $one:literal $more:literal $remedy:literal;)*) => {
        [$(AsideRow {
            kind: Aside::$kind, name: $name, one: $one, more: $more, remedy: $remedy, bound: Bound::$bound
        }),*]
    };
}

/// Every kind, by discriminant.
pub static TABLE: [AsideRow; 14] = table! {
    FillerTime "filler_time" None
        "is before 2005 or after 2100: it is a filler and counts as empty"
        "are before 2005 or after 2100: they are fillers and count as empty"
        "leave the cell empty where nothing happened";
    EarlierParcel "earlier_parcel" None
        "is so long before the shipment that an earlier parcel with that number was scanned: it counts as empty"
        "are so long before the shipment that an earlier parcel with that number was scanned: they count as empty"
        "compare the dates, or set [limits] scan_lead_days";
    DamagedId "damaged_id" MaxDamaged
        "is a number such as 9.2E+21, which a spreadsheet or a float has damaged: nothing is judged by it"
        "are numbers such as 9.2E+21, which a spreadsheet or a float has damaged: nothing is judged by them"
        "export the file again without opening it in a spreadsheet, the column as text";
    SeveralNumbers "several_numbers" None
        "holds several numbers: they are one package, and the first number that fits is judged"
        "hold several numbers: they are one package, and the first number that fits is judged"
        "write one row per package";
    UnknownWord "unknown_word" MaxUnknownWords
        "is a word that the book does not list: it counts as the default"
        "are words that the book does not list: they count as the default"
        "map them to known ones with `values` of [input.columns], or add them to the book's words";
    WrappedText "wrapped_text" None
        "was in a wrapper (=\"...\", quotes, an apostrophe, hidden characters, a trailing .0), which was removed"
        "were in a wrapper (=\"...\", quotes, an apostrophe, hidden characters, a trailing .0), which was removed"
        "export the column as plain text";
    NumberAsInteger "number_as_integer" None
        "is an integer: leading zeros of tracking numbers are lost"
        "are integers: leading zeros of tracking numbers are lost"
        "export the column as text";
    FillerText "filler_text" None
        "is a filler such as N/A, 0 or unknown: it counts as empty"
        "are fillers such as N/A, 0 or unknown: they count as empty"
        "leave the cell empty where nothing is known";
    NegativeValue "negative_value" MaxDamaged
        "is below zero, which no package is worth: it counts as unknown"
        "are below zero, which no package is worth: they count as unknown"
        "map the column with what the buyer paid, without refunds";
    ZeroValue "zero_value" None
        "is zero: it counts as unknown, so that no rule exempts a package by it"
        "are zero: they count as unknown, so that no rule exempts a package by them"
        "give what the buyer paid, and leave the cell empty where that is not known";
    OpenMark "open_mark" MaxDamaged
        "can be thousands as well as thousandths, as in 1.234: it counts as unknown"
        "can be thousands as well as thousandths, as in 1.234: they count as unknown"
        "say which mark is the decimal one, with decimal = \".\" or decimal = \",\" in the [[input]], or write two decimals";
    OldRate "old_rate" None
        "was compared with a limit of a rule at an exchange rate that was more than 35 days old"
        "were compared with a limit of a rule at an exchange rate that was more than 35 days old"
        "bring the rates file up to date";
    CopiedTime "copied_time" MaxCopiedTimes
        "equals the time of shipping, of the promise or of adding the number to the second, unlike a carrier's scans: it counts as a scan"
        "equal the time of shipping, of the promise or of adding the number to the second, unlike a carrier's scans: they count as scans"
        "map the column with what the carrier scanned; if it is the ship times that are taken from scans, raise [limits] max_copied_times";
    Unshipped "unshipped" None
        "says that the order is not shipped yet, on a row without a number and a day of shipment: it counts as a package without number"
        "say that the order is not shipped yet, on rows without a number and a day of shipment: each counts as a package without number"
        "leave orders that are not shipped out of the file: only packages that the seller confirmed as shipped are judged";
};

impl Aside {
    /// Returns the row of [`TABLE`].
    pub fn entry(self) -> &'static AsideRow {
        &TABLE[self as usize]
    }
}

/// The number of places kept for each kind and column.
pub const PLACES: usize = 3;

/// Values of one kind in one column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The reason why they are set aside.
    pub kind: Aside,
    /// The column that holds them.
    pub column: Column,
    /// Their number.
    pub count: u64,
    /// Their smallest record numbers, ascending, at most [`PLACES`].
    pub records: Vec<u64>,
}

/// The values of one file that are set aside, in the order of kind and column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asides {
    found: Vec<Found>,
    /// The countries that occur in a column, in the order of columns.
    countries: Vec<(Column, CountrySet)>,
}

impl Asides {
    /// Notes a value of a record.
    pub fn note(&mut self, kind: Aside, column: Column, record: u64) {
        self.add(kind, column, 1, &[record]);
    }

    /// Adds values of one kind and column, with the smallest of their record numbers.
    pub fn add(&mut self, kind: Aside, column: Column, count: u64, records: &[u64]) {
        let at = match self.found.binary_search_by_key(&(kind, column), |found| (found.kind, found.column)) {
            Ok(at) => at,
            Err(at) => {
                self.found.insert(at, Found { kind, column, count: 0, records: Vec::with_capacity(PLACES + 1) });
                at
            }
        };
        let found = &mut self.found[at];
        found.count += count;
        for record in records {
            if found.records.len() < PLACES || found.records.last().is_some_and(|last| record < last) {
                let place = found.records.partition_point(|known| known < record);
                found.records.insert(place, *record);
                found.records.truncate(PLACES);
            }
        }
    }

    /// Notes that a country occurs in a column.
    pub fn meet(&mut self, column: Column, country: Country) {
        self.countries_of(column).insert(country);
    }

    fn countries_of(&mut self, column: Column) -> &mut CountrySet {
        let at = self.countries.iter().position(|(known, _)| *known == column).unwrap_or_else(|| {
            let at = self.countries.partition_point(|(known, _)| *known < column);
            self.countries.insert(at, (column, CountrySet::NONE));
            at
        });
        &mut self.countries[at].1
    }

    /// Returns the countries that occur in each column.
    pub fn countries(&self) -> impl Iterator<Item = (Column, impl Iterator<Item = Country>)> {
        let met = |(column, met): &(Column, CountrySet)| {
            let met = *met;
            (*column, Country::all().filter(move |country| met.contains(*country)))
        };
        self.countries.iter().map(met)
    }

    /// Returns the columns of countries that probably hold states of the US, each with its states.
    pub fn states(&self) -> impl Iterator<Item = (Column, Vec<Country>)> {
        self.countries.iter().filter_map(|(column, met)| Some((*column, countries::rather_states(met)?)))
    }

    /// Adds another part of the same file.
    pub fn merge(&mut self, other: &Asides) {
        other.found.iter().for_each(|found| self.add(found.kind, found.column, found.count, &found.records));
        other.countries.iter().for_each(|(column, countries)| self.countries_of(*column).extend(countries));
    }

    /// Returns all entries, by kind and column.
    pub fn iter(&self) -> impl Iterator<Item = &Found> {
        self.found.iter()
    }

    /// Returns the number of values of a kind in a column.
    pub fn count(&self, kind: Aside, column: Column) -> u64 {
        self.found.iter().find(|found| (found.kind, found.column) == (kind, column)).map_or(0, |found| found.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_indexed_by_discriminant() {
        for (index, entry) in TABLE.iter().enumerate() {
            assert_eq!(entry.kind as usize, index);
            assert!(!entry.remedy.is_empty() && entry.told(1) != entry.told(2));
        }
    }

    #[test]
    fn the_first_places_are_the_same_whatever_the_order_of_the_parts() {
        let note = |records: &[u64]| {
            let mut asides = Asides::default();
            records.iter().for_each(|record| asides.note(Aside::FillerTime, Column::FirstScanAt, *record));
            asides
        };
        let (mut ab, mut ba) = (note(&[9, 4, 40]), note(&[7, 1, 8, 41]));
        let (a, b) = (ab.clone(), ba.clone());
        ab.merge(&b);
        ba.merge(&a);
        ab.note(Aside::EarlierParcel, Column::DeliveryScanAt, 2);
        ba.note(Aside::EarlierParcel, Column::DeliveryScanAt, 2);
        assert_eq!(ab, ba);
        assert_eq!(ab.count(Aside::FillerTime, Column::FirstScanAt), 7);
        ab.meet(Column::ShipToCountry, Country::read("CA"));
        ba.meet(Column::ShipFromCountry, Country::read("DE"));
        ba.merge(&ab);
        let met: Vec<_> = ba.countries().flat_map(|(column, met)| met.map(move |met| (column, met.code()))).collect();
        assert_eq!(met, [(Column::ShipFromCountry, "DE".into()), (Column::ShipToCountry, "CA".into())]);
        let found: Vec<_> = ab.iter().map(|found| (found.kind, found.records.clone())).collect();
        assert_eq!(found, [(Aside::FillerTime, vec![1, 4, 7]), (Aside::EarlierParcel, vec![2])]);
    }
}
