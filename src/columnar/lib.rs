//! Arrow batches of shipments to verdicts and counts.
//!
//! # The front door
//!
//! [`judge::Judge`] holds the rules and the terms, owned, and is shared by threads. [`judge::Input`] says which
//! columns a schema has and how they are read. [`judge::Judge::verdicts`] gives a row for each row,
//! [`judge::Judge::counter`] counts them, and [`judge::Counts`] gives the counts as Arrow batches of texts, to which a
//! worker who shares nothing with this one can add. What is refused is a [`judge::InputError`]; a row that cannot be
//! judged becomes a [`judge::Reject`], never a null.
//!
//! # What it must not do
//!
//! It renames nothing and judges nothing itself: it types cells, resolves each distinct text once, calls the kernel
//! for each row and adds up. It knows kernel and Arrow only, no files. How counts are packed is its own business:
//! who has more of them than memory keeps [`partial::Packed`] ones without looking into them.

pub mod asides;
pub mod axis;
mod carried;
mod cells;
pub mod choice;
mod columns;
mod copies;
mod counts;
mod dealt;
pub mod defects;
pub mod dictionary;
mod faults;
pub mod fold;
mod foreign;
pub mod input;
pub mod judge;
pub mod keys;
pub mod marginals;
pub mod partial;
mod refusal;
mod reject;
mod resolve;
mod rows;
mod settings;
mod source;
mod tallies;
mod texts;
mod verdicts;
