//! Sources: what the files are that sellers have, as data.
//!
//! A profile names one kind of file: its role, format, headings or paths, and what they fill. It reads no file and judges
//! nothing. Loading fails with every problem at once, each with file, line and what to write instead.

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

include!(concat!(env!("OUT_DIR"), "/sources.rs"));

/// All profiles.
#[derive(Clone, Debug)]
pub struct Sources {
    /// By kind.
    pub profiles: Vec<Profile>,
    /// SHA-256 in hex over the files they were read from.
    pub digest: String,
}

/// What records of a file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Packages, or writes about them.
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

    /// The name in jobs and profiles.
    pub fn name(self) -> &'static str {
        match self {
            Role::Shipments => "shipments",
            Role::Orders => "orders",
            Role::Events => "events",
            Role::Categories => "categories",
        }
    }

    /// The role of a name.
    pub fn from_name(name: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.name() == name)
    }
}

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Delimited text; Parquet by its suffix, with columns called like the headings.
    Csv,
    /// Documents, lists of them, or one a line.
    Json,
    /// Parquet; delimited text by its suffix.
    Parquet,
}

impl Format {
    /// The name in jobs and profiles.
    pub fn name(self) -> &'static str {
        match self {
            Format::Csv => "csv",
            Format::Json => "json",
            Format::Parquet => "parquet",
        }
    }
}

/// How the rows of a spine become packages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fold {
    /// Each row is a write; the later one counts.
    Confirmations,
}

/// What a blank number in a write does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlankNumber {
    /// It keeps the number that there was.
    Keep,
    /// It deletes it.
    Delete,
}

/// What a time without an offset is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalTimes {
    /// UTC.
    Utc,
    /// Nothing more than its day.
    Day,
}

/// One kind of file.
#[derive(Clone, Debug)]
pub struct Profile {
    /// What jobs call it.
    pub kind: String,
    /// What people call it.
    pub name: String,
    /// What its records are.
    pub role: Role,
    /// What its records lend to packages beside that.
    pub lends: Vec<Role>,
    /// How it is written.
    pub format: Format,
    /// How rows become packages; `None`: each is one.
    pub fold: Option<Fold>,
    /// What a blank number in a write does.
    pub blank_number: BlankNumber,
    /// How delimited text is cut.
    pub text: Delimited,
    /// Where the documents lie, the outermost first; the innermost that is there counts.
    pub records: Vec<Path>,
    /// The list whose elements are the records; `None`: the documents are.
    pub explode: Option<Path>,
    /// What fields are read from.
    pub columns: Vec<(Field, Vec<Spot>)>,
    /// Fields with one value for all records.
    pub constants: Vec<(Field, String)>,
    /// Fields of which no file of the kind lacks all headings.
    pub needs: Vec<Field>,
    /// Headings or paths by which a file of the kind is known; all of them are there.
    pub marks: Vec<String>,
    /// Headings of all known forms of the file.
    pub generations: Vec<Generation>,
    /// What a time without an offset is.
    pub local_times: LocalTimes,
    /// How times are written (strftime), beside RFC 3339 and %Y-%m-%d.
    pub timestamps: Vec<String>,
    /// What the words of its events or states mean.
    pub statuses: StatusMap,
    /// How sure all that is.
    pub confidence: Confidence,
    /// When it was looked up.
    pub checked_on: Day,
    /// Where.
    pub sources: Vec<Source>,
    /// What its file says of it in its first lines.
    pub note: Vec<String>,
}

impl Profile {
    /// What a field is read from.
    pub fn column(&self, field: Field) -> Option<&[Spot]> {
        self.columns.iter().find(|(known, _)| *known == field).map(|(_, spots)| spots.as_slice())
    }
}

/// How delimited text is cut, as far as the profile says it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delimited {
    /// What stands between cells; `None`: by suffix.
    pub delimiter: Option<u8>,
    /// Its label by WHATWG; `None`: UTF-8.
    pub encoding: Option<String>,
    /// Line of the headings, from 1.
    pub header_line: usize,
}

/// A heading or path, and what some of its values are read as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// The heading; of documents the path.
    pub at: String,
    /// Values without outer blanks = what they are read as; empty means null.
    pub values: Vec<(String, String)>,
    /// What all other values are read as; `None`: as they stand.
    pub others: Option<String>,
}

impl Spot {
    /// A heading or path whose values are read as they stand.
    pub fn plain(at: &str) -> Spot {
        Spot { at: at.to_owned(), values: Vec::new(), others: None }
    }

    /// What a value without outer blanks is read as; empty means null.
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
    /// The profiles that the program carries.
    ///
    /// # Errors
    /// Every problem of their files; a release has none, which a test makes sure of.
    pub fn embedded() -> Result<Sources, Vec<Problem>> {
        Sources::load(&Sources::embedded_files())
    }

    /// The files that the program carries.
    pub fn embedded_files() -> Vec<BookFile> {
        EMBEDDED.iter().map(|(name, text)| BookFile { name: (*name).into(), text: (*text).into() }).collect()
    }

    /// Makes the profiles of their files, given in any order; files that are no TOML are not read.
    ///
    /// # Errors
    /// Every problem that can be found at once, by file and line.
    pub fn load(files: &[BookFile]) -> Result<Sources, Vec<Problem>> {
        read::load(files)
    }

    /// The profile of a kind.
    ///
    /// # Errors
    /// The end of a message about an unknown kind: the nearest known one, or all of them.
    pub fn profile(&self, kind: &str) -> Result<&Profile, String> {
        let found = self.profiles.iter().find(|profile| profile.kind == kind);
        found.ok_or_else(|| {
            let known = self.profiles.iter().map(|profile| profile.kind.as_str());
            crate::suggest::did_you_mean(kind, known)
        })
    }
}
