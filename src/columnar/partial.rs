//! Partial counts: the marginals that tables are made from, and their way out as Arrow batches.
//!
//! A marginal is one map from a packed key to a count: sparse, mergeable, subtractable. Time lies in
//! the high bits of the key and the reason in the low ones. It knows no rates; those are made once,
//! at the end, in the kernel's tally.

use crate::keys::{Keys, market_from_code};
use arrow::array::{ArrayRef, DictionaryArray, Int64Array, StringArray, UInt8Array, UInt32Array};
use arrow::datatypes::{DataType, Field, Schema, UInt32Type};
use arrow::record_batch::RecordBatch;
use rustc_hash::FxBuildHasher;
use std::collections::BTreeMap;
use std::sync::Arc;
use vtr_kernel::Book;
use vtr_kernel::calendar::{Day, FIRST_DAY, monday};
use vtr_kernel::carrier::Carrier;
use vtr_kernel::reason::Reason;

/// The folded counts of a run, in strings and days so that workers who share no codes can add
/// them up. Dictionary columns are `Dictionary(UInt32, Utf8)` with values in ascending byte order,
/// so that keys compare as strings do; every batch of a marginal shares the same values.
#[derive(Debug, Default)]
pub struct Marginals {
    /// By Monday. Columns: `seller_id`, `marketplace`, `programme`, `carrier` (dictionaries),
    /// `reason` (UInt8, the code of `vtr_kernel::Reason`), `count` (Int64, positive).
    /// Only weeks of the asked range.
    pub weekly: BTreeMap<Day, RecordBatch>,
    /// By first day of the segment (see [`TimeAxis`]); days outside the range included where a
    /// window needs them. Columns: `seller_id`, `marketplace`, `programme`, `product_category`
    /// (dictionaries), `reason`, `count`.
    pub category: BTreeMap<Day, RecordBatch>,
    /// By Monday. Columns: `marketplace`, `carrier_typed`, `carrier` (dictionaries), `count`:
    /// judged shipments. Only weeks of the asked range.
    pub names: BTreeMap<Day, RecordBatch>,
    /// Defects in each marketplace's health window, by carrier. Columns: `seller_id`,
    /// `marketplace`, `programme`, `product_category`, `carrier` (dictionaries), `count`.
    pub culprits: Option<RecordBatch>,
}

/// The time axis cut at every day where a week or a window begins or ends: days within one segment
/// are counted together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeAxis {
    /// First days of the segments, ascending.
    starts: Vec<Day>,
}

impl TimeAxis {
    /// An axis with these first days; days before the first belong to the first segment.
    pub fn new(mut starts: Vec<Day>) -> TimeAxis {
        starts.sort_unstable();
        starts.dedup();
        TimeAxis { starts }
    }

    /// The index of the segment that a day lies in.
    pub fn segment(&self, day: Day) -> usize {
        self.starts.partition_point(|start| *start <= day).saturating_sub(1)
    }

    /// The first day of a segment.
    pub fn first_day(&self, segment: usize) -> Day {
        self.starts.get(segment).copied().unwrap_or(Day::MIN)
    }

    /// How many segments there are.
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }
}

/// Counts by packed key.
pub(crate) type Counts = hashbrown::HashMap<u64, i64, FxBuildHasher>;

/// The index of a day's week, counted from the first plausible one.
pub(crate) fn week_index(day: Day) -> u16 {
    ((monday(day) - monday(FIRST_DAY)) / 7).clamp(0, i32::from(u16::MAX)) as u16
}

/// The Monday of a week's index.
pub fn week_monday(index: u16) -> Day {
    monday(FIRST_DAY) + 7 * i32::from(index)
}

fn pack(time: u16, id: u32, low: u8) -> u64 {
    u64::from(time) << 40 | u64::from(id) << 8 | u64::from(low)
}

fn unpack(key: u64) -> (u16, u32, u8) {
    ((key >> 40) as u16, (key >> 8) as u32, key as u8)
}

/// Which marginals a run keeps.
#[derive(Clone, Copy, Debug)]
pub struct Wants {
    /// By carrier and week.
    pub weekly: bool,
    /// By category and segment.
    pub category: bool,
    /// By typed name and week.
    pub names: bool,
    /// Defects of the health windows by carrier.
    pub culprits: bool,
}

/// The cells that one judged row is counted in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowCells {
    pub cell: u32,
    pub pair: u32,
    pub name: u32,
    pub carrier: Carrier,
    pub week: u16,
    pub segment: u16,
    pub reason: Reason,
    /// Whether its week is asked for.
    pub in_range: bool,
    /// Whether some window asked for holds its day.
    pub in_windows: bool,
    /// Whether it is a defect within its marketplace's health window.
    pub is_culprit: bool,
}

/// The marginals of one thread, or of several added up.
#[derive(Debug, Default)]
pub struct Partial {
    weekly: Counts,
    category: Counts,
    names: Counts,
    culprits: Counts,
}

fn add(counts: &mut Counts, key: u64, by: i64) {
    *counts.entry(key).or_insert(0) += by;
}

impl Partial {
    /// Counts a row in (`by` = 1) or takes it out again (`by` = -1).
    pub(crate) fn count(&mut self, row: &RowCells, wants: Wants, by: i64) {
        let reason = row.reason as u8;
        if wants.weekly && row.in_range {
            add(&mut self.weekly, pack(row.week, row.cell, reason), by);
        }
        if wants.category && (row.in_range || row.in_windows) {
            add(&mut self.category, pack(row.segment, row.pair, reason), by);
        }
        if wants.names && row.in_range {
            add(&mut self.names, pack(row.week, row.name, 0), by);
        }
        if wants.culprits && row.is_culprit {
            add(&mut self.culprits, u64::from(row.pair) << 16 | u64::from(row.carrier.code()), by);
        }
    }

    /// Adds another thread's counts.
    pub fn merge(&mut self, other: Partial) {
        let pairs = [
            (&mut self.weekly, other.weekly),
            (&mut self.category, other.category),
            (&mut self.names, other.names),
            (&mut self.culprits, other.culprits),
        ];
        for (own, other) in pairs {
            if own.is_empty() {
                *own = other;
            } else {
                other.into_iter().for_each(|(key, count)| add(own, key, count));
            }
        }
    }

    /// How many cells are held, for reports.
    pub fn cells(&self) -> usize {
        self.weekly.len() + self.category.len() + self.names.len() + self.culprits.len()
    }

    /// The counts in strings and days. Cells that were emptied again are left out.
    pub fn into_marginals(self, keys: &Keys, axis: &TimeAxis, book: &Book) -> Marginals {
        let texts = Texts::new(keys, book);
        let account = |code: u32| {
            let account = keys.accounts[code as usize];
            [
                texts.sellers.rank(account.seller),
                texts.markets.rank(u32::from(account.market)),
                texts.programmes.rank(u32::from(account.programme)),
            ]
        };
        let by_account = ["seller_id", "marketplace", "programme"];
        let accounts = [&texts.sellers, &texts.markets, &texts.programmes];
        let weekly = pieces(
            self.weekly,
            week_monday,
            &[by_account.as_slice(), &["carrier"]].concat(),
            &[accounts.as_slice(), &[&texts.carriers]].concat(),
            true,
            |id| {
                let (code, carrier) = keys.cells[id as usize];
                let [seller, market, programme] = account(code);
                [seller, market, programme, texts.carriers.rank(u32::from(carrier))]
            },
        );
        let category = pieces(
            self.category,
            |segment| axis.first_day(usize::from(segment)),
            &[by_account.as_slice(), &["product_category"]].concat(),
            &[accounts.as_slice(), &[&texts.categories]].concat(),
            true,
            |id| {
                let (code, category) = keys.pairs[id as usize];
                let [seller, market, programme] = account(code);
                [seller, market, programme, texts.categories.rank(category)]
            },
        );
        let names = pieces(
            self.names,
            week_monday,
            &["marketplace", "carrier_typed", "carrier"],
            &[&texts.markets, &texts.typed, &texts.carriers],
            false,
            |id| {
                let name = keys.names[id as usize];
                [
                    texts.markets.rank(u32::from(name.market)),
                    texts.typed.rank(name.typed),
                    texts.carriers.rank(u32::from(name.carrier)),
                ]
            },
        );
        let rows = self.culprits.into_iter().filter(|(_, count)| *count != 0).map(|(key, count)| {
            let (code, category) = keys.pairs[(key >> 16) as usize];
            let [seller, market, programme] = account(code);
            (
                [seller, market, programme, texts.categories.rank(category), texts.carriers.rank(key as u32 & 0xffff)],
                0,
                count,
            )
        });
        let columns = [accounts.as_slice(), &[&texts.categories, &texts.carriers]].concat();
        let heads = [by_account.as_slice(), &["product_category", "carrier"]].concat();
        let culprits = Some(batch(&heads, &columns, false, rows.collect()));
        Marginals { weekly, category, names, culprits }
    }
}

/// Texts in ascending order, and the place of each code's text in it.
struct Ranked {
    values: Arc<StringArray>,
    ranks: Vec<u32>,
}

impl Ranked {
    fn new<'a>(texts: impl Iterator<Item = &'a str>) -> Ranked {
        let texts: Vec<&str> = texts.collect();
        let mut order: Vec<u32> = (0..texts.len() as u32).collect();
        order.sort_unstable_by_key(|code| texts[*code as usize]);
        let (mut ranks, mut values) = (vec![0; texts.len()], Vec::with_capacity(texts.len()));
        for code in order {
            let text = texts[code as usize];
            if values.last() != Some(&text) {
                values.push(text);
            }
            ranks[code as usize] = values.len() as u32 - 1;
        }
        Ranked { values: Arc::new(StringArray::from_iter_values(values)), ranks }
    }

    fn rank(&self, code: u32) -> u32 {
        self.ranks[code as usize]
    }
}

struct Texts {
    sellers: Ranked,
    markets: Ranked,
    programmes: Ranked,
    carriers: Ranked,
    categories: Ranked,
    typed: Ranked,
}

impl Texts {
    fn new(keys: &Keys, book: &Book) -> Texts {
        let markets = (0..=book.markets().count() as u16).map(|code| book.marketplace_label(market_from_code(code)));
        let programmes =
            (0..book.programme_count()).map(|index| book.programme(vtr_kernel::policy::ProgrammeId(index as u16)));
        let carriers = (0..book.carriers.len() as u16 + 2).map(|code| book.carriers.label(Carrier::from_code(code)));
        Texts {
            sellers: Ranked::new(keys.sellers.iter().map(AsRef::as_ref)),
            markets: Ranked::new(markets),
            programmes: Ranked::new(programmes),
            carriers: Ranked::new(carriers),
            categories: Ranked::new(keys.categories.iter().map(AsRef::as_ref)),
            typed: Ranked::new(keys.typed.iter().map(AsRef::as_ref)),
        }
    }
}

/// Cuts a marginal into one sorted batch for each piece of time.
fn pieces<const N: usize>(
    counts: Counts,
    day: impl Fn(u16) -> Day,
    heads: &[&str],
    columns: &[&Ranked],
    with_reason: bool,
    ranks: impl Fn(u32) -> [u32; N],
) -> BTreeMap<Day, RecordBatch> {
    let mut by_time: BTreeMap<u16, Vec<([u32; N], u8, i64)>> = BTreeMap::new();
    for (key, count) in counts {
        if count != 0 {
            let (time, id, low) = unpack(key);
            by_time.entry(time).or_default().push((ranks(id), low, count));
        }
    }
    by_time.into_iter().map(|(time, rows)| (day(time), batch(heads, columns, with_reason, rows))).collect()
}

fn batch<const N: usize>(
    heads: &[&str],
    columns: &[&Ranked],
    with_reason: bool,
    mut rows: Vec<([u32; N], u8, i64)>,
) -> RecordBatch {
    rows.sort_unstable();
    let kind = DataType::Dictionary(Box::new(DataType::UInt32), Box::new(DataType::Utf8));
    let mut fields: Vec<Field> = heads.iter().map(|head| Field::new(*head, kind.clone(), false)).collect();
    let mut arrays: Vec<ArrayRef> = Vec::with_capacity(N + 2);
    for (place, ranked) in columns.iter().enumerate() {
        let keys = UInt32Array::from_iter_values(rows.iter().map(|row| row.0[place]));
        let array =
            DictionaryArray::<UInt32Type>::try_new(keys, ranked.values.clone()).expect("ranks index their values");
        arrays.push(Arc::new(array));
    }
    if with_reason {
        fields.push(Field::new("reason", DataType::UInt8, false));
        arrays.push(Arc::new(UInt8Array::from_iter_values(rows.iter().map(|row| row.1))));
    }
    fields.push(Field::new("count", DataType::Int64, false));
    arrays.push(Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.2))));
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).expect("columns are as long as the rows")
}
