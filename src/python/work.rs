//! Long work beside the interpreter: the lock is released, and Ctrl-C stops the work as a signal stops the program.
//!
//! Work runs on a thread of its own; the caller's thread checks for signals between two short waits. A panic of the
//! work becomes a panic of the call.

use crate::errors;
use pyo3::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;
use vtr::error::{Error, Result};
use vtr::signals;

/// The time that the caller's thread waits between two checks for signals.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The number of SIGINT.
const INTERRUPT: i32 = 2;

/// The number of calls in progress in this process; a requested stop is over when the last of them has ended.
static UNDER_WAY: AtomicUsize = AtomicUsize::new(0);

/// Does work with the interpreter's lock released.
///
/// # Errors
/// The errors of the work, as exceptions; the exception that a signal handler raised, usually `KeyboardInterrupt`.
pub fn interruptible<T: Send + 'static>(
    py: Python<'_>,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> PyResult<T> {
    if UNDER_WAY.fetch_add(1, Ordering::SeqCst) == 0 {
        signals::resume();
    }
    let (sender, mut receiver) = channel();
    let thread = std::thread::spawn(move || {
        let ended = work();
        UNDER_WAY.fetch_sub(1, Ordering::SeqCst);
        let _ = sender.send(ended);
    });
    let mut interrupt = None;
    loop {
        let waited;
        (receiver, waited) = py.detach(move || {
            let waited = receiver.recv_timeout(LOOK_EVERY);
            (receiver, waited)
        });
        match waited {
            Ok(ended) => return told(ended, interrupt),
            Err(RecvTimeoutError::Timeout) if interrupt.is_none() => {
                if let Err(raised) = py.check_signals() {
                    signals::stop(INTERRUPT);
                    interrupt = Some(raised);
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                UNDER_WAY.fetch_sub(1, Ordering::SeqCst);
                match thread.join() {
                    Err(panic) => std::panic::resume_unwind(panic),
                    Ok(()) => unreachable!("a thread that ends without a panic has sent its result"),
                }
            }
        }
    }
}

/// Returns the result of the work. If a signal stopped it, the exception says how far it had come. Work that ended
/// before the stop is not lost, and raises the signal's exception.
fn told<T>(ended: Result<T>, interrupt: Option<PyErr>) -> PyResult<T> {
    match (ended, interrupt) {
        (Ok(_), Some(raised)) => Err(raised),
        (Err(error @ Error::Stopped { .. }), Some(raised)) => {
            let stopped = errors::raised(&error);
            Python::attach(|py| stopped.set_cause(py, Some(raised)));
            Err(stopped)
        }
        (Ok(value), None) => Ok(value),
        (Err(error), _) => Err(errors::raised(&error)),
    }
}
