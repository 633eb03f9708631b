//! Identifiers as exports wrap and damage them: `="0042"`, quotes, an apostrophe, hidden marks, `.0`, `9.2E+21`.
//!
//! The identifier is the content of its wrapper. An identifier that a float has damaged cannot be restored.
//! [`number`](crate::number) cleans numbers further. Pure and total.

use crate::number::all_bytes;
use crate::text::is_format;
use std::borrow::Cow;

/// Returns whether an identifier certainly has no wrapper and no damage: letters, digits, hyphens and underscores.
#[inline]
pub fn is_plain(text: &str) -> bool {
    all_bytes(text.as_bytes(), |byte| byte.is_ascii_alphanumeric() | (byte == b'-') | (byte == b'_'))
}

/// Returns a trimmed tracking number, or an id other than a seller's, without its wrappers and without the `.0` that a
/// column of numbers with a gap adds to digits. The result can be empty. Seller ids keep the `.0`: `7` and `7.0` may
/// be two accounts.
pub fn unwrapped_number(text: &str) -> Cow<'_, str> {
    match unwrapped(text) {
        Cow::Borrowed(text) => Cow::Borrowed(whole(text)),
        Cow::Owned(text) => Cow::Owned(whole(&text).to_owned()),
    }
}

/// Returns a trimmed identifier without its wrappers: control and format characters anywhere, `="..."`, outer
/// quotes, a leading apostrophe or equals sign. The result can be empty.
pub fn unwrapped(text: &str) -> Cow<'_, str> {
    if is_plain(text) {
        return Cow::Borrowed(text);
    }
    let is_hidden = |c: char| c.is_control() || is_format(c);
    if text.contains(is_hidden) {
        let seen: String = text.chars().filter(|c| !is_hidden(*c)).collect();
        return Cow::Owned(inner(&seen).to_owned());
    }
    Cow::Borrowed(inner(text))
}

const PAIRS: [(char, char); 6] = [
    ('"', '"'),
    ('\'', '\''),
    ('\u{2018}', '\u{2019}'),
    ('\u{201c}', '\u{201d}'),
    ('\u{201d}', '\u{201d}'),
    ('\u{201e}', '\u{201c}'),
];
const APOSTROPHES: [char; 3] = ['\'', '\u{2018}', '\u{2019}'];

/// Returns the text within outer signs.
pub(crate) fn inner(text: &str) -> &str {
    let mut text = text;
    loop {
        let before = text;
        text = text.trim();
        text = text.strip_prefix('=').unwrap_or(text);
        let within = |(open, close): &(char, char)| text.strip_prefix(*open)?.strip_suffix(*close);
        text = match PAIRS.iter().find_map(within) {
            Some(quoted) => quoted,
            None => text.strip_prefix(APOSTROPHES).unwrap_or(text),
        };
        if text == before {
            return text;
        }
    }
}

/// Returns a part of a list without the quotes and equals signs at its ends. Those of the whole cell may have been
/// taken for a pair, so that its first and last part have only one.
pub(crate) fn unquoted(part: &str) -> &str {
    let is_quote = |c: char| PAIRS.iter().any(|(open, close)| c == *open || c == *close);
    part.trim_matches(|c: char| is_quote(c) || c == '=' || c.is_whitespace())
}

/// Removes a fraction of zeros behind digits.
fn whole(text: &str) -> &str {
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.split_once('.') {
        Some((digits, zeros)) if is_digits(digits) && !zeros.is_empty() && zeros.bytes().all(|byte| byte == b'0') => {
            digits
        }
        _ => text,
    }
}

/// The number of digits that a spreadsheet keeps.
const KEPT_DIGITS: usize = 15;
/// The least length from which on zeros instead of all further digits are no chance.
const CUT_LENGTH: usize = 20;

/// Returns whether a number is what a spreadsheet leaves of one with more than 15 digits in a cell without an exponent:
/// digits only, at least 20, all of them zeros from the 16th on, as in `9400111899223190000000`.
#[inline]
pub fn is_cut(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= CUT_LENGTH
        && bytes[KEPT_DIGITS..].iter().all(|byte| *byte == b'0')
        && bytes.iter().all(u8::is_ascii_digit)
        && bytes.iter().any(|byte| *byte != b'0')
}

/// A line end as spreadsheets escape it.
pub(crate) const LINE_END: &str = "_x000D_";

/// Returns a number without what tools leave around a list of one: brackets, a separator behind it, escaped line ends,
/// marks of a web page, a link's formula.
pub fn unlisted(text: &str) -> &str {
    const PAIRS: [(char, char); 3] = [('[', ']'), ('{', '}'), ('(', ')')];
    const BEHIND: [&str; 8] = [LINE_END, "<br>", "<br/>", "<br />", "&nbsp;", ";", ",", "|"];
    let mut text = text;
    loop {
        let before = text;
        text = text.trim();
        text = BEHIND.iter().find_map(|mark| text.strip_suffix(mark)).unwrap_or(text);
        let within = |(open, close): &(char, char)| text.strip_prefix(*open)?.strip_suffix(*close);
        text = PAIRS.iter().find_map(within).unwrap_or(text);
        text = linked(text).unwrap_or(text);
        if text == before {
            return text;
        }
    }
}

/// Returns what a spreadsheet shows of `=HYPERLINK("address","text")`.
fn linked(text: &str) -> Option<&str> {
    let arguments = text.strip_prefix('=').unwrap_or(text).strip_prefix("HYPERLINK(")?.strip_suffix(')')?;
    let (_, shown) = arguments.rsplit_once([',', ';'])?;
    Some(shown)
}

/// Returns whether an identifier has the form that spreadsheets and floats give long numbers: one digit, a
/// fraction, and an exponent behind `E`, as in `9.2E+21`, `9,2e+21`, `9.2E21` or `1E+10`; or see [`is_cut`].
pub fn is_damaged(text: &str) -> bool {
    let bytes = text.as_bytes();
    if is_cut(text) {
        return true;
    }
    let Some((first, rest)) = bytes.split_first() else { return false };
    // The shortest is 9E+21; most identifiers fail here.
    if bytes.len() < 5 || !first.is_ascii_digit() {
        return false;
    }
    let Some(at) = rest.iter().position(|byte| matches!(byte, b'E' | b'e')) else { return false };
    let (fraction, exponent) = (&rest[..at], &rest[at + 1..]);
    let digits = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let has_fraction = match fraction {
        [] => false,
        [b'.' | b',', fraction @ ..] if digits(fraction) => true,
        _ => return false,
    };
    match exponent {
        [b'+', exponent @ ..] => (2..=3).contains(&exponent.len()) && digits(exponent),
        // An exponent without a sign makes a number only behind a fraction.
        exponent => has_fraction && (1..=3).contains(&exponent.len()) && digits(exponent),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrappers_go_and_nothing_else() {
        let wrapped = [
            "=\"0042-7\"",
            "=0042-7",
            "\"0042-7\"",
            "'0042-7",
            "'0042-7'",
            "\u{2019}0042-7",
            "\u{201e}0042-7\u{201c}",
            "\u{200b}0042-7",
            "\u{feff}0042-7\u{200e}",
            "00\u{ad}42\u{2060}-7",
            "\t0042-7\r\n",
            "0042\u{0}-7",
            "=\" 0042-7 \"",
            "'=\"0042-7\"",
            "\u{2067}0042-7\u{2069}",
            "0042\u{200d}-7",
            "\u{e0041}0042-7",
        ];
        for text in wrapped {
            assert_eq!(unwrapped(text), "0042-7", "{text:?}");
        }
        for text in ["0042-7", "O'Neill-7", "a=b", "7\"", "302.7.0", "A1.0", "1.05", "0042\u{2011}7", "42_7", ""] {
            assert_eq!(unwrapped(text), text, "{text:?}");
        }
        assert_eq!(
            ["1.0", "123.000", "=\"7.0\"", "1.", ".0"].map(|text| unwrapped_number(text).into_owned()),
            ["1", "123", "7", "1.", ".0"]
        );
        assert_eq!(unwrapped("=\"7.0\""), "7.0");
        assert_eq!(["\"\"", "=\"\"", "'", "\u{200b}"].map(|text| unwrapped(text).into_owned()), [""; 4]);
    }

    #[test]
    fn numbers_that_went_through_a_float_are_known() {
        let damaged = [
            "9.2E+21",
            "1E+10",
            "1.23456789012345E+25",
            "9,2E+21",
            "1e+100",
            "9.400100000000000e+21",
            "9.2E21",
            "1.234567E7",
            "9.40010000000000000000000000000e+21",
        ];
        for text in damaged {
            assert!(is_damaged(text) && !is_plain(text), "{text}");
        }
        for text in
            ["", "9.2E+2", "1E10", "92E+21", "9.E+21", "1Z999AA10123456784", "E+21", "9.2E+2a", "9.2E-21", "9E2021"]
        {
            assert!(!is_damaged(text), "{text}");
        }
    }
}
