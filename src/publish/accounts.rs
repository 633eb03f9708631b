//! Compares the published figures of each seller with the new ones, in bounded memory.
//!
//! The files of both are read one after the other, once for each part of the sellers that fits into memory; the size
//! of a part is found as it fills. Ids are kept as keyed hashes of 128 bits. Nothing is judged here, and it fails only
//! if a file cannot be read.

use crate::error::Result;
use crate::signals;
use arrow::array::{AsArray, StringArray};
use arrow::datatypes::Int64Type;
use arrow::record_batch::RecordBatch;
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};

use super::log::DataFile;

/// The most bytes of a pair, including its share of free slots.
const PAIR_BYTES: u64 = 160;

/// Reads a file of `vtr_weekly` batch by batch.
pub type Open<'a> = &'a dyn Fn(&DataFile, &mut dyn FnMut(&RecordBatch) -> Result<()>) -> Result<()>;

/// Valid and eligible packages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccountCounts {
    /// Valid packages.
    pub valid: u64,
    /// Valid packages and defects.
    pub eligible: u64,
}

/// One seller's figures, in a marketplace or over all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pair {
    /// The published figures; `None` if there are none.
    pub old: Option<AccountCounts>,
    /// The new figures; `None` if there are none.
    pub new: Option<AccountCounts>,
}

/// The grain at which figures are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grain {
    /// By seller.
    Seller,
    /// By seller and marketplace.
    Account,
}

/// Published and new files, to be compared seller by seller.
pub struct Join<'a> {
    old: Vec<&'a DataFile>,
    new: Vec<&'a DataFile>,
    /// Files that are in both lists.
    both: Vec<&'a DataFile>,
    open: Open<'a>,
    most_pairs: usize,
    hashers: [RandomState; 2],
}

/// Pairs by hash of their ids.
pub type Pairs = FxHashMap<u128, Pair>;

impl<'a> Join<'a> {
    /// Joins published files with new ones; the pairs held at a time take at most `bytes`.
    pub fn of(old: Vec<&'a DataFile>, new: Vec<&'a DataFile>, open: Open<'a>, bytes: u64) -> Join<'a> {
        let most_pairs = usize::try_from(bytes / PAIR_BYTES).unwrap_or(usize::MAX).max(1);
        let names = |files: &[&'a DataFile]| files.iter().map(|file| file.path.as_str()).collect::<BTreeSet<_>>();
        let (of_old, of_new) = (names(&old), names(&new));
        let is_both = |file: &&DataFile| of_old.contains(file.path.as_str()) && of_new.contains(file.path.as_str());
        let (both, old): (Vec<_>, Vec<_>) = old.into_iter().partition(is_both);
        let new = new.into_iter().filter(|file| !is_both(file)).collect();
        Join { old, new, both, open, most_pairs, hashers: [RandomState::new(), RandomState::new()] }
    }

    /// Hands on all pairs, part by part.
    ///
    /// # Errors
    /// The error of a file that cannot be read, of a signal to stop, or of `take`.
    pub fn each_part(&self, grain: Grain, take: &mut dyn FnMut(&Pairs) -> Result<()>) -> Result<()> {
        let (mut from, mut to) = (0, u64::MAX);
        loop {
            let pairs = self.part(grain, from, &mut to)?;
            take(&pairs)?;
            if to == u64::MAX {
                return Ok(());
            }
            (from, to) = (to + 1, (to + 1).saturating_add(to - from));
        }
    }

    /// The pairs whose hashes begin with `from` to `to`; `to` is lowered until they are few enough.
    fn part(&self, grain: Grain, from: u64, to: &mut u64) -> Result<Pairs> {
        let mut pairs = Pairs::default();
        for (files, is_old, is_new) in [(&self.both, true, true), (&self.old, true, false), (&self.new, false, true)] {
            self.each(files, &mut |seller, marketplace, counts| {
                let id = self.hash(grain, seller, marketplace);
                if !(from..=*to).contains(&begin(id)) {
                    return;
                }
                let pair = pairs.entry(id).or_default();
                for (side, _) in [(&mut pair.old, is_old), (&mut pair.new, is_new)].into_iter().filter(|(_, is)| *is) {
                    let sum = side.get_or_insert_default();
                    sum.valid += counts.valid;
                    sum.eligible += counts.eligible;
                }
                while pairs.len() > self.most_pairs && from < *to {
                    *to = from + (*to - from) / 2;
                    pairs.retain(|id, _| begin(*id) <= *to);
                }
            })?;
        }
        Ok(pairs)
    }

    /// Adds what `tell` returns for each of the published `ids` to `names`; keeps the first `most`.
    ///
    /// # Errors
    /// Those of [`Join::each_part`].
    pub fn tell(
        &self,
        grain: Grain,
        ids: &FxHashSet<u128>,
        names: &mut BTreeSet<String>,
        most: usize,
        tell: &dyn Fn(&str, &str, u128) -> String,
    ) -> Result<()> {
        let mut take = |seller: &str, marketplace: &str, _| {
            let id = self.hash(grain, seller, marketplace);
            if ids.contains(&id) && names.insert(tell(seller, marketplace, id)) && names.len() > most {
                names.pop_last();
            }
        };
        if ids.is_empty() {
            return Ok(());
        }
        self.each(&self.both, &mut take)?;
        self.each(&self.old, &mut take)
    }

    fn each(&self, files: &[&DataFile], take: &mut dyn FnMut(&str, &str, AccountCounts)) -> Result<()> {
        files.iter().try_for_each(|file| {
            (self.open)(file, &mut |batch| {
                signals::check()?;
                each_account(batch, take);
                Ok(())
            })
        })
    }

    fn hash(&self, grain: Grain, seller: &str, marketplace: &str) -> u128 {
        let texts = [seller, if grain == Grain::Account { marketplace } else { "" }];
        let [high, low] = self.hashers.each_ref().map(|hasher| u128::from(hasher.hash_one(texts)));
        high << 64 | low
    }
}

fn begin(id: u128) -> u64 {
    (id >> 64) as u64
}

/// Sums over the carriers of each seller and marketplace, whose rows are adjacent.
fn each_account(batch: &RecordBatch, take: &mut dyn FnMut(&str, &str, AccountCounts)) {
    let (sellers, marketplaces) = (texts(batch, "seller_id"), texts(batch, "marketplace"));
    let (eligible, valid) = (counts(batch, "eligible"), counts(batch, "valid"));
    let key = |row: usize| (sellers.value(row), marketplaces.value(row));
    let mut sum = AccountCounts::default();
    for row in 0..batch.num_rows() {
        sum.valid += valid[row].unsigned_abs();
        sum.eligible += eligible[row].unsigned_abs();
        if row + 1 == batch.num_rows() || key(row + 1) != key(row) {
            let (seller, marketplace) = key(row);
            take(seller, marketplace, std::mem::take(&mut sum));
        }
    }
}

/// A text column of `vtr_weekly`.
pub fn texts<'a>(batch: &'a RecordBatch, name: &str) -> &'a StringArray {
    let column = batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
    column.unwrap_or_else(|| panic!("vtr_weekly has no text column `{name}`"))
}

/// A column of counts of `vtr_weekly`.
pub fn counts<'a>(batch: &'a RecordBatch, name: &str) -> &'a [i64] {
    let column = batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<Int64Type>());
    column.unwrap_or_else(|| panic!("vtr_weekly has no Int64 column `{name}`")).values()
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, Int64Array};
    use std::cell::Cell;
    use std::sync::Arc;

    fn file(path: &str) -> DataFile {
        DataFile {
            path: path.into(),
            sha256: String::new(),
            bytes: 0,
            rows: 0,
            week: None,
            judged_by: 0,
            by_week: Default::default(),
            made_from: None,
        }
    }

    /// The sorted sellers of a file: each has 10 packages, `valid` of them valid, in two marketplaces and with two
    /// carriers.
    fn batch(sellers: std::ops::Range<u32>, valid: i64) -> RecordBatch {
        let rows = sellers.clone().flat_map(|seller| ["DE", "DE", "GB"].map(|marketplace| (seller, marketplace)));
        let (sellers, marketplaces): (Vec<String>, Vec<&str>) =
            rows.map(|(seller, marketplace)| (format!("S{seller:04}"), marketplace)).unzip();
        let rows = sellers.len();
        let columns: [(&str, ArrayRef); 4] = [
            ("seller_id", Arc::new(StringArray::from(sellers))),
            ("marketplace", Arc::new(StringArray::from(marketplaces))),
            ("eligible", Arc::new(Int64Array::from(vec![10; rows]))),
            ("valid", Arc::new(Int64Array::from(vec![valid; rows]))),
        ];
        RecordBatch::try_from_iter(columns).unwrap()
    }

    #[test]
    fn however_little_fits_every_pair_comes_once_and_whole() {
        let (old, new) = ([file("a"), file("b")], [file("b"), file("c")]);
        let opened = Cell::new(0);
        let open = |file: &DataFile, take: &mut dyn FnMut(&RecordBatch) -> Result<()>| {
            opened.set(opened.get() + 1);
            let (sellers, valid) = match file.path.as_str() {
                "a" => (0..300, 9),
                "b" => (100..200, 8),
                _ => (150..400, 7),
            };
            // A batch may end within a seller.
            let whole = batch(sellers, valid);
            take(&whole.slice(0, 100))?;
            take(&whole.slice(100, whole.num_rows() - 100))
        };
        let gather = |bytes: u64, grain: Grain| {
            let join = Join::of(old.iter().collect(), new.iter().collect(), &open, bytes);
            let (mut parts, mut all) = (0, Vec::new());
            let ended = join.each_part(grain, &mut |pairs| {
                assert!(pairs.len() as u64 * PAIR_BYTES <= bytes);
                parts += 1;
                all.extend(pairs.values().copied());
                Ok(())
            });
            ended.unwrap();
            let counts = |side: Option<AccountCounts>| side.map_or((0, 0), |counts| (counts.valid, counts.eligible));
            let mut all: Vec<_> = all.into_iter().map(|pair| (counts(pair.old), counts(pair.new))).collect();
            all.sort_unstable();
            (parts, all)
        };
        for grain in [Grain::Seller, Grain::Account] {
            opened.set(0);
            let (parts, whole) = gather(1 << 20, grain);
            assert_eq!((parts, opened.get(), whole.len()), (1, 3, if grain == Grain::Seller { 400 } else { 800 }));
            let (parts, cut) = gather(17 * PAIR_BYTES, grain);
            assert!(parts > 400 / 17, "{parts}");
            assert_eq!(cut, whole);
        }
        // Seller 150 has 9 of 10 valid in `a`, 8 in `b` and 7 in `c`, three rows each.
        let (_, sellers) = gather(1 << 20, Grain::Seller);
        assert_eq!(sellers.iter().filter(|pair| **pair == ((51, 60), (45, 60))).count(), 50);
        assert_eq!(sellers.iter().filter(|pair| pair.1 == (0, 0)).count(), 100, "gone");
    }
}
