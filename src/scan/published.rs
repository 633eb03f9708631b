//! Files that this program published: they are no inputs, whatever path of a job leads to them.
//!
//! It knows them by where they are: under the name of a table in a folder that has the log of an output or the version
//! of a sink, whichever job writes there; on stores, in the places where the job itself writes. It opens no file and
//! cannot fail.

use super::store::Origin;
use crate::job::plan::{Plan, SinkPlace};
use crate::place::marks::{CURRENT, LOG, OF_PACKAGES, PACKAGES, SINK_VERSION, SNAPSHOTS, VIEWS};
use crate::place::object_files::is_uri;
use crate::schema::Table;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use vtr_kernel::text::{grouped, shown};

/// Whether packages that were joined from raw files count as published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packages {
    /// They are inputs of jobs.
    AreInputs,
    /// They are not: raw files are looked for.
    ArePublished,
}

/// The files that were met and passed over.
pub(crate) struct PublishedFiles {
    packages: Packages,
    /// Outputs and sinks of the job on stores, each with a slash behind it.
    stores: Vec<String>,
    /// By path, whether it is there.
    marks: HashMap<PathBuf, bool>,
    met: usize,
    first: Option<String>,
}

impl PublishedFiles {
    /// Begins with the places where a job writes.
    pub fn of(plan: &Plan, packages: Packages) -> PublishedFiles {
        let sinks = plan.sinks.iter().filter_map(|sink| match &sink.place {
            SinkPlace::Files(place) => Some(&place.path),
            SinkPlace::Postgres { .. } => None,
        });
        let stores = std::iter::once(&plan.output.path).chain(sinks).filter(|path| is_uri(path));
        let stores = stores.map(|path| format!("{}/", path.trim_end_matches('/'))).collect();
        PublishedFiles { packages, stores, marks: HashMap::new(), met: 0, first: None }
    }

    /// Begins without a job: only places on this machine are known.
    pub fn of_no_job(packages: Packages) -> PublishedFiles {
        PublishedFiles { packages, stores: Vec::new(), marks: HashMap::new(), met: 0, first: None }
    }

    /// Returns whether a file was published, and counts it then.
    pub fn take(&mut self, name: &str, origin: &Origin) -> bool {
        let is_one = match origin {
            Origin::Disk { path, .. } => self.holds(path),
            Origin::Store(_) => self.stores.iter().any(|place| {
                name.strip_prefix(place.as_str()).is_some_and(|below| {
                    let names: Vec<&str> = below.split('/').collect();
                    self.is_of_output(&names) || is_of_sink(&names)
                })
            }),
        };
        if is_one {
            self.met += 1;
            self.first.get_or_insert_with(|| name.to_owned());
        }
        is_one
    }

    /// Returns how many files were passed over.
    pub fn met(&self) -> usize {
        self.met
    }

    /// Returns whether a file of this machine was published; links lead to what they name.
    pub fn holds(&mut self, path: &Path) -> bool {
        let Ok(path) = path.canonicalize() else { return false };
        let names: Vec<&str> = path.iter().map(|name| name.to_str().unwrap_or_default()).collect();
        let above = |from: usize| names[..from].iter().collect::<PathBuf>();
        (1..names.len()).any(|from| {
            let below = &names[from..];
            self.is_of_output(below) && self.is_there(above(from).join(LOG))
                || is_of_sink(below) && self.is_there(above(from).join(SINK_VERSION))
        })
    }

    fn is_there(&mut self, mark: PathBuf) -> bool {
        *self.marks.entry(mark).or_insert_with_key(|mark| mark.exists())
    }

    /// Whether a path below an output is that of a file of a table.
    fn is_of_output(&self, below: &[&str]) -> bool {
        let is_table = |name: &str| {
            let of_packages = name == PACKAGES || OF_PACKAGES.contains(&name);
            Table::from_name(name).is_some() || of_packages && self.packages == Packages::ArePublished
        };
        match below {
            [VIEWS] => true,
            ["data" | CURRENT, table, _, ..] | [SNAPSHOTS, _, table, _, ..] => is_table(table),
            _ => false,
        }
    }

    /// Returns how many there are and the first one, in words.
    pub fn named(&self) -> Option<String> {
        let first = shown(self.first.as_deref()?);
        let files = if self.met == 1 { "1 file".to_owned() } else { format!("{} files", grouped(self.met as u64)) };
        Some(format!("{files} that this program published, first `{first}`"))
    }

    /// Returns what is said of them.
    pub fn said(&self) -> Option<String> {
        let first = shown(self.first.as_deref()?);
        Some(format!(
            "{} files that this program published were passed over as inputs, first `{first}`: let `path` name only inputs, such as \
             a folder of their own, or let [output] and [[sink]] write elsewhere",
            grouped(self.met as u64)
        ))
    }
}

/// Whether a path below a sink of files is that of a table.
fn is_of_sink(below: &[&str]) -> bool {
    let stem = |name: &str| name.split('.').next().and_then(Table::from_name).is_some();
    match below {
        [file] => file.contains('.') && stem(file),
        [table, week] => Table::from_name(table).is_some() && week.starts_with("week="),
        _ => false,
    }
}
