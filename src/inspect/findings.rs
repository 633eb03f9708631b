//! The faults of a column for the column that it is mapped to, and the columns that a file lacks.
//!
//! Each finding counts values and never shows one. Values that a run would reject, or read with another meaning, are
//! named here with the declaration that helps. It cannot fail.

use super::profile::Profile;
use super::{Finding, Mapping};
use crate::scan::known::key;
use crate::scan::sampled::{OTHER_CHANNELS, are_of_several_channels};
use crate::scan::{damage, midnight, repeated};
use vtr_columnar::asides::Aside;
use vtr_columnar::input::{Column, Kind};
use vtr_kernel::countries;
use vtr_kernel::lane::Country;

/// Rows from which on a column that is almost empty is reported.
const ROWS: u64 = 10;

/// Returns the objections to a column as the one that it is mapped to; its name is shown as given.
pub(super) fn of_column(column: Column, name: &str, profile: &Profile) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add = |kind, count, says| findings.push(Finding { kind, count, says, first: Vec::new() });
    let (values, rows) = (profile.values, profile.values + profile.nulls);
    if profile.damaged > 0 && damage::IDENTIFIERS.contains(&column) {
        add("spreadsheet_damage", profile.damaged, damage::sentence(name, profile.damaged));
    }
    if profile.is_almost_empty() && rows >= ROWS {
        let says = format!("`{name}`, taken for `{}`, is empty in {} of {rows} rows", column.name(), profile.nulls);
        add("almost_empty", profile.nulls, says);
    }
    let unreadable = profile.unreadable;
    if column.kind() == Kind::Time && unreadable.times > 0 {
        let says = format!(
            "{} of {values} values of `{name}`, taken for `{}`, are no times as they stand; {}",
            unreadable.times,
            column.name(),
            remedy_of_times(profile)
        );
        add("unreadable_time", unreadable.times, says);
    }
    if column.kind() == Kind::Time && profile.is_at_midnight() {
        add("midnight", profile.midnights, midnight::sentence(column.name(), "this file"));
    }
    let is_one = profile.distinct.count() == (1, true) && values >= repeated::LEAST;
    if is_one && repeated::COLUMNS.contains(&column) && (column.kind() != Kind::Time || profile.other_times > 0) {
        add("one_value", values, repeated::sentence(column, values, "this file"));
    }
    if column.kind() == Kind::Amount && unreadable.amounts > 0 {
        let remedy = if profile.has_decimal_comma() {
            "all of them have a decimal comma: declare decimal = \",\""
        } else if profile.has_open_comma() {
            "a comma there is a decimal mark or one of thousands (1,234): declare decimal = \",\" if it is the first, else export \
             them without thousands marks"
        } else {
            "a run rejects each; export them as plain numbers such as 12.50"
        };
        let says =
            format!("{} of {values} values of `{name}` are no amounts as they stand; {remedy}", unreadable.amounts);
        add("unreadable_amount", unreadable.amounts, says);
    }
    for (aside, count) in set_aside(column, profile) {
        let entry = aside.entry();
        add(
            entry.name,
            count,
            format!("{count} of {values} values of `{name}` {}; {}", entry.told(count), entry.remedy),
        );
    }
    if matches!(column, Column::ShipFromCountry | Column::ShipToCountry) {
        let states = countries::rather_states(&profile.countries);
        if let Some(states) = states.or_else(|| (profile.states > 0).then(Vec::new)) {
            let count = profile.states.max(states.len() as u64);
            add("us_states", count, states_sentence(name, column, profile.states, &states));
        }
    }
    if column.kind() == Kind::Flag && unreadable.flags > 0 {
        let says = format!(
            "{} of {values} values of `{name}` are neither true nor false, and a run rejects each; replace them with values = {{ ... }}",
            unreadable.flags
        );
        add("unreadable_flag", unreadable.flags, says);
    }
    findings
}

/// Returns what makes the values of a column times.
fn remedy_of_times(profile: &Profile) -> String {
    let fillers = &profile.timeless;
    let are = if fillers.count == 0 { "all of them" } else { "the others" };
    let nulls = (fillers.count > 0).then(|| {
        let words: Vec<&String> = fillers.words.iter().collect();
        format!("{} of them stand for nothing: declare nulls = {words:?}", fillers.count)
    });
    let formats = match profile.time_formats().as_slice() {
        _ if fillers.count == profile.unreadable.times => None,
        [one] => Some(format!("{are} are written as {one}: declare timestamps = [\"{one}\"]")),
        [] => Some(format!(
            "declare how they are written, as in timestamps = [\"{}\"]; a run rejects the others",
            "%d.%m.%Y %H:%M"
        )),
        several => Some(format!("say which of {} they are written as, in timestamps", several.join(" and "))),
    };
    nulls.into_iter().chain(formats).collect::<Vec<_>>().join("; ")
}

/// Returns the kinds of values of a column that a run sets aside, and the number of each.
fn set_aside(column: Column, profile: &Profile) -> impl Iterator<Item = (Aside, u64)> {
    let odd = profile.odd;
    let fillers = match column {
        Column::SellerId | Column::OrderId => odd.id_fillers,
        Column::PackageId | Column::Carrier => odd.fillers,
        _ => 0,
    };
    let amount = |count: u64| if column.kind() == Kind::Amount { count } else { 0 };
    let counts = [
        (Aside::NegativeValue, amount(odd.negative)),
        (Aside::ZeroValue, amount(odd.zero)),
        (Aside::OpenMark, amount(odd.open_mark)),
        (Aside::FillerText, fillers),
    ];
    counts.into_iter().filter(|(_, count)| *count > 0)
}

/// Returns the sentence that a column of countries holds states of the US.
fn states_sentence(name: &str, column: Column, only: u64, states: &[Country]) -> String {
    let codes: Vec<String> = states.iter().map(|state| state.code()).take(6).collect();
    let (read, rejected) = match (codes.is_empty(), only) {
        (true, _) => (String::new(), format!("{only} values such as TX are no countries, and a run rejects each")),
        (false, 0) => (format!("a run reads {} as countries, CA as Canada", codes.join(", ")), String::new()),
        (false, only) => (
            format!("a run reads {} as countries, CA as Canada", codes.join(", ")),
            format!(", and rejects {only} others such as TX"),
        ),
    };
    format!(
        "`{name}`, taken for `{}`, holds states of the US: {read}{rejected}; map the column of countries instead, or give the country \
         in [input.constants]",
        column.name()
    )
}

/// Equal values from which on two columns count as copies and not as alike by chance.
const COPIES: u64 = 20;

/// Finds columns of scans that equal, row for row, another column of times.
pub(super) fn of_scans(looked: &[(Column, &Profile)]) -> Vec<Finding> {
    let of = |columns: &[Column]| looked.iter().filter(|(column, _)| columns.contains(column)).collect::<Vec<_>>();
    let scans = of(&[Column::FirstScanAt, Column::DeliveryScanAt]);
    let others = of(&[Column::ShippedAt, Column::PromisedDeliveryAt, Column::TrackingAddedAt]);
    let mut findings = Vec::new();
    for (scan, held) in &scans {
        let is_copy =
            |other: &Profile| (other.values, other.nulls, other.order) == (held.values, held.nulls, held.order);
        let copied = others.iter().find(|(_, other)| held.values >= COPIES && is_copy(other));
        if let Some((other, _)) = copied {
            let says = format!(
                "`{}` holds in every row what `{}` holds: a copy is no scan, yet each package would count as scanned; map the \
                 column with what the carrier scanned",
                scan.name(),
                other.name()
            );
            findings.push(Finding { kind: "copied_time", count: held.values, says, first: Vec::new() });
        }
    }
    findings
}

/// Finds order ids of other channels in a file whose rows are all of Amazon's stores, or have no column of stores; and
/// texts that name no store.
pub(super) fn of_stores(looked: &[(Column, &Profile)]) -> Vec<Finding> {
    let of = |column: Column| looked.iter().find(|(known, _)| *known == column).map(|(_, profile)| *profile);
    let market = of(Column::Marketplace);
    let mut findings = Vec::new();
    if let Some(ids) = of(Column::OrderId)
        && market.is_none_or(|market| market.stores[0] == market.values)
    {
        let others = ids.values - ids.amazon_ids;
        if are_of_several_channels(ids.amazon_ids, others) {
            let says = format!(
                "{others} of {} order ids are not of Amazon's form (3-7-7 digits): {OTHER_CHANNELS}",
                ids.values
            );
            findings.push(Finding { kind: "other_channels", count: others, says, first: Vec::new() });
        }
    }
    if let Some(market) = market
        && let unknown @ 1.. = market.stores[2]
    {
        let says = format!(
            "{unknown} of {} values of `marketplace` name no marketplace of the book, and a run rejects each: it knows ids, countries \
             such as DE and channels such as Amazon.de; replace others, as in marketplace = {{ at = \"marketplace\", values = {{ amazon_fr = \
             \"FR\" }} }}",
            market.values
        );
        findings.push(Finding { kind: "unknown_marketplace", count: unknown, says, first: Vec::new() });
    }
    findings
}

/// Recognises the file as a whole, if it lacks the columns of a rate.
pub(super) fn of_file(headings: &[String], mapping: &Mapping) -> Option<Finding> {
    let has = |name: &str| mapping.has(name);
    let keys: Vec<String> = headings.iter().map(|heading| key(heading)).collect();
    let any = |words: &[&str]| keys.iter().any(|key| words.contains(&key.as_str()));
    let is_scanned = has("first_scan_at") || has("delivery_scan_at");
    let is_orders =
        any(&["purchase-date", "payments-date", "order-item-id", "bestelldatum", "auftragsdatum", "zahlungsdatum"]);
    let finding = |kind, says: &str| Some(Finding { kind, count: 1, says: says.to_owned(), first: Vec::new() });
    // Only Amazon's list of defects has these headings beside the number.
    let is_defects = ["ship-option", "package-value", "origin-country", "tracking-id", "order-id"];
    if is_defects.iter().all(|word| any(&[word])) && !any(&["ship-date", "shipped-at"]) && !is_scanned {
        return finding(
            "defect_report",
            "this reads like Amazon's VTR defect report: the packages that Amazon counts as defects, not a history of shipments, \
             and a rate made of it says nothing. Name it in [reconcile] of the job that holds the history, and `vtr reconcile` \
             holds it beside your own defects",
        );
    }
    match (has("tracking_number"), is_scanned) {
        // The missing columns of a file without any known heading are reported already.
        (false, false) if mapping.columns.is_empty() => None,
        (false, false) if is_orders => finding(
            "order_report",
            "this reads like an order report: it says what was ordered, but holds neither tracking numbers nor scans, and no rate \
             can be made of it; a run refuses it. Take the shipment confirmations, or what your shipping software exports, \
             with a tracking number in each row",
        ),
        (false, false) => finding(
            "no_evidence",
            "neither tracking numbers nor scans: no rate can be made of it, and a run refuses it. Map the column that holds \
             the number, or take an export that has one",
        ),
        (true, false) if has("shipped_at") && !has("promised_delivery_at") => finding(
            "ship_confirm",
            "this reads like shipment confirmations: it holds what the seller reported, without scans and promised \
             deliveries. A run judges the numbers alone and places packages by their ship date, which is not the rate that \
             a marketplace counts; for that, add scans (`first_scan_at`) and the promised delivery to each row",
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vtr_columnar::input::CellRules;

    #[test]
    fn what_a_run_sets_aside_is_named_before() {
        let of = |column: Column, values: &[&str]| {
            let mut profile = Profile::new(false);
            values.iter().for_each(|value| profile.cell(value, &CellRules::default()));
            of_column(column, "x", &profile).into_iter().map(|finding| finding.kind).collect::<Vec<_>>()
        };
        assert_eq!(
            of(Column::PackageValue, &["-1", "0", "1.234", "9.99"]),
            ["negative_value", "zero_value", "open_mark"]
        );
        assert_eq!(of(Column::PackageValue, &["1,234", "2"]), ["unreadable_amount"]);
        for column in [Column::SellerId, Column::OrderId, Column::PackageId, Column::Carrier] {
            assert_eq!(of(column, &["N/A", "DHL"]), ["filler_text"], "{}", column.name());
        }
        for column in [Column::ShipFromCountry, Column::ShipToCountry] {
            assert_eq!(of(column, &["CA", "GA", "IN", "CO", "MT"]), ["us_states"]);
            assert_eq!(of(column, &["CA", "TX"]), ["us_states"]);
            assert!(of(column, &["CA", "DE", "US"]).is_empty());
        }
    }

    #[test]
    fn files_without_numbers_and_scans_are_called_what_they_are() {
        let of = |headings: &[&str]| {
            let headings: Vec<String> = headings.iter().map(|heading| (*heading).to_owned()).collect();
            let mapping = super::super::suggest::mapping(&headings, &[]);
            of_file(&headings, &mapping).map(|finding| finding.kind)
        };
        assert_eq!(of(&["order-id", "purchase-date", "sku"]), Some("order_report"));
        assert_eq!(of(&["Bestellnummer", "Bestelldatum", "Artikel"]), Some("order_report"));
        assert_eq!(of(&["order_id", "shipped_at"]), Some("no_evidence"));
        assert_eq!(of(&["order-id", "ship-date", "carrier-name", "tracking-number"]), Some("ship_confirm"));
        assert_eq!(of(&["order-id", "promised-delivery-date", "tracking-id", "first-scan"]), None);
        assert_eq!(of(&["order-id", "promised-delivery-date", "first-scan"]), None);
        let defects =
            ["Order ID", "Carrier Name", "Tracking ID", "Origin Country", "Promised Delivery Date", "Ship Method"];
        let defects = [&defects[..], &["Ship Option", "Valid Tracking", "Package Value", "Product Category"]].concat();
        assert_eq!(of(&defects), Some("defect_report"));
    }
}
