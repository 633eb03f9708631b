//! `vtr gc`: deletes what no kept version of an output names.
//!
//! The rules are those of `publish::gc`; here they are only asked for and reported. It is refused while
//! a run is publishing to the output.

use crate::error::{Error, Result};
use crate::publish;
use crate::publish::gc::{self, Collected, Mode};
use serde_json::json;
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::time::SystemTime;

/// Deletes, or with [`Mode::Count`] only counts, and prints to stdout what went.
pub fn run(out: &Path, keep: u64, mode: Mode, now: SystemTime, as_json: bool) -> Result<()> {
    let store = publish::at(out)?;
    let collected = gc::collect(store.as_ref(), keep, now, mode)?;
    match print(&mut io::stdout().lock(), &collected, mode, as_json) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Error::failed("writing to stdout", error)),
        _ => Ok(()),
    }
}

fn print(to: &mut dyn Write, collected: &Collected, mode: Mode, as_json: bool) -> io::Result<()> {
    let Collected { oldest_kept, newest, files, bytes, temporary, too_young } = collected;
    if as_json {
        let document = json!({
            "deleted": mode == Mode::Delete,
            "files": files,
            "bytes": bytes,
            "temporary": temporary,
            "too_young": too_young,
            "oldest_kept": oldest_kept,
            "newest": newest,
        });
        writeln!(to, "{document:#}")?;
        return to.flush();
    }
    let verb = if mode == Mode::Delete { "deleted" } else { "would delete" };
    writeln!(to, "{verb} {files} data files ({bytes} bytes) and {temporary} unfinished files of dead runs")?;
    let days = gc::GRACE.as_secs() / 86_400;
    writeln!(to, "kept versions {oldest_kept} to {newest}, and {too_young} unnamed files younger than {days} days")?;
    to.flush()
}
