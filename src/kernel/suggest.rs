//! Suggestions: the known word to write instead of an unknown one.
//!
//! It compares spellings and decides nothing. It cannot fail: without a near word it suggests nothing, or lists the
//! known words if they are few.

/// The likeness from which a word is suggested.
const ALIKE: f64 = 0.6;

/// The greatest number of words that are listed if none is near.
const FEW: usize = 12;

/// Returns the known word nearest to an unknown one, in any case, if any is near.
pub fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let word = word.to_lowercase();
    let likeness = |known: &str| strsim::normalized_damerau_levenshtein(&word, &known.to_lowercase());
    let rated = known.into_iter().map(|known| (known, likeness(known)));
    let best = rated.max_by(|a, b| a.1.total_cmp(&b.1))?;
    (best.1 >= ALIKE).then_some(best.0)
}

/// Returns the end of a message about an unknown word: ``; did you mean `carrier`?``, or the known words.
pub fn did_you_mean<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    match nearest(word, known.iter().copied()) {
        Some(nearest) => format!("; did you mean `{nearest}`?"),
        None if known.is_empty() || known.len() > FEW => String::new(),
        None => format!("; known are {}", known.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_word_is_named_and_few_words_are_listed() {
        assert_eq!(did_you_mean("carier", ["carrier", "currency"]), "; did you mean `carrier`?");
        assert_eq!(did_you_mean("Carrier-Name", ["carrier_name"]), "; did you mean `carrier_name`?");
        assert_eq!(did_you_mean("xyz", ["a", "b"]), "; known are `a`, `b`");
        assert_eq!(did_you_mean("xyz", []), "");
    }
}
