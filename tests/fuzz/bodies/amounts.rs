//! Text and doubles to exact decimals: nothing is rounded, and comparing agrees with long multiplication.
//!
//! Four lines of text, the first two multiplied against the last two; the first byte of the first
//! chooses the decimal mark when it is a comma, and the first eight bytes are a double too.

use std::cmp::Ordering;
use vtr_kernel::amount::{Amount, ONE};

/// Runs one input.
pub fn run(data: &[u8]) {
    if let Some(bits) = data.get(..8) {
        double(f64::from_bits(u64::from_le_bytes(bits.try_into().expect("eight bytes"))));
    }
    let text = String::from_utf8_lossy(data);
    let (mark, text) = match text.strip_prefix(',') {
        Some(rest) => (b',', rest),
        None => (b'.', text.as_ref()),
    };
    let read: Vec<Option<Amount>> = text.split('\n').take(4).map(|text| exact(text, mark)).collect();
    let at = |place: usize| read.get(place).copied().flatten().unwrap_or(ONE);
    compare(at(0), positive(at(1)), at(2), positive(at(3)));
    compare(at(0), ONE, at(2), ONE);
}

fn positive(amount: Amount) -> Amount {
    if amount.mantissa > 0 { amount } else { ONE }
}

/// Returns the expected amount: its digits unchanged; `None` if the text has another form or too many digits.
fn exact(text: &str, mark: u8) -> Option<Amount> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, fraction) = match unsigned.split_once(char::from(mark)) {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (unsigned, None),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_number = digits(whole) && fraction.is_none_or(digits);
    let all = format!("{whole}{}", fraction.unwrap_or_default());
    let significant = all.trim_start_matches('0');
    match Amount::read(text, mark) {
        Ok(amount) => {
            assert!(is_number, "{text:?} is no number but reads");
            let shown = amount.mantissa.unsigned_abs().to_string();
            assert_eq!(if shown == "0" { "" } else { &shown }, significant, "{text}");
            assert_eq!(usize::from(amount.scale), fraction.map_or(0, str::len), "{text}");
            assert_eq!(amount.mantissa < 0, text.starts_with('-') && !significant.is_empty(), "{text}");
            Some(amount)
        }
        Err(_) => {
            let too_long = significant.len() > 38 || fraction.is_some_and(|fraction| fraction.len() > 255);
            assert!(!is_number || too_long, "{text:?} is a number but does not read");
            None
        }
    }
}

fn double(value: f64) {
    let shown = format!("{value}");
    match Amount::from_f64(value) {
        Ok(amount) => assert!(as_text(amount).parse::<f64>().is_ok_and(|again| again == value), "{value:e}"),
        Err(_) => {
            let digits = shown.trim_start_matches(['-', '0', '.']).bytes().filter(u8::is_ascii_digit).count();
            let places = shown.split_once('.').map_or(0, |(_, fraction)| fraction.len());
            assert!(!value.is_finite() || digits > 38 || places > 255, "{value:e} has a short decimal");
        }
    }
}

fn as_text(amount: Amount) -> String {
    let sign = if amount.mantissa < 0 { "-" } else { "" };
    let scale = usize::from(amount.scale);
    let digits = format!("{:0>width$}", amount.mantissa.unsigned_abs().to_string(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    format!("{sign}{whole}.{fraction}0")
}

fn compare(a: Amount, factor: Amount, b: Amount, other: Amount) {
    let left = product(a.mantissa, factor.mantissa, u32::from(b.scale) + u32::from(other.scale));
    let right = product(b.mantissa, other.mantissa, u32::from(a.scale) + u32::from(factor.scale));
    let order = match (a.mantissa < 0, b.mantissa < 0) {
        (false, false) => larger(&left, &right),
        (true, true) => larger(&right, &left),
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
    };
    let says = a.is_below(factor, b, other);
    assert_eq!(says, order == Ordering::Less, "{a:?} * {factor:?} against {b:?} * {other:?}");
    assert!(!(says && b.is_below(other, a, factor)), "{a:?} and {b:?} are each below the other");
}

/// Returns the decimal digits, lowest first, of the product of two magnitudes and a power of ten.
fn product(a: i128, b: i128, tens: u32) -> Vec<u8> {
    let digits =
        |value: i128| -> Vec<u8> { value.unsigned_abs().to_string().bytes().rev().map(|digit| digit - b'0').collect() };
    let (a, b) = (digits(a), digits(b));
    let mut columns = vec![0u32; a.len() + b.len() + 1];
    for (i, left) in a.iter().enumerate() {
        for (j, right) in b.iter().enumerate() {
            columns[i + j] += u32::from(*left) * u32::from(*right);
        }
    }
    let (mut carry, mut product) = (0, vec![0u8; tens as usize]);
    for column in columns {
        let sum = column + carry;
        product.push((sum % 10) as u8);
        carry = sum / 10;
    }
    assert_eq!(carry, 0, "the last column has room");
    while product.last() == Some(&0) {
        product.pop();
    }
    product
}

fn larger(a: &[u8], b: &[u8]) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.iter().rev().cmp(b.iter().rev()))
}
