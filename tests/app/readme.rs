//! The README's figures come from the program: this writes them (`VTR_BLESS=1`) and holds them.

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

/// What the README shows between `<!-- name -->` and `<!-- /name -->`.
fn shown() -> Vec<(&'static str, String)> {
    let out = tempfile::tempdir().unwrap();
    let target = out.path().join("out").display().to_string();
    ok(&["run", "jobs/weekly.toml", "--quiet", "--out", &target]);
    let block = |text: String| {
        let lines: Vec<&str> = text.trim_end().lines().map(str::trim_end).collect();
        format!("```text\n{}\n```\n", lines.join("\n"))
    };
    let health = ok(&["health", &target, "--limit", "8"]);
    let story = ok(&["explain", "jobs/weekly.toml", "--seller", "A1QUICKPICKDE0", "--order", "218-8449885-6049256"]);
    vec![
        ("health", block(health)),
        ("explain", block(story)),
        ("reasons", reasons()),
        ("tables", vtr::schema::markdown()),
    ]
}

#[test]
fn the_readme_shows_what_the_program_says() {
    let path = root().join("README.md");
    let mut readme = std::fs::read_to_string(&path).unwrap();
    for (name, text) in shown() {
        let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
        let start = readme.find(&open).unwrap_or_else(|| panic!("README.md has no {open}")) + open.len();
        let end = start + readme[start..].find(&close).unwrap_or_else(|| panic!("README.md has no {close}"));
        if std::env::var_os("VTR_BLESS").is_some() {
            readme.replace_range(start..end, &text);
        } else {
            assert_eq!(&readme[start..end], text, "{name} in README.md is not what the program says");
        }
    }
    if std::env::var_os("VTR_BLESS").is_some() {
        std::fs::write(path, readme).unwrap();
    }
}
