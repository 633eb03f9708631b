//! Tests of the report and the work list as people get them: golden pages, naughty strings, no byte of other sellers.
//!
//! With `VTR_BLESS=1` the golden pages are rewritten, to be reviewed in the diff and in a browser.

use crate::support::{count, fails, ok, root, table};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The sample on two days: its own, when every promised day is past, and one when packages are pending.
const DAYS: [&str; 2] = ["2025-05-31", "2025-04-28"];

/// Sees the lists of the second day from that day.
const TODAY: [&str; 2] = ["--today", DAYS[1]];

fn published(out: &Path, day: &str) -> String {
    let target = out.join(day).display().to_string();
    ok(&["run", "jobs/weekly.toml", "--quiet", "--as-of", day, "--set", "as_of_mode=scans", "--out", &target]);
    target
}

/// The byte sequences that no page may contain outside its own style.
fn forbidden(html: &str) -> Vec<String> {
    let (start, end) = (html.find("<style>").unwrap(), html.find("</style>").unwrap());
    let rest = format!("{}{}", &html[..start], &html[end..]).to_lowercase().replace("http-equiv=", "");
    let mut found: Vec<String> = ["http", "<script", "style=", "javascript", "src=", "@import", "url("]
        .iter()
        .filter(|bad| rest.contains(**bad))
        .map(|bad| (*bad).to_owned())
        .collect();
    let handlers = regex::Regex::new(r#"\bon[a-z]+\s*="#).unwrap();
    found.extend(handlers.find_iter(&rest).map(|found| found.as_str().to_owned()));
    // Links lead only to places in the page.
    let links = regex::Regex::new(r#"href="([^"]*)""#).unwrap();
    for link in links.captures_iter(&rest) {
        let target = &link[1];
        let is_there = target.strip_prefix('#').is_some_and(|id| rest.contains(&format!("id=\"{id}\"")));
        if !is_there {
            found.push(format!("a link to {target}"));
        }
    }
    found
}

/// The tags of a page and its style, without the text between them, where a naughty string is harmless.
fn markup(html: &str) -> String {
    let tags = regex::Regex::new(r"<[^>]*>").unwrap();
    tags.find_iter(html).map(|tag| tag.as_str()).collect()
}

#[test]
fn the_samples_pages_are_the_golden_ones() {
    let out = tempfile::tempdir().unwrap();
    let golden = root().join("tests/pages/golden");
    let digest = regex::Regex::new("<code>[0-9a-f]{12}</code>").unwrap();
    for day in DAYS {
        let html = ok(&["report", &published(out.path(), day), "--event", "2025-W10=Evri collects at 16:00"]);
        // The digests of job and book also change when no figure of the page does.
        let html = digest.replace_all(&html, "<code>digest</code>");
        assert_eq!(forbidden(&html), Vec::<String>::new(), "{day}");
        let path = golden.join(format!("{day}.html"));
        if std::env::var_os("VTR_BLESS").is_some() {
            fs::create_dir_all(&golden).unwrap();
            fs::write(&path, html.as_bytes()).unwrap();
        }
        // The whole page would be too long for the message of a failure.
        let want = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let differs = want.lines().zip(html.lines()).position(|(want, found)| want != found);
        assert!(want == html, "{day}: differs from line {differs:?}; VTR_BLESS=1 writes it anew, look at it");
    }
}

#[test]
fn the_page_answers_what_the_tables_say() {
    let out = tempfile::tempdir().unwrap();
    let target = published(out.path(), DAYS[1]);
    let html = ok(&["report", &target]);
    let health = table(Path::new(&target), "account_health");
    let all: Vec<_> = health.iter().filter(|row| row["product_category"].as_deref() == Some("(all)")).collect();
    let counted = all.iter().filter(|row| count(row, "eligible") > 0);
    let eligible: i64 = counted.map(|row| count(row, "eligible")).sum();
    let breach =
        all.iter().filter(|row| row["status"].as_deref() == Some("breach") && row["few"].as_deref() == Some("false"));
    let breach = breach.count();
    assert!(html.contains(&format!("{breach} of ")) && html.contains("below Amazon"), "the finding counts accounts");
    let grouped = eligible.to_string();
    assert!(html.contains(&format!(" of {grouped} packages")), "all {eligible} packages stand in the head");
    assert_eq!(html, ok(&["report", &target]), "the same bytes again");
}

#[test]
fn no_byte_of_another_seller_is_in_a_sellers_page() {
    let out = tempfile::tempdir().unwrap();
    let target = published(out.path(), DAYS[1]);
    let folder = out.path().join("split");
    let said = ok(&["report", &target, "--split-by", "seller", "-o", &folder.display().to_string()]);
    let pages: Vec<(String, &str)> = said
        .lines()
        .map(|line| line.split_once('\t').unwrap())
        .map(|(path, seller)| (fs::read_to_string(path).unwrap(), seller))
        .collect();
    let sellers: BTreeSet<String> =
        table(Path::new(&target), "defects").iter().map(|row| row["seller_id"].clone().unwrap()).collect();
    assert!(pages.len() > 5 && sellers.len() > 5);
    let orders: Vec<(String, String)> = table(Path::new(&target), "defects")
        .iter()
        .map(|row| (row["seller_id"].clone().unwrap(), row["order_id"].clone().unwrap()))
        .collect();
    for (html, seller) in &pages {
        assert!(html.contains(*seller));
        for other in sellers.iter().filter(|other| other != seller) {
            assert!(!html.contains(other.as_str()), "{other} stands in the page of {seller}");
        }
        let theirs = orders.iter().find(|(owner, order)| owner != seller && html.contains(order.as_str()));
        assert_eq!(theirs, None, "an order of another seller stands in the page of {seller}");
        assert_eq!(forbidden(html), Vec::<String>::new());
    }
}

/// A job with one seller, carrier and order whose texts try to be markup.
fn naughty(folder: &Path) -> String {
    let bad = [
        "<script>alert(1)</script>",
        "\"\" onload=\"\"x",
        "' style='position:fixed",
        "</title></style><b>",
        "https://evil.example/?q=1",
        "\u{202e}gpj.exe",
        "=HYPERLINK(1)",
        "{{ seller }}{% raw %}",
    ];
    let mut csv = String::from(
        "seller_id,marketplace,order_id,carrier,tracking_number,product_category,ship_service,promised_delivery_at,shipped_at,first_scan_at\n",
    );
    for (index, text) in bad.iter().cycle().take(96).enumerate() {
        let order = format!("{index} {text}");
        let day = index % 26 + 1;
        csv += &format!(
            "\"{text}\",DE,\"{order}\",\"{text}\",\"{}\",\"{text}\",\"{text}\",2025-04-{day:02}T12:00:00Z,2025-04-{day:02}T06:00:00Z,\n",
            if index % 3 == 0 { "" } else { text }
        );
    }
    fs::write(folder.join("naughty.csv"), csv).unwrap();
    let job = "name = \"n\"\nas_of = \"2025-04-28\"\n[[input]]\npath = \"naughty.csv\"\n[output]\npath = \"out\"\nmin_eligible = 1\n[limits]\nmax_rejected = \"100%\"\n";
    fs::write(folder.join("job.toml"), job).unwrap();
    ok(&["run", &folder.join("job.toml").display().to_string(), "--quiet"]);
    folder.join("out").display().to_string()
}

#[test]
fn naughty_strings_are_text() {
    let folder = tempfile::tempdir().unwrap();
    let out = naughty(folder.path());
    let html = ok(&["report", &out, "--title", "<script>x</script>"]);
    assert_eq!(forbidden(&markup(&html)), Vec::<String>::new());
    assert!(html.contains("&lt;script&gt;alert(1)") && !html.contains('\u{202e}'));
    let appeal = ok(&["report", &out, "--appeal", "HYPERLINK(1)", "DE"]);
    assert_eq!(forbidden(&markup(&appeal)), Vec::<String>::new());
    for width in ["80", "200"] {
        let list = crate::support::text(
            &std::process::Command::new(env!("CARGO_BIN_EXE_vtr"))
                .env("COLUMNS", width)
                .args(["worklist", &out, "--today", DAYS[1]])
                .output()
                .unwrap()
                .stdout,
        );
        assert!(!list.contains('\u{202e}') && !list.contains('\u{1b}') && list.contains("Work list"), "{list}");
    }
}

#[test]
fn lists_are_legible_at_80_columns() {
    let out = tempfile::tempdir().unwrap();
    let target = published(out.path(), DAYS[1]);
    for (verb, today) in [("health", &TODAY[..]), ("worklist", &TODAY[..]), ("defects", &[])] {
        let text = ok(&[&[verb, &target], today].concat());
        let long: Vec<&str> = text.lines().filter(|line| line.chars().count() > 80).collect();
        assert!(text.lines().count() > 10 && long.is_empty(), "{verb}: {long:?}");
    }
    let health = ok(&[&["health", &target], &TODAY[..]].concat());
    assert!(health.starts_with("As of Mon 28 Apr 2025. Judged: 15 Mar to 13 Apr"), "{health}");
    assert!(health.contains("below target") && health.contains("Back at 95 % after"), "{health}");
}

/// The terminal and the page give the same answers to the same questions.
#[test]
fn the_first_answers_are_the_same_in_the_terminal_and_on_the_page() {
    let out = tempfile::tempdir().unwrap();
    let (tags, list) = (r"<[^>]*>", r"(?s)<dl[^>]*>(.*?)</dl>");
    let [tags, list] = [tags, list].map(|pattern| regex::Regex::new(pattern).unwrap());
    for day in DAYS {
        let target = published(out.path(), day);
        let html = ok(&["report", &target]);
        let answers = list.captures(&html).unwrap()[1].to_owned();
        let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let page = plain(&tags.replace_all(&answers, " ")).replace(" ,", ",").replace(" :", ":").replace(" .", ".");
        let health = ok(&["health", &target, "--today", day]);
        let (block, _) = health.split_once("\n\nACCOUNTS").unwrap();
        let (_, block) = block.split_once("\n\n").unwrap();
        let mut terminal = plain(block);
        for head in ["Worst", "Why", "First", "By when", "Enough"] {
            assert!(terminal.contains(&head.to_uppercase()), "{head} lacks an answer: {block}");
            terminal = terminal.replacen(&head.to_uppercase(), head, 1);
        }
        assert_eq!(page, terminal, "{day}");
    }
}

/// What had to be done by days that have passed since the figures were made is no task any more.
#[test]
fn tasks_whose_days_have_passed_are_not_live() {
    let out = tempfile::tempdir().unwrap();
    let target = published(out.path(), DAYS[1]);
    let listed = |today: &str| {
        let csv = ok(&["worklist", &target, "--today", today, "--format", "csv"]);
        let rows = csv.lines().skip(1).map(|line| line.split(',').next().unwrap().to_owned());
        rows.collect::<Vec<String>>()
    };
    let count = |rows: &[String], action: &str| rows.iter().filter(|row| *row == action).count();
    let (then, later) = (listed(DAYS[1]), listed("2025-05-05"));
    assert!(count(&later, "correct") < count(&then, "correct"), "corrections in time become late ones");
    assert!(count(&later, "wait") < count(&then, "wait"), "the figures do not know what happened to due packages");
    assert_eq!(listed("2024-01-01"), then, "before the figures their own day counts");
    assert!(listed("2026-11-29").is_empty());
    let text = ok(&["worklist", &target, "--today", "2026-11-29"]);
    assert!(text.contains("PAST: ") && text.contains("Run the job again"), "{text}");
    let health = ok(&["health", &target, "--today", "2026-11-29"]);
    assert!(health.contains("FIRST    Run the job again") && !health.contains("BY WHEN"), "{health}");
}

#[test]
fn the_work_list_says_what_is_overdue() {
    let out = tempfile::tempdir().unwrap();
    let target = published(out.path(), DAYS[1]);
    let csv = ok(&["worklist", &target, "--format", "csv", "--today", DAYS[1]]);
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let heads = reader.headers().unwrap().clone();
    let at = |name: &str| heads.iter().position(|head| head == name).unwrap();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let of = |action: &str| rows.iter().filter(|row| &row[at("action")] == action).count();
    assert!(of("correct") > 0 && of("chase") > 0 && of("correct_late") > 0 && of("wait") > 0 && of("nobody") == 0);
    let defects = table(Path::new(&target), "defects");
    let pending = defects.iter().filter(|row| row["pending"].as_deref() == Some("true")).count();
    assert_eq!(of("wait"), pending, "whatever is pending waits");
    for row in &rows {
        assert_eq!(&row[at("is_overdue")] == "true", &row[at("action")] == "correct_late");
        assert!(&row[at("action")] != "correct" || row[at("act_by")].is_empty() || &row[at("act_by")] >= "2025-04-28");
    }
    let said = fails(4, &["worklist", &target, "--fail-on", "overdue", "--today", DAYS[1]]);
    assert!(said.contains(&format!("{} packages", of("correct_late"))), "{said}");
    let json: serde_json::Value =
        serde_json::from_str(&ok(&["worklist", &target, "--json", "--today", DAYS[1]])).unwrap();
    assert_eq!(json.as_array().unwrap().len(), rows.len());
}

#[test]
fn a_page_keeps_to_its_size_and_says_so() {
    let out = tempfile::tempdir().unwrap();
    let target = published(out.path(), DAYS[1]);
    let whole = ok(&["report", &target]);
    let small = ok(&["report", &target, "--max-size", "200KB"]);
    assert!(whole.len() > 200_000 && small.len() <= 200_000, "{} and {}", whole.len(), small.len());
    assert!(small.contains("more would exceed --max-size") && small.contains("All accounts, worst first"));
    assert!(fails(2, &["report", &target, "--weeks", "105"]).contains("1 to 104"));
    assert!(fails(2, &["report", &target, "--version", "9"]).contains("there is no version 9"));
    assert!(fails(2, &["report", &target, "--appeal", "NOBODY", "GB"]).contains("vtr health"));
}

#[test]
fn versions_are_compared_by_account() {
    let out = tempfile::tempdir().unwrap();
    let target = out.path().join("out").display().to_string();
    for day in ["2025-03-31", "2025-04-28"] {
        ok(&["run", "jobs/weekly.toml", "--quiet", "--as-of", day, "--out", &target]);
    }
    let csv = ok(&["health", &target, "--compare", "1", "--format", "csv"]);
    assert!(csv.starts_with("change,seller_id,") && csv.contains("\nworse,") && csv.contains("\nbetter,"), "{csv}");
    assert!(
        fails(4, &["health", &target, "--compare", "1", "--fail-on", "worse"]).contains("are worse than in version 1")
    );
    ok(&["health", &target, "--compare", "2", "--fail-on", "worse"]);
    assert!(fails(2, &["health", &target, "--fail-on", "worse"]).contains("--compare"));
}

#[test]
fn orders_are_explained_by_list_and_by_number() {
    let job = "jobs/weekly.toml";
    let one = ok(&["explain", job, "--seller", "A1QUICKPICKDE0", "--order", "218-8449885-6049256"]);
    let by_number = ok(&["explain", job, "--tracking", "yt 2482246081041313"]);
    assert!(by_number.contains("order 218-8449885-6049256") && by_number.contains("Package 1"), "{by_number}");
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("orders.txt");
    fs::write(&list, "# two orders\n218-8449885-6049256,A1QUICKPICKDE0\nnone-such\n").unwrap();
    let listed = ok(&["explain", job, "--orders", &list.display().to_string()]);
    assert_eq!(listed, one, "the order that is not there is a warning");
    let json = ok(&["explain", job, "--seller", "A1QUICKPICKDE0", "--order", "218-8449885-6049256", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json[0]["reason"], "carrier_mismatch");
    assert_eq!(json[0]["day"], "2025-05-01");
    assert!(fails(3, &["explain", job, "--tracking", "nothing-like-it"]).contains("no row of number"));
    assert!(fails(2, &["explain", job]).contains("--tracking NUMBER"));
}

#[test]
fn certain_corrections_are_written_and_others_listed() {
    let folder = tempfile::tempdir().unwrap();
    let job = format!(
        "name = \"weekly\"\nas_of = \"2025-04-28\"\nas_of_mode = \"scans\"\nrates = \"{0}/sample_data/eurofxref-hist.csv\"\n[[input]]\npath = \"{0}/sample_data/shipments/*.parquet\"\n[output]\npath = \"out\"\n",
        root().display()
    );
    let path = folder.path().join("job.toml").display().to_string();
    fs::write(&path, job).unwrap();
    ok(&["run", &path, "--quiet"]);
    let corrections = folder.path().join("corrections");
    let left = ok(&["worklist", &path, "--format", "ship-confirm", "-o", &corrections.display().to_string()]);
    let unbroken = left.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(unbroken.contains("only a person knows the right number or carrier"), "{left}");
    let defects = table(&folder.path().join("out"), "defects");
    let mut lines = 0;
    for file in fs::read_dir(&corrections).into_iter().flatten().map(|file| file.unwrap().path()) {
        let text = fs::read_to_string(&file).unwrap();
        let mut rows = text.lines();
        assert_eq!(rows.next().unwrap().split('\t').count(), 8);
        for row in rows {
            let cells: Vec<&str> = row.split('\t').collect();
            assert_eq!(cells.len(), 8, "{row}");
            let of_order: Vec<_> =
                defects.iter().filter(|defect| defect["order_id"].as_deref() == Some(cells[0])).collect();
            assert!(
                matches!(of_order.as_slice(), [one] if one["reason"].as_deref() == Some("carrier_mismatch")),
                "{row}"
            );
            assert!(
                cells[1].is_empty() && !cells[4].is_empty() && !cells[6].is_empty() && cells[3].starts_with("2025-"),
                "{row}"
            );
            lines += 1;
        }
    }
    assert!(lines > 0, "the sample holds certain corrections; left to a person: {left}");
}
