//! Sources: the kinds of files that sellers have, described as data.
//!
//! A profile describes one kind of file: its role, format, headings or paths, and the fields that these fill. This
//! module reads no seller's file and judges nothing. Loading fails with every problem at once, each with file, line
//! and what to write instead.

mod field;
mod path;
mod read;
mod statuses;
#[cfg(test)]
mod tests;

pub use field::Field;
pub use path::{From, Path, Step};
pub use statuses::{Meaning, StatusMap, TrackingState};

use crate::calendar::Day;
use crate::load::{BookFile, Problem};
use crate::policy::{Confidence, Source};
use serde::{Deserialize, Serialize};

include!(concat!(env!("OUT_DIR"), "/sources.rs"));

/// All profiles.
#[derive(Clone, Debug)]
pub struct Sources {
    /// The profiles, by kind.
    pub profiles: Vec<Profile>,
    /// SHA-256 in hex over the files of the profiles.
    pub digest: String,
}

/// What the records of a file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Packages, or changes of packages.
    Shipments,
    /// Orders or their lines.
    Orders,
    /// Events of parcels.
    Events,
    /// Categories of goods.
    Categories,
}

impl Role {
    /// All roles.
    pub const ALL: [Role; 4] = [Role::Shipments, Role::Orders, Role::Events, Role::Categories];

    /// Returns the name in jobs and profiles.
    pub fn name(self) -> &'static str {
        match self {
            Role::Shipments => "shipments",
            Role::Orders => "orders",
            Role::Events => "events",
            Role::Categories => "categories",
        }
    }

    /// Returns the role of a name.
    pub fn from_name(name: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.name() == name)
    }
}

/// The format of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Delimited text; Parquet by its suffix, with columns called like the headings.
    Csv,
    /// JSON documents, lists of them, or one per line.
    Json,
    /// Parquet; delimited text by its suffix.
    Parquet,
}

impl Format {
    /// Returns the name in jobs and profiles.
    pub fn name(self) -> &'static str {
        match self {
            Format::Csv => "csv",
            Format::Json => "json",
            Format::Parquet => "parquet",
        }
    }
}

/// How the rows of the main input become packages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fold {
    /// Each row is a change; the latest one counts.
    Confirmations,
}

impl Fold {
    /// The name in jobs and profiles.
    pub fn name(self) -> &'static str {
        match self {
            Fold::Confirmations => "confirmations",
        }
    }
}

/// The effect of a blank number in a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlankNumber {
    /// It keeps the earlier number.
    Keep,
    /// It deletes the earlier number.
    Delete,
}

impl BlankNumber {
    /// The name in jobs and profiles.
    pub fn name(self) -> &'static str {
        match self {
            BlankNumber::Keep => "keep",
            BlankNumber::Delete => "delete",
        }
    }
}

/// How a time without an offset is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalTimes {
    /// As UTC.
    Utc,
    /// As its day only.
    Day,
}

/// One kind of file.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Its name in jobs.
    pub kind: String,
    /// Its name for people.
    pub name: String,
    /// The role of its records.
    pub role: Role,
    /// The other roles whose facts its records also lend to packages.
    pub lends: Vec<Role>,
    /// Its format.
    pub format: Format,
    /// How its rows become packages; `None`: each row is one.
    pub fold: Option<Fold>,
    /// The effect of a blank number in a change.
    pub blank_number: BlankNumber,
    /// How delimited text is split.
    pub text: Delimited,
    /// The paths of the documents, the outermost first; the innermost that exists counts.
    pub records: Vec<Path>,
    /// The list whose elements are the records; `None`: the documents are the records.
    pub explode: Option<Path>,
    /// The fields and where they are read.
    pub columns: Vec<(Field, Vec<Spot>)>,
    /// Fields with one value for all records.
    pub constants: Vec<(Field, String)>,
    /// Fields for which every file of the kind has at least one heading.
    pub needs: Vec<Field>,
    /// Headings or paths that identify a file of the kind; all of them must be there.
    pub marks: Vec<String>,
    /// The headings of all known forms of the file.
    pub generations: Vec<Generation>,
    /// How a time without an offset is read.
    pub local_times: LocalTimes,
    /// The notation of times (strftime), beside RFC 3339 and %Y-%m-%d.
    pub timestamps: Vec<String>,
    /// The decimal mark of amounts, if the source is known to write no other.
    pub decimal: Option<u8>,
    /// The meaning of the words of its events or states.
    pub statuses: StatusMap,
    /// How certain all this is.
    pub confidence: Confidence,
    /// The day on which it was looked up.
    pub checked_on: Day,
    /// The places where it was looked up.
    pub sources: Vec<Source>,
    /// The comment in the first lines of its file.
    pub note: Vec<String>,
}

impl Profile {
    /// Returns where a field is read.
    pub fn column(&self, field: Field) -> Option<&[Spot]> {
        self.columns.iter().find(|(known, _)| *known == field).map(|(_, spots)| spots.as_slice())
    }
}

/// How delimited text is split, as far as the profile says it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delimited {
    /// The character between cells; `None`: by the file's suffix.
    pub delimiter: Option<u8>,
    /// The WHATWG label of the encoding; `None`: UTF-8.
    pub encoding: Option<String>,
    /// The line of the headings, from 1.
    pub header_line: usize,
}

/// A heading or path, and how some of its values are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// The heading or, for documents, the path.
    pub at: String,
    /// Values without outer blanks, and what each is read as; empty means null.
    pub values: Vec<(String, String)>,
    /// What all other values are read as; `None`: unchanged.
    pub others: Option<String>,
}

impl Spot {
    /// Makes a heading or path whose values are read unchanged.
    pub fn plain(at: &str) -> Spot {
        Spot { at: at.to_owned(), values: Vec::new(), others: None }
    }

    /// Returns what a value without outer blanks is read as; empty means null.
    pub fn reads<'a>(&'a self, value: &'a str) -> &'a str {
        match self.values.iter().find(|(from, _)| from == value) {
            Some((_, to)) => to,
            None => self.others.as_deref().unwrap_or(value),
        }
    }
}

/// One form of a file over the years.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generation {
    /// Its name within the profile.
    pub id: String,
    /// Its headings, in order.
    pub headings: Vec<String>,
}

impl Sources {
    /// Returns the embedded profiles.
    ///
    /// # Errors
    /// Returns every problem of their files. A release has none; a test ensures this.
    pub fn embedded() -> Result<Sources, Vec<Problem>> {
        Sources::load(&Sources::embedded_files())
    }

    /// Returns the embedded files.
    pub fn embedded_files() -> Vec<BookFile> {
        EMBEDDED.iter().map(|(name, text)| BookFile { name: (*name).into(), text: (*text).into() }).collect()
    }

    /// Makes the profiles of their files, given in any order; files that are not TOML are not read.
    ///
    /// # Errors
    /// Returns every problem that can be found at once, by file and line.
    pub fn load(files: &[BookFile]) -> Result<Sources, Vec<Problem>> {
        read::load(files)
    }

    /// Returns the profile of a kind.
    ///
    /// # Errors
    /// Returns the end of a message about an unknown kind: the nearest known one, or all of them.
    pub fn profile(&self, kind: &str) -> Result<&Profile, String> {
        let found = self.profiles.iter().find(|profile| profile.kind == kind);
        found.ok_or_else(|| {
            let known = self.profiles.iter().map(|profile| profile.kind.as_str());
            crate::suggest::did_you_mean(kind, known)
        })
    }
}
