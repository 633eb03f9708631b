//! Profiles from their TOML files.
//!
//! It decides what a profile may say; the users of a profile decide what follows from it. It reports every problem
//! with file and line, and refuses unknown keys.

use super::statuses::StatusWords;
use super::*;
use crate::load::reader::{Document, Node, Place, Report, Table, Text};
use crate::load::versions::{CONFIDENCE, confidence, sources};
use crate::text::hex;
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// The file that holds the lists of status words.
const STATUSES: &str = "statuses.toml";

pub(super) fn load(files: &[BookFile]) -> Result<Sources, Vec<Problem>> {
    let mut files: Vec<&BookFile> = files.iter().filter(|file| file.name.ends_with(".toml")).collect();
    files.sort_by(|a, b| a.name.cmp(&b.name));
    let report = Report::default();
    let documents: Vec<Document> = files.iter().map(|file| Document::parse(0, file, &report)).collect();
    if documents.is_empty() {
        report.add(
            Place { layer: 0, file: STATUSES, line: 1 },
            "the folder holds no profile; write one file for each kind",
        );
    }
    let sound = |document: &&Document| document.sound;
    let lists = documents.iter().filter(sound).find(|document| document.name == STATUSES);
    let lists = lists.map(|document| status_lists(&document.root(&report), &report));
    let mut profiles: Vec<Profile> = Vec::new();
    let mut kinds: HashMap<String, Place> = HashMap::new();
    for document in documents.iter().filter(sound).filter(|document| document.name != STATUSES) {
        let root = document.root(&report);
        let profile = profile(document, &root, lists.as_ref(), &report);
        root.finish();
        if let Some(kind) = document.peek("kind")
            && let Some(first) = kinds.insert(kind.text.to_owned(), kind.at)
        {
            report.add(kind.at, format!("the kind `{}` is described at {first} already; keep one", kind.text));
        }
        profiles.extend(profile);
    }
    profiles.sort_by(|a, b| a.kind.cmp(&b.kind));
    let problems = report.into_problems();
    if problems.is_empty() { Ok(Sources { profiles, digest: digest(&files) }) } else { Err(problems) }
}

/// Returns the digest, computed as for a book: lengths and bytes of names and texts, in name order.
fn digest(files: &[&BookFile]) -> String {
    let mut hash = Sha256::new();
    for part in files.iter().flat_map(|file| [&file.name, &file.text]) {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hex(&hash.finalize())
}

const ROLE: &str = "\"shipments\"";

fn role(node: Node) -> Option<Role> {
    node.choice(&Role::ALL.map(|role| (role.name(), role)))
}

fn profile<'a>(document: &Document, root: &Table<'a>, lists: Option<&Lists>, report: &'a Report) -> Option<Profile> {
    let kind = root.need("kind", "\"amazon.order_report\"").and_then(Node::text);
    let name = root.need("name", "\"Order report\"").and_then(Node::text);
    let own_role = root.need("role", ROLE).and_then(role);
    let lends = root.may("lends", "[\"orders\"]").and_then(Node::texts).unwrap_or_default();
    let formats = [Format::Csv, Format::Json, Format::Parquet].map(|format| (format.name(), format));
    let format = root.need("format", "\"csv\"").and_then(|node| node.choice(&formats));
    let fold = root
        .may("fold", "\"confirmations\"")
        .map(|node| node.choice(&[Fold::Confirmations].map(|fold| (fold.name(), fold))));
    let blank = [BlankNumber::Keep, BlankNumber::Delete].map(|blank| (blank.name(), blank));
    let blank_number = root.may("blank_number", "\"keep\"").map_or(Some(BlankNumber::Keep), |node| node.choice(&blank));
    let local = [("utc", LocalTimes::Utc), ("day", LocalTimes::Day)];
    let local_times = root.may("local_times", "\"utc\"").map_or(Some(LocalTimes::Day), |node| node.choice(&local));
    let timestamps = root.may("timestamps", "[\"%d.%m.%Y\"]").and_then(Node::texts).unwrap_or_default();
    let marks_known = [(".", b'.'), (",", b',')];
    let decimal = root.may("decimal", "\".\"").map(|node| node.choice(&marks_known));
    let statuses = root.may("statuses", "[\"easypost\"]").and_then(Node::some_texts).unwrap_or_default();
    let text = root.may("csv", "[csv] with its keys").and_then(Node::table);
    let text = text.map_or(Some(Delimited { header_line: 1, ..Delimited::default() }), |table| delimited(&table));
    let (records, explode) = documents(root, format, report);
    let columns = root.need("columns", "[columns] with its keys").and_then(Node::table);
    let columns = columns.map(|table| columns_of(&table, format, report)).unwrap_or_default();
    let constants = root.may("constants", "[constants] with its keys").and_then(Node::table);
    let constants = constants.map(|table| constants_of(&table, report)).unwrap_or_default();
    let needs = root.may("needs", "[\"order_id\"]").and_then(Node::texts).unwrap_or_default();
    let marks = root.need("marks", "[\"tracking-number\"]").and_then(Node::some_texts).unwrap_or_default();
    let generations = root.may("generation", "[[generation]] with its keys").and_then(Node::tables).unwrap_or_default();
    let generations = generations.iter().filter_map(generation).collect();
    let rating = root.need("confidence", CONFIDENCE).and_then(confidence);
    let checked_on = root.need("checked_on", "2026-11-22").and_then(Node::date);
    let sources = sources(root);
    let needs: Vec<Field> = needs.iter().filter_map(|name| field(*name, report)).collect();
    let lends = lends.iter().filter_map(|name| role_of(*name, report)).collect();
    for need in needs.iter().filter(|need| !columns.iter().any(|(field, _)| field == *need)) {
        report.add(
            root.at,
            format!("`needs` lists `{0}`, but [columns] reads it from nowhere; write {0} = ...", need.name()),
        );
    }
    Some(Profile {
        kind: kind?.text.to_owned(),
        name: name?.text.to_owned(),
        role: own_role?,
        lends,
        format: format?,
        fold: fold.flatten(),
        blank_number: blank_number?,
        text: text?,
        records,
        explode,
        columns,
        constants,
        needs,
        marks: owned(&marks),
        generations,
        local_times: local_times?,
        timestamps: owned(&timestamps),
        decimal: decimal.flatten(),
        statuses: lists.map(|lists| lists.union(&statuses, report)).unwrap_or_default(),
        confidence: rating?,
        checked_on: checked_on?,
        sources: sources?,
        note: document.note(),
    })
}

fn owned(texts: &[Text]) -> Vec<String> {
    texts.iter().map(|text| text.text.to_owned()).collect()
}

fn field(name: Text, report: &Report) -> Option<Field> {
    let found = Field::from_name(name.text);
    if found.is_none() {
        let hint = crate::suggest::did_you_mean(name.text, Field::ALL.iter().map(|field| field.name()));
        report.add(name.at, format!("`{}` is no field{hint}", name.text));
    }
    found
}

fn role_of(name: Text, report: &Report) -> Option<Role> {
    let found = Role::from_name(name.text);
    if found.is_none() {
        let hint = crate::suggest::did_you_mean(name.text, Role::ALL.iter().map(|role| role.name()));
        report.add(name.at, format!("`{}` is no role{hint}", name.text));
    }
    found
}

fn delimited(table: &Table) -> Option<Delimited> {
    let delimiter = table.may("delimiter", "\"\\t\"").map(|node| {
        let choices = [("tab", b'\t'), ("comma", b','), ("semicolon", b';'), ("bar", b'|')];
        node.choice(&choices)
    });
    let encoding = table.may("encoding", "\"shift_jis\"").and_then(Node::text);
    let header_line = table.may("header_line", "3").map_or(Some(1), |node| node.whole(1..=1000));
    table.finish();
    Some(Delimited {
        delimiter: delimiter.flatten(),
        encoding: encoding.map(|label| label.text.to_owned()),
        header_line: header_line? as usize,
    })
}

/// Reads `records` and `explode`.
fn documents(root: &Table, format: Option<Format>, report: &Report) -> (Vec<Path>, Option<Path>) {
    let records = root.may("records", "[\"orders\"]");
    let explode = root.may("explode", "\"packages[]\"");
    for node in records.iter().chain(&explode).filter(|_| format.is_some_and(|format| format != Format::Json)) {
        report.add(node.at, format!("`{}` is of documents only; leave it out, or write format = \"json\"", node.key));
    }
    let explode = explode.and_then(|node| {
        let path = path(node.text()?, report)?;
        let lists = path.steps.last() == Some(&Step::Each) && path.from == From::Record;
        if lists { Some(path) } else { node.refuse("is the path of a list and ends in []") }
    });
    let mut paths: Vec<Path> = records
        .map(Node::items)
        .unwrap_or_default()
        .into_iter()
        .filter_map(|node| {
            let text = node.text_or_empty()?;
            let read = path(text, report)?;
            if !read.is_plain() {
                report
                    .add(text.at, format!("`records` cannot be {:?}; write keys with points between them", text.text));
            }
            Some(read)
        })
        .collect();
    if paths.is_empty() {
        paths.push(Path::start());
    }
    paths.sort_by_key(|path| path.steps.len());
    (paths, explode)
}

fn path(text: Text, report: &Report) -> Option<Path> {
    Path::read(text.text).map_err(|wrong| report.add(text.at, format!("the path {:?} {wrong}", text.text))).ok()
}

fn columns_of(table: &Table, format: Option<Format>, report: &Report) -> Vec<(Field, Vec<Spot>)> {
    let mut columns = Vec::new();
    for (name, node) in table.entries("\"order-id\"") {
        let spots: Vec<Spot> = node.items().into_iter().filter_map(|item| spot(item, format, report)).collect();
        if let Some(field) = field(name, report) {
            columns.push((field, spots));
        }
    }
    columns.sort_by_key(|(field, _)| *field);
    columns
}

fn spot(node: Node, format: Option<Format>, report: &Report) -> Option<Spot> {
    let (at, values, others) = if node.is_text() {
        (node.text()?, Vec::new(), None)
    } else {
        let table = node.table()?;
        let at = table.need("at", "\"carrier-code\"").and_then(Node::text);
        let values = table.may("values", "{ Other = \"\" }").and_then(Node::table);
        let others = table.may("others", "\"\"").and_then(Node::text_or_empty);
        table.finish();
        let values = values.map(|values| {
            let value = |(from, to): (Text, Node)| Some((from.text.to_owned(), to.text_or_empty()?.text.to_owned()));
            values.entries("\"\"").into_iter().filter_map(value).collect()
        });
        (at?, values.unwrap_or_default(), others)
    };
    if format == Some(Format::Json) {
        path(at, report)?;
    }
    Some(Spot { at: at.text.to_owned(), values, others: others.map(|text| text.text.to_owned()) })
}

fn constants_of(table: &Table, report: &Report) -> Vec<(Field, String)> {
    let entry = |(name, node): (Text, Node)| Some((field(name, report)?, node.text()?.text.to_owned()));
    table.entries("\"MFN\"").into_iter().filter_map(entry).collect()
}

fn generation(table: &Table) -> Option<Generation> {
    let id = table.need("id", "\"us_2026\"").and_then(Node::text);
    let headings = table.need("headings", "[\"order-id\"]").and_then(Node::some_texts);
    table.finish();
    Some(Generation { id: id?.text.to_owned(), headings: owned(&headings?) })
}

/// The lists of status words, by name.
struct Lists(Vec<(String, HashMap<StatusWords, Meaning>)>);

impl Lists {
    /// Unites the words of several lists; one word may have only one meaning.
    fn union(&self, names: &[Text], report: &Report) -> StatusMap {
        let mut map = StatusMap::default();
        for name in names {
            let Some((_, list)) = self.0.iter().find(|(known, _)| known == name.text) else {
                let hint = crate::suggest::did_you_mean(name.text, self.0.iter().map(|(known, _)| known.as_str()));
                report.add(name.at, format!("{STATUSES} has no list `{}`{hint}", name.text));
                continue;
            };
            let mut words: Vec<_> = list.iter().collect();
            words.sort_by_key(|(words, _)| *words);
            for (words, meaning) in words {
                if map.entries.insert(words.clone(), *meaning).is_some_and(|other| other != *meaning) {
                    let word = words.0.as_ref().or(words.1.as_ref()).map_or("", String::as_str);
                    report.add(
                        name.at,
                        format!("`{word}` means something else in the list `{}` than in one before it", name.text),
                    );
                }
            }
        }
        map
    }
}

fn status_lists(root: &Table, report: &Report) -> Lists {
    let lists = root.need("list", "[[list]] with its keys").and_then(Node::tables).unwrap_or_default();
    let mut all: Vec<(String, HashMap<StatusWords, Meaning>)> = Vec::new();
    for table in &lists {
        let name = table.need("name", "\"easypost\"").and_then(Node::text);
        let mut words = HashMap::new();
        for key in ["status", "substatus"] {
            let Some(entries) = table.may(key, "{ delivered = \"delivered\" }").and_then(Node::table) else { continue };
            for (word, node) in entries.entries("\"delivered\" or { state = \"exception\", scan = false }") {
                let Some(meaning) = meaning(node) else { continue };
                let lower = Some(word.text.to_lowercase());
                let words_of = if key == "status" { (lower, None) } else { (None, lower) };
                if words.insert(words_of, meaning).is_some() {
                    report.add(word.at, format!("`{}` occurs twice in the list; case makes no difference", word.text));
                }
            }
        }
        for both in table.may("both", "[[list.both]] with its keys").and_then(Node::tables).unwrap_or_default() {
            let status = both.need("status", "\"delivered\"").and_then(Node::text);
            let substatus = both.need("substatus", "\"signed\"").and_then(Node::text);
            let state = both.need("state", "\"delivered\"").and_then(state);
            let scan = both.may("scan", "true").and_then(Node::flag);
            both.finish();
            let (Some(status), Some(substatus), Some(state)) = (status, substatus, state) else { continue };
            let lower = |text: Text| Some(text.text.to_lowercase());
            words.insert((lower(status), lower(substatus)), Meaning::of(state, scan));
        }
        table.need("confidence", CONFIDENCE).and_then(confidence);
        table.need("checked_on", "2026-11-22").and_then(Node::date);
        sources(table);
        table.finish();
        let Some(name) = name else { continue };
        if all.iter().any(|(known, _)| known == name.text) {
            report.add(name.at, format!("the list `{}` occurs twice; unite them", name.text));
        }
        all.push((name.text.to_owned(), words));
    }
    root.finish();
    Lists(all)
}

fn state(node: Node) -> Option<TrackingState> {
    node.choice(&TrackingState::ALL.map(|state| (state.name(), state)))
}

fn meaning(node: Node) -> Option<Meaning> {
    if node.is_text() {
        return state(node).map(|state| Meaning::of(state, None));
    }
    let table = node.table()?;
    let state = table.need("state", "\"exception\"").and_then(state);
    let scan = table.need("scan", "false").and_then(Node::flag);
    table.finish();
    Some(Meaning::of(state?, Some(scan?)))
}
