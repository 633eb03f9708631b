//! The fields that a seller's files fill: their canonical names.
//!
//! It defines the names and nothing else; other modules decide how a cell is typed. It cannot fail.

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

            /// Returns the canonical name.
            pub fn name(self) -> &'static str {
                match self {
                    $(Field::$name => $text,)*
                }
            }
        }
    };
}

fields! {
    /// The seller's account.
    SellerId = "seller_id",
    /// The store, by any name or id of the book.
    Marketplace = "marketplace",
    /// The order's id.
    OrderId = "order_id",
    /// The line of the order.
    OrderItemId = "order_item_id",
    /// The package within the order.
    PackageId = "package_id",
    /// The seller's own id of the goods.
    Sku = "sku",
    /// The number of units.
    Quantity = "quantity",
    /// The party that ships.
    FulfillmentChannel = "fulfillment_channel",
    /// The state of the order, which tells whether it was canceled.
    OrderStatus = "order_status",
    /// The carrier, by code or name.
    Carrier = "carrier",
    /// The carrier's name, for rows whose code names none.
    CarrierName = "carrier_name",
    /// The carrier's service.
    ShipService = "ship_service",
    /// The promise class that the buyer chose; it is not the carrier's service.
    ShipServiceLevel = "ship_service_level",
    /// Whether the label was bought from the marketplace.
    BuyShipping = "buy_shipping",
    /// The tracking number.
    TrackingNumber = "tracking_number",
    /// The country from which it ships.
    ShipFromCountry = "ship_from_country",
    /// The country to which it ships.
    ShipToCountry = "ship_to_country",
    /// The package's value, shipping included.
    PackageValue = "package_value",
    /// The price of a line.
    ItemPrice = "item_price",
    /// The tax within or upon the price of a line.
    ItemTax = "item_tax",
    /// The price of shipping a line.
    ShippingPrice = "shipping_price",
    /// The tax within or upon the price of shipping.
    ShippingTax = "shipping_tax",
    /// The currency of the amounts.
    Currency = "currency",
    /// The goods' category.
    ProductCategory = "product_category",
    /// The programme under which the order was sold.
    Programme = "programme",
    /// The promised time of delivery.
    PromisedDeliveryAt = "promised_delivery_at",
    /// The time of shipment.
    ShippedAt = "shipped_at",
    /// The time at which the tracking number was given.
    TrackingAddedAt = "tracking_added_at",
    /// The time of the first scan.
    FirstScanAt = "first_scan_at",
    /// The time of the delivery scan.
    DeliveryScanAt = "delivery_scan_at",
    /// The time at which the record was created.
    CreatedAt = "created_at",
    /// The time at which the record last changed.
    UpdatedAt = "updated_at",
    /// The time at which the file was written or sent.
    WrittenAt = "written_at",
    /// The time of an event.
    OccurredAt = "occurred_at",
    /// The word of an event.
    Status = "status",
    /// The more specific word of an event.
    Substatus = "substatus",
    /// The package's current state, for files without a history of events.
    PackageStatus = "package_status",
}

impl Field {
    /// The number of fields.
    pub const COUNT: usize = Field::ALL.len();

    /// Returns its position in [`Field::ALL`].
    pub fn index(self) -> usize {
        self as usize
    }

    /// Returns the field of a canonical name.
    pub fn from_name(name: &str) -> Option<Field> {
        Field::ALL.into_iter().find(|field| field.name() == name)
    }
}
