//! The settings of a fold: terms, ranges of days, and the requested counts.
//!
//! Settings are plain data, made once per run by its planner. They answer one question: in which cells a judged row
//! is counted. Nothing here can fail.

use crate::axis::TimeAxis;
use crate::keys::{Codes, Layout, market_from_code};
use crate::partial::{RowKeys, Wants};
use siphasher::sip128::{Hasher128, SipHasher13};
use std::hash::Hasher;
use std::sync::Arc;
use vtr_kernel::Book;
use vtr_kernel::calendar::Day;
use vtr_kernel::carrier::Carrier;
use vtr_kernel::ladder::{Evidence, Terms};
use vtr_kernel::mend::Outcome;
use vtr_kernel::money::Rates;
use vtr_kernel::policy::{Marketplace, ProgrammeId};
use vtr_kernel::reason::Class;

/// The settings of a judge.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The rules.
    pub book: Arc<Book>,
    /// Exchange rates.
    pub rates: Arc<Rates>,
    /// The last day (UTC) for which data are known.
    pub as_of: Day,
    /// The evidence by which the judge decides.
    pub evidence: Evidence,
    /// The treatment of rows updated after `as_of`; rows shipped after it never exist yet.
    pub later_rows: LaterRows,
    /// The number of days by which a scan may precede its shipment.
    pub scan_lead_days: i32,
    /// The first and last requested day; `None`: all.
    pub range: Option<(Day, Day)>,
    /// The first and last day that a requested window can contain; `None`: all.
    pub windows: Option<(Day, Day)>,
    /// The cuts of days for windows.
    pub axis: TimeAxis,
    /// The first and last day of each marketplace's health window, by index of the marketplace.
    pub health: Vec<(Day, Day)>,
    /// The marginals to keep.
    pub wants: Wants,
    /// Whether rows of defects are kept.
    pub wants_defects: bool,
    /// The first day whose judged rows are kept, defects or not; `None`: no such rows are kept.
    pub judged_from: Option<Day>,
    /// What makes rows copies of each other; `None`: nothing does.
    pub identity: Option<Identity>,
}

/// The treatment of rows that were updated after the `as_of` day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaterRows {
    /// They do not exist yet.
    Absent,
    /// They are kept; only scans and shipments after that day do not exist yet.
    Kept,
}

/// What makes rows copies of each other, and the key of the hash that finds them.
#[derive(Clone, Copy, Debug)]
pub struct Identity {
    /// Whether the order or the package is the unit.
    pub unit: Unit,
    /// The key, the same for all workers that fold parts of one run.
    pub key: (u64, u64),
}

impl Identity {
    /// Makes an identity keyed by a text that names the run; workers with the same text find the same copies.
    pub fn keyed(unit: Unit, by: &str) -> Identity {
        let mut hasher = SipHasher13::new();
        hasher.write(by.as_bytes());
        let key = hasher.finish128();
        Identity { unit, key: (key.h1, key.h2) }
    }
}

/// The unit of identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Seller, marketplace, order and package; the newest row wins.
    Package,
    /// Seller, marketplace and order; the newest file wins.
    Order,
}

impl Settings {
    /// Returns everything except the facts on which verdicts depend.
    pub(crate) fn terms(&self) -> Terms<'_> {
        Terms { book: &self.book, rates: &self.rates, as_of: self.as_of, evidence: self.evidence }
    }

    /// Returns whether the list of judged rows includes a day.
    pub(crate) fn lists_judged(&self, day: Day) -> bool {
        self.judged_from.is_some_and(|first| first <= day)
    }
}

/// The codes of a judged row that are not part of its cells' keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Beside {
    /// The code of its category.
    pub category: u32,
    /// The code of the carrier's name as typed.
    pub typed: u32,
    /// Its circumstances as one word; 0 if nothing is counted by them.
    pub circumstances: u32,
    /// Who can still mend it: 0 for no defect, else the index in `vtr_kernel::mend::FixableBy::ALL` plus one.
    pub mender: u8,
}

/// Returns the cells of a judged row, given its codes, its day, and the codes beside them.
#[inline(always)] // `beside` would be written as words and copied as pairs, for which the processor waits
pub(crate) fn row_keys(settings: &Settings, layout: Layout, codes: &Codes, day: Day, beside: Beside) -> RowKeys {
    let within = |span: Option<(Day, Day)>| span.is_none_or(|(first, last)| first <= day && day <= last);
    let account = layout.account(codes.seller, codes.market, ProgrammeId(codes.programme));
    let carrier = Carrier::from_code(codes.carrier);
    let in_health = match market_from_code(codes.market) {
        Marketplace::None => false,
        Marketplace::Known(id) => {
            settings.health.get(usize::from(id.0)).is_some_and(|(first, last)| *first <= day && day <= *last)
        }
    };
    let outcome = Outcome::from_code(codes.reason);
    let is_eligible = outcome.is_some_and(|outcome| matches!(outcome.class(), Class::Valid | Class::Defect));
    let segment = if settings.wants.category { settings.axis.segment(day) } else { 0 };
    RowKeys {
        weekly: layout.weekly(codes.time, account, carrier, codes.reason),
        category: layout.category(segment, account, codes.reason),
        name: layout.name(codes.time, codes.market, carrier),
        reasons: layout.category(codes.time, account, codes.reason),
        breakdown: layout.weekly(u16::from(beside.mender), account, carrier, codes.reason),
        beside,
        in_range: within(settings.range),
        in_windows: within(settings.windows),
        in_breakdown: in_health && is_eligible,
    }
}
