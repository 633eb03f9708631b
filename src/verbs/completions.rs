//! `vtr completions`: prints the completion script of a shell.
//!
//! It is generated from the command line's own types, so it is always up to date. It fails only if stdout does.

use crate::cli::Cli;
use crate::error::Result;
use clap::CommandFactory;
use clap_complete::Shell;

/// Prints the completion script of a shell.
///
/// # Errors
/// Stdout cannot be written.
pub fn run(shell: Shell) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "vtr", &mut script);
    super::print(script)
}
