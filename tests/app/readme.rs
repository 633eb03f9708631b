//! Checks that figures and lists in README and docs are the program's; `VTR_BLESS=1` writes them.

use crate::support::{ok, root};
use vtr_kernel::reason::TABLE;

/// The ladder as a Markdown table.
fn reasons() -> String {
    let mut text = String::from("| rung | reason | class | meaning |\n|---|---|---|---|\n");
    let mut entries: Vec<_> = TABLE.iter().collect();
    entries.sort_by_key(|entry| entry.rung);
    for entry in entries {
        text += &format!("| {} | `{}` | {} | {} |\n", entry.rung, entry.name, entry.class.name(), entry.meaning);
    }
    text
}

/// The generated texts between `<!-- name -->` and `<!-- /name -->`: file, name, text.
fn shown() -> Vec<(&'static str, &'static str, String)> {
    let out = tempfile::tempdir().unwrap();
    let target = out.path().join("out").display().to_string();
    ok(&["run", "jobs/weekly.toml", "--quiet", "--out", &target]);
    let block = |text: String| {
        let lines: Vec<&str> = text.trim_end().lines().map(str::trim_end).collect();
        format!("```text\n{}\n```\n", lines.join("\n"))
    };
    let health = ok(&["health", &target, "--limit", "1", "--today", "2025-05-31"]);
    let de = ["--seller", "A1CABLECORNER0", "--marketplace", "DE", "--today", "2025-05-31"];
    let worklist = ok(&[&["worklist", &target], &de[..]].concat());
    let story = ok(&["explain", "jobs/weekly.toml", "--seller", "A1QUICKPICKDE0", "--order", "218-8449885-6049256"]);
    vec![
        ("README.md", "health", block(health)),
        ("README.md", "worklist", block(worklist)),
        ("docs/tables.md", "explain", block(story)),
        ("docs/tables.md", "reasons", reasons()),
        ("docs/tables.md", "tables", vtr::schema::markdown()),
    ]
}

#[test]
fn readme_and_docs_show_what_the_program_says() {
    for (file, name, text) in shown() {
        let path = root().join(file);
        let mut page = std::fs::read_to_string(&path).unwrap();
        let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
        let start = page.find(&open).unwrap_or_else(|| panic!("{file} has no {open}")) + open.len();
        let end = start + page[start..].find(&close).unwrap_or_else(|| panic!("{file} has no {close}"));
        if std::env::var_os("VTR_BLESS").is_some() {
            page.replace_range(start..end, &text);
            std::fs::write(path, page).unwrap();
        } else {
            assert_eq!(&page[start..end], text, "{name} in {file} is not what the program says");
        }
    }
}

/// The README stays short enough to be read; everything else is in `docs/`.
#[test]
fn the_readme_is_short() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let (lines, words) = (readme.lines().count(), readme.split_whitespace().count());
    assert!(lines <= 220 && words <= 1_800, "{lines} lines, {words} words");
    let mut is_output = false;
    let long: Vec<&str> = readme
        .lines()
        .filter(|line| {
            is_output ^= line.starts_with("```");
            !is_output && line.chars().count() > 120
        })
        .collect();
    assert!(long.is_empty(), "lines of more than 120 columns: {long:#?}");
}

/// Every key of a job is described with an example.
#[test]
fn docs_describe_every_key_of_a_job() {
    let schema: serde_json::Value = serde_json::from_str(&ok(&["job", "schema"])).unwrap();
    let page = std::fs::read_to_string(root().join("docs/jobs.md")).unwrap();
    let mut keys = std::collections::BTreeSet::new();
    collect_keys(&schema, &mut keys);
    let lacking: Vec<&String> = keys.iter().filter(|key| !page.contains(key.as_str())).collect();
    assert!(keys.len() > 40 && lacking.is_empty(), "docs/jobs.md lacks {lacking:?}");
}

fn collect_keys(schema: &serde_json::Value, keys: &mut std::collections::BTreeSet<String>) {
    match schema {
        serde_json::Value::Object(members) => {
            if let Some(serde_json::Value::Object(properties)) = members.get("properties") {
                keys.extend(properties.keys().cloned());
            }
            members.values().for_each(|member| collect_keys(member, keys));
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| collect_keys(item, keys)),
        _ => {}
    }
}
