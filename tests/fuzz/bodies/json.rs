//! JSON split into documents: the result is the same however the stream is fed, each document has the right place,
//! and nothing of a sound file is lost.
//!
//! The first byte chooses how much is fed at once, the second the greatest size of a document; the rest is the
//! file.

use vtr::assemble::read::cut::{CutPiece, Cutter};

/// The output, owned.
#[derive(Debug, PartialEq)]
enum Out {
    Whole(Vec<u8>, u64, u64),
    Inside(Vec<u8>, u64, u64),
    Fault(u64, u64),
}

/// Runs one input.
pub fn run(data: &[u8]) {
    let [step, size, bytes @ ..] = data else { return };
    let max = 16 + usize::from(*size) * 8;
    let at_once = cut(bytes, bytes.len().max(1), max);
    let in_steps = cut(bytes, usize::from(*step % 9) + 1, max);
    assert_eq!(at_once, in_steps, "the same in any steps");
    for out in &at_once {
        let (text, offset, line) = match out {
            Out::Whole(text, offset, line) | Out::Inside(text, offset, line) => (Some(text), *offset, *line),
            Out::Fault(offset, line) => (None, *offset, *line),
        };
        let offset = usize::try_from(offset).unwrap();
        assert!(offset <= bytes.len());
        assert_eq!(line, 1 + bytes[..offset].iter().filter(|byte| **byte == b'\n').count() as u64);
        if let Some(text) = text {
            assert!(text.len() <= max && bytes[offset..].starts_with(text), "a document lies where it says");
        }
    }
    let faults = at_once.iter().filter(|out| matches!(out, Out::Fault(..))).count();
    let values: Vec<Result<serde_json::Value, _>> = serde_json::Deserializer::from_slice(bytes).into_iter().collect();
    let depth = |bytes: &[u8]| bytes.iter().filter(|byte| matches!(byte, b'{' | b'[')).count();
    if bytes.len() <= 16 && depth(bytes) < 64 && values.iter().all(Result::is_ok) {
        assert_eq!(faults, 0, "sound JSON has no faults: {at_once:?}");
    }
}

fn cut(bytes: &[u8], step: usize, max: usize) -> Vec<Out> {
    let lists = [vec!["a"], vec!["b", "a"], vec!["b", "c", "d"]];
    let lists = lists.map(|keys| keys.into_iter().map(str::to_owned).collect()).to_vec();
    let mut cutter = Cutter::new(lists, max);
    let mut all = Vec::new();
    let mut each = |piece: CutPiece| {
        all.push(match piece {
            CutPiece::Whole(cut) => Out::Whole(cut.bytes.to_vec(), cut.offset, cut.line),
            CutPiece::Inside(cut) => Out::Inside(cut.bytes.to_vec(), cut.offset, cut.line),
            CutPiece::Fault { offset, line, .. } => Out::Fault(offset, line),
        });
        Ok::<(), std::convert::Infallible>(())
    };
    for part in bytes.chunks(step) {
        let Ok(()) = cutter.feed(part, &mut each);
    }
    let Ok(()) = cutter.finish(&mut each);
    all
}
