//! Tracking numbers as carriers print them, made from templates.
//!
//! Check digits are computed here and not by the kernel, so that a fault in one of the two shows. Templates have a
//! literal part that prevents accidental fillers: a number of one repeated character, or a counting run. This
//! module must not decide what a verdict will be.

use super::dice::Dice;

/// The greatest length of a number as typed, in bytes.
pub const MAX_TEXT: usize = 47;

/// A short text without allocation.
#[derive(Clone, Copy)]
pub struct Text {
    length: u8,
    bytes: [u8; MAX_TEXT],
}

impl Text {
    /// The empty text.
    pub const EMPTY: Text = Text { length: 0, bytes: [0; MAX_TEXT] };

    /// Copies a text of at most [`MAX_TEXT`] bytes.
    pub fn of(text: &str) -> Text {
        let mut copy = Text::EMPTY;
        text.bytes().for_each(|byte| copy.push(byte));
        copy
    }

    /// Adds a byte.
    pub fn push(&mut self, byte: u8) {
        self.bytes[usize::from(self.length)] = byte;
        self.length += 1;
    }

    /// Adds a text.
    pub fn push_str(&mut self, text: &str) {
        text.bytes().for_each(|byte| self.push(byte));
    }

    /// Returns its bytes, UTF-8.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }

    /// Returns it as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.bytes()).unwrap_or_default()
    }
}

/// How the check digit of a number is computed from the other characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Digit {
    /// There is no check digit.
    Free,
    /// UPU S10, on the digits from the third place on.
    S10,
    /// UPS, on the characters after `1Z`.
    Ups,
    /// GS1.
    Gs1,
    /// FedEx, 12 digits.
    Fedex,
    /// The digits before, modulo 7.
    Mod7,
}

/// A form: `#` is any digit, `@` any letter, `!` the check digit; every other character is literal.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    /// The template.
    pub template: &'static str,
    /// The computation of `!`.
    pub digit: Digit,
}

impl Form {
    /// Makes a form with a check digit, or with [`Digit::Free`].
    pub const fn new(template: &'static str, digit: Digit) -> Form {
        Form { template, digit }
    }

    /// Returns a number of this form. `wrong` makes the check digit wrong.
    pub fn write(&self, dice: &mut Dice, wrong: bool) -> Text {
        let mut number = Text::EMPTY;
        let mut chance = Chance { dice, bits: 0, left: 0 };
        for byte in self.template.bytes() {
            number.push(match byte {
                b'#' => b'0' + chance.below(10),
                b'@' => b'A' + chance.below(26),
                b'!' => {
                    let right = self.digit.of(number.bytes());
                    let shift = if wrong { 1 + chance.below(9) } else { 0 };
                    b'0' + (right + shift) % 10
                }
                literal => literal,
            });
        }
        number
    }
}

/// Small random numbers, several from each draw.
struct Chance<'a> {
    dice: &'a mut Dice,
    bits: u64,
    left: u32,
}

impl Chance<'_> {
    fn below(&mut self, limit: u64) -> u8 {
        if self.left == 0 {
            (self.bits, self.left) = (self.dice.bits(), 4);
        }
        let drawn = ((self.bits & 0xffff) * limit) >> 16;
        self.bits >>= 16;
        self.left -= 1;
        drawn as u8
    }
}

impl Digit {
    /// Returns the check digit after these characters.
    fn of(self, before: &[u8]) -> u8 {
        let value = |byte: &u8| u32::from(byte - b'0');
        let found = match self {
            Digit::Free => 0,
            Digit::S10 => {
                let sum: u32 =
                    before[2..10].iter().zip([8, 6, 4, 2, 3, 5, 9, 7]).map(|(byte, weight)| value(byte) * weight).sum();
                match 11 - sum % 11 {
                    10 => 0,
                    11 => 5,
                    digit => digit,
                }
            }
            Digit::Ups => {
                let letter_or_digit = |byte: &u8| match byte {
                    b'0'..=b'9' => u32::from(byte - b'0'),
                    // A is 2, B is 3, ..., H is 9, I is 0 and so on.
                    letter => (u32::from(letter - b'A') + 2) % 10,
                };
                let sum: u32 = before[2..]
                    .iter()
                    .enumerate()
                    .map(|(place, byte)| letter_or_digit(byte) * (1 + place as u32 % 2))
                    .sum();
                (10 - sum % 10) % 10
            }
            Digit::Gs1 => {
                let sum: u32 = before
                    .iter()
                    .rev()
                    .enumerate()
                    .map(|(place, byte)| value(byte) * if place % 2 == 0 { 3 } else { 1 })
                    .sum();
                (10 - sum % 10) % 10
            }
            Digit::Fedex => {
                let sum: u32 =
                    before.iter().zip([3, 1, 7].iter().cycle()).map(|(byte, weight)| value(byte) * weight).sum();
                sum % 11 % 10
            }
            Digit::Mod7 => before.iter().fold(0, |rest, byte| (rest * 10 + value(byte)) % 7),
        };
        found as u8
    }
}

/// Returns the number as people type it: with blanks, hyphens or in lower case; cleaning undoes this.
pub fn typed(number: &Text, dice: &mut Dice) -> Text {
    let way = dice.below(4);
    let mut text = Text::EMPTY;
    for (place, byte) in number.bytes().iter().enumerate() {
        if way < 2 && place % 4 == 0 && place > 0 {
            text.push(if way == 0 { b' ' } else { b'-' });
        }
        text.push(if way == 2 { byte.to_ascii_lowercase() } else { *byte });
    }
    if way == 3 {
        text.push(b' ');
    }
    text
}

/// Returns the cleaned form of a text that this generator wrote: blanks, hyphens and dots removed, upper case.
pub fn cleaned(typed: &Text) -> Text {
    let mut text = Text::EMPTY;
    for byte in typed.bytes() {
        if !matches!(byte, b' ' | b'-' | b'.') {
            text.push(byte.to_ascii_uppercase());
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits_of_published_samples() {
        assert_eq!(Digit::S10.of(b"RB12345678"), 5);
        assert_eq!(Digit::Ups.of(b"1Z999AA1012345678"), 4);
        assert_eq!(Digit::Gs1.of(b"629104150021"), 3);
        assert_eq!(Digit::Mod7.of(b"123456789"), (123_456_789 % 7) as u8);
    }

    #[test]
    fn typing_is_undone_by_cleaning() {
        let mut dice = Dice::new(1, 0, 0, 0);
        let number = Text::of("1Z999AA10123456784");
        for _ in 0..50 {
            assert_eq!(cleaned(&typed(&number, &mut dice)).as_str(), number.as_str());
        }
        let long = Text::of("610046101234567890123456");
        for _ in 0..50 {
            assert_eq!(cleaned(&typed(&long, &mut dice)).as_str(), long.as_str());
        }
    }

    #[test]
    fn templates_are_filled() {
        let form = Form::new("RR########!GB", Digit::S10);
        let (right, wrong) =
            (form.write(&mut Dice::new(3, 0, 0, 0), false), form.write(&mut Dice::new(3, 0, 0, 0), true));
        assert_eq!(right.bytes().len(), 13);
        assert_ne!(right.as_str(), wrong.as_str());
        assert_eq!(right.as_str()[..10], wrong.as_str()[..10]);
    }
}
