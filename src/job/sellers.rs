//! The job's list of sellers: the name of an account, its owner and its region.
//!
//! It is a CSV file with the headings `seller_id`, `name`, `owner`, `region`; no figure depends on it. It fails with
//! the line that is wrong.

use super::resolve::SpecReport;
use super::spec::JobSpec;
use std::collections::BTreeMap;
use std::path::Path;

/// The facts about a seller, in this order.
pub const FACTS: [&str; 3] = ["name", "owner", "region"];

/// The facts about each seller, by id.
pub type Sellers = BTreeMap<String, [Option<String>; 3]>;

/// Returns the text of the file and its facts; without a file neither. `None` only if a problem was reported.
pub(super) fn sellers(spec: &JobSpec, root: &Path, written: SpecReport) -> Option<(Option<String>, Sellers)> {
    let Some(path) = &spec.sellers else { return Some((None, Sellers::new())) };
    if !written.is_local("sellers", path) {
        return None;
    }
    let path = root.join(path);
    let text = std::fs::read_to_string(&path).map_err(|error| {
        format!("cannot read the list of sellers {}: {error}; give a CSV file, or take `sellers` out", path.display())
    });
    let text = written.good("sellers", text)?;
    let sellers = read(&text).map_err(|fault| format!("{}: {fault}", path.display()));
    written.good("sellers", sellers).map(|sellers| (Some(text), sellers))
}

fn read(text: &str) -> Result<Sellers, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let headings = reader.headers().map_err(|error| error.to_string())?.clone();
    let known = |name: &str| name == "seller_id" || FACTS.contains(&name);
    if let Some(other) = headings.iter().find(|name| !known(name.trim())) {
        return Err(format!("line 1: the heading {other:?} is not one of seller_id, name, owner, region"));
    }
    let place = |name: &str| headings.iter().position(|heading| heading.trim() == name);
    let id = place("seller_id").ok_or("line 1: the heading seller_id lacks")?;
    let mut sellers = Sellers::new();
    for record in reader.records() {
        let record = record.map_err(|error| error.to_string())?;
        let line = record.position().map_or(0, csv::Position::line);
        let cell = |index: usize| record.get(index).map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
        let seller = cell(id).ok_or_else(|| format!("line {line}: the seller_id is empty"))?;
        let facts = FACTS.map(|name| place(name).and_then(cell));
        if sellers.insert(seller, facts).is_some() {
            return Err(format!("line {line}: this seller_id appears twice; keep one of the lines"));
        }
    }
    Ok(sellers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_names_sellers_once_and_its_faults_by_line() {
        let found = read("\u{feff}region,seller_id,name\nEU,A1,\"Shop, One\"\n,A2,\n").unwrap();
        assert_eq!(found["A1"], [Some("Shop, One".into()), None, Some("EU".into())]);
        assert_eq!(found["A2"], [None, None, None]);
        for (text, word) in [
            ("seller_id,nmae\nA,B\n", "nmae"),
            ("name\nA\n", "seller_id lacks"),
            ("seller_id\nA\nA\n", "line 3"),
            ("seller_id,name\n,x\n", "line 2"),
            ("seller_id,name\nA\n", "line"),
        ] {
            assert!(read(text).unwrap_err().contains(word), "{text}");
        }
    }
}
