//! The program: parse, run, say what went wrong, and the exit code.

use clap::Parser;
use std::error::Error as _;
use std::process::ExitCode;
use vtr::cli::Cli;
use vtr::error::Error;

fn main() -> ExitCode {
    let cli = Cli::parse();
    vtr::signals::install();
    vtr::progress::start_log(&cli.global);
    let ended = vtr::verbs::run(cli);
    vtr::signals::ending();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read our output has enough of it: `vtr defects out | head`.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            vtr::progress::fail(&error.told(), error.exit_code());
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(1))
        }
    }
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
