//! What an order's records lend to its packages beside the packages that they make themselves: the lines of sides, and of
//! spines whose profile `lends` orders; the states of documents; and whether the names of files decided what is newest.
//!
//! It looks at the records that one seller has of one order and decides no fate of a package. It cannot fail.

use super::facts::{Fate, Stamp, number_key};
use super::join::{MadePackage, fold_documents, identity, input, line};
use super::orders::{self, Line, Order, Prices};
use super::pack::HAS_STATE;
use super::row::Row;
use super::{Context, Tally};
use crate::job::assembly::{AssembleInput, FoldBy};
use std::collections::BTreeMap;
use vtr_kernel::calendar::Micros;
use vtr_kernel::sources::{Field, Role};

/// An order as one input lends it.
pub(super) struct LentOrder<'a> {
    /// Its rows, with the fate of each if the order has packages.
    pub(super) rows: Vec<(Row<'a>, Fate)>,
    pub(super) order: Order<'a>,
    /// The number of its lines, if the input has one row a line.
    pub(super) lines: Option<usize>,
}

/// Returns what each input lends, in the order of the job; `rows` are sorted by input.
pub(super) fn orders<'a>(
    context: &Context,
    rows: &[Row<'a>],
    prices: Prices,
    is_canceled: &dyn Fn(&str) -> bool,
) -> Vec<LentOrder<'a>> {
    let lent = |rows: &[Row<'a>]| {
        let of = input(context, &rows[0]);
        let is_documents = of.fold() == Some(FoldBy::Documents);
        let kept = lines(rows, is_documents);
        let typed: Vec<Line> = kept.iter().map(|(_, line)| *line).collect();
        let order = orders::join(&typed, prices, is_canceled)?;
        let mut fates: Vec<(Row, Fate)> = rows.iter().map(|row| (*row, Fate::Superseded)).collect();
        kept.iter().zip(&order.fates).for_each(|((index, _), fate)| fates[*index].1 = *fate);
        let lines = (of.profile.role == Role::Orders).then_some(order.lines.len());
        Some(LentOrder { rows: fates, order, lines })
    };
    rows.chunk_by(|a, b| a.head.input == b.head.input).filter_map(lent).collect()
}

/// Returns the lines of one input, by the index of their rows and in the order of their age: a file is as new as its
/// newest row. All rows of a document repeat what is the order's, so the newest document of a file is one line.
fn lines<'a>(rows: &[Row<'a>], is_documents: bool) -> Vec<(usize, Line<'a>)> {
    let mut newest: BTreeMap<u32, Option<Micros>> = BTreeMap::new();
    for row in rows {
        let at = newest.entry(row.head.file).or_default();
        *at = row.head.at.max(*at);
    }
    let stamp = |row: &Row| Stamp { at: newest[&row.head.file], file: row.head.file };
    let line = |index: usize| Line { stamp: stamp(&rows[index]), ..line(&rows[index]) };
    let mut kept: Vec<usize> = (0..rows.len()).collect();
    kept.sort_by_key(|index| {
        let head = rows[*index].head;
        (stamp(&rows[*index]), head.at, head.document, head.record)
    });
    if !is_documents {
        return kept.into_iter().map(|index| (index, line(index))).collect();
    }
    let document = |index: &usize| (rows[*index].head.file, rows[*index].head.at, rows[*index].head.document);
    let of_file = |one: &[usize]| {
        let last = one.iter().find(|index| Some(document(index)) == one.last().map(document));
        last.map(|index| (*index, Line { item: None, ..line(*index) }))
    };
    kept.chunk_by(|a, b| rows[*a].head.file == rows[*b].head.file).filter_map(of_file).collect()
}

/// Gives packages without scans of their own the states that documents beside them have of their numbers.
pub(super) fn states(context: &Context, lenders: &[Row], made: &mut [MadePackage], tally: &mut Tally) {
    for rows in lenders.chunk_by(|a, b| input(context, a).group == input(context, b).group) {
        if input(context, &rows[0]).fold() != Some(FoldBy::Documents) {
            continue;
        }
        let (told, _) = fold_documents(context, rows, tally);
        let mut buffer = String::new();
        let mut key = |number: Option<&str>| number.map(|number| number_key(number, &mut buffer).to_owned());
        let told: Vec<_> = told.iter().map(|told| (key(told.number), told)).collect();
        for package in made.iter_mut().filter(|package| package.state & HAS_STATE == 0) {
            let number = key(package.number).filter(|number| !number.is_empty());
            let found = told.iter().find(|(known, told)| number.is_some() && *known == number && told.state != 0);
            if let Some((_, told)) = found {
                package.state |= told.state;
                package.scans = told.scans;
            }
        }
    }
}

/// Counts packages of which no state is known where the job joins no events and other records tell states.
pub(super) fn ask_states(context: &Context, own: &AssembleInput, made: &[MadePackage], tally: &mut Tally) {
    let inputs = &context.assemble.inputs;
    if context.has_events || super::has_scans(own) || !inputs.iter().any(super::has_scans) {
        return;
    }
    made.iter().filter(|made| made.state & HAS_STATE == 0).for_each(|made| tally.stateless(made.source));
}

/// A file, and the cells of its rows of one slot.
type FileCells<'a> = (u32, Vec<&'a [u8]>);

/// Counts an order of which two files say different things, if only their names order them and the names order them
/// otherwise as text than by the numbers in them. `rows` are sorted by age.
pub(super) fn compare_names(context: &Context, rows: &[Row], tally: &mut Tally) {
    let Some(ranks) = &context.ranks else { return };
    let rank = |file: u32| ranks.get(file as usize).copied().unwrap_or_default();
    let set = |row: &Row| match input(context, row).fold() {
        Some(_) => input(context, row).group,
        None => usize::from(row.head.input),
    };
    for rows in rows.chunk_by(|a, b| set(a) == set(b)) {
        let (of, newest) = (input(context, &rows[0]), rows[rows.len() - 1].head.at);
        let mut slots: BTreeMap<String, Vec<FileCells>> = BTreeMap::new();
        for row in rows.iter().filter(|row| row.head.at == newest) {
            let slot = match of.fold() {
                Some(FoldBy::Rows | FoldBy::Documents) => identity(row),
                _ => row.text(Field::OrderItemId).unwrap_or_default().to_owned(),
            };
            let files = slots.entry(slot).or_default();
            match files.last_mut().filter(|(file, _)| *file == row.head.file) {
                Some((_, cells)) => cells.push(row.cells()),
                None => files.push((row.head.file, vec![row.cells()])),
            }
        }
        let pair = slots.values().find_map(|files| {
            let (last, cells) = files.last()?;
            let by_number = files.iter().max_by_key(|(file, _)| rank(*file))?;
            (by_number.0 != *last && by_number.1 != *cells).then_some((by_number.0, *last))
        });
        if let Some(pair) = pair {
            tally.ordered_by_text(pair);
        }
    }
}

/// Returns the rank of each file by its name if numbers in names are compared as numbers; `None` if this is the order
/// of the names as text, in which they are.
pub(super) fn ranks(names: &[String]) -> Option<Vec<u32>> {
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.sort_by_cached_key(|file| counted(&names[*file]));
    if order.is_sorted() {
        return None;
    }
    let mut ranks = vec![0; names.len()];
    order.iter().enumerate().for_each(|(rank, file)| ranks[*file] = rank as u32);
    Some(ranks)
}

/// Returns a name as signs and numbers: a number stands among signs where a digit does, and of two numbers the one with
/// more digits is greater.
fn counted(name: &str) -> Vec<(char, usize, &str)> {
    let mut parts = Vec::with_capacity(name.len());
    let mut left = name;
    while let Some(sign) = left.chars().next() {
        let digits = left.len() - left.trim_start_matches(|sign: char| sign.is_ascii_digit()).len();
        if digits == 0 {
            parts.push((sign, 0, ""));
            left = &left[sign.len_utf8()..];
            continue;
        }
        let number = left[..digits].trim_start_matches('0');
        parts.push(('0', number.len(), number));
        left = &left[digits..];
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_rank_as_numbers_where_text_ranks_them_otherwise() {
        let ranks = |names: &[&str]| ranks(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        assert_eq!(ranks(&["c/1_10.txt", "c/1_9.txt"]), Some(vec![1, 0]));
        assert_eq!(ranks(&["c/2025-05-09.txt", "c/2025-05-10.txt", "é"]), None);
        assert_eq!(ranks(&["a_09.txt", "a_10.txt"]), None);
        assert_eq!(ranks(&["o.txt", "o1.txt", "oé1.txt", "oé2.txt"]), None);
    }
}
