//! Currencies and the exchange rates of a job.
//!
//! Rates come as the text of the European Central Bank's `eurofxref-hist.csv`; the caller reads that file. Looking
//! a rate up is total: a missing rate is `None`.

use crate::amount::Amount;
use crate::calendar::{Day, day_from_date};
use std::collections::BTreeMap;

/// An ISO 4217 code of three letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// The euro, the base of all rates.
    pub const EUR: Currency = Currency(*b"EUR");

    /// Reads three ASCII letters in any case; `None` for anything else.
    pub fn read(text: &str) -> Option<Currency> {
        let letters: [u8; 3] = text.as_bytes().try_into().ok()?;
        letters.iter().all(u8::is_ascii_alphabetic).then(|| Currency(letters.map(|b| b.to_ascii_uppercase())))
    }

    /// Returns the code in upper case.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// The units of each currency per euro, by day.
#[derive(Clone, Debug, Default)]
pub struct Rates {
    /// The days of each currency, in ascending order.
    series: BTreeMap<Currency, Vec<(Day, Amount)>>,
}

/// The error for an unreadable line of a rates file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongRate {
    /// The line's number, from 1; `None`: the file as a whole.
    pub line: Option<usize>,
    /// The description of the fault.
    pub fault: String,
}

impl std::fmt::Display for WrongRate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.fault),
            None => f.write_str(&self.fault),
        }
    }
}

impl std::error::Error for WrongRate {}

impl Rates {
    /// Reads the layout of `eurofxref-hist.csv`: `Date,USD,JPY,...`, then a line per day, with `N/A` or nothing if
    /// there is no rate.
    ///
    /// # Errors
    /// Returns every unreadable line, with its number.
    pub fn read(text: &str) -> Result<Rates, Vec<WrongRate>> {
        let wrong = |line: Option<usize>, fault: String| WrongRate { line, fault };
        let mut lines =
            text.trim_start_matches('\u{feff}').lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let Some((_, heading)) = lines.next() else {
            return Err(vec![wrong(None, "the rates file is empty; it needs a heading line `Date,USD,...`".into())]);
        };
        let mut columns = heading.split(',').map(str::trim);
        if !columns.next().is_some_and(|first| first.eq_ignore_ascii_case("date")) {
            return Err(vec![wrong(Some(1), "the first heading of a rates file is `Date`".into())]);
        }
        let currencies: Vec<Option<Currency>> = columns.map(Currency::read).collect();
        let (mut series, mut problems) = (BTreeMap::<_, Vec<_>>::new(), Vec::new());
        for (index, line) in lines {
            let number = index + 1;
            let mut cells = line.split(',').map(str::trim);
            let Some(date) = cells.next().and_then(|cell| cell.parse::<chrono::NaiveDate>().ok()) else {
                problems.push(wrong(Some(number), "the first cell is no date like 2025-01-15".into()));
                continue;
            };
            for (currency, cell) in currencies.iter().zip(cells) {
                let Some(currency) = currency else { continue };
                if cell.is_empty() || cell == "N/A" {
                    continue;
                }
                match Amount::read(cell, b'.') {
                    Ok(rate) if rate.mantissa > 0 => {
                        series.entry(*currency).or_default().push((day_from_date(date), rate))
                    }
                    _ => {
                        let fault = format!("`{cell}` is no positive rate for {}", currency.code());
                        problems.push(wrong(Some(number), fault));
                    }
                }
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        for days in series.values_mut() {
            days.sort_by_key(|(day, _)| *day);
        }
        Ok(Rates { series })
    }

    /// Returns the latest rate on or before a day, however old, with its day; the euro's is 1 on every day.
    pub fn on(&self, currency: Currency, day: Day) -> Option<(Day, Amount)> {
        if currency == Currency::EUR {
            return Some((day, crate::amount::ONE));
        }
        let days = self.series.get(&currency)?;
        let after = days.partition_point(|(known, _)| *known <= day);
        after.checked_sub(1).map(|index| days[index])
    }
}

/// The age in days from which a rate is old: the bank publishes one each working day.
pub const OLD_RATE_DAYS: Day = 36;

/// What was missing or old when values were compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pricing {
    /// Whether a comparison failed because a value, currency or rate was missing.
    pub unpriced: bool,
    /// Whether a comparison used a rate at least [`OLD_RATE_DAYS`] days old.
    pub old_rate: bool,
}

/// An amount in a currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Money {
    /// The amount.
    pub amount: Amount,
    /// Its currency.
    pub currency: Currency,
}

impl Money {
    /// Returns whether this is strictly below a limit, converted at the rates of a day; `None` without a rate. It
    /// sets `met.old_rate` if it used an old rate.
    pub fn is_below(&self, limit: &Money, rates: &Rates, day: Day, met: &mut Pricing) -> Option<bool> {
        if self.currency == limit.currency {
            return Some(self.amount.is_below(crate::amount::ONE, limit.amount, crate::amount::ONE));
        }
        // amount * rate(rule) / rate(package) < limit, with the division multiplied out.
        let ((of_own, own), (of_rule, rule)) = (rates.on(self.currency, day)?, rates.on(limit.currency, day)?);
        met.old_rate |= day.saturating_sub(of_own.min(of_rule)) >= OLD_RATE_DAYS;
        Some(self.amount.is_below(rule, limit.amount, own))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str =
        "Date,USD,GBP,XXX,\n2025-01-15,1.0300,0.8430,N/A,\n2025-01-13,1.0200,,N/A,\n2025-01-10,1.0300,0.8380,N/A,\n";

    fn money(text: &str, currency: &str) -> Money {
        Money { amount: Amount::read(text, b'.').unwrap(), currency: Currency::read(currency).unwrap() }
    }

    #[test]
    fn each_currency_keeps_its_own_latest_rate() {
        let rates = Rates::read(FILE).unwrap();
        let on = |code: &str, day: &str| {
            rates.on(Currency::read(code).unwrap(), day_from_date(day.parse().unwrap())).map(|(_, rate)| rate.mantissa)
        };
        assert_eq!(on("GBP", "2025-01-14"), Some(8380));
        assert_eq!(on("USD", "2025-01-14"), Some(10200));
        assert_eq!(on("GBP", "2025-01-09"), None);
        assert_eq!(on("XXX", "2025-01-15"), None);
        assert_eq!(on("EUR", "1990-01-01"), Some(1));
    }

    #[test]
    fn a_limit_converts_without_rounding() {
        let (rates, day) = (Rates::read(FILE).unwrap(), day_from_date("2025-01-15".parse().unwrap()));
        let limit = money("20", "EUR");
        let mut met = Pricing::default();
        let mut below =
            |text: &str, code: &str, rates: &Rates| money(text, code).is_below(&limit, rates, day, &mut met);
        assert_eq!(below("16.86", "GBP", &rates), Some(false));
        assert_eq!(below("16.85", "GBP", &rates), Some(true));
        assert_eq!(below("19.99", "EUR", &Rates::default()), Some(true));
        assert_eq!(below("1", "GBP", &Rates::default()), None);
        assert!(!met.old_rate);
    }

    #[test]
    fn a_rate_of_more_than_five_weeks_before_is_old() {
        let rates = Rates::read(FILE).unwrap();
        let is_old = |currency: &str, limit: &str, day: &str| {
            let mut met = Pricing::default();
            let day = day_from_date(day.parse().unwrap());
            assert!(money("1", currency).is_below(&money("20", limit), &rates, day, &mut met).is_some());
            met.old_rate
        };
        assert!(!is_old("GBP", "EUR", "2025-02-19") && is_old("GBP", "EUR", "2025-02-20"));
        assert!(is_old("EUR", "USD", "2025-02-20") && is_old("GBP", "USD", "2026-01-01"));
        assert!(!is_old("EUR", "EUR", "2026-01-01") && !is_old("GBP", "GBP", "2026-01-01"));
    }

    #[test]
    fn problems_name_their_lines() {
        let problems = Rates::read("Date,USD\n2025-01-15,x\nbad,1\n").unwrap_err();
        assert_eq!(problems.len(), 2);
        assert_eq!(problems.iter().map(|problem| problem.line).collect::<Vec<_>>(), [Some(2), Some(3)]);
        assert!(problems[0].to_string().starts_with("line 2: `x`"), "{}", problems[0]);
        assert!(Rates::read("").is_err() && Rates::read("USD\n").is_err());
    }
}
