//! Where bytes are kept: files to read, object stores, temporary files.
//!
//! It opens, reads by range and spills; it knows no format, no row and no rule. It fails as the disk or the store
//! does, with the path and the remedy.

pub mod budget;
pub mod hashed;
mod keys;
pub mod marks;
pub mod object_files;
mod object_reads;
pub mod readable;
pub mod spill;
