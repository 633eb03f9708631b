//! What a run folds by: terms, spans of days, and which counts are wanted.
//!
//! Plain data, made once a run by whoever plans it, and the one question that it answers: where in
//! time a judged row is counted. It cannot fail.

use crate::partial::{RowCells, TimeAxis, Wants, week_index};
use vtr_kernel::calendar::Day;
use vtr_kernel::carrier::Carrier;
use vtr_kernel::ladder::Terms;
use vtr_kernel::policy::Marketplace;
use vtr_kernel::reason::{Class, Reason};

/// What a run folds by.
pub struct Settings<'a> {
    /// What is judged by.
    pub terms: Terms<'a>,
    /// Whether rows newer than `as_of` are kept.
    pub keep_later_rows: bool,
    /// First and last day asked for; `None`: all.
    pub range: Option<(Day, Day)>,
    /// First and last day that a window asked for can hold; `None`: all.
    pub windows: Option<(Day, Day)>,
    /// How days are cut for windows.
    pub axis: &'a TimeAxis,
    /// First and last day of each marketplace's health window, by index of the marketplace.
    pub health: Vec<(Day, Day)>,
    /// Which marginals are kept.
    pub wants: Wants,
    /// Whether the rows of defects are kept.
    pub wants_defects: bool,
    /// What makes rows copies of each other; `None`: nothing does.
    pub identity: Option<Identity>,
}

/// What makes rows copies of each other, and the key of the hash that finds them.
#[derive(Clone, Copy, Debug)]
pub struct Identity {
    /// Whether the order or the package is the unit.
    pub unit: Unit,
    /// Secret of the run.
    pub key: (u64, u64),
}

/// The unit of identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Seller, marketplace, order and package; the newest row wins.
    Package,
    /// Seller, marketplace and order; the newest file wins.
    Order,
}

/// Where in time a judged row is counted; its codes are filled in by the caller.
pub(crate) fn row_cells(
    settings: &Settings,
    marketplace: Marketplace,
    carrier: Carrier,
    day: Day,
    reason: Reason,
) -> RowCells {
    let within = |span: Option<(Day, Day)>| span.is_none_or(|(first, last)| first <= day && day <= last);
    let in_health = match marketplace {
        Marketplace::None => false,
        Marketplace::Known(id) => {
            settings.health.get(usize::from(id.0)).is_some_and(|(first, last)| *first <= day && day <= *last)
        }
    };
    RowCells {
        cell: 0,
        pair: 0,
        name: 0,
        carrier,
        week: week_index(day),
        segment: settings.axis.segment(day).min(usize::from(u16::MAX)) as u16,
        reason,
        in_range: within(settings.range),
        in_windows: within(settings.windows),
        is_culprit: in_health && reason.class() == Class::Defect,
    }
}
