//! What a run folds by: terms, spans of days, and which counts are wanted.
//!
//! Plain data, made once a run by whoever plans it, and the one question that it answers: in which
//! cells a judged row is counted. It cannot fail.

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

/// What a judge goes by.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The rules.
    pub book: Arc<Book>,
    /// Exchange rates.
    pub rates: Arc<Rates>,
    /// The last day (UTC) of which anything is known.
    pub as_of: Day,
    /// What is judged by.
    pub evidence: Evidence,
    /// What becomes of rows updated after `as_of`; those shipped after it are never there.
    pub later_rows: LaterRows,
    /// How many days a scan may lie before the shipment that it is of.
    pub scan_lead_days: i32,
    /// First and last day asked for; `None`: all.
    pub range: Option<(Day, Day)>,
    /// First and last day that a window asked for can hold; `None`: all.
    pub windows: Option<(Day, Day)>,
    /// How days are cut for windows.
    pub axis: TimeAxis,
    /// First and last day of each marketplace's health window, by index of the marketplace.
    pub health: Vec<(Day, Day)>,
    /// Which marginals are kept.
    pub wants: Wants,
    /// Whether the rows of defects are kept.
    pub wants_defects: bool,
    /// The first day whose judged rows are kept, defects or not; `None`: those of no day.
    pub judged_from: Option<Day>,
    /// What makes rows copies of each other; `None`: nothing does.
    pub identity: Option<Identity>,
}

/// What becomes of rows that were updated after the `as_of` day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaterRows {
    /// They are not there yet.
    Absent,
    /// They are kept; only what was scanned or shipped after that day is not there.
    Kept,
}

/// What makes rows copies of each other, and the key of the hash that finds them.
#[derive(Clone, Copy, Debug)]
pub struct Identity {
    /// Whether the order or the package is the unit.
    pub unit: Unit,
    /// The key, the same for all that fold parts of one run.
    pub key: (u64, u64),
}

impl Identity {
    /// Keyed by a text that says which run it is: whoever has the same text finds the same copies.
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
    /// What verdicts depend on beside the facts.
    pub(crate) fn terms(&self) -> Terms<'_> {
        Terms { book: &self.book, rates: &self.rates, as_of: self.as_of, evidence: self.evidence }
    }

    /// Whether the list of judged rows holds one of a day.
    pub(crate) fn lists_judged(&self, day: Day) -> bool {
        self.judged_from.is_some_and(|first| first <= day)
    }
}

/// What stands beside the codes of a judged row's cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Beside {
    /// Code of its category.
    pub category: u32,
    /// Code of the carrier's name as typed.
    pub typed: u32,
    /// Its circumstances as one word; 0 where nothing is counted by them.
    pub circumstances: u32,
    /// Who can still mend it: 0 for no defect, else its place in `vtr_kernel::mend::FixableBy::ALL` plus one.
    pub mender: u8,
}

/// The cells of a judged row, given its codes, its day, and what stands beside them.
#[inline]
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
