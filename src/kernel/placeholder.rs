//! Placeholders: texts in the tracking field that are no tracking number.
//!
//! The tests run on the cleaned number, in the book's order; the first that fits names the rule. They run before
//! any check digit, because zeros pass most of those.

use crate::number::{all_bytes, cleaned_char, is_clean};
use crate::text;

/// The test that fitted; its name is the rule of the verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the names of the keys in placeholders.toml say it
pub enum Placeholder {
    Words,
    Numbers,
    Repeated,
    Counting,
    OrderId,
    OrderIdSuffixes,
    Url,
    NoDigit,
    MinLength,
}

impl Placeholder {
    /// All tests, in the order in which they are tried.
    pub const ALL: [Placeholder; 9] = [
        Placeholder::Words,
        Placeholder::Numbers,
        Placeholder::Repeated,
        Placeholder::Counting,
        Placeholder::OrderId,
        Placeholder::OrderIdSuffixes,
        Placeholder::Url,
        Placeholder::NoDigit,
        Placeholder::MinLength,
    ];

    /// Returns its key in `placeholders.toml`.
    pub fn name(self) -> &'static str {
        match self {
            Placeholder::Words => "words",
            Placeholder::Numbers => "numbers",
            Placeholder::Repeated => "repeated",
            Placeholder::Counting => "counting",
            Placeholder::OrderId => "order_id",
            Placeholder::OrderIdSuffixes => "order_id_suffixes",
            Placeholder::Url => "url",
            Placeholder::NoDigit => "no_digit",
            Placeholder::MinLength => "min_length",
        }
    }
}

/// The least length of an order id or of a counting run that is considered.
const SHORTEST: usize = 5;

/// The tests of a book.
#[derive(Clone, Debug, Default)]
pub struct Placeholders {
    /// Alias keys of the words, sorted.
    pub(crate) words: Vec<String>,
    /// Cleaned numbers, sorted.
    pub(crate) numbers: Vec<String>,
    pub(crate) repeated: bool,
    pub(crate) counting: bool,
    pub(crate) order_id: bool,
    /// Cleaned suffixes.
    pub(crate) order_id_suffixes: Vec<String>,
    pub(crate) url: bool,
    pub(crate) no_digit: bool,
    pub(crate) min_length: usize,
    /// Lower case without outer blanks, sorted.
    pub(crate) no_marketplace: Vec<String>,
    /// Lower case without outer blanks, sorted.
    pub(crate) fillers: Vec<String>,
    /// Lower case without outer blanks, sorted.
    pub(crate) id_fillers: Vec<String>,
    /// The lengths of the longest fillers of both lists, in bytes.
    pub(crate) longest_filler: usize,
    pub(crate) longest_id_filler: usize,
    /// For each length in bytes, the [`tail`]s of the words and numbers of that length.
    pub(crate) tails: Vec<Vec<u64>>,
}

/// Returns the last eight bytes of a text, or all of a shorter one. Numbers of one carrier differ in them, whereas many
/// begin alike and end with one of a few digits.
fn tail(text: &[u8]) -> u64 {
    match text.last_chunk() {
        Some(last) => u64::from_le_bytes(*last),
        None => text.iter().fold(0, |tail, byte| tail << 8 | u64::from(*byte)),
    }
}

impl Placeholders {
    pub(crate) fn prepare(&mut self) {
        self.words.sort();
        self.words.dedup();
        self.numbers.sort();
        self.numbers.dedup();
        self.no_marketplace.sort();
        self.fillers.sort();
        self.id_fillers.sort();
        let longest = |fillers: &[String]| fillers.iter().map(String::len).max().unwrap_or(0).max(SHORTEST);
        (self.longest_filler, self.longest_id_filler) = (longest(&self.fillers), longest(&self.id_fillers));
        let longest = self.words.iter().chain(&self.numbers).map(String::len).max().unwrap_or(0);
        self.tails = vec![Vec::new(); longest + 1];
        // Words are listed in lower case, cleaned numbers are in upper case.
        for text in self.words.iter().chain(&self.numbers).map(|text| text.to_ascii_uppercase()) {
            self.tails[text.len()].push(tail(text.as_bytes()));
        }
    }

    /// Returns whether the name of a sales channel or marketplace is none of the measured marketplaces.
    pub fn is_no_marketplace(&self, name: &str) -> bool {
        self.no_marketplace.binary_search(&text::lower(name)).is_ok()
    }

    /// Returns whether a trimmed name of a carrier, package or category means that there is none: a filler of the
    /// book, or only marks.
    pub fn is_filler(&self, text: &str) -> bool {
        may_be_filler(text, self.longest_filler)
            && (!text.contains(char::is_alphanumeric) || self.fillers.binary_search(&text::lower(text)).is_ok())
    }

    /// Returns whether a trimmed id of a seller or order means that there is none. Signs alone may be an id.
    pub fn is_id_filler(&self, text: &str) -> bool {
        may_be_filler(text, self.longest_id_filler) && self.id_fillers.binary_search(&text::lower(text)).is_ok()
    }

    /// Returns what [`find`](Placeholders::find) returns for a number of capitals and digits only, as cleaning found it.
    #[inline]
    pub fn find_plain(&self, number: &str, order_id: &str) -> Option<Placeholder> {
        if self.may_be(number.as_bytes(), order_id.as_bytes()) { self.first(number, true, order_id) } else { None }
    }

    /// Returns the first test that the cleaned number fits, if any; `order_id` is as typed.
    pub fn find(&self, number: &str, order_id: &str) -> Option<Placeholder> {
        if is_clean(number) { self.find_plain(number, order_id) } else { self.first(number, false, order_id) }
    }

    fn first(&self, number: &str, is_plain: bool, order_id: &str) -> Option<Placeholder> {
        if self.is_word(number) {
            return Some(Placeholder::Words);
        }
        if self.numbers.binary_search_by(|known| known.as_str().cmp(number)).is_ok() {
            return Some(Placeholder::Numbers);
        }
        if self.repeated && is_repeated(number) {
            return Some(Placeholder::Repeated);
        }
        if self.counting && is_counting(number.as_bytes()) {
            return Some(Placeholder::Counting);
        }
        if let Some((length, rest)) = after_cleaned(order_id, number) {
            if self.order_id && rest.is_empty() && length >= SHORTEST {
                return Some(Placeholder::OrderId);
            }
            if self.order_id_suffixes.iter().any(|suffix| suffix == rest) {
                return Some(Placeholder::OrderIdSuffixes);
            }
        }
        if self.url && !is_plain && is_url(number) {
            return Some(Placeholder::Url);
        }
        // The search starts at the end, where most numbers have a digit.
        if self.no_digit && !number.bytes().rev().any(|byte| byte.is_ascii_digit()) {
            return Some(Placeholder::NoDigit);
        }
        let is_short = if is_plain {
            number.len() < self.min_length
        } else {
            number.chars().take(self.min_length).count() < self.min_length
        };
        is_short.then_some(Placeholder::MinLength)
    }

    /// Returns whether a number of capitals and digits can be a placeholder at all, judging by its ends. Nearly all
    /// cannot. All conditions are evaluated together, so that a single, well predicted branch remains.
    #[inline]
    fn may_be(&self, number: &[u8], order_id: &[u8]) -> bool {
        let (Some([a, b, c]), Some([.., x, y, z])) = (number.first_chunk(), number.last_chunk::<3>()) else {
            return true;
        };
        let is_short = number.len() < self.min_length;
        let is_repeated = (a == b) & (b == c);
        let step = |from: &u8, to: &u8| to.wrapping_sub(*from);
        let (first, second) = (step(a, b), step(b, c));
        let up = |step: u8| (step == 1) | (step == 1u8.wrapping_sub(10));
        let down = |step: u8| (step == 9) | (step == 0u8.wrapping_sub(1));
        let is_counting = (up(first) & up(second)) | (down(first) & down(second));
        let has_digit = x.is_ascii_digit() | y.is_ascii_digit() | z.is_ascii_digit();
        // If an order id begins with any other character, cleaning may change its beginning, so it is not compared
        // here.
        let opens_like_order = match order_id {
            [d, e, ..] if d.is_ascii_alphanumeric() & e.is_ascii_alphanumeric() => {
                (d.to_ascii_uppercase() == *a) & (e.to_ascii_uppercase() == *b)
            }
            _ => true,
        };
        let is_listed = self.tails.get(number.len()).is_some_and(|tails| tails.contains(&tail(number)));
        is_short | is_repeated | is_counting | !has_digit | opens_like_order | is_listed
    }

    fn is_word(&self, number: &str) -> bool {
        if number.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            let lower = |byte: u8| byte.to_ascii_lowercase();
            return self.words.binary_search_by(|word| word.bytes().cmp(number.bytes().map(lower))).is_ok();
        }
        self.words.binary_search_by(|word| word.chars().cmp(text::alias_chars(number))).is_ok()
    }
}

/// A quick test that few texts pass: a filler is short and holds no digit but zeros.
fn may_be_filler(text: &str, longest: usize) -> bool {
    text.len() <= longest && all_bytes(text.as_bytes(), |byte| !(b'1'..=b'9').contains(&byte))
}

/// Returns whether a cleaned number is a web address; cleaning removed its dots.
fn is_url(number: &str) -> bool {
    number.contains("://") || number.starts_with("WWW") && number.contains('/')
}

fn is_repeated(number: &str) -> bool {
    let mut chars = number.chars();
    chars.next().is_some_and(|first| chars.all(|c| c == first))
}

fn is_counting(bytes: &[u8]) -> bool {
    if bytes.len() < SHORTEST || !bytes[0].is_ascii_digit() || !bytes[1].is_ascii_digit() {
        return false;
    }
    let step = (bytes[1] + 10 - bytes[0]) % 10;
    (step == 1 || step == 9)
        && bytes.windows(2).all(|pair| pair[1].is_ascii_digit() && (pair[1] + 10 - pair[0]) % 10 == step)
}

/// Returns the length of the cleaned order id, and the rest of a cleaned number that begins with it; `None` if it
/// does not.
fn after_cleaned<'a>(order_id: &str, number: &'a str) -> Option<(usize, &'a str)> {
    let mut rest = number.chars();
    let mut length = 0;
    for c in order_id.chars().filter_map(cleaned_char) {
        if rest.next() != Some(c) {
            return None;
        }
        length += 1;
    }
    Some((length, rest.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placeholders() -> Placeholders {
        let mut placeholders = Placeholders {
            words: vec!["na".into(), "notracking".into(), "1stclass".into(), "未発送".into()],
            numbers: vec!["1Z999AA10123456784".into()],
            repeated: true,
            counting: true,
            order_id: true,
            order_id_suffixes: vec!["INVALIDID".into()],
            url: true,
            no_digit: true,
            min_length: 5,
            no_marketplace: vec!["non-amazon".into()],
            fillers: vec!["n/a".into(), "0".into(), "unbekannt".into()],
            id_fillers: vec!["n/a".into()],
            longest_filler: 0,
            longest_id_filler: 0,
            tails: Vec::new(),
        };
        placeholders.prepare();
        placeholders
    }

    #[test]
    fn each_test_names_itself_in_order() {
        let find = |number: &str| placeholders().find(number, "302-1234567-7654321").map(Placeholder::name);
        assert_eq!(find("N/A"), Some("words"));
        assert_eq!(find("NOTRACKING"), Some("words"));
        assert_eq!(find("1STCLASS"), Some("words"));
        assert_eq!(find("未発送"), Some("words"));
        assert_eq!(find("1Z999AA10123456784"), Some("numbers"));
        assert_eq!(find("0000"), Some("repeated"));
        assert_eq!(find("XXXXXXXXX"), Some("repeated"));
        assert_eq!(find("89012345"), Some("counting"));
        assert_eq!(find("54321"), Some("counting"));
        assert_eq!(find("1234"), Some("min_length"));
        assert_eq!(find("30212345677654321"), Some("order_id"));
        assert_eq!(find("30212345677654321INVALIDID"), Some("order_id_suffixes"));
        assert_eq!(find("HTTPS://WWWUPSCOM/TRACK?NUM=1Z0123450300123459"), Some("url"));
        assert_eq!(find("WWWDHLDE/SENDUNG"), Some("url"));
        assert_eq!(find("WWW0123456789"), None);
        assert_eq!(find("UNTERWEGS"), Some("no_digit"));
        assert_eq!(find("12A4"), Some("min_length"));
        assert_eq!(find("00340434161094022115"), None);
        assert_eq!(find("302123456776543210"), None);
    }

    #[test]
    fn ends_that_rule_a_placeholder_out_are_right_about_it() {
        let all = placeholders();
        let texts = "NA NOTRACKING 1STCLASS 1Z999AA10123456784 00000000 XXXXXXXX 89012345 54321098 10987654 302123456 3021234567 \
                     3021 12 123 1234 UNTERWEGS AB1 A1B2C3 1na RB123456785GB 90123456789012 12345678A 98765432X";
        let numbers: Vec<&str> = texts.split_whitespace().collect();
        for number in &numbers {
            for order in ["302-1234567-7654321", "302123456", "30-2123456", "3", "", "-302123456", "x-1"] {
                // Every number is short, so none is ruled out.
                let blind = Placeholders { min_length: 64, ..all.clone() };
                let found = blind.find(number, order).filter(|found| *found != Placeholder::MinLength);
                let short = (number.len() < all.min_length).then_some(Placeholder::MinLength);
                assert_eq!(all.find(number, order), found.or(short), "{number} {order}");
            }
        }
    }

    #[test]
    fn every_listed_text_is_found_and_no_neighbour_of_it() {
        let book = crate::load::embedded().unwrap();
        let all = &book.placeholders;
        for text in all.words.iter().chain(&all.numbers).map(|text| text.to_ascii_uppercase()) {
            assert!(matches!(all.find(&text, ""), Some(Placeholder::Words | Placeholder::Numbers)), "{text}");
            for place in 0..text.len() {
                let mut other = text.clone().into_bytes();
                other[place] = if other[place] == b'Q' { b'7' } else { b'Q' };
                let Ok(other) = String::from_utf8(other) else { continue };
                let is_listed = all.words.contains(&other.to_ascii_lowercase()) || all.numbers.contains(&other);
                let found = all.find(&other, "");
                assert_eq!(matches!(found, Some(Placeholder::Words | Placeholder::Numbers)), is_listed, "{other}");
            }
        }
    }

    #[test]
    fn a_short_order_id_is_no_evidence() {
        assert_eq!(placeholders().find("70317", "7031"), None);
        assert_eq!(placeholders().find("70315", "7031-5"), Some(Placeholder::OrderId));
        assert_eq!(placeholders().find("7031INVALIDID", "7031"), Some(Placeholder::OrderIdSuffixes));
    }

    #[test]
    fn names_that_stand_for_none() {
        let known = placeholders();
        for text in ["n/a", "N/A", "0", "UNBEKANNT", "-", "--", "???", "#"] {
            assert!(known.is_filler(text), "{text}");
        }
        assert!(known.is_id_filler("N/A") && !known.is_id_filler("-") && known.is_filler("-"));
        assert!(!known.is_id_filler("0") && !known.is_id_filler("unbekannt"));
        for text in ["00", "10", "n/a1", "A1", "N/A GmbH", "DHL", "unbekannter", "", "佐川"] {
            assert_eq!(known.is_filler(text), text.is_empty(), "{text}");
        }
    }

    #[test]
    fn channels_that_are_no_marketplace() {
        assert!(placeholders().is_no_marketplace(" Non-Amazon "));
        assert!(!placeholders().is_no_marketplace("Amazon.de"));
    }
}
