//! Reading a TOML file key by key, with the line of every problem.
//!
//! Values are walked by hand, because a derived reader stops at its first problem and has no lines. A key that
//! cannot be read is reported and gives `None`; readers go on with the next key, so that one load names every
//! problem. This module does not know the meaning of keys.

use super::{BookFile, Problem};
use crate::calendar::{Day, day_from_date};
use crate::suggest::did_you_mean;
use crate::text::{Lines, shown};
use sha2::{Digest, Sha256};
use std::cell::RefCell;
use std::ops::RangeInclusive;
use toml::de::{DeTable, DeValue};

/// A place in a book.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    /// The layer, from 0 for the lowest.
    pub layer: usize,
    pub file: &'a str,
    pub line: usize,
}

impl std::fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// All problems found so far.
#[derive(Default)]
pub(crate) struct Report(RefCell<Vec<Problem>>);

impl Report {
    /// Adds a problem. The message is escaped, because it quotes keys and values of the files, which may hold any
    /// character.
    pub fn add(&self, at: Place, message: impl AsRef<str>) {
        let message = shown(message.as_ref()).into_owned();
        self.0.borrow_mut().push(Problem { layer: at.layer, file: at.file.to_owned(), line: at.line, message });
    }

    /// Returns all problems by file and line; none means that every key was readable.
    pub fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.0.into_inner();
        problems.sort();
        problems.dedup();
        problems
    }
}

/// A parsed file.
pub(crate) struct Document<'a> {
    pub layer: usize,
    pub name: &'a str,
    text: &'a str,
    root: DeTable<'a>,
    lines: Lines,
    /// Whether the whole file is TOML. A damaged file still gives its id if possible, so that the damage does not
    /// make the id unknown wherever it is named.
    pub sound: bool,
}

impl<'a> Document<'a> {
    pub fn parse(layer: usize, file: &'a BookFile, report: &Report) -> Document<'a> {
        let (root, errors) = DeTable::parse_recoverable(&file.text);
        let (name, text, sound) = (file.name.as_str(), file.text.as_str(), errors.is_empty());
        let document = Document { layer, name, text, root: root.into_inner(), lines: Lines::of(text), sound };
        for error in errors {
            let at = document.place(error.span().map_or(0, |span| span.start));
            report.add(at, format!("this is not TOML: {}", error.message().replace('\n', ", ")));
        }
        document
    }

    pub fn place(&self, offset: usize) -> Place<'_> {
        Place { layer: self.layer, file: self.name, line: self.lines.line(offset) }
    }

    pub fn root<'d>(&'d self, report: &'d Report) -> Table<'d> {
        Table { values: &self.root, document: self, report, at: self.place(0), asked: RefCell::default() }
    }

    /// Returns the lines of comment with which the file begins.
    pub fn note(&self) -> Vec<String> {
        self.text.lines().map_while(comment).collect()
    }

    /// Returns the lines of comment right above a line.
    fn note_above(&self, line: usize) -> Vec<String> {
        let text = |line: usize| self.text.get(self.lines.start(line)..)?.lines().next();
        let above = (0..line.saturating_sub(1)).rev();
        let mut note: Vec<String> = above.map_while(|line| comment(text(line)?)).collect();
        note.reverse();
        note
    }

    /// Returns a text at the top of the file. It reports nothing.
    pub fn peek(&self, key: &str) -> Option<Text<'_>> {
        let (_, value) = self.root.iter().find(|(known, _)| known.get_ref() == key)?;
        let text = value.get_ref().as_str().filter(|text| !text.is_empty())?;
        Some(Text { text, at: self.place(value.span().start) })
    }
}

/// Returns the text of a line of comment; `None` for any other line.
fn comment(line: &str) -> Option<String> {
    let text = line.strip_prefix('#')?;
    Some(text.strip_prefix(' ').unwrap_or(text).trim_end().to_owned())
}

/// A text and its place.
#[derive(Clone, Copy)]
pub(crate) struct Text<'a> {
    pub text: &'a str,
    pub at: Place<'a>,
}

/// A table that records which keys were read.
pub(crate) struct Table<'a> {
    values: &'a DeTable<'a>,
    document: &'a Document<'a>,
    report: &'a Report,
    pub at: Place<'a>,
    asked: RefCell<Vec<&'static str>>,
}

impl<'a> Table<'a> {
    /// Returns the value of an optional key; `example` is a valid value for messages.
    pub fn may(&self, key: &'static str, example: &'static str) -> Option<Node<'a>> {
        self.asked.borrow_mut().push(key);
        let (name, value) = self.values.iter().find(|(known, _)| known.get_ref() == key)?;
        Some(self.node(name.get_ref(), example, value))
    }

    /// Returns the value of a required key.
    pub fn need(&self, key: &'static str, example: &'static str) -> Option<Node<'a>> {
        let node = self.may(key, example);
        if node.is_none() {
            self.report.add(self.at, format!("`{key}` is missing; write {}", assignment(key, example)));
        }
        node
    }

    /// Returns the comment right above its header, line by line.
    pub fn note(&self) -> Vec<String> {
        self.document.note_above(self.at.line)
    }

    /// Returns the value of a key that a higher layer may leave to a lower one.
    pub fn need_in(&self, layer: Layer, key: &'static str, example: &'static str) -> Option<Node<'a>> {
        match layer {
            Layer::Lowest => self.need(key, example),
            Layer::OnTop => self.may(key, example),
        }
    }

    /// Adds its content to a digest: keys in order and values, without layout, comments and the given keys.
    pub fn digest(&self, hash: &mut Sha256, without: &[&str]) {
        digest_table(self.values, hash, without);
    }

    /// Returns every key with its value, for tables whose keys are names.
    pub fn entries(&self, example: &'static str) -> Vec<(Text<'a>, Node<'a>)> {
        let entry = |(key, value): (&'a toml::Spanned<_>, _)| {
            let key: &'a std::borrow::Cow<'a, str> = key.get_ref();
            let node = self.node(key, example, value);
            (Text { text: key, at: node.at }, node)
        };
        self.values.iter().map(entry).collect()
    }

    fn node(&self, key: &'a str, example: &'static str, value: &'a toml::Spanned<DeValue<'a>>) -> Node<'a> {
        let at = self.document.place(value.span().start);
        Node { key, example, value: value.get_ref(), document: self.document, report: self.report, at }
    }

    /// Reports the keys that nobody read.
    pub fn finish(&self) {
        let asked = self.asked.borrow();
        for (key, _) in self.values.iter().filter(|(key, _)| !asked.iter().any(|known| known == key.get_ref())) {
            let at = self.document.place(key.span().start);
            let hint = did_you_mean(key.get_ref(), asked.iter().copied());
            self.report.add(at, format!("the key `{}` means nothing here{hint}", key.get_ref()));
        }
    }
}

/// Whether a file of the book may leave keys to a file below it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layer {
    /// The file must be complete.
    Lowest,
    /// The file adds to those below it.
    OnTop,
}

fn digest_table(table: &DeTable, hash: &mut Sha256, without: &[&str]) {
    let mut entries: Vec<_> = table.iter().map(|(key, value)| (key.get_ref(), value.get_ref())).collect();
    entries.retain(|(key, _)| !without.contains(&key.as_ref()));
    entries.sort_by_key(|(key, _)| *key);
    hash.update((entries.len() as u64).to_le_bytes());
    for (key, value) in entries {
        digest_text(key, hash);
        digest_value(value, hash, without);
    }
}

fn digest_value(value: &DeValue, hash: &mut Sha256, without: &[&str]) {
    let (kind, text) = match value {
        DeValue::Table(table) => {
            hash.update(b"t");
            return digest_table(table, hash, without);
        }
        DeValue::String(text) => {
            hash.update(b"s");
            return digest_text(text, hash);
        }
        DeValue::Array(items) => {
            hash.update(b"l");
            hash.update((items.len() as u64).to_le_bytes());
            return items.iter().for_each(|item| digest_value(item.get_ref(), hash, without));
        }
        DeValue::Boolean(flag) => (b"b", flag.to_string()),
        DeValue::Datetime(moment) => (b"d", moment.to_string()),
        DeValue::Integer(integer) => (b"i", format!("{}:{}", integer.radix(), integer.as_str())),
        DeValue::Float(float) => (b"f", float.as_str().to_owned()),
    };
    hash.update(kind);
    digest_text(&text, hash);
}

fn digest_text(text: &str, hash: &mut Sha256) {
    hash.update((text.len() as u64).to_le_bytes());
    hash.update(text.as_bytes());
}

/// Returns how a key is written; tables have headers instead of values.
fn assignment(key: &str, example: &str) -> String {
    if example.starts_with("[") && example.ends_with("] with its keys") {
        example.to_owned()
    } else {
        format!("{key} = {example}")
    }
}

/// The value of a key.
#[derive(Clone, Copy)]
pub(crate) struct Node<'a> {
    pub key: &'a str,
    example: &'static str,
    value: &'a DeValue<'a>,
    document: &'a Document<'a>,
    report: &'a Report,
    pub at: Place<'a>,
}

impl<'a> Node<'a> {
    /// Reports what is wrong with the value, and what to write instead.
    pub fn refuse<T>(&self, what: impl std::fmt::Display) -> Option<T> {
        self.report.add(self.at, format!("`{}` {what}; write {}", self.key, assignment(self.key, self.example)));
        None
    }

    fn wrong_type<T>(&self) -> Option<T> {
        let kind = match self.value {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a number with a fraction",
            DeValue::Boolean(_) => "a true or false",
            DeValue::Datetime(_) => "a date or time",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.refuse(format!("cannot be {kind}"))
    }

    pub fn text(self) -> Option<Text<'a>> {
        match self.value {
            DeValue::String(text) if text.trim().is_empty() => self.refuse("is empty"),
            DeValue::String(text) if text.trim() != text => self.refuse("has blanks at an end"),
            DeValue::String(text) => Some(Text { text, at: self.at }),
            _ => self.wrong_type(),
        }
    }

    /// Returns a text that may be empty.
    pub fn text_or_empty(self) -> Option<Text<'a>> {
        match self.value {
            DeValue::String(text) if text.is_empty() => Some(Text { text, at: self.at }),
            _ => self.text(),
        }
    }

    /// Returns the values of a list; a single value counts as a list of one.
    pub fn items(self) -> Vec<Node<'a>> {
        let DeValue::Array(array) = self.value else { return vec![self] };
        let item = |value: &'a toml::Spanned<DeValue<'a>>| Node {
            value: value.get_ref(),
            at: self.document.place(value.span().start),
            ..self
        };
        array.iter().map(item).collect()
    }

    /// Reads one of a few words, and returns its meaning.
    pub fn choice<T: Clone>(self, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text()?;
        let known = choices.iter().find(|(word, _)| *word == text.text);
        if known.is_none() {
            let hint = did_you_mean(text.text, choices.iter().map(|(word, _)| *word));
            self.report.add(self.at, format!("`{}` cannot be {:?}{hint}", self.key, text.text));
        }
        known.map(|(_, meaning)| meaning.clone())
    }

    pub fn flag(self) -> Option<bool> {
        match self.value {
            DeValue::Boolean(flag) => Some(*flag),
            _ => self.wrong_type(),
        }
    }

    pub fn whole(self, range: RangeInclusive<i32>) -> Option<i32> {
        let DeValue::Integer(integer) = self.value else { return self.wrong_type() };
        let value = i32::from_str_radix(integer.as_str(), integer.radix()).ok();
        match value.filter(|value| range.contains(value)) {
            None => self.refuse(format!("must be between {} and {}", range.start(), range.end())),
            value => value,
        }
    }

    pub fn is_whole(&self) -> bool {
        matches!(self.value, DeValue::Integer(_))
    }

    pub fn is_text(&self) -> bool {
        matches!(self.value, DeValue::String(_))
    }

    pub fn date(self) -> Option<Day> {
        let DeValue::Datetime(moment) = self.value else { return self.wrong_type() };
        match (moment.date, moment.time) {
            (Some(date), None) => {
                let (year, month, day) = (i32::from(date.year), u32::from(date.month), u32::from(date.day));
                match chrono::NaiveDate::from_ymd_opt(year, month, day) {
                    None => self.refuse("is no day of the calendar"),
                    date => date.map(day_from_date),
                }
            }
            _ => self.refuse("is a date without a time"),
        }
    }

    /// Returns the texts of a list, without the broken ones.
    pub fn texts(self) -> Option<Vec<Text<'a>>> {
        let DeValue::Array(array) = self.value else { return self.wrong_type() };
        let text = |value: &'a toml::Spanned<DeValue<'a>>| {
            Node { value: value.get_ref(), at: self.document.place(value.span().start), ..self }.text()
        };
        Some(array.iter().filter_map(text).collect())
    }

    /// Returns the texts of a list that must hold at least one.
    pub fn some_texts(self) -> Option<Vec<Text<'a>>> {
        let texts = self.texts()?;
        if texts.is_empty() { self.refuse("is an empty list, which nothing fits") } else { Some(texts) }
    }

    pub fn table(self) -> Option<Table<'a>> {
        let (document, report, at) = (self.document, self.report, self.at);
        match self.value {
            DeValue::Table(values) => Some(Table { values, document, report, at, asked: RefCell::default() }),
            _ => self.wrong_type(),
        }
    }

    pub fn tables(self) -> Option<Vec<Table<'a>>> {
        let DeValue::Array(array) = self.value else { return self.wrong_type() };
        let table = |value: &'a toml::Spanned<DeValue<'a>>| {
            Node { value: value.get_ref(), at: self.document.place(value.span().start), ..self }.table()
        };
        Some(array.iter().filter_map(table).collect())
    }
}
