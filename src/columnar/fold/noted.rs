//! Records of copies without the codes of a run, so that a later run can take over what this one counted.
//!
//! A noted cell holds everything by which a row outside the range of weeks is counted; sellers and categories are
//! places in lists of texts, all other codes follow from book and program, which whoever keeps notes must compare.
//! Nothing is chosen here. A cell that this judge cannot have made is `None`.

use super::{CopyRecord, Counter};
use crate::cells::CellEntry;
use crate::judge::{Judge, MarginalKind};
use crate::keys::{Codes, Layout};
use crate::partial::week_index;
use crate::settings::{Beside, row_keys};
use siphasher::sip::SipHasher13;
use std::hash::Hasher;
use std::ops::RangeInclusive;
use vtr_kernel::calendar::Day;
use vtr_kernel::carrier::Carrier;
use vtr_kernel::mend::{FixableBy, Outcome};
use vtr_kernel::policy::ProgrammeId;

/// The cell of a row, as later runs read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NotedCell {
    day: Day,
    /// Places in the lists of texts.
    seller: u32,
    category: u32,
    carrier: u16,
    market: u8,
    programme: u8,
    /// The outcome's code, and above it who can mend a defect.
    told: u8,
}

/// The bits of the outcome's code.
const OUTCOME_BITS: u32 = Outcome::BITS;
/// The outcome's code in `told`.
const OUTCOME: u8 = (1 << OUTCOME_BITS) - 1;

impl NotedCell {
    /// The number of its fields.
    pub const FIELDS: usize = 7;

    /// Returns its day.
    pub fn day(&self) -> Day {
        self.day
    }

    /// Returns its fields as numbers; cells have the order of their fields.
    #[inline]
    pub fn fields(&self) -> [u32; NotedCell::FIELDS] {
        let NotedCell { day, seller, category, carrier, market, programme, told } = *self;
        [day as u32, seller, category, carrier.into(), market.into(), programme.into(), told.into()]
    }

    /// Reads the fields of [`NotedCell::fields`]; `None` if a cell cannot have them.
    pub fn from_fields(fields: [u32; NotedCell::FIELDS]) -> Option<NotedCell> {
        let [day, seller, category, carrier, market, programme, told] = fields;
        Some(NotedCell {
            day: day as Day,
            seller,
            category,
            carrier: carrier.try_into().ok()?,
            market: market.try_into().ok()?,
            programme: programme.try_into().ok()?,
            told: told.try_into().ok()?,
        })
    }

    /// Returns whether its packages have no number.
    pub fn is_numberless(&self) -> bool {
        let outcome = Outcome::from_code(self.told & OUTCOME);
        outcome.is_some_and(|outcome| crate::choice::is_without_number(outcome.reason))
    }
}

/// Returns the checksum of a noted row, of which there are too many for a slower one. It finds damage, not forgery.
pub fn noted_check(rank: u32, bytes: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new_with_keys(u64::from(rank), 0);
    hasher.write(bytes);
    hasher.finish()
}

/// The texts of noted cells: sellers and categories.
pub type NotedTexts = [Vec<String>; 2];

/// Gives the codes of one kind places in a list.
#[derive(Default)]
struct Places {
    codes: Vec<u32>,
    /// The place of each code, from 1; codes are dense.
    by_code: Vec<u32>,
}

impl Places {
    #[inline]
    fn of(&mut self, code: u32) -> u32 {
        let known = self.by_code.get(code as usize).and_then(|place| place.checked_sub(1));
        known.unwrap_or_else(|| self.add(code))
    }

    #[cold]
    fn add(&mut self, code: u32) -> u32 {
        self.by_code.resize(self.by_code.len().max(code as usize + 1), 0);
        self.codes.push(code);
        self.by_code[code as usize] = self.codes.len() as u32;
        self.codes.len() as u32 - 1
    }
}

/// Turns the records of a judge into noted cells.
pub struct NotedWriter {
    layout: Layout,
    sellers: Places,
    categories: Places,
}

impl NotedWriter {
    /// Returns the cell of a record; `None` if it does not fit.
    pub fn cell(&mut self, copy: &CopyRecord) -> Option<NotedCell> {
        let codes = self.layout.of_weekly(copy.cell);
        Some(NotedCell {
            day: copy.day,
            seller: self.sellers.of(codes.seller),
            category: self.categories.of(copy.beside.category),
            carrier: codes.carrier,
            market: u8::try_from(codes.market).ok()?,
            programme: u8::try_from(codes.programme).ok()?,
            told: codes.reason | copy.beside.mender << OUTCOME_BITS,
        })
    }

    /// Returns the texts of all cells so far.
    pub fn texts(&self, judge: &Judge) -> NotedTexts {
        judge.shared_keys().listed([&self.sellers.codes, &self.categories.codes])
    }
}

impl Judge {
    /// Returns a writer of cells that has no texts yet.
    pub fn noted_writer(&self) -> NotedWriter {
        let layout = Layout::of(&self.settings().book);
        NotedWriter { layout, sellers: Places::default(), categories: Places::default() }
    }

    /// Returns a reader of cells with these texts.
    pub fn noted_reader(&self, texts: &NotedTexts) -> NotedReader {
        let keys = self.shared_keys();
        let book = &self.settings().book;
        NotedReader {
            days: self.plausible_days(),
            layout: Layout::of(book),
            sellers: texts[0].iter().map(|text| keys.seller(text)).collect(),
            categories: texts[1].iter().map(|text| keys.category(text)).collect(),
            markets: book.markets().count() + 1,
            programmes: book.programme_count(),
            carriers: book.carriers.len() + 2,
        }
    }

    /// Returns the names of everything that has a code in a noted cell, in the order of their codes.
    pub fn noted_names(&self) -> String {
        let book = &self.settings().book;
        let markets = (0..=book.markets().count() as u16)
            .map(|code| book.marketplace_label(crate::keys::market_from_code(code)).to_owned());
        let programmes = (0..book.programme_count()).map(|index| book.programme(ProgrammeId(index as u16)).to_owned());
        let carriers =
            (0..book.carriers.len() as u16 + 2).map(|code| book.carriers.label(Carrier::from_code(code)).to_owned());
        let outcomes = vtr_kernel::mend::OUTCOMES.iter().map(|outcome| outcome.reason.name().to_owned());
        let menders = FixableBy::ALL.iter().map(|mender| mender.name().to_owned());
        let names: Vec<String> = markets.chain(programmes).chain(carriers).chain(outcomes).chain(menders).collect();
        names.join("\n")
    }
}

/// Turns noted cells into the codes of a judge.
pub struct NotedReader {
    days: RangeInclusive<Day>,
    layout: Layout,
    sellers: Vec<u32>,
    categories: Vec<u32>,
    markets: usize,
    programmes: usize,
    carriers: usize,
}

impl NotedReader {
    /// Returns the record of a row in a noted cell, without hash, version and place, which the caller fills in.
    pub fn record(&self, cell: &NotedCell) -> Option<CopyRecord> {
        let (outcome, mender) = (cell.told & OUTCOME, cell.told >> OUTCOME_BITS);
        let fits = usize::from(cell.market) < self.markets
            && usize::from(cell.programme) < self.programmes
            && usize::from(cell.carrier) < self.carriers
            && usize::from(mender) <= FixableBy::ALL.len()
            && Outcome::from_code(outcome).is_some()
            && self.days.contains(&cell.day);
        let seller = *self.sellers.get(cell.seller as usize).filter(|_| fits)?;
        let category = *self.categories.get(cell.category as usize)?;
        let account = self.layout.account(seller, cell.market.into(), ProgrammeId(cell.programme.into()));
        let carrier = Carrier::from_code(cell.carrier);
        Some(CopyRecord {
            hash: (0, 0),
            version: 0,
            file: 0,
            record: 0,
            day: cell.day,
            cell: self.layout.weekly(week_index(cell.day), account, carrier, outcome),
            beside: Beside { category, mender, ..Beside::default() },
            unpriced: false,
        })
    }
}

impl Counter<'_> {
    /// Counts rows of the cell of a noted record, none of which is in the range of weeks.
    pub fn count_noted(&mut self, record: &CopyRecord, rows: u32) {
        let codes: Codes = self.layout.of_weekly(record.cell);
        let keys = row_keys(self.settings, self.layout, &codes, record.day, record.beside);
        debug_assert!(!keys.in_range, "rows of the range are listed one by one, and so are read");
        let (wants, rows) = (self.settings.wants, i64::from(rows));
        let mut add =
            |kind, key| self.partial.add(kind, CellEntry { key, beside: keys.beside.category, count: 0 }, rows);
        if wants.category && keys.in_windows {
            add(MarginalKind::Category, keys.category);
        }
        if wants.breakdown && keys.in_breakdown {
            add(MarginalKind::Breakdown, keys.breakdown);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn judge() -> Judge {
        Judge::builder(Arc::new(vtr_kernel::load::embedded().unwrap()), 20_269).build()
    }

    #[test]
    fn a_noted_record_means_the_same_to_another_judge() {
        let (here, there) = (judge(), judge());
        there.shared_keys().seller("someone else");
        let layout = Layout::of(&here.settings().book);
        let copies: Vec<CopyRecord> = (0..40u16)
            .map(|row| {
                let seller = here.shared_keys().seller(&format!("S{}", row % 3));
                let day = 20_000 + i32::from(row % 9);
                let account = layout.account(seller, 1 + row % 4, ProgrammeId(0));
                let carrier = Carrier::from_code(row % 5);
                let cell = layout.weekly(week_index(day), account, carrier, (row % 7) as u8);
                let category = here.shared_keys().category(["Toys", "Book"][usize::from(row % 2)]);
                let beside = Beside { category, mender: (row % 4) as u8, ..Beside::default() };
                CopyRecord { cell, beside, day, ..CopyRecord::uncounted((0, 0), 0, (0, 0), day) }
            })
            .collect();
        let noted = |judge: &Judge, copies: &[CopyRecord]| {
            let mut writer = judge.noted_writer();
            let cells: Vec<NotedCell> = copies.iter().map(|copy| writer.cell(copy).unwrap()).collect();
            (cells, writer.texts(judge))
        };
        let (cells, texts) = noted(&here, &copies);
        let again: Vec<NotedCell> = cells.iter().map(|cell| NotedCell::from_fields(cell.fields()).unwrap()).collect();
        assert_eq!(again, cells);
        for (cell, copy) in cells.iter().zip(&copies) {
            assert_eq!(cell.is_numberless(), crate::choice::is_numberless(copy));
        }
        assert_eq!(NotedCell::from_fields([0, 0, 0, 0, 256, 0, 0]), None);
        let reader = there.noted_reader(&texts);
        let known: Vec<CopyRecord> = cells.iter().map(|cell| reader.record(cell).unwrap()).collect();
        assert_eq!(noted(&there, &known), (cells.clone(), texts.clone()));
        assert_eq!(here.noted_names(), there.noted_names());
        for wrong in [
            NotedCell { seller: 3, ..cells[0] },
            NotedCell { category: 9, ..cells[0] },
            NotedCell { market: 255, ..cells[0] },
            NotedCell { carrier: u16::MAX, ..cells[0] },
            NotedCell { told: 255, ..cells[0] },
            NotedCell { day: 90_000, ..cells[0] },
        ] {
            assert_eq!(reader.record(&wrong), None);
        }
    }
}
