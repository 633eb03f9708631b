//! Arrow batches of shipments to verdicts and partial counts.
//!
//! Renames nothing and judges nothing itself: it types cells, resolves each distinct text once,
//! calls the kernel for each row and adds up. It knows kernel and Arrow only, no files; a cell that
//! cannot be typed becomes a [`Reject`](fold::Reject), never a null.

pub mod asides;
pub mod axis;
mod cells;
mod columns;
mod copies;
pub mod defects;
pub mod dictionary;
pub mod fold;
pub mod input;
pub mod keys;
pub mod marginals;
pub mod partial;
mod reject;
mod resolve;
mod rows;
mod settings;
mod tallies;
mod texts;
