//! Text and doubles to exact decimals, and their comparison against long multiplication.
#![no_main]

#[path = "../bodies/amounts.rs"]
mod amounts;

libfuzzer_sys::fuzz_target!(|data: &[u8]| amounts::run(data));
