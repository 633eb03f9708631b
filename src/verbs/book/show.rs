//! The rules in force as a text for people.
//!
//! It shows the content of the loaded book in the order of the ladder; it judges nothing and cannot fail.

use std::fmt::Write;
use vtr_kernel::Book;
use vtr_kernel::calendar::{Day, date_from_day};
use vtr_kernel::carrier::CarrierSet;
use vtr_kernel::lane::{CarrierRule, Condition, Country, CountrySet, Known, Lane, Limit, Otherwise, Scans};
use vtr_kernel::money::Money;
use vtr_kernel::policy::{Confidence, Market, Per, ProgrammeId, SelectedBy, Version};
use vtr_kernel::tally::Target;

/// All marketplaces, one per line.
pub fn overview(book: &Book, day: Day) -> String {
    let mut text = format!("in force on {}\n", date_from_day(day));
    for (_, market) in book.markets() {
        let rule = match market.version(day) {
            Some(version) => {
                let lanes =
                    if version.lanes.len() == 1 { "1 lane".into() } else { format!("{} lanes", version.lanes.len()) };
                format!("{}, {}, {lanes}", book.rule(version.id), target(version.target))
            }
            None => "no rule: not measured".into(),
        };
        let _ = writeln!(text, "{:<4} {:<20} {rule}", market.name, market.title);
    }
    text
}

/// One marketplace.
pub fn market(book: &Book, market: &Market, day: Day) -> String {
    let clock = match market.selected_by {
        SelectedBy::PromisedDelivery => "the promised delivery",
        SelectedBy::Shipped => "the shipment's confirmation",
    };
    let mut text = format!(
        "{} ({}), on {}\n  days by {clock} in {}, values in {}\n  window of {} days, final after {} days\n",
        market.title,
        market.name,
        date_from_day(day),
        market.zone.name(),
        market.currency.code(),
        market.window_days,
        market.latency_days,
    );
    text += &said(&market.note, "  ");
    match market.version(day) {
        Some(version) => text += &of_version(book, version, day),
        None => text += "\nno version is in force: packages of this day end as no_policy\n",
    }
    if !market.versions.is_empty() {
        text += "\nall versions:\n";
    }
    for version in &market.versions {
        let mark = if version.in_force(day) { '*' } else { ' ' };
        let _ = writeln!(text, "{mark} {:<24} {}", book.rule(version.id), span(version));
    }
    text
}

/// A note of the book's file, line by line behind a mark.
fn said(note: &[String], indent: &str) -> String {
    note.iter().fold(String::new(), |mut text, line| {
        let _ = writeln!(text, "{indent}| {line}");
        text
    })
}

/// The confidence of an entry, if it differs from that of the entry above.
fn unlike(own: Confidence, above: Confidence) -> String {
    if own == above { String::new() } else { format!(" ({})", confidence(own)) }
}

pub(super) fn confidence(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::Confirmed => "confirmed",
        Confidence::SingleSource => "one source",
        Confidence::Unsure => "unsure",
    }
}

fn of_version(book: &Book, version: &Version, day: Day) -> String {
    let mut text = format!("\nversion {}, {}\n", book.rule(version.id), span(version));
    text += &said(&version.note, "  ");
    let _ = writeln!(text, "  target: {}, by {}", target(version.target), per(version.per));
    for programme in version.programmes.iter().filter(|programme| programme.in_force(day)) {
        let _ = writeln!(
            text,
            "  programme {}: {}, by {}",
            book.programme(programme.id),
            target(programme.target),
            per(programme.per)
        );
        text += &said(&programme.note, "    ");
    }
    if let Some(only) = &version.only {
        let names: Vec<&str> = only.iter().map(|id| book.programme(*id)).collect();
        let _ = writeln!(text, "  only these programmes are judged: {}; all else is no_policy", names.join(", "));
    }
    let _ = writeln!(text, "  carriers: {}", carriers(book, &version.carriers));
    for lane in version.lanes.iter() {
        text += &of_lane(book, lane, version.confidence);
    }
    let _ = writeln!(text, "\n  {}, checked on {}", confidence(version.confidence), version.checked_on);
    for source in &version.sources {
        let _ = writeln!(text, "    {}\n      {}", source.title, source.url);
    }
    text
}

fn of_lane(book: &Book, lane: &Lane, of_version: Confidence) -> String {
    let mut text = format!(
        "\n  lane {}: {} -> {}, {}{}\n",
        book.rule(lane.id),
        countries(&lane.from),
        countries(&lane.to),
        scans(&lane.scans),
        unlike(lane.confidence, of_version)
    );
    text += &said(&lane.note, "    ");
    if let Some(programme) = lane.programme.filter(|programme| *programme != ProgrammeId::STANDARD) {
        let _ = writeln!(text, "    judged in the programme {}", book.programme(programme));
    }
    if let Some(rule) = &lane.carriers {
        let _ = writeln!(text, "    carriers: {}", carriers(book, rule));
    }
    for exemption in &lane.exempt {
        let sure = unlike(exemption.confidence, lane.confidence);
        let _ = writeln!(text, "    exempt {}: {}{sure}", book.rule(exemption.id), condition(book, exemption));
        text += &said(&exemption.note, "      ");
    }
    for refusal in &lane.refuse {
        let sure = unlike(refusal.confidence, lane.confidence);
        let _ = writeln!(text, "    refused {}: {}{sure}", book.rule(refusal.id), condition(book, refusal));
        text += &said(&refusal.note, "      ");
    }
    text
}

pub(super) fn span(version: &Version) -> String {
    match (version.from, version.until) {
        (None, None) => "always in force".into(),
        (Some(from), None) => format!("from {}", date_from_day(from)),
        (None, Some(until)) => format!("until {} (that day no more)", date_from_day(until)),
        (Some(from), Some(until)) => {
            format!("from {} until {} (that day no more)", date_from_day(from), date_from_day(until))
        }
    }
}

pub(super) fn target(target: Target) -> String {
    // The share has at most nine decimals, so the shortest form of the double is the number in the file.
    let percent = (target.share() * 1e9).round() / 1e7;
    format!("{} {percent} %", target.kind.name().replace('_', " "))
}

pub(super) fn per(per: Per) -> &'static str {
    match per {
        Per::Category => "category",
        Per::Account => "account",
    }
}

pub(super) fn carriers(book: &Book, rule: &CarrierRule) -> String {
    match rule {
        CarrierRule::Any => "any".into(),
        CarrierRule::Integrated(set, otherwise, known) => {
            let others = match otherwise {
                Otherwise::NotMeasured => "packages of others are left out",
                Otherwise::NotAccepted => "packages of others are defects",
            };
            let others = match known {
                Known::Complete => others,
                Known::Partial => "the list is known in part, so packages of others are judged on, with a doubt",
            };
            format!("{}; {others}", ids(book, set))
        }
    }
}

fn ids(book: &Book, set: &CarrierSet) -> String {
    set.ids().map(|id| book.carriers.entry(id).id.as_str()).collect::<Vec<_>>().join(", ")
}

pub(super) fn scans(scans: &Scans) -> String {
    let count = |count: u8| if count == 1 { "1 scan".to_owned() } else { format!("{count} scans") };
    match scans {
        Scans::Always(number) => count(*number),
        Scans::Split { below, then, otherwise } => {
            format!("{} below {}, else {}", count(*then), money(below), count(*otherwise))
        }
    }
}

fn money(money: &Money) -> String {
    let digits = money.amount.mantissa.unsigned_abs().to_string();
    let scale = usize::from(money.amount.scale);
    let padded = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = padded.split_at(padded.len() - scale);
    let point = if scale > 0 { "." } else { "" };
    let sign = if money.amount.mantissa < 0 { "-" } else { "" };
    format!("{sign}{whole}{point}{fraction} {}", money.currency.code())
}

/// Countries as text: a few by name, most as all but a few, all as a star.
pub(super) fn countries(set: &CountrySet) -> String {
    if set.contains(Country::UNKNOWN) {
        return "any country".into();
    }
    let codes =
        || (b'A'..=b'Z').flat_map(|a| (b'A'..=b'Z').map(move |b| [a, b].map(char::from).iter().collect::<String>()));
    // `UK` is read as `GB` and would be listed twice.
    let known: Vec<String> = codes().filter(|code| code != "UK").collect();
    let (inside, outside): (Vec<&String>, Vec<&String>) =
        known.iter().partition(|code| set.contains(Country::read(code)));
    let list = |codes: &[&String]| codes.iter().map(|code| code.as_str()).collect::<Vec<_>>().join(" ");
    if outside.is_empty() {
        "any known country".into()
    } else if inside.len() > outside.len() {
        format!("all but {}", list(&outside))
    } else {
        list(&inside)
    }
}

pub(super) fn condition(book: &Book, condition: &Condition) -> String {
    let mut parts = Vec::new();
    if let Some(set) = &condition.carriers {
        parts.push(format!("carrier {}", ids(book, set).replace(", ", " or ")));
    }
    if let Some(bits) = condition.services {
        let names = book.services.names().enumerate().filter(|(index, _)| bits >> index & 1 == 1).map(|(_, name)| name);
        parts.push(format!("service {}", names.collect::<Vec<_>>().join(" or ")));
    }
    match condition.buy_shipping {
        Some(true) => parts.push("label bought through the marketplace".into()),
        Some(false) => parts.push("label not bought through the marketplace".into()),
        None => {}
    }
    match &condition.value {
        Some(Limit::Below(limit)) => parts.push(format!("value below {}", money(limit))),
        Some(Limit::AtMost(limit)) => parts.push(format!("value at most {}", money(limit))),
        None => {}
    }
    if let Some(days) = &condition.shipped {
        let date = |day: Day| date_from_day(day).to_string();
        parts.extend(days.from.map(|day| format!("shipped on {} or later", date(day))));
        parts.extend(days.before.map(|day| format!("shipped before {}", date(day))));
    }
    match condition.integrated {
        Some(true) => parts.push("carrier integrated".into()),
        Some(false) => parts.push("carrier not integrated".into()),
        None => {}
    }
    if let Some(ending) = &condition.number_not_ending {
        parts.push(format!("number not ending in {ending}"));
    }
    if condition.carrier_script_han {
        parts.push("carrier typed in Chinese characters".into());
    }
    if parts.is_empty() { "always".into() } else { parts.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::shelf;
    use vtr_kernel::calendar::day_from_date;

    #[test]
    fn what_is_in_force_is_told() {
        let book = shelf::book(&[]).unwrap();
        let id = crate::verbs::book::marketplace(&book, "amazon.co.uk").unwrap();
        let on = |date: &str| market(&book, book.market(id), day_from_date(date.parse().unwrap()));
        let text = on("2025-02-01");
        for part in [
            "Amazon.co.uk (GB), on 2025-02-01",
            "target: at least 95 %, by category",
            "  | All carriers count, and so do cross-border shipments in both directions.",
            "  confirmed, checked on",
            "carriers: any",
            "* gb-2025-01-15",
            "exempt gb-",
        ] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
        assert!(on("2015-01-01").contains("no_policy"));
        assert!(overview(&book, 20_000).lines().count() > 10);
    }

    #[test]
    fn countries_and_money_read_as_written() {
        let mut set = CountrySet::every_code();
        set.remove(Country::read("AE"));
        assert_eq!(countries(&set), "all but AE");
        assert_eq!(countries(&CountrySet::ALL), "any country");
        let mut few = CountrySet::NONE;
        ["UK", "DE"].into_iter().for_each(|code| few.insert(Country::read(code)));
        assert_eq!(countries(&few), "DE GB");
        let amount = |text: &str| Money {
            amount: vtr_kernel::amount::Amount::read(text, b'.').unwrap(),
            currency: vtr_kernel::money::Currency::EUR,
        };
        assert_eq!(
            [money(&amount("20")), money(&amount("0.05")), money(&amount("12.50"))],
            ["20 EUR", "0.05 EUR", "12.50 EUR"]
        );
    }
}
