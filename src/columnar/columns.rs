//! The columns of a batch, each resolved or typed so that rows are read without further decisions.
//!
//! This module decides once per batch from which array or constant a canonical column comes. It neither judges nor
//! counts; it fails on a column whose type cannot be read.

use crate::asides::Aside;
use crate::copies::{Of, text_hash};
use crate::input::{CellRules, Column, Kind};
use crate::keys::SharedKeys;
use crate::refusal::InputError;
use crate::resolve::{Amounts, Flags, Labels, Origin, Resolver};
use crate::settings::Identity;
use crate::source::Input;
use crate::texts::{Marks, Texts, Typed, holds_numbers};
use crate::times::Times;
use arrow::array::{Array, RecordBatch};
use arrow::datatypes::DataType;
use std::cell::Cell;
use vtr_kernel::carrier::CarrierName;
use vtr_kernel::facts::{CurrencyField, FulfilledBy, OrderState, ScanColumns, category_label};
use vtr_kernel::lane::Country;
use vtr_kernel::placeholder::Placeholders;
use vtr_kernel::policy::{Marketplace, ProgrammeId};
use vtr_kernel::service::Service;
use vtr_kernel::words::{Word, Words};
use vtr_kernel::{Book, countries, wrapper};

/// The resolved text of a marketplace.
#[derive(Clone, Copy)]
pub(crate) enum MarketCell {
    Null,
    Unknown,
    Known(Marketplace),
}

/// The resolved text of a carrier, and its code as typed.
#[derive(Clone, Copy)]
pub(crate) struct CarrierCell {
    pub(crate) name: CarrierName,
    pub(crate) typed: u32,
}

/// The number of carrier names by code whose meaning is remembered; further names are resolved each time.
const NAMES: usize = 1 << 17;

/// The meaning of carrier names by their code as typed. Resolving one takes microseconds. Every batch of CSV has a
/// dictionary of its own, which holds mostly names of earlier batches.
#[derive(Default)]
struct Names(Vec<Option<(CarrierName, Option<Aside>)>>);

impl Names {
    fn cell(&mut self, text: Option<&str>, keys: &SharedKeys, book: &Book, aside: &mut Option<Aside>) -> CarrierCell {
        let typed = keys.typed(text.unwrap_or_default());
        let resolve = || {
            let filler = text.filter(|text| book.placeholders.is_filler(text)).map(|_| Aside::FillerText);
            (book.carrier_name(text), filler)
        };
        let at = typed as usize;
        if self.0.len() <= at && at < NAMES {
            self.0.resize(at + 1, None);
        }
        let (name, filler) = match self.0.get_mut(at) {
            Some(known) => *known.get_or_insert_with(resolve),
            None => resolve(),
        };
        *aside = filler;
        CarrierCell { name, typed }
    }
}

/// Returns the code of a seller's id, given as trimmed text; `None` if it is empty without its wrappers, damaged, or a
/// filler.
fn seller(text: &str, keys: &SharedKeys, fillers: &Placeholders, aside: &mut Option<Aside>) -> Option<u32> {
    let id = wrapper::unwrapped(text);
    if wrapper::is_damaged(&id) || fillers.is_id_filler(&id) {
        *aside = Some(if wrapper::is_damaged(&id) { Aside::DamagedId } else { Aside::FillerText });
        return None;
    }
    *aside = (*id != *text).then_some(Aside::WrappedText);
    (!id.is_empty()).then(|| keys.seller(&id))
}

/// The resolved text of a country.
#[derive(Clone, Copy)]
pub(crate) struct CountryCell {
    /// The country; `None` if the text is null or no country. Rows copy it without a test, because nulls come in no
    /// predictable order.
    pub(crate) known: Option<Country>,
    /// Whether the text is no country.
    pub(crate) is_unknown: bool,
}

impl CountryCell {
    fn read(text: Option<&str>) -> CountryCell {
        let known = text.and_then(countries::read);
        CountryCell { known, is_unknown: text.is_some() && known.is_none() }
    }
}

/// The constants among the identifiers, without their wrappers.
#[derive(Default)]
pub(crate) struct Held {
    order: String,
    package: String,
}

/// The resolved texts of label columns, remembered from batch to batch.
#[derive(Default)]
pub(crate) struct Resolvers {
    seller: Resolver<Option<u32>>,
    seller_hash: Resolver<(u64, u64)>,
    market: Resolver<MarketCell>,
    fulfilled: Resolver<FulfilledBy>,
    state: Resolver<OrderState>,
    carrier: Resolver<CarrierCell>,
    names: Names,
    service: Resolver<Service>,
    from: Resolver<CountryCell>,
    to: Resolver<CountryCell>,
    currency: Resolver<CurrencyField>,
    category: Resolver<u32>,
    programme: Resolver<Option<ProgrammeId>>,
}

/// The columns of one batch, ready to be read row by row.
pub(crate) struct Columns<'a> {
    /// The codes of sellers.
    pub(crate) seller: Labels<Option<u32>>,
    /// The keyed hashes of their ids, if copies are sought. They are a column of their own, so that the codes, which
    /// every run reads, take a quarter of the memory.
    pub(crate) seller_hash: Labels<(u64, u64)>,
    pub(crate) market: Labels<MarketCell>,
    pub(crate) fulfilled: Labels<FulfilledBy>,
    pub(crate) state: Labels<OrderState>,
    pub(crate) carrier: Labels<CarrierCell>,
    pub(crate) service: Labels<Service>,
    pub(crate) service_typed: Typed<'a>,
    pub(crate) from: Labels<CountryCell>,
    pub(crate) to: Labels<CountryCell>,
    pub(crate) currency: Labels<CurrencyField>,
    pub(crate) category: Labels<u32>,
    pub(crate) programme: Labels<Option<ProgrammeId>>,
    pub(crate) order: Texts<'a>,
    pub(crate) package: Texts<'a>,
    pub(crate) tracking: Texts<'a>,
    pub(crate) buy_shipping: Flags,
    pub(crate) value: Amounts,
    pub(crate) promised: Times,
    pub(crate) shipped: Times,
    pub(crate) added: Times,
    pub(crate) first_scan: Times,
    pub(crate) delivery_scan: Times,
    pub(crate) updated: Times,
    pub(crate) has_carrier: bool,
    pub(crate) has_tracking: bool,
    pub(crate) scan_columns: ScanColumns,
    /// The rows whose order id is wrapped, or is null because it is damaged.
    pub(crate) order_marks: Marks,
    /// The rows whose package id is wrapped, or is null because it is damaged.
    package_marks: Marks,
    /// The rows whose tracking number is an integer.
    tracking_marks: Marks,
}

/// Returns the meaning of a word, and notes whether the book lists it.
fn known<T>(word: Word<T>, aside: &mut Option<Aside>) -> T {
    *aside = word.is_unknown().then_some(Aside::UnknownWord);
    word.meaning()
}

/// Returns the state of an order, and notes whether its word is unknown or says that it is not shipped yet.
fn state(text: Option<&str>, words: &Words, aside: &mut Option<Aside>) -> OrderState {
    let state = known(words.order_state(text), aside);
    if text.is_some_and(|text| words.is_unshipped(text)) {
        *aside = Some(Aside::Unshipped);
    }
    state
}

/// Refuses numbers in a text column, because a float has damaged them. Tracking numbers are accepted, because scans
/// can still decide.
fn only_nan(batch: &RecordBatch) -> Result<(), InputError> {
    let columns = batch.schema_ref().fields().iter().zip(batch.columns());
    for (column, array) in columns.filter_map(|(field, array)| Some((Column::from_name(field.name())?, array))) {
        let kind = array.data_type();
        let is_text = matches!(column.kind(), Kind::Label | Kind::Text) && column != Column::TrackingNumber;
        if is_text && kind.is_floating() {
            let holds_numbers = holds_numbers(array).map_err(|why| InputError::unreadable(column, kind, why))?;
            if holds_numbers {
                return Err(column.refuse_float(kind));
            }
        }
    }
    Ok(())
}

fn scan_columns(has_first: bool, has_delivery: bool) -> ScanColumns {
    match (has_first, has_delivery) {
        (true, true) => ScanColumns::Both,
        (true, false) => ScanColumns::FirstOnly,
        (false, true) => ScanColumns::DeliveryOnly,
        (false, false) => ScanColumns::Neither,
    }
}

impl Resolvers {
    /// Returns the columns of a batch; [`keep`](Resolvers::keep) takes them back.
    ///
    /// # Errors
    /// Returns the column whose values cannot be read as its type.
    pub(crate) fn columns<'b>(
        &mut self,
        input: &'b Input,
        batch: &'b RecordBatch,
        keys: &SharedKeys,
        book: &Book,
        identity: Option<Identity>,
        held: &'b mut Held,
    ) -> Result<Columns<'b>, InputError> {
        only_nan(batch)?;
        // Columns are read one after the other, so the last one read is the one at fault.
        let last = Cell::new(Column::SellerId);
        let origin = |column: Column| {
            last.set(column);
            input.origin(batch, column)
        };
        self.read(&origin, input.cells(), keys, book, identity, held).map_err(|why| {
            let array = batch.column_by_name(last.get().name());
            InputError::unreadable(last.get(), array.map_or(&DataType::Null, |array| array.data_type()), why)
        })
    }

    fn read<'b>(
        &mut self,
        origin: &dyn Fn(Column) -> Origin<'b>,
        cells: &CellRules,
        keys: &SharedKeys,
        book: &Book,
        identity: Option<Identity>,
        held: &'b mut Held,
    ) -> Result<Columns<'b>, String> {
        let r = self;
        let has = |column| !matches!(origin(column), Origin::Absent);
        let fillers = &book.placeholders;
        let (order, order_marks) =
            Texts::identifiers(&origin(Column::OrderId), cells, |id| fillers.is_id_filler(id), &mut held.order)?;
        let (package, package_marks) =
            Texts::identifiers(&origin(Column::PackageId), cells, |id| fillers.is_filler(id), &mut held.package)?;
        let (tracking, tracking_marks) = Texts::numbers(&origin(Column::TrackingNumber), cells)?;
        Ok(Columns {
            seller: r
                .seller
                .labels(&origin(Column::SellerId), cells, |text, aside| seller(text?, keys, fillers, aside))?,
            seller_hash: match identity {
                None => Labels::one(|_| (0, 0)),
                Some(identity) => r.seller_hash.labels(&origin(Column::SellerId), cells, |text, _| {
                    text_hash(identity, Of::Seller, &wrapper::unwrapped(text.unwrap_or_default()))
                })?,
            },
            market: r.market.labels(&origin(Column::Marketplace), cells, |text, _| match text {
                None => MarketCell::Null,
                Some(text) => book.resolve_marketplace(text).map_or(MarketCell::Unknown, MarketCell::Known),
            })?,
            fulfilled: r.fulfilled.labels(&origin(Column::FulfillmentChannel), cells, |text, aside| {
                known(book.words.fulfilled_by(text), aside)
            })?,
            state: r
                .state
                .labels(&origin(Column::OrderStatus), cells, |text, aside| state(text, &book.words, aside))?,
            carrier: r
                .carrier
                .labels(&origin(Column::Carrier), cells, |text, aside| r.names.cell(text, keys, book, aside))?,
            service: r.service.labels(&origin(Column::ShipService), cells, |text, _| book.services.resolve(text))?,
            service_typed: Typed::new(&origin(Column::ShipService))?,
            from: r.from.labels(&origin(Column::ShipFromCountry), cells, |text, _| CountryCell::read(text))?,
            to: r.to.labels(&origin(Column::ShipToCountry), cells, |text, _| CountryCell::read(text))?,
            currency: r.currency.labels(&origin(Column::Currency), cells, |text, aside| {
                *aside = text.filter(|text| book.words.currency(text).is_none()).map(|_| Aside::UnknownWord);
                CurrencyField::read(text, &book.words)
            })?,
            category: r.category.labels(&origin(Column::ProductCategory), cells, |text, _| {
                keys.category(category_label(text.filter(|text| !fillers.is_filler(text))))
            })?,
            programme: r.programme.labels(&origin(Column::Programme), cells, |text, aside| {
                let programme = text.and_then(|text| book.resolve_programme(text));
                *aside = text.filter(|_| programme.is_none()).map(|_| Aside::UnknownWord);
                programme
            })?,
            order,
            package,
            tracking,
            buy_shipping: Flags::new(&origin(Column::BuyShipping), cells)?,
            value: Amounts::new(&origin(Column::PackageValue), cells)?,
            promised: Times::new(&origin(Column::PromisedDeliveryAt), cells)?,
            shipped: Times::new(&origin(Column::ShippedAt), cells)?,
            added: Times::new(&origin(Column::TrackingAddedAt), cells)?,
            first_scan: Times::new(&origin(Column::FirstScanAt), cells)?,
            delivery_scan: Times::new(&origin(Column::DeliveryScanAt), cells)?,
            updated: Times::new(&origin(Column::UpdatedAt), cells)?,
            has_carrier: has(Column::Carrier),
            has_tracking: has(Column::TrackingNumber),
            scan_columns: scan_columns(has(Column::FirstScanAt), has(Column::DeliveryScanAt)),
            order_marks,
            package_marks,
            tracking_marks,
        })
    }

    /// Takes back what the columns of a batch borrowed.
    pub(crate) fn keep(&mut self, columns: Columns) {
        let r = self;
        r.seller.keep(columns.seller);
        r.seller_hash.keep(columns.seller_hash);
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
}

impl Columns<'_> {
    /// Returns why the order id of a row is set aside; `None`: it is not.
    pub(crate) fn order_aside(&self, row: usize) -> Option<Aside> {
        let own = |(marked, _): &&(usize, Aside)| matches!(self.order, Texts::Constant(_)) || *marked == row;
        self.order_marks.iter().find(own).map(|(_, aside)| *aside)
    }

    /// Calls `tell` with each country that occurs in the texts of a column.
    pub(crate) fn each_country(&self, tell: &mut dyn FnMut(Column, Country)) {
        for (column, labels) in [(Column::ShipFromCountry, &self.from), (Column::ShipToCountry, &self.to)] {
            labels.all().filter_map(|country| country.known).for_each(|country| tell(column, country));
        }
    }

    /// Calls `tell` for each value among `rows` rows that is set aside whatever the rest of its row holds. Damaged
    /// ids of sellers and orders, and fillers in their place, are left out because their rows are rejected.
    pub(crate) fn each_aside(&self, rows: usize, tell: &mut dyn FnMut(Column, usize, Aside)) {
        let is_rejected = |aside: Aside| matches!(aside, Aside::DamagedId | Aside::FillerText);
        self.seller.each_aside(rows, &mut |row, aside| {
            if !is_rejected(aside) {
                tell(Column::SellerId, row, aside);
            }
        });
        self.carrier.each_aside(rows, &mut |row, aside| tell(Column::Carrier, row, aside));
        self.fulfilled.each_aside(rows, &mut |row, aside| tell(Column::FulfillmentChannel, row, aside));
        // An order that is not shipped yet is only told of if its row shows no package either.
        self.state.each_aside(rows, &mut |row, aside| {
            if aside != Aside::Unshipped {
                tell(Column::OrderStatus, row, aside);
            }
        });
        self.currency.each_aside(rows, &mut |row, aside| tell(Column::Currency, row, aside));
        self.programme.each_aside(rows, &mut |row, aside| tell(Column::Programme, row, aside));
        let marks = [
            (Column::PackageId, &self.package, &self.package_marks),
            (Column::TrackingNumber, &self.tracking, &self.tracking_marks),
        ];
        let orders = self.order_marks.iter().filter(|(_, aside)| !is_rejected(*aside));
        every(&self.order, orders, rows, &mut |row, aside| tell(Column::OrderId, row, aside));
        for (column, texts, marks) in marks {
            every(texts, marks.iter(), rows, &mut |row, aside| tell(column, row, aside));
        }
    }
}

/// Calls `tell` for marked rows; the mark of a constant applies to every row.
fn every<'m>(
    texts: &Texts,
    marks: impl Iterator<Item = &'m (usize, Aside)>,
    rows: usize,
    tell: &mut dyn FnMut(usize, Aside),
) {
    for (row, aside) in marks {
        match texts {
            Texts::Constant(_) => (0..rows).for_each(|row| tell(row, *aside)),
            Texts::Absent | Texts::View(_) => tell(*row, *aside),
        }
    }
}
