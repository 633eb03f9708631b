//! Tests of what a run and `vtr inspect` say of rows that are sound by themselves and odd together: packages that count
//! twice, times far apart, copies that lost by `updated_at`, files of another dialect or of other channels.

use crate::support::{cell, fails, ok, table, text, vtr};
use std::fs;
use std::path::PathBuf;

const HEADINGS: &str =
    "seller_id,marketplace,order_id,carrier,tracking_number,promised_delivery_at,shipped_at,first_scan_at";

/// A folder with a job that reads `in/*.csv`.
struct Trial(tempfile::TempDir);

impl Trial {
    fn new(more: &str) -> Trial {
        let folder = tempfile::tempdir().unwrap();
        let job = format!(
            "name = \"odd\"\nas_of = \"2025-04-30\"\n[[input]]\npath = \"in/*.csv\"\n{more}[output]\npath = \"out\"\n"
        );
        fs::write(folder.path().join("job.toml"), job).unwrap();
        fs::create_dir_all(folder.path().join("in")).unwrap();
        Trial(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn shown(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn write(&self, name: &str, headings: &str, rows: &[String]) {
        fs::write(self.path("in").join(name), format!("{headings}\n{}\n", rows.join("\n"))).unwrap();
    }

    /// Runs the job as for the first time; returns what it says.
    fn run(&self, more: &[&str]) -> String {
        let _ = fs::remove_dir_all(self.path("out"));
        let ran = vtr(&[&["run", &self.shown("job.toml")], more].concat());
        assert!(ran.status.success(), "{}", text(&ran.stderr));
        text(&ran.stderr)
    }
}

/// A row of which the number, the store or the seller can be another.
fn row(order: usize, (seller, market): (&str, &str), number: &str) -> String {
    let day = 3 + order % 9;
    format!(
        "{seller},{market},{order},UPS,{number},2025-02-{:02},2025-02-{day:02},2025-02-{day:02}T19:31:{:02}Z",
        day + 6,
        order % 60
    )
}

fn number(order: usize) -> String {
    format!("1Z5R89390357{order:06}")
}

#[test]
fn packages_that_count_twice_are_told_of() {
    let rows = |of: &dyn Fn(usize) -> String| (0..60).map(of).collect::<Vec<_>>();
    let told = |older: &dyn Fn(usize) -> String, newer: &dyn Fn(usize) -> String, more: &str, args: &[&str]| {
        let trial = Trial::new("");
        trial.write("1.csv", &format!("{HEADINGS}{more}"), &rows(older));
        trial.write("2.csv", &format!("{HEADINGS}{more}"), &rows(newer));
        trial.run(args)
    };
    let one = |order: usize| row(order, ("A1", "DE"), &number(order));
    let told_of = "counts more than once";
    assert!(!told(&one, &one, "", &[]).contains(told_of), "copies");
    let other =
        |order: usize| row(order, ("A1", if order.is_multiple_of(20) { "FR" } else { "Amazon.de" }), &number(order));
    let said = told(&one, &other, "", &[]);
    for words in ["3 of 60 packages", "in several marketplaces", "in/1.csv, record 1; in/2.csv, record 1"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let said = told(&one, &|order| row(order, ("A1TOKEN", "DE"), &number(order)), "", &[]);
    assert!(said.contains("60 of 60 packages") && said.contains("of several sellers"), "{said}");
    let with = |id: String| move |order: usize| one(order) + "," + &id.replace('#', &order.to_string());
    let (none, own) = (with(String::new()), with("P#".into()));
    let said = told(&none, &own, ",package_id", &[]);
    assert!(said.contains("60 of 60 packages") && said.contains("with a `package_id` and without"), "{said}");
    // The remedy does what it says; and two ids may be two parcels.
    let said = told(&none, &own, ",package_id", &["--set", "identity=order"]);
    assert!(said.contains("60 superseded") && !said.contains(told_of), "{said}");
    assert!(!told(&own, &with("Q#".into()), ",package_id", &[]).contains(told_of));
    let zeros = |zeros: &'static str| move |order: usize| row(order, ("A1", "DE"), &format!("{zeros}1550{order:08}"));
    assert!(told(&zeros("00"), &zeros(""), "", &[]).contains("60 of 60 packages"));
}

#[test]
fn times_that_are_oddly_far_apart_are_told_of() {
    const ODD: [&str; 5] = [
        "promised before they were shipped",
        "promised more than 90 days after",
        "after their `delivery_scan_at`",
        "more than 90 days after promise",
        "within a minute of `shipped_at`",
    ];
    let trial = Trial::new("");
    let told = |[promised, shipped, first, delivery]: [&str; 4]| {
        let at = |time: &str, order: usize| time.replace("##", &format!("{:02}", order % 60));
        let times = |order: usize| [promised, shipped, first, delivery].map(|time| at(time, order)).join(",");
        let rows = (0..120).map(|order| format!("A1,US,{order},UPS,{},{}", number(order), times(order)));
        trial.write("1.csv", &format!("{HEADINGS},delivery_scan_at"), &rows.collect::<Vec<_>>());
        let said = trial.run(&[]);
        ODD.map(|words| said.contains(words))
    };
    let [promised, shipped, first, delivery] =
        ["2025-02-07", "2025-02-03T10:20:##Z", "2025-02-03T19:31:##Z", "2025-02-05T12:11:##Z"];
    let only = |which: usize| std::array::from_fn(|at| at == which);
    assert_eq!(told([promised, shipped, first, delivery]), [false; 5]);
    assert_eq!(told(["2025-02-01", shipped, first, delivery]), only(0));
    assert_eq!(told(["2026-02-01", shipped, first, delivery]), only(1));
    assert_eq!(told([promised, shipped, delivery, first]), only(2));
    assert_eq!(told(["2024-11-02", "2024-11-01", first, delivery]), only(3));
    assert_eq!(told([promised, "2025-02-03T10:20:00Z", "2025-02-03T10:20:##Z", delivery]), only(4));
}

#[test]
fn valid_copies_that_lose_by_updated_at_are_told_of() {
    let trial = Trial::new("");
    let rows = |scan: &str, updated: &str| {
        let row = |order: usize| format!("A1,US,{order},UPS,{},2025-02-07,2025-02-03,{scan},{updated}", number(order));
        (0..30).map(row).collect::<Vec<_>>()
    };
    let told = |older: [&str; 2], newer: [&str; 2]| {
        trial.write("1.csv", &format!("{HEADINGS},updated_at"), &rows(older[0], older[1]));
        trial.write("2.csv", &format!("{HEADINGS},updated_at"), &rows(newer[0], newer[1]));
        trial.run(&[])
    };
    let (scan, day, later) = ("2025-02-04T19:31:01Z", "2025-02-10", "2025-03-10");
    let said = told(["", day], [scan, ""]);
    assert!(
        said.contains("30 packages are defects in the copy that counts and valid in the copy of a later"),
        "{said}"
    );
    let said = trial.run(&["--set", "identity=order", "--out", &trial.shown("o")]);
    assert!(said.contains("30 valid + 0 defect"), "{said}");
    let said = told([scan, day], ["", later]);
    assert!(said.contains("30 of 30 defects were scanned in an older copy"), "{said}");
    let said = told(["", day], [scan, later]);
    assert!(!said.contains("older copy") && !said.contains("in the copy that counts"), "{said}");
}

#[test]
fn a_delimiter_at_the_end_of_every_record_is_no_field() {
    let trial = Trial::new("");
    let rows = |end: &str| (0..30).map(|order| row(order, ("A1", "DE"), &number(order)) + end).collect::<Vec<_>>();
    let mut ended = rows(",");
    ended.push(rows("").remove(7).replace(",UPS,", ",U,PS,") + ",");
    trial.write("1.csv", HEADINGS, &ended);
    let said = trial.run(&["--set", "limits.max_rejected=10%"]);
    assert!(said.contains("30 valid + 0 defect") && said.contains("1 rejected"), "{said}");
    assert!(said.contains("record 31: the record: too many fields: 9, where the headings are 8"), "{said}");
    assert!(ok(&["inspect", &trial.shown("in/1.csv")]).contains("1 record with more or fewer fields"));
    // A single record with a field too many has lost its place.
    let mut one = rows("");
    one[9] += ",";
    trial.write("1.csv", HEADINGS, &one);
    let said = trial.run(&["--set", "limits.max_rejected=10%"]);
    assert!(said.contains("29 valid") && said.contains("`vtr inspect` says what is wrong with the file"), "{said}");
}

#[test]
fn files_of_another_dialect_are_told_how_to_be_read() {
    let trial = Trial::new("");
    let headings = &format!("{HEADINGS},product_category");
    let rows = |category: &str| {
        (0..30).map(|order| format!("{},{category}", row(order, ("A1", "DE"), &number(order)))).collect::<Vec<_>>()
    };
    let latin = format!("{headings}\n{}\n", rows("K\u{1}che").join("\n")).into_bytes();
    let latin: Vec<u8> = latin.into_iter().map(|byte| if byte == 1 { 0xfc } else { byte }).collect();
    fs::write(trial.path("in/1.csv"), latin).unwrap();
    trial.write("2.csv", headings, &rows("Küche"));
    let job = trial.shown("job.toml");
    let own = "[[input]] of";
    assert!(fails(4, &["run", &job]).contains(own));
    fs::write(
        &job,
        fs::read_to_string(&job).unwrap().replace("[output]", "[input.csv]\nencoding = \"windows-1252\"\n[output]"),
    )
    .unwrap();
    let said = fails(3, &["run", &job]);
    assert!(said.contains("in/2.csv: is UTF-8") && said.contains(own), "{said}");
    // What they say helps.
    let two = "[[input]]\npath = \"in/1.csv\"\ncsv = { encoding = \"windows-1252\" }\n[[input]]\npath = \"in/2.csv\"\n";
    fs::write(&job, format!("name = \"odd\"\nas_of = \"2025-04-30\"\n{two}[output]\npath = \"out\"\n")).unwrap();
    assert!(trial.run(&[]).contains("0 rejected"));
    trial.write("2.csv", headings, &rows("\"TV 24\\\", flat\""));
    let inspected = ok(&["inspect", &trial.shown("in/2.csv")]);
    assert!(inspected.contains("30 of these records") && inspected.contains("behind a backslash"), "{inspected}");
}

#[test]
fn inspect_tells_of_other_channels_and_unknown_stores() {
    let trial = Trial::new("");
    let file = trial.shown("in/1.csv");
    let inspected = |headings: &str, of: &dyn Fn(usize) -> String| {
        trial.write("1.csv", headings, &(0..40).map(of).collect::<Vec<_>>());
        ok(&["inspect", &file])
    };
    let amazons = |order: usize| format!("303-{order:07}-{order:07}");
    let id = |order: usize| if order.is_multiple_of(4) { format!("#{order}") } else { amazons(order) };
    let said = inspected("order_id,carrier,tracking_number,shipped_at,first_scan_at", &|order| {
        format!("{},UPS,{},2025-02-03,2025-02-03T10:20:{order:02}Z", id(order), number(order))
    });
    assert!(said.contains("10 of 40 order ids are not of Amazon's form"), "{said}");
    let (own, all) = ("site order id,order_id", |order: usize| format!("{},{order}", amazons(order)));
    let said = inspected(&format!("{own},marketplace,tracking_number,shipped_at,first_scan_at"), &|order| {
        format!("{},amazon_fr,{},2025-02-03,2025-02-03T10:20:{order:02}Z", all(order), number(order))
    });
    assert!(said.contains("order_id = \"site order id\"") && !said.contains("Amazon's form"), "{said}");
    assert!(said.contains("40 of 40 values of `marketplace` name no marketplace"), "{said}");
    // A run rejects them with the same remedy, which helps.
    trial.write(
        "1.csv",
        HEADINGS,
        &(0..30).map(|order| row(order, ("A1", "amazon_fr"), &number(order))).collect::<Vec<_>>(),
    );
    assert!(fails(4, &["run", &trial.shown("job.toml")]).contains("values = { amazon_fr = \"FR\" }"));
    let mapped = Trial::new("columns = { marketplace = { at = \"marketplace\", values = { amazon_fr = \"FR\" } } }\n");
    fs::copy(&file, mapped.path("in/1.csv")).unwrap();
    assert!(mapped.run(&[]).contains("0 rejected"));
    assert_eq!(cell(&table(&mapped.path("out"), "vtr_weekly")[0], "marketplace"), "FR");
}
