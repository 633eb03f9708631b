//! SIGINT and SIGTERM: noted here, acted on between steps.
//!
//! A handler only sets a number; every loop of a run asks [`check`] and stops where nothing is half
//! done. A second signal ends the process at once, for runs that hang in the system; publication
//! bears that as it bears a power cut.

use crate::error::{Error, Result};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

/// The signal that came, or 0.
static CAME: LazyLock<Arc<AtomicUsize>> = LazyLock::new(Arc::default);

/// Begins to note signals.
///
/// # Panics
/// If the system refuses a handler for SIGINT or SIGTERM, which it never does.
pub fn install() {
    let again = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // In this order: on the first signal the flag of the second is not up yet.
        let registered = flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&again))
            .and_then(|_| flag::register(signal, Arc::clone(&again)))
            .and_then(|_| flag::register_usize(signal, Arc::clone(&CAME), signal as usize));
        registered.expect("SIGINT and SIGTERM can be handled");
    }
}

/// Whether to go on.
///
/// # Errors
/// [`Error::Stopped`] once a signal came.
pub fn check() -> Result<()> {
    match CAME.load(Ordering::Relaxed) {
        0 => Ok(()),
        signal => Err(Error::Stopped(signal as i32)),
    }
}
