//! Headings of Amazon's reports and feeds, and their meanings for a shipment.
//!
//! It is a table of names; if several headings give one column, the earlier one here is the better source. It says
//! nothing about an unknown heading, except that some words indicate personal data.

use std::collections::HashMap;
use std::sync::LazyLock;
use vtr_columnar::input::Column;

/// The meaning of a heading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeadingMeaning {
    /// A column of a shipment, and the caution before it is trusted.
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
const PROCESSED: &str = "make sure that it is when the parcel left, not when its order was worked on";
const SLOT: &str = "only filled where the buyer chose a delivery slot";

const PLANNED_DELIVERY: &str =
    "some shops mean the day planned for the delivery: make sure that it is the delivery itself";
const EITHER_COUNTRY: &str = "some shops mean the country it is sent to: make sure that it is the one it is sent from";

const STATUS: &str = "make sure that it is the state of the order, not that of its payment; `shipped` there is no scan";
const TOTAL: &str = "what rules compare is the value with shipping and without tax";
const SHOWN_TO_BUYER: &str = "some shops mean their own number: make sure that it is the marketplace's";

const CARRIERS_STATE: &str =
    "`shipped` or `delivered` without a time is no scan: map the columns with the times of the scans";
const EITHER_END: &str = "make sure that it is the country that the package goes to";
const ORDERED: &str = "when it was ordered or paid, which places no shipment in time";
const ITEM: &str = "about an item of the order, not about the package";
const CHOSEN: &str = "what the buyer chose, not what the seller shipped by";
const PLANNED: &str = "when it should ship, not when it did";
const AMOUNT: &str = "the amount of one order line, not the value of the package";
const VOIDED: &str = "labels that were cancelled: take their rows out before, or each counts as a package";

/// Heading in lower case with hyphens for blanks and underscores.
const KNOWN: &[(&str, HeadingMeaning)] = &[
    ("amazon-order-id", HeadingMeaning::Is(OrderId, None)),
    ("site-order-id", HeadingMeaning::Is(OrderId, None)),
    ("order-id", HeadingMeaning::Is(OrderId, None)),
    ("amazonorderid", HeadingMeaning::Is(OrderId, None)),
    ("merchant-id", HeadingMeaning::Is(SellerId, None)),
    ("seller", HeadingMeaning::Is(SellerId, None)),
    ("marketplace-id", HeadingMeaning::Is(Marketplace, None)),
    ("marketplaceid", HeadingMeaning::Is(Marketplace, None)),
    ("sales-channel", HeadingMeaning::Is(Marketplace, None)),
    ("package-identifier", HeadingMeaning::Is(PackageId, None)),
    ("carrier-name", HeadingMeaning::Is(Carrier, None)),
    ("carriername", HeadingMeaning::Is(Carrier, None)),
    ("carrier-code", HeadingMeaning::Is(Carrier, None)),
    ("carriercode", HeadingMeaning::Is(Carrier, None)),
    ("tracking-id", HeadingMeaning::Is(TrackingNumber, None)),
    ("shippertrackingnumber", HeadingMeaning::Is(TrackingNumber, None)),
    ("tracking-no", HeadingMeaning::Is(TrackingNumber, None)),
    ("trackingid", HeadingMeaning::Is(TrackingNumber, None)),
    ("trackingcode", HeadingMeaning::Is(TrackingNumber, None)),
    ("tracking-codes", HeadingMeaning::Is(TrackingNumber, None)),
    ("ship-method", HeadingMeaning::Is(ShipService, None)),
    ("shippingmethod", HeadingMeaning::Is(ShipService, None)),
    ("carrier-service", HeadingMeaning::Is(ShipService, None)),
    ("ship-date", HeadingMeaning::Is(ShippedAt, None)),
    ("shipment-date", HeadingMeaning::Is(ShippedAt, None)),
    ("ship-confirmed-at", HeadingMeaning::Is(ShippedAt, None)),
    ("fulfillmentdate", HeadingMeaning::Is(ShippedAt, None)),
    ("picked-up-date", HeadingMeaning::Is(ShippedAt, Some(PICKED_UP))),
    ("latest-delivery-date", HeadingMeaning::Is(PromisedDeliveryAt, None)),
    ("promised-delivery-date", HeadingMeaning::Is(PromisedDeliveryAt, None)),
    ("promise-date", HeadingMeaning::Is(PromisedDeliveryAt, Some(SHIP_PROMISE))),
    ("estimated-arrival-date", HeadingMeaning::Is(PromisedDeliveryAt, Some(ESTIMATE))),
    ("delivery-end-date", HeadingMeaning::Is(PromisedDeliveryAt, Some(SLOT))),
    ("first-scan", HeadingMeaning::Is(FirstScanAt, None)),
    ("first-scan-date", HeadingMeaning::Is(FirstScanAt, None)),
    ("delivered-at", HeadingMeaning::Is(DeliveryScanAt, None)),
    ("delivery-date", HeadingMeaning::Is(DeliveryScanAt, Some(PLANNED_DELIVERY))),
    ("order-status", HeadingMeaning::Is(OrderStatus, None)),
    ("fulfilment-channel", HeadingMeaning::Is(FulfillmentChannel, None)),
    ("fulfillment-channel", HeadingMeaning::Is(FulfillmentChannel, None)),
    ("ship-country", HeadingMeaning::Is(ShipToCountry, None)),
    ("origin-country", HeadingMeaning::Is(ShipFromCountry, None)),
    ("default-ship-from-country", HeadingMeaning::Is(ShipFromCountry, None)),
    ("package-value", HeadingMeaning::Is(PackageValue, None)),
    ("product-category", HeadingMeaning::Is(ProductCategory, None)),
    ("item-currency", HeadingMeaning::Is(Currency, None)),
    ("last-updated-date", HeadingMeaning::Is(UpdatedAt, None)),
    ("bestellnummer", HeadingMeaning::Is(OrderId, None)),
    ("bestell-nr", HeadingMeaning::Is(OrderId, None)),
    ("bestell-id", HeadingMeaning::Is(OrderId, None)),
    ("bestellnr", HeadingMeaning::Is(OrderId, None)),
    ("externe-auftragsnummer", HeadingMeaning::Is(OrderId, None)),
    ("externe-bestellnummer", HeadingMeaning::Is(OrderId, None)),
    ("auftragsnummer", HeadingMeaning::Is(OrderId, None)),
    ("auftrags-nr", HeadingMeaning::Is(OrderId, None)),
    ("verkäufer-id", HeadingMeaning::Is(SellerId, None)),
    ("händler-id", HeadingMeaning::Is(SellerId, None)),
    ("verkäufer", HeadingMeaning::Is(SellerId, None)),
    ("marktplatz", HeadingMeaning::Is(Marketplace, None)),
    ("verkaufskanal", HeadingMeaning::Is(Marketplace, None)),
    ("plattform", HeadingMeaning::Is(Marketplace, None)),
    ("platform", HeadingMeaning::Is(Marketplace, None)),
    ("paketnummer-der-bestellung", HeadingMeaning::Is(PackageId, None)),
    ("versanddienstleister", HeadingMeaning::Is(Carrier, None)),
    ("paketdienst", HeadingMeaning::Is(Carrier, None)),
    ("versandunternehmen", HeadingMeaning::Is(Carrier, None)),
    ("frachtführer", HeadingMeaning::Is(Carrier, None)),
    ("zusteller", HeadingMeaning::Is(Carrier, None)),
    ("spediteur", HeadingMeaning::Is(Carrier, None)),
    ("sendungsnummer", HeadingMeaning::Is(TrackingNumber, None)),
    ("sendungs-nr", HeadingMeaning::Is(TrackingNumber, None)),
    ("sendungsverfolgungsnummer", HeadingMeaning::Is(TrackingNumber, None)),
    ("trackingnummer", HeadingMeaning::Is(TrackingNumber, None)),
    ("tracking-nummer", HeadingMeaning::Is(TrackingNumber, None)),
    ("tracking-nr", HeadingMeaning::Is(TrackingNumber, None)),
    ("paketnummer", HeadingMeaning::Is(TrackingNumber, None)),
    ("versandart", HeadingMeaning::Is(ShipService, None)),
    ("versandprodukt", HeadingMeaning::Is(ShipService, None)),
    ("logistiker", HeadingMeaning::Is(Carrier, None)),
    ("versandservice", HeadingMeaning::Is(ShipService, None)),
    ("versanddatum", HeadingMeaning::Is(ShippedAt, None)),
    ("versandt-am", HeadingMeaning::Is(ShippedAt, None)),
    ("versendet-am", HeadingMeaning::Is(ShippedAt, None)),
    ("zustellung-bis", HeadingMeaning::Is(PromisedDeliveryAt, None)),
    ("lieferung-bis", HeadingMeaning::Is(PromisedDeliveryAt, None)),
    ("zugesagtes-lieferdatum", HeadingMeaning::Is(PromisedDeliveryAt, None)),
    ("spätestes-lieferdatum", HeadingMeaning::Is(PromisedDeliveryAt, None)),
    ("voraussichtliches-lieferdatum", HeadingMeaning::Is(PromisedDeliveryAt, Some(ESTIMATE))),
    ("erster-scan", HeadingMeaning::Is(FirstScanAt, None)),
    ("date-du-premier-scan", HeadingMeaning::Is(FirstScanAt, None)),
    ("premier-scan", HeadingMeaning::Is(FirstScanAt, None)),
    ("prima-scansione", HeadingMeaning::Is(FirstScanAt, None)),
    ("初回スキャン", HeadingMeaning::Is(FirstScanAt, None)),
    ("erstscan", HeadingMeaning::Is(FirstScanAt, None)),
    ("zugestellt-am", HeadingMeaning::Is(DeliveryScanAt, None)),
    ("zustelldatum", HeadingMeaning::Is(DeliveryScanAt, None)),
    ("lieferdatum", HeadingMeaning::Is(DeliveryScanAt, Some(PLANNED_DELIVERY))),
    ("bestellstatus", HeadingMeaning::Is(OrderStatus, None)),
    ("auftragsstatus", HeadingMeaning::Is(OrderStatus, None)),
    ("versand-durch", HeadingMeaning::Is(FulfillmentChannel, None)),
    ("lieferland", HeadingMeaning::Is(ShipToCountry, None)),
    ("zielland", HeadingMeaning::Is(ShipToCountry, None)),
    ("empfängerland", HeadingMeaning::Is(ShipToCountry, None)),
    ("versandland", HeadingMeaning::Is(ShipFromCountry, Some(EITHER_COUNTRY))),
    ("absenderland", HeadingMeaning::Is(ShipFromCountry, None)),
    ("warenwert", HeadingMeaning::Is(PackageValue, None)),
    ("paketwert", HeadingMeaning::Is(PackageValue, None)),
    ("währung", HeadingMeaning::Is(Currency, None)),
    ("kategorie", HeadingMeaning::Is(ProductCategory, None)),
    ("produktkategorie", HeadingMeaning::Is(ProductCategory, None)),
    ("warengruppe", HeadingMeaning::Is(ProductCategory, None)),
    ("geändert-am", HeadingMeaning::Is(UpdatedAt, None)),
    ("bestelldatum", HeadingMeaning::Useless(ORDERED)),
    ("auftragsdatum", HeadingMeaning::Useless(ORDERED)),
    ("zahlungsdatum", HeadingMeaning::Useless(ORDERED)),
    ("artikelnummer", HeadingMeaning::Useless(ITEM)),
    ("artikel", HeadingMeaning::Useless(ITEM)),
    ("artikelbezeichnung", HeadingMeaning::Useless(ITEM)),
    ("menge", HeadingMeaning::Useless(ITEM)),
    ("anzahl", HeadingMeaning::Useless(ITEM)),
    ("einzelpreis", HeadingMeaning::Useless(AMOUNT)),
    ("versandkosten", HeadingMeaning::Useless(AMOUNT)),
    ("rechnungsnummer", HeadingMeaning::Useless("the seller's invoice")),
    ("ort", HeadingMeaning::Personal),
    ("stadt", HeadingMeaning::Personal),
    ("plz", HeadingMeaning::Personal),
    ("name", HeadingMeaning::Personal),
    ("vorname", HeadingMeaning::Personal),
    ("merchant-order-id", HeadingMeaning::Useless("the seller's own number of the order")),
    ("shipment-id", HeadingMeaning::Useless("Amazon's number of a shipment of its own")),
    ("shipment-item-id", HeadingMeaning::Useless(ITEM)),
    ("order-item-id", HeadingMeaning::Useless(ITEM)),
    ("amazon-order-item-id", HeadingMeaning::Useless(ITEM)),
    ("merchant-order-item-id", HeadingMeaning::Useless(ITEM)),
    ("item-status", HeadingMeaning::Useless(ITEM)),
    ("sku", HeadingMeaning::Useless(ITEM)),
    ("asin", HeadingMeaning::Useless(ITEM)),
    ("product-name", HeadingMeaning::Useless(ITEM)),
    ("quantity", HeadingMeaning::Useless(ITEM)),
    ("quantity-purchased", HeadingMeaning::Useless(ITEM)),
    ("quantity-shipped", HeadingMeaning::Useless(ITEM)),
    ("quantity-to-ship", HeadingMeaning::Useless(ITEM)),
    ("number-of-items", HeadingMeaning::Useless(ITEM)),
    ("item-price", HeadingMeaning::Useless(AMOUNT)),
    ("item-tax", HeadingMeaning::Useless(AMOUNT)),
    ("shipping-price", HeadingMeaning::Useless(AMOUNT)),
    ("shipping-tax", HeadingMeaning::Useless(AMOUNT)),
    ("gift-wrap-price", HeadingMeaning::Useless(AMOUNT)),
    ("gift-wrap-tax", HeadingMeaning::Useless(AMOUNT)),
    ("item-promotion-discount", HeadingMeaning::Useless(AMOUNT)),
    ("ship-promotion-discount", HeadingMeaning::Useless(AMOUNT)),
    ("purchase-date", HeadingMeaning::Useless(ORDERED)),
    ("payments-date", HeadingMeaning::Useless(ORDERED)),
    ("reporting-date", HeadingMeaning::Useless("when Amazon reported it")),
    ("ship-service-level", HeadingMeaning::Useless(CHOSEN)),
    ("ship-service-name", HeadingMeaning::Useless(CHOSEN)),
    ("ship-option", HeadingMeaning::Useless(CHOSEN)),
    ("expected-ship-date", HeadingMeaning::Useless(PLANNED)),
    ("earliest-ship-date", HeadingMeaning::Useless(PLANNED)),
    ("latest-ship-date", HeadingMeaning::Useless(PLANNED)),
    ("earliest-delivery-date", HeadingMeaning::Useless("the beginning of the promise; its end is what counts")),
    ("delivery-start-date", HeadingMeaning::Useless("the beginning of a delivery slot; its end is what counts")),
    ("order-channel", HeadingMeaning::Useless("always empty in Amazon's reports")),
    ("fulfillment-center-id", HeadingMeaning::Useless("an Amazon warehouse, not the seller's")),
    ("is-prime", HeadingMeaning::Useless("of the buyer; a programme of the seller goes into `programme`")),
    ("days-past-promise", HeadingMeaning::Useless("follows from the dates")),
    ("cpf", HeadingMeaning::Personal),
    ("ship-city", HeadingMeaning::Personal),
    ("ship-state", HeadingMeaning::Personal),
    ("bill-city", HeadingMeaning::Personal),
    ("bill-state", HeadingMeaning::Personal),
    ("bill-country", HeadingMeaning::Personal),
    ("delivery-instructions", HeadingMeaning::Personal),
    ("purchase-order-number", HeadingMeaning::Personal),
    ("gift-message-text", HeadingMeaning::Personal),
    ("url", HeadingMeaning::Useless("a link to the order")),
    ("invoice-id", HeadingMeaning::Useless("the seller's invoice")),
    ("order-number", HeadingMeaning::Is(OrderId, Some(SHOWN_TO_BUYER))),
    ("order-no", HeadingMeaning::Is(OrderId, Some(SHOWN_TO_BUYER))),
    ("order-#", HeadingMeaning::Is(OrderId, Some(SHOWN_TO_BUYER))),
    ("ordernumber", HeadingMeaning::Is(OrderId, Some(SHOWN_TO_BUYER))),
    ("order", HeadingMeaning::Is(OrderId, Some(SHOWN_TO_BUYER))),
    ("order---number", HeadingMeaning::Is(OrderId, Some(SHOWN_TO_BUYER))),
    ("reference", HeadingMeaning::Is(OrderId, Some(SHOWN_TO_BUYER))),
    ("external-order-number", HeadingMeaning::Is(OrderId, Some(SHOWN_TO_BUYER))),
    ("external-order-id", HeadingMeaning::Is(OrderId, Some(SHOWN_TO_BUYER))),
    ("marketplace-order-id", HeadingMeaning::Is(OrderId, None)),
    ("numéro-de-commande", HeadingMeaning::Is(OrderId, None)),
    ("n°-de-commande", HeadingMeaning::Is(OrderId, None)),
    ("numero-de-commande", HeadingMeaning::Is(OrderId, None)),
    ("id-commande", HeadingMeaning::Is(OrderId, None)),
    ("numero-ordine", HeadingMeaning::Is(OrderId, None)),
    ("numero-dell'ordine", HeadingMeaning::Is(OrderId, None)),
    ("id-ordine", HeadingMeaning::Is(OrderId, None)),
    ("número-de-pedido", HeadingMeaning::Is(OrderId, None)),
    ("numero-de-pedido", HeadingMeaning::Is(OrderId, None)),
    ("id-de-pedido", HeadingMeaning::Is(OrderId, None)),
    ("pedido", HeadingMeaning::Is(OrderId, None)),
    ("注文番号", HeadingMeaning::Is(OrderId, None)),
    ("注文-id", HeadingMeaning::Is(OrderId, None)),
    ("注文id", HeadingMeaning::Is(OrderId, None)),
    ("受注番号", HeadingMeaning::Is(OrderId, None)),
    ("carrier---name", HeadingMeaning::Is(Carrier, None)),
    ("courier", HeadingMeaning::Is(Carrier, None)),
    ("courier-name", HeadingMeaning::Is(Carrier, None)),
    ("shipping-carrier", HeadingMeaning::Is(Carrier, None)),
    ("shipping-provider", HeadingMeaning::Is(Carrier, None)),
    ("shipping-company", HeadingMeaning::Is(Carrier, None)),
    ("tracking-provider", HeadingMeaning::Is(Carrier, None)),
    ("tracking-company", HeadingMeaning::Is(Carrier, None)),
    ("carrier-used", HeadingMeaning::Is(Carrier, None)),
    ("transporteur", HeadingMeaning::Is(Carrier, None)),
    ("corriere", HeadingMeaning::Is(Carrier, None)),
    ("vettore", HeadingMeaning::Is(Carrier, None)),
    ("transportista", HeadingMeaning::Is(Carrier, None)),
    ("empresa-de-transporte", HeadingMeaning::Is(Carrier, None)),
    ("配送業者", HeadingMeaning::Is(Carrier, None)),
    ("運送会社", HeadingMeaning::Is(Carrier, None)),
    ("配送会社", HeadingMeaning::Is(Carrier, None)),
    ("出荷方法", HeadingMeaning::Is(ShipService, None)),
    ("tracking", HeadingMeaning::Is(TrackingNumber, None)),
    ("tracking-code", HeadingMeaning::Is(TrackingNumber, None)),
    ("tracking-#", HeadingMeaning::Is(TrackingNumber, None)),
    ("trackingnumber", HeadingMeaning::Is(TrackingNumber, None)),
    ("tracking-numbers", HeadingMeaning::Is(TrackingNumber, None)),
    ("consignment-number", HeadingMeaning::Is(TrackingNumber, None)),
    ("shipment---tracking-number", HeadingMeaning::Is(TrackingNumber, None)),
    ("tracking-ids", HeadingMeaning::Is(TrackingNumber, None)),
    ("paketnummern", HeadingMeaning::Is(TrackingNumber, None)),
    ("numéro-de-suivi", HeadingMeaning::Is(TrackingNumber, None)),
    ("n°-de-suivi", HeadingMeaning::Is(TrackingNumber, None)),
    ("numero-de-suivi", HeadingMeaning::Is(TrackingNumber, None)),
    ("numero-di-tracking", HeadingMeaning::Is(TrackingNumber, None)),
    ("numero-tracking", HeadingMeaning::Is(TrackingNumber, None)),
    ("codice-di-tracciamento", HeadingMeaning::Is(TrackingNumber, None)),
    ("numero-di-tracciamento", HeadingMeaning::Is(TrackingNumber, None)),
    ("número-de-seguimiento", HeadingMeaning::Is(TrackingNumber, None)),
    ("numero-de-seguimiento", HeadingMeaning::Is(TrackingNumber, None)),
    ("お問い合わせ番号", HeadingMeaning::Is(TrackingNumber, None)),
    ("問い合わせ番号", HeadingMeaning::Is(TrackingNumber, None)),
    ("お問合せ番号", HeadingMeaning::Is(TrackingNumber, None)),
    ("お荷物伝票番号", HeadingMeaning::Is(TrackingNumber, None)),
    ("伝票番号", HeadingMeaning::Is(TrackingNumber, None)),
    ("追跡番号", HeadingMeaning::Is(TrackingNumber, None)),
    ("送り状番号", HeadingMeaning::Is(TrackingNumber, None)),
    ("shipping-service", HeadingMeaning::Is(ShipService, None)),
    ("postal-service", HeadingMeaning::Is(ShipService, None)),
    ("postal-service-name", HeadingMeaning::Is(ShipService, None)),
    ("postalservicename", HeadingMeaning::Is(ShipService, None)),
    ("postaltrackingnumber", HeadingMeaning::Is(TrackingNumber, None)),
    ("postal-tracking-number", HeadingMeaning::Is(TrackingNumber, None)),
    ("postal-carrier", HeadingMeaning::Is(Carrier, None)),
    ("dprocessedon", HeadingMeaning::Is(ShippedAt, Some(PROCESSED))),
    ("ddispatchby", HeadingMeaning::Useless(PLANNED)),
    ("service", HeadingMeaning::Is(ShipService, None)),
    ("service-name", HeadingMeaning::Is(ShipService, None)),
    ("shipping-method", HeadingMeaning::Is(ShipService, None)),
    ("shipment-method", HeadingMeaning::Is(ShipService, None)),
    ("mode-de-livraison", HeadingMeaning::Is(ShipService, None)),
    ("metodo-di-spedizione", HeadingMeaning::Is(ShipService, None)),
    ("método-de-envío", HeadingMeaning::Is(ShipService, None)),
    ("配送方法", HeadingMeaning::Is(ShipService, None)),
    ("shipped-date", HeadingMeaning::Is(ShippedAt, None)),
    ("date-shipped", HeadingMeaning::Is(ShippedAt, None)),
    ("shipped-on", HeadingMeaning::Is(ShippedAt, None)),
    ("shipping-date", HeadingMeaning::Is(ShippedAt, None)),
    ("dispatch-date", HeadingMeaning::Is(ShippedAt, None)),
    ("processed-date", HeadingMeaning::Is(ShippedAt, Some(PROCESSED))),
    ("processed-on", HeadingMeaning::Is(ShippedAt, Some(PROCESSED))),
    ("despatch-date", HeadingMeaning::Is(ShippedAt, None)),
    ("dispatched-at", HeadingMeaning::Is(ShippedAt, None)),
    ("fulfilled-at", HeadingMeaning::Is(ShippedAt, None)),
    ("date-d'expédition", HeadingMeaning::Is(ShippedAt, None)),
    ("date-d’expédition", HeadingMeaning::Is(ShippedAt, None)),
    ("date-expédition", HeadingMeaning::Is(ShippedAt, None)),
    ("data-spedizione", HeadingMeaning::Is(ShippedAt, None)),
    ("data-di-spedizione", HeadingMeaning::Is(ShippedAt, None)),
    ("fecha-de-envío", HeadingMeaning::Is(ShippedAt, None)),
    ("fecha-de-envio", HeadingMeaning::Is(ShippedAt, None)),
    ("出荷日", HeadingMeaning::Is(ShippedAt, None)),
    ("発送日", HeadingMeaning::Is(ShippedAt, None)),
    ("出荷日時", HeadingMeaning::Is(ShippedAt, None)),
    ("shipment---delivered-date", HeadingMeaning::Is(DeliveryScanAt, None)),
    ("delivered-date", HeadingMeaning::Is(DeliveryScanAt, None)),
    ("date-delivered", HeadingMeaning::Is(DeliveryScanAt, None)),
    ("delivered-on", HeadingMeaning::Is(DeliveryScanAt, None)),
    ("actual-delivery-date", HeadingMeaning::Is(DeliveryScanAt, None)),
    ("delivery-date-actual", HeadingMeaning::Is(DeliveryScanAt, None)),
    ("date-de-livraison", HeadingMeaning::Is(DeliveryScanAt, Some(PLANNED_DELIVERY))),
    ("data-consegna", HeadingMeaning::Is(DeliveryScanAt, Some(PLANNED_DELIVERY))),
    ("fecha-de-entrega", HeadingMeaning::Is(DeliveryScanAt, Some(PLANNED_DELIVERY))),
    ("配達完了日", HeadingMeaning::Is(DeliveryScanAt, None)),
    ("配達完了日時", HeadingMeaning::Is(DeliveryScanAt, None)),
    ("配達日", HeadingMeaning::Is(DeliveryScanAt, Some(PLANNED_DELIVERY))),
    ("estimated-delivery-date", HeadingMeaning::Is(PromisedDeliveryAt, Some(ESTIMATE))),
    ("estimated-delivery", HeadingMeaning::Is(PromisedDeliveryAt, Some(ESTIMATE))),
    ("expected-delivery-date", HeadingMeaning::Is(PromisedDeliveryAt, Some(ESTIMATE))),
    ("eta", HeadingMeaning::Is(PromisedDeliveryAt, Some(ESTIMATE))),
    ("data-di-consegna-prevista", HeadingMeaning::Is(PromisedDeliveryAt, Some(ESTIMATE))),
    ("date-de-livraison-estimée", HeadingMeaning::Is(PromisedDeliveryAt, Some(ESTIMATE))),
    ("date-de-livraison-prévue", HeadingMeaning::Is(PromisedDeliveryAt, Some(ESTIMATE))),
    ("fecha-de-entrega-estimada", HeadingMeaning::Is(PromisedDeliveryAt, Some(ESTIMATE))),
    ("お届け予定日", HeadingMeaning::Is(PromisedDeliveryAt, Some(ESTIMATE))),
    ("配達予定日", HeadingMeaning::Is(PromisedDeliveryAt, Some(ESTIMATE))),
    ("first-scanned-at", HeadingMeaning::Is(FirstScanAt, None)),
    ("first-carrier-scan", HeadingMeaning::Is(FirstScanAt, None)),
    ("carrier-scan-date", HeadingMeaning::Is(FirstScanAt, None)),
    ("status", HeadingMeaning::Is(OrderStatus, Some(STATUS))),
    ("state", HeadingMeaning::Personal),
    ("province", HeadingMeaning::Personal),
    ("region", HeadingMeaning::Personal),
    ("bundesland", HeadingMeaning::Personal),
    ("order-state", HeadingMeaning::Is(OrderStatus, Some(STATUS))),
    ("orderstatus", HeadingMeaning::Is(OrderStatus, Some(STATUS))),
    ("statut", HeadingMeaning::Is(OrderStatus, Some(STATUS))),
    ("statut-de-la-commande", HeadingMeaning::Is(OrderStatus, Some(STATUS))),
    ("statut-commande", HeadingMeaning::Is(OrderStatus, Some(STATUS))),
    ("état-de-la-commande", HeadingMeaning::Is(OrderStatus, Some(STATUS))),
    ("stato", HeadingMeaning::Is(OrderStatus, Some(STATUS))),
    ("stato-ordine", HeadingMeaning::Is(OrderStatus, Some(STATUS))),
    ("stato-dell'ordine", HeadingMeaning::Is(OrderStatus, Some(STATUS))),
    ("estado", HeadingMeaning::Is(OrderStatus, Some(STATUS))),
    ("estado-del-pedido", HeadingMeaning::Is(OrderStatus, Some(STATUS))),
    ("estado-pedido", HeadingMeaning::Is(OrderStatus, Some(STATUS))),
    ("ステータス", HeadingMeaning::Is(OrderStatus, Some(STATUS))),
    ("注文ステータス", HeadingMeaning::Is(OrderStatus, Some(STATUS))),
    ("注文状況", HeadingMeaning::Is(OrderStatus, Some(STATUS))),
    ("ship-to---country", HeadingMeaning::Is(ShipToCountry, None)),
    ("shipping-country", HeadingMeaning::Is(ShipToCountry, None)),
    ("destination-country", HeadingMeaning::Is(ShipToCountry, None)),
    ("recipient-country", HeadingMeaning::Is(ShipToCountry, None)),
    ("ship-to-country-code", HeadingMeaning::Is(ShipToCountry, None)),
    ("delivery-country", HeadingMeaning::Is(ShipToCountry, None)),
    ("country-of-delivery", HeadingMeaning::Is(ShipToCountry, None)),
    ("country", HeadingMeaning::Is(ShipToCountry, Some(EITHER_END))),
    ("country-code", HeadingMeaning::Is(ShipToCountry, Some(EITHER_END))),
    ("land", HeadingMeaning::Is(ShipToCountry, Some(EITHER_END))),
    ("land-iso", HeadingMeaning::Is(ShipToCountry, Some(EITHER_END))),
    ("pays", HeadingMeaning::Is(ShipToCountry, Some(EITHER_END))),
    ("paese", HeadingMeaning::Is(ShipToCountry, Some(EITHER_END))),
    ("país", HeadingMeaning::Is(ShipToCountry, Some(EITHER_END))),
    ("pays-de-livraison", HeadingMeaning::Is(ShipToCountry, None)),
    ("paese-di-destinazione", HeadingMeaning::Is(ShipToCountry, None)),
    ("país-de-destino", HeadingMeaning::Is(ShipToCountry, None)),
    ("配送先国", HeadingMeaning::Is(ShipToCountry, None)),
    ("order-total", HeadingMeaning::Is(PackageValue, Some(TOTAL))),
    ("total", HeadingMeaning::Is(PackageValue, Some(TOTAL))),
    ("total-amount", HeadingMeaning::Is(PackageValue, Some(TOTAL))),
    ("value", HeadingMeaning::Is(PackageValue, Some(TOTAL))),
    ("parcel-value", HeadingMeaning::Is(PackageValue, Some(TOTAL))),
    ("bruttowert", HeadingMeaning::Is(PackageValue, Some(TOTAL))),
    ("gesamtbetrag", HeadingMeaning::Is(PackageValue, Some(TOTAL))),
    ("montant-total", HeadingMeaning::Is(PackageValue, Some(TOTAL))),
    ("totale-ordine", HeadingMeaning::Is(PackageValue, Some(TOTAL))),
    ("importe-total", HeadingMeaning::Is(PackageValue, Some(TOTAL))),
    ("currency-code", HeadingMeaning::Is(Currency, None)),
    ("order-currency", HeadingMeaning::Is(Currency, None)),
    ("devise", HeadingMeaning::Is(Currency, None)),
    ("valuta", HeadingMeaning::Is(Currency, None)),
    ("moneda", HeadingMeaning::Is(Currency, None)),
    ("divisa", HeadingMeaning::Is(Currency, None)),
    ("通貨", HeadingMeaning::Is(Currency, None)),
    ("tracking-status", HeadingMeaning::Useless(CARRIERS_STATE)),
    ("delivery-status", HeadingMeaning::Useless(CARRIERS_STATE)),
    ("shipment-status", HeadingMeaning::Useless(CARRIERS_STATE)),
    ("shipping-status", HeadingMeaning::Useless(CARRIERS_STATE)),
    ("parcel-status", HeadingMeaning::Useless(CARRIERS_STATE)),
    ("carrier-status", HeadingMeaning::Useless(CARRIERS_STATE)),
    ("last-status", HeadingMeaning::Useless(CARRIERS_STATE)),
    ("latest-status", HeadingMeaning::Useless(CARRIERS_STATE)),
    ("current-status", HeadingMeaning::Useless(CARRIERS_STATE)),
    ("fulfillment-status", HeadingMeaning::Useless(CARRIERS_STATE)),
    ("fulfilment-status", HeadingMeaning::Useless(CARRIERS_STATE)),
    ("lieferstatus", HeadingMeaning::Useless(CARRIERS_STATE)),
    ("versandstatus", HeadingMeaning::Useless(CARRIERS_STATE)),
    ("sendungsstatus", HeadingMeaning::Useless(CARRIERS_STATE)),
    ("zustellstatus", HeadingMeaning::Useless(CARRIERS_STATE)),
    ("trackingstatus", HeadingMeaning::Useless(CARRIERS_STATE)),
    ("tracking-state", HeadingMeaning::Useless(CARRIERS_STATE)),
    ("statut-de-livraison", HeadingMeaning::Useless(CARRIERS_STATE)),
    ("voided", HeadingMeaning::Useless(VOIDED)),
    ("statut-d'expédition", HeadingMeaning::Useless(CARRIERS_STATE)),
    ("statut-expédition", HeadingMeaning::Useless(CARRIERS_STATE)),
    ("statut-du-colis", HeadingMeaning::Useless(CARRIERS_STATE)),
    ("statut-de-suivi", HeadingMeaning::Useless(CARRIERS_STATE)),
    ("stato-spedizione", HeadingMeaning::Useless(CARRIERS_STATE)),
    ("stato-della-spedizione", HeadingMeaning::Useless(CARRIERS_STATE)),
    ("stato-consegna", HeadingMeaning::Useless(CARRIERS_STATE)),
    ("stato-della-consegna", HeadingMeaning::Useless(CARRIERS_STATE)),
    ("estado-de-envío", HeadingMeaning::Useless(CARRIERS_STATE)),
    ("estado-del-envío", HeadingMeaning::Useless(CARRIERS_STATE)),
    ("estado-de-entrega", HeadingMeaning::Useless(CARRIERS_STATE)),
    ("estado-de-seguimiento", HeadingMeaning::Useless(CARRIERS_STATE)),
    ("配送状況", HeadingMeaning::Useless(CARRIERS_STATE)),
    ("配送ステータス", HeadingMeaning::Useless(CARRIERS_STATE)),
    ("出荷状況", HeadingMeaning::Useless(CARRIERS_STATE)),
    ("出荷ステータス", HeadingMeaning::Useless(CARRIERS_STATE)),
    ("発送状況", HeadingMeaning::Useless(CARRIERS_STATE)),
    ("追跡ステータス", HeadingMeaning::Useless(CARRIERS_STATE)),
    ("financial-status", HeadingMeaning::Useless("whether it was paid")),
    ("payment-status", HeadingMeaning::Useless("whether it was paid")),
    ("zahlungsstatus", HeadingMeaning::Useless("whether it was paid")),
    ("statut-de-paiement", HeadingMeaning::Useless("whether it was paid")),
    ("stato-pagamento", HeadingMeaning::Useless("whether it was paid")),
    ("estado-de-pago", HeadingMeaning::Useless("whether it was paid")),
    ("入金ステータス", HeadingMeaning::Useless("whether it was paid")),
];

/// The place of each heading in [`KNOWN`].
static PLACES: LazyLock<HashMap<&str, usize>> =
    LazyLock::new(|| KNOWN.iter().enumerate().map(|(place, (heading, _))| (*heading, place)).collect());

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

/// Words that say that a heading is about the transport, even if a word of [`PERSONAL`] stands beside them: a `postal`
/// service or a `customer` tracking number is about no person.
const OF_TRANSPORT: [&str; 5] = ["tracking", "carrier", "courier", "postal-service", "postalservice"];
/// Words of [`PERSONAL`] that also stand in such headings.
const AMBIGUOUS: [&str; 7] = ["buyer", "recipient", "customer", "postal", "kunde", "käufer", "empfänger"];

/// Returns whether a heading, as the table spells it, is about a person.
fn is_personal(hyphened: &str) -> bool {
    let has = |word: &&str| hyphened.contains(*word);
    let is_of_transport = OF_TRANSPORT.iter().any(&has);
    PERSONAL.iter().filter(|word| has(word)).any(|word| !is_of_transport || !AMBIGUOUS.contains(word))
}

/// Returns a heading as the table spells it: in lower case, with hyphens for blanks and underscores.
pub(crate) fn key(heading: &str) -> String {
    super::headings::key(heading).replace(['.', ':'], "").trim().replace([' ', '_'], "-")
}

/// Returns the meaning of a heading, and its rank as a source; smaller is better.
pub(crate) fn meaning(heading: &str) -> Option<(HeadingMeaning, usize)> {
    if let Some(column) = Column::from_name(&super::headings::key(heading)) {
        return Some((HeadingMeaning::Is(column, None), 0));
    }
    let hyphened = key(heading);
    if let Some(column) = Column::from_name(&hyphened.replace('-', "_")) {
        return Some((HeadingMeaning::Is(column, None), 1));
    }
    if let Some(place) = PLACES.get(hyphened.as_str()) {
        return Some((KNOWN[*place].1, place + 2));
    }
    is_personal(&hyphened).then_some((HeadingMeaning::Personal, usize::MAX))
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
            assert!(
                matches!(meaning(heading), Some((HeadingMeaning::Is(found, _), _)) if found == column),
                "{heading}"
            );
        }
        assert!(matches!(meaning("purchase-date"), Some((HeadingMeaning::Useless(_), _))));
        for personal in ["buyer-email", "recipient-name", "Ship Address 1", "bill-postal-code", "cpf"] {
            assert_eq!(meaning(personal).map(|(meaning, _)| meaning), Some(HeadingMeaning::Personal), "{personal}");
        }
        assert_eq!(meaning("colour"), None);
    }

    #[test]
    fn what_carries_a_package_is_about_no_person() {
        for (heading, column) in [
            ("PostalTrackingNumber", TrackingNumber),
            ("Postal Tracking Number", TrackingNumber),
            ("PostalServiceName", ShipService),
        ] {
            assert!(
                matches!(meaning(heading), Some((HeadingMeaning::Is(found, _), _)) if found == column),
                "{heading}"
            );
        }
        for heading in ["PostalServiceCode", "Customer Tracking Link", "recipient_carrier", "Buyer courier"] {
            assert_eq!(meaning(heading), None, "{heading}");
        }
        for personal in ["Customer Service Phone", "Tracking Email", "postal-code", "Carrier pickup address"] {
            assert_eq!(meaning(personal).map(|(meaning, _)| meaning), Some(HeadingMeaning::Personal), "{personal}");
        }
    }

    #[test]
    fn a_state_without_a_time_is_no_scan() {
        for heading in
            ["Status", "Order state", "Statut", "Stato ordine", "Estado del pedido", "ステータス", "Bestellstatus"]
        {
            assert!(matches!(meaning(heading), Some((HeadingMeaning::Is(OrderStatus, _), _))), "{heading}");
        }
        for heading in [
            "Tracking Status",
            "Delivery Status",
            "Shipment_Status",
            "Lieferstatus",
            "Statut de livraison",
            "Stato spedizione",
            "Estado de envío",
            "配送状況",
        ] {
            assert!(matches!(meaning(heading), Some((HeadingMeaning::Useless(CARRIERS_STATE), _))), "{heading}");
        }
        for (heading, column) in [
            ("Numéro de suivi", TrackingNumber),
            ("Numero di tracking", TrackingNumber),
            ("Número de seguimiento", TrackingNumber),
            ("伝票番号", TrackingNumber),
            ("Transporteur", Carrier),
            ("Date d'expédition", ShippedAt),
            ("Fecha de envío", ShippedAt),
            ("出荷日", ShippedAt),
        ] {
            assert!(
                matches!(meaning(heading), Some((HeadingMeaning::Is(found, _), _)) if found == column),
                "{heading}"
            );
        }
    }

    #[test]
    fn headings_of_shops_in_other_languages_are_known() {
        for (heading, column) in [
            ("Bestellnummer", OrderId),
            ("Bestell-Nr.", OrderId),
            ("Sendungsnummer", TrackingNumber),
            ("Versanddienstleister", Carrier),
            ("Zustellung bis", PromisedDeliveryAt),
            ("EMPFÄNGERLAND", ShipToCountry),
            ("Währung", Currency),
            ("Logistiker", Carrier),
            ("Numero di tracciamento", TrackingNumber),
            ("Date de livraison prévue", PromisedDeliveryAt),
            ("初回スキャン", FirstScanAt),
        ] {
            assert!(
                matches!(meaning(heading), Some((HeadingMeaning::Is(found, _), _)) if found == column),
                "{heading}"
            );
        }
        for personal in ["Käufername", "Straße", "Kunden-Telefon", "PLZ", "Name"] {
            assert_eq!(meaning(personal).map(|(meaning, _)| meaning), Some(HeadingMeaning::Personal), "{personal}");
        }
    }

    #[test]
    fn no_heading_stands_twice() {
        for (index, (heading, _)) in KNOWN.iter().enumerate() {
            assert_eq!(KNOWN.iter().position(|(other, _)| other == heading), Some(index));
        }
    }
}
