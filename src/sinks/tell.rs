//! The sentences about sinks for people.
//!
//! It formats facts and does nothing else. Nothing in it fails.

use super::{Did, Synced, postgres};
use crate::error::Error;
use crate::job::plan::{Sink, SinkFormat, SinkPlace};
use std::path::Path;
use vtr_kernel::text::grouped;

/// A sink's kind, as jobs write it.
pub fn kind(sink: &Sink) -> &'static str {
    match sink.place {
        SinkPlace::Postgres { .. } => "postgres",
        SinkPlace::Files(_) => "files",
    }
}

/// A format, as jobs write it.
pub fn format(format: SinkFormat) -> &'static str {
    match format {
        SinkFormat::Csv => "csv",
        SinkFormat::Parquet => "parquet",
        SinkFormat::Jsonl => "jsonl",
    }
}

/// A line that says what a sync did.
pub fn line(sink: &Sink, synced: &Synced) -> String {
    let Synced { version, did, tables, files, rows, .. } = synced;
    match did {
        Did::Nothing => format!("sink {}: holds version {version} already", sink.name),
        Did::Wrote => format!(
            "sink {}: holds version {version} now; {} rows of {files} files in {tables} tables were written",
            sink.name,
            grouped(*rows)
        ),
    }
}

/// Sentences about cells that were written differently from the published ones.
pub fn notes(sink: &Sink, synced: &Synced) -> Vec<String> {
    let (name, altered) = (&sink.name, synced.altered);
    let limit = postgres::KEY_BYTES;
    let notes = [
        (
            altered.cut,
            format!("texts of keys are longer than {limit} bytes; they are cut there and end in their SHA-256"),
        ),
        (altered.nul, "texts contain U+0000, which the server cannot store; it is written \\u{0}".to_owned()),
        (
            altered.defused,
            "cells begin like a spreadsheet formula and got a leading apostrophe; `defuse = false` leaves them"
                .to_owned(),
        ),
    ];
    let note = |(count, what): (u64, String)| (count > 0).then(|| format!("sink {name}: {} {what}", grouped(count)));
    notes.into_iter().filter_map(note).collect()
}

/// A sentence that says why a sink does not hold the published version, and what to do.
pub fn failure(sink: &Sink, published: u64, holds: Option<u64>, job: &Path, error: &Error) -> String {
    let name = &sink.name;
    let holds =
        holds.map_or_else(|| format!("sink {name} does not hold it"), |version| format!("sink {name} holds {version}"));
    let cause = error.told().replace('\n', "\n  ");
    format!("version {published} is published; {holds}: vtr sync {} --sink {name}\n  because: {cause}", job.display())
}
