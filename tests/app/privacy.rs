//! Tests of what must never come out: cells of columns that a job does not map, and credentials of the host.
//!
//! Marked texts go in wherever possible, and every byte of the outputs is searched for them; Parquet files are also
//! searched cell by cell, because their pages are compressed.

use crate::support::{files, read, table, text};
use arrow::array::{ArrayRef, RecordBatch, StringArray};
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

/// A mark in cells that no job maps.
const BUYER: &str = "CANARY-Jane-Doe-4711";
/// A mark in the environment; keys of some stores must be Base64.
const SECRET: &str = "CANARYsecretKey08155";

/// Runs the program with the most output that it has, and with credentials in the environment.
fn loud(folder: &Path, args: &[&str]) -> Output {
    loud_at(folder, args, "")
}

/// A store that refuses every request and repeats it in the answer, headers included.
fn telltale() -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let (mut request, mut buffer) = (Vec::new(), [0; 4096]);
            while !request.windows(4).any(|window| window == b"\r\n\r\n") {
                match stream.read(&mut buffer) {
                    Ok(read) if read > 0 => request.extend_from_slice(&buffer[..read]),
                    _ => break,
                }
            }
            let said = text(&request).replace(['<', '>'], "").replace("\r\n", " ");
            let body = format!("<Error><Code>AccessDenied</Code><Message>{SECRET} {said}</Message></Error>");
            let length = body.len();
            let head = format!("HTTP/1.1 403 Forbidden\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
            let _ = stream.write_all((head + &body).as_bytes());
        }
    });
    format!("http://{address}")
}

/// [`loud`] with all stores at one address, if one is given.
fn loud_at(folder: &Path, args: &[&str], stores: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vtr"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("VTR_")) {
        command.env_remove(name);
    }
    command.env("VTR_LOG", "trace").current_dir(folder).args(args);
    for name in [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AZURE_STORAGE_ACCOUNT_KEY",
        "AZURE_STORAGE_SAS_TOKEN",
        "AZURE_CLIENT_SECRET",
        "GOOGLE_SERVICE_ACCOUNT_KEY",
        "HTTPS_PROXY_PASSWORD",
    ] {
        command.env(name, SECRET);
    }
    command.env("AWS_REGION", "eu-central-1").env("AZURE_STORAGE_ACCOUNT_NAME", "account");
    if !stores.is_empty() {
        command.env("AWS_ENDPOINT_URL", stores).env("AWS_ALLOW_HTTP", "true");
        command.env("AZURE_ENDPOINT", stores).env("AZURE_ALLOW_HTTP", "true");
    }
    command.output().expect("the program starts")
}

/// The places where a mark occurs in what was printed and in everything below a folder.
fn found(mark: &str, printed: &[Output], folder: &Path) -> Vec<String> {
    let holds = |bytes: &[u8]| bytes.windows(mark.len()).any(|window| window == mark.as_bytes());
    let mut places = Vec::new();
    for output in printed {
        if holds(&output.stdout) || holds(&output.stderr) {
            places.push(format!("printed: {}{}", text(&output.stdout), text(&output.stderr)));
        }
    }
    for entry in walkdir::WalkDir::new(folder) {
        let path = entry.unwrap().into_path();
        if path.to_string_lossy().contains(mark) || path.is_file() && holds(&fs::read(&path).unwrap()) {
            places.push(path.display().to_string());
        }
    }
    for file in files(folder) {
        if read(&file).iter().any(|row| row.values().flatten().any(|cell| cell.contains(mark))) {
            places.push(format!("a cell of {}", file.display()));
        }
    }
    places
}

/// A text whose faults are all in, or beside, a column that the job does not map.
fn faulty_csv() -> Vec<u8> {
    let mut csv =
        b"buyer-name,seller_id,marketplace,order_id,carrier,tracking_number,shipped_at,ship-address\n".to_vec();
    let mut line = |buyer: &str, order: u32, address: &[u8]| {
        csv.extend(format!("{buyer},A1,DE,305-{order},DHL,00340434161094022115,2025-06-05,").into_bytes());
        csv.extend(address);
        csv.push(b'\n');
    };
    let after = |bytes: &[u8]| [BUYER.as_bytes(), bytes, BUYER.as_bytes()].concat();
    line(BUYER, 1, BUYER.as_bytes());
    line(BUYER, 2, &after(b",one too many,"));
    line(BUYER, 3, &after(b"\0"));
    line(BUYER, 4, &after(b"\xff\xfe"));
    line(BUYER, 5, &BUYER.repeat(60).into_bytes());
    line(BUYER, 6, &BUYER.repeat(600).into_bytes());
    line(BUYER, 7, &after(b"\x1b[2J\xe2\x80\xae"));
    line(&format!("\"{BUYER}\" {BUYER}"), 8, BUYER.as_bytes());
    line(BUYER, 9, format!("\"{BUYER}").as_bytes());
    csv.extend(format!("{BUYER}\n").into_bytes());
    csv.extend(format!("{BUYER},A1,Narnia,305-10,DHL,1,2025-06-05,{BUYER}\n").into_bytes());
    csv.extend(format!("{BUYER},A1,DE,305-11,DHL,N/A,yesterday,{BUYER}\n").into_bytes());
    csv
}

fn parquet(path: &Path) {
    let names = [
        "buyer-name",
        "seller_id",
        "marketplace",
        "order_id",
        "carrier",
        "tracking_number",
        "shipped_at",
        "ship-address",
    ];
    let rows = [
        [BUYER, "A1", "DE", "306-1", "DHL", "00340434161094022115", "2025-06-05", BUYER],
        [BUYER, "A1", "Narnia", "306-2", "DHL", "1", "2025-06-05", BUYER],
    ];
    let column = |place: usize| Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row[place]))) as ArrayRef;
    let columns = names.iter().enumerate().map(|(place, name)| (*name, column(place)));
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut writer =
        parquet::arrow::ArrowWriter::try_new(fs::File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

const JOB: &str = r#"name = "test"
as_of = "2025-06-30"
[[input]]
path = "in"
[output]
path = "out"
[limits]
max_rejected = "100%"
max_field_bytes = "1 KiB"
max_record_bytes = "8 KiB"
"#;

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("in")).unwrap();
    fs::write(folder.path().join("in/a.csv"), faulty_csv()).unwrap();
    parquet(&folder.path().join("in/b.parquet"));
    fs::write(folder.path().join("job.toml"), JOB).unwrap();
    folder
}

#[test]
fn columns_that_a_job_does_not_map_never_come_out() {
    let folder = folder();
    let at = folder.path();
    let mut printed = vec![
        loud(at, &["plan", "job.toml"]),
        loud(at, &["run", "job.toml", "--json", "--show-values"]),
        loud(
            at,
            &["run", "job.toml", "--show-values", "--log-format", "json", "--full", "--set", "limits.max_rejected=0%"],
        ),
        loud(at, &["explain", "job.toml", "--seller", "A1", "--order", "305-1"]),
        loud(at, &["explain", "job.toml", "--seller", "A1", "--order", "306-1"]),
        loud(at, &["defects", "out", "--format", "csv"]),
        loud(at, &["health", "out", "--format", "json"]),
        loud(at, &["verify", "out"]),
        loud(at, &["resolve", "out"]),
    ];
    let codes: Vec<Option<i32>> = printed.iter().map(|output| output.status.code()).collect();
    let want = [0, 0, 4, 0, 0, 0, 0, 0, 0].map(Some);
    assert_eq!(codes, want, "{}", text(&printed[1].stderr));
    let rejects = table(&at.join("out"), "rejects");
    assert_eq!(rejects.len(), 11, "{rejects:?}");
    assert_eq!(
        rejects.iter().filter(|row| row["column"].as_deref() != Some("")).count(),
        3,
        "Narnia twice, yesterday: {rejects:?}"
    );
    // A search must be able to find something: the mapped value is in the output and in the messages.
    assert!(!found("Narnia", &[], &at.join("out")).is_empty());
    // If a mapped heading is missing, headings are named, and nothing else.
    let bad = JOB.replace("[output]", "[input.columns]\ncarrier = \"buyer\"\n[output]");
    fs::write(at.join("bad.toml"), bad).unwrap();
    printed.push(loud(at, &["run", "bad.toml", "--show-values"]));
    assert_eq!(printed.last().unwrap().status.code(), Some(3), "{}", text(&printed.last().unwrap().stderr));
    fs::remove_dir_all(at.join("in")).unwrap();
    assert_eq!(found(BUYER, &printed, at), Vec::<String>::new());
}

#[test]
fn cells_are_said_only_to_those_who_ask() {
    let folder = folder();
    let at = folder.path();
    let only = "input.0.path=in/b.parquet";
    let quiet = loud(at, &["run", "job.toml", "--json", "--set", only]);
    let said = text(&quiet.stderr) + &text(&quiet.stdout);
    assert!(said.contains("record 2: marketplace: no marketplace of the book") && !said.contains("Narnia"), "{said}");
    fs::remove_dir_all(at.join("out")).unwrap();
    let asked = text(&loud(at, &["run", "job.toml", "--show-values", "--set", only]).stderr);
    assert!(asked.contains("record 2: marketplace holds \"Narnia\""), "{asked}");
    let reports = walkdir::WalkDir::new(at.join("out/_runs")).into_iter().map(|entry| entry.unwrap().into_path());
    for report in reports.filter(|path| path.extension().is_some_and(|suffix| suffix == "json")) {
        assert!(!fs::read_to_string(report).unwrap().contains("Narnia"));
    }
}

#[test]
fn credentials_of_the_host_are_said_and_written_nowhere() {
    let folder = folder();
    let at = folder.path();
    let jobs = [
        ("wrong.toml", JOB.replace("as_of", &format!("aws_secret_access_key = \"{SECRET}\"\nas_of"))),
        ("gone.toml", JOB.replace("\"in\"", "\"gone\"")),
        ("gate.toml", JOB.replace("100%", "0%")),
    ];
    for (name, job) in &jobs {
        fs::write(at.join(name), job).unwrap();
    }
    let stores = telltale();
    // Monitoring sees no more than the run's messages, whether the run publishes, is refused, or names a store by a
    // URI with a credential.
    let watched = |extra: &[&str]| {
        let watch = ["--metrics", "vtr.prom", "--lineage", "lineage.jsonl", "--log-format", "json", "--json"];
        loud_at(at, &[&["run", "job.toml"], watch.as_slice(), extra].concat(), &stores)
    };
    let input = |uri: &str| watched(&["--set", &format!("input.0.path={uri}")]);
    let watching = [
        watched(&["--out", "watched"]),
        watched(&["--set", "limits.max_rejected=0%"]),
        watched(&["--set", "input.0.path=s3://bucket/in/"]),
        input(&format!("s3://KEY:{SECRET}@bucket/in")),
        input(&format!("az://box/in.csv?sv=1&sig={SECRET}")),
        watched(&["--out", &format!("s3://KEY:{SECRET}@bucket/out")]),
        watched(&["--out", &format!("az://box/out?sig={SECRET}")]),
    ];
    let codes: Vec<Option<i32>> = watching.iter().map(|output| output.status.code()).collect();
    assert_eq!(codes, [0, 4, 3, 2, 2, 2, 2].map(Some), "{}", text(&watching[2].stderr));
    let lineage = fs::read_to_string(at.join("lineage.jsonl")).unwrap();
    assert!(lineage.contains("\"FAIL\"") && lineage.contains("AccessDenied"), "{lineage}");
    assert!(fs::read_to_string(at.join("vtr.prom")).unwrap().contains("vtr_run_success"));
    assert_eq!(found(SECRET, &watching, at).len(), 1, "wrong.toml alone, which holds it");
    let printed = [
        loud(at, &["run", "job.toml", "--json", "--log-format", "json"]),
        loud(at, &["run", "wrong.toml"]),
        loud(at, &["run", "gone.toml"]),
        loud(at, &["run", "gate.toml", "--out", "other"]),
        loud(at, &["run", "job.toml", "--set", &format!("secret={SECRET}")]),
        loud(at, &["verify", "nowhere"]),
        // The message about a refused request must not contain its signature, though the store repeats it.
        loud_at(at, &["verify", "s3://bucket/out"], &stores),
        loud_at(at, &["gc", "s3://bucket/out"], &stores),
        loud_at(at, &["verify", "az://container/out"], &stores),
    ];
    let codes: Vec<Option<i32>> = printed.iter().map(|output| output.status.code()).collect();
    assert_eq!(codes[..5], [0, 2, 3, 4, 2].map(Some), "{}", text(&printed[1].stderr));
    assert!(text(&printed[1].stderr).contains("aws_secret_access_key"));
    for output in &printed[6..] {
        let said = text(&output.stderr);
        assert!(!output.status.success() && said.contains("AccessDenied"), "the store was asked: {said}");
    }
    fs::remove_file(at.join("wrong.toml")).unwrap();
    assert_eq!(found(SECRET, &printed, at), Vec::<String>::new());
}
