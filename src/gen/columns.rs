//! Columns: rows collected into Arrow batches, of the history and of its truth.
//!
//! Labels are dictionary keys from the world to the file; the only texts copied per row are orders, packages and
//! numbers. This module must not decide the content of a row.

use super::labels::{Labels, NULL};
use super::numbers::{Text, cleaned};
use super::package::{NEVER, Parcel, Place};
use super::world::{Texts, World, date};
use arrow::array::{
    ArrayRef, BooleanBuilder, Date32Builder, Decimal128Array, DictionaryArray, Int32Array, Int64Array, PrimitiveArray,
    RecordBatch, StringArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, Int32Type, Schema, SchemaRef, TimeUnit, TimestampMicrosecondType};
use std::sync::Arc;
use vtr_columnar::input::{Column, Kind};

/// The precision of a value, and its number of decimals.
const VALUE: (u8, i8) = (12, 2);

fn label() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

/// Returns the schema of a history.
pub fn schema() -> SchemaRef {
    let field = |column: Column| {
        let kind = match column.kind() {
            Kind::Label => label(),
            Kind::Text => DataType::Utf8,
            Kind::Flag => DataType::Boolean,
            Kind::Amount => DataType::Decimal128(VALUE.0, VALUE.1),
            Kind::Time => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        };
        Field::new(column.name(), kind, true)
    };
    Arc::new(Schema::new(Column::ALL.map(field).to_vec()))
}

/// Returns the schema of a truth.
pub fn truth_schema() -> SchemaRef {
    let text = |name: &str, needed: bool| Field::new(name, DataType::Utf8, !needed);
    let labels = |name: &str| Field::new(name, label(), true);
    Arc::new(Schema::new(vec![
        labels("seller_id"),
        labels("marketplace"),
        text("order_id", false),
        text("package_id", false),
        text("file", true),
        Field::new("record", DataType::Int64, false),
        labels("place"),
        labels("reason"),
        Field::new("day", DataType::Date32, true),
        Field::new("week_start", DataType::Date32, true),
        labels("carrier"),
        labels("programme"),
        labels("category"),
    ]))
}

/// Returns a dictionary as an Arrow array.
fn values(labels: &Labels) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(labels.texts()))
}

/// The dictionaries of the label columns, made once.
pub struct Dictionaries {
    history: [ArrayRef; 11],
    truth: [ArrayRef; 4],
    places: ArrayRef,
    reasons: ArrayRef,
}

const PLACES: [&str; 6] = ["rejected", "superseded", "out_of_scope", "exempt", "valid", "defect"];

impl Dictionaries {
    /// Makes the dictionaries of a world.
    pub fn of(world: &World) -> Dictionaries {
        let Texts { seller, marketplace, channel, status, carrier, service, country, currency, category, programme } =
            &world.texts;
        let history =
            [seller, marketplace, channel, status, carrier, service, country, country, currency, category, programme];
        let truth = [&world.truth.marketplace, &world.truth.carrier, &world.truth.programme, &world.truth.category];
        Dictionaries {
            history: history.map(values),
            truth: truth.map(values),
            places: Arc::new(StringArray::from_iter_values(PLACES)),
            reasons: Arc::new(StringArray::from_iter_values(vtr_kernel::reason::TABLE.iter().map(|entry| entry.name))),
        }
    }
}

fn keys(values: &ArrayRef, parcels: &[Parcel], key: impl Fn(&Parcel) -> u32) -> ArrayRef {
    let raw: Vec<u32> = parcels.iter().map(key).collect();
    let nulls = raw.contains(&NULL).then(|| NullBuffer::from_iter(raw.iter().map(|key| *key != NULL)));
    let raw: Vec<i32> = raw.into_iter().map(|key| if key == NULL { 0 } else { key as i32 }).collect();
    Arc::new(DictionaryArray::<Int32Type>::new(Int32Array::new(raw.into(), nulls), values.clone()))
}

fn times(parcels: &[Parcel], time: impl Fn(&Parcel) -> i64) -> ArrayRef {
    let raw: Vec<i64> = parcels.iter().map(time).collect();
    let nulls = raw.contains(&NEVER).then(|| NullBuffer::from_iter(raw.iter().map(|time| *time != NEVER)));
    Arc::new(PrimitiveArray::<TimestampMicrosecondType>::new(raw.into(), nulls).with_timezone("UTC"))
}

/// Returns a column of text. All of it is checked to be UTF-8 at once, which is much faster than cell by cell.
fn texts<'p>(parcels: &'p [Parcel], text: impl Fn(&'p Parcel) -> Option<&'p [u8]>) -> ArrayRef {
    let (mut bytes, mut ends) = (Vec::with_capacity(parcels.len() * 20), Vec::with_capacity(parcels.len() + 1));
    let mut there = Vec::with_capacity(parcels.len());
    ends.push(0i32);
    for parcel in parcels {
        let text = text(parcel);
        there.push(text.is_some());
        bytes.extend_from_slice(text.unwrap_or_default());
        ends.push(bytes.len() as i32);
    }
    let nulls = there.contains(&false).then(|| NullBuffer::from(there));
    let array = StringArray::try_new(OffsetBuffer::new(ends.into()), bytes.into(), nulls);
    Arc::new(array.expect("generated text is UTF-8"))
}

fn order(parcel: &Parcel) -> Option<&[u8]> {
    Some(parcel.order.bytes()).filter(|order| !order.is_empty())
}

/// The export's names of packages; `None`: it names none.
const PACKAGES: [Option<&[u8]>; 3] = [None, Some(b"1"), Some(b"2")];

fn package(parcel: &Parcel) -> Option<&'static [u8]> {
    PACKAGES[usize::from(parcel.package)]
}

/// Returns a batch of a history.
pub fn batch(parcels: &[Parcel], dictionaries: &Dictionaries, schema: &SchemaRef) -> RecordBatch {
    let [seller, marketplace, channel, status, carrier, service, from, to, currency, category, programme] =
        &dictionaries.history;
    let label = |values: &ArrayRef, key: fn(&Parcel) -> u32| keys(values, parcels, key);
    let orders = texts(parcels, order);
    let packages = texts(parcels, |parcel| PACKAGES[usize::from(parcel.package)]);
    let numbers = texts(parcels, |parcel| parcel.tracking.as_ref().map(Text::bytes));
    let mut bought = BooleanBuilder::with_capacity(parcels.len());
    parcels.iter().for_each(|parcel| bought.append_option(parcel.buy_shipping));
    let value = Decimal128Array::from_iter(parcels.iter().map(|parcel| parcel.value.map(i128::from)));
    let value = value.with_precision_and_scale(VALUE.0, VALUE.1).expect("generated values have at most twelve digits");
    let columns: Vec<ArrayRef> = vec![
        label(seller, |p| p.seller),
        label(marketplace, |p| p.marketplace),
        orders,
        packages,
        label(channel, |p| p.channel),
        label(status, |p| p.status),
        label(carrier, |p| p.carrier),
        label(service, |p| p.service),
        Arc::new(bought.finish()),
        numbers,
        label(from, |p| p.from),
        label(to, |p| p.to),
        Arc::new(value),
        label(currency, |p| p.currency),
        label(category, |p| p.category),
        label(programme, |p| p.programme),
        times(parcels, |p| p.promised),
        times(parcels, |p| p.shipped),
        times(parcels, |p| p.added),
        times(parcels, |p| p.first_scan),
        times(parcels, |p| p.delivery),
        times(parcels, |p| p.updated),
    ];
    RecordBatch::try_new(schema.clone(), columns).expect("the columns are those of the schema")
}

/// Returns the truth of a batch whose first row is record `first` of `file`.
pub fn truth_batch(
    parcels: &[Parcel],
    dictionaries: &Dictionaries,
    schema: &SchemaRef,
    file: &str,
    first: u64,
) -> RecordBatch {
    let known = |parcel: &Parcel| parcel.truth.place != Place::Rejected;
    let judged = |parcel: &Parcel, key: u32| if known(parcel) { key } else { NULL };
    let place = |parcel: &Parcel| match parcel.truth.place {
        Place::Rejected => 0,
        Place::Superseded => 1,
        Place::Judged(reason) => 2 + reason.class() as u32,
    };
    let reason = |parcel: &Parcel| match parcel.truth.place {
        Place::Judged(reason) => reason as u32,
        _ => NULL,
    };
    let (mut days, mut weeks) = (Date32Builder::new(), Date32Builder::new());
    for parcel in parcels {
        let day = known(parcel).then_some(parcel.truth.day);
        days.append_option(day);
        weeks.append_option(day.map(monday));
    }
    // A package without a name is identified by its cleaned number, or by nothing.
    let numbers: Vec<Text> = parcels.iter().map(|p| p.tracking.as_ref().map_or(Text::EMPTY, cleaned)).collect();
    let stands_in = numbers.iter().zip(parcels).map(|(number, parcel)| package(parcel).unwrap_or(number.bytes()));
    let packages = StringArray::from_iter_values(stands_in.map(|name| std::str::from_utf8(name).unwrap_or_default()));
    let record = Int64Array::from_iter_values((0..parcels.len() as i64).map(|row| first as i64 + row));
    let columns: Vec<ArrayRef> = vec![
        keys(&dictionaries.history[0], parcels, |p| p.seller),
        keys(&dictionaries.truth[0], parcels, |p| judged(p, p.truth.market)),
        texts(parcels, order),
        Arc::new(packages),
        texts(parcels, |_| Some(file.as_bytes())),
        Arc::new(record),
        keys(&dictionaries.places, parcels, place),
        keys(&dictionaries.reasons, parcels, reason),
        Arc::new(days.finish()),
        Arc::new(weeks.finish()),
        keys(&dictionaries.truth[1], parcels, |p| judged(p, p.truth.carrier)),
        keys(&dictionaries.truth[2], parcels, |p| judged(p, p.truth.programme)),
        keys(&dictionaries.truth[3], parcels, |p| judged(p, p.truth.category)),
    ];
    RecordBatch::try_new(schema.clone(), columns).expect("the columns are those of the schema")
}

/// Returns the Monday of a day's week.
fn monday(day: i32) -> i32 {
    use chrono::Datelike;
    day - date(day).weekday().num_days_from_monday() as i32
}
