//! `vtr.judge`: a verdict for each row of a stream of Arrow batches, in their order.
//!
//! Declarations about the data beside their schema are read like a job's `[[input]]`. Rows are judged while the
//! result is read, and nothing is kept. A schema that cannot be judged is refused at once, a batch when it arrives.

use crate::stream::{self, Batches};
use crate::work;
use arrow::array::{RecordBatch, RecordBatchOptions, RecordBatchReader};
use arrow::compute::concat_batches;
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use vtr::error::{Error, Result};
use vtr::job::{self, plan, shelf};
use vtr_columnar::input::Column;
use vtr_columnar::judge::{Input, Judge, Source, verdict_schema};
use vtr_kernel::calendar::day_from_date;
use vtr_kernel::ladder::Evidence;
use vtr_kernel::money::Rates;

/// Batches below this many rows are judged together: each distinct text of a batch is resolved once.
const ROWS_AT_ONCE: usize = 65_536;

/// The caller's declarations beside the data, all as texts.
struct Said {
    columns: Vec<(String, String)>,
    constants: Vec<(String, String)>,
    as_of: String,
    evidence: String,
    book: Vec<PathBuf>,
    rates: Option<PathBuf>,
}

/// A judge, and its way of reading one schema.
struct Reading {
    judge: Judge,
    input: Input,
    /// The indexes in the data of the columns that are read.
    places: Vec<usize>,
    /// The same columns under our names.
    schema: SchemaRef,
}

/// Returns the fields of the data that are read, in canonical order, each with its index.
fn fields(columns: &[(Column, Vec<plan::Heading>)], schema: &Schema) -> Result<Vec<(usize, Column)>> {
    let named = |name: &str| {
        let fields = || schema.fields().iter().map(|field| field.name()).enumerate();
        let exact = fields().find(|(_, field)| *field == name);
        exact.or_else(|| fields().find(|(_, field)| field.to_lowercase() == name.to_lowercase())).map(|(at, _)| at)
    };
    let mut found = Vec::new();
    for column in Column::ALL {
        let Some((_, headings)) = columns.iter().find(|(mapped, _)| *mapped == column) else {
            found.extend(named(column.name()).map(|at| (at, column)));
            continue;
        };
        for heading in headings {
            let at = named(&heading.name).ok_or_else(|| {
                let there: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
                let (heading, column) = (&heading.name, column.name());
                Error::Input(format!(
                    "the data have no column `{heading}`, which `columns` gives for `{column}`; there are {}",
                    there.join(", ")
                ))
            })?;
            found.push((at, column));
        }
    }
    Ok(found)
}

impl Reading {
    fn of(said: &Said, schema: &Schema) -> Result<Reading> {
        let mut options: Vec<(String, String, String)> = Vec::new();
        for (part, pairs) in [("columns", &said.columns), ("constants", &said.constants)] {
            options.extend(pairs.iter().map(|(key, value)| (format!("{part}.{key}"), value.clone(), part.to_owned())));
        }
        let options: Vec<_> =
            options.iter().map(|(key, value, option)| (key.as_str(), value.clone(), option.clone())).collect();
        let (told, _) = job::input_of(Path::new("data.parquet"), &options)?;
        let fields = fields(&told.columns, schema)?;
        let renamed: Vec<Field> =
            fields.iter().map(|(at, column)| schema.field(*at).clone().with_name(column.name())).collect();
        let schema = Arc::new(Schema::new(renamed));
        let has = |column: Column| fields.iter().any(|(_, there)| *there == column);
        let constants: Vec<_> = told.constants.iter().filter(|(column, _)| !has(*column)).cloned().collect();
        let scans = [Column::FirstScanAt, Column::DeliveryScanAt];
        let scanned = scans.iter().any(|column| has(*column) || constants.iter().any(|(there, _)| there == column));
        let judge = Judge::builder(shelf::book(&said.book)?, as_of(&said.as_of)?)
            .rates(Arc::new(rates(said.rates.as_deref())?))
            .evidence(evidence(&said.evidence, scanned)?)
            .build();
        let source = Arc::new(Source { file: 0, constants, cells: told.columnar_cells.clone() });
        let input = judge.input_of(&schema, &source).map_err(|error| Error::Input(error.to_string()))?;
        Ok(Reading { judge, input, places: fields.into_iter().map(|(at, _)| at).collect(), schema })
    }

    fn verdicts(&self, batch: &RecordBatch) -> std::result::Result<RecordBatch, ArrowError> {
        let columns = self.places.iter().map(|at| batch.column(*at).clone()).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let renamed = RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)?;
        let verdicts = self.judge.verdicts(&self.input, &renamed);
        verdicts.map_err(|error| ArrowError::InvalidArgumentError(error.to_string()))
    }
}

fn as_of(text: &str) -> Result<vtr_kernel::calendar::Day> {
    let day = text.parse().map(day_from_date);
    day.map_err(|_| Error::Usage(format!("as_of: `{text}` is no date like 2025-01-13")))
}

fn evidence(wanted: &str, scanned: bool) -> Result<Evidence> {
    match (wanted, scanned) {
        ("auto", false) | ("format", _) => Ok(Evidence::Format),
        ("auto" | "scans", true) => Ok(Evidence::Scans),
        ("scans", false) => Err(Error::Input(
            "evidence = \"scans\" is demanded, but the data have neither `first_scan_at` nor `delivery_scan_at`; name the column of scans in `columns`, or set evidence = \"format\"".into(),
        )),
        (other, _) => Err(Error::Usage(format!("evidence: `{other}` is none; write auto, scans or format"))),
    }
}

fn rates(path: Option<&Path>) -> Result<Rates> {
    let Some(path) = path else { return Ok(Rates::default()) };
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| {
        Error::Usage(format!("rates: cannot read {shown}: {error}; give the ECB's eurofxref-hist.csv"))
    })?;
    Rates::read(&text).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(|problem| format!("\n  {problem}")).collect();
        Error::Usage(format!("rates: {shown} cannot be used:{}", lines.concat()))
    })
}

/// An iterator from batches to verdicts.
struct Judged {
    data: Batches,
    reading: Arc<Reading>,
    /// The first batch that did not fit with those before it.
    left: Option<RecordBatch>,
}

impl Judged {
    /// Returns the next rows: as many small batches together as fit.
    fn rows(&mut self) -> Option<std::result::Result<RecordBatch, ArrowError>> {
        let mut held: Vec<RecordBatch> = self.left.take().into_iter().collect();
        let mut rows: usize = held.iter().map(RecordBatch::num_rows).sum();
        while rows < ROWS_AT_ONCE {
            match self.data.next() {
                None => break,
                Some(Err(error)) => return Some(Err(error)),
                Some(Ok(batch)) if !held.is_empty() && rows + batch.num_rows() > ROWS_AT_ONCE => {
                    self.left = Some(batch);
                    break;
                }
                Some(Ok(batch)) => {
                    rows += batch.num_rows();
                    held.push(batch);
                }
            }
        }
        match held.len() {
            0 => None,
            1 => held.pop().map(Ok),
            _ => Some(concat_batches(&held[0].schema(), &held)),
        }
    }
}

impl Iterator for Judged {
    type Item = std::result::Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rows = self.rows()?;
        Some(rows.and_then(|batch| self.reading.verdicts(&batch)))
    }
}

impl RecordBatchReader for Judged {
    fn schema(&self) -> SchemaRef {
        verdict_schema()
    }
}

/// Verdicts, made while they are read.
#[pyclass(frozen, module = "vtr")]
pub struct Verdicts {
    data: Py<PyAny>,
    reading: Arc<Reading>,
    /// The stream that was opened to read the schema; the data provide further ones.
    opened: Mutex<Option<Batches>>,
}

#[pymethods]
impl Verdicts {
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        // A reader that asks for another schema must cast; the interface leaves that to a producer's best effort.
        drop(requested_schema);
        let opened = self.opened.lock().take();
        let data = opened.map_or_else(|| stream::read(self.data.bind(py)), Ok)?;
        stream::capsule(py, Box::new(Judged { data, reading: self.reading.clone(), left: None }))
    }
}

/// Judges the rows of a stream; `as_of` is a date, evidence `auto`, `scans` or `format`.
#[pyfunction]
#[pyo3(signature = (data, *, columns, constants, as_of, evidence, book, rates))]
#[expect(clippy::too_many_arguments, reason = "they are the keywords of the Python function")]
pub fn judge(
    py: Python<'_>,
    data: Bound<'_, PyAny>,
    columns: Vec<(String, String)>,
    constants: Vec<(String, String)>,
    as_of: String,
    evidence: String,
    book: Vec<PathBuf>,
    rates: Option<PathBuf>,
) -> PyResult<Verdicts> {
    let said = Said { columns, constants, as_of, evidence, book, rates };
    let opened = stream::read(&data)?;
    let schema = opened.schema();
    let reading = work::interruptible(py, move || Reading::of(&said, &schema))?;
    Ok(Verdicts { data: data.unbind(), reading: Arc::new(reading), opened: Mutex::new(Some(opened)) })
}
