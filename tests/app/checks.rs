//! Tests of `[[check]]`s as a scheduler sees them: exit codes, what stays published, what the report contains.

use crate::support::{count, fails, files, ok, table, text, vtr, vtr_in};
use serde_json::Value;
use std::fs;
use std::path::Path;

const HEADINGS: &str = "seller_id,marketplace,order_id,carrier,tracking_number,promised_delivery_at,first_scan_at\n";

/// Packages of a seller on a day, the first `scanned` of them with a scan.
fn packages(seller: &str, day: &str, carrier: &str, scanned: usize, all: usize) -> String {
    let scan = |index: usize| if index < scanned { format!("{day}T10:00:00Z") } else { String::new() };
    (0..all)
        .map(|index| format!("{seller},DE,{day}-{index},{carrier},0034{index:010},{day},{}\n", scan(index)))
        .collect()
}

struct Case {
    folder: tempfile::TempDir,
}

impl Case {
    /// A published history of two sellers and two weeks, and a job with one check.
    fn new(check: &str) -> Case {
        let case = Case { folder: tempfile::tempdir().unwrap() };
        let job = format!(
            "name = \"checked\"\nas_of = \"2025-06-30\"\n[[input]]\npath = \"in.csv\"\n[output]\npath = \"out\"\n[[check]]\nname = \"the check\"\n{check}"
        );
        fs::write(case.folder.path().join("job.toml"), job).unwrap();
        case.feed(&[BOTH, LATER]);
        case
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn feed(&self, parts: &[fn() -> String]) {
        let lines: String = parts.iter().map(|part| part()).collect();
        fs::write(self.folder.path().join("in.csv"), format!("{HEADINGS}{lines}")).unwrap();
    }

    fn publish(&self) {
        ok(&["run", &self.path("job.toml"), "--quiet"]);
    }

    /// The check's entry in the report of a run with this exit code.
    fn checked(&self, code: i32, extra: &[&str]) -> Value {
        let job = self.path("job.toml");
        // A check applies to what is judged; if nothing is outdated, a plain run judges nothing.
        let whole: &[&str] = if extra.contains(&"--from") { &[] } else { &["--full"] };
        let output = vtr(&[&["run", &job, "--quiet", "--json"], whole, extra].concat());
        assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let checks = report["checks"].as_array().unwrap();
        let (check, gates) = checks.split_last().unwrap();
        assert!(gates.len() >= 3 && check["name"] == "the check", "gates of every job and the check: {checks:?}");
        assert_eq!(check["holds"], code == 0 && !extra.iter().any(|option| option.contains("warn")));
        let kept = self.folder.path().join("out/_runs").join(report["run_id"].as_str().unwrap()).join("report.json");
        let kept: Value = serde_json::from_slice(&fs::read(kept).unwrap()).unwrap();
        assert_eq!(kept["checks"], report["checks"], "the report is kept");
        check.clone()
    }

    fn found(&self, code: i32) -> String {
        self.checked(code, &[])["found"].as_str().unwrap().to_owned()
    }
}

const BOTH: fn() -> String =
    || packages("A1", "2025-06-04", "DHL", 20, 20) + &packages("B2", "2025-06-04", "DHL", 20, 20);
const LATER: fn() -> String = || packages("A1", "2025-06-11", "DHL", 20, 20);
/// The first week, unchanged for A1; B2 has lost one scan in ten.
const WORSE: fn() -> String =
    || packages("A1", "2025-06-04", "DHL", 20, 20) + &packages("B2", "2025-06-04", "DHL", 18, 20);
const ONE: fn() -> String = || packages("A1", "2025-06-04", "DHL", 20, 20);
const NEXT: fn() -> String = || packages("C3", "2025-06-18", "DHL", 0, 200);
const STRANGE: fn() -> String = || packages("A1", "2025-06-18", "Kaffee Express", 20, 20);

#[test]
fn a_jump_of_a_rate_is_exact_and_leaves_the_old_version() {
    let case = Case::new("kind = \"rate_jump\"\nat_most = \"9.99%\"\n");
    case.publish();
    // A bad week of another seller that was not published before is not a change.
    case.feed(&[BOTH, LATER, NEXT]);
    case.publish();
    case.feed(&[WORSE, LATER, NEXT]);
    let found = case.found(4);
    assert!(
        found.contains("rates of 1 of 2 sellers") && found.contains("B2 in DE from 100.00 % to 90.00 %"),
        "{found}"
    );
    assert!(found.contains("10.00 points"), "{found}");
    let said = fails(4, &["run", &case.path("job.toml"), "--quiet"]);
    assert!(said.contains("the check (rate_jump)") && said.contains("B2 in DE"), "{said}");
    let out = case.folder.path().join("out");
    let valid: i64 = table(&out, "vtr_weekly").iter().map(|row| count(row, "valid")).sum();
    assert_eq!(valid, 60, "the old version stays");
    assert!(files(&out.join("_runs")).len() >= 2, "the rejects of runs that tripped are kept");
    case.checked(0, &["--set", "check.0.at_most=10%"]);
}

#[test]
fn a_check_that_only_warns_publishes_and_says_so() {
    let case = Case::new("kind = \"rate_jump\"\nat_most = \"5%\"\n");
    case.publish();
    case.feed(&[WORSE, LATER]);
    case.checked(4, &[]);
    let checked = case.checked(0, &["--set", "check.0.level=warn"]);
    assert_eq!(checked["level"], "warn");
    case.feed(&[BOTH, LATER]);
    let output = vtr(&[
        "run",
        &case.path("job.toml"),
        "--quiet",
        "--set",
        "check.0.level=warn",
        "--set",
        "check.0.direction=both",
    ]);
    assert!(text(&output.stderr).contains("warning: check the check: the rates of 1"), "{}", text(&output.stderr));
    // Small sellers can be left out.
    case.feed(&[WORSE, LATER]);
    case.checked(0, &["--set", "check.0.min_eligible=21"]);
}

#[test]
fn sellers_do_not_vanish() {
    let case = Case::new("kind = \"sellers_vanished\"\n");
    case.publish();
    case.feed(&[ONE, LATER]);
    let found = case.found(4);
    assert!(found.contains("1 of 2 published sellers would vanish (B2)"), "{found}");
    // Only weeks that the run replaces are compared: the second week never had B2.
    case.checked(0, &["--from", "2025-W24", "--to", "2025-W24"]);
    case.checked(4, &["--set", "check.0.at_most=49%"]);
    case.checked(0, &["--set", "check.0.at_most=50%"]);
}

#[test]
fn row_totals_compare_published_weeks_only() {
    let case = Case::new("kind = \"row_totals\"\nat_most = \"33.3%\"\n");
    assert!(case.found(0).contains("nothing published yet"));
    case.feed(&[BOTH, LATER, NEXT]);
    case.checked(0, &[]);
    case.feed(&[BOTH, LATER]);
    // The week that vanishes was open, and open weeks change without a cause.
    case.checked(0, &["--set", "limits.max_vanished_weeks=1"]);
    case.feed(&[ONE, LATER]);
    let found = case.found(4);
    assert!(found.contains("40 judged packages in 2 published final weeks, 60 before; at most 33.3 %"), "{found}");
    case.checked(0, &["--set", "check.0.at_most=33.4%"]);
}

#[test]
fn weeks_missing_and_unknown_carriers_need_no_published_version() {
    let case = Case::new("kind = \"weeks_missing\"\n");
    case.feed(&[ONE, NEXT]);
    assert!(case.found(4).contains("1 weeks have no data (2025-06-09)"));
    case.checked(0, &["--set", "check.0.at_most=1"]);
    // A gap outside a run's weeks is not reported.
    case.checked(0, &["--from", "2025-W25", "--to", "2025-W25"]);
    case.checked(4, &["--from", "2025-W24", "--to", "2025-W25"]);

    let case = Case::new("kind = \"unknown_carriers\"\nat_most = \"25%\"\n");
    case.feed(&[BOTH, LATER, STRANGE]);
    assert!(case.checked(0, &[])["found"].as_str().unwrap().starts_with("20 of 80 judged packages"));
    case.checked(4, &["--set", "check.0.at_most=24.9%"]);
}

#[test]
fn checks_need_the_table_that_they_are_judged_on() {
    let case = Case::new("kind = \"weeks_missing\"\n");
    let said = fails(2, &["run", &case.path("job.toml"), "--set", "output.tables=[\"defects\"]"]);
    assert!(said.contains("vtr_weekly") && said.contains("[output] `tables`"), "{said}");
    assert!(fails(2, &["run", &case.path("job.toml"), "--set", "check.0.min_eligible=5"]).contains("rate_jump"));
    assert!(Path::new(&case.path("job.toml")).exists());
}

#[test]
fn the_share_of_what_is_set_aside_is_that_of_all_rows_also_where_few_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    std::fs::create_dir(at.join("in")).unwrap();
    let heads = "seller_id,marketplace,order_id,carrier,tracking_number,currency,promised_delivery_at,first_scan_at\n";
    let put = |name: &str, day: &str, rows: usize, odd: usize| {
        let row = |at: usize| {
            let currency = if at < odd { "Taler" } else { "EUR" };
            format!("A1,DE,{name}-{at},DHL Paket,00340434161094022115,{currency},{day},{day}T08:00:00Z\n")
        };
        let text: String = std::iter::once(heads.to_owned()).chain((0..rows).map(row)).collect();
        std::fs::write(at.join("in").join(format!("{name}.csv")), text).unwrap();
    };
    // Windows would begin to end behind the last package of the first file, which would be read for them.
    let job = "name = \"w\"\nas_of = \"2025-06-30\"\n[[input]]\npath = \"in/*.csv\"\n[output]\npath = \"out\"\n\
               tables = [\"vtr_weekly\", \"input_files\", \"rejects\"]\n";
    std::fs::write(at.join("job.toml"), job).unwrap();
    let run = |args: &[&str]| vtr_in(at, &[&["run", "job.toml", "--json", "-q"], args].concat());
    put("a", "2025-01-07", 3_000, 20);
    assert!(run(&[]).status.success());
    // There are 10 of 20 in the file, and 30 of 3,020 in total.
    put("b", "2025-06-10", 20, 10);
    let plain = run(&[]);
    assert!(plain.status.success(), "{}", text(&plain.stderr));
    let report: serde_json::Value = serde_json::from_slice(&plain.stdout).unwrap();
    assert_eq!(report["counts"]["read"], 20, "only the new file is read");
    // With 41 of 3,040, a full run refuses it, and so does the plain run.
    put("c", "2025-06-17", 20, 11);
    for args in [&[][..], &["--full"]] {
        let refused = run(args);
        assert_eq!(refused.status.code(), Some(4), "{args:?}");
        assert!(text(&refused.stderr).contains("of 3040 rows"), "{}", text(&refused.stderr));
    }
}
