//! Tests that the loop allocates nothing: a counting allocator watches the judge and the fold.
//!
//! Work done once per batch (resolving its dictionaries, typing its columns) may allocate, work per row may not. So
//! a batch of many rows must allocate as often as one of few, once all keys and cells exist.

use allocation_counter::measure;
use arrow::array::{
    ArrayRef, BooleanArray, Decimal128Array, DictionaryArray, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::Int32Type;
use std::sync::Arc;
use vtr_columnar::judge::{Judge, Records};
use vtr_kernel::calendar::Day;
use vtr_kernel::facts::{CarrierField, CurrencyField, Facts, FulfilledBy, OrderState, ScanColumns, Tracking};
use vtr_kernel::instant::Moment;
use vtr_kernel::ladder::{Evidence, Terms, judge};
use vtr_kernel::money::Rates;

const AS_OF: Day = 20_300;
const DAY: i64 = 86_400_000_000;

const MARKETPLACES: [&str; 4] = ["DE", "amazon.co.uk", "Amazon.com", "JP"];
const CARRIERS: [&str; 6] = ["DHL", "Royal Mail Tracked 48", "UPS", "usps", "Bob's vans", "Yamato Transport"];
const SERVICES: [&str; 3] = ["1st Class Letter", "Tracked 24", "Paket"];
const NUMBERS: [&str; 8] = [
    "1Z999AA10123456785",
    "00340434161094022115",
    "N/A",
    "RB123456785GB",
    "1z 5r89 390 357567127",
    "000000",
    "9400 1118 9922 3100 0012 34",
    "460123456789",
];

/// Returns rows over every combination of names, numbers and a hundred days; the first 9,600 rows hold them all.
fn batch(rows: usize) -> RecordBatch {
    let label = |of: &dyn Fn(usize) -> &'static str| -> ArrayRef {
        Arc::new((0..rows).map(|row| Some(of(row))).collect::<DictionaryArray<Int32Type>>())
    };
    let time = |shift: i64| -> ArrayRef {
        let days = (0..rows).map(|row| (20_000 + (row / 96 % 100) as i64 + shift) * DAY + 7);
        Arc::new(TimestampMicrosecondArray::from_iter_values(days).with_timezone("UTC"))
    };
    let orders = (0..rows).map(|row| format!("302-{:07}-{:07}", row % 9_973, row % 9_929));
    let value = Decimal128Array::from_iter_values((0..rows).map(|row| 300 + (row % 96 * 37) as i128));
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("seller_id", label(&|row| ["A1", "A2", "0042"][row % 3])),
        ("marketplace", label(&|row| MARKETPLACES[row % 4])),
        ("order_id", Arc::new(StringArray::from_iter_values(orders))),
        ("carrier", label(&|row| CARRIERS[row / 4 % 6])),
        ("tracking_number", Arc::new(StringArray::from_iter_values((0..rows).map(|row| NUMBERS[row / 3 % 8])))),
        ("ship_service", label(&|row| SERVICES[row / 2 % 3])),
        ("ship_from_country", label(&|row| ["CN", "gb", "US", "FR"][row / 24 % 4])),
        ("product_category", label(&|row| ["Toys", "Books"][row % 2])),
        ("package_value", Arc::new(value.with_precision_and_scale(12, 2).unwrap())),
        ("promised_delivery_at", time(3)),
        ("shipped_at", time(0)),
        ("tracking_added_at", time(0)),
        ("first_scan_at", time(1)),
        ("delivery_scan_at", time(2)),
        ("buy_shipping", Arc::new((0..rows).map(|row| Some(row % 2 == 0)).collect::<BooleanArray>())),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap()
}

#[test]
fn folding_more_rows_does_not_allocate_more_often() {
    let judge = Judge::builder(Arc::new(vtr_kernel::load::embedded().unwrap()), AS_OF).build();
    let (few, many) = (batch(9_600), batch(96_000));
    let input = judge.input(&few.schema()).unwrap();
    let mut counter = judge.counter();
    let mut count = |batch: &RecordBatch| {
        measure(|| {
            counter.add(&input, batch, &Records::From(1)).expect("the batch can be read");
        })
        .count_total
    };
    let first = count(&many);
    let (of_few, of_many) = (count(&few), count(&many));
    assert!(first > of_many, "keys and cells are made once: {first} allocations, then {of_many}");
    // 86,400 more rows must not add allocations; buffers that grow with the length of a batch are allocated once.
    assert!(of_many <= of_few + 16, "{of_few} allocations for 9,600 rows, {of_many} for 96,000");
    let judged: i64 = counter.take().tally.classes.iter().map(|count| *count as i64).sum();
    assert_eq!(judged, 96_000 * 2 + 9_600);
}

#[test]
fn judging_allocates_nothing() {
    let book = vtr_kernel::load::embedded().unwrap();
    let rates = Rates::default();
    let terms = Terms { book: &book, rates: &rates, as_of: AS_OF, evidence: Evidence::Scans };
    let mut reasons = std::collections::BTreeSet::new();
    for marketplace in MARKETPLACES {
        for carrier in CARRIERS {
            for number in NUMBERS {
                let mut cleaned = String::new();
                vtr_kernel::number::clean_into(number, &mut cleaned);
                let facts = Facts {
                    marketplace: book.resolve_marketplace(marketplace).unwrap(),
                    fulfilled_by: FulfilledBy::Seller,
                    state: OrderState::Live,
                    order_id: "302-1234567-7654321",
                    carrier: CarrierField::Name(book.carriers.resolve(Some(carrier))),
                    service: book.services.resolve(Some("Tracked 24")),
                    buy_shipping: false,
                    tracking: Tracking::of_cleaned(&cleaned),
                    origin: None,
                    destination: None,
                    value: None,
                    currency: CurrencyField::Marketplaces,
                    programme: None,
                    promised: Some(Moment::Instant(20_200 * DAY)),
                    shipped: None,
                    tracking_added: None,
                    first_scan: None,
                    delivery_scan: None,
                    scan_columns: ScanColumns::Both,
                };
                let mut reason = None;
                let info = measure(|| reason = Some(judge(&facts, 20_200, &terms).reason.name()));
                assert_eq!(info.count_total, 0, "{marketplace} {carrier} {number}");
                reasons.extend(reason);
            }
        }
    }
    assert!(reasons.len() >= 6, "the facts reach rungs of every kind: {reasons:?}");
}
