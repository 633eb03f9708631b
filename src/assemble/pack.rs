//! Packages between the joins: what is known of one, as a row and back.
//!
//! Times are instants from here on: a bare date is the first one of its marketplace day, of a delivery the last. It
//! decides nothing but in which week a package lies. It cannot fail.

use super::facts::{Notes, Place};
use super::row::{Head, Row, Writer};
use vtr_kernel::calendar::{Day, Micros, Zone, monday};
use vtr_kernel::instant::Moment;
use vtr_kernel::lane::Country;
use vtr_kernel::policy::{Book, ListedPrices, Marketplace};
use vtr_kernel::sources::Field;

/// An order side knows the order.
pub const HAS_ORDER: u16 = 1;
/// An event or document of a feed names its number.
pub const NAMED: u16 = 2;
/// A scan of it is known by its state only.
pub const BY_STATUS: u16 = 4;
/// Its scans come from events.
pub const BY_EVENTS: u16 = 8;
/// Its number can be looked for: it is there, and no placeholder.
pub const HAS_NUMBER: u16 = 16;
/// Its source tells its state, so that no feed need name it.
pub const HAS_STATE: u16 = 32;

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

/// Times of a package, in the order of canonical columns; behind them those that only its state tells.
pub const TIMES: [Field; 7] = [
    Field::PromisedDeliveryAt,
    Field::ShippedAt,
    Field::TrackingAddedAt,
    Field::FirstScanAt,
    Field::DeliveryScanAt,
    Field::CreatedAt,
    Field::OccurredAt,
];

/// Where a cell of a package belongs.
#[derive(Clone, Copy)]
enum At {
    Nowhere,
    Text(u8),
    Time(u8),
    Value,
    Events,
}

/// By the number of the field.
const PLACES: [At; 256] = {
    let mut places = [At::Nowhere; 256];
    let mut at = 0;
    while at < TEXTS.len() {
        places[TEXTS[at] as usize] = At::Text(at as u8);
        at += 1;
    }
    let mut at = 0;
    while at < TIMES.len() {
        places[TIMES[at] as usize] = At::Time(at as u8);
        at += 1;
    }
    places[Field::PackageValue as usize] = At::Value;
    places[Field::Quantity as usize] = At::Events;
    places
};

fn instant(moment: Moment) -> Option<Micros> {
    match moment {
        Moment::Instant(at) => Some(at),
        Moment::Date(_) => None,
    }
}

/// What its state says of the first scan, and of the delivery.
pub const STATE_SCAN: usize = 5;
/// See [`STATE_SCAN`].
pub const STATE_DELIVERY: usize = 6;

/// What is known of one package.
#[derive(Clone, Debug, Default)]
pub struct Pack<'a> {
    /// The input that made it.
    pub input: u16,
    /// What is known of it.
    pub flags: u16,
    /// Where the facts as they are stand.
    pub source: Place,
    /// The file that lent the order's facts.
    pub orders_file: Option<u32>,
    /// Its newest contributing write or document.
    pub updated_at: Option<Micros>,
    /// By [`TEXTS`].
    pub texts: [Option<&'a str>; TEXTS.len()],
    /// By [`TIMES`].
    pub times: [Option<Micros>; TIMES.len()],
    /// Its value, with nine digits behind the mark.
    pub value: Option<i128>,
    /// Distinct events that count.
    pub events: u64,
    /// What was counted.
    pub notes: Notes,
}

impl<'a> Pack<'a> {
    /// A text.
    pub fn text(&self, field: Field) -> Option<&'a str> {
        TEXTS.iter().position(|known| *known == field).and_then(|at| self.texts[at])
    }

    /// A time.
    pub fn time(&self, field: Field) -> Option<Micros> {
        TIMES.iter().position(|known| *known == field).and_then(|at| self.times[at])
    }

    /// Writes it as a row.
    pub fn write(&self, bytes: &mut Vec<u8>) {
        let head = Head {
            input: self.input,
            flags: self.flags,
            file: self.source.file,
            record: self.source.record,
            document: self.orders_file.map_or(0, |file| u64::from(file) + 1),
            at: self.updated_at,
        };
        let mut row = Writer::begin(bytes, &head);
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

    /// Of its row.
    pub fn of(row: Row<'a>) -> Pack<'a> {
        let (row, notes) = row.package();
        let mut pack = Pack {
            input: row.head.input,
            flags: row.head.flags,
            source: Place { file: row.head.file, record: row.head.record },
            orders_file: u32::try_from(row.head.document).ok().and_then(|file| file.checked_sub(1)),
            updated_at: row.head.at,
            notes,
            ..Pack::default()
        };
        // One pass over the cells: a look-up of each field would pass over them two dozen times.
        row.each(|field, value| match PLACES[usize::from(field)] {
            At::Text(at) => pack.texts[usize::from(at)] = value.text(),
            At::Time(at) => pack.times[usize::from(at)] = instant(value.time()),
            At::Value => pack.value = Some(value.money()),
            At::Events => pack.events = u64::try_from(value.money()).unwrap_or(0),
            At::Nowhere => {}
        });
        pack
    }

    /// What packages are sorted by within a week; no two are equal.
    pub fn key(&self) -> [&'a str; 5] {
        let fields = [Field::SellerId, Field::Marketplace, Field::OrderId, Field::PackageId, Field::TrackingNumber];
        fields.map(|field| self.text(field).unwrap_or_default())
    }

    /// The Monday of its week of shipping, without a ship date of the promise.
    pub fn week(&self, store: &Store) -> Day {
        let at = self.time(Field::ShippedAt).or_else(|| self.time(Field::PromisedDeliveryAt)).or(self.updated_at);
        // A package without any date is none that can be judged; it lies in the first week there can be.
        monday(at.map_or(vtr_kernel::calendar::FIRST_DAY, |at| store.zone.day_at(at)))
    }
}

/// What the book says of a package's marketplace.
pub struct Store<'b> {
    /// Its name in tables; what stands in the cell if the book does not know it.
    pub label: String,
    /// Where its days begin; UTC if the book does not know it.
    pub zone: &'b Zone,
    /// Whether its listed prices hold tax.
    pub prices: super::orders::Prices,
    /// Its country; unknown if the book does not know the marketplace.
    pub country: Country,
}

/// Looks a marketplace up.
pub fn store<'b>(book: &'b Book, text: Option<&str>, utc: &'b Zone) -> Store<'b> {
    match text.and_then(|text| book.resolve_marketplace(text)) {
        Some(Marketplace::Known(id)) => {
            let market = book.market(id);
            Store {
                label: market.name.clone(),
                zone: &market.zone,
                prices: match market.listed_prices {
                    ListedPrices::WithTax => super::orders::Prices::WithTax,
                    ListedPrices::WithoutTax => super::orders::Prices::WithoutTax,
                },
                country: market.country,
            }
        }
        other => Store {
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
