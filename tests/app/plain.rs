//! Tests that a plain run leaves the files that a full run leaves, in tables that are not published by week too.

use crate::noted::{Case, DAY_0, Package, date, differing, packages, write};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::fs::{self, File};
use std::path::Path;

/// Publishes and compares with a full run into another output; returns what was said.
fn same(case: &Case, as_of: i64, extra: &[&str], what: &str) -> String {
    let (_, said) = case.run("out", as_of, extra);
    case.run("fresh", as_of, &[&["--full"], extra].concat());
    assert_eq!(differing(&case.out("out"), &case.out("fresh")), [""; 0], "{what}: {said}");
    said
}

/// Publishes anew, compares as of some days after another, and runs once more on the last of them.
fn same_as_days_pass(case: &Case, as_of: i64, days: &[i64], extra: &[&str]) {
    for out in ["out", "fresh"] {
        let _ = fs::remove_dir_all(case.out(out));
    }
    for days in days {
        same(case, as_of + days, extra, &format!("{extra:?}, {days} days later"));
    }
    let (_, said) = case.run("out", as_of + days.last().unwrap(), extra);
    assert!(said.contains("no week is outdated"), "{said}");
}

fn tables(names: &[&str]) -> [String; 2] {
    let names: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    ["--set".to_owned(), format!("output.tables=[{}]", names.join(","))]
}

/// Packages of a week, some of them of a seller whom no other week has.
fn with_seller(week: i64, seller: &str) -> Vec<Package> {
    let mut packages = packages(&mut (week as u64 + 1), week, &[]);
    packages.iter_mut().step_by(5).for_each(|package| package.seller = Some(seller.to_owned()));
    packages
}

#[test]
fn sellers_whose_rows_are_gone_leave_their_table() {
    let sets: [&[&str]; 4] = [
        &["dim_seller", "vtr_weekly", "account_health", "rejects"],
        &["dim_seller", "vtr_weekly_category"],
        &["dim_seller", "vtr_rolling", "defects"],
        &["dim_seller", "account_health", "defects"],
    ];
    for set in sets {
        let case = Case::new("package");
        let set = tables(set);
        let set = set.each_ref().map(String::as_str);
        let put = |week: i64, seller: &str| {
            write(&case.input(&format!("week-{week:02}.parquet")), &with_seller(week, seller));
        };
        (0..24).for_each(|week| put(week, &format!("of {week}")));
        let as_of = *DAY_0 + 7 * 24;
        same(&case, as_of, &set, "new");
        put(3, "another");
        same(&case, as_of, &set, "a file was replaced");
        fs::remove_file(case.input("week-05.parquet")).unwrap();
        same(&case, as_of, &set, "a file is gone");
        put(24, "new");
        let said = same(&case, as_of + 7, &set, "a new week");
        assert!(said.contains("up to date as a run with --full"), "{set:?}: {said}");
    }
}

#[test]
fn tables_of_all_weeks_are_as_of_the_new_day_though_no_week_is_outdated() {
    let case = Case::new("package");
    (0..4).for_each(|week| write(&case.input(&format!("week-{week:02}.parquet")), &with_seller(week, "S9")));
    let as_of = *DAY_0 + 7 * 20;
    for set in [&["vtr_weekly", "dim_week"][..], &["vtr_weekly", "judged"], &["vtr_weekly", "dim_marketplace"]] {
        let set = tables(set);
        let set = [&set.each_ref().map(String::as_str)[..], &["--set", "output.judged_weeks=20"]].concat();
        same_as_days_pass(&case, as_of, &[0, 3, 10, 17], &set);
    }
}

#[test]
fn what_account_health_is_made_of_is_renewed_without_it() {
    let case = Case::new("package");
    let put = |week: i64| write(&case.input(&format!("week-{week:02}.parquet")), &with_seller(week, "S9"));
    (0..20).for_each(put);
    let as_of = *DAY_0 + 7 * 20;
    for set in [&["vtr_weekly", "health_breakdown"][..], &["vtr_weekly", "health_breakdown", "account_health"]] {
        let set = tables(set);
        same_as_days_pass(&case, as_of, &[0, 1, 9, 60], &set.each_ref().map(String::as_str));
    }
}

/// The ranges of weeks that a run judged, as it says.
fn ranges(said: &str) -> Vec<&str> {
    let range = |line: &'_ str| line.find("-W").zip(line.find(" to ")).map(|(week, to)| (week - 4, to + 12));
    let lines = said.lines().filter_map(|line| range(line).map(|(from, to)| &line[from..to]));
    lines.filter(|range| range.len() == 20).collect()
}

#[test]
fn outdated_weeks_among_named_ones_are_those_of_a_run_without_names() {
    let case = Case::new("package");
    (0..20).for_each(|week| write(&case.input(&format!("week-{week:02}.parquet")), &with_seller(week, "S9")));
    let as_of = *DAY_0 + 7 * 20;
    for out in ["out", "named", "cut"] {
        case.run(out, as_of, &[]);
    }
    let named = ["--from", &date(*DAY_0), "--to", &date(*DAY_0 + 7 * 52)].map(str::to_owned);
    let named = named.each_ref().map(String::as_str);
    for (days, late) in [(1, None), (60, None), (60, Some(2)), (61, Some(1)), (120, None)] {
        if let Some(week) = late {
            write(&case.input(&format!("late-{week:02}.parquet")), &packages(&mut 77, week, &[])[..90]);
        }
        let plain = same(&case, as_of + days, &[], "plain");
        let (_, stale) = case.run("named", as_of + days, &[&["--stale"], &named[..]].concat());
        assert_eq!(differing(&case.out("named"), &case.out("fresh")), [""; 0], "{days} {late:?}: {stale}");
        let (_, cut) = case.run("cut", as_of + days, &[&["--batch", "7"], &named[..]].concat());
        assert_eq!(differing(&case.out("cut"), &case.out("fresh")), [""; 0], "{days} {late:?}: {cut}");
        // A run of named weeks says nothing of the others, so that a file may be new to more weeks; the last ones have
        // the days of `account_health`.
        assert_eq!(ranges(&plain).last(), ranges(&stale).last(), "{days} {late:?}: {plain} {stale}");
    }
}

/// Overwrites the order ids of a file's second row group. The footer stays as it is.
fn damage(path: &Path) {
    let footer = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let (from, length) = footer.metadata().row_group(1).column(2).byte_range();
    let mut bytes = fs::read(path).unwrap();
    bytes[from as usize..(from + length) as usize].fill(0x55);
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_file_with_a_damaged_page_is_known_by_its_identity_and_told_of_in_every_run() {
    let case = Case::new("package");
    let put = |name: &str, week: i64| write(&case.input(name), &with_seller(week, "S9"));
    (0..16).for_each(|week| put(&format!("week-{week:02}.parquet"), week));
    put("a-bad.parquet", 6);
    damage(&case.input("a-bad.parquet"));
    let as_of = *DAY_0 + 7 * 16;
    let skip = ["--set", "input.0.on_bad_file=skip"];
    let told = |said: &str| assert!(said.contains("left out, on_bad_file = \"skip\": in/a-bad.parquet"), "{said}");
    told(&same(&case, as_of, &skip, "new"));
    let (_, said) = case.run("out", as_of, &skip);
    told(&said);
    assert!(said.contains("no week is outdated"), "{said}");
    // A new week far from it: only that week is judged.
    put("week-16.parquet", 16);
    let said = same(&case, as_of + 7, &skip, "a new week");
    told(&said);
    assert!(!said.contains("a-bad.parquet;") && !said.contains("new: in/a-bad.parquet"), "{said}");
    // A week beside it is judged without it.
    put("late.parquet", 7);
    told(&same(&case, as_of + 7, &skip, "a late file"));
    // A known file turns bad.
    damage(&case.input("week-03.parquet"));
    let said = same(&case, as_of + 7, &skip, "another file turned bad");
    assert!(said.contains("in/week-03.parquet"), "{said}");
    same(&case, as_of + 7, &skip, "the same again");
    // Weeks far apart are judged one after the other; only the second of two row groups is damaged.
    let mut both = with_seller(-30, "S9");
    both.truncate(300);
    both.extend_from_slice(&with_seller(14, "S9")[..300]);
    write(&case.input("b-bad.parquet"), &both);
    damage(&case.input("b-bad.parquet"));
    let said = same(&case, as_of + 7, &skip, "a file of weeks far apart");
    assert!(said.contains("gone: in/b-bad.parquet"), "its first weeks are judged again without it: {said}");
    fs::remove_file(case.input("b-bad.parquet")).unwrap();
    // They are put right.
    put("a-bad.parquet", 6);
    put("week-03.parquet", 3);
    let said = same(&case, as_of + 7, &skip, "put right");
    assert!(!said.contains("left out"), "{said}");
}

#[test]
fn a_file_over_a_limit_is_tried_again_once_the_limit_is_raised() {
    let case = Case::new("package");
    (0..4).for_each(|week| write(&case.input(&format!("week-{week:02}.parquet")), &with_seller(week, "S9")));
    let day = (*DAY_0 + 9) * 86_400;
    let promised = chrono::DateTime::from_timestamp(day, 0).unwrap().format("%Y-%m-%d");
    let row = format!("S9,DE,305-1,DHL,JJD00000000005000001,Toys,B,{promised},{promised}\n").repeat(2_000);
    let heads = "seller_id,marketplace,order_id,carrier,tracking_number,product_category,kind,promised_delivery_at,\
                 first_scan_at\n";
    let packed = zstd::bulk::compress(format!("{heads}{row}").as_bytes(), 1).unwrap();
    fs::write(case.input("a-long.csv.zst"), packed).unwrap();
    let as_of = *DAY_0 + 7 * 4;
    let limited = ["--set", "input.0.on_bad_file=skip", "--set", "limits.max_inflated_bytes=70000"];
    for _ in 0..2 {
        let (_, said) = case.run("out", as_of, &limited);
        assert!(said.contains("left out, on_bad_file = \"skip\": in/a-long.csv.zst"), "{said}");
    }
    let said = same(
        &case,
        as_of,
        &["--set", "input.0.on_bad_file=skip", "--set", "limits.max_inflated_bytes=1000000"],
        "raised",
    );
    assert!(!said.contains("left out"), "{said}");
}
