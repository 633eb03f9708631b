//! Computes what would change a rate, by whole packages, and whether a change already did.
//!
//! Levers are exact integer arithmetic on a window's counts and promise nothing; evidence compares two spans of weeks
//! and says when they have too few packages. It reads no table and writes no markup. Nothing in it fails.

use super::model::{Account, Breakdown, Week};
use super::words::{self, Names};
use super::work::{AccountWork, Actor};
use vtr_kernel::calendar::Day;
use vtr_kernel::tally::Tally;

/// The effect of one measure on a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lever {
    /// The measure.
    pub text: String,
    /// The window without it.
    pub from: Tally,
    /// The window with it.
    pub to: Tally,
}

/// Packages of the outlook window that can still be mended, by who mends them: numbers, carriers.
pub fn mendable(work: &AccountWork) -> (u64, u64) {
    let sum = |is_asked: fn(&Actor) -> bool| {
        work.iter().filter(|(actor, _)| is_asked(actor)).map(|(_, group)| group.moving).sum()
    };
    (sum(|actor| matches!(actor, Actor::Correct | Actor::Late)), sum(|actor| matches!(actor, Actor::Chase(_))))
}

fn moved(from: Tally, more: u64) -> Tally {
    Tally { valid: (from.valid + more).min(from.eligible), eligible: from.eligible }
}

/// The levers of the outlook window: mending what can be mended. Levers that do not change the rate are left out.
pub fn mending(account: &Account, work: &AccountWork) -> Vec<Lever> {
    let (from, pending) = (account.outlook.tally, account.outlook.pending);
    let (numbers, carriers) = mendable(work);
    let mut levers = Vec::new();
    let mut push = |text: String, more: u64| levers.push(Lever { text, from, to: moved(from, more) });
    push(format!("Correct {}", words::plural(numbers as i64, "number")), numbers);
    push(format!("Carriers scan {}", words::plural(carriers as i64, "package")), carriers);
    if numbers > 0 && carriers > 0 {
        push(
            format!("Both: all {} that can be mended", words::number((numbers + carriers) as i64)),
            numbers + carriers,
        );
    }
    if pending > 0 {
        let waiting = words::plural(pending as i64, "waiting package");
        if numbers + carriers > 0 {
            push(format!("All of that, and {waiting} scanned"), numbers + carriers + pending);
        } else {
            push(format!("The {waiting} scanned"), pending);
        }
    }
    levers.retain(Lever::moves);
    levers
}

/// The levers of the judged window: without the carrier with most defects, or with that carrier at the rate of the
/// others.
pub fn carriers(account: &Account, breakdown: &Breakdown, names: &Names) -> Vec<Lever> {
    let worst = breakdown.iter().max_by_key(|(_, share)| (share.defects(), share.tally.eligible));
    let Some((carrier, share)) = worst.filter(|(_, share)| share.defects() > 0) else { return Vec::new() };
    let (from, name) = (account.tally, names.carrier(carrier));
    let others = Tally { valid: from.valid - share.tally.valid, eligible: from.eligible - share.tally.eligible };
    if others.eligible == 0 {
        return Vec::new();
    }
    let at_rate = u128::from(share.tally.eligible) * u128::from(others.valid) / u128::from(others.eligible);
    let alike = Tally { valid: others.valid + at_rate as u64, eligible: from.eligible };
    let mut levers = vec![
        Lever { text: format!("Without {name}"), from, to: others },
        Lever { text: format!("{name} at the rate of the others"), from, to: alike },
    ];
    // A carrier that does better than the others is not a lever.
    levers.retain(|lever| lever.moves() && lever.gains());
    levers
}

impl Lever {
    /// Whether the rate changes.
    fn moves(&self) -> bool {
        let cross = |a: Tally, b: Tally| u128::from(a.valid) * u128::from(b.eligible);
        self.from.eligible > 0 && self.to.eligible > 0 && cross(self.from, self.to) != cross(self.to, self.from)
    }

    fn gains(&self) -> bool {
        let cross = |a: Tally, b: Tally| u128::from(a.valid) * u128::from(b.eligible);
        cross(self.to, self.from) > cross(self.from, self.to)
    }
}

/// Whether mending is enough for the next figure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Enough {
    /// Enough, whatever happens to waiting packages.
    Yes(Tally),
    /// Enough if this many of the waiting packages are scanned.
    WithWaiting(Tally, u64),
    /// Not enough: this many packages are missing even if all waiting ones are scanned.
    No(Tally, u64),
}

/// The answer for the outlook window; `None` if nothing can be mended or there is no target.
pub fn enough(account: &Account, work: &AccountWork) -> Option<Enough> {
    let (numbers, carriers) = mendable(work);
    let (target, pending) = (account.target?, account.outlook.pending);
    if numbers + carriers == 0 {
        return None;
    }
    let mended = moved(account.outlook.tally, numbers + carriers);
    let missing = mended.defect_budget(target).map_or(0, |budget| u64::try_from(-budget).unwrap_or(0));
    Some(match missing {
        0 => Enough::Yes(mended),
        missing if missing <= pending => Enough::WithWaiting(mended, missing),
        missing => Enough::No(moved(mended, pending), missing - pending),
    })
}

/// With fewer packages on either side, a comparison of two rates is not meaningful.
pub const FEW_A_SIDE: u64 = 30;

/// A change, and the week in which it began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateChange {
    /// The Monday of that week.
    pub monday: Day,
    /// What was changed.
    pub text: String,
}

/// The same number of final weeks before and after a change.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// First and last Monday, packages, and defects by reason before the change.
    pub before: Stretch,
    /// The same after the change.
    pub after: Stretch,
    /// The difference of the rates and its 95 % interval; `None` if a side has too few packages.
    pub difference: Option<(f64, f64, f64)>,
}

/// Consecutive weeks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stretch {
    /// First and last Monday.
    pub mondays: Option<(Day, Day)>,
    /// Packages.
    pub tally: Tally,
    /// Defects by reason, in ladder order.
    pub reasons: Vec<i64>,
}

fn stretch(weeks: &[&Week]) -> Stretch {
    let mondays = weeks.first().zip(weeks.last()).map(|(first, last)| (first.monday, last.monday));
    let mut sum = Stretch { mondays, ..Stretch::default() };
    for week in weeks {
        sum.tally.valid += week.tally.valid;
        sum.tally.eligible += week.tally.eligible;
        sum.reasons.resize(week.reasons.len().max(sum.reasons.len()), 0);
        sum.reasons.iter_mut().zip(&week.reasons).for_each(|(sum, count)| *sum += count);
    }
    sum
}

/// Compares the weeks before and after a change; `weeks` are those shown, oldest first, one for each Monday.
pub fn evidence(weeks: &[Week], event: &RateChange) -> Evidence {
    let last_final = weeks.iter().position(|week| week.is_open).unwrap_or(weeks.len());
    let begins = weeks.iter().position(|week| week.monday >= event.monday).unwrap_or(weeks.len());
    let after: Vec<&Week> = weeks[..last_final].iter().skip(begins).collect();
    let length = after.len().min(begins);
    let before: Vec<&Week> = weeks[..begins.min(last_final)].iter().rev().take(length).rev().collect();
    let (before, after) = (stretch(&before), stretch(&after[..length]));
    let enough = before.tally.eligible.min(after.tally.eligible) >= FEW_A_SIDE;
    let difference = if enough { newcombe(before.tally, after.tally) } else { None };
    Evidence { before, after, difference }
}

/// The difference of two rates, the second minus the first, with Newcombe's 95 % interval (method 10, from the two
/// Wilson intervals).
fn newcombe(a: Tally, b: Tally) -> Option<(f64, f64, f64)> {
    let ((low_a, high_a), (low_b, high_b)) = (a.wilson()?, b.wilson()?);
    let (p, q) = (a.rate()?, b.rate()?);
    let length = |x: f64, y: f64| (x * x + y * y).sqrt();
    let difference = q - p;
    Some((difference, difference - length(q - low_b, high_a - p), difference + length(high_b - q, p - low_a)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newcombes_interval_is_the_published_one() {
        // Newcombe 1998, table II, example (a): 56/70 and 48/80, method 10: 0.2 with 0.0524 to 0.3339.
        let (difference, low, high) =
            newcombe(Tally { valid: 48, eligible: 80 }, Tally { valid: 56, eligible: 70 }).unwrap();
        assert!(
            (difference - 0.2).abs() < 1e-9 && (low - 0.0524).abs() < 1e-4 && (high - 0.3339).abs() < 1e-4,
            "{low} {high}"
        );
    }

    fn week(monday: Day, valid: u64, eligible: u64, is_open: bool) -> Week {
        Week { monday, is_open, tally: Tally { valid, eligible }, pending: 0, reasons: vec![(eligible - valid) as i64] }
    }

    #[test]
    fn as_many_final_weeks_stand_on_either_side() {
        let mut weeks: Vec<Week> = (0..10).map(|index| week(index * 7, 18, 20, false)).collect();
        weeks[9].is_open = true;
        let event = RateChange { monday: 42, text: String::new() };
        let found = evidence(&weeks, &event);
        assert_eq!((found.before.mondays, found.after.mondays), (Some((21, 35)), Some((42, 56))));
        assert_eq!(found.before.tally.eligible, 60);
        assert_eq!(found.before.reasons, [6]);
        assert!(found.difference.is_some());
        let none = evidence(&weeks, &RateChange { monday: 70, text: String::new() });
        assert!(none.difference.is_none() && none.after.mondays.is_none());
        let few = evidence(&weeks[..2], &RateChange { monday: 7, text: String::new() });
        assert!(few.difference.is_none() && few.before.tally.eligible == 20);
    }
}
