//! Turns the tallies of many rows into the rate columns that tables share.
//!
//! Targets are looked up for the last day of a week or window and passed to the kernel's tally; only the tally divides
//! and compares. Nothing in it fails.

use super::coded_or_null;
use super::space::{MARKETPLACE, NONE, PROGRAMME, Space};
use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray};
use std::sync::Arc;
use vtr_kernel::Book;
use vtr_kernel::calendar::{self, Day};
use vtr_kernel::policy::{Market, ProgrammeId, Version};
use vtr_kernel::tally::{Rate, Target, TargetKind};

/// Marketplaces and programmes of a marginal's keys by code.
pub struct Rules<'a> {
    markets: Vec<Option<&'a Market>>,
    programmes: Vec<ProgrammeId>,
}

impl<'a> Rules<'a> {
    /// Looks up in the book what the keys need.
    pub fn of(book: &'a Book, space: &Space) -> Rules<'a> {
        let market = |name: &str| {
            let market = book.markets().find(|(_, market)| market.name == name).map(|(_, market)| market);
            assert!(market.is_some() || name == NONE, "the book knows the marketplace `{name}` that it resolved");
            market
        };
        Rules {
            markets: space.texts(MARKETPLACE).map(market).collect(),
            programmes: space
                .texts(PROGRAMME)
                .map(|name| book.resolve_programme(name).unwrap_or(ProgrammeId::STANDARD))
                .collect(),
        }
    }

    /// The marketplace of a code; `None` for rows without one.
    pub fn market(&self, code: u32) -> Option<&'a Market> {
        self.markets[code as usize]
    }

    /// The number of marketplaces.
    pub fn markets(&self) -> usize {
        self.markets.len()
    }

    /// The targets of the versions in force on a day.
    pub fn targets(&self, day: Day) -> Targets {
        self.targets_on(|_| day)
    }

    /// The targets of the versions in force on a day that may differ by marketplace.
    pub fn targets_on(&self, day: impl Fn(&Market) -> Day) -> Targets {
        let version = |market: &Option<&'a Market>| {
            let market = (*market)?;
            market.version(day(market)).map(|version| (version, day(market)))
        };
        let target = |(version, day): (&Version, Day), programme| {
            version.judges(programme).then(|| version.target(programme, day))
        };
        let of_market = |version: Option<(&'a Version, Day)>| {
            self.programmes.iter().map(move |programme| version.and_then(|version| target(version, *programme)))
        };
        Targets {
            programmes: self.programmes.len(),
            targets: self.markets.iter().map(version).flat_map(of_market).collect(),
        }
    }

    /// Whether figures up to a day can still change; without a marketplace nothing arrives late.
    pub fn provisional(&self, market: u32, last_day: Day, as_of: Day) -> bool {
        calendar::provisional(last_day, self.market(market).map_or(0, |market| market.latency_days), as_of)
    }
}

/// The target of every marketplace and programme.
pub struct Targets {
    programmes: usize,
    targets: Vec<Option<Target>>,
}

impl Targets {
    /// The target by codes; `None` if no version is in force.
    pub fn of(&self, market: u32, programme: u32) -> Option<Target> {
        self.targets[market as usize * self.programmes + programme as usize]
    }
}

fn shares(rates: &[Rate], of: impl Fn(&Rate) -> Option<f64>) -> ArrayRef {
    Arc::new(Float64Array::from_iter(rates.iter().map(of)))
}

/// The columns `vtr`, `vtr_low`, `vtr_high`, `target`, `target_kind`.
pub fn vtr_and_target(rates: &[Rate]) -> [ArrayRef; 5] {
    let (low, high): (Vec<Option<f64>>, Vec<Option<f64>>) =
        rates.iter().map(|rate| rate.tally.wilson()).map(Option::unzip).unzip();
    let kinds = StringArray::from_iter_values([TargetKind::AtLeast, TargetKind::MoreThan].map(TargetKind::name));
    [
        shares(rates, |rate| rate.tally.rate()),
        Arc::new(Float64Array::from(low)),
        Arc::new(Float64Array::from(high)),
        shares(rates, |rate| rate.target.map(|target| target.share())),
        coded_or_null(rates.iter().map(|rate| rate.target.map(|target| target.kind as u32)), &kinds),
    ]
}

/// The column `meets_target`.
pub fn meets_target(rates: &[Rate]) -> ArrayRef {
    Arc::new(BooleanArray::from_iter(rates.iter().map(Rate::meets)))
}

/// The column `defect_budget`.
pub fn defect_budget(rates: &[Rate]) -> ArrayRef {
    Arc::new(Int64Array::from_iter(rates.iter().map(|rate| rate.tally.defect_budget(rate.target?))))
}

/// The column `valid_needed`.
pub fn valid_needed(rates: &[Rate]) -> ArrayRef {
    Arc::new(Int64Array::from_iter(rates.iter().map(|rate| rate.tally.valid_needed(rate.target?))))
}
