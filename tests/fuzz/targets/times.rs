//! Text to moments, against chrono and its time zones.
#![no_main]

#[path = "../bodies/times.rs"]
mod times;

libfuzzer_sys::fuzz_target!(|data: &[u8]| times::run(data));
