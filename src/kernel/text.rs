//! Text as sellers type it: trimming, alias keys, words, flags; and how text is displayed.
//!
//! It decides when two spellings mean the same, and which characters could deceive the eye or steer a terminal.
//! Every function is total.

use std::borrow::Cow;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Removes outer Unicode white space; an empty result is `None` (null).
#[inline]
pub fn trim(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    // Most cells need no trimming and are ASCII at both ends.
    if let (Some(&first), Some(&last)) = (bytes.first(), bytes.last())
        && first.is_ascii_graphic()
        && last.is_ascii_graphic()
    {
        return Some(text);
    }
    if bytes.is_empty() {
        return None;
    }
    let trimmed = text.trim();
    (!trimmed.is_empty()).then_some(trimmed)
}

/// Returns compatibility-decomposed, lower-case characters without combining marks. Trade marks become blanks:
/// decomposed they would be letters of the name.
fn folded(text: &str) -> impl Iterator<Item = char> + '_ {
    let plain = |c: char| if matches!(c, '™' | '℠' | '®' | '©' | '℗') { ' ' } else { c };
    text.chars().map(plain).nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase)
}

/// Returns the key under which spellings are equal: NFKD, lower case, letters and digits only.
pub fn alias_key(text: &str) -> String {
    if text.is_ascii() {
        // For ASCII, folding changes only the case; a book names carriers a thousand times.
        return text.bytes().filter(u8::is_ascii_alphanumeric).map(|b| char::from(b.to_ascii_lowercase())).collect();
    }
    alias_chars(text).collect()
}

/// Returns the characters of [`alias_key`], for comparing without allocation.
pub(crate) fn alias_chars(text: &str) -> impl Iterator<Item = char> + '_ {
    folded(text).filter(|c| c.is_alphanumeric())
}

/// Returns the folded words of a name: maximal runs of letters and digits.
pub fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for c in folded(text) {
        match words.last_mut() {
            Some(word) if c.is_alphanumeric() => word.push(c),
            Some(word) if !word.is_empty() => words.push(String::new()),
            _ => {}
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Reads a flag: true/false/1/0/yes/no/y/n/t/f in any case; `None` for anything else.
pub fn flag(text: &str) -> Option<bool> {
    const TRUE: [&str; 5] = ["true", "1", "yes", "y", "t"];
    const FALSE: [&str; 5] = ["false", "0", "no", "n", "f"];
    if TRUE.iter().any(|word| text.eq_ignore_ascii_case(word)) {
        Some(true)
    } else if FALSE.iter().any(|word| text.eq_ignore_ascii_case(word)) {
        Some(false)
    } else {
        None
    }
}

/// Returns whether two texts are equal in any case (Unicode lower case), ignoring outer blanks.
pub fn same_in_any_case(a: &str, b: &str) -> bool {
    lower(a) == lower(b)
}

/// Returns the text in lower case without outer blanks: the form in which aliases and channels are compared.
pub fn lower(text: &str) -> String {
    text.trim().to_lowercase()
}

/// Returns what a text looks like: compatible characters are one, case, blanks and hidden characters do not count.
pub fn look(text: &str) -> String {
    let seen: String = text.nfkc().filter(|c| c.is_whitespace() || !is_hidden(*c)).collect();
    seen.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns whether Unicode classes a character as a format character (Cf): marks of direction, blanks without
/// width, tags.
pub fn is_format(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}')
        || matches!(c, '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}')
        || matches!(c, '\u{2066}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}')
        || matches!(c, '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}')
        || matches!(c, '\u{e0001}' | '\u{e0020}'..='\u{e007f}')
}

/// Returns whether a character is invisible, or moves others on the screen: control characters, line and paragraph
/// separators, marks of direction, blanks without width, tags.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{feff}')
        || ('\u{2028}'..='\u{202e}').contains(&c)
        || ('\u{2060}'..='\u{206f}').contains(&c)
        || ('\u{fff9}'..='\u{fffb}').contains(&c)
        || ('\u{e0000}'..='\u{e007f}').contains(&c)
}

/// Returns a text as messages display it, on one line: hidden characters are escaped as in Rust, all else stays.
pub fn shown(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let escaped = text.chars().fold(String::with_capacity(text.len() + 16), |mut shown, c| {
        if is_hidden(c) {
            shown.extend(c.escape_default())
        } else {
            shown.push(c)
        }
        shown
    });
    Cow::Owned(escaped)
}

/// Returns a JSON document with every hidden character escaped as JSON escapes it, so that printing it moves no
/// terminal.
///
/// ```
/// assert_eq!(vtr_kernel::text::shown_json("{\"a\": \"x\u{202e}\"}"), "{\"a\": \"x\\u202e\"}");
/// ```
pub fn shown_json(document: &str) -> Cow<'_, str> {
    let moves = |c: char| is_hidden(c) && !matches!(c, '\n' | '\r' | '\t');
    if !document.contains(moves) {
        return Cow::Borrowed(document);
    }
    let escaped = document.chars().fold(String::with_capacity(document.len() + 64), |mut shown, c| {
        if moves(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                shown.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            shown.push(c);
        }
        shown
    });
    Cow::Owned(escaped)
}

/// Returns bytes in lower-case hex, two digits each.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: [u8; 16] = *b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble & 15)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

/// The offsets of the lines of a text, so that the line of an offset is found quickly.
#[derive(Clone, Debug)]
pub struct Lines(Vec<usize>);

impl Lines {
    /// Finds the lines of a text.
    pub fn of(text: &str) -> Lines {
        Lines(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect())
    }

    /// Returns the offset at which a line begins; lines are counted from 0, and the line must exist.
    pub fn start(&self, line: usize) -> usize {
        line.checked_sub(1).map_or(0, |before| self.0[before] + 1)
    }

    /// Returns the line of a byte offset, from 1.
    pub fn line(&self, offset: usize) -> usize {
        self.0.partition_point(|newline| *newline < offset) + 1
    }
}

/// A count with commas: `1,234,567`.
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Returns a count with a noun and its verb, such as `1 package is` and `2,000 packages are`.
pub fn counted(count: u64, one: &str, more: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{} {more}", grouped(count)) }
}

/// Wraps a text between words into lines of at most `width` characters; a longer word has a line of its own.
pub fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width.max(20) => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_words_fold_what_people_vary() {
        assert_eq!(alias_key("ROYAL_MAIL"), alias_key("Royal Mail"));
        assert_eq!(alias_key("Transaragonés"), "transaragones");
        for c in '\0'..='\u{7f}' {
            assert_eq!(alias_key(&format!("x{c}")), alias_chars(&format!("x{c}")).collect::<String>(), "{c:?}");
        }
        assert_eq!(words("  Royal-Mail Tracked 48®"), ["royal", "mail", "tracked", "48"]);
        assert_eq!(words("ヤマト運輸"), ["ヤマト運輸"]);
        assert!(words("--").is_empty());
    }

    #[test]
    fn trimming_is_unicode_and_empty_is_null() {
        assert_eq!(trim("\u{3000}0042 \u{a0}"), Some("0042"));
        assert_eq!(trim(" \t\u{2003}"), None);
        assert_eq!(trim(""), None);
    }

    #[test]
    fn hex_has_two_digits_a_byte() {
        assert_eq!(hex(&[0, 9, 10, 0x5f, 255]), "00090a5fff");
    }

    #[test]
    fn flags_are_a_closed_list() {
        assert_eq!(flag("YES"), Some(true));
        assert_eq!(flag("f"), Some(false));
        assert_eq!(flag("on"), None);
    }

    #[test]
    fn what_deceives_the_eye_is_shown() {
        assert_eq!(shown("Transaragonés 顺丰 👩‍🚀 a\\b"), "Transaragonés 顺丰 👩‍🚀 a\\b");
        assert_eq!(shown("\u{1b}[2J\u{9b}2J\r\n\tx"), "\\u{1b}[2J\\u{9b}2J\\r\\n\\tx");
        assert_eq!(shown("gnp\u{202e}exe\u{2066}\u{feff}\u{200b}"), "gnp\\u{202e}exe\\u{2066}\\u{feff}\\u{200b}");
        assert!("\0\u{7f}\u{85}\u{2028}\u{2029}\u{200f}\u{61c}\u{e0041}".chars().all(is_hidden));
    }
}
