//! The packages that another carrier than their own delivered, for the lists of what can still be corrected.
//!
//! The judge knows nothing of them, because events of another carrier are no facts of a package; but a number or
//! carrier that is corrected after the delivery does not count. It reads only weeks that have such packages, and fails
//! if the packages cannot be read.

use super::coverage::COVERAGE;
use super::facts::Note;
use super::pack;
use super::provenance::read;
use super::publish::PACKAGES;
use super::weeks::OTHERS;
use crate::error::Result;
use crate::job::assembly::DeliveredByOther;
use crate::job::plan::Plan;
use crate::publish::log::{JOINED, Manifest};
use crate::publish::store::Store;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{Date32Type, Int64Type};
use std::collections::BTreeSet;
use std::sync::Arc;
use vtr_kernel::calendar::{Day, Zone};

/// The most that are held, in 9 MiB; the number is fixed, because tables must not depend on the memory of a run.
const MOST: usize = 250_000;

/// Reads them from published packages; if there are too many, the plan warns of that and has none.
///
/// # Errors
/// The packages cannot be read.
pub(super) fn recall(plan: &mut Plan, store: &dyn Store, manifest: &Manifest) -> Result<()> {
    let files = |table: &str| manifest.tables.get(table).into_iter().flatten();
    let mut weeks: BTreeSet<Day> = BTreeSet::new();
    let note = Note::ScannedByOther.column();
    for file in files(COVERAGE) {
        read(store, &file.path, &["week_start", note], &mut |batch| {
            let columns = batch.column_by_name("week_start").zip(batch.column_by_name(note));
            let Some((days, counts)) = columns else { return Ok(()) };
            let (days, counts) =
                (days.as_primitive::<Date32Type>().values(), counts.as_primitive::<Int64Type>().values());
            weeks.extend(days.iter().zip(counts).filter(|(_, count)| **count > 0).map(|(day, _)| *day));
            Ok(())
        })?;
    }
    let (mut found, utc) = (DeliveredByOther::default(), Zone::utc());
    let names = ["seller_id", "marketplace", "order_id", "tracking_number", "scan_source"];
    for file in files(PACKAGES).filter(|file| file.week.is_some_and(|week| weeks.contains(&week))) {
        read(store, &file.path, &names, &mut |batch: &RecordBatch| {
            let columns: Vec<Option<&ArrayRef>> = names.iter().map(|name| batch.column_by_name(name)).collect();
            let text = |at: usize, row: usize| {
                let column = columns[at].filter(|column| column.is_valid(row));
                column.map_or("", |column| column.as_string::<i32>().value(row))
            };
            for row in (0..batch.num_rows()).filter(|row| text(4, *row) == OTHERS[1]) {
                let market = pack::store(&plan.book, Some(text(1, row)), &utc).label;
                found.add([text(0, row), &market, text(2, row), text(3, row)]);
            }
            Ok(())
        })?;
        if found.len() > MOST {
            plan.of_packages.push(format!(
                "{JOINED}more than {MOST} were delivered by another carrier than theirs, more than can be held: lists call \
                 corrections of them useful, which they are not; correct the carriers of the packages or of the feed"
            ));
            return Ok(());
        }
    }
    plan.delivered_by_other = Arc::new(found);
    Ok(())
}
