//! `vtr gc`: deletes files that no kept version of an output names.
//!
//! The rules are in `publish::gc`; this module calls it and reports. It is refused while a run is publishing to the
//! output.

use super::listing::{self, Cell, Format};
use crate::error::{Error, Result};
use crate::publish;
use crate::publish::gc::{self, Collected, Mode};
use serde_json::json;
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::time::SystemTime;
use vtr_kernel::text::shown_json;

/// Deletes, or only counts with [`Mode::Count`], and prints the result to stdout.
pub fn run(out: &Path, keep: u64, mode: Mode, now: SystemTime, format: Format) -> Result<()> {
    let store = publish::at(out)?;
    let collected = gc::collect(store.as_ref(), keep, now, mode)?;
    if format == Format::Csv {
        return listing::print(format, &HEADS, [row(&collected, mode)]);
    }
    match print(&mut io::stdout().lock(), &collected, (keep, mode), format) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Error::failed("writing to stdout", error)),
        _ => Ok(()),
    }
}

/// The columns of the list for spreadsheets, which has one row.
const HEADS: [&str; 8] = ["deleted", "files", "bytes", "temporary", "too_young", "oldest_kept", "newest", "notes"];

fn row(collected: &Collected, mode: Mode) -> Vec<Cell<'static>> {
    let Collected { oldest_kept, newest, files, bytes, temporary, too_young, notes } = *collected;
    let count = |count: u64| Cell::Count(i64::try_from(count).unwrap_or(i64::MAX));
    let counts = [files, bytes, temporary, too_young, oldest_kept, newest, notes].map(count);
    std::iter::once(Cell::Flag(mode == Mode::Delete)).chain(counts).collect()
}

fn print(to: &mut dyn Write, collected: &Collected, (keep, mode): (u64, Mode), format: Format) -> io::Result<()> {
    let Collected { oldest_kept, newest, files, bytes, temporary, too_young, notes } = collected;
    if format == Format::Json {
        let document = json!({
            "deleted": mode == Mode::Delete,
            "files": files,
            "bytes": bytes,
            "temporary": temporary,
            "too_young": too_young,
            "oldest_kept": oldest_kept,
            "newest": newest,
            "notes": notes,
        });
        writeln!(to, "{}", shown_json(&format!("{document:#}")))?;
        return to.flush();
    }
    let verb = if mode == Mode::Delete { "deleted" } else { "would delete" };
    writeln!(to, "{verb} {files} data files ({bytes} bytes) and {temporary} unfinished files of dead runs")?;
    if *notes > 0 {
        writeln!(to, "{verb} {notes} notes of row groups that no run looks at any more")?;
    }
    let days = gc::GRACE.as_secs() / 86_400;
    writeln!(to, "kept versions {oldest_kept} to {newest}, and {too_young} unnamed files younger than {days} days")?;
    if newest.saturating_sub(*oldest_kept) + 1 > keep {
        writeln!(to, "more than {keep} are kept: each of them was the newest within the last {days} days")?;
    }
    to.flush()
}
