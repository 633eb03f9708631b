//! The columns of a batch, each resolved or typed so that a row is read without asking how.
//!
//! Which array or constant a canonical column comes from is settled here, once for a batch. It neither
//! judges nor counts; it fails on a column of a type that cannot be read.

use crate::input::{CellRules, Column, ColumnSet};
use crate::keys::SharedKeys;
use crate::resolve::{Amounts, Flags, Labels, Origin, Resolver, Texts, Times, Typed};
use arrow::array::RecordBatch;
use vtr_kernel::Book;
use vtr_kernel::carrier::CarrierName;
use vtr_kernel::facts::{CurrencyField, FulfilledBy, OrderState, ScanColumns, category_label};
use vtr_kernel::lane::Country;
use vtr_kernel::policy::{Marketplace, ProgrammeId};
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

/// What the text of a marketplace was resolved to.
#[derive(Clone, Copy)]
pub(crate) enum MarketCell {
    Null,
    Unknown,
    Known(Marketplace),
}

/// What the text of a carrier was resolved to, and its code as typed.
#[derive(Clone, Copy)]
pub(crate) struct CarrierCell {
    pub(crate) name: CarrierName,
    pub(crate) typed: u32,
}

/// What the texts of label columns were resolved to, remembered from batch to batch.
#[derive(Default)]
pub(crate) struct Resolvers {
    /// `None`: null.
    seller: Resolver<Option<u32>>,
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
pub(crate) struct Columns<'a> {
    pub(crate) seller: Labels<Option<u32>>,
    pub(crate) market: Labels<MarketCell>,
    pub(crate) fulfilled: Labels<FulfilledBy>,
    pub(crate) state: Labels<OrderState>,
    pub(crate) carrier: Labels<CarrierCell>,
    pub(crate) service: Labels<Service>,
    pub(crate) service_typed: Typed<'a>,
    pub(crate) from: Labels<Option<Country>>,
    pub(crate) to: Labels<Option<Country>>,
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
}

impl Resolvers {
    /// The columns of a batch; to be given back to [`keep`](Resolvers::keep).
    ///
    /// # Errors
    /// A column whose type cannot be read.
    pub(crate) fn columns<'b>(
        &mut self,
        source: &'b FileSource,
        batch: &'b RecordBatch,
        keys: &SharedKeys,
        book: &Book,
    ) -> Result<Columns<'b>, String> {
        let origin = |column: Column| match batch.column_by_name(column.name()) {
            Some(array) => Origin::Array(array),
            None => match source.constants.iter().find(|(constant, _)| *constant == column) {
                Some((_, text)) => Origin::Constant(text),
                None => Origin::Absent,
            },
        };
        let (cells, r) = (source.cells, self);
        let has = |column| source.columns.contains(column);
        let country = |text: Option<&str>| text.map(Country::read);
        Ok(Columns {
            seller: r.seller.labels(&origin(Column::SellerId), cells, |text| text.map(|text| keys.seller(text)))?,
            market: r.market.labels(&origin(Column::Marketplace), cells, |text| match text {
                None => MarketCell::Null,
                Some(text) => book.resolve_marketplace(text).map_or(MarketCell::Unknown, MarketCell::Known),
            })?,
            fulfilled: r
                .fulfilled
                .labels(&origin(Column::FulfillmentChannel), cells, |text| book.words.fulfilled_by(text).meaning())?,
            state: r
                .state
                .labels(&origin(Column::OrderStatus), cells, |text| book.words.order_state(text).meaning())?,
            carrier: r.carrier.labels(&origin(Column::Carrier), cells, |text| CarrierCell {
                name: book.carriers.resolve(text),
                typed: keys.typed(text.unwrap_or_default()),
            })?,
            service: r.service.labels(&origin(Column::ShipService), cells, |text| book.services.resolve(text))?,
            service_typed: Typed::new(&origin(Column::ShipService))?,
            from: r.from.labels(&origin(Column::ShipFromCountry), cells, country)?,
            to: r.to.labels(&origin(Column::ShipToCountry), cells, country)?,
            currency: r
                .currency
                .labels(&origin(Column::Currency), cells, |text| CurrencyField::read(text, &book.words))?,
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
            has_carrier: has(Column::Carrier),
            has_tracking: has(Column::TrackingNumber),
            scan_columns: match (has(Column::FirstScanAt), has(Column::DeliveryScanAt)) {
                (true, true) => ScanColumns::Both,
                (true, false) => ScanColumns::FirstOnly,
                (false, true) => ScanColumns::DeliveryOnly,
                (false, false) => ScanColumns::Neither,
            },
        })
    }

    /// Takes back what the columns of a batch borrowed.
    pub(crate) fn keep(&mut self, columns: Columns) {
        let r = self;
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
}
