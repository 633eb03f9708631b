//! Amazon's two reports about a generated history: the figure and the list of defects, in Amazon's view.
//!
//! Both follow from the truth, or from the truth with one known difference planted into it; the affected orders are
//! written beside the reports. This module must not ask the kernel's judge. It fails if a file cannot be written,
//! or if the history has no package into which the difference can be planted.

use super::GenOptions;
use super::carriers::FILLERS;
use super::columns::Dictionaries;
use super::labels::NULL;
use super::numbers::Text;
use super::package::{Factory, NEVER, Parcel, Place};
use super::world::{Day, SECOND, date, day};
use super::write::{self, Target};
use crate::error::{GenError, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use vtr_kernel::lane::{Lane, Limit};
use vtr_kernel::policy::Market;
use vtr_kernel::reason::Class;
use vtr_kernel::{Book, Reason, countries};

/// The difference between Amazon's reports and the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planted {
    /// No difference: both reports are the truth.
    Nothing,
    /// Defects of orders that the history lacks.
    NotInHistory,
    /// Defects that are out of scope here.
    NotJudgedHere,
    /// Defects whose day is outside our window.
    OtherWindow,
    /// Defects with another number, or without a readable one.
    NumberDiffers,
    /// Packages that changed in the 72 hours before the reports were pulled, on either side.
    InFlight,
    /// Defects with another origin.
    LaneOrValueDiffers,
    /// Defects that are exempt here.
    ExemptHere,
    /// Defects that were first scanned after the window.
    ScanTooLateForThem,
    /// Defects of missing scans, for a job that judges by format.
    FormatEvidence,
    /// Defects that were scanned here.
    ScanUnseenByAmazon,
    /// Defects of the window's first and last day that Amazon does not list.
    BorderDay,
    /// Defects that share their number, and that Amazon does not list.
    NumberShared,
    /// Defects of orders of two packages that Amazon counts as one.
    DuplicatePackage,
    /// Defects of carriers that Amazon accepts.
    CarrierNotAccepted,
    /// Defects of little value that Amazon exempts.
    ExemptElsewhere,
    /// Defects by their number alone, which Amazon does not list.
    NumberJudged,
    /// Defects whose number came after delivery, which Amazon does not list.
    AddedAfterDelivery,
    /// Defects that Amazon does not list without any reason.
    Unexplained,
}

impl Planted {
    /// All values.
    pub const ALL: [Planted; 19] = [
        Planted::Nothing,
        Planted::NotInHistory,
        Planted::NotJudgedHere,
        Planted::OtherWindow,
        Planted::NumberDiffers,
        Planted::InFlight,
        Planted::LaneOrValueDiffers,
        Planted::ExemptHere,
        Planted::ScanTooLateForThem,
        Planted::FormatEvidence,
        Planted::ScanUnseenByAmazon,
        Planted::BorderDay,
        Planted::NumberShared,
        Planted::DuplicatePackage,
        Planted::CarrierNotAccepted,
        Planted::ExemptElsewhere,
        Planted::NumberJudged,
        Planted::AddedAfterDelivery,
        Planted::Unexplained,
    ];

    /// Returns its name, which is that of the cause.
    pub fn name(self) -> &'static str {
        match self {
            Planted::Nothing => "nothing",
            Planted::NotInHistory => "not_in_history",
            Planted::NotJudgedHere => "not_judged_here",
            Planted::OtherWindow => "other_window",
            Planted::NumberDiffers => "number_differs",
            Planted::InFlight => "in_flight",
            Planted::LaneOrValueDiffers => "lane_or_value_differs",
            Planted::ExemptHere => "exempt_here",
            Planted::ScanTooLateForThem => "scan_too_late_for_them",
            Planted::FormatEvidence => "format_evidence",
            Planted::ScanUnseenByAmazon => "scan_unseen_by_amazon",
            Planted::BorderDay => "border_day",
            Planted::NumberShared => "number_shared",
            Planted::DuplicatePackage => "duplicate_package",
            Planted::CarrierNotAccepted => "carrier_not_accepted",
            Planted::ExemptElsewhere => "exempt_elsewhere",
            Planted::NumberJudged => "number_judged",
            Planted::AddedAfterDelivery => "added_after_delivery",
            Planted::Unexplained => "unexplained",
        }
    }

    /// Returns the days between the last day of the window and the pull. In-flight packages need a pull before
    /// everything has settled.
    fn lag(self) -> Day {
        if self == Planted::InFlight { 28 } else { 35 }
    }
}

/// The length of Amazon's window in days.
const WINDOW_DAYS: Day = 30;
/// The days beside the window that are searched for packages of another window.
const BESIDE_DAYS: Day = 7;
/// The greatest number of planted orders of an account.
const MOST_PLANTED: usize = 20;

/// Writes the reports of every seller into `amazon/`, what was planted as `planted.csv` there, and rows that only
/// the planted difference needs into `shipments/`. Returns the day of the pull and the number of added rows.
pub fn write(options: &GenOptions, factory: &Factory, book: &Book, planted: Planted) -> Result<(Day, u64)> {
    let last = day(options.to);
    let mut reports = Reports::new(factory, book, planted, last);
    reports.note_orders_of_two();
    for file in 0..factory.slices.len() {
        for row in 0..factory.slices[file].rows() {
            if row % 8_192 == 0 && !(options.go_on)() {
                return Err(GenError::Stopped);
            }
            reports.take(&factory.row(file, row));
        }
    }
    if reports.planted.is_empty() && planted != Planted::Nothing {
        return Err(GenError::Usage(format!(
            "the history has no package that could differ by `{}`; ask for more --rows, or other days by --from and --to",
            planted.name()
        )));
    }
    reports.save(&options.out)?;
    let added = reports.added.len() as u64;
    if added > 0 {
        let suffix = if options.format == super::Format::Csv { "csv" } else { "parquet" };
        let shown = format!("shipments/amazon.{suffix}");
        let truth = options.out.join("truth/amazon.parquet");
        let target = Target {
            data: &options.out.join(&shown),
            shown: &shown,
            truth: options.truth.then_some(truth.as_path()),
            go_on: options.go_on,
        };
        let row = |row: u64| reports.added[row as usize];
        write::rows(factory, &Dictionaries::of(factory.world), added, &row, options.format, &target)?;
    }
    Ok((last + planted.lag(), added))
}

/// Amazon's data about one seller in one marketplace.
#[derive(Default)]
struct Account {
    shipments: u64,
    valid: u64,
    /// The lines of the list of defects.
    listed: Vec<String>,
    planted: usize,
}

struct Reports<'a> {
    factory: &'a Factory<'a>,
    book: &'a Book,
    planting: Planted,
    /// The first and last day of the window.
    window: (Day, Day),
    /// The accounts, by the keys of seller and marketplace.
    accounts: BTreeMap<(u32, u32), Account>,
    orders_of_two: BTreeSet<String>,
    /// Orders with a judged package that is named the first: a second one can be alone, if the first is rejected.
    orders_of_first: BTreeSet<String>,
    /// For the key of each carrier, the number of a scanned package and its account.
    numbers: BTreeMap<u32, ((u32, u32), Text)>,
    planted: Vec<String>,
    added: Vec<Parcel>,
}

/// Amazon's verdict on a package.
enum Fate {
    Valid,
    Defect,
    /// Neither: the package is exempt, out of scope or outside the window.
    Nothing,
}

impl<'a> Reports<'a> {
    fn new(factory: &'a Factory<'a>, book: &'a Book, planting: Planted, last: Day) -> Reports<'a> {
        Reports {
            factory,
            book,
            planting,
            window: (last - WINDOW_DAYS + 1, last),
            accounts: BTreeMap::new(),
            orders_of_two: BTreeSet::new(),
            orders_of_first: BTreeSet::new(),
            numbers: BTreeMap::new(),
            planted: Vec::new(),
            added: Vec::new(),
        }
    }

    fn is_near(&self, day: Day) -> bool {
        (self.window.0 - BESIDE_DAYS..=self.window.1 + BESIDE_DAYS).contains(&day)
    }

    fn is_inside(&self, day: Day) -> bool {
        (self.window.0..=self.window.1).contains(&day)
    }

    /// Notes orders of two packages, for the causes that distinguish them from others.
    fn note_orders_of_two(&mut self) {
        for file in 0..self.factory.slices.len() {
            for row in 0..self.factory.slices[file].rows() {
                let parcel = self.factory.row(file, row);
                let order = || parcel.order.as_str().to_owned();
                match parcel.package {
                    2 if self.is_near(parcel.truth.day) => {
                        self.orders_of_two.insert(order());
                    }
                    1 if self.planting == Planted::DuplicatePackage
                        && matches!(parcel.truth.place, Place::Judged(_)) =>
                    {
                        self.orders_of_first.insert(order());
                    }
                    _ => {}
                }
            }
        }
    }

    fn take(&mut self, parcel: &Parcel) {
        let Place::Judged(reason) = parcel.truth.place else { return };
        let Some(market) = self.market(parcel) else { return };
        if !self.is_near(parcel.truth.day) {
            return;
        }
        let is_standard = parcel.truth.programme == self.factory.world.fixed.standard;
        let is_inside = self.is_inside(parcel.truth.day);
        let fate = match reason.class() {
            Class::Valid if is_inside && is_standard => Fate::Valid,
            Class::Defect if is_inside && is_standard => Fate::Defect,
            _ => Fate::Nothing,
        };
        let key = (parcel.seller, parcel.truth.market);
        if let Some(number) = parcel.tracking.filter(|_| reason == Reason::Scanned) {
            self.numbers.insert(parcel.truth.carrier, (key, number));
        }
        let has_room = self.accounts.get(&key).is_none_or(|account| account.planted < MOST_PLANTED);
        if !(has_room && is_standard && self.plant(parcel, reason, market)) {
            self.count(parcel, reason, &fate);
        }
    }

    fn market(&self, parcel: &Parcel) -> Option<&'a Market> {
        let name = self.factory.world.truth.marketplace.text(parcel.truth.market);
        self.book.markets().map(|(_, market)| market).find(|market| market.name == name)
    }

    fn account(&mut self, parcel: &Parcel) -> &mut Account {
        self.accounts.entry((parcel.seller, parcel.truth.market)).or_default()
    }

    /// Counts a package according to the truth.
    fn count(&mut self, parcel: &Parcel, reason: Reason, fate: &Fate) {
        match fate {
            Fate::Nothing => {}
            Fate::Valid => {
                let account = self.account(parcel);
                (account.shipments, account.valid) = (account.shipments + 1, account.valid + 1);
            }
            Fate::Defect => {
                let line = self.line(parcel, None, None, reason);
                self.list(parcel, line);
                if self.planting == Planted::FormatEvidence && reason == Reason::ScanMissing {
                    self.note(parcel);
                }
            }
        }
    }

    fn list(&mut self, parcel: &Parcel, line: String) {
        let account = self.account(parcel);
        account.shipments += 1;
        account.listed.push(line);
    }

    fn note(&mut self, parcel: &Parcel) {
        let texts = &self.factory.world.texts;
        let market = self.factory.world.truth.marketplace.text(parcel.truth.market);
        let (seller, order) = (texts.seller.text(parcel.seller), parcel.order.as_str());
        self.planted.push(format!("{seller},{market},{order},{}", self.planting.name()));
        self.account(parcel).planted += 1;
    }

    /// Plants the difference into a package, if possible; returns whether this counts the package.
    fn plant(&mut self, parcel: &Parcel, reason: Reason, market: &Market) -> bool {
        let inside = self.is_inside(parcel.truth.day);
        let border = parcel.truth.day == self.window.0 || parcel.truth.day == self.window.1;
        let is_of_two = self.orders_of_two.contains(parcel.order.as_str());
        let (valid, defect) =
            (inside && reason == Reason::Scanned, inside && !border && reason.class() == Class::Defect);
        let alone = defect && !is_of_two && !self.may_be_exempt(parcel, market);
        match self.planting {
            Planted::Nothing | Planted::FormatEvidence => false,
            Planted::NotInHistory => valid && self.plant_stranger(parcel),
            Planted::NotJudgedHere => {
                inside && reason.class() == Class::OutOfScope && self.plant_defect(parcel, None, None)
            }
            Planted::OtherWindow => !inside && reason.class() == Class::Valid && self.plant_defect(parcel, None, None),
            Planted::NumberDiffers => valid && !is_of_two && self.plant_other_number(parcel),
            Planted::InFlight if self.is_in_flight(parcel) => {
                valid && self.plant_defect(parcel, None, None)
                    || inside && reason.class() == Class::Defect && self.plant_valid(parcel)
            }
            Planted::InFlight => false,
            Planted::LaneOrValueDiffers => {
                valid && self.is_another_lane_from_china(parcel, market) && self.plant_defect(parcel, None, Some("CN"))
            }
            Planted::ExemptHere => {
                inside && reason == Reason::Exempt && has_number(parcel) && self.plant_defect(parcel, None, None)
            }
            Planted::ScanTooLateForThem => valid && self.plant_late_scan(parcel),
            Planted::ScanUnseenByAmazon => {
                valid && !self.is_late_for_them(parcel) && self.plant_defect(parcel, None, None)
            }
            Planted::BorderDay => inside && border && reason.class() == Class::Defect && self.plant_valid(parcel),
            Planted::NumberShared => defect && reason == Reason::ScanMissing && self.plant_shared_number(parcel),
            Planted::DuplicatePackage => {
                let has_first = self.orders_of_first.contains(parcel.order.as_str());
                defect && parcel.package == 2 && has_first && self.plant_nothing(parcel)
            }
            Planted::CarrierNotAccepted => {
                defect && !is_of_two && reason == Reason::CarrierNotAccepted && self.plant_valid(parcel)
            }
            Planted::ExemptElsewhere => defect && reason == Reason::ScanMissing && self.plant_cheap(parcel, market),
            Planted::NumberJudged => {
                alone && matches!(reason.entry().rung, 8 | 12 | 13 | 16 | 17) && self.plant_valid(parcel)
            }
            Planted::AddedAfterDelivery => alone && reason == Reason::AddedAfterDelivery && self.plant_valid(parcel),
            Planted::Unexplained => alone && reason == Reason::ScanMissing && self.plant_valid(parcel),
        }
    }

    /// Makes Amazon list the package, whatever our verdict.
    fn plant_defect(&mut self, parcel: &Parcel, number: Option<&str>, origin: Option<&str>) -> bool {
        let line = self.line(parcel, number, origin, Reason::ScanMissing);
        self.list(parcel, line);
        self.note(parcel);
        true
    }

    /// Makes Amazon count the defect as valid.
    fn plant_valid(&mut self, parcel: &Parcel) -> bool {
        self.note(parcel);
        let account = self.account(parcel);
        (account.shipments, account.valid) = (account.shipments + 1, account.valid + 1);
        true
    }

    /// Makes Amazon not have the package.
    fn plant_nothing(&mut self, parcel: &Parcel) -> bool {
        self.note(parcel);
        true
    }

    /// Makes Amazon list an order that the history lacks; the package itself counts unchanged.
    fn plant_stranger(&mut self, parcel: &Parcel) -> bool {
        let stranger = Parcel { order: self.new_order(), ..*parcel };
        self.plant_defect(&stranger, None, None);
        false
    }

    fn plant_other_number(&mut self, parcel: &Parcel) -> bool {
        let unread = format!("{}-InvalidId", parcel.order.as_str());
        let number = if self.planted.len().is_multiple_of(4) { unread.as_str() } else { "ZZ000000000ZZ" };
        self.plant_defect(parcel, Some(number), None)
    }

    /// Adds a copy of a package of the window's last days to the history, with a first scan after the window;
    /// Amazon lists it.
    fn plant_late_scan(&mut self, parcel: &Parcel) -> bool {
        let last = i64::from(self.window.1) * 86_400 * SECOND;
        let late = last + (30 + self.planted.len() as i64 % 24) * 3_600 * SECOND;
        if parcel.promised == NEVER || parcel.truth.day != self.window.1 - 1 || parcel.updated != NEVER {
            return false;
        }
        let delivery = if parcel.delivery == NEVER { NEVER } else { late + 40 * 3_600 * SECOND };
        let added = if parcel.added == NEVER { NEVER } else { parcel.added.min(late) };
        let clone = Parcel { order: self.new_order(), package: 0, first_scan: late, delivery, added, ..*parcel };
        self.added.push(clone);
        self.plant_defect(&clone, None, None);
        false
    }

    /// Adds a second order with the same number; Amazon lists neither.
    fn plant_shared_number(&mut self, parcel: &Parcel) -> bool {
        let clone = Parcel { order: self.new_order(), package: 0, ..*parcel };
        self.added.push(clone);
        self.plant_valid(&clone);
        self.plant_valid(parcel)
    }

    /// Adds an order like this one, but of little value, and with a number of its own.
    fn plant_cheap(&mut self, parcel: &Parcel, market: &Market) -> bool {
        let key = (parcel.seller, parcel.truth.market);
        let donor = self.numbers.get(&parcel.truth.carrier).filter(|(owner, _)| *owner != key).copied();
        if let Some((_, number)) = donor.filter(|_| self.exempts_cheap(parcel, market)) {
            self.numbers.remove(&parcel.truth.carrier);
            let (order, tracking) = (self.new_order(), Some(number));
            let clone = Parcel { order, package: 0, tracking, value: Some(100), currency: NULL, ..*parcel };
            self.added.push(clone);
            self.plant_valid(&clone);
        }
        false
    }

    fn new_order(&self) -> Text {
        Text::of(&format!("999-{:07}-{:07}", self.factory.seed % 10_000_000, self.planted.len()))
    }

    fn is_in_flight(&self, parcel: &Parcel) -> bool {
        let end = i64::from(self.window.1 + self.planting.lag() + 1) * 86_400 * SECOND;
        [parcel.updated, parcel.added].into_iter().max().is_some_and(|at| at >= end - 4 * 86_400 * SECOND && at < end)
    }

    fn is_late_for_them(&self, parcel: &Parcel) -> bool {
        let first = if parcel.first_scan == NEVER { parcel.delivery } else { parcel.first_scan };
        first >= i64::from(self.window.1 + 1) * 86_400 * SECOND
    }

    fn lane<'m>(&self, market: &'m Market, parcel: &Parcel, from: &str) -> Option<&'m Lane> {
        let to = countries::read(self.factory.world.texts.country.text(parcel.to))?;
        let from = countries::read(from)?;
        let version = market.version(parcel.truth.day)?;
        version.lanes.iter().find(|lane| lane.from.contains(from) && lane.to.contains(to))
    }

    fn is_another_lane_from_china(&self, parcel: &Parcel, market: &Market) -> bool {
        let from = self.factory.world.texts.country.text(parcel.from);
        let id = |from: &str| self.lane(market, parcel, from).map(|lane| lane.id);
        countries::read(from).is_some() && id(from).is_some() && id(from) != id("CN")
    }

    /// Returns whether an exemption of some service classes applies to the package's value.
    fn may_be_exempt(&self, parcel: &Parcel, market: &Market) -> bool {
        let from = self.factory.world.texts.country.text(parcel.from);
        let Some(lane) = self.lane(market, parcel, from) else { return true };
        lane.exempt.iter().filter(|rule| rule.services.is_some()).any(|rule| match (&rule.value, parcel.value) {
            (Some(Limit::Below(limit) | Limit::AtMost(limit)), Some(value)) => {
                let scale = 10i128.pow(u32::from(limit.amount.scale));
                limit.currency != market.currency || i128::from(value) * scale <= limit.amount.mantissa * 100
            }
            _ => false,
        })
    }

    /// Returns whether a package of the smallest value is exempt in some service classes, and only in those.
    fn exempts_cheap(&self, parcel: &Parcel, market: &Market) -> bool {
        let from = self.factory.world.texts.country.text(parcel.from);
        let Some(lane) = self.lane(market, parcel, from).filter(|lane| lane.programme.is_none()) else { return false };
        let by_class = |rule: &&vtr_kernel::lane::Condition| {
            let money = match &rule.value {
                Some(Limit::Below(money) | Limit::AtMost(money)) => money,
                None => return false,
            };
            rule.services.is_some() && money.currency == market.currency
        };
        lane.exempt.iter().all(|rule| rule.services.is_some()) && lane.exempt.iter().any(|rule| by_class(&rule))
    }

    /// Returns a line of the list of defects; the third of the four criteria is set for missing scans, the first
    /// otherwise.
    fn line(&self, parcel: &Parcel, number: Option<&str>, origin: Option<&str>, reason: Reason) -> String {
        let texts = &self.factory.world.texts;
        let own = parcel.tracking.as_ref().map_or("", Text::as_str);
        let value = parcel.value.map_or(String::new(), |value| format!("{}.{:02}", value / 100, value % 100));
        let flags = if matches!(reason.entry().rung, 18 | 19) { ["", "", "X", ""] } else { ["X", "", "", ""] };
        let promised = if parcel.promised == NEVER { String::new() } else { date(parcel.truth.day).to_string() };
        let cells = [
            parcel.order.as_str(),
            texts.carrier.text(parcel.carrier),
            number.unwrap_or(own),
            origin.unwrap_or(texts.country.text(parcel.from)),
            &promised,
            texts.service.text(parcel.service),
            "Standard",
            flags[0],
            flags[1],
            flags[2],
            flags[3],
            &value,
            texts.category.text(parcel.category),
        ];
        let mut line = Vec::new();
        for (place, text) in cells.into_iter().enumerate() {
            if place > 0 {
                line.push(b',');
            }
            write::cell(text, &mut line);
        }
        String::from_utf8(line).unwrap_or_default()
    }

    fn save(&self, out: &Path) -> Result<()> {
        let pulled = date(self.window.1 + self.planting.lag());
        let (performance, defects) = (out.join("amazon/performance"), out.join("amazon/defects"));
        for folder in [&performance, &defects] {
            let failed = |error| GenError::failed(format!("cannot make the folder {}", folder.display()), error);
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let sellers: BTreeSet<u32> = self.accounts.keys().map(|(seller, _)| *seller).collect();
        for seller in sellers {
            let name = self.factory.world.texts.seller.text(seller);
            save(&performance.join(format!("{name}_{pulled}.json")), &self.performance(seller))?;
            let heads = "Order ID,Carrier Name,Tracking ID,Origin Country,Promised Delivery Date,Ship Method,\
                         Ship Option,Criterion 1,Criterion 2,Criterion 3,Criterion 4,Package Value,Product Category";
            let of_seller = self.accounts.range((seller, 0)..=(seller, u32::MAX));
            let lines: Vec<&str> = of_seller.flat_map(|(_, account)| &account.listed).map(String::as_str).collect();
            let text = [&[heads][..], &lines].concat().join("\n") + "\n";
            save(&defects.join(format!("{name}_{pulled}.csv")), &text)?;
        }
        let planted: String = self.planted.iter().map(|line| format!("{line}\n")).collect();
        save(&out.join("amazon/planted.csv"), &format!("seller_id,marketplace,order_id,cause\n{planted}"))
    }

    /// Returns Amazon's document of a seller: the figure of each marketplace.
    fn performance(&self, seller: u32) -> String {
        let (from, to) = (date(self.window.0), date(self.window.1));
        let mut metrics = Vec::new();
        for ((_, label), account) in self.accounts.range((seller, 0)..=(seller, u32::MAX)) {
            let name = self.factory.world.truth.marketplace.text(*label);
            let market = self.book.markets().map(|(_, market)| market).find(|market| market.name == name);
            let Some(id) = market.and_then(|market| market.ids.first()) else { continue };
            let (shipments, valid) = (account.shipments, account.valid);
            if shipments == 0 {
                continue;
            }
            let rate = valid as f64 / shipments as f64;
            let status = if rate > 0.95 { "GOOD" } else { "BAD" };
            let mut metric = String::new();
            let _ = write!(
                metric,
                r#"{{"marketplaceId":"{id}","validTrackingRate":{{"reportingDateRange":{{"reportingDateFrom":"{from}T00:00Z","reportingDateTo":"{to}T23:59Z"}},"status":"{status}","targetValue":0.95,"targetCondition":"GREATER_THAN","shipmentCount":{shipments},"validTrackingCount":{valid},"rate":{rate}}}}}"#
            );
            metrics.push(metric);
        }
        format!("{{\"accountStatuses\":[],\"performanceMetrics\":[\n{}\n]}}\n", metrics.join(",\n"))
    }
}

/// Returns whether a package has a number that is no filler.
fn has_number(parcel: &Parcel) -> bool {
    let number = parcel.tracking.as_ref().map_or("", Text::as_str);
    number.len() >= 8 && !FILLERS.contains(&number) && !number.starts_with(parcel.order.as_str())
}

fn save(path: &PathBuf, text: &str) -> Result<()> {
    std::fs::write(path, text).map_err(|error| GenError::failed(format!("cannot write {}", path.display()), error))
}
