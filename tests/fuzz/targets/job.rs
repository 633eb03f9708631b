//! Job files.
#![no_main]

#[path = "../bodies/job.rs"]
mod job;

use std::sync::LazyLock;

static BODY: LazyLock<job::Job> = LazyLock::new(|| {
    // In memory if the system has such a folder; every run rewrites it, and only one process uses it.
    let memory = std::path::Path::new("/dev/shm");
    let base = if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() };
    let folder = base.join(format!("vtr-fuzz-job-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder can be made");
    job::Job::new(folder)
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| BODY.run(data));
