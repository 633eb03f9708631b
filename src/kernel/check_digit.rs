//! Check digits and other tests on the characters of a tracking number.
//!
//! Each test takes the part of a cleaned number that its shape names (see `number.rs`), with the check digit as the
//! last character, and answers yes or no. Characters outside the scheme give no. The book decides which carrier
//! uses which test.

/// A test that a shape may demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// No test.
    None,
    /// UPU S10: `AA999999999AA`, weights 8 6 4 2 3 5 9 7, 11 - sum mod 11 (10 gives 0, 11 gives 5).
    S10,
    /// UPS: weights 1, 2 from the left, letters as (ASCII - 3) mod 10; without a leading `1Z`.
    Ups,
    /// GS1: weights 3, 1 from the right, mod 10.
    Gs1,
    /// GS1 with `92` in front (the short form of a USPS IMpb for FedEx SmartPost).
    Gs1With92,
    /// Plain GS1, or with `91` in front (USPS 20 digits).
    Usps20,
    /// FedEx: weights 3, 1, 7 from the right in turn as on a 12-digit number, mod 11 mod 10.
    Fedex12,
    /// FedEx: weights 1, 7, 3 as in the 34-digit bar code, mod 11 mod 10.
    Fedex34,
    /// The digits before the last, mod 7.
    Mod7,
    /// Deutsche Post Identcode and Leitcode: weights 4, 9 from the right, mod 10.
    Dhl49,
    /// GLS: weights 3, 1 from the left, sum plus one, mod 10.
    Gls,
    /// ISO 7064 mod 37,36.
    Iso7064Mod37,
    /// Luhn.
    Luhn,
    /// OnTrac: the UPS scheme with 4 for `C` and 5 for `D` in front.
    OnTrac,
    /// At least three digits anywhere.
    Digits3,
    /// At least six digits anywhere.
    Digits6,
    /// At least one letter and one digit.
    LetterAndDigit,
}

/// The names by which the book calls the checks.
pub const NAMES: [(&str, Check); 17] = [
    ("none", Check::None),
    ("s10", Check::S10),
    ("ups", Check::Ups),
    ("gs1", Check::Gs1),
    ("gs1_92", Check::Gs1With92),
    ("usps_20", Check::Usps20),
    ("fedex_12", Check::Fedex12),
    ("fedex_34", Check::Fedex34),
    ("mod7", Check::Mod7),
    ("dhl_49", Check::Dhl49),
    ("gls", Check::Gls),
    ("iso7064_37_36", Check::Iso7064Mod37),
    ("luhn", Check::Luhn),
    ("ontrac", Check::OnTrac),
    ("digits_3", Check::Digits3),
    ("digits_6", Check::Digits6),
    ("letter_and_digit", Check::LetterAndDigit),
];

impl Check {
    /// Returns the check that has this name in the book.
    pub fn from_name(name: &str) -> Option<Check> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, check)| *check)
    }

    /// Returns whether `part` passes.
    pub fn passes(self, part: &[u8]) -> bool {
        match self {
            Check::None => true,
            Check::S10 => s10(part),
            Check::Ups => ups(part.strip_prefix(b"1Z").unwrap_or(part)),
            Check::Gs1 => weighted_from_right(b"", part, 3, 1),
            Check::Gs1With92 => weighted_from_right(b"92", part, 3, 1),
            Check::Usps20 => weighted_from_right(b"", part, 3, 1) || weighted_from_right(b"91", part, 3, 1),
            Check::Fedex12 => fedex(part, [3, 1, 7]),
            Check::Fedex34 => fedex(part, [1, 7, 3]),
            Check::Mod7 => mod7(part),
            Check::Dhl49 => weighted_from_right(b"", part, 4, 9),
            Check::Gls => gls(part),
            Check::Iso7064Mod37 => iso7064(part),
            Check::Luhn => luhn(part),
            Check::OnTrac => ontrac(part),
            Check::Digits3 => count_digits(part) >= 3,
            Check::Digits6 => count_digits(part) >= 6,
            Check::LetterAndDigit => count_digits(part) >= 1 && part.iter().any(u8::is_ascii_alphabetic),
        }
    }
}

fn digit(byte: u8) -> Option<u32> {
    byte.is_ascii_digit().then(|| u32::from(byte - b'0'))
}

fn count_digits(part: &[u8]) -> usize {
    part.iter().filter(|byte| byte.is_ascii_digit()).count()
}

/// Splits off the check digit; `None` if it is no digit or nothing precedes it.
fn body_and_check(part: &[u8]) -> Option<(&[u8], u32)> {
    let (last, body) = part.split_last()?;
    (!body.is_empty()).then_some((body, digit(*last)?))
}

/// Returns the sum of `weight(index) * digit`; `None` if a character is no digit.
fn weighted(body: impl Iterator<Item = u8>, weight: impl Fn(usize) -> u32) -> Option<u32> {
    body.enumerate().try_fold(0, |sum, (index, byte)| Some(sum + weight(index) * digit(byte)?))
}

fn s10(part: &[u8]) -> bool {
    const WEIGHTS: [u32; 8] = [8, 6, 4, 2, 3, 5, 9, 7];
    if part.len() != 13 {
        return false;
    }
    let sum = weighted(part[2..10].iter().copied(), |index| WEIGHTS[index]);
    let want = sum.map(|sum| match 11 - sum % 11 {
        10 => 0,
        11 => 5,
        other => other,
    });
    want.is_some() && want == digit(part[10])
}

/// The value of each character in the UPS scheme.
const UPS_VALUES: [u8; 256] = {
    let (mut values, mut byte) = ([NO_VALUE; 256], 0);
    while byte < 256 {
        match byte as u8 {
            b'0'..=b'9' => values[byte] = byte as u8 - b'0',
            b'A'..=b'Z' => values[byte] = (byte as u8 - 3) % 10,
            _ => {}
        }
        byte += 1;
    }
    values
};
/// A bit that no value has: it marks every byte that is no digit or upper-case letter.
const NO_VALUE: u8 = 128;

fn ups_sum(body: &[u8], first_weight: u64) -> Option<u64> {
    // The loop runs to the end without a branch: letters and digits come in no predictable order.
    let (mut sum, mut bits) = (0, 0);
    for (index, byte) in body.iter().enumerate() {
        let value = UPS_VALUES[usize::from(*byte)];
        bits |= value;
        sum += u64::from(value) * if index.is_multiple_of(2) { first_weight } else { 3 - first_weight };
    }
    (bits & NO_VALUE == 0).then_some(sum)
}

fn ups(part: &[u8]) -> bool {
    body_and_check(part)
        .is_some_and(|(body, check)| ups_sum(body, 1).is_some_and(|sum| (10 - sum % 10) % 10 == u64::from(check)))
}

fn ontrac(part: &[u8]) -> bool {
    let front = match part.first() {
        Some(b'C') => 4,
        Some(b'D') => 5,
        _ => return false,
    };
    body_and_check(&part[1..]).is_some_and(|(body, check)| {
        ups_sum(body, 2).is_some_and(|sum| (10 - (front + sum) % 10) % 10 == u64::from(check))
    })
}

/// Returns whether the check passes with weights that alternate from the right; the digit before the check digit
/// has the first.
fn weighted_from_right(front: &[u8], part: &[u8], first: u32, second: u32) -> bool {
    body_and_check(part).is_some_and(|(body, check)| {
        let digits = body.iter().rev().chain(front.iter().rev()).copied();
        weighted(digits, |index| if index % 2 == 0 { first } else { second })
            .is_some_and(|sum| (10 - sum % 10) % 10 == check)
    })
}

fn fedex(part: &[u8], weights: [u32; 3]) -> bool {
    body_and_check(part).is_some_and(|(body, check)| {
        weighted(body.iter().copied(), |index| weights[index % 3]).is_some_and(|sum| sum % 11 % 10 == check)
    })
}

fn mod7(part: &[u8]) -> bool {
    body_and_check(part).is_some_and(|(body, check)| {
        body.iter().try_fold(0, |rest, byte| Some((rest * 10 + digit(*byte)?) % 7)) == Some(check)
    })
}

fn gls(part: &[u8]) -> bool {
    body_and_check(part).is_some_and(|(body, check)| {
        weighted(body.iter().copied(), |index| if index % 2 == 0 { 3 } else { 1 })
            .is_some_and(|sum| (10 - (sum + 1) % 10) % 10 == check)
    })
}

fn iso7064(part: &[u8]) -> bool {
    let value = |byte: u8| match byte {
        b'0'..=b'9' => Some(u32::from(byte - b'0')),
        b'A'..=b'Z' => Some(u32::from(byte - b'A') + 10),
        _ => None,
    };
    let Some((last, body)) = part.split_last() else { return false };
    let rest = body.iter().try_fold(36u32, |rest, byte| {
        let sum = match (rest + value(*byte)?) % 36 {
            0 => 36,
            other => other,
        };
        Some(sum * 2 % 37)
    });
    !body.is_empty() && rest.zip(value(*last)).is_some_and(|(rest, check)| (37 - rest) % 36 == check)
}

fn luhn(part: &[u8]) -> bool {
    let sum = part.iter().rev().enumerate().try_fold(0, |sum, (index, byte)| {
        let doubled = digit(*byte)? * if index % 2 == 0 { 1 } else { 2 };
        Some(sum + doubled / 10 + doubled % 10)
    });
    part.len() > 1 && sum.is_some_and(|sum| sum % 10 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_textbook_numbers() {
        // S10 example of the UPU standard; ISO 7064 and the rest are tried on the synthetic vectors.
        assert!(Check::S10.passes(b"RB123456785GB"));
        assert!(!Check::S10.passes(b"RR123456789GB"));
        assert!(Check::Ups.passes(b"1Z999AA10123456784"));
        assert!(!Check::Ups.passes(b"1Z12345E0205271688"));
        assert!(Check::Luhn.passes(b"79927398713"));
        assert!(!Check::Luhn.passes(b"79927398710"));
    }

    #[test]
    fn total_on_anything() {
        let odd: [&[u8]; 8] =
            [b"", b"1", b"1Z", b"C", b"\xff\xfe", b"AA", "é".as_bytes(), b"000000000000000000000000000000"];
        for (name, check) in NAMES {
            for part in odd {
                let _ = check.passes(part);
            }
            assert_eq!(Check::from_name(name), Some(check));
        }
    }

    #[test]
    fn all_zeros_pass_most_schemes_which_is_why_placeholders_come_first() {
        let zeros = b"000000000000";
        for check in [Check::Gs1, Check::Mod7, Check::Luhn, Check::Fedex12, Check::Dhl49] {
            assert!(check.passes(zeros), "{check:?}");
        }
        assert!(!Check::Gls.passes(zeros));
    }
}
