//! Decodes the mapped values of a document and no others.
//!
//! Values stay as they are written, numbers too. It refuses, with the reason, a document that is not JSON, has two
//! equal mapped keys, or holds an object in the place of a value.

use serde::de::{Deserialize, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use vtr_kernel::sources::{From, Path, Step};

/// The values that are wanted from an object: a tree of steps with numbers at its leaves.
#[derive(Debug, Default)]
pub(super) struct WantedPaths {
    /// Numbers of the values that end here.
    ends: Vec<usize>,
    keys: Vec<(String, WantedPaths)>,
    each: Option<Box<WantedPaths>>,
    picks: Vec<(String, String, WantedPaths)>,
}

impl WantedPaths {
    /// Adds a wanted value, under a number.
    pub fn add(&mut self, steps: &[Step], number: usize) {
        let Some((first, rest)) = steps.split_first() else { return self.ends.push(number) };
        let next = match first {
            Step::Each => self.each.get_or_insert_default(),
            Step::Key(key) => match self.keys.iter().position(|(known, _)| known == key) {
                Some(at) => &mut self.keys[at].1,
                None => {
                    self.keys.push((key.clone(), WantedPaths::default()));
                    &mut self.keys.last_mut().expect("one was added").1
                }
            },
            Step::Pick { key, word } => {
                match self.picks.iter().position(|(known, other, _)| known == key && other == word) {
                    Some(at) => &mut self.picks[at].2,
                    None => {
                        self.picks.push((key.clone(), word.clone(), WantedPaths::default()));
                        &mut self.picks.last_mut().expect("one was added").2
                    }
                }
            }
        };
        next.add(rest, number);
    }

    /// Finds all wanted values, each number's in the order of the document.
    ///
    /// # Errors
    /// Why it cannot be decoded.
    pub fn find<'a>(&self, raw: &'a RawValue, found: &mut Vec<(usize, &'a RawValue)>) -> Result<(), String> {
        found.extend(self.ends.iter().map(|number| (*number, raw)));
        let text = raw.get();
        if !self.keys.is_empty() && text.starts_with('{') {
            let names: Vec<&str> = self.keys.iter().map(|(key, _)| key.as_str()).collect();
            for (at, value) in members(text, &names)? {
                self.keys[at].1.find(value, found)?;
            }
        }
        if (self.each.is_some() || !self.picks.is_empty()) && text.starts_with('[') {
            let items: Vec<&RawValue> = serde_json::from_str(text).map_err(says)?;
            if let Some(each) = &self.each {
                items.iter().try_for_each(|item| each.find(item, found))?;
            }
            for (key, word, wanted) in &self.picks {
                for item in items.iter().filter(|item| item.get().starts_with('{')) {
                    let held = members(item.get(), &[key.as_str()])?;
                    if let Some((_, value)) = held.first()
                        && text_of(value)?.as_deref() == Some(word.as_str())
                    {
                        wanted.find(item, found)?;
                        break;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Checks that bytes are one JSON value.
///
/// # Errors
/// Why they are not.
pub(super) fn value(bytes: &[u8]) -> Result<&RawValue, String> {
    serde_json::from_slice(bytes).map_err(says)
}

/// Returns the value that keys lead to; `None` if one of them is missing.
///
/// # Errors
/// Why it cannot be decoded.
pub(super) fn down<'a>(raw: &'a RawValue, path: &Path) -> Result<Option<&'a RawValue>, String> {
    debug_assert!(path.from == From::Record);
    let mut at = raw;
    for step in &path.steps {
        let Step::Key(key) = step else { return Ok(None) };
        if !at.get().starts_with('{') {
            return Ok(None);
        }
        let held = members(at.get(), &[key.as_str()])?;
        let Some((_, value)) = held.into_iter().next() else { return Ok(None) };
        at = value;
    }
    Ok(Some(at))
}

/// Returns the text of a value; `None` for null.
///
/// # Errors
/// It is a list or an object, or holds an escape that is not a character.
pub(super) fn text_of(raw: &RawValue) -> Result<Option<Cow<'_, str>>, String> {
    struct DecodedText<'a>(Cow<'a, str>);
    impl<'de: 'a, 'a> Deserialize<'de> for DecodedText<'a> {
        fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            struct Reads;
            impl<'de> Visitor<'de> for Reads {
                type Value = Cow<'de, str>;
                fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                    f.write_str("a text")
                }
                fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                    Ok(Cow::Borrowed(text))
                }
                fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                    Ok(Cow::Owned(text.to_owned()))
                }
            }
            from.deserialize_str(Reads).map(DecodedText)
        }
    }
    let text = raw.get();
    match text.as_bytes().first() {
        Some(b'"') => serde_json::from_str::<DecodedText>(text).map(|text| Some(text.0)).map_err(says),
        Some(b'n') => Ok(None),
        Some(b'{') => Err("holds an object in the place of a value".to_owned()),
        Some(b'[') => Err("holds a list in the place of a value".to_owned()),
        _ => Ok(Some(Cow::Borrowed(text))),
    }
}

/// Returns the values of some keys of an object, each with the number of its key, in the order of the object.
fn members<'a>(text: &'a str, names: &[&str]) -> Result<Vec<(usize, &'a RawValue)>, String> {
    let mut from = serde_json::Deserializer::from_str(text);
    Members { names }.deserialize(&mut from).map_err(says)
}

struct Members<'n> {
    names: &'n [&'n str],
}

impl<'de> DeserializeSeed<'de> for Members<'_> {
    type Value = Vec<(usize, &'de RawValue)>;

    fn deserialize<D: serde::Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = Vec<(usize, &'de RawValue)>;

    fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found: Self::Value = Vec::new();
        while let Some(known) = map.next_key_seed(KnownNames { names: self.names })? {
            match known {
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
                Some(at) if found.iter().any(|(other, _)| *other == at) => {
                    return Err(serde::de::Error::custom(format!("the key `{}` appears twice", self.names[at])));
                }
                Some(at) => found.push((at, map.next_value()?)),
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
        Err(serde::de::Error::custom("a list is in the place of an object"))
    }
}

/// Reads a key as its number among known ones.
struct KnownNames<'n> {
    names: &'n [&'n str],
}

impl<'de> DeserializeSeed<'de> for KnownNames<'_> {
    type Value = Option<usize>;

    fn deserialize<D: serde::Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_str(self)
    }
}

impl Visitor<'_> for KnownNames<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.names.iter().position(|name| *name == key))
    }
}

/// Returns the fault without line and column, which would be those within the document.
fn says(error: serde_json::Error) -> String {
    let text = error.to_string();
    let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
    format!("is not usable JSON: {what}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = r#"{"order": {"id": "302-1", "items": [{"sku": "A", "qty": 1}, {"sku": "B", "qty": 2.50}]},
        "packages": [{"kind": "return", "no": "1"}, {"kind": "out", "no": "2", "scans": [{"at": null}, {"at": "t"}]}]}"#;

    fn wanted() -> WantedPaths {
        let key = |key: &str| Step::Key(key.to_owned());
        let pick = Step::Pick { key: "kind".to_owned(), word: "out".to_owned() };
        let mut wanted = WantedPaths::default();
        wanted.add(&[key("order"), key("id")], 0);
        wanted.add(&[key("order"), key("items"), Step::Each, key("qty")], 1);
        wanted.add(&[key("packages"), pick, key("scans"), Step::Each, key("at")], 2);
        wanted
    }

    #[test]
    fn values_are_found_as_they_are_written() {
        let mut found = Vec::new();
        wanted().find(serde_json::from_str(DOCUMENT).unwrap(), &mut found).unwrap();
        let found: Vec<(usize, &str)> = found.into_iter().map(|(number, value)| (number, value.get())).collect();
        assert_eq!(found, [(0, "\"302-1\""), (1, "1"), (1, "2.50"), (2, "null"), (2, "\"t\"")]);
    }

    #[test]
    fn damaged_documents_are_refused_or_decoded() {
        let (mut seed, mut decoded) = (1u64, 0);
        let mut below = |end: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) as usize % end
        };
        for _ in 0..4_000 {
            let mut bytes = DOCUMENT.as_bytes().to_vec();
            for _ in 0..1 + below(3) {
                let (from, to) = (below(bytes.len()), below(bytes.len()));
                match below(3) {
                    0 => bytes[from] = [b'{', b'}', b'[', b']', b'"', b',', b':', b'\\', b'0', 0xff][below(10)],
                    1 => drop(bytes.drain(from.min(to)..from.max(to).min(from.min(to) + 9))),
                    _ => bytes.insert(from, bytes[to]),
                }
            }
            let Ok(raw) = serde_json::from_slice::<&RawValue>(&bytes) else { continue };
            let mut found = Vec::new();
            if wanted().find(raw, &mut found).is_ok() {
                assert!(found.iter().all(|(_, value)| raw.get().contains(value.get())));
                decoded += 1;
            }
        }
        assert!((1..4_000).contains(&decoded), "some damage is refused and some is not: {decoded} decoded");
    }
}
