//! Tracking numbers: cleaning, and the shapes of the carriers' numbers.
//!
//! When the book is loaded, a shape's pattern is expanded into variants of fixed length. Matching is then one pass
//! over the bytes with a table look-up each, and never backtracks. Other modules decide to whom a number belongs
//! and what follows from that.

use crate::check_digit::Check;
use crate::text::is_format;
use regex_syntax::hir::{Class, Hir, HirKind};
use std::sync::Arc;

/// The length of the longest number that a shape can describe, in bytes.
pub const MAX_LENGTH: usize = 64;

/// The greatest number of different character classes over the whole book.
const MAX_CLASSES: usize = 128;

/// Returns whether every byte passes a test. Numbers differ in length, and a mispredicted loop end costs more than
/// the test, so numbers of usual length are tested in two overlapping blocks: 6 ns a number, where a loop takes 12 and one
/// that stops at the first failure 14.
#[inline]
pub(crate) fn all_bytes(bytes: &[u8], test: impl Fn(u8) -> bool) -> bool {
    let passes = |passed: bool, byte: &u8| passed & test(*byte);
    match (bytes.first_chunk::<16>(), bytes.last_chunk::<16>()) {
        (Some(head), Some(tail)) if bytes.len() <= 32 => {
            head.iter().fold(true, passes) & tail.iter().fold(true, passes)
        }
        _ => match (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
            (Some(head), Some(tail)) if bytes.len() <= 16 => {
                head.iter().fold(true, passes) & tail.iter().fold(true, passes)
            }
            _ => bytes.iter().fold(true, passes),
        },
    }
}

/// Returns whether cleaning would leave a number unchanged.
#[inline]
pub(crate) fn is_clean(number: &str) -> bool {
    all_bytes(number.as_bytes(), |byte| byte.is_ascii_uppercase() | byte.is_ascii_digit())
}

/// Writes the cleaned form of a number as typed: white space, hidden characters, hyphens and dots are removed,
/// full-width characters and digits of other scripts are folded, ASCII letters become upper case; all else stays. Clears
/// `cleaned` first.
pub fn clean_into(raw: &str, cleaned: &mut String) {
    cleaned.clear();
    if is_clean(raw) {
        cleaned.push_str(raw);
        return;
    }
    cleaned.extend(raw.chars().filter_map(cleaned_char));
}

/// Returns the cleaned form of a number as typed: the number itself if it is clean, or else the text made in
/// `buffer`.
#[inline]
pub fn cleaned<'a>(raw: &'a str, buffer: &'a mut String) -> &'a str {
    if is_clean(raw) {
        return raw;
    }
    clean_into(raw, buffer);
    buffer
}

/// Returns the cleaned form of one character; `None` if cleaning removes it.
pub fn cleaned_char(c: char) -> Option<char> {
    match c {
        'A'..='Z' | '0'..='9' => Some(c),
        'a'..='z' => Some(c.to_ascii_uppercase()),
        '-' | '.' | '\u{ad}' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{ff0d}' | '\u{ff0e}' => None,
        // Arabic-Indic, Persian and Devanagari digits, as systems of these languages write numbers.
        '\u{660}'..='\u{669}' => char::from_u32(c as u32 - 0x660 + 0x30),
        '\u{6f0}'..='\u{6f9}' => char::from_u32(c as u32 - 0x6f0 + 0x30),
        '\u{966}'..='\u{96f}' => char::from_u32(c as u32 - 0x966 + 0x30),
        '\u{ff10}'..='\u{ff19}' | '\u{ff21}'..='\u{ff3a}' => char::from_u32(c as u32 - 0xfee0),
        '\u{ff41}'..='\u{ff5a}' => char::from_u32(c as u32 - 0xfee0).map(|c| c.to_ascii_uppercase()),
        c if c.is_whitespace() || c.is_control() || is_format(c) => None,
        c => Some(c),
    }
}

/// A shape: one form of one carrier's numbers.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Its id, which is the rule of the verdicts that it decides.
    pub id: String,
    /// Its pattern, as written.
    pub pattern: String,
    /// The test on its characters.
    pub check: Check,
    /// Whether a failed check can fail a number.
    pub hard: bool,
    /// Whether it may claim a number for its carrier against another carrier.
    pub strict: bool,
    /// The literal characters with which every number of this shape begins; empty if there are fewer than two.
    pub prefix: String,
    /// How certain its sources are: `high`, `medium` or `low`; commentary.
    pub confidence: String,
    pub(crate) variants: Vec<Variant>,
}

/// One fixed-length alternative of a pattern.
#[derive(Clone, Debug)]
pub(crate) struct Variant {
    /// The class of each character, an index into [`Alphabet`].
    classes: Arc<[u8]>,
    /// If every class consists of at most two runs of characters, four planes: the first character of one run at
    /// each place, the run's length less one, then the same for the other run. Otherwise empty.
    runs: Arc<[u8]>,
    /// The part over which the check runs.
    part: std::ops::Range<usize>,
}

impl Variant {
    pub(crate) fn length(&self) -> usize {
        self.classes.len()
    }

    #[inline]
    pub(crate) fn matches(&self, alphabet: &Alphabet, number: &[u8]) -> bool {
        let length = self.classes.len();
        if number.len() != length {
            return false;
        }
        if self.runs.len() == 4 * length {
            // Two overlapping blocks as in `all_bytes`; most numbers that come here fit.
            let runs = std::array::from_fn(|plane| &self.runs[plane * length..(plane + 1) * length]);
            return match (number.first_chunk::<16>(), number.last_chunk::<16>()) {
                (Some(head), Some(tail)) if length <= 32 => in_runs(head, first(runs)) & in_runs(tail, last(runs)),
                _ => match (number.first_chunk::<8>(), number.last_chunk::<8>()) {
                    (Some(head), Some(tail)) if length <= 16 => in_runs(head, first(runs)) & in_runs(tail, last(runs)),
                    _ => (0..length)
                        .fold(true, |fits, place| fits & is_in_runs(number[place], runs.map(|plane| plane[place]))),
                },
            };
        }
        let fits = |fits: u64, (byte, class): (&u8, &u8)| fits & alphabet.holds(*class, *byte);
        number.iter().zip(&*self.classes).fold(1, fits) == 1
    }

    /// Returns the characters with which a number of this variant can begin and end, as bits of [`place`].
    pub(crate) fn ends(&self, alphabet: &Alphabet) -> [u64; 2] {
        [self.classes.first(), self.classes.last()].map(|class| match class {
            Some(class) => alphabet.classes[usize::from(*class)].iter().fold(0, |bits, byte| bits | 1 << place(*byte)),
            None => 0,
        })
    }

    pub(crate) fn part<'a>(&self, number: &'a [u8]) -> &'a [u8] {
        number.get(self.part.clone()).unwrap_or(number)
    }
}

#[inline]
fn is_in_runs(byte: u8, [a, to_a, b, to_b]: [u8; 4]) -> bool {
    (byte.wrapping_sub(a) <= to_a) | (byte.wrapping_sub(b) <= to_b)
}

#[inline]
fn in_runs<const N: usize>(bytes: &[u8; N], runs: [&[u8; N]; 4]) -> bool {
    (0..N).fold(true, |fits, place| fits & is_in_runs(bytes[place], runs.map(|plane| plane[place])))
}

/// Returns the first `N` bytes of each slice; the slices must be that long.
#[inline]
fn first<const N: usize>(slices: [&[u8]; 4]) -> [&[u8; N]; 4] {
    slices.map(|slice| slice.first_chunk().expect("the runs are as long as the number"))
}

/// Returns the last `N` bytes of each slice; the slices must be that long.
#[inline]
fn last<const N: usize>(slices: [&[u8]; 4]) -> [&[u8; N]; 4] {
    slices.map(|slice| slice.last_chunk().expect("the runs are as long as the number"))
}

/// Returns the runs of successive characters of a class, each as its first character and its length less one. A
/// single run is given twice; `None` if there are more than two.
fn two_runs(class: &[u8]) -> Option<[(u8, u8); 2]> {
    let mut runs: Vec<(u8, u8)> = Vec::new();
    // The parser returns the bytes of a class in ascending order.
    for byte in class {
        match runs.last_mut() {
            Some((first, to)) if *first + *to + 1 == *byte => *to += 1,
            _ => runs.push((*byte, 0)),
        }
    }
    match runs.as_slice() {
        [one] => Some([*one, *one]),
        [one, other] => Some([*one, *other]),
        _ => None,
    }
}

/// Returns the index of a character of a cleaned number among those that patterns use; 63 for any other.
#[inline]
pub(crate) fn place(byte: u8) -> u32 {
    match byte {
        b'0'..=b'9' => u32::from(byte - b'0'),
        b'A'..=b'Z' => u32::from(byte - b'A') + 10,
        _ => 63,
    }
}

/// The classes of characters that the book's patterns use, as a bit set for each byte.
#[derive(Clone)]
pub struct Alphabet {
    members: [[u64; MAX_CLASSES / 64]; 256],
    classes: Vec<Vec<u8>>,
    /// The runs of each class that has at most two.
    runs: Vec<Option<[(u8, u8); 2]>>,
}

impl std::fmt::Debug for Alphabet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Alphabet({} classes)", self.classes.len())
    }
}

impl Default for Alphabet {
    fn default() -> Self {
        Alphabet { members: [[0; MAX_CLASSES / 64]; 256], classes: Vec::new(), runs: Vec::new() }
    }
}

impl Alphabet {
    /// Returns 1 if a byte is in a class, else 0.
    #[inline]
    fn holds(&self, class: u8, byte: u8) -> u64 {
        let words = &self.members[usize::from(byte)];
        words[usize::from(class / 64) % words.len()] >> (class % 64) & 1
    }

    fn class(&mut self, bytes: Vec<u8>) -> Result<u8, String> {
        if let Some(known) = self.classes.iter().position(|class| *class == bytes) {
            return Ok(known as u8);
        }
        let index = self.classes.len();
        if index == MAX_CLASSES {
            return Err(format!("the book uses more than {MAX_CLASSES} different classes of characters"));
        }
        for byte in &bytes {
            self.members[*byte as usize][index / 64] |= 1 << (index % 64);
        }
        self.runs.push(two_runs(&bytes));
        self.classes.push(bytes);
        Ok(index as u8)
    }

    /// Expands a pattern into its variants and its literal prefix.
    ///
    /// # Errors
    /// Describes what in the pattern is not supported: anything but ASCII literals, classes, counts, alternatives
    /// and groups, a number over [`MAX_LENGTH`], or too many variants.
    pub(crate) fn compile(&mut self, pattern: &str) -> Result<(Vec<Variant>, String), String> {
        let hir = regex_syntax::ParserBuilder::new()
            .unicode(false)
            .utf8(false)
            .build()
            .parse(pattern)
            .map_err(|error| format!("the pattern does not parse: {}", error.to_string().replace('\n', " ")))?;
        let sequences = self.expand(&hir)?;
        let mut variants = Vec::with_capacity(sequences.len());
        for Sequence { places, part } in sequences {
            let part = part.unwrap_or(0..places.len());
            let runs: Option<Vec<[(u8, u8); 2]>> = places.iter().map(|class| self.runs[usize::from(*class)]).collect();
            let runs = runs.unwrap_or_default();
            let plane = |of: fn(&[(u8, u8); 2]) -> u8| runs.iter().map(of);
            let runs =
                plane(|[a, _]| a.0).chain(plane(|[a, _]| a.1)).chain(plane(|[_, b]| b.0)).chain(plane(|[_, b]| b.1));
            variants.push(Variant { classes: places.into(), runs: runs.collect(), part });
        }
        let literal: Vec<u8> = leading_literals(&hir);
        let prefix = if literal.len() >= 2 { String::from_utf8_lossy(&literal).into_owned() } else { String::new() };
        Ok((variants, prefix))
    }

    /// Returns every sequence of classes that a pattern allows.
    fn expand(&mut self, hir: &Hir) -> Result<Vec<Sequence>, String> {
        let limited = |sequences: Vec<Sequence>| {
            if sequences.len() > MAX_VARIANTS {
                Err(format!("the pattern has more than {MAX_VARIANTS} variants"))
            } else if sequences.iter().any(|sequence| sequence.places.len() > MAX_LENGTH) {
                Err(format!("the pattern fits numbers of more than {MAX_LENGTH} characters"))
            } else {
                Ok(sequences)
            }
        };
        let append = |heads: &[Sequence], tails: &[Sequence]| {
            if heads.len().saturating_mul(tails.len()) > MAX_VARIANTS {
                return Err(format!("the pattern has more than {MAX_VARIANTS} variants"));
            }
            limited(heads.iter().flat_map(|head| tails.iter().map(|tail| head.then(tail))).collect())
        };
        match hir.kind() {
            HirKind::Empty => Ok(vec![Sequence::default()]),
            HirKind::Literal(literal) => {
                literal.0.iter().try_for_each(|byte| cleaned_byte(*byte))?;
                let places: Result<Vec<u8>, String> = literal.0.iter().map(|byte| self.class(vec![*byte])).collect();
                Ok(vec![Sequence { places: places?, part: None }])
            }
            HirKind::Class(class) => {
                let bytes: Vec<u8> = match class {
                    Class::Bytes(class) => {
                        class.ranges().iter().flat_map(|range| range.start()..=range.end()).collect()
                    }
                    Class::Unicode(_) => return Err("only ASCII characters can occur in a pattern".into()),
                };
                bytes.iter().try_for_each(|byte| cleaned_byte(*byte))?;
                Ok(vec![Sequence { places: vec![self.class(bytes)?], part: None }])
            }
            HirKind::Capture(capture) => {
                let mut inner = self.expand(&capture.sub)?;
                match capture.name.as_deref() {
                    Some("n") => inner.iter_mut().for_each(|sequence| sequence.part = Some(0..sequence.places.len())),
                    Some(other) => {
                        return Err(format!("the group `{other}` means nothing; only `n` (the checked part) does"));
                    }
                    None => {}
                }
                Ok(inner)
            }
            HirKind::Repetition(repetition) => {
                let Some(most) = repetition.max else {
                    return Err("a count needs an upper bound: write {2,9}, not {2,} or *".into());
                };
                let inner = self.expand(&repetition.sub)?;
                let (mut run, mut all) = (vec![Sequence::default()], Vec::new());
                for count in 0..=most {
                    if count >= repetition.min {
                        all.extend(run.iter().cloned());
                    }
                    if count < most {
                        run = append(&run, &inner)?;
                    }
                }
                limited(all)
            }
            HirKind::Concat(parts) => {
                parts.iter().try_fold(vec![Sequence::default()], |heads, part| append(&heads, &self.expand(part)?))
            }
            HirKind::Alternation(parts) => {
                let mut all = Vec::new();
                for part in parts {
                    all.extend(self.expand(part)?);
                }
                limited(all)
            }
            HirKind::Look(_) => Err("patterns are anchored at both ends by themselves; leave out ^ and $".into()),
        }
    }
}

/// Returns the literal characters at the head of the pattern.
fn leading_literals(hir: &Hir) -> Vec<u8> {
    match hir.kind() {
        HirKind::Literal(literal) => literal.0.to_vec(),
        HirKind::Capture(capture) => leading_literals(&capture.sub),
        HirKind::Concat(parts) => {
            let mut literals = Vec::new();
            for part in parts {
                match part.kind() {
                    HirKind::Literal(literal) => literals.extend_from_slice(&literal.0),
                    HirKind::Capture(capture)
                        if matches!(capture.sub.kind(), HirKind::Concat(_) | HirKind::Literal(_)) =>
                    {
                        let inner = leading_literals(&capture.sub);
                        let whole = matches!(capture.sub.kind(), HirKind::Literal(_));
                        literals.extend(inner);
                        if !whole {
                            break;
                        }
                    }
                    _ => break,
                }
            }
            literals
        }
        _ => Vec::new(),
    }
}

/// A sequence of character classes of an [`Alphabet`], and which of them the group `n` spans.
#[derive(Clone, Default)]
struct Sequence {
    places: Vec<u8>,
    part: Option<std::ops::Range<usize>>,
}

impl Sequence {
    fn then(&self, next: &Sequence) -> Sequence {
        let shift = self.places.len();
        let part = self.part.clone().or_else(|| next.part.as_ref().map(|part| part.start + shift..part.end + shift));
        Sequence { places: [self.places.as_slice(), next.places.as_slice()].concat(), part }
    }
}

/// Refuses a character that can never match, because a pattern that holds one is always a mistake.
fn cleaned_byte(byte: u8) -> Result<(), String> {
    let can_stand = byte.is_ascii_uppercase() || byte.is_ascii_digit();
    can_stand
        .then_some(())
        .ok_or_else(|| "numbers are compared cleaned; only A-Z and 0-9 can occur in a pattern".into())
}

const MAX_VARIANTS: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(pattern: &str, number: &str) -> bool {
        let mut alphabet = Alphabet::default();
        let (variants, _) = alphabet.compile(pattern).unwrap();
        variants.iter().any(|variant| variant.matches(&alphabet, number.as_bytes()))
    }

    #[test]
    fn every_byte_is_looked_at() {
        for length in 0..70 {
            let mut bytes = vec![b'7'; length];
            assert!(all_bytes(&bytes, |byte| byte == b'7'), "{length}");
            for place in 0..length {
                bytes[place] = b'-';
                assert!(!all_bytes(&bytes, |byte| byte == b'7'), "{place} of {length}");
                bytes[place] = b'7';
            }
        }
    }

    #[test]
    fn cleaning_keeps_what_it_does_not_know() {
        let mut cleaned = String::new();
        clean_into(" 1z-999.aa１０\u{200b}é\u{2013}٥۰९", &mut cleaned);
        assert_eq!(cleaned, "1Z999AA10é509");
    }

    #[test]
    fn patterns_become_variants() {
        assert!(fits("(420([0-9]{5}|[0-9]{9}))?(?<n>9[2345][0-9]{2})", "420123459412"));
        assert!(fits("(420([0-9]{5}|[0-9]{9}))?(?<n>9[2345][0-9]{2})", "9412"));
        assert!(!fits("(420([0-9]{5}|[0-9]{9}))?(?<n>9[2345][0-9]{2})", "42012345678"));
        assert!(fits("J?JD000[0-9]{3}", "JJD000123") && fits("J?JD000[0-9]{3}", "JD000123"));
        assert!(!fits("[A-Z]{2}", "A\u{e9}"));
    }

    #[test]
    fn patterns_of_any_length_fit_what_their_classes_hold() {
        for length in 1..=MAX_LENGTH {
            for class in ["[0-9]", "[A-Z]", "[0-9A-Z]", "[13579]", "[A-CX-Z0]", "[ABD-F]"] {
                let mut alphabet = Alphabet::default();
                let (variants, _) = alphabet.compile(&format!("{class}{{{length}}}")).unwrap();
                let holds = |byte: u8| regex_holds(class, byte);
                for place in 0..length {
                    for byte in (0..=255).filter(|byte| place % 7 == 0 || byte % 5 == 0) {
                        let fitting = (0..=255).find(|byte| holds(*byte)).unwrap();
                        let mut number = vec![fitting; length];
                        number[place] = byte;
                        let fits = variants.iter().any(|variant| variant.matches(&alphabet, &number));
                        assert_eq!(fits, holds(byte), "{class} {length} {place} {byte}");
                    }
                    assert!(!variants[0].matches(&alphabet, &vec![b'0'; place]));
                }
            }
        }
    }

    /// Returns whether a byte is a member of the classes above, which are spelled out here.
    fn regex_holds(class: &str, byte: u8) -> bool {
        match class {
            "[0-9]" => byte.is_ascii_digit(),
            "[A-Z]" => byte.is_ascii_uppercase(),
            "[0-9A-Z]" => byte.is_ascii_digit() || byte.is_ascii_uppercase(),
            "[13579]" => b"13579".contains(&byte),
            "[A-CX-Z0]" => b"ABCXYZ0".contains(&byte),
            _ => b"ABDEF".contains(&byte),
        }
    }

    #[test]
    fn the_checked_part_is_the_named_group() {
        let mut alphabet = Alphabet::default();
        let (variants, _) = alphabet.compile("(420[0-9]{5})?(?<n>9[0-9]{3})").unwrap();
        let parts: Vec<&[u8]> = variants
            .iter()
            .filter_map(|variant| {
                let number: &[u8] = if variant.length() == 4 { b"9123" } else { b"420123459123" };
                variant.matches(&alphabet, number).then(|| variant.part(number))
            })
            .collect();
        assert_eq!(parts, [b"9123", b"9123"]);
    }

    #[test]
    fn prefixes_are_the_leading_literals() {
        let prefix = |pattern: &str| Alphabet::default().compile(pattern).unwrap().1;
        assert_eq!(prefix("1Z[0-9A-Z]{15}[0-9]"), "1Z");
        assert_eq!(prefix("003404[0-9]{14}"), "003404");
        assert_eq!(prefix("(1[01]|96)[0-9]{4}"), "");
        assert_eq!(prefix("H[0-9]{19}"), "");
        assert_eq!(prefix("(?<n>JJD1[0-9]{4})"), "JJD1");
    }

    #[test]
    fn what_is_not_understood_is_said() {
        for pattern in ["^A", "A*", "A{2,}", "[a-z]", "1z", "\\bA", "(?<x>A)", "(A", "A{65}", "é"] {
            assert!(Alphabet::default().compile(pattern).is_err(), "{pattern}");
        }
    }
}
