//! The categories of products, by seller and SKU: the category maps of a job, all in memory.
//!
//! If keys are equal, the later file, then the later record counts. It is the only part of an assembly whose memory
//! grows with an input. It cannot fail.

use super::facts::{Fate, RecordPlace};
use super::tally::Tally;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

/// Categories by seller and SKU.
#[derive(Debug, Default)]
pub struct Categories {
    by_sku: HashMap<String, Vec<Entry>>,
}

#[derive(Debug)]
struct Entry {
    seller: Option<String>,
    category: String,
    place: RecordPlace,
    /// Rows of the same key by file, without this one.
    older: Vec<u32>,
    is_used: AtomicBool,
}

impl Categories {
    /// Adds a row.
    pub fn add(&mut self, seller: Option<&str>, sku: &str, category: &str, place: RecordPlace) {
        let entries = self.by_sku.entry(sku.to_owned()).or_default();
        let new = |older: Vec<u32>| Entry {
            seller: seller.map(str::to_owned),
            category: category.to_owned(),
            place,
            older,
            is_used: AtomicBool::new(false),
        };
        match entries.iter_mut().find(|entry| entry.seller.as_deref() == seller) {
            Some(known) if known.place > place => known.older.push(place.file),
            Some(known) => {
                let mut older = std::mem::take(&mut known.older);
                older.push(known.place.file);
                *known = new(older);
            }
            None => entries.push(new(Vec::new())),
        }
    }

    /// Returns the category of a seller's SKU: the seller's own, else that of all sellers.
    pub fn of(&self, seller: &str, sku: &str) -> Option<&str> {
        let entries = self.by_sku.get(sku)?;
        let of = |seller: Option<&str>| entries.iter().find(|entry| entry.seller.as_deref() == seller);
        let entry = of(Some(seller)).or_else(|| of(None))?;
        entry.is_used.store(true, Ordering::Relaxed);
        Some(&entry.category)
    }

    /// Counts the fate of every row.
    pub fn count(&self, tally: &mut Tally) {
        for entry in self.by_sku.values().flatten() {
            entry.older.iter().for_each(|file| tally.fate(*file, Fate::Superseded, 1));
            let fate = if entry.is_used.load(Ordering::Relaxed) { Fate::Used } else { Fate::Unused };
            tally.fate(entry.place.file, fate, 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sellers_own_category_goes_first_and_the_later_row_counts() {
        let mut categories = Categories::default();
        let at = |file, record| RecordPlace { file, record };
        categories.add(None, "X", "all", at(0, 1));
        categories.add(Some("S"), "X", "new", at(1, 1));
        categories.add(Some("S"), "X", "old", at(0, 2));
        assert_eq!(
            (categories.of("S", "X"), categories.of("T", "X"), categories.of("S", "Y")),
            (Some("new"), Some("all"), None)
        );
        let mut tally = Tally::default();
        categories.count(&mut tally);
        assert_eq!(tally.fates[&0][Fate::Superseded as usize], 1);
        assert_eq!((tally.fates[&0][Fate::Used as usize], tally.fates[&1][Fate::Used as usize]), (1, 1));
    }
}
