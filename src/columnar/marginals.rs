//! Output of counts: packed entries become Arrow batches with texts, week, reason and count.
//!
//! The entries of one time, in any number and order, give one sorted batch without duplicates, so that workers with
//! different codes can add theirs up. Nothing here fails.

use crate::cells::CellEntry;
use crate::keys::{Codes, Keys, Ranked};
use crate::partial::{Unpacked, week_monday};
use arrow::array::{ArrayRef, DictionaryArray, Int64Array, StringArray, UInt8Array, UInt32Array};
use arrow::datatypes::{DataType, Field, Schema, UInt32Type};
use arrow::record_batch::RecordBatch;
use std::sync::Arc;
use vtr_kernel::calendar::Day;
use vtr_kernel::mend::Outcome;

/// The key columns of counts by circumstances.
pub const CIRCUMSTANCES: [&str; 10] = [
    "seller_id",
    "marketplace",
    "programme",
    "class",
    "reason",
    "rule",
    "lane",
    "cross_border",
    "service_class",
    "buy_shipping",
];

/// The kinds of counts, by their keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MarginalKind {
    /// By carrier and week: the weeks of the range.
    Weekly,
    /// By product category and segment of the time axis, including days outside the range that a requested window
    /// needs.
    Category,
    /// Judged packages by the carrier's name as typed, and week: the weeks of the range.
    Names,
    /// By circumstances and week: the weeks of the range. See [`CIRCUMSTANCES`].
    Reasons,
    /// Eligible packages of each marketplace's health window, by carrier, category, and who can mend them.
    Breakdown,
}

impl MarginalKind {
    /// All kinds, each at the index of its discriminant.
    pub const ALL: [MarginalKind; 5] = [
        MarginalKind::Weekly,
        MarginalKind::Category,
        MarginalKind::Names,
        MarginalKind::Reasons,
        MarginalKind::Breakdown,
    ];

    /// Returns its name for columns that hold several kinds.
    pub fn name(self) -> &'static str {
        ["weekly", "category", "names", "reasons", "breakdown"][self as usize]
    }

    /// Returns the kind of a name.
    pub fn from_name(name: &str) -> Option<MarginalKind> {
        MarginalKind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Returns the key columns, in the order by which rows are sorted.
    pub fn keys(self) -> &'static [&'static str] {
        match self {
            MarginalKind::Weekly => &["seller_id", "marketplace", "programme", "carrier"],
            MarginalKind::Category => &["seller_id", "marketplace", "programme", "product_category"],
            MarginalKind::Names => &["marketplace", "carrier_typed", "carrier"],
            MarginalKind::Reasons => &CIRCUMSTANCES,
            MarginalKind::Breakdown => &["seller_id", "marketplace", "programme", "product_category", "carrier"],
        }
    }
}

impl Keys {
    /// Returns the first day of a time; for [`MarginalKind::Breakdown`], who can mend its packages: 0 for valid ones,
    /// else the index in `vtr_kernel::mend::FixableBy::ALL` plus one.
    pub fn day(&self, kind: MarginalKind, time: u16) -> Day {
        match kind {
            MarginalKind::Weekly | MarginalKind::Names | MarginalKind::Reasons => week_monday(time),
            MarginalKind::Category => self.axis.first_day(time),
            MarginalKind::Breakdown => Day::from(time),
        }
    }

    /// Returns the counts of one time as one batch, sorted by its keys and `reason`, each cell once.
    ///
    /// Its columns are [`MarginalKind::keys`] as `Dictionary(UInt32, Utf8)`, whose values ascend bytewise and are the
    /// same for all batches, so that codes compare as texts do; then `reason` (UInt8, the code of
    /// `vtr_kernel::mend::Outcome`), which [`MarginalKind::Names`] lacks and which [`MarginalKind::Reasons`] replaces
    /// by `flags` (UInt8: bit 0 pending, bit 1 in doubt); then `count` (Int64, positive).
    pub fn batch(&self, kind: MarginalKind, counts: Unpacked) -> RecordBatch {
        let entries = counts.0.into_iter();
        let layout = self.layout;
        let Keys { sellers, markets, programmes, carriers, categories, typed, .. } = self;
        match kind {
            MarginalKind::Weekly => {
                let ranks = |entry: &CellEntry| {
                    let codes = layout.of_weekly(entry.key);
                    let [seller, market, programme] = self.account(&codes);
                    ([seller, market, programme, carriers.rank(u32::from(codes.carrier))], codes.reason)
                };
                let columns = [sellers, markets, programmes, carriers];
                batch(["seller_id", "marketplace", "programme", "carrier"], columns, Some("reason"), entries, ranks)
            }
            MarginalKind::Category => {
                let ranks = |entry: &CellEntry| {
                    let codes = layout.of_category(entry.key);
                    let [seller, market, programme] = self.account(&codes);
                    ([seller, market, programme, categories.rank(entry.beside)], codes.reason)
                };
                let columns = [sellers, markets, programmes, categories];
                let heads = ["seller_id", "marketplace", "programme", "product_category"];
                batch(heads, columns, Some("reason"), entries, ranks)
            }
            MarginalKind::Names => {
                let ranks = |entry: &CellEntry| {
                    let codes = layout.of_name(entry.key);
                    let (market, carrier) = (u32::from(codes.market), u32::from(codes.carrier));
                    ([markets.rank(market), typed.rank(entry.beside), carriers.rank(carrier)], 0)
                };
                batch(["marketplace", "carrier_typed", "carrier"], [markets, typed, carriers], None, entries, ranks)
            }
            MarginalKind::Reasons => self.by_circumstances(entries),
            MarginalKind::Breakdown => {
                let ranks = |entry: &CellEntry| {
                    let codes = layout.of_weekly(entry.key);
                    let [seller, market, programme] = self.account(&codes);
                    let (category, carrier) = (categories.rank(entry.beside), carriers.rank(u32::from(codes.carrier)));
                    ([seller, market, programme, category, carrier], codes.reason)
                };
                let columns = [sellers, markets, programmes, categories, carriers];
                let heads = ["seller_id", "marketplace", "programme", "product_category", "carrier"];
                batch(heads, columns, Some("reason"), entries, ranks)
            }
        }
    }

    fn by_circumstances(&self, entries: impl Iterator<Item = CellEntry>) -> RecordBatch {
        let Keys { sellers, markets, programmes, classes, reasons, rules, lanes, services, flags, .. } = self;
        let ranks = |entry: &CellEntry| {
            let codes = self.layout.of_category(entry.key);
            let of = self.layout.of_circumstances(entry.beside);
            let [seller, market, programme] = self.account(&codes);
            let outcome = Outcome::from_code(codes.reason).expect("the fold packs codes of outcomes");
            let lane = of.lane.map_or(0, |lane| lane.0 + 1);
            let service = of.service.map_or(0, |class| u32::from(class.0) + 1);
            let ranks = [
                seller,
                market,
                programme,
                classes.rank(outcome.class() as u32),
                reasons.rank(outcome.reason as u32),
                rules.rank(of.rule.0),
                lanes.rank(lane),
                flags.rank(of.is_cross_border.into()),
                services.rank(service),
                flags.rank(of.is_bought.into()),
            ];
            (ranks, u8::from(outcome.is_pending) | u8::from(of.is_doubtful) << 1)
        };
        let columns = [sellers, markets, programmes, classes, reasons, rules, lanes, flags, services, flags];
        batch(CIRCUMSTANCES, columns, Some("flags"), entries, ranks)
    }

    /// Returns the texts of a key column of a marginal, ascending; its codes in batches are indexes into them.
    pub fn texts(&self, column: &str) -> Option<&StringArray> {
        let ranked = match column {
            "seller_id" => &self.sellers,
            "marketplace" => &self.markets,
            "programme" => &self.programmes,
            "carrier" => &self.carriers,
            "product_category" => &self.categories,
            "carrier_typed" => &self.typed,
            "class" => &self.classes,
            "reason" => &self.reasons,
            "rule" => &self.rules,
            "lane" => &self.lanes,
            "service_class" => &self.services,
            "cross_border" | "buy_shipping" => &self.flags,
            _ => return None,
        };
        Some(&ranked.values)
    }

    fn account(&self, codes: &Codes) -> [u32; 3] {
        [
            self.sellers.rank(codes.seller),
            self.markets.rank(u32::from(codes.market)),
            self.programmes.rank(u32::from(codes.programme)),
        ]
    }
}

/// Packs ranks into one number that sorts as they do, and unpacks it; the last eight bits are the code beside them.
struct Packing<const N: usize> {
    shifts: [u32; N],
    masks: [u128; N],
}

impl<const N: usize> Packing<N> {
    fn of(columns: [&Ranked; N]) -> Packing<N> {
        let (mut shifts, mut masks, mut shift) = ([0; N], [0; N], 8);
        for place in (0..N).rev() {
            let bits = columns[place].bits();
            (shifts[place], masks[place]) = (shift, (1 << bits) - 1);
            shift += bits;
        }
        Packing { shifts, masks }
    }

    fn pack(&self, ranks: [u32; N], reason: u8) -> u128 {
        (0..N).fold(u128::from(reason), |key, place| key | u128::from(ranks[place]) << self.shifts[place])
    }

    fn rank(&self, key: u128, place: usize) -> u32 {
        (key >> self.shifts[place] & self.masks[place]) as u32
    }

    /// Returns whether keys fit 64 bits.
    fn is_small(&self) -> bool {
        N == 0 || self.masks[0] << self.shifts[0] <= u128::from(u64::MAX)
    }
}

/// Adds up the counts of equal keys and leaves out zeros.
fn summed<K: Ord + Copy>(mut rows: Vec<(K, i64)>) -> Vec<(K, i64)> {
    rows.sort_unstable_by_key(|row| row.0);
    let mut kept = 0;
    let mut row = 0;
    while row < rows.len() {
        let (key, mut count) = rows[row];
        row += 1;
        while let Some((_, more)) = rows.get(row).filter(|next| next.0 == key) {
            count += more;
            row += 1;
        }
        if count != 0 {
            rows[kept] = (key, count);
            kept += 1;
        }
    }
    rows.truncate(kept);
    rows
}

fn batch<const N: usize>(
    heads: [&str; N],
    columns: [&Ranked; N],
    beside: Option<&str>,
    entries: impl Iterator<Item = CellEntry>,
    ranks: impl Fn(&CellEntry) -> ([u32; N], u8),
) -> RecordBatch {
    let packing = Packing::of(columns);
    let packed = entries.map(|entry| {
        let (ranks, reason) = ranks(&entry);
        (packing.pack(ranks, reason), i64::from(entry.count))
    });
    if packing.is_small() {
        let rows = summed(packed.map(|(key, count)| (key as u64, count)).collect());
        spread(heads, columns, beside, &packing, &rows, u128::from)
    } else {
        spread(heads, columns, beside, &packing, &summed(packed.collect()), |key| key)
    }
}

/// Returns summed rows as columns.
fn spread<const N: usize, K: Copy>(
    heads: [&str; N],
    columns: [&Ranked; N],
    beside: Option<&str>,
    packing: &Packing<N>,
    rows: &[(K, i64)],
    wide: impl Fn(K) -> u128,
) -> RecordBatch {
    let kind = DataType::Dictionary(Box::new(DataType::UInt32), Box::new(DataType::Utf8));
    let mut fields: Vec<Field> = heads.iter().map(|head| Field::new(*head, kind.clone(), false)).collect();
    let mut arrays: Vec<ArrayRef> = Vec::with_capacity(N + 2);
    for (place, ranked) in columns.iter().enumerate() {
        let keys = UInt32Array::from_iter_values(rows.iter().map(|row| packing.rank(wide(row.0), place)));
        let array = DictionaryArray::<UInt32Type>::try_new(keys, ranked.values.clone());
        arrays.push(Arc::new(array.expect("ranks index their values")));
    }
    if let Some(head) = beside {
        fields.push(Field::new(head, DataType::UInt8, false));
        arrays.push(Arc::new(UInt8Array::from_iter_values(rows.iter().map(|row| wide(row.0) as u8))));
    }
    fields.push(Field::new("count", DataType::Int64, false));
    arrays.push(Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.1))));
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).expect("columns are as long as the rows")
}
