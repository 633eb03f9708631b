//! Tests of what a run says of rows and ranges that nobody can have meant: packages that a later file has otherwise,
//! columns with one value only, weeks of a mistyped year; and of times as spreadsheets and programs count them.

use crate::support::{cell, fails, ok, table, text, vtr};
use std::fs;
use std::path::Path;

const HEADINGS: &str = "seller_id,marketplace,order_id,carrier,tracking_number,promised_delivery_at,first_scan_at\n";

fn job(folder: &Path, more: &str) -> (String, String) {
    let job = format!(
        "name = \"doubtful\"\nas_of = \"2025-04-30\"\n[[input]]\npath = \"in/*.csv\"\n{more}[output]\npath = \"out\"\n"
    );
    fs::write(folder.join("job.toml"), job).unwrap();
    fs::create_dir_all(folder.join("in")).unwrap();
    let path = |name: &str| folder.join(name).display().to_string();
    (path("job.toml"), path("out"))
}

fn row(order: usize, number: usize, scan: &str) -> String {
    format!("A1,US,{order},UPS,1Z5R89390357{number:06},2025-02-{:02},{scan}\n", 10 + order % 12)
}

fn scanned(order: usize, number: usize) -> String {
    row(order, number, &format!("2025-02-08T10:11:{:02}Z", number % 60))
}

fn said(args: &[&str]) -> String {
    let ran = vtr(args);
    assert!(ran.status.success(), "{args:?}: {}", text(&ran.stderr));
    text(&ran.stderr)
}

#[test]
fn packages_that_a_later_file_has_otherwise_are_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let (job, _) = job(folder.path(), "");
    let write = |name: &str, rows: &[String]| {
        fs::write(folder.path().join("in").join(name), HEADINGS.to_owned() + &rows.concat()).unwrap();
    };
    let sound: Vec<String> = (0..100).map(|order| scanned(order, order)).collect();
    // The number of five orders is another one in the export of the next day.
    let wrong: Vec<String> = (200..205).map(|order| row(order, order, "")).collect();
    let right: Vec<String> = (200..205).map(|order| scanned(order, order + 100)).collect();
    write("1.csv", &[sound.clone(), wrong.clone()].concat());
    assert!(!said(&["run", &job]).contains("which a later file has other packages only"));
    write("2.csv", &right);
    let told = said(&["run", &job, "--full"]);
    assert!(told.contains("5 of 5 defects are of orders of which a later file has other packages only"), "{told}");
    assert!(told.contains("identity = \"order\""), "{told}");
    // The remedy does what it says.
    let told = said(&[
        "run",
        &job,
        "--full",
        "--set",
        "identity=order",
        "--out",
        &folder.path().join("o").display().to_string(),
    ]);
    assert!(told.contains("105 valid + 0 defect") && !told.contains("other packages only"), "{told}");
    // Of one file, they are two packages; and a package that is in the later file too was not replaced.
    fs::remove_file(folder.path().join("in/2.csv")).unwrap();
    write("1.csv", &[sound.clone(), wrong.clone(), right.clone()].concat());
    assert!(!said(&["run", &job, "--full"]).contains("other packages only"));
    write("1.csv", &[sound, wrong.clone()].concat());
    write("2.csv", &[right, wrong].concat());
    assert!(!said(&["run", &job, "--full"]).contains("other packages only"));
}

#[test]
fn a_column_with_one_value_only_is_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let (job, _) = job(folder.path(), "");
    let told = |rows: Vec<String>| {
        fs::write(folder.path().join("in/1.csv"), HEADINGS.to_owned() + &rows.concat()).unwrap();
        let inspected = ok(&["inspect", &folder.path().join("in/1.csv").display().to_string()]);
        (said(&["run", &job, "--full"]), inspected)
    };
    let one_number = (0..30).map(|order| row(order, 7, &format!("2025-02-08T10:11:{order:02}Z")));
    let one_scan = (0..30).map(|order| row(order, order, "2025-02-08T10:11:12Z"));
    let few = (0..19).map(|order| row(order, 7, "2025-02-08T10:11:12Z"));
    let one_day = (0..30).map(|order| row(order, order, "2025-02-08"));
    let same = "with a value in `tracking_number` have the same one";
    let at_once = "with a value in `first_scan_at` have the same one to the second";
    for (rows, number, scan) in [
        (one_number.collect::<Vec<_>>(), true, false),
        (one_scan.collect(), false, true),
        (few.collect(), false, false),
        (one_day.collect(), false, false),
    ] {
        let (ran, inspected) = told(rows);
        for (what, wanted) in [(same, number), (at_once, scan)] {
            assert_eq!((ran.contains(what), inspected.contains(what)), (wanted, wanted), "{what}: {ran}{inspected}");
        }
    }
}

#[test]
fn serial_days_and_milliseconds_are_proposed_and_read() {
    // 2025-02-10 and 2025-02-08T10:11:12Z.
    for (form, day, moment) in
        [("spreadsheet days", "45698", "45696.4244444444"), ("unix milliseconds", "1739145600000", "1739009472000")]
    {
        let folder = tempfile::tempdir().unwrap();
        let (job, out) = job(folder.path(), &format!("timestamps = [\"{form}\"]\n"));
        let rows: String = (0..3)
            .map(|order| {
                format!("A1,US,{order},UPS,1Z5R89390357{order:06},{day},{}\n", if order < 2 { moment } else { "" })
            })
            .collect();
        let file = folder.path().join("in/1.csv");
        fs::write(&file, HEADINGS.to_owned() + &rows).unwrap();
        let inspected = ok(&["inspect", &file.display().to_string()]);
        assert!(inspected.contains(&format!("timestamps = [\"{form}\"]")), "{inspected}");
        ok(&["run", &job]);
        let defects = table(Path::new(&out), "defects");
        assert_eq!(defects.len(), 1, "{form}");
        assert_eq!(cell(&defects[0], "order_id"), "2");
        assert!(cell(&defects[0], "promised_delivery_at").starts_with("2025-02-10"), "{form}: {:?}", defects[0]);
    }
}

#[test]
fn words_for_nothing_among_times_are_named_with_their_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let (job, _) = job(folder.path(), "nulls = [\"N/A\"]\n");
    let rows: String =
        (0..9).map(|order| if order % 3 == 0 { row(order, order, "N/A") } else { scanned(order, order) }).collect();
    let file = folder.path().join("in/1.csv");
    fs::write(&file, HEADINGS.to_owned() + &rows).unwrap();
    let inspected = ok(&["inspect", &file.display().to_string()]);
    assert!(inspected.contains("3 of them stand for nothing: declare nulls = [\"N/A\"]"), "{inspected}");
    assert!(inspected.contains("    nulls = [\"N/A\"]\n"), "{inspected}");
    assert!(said(&["run", &job]).contains("6 valid + 3 defect"));
}

#[test]
fn batches_of_a_mistyped_year_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (job, out) = job(folder.path(), "");
    let rows: String = (0..30).map(|order| scanned(order, order)).collect();
    fs::write(folder.path().join("in/1.csv"), HEADINGS.to_owned() + &rows).unwrap();
    let mistyped = ["run", &job, "--from", "2023-W01", "--to", "2023-W20", "--batch", "9"];
    let told = fails(2, &mistyped);
    assert!(told.contains("check the year") && !told.contains("published version"), "{told}");
    assert!(!Path::new(&out).join("current").exists(), "nothing is published");
    let whole = said(&["run", &job, "--from", "2025-W01", "--to", "2025-W20", "--batch", "9"]);
    assert!(whole.contains("published version 1"), "{whole}");
    let told = fails(2, &mistyped);
    assert!(told.contains("batch 2 of 3, 2023-W10 to 2023-W18: no package is in these weeks"), "{told}");
    assert!(told.contains("published are 2025-W07 to 2025-W08") && !told.contains("up to date"), "{told}");
    let again = said(&["run", &job, "--from", "2025-W01", "--to", "2025-W20", "--batch", "9"]);
    assert!(again.contains("is published and up to date"), "{again}");
}
