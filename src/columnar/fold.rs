//! The fold: one loop over the rows of a batch, from cells to counts.
//!
//! Each row ends in exactly one place: rejected, after `as_of`, outside the range, or judged; which
//! of its copies is superseded is settled later, from the [`Copy`] records that the fold hands on.
//! It fails only on a column of a type that [`Column::read_as`](crate::input::Column::read_as)
//! refuses.

pub use crate::copies::{Copy, Subtractor};
pub use crate::defects::defects_as_text;
pub use crate::reject::{Records, Reject, shown_cell, shown_value};
pub use crate::settings::{Identity, Settings, Unit};
pub use crate::tallies::{FileTally, Weeks};

use crate::copies::{copy, hash};
use crate::defects::{DefectRow, DefectRows};
use crate::input::{CellRules, Column, ColumnSet};
use crate::keys::{Account, LocalKeys, Name, SharedKeys, market_code};
use crate::partial::{Partial, RowCells};
use crate::resolve::{Amounts, Cell, Flags, Labels, Origin, Resolver, Texts, Times, fault_text};
use crate::settings::row_cells;
use arrow::array::RecordBatch;
use std::ops::RangeInclusive;
use vtr_kernel::calendar::{Day, FIRST_DAY, Zone, last_plausible_day};
use vtr_kernel::carrier::CarrierName;
use vtr_kernel::facts::{
    CarrierField, CurrencyField, Facts, FulfilledBy, OrderState, ScanColumns, Tracking, category_label,
};
use vtr_kernel::instant::Moment;
use vtr_kernel::ladder::{Evidence, Scanned, Verdict, judge, selecting_day, zone};
use vtr_kernel::lane::Country;
use vtr_kernel::number::clean_into;
use vtr_kernel::policy::{Marketplace, ProgrammeId};
use vtr_kernel::reason::Class;
use vtr_kernel::service::Service;

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

#[derive(Clone, Copy)]
enum MarketCell {
    Null,
    Unknown,
    Known(Marketplace),
}

#[derive(Clone, Copy)]
pub(crate) struct SellerCell {
    /// `None`: null.
    code: Option<u32>,
    pub hash: (u64, u64),
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
pub(crate) struct Row<'a> {
    pub seller: SellerCell,
    pub seller_code: u32,
    pub marketplace: Marketplace,
    pub order_id: &'a str,
    promised: Option<Moment>,
    shipped: Option<Moment>,
    pub updated: Option<Moment>,
    pub day: Day,
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
    /// Days that a promise or a shipment can lie on.
    plausible: RangeInclusive<Day>,
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
            plausible: FIRST_DAY..=last_plausible_day(settings.terms.as_of),
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
            category: r
                .category
                .labels(&origin(Column::ProductCategory), cells, |text| keys.category(category_label(text)))?,
            programme: r
                .programme
                .labels(&origin(Column::Programme), cells, |text| text.and_then(|text| book.resolve_programme(text)))?,
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
        let wrong = |moment: Option<Moment>| moment.is_some_and(|moment| !self.plausible.contains(&moment.day(clock)));
        if wrong(promised) || wrong(shipped) {
            return None;
        }
        Some(Row { seller, seller_code, marketplace, order_id, promised, shipped, updated, day })
    }

    /// Counts a row that reads where it belongs.
    fn place(
        &mut self,
        columns: &Columns,
        source: &FileSource,
        row: usize,
        read: &Row,
        records: &Records,
        cleaned: &mut String,
    ) {
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
        let unpriced = verdict.unpriced && cells.in_range;
        self.out.unpriced += u64::from(unpriced);
        let package = || columns.package.get(row, source.cells).unwrap_or(number_of(&facts));
        let record = records.number(row);
        if let Some(identity) = settings.identity {
            let copy = copy(
                identity,
                source.file,
                record,
                read,
                package(),
                zone(settings.terms.book, read.marketplace, &self.utc),
            );
            let rest =
                Copy { pair: cells.pair, name: cells.name, day: verdict.day, reason: verdict.reason, unpriced, ..copy };
            self.out.copies.push(rest);
        }
        if settings.wants_defects && cells.in_range && verdict.reason.class() == Class::Defect {
            let delivered = matches!(settings.terms.evidence, Evidence::Scans)
                && Scanned::of(&facts, settings.terms.as_of).delivery.is_some();
            let typed = carrier.typed;
            let defect =
                DefectRow { typed, package_id: package(), tracking: raw.unwrap_or_default(), mendable: !delivered };
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
    fn first_fault(
        &self,
        columns: &Columns,
        source: &FileSource,
        batch: &RecordBatch,
        records: &Records,
        row: usize,
    ) -> Reject {
        let (column, reason) = self.fault(columns, source, row);
        let shown = match batch.column_by_name(column.name()) {
            Some(array) => shown_cell(array, row),
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
                Cell::Value(moment) if limited && moment.day(clock) < FIRST_DAY => {
                    return (column, "before 2005-01-01");
                }
                Cell::Value(moment) if limited && !self.plausible.contains(&moment.day(clock)) => {
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
        carrier: if has(Column::Carrier) {
            CarrierField::Name(columns.carrier.get(row).name)
        } else {
            CarrierField::NoColumn
        },
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
