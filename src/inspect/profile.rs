//! The types of a column's values, found without keeping the values.
//!
//! A type is one that *all* values have, by the same readers that a run uses. The number of distinct values is exact
//! while they are few; beyond, it is an estimate from the smallest hashes. It cannot fail.

use crate::scan::sampled::has_amazons_form;
use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hasher};
use std::sync::{Arc, LazyLock};
use vtr_columnar::fold::shown_value;
use vtr_columnar::input::CellRules;
use vtr_kernel::Book;
use vtr_kernel::amount::Amount;
use vtr_kernel::calendar::{FIRST_DAY, Zone};
use vtr_kernel::countries;
use vtr_kernel::instant::{SPREADSHEET_DAYS, TimeFormat, UNIX_MILLISECONDS};
use vtr_kernel::lane::CountrySet;
use vtr_kernel::policy::Marketplace;
use vtr_kernel::strays::{Mark, OddValue, odd_value};
use vtr_kernel::text;

/// Hashes kept; up to this many distinct values the number is exact, beyond it is off by about 4 %.
const HASHES: usize = 512;
/// Fillers that are named.
const FILLERS: usize = 5;
/// Values shown, and characters of each.
const EXAMPLES: usize = 3;
const EXAMPLE_CHARS: usize = 40;

/// Ways to write times that are worth a suggestion.
const TIME_FORMATS: &[&str] = &[
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y",
    "%d.%m.%y",
    "%d.%m.%y %H:%M",
    "%d/%m/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%d/%m/%Y",
    "%d/%m/%Y %I:%M:%S %p",
    "%d/%m/%Y %I:%M %p",
    "%d-%m-%Y %I:%M %p",
    "%m/%d/%Y %I:%M:%S %p",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y",
    "%d-%m-%Y %H:%M:%S",
    "%d-%m-%Y %H:%M",
    "%m-%d-%Y %H:%M:%S",
    "%m-%d-%Y %H:%M",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d",
    "%Y%m%d",
    "%b %d, %Y",
    "%d %b %Y",
    "%d-%b-%Y",
    "%m/%d/%Y %I:%M %p",
    "%d.%m.%y %H:%M:%S",
    "%d/%m/%y",
    "%d/%m/%y %H:%M",
    "%m/%d/%y",
    "%m/%d/%y %H:%M",
    "%m/%d/%y %I:%M %p",
    "%d/%m/%y %I:%M %p",
    "%d-%m-%y",
    "%d-%b-%y",
    "%y/%m/%d",
    "%y-%m-%d",
    "%Y年%m月%d日",
    "%s",
    UNIX_MILLISECONDS,
    SPREADSHEET_DAYS,
];

static READERS: LazyLock<Vec<TimeFormat>> = LazyLock::new(|| {
    let reader = |format: &&str| TimeFormat::new(&[*format], Zone::utc());
    TIME_FORMATS.iter().map(reader).collect::<Result<_, _>>().expect("the formats above are understood")
});

const INTEGER: u64 = 1;
const DECIMAL: u64 = 1 << 1;
const FLAG: u64 = 1 << 2;
const DATE: u64 = 1 << 3;
const TIME: u64 = 1 << 4;
const COMMA: u64 = 1 << 5;
const FIRST_FORMAT: u64 = 1 << 6;

/// The number of values that a run cannot read, by the type that a column would need.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Unreadable {
    /// As times.
    pub times: u64,
    /// As amounts.
    pub amounts: u64,
    /// As flags.
    pub flags: u64,
}

/// The number of values that a run can read and sets aside.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Odd {
    /// Amounts below zero.
    pub negative: u64,
    /// Amounts of zero.
    pub zero: u64,
    /// Amounts that may mean thousands or thousandths.
    pub open_mark: u64,
    /// Names such as N/A.
    pub fillers: u64,
    /// Ids of sellers or orders such as N/A.
    pub id_fillers: u64,
}

/// The book in the program, which defines the fillers.
static BOOK: LazyLock<Option<Arc<Book>>> = LazyLock::new(|| crate::job::shelf::book(&[]).ok());

/// Fillers such as N/A among values that are no times.
#[derive(Clone, Debug, Default)]
pub(super) struct Fillers {
    /// Their number.
    pub count: u64,
    /// The first different ones, as they are written. They are words of the book.
    pub words: BTreeSet<String>,
}

/// The facts of a column so far.
pub(super) struct Profile {
    /// Values that are present.
    pub values: u64,
    /// Nulls and empty cells.
    pub nulls: u64,
    /// Bytes of the longest.
    pub longest: u64,
    /// Values like `9.2E+21`, into which a spreadsheet turns a long number.
    pub damaged: u64,
    /// A few values, if they may be shown.
    pub examples: Vec<String>,
    pub distinct: Distinct,
    /// A hash of all cells in their order: columns with equal hashes are copies of each other.
    pub order: u64,
    /// Values that are only text, by the type that they do not have.
    pub unreadable: Unreadable,
    /// Times at midnight, and at another time of day.
    pub midnights: u64,
    pub other_times: u64,
    /// Fillers among the values that are no times.
    pub timeless: Fillers,
    /// Values that a run sets aside, by the type that they would need.
    pub odd: Odd,
    /// The countries among the values, and the number of values that are codes of states and of no country.
    pub countries: CountrySet,
    pub states: u64,
    /// Values of the form of Amazon's order ids.
    pub amazon_ids: u64,
    /// Texts that name a store of Amazon, texts that name another channel, and texts that name neither.
    pub stores: [u64; 3],
    /// Whether a comma in some value can only be a decimal mark.
    has_sure_comma: bool,
    /// The types that all values so far can have.
    can_be: u64,
    /// The formats of times that all values so far can have, apart from fillers.
    formats: u64,
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
            order: 0,
            unreadable: Unreadable::default(),
            midnights: 0,
            other_times: 0,
            timeless: Fillers::default(),
            odd: Odd::default(),
            countries: CountrySet::NONE,
            states: 0,
            amazon_ids: 0,
            stores: [0; 3],
            has_sure_comma: false,
            can_be: INTEGER | DECIMAL | FLAG | DATE | TIME | COMMA,
            formats: TIME | formats,
            leading_zeros: false,
            keeps_examples,
        }
    }

    /// Takes a text cell.
    pub fn cell(&mut self, cell: &str, rules: &CellRules) {
        let Some(value) = rules.trim(cell) else {
            self.null();
            return;
        };
        self.value(value.as_bytes());
        self.damaged += u64::from(is_damaged(value));
        self.narrow(value, rules);
        self.example(value);
    }

    /// Takes an empty cell.
    pub fn null(&mut self) {
        self.nulls += 1;
        self.order = self.order.rotate_left(5) ^ 1;
    }

    /// Takes a value of a typed column.
    pub fn value(&mut self, bytes: &[u8]) {
        self.values += 1;
        self.longest = self.longest.max(bytes.len() as u64);
        let hash = hash(bytes);
        self.distinct.add(hash);
        self.order = (self.order.rotate_left(5) ^ hash).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    /// Keeps a value to be shown, if values were asked for.
    pub fn example(&mut self, value: &str) {
        if !self.shows() {
            return;
        }
        let shown: String = shown_value(value).chars().take(EXAMPLE_CHARS).collect();
        if !self.examples.contains(&shown) {
            self.examples.push(shown);
        }
    }

    /// Returns whether more values are wanted to be shown.
    pub fn shows(&self) -> bool {
        self.keeps_examples && self.examples.len() < EXAMPLES
    }

    fn narrow(&mut self, value: &str, rules: &CellRules) {
        let written = rules.times.as_written(value);
        self.narrow_formats(value, written.is_some());
        match written {
            None => self.unreadable.times += 1,
            Some((_, Some(0))) => self.midnights += 1,
            Some((_, Some(_))) => self.other_times += 1,
            Some((_, None)) => {}
        }
        let amount = Amount::read(value, rules.decimal_mark);
        let is_amount = amount.is_ok();
        self.set_aside(value, amount.ok(), rules);
        let is_flag = text::flag(value).is_some();
        self.unreadable.amounts += u64::from(!is_amount);
        self.unreadable.flags += u64::from(!is_flag);
        if self.can_be == 0 {
            return;
        }
        let mut keep = |bit: u64, fits: bool| {
            if !fits {
                self.can_be &= !bit;
            }
        };
        let digits = value.strip_prefix(['-', '+']).unwrap_or(value);
        let whole = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        keep(INTEGER, whole);
        keep(DECIMAL, whole || is_amount);
        let with_comma = Amount::read(value, b',');
        keep(COMMA, with_comma.is_ok());
        let is_sure = |amount: Amount| amount.scale > 0 && odd_value(amount, Mark::Assumed) != Some(OddValue::OpenMark);
        self.has_sure_comma |= with_comma.is_ok_and(is_sure);
        keep(FLAG, is_flag);
        keep(DATE, matches!(written, Some((_, None))));
        keep(TIME, written.is_some());
        self.leading_zeros |= whole && digits.len() > 1 && digits.starts_with('0');
    }

    /// Narrows the formats in which the values are times; fillers have none.
    fn narrow_formats(&mut self, value: &str, is_time: bool) {
        if !is_time && BOOK.as_ref().is_some_and(|book| book.placeholders.is_filler(value)) {
            self.timeless.count += 1;
            if self.timeless.words.len() < FILLERS {
                self.timeless.words.insert(value.to_owned());
            }
            return;
        }
        if !is_time {
            self.formats &= !TIME;
        }
        for (index, reader) in READERS.iter().enumerate() {
            let bit = FIRST_FORMAT << index;
            // A year of two digits is not accepted.
            if self.formats & bit != 0 && reader.as_written(value).is_none_or(|(day, _)| day < FIRST_DAY) {
                self.formats &= !bit;
            }
        }
    }

    /// Counts the values that a run would set aside if the column had such a type.
    fn set_aside(&mut self, value: &str, amount: Option<Amount>, rules: &CellRules) {
        match amount.and_then(|amount| odd_value(amount, rules.mark)) {
            Some(OddValue::Negative) => self.odd.negative += 1,
            Some(OddValue::Zero) => self.odd.zero += 1,
            Some(OddValue::OpenMark) => self.odd.open_mark += 1,
            None => {}
        }
        let placeholders = BOOK.as_ref().map(|book| &book.placeholders);
        self.odd.fillers += u64::from(placeholders.is_some_and(|known| known.is_filler(value)));
        self.odd.id_fillers += u64::from(placeholders.is_some_and(|known| known.is_id_filler(value)));
        self.amazon_ids += u64::from(has_amazons_form(value));
        match BOOK.as_ref().and_then(|book| book.resolve_marketplace(value)) {
            Some(Marketplace::Known(_)) => self.stores[0] += 1,
            Some(Marketplace::None) => self.stores[1] += 1,
            None => self.stores[2] += 1,
        }
        if value.len() == 2 {
            match countries::read(value) {
                Some(country) => self.countries.insert(country),
                None => self.states += u64::from(countries::is_only_state(value)),
            }
        }
    }

    /// Returns whether all values are amounts with a decimal comma, though not all are with the declared mark.
    pub fn has_decimal_comma(&self) -> bool {
        self.unreadable.amounts > 0 && self.can_be & COMMA != 0 && self.has_sure_comma
    }

    /// Returns whether all values are amounts if a comma is the decimal mark, which is not certain: 1,234.
    pub fn has_open_comma(&self) -> bool {
        self.unreadable.amounts > 0 && self.can_be & COMMA != 0 && !self.has_sure_comma
    }

    /// Returns whether there are times of day, and all of them are midnight.
    pub fn is_at_midnight(&self) -> bool {
        self.midnights > 0 && self.other_times == 0
    }

    /// Returns whether more than nine of ten are null.
    pub fn is_almost_empty(&self) -> bool {
        self.nulls > 0 && self.nulls.saturating_mul(10) > (self.nulls + self.values).saturating_mul(9)
    }

    /// Returns the type of all values.
    pub fn kind(&self) -> &'static str {
        let is = |bit: u64| self.can_be & bit != 0;
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

    /// Returns the formats of times that all values fit apart from fillers, if a run does not read them without a format.
    pub fn time_formats(&self) -> Vec<&'static str> {
        if self.timeless.count == self.values || self.formats & TIME != 0 {
            return Vec::new();
        }
        let fits = |(index, _): &(usize, &&str)| self.formats & FIRST_FORMAT << index != 0;
        TIME_FORMATS.iter().enumerate().filter(fits).map(|(_, format)| *format).collect()
    }
}

/// Returns whether a value is a long number that a spreadsheet has damaged: `9.2E+21`.
fn is_damaged(value: &str) -> bool {
    vtr_kernel::wrapper::is_damaged(value)
}

fn hash(value: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(value);
    hasher.finish()
}

/// The smallest hashes of the values seen.
#[derive(Default)]
pub(super) struct Distinct {
    smallest: BTreeSet<u64>,
    overflown: bool,
}

impl Distinct {
    fn add(&mut self, hash: u64) {
        if self.overflown && self.smallest.last().is_some_and(|last| hash >= *last) {
            return;
        }
        if self.smallest.insert(hash) && self.smallest.len() > HASHES {
            self.smallest.pop_last();
            self.overflown = true;
        }
    }

    /// Returns the approximate number of distinct values, and whether it is exact.
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
        assert_eq!(of(&["2025/12/31 10:00"]).time_formats(), ["%Y/%m/%d %H:%M"]);
        let (comma, point) = (of(&["1,50", "2"]), of(&["1.50", "2"]));
        assert!(comma.has_decimal_comma() && comma.unreadable.amounts == 1 && !point.has_decimal_comma());
        assert!(of(&["2025-01-01T00:00:00Z", "2025-01-02"]).is_at_midnight() && !of(&["2025-01-02"]).is_at_midnight());
        assert!(!of(&["2025-01-01T00:00:00Z", "2025-01-01T00:00:01Z"]).is_at_midnight());
        assert!(
            of(&["1", "", "", "", "", "", "", "", "", "", ""]).is_almost_empty() && !of(&["1", ""]).is_almost_empty()
        );
        assert!(!of(&["1,234", "2"]).has_decimal_comma() && of(&["1,234", "2"]).has_open_comma());
        assert!(of(&["1,234", "2,50"]).has_decimal_comma() && !of(&["1.234", "2.50"]).has_open_comma());
        assert_eq!(of(&["31.12.25", "01.02.25"]).time_formats(), ["%d.%m.%y"]);
        assert_eq!(of(&["12/31/25", "01/02/25"]).time_formats(), ["%m/%d/%y"]);
        let odd = of(&["-1", "0", "1.234", "N/A", "5.00"]).odd;
        assert_eq!((odd.negative, odd.zero, odd.open_mark, odd.fillers), (1, 1, 1, 2));
        assert_eq!(of(&["CA", "TX", "NY", "DE"]).states, 2);
        assert_eq!(of(&["yesterday", "2025-01-02"]).unreadable.times, 1);
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
