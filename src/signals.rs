//! SIGINT and SIGTERM: noted here, acted on between steps, and within a second whatever is at work.
//!
//! A handler only sets a number; every loop of a run asks [`check`] and stops where nothing is half
//! done. A step that does not come to its end soon is ended with the process, which publication bears as
//! it bears a power cut; a second signal does that at once. What is said then is how far the publication
//! had come.

use crate::error::{Error, Result};
use crate::progress::fail;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals;
use signal_hook::low_level::exit;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The signal that came, or 0.
static CAME: LazyLock<Arc<AtomicUsize>> = LazyLock::new(Arc::default);

/// How far the process's publication has come.
static STANDING: Mutex<Standing> = Mutex::new(Standing::NoPublication);

/// Held by whoever says the process's last words.
static LAST_WORDS: Mutex<()> = Mutex::new(());

/// How long a run may take to stop by itself.
const PATIENCE: Duration = Duration::from_millis(500);

/// How long a manifest that is just being made visible is waited for after that.
const LAST_PATIENCE: Duration = Duration::from_millis(300);

/// How far a publication has come, which is what a person wants to know of a run that was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The verb publishes nothing.
    NoPublication,
    /// Nothing was published.
    Nothing,
    /// A version is being made visible; nobody here knows yet whether it is.
    Appearing(u64),
    /// A version stands, but what is made after it is not finished.
    Published(u64),
    /// A version stands, and everything with it.
    Complete(u64),
}

impl fmt::Display for Standing {
    fn fmt(&self, to: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Standing::NoPublication => Ok(()),
            Standing::Nothing => write!(to, "; nothing was published"),
            Standing::Appearing(version) => write!(
                to,
                "; version {version} was just being published, and `vtr resolve` tells whether it stands; run again"
            ),
            Standing::Published(version) => write!(
                to,
                "; version {version} is published, but `current` and `views.sql` may be older; the next run mends them"
            ),
            Standing::Complete(version) => write!(to, "; version {version} is published"),
        }
    }
}

/// Begins to note signals.
///
/// # Panics
/// If the system refuses a handler for SIGINT or SIGTERM, or a thread, which it never does.
pub fn install() {
    let again = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // In this order: on the first signal the flag of the second is not up yet.
        let registered = flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&again))
            .and_then(|_| flag::register(signal, Arc::clone(&again)))
            .and_then(|_| flag::register_usize(signal, Arc::clone(&CAME), signal as usize));
        registered.expect("SIGINT and SIGTERM can be handled");
    }
    let mut signals = Signals::new([SIGINT, SIGTERM]).expect("SIGINT and SIGTERM can be handled");
    std::thread::spawn(move || signals.forever().next().map(end_soon));
}

/// Ends the process if it does not end by itself. The standing cannot change any more once it was read.
fn end_soon(signal: i32) {
    std::thread::sleep(PATIENCE);
    if matches!(*standing(), Standing::Appearing(_)) {
        std::thread::sleep(LAST_PATIENCE);
    }
    let _silence = LAST_WORDS.lock();
    let standing = standing();
    fail(&Error::Stopped { signal, standing: *standing }.to_string(), 128 + signal);
    exit(128 + signal);
}

/// The process is about to end by itself, and to say why: nobody else will.
pub fn ending() {
    std::mem::forget(LAST_WORDS.lock());
}

/// Whether to go on.
///
/// # Errors
/// [`Error::Stopped`] once a signal came.
pub fn check() -> Result<()> {
    match CAME.load(Ordering::Relaxed) {
        0 => Ok(()),
        signal => Err(stopped(signal as i32)),
    }
}

/// Asks the work of this process to stop, as a signal would: for a host that handles signals itself.
pub fn stop(signal: i32) {
    CAME.store(signal as usize, Ordering::Relaxed);
}

/// A host's next work begins: no signal came, and nothing was published by it.
pub fn resume() {
    CAME.store(0, Ordering::Relaxed);
    *standing() = Standing::NoPublication;
}

/// What a signal that came means now.
pub fn stopped(signal: i32) -> Error {
    Error::Stopped { signal, standing: *standing() }
}

/// A publication begins. What the process published before still stands.
pub fn begun() {
    let mut standing = standing();
    if *standing == Standing::NoPublication {
        *standing = Standing::Nothing;
    }
}

/// A version stands, and everything with it.
pub fn complete(version: u64) {
    *standing() = Standing::Complete(version);
}

/// An attempt to make a version visible, from just before the commit point. Dropped, it has failed.
#[derive(Debug)]
pub struct Attempt(Standing);

/// The last chance to stop with nothing published.
///
/// # Errors
/// [`Error::Stopped`] once a signal came.
pub fn attempt(version: u64) -> Result<Attempt> {
    check()?;
    Ok(Attempt(std::mem::replace(&mut *standing(), Standing::Appearing(version))))
}

impl Attempt {
    /// The version stands.
    pub fn published(mut self, version: u64) {
        self.0 = Standing::Published(version);
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        *standing() = self.0;
    }
}

fn standing() -> MutexGuard<'static, Standing> {
    STANDING.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_how_far_the_publication_had_come() {
        let said = |standing| Error::Stopped { signal: 15, standing }.to_string();
        assert_eq!(said(Standing::NoPublication), "stopped by signal 15");
        assert_eq!(said(Standing::Nothing), "stopped by signal 15; nothing was published");
        assert_eq!(said(Standing::Complete(7)), "stopped by signal 15; version 7 is published");
        assert!(said(Standing::Appearing(7)).contains("`vtr resolve` tells"));
        assert!(said(Standing::Published(7)).contains("version 7 is published, but `current`"));
        assert_eq!(Error::Stopped { signal: 2, standing: Standing::Nothing }.exit_code(), 130);
    }
}
