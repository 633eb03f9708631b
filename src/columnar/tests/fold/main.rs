//! Tests of the fold: against a naive reference, over workers whose codes differ, and by the columns of its inputs.

mod columns;
mod counts;
mod lines;
mod verdicts;
mod workers;

use std::sync::Arc;
use vtr_columnar::judge::{Identity, Judge, TimeAxis, Unit};
use vtr_kernel::calendar::{Day, FIRST_DAY};

const AS_OF: Day = 20_200;

/// Returns a judge that counts by day, lists defects and finds copies; each has codes of its own.
fn the_judge() -> Judge {
    Judge::builder(Arc::new(vtr_kernel::load::embedded().unwrap()), AS_OF)
        .axis(axis())
        .lists(true, None)
        .identity(Some(Identity { unit: Unit::Package, key: (7, 11) }))
        .build()
}

/// Returns a daily axis, so that each day has its own segment.
fn axis() -> TimeAxis {
    TimeAxis::new((FIRST_DAY..AS_OF + 800).collect())
}
