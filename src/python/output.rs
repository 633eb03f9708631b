//! Published tables as Arrow streams, and the health of accounts.
//!
//! Files are read one after the other while the stream is read, each with the program's own check of its columns.
//! It fails if the output or the table does not exist, or if a file is damaged.

use crate::stream::{self, Batches};
use crate::{errors, work};
use arrow::array::{RecordBatch, RecordBatchReader};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;
use vtr::cli::{Cli, Verb};
use vtr::error::{Error, Result};
use vtr::publish::{self, store::Store};
use vtr::schema;
use vtr::verbs::listing::read_published;
use vtr::verbs::published;

/// A published output: a folder or a URI.
#[pyclass(frozen, module = "vtr")]
pub struct Output {
    path: PathBuf,
}

#[pymethods]
impl Output {
    #[new]
    fn new(path: PathBuf) -> Output {
        Output { path }
    }

    /// Returns the table of a version, by default the highest.
    #[pyo3(signature = (name, version=None))]
    fn table(&self, py: Python<'_>, name: &str, version: Option<u64>) -> PyResult<Table> {
        let (path, name) = (self.path.clone(), name.to_owned());
        work::interruptible(py, move || Table::open(&path, &name, version))
    }

    /// Returns the names of the tables of a version, by default the highest.
    #[pyo3(signature = (version=None))]
    fn tables(&self, py: Python<'_>, version: Option<u64>) -> PyResult<Vec<String>> {
        let path = self.path.clone();
        work::interruptible(py, move || {
            let manifest = publish::open(publish::at(&path)?.as_ref(), version)?;
            Ok(schema::Table::ALL
                .iter()
                .filter(|table| manifest.has(**table))
                .map(|table| table.name().into())
                .collect())
        })
    }

    fn __repr__(&self) -> String {
        format!("vtr.Output({:?})", self.path.display().to_string())
    }
}

/// A table of one version.
#[pyclass(frozen, module = "vtr")]
pub struct Table {
    path: PathBuf,
    table: schema::Table,
    files: Vec<String>,
    #[pyo3(get)]
    version: u64,
    #[pyo3(get)]
    num_rows: u64,
}

impl Table {
    fn open(path: &std::path::Path, name: &str, version: Option<u64>) -> Result<Table> {
        let named = schema::Table::ALL.into_iter().find(|table| table.name() == name);
        let table = named.ok_or_else(|| {
            let names: Vec<&str> = schema::Table::ALL.iter().map(|table| table.name()).collect();
            Error::Usage(format!("`{name}` is no table; the tables are {}", names.join(", ")))
        })?;
        let store = publish::at(path)?;
        let manifest = published::version(store.as_ref(), table, version)?;
        let files = manifest.files(table);
        Ok(Table {
            path: path.to_owned(),
            table,
            num_rows: files.iter().map(|file| file.rows).sum(),
            files: files.iter().map(|file| file.path.clone()).collect(),
            version: manifest.version,
        })
    }
}

#[pymethods]
impl Table {
    /// Returns the table's name.
    #[getter]
    fn name(&self) -> &'static str {
        self.table.name()
    }

    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        // A reader that asks for another schema must cast; the interface leaves that to a producer's best effort.
        drop(requested_schema);
        let store = publish::at(&self.path).map_err(|error| errors::raised(&error))?;
        let rows = Rows {
            store,
            table: self.table,
            files: self.files.clone().into(),
            ready: VecDeque::new(),
            schema: self.table.schema(),
        };
        let batches: Batches = Box::new(rows);
        stream::capsule(py, batches)
    }

    fn __repr__(&self) -> String {
        format!("<vtr table {} of version {}: {} rows>", self.table.name(), self.version, self.num_rows)
    }
}

/// The rows of published files, one file after the other.
struct Rows {
    store: Arc<dyn Store>,
    table: schema::Table,
    files: VecDeque<String>,
    /// The batches of the file that was read last.
    ready: VecDeque<RecordBatch>,
    schema: SchemaRef,
}

impl Iterator for Rows {
    type Item = std::result::Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(batch) = self.ready.pop_front() {
                return Some(batch.with_schema(self.schema.clone()));
            }
            let file = self.files.pop_front()?;
            let ready = &mut self.ready;
            let read = read_published(self.store.as_ref(), self.table, &file, &mut |batch| {
                ready.push_back(batch.clone());
                Ok(true)
            });
            if let Err(error) = read {
                return Some(Err(ArrowError::ExternalError(error.told().into())));
            }
        }
    }
}

impl RecordBatchReader for Rows {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }
}

/// Returns the list of `vtr health`, given its words: JSON, and notes for people.
#[pyfunction]
pub fn health(py: Python<'_>, words: Vec<String>) -> PyResult<(String, String)> {
    let cli: Cli = crate::parsed(words)?;
    work::interruptible(py, move || {
        let (mut out, mut notes) = (Vec::new(), Vec::new());
        if let Verb::Health(args) = &cli.verb {
            published::health_to(args, SystemTime::now(), &mut out, &mut notes)?;
        }
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok((text(out), text(notes)))
    })
}
