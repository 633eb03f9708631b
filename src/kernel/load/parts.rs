//! Digests of the parts of a book, so that a change of one part can be distinguished from a change of all.
//!
//! They cover the content of the files, not the layout, and leave out commentary. They never fail.

use super::Shelf;
use super::reader::{Node, Report};
use crate::text::hex;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// The keys that give the source of a fact.
const COMMENTARY: [&str; 2] = ["source", "checked_on"];

/// Returns the digests by version id or file name.
pub(super) fn digests(shelf: &Shelf) -> BTreeMap<String, String> {
    let silent = Report::default();
    let mut hashes: BTreeMap<String, Sha256> = BTreeMap::new();
    let single = [&shelf.families, &shelf.services, &shelf.placeholders, &shelf.words];
    for document in shelf.carriers.iter().chain(single.into_iter().flatten()) {
        let hash = hashes.entry(document.name.to_owned()).or_default();
        document.root(&silent).digest(hash, &COMMENTARY);
    }
    for document in &shelf.policies {
        let root = document.root(&silent);
        let versions = root.may("version", "").and_then(Node::tables).unwrap_or_default();
        for version in &versions {
            let Some(id) = version.may("id", "").and_then(Node::text) else { continue };
            version.digest(hashes.entry(id.text.to_owned()).or_default(), &COMMENTARY);
        }
        let hash = hashes.entry(document.name.to_owned()).or_default();
        root.digest(hash, &[&COMMENTARY[..], &["version"]].concat());
    }
    hashes.into_iter().map(|(name, hash)| (name, hex(&hash.finalize()))).collect()
}
