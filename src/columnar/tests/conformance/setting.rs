//! What a case is judged with: its cells, its terms, and the book with its changes.

use crate::sheets::{Case, Sheet};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use vtr_columnar::input::{CellRules, Column, ColumnSet};
use vtr_kernel::calendar::{Day, Zone, day_from_date};
use vtr_kernel::instant::{Moment, TimeFormat};
use vtr_kernel::ladder::{Evidence, Terms};
use vtr_kernel::load::{self, BookFile};
use vtr_kernel::money::Rates;
use vtr_kernel::strays::Mark;
use vtr_kernel::{Book, text};
pub(crate) fn day(text: &str) -> Day {
    day_from_date(text.parse().unwrap_or_else(|_| panic!("{text} is no date")))
}

/// A prepared case: its cells, and the terms by which it is judged.
pub(crate) struct Setting<'a> {
    pub(crate) case: &'a Case,
    pub(crate) given: BTreeMap<Column, String>,
    pub(crate) present: ColumnSet,
    pub(crate) rules: CellRules,
    pub(crate) rates: Rates,
    pub(crate) book: Arc<Book>,
    pub(crate) as_of: Day,
    pub(crate) evidence: Evidence,
}

impl<'a> Setting<'a> {
    pub(crate) fn of(sheet: &Sheet, case: &'a Case, book: Arc<Book>) -> Setting<'a> {
        let column =
            |name: &String| Column::from_name(name).unwrap_or_else(|| panic!("{}: no column {name}", case.name));
        let absent: Vec<Column> = case.absent.iter().map(column).collect();
        let present: ColumnSet = Column::ALL.into_iter().filter(|column| !absent.contains(column)).collect();
        let given = sheet.base.iter().chain(&case.given).map(|(name, text)| (column(name), text.clone())).collect();
        let clock = case.cells.time_zone.as_deref().map_or_else(Zone::utc, |name| Zone::named(name).unwrap());
        let rules = CellRules {
            nulls: case.cells.nulls.clone(),
            decimal_mark: case.cells.decimal.as_ref().map_or(b'.', |mark| mark.as_bytes()[0]),
            mark: if case.cells.decimal.is_some() { Mark::Known } else { Mark::Assumed },
            times: TimeFormat::new(&case.cells.timestamps, clock).unwrap(),
        };
        let rates = if case.rates.is_empty() { Rates::default() } else { Rates::read(&case.rates).unwrap() };
        let has_scans = present.contains(Column::FirstScanAt) || present.contains(Column::DeliveryScanAt);
        let evidence = match case.evidence.as_deref() {
            Some("format") => Evidence::Format,
            Some("scans") => Evidence::Scans,
            None if has_scans => Evidence::Scans,
            None => Evidence::Format,
            Some(other) => panic!("{}: no evidence {other}", case.name),
        };
        Setting { case, given, present, rules, rates, book, as_of: day(&case.as_of), evidence }
    }

    pub(crate) fn terms(&self) -> Terms<'_> {
        Terms { book: &self.book, rates: &self.rates, as_of: self.as_of, evidence: self.evidence }
    }

    pub(crate) fn keeps_later_rows(&self) -> bool {
        self.case.as_of_mode == "scans"
    }

    /// Returns the trimmed text of a cell; null if it is empty, a declared null, or missing.
    pub(crate) fn cell(&self, column: Column) -> Option<&str> {
        let raw = self.given.get(&column).filter(|_| self.present.contains(column))?;
        text::trim(raw).filter(|text| !self.rules.nulls.iter().any(|null| null == text))
    }

    pub(crate) fn time(&self, column: Column) -> Result<Option<Moment>, Column> {
        self.cell(column).map(|text| self.rules.times.read(text).map_err(|_| column)).transpose()
    }
}

/// Books, keyed by the changes made to the embedded one.
#[derive(Default)]
pub(crate) struct Books(HashMap<Vec<(String, String, String)>, Arc<Book>>);

impl Books {
    pub(crate) fn edited(&mut self, case: &Case) -> Arc<Book> {
        let book = self.0.entry(case.edit.clone()).or_insert_with(|| {
            let mut files = load::embedded_files();
            for (name, from, to) in &case.edit {
                let file: Option<&mut BookFile> = files.iter_mut().find(|file| file.name == *name);
                let file = file.unwrap_or_else(|| panic!("{}: the book has no {name}", case.name));
                assert_eq!(file.text.matches(from.as_str()).count(), 1, "{}: {from:?} in {name}", case.name);
                file.text = file.text.replacen(from.as_str(), to, 1);
            }
            Arc::new(load::load(&files).unwrap_or_else(|problems| panic!("{}: {problems:#?}", case.name)))
        });
        book.clone()
    }
}
