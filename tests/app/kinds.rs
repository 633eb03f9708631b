//! Tests of the kinds of files, and of a first job for a folder of exports.

use crate::support::{root, text, vtr_in};
use std::fs;
use std::path::Path;

fn headings(name: &str) -> Vec<u8> {
    let mut bytes = fs::read(root().join("tests/data/report_headers").join(name)).unwrap();
    if !bytes.ends_with(b"\n") {
        bytes.extend(b"\n");
    }
    bytes
}

fn put(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// A seller's exports.
fn exports() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    for seller in ["A1BRIGHTONTOYS", "A1QUICKPICKDE0"] {
        let file = [&headings("ship_confirm_feed__classic.tsv")[..], b"O-1\t\t\t2025-03-01\tUPS\t\t1Z\t\n"].concat();
        put(at, &format!("raw/confirm/{seller}_GB_2025-03-01T101500Z.txt"), file);
    }
    let cells = headings("order_report__with_ship_windows.tsv").split(|byte| *byte == b'\t').count();
    let row = vec!["\u{e9}"; cells].join("\t") + "\n";
    let latin: Vec<u8> = row.chars().map(|sign| sign as u8).collect();
    put(at, "raw/orders/A1BRIGHTONTOYS.txt", [headings("order_report__with_ship_windows.tsv"), latin].concat());
    put(at, "raw/jp/A1HOBBYTOKYO00.txt", headings("ship_confirm_feed__jp_shift_jis.txt"));
    put(at, "raw/jp/A1HOBBYTOKYO00.copy.txt", headings("ship_confirm_feed__jp_utf8_copy.txt"));
    let event =
        r#"{"tracking_number":"1Z","slug":"ups","checkpoints":[{"checkpoint_time":"2025-03-02","tag":"InTransit"}]}"#;
    put(at, "raw/tracking/all.jsonl", format!("{event}\n{event}\n"));
    let order = r#"{"orderId":"1","lastUpdatedTime":"","salesChannel":{},"fulfillment":{}}"#;
    put(at, "raw/orders_api/A1EVERGREENUSA_2025-02.json", order);
    put(at, "raw/categories.csv", "sku,product_category\nS,Toys\n");
    put(at, "raw/notes.txt", "call the carrier\n");
    folder
}

#[test]
fn a_job_is_written_for_a_folder_and_never_over_another() {
    let folder = exports();
    let made = vtr_in(folder.path(), &["job", "init", "raw", "--name", "shop"]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    assert!(text(&made.stderr).contains("left out: raw/notes.txt: is of no known kind"), "{}", text(&made.stderr));
    let job = fs::read_to_string(folder.path().join("job.toml")).unwrap();
    let has = [
        "name = \"shop\"",
        "kind = \"amazon.ship_confirm\"\npath = \"raw/confirm/*.txt\"",
        "pattern = '/(?<seller_id>A[0-9A-Z]{9,20})_(?<marketplace>[A-Z]{2})_(?<written_at>[0-9-]{10}T[0-9]{6}Z)\\.'",
        "there is one file so far.\npath = \"raw/orders/*.txt\"\ncsv = { encoding = \"windows-1252\" }",
        "path = \"raw/jp/A1HOBBYTOKYO00.txt\"\n[input.from_path]",
        "path = \"raw/jp/A1HOBBYTOKYO00.copy.txt\"\ncsv = { encoding = \"utf-8\" }",
        "path = \"raw/orders_api/*.json\"\n[input.from_path]\npattern = '/(?<seller_id>A[0-9A-Z]{9,20})_'",
        "# Only this file is read: give later ones a pattern (*), or a list, here.\npath = \"raw/tracking/all.jsonl\"",
        "path = \"raw/categories.csv\"",
        "path = \"out/shop\"",
    ];
    for part in has {
        assert!(job.contains(part), "{part}\n{job}");
    }
    assert!(!job.contains("[input.constants]") && !job.contains("# No file"), "{job}");
    let again = vtr_in(folder.path(), &["job", "init", "raw"]);
    assert_eq!(again.status.code(), Some(2), "{}", text(&again.stderr));
    assert_eq!(fs::read_to_string(folder.path().join("job.toml")).unwrap(), job);
}

#[test]
fn what_a_folder_lacks_stands_in_the_job() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "confirm.txt", headings("ship_confirm_feed__sp_api_docs.tsv"));
    let made = vtr_in(folder.path(), &["job", "init", "confirm.txt", "-o", "-"]);
    let job = text(&made.stdout);
    for part in [
        "[input.constants]\n# seller_id = \"...\"\n# marketplace = \"...\"",
        "which delivery was promised",
        "what carriers scanned",
    ] {
        assert!(job.contains(part), "{part}\n{job}");
    }
    put(folder.path(), "notes.csv", "a,b\n1,2\n");
    let nothing = vtr_in(folder.path(), &["job", "init", "notes.csv", "-o", "x.toml"]);
    assert_eq!(nothing.status.code(), Some(3), "{}", text(&nothing.stderr));
    assert!(!folder.path().join("x.toml").exists());
}

/// Facts that no file has are left to a person: a run refuses the job until they are written.
#[test]
fn a_first_job_invents_neither_seller_nor_marketplace() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let sent = b"O-1\t\t\t2025-03-01\tUPS\t\t1Z\t\n";
    put(at, "raw/confirm.txt", [&headings("ship_confirm_feed__classic.tsv")[..], sent].concat());
    let init = || {
        let _ = fs::remove_file(at.join("job.toml"));
        let made = vtr_in(at, &["job", "init", "raw"]);
        assert!(made.status.success(), "{}", text(&made.stderr));
        (text(&made.stdout), fs::read_to_string(at.join("job.toml")).unwrap())
    };
    let run = || {
        let run = vtr_in(at, &["run", "job.toml"]);
        (run.status.code(), text(&run.stderr))
    };
    let fill = |job: &str, name: &str, value: &str| {
        let filled = job.replace(&format!("# {name} = \"...\""), &format!("{name} = \"{value}\""));
        assert_ne!(filled, job);
        fs::write(at.join("job.toml"), &filled).unwrap();
        filled
    };
    let (said, job) = init();
    assert!(said.contains("write marketplace and seller_id into it"), "{said}");
    let (code, refused) = run();
    assert!(code == Some(2) && refused.contains("says `seller_id`; give it by"), "{code:?}: {refused}");
    let job = fill(&job, "seller_id", "S1");
    let (code, refused) = run();
    assert!(code == Some(2) && refused.contains("say `marketplace`; give it by"), "{code:?}: {refused}");
    fill(&job, "marketplace", "DE");
    let (code, told) = run();
    assert_eq!(code, Some(0), "{told}");

    // The orders lend the marketplace, if they know it.
    let heads = headings("order_report__with_ship_windows.tsv");
    let names = String::from_utf8(heads.clone()).unwrap();
    let report = |store: &str| {
        let cell = |name: &str| match name.trim() {
            "order-id" => "O-1".to_owned(),
            "sales-channel" => store.to_owned(),
            _ => String::new(),
        };
        let row = names.trim_end().split('\t').map(cell).collect::<Vec<_>>().join("\t");
        put(at, "raw/orders.txt", [&heads[..], row.as_bytes(), b"\n"].concat());
    };
    report("");
    assert!(init().1.contains("# marketplace = "), "no order says it");
    report("Amazon.de");
    let (_, job) = init();
    assert!(job.contains("# The marketplace is that of the order") && !job.contains("# marketplace = "), "{job}");
    fill(&job, "seller_id", "S1");
    let (code, told) = run();
    assert_eq!(code, Some(0), "{told}");
    let published = text(&vtr_in(at, &["defects", "out/mine", "--format", "csv"]).stdout);
    assert!(published.contains(",DE,"), "{published}");
}

#[test]
fn a_look_names_kind_form_and_fields_that_are_mostly_empty() {
    let folder = exports();
    let both = ["inspect", "raw/orders/A1BRIGHTONTOYS.txt", "raw/tracking/all.jsonl"];
    let look = text(&vtr_in(folder.path(), &both).stdout);
    for part in [
        "amazon.order_report (orders, form ship_windows)",
        "csv = { encoding = \"windows-1252\" }",
        "all.jsonl: JSON",
        "aftership (events)",
        "2 as aftership, 0 that cannot be read",
        "substatus: in more than 90 % of the records",
    ] {
        assert!(look.contains(part), "{part}\n{look}");
    }
    let json = vtr_in(folder.path(), &["inspect", "raw/tracking/all.jsonl", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["kinds"][0]["kind"], "aftership");
    assert_eq!(json["fills"]["records"], 2);
}

/// Confirmations of packages that were delivered long before the stamp in the name of their file, and their events.
fn exported_later(at: &Path) {
    let mut sent = headings("ship_confirm_feed__classic.tsv");
    let mut events = "tracking_number,carrier,occurred_at,status\n".to_owned();
    for order in 10..24 {
        let number = format!("JJD0003900078401{order}");
        sent.extend(format!("O-{order}\t\t\t2025-03-03\tDHL\t\t{number}\t\n").bytes());
        events +=
            &format!("{number},DHL,2025-03-04T09:00:00Z,in_transit\n{number},DHL,2025-03-05T09:00:00Z,delivered\n");
    }
    put(at, "raw/A1BRIGHTONTOYS_DE_2025-04-01T101500Z.txt", sent);
    put(at, "raw/events.csv", events);
}

#[test]
fn a_stamp_that_dates_numbers_after_delivery_is_explained_and_doubted() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    exported_later(at);
    let made = vtr_in(at, &["job", "init", "raw"]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let job = fs::read_to_string(at.join("job.toml")).unwrap();
    assert!(job.contains("# written_at: the stamp in a file's name counts as the time of its upload"), "{job}");
    let run = |full: &str| {
        let run = vtr_in(at, &["run", "job.toml", full]);
        assert!(run.status.success(), "{}", text(&run.stderr));
        text(&run.stderr)
    };
    let said = run("--full");
    assert!(said.contains("14 of 14 packages that count have a number that was given after delivery"), "{said}");
    fs::write(at.join("job.toml"), job.replace("(?<written_at>[0-9-]{10}T[0-9]{6}Z)", "[^/_.]*")).unwrap();
    let said = run("--full");
    assert!(said.contains("14 valid + 0 defect") && !said.contains("after delivery"), "{said}");
}

#[test]
fn a_first_job_passes_over_what_this_program_published() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    exported_later(at);
    for name in ["first.toml", "second.toml"] {
        let made = vtr_in(at, &["job", "init", ".", "-o", name]);
        let said = text(&made.stderr);
        assert!(made.status.success(), "{said}");
        let (published, others): (Vec<&str>, Vec<&str>) =
            said.lines().partition(|line| line.contains("that this program published"));
        assert_eq!(published.len(), usize::from(name == "second.toml"), "{said}");
        assert!(!others.iter().any(|line| line.contains("out/")), "{said}");
        let run = vtr_in(at, &["run", name]);
        assert!(run.status.success(), "{}", text(&run.stderr));
    }
    assert_eq!(fs::read(at.join("first.toml")).unwrap(), fs::read(at.join("second.toml")).unwrap());
}

#[test]
fn the_block_of_a_look_keeps_every_column_in_a_joined_job() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    exported_later(at);
    let mut sent = "seller_id,marketplace,Order Number,Carrier,tracking_number,shipped_at\n".to_owned();
    for order in 10..24 {
        sent += &format!("S1,DE,O-{order},DHL,JJD0003900078401{order},2025-03-03\n");
    }
    put(at, "shipments.csv", sent);
    let look = text(&vtr_in(at, &["inspect", "shipments.csv"]).stdout);
    let block = look.split("    [[input]]\n").nth(1).unwrap().split("\n    [output]").next().unwrap();
    let block = block.replace("\n    ", "\n");
    for line in ["carrier = \"Carrier\"", "seller_id = \"seller_id\"", "tracking_number = \"tracking_number\""] {
        assert!(block.contains(line), "{line}\n{look}");
    }
    let job = format!(
        "name = \"both\"\n[[input]]\n{}\n[[input]]\nkind = \"vtr.events\"\npath = \"raw/events.csv\"\n[output]\npath = \"out\"\n",
        block.trim_start()
    );
    put(at, "job.toml", &job);
    let run = vtr_in(at, &["run", "job.toml"]);
    let said = text(&run.stderr);
    assert!(run.status.success() && !said.contains("carrier is absent"), "{said}\n{job}");
    assert!(said.contains("14 valid + 0 defect"), "{said}");
}
