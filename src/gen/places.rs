//! Places: the routes of packages, the clocks of zones, and the worth of money there.
//!
//! These are facts of geography, read from the time zone database as far as it has them; no rule is known here. It
//! fails on a time zone that does not exist.

use super::labels::{Labels, NULL};
use super::world::{Day, Route, RouteKind, SECOND, date};
use crate::error::{GenError, Result};
use chrono::TimeZone;

/// Returns about how many hundredths of the currency a euro buys.
pub(super) fn cents_per_euro(currency: &str) -> i64 {
    match currency {
        "JPY" => 16_000,
        "INR" => 9_000,
        "MXN" => 2_000,
        "TRY" => 3_500,
        "SEK" => 1_100,
        "EGP" => 5_000,
        "ZAR" => 2_000,
        "BRL" => 600,
        "PLN" | "AED" | "SAR" => 400,
        _ => 100,
    }
}

/// Returns the routes from and to a marketplace; its own country is the first at both ends.
pub(super) fn routes(market: &str, countries: &mut Labels) -> Vec<Route> {
    let spell = |country: &str, countries: &mut Labels| match country {
        "GB" => vec![countries.key("GB"), countries.key("UK"), countries.key("GB")],
        "DE" => vec![countries.key("DE"), countries.key("DE"), countries.key("de")],
        other => vec![countries.key(other)],
    };
    let mut home = vec![NULL, NULL];
    home.extend(spell(market, countries));
    let mut routes = vec![Route { from: home.clone(), to: home.clone(), kind: RouteKind::Home }];
    let mut add = |from: Option<&str>, to: Option<&str>, kind: RouteKind| {
        let mut side = |country: Option<&str>| country.map_or(home.clone(), |country| spell(country, countries));
        routes.push(Route { from: side(from), to: side(to), kind });
    };
    for other in ["GB", "DE", "FR", "IT", "ES", "NL"].into_iter().filter(|other| *other != market) {
        if ["GB", "DE", "FR", "IT", "ES", "NL", "BE", "PL", "SE", "IE"].contains(&market) {
            add(None, Some(other), RouteKind::Near);
            add(Some(other), None, RouteKind::Near);
        }
    }
    for (from, to) in [("US", "CA"), ("CA", "US"), ("US", "MX")] {
        if market == from {
            add(None, Some(to), RouteKind::Near);
        }
        if market == to {
            add(Some(from), None, RouteKind::Near);
        }
    }
    if market != "CN" {
        add(Some("CN"), None, RouteKind::China);
    }
    for other in ["US", "IN", "CH", "KR"].into_iter().filter(|other| *other != market) {
        add(Some(other), None, RouteKind::Far);
        add(None, Some(other), RouteKind::Far);
    }
    routes
}

/// Returns the UTC instants at which the days of a zone begin, from the database.
pub(super) fn midnights(zone: &str, from: Day, to: Day) -> Result<Vec<i64>> {
    let unknown = |_| GenError::Usage(format!("the book names the time zone `{zone}`, which the database lacks"));
    let zone: chrono_tz::Tz = zone.parse().map_err(unknown)?;
    let begins = |day: Day| {
        let date = date(day);
        // A day that would begin in a gap begins when the gap ends.
        let first = (0..180).find_map(|minute| {
            let local = date.and_hms_opt(minute / 60, minute % 60, 0)?;
            zone.from_local_datetime(&local).earliest()
        });
        first.map_or(i64::from(day) * 86_400, |first| first.timestamp()) * SECOND
    };
    Ok((from..=to).map(begins).collect())
}
