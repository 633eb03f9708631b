//! Facts: what a rule may ask of one shipment.
//!
//! Flat and `Copy`: codes resolved beforehand, and borrowed text for the two fields that differ
//! from row to row. It holds what the source says; what that means is the ladder's business.

use crate::amount::Amount;
use crate::carrier::CarrierName;
use crate::instant::Moment;
use crate::lane::Country;
use crate::money::Currency;
use crate::policy::{Marketplace, ProgrammeId};
use crate::service::Service;
use crate::text;
use crate::words::Words;

/// Who ships.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FulfilledBy {
    /// The seller; also anything that is not known to be the marketplace.
    Seller,
    /// The marketplace.
    Marketplace,
}

/// Whether the package still stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderState {
    /// It does.
    Live,
    /// It was canceled.
    Canceled,
}

/// The tracking field, cleaned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tracking<'a> {
    /// The source has no such column: what depends on it is not judged.
    NoColumn,
    /// Null, or nothing but blanks and punctuation.
    Missing,
    /// A cleaned number with at least one letter or digit.
    Number(&'a str),
}

impl<'a> Tracking<'a> {
    /// Classifies a cleaned number.
    #[inline]
    pub fn of_cleaned(cleaned: &'a str) -> Tracking<'a> {
        let first = cleaned.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        if first || cleaned.chars().any(char::is_alphanumeric) { Tracking::Number(cleaned) } else { Tracking::Missing }
    }
}

/// The carrier field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CarrierField {
    /// The source has no such column: what depends on it is not judged.
    NoColumn,
    /// A name, or null, folded.
    Name(CarrierName),
}

/// The currency field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CurrencyField {
    /// Null or absent: the marketplace's.
    Marketplaces,
    /// A code.
    Code(Currency),
    /// Text that is no code: no rate.
    Unknown,
}

impl CurrencyField {
    /// Reads trimmed text: a spelling of the book, or any three letters.
    pub fn read(text: Option<&str>, words: &Words) -> CurrencyField {
        let Some(text) = text else { return CurrencyField::Marketplaces };
        words.currency(text).or_else(|| Currency::read(text)).map_or(CurrencyField::Unknown, CurrencyField::Code)
    }
}

/// Which of the two scan columns the source has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the names say it
pub enum ScanColumns {
    Neither,
    FirstOnly,
    DeliveryOnly,
    Both,
}

/// One shipment as the source gives it.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Where it was sold.
    pub marketplace: Marketplace,
    /// Who shipped it.
    pub fulfilled_by: FulfilledBy,
    /// Whether it stands.
    pub state: OrderState,
    /// The order, as typed.
    pub order_id: &'a str,
    /// The carrier's name, folded.
    pub carrier: CarrierField,
    /// The service's name, folded.
    pub service: Service,
    /// Whether the label was bought through the marketplace.
    pub buy_shipping: bool,
    /// The tracking number, cleaned.
    pub tracking: Tracking<'a>,
    /// Origin; `None`: the marketplace's country.
    pub origin: Option<Country>,
    /// Destination; `None`: the marketplace's country.
    pub destination: Option<Country>,
    /// The package's value.
    pub value: Option<Amount>,
    /// What it is valued in.
    pub currency: CurrencyField,
    /// The programme its column names.
    pub programme: Option<ProgrammeId>,
    /// End of the delivery promise.
    pub promised: Option<Moment>,
    /// The seller's confirmation.
    pub shipped: Option<Moment>,
    /// When the number was given.
    pub tracking_added: Option<Moment>,
    /// First physical scan.
    pub first_scan: Option<Moment>,
    /// Delivery or attempt.
    pub delivery_scan: Option<Moment>,
    /// Which scans the source can know of.
    pub scan_columns: ScanColumns,
}

/// The product category in tables: null is `(none)`.
pub fn category_label(text: Option<&str>) -> &str {
    text.and_then(text::trim).unwrap_or("(none)")
}
