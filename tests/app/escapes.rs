//! Tests of a world in which every outside text contains terminal escapes: no verb prints one of them raw.
//!
//! ESC and U+009B begin terminal commands, BEL rings the bell, U+202E reverses the reading direction. They are in
//! paths, headings, cells, job, book, Amazon's reports and arguments; lists for people and everything on stderr must
//! escape them, and JSON escapes them in its own way.

use crate::support::{text, vtr_in};
use std::fs;
use std::path::Path;
use std::process::Output;
use vtr_kernel::text::shown;

const ESCAPES: &str = "\u{1b}[31m\u{7}\u{9b}31m\u{202e}";

/// A text followed by all escapes.
fn evil(text: &str) -> String {
    format!("{text}{ESCAPES}")
}

/// A text as a TOML string.
fn toml(text: &str) -> String {
    let escaped: String = text
        .chars()
        .flat_map(|c| {
            if c.is_control() || c == '\u{202e}' || c == '"' || c == '\\' {
                format!("\\u{:04x}", c as u32)
            } else {
                c.to_string()
            }
            .chars()
            .collect::<Vec<_>>()
        })
        .collect();
    format!("\"{escaped}\"")
}

fn world(folder: &Path) -> String {
    let (inputs, heading) = (evil("in"), evil("carrier"));
    fs::create_dir_all(folder.join(&inputs)).expect("a folder");
    let mut rows = format!(
        "seller_id,marketplace,order_id,{heading},ship_service,tracking_number,product_category,order_status,currency,\
         package_value,ship_to_country,promised_delivery_at,first_scan_at,{}\n",
        evil("unmapped")
    );
    for at in 0..40 {
        let cell = |text: &str| if at % 2 == 0 { evil(text) } else { text.to_owned() };
        let market = if at % 13 == 12 { evil("Narnia") } else { "DE".to_owned() };
        let date = if at % 11 == 10 { evil("yesterday") } else { "2025-05-20".to_owned() };
        rows += &format!(
            "{},{market},{},{},{},{},{},{},{},45.00,{},{date},{},x\n",
            cell("A1"),
            cell(&format!("305-{at}")),
            cell(["DHL Paket", "Nobody's Parcels"][at % 3 % 2]),
            cell("Paket"),
            cell("00340434161094022115"),
            cell("Toys"),
            cell("Shipped"),
            cell("EUR"),
            if at % 17 == 16 { evil("Atlantis") } else { "DE".to_owned() },
            if at % 3 == 0 { "2025-05-18T08:00:00Z" } else { "" },
        );
    }
    fs::write(folder.join(&inputs).join(evil("rows") + ".csv"), rows).expect("a file");
    let book = folder.join("ours/carriers");
    fs::create_dir_all(&book).expect("a folder");
    let carrier = format!(
        "id = \"nobody\"\nname = {}\naliases = [{}]\nclosed = false\nsource = [{{ title = {}, url = \"https://example.com\" }}]\n",
        toml(&evil("Nobody's Parcels")),
        toml("Nobody's Parcels"),
        toml(&evil("a list"))
    );
    fs::write(book.join("nobody.toml"), carrier).expect("a file");
    let job = format!(
        "name = \"weekly\"\nas_of = \"2025-05-31\"\nbook = [\"embedded\", \"ours\"]\n[[input]]\npath = {}\n[input.columns]\ncarrier = {}\n\
         [output]\npath = {}\n\
         tables = [\"vtr_weekly\", \"vtr_weekly_category\", \"vtr_weekly_reasons\", \"vtr_rolling\", \"account_health\", \
         \"health_breakdown\", \"defects\", \"judged\", \"carrier_names\", \"rejects\", \"input_files\"]\n\
         [limits]\nmax_rejected = \"90%\"\nmax_unknown_words = \"100%\"\nmax_damaged = \"100%\"\n",
        toml(&format!("{inputs}/{}.csv", evil("rows"))),
        toml(&heading),
        toml(&evil("out"))
    );
    fs::write(folder.join("job.toml"), &job).expect("a file");
    let faulty =
        job.replace("name = \"weekly\"", &format!("name = {}\n{} = 1", toml(&evil("weekly")), toml(&evil("key"))));
    fs::write(folder.join(evil("faulty") + ".toml"), faulty).expect("a file");
    let unknown = format!("id = \"nobody\"\nname = 1\n{} = {}\n", toml(&evil("key")), toml(&evil("x")));
    fs::create_dir_all(folder.join(evil("bad")).join("carriers")).expect("a folder");
    fs::write(folder.join(evil("bad")).join("carriers").join(evil("nobody") + ".toml"), unknown).expect("a file");
    fs::create_dir_all(folder.join("worse/carriers")).expect("a folder");
    let unknown = format!("id = \"nobody\"\nname = 2\n{} = {}\n", toml(&evil("key")), toml(&evil("y")));
    fs::write(folder.join("worse/carriers").join(evil("nobody") + ".toml"), unknown).expect("a file");
    let report = format!(
        "Order ID,Carrier,Tracking ID,{}\n305-1,{},{},{}\n",
        evil("Reason"),
        evil("DHL"),
        evil("003"),
        evil("none")
    );
    fs::write(folder.join(evil("A1_2025-05-31") + ".csv"), report).expect("a file");
    evil("out")
}

/// The escapes that a text contains raw.
fn raw(text: &str) -> Vec<char> {
    ESCAPES.chars().filter(|c| !c.is_ascii_graphic() && text.contains(*c)).collect()
}

/// The first line with a raw escape, as evidence.
fn line(text: &str) -> String {
    text.lines()
        .find(|line| !raw(line).is_empty())
        .map_or(String::new(), |line| line.escape_debug().take(600).collect())
}

/// A report of the escapes that a verb printed raw.
fn harm(args: &[&str], output: &Output) -> Option<String> {
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    if raw(&err).is_empty() && raw(&out).is_empty() {
        return None;
    }
    Some(format!("{args:?}: on stdout {:?} {}, on stderr {:?} {}", raw(&out), line(&out), raw(&err), line(&err)))
}

#[test]
fn no_verb_prints_an_escape_of_an_outside_text() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = world(folder.path());
    let (faulty, bad, report) = (evil("faulty") + ".toml", evil("bad"), evil("A1_2025-05-31") + ".csv");
    let worse = "worse";
    let inputs = format!("{}/{}.csv", evil("in"), evil("rows"));
    let odd = evil("odd");
    let set = format!("name={odd}");
    let key = format!("{odd}=1");
    let mut verbs: Vec<(Vec<&str>, &[i32])> = vec![
        (vec!["plan", "job.toml"], &[0]),
        (vec!["run", "job.toml"], &[0]),
        (vec!["run", "job.toml", "--full", "--json", "--show-values"], &[0]),
        (vec!["run", "job.toml", "--log-format", "json"], &[0]),
        (vec!["run", "job.toml", "--set", &set, "--full"], &[0, 2]),
        (vec!["run", "job.toml", "--set", &key], &[2]),
        (vec!["run", &faulty], &[2]),
        (vec!["run", "job.toml", "--book", &bad], &[2]),
        (vec!["run", &odd], &[2]),
        (vec!["plan", "job.toml", "--set", "limits.max_rejected=0%"], &[0]),
        (vec!["explain", "job.toml", "--seller", "A1", "--order", "305-1"], &[0]),
        (vec!["explain", "job.toml", "--seller", "A1[31m31m", "--order", "305-2[31m31m"], &[0]),
        (vec!["explain", "job.toml", "--seller", &odd, "--order", &odd], &[1, 2, 3]),
        (vec!["carriers", &odd, "--number", &odd], &[0, 2]),
        (vec!["carriers", "--book", "embedded", "--book", "ours"], &[0]),
        (vec!["carriers", "Nobody's Parcels", "--book", "embedded", "--book", "ours"], &[0]),
        (vec!["book", "check", "embedded", "ours"], &[0]),
        (vec!["book", "check", "embedded", &bad], &[2]),
        (vec!["book", "check", &odd], &[2]),
        (vec!["book", "diff", "embedded", &bad], &[0]),
        (vec!["book", "diff", &bad, worse], &[0]),
        (vec!["book", "show", &odd], &[2]),
        (vec!["book", "show", "DE", "--book", "embedded", "--book", "ours"], &[0]),
        (vec!["inspect", &inputs], &[0]),
        (vec!["inspect", &inputs, "--json"], &[0]),
        (vec!["inspect", &inputs, "--show-values"], &[0]),
        (vec!["inspect", &odd], &[3]),
        (vec!["reconcile", "job.toml", "--defects", &report, "--seller", "A1"], &[0, 3]),
        (vec!["reconcile", "job.toml", "--performance", &report, "--seller", &odd], &[2, 3]),
        (vec!["tables", &odd], &[2]),
        (vec!["gen", "--rows", "1", &out], &[0, 1, 2]),
        (vec!["views", &out], &[2]),
        (vec!["sync", "job.toml", "--sink", &odd], &[2]),
        (vec![&odd], &[2]),
        (vec!["man", &odd], &[2]),
    ];
    for verb in ["health", "defects", "worklist", "report", "verify", "resolve", "gc"] {
        verbs.push((vec![verb, &out], &[0]));
        verbs.push((vec![verb, &odd], &[2, 3]));
    }
    for args in [
        vec!["health", &out, "--format", "json"],
        vec!["defects", &out, "--format", "json"],
        vec!["defects", &out, "--limit", "1000"],
        vec!["worklist", &out, "--format", "json"],
        vec!["resolve", &out, "--table", "vtr_weekly"],
        vec!["dbt", &out, "--target", "duckdb"],
        vec!["resolve", &out, "--json"],
        vec!["verify", &out, "--json"],
        vec!["gc", &out, "--json"],
    ] {
        verbs.push((args, &[0]));
    }
    for filter in ["--seller", "--carrier", "--category", "--reason", "--marketplace"] {
        verbs.push((vec!["defects", &out, filter, &odd], &[2]));
    }
    // The page goes to stdout or beside the output.
    let mut harms = Vec::new();
    for (args, codes) in &verbs {
        let output = vtr_in(folder.path(), args);
        let code = output.status.code().unwrap_or(-1);
        if !codes.contains(&code) {
            harms.push(format!("{args:?}: exit {code}\n{}", shown(&text(&output.stderr))));
        }
        harms.extend(harm(args, &output));
    }
    assert!(harms.is_empty(), "{}", harms.join("\n"));
    let pages = walkdir::WalkDir::new(folder.path()).into_iter().map(|entry| entry.expect("an entry").into_path());
    for page in pages.filter(|path| path.extension().is_some_and(|end| end == "html")) {
        let written = fs::read_to_string(&page).expect("a page");
        assert!(raw(&written).is_empty(), "{}: {:?}", page.display(), raw(&written));
    }
}
