//! Tests of what lists and pages tell people to do: young accounts, figures that are not known, old figures, missing
//! scans and promises.

use crate::support::{fails, ok, text, vtr};
use std::fs;
use std::path::Path;

const HEADINGS: &str = "seller_id,marketplace,order_id,carrier,tracking_number,promised_delivery_at,shipped_at,first_scan_at,delivery_scan_at\n";
/// A Wednesday; the next window ends on 16 March, and the last final one on 25 February.
const DAY: &str = "2025-03-12";
const TODAY: [&str; 2] = ["--today", DAY];

/// Writes a history and a job as of [`DAY`].
fn job(folder: &Path, history: &str) -> (String, String) {
    fs::write(folder.join("in.csv"), history).unwrap();
    let job = format!(
        "name = \"todo\"\nas_of = \"{DAY}\"\nas_of_mode = \"scans\"\n[[input]]\npath = \"in.csv\"\n[output]\npath = \"out\"\n"
    );
    fs::write(folder.join("job.toml"), job).unwrap();
    let path = |name: &str| folder.join(name).display().to_string();
    (path("job.toml"), path("out"))
}

/// A package of UPS that the seller gave as one of DHL: the number must be corrected.
fn mismatch(account: &str, order: &str, promised: &str) -> String {
    format!("{account},{order},DHL,1Z5R89390357567127,{promised},2025-03-10,,\n")
}

fn valid(account: &str, order: &str, day: &str) -> String {
    format!("{account},{order},DHL,JJD000390007840{order},{day},{day},{day}T10:00:00Z,{day}T11:00:00Z\n")
}

/// An old account, two that began this week, one of them of the old seller, and one that paused for two months.
fn young(folder: &Path) -> (String, String) {
    let mut history = HEADINGS.to_owned();
    (10..25).for_each(|day| history += &valid("OLD,DE", &format!("1{day}"), &format!("2025-02-{day}")));
    history += &mismatch("OLD,DE", "201", "2025-03-15");
    history += &mismatch("OLD,DE", "202", "2025-03-20");
    history += &valid("PAUSED,DE", "301", "2025-01-03");
    for (account, first) in [("NEW,DE", 400), ("OLD,FR", 500), ("PAUSED,DE", 600)] {
        (first..first + 3).for_each(|order| history += &mismatch(account, &order.to_string(), "2025-03-15"));
    }
    job(folder, &history)
}

#[test]
fn accounts_too_young_to_be_judged_are_worked_on_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let (job, out) = young(folder.path());
    ok(&["run", &job, "--quiet"]);
    let list = ok(&[&["worklist", &out], &TODAY[..]].concat());
    assert!(list.contains("before delivery, soonest first (11 packages)") && !list.contains("Nothing"), "{list}");
    assert!(list.contains("NEW, Amazon.de: Correct 3") && list.contains("+100.00 points"), "{list}");
    let csv = ok(&[&["worklist", &out, "--format", "csv"], &TODAY[..]].concat());
    for seller in ["NEW,DE", "OLD,FR", "PAUSED,DE", "OLD,DE"] {
        assert!(csv.matches(&format!(",{seller},standard,")).count() >= 2, "{seller}: {csv}");
    }
    let overdue = fails(4, &["worklist", &out, "--seller", "NEW", "--fail-on", "overdue", "--today", "2025-03-16"]);
    assert!(overdue.contains("3 packages of 1 account not corrected by the promised day"), "{overdue}");
    let target = folder.path().join("corrections").display().to_string();
    let confirm = vtr(&["worklist", &job, "--format", "ship-confirm", "-o", &target]);
    let said = text(&confirm.stdout) + &text(&confirm.stderr);
    assert!(confirm.status.success() && said.contains("3 corrections of seller NEW"), "{said}");
    assert!(said.contains("5 corrections of seller OLD") && said.contains("3 corrections of seller PAUSED"), "{said}");

    let health = ok(&[&["health", &out, "--fail-on", "breach"], &TODAY[..]].concat()).replace('\n', " ");
    for account in ["NEW, Amazon.de (0 of 3 packages", "OLD, Amazon.fr (0 of 3", "PAUSED, Amazon.de (0 of 3"] {
        assert!(health.contains(account), "{account}: {health}");
    }
    assert!(health.contains("Not yet assessed: ") && !health.contains("Not listed"), "{health}");
    let rows = vtr(&[&["health", &out, "--format", "csv"], &TODAY[..]].concat());
    assert!(text(&rows.stderr).contains("Not yet assessed: ") && !text(&rows.stdout).contains("NEW"));
    let alone = vtr(&[&["health", &out, "--seller", "NEW"], &TODAY[..]].concat());
    assert!(text(&alone.stderr).contains("Not yet assessed: NEW, Amazon.de"), "{}", text(&alone.stderr));

    let html = ok(&["report", &out]);
    assert!(html.contains("No account of 1 is below Amazon\u{2019}s target; 3 are not yet assessed"));
    assert!(html.contains("Not yet assessed: 3") && html.contains("NEW, Amazon.de") && html.contains("OLD, Amazon.fr"));
    assert!(html.contains("None of its packages is in the last final window, 27 Jan to 25 Feb"));
    let pages = folder.path().join("pages");
    let split = ok(&["report", &out, "--split-by", "seller", "-o", &pages.display().to_string()]);
    assert!(split.contains("\tNEW\n") && split.contains("\tPAUSED\n"), "{split}");
    assert!(fails(2, &["report", &out, "--appeal", "NEW", "DE"]).contains("--appeal"));
}

/// Without the weekly table the list of defects names the young accounts.
#[test]
fn young_accounts_are_worked_on_without_the_weeks_too() {
    let folder = tempfile::tempdir().unwrap();
    let (job, out) = young(folder.path());
    ok(&["run", &job, "--quiet", "--set", "output.tables=[\"account_health\", \"defects\"]"]);
    let list = ok(&[&["worklist", &out], &TODAY[..]].concat());
    assert!(list.contains("NEW, Amazon.de: Correct 3") && list.contains("(11 packages)"), "{list}");
}

#[test]
fn a_correction_moves_the_figures_of_the_windows_that_hold_its_day() {
    let folder = tempfile::tempdir().unwrap();
    let (job, out) = young(folder.path());
    ok(&["run", &job, "--quiet"]);
    let list = ok(&[&["worklist", &out, "--marketplace", "DE", "--seller", "OLD"], &TODAY[..]].concat());
    assert!(list.replace("\n    ", " ").contains("(1 of them in the window to 16 Mar"), "{list}");
    let html = ok(&["report", &out, "--seller", "OLD", "--marketplace", "DE"]);
    assert!(html.contains("keeps 1 defect out of the next figure") && html.contains("and 1 out of later figures"));
    let history = fs::read_to_string(folder.path().join("in.csv")).unwrap();
    let later: Vec<&str> = history.lines().filter(|line| !line.contains(",DE,201,")).collect();
    fs::write(folder.path().join("in.csv"), later.join("\n") + "\n").unwrap();
    ok(&["run", &job, "--quiet"]);
    let list = ok(&[&["worklist", &out, "--marketplace", "DE", "--seller", "OLD"], &TODAY[..]].concat());
    assert!(list.contains(" later windows  ") && !list.contains(" points  "), "{list}");
    let html = ok(&["report", &out, "--seller", "OLD", "--marketplace", "DE"]);
    assert!(html.contains("keeps 1 defect out of later figures") && !html.contains("next figure"));
}

#[test]
fn data_that_stopped_are_no_improvement_and_no_all_clear() {
    let folder = tempfile::tempdir().unwrap();
    let (job, out) = young(folder.path());
    ok(&["run", &job, "--quiet", "--as-of", "2025-04-10"]);
    let then = ["--today", "2025-04-10"];
    fails(4, &[&["health", &out, "--fail-on", "breach"], &then[..]].concat());
    ok(&["run", &job, "--quiet", "--as-of", "2025-06-10"]);
    let now = ["--today", "2025-06-10"];
    let changes = ok(&[&["health", &out, "--compare", "1", "--format", "csv"], &now[..]].concat());
    assert!(changes.contains("no longer known,NEW,DE") && !changes.contains("better"), "{changes}");
    let worse = fails(4, &[&["health", &out, "--compare", "1", "--fail-on", "worse"], &now[..]].concat());
    assert!(worse.contains("no longer known, first of all NEW in DE"), "{worse}");
    for asked in [&["--fail-on", "breach,at_risk"][..], &["--fail-on", "breach", "--compare", "1"]] {
        let unknown = fails(4, &[&["health", &out], asked, &now[..]].concat());
        assert!(unknown.contains("nothing is known to be well"), "{asked:?}: {unknown}");
    }
}

#[test]
fn lists_of_old_figures_say_in_every_format_that_they_are_old() {
    let folder = tempfile::tempdir().unwrap();
    let (job, out) = young(folder.path());
    ok(&["run", &job, "--quiet"]);
    let late = ["--today", "2025-06-01"];
    for format in ["csv", "json"] {
        let listed = vtr(&[&["worklist", &out, "--format", format], &late[..]].concat());
        let said = text(&listed.stderr);
        assert!(listed.status.success() && said.contains("as of 2025-03-12: PAST: 11 packages"), "{format}: {said}");
        assert!(said.contains("Run the job again") && !said.contains("no defect"), "{format}: {said}");
    }
    let table = ok(&[&["worklist", &out], &late[..]].concat());
    assert!(table.contains("PAST: 11 packages") && !table.contains("no defect"), "{table}");
    let overdue = fails(4, &[&["worklist", &out, "--fail-on", "overdue"], &late[..]].concat());
    assert!(overdue.contains("11 packages were not corrected") && overdue.contains("run the job again"), "{overdue}");
}

#[test]
fn without_promised_days_nothing_is_called_over_and_the_run_names_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let mut history = HEADINGS.replace(",promised_delivery_at", "");
    let line = |order: &str, day: &str, scan: &str| format!("A,DE,{order},DHL,JJD000390007840{order},{day},{scan},\n");
    (10..25).for_each(|day| history += &line(&format!("1{day}"), &format!("2025-02-{day}"), "2025-02-25T10:00:00Z"));
    history += &line("201", "2025-03-11", "");
    history += &line("202", DAY, "");
    let (job, out) = job(folder.path(), &history);
    let said = text(&vtr(&["run", &job]).stderr);
    assert_eq!(said.matches("map `promised_delivery_at`").count(), 1, "{said}");
    assert!(said.contains("without a promised day until which they could wait: 2; each counts"), "{said}");
    let html = ok(&["report", &out]);
    assert!(html.contains("no promised day known: those of the last days") && !html.contains("promised day over"));
    let list = ok(&[&["worklist", &out], &TODAY[..]].concat()).replace("\n    ", " ");
    assert!(list.contains("scan or trace 2 packages; no promised day known"), "{list}");
    // With a promised day the same packages are pending, and there is nothing to warn of.
    let history = fs::read_to_string(folder.path().join("in.csv")).unwrap();
    let promised = history.replace("seller_id,", "promised_delivery_at,seller_id,").replace("\nA,", "\n2025-03-14,A,");
    fs::write(folder.path().join("in.csv"), promised).unwrap();
    let said = text(&vtr(&["run", &job]).stderr);
    assert!(!said.contains("promised_delivery_at"), "{said}");
}

/// A lane that asks for two scans, of which only the one at delivery is known.
#[test]
fn a_delivered_package_without_its_first_scan_is_not_told_that_the_other_one_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let headings = HEADINGS.trim_end().to_owned() + ",ship_from_country,package_value,currency\n";
    let line = |order: &str, promised: &str| {
        format!(
            "A,DE,{order},Yun Express,YT2426017852498206,{promised},2025-03-01,,2025-03-09T10:00:00Z,CN,30.00,EUR\n"
        )
    };
    let (job, out) = job(folder.path(), &(headings + &line("D1", "2025-03-10") + &line("D2", "2025-03-14")));
    ok(&["run", &job, "--quiet"]);
    for (order, to_do) in [("D1", "Nothing mends this package any more"), ("D2", "delivered without its first scan")] {
        let story = ok(&["explain", &job, "--seller", "A", "--order", order]);
        assert!(story.contains("delivery_scan_missing") && story.contains(to_do), "{story}");
        assert!(story.contains("1 counted as of 2025-03-12: the one at delivery, and no first one"), "{story}");
        assert!(story.contains("asks for two: a first one and one at delivery"), "{story}");
        assert!(!story.contains("second one at delivery") && !story.contains("with a delivery scan"), "{story}");
    }
    let csv = ok(&["defects", &out, "--format", "csv"]);
    assert!(csv.contains("Nothing to do yet: it is delivered without its first scan"), "{csv}");
    let html = ok(&["report", &out]);
    assert!(html.contains("whose scans are never reported") && !html.contains("never scanned become"));
}

#[test]
fn a_page_bears_the_day_as_of_which_its_accounts_are_judged() {
    let folder = tempfile::tempdir().unwrap();
    let (job, out) = young(folder.path());
    ok(&["run", &job, "--quiet"]);
    assert!(ok(&["report", &out]).contains("Valid Tracking Rate, as of Wed 12 Mar 2025"));
    ok(&["run", &job, "--quiet", "--last", "2", "--as-of", "2025-03-26"]);
    let html = ok(&["report", &out]);
    assert!(html.contains("Valid Tracking Rate, as of Wed 12 Mar 2025"), "the day of account_health");
    assert!(html.contains("as of 12 Mar, the newest weeks as of 26 Mar") && html.contains("weeks as of 2025-03-26"));
}

#[test]
fn a_row_after_as_of_is_not_called_unreadable() {
    let folder = tempfile::tempdir().unwrap();
    let (job, _) = young(folder.path());
    let newer = "NEW,DE,400,DHL,1Z5R89390357567127,2025-03-25,2025-03-20,,\n";
    let history = fs::read_to_string(folder.path().join("in.csv")).unwrap() + newer;
    fs::write(folder.path().join("in.csv"), history).unwrap();
    ok(&["run", &job, "--quiet"]);
    let target = folder.path().join("corrections").display().to_string();
    let confirm = vtr(&["worklist", &job, "--format", "ship-confirm", "-o", &target]);
    let said = text(&confirm.stdout);
    assert!(said.replace('\n', " ").contains("newer") && !said.contains("cannot be read"), "{said}");
}

#[test]
fn pages_bear_the_warnings_of_all_weeks_and_those_of_one_seller_no_word_of_others() {
    let folder = tempfile::tempdir().unwrap();
    let damaged = "SECRET,DE,1,DHL,9.2E+21,2025-01-20,2025-01-18,2025-01-19T10:00:00Z,2025-01-20T11:00:00Z\n";
    let history = HEADINGS.to_owned() + damaged + &valid("A,DE", "2", "2025-01-18");
    let (job, out) = job(folder.path(), &history);
    let written = fs::read_to_string(&job).unwrap().replace("path = \"in.csv\"", "path = \"*.csv\"");
    fs::write(&job, written + "[limits]\nmax_damaged = \"100%\"\n").unwrap();
    ok(&["run", &job, "--quiet"]);
    fs::write(folder.path().join("later.csv"), HEADINGS.to_owned() + &valid("A,DE", "3", "2025-03-05")).unwrap();
    ok(&["run", &job, "--quiet"]);
    let page = folder.path().join("page.html").display().to_string();
    let paged = |more: &[&str]| {
        ok(&[&["report", &out, "-o", &page], more].concat());
        fs::read_to_string(&page).unwrap()
    };
    let whole = paged(&[]);
    assert!(whole.contains("Take care") && whole.contains("9.2E+21") && whole.contains("2025-W03"), "{whole}");
    let own = paged(&["--seller", "A"]);
    assert!(own.contains("warning") && !own.contains("Take care") && !own.contains("in.csv"), "{own}");
    assert!(!own.contains("SECRET"), "{own}");
}

#[test]
fn an_output_of_defects_alone_has_its_work_and_a_part_of_a_history_its_remedy() {
    let folder = tempfile::tempdir().unwrap();
    // In the last final window, and still counted by windows to come.
    let history = HEADINGS.to_owned()
        + "A,DE,1,DHL,1Z5R89390357567127,2025-02-20,2025-02-18,,\n"
        + &valid("A,DE", "2", "2025-02-20");
    let (job, out) = job(folder.path(), &history);
    let whole = ok(&["run", &job, "--quiet"]);
    let listed = |out: &str| ok(&[&["worklist", out, "--format", "csv"], &TODAY[..]].concat()).lines().count();
    assert_eq!(listed(&out), 2, "{whole}");
    let only = folder.path().join("only").display().to_string();
    ok(&["run", &job, "--quiet", "--out", &only, "--set", "output.tables=[\"defects\"]"]);
    assert_eq!(listed(&only), 2);
    let refused = fails(2, &["defects", &out, "--from", "2025-W08", "--to", "2025-W07"]);
    assert!(refused.contains("(2025-02-17) is after the last one (2025-02-16)"), "{refused}");
    let part = folder.path().join("part").display().to_string();
    ok(&["run", &job, "--quiet", "--out", &part, "--from", "2025-W05", "--to", "2025-W08"]);
    let refused = fails(2, &[&["health", &part], &TODAY[..]].concat());
    assert!(refused.contains("in a run without a range of weeks"), "{refused}");
}
