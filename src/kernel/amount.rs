//! Exact decimals: money and rates, never floats.
//!
//! Comparisons are exact at any size. Parsing refuses a number of more than 38 significant digits.

use std::cmp::Ordering;
use std::fmt::Write;

/// An exact decimal: `mantissa / 10^scale`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amount {
    /// All digits, signed.
    pub mantissa: i128,
    /// The number of digits after the decimal mark.
    pub scale: u8,
}

/// Why a text or double is no amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAnAmount {
    /// It is no number in the declared notation.
    Notation,
    /// It is a number with more digits than an amount holds: 38, without zeros in front.
    TooManyDigits,
}

impl Amount {
    /// Reads an optional sign, digits, and optionally the decimal mark with digits.
    ///
    /// # Errors
    /// [`NotAnAmount`] for anything else: thousands marks, exponents, currency signs, no digits, too many digits.
    pub fn read(text: &str, decimal_mark: u8) -> Result<Amount, NotAnAmount> {
        let bytes = text.as_bytes();
        let (negative, bytes) = match bytes.first() {
            Some(b'-') => (true, &bytes[1..]),
            Some(b'+') => (false, &bytes[1..]),
            _ => (false, bytes),
        };
        let too_long =
            || if is_number(bytes, decimal_mark) { NotAnAmount::TooManyDigits } else { NotAnAmount::Notation };
        let (mut mantissa, mut scale, mut digits, mut fraction) = (0i128, 0u8, 0, false);
        for byte in bytes {
            if byte.is_ascii_digit() {
                mantissa = mantissa
                    .checked_mul(10)
                    .and_then(|m| m.checked_add(i128::from(byte - b'0')))
                    .ok_or_else(too_long)?;
                digits += 1;
                scale = scale.checked_add(u8::from(fraction)).ok_or_else(too_long)?;
            } else if *byte == decimal_mark && !fraction && digits > 0 {
                fraction = true;
            } else {
                return Err(NotAnAmount::Notation);
            }
        }
        if digits == 0 || fraction && scale == 0 {
            return Err(NotAnAmount::Notation);
        }
        Ok(Amount { mantissa: if negative { -mantissa } else { mantissa }, scale })
    }

    /// Returns the shortest decimal that reads back as this double.
    ///
    /// # Errors
    /// [`NotAnAmount`] for NaN, infinities and doubles of more than 38 digits.
    pub fn from_f64(value: f64) -> Result<Amount, NotAnAmount> {
        let mut buffer = StackText { bytes: [0; 352], length: 0 };
        if !value.is_finite() || write!(buffer, "{value}").is_err() {
            return Err(NotAnAmount::Notation);
        }
        std::str::from_utf8(&buffer.bytes[..buffer.length])
            .map_err(|_| NotAnAmount::Notation)
            .and_then(|text| Amount::read(text, b'.'))
    }

    /// Makes an amount of a whole number.
    pub fn whole(value: i64) -> Amount {
        Amount { mantissa: i128::from(value), scale: 0 }
    }

    /// Returns whether `self * factor < other * other_factor`, without rounding. Factors must be positive.
    pub fn is_below(self, factor: Amount, other: Amount, other_factor: Amount) -> bool {
        let left = u32::from(self.scale) + u32::from(factor.scale);
        let right = u32::from(other.scale) + u32::from(other_factor.scale);
        let (tens_left, tens_right) = (right.saturating_sub(left), left.saturating_sub(right));
        let small = |a: i128, b: i128, tens: u32| 10i128.checked_pow(tens)?.checked_mul(a)?.checked_mul(b);
        // Every value that occurs in practice fits 128 bits; the slow path serves the others.
        match (
            small(self.mantissa, factor.mantissa, tens_left),
            small(other.mantissa, other_factor.mantissa, tens_right),
        ) {
            (Some(a), Some(b)) => a < b,
            _ => {
                let a = Product::of(self.mantissa, factor.mantissa, tens_left);
                a.cmp(&Product::of(other.mantissa, other_factor.mantissa, tens_right)) == Ordering::Less
            }
        }
    }
}

/// Returns whether bytes after a sign are digits, and perhaps the decimal mark with digits, however many.
#[cold]
fn is_number(bytes: &[u8], decimal_mark: u8) -> bool {
    let mut parts = bytes.split(|byte| *byte == decimal_mark);
    let are_digits = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    parts.next().is_some_and(are_digits) && parts.next().is_none_or(are_digits) && parts.next().is_none()
}

/// The number 1: the factor that changes nothing.
pub const ONE: Amount = Amount { mantissa: 1, scale: 0 };

/// A `write!` target for the longest plain notation of a double.
struct StackText {
    bytes: [u8; 352],
    length: usize,
}

impl Write for StackText {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let end = self.length + text.len();
        self.bytes.get_mut(self.length..end).ok_or(std::fmt::Error)?.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

/// An exact signed product in 32-bit limbs, lowest first: two 128-bit factors times at most 10^512.
struct Product {
    negative: bool,
    limbs: [u32; 64],
}

impl Product {
    fn of(a: i128, b: i128, tens: u32) -> Product {
        let mut limbs = [0u32; 64];
        let (left, right) = (a.unsigned_abs(), b.unsigned_abs());
        for (place, limb) in limbs.iter_mut().enumerate().take(4) {
            *limb = (left >> (32 * place)) as u32;
        }
        let mut product = [0u32; 64];
        for place in 0..4 {
            let digit = (right >> (32 * place)) as u32 as u64;
            let mut carry = 0u64;
            for index in 0..8 - place {
                let sum = u64::from(product[index + place]) + u64::from(limbs[index]) * digit + carry;
                product[index + place] = sum as u32;
                carry = sum >> 32;
            }
        }
        for _ in 0..tens {
            let mut carry = 0u64;
            for limb in &mut product {
                let sum = u64::from(*limb) * 10 + carry;
                *limb = sum as u32;
                carry = sum >> 32;
            }
        }
        Product { negative: (a < 0) != (b < 0) && a != 0 && b != 0, limbs: product }
    }

    fn cmp(&self, other: &Product) -> Ordering {
        let size = self.limbs.iter().rev().cmp(other.limbs.iter().rev());
        match (self.negative, other.negative) {
            (false, false) => size,
            (true, true) => size.reverse(),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(text: &str) -> Amount {
        Amount::read(text, b'.').unwrap()
    }

    fn below(a: &str, b: &str) -> bool {
        amount(a).is_below(ONE, amount(b), ONE)
    }

    #[test]
    fn reading_is_strict() {
        assert_eq!(amount("-12.340"), Amount { mantissa: -12_340, scale: 3 });
        assert_eq!(Amount::read("19,99", b','), Ok(Amount { mantissa: 1_999, scale: 2 }));
        for text in ["", "-", ".5", "5.", "1,234.5", "1e3", "$5", "1.2.3", "NaN", "٣"] {
            assert_eq!(Amount::read(text, b'.'), Err(NotAnAmount::Notation), "{text}");
        }
        let nines = "9".repeat(40);
        for text in [&nines, &format!("-{nines}.5"), &format!("0.{nines}"), &format!("0.{}", "0".repeat(256))] {
            assert_eq!(Amount::read(text, b'.'), Err(NotAnAmount::TooManyDigits), "{text}");
            let no_number = format!("{text}.");
            assert_eq!(Amount::read(&no_number, b'.'), Err(NotAnAmount::Notation), "{no_number}");
        }
    }

    #[test]
    fn doubles_are_their_shortest_decimal() {
        assert_eq!(Amount::from_f64(19.99), Ok(amount("19.99")));
        assert_eq!(Amount::from_f64(0.1), Ok(amount("0.1")));
        assert_eq!(Amount::from_f64(f64::NAN), Err(NotAnAmount::Notation));
        assert_eq!(Amount::from_f64(1e300), Err(NotAnAmount::TooManyDigits));
        assert_eq!(Amount::from_f64(5e-324), Err(NotAnAmount::TooManyDigits));
    }

    #[test]
    fn comparisons_are_exact_at_any_scale() {
        assert!(!below("20.00", "20"));
        assert!(below("19.999999999999999999999999", "20"));
        assert!(below("-1", "0") && !below("0", "-0") && below("-20", "-19.99"));
        let huge = Amount { mantissa: i128::MAX, scale: 0 };
        assert!(!huge.is_below(huge, huge, huge));
        assert!(huge.is_below(amount("0.999999999999999999"), huge, ONE));
        // 17.16 GBP at 0.8580 GBP/EUR is exactly 20 EUR; a cent less is below.
        assert!(!amount("17.16").is_below(ONE, amount("20"), amount("0.8580")));
        assert!(amount("17.15").is_below(ONE, amount("20"), amount("0.8580")));
    }
}
