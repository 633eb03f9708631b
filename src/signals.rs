//! SIGINT and SIGTERM: noted here, acted on between steps, and obeyed within a second whatever is running.
//!
//! A handler only sets a number; every loop of a run calls [`check`] and stops where nothing is half done. A step that
//! does not end soon is ended with the process, which is as safe for the publication as a power cut; a second signal
//! ends the process at once. The message then states how far the publication had come.

pub use crate::error::PublicationStage;
use crate::error::{Error, Result};
use crate::progress::fail;
use parking_lot::{Mutex, MutexGuard};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals;
use signal_hook::low_level::exit;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// The signal that arrived, or 0.
static CAME: LazyLock<Arc<AtomicUsize>> = LazyLock::new(Arc::default);

/// How far the process's publication has come.
static STANDING: Mutex<PublicationStage> = Mutex::new(PublicationStage::NoPublication);

/// Held by the thread that prints the last message of the process.
static LAST_WORDS: Mutex<()> = Mutex::new(());

/// The time that a run has to stop by itself.
const PATIENCE: Duration = Duration::from_millis(500);

/// The further time that a manifest gets which is just being made visible.
const LAST_PATIENCE: Duration = Duration::from_millis(300);

/// Begins to note signals.
///
/// # Panics
/// If the system refuses a handler for SIGINT or SIGTERM, or a thread; no supported system does.
pub fn install() {
    let again = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // The order matters: at the first signal, the flag for the second is not set yet.
        let registered = flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&again))
            .and_then(|_| flag::register(signal, Arc::clone(&again)))
            .and_then(|_| flag::register_usize(signal, Arc::clone(&CAME), signal as usize));
        registered.expect("SIGINT and SIGTERM can be handled");
    }
    let mut signals = Signals::new([SIGINT, SIGTERM]).expect("SIGINT and SIGTERM can be handled");
    std::thread::spawn(move || signals.forever().next().map(end_soon));
}

/// Ends the process if it does not end by itself. The standing cannot change any more after it was read.
fn end_soon(signal: i32) {
    std::thread::sleep(PATIENCE);
    if matches!(*standing(), PublicationStage::Appearing(_)) {
        std::thread::sleep(LAST_PATIENCE);
    }
    let _silence = LAST_WORDS.lock();
    let standing = standing();
    fail(&Error::Stopped { signal, standing: *standing }.to_string(), 128 + signal);
    exit(128 + signal);
}

/// Announces that the process ends by itself and prints the reason; no other thread prints one.
pub fn ending() {
    std::mem::forget(LAST_WORDS.lock());
}

/// Returns whether to go on.
///
/// # Errors
/// [`Error::Stopped`] after a signal arrived.
pub fn check() -> Result<()> {
    match CAME.load(Ordering::Relaxed) {
        0 => Ok(()),
        signal => Err(stopped(signal as i32)),
    }
}

/// Asks the work of this process to stop, as a signal would; for a host that handles signals itself.
pub fn stop(signal: i32) {
    CAME.store(signal as usize, Ordering::Relaxed);
}

/// Begins the next work of a host: no signal has arrived, and nothing has been published by it.
pub fn resume() {
    CAME.store(0, Ordering::Relaxed);
    *standing() = PublicationStage::NoPublication;
}

/// Returns the error that a signal means at this moment.
pub fn stopped(signal: i32) -> Error {
    Error::Stopped { signal, standing: *standing() }
}

/// Begins a publication. Earlier publications of the process remain valid.
pub fn begun() {
    let mut standing = standing();
    if *standing == PublicationStage::NoPublication {
        *standing = PublicationStage::Nothing;
    }
}

/// Notes that a version is published and all work after the commit is finished.
pub fn complete(version: u64) {
    *standing() = PublicationStage::Complete(version);
}

/// An attempt to make a version visible, from just before the commit point. Dropping it means that the attempt failed.
#[derive(Debug)]
pub struct Attempt(PublicationStage);

/// Begins an attempt; this is the last point at which a run can stop with nothing published.
///
/// # Errors
/// [`Error::Stopped`] after a signal arrived.
pub fn attempt(version: u64) -> Result<Attempt> {
    check()?;
    Ok(Attempt(std::mem::replace(&mut *standing(), PublicationStage::Appearing(version))))
}

impl Attempt {
    /// Notes that the version is published.
    pub fn published(mut self, version: u64) {
        self.0 = PublicationStage::Published(version);
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        *standing() = self.0;
    }
}

fn standing() -> MutexGuard<'static, PublicationStage> {
    STANDING.lock()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_how_far_the_publication_had_come() {
        let said = |standing| Error::Stopped { signal: 15, standing }.to_string();
        assert_eq!(said(PublicationStage::NoPublication), "stopped by signal 15");
        assert_eq!(said(PublicationStage::Nothing), "stopped by signal 15; nothing was published");
        assert_eq!(said(PublicationStage::Complete(7)), "stopped by signal 15; version 7 is published");
        assert!(said(PublicationStage::Appearing(7)).contains("`vtr resolve` shows"));
        assert!(said(PublicationStage::Published(7)).contains("version 7 is published, but `current`"));
        assert_eq!(Error::Stopped { signal: 2, standing: PublicationStage::Nothing }.exit_code(), 130);
    }
}
