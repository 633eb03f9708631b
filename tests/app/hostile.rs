//! Checks that every file of the hostile corpus ends as its manifest says, with the program run as by a user.
//!
//! The corpus is not part of the repository: it lies beside the checkout, at `../shared/hostile`, or
//! where `VTR_HOSTILE` says; a line on stderr says so where it is neither. No file may take more than
//! 10 seconds or 512 MiB, or end the program otherwise than by its exit codes.

use crate::support::{cell, files, read, root, table};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const SECONDS: u64 = 10;
const PEAK_BYTES: u64 = 512 << 20;
/// The number of programs that run at once.
const AT_ONCE: usize = 2;

/// Writes a line to stderr, even if the test harness captures what tests print.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

fn corpus() -> Option<PathBuf> {
    let given = std::env::var_os("VTR_HOSTILE").map(PathBuf::from);
    let beside = || root().join("../shared/hostile");
    let path = given.unwrap_or_else(beside);
    if path.join("MANIFEST.tsv").is_file() {
        return Some(path);
    }
    say(&format!("hostile corpus: not at {}, nothing tried; VTR_HOSTILE names another place", path.display()));
    None
}

/// A line of the manifest.
struct Entry {
    path: String,
    kind: String,
    expect: String,
    oracle_csv: Value,
    oracle_rows: Option<u64>,
}

fn entries(corpus: &Path) -> Vec<Entry> {
    let text = fs::read_to_string(corpus.join("MANIFEST.tsv")).unwrap();
    let entry = |line: &str| {
        let fields: Vec<&str> = line.split('\t').collect();
        Entry {
            path: fields[0].to_owned(),
            kind: fields[1].to_owned(),
            expect: fields[3].to_owned(),
            oracle_csv: serde_json::from_str(fields[5]).unwrap_or(Value::Null),
            oracle_rows: fields[6].strip_prefix("rows=").and_then(|rows| rows.parse().ok()),
        }
    };
    text.lines().skip(1).map(entry).collect()
}

/// The end of a program's run.
struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
    peak_bytes: u64,
    took: Duration,
}

/// Runs the program within limits of time and memory; `Err` says which limit it exceeded.
fn watched(folder: &Path, args: &[&str]) -> Result<Ended, String> {
    let outputs = tempfile::tempdir().unwrap();
    let file = |name: &str| File::create(outputs.path().join(name)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_vtr"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("VTR_")) {
        command.env_remove(name);
    }
    command.current_dir(folder).args(args).stdin(Stdio::null()).stdout(file("out")).stderr(file("err"));
    let begun = Instant::now();
    let mut child = command.spawn().expect("the program starts");
    let (exe, status) = (format!("/proc/{}/exe", child.id()), format!("/proc/{}/status", child.id()));
    let program = fs::canonicalize(env!("CARGO_BIN_EXE_vtr")).unwrap();
    let mut peak_bytes = 0;
    let code = loop {
        // The system keeps the peak, which is polled until the end; what a program does in its last milliseconds is
        // little. Just after its start a child still has the memory of these tests.
        if fs::read_link(&exe).is_ok_and(|exe| exe == program)
            && let Some(peak) = fs::read_to_string(&status).ok().and_then(|text| peak(&text))
        {
            peak_bytes = peak_bytes.max(peak);
        }
        if let Some(status) = child.try_wait().unwrap() {
            break status.code();
        }
        // On a busy machine the wall clock alone says nothing about the program.
        let worked = fs::read_to_string(format!("/proc/{}/stat", child.id())).ok().and_then(|stat| worked(&stat));
        let busy = worked.is_some_and(|seconds| seconds < SECONDS);
        if begun.elapsed() > Duration::from_secs(if busy { 6 * SECONDS } else { SECONDS }) {
            let _ = child.kill().and_then(|()| child.wait());
            return Err(format!("took more than {SECONDS} s of processor time, or {} s in all", 6 * SECONDS));
        }
        std::thread::sleep(Duration::from_millis(3));
    };
    let read = |name: &str| String::from_utf8_lossy(&fs::read(outputs.path().join(name)).unwrap()).into_owned();
    let ended = Ended { code, stdout: read("out"), stderr: read("err"), peak_bytes, took: begun.elapsed() };
    if !matches!(ended.code, Some(0 | 3 | 4)) {
        return Err(format!("ended with {:?}: {}", ended.code, ended.stderr));
    }
    if ended.peak_bytes > PEAK_BYTES {
        return Err(format!("took {} MiB", ended.peak_bytes >> 20));
    }
    if ended.stderr.contains("panicked") || ended.stdout.contains("panicked") {
        return Err(format!("panicked: {}", ended.stderr));
    }
    Ok(ended)
}

/// Whole seconds of processor time from `/proc/<pid>/stat`, which counts in hundredths.
fn worked(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    Some((ticks()? + ticks()?) / 100)
}

fn peak(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1_024)
}

/// A job over one file of the synthetic shipments.
fn job(folder: &Path, file: &Path) -> String {
    let name = file.file_name().unwrap().to_str().unwrap();
    fs::copy(file, folder.join(name)).unwrap();
    let text = format!(
        "name = \"hostile\"\nas_of = \"2027-06-30\"\n[[input]]\npath = '{name}'\n[input.columns]\ntracking_number = \
         \"tracking_id\"\nshipped_at = \"ship_confirmed_at\"\npromised_delivery_at = \"promised_delivery_date\"\n\
         buy_shipping = \"exempt\"\n[output]\npath = \"out\"\n[limits]\nmax_rejected = \"100%\"\n"
    );
    fs::write(folder.join("job.toml"), text).unwrap();
    name.to_owned()
}

/// The expected result of a synthetic file.
enum Want {
    /// The rows read, and the rejected ones: record, column or nothing, a part of the reason.
    Rows(u64, &'static [(&'static str, &'static str, &'static str)]),
    /// The file is refused with a message that contains this.
    Refused(&'static str),
}

const ENCODING: &str = "not in the declared encoding";

/// The synthetic shipments, by name.
const SYNTHETIC: [(&str, Want); 40] = [
    ("backslash_escape.csv", Want::Rows(2, &[("1", "", "text follows the closing quote")])),
    ("bad_crc.csv.gz", Want::Refused("checksum")),
    ("blank_lines.csv", Want::Rows(5, &[])),
    ("bomb_one_cell_512m.parquet", Want::Refused("bomb_one_cell_512m.parquet")),
    ("bomb_one_field_256m.csv.gz", Want::Rows(1, &[("1", "", "longer than 1048576 bytes")])),
    ("bomb_zeros_1g_long27.csv.zst", Want::Refused("window of more than 64 MiB")),
    ("case_and_nfc_collisions.csv", Want::Rows(6, &[])),
    ("cp1252_value.csv", Want::Rows(1, &[("1", "carrier", ENCODING)])),
    ("cr_only.csv", Want::Rows(5, &[])),
    ("dup_column_case.parquet", Want::Refused("appears twice")),
    ("duplicate_column.csv", Want::Refused("`package_id` appears twice")),
    ("duplicates_and_conflicts.csv", Want::Rows(4, &[])),
    ("extra_column.csv", Want::Rows(5, &[])),
    ("footer_len_max.parquet", Want::Refused("footer longer than the file")),
    ("hive_null_literal.csv", Want::Rows(2, &[("2", "seller_id", "empty")])),
    ("html_in_ids.csv", Want::Rows(2, &[])),
    ("iso_week_53.csv", Want::Rows(16, &[])),
    ("leading_zero_ids.csv", Want::Rows(4, &[])),
    ("mixed_utf8_then_latin1.csv", Want::Rows(3, &[("2", "carrier", ENCODING)])),
    ("nul_in_field.csv", Want::Rows(1, &[("1", "tracking_number", "NUL")])),
    ("ok.csv.gz", Want::Rows(5, &[])),
    ("ok_crlf.csv", Want::Rows(5, &[])),
    ("ok_lf.csv", Want::Rows(5, &[])),
    ("ok_no_final_newline.csv", Want::Rows(5, &[])),
    ("only_newlines.csv", Want::Refused("has no headings")),
    ("path_traversal_ids.csv", Want::Rows(19, &[])),
    ("pii_columns.csv", Want::Rows(1, &[])),
    ("preamble_sep_line.csv", Want::Refused("header_line = 2")),
    ("reordered_columns.csv", Want::Rows(1, &[])),
    ("scan_before_ship_and_future.csv", Want::Rows(2, &[("2", "shipped_at", "more than two years after as_of")])),
    ("secret_like_values.csv", Want::Rows(2, &[])),
    ("seller_id_int64.parquet", Want::Refused("column `seller_id` is Int64; it must be text")),
    ("shift_jis.csv", Want::Rows(2, &[("1", "carrier", ENCODING), ("2", "carrier", ENCODING)])),
    ("short_row.csv", Want::Rows(3, &[("2", "", "too few fields: 5")])),
    ("stray_quote_midfield.csv", Want::Rows(3, &[])),
    ("thousands_and_bool_variants.csv", Want::Rows(5, &[("5", "buy_shipping", "not a boolean")])),
    ("trailing_garbage.csv.gz", Want::Refused("followed by something else")),
    ("trunc_footer.parquet", Want::Refused("no Parquet mark at its end")),
    ("trunc_half.parquet", Want::Refused("no Parquet mark at its end")),
    ("truncated.csv.zst", Want::Refused("cannot be inflated to the end")),
];

/// Whether the manifest allows the observed result.
fn allowed(entry: &Entry, happened: &str) -> Result<(), String> {
    let either = entry.expect.split('|').any(|expect| {
        expect == happened || expect == "READ_OR_REJECT" || expect == "ORACLE" && happened != "REJECT_ROWS"
    });
    if either { Ok(()) } else { Err(format!("is to be {}, but was {happened}", entry.expect)) }
}

/// Runs a job over a synthetic file.
fn synthetic(corpus: &Path, entry: &Entry, ended: &mut Option<Ended>) -> Result<&'static str, String> {
    let folder = tempfile::tempdir().unwrap();
    let name = job(folder.path(), &corpus.join(&entry.path));
    let run = watched(folder.path(), &["run", "job.toml", "--json", "--quiet"])?;
    // Whatever the cells contain, nothing is written outside the output.
    let mut there: Vec<String> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|found| found != "out")
        .collect();
    there.sort();
    let mut expected = vec!["job.toml".to_owned(), name.clone()];
    expected.sort();
    if there != expected {
        return Err(format!("wrote beside its output: {there:?}"));
    }
    let out = folder.path().join("out");
    // Files that this table lacks are checked by the manifest alone.
    let want = SYNTHETIC.iter().find(|(known, _)| *known == name).map(|(_, want)| want);
    let report: Value = serde_json::from_str(&run.stdout).unwrap_or(Value::Null);
    let happened = match run.code {
        Some(0) if report["counts"]["rejected"] == 0 => "READ",
        Some(0) => "REJECT_ROWS",
        _ => "REJECT_FILE",
    };
    match (want, run.code) {
        (Some(Want::Refused(part)), Some(3)) if run.stderr.contains(part) && run.stderr.contains(&name) => {}
        (Some(Want::Rows(rows, rejects)), Some(0)) => {
            if report["counts"]["read"] != *rows {
                return Err(format!("read {} rows, not {rows}", report["counts"]["read"]));
            }
            let got = table(&out, "rejects");
            let agree = |(row, want): (&crate::support::Row, &(&str, &str, &str))| {
                cell(row, "record") == want.0 && cell(row, "column") == want.1 && cell(row, "reason").contains(want.2)
            };
            if got.len() != rejects.len() || !got.iter().zip(*rejects).all(agree) {
                return Err(format!("rejected {got:?}"));
            }
            specifics(&name, &out, &run)?;
        }
        (None, _) => {}
        _ => return Err(format!("ended with {:?}: {}", run.code, run.stderr)),
    }
    *ended = Some(run);
    allowed(entry, happened).map(|()| happened)
}

/// All cells of all tables as one text.
fn cells(out: &Path) -> String {
    let rows = files(&out.join("current")).into_iter().flat_map(|path| read(&path));
    rows.map(|row| format!("{row:?}\n")).collect()
}

fn sellers(out: &Path) -> BTreeSet<String> {
    table(out, "vtr_weekly").iter().map(|row| cell(row, "seller_id").to_owned()).collect()
}

/// Checks what the manifest says about single files besides rows and rejects.
fn specifics(name: &str, out: &Path, run: &Ended) -> Result<(), String> {
    let check = |holds: bool, what: &str| if holds { Ok(()) } else { Err(what.to_owned()) };
    let logs = || {
        let mut all = run.stdout.clone() + &run.stderr;
        for file in
            walkdir::WalkDir::new(out.join("_runs")).into_iter().flatten().filter(|entry| entry.file_type().is_file())
        {
            all += &String::from_utf8_lossy(&fs::read(file.path()).unwrap());
        }
        all
    };
    match name {
        "leading_zero_ids.csv" => check(sellers(out).len() == 4, "sellers are not told apart"),
        "case_and_nfc_collisions.csv" => check(sellers(out).len() == 6, "sellers are not told apart"),
        // Two of the nineteen differ from their trimmed text only by outer blanks; they differ from all others.
        "path_traversal_ids.csv" => check(sellers(out).len() == 19, "sellers are not told apart"),
        "duplicates_and_conflicts.csv" => {
            let files = table(out, "input_files");
            check(cell(&files[0], "superseded") == "3", "three of four copies are superseded")
        }
        "iso_week_53.csv" => {
            let mut weeks: BTreeMap<String, i64> = BTreeMap::new();
            for row in table(out, "vtr_weekly") {
                *weeks.entry(cell(&row, "iso_week").to_owned()).or_default() +=
                    crate::support::count(&row, "shipments");
            }
            let want = [
                ("2015-W53", 2),
                ("2020-W52", 1),
                ("2020-W53", 4),
                ("2021-W01", 1),
                ("2024-W52", 1),
                ("2025-W01", 1),
                ("2025-W52", 1),
                ("2026-W01", 1),
                ("2026-W53", 3),
                ("2027-W01", 1),
            ];
            let want: BTreeMap<String, i64> = want.iter().map(|(week, count)| ((*week).to_owned(), *count)).collect();
            check(weeks == want, &format!("weeks are {weeks:?}"))
        }
        "pii_columns.csv" => {
            let all = cells(out) + &logs();
            check(!["Jane", "jane@", "1 Example"].iter().any(|secret| all.contains(secret)), "personal data came out")
        }
        "secret_like_values.csv" => {
            let all = logs();
            check(!["AKIA", "hunter2"].iter().any(|secret| all.contains(secret)), "a value is in a log")
        }
        _ => Ok(()),
    }
}

/// Inspects a file of a foreign schema.
fn foreign(corpus: &Path, entry: &Entry, ended: &mut Option<Ended>) -> Result<&'static str, String> {
    let path = corpus.join(&entry.path);
    let shown = path.display().to_string();
    let mut args = vec!["inspect", shown.as_str(), "--json"];
    match entry.kind.as_str() {
        "parquet" | "dataset" => args.extend(["--format", "parquet"]),
        "csv" if shown.ends_with(".gz") => args.extend(["--delimiter", ","]),
        "csv" => args.extend(["--format", "csv", "--delimiter", ","]),
        _ => {}
    }
    let run = watched(corpus, &args)?;
    let look: Value = serde_json::from_str(&run.stdout).unwrap_or(Value::Null);
    let happened = match run.code {
        Some(0) if look["findings"].as_array().is_some_and(Vec::is_empty) => "READ",
        Some(0) => "REJECT_ROWS",
        _ if run.stderr.contains(&entry.path) => "REJECT_FILE",
        _ => return Err(format!("refused without its name: {}", run.stderr)),
    };
    let oracle = &entry.oracle_csv;
    // A text with a byte order mark needs no guess, but the oracle read its bytes without decoding.
    let comparable = oracle["records"].is_u64() && look["text"]["encoding"] == "utf-8";
    if run.code == Some(0) && comparable {
        let (records, ragged) = (&look["text"]["records"], &look["text"]["ragged"]);
        if *records != oracle["records"] || *ragged != *oracle.get("ragged").unwrap_or(&Value::from(0)) {
            return Err(format!("{records} records, {ragged} ragged, but the oracle says {oracle}"));
        }
        let undecodable = look["text"].get("undecodable_at").cloned().unwrap_or(Value::Null);
        if undecodable != *oracle.get("utf8_error_at").unwrap_or(&Value::Null) {
            return Err(format!("not UTF-8 from byte {undecodable} on, but the oracle says {oracle}"));
        }
    }
    // Lines of JSON could be split like a table of one column, but the program recognises them.
    let is_json = run.stderr.contains("is not delimited text but JSON");
    if run.code != Some(0) && oracle["strict"] == "ok" && oracle["records"] != 0 && !is_json {
        return Err(format!("refused, but it is well-formed: {}", run.stderr));
    }
    if run.code == Some(0) && entry.oracle_rows.is_some_and(|rows| look["rows"] != rows) {
        return Err(format!("{} rows, but the oracle says {:?}", look["rows"], entry.oracle_rows));
    }
    if let Some(wanted) = spectrum(corpus, &entry.path)
        && look["rows"] != wanted
    {
        return Err(format!("{} rows, not {wanted}", look["rows"]));
    }
    // An inspection reports what a run would reject.
    let verdict = match (happened, entry.expect.as_str()) {
        ("REJECT_ROWS", "READ" | "ORACLE" | "REJECT_FILE|READ") => "READ",
        ("REJECT_FILE", "ORACLE" | "REJECT_ROWS|READ") => "READ_OR_REJECT",
        other => other.0,
    };
    *ended = Some(run);
    if verdict == "READ_OR_REJECT" { Ok(happened) } else { allowed(entry, verdict).map(|()| happened) }
}

/// The number of rows that a file of csv-spectrum must give.
fn spectrum(corpus: &Path, path: &str) -> Option<usize> {
    let name = path.strip_prefix("csv-spectrum/csvs/")?.strip_suffix(".csv")?;
    let text = fs::read_to_string(corpus.join(format!("csv-spectrum/json/{name}.json"))).ok()?;
    serde_json::from_str::<Value>(&text).ok()?.as_array().map(Vec::len)
}

/// Uses each naughty string as seller, carrier and tracking number.
fn naughty(corpus: &Path, entry: &Entry, ended: &mut Option<Ended>) -> Result<&'static str, String> {
    let strings: Vec<String> = serde_json::from_str(&fs::read_to_string(corpus.join(&entry.path)).unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let mut text = String::from(
        "seller_id,marketplace,carrier,order_id,package_id,tracking_id,ship_confirmed_at,promised_delivery_date,first_scan_at,exempt\n",
    );
    for (index, string) in strings.iter().enumerate() {
        let cell = quoted(string);
        text +=
            &format!("{cell},DE,{cell},O{index},1,{cell},2026-01-05T10:00:00Z,2026-01-09,2026-01-05T18:00:00Z,false\n");
    }
    let file = folder.path().join("naughty strings.csv");
    fs::write(&file, text).unwrap();
    let inner = tempfile::tempdir_in(folder.path()).unwrap();
    job(inner.path(), &file);
    let run = watched(inner.path(), &["run", "job.toml", "--json"])?;
    if run.code != Some(0) {
        return Err(run.stderr);
    }
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    if report["counts"]["read"] != strings.len() {
        return Err(format!("read {} of {}", report["counts"]["read"], strings.len()));
    }
    let want: BTreeSet<String> = strings
        .iter()
        .map(|string| string.trim().to_owned())
        .filter(|string| !string.is_empty() && !string.contains('\0'))
        .collect();
    // Strings that a wrapper or a float could have lost, with or without their row; all others are kept unchanged.
    let is_wrapped = |string: &String| {
        *vtr_kernel::wrapper::unwrapped(string) != **string || vtr_kernel::wrapper::is_damaged(string)
    };
    let bare = |string: &String| vtr_kernel::wrapper::unwrapped(string).into_owned();
    let (wrapped, want): (BTreeSet<String>, BTreeSet<String>) = want.into_iter().partition(is_wrapped);
    let allowed: BTreeSet<String> = wrapped.iter().map(bare).collect();
    let got = sellers(&inner.path().join("out"));
    let got: BTreeSet<String> = got.into_iter().filter(|id| want.contains(id) || !allowed.contains(id)).collect();
    if got != want || want.len() < 200 {
        let (lost, new): (Vec<_>, Vec<_>) = (want.difference(&got).collect(), got.difference(&want).collect());
        return Err(format!("sellers lost {lost:?}, sellers made {new:?}"));
    }
    if run.stderr.chars().any(|c| c.is_control() && c != '\n') {
        return Err("a control character reached the log".to_owned());
    }
    if fs::read_dir(inner.path()).unwrap().count() != 3 {
        return Err("wrote beside its output".to_owned());
    }
    *ended = Some(run);
    Ok("READ")
}

/// The results so far.
#[derive(Default)]
struct Seen {
    /// The number of files by result.
    ends: BTreeMap<&'static str, u64>,
    /// Files with an unexpected result.
    bad: Vec<String>,
    peak_bytes: u64,
    longest: Duration,
}

#[test]
fn every_file_of_the_hostile_corpus_ends_as_its_manifest_says() {
    let Some(corpus) = corpus() else { return };
    let entries = entries(&corpus);
    let next = AtomicUsize::new(0);
    let seen: Mutex<Seen> = Mutex::default();
    let work = || {
        while let Some(entry) = entries.get(next.fetch_add(1, Ordering::Relaxed)) {
            let mut ended = None;
            let result = if entry.path.starts_with("synthetic/") {
                synthetic(&corpus, entry, &mut ended)
            } else if entry.kind == "strings" {
                naughty(&corpus, entry, &mut ended)
            } else {
                foreign(&corpus, entry, &mut ended)
            };
            let mut seen = seen.lock().unwrap();
            if let Some(ended) = ended {
                seen.peak_bytes = seen.peak_bytes.max(ended.peak_bytes);
                seen.longest = seen.longest.max(ended.took);
            }
            match result {
                Ok(happened) => *seen.ends.entry(happened).or_default() += 1,
                Err(why) => seen.bad.push(format!("{}: {why}", entry.path)),
            }
        }
    };
    std::thread::scope(|scope| (0..AT_ONCE).for_each(|_| drop(scope.spawn(work))));
    let Seen { ends, bad, peak_bytes: peak, longest } = seen.into_inner().unwrap();
    let count = |name: &str| ends.get(name).copied().unwrap_or(0);
    say(&format!(
        "hostile corpus: {} files tried, {} read, {} read with rows to reject, {} refused, {} otherwise than they should; \
         at most {} MiB and {:.1} s",
        entries.len(),
        count("READ"),
        count("REJECT_ROWS"),
        count("REJECT_FILE"),
        bad.len(),
        peak >> 20,
        longest.as_secs_f64()
    ));
    assert!(bad.is_empty(), "{}", bad.join("\n"));
    assert!(!entries.is_empty());
}

#[test]
fn the_watch_sees_what_a_program_takes() {
    // It takes longer than the watch needs between two looks, even on a busy machine.
    let work = tempfile::tempdir().unwrap();
    let ended = watched(work.path(), &["gen", "history", "--rows", "300000", "--quiet"]).unwrap();
    assert!(ended.peak_bytes > 1 << 20 && ended.peak_bytes < PEAK_BYTES, "{}", ended.peak_bytes);
}
