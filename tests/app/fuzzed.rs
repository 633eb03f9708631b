//! Replays the fuzzers' seeds and findings for text inputs and jobs.

#[path = "../fuzz/bodies/csv.rs"]
mod csv;
#[path = "../fuzz/bodies/job.rs"]
mod job;
#[path = "../fuzz/bodies/json.rs"]
mod json;

use crate::support::root;
use std::fs;

fn replay(target: &str, run: &dyn Fn(&[u8])) {
    let mut inputs = Vec::new();
    for kind in ["seeds", "regressions"] {
        // A target without findings has no regressions.
        let entries = fs::read_dir(root().join("tests/fuzz").join(kind).join(target)).into_iter().flatten();
        inputs.extend(entries.map(|entry| entry.unwrap().path()));
    }
    inputs.sort();
    assert!(inputs.len() >= 5, "the seeds of {target} are there: {inputs:?}");
    for input in inputs {
        eprintln!("{}", input.display());
        run(&fs::read(&input).unwrap());
    }
}

#[test]
fn csv_replays() {
    let folder = tempfile::tempdir().unwrap();
    let csv = csv::Csv::new(folder.path().to_path_buf());
    replay("csv", &|input| csv.run(input));
}

#[test]
fn jobs_replay() {
    let folder = tempfile::tempdir().unwrap();
    let job = job::Job::new(folder.path().to_path_buf());
    replay("job", &|input| job.run(input));
}

#[test]
fn json_replays() {
    replay("json", &json::run);
}
