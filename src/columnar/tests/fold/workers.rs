//! Workers whose codes differ: their counts add up, their copies are settled, and counts of strangers are refused.

use crate::lines::{Line, batch, lines};
use crate::the_judge;
use arrow::array::{ArrayRef, Date32Array, Int64Array, RecordBatch, StringArray, new_null_array};
use arrow::datatypes::DataType;
use std::sync::Arc;
use vtr_columnar::choice::losers;
use vtr_columnar::judge::{MarginalKind, Records, Source, Unit, copies_schema};
/// Returns the counts of a separate worker over some lines in another order, so that its codes differ.
pub(crate) fn counted_elsewhere(lines: &[Line], kinds: &[MarginalKind]) -> Vec<RecordBatch> {
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
            let with = |array: ArrayRef| {
                let mut columns = batch.columns().to_vec();
                columns[place] = array;
                let fields = schema.fields().iter().map(|field| field.name().clone()).zip(columns);
                RecordBatch::try_from_iter_with_nullable(fields.map(|(name, array)| (name, array, true))).unwrap()
            };
            let is_any_text = matches!(&**field.name(), "seller_id" | "product_category" | "carrier_typed");
            let wrong: ArrayRef = match field.data_type() {
                DataType::Utf8 => Arc::new(StringArray::from(vec!["nobody's"; batch.num_rows()])),
                DataType::Date32 => Arc::new(Date32Array::from_value(1, batch.num_rows())),
                DataType::Int64 => Arc::new(Int64Array::from_value(0, batch.num_rows())),
                _ => Arc::new(Int64Array::from_value(1, batch.num_rows())),
            };
            let mut sum = judge.counts();
            let merged = sum.merge(&with(wrong));
            assert_eq!(merged.is_err(), !is_any_text, "{kind:?} {field:?}");
            if let Err(error) = merged {
                assert_eq!(error.column.as_deref(), Some(field.name().as_str()));
                assert_eq!(sum.batches(kind).count(), 0, "nothing of it is added");
            }
            // A null is not a valid value, except in the mender column of packages that nobody has to mend.
            let nulls = new_null_array(field.data_type(), batch.num_rows());
            assert_eq!(judge.counts().merge(&with(nulls)).is_err(), field.name() != "fixable_by", "{kind:?} {field:?}");
        }
    }
}
