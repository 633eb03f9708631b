//! Tests of bad files, which are named, skipped, or tried in a process of their own, and of `inspect`.

use crate::support::{cell, fails, ok, table, text, vtr, vtr_in};
use arrow::array::{ArrayRef, RecordBatch, StringArray};
use flate2::{Compression, write::GzEncoder};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression as Codec, ZstdLevel};
use parquet::file::properties::WriterProperties;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

const HEADINGS: &str = "seller_id,marketplace,order_id,carrier,tracking_number,promised_delivery_at\n";

fn row(order: &str) -> String {
    format!("A1,DE,{order},DHL,00340434161094022115,2025-06-05\n")
}

fn packed(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// A folder with a good file, two files that are truncated after their headings and one without headings.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, content: &[u8]| fs::write(folder.path().join(name), content).unwrap();
    put("good.csv", format!("{HEADINGS}{}", row("1")).as_bytes());
    let rows: String = (0..2_000).map(|order| row(&format!("{}", order * 7_919))).collect();
    for name in ["cut-a.csv.gz", "cut-b.csv.gz"] {
        let whole = packed(&format!("{HEADINGS}{rows}"));
        put(name, &whole[..whole.len() - 9]);
    }
    folder
}

fn job(folder: &Path, paths: &str, input: &str, limits: &str) -> String {
    let text = format!(
        "name = \"test\"\nas_of = \"2025-06-30\"\n[[input]]\npath = {paths}\n{input}\n[output]\npath = \"out\"\n[limits]\n{limits}\n"
    );
    let path = folder.join("job.toml");
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[test]
fn every_bad_file_is_named_and_nothing_published() {
    let folder = folder();
    let job = job(folder.path(), "\"*.{csv,gz}\"", "", "");
    let said = fails(3, &["run", &job, "--quiet"]);
    assert!(
        said.contains("2 input files refused") && said.contains("cut-a.csv.gz: ") && said.contains("cut-b.csv.gz: "),
        "{said}"
    );
    assert!(!folder.path().join("out/current").exists());
}

#[test]
fn a_file_left_out_counts_nothing_and_is_warned_of() {
    let folder = folder();
    fs::write(folder.path().join("empty.csv"), "").unwrap();
    let skipping = job(folder.path(), "\"*.{csv,gz}\"", "on_bad_file = \"skip\"", "");
    let report: serde_json::Value = serde_json::from_str(&ok(&["run", &skipping, "--quiet", "--json"])).unwrap();
    assert_eq!((report["counts"]["read"].as_u64(), report["files"].as_u64()), (Some(1), Some(1)));
    let warnings = report["warnings"].to_string();
    for name in ["cut-a.csv.gz", "cut-b.csv.gz", "empty.csv"] {
        assert!(warnings.contains(&format!("left out, on_bad_file = \\\"skip\\\": {name}")), "{name}: {warnings}");
    }
    let files = table(&folder.path().join("out"), "input_files");
    assert_eq!(files.iter().map(|row| cell(row, "file")).collect::<Vec<_>>(), ["good.csv"]);
    let log = fs::read_to_string(folder.path().join("out/_log/00000000000000000001.json")).unwrap();
    assert!(log.contains("left out") && log.contains("cut-a.csv.gz"), "the manifest says it too");
    let explain = |order: &str| vtr(&["explain", &skipping, "--seller", "A1", "--order", order]);
    let told = explain("1");
    let warned = text(&told.stderr);
    assert!(told.status.success() && text(&told.stdout).contains("good.csv, record 1"), "{warned}");
    for name in ["cut-a.csv.gz", "cut-b.csv.gz", "empty.csv"] {
        assert!(warned.contains(&format!("left out, on_bad_file = \"skip\": {name}")), "{name}: {warned}");
    }
    let told = explain("7919");
    assert!(told.status.code() == Some(3) && text(&told.stderr).contains("cut-a.csv.gz"), "it stands in these alone");
    assert!(
        fails(3, &["run", &job(folder.path(), "\"cut-*\"", "on_bad_file = \"skip\"", ""), "--quiet", "--full"])
            .contains("every input file")
    );
}

/// A Parquet file whose order ids take 180 MB in one page, and next to nothing on disk.
fn wide_page() -> Vec<u8> {
    let rows = 3_000;
    let column = |text: &str| Arc::new(StringArray::from(vec![text; rows])) as ArrayRef;
    let batch = RecordBatch::try_from_iter([
        ("seller_id", column("A1")),
        ("marketplace", column("DE")),
        ("order_id", column(&"x".repeat(60_000))),
        ("promised_delivery_at", column("2025-06-05")),
    ])
    .unwrap();
    let properties = WriterProperties::builder()
        .set_dictionary_enabled(false)
        .set_compression(Codec::ZSTD(ZstdLevel::try_new(1).unwrap()))
        .set_data_page_size_limit(1 << 30)
        .set_write_batch_size(rows)
        .build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

#[test]
fn a_file_that_takes_the_decoder_s_memory_ends_its_process_and_not_the_run() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("wide.parquet"), wide_page()).unwrap();
    fs::write(folder.path().join("good.csv"), format!("{HEADINGS}{}", row("1"))).unwrap();
    let small = "max_isolated_bytes = \"200 MiB\"\nmax_inflated_ratio = 1000000\nmax_page_bytes = \"256 MiB\"";
    let paths = "[\"wide.parquet\", \"good.csv\"]";
    let strict = job(folder.path(), paths, "isolate = true", small);
    let said = fails(3, &["run", &strict, "--quiet"]);
    assert!(said.contains("wide.parquet: ended the process that tried it with signal"), "{said}");
    assert!(said.contains("max_isolated_bytes") && !said.contains("good.csv"), "{said}");
    // With enough memory it is an ordinary file.
    let roomy = small.replace("200 MiB", "2 GiB");
    ok(&[
        "run",
        &job(folder.path(), "\"wide.parquet\"", "isolate = true\nallow_absent = [\"tracking_number\"]", &roomy),
        "--quiet",
        "--out",
        &folder.path().join("roomy").display().to_string(),
    ]);
    let skipping = job(folder.path(), paths, "isolate = true\non_bad_file = \"skip\"", small);
    ok(&["run", &skipping, "--quiet"]);
    let files = table(&folder.path().join("out"), "input_files");
    assert_eq!(files.iter().map(|row| cell(row, "file")).collect::<Vec<_>>(), ["good.csv"]);
}

#[test]
fn an_isolated_file_is_refused_for_the_reason_that_its_process_found() {
    let folder = folder();
    let said = fails(
        3,
        &["run", &job(folder.path(), "[\"cut-a.csv.gz\", \"cut-b.csv.gz\"]", "isolate = true", ""), "--quiet"],
    );
    assert!(said.contains("2 of 2 input files refused") && said.contains("cut-b.csv.gz: the gzip data"), "{said}");
    ok(&["run", &job(folder.path(), "\"good.csv\"", "isolate = true", ""), "--quiet"]);
}

#[test]
fn inspect_proposes_a_job_that_runs() {
    let folder = tempfile::tempdir().unwrap();
    let lines = "Order ID;Carrier Name;Tracking ID;latest-delivery-date;buyer-name\n1;DHL;00340434161094022115;05.06.2025;Jane Doe\n2;DHL;9.2E+21;06.06.2025;Jo Roe\n";
    fs::write(folder.path().join("export.csv"), lines).unwrap();
    let run = |args: &[&str]| {
        let output = vtr_in(folder.path(), args);
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let (code, said, _) = run(&["inspect", "export.csv"]);
    assert!(code == Some(0) && said.contains("so it is read with \";\": a job needs `delimiter = \";\"`"), "{said}");
    let (code, said, _) = run(&["inspect", "export.csv", "--delimiter", "|"]);
    assert!(code == Some(0) && said.contains("look again with --delimiter \";\""), "{said}");
    let (code, said, _) = run(&["inspect", "export.csv", "--delimiter", ";"]);
    assert!(
        code == Some(0) && said.contains("buyer-name") && !said.contains("Jane") && said.contains("9.2E+21"),
        "{said}"
    );
    let job = said
        .split_once("A job:")
        .unwrap()
        .1
        .replace("# seller_id = \"...\"", "seller_id = \"A1\"")
        .replace("# marketplace = ", "marketplace = ")
        .replace("name = \"mine\"", "name = \"mine\"\nas_of = \"2025-06-30\"");
    fs::write(folder.path().join("job.toml"), job).unwrap();
    let (code, _, said) = run(&["run", "job.toml", "--quiet", "--json"]);
    assert!(code == Some(4) && said.contains("max_damaged"), "one number of two is damaged: {said}");
    let (code, report, said) = run(&["run", "job.toml", "--quiet", "--json", "--set", "limits.max_damaged=50%"]);
    assert_eq!(code, Some(0), "{said}");
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!((report["counts"]["read"].as_u64(), report["counts"]["rejected"].as_u64()), (Some(2), Some(0)));
    assert!(
        report["warnings"].to_string().contains("`tracking_number`: 1 value is a number such as 9.2E+21"),
        "{report}"
    );
    let (code, _, said) = run(&["inspect", "export.csv", "--delimiter", "::"]);
    assert!(code == Some(2) && said.contains("--delimiter"), "{said}");
    let (code, json, _) = run(&["inspect", "export.csv", "--delimiter", ";", "--json", "--show-values"]);
    let look: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert!(code == Some(0) && look["columns"][4]["examples"][0] == "Jane Doe", "{json}");
    fs::write(folder.path().join("bad.csv"), "a,b\n1,\"x\n").unwrap();
    let (code, said, why) = run(&["inspect", "bad.csv"]);
    assert!(
        code == Some(3) && said.contains("never closed") && why.contains("bad.csv: 1 of 2 records cannot be cut"),
        "{said}{why}"
    );
}

#[test]
fn orders_that_a_spreadsheet_wrapped_are_found_as_the_tables_show_them() {
    let folder = tempfile::tempdir().unwrap();
    let heads = "seller_id,marketplace,order_id,carrier,tracking_number,promised_delivery_at,first_scan_at\n";
    let rows = "'A1,DE,=\"305-7\",DHL Paket,00340434161094022115,2025-05-20,\n\
                \u{200b}A1,DE,3057.0,DHL Paket,00340434161094022115,2025-05-20,\n";
    std::fs::write(folder.path().join("rows.csv"), format!("{heads}{rows}")).unwrap();
    let job = "name = \"wrapped\"\nas_of = \"2025-05-31\"\n[[input]]\npath = \"rows.csv\"\n[input.csv]\nquote = \"\"\n[output]\npath = \"out\"\n";
    std::fs::write(folder.path().join("job.toml"), job).unwrap();
    let ran = vtr_in(folder.path(), &["run", "job.toml", "--quiet"]);
    assert!(ran.status.success(), "{}", text(&ran.stderr));
    let defects = table(&folder.path().join("out"), "defects");
    let shown: Vec<(&str, &str)> = defects.iter().map(|row| (cell(row, "seller_id"), cell(row, "order_id"))).collect();
    assert_eq!(shown, [("A1", "305-7"), ("A1", "3057")]);
    for (seller, order) in
        [("A1", "305-7"), ("'A1", "=\"305-7\""), (" A1 ", " 305-7 "), ("A1", "3057"), ("A1", "3057.0")]
    {
        let told = vtr_in(folder.path(), &["explain", "job.toml", "--seller", seller, "--order", order]);
        assert!(told.status.success(), "{seller} {order}: {}", text(&told.stderr));
        assert!(text(&told.stdout).starts_with("Seller A1, order 305"), "{}", text(&told.stdout));
    }
    let other = vtr_in(folder.path(), &["explain", "job.toml", "--seller", "A1", "--order", "305-8"]);
    assert_eq!(other.status.code(), Some(3));
}

/// Runs `rows` of scanned packages and returns stderr.
fn warned(rows: &str, extra: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let heads =
        "seller_id,marketplace,order_id,carrier,tracking_number,package_value,promised_delivery_at,first_scan_at\n";
    std::fs::write(folder.path().join("rows.csv"), format!("{heads}{rows}")).unwrap();
    let job = format!("name = \"w\"\n{extra}\n[[input]]\npath = \"rows.csv\"\n[output]\npath = \"out\"\n");
    std::fs::write(folder.path().join("job.toml"), job).unwrap();
    let ran = vtr_in(folder.path(), &["run", "job.toml"]);
    assert!(ran.status.success(), "{}", text(&ran.stderr));
    for filter in [["--seller", "a1"], ["--seller", "NOPE"], ["--category", "Nonsense"], ["--marketplace", "NL"]] {
        let args = [&["worklist", "out"][..], &filter].concat();
        assert_eq!(vtr_in(folder.path(), &args).status.code(), Some(2), "{args:?}");
        if filter[0] != "--category" {
            let args = [&["report", "out", "-o", "page.html"][..], &filter].concat();
            assert_eq!(vtr_in(folder.path(), &args).status.code(), Some(2), "{args:?}");
        }
    }
    text(&ran.stderr)
}

#[test]
fn a_figure_that_nobody_meant_is_warned_of_however_few_rows_there_are() {
    let rows = |row: &dyn Fn(usize) -> String| (0..30).map(row).collect::<String>();
    let past = "as_of = \"2025-06-30\"";
    let sound = |at: usize| format!("A1,DE,305-{at},DHL Paket,00340434161094022115,45.00,2025-06-05,2025-06-03\n");
    let said = warned(&rows(&sound), past);
    assert!(
        !said.contains("have one reason") && !said.contains("no package counts") && !said.contains("superseded by")
    );
    let said = warned(&rows(&|at| format!("A1,DE,305-{at},DHL Paket,,45.00,2025-06-05,2025-06-03\n")), past);
    assert!(said.contains("30 of 30 defects have one reason, tracking_missing"), "{said}");
    let said = warned(&rows(&|at| sound(at).replace("45.00", "5.00")), past);
    assert!(said.contains("no package counts for a rate: 30 are exempt and 0 out of scope"), "{said}");
    let said = warned(&rows(&|at| sound(at).replace(&format!("305-{at},"), "305-1,")), past);
    assert!(said.contains("29 of 30 rows are superseded by newer copies"), "{said}");
    // Whatever today is, nobody has scanned a package in 2090.
    let said = warned(&rows(&|at| sound(at).replace("2025-06-03", "2090-06-03")), "as_of = \"today\"");
    assert!(said.contains("times of rows in 1 file are after today"), "{said}");
}

/// A path that also leads to the output and to a sink of files reads neither.
#[test]
fn what_a_job_published_is_never_its_input() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let put = |number: &str| {
        let rows: String = (0..20).map(|order| format!("A1,DE,{order},DHL,{number},2025-06-05\n")).collect();
        fs::write(at.join("a.csv"), format!("{HEADINGS}{rows}")).unwrap();
    };
    for path in [".", "**/*.{csv,parquet}"] {
        for name in ["out", "share"] {
            let _ = fs::remove_dir_all(at.join(name));
        }
        let job = format!(
            "name = \"test\"\nas_of = \"2025-06-30\"\n[[input]]\npath = \"{path}\"\n[output]\npath = \"out\"\n\
             tables = [\"judged\", \"defects\", \"vtr_weekly\"]\njudged_weeks = 9\n\
             [[sink]]\nname = \"s\"\nkind = \"files\"\npath = \"share\"\nformat = \"csv\"\n"
        );
        fs::write(at.join("job.toml"), job).unwrap();
        put("N/A");
        let run = |extra: &[&str]| {
            let ended = vtr_in(at, &[&["run", "job.toml"], extra].concat());
            (ended.status.code().unwrap(), text(&ended.stderr))
        };
        let (code, said) = run(&[]);
        assert!(code == 0 && !said.contains("passed over"), "{said}");
        assert_eq!(table(&at.join("out"), "defects").len(), 20);
        put("00340434161094022115");
        for extra in [&[][..], &["--full"], &["--full", "--out", "other"]] {
            let (code, said) = run(extra);
            assert!(code == 0 && said.contains("passed over as inputs"), "{path}: {said}");
            assert!(!said.contains("lie beside"), "{path}: {said}");
        }
        assert!(!at.join("out/current/defects").exists(), "{path}: nothing is a defect now");
        assert_eq!(table(&at.join("out"), "judged").len(), 20, "{path}");
        fs::remove_dir_all(at.join("other")).unwrap();
    }
    let refused = fails(3, &["run", &job(at, "\"out/current\"", "", "")]);
    assert!(refused.contains("all that it names was published by this program"), "{refused}");
}
