//! Tests of runs from raw exports to rates: verdicts are those of a ready history, and each fact names its source.

use crate::support::{Row, cell, count, ok, read, root, table, text, vtr};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

fn job(at: &Path, name: &str, body: &str) -> String {
    let path = at.join(name);
    fs::write(&path, body).unwrap();
    path.display().to_string()
}

/// The sample's job over the files of a folder.
fn of_sample(at: &Path) -> String {
    let written = fs::read_to_string(root().join("jobs/assemble.toml")).unwrap();
    let body = written.replace("../sample_data/raw", "sample/raw").replace("../out/assemble", "out");
    let rates = root().join("sample_data/eurofxref-hist.csv").display().to_string();
    let body = body.replace("../sample_data/eurofxref-hist.csv", &rates);
    job(at, "assemble.toml", &body)
}

fn packages(at: &Path) -> Vec<Row> {
    table(&at.join("packages"), "packages")
}

fn text_of<'r>(row: &'r Row, column: &str) -> &'r str {
    row[column].as_deref().unwrap_or_default()
}

/// The letters and digits of a number.
fn bare(number: &str) -> String {
    number.chars().filter(|sign| sign.is_alphanumeric()).collect()
}

/// The verdicts that depend on facts missing from the exports: when a number was added, and the country of origin.
const UNTOLD: [&str; 1] = ["added_after_delivery"];

#[test]
fn packages_joined_from_exports_get_the_verdicts_of_the_ready_history() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    ok(&["gen", "--sample", &at.join("sample").display().to_string(), "--quiet"]);
    let rates = root().join("sample_data/eurofxref-hist.csv").display().to_string();
    let judged = "tables = [\"judged\", \"vtr_weekly\"]\njudged_weeks = 60\n";
    let ready = format!(
        "name = \"ready\"\nas_of = \"2025-05-31\"\nrates = '{rates}'\n[[input]]\npath = \"sample/shipments\"\n[output]\npath = \"ready\"\n{judged}"
    );
    ok(&["run", &job(at, "ready.toml", &ready), "--quiet"]);
    let joined = fs::read_to_string(of_sample(at)).unwrap();
    ok(&["run", &job(at, "joined.toml", &format!("{joined}{judged}")), "--quiet"]);
    let verdicts = |out: &str| -> BTreeMap<(String, String, String), Row> {
        let key = |row: &Row| {
            let of = |column: &str| text_of(row, column).to_owned();
            (of("seller_id"), of("order_id"), bare(text_of(row, "tracking_number")))
        };
        table(&at.join(out), "judged").into_iter().map(|row| (key(&row), row)).collect()
    };
    let (ready, joined) = (verdicts("ready"), verdicts("out"));
    let (mut same, mut others) = (0, Vec::new());
    for (key, row) in &joined {
        let Some(theirs) = ready.get(key) else { continue };
        let reasons = (text_of(row, "reason"), text_of(theirs, "reason"));
        let facts = ["carrier", "ship_from_country", "ship_to_country", "package_value", "first_scan_at", "shipped_at"];
        let differs = facts.iter().any(|fact| row.get(*fact) != theirs.get(*fact));
        if reasons.0 == reasons.1 {
            same += 1;
        } else if !UNTOLD.contains(&reasons.1) && !differs {
            others.push((key, reasons));
        }
    }
    assert!(others.is_empty(), "{} of {}: {:?}", others.len(), joined.len(), &others[..others.len().min(5)]);
    assert!(same * 10 >= joined.len() * 9 && joined.len() > 400, "{same} of {}", joined.len());
}

#[test]
fn where_each_fact_comes_from_is_told_and_the_packages_are_a_view() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    ok(&["gen", "--sample", &at.join("sample").display().to_string(), "--quiet"]);
    let job = of_sample(at);
    ok(&["run", &job, "--quiet"]);
    let told = |wanted: &dyn Fn(&Row) -> bool| {
        let row = packages(at).into_iter().find(|row| wanted(row)).unwrap();
        let (seller, order) = (cell(&row, "seller_id").to_owned(), cell(&row, "order_id").to_owned());
        (ok(&["explain", &job, "--seller", &seller, "--order", &order]), row)
    };
    let (said, row) = told(&|row| text_of(row, "scan_source") == "events" && row["product_category"].is_some());
    let place = format!("{} record {} (amazon.ship_confirm", cell(&row, "source_file"), cell(&row, "source_record"));
    let orders = format!("{} (amazon.order_report), its order: ", cell(&row, "orders_file"));
    for part in [
        "  from       ",
        &place,
        &orders,
        "promised_delivery_at",
        " events of its number (aftership, easypost): first_scan_at",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(said.contains("the list of categories (vtr.category_map): product_category"), "{said}");
    let (said, _) = told(&|row| text_of(row, "scan_source") == "status");
    assert!(said.contains("the state that its source tells (amazon.orders_api): first_scan_at"), "{said}");
    let views = fs::read_to_string(at.join("out/views.sql")).unwrap();
    let view = views.split_once("VIEW packages AS").expect("a view of the packages").1;
    let named: Vec<&str> = view.split('\'').filter(|path| path.ends_with(".parquet")).collect();
    assert_eq!(named.iter().map(|path| read(Path::new(path)).len()).sum::<usize>(), packages(at).len());
}

#[test]
fn wrapped_ids_meet_and_sides_that_do_not_fit_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let number = |order: usize| format!("JJD0003900078401{order:05}");
    let confirm = |wrap: bool| {
        let row = |order: usize| {
            let (id, sent) = (format!("305-1234567-00000{order:02}"), number(order));
            let (id, sent) = if wrap { (format!("=\"{id}\""), format!("'{sent}")) } else { (id, sent) };
            format!("{id}\t\t\t2025-05-05\tDHL\tDHL Paket\t{sent}\tStandard\n")
        };
        let headings =
            "order-id\torder-item-id\tquantity\tship-date\tcarrier-code\tcarrier-name\ttracking-number\tship-method\n";
        headings.to_owned() + &(10..30).map(row).collect::<String>()
    };
    let event = |carrier: &str| {
        let row = |order: usize| format!("{},2025-05-06T10:20:30Z,in_transit,{carrier}\n", number(order));
        "tracking_number,occurred_at,status,carrier\n".to_owned() + &(10..30).map(row).collect::<String>()
    };
    let order = |store: &str| {
        let row = |order: usize| format!("305-1234567-00000{order:02},A1,2025-05-09,{store}\n");
        "order_id,seller_id,promised_delivery_at,marketplace\n".to_owned() + &(10..30).map(row).collect::<String>()
    };
    let body = "name = \"sides\"\nas_of = \"2025-06-30\"\n[[input]]\nkind = \"amazon.ship_confirm\"\npath = \"confirm.txt\"\n\
                constants = { seller_id = \"A1\", marketplace = \"DE\" }\n\
                [[input]]\nrole = \"orders\"\npath = \"orders.csv\"\n\
                columns = { order_id = \"order_id\", seller_id = \"seller_id\", promised_delivery_at = \"promised_delivery_at\", \
                marketplace = \"marketplace\" }\n\
                [[input]]\nkind = \"vtr.events\"\nformat = \"csv\"\npath = \"events.csv\"\n\
                [assemble]\npath = \"packages\"\n[output]\npath = \"out\"\n";
    let run = |wrap: bool, store: &str, carrier: &str| {
        fs::write(at.join("confirm.txt"), confirm(wrap)).unwrap();
        fs::write(at.join("orders.csv"), order(store)).unwrap();
        fs::write(at.join("events.csv"), event(carrier)).unwrap();
        let output = vtr(&["run", &job(at, "sides.toml", body), "--full"]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let weeks = table(&at.join("out"), "vtr_weekly");
        let sum = |column: &str| weeks.iter().map(|row| count(row, column)).sum::<i64>();
        (text(&output.stderr), sum("valid"), sum("eligible"))
    };
    let (said, valid, eligible) = run(false, "DE", "dhl");
    assert_eq!((valid, eligible), (20, 20), "{said}");
    assert!(!said.contains("warning: sellers of whom") && !said.contains("another"), "{said}");
    let (said, valid, eligible) = run(true, "DE", "dhl");
    assert_eq!((valid, eligible), (20, 20), "{said}");
    assert!(said.contains("`order_id`: 20 values were in a wrapper"), "{said}");
    assert!(said.contains("`tracking_number`: 20 values were in a wrapper"), "{said}");
    let (said, ..) = run(false, "FR", "dhl");
    assert!(said.contains("20 of 20 packages are of another marketplace by their order"), "{said}");
    let (said, valid, _) = run(false, "DE", "ups");
    assert!(valid == 0 && said.contains("20 of 20 packages were scanned, but by another carrier"), "{said}");
    fs::write(at.join("events.csv"), event("dhl")).unwrap();
    fs::write(at.join("orders.csv"), order("DE").replace(",A1,", ",a1,")).unwrap();
    let output = vtr(&["run", &job(at, "sides.toml", &format!("{body}[limits]\norders_cover = \"0%\"\n")), "--full"]);
    assert!(text(&output.stderr).contains("no order is known, 1: A1 in DE (20 packages)"), "{}", text(&output.stderr));
}
