//! Judges a frame of Polars, and adds the verdicts to it as columns.
//!
//! Polars has its own Arrow. Its columns could cross by the C Data Interface without a copy, but taking such a
//! pointer is `unsafe`, which this workspace forbids; here texts are copied once, column by column. The example
//! belongs to the root package, which links Polars anyway, so that the columnar crate builds without it: `cargo run
//! --release --example read_with_polars`; the tests run it too.

use arrow::array::{ArrayRef, AsArray, RecordBatch, StringArray};
use polars::prelude::{Column, DataFrame, IntoColumn, NewChunkedArray, PolarsResult, StringChunked};
use std::sync::Arc;
use vtr_columnar::judge::Judge;
use vtr_kernel::calendar::day_from_date;

/// Returns the text columns of a frame as one batch.
fn batch_of(frame: &DataFrame) -> PolarsResult<RecordBatch> {
    let columns = frame.columns().iter().map(|column| {
        let texts: StringArray = column.str()?.iter().collect();
        Ok((column.name().to_string(), Arc::new(texts) as ArrayRef, true))
    });
    let columns = columns.collect::<PolarsResult<Vec<_>>>()?;
    Ok(RecordBatch::try_from_iter_with_nullable(columns).expect("the columns of a frame have one length"))
}

fn text_column<'a>(name: &str, texts: impl IntoIterator<Item = Option<&'a str>>) -> Column {
    StringChunked::from_iter_options(name.into(), texts.into_iter()).into_column()
}

fn main() {
    let column = |name: &str, cells: [&'static str; 3]| text_column(name, cells.map(Some));
    let frame = DataFrame::new_infer_height(vec![
        column("seller_id", ["A1EXAMPLE"; 3]),
        column("marketplace", ["DE", "DE", "amazon.co.uk"]),
        column("order_id", ["302-1", "302-2", "202-3"]),
        column("carrier", ["DHL", "DHL", "Royal Mail"]),
        column("tracking_number", ["00340434161094022115", "N/A", "RB473124829GB"]),
        column("promised_delivery_at", ["2025-06-02", "2025-06-03", "2025-06-04"]),
        text_column("first_scan_at", [Some("2025-05-30T10:00:00Z"), None, Some("2025-06-02T08:00:00Z")]),
    ])
    .expect("columns of one length");

    let book = Arc::new(vtr_kernel::load::embedded().expect("the book loads"));
    let as_of = day_from_date("2025-06-30".parse().expect("a date"));
    let judge = Judge::builder(book, as_of).build();
    let batch = batch_of(&frame).expect("all columns of the frame are texts");
    let input = judge.input(&batch.schema()).unwrap_or_else(|error| panic!("{error}"));
    let verdicts = judge.verdicts(&input, &batch).unwrap_or_else(|error| panic!("{error}"));

    let mut columns = frame.columns().to_vec();
    columns.extend(["class", "reason"].map(|name| text_column(name, verdicts[name].as_string::<i32>().iter())));
    let judged = DataFrame::new_infer_height(columns).expect("a verdict for each row");
    let reasons = judged.column("reason").and_then(|column| column.str()).expect("a column of texts");
    let orders = judged.column("order_id").and_then(|column| column.str()).expect("a column of texts");
    for (order, reason) in orders.iter().zip(reasons.iter()) {
        println!("{}: {}", order.unwrap_or("-"), reason.unwrap_or("-"));
    }
    assert_eq!(reasons.iter().flatten().collect::<Vec<_>>(), ["scanned", "tracking_placeholder", "scanned"]);
}

#[test]
fn it_runs() {
    main();
}
