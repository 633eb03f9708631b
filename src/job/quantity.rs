//! Sizes and shares as people write them: `64 KiB`, `0.1%`.
//!
//! The results are exact; no floats are used. It fails with the accepted spelling.

use super::spec::Size;
use vtr_kernel::amount::Amount;

/// Units of bytes; if one name is the end of another, the longer comes first.
const UNITS: [(&str, u128); 14] = [
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
    ("k", 1 << 10),
    ("m", 1 << 20),
    ("g", 1 << 30),
    ("t", 1 << 40),
    ("b", 1),
    ("", 1),
];

impl Size {
    /// Returns the number of bytes, at least 1.
    ///
    /// # Errors
    /// The fault, and how sizes are written.
    pub fn bytes(&self) -> Result<u64, String> {
        let bytes = match self {
            Size::Bytes(bytes) => Some(*bytes),
            Size::Text(text) => bytes(text),
        };
        bytes.filter(|bytes| *bytes > 0).ok_or_else(|| {
            let written = match self {
                Size::Bytes(bytes) => bytes.to_string(),
                Size::Text(text) => text.clone(),
            };
            format!(
                "{written:?} is not a size; write a number of bytes, or one with a unit such as \"64 KiB\" or \"2 GiB\""
            )
        })
    }
}

fn bytes(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    let (number, factor) = UNITS.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)))?;
    let amount = Amount::read(number.trim(), b'.').ok()?;
    let ten = 10u128.checked_pow(u32::from(amount.scale))?;
    let bytes = u128::try_from(amount.mantissa).ok()?.checked_mul(factor)?;
    // Half a byte is not a size.
    (bytes % ten == 0).then(|| u64::try_from(bytes / ten).ok())?
}

/// Parses a share from 0 to 1 as numerator and denominator in lowest terms.
///
/// # Errors
/// The fault, and how shares are written.
pub fn share(text: &str) -> Result<(u64, u64), String> {
    exact_share(text).ok_or_else(|| {
        format!("{text:?} is not a share from 0 to 1; write it as in \"0.1%\" or \"0.001\", with at most nine decimals")
    })
}

fn exact_share(text: &str) -> Option<(u64, u64)> {
    let text = text.trim();
    let (number, percent) = text.strip_suffix('%').map_or((text, 1), |number| (number.trim_end(), 100));
    let amount = Amount::read(number, b'.').ok()?;
    let denominator = 10u64.checked_pow(u32::from(amount.scale))?.checked_mul(percent)?;
    let numerator = u64::try_from(amount.mantissa).ok()?;
    let divisor = gcd(numerator, denominator);
    let (numerator, denominator) = (numerator / divisor, denominator / divisor);
    (numerator <= denominator && denominator <= 1_000_000_000).then_some((numerator, denominator))
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_with_and_without_units() {
        let size = |text: &str| Size::Text(text.into()).bytes().ok();
        assert_eq!(size("64 KiB"), Some(65_536));
        assert_eq!(size("1.5GiB"), Some(1_610_612_736));
        assert_eq!(size("2g"), Some(2 << 30));
        assert_eq!(size("10 MB"), Some(10_000_000));
        assert_eq!(size("512"), Some(512));
        for wrong in ["", "KiB", "0", "-1", "1.5 B", "many", "1e9", "99999999999 TiB"] {
            assert_eq!(size(wrong), None, "{wrong}");
        }
        assert_eq!(Size::Bytes(7).bytes(), Ok(7));
    }

    #[test]
    fn shares_are_exact() {
        assert_eq!(share("0.1%"), Ok((1, 1_000)));
        assert_eq!(share("100 %"), Ok((1, 1)));
        assert_eq!(share("0"), Ok((0, 1)));
        assert_eq!(share("0.000000001"), Ok((1, 1_000_000_000)));
        for wrong in ["", "%", "101%", "-1%", "1e-3", "0.0000000001"] {
            assert!(share(wrong).is_err(), "{wrong}");
        }
    }
}
