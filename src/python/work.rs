//! Long work beside the interpreter: the lock is released, and Ctrl-C stops it as a signal stops the program.
//!
//! Work runs on a thread of its own, and the caller's looks for signals between two short waits. A panic of the work is
//! a panic of the call.

use crate::errors;
use pyo3::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;
use vtr::error::{Error, Result};
use vtr::signals;

/// How long the caller's thread waits before it looks for signals again.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The number of SIGINT.
const INTERRUPT: i32 = 2;

/// How much work is under way in this process: a stop that was asked for is over when the last of it has ended.
static UNDER_WAY: AtomicUsize = AtomicUsize::new(0);

/// Does work with the interpreter's lock released.
///
/// # Errors
/// Those of the work, as exceptions; the exception that a signal handler raised, usually `KeyboardInterrupt`.
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
                    Ok(()) => unreachable!("whoever ends well has sent what came of it"),
                }
            }
        }
    }
}

/// What came of the work. Of work that was stopped, how far it had come; work that ended all the same is not lost.
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
