//! One shipment under the embedded book.
#![no_main]

#[path = "../bodies/judge.rs"]
mod judge;
#[path = "../bodies/parts/promises.rs"]
mod promises;

libfuzzer_sys::fuzz_target!(|data: &[u8]| judge::run(data));
