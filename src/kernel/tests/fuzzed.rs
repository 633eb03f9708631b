//! Replays the inputs of the fuzzers: the bodies of the kernel's fuzz targets run over their seeds and regressions.
//!
//! A failure prints the name of the input. `make fuzz` searches for new ones.

#[path = "../../../tests/fuzz/bodies/amounts.rs"]
mod amounts;
#[path = "../../../tests/fuzz/bodies/book.rs"]
mod book;
#[path = "../../../tests/fuzz/bodies/parts/files.rs"]
mod files;
#[path = "../../../tests/fuzz/bodies/judge.rs"]
mod judge;
#[path = "../../../tests/fuzz/bodies/parts/promises.rs"]
mod promises;
#[path = "../../../tests/fuzz/bodies/sources.rs"]
mod sources;
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
fn sources_replay() {
    replay("sources", sources::run);
}

#[test]
fn damaged_sources_are_refused_or_read() {
    let whole = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/seeds/sources/whole")).unwrap();
    assert!(sources::load(&whole), "the seed itself loads");
    let (mut seed, mut loaded) = (1u64, 0);
    let mut below = |end: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % end
    };
    for _ in 0..400 {
        let mut lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
        let (a, b) = (below(lines.len()), below(lines.len()));
        match below(4) {
            0 => drop(lines.remove(a)),
            1 => lines.swap(a, b),
            2 => lines.insert(a, lines[b]),
            _ => {}
        }
        let mut text = lines.concat();
        for _ in 0..below(4) {
            let at = below(text.len());
            text[at] = [b'"', b'[', b'\n', b'=', 0xff, b'a', b'9', 0x1b][below(8)];
        }
        loaded += usize::from(sources::load(&text));
    }
    assert!((1..400).contains(&loaded), "some damage is refused and some is not: {loaded} load");
}

#[test]
fn judge_replays() {
    replay("judge", judge::run);
}
