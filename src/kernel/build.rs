//! Embeds the files of `book/` and `sources/` in the program: names and texts, one sorted table per folder.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    embed("book", "embedded.rs")?;
    embed("sources", "sources.rs")
}

/// Writes the table of one folder.
fn embed(folder: &str, into: &str) -> io::Result<()> {
    println!("cargo:rerun-if-changed={folder}");
    let mut files = Vec::new();
    collect(Path::new(folder), &mut files)?;
    files.sort();
    let mut table = String::from("static EMBEDDED: &[(&str, &str)] = &[\n");
    for file in &files {
        // Forward slashes on every system, so that the digest is the same everywhere.
        let path = file.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/");
        let name = path.strip_prefix(folder).and_then(|name| name.strip_prefix('/')).unwrap_or(&path);
        table += &format!("    ({name:?}, include_str!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/{path}\"))),\n");
    }
    table += "];\n";
    let out = env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("OUT_DIR is not set"))?;
    fs::write(Path::new(&out).join(into), table)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "toml") || path.ends_with("NEWS.md") {
            files.push(path);
        }
    }
    Ok(())
}
