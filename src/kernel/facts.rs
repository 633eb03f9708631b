//! Facts: everything that a rule may ask about one shipment.
//!
//! Flat and `Copy`: codes resolved beforehand, and borrowed text for the two fields that differ from row to row.
//! Facts hold what the source says; the ladder decides what it means.

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

/// The party that ships.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FulfilledBy {
    /// The seller; also any text that is not known to mean the marketplace.
    Seller,
    /// The marketplace.
    Marketplace,
}

/// Whether the order was canceled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderState {
    /// The order was not canceled.
    Live,
    /// The order was canceled.
    Canceled,
}

/// The content of the tracking field, cleaned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tracking<'a> {
    /// The source has no such column: rungs that depend on it are skipped.
    NoColumn,
    /// The cell is null, or has only blanks and punctuation.
    Missing,
    /// A number of capitals and digits only, as nearly all are typed.
    Plain(&'a str),
    /// Any other cleaned number; it has at least one letter or digit.
    Number(&'a str),
    /// A number that a float has damaged, cleaned: no rung judges by it.
    Damaged(&'a str),
    /// Several numbers in one cell: the whole cell cleaned, then each number behind a line end.
    Several(&'a str),
    /// The same with only blanks between the numbers: it counts as one number, unless the whole fits no shape of
    /// the carrier and each part fits one.
    Spaced(&'a str),
}

/// What happened when a tracking cell was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// There is nothing to report.
    None,
    /// The number was in a wrapper.
    Unwrapped,
    /// The number is damaged.
    Damaged,
}

/// The least number of characters of a text that counts as one of several numbers.
const SHORTEST_OF_SEVERAL: usize = 8;

/// What stands between two numbers as a word of its own.
const JOINERS: [&str; 8] = ["and", "und", "et", "e", "y", "-", "\u{2013}", "\u{2014}"];

impl<'a> Tracking<'a> {
    /// Classifies a cleaned number.
    #[inline]
    pub fn of_cleaned(cleaned: &'a str) -> Tracking<'a> {
        let first = cleaned.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        if first || cleaned.chars().any(char::is_alphanumeric) { Tracking::Number(cleaned) } else { Tracking::Missing }
    }

    fn of_plain(raw: &'a str) -> Tracking<'a> {
        if raw.is_empty() { Tracking::Missing } else { Tracking::Plain(raw) }
    }

    /// Reads a trimmed cell that is clean already, as most are; `None`: [`read`](Tracking::read) has to.
    #[inline]
    pub fn read_clean(raw: &'a str) -> Option<Tracking<'a>> {
        (number::is_clean(raw) && !wrapper::is_cut(raw)).then(|| Tracking::of_plain(raw))
    }

    /// Reads a trimmed cell, empty if it is null; `buffer` is scratch space.
    #[inline]
    pub fn read(raw: &'a str, buffer: &'a mut String) -> (Tracking<'a>, Notice) {
        if wrapper::is_cut(raw) {
            (Tracking::Damaged(raw), Notice::Damaged)
        } else if number::is_clean(raw) {
            (Tracking::of_plain(raw), Notice::None)
        } else {
            Tracking::read_unclean(raw, buffer)
        }
    }

    fn read_unclean(raw: &'a str, buffer: &'a mut String) -> (Tracking<'a>, Notice) {
        if wrapper::is_plain(raw) && !raw.ends_with(wrapper::LINE_END) {
            number::clean_into(raw, buffer);
            return (Tracking::of_cleaned(buffer), Notice::None);
        }
        let (whole, raw) = (raw, wrapper::unlisted(raw));
        let text = wrapper::unwrapped_number(raw);
        number::clean_into(&text, buffer);
        if wrapper::is_damaged(&text) {
            return (Tracking::Damaged(buffer), Notice::Damaged);
        }
        let notice = if *text == *whole { Notice::None } else { Notice::Unwrapped };
        // The slashes of a web address do not separate numbers.
        if buffer.contains("://") || buffer.starts_with("WWW") {
            return (Tracking::of_cleaned(buffer), notice);
        }
        let raw = wrapper::inner(raw);
        if append_several(raw.split([',', ';', '/', '|', '+', '&', '\n', '\r']), buffer) {
            return (Tracking::Several(buffer), Notice::None);
        }
        if append_several(raw.split_whitespace().filter(|part| !JOINERS.contains(part)), buffer) {
            return (Tracking::Spaced(buffer), notice);
        }
        (Tracking::of_cleaned(buffer), notice)
    }

    /// Returns the numbers of the cell: none, one, or those that its separators tell apart.
    pub fn numbers(self) -> impl Iterator<Item = &'a str> {
        let all = match self {
            Tracking::Several(all) | Tracking::Spaced(all) => all.split_once('\n').map_or("", |(_, numbers)| numbers),
            one => one.whole(),
        };
        all.split('\n').filter(|number| !number.is_empty())
    }

    /// Returns the whole cell, cleaned; it replaces a missing package id. It is empty if there is no number.
    #[inline]
    pub fn whole(self) -> &'a str {
        match self {
            Tracking::NoColumn | Tracking::Missing => "",
            Tracking::Plain(whole) | Tracking::Number(whole) | Tracking::Damaged(whole) => whole,
            Tracking::Several(all) | Tracking::Spaced(all) => all.split('\n').next().unwrap_or_default(),
        }
    }
}

/// Appends the parts to the cleaned whole if they are several numbers, and returns whether they are.
fn append_several<'p>(parts: impl Iterator<Item = &'p str> + Clone, buffer: &mut String) -> bool {
    let parts = parts.map(wrapper::unquoted).filter(|part| !part.is_empty());
    let is_long = |text: &str| text.chars().nth(SHORTEST_OF_SEVERAL - 1).is_some();
    // Most cells fail here, before their parts are cleaned.
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
    /// The source has no such column: rungs that depend on it are skipped.
    NoColumn,
    /// A folded name; null counts as a missing carrier.
    Name(CarrierName),
}

/// The currency field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CurrencyField {
    /// Null or absent: the marketplace's currency applies.
    Marketplaces,
    /// A currency code.
    Code(Currency),
    /// Text that is no code: there is no rate for it.
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

/// One shipment as the source describes it.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The marketplace on which it was sold.
    pub marketplace: Marketplace,
    /// The party that shipped it.
    pub fulfilled_by: FulfilledBy,
    /// Whether its order was canceled.
    pub state: OrderState,
    /// The order id, as typed.
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
    /// The value of the package.
    pub value: Option<Amount>,
    /// The currency of the value.
    pub currency: CurrencyField,
    /// The programme that its column names.
    pub programme: Option<ProgrammeId>,
    /// The end of the delivery promise.
    pub promised: Option<Moment>,
    /// The seller's confirmation of shipment.
    pub shipped: Option<Moment>,
    /// The time at which the tracking number was given.
    pub tracking_added: Option<Moment>,
    /// The first physical scan.
    pub first_scan: Option<Moment>,
    /// The delivery or the attempt.
    pub delivery_scan: Option<Moment>,
    /// The scan columns that the source has.
    pub scan_columns: ScanColumns,
}

/// Returns the product category as in tables: null is `(none)`.
pub fn category_label(text: Option<&str>) -> &str {
    text.and_then(text::trim).unwrap_or("(none)")
}
