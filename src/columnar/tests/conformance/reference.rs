//! The reference engine: it follows the contract line by line over texts, and calls the kernel's functions one by one.

use crate::outcome::{Outcome, written};
use crate::setting::Setting;
use vtr_columnar::input::Column;
use vtr_kernel::amount::Amount;
use vtr_kernel::calendar::{Zone, iso_week, monday, provisional};
use vtr_kernel::facts::{CarrierField, CurrencyField, Facts, ScanColumns, Tracking, category_label};
use vtr_kernel::instant::Moment;
use vtr_kernel::ladder::{is_implausible, judge, selecting_day, zone};
use vtr_kernel::policy::Marketplace;
use vtr_kernel::strays::{Bounds, LEAD_DAYS, is_filler, odd_value};
use vtr_kernel::{countries, text, wrapper};
/// Returns the outcome of a row by the contract.
pub(crate) fn reference(setting: &Setting) -> Outcome {
    match judged(setting) {
        Ok(outcome) => outcome,
        Err(column) => Outcome::rejected(column),
    }
}

fn judged(setting: &Setting) -> Result<Outcome, Column> {
    let (book, utc) = (&*setting.book, Zone::utc());
    let cell = |column| setting.cell(column);
    // Returns an identifier without its wrapper; a damaged one is none.
    let identifier = |column| {
        let bare = if column == Column::SellerId { wrapper::unwrapped } else { wrapper::unwrapped_number };
        let is_none = |id: &str| id.is_empty() || wrapper::is_damaged(id) || book.placeholders.is_id_filler(id);
        let id = cell(column).map(bare).filter(|id| !is_none(id));
        id.ok_or(column)
    };
    let seller = identifier(Column::SellerId)?;
    let marketplace = cell(Column::Marketplace).and_then(|text| book.resolve_marketplace(text));
    let marketplace = marketplace.ok_or(Column::Marketplace)?;
    let order_id = identifier(Column::OrderId)?;
    let fulfilled_by = book.words.fulfilled_by(cell(Column::FulfillmentChannel)).meaning();
    let is_off = marketplace == Marketplace::None || fulfilled_by == vtr_kernel::facts::FulfilledBy::Marketplace;
    let country = |column| match cell(column).map(|text| countries::read(text).ok_or(column)) {
        None => Ok(None),
        Some(Ok(country)) => Ok(Some(country)),
        Some(Err(_)) if is_off => Ok(None),
        Some(Err(column)) => Err(column),
    };
    let bought = cell(Column::BuyShipping).map(|text| text::flag(text).ok_or(Column::BuyShipping)).transpose()?;
    let (origin, destination) = (country(Column::ShipFromCountry)?, country(Column::ShipToCountry)?);
    let read = |text| Amount::read(text, setting.rules.decimal_mark).map_err(|_| Column::PackageValue);
    let value = cell(Column::PackageValue).map(read).transpose()?;
    let value = value.filter(|value| odd_value(*value, setting.rules.mark).is_none());
    let clock = zone(book, marketplace, &utc);
    let dated = |column| {
        let moment = setting.time(column)?;
        match moment {
            Some(moment) if is_implausible(moment.day(clock), setting.as_of) => Err(column),
            moment => Ok(moment),
        }
    };
    let (promised, shipped) = (dated(Column::PromisedDeliveryAt)?, dated(Column::ShippedAt)?);
    let (added, first) = (setting.time(Column::TrackingAddedAt)?, setting.time(Column::FirstScanAt)?);
    let (delivery, updated) = (setting.time(Column::DeliveryScanAt)?, setting.time(Column::UpdatedAt)?);
    let day = selecting_day(book, marketplace, promised, shipped, &utc).ok_or(Column::PromisedDeliveryAt)?;
    let later = |moment: Option<Moment>| moment.is_some_and(|moment| moment.is_after(setting.as_of));
    if later(shipped) || !setting.keeps_later_rows() && later(updated) {
        return Ok(Outcome { after_as_of: true, ..Outcome::default() });
    }
    let bounds = Bounds::of(shipped, promised, LEAD_DAYS);
    let [first, delivery] = [first, delivery].map(|scan| scan.filter(|scan| bounds.stray(*scan, clock).is_none()));
    let added = added.filter(|added| !is_filler(*added, clock));
    let has = |column| setting.present.contains(column);
    let mut cleaned = String::new();
    let tracking = match has(Column::TrackingNumber) {
        true => Tracking::read(cell(Column::TrackingNumber).unwrap_or_default(), &mut cleaned).0,
        false => Tracking::NoColumn,
    };
    let facts = Facts {
        marketplace,
        fulfilled_by,
        state: book.words.order_state(cell(Column::OrderStatus)).meaning(),
        order_id: &order_id,
        carrier: match has(Column::Carrier) {
            true => CarrierField::Name(book.carrier_name(cell(Column::Carrier))),
            false => CarrierField::NoColumn,
        },
        service: book.services.resolve(cell(Column::ShipService)),
        buy_shipping: bought.unwrap_or(false),
        tracking,
        origin,
        destination,
        value,
        currency: CurrencyField::read(cell(Column::Currency), &book.words),
        programme: cell(Column::Programme).and_then(|text| book.resolve_programme(text)),
        promised,
        shipped,
        tracking_added: added,
        first_scan: first,
        delivery_scan: delivery,
        scan_columns: match (has(Column::FirstScanAt), has(Column::DeliveryScanAt)) {
            (true, true) => ScanColumns::Both,
            (true, false) => ScanColumns::FirstOnly,
            (false, true) => ScanColumns::DeliveryOnly,
            (false, false) => ScanColumns::Neither,
        },
    };
    let verdict = judge(&facts, day, &setting.terms());
    let mut outcome = Outcome::default();
    outcome.tell("reason", verdict.reason.name());
    outcome.tell("class", verdict.reason.class().name());
    outcome.tell("rule", book.rule(verdict.rule));
    outcome.tell("day", written(verdict.day));
    outcome.tell("week", iso_week(verdict.day));
    outcome.tell("week_start", written(monday(verdict.day)));
    outcome.tell("seller", seller);
    outcome.tell("marketplace", book.marketplace_label(marketplace));
    outcome.tell("carrier", book.carriers.label(verdict.carrier));
    outcome.tell("likely_carrier", verdict.likely_carrier.map_or("", |id| book.carriers.entry(id).id.as_str()));
    outcome.tell("programme", book.programme(verdict.programme));
    outcome.tell("category", category_label(cell(Column::ProductCategory)));
    outcome.tell("unpriced", verdict.unpriced);
    // The week decides whether the figure can still change; the version on its last day gives the target.
    let sunday = monday(verdict.day) + 6;
    let market = match marketplace {
        Marketplace::None => None,
        Marketplace::Known(id) => Some(book.market(id)),
    };
    outcome.tell("provisional", provisional(sunday, market.map_or(0, |market| market.latency_days), setting.as_of));
    let version = market.and_then(|market| market.version(sunday)).filter(|version| version.judges(verdict.programme));
    let target = version.map(|version| version.target(verdict.programme, sunday));
    outcome
        .tell("target", target.map_or("none".into(), |target| format!("{} {:.2}", target.kind.name(), target.share())));
    Ok(outcome)
}
