//! What a run reports about itself: report, warnings, metrics, lineage.
//!
//! It repeats what the stages measured and decides nothing; no figure is made here. It fails only if a file cannot be
//! written.

mod copies;
pub mod doubts;
pub mod ended;
pub mod facts;
pub mod lineage;
pub mod metrics;
pub mod rejected_sellers;
pub mod report;
mod unpromised;
