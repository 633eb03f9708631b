//! The fields that a seller's files fill: their canonical names.
//!
//! It names them and nothing else; how a cell is typed is decided where it is used. It cannot fail.

macro_rules! fields {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal,)*) => {
        /// A field of a record in a seller's file, in canonical order.
        #[repr(u8)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Field {
            $($(#[doc = $doc])+ $name,)*
        }

        impl Field {
            /// All fields, in canonical order; a field's position here is its number as an integer.
            pub const ALL: [Field; [$($text),*].len()] = [$(Field::$name),*];

            /// The canonical name.
            pub fn name(self) -> &'static str {
                match self {
                    $(Field::$name => $text,)*
                }
            }
        }
    };
}

fields! {
    /// Whose it is.
    SellerId = "seller_id",
    /// The store, as any name or id that the book knows.
    Marketplace = "marketplace",
    /// The order.
    OrderId = "order_id",
    /// The line of the order.
    OrderItemId = "order_item_id",
    /// The package within the order.
    PackageId = "package_id",
    /// The seller's own number of the goods.
    Sku = "sku",
    /// Units.
    Quantity = "quantity",
    /// Who ships.
    FulfillmentChannel = "fulfillment_channel",
    /// Whether the order stands.
    OrderStatus = "order_status",
    /// The carrier, by code or name.
    Carrier = "carrier",
    /// The carrier's name where a code says nothing.
    CarrierName = "carrier_name",
    /// The carrier's service.
    ShipService = "ship_service",
    /// The promise class that the buyer chose; it is no carrier's service.
    ShipServiceLevel = "ship_service_level",
    /// Whether the label was bought from the marketplace.
    BuyShipping = "buy_shipping",
    /// The tracking number.
    TrackingNumber = "tracking_number",
    /// Where it ships from.
    ShipFromCountry = "ship_from_country",
    /// Where it ships to.
    ShipToCountry = "ship_to_country",
    /// The package's value, shipping included.
    PackageValue = "package_value",
    /// Price of a line.
    ItemPrice = "item_price",
    /// Tax within or upon the price of a line.
    ItemTax = "item_tax",
    /// Price of shipping a line.
    ShippingPrice = "shipping_price",
    /// Tax within or upon the price of shipping.
    ShippingTax = "shipping_tax",
    /// Currency of the amounts.
    Currency = "currency",
    /// The goods' category.
    ProductCategory = "product_category",
    /// The programme that the order was sold under.
    Programme = "programme",
    /// The promised delivery.
    PromisedDeliveryAt = "promised_delivery_at",
    /// The shipment.
    ShippedAt = "shipped_at",
    /// When the tracking number was given.
    TrackingAddedAt = "tracking_added_at",
    /// The first scan.
    FirstScanAt = "first_scan_at",
    /// The delivery's scan.
    DeliveryScanAt = "delivery_scan_at",
    /// When the record was made.
    CreatedAt = "created_at",
    /// When the record was changed last.
    UpdatedAt = "updated_at",
    /// When the file was written or sent.
    WrittenAt = "written_at",
    /// When an event happened.
    OccurredAt = "occurred_at",
    /// The word of an event.
    Status = "status",
    /// The finer word of an event.
    Substatus = "substatus",
    /// The package's state, without a history.
    PackageStatus = "package_status",
}

impl Field {
    /// How many fields there are.
    pub const COUNT: usize = Field::ALL.len();

    /// Its position in [`Field::ALL`].
    pub fn index(self) -> usize {
        self as usize
    }

    /// The field of a canonical name.
    pub fn from_name(name: &str) -> Option<Field> {
        Field::ALL.into_iter().find(|field| field.name() == name)
    }
}
