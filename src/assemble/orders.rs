//! The facts that the lines of an order lend to its packages: promise, value, destination, state and the items'
//! categories.
//!
//! The lines of an order are those of its newest file; if several have one item id, the last counts. Money is summed
//! exactly and never through a float; amounts that cannot be summed are null and counted. It looks at the lines that
//! one input has of one order and cannot fail.

use super::facts::{Fate, Stamp};
use super::row::Sum;
use std::collections::BTreeMap;
use vtr_kernel::amount::Amount;
use vtr_kernel::instant::Moment;

/// Digits after the decimal point of an amount as it is summed and published.
pub const SCALE: u8 = 9;

/// Returns an amount with [`SCALE`] digits after the decimal point; `None` if it has further digits other than zeros,
/// or is too large.
pub fn fixed(amount: Amount) -> Option<i128> {
    let (mut mantissa, mut scale) = (amount.mantissa, amount.scale);
    while scale > SCALE {
        if mantissa % 10 != 0 {
            return None;
        }
        (mantissa, scale) = (mantissa / 10, scale - 1);
    }
    let fixed = mantissa.checked_mul(10i128.pow(u32::from(SCALE - scale)))?;
    // A published amount has at most 38 digits.
    (fixed.unsigned_abs() < 10u128.pow(38)).then_some(fixed)
}

/// One line of an order.
#[derive(Clone, Copy, Debug, Default)]
pub struct Line<'a> {
    /// The time when it was written, and its file.
    pub stamp: Stamp,
    /// Its number in the file.
    pub record: u64,
    /// The item's id; lines without one are lines of their own.
    pub item: Option<&'a str>,
    /// The SKU of the product.
    pub sku: Option<&'a str>,
    /// Its category, if the line has one.
    pub category: Option<&'a str>,
    /// Line totals, with [`SCALE`] digits after the decimal point: price, shipping, and the tax of each.
    pub money: [Sum; 4],
    /// The currency of the totals.
    pub currency: Option<&'a str>,
    /// Facts of the order as the line has them.
    pub facts: Facts<'a>,
    /// Its cells as bytes: equal bytes are equal cells.
    pub cells: &'a [u8],
}

/// Places in [`Line::money`].
const PRICE: usize = 0;
const SHIPPING: usize = 1;
const PRICE_TAX: usize = 2;
const SHIPPING_TAX: usize = 3;

/// The facts that an order gives for all its packages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts<'a> {
    /// The end of the promise.
    pub promised_at: Option<Moment>,
    /// The ship date, for sides that have one.
    pub shipped_at: Option<Moment>,
    /// The marketplace.
    pub marketplace: Option<&'a str>,
    /// The fulfilment channel: who ships.
    pub channel: Option<&'a str>,
    /// The programme.
    pub programme: Option<&'a str>,
    /// The country of destination.
    pub ship_to: Option<&'a str>,
    /// The country of origin.
    pub ship_from: Option<&'a str>,
    /// Its state.
    pub status: Option<&'a str>,
}

/// Whether listed prices include tax.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prices {
    /// They do: the tax is subtracted.
    WithTax,
    /// They do not.
    WithoutTax,
}

/// The value of an order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OrderValue<'a> {
    /// With [`SCALE`] digits after the decimal point; `None` if unknown.
    pub amount: Option<i128>,
    /// Its currency.
    pub currency: Option<&'a str>,
    /// Whether its lines are in two currencies.
    pub is_mixed: bool,
    /// Whether the tax of a line with a price is unknown, so that the value includes it.
    pub tax_unknown: bool,
}

/// One item of an order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OrderItem<'a> {
    /// Its id.
    pub id: Option<&'a str>,
    /// The SKU of the product.
    pub sku: Option<&'a str>,
    /// Its category, if the line has one.
    pub category: Option<&'a str>,
    /// Its price and shipping, gross; 0 if they are unknown.
    pub amount: i128,
}

/// The facts that one input lends.
#[derive(Clone, Debug, Default)]
pub struct Order<'a> {
    /// The newest file's lines, by index.
    pub lines: Vec<usize>,
    /// Where each row ends if the order lends to a package.
    pub fates: Vec<Fate>,
    /// Each fact from the newest line that has it.
    pub facts: Facts<'a>,
    /// The value.
    pub value: OrderValue<'a>,
    /// The items.
    pub items: Vec<OrderItem<'a>>,
    /// The first file that had all of this.
    pub file: u32,
    /// The time when the newest file was written.
    pub written: Stamp,
}

/// Joins the lines that one input has of an order, sorted by stamp and record; `is_canceled` recognises a state.
pub fn join<'a>(rows: &[Line<'a>], prices: Prices, is_canceled: &dyn Fn(&str) -> bool) -> Option<Order<'a>> {
    let newest = rows.last()?.stamp;
    let mut fates = vec![Fate::Superseded; rows.len()];
    let lines = lines_of(rows, newest);
    lines.iter().for_each(|line| fates[*line] = Fate::Used);
    let mut order = Order { fates, written: newest, file: newest.file, ..Order::default() };
    let kept: Vec<&Line<'a>> = lines.iter().map(|line| &rows[*line]).collect();
    order.facts = facts(&kept, is_canceled);
    order.value = value(&kept, prices);
    order.items = kept
        .iter()
        .map(|line| OrderItem {
            id: line.item,
            sku: line.sku,
            category: line.category,
            amount: [PRICE, SHIPPING]
                .iter()
                .fold(0, |sum: i128, cell| sum.saturating_add(line.money[*cell].known().unwrap_or(0))),
        })
        .collect();
    // A pull that only repeats the facts changes no provenance.
    let said = |stamp: Stamp| lines_of(rows, stamp).into_iter().map(|line| rows[line].cells).collect::<Vec<_>>();
    let stands = said(newest);
    let mut stamps: Vec<Stamp> = rows.iter().map(|row| row.stamp).collect();
    stamps.dedup();
    let same = stamps.iter().rev().take_while(|stamp| said(**stamp) == stands);
    order.file = same.last().map_or(newest.file, |stamp| stamp.file);
    order.lines = lines;
    Some(order)
}

/// Returns the lines of one file; if several have one item id, the last.
fn lines_of(rows: &[Line], stamp: Stamp) -> Vec<usize> {
    let of_file: Vec<usize> = (0..rows.len()).filter(|row| rows[*row].stamp == stamp).collect();
    let is_last = |at: usize| {
        let item = rows[of_file[at]].item;
        item.is_none() || !of_file[at + 1..].iter().any(|later| rows[*later].item == item)
    };
    (0..of_file.len()).filter(|at| is_last(*at)).map(|at| of_file[at]).collect()
}

fn facts<'a>(lines: &[&Line<'a>], is_canceled: &dyn Fn(&str) -> bool) -> Facts<'a> {
    let newest = || lines.iter().rev().map(|line| &line.facts);
    let of_lines = || newest().filter_map(|facts| facts.status);
    let all_canceled = newest().all(|facts| facts.status.is_some_and(is_canceled));
    Facts {
        promised_at: newest().find_map(|facts| facts.promised_at),
        shipped_at: newest().find_map(|facts| facts.shipped_at),
        marketplace: newest().find_map(|facts| facts.marketplace),
        channel: newest().find_map(|facts| facts.channel),
        programme: newest().find_map(|facts| facts.programme),
        ship_to: newest().find_map(|facts| facts.ship_to),
        ship_from: newest().find_map(|facts| facts.ship_from),
        status: if all_canceled { of_lines().next() } else { of_lines().find(|status| !is_canceled(status)) },
    }
}

fn value<'a>(lines: &[&Line<'a>], prices: Prices) -> OrderValue<'a> {
    let is_priced = |line: &&&Line| [PRICE, SHIPPING].iter().any(|cell| line.money[*cell] != Sum::Blank);
    let mut currencies = lines.iter().filter(is_priced).filter_map(|line| line.currency);
    let currency = currencies.next().or_else(|| lines.iter().find_map(|line| line.currency));
    if currencies.any(|other| !currency.is_some_and(|currency| currency.eq_ignore_ascii_case(other))) {
        return OrderValue { is_mixed: true, ..OrderValue::default() };
    }
    let (mut sum, mut is_known, mut tax_unknown) = (Some(0i128), false, false);
    for line in lines {
        for (cell, tax) in [(PRICE, PRICE_TAX), (SHIPPING, SHIPPING_TAX)] {
            let off = match prices {
                Prices::WithTax => line.money[tax],
                Prices::WithoutTax => Sum::Is(0),
            };
            let amount = match (line.money[cell], off) {
                (Sum::Blank, _) => continue,
                // What is thousands as well as thousandths leaves the whole sum open.
                (Sum::Open, _) | (_, Sum::Open) => return OrderValue::default(),
                (Sum::Is(amount), _) => amount,
            };
            is_known = true;
            tax_unknown |= off == Sum::Blank && amount != 0;
            sum = sum.and_then(|sum| sum.checked_add(amount)?.checked_sub(off.known().unwrap_or(0)));
        }
    }
    let sum = sum.filter(|sum| is_known && sum.unsigned_abs() < 10u128.pow(38));
    OrderValue { amount: sum, currency: currency.filter(|_| sum.is_some()), is_mixed: false, tax_unknown }
}

/// Returns the category of a package: the one of the line with the greatest value, of equal values the smaller name;
/// and whether there are several.
pub fn category<'a>(categories: impl Iterator<Item = (&'a str, i128)>) -> (Option<&'a str>, bool) {
    let mut sums: BTreeMap<&'a str, i128> = BTreeMap::new();
    for (name, amount) in categories {
        let sum = sums.entry(name).or_default();
        *sum = sum.saturating_add(amount);
    }
    let greatest = sums.iter().max_by(|(a, x), (b, y)| x.cmp(y).then_with(|| b.cmp(a)));
    (greatest.map(|(name, _)| *name), sums.len() > 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(text: &str) -> Option<i128> {
        (!text.is_empty()).then(|| fixed(Amount::read(text, b'.').unwrap()).unwrap())
    }

    fn sum(text: &str) -> Sum {
        if text == "open" { Sum::Open } else { money(text).map_or(Sum::Blank, Sum::Is) }
    }

    fn line(at: i64, record: u64, item: &'static str, cells: [&str; 4], currency: &'static str) -> Line<'static> {
        Line {
            stamp: Stamp { at: Some(at), file: at as u32 },
            record,
            item: (!item.is_empty()).then_some(item),
            money: cells.map(sum),
            currency: (!currency.is_empty()).then_some(currency),
            ..Line::default()
        }
    }

    fn value_of(rows: &[Line<'static>], prices: Prices) -> OrderValue<'static> {
        join(rows, prices, &|_| false).unwrap().value
    }

    #[test]
    fn amounts_are_exact_or_none() {
        assert_eq!(money("12.34"), Some(12_340_000_000));
        assert_eq!(money("0.1000000000"), Some(100_000_000));
        assert_eq!(fixed(Amount { mantissa: 1, scale: 10 }), None);
        assert_eq!(fixed(Amount { mantissa: i128::MAX, scale: 0 }), None);
    }

    #[test]
    fn the_newest_file_counts_and_of_an_item_its_last_line() {
        let rows = [
            line(1, 1, "1", ["9", "", "", ""], "EUR"),
            line(2, 1, "1", ["10", "1", "", ""], "EUR"),
            line(2, 2, "1", ["11", "", "", ""], "EUR"),
            line(2, 3, "2", ["5.50", "", "", ""], "EUR"),
        ];
        let order = join(&rows, Prices::WithoutTax, &|_| false).unwrap();
        assert_eq!(order.fates, [Fate::Superseded, Fate::Superseded, Fate::Used, Fate::Used]);
        assert_eq!((order.value.amount, order.value.currency), (money("16.5"), Some("EUR")));
        assert_eq!(order.items.len(), 2);
    }

    #[test]
    fn tax_comes_off_where_prices_hold_it_and_doubts_are_told() {
        let rows = [line(1, 1, "1", ["11.90", "", "1.90", ""], "EUR")];
        assert_eq!(value_of(&rows, Prices::WithTax).amount, money("10"));
        assert_eq!(value_of(&rows, Prices::WithoutTax).amount, money("11.90"));
        let blank = value_of(&[line(1, 1, "1", ["11.90", "2", "1.90", ""], "EUR")], Prices::WithTax);
        assert_eq!((blank.amount, blank.tax_unknown), (money("12"), true));
        let mixed = value_of(
            &[line(1, 1, "1", ["1", "", "", ""], "EUR"), line(1, 2, "2", ["1", "", "", ""], "GBP")],
            Prices::WithTax,
        );
        assert_eq!((mixed.amount, mixed.is_mixed), (None, true));
        let none = value_of(&[line(1, 1, "1", ["", "", "", ""], "EUR")], Prices::WithTax);
        assert_eq!((none.amount, none.currency, none.tax_unknown), (None, None, false));
    }

    #[test]
    fn a_sum_of_what_cannot_be_told_is_unknown_and_no_blank() {
        let of = |cells: [&str; 4], prices| {
            value_of(&[line(1, 1, "1", ["9", "", "1", ""], "EUR"), line(1, 2, "2", cells, "EUR")], prices)
        };
        for cells in [["open", "", "", ""], ["9", "open", "", ""], ["open", "1", "0", "0"]] {
            assert_eq!(of(cells, Prices::WithoutTax), OrderValue::default(), "{cells:?}");
            assert_eq!(of(cells, Prices::WithTax), OrderValue::default(), "{cells:?}");
        }
        // A tax counts where prices hold it.
        assert_eq!(of(["9", "", "open", ""], Prices::WithTax), OrderValue::default());
        assert_eq!(of(["9", "", "open", ""], Prices::WithoutTax).amount, money("18"));
        assert_eq!(of(["9", "", "1", "open"], Prices::WithTax).amount, money("16"));
    }

    #[test]
    fn an_order_is_canceled_if_all_its_lines_are() {
        let with = |status: &'static str, record: u64| Line {
            record,
            facts: Facts { status: Some(status), ..Facts::default() },
            ..Line::default()
        };
        let canceled = |text: &str| text == "Cancelled";
        let status = |rows: &[Line<'static>]| join(rows, Prices::WithTax, &canceled).unwrap().facts.status;
        assert_eq!(status(&[with("Shipped", 1), with("Cancelled", 2)]), Some("Shipped"));
        assert_eq!(status(&[with("Cancelled", 1), with("Cancelled", 2)]), Some("Cancelled"));
        assert_eq!(status(&[Line::default(), with("Cancelled", 2)]), None);
    }

    #[test]
    fn a_repeated_pull_keeps_the_place_where_the_facts_were_said_first() {
        let rows: Vec<_> = (1..4).map(|at| line(at, 1, "1", ["9", "", "", ""], "EUR")).collect();
        assert_eq!(join(&rows, Prices::WithTax, &|_| false).unwrap().file, 1);
        let changed = [rows[0], Line { cells: b"x", ..rows[1] }, rows[2]];
        assert_eq!(join(&changed, Prices::WithTax, &|_| false).unwrap().file, 3);
    }

    #[test]
    fn the_category_of_greatest_value_counts() {
        let of = |all: &[(&'static str, i128)]| category(all.iter().copied());
        assert_eq!(of(&[("a", 1), ("b", 2), ("a", 2)]), (Some("a"), true));
        assert_eq!(of(&[("b", 2), ("a", 2)]), (Some("a"), true));
        assert_eq!(of(&[]), (None, false));
    }
}
