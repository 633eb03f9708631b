//! `vtr man`: prints manual pages.
//!
//! They are generated from the command line's own types, so they are always up to date. It fails if a verb is unknown,
//! or if stdout cannot be written.

use crate::cli::Cli;
use crate::error::{Error, Result};
use clap::CommandFactory;
use vtr_kernel::suggest::did_you_mean;

/// Prints the page of the program, or of one verb.
///
/// # Errors
/// [`Error::Usage`] for an unknown verb.
pub fn run(verb: Option<&str>) -> Result<()> {
    super::print(page(verb)?)
}

fn page(verb: Option<&str>) -> Result<Vec<u8>> {
    let mut program = Cli::command();
    program.build();
    let command = match verb {
        None => program,
        Some(name) => program.find_subcommand(name).cloned().ok_or_else(|| {
            let known = program.get_subcommands().filter(|verb| !verb.is_hide_set()).map(clap::Command::get_name);
            Error::Usage(format!("there is no verb `{name}`{}", did_you_mean(name, known)))
        })?,
    };
    let mut page = Vec::new();
    let rendered = clap_mangen::Man::new(command).render(&mut page);
    rendered.map_err(|error| Error::failed("cannot make the manual page", error))?;
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_name_verbs_and_options() {
        let text = |verb| String::from_utf8(page(verb).unwrap()).unwrap();
        assert!(text(None).contains("explain"));
        assert!(text(Some("run")).contains("as\\-of"));
        assert!(page(Some("rnu")).unwrap_err().to_string().contains("did you mean `run`?"));
    }
}
