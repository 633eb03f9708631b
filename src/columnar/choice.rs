//! The choice among copies: which rows of one package or order are superseded by a newer one.
//!
//! The same rule decides among copies in memory and among sorted copies that arrive one after the other. This
//! module keeps no copies and counts nothing; it fails only if the consumer of the losers fails.

use crate::copies::CopyRecord;
use crate::settings::Unit;
use vtr_kernel::reason::{Class, Reason};

/// The sort key of copies: in this order the next copy decides whether the current one loses.
pub type Order = ((u64, u64), i64, i64, u64);

/// Returns the sort key of a copy.
pub fn order(copy: &CopyRecord, unit: Unit) -> Order {
    match unit {
        // Later `updated_at`, then later file, then later row: the last copy of each hash wins.
        Unit::Package => (copy.hash, copy.version, i64::from(copy.file), copy.record),
        // The newest file comes first; within a file the rows of one package are adjacent, and the last of them
        // wins.
        Unit::Order => (copy.hash, -i64::from(copy.file), copy.version, copy.record),
    }
}

/// What a choice found between copies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Between {
    /// The largest distance in days between two copies of one hash.
    pub apart_days: i64,
    /// Defects that won over a valid copy of the package only by their place: a later file or row without a later
    /// `updated_at`, or, with orders as the unit, a later row of one file, whatever its `updated_at`. A scan does not
    /// vanish, so that the winner may be the older state.
    pub valid_lost: u64,
    /// Packages without a number, of orders of which a later file has a package with one: probably the same packages
    /// before they had a number.
    pub numberless: u64,
    /// Packages without a number, of orders of which the same file has a package with one: two packages, or two items of
    /// one.
    pub beside: u64,
    /// Defects of orders of which a later file has other packages only, apart from those without a number that are
    /// counted above: probably the same packages before they got another number or id, or were cancelled.
    pub replaced: u64,
    /// Defects with an `updated_at`, of packages of which a later file has a valid copy without one.
    pub undated: u64,
    /// Defects without a scan, of packages that an older copy, by `updated_at`, has with one: a scan does not vanish.
    pub unscanned: u64,
}

impl Between {
    /// Adds what another choice found.
    pub fn add(&mut self, other: Between) {
        self.apart_days = self.apart_days.max(other.apart_days);
        self.valid_lost += other.valid_lost;
        self.numberless += other.numberless;
        self.beside += other.beside;
        self.replaced += other.replaced;
        self.undated += other.undated;
        self.unscanned += other.unscanned;
    }
}

/// A choice over sorted copies: every copy that is not a winner of its hash is handed on as lost.
pub struct Choice {
    unit: Unit,
    group: Option<Group>,
    order: OfOrder,
    found: Between,
}

/// The packages of one order so far.
#[derive(Default)]
struct OfOrder {
    /// The half of the hash that is of the order.
    hash: u64,
    /// The files of those without a number.
    without: Vec<u32>,
    /// The files of those with one.
    with: Vec<u32>,
    /// The files of those that are defects although they have a number.
    defects: Vec<u32>,
}

impl OfOrder {
    /// Adds a package that counts; what was found among those before goes to `found` if it is of another order.
    fn add(&mut self, package: &CopyRecord, found: &mut Between) {
        if package.hash.0 != self.hash {
            self.end(found);
            self.hash = package.hash.0;
        }
        if is_numberless(package) {
            self.without.push(package.file);
        } else {
            self.with.push(package.file);
            if package.outcome().class() == Class::Defect {
                self.defects.push(package.file);
            }
        }
    }

    fn end(&mut self, found: &mut Between) {
        let newest = self.with.iter().max();
        // A later file that still had the package would have its newest copy.
        let last = self.with.iter().chain(&self.without).max();
        found.replaced += self.defects.iter().filter(|file| Some(*file) < last).count() as u64;
        for file in &self.without {
            found.numberless += u64::from(Some(file) < newest);
            found.beside += u64::from(Some(file) == newest);
        }
        self.without.clear();
        self.with.clear();
        self.defects.clear();
    }
}

/// The state of the copies of one hash so far.
struct Group {
    /// The file of its first copy; if orders are the unit, this is the newest file.
    newest: u32,
    last: CopyRecord,
    /// The first and the last day so far.
    days: (i32, i32),
    /// Whether a copy of the last one's version is valid.
    has_valid: bool,
    older: Older,
}

/// The valid copies of a package before its last one, if packages are the unit.
#[derive(Clone, Copy, Default)]
struct Older {
    /// The last file of those without an `updated_at`, which are first whatever their file.
    undated: Option<u32>,
    /// Whether one was scanned.
    scanned: bool,
}

impl Older {
    fn and(self, copy: &CopyRecord) -> Older {
        if !is_valid(copy) {
            return self;
        }
        let undated = self.undated.max((copy.version == UNDATED).then_some(copy.file));
        Older { undated, scanned: self.scanned || copy.outcome().reason == Reason::Scanned }
    }
}

/// The version of a copy without an `updated_at`, if packages are the unit.
const UNDATED: i64 = i64::MIN;

/// Returns whether a package has no number.
pub fn is_numberless(copy: &CopyRecord) -> bool {
    is_without_number(copy.outcome().reason)
}

/// Returns whether packages of a reason have no number.
pub(crate) fn is_without_number(reason: Reason) -> bool {
    matches!(reason, Reason::TrackingMissing | Reason::TrackingPlaceholder)
}

fn is_valid(copy: &CopyRecord) -> bool {
    copy.outcome().class() == Class::Valid
}

impl Group {
    fn loses(&self, unit: Unit, next: Option<&CopyRecord>) -> bool {
        match unit {
            Unit::Package => next.is_some(),
            Unit::Order => {
                let is_again = |next: &CopyRecord| next.file == self.last.file && next.version == self.last.version;
                self.last.file != self.newest || next.is_some_and(is_again)
            }
        }
    }
}

impl Choice {
    /// Starts a choice.
    pub fn new(unit: Unit) -> Choice {
        Choice { unit, group: None, order: OfOrder::default(), found: Between::default() }
    }

    /// Takes the next copy in [`order`].
    ///
    /// # Errors
    /// Returns the error of `lost`.
    pub fn next<E>(&mut self, copy: &CopyRecord, lost: &mut dyn FnMut(&CopyRecord) -> Result<(), E>) -> Result<(), E> {
        match self.group.take() {
            Some(group) if group.last.hash == copy.hash => {
                if group.loses(self.unit, Some(copy)) {
                    lost(&group.last)?;
                } else {
                    self.see_winner(&group);
                }
                let days = (group.days.0.min(copy.day), group.days.1.max(copy.day));
                self.found.apart_days = self.found.apart_days.max(i64::from(days.1) - i64::from(days.0));
                let is_again = (group.last.version, self.file(&group.last)) == (copy.version, self.file(copy));
                let has_valid = is_valid(copy) || group.has_valid && is_again;
                let older = if self.unit == Unit::Package { group.older.and(&group.last) } else { group.older };
                self.group = Some(Group { last: *copy, days, has_valid, older, ..group });
            }
            before => {
                self.end(before, lost)?;
                let (newest, days, has_valid) = (copy.file, (copy.day, copy.day), is_valid(copy));
                self.group = Some(Group { newest, last: *copy, days, has_valid, older: Older::default() });
            }
        }
        Ok(())
    }

    /// Ends the choice; returns what it found.
    ///
    /// # Errors
    /// Returns the error of `lost`.
    pub fn finish<E>(mut self, lost: &mut dyn FnMut(&CopyRecord) -> Result<(), E>) -> Result<Between, E> {
        let last = self.group.take();
        self.end(last, lost)?;
        self.order.end(&mut self.found);
        Ok(self.found)
    }

    /// Ends a group, whose last copy has no successor.
    fn end<E>(&mut self, group: Option<Group>, lost: &mut dyn FnMut(&CopyRecord) -> Result<(), E>) -> Result<(), E> {
        match group {
            Some(group) if group.loses(self.unit, None) => lost(&group.last),
            Some(group) => {
                self.see_winner(&group);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Looks at the copy of a package that counts: the last one of a group so far.
    fn see_winner(&mut self, group: &Group) {
        let outcome = group.last.outcome();
        if outcome.class() == Class::Defect {
            let is_before = group.older.undated > Some(group.last.file) && group.last.version != UNDATED;
            // The rungs behind that of the scans speak for want of them.
            let is_unscanned = outcome.reason as u8 > Reason::Scanned as u8;
            match group.has_valid {
                true => self.found.valid_lost += 1,
                false if is_before => self.found.undated += 1,
                false => self.found.unscanned += u64::from(group.older.scanned && is_unscanned),
            }
        }
        self.order.add(&group.last, &mut self.found);
    }

    /// Returns what sets copies of one version apart: with orders as the unit, a later file is a newer picture.
    fn file(&self, copy: &CopyRecord) -> Option<u32> {
        (self.unit == Unit::Order).then_some(copy.file)
    }
}

/// Hands on the losers among some copies; returns what was found between them.
///
/// # Errors
/// Returns the error of `lost`.
pub fn choose<E>(
    mut copies: Vec<CopyRecord>,
    unit: Unit,
    lost: &mut dyn FnMut(&CopyRecord) -> Result<(), E>,
) -> Result<Between, E> {
    copies.sort_unstable_by_key(|copy| order(copy, unit));
    let mut choice = Choice::new(unit);
    copies.iter().try_for_each(|copy| choice.next(copy, lost))?;
    choice.finish(lost)
}

/// Returns the losers among a few copies.
pub fn losers(copies: Vec<CopyRecord>, unit: Unit) -> Vec<CopyRecord> {
    let mut losers = Vec::new();
    let Ok(_) = choose(copies, unit, &mut |copy| -> Result<(), std::convert::Infallible> {
        losers.push(*copy);
        Ok(())
    });
    losers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Beside;

    fn copy(hash: u64, version: i64, file: u32, record: u64) -> CopyRecord {
        let day = 20_000 + record as i32;
        CopyRecord {
            hash: (hash, hash),
            version,
            file,
            record,
            day,
            cell: 0,
            beside: Beside::default(),
            unpriced: false,
        }
    }

    fn lost(unit: Unit, copies: &[CopyRecord]) -> Vec<(u32, u64)> {
        let mut lost: Vec<_> = losers(copies.to_vec(), unit).iter().map(|copy| (copy.file, copy.record)).collect();
        lost.sort_unstable();
        lost
    }

    #[test]
    fn the_newest_copy_of_a_package_wins_then_the_later_file_then_the_later_row() {
        let copies = [
            copy(1, 10, 1, 1),
            copy(1, 20, 0, 2),
            copy(2, 5, 0, 3),
            copy(2, 5, 1, 4),
            copy(3, i64::MIN, 0, 5),
            copy(3, i64::MIN, 0, 6),
            copy(4, 1, 0, 7),
        ];
        assert_eq!(lost(Unit::Package, &copies), [(0, 3), (0, 5), (1, 1)]);
    }

    #[test]
    fn of_an_order_only_the_newest_file_counts_and_each_package_of_it_once() {
        // File 0 has packages 7 and 8, file 1 has 8 (twice) and 9.
        let copies = [copy(1, 7, 0, 1), copy(1, 8, 0, 2), copy(1, 8, 1, 3), copy(1, 9, 1, 4), copy(1, 8, 1, 5)];
        assert_eq!(lost(Unit::Order, &copies), [(0, 1), (0, 2), (1, 3)]);
    }

    #[test]
    fn defects_that_win_by_their_place_are_counted() {
        let told = |copy: CopyRecord, reason: Reason| CopyRecord { cell: reason as u64, ..copy };
        let (valid, defect) = (Reason::Scanned, Reason::ScanMissing);
        let found = |unit: Unit, copies: &[(CopyRecord, Reason)]| {
            let copies = copies.iter().map(|(copy, reason)| told(*copy, *reason)).collect();
            let Ok(found) = choose(copies, unit, &mut |_| Ok::<(), std::convert::Infallible>(()));
            found.valid_lost
        };
        // Of one package, in one file or two; then with a later version.
        for unit in [Unit::Package, Unit::Order] {
            assert_eq!(found(unit, &[(copy(1, 7, 0, 1), valid), (copy(1, 7, 0, 2), defect)]), 1, "{unit:?}");
            assert_eq!(found(unit, &[(copy(1, 7, 0, 1), defect), (copy(1, 7, 0, 2), valid)]), 0, "{unit:?}");
        }
        let files = [(copy(1, 7, 0, 1), valid), (copy(1, 7, 1, 2), defect)];
        assert_eq!(found(Unit::Package, &files), 1);
        assert_eq!(found(Unit::Order, &files), 0, "a later file is a newer picture");
        assert_eq!(found(Unit::Package, &[(copy(1, 7, 0, 1), valid), (copy(1, 8, 0, 2), defect)]), 0);
        // Two packages of an order, of which the first is told twice.
        let two = [(copy(1, 7, 1, 1), valid), (copy(1, 7, 1, 2), defect), (copy(1, 8, 1, 3), valid)];
        assert_eq!(found(Unit::Order, &two), 1);
        let older = [(copy(1, 8, 0, 1), valid), (copy(1, 8, 1, 2), defect), (copy(1, 7, 1, 3), valid)];
        assert_eq!(found(Unit::Order, &older), 0);
    }

    #[test]
    fn valid_copies_that_lose_by_updated_at_are_counted() {
        let told = |version: i64, file: u32, reason: Reason| CopyRecord {
            cell: reason as u64,
            ..copy(1, version, file, u64::from(file) + 1)
        };
        let found = |unit: Unit, copies: [CopyRecord; 2]| {
            let Ok(found) = choose(copies.to_vec(), unit, &mut |_| Ok::<(), std::convert::Infallible>(()));
            (found.undated, found.unscanned, found.valid_lost)
        };
        let (valid, defect, none) = (Reason::Scanned, Reason::ScanMissing, i64::MIN);
        for (copies, want) in [
            ([told(5, 0, defect), told(none, 1, valid)], (1, 0, 0)),
            ([told(none, 0, valid), told(5, 1, defect)], (0, 1, 0)),
            ([told(5, 0, valid), told(6, 1, defect)], (0, 1, 0)),
            ([told(6, 0, defect), told(5, 1, valid)], (0, 1, 0)),
            ([told(5, 0, valid), told(6, 1, Reason::TrackingMissing)], (0, 0, 0)),
            ([told(5, 0, valid), told(5, 1, defect)], (0, 0, 1)),
            ([told(5, 0, defect), told(6, 1, valid)], (0, 0, 0)),
        ] {
            assert_eq!(found(Unit::Package, copies), want, "{copies:?}");
        }
        let later = [told(5, 0, valid), told(6, 1, defect)];
        assert_eq!(found(Unit::Order, later), (0, 0, 0), "a later file is a newer picture");
    }

    #[test]
    fn defects_of_orders_that_a_later_file_has_otherwise_are_counted() {
        let told = |order: u64, package: u64, file: u32, reason: Reason| CopyRecord {
            hash: (order, package),
            cell: reason as u64,
            ..copy(order, 1, file, package)
        };
        let (valid, defect, cancelled) = (Reason::Scanned, Reason::ScanMissing, Reason::Canceled);
        let found = |unit: Unit, copies: &[CopyRecord]| {
            let Ok(found) = choose(copies.to_vec(), unit, &mut |_| Ok::<(), std::convert::Infallible>(()));
            (found.replaced, found.numberless)
        };
        for later in [valid, defect, cancelled] {
            let copies = [told(1, 7, 0, defect), told(1, 8, 1, later)];
            assert_eq!(found(Unit::Package, &copies), (1, 0), "{later:?}");
        }
        let without = [told(1, 7, 0, defect), told(1, 8, 1, Reason::TrackingMissing)];
        assert_eq!(found(Unit::Package, &without), (1, 0), "a cancelled label whose number is blank by now");
        let numberless = [told(1, 7, 0, Reason::TrackingMissing), told(1, 8, 1, valid)];
        assert_eq!(found(Unit::Package, &numberless), (0, 1), "it is counted once");
        for (copies, why) in [
            (vec![told(1, 7, 0, valid), told(1, 8, 1, valid)], "it counts as valid"),
            (vec![told(1, 7, 1, defect), told(1, 8, 1, valid)], "one file has both"),
            (vec![told(1, 7, 0, defect), told(1, 7, 1, defect), told(1, 8, 1, valid)], "the later file has it too"),
            (vec![told(1, 7, 0, defect), told(2, 8, 1, valid)], "another order"),
        ] {
            assert_eq!(found(Unit::Package, &copies), (0, 0), "{why}");
        }
    }

    #[test]
    fn the_first_refusal_of_a_taker_ends_the_choice() {
        let copies = vec![copy(1, 1, 0, 1), copy(1, 2, 0, 2), copy(1, 3, 0, 3)];
        let mut taken = 0;
        let refused = choose(copies, Unit::Package, &mut |_| {
            taken += 1;
            Err("full")
        });
        assert_eq!((refused, taken), (Err("full"), 1));
    }
}
