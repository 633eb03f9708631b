//! Assemble: the files that sellers have become packages, one row each, as a run reads them.
//!
//! Spines make packages and sides lend them facts; records are spread over partitions by order, then by number, and
//! joined there by the pure parts of this room. It judges nothing: that is the run's. It fails with what is wrong with
//! the inputs, by file and place, and leaves the packages that were published as they are.

pub mod documents;
pub mod events;
pub mod facts;
pub mod input;
pub mod orders;
#[allow(dead_code)] // until the join reads by it
pub mod read;
pub mod writes;

pub use input::{Assemble, AssembleInput, Covers, MatchedBy, RawFormat};
