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
use crate::{number, wrapper};

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
    /// A number that a float has damaged, cleaned: nothing is judged by it.
    Damaged(&'a str),
    /// Several numbers in one cell: the whole cell, cleaned, and behind it each of them, a line end between.
    Several(&'a str),
    /// The same with mere blanks between: one number, unless the whole fits nothing and each of them does.
    Spaced(&'a str),
}

/// What reading a tracking cell met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Nothing to tell.
    None,
    /// The number stood in a wrapper.
    Unwrapped,
    /// The number is damaged.
    Damaged,
}

/// Characters of the shortest text that counts as one of several numbers.
const SHORTEST_OF_SEVERAL: usize = 8;

impl<'a> Tracking<'a> {
    /// Classifies a cleaned number.
    #[inline]
    pub fn of_cleaned(cleaned: &'a str) -> Tracking<'a> {
        let first = cleaned.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        if first || cleaned.chars().any(char::is_alphanumeric) { Tracking::Number(cleaned) } else { Tracking::Missing }
    }

    /// Reads a trimmed cell, empty if it is null; `buffer` is scratch.
    #[inline]
    pub fn read(raw: &'a str, buffer: &'a mut String) -> (Tracking<'a>, Notice) {
        if number::is_clean(raw) {
            (Tracking::of_cleaned(raw), Notice::None)
        } else {
            Tracking::read_unclean(raw, buffer)
        }
    }

    fn read_unclean(raw: &'a str, buffer: &'a mut String) -> (Tracking<'a>, Notice) {
        if wrapper::is_plain(raw) {
            number::clean_into(raw, buffer);
            return (Tracking::of_cleaned(buffer), Notice::None);
        }
        let text = wrapper::unwrapped_number(raw);
        number::clean_into(&text, buffer);
        if wrapper::is_damaged(&text) {
            return (Tracking::Damaged(buffer), Notice::Damaged);
        }
        let notice = if *text == *raw { Notice::None } else { Notice::Unwrapped };
        // The slashes of an address part no numbers.
        if buffer.contains("://") || buffer.starts_with("WWW") {
            return (Tracking::of_cleaned(buffer), notice);
        }
        let raw = wrapper::inner(raw);
        if append_several(raw.split([',', ';', '/', '|', '\n', '\r']), buffer) {
            return (Tracking::Several(buffer), Notice::None);
        }
        if append_several(raw.split_whitespace(), buffer) {
            return (Tracking::Spaced(buffer), notice);
        }
        (Tracking::of_cleaned(buffer), notice)
    }

    /// All of the cell, cleaned: what stands in for a missing package id; empty if there is no number.
    #[inline]
    pub fn whole(self) -> &'a str {
        match self {
            Tracking::NoColumn | Tracking::Missing => "",
            Tracking::Number(whole) | Tracking::Damaged(whole) => whole,
            Tracking::Several(all) | Tracking::Spaced(all) => all.split('\n').next().unwrap_or_default(),
        }
    }
}

/// Appends parts behind the cleaned whole if they are several numbers; whether they are.
fn append_several<'p>(parts: impl Iterator<Item = &'p str> + Clone, buffer: &mut String) -> bool {
    let parts = parts.filter(|part| !part.trim().is_empty());
    let is_long = |text: &str| text.chars().nth(SHORTEST_OF_SEVERAL - 1).is_some();
    // Most cells fail here, before anything is made of their parts.
    if parts.clone().nth(1).is_none() || !parts.clone().all(is_long) {
        return false;
    }
    let (whole, mut cleaned) = (buffer.len(), String::new());
    for part in parts {
        number::clean_into(&wrapper::unwrapped_number(part), &mut cleaned);
        if !is_long(&cleaned) {
            buffer.truncate(whole);
            return false;
        }
        buffer.push('\n');
        buffer.push_str(&cleaned);
    }
    true
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
