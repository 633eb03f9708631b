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
use crate::job::plan::Plan;
use crate::publish::log::Manifest;
use crate::publish::store::Store;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{Date32Type, Int64Type};
use rustc_hash::FxHashSet;
use std::collections::BTreeSet;
use std::sync::Arc;
use vtr_kernel::calendar::{Day, Zone};

/// Bytes of the run's memory for each package that is held; one takes a fiftieth of them at the most.
const SHARE: u64 = 2_048;

/// The keys of such packages, hashed: seller, marketplace as in tables, order, number as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveredByOther(FxHashSet<u128>);

impl DeliveredByOther {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a package is among them.
    pub fn has(&self, key: [&str; 4]) -> bool {
        self.0.contains(&hashed(key))
    }
}

fn hashed(key: [&str; 4]) -> u128 {
    let mut hash = blake3::Hasher::new();
    for text in key.map(str::trim) {
        hash.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
    }
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.finalize().as_bytes()[..16]);
    u128::from_le_bytes(bytes)
}

/// Reads them from published packages; too many for the memory are none, and the plan warns of that.
///
/// # Errors
/// The packages cannot be read.
pub(super) fn recall(plan: &mut Plan, store: &dyn Store, manifest: &Manifest) -> Result<()> {
    let files = |table: &str| manifest.tables.get(table).into_iter().flatten();
    let mut weeks: BTreeSet<Day> = BTreeSet::new();
    let note = Note::ScannedByOther.column();
    for file in files(COVERAGE) {
        read(store, &file.path, &["week_start", note], &mut |batch| {
            let days = batch["week_start"].as_primitive::<Date32Type>().values();
            let counts = batch[note].as_primitive::<Int64Type>().values();
            weeks.extend(days.iter().zip(counts).filter(|(_, count)| **count > 0).map(|(day, _)| *day));
            Ok(())
        })?;
    }
    let most = usize::try_from(plan.memory / SHARE).unwrap_or(usize::MAX);
    let (mut found, utc) = (FxHashSet::default(), Zone::utc());
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
                found.insert(hashed([text(0, row), &market, text(2, row), text(3, row)]));
            }
            Ok(())
        })?;
        if found.len() > most {
            plan.of_packages.push(format!(
                "more than {most} packages were delivered by another carrier than theirs, too many to hold within --memory: lists \
                 call corrections of them useful, which they are not; raise --memory, or correct the carriers"
            ));
            return Ok(());
        }
    }
    plan.delivered_by_other = Arc::new(DeliveredByOther(found));
    Ok(())
}
