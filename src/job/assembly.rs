//! The inputs of an assembly as the plan has them: a profile with the job's keys over it, and how they are joined.
//!
//! It holds resolved settings and opens no file. Nothing in it fails.

use super::plan::{CellRules, Dialect, Limits, MatchedBy, OnBadFile};
use regex::Regex;
use rustc_hash::FxHashSet;
use std::sync::{Arc, OnceLock};
use vtr_kernel::calendar::Zone;
use vtr_kernel::sources::{BlankNumber, Field, Format, Profile, Role};

/// An `[[input]]` that is joined with others.
#[derive(Clone, Debug)]
pub struct AssembleInput {
    /// Files, folders, globs or URIs, as written in the job.
    pub paths: Vec<String>,
    /// The profile of its kind with the job's columns, constants and role over it.
    pub profile: Profile,
    /// The format of the files, if the job declares it; else the profile and the suffix do.
    pub format: Option<Format>,
    /// Fields whose value is a named group over the shown path.
    pub from_path: Option<Regex>,
    /// How delimited text is cut.
    pub dialect: Dialect,
    /// How texts are read, in delimited text and in JSON.
    pub cells: CellRules,
    /// How texts in Parquet columns are read.
    pub columnar_cells: CellRules,
    /// The zone of times without an offset in typed columns; `None` is UTC.
    pub zone: Option<Zone>,
    /// How its rows are assigned to an order.
    pub matched_by: MatchedBy,
    /// For a fold: the meaning of a blank number.
    pub blank_number: BlankNumber,
    /// The fields whose headings the job itself names: they must be there.
    pub from_job: Vec<Field>,
    /// What a run does about a file that cannot be read to its end.
    pub on_bad_file: OnBadFile,
    /// The first input whose rows are folded together with these, by index; its own index if there is none before it.
    pub group: usize,
}

impl AssembleInput {
    /// Returns whether any file of it can fill a field.
    pub fn fills(&self, field: Field) -> bool {
        self.profile.column(field).is_some()
            || self.profile.constants.iter().any(|(known, _)| *known == field)
            || self
                .from_path
                .as_ref()
                .is_some_and(|path| path.capture_names().flatten().any(|name| name == field.name()))
    }

    /// Returns whether its records also lend their orders' facts to packages of other inputs.
    pub fn lends_orders(&self) -> bool {
        self.profile.role == Role::Orders || self.profile.lends.contains(&Role::Orders)
    }

    /// Returns how its rows become packages; `None` for a side.
    pub fn fold(&self) -> Option<FoldBy> {
        let profile = &self.profile;
        match (profile.role, profile.fold, &profile.explode) {
            (Role::Shipments, Some(_), _) => Some(FoldBy::Writes),
            (Role::Shipments, None, Some(_)) => Some(FoldBy::Documents),
            (Role::Shipments, None, None) => Some(FoldBy::Rows),
            _ => None,
        }
    }
}

/// How rows of a spine become packages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FoldBy {
    /// They are writes about packages.
    Writes,
    /// They are packages of documents, of which the newest of an order counts.
    Documents,
    /// Each is a package; the newest of equal ones counts.
    Rows,
}

/// The days around shipping in which an event belongs to a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventWindow {
    /// The first day, usually before shipping.
    pub from: i32,
    /// The last day.
    pub to: i32,
}

impl Default for EventWindow {
    fn default() -> Self {
        EventWindow { from: -3, to: 90 }
    }
}

/// The assembly of a job.
#[derive(Clone, Debug)]
pub struct Assemble {
    /// The inputs, in the order of the job.
    pub inputs: Vec<AssembleInput>,
    /// Folder or URI of the packages, resolved against the job's folder.
    pub path: String,
    /// The days around shipping in which an event belongs to a package.
    pub window: EventWindow,
    /// Carriers that no feed follows, as the book names them.
    pub unseen: Vec<String>,
    /// The shares that must be covered.
    pub covers: Covers,
    /// The limits on reading.
    pub limits: Limits,
    /// Largest JSON document, in bytes.
    pub max_document_bytes: usize,
    /// Whether the `as_of` day is given for this run and is in the past: its packages are not kept.
    pub is_past: bool,
    /// The folder of such a run's packages until it ends.
    pub scratch: Arc<OnceLock<tempfile::TempDir>>,
    /// SHA-256 in hex of every key of the job, profile and rule that can change a package.
    pub digest: String,
}

/// Shares that must be reached, as exact fractions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Covers {
    /// Packages whose number the events name.
    pub events: (u64, u64),
    /// Packages whose order is known.
    pub orders: (u64, u64),
    /// Events with an unknown status, at most.
    pub unmapped: (u64, u64),
}

/// The packages that another carrier than their own delivered: the hashes of their seller, marketplace as in tables,
/// order and number as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveredByOther(FxHashSet<u128>);

impl DeliveredByOther {
    /// Adds a package.
    pub fn add(&mut self, key: [&str; 4]) {
        self.0.insert(hashed(key));
    }

    /// Returns how many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

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
