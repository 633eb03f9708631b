//! From Arrow batches of shipments to verdicts and counts.
//!
//! # The front door
//!
//! [`judge::Judge`] owns the rules and the terms, and is shared by threads. [`judge::Input`] describes the columns
//! of a schema and how they are read. [`judge::Judge::verdicts`] returns a row for each row,
//! [`judge::Judge::counter`] counts rows, and [`judge::Counts`] returns the counts as Arrow batches of texts, to
//! which a worker with other codes can add. Data are refused with a [`judge::InputError`]; a row that cannot be
//! judged becomes a [`judge::Reject`], never a null.
//!
//! # What it must not do
//!
//! It renames nothing and judges nothing itself: it types cells, resolves each distinct text once, calls the kernel
//! for each row and adds up. It uses only kernel and Arrow, and opens no files. The packing of counts is private: a
//! caller with more counts than memory keeps [`partial::Packed`] ones without reading them.

pub mod alike;
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
mod plausible;
mod refusal;
mod reject;
mod resolve;
mod rows;
mod settings;
mod source;
mod tallies;
mod texts;
mod times;
mod verdicts;
