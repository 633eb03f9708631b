//! The report of a run: times, rates, sums, including everything that is not reproducible.
//!
//! It repeats what stages measured and decides nothing. The same numbers go to people on stderr, to programs on stdout
//! (`--json`) and to `_runs/<run id>/report.json`; only the last can fail.

use crate::error::Result;
use crate::job::plan::Plan;
use crate::publish::log::day_text;
use crate::publish::store::{Content, Store};
use crate::publish::unfinished::Alive;
use crate::publish::{Checked, Manifest, RUNS, SetAside, Sums};
use chrono::{SecondsFormat, Utc};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Instant;
use vtr_kernel::text::{grouped, shown_json};

/// Everything worth knowing about a run.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RunReport {
    /// The run's id, as in temporary names and manifests.
    pub run_id: String,
    /// The program's version.
    pub program: String,
    /// The job's name.
    pub job: String,
    /// The digest of everything that can change a figure.
    pub job_digest: String,
    /// The book's digest.
    pub book_digest: String,
    /// The last day that the run took into account.
    pub as_of: String,
    /// `scans` or `format`.
    pub evidence: String,
    /// First and last day of the weeks asked for; absent for the whole history.
    pub range: Option<[String; 2]>,
    /// When the run began, RFC 3339 in UTC.
    pub began_at: String,
    /// When it ended, likewise.
    pub ended_at: String,
    /// Whether a publication was begun: a refused output gets no report.
    #[serde(skip)]
    pub begun: bool,
    /// How it ended.
    pub outcome: Outcome,
    /// The version published or found unchanged.
    pub version: Option<u64>,
    /// A sentence with the rates of that version's weeks: final ones first, then those that still change.
    pub headline: Option<String>,
    /// The figures of the newest version, whatever this run did; absent if nothing is published.
    pub newest: Option<Newest>,
    /// The accounting identity of what this run read.
    pub counts: Sums,
    /// Packages with a rule that needed a value which could not be compared.
    pub unpriced: u64,
    /// Input files read.
    pub files: u64,
    /// Bytes read from them, and from notes in place of them.
    pub bytes_read: u64,
    /// Rows that were not judged because an earlier run had noted what they count; they are in all counts.
    pub rows_noted: u64,
    /// Bytes that did not fit in memory and went to temporary files.
    pub spilled_bytes: u64,
    /// The most bytes that each purpose held in memory, summed over its threads.
    pub held_bytes: BTreeMap<&'static str, u64>,
    /// The stages in order.
    pub stages: Vec<Stage>,
    /// Seconds from the first stage to the last.
    pub seconds: f64,
    /// Rows read per second of the whole run.
    pub rows_per_s: f64,
    /// Peak resident memory; absent if the system does not report it.
    pub peak_rss_bytes: Option<u64>,
    /// The number of worker threads.
    pub threads: usize,
    /// The memory limit of the run.
    pub memory_bytes: u64,
    /// The tables written.
    pub tables: Vec<TableRows>,
    /// The results of every gate and check.
    pub checks: Vec<Checked>,
    /// The values set aside, by kind and column.
    pub set_aside: Vec<SetAside>,
    /// Warnings for people: dropped shares, windows too small, columns not judged.
    pub warnings: Vec<String>,
    /// The version in each sink after the run.
    pub sinks: Vec<SinkState>,
    /// The contents of the rejected cells that warnings mention: printed on request, never written to a file.
    #[serde(skip)]
    pub rejected_values: Vec<String>,
}

/// The state of a sink.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SinkState {
    /// Its name.
    pub sink: String,
    /// Its kind.
    pub kind: &'static str,
    /// The version in the sink; absent if it is empty or cannot be reached.
    pub version: Option<u64>,
    /// The version that is published.
    pub published: u64,
}

/// The figures of a version over all its weeks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Newest {
    /// The version.
    pub version: u64,
    /// The last day that it took into account when it was published.
    pub as_of: String,
    /// The `as_of` of its `account_health`.
    pub health_as_of: Option<String>,
    /// Packages of weeks that can no longer change.
    pub final_weeks: WeekCounts,
    /// Packages of weeks that still change.
    pub open_weeks: WeekCounts,
    /// Warnings about any of its weeks.
    pub warnings: Vec<String>,
    /// The sentence with the rates that tells pending packages apart, if the version has the counts for it.
    #[serde(skip)]
    pub rates: Option<String>,
}

/// Packages of some weeks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct WeekCounts {
    /// Valid packages.
    pub valid: u64,
    /// Valid packages and defects.
    pub eligible: u64,
}

impl WeekCounts {
    fn of([_, _, valid, defect]: [u64; 4]) -> WeekCounts {
        WeekCounts { valid, eligible: valid + defect }
    }

    /// The rate in percent, truncated.
    pub fn percent(self) -> String {
        vtr_kernel::tally::Tally { valid: self.valid, eligible: self.eligible }.percent()
    }
}

impl Newest {
    /// The figures of a manifest; weeks are final by the marketplaces of a plan's book.
    pub fn of(manifest: &Manifest, plan: &Plan) -> Newest {
        let latency = plan.book.longest_latency();
        let [final_weeks, open_weeks] = manifest.final_and_open(latency).map(WeekCounts::of);
        Newest {
            version: manifest.version,
            as_of: day_text(manifest.as_of),
            health_as_of: manifest.health_as_of.map(day_text),
            final_weeks,
            open_weeks,
            warnings: manifest.all_warnings(),
            rates: crate::publish::rates::headline(&manifest.rates),
        }
    }

    /// A sentence with the rates: final weeks first, then open ones.
    pub fn headline(&self) -> Option<String> {
        let Newest { final_weeks, open_weeks, .. } = self;
        if self.rates.is_some() {
            return self.rates.clone();
        }
        let undue = "with packages that are not due yet as defects";
        let of =
            |counts: &WeekCounts| format!("{} of {} eligible packages", counts.percent(), grouped(counts.eligible));
        match (final_weeks.eligible, open_weeks.eligible) {
            (0, 0) => None,
            (_, 0) => Some(format!("valid tracking rate {} in final weeks", of(final_weeks))),
            (0, _) => {
                Some(format!("valid tracking rate {} in open weeks, {undue}; no week is final yet", of(open_weeks)))
            }
            _ => Some(format!(
                "valid tracking rate {} in final weeks; open weeks: {} so far, {undue}",
                of(final_weeks),
                of(open_weeks)
            )),
        }
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A new version is published.
    Published,
    /// The same content was published before; nothing was written.
    Unchanged,
    /// Nothing was published.
    #[default]
    Failed,
}

/// The time that a stage took.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Stage {
    /// Its name in the route.
    pub name: &'static str,
    /// Wall time.
    pub seconds: f64,
}

/// The rows of a table that a run wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TableRows {
    /// Its name.
    pub table: String,
    /// Rows written by this run.
    pub rows: u64,
    /// Files written by this run.
    pub files: u64,
}

impl Outcome {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Published => "published",
            Outcome::Unchanged => "unchanged",
            Outcome::Failed => "failed",
        }
    }
}

impl RunReport {
    /// Runs a stage and records the time it took, even if it fails.
    pub fn stage<T>(&mut self, name: &'static str, work: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        let result = work();
        self.stages.push(Stage { name, seconds: begun.elapsed().as_secs_f64() });
        result
    }

    /// Fills in what follows from the rest: total time, rows per second, peak memory, the end.
    pub fn finish(&mut self) {
        self.program = env!("CARGO_PKG_VERSION").into();
        self.seconds = self.stages.iter().fold(0.0, |sum, stage| sum + stage.seconds);
        self.rows_per_s = if self.seconds > 0.0 { self.counts.read as f64 / self.seconds } else { 0.0 };
        self.peak_rss_bytes = peak_rss_bytes();
        self.ended_at = Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true);
    }

    /// A few lines for a person, without the warnings.
    pub fn summary(&self) -> String {
        let counts = &self.counts;
        if self.counts.read == 0 && self.outcome == Outcome::Failed {
            return format!("{}: {}", self.job, self.ending());
        }
        let mut lines =
            vec![format!("{}: {}, as of {}, judged on {}", self.job, self.ending(), self.as_of, self.evidence)];
        lines.push(format!(
            "{} rows read = {} valid + {} defect + {} exempt + {} out of scope + {} superseded + {} after as_of + {} outside the range + {} rejected",
            grouped(counts.read),
            grouped(counts.valid),
            grouped(counts.defect),
            grouped(counts.exempt),
            grouped(counts.out_of_scope),
            grouped(counts.superseded),
            grouped(counts.after_as_of),
            grouped(counts.outside_range),
            grouped(counts.rejected),
        ));
        let headline = self.headline.clone().or_else(|| self.newest.as_ref().and_then(Newest::headline));
        lines.extend(headline);
        let memory = self.peak_rss_bytes.map_or_else(String::new, |bytes| format!(", {} MiB at most", bytes >> 20));
        let files = grouped(self.files);
        lines.push(format!("{files} files, {:.1} s, {} rows/s{memory}", self.seconds, grouped(self.rows_per_s as u64)));
        let tables = self.tables.iter().map(|table| format!("{} {}", table.table, grouped(table.rows)));
        if !self.tables.is_empty() && self.outcome == Outcome::Published {
            lines.push(format!("rows written: {}", tables.collect::<Vec<_>>().join(", ")));
        }
        lines.join("\n")
    }

    fn ending(&self) -> String {
        let version = self.version.map_or_else(String::new, |version| format!(" version {version}"));
        match self.outcome {
            Outcome::Published => format!("published{version}"),
            Outcome::Unchanged => format!("unchanged since{version}"),
            Outcome::Failed => "nothing published".into(),
        }
    }

    /// The report as one JSON object.
    pub fn to_json(&self) -> String {
        let json = serde_json::to_string_pretty(self).expect("texts and finite numbers have a JSON form");
        shown_json(&json).into_owned()
    }

    /// Puts `_runs/<run id>/report.json` into the output and says where.
    ///
    /// # Errors
    /// [`crate::error::Error::Failed`] with the path that could not be written.
    pub fn write(&self, store: &dyn Store) -> Result<String> {
        let path = format!("{RUNS}/{}/report.json", self.run_id);
        // The publication has ended and no longer marks the run as alive.
        let _alive = store.local().map(|local| Alive::begin(local, &self.run_id)).transpose()?;
        store.put(&path, Content::of((self.to_json() + "\n").as_bytes()), &self.run_id)?;
        Ok(store.shown(&path))
    }
}

/// The peak resident memory, if the system reports it.
pub fn peak_rss_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_grouped() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn a_report_is_written_beside_the_output() {
        let folder = tempfile::tempdir().unwrap();
        let mut report = RunReport { run_id: "r1".into(), job: "weekly".into(), ..RunReport::default() };
        assert_eq!(report.stage("plan", || 7), 7);
        report.finish();
        let path = report.write(&crate::publish::local::Local::new(folder.path())).unwrap();
        let json: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        assert_eq!((json["job"].as_str(), json["outcome"].as_str()), (Some("weekly"), Some("failed")));
        assert_eq!(json["stages"][0]["name"], "plan");
        assert!(report.summary().starts_with("weekly: nothing published"));
    }
}
