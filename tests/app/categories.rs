//! Tests of accounts of which one category misses the target while all together meet it: such an account is below
//! target wherever people look, for a marketplace suspends categories.

use crate::support::{fails, ok};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

const HEADINGS: &str = "seller_id,marketplace,programme,order_id,product_category,carrier,tracking_number,\
promised_delivery_at,shipped_at,first_scan_at,delivery_scan_at\n";
const TODAY: [&str; 2] = ["--today", "2025-03-12"];

/// An account of 20 toys, of which some are never scanned, and 180 books, which all are.
fn account(seller: &str, programme: &str, toys_without_scan: usize, history: &mut String) {
    for order in 0..200 {
        let category = if order < 20 { "Toys" } else { "Books" };
        let day = 21 - order % 12;
        let scans = if order < toys_without_scan {
            ",".into()
        } else {
            format!("2025-02-{day}T10:11:12Z,2025-02-{day}T15:16:17Z")
        };
        let _ = writeln!(
            history,
            "{seller},US,{programme},{order},{category},UPS,1Z5R89390357{order:06},2025-02-{day},2025-02-{day},{scans}"
        );
    }
}

fn published(folder: &Path) -> String {
    let mut history = HEADINGS.to_owned();
    account("TOYS", "standard", 4, &mut history);
    account("WELL", "standard", 0, &mut history);
    // Seller Fulfilled Prime suspends whole accounts.
    account("PRIME", "sfp", 1, &mut history);
    fs::write(folder.join("in.csv"), history).unwrap();
    let job = "name = \"categories\"\nas_of = \"2025-03-12\"\nas_of_mode = \"scans\"\n[[input]]\npath = \"in.csv\"\n\
               [output]\npath = \"out\"\n";
    fs::write(folder.join("job.toml"), job).unwrap();
    ok(&["run", &folder.join("job.toml").display().to_string(), "--quiet"]);
    folder.join("out").display().to_string()
}

#[test]
fn a_category_below_target_is_no_all_clear() {
    let folder = tempfile::tempdir().unwrap();
    let out = published(folder.path());
    let health = ok(&[&["health", &out], &TODAY[..]].concat()).replace("\n         ", " ").replace("\n    ", " ");
    assert!(health.contains("TOYS, Amazon.com, below target in Toys: 80.00"), "{health}");
    assert!(health.contains("4 defects where at most 1 fits"), "{health}");
    assert!(
        health.contains("1 below target") && health.contains("All together: 4 defects of 200 packages"),
        "{health}"
    );
    let alarm = fails(4, &[&["health", &out, "--fail-on", "breach"], &TODAY[..]].concat());
    assert!(alarm.contains("Toys: breach"), "{alarm}");
    let list = ok(&[&["worklist", &out], &TODAY[..]].concat());
    assert!(list.contains("below target") && list.contains("Toys decides"), "{list}");
    let html = ok(&["report", &out]);
    assert!(html.contains("1 of 3 accounts is below Amazon\u{2019}s target"));
    assert!(html.contains("below target in Toys: 80.00") && html.contains("Toys: 80.00"));
}

#[test]
fn where_accounts_are_suspended_as_a_whole_a_category_decides_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let out = published(folder.path());
    let health = ok(&[&["health", &out, "--seller", "PRIME"], &TODAY[..]].concat());
    // One of 200 is missing: 99.50 % of all, 95.00 % of the toys, and 99 % are asked for.
    assert!(health.contains("99.50") && !health.contains("below target in"), "{health}");
    let rows = ok(&[&["health", &out, "--seller", "PRIME", "--format", "csv"], &TODAY[..]].concat());
    assert!(rows.contains("PRIME,US,sfp,Toys,") && rows.contains(",breach,"), "{rows}");
}
