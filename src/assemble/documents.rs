//! A spine of documents: snapshots of an order, each with all of its packages; only the newest snapshot counts.
//!
//! A package that is missing from it no longer exists, but a snapshot without any package says nothing of packages:
//! those of an older one stay, and what the newest says of the order holds for them. States without a history
//! (`package_status`) become times here: a state happened no later than the first document that showed it. It looks at
//! one order at a time and cannot fail.

use super::facts::{Fate, RecordPlace, Stamp};
use vtr_kernel::calendar::Micros;

/// One row of a document: a package of it, or the document itself if it has none.
#[derive(Clone, Copy, Debug)]
pub struct DocumentRow<'a> {
    /// When the document was last updated, and its file.
    pub stamp: Stamp,
    /// The number of the document's first record in the file, which distinguishes two documents of one file.
    pub document: u64,
    /// The number of this record.
    pub record: u64,
    /// The key that distinguishes the package from others of the order: its id, or else its cleaned number; `None` if
    /// the document has no package.
    pub package: Option<&'a str>,
    /// Its state.
    pub state: PackageState,
    /// Its cells as bytes: equal bytes are equal cells.
    pub cells: &'a [u8],
}

/// The meaning of a state, if the source has one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PackageState {
    /// No scan.
    #[default]
    Unscanned,
    /// A carrier has seen it.
    Scanned,
    /// It was delivered, or a delivery was tried.
    Delivered,
}

/// A package of the newest snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotPackage {
    /// Its row, by index.
    pub row: usize,
    /// The record that first had these facts.
    pub source: RecordPlace,
    /// The latest possible time of the first scan.
    pub first_scan_at: Option<Micros>,
    /// The latest possible time of the delivery.
    pub delivery_scan_at: Option<Micros>,
}

/// The result of folding one order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoldedDocuments {
    /// Its packages, in the order of the newest document that has any.
    pub packages: Vec<SnapshotPackage>,
    /// The row of a newer document that has none, by index.
    pub bare: Option<usize>,
    /// Where each row ends, in the order given.
    pub fates: Vec<Fate>,
}

/// Folds the rows of one order, sorted by stamp, document and record.
pub fn fold(rows: &[DocumentRow]) -> FoldedDocuments {
    let mut folded = FoldedDocuments { fates: vec![Fate::Superseded; rows.len()], ..FoldedDocuments::default() };
    let Some(end) = rows.iter().rposition(|row| row.package.is_some()).map_or(rows.len().checked_sub(1), Some) else {
        return folded;
    };
    if end + 1 < rows.len() {
        folded.bare = Some(rows.len() - 1);
        folded.fates[rows.len() - 1] = Fate::Merged;
    }
    let (newest, rows) = (&rows[end], &rows[..=end]);
    let of_newest = |row: &DocumentRow| (row.stamp, row.document) == (newest.stamp, newest.document);
    let first = rows.iter().position(of_newest).unwrap_or(rows.len());
    for index in first..rows.len() {
        let row = &rows[index];
        let Some(package) = row.package else {
            folded.fates[index] = Fate::NotShipped;
            continue;
        };
        if rows[first..index].iter().any(|other| other.package == Some(package)) {
            folded.fates[index] = Fate::Merged;
            continue;
        }
        folded.fates[index] = Fate::Package;
        let history = || rows[..=index].iter().filter(|other| other.package == Some(package));
        let since = |state: PackageState| {
            let reached =
                state == row.state || (state == PackageState::Scanned && row.state == PackageState::Delivered);
            let showed = |other: &&DocumentRow| match state {
                PackageState::Delivered => other.state == PackageState::Delivered,
                _ => other.state != PackageState::Unscanned,
            };
            reached.then(|| history().find(showed).and_then(|other| other.stamp.at)).flatten()
        };
        let same = |other: &&DocumentRow| other.stamp.at == row.stamp.at && other.cells == row.cells;
        let source = history().find(same).unwrap_or(row);
        folded.packages.push(SnapshotPackage {
            row: index,
            source: RecordPlace { file: source.stamp.file, record: source.record },
            first_scan_at: since(PackageState::Scanned),
            delivery_scan_at: since(PackageState::Delivered),
        });
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(
        at: i64,
        document: u64,
        record: u64,
        package: Option<&'static str>,
        state: PackageState,
    ) -> DocumentRow<'static> {
        DocumentRow { stamp: Stamp { at: Some(at), file: 0 }, document, record, package, state, cells: b"" }
    }

    #[test]
    fn the_newest_document_is_the_whole_picture_and_states_are_as_old_as_they_were_shown() {
        use PackageState::*;
        let rows = [
            part(1, 1, 1, Some("A"), Unscanned),
            part(1, 1, 2, Some("B"), Scanned),
            part(2, 3, 3, Some("A"), Scanned),
            part(3, 4, 4, Some("A"), Scanned),
            part(4, 5, 5, Some("A"), Delivered),
        ];
        let found = fold(&rows);
        assert_eq!(found.fates[..4], [Fate::Superseded; 4]);
        assert_eq!(found.packages.len(), 1, "B vanished");
        assert_eq!((found.packages[0].first_scan_at, found.packages[0].delivery_scan_at), (Some(2), Some(4)));
        let back = fold(&[rows[4], part(5, 6, 6, Some("A"), Unscanned)]);
        assert_eq!((back.packages[0].first_scan_at, back.packages[0].delivery_scan_at), (None, None));
        let silent = fold(&[rows[3], rows[4], part(6, 7, 7, None, Unscanned), part(7, 8, 8, None, Unscanned)]);
        assert_eq!(silent.fates, [Fate::Superseded, Fate::Package, Fate::Superseded, Fate::Merged]);
        assert_eq!((silent.packages[0].row, silent.bare), (1, Some(3)));
    }

    #[test]
    fn a_document_that_stands_twice_counts_once_and_its_first_place_is_named() {
        let mut again = part(1, 1, 7, Some("A"), PackageState::Scanned);
        again.stamp.file = 1;
        let found = fold(&[part(1, 1, 1, Some("A"), PackageState::Scanned), again]);
        assert_eq!(found.fates, [Fate::Superseded, Fate::Package]);
        assert_eq!(found.packages[0].source, RecordPlace { file: 0, record: 1 });
        assert_eq!(fold(&[part(1, 1, 1, None, PackageState::Unscanned)]).fates, [Fate::NotShipped]);
    }
}
