//! Amazon's seller performance report: the figure that Amazon shows, from its JSON document.
//!
//! Only the valid tracking rate and the account's status are read, by their names; everything else is skipped, because
//! other parts of the document differ from its published schema. Another kind of file is refused with what it looks
//! like.

use super::window::Window;
use crate::error::{Error, Result};
use serde_json::Value;
use vtr_kernel::calendar::{Day, day_from_date};

/// One marketplace's figure as Amazon reported it.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Amazon's id of the marketplace.
    pub marketplace_id: String,
    /// The days of the report, both ends included.
    pub window: Window,
    /// Eligible packages.
    pub shipments: u64,
    /// Packages with valid tracking.
    pub valid: u64,
    /// The rate as written, such as `0.9561`.
    pub rate: Option<String>,
    /// The status of the rate as written.
    pub status: String,
    /// The target as written, with its condition.
    pub target: String,
    /// Whether the report's counts and rate agree.
    pub soundness: Soundness,
    /// The account's status in this marketplace, if the report has one.
    pub account_status: Option<String>,
}

/// Whether counts and rate of a report agree with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Soundness {
    /// They agree.
    Sound,
    /// More valid packages than packages, or a rate that is not their quotient: shown, never compared.
    Inconsistent,
}

/// The content of a report.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Performance {
    /// The figure of each marketplace that has one.
    pub figures: Vec<Figure>,
    /// Sentences about marketplaces without a figure.
    pub notes: Vec<String>,
}

/// Reads a report.
///
/// # Errors
/// [`Error::Input`] if the text is no such report; `shown` names the file.
pub fn read(text: &[u8], shown: &str) -> Result<Performance> {
    let refused = |why: String| Error::Input(format!("{shown} is no seller performance report: {why}"));
    let document: Value = serde_json::from_slice(text).map_err(|error| match looks_like(text) {
        Some(what) => refused(format!("it looks like {what}")),
        None => refused(format!("it is no JSON document ({error})")),
    })?;
    let Some(metrics) = document.get("performanceMetrics").and_then(Value::as_array) else {
        return Err(refused("it has no `performanceMetrics`; ask for GET_V2_SELLER_PERFORMANCE_REPORT".into()));
    };
    let statuses = document.get("accountStatuses").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let mut performance = Performance::default();
    for metric in metrics {
        let Some(id) = metric.get("marketplaceId").and_then(Value::as_str) else {
            performance.notes.push(format!("{shown}: an element without `marketplaceId` has no figure"));
            continue;
        };
        let Some(rate) = metric.get("validTrackingRate") else {
            performance.notes.push(format!("{shown}: {id} has no valid tracking rate"));
            continue;
        };
        let mut figure = figure(id, rate).map_err(|why| refused(format!("{id}: {why}")))?;
        if figure.status == "NONE" && figure.shipments == 0 {
            performance.notes.push(format!("{shown}: {id} has no figure: status NONE and no shipments"));
            continue;
        }
        let of_account = statuses.iter().find(|status| text_of(status, "marketplaceId") == Some(id));
        figure.account_status = of_account.and_then(|status| text_of(status, "status")).map(str::to_owned);
        performance.figures.push(figure);
    }
    Ok(performance)
}

fn text_of<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key).and_then(Value::as_str)
}

fn figure(id: &str, rate: &Value) -> std::result::Result<Figure, String> {
    let range = rate.get("reportingDateRange").ok_or("it has no `reportingDateRange`")?;
    let day = |key: &str| {
        let text = text_of(range, key).ok_or_else(|| format!("`reportingDateRange` has no `{key}`"))?;
        day_of(text).ok_or_else(|| format!("`{key}` is `{}`, which is no date", vtr_kernel::text::shown(text)))
    };
    let count = |key: &str| rate.get(key).and_then(Value::as_u64).ok_or_else(|| format!("it has no whole `{key}`"));
    let (from, to) = (day("reportingDateFrom")?, day("reportingDateTo")?);
    if from > to {
        return Err("its days end before they begin".into());
    }
    let (shipments, valid) = (count("shipmentCount")?, count("validTrackingCount")?);
    let written = rate.get("rate").filter(|value| value.is_number()).map(Value::to_string);
    let target = rate.get("targetValue").filter(|value| value.is_number()).map(Value::to_string).unwrap_or_default();
    let condition = text_of(rate, "targetCondition").unwrap_or_default().to_lowercase().replace('_', " ");
    let agrees = written.as_deref().is_none_or(|written| is_quotient(written, valid, shipments));
    let soundness = if valid > shipments || !agrees { Soundness::Inconsistent } else { Soundness::Sound };
    Ok(Figure {
        marketplace_id: id.to_owned(),
        window: Window { from, to },
        shipments,
        valid,
        rate: written,
        status: text_of(rate, "status").unwrap_or_default().to_owned(),
        target: format!("{condition} {target}").trim().to_owned(),
        soundness,
        account_status: None,
    })
}

/// The UTC day of `2020-10-21T00:00Z`, with or without seconds.
fn day_of(text: &str) -> Option<Day> {
    let date = text.get(..10)?.parse().ok()?;
    let rest = &text[10..];
    let is_utc = rest.is_empty() || rest.starts_with('T') && rest.ends_with(['Z', 'z']);
    is_utc.then(|| day_from_date(date))
}

/// A decimal with more digits is a printed binary double, whose last digits depend on the program that printed it.
const WRITTEN_DIGITS: u8 = 12;

/// Whether a decimal equals `valid / shipments` within half a unit of its last written digit, in exact integers.
fn is_quotient(written: &str, valid: u64, shipments: u64) -> bool {
    let Ok(mut rate) = vtr_kernel::amount::Amount::read(written, b'.') else { return true };
    if shipments == 0 {
        return rate.mantissa == 0;
    }
    let (valid, shipments) = (i128::from(valid), i128::from(shipments));
    // |rate - valid / shipments| <= 1 / (2 * scale); a whole unit if digits of a double were cut.
    let mut bound = shipments;
    while rate.scale > WRITTEN_DIGITS {
        (rate.mantissa, rate.scale, bound) = (rate.mantissa / 10, rate.scale - 1, 2 * shipments);
    }
    let Some(scale) = 10i128.checked_pow(u32::from(rate.scale)) else { return true };
    match (rate.mantissa.checked_mul(2 * shipments), valid.checked_mul(2 * scale)) {
        (Some(said), Some(exact)) => (said - exact).abs() <= bound,
        _ => true,
    }
}

/// Names the kind of a text that is no such report, if its beginning tells.
pub fn looks_like(text: &[u8]) -> Option<&'static str> {
    let head: Vec<u8> = text.iter().copied().skip_while(u8::is_ascii_whitespace).take(16).collect();
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&head).to_ascii_lowercase();
    match head.as_slice() {
        head if head.starts_with(b"<!doctype html") || head.starts_with(b"<html") => {
            Some("an HTML page, such as a login page; download the report again")
        }
        head if head.starts_with(b"<?xml") || head.starts_with(b"<error") => {
            Some("an XML document, such as an error of the file store; its link may have run out")
        }
        head if head.starts_with(b"pk\x03\x04") => Some("an Excel workbook; save it as CSV"),
        head if head.starts_with(b"%pdf") => Some("a PDF document"),
        [] => Some("an empty file"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(shipments: u64, valid: u64, rate: &str) -> String {
        format!(
            r#"{{"accountStatuses":[{{"marketplaceId":"A1PA6795UKMFR9","status":"AT_RISK"}}],"performanceMetrics":[
            {{"marketplaceId":"A1PA6795UKMFR9","orderDefectRate":7,"validTrackingRate":{{"reportingDateRange":
            {{"reportingDateFrom":"2026-10-12T00:00Z","reportingDateTo":"2026-11-10T23:59Z"}},"shipmentCount":{shipments},
            "validTrackingCount":{valid},"status":"BAD","rate":{rate},"targetValue":0.95,"targetCondition":"GREATER_THAN"}}}},
            {{"marketplaceId":"APJ6JRA9NG5V4"}}]}}"#
        )
    }

    #[test]
    fn a_figure_is_read_and_a_marketplace_without_one_is_noted() {
        let performance = read(report(4_812, 4_601, "0.9562").as_bytes(), "a.json").unwrap();
        let figure = &performance.figures[0];
        assert_eq!((figure.shipments, figure.valid, figure.soundness), (4_812, 4_601, Soundness::Sound));
        assert_eq!(figure.window.to - figure.window.from, 29);
        assert_eq!(figure.account_status.as_deref(), Some("AT_RISK"));
        assert_eq!(performance.notes.len(), 1);
    }

    #[test]
    fn impossible_counts_and_rates_are_inconsistent() {
        let soundness = |text: String| read(text.as_bytes(), "a.json").unwrap().figures[0].soundness;
        assert_eq!(soundness(report(10, 11, "1.1")), Soundness::Inconsistent);
        assert_eq!(soundness(report(3, 2, "0.67")), Soundness::Sound);
        assert_eq!(soundness(report(3, 2, "0.66")), Soundness::Inconsistent);
        assert_eq!(soundness(report(3, 2, "0.6667")), Soundness::Sound);
        assert_eq!(soundness(report(110, 100, "0.9090909090909091")), Soundness::Sound);
        assert_eq!(soundness(report(110, 100, "0.9090909191090909")), Soundness::Inconsistent);
    }

    #[test]
    fn what_is_no_report_is_refused_with_what_it_looks_like() {
        for (text, word) in [
            (&b"<!DOCTYPE html><html>"[..], "HTML"),
            (b"<?xml version='1.0'?><Error>", "XML"),
            (b"PK\x03\x04\x14\x00", "Excel"),
            (b"{\"orders\": []}", "performanceMetrics"),
            (b"a,b\n1,2\n", "no JSON"),
            (b"", "empty"),
        ] {
            let refused = read(text, "a.json").unwrap_err().to_string();
            assert!(refused.contains(word) && refused.contains("a.json"), "{refused}");
        }
    }
}
