//! The figures of the last run as a Prometheus text file, for node_exporter's textfile collector.
//!
//! It repeats the run's report and, for the newest version, the state of the accounts. Their seller, marketplace and
//! programme are labels; nothing else that a source wrote appears: no path, no address, no order. The file is replaced
//! by rename after runs that published and after runs that failed; it fails if its folder cannot be written.

use crate::error::{Error, Result};
use crate::pages::model::{self, Account};
use crate::pages::read::{PublishedVersion, Scope};
use crate::publish;
use crate::schema::Table;
use crate::tell::report::{Outcome, RunReport, SinkState};
use chrono::{DateTime, NaiveDate};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::Permissions;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use vtr_kernel::calendar::day_from_date;

/// Refuses a path that could not be written after the run.
///
/// # Errors
/// [`Error::Usage`] if its parent is not a folder.
pub fn check(path: &Path) -> Result<()> {
    if path.file_name().is_some() && folder(path).is_dir() && !path.is_dir() {
        return Ok(());
    }
    let shown = path.display();
    Err(Error::Usage(format!("--metrics {shown}: is no file in a folder that is there; make the folder first")))
}

/// Writes the file anew; whoever reads it meanwhile sees the old one.
///
/// # Errors
/// [`Error::Failed`] with the path.
pub fn write(path: &Path, report: &RunReport, accounts: &Accounts, exit_code: i32) -> Result<()> {
    let put = || -> std::io::Result<()> {
        // The collector runs as another user, while a temporary file is readable by its owner alone. It reads only
        // `*.prom`.
        let mut builder = tempfile::Builder::new();
        builder.prefix(".vtr-").suffix(".tmp").permissions(Permissions::from_mode(0o666));
        let mut file = builder.tempfile_in(folder(path))?;
        file.write_all(text(report, accounts, exit_code).as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    put().map_err(|error| Error::failed(format!("cannot write the metrics {}", path.display()), error))
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The most accounts that have series of their own: a metrics store keeps every series for good.
const MOST_ACCOUNTS: usize = 2_000;

/// The state of the accounts, the worst first.
#[derive(Debug, Default)]
pub struct Accounts {
    shown: Vec<Account>,
    all: usize,
}

impl Accounts {
    /// Reads the accounts of an output's newest version; empty if it has no `account_health`.
    ///
    /// # Errors
    /// The output cannot be read.
    pub fn of(out: &str) -> Result<Accounts> {
        let store = publish::at(Path::new(out))?;
        let Some(manifest) = publish::log::latest(store.as_ref())? else { return Ok(Accounts::default()) };
        if !manifest.has(Table::AccountHealth) {
            return Ok(Accounts::default());
        }
        let source = PublishedVersion { store: store.as_ref(), manifest: &manifest };
        let mut shown = model::judged_accounts(&source, &Scope::default())?;
        let all = shown.len();
        shown.truncate(MOST_ACCOUNTS);
        Ok(Accounts { shown, all })
    }
}

fn account_series(page: &mut MetricsPage, accounts: &Accounts) {
    if accounts.all == 0 {
        return;
    }
    page.one(
        "vtr_accounts",
        "Accounts with packages that count in the judged window.",
        Some(number(accounts.all as u64)),
    );
    let shown = accounts.shown.len();
    page.one(
        "vtr_accounts_shown",
        "Accounts with series of their own here, the worst ones.",
        Some(number(shown as u64)),
    );
    let of = |value: &dyn Fn(&Account) -> Option<f64>| {
        let series = accounts.shown.iter().filter_map(|account| Some((account, value(account)?)));
        series.collect::<Vec<_>>()
    };
    page.of_accounts(
        "vtr_account_rate",
        "Valid packages of all that count in the judged window.",
        &of(&|account| account.tally.rate()),
    );
    page.of_accounts(
        "vtr_account_target",
        "The rate asked for.",
        &of(&|account| account.target.map(|target| target.share())),
    );
    let status = |account: &Account| match account.status.as_str() {
        "breach" => Some(2.0),
        "at_risk" => Some(1.0),
        "good" => Some(0.0),
        _ => None,
    };
    page.of_accounts("vtr_account_status", "0 meets the target, 1 at risk, 2 below it.", &of(&status));
    page.of_accounts(
        "vtr_account_defect_budget",
        "How many more defects fit; negative: how many too many.",
        &of(&|account| account.budget.map(|budget| budget as f64)),
    );
}

/// The text in the exposition format, version 0.0.4.
fn text(report: &RunReport, accounts: &Accounts, exit_code: i32) -> String {
    let mut page = MetricsPage { text: String::new(), job: escaped(&report.job) };
    page.one("vtr_run_success", "1 if the last run ended with exit code 0.", Some(f64::from(exit_code == 0)));
    page.one("vtr_run_exit_code", "Exit code of the last run.", Some(f64::from(exit_code)));
    let outcomes = [Outcome::Published, Outcome::Unchanged, Outcome::Failed];
    let outcomes = outcomes.map(|outcome| (outcome.name(), f64::from(report.outcome == outcome)));
    page.many("vtr_run_outcome", "1 for the outcome of the last run, 0 for the others.", "outcome", outcomes);
    page.one("vtr_run_start_timestamp_seconds", "When the last run began.", moment(&report.began_at));
    page.one("vtr_run_end_timestamp_seconds", "When the last run ended.", moment(&report.ended_at));
    let as_of = report.as_of.parse::<NaiveDate>().ok().map(|date| f64::from(day_from_date(date)) * 86_400.0);
    page.one("vtr_run_as_of_timestamp_seconds", "The last day that the run took into account, at 00:00 UTC.", as_of);
    page.one("vtr_published_version", "Version published or found unchanged.", report.version.map(number));
    page.one("vtr_run_seconds", "Wall time of the last run.", Some(report.seconds));
    let mut stages = BTreeMap::new();
    // A stage that ran twice counts with both times, because a series must appear once.
    report.stages.iter().for_each(|stage| *stages.entry(stage.name).or_insert(0.0) += stage.seconds);
    page.many("vtr_run_stage_seconds", "Wall time of each stage of the last run.", "stage", stages);
    page.one("vtr_run_rows_read", "Rows read; the sum of vtr_run_rows.", Some(number(report.counts.read)));
    page.many("vtr_run_rows", "Rows read by what became of them.", "fate", fates(report));
    page.one(
        "vtr_run_rows_pruned",
        "Rows that were not read: none could count.",
        Some(number(report.counts.rows_pruned)),
    );
    page.one("vtr_run_rows_per_second", "Rows read in a second of the whole run.", Some(report.rows_per_s));
    page.one("vtr_run_input_files", "Input files.", Some(number(report.files)));
    page.one("vtr_run_read_bytes", "Bytes read from the inputs.", Some(number(report.bytes_read)));
    page.one("vtr_run_spilled_bytes", "Bytes that went to temporary files.", Some(number(report.spilled_bytes)));
    page.one("vtr_run_peak_memory_bytes", "Most memory that was resident.", report.peak_rss_bytes.map(number));
    page.one("vtr_run_warnings", "Warnings of the last run.", Some(number(report.warnings.len() as u64)));
    let made = if report.outcome == Outcome::Failed { &[] } else { report.tables.as_slice() };
    let rows = made.iter().map(|table| (table.table.as_str(), number(table.rows)));
    page.many("vtr_table_rows", "Rows of each table in what the last run replaced.", "table", rows);
    let files = made.iter().map(|table| (table.table.as_str(), number(table.files)));
    page.many("vtr_table_files", "Files of each table in what the last run replaced.", "table", files);
    let versions = report.sinks.iter().filter_map(|sink| Some((sink.sink.as_str(), number(sink.version?))));
    page.many("vtr_sink_version", "Version that each sink holds.", "sink", versions);
    let behind = |sink: &SinkState| number(sink.published.saturating_sub(sink.version.unwrap_or(0)));
    let lags = report.sinks.iter().map(|sink| (sink.sink.as_str(), behind(sink)));
    page.many("vtr_sink_lag_versions", "Versions by which each sink is behind the published one.", "sink", lags);
    account_series(&mut page, accounts);
    page.text
}

fn fates(report: &RunReport) -> [(&'static str, f64); 8] {
    let counts = &report.counts;
    [
        ("valid", counts.valid),
        ("defect", counts.defect),
        ("exempt", counts.exempt),
        ("out_of_scope", counts.out_of_scope),
        ("superseded", counts.superseded),
        ("after_as_of", counts.after_as_of),
        ("outside_range", counts.outside_range),
        ("rejected", counts.rejected),
    ]
    .map(|(fate, rows)| (fate, number(rows)))
}

/// Converts a count; exact up to 2^53, as every number in Prometheus.
fn number(count: u64) -> f64 {
    count as f64
}

fn moment(rfc3339: &str) -> Option<f64> {
    DateTime::parse_from_rfc3339(rfc3339).ok().map(|moment| moment.timestamp() as f64)
}

/// The value of a label: backslash, quote and line end are escaped, everything else is unchanged.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

struct MetricsPage {
    text: String,
    job: String,
}

impl MetricsPage {
    /// Writes one series, if its value is known.
    fn one(&mut self, name: &str, help: &str, value: Option<f64>) {
        let Some(value) = value else { return };
        self.head(name, help);
        let _ = writeln!(self.text, "{name}{{job=\"{}\"}} {value}", self.job);
    }

    /// Writes a series for each value of a label.
    fn many<'a>(&mut self, name: &str, help: &str, label: &str, series: impl IntoIterator<Item = (&'a str, f64)>) {
        let mut series = series.into_iter().peekable();
        if series.peek().is_some() {
            self.head(name, help);
        }
        for (value, figure) in series {
            let value = escaped(value);
            let _ = writeln!(self.text, "{name}{{job=\"{}\",{label}=\"{value}\"}} {figure}", self.job);
        }
    }

    /// Writes a series for each account.
    fn of_accounts(&mut self, name: &str, help: &str, series: &[(&Account, f64)]) {
        if !series.is_empty() {
            self.head(name, help);
        }
        for (account, figure) in series {
            let [seller, market, programme] =
                [&account.key.seller, &account.key.market, &account.key.programme].map(|text| escaped(text));
            let _ = writeln!(
                self.text,
                "{name}{{job=\"{}\",seller=\"{seller}\",marketplace=\"{market}\",programme=\"{programme}\"}} {figure}",
                self.job
            );
        }
    }

    fn head(&mut self, name: &str, help: &str) {
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} gauge");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped_and_a_series_stands_once() {
        let mut report = RunReport { job: "a\"b\\c\nd".into(), ..RunReport::default() };
        (0..2).for_each(|_| report.stage("fold", || ()));
        let text = text(&report, &Accounts::default(), 4);
        assert!(text.contains("vtr_run_success{job=\"a\\\"b\\\\c\\nd\"} 0\n"), "{text}");
        let series: Vec<&str> =
            text.lines().filter(|line| !line.starts_with('#')).map(|line| line.rsplit_once(' ').unwrap().0).collect();
        let distinct: std::collections::BTreeSet<&&str> = series.iter().collect();
        assert_eq!(series.len(), distinct.len(), "{text}");
        assert!(!text.contains("vtr_published_version") && !text.contains("vtr_table_rows"), "not known: {text}");
    }

    #[test]
    fn a_folder_that_is_not_there_is_refused_and_others_may_read_the_file() {
        let folder = tempfile::tempdir().unwrap();
        assert!(check(&folder.path().join("gone/vtr.prom")).is_err() && check(folder.path()).is_err());
        let path = folder.path().join("vtr.prom");
        check(&path).unwrap();
        (0..2).for_each(|code| write(&path, &RunReport::default(), &Accounts::default(), code).unwrap());
        let plain = folder.path().join("plain");
        std::fs::write(&plain, "").unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&path), mode(&plain), "as any file of this umask");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing temporary is left");
    }
}
