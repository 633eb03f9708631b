//! Cuts documents out of a stream of JSON, as bytes: lists, lines, pages and single documents alike.
//!
//! It follows brackets, commas and quotes and decodes no value; it holds at most one page and one document of it.
//! Broken JSON is one fault with its place, and cutting goes on at the next line that begins a document.

use serde::de::IgnoredAny;
use std::borrow::Cow;

/// The deepest nesting of lists and objects.
pub const MAX_DEPTH: usize = 64;

/// The result of cutting.
#[derive(Debug, PartialEq, Eq)]
pub enum CutPiece<'a> {
    /// A document, or a page that may hold documents.
    Whole(Cut<'a>),
    /// A document from a list within a page.
    Inside(Cut<'a>),
    /// Bytes that are not a document.
    Fault {
        /// The reason.
        reason: String,
        /// Byte at which it begins.
        offset: u64,
        /// Line on which it begins, from 1.
        line: u64,
    },
}

/// The bytes of a document and their position.
#[derive(Debug, PartialEq, Eq)]
pub struct Cut<'a> {
    /// All of its bytes, not checked to be JSON within its brackets.
    pub bytes: &'a [u8],
    /// Its first byte.
    pub offset: u64,
    /// Its first line, from 1.
    pub line: u64,
}

/// Cuts a stream that is fed piece by piece.
pub struct Cutter {
    /// Keys down to lists of documents within a page.
    lists: Vec<Vec<String>>,
    max_bytes: usize,
    frames: Vec<Frame>,
    units: Vec<CutUnit>,
    /// Keys down to the innermost object that is followed.
    trail: Vec<String>,
    /// The last key of that object.
    key: Option<String>,
    inside: Inside,
    offset: u64,
    line: u64,
    seeking: Seeking,
    /// Whether a fault was met, after which unmatched brackets around it are not further faults.
    damaged: bool,
}

/// An open list or object.
struct Frame {
    closer: u8,
    expect: Expect,
    /// The kind of its elements, if they are cut out one by one.
    stream: Option<Depth>,
    /// Whether its keys may lead to a list of documents.
    followed: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Expect {
    ValueOrClose,
    Value,
    CommaOrClose,
    KeyOrClose,
    Key,
    Colon,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    Whole,
    Inside,
}

/// The unit that is being cut out.
struct CutUnit {
    bytes: Vec<u8>,
    offset: u64,
    line: u64,
    place: Depth,
    /// The number of frames below it.
    base: usize,
    size: UnitSize,
    /// Whether documents were cut out of it, so that its bytes are only the rest.
    streamed: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum UnitSize {
    Fits,
    TooLarge,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    /// Between values.
    Nothing,
    /// A text that is a value.
    Text,
    /// A key, and its position in its unit.
    Key(usize),
    /// After a backslash, with the state to return to.
    Escape(Option<usize>),
    /// A number or word.
    Token,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Seeking {
    No,
    /// Looking for a line that begins a document.
    Line {
        begins: bool,
    },
}

/// The result of a byte.
enum Step {
    /// It was consumed.
    Taken,
    /// It is looked at again.
    Again,
    /// A unit ended with it.
    Done,
    Fault(String),
}

/// A function that takes the pieces.
pub type EachPiece<'e, E> = dyn FnMut(CutPiece) -> Result<(), E> + 'e;

impl Cutter {
    /// Returns a cutter of documents of at most `max_bytes` bytes; `lists` are the keys down to lists of documents
    /// within a page.
    pub fn new(lists: Vec<Vec<String>>, max_bytes: usize) -> Cutter {
        Cutter {
            lists,
            max_bytes,
            frames: Vec::new(),
            units: Vec::new(),
            trail: Vec::new(),
            key: None,
            inside: Inside::Nothing,
            offset: 0,
            line: 1,
            seeking: Seeking::No,
            damaged: false,
        }
    }

    /// Passes over bytes before the first document.
    pub fn pass(&mut self, bytes: u64) {
        self.offset += bytes;
    }

    /// Goes on with the next bytes.
    ///
    /// # Errors
    /// The error that `each` returned.
    pub fn feed<E>(&mut self, bytes: &[u8], each: &mut EachPiece<E>) -> Result<(), E> {
        // The bytes that a fault gives back are cut again, before those that follow.
        let (mut input, mut at) = (Cow::Borrowed(bytes), 0);
        loop {
            let Some(byte) = input.get(at).copied() else { return Ok(()) };
            if let Seeking::Line { begins } = self.seeking {
                if begins && matches!(byte, b'{' | b'[') {
                    self.seeking = Seeking::No;
                } else {
                    self.seeking = Seeking::Line { begins: byte == b'\n' };
                    self.count(byte);
                    at += 1;
                    continue;
                }
            }
            if matches!(self.inside, Inside::Text | Inside::Key(_)) {
                let plain = |byte: &u8| !matches!(byte, b'"' | b'\\') && *byte >= 0x20;
                let length = input[at..].iter().position(|byte| !plain(byte)).unwrap_or(input.len() - at);
                self.take(&input[at..at + length]);
                self.offset += length as u64;
                at += length;
                if at == input.len() {
                    return Ok(());
                }
            }
            let byte = if at < input.len() { input[at] } else { byte };
            match self.step(byte) {
                Step::Again => {}
                Step::Taken => {
                    self.count(byte);
                    at += 1;
                }
                Step::Done => {
                    self.count(byte);
                    at += 1;
                    self.emit(each)?;
                }
                Step::Fault(reason) => {
                    let mut back = self.give_up(reason, each)?;
                    if back.is_empty() {
                        self.count(byte);
                        at += 1;
                    } else {
                        back.extend_from_slice(&input[at..]);
                        (input, at) = (Cow::Owned(back), 0);
                    }
                }
            }
            // A token ends with the byte after it, which is looked at again.
            if self.inside == Inside::Nothing && self.is_done() {
                self.emit(each)?;
            }
        }
    }

    /// Ends the stream.
    ///
    /// # Errors
    /// The error that `each` returned.
    pub fn finish<E>(&mut self, each: &mut EachPiece<E>) -> Result<(), E> {
        loop {
            if self.inside == Inside::Token {
                self.inside = Inside::Nothing;
                self.value_ended();
                if self.is_done() {
                    self.emit(each)?;
                }
            }
            if self.units.is_empty() && self.frames.is_empty() {
                return Ok(());
            }
            let back = self.give_up("the file ends before the document does".to_owned(), each)?;
            self.feed(&back, each)?;
        }
    }

    fn count(&mut self, byte: u8) {
        self.offset += 1;
        self.line += u64::from(byte == b'\n');
    }

    fn take(&mut self, bytes: &[u8]) {
        let Some(unit) = self.units.last_mut() else { return };
        if unit.size == UnitSize::TooLarge {
            return;
        }
        if unit.bytes.len() + bytes.len() > self.max_bytes {
            unit.size = UnitSize::TooLarge;
            unit.bytes = Vec::new();
            return;
        }
        unit.bytes.extend_from_slice(bytes);
    }

    fn step(&mut self, byte: u8) -> Step {
        match self.inside {
            Inside::Text | Inside::Key(_) => self.in_text(byte),
            Inside::Escape(key) => {
                self.take(&[byte]);
                self.inside = key.map_or(Inside::Text, Inside::Key);
                Step::Taken
            }
            Inside::Token
                if matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b',' | b':' | b']' | b'}' | b'[' | b'{' | b'"') =>
            {
                self.inside = Inside::Nothing;
                self.value_ended();
                Step::Again
            }
            Inside::Token => {
                self.take(&[byte]);
                Step::Taken
            }
            Inside::Nothing => self.between(byte),
        }
    }

    fn in_text(&mut self, byte: u8) -> Step {
        let key = match self.inside {
            Inside::Key(begin) => Some(begin),
            _ => None,
        };
        match byte {
            b'"' => {
                if let Some(begin) = key {
                    let unit = self.units.last().filter(|unit| unit.size == UnitSize::Fits);
                    let followed = self.frames.last().is_some_and(|frame| frame.followed);
                    let bytes = unit.filter(|_| followed).and_then(|unit| unit.bytes.get(begin..));
                    self.key = bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned());
                    self.expect(Expect::Colon);
                }
                self.take(b"\"");
                self.inside = Inside::Nothing;
                if key.is_none() {
                    self.value_ended();
                }
                if key.is_none() && self.is_done() { Step::Done } else { Step::Taken }
            }
            b'\\' => {
                self.take(b"\\");
                self.inside = Inside::Escape(key);
                Step::Taken
            }
            _ => Step::Fault("a text holds a line end or another control character".to_owned()),
        }
    }

    fn between(&mut self, byte: u8) -> Step {
        if matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
            if self.frames.last().is_none_or(|frame| frame.stream.is_none()) {
                self.take(&[byte]);
            }
            return Step::Taken;
        }
        let Some(frame) = self.frames.last_mut() else { return self.at_top(byte) };
        if let Some(place) = frame.stream {
            return self.in_stream(byte, place);
        }
        match (frame.expect, byte) {
            (Expect::CommaOrClose, b',') => {
                frame.expect = if frame.closer == b'}' { Expect::Key } else { Expect::Value };
                self.take(b",");
                Step::Taken
            }
            (Expect::Colon, b':') => {
                frame.expect = Expect::Value;
                self.take(b":");
                Step::Taken
            }
            (Expect::Key | Expect::KeyOrClose, b'"') => {
                self.take(b"\"");
                self.inside = Inside::Key(self.units.last().map_or(0, |unit| unit.bytes.len()));
                Step::Taken
            }
            (Expect::KeyOrClose | Expect::ValueOrClose | Expect::CommaOrClose, byte) if byte == frame.closer => {
                let followed = frame.followed;
                self.frames.pop();
                if followed {
                    self.trail.pop();
                }
                self.take(&[byte]);
                self.value_ended();
                if self.is_done() { Step::Done } else { Step::Taken }
            }
            (Expect::Value | Expect::ValueOrClose, _) => self.value(byte),
            _ => Step::Fault(misplaced(byte)),
        }
    }

    fn at_top(&mut self, byte: u8) -> Step {
        match byte {
            b'[' => {
                self.frames.push(Frame::list(Some(Depth::Whole)));
                Step::Taken
            }
            b',' | b']' | b'}' | b':' if self.damaged => Step::Taken,
            b',' | b']' | b'}' | b':' => Step::Fault(misplaced(byte)),
            _ => {
                self.begin(Depth::Whole);
                self.value(byte)
            }
        }
    }

    fn in_stream(&mut self, byte: u8, place: Depth) -> Step {
        let expect = self.frames.last().map_or(Expect::Value, |frame| frame.expect);
        match (expect, byte) {
            (Expect::CommaOrClose, b',') => {
                self.expect(Expect::Value);
                Step::Taken
            }
            (Expect::CommaOrClose | Expect::ValueOrClose, b']') => {
                self.frames.pop();
                self.take(b"]");
                self.value_ended();
                Step::Taken
            }
            (Expect::Value | Expect::ValueOrClose, b'[') if place == Depth::Whole => {
                if self.frames.len() >= MAX_DEPTH {
                    return Step::Fault(too_deep());
                }
                self.frames.push(Frame::list(Some(Depth::Whole)));
                Step::Taken
            }
            (Expect::Value | Expect::ValueOrClose, _) => {
                self.begin(place);
                self.value(byte)
            }
            _ => Step::Fault(misplaced(byte)),
        }
    }

    /// Handles the first byte of a value.
    fn value(&mut self, byte: u8) -> Step {
        if matches!(byte, b'{' | b'[') && self.frames.len() >= MAX_DEPTH {
            return Step::Fault(too_deep());
        }
        match byte {
            b'{' => {
                let followed = self.follows();
                self.take(b"{");
                self.frames.push(Frame { closer: b'}', expect: Expect::KeyOrClose, stream: None, followed });
            }
            b'[' => {
                let stream = self.is_list().then_some(Depth::Inside);
                self.take(b"[");
                self.frames.push(Frame::list(stream));
                if let (Some(_), Some(unit)) = (stream, self.units.last_mut()) {
                    unit.streamed = true;
                }
            }
            b'"' => {
                self.take(b"\"");
                self.inside = Inside::Text;
            }
            b',' | b':' | b']' | b'}' => return Step::Fault(misplaced(byte)),
            _ => {
                self.take(&[byte]);
                self.inside = Inside::Token;
            }
        }
        Step::Taken
    }

    /// Returns whether keys of the object that begins may lead to a list of documents; if so, it is entered.
    fn follows(&mut self) -> bool {
        let Some(unit) = self.units.last().filter(|unit| unit.place == Depth::Whole) else { return false };
        let key = if self.frames.len() == unit.base {
            String::new()
        } else {
            match self.frames.last().filter(|frame| frame.followed).and(self.key.take()) {
                Some(key) => key,
                None => return false,
            }
        };
        // The page itself has no key; it takes the first place, so that each entered object has one.
        let depth = self.trail.len();
        let leads = |list: &Vec<String>| {
            list.len() > depth
                && (1..depth).all(|at| list[at - 1] == self.trail[at])
                && (depth == 0 || list[depth - 1] == key)
        };
        let follows = self.lists.iter().any(leads);
        if follows {
            self.trail.push(key);
        }
        follows
    }

    /// Returns whether the list that begins holds documents.
    fn is_list(&mut self) -> bool {
        let is_page = self.units.last().is_some_and(|unit| unit.place == Depth::Whole);
        let Some(key) = self.frames.last().filter(|frame| frame.followed && is_page).and(self.key.take()) else {
            return false;
        };
        let steps = self.trail.iter().skip(1).chain([&key]);
        self.lists.iter().any(|list| list.iter().eq(steps.clone()))
    }

    fn begin(&mut self, place: Depth) {
        let (offset, line, base) = (self.offset, self.line, self.frames.len());
        self.units.push(CutUnit {
            bytes: Vec::new(),
            offset,
            line,
            place,
            base,
            size: UnitSize::Fits,
            streamed: false,
        });
    }

    fn expect(&mut self, expect: Expect) {
        if let Some(frame) = self.frames.last_mut() {
            frame.expect = expect;
        }
    }

    fn value_ended(&mut self) {
        self.expect(Expect::CommaOrClose);
    }

    /// Returns whether the innermost unit is whole.
    fn is_done(&self) -> bool {
        let whole = |unit: &CutUnit| {
            self.frames.len() == unit.base && (unit.size == UnitSize::TooLarge || !unit.bytes.is_empty())
        };
        self.inside == Inside::Nothing && self.units.last().is_some_and(whole)
    }

    fn emit<E>(&mut self, each: &mut EachPiece<E>) -> Result<(), E> {
        let Some(unit) = self.units.pop() else { return Ok(()) };
        let (offset, line) = (unit.offset, unit.line);
        if unit.size == UnitSize::TooLarge {
            return each(CutPiece::Fault { reason: self.too_large(), offset, line });
        }
        let cut = Cut { bytes: &unit.bytes, offset, line };
        match unit.place {
            Depth::Inside => each(CutPiece::Inside(cut)),
            Depth::Whole if !unit.streamed => each(CutPiece::Whole(cut)),
            // Its documents were cut out; the rest must be valid nevertheless.
            Depth::Whole => match serde_json::from_slice::<IgnoredAny>(&unit.bytes) {
                Ok(_) => Ok(()),
                Err(error) => each(CutPiece::Fault {
                    reason: format!("the list around the documents is not JSON: {error}"),
                    offset,
                    line,
                }),
            },
        }
    }

    fn too_large(&self) -> String {
        let max = self.max_bytes;
        format!("the document is longer than {max} bytes; if that is right, raise [limits] max_document_bytes")
    }

    /// Gives up the open units; returns the bytes to be cut again, without the first one.
    fn give_up<E>(&mut self, reason: String, each: &mut EachPiece<E>) -> Result<Vec<u8>, E> {
        let unit = self.units.pop();
        let reason = match &unit {
            Some(unit) if unit.size == UnitSize::TooLarge => self.too_large(),
            _ => reason,
        };
        let (offset, line) = unit.as_ref().map_or((self.offset, self.line), |unit| (unit.offset, unit.line));
        self.frames.clear();
        self.units.clear();
        self.trail.clear();
        self.key = None;
        (self.inside, self.damaged) = (Inside::Nothing, true);
        self.seeking = Seeking::Line { begins: false };
        each(CutPiece::Fault { reason, offset, line })?;
        match unit {
            Some(unit) if !unit.streamed && unit.bytes.len() > 1 => {
                (self.offset, self.line) = (unit.offset + 1, unit.line);
                Ok(unit.bytes[1..].to_vec())
            }
            _ => Ok(Vec::new()),
        }
    }
}

impl Frame {
    fn list(stream: Option<Depth>) -> Frame {
        Frame { closer: b']', expect: Expect::ValueOrClose, stream, followed: false }
    }
}

fn misplaced(byte: u8) -> String {
    format!("{:?} is out of place", char::from(byte))
}

fn too_deep() -> String {
    format!("lists and objects lie more than {MAX_DEPTH} deep in each other")
}
