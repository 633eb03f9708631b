//! The `[[check]]`s of a job, resolved to exact bounds.
//!
//! The publication decides which figures a check compares; here only its bound is read, or the kind's default taken.
//! It fails with a text that is not a bound for the kind, and shows how one is written.

use super::plan::{Check, Most, Output};
use super::quantity;
use super::resolve::SpecReport;
use super::spec::{CheckKind, CheckSpec, Scalar};
use crate::schema::Table;

/// Returns the checks of a job; `None` only if a problem was reported.
pub(super) fn checks(specs: &[CheckSpec], output: Option<&Output>, written: SpecReport) -> Option<Vec<Check>> {
    let checks: Vec<Option<Check>> =
        specs.iter().enumerate().map(|(index, spec)| check(spec, &format!("check.{index}"), written)).collect();
    if let Some(output) = output.filter(|output| !specs.is_empty() && !output.tables.contains(&Table::VtrWeekly)) {
        let names: Vec<&str> = output.tables.iter().map(|table| table.name()).collect();
        let message = format!(
            "checks are judged on `vtr_weekly`, but the job makes only {}; add it to [output] `tables`, or take the checks out",
            names.join(", ")
        );
        written.refuse("check.0", message);
        return None;
    }
    checks.into_iter().collect()
}

fn check(spec: &CheckSpec, key: &str, written: SpecReport) -> Option<Check> {
    let named = !spec.name.trim().is_empty() && !spec.name.chars().any(char::is_control);
    if !named {
        written.refuse(&format!("{key}.name"), "`name` must be a text of one line, such as \"no seller vanished\"");
    }
    if spec.min_eligible.is_some() && spec.kind != CheckKind::RateJump {
        let message = format!("`min_eligible` belongs to checks of kind \"rate_jump\" only, not to {:?}", spec.name);
        written.refuse(&format!("{key}.min_eligible"), message);
    }
    if spec.direction.is_some() && spec.kind != CheckKind::RateJump {
        let message = format!("`direction` belongs to checks of kind \"rate_jump\" only, not to {:?}", spec.name);
        written.refuse(&format!("{key}.direction"), message);
    }
    let at_most = match &spec.at_most {
        None => Some(own_bound(spec.kind)),
        Some(text) => written.good(&format!("{key}.at_most"), bound(spec.kind, text)),
    };
    let check = Check {
        name: spec.name.clone(),
        kind: spec.kind,
        level: spec.level,
        at_most: at_most?,
        min_eligible: spec.min_eligible.unwrap_or(1),
        direction: spec.direction.unwrap_or_default(),
    };
    named.then_some(check)
}

/// Returns the default bound of a kind.
fn own_bound(kind: CheckKind) -> Most {
    match kind {
        CheckKind::RowTotals => Most::Share(1, 5),
        CheckKind::SellersVanished | CheckKind::WeeksMissing => Most::Count(0),
        CheckKind::RateJump => Most::Share(1, 10),
        CheckKind::UnknownCarriers => Most::Share(1, 20),
    }
}

/// Parses a bound: sellers as a number or as a share of the published ones, weeks as a number, all others as a share.
fn bound(kind: CheckKind, written: &Scalar) -> Result<Most, String> {
    let text = written.to_text();
    let count = || text.trim().parse::<u64>().ok().map(Most::Count);
    let share = || quantity::share(&text).map(|(numerator, denominator)| Most::Share(numerator, denominator));
    match kind {
        CheckKind::WeeksMissing => {
            count().ok_or_else(|| format!("{text:?} is not a number of weeks; write it as in 0 or 2"))
        }
        CheckKind::SellersVanished => count().map_or_else(share, Ok).map_err(|_| {
            format!("{text:?} is neither a number of sellers nor a share of them; write it as in 0, 10 or \"1%\"")
        }),
        CheckKind::RowTotals | CheckKind::RateJump | CheckKind::UnknownCarriers => share(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_a_number_or_a_share_as_its_kind_asks() {
        let text = |text: &str| Scalar::Text(text.into());
        assert_eq!(bound(CheckKind::RateJump, &text("2.5%")), Ok(Most::Share(1, 40)));
        assert_eq!(bound(CheckKind::RowTotals, &Scalar::Whole(0)), Ok(Most::Share(0, 1)));
        assert_eq!(bound(CheckKind::SellersVanished, &Scalar::Whole(3)), Ok(Most::Count(3)));
        assert_eq!(bound(CheckKind::SellersVanished, &text("1%")), Ok(Most::Share(1, 100)));
        assert_eq!(bound(CheckKind::WeeksMissing, &text("2")), Ok(Most::Count(2)));
        for (kind, wrong) in [
            (CheckKind::WeeksMissing, "5%"),
            (CheckKind::SellersVanished, "few"),
            (CheckKind::UnknownCarriers, "3"),
            (CheckKind::RateJump, "-1%"),
        ] {
            assert!(bound(kind, &text(wrong)).is_err(), "{kind:?} {wrong}");
        }
    }
}
