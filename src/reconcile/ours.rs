//! Reads from the job's own inputs the packages that are compared.
//!
//! It reads the inputs as a run does, judges the rows of the wanted sellers with the same kernel and chooses among
//! copies as a run does; nothing is counted into tables or published. It fails if the inputs cannot be read, or if the
//! packages need more memory than allowed.

use super::defect_list::Listed;
use super::window::Window;
use crate::assemble::provenance::{self, Provenance};
use crate::error::{Error, Result};
use crate::fold::{self, dedup};
use crate::job::plan::Plan;
use crate::scan::{self, Survey};
use crate::signals;
use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::DataType;
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use vtr_columnar::choice::losers;
use vtr_columnar::fold::shown_cell;
use vtr_columnar::input::Column;
use vtr_columnar::judge::{CopyRecord, Counter, Fate, Judge, Records, Source};
use vtr_kernel::calendar::{Day, Micros, Zone, date_from_day};
use vtr_kernel::countries;
use vtr_kernel::facts::{CurrencyField, Facts};
use vtr_kernel::instant::Moment;
use vtr_kernel::ladder::{Evidence, Terms, Verdict, judge, select, selecting_day};
use vtr_kernel::lane::Limit;
use vtr_kernel::money::{Money, Pricing};
use vtr_kernel::policy::Marketplace;
use vtr_kernel::reason::{Class, Reason};
use vtr_kernel::text::shown;

/// The outcome of one of our rows.
#[derive(Clone, Debug, PartialEq)]
pub enum RowOutcome {
    /// It was judged.
    Judged {
        /// Why it counts as it does.
        reason: Reason,
        /// The rule that decided.
        rule: String,
    },
    /// It was not judged: rejected, newer than the day, or superseded; in words.
    NotJudged(String),
}

/// One of our packages, with the facts that the causes need.
#[derive(Clone, Debug)]
pub struct Package {
    /// The seller.
    pub seller: String,
    /// The marketplace's name in tables.
    pub marketplace: String,
    /// The programme in which it was judged.
    pub programme: String,
    /// Its order.
    pub order_id: String,
    /// Its number, cleaned.
    pub number: String,
    /// Its carrier's id in tables.
    pub carrier: String,
    /// The ship service as typed.
    pub service: String,
    /// The day by which it is counted, in the marketplace's time zone.
    pub day: Day,
    /// The same in UTC.
    pub utc_day: Day,
    /// The outcome.
    pub outcome: RowOutcome,
    /// The first scan, if there is one.
    pub first_scan: Option<Micros>,
    /// The last time the seller changed it, if the source has it.
    pub touched: Option<Micros>,
    /// The id and first day of the policy version by which it was judged.
    pub version: String,
    /// The exemption that another class of service would have given it, in words.
    pub exempt_if: Option<String>,
    /// The effect of Amazon's origin or value, in words, by index of the listed row.
    pub otherwise: BTreeMap<usize, String>,
    /// Whose scans it has, in words, if they are all by another carrier than the declared one.
    pub scanned_by_other: Option<String>,
    /// Why its events may be missing from the inputs, in words; `None` if they are not, or no events are joined.
    pub missing_events: Option<String>,
    /// Whether it is a row that was left out because it is newer than the day of the comparison.
    pub is_newer: bool,
    /// The file and the record.
    pub(super) place: Option<(u32, u64)>,
    /// Its identity and order among copies.
    pub(super) copy: Option<CopyRecord>,
}

impl Package {
    /// A package of which no more than its order is known.
    pub(super) fn bare(seller: String, order_id: String, outcome: RowOutcome) -> Package {
        Package {
            seller,
            marketplace: String::new(),
            programme: String::new(),
            order_id,
            number: String::new(),
            carrier: String::new(),
            service: String::new(),
            day: 0,
            utc_day: 0,
            outcome,
            first_scan: None,
            touched: None,
            version: String::new(),
            exempt_if: None,
            otherwise: BTreeMap::new(),
            scanned_by_other: None,
            missing_events: None,
            is_newer: false,
            place: None,
            copy: None,
        }
    }

    /// Its class, if it was judged.
    pub fn class(&self) -> Option<Class> {
        match &self.outcome {
            RowOutcome::Judged { reason, .. } => Some(reason.class()),
            RowOutcome::NotJudged(_) => None,
        }
    }

    /// Whether it was judged and has a number that is no filler.
    pub fn has_number(&self) -> bool {
        match &self.outcome {
            RowOutcome::Judged { reason, .. } => *reason != Reason::TrackingPlaceholder && !self.number.is_empty(),
            RowOutcome::NotJudged(_) => false,
        }
    }
}

/// The packages that are wanted.
pub struct WantedPackages<'a> {
    /// Sellers whose rows are read.
    pub sellers: BTreeSet<String>,
    /// Rows that Amazon lists as defects, each with its seller.
    pub listed: &'a [(String, Listed)],
    /// Days whose packages are kept; `None` for all.
    pub days: Option<Window>,
    /// Indices of the listed rows by seller and order.
    by_order: HashMap<&'a str, HashMap<&'a str, Vec<usize>>>,
}

impl<'a> WantedPackages<'a> {
    /// Wants the packages of these sellers and days, and those of listed orders.
    pub fn new(sellers: BTreeSet<String>, listed: &'a [(String, Listed)], days: Option<Window>) -> WantedPackages<'a> {
        let mut by_order: HashMap<&str, HashMap<&str, Vec<usize>>> = HashMap::new();
        for (at, (seller, row)) in listed.iter().enumerate() {
            by_order.entry(seller).or_default().entry(&row.order_id).or_default().push(at);
        }
        WantedPackages { sellers, listed, days, by_order }
    }

    fn rows_of(&self, seller: &str, order: &str) -> &[usize] {
        self.by_order.get(seller).and_then(|orders| orders.get(order)).map_or(&[], Vec::as_slice)
    }
}

/// The approximate memory of a package.
const PACKAGE_BYTES: usize = 400;

/// Reads and judges the wanted packages of a plan.
///
/// # Errors
/// The errors of reading; [`Error::Usage`] if the packages do not fit into half of the memory.
pub fn packages(plan: &Plan, wanted: &WantedPackages) -> Result<(Vec<Package>, Evidence)> {
    let mut survey = scan::survey_and_try(plan)?;
    let packages = loop {
        let judge = fold::judge(plan, &survey).build();
        match read(plan, &survey, &judge, wanted) {
            Err(Error::BadFiles(bad)) => survey = survey.without(plan, bad)?,
            read => break read?,
        }
    };
    let mut packages = without_superseded(plan, packages)?;
    tell_of_events(plan, &survey, &mut packages)?;
    Ok((packages, survey.evidence))
}

/// Adds what only joined packages know: when their newest write was, whose scans they have, and whether events may be
/// missing because none names the number, or because their carrier has no scan as late as their day. It adds nothing if
/// the job joins no events.
fn tell_of_events(plan: &Plan, survey: &Survey, packages: &mut [Package]) -> Result<()> {
    let Some(joined) = provenance::open(plan)?.filter(Provenance::has_events) else { return Ok(()) };
    let mut by_file: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (at, package) in packages.iter().enumerate() {
        package.place.into_iter().for_each(|(file, _)| by_file.entry(file).or_default().push(at));
    }
    let last = if by_file.is_empty() { HashMap::new() } else { joined.last_scans()? };
    for (file, of_file) in by_file {
        let Some(events) = joined.events(&survey.files[file as usize].shown)? else { continue };
        for at in of_file {
            let package = &mut packages[at];
            let record = package.place.map_or(0, |(_, record)| record);
            let row = record.checked_sub(1).and_then(|row| events.get(usize::try_from(row).ok()?));
            let Some(row) = row else { continue };
            package.touched = package.touched.max(row.updated_at);
            if !package.has_number() {
                continue;
            }
            package.scanned_by_other = row
                .is_by_partner
                .then(|| format!("all our scans are by partners of {}, none by itself", shown(&row.carrier)));
            package.missing_events = match last.get(&row.carrier) {
                _ if row.count == 0 => Some("no event of the inputs names the number".to_owned()),
                Some(day) if *day < package.utc_day => Some(format!(
                    "the last scan by {} in the inputs is of {}",
                    shown(&row.carrier),
                    date_from_day(*day)
                )),
                _ => None,
            };
        }
    }
    Ok(())
}

/// Marks the packages that a newer copy supersedes.
fn without_superseded(plan: &Plan, mut packages: Vec<Package>) -> Result<Vec<Package>> {
    let Some(identity) = plan.identity else { return Ok(packages) };
    let copies: Vec<CopyRecord> = packages.iter().filter_map(|package| package.copy).collect();
    let losers: HashSet<(u32, u64)> =
        losers(copies, dedup::unit(identity)).iter().map(|copy| (copy.file, copy.record)).collect();
    for package in &mut packages {
        if package.place.is_some_and(|place| losers.contains(&place)) {
            package.outcome = RowOutcome::NotJudged("superseded by a newer row".into());
        }
    }
    Ok(packages)
}

fn read(plan: &Plan, survey: &Survey, judge: &Judge, wanted: &WantedPackages) -> Result<Vec<Package>> {
    let (next, found, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()), Mutex::new(None));
    let bad: Mutex<BTreeMap<u32, String>> = Mutex::default();
    let most = usize::try_from(plan.memory / 2).unwrap_or(usize::MAX) / PACKAGE_BYTES;
    let reading = PackageReading { plan, survey, judge, wanted };
    let work = || {
        let mut counter = judge.counter();
        while let Some(unit) = survey.units.get(next.fetch_add(1, Ordering::Relaxed)) {
            let mut packages = Vec::new();
            let done = reading.unit(unit, &mut counter, &mut packages);
            let mut all = found.lock();
            all.append(&mut packages);
            let too_many = (all.len() > most).then(|| {
                Error::Usage(format!(
                    "more than {most} packages would have to be compared at once; raise --memory, or name fewer files, \
                     --seller or --marketplace"
                ))
            });
            drop(all);
            match done {
                Err(Error::BadFiles(one)) => bad.lock().extend(one),
                Err(error) => drop(failed.lock().get_or_insert(error)),
                Ok(()) => {}
            }
            if let Some(error) = too_many {
                failed.lock().get_or_insert(error);
            }
            if failed.lock().is_some() {
                break;
            }
        }
    };
    std::thread::scope(|scope| {
        (1..plan.threads.max(1)).for_each(|_| drop(scope.spawn(work)));
        work();
    });
    if let Some(error) = failed.into_inner() {
        return Err(error);
    }
    let bad = bad.into_inner();
    if !bad.is_empty() {
        return Err(Error::BadFiles(bad.into_iter().collect()));
    }
    let mut packages = found.into_inner();
    packages.sort_by(|a: &Package, b: &Package| {
        (&a.seller, &a.marketplace, &a.order_id, &a.number, a.place).cmp(&(
            &b.seller,
            &b.marketplace,
            &b.order_id,
            &b.number,
            b.place,
        ))
    });
    Ok(packages)
}

/// The data that the reading threads share.
struct PackageReading<'a> {
    plan: &'a Plan,
    survey: &'a Survey,
    judge: &'a Judge,
    wanted: &'a WantedPackages<'a>,
}

impl PackageReading<'_> {
    fn unit(&self, unit: &scan::Unit, counter: &mut Counter, packages: &mut Vec<Package>) -> Result<()> {
        let file = &self.survey.files[unit.file as usize];
        let source = fold::source(self.plan, self.survey, unit.file);
        let mut take = |chunk: scan::Chunk| {
            signals::check()?;
            let rows = self.rows(&chunk, &source).map_err(|fault| fold::refused(file, fault))?;
            let Some((batch, records)) = rows else { return Ok(()) };
            let row = BatchRows { reading: self, batch: &batch, source: &source };
            let mut tell = |at: usize, fate: Fate| {
                let place = Some((unit.file, records.number(at)));
                packages.extend(row.package(at, fate).map(|package| Package { place, ..package }));
            };
            let input = self.judge.input_of(&batch.schema(), &source);
            let told = input.and_then(|input| counter.explain(&input, &batch, &records, &mut tell));
            told.map_err(|fault| fold::refused(file, fault))
        };
        scan::read(self.plan, self.survey, unit, &mut take).map(drop)
    }

    /// The rows of a chunk that belong to a wanted seller, and their record numbers.
    fn rows(
        &self,
        chunk: &scan::Chunk,
        source: &Source,
    ) -> std::result::Result<Option<(RecordBatch, Records)>, String> {
        let rows = chunk.batch.num_rows();
        let is_wanted = |text: &str| self.wanted.sellers.contains(text.trim());
        let stays: Vec<bool> = match chunk.batch.column_by_name(Column::SellerId.name()) {
            Some(array) => {
                let texts = cast(array, &DataType::Utf8View).map_err(|error| error.to_string())?;
                texts.as_string_view().iter().map(|text| text.is_some_and(is_wanted)).collect()
            }
            None => {
                let constant = source.constants.iter().find(|(column, _)| *column == Column::SellerId);
                vec![constant.is_some_and(|(_, text)| is_wanted(text)); rows]
            }
        };
        if !stays.contains(&true) {
            return Ok(None);
        }
        let kept = || (0..rows).filter(|row| stays[*row]);
        let record: Vec<u64> = kept().map(|row| chunk.records.number(row)).collect();
        let (line, byte_offset) = match &chunk.records {
            Records::From(_) => (Vec::new(), Vec::new()),
            Records::Listed { line, byte_offset, .. } => {
                (kept().map(|row| line[row]).collect(), kept().map(|row| byte_offset[row]).collect())
            }
        };
        let batch = filter_record_batch(&chunk.batch, &BooleanArray::from(stays)).map_err(|error| error.to_string())?;
        Ok(Some((batch, Records::Listed { record, line, byte_offset })))
    }
}

/// The rows of a batch that become packages.
struct BatchRows<'a> {
    reading: &'a PackageReading<'a>,
    batch: &'a RecordBatch,
    source: &'a Source,
}

impl BatchRows<'_> {
    fn text(&self, column: Column, row: usize) -> String {
        let typed = match self.batch.column_by_name(column.name()) {
            Some(array) => shown_cell(array, row),
            None => self.source.constants.iter().find(|(of, _)| *of == column).map(|(_, text)| text.clone()),
        };
        typed.and_then(|text| self.source.cells.trim(&text).map(str::to_owned)).unwrap_or_default()
    }

    fn package(&self, row: usize, fate: Fate) -> Option<Package> {
        let (seller, order_id) = (self.text(Column::SellerId, row), self.text(Column::OrderId, row));
        match fate {
            Fate::Rejected(reject) => {
                let column = reject.column.as_deref().unwrap_or("the record");
                let why = format!("rejected: {column}: {}", reject.reason);
                self.is_listed(&seller, &order_id).then(|| self.unjudged(row, seller, order_id, why))
            }
            Fate::AfterAsOf(day) => {
                let why = "newer than the day that is asked about".to_owned();
                (self.is_wanted(day) || self.is_listed(&seller, &order_id)).then(|| Package {
                    day,
                    is_newer: true,
                    ..self.unjudged(row, seller, order_id, why)
                })
            }
            Fate::Judged { facts, verdict, copy, .. } => (self.is_wanted(verdict.day)
                || self.is_listed(&seller, &order_id))
            .then(|| self.judged(row, seller, facts, verdict, copy)),
        }
    }

    fn is_wanted(&self, day: Day) -> bool {
        self.reading.wanted.days.is_none_or(|days| days.contains(day))
    }

    fn is_listed(&self, seller: &str, order_id: &str) -> bool {
        !self.reading.wanted.rows_of(seller, order_id).is_empty()
    }

    /// A row that was not judged. Its marketplace is what the cell says.
    fn unjudged(&self, row: usize, seller: String, order_id: String, why: String) -> Package {
        let book = self.reading.judge.terms().book;
        let marketplace = book.resolve_marketplace(&self.text(Column::Marketplace, row));
        let marketplace = marketplace.map_or_else(String::new, |found| book.marketplace_label(found).to_owned());
        Package { marketplace, ..Package::bare(seller, order_id, RowOutcome::NotJudged(why)) }
    }

    fn judged(
        &self,
        row: usize,
        seller: String,
        facts: &Facts,
        verdict: &Verdict,
        copy: Option<CopyRecord>,
    ) -> Package {
        let (terms, utc) = (&self.reading.judge.terms(), Zone::utc());
        let book = terms.book;
        let zone = vtr_kernel::ladder::zone(book, facts.marketplace, &utc);
        let instant = |moment: Option<Moment>| moment.map(|moment| moment.earliest(zone));
        let updated = copy.map(|copy| copy.version).filter(|at| *at != i64::MIN);
        let updated =
            updated.filter(|_| self.reading.plan.identity.map(dedup::unit) == Some(vtr_columnar::judge::Unit::Package));
        let moment = facts.promised.or(facts.shipped);
        let mut package = Package {
            marketplace: book.marketplace_label(facts.marketplace).to_owned(),
            programme: book.programme(verdict.programme).to_owned(),
            number: facts.tracking.whole().to_owned(),
            order_id: facts.order_id.to_owned(),
            carrier: book.carriers.label(verdict.carrier).to_owned(),
            service: String::new(),
            day: verdict.day,
            utc_day: moment.map_or(verdict.day, |moment| moment.day(&utc)),
            outcome: RowOutcome::Judged { reason: verdict.reason, rule: book.rule(verdict.rule).to_owned() },
            first_scan: instant(facts.first_scan.or(facts.delivery_scan)),
            touched: updated.max(instant(facts.tracking_added)),
            version: String::new(),
            exempt_if: None,
            otherwise: BTreeMap::new(),
            scanned_by_other: None,
            missing_events: None,
            is_newer: false,
            place: None,
            copy,
            seller,
        };
        let is_listed = self.is_listed(&package.seller, &package.order_id);
        if is_listed || verdict.reason.class() == Class::Defect {
            package.service = self.text(Column::ShipService, row);
            self.ask_further(&mut package, facts, verdict, terms);
        }
        package
    }

    /// Adds the facts that the causes need of a defect or of a package that Amazon lists.
    fn ask_further(&self, package: &mut Package, facts: &Facts, verdict: &Verdict, terms: &Terms) {
        let Marketplace::Known(id) = facts.marketplace else { return };
        let book = terms.book;
        let selected = select(facts, book, id, verdict.day);
        if let Some(version) = selected.version {
            package.version = book.rule(version.id).to_owned();
        }
        let currency = match facts.currency {
            CurrencyField::Marketplaces => Some(selected.market.currency),
            CurrencyField::Code(code) => Some(code),
            CurrencyField::Unknown => None,
        };
        let class = book.services.class_of(facts.service, verdict.carrier);
        for exemption in selected.lane.map_or(&[][..], |lane| &lane.exempt) {
            let Some(services) = exemption.services else { continue };
            let (Some(limit), Some(amount), Some(currency)) = (&exemption.value, facts.value, currency) else {
                continue;
            };
            let value = Money { amount, currency };
            let mut met = Pricing::default();
            let is_within = match limit {
                Limit::Below(limit) => value.is_below(limit, terms.rates, verdict.day, &mut met) == Some(true),
                Limit::AtMost(limit) => limit.is_below(&value, terms.rates, verdict.day, &mut met) == Some(false),
            };
            if is_within && class.is_none_or(|class| services >> class.0 & 1 != 1) {
                package.exempt_if = Some(format!(
                    "its value is within {}, but ship method \"{}\" is of no class that the rule exempts",
                    book.rule(exemption.id),
                    shown(&package.service)
                ));
            }
        }
        for at in self.reading.wanted.rows_of(&package.seller, &package.order_id) {
            let row = &self.reading.wanted.listed[*at].1;
            if let Some(what) = otherwise(row, facts, verdict, terms) {
                package.otherwise.insert(*at, what);
            }
        }
    }
}

/// The effect of using Amazon's origin and value instead of ours.
fn otherwise(row: &Listed, facts: &Facts, verdict: &Verdict, terms: &Terms) -> Option<String> {
    let origin = countries::read(&row.origin).or(facts.origin);
    let currency = row.currency.map_or(facts.currency, CurrencyField::Code);
    let (value, currency) = row.value.map_or((facts.value, facts.currency), |value| (Some(value), currency));
    let theirs = Facts { origin, value, currency, ..*facts };
    let day = selecting_day(terms.book, facts.marketplace, facts.promised, facts.shipped, &Zone::utc())?;
    let judged = judge(&theirs, day, terms);
    (judged.reason != verdict.reason || judged.rule != verdict.rule).then(|| {
        format!(
            "with Amazon's origin \"{}\" and value it is {} ({})",
            shown(&row.origin),
            judged.reason.name(),
            terms.book.rule(judged.rule)
        )
    })
}
