//! A generated history below the build folder, and the plan of a job over it.
//!
//! Each benchmark makes it anew, so that it is never older than the generator.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use vtr_gen::{Format, GenOptions, Habits, generate};
use vtr::job::plan::Plan;
use vtr::job::{Overrides, load};

/// The number of rows of a history.
pub const ROWS: u64 = 100_000;

/// Writes a history into a folder, and plans a job with these settings over it, on one thread.
///
/// # Panics
/// If the folder cannot be written.
pub fn plan(folder: &str, format: Format, settings: &[&str]) -> Plan {
    let out = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../target/bench/micro").join(folder);
    if out.exists() {
        std::fs::remove_dir_all(&out).expect("what an earlier run made can be removed");
    }
    let day = |text: &str| text.parse().expect("a date");
    let book = vtr_kernel::load::embedded().expect("the embedded book loads");
    let options = GenOptions {
        rows: ROWS,
        seed: 1,
        out: out.clone(),
        format,
        files: Some(1),
        from: day("2024-01-01"),
        to: day("2025-12-28"),
        sellers: None,
        habits: Habits::Mixed,
        truth: false,
        sorted: true,
        dirt: 0,
        amazon: None,
        threads: 1,
        raw: false,
        go_on: || true,
    };
    let made = generate(&options, &book).unwrap_or_else(|error| panic!("{error}"));
    let job: PathBuf = out.join("job.toml");
    let text = format!(
        "name = \"micro\"\nas_of = \"{}\"\n[[input]]\npath = \"shipments/*\"\n[output]\npath = \"out\"\n",
        made.as_of
    );
    std::fs::write(&job, text).expect("the folder can be written");
    let set = settings.iter().map(|text| (*text).to_owned()).collect();
    let flags = Overrides { threads: Some(1), set, ..Overrides::default() };
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_780_000_000);
    load(&job, &flags, now).unwrap_or_else(|error| panic!("{error}"))
}
