//! `vtr gen`: makes a synthetic history with known truth, or the sample.
//!
//! It turns options into [`GenOptions`] and reports what was made; `gen/` makes it. Contradictory options are refused
//! before anything is written.

use crate::cli::{GenArgs, GenFormat, GenOrder, GlobalOptions};
use crate::error::{Error, Result};
use crate::signals;
use chrono::NaiveDate;
use std::time::Instant;
use vtr_gen::{Format, GenError, GenOptions, Generated, Habits, Planted};
use vtr_kernel::suggest::did_you_mean;
use vtr_kernel::{Book, load};

/// The rows that cannot be judged with `--dirt`, in 10,000: below the default limit of a run.
const DIRT: u32 = 5;

/// Generates the history, and prints the files made and the `as_of` to judge it at.
///
/// # Errors
/// [`Error::Usage`] for invalid dates, [`Error::Failed`] for files that cannot be written.
pub fn run(args: &GenArgs, global: &GlobalOptions) -> Result<()> {
    let book = book()?;
    let started = Instant::now();
    let made = if args.sample { vtr_gen::sample(&args.out, &book) } else { vtr_gen::generate(&options(args)?, &book) };
    let made = made.map_err(as_exit)?;
    let seconds = started.elapsed().as_secs_f64();
    if !global.quiet {
        let (rows, rate) = (made.rows, made.rows as f64 / seconds.max(1e-3));
        crate::progress::say(&format!("{rows} rows in {seconds:.1} s ({rate:.0} rows/s)"));
    }
    super::print_lines(&said(&made))
}

/// The error, and so the exit code, for an error of the generator.
fn as_exit(error: GenError) -> Error {
    match error {
        GenError::Usage(text) => Error::Usage(text),
        GenError::Failed { what, source } => Error::Failed { what, source: Some(source) },
        GenError::Stopped => {
            signals::check().err().unwrap_or_else(|| Error::Failed { what: "stopped".into(), source: None })
        }
    }
}

/// Describes the files, and the day by which everything in them has happened.
fn said(made: &Generated) -> String {
    let mut text = String::new();
    for file in &made.files {
        text += &format!("{}\n", file.display());
    }
    let pulled = made.pulled_on.map_or(String::new(), |day| format!("pulled_on = \"{day}\"\n"));
    text + &format!("as_of = \"{}\"\n{pulled}", made.as_of)
}

fn options(args: &GenArgs) -> Result<GenOptions> {
    let date = |option: &str, text: &str| {
        let wrong = |_| Error::Usage(format!("{option} `{text}` is no date; write it like 2024-01-31"));
        text.parse::<NaiveDate>().map_err(wrong)
    };
    let here = std::thread::available_parallelism().map_or(1, usize::from);
    Ok(GenOptions {
        rows: args.rows.ok_or_else(|| Error::Usage("say how many rows: --rows 1000000".into()))?,
        seed: args.seed,
        out: args.out.clone(),
        format: match args.format {
            GenFormat::Parquet => Format::Parquet,
            GenFormat::Csv => Format::Csv,
        },
        files: args.files,
        from: date("--from", &args.from)?,
        to: date("--to", &args.to)?,
        sellers: args.sellers,
        habits: if args.habits { Habits::Kept } else { Habits::Mixed },
        truth: args.truth,
        sorted: args.sorted == GenOrder::Date,
        raw: args.raw,
        dirt: if args.dirt { DIRT } else { 0 },
        amazon: args.amazon.as_deref().map(planted).transpose()?,
        threads: args.threads.unwrap_or(here),
        go_on: || signals::check().is_ok(),
    })
}

/// The planted difference that `--amazon` names.
fn planted(name: &str) -> Result<Planted> {
    let known = || Planted::ALL.into_iter().map(Planted::name);
    Planted::ALL.into_iter().find(|planted| planted.name() == name).ok_or_else(|| {
        let (hint, all) = (did_you_mean(name, known()), known().collect::<Vec<_>>().join(", "));
        Error::Usage(format!("--amazon: there is no difference `{name}`{hint}; known: {all}"))
    })
}

fn book() -> Result<Book> {
    load::embedded().map_err(|problems| {
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Error::Usage(format!("the book in the program does not load:\n{}", problems.join("\n")))
    })
}
