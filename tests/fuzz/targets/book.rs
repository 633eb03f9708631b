//! A book's files: a book, or all their problems.
#![no_main]

#[path = "../bodies/book.rs"]
mod book;
#[path = "../bodies/parts/files.rs"]
mod files;

libfuzzer_sys::fuzz_target!(|data: &[u8]| book::run(data));
