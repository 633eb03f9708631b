//! Tests of values, names and columns that nobody can have meant: they are set aside, counted, named and gated, and
//! `inspect` reports them before a run.

use crate::support::{cell, count, fails, ok, table, text, vtr};
use std::fs;
use std::path::Path;
use std::process::Output;

const HEADINGS: &str = "seller_id,marketplace,order_id,carrier,ship_service,tracking_number,promised_delivery_at,shipped_at,\
                        package_value,currency,ship_from_country,ship_to_country,first_scan_at\n";

/// A letter from the UK to Germany, which is exempt below 20 EUR.
fn letter(order: &str, value: &str, currency: &str) -> String {
    format!("A1,GB,{order},Royal Mail,Letter,AH404746448GB,2025-02-05,2025-02-03,{value},{currency},GB,DE,\n")
}

fn job(folder: &Path, rows: &str, keys: &str) -> String {
    fs::write(folder.join("in.csv"), format!("{HEADINGS}{rows}")).unwrap();
    let job = folder.join("job.toml");
    fs::write(&job, format!("name = \"meant\"\nas_of = \"2025-06-30\"\n{keys}\n[output]\npath = \"out\"\n")).unwrap();
    job.display().to_string()
}

const INPUT: &str = "[[input]]\npath = \"in.csv\"\n";
const BORNE: &str = "[limits]\nmax_damaged = \"100%\"\nmax_rejected = \"100%\"\n";

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stderr)
}

#[test]
fn a_value_that_nobody_pays_exempts_nothing_and_is_gated() {
    let folder = tempfile::tempdir().unwrap();
    let rows: String =
        ["-5.00", "0", "1.234", "9.99"].iter().map(|value| letter(&format!("o{value}"), value, "EUR")).collect();
    let borne = job(folder.path(), &rows, &format!("{INPUT}{BORNE}"));
    let told = said(&vtr(&["run", &borne]));
    for words in ["1 value is below zero", "1 value is zero", "1 value can be thousands", "in.csv, record 3"] {
        assert!(told.contains(words), "{words}: {told}");
    }
    let defects = table(&folder.path().join("out"), "defects");
    assert_eq!(defects.len(), 3, "{defects:?}");
    let report = ok(&["run", &borne, "--json", "--full"]);
    let kinds = ["negative_value", "zero_value", "open_mark"];
    assert!(kinds.iter().all(|kind| report.contains(kind)), "{report}");
    let inspected = ok(&["inspect", &folder.path().join("in.csv").display().to_string()]);
    assert!(["below zero", "is zero", "decimal = \".\""].iter().all(|words| inspected.contains(words)), "{inspected}");

    let elsewhere = folder.path().join("elsewhere").display().to_string();
    let gated = fails(4, &["run", &job(folder.path(), &rows, INPUT), "--out", &elsewhere]);
    assert!(gated.contains("limits.max_damaged") && gated.contains("`package_value`"), "{gated}");
    let declared = job(folder.path(), &letter("1", "1.234", "EUR"), "[[input]]\npath = \"in.csv\"\ndecimal = \".\"\n");
    let told = said(&vtr(&["run", &declared, "--full"]));
    assert!(!told.contains("thousands") && told.contains("1 exempt"), "{told}");
}

#[test]
fn an_old_rate_converts_and_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let run = |day: &str| {
        fs::write(folder.path().join("rates.csv"), format!("Date,GBP\n{day},0.83\n")).unwrap();
        let keys = format!("rates = \"rates.csv\"\n{INPUT}");
        said(&vtr(&["run", &job(folder.path(), &letter("1", "9.99", "GBP"), &keys)]))
    };
    assert!(!run("2025-01-01").contains("exchange rate"), "35 days");
    let told = run("2024-12-31");
    assert!(
        told.contains("`currency`: 1 value was compared") && told.contains("bring the rates file up to date"),
        "{told}"
    );
}

#[test]
fn fillers_are_no_names() {
    let folder = tempfile::tempdir().unwrap();
    let row = |seller: &str, order: &str, carrier: &str| {
        format!("{seller},GB,{order},{carrier},,AH404746448GB,2025-02-05,2025-02-03,9.99,GBP,GB,GB,2025-02-04\n")
    };
    let rows = [row("A1", "1", "N/A"), row("A1", "2", "0"), row("A1", "3", "Royal Mail"), row("A1", "n/a", "DPD")];
    let rows = rows.concat() + &row("unknown", "5", "DPD");
    let told = said(&vtr(&["run", &job(folder.path(), &rows, &format!("{INPUT}{BORNE}"))]));
    assert!(told.contains("`carrier`: 2 values are fillers") && told.contains("order_id: a filler"), "{told}");
    let out = folder.path().join("out");
    let names = table(&out, "carrier_names");
    let none =
        names.iter().filter(|row| cell(row, "carrier") == "(none)").map(|row| count(row, "shipments")).sum::<i64>();
    assert_eq!((none, table(&out, "rejects").len()), (2, 2), "{names:?}");
}

#[test]
fn years_of_two_digits_are_no_fillers() {
    let folder = tempfile::tempdir().unwrap();
    let rows: String =
        (0..40).map(|order| letter(&order.to_string(), "9.99", "EUR").replace("2025-02-03", "03.02.25")).collect();
    let input = |form: &str| format!("{INPUT}timestamps = [\"{form}\"]\n");
    let refused = fails(4, &["run", &job(folder.path(), &rows, &input("%d.%m.%Y"))]);
    assert!(refused.contains("shipped_at") && refused.contains("%d.%m.%y"), "{refused}");
    let told = said(&vtr(&["run", &job(folder.path(), &rows, &input("%d.%m.%y"))]));
    assert!(told.contains("40 rows") && !told.contains("filler"), "{told}");
}

#[test]
fn states_of_the_us_are_no_countries() {
    let folder = tempfile::tempdir().unwrap();
    let row = |state: &str| {
        format!("A1,US,{state},UPS,,1Z999AA10123456784,2025-02-05,2025-02-03,9.99,USD,US,{state},2025-02-04\n")
    };
    let rows = |states: &str| states.split(' ').map(row).collect::<String>();
    let told = said(&vtr(&["run", &job(folder.path(), &rows("CA GA IN CO MT"), INPUT)]));
    assert!(told.contains("`ship_to_country` of in.csv seems to hold states of the US"), "{told}");
    let inspected = ok(&["inspect", &folder.path().join("in.csv").display().to_string()]);
    assert!(inspected.contains("holds states of the US"), "{inspected}");
    let gated = fails(4, &["run", &job(folder.path(), &rows("CA TX"), INPUT)]);
    assert!(gated.contains("a state of the US: map the column that holds countries"), "{gated}");
    let told = said(&vtr(&["run", &job(folder.path(), &rows("US CA GB FR JP DE"), INPUT)]));
    assert!(!told.contains("states of the US"), "{told}");
}

#[test]
fn one_heading_for_two_columns_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let keys = format!("{INPUT}[input.columns]\nshipped_at = \"shipped_at\"\nfirst_scan_at = \"Shipped_At\"\n");
    let job = job(folder.path(), &letter("1", "9.99", "EUR"), &keys);
    let words = "is both `shipped_at` and `first_scan_at`";
    assert!(ok(&["plan", &job]).contains(words) && said(&vtr(&["run", &job])).contains(words));
}

#[test]
fn a_known_heading_that_the_job_does_not_map_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let headings = HEADINGS.trim_end().replace("shipped_at", "note") + ",order-status,Status,updated\n";
    let row = |order: &str| letter(order, "9.99", "EUR").trim_end().to_owned() + ",Cancelled,x,y\n";
    let of = |keys: &str| {
        let job = job(folder.path(), "", keys);
        for name in ["a.csv", "b.csv"] {
            fs::write(folder.path().join(name), headings.clone() + &row(name)).unwrap();
        }
        job
    };
    let input = "[[input]]\npath = [\"a.csv\", \"b.csv\"]\n";
    let job = of(input);
    for told in [said(&vtr(&["run", &job])), ok(&["plan", &job])] {
        let line = "`order-status` of 2 files, first a.csv, is known as `order_status`";
        assert!(told.contains(line) && told.contains("write order_status = \"order-status\" in"), "{told}");
        assert_eq!(told.matches("is known as").count(), 1, "`status` may be that of the payment: {told}");
    }
    for keys in ["order_status = \"order-status\"", "order_status = \"Status\"", "programme = \"Order-Status\""] {
        let told = ok(&["plan", &of(&format!("{input}[input.columns]\n{keys}\n"))]);
        assert!(!told.contains("is known as"), "{keys}: {told}");
    }
    let told = ok(&["plan", &of(&format!("{input}[input.constants]\norder_status = \"Shipped\"\n"))]);
    assert!(!told.contains("is known as"), "{told}");
}

#[test]
fn a_file_without_a_known_heading_is_refused_with_the_keys_that_help() {
    let folder = tempfile::tempdir().unwrap();
    let job = job(folder.path(), &letter("1", "9.99", "EUR"), INPUT);
    let plain = fs::read_to_string(folder.path().join("in.csv")).unwrap();
    let wide: Vec<u8> = plain.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (bytes, key) in [(format!("Shipments\nof May\n\n{plain}").into_bytes(), "header_line = 4"), (wide, "utf-16le")]
    {
        fs::write(folder.path().join("in.csv"), bytes).unwrap();
        let refused = fails(3, &["run", &job]);
        assert!(refused.contains("`header_line`, `encoding` or `delimiter` in [input.csv]"), "{refused}");
        let inspected = ok(&["inspect", &folder.path().join("in.csv").display().to_string()]);
        assert!(inspected.contains(key), "{inspected}");
    }
}

#[test]
fn orders_of_other_channels_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let told_of = |others: usize, market: &str, keys: &str| {
        let other = |order: usize| {
            letter(&format!("12-09876-{order:05}"), "9.99", "EUR").replace(",GB,12", &format!(",{market},12"))
        };
        let own = |order: usize| letter(&format!("{}02-1234567-{order:07}", ["2", "S"][order % 2]), "9.99", "EUR");
        let rows: String = (0..others).map(other).chain((others..80).map(own)).collect();
        said(&vtr(&["run", &job(folder.path(), &rows, &format!("{INPUT}{keys}")), "--full"]))
    };
    let told = told_of(20, "GB", "");
    assert!(told.contains("20 of 80 order ids looked at are not of Amazon's form"), "{told}");
    assert!(told.contains("in in.csv") && told.contains("export Amazon's orders alone"), "{told}");
    for (others, market) in [(3, "GB"), (80, "GB"), (20, "Non-Amazon")] {
        let told = told_of(others, market, "");
        assert!(!told.contains("Amazon's form"), "{others} {market}: {told}");
    }
}

#[test]
fn local_ends_of_days_beside_other_times_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let told_of = |others: usize, offset: &str, keys: &str| {
        let row = |order: usize| {
            let time = if order < others { "20:15:00" } else { "23:59:59" };
            letter(&order.to_string(), "9.99", "EUR").replace("2025-02-05", &format!("2025-02-05T{time}{offset}"))
        };
        let rows: String = (0..120).map(row).collect();
        said(&vtr(&["run", &job(folder.path(), &rows, &format!("{INPUT}{keys}")), "--full"]))
    };
    let told = told_of(6, "", "");
    assert!(told.contains("114 of 120 `promised_delivery_at` looked at have no offset"), "{told}");
    assert!(told.contains("in in.csv") && told.contains("time_zone = \"Europe/Berlin\""), "{told}");
    let zone = "time_zone = \"Europe/London\"\n";
    let days = "days = [\"promised_delivery_at\"]\n";
    for (others, offset, keys) in [(6, "Z", ""), (30, "", ""), (6, "", zone), (6, "", days)] {
        let told = told_of(others, offset, keys);
        assert!(!told.contains("looked at have no offset"), "{others} {offset} {keys}: {told}");
    }
    let told = told_of(0, "", "");
    assert!(told.contains("every `promised_delivery_at`") && !told.contains("looked at have no offset"), "{told}");
}

#[test]
fn a_shrunk_file_is_said_and_a_renamed_one_has_lost_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let rows: String = ["1", "2", "3"].iter().map(|order| letter(order, "9.99", "EUR")).collect();
    let path = job(folder.path(), &rows, "[[input]]\npath = \"*.csv\"\n");
    said(&vtr(&["run", &path]));
    fs::rename(folder.path().join("in.csv"), folder.path().join("renamed.csv")).unwrap();
    let told = said(&vtr(&["run", &path]));
    assert!(!told.contains("is gone, and its rows"), "{told}");
    let two: String = ["1", "2"].iter().map(|order| letter(order, "9.99", "EUR")).collect();
    fs::write(folder.path().join("renamed.csv"), format!("{HEADINGS}{two}")).unwrap();
    let told = said(&vtr(&["run", &path]));
    assert!(told.contains("renamed.csv holds 2 rows, and held 3"), "{told}");
    let told = said(&vtr(&["run", &path, "--as-of", "2025-05-30", "--from", "2025-02-03", "--to", "2025-02-09"]));
    assert!(told.contains("are judged as of 2025-05-30, and are published in a version as of 2025-06-30"), "{told}");
}

#[test]
fn a_copy_of_the_book_on_top_changes_nothing_and_a_rule_without_packages_is_published() {
    let folder = tempfile::tempdir().unwrap();
    let book = folder.path().join("ours");
    ok(&["book", "export", &book.display().to_string()]);
    let path = job(folder.path(), &letter("1", "9.99", "EUR"), INPUT);
    said(&vtr(&["run", &path]));
    let on_top = job(folder.path(), &letter("1", "9.99", "EUR"), &format!("book = [\"embedded\", \"ours\"]\n{INPUT}"));
    let plan = ok(&["plan", &on_top]);
    assert!(plan.contains("book the same") && plan.contains("no week"), "{plan}");
    let other = book.join("policies/sg.toml");
    let rule = fs::read_to_string(&other).unwrap().replacen("latency_days = 14", "latency_days = 10", 1);
    fs::write(&other, rule).unwrap();
    said(&vtr(&["run", &on_top]));
    let markets = table(&folder.path().join("out"), "dim_marketplace");
    let of = |name: &str| markets.iter().find(|row| cell(row, "marketplace") == name).unwrap();
    assert_eq!((count(of("SG"), "latency_days"), count(of("GB"), "latency_days")), (10, 14));
    let again = ok(&["run", &on_top, "--json"]);
    assert!(again.contains("unchanged"), "{again}");
    let families = folder.path().join("top");
    fs::create_dir(&families).unwrap();
    fs::write(families.join("families.toml"), "[groups]\nposts = [\"royal_mail\"]\n").unwrap();
    let difference = ok(&["book", "diff", "embedded", &families.display().to_string()]);
    assert!(!difference.contains("gone"), "{difference}");
}

#[test]
fn a_scan_column_that_copies_another_time_is_gated_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let row = |order: usize, shipped: &str, scan: &str| {
        format!("A1,GB,{order},Royal Mail,,AH404746448GB,2025-02-05,{shipped},9.99,GBP,GB,GB,{scan}\n")
    };
    let rows =
        |count: usize, shipped: &str, scan: &str| (0..count).map(|order| row(order, shipped, scan)).collect::<String>();
    let at = "2025-02-03T10:20:30Z";
    let copied = rows(30, at, "2025-02-03 10:20:30");
    let told = fails(4, &["run", &job(folder.path(), &copied, INPUT)]);
    for words in
        ["limits.max_copied_times", "`first_scan_at`: 30 values", "in.csv, record 1", "what the carrier scanned"]
    {
        assert!(told.contains(words), "{words}: {told}");
    }
    let inspected = ok(&["inspect", &folder.path().join("in.csv").display().to_string()]);
    assert!(!inspected.contains("holds in every row"), "{inspected}");
    job(folder.path(), &rows(30, at, at), INPUT);
    let inspected = ok(&["inspect", &folder.path().join("in.csv").display().to_string()]);
    assert!(inspected.contains("`first_scan_at` holds in every row what `shipped_at` holds"), "{inspected}");
    let borne = format!("{INPUT}[limits]\nmax_copied_times = \"100%\"\n");
    let told = said(&vtr(&["run", &job(folder.path(), &copied, &borne)]));
    assert!(told.contains("`first_scan_at`: 30 values equal the time of shipping"), "{told}");
    // A few may be chance, and many packages can share a scan that is a day.
    for rows in [rows(19, at, at), rows(30, at, "2025-02-03T10:20:31Z"), rows(99, "2025-02-03", "2025-02-03")] {
        let told = said(&vtr(&["run", &job(folder.path(), &rows, INPUT), "--full"]));
        assert!(!told.contains("equal the time of"), "{told}");
    }
    for day in ["2025-02-03", "2025-02-03T00:00:00Z"] {
        let told = said(&vtr(&["run", &job(folder.path(), &rows(100, day, day), INPUT), "--full"]));
        assert!(told.contains("all 100 packages of in.csv that were scanned"), "{told}");
    }
    // The promise and the time at which the number was added can be copied into scans as well.
    let promised = copied.replace("2025-02-05", at).replace(&format!("{at},9.99"), "2025-02-01,9.99");
    assert!(fails(4, &["run", &job(folder.path(), &promised, INPUT)]).contains("max_copied_times"));
    let keys = format!("{INPUT}[input.columns]\ntracking_added_at = \"shipped_at\"\n");
    assert!(fails(4, &["run", &job(folder.path(), &copied, &keys)]).contains("max_copied_times"));
}

#[test]
fn exports_of_shops_and_shipping_software_are_mapped_with_their_ways_of_writing_times() {
    let folder = tempfile::tempdir().unwrap();
    let proposed = |file: &str, text: &str| {
        fs::write(folder.path().join(file), text).unwrap();
        ok(&["inspect", &folder.path().join(file).display().to_string()])
    };
    let of = |told: &str, lines: &[&str]| lines.iter().for_each(|line| assert!(told.contains(line), "{line}: {told}"));
    let parcels = "Parcel ID;Order Number;Carrier;Tracking Number;Country;Value;Currency;Shipped At;Delivered At\n\
                   1;305-1-2;DHL;JJD000390007840123456;DE;19,90;EUR;23-02-2025 10:20:30;25-02-2025 09:00:00\n";
    let told = proposed("parcels.csv", parcels);
    of(
        &told,
        &["timestamps = [\"%d-%m-%Y %H:%M:%S\"]", "package_value = \"Value\"", "delivery_scan_at = \"Delivered At\""],
    );
    let shop = "order_number,shipping_country,order_currency,tracking_provider,tracking_number,date_shipped\n\
                1,DE,EUR,DHL,JJD000390007840123456,1740306030\n";
    let told = proposed("shop.csv", shop);
    of(&told, &["timestamps = [\"%s\"]", "carrier = \"tracking_provider\"", "currency = \"order_currency\""]);
    let orders = "Auftragsnummer;Externe Auftragsnummer;TrackingID;Versanddatum;Plattform\n\
                  A1;305-1-2;JJD000390007840123456;23.02.2025;Amazon.de\n";
    let told = proposed("orders.csv", orders);
    of(
        &told,
        &["order_id = \"Externe Auftragsnummer\"", "tracking_number = \"TrackingID\"", "marketplace = \"Plattform\""],
    );
}

#[test]
fn inputs_that_decide_by_a_slip_are_refused_or_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let rows = |file: &str, shipped: &str, scan: &str| {
        let row = |order: usize| {
            format!("A1,GB,{file}{order},Royal Mail,,AH404746448GB,2025-02-05,{shipped},9.99,GBP,GB,GB,{scan}\n")
        };
        fs::write(folder.path().join(file), HEADINGS.to_owned() + &(0..60).map(row).collect::<String>()).unwrap();
    };
    rows("full.csv", "2025-02-03", "2025-02-04T10:20:30Z");
    rows("none.csv", "2025-02-03", "");
    let input = "[[input]]\npath = [\"full.csv\", \"none.csv\"]\n";
    let told = said(&vtr(&["run", &job(folder.path(), "", input)]));
    assert!(told.contains("0 of 60 packages of none.csv are valid, and 60 are scan_missing"), "{told}");
    rows("none.csv", "2025-02-03", "2025-07-04T10:20:30Z");
    let told = said(&vtr(&["run", &job(folder.path(), "", input), "--full"]));
    assert!(told.contains("60 packages have scans after as_of (2025-06-30)"), "{told}");
    let told = said(&vtr(&[
        "run",
        &job(folder.path(), "", &format!("{input}columns = {{ first_scan_at = \"shipped_at\" }}\n")),
        "--full",
    ]));
    assert!(told.contains("`first_scan_at` is mapped to the heading `shipped_at`"), "{told}");
    for (keys, says) in [
        ("timestamps = [\"%d/%m/%Y\", \"%m/%d/%Y\"]", "two different days"),
        ("time_zone = \"EST\"", "the IANA name of a place"),
        ("time_zone = \"Etc/GMT+5\"", "the IANA name of a place"),
    ] {
        assert!(fails(2, &["run", &job(folder.path(), "", &format!("{input}{keys}\n"))]).contains(says), "{keys}");
    }
    let fine = format!("{input}timestamps = [\"%d/%m/%Y\", \"%d.%m.%Y\"]\ntime_zone = \"Europe/London\"\n");
    said(&vtr(&["run", &job(folder.path(), "", &fine), "--full"]));
}
