//! Words: columns that hold one of a few words, and what each word means.
//!
//! Spellings are compared by their letters and digits only, in any case, once per distinct text. A word that the
//! book does not list takes the column's default, and the caller learns that it is unknown.

use crate::facts::{FulfilledBy, OrderState};
use crate::policy::ProgrammeId;
use crate::text;
use std::collections::{HashMap, HashSet};

/// The meaning of a text of such a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word<T> {
    /// The text is null, or a word that the book lists.
    Known(T),
    /// Any other text, with the column's default.
    Unknown(T),
}

impl<T> Word<T> {
    /// Returns the meaning, or the default for an unknown word.
    pub fn meaning(self) -> T {
        match self {
            Word::Known(meaning) | Word::Unknown(meaning) => meaning,
        }
    }

    /// Returns whether the book does not list the word.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Word::Unknown(_))
    }
}

/// The lists of `words.toml`, by folded spelling.
#[derive(Clone, Debug, Default)]
pub struct Words {
    pub(crate) fulfillment_channel: HashMap<String, FulfilledBy>,
    pub(crate) order_status: HashMap<String, OrderState>,
    /// The spellings among these that say that the order is not shipped yet.
    pub(crate) unshipped: HashSet<String>,
    pub(crate) programme: HashMap<String, ProgrammeId>,
    /// In lower case: codes and other spellings of currencies.
    pub(crate) currency: HashMap<String, crate::money::Currency>,
}

fn word<T: Copy>(list: &HashMap<String, T>, text: Option<&str>, default: T) -> Word<T> {
    let Some(text) = text else { return Word::Known(default) };
    list.get(&text::alias_key(text)).map_or(Word::Unknown(default), |meaning| Word::Known(*meaning))
}

impl Words {
    /// Returns who ships, from trimmed text; null and unknown text mean the seller.
    pub fn fulfilled_by(&self, text: Option<&str>) -> Word<FulfilledBy> {
        word(&self.fulfillment_channel, text, FulfilledBy::Seller)
    }

    /// Returns the state of the order, from trimmed text; null and unknown text mean live.
    pub fn order_state(&self, text: Option<&str>) -> Word<OrderState> {
        word(&self.order_status, text, OrderState::Live)
    }

    /// Returns whether a trimmed text says that the order is not shipped yet.
    pub fn is_unshipped(&self, text: &str) -> bool {
        self.unshipped.contains(&text::alias_key(text))
    }

    /// Returns the programme of a spelling; `None` if it is none.
    pub fn programme(&self, text: &str) -> Option<ProgrammeId> {
        self.programme.get(&text::alias_key(text)).copied()
    }

    /// Returns the currency of a code or another spelling, in any case; `None` if the book lists neither.
    pub fn currency(&self, text: &str) -> Option<crate::money::Currency> {
        self.currency.get(&text::lower(text)).copied()
    }
}
