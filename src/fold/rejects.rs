//! Rejected rows that are kept: the first by file and record, up to a number of rows and of bytes.
//!
//! Which rows are kept depends on the rows alone, never on threads or the order in which they arrive. Further rows are
//! counted elsewhere and dropped here. Nothing fails.

use parking_lot::Mutex;
use vtr_columnar::fold::Reject;

/// Bytes of a reject apart from its texts: the struct, and the allocator's overhead for each.
const BESIDE: usize = 192;

/// The rejects of all threads.
#[derive(Debug)]
pub struct KeptRejects {
    most_rows: usize,
    most_bytes: usize,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    rejects: Vec<(u32, Reject)>,
    bytes: usize,
    peak: usize,
    /// File and record from which on no reject is kept.
    end: Option<(u32, u64)>,
}

fn bytes_of(reject: &Reject) -> usize {
    let texts = [reject.column.as_ref(), Some(&reject.reason), reject.value.as_ref()];
    texts.into_iter().flatten().map(String::len).sum::<usize>() + BESIDE
}

impl KeptRejects {
    /// Holds no rejects yet.
    pub fn new(most_rows: usize, most_bytes: usize) -> KeptRejects {
        KeptRejects { most_rows, most_bytes, inner: Mutex::default() }
    }

    /// Takes over rejects of a file, without their sellers.
    pub fn add(&self, file: u32, rejects: Vec<Reject>) {
        if rejects.is_empty() {
            return;
        }
        let mut inner = self.inner.lock();
        for reject in rejects {
            if inner.end.is_none_or(|end| (file, reject.record) < end) {
                inner.bytes += bytes_of(&reject);
                inner.rejects.push((file, Reject { seller: None, ..reject }));
            }
        }
        inner.peak = inner.peak.max(inner.bytes);
        if inner.rejects.len() > 2 * self.most_rows || inner.bytes > self.most_bytes + self.most_bytes / 4 {
            self.cut(&mut inner);
        }
    }

    /// Keeps the first that fit. A dropped reject never returns: further rejects before it only leave less room.
    fn cut(&self, inner: &mut Inner) {
        inner.rejects.sort_unstable_by_key(|(file, reject)| (*file, reject.record));
        let (mut bytes, mut fit) = (0, 0);
        for (_, reject) in inner.rejects.iter().take(self.most_rows) {
            let with = bytes + bytes_of(reject);
            if with > self.most_bytes {
                break;
            }
            (bytes, fit) = (with, fit + 1);
        }
        if let Some((file, reject)) = inner.rejects.get(fit) {
            inner.end = Some((*file, reject.record));
        }
        inner.rejects.truncate(fit);
        inner.bytes = bytes;
    }

    /// Returns the rejects in order, and the most bytes that they took.
    pub fn finish(self) -> (Vec<(u32, Reject)>, usize) {
        let mut inner = self.inner.into_inner();
        let KeptRejects { most_rows, most_bytes, .. } = self;
        KeptRejects { most_rows, most_bytes, inner: Mutex::default() }.cut(&mut inner);
        (inner.rejects, inner.peak)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reject(record: u64, length: usize) -> Reject {
        Reject {
            record,
            line: None,
            byte_offset: None,
            column: None,
            reason: "x".repeat(length),
            value: None,
            seller: Some("s".repeat(1_000)),
        }
    }

    proptest::proptest! {
        #[test]
        fn which_are_kept_does_not_depend_on_how_they_come(
            lengths in proptest::collection::vec(0usize..500, 1..200),
            order in proptest::collection::vec(0usize..1_000, 200),
            most_rows in 1usize..60,
            most_bytes in 300usize..20_000,
        ) {
            let at = |place: usize| ((place / 50) as u32, reject((place % 50) as u64, lengths[place]));
            let mut want = Vec::new();
            let mut bytes = 0;
            for (file, reject) in (0..lengths.len()).map(at) {
                bytes += bytes_of(&reject);
                if want.len() == most_rows || bytes > most_bytes {
                    break;
                }
                want.push((file, reject.record));
            }
            let mut places: Vec<usize> = (0..lengths.len()).collect();
            places.sort_by_key(|place| order[*place]);
            let kept = KeptRejects::new(most_rows, most_bytes);
            for (file, reject) in places.into_iter().map(at) {
                kept.add(file, vec![reject]);
            }
            let (found, peak) = kept.finish();
            let found: Vec<(u32, u64)> = found.iter().map(|(file, reject)| (*file, reject.record)).collect();
            proptest::prop_assert_eq!(found, want);
            proptest::prop_assert!(peak <= 2 * most_bytes + 1_000);
        }
    }
}
