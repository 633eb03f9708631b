//! The progress of a run as a person sees it: a bar on a terminal, plain log lines elsewhere.
//!
//! Everything goes to stderr; data never passes here. It must not slow the run: workers add to one number. It cannot
//! fail; a closed stderr is ignored.

use crate::cli::{GlobalOptions, LogFormat};
use chrono::{SecondsFormat, Utc};
use indicatif::{ProgressBar, ProgressStyle};
use parking_lot::{Condvar, Mutex};
use serde_json::json;
use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use vtr_kernel::text::shown;

/// The interval at which the bar is drawn.
const DRAWN_EVERY: Duration = Duration::from_millis(200);
/// The interval at which a line is logged if there is no terminal.
const LOGGED_EVERY: Duration = Duration::from_secs(5);

/// The bar on the screen, so that lines can be written above it.
static BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Whether messages are JSON.
static JSON: AtomicBool = AtomicBool::new(false);

/// Sends log lines to stderr: warnings only if quiet, more if `VTR_LOG` says so.
pub fn start_log(options: &GlobalOptions) {
    JSON.store(options.log_format == LogFormat::Json, Ordering::Relaxed);
    let level = if options.quiet { LevelFilter::WARN } else { LevelFilter::INFO };
    let filter = EnvFilter::builder().with_default_directive(level.into()).with_env_var("VTR_LOG").from_env_lossy();
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(AboveBar);
    // A second start, as in tests, keeps the first.
    let _ = match options.log_format {
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
        LogFormat::Text => builder.with_target(false).with_ansi(std::io::stderr().is_terminal()).try_init(),
    };
}

/// Writes lines to stderr, above the bar if there is one. Quoted text is escaped and cannot control a terminal.
pub fn say(lines: &str) {
    put("INFO", "", lines, None);
}

/// Writes lines as [`say`] does, about something that a person should look at.
pub fn warn(lines: &str) {
    put("WARN", "warning: ", lines, None);
}

/// Writes lines as [`say`] does, about the outcome of a verb, with its exit code.
pub fn conclude(lines: &str, code: i32) {
    put("INFO", "", lines, Some(code));
}

/// Writes lines as [`say`] does, about the reason why the program ends with an exit code.
pub fn fail(lines: &str, code: i32) {
    put("ERROR", "error: ", lines, Some(code));
}

/// Lines for people, or one JSON object like those of the log.
fn put(level: &str, opening: &str, lines: &str, code: Option<i32>) {
    let mut said = if JSON.load(Ordering::Relaxed) {
        let now = Utc::now().to_rfc3339_opts(SecondsFormat::Micros, true);
        let mut object = json!({ "timestamp": now, "level": level, "message": shown_lines(lines) });
        if let Some(code) = code {
            object["code"] = code.into();
        }
        object.to_string()
    } else {
        shown_lines(&format!("{opening}{lines}"))
    };
    said.push('\n');
    let _ = AboveBar.write_all(said.as_bytes());
}

/// Returns lines for people, each as [`shown`]; a quotation that must stay on one line is escaped by its author.
pub fn shown_lines(lines: &str) -> String {
    lines.split('\n').map(shown).collect::<Vec<_>>().join("\n")
}

/// Stderr, with the bar hidden during each write.
#[derive(Clone, Copy)]
pub struct AboveBar;

impl Write for AboveBar {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let bar = BAR.lock().clone();
        let write = || std::io::stderr().write_all(bytes).map(|()| bytes.len());
        match bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stderr().flush()
    }
}

impl MakeWriter<'_> for AboveBar {
    type Writer = AboveBar;

    fn make_writer(&self) -> AboveBar {
        AboveBar
    }
}

/// How much progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// A bar, or log lines where there is no terminal.
    Shown,
    /// Nothing.
    Quiet,
}

/// The progress of one stage over a known or estimated number of rows. Ends when dropped.
pub struct Progress {
    shared: Arc<Shared>,
    watcher: Option<JoinHandle<()>>,
}

struct Shared {
    stage: &'static str,
    total: u64,
    done: AtomicU64,
    begun: Instant,
    ended: Mutex<bool>,
    wake: Condvar,
}

impl Progress {
    /// Begins to show a stage over `total` rows; 0 if the number is unknown.
    pub fn begin(stage: &'static str, total: u64, visibility: Visibility) -> Progress {
        let shared = Arc::new(Shared {
            stage,
            total,
            done: AtomicU64::new(0),
            begun: Instant::now(),
            ended: Mutex::new(false),
            wake: Condvar::new(),
        });
        let watcher = (visibility == Visibility::Shown).then(|| {
            let shared = Arc::clone(&shared);
            // A bar between JSON objects would be useless.
            let draws = std::io::stderr().is_terminal() && !JSON.load(Ordering::Relaxed);
            std::thread::spawn(move || if draws { shared.draw() } else { shared.log() })
        });
        Progress { shared, watcher }
    }

    /// Counts rows as done; any thread may call it.
    pub fn add(&self, rows: u64) {
        self.shared.done.fetch_add(rows, Ordering::Relaxed);
    }

    /// Returns the rows done so far.
    pub fn done(&self) -> u64 {
        self.shared.done.load(Ordering::Relaxed)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        *self.shared.ended.lock() = true;
        self.shared.wake.notify_all();
        if let Some(watcher) = self.watcher.take() {
            let _ = watcher.join();
        }
    }
}

impl Shared {
    /// Waits, then returns whether the stage goes on.
    fn goes_on(&self, pause: Duration) -> bool {
        let mut ended = self.ended.lock();
        self.wake.wait_while_for(&mut ended, |ended| !*ended, pause);
        !*ended
    }

    fn draw(&self) {
        let template = "{msg} [{bar:30}] {human_pos}/{human_len} rows, {per_sec}, {eta} left";
        let plain = "{msg} {human_pos} rows, {per_sec}";
        let style = ProgressStyle::with_template(if self.total > 0 { template } else { plain });
        let bar = ProgressBar::new(self.total).with_message(self.stage);
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        *BAR.lock() = Some(bar.clone());
        while self.goes_on(DRAWN_EVERY) {
            let done = self.done.load(Ordering::Relaxed);
            // An estimate may be too low; the bar never exceeds its end.
            bar.set_length(self.total.max(done));
            bar.set_position(done);
        }
        *BAR.lock() = None;
        bar.finish_and_clear();
    }

    fn log(&self) {
        while self.goes_on(LOGGED_EVERY) {
            let line = line(self.done.load(Ordering::Relaxed), self.total, self.begun.elapsed());
            tracing::info!("{}: {line}", self.stage);
        }
    }
}

/// Returns a line such as `1200000 of 5000000 rows, 240000 rows/s, 16 s left`.
fn line(done: u64, total: u64, elapsed: Duration) -> String {
    let rate = done as f64 / elapsed.as_secs_f64().max(0.001);
    if total <= done {
        return format!("{done} rows, {rate:.0} rows/s");
    }
    let left = if done == 0 { "unknown time".into() } else { format!("{:.0} s", (total - done) as f64 / rate) };
    format!("{done} of {total} rows, {rate:.0} rows/s, {left} left")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_how_fast_and_how_long() {
        let seconds = Duration::from_secs;
        assert_eq!(line(1_200_000, 5_000_000, seconds(5)), "1200000 of 5000000 rows, 240000 rows/s, 16 s left");
        assert_eq!(line(0, 10, seconds(5)), "0 of 10 rows, 0 rows/s, unknown time left");
        assert_eq!(line(20, 10, seconds(5)), "20 rows, 4 rows/s");
    }

    #[test]
    fn lines_stay_and_nothing_steers() {
        assert_eq!(shown_lines("a\nb\u{1b}[2J\r\n\u{202e}c"), "a\nb\\u{1b}[2J\\r\n\\u{202e}c");
    }

    #[test]
    fn rows_are_counted_from_any_thread() {
        let progress = Progress::begin("reading", 10, Visibility::Quiet);
        std::thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(|| progress.add(2)))));
        assert_eq!(progress.done(), 8);
    }
}
