//! Habits: sellers that type every label in one way and use a few carriers, as in life.
//!
//! A seller with habits spells a marketplace, a carrier, a country, a service or any other label the same on all of its
//! rows, and ships with one to four carriers, more if it is bigger. This module must not draw from the dice of a row
//! for a history without habits, whose bytes are fixed.

use super::carriers::POOL;
use super::dice::{Dice, mix};
use super::labels::NULL;
use super::package::{Choice, Making};
use super::world::MarketPlan;

/// Whether rows or sellers decide how labels are spelled and which carriers are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Habits {
    /// Each row draws its spellings, and its carrier from those of the seller's marketplace.
    Mixed,
    /// Each seller keeps one spelling of a label, and a few carriers.
    Kept,
}

/// The greatest number of carriers of a seller with habits.
pub(super) const MOST_CARRIERS: usize = 4;

/// What a seller with habits keeps.
pub struct Custom {
    /// Its carriers, the favourite first; the names that the book lacks are one of them.
    pub(super) carriers: Vec<Choice>,
    /// Whether it types carriers in Chinese characters, as far as they have such names.
    pub(super) chinese: bool,
}

/// How often a seller takes its first, second, third and fourth carrier.
const BY_PLACE: [u32; MOST_CARRIERS] = [76, 14, 7, 3];

/// A label whose spelling a seller keeps; it keeps each independently of the others.
#[derive(Clone, Copy)]
pub(super) enum Label {
    NoMarketplace,
    Channel,
    OwnChannel,
    Status,
    Service,
    Origin,
    Destination,
    Currency,
    Programme,
    NoCarrier,
    UnknownCarrier,
}

impl Custom {
    /// Draws what the seller of a rank keeps, of `count` sellers by size.
    pub(super) fn of(market: &MarketPlan, from_china: bool, seed: u64, rank: usize, count: usize) -> Custom {
        let mut dice = Dice::new(seed, 13, 0, rank as u64);
        let most = match rank {
            _ if rank * 50 < count => MOST_CARRIERS,
            _ if rank * 10 < count => 3,
            _ if rank * 2 < count => 2,
            _ => 1,
        };
        let mut drawn = if from_china { market.from_china.clone() } else { market.at_home.clone() };
        let mut carriers = Vec::with_capacity(most);
        while carriers.len() < most && !drawn.is_empty() {
            let place = dice.weighted(drawn.iter().map(|(_, weight)| *weight));
            carriers.push(Choice::Known(drawn.remove(place).0));
        }
        // In place of its last carrier some type a name that is none.
        if let [_, .., last] = carriers.as_mut_slice()
            && dice.hits(1_500)
        {
            *last = Choice::Unknown;
        }
        Custom { carriers, chinese: from_china && dice.hits(3_000) }
    }
}

impl Making<'_> {
    /// Returns one of the spellings of a label: a drawn one, or the seller's.
    pub(super) fn spelled(&mut self, spellings: &[u32], label: Label) -> u32 {
        match self.seller.custom {
            None => *self.dice.pick(spellings),
            Some(_) => spellings[self.way(label) as usize % spellings.len()],
        }
    }

    /// Returns the code of a country as the seller spells it, or null for its own country if it leaves that out.
    pub(super) fn country(&mut self, spellings: &[u32], label: Label) -> u32 {
        if self.seller.custom.is_none() {
            return *self.dice.pick(spellings);
        }
        let codes: Vec<u32> = spellings.iter().copied().filter(|key| *key != NULL).collect();
        if codes.len() < spellings.len() && self.way(label) & 1 == 0 {
            return NULL;
        }
        // Both columns spell a country alike, and so do all routes.
        codes[(self.way(Label::Origin) >> 8) as usize % codes.len()]
    }

    /// Returns whether a label is left out: as `drawn` for the row, or by `times` in 256 sellers on all their rows.
    pub(super) fn leaves_out(&self, label: Label, times: u32, drawn: bool) -> bool {
        match self.seller.custom {
            None => drawn,
            Some(_) => (self.way(label) >> 16 & 255) < times,
        }
    }

    /// Draws one of the seller's few carriers; `None` for a seller without habits.
    pub(super) fn usual_carrier(&mut self) -> Option<Choice> {
        let carriers = &self.seller.custom.as_ref()?.carriers;
        Some(carriers[self.dice.weighted(BY_PLACE.into_iter().take(carriers.len()))])
    }

    /// Returns whether the seller ships with a carrier at all; a seller without habits ships with any.
    pub(super) fn ships_with(&self, index: u8) -> bool {
        self.seller.custom.as_ref().is_none_or(|custom| custom.carriers.contains(&Choice::Known(index)))
    }

    /// Returns the key of a seller's own spelling of a carrier; `None` for a seller without habits.
    pub(super) fn own_spelling(&self, index: u8) -> Option<u32> {
        let custom = self.seller.custom.as_ref()?;
        if let Some(key) = self.chinese_name(index)
            && custom.chinese
        {
            return Some(key);
        }
        // Local spellings mean another carrier elsewhere, so that a seller would need two.
        let (spellings, all) = (&self.market.spellings[usize::from(index)], POOL[usize::from(index)].spellings.len());
        let anywhere = &spellings[spellings.len() - all..];
        Some(anywhere[(self.seller.habit >> 3) as usize % all])
    }

    /// Returns whether the package's carrier is typed in Chinese characters.
    pub(super) fn is_chinese(&self) -> bool {
        self.world.chinese_carriers.iter().any(|(key, _)| *key == self.parcel.carrier)
    }

    fn chinese_name(&self, index: u8) -> Option<u32> {
        self.world.chinese_carriers.iter().find(|(_, of)| *of == index).map(|(key, _)| *key)
    }

    /// The number on which the spelling of a label depends.
    fn way(&self, label: Label) -> u32 {
        mix(u64::from(self.seller.habit) << 8 | label as u64) as u32
    }
}
