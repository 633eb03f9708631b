//! Labels: texts that repeat, as keys into a dictionary that is written once.
//!
//! They are filled while the world is built and only read afterwards, so that threads share them.

use std::collections::HashMap;

/// The key of null.
pub const NULL: u32 = u32::MAX;

/// A dictionary of one column.
#[derive(Default)]
pub struct Labels {
    texts: Vec<String>,
    keys: HashMap<String, u32>,
}

impl Labels {
    /// Returns the key of a text, new or known.
    pub fn key(&mut self, text: &str) -> u32 {
        if let Some(key) = self.keys.get(text) {
            return *key;
        }
        let key = self.texts.len() as u32;
        self.texts.push(text.to_owned());
        self.keys.insert(text.to_owned(), key);
        key
    }

    /// Returns the text of a key; null has none.
    pub fn text(&self, key: u32) -> &str {
        self.texts.get(key as usize).map_or("", String::as_str)
    }

    /// Returns all texts, by key.
    pub fn texts(&self) -> &[String] {
        &self.texts
    }
}
