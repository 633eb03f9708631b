//! OpenLineage events of a run: START, then COMPLETE, FAIL or ABORT, one JSON object a line.
//!
//! Inputs are named as in the job, up to the first folder with a glob sign, so that a data set keeps its name while
//! its files change; a URI that could hold a credential is left out. Each event is appended in one write, so that runs
//! may share a file. It fails if the file cannot be written.

use crate::error::{Error, Result};
use crate::job::plan::{Plan, Sink, SinkPlace};
use crate::place::object_files;
use crate::scan::split_glob;
use crate::schema::Table;
use crate::sinks::{self, Synced};
use crate::tell::report::{Outcome, RunReport};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Component, Path, PathBuf};
use vtr_kernel::text::hex;

/// The specification of the events.
const SCHEMA: &str = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent";
/// The specifications of the facets.
const FACETS: &str = "https://openlineage.io/spec/facets";
/// The most inputs that an event names.
const INPUTS: usize = 100;
/// The namespace of all jobs.
const NAMESPACE: &str = "vtr";

/// The event of a run that begins.
pub fn started(plan: &Plan) -> Value {
    let outputs = plan.output.tables.iter().filter_map(|table| output(plan, table.name())).collect();
    event(plan, "START", &plan.began_at, outputs, None)
}

/// The event of a run that ended. If the version was published, the run is complete, even if a signal came later.
pub fn ended(plan: &Plan, report: &RunReport, ended: &Result<()>) -> Value {
    let kind = match ended {
        _ if report.outcome != Outcome::Failed => "COMPLETE",
        Err(Error::Stopped { .. }) => "ABORT",
        // The run goes on with the next batch.
        Err(Error::NoWeeks(_)) if plan.is_batch => "ABORT",
        _ => "FAIL",
    };
    let told = ended.as_ref().err().filter(|_| kind != "COMPLETE").map(Error::told);
    let outputs = plan.output.tables.iter().filter_map(|table| {
        let mut output = output(plan, table.name())?;
        let written = report.tables.iter().find(|written| written.table == table.name());
        if let Some(written) = written.filter(|_| report.outcome == Outcome::Published) {
            let mut statistics = facet("1-0-2", "OutputStatisticsOutputDatasetFacet");
            statistics["rowCount"] = written.rows.into();
            statistics["fileCount"] = written.files.into();
            output["outputFacets"] = json!({ "outputStatistics": statistics });
        }
        Some(output)
    });
    event(plan, kind, &report.ended_at, outputs.collect(), told)
}

/// The event of a sync of one sink; its inputs are the tables that the run publishes.
pub fn synced(plan: &Plan, sink: &Sink, tables: &[Table], done: &Result<Synced>) -> Value {
    let (kind, told) = match done {
        Ok(_) => ("COMPLETE", None),
        Err(error @ Error::Stopped { .. }) => ("ABORT", Some(error.told())),
        Err(error) => ("FAIL", Some(error.told())),
    };
    let outputs = tables.iter().filter_map(|table| {
        let (namespace, name) = match &sink.place {
            SinkPlace::Postgres { schema } => {
                let (server, database) = sinks::postgres::shown(sink).ok()?;
                (format!("postgres://{server}"), format!("{database}.{schema}.{}", table.name()))
            }
            SinkPlace::Files(files) => {
                place(&plan.root, &format!("{}/{}", files.path.trim_end_matches('/'), table.name()))?
            }
        };
        Some(json!({ "namespace": namespace, "name": name }))
    });
    let at = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let mut event = event(plan, kind, &at, outputs.collect(), told);
    event["inputs"] = tables.iter().filter_map(|table| output(plan, table.name())).collect();
    event["run"]["runId"] = uuid(&format!("{} {}", plan.run_id, sink.name)).into();
    event["job"]["name"] = format!("{}.sync.{}", plan.name, sink.name).into();
    event
}

/// Appends an event to a file.
///
/// # Errors
/// [`Error::Failed`] with the path.
pub fn append(path: &Path, event: &Value) -> Result<()> {
    let line = format!("{event}\n");
    let file = OpenOptions::new().append(true).create(true).open(path);
    let written = file.and_then(|mut file| file.write_all(line.as_bytes()));
    written.map_err(|error| Error::failed(format!("cannot write lineage to {}", path.display()), error))
}

fn event(plan: &Plan, kind: &str, at: &str, outputs: Vec<Value>, told: Option<String>) -> Value {
    let mut engine = facet("1-1-1", "ProcessingEngineRunFacet");
    engine["name"] = "vtr".into();
    engine["version"] = env!("CARGO_PKG_VERSION").into();
    let mut facets = json!({ "processing_engine": engine });
    if let Some(told) = told {
        let mut message = facet("1-0-1", "ErrorMessageRunFacet");
        message["message"] = told.into();
        message["programmingLanguage"] = "RUST".into();
        facets["errorMessage"] = message;
    }
    json!({
        "eventType": kind,
        "eventTime": at,
        "run": { "runId": uuid(&plan.run_id), "facets": facets },
        "job": { "namespace": NAMESPACE, "name": plan.name },
        "inputs": inputs(plan),
        "outputs": outputs,
        "producer": producer(),
        "schemaURL": SCHEMA,
    })
}

fn facet(version: &str, name: &str) -> Value {
    json!({ "_producer": producer(), "_schemaURL": format!("{FACETS}/{version}/{name}.json#/$defs/{name}") })
}

fn producer() -> String {
    format!("urn:vtr:{}", env!("CARGO_PKG_VERSION"))
}

/// The inputs of the job, each data set once.
fn inputs(plan: &Plan) -> Vec<Value> {
    let written = plan.inputs.iter().flat_map(|input| &input.paths);
    let places: BTreeSet<_> = written.filter_map(|path| place(&plan.root, &split_glob(path).0)).collect();
    places.into_iter().take(INPUTS).map(|(namespace, name)| json!({ "namespace": namespace, "name": name })).collect()
}

fn output(plan: &Plan, table: &str) -> Option<Value> {
    let path = format!("{}/data/{table}", plan.output.path.trim_end_matches('/'));
    place(&plan.root, &path).map(|(namespace, name)| json!({ "namespace": namespace, "name": name }))
}

/// The namespace and name of a data set by OpenLineage's naming: the store, and the path within it.
fn place(root: &Path, path: &str) -> Option<(String, String)> {
    if object_files::is_uri(path) {
        // An invalid URI or one with a credential is left out; the run itself refuses it with an error.
        let (scheme, bucket, path) = object_files::parts(path).ok()?;
        let name = path.trim_matches('/');
        return Some((format!("{scheme}://{bucket}"), if name.is_empty() { "/".into() } else { name.into() }));
    }
    let path = std::path::absolute(root.join(path)).ok()?;
    // A data set has the same name from whichever folder a job names it. Paths are resolved without the disk, because
    // outputs may not exist yet.
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            part => plain.push(part),
        }
    }
    Some(("file".into(), plain.to_string_lossy().into_owned()))
}

/// A UUID derived from a run's id; it has the form of version 5 but uses SHA-256.
fn uuid(run_id: &str) -> String {
    let digest = Sha256::digest(run_id.as_bytes());
    let mut bytes: [u8; 16] = std::array::from_fn(|index| digest[index]);
    bytes[6] = (bytes[6] & 0x0f) | 0x50;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    [&bytes[..4], &bytes[4..6], &bytes[6..8], &bytes[8..10], &bytes[10..]].map(hex).join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_id_gives_one_uuid() {
        let made = uuid("20250605T060000-1");
        assert_eq!((made.as_str(), made.len()), (uuid("20250605T060000-1").as_str(), 36));
        assert_eq!((made.as_bytes()[14], b"89ab".contains(&made.as_bytes()[19])), (b'5', true), "{made}");
        assert_ne!(made, uuid("20250605T060000-2"));
    }

    #[test]
    fn places_have_the_names_that_others_give_them_and_no_secrets() {
        let named = |path: &str| place(Path::new("/srv"), &split_glob(path).0);
        let is = |namespace: &str, name: &str| Some((namespace.to_owned(), name.to_owned()));
        assert_eq!(named("in/2025/*.csv"), is("file", "/srv/in/2025"));
        assert_eq!(named("../in/./*.csv"), is("file", "/in"));
        assert_eq!(named("/data/a.csv"), is("file", "/data/a.csv"));
        assert_eq!(named("s3://bucket/in/*/x.parquet"), is("s3://bucket", "in"));
        assert_eq!(named("az://box"), is("az://box", "/"));
        assert_eq!(named("s3://key:secret@bucket/in"), None);
        assert_eq!(named("https://user:secret@host/in"), None);
        assert_eq!(named("az://box/in/a.csv?sv=1&sig=secret"), is("az://box", "in"), "the last part is a pattern");
    }
}
