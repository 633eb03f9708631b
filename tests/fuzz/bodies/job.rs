//! A job file: planning returns a consistent plan, or all that is wrong with the file, in messages that steer no
//! terminal.
//!
//! The input is the file. Inputs whose book or rates could be outside their folder are left out.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};
use vtr::error::Error;
use vtr::job::{MEMORY_FLOOR_BYTES, Overrides, load};
use vtr_kernel::text::is_hidden;

/// A folder for the job and its rates.
pub struct Job {
    path: PathBuf,
}

impl Job {
    /// Writes the rates into a folder, which the caller removes.
    pub fn new(folder: PathBuf) -> Job {
        fs::write(folder.join("rates.csv"), "Date,USD\n2025-01-02,1.0321\n").expect("the folder can be written");
        Job { path: folder.join("job.toml") }
    }

    /// Runs one input.
    pub fn run(&self, data: &[u8]) {
        let text = String::from_utf8_lossy(data);
        let reaches = ["book", "rates", "\\"].iter().any(|word| text.contains(word));
        if reaches && (text.contains('/') || text.contains("..")) {
            return;
        }
        fs::write(&self.path, text.as_bytes()).expect("the folder can be written");
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_750_000_000);
        let (first, again) =
            (load(&self.path, &Overrides::default(), now), load(&self.path, &Overrides::default(), now));
        match (first, again) {
            (Ok(plan), Ok(again)) => {
                assert_eq!(plan.job_digest, again.job_digest);
                assert_eq!(plan.job_digest.len(), 64);
                assert!(plan.threads > 0 && plan.memory >= MEMORY_FLOOR_BYTES);
                assert!(!plan.inputs.is_empty() && !plan.output.tables.is_empty());
                assert!(plan.limits.max_rejected.1 > 0);
                assert!(plan.limits.max_field_bytes <= plan.limits.max_record_bytes);
                assert!(!plan.name.contains(is_hidden) && !plan.name.trim().is_empty());
            }
            (Err(error), Err(again)) => {
                let said = error.to_string();
                assert_eq!(said, again.to_string());
                assert!(matches!(error, Error::Usage(_)), "{said}");
                assert!(said.contains("job.toml"), "says where: {said}");
                assert!(!said.contains(|c: char| is_hidden(c) && c != '\n'), "steers a terminal: {said:?}");
            }
            _ => panic!("the same job loads once and not again"),
        }
    }
}
