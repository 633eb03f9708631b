//! Sellers and categories that differ only in how they are written, and so count apart.
//!
//! It compares the distinct texts once, after everything is counted. It changes none and cannot fail.

use crate::input::Column;
use crate::keys::{Keys, Ranked};
use arrow::array::Array;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use vtr_kernel::text::look;

/// Two texts of a column that differ only in case, blanks, characters that cannot be seen or look the same, or how a web
/// page writes `&`, and count apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alike {
    /// The column.
    pub column: Column,
    /// The two texts, in ascending order.
    pub pair: [String; 2],
}

/// The most texts of a column among which like ones are sought: the search holds a copy of each.
const MOST_SOUGHT: usize = 10_000;

impl Keys {
    /// Returns the sellers and categories that differ from an earlier one only in how they are written; none if a
    /// column has more than 10,000 texts.
    pub fn alike(&self) -> Vec<Alike> {
        let of = |(column, texts): (Column, &Ranked)| {
            let mut met: BTreeMap<String, &str> = BTreeMap::new();
            let mut found = Vec::new();
            if texts.values.len() > MOST_SOUGHT {
                return found;
            }
            for text in texts.values.iter().flatten() {
                match met.entry(look(&text.replace("&amp;", "&"))) {
                    Entry::Vacant(place) => {
                        place.insert(text);
                    }
                    Entry::Occupied(first) => {
                        found.push(Alike { column, pair: [(*first.get()).to_owned(), text.to_owned()] });
                    }
                }
            }
            found
        };
        [(Column::SellerId, &self.sellers), (Column::ProductCategory, &self.categories)]
            .into_iter()
            .flat_map(of)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::axis::{Cuts, TimeAxis};
    use crate::input::Column;
    use crate::keys::{Layout, SharedKeys};

    #[test]
    fn texts_that_differ_in_case_blanks_or_an_entity_are_alike() {
        let book = vtr_kernel::load::embedded().unwrap();
        let keys = SharedKeys::new(Layout::of(&book), 1 << 20);
        let _ = ["A1", "a1", "A2", "A1 "].map(|text| keys.seller(text));
        let _ = ["Toys & Games", "toys &amp; games", "Toys"].map(|text| keys.category(text));
        let axis = TimeAxis::of(&book, 20_500, Cuts { rolling: None, health: false });
        let alike = keys.freeze(&book, axis).alike();
        let told: Vec<_> =
            alike.iter().map(|alike| (alike.column, alike.pair[0].as_str(), alike.pair[1].as_str())).collect();
        assert_eq!(
            told,
            [
                (Column::SellerId, "A1", "A1 "),
                (Column::SellerId, "A1", "a1"),
                (Column::ProductCategory, "Toys & Games", "toys &amp; games"),
            ]
        );
    }
}
