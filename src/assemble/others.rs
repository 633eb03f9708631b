//! The events of a package's number that do not count for it, because the feeds name another carrier.
//!
//! Packages keep no trace of these events, so an explanation reads the feeds once more, as an assembly does; it decides
//! nothing. It fails if a feed cannot be listed or read.

use super::events::{self, Candidate, Event, Meaning};
use super::facts::number_key;
use super::pack;
use super::provenance::Unscanned;
use super::read::RawFile;
use super::{Assemble, Remember, find, read, scans, stages, typed};
use crate::error::{Error, Result};
use crate::job::plan::Plan;
use crate::publish::store;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use vtr_kernel::calendar::Zone;
use vtr_kernel::countries;
use vtr_kernel::instant::Moment;
use vtr_kernel::sources::{Field, Role};
use vtr_kernel::text::shown as quoted;

/// The events of one number and carrier that a package cannot have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OtherEvents {
    /// The carrier, as the feed names it.
    pub carrier: String,
    /// Distinct events.
    pub events: usize,
    /// Whether one of them is a delivery.
    pub is_delivered: bool,
}

/// An event of a number that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct NumberEvent {
    /// The moment: an instant in microseconds, or a day.
    at: (bool, i64),
    seller: Option<String>,
    carrier: String,
    status: (String, String),
    meaning: Meaning,
}

/// Returns for each package the events of its number by carriers that are neither its own nor of its family or partners.
///
/// # Errors
/// A feed cannot be listed or read.
pub fn of(plan: &Plan, packages: &[Unscanned]) -> Result<Vec<Vec<OtherEvents>>> {
    let mut by_number: BTreeMap<String, BTreeSet<NumberEvent>> = BTreeMap::new();
    let mut buffer = String::new();
    for package in packages.iter().filter(|package| !package.number.is_empty()) {
        by_number.insert(number_key(&package.number, &mut buffer).to_owned(), BTreeSet::new());
    }
    by_number.remove("");
    if let Some(assemble) = plan.assemble.as_ref().filter(|_| !by_number.is_empty()) {
        read_feeds(plan, assemble, &mut by_number)?;
    }
    let utc = Zone::utc();
    let each = packages.iter().map(|package| {
        let seen = by_number.get(number_key(&package.number, &mut buffer));
        seen.map_or_else(Vec::new, |seen| by_others(plan, package, seen, &utc))
    });
    Ok(each.collect())
}

/// Reads the events of these numbers from all feeds.
fn read_feeds(plan: &Plan, assemble: &Assemble, by_number: &mut BTreeMap<String, BTreeSet<NumberEvent>>) -> Result<()> {
    let at = store::at(Path::new(&assemble.path))?;
    for (index, file) in find(plan, assemble, at.as_ref(), Remember::Nothing)?.iter().enumerate() {
        let input = &assemble.inputs[file.listed.input];
        if input.profile.role != Role::Events {
            continue;
        }
        let refused = |why: String| Error::Input(format!("{}: {why}", quoted(&file.listed.shown)));
        let constants =
            read::constants(&input.profile, input.from_path.as_ref(), &file.listed.shown).map_err(refused)?;
        let raw = RawFile {
            origin: &file.listed.origin,
            shown: &file.listed.shown,
            format: file.format,
            packing: file.listed.packing,
            constants: &constants,
        };
        let mut buffer = String::new();
        let mut take = |record: &typed::Typed| -> Result<()> {
            let text = |field: Field| record.text(field).unwrap_or_default();
            let number = number_key(text(Field::TrackingNumber), &mut buffer);
            let (Some(seen), Some(at)) = (by_number.get_mut(number), record.time(Field::OccurredAt)) else {
                return Ok(());
            };
            let meaning = input.profile.statuses.meaning(record.text(Field::Status), record.text(Field::Substatus));
            seen.insert(NumberEvent {
                at: match at {
                    Moment::Instant(at) => (true, at),
                    Moment::Date(day) => (false, i64::from(day)),
                },
                seller: record.text(Field::SellerId).map(str::to_owned),
                carrier: text(Field::Carrier).to_owned(),
                status: (text(Field::Status).to_owned(), text(Field::Substatus).to_owned()),
                meaning: meaning.map_or_else(Meaning::default, |meaning| Meaning {
                    is_scan: meaning.scan,
                    is_delivery: meaning.delivery,
                }),
            });
            Ok(())
        };
        let typed = typed::File::of(input, file.listed.input as u16, index as u32, plan.as_of);
        let reading = stages::reading(assemble, file);
        typed.read(&raw, &reading, 0, &mut take)?.map_err(refused)?;
    }
    Ok(())
}

/// Returns those events of a package's number that it would have if it had their carrier, by carrier.
fn by_others(plan: &Plan, package: &Unscanned, seen: &BTreeSet<NumberEvent>, utc: &Zone) -> Vec<OtherEvents> {
    let Some(assemble) = &plan.assemble else { return Vec::new() };
    let book = &plan.book;
    let store = pack::store(book, Some(&package.marketplace), utc);
    let origin = package.origin.as_deref().and_then(countries::read).unwrap_or(store.country);
    let day = |at: Option<i64>| at.map(|at| store.zone.day_at(at));
    let candidate = Candidate {
        seller: &package.seller,
        opened: events::opened(day(package.shipped_at), day(package.promised_at)),
        zone: store.zone,
        carrier: scans::carrier(book, package.carrier.as_deref(), origin),
    };
    let agree = scans::agree(book);
    let mut others: BTreeMap<&str, OtherEvents> = BTreeMap::new();
    for event in seen {
        let one = Event {
            at: Some(match event.at {
                (true, at) => Moment::Instant(at),
                (false, day) => Moment::Date(day as i32),
            }),
            meaning: event.meaning,
            seller: event.seller.as_deref(),
            carrier: scans::carrier(book, Some(&event.carrier), origin),
            status: (&event.status.0, &event.status.1),
        };
        if events::is_of_another(&candidate, &one, assemble.window, &agree) {
            let other = others.entry(&event.carrier).or_default();
            other.carrier.clone_from(&event.carrier);
            (other.events, other.is_delivered) = (other.events + 1, other.is_delivered || event.meaning.is_delivery);
        }
    }
    others.into_values().collect()
}
