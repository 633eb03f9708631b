//! The names, windows and latencies by which a version was judged.
//!
//! If another book than the one at hand judged it, they are those of its own `dim_marketplace` and `dim_carrier`: the
//! windows of another book would make a list read as an all-clear. If it lacks these tables, the book at hand stands
//! in, and that is said. It fails if a table cannot be read.

use super::read::{PublishedVersion, Scope, optional};
use super::words::{Names, Window};
use crate::error::Result;
use arrow::array::Array;
use vtr_kernel::Book;
use vtr_kernel::text::shown;

const MARKETPLACES: &str = "dim_marketplace";
const CARRIERS: &str = "dim_carrier";

/// Returns the names of a version, and what must be known about them.
///
/// # Errors
/// A table cannot be read.
pub fn of(source: &PublishedVersion, book: &Book) -> Result<(Names, Option<String>)> {
    let mut names = Names::of(book);
    if source.manifest.book == book.digest() {
        names.see_suspensions(book, source.health_as_of());
        return Ok((names, None));
    }
    let mut lacking = Vec::new();
    let days = |days: i64| i32::try_from(days).unwrap_or(i32::MAX);
    match source.has(MARKETPLACES) {
        false => lacking.push(MARKETPLACES),
        true => {
            let (mut markets, mut windows) = (Vec::new(), Vec::new());
            let columns = ["marketplace", "name", "window_days", "latency_days"];
            source.read(MARKETPLACES, &columns, None, &Scope::default(), &mut |rows| {
                let [market, name] = ["marketplace", "name"].map(|column| rows.text(column));
                let [window, latency] = ["window_days", "latency_days"].map(|column| rows.count(column));
                for row in 0..market.len() {
                    markets.push((market.value(row).to_owned(), name.value(row).to_owned()));
                    let both =
                        optional(window, row, || window.value(row)).zip(optional(latency, row, || latency.value(row)));
                    let both =
                        both.map(|(window, latency)| Window { days: days(window).max(1), latency: days(latency) });
                    windows.extend(both.map(|both| (market.value(row).to_owned(), both)));
                }
                Ok(())
            })?;
            names.replace_markets(markets, windows);
        }
    }
    match source.has(CARRIERS) {
        false => lacking.push(CARRIERS),
        true => {
            let mut carriers = Vec::new();
            source.read(CARRIERS, &["carrier", "name"], None, &Scope::default(), &mut |rows| {
                let [carrier, name] = ["carrier", "name"].map(|column| rows.text(column));
                let both = (0..carrier.len()).map(|row| (carrier.value(row).to_owned(), name.value(row).to_owned()));
                carriers.extend(both);
                Ok(())
            })?;
            names.replace_carriers(carriers);
        }
    }
    names.see_suspensions(book, source.health_as_of());
    let said = format!(
        "{} was judged by another book than that of this program, and holds no {}: names, windows and days until figures are final \
         are those of this program's book, and may be others; publish it with a job whose [output] `tables` names dim_marketplace \
         and dim_carrier",
        shown(&source.store.shown("")),
        lacking.join(" and no ")
    );
    Ok((names, (!lacking.is_empty()).then_some(said)))
}
