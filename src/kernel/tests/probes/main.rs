//! Probes: every parameter of the embedded book changes an answer.
//!
//! Each test changes one kind of parameter throughout the book, and checks for every single place that some crafted
//! shipment now gets another answer. A parameter that changes nothing is dead and fails the test, unless it is
//! listed as commentary or stated twice. Tests that load the book hundreds of times run only in release builds.

mod carriers;
mod lists;
mod policies;
mod shelf;
mod shipment;
