//! The words and numbers of pages and lists: days, weeks, rates, points, reasons and carriers by their names.
//!
//! Rates are truncated, never rounded, and come from whole packages. It knows no table and no markup. Nothing in it
//! fails: ids without a name are shown as published.

use chrono::{Datelike, NaiveDate};
use std::collections::{HashMap, HashSet};
use vtr_kernel::Book;
use vtr_kernel::calendar::{Day, date_from_day};
use vtr_kernel::policy::{Per, ProgrammeId};
use vtr_kernel::tally::{Tally, Target, TargetKind};

/// The narrow space before a percent sign.
pub const THIN: char = '\u{202f}';
/// The sign for a missing value.
pub const NONE: &str = "–";

/// The window of a marketplace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its length in days.
    pub days: i32,
    /// The days until it is final.
    pub latency: i32,
}

/// The names of marketplaces and carriers, and the windows of marketplaces.
#[derive(Clone, Debug, Default)]
pub struct Names {
    markets: HashMap<String, String>,
    carriers: HashMap<String, String>,
    windows: HashMap<String, Window>,
    /// The marketplaces and programmes that suspend a whole account, not a category of it.
    of_account: HashSet<(String, String)>,
}

impl Names {
    /// The names in a book.
    pub fn of(book: &Book) -> Names {
        Names {
            markets: book.markets().map(|(_, market)| (market.name.clone(), market.title.clone())).collect(),
            windows: book
                .markets()
                .map(|(_, market)| {
                    let window = Window { days: market.window_days.max(1), latency: market.latency_days };
                    (market.name.clone(), window)
                })
                .collect(),
            carriers: book.carriers.iter().map(|(_, entry)| (entry.id.clone(), entry.name.clone())).collect(),
            of_account: HashSet::new(),
        }
    }

    /// Takes over from a book what marketplaces suspend by the figures as of a day.
    pub fn see_suspensions(&mut self, book: &Book, as_of: Day) {
        for (_, market) in book.markets() {
            let (_, end) = self.window(&market.name, as_of);
            let Some(version) = market.version(end) else { continue };
            let programmes = (0..book.programme_count()).map(|index| ProgrammeId(index as u16));
            let of_account = programmes.filter(|id| {
                let per = version.programme(*id, end).map_or(version.per, |programme| programme.per);
                per == Per::Account
            });
            let names = of_account.map(|id| (market.name.clone(), book.programme(id).to_owned()));
            self.of_account.extend(names);
        }
    }

    /// Whether a marketplace suspends single categories of the accounts of a programme.
    pub fn suspends_categories(&self, market: &str, programme: &str) -> bool {
        !self.of_account.contains(&(market.to_owned(), programme.to_owned()))
    }

    /// Takes other marketplaces with their names and windows.
    pub fn replace_markets(&mut self, markets: Vec<(String, String)>, windows: Vec<(String, Window)>) {
        (self.markets, self.windows) = (markets.into_iter().collect(), windows.into_iter().collect());
    }

    /// Takes other carriers with their names.
    pub fn replace_carriers(&mut self, carriers: Vec<(String, String)>) {
        self.carriers = carriers.into_iter().collect();
    }

    /// Whether a marketplace is known by its name in the tables.
    pub fn has_market(&self, name: &str) -> bool {
        self.markets.contains_key(name)
    }

    /// Whether a carrier is known by its id in the tables.
    pub fn has_carrier(&self, id: &str) -> bool {
        self.carriers.contains_key(id)
    }

    /// The marketplaces, as named in the tables and for people.
    pub fn markets(&self) -> impl Iterator<Item = (&str, &str)> {
        self.markets.iter().map(|(name, title)| (name.as_str(), title.as_str()))
    }

    /// The carriers, by id and name.
    pub fn carriers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.carriers.iter().map(|(id, name)| (id.as_str(), name.as_str()))
    }

    /// The days until a marketplace's figures are final; `None` for one without windows.
    pub fn latency(&self, market: &str) -> Option<i32> {
        self.windows.get(market).map(|window| window.latency)
    }

    /// A marketplace by its name in the tables.
    pub fn market<'a>(&'a self, name: &'a str) -> &'a str {
        self.markets.get(name).map_or(name, String::as_str)
    }

    /// A carrier by its id in the tables.
    pub fn carrier<'a>(&'a self, id: &'a str) -> &'a str {
        match id {
            "other" => "Unknown carrier",
            "(none)" | "" => "No carrier",
            id => self.carriers.get(id).map_or(id, String::as_str),
        }
    }

    /// First and last day of a marketplace's last final window.
    pub fn window(&self, market: &str, as_of: Day) -> (Day, Day) {
        let Window { days, latency } = self.windows.get(market).copied().unwrap_or(Window { days: 30, latency: 14 });
        let end = as_of - latency - 1;
        (end - days + 1, end)
    }

    /// The most days of a marketplace's window.
    pub fn longest_window(&self) -> i32 {
        self.windows.values().map(|window| window.days).max().unwrap_or(30)
    }

    /// The most days until a marketplace's figures are final.
    pub fn longest_latency(&self) -> i32 {
        self.windows.values().map(|window| window.latency).max().unwrap_or(14)
    }
}

/// A defect reason in three or four words, for headings and tables.
pub fn reason(name: &str) -> String {
    let short = match name {
        "tracking_missing" => "No tracking number",
        "tracking_placeholder" => "Filler instead of a number",
        "carrier_missing" => "Number without a carrier",
        "carrier_not_accepted" => "Carrier not accepted",
        "number_refused" => "Number refused",
        "carrier_mismatch" => "Number of another carrier",
        "added_after_delivery" => "Number given after delivery",
        "number_malformed" => "Malformed number",
        "check_digit_failed" => "Mistyped number",
        "delivery_scan_missing" => "One of two scans missing",
        "scan_missing" => "Never scanned",
        "not_on_marketplace" => "Not sold on a marketplace",
        "fulfilled_by_marketplace" => "Shipped by Amazon",
        "canceled" => "Canceled",
        "no_policy" => "No rule in force",
        "lane_not_measured" => "Lane not measured",
        "carrier_not_measured" => "Carrier not measured",
        "exempt" => "Exempt",
        other => return other.replace('_', " "),
    };
    short.to_owned()
}

/// A defect reason within a sentence.
pub fn reason_inline(name: &str) -> String {
    let text = reason(name);
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_lowercase().chain(letters).collect())
}

/// A count with commas.
pub fn number(count: i64) -> String {
    let digits = count.unsigned_abs().to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if count < 0 { format!("\u{2212}{text}") } else { text }
}

/// A count and its noun: `1 package`, `2 packages`.
pub fn plural(count: i64, one: &str) -> String {
    format!("{} {one}{}", number(count), if count == 1 { "" } else { "s" })
}

/// Whether the promised day of packages that are not scanned is over, if it is not known of some of them.
pub fn promise(unpromised: i64, packages: i64) -> String {
    match unpromised {
        0 => "promised day over".to_owned(),
        all if all == packages => {
            "no promised day known: those of the last days may only be waiting for a scan".to_owned()
        }
        some => format!("promised day over, or of {} not known", number(some)),
    }
}

/// What the correction of packages without a promised day may be worth; there is at least one.
pub fn delivered(unpromised: i64, packages: i64) -> String {
    let whose = if unpromised == packages {
        "no promised day known".to_owned()
    } else {
        format!("no promised day known of {}", number(unpromised))
    };
    format!("{whose}: those shipped weeks ago are surely delivered, and correcting them does not count")
}

/// A share of whole packages in percent, truncated to two decimals: `94.99`.
pub fn cut(part: u64, whole: u64) -> String {
    let cut = u128::from(part) * 10_000 / u128::from(whole.max(1));
    format!("{}.{:02}", cut / 100, cut % 100)
}

/// A rate: `94.99 %`, or an en dash without packages.
pub fn rate(tally: Tally) -> String {
    if tally.eligible == 0 { NONE.into() } else { format!("{}{THIN}%", cut(tally.valid, tally.eligible)) }
}

/// A double as percent, truncated to `decimals`.
pub fn percent(share: f64, decimals: i32) -> String {
    let scale = 10f64.powi(decimals + 2);
    format!("{:.*}", decimals as usize, (share * scale + 1e-9).floor() / scale * 100.0)
}

/// The weight of some packages of an account, in points of its rate: `+15.05`.
pub fn points(packages: u64, eligible: u64) -> String {
    if eligible == 0 { NONE.into() } else { format!("+{}", cut(packages, eligible)) }
}

/// A difference of two rates in points, with its sign.
pub fn difference(share: f64) -> String {
    let hundredths = (share * 10_000.0).round();
    let sign = if hundredths > 0.0 {
        "+"
    } else if hundredths < 0.0 {
        "\u{2212}"
    } else {
        ""
    };
    format!("{sign}{:.2}", hundredths.abs() / 100.0)
}

/// A day: `29 Apr`, with its year if that is not the year of `as_of`.
pub fn day(day: Day, as_of: Day) -> String {
    let (date, now) = (date_from_day(day), date_from_day(as_of));
    let short = format!("{} {}", date.day(), date.format("%b"));
    if date.year() == now.year() { short } else { format!("{short} {}", date.year()) }
}

/// A day with its weekday: `Tue 29 Apr`.
pub fn weekday(of: Day, as_of: Day) -> String {
    format!("{} {}", date_from_day(of).format("%a"), day(of, as_of))
}

/// The distance of a day: `today`, `tomorrow`, `in 4 days`, `6 days ago`.
pub fn distance(day: Day, as_of: Day) -> String {
    match day - as_of {
        0 => "today".into(),
        1 => "tomorrow".into(),
        -1 => "yesterday".into(),
        days if days > 0 => format!("in {days} days"),
        days => format!("{} days ago", -days),
    }
}

/// A week by its Monday: `W16`.
pub fn week(monday: Day) -> String {
    format!("W{:02}", date_from_day(monday).iso_week().week())
}

/// A day as a date: `2025-04-28`.
pub fn date(day: Day) -> NaiveDate {
    date_from_day(day)
}

/// A target in a sentence: `95 %`, `more than 95 %`.
pub fn target(target: Target) -> String {
    let share = share(target.share());
    match target.kind {
        TargetKind::AtLeast => share,
        TargetKind::MoreThan => format!("more than {share}"),
    }
}

/// A target in a column: `95 %`, `> 95 %`.
pub fn target_short(target: Target) -> String {
    let share = share(target.share());
    match target.kind {
        TargetKind::AtLeast => share,
        TargetKind::MoreThan => format!(">{THIN}{share}"),
    }
}

fn share(share: f64) -> String {
    // Targets have few decimals; multiplying the double must not add any.
    format!("{}{THIN}%", (share * 1e9).round() / 1e7)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_cut_grouped_and_signed() {
        assert_eq!(rate(Tally { valid: 94_996, eligible: 100_000 }), "94.99\u{202f}%");
        assert_eq!(rate(Tally::default()), "–");
        assert_eq!(
            (number(1_234_567), number(999), number(-1_000)),
            ("1,234,567".into(), "999".into(), "\u{2212}1,000".into())
        );
        assert_eq!(
            (difference(0.0339), difference(-0.069), difference(0.0)),
            ("+3.39".into(), "\u{2212}6.90".into(), "0.00".into())
        );
        assert_eq!(points(14, 93), "+15.05");
        assert_eq!(percent(0.7069, 0), "70");
        assert_eq!(percent(0.95, 2), "95.00");
    }

    #[test]
    fn days_have_a_year_only_where_it_is_not_the_readers() {
        let as_of = 20_206; // 2025-04-28, a Monday
        assert_eq!(weekday(as_of + 1, as_of), "Tue 29 Apr");
        assert_eq!(day(as_of - 200, as_of), "10 Oct 2024");
        assert_eq!(distance(as_of + 1, as_of), "tomorrow");
        assert_eq!(distance(as_of - 6, as_of), "6 days ago");
        assert_eq!(week(as_of), "W18");
    }
}
