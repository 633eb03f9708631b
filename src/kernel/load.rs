//! Loading the book: TOML files become a [`Book`], or all their problems at once.
//!
//! Pure: the caller reads the files, the embedded ones are part of the program. It decides what a
//! book may say and how names refer to each other, never what a rule means. It fails with every
//! problem it can find, each with file, line and what to write instead.

mod carriers;
mod conditions;
mod lists;
mod names;
mod policies;
mod reader;
mod versions;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;

use crate::policy::Book;
use names::{Names, Rules};
use reader::{Document, Place, Report};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// A file of a book.
#[derive(Clone, Debug)]
pub struct BookFile {
    /// Its path inside the book, with `/`: `policies/gb.toml`.
    pub name: String,
    /// Its content.
    pub text: String,
}

/// What is wrong with a book, and where; ordered by file and line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file's path inside the book.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong and what to write instead; what it quotes is escaped.
    pub message: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: {}", crate::text::shown(&self.file), self.line, self.message)
    }
}

impl std::error::Error for Problem {}

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// The files of the book that the program carries.
pub fn embedded_files() -> Vec<BookFile> {
    EMBEDDED.iter().map(|(name, text)| BookFile { name: (*name).into(), text: (*text).into() }).collect()
}

/// The book that the program carries.
///
/// # Errors
/// Every problem of its files; a release has none, which a test makes sure of.
pub fn embedded() -> Result<Book, Vec<Problem>> {
    load(&embedded_files())
}

/// Makes a book of its files, given in any order.
///
/// Files that are no TOML (`NEWS.md`, notes) are not read.
///
/// # Errors
/// Every problem that can be found at once, by file and line.
pub fn load(files: &[BookFile]) -> Result<Book, Vec<Problem>> {
    let files = in_name_order(files);
    let report = Report::default();
    let documents: Vec<Document> = files.iter().map(|file| Document::parse(file, &report)).collect();
    let shelf = Shelf::sort(&documents, &report);
    let book = read(&shelf, &report);
    let problems = report.into_problems();
    match book {
        Some(book) if problems.is_empty() => Ok(Book { digest: digest(&files), ..book }),
        _ => Err(problems),
    }
}

/// The files that make the book, by name.
fn in_name_order(files: &[BookFile]) -> Vec<&BookFile> {
    let mut files: Vec<&BookFile> = files.iter().filter(|file| file.name.ends_with(".toml")).collect();
    files.sort_by(|a, b| a.name.cmp(&b.name));
    files
}

/// SHA-256 in hex over the TOML files in name order: of each the length of its name and the name,
/// the length of its content and the content, lengths as eight bytes, lowest first. `NEWS.md` is
/// left out: it is commentary, and a book without it judges alike.
fn digest(files: &[&BookFile]) -> String {
    let mut hash = Sha256::new();
    for file in files {
        for part in [&file.name, &file.text] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
    }
    hash.finalize().iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// The documents by what they are.
struct Shelf<'a> {
    policies: Vec<&'a Document<'a>>,
    carriers: Vec<&'a Document<'a>>,
    families: Option<&'a Document<'a>>,
    services: Option<&'a Document<'a>>,
    placeholders: Option<&'a Document<'a>>,
}

impl<'a> Shelf<'a> {
    fn sort(documents: &'a [Document<'a>], report: &Report) -> Shelf<'a> {
        let one = |name: &'static str| {
            let document = documents.iter().find(|document| document.name == name);
            if document.is_none() {
                report.add(Place { file: name, line: 1 }, "the file is missing; a book cannot do without it");
            }
            document
        };
        let all = |folder: &str| {
            let mut all: Vec<&Document> = Vec::new();
            for document in documents {
                if is_directly_in(document.name, folder) {
                    all.push(document);
                }
            }
            all
        };
        let shelf = Shelf {
            policies: all("policies/"),
            carriers: all("carriers/"),
            families: one("families.toml"),
            services: one("services.toml"),
            placeholders: one("placeholders.toml"),
        };
        if shelf.policies.is_empty() {
            let message = "the book has no marketplace; write one file for each, such as policies/gb.toml";
            report.add(Place { file: "policies", line: 1 }, message);
        }
        const SINGLE: [&str; 3] = ["families.toml", "services.toml", "placeholders.toml"];
        for (index, document) in documents.iter().enumerate() {
            let name = document.name;
            let in_folder = ["policies/", "carriers/"].iter().any(|folder| is_directly_in(name, folder));
            if !in_folder && !SINGLE.contains(&name) {
                let message = "a book has no such file; marketplaces stand in policies/, carriers in carriers/, \
                               and beside these folders families.toml, services.toml and placeholders.toml";
                report.add(document.place(0), message);
            }
            if documents[..index].iter().any(|other| other.name == name) {
                report.add(document.place(0), "the file is given twice");
            }
        }
        shelf
    }
}

fn is_directly_in(name: &str, folder: &str) -> bool {
    name.strip_prefix(folder).is_some_and(|rest| !rest.contains('/'))
}

/// Reads everything. `None` only beside a problem.
fn read<'a>(shelf: &Shelf<'a>, report: &'a Report) -> Option<Book> {
    let names = Names::collect(shelf, report);
    let (mut rules, fixed) = Rules::new(&names, report);
    let carriers = carriers::read(shelf, &names, &mut rules, report);
    let services = lists::services(shelf, &names, report);
    let markets = policies::read(shelf, &names, &mut rules, report);
    let placeholders = lists::placeholders(shelf, &markets, report);
    let (carriers, shapes) = carriers?;
    Some(Book {
        markets: markets.all?,
        by_id: markets.by_id,
        by_alias: markets.by_alias,
        carriers,
        services: services?,
        placeholders: placeholders?,
        programmes: names.programmes.clone(),
        fixed_rules: crate::policy::FixedRules { shapes, ..fixed },
        rules: rules.into_texts(),
        digest: String::new(),
    })
}
