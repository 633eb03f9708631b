//! Tests of what documents of orders say beside the packages of other files, and of which file says it last.

use crate::support::{Row, count, ok, table, text, vtr, vtr_in};
use std::fs;
use std::path::Path;

const CONFIRM: &str =
    "order-id\torder-item-id\tquantity\tship-date\tcarrier-code\tcarrier-name\ttracking-number\tship-method\n";
const CONFIRMED: &str = "[[input]]\nkind = \"amazon.ship_confirm\"\npath = \"confirm/*.txt\"\n\
                         constants = { seller_id = \"A1SELLERAA\", marketplace = \"DE\" }\n";
const DOCUMENTS: &str = "[[input]]\nkind = \"amazon.orders_api\"\npath = \"orders/*.json\"\n\
                         constants = { seller_id = \"A1SELLERAA\" }\n";
const EVENTS: &str = "[[input]]\nkind = \"vtr.events\"\npath = \"events.csv\"\n";

fn id(order: usize) -> String {
    format!("305-1234567-00000{order:02}")
}

fn number(order: usize) -> String {
    format!("JJD0003900078401{order:05}")
}

fn put(at: &Path, name: &str, text: String) {
    let path = at.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn confirmed(order: usize, number: &str) -> String {
    format!("{}\t\t\t2025-05-05\tDHL\t\t{number}\tPaket\n", id(order))
}

/// A document of an order, with its package if a state is given.
fn document(order: usize, updated: &str, status: &str, state: Option<&str>) -> String {
    let package = |state: &str| {
        format!(
            r#","packages":[{{"packageReferenceId":"1","createdTime":"2025-05-05T09:00:00Z","carrier":"DHL","shipTime":"2025-05-05T10:00:00Z","trackingNumber":"{}","packageStatus":{{"status":"{state}"}}}}]"#,
            number(order)
        )
    };
    format!(
        r#"{{"orderId":"{}","lastUpdatedTime":"{updated}","salesChannel":{{"marketplaceId":"A1PA6795UKMFR9"}},"recipient":{{"deliveryAddress":{{"countryCode":"AT"}}}},"proceeds":{{"grandTotal":{{"amount":"49.00","currencyCode":"EUR"}},"breakdowns":[{{"type":"ITEM","subtotal":{{"amount":"49.00","currencyCode":"EUR"}}}}]}},"fulfillment":{{"fulfillmentStatus":"{status}","fulfilledBy":"MERCHANT","deliverByWindow":{{"latestDateTime":"2025-05-14T21:59:59Z"}}}}{}}}"#,
        id(order),
        state.map(package).unwrap_or_default()
    )
}

fn documents(all: impl Iterator<Item = String>) -> String {
    format!("{{\"orders\":[{}]}}", all.collect::<Vec<_>>().join(","))
}

struct Ran {
    said: String,
    packages: Vec<Row>,
    valid: i64,
    eligible: i64,
}

fn run(at: &Path, keys: &str, inputs: &[&str]) -> Ran {
    let body = format!(
        "name = \"lent\"\nas_of = \"2025-06-30\"\n{keys}{}[assemble]\npath = \"packages\"\n[output]\npath = \"out\"\n",
        inputs.concat()
    );
    put(at, "job.toml", body);
    let ran = vtr(&["run", &at.join("job.toml").display().to_string(), "--full"]);
    assert!(ran.status.success(), "{}", text(&ran.stderr));
    let weeks = table(&at.join("out"), "vtr_weekly");
    let sum = |column: &str| weeks.iter().map(|row| count(row, column)).sum();
    Ran {
        said: text(&ran.stderr),
        packages: table(&at.join("packages"), "packages"),
        valid: sum("valid"),
        eligible: sum("eligible"),
    }
}

/// Twenty confirmed orders with their documents, of which three tell of no scan, and events of the others.
fn shop(at: &Path, states: &dyn Fn(usize) -> Option<&'static str>) {
    put(at, "confirm/c.txt", CONFIRM.to_owned() + &(10..30).map(|o| confirmed(o, &number(o))).collect::<String>());
    let pull = documents((10..30).map(|order| document(order, "2025-05-20T00:00:00Z", "SHIPPED", states(order))));
    put(at, "orders/2025-05-20.json", pull);
    let event = |order: usize| {
        format!("{},2025-05-06T10:20:30Z,in_transit,dhl\n{0},2025-05-07T10:20:30Z,delivered,dhl\n", number(order))
    };
    put(
        at,
        "events.csv",
        "tracking_number,occurred_at,status,carrier\n".to_owned() + &(10..30).map(event).collect::<String>(),
    );
}

fn delivered(order: usize) -> Option<&'static str> {
    Some(if order < 13 { "PENDING" } else { "DELIVERED" })
}

#[test]
fn documents_lend_their_orders_to_packages_of_other_files() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    shop(at, &delivered);
    let has_facts = |ran: &Ran| {
        assert_eq!(ran.packages.len(), 20, "{}", ran.said);
        for (column, is) in [("promised_delivery_at", "2025-05-14"), ("ship_to_country", "AT"), ("currency", "EUR")] {
            let has = |row: &Row| row[column].as_deref().is_some_and(|cell| cell.starts_with(is));
            assert!(ran.packages.iter().all(has), "{column}: {:?}", ran.packages[0]);
        }
        let value = |row: &Row| row["package_value"].as_deref().is_some_and(|cell| cell.starts_with("49"));
        assert!(ran.packages.iter().all(value), "{:?}", ran.packages[0]);
    };
    has_facts(&run(at, "", &[CONFIRMED, DOCUMENTS, EVENTS]));
    has_facts(&run(at, "", &[&CONFIRMED.replace(", marketplace = \"DE\"", ""), DOCUMENTS, EVENTS]));
    // Without events the states of the documents speak, whichever input is listed first.
    for inputs in [[CONFIRMED, DOCUMENTS], [DOCUMENTS, CONFIRMED]] {
        let ran = run(at, "evidence = \"scans\"\n", &inputs);
        has_facts(&ran);
        assert_eq!((ran.valid, ran.eligible), (17, 20), "{}", ran.said);
        assert!(!ran.said.contains("no document that has states"), "{}", ran.said);
    }
    run(at, "evidence = \"scans\"\n", &[CONFIRMED, DOCUMENTS]);
    let job = at.join("job.toml").display().to_string();
    let explained = ok(&["explain", &job, "--order", &id(20), "--seller", "A1SELLERAA"]);
    for part in ["its order", "the state that its source tells"] {
        let is_told = |line: &str| line.contains(part) && line.contains("(amazon.orders_api)");
        assert!(explained.lines().any(is_told), "{part}: {explained}");
    }
    let either = explained.lines().find(|line| line.contains("of both")).unwrap_or_default();
    assert!(either.contains("marketplace") && !either.contains("tracking_number"), "{explained}");
    // Documents without packages replace none, and packages of which nobody tells a state are said.
    shop(at, &|order| delivered(order).filter(|_| order >= 13));
    let ran = run(at, "", &[DOCUMENTS, CONFIRMED, EVENTS]);
    assert_eq!((ran.packages.len(), ran.valid, ran.eligible), (20, 20, 20), "{}", ran.said);
    let ran = run(at, "evidence = \"scans\"\n", &[CONFIRMED, DOCUMENTS]);
    assert_eq!((ran.valid, ran.eligible), (17, 20), "{}", ran.said);
    assert!(ran.said.contains("3 of 20 packages have no scan because no document that has states"), "{}", ran.said);
}

#[test]
fn a_first_job_of_confirmations_and_documents_runs() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    shop(at, &delivered);
    fs::remove_file(at.join("events.csv")).unwrap();
    for (folder, name) in
        [("confirm", "A1SELLERAA_DE_2025-05-05T101500Z.txt"), ("orders", "A1SELLERAA_2025-05-20.json")]
    {
        let old = fs::read_dir(at.join(folder)).unwrap().next().unwrap().unwrap().path();
        fs::rename(old, at.join(folder).join(name)).unwrap();
    }
    let made = vtr_in(at, &["job", "init", ".", "--name", "shop"]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let ran = vtr_in(at, &["run", "job.toml", "--as-of", "2025-06-30"]);
    assert!(ran.status.success(), "{}\n{}", text(&ran.stderr), fs::read_to_string(at.join("job.toml")).unwrap());
    let weeks = table(&at.join("out/shop"), "vtr_weekly");
    let sum = |column: &str| weeks.iter().map(|row| count(row, column)).sum::<i64>();
    assert_eq!((sum("valid"), sum("eligible")), (17, 20), "{}", text(&ran.stderr));
}

#[test]
fn a_document_without_packages_says_nothing_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    shop(at, &delivered);
    let ran = run(at, "", &[DOCUMENTS]);
    assert_eq!((ran.valid, ran.eligible), (17, 20), "{}", ran.said);
    assert!(!ran.said.contains("includedData"), "{}", ran.said);
    let later = |status: &str, list: &str| {
        let one = |order: usize| document(order, "2025-05-25T00:00:00Z", status, None).replace(r#"AT"}}"#, list);
        put(at, "orders/2025-05-25.json", documents((10..13).map(one)));
    };
    for list in [r#"AT"}}"#, r#"AT"}},"packages":[]"#] {
        later("SHIPPED", list);
        let ran = run(at, "", &[DOCUMENTS]);
        assert_eq!((ran.valid, ran.eligible), (17, 20), "{}", ran.said);
        assert!(ran.said.contains("3 shipped orders have no packages in their newest document"), "{}", ran.said);
    }
    // What the newest document says of the order holds.
    later("CANCELLED", r#"AT"}}"#);
    let ran = run(at, "", &[DOCUMENTS]);
    assert_eq!((ran.valid, ran.eligible), (17, 17), "{}", ran.said);
    assert!(!ran.said.contains("includedData"), "{}", ran.said);
    fs::remove_file(at.join("orders/2025-05-25.json")).unwrap();
    shop(at, &|order| delivered(order).filter(|_| order >= 13));
    let ran = run(at, "", &[DOCUMENTS]);
    assert!(ran.said.contains("3 orders are shipped by their newest document"), "{}", ran.said);
}

#[test]
fn the_newest_row_of_an_order_is_the_one_updated_last() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    shop(at, &delivered);
    let headings = "amazon-order-id\tmerchant-order-id\tpurchase-date\tlast-updated-date\torder-status\tsales-channel\tsku\titem-status\tquantity\tcurrency\titem-price\n";
    let pull = |name: &str, orders: std::ops::Range<usize>, updated: &str, status: &str| {
        let row = |order: usize| {
            // The lines of one pull need not have been updated together.
            [(updated, "A"), ("2025-05-04T10:00:00+00:00", "B")].map(|(updated, sku)| {
                format!(
                    "{}\t\t2025-05-04T10:00:00+00:00\t{updated}\t{status}\tAmazon.de\t{sku}\t{status}\t1\tEUR\t10.00\n",
                    id(order)
                )
            })
        };
        put(at, name, headings.to_owned() + &orders.flat_map(row).collect::<String>());
    };
    let side = "[[input]]\nkind = \"amazon.all_orders\"\npath = \"all/*.txt\"\ndecimal = \".\"\nconstants = { seller_id = \"A1SELLERAA\" }\n";
    pull("all/orders_9.txt", 10..30, "2025-05-06T10:00:00+00:00", "Shipped");
    pull("all/orders_10.txt", 10..15, "2025-05-12T10:00:00+00:00", "Cancelled");
    let ran = run(at, "", &[CONFIRMED, side, EVENTS]);
    assert_eq!((ran.valid, ran.eligible), (15, 15), "{}", ran.said);
    assert!(!ran.said.contains("stand differently"), "{}", ran.said);
    let value = |row: &Row| row["package_value"].as_deref().is_some_and(|cell| cell.starts_with("20"));
    assert!(ran.packages.iter().all(value), "{:?}", ran.packages[0]);
    // Names decide what was updated at the same time.
    pull("all/orders_10.txt", 10..15, "2025-05-06T10:00:00+00:00", "Cancelled");
    let ran = run(at, "", &[CONFIRMED, side, EVENTS]);
    assert!(ran.said.contains("5 orders stand differently in two files that only their names order"), "{}", ran.said);
}

#[test]
fn names_that_count_are_said_where_they_decide() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    shop(at, &delivered);
    let wrong = (10..30).map(|order| confirmed(order, &number(if order < 15 { order + 50 } else { order })));
    put(at, "confirm/c_9.txt", CONFIRM.to_owned() + &wrong.collect::<String>());
    fs::remove_file(at.join("confirm/c.txt")).unwrap();
    put(at, "confirm/c_10.txt", CONFIRM.to_owned() + &(10..15).map(|o| confirmed(o, &number(o))).collect::<String>());
    let loose = "[limits]\nevents_cover = \"0%\"\n";
    let ran = run(at, "", &[CONFIRMED, EVENTS, loose]);
    assert_eq!((ran.valid, ran.eligible), (15, 20), "{}", ran.said);
    assert!(ran.said.contains("5 orders stand differently in two files that only their names order"), "{}", ran.said);
    assert!(ran.said.contains("c_10.txt and ") && ran.said.contains("c_9.txt: the second counts"), "{}", ran.said);
    // The remedy does what it says, and a repeated upload is no doubt.
    fs::rename(at.join("confirm/c_9.txt"), at.join("confirm/c_09.txt")).unwrap();
    let ran = run(at, "", &[CONFIRMED, EVENTS, loose]);
    assert_eq!((ran.valid, ran.eligible), (20, 20), "{}", ran.said);
    assert!(!ran.said.contains("stand differently"), "{}", ran.said);
    fs::copy(at.join("confirm/c_10.txt"), at.join("confirm/c_9.txt")).unwrap();
    fs::remove_file(at.join("confirm/c_09.txt")).unwrap();
    let ran = run(at, "", &[CONFIRMED, EVENTS, loose]);
    assert!(!ran.said.contains("stand differently"), "{}", ran.said);
}
