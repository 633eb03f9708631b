//! A spine of writes: the confirmations of one order that a seller sent to the marketplace, folded to the final
//! packages.
//!
//! A write names slots (items of the order, or all of it) and replaces their content; blanks keep, `NULL` deletes. It
//! looks at one order at a time and knows nothing of other sources except the number of the order's lines. It cannot
//! fail: every row ends as a package, merged into one, or superseded.

use super::facts::{Fate, Note, Notes, RecordPlace, Stamp, number_key};
use std::collections::BTreeMap;
use vtr_kernel::calendar::Micros;
use vtr_kernel::instant::Moment;
use vtr_kernel::sources::BlankNumber;

/// The number in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number<'a> {
    /// Blank: the existing number is kept.
    Keep,
    /// The number is deleted.
    Delete,
    /// This one, as typed.
    Given(&'a str),
}

impl<'a> Number<'a> {
    /// Reads a cell without outer blanks.
    pub fn of(cell: Option<&'a str>, blank: BlankNumber) -> Number<'a> {
        match (cell, blank) {
            (None, BlankNumber::Keep) => Number::Keep,
            (None, BlankNumber::Delete) => Number::Delete,
            (Some("NULL"), _) => Number::Delete,
            (Some(number), _) => Number::Given(number),
        }
    }
}

/// One row of a write.
#[derive(Clone, Copy, Debug)]
pub struct Write<'a> {
    /// The time of writing: rows of one stamp are one write.
    pub stamp: Stamp,
    /// Its number in the file.
    pub record: u64,
    /// The item; `None` for the whole order.
    pub item: Option<&'a str>,
    /// Its number.
    pub number: Number<'a>,
    /// The carrier; `None` keeps.
    pub carrier: Option<&'a str>,
    /// The method; `None` keeps.
    pub service: Option<&'a str>,
    /// The ship date; `None` keeps.
    pub shipped_at: Option<Moment>,
}

impl Write<'_> {
    /// Returns its place.
    pub fn place(&self) -> RecordPlace {
        RecordPlace { file: self.stamp.file, record: self.record }
    }
}

/// A package after all writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenPackage<'a> {
    /// Its newest row, by index, which represents the package.
    pub row: usize,
    /// All of its rows, ascending.
    pub rows: Vec<usize>,
    /// The items in it; empty if it is of the whole order.
    pub items: Vec<&'a str>,
    /// The number as typed last.
    pub number: Option<&'a str>,
    /// The carrier.
    pub carrier: Option<&'a str>,
    /// The method.
    pub service: Option<&'a str>,
    /// The ship date.
    pub shipped_at: Option<Moment>,
    /// The time of the first of the unbroken sequence of writes with this number.
    pub added_at: Option<Micros>,
}

/// The result of folding one order.
#[derive(Clone, Debug, Default)]
pub struct FoldedWrites<'a> {
    /// Its packages, by number.
    pub packages: Vec<WrittenPackage<'a>>,
    /// Where each row ends, in the order given.
    pub fates: Vec<Fate>,
    /// The notes counted.
    pub notes: Notes,
}

/// The content of a slot under one number.
#[derive(Clone, Debug)]
struct SlotContent<'a> {
    /// The cleaned number; empty if there is none.
    key: String,
    number: Option<&'a str>,
    carrier: Option<&'a str>,
    service: Option<&'a str>,
    shipped_at: Option<Moment>,
    added_at: Option<Micros>,
    rows: Vec<usize>,
}

type Slots<'a> = BTreeMap<Option<&'a str>, Vec<SlotContent<'a>>>;

/// Folds the rows of one order, sorted by stamp and record; `lines` is the number of the order's lines, if an order
/// side gives it.
pub fn fold<'a>(rows: &[Write<'a>], lines: Option<usize>) -> FoldedWrites<'a> {
    let mut folded = FoldedWrites { fates: vec![Fate::Superseded; rows.len()], ..FoldedWrites::default() };
    let mut slots = Slots::new();
    let mut from = 0;
    while from < rows.len() {
        let to = from + rows[from..].iter().take_while(|row| row.stamp == rows[from].stamp).count();
        apply(rows, from..to, lines, &mut slots, &mut folded.notes);
        from = to;
    }
    folded.packages = packages(rows, slots);
    for package in &folded.packages {
        package.rows.iter().for_each(|row| folded.fates[*row] = Fate::Merged);
        folded.fates[package.row] = Fate::Package;
    }
    folded
}

/// Applies one write: to all of the order first, then to the items.
fn apply<'a>(
    rows: &[Write<'a>],
    write: std::ops::Range<usize>,
    lines: Option<usize>,
    slots: &mut Slots<'a>,
    notes: &mut Notes,
) {
    let mut of_slot: BTreeMap<Option<&'a str>, Vec<usize>> = BTreeMap::new();
    write.for_each(|row| of_slot.entry(rows[row].item).or_default().push(row));
    for (slot, named) in of_slot {
        let is_whole = slot.is_none();
        let before: Vec<SlotContent<'a>> = match slots.get(&slot) {
            Some(own) if !is_whole => own.clone(),
            None if !is_whole => slots.get(&None).cloned().unwrap_or_default(),
            _ => distinct(slots.values().flatten()),
        };
        let made = standing(rows, &named, &before, notes);
        // A blank number changes nothing in a slot with several packages.
        let Some(made) = made else { continue };
        if is_whole {
            slots.clear();
        }
        slots.insert(slot, made);
        let items = slots.keys().filter(|slot| slot.is_some()).count();
        if !is_whole && slots.contains_key(&None) && lines.is_none_or(|lines| items >= lines) {
            slots.remove(&None);
            notes.add(Note::WholeReplaced);
        }
    }
}

/// Returns the packages of several slots, each number once, the newest rows first.
fn distinct<'s, 'a: 's>(all: impl Iterator<Item = &'s SlotContent<'a>>) -> Vec<SlotContent<'a>> {
    let mut found: Vec<SlotContent<'a>> = Vec::new();
    for one in all {
        match found.iter_mut().find(|other| other.key == one.key) {
            Some(other) => {
                let newer = one.rows.last() > other.rows.last();
                let (first, second) = if newer { (one.clone(), other.clone()) } else { (other.clone(), one.clone()) };
                *other = SlotContent {
                    carrier: first.carrier.or(second.carrier),
                    service: first.service.or(second.service),
                    shipped_at: first.shipped_at.or(second.shipped_at),
                    added_at: first.added_at.min(second.added_at),
                    ..first
                };
            }
            None => found.push(one.clone()),
        }
    }
    found
}

/// Returns the content of a slot after its rows of one write; `None` if nothing changes.
fn standing<'a>(
    rows: &[Write<'a>],
    named: &[usize],
    before: &[SlotContent<'a>],
    notes: &mut Notes,
) -> Option<Vec<SlotContent<'a>>> {
    let mut made: Vec<SlotContent<'a>> = Vec::new();
    let mut buffer = String::new();
    for &index in named {
        let row = &rows[index];
        let number = match row.number {
            Number::Given(number) => Some(number),
            Number::Delete => None,
            Number::Keep => match before {
                [] => None,
                [one] => one.number,
                _ => {
                    notes.add(Note::Ambiguous);
                    continue;
                }
            },
        };
        let key = number.map_or("", |number| number_key(number, &mut buffer)).to_owned();
        let same = before.iter().find(|known| known.key == key);
        // Content of the same number comes first, then that of the newest row.
        let mut older: Vec<&SlotContent<'a>> = before.iter().collect();
        older.sort_by_key(|known| (known.key != key, std::cmp::Reverse(known.rows.last().copied())));
        let kept = older.iter();
        let new = SlotContent {
            number,
            carrier: row.carrier.or_else(|| kept.clone().find_map(|known| known.carrier)),
            service: row.service.or_else(|| kept.clone().find_map(|known| known.service)),
            shipped_at: row.shipped_at.or_else(|| kept.clone().find_map(|known| known.shipped_at)),
            added_at: same.map_or(row.stamp.at, |known| known.added_at),
            rows: vec![index],
            key,
        };
        match made.iter_mut().find(|other| other.key == new.key) {
            // A later row of the same write and number: its own cells count, blanks keep.
            Some(other) => {
                other.carrier = row.carrier.or(other.carrier);
                other.service = row.service.or(other.service);
                other.shipped_at = row.shipped_at.or(other.shipped_at);
                other.number = new.number.or(other.number);
                other.rows.push(index);
            }
            None => made.push(new),
        }
    }
    (!made.is_empty()).then_some(made)
}

/// Groups slots by number; if several slots are in one package, the newest one with a value decides.
fn packages<'a>(rows: &[Write<'a>], slots: Slots<'a>) -> Vec<WrittenPackage<'a>> {
    let mut by_number: BTreeMap<String, Vec<(Option<&'a str>, SlotContent<'a>)>> = BTreeMap::new();
    for (slot, standings) in slots {
        standings.into_iter().for_each(|one| by_number.entry(one.key.clone()).or_default().push((slot, one)));
    }
    let package = |(key, mut parts): (String, Vec<(Option<&'a str>, SlotContent<'a>)>)| {
        // Rows are sorted, so the higher index is the newer row.
        parts.sort_by_key(|(_, one)| std::cmp::Reverse(one.rows.last().copied()));
        let mut all: Vec<usize> = parts.iter().flat_map(|(_, one)| one.rows.iter().copied()).collect();
        all.sort_unstable();
        let whole = parts.iter().any(|(slot, _)| slot.is_none());
        let mut items: Vec<&'a str> =
            if whole { Vec::new() } else { parts.iter().filter_map(|(slot, _)| *slot).collect() };
        items.sort_unstable();
        let each = || parts.iter().map(|(_, one)| one);
        WrittenPackage {
            row: all.last().copied().unwrap_or_default(),
            rows: all,
            items,
            number: each().find_map(|one| one.number),
            carrier: each().find_map(|one| one.carrier),
            service: each().find_map(|one| one.service),
            shipped_at: each().find_map(|one| one.shipped_at),
            added_at: if key.is_empty() { None } else { each().filter_map(|one| one.added_at).min() },
        }
    };
    debug_assert!(rows.is_sorted_by_key(|row| (row.stamp, row.record)));
    by_number.into_iter().map(package).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    type WriteRow<'a> = (i64, Option<&'a str>, &'a str, &'a str);

    /// Folds rows as (write, item, number, carrier): blank texts are blank cells.
    fn folded<'a>(rows: &[WriteRow<'a>], lines: Option<usize>) -> FoldedWrites<'a> {
        let cell = |text: &'a str| (!text.is_empty()).then_some(text);
        let write = |(index, (at, item, number, carrier)): (usize, &WriteRow<'a>)| Write {
            stamp: Stamp { at: Some(*at), file: *at as u32 },
            record: index as u64,
            item: *item,
            number: Number::of(cell(number), BlankNumber::Keep),
            carrier: cell(carrier),
            service: None,
            shipped_at: None,
        };
        fold(&rows.iter().enumerate().map(write).collect::<Vec<_>>(), lines)
    }

    fn told(folded: &FoldedWrites) -> Vec<String> {
        let told = |package: &WrittenPackage| {
            format!(
                "{} {} @{} {}",
                package.number.unwrap_or("-"),
                package.carrier.unwrap_or("-"),
                package.added_at.map_or("-".into(), |at| at.to_string()),
                package.items.join("+")
            )
        };
        folded.packages.iter().map(told).collect()
    }

    #[test]
    fn a_later_write_replaces_and_blanks_keep() {
        let rows = [(1, None, "A1", "UPS"), (2, None, "B1", ""), (3, None, "", "DHL"), (4, None, "B-1", "")];
        let found = folded(&rows, None);
        assert_eq!(told(&found), ["B-1 DHL @2 "]);
        assert_eq!(found.fates, [Fate::Superseded, Fate::Superseded, Fate::Superseded, Fate::Package]);
    }

    #[test]
    fn a_number_that_was_deleted_comes_back_as_new() {
        assert_eq!(told(&folded(&[(1, None, "A1", "U"), (2, None, "NULL", "")], None)), ["- U @- "]);
        let rows = [(1, None, "A1", "U"), (2, None, "NULL", ""), (3, None, "A1", "")];
        assert_eq!(told(&folded(&rows, None)), ["A1 U @3 "]);
    }

    #[test]
    fn items_share_a_number_and_split_again() {
        let rows = [(1, Some("1"), "A1", "U"), (1, Some("2"), "a 1", ""), (1, Some("3"), "B1", "U")];
        let found = folded(&rows, None);
        assert_eq!(told(&found), ["a 1 U @1 1+2", "B1 U @1 3"]);
        assert_eq!(found.fates, [Fate::Merged, Fate::Package, Fate::Package]);
        let rows = [(1, Some("1"), "A1", "U"), (1, Some("1"), "B1", "U"), (2, Some("1"), "", "X")];
        let found = folded(&rows, None);
        assert_eq!(told(&found), ["A1 U @1 1", "B1 U @1 1"]);
        assert_eq!((found.fates[2], found.notes.count(Note::Ambiguous)), (Fate::Superseded, 1));
    }

    #[test]
    fn the_whole_order_and_its_items_take_each_others_place() {
        let rows = [(1, None, "A1", "U"), (2, Some("1"), "B1", ""), (3, Some("2"), "C1", "")];
        let found = folded(&rows, None);
        assert_eq!(
            (told(&found), found.notes.count(Note::WholeReplaced)),
            (vec!["B1 U @2 1".into(), "C1 - @3 2".into()], 1)
        );
        assert_eq!(told(&folded(&rows[..2], Some(2))), ["A1 U @1 ", "B1 U @2 1"]);
        assert_eq!(told(&folded(&rows, Some(2))), ["B1 U @2 1", "C1 U @3 2"]);
        let back = [(1, Some("1"), "A1", "U"), (1, Some("2"), "B1", "U"), (2, None, "C1", "")];
        assert_eq!(told(&folded(&back, Some(2))), ["C1 U @2 "]);
    }
}
