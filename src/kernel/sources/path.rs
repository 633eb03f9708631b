//! Paths to values in a document: `fulfillment.fulfilledBy`, `..orderId`, `providers[].events[]`,
//! `identifiers[type=upc].value`.
//!
//! It parses the text of a path and reads no document. Parsing fails with a description of what is wrong.

/// The path to a value, from an exploded record or from its document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path {
    /// The start of the path.
    pub from: From,
    /// The steps down; without steps the path is the start itself.
    pub steps: Vec<Step>,
}

/// The start of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum From {
    /// The exploded record, or its document if nothing is exploded.
    Record,
    /// The document from which the record was exploded: `..` at the beginning.
    Document,
}

/// One step down.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// The value of a key.
    Key(String),
    /// Every element of a list, in order.
    Each,
    /// The first element of a list whose key holds a word.
    Pick {
        /// The key in the element.
        key: String,
        /// The word that the key must hold.
        word: String,
    },
}

impl Path {
    /// Returns the path to the start itself.
    pub fn start() -> Path {
        Path { from: From::Record, steps: Vec::new() }
    }

    /// Reads a path; an empty text is the start itself.
    ///
    /// # Errors
    /// Describes what is wrong with the text.
    pub fn read(text: &str) -> Result<Path, String> {
        let (from, text) = match text.strip_prefix("..") {
            Some(rest) => (From::Document, rest),
            None => (From::Record, text),
        };
        let mut steps = Vec::new();
        for part in text.split('.') {
            if text.is_empty() {
                break;
            }
            let (key, mut brackets) = part.split_at(part.find('[').unwrap_or(part.len()));
            if key.is_empty() && (brackets.is_empty() || !steps.is_empty()) {
                return Err("has an empty step between two points".to_owned());
            }
            if !key.is_empty() {
                steps.push(Step::Key(key.to_owned()));
            }
            while let Some(rest) = brackets.strip_prefix('[') {
                let (inner, after) = rest.split_once(']').ok_or("opens a bracket that is never closed")?;
                steps.push(match inner.split_once('=') {
                    None if inner.is_empty() => Step::Each,
                    Some((key, word)) if !key.is_empty() && !word.is_empty() => {
                        Step::Pick { key: key.to_owned(), word: word.to_owned() }
                    }
                    _ => return Err(format!("has [{inner}]; brackets hold nothing or key=word")),
                });
                brackets = after;
            }
            if !brackets.is_empty() {
                return Err(format!("has `{brackets}` behind a bracket"));
            }
        }
        Ok(Path { from, steps })
    }

    /// Returns whether all steps are keys.
    pub fn is_plain(&self) -> bool {
        self.from == From::Record && self.steps.iter().all(|step| matches!(step, Step::Key(_)))
    }
}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.from == From::Document {
            f.write_str("..")?;
        }
        for (index, step) in self.steps.iter().enumerate() {
            match step {
                Step::Key(key) if index == 0 => f.write_str(key)?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Each => f.write_str("[]")?,
                Step::Pick { key, word } => write!(f, "[{key}={word}]")?,
            }
        }
        Ok(())
    }
}
