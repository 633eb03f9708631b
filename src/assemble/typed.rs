//! Records of raw files to rows: cells typed, keys checked, records after `as_of` left out.
//!
//! It reads one file after the other and sends each record to its join: orders and spines by order, events by number,
//! categories to their map. If a cell cannot be read, its record becomes a reject; nothing is guessed.

use super::facts::Fate;
use super::orders;
use super::read::{self, RawFile, ReadItem, ReadSettings, Record, RecordPart};
use super::row::{RowHead, RowWriter};
use crate::error::Result;
use crate::job::assembly::{AssembleInput, FoldBy};
use crate::job::plan::{CellRules, MatchedBy};
use std::collections::BTreeMap;
use vtr_columnar::asides::{Aside, PLACES};
use vtr_columnar::fold::{Reject, shown_value};
use vtr_kernel::amount::{Amount, NotAnAmount};
use vtr_kernel::calendar::{Day, Micros, Zone};
use vtr_kernel::facts::Tracking;
use vtr_kernel::instant::{Moment, TimeFormat};
use vtr_kernel::sources::{Field, LocalTimes, Role};
use vtr_kernel::strays::{Mark, OddValue, odd_value};
use vtr_kernel::{text, wrapper};

/// The record is a document whose list is empty.
pub const BARE: u16 = 1;

/// The most filled cells of a line without an order id that continues the line before it.
const CONTINUATION_CELLS: usize = 3;

/// The types of a field's cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellKind {
    /// As text.
    Text,
    /// As a moment.
    Time,
    /// As an amount.
    Money,
    /// As a flag, kept as text.
    Flag,
}

/// Returns the type of a field's cells.
pub fn kind(field: Field) -> CellKind {
    match field {
        Field::PackageValue | Field::ItemPrice | Field::ItemTax | Field::ShippingPrice | Field::ShippingTax => {
            CellKind::Money
        }
        Field::PromisedDeliveryAt
        | Field::ShippedAt
        | Field::TrackingAddedAt
        | Field::FirstScanAt
        | Field::DeliveryScanAt
        | Field::CreatedAt
        | Field::UpdatedAt
        | Field::WrittenAt
        | Field::OccurredAt => CellKind::Time,
        Field::BuyShipping => CellKind::Flag,
        _ => CellKind::Text,
    }
}

/// A typed cell.
#[derive(Clone, Copy, Debug)]
pub enum TypedCell<'a> {
    /// A text.
    Text(&'a str),
    /// A moment.
    Time(Moment),
    /// An amount with nine digits after the decimal point.
    Money(i128),
    /// An amount that can be thousands or thousandths.
    Open,
}

/// A record whose cells were typed.
pub struct Typed<'a> {
    /// Its head.
    pub head: RowHead,
    /// Its cells, in the order of fields.
    pub cells: Vec<(Field, TypedCell<'a>)>,
}

impl<'a> Typed<'a> {
    /// Returns a text.
    pub fn text(&self, field: Field) -> Option<&'a str> {
        self.cells.iter().find_map(|(known, cell)| match cell {
            TypedCell::Text(text) if *known == field => Some(*text),
            _ => None,
        })
    }

    /// Returns a moment.
    pub fn time(&self, field: Field) -> Option<Moment> {
        self.cells.iter().find_map(|(known, cell)| match cell {
            TypedCell::Time(at) if *known == field => Some(*at),
            _ => None,
        })
    }

    /// Writes it as a row. Its time of writing is in the head, so that a repeated pull has equal cells.
    pub fn write(&self, bytes: &mut Vec<u8>) {
        let mut row = RowWriter::begin(bytes, &self.head);
        for (field, cell) in &self.cells {
            match cell {
                _ if matches!(field, Field::WrittenAt | Field::UpdatedAt) => {}
                TypedCell::Text(text) => row.text(*field, text),
                TypedCell::Time(at) => row.time(*field, *at),
                TypedCell::Money(amount) => row.money(*field, *amount),
                TypedCell::Open => row.open(*field),
            }
        }
        row.end();
    }
}

/// A file to read: each typed record is handed on, the others are counted by their fate.
pub struct File<'a> {
    /// Its input.
    pub input: &'a AssembleInput,
    /// The input's index.
    pub index: u16,
    /// The number of the file.
    pub file: u32,
    /// The last day on which anything is known.
    pub as_of: Day,
    /// The input's times read on another clock, if a time without an offset gives only its day: a text that both read
    /// alike has an offset.
    pub elsewhere: Option<TimeFormat>,
    /// UTC, made once: its table of transitions is filled by the first record.
    pub utc: Zone,
}

/// The result of reading a file.
#[derive(Clone, Debug, Default)]
pub struct ReadFile {
    /// Records handed on by the reader, and rejects.
    pub counts: read::RecordCounts,
    /// Records that end here, by fate.
    pub fates: [u64; Fate::ALL.len()],
    /// The first rejects.
    pub rejects: Vec<Reject>,
    /// Cells that are set aside or read without their wrapper, by reason and field.
    pub asides: Asides,
}

/// Cells by reason and field.
pub type Asides = BTreeMap<(Aside, Field), Noted>;

/// The cells of one field that are set aside for one reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Noted {
    /// How many there are.
    pub count: u64,
    /// The first records, at most [`PLACES`].
    pub records: Vec<u64>,
}

impl<'a> File<'a> {
    /// Returns a file of an input, read as of a day.
    pub fn of(input: &'a AssembleInput, index: u16, file: u32, as_of: Day) -> File<'a> {
        let times = &input.cells.times;
        let tells_days = input.profile.local_times == LocalTimes::Day && times.zone().name() == "UTC";
        let zone = if tells_days { Zone::named("Asia/Tokyo") } else { None };
        let elsewhere = zone.map(|zone| times.clone().in_zone(zone));
        File { input, index, file, as_of, elsewhere, utc: Zone::utc() }
    }

    /// Reads the file; `take` gets every record that goes on.
    ///
    /// # Errors
    /// The inner error: a fault of the file. The outer error: the one that `take` returned.
    pub fn read(
        &self,
        raw: &RawFile,
        reading: &ReadSettings,
        most_rejects: usize,
        take: &mut dyn FnMut(&Typed) -> Result<()>,
    ) -> Result<std::result::Result<ReadFile, String>> {
        let mut read = ReadFile::default();
        let mut follows = false;
        let mut rejects = Vec::new();
        let mut fates = [0; Fate::ALL.len()];
        let mut asides = Asides::new();
        let counts = read::read(raw, reading, &mut |item| {
            let mut refuse = |reject: Reject| {
                fates[Fate::Rejected as usize] += 1;
                if rejects.len() < most_rejects {
                    rejects.push(reject);
                }
            };
            let record = match item {
                ReadItem::Record(record) => record,
                ReadItem::Reject(reject) => {
                    refuse(reject);
                    return Ok(());
                }
            };
            crate::signals::check()?;
            if self.goes_on(&record, follows) {
                fates[Fate::Continuation as usize] += 1;
                return Ok(());
            }
            let bare = bare_ids(&record);
            let mut cells = without_wrappers(&record, &bare);
            let damaged = self.damaged_ids(&cells);
            damaged.iter().for_each(|field| note(&mut asides, (Aside::DamagedId, *field), record.record));
            if let Some(field) = damaged.iter().find(|field| self.is_needed(**field)) {
                follows = false;
                refuse(reject(&Record { cells: &cells, ..record }, *field, DAMAGED.to_owned()));
                return Ok(());
            }
            damaged.iter().for_each(|field| cells[field.index()] = None);
            let record = Record { cells: &cells, ..record };
            let typed = match self.typed(&record, reading.cells) {
                Ok(typed) => typed,
                Err((field, reason)) => {
                    follows = false;
                    refuse(reject(&record, field, reason));
                    return Ok(());
                }
            };
            follows = true;
            if self.is_after(&typed) {
                fates[Fate::AfterAsOf as usize] += 1;
                return Ok(());
            }
            let open = typed.cells.iter().filter(|(_, cell)| matches!(cell, TypedCell::Open));
            let open = open.map(|(field, _)| (Aside::OpenMark, *field));
            let wrapped = bare.iter().map(|(field, _)| (Aside::WrappedText, *field));
            open.chain(wrapped).for_each(|key| note(&mut asides, key, record.record));
            take(&typed)
        })?;
        Ok(counts.map(|counts| {
            (read.counts, read.fates, read.rejects, read.asides) = (counts, fates, rejects, asides);
            read
        }))
    }

    /// Returns the ids by which the rows of an input become one that are damaged; events and categories meet by others.
    fn damaged_ids(&self, cells: &[Option<&str>; Field::COUNT]) -> Vec<Field> {
        let by_order = matches!(self.input.profile.role, Role::Orders | Role::Shipments);
        let merging = MERGING.into_iter().filter(|field| by_order || *field == Field::SellerId);
        merging.filter(|field| cells[field.index()].is_some_and(wrapper::is_damaged)).collect()
    }

    /// Returns whether a record cannot do without an id: the row of a write that names no item is of the whole order.
    fn is_needed(&self, field: Field) -> bool {
        match field {
            Field::PackageId => false,
            Field::OrderItemId => {
                self.input.profile.role == Role::Shipments && self.input.fold() == Some(FoldBy::Writes)
            }
            _ => true,
        }
    }

    /// Returns whether a line only continues the one before it.
    fn goes_on(&self, record: &Record, follows: bool) -> bool {
        let by_order = matches!(self.input.profile.role, Role::Orders | Role::Shipments);
        by_order
            && follows
            && record.part == RecordPart::Whole
            && record.get(Field::OrderId).is_none()
            && record.filled <= CONTINUATION_CELLS
    }

    /// Returns whether a record was not known yet at the end of the last day.
    fn is_after(&self, typed: &Typed) -> bool {
        let event = typed.time(Field::OccurredAt).filter(|_| self.input.profile.role == Role::Events);
        // An order that changed after `as_of` was known before: its side is cut by the time of writing alone.
        let head = match self.input.profile.role {
            Role::Orders => typed.time(Field::WrittenAt),
            _ => typed.head.at.map(Moment::Instant),
        };
        event.into_iter().chain(head).any(|at| at.is_after(self.as_of))
    }

    fn typed<'r>(&self, record: &'r Record, rules: &CellRules) -> std::result::Result<Typed<'r>, (Field, String)> {
        let mut cells = Vec::with_capacity(16);
        for field in Field::ALL {
            let Some(text) = record.get(field) else { continue };
            let mark = if record.numbers.holds(field) { (b'.', Mark::Known) } else { (rules.decimal_mark, rules.mark) };
            cells.push((field, self.cell(field, text, mark)?));
        }
        let flags = if record.part == RecordPart::Bare { BARE } else { 0 };
        let mut typed = Typed {
            head: RowHead {
                input: self.index,
                flags,
                file: self.file,
                record: record.record,
                document: record.document,
                at: None,
            },
            cells,
        };
        let role = self.input.profile.role;
        let needs: &[Field] = match role {
            Role::Shipments => &[Field::SellerId, Field::OrderId],
            Role::Orders if self.input.matched_by == MatchedBy::OrderId => &[Field::OrderId],
            Role::Orders => &[Field::SellerId, Field::OrderId],
            Role::Events if flags == BARE => &[Field::TrackingNumber],
            Role::Events => &[Field::TrackingNumber, Field::OccurredAt],
            Role::Categories => &[Field::Sku, Field::ProductCategory],
        };
        let lacks = |field: &&Field| !typed.cells.iter().any(|(known, _)| known == *field);
        if let Some(field) = needs.iter().find(lacks) {
            return Err((*field, "the cell is empty".to_owned()));
        }
        let instant = |field: Field| typed.time(field).map(|at| at.earliest(&self.utc));
        typed.head.at = match role {
            Role::Shipments if self.input.fold() != Some(FoldBy::Writes) => {
                instant(Field::UpdatedAt).or_else(|| instant(Field::WrittenAt))
            }
            Role::Orders => instant(Field::UpdatedAt).or_else(|| instant(Field::WrittenAt)),
            _ => instant(Field::WrittenAt),
        };
        Ok(typed)
    }

    fn cell<'r>(
        &self,
        field: Field,
        text: &'r str,
        (decimal_mark, mark): (u8, Mark),
    ) -> std::result::Result<TypedCell<'r>, (Field, String)> {
        let refused = |reason: String| Err((field, reason));
        match kind(field) {
            CellKind::Text => Ok(TypedCell::Text(text)),
            CellKind::Flag if text::flag(text).is_some() => Ok(TypedCell::Text(text)),
            CellKind::Flag => refused("no yes or no".to_owned()),
            CellKind::Time => match self.moment(text) {
                Some(at) => Ok(TypedCell::Time(at)),
                None => refused("no time that can be read; `timestamps` says how times are written".to_owned()),
            },
            CellKind::Money => {
                let amount = Amount::read(text, decimal_mark);
                if amount.is_ok_and(|amount| is_open(amount, mark)) {
                    return Ok(TypedCell::Open);
                }
                let fixed = amount.map(|amount| orders::fixed(amount).ok_or(NotAnAmount::TooManyDigits));
                match fixed.flatten() {
                    Ok(amount) => Ok(TypedCell::Money(amount)),
                    Err(NotAnAmount::TooManyDigits) => refused(
                        "an amount with more than nine digits after the decimal point, or more than 29 before it"
                            .to_owned(),
                    ),
                    Err(NotAnAmount::Notation) => refused("no number; `decimal` says which mark is used".to_owned()),
                }
            }
        }
    }

    fn moment(&self, text: &str) -> Option<Moment> {
        let times = &self.input.cells.times;
        let read = |text: &str| {
            let moment = times.read(text).ok()?;
            if let (Moment::Instant(at), Some(elsewhere)) = (moment, &self.elsewhere)
                && !text.ends_with('Z')
                && elsewhere.read(text) != Ok(Moment::Instant(at))
            {
                return times.as_written(text).map(|(day, _)| Moment::Date(day));
            }
            Some(moment)
        };
        read(text).or_else(|| read(&with_colons(text)?))
    }
}

/// The fields that name something, by which records meet.
const IDS: [Field; 6] =
    [Field::SellerId, Field::OrderId, Field::OrderItemId, Field::PackageId, Field::Sku, Field::TrackingNumber];

/// The ids by which rows become one: if a spreadsheet damaged them, those of different things are the same text.
const MERGING: [Field; 4] = [Field::SellerId, Field::OrderId, Field::OrderItemId, Field::PackageId];

const DAMAGED: &str = "damaged: a spreadsheet or a float has cut its digits; export the column as text";

/// Counts a cell that is set aside or read without its wrapper.
fn note(asides: &mut Asides, key: (Aside, Field), record: u64) {
    let known = asides.entry(key).or_default();
    known.count += 1;
    if known.records.len() < PLACES {
        known.records.push(record);
    }
}

/// Returns the ids that stand in a wrapper, without it; nearly all records have none. A cell with several numbers
/// stays as it is.
fn bare_ids(record: &Record) -> Vec<(Field, String)> {
    let bare = |field: Field| {
        let text = record.get(field).filter(|text| !wrapper::is_plain(text))?;
        let bare = match field {
            Field::TrackingNumber if is_several(text) => return None,
            Field::TrackingNumber => wrapper::unwrapped_number(wrapper::unlisted(text)),
            Field::OrderId | Field::OrderItemId | Field::PackageId => wrapper::unwrapped_number(text),
            _ => wrapper::unwrapped(text),
        };
        (*bare != *text).then(|| (field, bare.into_owned()))
    };
    IDS.into_iter().filter_map(bare).collect()
}

fn is_several(text: &str) -> bool {
    matches!(Tracking::read(text, &mut String::new()).0, Tracking::Several(_) | Tracking::Spaced(_))
}

/// Returns the cells of a record with the bare ids in place of the wrapped ones; an empty one is null.
fn without_wrappers<'r>(record: &Record<'r>, bare: &'r [(Field, String)]) -> [Option<&'r str>; Field::COUNT] {
    let mut cells = *record.cells;
    for (field, text) in bare {
        cells[field.index()] = Some(text.as_str()).filter(|text| !text.is_empty());
    }
    cells
}

/// Returns whether an amount of either sign can be thousands or thousandths.
fn is_open(amount: Amount, mark: Mark) -> bool {
    let size = Amount { mantissa: amount.mantissa.saturating_abs(), ..amount };
    odd_value(size, mark) == Some(OddValue::OpenMark)
}

/// Returns a time without colons (`2025-03-01T101500Z`), as paths hold them, with colons.
fn with_colons(text: &str) -> Option<String> {
    let (date, time) = text.split_once('T').filter(|(date, _)| date.len() == 10)?;
    let digits = time.bytes().take_while(u8::is_ascii_digit).count();
    let (clock, rest) = time.split_at(digits);
    match digits {
        6 => Some(format!("{date}T{}:{}:{}{rest}", &clock[..2], &clock[2..4], &clock[4..])),
        4 => Some(format!("{date}T{}:{}:00{rest}", &clock[..2], &clock[2..])),
        _ => None,
    }
}

fn reject(record: &Record, field: Field, reason: String) -> Reject {
    Reject {
        record: record.record,
        line: record.line,
        byte_offset: record.byte_offset,
        column: Some(field.name().to_owned()),
        reason,
        value: record.get(field).map(shown_value),
        seller: record.get(Field::SellerId).map(str::to_owned),
    }
}

/// Returns the instant of a moment on a clock; a bare date is the first instant of its day.
pub fn instant(at: Option<Moment>, zone: &Zone) -> Option<Micros> {
    at.map(|at| at.earliest(zone))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_paths_get_their_colons_back() {
        assert_eq!(with_colons("2025-03-01T101500Z").as_deref(), Some("2025-03-01T10:15:00Z"));
        assert_eq!(with_colons("2025-03-01T1015+0100").as_deref(), Some("2025-03-01T10:15:00+0100"));
        assert_eq!(with_colons("2025-03-01T10:15Z"), None);
        assert_eq!(with_colons("T101500"), None);
    }
}
