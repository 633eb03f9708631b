//! Compares our figures with Amazon's: counts with counts, and orders with orders.
//!
//! It judges the job's packages again for the days of Amazon's reports and compares; it publishes nothing, changes no
//! figure, and never presents a guess as a cause. It fails on files that are no such reports, and if the inputs cannot
//! be read.

pub mod causes;
pub mod defect_list;
mod files;
mod matching;
pub mod ours;
pub mod performance;
pub mod show;
mod window;

use crate::error::{Error, Result};
use crate::job::plan::{AsOfMode, Plan};
use causes::{Cause, Circumstances};
use defect_list::Listed;
pub use files::{Given, Pulled, Reports, reports};
use matching::{PackageMatch, find, taken};
use ours::{Package, RowOutcome, WantedPackages};
use performance::{Figure, Soundness};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use vtr_kernel::calendar::Day;
use vtr_kernel::ladder::Evidence;
use vtr_kernel::lane::Country;
use vtr_kernel::policy::{Marketplace, MarketplaceId};
use vtr_kernel::reason::Class;
use vtr_kernel::text::shown;
pub use window::Window;

/// The days before and after a window in which packages are also looked for.
const BESIDE_DAYS: i32 = 31;

/// Packages of a window by outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutcomeCounts {
    /// Valid packages.
    pub valid: u64,
    /// Defects.
    pub defects: u64,
    /// All judged packages of the window by class and rule.
    pub by_rule: BTreeMap<(&'static str, String), u64>,
    /// Eligible packages of programmes that are judged separately, by programme.
    pub programmes: BTreeMap<String, u64>,
}

impl OutcomeCounts {
    /// Eligible packages.
    pub fn eligible(&self) -> u64 {
        self.valid + self.defects
    }
}

/// Whether two figures agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreement {
    /// They are within the tolerance.
    Agrees,
    /// They are beyond the tolerance.
    Differs,
    /// One of them cannot be compared.
    NotCompared,
}

/// Whether Amazon's list of defects is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completeness {
    /// It has as many rows as the performance report has defects.
    Complete,
    /// The number of rows that it lacks, or has too many (negative).
    Incomplete(i64),
    /// There is no performance report of the same days.
    Unknown,
}

/// The side on which an order is a defect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// Both sides.
    Both,
    /// Only Amazon's list.
    OnlyAmazon,
    /// Only our counts, and Amazon's list is complete.
    OnlyOurs,
    /// Only our counts, and Amazon's list is not known to be complete.
    NotListed,
    /// Amazon's row fits several of our packages.
    Ambiguous,
}

impl Side {
    /// Its name in lists.
    pub fn name(self) -> &'static str {
        match self {
            Side::Both => "both",
            Side::OnlyAmazon => "only_amazon",
            Side::OnlyOurs => "only_ours",
            Side::NotListed => "not_listed",
            Side::Ambiguous => "ambiguous",
        }
    }
}

/// One order of either side.
#[derive(Clone, Debug)]
pub struct Case {
    /// The side on which it is a defect.
    pub side: Side,
    /// The order.
    pub order_id: String,
    /// The number, cleaned: ours, else Amazon's.
    pub number: String,
    /// The carrier: ours, else Amazon's.
    pub carrier: String,
    /// Our reason, if we judged it.
    pub reason: String,
    /// Amazon's criteria that are set.
    pub flags: Vec<String>,
    /// The reason for the difference; `None` if there is none.
    pub cause: Option<Cause>,
}

/// Orders of both sides.
#[derive(Clone, Debug)]
pub struct Orders {
    /// Rows of Amazon's list.
    pub listed: u64,
    /// Whether that list is complete.
    pub completeness: Completeness,
    /// A case for each order that is a defect on either side.
    pub cases: Vec<Case>,
}

/// The marketplace of rows of Amazon's list of which nothing says in which store they are.
pub const UNKNOWN_STORE: &str = "unknown";

/// One seller and marketplace in one window.
#[derive(Clone, Debug)]
pub struct Compared {
    /// The seller.
    pub seller: String,
    /// The marketplace's name in tables.
    pub marketplace: String,
    /// The days of Amazon's figure; `None` if there is only a defect list.
    pub window: Option<Window>,
    /// The day on which Amazon's report was pulled.
    pub pulled_on: Option<Day>,
    /// The latency in the book, in days.
    pub latency_days: i32,
    /// Amazon's figure.
    pub amazon: Option<Figure>,
    /// Whether a later pull of the same window exists.
    pub is_restated: bool,
    /// Our counts by calendar days of the marketplace; `None` if the inputs have no package in the window.
    pub ours: Option<OutcomeCounts>,
    /// Our counts by UTC days, if they differ.
    pub ours_utc: Option<OutcomeCounts>,
    /// Orders of the window that ours lack, because all their rows are newer than the day as of which they are judged.
    pub newer: u64,
    /// Whether the numbers of eligible packages agree.
    pub shipments: Agreement,
    /// Whether the rates agree.
    pub rate: Agreement,
    /// The orders, if Amazon's list is given.
    pub orders: Option<Orders>,
}

/// Compares all the reports with our packages. `judge_as_of` makes the job's plan as of a day, over some days.
///
/// # Errors
/// The errors of reading; [`Error::Usage`] if a report names a marketplace that the book does not have.
pub fn compare(
    reports: &Reports,
    judge_as_of: &dyn Fn(Option<Day>, Option<Window>) -> Result<Plan>,
) -> Result<Vec<Compared>> {
    let mut pulls: BTreeSet<Option<Day>> = reports.figures.iter().map(|pulled| pulled.pulled_on).collect();
    pulls.extend(reports.listed.iter().map(|pulled| pulled.pulled_on));
    let mut compared = Vec::new();
    for pulled_on in pulls {
        let figures: Vec<&Pulled<Figure>> =
            reports.figures.iter().filter(|pulled| pulled.pulled_on == pulled_on).collect();
        let lists: Vec<&Pulled<Vec<Listed>>> =
            reports.listed.iter().filter(|pulled| pulled.pulled_on == pulled_on).collect();
        compared.extend(one_pull(pulled_on, &figures, &lists, judge_as_of)?);
    }
    mark_restated(&mut compared);
    Ok(compared)
}

/// Says which orders ours lack because the history tells nothing of them as early as the report.
pub fn newer_notes(compared: &[Compared]) -> impl Iterator<Item = String> {
    compared.iter().filter(|one| one.newer > 0).map(|one| {
        let day = one.pulled_on.map_or("as_of".to_owned(), |day| vtr_kernel::calendar::date_from_day(day).to_string());
        format!(
            "{}, {}: of these days ours lacks {}, whose rows are all newer than {day}; if the source keeps only the \
             latest state of a package, set as_of_mode = \"scans\" in the job",
            shown(&one.seller),
            one.marketplace,
            if one.newer == 1 { "1 order".to_owned() } else { format!("{} orders", one.newer) }
        )
    })
}

/// Marks the earlier of two pulls of one window: Amazon restates figures, and the later one counts.
fn mark_restated(compared: &mut [Compared]) {
    let key = |one: &Compared| (one.seller.clone(), one.marketplace.clone(), one.window);
    let mut latest: HashMap<_, Option<Day>> = HashMap::new();
    for one in compared.iter() {
        let last = latest.entry(key(one)).or_default();
        *last = (*last).max(one.pulled_on);
    }
    for one in compared.iter_mut() {
        one.is_restated = one.window.is_some() && latest[&key(one)] != one.pulled_on;
    }
}

/// Compares the reports pulled on one day, judged as of that day.
fn one_pull(
    pulled_on: Option<Day>,
    figures: &[&Pulled<Figure>],
    lists: &[&Pulled<Vec<Listed>>],
    judge_as_of: &dyn Fn(Option<Day>, Option<Window>) -> Result<Plan>,
) -> Result<Vec<Compared>> {
    let listed: Vec<(String, Listed)> =
        lists.iter().flat_map(|list| list.what.iter().map(|row| (list.seller.clone(), row.clone()))).collect();
    let sellers: BTreeSet<String> =
        figures.iter().map(|pulled| &pulled.seller).chain(lists.iter().map(|list| &list.seller)).cloned().collect();
    let windows = figures.iter().map(|pulled| pulled.what.window);
    let span = windows.reduce(|a, b| Window { from: a.from.min(b.from), to: a.to.max(b.to) });
    // A list without a figure may contain orders of any day.
    let all_have_figures = lists.iter().all(|list| figures.iter().any(|pulled| pulled.seller == list.seller));
    let days = span.filter(|_| all_have_figures).map(|span| span.widened(BESIDE_DAYS));
    let plan = judge_as_of(pulled_on, days)?;
    let kept = days.map(|days| days.widened(plan.copies_within_days));
    let (packages, evidence) = ours::packages(&plan, &WantedPackages::new(sellers, &listed, kept))?;
    let judged = JudgedPull { plan: &plan, packages: &packages, listed: &listed, evidence, pulled_on };
    let mut placed: Vec<(&Pulled<Figure>, MarketplaceId)> = Vec::new();
    for pulled in figures {
        if let Some(id) = marketplace(&plan, &pulled.what.marketplace_id)? {
            placed.push((pulled, id));
        }
    }
    let mut compared: Vec<Compared> = Vec::new();
    let with_lists: BTreeSet<&str> = lists.iter().map(|list| list.seller.as_str()).collect();
    let stores = |seller: &str| {
        let of_seller = placed.iter().filter(|(pulled, _)| pulled.seller == seller);
        of_seller.map(|(_, id)| plan.book.market(*id).name.as_str()).collect::<BTreeSet<&str>>()
    };
    let placing: HashMap<&str, Placing> =
        with_lists.iter().map(|seller| (*seller, judged.place(seller, &stores(seller)))).collect();
    for (pulled, id) in &placed {
        compared.push(judged.figure(pulled, *id, placing.get(pulled.seller.as_str())));
    }
    for seller in with_lists {
        compared.extend(judged.without_figures(seller, &stores(seller), &placing[seller]));
    }
    Ok(compared)
}

/// The indices of listed rows by the marketplace in which they are compared.
type Placing = BTreeMap<String, Vec<usize>>;

/// The marketplace of an id; `None` if it is no marketplace of Amazon's.
fn marketplace(plan: &Plan, id: &str) -> Result<Option<MarketplaceId>> {
    match plan.book.resolve_marketplace(id) {
        Some(Marketplace::Known(id)) => Ok(Some(id)),
        Some(Marketplace::None) => Ok(None),
        None => Err(Error::Usage(format!(
            "the book knows no marketplace `{}` of a performance report; add its id to the marketplace's file",
            vtr_kernel::text::shown(id)
        ))),
    }
}

/// One pull: our packages as of its day, and Amazon's rows.
struct JudgedPull<'a> {
    plan: &'a Plan,
    packages: &'a [Package],
    listed: &'a [(String, Listed)],
    evidence: Evidence,
    pulled_on: Option<Day>,
}

impl JudgedPull<'_> {
    fn of<'p>(&'p self, seller: &'p str, marketplace: &'p str) -> impl Iterator<Item = &'p Package> {
        self.packages.iter().filter(move |one| one.seller == seller && one.marketplace == marketplace)
    }

    fn counts(
        &self,
        seller: &str,
        marketplace: &str,
        window: Window,
        day: fn(&Package) -> Day,
    ) -> Option<OutcomeCounts> {
        let mut counts = OutcomeCounts::default();
        let mut any = false;
        for package in self.of(seller, marketplace).filter(|package| window.contains(day(package))) {
            let RowOutcome::Judged { reason, rule } = &package.outcome else { continue };
            any = true;
            let class = reason.class();
            if package.programme != "standard" {
                if matches!(class, Class::Valid | Class::Defect) {
                    *counts.programmes.entry(package.programme.clone()).or_default() += 1;
                }
                continue;
            }
            match class {
                Class::Valid => counts.valid += 1,
                Class::Defect => counts.defects += 1,
                Class::OutOfScope | Class::Exempt => {}
            }
            *counts.by_rule.entry((class.name(), rule.clone())).or_default() += 1;
        }
        any.then_some(counts)
    }

    /// Compares a figure, and the rows of the seller's list that are placed in its marketplace, if there is a list.
    fn figure(&self, pulled: &Pulled<Figure>, id: MarketplaceId, placing: Option<&Placing>) -> Compared {
        let market = self.plan.book.market(id);
        let (figure, seller, window) = (&pulled.what, pulled.seller.as_str(), pulled.what.window);
        let ours = self.counts(seller, &market.name, window, |package| package.day);
        let utc = self.counts(seller, &market.name, window, |package| package.utc_day);
        let (shipments, rate) = agreement(self.plan, figure, ours.as_ref());
        let rows = placing.map(|placing| placing.get(&market.name).map_or(&[][..], Vec::as_slice));
        Compared {
            seller: seller.to_owned(),
            marketplace: market.name.clone(),
            window: Some(window),
            pulled_on: self.pulled_on,
            latency_days: market.latency_days,
            amazon: Some(figure.clone()),
            is_restated: false,
            ours_utc: utc.filter(|utc| ours.as_ref() != Some(utc)),
            orders: rows.map(|rows| self.orders(seller, &market.name, Some(figure), rows)),
            ours,
            newer: self.newer(seller, &market.name, window),
            shipments,
            rate,
        }
    }

    /// The orders of a window of which the history has only rows that are newer than the day of the comparison.
    fn newer(&self, seller: &str, marketplace: &str, window: Window) -> u64 {
        if self.plan.as_of_mode != AsOfMode::Rows {
            return 0;
        }
        let orders = |is_newer: bool| {
            let of_order = self.of(seller, marketplace).filter(move |one| one.is_newer == is_newer);
            of_order.filter(move |one| !is_newer || window.contains(one.day)).map(|one| one.order_id.as_str())
        };
        let known: HashSet<&str> = orders(false).collect();
        orders(true).filter(|order| !known.contains(order)).collect::<HashSet<&str>>().len() as u64
    }

    /// Places the rows of a seller's list: in the marketplaces with a figure in which our history has the order; else
    /// in the only one that has a figure, because then the list is its; else where our history has the order. A list
    /// of several stores does not say whose the other rows are, so they are in no store.
    fn place(&self, seller: &str, stores: &BTreeSet<&str>) -> Placing {
        let mut ours: HashMap<&str, BTreeSet<&str>> = HashMap::new();
        for package in self.packages.iter().filter(|one| one.seller == seller && !one.marketplace.is_empty()) {
            ours.entry(&package.order_id).or_default().insert(&package.marketplace);
        }
        let mut placing = Placing::new();
        for (at, (_, row)) in self.listed.iter().enumerate().filter(|(_, (of, _))| of == seller) {
            let of_order = ours.get(row.order_id.as_str());
            let with_figure: Vec<&str> =
                of_order.into_iter().flatten().copied().filter(|of| stores.contains(of)).collect();
            let places = match (&with_figure[..], stores.len()) {
                ([], 1) => stores.iter().copied().collect(),
                ([], _) => vec![of_order.and_then(|of| of.first()).copied().unwrap_or(UNKNOWN_STORE)],
                _ => with_figure,
            };
            places.into_iter().for_each(|place| placing.entry(place.to_owned()).or_default().push(at));
        }
        placing
    }

    /// Compares the rows of a seller's list that are in no marketplace with a figure, for each of their marketplaces.
    fn without_figures(&self, seller: &str, stores: &BTreeSet<&str>, placing: &Placing) -> Vec<Compared> {
        let alone = |(name, rows): (&str, &[usize])| Compared {
            seller: seller.to_owned(),
            marketplace: name.to_owned(),
            window: None,
            pulled_on: self.pulled_on,
            latency_days: 0,
            amazon: None,
            is_restated: false,
            ours: None,
            ours_utc: None,
            newer: 0,
            shipments: Agreement::NotCompared,
            rate: Agreement::NotCompared,
            orders: Some(self.orders(seller, name, None, rows)),
        };
        let elsewhere = placing.iter().filter(|(name, _)| !stores.contains(name.as_str()));
        let mut compared: Vec<Compared> = elsewhere.map(|(name, rows)| alone((name, rows))).collect();
        if compared.is_empty() && stores.is_empty() {
            compared.push(alone((UNKNOWN_STORE, &[])));
        }
        compared
    }

    /// Matches rows of a seller's list, by their indices, with our packages of a marketplace.
    fn orders(&self, seller: &str, marketplace: &str, figure: Option<&Figure>, placed: &[usize]) -> Orders {
        let mut by_order: HashMap<&str, Vec<&Package>> = HashMap::new();
        let mut by_number: HashMap<&str, usize> = HashMap::new();
        let all = self.packages.iter().filter(|one| one.seller == seller);
        for package in all {
            by_order.entry(&package.order_id).or_default().push(package);
            if package.has_number() && package.marketplace == marketplace {
                *by_number.entry(&package.number).or_default() += 1;
            }
        }
        let window = figure.map(|figure| figure.window);
        let around = |package: Option<&Package>| Circumstances {
            marketplace,
            window,
            pulled_on: self.pulled_on,
            evidence: self.evidence,
            same_number: package
                .filter(|one| one.has_number())
                .and_then(|one| by_number.get(one.number.as_str()))
                .copied()
                .unwrap_or(0),
            of_order: package.and_then(|one| by_order.get(one.order_id.as_str())).map_or(0, |of| judged(of)),
            version: "",
        };
        let rows = self.listed.iter().filter(|(of, _)| of == seller).map(|(_, row)| row);
        let taken = taken(rows, &by_order);
        let (mut cases, mut met) = (Vec::new(), HashSet::new());
        for at in placed {
            let row = &self.listed[*at].1;
            let packages = by_order.get(row.order_id.as_str()).map_or(&[][..], Vec::as_slice);
            let here: Vec<&Package> = packages.iter().copied().filter(|one| one.marketplace == marketplace).collect();
            let packages = if here.is_empty() { packages } else { &here[..] };
            let found = find(row, &self.carrier(row, marketplace), packages, &taken);
            cases.push(of_listed((*at, row), &found, &around));
            // Which of several Amazon lists is unknown, so of none can be said that it is not listed.
            met.extend(found.packages().iter().map(|one| std::ptr::from_ref(*one)));
        }
        let listed = placed.len() as u64;
        let completeness = match figure {
            Some(figure) if figure.soundness == Soundness::Sound => {
                match (figure.shipments - figure.valid) as i64 - listed as i64 {
                    0 => Completeness::Complete,
                    lacking => Completeness::Incomplete(lacking),
                }
            }
            _ => Completeness::Unknown,
        };
        let side = if completeness == Completeness::Complete { Side::OnlyOurs } else { Side::NotListed };
        for package in self.of(seller, marketplace) {
            let in_window = window.is_some_and(|window| window.contains(package.day));
            let counts = package.class() == Some(Class::Defect) && package.programme == "standard" && in_window;
            if !counts || met.contains(&std::ptr::from_ref(package)) {
                continue;
            }
            let around = Circumstances { version: &package.version, ..around(Some(package)) };
            let cause = (side == Side::OnlyOurs).then(|| causes::only_ours(package, &around));
            cases.push(Case::of_ours(side, package, cause));
        }
        cases.sort_by(|a, b| (a.side, &a.order_id, &a.number).cmp(&(b.side, &b.order_id, &b.number)));
        Orders { listed, completeness, cases }
    }

    /// The table id of the carrier that Amazon names.
    fn carrier(&self, row: &Listed, marketplace: &str) -> String {
        let book = &self.plan.book;
        let market = book.markets().find(|(_, market)| market.name == marketplace).map(|(_, market)| market.country);
        let country = vtr_kernel::countries::read(&row.origin).or(market);
        let name = book.carriers.resolve(Some(&row.carrier));
        book.carriers.label(book.carriers.in_country(name, country.unwrap_or(Country::UNKNOWN))).to_owned()
    }
}

/// The case of a row of Amazon's list, by the package that was found.
fn of_listed<'p>(
    (at, row): (usize, &Listed),
    found: &PackageMatch<'p>,
    around: &dyn Fn(Option<&'p Package>) -> Circumstances<'p>,
) -> Case {
    let package = match found {
        PackageMatch::Several(_) => return Case::of_amazon(Side::Ambiguous, row, None, None),
        PackageMatch::One(package) => Some(*package),
        PackageMatch::None => None,
    };
    let around = around(package);
    let is_defect = |one: &Package| {
        let is_inside = around.window.is_none_or(|window| window.contains(one.day));
        one.class() == Some(Class::Defect) && one.marketplace == around.marketplace && is_inside
    };
    if package.is_some_and(is_defect) {
        return Case::of_amazon(Side::Both, row, package, None);
    }
    let cause = causes::only_amazon(row, at, package, &around);
    Case::of_amazon(Side::OnlyAmazon, row, package, Some(cause))
}

fn judged(packages: &[&Package]) -> usize {
    packages.iter().filter(|one| one.class().is_some()).count()
}

impl Case {
    fn of_amazon(side: Side, row: &Listed, ours: Option<&Package>, cause: Option<Cause>) -> Case {
        let number = ours.map(|one| &one.number).filter(|number| !number.is_empty()).unwrap_or(&row.number);
        let carrier = ours.map(|one| &one.carrier).filter(|carrier| !carrier.is_empty()).unwrap_or(&row.carrier);
        Case {
            side,
            order_id: row.order_id.clone(),
            number: number.clone(),
            carrier: carrier.clone(),
            reason: ours.map(reason).unwrap_or_default(),
            flags: row.flags.clone(),
            cause,
        }
    }

    fn of_ours(side: Side, package: &Package, cause: Option<Cause>) -> Case {
        Case {
            side,
            order_id: package.order_id.clone(),
            number: package.number.clone(),
            carrier: package.carrier.clone(),
            reason: reason(package),
            flags: Vec::new(),
            cause,
        }
    }
}

fn reason(package: &Package) -> String {
    match &package.outcome {
        RowOutcome::Judged { reason, .. } => reason.name().to_owned(),
        RowOutcome::NotJudged(_) => "not_judged".to_owned(),
    }
}

/// Whether counts and rates agree within the tolerance, on integers.
fn agreement(plan: &Plan, amazon: &Figure, ours: Option<&OutcomeCounts>) -> (Agreement, Agreement) {
    let Some(ours) = ours.filter(|_| amazon.soundness == Soundness::Sound) else {
        return (Agreement::NotCompared, Agreement::NotCompared);
    };
    let says = |holds: bool| if holds { Agreement::Agrees } else { Agreement::Differs };
    let (num, den) = plan.reconcile.shipments_tolerance;
    let apart = u128::from(ours.eligible().abs_diff(amazon.shipments));
    let shipments = says(apart * u128::from(den) <= u128::from(num) * u128::from(amazon.shipments));
    if ours.eligible() == 0 || amazon.shipments == 0 {
        return (shipments, Agreement::NotCompared);
    }
    // |a / b - c / d| <= num / den  <=>  |a d - c b| den <= num b d
    let (num, den) = plan.reconcile.rate_tolerance;
    let (a, b) = (u128::from(ours.valid), u128::from(ours.eligible()));
    let (c, d) = (u128::from(amazon.valid), u128::from(amazon.shipments));
    (shipments, says((a * d).abs_diff(c * b) * u128::from(den) <= u128::from(num) * b * d))
}
