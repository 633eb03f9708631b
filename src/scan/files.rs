//! The files that a run reads: paths, folders and globs of a job to a list in the order of shown paths.
//!
//! It opens nothing and looks at names and kinds only. It refuses a path that names nothing, and a file whose name
//! does not show its format; all such paths are named at once.

use crate::error::{Error, Result};
use crate::job::plan::{Format, Given, Input, Plan};
use crate::job::says_of_useless;
use crate::place::object_files::is_uri;
use globset::{GlobBuilder, GlobMatcher};
use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Component, Path, PathBuf};
use vtr_kernel::text;
use walkdir::WalkDir;

use super::published::{Packages, PublishedFiles};
use super::store::{self, Named, Origin};
use super::table_formats::{MetTables, TableFormat};

/// How a file is compressed as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    /// Not at all.
    Plain,
    /// gzip, one or more members.
    Gzip,
    /// Zstandard, one or more frames.
    Zstd,
}

/// A file to read.
#[derive(Debug)]
pub(crate) struct Listed {
    /// Its path as tables and messages show it.
    pub shown: String,
    /// Where its bytes are.
    pub origin: Origin,
    /// Index of the input that names it.
    pub input: usize,
    /// How it is written.
    pub format: Format,
    /// How it is compressed.
    pub packing: Packing,
    /// Its size.
    pub bytes: u64,
}

/// Lists the files of all inputs, bytewise by shown path, each once; and what is said of files that this program
/// published itself, which are passed over.
///
/// # Errors
/// Every path that names no file, and every file that is not a regular file or whose format is unknown.
pub(crate) fn list(plan: &Plan) -> Result<(Vec<Listed>, Option<String>)> {
    let wanted = |_: usize, input: &Input, relative: &str| wanted(input, relative);
    let mut found = FoundFiles::below(plan, Packages::AreInputs, &wanted);
    for (index, input) in plan.inputs.iter().enumerate() {
        if let Some(given) = &input.given {
            if given.is_empty() {
                let (name, path) = (&plan.name, &input.paths[0]);
                return Err(Error::Usage(format!(
                    "{path}: no packages are published there, which job `{name}` joins from raw files; `vtr run` makes them first"
                )));
            }
            given.iter().for_each(|file| found.add_given(index, input, file));
            continue;
        }
        for written in &input.paths {
            let (before, published) = (found.count(), found.published.met());
            found.expand(index, input, written);
            if found.count() == before {
                found.refuse_nothing(input, written, published);
            }
        }
    }
    for (index, input) in plan.inputs.iter().enumerate() {
        let mut own = found.files.iter().filter(|file| file.input == index).peekable();
        if let Some(first) = own.peek().map(|file| file.shown.clone())
            && !input.csv_keys.is_empty()
            && own.all(|file| file.format == Format::Parquet)
        {
            found.refused.push(format!("`{}`: {}", text::shown(&first), says_of_useless(&input.csv_keys)));
        }
    }
    found.sorted(&|a, b| plan.inputs[a].settings == plan.inputs[b].settings)
}

/// Lists files that are joined, which `packing` recognises by input and name, bytewise by shown path, each once.
///
/// # Errors
/// As [`list`].
pub(crate) fn list_raw(
    plan: &Plan,
    paths: &[&[String]],
    packing: &dyn Fn(usize, &str) -> Option<Packing>,
) -> Result<(Vec<Listed>, Option<String>)> {
    let wanted =
        |index: usize, _: &Input, relative: &str| packing(index, relative).is_some() && !relative.split('/').any(hides);
    let mut found = FoundFiles::below(plan, Packages::ArePublished, &wanted);
    for (index, paths) in paths.iter().enumerate() {
        let input = crate::job::raw_input(paths);
        for written in &input.paths {
            let (before, published) = (found.count(), found.published.met());
            found.expand(index, &input, written);
            if found.count() == before {
                found.refuse_nothing(&input, written, published);
            }
        }
    }
    for file in &mut found.files {
        match packing(file.input, &file.shown) {
            Some(packing) => file.packing = packing,
            None => found.refused.push(format!(
                "`{}`: its name does not fit the kind; set `format` in its [[input]]",
                text::shown(&file.shown)
            )),
        }
    }
    found.sorted(&|_, _| false)
}

impl FoundFiles<'_> {
    /// Returns the files, each once; a file of two inputs is refused unless they are alike.
    fn sorted(mut self, alike: &dyn Fn(usize, usize) -> bool) -> Result<(Vec<Listed>, Option<String>)> {
        let mut files = self.files;
        // The sort is stable: if two inputs name the same file, it belongs to the first one.
        files.sort_by(|a, b| a.shown.as_bytes().cmp(b.shown.as_bytes()));
        let mut seen = HashMap::new();
        files.retain(|file| match seen.entry(file.origin.identity()) {
            Entry::Vacant(place) => {
                place.insert(file.input);
                true
            }
            Entry::Occupied(first) => {
                if *first.get() != file.input && !alike(*first.get(), file.input) {
                    self.refused.push(format!(
                        "`{}` is named by [[input]] {} and by [[input]] {}, which read it differently; let only one `path` name it",
                        text::shown(&file.shown),
                        first.get() + 1,
                        file.input + 1
                    ));
                }
                false
            }
        });
        if self.refused.is_empty() {
            return Ok((files, self.published.said()));
        }
        self.refused.dedup();
        let more = self.refused.len().saturating_sub(MOST_REFUSED);
        self.refused.truncate(MOST_REFUSED);
        let more = if more > 0 { format!("\n  and {more} more") } else { String::new() };
        Err(Error::Input(format!("paths of the job are refused:\n  {}{more}", self.refused.join("\n  "))))
    }
}

/// The refused paths that a message names.
const MOST_REFUSED: usize = 50;

/// The state to which the listing of each path adds.
struct FoundFiles<'a> {
    root: &'a Path,
    /// Whether a file of a folder is wanted: index of the input, input, path below the folder.
    wanted: &'a dyn Fn(usize, &Input, &str) -> bool,
    files: Vec<Listed>,
    published: PublishedFiles,
    tables: MetTables,
    refused: Vec<String>,
}

impl<'a> FoundFiles<'a> {
    fn below(plan: &'a Plan, packages: Packages, wanted: &'a dyn Fn(usize, &Input, &str) -> bool) -> FoundFiles<'a> {
        let published = PublishedFiles::of(plan, packages);
        let (files, tables, refused) = (Vec::new(), MetTables::default(), Vec::new());
        FoundFiles { root: &plan.root, wanted, files, published, tables, refused }
    }

    /// Refuses a path that named no input; `published` files had been passed over before it.
    fn refuse_nothing(&mut self, input: &Input, written: &str, published: usize) {
        let why = match self.published.met() > published {
            true => "all that it names was published by this program; name the inputs".to_owned(),
            false => nothing_found(self.root, input, written),
        };
        self.refused.push(format!("`{written}` names no file: {why}"));
    }

    fn count(&self) -> usize {
        self.files.len() + self.refused.len() + self.tables.files()
    }

    /// Adds the files that one written path names.
    fn expand(&mut self, index: usize, input: &Input, written: &str) {
        if is_uri(written) {
            return self.expand_uri(index, input, written);
        }
        let (path, from_root) = (self.root.join(written), written.starts_with('/'));
        // A file may have brackets in its name: a path that exists as written is taken literally.
        if path.is_dir() {
            for relative in self.walk(&path) {
                if (self.wanted)(index, input, &relative) {
                    self.add_found(index, input, path.join(&relative), from_root);
                }
            }
        } else if path.exists() {
            self.add(index, input, path, from_root);
        } else if is_glob(written) {
            self.expand_glob(index, input, written);
        }
    }

    fn expand_glob(&mut self, index: usize, input: &Input, written: &str) {
        let (base, pattern) = split_glob(written);
        let matcher = match matcher(written, &pattern) {
            Ok(matcher) => matcher,
            Err(refused) => return self.refused.push(refused),
        };
        let asks_for_hidden = pattern.split('/').any(hides);
        let base = self.root.join(base);
        for relative in self.walk(&base) {
            if matcher.is_match(&relative) && (asks_for_hidden || !relative.split('/').any(hides)) {
                self.add_found(index, input, base.join(&relative), written.starts_with('/'));
            }
        }
    }

    fn expand_uri(&mut self, index: usize, input: &Input, written: &str) {
        match store::named(written) {
            Err(refused) => self.refused.push(refused),
            Ok(Named::Object(object)) => self.push(index, input, object.shown(), Origin::Store(object)),
            Ok(Named::Several { pattern, objects, tables }) => {
                let asks_for_hidden = pattern.as_ref().is_some_and(|pattern| pattern.split('/').any(hides));
                for (relative, object) in objects {
                    let is_wanted = match pattern {
                        None => (self.wanted)(index, input, &relative),
                        Some(_) => asks_for_hidden || !relative.split('/').any(hides),
                    };
                    if !is_wanted {
                        continue;
                    }
                    let shown = object.shown();
                    match tables.holding(&relative).filter(|_| is_parquet(input, &relative)) {
                        Some((table, format)) => {
                            let folder = shown.strip_suffix(&relative).unwrap_or(&shown);
                            self.refuse_table(format!("{folder}{table}").trim_end_matches('/'), format);
                        }
                        None => self.push(index, input, shown, Origin::Store(object)),
                    }
                }
            }
        }
    }

    /// Adds a file to which a folder or a glob led, unless it is one of a table format: its table may no longer have it.
    fn add_found(&mut self, index: usize, input: &Input, path: PathBuf, from_root: bool) {
        let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
        let folder = folder.filter(|_| is_parquet(input, &path.to_string_lossy()));
        match folder.and_then(|folder| self.tables.holding(&folder)) {
            Some((table, format)) => {
                let root = self.root.canonicalize().unwrap_or_else(|_| self.root.to_owned());
                let table = shown(&root, &table, from_root);
                self.refuse_table(if table.is_empty() { "." } else { &table }, format);
            }
            None => self.add(index, input, path, from_root),
        }
    }

    fn refuse_table(&mut self, table: &str, format: TableFormat) {
        self.refused.extend(self.tables.refuse(&text::shown(table), format));
    }

    /// Returns everything in a folder that is not a folder, as paths relative to it with `/`.
    fn walk(&mut self, base: &Path) -> Vec<String> {
        let mut found = Vec::new();
        if !base.is_dir() {
            return found;
        }
        for entry in WalkDir::new(base).follow_links(true).sort_by_file_name() {
            match entry {
                Ok(entry) if entry.file_type().is_dir() => {}
                Ok(entry) => match entry.path().strip_prefix(base).ok().and_then(Path::to_str) {
                    Some(relative) => found.push(relative.to_owned()),
                    None => {
                        let name = entry.path().to_string_lossy().escape_debug().to_string();
                        self.refused.push(format!("`{name}`: its name is not UTF-8; rename it"));
                    }
                },
                Err(error) => self.refused.push(format!("`{}`: {error}", base.display())),
            }
        }
        found
    }

    /// Adds a file whose name is given.
    fn add_given(&mut self, index: usize, input: &Input, file: &Given) {
        let origin = if is_uri(&file.path) {
            match store::named(&file.path) {
                Ok(Named::Object(object)) => Ok(Origin::Store(object)),
                Ok(_) => Err("it is not a single object".to_owned()),
                Err(refused) => Err(refused),
            }
        } else {
            let path = PathBuf::from(&file.path);
            let metadata = path.metadata();
            metadata.map(|metadata| Origin::disk(path, &metadata)).map_err(|error| error.to_string())
        };
        match origin {
            Ok(origin) => self.push(index, input, file.shown.clone(), origin),
            Err(why) => self.refused.push(format!("`{}`: {why}", text::shown(&file.shown))),
        }
    }

    fn add(&mut self, index: usize, input: &Input, path: PathBuf, from_root: bool) {
        let shown = shown(self.root, &path, from_root);
        let quoted = text::shown(&shown).into_owned();
        let metadata = match path.metadata() {
            Ok(metadata) => metadata,
            Err(error) => return self.refused.push(format!("`{quoted}`: {error}")),
        };
        if !metadata.is_file() {
            return self
                .refused
                .push(format!("`{quoted}` is not a regular file; pipes and devices cannot be read twice"));
        }
        self.push(index, input, shown, Origin::disk(path, &metadata));
    }

    fn push(&mut self, index: usize, input: &Input, shown: String, origin: Origin) {
        if input.given.is_none() && self.published.take(&shown, &origin) {
            return;
        }
        let quoted = text::shown(&shown).into_owned();
        let name = shown.rsplit('/').next().unwrap_or(&shown);
        let (format, packing) = match (input.format, by_suffix(name)) {
            (None, None) => {
                let help = unreadable(name).unwrap_or(
                    "its name does not tell its format: set `format` to \"csv\" or \"parquet\" in its [[input]]",
                );
                return self.refused.push(format!("`{quoted}`: {help}"));
            }
            (None, Some(told)) => told,
            (Some(Format::Parquet), _) => (Format::Parquet, Packing::Plain),
            (Some(Format::Csv), _) => (Format::Csv, packing(&name.to_ascii_lowercase())),
        };
        let bytes = origin.bytes();
        self.files.push(Listed { shown, origin, input: index, format, packing, bytes });
    }
}

/// Returns whether a file in a folder named by an input is wanted.
fn wanted(input: &Input, relative: &str) -> bool {
    let format = by_suffix(relative).map(|(format, _)| format);
    let fits = format.is_some() && input.format.is_none_or(|wanted| Some(wanted) == format);
    fits && !relative.split('/').any(hides)
}

/// Returns whether a file is read as Parquet, by its name and what the job says.
fn is_parquet(input: &Input, name: &str) -> bool {
    input.format.or_else(|| by_suffix(name).map(|(format, _)| format)) == Some(Format::Parquet)
}

/// Returns the matcher of a glob.
///
/// # Errors
/// The glob is not valid.
pub(crate) fn matcher(written: &str, pattern: &str) -> std::result::Result<GlobMatcher, String> {
    let glob = GlobBuilder::new(pattern).literal_separator(true).backslash_escape(true).build();
    glob.map(|glob| glob.compile_matcher()).map_err(|_| {
        let help = "write * ? [a-z] {a,b} or **, and \\ before a literal sign";
        format!("`{written}` is not a valid glob; {help}")
    })
}

/// Returns a path relative to the job's folder, with `/` and without `.` and needless `..`; a path that was written
/// from `/` and is outside that folder stays as it is.
pub(crate) fn shown(root: &Path, path: &Path, written_from_root: bool) -> String {
    let (root, path) = (tidy(root), tidy(path));
    let text = |part: Component| part.as_os_str().to_string_lossy().into_owned();
    let (base, parts): (Vec<_>, Vec<_>) =
        (root.components().map(text).collect(), path.components().map(text).collect());
    let common = base.iter().zip(&parts).take_while(|(a, b)| a == b).count();
    let up = base.len() - common;
    if up > 0 && (written_from_root || base[common..].iter().any(|part| part == "..")) {
        return path.to_string_lossy().into_owned();
    }
    let mut shown = vec![".."; up];
    shown.extend(parts[common..].iter().map(String::as_str));
    shown.join("/")
}

/// Removes `.` and `name/..` lexically.
fn tidy(path: &Path) -> PathBuf {
    let mut tidy = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(tidy.components().next_back(), Some(Component::Normal(_))) => {
                tidy.pop();
            }
            _ => tidy.push(part),
        }
    }
    tidy
}

pub(crate) fn is_glob(text: &str) -> bool {
    text.contains(['*', '?', '[', '{'])
}

/// Splits a pattern: the folders before the first one with a glob sign, and the rest.
pub(crate) fn split_glob(written: &str) -> (String, String) {
    let parts: Vec<&str> = written.split('/').collect();
    let fixed = parts.iter().take_while(|part| !is_glob(part)).count();
    let base = if fixed == 1 && parts[0].is_empty() { "/".to_owned() } else { parts[..fixed].join("/") };
    (base, parts[fixed..].join("/"))
}

/// Returns whether tools keep a name to themselves: `.git`, `_SUCCESS`, `_temporary`.
fn hides(part: &str) -> bool {
    part.starts_with(['.', '_'])
}

pub(crate) fn packing(lower: &str) -> Packing {
    if lower.ends_with(".gz") {
        Packing::Gzip
    } else if lower.ends_with(".zst") {
        Packing::Zstd
    } else {
        Packing::Plain
    }
}

/// Returns format and compression by a file's name.
pub(crate) fn by_suffix(name: &str) -> Option<(Format, Packing)> {
    let lower = name.to_ascii_lowercase();
    let packing = packing(&lower);
    let inner = lower.strip_suffix(".gz").or_else(|| lower.strip_suffix(".zst")).unwrap_or(&lower);
    if inner.ends_with(".parquet") && packing == Packing::Plain {
        Some((Format::Parquet, packing))
    } else if [".csv", ".tsv", ".txt"].iter().any(|suffix| inner.ends_with(suffix)) {
        Some((Format::Csv, packing))
    } else {
        None
    }
}

/// Returns why no run can read a file with such a name, whatever its format is declared to be.
fn unreadable(name: &str) -> Option<&'static str> {
    let lower = name.to_ascii_lowercase();
    let inner = lower.strip_suffix(".gz").or_else(|| lower.strip_suffix(".zst")).unwrap_or(&lower);
    let ends = |suffixes: &[&str]| suffixes.iter().any(|suffix| inner.ends_with(suffix));
    if ends(&[".json", ".jsonl", ".ndjson"]) {
        Some("JSON is not a format that a run reads: write it as Parquet or CSV; else set `format` in its [[input]]")
    } else if ends(&[".xlsx", ".xls", ".xlsm", ".ods"]) {
        Some("a workbook is not a format that a run reads: export the sheet as CSV; else set `format` in its [[input]]")
    } else if ends(&[".zip", ".7z", ".tar", ".tgz", ".bz2", ".xz"]) {
        Some("an archive is not a format that a run reads: unpack it; else set `format` in its [[input]]")
    } else if ends(&[".html", ".htm", ".xml", ".orc", ".avro", ".arrow", ".feather", ".pdf"]) {
        Some("this is not a format that a run reads: write it as Parquet or CSV; else set `format` in its [[input]]")
    } else {
        None
    }
}

/// Returns tab for `.tsv` and `.txt`, else comma.
pub(crate) fn delimiter_by_suffix(shown: &str) -> u8 {
    let lower = shown.to_ascii_lowercase();
    let inner = lower.strip_suffix(".gz").or_else(|| lower.strip_suffix(".zst")).unwrap_or(&lower);
    if inner.ends_with(".tsv") || inner.ends_with(".txt") { b'\t' } else { b',' }
}

/// The words with which [`beside`] begins.
pub(crate) const BESIDE: &str = "files that look like data lie beside those that are read";

/// Returns a warning of files that look like data, lie where a path of the job looks, and are read by no input; only
/// local folders are looked at.
pub(crate) fn beside(plan: &Plan, read: &HashSet<&str>) -> Option<String> {
    let mut found = BTreeSet::new();
    for (input, written) in
        plan.inputs.iter().filter(|input| input.given.is_none()).flat_map(|input| {
            input.paths.iter().filter(|written| !is_uri(written)).map(move |written| (input, written))
        })
    {
        let path = plan.root.join(written);
        let (base, looks) = if path.is_dir() {
            (path, None)
        } else if !path.exists() && is_glob(written) {
            let (base, pattern) = split_glob(written);
            let Ok(matched) = matcher(written, &pattern) else { continue };
            (plan.root.join(base), Some((any_suffix(&pattern), matched)))
        } else {
            continue;
        };
        let output = plan.root.join(&plan.output.path);
        let walk = WalkDir::new(&base).follow_links(true).into_iter().filter_entry(|entry| entry.path() != output);
        let mut published = PublishedFiles::of(plan, Packages::ArePublished);
        for entry in walk.filter_map(std::result::Result::ok) {
            let Some(relative) = entry.path().strip_prefix(&base).ok().and_then(Path::to_str) else { continue };
            let is_meant = match &looks {
                // A glob names files; what is in a folder that it matches is not read.
                Some((any_suffix, matched)) => {
                    let is_alike = any_suffix.as_ref().is_some_and(|looks| looks.is_match(relative));
                    let mut folders = Path::new(relative).ancestors().skip(1);
                    (is_alike || folders.any(|folder| matched.is_match(folder))) && looks_like_data(relative)
                }
                // Suffixes that a run can read are those of other inputs or formats.
                None => looks_like_data(relative) && (by_suffix(relative).is_none() || input.format.is_none()),
            };
            let is_meant = is_meant && entry.file_type().is_file() && !relative.split('/').any(hides);
            if is_meant && !published.holds(entry.path()) {
                found.insert(shown(&plan.root, entry.path(), written.starts_with('/')));
            }
        }
    }
    found.retain(|file| !read.contains(file.as_str()));
    let shown: Vec<String> = found.iter().take(3).map(|file| format!("`{}`", text::shown(file))).collect();
    let more = found.len().saturating_sub(shown.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    (!shown.is_empty()).then(|| {
        format!(
            "{BESIDE}, and are not read: {}{more}; name them in `path`, write them in a \
             format that a run reads, or move them elsewhere",
            shown.join(", ")
        )
    })
}

/// Returns the glob that matches the same names with any suffix, in any case; `None` if the pattern has no suffix.
fn any_suffix(pattern: &str) -> Option<GlobMatcher> {
    let (folder, name) = pattern.rsplit_once('/').map_or(("", pattern), |(folder, name)| (folder, name));
    let (stem, _) = name.split_once('.')?;
    let wide = if folder.is_empty() { format!("{stem}.*") } else { format!("{folder}/{stem}.*") };
    let glob = GlobBuilder::new(&wide).literal_separator(true).backslash_escape(true).case_insensitive(true).build();
    glob.ok().map(|glob| glob.compile_matcher())
}

/// Returns whether a file's name is that of data: of a format that a run reads, of one that it does not read, or of a
/// browser's second copy.
fn looks_like_data(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let plain =
        lower.strip_suffix(')').and_then(|rest| rest.rsplit_once(" (")).map_or(lower.as_str(), |(name, _)| name);
    let is_page = [".html", ".htm", ".pdf", ".xml"].iter().any(|suffix| plain.ends_with(suffix));
    let is_text = plain.ends_with(".txt");
    let others = [".parq", ".pq"].iter().any(|suffix| plain.ends_with(suffix));
    !is_page && !is_text && (others || by_suffix(plain).is_some() || unreadable(plain).is_some())
}

fn nothing_found(root: &Path, input: &Input, written: &str) -> String {
    let folder = root.display();
    if is_uri(written) {
        return "no readable file is at it or below it; check the path, and the suffixes of the files".to_owned();
    }
    if root.join(written).is_dir() {
        let wanted = match input.format {
            Some(Format::Parquet) => ".parquet",
            Some(Format::Csv) => ".csv, .tsv or .txt (or these with .gz or .zst)",
            None => ".parquet, .csv, .tsv or .txt (the last three also with .gz or .zst)",
        };
        format!("the folder holds nothing that ends in {wanted}")
    } else if is_glob(written) {
        format!("nothing below {folder} matches the pattern")
    } else {
        format!("there is no such file or folder below {folder}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::plan::fixture::{self, input, plan};
    use std::fs;

    fn folder(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"x").unwrap();
        }
        folder
    }

    fn listed(folder: &Path, paths: &[&str]) -> Vec<String> {
        list(&plan(folder, vec![input(paths)])).unwrap().0.into_iter().map(|file| file.shown).collect()
    }

    #[test]
    fn files_come_bytewise_and_each_once() {
        let folder =
            folder(&["in/b.csv", "in/B.csv", "in/a-1.csv", "in/a/x.parquet", "in/_SUCCESS", "in/.x.csv", "in/n.md"]);
        let all = ["in/B.csv", "in/a-1.csv", "in/a/x.parquet", "in/b.csv"];
        assert_eq!(listed(folder.path(), &["in"]), all);
        assert_eq!(listed(folder.path(), &["in/**/*.{csv,parquet}", "in/./a/../b.csv", "in"]), all);
        assert_eq!(listed(folder.path(), &["in/*.csv"]), ["in/B.csv", "in/a-1.csv", "in/b.csv"]);
        let absolute = folder.path().join("in/b.csv");
        assert_eq!(listed(folder.path(), &[absolute.to_str().unwrap()]), ["in/b.csv"]);
        assert_eq!(listed(&folder.path().join("in/a"), &["../b.csv"]), ["../b.csv"]);
        assert_eq!(listed(&folder.path().join("in/a"), &[absolute.to_str().unwrap()]), [absolute.to_str().unwrap()]);
    }

    #[test]
    fn what_names_nothing_is_refused_by_name() {
        let folder = folder(&["in/x.dat", "in/y.parquet.gz"]);
        let error =
            list(&plan(folder.path(), vec![input(&["in/*.csv", "gone.csv", "in/x.dat", "ftp://b/x.csv", "in"])]))
                .err()
                .unwrap();
        assert_eq!(error.exit_code(), 3);
        for part in ["`in/*.csv`", "`gone.csv`", "in/x.dat", "ftp://", "`in` names no file"] {
            assert!(error.to_string().contains(part), "{part}: {error}");
        }
    }

    #[test]
    fn what_this_program_published_is_no_input() {
        let folder = folder(&[
            "a.csv",
            "out/_log/1.json",
            "out/data/defects/week=2025-01-06/x.parquet",
            "out/_snapshots/1/judged/y.parquet",
            "out/in/b.csv",
            "data/c.csv",
            "share/_version.json",
            "share/vtr_weekly.csv",
            "share/defects/week=2025-01-06.csv",
            "share/notes.csv",
            "defects.csv",
            "data/defects/d.csv",
        ]);
        #[cfg(unix)]
        std::os::unix::fs::symlink(folder.path().join("out/data"), folder.path().join("link")).unwrap();
        let plan = plan(folder.path(), vec![input(&["."])]);
        let (files, said) = list(&plan).unwrap();
        let names: Vec<String> = files.into_iter().map(|file| file.shown).collect();
        assert_eq!(
            names,
            ["a.csv", "data/c.csv", "data/defects/d.csv", "defects.csv", "out/in/b.csv", "share/notes.csv"]
        );
        let said = said.unwrap();
        assert!(said.contains("published") && said.contains("4 files"), "{said}");
        let plan = fixture::plan(folder.path(), vec![input(&["out/data"])]);
        let refused = list(&plan).err().unwrap().to_string();
        assert!(refused.contains("`out/data` names no file: all that it names was published"), "{refused}");
    }

    #[test]
    fn a_table_of_a_table_format_is_refused_unless_its_files_are_named() {
        let marks = [
            ("tbl/_delta_log/0.json", "tbl/day=1/x.parquet", "`tbl` is a table of Delta Lake"),
            ("hudi/.hoodie/hoodie.properties", "hudi/x.parquet", "`hudi` is a table of Apache Hudi"),
            ("ice/metadata/v2.metadata.json", "ice/data/day=1/x.parquet", "`ice` is a table of Apache Iceberg"),
        ];
        for (mark, file, why) in marks {
            let folder = folder(&[mark, file, "plain/y.parquet", "plain/data/z.parquet", "a.csv"]);
            let (top, _) = file.split_once('/').unwrap();
            let within = file.rsplit_once('/').unwrap().0;
            for path in [".", top, within, &format!("{top}/**/*.parquet"), &format!("{within}/*.parquet")] {
                let refused = list(&plan(folder.path(), vec![input(&[path, path])])).err().unwrap();
                assert_eq!(refused.exit_code(), 3);
                let refused = refused.to_string();
                assert!(refused.contains(why) && refused.lines().count() == 2, "{path}: {refused}");
            }
            assert_eq!(listed(folder.path(), &[file, "plain", "*.csv"]).len(), 4);
        }
        // Other files beside a log, and other metadata, make no table.
        let folder = folder(&["tbl/_delta_log/0.json", "tbl/a.csv", "x/metadata/a.json", "x/data/b.parquet"]);
        assert_eq!(listed(folder.path(), &["tbl", "x"]), ["tbl/a.csv", "x/data/b.parquet"]);
        let refused = list(&plan(
            &folder.path().join("tbl"),
            vec![{
                fs::write(folder.path().join("tbl/c.parquet"), b"x").unwrap();
                input(&["."])
            }],
        ));
        assert!(refused.err().unwrap().to_string().contains("`.` is a table of Delta Lake"));
    }

    #[test]
    fn suffixes_tell_format_packing_and_delimiter() {
        assert_eq!(by_suffix("A.CSV.GZ"), Some((Format::Csv, Packing::Gzip)));
        assert_eq!(by_suffix("a.parquet"), Some((Format::Parquet, Packing::Plain)));
        assert_eq!(by_suffix("a.parquet.gz"), None);
        assert_eq!(delimiter_by_suffix("a.txt.zst"), b'\t');
        assert_eq!(delimiter_by_suffix("a.csv"), b',');
    }
}
