//! Where the book comes from: a folder, or the program itself.
//!
//! It reads files and knows nothing of their content. It fails with every problem of the book, or
//! with the file that could not be read.

use crate::error::{Error, Result};
use std::fs;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use vtr_kernel::Book;
use vtr_kernel::load::{self, BookFile, Problem};

/// The files of a book's folder, by name; without a folder those in the program.
///
/// # Errors
/// [`Error::Usage`] with the folder or file that could not be read.
pub fn files(folder: Option<&Path>) -> Result<Vec<BookFile>> {
    let Some(folder) = folder else { return Ok(load::embedded_files()) };
    let unread = |path: &Path, error: &dyn std::fmt::Display| {
        Error::Usage(format!("cannot read {} of the book: {error}", path.display()))
    };
    if !folder.is_dir() {
        return Err(Error::Usage(format!(
            "the book {} is no folder; give the one that holds policies/ and carriers/",
            folder.display()
        )));
    }
    let mut files = Vec::new();
    for entry in walkdir::WalkDir::new(folder).follow_links(true).sort_by_file_name() {
        let entry = entry.map_err(|error| unread(folder, &error))?;
        let path = entry.path();
        if !entry.file_type().is_file() || path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let parts = path.strip_prefix(folder).unwrap_or(path).iter().map(|part| part.to_string_lossy());
        let name = parts.collect::<Vec<_>>().join("/");
        let text = fs::read_to_string(path).map_err(|error| unread(path, &error))?;
        files.push(BookFile { name, text });
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

/// The book of a folder, or the one in the program.
///
/// # Errors
/// [`Error::Usage`] with all problems, a line each.
pub fn book(folder: Option<&Path>) -> Result<Arc<Book>> {
    /// The one in the program never changes, so it is made once.
    static EMBEDDED: LazyLock<std::result::Result<Arc<Book>, Vec<Problem>>> =
        LazyLock::new(|| load::embedded().map(Arc::new));
    let book = match folder {
        None => EMBEDDED.clone(),
        Some(_) => load::load(&files(folder)?).map(Arc::new),
    };
    book.map_err(|problems| Error::Usage(listed(folder, &problems)))
}

/// All problems of a book, a line each, under the paths at which a person finds the files.
pub fn listed(folder: Option<&Path>, problems: &[Problem]) -> String {
    let path =
        |file: &str| folder.map_or_else(|| format!("book/{file}"), |folder| folder.join(file).display().to_string());
    let line = |problem: &Problem| format!("{}:{}: {}", path(&problem.file), problem.line, problem.message);
    problems.iter().map(line).collect::<Vec<_>>().join("\n")
}
