//! The fold: one loop over the rows of a batch, from cells to counts.
//!
//! Each row ends in exactly one place: rejected, after `as_of`, outside the range, or judged; which
//! of its copies is superseded is settled later, from the [`Copy`] records that the fold hands on.
//! It fails only on a column of a type that [`Column::read_as`](crate::input::Column::read_as)
//! refuses.

use crate::input::{CellRules, Column, ColumnSet};
use crate::keys::{Account, Keys, LocalKeys, Name, SharedKeys, market_code, market_from_code};
use crate::partial::{Partial, RowCells, TimeAxis, Wants, week_index};
use crate::resolve::{Amounts, Cell, Flags, Labels, Origin, Resolver, Texts, Times, fault_text};
use arrow::array::{
    Array, ArrayBuilder, ArrayRef, AsArray, BooleanBuilder, Date32Builder, Int64Builder, RecordBatch, StringArray,
    StringBuilder, UInt8Builder, UInt16Builder, UInt32Builder,
};
use arrow::datatypes::{UInt16Type, UInt32Type};
use arrow::util::display::array_value_to_string;
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;
use siphasher::sip128::{Hasher128, SipHasher13};
use std::hash::Hasher;
use std::sync::Arc;
use vtr_kernel::Book;
use vtr_kernel::calendar::{Day, FIRST_DAY, Zone};
use vtr_kernel::carrier::{Carrier, CarrierName};
use vtr_kernel::facts::{
    CarrierField, CurrencyField, Facts, FulfilledBy, OrderState, ScanColumns, Tracking, category_label,
};
use vtr_kernel::instant::Moment;
use vtr_kernel::ladder::{Evidence, Scanned, Terms, Verdict, is_implausible, judge, selecting_day, zone};
use vtr_kernel::lane::Country;
use vtr_kernel::number::clean_into;
use vtr_kernel::policy::{Marketplace, ProgrammeId, RuleId};
use vtr_kernel::reason::{Class, Reason};
use vtr_kernel::service::Service;

/// What a run folds by.
pub struct Settings<'a> {
    /// What is judged by.
    pub terms: Terms<'a>,
    /// Whether rows newer than `as_of` are kept.
    pub keep_later_rows: bool,
    /// First and last day asked for; `None`: all.
    pub range: Option<(Day, Day)>,
    /// First and last day that a window asked for can hold; `None`: all.
    pub windows: Option<(Day, Day)>,
    /// How days are cut for windows.
    pub axis: &'a TimeAxis,
    /// First and last day of each marketplace's health window, by index of the marketplace.
    pub health: Vec<(Day, Day)>,
    /// Which marginals are kept.
    pub wants: Wants,
    /// Whether the rows of defects are kept.
    pub wants_defects: bool,
    /// What makes rows copies of each other; `None`: nothing does.
    pub identity: Option<Identity>,
}

/// What makes rows copies of each other, and the key of the hash that finds them.
#[derive(Clone, Copy, Debug)]
pub struct Identity {
    /// Whether the order or the package is the unit.
    pub unit: Unit,
    /// Secret of the run.
    pub key: (u64, u64),
}

/// The unit of identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Seller, marketplace, order and package; the newest row wins.
    Package,
    /// Seller, marketplace and order; the newest file wins.
    Order,
}

/// The file whose rows are folded.
pub struct FileSource<'a> {
    /// Its index in name order.
    pub file: u32,
    /// Columns it has, constants included.
    pub columns: ColumnSet,
    /// Columns with one value.
    pub constants: &'a [(Column, String)],
    /// How its cells are read.
    pub cells: &'a CellRules,
}

/// Which records of the file the rows of a batch are.
#[derive(Clone, Debug)]
pub enum Records {
    /// Consecutive ones from this number.
    From(u64),
    /// These, with the physical line and the byte offset at which each begins.
    Listed {
        /// Record numbers, from 1.
        record: Vec<u64>,
        /// Line numbers, from 1.
        line: Vec<u64>,
        /// Byte offsets.
        byte_offset: Vec<u64>,
    },
}

impl Records {
    fn number(&self, row: usize) -> u64 {
        match self {
            Records::From(first) => first + row as u64,
            Records::Listed { record, .. } => record.get(row).copied().unwrap_or(0),
        }
    }

    fn place(&self, row: usize) -> (Option<u64>, Option<u64>) {
        match self {
            Records::From(_) => (None, None),
            Records::Listed { line, byte_offset, .. } => (line.get(row).copied(), byte_offset.get(row).copied()),
        }
    }
}

/// A row that cannot be judged at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// Record number in the file, from 1.
    pub record: u64,
    /// Physical line, where there are lines.
    pub line: Option<u64>,
    /// Byte offset of the record, where it is known.
    pub byte_offset: Option<u64>,
    /// The first column at fault; `None`: the record as a whole.
    pub column: Option<String>,
    /// What is wrong.
    pub reason: String,
    /// The offending value, escaped and cut; `None`: there is none.
    pub value: Option<String>,
}

/// The longest value that a reject shows, in characters.
const VALUE_CHARS: usize = 200;

/// A value as rejects show it: control characters escaped, at most 200 characters.
pub fn shown_value(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] }).take(VALUE_CHARS).collect()
}

/// What is known of a row that may be a copy of another: all it takes to choose among the copies
/// and to take a loser's counts out again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copy {
    /// Keyed hash of what identifies it.
    pub hash: (u64, u64),
    /// Package unit: `updated_at` in microseconds. Order unit: hash of the package.
    pub version: i64,
    /// File in the upper 24 bits, record in the lower 40.
    pub position: u64,
    /// Code of account and category.
    pub pair: u32,
    /// Code of the carrier's name.
    pub name: u32,
    /// Its day.
    pub day: Day,
    /// Its reason.
    pub reason: Reason,
    /// Whether a value it hung on was unknown.
    pub unpriced: bool,
}

/// The bits of a position that hold the record.
const RECORD_BITS: u32 = 40;

impl Copy {
    /// The file that the row stands in.
    pub fn file(&self) -> u32 {
        (self.position >> RECORD_BITS) as u32
    }

    /// The row's record number.
    pub fn record(&self) -> u64 {
        self.position & ((1 << RECORD_BITS) - 1)
    }
}

/// What a file's rows came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileTally {
    /// Rows that cannot be judged.
    pub rejected: u64,
    /// Rows not yet there on `as_of`.
    pub after_as_of: u64,
    /// Judged rows outside the range.
    pub outside_range: u64,
    /// Judged rows by class.
    pub classes: [u64; 4],
    /// First day of a row not rejected.
    pub first_day: Option<Day>,
    /// Last day of a row not rejected.
    pub last_day: Option<Day>,
}

impl FileTally {
    /// Adds another part of the same file.
    pub fn merge(&mut self, other: &FileTally) {
        self.rejected += other.rejected;
        self.after_as_of += other.after_as_of;
        self.outside_range += other.outside_range;
        self.classes.iter_mut().zip(other.classes).for_each(|(own, other)| *own += other);
        self.first_day = self.first_day.into_iter().chain(other.first_day).min();
        self.last_day = self.last_day.into_iter().chain(other.last_day).max();
    }

    fn see(&mut self, day: Day) {
        self.first_day = Some(self.first_day.map_or(day, |first| first.min(day)));
        self.last_day = Some(self.last_day.map_or(day, |last| last.max(day)));
    }
}

/// What the fold hands on beside the marginals, since it was last asked.
#[derive(Default)]
pub struct Yield {
    /// Counts of the file's rows.
    pub tally: FileTally,
    /// Rejected rows, in order.
    pub rejects: Vec<Reject>,
    /// A record for every row that may have copies.
    pub copies: Vec<Copy>,
    /// Rows of defects in the asked range; see [`defects_as_text`].
    pub defects: Option<RecordBatch>,
    /// Judged rows by week and class, counted apart from the marginals.
    pub weeks: Weeks,
    /// Rows whose verdict hung on a value that could not be compared.
    pub unpriced: u64,
}

/// Judged rows in range by week index and class: the independent counter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Weeks(pub Vec<[i64; 4]>);

impl Weeks {
    fn add(&mut self, week: u16, class: Class, by: i64) {
        let week = usize::from(week);
        if self.0.len() <= week {
            self.0.resize(week + 1, [0; 4]);
        }
        self.0[week][class as usize] += by;
    }

    /// Adds another counter.
    pub fn merge(&mut self, other: &Weeks) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), [0; 4]);
        }
        for (own, other) in self.0.iter_mut().zip(&other.0) {
            own.iter_mut().zip(other).for_each(|(own, other)| *own += other);
        }
    }
}

#[derive(Clone, Copy)]
enum MarketCell {
    Null,
    Unknown,
    Known(Marketplace),
}

#[derive(Clone, Copy)]
struct SellerCell {
    /// `None`: null.
    code: Option<u32>,
    hash: (u64, u64),
}

#[derive(Clone, Copy)]
struct CarrierCell {
    name: CarrierName,
    typed: u32,
}

#[derive(Default)]
struct Resolvers {
    seller: Resolver<SellerCell>,
    market: Resolver<MarketCell>,
    fulfilled: Resolver<FulfilledBy>,
    state: Resolver<OrderState>,
    carrier: Resolver<CarrierCell>,
    service: Resolver<Service>,
    from: Resolver<Option<Country>>,
    to: Resolver<Option<Country>>,
    currency: Resolver<CurrencyField>,
    category: Resolver<u32>,
    programme: Resolver<Option<ProgrammeId>>,
}

/// The columns of one batch, ready to be asked row by row.
struct Columns<'a> {
    seller: Labels<SellerCell>,
    market: Labels<MarketCell>,
    fulfilled: Labels<FulfilledBy>,
    state: Labels<OrderState>,
    carrier: Labels<CarrierCell>,
    service: Labels<Service>,
    from: Labels<Option<Country>>,
    to: Labels<Option<Country>>,
    currency: Labels<CurrencyField>,
    category: Labels<u32>,
    programme: Labels<Option<ProgrammeId>>,
    order: Texts<'a>,
    package: Texts<'a>,
    tracking: Texts<'a>,
    buy_shipping: Flags,
    value: Amounts,
    promised: Times,
    shipped: Times,
    added: Times,
    first_scan: Times,
    delivery_scan: Times,
    updated: Times,
}

/// A row whose cells all read.
struct Row<'a> {
    seller: SellerCell,
    seller_code: u32,
    marketplace: Marketplace,
    order_id: &'a str,
    promised: Option<Moment>,
    shipped: Option<Moment>,
    updated: Option<Moment>,
    day: Day,
}

/// What becomes of one row.
pub enum Fate<'a> {
    /// It cannot be judged.
    Rejected(Reject),
    /// It is not there yet on the `as_of` day.
    AfterAsOf(Day),
    /// It was judged.
    Judged {
        /// What was judged.
        facts: &'a Facts<'a>,
        /// The verdict.
        verdict: &'a Verdict,
        /// Its package.
        package: &'a str,
        /// What makes it a copy of another; `None` if copies are not sought.
        copy: Option<Copy>,
    },
}

/// Folds batches on one thread.
pub struct Folder<'a> {
    settings: &'a Settings<'a>,
    keys: LocalKeys<'a>,
    resolvers: Resolvers,
    partial: Partial,
    cleaned: String,
    utc: Zone,
    out: Yield,
    defects: DefectRows,
}

impl<'a> Folder<'a> {
    /// A folder without counts.
    pub fn new(settings: &'a Settings<'a>, keys: &'a SharedKeys) -> Folder<'a> {
        Folder {
            settings,
            keys: LocalKeys::new(keys),
            resolvers: Resolvers::default(),
            partial: Partial::default(),
            cleaned: String::new(),
            utc: Zone::utc(),
            out: Yield::default(),
            defects: DefectRows::default(),
        }
    }

    /// Folds the rows of a batch whose fields are named by canonical columns.
    ///
    /// # Errors
    /// A column whose type cannot be read; nothing of the batch is counted then.
    pub fn batch(&mut self, source: &FileSource, batch: &RecordBatch, records: &Records) -> Result<(), String> {
        let columns = self.columns(source, batch)?;
        let mut cleaned = std::mem::take(&mut self.cleaned);
        for row in 0..batch.num_rows() {
            match self.read(&columns, source, row) {
                Some(read) => self.place(&columns, source, row, &read, records, &mut cleaned),
                None => {
                    let reject = self.first_fault(&columns, source, batch, records, row);
                    self.reject(reject);
                }
            }
        }
        self.cleaned = cleaned;
        self.keep(columns);
        Ok(())
    }

    /// Tells the fate of each row of a batch instead of counting it.
    ///
    /// # Errors
    /// As [`Folder::batch`].
    pub fn explain(
        &mut self,
        source: &FileSource,
        batch: &RecordBatch,
        records: &Records,
        tell: &mut dyn FnMut(usize, Fate),
    ) -> Result<(), String> {
        let columns = self.columns(source, batch)?;
        let mut cleaned = String::new();
        for row in 0..batch.num_rows() {
            let Some(read) = self.read(&columns, source, row) else {
                tell(row, Fate::Rejected(self.first_fault(&columns, source, batch, records, row)));
                continue;
            };
            if self.is_later(&read) {
                tell(row, Fate::AfterAsOf(read.day));
                continue;
            }
            clean_into(columns.tracking.get(row, source.cells).unwrap_or_default(), &mut cleaned);
            let facts = facts(&columns, source, row, &read, &cleaned);
            let verdict = judge(&facts, read.day, &self.settings.terms);
            let package = columns.package.get(row, source.cells).unwrap_or(number_of(&facts));
            let clock = zone(self.settings.terms.book, read.marketplace, &self.utc);
            let identity = self.settings.identity;
            let copy = identity.map(|identity| copy(identity, source.file, records.number(row), &read, package, clock));
            tell(row, Fate::Judged { facts: &facts, verdict: &verdict, package, copy });
        }
        self.keep(columns);
        Ok(())
    }

    /// Counts a row that was rejected before it became part of a batch.
    pub fn reject(&mut self, reject: Reject) {
        self.out.tally.rejected += 1;
        self.out.rejects.push(reject);
    }

    /// What was handed on since the last call; to be asked for between files.
    pub fn take(&mut self) -> Yield {
        let mut out = std::mem::take(&mut self.out);
        out.defects = self.defects.finish();
        out
    }

    /// The copies handed on since the last call; to be asked for often, for they are many.
    pub fn take_copies(&mut self) -> Vec<Copy> {
        std::mem::take(&mut self.out.copies)
    }

    /// The counts of everything folded.
    pub fn finish(self) -> Partial {
        self.partial
    }

    fn columns<'b>(&mut self, source: &'b FileSource, batch: &'b RecordBatch) -> Result<Columns<'b>, String> {
        let origin = |column: Column| match batch.column_by_name(column.name()) {
            Some(array) => Origin::Array(array),
            None => match source.constants.iter().find(|(constant, _)| *constant == column) {
                Some((_, text)) => Origin::Constant(text),
                None => Origin::Absent,
            },
        };
        let (cells, keys, book) = (source.cells, &self.keys, self.settings.terms.book);
        let r = &mut self.resolvers;
        let country = |text: Option<&str>| text.map(Country::read);
        Ok(Columns {
            seller: r.seller.labels(&origin(Column::SellerId), cells, |text| SellerCell {
                code: text.map(|text| keys.seller(text)),
                hash: text.map_or((0, 0), |text| hash(self.settings.identity, text.as_bytes())),
            })?,
            market: r.market.labels(&origin(Column::Marketplace), cells, |text| match text {
                None => MarketCell::Null,
                Some(text) => book.resolve_marketplace(text).map_or(MarketCell::Unknown, MarketCell::Known),
            })?,
            fulfilled: r.fulfilled.labels(&origin(Column::FulfillmentChannel), cells, FulfilledBy::read)?,
            state: r.state.labels(&origin(Column::OrderStatus), cells, OrderState::read)?,
            carrier: r.carrier.labels(&origin(Column::Carrier), cells, |text| CarrierCell {
                name: book.carriers.resolve(text),
                typed: keys.typed(text.unwrap_or_default()),
            })?,
            service: r.service.labels(&origin(Column::ShipService), cells, |text| book.services.resolve(text))?,
            from: r.from.labels(&origin(Column::ShipFromCountry), cells, country)?,
            to: r.to.labels(&origin(Column::ShipToCountry), cells, country)?,
            currency: r.currency.labels(&origin(Column::Currency), cells, CurrencyField::read)?,
            category: r.category.labels(&origin(Column::ProductCategory), cells, |text| keys.category(category_label(text)))?,
            programme: r.programme.labels(&origin(Column::Programme), cells, |text| text.and_then(|text| book.resolve_programme(text)))?,
            order: Texts::new(&origin(Column::OrderId), cells)?,
            package: Texts::new(&origin(Column::PackageId), cells)?,
            tracking: Texts::new(&origin(Column::TrackingNumber), cells)?,
            buy_shipping: Flags::new(&origin(Column::BuyShipping), cells)?,
            value: Amounts::new(&origin(Column::PackageValue), cells)?,
            promised: Times::new(&origin(Column::PromisedDeliveryAt), cells)?,
            shipped: Times::new(&origin(Column::ShippedAt), cells)?,
            added: Times::new(&origin(Column::TrackingAddedAt), cells)?,
            first_scan: Times::new(&origin(Column::FirstScanAt), cells)?,
            delivery_scan: Times::new(&origin(Column::DeliveryScanAt), cells)?,
            updated: Times::new(&origin(Column::UpdatedAt), cells)?,
        })
    }

    fn keep(&mut self, columns: Columns) {
        let r = &mut self.resolvers;
        r.seller.keep(columns.seller);
        r.market.keep(columns.market);
        r.fulfilled.keep(columns.fulfilled);
        r.state.keep(columns.state);
        r.carrier.keep(columns.carrier);
        r.service.keep(columns.service);
        r.from.keep(columns.from);
        r.to.keep(columns.to);
        r.currency.keep(columns.currency);
        r.category.keep(columns.category);
        r.programme.keep(columns.programme);
    }

    /// The row, if nothing about it is to be rejected.
    #[inline]
    fn read<'b>(&self, columns: &'b Columns, source: &FileSource, row: usize) -> Option<Row<'b>> {
        let cells = source.cells;
        let seller = columns.seller.get(row);
        let seller_code = seller.code?;
        let MarketCell::Known(marketplace) = columns.market.get(row) else { return None };
        let order_id = columns.order.get(row, cells)?;
        let fault = |cell: Cell<Moment>| cell == Cell::Fault;
        if columns.buy_shipping.get(row, cells) == Cell::Fault
            || columns.value.get(row, cells) == Cell::Fault
            || fault(columns.added.get(row, cells))
            || fault(columns.first_scan.get(row, cells))
            || fault(columns.delivery_scan.get(row, cells))
        {
            return None;
        }
        let (promised, shipped) = (columns.promised.get(row, cells), columns.shipped.get(row, cells));
        let updated = columns.updated.get(row, cells);
        if fault(promised) || fault(shipped) || fault(updated) {
            return None;
        }
        let (promised, shipped, updated) = (promised.value(), shipped.value(), updated.value());
        let terms = &self.settings.terms;
        let day = selecting_day(terms.book, marketplace, promised, shipped, &self.utc)?;
        let clock = zone(terms.book, marketplace, &self.utc);
        let wrong = |moment: Option<Moment>| moment.is_some_and(|moment| is_implausible(moment.day(clock), terms.as_of));
        if wrong(promised) || wrong(shipped) {
            return None;
        }
        Some(Row { seller, seller_code, marketplace, order_id, promised, shipped, updated, day })
    }

    /// Counts a row that reads where it belongs.
    fn place(&mut self, columns: &Columns, source: &FileSource, row: usize, read: &Row, records: &Records, cleaned: &mut String) {
        let settings = self.settings;
        self.out.tally.see(read.day);
        if self.is_later(read) {
            self.out.tally.after_as_of += 1;
            return;
        }
        let raw = columns.tracking.get(row, source.cells);
        clean_into(raw.unwrap_or_default(), cleaned);
        let facts = facts(columns, source, row, read, cleaned);
        let verdict = judge(&facts, read.day, &settings.terms);
        let carrier = columns.carrier.get(row);
        let market = market_code(read.marketplace);
        let account = self.keys.account(Account { seller: read.seller_code, market, programme: verdict.programme.0 });
        let cells = RowCells {
            cell: self.keys.cell(account, verdict.carrier),
            pair: self.keys.pair(account, columns.category.get(row)),
            name: self.keys.name(Name { market, carrier: verdict.carrier.code(), typed: carrier.typed }),
            ..self.cells(read.marketplace, &verdict)
        };
        self.count(&cells, 1);
        self.out.unpriced += u64::from(verdict.unpriced);
        let package = || columns.package.get(row, source.cells).unwrap_or(number_of(&facts));
        let record = records.number(row);
        if let Some(identity) = settings.identity {
            let copy = copy(identity, source.file, record, read, package(), zone(settings.terms.book, read.marketplace, &self.utc));
            let rest = Copy { pair: cells.pair, name: cells.name, day: verdict.day, reason: verdict.reason, unpriced: verdict.unpriced, ..copy };
            self.out.copies.push(rest);
        }
        if settings.wants_defects && cells.in_range && verdict.reason.class() == Class::Defect {
            let delivered = matches!(settings.terms.evidence, Evidence::Scans) && Scanned::of(&facts, settings.terms.as_of).delivery.is_some();
            let typed = carrier.typed;
            let defect = DefectRow { typed, package_id: package(), tracking: raw.unwrap_or_default(), mendable: !delivered };
            self.defects.push(source.file, record, read, &verdict, &defect);
        }
    }

    /// Whether a row is not there yet on the `as_of` day.
    fn is_later(&self, read: &Row) -> bool {
        let later = |moment: Option<Moment>| moment.is_some_and(|moment| moment.is_after(self.settings.terms.as_of));
        !self.settings.keep_later_rows && (later(read.updated) || later(read.shipped))
    }

    fn cells(&self, marketplace: Marketplace, verdict: &Verdict) -> RowCells {
        let settings = self.settings;
        row_cells(settings, marketplace, verdict.carrier, verdict.day, verdict.reason)
    }

    fn count(&mut self, cells: &RowCells, by: i64) {
        self.partial.count(cells, self.settings.wants, by);
        let class = cells.reason.class();
        if cells.in_range {
            self.out.tally.classes[class as usize] += 1;
            self.out.weeks.add(cells.week, class, by);
        } else {
            self.out.tally.outside_range += 1;
        }
    }

    /// What to reject a row for: the first fault in the order of the columns.
    fn first_fault(&self, columns: &Columns, source: &FileSource, batch: &RecordBatch, records: &Records, row: usize) -> Reject {
        let (column, reason) = self.fault(columns, source, row);
        let shown = match batch.column_by_name(column.name()) {
            Some(array) if array.is_valid(row) => array_value_to_string(array, row).ok(),
            Some(_) => None,
            None => source.constants.iter().find(|(constant, _)| *constant == column).map(|(_, text)| text.clone()),
        };
        let (line, byte_offset) = records.place(row);
        Reject {
            record: records.number(row),
            line,
            byte_offset,
            column: Some(column.name().to_owned()),
            reason: reason.to_owned(),
            value: shown.map(|text| shown_value(&text)),
        }
    }

    fn fault(&self, columns: &Columns, source: &FileSource, row: usize) -> (Column, &'static str) {
        let cells = source.cells;
        const EMPTY: &str = "empty, but needed";
        if columns.seller.get(row).code.is_none() {
            return (Column::SellerId, EMPTY);
        }
        let marketplace = match columns.market.get(row) {
            MarketCell::Null => return (Column::Marketplace, EMPTY),
            MarketCell::Unknown => return (Column::Marketplace, "no marketplace of the book"),
            MarketCell::Known(marketplace) => marketplace,
        };
        if columns.order.get(row, cells).is_none() {
            return (Column::OrderId, EMPTY);
        }
        if columns.buy_shipping.get(row, cells) == Cell::Fault {
            return (Column::BuyShipping, fault_text(Column::BuyShipping));
        }
        if columns.value.get(row, cells) == Cell::Fault {
            return (Column::PackageValue, fault_text(Column::PackageValue));
        }
        let clock = zone(self.settings.terms.book, marketplace, &self.utc);
        if columns.promised.get(row, cells) == Cell::Null && columns.shipped.get(row, cells) == Cell::Null {
            return (Column::PromisedDeliveryAt, "empty, and shipped_at too: one of the two is needed");
        }
        let times = [
            (Column::PromisedDeliveryAt, &columns.promised),
            (Column::ShippedAt, &columns.shipped),
            (Column::TrackingAddedAt, &columns.added),
            (Column::FirstScanAt, &columns.first_scan),
            (Column::DeliveryScanAt, &columns.delivery_scan),
            (Column::UpdatedAt, &columns.updated),
        ];
        for (column, times) in times {
            let limited = matches!(column, Column::PromisedDeliveryAt | Column::ShippedAt);
            match times.get(row, cells) {
                Cell::Fault => return (column, fault_text(column)),
                Cell::Value(moment) if limited && moment.day(clock) < FIRST_DAY => return (column, "before 2005-01-01"),
                Cell::Value(moment) if limited && is_implausible(moment.day(clock), self.settings.terms.as_of) => {
                    return (column, "more than two years after as_of");
                }
                _ => {}
            }
        }
        unreachable!("a row is asked for its fault only if it has one")
    }
}

/// The cleaned number, empty if there is none: what stands in for a missing package id.
fn number_of<'a>(facts: &Facts<'a>) -> &'a str {
    match facts.tracking {
        Tracking::Number(number) => number,
        Tracking::NoColumn | Tracking::Missing => "",
    }
}

/// The facts of a row that reads.
#[inline]
fn facts<'b>(columns: &Columns, source: &FileSource, row: usize, read: &Row<'b>, cleaned: &'b str) -> Facts<'b> {
    let cells = source.cells;
    let has = |column| source.columns.contains(column);
    Facts {
        marketplace: read.marketplace,
        fulfilled_by: columns.fulfilled.get(row),
        state: columns.state.get(row),
        order_id: read.order_id,
        carrier: if has(Column::Carrier) { CarrierField::Name(columns.carrier.get(row).name) } else { CarrierField::NoColumn },
        service: columns.service.get(row),
        buy_shipping: columns.buy_shipping.get(row, cells).value().unwrap_or(false),
        tracking: if has(Column::TrackingNumber) { Tracking::of_cleaned(cleaned) } else { Tracking::NoColumn },
        origin: columns.from.get(row),
        destination: columns.to.get(row),
        value: columns.value.get(row, cells).value(),
        currency: columns.currency.get(row),
        programme: columns.programme.get(row),
        promised: read.promised,
        shipped: read.shipped,
        tracking_added: columns.added.get(row, cells).value(),
        first_scan: columns.first_scan.get(row, cells).value(),
        delivery_scan: columns.delivery_scan.get(row, cells).value(),
        scan_columns: match (has(Column::FirstScanAt), has(Column::DeliveryScanAt)) {
            (true, true) => ScanColumns::Both,
            (true, false) => ScanColumns::FirstOnly,
            (false, true) => ScanColumns::DeliveryOnly,
            (false, false) => ScanColumns::Neither,
        },
    }
}

/// Where in time a judged row is counted; its codes are filled in by the caller.
fn row_cells(settings: &Settings, marketplace: Marketplace, carrier: Carrier, day: Day, reason: Reason) -> RowCells {
    let within = |span: Option<(Day, Day)>| span.is_none_or(|(first, last)| first <= day && day <= last);
    let in_health = match marketplace {
        Marketplace::None => false,
        Marketplace::Known(id) => settings.health.get(usize::from(id.0)).is_some_and(|(first, last)| *first <= day && day <= *last),
    };
    RowCells {
        cell: 0,
        pair: 0,
        name: 0,
        carrier,
        week: week_index(day),
        segment: settings.axis.segment(day).min(usize::from(u16::MAX)) as u16,
        reason,
        in_range: within(settings.range),
        in_windows: within(settings.windows),
        is_culprit: in_health && reason.class() == Class::Defect,
    }
}

/// Takes the counts of superseded rows out again.
pub struct Subtractor<'a> {
    settings: &'a Settings<'a>,
    keys: &'a Keys,
    cells: HashMap<(u32, u16), u32, FxBuildHasher>,
    partial: Partial,
    weeks: Weeks,
}

impl<'a> Subtractor<'a> {
    /// Nothing taken out yet.
    pub fn new(settings: &'a Settings<'a>, keys: &'a Keys) -> Subtractor<'a> {
        let cells = keys.cells.iter().enumerate().map(|(code, cell)| (*cell, code as u32)).collect();
        Subtractor { settings, keys, cells, partial: Partial::default(), weeks: Weeks::default() }
    }

    /// Takes out one row, also from its file's counts.
    ///
    /// # Panics
    /// If the row was never counted.
    pub fn take_out(&mut self, copy: &Copy, tally: &mut FileTally) {
        let (account, _) = self.keys.pairs[copy.pair as usize];
        let name = self.keys.names[copy.name as usize];
        let at = row_cells(self.settings, market_from_code(name.market), name.known_as(), copy.day, copy.reason);
        let cell = self.cells[&(account, name.carrier)];
        let cells = RowCells { cell, pair: copy.pair, name: copy.name, ..at };
        self.partial.count(&cells, self.settings.wants, -1);
        let class = copy.reason.class();
        if cells.in_range {
            tally.classes[class as usize] -= 1;
            self.weeks.add(cells.week, class, -1);
        } else {
            tally.outside_range -= 1;
        }
    }

    /// The negative counts, to be merged with the folded ones.
    pub fn finish(self) -> (Partial, Weeks) {
        (self.partial, self.weeks)
    }
}

fn hash(identity: Option<Identity>, bytes: &[u8]) -> (u64, u64) {
    let (a, b) = identity.map_or((0, 0), |identity| identity.key);
    let mut hasher = SipHasher13::new_with_keys(a, b);
    hasher.write(bytes);
    let hash = hasher.finish128();
    (hash.h1, hash.h2)
}

/// The identity of a row; its counts are filled in by the caller.
fn copy(identity: Identity, file: u32, record: u64, read: &Row, package: &str, clock: &Zone) -> Copy {
    let mut hasher = SipHasher13::new_with_keys(identity.key.0, identity.key.1);
    hasher.write_u64(read.seller.hash.0);
    hasher.write_u64(read.seller.hash.1);
    hasher.write_u16(market_code(read.marketplace));
    hasher.write(read.order_id.as_bytes());
    let version = match identity.unit {
        Unit::Package => {
            // 0xff stands in no UTF-8 text, so no order and package run into each other.
            hasher.write_u8(0xff);
            hasher.write(package.as_bytes());
            read.updated.map_or(i64::MIN, |moment| moment.earliest(clock))
        }
        Unit::Order => hash(Some(identity), package.as_bytes()).0 as i64,
    };
    let hash = hasher.finish128();
    Copy {
        hash: (hash.h1, hash.h2),
        version,
        position: u64::from(file) << RECORD_BITS | record,
        pair: 0,
        name: 0,
        day: read.day,
        reason: Reason::Scanned,
        unpriced: false,
    }
}

/// The parts of a defect that are in neither row nor verdict.
struct DefectRow<'a> {
    typed: u32,
    package_id: &'a str,
    tracking: &'a str,
    mendable: bool,
}

/// Columns of defects in codes; [`defects_as_text`] makes them readable.
struct DefectRows {
    file: UInt32Builder,
    record: Int64Builder,
    seller: UInt32Builder,
    market: UInt16Builder,
    order_id: StringBuilder,
    package_id: StringBuilder,
    day: Date32Builder,
    typed: UInt32Builder,
    carrier: UInt16Builder,
    tracking: StringBuilder,
    reason: UInt8Builder,
    rule: UInt32Builder,
    likely: UInt16Builder,
    mendable: BooleanBuilder,
}

impl Default for DefectRows {
    fn default() -> Self {
        DefectRows {
            file: UInt32Builder::new(),
            record: Int64Builder::new(),
            seller: UInt32Builder::new(),
            market: UInt16Builder::new(),
            order_id: StringBuilder::new(),
            package_id: StringBuilder::new(),
            day: Date32Builder::new(),
            typed: UInt32Builder::new(),
            carrier: UInt16Builder::new(),
            tracking: StringBuilder::new(),
            reason: UInt8Builder::new(),
            rule: UInt32Builder::new(),
            likely: UInt16Builder::new(),
            mendable: BooleanBuilder::new(),
        }
    }
}

impl DefectRows {
    fn push(&mut self, file: u32, record: u64, read: &Row, verdict: &Verdict, defect: &DefectRow) {
        self.file.append_value(file);
        self.record.append_value(record as i64);
        self.seller.append_value(read.seller_code);
        self.market.append_value(market_code(read.marketplace));
        self.order_id.append_value(read.order_id);
        self.package_id.append_value(defect.package_id);
        self.day.append_value(verdict.day);
        self.typed.append_value(defect.typed);
        self.carrier.append_value(verdict.carrier.code());
        self.tracking.append_value(defect.tracking);
        self.reason.append_value(verdict.reason as u8);
        self.rule.append_value(verdict.rule.0);
        self.likely.append_option(verdict.likely_carrier.map(|id| Carrier::Known(id).code()));
        self.mendable.append_value(defect.mendable);
    }

    fn finish(&mut self) -> Option<RecordBatch> {
        if self.file.is_empty() {
            return None;
        }
        let columns: Vec<(&str, ArrayRef, bool)> = vec![
            ("file", Arc::new(self.file.finish()), false),
            ("record", Arc::new(self.record.finish()), false),
            ("seller_id", Arc::new(self.seller.finish()), false),
            ("marketplace", Arc::new(self.market.finish()), false),
            ("order_id", Arc::new(self.order_id.finish()), false),
            ("package_id", Arc::new(self.package_id.finish()), false),
            ("day", Arc::new(self.day.finish()), false),
            ("carrier_typed", Arc::new(self.typed.finish()), false),
            ("carrier", Arc::new(self.carrier.finish()), false),
            ("tracking_number", Arc::new(self.tracking.finish()), false),
            ("reason", Arc::new(self.reason.finish()), false),
            ("rule", Arc::new(self.rule.finish()), false),
            ("likely_carrier", Arc::new(self.likely.finish()), true),
            ("mendable", Arc::new(self.mendable.finish()), false),
        ];
        Some(RecordBatch::try_from_iter_with_nullable(columns).expect("one value a column was pushed for each row"))
    }
}

/// The defects of a batch that the fold handed on, with texts for codes. Columns: `file` (UInt32),
/// `record` (Int64), `seller_id`, `marketplace`, `order_id`, `package_id` (Utf8), `day` (Date32),
/// `carrier_typed`, `carrier`, `tracking_number` (Utf8), `reason` (UInt8), `rule` (Utf8),
/// `likely_carrier` (Utf8, nullable), `mendable` (Boolean).
///
/// # Panics
/// If the batch is not one that the fold handed on.
pub fn defects_as_text(batch: &RecordBatch, keys: &Keys, book: &Book) -> RecordBatch {
    let column = |name: &str| batch.column_by_name(name).expect("the fold names its columns").clone();
    let texts32 = |name: &str, text: &dyn Fn(u32) -> String| -> ArrayRef {
        let codes = column(name);
        let codes = codes.as_primitive::<UInt32Type>();
        Arc::new(codes.iter().map(|code| code.map(text)).collect::<StringArray>())
    };
    let texts16 = |name: &str, text: &dyn Fn(u16) -> String| -> ArrayRef {
        let codes = column(name);
        let codes = codes.as_primitive::<UInt16Type>();
        Arc::new(codes.iter().map(|code| code.map(text)).collect::<StringArray>())
    };
    let carrier = |code: u16| book.carriers.label(Carrier::from_code(code)).to_owned();
    let columns: Vec<(&str, ArrayRef, bool)> = vec![
        ("file", column("file"), false),
        ("record", column("record"), false),
        ("seller_id", texts32("seller_id", &|code| keys.sellers[code as usize].to_string()), false),
        ("marketplace", texts16("marketplace", &|code| book.marketplace_label(market_from_code(code)).to_owned()), false),
        ("order_id", column("order_id"), false),
        ("package_id", column("package_id"), false),
        ("day", column("day"), false),
        ("carrier_typed", texts32("carrier_typed", &|code| keys.typed[code as usize].to_string()), false),
        ("carrier", texts16("carrier", &carrier), false),
        ("tracking_number", column("tracking_number"), false),
        ("reason", column("reason"), false),
        ("rule", texts32("rule", &|code| book.rule(RuleId(code)).to_owned()), false),
        ("likely_carrier", texts16("likely_carrier", &carrier), true),
        ("mendable", column("mendable"), false),
    ];
    RecordBatch::try_from_iter_with_nullable(columns).expect("every column is as long as its codes")
}
