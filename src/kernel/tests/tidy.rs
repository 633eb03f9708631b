//! The house rules that a compiler does not check: permitted uses, lengths of files and functions, words that no
//! tracked file may contain.
//!
//! It reads the sources of the whole repository as text, so that none of them needs to be built. A failure names
//! every place at once.

use std::path::{Path, PathBuf};

/// The greatest number of lines of a file, tests and tables of data aside.
const FILE_LINES: usize = 620;
/// The greatest number of lines of a function.
const FUNCTION_LINES: usize = 75;
/// The greatest number of lines of `main.rs`; the program's entry only parses, runs and prints.
const MAIN_LINES: usize = 60;

fn repository() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    path.canonicalize().expect("the kernel is in the repository's src")
}

/// A tracked file: its path inside the repository, with `/`, and its text.
struct File {
    path: String,
    text: String,
}

impl File {
    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    fn is_test(&self) -> bool {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        ["tests/", "/benches/", "/examples/"].iter().any(|folder| self.path.contains(folder))
            || name == "tests.rs"
            || name == "fixture.rs"
    }

    /// Returns the lines before the unit tests. The declaration of tests that are another file does not begin them.
    fn before_tests(&self) -> Vec<&str> {
        let mut lines: Vec<&str> = self.text.lines().collect();
        let begins = |pair: &[&str]| pair[0].starts_with("#[cfg(test)]") && !pair[1].ends_with(';');
        lines.truncate(lines.windows(2).position(begins).unwrap_or(lines.len()));
        lines
    }

    /// Returns the lines before the unit tests, without comments but with the texts of literals.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = (1..).zip(self.before_tests());
        lines.map(|(number, line)| (number, without_comment(line))).filter(|(_, line)| !line.trim().is_empty())
    }
}

/// Returns a line up to `//`, unless that is part of a text such as an address.
fn without_comment(line: &str) -> &str {
    let mut quoted = false;
    let bytes = line.as_bytes();
    for index in 0..bytes.len() {
        match bytes[index] {
            b'"' if index == 0 || bytes[index - 1] != b'\\' => quoted = !quoted,
            b'/' if !quoted && bytes.get(index + 1) == Some(&b'/') => return &line[..index],
            _ => {}
        }
    }
    line
}

/// Returns every text file of the repository that is, or will be, tracked.
fn files() -> Vec<File> {
    const SKIPPED: [&str; 4] = [".git", "target", "out", "node_modules"];
    let root = repository();
    let (mut folders, mut files) = (vec![root.clone()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_symlink() || SKIPPED.contains(&name.as_str()) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(text) = std::fs::read_to_string(&path) {
                let inside = path.strip_prefix(&root).unwrap();
                let inside = inside.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/");
                files.push(File { path: inside, text });
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn assert_none(what: &str, places: Vec<String>) {
    assert!(places.is_empty(), "{what}:\n{}", places.join("\n"));
}

/// Returns the places of a word in the code of these files.
fn uses(files: &[File], of: impl Fn(&File) -> bool, words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for file in files.iter().filter(|file| file.is_rust() && of(file)) {
        for (number, line) in file.code() {
            found.extend(
                words.iter().filter(|word| line.contains(**word)).map(|word| format!("{}:{number}: {word}", file.path)),
            );
        }
    }
    found
}

/// Returns the names under `[dependencies]`.
fn dependencies(files: &[File], manifest: &str) -> Vec<String> {
    let text = &files.iter().find(|file| file.path == manifest).unwrap_or_else(|| panic!("no {manifest}")).text;
    let manifest: toml::Table = text.parse().unwrap();
    manifest["dependencies"].as_table().unwrap().keys().cloned().collect()
}

fn is_kernel(file: &File) -> bool {
    file.path.starts_with("src/kernel/") && !file.is_test() && !file.path.ends_with("/build.rs")
}

#[test]
fn the_kernel_is_pure() {
    let files = files();
    const IMPURE: [&str; 22] = [
        "std::fs",
        "std::io",
        "std::time",
        "std::env",
        "std::net",
        "std::process",
        "std::thread",
        "std::path",
        "println!",
        "eprintln!",
        "print!(",
        "dbg!",
        "tracing",
        "log::",
        "arrow::",
        "parquet::",
        "polars::",
        "Utc::now",
        "Local::now",
        "SystemTime",
        "Instant::now",
        "static mut",
    ];
    assert_none("the kernel reaches outside", uses(&files, is_kernel, &IMPURE));
    const ALLOWED: [&str; 9] = [
        "chrono",
        "chrono-tz",
        "regex-syntax",
        "serde",
        "sha2",
        "strsim",
        "toml",
        "unicode-normalization",
        "unicode-script",
    ];
    let others =
        dependencies(&files, "src/kernel/Cargo.toml").into_iter().filter(|name| !ALLOWED.contains(&name.as_str()));
    assert_none("the kernel depends on more than small pure crates", others.collect());
}

#[test]
fn the_columnar_crate_knows_kernel_and_arrow_only() {
    let files = files();
    const ALLOWED: [&str; 5] = ["arrow", "hashbrown", "rustc-hash", "siphasher", "vtr-kernel"];
    let others =
        dependencies(&files, "src/columnar/Cargo.toml").into_iter().filter(|name| !ALLOWED.contains(&name.as_str()));
    assert_none("vtr-columnar depends on more", others.collect());
    let of = |file: &File| file.path.starts_with("src/columnar/") && !file.is_test();
    const IMPURE: [&str; 9] =
        ["std::fs", "std::io", "std::time", "std::env", "std::process", "println!", "eprintln!", "dbg!", "tracing"];
    assert_none("vtr-columnar reaches outside", uses(&files, of, &IMPURE));
}

#[test]
fn polars_sees_published_sums_only() {
    let of = |file: &File| file.path.starts_with("src/") && file.path != "src/pages/sums.rs" && !file.is_test();
    let of = |file: &File| of(file) && !file.path.starts_with("src/columnar/examples/");
    assert_none("polars outside of src/pages/sums.rs", uses(&files(), of, &["polars::", "use polars"]));
}

/// The files that may read the clock or the environment, and why.
const CLOCK_AND_ENVIRONMENT: [(&str, &str); 12] = [
    ("src/job/", "the plan is made there, once"),
    ("src/main.rs", "hands the clock to the verbs"),
    ("src/verbs/", "hand the clock to the job, to gc and to the book; gen times itself"),
    ("src/python/", "hands the clock to verbs and to shares"),
    ("src/cli.rs", "VTR_* variables"),
    ("src/progress.rs", "rows a second"),
    ("src/tell/", "times of the run"),
    ("src/signals.rs", "what a terminal is"),
    ("src/sinks/", "credentials of a sink; the age of a lock"),
    ("src/place/object_files.rs", "what must not be said of credentials; how long a signal waits"),
    ("src/assemble/publish.rs", "ages of temporary files"),
    ("src/publish/", "ages of temporary files, the id of the run"),
];

#[test]
fn one_place_reads_clock_and_environment() {
    let of = |file: &File| {
        let allowed = CLOCK_AND_ENVIRONMENT.iter().any(|(path, _)| file.path.starts_with(path));
        file.path.starts_with("src/") && !file.is_test() && !file.path.ends_with("/build.rs") && !allowed
    };
    const READS: [&str; 7] =
        ["SystemTime::now", "Instant::now", "Utc::now", "Local::now", "env::var", "env::vars", "env::current_dir"];
    assert_none("clock or environment is read", uses(&files(), of, &READS));
}

/// The rooms of the app from the ground up, each with those that it uses; what a room uses is above it in this list.
/// Joining raw files comes before reading on the route, but it publishes packages as a run publishes tables, so it
/// stands on `publish`.
const ROOMS: [(&str, &[&str]); 19] = [
    ("schema", &[]),
    ("cli", &[]),
    ("error", &[]),
    ("progress", &["cli"]),
    ("signals", &["error", "progress"]),
    ("place", &["error", "signals"]),
    ("job", &["schema", "error", "progress", "place"]),
    ("scan", &["schema", "error", "signals", "place", "job"]),
    ("fold", &["schema", "error", "progress", "signals", "place", "job", "scan"]),
    ("tables", &["schema", "error", "progress", "signals", "place", "job", "fold"]),
    ("publish", &["schema", "error", "signals", "place", "job", "scan", "fold", "tables"]),
    ("assemble", &["schema", "error", "progress", "signals", "place", "job", "scan", "publish"]),
    ("inspect", &["error", "place", "job", "scan", "assemble"]),
    ("sinks", &["schema", "error", "signals", "place", "job", "tables", "publish"]),
    ("pages", &["error", "signals", "publish"]),
    ("tell", &["schema", "error", "place", "job", "scan", "fold", "tables", "publish", "sinks", "pages"]),
    ("reconcile", &["error", "signals", "job", "scan", "fold", "assemble"]),
    (
        "shares",
        &["schema", "error", "progress", "signals", "place", "job", "scan", "fold", "publish", "assemble", "tell"],
    ),
    (
        "verbs",
        &[
            "schema",
            "cli",
            "error",
            "progress",
            "signals",
            "place",
            "job",
            "scan",
            "fold",
            "tables",
            "publish",
            "assemble",
            "inspect",
            "sinks",
            "pages",
            "tell",
            "reconcile",
            "shares",
        ],
    ),
];

/// The arrows that climb all the same, by file, and why.
const CLIMBS: [(&str, &str, &str); 3] = [
    ("src/job/plan.rs", "scan", "the plan carries what earlier runs learned of the inputs, which only `scan` can read"),
    ("src/fold/mod.rs", "tell", "the fold times its stages and names the sellers in the run's report"),
    ("src/fold/parts/receive.rs", "tell", "adding up parts does so too"),
];

/// The rooms named in a line as `crate::ROOM`.
fn rooms_in(line: &str) -> Vec<String> {
    let after = line.match_indices("crate::").map(|(at, path)| &line[at + path.len()..]);
    after.map(|path| path.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()).collect()
}

#[test]
fn no_arrow_between_rooms_climbs() {
    let (mut wrong, mut drawn) = (Vec::new(), std::collections::BTreeSet::new());
    let level = |room: &str| ROOMS.iter().position(|(name, _)| *name == room);
    for file in files().iter().filter(|file| file.is_rust() && !file.is_test()) {
        let inside = file.path.strip_prefix("src/").and_then(|path| path.split('/').next());
        let Some(from) = inside.and_then(|name| level(name.trim_end_matches(".rs"))) else { continue };
        for (number, line) in file.code() {
            if line.contains("crate::{") {
                wrong.push(format!("{}:{number}: name each room on a line of its own", file.path));
            }
            for to in rooms_in(line).iter().filter_map(|room| level(room)).filter(|to| *to != from) {
                let (name, uses) = ROOMS[from];
                let climbs = CLIMBS.iter().position(|(path, room, _)| *path == file.path && *room == ROOMS[to].0);
                match climbs {
                    Some(climb) => drop(drawn.insert((CLIMBS[climb].0, ROOMS[to].0))),
                    None if uses.contains(&ROOMS[to].0) => drop(drawn.insert((name, ROOMS[to].0))),
                    None => wrong.push(format!("{}:{number}: `{name}` may not use `{}`", file.path, ROOMS[to].0)),
                }
            }
        }
    }
    for (from, uses) in ROOMS {
        let climbing = uses.iter().filter(|room| level(room).is_none_or(|to| Some(to) >= level(from)));
        wrong.extend(climbing.map(|room| format!("`{from}` -> `{room}` climbs")));
    }
    let listed = ROOMS.iter().flat_map(|(from, uses)| uses.iter().map(|to| (*from, *to)));
    let unused = listed.chain(CLIMBS.map(|(path, room, _)| (path, room))).filter(|arrow| !drawn.contains(arrow));
    wrong.extend(unused.map(|(from, to)| format!("`{from}` -> `{to}` is allowed, and nobody uses it")));
    assert_none("arrows between rooms", wrong);
}

#[test]
fn every_room_of_the_map_has_its_place() {
    let files = files();
    let map = files.iter().find(|file| file.path == "src/lib.rs").expect("the map");
    let rooms = map.text.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    let missing = rooms.filter(|room| !ROOMS.iter().any(|(name, _)| name == room));
    assert_none("a room without a place", missing.map(str::to_owned).collect());
}

#[test]
fn nothing_is_unsafe() {
    // The wheel takes a pointer out of a capsule, as the C interface of Arrow requires.
    const ALLOWED: [&str; 2] = ["src/kernel/tests/tidy.rs", "src/python/stream.rs"];
    let places = uses(&files(), |file| !ALLOWED.contains(&file.path.as_str()), &["unsafe ", "unsafe{"]);
    assert_none("unsafe code", places);
}

#[test]
fn files_and_functions_are_short() {
    let mut long = Vec::new();
    for file in files().iter().filter(|file| file.is_rust() && !file.is_test() && file.path.starts_with("src/")) {
        // A table of data has one row per line.
        let is_table = |line: &str| line.trim_start().starts_with(['"', '(']) && line.trim_end().ends_with(',');
        let lines = file.before_tests().into_iter().filter(|line| !is_table(line)).count();
        if lines > FILE_LINES {
            long.push(format!("{}: {lines} lines", file.path));
        }
        if file.path == "src/main.rs" && lines >= MAIN_LINES {
            long.push(format!("{}: {lines} lines, must stay below {MAIN_LINES}", file.path));
        }
        long.extend(long_functions(file));
    }
    assert_none("too long", long);
}

/// Returns the functions that are too long. A function ends with the brace that is indented as deep as its
/// beginning, which rustfmt ensures.
fn long_functions(file: &File) -> Vec<String> {
    let lines = file.before_tests();
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let starts = ["fn ", "pub fn ", "pub(crate) fn ", "pub(super) fn ", "const fn ", "pub const fn "];
        if !starts.iter().any(|start| code.starts_with(start)) {
            continue;
        }
        let end = format!("{}}}", &line[..line.len() - code.len()]);
        let length = lines[index..].iter().position(|line| *line == end).map_or(1, |last| last + 1);
        if length > FUNCTION_LINES {
            found.push(format!("{}:{}: a function of {length} lines", file.path, index + 1));
        }
    }
    found
}

#[test]
fn every_module_says_what_it_is() {
    let of = |file: &&File| file.is_rust() && file.path.starts_with("src/");
    let silent = |file: &&File| !file.text.starts_with("//! ");
    assert_none("no head", files().iter().filter(of).filter(silent).map(|file| file.path.clone()).collect());
}

#[test]
fn every_policy_and_carrier_names_its_sources() {
    let mut bare = Vec::new();
    for file in files().iter().filter(|file| file.path.starts_with("src/kernel/book/") && file.path.ends_with(".toml"))
    {
        let table: toml::Table = file.text.parse().unwrap();
        let has = |table: &toml::Table| {
            let sources = table.get("source").and_then(toml::Value::as_array).map(Vec::as_slice).unwrap_or_default();
            let whole = |source: &toml::Value| {
                ["title", "url"]
                    .iter()
                    .all(|key| source.get(key).and_then(toml::Value::as_str).is_some_and(|text| !text.is_empty()))
            };
            !sources.is_empty() && sources.iter().all(whole)
        };
        if file.path.contains("/carriers/") && !has(&table) {
            bare.push(file.path.clone());
        }
        for version in table.get("version").and_then(toml::Value::as_array).into_iter().flatten() {
            if !has(version.as_table().unwrap()) {
                bare.push(format!("{}: {}", file.path, version["id"]));
            }
        }
    }
    assert_none("without sources", bare);
}

#[test]
fn nothing_is_left_undone() {
    // The words are composed here, so that this file does not find itself.
    let words =
        [["TO", "DO"], ["FIX", "ME"], ["XX", "X:"], ["unimpl", "emented!"], ["to", "do!("]].map(|parts| parts.concat());
    let mut found = Vec::new();
    for file in files().iter().filter(|file| !file.path.ends_with("Cargo.lock")) {
        for (index, line) in file.text.lines().enumerate() {
            found.extend(
                words
                    .iter()
                    .filter(|word| line.contains(*word))
                    .map(|word| format!("{}:{}: {word}", file.path, index + 1)),
            );
        }
    }
    assert_none("left undone", found);
}

#[test]
fn no_file_names_a_machine() {
    let homes = [["/ho", "me/"], ["/wo", "rk/"], ["/ro", "ot/"], ["/Us", "ers/"], ["C:\\", "Users"]]
        .map(|parts| parts.concat());
    let hosts = [["crates", ".io"], ["static.crates", ".io"], ["127.0", ".0.1:"], ["local", "host:"], ["pypi", ".org"]]
        .map(|parts| parts.concat());
    let mut found = Vec::new();
    for file in files() {
        // A lock file names the registry by its public address, which says nothing about a machine.
        if file.path.ends_with("Cargo.lock") {
            continue;
        }
        for (index, line) in file.text.lines().enumerate() {
            let words = homes.iter().chain(&hosts).filter(|word| line.contains(*word));
            found.extend(words.map(|word| format!("{}:{}: {word}", file.path, index + 1)));
        }
    }
    assert_none("a machine is named", found);
}
