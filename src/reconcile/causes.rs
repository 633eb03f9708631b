//! Explains why Amazon and we judge one order differently: the first test that holds, in a fixed order.
//!
//! Every cause is a test on facts of both sides and names these facts; none is a probability. If no test holds, the
//! cause is `unexplained`. It cannot fail.

use super::defect_list::Listed;
use super::ours::{Package, RowOutcome};
use super::window::Window;
use vtr_kernel::calendar::{DAY_MICROS, Day, Micros, date_from_day};
use vtr_kernel::ladder::Evidence;
use vtr_kernel::reason::{Class, Reason};
use vtr_kernel::text::shown;

/// A cause: its name and the facts that made the test hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Cause {
    /// The cause's name.
    pub name: &'static str,
    /// The facts, in words.
    pub because: String,
}

/// The facts around an order.
pub struct Circumstances<'a> {
    /// The marketplace in which the row is compared.
    pub marketplace: &'a str,
    /// The days that Amazon's figure covers, if they are known.
    pub window: Option<Window>,
    /// The day on which the report was pulled, if it is known.
    pub pulled_on: Option<Day>,
    /// The evidence by which we judge.
    pub evidence: Evidence,
    /// Our packages of the seller and marketplace with the same number, this one included.
    pub same_number: usize,
    /// Our packages of the order, this one included.
    pub of_order: usize,
    /// The carrier list in force, by its name.
    pub version: &'a str,
}

/// The days within which Amazon applies edits.
const IN_FLIGHT_DAYS: i64 = 3;

impl Circumstances<'_> {
    fn in_flight(&self, package: &Package) -> Option<String> {
        let end = (i64::from(self.pulled_on?) + 1) * DAY_MICROS;
        let touched = package.touched?;
        (end - (IN_FLIGHT_DAYS + 1) * DAY_MICROS <= touched && touched < end)
            .then(|| format!("touched {}, within 72 hours before the report was pulled", moment(touched)))
    }
}

fn moment(at: Micros) -> String {
    chrono::DateTime::from_timestamp_micros(at)
        .map_or_else(String::new, |at| at.format("%Y-%m-%d %H:%M UTC").to_string())
}

fn cause(name: &'static str, because: impl Into<String>) -> Cause {
    Cause { name, because: because.into() }
}

/// A test: the cause's name, and the facts if it holds.
type Test<'a> = (&'static str, &'a dyn Fn() -> Option<String>);

fn first(tests: &[Test]) -> Cause {
    tests
        .iter()
        .find_map(|(name, test)| test().map(|because| cause(name, because)))
        .unwrap_or_else(|| cause("unexplained", "no test on facts of either side holds"))
}

/// Explains why Amazon lists a row as a defect that is none of ours. `at` is the row's index among the listed ones.
pub fn only_amazon(row: &Listed, at: usize, ours: Option<&Package>, around: &Circumstances) -> Cause {
    let Some(package) = ours else {
        return cause("not_in_history", "no row of the inputs has this order");
    };
    let (reason, rule) = match &package.outcome {
        RowOutcome::NotJudged(why) => return cause("not_judged_here", why.clone()),
        RowOutcome::Judged { reason, rule } => (*reason, rule.as_str()),
    };
    if package.marketplace != around.marketplace {
        let (here, there) = (&package.marketplace, around.marketplace);
        let because = format!("our history has the order in {here}, not in {there}: {} ({rule})", reason.name());
        return cause("not_judged_here", because);
    }
    if reason.class() == Class::OutOfScope {
        return cause("not_judged_here", format!("{} ({rule})", reason.name()));
    }
    let other_window = || {
        let window = around.window.filter(|window| !window.contains(package.day))?;
        let (ours, theirs) = (date_from_day(package.day), shown(&row.promised));
        Some(format!("our day is {ours}, outside {window}; Amazon's promised date is \"{theirs}\""))
    };
    let number_differs = || {
        let (theirs, ours) = (shown(&row.number), shown(&package.number));
        match row.number != package.number {
            // A seller can have typed just what Amazon writes for a number that it could not process.
            false => None,
            true if row.is_invalid_id => Some(format!("Amazon could not process the number; ours is {ours}")),
            true => Some(format!("Amazon has \"{theirs}\", we have \"{ours}\"")),
        }
    };
    let exempt_here = || {
        let is_exempt = reason.class() == Class::Exempt;
        let (ours, theirs) = (shown(&package.service), shown(&row.ship_method));
        is_exempt.then(|| format!("exempt by {rule}; ship method \"{ours}\" here, \"{theirs}\" at Amazon"))
    };
    let too_late = || {
        let (scan, window) = (package.first_scan?, around.window?);
        let last = around.pulled_on.map_or(window.to, |pulled| pulled.min(window.to));
        (scan >= (i64::from(last) + 1) * DAY_MICROS).then(|| format!("our first scan is of {}", moment(scan)))
    };
    let by_format = || {
        matches!(around.evidence, Evidence::Format)
            .then(|| "we judge the number alone, because the inputs have no scans".to_owned())
    };
    let unseen = || {
        let scan = package.first_scan.filter(|_| reason == Reason::Scanned)?;
        Some(format!("our first scan is of {}, by {}", moment(scan), shown(&package.carrier)))
    };
    first(&[
        ("other_window", &other_window),
        ("number_differs", &number_differs),
        ("in_flight", &|| around.in_flight(package)),
        ("lane_or_value_differs", &|| package.otherwise.get(&at).cloned()),
        ("exempt_here", &exempt_here),
        ("scanned_by_other", &|| package.scanned_by_other.clone()),
        ("scan_too_late_for_them", &too_late),
        ("format_evidence", &by_format),
        ("scan_unseen_by_amazon", &unseen),
    ])
}

/// Explains why one of our defects is not on Amazon's list.
pub fn only_ours(package: &Package, around: &Circumstances) -> Cause {
    let RowOutcome::Judged { reason, rule } = &package.outcome else {
        return cause("unexplained", "it was not judged");
    };
    let border = || {
        let window = around.window.filter(|window| window.is_border(package.day))?;
        Some(format!("{} is the first or last day of {window}", date_from_day(package.day)))
    };
    let missing_events = || {
        let needs_scans = matches!(reason, Reason::ScanMissing | Reason::DeliveryScanMissing);
        package.missing_events.clone().filter(|_| needs_scans)
    };
    let shared = || {
        (around.same_number > 1)
            .then(|| format!("{} of our packages have {}", around.same_number, shown(&package.number)))
    };
    let duplicate = || (around.of_order > 1).then(|| format!("the order has {} packages here", around.of_order));
    let not_accepted = || {
        let by_list = *reason == Reason::CarrierNotAccepted;
        by_list.then(|| format!("{} is not on the list of {}", shown(&package.carrier), around.version))
    };
    let by_number =
        || matches!(reason.entry().rung, 8 | 12 | 13 | 16 | 17).then(|| format!("{} ({rule})", reason.name()));
    let late = || {
        (*reason == Reason::AddedAfterDelivery)
            .then(|| "by `tracking_added_at` and `delivery_scan_at` of the inputs".to_owned())
    };
    first(&[
        ("in_flight", &|| around.in_flight(package)),
        ("border_day", &border),
        ("missing_scan_feed", &missing_events),
        ("number_shared", &shared),
        ("duplicate_package", &duplicate),
        ("carrier_not_accepted", &not_accepted),
        ("exempt_elsewhere", &|| package.exempt_if.clone()),
        ("number_judged", &by_number),
        ("added_after_delivery", &late),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Day = 20_400;

    fn package(reason: Reason) -> Package {
        Package {
            marketplace: "DE".into(),
            programme: "standard".into(),
            number: "N1".into(),
            carrier: "dhl_paket".into(),
            service: "Brief Kompakt".into(),
            day: DAY,
            utc_day: DAY,
            first_scan: Some(i64::from(DAY) * DAY_MICROS),
            version: "v".into(),
            ..Package::bare("S".into(), "O".into(), RowOutcome::Judged { reason, rule: "r".into() })
        }
    }

    fn row() -> Listed {
        Listed {
            order_id: "O".into(),
            carrier: "DHL".into(),
            number: "N1".into(),
            is_invalid_id: false,
            origin: String::new(),
            promised: String::new(),
            ship_method: String::new(),
            ship_option: String::new(),
            flags: Vec::new(),
            value: None,
            currency: None,
            category: String::new(),
            cells: Vec::new(),
            record: 1,
        }
    }

    fn around() -> Circumstances<'static> {
        Circumstances {
            marketplace: "DE",
            window: Some(Window { from: DAY - 20, to: DAY + 9 }),
            pulled_on: Some(DAY + 23),
            evidence: Evidence::Scans,
            same_number: 1,
            of_order: 1,
            version: "v",
        }
    }

    /// A change of the facts that makes one test hold.
    type Change = (&'static str, fn(&mut Package, &mut Listed, &mut Circumstances<'static>));

    /// Makes every pair of adjacent causes hold at once and checks that the first of them is returned.
    fn the_earlier_wins(changes: &[Change], reason: Reason, ask: &dyn Fn(&Package, &Listed, &Circumstances) -> Cause) {
        for (index, (name, change)) in changes.iter().enumerate() {
            let (mut ours, mut theirs, mut around) = (package(reason), row(), around());
            change(&mut ours, &mut theirs, &mut around);
            assert_eq!(ask(&ours, &theirs, &around).name, *name);
            if let Some((_, next)) = changes.get(index + 1) {
                next(&mut ours, &mut theirs, &mut around);
                change(&mut ours, &mut theirs, &mut around);
                assert_eq!(ask(&ours, &theirs, &around).name, *name, "beside the next");
            }
        }
    }

    #[test]
    fn only_amazon_takes_the_first_cause_that_holds() {
        assert_eq!(only_amazon(&row(), 0, None, &around()).name, "not_in_history");
        let changes: [Change; 11] = [
            ("not_judged_here", |ours, _, _| ours.outcome = RowOutcome::NotJudged("rejected".into())),
            ("not_judged_here", |_, _, around| around.marketplace = "FR"),
            ("other_window", |ours, _, _| ours.day = DAY + 40),
            ("number_differs", |_, theirs, _| theirs.number = "N2".into()),
            ("in_flight", |ours, _, _| ours.touched = Some(i64::from(DAY + 22) * DAY_MICROS)),
            ("lane_or_value_differs", |ours, _, _| drop(ours.otherwise.insert(0, "another lane".into()))),
            ("exempt_here", |ours, _, _| {
                ours.outcome = RowOutcome::Judged { reason: Reason::Exempt, rule: "x".into() }
            }),
            ("scanned_by_other", |ours, _, _| ours.scanned_by_other = Some("a partner's".into())),
            ("scan_too_late_for_them", |ours, _, _| ours.first_scan = Some(i64::from(DAY + 10) * DAY_MICROS)),
            ("format_evidence", |_, _, around| around.evidence = Evidence::Format),
            ("scan_unseen_by_amazon", |_, _, _| {}),
        ];
        the_earlier_wins(&changes, Reason::Scanned, &|ours, theirs, around| only_amazon(theirs, 0, Some(ours), around));
        let mut unscanned = package(Reason::WellFormed);
        unscanned.first_scan = None;
        assert_eq!(only_amazon(&row(), 0, Some(&unscanned), &around()).name, "unexplained");
        let unread = |number: &str| Listed { is_invalid_id: true, number: number.into(), ..row() };
        assert_eq!(only_amazon(&unread("OINVALIDID"), 0, Some(&unscanned), &around()).name, "number_differs");
        assert_eq!(only_amazon(&unread("N1"), 0, Some(&unscanned), &around()).name, "unexplained", "equal numbers");
    }

    #[test]
    fn only_ours_takes_the_first_cause_that_holds() {
        let changes: [Change; 9] = [
            ("in_flight", |ours, _, _| ours.touched = Some(i64::from(DAY + 22) * DAY_MICROS)),
            ("border_day", |ours, _, _| ours.day = DAY + 9),
            ("missing_scan_feed", |ours, _, _| ours.missing_events = Some("no event".into())),
            ("number_shared", |_, _, around| around.same_number = 2),
            ("duplicate_package", |_, _, around| around.of_order = 2),
            ("carrier_not_accepted", |ours, _, _| {
                ours.outcome = RowOutcome::Judged { reason: Reason::CarrierNotAccepted, rule: "r".into() };
            }),
            ("exempt_elsewhere", |ours, _, _| ours.exempt_if = Some("a letter".into())),
            ("number_judged", |ours, _, _| {
                ours.outcome = RowOutcome::Judged { reason: Reason::NumberMalformed, rule: "r".into() };
            }),
            ("added_after_delivery", |ours, _, _| {
                ours.outcome = RowOutcome::Judged { reason: Reason::AddedAfterDelivery, rule: "r".into() };
            }),
        ];
        the_earlier_wins(&changes, Reason::ScanMissing, &|ours, _, around| only_ours(ours, around));
        assert_eq!(only_ours(&package(Reason::ScanMissing), &around()).name, "unexplained");
    }
}
