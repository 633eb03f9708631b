//! `vtr defects`: the packages without a valid tracking number, and what to do about each.
//!
//! It filters the published `defects` and changes nothing in them; files of weeks that cannot match
//! are not opened, and rows are written as they are read. The table has no product category, so
//! there is no filter by one. It fails where a file cannot be read.

use super::filters::{Filters, Wanted};
use super::listing::{self, Cell, Format, Listing};
use crate::error::{Error, Result};
use crate::publish::store::Store;
use crate::schema::Table;
use arrow::array::{AsArray, StringArray};
use arrow::datatypes::Date32Type;
use arrow::record_batch::RecordBatch;
use std::io::Write;
use vtr_kernel::Reason;
use vtr_kernel::calendar::Day;
use vtr_kernel::reason::Class;

/// What is asked for; a filter that is `None` lets every row pass.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Only these sellers, marketplaces and carriers.
    pub filters: Filters,
    /// Only these reasons.
    pub reason: Option<Wanted>,
    /// First day; of a week its Monday.
    pub from: Option<Day>,
    /// Last day; of a week its Sunday.
    pub to: Option<Day>,
    /// The most rows shown; by default all, in the terminal table [`TABLE_ROWS`].
    pub limit: Option<usize>,
    /// How rows are shown.
    pub format: Format,
}

/// Rows that the terminal table shows unless told otherwise.
pub const TABLE_ROWS: usize = 50;

/// The columns of the terminal table; the other formats show all that are published.
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

/// Shows the rows of the published files of `defects` that match, in order of weeks and keys; whether
/// any does.
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
    /// At least one, or nobody listened to the end.
    Some,
    /// None did.
    None,
}

/// The reasons that a list names.
///
/// # Errors
/// [`Error::Usage`] for one that is no reason of a defect.
pub fn reasons(list: &str) -> Result<Wanted> {
    let names: Vec<&str> = list.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    let is_defect = |name: &str| Reason::from_name(name).is_some_and(|reason| reason.class() == Class::Defect);
    match names.iter().find(|name| !is_defect(name)) {
        None if !names.is_empty() => Ok(Wanted::of(names)),
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
    let mut shown = 0;
    let mut has_more = false;
    for file in weeks {
        let goes_on = listing::read_published(store, Table::Defects, &file.path, &mut |batch| {
            let filter = Filter::of(batch, query);
            for row in (0..batch.num_rows()).filter(|row| filter.lets_pass(*row)) {
                if shown == limit {
                    has_more = true;
                    return Ok(false);
                }
                let cells: Vec<Cell> = heads.iter().map(|name| Cell::of(batch[*name].as_ref(), row)).collect();
                listing.row(&cells)?;
                shown += 1;
            }
            Ok(true)
        })?;
        if !goes_on {
            break;
        }
    }
    if shown > 0 || query.format != Format::Table {
        listing.finish(notes)?;
    }
    // Notes are a courtesy; that nobody listens is no failure.
    if has_more {
        let _ = writeln!(
            notes,
            "more defects match than the {shown} shown; --limit raises the number{}",
            if query.format == Format::Table { ", --format csv gives all" } else { "" }
        );
    }
    Ok(if shown == 0 && !has_more { Matches::None } else { Matches::Some })
}

/// Whether a week holds a day that is asked for.
pub fn may_match(week: Day, query: &Query) -> bool {
    query.from.is_none_or(|from| from <= week + 6) && query.to.is_none_or(|to| week <= to)
}

/// The columns of a batch that are filtered by.
struct Filter<'a> {
    query: &'a Query,
    seller: &'a StringArray,
    marketplace: &'a StringArray,
    carrier: &'a StringArray,
    reason: &'a StringArray,
    day: &'a [Day],
}

impl<'a> Filter<'a> {
    fn of(batch: &'a RecordBatch, query: &'a Query) -> Filter<'a> {
        Filter {
            query,
            seller: batch["seller_id"].as_string(),
            marketplace: batch["marketplace"].as_string(),
            carrier: batch["carrier"].as_string(),
            reason: batch["reason"].as_string(),
            day: batch["day"].as_primitive::<Date32Type>().values(),
        }
    }

    fn lets_pass(&self, row: usize) -> bool {
        let Query { filters, reason, from, to, .. } = self.query;
        let passes = |wanted: &Option<Wanted>, column: &StringArray| {
            wanted.as_ref().is_none_or(|wanted| wanted.has(column.value(row)))
        };
        passes(&filters.seller, self.seller)
            && passes(&filters.marketplace, self.marketplace)
            && passes(&filters.carrier, self.carrier)
            && passes(reason, self.reason)
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
        let of = |values: &[&str]| Some(Wanted::of(values.iter().copied()));
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
        let japan = Filters { marketplace: Some(Wanted::of(["JP"])), ..Filters::default() };
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
