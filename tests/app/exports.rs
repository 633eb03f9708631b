//! Tests of files as tools leave them: fillers before the real cell, files that lie beside or are named twice, files
//! appended to each other, a wrong encoding, an older state in the place of a newer one.

use crate::support::{cell, count, fails, ok, root, table, text, vtr};
use std::fs;
use std::path::Path;
use std::process::Output;

const HEADINGS: &str =
    "seller_id,marketplace,order_id,carrier,tracking_number,promised_delivery_at,shipped_at,first_scan_at";

fn row(order: &str, number: &str, scan: &str) -> String {
    format!("A1,GB,{order},Royal Mail,{number},2025-02-05,2025-02-03,{scan}\n")
}

const SCANNED: &str = "2025-02-04T10:20:30Z";
const NUMBER: &str = "AH404746448GB";

fn job(folder: &Path, inputs: &str) -> String {
    let job = folder.join("job.toml");
    fs::write(&job, format!("name = \"exports\"\nas_of = \"2025-06-30\"\n{inputs}\n[output]\npath = \"out\"\n"))
        .unwrap();
    job.display().to_string()
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stderr)
}

/// Returns valid and eligible packages.
fn rate(out: &Path) -> (i64, i64) {
    let weeks = table(out, "vtr_weekly");
    (weeks.iter().map(|row| count(row, "valid")).sum(), weeks.iter().map(|row| count(row, "eligible")).sum())
}

#[test]
fn a_filler_gives_way_to_the_next_heading_and_stays_if_all_are_fillers() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let headings =
        "seller_id,marketplace,order_id,carrier,carrier 2,number,number 2,promised_delivery_at,shipped_at,scan,scan 2";
    let fillers = ["", "N/A", "-", "pending", "0000000000"];
    let times = ["", "1900-01-01T00:00:00Z", "0000-00-00 00:00:00", "1970-01-01T00:00:00Z", "-"];
    let rows = |second: &str, later: &str| -> String {
        let row = |(at, (filler, time)): (usize, (&&str, &&str))| {
            format!(
                "A1,GB,o{at},{},Royal Mail,{filler},{second},2025-02-05,2025-02-03,{time},{later}\n",
                ["N/A", "-", "", "none", "0"][at]
            )
        };
        fillers.iter().zip(&times).enumerate().map(row).collect()
    };
    let input = "[[input]]\npath = \"in.csv\"\n[input.columns]\ncarrier = [\"carrier\", \"carrier 2\"]\n\
                 tracking_number = [\"number\", \"number 2\"]\nfirst_scan_at = [\"scan\", \"scan 2\"]\n";
    fs::write(at.join("in.csv"), format!("{headings}\n{}", rows(NUMBER, SCANNED))).unwrap();
    let told = said(&vtr(&["run", &job(at, input)]));
    assert_eq!(rate(&at.join("out")), (5, 5), "{told}");
    fs::write(at.join("in.csv"), format!("{headings}\n{}", rows("", ""))).unwrap();
    let borne = format!("{input}[limits]\nmax_rejected = \"100%\"\nmax_damaged = \"100%\"\n");
    let told = said(&vtr(&["run", &job(at, &borne), "--full"]));
    let reasons: Vec<String> =
        table(&at.join("out"), "defects").iter().map(|row| cell(row, "reason").to_owned()).collect();
    assert_eq!(reasons.iter().filter(|reason| *reason == "tracking_placeholder").count(), 2, "{reasons:?} {told}");
}

#[test]
fn a_file_of_two_inputs_is_refused_unless_they_are_alike() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::create_dir_all(at.join("in/fr")).unwrap();
    for name in ["in/de.csv", "in/fr/fr.csv"] {
        fs::write(at.join(name), format!("{HEADINGS}\n{}", row(name, NUMBER, SCANNED))).unwrap();
    }
    let both = |keys: &str| format!("[[input]]\npath = \"in/**/*.csv\"\n[[input]]\npath = \"in/fr/*.csv\"\n{keys}");
    let refused = fails(3, &["run", &job(at, &both("time_zone = \"Europe/Paris\"\n"))]);
    assert!(refused.contains("`in/fr/fr.csv` is named by [[input]] 1 and by [[input]] 2"), "{refused}");
    said(&vtr(&["run", &job(at, &both(""))]));
    assert_eq!(rate(&at.join("out")), (2, 2));
}

#[test]
fn data_beside_the_files_that_are_read_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::create_dir_all(at.join("in/old")).unwrap();
    let full = format!("{HEADINGS}\n{}", row("1", NUMBER, SCANNED));
    for name in ["a.csv", "notes.txt", "README.md", "picture.pdf"] {
        fs::write(at.join("in").join(name), &full).unwrap();
    }
    let input = "[[input]]\npath = \"in/*.csv\"\n";
    let told = said(&vtr(&["run", &job(at, input)]));
    assert!(!told.contains("lie beside"), "{told}");
    for name in ["B.CSV", "c.csv (1)", "d.xlsx", "old/e.csv"] {
        fs::write(at.join("in").join(name), &full).unwrap();
    }
    let told = said(&vtr(&["run", &job(at, input), "--full"]));
    assert!(told.contains("are not read: `in/B.CSV`, `in/c.csv (1)`, `in/d.xlsx`; name them"), "{told}");
    let told = said(&vtr(&[
        "run",
        &job(at, "[[input]]\npath = \"in\"\nformat = \"csv\"\n[input.csv]\ndelimiter = \",\"\n"),
        "--full",
    ]));
    assert!(told.contains("are not read: `in/c.csv (1)`, `in/d.xlsx`; name them"), "{told}");
    // A glob matches the folder too, and what is in it is not read.
    fs::create_dir_all(at.join("two/sub")).unwrap();
    for name in ["two/a.csv", "two/sub/b.csv", "two/sub/deep.csv/c.csv"] {
        fs::create_dir_all(at.join(name).parent().unwrap()).unwrap();
        fs::write(at.join(name), &full).unwrap();
    }
    let told = said(&vtr(&["run", &job(at, "[[input]]\npath = \"two/*\"\n"), "--full"]));
    assert!(told.contains("are not read: `two/sub/b.csv`, `two/sub/deep.csv/c.csv`; name them"), "{told}");
}

#[test]
fn a_folder_of_a_table_format_is_refused_and_its_files_can_be_named() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let sample = root().join("sample_data/shipments/2025-01.parquet");
    for (mark, name) in [("tbl/_delta_log/00000000000000000000.json", "tbl"), ("tbl/.hoodie/hoodie.properties", "tbl")]
    {
        let _ = fs::remove_dir_all(at.join("tbl"));
        fs::create_dir_all(at.join(mark).parent().unwrap()).unwrap();
        fs::write(at.join(mark), "{}").unwrap();
        fs::copy(&sample, at.join("tbl/part-00000.parquet")).unwrap();
        for path in [name, "tbl/*.parquet"] {
            let refused = fails(3, &["run", &job(at, &format!("[[input]]\npath = \"{path}\"\n"))]);
            assert!(refused.contains("`tbl` is a table of") && refused.contains("docs/spark.md"), "{refused}");
        }
    }
    assert!(!at.join("out/current").exists());
    said(&vtr(&["run", &job(at, "[[input]]\npath = \"tbl/part-00000.parquet\"\n")]));
}

#[test]
fn headings_that_come_again_are_a_reject_and_in_another_order_the_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let input = "[[input]]\npath = \"in.csv\"\n[limits]\nmax_rejected = \"50%\"\n";
    let full = format!("{HEADINGS}\n{}", row("1", NUMBER, SCANNED));
    fs::write(at.join("in.csv"), format!("{full}{full}")).unwrap();
    said(&vtr(&["run", &job(at, input)]));
    let rejects = table(&at.join("out"), "rejects");
    assert_eq!(rejects.len(), 1);
    assert!(cell(&rejects[0], "reason").contains("repeats the headings"), "{rejects:?}");
    let turned = HEADINGS.replace("promised_delivery_at,shipped_at", "shipped_at,promised_delivery_at");
    fs::write(at.join("in.csv"), format!("{full}{turned}\n{}", row("2", NUMBER, SCANNED))).unwrap();
    let refused = fails(3, &["run", &job(at, input), "--full"]);
    assert!(refused.contains("in.csv: line 3: the headings come again in another order"), "{refused}");
}

#[test]
fn utf_8_under_the_name_of_another_encoding_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let input = "[[input]]\npath = \"in.csv\"\n[input.csv]\nencoding = \"windows-1252\"\n";
    let full = format!("{HEADINGS}\n{}", row("1", NUMBER, SCANNED).replace("Royal Mail", "Österreichische Post"));
    fs::write(at.join("in.csv"), &full).unwrap();
    let refused = fails(3, &["run", &job(at, input)]);
    assert!(refused.contains("is UTF-8") && refused.contains("encoding = \"utf-8\""), "{refused}");
    let (latin, _, _) = encoding_rs::WINDOWS_1252.encode(&full);
    fs::write(at.join("in.csv"), &latin).unwrap();
    said(&vtr(&["run", &job(at, input)]));
}

#[test]
fn an_older_state_in_the_place_of_a_newer_one_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::create_dir(at.join("in")).unwrap();
    let file = |name: &str, scan: &str| {
        let rows: String = (0..20).map(|order| row(&format!("o{order}"), NUMBER, scan)).collect();
        fs::write(at.join("in").join(name), format!("{HEADINGS}\n{rows}")).unwrap();
    };
    file("pull-9.csv", "");
    file("pull-10.csv", SCANNED);
    let input = "[[input]]\npath = \"in\"\n";
    let told = said(&vtr(&["run", &job(at, input)]));
    assert!(told.contains("20 packages are defects in the copy that counts and valid in another one"), "{told}");
    file("pull-9.csv", SCANNED);
    let told = said(&vtr(&["run", &job(at, input)]));
    assert!(!told.contains("copy that counts"), "{told}");
    file("pull-9.csv", "");
    file("pull-10.csv", "");
    let told = said(&vtr(&["run", &job(at, input)]));
    assert!(
        told.contains("packages that were valid are defects now") && told.contains("2025-W06 0 valid, before 20"),
        "{told}"
    );
}

#[test]
fn packages_from_before_they_had_a_number_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::create_dir(at.join("in")).unwrap();
    let write = |name: &str, rows: &[String]| {
        fs::write(at.join("in").join(name), format!("{HEADINGS}\n{}", rows.concat())).unwrap();
    };
    let missing: Vec<String> = (0..5).map(|order| row(&format!("o{order}"), ["", "pending"][order % 2], "")).collect();
    let numbered: Vec<String> = (0..7).map(|order| row(&format!("o{order}"), NUMBER, SCANNED)).collect();
    let run = |keys: &str| {
        let input = format!("{keys}[[input]]\npath = \"in\"\n");
        let told = said(&vtr(&["run", &job(at, &input), "--full"]));
        (rate(&at.join("out")), told)
    };
    write("2025-05-01.csv", &missing);
    write("2025-05-08.csv", &numbered);
    let (figures, told) = run("");
    assert_eq!(figures, (7, 12), "{told}");
    assert!(told.contains("5 packages without a number are of orders of which a later file has a package"), "{told}");
    let (figures, told) = run("identity = \"order\"\n");
    assert_eq!(figures, (7, 7), "{told}");
    assert!(!told.contains("without a number"), "{told}");
    // In one file, or in a later one, they may be parcels of their own.
    write("2025-05-01.csv", &numbered);
    write("2025-05-08.csv", &missing);
    let (_, told) = run("");
    assert!(!told.contains("without a number"), "{told}");
}

#[test]
fn rows_of_items_in_the_place_of_packages_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let orders = |filled: bool| -> String {
        let item = |order: &str| match filled {
            true => row(order, NUMBER, SCANNED),
            false => format!("A1,GB,{order},,,2025-02-05,2025-02-03,\n"),
        };
        ["o1", "o2"].iter().map(|order| row(order, NUMBER, SCANNED) + &item(order)).collect()
    };
    for identity in ["package", "order"] {
        let keys = format!("identity = \"{identity}\"\n[[input]]\npath = \"in.csv\"\n");
        fs::write(at.join("in.csv"), format!("{HEADINGS}\n{}", orders(false))).unwrap();
        let told = said(&vtr(&["run", &job(at, &keys), "--full"]));
        assert!(told.contains("2 packages without a number are of orders of which the same file"), "{told}");
        assert_eq!(rate(&at.join("out")), (2, 4), "{told}");
        // With the number on each row they are copies of one package.
        fs::write(at.join("in.csv"), format!("{HEADINGS}\n{}", orders(true))).unwrap();
        let told = said(&vtr(&["run", &job(at, &keys), "--full"]));
        assert!(!told.contains("without a number"), "{told}");
        assert_eq!(rate(&at.join("out")), (2, 2), "{told}");
    }
}

#[test]
fn orders_that_are_not_shipped_yet_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let row = |order: &str, status: &str, number: &str, shipped: &str| {
        format!("A1,GB,{order},{status},Royal Mail,{number},2025-02-05,{shipped},\n")
    };
    let headings = HEADINGS.replace("order_id,", "order_id,order_status,");
    let rows = [
        row("o1", "Unshipped", "", ""),
        row("o2", "未発送", "", ""),
        row("o3", "UNFULFILLED", "", ""),
        row("o4", "Unshipped", "", "2025-02-03"),
        row("o5", "Pending", NUMBER, ""),
        row("o6", "Shipped", "", ""),
    ];
    fs::write(at.join("in.csv"), format!("{headings}\n{}", rows.concat())).unwrap();
    let told = said(&vtr(&["run", &job(at, "[[input]]\npath = \"in.csv\"\n")]));
    assert!(told.contains("`order_status`: 3 values say that the order is not shipped yet"), "{told}");
    assert!(told.contains("in.csv, record 2; ") && !told.contains("record 5"), "{told}");
    assert_eq!(rate(&at.join("out")), (0, 6), "{told}");
}

#[test]
fn lists_of_numbers_are_read_however_they_are_quoted() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let other = "AH404746479GB";
    let lists = [
        format!("[\"{NUMBER}\", \"{other}\"]"),
        format!("[\"{NUMBER}\",\"{other}\"]"),
        format!("\"{NUMBER}\",\"{other}\""),
        format!("=\"{NUMBER}\",=\"{other}\""),
        format!("['{NUMBER}', '{other}']"),
        format!("[{NUMBER}, {other}]"),
        format!("[\"{NUMBER}\"]"),
    ];
    let quoted = |list: &String| format!("\"{}\"", list.replace('"', "\"\""));
    let rows = lists.iter().enumerate().map(|(at, list)| row(&format!("o{at}"), &quoted(list), SCANNED));
    fs::write(at.join("in.csv"), format!("{HEADINGS}\n{}", rows.collect::<String>())).unwrap();
    let told = said(&vtr(&["run", &job(at, "evidence = \"format\"\n[[input]]\npath = \"in.csv\"\n")]));
    assert_eq!(rate(&at.join("out")), (7, 7), "{told}");
    assert!(told.contains("6 values hold several numbers"), "{told}");
}

#[test]
fn a_day_that_has_not_come_is_said_and_told_from_a_past_one() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::write(at.join("in.csv"), format!("{HEADINGS}\n{}", row("o1", NUMBER, SCANNED))).unwrap();
    let job = job(at, "[[input]]\npath = \"in.csv\"\n");
    let next_year = (chrono::Utc::now() + chrono::Days::new(365)).date_naive().to_string();
    let told = said(&vtr(&["run", &job, "--as-of", &next_year]));
    assert!(told.contains(&format!("as_of ({next_year}) is after today")), "{told}");
    let refused = fails(2, &["run", &job]);
    assert!(refused.contains("has not come yet") && refused.contains("move that folder away"), "{refused}");
    let out = at.join("elsewhere").display().to_string();
    let told = said(&vtr(&["run", &job, "--out", &out]));
    assert!(!told.contains("is after today"), "{told}");
}

#[test]
fn files_that_come_beside_the_inputs_are_said_by_a_run_without_work_too() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::create_dir(at.join("in")).unwrap();
    fs::write(at.join("in/a.csv"), format!("{HEADINGS}\n{}", row("o1", NUMBER, SCANNED))).unwrap();
    let job = job(at, "[[input]]\npath = \"in/*.csv\"\n");
    said(&vtr(&["run", &job]));
    fs::write(at.join("in/b.xlsx"), "PK").unwrap();
    for _ in 0..2 {
        let told = said(&vtr(&["run", &job]));
        assert!(told.contains("no week is outdated") && told.contains("not read: `in/b.xlsx`;"), "{told}");
    }
    fs::remove_file(at.join("in/b.xlsx")).unwrap();
    let told = said(&vtr(&["run", &job]));
    assert!(told.contains("no week is outdated") && !told.contains("look like data"), "{told}");
}

#[test]
fn a_file_in_the_place_of_an_output_or_of_a_list_is_refused_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let job = job(at, "[[input]]\npath = \"in.csv\"\n");
    for verb in ["health", "worklist", "defects", "report", "verify"] {
        let refused = fails(2, &[verb, &job]);
        assert!(refused.contains("job.toml: is a file; name the folder"), "{verb}: {refused}");
    }
    let refused = fails(2, &["explain", &job, "--orders", "no-such-list"]);
    assert!(refused.contains("--orders no-such-list") && refused.contains("an order's id a line"), "{refused}");
}

#[test]
fn another_jobs_output_of_the_same_name_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    for name in ["a.csv", "b.csv"] {
        fs::write(at.join(name), format!("{HEADINGS}\n{}", row(name, NUMBER, SCANNED))).unwrap();
    }
    said(&vtr(&["run", &job(at, "[[input]]\npath = \"a.csv\"\n")]));
    let refused = fails(2, &["run", &job(at, "[[input]]\npath = \"b.csv\"\n")]);
    assert!(refused.contains("was made from a.csv, which is still there"), "{refused}");
    // A job that reads one of the files still is the same job, and loses the rows of the other.
    said(&vtr(&["run", &job(at, "[[input]]\npath = \"*.csv\"\n")]));
    assert_eq!(rate(&at.join("out")), (2, 2));
    let told = said(&vtr(&["run", &job(at, "[[input]]\npath = \"b.csv\"\n")]));
    assert!(told.contains("a.csv: the file is there, but no input of the job reads it any more"), "{told}");
    assert_eq!(rate(&at.join("out")), (1, 1), "{told}");
    said(&vtr(&["run", &job(at, "[[input]]\npath = \"a.csv\"\n"), "--full"]));
    assert_eq!(table(&at.join("out"), "input_files").len(), 1);
}

#[test]
fn a_column_of_first_scans_without_any_beside_delivery_scans_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let headings = format!("{HEADINGS},delivery_scan_at");
    let line = |order: &str, scans: &str| format!("A1,GB,{order},Royal Mail,{NUMBER},2025-02-05,2025-02-03,{scans}\n");
    let job = job(at, "[[input]]\npath = \"in.csv\"\n");
    let (first, delivery) = ("2025-02-04T08:07:06Z", "2025-02-05T10:20:30Z");
    // A file of yesterday's packages has first scans only.
    for (scans, is_said) in [
        (format!(",{delivery}"), true),
        (format!("{first},{delivery}"), false),
        (format!("{first},"), false),
        (",".to_owned(), false),
    ] {
        let rows: String = ["o1", "o2"].iter().map(|order| line(order, &scans)).collect();
        fs::write(at.join("in.csv"), format!("{headings}\n{rows}")).unwrap();
        let told = said(&vtr(&["run", &job, "--full"]));
        assert_eq!(told.contains("no row of in.csv has a value in"), is_said, "{scans}: {told}");
    }
}

#[test]
fn categories_that_look_the_same_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let categories = ["B\u{fc}ro", "Bu\u{308}ro", "Toys", "To\u{200b}ys", "Garden"];
    let rows = categories
        .iter()
        .enumerate()
        .map(|(at, category)| format!("{},{category}\n", row(&format!("o{at}"), NUMBER, SCANNED).trim_end()));
    let text = format!("{HEADINGS},product_category\n{}", rows.collect::<String>());
    fs::write(at.join("in.csv"), text).unwrap();
    let told = said(&vtr(&["run", &job(at, "[[input]]\npath = \"in.csv\"\n")]));
    assert!(told.contains("`product_category`: 2 texts differ from another one only in"), "{told}");
}

#[test]
fn a_file_that_was_left_out_and_read_later_is_not_said_to_be_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::create_dir(at.join("in")).unwrap();
    let write = |name: &str, day: &str| {
        let row = format!("A1,GB,{name},Royal Mail,{NUMBER},{day},{day},{day}T10:20:30Z\n");
        fs::write(at.join("in").join(name), format!("{HEADINGS}\n{row}")).unwrap();
    };
    write("a.csv", "2025-02-05");
    fs::write(at.join("in/b.csv"), [0xff, 0xd8, 0xff, 0xe0, 0, 0x10]).unwrap();
    let job = job(at, "[[input]]\npath = \"in\"\nformat = \"csv\"\non_bad_file = \"skip\"\n");
    let told = said(&vtr(&["run", &job]));
    assert!(told.contains("left out, on_bad_file = \"skip\": in/b.csv"), "{told}");
    write("b.csv", "2025-03-05");
    said(&vtr(&["run", &job]));
    assert_eq!(rate(&at.join("out")), (2, 2));
    let told = said(&vtr(&["run", &job]));
    assert!(told.contains("no week is outdated") && !told.contains("left out"), "{told}");
}

#[test]
fn a_missing_data_file_is_named_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::write(at.join("in.csv"), format!("{HEADINGS}\n{}", row("o1", NUMBER, SCANNED))).unwrap();
    let job = job(at, "[[input]]\npath = \"in.csv\"\n");
    said(&vtr(&["run", &job]));
    for link in ["current", "_snapshots"] {
        let week = at.join("out").join(link);
        let target = if link == "current" { fs::canonicalize(&week).unwrap() } else { week };
        let _ = fs::remove_dir_all(target);
    }
    fs::remove_dir_all(at.join("out/data/vtr_weekly")).unwrap();
    let refused = fails(3, &["run", &job]);
    assert!(refused.contains("is missing, though version 1 names it") && refused.contains("--full"), "{refused}");
    said(&vtr(&["run", &job, "--full"]));
    assert_eq!(rate(&at.join("out")), (1, 1));
}

#[test]
fn a_line_of_delimiters_is_no_record() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let rows = row("o1", NUMBER, SCANNED) + ",,,,,,,\n" + &row("o2", NUMBER, SCANNED);
    let blanks = ",,,,,,,\r\n , ,,,,,,\n,,,\n\"\",\"\",,,,,,\n,,,,,,,".repeat(9);
    fs::write(at.join("in.csv"), format!("{HEADINGS}\n{rows}{blanks}")).unwrap();
    said(&vtr(&["run", &job(at, "[[input]]\npath = \"in.csv\"\n")]));
    assert_eq!(rate(&at.join("out")), (2, 2));
    let files = table(&at.join("out"), "input_files");
    assert_eq!((count(&files[0], "rows_read"), count(&files[0], "rejected")), (2, 0));
    let inspected = ok(&["inspect", &at.join("in.csv").display().to_string()]);
    assert!(inspected.contains("rows       2 in 8 columns"), "{inspected}");
    // Below a single heading blanks are a cell.
    fs::write(at.join("one.csv"), "tracking_number\n1Z999AA10123456784\n  \n\n1Z999AA10123456784\n").unwrap();
    let look = ok(&["inspect", &at.join("one.csv").display().to_string(), "--json"]);
    let look: serde_json::Value = serde_json::from_str(&look).unwrap();
    assert_eq!(look["text"]["records"], 4, "with the headings: {look}");
}
