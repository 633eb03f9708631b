//! The `[[sink]]`s of a job, resolved to their places.
//!
//! It knows which keys belong to which kind of sink; connections and credentials are in no job and not handled here.
//! It fails with the key that is missing or that the kind does not have.

use super::plan::{FilesPlace, Formulas, Layout, Sink, SinkPlace};
use super::resolve::SpecReport;
use super::spec::{SinkKind, SinkSpec};
use crate::schema::Table;
use std::collections::BTreeSet;
use std::path::Path;

/// Most bytes of a name in PostgreSQL; the server truncates longer ones silently.
const NAME_BYTES: usize = 63;

/// Returns the sinks of a job; `None` only if a problem was reported.
pub(super) fn sinks(specs: &[SinkSpec], root: &Path, written: SpecReport) -> Option<Vec<Sink>> {
    let sinks: Vec<Option<Sink>> =
        specs.iter().enumerate().map(|(index, spec)| sink(spec, &format!("sink.{index}"), root, written)).collect();
    let mut names = BTreeSet::new();
    for (index, spec) in specs.iter().enumerate() {
        if !names.insert(variable(&spec.name)) {
            let message = format!("two sinks are named {:?}; the name tells their connections apart", spec.name);
            written.refuse(&format!("sink.{index}.name"), message);
            return None;
        }
    }
    sinks.into_iter().collect()
}

/// Returns the environment variable that holds a sink's connection.
pub fn variable(name: &str) -> String {
    format!("VTR_SINK_{}_URL", name.to_ascii_uppercase().replace('-', "_"))
}

fn sink(spec: &SinkSpec, key: &str, root: &Path, written: SpecReport) -> Option<Sink> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-');
    let named = !spec.name.is_empty() && spec.name.bytes().all(is_plain);
    if !named {
        let message = format!("`name` cannot be {:?}; write small letters, digits, _ and -, such as \"bi\"", spec.name);
        written.refuse(&format!("{key}.name"), message);
    }
    let tables = spec.tables.as_ref().map(|names| {
        Table::ALL.into_iter().filter(|table| names.iter().any(|name| name == table.name())).collect::<Vec<_>>()
    });
    if tables.as_ref().is_some_and(Vec::is_empty) {
        written.refuse(&format!("{key}.tables"), "`tables` is empty; name a table, or take the key out to have all");
        return None;
    }
    let place = match spec.kind {
        SinkKind::Postgres => {
            let given = [
                ("path", spec.path.is_some()),
                ("format", spec.format.is_some()),
                ("flat", spec.flat.is_some()),
                ("defuse", spec.defuse.is_some()),
            ];
            refuse_keys("postgres", "files", &given, key, written)?;
            postgres(spec, key, written)
        }
        SinkKind::Files => {
            refuse_keys("files", "postgres", &[("schema", spec.schema.is_some())], key, written)?;
            files(spec, key, root, written)
        }
    };
    Some(Sink { name: named.then(|| spec.name.clone())?, tables, place: place? })
}

/// Refuses keys of another kind of sink.
fn refuse_keys(kind: &str, other: &str, given: &[(&str, bool)], key: &str, written: SpecReport) -> Option<()> {
    let wrong: Vec<&str> = given.iter().filter(|(_, given)| *given).map(|(name, _)| *name).collect();
    for name in &wrong {
        let message = format!("`{name}` belongs to sinks of kind \"{other}\", this one is \"{kind}\"");
        written.refuse(&format!("{key}.{name}"), message);
    }
    wrong.is_empty().then_some(())
}

fn postgres(spec: &SinkSpec, key: &str, written: SpecReport) -> Option<SinkPlace> {
    let schema = spec.schema.clone().unwrap_or_else(|| "vtr".to_owned());
    let sound = !schema.is_empty()
        && schema.len() <= NAME_BYTES
        && !schema.contains(vtr_kernel::text::is_hidden)
        && !schema.starts_with("pg_")
        && schema != "information_schema";
    if !sound {
        let message = format!(
            "`schema` cannot be {schema:?}; write a name of at most {NAME_BYTES} bytes that is not the server's own"
        );
        written.refuse(&format!("{key}.schema"), message);
    }
    sound.then_some(SinkPlace::Postgres { schema })
}

fn files(spec: &SinkSpec, key: &str, root: &Path, written: SpecReport) -> Option<SinkPlace> {
    let Some(path) = &spec.path else {
        written.refuse(key, "a sink of kind \"files\" needs a `path`, the folder that holds nothing else");
        return None;
    };
    let Some(format) = spec.format else {
        written.refuse(key, "a sink of kind \"files\" needs a `format`: \"csv\", \"parquet\" or \"jsonl\"");
        return None;
    };
    Some(SinkPlace::Files(FilesPlace {
        path: written.folder(&format!("{key}.path"), root, path)?,
        format,
        layout: if spec.flat == Some(true) { Layout::Flat } else { Layout::Weeks },
        formulas: if spec.defuse == Some(false) { Formulas::Kept } else { Formulas::Defused },
    }))
}
