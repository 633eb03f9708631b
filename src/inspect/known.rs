//! Headings of Amazon's reports and feeds, and what they say of a shipment.
//!
//! A table of names; of several headings for one column the one that stands earlier here is the
//! better. What it does not know it says nothing of, except that some words stand for personal data.

use vtr_columnar::input::Column;

/// What a heading is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A column of a shipment, and what to look at before it is trusted.
    Is(Column, Option<&'static str>),
    /// About a person; no verdict needs it.
    Personal,
    /// Known, and of no use, for this reason.
    Useless(&'static str),
}

use Column::{
    Carrier, Currency, DeliveryScanAt, FirstScanAt, FulfillmentChannel, Marketplace, OrderId, OrderStatus, PackageId,
    PackageValue, ProductCategory, PromisedDeliveryAt, SellerId, ShipFromCountry, ShipService, ShipToCountry,
    ShippedAt, TrackingNumber, UpdatedAt,
};

const SHIP_PROMISE: &str = "some reports mean the promise to ship: make sure that it is the delivery that was promised";
const ESTIMATE: &str = "an estimate: make sure that it is the date promised to the buyer";
const PICKED_UP: &str = "the day on which the carrier fetched it";
const SLOT: &str = "only filled where the buyer chose a delivery slot";

const PLANNED_DELIVERY: &str =
    "some shops mean the day planned for the delivery: make sure that it is the delivery itself";
const EITHER_COUNTRY: &str = "some shops mean the country it is sent to: make sure that it is the one it is sent from";

const ORDERED: &str = "when it was ordered or paid, which places no shipment in time";
const ITEM: &str = "about an item of the order, not about the package";
const CHOSEN: &str = "what the buyer chose, not what the seller shipped by";
const PLANNED: &str = "when it should ship, not when it did";
const AMOUNT: &str = "the amount of one order line, not the value of the package";

/// Heading in lower case with hyphens for blanks and underscores.
const KNOWN: [(&str, Meaning); 163] = [
    ("amazon-order-id", Meaning::Is(OrderId, None)),
    ("order-id", Meaning::Is(OrderId, None)),
    ("amazonorderid", Meaning::Is(OrderId, None)),
    ("merchant-id", Meaning::Is(SellerId, None)),
    ("seller", Meaning::Is(SellerId, None)),
    ("marketplace-id", Meaning::Is(Marketplace, None)),
    ("marketplaceid", Meaning::Is(Marketplace, None)),
    ("sales-channel", Meaning::Is(Marketplace, None)),
    ("package-identifier", Meaning::Is(PackageId, None)),
    ("carrier-name", Meaning::Is(Carrier, None)),
    ("carriername", Meaning::Is(Carrier, None)),
    ("carrier-code", Meaning::Is(Carrier, None)),
    ("carriercode", Meaning::Is(Carrier, None)),
    ("tracking-id", Meaning::Is(TrackingNumber, None)),
    ("shippertrackingnumber", Meaning::Is(TrackingNumber, None)),
    ("tracking-no", Meaning::Is(TrackingNumber, None)),
    ("ship-method", Meaning::Is(ShipService, None)),
    ("shippingmethod", Meaning::Is(ShipService, None)),
    ("carrier-service", Meaning::Is(ShipService, None)),
    ("ship-date", Meaning::Is(ShippedAt, None)),
    ("shipment-date", Meaning::Is(ShippedAt, None)),
    ("ship-confirmed-at", Meaning::Is(ShippedAt, None)),
    ("fulfillmentdate", Meaning::Is(ShippedAt, None)),
    ("picked-up-date", Meaning::Is(ShippedAt, Some(PICKED_UP))),
    ("latest-delivery-date", Meaning::Is(PromisedDeliveryAt, None)),
    ("promised-delivery-date", Meaning::Is(PromisedDeliveryAt, None)),
    ("promise-date", Meaning::Is(PromisedDeliveryAt, Some(SHIP_PROMISE))),
    ("estimated-arrival-date", Meaning::Is(PromisedDeliveryAt, Some(ESTIMATE))),
    ("delivery-end-date", Meaning::Is(PromisedDeliveryAt, Some(SLOT))),
    ("first-scan", Meaning::Is(FirstScanAt, None)),
    ("first-scan-date", Meaning::Is(FirstScanAt, None)),
    ("delivered-at", Meaning::Is(DeliveryScanAt, None)),
    ("delivery-date", Meaning::Is(DeliveryScanAt, None)),
    ("order-status", Meaning::Is(OrderStatus, None)),
    ("fulfilment-channel", Meaning::Is(FulfillmentChannel, None)),
    ("fulfillment-channel", Meaning::Is(FulfillmentChannel, None)),
    ("ship-country", Meaning::Is(ShipToCountry, None)),
    ("origin-country", Meaning::Is(ShipFromCountry, None)),
    ("default-ship-from-country", Meaning::Is(ShipFromCountry, None)),
    ("package-value", Meaning::Is(PackageValue, None)),
    ("product-category", Meaning::Is(ProductCategory, None)),
    ("item-currency", Meaning::Is(Currency, None)),
    ("last-updated-date", Meaning::Is(UpdatedAt, None)),
    ("bestellnummer", Meaning::Is(OrderId, None)),
    ("bestell-nr", Meaning::Is(OrderId, None)),
    ("bestell-id", Meaning::Is(OrderId, None)),
    ("bestellnr", Meaning::Is(OrderId, None)),
    ("auftragsnummer", Meaning::Is(OrderId, None)),
    ("auftrags-nr", Meaning::Is(OrderId, None)),
    ("verkäufer-id", Meaning::Is(SellerId, None)),
    ("händler-id", Meaning::Is(SellerId, None)),
    ("verkäufer", Meaning::Is(SellerId, None)),
    ("marktplatz", Meaning::Is(Marketplace, None)),
    ("verkaufskanal", Meaning::Is(Marketplace, None)),
    ("paketnummer-der-bestellung", Meaning::Is(PackageId, None)),
    ("versanddienstleister", Meaning::Is(Carrier, None)),
    ("paketdienst", Meaning::Is(Carrier, None)),
    ("versandunternehmen", Meaning::Is(Carrier, None)),
    ("frachtführer", Meaning::Is(Carrier, None)),
    ("zusteller", Meaning::Is(Carrier, None)),
    ("spediteur", Meaning::Is(Carrier, None)),
    ("sendungsnummer", Meaning::Is(TrackingNumber, None)),
    ("sendungs-nr", Meaning::Is(TrackingNumber, None)),
    ("sendungsverfolgungsnummer", Meaning::Is(TrackingNumber, None)),
    ("trackingnummer", Meaning::Is(TrackingNumber, None)),
    ("tracking-nummer", Meaning::Is(TrackingNumber, None)),
    ("tracking-nr", Meaning::Is(TrackingNumber, None)),
    ("paketnummer", Meaning::Is(TrackingNumber, None)),
    ("versandart", Meaning::Is(ShipService, None)),
    ("versandservice", Meaning::Is(ShipService, None)),
    ("versanddatum", Meaning::Is(ShippedAt, None)),
    ("versandt-am", Meaning::Is(ShippedAt, None)),
    ("versendet-am", Meaning::Is(ShippedAt, None)),
    ("zustellung-bis", Meaning::Is(PromisedDeliveryAt, None)),
    ("lieferung-bis", Meaning::Is(PromisedDeliveryAt, None)),
    ("zugesagtes-lieferdatum", Meaning::Is(PromisedDeliveryAt, None)),
    ("spätestes-lieferdatum", Meaning::Is(PromisedDeliveryAt, None)),
    ("voraussichtliches-lieferdatum", Meaning::Is(PromisedDeliveryAt, Some(ESTIMATE))),
    ("erster-scan", Meaning::Is(FirstScanAt, None)),
    ("erstscan", Meaning::Is(FirstScanAt, None)),
    ("zugestellt-am", Meaning::Is(DeliveryScanAt, None)),
    ("zustelldatum", Meaning::Is(DeliveryScanAt, None)),
    ("lieferdatum", Meaning::Is(DeliveryScanAt, Some(PLANNED_DELIVERY))),
    ("bestellstatus", Meaning::Is(OrderStatus, None)),
    ("auftragsstatus", Meaning::Is(OrderStatus, None)),
    ("versand-durch", Meaning::Is(FulfillmentChannel, None)),
    ("lieferland", Meaning::Is(ShipToCountry, None)),
    ("zielland", Meaning::Is(ShipToCountry, None)),
    ("empfängerland", Meaning::Is(ShipToCountry, None)),
    ("versandland", Meaning::Is(ShipFromCountry, Some(EITHER_COUNTRY))),
    ("absenderland", Meaning::Is(ShipFromCountry, None)),
    ("warenwert", Meaning::Is(PackageValue, None)),
    ("paketwert", Meaning::Is(PackageValue, None)),
    ("währung", Meaning::Is(Currency, None)),
    ("kategorie", Meaning::Is(ProductCategory, None)),
    ("produktkategorie", Meaning::Is(ProductCategory, None)),
    ("warengruppe", Meaning::Is(ProductCategory, None)),
    ("geändert-am", Meaning::Is(UpdatedAt, None)),
    ("bestelldatum", Meaning::Useless(ORDERED)),
    ("auftragsdatum", Meaning::Useless(ORDERED)),
    ("zahlungsdatum", Meaning::Useless(ORDERED)),
    ("artikelnummer", Meaning::Useless(ITEM)),
    ("artikel", Meaning::Useless(ITEM)),
    ("artikelbezeichnung", Meaning::Useless(ITEM)),
    ("menge", Meaning::Useless(ITEM)),
    ("anzahl", Meaning::Useless(ITEM)),
    ("einzelpreis", Meaning::Useless(AMOUNT)),
    ("versandkosten", Meaning::Useless(AMOUNT)),
    ("rechnungsnummer", Meaning::Useless("the seller's invoice")),
    ("ort", Meaning::Personal),
    ("stadt", Meaning::Personal),
    ("plz", Meaning::Personal),
    ("name", Meaning::Personal),
    ("vorname", Meaning::Personal),
    ("merchant-order-id", Meaning::Useless("the seller's own number of the order")),
    ("shipment-id", Meaning::Useless("Amazon's number of a shipment of its own")),
    ("shipment-item-id", Meaning::Useless(ITEM)),
    ("order-item-id", Meaning::Useless(ITEM)),
    ("amazon-order-item-id", Meaning::Useless(ITEM)),
    ("merchant-order-item-id", Meaning::Useless(ITEM)),
    ("item-status", Meaning::Useless(ITEM)),
    ("sku", Meaning::Useless(ITEM)),
    ("asin", Meaning::Useless(ITEM)),
    ("product-name", Meaning::Useless(ITEM)),
    ("quantity", Meaning::Useless(ITEM)),
    ("quantity-purchased", Meaning::Useless(ITEM)),
    ("quantity-shipped", Meaning::Useless(ITEM)),
    ("quantity-to-ship", Meaning::Useless(ITEM)),
    ("number-of-items", Meaning::Useless(ITEM)),
    ("item-price", Meaning::Useless(AMOUNT)),
    ("item-tax", Meaning::Useless(AMOUNT)),
    ("shipping-price", Meaning::Useless(AMOUNT)),
    ("shipping-tax", Meaning::Useless(AMOUNT)),
    ("gift-wrap-price", Meaning::Useless(AMOUNT)),
    ("gift-wrap-tax", Meaning::Useless(AMOUNT)),
    ("item-promotion-discount", Meaning::Useless(AMOUNT)),
    ("ship-promotion-discount", Meaning::Useless(AMOUNT)),
    ("purchase-date", Meaning::Useless(ORDERED)),
    ("payments-date", Meaning::Useless(ORDERED)),
    ("reporting-date", Meaning::Useless("when Amazon reported it")),
    ("ship-service-level", Meaning::Useless(CHOSEN)),
    ("ship-service-name", Meaning::Useless(CHOSEN)),
    ("ship-option", Meaning::Useless(CHOSEN)),
    ("expected-ship-date", Meaning::Useless(PLANNED)),
    ("earliest-ship-date", Meaning::Useless(PLANNED)),
    ("latest-ship-date", Meaning::Useless(PLANNED)),
    ("earliest-delivery-date", Meaning::Useless("the beginning of the promise; its end is what counts")),
    ("delivery-start-date", Meaning::Useless("the beginning of a delivery slot; its end is what counts")),
    ("order-channel", Meaning::Useless("always empty in Amazon's reports")),
    ("fulfillment-center-id", Meaning::Useless("an Amazon warehouse, not the seller's")),
    ("is-prime", Meaning::Useless("of the buyer; a programme of the seller goes into `programme`")),
    ("days-past-promise", Meaning::Useless("follows from the dates")),
    ("cpf", Meaning::Personal),
    ("ship-city", Meaning::Personal),
    ("ship-state", Meaning::Personal),
    ("bill-city", Meaning::Personal),
    ("bill-state", Meaning::Personal),
    ("bill-country", Meaning::Personal),
    ("delivery-instructions", Meaning::Personal),
    ("purchase-order-number", Meaning::Personal),
    ("gift-message-text", Meaning::Personal),
    ("url", Meaning::Useless("a link to the order")),
    ("invoice-id", Meaning::Useless("the seller's invoice")),
];

/// Words of headings that are about a person.
const PERSONAL: [&str; 15] = [
    "buyer",
    "recipient",
    "customer",
    "email",
    "e-mail",
    "phone",
    "address",
    "postal",
    "kunde",
    "käufer",
    "empfänger",
    "telefon",
    "straße",
    "strasse",
    "anschrift",
];

/// A heading as it stands in the table: in lower case, with hyphens for blanks and underscores.
pub(super) fn key(heading: &str) -> String {
    crate::scan::headings::key(heading).replace(['.', ':'], "").trim().replace([' ', '_'], "-")
}

/// What a heading is, and how good a source of it; smaller is better.
pub(super) fn meaning(heading: &str) -> Option<(Meaning, usize)> {
    if let Some(column) = Column::from_name(&crate::scan::headings::key(heading)) {
        return Some((Meaning::Is(column, None), 0));
    }
    let hyphened = key(heading);
    if let Some(column) = Column::from_name(&hyphened.replace('-', "_")) {
        return Some((Meaning::Is(column, None), 1));
    }
    if let Some(place) = KNOWN.iter().position(|(known, _)| *known == hyphened) {
        return Some((KNOWN[place].1, place + 2));
    }
    PERSONAL.iter().any(|word| hyphened.contains(word)).then_some((Meaning::Personal, usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_are_known_however_they_are_spelt() {
        for (heading, column) in [
            ("order-id", OrderId),
            ("Order ID", OrderId),
            ("\u{feff}ORDER_ID ", OrderId),
            ("tracking-number", TrackingNumber),
            ("Tracking ID", TrackingNumber),
            ("carrier-name", Carrier),
            ("ship-date", ShippedAt),
            ("latest-delivery-date", PromisedDeliveryAt),
        ] {
            assert!(matches!(meaning(heading), Some((Meaning::Is(found, _), _)) if found == column), "{heading}");
        }
        assert!(matches!(meaning("purchase-date"), Some((Meaning::Useless(_), _))));
        for personal in ["buyer-email", "recipient-name", "Ship Address 1", "bill-postal-code", "cpf"] {
            assert_eq!(meaning(personal).map(|(meaning, _)| meaning), Some(Meaning::Personal), "{personal}");
        }
        assert_eq!(meaning("colour"), None);
    }

    #[test]
    fn headings_of_german_shops_are_known() {
        for (heading, column) in [
            ("Bestellnummer", OrderId),
            ("Bestell-Nr.", OrderId),
            ("Sendungsnummer", TrackingNumber),
            ("Versanddienstleister", Carrier),
            ("Zustellung bis", PromisedDeliveryAt),
            ("EMPFÄNGERLAND", ShipToCountry),
            ("Währung", Currency),
        ] {
            assert!(matches!(meaning(heading), Some((Meaning::Is(found, _), _)) if found == column), "{heading}");
        }
        for personal in ["Käufername", "Straße", "Kunden-Telefon", "PLZ", "Name"] {
            assert_eq!(meaning(personal).map(|(meaning, _)| meaning), Some(Meaning::Personal), "{personal}");
        }
    }

    #[test]
    fn no_heading_stands_twice() {
        for (index, (heading, _)) in KNOWN.iter().enumerate() {
            assert_eq!(KNOWN.iter().position(|(other, _)| other == heading), Some(index));
        }
    }
}
