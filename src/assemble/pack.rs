//! Packages between the joins: the facts of a package, as a row and back.
//!
//! Times are instants from here on: a bare date is the first instant of its marketplace day, for a delivery the last.
//! It decides nothing except the week of a package. It cannot fail.

use super::facts::{Notes, RecordPlace};
use super::row::{Row, RowHead, RowWriter};
use vtr_kernel::calendar::{Day, Micros, Zone, monday};
use vtr_kernel::instant::Moment;
use vtr_kernel::lane::Country;
use vtr_kernel::policy::{Book, ListedPrices, Marketplace};
use vtr_kernel::sources::Field;

/// An order side has the order.
pub const HAS_ORDER: u16 = 1;
/// An event or document of a feed names its number.
pub const NAMED: u16 = 2;
/// A scan of it is known only by its state.
pub const BY_STATUS: u16 = 4;
/// Its scans come from events.
pub const BY_EVENTS: u16 = 8;
/// Its number can be looked up: it is present, and not a placeholder.
pub const HAS_NUMBER: u16 = 16;
/// Its source gives its state, so that no feed need name it.
pub const HAS_STATE: u16 = 32;

/// Its scans are events of its carrier's family or partners, and none is its carrier's own.
pub const BY_FRIEND: u16 = 64;
/// It is not scanned, but another carrier than its own has scans of its number.
pub const BY_OTHER: u16 = 128;
/// That other carrier delivered it.
pub const OTHER_DELIVERED: u16 = 256;
/// A later file has other packages of its order, and not this one.
pub const REPLACED: u16 = 512;

/// Texts of a package, in the order of canonical columns.
pub const TEXTS: [Field; 15] = [
    Field::SellerId,
    Field::Marketplace,
    Field::OrderId,
    Field::PackageId,
    Field::FulfillmentChannel,
    Field::OrderStatus,
    Field::Carrier,
    Field::ShipService,
    Field::BuyShipping,
    Field::TrackingNumber,
    Field::ShipFromCountry,
    Field::ShipToCountry,
    Field::Currency,
    Field::ProductCategory,
    Field::Programme,
];

/// Times of a package, in the order of canonical columns; after them those that only its state gives.
pub const TIMES: [Field; 7] = [
    Field::PromisedDeliveryAt,
    Field::ShippedAt,
    Field::TrackingAddedAt,
    Field::FirstScanAt,
    Field::DeliveryScanAt,
    Field::CreatedAt,
    Field::OccurredAt,
];

/// The place of a cell in a package.
#[derive(Clone, Copy)]
enum CellPlace {
    Nowhere,
    Text(u8),
    Time(u8),
    Value,
    Events,
}

/// By the number of the field.
const PLACES: [CellPlace; 256] = {
    let mut places = [CellPlace::Nowhere; 256];
    let mut at = 0;
    while at < TEXTS.len() {
        places[TEXTS[at] as usize] = CellPlace::Text(at as u8);
        at += 1;
    }
    let mut at = 0;
    while at < TIMES.len() {
        places[TIMES[at] as usize] = CellPlace::Time(at as u8);
        at += 1;
    }
    places[Field::PackageValue as usize] = CellPlace::Value;
    places[Field::Quantity as usize] = CellPlace::Events;
    places
};

fn instant(moment: Moment) -> Option<Micros> {
    match moment {
        Moment::Instant(at) => Some(at),
        Moment::Date(_) => None,
    }
}

/// The place of the first scan's time by the state; [`STATE_DELIVERY`] is that of the delivery.
pub const STATE_SCAN: usize = 5;
/// See [`STATE_SCAN`].
pub const STATE_DELIVERY: usize = 6;

/// The facts of one package.
#[derive(Clone, Debug, Default)]
pub struct Pack<'a> {
    /// The input that made it.
    pub input: u16,
    /// The flags above.
    pub flags: u16,
    /// The record that first had these facts.
    pub source: RecordPlace,
    /// The file that lent the order's facts.
    pub orders_file: Option<u32>,
    /// The time of its newest contributing write or document.
    pub updated_at: Option<Micros>,
    /// Texts, in the order of [`TEXTS`].
    pub texts: [Option<&'a str>; TEXTS.len()],
    /// Times, in the order of [`TIMES`].
    pub times: [Option<Micros>; TIMES.len()],
    /// Its value, with nine digits after the decimal point.
    pub value: Option<i128>,
    /// Distinct events that count.
    pub events: u64,
    /// The notes counted for it.
    pub notes: Notes,
}

impl<'a> Pack<'a> {
    /// Returns a text.
    pub fn text(&self, field: Field) -> Option<&'a str> {
        TEXTS.iter().position(|known| *known == field).and_then(|at| self.texts[at])
    }

    /// Returns a time.
    pub fn time(&self, field: Field) -> Option<Micros> {
        TIMES.iter().position(|known| *known == field).and_then(|at| self.times[at])
    }

    /// Writes it as a row.
    pub fn write(&self, bytes: &mut Vec<u8>) {
        let head = RowHead {
            input: self.input,
            flags: self.flags,
            file: self.source.file,
            record: self.source.record,
            document: self.orders_file.map_or(0, |file| u64::from(file) + 1),
            at: self.updated_at,
        };
        let mut row = RowWriter::begin(bytes, &head);
        for (field, text) in TEXTS.iter().zip(self.texts) {
            if let Some(text) = text {
                row.text(*field, text);
            }
        }
        for (field, time) in TIMES.iter().zip(self.times) {
            if let Some(time) = time {
                row.time(*field, Moment::Instant(time));
            }
        }
        if let Some(value) = self.value {
            row.money(Field::PackageValue, value);
        }
        if self.events > 0 {
            row.money(Field::Quantity, i128::from(self.events));
        }
        row.end_package(&self.notes);
    }

    /// Reads a package from its row.
    pub fn of(row: Row<'a>) -> Pack<'a> {
        let (row, notes) = row.package();
        let mut pack = Pack {
            input: row.head.input,
            flags: row.head.flags,
            source: RecordPlace { file: row.head.file, record: row.head.record },
            orders_file: u32::try_from(row.head.document).ok().and_then(|file| file.checked_sub(1)),
            updated_at: row.head.at,
            notes,
            ..Pack::default()
        };
        // One pass over the cells: a look-up of each field would pass over them two dozen times.
        row.each(|field, value| match PLACES[usize::from(field)] {
            CellPlace::Text(at) => pack.texts[usize::from(at)] = value.text(),
            CellPlace::Time(at) => pack.times[usize::from(at)] = instant(value.time()),
            CellPlace::Value => pack.value = Some(value.money()),
            CellPlace::Events => pack.events = u64::try_from(value.money()).unwrap_or(0),
            CellPlace::Nowhere => {}
        });
        pack
    }

    /// Returns the key by which packages are sorted within a week; all keys are distinct.
    pub fn key(&self) -> [&'a str; 5] {
        let fields = [Field::SellerId, Field::Marketplace, Field::OrderId, Field::PackageId, Field::TrackingNumber];
        fields.map(|field| self.text(field).unwrap_or_default())
    }

    /// Returns the Monday of its week of shipping; without a ship date that of the promise.
    pub fn week(&self, store: &StoreFacts) -> Day {
        let at = self.time(Field::ShippedAt).or_else(|| self.time(Field::PromisedDeliveryAt)).or(self.updated_at);
        // A package without any date cannot be judged; it is put into the first possible week.
        monday(at.map_or(vtr_kernel::calendar::FIRST_DAY, |at| store.zone.day_at(at)))
    }
}

/// The book's facts about a package's marketplace.
pub struct StoreFacts<'b> {
    /// Its name in tables; the text of the cell if the book does not know it.
    pub label: String,
    /// The zone in which its days begin; UTC if the book does not know it.
    pub zone: &'b Zone,
    /// Whether its listed prices include tax.
    pub prices: super::orders::Prices,
    /// Its country; unknown if the book does not know the marketplace.
    pub country: Country,
}

/// Looks a marketplace up in the book.
pub fn store<'b>(book: &'b Book, text: Option<&str>, utc: &'b Zone) -> StoreFacts<'b> {
    match text.and_then(|text| book.resolve_marketplace(text)) {
        Some(Marketplace::Known(id)) => {
            let market = book.market(id);
            StoreFacts {
                label: market.name.clone(),
                zone: &market.zone,
                prices: match market.listed_prices {
                    ListedPrices::WithTax => super::orders::Prices::WithTax,
                    ListedPrices::WithoutTax => super::orders::Prices::WithoutTax,
                },
                country: market.country,
            }
        }
        other => StoreFacts {
            label: match other {
                Some(Marketplace::None) => "(none)".to_owned(),
                _ => text.unwrap_or("(none)").to_owned(),
            },
            zone: utc,
            prices: super::orders::Prices::WithoutTax,
            country: Country::UNKNOWN,
        },
    }
}
