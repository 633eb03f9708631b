//! Arrow data in and out of Python: the C stream interface, carried in a capsule.
//!
//! This is the only place that takes a pointer from outside, as the interface requires; Arrow's reader checks what
//! it points to. An object without such a stream is refused.

use crate::errors;
use arrow::array::RecordBatchReader;
use arrow::ffi_stream::{ArrowArrayStreamReader, FFI_ArrowArrayStream};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use std::ffi::CStr;

/// The name that the interface gives its capsules.
const NAME: &CStr = c"arrow_array_stream";

/// A stream of batches.
pub type Batches = Box<dyn RecordBatchReader + Send>;

/// Returns the batches of an object that has `__arrow_c_stream__`.
///
/// # Errors
/// `TypeError` for an object without it; the exception that the object raises; a stream of anything but rows.
pub fn read(data: &Bound<'_, PyAny>) -> PyResult<Batches> {
    let Ok(method) = data.getattr("__arrow_c_stream__") else {
        let kind = data.get_type().name()?;
        return Err(pyo3::exceptions::PyTypeError::new_err(format!(
            "data is a {kind}, which has no __arrow_c_stream__; give a pyarrow Table or RecordBatchReader, a polars or pandas (2.2 or later) DataFrame, or a DuckDB relation"
        )));
    };
    let capsule = method.call0()?.cast_into::<PyCapsule>()?;
    let pointer = capsule.pointer_checked(Some(NAME))?.cast::<FFI_ArrowArrayStream>();
    // SAFETY: a capsule of this name holds a stream that lives as long as the capsule. The stream is moved out of
    // it, as the interface demands of a consumer, and the remainder is marked as released.
    let stream = unsafe { FFI_ArrowArrayStream::from_raw(pointer.as_ptr()) };
    let reader = ArrowArrayStreamReader::try_new(stream)
        .map_err(|error| errors::input(format!("data cannot be read as a stream of Arrow rows: {error}")))?;
    Ok(Box::new(reader))
}

/// Makes a capsule of batches, for `__arrow_c_stream__`.
///
/// # Errors
/// If the interpreter has no memory for it.
pub fn capsule(py: Python<'_>, batches: Batches) -> PyResult<Bound<'_, PyCapsule>> {
    PyCapsule::new_with_value(py, FFI_ArrowArrayStream::new(batches), NAME)
}
