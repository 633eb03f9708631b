//! The shared parts of the benchmarks: their clock, the mix of tracking numbers, and with the feature `history` a
//! generated history with its plan.
//!
//! They are the same in every run. This crate measures nothing.

pub mod clock;
#[cfg(feature = "history")]
pub mod history;
pub mod mix;
