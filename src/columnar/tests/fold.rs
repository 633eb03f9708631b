//! The fold against a naive reference: the same rows, judged one by one and counted in a map.

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, LargeStringArray, RecordBatch,
    StringArray, StringViewArray, TimestampMicrosecondArray, TimestampMillisecondArray,
};
use arrow::array::{AsArray, DictionaryArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, TimeUnit, UInt8Type, UInt32Type};
use std::collections::BTreeMap;
use std::sync::Arc;
use vtr_columnar::axis::TimeAxis;
use vtr_columnar::fold::{FileSource, Folder, Identity, Records, Settings, Unit};
use vtr_columnar::input::{CellRules, Column, Kind};
use vtr_columnar::keys::{Layout, SharedKeys};
use vtr_columnar::partial::{Partial, Wants};
use vtr_kernel::amount::Amount;
use vtr_kernel::calendar::{Day, FIRST_DAY, Zone, monday};
use vtr_kernel::facts::{CarrierField, CurrencyField, Facts, FulfilledBy, OrderState, ScanColumns, Tracking};
use vtr_kernel::instant::{Moment, TimeFormat};
use vtr_kernel::ladder::{Evidence, Terms, judge, selecting_day, zone};
use vtr_kernel::mend::Outcome;
use vtr_kernel::money::Rates;
use vtr_kernel::policy::Marketplace;
use vtr_kernel::reason::Class;
use vtr_kernel::{Book, countries};

/// A small deterministic source of choices.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % sides
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.roll(from.len())]
    }
}

#[derive(Clone)]
struct Line {
    seller: &'static str,
    marketplace: &'static str,
    order: String,
    carrier: Option<&'static str>,
    tracking: Option<&'static str>,
    service: Option<&'static str>,
    from: Option<&'static str>,
    value: Option<&'static str>,
    category: Option<&'static str>,
    promised: Option<i64>,
    shipped: Option<Day>,
    added: Option<i64>,
    first: Option<i64>,
    delivery: Option<i64>,
    bought: Option<bool>,
}

const AS_OF: Day = 20_200;

fn lines(seed: u64, count: usize) -> Vec<Line> {
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

/// The same lines as Arrow, in one of several spellings of their types.
fn batch(lines: &[Line], style: usize) -> RecordBatch {
    let label = |array: StringArray| -> ArrayRef {
        match style % 4 {
            0 => Arc::new(array),
            1 => cast(&array, &vtr_columnar::input::label_type()).unwrap(),
            2 => Arc::new(StringViewArray::from_iter(array.iter())),
            _ => Arc::new(LargeStringArray::from_iter(array.iter())),
        }
    };
    let stamp = |times: Vec<Option<i64>>| -> ArrayRef {
        // Lines are made on whole seconds, so that every unit can hold them.
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

/// RFC 3339 without chrono: these tests keep to the crate's own dependencies.
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

fn source(cells: &CellRules) -> FileSource<'_> {
    FileSource { file: 0, constants: &[], cells }
}

fn settings<'a>(book: &'a Book, rates: &'a Rates, axis: &'a TimeAxis) -> Settings<'a> {
    Settings {
        terms: Terms { book, rates, as_of: AS_OF, evidence: Evidence::Scans },
        keep_later_rows: false,
        scan_lead_days: 30,
        range: None,
        windows: None,
        axis,
        health: Vec::new(),
        wants: Wants { weekly: true, category: true, names: true, reasons: true, breakdown: true },
        wants_defects: true,
        judged_from: None,
        identity: Some(Identity { unit: Unit::Package, key: (7, 11) }),
    }
}

type Cells = BTreeMap<(Day, String, String, String, String, u8), i64>;

/// What the fold must come to, and how many rows it must reject or find too new.
fn naive(lines: &[Line], book: &Book) -> (Cells, u64, u64) {
    let (rates, utc) = (Rates::default(), Zone::utc());
    let (mut cells, mut rejected, mut later) = (Cells::new(), 0, 0);
    for line in lines {
        let seller = line.seller.trim();
        let order = line.order.trim();
        let Some(marketplace) = book.resolve_marketplace(line.marketplace) else {
            rejected += 1;
            continue;
        };
        let promised = line.promised.map(Moment::Instant);
        let shipped = line.shipped.map(Moment::Date);
        let day = selecting_day(book, marketplace, promised, shipped, &utc);
        let origin = line.from.map(countries::read);
        let is_nowhere = origin == Some(None) && marketplace != Marketplace::None;
        let (false, false, false, Some(day)) = (seller.is_empty(), order.is_empty(), is_nowhere, day) else {
            rejected += 1;
            continue;
        };
        if shipped.is_some_and(|shipped| shipped.is_after(AS_OF)) {
            later += 1;
            continue;
        }
        let mut number = String::new();
        let facts = Facts {
            marketplace,
            fulfilled_by: FulfilledBy::Seller,
            state: OrderState::Live,
            order_id: order,
            carrier: CarrierField::Name(book.carriers.resolve(line.carrier)),
            service: book.services.resolve(line.service),
            buy_shipping: line.bought.unwrap_or(false),
            tracking: Tracking::read(line.tracking.unwrap_or_default(), &mut number).0,
            origin: origin.flatten(),
            destination: None,
            value: line.value.map(|text| Amount::read(text, b'.').unwrap()),
            currency: CurrencyField::Marketplaces,
            programme: None,
            promised,
            shipped,
            tracking_added: line.added.map(Moment::Instant),
            first_scan: line.first.map(Moment::Instant),
            delivery_scan: line.delivery.map(Moment::Instant),
            scan_columns: ScanColumns::Both,
        };
        let terms = Terms { book, rates: &rates, as_of: AS_OF, evidence: Evidence::Scans };
        let verdict = judge(&facts, day, &terms);
        let promised_day = promised.map(|promised| promised.day(zone(book, marketplace, &utc)));
        let is_pending = verdict.reason.entry().rung >= 18 && promised_day.is_some_and(|day| day >= AS_OF);
        let is_pending = is_pending && verdict.reason.class() == Class::Defect;
        let key = (
            monday(day),
            seller.to_owned(),
            book.marketplace_label(marketplace).to_owned(),
            book.programme(verdict.programme).to_owned(),
            book.carriers.label(verdict.carrier).to_owned(),
            Outcome { reason: verdict.reason, is_pending }.code(),
        );
        *cells.entry(key).or_default() += 1;
    }
    (cells, rejected, later)
}

fn text(batch: &RecordBatch, column: usize, row: usize) -> String {
    let dictionary: &DictionaryArray<UInt32Type> = batch.column(column).as_dictionary();
    let key = dictionary.keys().value(row) as usize;
    dictionary.values().as_string::<i32>().value(key).to_owned()
}

fn cells(weekly: &BTreeMap<Day, RecordBatch>) -> Cells {
    let mut cells = Cells::new();
    for (day, batch) in weekly {
        for row in 0..batch.num_rows() {
            let reason = batch.column(4).as_primitive::<UInt8Type>().value(row);
            let count = batch.column(5).as_primitive::<Int64Type>().value(row);
            let key =
                (*day, text(batch, 0, row), text(batch, 1, row), text(batch, 2, row), text(batch, 3, row), reason);
            assert!(cells.insert(key, count).is_none(), "a cell stands once");
        }
    }
    cells
}

/// A daily axis, so that segments can be told apart.
fn axis() -> TimeAxis {
    TimeAxis::new((FIRST_DAY..AS_OF + 800).collect())
}

#[test]
fn any_split_order_and_typing_gives_the_naive_counts() {
    let book = vtr_kernel::load::embedded().unwrap();
    let (rates, axis, rules) =
        (Rates::default(), axis(), CellRules { times: TimeFormat::default(), ..CellRules::default() });
    let settings = settings(&book, &rates, &axis);
    let lines = lines(1, 6_000);
    let (want, rejected, later) = naive(&lines, &book);
    assert!(
        rejected > 100 && later > 10 && want.len() > 500,
        "the lines reach every place: {rejected} {later} {}",
        want.len()
    );
    for style in 0..12 {
        let shared = SharedKeys::new(Layout::of(&book), 1 << 20);
        let mut dice = Dice(style as u64);
        let mut shuffled = lines.clone();
        (1..shuffled.len()).for_each(|last| shuffled.swap(last, dice.roll(last + 1)));
        let (mut whole, mut tally) = (Partial::default(), [0u64; 3]);
        for chunk in shuffled.chunks(1 + dice.roll(3_000)) {
            let mut folder = Folder::new(&settings, &shared);
            for piece in chunk.chunks(1 + dice.roll(700)) {
                folder.batch(&source(&rules), &batch(piece, style), &Records::From(1)).unwrap();
            }
            let out = folder.take();
            assert_eq!(out.rejects.len() as u64, out.tally.rejected);
            tally[0] += out.tally.rejected;
            tally[1] += out.tally.after_as_of;
            tally[2] += out.tally.classes.iter().sum::<u64>();
            whole.merge(folder.finish());
        }
        assert_eq!(tally, [rejected, later, want.values().sum::<i64>() as u64]);
        let marginals = shared.freeze(&book).marginals(whole, &axis);
        assert_eq!(cells(&marginals.weekly), want, "style {style}");
        // Categories by day add up to the same packages by week and reason.
        let mut by_category: BTreeMap<(Day, u8), i64> = BTreeMap::new();
        for (day, batch) in &marginals.category {
            for row in 0..batch.num_rows() {
                let reason = batch.column(4).as_primitive::<UInt8Type>().value(row);
                *by_category.entry((monday(*day), reason)).or_default() +=
                    batch.column(5).as_primitive::<Int64Type>().value(row);
            }
        }
        let mut by_week: BTreeMap<(Day, u8), i64> = BTreeMap::new();
        want.iter().for_each(|(key, count)| *by_week.entry((key.0, key.5)).or_default() += count);
        assert_eq!(by_category, by_week);
    }
}

#[test]
fn faults_are_named_in_column_order_with_their_value() {
    let book = vtr_kernel::load::embedded().unwrap();
    let (rates, axis, rules) = (Rates::default(), axis(), CellRules::default());
    let settings = settings(&book, &rates, &axis);
    let text = |cells: [&str; 6]| -> ArrayRef { Arc::new(StringArray::from_iter_values(cells)) };
    let batch = RecordBatch::try_from_iter(vec![
        ("seller_id", text(["", "A", "A", "A", "A", "A"])),
        ("marketplace", text(["DE", "Narnia", "DE", "DE", "DE", "DE"])),
        ("order_id", text(["1", "1", "1", "1", "1", "1"])),
        ("package_value", text(["x", "x", "9.2E+21", "1", "1", "1"])),
        ("promised_delivery_at", text(["x", "x", "x", "2004-12-31", "", "2025-01-15"])),
    ])
    .unwrap();
    let shared = SharedKeys::new(Layout::of(&book), 1 << 20);
    let mut folder = Folder::new(&settings, &shared);
    folder.batch(&FileSource { file: 0, constants: &[], cells: &rules }, &batch, &Records::From(11)).unwrap();
    let out = folder.take();
    let found: Vec<_> = out
        .rejects
        .iter()
        .map(|reject| (reject.record, reject.column.as_deref().unwrap(), reject.value.as_deref()))
        .collect();
    assert_eq!(
        found,
        [
            (11, "seller_id", Some("")),
            (12, "marketplace", Some("Narnia")),
            (13, "package_value", Some("9.2E+21")),
            (14, "promised_delivery_at", Some("2004-12-31")),
            (15, "promised_delivery_at", Some("")),
        ]
    );
    assert_eq!(out.tally.classes.iter().sum::<u64>(), 1);
}

#[test]
fn what_is_moot_outside_the_days_asked_for_rejects_no_row() {
    let book = vtr_kernel::load::embedded().unwrap();
    let (rates, axis, rules) = (Rates::default(), axis(), CellRules::default());
    let settings = settings(&book, &rates, &axis);
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(i64::MIN), None, Some(-1), Some(0), Some(i64::MAX)]));
    let texts: ArrayRef =
        Arc::new(StringArray::from(vec![Some("\u{fffd}"), None, Some(""), Some("9.2E+21"), Some("x")]));
    let units = [TimeUnit::Second, TimeUnit::Millisecond, TimeUnit::Microsecond, TimeUnit::Nanosecond];
    let types = units.map(|unit| DataType::Timestamp(unit, None)).into_iter().chain([
        DataType::Boolean,
        DataType::Int64,
        DataType::Float64,
        DataType::Decimal128(38, 19),
        DataType::Decimal128(38, -19),
        DataType::Date32,
        DataType::Date64,
        DataType::Utf8View,
    ]);
    let (mut moot, mut matter) = (0, 0);
    for (column, kind) in types.flat_map(|kind| Column::ALL.map(|column| (column, kind.clone()))) {
        let Ok(read_as) = column.read_as(&kind) else { continue };
        let is_text = matches!(read_as, DataType::Utf8View | DataType::Dictionary(..));
        let cells = cast(if is_text { &texts } else { &numbers }, &read_as).unwrap();
        let all = |text: &str| -> ArrayRef { Arc::new(StringArray::from(vec![text; 5])) };
        let mut arrays = vec![
            ("seller_id", all("A")),
            ("marketplace", all("DE")),
            ("order_id", all("1")),
            ("shipped_at", all("2025-01-15")),
        ];
        arrays.retain(|(name, _)| *name != column.name());
        arrays.push((column.name(), cells));
        let batch = RecordBatch::try_from_iter_with_nullable(arrays.into_iter().map(|(n, a)| (n, a, true))).unwrap();
        let shared = SharedKeys::new(Layout::of(&book), 1 << 20);
        let mut folder = Folder::new(&settings, &shared);
        let source = FileSource { file: 0, constants: &[], cells: &rules };
        let folded = folder.batch(&source, &batch, &Records::From(1));
        if kind.is_floating() && matches!(column.kind(), Kind::Label | Kind::Text) && column != Column::TrackingNumber {
            // Numbers in a text column refuse the file.
            assert!(folded.unwrap_err().contains("text") && !column.is_moot_outside(&read_as), "{column:?}");
            continue;
        }
        folded.unwrap();
        let rejected = folder.take().tally.rejected;
        if column.is_moot_outside(&read_as) {
            assert_eq!(rejected, 0, "{column:?} as {read_as}");
            moot += 1;
        }
        matter += u64::from(rejected > 0);
    }
    assert!(moot > 20 && matter > 20, "{moot} {matter}");
}
