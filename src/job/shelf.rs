//! The sources of the book: the program itself, a folder, or several of these on top of each other.
//!
//! It reads files and knows nothing of their content. It fails with every problem of the book, or with the file that
//! could not be read.

use crate::error::{Error, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use vtr_kernel::Book;
use vtr_kernel::load::{self, BookFile, Problem};
use vtr_kernel::text::shown;

/// The name of the program's own book in the place of a folder.
pub const EMBEDDED: &str = "embedded";

/// Returns the files of a book's folder, by name, or those in the program.
///
/// # Errors
/// [`Error::Usage`] with the folder or file that could not be read.
pub fn files(folder: &Path) -> Result<Vec<BookFile>> {
    if folder == Path::new(EMBEDDED) {
        return Ok(load::embedded_files());
    }
    if !folder.is_dir() {
        return Err(Error::Usage(format!(
            "the book {} is no folder; give the one that holds policies/ and carriers/, or `embedded` for the book in the program",
            folder.display()
        )));
    }
    below(folder)
}

/// Returns the TOML files below a folder, by name.
///
/// # Errors
/// [`Error::Usage`] with the folder or file that could not be read.
pub fn below(folder: &Path) -> Result<Vec<BookFile>> {
    let unread =
        |path: &Path, error: &dyn std::fmt::Display| Error::Usage(format!("cannot read {}: {error}", path.display()));
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

/// Returns the book of these folders on top of each other, the lowest first; without folders the one in the program.
///
/// # Errors
/// [`Error::Usage`] with all problems, a line each.
pub fn book(folders: &[PathBuf]) -> Result<Arc<Book>> {
    /// The program's own book never changes, so it is made once.
    static ITSELF: LazyLock<std::result::Result<Arc<Book>, Vec<Problem>>> =
        LazyLock::new(|| load::embedded().map(Arc::new));
    let book = match folders {
        [] => ITSELF.clone(),
        [only] if only == Path::new(EMBEDDED) => ITSELF.clone(),
        folders => {
            let layers = folders.iter().map(|folder| files(folder)).collect::<Result<Vec<_>>>()?;
            let layers: Vec<&[BookFile]> = layers.iter().map(Vec::as_slice).collect();
            load::load_layers(&layers).map(Arc::new)
        }
    };
    book.map_err(|problems| Error::Usage(listed(folders, &problems)))
}

/// Returns all problems of a book, a line each, under the paths of the files as a person knows them.
pub fn listed(folders: &[PathBuf], problems: &[Problem]) -> String {
    let path = |problem: &Problem| match folders.get(problem.layer) {
        Some(folder) if folder != Path::new(EMBEDDED) => folder.join(&problem.file).display().to_string(),
        _ => format!("book/{}", problem.file),
    };
    let line = |problem: &Problem| format!("{}:{}: {}", shown(&path(problem)), problem.line, problem.message);
    problems.iter().map(line).collect::<Vec<_>>().join("\n")
}
