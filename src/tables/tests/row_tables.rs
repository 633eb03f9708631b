//! Tests of `defects`, `carrier_names`, `rejects`, `input_files`, and of the time axis.

use super::*;
use arrow::array::{BooleanArray, Date32Array};

/// A defect as it comes from the fold: file, record, seller, order, package, reason, likely carrier.
type Defect<'a> = (u32, i64, &'a str, &'a str, &'a str, Reason, Option<&'a str>);

fn defects(rows: &[Defect]) -> RecordBatch {
    let text =
        |of: &dyn Fn(usize) -> String| -> ArrayRef { Arc::new(StringArray::from_iter_values((0..rows.len()).map(of))) };
    let zeros = || -> ArrayRef { Arc::new(Int64Array::from(vec![0; rows.len()])) };
    let no = || -> ArrayRef { Arc::new(BooleanArray::from(vec![false; rows.len()])) };
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("known_scans", zeros()),
        ("list_doubt", no()),
        ("pending", no()),
        ("fixable_by", text(&|_| "number".into())),
        ("counts_until", Arc::new(Date32Array::from(vec![20_200; rows.len()]))),
        ("file", Arc::new(UInt32Array::from_iter_values(rows.iter().map(|row| row.0)))),
        ("record", Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.1)))),
        ("seller_id", text(&|_| "S".into())),
        ("marketplace", text(&|_| "GB".into())),
        ("order_id", text(&|row| rows[row].2.into())),
        ("package_id", text(&|row| rows[row].3.into())),
        ("day", Arc::new(Date32Array::from_iter_values(rows.iter().map(|row| day(row.4))))),
        ("carrier_typed", text(&|_| "Red!".into())),
        ("carrier", text(&|_| "red".into())),
        ("tracking_number", text(&|row| format!("N{row}"))),
        ("reason", Arc::new(UInt8Array::from_iter_values(rows.iter().map(|row| row.5 as u8)))),
        ("rule", text(&|_| "gb-any".into())),
        ("likely_carrier", Arc::new(StringArray::from_iter(rows.iter().map(|row| row.6)))),
    ];
    let given: BTreeMap<&str, ArrayRef> = columns.into_iter().collect();
    // Columns that a test does not set are `x` for texts, else null.
    let column = |name: &'static str| {
        let other = || {
            let kind = Table::Defects.columns().into_iter().find(|facts| facts.name == name).unwrap().kind;
            match kind {
                crate::schema::ValueKind::Text => text(&|_| "x".into()),
                kind => arrow::array::new_null_array(&kind.data_type(), rows.len()),
            }
        };
        (name, given.get(name).cloned().unwrap_or_else(other), true)
    };
    let names = vtr_columnar::defects::LISTED.into_iter().chain(vtr_columnar::defects::MENDING);
    RecordBatch::try_from_iter_with_nullable(names.map(column)).unwrap()
}

fn input<'a>(plan: &'a Plan, counted: &'a crate::fold::counts::Counted) -> TablesInput<'a> {
    TablesInput { evidence: Evidence::Format, ..super::input(plan, counted) }
}

#[test]
fn defects_are_sorted_by_week_and_key_and_explained() {
    let mut plan = plan("2025-03-01", &[Table::Defects]);
    let batches = vec![
        defects(&[
            (1, 7, "2", "a", "2025-01-14", Reason::CarrierMismatch, Some("blue")),
            (0, 5, "10", "", "2025-01-19", Reason::TrackingMissing, None),
            (0, 6, "1", "", "2025-01-12", Reason::TrackingMissing, None),
        ]),
        defects(&[
            (0, 9, "2", "a", "2025-01-13", Reason::ScanMissing, None),
            (0, 1, "1", "", "2025-01-20", Reason::TrackingMissing, None),
        ]),
    ];
    let counted = crate::fold::counts::Counted::in_memory(Marginals::default(), batches);
    let columns = "order_id package_id day week_start reason likely_carrier tracking_number";
    let all = pieces(&input(&plan, &counted));
    assert_eq!(
        rows(&all, columns),
        [
            "1  2025-01-12 2025-01-06 tracking_missing  N2",
            "10  2025-01-19 2025-01-13 tracking_missing  N1",
            "2 a 2025-01-13 2025-01-13 scan_missing  N0",
            "2 a 2025-01-14 2025-01-13 carrier_mismatch blue N0",
            "1  2025-01-20 2025-01-20 tracking_missing  N1",
        ]
    );
    let said = rows(&all, "rule meaning suggested_fix fixable_by act_by counts_until evidence");
    assert!(said[0].starts_with("gb-any no tracking number was given Give the tracking number"), "{}", said[0]);
    assert!(said[0].ends_with(" number  2025-04-22 format"), "{}", said[0]);
    assert!(said[3].contains("Correct the carrier. The likely carrier is Blue."), "{}", said[3]);
    plan.range = weeks("2025-01-13", "2025-01-13");
    assert_eq!(pieces(&input(&plan, &counted)).len(), 1);
}

#[test]
fn carrier_names_say_what_holds_on_as_of() {
    let packages = [
        JudgedPackages { market: "FR", carrier: "red", ..judged("2025-01-14", Reason::Scanned, 2) },
        JudgedPackages { market: "FR", carrier: "red", ..judged("2025-01-15", Reason::ScanMissing, 3) },
        JudgedPackages { market: "FR", carrier: "other", ..judged("2025-01-15", Reason::Scanned, 1) },
        JudgedPackages { market: "FR", carrier: "(none)", ..judged("2025-01-15", Reason::Scanned, 1) },
        JudgedPackages { market: "(none)", ..judged("2025-01-15", Reason::NotOnMarketplace, 1) },
        JudgedPackages { market: "DE", ..judged("2025-01-15", Reason::NoPolicy, 1) },
        judged("2025-01-15", Reason::Scanned, 1),
    ];
    let columns = "marketplace carrier_typed week_start carrier integrated shipments";
    let now = tables(&plan("2025-03-01", &[Table::CarrierNames]), &packages);
    assert_eq!(
        rows(&now, columns),
        [
            "(none) red 2025-01-13 red  1",
            "DE red 2025-01-13 red  1",
            "FR (none) 2025-01-13 (none) false 1",
            "FR other 2025-01-13 other false 1",
            "FR red 2025-01-13 red true 5",
            "GB red 2025-01-13 red  1",
        ]
    );
    let before = tables(&plan("2025-01-14", &[Table::CarrierNames]), &packages);
    assert_eq!(rows(&before, columns)[5], "GB red 2025-01-13 red true 1");
}

#[test]
fn rejects_and_files_are_sorted_by_name_and_capped() {
    let plan = plan("2025-03-01", &[Table::Rejects, Table::InputFiles]);
    let file = |name: &str| FileRow {
        file: name.into(),
        bytes: 10,
        rows_read: 28,
        rows_pruned: 1,
        rejected: 2,
        after_as_of: 3,
        superseded: 4,
        outside_range: 5,
        classes: [6, 7, 8, 9],
        first_day: Some(0),
        last_day: None,
        digest: "00ff".into(),
    };
    let files = [file("b.csv"), file("a.csv")];
    let reject = |record, column: Option<&str>| Reject {
        record,
        line: Some(record + 1),
        byte_offset: None,
        column: column.map(String::from),
        reason: "wrong".into(),
        value: column.map(|_| "x".into()),
        seller: None,
    };
    let rejects = [(0, reject(10, None)), (0, reject(2, Some("carrier"))), (1, reject(5, None)), (0, reject(11, None))];
    let counted = crate::fold::counts::Counted::default();
    let pieces = pieces(&TablesInput { rejects: &rejects, files: &files, ..input(&plan, &counted) });
    let columns = "file record line byte_offset column reason value evidence";
    assert_eq!(
        rows(&pieces[..1], columns),
        [
            "a.csv         5 6   wrong  format",
            "b.csv         2 3  carrier wrong x format",
            "b.csv        10 11   wrong  format"
        ]
    );
    let columns: Vec<&str> = Table::InputFiles.columns().iter().map(|facts| facts.name).collect();
    assert_eq!(rows(&pieces[1..], &columns.join(" "))[0], "a.csv 10 28 1 2 3 4 5 6 7 8 9 1970-01-01  00ff format");
}

#[test]
fn the_axis_is_cut_where_weeks_and_windows_begin_and_end() {
    let starts = |plan: &Plan| -> Vec<Day> {
        let axis = time_axis(plan);
        (0..axis.len()).map(|segment| axis.first_day(segment as u16)).collect()
    };
    let within = |days: Vec<Day>, first: &str, last: &str| -> Vec<String> {
        let days = days.into_iter().filter(|start| (day(first)..=day(last)).contains(start));
        days.map(|start| calendar::date_from_day(start).to_string()).collect()
    };
    let mut plan = plan("2025-06-17", &[Table::VtrWeekly]);
    assert_eq!(within(starts(&plan), "2025-01-06", "2025-01-19"), ["2025-01-06", "2025-01-13"]);
    assert_eq!(time_axis(&plan).first_day(0), day("2004-12-27"));
    plan.output.tables = vec![Table::VtrRolling];
    // Windows of 30 days begin on Saturdays, those of 10 days on Fridays.
    assert_eq!(
        within(starts(&plan), "2025-01-06", "2025-01-13"),
        ["2025-01-06", "2025-01-10", "2025-01-11", "2025-01-13"]
    );
    plan.output.rolling = Rolling::Daily;
    assert_eq!(within(starts(&plan), "2025-01-06", "2025-01-13").len(), 8);
    plan.output.tables = vec![Table::AccountHealth];
    let all = within(starts(&plan), "2025-03-01", "2025-06-30");
    let gb = ["2025-03-11", "2025-04-27", "2025-05-04", "2025-05-27", "2025-06-03", "2025-05-24", "2025-06-23"];
    let fr = ["2025-03-22", "2025-05-28", "2025-06-04", "2025-06-07", "2025-06-14", "2025-06-13", "2025-06-23"];
    assert!(gb.iter().chain(&fr).all(|border| all.iter().any(|start| start == border)), "{all:?}");
}
