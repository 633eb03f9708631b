//! Tests of ranges on a generated history: a backfill in batches equals the full run, and a week reads its share of
//! bytes.

use crate::support::{ok, text, vtr};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// 104 weeks of shipments sorted by date, in `files` files.
fn history(folder: &Path, rows: &str, files: &str) {
    let out = folder.join("history").display().to_string();
    ok(&["gen", "--rows", rows, "--seed", "11", "--from", "2024-01-01", "--to", "2025-12-28", "--files", files, &out]);
}

fn job(folder: &Path, rest: &str) -> String {
    let text = format!(
        "name = \"ranges\"\nas_of = \"2026-01-20\"\n{rest}\n[[input]]\npath = \"history/shipments/*\"\n[output]\npath = \"out\"\n"
    );
    let path = folder.join("job.toml");
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

fn run(job: &str, out: &Path, extra: &[&str]) -> Value {
    let out = out.display().to_string();
    let said = ok(&[&["run", job, "--quiet", "--json", "--out", &out], extra].concat());
    said.lines().last().map(|_| serde_json::from_str(&said).unwrap()).unwrap()
}

/// The bytes read, as a share of those of a full run of the same job.
fn share(job: &str, folder: &Path, weeks: [&str; 2], extra: &[&str]) -> f64 {
    let bytes = |report: Value| report["bytes_read"].as_u64().unwrap() as f64;
    let name = |kind: &str| -> PathBuf { folder.join(format!("{kind}{}", extra.len())) };
    let whole = bytes(run(job, &name("whole"), extra));
    let one = bytes(run(job, &name("one"), &[extra, &["--from", weeks[0], "--to", weeks[1]]].concat()));
    one / whole
}

#[test]
fn a_scheduled_week_reads_its_share_of_a_long_history() {
    let folder = tempfile::tempdir().unwrap();
    history(folder.path(), "60000", "208");
    let job = job(folder.path(), "");
    let lean = ["--set", "deduplicate=false", "--set", "output.tables=[\"vtr_weekly\"]", "--set", "name=lean"];
    let weeks = ["2025-W40", "2025-W40"];
    // An ordinary week; before Christmas a week has up to twice the rows, and reads as many more bytes.
    let bare = share(&job, folder.path(), weeks, &lean);
    assert!(bare < 0.05, "vtr_weekly alone without deduplication: {bare}");
    // The default, which also reads the weeks before, for windows that begin there and for copies.
    let default = share(&job, folder.path(), ["2025-W52", "2025-W52"], &[]);
    assert!(default < 0.20, "the default run: {default}");
}

/// The current files of the tables with weeks, and of `account_health`, by name; names are digests.
fn published(out: &Path) -> BTreeSet<String> {
    let current = out.join("current");
    let files = crate::support::files(&current).into_iter();
    let files = files.map(|path| path.strip_prefix(&current).unwrap().display().to_string());
    files.filter(|path| path.contains("week=") || path.starts_with("account_health")).collect()
}

#[test]
fn a_backfill_in_batches_is_the_full_run_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    history(folder.path(), "20000", "52");
    let job = job(folder.path(), "");
    let range = ["--from", "2024-W01", "--to", "2026-W04", "--batch", "9"];
    for rolling in ["weekly", "daily"] {
        let set = format!("output.rolling={rolling}");
        let out = |kind: &str| folder.path().join(format!("{kind}-{rolling}"));
        let target = |kind: &str| out(kind).display().to_string();
        ok(&["run", &job, "--quiet", "--out", &target("whole"), "--set", &set]);
        // The first batches run first, then all of them: the second run continues after those published.
        let first = ["--from", "2024-W01", "--to", "2024-W18", "--batch", "9"];
        ok(&[&["run", &job, "--quiet", "--out", &target("cut"), "--set", &set], &first[..]].concat());
        let all = vtr(&[&["run", &job, "--out", &target("cut"), "--set", &set], &range[..]].concat());
        let said = text(&all.stderr);
        assert!(
            all.status.success() && said.contains("batch 1 of 12, 2024-W01 to 2024-W09: is published and up to date"),
            "{said}"
        );
        assert!(said.contains("batch 2 of 12") && said.contains("batch 12 of 12"), "{said}");
        let (whole, cut) = (published(&out("whole")), published(&out("cut")));
        assert!(whole.len() > 500, "{}", whole.len());
        assert_eq!(cut.symmetric_difference(&whole).collect::<Vec<_>>(), Vec::<&String>::new(), "{rolling}");
        let again = vtr(&[&["run", &job, "--out", &target("cut"), "--set", &set], &range[..]].concat());
        assert_eq!(text(&again.stderr).matches(": is published and up to date").count(), 12);
    }
}

#[test]
fn changed_inputs_make_their_weeks_stale_and_only_those_are_run() {
    let folder = tempfile::tempdir().unwrap();
    history(folder.path(), "20000", "52");
    let job = job(folder.path(), "copies_within = 10");
    let out = folder.path().join("out").display().to_string();
    ok(&["run", &job, "--quiet", "--out", &out]);
    assert!(ok(&["plan", &job, "--out", &out]).contains("stale      no week"));
    // With one file less, a published week has no input.
    let shipments = folder.path().join("history/shipments");
    let last = crate::support::files(&shipments).pop().unwrap();
    fs::rename(&last, folder.path().join("apart.parquet")).unwrap();
    let planned = ok(&["plan", &job, "--out", &out]);
    assert!(planned.contains("vanishes   2026-W0"), "{planned}");
    let stale: Vec<&str> = planned.lines().filter(|line| line.starts_with("stale")).collect();
    assert!(stale.len() == 2 && stale[0].contains(": gone: ") && stale[0].contains("2025-W49 to"), "{stale:?}");
    assert!(stale[1].starts_with("stale      account_health: gone: "), "{stale:?}");
    let fresh = folder.path().join("fresh").display().to_string();
    ok(&["run", &job, "--quiet", "--out", &fresh]);
    let run = vtr(&["run", &job, "--out", &out, "--set", "limits.max_vanished_weeks=9"]);
    assert!(run.status.success(), "{}", text(&run.stderr));
    let (stale, fresh) = (published(Path::new(&out)), published(Path::new(&fresh)));
    assert_eq!(stale, fresh, "what is stale is all that a full run would change");
    let none = vtr(&["run", &job, "--out", &out]);
    assert!(text(&none.stderr).contains("no week is outdated"), "{}", text(&none.stderr));
    // On another day, or with another identity, everything is stale.
    let later = ok(&["plan", &job, "--out", &out, "--as-of", "2026-02-20"]);
    assert!(later.contains("left out what was known later"), "{later}");
    assert!(ok(&["plan", &job, "--out", &out, "--set", "identity=order"]).contains("the job has changed"));
}
