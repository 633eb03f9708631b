//! What becomes of a row, and how it differs from what is expected and between the engines.

use crate::sheets::Expect;
use std::collections::BTreeMap;
use vtr_columnar::input::Column;
use vtr_kernel::calendar::{Day, date_from_day};
/// The outcome of a row. `None` if an engine does not report a field.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) rejected: Option<String>,
    pub(crate) after_as_of: bool,
    pub(crate) facts: BTreeMap<&'static str, String>,
}

impl Outcome {
    pub(crate) fn rejected(column: Column) -> Outcome {
        Outcome { rejected: Some(column.name().to_owned()), ..Outcome::default() }
    }

    pub(crate) fn tell(&mut self, what: &'static str, told: impl ToString) {
        self.facts.insert(what, told.to_string());
    }
}

pub(crate) fn written(day: Day) -> String {
    date_from_day(day).to_string()
}

/// Returns the differences between an outcome and the expected one.
pub(crate) fn differences(expect: &Expect, outcome: &Outcome) -> Vec<String> {
    let mut found = Vec::new();
    if outcome.rejected != expect.rejected {
        found.push(format!("rejected {:?} instead of {:?}", outcome.rejected, expect.rejected));
    }
    if outcome.after_as_of != expect.after_as_of {
        found.push(format!("after_as_of {} instead of {}", outcome.after_as_of, expect.after_as_of));
    }
    let flag = |flag: Option<bool>| flag.map(|flag| flag.to_string());
    let wanted: [(&str, Option<String>); 15] = [
        ("reason", expect.reason.clone()),
        ("class", expect.class.clone()),
        ("rule", expect.rule.clone()),
        ("day", expect.day.clone()),
        ("week", expect.week.clone()),
        ("week_start", expect.week_start.clone()),
        ("seller", expect.seller.clone()),
        ("marketplace", expect.marketplace.clone()),
        ("carrier", expect.carrier.clone()),
        ("likely_carrier", expect.likely_carrier.clone().or(expect.reason.as_ref().map(|_| String::new()))),
        ("programme", expect.programme.clone()),
        ("category", expect.category.clone()),
        ("unpriced", flag(expect.unpriced)),
        ("provisional", flag(expect.provisional)),
        ("target", expect.target.clone()),
    ];
    for (what, wanted) in wanted {
        if let (Some(wanted), Some(told)) = (wanted, outcome.facts.get(what))
            && wanted != *told
        {
            found.push(format!("{what} {told} instead of {wanted}"));
        }
    }
    if expect.reason.is_some() && !outcome.facts.contains_key("reason") {
        found.push("no verdict".into());
    }
    found
}

/// Returns the differences between the two engines.
pub(crate) fn disagreements(one: &Outcome, other: &Outcome) -> Vec<String> {
    let mut found = Vec::new();
    for (what, told) in &one.facts {
        if let Some(also) = other.facts.get(what).filter(|also| *also != told) {
            found.push(format!("{what}: reference {told}, fold {also}"));
        }
    }
    found
}
