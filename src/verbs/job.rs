//! `vtr job`: prints the JSON Schema of job files, or writes a first job for a seller's exports.
//!
//! The schema comes from the types of the job; a new job comes from the kinds of the files. It fails if stdout cannot
//! be written, if the job file exists already, or if no file is of a known kind.

use crate::cli::{JobInitArgs, JobVerb};
use crate::error::{Error, Result};
use crate::inspect::initial::{self, FoundFile};
use crate::inspect::kinds;
use crate::job::spec;
use crate::scan::published::{Packages, PublishedFiles};
use std::io::Write;
use std::path::{Path, PathBuf};
use vtr_kernel::sources::Field;
use vtr_kernel::text::shown;
use walkdir::WalkDir;

/// Prints the schema, or writes a job.
///
/// # Errors
/// Stdout or the job cannot be written, or no file is of a known kind.
pub fn run(verb: &JobVerb) -> Result<()> {
    match verb {
        JobVerb::Schema => super::print(format!("{:#}\n", spec::schema())),
        JobVerb::Init(args) => init(args),
    }
}

fn init(args: &JobInitArgs) -> Result<()> {
    let to_stdout = args.out == Path::new("-");
    if !to_stdout && args.out.exists() {
        let out = args.out.display();
        return Err(Error::Usage(format!(
            "{out} is there already; name another file with -o, or print the job with -o -"
        )));
    }
    let sources = crate::job::sources()?;
    let book = crate::job::shelf::book(&[])?;
    let root = match args.out.parent().filter(|folder| !to_stdout && !folder.as_os_str().is_empty()) {
        Some(folder) => folder.to_path_buf(),
        None => PathBuf::from("."),
    };
    let root = std::path::absolute(&root).map_err(|error| Error::failed("the job's folder has no path", error))?;
    let (mut found, mut others) = (Vec::new(), Vec::new());
    let mut published = PublishedFiles::of_no_job(Packages::ArePublished);
    for path in files(&args.files)? {
        let whole = std::path::absolute(&path).map_err(|error| Error::failed("a file has no path", error))?;
        let relative = crate::scan::files::shown(&root, &whole, path.is_absolute());
        let (_, limits) = crate::job::input_of(&path, &[])?;
        let origin = crate::inspect::origin(&path)?;
        if published.take(&relative, &origin) {
            continue;
        }
        match kinds::kinds(&sources, &origin, &relative, &limits) {
            Ok(kinds) if !kinds.is_empty() => {
                let kind = kinds.into_iter().next().expect("one is there");
                found.push(FoundFile { shown: relative, kind, path });
            }
            Ok(_) => others.push((relative, "is of no known kind; `vtr inspect` says what it holds".to_owned())),
            Err(what) => others.push((relative, what)),
        }
    }
    for (path, what) in &others {
        eprintln!("left out: {}: {}", shown(path), shown(what));
    }
    if let Some(published) = published.named() {
        eprintln!("left out: {published}");
    }
    if found.is_empty() {
        return Err(Error::Input(
            "no file is of a known kind; `vtr inspect FILE` looks at one and prints a job for it".into(),
        ));
    }
    let others: Vec<String> = others.into_iter().map(|(path, _)| path).collect();
    let fills = |file: &FoundFile, field: Field| {
        let Ok((_, limits)) = crate::job::input_of(&file.path, &[]) else { return false };
        let Ok(origin) = crate::inspect::origin(&file.path) else { return false };
        kinds::fills(&sources, &file.kind, &origin, &file.shown, &limits)
            .is_ok_and(|fills| fills.fields.iter().any(|(name, records)| *name == field.name() && *records > 0))
    };
    let job = initial::job(&args.name, &found, &others, (&sources, &book), &fills);
    if to_stdout {
        return super::print(job.text);
    }
    let unwritten = |error| Error::failed(format!("cannot write {}", args.out.display()), error);
    let mut file = std::fs::File::create_new(&args.out).map_err(unwritten)?;
    file.write_all(job.text.as_bytes()).map_err(unwritten)?;
    let out = args.out.display().to_string();
    let plural = if found.len() == 1 { "" } else { "s" };
    let first = match job.unknown.as_slice() {
        _ if !job.makes_packages => "add files that make packages, as its last comments say; then: ".to_owned(),
        [] => String::new(),
        names => format!("write {} into it, which no file says; then: ", names.join(" and ")),
    };
    super::print_lines(&format!(
        "{} file{plural} in {out}; next: {first}vtr run {out}\n",
        found.len(),
        out = shown(&out)
    ))
}

/// All files; those of folders are sorted by name, and hidden ones are left out.
fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let hides = |name: &std::ffi::OsStr| name.to_string_lossy().starts_with(['.', '_']);
        let walk = WalkDir::new(path).follow_links(true).sort_by_file_name().into_iter();
        for entry in walk.filter_entry(|entry| entry.depth() == 0 || !hides(entry.file_name())) {
            let entry = entry.map_err(|error| Error::failed(format!("cannot list {}", path.display()), error))?;
            if entry.file_type().is_file() {
                files.push(entry.into_path());
            }
        }
    }
    Ok(files)
}
