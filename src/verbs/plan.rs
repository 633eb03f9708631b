//! `vtr plan`: shows what a run would read and replace, and why, without doing it.
//!
//! With `--units` it plans shares instead. It checks job, book, paths and schemas as a run does; it hashes inputs that
//! may have changed and reads changed text files to find their days. It writes nothing, and fails if a run would fail
//! before reading data.

use super::listing::{self, Cell, Format};
use super::published;
use crate::assemble;
use crate::cli::{GlobalOptions, PlanArgs};
use crate::error::Result;
use crate::job::{self, plan::Plan};
use crate::publish::stale::{self, Look, Rehash, Stale, Weeks};
use crate::publish::{Manifest, Span, log, outdated};
use crate::scan::{self, Survey};
use std::path::Path;
use std::time::SystemTime;
use vtr_kernel::calendar::{Day, date_from_day, iso_week};
use vtr_kernel::text::grouped;

/// Plans the job.
pub fn run(args: &PlanArgs, global: &GlobalOptions) -> Result<()> {
    if let Some(units) = &args.units {
        return super::shares::plan(args, units, global);
    }
    print(&lines(args)?, args)
}

/// The plan as JSON: an array of objects with `step` and `detail`.
///
/// # Errors
/// As [`run`].
pub fn as_json(args: &PlanArgs) -> Result<String> {
    let steps: Vec<_> = lines(args)?
        .into_iter()
        .map(|(head, line)| serde_json::json!({ "step": head.trim(), "detail": line }))
        .collect();
    Ok(serde_json::Value::from(steps).to_string())
}

fn lines(args: &PlanArgs) -> Result<Lines> {
    let mut plan = job::load(&args.job.job, &super::overrides(&args.job, &args.range), SystemTime::now())?;
    let mut lines = Lines::new();
    if !join_lines(&mut plan, &mut lines)? {
        return Ok(lines);
    }
    let store = crate::publish::at(Path::new(&plan.output.path))?;
    let base = log::latest(store.as_ref())?;
    stale::recall(&mut plan, base.as_ref(), store.as_ref(), Rehash::Changed)?;
    let survey = scan::survey(&plan)?;
    crate::publish::refuse_other(&plan, base.as_ref(), Some(survey.evidence))?;
    job_lines(&plan, &survey, &mut lines);
    input_lines(&plan, &survey, &mut lines);
    output_lines(&plan, base.as_ref(), &mut lines);
    let mut stale = Lines::new();
    let is_partial = stale_lines(&plan, survey, base.as_ref(), &mut stale)?;
    if is_partial && plan.range.is_none() {
        // A run without weeks reads and replaces what is outdated, not what the job spans.
        for (head, line) in &mut lines {
            match *head {
                "weeks" => "those that are outdated, as below; with --full all that the inputs hold".clone_into(line),
                REPLACES => (*head, *line) = ("  --full", format!("replaces {line}")),
                _ => {}
            }
        }
        let is_nothing = stale.iter().any(|(head, line)| *head == "stale" && line == NO_WEEK);
        put(
            &mut lines,
            "replaces",
            if is_nothing { "nothing" } else { "the outdated weeks, and tables that span weeks" },
        );
    }
    lines.extend(stale);
    Ok(lines)
}

fn print(lines: &Lines, args: &PlanArgs) -> Result<()> {
    match published::format(args.written) {
        Format::Table => {
            super::print_lines(&lines.iter().map(|(head, line)| format!("{head:<10} {line}\n")).collect::<String>())
        }
        format => {
            let row = |(head, line): &(&'static str, String)| vec![Cell::text(head.trim()), Cell::text(line.clone())];
            listing::print(format, &["step", "detail"], lines.iter().map(row))
        }
    }
}

/// The step of a table that is replaced.
const REPLACES: &str = "  replaces";
/// What is said if nothing is outdated.
const NO_WEEK: &str = "no week";

/// The lines of a plan: the name of the step, and the rest of the line.
type Lines = Vec<(&'static str, String)>;

fn put(lines: &mut Lines, head: &'static str, line: &str) {
    lines.push((head, line.to_owned()));
}

/// Lists the raw files that are joined first; returns whether there are packages with which to continue.
fn join_lines(plan: &mut Plan, text: &mut Lines) -> Result<bool> {
    let Some(joins) = assemble::look(plan)? else { return Ok(true) };
    let (files, size) = (grouped(joins.files), grouped(joins.bytes >> 10));
    put(text, "joins", &format!("{files} raw files of {size} KiB into packages at {}", joins.path));
    for input in &joins.inputs {
        let kind = if input.kind.is_empty() { String::new() } else { format!(" ({})", input.kind) };
        put(text, "  input", &format!("{}: {}{kind}, {} files", input.paths, input.role, grouped(input.files)));
    }
    put(text, "  columns", &joins.columns.join(" "));
    let covers = if joins.covers.is_empty() { "nothing of sides".to_owned() } else { joins.covers.join(", ") };
    put(text, "  expects", &covers);
    let space = grouped(joins.temporary.div_ceil(1 << 20));
    put(text, "  needs", &format!("about {space} MiB of temporary space in {}", plan.temp.display()));
    let stands = match joins.stands {
        assemble::Stands::Same => "no raw file, profile or rule has changed",
        assemble::Stands::Changed => {
            "changed: `vtr run` joins them again; the lines below refer to the published packages"
        }
        assemble::Stands::Nothing => {
            "nothing yet: `vtr run` joins the packages first; which weeks it judges is known then"
        }
    };
    put(text, "  stands", stands);
    if joins.stands == assemble::Stands::Nothing {
        return Ok(false);
    }
    assemble::ready(plan, assemble::Mode::Standing)?;
    Ok(true)
}

fn job_lines(plan: &Plan, survey: &Survey, text: &mut Lines) {
    put(text, "job", &plan.name);
    put(text, "as of", &format!("{}", date_from_day(plan.as_of)));
    put(text, "weeks", &plan.range.map_or("all that the inputs hold".into(), |range| weeks(range.first, range.last)));
    put(text, "evidence", survey.evidence.name());
    put(
        text,
        "copies",
        match plan.identity {
            Some(job::plan::Identity::Package) => "the newest row of each package counts",
            Some(job::plan::Identity::Order) => "for each order, the rows of its newest file count",
            None if plan.assemble.is_some() => "none: packages are there once",
            None => "every row counts: deduplicate = false",
        },
    );
    put(text, "book", plan.book.digest());
}

fn weeks(first: Day, last: Day) -> String {
    format!("{} to {} ({} to {})", iso_week(first), iso_week(last), date_from_day(first), date_from_day(last + 6))
}

fn input_lines(plan: &Plan, survey: &Survey, text: &mut Lines) {
    let bytes: u64 = survey.files.iter().map(|file| file.bytes).sum();
    put(
        text,
        "reads",
        &format!(
            "{} files of {} KiB in {} pieces",
            grouped(survey.files.len() as u64),
            grouped(bytes >> 10),
            grouped(survey.units.len() as u64)
        ),
    );
    for (index, input) in plan.inputs.iter().enumerate() {
        let files: Vec<_> = survey.files.iter().filter(|file| file.input == index).collect();
        let rows: Option<u64> = files.iter().map(|file| file.rows).sum();
        let pruned: u64 = files.iter().map(|file| file.rows_pruned).sum();
        let rows = rows.map_or("rows not known before reading".into(), |rows| {
            format!("{} rows, {} of them pruned by date", grouped(rows), grouped(pruned))
        });
        put(text, "  input", &format!("{}: {} files, {rows}", input.paths.join(", "), grouped(files.len() as u64)));
    }
    for twice in plan.inputs.iter().flat_map(scan::headings::doubtful) {
        put(text, "  doubtful", &twice);
    }
    for unmapped in &survey.unmapped {
        put(text, "  unmapped", unmapped);
    }
    for absent in &survey.not_judged {
        put(text, "  absent", &absent.told(survey.files.len()));
    }
}

fn output_lines(plan: &Plan, base: Option<&Manifest>, text: &mut Lines) {
    put(text, "publishes", &plan.output.path);
    match base {
        Some(base) => {
            let changed = |ours: &str, theirs: &str| if ours == theirs { "the same" } else { "changed since" };
            let line = format!(
                "version {} of {}, as of {}; job {}, book {}",
                base.version,
                base.program,
                date_from_day(base.as_of),
                changed(&plan.job_digest, &base.job.digest),
                changed(plan.book.digest(), &base.book)
            );
            put(text, "  stands", &line);
        }
        None => put(text, "  stands", "nothing yet"),
    }
    for (table, span) in crate::publish::spans(plan) {
        let replaced = base.map_or(0, |base| base.files(table).iter().filter(|file| span.covers(file.week)).count());
        let what = match span {
            Span::All => "all of it".to_owned(),
            Span::Weeks { first, last } => weeks(first, last),
        };
        let line = if table.is_of_health() && !plan.counts_health_span() {
            format!("{}: nothing; the weeks asked for do not hold all the days that it needs", table.name())
        } else {
            format!("{}: {what}, {replaced} files", table.name())
        };
        put(text, REPLACES, &line);
    }
}

/// Lists the outdated published weeks, and those that would lose all rows, as far as the inputs tell; returns whether
/// others stay as they are.
fn stale_lines(plan: &Plan, survey: Survey, base: Option<&Manifest>, text: &mut Lines) -> Result<bool> {
    let Some(base) = base else { return Ok(false) };
    let store = crate::publish::at(Path::new(&plan.output.path))?;
    let look = Look::at(plan, survey, base, store.as_ref())?;
    let stale = look.stale();
    let is_partial = matches!(stale, Stale::Some(_));
    match stale {
        Stale::Everything(why) => put(text, "stale", &format!("all weeks: {why}")),
        Stale::Some(Weeks { weeks: stale, health, dropped, .. }) => {
            if stale.is_empty() {
                put(text, "stale", NO_WEEK);
            }
            let reasons: std::collections::BTreeSet<&String> = stale.values().collect();
            for reason in reasons {
                let of_reason = stale.iter().filter(|(_, why)| *why == reason);
                for range in outdated::ranges(of_reason.map(|(week, _)| *week), 0) {
                    put(text, "stale", &format!("{}: {reason}", weeks(range.first, range.last)));
                }
            }
            health.iter().for_each(|why| put(text, "stale", &format!("account_health: {why}")));
            dropped.iter().for_each(|table| put(text, "drops", &format!("{table}: the job no longer makes it")));
            if let Some(first) = plan.first_open().filter(|first| stale.keys().any(|week| week < first)) {
                put(text, "closed", &format!("weeks before {} stay as they are", iso_week(first)));
            }
        }
    }
    match look.vanishing() {
        None => put(text, "vanishes", "not known before reading"),
        Some(gone) => {
            for range in outdated::ranges(gone, 0) {
                put(text, "vanishes", &format!("{}: no input can hold a day of it", weeks(range.first, range.last)));
            }
        }
    }
    Ok(is_partial)
}
