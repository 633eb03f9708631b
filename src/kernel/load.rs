//! Loading the book: TOML files become a [`Book`], or all their problems at once.
//!
//! Pure: the caller reads the files, and the embedded ones are part of the program. The loader decides what a book
//! may contain and how names refer to each other, never what a rule means. It fails with every problem it can find,
//! each with file, line and what to write instead.

mod carriers;
mod conditions;
mod lists;
mod names;
mod parts;
mod policies;
pub(crate) mod reader;
pub(crate) mod versions;
mod words;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;

use crate::policy::Book;
use crate::text;
use names::{Names, Rules};
use reader::{Document, Layer, Place, Report};
use sha2::{Digest, Sha256};

/// A file of a book.
#[derive(Clone, Debug)]
pub struct BookFile {
    /// Its path inside the book, with `/`: `policies/gb.toml`.
    pub name: String,
    /// Its content.
    pub text: String,
}

/// A problem of a book and its place; ordered by file and line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The layer whose book holds the file, from 0 for the lowest.
    pub layer: usize,
    /// The file's path inside the book.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong and what to write instead; quoted text is escaped.
    pub message: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: {}", crate::text::shown(&self.file), self.line, self.message)
    }
}

impl std::error::Error for Problem {}

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// Returns the files of the embedded book.
pub fn embedded_files() -> Vec<BookFile> {
    EMBEDDED.iter().map(|(name, text)| BookFile { name: (*name).into(), text: (*text).into() }).collect()
}

/// Returns the embedded book.
///
/// # Errors
/// Returns every problem of its files. A release has none; a test ensures this.
pub fn embedded() -> Result<Book, Vec<Problem>> {
    load(&embedded_files())
}

/// Makes a book of its files, given in any order.
///
/// Files that are not TOML (`NEWS.md`, notes) are not read.
///
/// # Errors
/// Returns every problem that can be found at once, by file and line.
pub fn load(files: &[BookFile]) -> Result<Book, Vec<Problem>> {
    load_layers(&[files])
}

/// Makes one book of several layers, the lowest first.
///
/// A marketplace or carrier of a later layer replaces that of the same file name, or is new. For the files that a
/// book holds once, lists unite, a key of the later layer replaces the same key below, and classes of one name
/// unite their phrases, new ones last. So a later layer may leave out keys and files.
///
/// # Errors
/// Returns every problem that can be found at once, by layer, file and line.
pub fn load_layers(layers: &[&[BookFile]]) -> Result<Book, Vec<Problem>> {
    let files = in_name_order(layers);
    let report = Report::default();
    let documents: Vec<Document> = files.iter().map(|(layer, file)| Document::parse(*layer, file, &report)).collect();
    let shelf = Shelf::sort(&documents, &report);
    let book = read(&shelf, &report);
    let problems = report.into_problems();
    match book {
        Some(book) if problems.is_empty() => Ok(Book { digest: digest(&files), parts: parts::digests(&shelf), ..book }),
        _ => Err(problems),
    }
}

/// Returns the files that make the book, by name and layer: for marketplaces and carriers only the last one of a
/// name, for the others each that adds something to the one right below.
fn in_name_order<'f>(layers: &[&'f [BookFile]]) -> Vec<(usize, &'f BookFile)> {
    let all = layers.iter().enumerate().flat_map(|(layer, files)| files.iter().map(move |file| (layer, file)));
    let mut files: Vec<(usize, &BookFile)> = all.filter(|(_, file)| file.name.ends_with(".toml")).collect();
    files.sort_by(|(below, a), (above, b)| (&a.name, below).cmp(&(&b.name, above)));
    let replaced = |at: usize| {
        let ((layer, file), next) = (files[at], files.get(at + 1));
        !SINGLE.contains(&file.name.as_str())
            && next.is_some_and(|(above, other)| other.name == file.name && *above > layer)
    };
    let is_idle = |at: usize| {
        let ((layer, file), below) = (files[at], at.checked_sub(1).map(|below| files[below]));
        below.is_some_and(|(other_layer, other)| {
            SINGLE.contains(&file.name.as_str())
                && (other.name == file.name && other_layer < layer)
                && adds_nothing(&other.text, &file.text)
        })
    };
    (0..files.len()).filter(|at| !replaced(*at) && !is_idle(*at)).map(|at| files[at]).collect()
}

/// Returns whether the file below already contains everything that the file on top says: lists unite, and a key on
/// top replaces the same key below.
fn adds_nothing(below: &str, top: &str) -> bool {
    fn holds(below: &toml::Value, top: &toml::Value) -> bool {
        match (below, top) {
            (toml::Value::Table(below), toml::Value::Table(top)) => {
                top.iter().all(|(key, value)| below.get(key).is_some_and(|own| holds(own, value)))
            }
            (toml::Value::Array(below), toml::Value::Array(top)) => {
                top.iter().all(|value| below.iter().any(|own| holds(own, value)))
            }
            (below, top) => below == top,
        }
    }
    let read = |text: &str| text.parse::<toml::Table>().ok().map(toml::Value::Table);
    read(below).zip(read(top)).is_some_and(|(below, top)| holds(&below, &top))
}

/// The files that a book holds once.
const SINGLE: [&str; 4] = ["families.toml", "services.toml", "placeholders.toml", "words.toml"];

/// Returns SHA-256 in hex over the TOML files in name order: for each file the length of its name, the name, the
/// length of its content, the content; lengths are eight bytes, lowest first. `NEWS.md` is left out: it is
/// commentary, and a book without it judges alike.
fn digest(files: &[(usize, &BookFile)]) -> String {
    let mut hash = Sha256::new();
    for (_, file) in files {
        for part in [&file.name, &file.text] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
    }
    text::hex(&hash.finalize())
}

/// The documents by kind.
struct Shelf<'a> {
    policies: Vec<&'a Document<'a>>,
    carriers: Vec<&'a Document<'a>>,
    /// One per layer that has it, the lowest first.
    families: Vec<&'a Document<'a>>,
    services: Vec<&'a Document<'a>>,
    placeholders: Vec<&'a Document<'a>>,
    words: Vec<&'a Document<'a>>,
}

impl<'a> Shelf<'a> {
    fn sort(documents: &'a [Document<'a>], report: &Report) -> Shelf<'a> {
        let one = |name: &'static str| {
            let all: Vec<&Document> = documents.iter().filter(|document| document.name == name).collect();
            if all.is_empty() {
                let at = Place { layer: 0, file: name, line: 1 };
                report.add(at, "the file is missing; a book cannot do without it");
            }
            all
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
            words: one("words.toml"),
        };
        if shelf.policies.is_empty() {
            let message = "the book has no marketplace; write one file for each, such as policies/gb.toml";
            report.add(Place { layer: 0, file: "policies", line: 1 }, message);
        }
        for (index, document) in documents.iter().enumerate() {
            let name = document.name;
            let in_folder = ["policies/", "carriers/"].iter().any(|folder| is_directly_in(name, folder));
            if !in_folder && !SINGLE.contains(&name) {
                let message = "a book has no such file; marketplaces stand in policies/, carriers in carriers/, \
                               and beside these folders families.toml, services.toml, placeholders.toml and words.toml";
                report.add(document.place(0), message);
            }
            if documents[..index].iter().any(|other| (other.name, other.layer) == (name, document.layer)) {
                report.add(document.place(0), "the file is given twice");
            }
        }
        shelf
    }
}

/// Returns the sound files of a kind, each with whether it may leave keys to one below it.
fn stacked<'a, 's>(documents: &'s [&'a Document<'a>]) -> impl Iterator<Item = (Layer, &'a Document<'a>)> + 's {
    let layer = |at: usize| if at == 0 { Layer::Lowest } else { Layer::OnTop };
    let all = documents.iter().enumerate().map(move |(at, document)| (layer(at), *document));
    all.filter(|(_, document)| document.sound)
}

fn is_directly_in(name: &str, folder: &str) -> bool {
    name.strip_prefix(folder).is_some_and(|rest| !rest.contains('/'))
}

/// Reads everything. `None` only beside a reported problem.
fn read<'a>(shelf: &Shelf<'a>, report: &'a Report) -> Option<Book> {
    let names = Names::collect(shelf, report);
    let (mut rules, fixed) = Rules::new(&names, report);
    let carriers = carriers::read(shelf, &names, &mut rules, report);
    let services = lists::services(shelf, &names, report);
    let markets = policies::read(shelf, &names, &mut rules, report);
    let placeholders = lists::placeholders(shelf, &markets, report);
    let words = words::read(shelf, &names, report);
    let (carriers, shapes) = carriers?;
    Some(Book {
        markets: markets.all?,
        by_id: markets.by_id,
        by_alias: markets.by_alias,
        carriers,
        services: services?,
        placeholders: placeholders?,
        words: words?,
        programmes: names.programmes.clone(),
        fixed_rules: crate::policy::FixedRules { shapes, ..fixed },
        doubts: rules.doubts(),
        rules: rules.into_texts(),
        digest: String::new(),
        parts: Default::default(),
    })
}
