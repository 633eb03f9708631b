//! Rows: packages as exports show them, some twice, some in an older state, a few damaged.
//!
//! This module decides which of two rows wins, by the rule of the contract: the later `updated_at`, then the later
//! file, then the later row. A row is a pure function of its file and number.

use super::dice::Dice;
use super::habits::Habits;
use super::labels::NULL;
use super::layout::Row;
use super::numbers::{Text, cleaned, typed};
use super::package::{Factory, NEVER, Parcel, Place};
use super::recipes::LEAST;
use super::world::SECOND;

const DAY: i64 = 86_400 * SECOND;

/// The relation between the two rows of a package that occurs in two files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Overlap {
    /// The later file has the newer state.
    Newer,
    /// Both have the same time: the later file wins.
    SameTime,
    /// The later file was exported earlier: the earlier file wins.
    Stale,
    /// Neither has a time: the later file wins.
    NoTime,
    /// Only the later file has a time, and wins.
    OnlyLaterTime,
}

impl Factory<'_> {
    /// Returns a row of a file; rows count from 0.
    pub fn row(&self, file: usize, row: u64) -> Parcel {
        let slice = &self.slices[file];
        match slice.row(self.seed, file as u64, row) {
            Row::Copy { package } => {
                let before = &self.slices[file - 1];
                self.overlapping(file - 1, before.fresh - before.again + package, true)
            }
            Row::Early { package } => {
                let parcel = self.package(file, package);
                let dice = Dice::new(self.seed, 42, file as u64, package);
                let mut older = self.aged(parcel, dice);
                if package % 3 == 0 && older.updated != NEVER {
                    older.updated -= SECOND;
                }
                older
            }
            Row::Fresh { package } if package >= slice.fresh - slice.again => self.overlapping(file, package, false),
            Row::Fresh { package } => {
                let parcel = self.package(file, package);
                let mut dice = Dice::new(self.seed, 43, file as u64, package);
                if self.dirt > 0 && dice.hits(self.dirt) && !self.is_doubled(file, row, package) {
                    return self.damaged(parcel, dice);
                }
                parcel
            }
        }
    }

    fn is_doubled(&self, file: usize, row: u64, package: u64) -> bool {
        row > 0 && self.slices[file].row(self.seed, file as u64, row - 1) == Row::Early { package }
    }

    /// Returns one of the two rows of a package that occurs in two files.
    fn overlapping(&self, file: usize, package: u64, is_later: bool) -> Parcel {
        let mut parcel = self.package(file, package);
        let mut dice = Dice::new(self.seed, 41, file as u64, package);
        let overlap = match dice.below(100) {
            _ if parcel.updated == NEVER => Overlap::NoTime,
            0..=84 => Overlap::Newer,
            85..=91 => Overlap::SameTime,
            92..=95 => Overlap::Stale,
            96..=97 => Overlap::NoTime,
            _ => Overlap::OnlyLaterTime,
        };
        let earlier = (1 + dice.below(5)) as i64 * DAY;
        let wins = is_later == (overlap != Overlap::Stale);
        if !wins {
            parcel = self.aged(parcel, dice);
        }
        match overlap {
            Overlap::Newer | Overlap::Stale if !wins => parcel.updated -= earlier,
            Overlap::NoTime => parcel.updated = NEVER,
            Overlap::OnlyLaterTime if !wins => parcel.updated = NEVER,
            _ => {}
        }
        parcel
    }

    /// Returns an earlier state of the package, which loses.
    fn aged(&self, mut parcel: Parcel, mut dice: Dice) -> Parcel {
        match dice.below(8) {
            0..=3 => parcel.delivery = NEVER,
            4 | 5 => (parcel.first_scan, parcel.delivery) = (NEVER, NEVER),
            6 => parcel.value = parcel.value.map(|value| (value / 2).max(LEAST)),
            _ => {}
        }
        // Only fields outside the identity may differ, and spellings of the identity.
        if parcel.package != 0 && dice.below(8) == 0 {
            parcel.tracking = None;
        } else if dice.below(8) == 0 {
            parcel.tracking = parcel.tracking.map(|text| typed(&cleaned(&text), &mut dice));
        }
        if let Some(market) = self.world.markets.get(parcel.truth.market as usize)
            && dice.below(4) == 0
            && self.sellers.habits == Habits::Mixed
        {
            parcel.marketplace = *dice.pick(&market.names);
        }
        parcel.truth.place = Place::Superseded;
        parcel
    }

    /// Returns a row that cannot be judged.
    fn damaged(&self, mut parcel: Parcel, mut dice: Dice) -> Parcel {
        let kit = &self.world.kit;
        match dice.below(if self.as_text { 9 } else { 8 }) {
            0 => parcel.marketplace = kit.unknown_market,
            1 => parcel.marketplace = kit.blank_market,
            2 => parcel.seller = NULL,
            3 => parcel.seller = kit.blank_seller,
            4 => parcel.order = Text::EMPTY,
            5 => (parcel.promised, parcel.shipped) = (NEVER, NEVER),
            6 => parcel.promised = 0,
            7 => parcel.shipped = 4_102_444_800 * SECOND,
            _ => parcel.garbled = true,
        }
        parcel.truth.place = Place::Rejected;
        parcel
    }
}
