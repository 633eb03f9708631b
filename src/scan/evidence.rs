//! The evidence by which all files of a run are judged.
//!
//! It looks at the columns that files have, not at rows. It refuses files without any evidence, and files that cannot be
//! judged alike.

use super::SourceFile;
use crate::error::{Error, Result};
use crate::job::plan::{EvidenceWanted, Plan};
use vtr_columnar::input::Column;
use vtr_kernel::ladder::Evidence;
use vtr_kernel::text::shown as quoted;

/// Refuses files without any evidence by which a package could be judged, unless the job allows them.
pub(super) fn refuse_without(plan: &Plan, files: &[SourceFile]) -> Result<()> {
    const EVIDENCE: [Column; 3] = [Column::TrackingNumber, Column::FirstScanAt, Column::DeliveryScanAt];
    let lacks = |file: &&SourceFile| {
        let may_lack = plan.inputs[file.input].allow_absent.contains(Column::TrackingNumber);
        !may_lack && !EVIDENCE.iter().any(|column| file.columns.contains(*column))
    };
    let without: Vec<&SourceFile> = files.iter().filter(lacks).collect();
    if without.is_empty() {
        return Ok(());
    }
    let names: String = without.iter().map(|file| format!("\n  {}", quoted(&file.shown))).collect();
    Err(Error::Input(format!(
        "these files have neither `tracking_number` nor a scan column, so that no package in them can be judged; an order \
         report, for example, has none:{names}\n\
         Map `tracking_number` in [input.columns], or take an export that has it. If they are meant as they are, write \
         allow_absent = [\"tracking_number\"] in their [[input]]; `vtr inspect FILE` tells what a file is"
    )))
}

/// Returns the evidence by which all files can be judged, or why they cannot.
pub(super) fn common(wanted: EvidenceWanted, files: &[SourceFile]) -> Result<Evidence> {
    let has_scans = |file: &&SourceFile| {
        file.columns.contains(Column::FirstScanAt) || file.columns.contains(Column::DeliveryScanAt)
    };
    let (with, without): (Vec<_>, Vec<_>) = files.iter().partition(has_scans);
    let names =
        |files: &[&SourceFile]| files.iter().map(|file| format!("\n  {}", quoted(&file.shown))).collect::<String>();
    match (wanted, with.is_empty(), without.is_empty()) {
        (EvidenceWanted::Format, ..) | (EvidenceWanted::Auto, true, _) => Ok(Evidence::Format),
        (_, _, true) => Ok(Evidence::Scans),
        (EvidenceWanted::Scans, ..) => Err(Error::Input(format!(
            "the job demands evidence = \"scans\", but these files have neither `first_scan_at` nor `delivery_scan_at`:{}\n\
             Map a scan column, leave the files out, or set evidence = \"format\"",
            names(&without)
        ))),
        (EvidenceWanted::Auto, false, false) => Err(Error::Input(format!(
            "some files have scan columns and some have none; they cannot be judged in one run.\nWith:{}\nWithout:{}\n\
             Run them apart, map `first_scan_at` or `delivery_scan_at`, or set evidence = \"format\"",
            names(&with),
            names(&without)
        ))),
    }
}
