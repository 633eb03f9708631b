//! What a run says of copies of packages: those of which probably the wrong one counts, and rows that are probably no packages.
//!
//! It makes sentences of counts and counts nothing. It cannot fail.

use vtr_columnar::choice::Between;
use vtr_kernel::text::{counted, grouped};

/// From one in this many of the packages that count on, packages without a number beside others of their order are
/// told of; fewer are probably parcels of their own.
const BESIDE_IN: u64 = 100;

/// From one in this many defects on, those of orders that a later file has otherwise are told of; fewer are probably of
/// orders whose packages were shipped on different days.
const REPLACED_IN: u64 = 10;

/// Warnings of copies of which probably the wrong one counts, and of rows that are probably no packages, among packages
/// that count.
pub(super) fn of_copies(between: &Between, (valid, defects): (u64, u64)) -> Vec<String> {
    let eligible = valid + defects;
    let mut warnings = Vec::new();
    if between.valid_lost > 0 {
        warnings.push(format!(
            "{} in the copy that counts and valid in another one, which lost only because its file's name or its \
             row comes first: an older export may count for a newer one. Name the files so that the newest sorts last \
             (2025-05-09, not 9), or map `updated_at` (with identity = \"package\")",
            counted(between.valid_lost, "package is a defect", "packages are defects")
        ));
    }
    if between.undated > 0 {
        warnings.push(format!(
            "{} in the copy that counts and valid in the copy of a later file, in which `updated_at` is empty: such a copy is taken for \
             the oldest; fill `updated_at` in that file, or set identity = \"order\", with which the newest file of an order counts",
            counted(between.undated, "package is a defect", "packages are defects")
        ));
    }
    if between.unscanned > 0 && between.unscanned >= defects / REPLACED_IN {
        warnings.push(format!(
            "{} of {} scanned in an older copy of the package, and not in the newest by `updated_at`: a scan does not vanish, so the \
             source probably drops scans after some time; let each export keep the scans of its packages, or leave packages out of it \
             once their scans are gone",
            grouped(between.unscanned),
            counted(defects, "defect was", "defects were")
        ));
    }
    if between.numberless > 0 {
        warnings.push(format!(
            "{} of which a later file has a package with one: if it is the same package before it had a number, each counts as a \
             defect; with identity = \"order\" only the newest file of an order counts",
            counted(
                between.numberless,
                "package without a number is of an order",
                "packages without a number are of orders"
            )
        ));
    }
    if between.replaced > 0 && between.replaced >= defects / REPLACED_IN {
        warnings.push(format!(
            "{} of {} of orders of which a later file has other packages only: if they are the same packages before they \
             got another number or id, or were cancelled, they count twice; with identity = \"order\" only the newest file of an \
             order counts",
            grouped(between.replaced),
            counted(defects, "defect is", "defects are")
        ));
    }
    if between.beside > 0 && between.beside >= eligible / BESIDE_IN {
        warnings.push(format!(
            "{} of which the same file has a package with one: if it has a row for each \
             item, these rows are no packages, and each counts as a defect; write one row per package, or the number on each row",
            counted(between.beside, "package without a number is of an order", "packages without a number are of orders")
        ));
    }
    warnings
}
