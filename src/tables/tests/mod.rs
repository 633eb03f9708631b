//! Tests of tables made from small, invented packages; expected values are worked out by hand or by a naive sum.

mod health;
mod large;
mod rates;
mod row_tables;

use super::{FileRow, Piece, TablesInput, build};
use crate::fold::counts::Marginals;
use crate::fold::time_axis;
use crate::job::plan::{Identity, Limits, Output, Plan, Rolling, WeekRange, fixture};
use crate::progress::{Progress, Visibility};
use crate::schema::Table;
use arrow::array::{ArrayRef, AsArray, DictionaryArray, Int64Array, StringArray, UInt8Array, UInt32Array};
use arrow::record_batch::RecordBatch;
use arrow::util::display::array_value_to_string;
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, LazyLock};
use vtr_columnar::fold::Reject;
use vtr_columnar::marginals::CIRCUMSTANCES;
use vtr_kernel::calendar::{self, Day};
use vtr_kernel::ladder::Evidence;
use vtr_kernel::load::BookFile;
use vtr_kernel::mend::{FixableBy, Outcome};
use vtr_kernel::reason::{Class, Reason};
use vtr_kernel::{Book, load};

/// GB has windows of 30 days, final after 14; the target is more than 94 % until 2025-01-14 and at least 95 %
/// afterwards.
const GB: &str = r#"marketplace = "GB"
name = "Shop GB"
ids = ["ID-GB"]
aliases = ["UK"]
currency = "GBP"
time_zone = "Europe/London"
selected_by = "promised_delivery"
window_days = 30
latency_days = 14

[[version]]
id = "gb-old"
until = 2025-01-15
target = { more_than = "0.94" }
per = "account"
carriers = { integrated = ["red"], otherwise = "not_measured" }
confidence = "unsure"
checked_on = 2025-06-01
source = []

[[version.lane]]
id = "gb-old-any"
from = ["*"]
to = ["*"]
scans = 1

[[version]]
id = "gb-new"
from = 2025-01-15
target = { at_least = "0.95" }
per = "category"
carriers = "any"
confidence = "confirmed"
checked_on = 2025-06-01
source = []

[[version.programme]]
name = "premium"
target = { at_least = "0.99" }
per = "account"

[[version.lane]]
id = "gb-any"
from = ["*"]
to = ["*"]
scans = 1
"#;

/// FR has windows of 10 days, final after 3; the target is at least half.
const FR: &str = r#"marketplace = "FR"
name = "Shop FR"
ids = ["ID-FR"]
aliases = []
currency = "EUR"
time_zone = "Europe/Paris"
selected_by = "shipped"
window_days = 10
latency_days = 3

[[version]]
id = "fr-all"
target = { at_least = "0.5" }
per = "account"
carriers = { integrated = ["red"], otherwise = "not_accepted" }
confidence = "confirmed"
checked_on = 2025-06-01
source = []

[[version.lane]]
id = "fr-any"
from = ["*"]
to = ["*"]
scans = 1
"#;

/// DE has no policy version.
const DE: &str = r#"marketplace = "DE"
name = "Shop DE"
ids = ["ID-DE"]
aliases = []
currency = "EUR"
time_zone = "Europe/Berlin"
selected_by = "shipped"
window_days = 30
latency_days = 14
"#;

const RED: &str = "id = \"red\"\nname = \"Red\"\naliases = []\nclosed = false\nsource = []\n";
const BLUE: &str = "id = \"blue\"\nname = \"Blue\"\naliases = []\nclosed = false\nsource = []\n";
const FAMILIES: &str = "[families]\n\n[groups]\n\n[by_ship_from]\n";
const SERVICES: &str = "[[class]]\nname = \"letter\"\nphrases = [\"letter\"]\ncarriers = [\"*\"]\nexcept = []\n";
const PLACEHOLDERS: &str = r#"words = ["none"]
numbers = []
repeated = true
counting = true
order_id = true
order_id_suffixes = ["InvalidId"]
url = true
no_digit = true
min_length = 5
no_marketplace = ["Non-Shop"]
"#;

const WORDS: &str = r#"[fulfillment_channel]
marketplace = ["AFN", "FBA", "Amazon"]
seller = ["MFN"]

[order_status]
canceled = ["Canceled", "Cancelled"]
live = ["Shipped"]

[programme]

[currency]
codes = ["EUR", "GBP"]
"#;

static BOOK: LazyLock<Arc<Book>> = LazyLock::new(|| {
    let files = [
        ("policies/gb.toml", GB),
        ("policies/fr.toml", FR),
        ("policies/de.toml", DE),
        ("carriers/red.toml", RED),
        ("carriers/blue.toml", BLUE),
        ("families.toml", FAMILIES),
        ("services.toml", SERVICES),
        ("placeholders.toml", PLACEHOLDERS),
        ("words.toml", WORDS),
    ];
    let files = files.map(|(name, text)| BookFile { name: name.into(), text: text.into() });
    Arc::new(load::load(&files).unwrap_or_else(|problems| panic!("{problems:?}")))
});

fn day(text: &str) -> Day {
    calendar::day_from_date(text.parse().unwrap())
}

fn plan(as_of: &str, tables: &[Table]) -> Plan {
    let plan = fixture::plan(Path::new("."), Vec::new());
    Plan {
        run_id: "run".into(),
        as_of: day(as_of),
        identity: Some(Identity::Package),
        book: BOOK.clone(),
        output: Output { tables: tables.to_vec(), ..plan.output },
        limits: Limits { max_rejected_rows_kept: 3, ..plan.limits },
        ..plan
    }
}

fn weeks(first: &str, last: &str) -> Option<WeekRange> {
    Some(WeekRange { first: calendar::monday(day(first)), last: calendar::monday(day(last)) })
}

/// A number of equal judged packages.
#[derive(Clone, Copy, Debug)]
struct JudgedPackages {
    day: Day,
    seller: &'static str,
    market: &'static str,
    programme: &'static str,
    category: &'static str,
    carrier: &'static str,
    reason: Reason,
    count: i64,
    pending: bool,
    mender: Option<FixableBy>,
    /// Rule, lane and class of the service.
    told: [&'static str; 3],
    cross_border: bool,
    list_doubt: bool,
}

impl JudgedPackages {
    fn outcome(&self) -> Outcome {
        Outcome { reason: self.reason, is_pending: self.pending }
    }
}

/// Packages of seller `S` in GB, standard, category `Toys`, carrier `red`.
fn judged(on: &str, reason: Reason, count: i64) -> JudgedPackages {
    let (seller, market, programme) = ("S", "GB", "standard");
    JudgedPackages {
        day: day(on),
        seller,
        market,
        programme,
        category: "Toys",
        carrier: "red",
        reason,
        count,
        pending: false,
        mender: (reason.class() == Class::Defect).then_some(FixableBy::Carrier),
        told: ["gb-any", "gb-any", "(none)"],
        cross_border: false,
        list_doubt: false,
    }
}

/// One row of a marginal: time, keys, code of the outcome or flags, count.
type CountedRow = (Day, Vec<&'static str>, Option<u8>, i64);

/// The texts of each key column, ascending; all marginals share them.
type Dictionaries = BTreeMap<&'static str, Vec<&'static str>>;

fn dictionaries(packages: &[JudgedPackages]) -> Dictionaries {
    let texts = |of: fn(&JudgedPackages) -> &'static str| {
        let texts: BTreeSet<&str> = packages.iter().map(of).collect();
        texts.into_iter().collect()
    };
    BTreeMap::from([
        ("seller_id", texts(|p| p.seller)),
        ("marketplace", texts(|p| p.market)),
        ("programme", texts(|p| p.programme)),
        ("product_category", texts(|p| p.category)),
        ("carrier", texts(|p| p.carrier)),
        ("carrier_typed", texts(|p| p.carrier)),
        ("class", texts(|p| p.reason.class().name())),
        ("reason", texts(|p| p.reason.name())),
        ("rule", texts(|p| p.told[0])),
        ("lane", texts(|p| p.told[1])),
        ("service_class", texts(|p| p.told[2])),
        ("cross_border", vec!["false", "true"]),
        ("buy_shipping", vec!["false", "true"]),
    ])
}

/// The keys and the reason's code of a row of a marginal.
type MarginalKey<'a> = (Vec<&'a str>, Option<u8>);

/// Batches by time, sorted and added up, with one dictionary for each key column.
fn marginal(names: &[&str], dictionaries: &Dictionaries, rows: &[CountedRow]) -> BTreeMap<Day, RecordBatch> {
    let texts: Vec<&[&str]> = names.iter().map(|name| dictionaries[name].as_slice()).collect();
    let values: Vec<ArrayRef> =
        texts.iter().map(|texts| Arc::new(StringArray::from(texts.to_vec())) as ArrayRef).collect();
    let mut by_time: BTreeMap<Day, Vec<&CountedRow>> = BTreeMap::new();
    rows.iter().for_each(|row| by_time.entry(row.0).or_default().push(row));
    let batch = |rows: Vec<&CountedRow>| {
        let mut sums: BTreeMap<MarginalKey, i64> = BTreeMap::new();
        for (_, keys, reason, count) in rows {
            *sums.entry((keys.clone(), *reason)).or_default() += count;
        }
        let rows: Vec<(MarginalKey, i64)> = sums.into_iter().collect();
        let mut columns: Vec<(&str, ArrayRef)> = Vec::new();
        for (column, name) in names.iter().enumerate() {
            let code = |row: &((Vec<&str>, _), _)| texts[column].binary_search(&row.0.0[column]).unwrap() as u32;
            let keys = UInt32Array::from_iter_values(rows.iter().map(code));
            columns.push((name, Arc::new(DictionaryArray::new(keys, values[column].clone()))));
        }
        if rows[0].0.1.is_some() {
            let reasons = rows.iter().map(|((_, reason), _)| reason.unwrap());
            let head = if names.contains(&"reason") { "flags" } else { "reason" };
            columns.push((head, Arc::new(UInt8Array::from_iter_values(reasons))));
        }
        columns.push(("count", Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.1)))));
        RecordBatch::try_from_iter(columns).unwrap()
    };
    by_time.into_iter().map(|(time, rows)| (time, batch(rows))).collect()
}

/// Counts the packages as the fold would.
fn counted(plan: &Plan, packages: &[JudgedPackages]) -> crate::fold::counts::Counted {
    let axis = time_axis(plan);
    let week = |p: &JudgedPackages| calendar::monday(p.day);
    let in_range = |p: &&JudgedPackages| plan.range.is_none_or(|range| (range.first..=range.last).contains(&week(p)));
    let is_counted =
        |p: &&JudgedPackages| plan.days_counted().is_none_or(|(first, last)| (first..=last).contains(&p.day));
    let in_breakdown = |p: &&JudgedPackages| {
        let market = plan.book.markets().find(|(_, market)| market.name == p.market);
        let in_window = market.is_some_and(|(_, market)| {
            let (first, last) = vtr_kernel::windows::health(market, plan.as_of);
            (first..=last).contains(&p.day)
        });
        in_window && matches!(p.reason.class(), Class::Valid | Class::Defect)
    };
    let account = |p: &JudgedPackages| vec![p.seller, p.market, p.programme];
    let with = |mut keys: Vec<&'static str>, more: &[&'static str]| {
        keys.extend(more);
        keys
    };
    let weekly: Vec<CountedRow> = packages
        .iter()
        .filter(in_range)
        .map(|p| (week(p), with(account(p), &[p.carrier]), Some(p.outcome().code()), p.count))
        .collect();
    let category: Vec<CountedRow> = packages
        .iter()
        .filter(is_counted)
        .map(|p| {
            let keys = with(account(p), &[p.category]);
            (axis.first_day(axis.segment(p.day)), keys, Some(p.outcome().code()), p.count)
        })
        .collect();
    let names: Vec<CountedRow> = packages
        .iter()
        .filter(in_range)
        .map(|p| (week(p), vec![p.market, p.carrier, p.carrier], None, p.count))
        .collect();
    let breakdown: Vec<CountedRow> = packages
        .iter()
        .filter(in_breakdown)
        .map(|p| {
            let mender = p.mender.map_or(0, |mender| mender as Day + 1);
            (mender, with(account(p), &[p.category, p.carrier]), Some(p.outcome().code()), p.count)
        })
        .collect();
    let reasons: Vec<CountedRow> = packages
        .iter()
        .filter(in_range)
        .map(|p| {
            let [rule, lane, service] = p.told;
            let flag = |flag: bool| if flag { "true" } else { "false" };
            let told = [p.reason.class().name(), p.reason.name(), rule, lane, flag(p.cross_border), service, "false"];
            let flags = u8::from(p.pending) | u8::from(p.list_doubt) << 1;
            (week(p), with(account(p), &told), Some(flags), p.count)
        })
        .collect();
    let (account, texts) = (["seller_id", "marketplace", "programme"], dictionaries(packages));
    let marginals = Marginals {
        weekly: marginal(&[&account[..], &["carrier"]].concat(), &texts, &weekly),
        category: marginal(&[&account[..], &["product_category"]].concat(), &texts, &category),
        names: marginal(&["marketplace", "carrier_typed", "carrier"], &texts, &names),
        reasons: marginal(&CIRCUMSTANCES, &texts, &reasons),
        breakdown: marginal(&[&account[..], &["product_category", "carrier"]].concat(), &texts, &breakdown),
    };
    crate::fold::counts::Counted::in_memory(marginals, Vec::new())
}

/// The rows with texts in place of codes, as they are read back.
fn plain(table: Table, batch: &RecordBatch) -> RecordBatch {
    let column = |column: &ArrayRef| match column.as_any_dictionary_opt() {
        Some(coded) => arrow::compute::take(coded.values(), coded.keys(), None).unwrap(),
        None => column.clone(),
    };
    RecordBatch::try_new(table.schema(), batch.columns().iter().map(column).collect()).unwrap()
}

/// A piece with all its rows.
struct MadePiece {
    table: Table,
    week: Option<Day>,
    batches: Vec<RecordBatch>,
}

/// All pieces that have rows or are always made, in order, after checks that hold for every table: schema, order and
/// uniqueness of keys, weeks.
fn pieces(input: &TablesInput) -> Vec<MadePiece> {
    let pieces = Mutex::new(Vec::new());
    let take = |piece: Piece| {
        let batches = piece.batches.map(|batch| batch.map(|batch| plain(piece.table, &batch)));
        let piece = MadePiece { table: piece.table, week: piece.week, batches: batches.collect::<Result<_, _>>()? };
        assert_eq!(piece.week.is_some(), piece.table.is_partitioned());
        assert!(piece.batches.iter().all(|batch| batch.schema() == piece.table.schema() && batch.num_rows() > 0));
        let rows = cells(&piece, piece.table.key());
        let is_unique = !matches!(piece.table, Table::Defects | Table::Judged);
        assert!(rows.windows(2).all(|pair| pair[0] < pair[1] || !is_unique && pair[0] == pair[1]), "{rows:?}");
        if !piece.batches.is_empty() || !piece.table.is_partitioned() {
            pieces.lock().push(piece);
        }
        Ok(())
    };
    build(input, &Progress::begin("", 0, Visibility::Quiet), &take).unwrap();
    let mut pieces = pieces.into_inner();
    pieces.sort_by_key(|piece| (piece.table, piece.week));
    let twice = pieces.windows(2).find(|pair| (pair[0].table, pair[0].week) == (pair[1].table, pair[1].week));
    assert!(twice.is_none(), "a week of a table comes once");
    pieces
}

/// An input of counts judged by scans, without rejects and files.
fn input<'a>(plan: &'a Plan, counted: &'a crate::fold::counts::Counted) -> TablesInput<'a> {
    TablesInput { plan, counted, rejects: &[], files: &[], goes_on: false, evidence: Evidence::Scans }
}

fn tables(plan: &Plan, packages: &[JudgedPackages]) -> Vec<MadePiece> {
    let counted = counted(plan, packages);
    pieces(&input(plan, &counted))
}

/// Some columns of a piece as texts; null is empty. Numbers are padded, so that they sort as texts.
fn cells(piece: &MadePiece, columns: &[&str]) -> Vec<Vec<String>> {
    let cell = |batch: &RecordBatch, name: &str, row: usize| {
        let text = array_value_to_string(&batch[name], row).unwrap();
        if name == "record" { format!("{text:>9}") } else { text }
    };
    let rows = |batch: &RecordBatch| -> Vec<Vec<String>> {
        (0..batch.num_rows()).map(|row| columns.iter().map(|name| cell(batch, name, row)).collect()).collect()
    };
    piece.batches.iter().flat_map(rows).collect()
}

/// Some columns of all pieces, each row joined to one text.
fn rows(pieces: &[MadePiece], columns: &str) -> Vec<String> {
    let columns: Vec<&str> = columns.split(' ').collect();
    pieces.iter().flat_map(|piece| cells(piece, &columns)).map(|row| row.join(" ")).collect()
}
