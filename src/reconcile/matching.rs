//! Finds the package of ours that a row of Amazon's list is.
//!
//! It compares order, number and carrier, and never takes the likelier of two packages: which one it is remains open
//! then. It cannot fail.

use super::defect_list::Listed;
use super::ours::Package;
use std::collections::{HashMap, HashSet};

/// The package of ours that matches a row of Amazon's.
pub(super) enum PackageMatch<'a> {
    /// The order has no package here.
    None,
    /// This one.
    One(&'a Package),
    /// One of these; nothing tells which.
    Several(Vec<&'a Package>),
}

impl<'a> PackageMatch<'a> {
    /// The packages that the row can be.
    pub(super) fn packages(&self) -> &[&'a Package] {
        match self {
            PackageMatch::None => &[],
            PackageMatch::One(one) => std::slice::from_ref(one),
            PackageMatch::Several(all) => all,
        }
    }
}

/// Matches by the cell of Amazon's tracking id, else the order's only package, else the one with the same carrier.
/// `taken` has the packages that other rows match by their number: they are no other row's package.
pub(super) fn find<'a>(
    row: &Listed,
    carrier: &str,
    packages: &[&'a Package],
    taken: &HashSet<*const Package>,
) -> PackageMatch<'a> {
    let candidates = candidates(packages);
    let same_number: Vec<&'a Package> = candidates.iter().copied().filter(|one| one.number == row.number).collect();
    let is_free = |one: &&'a Package| !taken.contains(&std::ptr::from_ref(*one));
    let free: Vec<&'a Package> = candidates.iter().copied().filter(is_free).collect();
    let fitting = [same_number, free].into_iter().find(|fitting| !fitting.is_empty()).unwrap_or(candidates);
    match &fitting[..] {
        [] => PackageMatch::None,
        [one] => PackageMatch::One(one),
        several => match several.iter().copied().filter(|one| one.carrier == carrier).collect::<Vec<_>>()[..] {
            [one] => PackageMatch::One(one),
            _ => PackageMatch::Several(fitting),
        },
    }
}

/// The packages of an order that a row may be: the judged ones, and superseded ones only if there is no other.
fn candidates<'a>(packages: &[&'a Package]) -> Vec<&'a Package> {
    let live: Vec<&'a Package> = packages.iter().copied().filter(|one| one.class().is_some()).collect();
    if live.is_empty() { packages.to_vec() } else { live }
}

/// The packages that a row names by a number which no other package of the order has.
pub(super) fn taken<'a>(
    rows: impl Iterator<Item = &'a Listed>,
    by_order: &HashMap<&str, Vec<&Package>>,
) -> HashSet<*const Package> {
    let named = rows.filter_map(|row| {
        let all = candidates(by_order.get(row.order_id.as_str())?);
        let mut same = all.into_iter().filter(|one| one.number == row.number);
        same.next().filter(|_| same.next().is_none())
    });
    named.map(std::ptr::from_ref).collect()
}

#[cfg(test)]
mod tests {
    use super::super::ours::RowOutcome;
    use super::*;
    use vtr_kernel::reason::Reason;

    fn package(number: &str, carrier: &str) -> Package {
        let outcome = RowOutcome::Judged { reason: Reason::ScanMissing, rule: "r".into() };
        Package { number: number.into(), carrier: carrier.into(), ..Package::bare("S".into(), "O".into(), outcome) }
    }

    /// Which packages each row finds: one by its place, several by all places.
    fn found(rows: &[&str], packages: &[Package]) -> Vec<Vec<usize>> {
        let list = format!("Order ID,Carrier Name,Tracking ID\n{}", rows.concat());
        let list = super::super::defect_list::read(
            list.as_bytes(),
            encoding_rs::UTF_8,
            &std::collections::BTreeMap::new(),
            "a.csv",
        );
        let list = list.unwrap().rows;
        let ours: Vec<&Package> = packages.iter().collect();
        let by_order = HashMap::from([("O", ours.clone())]);
        let taken = taken(list.iter(), &by_order);
        let place = |one: &Package| packages.iter().position(|package| std::ptr::eq(package, one)).unwrap();
        list.iter()
            .map(|row| match find(row, &row.carrier, &ours, &taken) {
                PackageMatch::None => Vec::new(),
                PackageMatch::One(one) => vec![place(one)],
                PackageMatch::Several(all) => all.into_iter().map(place).collect(),
            })
            .collect()
    }

    #[test]
    fn the_cell_as_it_stands_comes_before_its_meaning() {
        let two = [package("N1", "dpd"), package("OINVALIDID", "dpd")];
        assert_eq!(found(&["O,dpd,O-InvalidId\n"], &two), [[1]]);
        assert_eq!(found(&["O,dpd,O-InvalidId\n", "O,dpd,N1\n"], &two), [[1], [0]]);
    }

    #[test]
    fn a_number_that_amazon_could_not_process_goes_to_the_only_package_left() {
        let two = [package("N1", "dpd"), package("N2", "dpd")];
        assert_eq!(found(&["O,dpd,O-InvalidId\n"], &two), [[0, 1]]);
        assert_eq!(found(&["O,dpd,O-InvalidId\n", "O,dpd,N1\n"], &two), [[1], [0]]);
        assert_eq!(found(&["O,dpd,O-InvalidId\n"], &two[..1]), [[0]]);
        let apart = [package("N1", "dpd"), package("N2", "gls")];
        assert_eq!(found(&["O,gls,O-InvalidId\n"], &apart), [[1]]);
    }

    #[test]
    fn packages_with_the_same_cell_are_told_apart_by_carrier_only() {
        let three = [package("", "dpd"), package("", "gls"), package("N1", "dpd")];
        assert_eq!(found(&["O,dpd,\n"], &three), [[0]]);
        let same = [package("", "dpd"), package("", "dpd"), package("N1", "dpd")];
        assert_eq!(found(&["O,dpd,\n"], &same), [[0, 1]]);
    }

    #[test]
    fn a_row_that_fits_only_a_package_of_another_row_is_still_of_the_order() {
        assert_eq!(found(&["O,dpd,N1\n", "O,dpd,N9\n"], &[package("N1", "dpd")]), [[0], [0]]);
        assert_eq!(found(&["O,dpd,N1\n"], &[]), [[]; 1] as [[usize; 0]; 1]);
    }
}
