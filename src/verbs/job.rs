//! `vtr job schema`: the JSON Schema of job files.
//!
//! It prints what the types of the job say and adds nothing. It fails only with stdout.

use crate::cli::JobVerb;
use crate::error::Result;
use crate::job::spec;

/// Prints the schema.
///
/// # Errors
/// If stdout does not take it.
pub fn run(verb: JobVerb) -> Result<()> {
    match verb {
        JobVerb::Schema => super::print(format!("{:#}\n", spec::schema())),
    }
}
