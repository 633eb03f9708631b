//! The conformance suite: two engines run every case of `tests/conformance`.
//!
//! One engine is a reference written here over texts, which calls the kernel's functions one by one; the other is
//! the fold over a batch of one row. Both must give the expected answer. A failure names every case that does not
//! hold, in each engine.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::datatypes::{Date32Type, Int64Type};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use vtr_columnar::input::{CellRules, Column, ColumnSet};
use vtr_columnar::judge::{Judge, LaterRows, MarginalKind, Records, Source, TimeAxis};
use vtr_kernel::amount::Amount;
use vtr_kernel::calendar::{Day, FIRST_DAY, Zone, date_from_day, day_from_date, iso_week, monday, provisional};
use vtr_kernel::facts::{CarrierField, CurrencyField, Facts, ScanColumns, Tracking, category_label};
use vtr_kernel::instant::{Moment, TimeFormat};
use vtr_kernel::ladder::{Evidence, Terms, is_implausible, judge, selecting_day, zone};
use vtr_kernel::load::{self, BookFile};
use vtr_kernel::money::Rates;
use vtr_kernel::policy::Marketplace;
use vtr_kernel::reason::Class;
use vtr_kernel::strays::{Bounds, LEAD_DAYS, Mark, is_filler, odd_value};
use vtr_kernel::tally::{Tally, Target, TargetKind};
use vtr_kernel::{Book, countries, text, wrapper};

/// One file of cases.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sheet {
    /// The values of every case of the file, unless the case sets others.
    base: BTreeMap<String, String>,
    case: Vec<Case>,
    #[serde(default)]
    rate: Vec<RateCase>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    why: String,
    /// A section of the contract, or the id of a rule of the book.
    source: String,
    /// The columns that the source does not have.
    #[serde(default)]
    absent: Vec<String>,
    #[serde(default = "default_as_of")]
    as_of: String,
    #[serde(default = "rows")]
    as_of_mode: String,
    /// `scans` or `format`; the default is the contract's `auto`.
    evidence: Option<String>,
    /// The text of a rates file.
    #[serde(default)]
    rates: String,
    #[serde(default)]
    cells: Cells,
    /// Changes to the book: file, a text that occurs in it exactly once, its replacement.
    #[serde(default)]
    edit: Vec<(String, String, String)>,
    given: BTreeMap<String, String>,
    expect: Expect,
}

/// The declared notation of the input's cells.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cells {
    #[serde(default)]
    nulls: Vec<String>,
    decimal: Option<String>,
    #[serde(default)]
    timestamps: Vec<String>,
    time_zone: Option<String>,
}

fn default_as_of() -> String {
    "2025-06-30".into()
}

fn rows() -> String {
    "rows".into()
}

/// The expected answer; absent fields are not compared.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    /// The column at fault.
    rejected: Option<String>,
    #[serde(default)]
    after_as_of: bool,
    reason: Option<String>,
    class: Option<String>,
    rule: Option<String>,
    day: Option<String>,
    week: Option<String>,
    week_start: Option<String>,
    seller: Option<String>,
    marketplace: Option<String>,
    carrier: Option<String>,
    likely_carrier: Option<String>,
    programme: Option<String>,
    category: Option<String>,
    unpriced: Option<bool>,
    provisional: Option<bool>,
    target: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RateCase {
    name: String,
    source: String,
    target: String,
    valid: u64,
    eligible: u64,
    meets: Option<bool>,
    percent: String,
    budget: Option<i64>,
    needed: Option<i64>,
}

/// The classes of the contract's ladder, written down independently of the kernel's own table.
const LADDER: [(&str, &str); 21] = [
    ("not_on_marketplace", "out_of_scope"),
    ("fulfilled_by_marketplace", "out_of_scope"),
    ("canceled", "out_of_scope"),
    ("no_policy", "out_of_scope"),
    ("lane_not_measured", "out_of_scope"),
    ("exempt", "exempt"),
    ("tracking_missing", "defect"),
    ("tracking_placeholder", "defect"),
    ("carrier_missing", "defect"),
    ("carrier_not_measured", "out_of_scope"),
    ("carrier_not_accepted", "defect"),
    ("number_refused", "defect"),
    ("carrier_mismatch", "defect"),
    ("added_after_delivery", "defect"),
    ("scanned", "valid"),
    ("number_malformed", "defect"),
    ("check_digit_failed", "defect"),
    ("delivery_scan_missing", "defect"),
    ("scan_missing", "defect"),
    ("well_formed", "valid"),
    ("unverified", "valid"),
];

/// The outcome of a row. `None` if an engine does not report a field.
#[derive(Debug, Default)]
struct Outcome {
    rejected: Option<String>,
    after_as_of: bool,
    facts: BTreeMap<&'static str, String>,
}

impl Outcome {
    fn rejected(column: Column) -> Outcome {
        Outcome { rejected: Some(column.name().to_owned()), ..Outcome::default() }
    }

    fn tell(&mut self, what: &'static str, told: impl ToString) {
        self.facts.insert(what, told.to_string());
    }
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn sheets() -> BTreeMap<String, Sheet> {
    let folder = repository().join("tests/conformance");
    let mut sheets = BTreeMap::new();
    for entry in std::fs::read_dir(&folder).expect("tests/conformance is part of the repository") {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let text = std::fs::read_to_string(&path).unwrap();
            sheets.insert(name.clone(), toml::from_str(&text).unwrap_or_else(|error| panic!("{name}.toml: {error}")));
        }
    }
    sheets
}

fn day(text: &str) -> Day {
    day_from_date(text.parse().unwrap_or_else(|_| panic!("{text} is no date")))
}

fn written(day: Day) -> String {
    date_from_day(day).to_string()
}

/// A prepared case: its cells, and the terms by which it is judged.
struct Setting<'a> {
    case: &'a Case,
    given: BTreeMap<Column, String>,
    present: ColumnSet,
    rules: CellRules,
    rates: Rates,
    book: Arc<Book>,
    as_of: Day,
    evidence: Evidence,
}

impl<'a> Setting<'a> {
    fn of(sheet: &Sheet, case: &'a Case, book: Arc<Book>) -> Setting<'a> {
        let column =
            |name: &String| Column::from_name(name).unwrap_or_else(|| panic!("{}: no column {name}", case.name));
        let absent: Vec<Column> = case.absent.iter().map(column).collect();
        let present: ColumnSet = Column::ALL.into_iter().filter(|column| !absent.contains(column)).collect();
        let given = sheet.base.iter().chain(&case.given).map(|(name, text)| (column(name), text.clone())).collect();
        let clock = case.cells.time_zone.as_deref().map_or_else(Zone::utc, |name| Zone::named(name).unwrap());
        let rules = CellRules {
            nulls: case.cells.nulls.clone(),
            decimal_mark: case.cells.decimal.as_ref().map_or(b'.', |mark| mark.as_bytes()[0]),
            mark: if case.cells.decimal.is_some() { Mark::Known } else { Mark::Assumed },
            times: TimeFormat::new(&case.cells.timestamps, clock).unwrap(),
        };
        let rates = if case.rates.is_empty() { Rates::default() } else { Rates::read(&case.rates).unwrap() };
        let has_scans = present.contains(Column::FirstScanAt) || present.contains(Column::DeliveryScanAt);
        let evidence = match case.evidence.as_deref() {
            Some("format") => Evidence::Format,
            Some("scans") => Evidence::Scans,
            None if has_scans => Evidence::Scans,
            None => Evidence::Format,
            Some(other) => panic!("{}: no evidence {other}", case.name),
        };
        Setting { case, given, present, rules, rates, book, as_of: day(&case.as_of), evidence }
    }

    fn terms(&self) -> Terms<'_> {
        Terms { book: &self.book, rates: &self.rates, as_of: self.as_of, evidence: self.evidence }
    }

    fn keeps_later_rows(&self) -> bool {
        self.case.as_of_mode == "scans"
    }

    /// Returns the trimmed text of a cell; null if it is empty, a declared null, or missing.
    fn cell(&self, column: Column) -> Option<&str> {
        let raw = self.given.get(&column).filter(|_| self.present.contains(column))?;
        text::trim(raw).filter(|text| !self.rules.nulls.iter().any(|null| null == text))
    }

    fn time(&self, column: Column) -> Result<Option<Moment>, Column> {
        self.cell(column).map(|text| self.rules.times.read(text).map_err(|_| column)).transpose()
    }
}

/// The reference engine, which follows the contract line by line.
fn reference(setting: &Setting) -> Outcome {
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

/// An axis whose segments are single days, so that the marginals show a verdict's day.
static DAILY: OnceLock<TimeAxis> = OnceLock::new();

/// Returns the outcome of the fold over a batch of one row of texts.
fn folded(setting: &Setting) -> Outcome {
    let axis = DAILY.get_or_init(|| TimeAxis::new((FIRST_DAY..day("2030-01-01")).collect()));
    let later_rows = if setting.keeps_later_rows() { LaterRows::Kept } else { LaterRows::Absent };
    let judge = Judge::builder(setting.book.clone(), setting.as_of)
        .rates(Arc::new(setting.rates.clone()))
        .evidence(setting.evidence)
        .later_rows(later_rows)
        .axis(axis.clone())
        .lists(true, None)
        .build();
    let array = |column: Column| -> ArrayRef { Arc::new(StringArray::from(vec![setting.given.get(&column).cloned()])) };
    let columns: Vec<_> = setting.present.iter().map(|column| (column.name(), array(column), true)).collect();
    let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    let source = Arc::new(Source { cells: setting.rules.clone(), ..Source::default() });
    let input = judge.input_of(&batch.schema(), &source).unwrap();
    let verdicts = judge.verdicts(&input, &batch).unwrap();
    let mut counter = judge.counter();
    let rejects = counter.add(&input, &batch, &Records::From(1)).unwrap();
    let out = counter.take();
    let counts = counter.counts();
    let judged: u64 = out.tally.classes.iter().sum();
    assert_eq!(
        judged + out.tally.rejected + out.tally.after_as_of,
        1,
        "{}: a row ends in one place",
        setting.case.name
    );
    let mut outcome = Outcome { after_as_of: out.tally.after_as_of == 1, ..Outcome::default() };
    outcome.rejected = rejects.iter().next().map(|reject| reject.column.clone().unwrap_or_default());
    if judged == 0 {
        return outcome;
    }
    let one = |kind: MarginalKind| -> RecordBatch {
        let batches: Vec<RecordBatch> = counts.batches(kind).collect();
        assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 1, "{kind:?}");
        batches[0].clone()
    };
    let (weekly, category, _) = (one(MarginalKind::Weekly), one(MarginalKind::Category), one(MarginalKind::Names));
    let text = |batch: &RecordBatch, name: &str| batch[name].as_string::<i32>().value(0).to_owned();
    let date = |batch: &RecordBatch, name: &str| batch[name].as_primitive::<Date32Type>().value(0);
    let (monday, day) = (date(&weekly, "week"), date(&category, "segment"));
    assert_eq!(weekly["count"].as_primitive::<Int64Type>().value(0), 1);
    let class = Class::ALL.into_iter().find(|class| out.tally.classes[*class as usize] == 1).unwrap();
    outcome.tell("reason", text(&weekly, "reason"));
    outcome.tell("class", class.name());
    outcome.tell("day", written(day));
    outcome.tell("week", iso_week(monday));
    outcome.tell("week_start", written(monday));
    outcome.tell("seller", text(&weekly, "seller_id"));
    for what in ["marketplace", "programme", "carrier"] {
        outcome.tell(what, text(&weekly, what));
    }
    outcome.tell("category", text(&category, "product_category"));
    for what in ["reason", "class", "carrier"] {
        assert_eq!(text(&verdicts, what), outcome.facts[what], "{}: the verdict for the row", setting.case.name);
    }
    assert_eq!(written(date(&verdicts, "day")), outcome.facts["day"]);
    assert_eq!(text(&verdicts, "iso_week"), outcome.facts["week"]);
    let likely = verdicts["likely_carrier"].as_string::<i32>();
    outcome.tell("likely_carrier", if likely.is_null(0) { "" } else { likely.value(0) });
    outcome.tell("rule", text(&verdicts, "rule"));
    outcome.tell("unpriced", out.unpriced == 1);
    match out.defects {
        Some(defect) => {
            let text = |name: &str| defect.column_by_name(name).unwrap().as_string::<i32>().clone();
            assert_eq!(text("rule").value(0), outcome.facts["rule"]);
            let likely = text("likely_carrier");
            assert_eq!(if likely.is_null(0) { "" } else { likely.value(0) }, outcome.facts["likely_carrier"]);
            let days = defect.column_by_name("day").unwrap().as_primitive::<Date32Type>();
            assert_eq!(written(days.value(0)), outcome.facts["day"]);
            assert_eq!(text("carrier").value(0), outcome.facts["carrier"]);
            assert_eq!(class, Class::Defect);
        }
        None => assert_ne!(class, Class::Defect, "{}: a defect has its row", setting.case.name),
    }
    outcome
}

/// Returns the differences between an outcome and the expected one.
fn differences(expect: &Expect, outcome: &Outcome) -> Vec<String> {
    let mut found = Vec::new();
    if outcome.rejected != expect.rejected {
        found.push(format!("rejected {:?} instead of {:?}", outcome.rejected, expect.rejected));
    }
    if outcome.after_as_of != expect.after_as_of {
        found.push(format!("after_as_of {} instead of {}", outcome.after_as_of, expect.after_as_of));
    }
    let flag = |flag: Option<bool>| flag.map(|flag| flag.to_string());
    let wanted: [(&str, Option<String>); 15] = [
        ("reason", expect.reason.clone()),
        ("class", expect.class.clone()),
        ("rule", expect.rule.clone()),
        ("day", expect.day.clone()),
        ("week", expect.week.clone()),
        ("week_start", expect.week_start.clone()),
        ("seller", expect.seller.clone()),
        ("marketplace", expect.marketplace.clone()),
        ("carrier", expect.carrier.clone()),
        ("likely_carrier", expect.likely_carrier.clone().or(expect.reason.as_ref().map(|_| String::new()))),
        ("programme", expect.programme.clone()),
        ("category", expect.category.clone()),
        ("unpriced", flag(expect.unpriced)),
        ("provisional", flag(expect.provisional)),
        ("target", expect.target.clone()),
    ];
    for (what, wanted) in wanted {
        if let (Some(wanted), Some(told)) = (wanted, outcome.facts.get(what))
            && wanted != *told
        {
            found.push(format!("{what} {told} instead of {wanted}"));
        }
    }
    if expect.reason.is_some() && !outcome.facts.contains_key("reason") {
        found.push("no verdict".into());
    }
    found
}

/// Returns the differences between the two engines.
fn disagreements(one: &Outcome, other: &Outcome) -> Vec<String> {
    let mut found = Vec::new();
    for (what, told) in &one.facts {
        if let Some(also) = other.facts.get(what).filter(|also| *also != told) {
            found.push(format!("{what}: reference {told}, fold {also}"));
        }
    }
    found
}

/// Books, keyed by the changes made to the embedded one.
#[derive(Default)]
struct Books(HashMap<Vec<(String, String, String)>, Arc<Book>>);

impl Books {
    fn edited(&mut self, case: &Case) -> Arc<Book> {
        let book = self.0.entry(case.edit.clone()).or_insert_with(|| {
            let mut files = load::embedded_files();
            for (name, from, to) in &case.edit {
                let file: Option<&mut BookFile> = files.iter_mut().find(|file| file.name == *name);
                let file = file.unwrap_or_else(|| panic!("{}: the book has no {name}", case.name));
                assert_eq!(file.text.matches(from.as_str()).count(), 1, "{}: {from:?} in {name}", case.name);
                file.text = file.text.replacen(from.as_str(), to, 1);
            }
            Arc::new(load::load(&files).unwrap_or_else(|problems| panic!("{}: {problems:#?}", case.name)))
        });
        book.clone()
    }
}

#[test]
fn every_case_holds_in_every_engine() {
    let (mut books, mut failures, mut count) = (Books::default(), String::new(), 0);
    for (sheet_name, sheet) in &sheets() {
        for case in &sheet.case {
            let setting = Setting::of(sheet, case, books.edited(case));
            let (by_reference, by_fold) = (reference(&setting), folded(&setting));
            let mut problems = differences(&case.expect, &by_reference);
            problems.extend(
                differences(&case.expect, &by_fold).into_iter().map(|problem| format!("in the fold: {problem}")),
            );
            problems.extend(disagreements(&by_reference, &by_fold));
            if !problems.is_empty() {
                let _ = writeln!(failures, "{sheet_name}: {}\n    {}", case.name, problems.join("\n    "));
            }
            count += 1;
        }
    }
    assert!(failures.is_empty(), "of {count} cases these do not hold:\n{failures}");
    assert!(count >= 150, "only {count} cases were found");
}

#[test]
fn every_rate_holds() {
    for (sheet_name, sheet) in &sheets() {
        for case in &sheet.rate {
            let at = format!("{sheet_name}: {} ({})", case.name, case.source);
            let (kind, share) = case.target.split_once(' ').unwrap();
            let kind = if kind == "at_least" { TargetKind::AtLeast } else { TargetKind::MoreThan };
            let target = Target::new(kind, Amount::read(share, b'.').unwrap()).unwrap();
            let tally = Tally { valid: case.valid, eligible: case.eligible };
            assert_eq!(tally.meets(target), case.meets, "{at}");
            assert_eq!(tally.percent(), case.percent, "{at}");
            assert_eq!(tally.defect_budget(target), case.budget, "{at}");
            assert_eq!(tally.valid_needed(target), case.needed, "{at}");
        }
    }
}

#[test]
fn the_suite_reaches_every_reason_and_every_version() {
    let (book, sheets) = (load::embedded().unwrap(), sheets());
    let (mut names, mut reasons, mut rules) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for (sheet_name, sheet) in &sheets {
        for case in &sheet.case {
            assert!(names.insert((sheet_name, &case.name)), "{sheet_name}: {} occurs twice", case.name);
            assert!(!case.why.is_empty(), "{sheet_name}: {} does not say why", case.name);
            for source in case.source.split("; ") {
                assert!(
                    is_source(source, &book),
                    "{sheet_name}: {} cites {source}, which is no ruling and no rule",
                    case.name
                );
            }
            reasons.extend(case.expect.reason.as_deref());
            rules.extend(case.expect.rule.as_deref());
            rules.extend(case.source.split("; "));
            if let Some(reason) = &case.expect.reason {
                let class = LADDER.iter().find(|(name, _)| name == reason).map(|(_, class)| *class);
                assert_eq!(class, case.expect.class.as_deref(), "{sheet_name}: {}", case.name);
            }
        }
    }
    assert_eq!(reasons, LADDER.iter().map(|(name, _)| *name).collect());
    assert_eq!(LADDER.len(), vtr_kernel::reason::COUNT);
    let mut missing = Vec::new();
    for (_, market) in book.markets() {
        for version in &market.versions {
            let lanes = version.lanes.iter();
            let of_lanes = lanes.flat_map(|lane| {
                let conditions = lane.exempt.iter().chain(&lane.refuse).map(|condition| condition.id);
                [lane.id].into_iter().chain(conditions)
            });
            let ids = [version.id].into_iter().chain(of_lanes).map(|id| book.rule(id));
            missing.extend(ids.filter(|id| !rules.contains(id)).map(str::to_owned));
        }
    }
    assert!(missing.is_empty(), "no case speaks of {missing:?}");
}

/// Returns whether a source has a valid form: `A1` to `D49`, `semantics 3`, `book`, or the id of a rule.
fn is_source(source: &str, book: &Book) -> bool {
    let ruling = source.strip_prefix(['A', 'B', 'C', 'D', 'E']).and_then(|number| number.parse::<u8>().ok());
    let section = source.strip_prefix("semantics ").and_then(|number| number.parse::<u8>().ok());
    let rules = || {
        book.markets().flat_map(|(_, market)| &market.versions).any(|version| {
            let conditions = |lane: &vtr_kernel::lane::Lane| {
                lane.exempt.iter().chain(&lane.refuse).map(|condition| condition.id).collect::<Vec<_>>()
            };
            let lanes = version.lanes.iter().flat_map(|lane| [vec![lane.id], conditions(lane)].concat());
            [version.id].into_iter().chain(lanes).any(|id| book.rule(id) == source)
        })
    };
    ruling.is_some_and(|ruling| (1..=73).contains(&ruling))
        || section.is_some_and(|section| (1..=6).contains(&section))
        || source == "book"
        || rules()
}
