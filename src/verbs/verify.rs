//! `vtr verify`: checks whether the files of a published version are unchanged.
//!
//! It re-hashes every file that the manifest names and compares its rows with the footer; it repairs nothing. All
//! damage is listed, then the verb fails.

use super::listing::{self, Cell, Format};
use crate::error::{Error, Result};
use crate::publish::store::Store;
use crate::publish::{self, DataFile, Manifest, encode};
use crate::signals;
use parquet::file::reader::Length;
use serde_json::json;
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use vtr_kernel::text::{shown, shown_json};

/// One damaged file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Its path below the output.
    pub path: String,
    /// The damage.
    pub what: String,
}

/// Checks the highest version, or the one asked for, and prints the result to stdout. Fails if anything
/// is damaged.
pub fn run(out: &Path, version: Option<u64>, format: Format) -> Result<()> {
    let store = publish::at(out)?;
    let manifest = publish::open(store.as_ref(), version)?;
    let damaged = damages(store.as_ref(), &manifest)?;
    if format == Format::Csv {
        let row = |damage: &Damage| vec![Cell::text(damage.path.clone()), Cell::text(damage.what.clone())];
        listing::print(format, &["path", "what"], damaged.iter().map(row))?;
    } else {
        match print(&mut io::stdout().lock(), &manifest, &damaged, format) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                return Err(Error::failed("writing to stdout", error));
            }
            _ => {}
        }
    }
    if damaged.is_empty() {
        return Ok(());
    }
    let (out, count, version) = (store.shown(""), damaged.len(), manifest.version);
    let help = match store.local() {
        Some(_) => "`vtr run --full` writes them anew",
        None => "delete them, then `vtr run --full` writes them anew",
    };
    let what = format!("{out}: {count} files of version {version} are damaged; {help}");
    Err(Error::Failed { what, source: None })
}

/// The files of a version that differ from its manifest.
///
/// # Errors
/// A signal to stop.
pub fn damages(store: &dyn Store, manifest: &Manifest) -> Result<Vec<Damage>> {
    let mut damages = Vec::new();
    for file in manifest.all_files() {
        signals::check()?;
        damages.extend(damage(store, file).map(|what| Damage { path: file.path.clone(), what }));
    }
    Ok(damages)
}

fn damage(store: &dyn Store, file: &DataFile) -> Option<String> {
    let readable = match store.open(&file.path) {
        Err(error) => return Some(format!("unreadable: {error}")),
        Ok(None) => return Some("missing".to_owned()),
        Ok(Some(readable)) => readable,
    };
    let bytes = readable.len();
    if bytes != file.bytes {
        return Some(format!("changed: {bytes} bytes, not {}", file.bytes));
    }
    match readable.hash() {
        Err(error) => return Some(format!("unreadable: {error}")),
        Ok(found) if found != file.sha256 => return Some(format!("changed: its SHA-256 is {found}")),
        Ok(_) => {}
    }
    match encode::rows(readable, &store.shown(&file.path)) {
        Err(error) => Some(format!("unreadable: {error}")),
        Ok(rows) if rows != file.rows => {
            Some(format!("its footer has {rows} rows, and the manifest has {}", file.rows))
        }
        Ok(_) => None,
    }
}

fn print(to: &mut dyn Write, manifest: &Manifest, damaged: &[Damage], format: Format) -> io::Result<()> {
    let (version, files) = (manifest.version, manifest.all_files().count());
    if format == Format::Json {
        let damaged: Vec<_> =
            damaged.iter().map(|damage| json!({ "path": damage.path, "what": damage.what })).collect();
        let document = json!({ "version": version, "files": files, "damaged": damaged });
        writeln!(to, "{}", shown_json(&format!("{document:#}")))?;
        return to.flush();
    }
    for damage in damaged {
        writeln!(to, "{}\t{}", shown(&damage.path), damage.what)?;
    }
    let bytes: u64 = manifest.all_files().map(|file| file.bytes).sum();
    writeln!(to, "version {version}: {files} files, {bytes} bytes, {} damaged", damaged.len())?;
    to.flush()
}
