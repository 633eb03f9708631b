//! The sources of a package's facts: file and record, profile, and the facts that others lent.
//!
//! It reads the packages and their manifest, and opens no raw file. It fails if the place cannot be read.

use super::AssembleInput;
use super::publish::{FILES, PACKAGES};
use super::weeks::OTHERS;
use crate::error::Result;
use crate::job::plan::Plan;
use crate::publish::DataFile;
use crate::publish::encode;
use crate::publish::log::{self, Manifest, day_text};
use crate::publish::store::{self, Store};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use vtr_kernel::calendar::{DAY_MICROS, Day, Micros};
use vtr_kernel::sources::{Field, Role};
use vtr_kernel::text::shown;

/// The data that an explanation needs: the packages of a job, and the kinds of their files.
pub struct Provenance<'p> {
    inputs: &'p [AssembleInput],
    store: std::sync::Arc<dyn Store>,
    manifest: Manifest,
    /// The kinds by shown file.
    kinds: BTreeMap<String, String>,
}

/// Opens the newest packages of a job; `None` if it joins nothing.
///
/// # Errors
/// The place cannot be read.
pub fn open(plan: &Plan) -> Result<Option<Provenance<'_>>> {
    let Some(assemble) = &plan.assemble else { return Ok(None) };
    let store = store::at(Path::new(&assemble.path))?;
    let Some(manifest) = log::latest(store.as_ref())? else { return Ok(None) };
    let mut kinds = BTreeMap::new();
    for file in manifest.tables.get(FILES).into_iter().flatten() {
        read(store.as_ref(), &file.path, &["file", "kind"], &mut |batch| {
            let (files, names) = (texts(batch, "file"), texts(batch, "kind"));
            kinds.extend(files.into_iter().flatten().zip(names.into_iter().flatten()));
            Ok(())
        })?;
    }
    Ok(Some(Provenance { inputs: &assemble.inputs, store, manifest, kinds }))
}

pub(super) fn read(
    store: &dyn Store,
    path: &str,
    names: &[&str],
    take: &mut dyn FnMut(&RecordBatch) -> Result<()>,
) -> Result<()> {
    match store.open(path)? {
        Some(readable) => encode::read_columns(readable, &store.shown(path), names, take),
        None => Ok(()),
    }
}

fn texts(batch: &RecordBatch, name: &str) -> Vec<Option<String>> {
    let Some(column) = batch.column_by_name(name) else { return vec![None; batch.num_rows()] };
    column.as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect()
}

/// The value of `scan_source` for scans that are all by another carrier than the package's.
const PARTNER: &str = "partner";

/// What is known of the events of a package.
pub struct Events {
    /// Distinct events that count for it.
    pub count: i64,
    /// Its carrier as typed.
    pub carrier: String,
    /// Whether all its scans are by another carrier of the family or partners of its own.
    pub is_by_partner: bool,
    /// The time of its newest contributing write or document, if known.
    pub updated_at: Option<Micros>,
}

/// The sources that a package states.
struct Sources {
    file: String,
    record: i64,
    orders: Option<String>,
    events: i64,
    scans: Option<String>,
    package: Unscanned,
}

/// A package without a scan, as far as events of its number need it.
#[derive(Clone, Debug, Default)]
pub struct Unscanned {
    /// Its seller.
    pub seller: String,
    /// Its marketplace as typed.
    pub marketplace: String,
    /// Its number as typed; empty without one.
    pub number: String,
    /// Its carrier as typed.
    pub carrier: Option<String>,
    /// The country that it leaves from, as typed.
    pub origin: Option<String>,
    /// When it was shipped.
    pub shipped_at: Option<Micros>,
    /// The promised delivery.
    pub promised_at: Option<Micros>,
}

impl Provenance<'_> {
    /// Whether the job joins events.
    pub fn has_events(&self) -> bool {
        self.inputs.iter().any(|input| input.profile.role == Role::Events)
    }

    /// Returns what is known of the events of each package of a week, in the order of its file; `None` for another file.
    ///
    /// # Errors
    /// The packages cannot be read.
    pub fn events(&self, file: &str) -> Result<Option<Vec<Events>>> {
        let Some(week) = self.week(file) else { return Ok(None) };
        let mut events = Vec::new();
        read(self.store.as_ref(), &week.path, &["carrier", "events", "scan_source", "updated_at"], &mut |batch| {
            let counts = batch["events"].as_primitive::<Int64Type>().iter().map(Option::unwrap_or_default);
            let updated =
                batch.column_by_name("updated_at").map(|times| times.as_primitive::<TimestampMicrosecondType>());
            let (carriers, scans) = (texts(batch, "carrier"), texts(batch, "scan_source"));
            for (row, ((count, carrier), scans)) in counts.zip(carriers).zip(scans).enumerate() {
                events.push(Events {
                    count,
                    carrier: carrier.unwrap_or_default(),
                    is_by_partner: scans.as_deref() == Some(PARTNER),
                    updated_at: updated.and_then(|times| times.is_valid(row).then(|| times.value(row))),
                });
            }
            Ok(())
        })?;
        Ok(Some(events))
    }

    /// Returns the last day (UTC) on which each carrier, as typed, has a scan.
    ///
    /// # Errors
    /// The packages cannot be read.
    pub fn last_scans(&self) -> Result<HashMap<String, Day>> {
        let mut last: HashMap<String, Day> = HashMap::new();
        for week in self.manifest.tables.get(PACKAGES).into_iter().flatten() {
            let scans = ["first_scan_at", "delivery_scan_at"];
            read(self.store.as_ref(), &week.path, &["carrier", scans[0], scans[1]], &mut |batch| {
                let carriers = texts(batch, "carrier");
                for times in scans.iter().filter_map(|name| batch.column_by_name(name)) {
                    let times = times.as_primitive::<TimestampMicrosecondType>();
                    for (carrier, time) in carriers.iter().zip(times) {
                        let day = time.and_then(|time| Day::try_from(time.div_euclid(DAY_MICROS)).ok());
                        let (Some(carrier), Some(day)) = (carrier, day) else { continue };
                        match last.get_mut(carrier) {
                            Some(last) => *last = day.max(*last),
                            None => drop(last.insert(carrier.clone(), day)),
                        }
                    }
                }
                Ok(())
            })?;
        }
        Ok(last)
    }

    fn week(&self, file: &str) -> Option<&DataFile> {
        let name = |week: Option<i32>| format!("{PACKAGES}/week={}", week.map(day_text).unwrap_or_default());
        self.manifest.tables.get(PACKAGES).into_iter().flatten().find(|known| name(known.week) == file)
    }

    /// Returns the sources of a package by its place, a line each, and the facts that each gave; `has` decides which
    /// facts are present. Then the package, if the job joins events and none of them is a scan of it.
    ///
    /// # Errors
    /// The packages cannot be read.
    pub fn of(&self, place: &str, has: &dyn Fn(Field) -> bool) -> Result<(Vec<String>, Option<Unscanned>)> {
        let found = place.rsplit_once(", record ").and_then(|(file, record)| Some((file, record.parse::<u64>().ok()?)));
        let week = found.and_then(|(file, record)| Some((self.week(file)?, record)));
        let Some((week, record)) = week else { return Ok(Default::default()) };
        let Some(sources) = self.sources(&week.path, record)? else { return Ok(Default::default()) };
        let told = self.told(&sources, has);
        let counts = |told: &str| !OTHERS.contains(&told);
        let is_unscanned = self.has_events() && !sources.scans.as_deref().is_some_and(counts);
        Ok((told, is_unscanned.then_some(sources.package)))
    }

    fn sources(&self, path: &str, record: u64) -> Result<Option<Sources>> {
        let mut left = record;
        let mut found = None;
        let names = [
            "source_file",
            "source_record",
            "orders_file",
            "events",
            "scan_source",
            "seller_id",
            "marketplace",
            "tracking_number",
            "carrier",
            "ship_from_country",
            "shipped_at",
            "promised_delivery_at",
        ];
        read(self.store.as_ref(), path, &names, &mut |batch| {
            let rows = batch.num_rows() as u64;
            if found.is_none() && (1..=rows).contains(&left) {
                let row = (left - 1) as usize;
                let text = |name: &str| texts(&batch.slice(row, 1), name).pop().flatten();
                let count = |name: &str| {
                    let column = batch.column_by_name(name).filter(|column| column.is_valid(row));
                    column.map_or(0, |column| column.as_primitive::<Int64Type>().value(row))
                };
                let time = |name: &str| {
                    let column = batch.column_by_name(name).filter(|column| column.is_valid(row));
                    column.map(|column| column.as_primitive::<TimestampMicrosecondType>().value(row))
                };
                let package = Unscanned {
                    seller: text("seller_id").unwrap_or_default(),
                    marketplace: text("marketplace").unwrap_or_default(),
                    number: text("tracking_number").unwrap_or_default(),
                    carrier: text("carrier"),
                    origin: text("ship_from_country"),
                    shipped_at: time("shipped_at"),
                    promised_at: time("promised_delivery_at"),
                };
                found = text("source_file").map(|file| Sources {
                    package,
                    file,
                    record: count("source_record"),
                    orders: text("orders_file"),
                    events: count("events"),
                    scans: text("scan_source"),
                });
            }
            left = left.saturating_sub(rows);
            Ok(())
        })?;
        Ok(found)
    }

    fn told(&self, sources: &Sources, has: &dyn Fn(Field) -> bool) -> Vec<String> {
        let kind = |file: &str| self.kinds.get(file).map(String::as_str).unwrap_or_default();
        let of_kind = |name: &str| if name.is_empty() { String::new() } else { format!(" ({name})") };
        let fills = |name: &str, role: Role, field: Field| {
            let is_of = |input: &&AssembleInput| match role {
                Role::Orders => input.profile.role == role || (input.lends_orders() && LENT.contains(&field)),
                _ => input.profile.role == role,
            };
            self.inputs.iter().filter(|input| input.profile.kind == name).filter(is_of).any(|input| fills(input, field))
        };
        let spine = kind(&sources.file);
        let orders = sources.orders.as_deref().map(kind);
        let (mut own, mut lent, mut either) = (Vec::new(), Vec::new(), Vec::new());
        let scans = [Field::FirstScanAt, Field::DeliveryScanAt];
        for field in Field::ALL.into_iter().filter(|field| has(*field) && !scans.contains(field)) {
            let is_own = fills(spine, Role::Shipments, field);
            let is_lent = orders.is_some_and(|orders| fills(orders, Role::Orders, field));
            match (is_own, is_lent) {
                (true, true) => either.push(field.name()),
                (true, false) => own.push(field.name()),
                (false, true) => lent.push(field.name()),
                (false, false) => {}
            }
        }
        let facts = |names: &[&str]| if names.is_empty() { String::new() } else { format!(": {}", names.join(", ")) };
        let mut lines =
            vec![format!("{} record {}{}{}", shown(&sources.file), sources.record, of_kind(spine), facts(&own))];
        if let Some(file) = &sources.orders {
            lines.push(format!("{}{}, its order{}", shown(file), of_kind(kind(file)), facts(&lent)));
            if !either.is_empty() {
                lines.push(format!("of both, the order's where its own is blank{}", facts(&either)));
            }
        }
        let role = |role: Role| -> Vec<&str> {
            let inputs = self.inputs.iter().filter(|input| input.profile.role == role);
            inputs.map(|input| input.profile.kind.as_str()).collect::<BTreeSet<_>>().into_iter().collect()
        };
        let scanned: Vec<&str> = scans.into_iter().filter(|field| has(*field)).map(Field::name).collect();
        match sources.scans.as_deref() {
            Some(told @ ("events" | PARTNER)) => {
                let feeds = of_kind(&role(Role::Events).join(", "));
                let whose = if told == PARTNER { ", all by its carrier's family or partners" } else { "" };
                lines.push(format!("{} events of its number{feeds}{whose}{}", sources.events, facts(&scanned)));
            }
            Some(told) if !OTHERS.contains(&told) => {
                let has_state = |name: &&str| fills(name, Role::Shipments, Field::PackageStatus);
                let source = [spine].into_iter().chain(orders).find(has_state).unwrap_or(spine);
                lines.push(format!("the state that its source tells{}{}", of_kind(source), facts(&scanned)))
            }
            _ if !role(Role::Events).is_empty() => {
                lines.push(format!("{} events of its number that count for it, none of them a scan", sources.events));
            }
            _ => {}
        }
        if has(Field::ProductCategory) && !own.contains(&"product_category") && !lent.contains(&"product_category") {
            lines.push(format!(
                "the list of categories{}: product_category",
                of_kind(&role(Role::Categories).join(", "))
            ));
        }
        lines
    }
}

/// The facts of an order that a spine lends to packages of another.
const LENT: [Field; 11] = [
    Field::Marketplace,
    Field::FulfillmentChannel,
    Field::OrderStatus,
    Field::ShipFromCountry,
    Field::ShipToCountry,
    Field::PackageValue,
    Field::Currency,
    Field::ProductCategory,
    Field::Programme,
    Field::PromisedDeliveryAt,
    Field::ShippedAt,
];

/// Returns whether an input gives a fact: prices are a value, SKUs are not.
fn fills(input: &AssembleInput, field: Field) -> bool {
    match field {
        Field::PackageValue => input.fills(field) || input.fills(Field::ItemPrice),
        Field::TrackingAddedAt => input.fills(field) || input.fills(Field::WrittenAt) || input.fills(Field::CreatedAt),
        Field::UpdatedAt => input.fills(field) || input.fills(Field::WrittenAt),
        _ => input.fills(field),
    }
}
