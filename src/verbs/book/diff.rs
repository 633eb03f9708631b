//! Lists the changes between two books.
//!
//! Books are compared as texts of TOML, key by key, so that books that do not load can be compared too; tables with an
//! id are matched by it, lists are compared as sets. A file that is not TOML is compared as a text. It cannot fail.

use std::collections::BTreeMap;
use std::fmt::Write;
use toml::Value;
use vtr_kernel::load::BookFile;

/// The keys that identify the tables of a list.
const IDS: [&str; 3] = ["id", "name", "title"];

/// A value in a book.
#[derive(Clone, Debug, PartialEq)]
enum Fact {
    /// A single value, as TOML writes it.
    One(String),
    /// The texts of a list in which order has no meaning.
    Set(Vec<String>),
    /// The ids of tables in which order decides which one matches first.
    Order(Vec<String>),
}

/// How the second book relates to the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lies {
    /// It is a complete book.
    Beside,
    /// It is an overlay: what it does not contain stays as in the first.
    OnTop,
}

/// Files whose entries add up with those of an overlay.
const ADD_UP: [&str; 4] = ["families.toml", "services.toml", "placeholders.toml", "words.toml"];

/// Determines how the second book relates to the first: if it lacks a file that every book needs, it is an overlay.
pub fn lies(old: &[BookFile], new: &[BookFile]) -> Lies {
    let has = |files: &[BookFile], name: &str| files.iter().any(|file| file.name == name);
    let lacks = |name: &&str| has(old, name) && !has(new, name);
    if ADD_UP.iter().any(lacks) { Lies::OnTop } else { Lies::Beside }
}

/// The differences, one per line, by file.
pub fn text(old: &[BookFile], new: &[BookFile], lies: Lies) -> String {
    let (mut text, mut last) = (String::new(), String::new());
    for (name, change) in changes(old, new, lies) {
        if name != last {
            let _ = writeln!(text, "{name}");
            last = name;
        }
        let _ = writeln!(text, "  {change}");
    }
    match (text.is_empty(), lies) {
        (true, Lies::Beside) => "the books are the same\n".into(),
        (true, Lies::OnTop) => "the second book is an overlay on the first and changes nothing\n".into(),
        (false, Lies::Beside) => text,
        (false, Lies::OnTop) => {
            format!("the second book is an overlay on the first: what it does not contain stays as it is\n{text}")
        }
    }
}

/// The differences, each with its file.
pub fn changes(old: &[BookFile], new: &[BookFile], lies: Lies) -> Vec<(String, String)> {
    let (old, new) = (by_name(old), by_name(new));
    let is_left = |name: &&str| lies == Lies::OnTop && !new.contains_key(*name);
    let mut names: Vec<&str> = old.keys().chain(new.keys()).copied().filter(|name| !is_left(name)).collect();
    names.sort_unstable();
    names.dedup();
    let mut changes = Vec::new();
    for name in names {
        let mut lines = match (old.get(name), new.get(name)) {
            (Some(old), Some(new)) if old == new => continue,
            (Some(old), Some(new)) if lies == Lies::OnTop && ADD_UP.contains(&name) => added(old, new),
            (Some(old), Some(new)) => of_file(old, new),
            (Some(_), None) => vec!["the file is gone".into()],
            _ => vec!["the file is new".into()],
        };
        if lines.is_empty() && lies == Lies::Beside {
            lines.push("comments or layout only".into());
        }
        changes.extend(lines.into_iter().map(|line| (name.to_owned(), line)));
    }
    changes
}

fn by_name(files: &[BookFile]) -> BTreeMap<&str, &str> {
    files
        .iter()
        .filter(|file| file.name.ends_with(".toml"))
        .map(|file| (file.name.as_str(), file.text.as_str()))
        .collect()
}

fn of_file(old: &str, new: &str) -> Vec<String> {
    let (Some(old), Some(new)) = (facts(old), facts(new)) else {
        return vec!["changed; one of the two is no TOML".into()];
    };
    let mut lines = Vec::new();
    let mut paths: Vec<&String> = old.keys().chain(new.keys()).collect();
    paths.sort();
    paths.dedup();
    // A table that is new or gone is reported once, not key by key.
    let mut whole: Vec<String> = Vec::new();
    for path in paths {
        if whole.iter().any(|gone| path.starts_with(gone.as_str())) {
            continue;
        }
        match (old.get(path), new.get(path)) {
            (Some(old), Some(new)) if old == new => {}
            (Some(Fact::Set(old)), Some(Fact::Set(new))) => lines.push(format!("{path}: {}", set_change(old, new))),
            (Some(Fact::Order(old)), Some(Fact::Order(new))) => {
                let said = order_change(path, old, new, &mut whole);
                lines.extend(said);
            }
            (Some(old), Some(new)) => lines.push(format!("{path}: {} -> {}", shown(old), shown(new))),
            (Some(Fact::Order(ids)), None) => lines.extend(members(path, ids, "gone", &mut whole)),
            (None, Some(Fact::Order(ids))) => lines.extend(members(path, ids, "new", &mut whole)),
            (Some(old), None) => lines.push(format!("{path}: {} is gone", shown(old))),
            (None, Some(new)) => lines.push(format!("{path}: {} is new", shown(new))),
            (None, None) => {}
        }
    }
    lines
}

/// What an overlay's file adds to the file with which it adds up.
fn added(old: &str, new: &str) -> Vec<String> {
    let (Some(old), Some(new)) = (facts(old), facts(new)) else {
        return vec!["changed; one of the two is no TOML".into()];
    };
    let (mut lines, mut whole) = (Vec::new(), Vec::<String>::new());
    for (path, new) in &new {
        if whole.iter().any(|gone| path.starts_with(gone.as_str())) {
            continue;
        }
        let only =
            |items: &[String], old: &[String]| items.iter().filter(|item| !old.contains(item)).cloned().collect();
        match (old.get(path), new) {
            (Some(Fact::Set(old)), Fact::Set(new)) => {
                let more: Vec<String> = only(new, old);
                let more: Vec<String> = more.iter().map(|item| format!("+{item}")).collect();
                if !more.is_empty() {
                    lines.push(format!("{path}: {}", more.join(" ")));
                }
            }
            (Some(Fact::Order(old)), Fact::Order(new)) => {
                let more: Vec<String> = only(new, old);
                lines.extend(members(path, &more, "new", &mut whole));
            }
            (Some(old), new) if old == new => {}
            (Some(old), new) => lines.push(format!("{path}: {} -> {}", shown(old), shown(new))),
            (None, Fact::Order(ids)) => lines.extend(members(path, ids, "new", &mut whole)),
            (None, new) => lines.push(format!("{path}: {} is new", shown(new))),
        }
    }
    lines
}

fn set_change(old: &[String], new: &[String]) -> String {
    let added = new.iter().filter(|item| !old.contains(item)).map(|item| format!("+{item}"));
    let removed = old.iter().filter(|item| !new.contains(item)).map(|item| format!("-{item}"));
    let changes: Vec<String> = removed.chain(added).collect();
    if changes.is_empty() { "in another order".into() } else { changes.join(" ") }
}

/// Reports members of a list as new or gone. `path` is the path of the list without any id: `version`, `version
/// gb-2025 > lane`.
fn members(path: &str, ids: &[String], what: &str, whole: &mut Vec<String>) -> Vec<String> {
    let member = |id: &String| {
        whole.push(format!("{path} {id} > "));
        format!("{path} {id} is {what}")
    };
    ids.iter().map(member).collect()
}

fn order_change(path: &str, old: &[String], new: &[String], whole: &mut Vec<String>) -> Vec<String> {
    let only = |a: &[String], b: &[String]| a.iter().filter(|id| !b.contains(id)).cloned().collect::<Vec<_>>();
    let mut lines = members(path, &only(old, new), "gone", whole);
    lines.extend(members(path, &only(new, old), "new", whole));
    let common = |a: &[String], b: &[String]| a.iter().filter(|id| b.contains(id)).cloned().collect::<Vec<_>>();
    if common(old, new) != common(new, old) {
        lines.push(format!("{path}: in another order: {}", new.join(", ")));
    }
    lines
}

fn shown(fact: &Fact) -> String {
    match fact {
        Fact::One(text) => text.clone(),
        Fact::Set(items) | Fact::Order(items) => format!("[{}]", items.join(", ")),
    }
}

/// Every value of a file by its path; `None` if it is not TOML.
fn facts(text: &str) -> Option<BTreeMap<String, Fact>> {
    let table: toml::Table = text.parse().ok()?;
    let mut facts = BTreeMap::new();
    collect(&table, "", &mut facts);
    Some(facts)
}

fn collect(table: &toml::Table, path: &str, facts: &mut BTreeMap<String, Fact>) {
    for (key, value) in table {
        let here = format!("{path}{key}");
        match value {
            Value::Table(inner) => collect(inner, &format!("{here} > "), facts),
            Value::Array(items) if !items.is_empty() && items.iter().all(Value::is_table) => {
                let tables: Vec<&toml::Table> = items.iter().filter_map(Value::as_table).collect();
                let ids: Vec<String> = tables.iter().enumerate().map(|(index, table)| id(table, index)).collect();
                for (table, id) in tables.iter().zip(&ids) {
                    collect(table, &format!("{here} {id} > "), facts);
                }
                facts.insert(here, Fact::Order(ids));
            }
            Value::Array(items) => {
                facts.insert(here, Fact::Set(items.iter().map(ToString::to_string).collect()));
            }
            single => {
                facts.insert(here, Fact::One(single.to_string()));
            }
        }
    }
}

fn id(table: &toml::Table, index: usize) -> String {
    let id = IDS.iter().find_map(|key| table.get(*key)).and_then(Value::as_str);
    id.map_or_else(|| format!("#{}", index + 1), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book(gb: &str) -> Vec<BookFile> {
        vec![BookFile { name: "policies/gb.toml".into(), text: gb.into() }]
    }

    const OLD: &str = r#"
name = "Amazon.co.uk"
aliases = ["GB", "UK"]
[[version]]
id = "gb-1"
target = { at_least = "0.95" }
[[version.lane]]
id = "a"
scans = 1
[[version.lane]]
id = "b"
scans = 1
"#;

    #[test]
    fn changes_are_named_by_their_place() {
        let new = r#"
name = "Amazon.co.uk"
aliases = ["GB", "Amazon.co.uk"]
[[version]]
id = "gb-1"
target = { at_least = "0.97" }
[[version.lane]]
id = "b"
scans = 2
[[version.lane]]
id = "a"
scans = 1
[[version.lane]]
id = "c"
scans = 1
[[version]]
id = "gb-2"
target = { at_least = "0.95" }
"#;
        let expected = "\
policies/gb.toml
  aliases: -\"UK\" +\"Amazon.co.uk\"
  version gb-2 is new
  version gb-1 > lane c is new
  version gb-1 > lane: in another order: b, a, c
  version gb-1 > lane b > scans: 1 -> 2
  version gb-1 > target > at_least: \"0.95\" -> \"0.97\"
";
        assert_eq!(text(&book(OLD), &book(new), Lies::Beside), expected);
    }

    #[test]
    fn the_same_book_and_new_files() {
        assert_eq!(text(&book(OLD), &book(OLD), Lies::Beside), "the books are the same\n");
        assert_eq!(
            text(&book(OLD), &book(&format!("# note\n{OLD}")), Lies::Beside),
            "policies/gb.toml\n  comments or layout only\n"
        );
        assert_eq!(text(&[], &book(OLD), Lies::Beside), "policies/gb.toml\n  the file is new\n");
        assert_eq!(
            text(&book(OLD), &book("no toml"), Lies::Beside),
            "policies/gb.toml\n  changed; one of the two is no TOML\n"
        );
    }

    #[test]
    fn a_book_on_top_is_compared_by_what_it_says() {
        let file = |name: &str, text: &str| BookFile { name: name.into(), text: text.into() };
        let below = [
            file("policies/gb.toml", OLD),
            file("families.toml", "[families]\nroyal = [\"a\", \"b\"]\n[groups]\nposts = [\"a\"]\n"),
        ];
        let say = |top: &[BookFile]| text(&below, top, Lies::OnTop);
        let nothing = "the second book is an overlay on the first and changes nothing\n";
        assert_eq!(say(&[]), nothing);
        assert_eq!(say(&below), nothing);
        assert_eq!(say(&[file("families.toml", "# ours\n[families]\nroyal = [\"b\"]\n")]), nothing);
        let top =
            say(&[file("families.toml", "[families]\nroyal = [\"c\"]\n"), file("carriers/c.toml", "id = \"c\"\n")]);
        let want = "the second book is an overlay on the first: what it does not contain stays as it is\n\
                    carriers/c.toml\n  the file is new\nfamilies.toml\n  families > royal: +\"c\"\n";
        assert_eq!(top, want);
        assert_eq!(lies(&below, &below), Lies::Beside);
        assert_eq!(lies(&below, &[file("carriers/c.toml", "")]), Lies::OnTop);
    }
}
