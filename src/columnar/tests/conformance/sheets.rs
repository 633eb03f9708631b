//! The files of cases in `tests/conformance`, as they are written.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
/// One file of cases.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sheet {
    /// The values of every case of the file, unless the case sets others.
    pub(crate) base: BTreeMap<String, String>,
    pub(crate) case: Vec<Case>,
    #[serde(default)]
    pub(crate) rate: Vec<RateCase>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) why: String,
    /// A section of the contract, or the id of a rule of the book.
    pub(crate) source: String,
    /// The columns that the source does not have.
    #[serde(default)]
    pub(crate) absent: Vec<String>,
    #[serde(default = "default_as_of")]
    pub(crate) as_of: String,
    #[serde(default = "rows")]
    pub(crate) as_of_mode: String,
    /// `scans` or `format`; the default is the contract's `auto`.
    pub(crate) evidence: Option<String>,
    /// The text of a rates file.
    #[serde(default)]
    pub(crate) rates: String,
    #[serde(default)]
    pub(crate) cells: Cells,
    /// Changes to the book: file, a text that occurs in it exactly once, its replacement.
    #[serde(default)]
    pub(crate) edit: Vec<(String, String, String)>,
    pub(crate) given: BTreeMap<String, String>,
    pub(crate) expect: Expect,
}

/// The declared notation of the input's cells.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cells {
    #[serde(default)]
    pub(crate) nulls: Vec<String>,
    pub(crate) decimal: Option<String>,
    #[serde(default)]
    pub(crate) timestamps: Vec<String>,
    pub(crate) time_zone: Option<String>,
}

fn default_as_of() -> String {
    "2025-06-30".into()
}

fn rows() -> String {
    "rows".into()
}

/// The expected answer; absent fields are not compared.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expect {
    /// The column at fault.
    pub(crate) rejected: Option<String>,
    #[serde(default)]
    pub(crate) after_as_of: bool,
    pub(crate) reason: Option<String>,
    pub(crate) class: Option<String>,
    pub(crate) rule: Option<String>,
    pub(crate) day: Option<String>,
    pub(crate) week: Option<String>,
    pub(crate) week_start: Option<String>,
    pub(crate) seller: Option<String>,
    pub(crate) marketplace: Option<String>,
    pub(crate) carrier: Option<String>,
    pub(crate) likely_carrier: Option<String>,
    pub(crate) programme: Option<String>,
    pub(crate) category: Option<String>,
    pub(crate) unpriced: Option<bool>,
    pub(crate) provisional: Option<bool>,
    pub(crate) target: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RateCase {
    pub(crate) name: String,
    pub(crate) source: String,
    pub(crate) target: String,
    pub(crate) valid: u64,
    pub(crate) eligible: u64,
    pub(crate) meets: Option<bool>,
    pub(crate) percent: String,
    pub(crate) budget: Option<i64>,
    pub(crate) needed: Option<i64>,
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub(crate) fn sheets() -> BTreeMap<String, Sheet> {
    let folder = repository().join("tests/conformance");
    let mut sheets = BTreeMap::new();
    for entry in std::fs::read_dir(&folder).expect("tests/conformance is part of the repository") {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let text = std::fs::read_to_string(&path).unwrap();
            sheets.insert(name.clone(), toml::from_str(&text).unwrap_or_else(|error| panic!("{name}.toml: {error}")));
        }
    }
    sheets
}
