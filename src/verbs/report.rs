//! `vtr report`: writes the page for people, of one committed version.
//!
//! It turns options into a request to `pages`, and puts whole files in place; it reads no table itself. It fails if
//! the output has no such version or table, an option is invalid, or a file cannot be written.

use super::age::Age;
use super::filters::{self, Terms};
use super::published;
use crate::cli::{MAX_AGE, MAX_SIZE, ReportArgs, SplitBy, WEEKS};
use crate::error::{Error, Result};
use crate::job::{self, shelf, spec::Size};
use crate::pages::levers::RateChange;
use crate::pages::model;
use crate::pages::read::{PublishedVersion, Scope};
use crate::pages::{self, MOST_WEEKS, Page, Request, terms};
use crate::progress::warn;
use crate::publish::{self, Manifest, store::Store};
use crate::schema::Table;
use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;
use vtr_kernel::text::shown;

/// Runs `vtr report`.
///
/// # Errors
/// See the head of the module.
pub fn run(args: &ReportArgs, now: SystemTime) -> Result<()> {
    let store = publish::at(&args.out)?;
    let manifest = published::version(store.as_ref(), Table::AccountHealth, args.version)?;
    // The page itself knows no clock; a version that was asked for may be old.
    if args.version.is_none() {
        Age::of(&manifest, published::today(None, now), MAX_AGE).warn_if_stale();
    }
    let book = shelf::book(&[])?;
    let source = PublishedVersion { store: store.as_ref(), manifest: &manifest };
    let (names, doubt) = terms::of(&source, &book)?;
    doubt.iter().for_each(|doubt| warn(doubt));
    let terms = Terms { book: &book, names: &names };
    let request = request(args, &terms)?;
    refuse_unknown(&source, &args.seller, &[], &terms)?;
    let (accounts, empty) = model::all_accounts(&source, &request.scope, &names)?;
    refuse_empty(accounts.len() + empty, &request.scope)?;
    let target = args.target.as_deref();
    if let Some(asked) = &args.appeal {
        let (scope, category) = appealed(asked, &terms)?;
        let page = pages::appeal(&source, &names, &Request { scope, ..request }, category)?;
        return put(&page, target);
    }
    match (args.split_by, target) {
        (None, _) => put(&pages::report(&source, &names, &request)?, target),
        (Some(SplitBy::Seller), None) => {
            Err(Error::Usage("--split-by seller: names a file for each seller; give the folder with -o DIR".into()))
        }
        (Some(SplitBy::Seller), Some(folder)) => {
            std::fs::create_dir_all(folder)
                .map_err(|error| Error::failed(format!("making the folder {}", folder.display()), error))?;
            pages::by_seller(&source, &names, &request, &mut |page| {
                let path = folder.join(&page.name);
                write(&path, page.html.as_bytes())?;
                let seller = page.seller.as_deref().unwrap_or_default();
                // A tab separates two names that cannot contain one.
                super::print(format!("{}\t{}\n", shown(&path.display().to_string()), shown(seller)))
            })
        }
    }
}

fn request(args: &ReportArgs, terms: &Terms) -> Result<Request> {
    if args.weeks == 0 || args.weeks as usize > MOST_WEEKS {
        return Err(Error::Usage(format!("--weeks {}: give 1 to {MOST_WEEKS}", args.weeks)));
    }
    let max_bytes = size(&args.max_size)?;
    Ok(Request {
        scope: scope(&args.seller, &args.marketplace, terms)?,
        weeks: args.weeks as usize,
        max_bytes,
        events: args.event.iter().map(|text| event(text)).collect::<Result<_>>()?,
        title: args.title.clone(),
    })
}

fn size(text: &str) -> Result<u64> {
    Size::Text(text.to_owned()).bytes().map_err(|problem| Error::Usage(format!("--max-size: {problem}")))
}

/// The accounts that options ask for; marketplaces may be given in any form that jobs accept.
///
/// # Errors
/// [`Error::Usage`] for a marketplace that is not known.
pub fn scope(sellers: &[String], marketplaces: &[String], terms: &Terms) -> Result<Scope> {
    let of =
        |values: &[String]| (!values.is_empty()).then(|| Arc::new(values.iter().cloned().collect::<BTreeSet<_>>()));
    let markets: Vec<String> = marketplaces.iter().map(|text| marketplace(text, terms)).collect::<Result<_>>()?;
    Ok(Scope { sellers: of(sellers), markets: of(&markets) })
}

/// Refuses sellers, marketplaces and categories without any published rows: a mistyped name must not read as an
/// all-clear.
///
/// # Errors
/// [`Error::Usage`] with the known names; a table cannot be read.
pub fn refuse_unknown(
    source: &PublishedVersion,
    sellers: &[String],
    categories: &[String],
    terms: &Terms,
) -> Result<()> {
    let published = filters::PublishedOutput { store: source.store, manifest: source.manifest };
    let none = filters::TypedFilter { seller: None, marketplace: None, carrier: None, category: None, programme: None };
    for seller in sellers {
        filters::Filters::of(&filters::TypedFilter { seller: Some(seller), ..none }, terms, &published)?;
    }
    for category in categories {
        filters::Filters::of(&filters::TypedFilter { category: Some(category), ..none }, terms, &published)?;
    }
    Ok(())
}

/// Refuses marketplaces in which no account was ever judged.
///
/// # Errors
/// [`Error::Usage`].
pub fn refuse_empty(accounts: usize, scope: &Scope) -> Result<()> {
    if accounts > 0 || scope.markets.is_none() {
        return Ok(());
    }
    Err(Error::Usage("--marketplace: no account is published of it; `vtr health` lists those that are".into()))
}

fn marketplace(text: &str, terms: &Terms) -> Result<String> {
    terms.marketplace(text.trim()).map(str::to_owned).ok_or_else(|| {
        let mut names: Vec<&str> = terms.names.markets().map(|(name, _)| name).collect();
        names.sort_unstable();
        Error::Usage(format!("--marketplace {text}: is no marketplace of the book; there are {}", names.join(", ")))
    })
}

/// Reads `2026-W36` or `2026-W36=what was changed`.
fn event(text: &str) -> Result<RateChange> {
    let (week, what) = text.split_once('=').unwrap_or((text, ""));
    Ok(RateChange { monday: job::week("--event", week).map_err(Error::Usage)?, text: what.trim().to_owned() })
}

/// Reads seller, marketplace and an optional category.
fn appealed<'a>(asked: &'a [String], terms: &Terms) -> Result<(Scope, Option<&'a str>)> {
    let [seller, market, category @ ..] = asked else {
        return Err(Error::Usage("--appeal: give SELLER MARKETPLACE, and a CATEGORY if one is meant".into()));
    };
    let scope = scope(std::slice::from_ref(seller), std::slice::from_ref(market), terms)?;
    Ok((scope, category.first().map(String::as_str)))
}

/// Writes a page to a file, into a folder, or to stdout.
fn put(page: &Page, target: Option<&Path>) -> Result<()> {
    match target {
        None => super::print(&page.html),
        Some(path) if path.is_dir() => write(&path.join(&page.name), page.html.as_bytes()),
        Some(path) => write(path, page.html.as_bytes()),
    }
}

/// Writes a whole file; whoever reads it meanwhile sees the old one.
///
/// # Errors
/// [`Error::Failed`] with the path.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let put = || -> std::io::Result<()> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut builder = tempfile::Builder::new();
        builder.prefix(".vtr-").suffix(".tmp");
        #[cfg(unix)]
        builder.permissions(<std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o666));
        let mut file = builder.tempfile_in(folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    put().map_err(|error| Error::failed(format!("cannot write {}", path.display()), error))
}

/// Writes the page of an output's newest version, for `vtr run --report`.
///
/// # Errors
/// As [`run`].
pub fn after_run(out: &str, path: &Path) -> Result<()> {
    let store: Arc<dyn Store> = publish::at(Path::new(out))?;
    let manifest: Manifest = published::version(store.as_ref(), Table::AccountHealth, None)?;
    let source = PublishedVersion { store: store.as_ref(), manifest: &manifest };
    let (names, doubt) = terms::of(&source, shelf::book(&[])?.as_ref())?;
    doubt.iter().for_each(|doubt| warn(doubt));
    let request = Request {
        scope: Scope::default(),
        weeks: WEEKS as usize,
        max_bytes: size(MAX_SIZE)?,
        events: Vec::new(),
        title: None,
    };
    put(&pages::report(&source, &names, &request)?, Some(path))
}

/// Refuses a path that could not be written after a run.
///
/// # Errors
/// [`Error::Usage`] if its parent is not a folder.
pub fn check(path: &Path) -> Result<()> {
    let folder: PathBuf =
        path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")).into();
    if folder.is_dir() {
        return Ok(());
    }
    Err(Error::Usage(format!("--report {}: its folder is not there; make it first", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::words::Names;

    #[test]
    fn events_have_a_week_and_perhaps_a_text() {
        let found = event("2025-W10=Evri collects = earlier").unwrap();
        assert_eq!((found.monday, found.text.as_str()), (20_150, "Evri collects = earlier"));
        assert_eq!(event("2025-03-05").unwrap(), RateChange { monday: 20_150, text: String::new() });
        assert!(event("last week").is_err());
    }

    #[test]
    fn marketplaces_have_many_names() {
        let book = shelf::book(&[]).unwrap();
        let names = Names::of(&book);
        let terms = Terms { book: &book, names: &names };
        let asked = ["uk", "Amazon.co.uk", "A1F83G8C2ARO7P"].map(str::to_owned);
        let found = scope(&[], &asked, &terms).unwrap().markets.unwrap();
        assert_eq!(found.iter().collect::<Vec<_>>(), ["GB"]);
        let error = scope(&[], &["Atlantis".to_owned()], &terms).unwrap_err();
        assert!(error.exit_code() == 2 && error.to_string().contains("DE"), "{error}");
    }
}
