//! `vtr book`: lints a book, prints the rules in force, exports the built-in book, compares two books.
//!
//! Results go to stdout; problems are reported as errors, all at once. It changes no book.

mod diff;
mod rows;
mod show;

use super::listing::{self, Cell, Format};
use super::published;
use crate::cli::BookVerb;
use crate::error::{Error, Result};
use crate::job::shelf;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use vtr_kernel::Book;
use vtr_kernel::calendar::{Day, day_from_date};
use vtr_kernel::load;
use vtr_kernel::policy::{Marketplace, MarketplaceId};
use vtr_kernel::suggest::did_you_mean;

/// Runs one of these commands.
///
/// # Errors
/// [`Error::Usage`] with every problem of a book, or with the argument that is wrong.
pub fn run(verb: &BookVerb, now: SystemTime) -> Result<()> {
    match verb {
        BookVerb::Check { book, written } => check(book, published::format(*written)),
        BookVerb::Show { marketplace: name, on, book, written } => {
            let book = shelf::book(book)?;
            let day = on.as_deref().map_or_else(|| Ok(today(now)), day)?;
            let market = name.as_deref().map(|name| marketplace(&book, name)).transpose()?;
            match (published::format(*written), market.map(|id| book.market(id))) {
                (Format::Table, Some(market)) => super::print_lines(&show::market(&book, market, day)),
                (Format::Table, None) => super::print_lines(&show::overview(&book, day)),
                (format, Some(market)) => listing::print(format, &rows::RULE_HEADS, rows::rules(&book, market, day)),
                (format, None) => listing::print(format, &rows::MARKET_HEADS, rows::markets(&book, day)),
            }
        }
        BookVerb::Export { folder } => export(folder),
        BookVerb::Diff { old, new, written } => {
            let (old, new) = (shelf::files(old)?, shelf::files(new)?);
            let lies = diff::lies(&old, &new);
            match published::format(*written) {
                Format::Table => super::print_lines(&diff::text(&old, &new, lies)),
                format => {
                    let row = |(file, change): (String, String)| vec![Cell::text(file), Cell::text(change)];
                    listing::print(format, &["file", "change"], diff::changes(&old, &new, lies).into_iter().map(row))
                }
            }
        }
    }
}

/// The marketplace with a name, id or domain.
///
/// # Errors
/// [`Error::Usage`] if the book has none.
pub fn marketplace(book: &Book, name: &str) -> Result<MarketplaceId> {
    match book.resolve_marketplace(name.trim()) {
        Some(Marketplace::Known(id)) => Ok(id),
        Some(Marketplace::None) => {
            Err(Error::Usage(format!("{name:?} is a sales channel that is no marketplace: nothing is in force there")))
        }
        None => {
            let names = book
                .markets()
                .flat_map(|(_, market)| market.aliases.iter().map(String::as_str).chain([market.name.as_str()]));
            let hint = did_you_mean(name, names);
            Err(Error::Usage(format!(
                "the book knows no marketplace {name:?}{hint}; write an ISO country, an id or a domain"
            )))
        }
    }
}

fn check(folders: &[PathBuf], format: Format) -> Result<()> {
    let book = shelf::book(folders)?;
    let versions: usize = book.markets().map(|(_, market)| market.versions.len()).sum();
    let shapes: usize = book.carriers.iter().map(|(_, entry)| entry.shapes.len()).sum();
    let names: Vec<String> = folders.iter().map(|folder| folder.display().to_string()).collect();
    let name = if names.is_empty() { "the embedded book".to_owned() } else { names.join(" + ") };
    if format != Format::Table {
        let heads = ["book", "marketplaces", "versions", "carriers", "shapes", "service_classes", "digest"];
        let count = |count: usize| Cell::Count(i64::try_from(count).unwrap_or(i64::MAX));
        let (markets, services) = (book.markets().count(), book.services.names().count());
        let counts = [markets, versions, book.carriers.len(), shapes, services].map(count);
        let row = std::iter::once(Cell::text(name)).chain(counts).chain([Cell::text(book.digest())]).collect();
        return listing::print(format, &heads, [row]);
    }
    super::print_lines(&format!(
        "{name}: no problem\n{} marketplaces with {versions} versions, {} carriers with {shapes} shapes, {} service classes\ndigest {}\n",
        book.markets().count(),
        book.carriers.len(),
        book.services.names().count(),
        book.digest(),
    ))
}

/// Writes every file of the built-in book. Existing files in the folder are not overwritten.
fn export(folder: &Path) -> Result<()> {
    let failed = |path: &Path, error: std::io::Error| Error::Usage(format!("cannot write {}: {error}", path.display()));
    let is_taken = fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    if is_taken {
        return Err(Error::Usage(format!("{} is not empty; name a new folder", folder.display())));
    }
    let files = load::embedded_files();
    for file in &files {
        let path = folder.join(&file.name);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent).map_err(|error| failed(parent, error))?;
        fs::write(&path, &file.text).map_err(|error| failed(&path, error))?;
    }
    super::print_lines(&format!("{} files written to {}\n", files.len(), folder.display()))
}

fn day(text: &str) -> Result<Day> {
    let date = text.parse().map_err(|_| Error::Usage(format!("--on {text:?} is no date; write it as 2025-01-15")))?;
    Ok(day_from_date(date))
}

fn today(now: SystemTime) -> Day {
    let seconds = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    Day::try_from(seconds / 86_400).unwrap_or(Day::MAX)
}
