//! The program as a user runs it: one binary, because linking Polars once is enough.

mod borders;
mod checks;
mod cli;
mod escapes;
mod filters;
mod fuzzed;
mod golden;
mod hostile;
mod identity;
mod inputs;
mod invariance;
mod kinds;
mod leftovers;
mod matrix;
mod memory;
mod operations;
mod pages;
mod privacy;
mod ranges;
mod reading;
mod readme;
mod reconcile;
mod shares;
mod support;
mod truth;
mod unchanged;
