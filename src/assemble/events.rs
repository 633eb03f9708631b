//! Which package an event of a carrier's feed belongs to, and which facts the events of a package give.
//!
//! Numbers are used again: outside a window of days around shipping an event belongs to no package, and if several
//! packages have the number, to the one whose window opened latest. It looks at the packages and events of one number
//! at a time; it reads no clock and cannot fail.

use super::facts::Fate;
use crate::job::assembly::EventWindow;
use std::collections::HashSet;
use vtr_kernel::calendar::{DAY_MICROS, Day, Micros, Zone};
use vtr_kernel::instant::Moment;

/// Days within which shipped packages of one number share its events.
const SHARED_WITHIN: Day = 3;
/// Days before the promise at which a package without a ship date is taken to be shipped.
const BEFORE_PROMISE: Day = 30;
/// Days by which two clocks can be apart.
const CLOCKS_APART: Day = 2;
/// Events of a number up to which they are compared pairwise; more are hashed.
const FEW: usize = 8;

/// Returns the day that a package's window depends on.
pub fn opened(shipped: Option<Day>, promised: Option<Day>) -> Option<Day> {
    shipped.or_else(|| promised.map(|day| day.saturating_sub(BEFORE_PROMISE)))
}

/// A package as events need it.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Its seller.
    pub seller: &'a str,
    /// The day that its window depends on; `None` if no event can belong to it.
    pub opened: Option<Day>,
    /// The zone in which its days begin.
    pub zone: &'a Zone,
    /// Its carrier; `None` if missing or unknown.
    pub carrier: Option<u16>,
}

/// The meaning of a status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Meaning {
    /// A carrier held it.
    pub is_scan: bool,
    /// It was delivered, or a delivery was tried.
    pub is_delivery: bool,
}

/// An event.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// When it happened; `None` for a document without events, which names the number and gives no facts.
    pub at: Option<Moment>,
    /// The meaning of its status.
    pub meaning: Meaning,
    /// The seller of its feed, if known.
    pub seller: Option<&'a str>,
    /// The carrier; `None` if missing or unknown.
    pub carrier: Option<u16>,
    /// Its status as written; equal events have equal ones.
    pub status: (&'a str, &'a str),
}

/// The facts that the events of a package give.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScanFacts {
    /// The earliest time with a scan.
    pub first_scan_at: Option<Micros>,
    /// The earliest time with a delivery.
    pub delivery_scan_at: Option<Micros>,
    /// Distinct events that count.
    pub events: u64,
    /// A document or event of the feeds names its number.
    pub is_named: bool,
    /// Other packages share its events.
    pub is_shared: bool,
    /// Only other carriers have scans of it.
    pub by_other: bool,
    /// Only other carriers have scans of it, and one of them delivered it.
    pub delivered_by_other: bool,
    /// Scans of its number are outside of its window and belong to no package.
    pub outside: bool,
    /// All its scans are by another carrier that may have them: one of its carrier's family or partners.
    pub by_friend: bool,
}

/// Assigns the events of one number to its packages; `agree` decides whether the numbers of two carriers may meet.
/// Equal events count once: the first one is used. Returns the facts of each package and the fate of each event.
pub fn assign(
    packages: &[Candidate],
    events: &[Event],
    window: EventWindow,
    agree: &dyn Fn(u16, u16) -> bool,
) -> (Vec<ScanFacts>, Vec<Fate>) {
    let mut told = vec![ScanFacts::default(); packages.len()];
    let mut fates = vec![Fate::Unused; events.len()];
    let (mut others, mut own) = (vec![Meaning::default(); packages.len()], vec![false; packages.len()]);
    name(packages, events, window, &mut told);
    let mut by_day: Vec<(Day, usize)> =
        packages.iter().enumerate().filter_map(|(index, package)| Some((package.opened?, index))).collect();
    by_day.sort_unstable();
    let mut known = HashSet::new();
    for (index, event) in events.iter().enumerate() {
        let Some(at) = event.at else { continue };
        let is_again = if events.len() <= FEW {
            events[..index].iter().any(|other| content(other) == content(event))
        } else {
            !known.insert(content(event))
        };
        if is_again {
            fates[index] = Fate::Superseded;
            continue;
        }
        let owners = owners(packages, &by_day, event, at, window);
        if owners.is_empty() && (event.meaning.is_scan || event.meaning.is_delivery) {
            nearest(packages, &by_day, event, at, agree).for_each(|near| told[near].outside = true);
        }
        for owner in &owners {
            let package = &packages[*owner];
            let fits = package.carrier.zip(event.carrier).is_none_or(|(a, b)| agree(a, b));
            if !fits {
                others[*owner].is_scan |= event.meaning.is_scan;
                others[*owner].is_delivery |= event.meaning.is_delivery;
                continue;
            }
            fates[index] = Fate::Used;
            let told = &mut told[*owner];
            told.events += 1;
            told.is_shared |= owners.len() > 1;
            if event.meaning.is_scan || event.meaning.is_delivery {
                match package.carrier.zip(event.carrier) {
                    Some((a, b)) if a != b => told.by_friend = true,
                    _ => own[*owner] = true,
                }
            }
            if event.meaning.is_scan {
                least(&mut told.first_scan_at, at.earliest(package.zone));
            }
            if event.meaning.is_delivery {
                least(&mut told.delivery_scan_at, at.latest(package.zone));
            }
        }
    }
    for (told, (other, own)) in told.iter_mut().zip(others.into_iter().zip(own)) {
        told.by_friend &= !own;
        told.by_other = other.is_scan && told.first_scan_at.is_none() && told.delivery_scan_at.is_none();
        told.delivered_by_other = told.by_other && other.is_delivery;
    }
    (told, fates)
}

/// Returns whether an event would belong to a package if it had its carrier; packages of the same number are not looked at.
pub fn is_of_another(
    package: &Candidate,
    event: &Event,
    window: EventWindow,
    agree: &dyn Fn(u16, u16) -> bool,
) -> bool {
    let (Some(opened), Some(at)) = (package.opened, event.at) else { return false };
    let span = opened.saturating_add(window.from)..=opened.saturating_add(window.to);
    let is_sellers = event.seller.is_none_or(|seller| seller == package.seller);
    let is_another = package.carrier.zip(event.carrier).is_some_and(|(own, other)| !agree(own, other));
    is_sellers && is_another && span.contains(&at.day(package.zone))
}

/// Finds which packages the feeds name at all: an event of a seller's own feed names only that seller's packages, and one
/// outside of a package's window, such as of an earlier parcel with its number, does not name it. A document without
/// events names its number whenever it was asked for.
fn name(packages: &[Candidate], events: &[Event], window: EventWindow, told: &mut [ScanFacts]) {
    let Some(zone) = packages.first().map(|package| package.zone) else { return };
    let day = |event: &Event| event.at.map_or(Day::MIN, |at| at.day(zone));
    let mut seen: Vec<(Option<&str>, Day)> = events.iter().map(|event| (event.seller, day(event))).collect();
    seen.sort_unstable();
    let is_seen = |seller: Option<&str>, (from, to): (Day, Day)| {
        let at = seen.partition_point(|event| *event < (seller, from));
        seen.get(at).is_some_and(|(own, day)| *own == seller && *day <= to)
    };
    for (told, package) in told.iter_mut().zip(packages) {
        let from = |opened: Day| opened.saturating_add(window.from).saturating_sub(CLOCKS_APART);
        let to = |opened: Day| opened.saturating_add(window.to).saturating_add(CLOCKS_APART);
        let days = package.opened.map_or((Day::MIN, Day::MAX), |opened| (from(opened), to(opened)));
        let of = |seller| is_seen(seller, (Day::MIN, Day::MIN)) || is_seen(seller, days);
        told.is_named = of(None) || of(Some(package.seller));
    }
}

/// Returns the packages, at most two, whose windows are nearest to an event that lies in none and could be theirs.
fn nearest<'a>(
    packages: &'a [Candidate],
    by_day: &'a [(Day, usize)],
    event: &'a Event,
    at: Moment,
    agree: &'a dyn Fn(u16, u16) -> bool,
) -> impl Iterator<Item = usize> + 'a {
    let next = by_day.partition_point(|(opened, index)| *opened <= at.day(packages[*index].zone));
    let near = by_day[next.saturating_sub(1)..by_day.len().min(next + 1)].iter().map(|(_, index)| *index);
    near.filter(move |index| {
        let package = &packages[*index];
        let fits = package.carrier.zip(event.carrier).is_none_or(|(own, other)| agree(own, other));
        fits && event.seller.is_none_or(|seller| seller == package.seller)
    })
}

/// The content of an event; events with equal content are the same.
type EventContent<'a> = (Option<(bool, i64)>, Option<&'a str>, Option<u16>, (&'a str, &'a str));

fn content<'a>(event: &Event<'a>) -> EventContent<'a> {
    let at = event.at.map(|at| match at {
        Moment::Instant(at) => (true, at),
        Moment::Date(day) => (false, i64::from(day)),
    });
    (at, event.seller, event.carrier, event.status)
}

/// Returns the packages that an event belongs to: the one with an open window that opened latest, and those shipped
/// shortly before it. Only days on which a window can be open by any clock are searched.
fn owners(
    packages: &[Candidate],
    by_day: &[(Day, usize)],
    event: &Event,
    at: Moment,
    window: EventWindow,
) -> Vec<usize> {
    let Some((_, first)) = by_day.first() else { return Vec::new() };
    let near = at.day(packages[*first].zone);
    let end = near.saturating_add(CLOCKS_APART).saturating_sub(window.from);
    let begin = near.saturating_sub(CLOCKS_APART).saturating_sub(window.to);
    let mut latest = None;
    let mut owners = Vec::new();
    for (opened, index) in by_day[..by_day.partition_point(|(opened, _)| *opened <= end)].iter().rev() {
        let is_past = latest.is_some_and(|latest: Day| latest.saturating_sub(*opened) > SHARED_WITHIN);
        if is_past || *opened < begin {
            break;
        }
        let package = &packages[*index];
        let span = opened.saturating_add(window.from)..=opened.saturating_add(window.to);
        if event.seller.is_none_or(|seller| seller == package.seller) && span.contains(&at.day(package.zone)) {
            latest.get_or_insert(*opened);
            owners.push(*index);
        }
    }
    owners
}

fn least(known: &mut Option<Micros>, at: Micros) {
    *known = Some(known.map_or(at, |known| known.min(at)));
}

/// Returns whether a moment is after the end of a day (UTC).
pub fn is_after(at: Micros, day: Day) -> bool {
    at >= (i64::from(day) + 1).saturating_mul(DAY_MICROS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCAN: Meaning = Meaning { is_scan: true, is_delivery: false };
    const DELIVERY: Meaning = Meaning { is_scan: true, is_delivery: true };

    fn event(day: Day, meaning: Meaning) -> Event<'static> {
        Event { at: Some(Moment::Date(day)), meaning, seller: None, carrier: None, status: ("x", "") }
    }

    fn package(zone: &Zone, opened: Day) -> Candidate<'_> {
        Candidate { seller: "S", opened: Some(opened), zone, carrier: None }
    }

    fn agree(a: u16, b: u16) -> bool {
        a == b
    }

    #[test]
    fn events_go_to_the_package_whose_window_opened_latest() {
        let zone = Zone::utc();
        let packages = [package(&zone, 100), package(&zone, 150), package(&zone, 152)];
        let events = [
            event(97, SCAN),
            event(96, SCAN),
            event(148, SCAN),
            event(160, DELIVERY),
            event(190, SCAN),
            event(243, SCAN),
        ];
        let (told, fates) = assign(&packages, &events, EventWindow::default(), &agree);
        assert_eq!(fates, [Fate::Used, Fate::Unused, Fate::Used, Fate::Used, Fate::Used, Fate::Unused]);
        assert_eq!(told.iter().map(|told| told.events).collect::<Vec<_>>(), [1, 3, 2]);
        assert_eq!(told.iter().map(|told| told.is_shared).collect::<Vec<_>>(), [false, true, true]);
        assert_eq!(told[2].first_scan_at, Some(160 * DAY_MICROS));
        assert_eq!(told[2].delivery_scan_at, Some(161 * DAY_MICROS - 1));
    }

    #[test]
    fn another_carriers_scan_and_another_sellers_feed_are_kept_apart() {
        let zone = Zone::utc();
        let packages = [Candidate { carrier: Some(1), ..package(&zone, 100) }];
        let of = |carrier: Option<u16>| Event { carrier, ..event(101, SCAN) };
        let (told, fates) = assign(&packages, &[of(Some(2))], EventWindow::default(), &agree);
        assert_eq!((fates[0], told[0].events, told[0].by_other), (Fate::Unused, 0, true));
        assert!(!told[0].delivered_by_other);
        assert!(is_of_another(&packages[0], &of(Some(2)), EventWindow::default(), &agree));
        for own in
            [of(Some(1)), of(None), Event { seller: Some("T"), ..of(Some(2)) }, Event { at: None, ..of(Some(2)) }]
        {
            assert!(!is_of_another(&packages[0], &own, EventWindow::default(), &agree), "{own:?}");
        }
        let delivered = Event { carrier: Some(2), ..event(103, DELIVERY) };
        let (told, _) = assign(&packages, &[of(Some(2)), delivered], EventWindow::default(), &agree);
        assert!(told[0].delivered_by_other && told[0].delivery_scan_at.is_none());
        let (told, fates) = assign(&packages, &[of(Some(2)), of(None), of(None)], EventWindow::default(), &agree);
        assert_eq!((&fates[1..], told[0].events, told[0].by_other), (&[Fate::Used, Fate::Superseded][..], 1, false));
        let friends = |_, _| true;
        let by_friend =
            |of_number: &[Event]| assign(&packages, of_number, EventWindow::default(), &friends).0[0].by_friend;
        assert!(by_friend(&[of(Some(2)), of(Some(3))]));
        assert!(!by_friend(&[of(Some(2)), of(Some(1))]) && !by_friend(&[of(Some(2)), of(None)]) && !by_friend(&[]));
        let foreign = Event { seller: Some("T"), ..event(101, SCAN) };
        let (told, _) = assign(&packages, &[foreign], EventWindow::default(), &agree);
        assert!(!told[0].is_named);
        let empty = Event { at: None, ..event(0, SCAN) };
        let (told, fates) = assign(&packages, &[empty], EventWindow::default(), &agree);
        assert!(told[0].is_named && fates[0] == Fate::Unused && told[0].events == 0);
    }

    #[test]
    fn a_flood_of_events_or_packages_of_one_number_takes_no_longer_than_as_many_numbers() {
        let zone = Zone::utc();
        let begun = std::time::Instant::now();
        let one = |at: i64| Event { at: Some(Moment::Instant(100 * DAY_MICROS + at)), ..event(0, SCAN) };
        let events: Vec<Event> = (0..400_000).map(|at| one(at / 2)).collect();
        let (told, fates) = assign(&[package(&zone, 100)], &events, EventWindow::default(), &agree);
        let again = fates.iter().filter(|fate| **fate == Fate::Superseded).count();
        assert_eq!((told[0].events, again), (200_000, 200_000));
        let packages: Vec<Candidate> = (0..100_000).map(|day| package(&zone, day)).collect();
        let events: Vec<Event> = (0..100_000).map(|day| event(day, SCAN)).collect();
        let (told, _) = assign(&packages, &events, EventWindow::default(), &agree);
        // The window is from three days before shipping to the day before the next package's: four packages share each
        // event.
        assert!(told[10..99_000].iter().all(|told| told.events == 4));
        assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
    }

    #[test]
    fn without_a_ship_date_the_window_hangs_on_the_promise() {
        assert_eq!(opened(None, Some(130)), Some(100));
        assert_eq!(opened(Some(5), Some(130)), Some(5));
        assert_eq!(opened(None, None), None);
    }
}
