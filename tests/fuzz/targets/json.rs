//! JSON split into documents.
#![no_main]

#[path = "../bodies/json.rs"]
mod json;

libfuzzer_sys::fuzz_target!(|data: &[u8]| json::run(data));
