//! Reads the reports that a job or the command line names, and finds the seller of each.
//!
//! A report names no seller: it comes from the command line, from a group of the pattern over the path, or from the
//! output if that has only one seller. It fails on files that are missing or no such reports.

use super::defect_list::{self, Listed, RowIdentity};
use super::performance::{self, Figure};
use crate::error::{Error, Result};
use crate::job::plan::Reconcile;
use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::path::{Path, PathBuf};
use vtr_kernel::calendar::{Day, day_from_date};
use vtr_kernel::text::shown;

/// The content of a file, with its seller and the day on which it was pulled.
#[derive(Clone, Debug)]
pub struct Pulled<T> {
    /// The seller.
    pub seller: String,
    /// The day on which it was pulled from Amazon, if it is known.
    pub pulled_on: Option<Day>,
    /// The content.
    pub what: T,
}

/// All reports.
#[derive(Clone, Debug, Default)]
pub struct Reports {
    /// Figures, one per marketplace and report.
    pub figures: Vec<Pulled<Figure>>,
    /// Lists of defects, one per file.
    pub listed: Vec<Pulled<Vec<Listed>>>,
    /// Notes for the reader, as sentences.
    pub notes: Vec<String>,
}

/// The seller and day of reports whose paths do not name them.
pub struct Given<'a> {
    /// The seller that the command line names.
    pub seller: Option<String>,
    /// Looks for the output's only seller; asked only if nothing else names the seller.
    pub only_seller: &'a dyn Fn() -> Result<Option<String>>,
    /// The day that the command line names.
    pub pulled_on: Option<Day>,
}

/// Most bytes of a report.
const MOST_BYTES: u64 = 256 << 20;

/// Reads all reports.
///
/// # Errors
/// [`Error::Input`] for a file that is missing or no such report, [`Error::Usage`] if a report's seller is unknown.
pub fn reports(terms: &Reconcile, performance: &[PathBuf], defects: &[PathBuf], given: &Given) -> Result<Reports> {
    let mut reports = Reports::default();
    for path in performance {
        let (bytes, name) = (bytes(path)?, name_of(path));
        let read = performance::read(&bytes, &name)?;
        reports.notes.extend(read.notes);
        if read.figures.is_empty() {
            continue;
        }
        let (seller, pulled_on) = whose(terms, path, given)?;
        let figures = read.figures.into_iter();
        reports.figures.extend(figures.map(|what| Pulled { seller: seller.clone(), pulled_on, what }));
    }
    let mut seen: HashMap<(String, Option<Day>), HashSet<RowIdentity>> = HashMap::new();
    for path in defects {
        let (bytes, name) = (bytes(path)?, name_of(path));
        let mut list = defect_list::read(&bytes, terms.encoding, &terms.columns, &name)?;
        let (seller, pulled_on) = whose(terms, path, given)?;
        let is_empty = list.rows.is_empty();
        // Lists of one pull, or of unknown days, are compared as one, so a row of several of them counts once.
        let again = defect_list::keep_new(&mut list.rows, seen.entry((seller.clone(), pulled_on)).or_default());
        let mut note = |count: u64, what: &str| {
            if count > 0 {
                reports.notes.push(format!("{name}: {count} {what}"));
            }
        };
        note(list.repeated, "rows are repeated and count once");
        note(
            again,
            "rows are also in a file before it and count once; a group `pulled_on` in [reconcile] pattern keeps days apart",
        );
        note(list.not_defects, "rows are no defects by the report's own column");
        note(list.unreadable_values, "package values cannot be read and count as unknown");
        if is_empty {
            reports.notes.push(format!("{name} is empty, as Amazon gives it when there are no defects"));
        }
        reports.listed.push(Pulled { seller, pulled_on, what: list.rows });
    }
    Ok(reports)
}

fn name_of(path: &Path) -> String {
    shown(&path.display().to_string()).into_owned()
}

fn bytes(path: &Path) -> Result<Vec<u8>> {
    let name = name_of(path);
    let unread = |error: std::io::Error| Error::Input(format!("cannot read {name}: {error}"));
    let file = std::fs::File::open(path).map_err(unread)?;
    let mut bytes = Vec::new();
    if path.extension().is_some_and(|extension| extension == "gz") {
        flate2::read::MultiGzDecoder::new(file).take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(unread)?;
    } else {
        file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(unread)?;
    }
    if bytes.len() as u64 > MOST_BYTES {
        return Err(Error::Input(format!("{name} is larger than {} MiB, which no report is", MOST_BYTES >> 20)));
    }
    Ok(bytes)
}

/// The seller of a file, and the day on which it was pulled.
fn whose(terms: &Reconcile, path: &Path, given: &Given) -> Result<(String, Option<Day>)> {
    let text = path.display().to_string().replace('\\', "/");
    let groups = terms.pattern.as_ref().and_then(|pattern| pattern.captures(&text));
    let group =
        |name: &str| groups.as_ref().and_then(|groups| groups.name(name)).map(|group| group.as_str().to_owned());
    let pulled_on = match group("pulled_on") {
        None => given.pulled_on,
        Some(date) => Some(date.parse().map(day_from_date).map_err(|_| {
            Error::Usage(format!("{}: the pattern's `pulled_on` is `{}`, which is no date", shown(&text), shown(&date)))
        })?),
    };
    let named = given.seller.clone().or_else(|| group("seller_id"));
    let seller = named.map_or_else(|| (given.only_seller)(), |named| Ok(Some(named)))?;
    let seller = seller.ok_or_else(|| {
        Error::Usage(format!(
            "{} names no seller, and the output does not have just one; use --seller, or a group `seller_id` in \
             [reconcile] pattern",
            shown(&text)
        ))
    })?;
    Ok((seller, given.pulled_on.or(pulled_on)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms() -> Reconcile {
        let pattern = regex::Regex::new(r"amazon/(?<seller_id>[^_/]+)_(?<pulled_on>[0-9-]{10})").unwrap();
        Reconcile { pattern: Some(pattern), ..Reconcile::default() }
    }

    #[test]
    fn the_path_says_whose_a_report_is() {
        let of = |path: &str, given: &Given| whose(&terms(), Path::new(path), given);
        let nothing = Given { seller: None, only_seller: &|| Ok(None), pulled_on: None };
        let (seller, pulled_on) = of("x/amazon/S1_2026-11-24.json", &nothing).unwrap();
        assert_eq!((seller.as_str(), pulled_on), ("S1", Some(day_from_date("2026-11-24".parse().unwrap()))));
        assert!(of("x/other.json", &nothing).unwrap_err().to_string().contains("--seller"));
        let only = Given { only_seller: &|| Ok(Some("S2".into())), ..nothing };
        assert_eq!(of("x/other.json", &only).unwrap().0, "S2");
        let told = Given { seller: Some("S3".into()), ..only };
        assert_eq!(of("x/amazon/S1_2026-11-24.json", &told).unwrap().0, "S3");
    }
}
