//! Joined packages of carriers that no feed follows, and events of another carrier than the package's.

use crate::support::{Row, cell, fails, ok, table, text, vtr};
use std::fs;
use std::path::Path;

const PACKAGES: usize = 12;
const UPS: &str = "1Z5R89390357567127";

fn dhl(order: usize) -> String {
    format!("JJD0003900078401{order:02}")
}

/// Writes packages of DHL without an event and as many of UPS with scans, and a job with these keys.
fn job(at: &Path, more_events: &str, keys: &str) -> String {
    let mut shipments = "order,carrier,number,shipped,promised\n".to_owned();
    let mut events = "tracking_number,carrier,occurred_at,status\n".to_owned();
    for order in 0..PACKAGES {
        shipments += &format!("D-{order},DHL,{},2025-03-03,2025-03-07\n", dhl(order));
        shipments += &format!("U-{order},UPS,1ZJQ0D5303000255{order:02},2025-03-03,2025-03-07\n");
        events += &format!("1ZJQ0D5303000255{order:02},UPS,2025-03-04T09:00:00Z,in_transit\n");
    }
    if !more_events.is_empty() {
        shipments += &format!("M-1,Hermes,{UPS},2025-03-03,2025-03-07\n");
        events += more_events;
    }
    fs::write(at.join("shipments.csv"), shipments).unwrap();
    fs::write(at.join("events.csv"), events).unwrap();
    let job = format!(
        "name = \"followed\"\nas_of = \"2025-06-30\"\n[[input]]\npath = \"shipments.csv\"\n\
         constants = {{ seller_id = \"S1\", marketplace = \"DE\" }}\n[input.columns]\norder_id = \"order\"\ncarrier = \"carrier\"\n\
         tracking_number = \"number\"\nshipped_at = \"shipped\"\npromised_delivery_at = \"promised\"\n\
         [[input]]\nkind = \"vtr.events\"\npath = \"events.csv\"\n{keys}[output]\npath = \"out\"\n"
    );
    let path = at.join("job.toml");
    fs::write(&path, job).unwrap();
    path.display().to_string()
}

#[test]
fn what_packages_of_unseen_carriers_count_as_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let gate = fails(4, &["run", &job(at, "", "")]);
    assert!(gate.contains("no feed names any of its numbers") && gate.contains("count as never scanned"), "{gate}");
    let unseen = "[assemble]\nunseen = [\"dhl_paket\"]\n";
    let unseen = job(at, "", unseen);
    let out = at.join("out").display().to_string();
    for turn in ["first", "nothing is outdated"] {
        let run = vtr(&["run", &unseen]);
        let said = text(&run.stderr);
        assert!(run.status.success(), "{said}");
        assert_eq!(said.matches("have no scan because nobody asked their carrier").count(), 1, "{turn}: {said}");
        assert!(said.contains(&format!("dhl_paket {PACKAGES}")) && said.contains("too low"), "{turn}: {said}");
    }
    let page = ok(&["report", &out]);
    assert!(page.contains("nobody asked their carrier"), "the page says it too");
    let told = ok(&["explain", &unseen, "--seller", "S1", "--order", "D-3"]).replace("\n             ", " ");
    assert!(told.contains("no feed of events follows its carrier"), "{told}");
    assert!(!told.contains("Ask the carrier"), "{told}");
    let told = ok(&["explain", &unseen, "--seller", "S1", "--order", "U-3"]);
    assert!(!told.contains("no feed of events"), "{told}");
    // Judged by the number alone, nothing depends on a scan.
    let by_number =
        vtr(&["run", &unseen, "--set", "evidence=format", "--out", &at.join("by_number").display().to_string()]);
    assert!(by_number.status.success(), "{}", text(&by_number.stderr));
    assert!(!text(&by_number.stderr).contains("nobody asked"), "{}", text(&by_number.stderr));
}

#[test]
fn events_of_another_carrier_are_named_and_their_deliveries_counted() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let unseen = "[assemble]\nunseen = [\"dhl_paket\"]\n";
    let events = |delivered: &str| {
        format!("{UPS},UPS,2025-03-04T09:00:00Z,in_transit\n{UPS},UPS,2024-03-04T09:00:00Z,in_transit\n{delivered}")
    };
    let explained = |delivered: &str| {
        let job = job(at, &events(delivered), unseen);
        let run = vtr(&["run", &job, "--full"]);
        assert!(run.status.success(), "{}", text(&run.stderr));
        let told = ok(&["explain", &job, "--seller", "S1", "--order", "M-1"]).replace("\n             ", " ");
        (text(&run.stderr), told)
    };
    let out = at.join("out");
    let listed = || {
        let defects = table(&out, "defects");
        let row = defects.iter().find(|row| cell(row, "order_id") == "M-1").unwrap_or_else(|| panic!("{defects:?}"));
        let (job, early) = (at.join("job.toml").display().to_string(), at.join("early").display().to_string());
        ok(&["run", &job, "--as-of", "2025-03-20", "--out", &early]);
        let list = ok(&["worklist", &early, "--today", "2025-03-20", "--format", "csv"]);
        (cell(row, "fixable_by").to_owned(), row["act_by"].is_some(), list.contains("M-1"))
    };
    let (said, told) = explained(&format!("{UPS},UPS,2025-03-06T12:00:00Z,delivered\n"));
    assert_eq!(listed(), ("nobody".to_owned(), false, false), "a correction after the delivery does not count");
    let packages = table(&at.join("packages"), "packages");
    let told_of = |row: &&Row| row["scan_source"].as_deref() == Some("other_delivered");
    assert_eq!(packages.iter().filter(told_of).count(), 1, "{packages:?}");
    assert!(said.contains("1 of 25 packages were scanned, but by another carrier than theirs"), "{said}");
    assert!(said.contains("1 of them were delivered by it"), "{said}");
    assert!(
        told.contains(&format!("{UPS} has 2 events by UPS, which is another carrier, and was delivered")),
        "{told}"
    );
    assert!(told.contains("0 events of its number that count for it"), "{told}");
    assert!(told.contains("Nothing mends this package any more") && !told.contains("the promised day\n"), "{told}");
    let (said, told) = explained("");
    assert_eq!(listed(), ("number".to_owned(), true, true), "{said}");
    assert!(said.contains("by another carrier than theirs") && !said.contains("were delivered by it"), "{said}");
    assert!(told.contains(&format!("{UPS} has 1 event by UPS, which is another carrier\n")), "{told}");
    assert!(told.contains("Correct the carrier") && told.contains("the promised day\n"), "{told}");
    // Without the feed the packages are explained all the same.
    fs::remove_file(at.join("events.csv")).unwrap();
    let without = vtr(&["explain", &at.join("job.toml").display().to_string(), "--seller", "S1", "--order", "M-1"]);
    assert!(without.status.success() && text(&without.stderr).contains("are not named"), "{}", text(&without.stderr));
}
