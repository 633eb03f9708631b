//! Rows of a batch, read a block at a time and column after column.
//!
//! Each column has a loop of its own, so that the reads of successive cells overlap, and the form of the column is
//! decided once per block. A block is small enough to stay in the first-level cache until its rows are judged.
//! Nothing is judged here, and nothing fails: a row with a fault is marked.

use crate::columns::{Columns, CountryCell, MarketCell};
use crate::input::CellRules;
use crate::keys::market_code;
use crate::resolve::Cell;
use vtr_kernel::calendar::Day;
use vtr_kernel::facts::{CarrierField, CurrencyField, Facts, FulfilledBy, OrderState, ScanColumns, Tracking};
use vtr_kernel::glance;
use vtr_kernel::instant::Moment;
use vtr_kernel::lane::Country;
use vtr_kernel::policy::Marketplace;
use vtr_kernel::service::Service;

/// The number of rows of a block: one bit of a word each.
pub(crate) const BLOCK: usize = glance::MOST;

/// The cells that are read from a row.
#[derive(Clone, Copy)]
pub(crate) struct Row<'a> {
    /// Whether all its cells can be read and the required ones exist; otherwise nothing of it may be used.
    pub is_sound: bool,
    /// Whether its times are known to need no second look.
    pub is_ordinary: bool,
    pub seller: u32,
    pub market: u16,
    pub category: u32,
    /// The code of the carrier's name as typed.
    pub typed: u32,
    /// The tracking number as typed.
    pub number: Option<&'a str>,
    /// Whether the facts have their tracking number.
    pub has_number: bool,
    pub updated: Option<Moment>,
    /// The day that places it in time, once it is known.
    pub day: Day,
    /// The facts to be judged, without the tracking number until that has been cleaned.
    pub facts: Facts<'a>,
}

/// Returns a row of which nothing has been read yet.
fn unread<'a>() -> Row<'a> {
    Row {
        is_sound: false,
        is_ordinary: false,
        seller: 0,
        market: 0,
        category: 0,
        typed: 0,
        number: None,
        has_number: false,
        updated: None,
        day: 0,
        facts: Facts {
            marketplace: Marketplace::None,
            fulfilled_by: FulfilledBy::Seller,
            state: OrderState::Live,
            order_id: "",
            carrier: CarrierField::NoColumn,
            service: Service::default(),
            buy_shipping: false,
            tracking: Tracking::NoColumn,
            origin: None,
            destination: None,
            value: None,
            currency: CurrencyField::Marketplaces,
            programme: None,
            promised: None,
            shipped: None,
            tracking_added: None,
            first_scan: None,
            delivery_scan: None,
            scan_columns: ScanColumns::Neither,
        },
    }
}

/// A block of rows.
pub(crate) struct Rows<'a>([Row<'a>; BLOCK]);

impl<'a> Rows<'a> {
    /// Makes room for a block.
    pub(crate) fn new() -> Rows<'a> {
        Rows([unread(); BLOCK])
    }

    /// Reads the rows of a batch of `of` rows from `first` on, as many as a block holds.
    pub(crate) fn read(&mut self, columns: &'a Columns, cells: &CellRules, first: usize, of: usize) -> &mut [Row<'a>] {
        let rows = &mut self.0[..BLOCK.min(of - first)];
        columns.seller.each(first, rows, |row, seller| {
            row.is_sound = seller.is_some();
            row.seller = seller.unwrap_or(0);
        });
        columns.market.each(first, rows, |row, market| match market {
            MarketCell::Known(marketplace) => {
                row.market = market_code(marketplace);
                row.facts.marketplace = marketplace;
            }
            MarketCell::Null | MarketCell::Unknown => row.is_sound = false,
        });
        columns.order.each(first, rows, cells, |row, order| {
            row.is_sound &= order.is_some();
            row.facts.order_id = order.unwrap_or_default();
        });
        columns.tracking.each(first, rows, cells, |row, number| {
            row.number = number;
            row.has_number = false;
        });
        labels(columns, first, rows);
        columns.buy_shipping.each(first, rows, cells, |row, flag| {
            row.is_sound &= flag != Cell::Fault;
            row.facts.buy_shipping = flag == Cell::Value(true);
        });
        columns.value.each(first, rows, cells, |row, value| {
            row.is_sound &= value != Cell::Fault;
            row.facts.value = value.sound().flatten();
        });
        times(columns, first, rows);
        rows
    }
}

fn labels(columns: &Columns, first: usize, rows: &mut [Row]) {
    columns.fulfilled.each(first, rows, |row, fulfilled_by| row.facts.fulfilled_by = fulfilled_by);
    columns.state.each(first, rows, |row, state| row.facts.state = state);
    columns.carrier.each(first, rows, |row, carrier| {
        row.typed = carrier.typed;
        row.facts.carrier = if columns.has_carrier { CarrierField::Name(carrier.name) } else { CarrierField::NoColumn };
    });
    columns.service.each(first, rows, |row, service| row.facts.service = service);
    columns.from.each(first, rows, |row, country| row.facts.origin = row.country(country));
    columns.to.each(first, rows, |row, country| row.facts.destination = row.country(country));
    columns.currency.each(first, rows, |row, currency| row.facts.currency = currency);
    columns.category.each(first, rows, |row, category| row.category = category);
    columns.programme.each(first, rows, |row, programme| row.facts.programme = programme);
    for row in rows {
        row.facts.scan_columns = columns.scan_columns;
    }
}

/// Returns the times of the rows from `first` on, column by column.
pub(crate) fn instants<'a>(columns: &'a Columns, first: usize, count: usize) -> glance::ShipmentTimes<'a> {
    glance::ShipmentTimes {
        promised: columns.promised.instants(first, count),
        shipped: columns.shipped.instants(first, count),
        tracking_added: columns.added.instants(first, count),
        first_scan: columns.first_scan.instants(first, count),
        delivery_scan: columns.delivery_scan.instants(first, count),
        updated: columns.updated.instants(first, count),
    }
}

fn times(columns: &Columns, first: usize, rows: &mut [Row]) {
    columns.promised.each(first, rows, |row, time| row.facts.promised = row.sound(time));
    columns.shipped.each(first, rows, |row, time| row.facts.shipped = row.sound(time));
    columns.added.each(first, rows, |row, time| row.facts.tracking_added = row.sound(time));
    columns.first_scan.each(first, rows, |row, time| row.facts.first_scan = row.sound(time));
    columns.delivery_scan.each(first, rows, |row, time| row.facts.delivery_scan = row.sound(time));
    columns.updated.each(first, rows, |row, time| row.updated = row.sound(time));
}

impl<'a> Row<'a> {
    /// Gives the facts their tracking number, if that is to be judged and is typed as it is judged.
    #[inline]
    pub(crate) fn take_number(&mut self) {
        let read = self.number.map_or(Some(Tracking::Missing), Tracking::read_clean);
        self.has_number = read.is_some();
        self.facts.tracking = read.unwrap_or(Tracking::Missing);
    }

    /// Returns the facts to be judged, with this tracking number.
    #[inline(always)]
    pub(crate) fn facts_with<'b>(&self, tracking: Tracking<'b>) -> Facts<'b>
    where
        'a: 'b,
    {
        Facts { tracking, ..self.facts }
    }

    /// Returns whether the row is out of scope whatever its countries: not sold on a marketplace, or shipped by one.
    pub(crate) fn is_off(&self) -> bool {
        (self.facts.marketplace == Marketplace::None) | (self.facts.fulfilled_by == FulfilledBy::Marketplace)
    }

    /// Returns the country of a cell; an unknown country makes the row unsound if it is measured by it.
    #[inline]
    fn country(&mut self, cell: CountryCell) -> Option<Country> {
        self.is_sound &= !(cell.is_unknown & !self.is_off());
        cell.known
    }

    #[inline]
    fn sound(&mut self, time: Cell<Moment>) -> Option<Moment> {
        match time {
            Cell::Value(moment) => Some(moment),
            Cell::Null => None,
            Cell::Fault => {
                self.is_sound = false;
                None
            }
        }
    }
}
