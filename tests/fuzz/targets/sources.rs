//! Profiles of sources and lists of status words: they load, or all their problems are told.
#![no_main]

#[path = "../bodies/sources.rs"]
mod sources;
#[path = "../bodies/parts/files.rs"]
mod files;

libfuzzer_sys::fuzz_target!(|data: &[u8]| sources::run(data));
