//! Every parameter of the embedded book moves something.
//!
//! Each test changes one kind of parameter throughout the book, and asks of every single place
//! whether some crafted shipment now gets another answer. A parameter that moves nothing is dead
//! and fails the test, unless it is listed as commentary or said twice. What loads the book hundreds
//! of times is left to release builds.

mod carriers;
mod lists;
mod policies;
mod shelf;
mod shipment;
