//! Verdicts and identities row by row, beside the counts of the same rows.

use crate::counts::{number, text};
use crate::lines::{Line, batch, lines};
use crate::workers::counted_elsewhere;
use crate::{AS_OF, the_judge};
use arrow::array::{Array, AsArray};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use vtr_columnar::judge::{InputFault, Judge, MarginalKind};
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
