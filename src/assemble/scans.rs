//! The join by number: packages of one partition meet the events of their numbers.
//!
//! It decides only what `events` decides; it resolves carriers, weighs states against events column by column and
//! checks whether the sides cover the packages. Packages leave it sorted, week by week. It fails if the disk does.

use super::events::{self, Candidate, Event, Meaning, ScanFacts};
use super::facts::{Fate, Note, RecordPlace, number_key};
use super::pack::{
    self, BY_EVENTS, BY_FRIEND, BY_OTHER, BY_STATUS, HAS_NUMBER, HAS_ORDER, HAS_STATE, NAMED, OTHER_DELIVERED, Pack,
    REPLACED, STATE_DELIVERY, STATE_SCAN,
};
use super::row::{Row, rows};
use super::typed::BARE;
use super::{Context, Tally};
use crate::error::Result;
use crate::place::spill::{Spill, SpillRange};
use std::collections::BTreeMap;
use vtr_kernel::Book;
use vtr_kernel::calendar::Day;
use vtr_kernel::carrier::{Carrier, CarrierId};
use vtr_kernel::countries;
use vtr_kernel::lane::Country;
use vtr_kernel::sources::Field;

/// Days after shipping within which a feed need not name a number yet.
const FRESH_DAYS: Day = 7;

/// Joins a partition; `runs` gets the positions of its packages, each sorted, by week.
pub(super) fn partition(
    context: &Context,
    packages: &[u8],
    events: &[u8],
    spill: &Spill,
    runs: &mut Vec<(Day, SpillRange)>,
    tally: &mut Tally,
) -> Result<()> {
    let mut packs: Vec<(String, Pack)> = rows(packages).map(|row| number(Pack::of(row))).collect();
    // Numbers nearly always distinguish rows: the rest of a row is looked up only if they do not.
    let behind = |a: &Pack, b: &Pack| (a.key(), a.source).cmp(&(b.key(), b.source));
    packs.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| behind(&a.1, &b.1)));
    let mut seen: Vec<(String, Row)> =
        rows(events).map(|row| (cleaned_of(row.text(Field::TrackingNumber)), row)).collect();
    let place = |row: &Row| (row.head.file, row.head.record);
    let behind = |a: &Row, b: &Row| (tells(a), place(a)).cmp(&(tells(b), place(b)));
    seen.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| behind(&a.1, &b.1)));
    let mut at = 0;
    for group in packs.chunk_by_mut(|a, b| a.0 == b.0) {
        crate::signals::check()?;
        let key = group[0].0.clone();
        while seen.get(at).is_some_and(|event| event.0 < key) {
            alone(context, &seen[at].1, tally);
            at += 1;
        }
        let from = at;
        while seen.get(at).is_some_and(|event| event.0 == key) {
            at += 1;
        }
        let of_number = if key.is_empty() { &[][..] } else { &seen[from..at] };
        if key.is_empty() {
            seen[from..at].iter().for_each(|event| alone(context, &event.1, tally));
        }
        meet(context, group, of_number, tally);
    }
    seen[at..].iter().for_each(|event| alone(context, &event.1, tally));
    by_week(context, packs.into_iter().map(|(_, pack)| pack).collect(), spill, runs)
}

/// Returns a sortable form of a moment.
fn order_of(at: vtr_kernel::instant::Moment) -> (bool, i64) {
    match at {
        vtr_kernel::instant::Moment::Instant(at) => (true, at),
        vtr_kernel::instant::Moment::Date(day) => (false, i64::from(day)),
    }
}

/// An event's time, seller, carrier and status.
type ScanContent<'a> = (Option<(bool, i64)>, Option<&'a str>, Option<&'a str>, (&'a str, &'a str));

/// Returns the content of an event; equal events have equal content.
fn tells<'a>(row: &Row<'a>) -> ScanContent<'a> {
    let at = row.time(Field::OccurredAt).map(order_of);
    (at, row.text(Field::SellerId), row.text(Field::Carrier), status(row))
}

fn cleaned_of(number: Option<&str>) -> String {
    let mut buffer = String::new();
    number.map(|number| number_key(number, &mut buffer).to_owned()).unwrap_or_default()
}

/// Returns a package and the number by which it can be found; an empty number means none.
fn number(pack: Pack) -> (String, Pack) {
    let key = if pack.flags & HAS_NUMBER == 0 { String::new() } else { cleaned_of(pack.text(Field::TrackingNumber)) };
    (key, pack)
}

fn status<'a>(row: &Row<'a>) -> (&'a str, &'a str) {
    (row.text(Field::Status).unwrap_or_default(), row.text(Field::Substatus).unwrap_or_default())
}

/// Returns the meaning of an event's status; a status in no list is counted.
fn meaning(context: &Context, row: &Row, tally: &mut Tally) -> Meaning {
    if row.head.flags & BARE != 0 {
        return Meaning::default();
    }
    tally.statuses += 1;
    let statuses = &context.assemble.inputs[usize::from(row.head.input)].profile.statuses;
    match statuses.meaning(row.text(Field::Status), row.text(Field::Substatus)) {
        Some(meaning) => Meaning { is_scan: meaning.scan, is_delivery: meaning.delivery },
        None => {
            let (status, substatus) = status(row);
            tally.unmapped(status, substatus, RecordPlace { file: row.head.file, record: row.head.record });
            Meaning::default()
        }
    }
}

/// Counts an event that no package needs.
fn alone(context: &Context, row: &Row, tally: &mut Tally) {
    meaning(context, row, tally);
    tally.fate(row.head.file, Fate::Unused, 1);
}

/// Returns the carrier of a name in the country that a package leaves from.
pub(super) fn carrier(book: &Book, name: Option<&str>, origin: Country) -> Option<u16> {
    match book.carriers.in_country(book.carrier_name(Some(name?)), origin) {
        Carrier::Known(id) => Some(id.0),
        Carrier::Missing | Carrier::Unknown => None,
    }
}

/// Returns what decides whether the numbers of two carriers may meet.
pub(super) fn agree(book: &Book) -> impl Fn(u16, u16) -> bool {
    |a, b| book.carriers.are_friends(CarrierId(a), CarrierId(b)) || a == b
}

/// Joins the packages and events of one number.
fn meet(context: &Context, group: &mut [(String, Pack)], seen: &[(String, Row)], tally: &mut Tally) {
    let stores: Vec<pack::StoreFacts> =
        group.iter().map(|(_, pack)| pack::store(context.book, pack.text(Field::Marketplace), &context.utc)).collect();
    let origin = |pack: &Pack, store: &pack::StoreFacts| {
        pack.text(Field::ShipFromCountry).and_then(countries::read).unwrap_or(store.country)
    };
    let carriers: Vec<Option<u16>> = group
        .iter()
        .zip(&stores)
        .map(|((_, pack), store)| carrier(context.book, pack.text(Field::Carrier), origin(pack, store)))
        .collect();
    let country =
        group.iter().zip(&stores).map(|((_, pack), store)| origin(pack, store)).next().unwrap_or(Country::UNKNOWN);
    let told = {
        let day =
            |pack: &Pack, store: &pack::StoreFacts, field: Field| pack.time(field).map(|at| store.zone.day_at(at));
        let candidate = |index: usize| {
            let (pack, store) = (&group[index].1, &stores[index]);
            Candidate {
                seller: pack.text(Field::SellerId).unwrap_or_default(),
                opened: events::opened(day(pack, store, Field::ShippedAt), day(pack, store, Field::PromisedDeliveryAt)),
                zone: store.zone,
                carrier: carriers[index],
            }
        };
        let candidates: Vec<Candidate> = (0..group.len()).map(candidate).collect();
        let mut of_number = Vec::with_capacity(seen.len());
        for (_, row) in seen {
            of_number.push(Event {
                at: row.time(Field::OccurredAt),
                meaning: meaning(context, row, tally),
                seller: row.text(Field::SellerId),
                carrier: carrier(context.book, row.text(Field::Carrier), country),
                status: status(row),
            });
        }
        let (told, fates) = events::assign(&candidates, &of_number, context.assemble.window, &agree(context.book));
        seen.iter().zip(fates).for_each(|((_, row), fate)| tally.fate(row.head.file, fate, 1));
        told
    };
    for (index, (_, pack)) in group.iter_mut().enumerate() {
        let unseen = carriers[index].is_some_and(|id| context.unseen.contains(&id));
        weigh(pack, &told[index], unseen);
        if let Some(id) = carriers[index].filter(|_| unseen && !is_spoken_for(pack)) {
            tally.unasked(id);
        }
        let seller = pack.text(Field::SellerId).unwrap_or_default();
        // Documents of orders know the promise themselves.
        let is_placed = pack.flags & HAS_ORDER != 0 || pack.time(Field::PromisedDeliveryAt).is_some();
        tally.package(seller, &stores[index].label, is_placed, &pack.notes);
        tally.delivered_by_other(pack.flags & OTHER_DELIVERED != 0);
        let is_unscanned = pack.time(Field::FirstScanAt).or(pack.time(Field::DeliveryScanAt)).is_none();
        if is_unscanned && told[index].outside {
            tally.outside_window(pack.source);
        }
        tally.doubted(is_unscanned, pack.flags & HAS_NUMBER == 0, pack.flags & REPLACED != 0);
        ask(context, pack, &stores[index], carriers[index], unseen, tally);
    }
}

/// Lets events override states, column by column.
fn weigh(pack: &mut Pack, told: &ScanFacts, unseen: bool) {
    for (at, of_events, state) in [(3, told.first_scan_at, STATE_SCAN), (4, told.delivery_scan_at, STATE_DELIVERY)] {
        let by_state = pack.times[state].take();
        if pack.times[at].is_some() {
            continue;
        }
        match (of_events, by_state) {
            (Some(time), _) => (pack.times[at], pack.flags) = (Some(time), pack.flags | BY_EVENTS),
            (None, Some(time)) => (pack.times[at], pack.flags) = (Some(time), pack.flags | BY_STATUS),
            (None, None) => {}
        }
    }
    if told.by_friend && pack.flags & (BY_EVENTS | BY_STATUS) == BY_EVENTS {
        pack.flags |= BY_FRIEND;
    }
    if told.by_other && pack.times[3].or(pack.times[4]).is_none() {
        pack.flags |= if told.delivered_by_other { BY_OTHER | OTHER_DELIVERED } else { BY_OTHER };
    }
    pack.events = told.events;
    if told.is_named {
        pack.flags |= NAMED;
    }
    let notes = [(Note::NumberShared, told.is_shared), (Note::ScannedByOther, told.by_other), (Note::Unseen, unseen)];
    notes.into_iter().filter(|(_, is_so)| *is_so).for_each(|(note, _)| pack.notes.add(note));
}

/// Returns whether a scan, an event or a state says anything of a package, or its number cannot be looked up at all.
fn is_spoken_for(pack: &Pack) -> bool {
    let is_scanned = [Field::FirstScanAt, Field::DeliveryScanAt].iter().any(|field| pack.time(*field).is_some());
    is_scanned || pack.flags & (HAS_NUMBER | HAS_STATE | NAMED) != HAS_NUMBER
}

/// Checks whether the sides have the facts of a package that they should have.
fn ask(
    context: &Context,
    pack: &Pack,
    store: &pack::StoreFacts,
    carrier: Option<u16>,
    unseen: bool,
    tally: &mut Tally,
) {
    let seller = pack.text(Field::SellerId).unwrap_or_default();
    let Some(day) = pack.time(Field::ShippedAt).map(|at| store.zone.day_at(at)) else { return };
    if context.range.is_some_and(|(first, last)| !(first..=last).contains(&day)) {
        return;
    }
    let is_asked = pack.flags & (HAS_NUMBER | HAS_STATE) == HAS_NUMBER && !unseen;
    let age = context.as_of.saturating_sub(FRESH_DAYS).saturating_sub(day);
    if context.has_events && is_asked && age > 0 {
        let is_named = pack.flags & NAMED != 0;
        tally.ask_events((seller, &store.label, carrier), (day, age), is_named);
    }
    if let Some((first, last)) = context.span_of(seller).filter(|(first, last)| (*first..=*last).contains(&day)) {
        debug_assert!(first <= last);
        tally.ask_orders(seller, &store.label, day, pack.flags & HAS_ORDER != 0);
    }
}

/// Sorts packages by week and key, and spills each week's as one run.
fn by_week(context: &Context, packs: Vec<Pack>, spill: &Spill, runs: &mut Vec<(Day, SpillRange)>) -> Result<()> {
    let mut weeks: BTreeMap<Day, Vec<Pack>> = BTreeMap::new();
    for pack in packs {
        let week = pack.week(&pack::store(context.book, pack.text(Field::Marketplace), &context.utc));
        weeks.entry(week).or_default().push(pack);
    }
    let mut bytes = Vec::new();
    for (week, mut packs) in weeks {
        packs.sort_unstable_by(|a, b| (a.key(), a.source).cmp(&(b.key(), b.source)));
        bytes.clear();
        packs.iter().for_each(|pack| pack.write(&mut bytes));
        runs.push((week, spill.put(&bytes)?));
    }
    Ok(())
}
