//! Verdicts as Arrow: one row per row, with texts for people.
//!
//! It writes down the counter's outcome of each row and decides nothing. It refuses the same data as the counter.

use crate::fold::{Counter, Fate};
use crate::judge::Judge;
use crate::keys::{Layout, SharedKeys};
use crate::refusal::{InputError, InputFault};
use crate::reject::Records;
use crate::source::Input;
use arrow::array::{Date32Builder, FixedSizeBinaryArray, FixedSizeBinaryBuilder, RecordBatch, StringBuilder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use rustc_hash::FxHashMap;
use std::sync::{Arc, LazyLock};
use vtr_kernel::Book;
use vtr_kernel::calendar::{Day, date_from_day, iso_week, monday};
use vtr_kernel::ladder::{Selected, Verdict};

/// Returns the columns of verdicts. All but `fault` are null for a row that was not judged; `fault` says why it was
/// not, and is null for all others.
///
/// | column | type | what it is |
/// |---|---|---|
/// | `class` | Utf8 | `out_of_scope`, `exempt`, `valid` or `defect` |
/// | `reason` | Utf8 | the rung that decided |
/// | `rule` | Utf8 | the rule of the book that decided |
/// | `version` | Utf8 | the version of the marketplace's rules in force on that day; null if none is |
/// | `version` | Utf8 | the version of the marketplace's rules in force on that day; null if none is |
/// | `lane` | Utf8 | the lane that applies to it; null if none does |
/// | `iso_week` | Utf8 | the week of that day, such as `2025-W01` |
/// | `carrier` | Utf8 | the meaning of the carrier field: an id, `other` or `(none)` |
/// | `likely_carrier` | Utf8 | for a mismatch, the carrier to which the number certainly belongs; else null |
/// | `fault` | Utf8 | the column at fault and what is wrong with it, or `after_as_of` and why |
pub fn verdict_schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        const TEXTS: [&str; 5] = ["class", "reason", "rule", "version", "lane"];
        const AFTER_DAY: [&str; 4] = ["iso_week", "carrier", "likely_carrier", "fault"];
        let text = |name: &str| Field::new(name, DataType::Utf8, true);
        let mut fields: Vec<Field> = TEXTS.into_iter().map(text).collect();
        fields.push(Field::new("day", DataType::Date32, true));
        fields.extend(AFTER_DAY.into_iter().map(text));
        Arc::new(Schema::new(fields))
    });
    SCHEMA.clone()
}

/// The columns of verdicts while they are written.
#[derive(Default)]
struct VerdictColumns {
    class: StringBuilder,
    reason: StringBuilder,
    rule: StringBuilder,
    version: StringBuilder,
    lane: StringBuilder,
    day: Date32Builder,
    iso_week: StringBuilder,
    carrier: StringBuilder,
    likely_carrier: StringBuilder,
    fault: StringBuilder,
    /// The labels of the weeks so far, by Monday.
    weeks: FxHashMap<Day, String>,
}

impl VerdictColumns {
    fn judged(&mut self, book: &Book, verdict: &Verdict, selected: &Option<Selected>) {
        let version = selected.as_ref().and_then(|selected| selected.version);
        let lane = selected.as_ref().and_then(|selected| selected.lane);
        self.class.append_value(verdict.reason.class().name());
        self.reason.append_value(verdict.reason.name());
        self.rule.append_value(book.rule(verdict.rule));
        self.version.append_option(version.map(|version| book.rule(version.id)));
        self.lane.append_option(lane.map(|lane| book.rule(lane.id)));
        self.day.append_value(verdict.day);
        self.iso_week.append_value(self.weeks.entry(monday(verdict.day)).or_insert_with(|| iso_week(verdict.day)));
        self.carrier.append_value(book.carriers.label(verdict.carrier));
        self.likely_carrier.append_option(verdict.likely_carrier.map(|id| book.carriers.entry(id).id.as_str()));
        self.fault.append_null();
    }

    fn not_judged(&mut self, fault: &str) {
        let texts = [
            &mut self.class,
            &mut self.reason,
            &mut self.rule,
            &mut self.version,
            &mut self.lane,
            &mut self.iso_week,
            &mut self.carrier,
            &mut self.likely_carrier,
        ];
        texts.into_iter().for_each(StringBuilder::append_null);
        self.day.append_null();
        self.fault.append_value(fault);
    }

    fn finish(mut self) -> RecordBatch {
        RecordBatch::try_new(
            verdict_schema(),
            vec![
                Arc::new(self.class.finish()),
                Arc::new(self.reason.finish()),
                Arc::new(self.rule.finish()),
                Arc::new(self.version.finish()),
                Arc::new(self.lane.finish()),
                Arc::new(self.day.finish()),
                Arc::new(self.iso_week.finish()),
                Arc::new(self.carrier.finish()),
                Arc::new(self.likely_carrier.finish()),
                Arc::new(self.fault.finish()),
            ],
        )
        .expect("one value a column was appended for each row")
    }
}

/// Calls `tell` with the outcome of each row. Its codes are dropped afterwards, because a service may call it
/// without end.
fn each(
    judge: &Judge,
    input: &Input,
    batch: &RecordBatch,
    tell: &mut dyn FnMut(usize, Fate),
) -> Result<(), InputError> {
    let keys = SharedKeys::new(Layout::of(&judge.settings().book), usize::MAX);
    Counter::new(judge, &keys).explain(input, batch, &Records::From(1), tell)
}

pub(crate) fn verdicts(judge: &Judge, input: &Input, batch: &RecordBatch) -> Result<RecordBatch, InputError> {
    let mut columns = VerdictColumns::default();
    let (book, as_of) = (&*judge.settings().book, judge.settings().as_of);
    each(judge, input, batch, &mut |_, fate| match fate {
        Fate::Judged { verdict, selected, .. } => columns.judged(book, verdict, selected),
        Fate::Rejected(reject) => {
            let column = reject.column.as_deref().unwrap_or("the record");
            columns.not_judged(&format!("{column}: {}", reject.reason));
        }
        Fate::AfterAsOf(_) => {
            columns.not_judged(&format!("after_as_of: updated or shipped after {}", date_from_day(as_of)));
        }
    })?;
    Ok(columns.finish())
}

pub(crate) fn identities(
    judge: &Judge,
    input: &Input,
    batch: &RecordBatch,
) -> Result<FixedSizeBinaryArray, InputError> {
    if judge.settings().identity.is_none() {
        let found = "the judge was made without an identity of packages".to_owned();
        let remedy = "give it one by `JudgeBuilder::identity`";
        return Err(InputError::whole(InputFault::Judge, found, "by which copies are found", remedy));
    }
    let mut hashes = FixedSizeBinaryBuilder::with_capacity(batch.num_rows(), 16);
    each(judge, input, batch, &mut |_, fate| match fate {
        Fate::Judged { copy: Some(copy), .. } => {
            let hash = u128::from(copy.hash.0) << 64 | u128::from(copy.hash.1);
            hashes.append_value(hash.to_be_bytes()).expect("a hash is sixteen bytes");
        }
        Fate::Judged { copy: None, .. } | Fate::Rejected(_) | Fate::AfterAsOf(_) => hashes.append_null(),
    })?;
    Ok(hashes.finish())
}
