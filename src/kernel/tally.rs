//! Counts and the rates made of them: the only place that divides.
//!
//! Rates are made once, here, from integer sums. Targets are compared on integers and never on a rounded rate.
//! Every function is total: it returns `None` if nothing is eligible.

use crate::amount::Amount;

/// z of the two-sided 95 % interval.
const Z: f64 = 1.959963984540054;

/// A required share, as an exact fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Whether the share itself meets the target.
    pub kind: TargetKind,
    numerator: u64,
    denominator: u64,
}

/// How a rate is compared with a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetKind {
    /// The share, or more than it.
    AtLeast,
    /// Strictly more than the share.
    MoreThan,
}

impl TargetKind {
    /// Returns the name in tables and in the book.
    pub fn name(self) -> &'static str {
        match self {
            TargetKind::AtLeast => "at_least",
            TargetKind::MoreThan => "more_than",
        }
    }
}

impl Target {
    /// Takes a share from 0 to 1 with at most nine decimals; `None` for anything else.
    pub fn new(kind: TargetKind, share: Amount) -> Option<Target> {
        let denominator = 10u64.checked_pow(u32::from(share.scale)).filter(|ten| *ten <= 1_000_000_000)?;
        let numerator = u64::try_from(share.mantissa).ok().filter(|numerator| *numerator <= denominator)?;
        Some(Target { kind, numerator, denominator })
    }

    /// Returns the share as a double, for tables.
    pub fn share(&self) -> f64 {
        self.numerator as f64 / self.denominator as f64
    }

    /// Returns the least number of valid packages among `eligible` that meets the target; it may exceed `eligible`.
    fn fewest(&self, eligible: u64) -> i128 {
        let product = i128::from(self.numerator) * i128::from(eligible);
        let denominator = i128::from(self.denominator);
        match self.kind {
            TargetKind::AtLeast => (product + denominator - 1) / denominator,
            TargetKind::MoreThan => product / denominator + 1,
        }
    }

    /// Returns whether a double meets the target; only for bounds of intervals, which are doubles by nature.
    fn is_met_by(&self, rate: f64) -> bool {
        match self.kind {
            TargetKind::AtLeast => rate >= self.share(),
            TargetKind::MoreThan => rate > self.share(),
        }
    }
}

/// The two counts of a rate; `valid <= eligible`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Packages with a valid number.
    pub valid: u64,
    /// Valid packages and defects.
    pub eligible: u64,
}

impl Tally {
    /// Returns valid / eligible.
    pub fn rate(&self) -> Option<f64> {
        (self.eligible > 0).then(|| self.valid as f64 / self.eligible as f64)
    }

    /// Returns the Wilson 95 % interval, within [0, 1] and exact at its ends.
    pub fn wilson(&self) -> Option<(f64, f64)> {
        let rate = self.rate()?;
        let n = self.eligible as f64;
        let shrink = 1.0 + Z * Z / n;
        let centre = (rate + Z * Z / (2.0 * n)) / shrink;
        let margin = Z / shrink * (rate * (1.0 - rate) / n + Z * Z / (4.0 * n * n)).sqrt();
        let low = if self.valid == 0 { 0.0 } else { (centre - margin).clamp(0.0, 1.0) };
        let high = if self.valid == self.eligible { 1.0 } else { (centre + margin).clamp(0.0, 1.0) };
        Some((low, high))
    }

    /// Returns whether the target is met, compared on integers.
    pub fn meets(&self, target: Target) -> Option<bool> {
        (self.eligible > 0).then(|| i128::from(self.valid) >= target.fewest(self.eligible))
    }

    /// Returns how many more defects the same eligible count can hold; a negative number is the excess of defects.
    pub fn defect_budget(&self, target: Target) -> Option<i64> {
        (self.eligible > 0).then(|| (i128::from(self.valid) - target.fewest(self.eligible)) as i64)
    }

    /// Returns the least number of further valid packages that meets the target; `None` if no number does.
    pub fn valid_needed(&self, target: Target) -> Option<i64> {
        if self.meets(target)? {
            return Some(0);
        }
        let missing = i128::from(target.numerator) * i128::from(self.eligible)
            - i128::from(target.denominator) * i128::from(self.valid);
        let gain = i128::from(target.denominator) - i128::from(target.numerator);
        if gain == 0 {
            return None;
        }
        let needed = match target.kind {
            TargetKind::AtLeast => (missing + gain - 1) / gain,
            TargetKind::MoreThan => missing / gain + 1,
        };
        i64::try_from(needed).ok()
    }

    /// Returns whether the target is met, but the interval's lower bound misses it.
    pub fn is_narrow(&self, target: Target) -> bool {
        self.meets(target) == Some(true) && self.wilson().is_some_and(|(low, _)| !target.is_met_by(low))
    }

    /// Returns the rate in percent with two decimals, truncated and not rounded: `94.99 %`; `-` if nothing is
    /// eligible.
    pub fn percent(&self) -> String {
        if self.eligible == 0 {
            return "-".into();
        }
        let cut = u128::from(self.valid) * 10_000 / u128::from(self.eligible);
        format!("{}.{:02} %", cut / 100, cut % 100)
    }
}

/// Counts and their target.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// The counts.
    pub tally: Tally,
    /// The required share, if there is one.
    pub target: Option<Target>,
}

impl Rate {
    /// Returns whether the counts meet the target.
    pub fn meets(&self) -> Option<bool> {
        self.tally.meets(self.target?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(kind: TargetKind, share: &str) -> Target {
        Target::new(kind, Amount::read(share, b'.').unwrap()).unwrap()
    }

    fn tally(valid: u64, eligible: u64) -> Tally {
        Tally { valid, eligible }
    }

    #[test]
    fn exactly_the_target() {
        let (at_least, more_than) = (target(TargetKind::AtLeast, "0.95"), target(TargetKind::MoreThan, "0.95"));
        assert_eq!(tally(190, 200).meets(at_least), Some(true));
        assert_eq!(tally(190, 200).meets(more_than), Some(false));
        assert_eq!(tally(190, 200).valid_needed(more_than), Some(1));
        assert_eq!(tally(94_996, 100_000).meets(at_least), Some(false));
        assert_eq!(tally(94_996, 100_000).percent(), "94.99 %");
        assert_eq!(tally(0, 0).meets(at_least), None);
    }

    #[test]
    fn budget_and_need_are_the_extremes_that_hold() {
        for kind in [TargetKind::AtLeast, TargetKind::MoreThan] {
            for share in ["0.95", "0.94", "0.85", "0.999", "0"] {
                let target = target(kind, share);
                for eligible in 1..60u64 {
                    for valid in 0..=eligible {
                        let t = tally(valid, eligible);
                        let budget = t.defect_budget(target).unwrap();
                        let met = |valid: i64| valid >= 0 && tally(valid as u64, eligible).meets(target) == Some(true);
                        if valid as i64 >= budget {
                            assert!(
                                !met(valid as i64 - budget - 1)
                                    && (met(valid as i64 - budget) || budget < 0 || valid as i64 == budget)
                            );
                        }
                        assert_eq!(budget >= 0, t.meets(target).unwrap());
                        let needed = t.valid_needed(target).unwrap() as u64;
                        assert_eq!(tally(valid + needed, eligible + needed).meets(target), Some(true));
                        if needed > 0 {
                            assert_eq!(tally(valid + needed - 1, eligible + needed - 1).meets(target), Some(false));
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn all_or_nothing_targets() {
        let all = target(TargetKind::AtLeast, "1.00");
        assert_eq!(tally(9, 10).valid_needed(all), None);
        assert_eq!(tally(10, 10).valid_needed(all), Some(0));
        assert_eq!(tally(10, 10).valid_needed(target(TargetKind::MoreThan, "1")), None);
        assert!(Target::new(TargetKind::AtLeast, Amount::read("1.01", b'.').unwrap()).is_none());
        assert!(Target::new(TargetKind::AtLeast, Amount::read("-0.1", b'.').unwrap()).is_none());
    }

    #[test]
    fn wilson_is_bounded_exact_at_its_ends_and_known_in_the_middle() {
        assert_eq!(tally(0, 10).wilson().unwrap().0, 0.0);
        assert_eq!(tally(10, 10).wilson().unwrap().1, 1.0);
        let (low, high) = tally(95, 100).wilson().unwrap();
        // Published value for 95 of 100: 0.8882 to 0.9785.
        assert!((low - 0.888_250).abs() < 1e-4 && (high - 0.978_460).abs() < 1e-4, "{low} {high}");
        for eligible in 1..200u64 {
            for valid in 0..=eligible {
                let t = tally(valid, eligible);
                let (low, high) = t.wilson().unwrap();
                let rate = t.rate().unwrap();
                assert!(0.0 <= low && low <= rate && rate <= high && high <= 1.0);
            }
        }
    }
}
