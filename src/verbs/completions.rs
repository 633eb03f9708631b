//! `vtr completions`: what a shell needs to complete the command line.
//!
//! Made from the command line's own types, so it cannot lag behind. It fails only with stdout.

use crate::cli::Cli;
use crate::error::Result;
use clap::CommandFactory;
use clap_complete::Shell;

/// Prints the completions of a shell.
///
/// # Errors
/// If stdout does not take them.
pub fn run(shell: Shell) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "vtr", &mut script);
    super::print(script)
}
