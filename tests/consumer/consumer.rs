//! The library crates as a foreign crate uses them: judging a batch, counting on workers with different codes,
//! adding up.
//!
//! It uses only public names of `vtr-kernel` and `vtr-columnar`; that it compiles is half of the test.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray, TimestampMillisecondArray};
use arrow::compute::concat_batches;
use arrow::datatypes::{Date32Type, Int64Type};
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use std::collections::BTreeMap;
use std::sync::Arc;
use vtr_columnar::input::{CellRules, Column};
use vtr_columnar::judge::{
    Counts, Identity, Input, InputFault, Judge, MarginalKind, Records, Source, Unit, verdict_schema,
};
use vtr_kernel::Class;
use vtr_kernel::calendar::{Day, day_from_date};
use vtr_kernel::ladder::Evidence;
use vtr_kernel::tally::Tally;

fn day(text: &str) -> Day {
    day_from_date(text.parse().expect("a date"))
}

fn judge() -> Judge {
    let book = Arc::new(vtr_kernel::load::embedded().expect("the book that comes with the program loads"));
    Judge::builder(book, day("2025-06-30"))
        .evidence(Evidence::Scans)
        .identity(Some(Identity::keyed(Unit::Package, "a run that both workers belong to")))
        .build()
}

/// Returns rows of three sellers in two marketplaces: scanned, unscanned, without a number, without a marketplace.
fn rows(count: usize) -> RecordBatch {
    let text =
        |of: &dyn Fn(usize) -> String| -> ArrayRef { Arc::new(StringArray::from_iter_values((0..count).map(of))) };
    let at = |of: &dyn Fn(usize) -> Option<i64>| -> ArrayRef {
        Arc::new(TimestampMillisecondArray::from_iter((0..count).map(of)).with_timezone("UTC"))
    };
    let promised = |row: usize| (i64::from(day("2025-05-05")) + row as i64 % 28) * 86_400_000;
    let number = |row: usize| if row % 7 == 3 { "N/A".into() } else { format!("0034043416109402{:04}", row) };
    let market = |row: usize| ["DE", "amazon.co.uk", "Narnia"][if row % 11 == 10 { 2 } else { row % 2 }].into();
    RecordBatch::try_from_iter_with_nullable(vec![
        ("seller_id", text(&|row| format!("A{}", row % 3)), true),
        ("marketplace", text(&market), true),
        ("order_id", text(&|row| format!("302-{row:07}-0000001")), true),
        ("carrier", text(&|row| ["DHL", "Royal Mail", "Bob's vans"][row % 3].into()), true),
        ("tracking_number", text(&number), true),
        ("product_category", text(&|row| ["Toys", "Books"][row / 2 % 2].into()), true),
        ("promised_delivery_at", at(&|row| Some(promised(row))), true),
        ("first_scan_at", at(&|row| (row % 5 != 0).then(|| promised(row) - 86_400_000)), true),
    ])
    .expect("columns of one length")
}

/// Returns the rows in reverse, so that texts are met in another order.
fn backwards(batch: &RecordBatch) -> RecordBatch {
    let rows: Vec<RecordBatch> = (0..batch.num_rows()).rev().map(|row| batch.slice(row, 1)).collect();
    concat_batches(&batch.schema(), &rows).expect("rows of one schema")
}

fn all(counts: &Counts) -> Vec<RecordBatch> {
    MarginalKind::ALL.into_iter().flat_map(|kind| counts.batches(kind).collect::<Vec<_>>()).collect()
}

/// Returns the counts of a separate worker over some rows, as bytes of Arrow streams.
fn worker(batch: &RecordBatch) -> Vec<Vec<u8>> {
    let judge = judge();
    let input = judge.input(&batch.schema()).expect("the columns can be read");
    let mut counter = judge.counter();
    counter.add(&input, batch, &Records::From(1)).expect("the rows can be read");
    let sent = all(&counter.counts()).into_iter().map(|batch| {
        let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).expect("a stream");
        writer.write(&batch).and_then(|()| writer.finish()).expect("bytes in memory");
        writer.into_inner().expect("the bytes")
    });
    sent.collect()
}

#[test]
fn a_batch_is_judged_row_for_row() {
    let (judge, batch) = (judge(), rows(200));
    let input = judge.input(&batch.schema()).unwrap();
    assert!(input.has(Column::FirstScanAt) && !input.has(Column::DeliveryScanAt) && input.ignored().count() == 0);
    let verdicts = judge.verdicts(&input, &batch).unwrap();
    assert_eq!((verdicts.num_rows(), verdicts.schema()), (200, verdict_schema()));
    let text = |column: &str, row: usize| verdicts[column].as_string::<i32>().value(row).to_owned();
    assert_eq!((text("class", 1), text("reason", 1)), ("valid".into(), "scanned".into()));
    assert_eq!((text("reason", 3), text("iso_week", 3)), ("tracking_placeholder".into(), "2025-W19".into()));
    assert_eq!(verdicts["day"].as_primitive::<Date32Type>().value(3), day("2025-05-08"));
    assert_eq!(text("fault", 10), "marketplace: no marketplace of the book");
    assert!(verdicts["reason"].is_null(10) && verdicts["fault"].is_null(3));
    let terms = judge.terms();
    let (version, lane) = (text("version", 0), text("lane", 0));
    assert!(terms.book.markets().any(|(_, market)| market.versions.iter().any(|v| terms.book.rule(v.id) == version)));
    assert!(lane.starts_with("de-"), "{lane}");
}

#[test]
fn workers_who_share_no_codes_add_up_to_one() {
    let batch = rows(1_000);
    let (judge, mut rejected) = (judge(), 0);
    let input = judge.input(&batch.schema()).unwrap();
    let mut counter = judge.counter();
    rejected += counter.add(&input, &batch, &Records::From(1)).unwrap().len();
    let whole = all(&counter.counts());

    let mut sum = judge.counts();
    for bytes in worker(&batch.slice(0, 371)).into_iter().chain(worker(&backwards(&batch.slice(371, 629)))) {
        for part in StreamReader::try_new(&*bytes, None).unwrap() {
            sum.merge(&part.unwrap()).unwrap();
        }
    }
    assert_eq!(all(&sum), whole);

    let count = |batch: &RecordBatch| batch["count"].as_primitive::<Int64Type>().values().iter().sum::<i64>();
    let counted: i64 = sum.batches(MarginalKind::Weekly).map(|batch| count(&batch)).sum();
    assert_eq!(counted as usize + rejected, 1_000, "every row ends in one place");

    // The kernel makes rates from counts.
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    for batch in sum.batches(MarginalKind::Weekly) {
        let (sellers, reasons) = (batch["seller_id"].as_string::<i32>(), batch["reason"].as_string::<i32>());
        for (row, count) in batch["count"].as_primitive::<Int64Type>().values().iter().enumerate() {
            let class = vtr_kernel::Reason::from_name(reasons.value(row)).unwrap().class();
            let tally = tallies.entry(sellers.value(row).to_owned()).or_insert(Tally { valid: 0, eligible: 0 });
            tally.valid += if class == Class::Valid { *count as u64 } else { 0 };
            tally.eligible += if matches!(class, Class::Valid | Class::Defect) { *count as u64 } else { 0 };
        }
    }
    assert_eq!(tallies.len(), 3);
    assert!(tallies.values().all(|tally| tally.rate().is_some_and(|rate| 0.3 < rate && rate < 1.0)), "{tallies:?}");
}

#[test]
fn a_package_is_the_same_on_every_worker() {
    let batch = rows(60);
    let here = judge();
    let there = judge();
    // The other worker meets other sellers first.
    let others = backwards(&rows(500));
    there.counter().add(&there.input(&others.schema()).unwrap(), &others, &Records::From(1)).unwrap();
    let of = |judge: &Judge, batch: &RecordBatch| {
        let input = judge.input(&batch.schema()).unwrap();
        let hashes = judge.identities(&input, batch).unwrap();
        hashes.iter().map(|hash| hash.map(<[u8]>::to_vec)).collect::<Vec<_>>()
    };
    let (forwards, mut back) = (of(&here, &batch), of(&there, &backwards(&batch)));
    back.reverse();
    assert_eq!(forwards, back);
    assert!(forwards[10].is_none() && forwards[0].is_some() && forwards[0] != forwards[1]);
    // The choice is the same: the later file of two copies wins, whichever worker folded it.
    let copies = |judge: &Judge, file: u32| {
        let source = Arc::new(Source { file, ..Source::default() });
        let input: Input = judge.input_of(&batch.schema(), &source).unwrap();
        let mut counter = judge.counter();
        counter.add(&input, &batch, &Records::From(1)).unwrap();
        counter.take_copies()
    };
    let both = [copies(&here, 0), copies(&there, 1)].concat();
    let lost = vtr_columnar::choice::losers(both.clone(), Unit::Package);
    assert_eq!(lost.len() * 2, both.len());
    assert!(lost.iter().all(|copy| copy.file == 0));
}

#[test]
fn what_cannot_be_read_is_refused_by_column_and_remedy() {
    let (judge, batch) = (judge(), rows(3));
    let without = batch.project(&[0, 1, 3, 6]).unwrap();
    let error = judge.input(&without.schema()).unwrap_err();
    assert_eq!((error.fault, error.column.as_deref()), (InputFault::Columns, Some("order_id")));
    assert!(!error.found.is_empty() && !error.wanted.is_empty() && !error.remedy.is_empty(), "{error}");
    // A column may be replaced by one value for the whole input.
    let constants = vec![(Column::OrderId, "302-1".to_owned())];
    let source = Arc::new(Source { file: 0, constants, cells: CellRules::default() });
    let input = judge.input_of(&without.schema(), &source).unwrap();
    assert_eq!(judge.verdicts(&input, &without).unwrap()["fault"].null_count(), 3);
    let error = judge.counts().merge(&batch).unwrap_err();
    assert_eq!(error.fault, InputFault::Schema);
}
