//! The kernel: what a shipment is worth under the rules in force on its day.
//!
//! Pure and total. It has no files, clock, Arrow, polars or logging; everything that can move a verdict is here or
//! in `book/`. Loading a [`Book`] may fail, with every problem named at once. Judging never fails and never panics.

pub mod amount;
pub mod calendar;
pub mod carrier;
pub mod check_digit;
pub mod countries;
pub mod facts;
pub mod glance;
pub mod instant;
pub mod ladder;
pub mod lane;
pub mod load;
pub mod mend;
pub mod money;
pub mod number;
pub mod placeholder;
pub mod policy;
pub mod reason;
pub mod service;
pub mod sources;
pub mod standing;
pub mod strays;
pub mod suggest;
pub mod tally;
pub mod text;
pub mod windows;
pub mod words;
pub mod wrapper;

pub use facts::Facts;
pub use ladder::{Verdict, judge};
pub use policy::Book;
pub use reason::{Class, Reason};
