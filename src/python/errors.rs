//! The program's errors as exceptions, one class for each exit code.
//!
//! It adds no words to the messages.

use pyo3::create_exception;
use pyo3::exceptions::{PyException, PyKeyboardInterrupt};
use pyo3::prelude::*;
use vtr::error::Error;

create_exception!(
    vtr,
    VtrError,
    PyException,
    "A failure caused by neither job nor inputs; exit code 1. The base of all others."
);
create_exception!(vtr, UsageError, VtrError, "Options, job or book are wrong; exit code 2.");
create_exception!(
    vtr,
    InputError,
    VtrError,
    "An input is missing, has the wrong columns or types, or cannot be trusted; exit code 3."
);
create_exception!(vtr, GateError, VtrError, "A gate tripped, and nothing was published; exit code 4.");
create_exception!(vtr, ConflictError, VtrError, "Another publication came first; safe to retry; exit code 5.");

/// Adds the classes to the module; each has its `exit_code`.
pub fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let classes = [
        ("VtrError", py.get_type::<VtrError>(), 1),
        ("UsageError", py.get_type::<UsageError>(), 2),
        ("InputError", py.get_type::<InputError>(), 3),
        ("GateError", py.get_type::<GateError>(), 4),
        ("ConflictError", py.get_type::<ConflictError>(), 5),
    ];
    for (name, class, code) in classes {
        class.setattr("exit_code", code)?;
        module.add(name, class)?;
    }
    Ok(())
}

/// Makes the exception for a fault in what the caller wrote.
pub fn usage(text: &str) -> PyErr {
    UsageError::new_err(text.trim_end().to_owned())
}

/// Makes the exception for data that cannot be read.
pub fn input(text: String) -> PyErr {
    InputError::new_err(text)
}

/// Makes the exception for an error of the program.
pub fn raised(error: &Error) -> PyErr {
    let told = error.told();
    match error {
        Error::Failed { .. } | Error::Enough => VtrError::new_err(told),
        Error::Usage(_) | Error::NoWeeks(_) => UsageError::new_err(told),
        Error::Input(_) | Error::BadFiles(_) => InputError::new_err(told),
        Error::Gate(_) => GateError::new_err(told),
        Error::Conflict(_) => ConflictError::new_err(told),
        Error::Stopped { .. } => PyKeyboardInterrupt::new_err(told),
    }
}
