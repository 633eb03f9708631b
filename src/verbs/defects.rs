//! `vtr defects`: lists the packages without a valid tracking number, and what to do about each.
//!
//! It filters the published `defects` and changes nothing in them; files of weeks that cannot match are not opened. In
//! key order, rows are written as they are read; in order of urgency, only as many are held as are shown. It fails if
//! a file cannot be read.

use super::filters::{FilterValues, Filters};
use super::listing::{self, Cell, Format, Listing};
use crate::error::{Error, Result};
use crate::pages::words::Names;
use crate::publish::store::Store;
use crate::schema::Table;
use arrow::array::{Array, AsArray, Date32Array, StringArray};
use arrow::datatypes::Date32Type;
use arrow::record_batch::RecordBatch;
use std::collections::BTreeMap;
use std::io::Write;
use vtr_kernel::Reason;
use vtr_kernel::calendar::Day;
use vtr_kernel::reason::Class;

/// The filters and options of a list; a filter that is `None` lets every row pass.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Only these sellers, marketplaces and carriers.
    pub filters: Filters,
    /// Only these reasons.
    pub reason: Option<FilterValues>,
    /// Only defects that these can still fix.
    pub fixable_by: Option<FilterValues>,
    /// First day; for a week, its Monday.
    pub from: Option<Day>,
    /// Last day; for a week, its Sunday.
    pub to: Option<Day>,
    /// The order of the rows.
    pub order: Order,
    /// The most rows shown; by default all, in the terminal table [`TABLE_ROWS`].
    pub limit: Option<usize>,
    /// The format of the rows.
    pub format: Format,
}

/// The order of the rows.
#[derive(Clone, Debug, Default)]
pub enum Order {
    /// By week and key, as published.
    #[default]
    Key,
    /// Earliest `act_by` first, then earliest `counts_until`; defects that no longer count come last.
    Urgency(Clock),
}

/// How long figures of marketplaces can change, as of the day of a version.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    as_of: Day,
    /// Latencies in days by marketplace.
    latencies: BTreeMap<String, i32>,
}

impl Clock {
    /// The latencies of the marketplaces that a version was judged by.
    pub fn of(names: &Names, as_of: Day) -> Clock {
        let latency = |(market, _): (&str, &str)| Some((market.to_owned(), names.latency(market)?));
        Clock { as_of, latencies: names.markets().filter_map(latency).collect() }
    }

    /// Whether a defect of a marketplace still affects a figure that can change.
    pub fn counts(&self, marketplace: &str, counts_until: Day) -> bool {
        counts_until + self.latencies.get(marketplace).copied().unwrap_or(0) >= self.as_of
    }
}

/// The sort key of a row: whether it no longer counts, `act_by`, `counts_until`, its index as published.
type Urgency = (bool, Day, Day, usize);

/// The default number of rows in the terminal table.
pub const TABLE_ROWS: usize = 50;

/// The columns of the terminal table; the other formats show all published columns.
const SHOWN: [&str; 10] = [
    "day",
    "seller_id",
    "marketplace",
    "order_id",
    "carrier_typed",
    "tracking_number",
    "reason",
    "fixable_by",
    "act_by",
    "suggested_fix",
];

/// A published file of `defects`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeekFile {
    /// Monday of its week.
    pub week: Day,
    /// Its path below the output.
    pub path: String,
}

/// Shows the matching rows of the published files of `defects`, in order of weeks and keys; returns whether there are
/// any.
///
/// # Errors
/// A file cannot be read; writing fails.
pub fn run(
    store: &dyn Store,
    files: &[WeekFile],
    query: &Query,
    out: &mut dyn Write,
    notes: &mut dyn Write,
) -> Result<Matches> {
    let mut matches = Matches::Some;
    listing::unless_pipe_closed(show(store, files, query, out, notes).map(|found| matches = found))?;
    Ok(matches)
}

/// Whether any row matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matches {
    /// At least one, or the reader closed the pipe early.
    Some,
    /// None did.
    None,
}

/// The reasons that a list names.
///
/// # Errors
/// [`Error::Usage`] for a name that is no reason of a defect.
pub fn reasons(list: &str) -> Result<FilterValues> {
    let names: Vec<&str> = list.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    let is_defect = |name: &str| Reason::from_name(name).is_some_and(|reason| reason.class() == Class::Defect);
    match names.iter().find(|name| !is_defect(name)) {
        None if !names.is_empty() => Ok(FilterValues::of(names)),
        wrong => {
            let (wrong, all) = (wrong.unwrap_or(&""), Reason::defects().map(Reason::name).collect::<Vec<_>>());
            Err(Error::Usage(format!("--reason: `{wrong}` is no reason of a defect; there are {}", all.join(", "))))
        }
    }
}

fn show(
    store: &dyn Store,
    files: &[WeekFile],
    query: &Query,
    out: &mut dyn Write,
    notes: &mut dyn Write,
) -> Result<Matches> {
    let all: Vec<&'static str> = Table::Defects.columns().iter().map(|facts| facts.name).collect();
    let heads: &[&'static str] = if query.format == Format::Table { &SHOWN } else { &all };
    let default_limit = if query.format == Format::Table { TABLE_ROWS } else { usize::MAX };
    let limit = query.limit.unwrap_or(default_limit);
    let mut weeks: Vec<&WeekFile> = files.iter().filter(|file| may_match(file.week, query)).collect();
    weeks.sort_by_key(|file| (file.week, &file.path));

    let mut listing = Listing::begin(query.format, heads, out)?;
    let (mut shown, mut has_more, mut place) = (0, false, 0);
    let mut urgent: BTreeMap<Urgency, Vec<Cell<'static>>> = BTreeMap::new();
    for file in weeks {
        let goes_on = listing::read_published(store, Table::Defects, &file.path, &mut |batch| {
            let filter = Filter::of(batch, query);
            for row in (0..batch.num_rows()).filter(|row| filter.lets_pass(*row)) {
                let cells = || heads.iter().map(|name| Cell::of(batch[*name].as_ref(), row));
                match &query.order {
                    Order::Key if shown == limit => {
                        has_more = true;
                        return Ok(false);
                    }
                    Order::Key => {
                        listing.row(&cells().collect::<Vec<_>>())?;
                        shown += 1;
                    }
                    Order::Urgency(clock) => {
                        place += 1;
                        let key = filter.urgency(row, clock, place);
                        let is_beyond =
                            |urgent: &BTreeMap<Urgency, _>| urgent.last_key_value().is_some_and(|last| *last.0 < key);
                        if urgent.len() >= limit && (limit == 0 || is_beyond(&urgent)) {
                            has_more = true;
                            continue;
                        }
                        urgent.insert(key, cells().map(Cell::into_owned).collect());
                        if urgent.len() > limit {
                            has_more = true;
                            urgent.pop_last();
                        }
                    }
                }
            }
            Ok(true)
        })?;
        if !goes_on {
            break;
        }
    }
    for cells in urgent.values() {
        listing.row(cells)?;
        shown += 1;
    }
    if shown > 0 || query.format != Format::Table {
        listing.finish(notes)?;
    }
    // A note that cannot be written is not an error.
    if has_more {
        let _ = writeln!(
            notes,
            "more defects match than the {shown} shown; --limit raises the number{}",
            if query.format == Format::Table { ", --format csv gives all" } else { "" }
        );
    }
    Ok(if shown == 0 && !has_more { Matches::None } else { Matches::Some })
}

/// Whether a week contains a day that is asked for.
pub fn may_match(week: Day, query: &Query) -> bool {
    query.from.is_none_or(|from| from <= week + 6) && query.to.is_none_or(|to| week <= to)
}

/// The columns of a batch used by filters.
struct Filter<'a> {
    query: &'a Query,
    seller: &'a StringArray,
    marketplace: &'a StringArray,
    carrier: &'a StringArray,
    category: &'a StringArray,
    programme: &'a StringArray,
    reason: &'a StringArray,
    fixable_by: &'a StringArray,
    day: &'a [Day],
    act_by: &'a Date32Array,
    counts_until: &'a Date32Array,
}

impl<'a> Filter<'a> {
    fn of(batch: &'a RecordBatch, query: &'a Query) -> Filter<'a> {
        Filter {
            query,
            seller: batch["seller_id"].as_string(),
            marketplace: batch["marketplace"].as_string(),
            carrier: batch["carrier"].as_string(),
            category: batch["product_category"].as_string(),
            programme: batch["programme"].as_string(),
            reason: batch["reason"].as_string(),
            fixable_by: batch["fixable_by"].as_string(),
            day: batch["day"].as_primitive::<Date32Type>().values(),
            act_by: batch["act_by"].as_primitive(),
            counts_until: batch["counts_until"].as_primitive(),
        }
    }

    fn urgency(&self, row: usize, clock: &Clock, place: usize) -> Urgency {
        let until = self.counts_until.value(row);
        let act_by = if self.act_by.is_valid(row) { self.act_by.value(row) } else { Day::MAX };
        (!clock.counts(self.marketplace.value(row), until), act_by, until, place)
    }

    fn lets_pass(&self, row: usize) -> bool {
        let Query { filters, reason, fixable_by, from, to, .. } = self.query;
        let passes = |wanted: &Option<FilterValues>, column: &StringArray| {
            wanted.as_ref().is_none_or(|wanted| wanted.has(column.value(row)))
        };
        passes(&filters.seller, self.seller)
            && passes(&filters.marketplace, self.marketplace)
            && passes(&filters.carrier, self.carrier)
            && passes(&filters.category, self.category)
            && passes(&filters.programme, self.programme)
            && passes(reason, self.reason)
            && passes(fixable_by, self.fixable_by)
            && from.is_none_or(|from| from <= self.day[row])
            && to.is_none_or(|to| self.day[row] <= to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::local::Local;
    use crate::verbs::listing::tests::{filler, published};
    use vtr_kernel::calendar::monday;

    /// Paths of any folder of this machine.
    fn local() -> Local {
        Local::new(std::path::Path::new("/"))
    }

    const FIRST: Day = 20_101; // 2025-01-13, a Monday

    fn week(monday: Day, orders: &[(&'static str, Day, &'static str)]) -> (WeekFile, tempfile::TempPath) {
        let file = published(Table::Defects, orders.len(), |row, name| match name {
            "order_id" => Cell::text(orders[row].0),
            "day" => Cell::Day(orders[row].1),
            "reason" => Cell::text(orders[row].2),
            "carrier" => Cell::text("red"),
            "likely_carrier" => Cell::Null,
            _ => filler(Table::Defects, name),
        });
        (WeekFile { week: monday, path: file.to_string_lossy().into_owned() }, file)
    }

    fn shown(query: &Query) -> (String, String) {
        let (second, _second) = week(FIRST + 7, &[("3", FIRST + 7, "scan_missing"), ("4", FIRST + 13, "scan_missing")]);
        let (first, _first) = week(FIRST, &[("1", FIRST, "tracking_missing"), ("2", FIRST + 6, "scan_missing")]);
        let (mut out, mut notes) = (Vec::new(), Vec::new());
        let matches = run(&local(), &[second, first], query, &mut out, &mut notes).unwrap();
        assert_eq!(matches == Matches::None, !out.iter().any(|byte| byte.is_ascii_digit()));
        (String::from_utf8(out).unwrap(), String::from_utf8(notes).unwrap())
    }

    fn orders(query: &Query) -> Vec<String> {
        let (out, _) = shown(&Query { format: Format::Csv, ..query.clone() });
        out.lines().skip(1).map(|line| line.split(',').nth(4).unwrap().to_string()).collect()
    }

    #[test]
    fn filters() {
        assert_eq!(FIRST, monday(FIRST));
        let query = Query::default();
        assert_eq!(orders(&query), ["1", "2", "3", "4"]);
        assert_eq!(orders(&Query { from: Some(FIRST + 6), to: Some(FIRST + 7), ..query.clone() }), ["2", "3"]);
        assert_eq!(orders(&Query { reason: Some(reasons("tracking_missing").unwrap()), ..query.clone() }), ["1"]);
        let of = |values: &[&str]| Some(FilterValues::of(values.iter().copied()));
        let carriers =
            |values| Query { filters: Filters { carrier: of(values), ..Filters::default() }, ..query.clone() };
        assert_eq!(orders(&carriers(&["blue", "red"])).len(), 4);
        assert_eq!(orders(&carriers(&["blue"])).len(), 0);
        let sellers = Query { filters: Filters { seller: of(&["-"]), ..Filters::default() }, ..query.clone() };
        assert_eq!(orders(&sellers).len(), 0);
        assert_eq!(orders(&Query { limit: Some(3), ..query }), ["1", "2", "3"]);
    }

    #[test]
    fn a_cut_list_says_so() {
        let (out, notes) = shown(&Query { limit: Some(1), ..Query::default() });
        assert!(out.contains("tracking_missing") && !out.contains("scan_missing"), "{out}");
        assert!(notes.contains("than the 1 shown"), "{notes}");
        let japan = Filters { marketplace: Some(FilterValues::of(["JP"])), ..Filters::default() };
        let query = Query { filters: japan, ..Query::default() };
        assert_eq!(shown(&query), (String::new(), String::new()));
        assert_eq!(shown(&Query { format: Format::Json, ..query }).0, "[]\n");
    }

    #[test]
    fn weeks_that_cannot_match_are_not_opened() {
        let nowhere = WeekFile { week: FIRST, path: "does-not-exist.parquet".into() };
        let (mut out, mut notes) = (Vec::new(), Vec::new());
        let query = Query { from: Some(FIRST + 7), ..Query::default() };
        assert!(run(&local(), &[nowhere], &query, &mut out, &mut notes).is_ok());
    }

    #[test]
    fn unknown_reasons_are_named() {
        assert!(reasons("scan_missing, tracking_missing").unwrap().has("tracking_missing"));
        for list in ["scanned", "scan_missing,scanned", ","] {
            let error = reasons(list).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains("tracking_placeholder, carrier_missing"), "{error}");
        }
    }
}
