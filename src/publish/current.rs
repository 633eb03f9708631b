//! What tools read without the log: `current/` (hard links to the files of the highest manifest) and `views.sql`.
//!
//! Both are hints made after the commit; the log is the truth, and nothing is decided from them. If making them fails,
//! the publication remains valid, and the next run repairs them.

use crate::error::{Error, Result};
use crate::place::marks;
use crate::schema::Table;
use arrow::datatypes::DataType;
use std::fmt::Write;
use std::fs;
use std::io;
use std::path::Path;

use super::local::Local;
use super::log::{self, DataFile, Manifest};
use super::store::{self, Content, Store};

/// The folder of the snapshots, below the output.
pub const SNAPSHOTS: &str = marks::SNAPSHOTS;
/// The link to the newest snapshot.
pub const CURRENT: &str = marks::CURRENT;
/// The table of packages.
pub const PACKAGES: &str = marks::PACKAGES;
/// The views.
pub const VIEWS: &str = marks::VIEWS;

/// Brings `views.sql`, and on a local disk `current`, up to the highest manifest.
pub fn refresh(store: &dyn Store, run_id: &str) -> Result<()> {
    let local = store.local();
    let _alone = match local {
        Some(local) => {
            local.make_folder(SNAPSHOTS)?;
            Some(local.guard_alone(SNAPSHOTS)?)
        }
        None => None,
    };
    while let Some(manifest) = log::latest(store)? {
        if let Some(local) = local {
            snapshot(local, &manifest, run_id)?;
            swap(local, manifest.version, run_id)?;
        }
        write_views(store, &manifest, run_id)?;
        if let Some(local) = local {
            drop_old(local)?;
        }
        // Without locks another run may have published and swapped the link before this one, which would then have
        // turned it back.
        if log::versions(store)?.last() == Some(&manifest.version) {
            break;
        }
    }
    Ok(())
}

/// The path of a manifest's file within its snapshot.
fn in_snapshot(file: &DataFile) -> &str {
    file.path.strip_prefix("data/").unwrap_or(&file.path)
}

fn snapshot(store: &Local, manifest: &Manifest, run_id: &str) -> Result<()> {
    let version = manifest.version.to_string();
    let folder = store.locate(SNAPSHOTS).join(&version);
    let whole = |file: &DataFile| same_file(&store.locate(&file.path), &folder.join(in_snapshot(file)));
    if folder.is_dir() && manifest.all_files().all(whole) {
        return Ok(());
    }
    let temporary = store.locate(SNAPSHOTS).join(Local::temporary(run_id, &version));
    let made = build(store, manifest, &temporary).and_then(|()| {
        if folder.exists() {
            let aside = store.locate(SNAPSHOTS).join(Local::temporary(run_id, &format!("{version}-damaged")));
            fs::rename(&folder, &aside)?;
            fs::rename(&temporary, &folder)?;
            return fs::remove_dir_all(&aside);
        }
        fs::rename(&temporary, &folder)
    });
    made.map_err(|error| {
        let _ = fs::remove_dir_all(&temporary);
        let missing = manifest.all_files().find(|file| !store.locate(&file.path).is_file());
        if let Some(file) = missing {
            return Error::Input(format!(
                "{}: is missing, though version {version} names it; `vtr verify` lists what is missing, and `vtr run JOB --full` \
                 makes it again",
                store.locate(&file.path).display()
            ));
        }
        Error::failed(format!("{}: making the snapshot", folder.display()), error)
    })
}

fn build(store: &Local, manifest: &Manifest, folder: &Path) -> io::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    for file in manifest.all_files() {
        let link = folder.join(in_snapshot(file));
        link.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::hard_link(store.locate(&file.path), link)?;
    }
    Ok(())
}

/// Whether two names are links to one file.
#[cfg(unix)]
fn same_file(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let identity = |path: &Path| fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()));
    identity(one).is_some_and(|one| identity(other) == Some(one))
}

#[cfg(not(unix))]
fn same_file(one: &Path, other: &Path) -> bool {
    let size = |path: &Path| fs::metadata(path).ok().map(|metadata| metadata.len());
    size(one).is_some_and(|one| size(other) == Some(one))
}

#[cfg(unix)]
fn swap(store: &Local, version: u64, run_id: &str) -> Result<()> {
    let (current, wanted) = (store.locate(CURRENT), format!("{SNAPSHOTS}/{version}"));
    if fs::read_link(&current).is_ok_and(|target| target == Path::new(&wanted)) {
        return Ok(());
    }
    let temporary = store.locate(&Local::temporary(run_id, CURRENT));
    let _ = fs::remove_file(&temporary);
    let swapped = std::os::unix::fs::symlink(&wanted, &temporary).and_then(|()| fs::rename(&temporary, &current));
    swapped.map_err(|error| {
        let _ = fs::remove_file(&temporary);
        Error::failed(format!("{}: pointing the link at {wanted}", current.display()), error)
    })
}

#[cfg(not(unix))]
fn swap(_: &Local, _: u64, _: &str) -> Result<()> {
    Ok(()) // no symbolic links for ordinary users there; the snapshots and the log remain
}

/// Removes all snapshots but the newest two: a tool that followed the link just before it was swapped still finds its
/// files.
fn drop_old(store: &Local) -> Result<()> {
    let mut versions: Vec<u64> = store.names(SNAPSHOTS)?.iter().filter_map(|name| name.parse().ok()).collect();
    versions.sort_unstable();
    for version in versions.iter().rev().skip(2) {
        let folder = store.locate(SNAPSHOTS).join(version.to_string());
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(Error::failed(format!("{}: removing the old snapshot", folder.display()), error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Returns a manifest's tables as DuckDB views over the output's current location.
///
/// # Errors
/// The folder cannot be found.
pub fn views_of(store: &dyn Store, manifest: &Manifest) -> Result<String> {
    let root = root(store)?;
    let mut text = views(&root, manifest);
    let is_joined = manifest.inputs.iter().any(|input| input.file.starts_with(PACKAGES_SHOWN));
    if let (Some(_), true, Some(above)) = (store.local(), is_joined, Path::new(&root).parent()) {
        text += &packages(&above.join(PACKAGES), manifest)?;
    }
    Ok(text)
}

/// The beginning of the shown paths of packages that were joined from raw files.
const PACKAGES_SHOWN: &str = "packages/week=";

/// The view of the packages that the same job published beside its output; empty if they are elsewhere.
fn packages(folder: &Path, manifest: &Manifest) -> Result<String> {
    if !folder.join(log::FOLDER).is_dir() {
        return Ok(String::new());
    }
    let store = store::at(folder)?;
    let joined = log::latest(store.as_ref())?;
    let own = joined.filter(|joined| joined.evidence == PACKAGES && joined.job.name == manifest.job.name);
    let files = own.and_then(|joined| joined.tables.get(PACKAGES).cloned()).filter(|files| !files.is_empty());
    Ok(files.map_or(String::new(), |files| view(&root(store.as_ref()).unwrap_or_default(), PACKAGES, &files)))
}

/// The absolute location of an output.
///
/// # Errors
/// The folder cannot be found.
pub fn root(store: &dyn Store) -> Result<String> {
    let Some(local) = store.local() else { return Ok(store.shown("")) };
    let root = local.locate("");
    let root =
        fs::canonicalize(&root).map_err(|error| Error::failed(format!("{}: finding it", root.display()), error))?;
    Ok(root.to_string_lossy().into_owned())
}

fn write_views(store: &dyn Store, manifest: &Manifest, run_id: &str) -> Result<()> {
    let text = views_of(store, manifest)?;
    if store::read(store, VIEWS)?.is_some_and(|there| there == text.as_bytes()) {
        return Ok(());
    }
    store.put(VIEWS, Content::of(text.as_bytes()), run_id)
}

/// Characters of a path that DuckDB reads as a pattern.
const PATTERN: [char; 3] = ['*', '?', '['];

/// The tables of a manifest as DuckDB views. Paths are absolute, so that the views work from anywhere.
fn views(root: &str, manifest: &Manifest) -> String {
    let mut text = format!(
        "-- DuckDB views of version {} of job {}. Every publication writes this file anew.\n",
        manifest.version,
        manifest.job.name.replace(['\n', '\r'], " ")
    );
    if root.contains('\\') && root.contains(PATTERN) {
        // DuckDB's patterns read a backslash as a separator, so such a path would name other files.
        text.push_str(
            "-- There are none: DuckDB cannot name a folder with a backslash and one of * ? [ in its path.\n",
        );
        return text;
    }
    for (name, files) in &manifest.tables {
        if files.is_empty() {
            if let Some(table) = Table::from_name(name) {
                let _ = write!(text, "\nCREATE OR REPLACE VIEW {name} AS SELECT {} WHERE false;\n", no_rows(table));
            }
            continue;
        }
        text += &view(root, name, files);
    }
    text
}

fn view(root: &str, name: &str, files: &[DataFile]) -> String {
    let quoted = |file: &DataFile| format!("    '{}'", itself(&format!("{root}/{}", file.path)).replace('\'', "''"));
    let files: Vec<String> = files.iter().map(quoted).collect();
    let files = files.join(",\n");
    format!(
        "\nCREATE OR REPLACE VIEW {name} AS SELECT * FROM read_parquet([\n{files}\n], hive_partitioning = false);\n"
    )
}

/// A pattern that matches this path only: each special character becomes a set of one.
fn itself(path: &str) -> String {
    let mut pattern = String::with_capacity(path.len());
    for letter in path.chars() {
        if PATTERN.contains(&letter) {
            pattern.extend(['[', letter, ']']);
        } else {
            pattern.push(letter);
        }
    }
    pattern
}

/// The columns of a table that has no files to read them from.
fn no_rows(table: Table) -> String {
    let column = |field: &arrow::datatypes::FieldRef| {
        let kind = match field.data_type() {
            DataType::Int64 => "BIGINT",
            DataType::Float64 => "DOUBLE",
            DataType::Boolean => "BOOLEAN",
            DataType::Date32 => "DATE",
            DataType::Timestamp(..) => "TIMESTAMPTZ",
            DataType::Decimal128(..) => "DECIMAL(38, 9)",
            _ => "VARCHAR",
        };
        format!("NULL::{kind} AS {}", field.name())
    };
    let columns: Vec<String> = table.schema().fields().iter().map(column).collect();
    columns.join(", ")
}

#[cfg(test)]
mod tests {
    use super::itself;

    #[test]
    fn a_path_names_itself_and_no_other() {
        assert_eq!(itself("/a b/it's"), "/a b/it's");
        assert_eq!(itself("/o?t/[x]/**/f.parquet"), "/o[?]t/[[]x]/[*][*]/f.parquet");
    }
}
