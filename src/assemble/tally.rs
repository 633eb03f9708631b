//! The counters of an assembly: where every record ends, and how many packages the sides cover.
//!
//! Each thread has its own tally; they add up in any order. The gates read them: a gap of the sides is reported with
//! seller, marketplace, carrier and days, because a package that no feed names would be judged unscanned.

use super::facts::{Fate, Note, Notes, RecordPlace};
use super::recent::Recent;
use crate::error::{Error, Result};
use crate::job::assembly::{Covers, EventWindow};
use std::collections::BTreeMap;
use vtr_kernel::calendar::{Day, date_from_day};

/// Numbers of a carrier or a seller from which its coverage is checked by itself.
const ENOUGH: u64 = 100;
/// Numbers of a carrier or a seller from which a feed must name at least one.
pub(super) const NOTICED: u64 = 10;
/// From one in this many packages without a scan on, those that a later file has otherwise are told of.
const REPLACED_IN: u64 = 10;
/// Unknown statuses that are counted separately.
const STATUSES: usize = 1_000;

/// How many packages should be covered and are, and the days of those that are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoverageGap {
    asked: u64,
    found: u64,
    first: Day,
    last: Day,
    recent: Recent,
}

impl Default for CoverageGap {
    fn default() -> Self {
        CoverageGap { asked: 0, found: 0, first: Day::MAX, last: Day::MIN, recent: Recent::default() }
    }
}

impl CoverageGap {
    fn add(&mut self, day: Day, is_found: bool) {
        self.asked += 1;
        self.found += u64::from(is_found);
        if !is_found {
            (self.first, self.last) = (self.first.min(day), self.last.max(day));
        }
    }

    fn merge(&mut self, other: &CoverageGap) {
        self.asked += other.asked;
        self.found += other.found;
        (self.first, self.last) = (self.first.min(other.first), self.last.max(other.last));
        self.recent.merge(&other.recent);
    }

    fn is_below(&self, (part, whole): (u64, u64)) -> bool {
        u128::from(self.found) * u128::from(whole) < u128::from(self.asked) * u128::from(part)
    }

    fn told(&self) -> String {
        let days = if self.first == self.last {
            format!("shipped on {}", date_from_day(self.first))
        } else {
            format!("shipped from {} to {}", date_from_day(self.first), date_from_day(self.last))
        };
        format!("{} of {} are; the others were {days}", self.found, self.asked)
    }
}

/// Seller, marketplace, and the carrier if it matters.
type AccountCarrier = (String, String, Option<u16>);

/// The counts of a thread, or of all.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Records by file and fate.
    pub fates: BTreeMap<u32, [u64; Fate::ALL.len()]>,
    /// Events and states whose status was looked up.
    pub statuses: u64,
    /// Statuses in no list: the number of occurrences, and the first place.
    pub unmapped: BTreeMap<(String, String), (u64, RecordPlace)>,
    events: BTreeMap<AccountCarrier, CoverageGap>,
    orders: BTreeMap<AccountCarrier, CoverageGap>,
    /// Packages by seller and marketplace, and how many of them have an order or a promise of their own.
    met: BTreeMap<(String, String), (u64, u64)>,
    /// Packages whose order names another marketplace than they do.
    other_store: (u64, Option<RecordPlace>),
    /// Packages without a scan whose number was scanned outside of their window only.
    outside_window: (u64, Option<RecordPlace>),
    /// The notes of all packages, in the order of [`Note::ALL`].
    notes: [u64; Note::ALL.len()],
    packages: u64,
    /// Packages that only another carrier than theirs scanned, and delivered.
    delivered_by_other: u64,
    /// Packages without a scan, and without a number; of both those that a later file has not with their order.
    doubted: [(u64, u64); 2],
    /// Packages of carriers that no feed follows for whose scans nothing speaks, by carrier.
    unasked: BTreeMap<u16, u64>,
    /// Shipped orders whose newest document has no packages, and the first place: those of which an older one has some,
    /// and those without.
    silent: [(u64, Option<RecordPlace>); 2],
    /// Packages of whose scans no record speaks beside others that do, and the first place.
    stateless: (u64, Option<RecordPlace>),
    /// Orders whose newest file hangs on the order of names as text, and the first such pair: the newer one by the
    /// numbers in the names, and the one that counts.
    by_text: (u64, Option<(u32, u32)>),
}

/// Adds a count and a first place to others.
fn count_up<T: Ord>(known: &mut (u64, Option<T>), (count, place): (u64, Option<T>)) {
    known.0 += count;
    known.1 = known.1.take().into_iter().chain(place).min();
}

/// What the warnings of a tally depend on beside its counts.
pub struct Told<'a> {
    /// Whether there is a side of orders.
    pub has_orders: bool,
    /// Whether the run judges scans.
    pub judges_scans: bool,
    /// The limits of the gates: what no gate asks for is a warning.
    pub covers: &'a Covers,
    /// The days around shipping in which an event belongs to a package.
    pub window: EventWindow,
    /// The shown name of a file.
    pub file: &'a dyn Fn(u32) -> String,
    /// The id of a carrier.
    pub carrier: &'a dyn Fn(u16) -> String,
}

impl Tally {
    /// Counts records of a file.
    pub fn fate(&mut self, file: u32, fate: Fate, count: u64) {
        self.fates.entry(file).or_default()[fate as usize] += count;
    }

    /// Counts a status in no list.
    pub fn unmapped(&mut self, status: &str, substatus: &str, place: RecordPlace) {
        let key = (status.to_owned(), substatus.to_owned());
        let is_told = self.unmapped.contains_key(&key) || self.unmapped.len() < STATUSES;
        let key = if is_told { key } else { Default::default() };
        let (count, first) = self.unmapped.entry(key).or_insert((0, place));
        (*count, *first) = (*count + 1, (*first).min(place));
    }

    /// Counts a package whose number events should name, by the day of shipping and the days since events are due.
    pub fn ask_events(
        &mut self,
        (seller, marketplace, carrier): (&str, &str, Option<u16>),
        (day, age): (Day, Day),
        is_named: bool,
    ) {
        let asked = self.events.entry((seller.to_owned(), marketplace.to_owned(), carrier)).or_default();
        asked.add(day, is_named);
        asked.recent.add(day, age, is_named);
    }

    /// Counts a package whose order should be known.
    pub fn ask_orders(&mut self, seller: &str, marketplace: &str, day: Day, is_known: bool) {
        self.orders.entry((seller.to_owned(), marketplace.to_owned(), None)).or_default().add(day, is_known);
    }

    /// Counts a package: its notes, and whether it has an order, or a promise of its own.
    pub fn package(&mut self, seller: &str, marketplace: &str, is_placed: bool, notes: &Notes) {
        self.packages += 1;
        self.notes.iter_mut().zip(notes.0).for_each(|(sum, count)| *sum += u64::from(count.min(1)));
        let (all, with) = self.met.entry((seller.to_owned(), marketplace.to_owned())).or_default();
        (*all, *with) = (*all + 1, *with + u64::from(is_placed));
    }

    /// Counts a package of a carrier that no feed follows, of which no event and no state is known.
    pub fn unasked(&mut self, carrier: u16) {
        *self.unasked.entry(carrier).or_default() += 1;
    }

    /// Counts a package if another carrier than its own delivered it.
    pub fn delivered_by_other(&mut self, is_so: bool) {
        self.delivered_by_other += u64::from(is_so);
    }

    /// Counts a package that has no scan or no number; it may be an earlier state of one that a later file has.
    pub fn doubted(&mut self, is_unscanned: bool, is_numberless: bool, is_replaced: bool) {
        for ((all, replaced), is_so) in self.doubted.iter_mut().zip([is_unscanned, is_numberless]) {
            (*all, *replaced) = (*all + u64::from(is_so), *replaced + u64::from(is_so && is_replaced));
        }
    }

    /// Counts a package whose order names another marketplace.
    pub fn other_store(&mut self, place: RecordPlace) {
        count_up(&mut self.other_store, (1, Some(place)));
    }

    /// Counts a shipped order whose newest document has no packages; `is_kept` says whether an older one has.
    pub fn silent_document(&mut self, is_kept: bool, place: RecordPlace) {
        count_up(&mut self.silent[usize::from(!is_kept)], (1, Some(place)));
    }

    /// Counts a package of whose scans no record speaks.
    pub fn stateless(&mut self, place: RecordPlace) {
        count_up(&mut self.stateless, (1, Some(place)));
    }

    /// Counts an order of which two files say different things: the newer one by the numbers in their names, and the
    /// one that counts.
    pub fn ordered_by_text(&mut self, pair: (u32, u32)) {
        count_up(&mut self.by_text, (1, Some(pair)));
    }

    /// Counts a package without a scan whose number was scanned outside of its window only.
    pub fn outside_window(&mut self, place: RecordPlace) {
        count_up(&mut self.outside_window, (1, Some(place)));
    }

    /// Returns warnings of packages that the sides do not fit.
    pub fn warnings(&self, told: &Told) -> Vec<String> {
        let (has_orders, file) = (told.has_orders, told.file);
        let mut warnings = Vec::new();
        let strangers: Vec<_> = self.met.iter().filter(|(_, (all, with))| *with == 0 && *all >= NOTICED).collect();
        if has_orders && !strangers.is_empty() {
            let shown = |((seller, market), (all, _)): &(&(String, String), &(u64, u64))| {
                format!("{} in {market} ({all} packages)", vtr_kernel::text::shown(seller))
            };
            let shown: Vec<String> = strangers.iter().take(3).map(shown).collect();
            warnings.push(format!(
                "sellers of whom no order is known, {}: {}; their packages have no promise or value of an order. Give their order \
                 reports, or mend the seller or order ids that do not meet",
                strangers.len(),
                shown.join(", ")
            ));
        }
        if let (count, Some(place)) = self.other_store {
            warnings.push(format!(
                "{count} of {} packages are of another marketplace by their order than by their own record, first in {} record {}; the \
                 record counts. Take `marketplace` out of the path or [input.constants] if the orders know it better",
                self.packages,
                file(place.file),
                place.record
            ));
        }
        let by_other = self.notes[Note::ScannedByOther as usize];
        if by_other > 0 {
            let late = match self.delivered_by_other {
                0 => String::new(),
                late => format!(
                    ". {late} of them were delivered by it, so no list asks to correct them: a number counts only if it is given \
                     before delivery"
                ),
            };
            warnings.push(format!(
                "{by_other} of {} packages were scanned, but by another carrier than theirs, and count as not scanned; correct \
                 the carrier of the packages or of the feed. They are the rows of the packages whose `scan_source` begins with \
                 `other`, and `vtr explain` names their events{late}",
                self.packages
            ));
        }
        warnings.extend(self.told_of_outside(file, told.window).filter(|_| told.judges_scans));
        if told.covers.events.0 == 0 && told.judges_scans {
            warnings.extend(self.stopped((0, 1), told.carrier));
        }
        let shared = self.notes[Note::NumberShared as usize];
        if shared * 100 > self.packages {
            warnings.push(format!(
                "{shared} of {} packages have the number of another package and share its scans; see `number_shared` in \
                 join_coverage",
                self.packages
            ));
        }
        warnings.extend(self.told_of_replaced(told));
        warnings.extend(self.told_of_unasked(told));
        self.tell_of_documents(told, &mut warnings);
        if let (count, Some((newer, counts))) = self.by_text {
            warnings.push(format!(
                "{count} orders stand differently in two files that only their names order, such as {} and {}: the second counts, \
                 because names are compared as text. Name the files so that the newest sorts last (2025-05-09, not 9), or give \
                 `written_at` (a column, or a group of [input.from_path])",
                file(newer),
                file(counts)
            ));
        }
        warnings
    }

    /// Says which packages hang on what documents do not say.
    fn tell_of_documents(&self, told: &Told, warnings: &mut Vec<String>) {
        let at = |place: &RecordPlace| format!("{} record {}", (told.file)(place.file), place.record);
        let remedy = "Request the orders with their packages (includedData=PACKAGES)";
        if let (count, Some(place)) = &self.silent[0] {
            warnings.push(format!(
                "{count} shipped orders have no packages in their newest document, first {}: their packages count as the last \
                 document with packages has them, and may have been scanned since. {remedy}",
                at(place)
            ));
        }
        if let (count, Some(place)) = &self.silent[1] {
            warnings.push(format!(
                "{count} orders are shipped by their newest document, first {}, and no record has their packages: they are in no \
                 figure. {remedy}, or give their confirmations",
                at(place)
            ));
        }
        if let ((count, Some(place)), true) = (&self.stateless, told.judges_scans) {
            warnings.push(format!(
                "{count} of {} packages have no scan because no document that has states has their number, first {}; they count as \
                 never scanned, which is a defect. Give an input of events, or the documents of their orders",
                self.packages,
                at(place)
            ));
        }
    }

    /// Says of how many packages the feeds have scans that are too far from their shipping to be theirs.
    fn told_of_outside(&self, file: &dyn Fn(u32) -> String, window: EventWindow) -> Option<String> {
        let (count, Some(place)) = self.outside_window else { return None };
        Some(format!(
            "{count} of {} packages have no scan, but their number was scanned outside of event_window = [{}, {}], the days around \
             shipping, first of {} record {}: such scans do not count. Look for day and month swapped or another wrong date, or \
             set [assemble] event_window",
            self.packages,
            window.from,
            window.to,
            file(place.file),
            place.record
        ))
    }

    /// Says which packages are probably earlier states of others. Few unscanned ones are probably parcels of orders that
    /// were shipped on different days; one without a number is none.
    fn told_of_replaced(&self, told: &Told) -> Option<String> {
        let [(unscanned, replaced), (_, numberless)] = self.doubted;
        let is_told = told.judges_scans && replaced * REPLACED_IN >= unscanned.max(1);
        let (count, what) = if is_told { (replaced, "scan") } else { (numberless, "number") };
        (count > 0).then(|| {
            format!(
                "{count} of {} packages have no {what}, and a later file has their order with other packages only: if they are the \
                 same packages before they got another number, or one at all, they count twice; with fold = \"confirmations\" and \
                 `written_at` (a group of [input.from_path]) the newest file of an order counts",
                self.packages
            )
        })
    }

    /// Says what the packages count as whose carrier no feed follows: an output has one kind of evidence, so they are
    /// judged by scans that nobody could have seen.
    fn told_of_unasked(&self, told: &Told) -> Option<String> {
        let all: u64 = self.unasked.values().sum();
        if all == 0 || !told.judges_scans {
            return None;
        }
        let each = self.unasked.iter().map(|(id, count)| format!("{} {count}", (told.carrier)(*id)));
        Some(format!(
            "{all} of {} packages, of carriers in [assemble] `unseen` ({}), have no scan because nobody asked their carrier; they \
             count as never scanned, which is a defect, and the rates of their accounts are too low by that. Give a feed that \
             follows the carrier, or judge these packages in a job of their own by their number alone (evidence = \"format\")",
            self.packages,
            each.collect::<Vec<_>>().join(", ")
        ))
    }

    /// Adds the tally of another thread.
    pub fn merge(&mut self, other: Tally) {
        for (file, counts) in other.fates {
            self.fates.entry(file).or_default().iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        }
        self.statuses += other.statuses;
        for (key, (count, place)) in other.unmapped {
            let (sum, first) = self.unmapped.entry(key).or_insert((0, place));
            (*sum, *first) = (*sum + count, (*first).min(place));
        }
        other.events.into_iter().for_each(|(key, asked)| self.events.entry(key).or_default().merge(&asked));
        other.orders.into_iter().for_each(|(key, asked)| self.orders.entry(key).or_default().merge(&asked));
        for (key, (all, with)) in other.met {
            let sum = self.met.entry(key).or_default();
            *sum = (sum.0 + all, sum.1 + with);
        }
        count_up(&mut self.other_store, other.other_store);
        count_up(&mut self.stateless, other.stateless);
        count_up(&mut self.by_text, other.by_text);
        self.silent.iter_mut().zip(other.silent).for_each(|(sum, more)| count_up(sum, more));
        count_up(&mut self.outside_window, other.outside_window);
        self.notes.iter_mut().zip(other.notes).for_each(|(sum, count)| *sum += count);
        self.packages += other.packages;
        self.delivered_by_other += other.delivered_by_other;
        for (sum, more) in self.doubted.iter_mut().zip(other.doubted) {
            *sum = (sum.0 + more.0, sum.1 + more.1);
        }
        other.unasked.into_iter().for_each(|(carrier, count)| *self.unasked.entry(carrier).or_default() += count);
    }

    /// Checks the coverage.
    ///
    /// # Errors
    /// [`Error::Gate`] with every gap.
    pub fn judge(&self, told: &Told) -> Result<()> {
        let (covers, carrier, file) = (told.covers, told.carrier, told.file);
        let mut gaps = Vec::new();
        if covers.events.0 > 0 {
            self.judge_events(covers.events, carrier, &mut gaps);
            if gaps.is_empty() {
                gaps = self.stopped(covers.events, carrier);
            }
        }
        if covers.orders.0 > 0 {
            let limit = share(covers.orders);
            for ((seller, marketplace, _), asked) in &self.orders {
                if asked.is_below(covers.orders) {
                    let what = format!(
                        "orders_cover: seller {seller} in {marketplace}: less than {limit} of the packages' orders are known: {}",
                        asked.told()
                    );
                    gaps.push(what);
                }
            }
        }
        let unmapped: u64 = self.unmapped.values().map(|(count, _)| count).sum();
        let (part, whole) = covers.unmapped;
        if u128::from(unmapped) * u128::from(whole) > u128::from(self.statuses) * u128::from(part) {
            let mut worst: Vec<_> = self.unmapped.iter().collect();
            worst.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
            let shown = |((status, sub), (count, place)): &(&(String, String), &(u64, RecordPlace))| {
                let words = if sub.is_empty() { status.clone() } else { format!("{status} {sub}") };
                let words = vtr_kernel::text::shown(&words).into_owned();
                format!("`{words}` {count} times, first in {} record {}", file(place.file), place.record)
            };
            let shown: Vec<String> = worst.iter().take(3).map(shown).collect();
            gaps.push(format!(
                "statuses_unmapped: {unmapped} of {} statuses are in no list, more than {}: {}; add them to the profile's statuses",
                self.statuses,
                share(covers.unmapped),
                shown.join("; ")
            ));
        }
        if gaps.is_empty() {
            return Ok(());
        }
        let of_events = gaps.iter().any(|gap| gap.starts_with("events_cover"));
        let unseen = if of_events {
            ". Carriers that no feed follows can be named in [assemble] `unseen`: their packages then count as never scanned, which \
             makes the rates of their accounts too low"
        } else {
            ""
        };
        let outside = self.told_of_outside(file, told.window).filter(|_| of_events);
        let outside = outside.map_or_else(String::new, |outside| format!(". {outside}"));
        gaps.truncate(30);
        Err(Error::Gate(format!(
            "the packages do not hang together; they were not replaced, and nothing was published:\n  {}\n  \
             give the files that are missing, or set the limit in [limits]{unseen}{outside}",
            gaps.join("\n  ")
        )))
    }

    /// Says whose numbers a feed named until some weeks before the end: of a long history these weeks are a small share.
    fn stopped(&self, cover: (u64, u64), carrier: &dyn Fn(u16) -> String) -> Vec<String> {
        let mut by_carrier: BTreeMap<u16, CoverageGap> = BTreeMap::new();
        let mut by_seller: BTreeMap<(&String, &String), CoverageGap> = BTreeMap::new();
        let mut total = CoverageGap::default();
        for ((seller, marketplace, of), asked) in &self.events {
            of.iter().for_each(|id| by_carrier.entry(*id).or_default().merge(asked));
            by_seller.entry((seller, marketplace)).or_default().merge(asked);
            total.merge(asked);
        }
        let said = |whose: &dyn Fn() -> String, asked: &CoverageGap| {
            let stopped = asked.recent.stopped(cover).filter(|_| asked.found > 0)?;
            Some(format!("events_cover: {}: {stopped}", whose()))
        };
        let of_carrier = |(id, asked): (&u16, &CoverageGap)| said(&|| format!("carrier {}", carrier(*id)), asked);
        let of_seller = |((seller, market), asked): (&(&String, &String), &CoverageGap)| {
            said(&|| format!("seller {seller} in {market}"), asked)
        };
        let mut gaps: Vec<String> = by_carrier.iter().filter_map(of_carrier).collect();
        gaps.extend(by_seller.iter().filter_map(of_seller));
        if gaps.is_empty() {
            gaps.extend(said(&|| "all carriers and sellers together".to_owned(), &total));
        }
        gaps
    }

    fn judge_events(&self, cover: (u64, u64), carrier: &dyn Fn(u16) -> String, gaps: &mut Vec<String>) {
        let limit = share(cover);
        let mut by_carrier: BTreeMap<Option<u16>, CoverageGap> = BTreeMap::new();
        let mut by_seller: BTreeMap<(&str, &str), CoverageGap> = BTreeMap::new();
        let mut total = CoverageGap::default();
        for ((seller, marketplace, of), asked) in &self.events {
            by_carrier.entry(*of).or_default().merge(asked);
            by_seller.entry((seller, marketplace)).or_default().merge(asked);
            total.merge(asked);
        }
        let places = |of: Option<u16>| {
            let is_gap = |asked: &CoverageGap| asked.found < asked.asked;
            let keys = self.events.iter().filter(|((_, _, known), asked)| *known == of && is_gap(asked));
            let mut named: Vec<String> =
                keys.map(|((seller, market, _), _)| format!("seller {seller} in {market}")).collect();
            let more = named.len().saturating_sub(3);
            named.truncate(3);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            named.join(", ") + &more
        };
        for (of, asked) in &by_carrier {
            let name = of.map_or_else(|| "an unknown carrier".to_owned(), |id| format!("carrier {}", carrier(id)));
            if of.is_some() && asked.found == 0 && asked.asked >= NOTICED {
                gaps.push(format!(
                    "events_cover: {name}: no feed names any of its numbers ({}): {}",
                    places(*of),
                    asked.told()
                ));
            } else if asked.asked >= ENOUGH && asked.is_below(cover) {
                gaps.push(format!(
                    "events_cover: {name}: less than {limit} of its numbers are named by events ({}): {}",
                    places(*of),
                    asked.told()
                ));
            }
        }
        for ((seller, marketplace), asked) in &by_seller {
            // A feed that was not delivered at all is noticed with small sellers too.
            let lacks = match asked.found {
                0 if asked.asked >= NOTICED => "no feed names any of the numbers".to_owned(),
                _ if asked.asked >= ENOUGH && asked.is_below(cover) => {
                    format!("less than {limit} of the numbers are named by events")
                }
                _ => continue,
            };
            gaps.push(format!("events_cover: seller {seller} in {marketplace}: {lacks}: {}", asked.told()));
        }
        if total.is_below(cover) && gaps.is_empty() {
            let of: Vec<String> = by_seller
                .iter()
                .filter(|(_, asked)| asked.found < asked.asked)
                .take(3)
                .map(|((seller, market), _)| format!("seller {seller} in {market}"))
                .collect();
            let carriers: Vec<String> = by_carrier
                .iter()
                .filter(|(_, asked)| asked.found < asked.asked)
                .take(3)
                .map(|(of, _)| of.map_or_else(|| "unknown".to_owned(), carrier))
                .collect();
            gaps.push(format!(
                "events_cover: less than {limit} of all numbers are named by events ({}; carriers {}): {}",
                of.join(", "),
                carriers.join(", "),
                total.told()
            ));
        }
    }
}

/// Returns a share as people write it.
pub fn share((part, whole): (u64, u64)) -> String {
    let hundredths = u128::from(part) * 10_000 / u128::from(whole.max(1));
    let (whole, rest) = (hundredths / 100, hundredths % 100);
    if rest == 0 { format!("{whole}%") } else { format!("{whole}.{rest:02}%") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COVERS: Covers = Covers { events: (95, 100), orders: (99, 100), unmapped: (1, 100) };

    fn judged(tally: &Tally, covers: &Covers) -> String {
        let (carrier, file) = (|id| format!("c{id}"), |file| format!("f{file}"));
        let (covers, window) = (covers, EventWindow::default());
        let told = Told { has_orders: true, judges_scans: true, covers, window, file: &file, carrier: &carrier };
        let judged = tally.judge(&told);
        judged.err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn a_small_seller_whose_feed_is_missing_is_a_gap() {
        let mut tally = Tally::default();
        (0..400).for_each(|day| tally.ask_events(("BIG", "DE", Some(1)), (20_000 + day % 50, 1_000), true));
        (0..9).for_each(|day| tally.ask_events(("SMALL", "DE", Some(1)), (20_000 + day, 1_000), false));
        assert_eq!(judged(&tally, &COVERS), "", "nine may be new numbers");
        tally.ask_events(("SMALL", "DE", Some(1)), (20_009, 1_000), false);
        let said = judged(&tally, &COVERS);
        assert!(said.contains("seller SMALL in DE: no feed names any of the numbers: 0 of 10"), "{said}");
    }

    #[test]
    fn a_gap_in_the_feeds_names_whose_it_is_and_when() {
        let mut tally = Tally::default();
        (0..200).for_each(|day| tally.ask_events(("S", "DE", Some(1)), (20_000 + day, 1_000), day >= 10));
        assert_eq!(judged(&tally, &COVERS), "");
        tally.ask_events(("S", "DE", Some(1)), (20_010, 1_000), false);
        let said = judged(&tally, &COVERS);
        for part in ["seller S in DE", "carrier c1", "190 of 201", "2024-10-04 to 2024-10-14"] {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert_eq!(judged(&tally, &Covers { events: (0, 1), ..COVERS }), "");
    }

    #[test]
    fn a_carrier_that_no_feed_names_is_a_gap_however_small_its_share() {
        let mut tally = Tally::default();
        (0..10_000).for_each(|_| tally.ask_events(("S", "DE", Some(1)), (20_000, 1_000), true));
        (0..10).for_each(|_| tally.ask_events(("S", "DE", Some(2)), (20_000, 1_000), false));
        assert!(judged(&tally, &COVERS).contains("carrier c2: no feed names any"), "{}", judged(&tally, &COVERS));
    }

    #[test]
    fn unknown_orders_and_statuses_are_gaps_and_tallies_add_up() {
        let mut tally = Tally { statuses: 100, ..Tally::default() };
        tally.unmapped("odd", "", RecordPlace { file: 3, record: 7 });
        (0..100).for_each(|day| tally.ask_orders("S", "DE", day, day > 0));
        assert_eq!(judged(&tally, &COVERS), "");
        let mut both = tally.clone();
        both.merge(Tally { statuses: 0, ..tally.clone() });
        both.ask_orders("S", "DE", 5, false);
        let said = judged(&both, &COVERS);
        assert!(
            said.contains("`odd` 2 times, first in f3 record 7") && said.contains("orders_cover: seller S in DE"),
            "{said}"
        );
    }
}
