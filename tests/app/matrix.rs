//! Tests that `--memory` bounds the process, whatever the inputs and the threads, and changes no byte.
//!
//! The peak comes from the run's report, which takes it from the system. Every world exercises a kind of buffer that
//! can grow: rejects, copies of one package, long cells of each column, sellers, categories.

use crate::support::{contents, text, vtr_in};
use std::fmt::Write;
use std::path::Path;

const SMALL: u64 = 256 << 20;
const HEADINGS: [&str; 9] = [
    "seller_id",
    "marketplace",
    "order_id",
    "package_id",
    "carrier",
    "tracking_number",
    "product_category",
    "promised_delivery_at",
    "updated_at",
];
/// The longest cell that is read by default.
const LONGEST: usize = 64 << 10;

fn csv(rows: usize, row: impl Fn(usize) -> [String; 9]) -> String {
    let mut text = HEADINGS.join(",") + "\n";
    (0..rows).for_each(|at| writeln!(text, "{}", row(at).join(",")).unwrap());
    text
}

fn plain(at: usize) -> [String; 9] {
    let cells = ["A1", "DE", "305-", "", "DHL", "N/A", "Toys", "2025-06-05", "2025-06-01"];
    let mut cells = cells.map(String::from);
    write!(cells[2], "{at}").unwrap();
    cells
}

fn with(at: usize, column: usize, cell: String) -> [String; 9] {
    let mut cells = plain(at);
    cells[column] = cell;
    cells
}

/// Runs in a folder of its own; returns the published files, the exit code, the peak, and stderr.
fn run(folder: &Path, out: &str, memory: &str, threads: usize) -> (Vec<String>, i32, u64, String) {
    let threads = threads.to_string();
    let args = ["run", "job.toml", "-q", "--json", "--out", out, "--memory", memory, "--threads", &threads];
    let output = vtr_in(folder, &args);
    let code = output.status.code().unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let peak = report["peak_rss_bytes"].as_u64().unwrap_or(0);
    let data = folder.join(out).join("data");
    let published = if data.is_dir() { contents(&folder.join(out)) } else { Vec::new() };
    (published, code, peak, text(&output.stderr))
}

/// Makes one run with ample memory, and runs with little memory that must publish the same.
fn keeps_to_it(name: &str, csv: &str) {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    std::fs::create_dir(at.join("in")).unwrap();
    for copy in 0..2 {
        std::fs::write(at.join(format!("in/{copy}.csv")), csv).unwrap();
    }
    let job = "name = \"m\"\nas_of = \"2025-06-30\"\n[[input]]\npath = \"in/*\"\n[output]\npath = \"out\"\n\
        [limits]\nmax_rejected = \"100%\"\nmax_rejected_rows_kept = 100000\n";
    std::fs::write(at.join("job.toml"), job).unwrap();
    let (roomy, code, _, said) = run(at, "roomy", "8 GiB", 1);
    assert_eq!(code, 0, "{name}: {said}");
    assert!(!roomy.is_empty(), "{name}");
    for threads in [1, 8, 16] {
        let (small, code, peak, said) = run(at, &format!("small-{threads}"), "256 MiB", threads);
        assert_eq!(code, 0, "{name}, {threads} threads: {said}");
        assert!(peak > 0 && peak <= SMALL, "{name}, {threads} threads: {} MiB", peak >> 20);
        assert_eq!(small, roomy, "{name}, {threads} threads");
    }
}

#[test]
fn all_rejected() {
    let long = "x".repeat(300);
    keeps_to_it("all rejected", &csv(200_000, |at| with(at, 7, long.clone())));
}

#[test]
fn one_package() {
    keeps_to_it("one package", &csv(700_000, |_| plain(7)));
}

#[test]
fn the_longest_cell_in_each_text_column() {
    for column in [0, 2, 3, 4, 5, 6] {
        let long = "x".repeat(LONGEST - 1);
        keeps_to_it(HEADINGS[column], &csv(1_500, |at| with(at, column, long.clone())));
    }
}

#[test]
fn many_sellers() {
    keeps_to_it("many sellers", &csv(150_000, |at| with(at, 0, format!("A{at:013}"))));
}

#[test]
fn many_categories() {
    keeps_to_it("many categories", &csv(300_000, |at| with(at, 6, format!("category number {at}"))));
}
