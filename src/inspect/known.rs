//! Headings of Amazon's reports and feeds, and their meanings for a shipment.
//!
//! It is a table of names; if several headings give one column, the earlier one here is the better source. It says
//! nothing about an unknown heading, except that some words indicate personal data.

use vtr_columnar::input::Column;

/// The meaning of a heading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
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

/// Heading in lower case with hyphens for blanks and underscores.
const KNOWN: &[(&str, Meaning)] = &[
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
    ("trackingid", Meaning::Is(TrackingNumber, None)),
    ("trackingcode", Meaning::Is(TrackingNumber, None)),
    ("tracking-codes", Meaning::Is(TrackingNumber, None)),
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
    ("delivery-date", Meaning::Is(DeliveryScanAt, Some(PLANNED_DELIVERY))),
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
    ("externe-auftragsnummer", Meaning::Is(OrderId, None)),
    ("externe-bestellnummer", Meaning::Is(OrderId, None)),
    ("auftragsnummer", Meaning::Is(OrderId, None)),
    ("auftrags-nr", Meaning::Is(OrderId, None)),
    ("verkäufer-id", Meaning::Is(SellerId, None)),
    ("händler-id", Meaning::Is(SellerId, None)),
    ("verkäufer", Meaning::Is(SellerId, None)),
    ("marktplatz", Meaning::Is(Marketplace, None)),
    ("verkaufskanal", Meaning::Is(Marketplace, None)),
    ("plattform", Meaning::Is(Marketplace, None)),
    ("platform", Meaning::Is(Marketplace, None)),
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
    ("order-number", Meaning::Is(OrderId, Some(SHOWN_TO_BUYER))),
    ("order-no", Meaning::Is(OrderId, Some(SHOWN_TO_BUYER))),
    ("order-#", Meaning::Is(OrderId, Some(SHOWN_TO_BUYER))),
    ("ordernumber", Meaning::Is(OrderId, Some(SHOWN_TO_BUYER))),
    ("order", Meaning::Is(OrderId, Some(SHOWN_TO_BUYER))),
    ("order---number", Meaning::Is(OrderId, Some(SHOWN_TO_BUYER))),
    ("reference", Meaning::Is(OrderId, Some(SHOWN_TO_BUYER))),
    ("external-order-number", Meaning::Is(OrderId, Some(SHOWN_TO_BUYER))),
    ("numéro-de-commande", Meaning::Is(OrderId, None)),
    ("n°-de-commande", Meaning::Is(OrderId, None)),
    ("numero-de-commande", Meaning::Is(OrderId, None)),
    ("id-commande", Meaning::Is(OrderId, None)),
    ("numero-ordine", Meaning::Is(OrderId, None)),
    ("numero-dell'ordine", Meaning::Is(OrderId, None)),
    ("id-ordine", Meaning::Is(OrderId, None)),
    ("número-de-pedido", Meaning::Is(OrderId, None)),
    ("numero-de-pedido", Meaning::Is(OrderId, None)),
    ("id-de-pedido", Meaning::Is(OrderId, None)),
    ("pedido", Meaning::Is(OrderId, None)),
    ("注文番号", Meaning::Is(OrderId, None)),
    ("注文-id", Meaning::Is(OrderId, None)),
    ("注文id", Meaning::Is(OrderId, None)),
    ("受注番号", Meaning::Is(OrderId, None)),
    ("carrier---name", Meaning::Is(Carrier, None)),
    ("courier", Meaning::Is(Carrier, None)),
    ("courier-name", Meaning::Is(Carrier, None)),
    ("shipping-carrier", Meaning::Is(Carrier, None)),
    ("shipping-provider", Meaning::Is(Carrier, None)),
    ("shipping-company", Meaning::Is(Carrier, None)),
    ("tracking-provider", Meaning::Is(Carrier, None)),
    ("tracking-company", Meaning::Is(Carrier, None)),
    ("carrier-used", Meaning::Is(Carrier, None)),
    ("transporteur", Meaning::Is(Carrier, None)),
    ("corriere", Meaning::Is(Carrier, None)),
    ("vettore", Meaning::Is(Carrier, None)),
    ("transportista", Meaning::Is(Carrier, None)),
    ("empresa-de-transporte", Meaning::Is(Carrier, None)),
    ("配送業者", Meaning::Is(Carrier, None)),
    ("運送会社", Meaning::Is(Carrier, None)),
    ("配送会社", Meaning::Is(Carrier, None)),
    ("出荷方法", Meaning::Is(ShipService, None)),
    ("tracking", Meaning::Is(TrackingNumber, None)),
    ("tracking-code", Meaning::Is(TrackingNumber, None)),
    ("tracking-#", Meaning::Is(TrackingNumber, None)),
    ("trackingnumber", Meaning::Is(TrackingNumber, None)),
    ("tracking-numbers", Meaning::Is(TrackingNumber, None)),
    ("consignment-number", Meaning::Is(TrackingNumber, None)),
    ("shipment---tracking-number", Meaning::Is(TrackingNumber, None)),
    ("tracking-ids", Meaning::Is(TrackingNumber, None)),
    ("paketnummern", Meaning::Is(TrackingNumber, None)),
    ("numéro-de-suivi", Meaning::Is(TrackingNumber, None)),
    ("n°-de-suivi", Meaning::Is(TrackingNumber, None)),
    ("numero-de-suivi", Meaning::Is(TrackingNumber, None)),
    ("numero-di-tracking", Meaning::Is(TrackingNumber, None)),
    ("numero-tracking", Meaning::Is(TrackingNumber, None)),
    ("codice-di-tracciamento", Meaning::Is(TrackingNumber, None)),
    ("número-de-seguimiento", Meaning::Is(TrackingNumber, None)),
    ("numero-de-seguimiento", Meaning::Is(TrackingNumber, None)),
    ("お問い合わせ番号", Meaning::Is(TrackingNumber, None)),
    ("問い合わせ番号", Meaning::Is(TrackingNumber, None)),
    ("お問合せ番号", Meaning::Is(TrackingNumber, None)),
    ("伝票番号", Meaning::Is(TrackingNumber, None)),
    ("追跡番号", Meaning::Is(TrackingNumber, None)),
    ("送り状番号", Meaning::Is(TrackingNumber, None)),
    ("shipping-service", Meaning::Is(ShipService, None)),
    ("postal-service", Meaning::Is(ShipService, None)),
    ("postal-service-name", Meaning::Is(ShipService, None)),
    ("service", Meaning::Is(ShipService, None)),
    ("service-name", Meaning::Is(ShipService, None)),
    ("shipping-method", Meaning::Is(ShipService, None)),
    ("shipment-method", Meaning::Is(ShipService, None)),
    ("mode-de-livraison", Meaning::Is(ShipService, None)),
    ("metodo-di-spedizione", Meaning::Is(ShipService, None)),
    ("método-de-envío", Meaning::Is(ShipService, None)),
    ("配送方法", Meaning::Is(ShipService, None)),
    ("shipped-date", Meaning::Is(ShippedAt, None)),
    ("date-shipped", Meaning::Is(ShippedAt, None)),
    ("shipped-on", Meaning::Is(ShippedAt, None)),
    ("shipping-date", Meaning::Is(ShippedAt, None)),
    ("dispatch-date", Meaning::Is(ShippedAt, None)),
    ("processed-date", Meaning::Is(ShippedAt, Some(PROCESSED))),
    ("despatch-date", Meaning::Is(ShippedAt, None)),
    ("dispatched-at", Meaning::Is(ShippedAt, None)),
    ("fulfilled-at", Meaning::Is(ShippedAt, None)),
    ("date-d'expédition", Meaning::Is(ShippedAt, None)),
    ("date-d’expédition", Meaning::Is(ShippedAt, None)),
    ("date-expédition", Meaning::Is(ShippedAt, None)),
    ("data-spedizione", Meaning::Is(ShippedAt, None)),
    ("data-di-spedizione", Meaning::Is(ShippedAt, None)),
    ("fecha-de-envío", Meaning::Is(ShippedAt, None)),
    ("fecha-de-envio", Meaning::Is(ShippedAt, None)),
    ("出荷日", Meaning::Is(ShippedAt, None)),
    ("発送日", Meaning::Is(ShippedAt, None)),
    ("出荷日時", Meaning::Is(ShippedAt, None)),
    ("shipment---delivered-date", Meaning::Is(DeliveryScanAt, None)),
    ("delivered-date", Meaning::Is(DeliveryScanAt, None)),
    ("date-delivered", Meaning::Is(DeliveryScanAt, None)),
    ("delivered-on", Meaning::Is(DeliveryScanAt, None)),
    ("actual-delivery-date", Meaning::Is(DeliveryScanAt, None)),
    ("delivery-date-actual", Meaning::Is(DeliveryScanAt, None)),
    ("date-de-livraison", Meaning::Is(DeliveryScanAt, Some(PLANNED_DELIVERY))),
    ("data-consegna", Meaning::Is(DeliveryScanAt, Some(PLANNED_DELIVERY))),
    ("fecha-de-entrega", Meaning::Is(DeliveryScanAt, Some(PLANNED_DELIVERY))),
    ("配達完了日", Meaning::Is(DeliveryScanAt, None)),
    ("配達日", Meaning::Is(DeliveryScanAt, Some(PLANNED_DELIVERY))),
    ("estimated-delivery-date", Meaning::Is(PromisedDeliveryAt, Some(ESTIMATE))),
    ("estimated-delivery", Meaning::Is(PromisedDeliveryAt, Some(ESTIMATE))),
    ("expected-delivery-date", Meaning::Is(PromisedDeliveryAt, Some(ESTIMATE))),
    ("eta", Meaning::Is(PromisedDeliveryAt, Some(ESTIMATE))),
    ("data-di-consegna-prevista", Meaning::Is(PromisedDeliveryAt, Some(ESTIMATE))),
    ("date-de-livraison-estimée", Meaning::Is(PromisedDeliveryAt, Some(ESTIMATE))),
    ("fecha-de-entrega-estimada", Meaning::Is(PromisedDeliveryAt, Some(ESTIMATE))),
    ("お届け予定日", Meaning::Is(PromisedDeliveryAt, Some(ESTIMATE))),
    ("配達予定日", Meaning::Is(PromisedDeliveryAt, Some(ESTIMATE))),
    ("first-scanned-at", Meaning::Is(FirstScanAt, None)),
    ("first-carrier-scan", Meaning::Is(FirstScanAt, None)),
    ("carrier-scan-date", Meaning::Is(FirstScanAt, None)),
    ("status", Meaning::Is(OrderStatus, Some(STATUS))),
    ("state", Meaning::Personal),
    ("province", Meaning::Personal),
    ("region", Meaning::Personal),
    ("bundesland", Meaning::Personal),
    ("order-state", Meaning::Is(OrderStatus, Some(STATUS))),
    ("orderstatus", Meaning::Is(OrderStatus, Some(STATUS))),
    ("statut", Meaning::Is(OrderStatus, Some(STATUS))),
    ("statut-de-la-commande", Meaning::Is(OrderStatus, Some(STATUS))),
    ("statut-commande", Meaning::Is(OrderStatus, Some(STATUS))),
    ("état-de-la-commande", Meaning::Is(OrderStatus, Some(STATUS))),
    ("stato", Meaning::Is(OrderStatus, Some(STATUS))),
    ("stato-ordine", Meaning::Is(OrderStatus, Some(STATUS))),
    ("stato-dell'ordine", Meaning::Is(OrderStatus, Some(STATUS))),
    ("estado", Meaning::Is(OrderStatus, Some(STATUS))),
    ("estado-del-pedido", Meaning::Is(OrderStatus, Some(STATUS))),
    ("estado-pedido", Meaning::Is(OrderStatus, Some(STATUS))),
    ("ステータス", Meaning::Is(OrderStatus, Some(STATUS))),
    ("注文ステータス", Meaning::Is(OrderStatus, Some(STATUS))),
    ("注文状況", Meaning::Is(OrderStatus, Some(STATUS))),
    ("ship-to---country", Meaning::Is(ShipToCountry, None)),
    ("shipping-country", Meaning::Is(ShipToCountry, None)),
    ("destination-country", Meaning::Is(ShipToCountry, None)),
    ("recipient-country", Meaning::Is(ShipToCountry, None)),
    ("ship-to-country-code", Meaning::Is(ShipToCountry, None)),
    ("delivery-country", Meaning::Is(ShipToCountry, None)),
    ("country-of-delivery", Meaning::Is(ShipToCountry, None)),
    ("country", Meaning::Is(ShipToCountry, Some(EITHER_END))),
    ("country-code", Meaning::Is(ShipToCountry, Some(EITHER_END))),
    ("land", Meaning::Is(ShipToCountry, Some(EITHER_END))),
    ("pays", Meaning::Is(ShipToCountry, Some(EITHER_END))),
    ("paese", Meaning::Is(ShipToCountry, Some(EITHER_END))),
    ("país", Meaning::Is(ShipToCountry, Some(EITHER_END))),
    ("pays-de-livraison", Meaning::Is(ShipToCountry, None)),
    ("paese-di-destinazione", Meaning::Is(ShipToCountry, None)),
    ("país-de-destino", Meaning::Is(ShipToCountry, None)),
    ("配送先国", Meaning::Is(ShipToCountry, None)),
    ("order-total", Meaning::Is(PackageValue, Some(TOTAL))),
    ("total", Meaning::Is(PackageValue, Some(TOTAL))),
    ("total-amount", Meaning::Is(PackageValue, Some(TOTAL))),
    ("value", Meaning::Is(PackageValue, Some(TOTAL))),
    ("parcel-value", Meaning::Is(PackageValue, Some(TOTAL))),
    ("bruttowert", Meaning::Is(PackageValue, Some(TOTAL))),
    ("gesamtbetrag", Meaning::Is(PackageValue, Some(TOTAL))),
    ("montant-total", Meaning::Is(PackageValue, Some(TOTAL))),
    ("totale-ordine", Meaning::Is(PackageValue, Some(TOTAL))),
    ("importe-total", Meaning::Is(PackageValue, Some(TOTAL))),
    ("currency-code", Meaning::Is(Currency, None)),
    ("order-currency", Meaning::Is(Currency, None)),
    ("devise", Meaning::Is(Currency, None)),
    ("valuta", Meaning::Is(Currency, None)),
    ("moneda", Meaning::Is(Currency, None)),
    ("divisa", Meaning::Is(Currency, None)),
    ("通貨", Meaning::Is(Currency, None)),
    ("tracking-status", Meaning::Useless(CARRIERS_STATE)),
    ("delivery-status", Meaning::Useless(CARRIERS_STATE)),
    ("shipment-status", Meaning::Useless(CARRIERS_STATE)),
    ("shipping-status", Meaning::Useless(CARRIERS_STATE)),
    ("parcel-status", Meaning::Useless(CARRIERS_STATE)),
    ("carrier-status", Meaning::Useless(CARRIERS_STATE)),
    ("last-status", Meaning::Useless(CARRIERS_STATE)),
    ("latest-status", Meaning::Useless(CARRIERS_STATE)),
    ("current-status", Meaning::Useless(CARRIERS_STATE)),
    ("fulfillment-status", Meaning::Useless(CARRIERS_STATE)),
    ("fulfilment-status", Meaning::Useless(CARRIERS_STATE)),
    ("lieferstatus", Meaning::Useless(CARRIERS_STATE)),
    ("versandstatus", Meaning::Useless(CARRIERS_STATE)),
    ("sendungsstatus", Meaning::Useless(CARRIERS_STATE)),
    ("zustellstatus", Meaning::Useless(CARRIERS_STATE)),
    ("trackingstatus", Meaning::Useless(CARRIERS_STATE)),
    ("tracking-state", Meaning::Useless(CARRIERS_STATE)),
    ("statut-de-livraison", Meaning::Useless(CARRIERS_STATE)),
    ("statut-d'expédition", Meaning::Useless(CARRIERS_STATE)),
    ("statut-expédition", Meaning::Useless(CARRIERS_STATE)),
    ("statut-du-colis", Meaning::Useless(CARRIERS_STATE)),
    ("statut-de-suivi", Meaning::Useless(CARRIERS_STATE)),
    ("stato-spedizione", Meaning::Useless(CARRIERS_STATE)),
    ("stato-della-spedizione", Meaning::Useless(CARRIERS_STATE)),
    ("stato-consegna", Meaning::Useless(CARRIERS_STATE)),
    ("stato-della-consegna", Meaning::Useless(CARRIERS_STATE)),
    ("estado-de-envío", Meaning::Useless(CARRIERS_STATE)),
    ("estado-del-envío", Meaning::Useless(CARRIERS_STATE)),
    ("estado-de-entrega", Meaning::Useless(CARRIERS_STATE)),
    ("estado-de-seguimiento", Meaning::Useless(CARRIERS_STATE)),
    ("配送状況", Meaning::Useless(CARRIERS_STATE)),
    ("配送ステータス", Meaning::Useless(CARRIERS_STATE)),
    ("出荷状況", Meaning::Useless(CARRIERS_STATE)),
    ("出荷ステータス", Meaning::Useless(CARRIERS_STATE)),
    ("発送状況", Meaning::Useless(CARRIERS_STATE)),
    ("追跡ステータス", Meaning::Useless(CARRIERS_STATE)),
    ("financial-status", Meaning::Useless("whether it was paid")),
    ("payment-status", Meaning::Useless("whether it was paid")),
    ("zahlungsstatus", Meaning::Useless("whether it was paid")),
    ("statut-de-paiement", Meaning::Useless("whether it was paid")),
    ("stato-pagamento", Meaning::Useless("whether it was paid")),
    ("estado-de-pago", Meaning::Useless("whether it was paid")),
    ("入金ステータス", Meaning::Useless("whether it was paid")),
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

/// Returns a heading as the table spells it: in lower case, with hyphens for blanks and underscores.
pub(super) fn key(heading: &str) -> String {
    crate::scan::headings::key(heading).replace(['.', ':'], "").trim().replace([' ', '_'], "-")
}

/// Returns the meaning of a heading, and its rank as a source; smaller is better.
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
    fn a_state_without_a_time_is_no_scan() {
        for heading in
            ["Status", "Order state", "Statut", "Stato ordine", "Estado del pedido", "ステータス", "Bestellstatus"]
        {
            assert!(matches!(meaning(heading), Some((Meaning::Is(OrderStatus, _), _))), "{heading}");
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
            assert!(matches!(meaning(heading), Some((Meaning::Useless(CARRIERS_STATE), _))), "{heading}");
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
            assert!(matches!(meaning(heading), Some((Meaning::Is(found, _), _)) if found == column), "{heading}");
        }
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
