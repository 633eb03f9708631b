//! Tests that the next run deletes what a killed run left, and keeps the unfinished files of a living one.

use crate::support::{ok, text, vtr};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A job that takes some time.
fn job(folder: &Path) -> String {
    let history = folder.join("history").display().to_string();
    ok(&["gen", "--rows", "60000", "--seed", "3", "--files", "12", &history]);
    let job = "name = \"leftovers\"\nas_of = \"2025-12-31\"\n[[input]]\npath = \"history/shipments/*\"\n[output]\npath = \"out\"\n";
    fs::write(folder.join("job.toml"), job).unwrap();
    folder.join("job.toml").display().to_string()
}

fn start(job: &str) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vtr"));
    command.args(["run", job, "--quiet"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// The runs' own folders below an output.
fn folders(out: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(out.join("_tmp")).into_iter().flatten();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// The folder of a run that was just started, once the run has marked itself as alive.
fn begun(out: &Path) -> PathBuf {
    let since = Instant::now();
    loop {
        let shown = |folder: &PathBuf| fs::read_to_string(folder.join("lock")).is_ok_and(|mark| !mark.is_empty());
        if let Some(folder) = folders(out).into_iter().find(shown) {
            return folder;
        }
        assert!(since.elapsed() < Duration::from_secs(60), "no run began");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn signal(run: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &run.id().to_string()]).status().unwrap().success());
}

#[test]
fn a_run_that_was_killed_is_cleaned_up_after_and_one_that_lives_is_not() {
    if !Path::new("/proc/sys/kernel/random/boot_id").exists() {
        return println!("skipped: this system has no name of its own, so nobody is taken for dead");
    }
    let folder = tempfile::tempdir().unwrap();
    let (job, out) = (job(folder.path()), folder.path().join("out"));
    // The run is killed while it works: its folder stays, with unfinished files in it and in the log.
    let mut killed = start(&job);
    let of_killed = begun(&out);
    signal(&killed, "-KILL");
    killed.wait().unwrap();
    let run_id = of_killed.file_name().unwrap().to_str().unwrap().strip_prefix(".tmp-").unwrap().to_owned();
    let half = out.join(format!("_log/.tmp-{run_id}-00000000000000000001"));
    fs::write(&half, "{").unwrap();
    fs::write(of_killed.join(format!(".tmp-{run_id}-abc")), "half").unwrap();
    // Another run is alive, though paused.
    let alive = start(&job);
    let of_alive = loop {
        let own = begun(&out);
        if own != of_killed {
            break own;
        }
    };
    signal(&alive, "-STOP");
    assert!(!of_killed.exists() && !half.exists(), "the dead run's are gone");
    fs::write(of_alive.join("half"), "half").unwrap();
    let beside = vtr(&["run", &job, "--quiet"]);
    assert!(beside.status.success(), "{}", text(&beside.stderr));
    assert!(of_alive.join("half").exists(), "a living run's stay");
    assert_eq!(folders(&out), [of_alive], "a run takes its own along");
    signal(&alive, "-CONT");
    let ended = alive.wait_with_output().unwrap();
    assert!(matches!(ended.status.code(), Some(0 | 5)), "{:?}: {}", ended.status, text(&ended.stderr));
    assert!(folders(&out).is_empty());
    assert!(ok(&["verify", out.to_str().unwrap()]).contains("version 1"));
}
