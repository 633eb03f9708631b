//! Tests of the fold against a naive reference: the same rows, judged one by one and counted in a map.

use arrow::array::{Array, AsArray, new_null_array};
use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, LargeStringArray, RecordBatch,
    StringArray, StringViewArray, TimestampMicrosecondArray, TimestampMillisecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Date32Type, Int64Type, Schema, TimeUnit};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use vtr_columnar::choice::losers;
use vtr_columnar::input::{Column, Kind as CellKind};
use vtr_columnar::judge::{
    Counts, Identity, InputFault, Judge, MarginalKind, Records, Source, TimeAxis, Unit, copies_schema, verdict_schema,
};
use vtr_kernel::amount::Amount;
use vtr_kernel::calendar::{Day, FIRST_DAY, Zone, monday};
use vtr_kernel::facts::{CarrierField, CurrencyField, Facts, FulfilledBy, OrderState, ScanColumns, Tracking};
use vtr_kernel::instant::Moment;
use vtr_kernel::ladder::{Evidence, Terms, judge, selecting_day, zone};
use vtr_kernel::mend::Outcome;
use vtr_kernel::money::Rates;
use vtr_kernel::policy::Marketplace;
use vtr_kernel::reason::{Class, Reason};
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

/// Returns the same lines as Arrow, in one of several representations of their types.
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

fn the_judge() -> Judge {
    Judge::builder(Arc::new(vtr_kernel::load::embedded().unwrap()), AS_OF)
        .axis(axis())
        .lists(true, None)
        .identity(Some(Identity { unit: Unit::Package, key: (7, 11) }))
        .build()
}

type Cells = BTreeMap<(Day, String, String, String, String, u8), i64>;

/// Returns the expected result of the fold, and how many rows it must reject or find too new.
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

fn text<'a>(batch: &'a RecordBatch, column: &str, row: usize) -> &'a str {
    batch[column].as_string::<i32>().value(row)
}

fn number(batch: &RecordBatch, row: usize) -> i64 {
    batch["count"].as_primitive::<Int64Type>().value(row)
}

fn outcome(batch: &RecordBatch, row: usize) -> u8 {
    let reason = Reason::from_name(text(batch, "reason", row)).expect("a reason");
    Outcome { reason, is_pending: batch["pending"].as_boolean().value(row) }.code()
}

fn cells(counts: &Counts) -> Cells {
    let mut cells = Cells::new();
    for batch in counts.batches(MarginalKind::Weekly) {
        assert_eq!(batch.schema(), MarginalKind::Weekly.schema());
        for row in 0..batch.num_rows() {
            let day = batch["week"].as_primitive::<Date32Type>().value(row);
            let keys =
                ["seller_id", "marketplace", "programme", "carrier"].map(|name| text(&batch, name, row).to_owned());
            let [seller, marketplace, programme, carrier] = keys;
            let key = (day, seller, marketplace, programme, carrier, outcome(&batch, row));
            assert!(cells.insert(key, number(&batch, row)).is_none(), "a cell occurs once");
        }
    }
    cells
}

/// Returns a daily axis, so that each day has its own segment.
fn axis() -> TimeAxis {
    TimeAxis::new((FIRST_DAY..AS_OF + 800).collect())
}

#[test]
fn any_split_order_and_typing_gives_the_naive_counts() {
    let lines = lines(1, 6_000);
    let (want, rejected, later) = naive(&lines, &vtr_kernel::load::embedded().unwrap());
    assert!(
        rejected > 100 && later > 10 && want.len() > 500,
        "the lines reach every place: {rejected} {later} {}",
        want.len()
    );
    for style in 0..12 {
        let judge = the_judge();
        let mut dice = Dice(style as u64);
        let mut shuffled = lines.clone();
        (1..shuffled.len()).for_each(|last| shuffled.swap(last, dice.roll(last + 1)));
        let (mut whole, mut tally) = (judge.counts(), [0u64; 3]);
        for chunk in shuffled.chunks(1 + dice.roll(3_000)) {
            let (mut counter, mut rejects) = (judge.counter(), 0);
            for piece in chunk.chunks(1 + dice.roll(700)) {
                let batch = batch(piece, style);
                let input = judge.input(&batch.schema()).unwrap();
                rejects += counter.add(&input, &batch, &Records::From(1)).unwrap().len() as u64;
            }
            let out = counter.take();
            assert_eq!(rejects, out.tally.rejected);
            tally[0] += out.tally.rejected;
            tally[1] += out.tally.after_as_of;
            tally[2] += out.tally.classes.iter().sum::<u64>();
            whole.add(counter.counts());
        }
        assert_eq!(tally, [rejected, later, want.values().sum::<i64>() as u64]);
        assert_eq!(cells(&whole), want, "style {style}");
        // The counts by category and day add up to the same packages by week and reason.
        let mut by_category: BTreeMap<(Day, u8), i64> = BTreeMap::new();
        for batch in whole.batches(MarginalKind::Category) {
            for row in 0..batch.num_rows() {
                let day = batch["segment"].as_primitive::<Date32Type>().value(row);
                *by_category.entry((monday(day), outcome(&batch, row))).or_default() += number(&batch, row);
            }
        }
        let mut by_week: BTreeMap<(Day, u8), i64> = BTreeMap::new();
        want.iter().for_each(|(key, count)| *by_week.entry((key.0, key.5)).or_default() += count);
        assert_eq!(by_category, by_week);
    }
}

/// Returns the counts of a separate worker over some lines in another order, so that its codes differ.
fn counted_elsewhere(lines: &[Line], kinds: &[MarginalKind]) -> Vec<RecordBatch> {
    let judge = the_judge();
    let batch = batch(lines, 0);
    let mut counter = judge.counter();
    counter.add(&judge.input(&batch.schema()).unwrap(), &batch, &Records::From(1)).unwrap();
    let counts = counter.counts();
    kinds.iter().flat_map(|kind| counts.batches(*kind).collect::<Vec<_>>()).collect()
}

#[test]
fn workers_without_common_codes_add_up_to_one() {
    let lines = lines(2, 3_000);
    let whole = counted_elsewhere(&lines, &MarginalKind::ALL);
    assert!(
        MarginalKind::ALL.iter().all(|kind| whole.iter().any(|batch| batch.schema() == kind.schema())),
        "of every kind"
    );
    let (left, right) = lines.split_at(1_100);
    let mut right = right.to_vec();
    right.reverse();
    let judge = the_judge();
    let mut sum = judge.counts();
    for batch in
        counted_elsewhere(left, &MarginalKind::ALL).iter().chain(&counted_elsewhere(&right, &MarginalKind::ALL))
    {
        sum.merge(batch).unwrap();
    }
    let summed: Vec<RecordBatch> =
        MarginalKind::ALL.iter().flat_map(|kind| sum.batches(*kind).collect::<Vec<_>>()).collect();
    assert_eq!(summed, whole);
}

/// Decides among the copies of several workers with a judge whose codes differ from all of theirs.
fn settled(pieces: &[&[Line]]) -> Vec<RecordBatch> {
    let judge = the_judge();
    let (mut sum, mut copies) = (judge.counts(), Vec::new());
    for (file, piece) in (0..).zip(pieces) {
        let worker = the_judge();
        let batch = batch(piece, file as usize % 3);
        let source = Arc::new(Source { file, ..Source::default() });
        let mut counter = worker.counter();
        counter.add(&worker.input_of(&batch.schema(), &source).unwrap(), &batch, &Records::From(1)).unwrap();
        let sent = worker.copies_batch(&counter.take_copies());
        assert_eq!(sent.schema(), copies_schema());
        copies.extend(judge.copies(&sent).unwrap());
        let counts = counter.counts();
        MarginalKind::ALL.iter().flat_map(|kind| counts.batches(*kind)).for_each(|batch| sum.merge(&batch).unwrap());
    }
    let (before, mut subtractor) = (copies.len(), judge.subtractor());
    let lost = losers(copies, Unit::Package);
    assert!(lost.len() * 3 > before, "many rows are copies: {} of {before}", lost.len());
    lost.iter().for_each(|copy| {
        subtractor.take_out(copy);
    });
    sum.take_out(subtractor);
    MarginalKind::ALL.iter().flat_map(|kind| sum.batches(*kind)).collect()
}

#[test]
fn workers_without_common_codes_settle_their_copies() {
    let lines = lines(6, 1_500);
    // Each package counts once, however many files contain it.
    let whole = counted_elsewhere(&lines, &MarginalKind::ALL);
    assert_eq!(settled(&[&lines, &lines]), whole);
    let (left, right) = lines.split_at(400);
    let mut backwards = lines.clone();
    backwards.reverse();
    assert_eq!(settled(&[&backwards, right, left, right]), whole);
}

#[test]
fn foreign_counts_that_the_judge_does_not_know_are_refused_whole() {
    let (judge, kinds) = (the_judge(), MarginalKind::ALL);
    let all = counted_elsewhere(&lines(3, 400), &kinds);
    for kind in kinds {
        let batch = all.iter().find(|batch| batch.schema() == kind.schema()).unwrap();
        let schema = kind.schema();
        for (place, field) in schema.fields().iter().enumerate() {
            let is_any_text = matches!(&**field.name(), "seller_id" | "product_category" | "carrier_typed");
            let wrong: ArrayRef = match field.data_type() {
                DataType::Utf8 => Arc::new(StringArray::from(vec!["nobody's"; batch.num_rows()])),
                DataType::Date32 => Arc::new(Date32Array::from_value(1, batch.num_rows())),
                DataType::Int64 => Arc::new(Int64Array::from_value(0, batch.num_rows())),
                _ => Arc::new(Int64Array::from_value(1, batch.num_rows())),
            };
            let mut columns = batch.columns().to_vec();
            columns[place] = wrong;
            let fields = schema.fields().iter().zip(&columns);
            let fields: Vec<_> = fields.map(|(field, column)| (field.name().clone(), column.clone(), true)).collect();
            let foreign = RecordBatch::try_from_iter_with_nullable(fields).unwrap();
            let mut sum = judge.counts();
            let merged = sum.merge(&foreign);
            assert_eq!(merged.is_err(), !is_any_text, "{kind:?} {field:?}");
            if let Err(error) = merged {
                assert_eq!(error.column.as_deref(), Some(field.name().as_str()));
                assert_eq!(sum.batches(kind).count(), 0, "nothing of it is added");
            }
            // A null is not a valid value, except in the mender column of packages that nobody has to mend.
            let nulls = new_null_array(field.data_type(), batch.num_rows());
            columns[place] = nulls;
            let fields = schema.fields().iter().zip(&columns);
            let fields: Vec<_> = fields.map(|(field, column)| (field.name().clone(), column.clone(), true)).collect();
            let foreign = RecordBatch::try_from_iter_with_nullable(fields).unwrap();
            assert_eq!(judge.counts().merge(&foreign).is_err(), field.name() != "fixable_by", "{kind:?} {field:?}");
        }
    }
}

#[test]
fn which_columns_are_there_is_read_from_the_schema() {
    let text = |cells: [&str; 3]| -> ArrayRef { Arc::new(StringArray::from_iter_values(cells)) };
    let batch = RecordBatch::try_from_iter(vec![
        ("seller_id", text(["A"; 3])),
        ("marketplace", text(["DE"; 3])),
        ("order_id", text(["1", "2", "3"])),
        ("carrier", text(["DHL"; 3])),
        ("tracking_number", text(["00340434161094022115", "N/A", "000000"])),
        ("promised_delivery_at", text(["2025-01-15"; 3])),
        ("first_scan_at", text(["2025-01-14T10:00:00Z"; 3])),
    ])
    .unwrap();
    let judge = the_judge();
    let of = |batch: &RecordBatch| -> Vec<Option<String>> {
        let verdicts = judge.verdicts(&judge.input(&batch.schema()).unwrap(), batch).unwrap();
        assert_eq!(verdicts.schema(), verdict_schema());
        verdicts["reason"].as_string::<i32>().iter().map(|reason| reason.map(str::to_owned)).collect()
    };
    let said = |reasons: [&str; 3]| reasons.map(|reason| Some(reason.to_owned())).to_vec();
    assert_eq!(of(&batch), said(["scanned", "tracking_placeholder", "tracking_placeholder"]));
    assert_eq!(
        of(&batch.project(&[0, 1, 2, 3, 4, 5]).unwrap()),
        said(["scan_missing", "tracking_placeholder", "tracking_placeholder"])
    );
    assert_eq!(of(&batch.project(&[0, 1, 2, 3, 5, 6]).unwrap()), said(["scanned"; 3]));
    // A batch that lacks a declared column is refused, not judged as if it had none.
    let input = judge.input(&batch.schema()).unwrap();
    let error = judge.verdicts(&input, &batch.project(&[0, 1, 2, 3, 5, 6]).unwrap()).unwrap_err();
    assert_eq!((error.fault, error.column.as_deref()), (InputFault::Schema, Some("tracking_number")));
    let error = judge.counter().add(&input, &batch.project(&[0, 1, 2, 5]).unwrap(), &Records::From(1)).unwrap_err();
    assert_eq!((error.fault, error.column.as_deref(), &*error.found), (InputFault::Schema, Some("carrier"), "absent"));
    // Integers are not valid seller ids.
    let mut numbers = batch.columns().to_vec();
    numbers[0] = Arc::new(Int64Array::from(vec![42; 3]));
    let fields = batch.schema().fields().iter().map(|field| field.name().clone()).zip(numbers).collect::<Vec<_>>();
    let error = judge.input(&RecordBatch::try_from_iter(fields).unwrap().schema()).unwrap_err();
    assert_eq!((error.fault, error.column.as_deref(), &*error.found), (InputFault::Type, Some("seller_id"), "Int64"));
    let twice = Schema::new([batch.schema().fields().to_vec(), vec![batch.schema().fields()[5].clone()]].concat());
    let error = judge.input(&Arc::new(twice)).unwrap_err();
    assert_eq!((error.fault, error.column.as_deref()), (InputFault::Columns, Some("promised_delivery_at")));
    let none = judge.input(&Arc::new(batch.schema().project(&[0, 1, 2]).unwrap())).unwrap_err();
    assert_eq!((none.fault, none.column.as_deref()), (InputFault::Columns, Some("promised_delivery_at")));
}

#[test]
fn verdicts_say_what_the_counts_count() {
    let (lines, judge) = (lines(4, 2_000), the_judge());
    let mut by_reason: BTreeMap<String, i64> = BTreeMap::new();
    let mut faults = 0;
    for piece in lines.chunks(300) {
        let batch = batch(piece, 1);
        let verdicts = judge.verdicts(&judge.input(&batch.schema()).unwrap(), &batch).unwrap();
        assert_eq!(verdicts.num_rows(), batch.num_rows());
        let (reasons, fault) = (verdicts["reason"].as_string::<i32>(), verdicts["fault"].as_string::<i32>());
        for row in 0..verdicts.num_rows() {
            assert_eq!(reasons.is_null(row), fault.is_valid(row), "a verdict or a fault");
            faults += i64::from(fault.is_valid(row));
            if reasons.is_valid(row) {
                *by_reason.entry(reasons.value(row).to_owned()).or_default() += 1;
            }
        }
    }
    let mut counted: BTreeMap<String, i64> = BTreeMap::new();
    for batch in counted_elsewhere(&lines, &[MarginalKind::Weekly]) {
        for row in 0..batch.num_rows() {
            *counted.entry(text(&batch, "reason", row).to_owned()).or_default() += number(&batch, row);
        }
    }
    assert_eq!(by_reason, counted);
    assert_eq!(faults + counted.values().sum::<i64>(), lines.len() as i64);
}

#[test]
fn identities_are_of_texts_whatever_the_codes() {
    let lines = lines(5, 500);
    let mut backwards = lines.clone();
    backwards.reverse();
    let of = |lines: &[Line], style: usize| -> Vec<Option<Vec<u8>>> {
        let (judge, batch) = (the_judge(), batch(lines, style));
        let hashes = judge.identities(&judge.input(&batch.schema()).unwrap(), &batch).unwrap();
        hashes.iter().map(|hash| hash.map(<[u8]>::to_vec)).collect()
    };
    let forwards = of(&lines, 0);
    let mut other = of(&backwards, 2);
    other.reverse();
    assert_eq!(forwards, other);
    let distinct: BTreeSet<_> = forwards.iter().flatten().collect();
    assert!(distinct.len() > 300 && forwards.contains(&None), "{}", distinct.len());
    let none = Judge::builder(Arc::new(vtr_kernel::load::embedded().unwrap()), AS_OF).build();
    let batch = batch(&lines, 0);
    let error = none.identities(&none.input(&batch.schema()).unwrap(), &batch).unwrap_err();
    assert_eq!(error.fault, InputFault::Judge);
}

#[test]
fn faults_are_named_in_column_order_with_their_value() {
    let judge = the_judge();
    let text = |cells: [&str; 6]| -> ArrayRef { Arc::new(StringArray::from_iter_values(cells)) };
    let batch = RecordBatch::try_from_iter(vec![
        ("seller_id", text(["", "A", "A", "A", "A", "A"])),
        ("marketplace", text(["DE", "Narnia", "DE", "DE", "DE", "DE"])),
        ("order_id", text(["1", "1", "1", "1", "1", "1"])),
        ("package_value", text(["x", "x", "9.2E+21", "1", "1", "1"])),
        ("promised_delivery_at", text(["x", "x", "x", "2004-12-31", "", "2025-01-15"])),
    ])
    .unwrap();
    let mut counter = judge.counter();
    let rejects = counter.add(&judge.input(&batch.schema()).unwrap(), &batch, &Records::From(11)).unwrap();
    let out = counter.take();
    let found: Vec<_> = rejects
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
    let judge = the_judge();
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
        let mut counter = judge.counter();
        let counted = counter.add(&judge.input(&batch.schema()).unwrap(), &batch, &Records::From(1));
        if kind.is_floating()
            && matches!(column.kind(), CellKind::Label | CellKind::Text)
            && column != Column::TrackingNumber
        {
            // Numbers in a text column refuse the whole file.
            assert!(
                counted.unwrap_err().to_string().contains("text") && !column.is_moot_outside(&read_as),
                "{column:?}"
            );
            continue;
        }
        counted.unwrap();
        let rejected = counter.take().tally.rejected;
        if column.is_moot_outside(&read_as) {
            assert_eq!(rejected, 0, "{column:?} as {read_as}");
            moot += 1;
        }
        matter += u64::from(rejected > 0);
    }
    assert!(moot > 20 && matter > 20, "{moot} {matter}");
}
