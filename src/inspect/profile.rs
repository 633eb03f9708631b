//! What a column's values are, without keeping them.
//!
//! A type is what *all* values are, by the same readers that a run uses. The number of distinct
//! values is exact while they are few, and an estimate from the smallest hashes beyond. It cannot
//! fail.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hasher};
use std::sync::LazyLock;
use vtr_columnar::fold::shown_value;
use vtr_columnar::input::CellRules;
use vtr_kernel::amount::Amount;
use vtr_kernel::calendar::Zone;
use vtr_kernel::instant::{Moment, TimeFormat};
use vtr_kernel::text;

/// Hashes kept; up to so many distinct values the number is exact, beyond it is off by some 4 %.
const HASHES: usize = 512;
/// Values shown, and characters of each.
const EXAMPLES: usize = 3;
const EXAMPLE_CHARS: usize = 40;

/// Ways to write times that are worth a suggestion.
const TIME_FORMATS: [&str; 8] =
    ["%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d"];

static READERS: LazyLock<Vec<TimeFormat>> = LazyLock::new(|| {
    let reader = |format: &&str| TimeFormat::new(&[*format], Zone::utc());
    TIME_FORMATS.iter().map(reader).collect::<Result<_, _>>().expect("the formats above are understood")
});

const INTEGER: u16 = 1;
const DECIMAL: u16 = 1 << 1;
const FLAG: u16 = 1 << 2;
const DATE: u16 = 1 << 3;
const TIME: u16 = 1 << 4;
const FIRST_FORMAT: u16 = 1 << 5;

/// What is known of a column so far.
pub(super) struct Profile {
    /// Values that are there.
    pub values: u64,
    /// Nulls and empty cells.
    pub nulls: u64,
    /// Bytes of the longest.
    pub longest: u64,
    /// Values like `9.2E+21`: what a spreadsheet makes of a long number.
    pub damaged: u64,
    /// A few values, if they may be shown.
    pub examples: Vec<String>,
    pub distinct: Distinct,
    /// What all values so far can be.
    can_be: u16,
    leading_zeros: bool,
    keeps_examples: bool,
}

impl Profile {
    pub fn new(keeps_examples: bool) -> Profile {
        let formats = (0..TIME_FORMATS.len()).fold(0, |all, index| all | FIRST_FORMAT << index);
        Profile {
            values: 0,
            nulls: 0,
            longest: 0,
            damaged: 0,
            examples: Vec::new(),
            distinct: Distinct::default(),
            can_be: INTEGER | DECIMAL | FLAG | DATE | TIME | formats,
            leading_zeros: false,
            keeps_examples,
        }
    }

    /// Takes a cell of text.
    pub fn cell(&mut self, cell: &str, rules: &CellRules) {
        let Some(value) = rules.trim(cell) else {
            self.nulls += 1;
            return;
        };
        self.value(value.as_bytes());
        self.damaged += u64::from(is_damaged(value));
        if self.can_be != 0 {
            self.narrow(value, rules);
        }
        self.example(value);
    }

    /// Takes a value of a typed column.
    pub fn value(&mut self, bytes: &[u8]) {
        self.values += 1;
        self.longest = self.longest.max(bytes.len() as u64);
        self.distinct.add(bytes);
    }

    /// Keeps a value to be shown, if that was asked for.
    pub fn example(&mut self, value: &str) {
        if !self.shows() {
            return;
        }
        let shown: String = shown_value(value).chars().take(EXAMPLE_CHARS).collect();
        if !self.examples.contains(&shown) {
            self.examples.push(shown);
        }
    }

    /// Whether more values are wanted to be shown.
    pub fn shows(&self) -> bool {
        self.keeps_examples && self.examples.len() < EXAMPLES
    }

    fn narrow(&mut self, value: &str, rules: &CellRules) {
        let mut keep = |bit: u16, fits: bool| {
            if !fits {
                self.can_be &= !bit;
            }
        };
        let digits = value.strip_prefix(['-', '+']).unwrap_or(value);
        let whole = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        keep(INTEGER, whole);
        keep(DECIMAL, whole || Amount::read(value, rules.decimal_mark).is_ok());
        keep(FLAG, text::flag(value).is_some());
        let moment = rules.times.read(value).ok();
        keep(DATE, matches!(moment, Some(Moment::Date(_))));
        keep(TIME, moment.is_some());
        self.leading_zeros |= whole && digits.len() > 1 && digits.starts_with('0');
        for (index, reader) in READERS.iter().enumerate() {
            let bit = FIRST_FORMAT << index;
            if self.can_be & bit != 0 && reader.read(value).is_err() {
                self.can_be &= !bit;
            }
        }
    }

    /// What all values are.
    pub fn kind(&self) -> &'static str {
        let is = |bit: u16| self.can_be & bit != 0;
        match () {
            () if self.values == 0 => "empty",
            () if is(INTEGER) && self.leading_zeros => "integer, leading zeros",
            () if is(INTEGER) => "integer",
            () if is(FLAG) => "boolean",
            () if is(DECIMAL) => "decimal",
            () if is(DATE) => "date",
            () if is(TIME) => "timestamp",
            () => "text",
        }
    }

    /// Whether all values are times as a run reads them.
    pub fn is_time(&self) -> bool {
        self.values == 0 || self.can_be & TIME != 0
    }

    /// The ways of writing times that all values fit, if they are no times as it is.
    pub fn time_formats(&self) -> Vec<&'static str> {
        if self.is_time() {
            return Vec::new();
        }
        let fits = |(index, _): &(usize, &&str)| self.can_be & FIRST_FORMAT << index != 0;
        TIME_FORMATS.iter().enumerate().filter(fits).map(|(_, format)| *format).collect()
    }
}

/// What a spreadsheet makes of a long number: `9.2E+21`.
fn is_damaged(value: &str) -> bool {
    crate::scan::damage::is_damaged(value.as_bytes())
}

/// The smallest hashes of the values seen.
#[derive(Default)]
pub(super) struct Distinct {
    smallest: BTreeSet<u64>,
    overflown: bool,
}

impl Distinct {
    fn add(&mut self, value: &[u8]) {
        let mut hasher = DefaultHasher::new();
        hasher.write(value);
        let hash = hasher.finish();
        if self.overflown && self.smallest.last().is_some_and(|last| hash >= *last) {
            return;
        }
        if self.smallest.insert(hash) && self.smallest.len() > HASHES {
            self.smallest.pop_last();
            self.overflown = true;
        }
    }

    /// How many distinct values, about, and whether that is exact.
    pub fn count(&self) -> (u64, bool) {
        match self.smallest.last() {
            Some(last) if self.overflown => {
                let share = (*last as f64 + 1.0) / (u64::MAX as f64 + 1.0);
                (((HASHES - 1) as f64 / share) as u64, false)
            }
            _ => (self.smallest.len() as u64, true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str]) -> Profile {
        let mut profile = Profile::new(true);
        values.iter().for_each(|value| profile.cell(value, &CellRules::default()));
        profile
    }

    #[test]
    fn a_type_is_what_all_values_are() {
        for (values, want) in [
            (&["", " "][..], "empty"),
            (&["1", "0"], "integer"),
            (&["007", "12"], "integer, leading zeros"),
            (&["1", "true"], "boolean"),
            (&["1", "2.50", ""], "decimal"),
            (&["2025-01-01"], "date"),
            (&["2025-01-01", "2025-01-01T10:00:00Z"], "timestamp"),
            (&["1", "2025-01-01"], "text"),
            (&["1,5"], "text"),
        ] {
            assert_eq!(of(values).kind(), want, "{values:?}");
        }
        assert_eq!(of(&["31.12.2025", "01.02.2025"]).time_formats(), ["%d.%m.%Y"]);
        assert_eq!(of(&["01/02/2025"]).time_formats(), ["%d/%m/%Y", "%m/%d/%Y"]);
        assert!(of(&["2025-01-01"]).time_formats().is_empty());
    }

    #[test]
    fn distinct_values_are_counted_exactly_while_few_and_nearly_beyond() {
        let mut profile = Profile::new(false);
        for value in 0..10_000 {
            profile.value(format!("{}", value % 500).as_bytes());
        }
        assert_eq!(profile.distinct.count(), (500, true));
        let mut profile = Profile::new(false);
        (0..100_000).for_each(|value| profile.value(format!("{value}").as_bytes()));
        let (count, exact) = profile.distinct.count();
        assert!(!exact && (85_000..115_000).contains(&count), "{count}");
    }

    #[test]
    fn values_are_kept_only_if_they_may_be_shown_and_then_escaped() {
        let profile = of(&["a\u{1b}[31m", &"x".repeat(100), "b", "c"]);
        assert_eq!(profile.examples.len(), 3);
        assert!(profile.examples[0].contains("\\u{1b}") && profile.examples[1].len() == 40);
        let mut hidden = Profile::new(false);
        hidden.cell("secret", &CellRules::default());
        assert!(hidden.examples.is_empty());
    }
}
