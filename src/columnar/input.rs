//! The canonical columns: names, order, and the Arrow types from which each can be read.
//!
//! The order decides which fault of a row is reported first.

use crate::refusal::{InputError, InputFault};
use arrow::datatypes::{DataType, TimeUnit};
use vtr_kernel::instant::TimeFormat;
use vtr_kernel::strays::Mark;
use vtr_kernel::text::trim;

/// A column that a shipment can have.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)] // NAMES documents them
pub enum Column {
    SellerId,
    Marketplace,
    OrderId,
    PackageId,
    FulfillmentChannel,
    OrderStatus,
    Carrier,
    ShipService,
    BuyShipping,
    TrackingNumber,
    ShipFromCountry,
    ShipToCountry,
    PackageValue,
    Currency,
    ProductCategory,
    Programme,
    PromisedDeliveryAt,
    ShippedAt,
    TrackingAddedAt,
    FirstScanAt,
    DeliveryScanAt,
    UpdatedAt,
}

/// The type of a column's cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text that repeats: worth a dictionary.
    Label,
    /// Text that differs from row to row.
    Text,
    /// A flag.
    Flag,
    /// An exact decimal.
    Amount,
    /// A timestamp or a date.
    Time,
}

impl Column {
    /// All columns, in the order of the contract.
    pub const ALL: [Column; 22] = [
        Column::SellerId,
        Column::Marketplace,
        Column::OrderId,
        Column::PackageId,
        Column::FulfillmentChannel,
        Column::OrderStatus,
        Column::Carrier,
        Column::ShipService,
        Column::BuyShipping,
        Column::TrackingNumber,
        Column::ShipFromCountry,
        Column::ShipToCountry,
        Column::PackageValue,
        Column::Currency,
        Column::ProductCategory,
        Column::Programme,
        Column::PromisedDeliveryAt,
        Column::ShippedAt,
        Column::TrackingAddedAt,
        Column::FirstScanAt,
        Column::DeliveryScanAt,
        Column::UpdatedAt,
    ];

    /// Returns the canonical name.
    pub fn name(self) -> &'static str {
        match self {
            Column::SellerId => "seller_id",
            Column::Marketplace => "marketplace",
            Column::OrderId => "order_id",
            Column::PackageId => "package_id",
            Column::FulfillmentChannel => "fulfillment_channel",
            Column::OrderStatus => "order_status",
            Column::Carrier => "carrier",
            Column::ShipService => "ship_service",
            Column::BuyShipping => "buy_shipping",
            Column::TrackingNumber => "tracking_number",
            Column::ShipFromCountry => "ship_from_country",
            Column::ShipToCountry => "ship_to_country",
            Column::PackageValue => "package_value",
            Column::Currency => "currency",
            Column::ProductCategory => "product_category",
            Column::Programme => "programme",
            Column::PromisedDeliveryAt => "promised_delivery_at",
            Column::ShippedAt => "shipped_at",
            Column::TrackingAddedAt => "tracking_added_at",
            Column::FirstScanAt => "first_scan_at",
            Column::DeliveryScanAt => "delivery_scan_at",
            Column::UpdatedAt => "updated_at",
        }
    }

    /// Returns the column of a canonical name.
    pub fn from_name(name: &str) -> Option<Column> {
        Column::ALL.into_iter().find(|column| column.name() == name)
    }

    /// Returns the type of its cells.
    pub fn kind(self) -> Kind {
        match self {
            Column::OrderId | Column::PackageId | Column::TrackingNumber => Kind::Text,
            Column::BuyShipping => Kind::Flag,
            Column::PackageValue => Kind::Amount,
            Column::PromisedDeliveryAt
            | Column::ShippedAt
            | Column::TrackingAddedAt
            | Column::FirstScanAt
            | Column::DeliveryScanAt
            | Column::UpdatedAt => Kind::Time,
            _ => Kind::Label,
        }
    }

    /// Returns whether a shipment cannot be judged without it.
    pub fn is_needed(self) -> bool {
        matches!(self, Column::SellerId | Column::Marketplace | Column::OrderId)
    }

    /// Returns the type as which a source's column must be read for the fold.
    ///
    /// # Errors
    /// Describes what is wrong with the source's type, and what to do.
    pub fn read_as(self, source: &DataType) -> Result<DataType, InputError> {
        let text = is_text(source) || is_bytes(source);
        let whole = source.is_integer() || is_whole_decimal(source);
        let refused = |wanted: &str| Err(InputError::wrong_type(self, source, wanted, ""));
        match self.kind() {
            Kind::Label | Kind::Text if text && self.kind() == Kind::Label => Ok(label_type()),
            Kind::Label | Kind::Text if text => Ok(DataType::Utf8View),
            Kind::Label | Kind::Text if whole && self == Column::SellerId => {
                let remedy = "as a number it has lost its leading zeros. Export it as text";
                Err(InputError::wrong_type(self, source, "text", remedy))
            }
            // A float column is text only as far as it holds NaN, which means null; a tracking number in it is at
            // least known to be damaged.
            Kind::Label | Kind::Text if whole || source.is_floating() || *source == DataType::Null => {
                Ok(source.clone())
            }
            Kind::Label | Kind::Text => refused("text"),
            Kind::Flag if text || matches!(source, DataType::Boolean | DataType::Null) => self.text_or(source),
            Kind::Flag if source.is_integer() || source.is_floating() || is_decimal(source) => Ok(source.clone()),
            Kind::Flag => refused("a boolean, 0 and 1, or text such as true, false, yes, no"),
            Kind::Amount if text || source.is_integer() || source.is_floating() || is_decimal(source) => {
                self.text_or(source)
            }
            Kind::Amount if *source == DataType::Null => Ok(source.clone()),
            Kind::Amount => refused("a decimal, an integer, a float or text"),
            Kind::Time
                if text
                    || matches!(
                        source,
                        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 | DataType::Null
                    ) =>
            {
                self.text_or(source)
            }
            Kind::Time => {
                let remedy = if source.is_integer() {
                    "a number does not say what it counts. Write a timestamp; milliseconds become one by epoch_ms (DuckDB), \
                     timestamp_millis (Spark) or to_datetime with unit=\"ms\" (pandas)"
                } else {
                    ""
                };
                Err(InputError::wrong_type(
                    self,
                    source,
                    "a timestamp, a date or text such as 2025-01-15T10:20:00Z",
                    remedy,
                ))
            }
        }
    }

    /// Returns the error for a text column of floats that are numbers.
    pub fn refuse_float(self, source: &DataType) -> InputError {
        let found = format!("{source} and holds numbers");
        InputError::of(InputFault::Values, self.name(), found, "text", "a float has cut its digits")
    }

    /// Returns whether this column, read as this type, cannot change the outcome of a row outside the requested
    /// days: it takes no part in identifying copies or choosing the newest, and no value of it rejects the row.
    pub fn is_moot_outside(self, read_as: &DataType) -> bool {
        let is_dated = matches!(self, Column::PromisedDeliveryAt | Column::ShippedAt | Column::UpdatedAt);
        match self.kind() {
            // An unknown country rejects a row unless the marketplace shipped it.
            Kind::Label if read_as.is_floating() => false,
            Kind::Label => !matches!(
                self,
                Column::SellerId
                    | Column::Marketplace
                    | Column::FulfillmentChannel
                    | Column::ShipFromCountry
                    | Column::ShipToCountry
            ),
            Kind::Text => false,
            Kind::Flag => matches!(read_as, DataType::Boolean | DataType::Null),
            Kind::Amount => match read_as {
                DataType::Decimal32(_, scale) | DataType::Decimal64(_, scale) | DataType::Decimal128(_, scale) => {
                    *scale >= 0
                }
                other => other.is_integer() || *other == DataType::Null,
            },
            // Coarser units can overflow.
            Kind::Time => {
                !is_dated
                    && matches!(
                        read_as,
                        DataType::Timestamp(TimeUnit::Microsecond | TimeUnit::Nanosecond, _)
                            | DataType::Date32
                            | DataType::Date64
                            | DataType::Null
                    )
            }
        }
    }

    fn text_or(self, source: &DataType) -> Result<DataType, InputError> {
        Ok(if is_text(source) || is_bytes(source) { DataType::Utf8View } else { source.clone() })
    }
}

/// Returns the type of dictionary-encoded text, as which label columns are read.
pub fn label_type() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

fn is_text(source: &DataType) -> bool {
    match source {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, values) => is_text(values),
        _ => false,
    }
}

/// Returns whether a type is bytes that are not declared as text; some warehouses write all text this way.
fn is_bytes(source: &DataType) -> bool {
    match source {
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => true,
        DataType::Dictionary(_, values) => is_bytes(values),
        _ => false,
    }
}

fn is_whole_decimal(source: &DataType) -> bool {
    matches!(
        source,
        DataType::Decimal32(_, 0) | DataType::Decimal64(_, 0) | DataType::Decimal128(_, 0) | DataType::Decimal256(_, 0)
    )
}

fn is_decimal(source: &DataType) -> bool {
    matches!(
        source,
        DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..) | DataType::Decimal256(..)
    )
}

/// Returns the microseconds in one unit of a timestamp, and how many units make a microsecond.
pub(crate) fn micros_per(unit: TimeUnit) -> (i64, i64) {
    match unit {
        TimeUnit::Second => (1_000_000, 1),
        TimeUnit::Millisecond => (1_000, 1),
        TimeUnit::Microsecond => (1, 1),
        TimeUnit::Nanosecond => (1, 1_000),
    }
}

/// The rules by which the cells of one input are read.
#[derive(Clone, Debug)]
pub struct CellRules {
    /// The texts that mean null, compared after trimming.
    pub nulls: Vec<String>,
    /// The decimal mark.
    pub decimal_mark: u8,
    /// Whether the decimal mark was declared.
    pub mark: Mark,
    /// The notation of times.
    pub times: TimeFormat,
}

impl Default for CellRules {
    fn default() -> Self {
        CellRules { nulls: Vec::new(), decimal_mark: b'.', mark: Mark::Assumed, times: TimeFormat::default() }
    }
}

impl CellRules {
    /// Removes outer white space; empty text and the declared nulls are `None`.
    pub fn trim<'a>(&self, text: &'a str) -> Option<&'a str> {
        trim(text).filter(|text| !self.nulls.iter().any(|null| null == text))
    }
}

/// A set of columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ColumnSet(u32);

impl ColumnSet {
    /// Adds a column.
    pub fn insert(&mut self, column: Column) {
        self.0 |= 1 << column as u8;
    }

    /// Returns whether a column is in the set.
    pub fn contains(self, column: Column) -> bool {
        self.0 >> column as u8 & 1 == 1
    }

    /// Returns the columns of the set, in order.
    pub fn iter(self) -> impl Iterator<Item = Column> {
        Column::ALL.into_iter().filter(move |column| self.contains(*column))
    }
}

impl FromIterator<Column> for ColumnSet {
    fn from_iter<I: IntoIterator<Item = Column>>(columns: I) -> Self {
        let mut set = ColumnSet::default();
        columns.into_iter().for_each(|column| set.insert(column));
        set
    }
}
