//! Words: columns that hold one of a few, and what each word means.
//!
//! Spellings are compared with letters and digits only, in any case, once per distinct text. A word that the book does
//! not list is taken for the column's default, and the caller is told that it is unknown.

use crate::facts::{FulfilledBy, OrderState};
use crate::policy::ProgrammeId;
use crate::text;
use std::collections::HashMap;

/// What a text of such a column means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word<T> {
    /// Null, or a word that the book lists.
    Known(T),
    /// Any other text: the column's default.
    Unknown(T),
}

impl<T> Word<T> {
    /// The meaning, the default for an unknown word.
    pub fn meaning(self) -> T {
        match self {
            Word::Known(meaning) | Word::Unknown(meaning) => meaning,
        }
    }

    /// Whether the book does not list it.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Word::Unknown(_))
    }
}

/// The lists of `words.toml`, by folded spelling.
#[derive(Clone, Debug, Default)]
pub struct Words {
    pub(crate) fulfillment_channel: HashMap<String, FulfilledBy>,
    pub(crate) order_status: HashMap<String, OrderState>,
    pub(crate) programme: HashMap<String, ProgrammeId>,
    /// In lower case; codes and other spellings of currencies.
    pub(crate) currency: HashMap<String, crate::money::Currency>,
}

fn word<T: Copy>(list: &HashMap<String, T>, text: Option<&str>, default: T) -> Word<T> {
    let Some(text) = text else { return Word::Known(default) };
    list.get(&text::alias_key(text)).map_or(Word::Unknown(default), |meaning| Word::Known(*meaning))
}

impl Words {
    /// Who ships, of trimmed text; null and unknown text are the seller.
    pub fn fulfilled_by(&self, text: Option<&str>) -> Word<FulfilledBy> {
        word(&self.fulfillment_channel, text, FulfilledBy::Seller)
    }

    /// Whether the package stands, of trimmed text; null and unknown text are live.
    pub fn order_state(&self, text: Option<&str>) -> Word<OrderState> {
        word(&self.order_status, text, OrderState::Live)
    }

    /// The programme of a spelling; `None` if it is none.
    pub fn programme(&self, text: &str) -> Option<ProgrammeId> {
        self.programme.get(&text::alias_key(text)).copied()
    }

    /// The currency of a code or another spelling, in any case; `None` if the book lists neither.
    pub fn currency(&self, text: &str) -> Option<crate::money::Currency> {
        self.currency.get(&text::lower(text)).copied()
    }
}
