//! The bytes of a delimited file: as stored, hashed while read, inflated under limits.
//!
//! It knows nothing of text. It fails, with the reason only, on content that cannot be read or inflated to the end and
//! on a file that inflates beyond the limits; the caller names the file.

use super::files::Packing;
use super::store::Origin;
use crate::job::plan::Limits;
use flate2::bufread::MultiGzDecoder;
use std::io::{BufRead, BufReader, Read};

/// Inflated bytes up to which the ratio is not checked: small files with little content inflate a lot.
const RATIO_FROM: u64 = 64 << 20;
/// The largest window of a Zstandard frame, as a power of two: the memory that decoding may hold.
const WINDOW_LOG_MAX: u32 = 26;
const BUFFER: usize = 128 << 10;

/// Stored bytes, counted and hashed while they are read.
struct Stored {
    file: Box<dyn Read + Send>,
    hash: blake3::Hasher,
    bytes: u64,
}

impl Read for Stored {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read(into)?;
        self.hash.update(&into[..read]);
        self.bytes += read as u64;
        Ok(read)
    }
}

enum Inflating {
    Plain(Box<BufReader<Stored>>),
    Gzip(Box<MultiGzDecoder<BufReader<Stored>>>),
    Zstd(Box<zstd::stream::read::Decoder<'static, BufReader<Stored>>>),
}

/// The content of one file.
pub(crate) struct FileContent {
    inflating: Inflating,
    stored: u64,
    inflated: u64,
    max_inflated: u64,
    max_ratio: u64,
}

impl FileContent {
    /// Opens a file of delimited text.
    ///
    /// # Errors
    /// It cannot be opened, or is not compressed as its name says.
    pub fn open(origin: &Origin, packing: Packing, limits: &Limits) -> Result<FileContent, String> {
        FileContent::open_as(Holds::DelimitedText, origin, packing, limits)
    }

    /// Opens a file of JSON.
    ///
    /// # Errors
    /// As [`FileContent::open`].
    pub fn open_json(origin: &Origin, packing: Packing, limits: &Limits) -> Result<FileContent, String> {
        FileContent::open_as(Holds::Json, origin, packing, limits)
    }

    fn open_as(holds: Holds, origin: &Origin, packing: Packing, limits: &Limits) -> Result<FileContent, String> {
        let (file, stored) = (origin.open()?.into_reader(), origin.bytes());
        let mut bytes = BufReader::with_capacity(BUFFER, Stored { file, hash: blake3::Hasher::new(), bytes: 0 });
        let head = bytes.fill_buf().map_err(|error| format!("cannot be read: {error}"))?;
        if packing == Packing::Plain {
            not_packed(head, holds)?;
        } else if head.is_empty() {
            return Err("is empty, but its name says that it is compressed".to_owned());
        } else if let Some(what) = not_as_named(packing, head) {
            return Err(what);
        }
        let inflating = match packing {
            Packing::Plain => Inflating::Plain(Box::new(bytes)),
            Packing::Gzip => Inflating::Gzip(Box::new(MultiGzDecoder::new(bytes))),
            Packing::Zstd => {
                let decoder = zstd::stream::read::Decoder::with_buffer(bytes).and_then(|mut decoder| {
                    decoder.window_log_max(WINDOW_LOG_MAX)?;
                    Ok(decoder)
                });
                Inflating::Zstd(Box::new(decoder.map_err(|error| format!("cannot be inflated: {error}"))?))
            }
        };
        let (max_inflated, max_ratio) = (limits.max_inflated_bytes, limits.max_inflated_ratio);
        Ok(FileContent { inflating, stored, inflated: 0, max_inflated, max_ratio })
    }

    /// Reads the first bytes, inflated.
    ///
    /// # Errors
    /// As [`FileContent::read`].
    pub fn head(&mut self, most: usize) -> Result<Vec<u8>, String> {
        let (mut head, mut filled) = (vec![0; most], 0);
        while filled < most {
            match self.read(&mut head[filled..])? {
                0 => break,
                read => filled += read,
            }
        }
        head.truncate(filled);
        Ok(head)
    }

    /// Reads on; 0 is the end.
    ///
    /// # Errors
    /// The data are damaged or cut off, or exceed a limit.
    pub fn read(&mut self, into: &mut [u8]) -> Result<usize, String> {
        let read = match &mut self.inflating {
            Inflating::Plain(bytes) => bytes.read(into).map_err(|error| format!("cannot be read: {error}"))?,
            Inflating::Gzip(decoder) => decoder
                .read(into)
                .map_err(|error| damaged("gzip", "corrupt, cut off, or followed by something else", &error))?,
            Inflating::Zstd(decoder) => decoder.read(into).map_err(|error| {
                damaged("zstd", "corrupt, cut off, or made with a window of more than 64 MiB (--long=27)", &error)
            })?,
        };
        self.inflated += read as u64;
        self.check_limits()?;
        Ok(read)
    }

    fn check_limits(&self) -> Result<(), String> {
        if matches!(self.inflating, Inflating::Plain(_)) {
            return Ok(());
        }
        if self.inflated > self.max_inflated {
            let max = self.max_inflated;
            return Err(format!(
                "inflates to more than {max} bytes; if that is right, raise [limits] max_inflated_bytes"
            ));
        }
        if self.inflated > RATIO_FROM && self.inflated > self.stored.saturating_mul(self.max_ratio) {
            let (stored, max) = (self.stored, self.max_ratio);
            return Err(format!(
                "inflates to more than {max} times its {stored} bytes; if that is right, raise [limits] max_inflated_ratio"
            ));
        }
        Ok(())
    }

    /// Reads the rest as stored, and returns the bytes of the file and their digest.
    ///
    /// # Errors
    /// The rest cannot be read.
    pub fn finish(self) -> Result<(u64, String), String> {
        let mut bytes = match self.inflating {
            Inflating::Plain(bytes) => *bytes,
            Inflating::Gzip(decoder) => decoder.into_inner(),
            Inflating::Zstd(decoder) => decoder.finish(),
        };
        loop {
            let left = bytes.fill_buf().map_err(|error| format!("cannot be read: {error}"))?.len();
            if left == 0 {
                break;
            }
            bytes.consume(left);
        }
        let stored = bytes.into_inner();
        Ok((stored.bytes, super::identity::named(&stored.hash)))
    }
}

fn damaged(kind: &str, why: &str, error: &std::io::Error) -> String {
    format!("the {kind} data cannot be inflated to the end ({error}): they are {why}. Get the file again")
}

/// Returns the fault of content that is not compressed as its name says.
fn not_as_named(packing: Packing, head: &[u8]) -> Option<String> {
    let (magic, kind): (&[u8], _) = match packing {
        Packing::Plain => return None,
        Packing::Gzip => (&[0x1f, 0x8b], "gzip"),
        // A skippable frame may come first.
        Packing::Zstd if head.get(1..4) == Some(&[0x2a, 0x4d, 0x18]) => return None,
        Packing::Zstd => (&[0x28, 0xb5, 0x2f, 0xfd], "zstd"),
    };
    if head.starts_with(magic) || head.len() < magic.len() {
        return None;
    }
    let is_text = std::str::from_utf8(&head[..head.len().min(64)]).is_ok() && !head[..head.len().min(64)].contains(&0);
    let is = lookalike(head).unwrap_or(if is_text { "plain text" } else { "something else" });
    Some(format!("is not {kind} data, as its name says, but {is}; name it as what it is, or get the file again"))
}

/// The content that a file should have.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    DelimitedText,
    Json,
}

/// Refuses content of another kind than the name says, which would be nonsense as text.
fn not_packed(head: &[u8], holds: Holds) -> Result<(), String> {
    match (lookalike(head), holds) {
        (Some(kind), Holds::DelimitedText) => Err(format!("is not delimited text but {kind}")),
        (Some(kind), Holds::Json) if kind != JSON => Err(format!("is not JSON but {kind}")),
        _ => Ok(()),
    }
}

/// Describes content that is neither delimited text nor compressed text as named, with the remedy.
fn lookalike(head: &[u8]) -> Option<&'static str> {
    const MAGIC: [(&[u8], &str); 9] = [
        (&[0x1f, 0x8b], "gzip data; name it with .gz"),
        (&[0x28, 0xb5, 0x2f, 0xfd], "Zstandard data; name it with .zst"),
        (b"PK\x03\x04", "a ZIP archive or an Excel workbook (.xlsx); unpack it, or export the sheet as CSV"),
        (&[0xd0, 0xcf, 0x11, 0xe0], "an old Excel workbook (.xls); export the sheet as CSV"),
        (b"PAR1", "a Parquet file; name it with .parquet, or set `format = \"parquet\"`"),
        (b"ORC", "an ORC file; write it as Parquet"),
        (b"Obj\x01", "an Avro file; write it as Parquet"),
        (b"ARROW1", "an Arrow file; write it as Parquet"),
        (b"%PDF", "a PDF; export the data as CSV"),
    ];
    if let Some((_, kind)) = MAGIC.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Some(kind);
    }
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    let begins = |word: &[u8]| head.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    let behind = head.get(1..).unwrap_or_default().trim_ascii_start().first();
    match head.first() {
        Some(b'{') if matches!(behind, Some(b'"' | b'}')) => Some(JSON),
        Some(b'[') if matches!(behind, Some(b'{' | b'[' | b']')) => Some(JSON),
        Some(b'<') if begins(b"<!doctype html") || begins(b"<html") || begins(b"<head") => {
            Some("a web page, perhaps that of a login or an error; get the file again")
        }
        Some(b'<') if begins(b"<?xml") || begins(b"<!") || begins(b"<soap") || begins(b"<Error") => {
            Some("XML, perhaps the answer of a service; export the data as CSV or write it as Parquet")
        }
        _ => None,
    }
}

const JSON: &str = "JSON; write it as Parquet or CSV, for example with DuckDB: \
    duckdb -c \"copy (from read_json('FILE')) to 'FILE.parquet'\"";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_delimited_text_is_called_by_its_name() {
        for (head, name) in [
            (&b"\x1f\x8b\x08"[..], "gzip"),
            (b"PK\x03\x04\x14", "Excel"),
            (b"\xd0\xcf\x11\xe0\xa1", "Excel"),
            (b"PAR1", "Parquet"),
            (b"%PDF-1.7", "PDF"),
            (b" \n{ \"orders\": []}", "JSON"),
            (b"\xef\xbb\xbf[\n {\"a\":1}]", "JSON"),
            (b"{}", "JSON"),
            (b"[]", "JSON"),
            (b"<!DOCTYPE html><title>Sign in", "web page"),
            (b"<HTML>", "web page"),
            (b"<?xml version='1.0'?>", "XML"),
            (b"<Error><Code>AccessDenied", "XML"),
        ] {
            assert!(lookalike(head).is_some_and(|kind| kind.contains(name)), "{name}: {:?}", lookalike(head));
        }
        for text in [
            "",
            "order-id,carrier\n",
            "[order id],[carrier]\n",
            "{order},x",
            "<VTR criterion 1>,Order ID\n",
            "PKW,LKW\n",
        ] {
            assert_eq!(lookalike(text.as_bytes()), None, "{text}");
        }
    }
}
