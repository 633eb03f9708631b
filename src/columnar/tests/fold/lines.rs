//! Random lines of shipments, good and bad, and the same as Arrow.

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, LargeStringArray, RecordBatch, StringArray,
    StringViewArray, TimestampMicrosecondArray, TimestampMillisecondArray,
};
use arrow::compute::cast;
use std::sync::Arc;
use vtr_kernel::calendar::Day;
/// A small deterministic source of choices.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % sides
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.roll(from.len())]
    }
}

/// A shipment as its source has it.
#[derive(Clone)]
pub(crate) struct Line {
    pub(crate) seller: &'static str,
    pub(crate) marketplace: &'static str,
    pub(crate) order: String,
    pub(crate) carrier: Option<&'static str>,
    pub(crate) tracking: Option<&'static str>,
    pub(crate) service: Option<&'static str>,
    pub(crate) from: Option<&'static str>,
    pub(crate) value: Option<&'static str>,
    pub(crate) category: Option<&'static str>,
    pub(crate) promised: Option<i64>,
    pub(crate) shipped: Option<Day>,
    pub(crate) added: Option<i64>,
    pub(crate) first: Option<i64>,
    pub(crate) delivery: Option<i64>,
    pub(crate) bought: Option<bool>,
}

pub(crate) fn lines(seed: u64, count: usize) -> Vec<Line> {
    let mut dice = Dice(seed);
    let some = |dice: &mut Dice, odds: usize| dice.roll(odds) != 0;
    (0..count)
        .map(|index| {
            let day = 19_980 + dice.roll(230) as i64;
            let at = |day: i64, second: usize| (day * 86_400 + second as i64) * 1_000_000;
            let promised = some(&mut dice, 10).then(|| at(day, dice.roll(86_400)));
            Line {
                seller: dice.pick(&["A1", "A2", "0042", " A1 ", ""]),
                marketplace: dice.pick(&[
                    "DE",
                    "amazon.co.uk",
                    "A1F83G8C2ARO7P",
                    "Amazon.com",
                    "Non-Amazon",
                    "JP",
                    "ES",
                    "Narnia",
                    "IE",
                ]),
                order: if some(&mut dice, 50) { format!("302-{index:07}-0000001") } else { " ".into() },
                carrier: some(&mut dice, 12).then(|| {
                    dice.pick(&[
                        "DHL",
                        "Royal Mail Tracked 48",
                        "UPS",
                        "usps",
                        "Bob's vans",
                        "--",
                        "Hermes",
                        "YAMATO TRANSPORT",
                    ])
                }),
                tracking: some(&mut dice, 12).then(|| {
                    dice.pick(&[
                        "1Z999AA10123456784",
                        "00340434161094022115",
                        "N/A",
                        "RB123456785GB",
                        "1z 5r89 390 357567127",
                        "000000",
                        "9400 1118 9922 3100 0012 34",
                        "é",
                    ])
                }),
                service: some(&mut dice, 2)
                    .then(|| dice.pick(&["1st Class Letter", "Tracked 24", "Standardbrief", "Paket"])),
                from: some(&mut dice, 2).then(|| dice.pick(&["CN", "gb", "US", "Mars", "FR"])),
                value: some(&mut dice, 4).then(|| dice.pick(&["4.99", "5", "19.99", "20.00", "1500"])),
                category: some(&mut dice, 4).then(|| dice.pick(&["Toys", "Books"])),
                promised,
                shipped: (promised.is_none() && some(&mut dice, 8) || dice.roll(2) == 0).then_some(day as Day - 2),
                added: some(&mut dice, 3).then(|| at(day - 2, 0)),
                first: some(&mut dice, 4).then(|| at(day - 1, dice.roll(86_400))),
                delivery: some(&mut dice, 3).then(|| at(day + dice.roll(3) as i64 - 3, dice.roll(86_400))),
                bought: some(&mut dice, 2).then(|| dice.roll(2) == 0),
            }
        })
        .collect()
}

/// Returns the same lines as Arrow, in one of several representations of their types.
pub(crate) fn batch(lines: &[Line], style: usize) -> RecordBatch {
    let label = |array: StringArray| -> ArrayRef {
        match style % 4 {
            0 => Arc::new(array),
            1 => cast(&array, &vtr_columnar::input::label_type()).unwrap(),
            2 => Arc::new(StringViewArray::from_iter(array.iter())),
            _ => Arc::new(LargeStringArray::from_iter(array.iter())),
        }
    };
    let stamp = |times: Vec<Option<i64>>| -> ArrayRef {
        // Lines have whole seconds, so that every unit can hold them.
        match style % 3 {
            0 => Arc::new(TimestampMicrosecondArray::from(times).with_timezone("UTC")),
            1 => Arc::new(TimestampMillisecondArray::from_iter(
                times.into_iter().map(|time| time.map(|time| time / 1_000)),
            )),
            _ => {
                let text = |micros: i64| format!("{:?}", chrono(micros));
                Arc::new(StringArray::from_iter(times.into_iter().map(|time| time.map(text))))
            }
        }
    };
    let amounts = || lines.iter().map(|line| line.value);
    let value: ArrayRef = match style % 3 {
        0 => Arc::new(StringArray::from_iter(amounts())),
        1 => Arc::new(Float64Array::from_iter(amounts().map(|text| text.map(|text| text.parse::<f64>().unwrap())))),
        _ => Arc::new(
            Decimal128Array::from_iter(
                amounts().map(|text| text.map(|text| (text.parse::<f64>().unwrap() * 100.0).round() as i128)),
            )
            .with_precision_and_scale(12, 2)
            .unwrap(),
        ),
    };
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("seller_id", label(lines.iter().map(|line| Some(line.seller)).collect())),
        ("marketplace", label(lines.iter().map(|line| Some(line.marketplace)).collect())),
        ("order_id", label(lines.iter().map(|line| Some(line.order.as_str())).collect())),
        ("carrier", label(lines.iter().map(|line| line.carrier).collect())),
        ("tracking_number", label(lines.iter().map(|line| line.tracking).collect())),
        ("ship_service", label(lines.iter().map(|line| line.service).collect())),
        ("ship_from_country", label(lines.iter().map(|line| line.from).collect())),
        ("product_category", label(lines.iter().map(|line| line.category).collect())),
        ("package_value", value),
        ("promised_delivery_at", stamp(lines.iter().map(|line| line.promised).collect())),
        ("shipped_at", Arc::new(Date32Array::from_iter(lines.iter().map(|line| line.shipped)))),
        ("tracking_added_at", stamp(lines.iter().map(|line| line.added).collect())),
        ("first_scan_at", stamp(lines.iter().map(|line| line.first).collect())),
        ("delivery_scan_at", stamp(lines.iter().map(|line| line.delivery).collect())),
        ("buy_shipping", Arc::new(BooleanArray::from_iter(lines.iter().map(|line| line.bought)))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap()
}

/// Formats RFC 3339 without chrono, because these tests use only the crate's own dependencies.
fn chrono(micros: i64) -> impl std::fmt::Debug {
    struct Text(String);
    impl std::fmt::Debug for Text {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(&self.0)
        }
    }
    let seconds = micros / 1_000_000;
    let date = vtr_kernel::calendar::date_from_day((seconds / 86_400) as Day);
    let second = seconds % 86_400;
    Text(format!("{date}T{:02}:{:02}:{:02}Z", second / 3_600, second / 60 % 60, second % 60))
}
