//! Replays the inputs of the fuzzers: the bodies of the kernel's fuzz targets run over their seeds and regressions.
//!
//! A failure prints the name of the input. `make fuzz` searches for new ones.

#[path = "../../../tests/fuzz/bodies/amounts.rs"]
mod amounts;
#[path = "../../../tests/fuzz/bodies/book.rs"]
mod book;
#[path = "../../../tests/fuzz/bodies/judge.rs"]
mod judge;
#[path = "../../../tests/fuzz/bodies/times.rs"]
mod times;

use std::fs;
use std::path::Path;

fn replay(target: &str, run: fn(&[u8])) {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz");
    let mut inputs = Vec::new();
    for kind in ["seeds", "regressions"] {
        let folder = fuzz.join(kind).join(target);
        // A target has no regressions if fuzzing never found a fault in it.
        let entries = fs::read_dir(&folder).into_iter().flatten();
        inputs.extend(entries.map(|entry| entry.expect("the folder can be listed").path()));
    }
    inputs.sort();
    assert!(inputs.len() >= 5, "the seeds of {target} are there: {inputs:?}");
    for input in inputs {
        eprintln!("{}", input.display());
        run(&fs::read(&input).expect("the input can be read"));
    }
}

#[test]
fn times_replay() {
    replay("times", times::run);
}

#[test]
fn amounts_replay() {
    replay("amounts", amounts::run);
}

#[test]
fn book_replays() {
    replay("book", book::run);
}

#[test]
fn judge_replays() {
    replay("judge", judge::run);
}
