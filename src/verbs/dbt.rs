//! `vtr dbt`: prints the published tables as dbt sources.
//!
//! `sinks::dbt` makes the text; this module opens the output and prints it. It fails if nothing is published there.

use crate::cli::DbtTarget;
use crate::error::Result;
use crate::publish::{self, current};
use crate::sinks::dbt::{Target, sources};
use std::path::Path;
use vtr_kernel::text::shown_json;

/// Prints the sources of the highest version.
///
/// # Errors
/// Nothing is published there; stdout cannot be written.
pub fn run(out: &Path, target: DbtTarget, schema: &str) -> Result<()> {
    let store = publish::at(out)?;
    let manifest = publish::open(store.as_ref(), None)?;
    let target = match target {
        DbtTarget::Postgres => Target::Postgres { schema: schema.to_owned() },
        DbtTarget::Duckdb => Target::Duckdb { root: current::root(store.as_ref())?, is_local: store.local().is_some() },
    };
    super::print(shown_json(&sources(&manifest, &target)).as_ref())
}
