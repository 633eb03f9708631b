//! Headings that are known as columns which a job does not map.
//!
//! Such a column counts as absent, and verdicts change by it, although the files have it. Only headings whose meaning is
//! beyond doubt are named. It cannot fail.

use super::headings::{self, Mapping, shown_heading};
use super::known::{HeadingMeaning, meaning};
use super::{SourceFile, absent};
use crate::job::plan::{EvidenceWanted, Input, Plan};
use std::collections::BTreeMap;
use vtr_columnar::input::{Column, ColumnSet};
use vtr_kernel::text::{grouped, shown};

/// The columns that decide verdicts without being needed.
const COLUMNS: [Column; 7] = [
    Column::PackageId,
    Column::FulfillmentChannel,
    Column::OrderStatus,
    Column::PromisedDeliveryAt,
    Column::FirstScanAt,
    Column::DeliveryScanAt,
    Column::UpdatedAt,
];

/// Returns the headings of a file that are known as columns which it lacks by its mapping, the best one of each column.
pub(super) fn unmapped(input: &Input, mapping: &Mapping, headings: &[String]) -> Vec<(Column, String)> {
    let present = mapping.present();
    if COLUMNS.iter().all(|column| present.contains(*column)) {
        return Vec::new();
    }
    let is_used = |heading: &str| {
        let mut mapped = input.columns.iter().flat_map(|(_, all)| all);
        mapped.any(|mapped| headings::key(&mapped.name) == headings::key(heading))
    };
    let mut best: BTreeMap<Column, (usize, &String)> = BTreeMap::new();
    for heading in headings {
        let Some((HeadingMeaning::Is(column, None), rank)) = meaning(heading) else { continue };
        let is_told = COLUMNS.contains(&column) && !present.contains(column);
        if is_told && best.get(&column).is_none_or(|(other, _)| rank < *other) && !is_used(heading) {
            best.insert(column, (rank, heading));
        }
    }
    best.into_iter().map(|(column, (_, heading))| (column, heading.clone())).collect()
}

/// Returns a sentence for each such column and heading, unless the job needs no such column.
pub(super) fn sentences(plan: &Plan, files: &[SourceFile]) -> Vec<String> {
    let mut needless = ColumnSet::default();
    if plan.evidence == EvidenceWanted::Format {
        [Column::FirstScanAt, Column::DeliveryScanAt].into_iter().for_each(|scan| needless.insert(scan));
    }
    if plan.identity.is_none() {
        [Column::PackageId, Column::UpdatedAt].into_iter().for_each(|of_copies| needless.insert(of_copies));
    }
    let mut found: BTreeMap<(Column, &String), (u64, &str)> = BTreeMap::new();
    for file in files {
        for (column, heading) in file.unmapped.iter().filter(|(column, _)| !needless.contains(*column)) {
            found.entry((*column, heading)).or_insert((0, &file.shown)).0 += 1;
        }
    }
    let sentence = |((column, heading), (count, first)): ((Column, &String), (u64, &str))| {
        let (name, heading) = (column.name(), shown_heading(heading));
        let files = match count {
            1 => shown(first).into_owned(),
            _ => format!("{} files, first {},", grouped(count), shown(first)),
        };
        format!(
            "the heading `{heading}` of {files} is known as `{name}`, but the job does not map it: {}; write {name} = {} in \
             [input.columns]",
            absent::consequence(column).unwrap_or("rows lack it"),
            toml::Value::String(heading.clone())
        )
    };
    found.into_iter().map(sentence).collect()
}
