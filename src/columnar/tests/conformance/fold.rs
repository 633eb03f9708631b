//! The other engine: the fold over a batch of one row of texts, whose verdicts, counts and lists must agree.

use crate::outcome::{Outcome, written};
use crate::setting::{Setting, day};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::datatypes::{Date32Type, Int64Type};
use std::sync::{Arc, OnceLock};
use vtr_columnar::input::Column;
use vtr_columnar::judge::{Judge, LaterRows, MarginalKind, Records, Source, TimeAxis};
use vtr_kernel::calendar::{FIRST_DAY, iso_week};
use vtr_kernel::reason::Class;
/// An axis whose segments are single days, so that the marginals show a verdict's day.
static DAILY: OnceLock<TimeAxis> = OnceLock::new();

/// Returns the outcome of the fold over a batch of one row of texts.
pub(crate) fn folded(setting: &Setting) -> Outcome {
    let axis = DAILY.get_or_init(|| TimeAxis::new((FIRST_DAY..day("2030-01-01")).collect()));
    let later_rows = if setting.keeps_later_rows() { LaterRows::Kept } else { LaterRows::Absent };
    let judge = Judge::builder(setting.book.clone(), setting.as_of)
        .rates(Arc::new(setting.rates.clone()))
        .evidence(setting.evidence)
        .later_rows(later_rows)
        .axis(axis.clone())
        .lists(true, None)
        .build();
    let array = |column: Column| -> ArrayRef { Arc::new(StringArray::from(vec![setting.given.get(&column).cloned()])) };
    let columns: Vec<_> = setting.present.iter().map(|column| (column.name(), array(column), true)).collect();
    let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    let source = Arc::new(Source { cells: setting.rules.clone(), ..Source::default() });
    let input = judge.input_of(&batch.schema(), &source).unwrap();
    let verdicts = judge.verdicts(&input, &batch).unwrap();
    let mut counter = judge.counter();
    let rejects = counter.add(&input, &batch, &Records::From(1)).unwrap();
    let out = counter.take();
    let counts = counter.counts();
    let judged: u64 = out.tally.classes.iter().sum();
    assert_eq!(
        judged + out.tally.rejected + out.tally.after_as_of,
        1,
        "{}: a row ends in one place",
        setting.case.name
    );
    let mut outcome = Outcome { after_as_of: out.tally.after_as_of == 1, ..Outcome::default() };
    outcome.rejected = rejects.iter().next().map(|reject| reject.column.clone().unwrap_or_default());
    if judged == 0 {
        return outcome;
    }
    let one = |kind: MarginalKind| -> RecordBatch {
        let batches: Vec<RecordBatch> = counts.batches(kind).collect();
        assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 1, "{kind:?}");
        batches[0].clone()
    };
    let (weekly, category, _) = (one(MarginalKind::Weekly), one(MarginalKind::Category), one(MarginalKind::Names));
    let text = |batch: &RecordBatch, name: &str| batch[name].as_string::<i32>().value(0).to_owned();
    let date = |batch: &RecordBatch, name: &str| batch[name].as_primitive::<Date32Type>().value(0);
    let (monday, day) = (date(&weekly, "week"), date(&category, "segment"));
    assert_eq!(weekly["count"].as_primitive::<Int64Type>().value(0), 1);
    let class = Class::ALL.into_iter().find(|class| out.tally.classes[*class as usize] == 1).unwrap();
    outcome.tell("reason", text(&weekly, "reason"));
    outcome.tell("class", class.name());
    outcome.tell("day", written(day));
    outcome.tell("week", iso_week(monday));
    outcome.tell("week_start", written(monday));
    outcome.tell("seller", text(&weekly, "seller_id"));
    for what in ["marketplace", "programme", "carrier"] {
        outcome.tell(what, text(&weekly, what));
    }
    outcome.tell("category", text(&category, "product_category"));
    for what in ["reason", "class", "carrier"] {
        assert_eq!(text(&verdicts, what), outcome.facts[what], "{}: the verdict for the row", setting.case.name);
    }
    assert_eq!(written(date(&verdicts, "day")), outcome.facts["day"]);
    assert_eq!(text(&verdicts, "iso_week"), outcome.facts["week"]);
    let likely = verdicts["likely_carrier"].as_string::<i32>();
    outcome.tell("likely_carrier", if likely.is_null(0) { "" } else { likely.value(0) });
    outcome.tell("rule", text(&verdicts, "rule"));
    outcome.tell("unpriced", out.unpriced == 1);
    match out.defects {
        Some(defect) => {
            let text = |name: &str| defect.column_by_name(name).unwrap().as_string::<i32>().clone();
            assert_eq!(text("rule").value(0), outcome.facts["rule"]);
            let likely = text("likely_carrier");
            assert_eq!(if likely.is_null(0) { "" } else { likely.value(0) }, outcome.facts["likely_carrier"]);
            let days = defect.column_by_name("day").unwrap().as_primitive::<Date32Type>();
            assert_eq!(written(days.value(0)), outcome.facts["day"]);
            assert_eq!(text("carrier").value(0), outcome.facts["carrier"]);
            assert_eq!(class, Class::Defect);
        }
        None => assert_ne!(class, Class::Defect, "{}: a defect has its row", setting.case.name),
    }
    outcome
}
