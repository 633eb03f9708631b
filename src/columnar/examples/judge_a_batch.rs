//! Judges a batch of shipments, row for row, and counts the same rows by week.
//!
//! Run it with `cargo run --release -p vtr-columnar --example judge_a_batch`; the tests run it too.

use arrow::array::{ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::datatypes::Int64Type;
use std::sync::Arc;
use vtr_columnar::judge::{Judge, MarginalKind, Records};
use vtr_kernel::calendar::day_from_date;

fn main() {
    let text = |cells: [&str; 4]| -> ArrayRef { Arc::new(StringArray::from_iter_values(cells)) };
    let batch = RecordBatch::try_from_iter([
        ("seller_id", text(["A1EXAMPLE"; 4])),
        ("marketplace", text(["DE", "amazon.co.uk", "DE", "Narnia"])),
        ("order_id", text(["302-1", "202-2", "302-3", "302-4"])),
        ("carrier", text(["DHL", "Royal Mail", "DHL", "DHL"])),
        ("tracking_number", text(["00340434161094022115", "RB473124829GB", "N/A", "00340434161094022115"])),
        ("promised_delivery_at", text(["2025-06-02", "2025-06-03", "2025-06-04", "2025-06-05"])),
        ("first_scan_at", text(["2025-05-30T10:00:00Z", "", "", ""])),
        ("delivery_scan_at", text(["2025-06-02T14:00:00Z", "", "", ""])),
    ])
    .expect("columns of one length");

    // The judge is made once per process, from the embedded book and the last day for which data are known.
    let book = Arc::new(vtr_kernel::load::embedded().expect("the book loads"));
    let as_of = day_from_date("2025-06-30".parse().expect("a date"));
    let judge = Judge::builder(book, as_of).build();

    // The input is made once per schema: the columns that exist decide how a row is judged.
    let input = judge.input(&batch.schema()).unwrap_or_else(|error| panic!("{error}"));

    let verdicts = judge.verdicts(&input, &batch).unwrap_or_else(|error| panic!("{error}"));
    let cell = |column: &str, row: usize| verdicts[column].as_string::<i32>().iter().nth(row).flatten().unwrap_or("-");
    for row in 0..batch.num_rows() {
        let order = batch["order_id"].as_string::<i32>().value(row);
        println!(
            "{order}: {} {} {} {}",
            cell("class", row),
            cell("reason", row),
            cell("lane", row),
            cell("fault", row)
        );
    }
    let reasons: Vec<&str> = (0..4).map(|row| cell("reason", row)).collect();
    assert_eq!(reasons, ["scanned", "scan_missing", "tracking_placeholder", "-"]);

    let mut counter = judge.counter();
    let rejects = counter.add(&input, &batch, &Records::From(1)).unwrap_or_else(|error| panic!("{error}"));
    for reject in rejects.iter() {
        println!("record {}: {}", reject.record, reject.reason);
    }
    let mut counted = 0;
    for counts in counter.counts().batches(MarginalKind::Weekly) {
        counted += counts["count"].as_primitive::<Int64Type>().values().iter().sum::<i64>();
    }
    println!("{counted} of {} rows are counted, {} cannot be judged", batch.num_rows(), rejects.len());
    assert_eq!((counted, rejects.len()), (3, 1));
}

#[test]
fn it_runs() {
    main();
}
