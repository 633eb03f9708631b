//! The rules in force as rows for spreadsheets and programs.
//!
//! It lists the same rules as `show`, in the same words, one rule per row; it judges nothing and cannot fail.

use super::super::listing::Cell;
use super::show::{carriers, condition, confidence, countries, per, scans, span, target};
use vtr_kernel::Book;
use vtr_kernel::calendar::Day;
use vtr_kernel::lane::{Condition, Lane};
use vtr_kernel::policy::{Confidence, Market};

/// The columns of the list of marketplaces.
pub const MARKET_HEADS: [&str; 5] = ["marketplace", "title", "version", "target", "lanes"];

/// All marketplaces; one that is not measured on the day has an empty version.
pub fn markets(book: &Book, day: Day) -> Vec<Vec<Cell<'_>>> {
    book.markets()
        .map(|(_, market)| {
            let (version, goal, lanes) = match market.version(day) {
                Some(version) => {
                    let lanes = i64::try_from(version.lanes.len()).unwrap_or(i64::MAX);
                    (Cell::text(book.rule(version.id)), Cell::text(target(version.target)), Cell::Count(lanes))
                }
                None => (Cell::Null, Cell::Null, Cell::Count(0)),
            };
            vec![Cell::text(market.name.as_str()), Cell::text(market.title.as_str()), version, goal, lanes]
        })
        .collect()
}

/// The columns of the list of a marketplace's rules.
pub const RULE_HEADS: [&str; 7] = ["marketplace", "version", "in_force", "lane", "kind", "rule", "says"];

/// The rules of the version in force on a day, and the other versions with their spans.
pub fn rules<'a>(book: &'a Book, market: &'a Market, day: Day) -> Vec<Vec<Cell<'a>>> {
    let mut rows = Vec::new();
    for version in &market.versions {
        let is_in_force = version.in_force(day);
        let mut add = |lane: Option<&'a Lane>, kind: &'static str, rule: &'a str, says: String| {
            rows.push(vec![
                Cell::text(market.name.as_str()),
                Cell::text(book.rule(version.id)),
                Cell::Flag(is_in_force),
                lane.map_or(Cell::Null, |lane| Cell::text(book.rule(lane.id))),
                Cell::text(kind),
                Cell::text(rule),
                Cell::text(says),
            ]);
        };
        add(None, "version", book.rule(version.id), format!("{}, {}", span(version), confidence(version.confidence)));
        if !is_in_force {
            continue;
        }
        add(None, "target", "standard", format!("{}, by {}", target(version.target), per(version.per)));
        for programme in version.programmes.iter().filter(|programme| programme.in_force(day)) {
            let says = format!("{}, by {}", target(programme.target), per(programme.per));
            add(None, "target", book.programme(programme.id), says);
        }
        add(None, "carriers", "", carriers(book, &version.carriers));
        for lane in version.lanes.iter() {
            let way = format!("{} -> {}, {}", countries(&lane.from), countries(&lane.to), scans(&lane.scans));
            add(Some(lane), "lane", book.rule(lane.id), with(way, lane.confidence));
            if let Some(rule) = &lane.carriers {
                add(Some(lane), "carriers", "", carriers(book, rule));
            }
            let says = |rule: &Condition| with(condition(book, rule), rule.confidence);
            lane.exempt.iter().for_each(|rule| add(Some(lane), "exempt", book.rule(rule.id), says(rule)));
            lane.refuse.iter().for_each(|rule| add(Some(lane), "refused", book.rule(rule.id), says(rule)));
        }
    }
    rows
}

fn with(says: String, sure: Confidence) -> String {
    format!("{says} ({})", confidence(sure))
}
