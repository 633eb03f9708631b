//! The hybrid of run lengths and packed bits in which Parquet writes codes.
//!
//! Codes are taken eight at a time: eight equal ones begin a run, and others are packed. The module knows no pages and
//! no dictionaries, and nothing in it fails.

/// Codes that are packed, or compared, at a time.
const GROUP: usize = 8;
/// The most groups that are packed behind one head, which is one byte.
const GROUPS_OF_A_HEAD: usize = 63;

/// The number of bits that the codes below a count need.
pub fn width(count: usize) -> u32 {
    usize::BITS - count.saturating_sub(1).leading_zeros()
}

/// The most bytes that codes can take.
pub fn most_bytes(width: u32, codes: usize) -> usize {
    let groups = codes.div_ceil(GROUP);
    let (packed, run) = (1 + width as usize, 1 + width.div_ceil(8) as usize);
    groups * packed.max(run)
}

/// Appends codes of a width, which is at most 32 bits.
pub fn encode(codes: &[u32], width: u32, into: &mut Vec<u8>) {
    let mut at = 0;
    // The place of the head of the groups that are being packed, and their number.
    let mut open: Option<(usize, usize)> = None;
    while at < codes.len() {
        let rest = &codes[at..];
        let alike = rest.iter().take_while(|code| **code == rest[0]).count();
        // A rest that is shorter than a group is a run only if no group stands before it.
        if alike >= GROUP || alike == rest.len() && open.is_none() {
            close(&mut open, into);
            run(rest[0], alike, width, into);
            at += alike;
            continue;
        }
        let mut group = [0; GROUP];
        let length = rest.len().min(GROUP);
        group[..length].copy_from_slice(&rest[..length]);
        let (head, groups) = open.unwrap_or_else(|| {
            into.push(0);
            (into.len() - 1, 0)
        });
        pack(&group, width, into);
        open = Some((head, groups + 1));
        if groups + 1 == GROUPS_OF_A_HEAD {
            close(&mut open, into);
        }
        at += length;
    }
    close(&mut open, into);
}

/// Writes the head of packed groups.
fn close(open: &mut Option<(usize, usize)>, into: &mut [u8]) {
    if let Some((head, groups)) = open.take() {
        into[head] = (groups << 1 | 1) as u8;
    }
}

fn run(code: u32, times: usize, width: u32, into: &mut Vec<u8>) {
    let mut head = times << 1;
    while head >= 0x80 {
        into.push(head as u8 | 0x80);
        head >>= 7;
    }
    into.push(head as u8);
    into.extend_from_slice(&code.to_le_bytes()[..width.div_ceil(8) as usize]);
}

/// Packs eight codes, the first one lowest; they take as many bytes as a code has bits.
fn pack(group: &[u32], width: u32, into: &mut Vec<u8>) {
    if width <= 8 {
        let word = group.iter().rev().fold(0u64, |word, code| word << width | u64::from(*code));
        into.extend_from_slice(&word.to_le_bytes()[..width as usize]);
    } else if width <= 16 {
        let word = group.iter().rev().fold(0u128, |word, code| word << width | u128::from(*code));
        into.extend_from_slice(&word.to_le_bytes()[..width as usize]);
    } else {
        let (mut word, mut bits) = (0u64, 0);
        for code in group {
            word |= u64::from(*code) << bits;
            bits += width;
            while bits >= 8 {
                into.push(word as u8);
                word >>= 8;
                bits -= 8;
            }
        }
    }
}
