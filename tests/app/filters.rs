//! Tests of the filters of lists: an unknown value is an error, and never an empty list.

use crate::support::{root, text, vtr_in};
use std::path::Path;

const CSV: &str = "seller_id,marketplace,order_id,carrier,tracking_number,promised_delivery_at,first_scan_at\n\
    A1,DE,305-1,DHL Paket,00340434161094022115,2025-06-05,2025-06-03T10:00:00Z\n\
    A2,UK,305-2,DPD,N/A,2025-06-05,\n\
    \"A3,4\",DE,305-3,Hermes,N/A,2025-06-05,\n\
    A5,Non-Amazon,305-4,DPD,N/A,2025-06-05,\n";

fn world() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("in.csv"), CSV).unwrap();
    let job = "name = \"f\"\nas_of = \"2025-06-30\"\n[[input]]\npath = \"in.csv\"\n[output]\npath = \"out\"\n";
    std::fs::write(folder.path().join("job.toml"), job).unwrap();
    assert!(vtr_in(folder.path(), &["run", "job.toml", "-q"]).status.success());
    folder
}

/// Exit code, the orders listed, and the text on stderr.
fn listed(at: &Path, filters: &[&str]) -> (i32, Vec<String>, String) {
    let output = vtr_in(at, &[&["defects", "out", "--format", "csv"], filters].concat());
    let list = text(&output.stdout);
    let orders = list.lines().skip(1).filter_map(|line| Some(line[line.find("305-")?..].split(',').next()?.to_owned()));
    (output.status.code().unwrap(), orders.collect(), text(&output.stderr))
}

#[test]
fn values_are_taken_in_any_form_that_jobs_accept_and_in_lists() {
    let world = world();
    for (filters, want) in [
        (["--marketplace", "Amazon.co.uk"], vec!["305-2"]),
        (["--marketplace", "uk"], vec!["305-2"]),
        (["--marketplace", "A1PA6795UKMFR9"], vec!["305-3"]),
        (["--marketplace", "A1F83G8C2ARO7P, Amazon.de"], vec!["305-3", "305-2"]),
        (["--carrier", "dpd"], vec!["305-2"]),
        (["--carrier", "Hermes"], vec!["305-3"]),
        (["--carrier", "DPD (UK),hermes_de"], vec!["305-3", "305-2"]),
        (["--seller", "A2"], vec!["305-2"]),
        (["--seller", "A3,4"], vec!["305-3"]),
        (["--seller", "A1, A2"], vec!["305-2"]),
        (["--reason", "tracking_placeholder,scan_missing"], vec!["305-3", "305-2"]),
    ] {
        let (code, mut orders, said) = listed(world.path(), &filters);
        let mut want: Vec<String> = want.into_iter().map(String::from).collect();
        orders.sort();
        want.sort();
        assert_eq!((code, orders), (0, want), "{filters:?}: {said}");
    }
}

#[test]
fn a_value_that_nobody_knows_is_an_error_and_the_nearest_is_named() {
    let world = world();
    for (filters, want) in [
        (["--seller", "A22"], "`A22` is in no published table; did you mean `A2`?"),
        (["--seller", "a2"], "`a2` is in no published table; did you mean `A2`?"),
        (["--seller", "A2,B7"], "`B7` is in no published table"),
        (["--marketplace", "Amazon.dee"], "`Amazon.dee` is in no published table, nor in the book; did you mean `"),
        (["--carrier", "Evvri"], "did you mean `evri`?"),
        (["--carrier", ","], "no value is given"),
    ] {
        let (code, orders, said) = listed(world.path(), &filters);
        assert!(code == 2 && orders.is_empty() && said.contains(want), "{filters:?}: {code} {said}");
    }
    let health = vtr_in(world.path(), &["health", "out", "--seller", "A22"]);
    assert_eq!(health.status.code(), Some(2), "{}", text(&health.stderr));
    assert!(text(&health.stderr).contains("did you mean `A2`?"));
    assert!(vtr_in(world.path(), &["health", "out", "--marketplace", "Amazon.de"]).status.success());
}

#[test]
fn no_defects_says_among_how_many_packages() {
    let world = world();
    for (filters, want) in [
        (vec!["--seller", "A1"], "no defects among 1 package\n"),
        (vec!["--seller", "A2", "--reason", "scan_missing"], "no defects with scan_missing among 1 package\n"),
        (vec!["--marketplace", "JP"], "no defects: no package was judged there\n"),
        (vec!["--seller", "A5"], "no defects: none of 1 package counts for a rate\n"),
        (vec!["--from", "2025-W30"], "no defects: no package was judged there\n"),
    ] {
        let (code, orders, said) = listed(world.path(), &filters);
        assert_eq!((code, orders.len(), said.as_str()), (0, 0, want), "{filters:?}");
    }
}

/// A folder with an output that is judged by a book of its own: latencies of 25 days in Germany, a store in Greece, and
/// a carrier there.
fn own_book(tables: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (book, at) = (root().join("src/kernel/book"), folder.path());
    for name in ["own/policies", "own/carriers"] {
        std::fs::create_dir_all(at.join(name)).unwrap();
    }
    let policy = |name: &str| std::fs::read_to_string(book.join("policies").join(name)).unwrap();
    let german = policy("de.toml").replace("latency_days = 14", "latency_days = 25");
    std::fs::write(at.join("own/policies/de.toml"), german).unwrap();
    let dutch = policy("nl.toml");
    let whole = &dutch[..dutch.find("[[version.lane]]\nid = \"nl-cross").unwrap()];
    let greek = whole.replace("\"NL\"", "\"GR\"").replace("Amazon.nl", "Amazon.gr").replace("amazon.nl", "amazon.gr");
    let greek = greek.replace("A1805IZSGTT6HS", "A1GREECEGREECE").replace("Europe/Amsterdam", "Europe/Athens");
    let greek = greek.replace("nl-", "gr-").replace("eu = [\"GB\", ", "eu = [\"GB\", \"NL\", ");
    std::fs::write(at.join("own/policies/gr.toml"), greek).unwrap();
    let carrier = "id = \"hellas\"\nname = \"Hellas Post\"\naliases = [\"Hellas\"]\nclosed = false\n\
        source = [{ title = \"x\", url = \"https://x.gr\" }]\n";
    std::fs::write(at.join("own/carriers/hellas.toml"), carrier).unwrap();
    let mut rows = String::from(
        "seller_id,marketplace,order_id,carrier,tracking_number,promised_delivery_at,shipped_at,first_scan_at\n",
    );
    for order in 0..40 {
        let day = 4 + order % 4;
        rows += &format!("A1,DE,D-{order},DHL,00340434161094022115,2025-06-0{day},2025-06-01T10:00:00Z,\n");
        rows += &format!("A1,GR,G-{order},Hellas,HP12345678{order},2025-06-0{day},2025-06-01T10:00:00Z,\n");
    }
    std::fs::write(at.join("in.csv"), rows).unwrap();
    let job = "name = \"f\"\nas_of = \"2025-06-28\"\nbook = [\"embedded\", \"own\"]\n[[input]]\npath = \"in.csv\"\n[output]\n";
    std::fs::write(at.join("job.toml"), format!("{job}path = \"out\"\n{tables}\n")).unwrap();
    let ran = vtr_in(at, &["run", "job.toml", "-q"]);
    assert!(ran.status.success(), "{}", text(&ran.stderr));
    folder
}

#[test]
fn verbs_see_an_output_by_the_book_that_judged_it() {
    let world = own_book("");
    let at = world.path();
    let run = |args: &[&str]| {
        let ended = vtr_in(at, args);
        (ended.status.code().unwrap(), text(&ended.stdout), text(&ended.stderr))
    };
    // By the program's own book all of these figures would be final for days.
    let (code, list, said) = run(&["worklist", "out", "--today", "2025-06-28", "--marketplace", "DE"]);
    assert!(code == 0 && list.contains("40 packages") && !list.contains("Nothing"), "{list}{said}");
    let (code, list, said) = run(&["health", "out", "--today", "2025-06-28"]);
    assert!(
        code == 0 && list.contains("Not yet assessed: A1, Amazon.de") && !said.contains("another book"),
        "{list}{said}"
    );
    for args in [
        &["worklist", "out", "--marketplace", "GR"][..],
        &["worklist", "out", "--marketplace", "amazon.gr"],
        &["health", "out", "--marketplace", "Amazon.gr"],
        &["report", "out", "--marketplace", "GR"],
        &["report", "out", "--appeal", "A1", "GR"],
        &["defects", "out", "--marketplace", "gr"],
        &["defects", "out", "--carrier", "Hellas Post"],
        &["defects", "out", "--carrier", "hellas"],
        &["worklist", "out", "--marketplace", "Amazon.de"],
    ] {
        let (code, list, said) = run(args);
        assert!(code == 0 && !list.is_empty() && !said.contains("another book"), "{args:?}: {code} {said}");
    }
    let (code, _, said) = run(&["worklist", "out", "--marketplace", "Atlantis"]);
    assert!(code == 2 && said.contains("GR"), "{said}");
}

#[test]
fn an_output_that_lacks_the_windows_of_its_book_is_read_with_a_warning() {
    let world = own_book("tables = [\"vtr_weekly\", \"account_health\", \"defects\"]");
    for verb in ["worklist", "health", "defects", "report"] {
        let ended = vtr_in(world.path(), &[verb, "out"]);
        let said = text(&ended.stderr);
        assert!(ended.status.success() && said.contains("judged by another book"), "{verb}: {said}");
        assert!(said.contains("dim_marketplace") && !text(&ended.stdout).contains("Nothing to do:"), "{verb}: {said}");
    }
}
