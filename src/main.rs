//! The program: parses the command line, runs the verb, prints what went wrong and returns the exit code.

use clap::Parser;
use std::error::Error as _;
use std::process::ExitCode;
use vtr::cli::Cli;
use vtr::error::Error;
use vtr::progress::shown_lines;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(refused) => return refuse(&refused),
    };
    vtr::signals::install();
    vtr::progress::start_log(&cli.global);
    let ended = vtr::verbs::run(cli);
    vtr::signals::ending();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of our output has closed the pipe, as in `vtr defects out | head`.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            vtr::progress::fail(&error.told(), error.exit_code());
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(1))
        }
    }
}

/// Prints why the command line is refused, or the help that was asked for; the user's text is escaped.
fn refuse(refused: &clap::Error) -> ExitCode {
    let said = refused.render().to_string();
    if refused.use_stderr() && shown_lines(&said) != said {
        eprint!("{}", shown_lines(&said));
        return ExitCode::from(u8::try_from(refused.exit_code()).unwrap_or(2));
    }
    refused.exit()
}

fn is_broken_pipe(error: &Error) -> bool {
    let mut source = error.source();
    while let Some(cause) = source {
        if cause.downcast_ref::<std::io::Error>().is_some_and(|io| io.kind() == std::io::ErrorKind::BrokenPipe) {
            return true;
        }
        source = cause.source();
    }
    false
}
