//! `vtr book`: lint a book, print what is in force, compare two books.
//!
//! What is printed goes to stdout; problems are errors, all at once. It changes no book.

mod diff;
mod show;

use crate::cli::BookVerb;
use crate::error::{Error, Result};
use crate::job::shelf;
use crate::suggest::did_you_mean;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};
use vtr_kernel::Book;
use vtr_kernel::calendar::{Day, day_from_date};
use vtr_kernel::load::BookFile;
use vtr_kernel::policy::{Marketplace, MarketplaceId};

/// Does one of the three.
///
/// # Errors
/// [`Error::Usage`] with every problem of a book, or the argument that is wrong.
pub fn run(verb: &BookVerb, now: SystemTime) -> Result<()> {
    match verb {
        BookVerb::Check { book } => check(book.as_deref()),
        BookVerb::Show { marketplace: name, on, book } => {
            let book = shelf::book(book.as_deref())?;
            let day = on.as_deref().map_or_else(|| Ok(today(now)), day)?;
            let text = match name {
                Some(name) => show::market(&book, book.market(marketplace(&book, name)?), day),
                None => show::overview(&book, day),
            };
            super::print(text)
        }
        BookVerb::Diff { old, new } => super::print(diff::text(&named(old)?, &named(new)?)),
    }
}

/// The marketplace of a name, id or domain.
///
/// # Errors
/// [`Error::Usage`] if the book knows none.
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

fn check(folder: Option<&Path>) -> Result<()> {
    let book = shelf::book(folder)?;
    let versions: usize = book.markets().map(|(_, market)| market.versions.len()).sum();
    let shapes: usize = book.carriers.iter().map(|(_, entry)| entry.shapes.len()).sum();
    let name = folder.map_or("the embedded book".to_owned(), |folder| folder.display().to_string());
    super::print(format!(
        "{name}: no problem\n{} marketplaces with {versions} versions, {} carriers with {shapes} shapes, {} service classes\ndigest {}\n",
        book.markets().count(),
        book.carriers.len(),
        book.services.names().count(),
        book.digest(),
    ))
}

/// The files of a folder, or those in the program under the name `embedded`.
fn named(folder: &Path) -> Result<Vec<BookFile>> {
    shelf::files((folder != Path::new("embedded")).then_some(folder))
}

fn day(text: &str) -> Result<Day> {
    let date = text.parse().map_err(|_| Error::Usage(format!("--on {text:?} is no date; write it as 2025-01-15")))?;
    Ok(day_from_date(date))
}

fn today(now: SystemTime) -> Day {
    let seconds = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    Day::try_from(seconds / 86_400).unwrap_or(Day::MAX)
}
