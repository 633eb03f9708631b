//! What the benchmarks share: their clock, the mix of tracking numbers, and with the feature `history` a generated
//! history with its plan.
//!
//! Both are the same in every run. It measures nothing.

pub mod clock;
#[cfg(feature = "history")]
pub mod history;
pub mod mix;
