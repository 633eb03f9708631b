//! Warns of defects that may be none: those decided by doubtful rules, which it names, and the newest ones without a
//! promised day.
//!
//! It counts the defects of each rule by marketplace while their list is written; a job that makes no such list gets
//! no warning. It gates nothing and cannot fail.

use super::unpromised::Unpromised;
use crate::schema::Table;
use crate::tables::Piece;
use arrow::array::{AsArray, RecordBatch};
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use vtr_kernel::Book;
use vtr_kernel::calendar::Day;
use vtr_kernel::policy::{Doubt, RuleId};
use vtr_kernel::tally::Tally;

/// Defects of a marketplace.
#[derive(Debug, Default)]
struct Defects {
    all: u64,
    /// Defects decided by doubtful rules, by rule.
    by_rule: BTreeMap<String, u64>,
}

/// Defects by marketplace and doubtful rule.
pub struct Doubts<'b> {
    /// The doubts by the rule's id.
    known: HashMap<&'b str, Doubt>,
    seen: Mutex<BTreeMap<String, Defects>>,
    unpromised: Unpromised<'b>,
}

impl<'b> Doubts<'b> {
    /// Begins without defects.
    pub fn of(book: &'b Book, as_of: Day) -> Doubts<'b> {
        let rules = (0..book.rule_count() as u32).map(RuleId);
        let known = rules.filter_map(|rule| Some((book.rule(rule), book.doubt(rule)?))).collect();
        Doubts { known, seen: Mutex::default(), unpromised: Unpromised::of(book, as_of) }
    }

    /// Returns the piece; its rows are counted as they are made.
    pub fn watch<'p>(&'p self, piece: Piece<'p>) -> Piece<'p> {
        if piece.table != Table::Defects {
            return piece;
        }
        let batches = piece.batches.inspect(|batch| batch.iter().for_each(|batch| self.see(batch)));
        Piece { batches: Box::new(batches), ..piece }
    }

    fn see(&self, batch: &RecordBatch) {
        self.unpromised.see(batch);
        let [markets, rules] = ["marketplace", "rule"].map(|name| batch[name].as_string::<i32>());
        let mut seen = self.seen.lock();
        for (market, rule) in markets.iter().zip(rules) {
            let market = market.unwrap_or_default();
            if !seen.contains_key(market) {
                seen.insert(market.to_owned(), Defects::default());
            }
            let Some(defects) = seen.get_mut(market) else { continue };
            defects.all += 1;
            if let Some(rule) = rule.filter(|rule| self.known.contains_key(rule)) {
                match defects.by_rule.get_mut(rule) {
                    Some(count) => *count += 1,
                    None => drop(defects.by_rule.insert(rule.to_owned(), 1)),
                }
            }
        }
    }

    /// A warning for each rule with more than one in a hundred of its marketplace's defects, and one of the newest
    /// packages without a promised day.
    pub fn warnings(&self) -> Vec<String> {
        let seen = self.seen.lock();
        let of_market = |(market, defects): (&String, &Defects)| {
            let many = defects.by_rule.iter().filter(|(_, count)| u128::from(**count) * 100 > u128::from(defects.all));
            let told = |(rule, count): (&String, &u64)| {
                let why = match self.known.get(rule.as_str()) {
                    Some(Doubt::LowShape) => "is a shape of numbers that was seen seldom (`vtr carriers` shows it)",
                    _ => "is unsure (`vtr book show` says why)",
                };
                let share = Tally { valid: *count, eligible: defects.all }.percent();
                format!(
                    "{market}: {count} of {} defects ({share}) depend on the rule `{rule}`, which {why}",
                    defects.all
                )
            };
            many.map(told).collect::<Vec<_>>()
        };
        seen.iter().flat_map(of_market).chain(self.unpromised.warning()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, Int64Array, StringArray};
    use std::sync::Arc;

    fn warned(rows: &[(&str, usize)]) -> Vec<String> {
        let known = HashMap::from([("unsure-rule", Doubt::UnsureRule), ("low_shape", Doubt::LowShape)]);
        let doubts = Doubts { known, seen: Mutex::default(), unpromised: Unpromised::default() };
        let rules: Vec<&str> = rows.iter().flat_map(|(rule, count)| std::iter::repeat_n(*rule, *count)).collect();
        let markets = StringArray::from_iter_values(rules.iter().map(|_| "GB"));
        let promised = Arc::new(Int64Array::from(vec![0; rules.len()]));
        let columns: [(&str, ArrayRef); 3] = [
            ("marketplace", Arc::new(markets)),
            ("rule", Arc::new(StringArray::from(rules))),
            ("promised_delivery_at", promised),
        ];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let other = Piece::of(Table::VtrWeekly, None, vec![batch.clone()]);
        assert_eq!(doubts.watch(other).batches.count(), 1);
        assert!(doubts.warnings().is_empty(), "another table tells nothing");
        assert_eq!(doubts.watch(Piece::of(Table::Defects, None, vec![batch])).batches.count(), 1);
        doubts.warnings()
    }

    #[test]
    fn more_than_one_in_a_hundred_is_told() {
        assert!(warned(&[("sure", 99), ("unsure-rule", 1)]).is_empty());
        let told = warned(&[("sure", 97), ("unsure-rule", 2), ("low_shape", 2)]);
        assert_eq!(told.len(), 2);
        assert!(told[0].starts_with("GB: 2 of 101 defects") && told[0].contains("seldom"), "{told:?}");
        assert!(told[1].contains("`unsure-rule`, which is unsure"), "{told:?}");
    }
}
