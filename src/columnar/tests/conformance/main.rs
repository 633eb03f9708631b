//! The conformance suite: two engines run every case of `tests/conformance`.
//!
//! One engine is a reference over texts, the other the fold over a batch of one row, and both must give the expected
//! answer. A failure names every case that does not hold, in each engine.

mod fold;
mod outcome;
mod reference;
mod setting;
mod sheets;

use crate::fold::folded;
use crate::outcome::{differences, disagreements};
use crate::reference::reference;
use crate::setting::{Books, Setting};
use crate::sheets::sheets;
use std::collections::BTreeSet;
use std::fmt::Write;
use vtr_kernel::Book;
use vtr_kernel::amount::Amount;
use vtr_kernel::load;
use vtr_kernel::tally::{Tally, Target, TargetKind};
/// The classes of the contract's ladder, written down independently of the kernel's own table.
const LADDER: [(&str, &str); 21] = [
    ("not_on_marketplace", "out_of_scope"),
    ("fulfilled_by_marketplace", "out_of_scope"),
    ("canceled", "out_of_scope"),
    ("no_policy", "out_of_scope"),
    ("lane_not_measured", "out_of_scope"),
    ("exempt", "exempt"),
    ("tracking_missing", "defect"),
    ("tracking_placeholder", "defect"),
    ("carrier_missing", "defect"),
    ("carrier_not_measured", "out_of_scope"),
    ("carrier_not_accepted", "defect"),
    ("number_refused", "defect"),
    ("carrier_mismatch", "defect"),
    ("added_after_delivery", "defect"),
    ("scanned", "valid"),
    ("number_malformed", "defect"),
    ("check_digit_failed", "defect"),
    ("delivery_scan_missing", "defect"),
    ("scan_missing", "defect"),
    ("well_formed", "valid"),
    ("unverified", "valid"),
];

#[test]
fn every_case_holds_in_every_engine() {
    let (mut books, mut failures, mut count) = (Books::default(), String::new(), 0);
    for (sheet_name, sheet) in &sheets() {
        for case in &sheet.case {
            let setting = Setting::of(sheet, case, books.edited(case));
            let (by_reference, by_fold) = (reference(&setting), folded(&setting));
            let mut problems = differences(&case.expect, &by_reference);
            problems.extend(
                differences(&case.expect, &by_fold).into_iter().map(|problem| format!("in the fold: {problem}")),
            );
            problems.extend(disagreements(&by_reference, &by_fold));
            if !problems.is_empty() {
                let _ = writeln!(failures, "{sheet_name}: {}\n    {}", case.name, problems.join("\n    "));
            }
            count += 1;
        }
    }
    assert!(failures.is_empty(), "of {count} cases these do not hold:\n{failures}");
    assert!(count >= 150, "only {count} cases were found");
}

#[test]
fn every_rate_holds() {
    for (sheet_name, sheet) in &sheets() {
        for case in &sheet.rate {
            let at = format!("{sheet_name}: {} ({})", case.name, case.source);
            let (kind, share) = case.target.split_once(' ').unwrap();
            let kind = if kind == "at_least" { TargetKind::AtLeast } else { TargetKind::MoreThan };
            let target = Target::new(kind, Amount::read(share, b'.').unwrap()).unwrap();
            let tally = Tally { valid: case.valid, eligible: case.eligible };
            assert_eq!(tally.meets(target), case.meets, "{at}");
            assert_eq!(tally.percent(), case.percent, "{at}");
            assert_eq!(tally.defect_budget(target), case.budget, "{at}");
            assert_eq!(tally.valid_needed(target), case.needed, "{at}");
        }
    }
}

#[test]
fn the_suite_reaches_every_reason_and_every_version() {
    let (book, sheets) = (load::embedded().unwrap(), sheets());
    let (mut names, mut reasons, mut rules) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for (sheet_name, sheet) in &sheets {
        for case in &sheet.case {
            assert!(names.insert((sheet_name, &case.name)), "{sheet_name}: {} occurs twice", case.name);
            assert!(!case.why.is_empty(), "{sheet_name}: {} does not say why", case.name);
            for source in case.source.split("; ") {
                assert!(
                    is_source(source, &book),
                    "{sheet_name}: {} cites {source}, which is no ruling and no rule",
                    case.name
                );
            }
            reasons.extend(case.expect.reason.as_deref());
            rules.extend(case.expect.rule.as_deref());
            rules.extend(case.source.split("; "));
            if let Some(reason) = &case.expect.reason {
                let class = LADDER.iter().find(|(name, _)| name == reason).map(|(_, class)| *class);
                assert_eq!(class, case.expect.class.as_deref(), "{sheet_name}: {}", case.name);
            }
        }
    }
    assert_eq!(reasons, LADDER.iter().map(|(name, _)| *name).collect());
    assert_eq!(LADDER.len(), vtr_kernel::reason::COUNT);
    let mut missing = Vec::new();
    for (_, market) in book.markets() {
        for version in &market.versions {
            let lanes = version.lanes.iter();
            let of_lanes = lanes.flat_map(|lane| {
                let conditions = lane.exempt.iter().chain(&lane.refuse).map(|condition| condition.id);
                [lane.id].into_iter().chain(conditions)
            });
            let ids = [version.id].into_iter().chain(of_lanes).map(|id| book.rule(id));
            missing.extend(ids.filter(|id| !rules.contains(id)).map(str::to_owned));
        }
    }
    assert!(missing.is_empty(), "no case speaks of {missing:?}");
}

/// Returns whether a source has a valid form: `A1` to `D49`, `semantics 3`, `book`, or the id of a rule.
fn is_source(source: &str, book: &Book) -> bool {
    let ruling = source.strip_prefix(['A', 'B', 'C', 'D', 'E']).and_then(|number| number.parse::<u8>().ok());
    let section = source.strip_prefix("semantics ").and_then(|number| number.parse::<u8>().ok());
    let rules = || {
        book.markets().flat_map(|(_, market)| &market.versions).any(|version| {
            let conditions = |lane: &vtr_kernel::lane::Lane| {
                lane.exempt.iter().chain(&lane.refuse).map(|condition| condition.id).collect::<Vec<_>>()
            };
            let lanes = version.lanes.iter().flat_map(|lane| [vec![lane.id], conditions(lane)].concat());
            [version.id].into_iter().chain(lanes).any(|id| book.rule(id) == source)
        })
    };
    ruling.is_some_and(|ruling| (1..=73).contains(&ruling))
        || section.is_some_and(|section| (1..=6).contains(&section))
        || source == "book"
        || rules()
}
