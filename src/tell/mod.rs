//! What a run says of itself: report, warnings, metrics, lineage.
//!
//! It repeats what the stages measured and decides nothing; no figure is made here. Only writing a file fails.

pub mod doubts;
pub mod facts;
pub mod lineage;
pub mod metrics;
pub mod report;
pub mod sellers;
