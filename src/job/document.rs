//! A job as text: a tree of keys, each with the line or the option that it came from.
//!
//! It reads TOML, lays options over it, and validates the tree against the JSON Schema of the spec; it knows no key by
//! name. Every fault is reported with its place and removed from the tree, so that one reading names all faults.

use serde_json::{Map, Value};
use std::cell::RefCell;
use toml::de::{DeTable, DeValue};
use vtr_kernel::suggest::did_you_mean;
use vtr_kernel::text::Lines;

/// Where something was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// A line of the job file, from 1.
    Line(usize),
    /// An option or an environment variable, by the name that a person knows.
    Given(String),
}

/// All problems found so far.
pub struct Report {
    file: String,
    problems: RefCell<Vec<(Origin, String)>>,
    /// Texts that no problem repeats.
    hidden: RefCell<Vec<String>>,
}

impl Report {
    /// Returns a report on a file, without problems yet.
    pub fn new(file: String) -> Report {
        Report { file, problems: RefCell::default(), hidden: RefCell::default() }
    }

    /// Keeps a typed value, and all texts in it, out of the problems, because problems go to logs.
    pub fn hide(&self, typed: &str) {
        let mut texts = vec![typed.to_owned()];
        texts_of(&typed_value(typed, &Origin::Line(1)), &mut texts);
        let mut hidden = self.hidden.borrow_mut();
        hidden.extend(texts.iter().map(|text| text.escape_debug().to_string()));
        hidden.extend(texts);
        // A word of the program's own is no value of a person, and remedies name it.
        hidden.retain(|text| !text.trim().is_empty() && text != super::shelf::EMBEDDED);
        // Longer texts are removed first, so that no rest of one remains after a part of it is removed.
        hidden.sort_by_key(|text| std::cmp::Reverse(text.len()));
        hidden.dedup();
    }

    /// Adds a problem.
    pub fn add(&self, at: &Origin, message: impl Into<String>) {
        self.problems.borrow_mut().push((at.clone(), message.into()));
    }

    /// Returns whether no problem was found so far.
    pub fn is_empty(&self) -> bool {
        self.problems.borrow().is_empty()
    }

    /// Returns all problems by place, one line each, with escaped quotations; `None` if there is none.
    pub fn into_text(self) -> Option<String> {
        let mut problems = self.problems.into_inner();
        let hidden = self.hidden.into_inner();
        for (_, message) in &mut problems {
            *message = masked(message, &hidden);
        }
        problems.sort();
        problems.dedup();
        let line = |(at, message): &(Origin, String)| match at {
            Origin::Line(line) => format!("{}:{line}: {message}", self.file),
            Origin::Given(option) => format!("{option}: {message}"),
        };
        let lines = || problems.iter().map(line).collect::<Vec<_>>().join("\n");
        (!problems.is_empty()).then(|| crate::progress::shown_lines(&lines()))
    }
}

/// The replacement of a text that is not repeated.
const HIDDEN: &str = "***";

/// Returns a message without the hidden texts. A remedy (what follows `; `) has words of its own, so a hidden text is
/// removed there only where it is no part of a longer name.
fn masked(message: &str, hidden: &[String]) -> String {
    let crosses = |text: &&String| text.contains("; ") || text.contains('\n');
    let whole = hidden.iter().filter(crosses).fold(message.to_owned(), |message, text| without(&message, text, "."));
    let line = |line: &str| {
        let (fault, remedy) = line.split_at(line.find("; ").unwrap_or(line.len()));
        let all =
            |part: &str, joints: &str| hidden.iter().fold(part.to_owned(), |part, text| without(&part, text, joints));
        all(fault, ".") + &all(remedy, "./")
    };
    whole.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// Returns a message without a text where that is a whole word: `a` is not removed from `name`, nor `input` from
/// `input.0`. What follows one of the `joints` continues a word, as in the `Europe/Berlin` of a remedy.
fn without(message: &str, text: &str, joints: &str) -> String {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let (mut kept, mut rest) = (String::new(), message);
    while let Some(at) = rest.find(text) {
        let (before, behind) = (&rest[..at], &rest[at + text.len()..]);
        let mut next = behind.chars();
        let goes_on = match next.next() {
            Some('.') => next.next().is_some_and(is_word),
            next => next.is_some_and(is_word) && text.ends_with(is_word),
        };
        let last = before.chars().next_back().or_else(|| kept.chars().next_back());
        let began = last.is_some_and(|c| is_word(c) || joints.contains(c)) && text.starts_with(is_word);
        // A very short text is removed only if it is quoted, because only then it is surely the value.
        let is_plain = text.len() < 3 && !matches!(last, Some('"' | '`'));
        kept.push_str(before);
        kept.push_str(if goes_on || began || is_plain { text } else { HIDDEN });
        rest = behind;
    }
    kept + rest
}

/// Collects all texts and keys that a value holds.
fn texts_of(node: &Node, into: &mut Vec<String>) {
    match &node.content {
        NodeContent::Leaf(value, _) => into.extend(value.as_str().map(str::to_owned)),
        NodeContent::List(items) => items.iter().for_each(|item| texts_of(item, into)),
        NodeContent::Table(entries) => {
            for (key, node) in entries {
                into.push(key.clone());
                texts_of(node, into);
            }
        }
    }
}

/// A key's value and the place where it was written.
#[derive(Clone, Debug)]
struct Node {
    at: Origin,
    content: NodeContent,
}

#[derive(Clone, Debug)]
enum NodeContent {
    /// A text, number or flag; for an option also the text as it was typed.
    Leaf(Value, Option<String>),
    List(Vec<Node>),
    Table(Vec<(String, Node)>),
}

/// A job file with the options laid over it.
#[derive(Clone, Debug)]
pub struct Document {
    root: Node,
}

impl Document {
    /// Reads TOML; of a damaged file it keeps the parts that can be read.
    pub fn parse(text: &str, report: &Report) -> Document {
        let lines = Lines::of(text);
        let line_of = |offset: usize| lines.line(offset);
        let (root, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            let at = Origin::Line(line_of(error.span().map_or(0, |span| span.start)));
            report.add(&at, format!("this is not TOML: {}", error.message().replace('\n', ", ")));
        }
        Document { root: Node { at: Origin::Line(1), content: table(root.get_ref(), &line_of) } }
    }

    /// Sets a key by its dotted path (`output.path`, `input.0.path`) to a value written as TOML, or else to that text.
    ///
    /// # Errors
    /// Why the key cannot exist.
    pub fn set(&mut self, path: &str, typed: &str, option: &str) -> Result<(), String> {
        let at = Origin::Given(option.to_owned());
        let mut node = &mut self.root;
        let parts: Vec<&str> = path.split('.').map(str::trim).collect();
        if parts.iter().any(|part| part.is_empty()) {
            return Err(format!("`{path}` is not a key; write it as in `output.path` or `input.0.path`"));
        }
        for (index, part) in parts.iter().enumerate() {
            let next_is_index = parts.get(index + 1).is_some_and(|next| next.parse::<usize>().is_ok());
            let empty = if next_is_index { NodeContent::List(Vec::new()) } else { NodeContent::Table(Vec::new()) };
            let fresh = || Node { at: at.clone(), content: empty };
            node = match &mut node.content {
                NodeContent::Table(entries) => {
                    let known = entries.iter().position(|(key, _)| key == part);
                    let place = known.unwrap_or_else(|| {
                        entries.push(((*part).to_owned(), fresh()));
                        entries.len() - 1
                    });
                    &mut entries[place].1
                }
                NodeContent::List(items) => {
                    let here = parts[..index].join(".");
                    let place = part.parse::<usize>().ok().filter(|place| *place <= items.len()).ok_or_else(|| {
                        format!("`{here}` is a list of {}; write `{here}.0` for its first", items.len())
                    })?;
                    if place == items.len() {
                        items.push(fresh());
                    }
                    &mut items[place]
                }
                NodeContent::Leaf(..) => {
                    return Err(format!("`{}` is a value and has no keys", parts[..index].join(".")));
                }
            };
        }
        *node = typed_value(typed, &at);
        Ok(())
    }

    /// Sets a key to a text, a number or a list of them, without reading the text as TOML.
    pub fn give(&mut self, key: &str, value: Value, option: &str) {
        let leaf = |value: Value| {
            let typed = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            NodeContent::Leaf(value, Some(typed))
        };
        let at = Origin::Given(option.to_owned());
        let content = match value {
            Value::Array(items) => {
                NodeContent::List(items.into_iter().map(|item| Node { at: at.clone(), content: leaf(item) }).collect())
            }
            value => leaf(value),
        };
        if self.set(key, "", option).is_ok()
            && let Some(node) = self.find_mut(key)
        {
            node.content = content;
        }
    }

    /// Returns the place where a key was written, or else that of its table.
    pub fn origin(&self, path: &str) -> Origin {
        let mut node = &self.root;
        for part in path.split('.') {
            let next = match &node.content {
                NodeContent::Table(entries) => entries.iter().find(|(key, _)| key == part).map(|(_, node)| node),
                NodeContent::List(items) => part.parse::<usize>().ok().and_then(|index| items.get(index)),
                NodeContent::Leaf(..) => None,
            };
            match next {
                Some(next) => node = next,
                None => break,
            }
        }
        node.at.clone()
    }

    fn find_mut(&mut self, path: &str) -> Option<&mut Node> {
        path.split('.').try_fold(&mut self.root, |node, part| match &mut node.content {
            NodeContent::Table(entries) => entries.iter_mut().find(|(key, _)| key == part).map(|(_, node)| node),
            NodeContent::List(items) => part.parse::<usize>().ok().and_then(|index| items.get_mut(index)),
            NodeContent::Leaf(..) => None,
        })
    }

    /// Validates the tree against a schema without references, removes everything that does not fit, and returns the
    /// rest; `None` if a required key is missing.
    pub fn fitted(&mut self, schema: &Value, report: &Report) -> Option<Value> {
        let fits = fit(&mut self.root, schema, "", report);
        fits.then(|| plain(&self.root))
    }
}

fn table(values: &DeTable, line_of: &dyn Fn(usize) -> usize) -> NodeContent {
    let entry = |(key, value): (&toml::Spanned<std::borrow::Cow<str>>, &toml::Spanned<DeValue>)| {
        let at = Origin::Line(line_of(key.span().start));
        (key.get_ref().to_string(), Node { at, content: content(value.get_ref(), line_of) })
    };
    NodeContent::Table(values.iter().map(entry).collect())
}

fn content(value: &DeValue, line_of: &dyn Fn(usize) -> usize) -> NodeContent {
    let leaf = |value: Value| NodeContent::Leaf(value, None);
    match value {
        DeValue::String(text) => leaf(Value::from(text.as_ref())),
        DeValue::Boolean(flag) => leaf(Value::from(*flag)),
        // A number beyond 64 bits fits no key; as null it is refused like any wrong type.
        DeValue::Integer(number) => {
            let digits = number.as_str().replace('_', "");
            leaf(i64::from_str_radix(&digits, number.radix()).map_or(Value::Null, Value::from))
        }
        DeValue::Float(number) => {
            leaf(number.as_str().replace('_', "").parse::<f64>().map_or(Value::Null, Value::from))
        }
        DeValue::Datetime(moment) => leaf(Value::from(moment.to_string())),
        DeValue::Array(items) => {
            let node = |item: &toml::Spanned<DeValue>| Node {
                at: Origin::Line(line_of(item.span().start)),
                content: content(item.get_ref(), line_of),
            };
            NodeContent::List(items.iter().map(node).collect())
        }
        DeValue::Table(values) => table(values, line_of),
    }
}

/// Returns a value as typed on a command line: TOML if it parses, else the text itself.
fn typed_value(typed: &str, at: &Origin) -> Node {
    let whole = format!("v = {typed}");
    let (root, errors) = DeTable::parse_recoverable(&whole);
    let text = || NodeContent::Leaf(Value::from(typed), None);
    let content = match root.get_ref().get("v") {
        Some(value) if errors.is_empty() && root.get_ref().len() == 1 => match content(value.get_ref(), &|_| 1) {
            NodeContent::Leaf(value, _) => NodeContent::Leaf(value, Some(typed.to_owned())),
            other => other,
        },
        _ => text(),
    };
    let mut node = Node { at: at.clone(), content };
    stamp(&mut node, at);
    node
}

fn stamp(node: &mut Node, at: &Origin) {
    node.at = at.clone();
    match &mut node.content {
        NodeContent::List(items) => items.iter_mut().for_each(|node| stamp(node, at)),
        NodeContent::Table(entries) => entries.iter_mut().for_each(|(_, node)| stamp(node, at)),
        NodeContent::Leaf(..) => {}
    }
}

fn plain(node: &Node) -> Value {
    match &node.content {
        NodeContent::Leaf(value, _) => value.clone(),
        NodeContent::List(items) => Value::Array(items.iter().map(plain).collect()),
        NodeContent::Table(entries) => {
            Value::Object(entries.iter().map(|(key, node)| (key.clone(), plain(node))).collect::<Map<_, _>>())
        }
    }
}

/// Returns the forms that a schema allows, without null, which TOML cannot write.
fn forms(schema: &Value) -> Vec<&Value> {
    let choices = ["anyOf", "oneOf"].iter().find_map(|key| schema.get(key)).and_then(Value::as_array);
    match choices {
        Some(choices) => choices.iter().flat_map(forms).collect(),
        None if schema.get("type").is_some_and(|kind| kind == "null") => Vec::new(),
        None => vec![schema],
    }
}

fn has_type(form: &Value, kind: &str) -> bool {
    match form.get("type") {
        Some(Value::String(known)) => known == kind,
        Some(Value::Array(known)) => known.iter().any(|known| known == kind),
        _ => false,
    }
}

/// Returns the words that a form allows, if it allows only certain ones.
fn words(form: &Value) -> Option<Vec<&str>> {
    if let Some(word) = form.get("const").and_then(Value::as_str) {
        return Some(vec![word]);
    }
    form.get("enum").and_then(Value::as_array).map(|words| words.iter().filter_map(Value::as_str).collect())
}

/// Returns whether a node fits a schema; parts that do not fit are reported and removed.
fn fit(node: &mut Node, schema: &Value, path: &str, report: &Report) -> bool {
    let forms = forms(schema);
    // On a command line `--set name=2025` means the text, whatever TOML makes of it.
    if let NodeContent::Leaf(value, Some(typed)) = &mut node.content
        && !value.is_string()
        && forms.iter().all(|form| has_type(form, "string"))
    {
        *value = Value::from(typed.as_str());
    }
    let kind = kind_of(node);
    let fitting: Vec<&Value> = forms.iter().copied().filter(|form| has_type(form, kind)).collect();
    let Some(form) = fitting.first() else {
        report.add(&node.at, format!("`{path}` must be {}, not {}", wanted(&forms), said(kind)));
        return false;
    };
    match &mut node.content {
        NodeContent::Leaf(Value::String(text), _) => {
            let known: Option<Vec<&str>> =
                fitting.iter().map(|form| words(form)).collect::<Option<Vec<_>>>().map(|w| w.concat());
            match known {
                Some(known) if !known.contains(&text.as_str()) => {
                    report.add(&node.at, format!("`{path}` cannot be {text:?}{}", did_you_mean(text, known)));
                    false
                }
                _ => true,
            }
        }
        NodeContent::Leaf(value, _) => {
            let too_small = form.get("minimum").and_then(Value::as_i64).filter(|least| value.as_i64() < Some(*least));
            if let Some(least) = too_small.filter(|_| value.is_i64() || value.is_u64()) {
                report.add(&node.at, format!("`{path}` must be at least {least}"));
                return false;
            }
            let most = form.get("maximum").and_then(Value::as_i64);
            if let Some(most) = most.filter(|most| value.as_i64() > Some(*most)) {
                report.add(&node.at, format!("`{path}` must be at most {most}"));
                return false;
            }
            true
        }
        NodeContent::List(items) => {
            let Some(schema) = form.get("items") else { return true };
            let mut all = true;
            for (index, item) in items.iter_mut().enumerate() {
                all &= fit(item, schema, &join(path, &index.to_string()), report);
            }
            all
        }
        NodeContent::Table(_) => fit_table(node, form, path, report),
    }
}

fn fit_table(node: &mut Node, form: &Value, path: &str, report: &Report) -> bool {
    let Node { at, content: NodeContent::Table(entries) } = node else { return true };
    let empty = Map::new();
    let known = form.get("properties").and_then(Value::as_object).unwrap_or(&empty);
    let others = form.get("additionalProperties").filter(|others| others.is_object());
    let required = form.get("required").and_then(Value::as_array);
    let is_required = |key: &str| required.is_some_and(|required| required.iter().any(|name| name == key));
    let whose = if path.is_empty() { "a job".to_owned() } else { format!("`{path}`") };
    // Required keys that did not fit; one report of each is enough.
    let mut broken: Vec<String> = Vec::new();
    entries.retain_mut(|(key, node)| match known.get(key.as_str()).or(others) {
        Some(schema) => {
            let fits = fit(node, schema, &join(path, key), report);
            if !fits && is_required(key) {
                broken.push(key.clone());
            }
            fits
        }
        None => {
            let hint = did_you_mean(key, known.keys().map(String::as_str));
            report.add(&node.at, format!("{whose} has no key `{key}`{hint}"));
            false
        }
    });
    let mut whole = broken.is_empty();
    for key in required.into_iter().flatten().filter_map(Value::as_str) {
        if !entries.iter().any(|(name, _)| name == key) && !broken.iter().any(|name| name == key) {
            report.add(at, format!("{whose} lacks the key `{key}`"));
            whole = false;
        }
    }
    whole
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn kind_of(node: &Node) -> &'static str {
    match &node.content {
        NodeContent::Leaf(Value::String(_), _) => "string",
        NodeContent::Leaf(Value::Bool(_), _) => "boolean",
        NodeContent::Leaf(Value::Number(number), _) if number.is_i64() || number.is_u64() => "integer",
        NodeContent::Leaf(..) => "number",
        NodeContent::List(_) => "array",
        NodeContent::Table(_) => "object",
    }
}

fn said(kind: &str) -> &'static str {
    match kind {
        "string" => "a text",
        "boolean" => "true or false",
        "integer" => "a whole number",
        "number" => "a number with a fraction or out of range",
        "array" => "a list",
        _ => "a table",
    }
}

fn wanted(forms: &[&Value]) -> String {
    const KINDS: [&str; 5] = ["string", "boolean", "integer", "array", "object"];
    let kinds = KINDS.iter().filter(|kind| forms.iter().any(|form| has_type(form, kind)));
    kinds.map(|kind| if *kind == "string" { "a text in quotes" } else { said(kind) }).collect::<Vec<_>>().join(" or ")
}
