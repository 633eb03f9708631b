//! A whole job for a folder of a seller's exports.
//!
//! It groups files by kind and folder, and takes sellers, marketplaces and times of writing from their paths if all
//! paths of a group have them in the same place. It writes nothing that it did not see; missing facts are noted in the
//! job as a sentence, and a job that cannot do without them is refused until a person writes them.

use super::kinds::FileKind;
use regex::Regex;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::LazyLock;
use vtr_kernel::Book;
use vtr_kernel::sources::{Field, Profile, Role, Sources};

/// A file of the job and its kind.
pub struct FoundFile {
    /// Its path relative to the job, with `/`.
    pub shown: String,
    /// Its likeliest kind.
    pub kind: FileKind,
    /// Its path.
    pub path: PathBuf,
}

/// The text of a job, and what a person has to add to it.
pub struct InitialJob {
    /// The job as TOML.
    pub text: String,
    /// The constants without which a run refuses the job.
    pub unknown: Vec<&'static str>,
    /// Whether a file makes packages; otherwise a run refuses the job.
    pub makes_packages: bool,
}

/// An `[[input]]`.
struct InputGroup<'a> {
    kind: &'a FileKind,
    files: Vec<&'a str>,
}

/// Returns a job that reads the files; `others` are the files beside them that are of no kind, and `fills` says whether
/// some record of a file fills a field.
pub fn job(
    name: &str,
    found: &[FoundFile],
    others: &[String],
    (sources, book): (&Sources, &Book),
    fills: &dyn Fn(&FoundFile, Field) -> bool,
) -> InitialJob {
    let mut groups: BTreeMap<(usize, &str, &str, Option<&str>, &str), InputGroup> = BTreeMap::new();
    for file in found {
        let (folder, suffix) = (folder(&file.shown), suffix(&file.shown));
        let role = Role::ALL.iter().position(|role| role.name() == file.kind.role).unwrap_or(usize::MAX);
        let group = groups.entry((role, &file.kind.kind, folder, file.kind.encoding, suffix));
        group.or_insert(InputGroup { kind: &file.kind, files: Vec::new() }).files.push(&file.shown);
    }
    let all: Vec<&str> =
        found.iter().map(|file| file.shown.as_str()).chain(others.iter().map(String::as_str)).collect();
    let mut text = format!("name = {}\n{}", quoted(name), evidence(found, sources));
    let of_orders = |kind: &FileKind| {
        let lends = |profile: &Profile| profile.lends.contains(&Role::Orders);
        kind.role == Role::Orders.name() || sources.profile(&kind.kind).is_ok_and(lends)
    };
    // Whole files are read for this, so it is asked only if shipments do not say it themselves.
    let is_lent = || {
        let by_path = |group: &InputGroup| of_orders(group.kind) && says(group, book, Field::Marketplace);
        let by_file = |file: &FoundFile| of_orders(&file.kind) && fills(file, Field::Marketplace);
        groups.values().any(by_path) || found.iter().any(by_file)
    };
    let mut unknown = Vec::new();
    for group in groups.values() {
        text += "\n";
        text += &input(group, &all, (sources, book), &is_lent, &mut unknown);
    }
    let _ = write!(text, "\n[output]\npath = {}\n", quoted(&format!("out/{name}")));
    let has = |role: Role| found.iter().any(|file| file.kind.role == role.name());
    let lends = |field: Field| {
        found
            .iter()
            .filter_map(|file| sources.profile(&file.kind.kind).ok())
            .any(|profile| profile.column(field).is_some())
    };
    if !has(Role::Shipments) {
        text += "\n# No file here makes packages: add shipping confirmations, Orders API documents or your own shipments.\n";
    }
    if !lends(Field::PromisedDeliveryAt) {
        text += "\n# No file here says which delivery was promised: add an order report with `latest-delivery-date`, or Orders API documents.\n";
    }
    if !has(Role::Events) && !lends(Field::PackageStatus) {
        text += "\n# No file here says what carriers scanned: numbers alone will be judged. Add the events of a tracking service.\n";
    }
    unknown.sort_unstable();
    unknown.dedup();
    InitialJob { text, unknown, makes_packages: has(Role::Shipments) }
}

/// Returns the evidence if only some of the files that make packages say what carriers scanned and no events do: a run
/// refuses a job that leaves it open.
fn evidence(found: &[FoundFile], sources: &Sources) -> &'static str {
    if found.iter().any(|file| file.kind.role == Role::Events.name()) {
        return "";
    }
    let spines = found.iter().filter(|file| file.kind.role == Role::Shipments.name());
    let scanned = [Field::FirstScanAt, Field::DeliveryScanAt, Field::PackageStatus];
    let has_scans = |profile: &Profile| scanned.iter().any(|field| profile.column(*field).is_some());
    let told = spines.filter_map(|file| sources.profile(&file.kind.kind).ok()).map(has_scans);
    let (with, without): (Vec<bool>, Vec<bool>) = told.partition(|has| *has);
    if with.is_empty() || without.is_empty() {
        return "";
    }
    "# Not all files here that make packages say what carriers scanned. A package counts as never scanned if neither its\n\
     # own record nor a document has its number; by \"format\" all would be judged by their numbers alone.\n\
     evidence = \"scans\"\n"
}

/// The part of a pattern for a time of writing.
const WRITTEN_AT: &str = "(?<written_at>[0-9-]{10}T[0-9]{6}Z)";

/// Whether the paths of a group say a field.
fn says(group: &InputGroup, book: &Book, field: Field) -> bool {
    pattern(&group.files, book).is_some_and(|pattern| pattern.contains(&format!("?<{}>", field.name())))
}

/// Returns the input of a group, and adds to `unknown` what neither the files nor their paths say; `is_lent` says whether
/// orders know in which marketplace packages are.
fn input(
    group: &InputGroup,
    all: &[&str],
    (sources, book): (&Sources, &Book),
    is_lent: &dyn Fn() -> bool,
    unknown: &mut Vec<&'static str>,
) -> String {
    let mut text = format!("# {}\n[[input]]\nkind = {}\n", group.kind.name, quoted(&group.kind.kind));
    let paths = paths(group, all);
    text += match group.files.as_slice() {
        [one] if paths == quoted(one) => "# Only this file is read: give later ones a pattern (*), or a list, here.\n",
        [_] => "# A pattern, so that later files are read too; there is one file so far.\n",
        _ => "",
    };
    let _ = writeln!(text, "path = {paths}");
    if let Some(encoding) = group.kind.encoding {
        let _ = writeln!(text, "csv = {{ encoding = {} }}", quoted(encoding));
    }
    let profile = sources.profile(&group.kind.kind).ok();
    let is_spine = group.kind.role == Role::Shipments.name();
    if let Some(pattern) = pattern(&group.files, book) {
        if is_spine && pattern.contains(WRITTEN_AT) {
            text += "# written_at: the stamp in a file's name counts as the time of its upload, and each number as given then. If it\n\
                     # is the time of an export, numbers seem to be given after delivery: write [^/_.]* in place of the group.\n";
        }
        let _ = write!(text, "[input.from_path]\npattern = '{pattern}'\n");
    }
    let reads = |field: Field| {
        let is_constant = |profile: &Profile| profile.constants.iter().any(|(known, _)| *known == field);
        profile.is_some_and(|profile| profile.column(field).is_some() || is_constant(profile))
    };
    let is_silent = |field: Field| !reads(field) && !says(group, book, field);
    let mut missing: Vec<&'static str> = Vec::new();
    if (is_spine || group.kind.role == Role::Orders.name()) && is_silent(Field::SellerId) {
        missing.push(Field::SellerId.name());
    }
    if is_spine && is_silent(Field::Marketplace) {
        match is_lent() {
            true => text += "# The marketplace is that of the order; a package whose order says none is rejected.\n",
            false => missing.push(Field::Marketplace.name()),
        }
    }
    if !missing.is_empty() {
        let names = missing.join(" and ");
        let _ = writeln!(
            text,
            "# Neither the files nor their paths say {names}: write it here; a run refuses the job until then."
        );
        text += "[input.constants]\n";
        for name in &missing {
            let example = if *name == Field::Marketplace.name() { "  # such as DE or Amazon.de" } else { "" };
            let _ = writeln!(text, "# {name} = \"...\"{example}");
        }
    }
    unknown.extend(missing);
    text
}

/// Returns a glob if it names these files and no other that was seen, else the files. A single file without a date or
/// number in its name is named.
fn paths(group: &InputGroup, all: &[&str]) -> String {
    let Some(first) = group.files.first() else { return quoted("") };
    let (folder, suffix) = (folder(first), suffix(first));
    let is_dated = |shown: &str| shown[folder.len()..].contains(|c: char| c.is_ascii_digit());
    let is_glob = group.files.len() > 1 || is_dated(first);
    let named = |begin: &str| {
        let is_named = |shown: &&&str| {
            self::folder(shown) == folder && self::suffix(shown) == suffix && shown[folder.len()..].starts_with(begin)
        };
        let is_sound = !folder.contains(['*', '?', '[', '{']) && !begin.contains(['*', '?', '[', '{']);
        is_sound && all.iter().filter(is_named).count() == group.files.len()
    };
    // Of a single file beside others of its suffix, the words before the last date or number tell it from them.
    let stem = first[folder.len()..].strip_suffix(suffix).unwrap_or_default();
    let words = stem.trim_end_matches(|c: char| !c.is_ascii_digit());
    let words = words.trim_end_matches(|c: char| c.is_ascii_digit() || "-_.TZ".contains(c));
    let begin = ["", words].into_iter().find(|begin| named(begin) && (begin.is_empty() || group.files.len() == 1));
    if let Some(begin) = begin.filter(|_| is_glob) {
        return quoted(&format!("{folder}{begin}*{suffix}"));
    }
    let list: Vec<String> = group.files.iter().map(|file| quoted(file)).collect();
    if let [one] = list.as_slice() { one.clone() } else { format!("[{}]", list.join(", ")) }
}

/// Returns the path up to and including the last `/`.
fn folder(shown: &str) -> &str {
    shown.rfind('/').map_or("", |at| &shown[..=at])
}

/// Returns the suffix: `.txt`, `.jsonl.gz`.
fn suffix(shown: &str) -> &str {
    let name = &shown[folder(shown).len()..];
    let inner = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(name);
    inner.rfind('.').map_or("", |at| &name[at..])
}

/// Returns the field that a part of a path gives.
fn meaning(part: &str, book: &Book) -> Option<Field> {
    static SELLER: LazyLock<Regex> = LazyLock::new(|| Regex::new("^A[0-9A-Z]{9,20}$").expect("the pattern is sound"));
    static WRITTEN: LazyLock<Regex> =
        LazyLock::new(|| Regex::new("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{6}Z$").expect("the pattern is sound"));
    let is_code = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_uppercase()) || part.len() > 9;
    if WRITTEN.is_match(part) {
        Some(Field::WrittenAt)
    } else if is_code && matches!(book.resolve_marketplace(part), Some(vtr_kernel::policy::Marketplace::Known(_))) {
        Some(Field::Marketplace)
    } else {
        SELLER.is_match(part).then_some(Field::SellerId)
    }
}

/// Returns a pattern over the paths for sellers, marketplaces and times of writing, if all paths fit one.
fn pattern(files: &[&str], book: &Book) -> Option<String> {
    let first = files.first()?;
    let own = of_path(first, book)?;
    let pattern = Regex::new(&own).ok()?;
    let fits = |file: &&str| {
        let groups = pattern.captures(file)?;
        let mut names = pattern.capture_names().flatten();
        names
            .all(|name| {
                groups.name(name).is_some_and(|group| meaning(group.as_str(), book).map(Field::name) == Some(name))
            })
            .then_some(())
    };
    files.iter().all(|file| fits(file).is_some()).then_some(own)
}

fn of_path(path: &str, book: &Book) -> Option<String> {
    let mut parts: Vec<(&str, Option<char>)> = Vec::new();
    let mut rest = path;
    while let Some(at) = rest.find(['/', '_', '.']) {
        parts.push((&rest[..at], rest[at..].chars().next()));
        rest = &rest[at + 1..];
    }
    parts.push((rest, None));
    let meanings: Vec<Option<Field>> = parts.iter().map(|(part, _)| meaning(part, book)).collect();
    // If several parts give the same field, the last counts.
    let is_last = |at: usize| meanings[at].is_some() && !meanings[at + 1..].contains(&meanings[at]);
    let (begin, end) = ((0..parts.len()).find(|at| is_last(*at))?, (0..parts.len()).rfind(|at| is_last(*at))?);
    let mut pattern = if begin == 0 { "^".to_owned() } else { regex::escape(&parts[begin - 1].1?.to_string()) };
    for (at, (_, separator)) in parts.iter().enumerate().take(end + 1).skip(begin) {
        match meanings[at].filter(|_| is_last(at)) {
            Some(Field::WrittenAt) => pattern += WRITTEN_AT,
            Some(Field::SellerId) => pattern += "(?<seller_id>A[0-9A-Z]{9,20})",
            Some(field) => {
                let of = if parts[at].0.len() == 2 { "[A-Z]{2}" } else { "[0-9A-Z]+" };
                let _ = write!(pattern, "(?<{}>{of})", field.name());
            }
            None => pattern += "[^/_.]*",
        }
        let behind = separator.map(|separator| regex::escape(&separator.to_string()));
        pattern += &behind.unwrap_or_else(|| "$".to_owned());
    }
    Some(pattern)
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
