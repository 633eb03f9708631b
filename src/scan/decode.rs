//! Decodes content in a declared encoding to UTF-8.
//!
//! It never guesses an encoding and never replaces: a byte sequence that is invalid in the declared encoding becomes
//! [`BROKEN`], which no UTF-8 text holds, so that only its own record is refused. It fails on content that cannot be
//! read, or that begins with the byte order mark of another encoding.

use super::content::FileContent;
use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE};
use std::collections::VecDeque;

/// The byte for a sequence that is invalid in the declared encoding.
pub(crate) const BROKEN: u8 = 0xff;

const STEP: usize = 64 << 10;

/// Decoded content of one file.
pub(crate) struct Decoding {
    content: FileContent,
    /// Bytes read ahead to look for a byte order mark.
    head: Vec<u8>,
    /// Bytes of the byte order mark at the beginning of the file.
    mark: u64,
    transcoder: Option<Transcoder>,
}

struct Transcoder {
    decoder: Decoder,
    /// The byte order of UTF-16, whose line ends are two bytes; it decides which of them is zero.
    wide: Option<Wide>,
    /// Source bytes not decoded yet.
    source: Vec<u8>,
    /// Source bytes and decoded bytes so far.
    source_offset: u64,
    decoded_offset: u64,
    /// Decoded and source offset of the beginnings of lines.
    lines: VecDeque<(u64, u64)>,
    /// Whether the decoder knows that the input has ended.
    finished: bool,
    /// What a single-byte encoding's lines beyond ASCII look like; `None`: of other encodings this is not asked.
    beyond_ascii: Option<BeyondAscii>,
}

/// Lines beyond ASCII: such text in a single-byte encoding is hardly ever valid UTF-8.
struct BeyondAscii {
    lines: u64,
    all_utf8: bool,
}

#[derive(Clone, Copy)]
enum Wide {
    Little,
    Big,
}

impl Decoding {
    /// Looks at the first bytes.
    pub fn new(mut content: FileContent, encoding: &'static Encoding) -> Result<Decoding, String> {
        let mut head = vec![0; 4];
        let mut filled = 0;
        while filled < head.len() {
            match content.read(&mut head[filled..])? {
                0 => break,
                read => filled += read,
            }
        }
        head.truncate(filled);
        let (encoding, mark) = choose_encoding(&head, encoding)?;
        let source = head.split_off(mark);
        let mark = mark as u64;
        if encoding == UTF_8 {
            return Ok(Decoding { content, head: source, mark, transcoder: None });
        }
        let wide = if encoding == UTF_16LE { Some(Wide::Little) } else { (encoding == UTF_16BE).then_some(Wide::Big) };
        let transcoder = Transcoder {
            decoder: encoding.new_decoder_without_bom_handling(),
            wide,
            source,
            source_offset: mark,
            decoded_offset: 0,
            lines: VecDeque::from([(0, mark)]),
            finished: false,
            beyond_ascii: encoding.is_single_byte().then_some(BeyondAscii { lines: 0, all_utf8: true }),
        };
        Ok(Decoding { content, head: Vec::new(), mark, transcoder: Some(transcoder) })
    }

    /// Adds at least one and about `wanted` decoded bytes; returns false at the end.
    pub fn read(&mut self, into: &mut Vec<u8>, wanted: usize) -> Result<bool, String> {
        let before = into.len();
        let Some(transcoder) = &mut self.transcoder else {
            into.append(&mut self.head);
            let from = into.len();
            into.resize(from + wanted, 0);
            let read = self.content.read(&mut into[from..])?;
            into.truncate(from + read);
            return Ok(into.len() > before);
        };
        while !transcoder.finished && into.len() < before + wanted {
            let from = transcoder.source.len();
            transcoder.source.resize(from + STEP, 0);
            let read = self.content.read(&mut transcoder.source[from..])?;
            transcoder.source.truncate(from + read);
            transcoder.decode(into, read == 0);
        }
        Ok(into.len() > before)
    }

    /// Returns the offset in the source at which a line begins, by its decoded offset; it is never called with a
    /// smaller one than before.
    pub fn source_offset(&mut self, decoded: u64) -> u64 {
        let Some(transcoder) = &mut self.transcoder else { return self.mark + decoded };
        while transcoder.lines.get(1).is_some_and(|line| line.0 <= decoded) {
            transcoder.lines.pop_front();
        }
        transcoder.lines.front().map_or(0, |line| line.1)
    }

    /// Returns the bytes of the file as stored and their SHA-256.
    ///
    /// # Errors
    /// The rest cannot be read, or all text beyond ASCII is UTF-8 although a single-byte encoding is declared.
    pub fn finish(self) -> Result<(u64, String), String> {
        if let Some(transcoder) = &self.transcoder
            && let Some(BeyondAscii { lines, all_utf8: true }) = transcoder.beyond_ascii
            && lines > 0
        {
            let declared = transcoder.decoder.encoding().name().to_ascii_lowercase();
            return Err(format!(
                "is UTF-8, which all of its {lines} lines beyond ASCII show, but declared to be {declared}; set `encoding = \"utf-8\"` \
                 in [input.csv]; if other files of its input are {declared}, give it an [[input]] of its own"
            ));
        }
        self.content.finish()
    }
}

/// Returns the encoding to read by and the length of the byte order mark, by the first bytes and the declared
/// encoding.
fn choose_encoding(head: &[u8], declared: &'static Encoding) -> Result<(&'static Encoding, usize), String> {
    let is_16 = declared == UTF_16LE || declared == UTF_16BE;
    match Encoding::for_bom(head) {
        None => Ok((declared, 0)),
        Some((found, mark)) if found == declared => Ok((declared, mark)),
        Some((found, mark)) if is_16 && found != UTF_8 => Ok((found, mark)),
        Some((found, _)) => {
            let (found, declared) = (found.name().to_ascii_lowercase(), declared.name().to_ascii_lowercase());
            let name = if found.starts_with("utf-16") { "utf-16" } else { &found };
            Err(format!(
                "begins with the mark of {found} but is declared to be {declared}; set `encoding = \"{name}\"` in [input.csv]"
            ))
        }
    }
}

impl Transcoder {
    /// Decodes line by line, so that the source offset of each line is known.
    fn decode(&mut self, into: &mut Vec<u8>, last: bool) {
        let mut source = std::mem::take(&mut self.source);
        // Half a code unit waits for the other half, so that a line end is never cut in two.
        if self.wide.is_some() && source.len() % 2 == 1 && !last {
            self.source.extend(source.pop());
        }
        let mut from = 0;
        while let Some(length) = self.line(&source[from..]) {
            self.piece(&source[from..from + length], into, false);
            from += length;
            self.lines.push_back((self.decoded_offset, self.source_offset));
        }
        self.piece(&source[from..], into, last);
        self.finished = last;
    }

    /// Returns the bytes up to and including the next line end.
    fn line(&self, source: &[u8]) -> Option<usize> {
        let Some(wide) = self.wide else {
            return source.iter().position(|byte| matches!(byte, b'\r' | b'\n')).map(|at| at + 1);
        };
        let is_end = |unit: &[u8]| match wide {
            Wide::Little => unit[1] == 0 && matches!(unit[0], b'\r' | b'\n'),
            Wide::Big => unit[0] == 0 && matches!(unit[1], b'\r' | b'\n'),
        };
        source.chunks_exact(2).position(is_end).map(|at| 2 * at + 2)
    }

    fn piece(&mut self, mut source: &[u8], into: &mut Vec<u8>, last: bool) {
        let before = into.len();
        self.source_offset += source.len() as u64;
        if let Some(beyond) = &mut self.beyond_ascii
            && !source.is_ascii()
        {
            beyond.lines += 1;
            beyond.all_utf8 = beyond.all_utf8 && std::str::from_utf8(source).is_ok();
        }
        loop {
            let room = self.decoder.max_utf8_buffer_length_without_replacement(source.len()).unwrap_or(STEP);
            let from = into.len();
            into.resize(from + room, 0);
            let (result, read, written) =
                self.decoder.decode_to_utf8_without_replacement(source, &mut into[from..], last);
            into.truncate(from + written);
            source = &source[read..];
            match result {
                DecoderResult::InputEmpty => break,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(..) => into.push(BROKEN),
            }
        }
        self.decoded_offset += (into.len() - before) as u64;
    }
}
