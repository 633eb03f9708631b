//! Keys of object stores, with the empty segments that the client crate refuses (`a//b.csv`).
//!
//! It builds such keys for requests and lets them through listings: the crate parses every key of a listing and fails
//! at the first empty segment, so the empty segments in the text of a listing are marked before, and the mark is
//! removed after. The crate cannot request a key that begins with a slash, so such a key is refused by name.

use object_store::ObjectMeta;
use object_store::client::{
    ClientOptions, HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService, ReqwestConnector,
};
use object_store::path::{Path, PathPart};
use std::future::Future;
use std::pin::Pin;

/// The mark for an empty segment between a listing and its reader; private use characters, so that no key has them.
const EMPTY: &str = "\u{E000}\u{F8FF}";
/// The elements in which S3 and Google Cloud Storage, then Azure, write a key in a listing.
const ELEMENTS: [(&str, &str); 2] = [("<Key>", "</Key>"), ("<Name>", "</Name>")];

/// Parses a key as it is written, with its empty segments; one slash at the end is not part of it.
///
/// # Errors
/// A segment is `.` or `..`, holds a control character, or is empty at the beginning.
pub fn parse(written: &str) -> Result<Path, String> {
    let written = written.strip_suffix('/').unwrap_or(written);
    if written.is_empty() {
        return Ok(Path::ROOT);
    }
    if written.starts_with('/') {
        return Err("a key that begins with a slash cannot be asked for; copy the object to another key".to_owned());
    }
    written.split('/').try_fold(Path::ROOT, |path, segment| {
        PathPart::parse(segment).map(|part| path.join(part)).map_err(|error| error.to_string())
    })
}

/// Returns an object of a listing under its own key; `None` for the empty object that represents a folder.
///
/// # Errors
/// Its key begins with a slash, or ends with one although the object has content.
pub fn listed(mut meta: ObjectMeta) -> Result<Option<ObjectMeta>, String> {
    let marked = meta.location.as_ref();
    if !marked.contains(EMPTY) {
        return Ok(Some(meta));
    }
    let key = marked.replace(EMPTY, "");
    if key.ends_with('/') {
        let refused = || format!("the key `{key}` ends with a slash but has content; copy the object to another key");
        return if meta.size == 0 { Ok(None) } else { Err(refused()) };
    }
    meta.location = parse(&key).map_err(|error| format!("the key `{key}`: {error}"))?;
    Ok(Some(meta))
}

/// Makes connections whose listings may hold any key.
#[derive(Debug, Default)]
pub struct Connector(ReqwestConnector);

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Marking(self.0.connect(options)?)))
    }
}

/// Marks the empty segments in the responses to listings.
#[derive(Debug)]
struct Marking(HttpClient);

impl HttpService for Marking {
    fn call<'service, 'call>(
        &'service self,
        request: HttpRequest,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'call>>
    where
        'service: 'call,
        Self: 'call,
    {
        Box::pin(async move {
            let query = request.uri().query().unwrap_or_default();
            let lists = query.split('&').any(|pair| matches!(pair, "list-type=2" | "comp=list"));
            let answer = self.0.execute(request).await?;
            if !lists || !answer.status().is_success() {
                return Ok(answer);
            }
            let (parts, body) = answer.into_parts();
            let bytes = body.bytes().await?;
            let marked = std::str::from_utf8(&bytes).ok().and_then(marked);
            Ok(HttpResponse::from_parts(parts, marked.map_or_else(|| bytes.clone().into(), Into::into)))
        })
    }
}

/// Returns a listing with its empty segments marked; `None` if it has none.
fn marked(listing: &str) -> Option<String> {
    let mut out: Option<String> = None;
    for (open, close) in ELEMENTS {
        let text = out.as_deref().unwrap_or(listing);
        let mut pieces = text.split(open);
        let mut made = pieces.next().unwrap_or_default().to_owned();
        let mut is_marked = false;
        for piece in pieces {
            let (key, rest) = piece.split_once(close).map_or((piece, None), |(key, rest)| (key, Some(rest)));
            let segments: Vec<&str> = key.split('/').map(|part| if part.is_empty() { EMPTY } else { part }).collect();
            is_marked |= segments.contains(&EMPTY) && !key.is_empty();
            made.push_str(open);
            made.push_str(&if key.is_empty() { String::new() } else { segments.join("/") });
            if let Some(rest) = rest {
                made.push_str(close);
                made.push_str(rest);
            }
        }
        if is_marked {
            out = Some(made);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(key: &str, size: u64) -> ObjectMeta {
        let location = Path::parse(key).expect("the crate takes a marked key");
        ObjectMeta { location, size, last_modified: chrono::DateTime::UNIX_EPOCH, e_tag: None, version: None }
    }

    #[test]
    fn keys_with_empty_segments_come_through_a_listing_as_they_are() {
        for key in ["a/b.csv", "a//b.csv", "a///b.csv", "a/b//c//d.csv", "ä//ü.csv", "a//b c&amp;d.csv"] {
            for (open, close) in ELEMENTS {
                let listing = format!("<L><Name>lake</Name>{open}x{close}{open}{key}{close}</L>");
                let through = marked(&listing).unwrap_or(listing);
                let element = through.rsplit_once(open).and_then(|(_, rest)| rest.split_once(close)).expect("a key").0;
                let found = listed(meta(element, 1)).expect("a sound key").expect("an object");
                assert_eq!(found.location.as_ref(), key);
                assert_eq!(parse(key).expect("a sound key"), found.location);
            }
        }
    }

    #[test]
    fn slashes_at_either_end_are_folders_or_refused() {
        let key = |written: &str| {
            let listing = marked(&format!("<Key>{written}</Key>")).expect("marked");
            listing["<Key>".len()..listing.len() - "</Key>".len()].to_owned()
        };
        assert!(listed(meta(&key("a/b/"), 0)).expect("a folder").is_none());
        assert!(listed(meta(&key("a/b/"), 7)).expect_err("content").contains("`a/b/` ends with a slash"));
        assert!(listed(meta(&key("/a/b"), 7)).expect_err("content").contains("`/a/b`"));
        assert!(parse("/a").is_err() && parse("a/../b").is_err() && parse("a/\u{1}").is_err());
        assert_eq!(parse("a/b/").expect("a folder").as_ref(), "a/b");
        assert_eq!(parse("").expect("the root"), Path::ROOT);
    }
}
