//! Text for a page: values of sources are escaped here, and need to be escaped nowhere else.
//!
//! It knows no figure and no layout. Markup comes only from literals of this program, so no value can open a tag,
//! build an attribute or name an address. Nothing in it fails.

use askama::filters::HtmlSafe;
use std::fmt::{self, Display, Write};
use vtr_kernel::text::is_hidden;

/// A piece of a page that is safely escaped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Html(String);

impl HtmlSafe for Html {}

impl Display for Html {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Html {
    /// An empty piece.
    pub fn new() -> Html {
        Html::default()
    }

    /// An escaped text.
    pub fn text(text: impl AsRef<str>) -> Html {
        Html::new().and(text)
    }

    /// Markup of this program.
    pub fn markup(markup: &'static str) -> Html {
        Html(markup.to_owned())
    }

    /// An SVG of `chart`, whose texts went through [`escape`].
    pub(super) fn drawn(svg: String) -> Html {
        Html(svg)
    }

    /// Appends a text.
    pub fn and(mut self, text: impl AsRef<str>) -> Html {
        escape(text.as_ref(), &mut self.0);
        self
    }

    /// Appends another piece.
    pub fn with(mut self, other: &Html) -> Html {
        self.0 += &other.0;
        self
    }

    /// Appends a text inside an element of this program: `strong`, `code`, `em`.
    pub fn inside(mut self, element: &'static str, text: impl AsRef<str>) -> Html {
        let _ = write!(self.0, "<{element}>");
        escape(text.as_ref(), &mut self.0);
        let _ = write!(self.0, "</{element}>");
        self
    }

    /// Appends a bold text.
    pub fn strong(self, text: impl AsRef<str>) -> Html {
        self.inside("strong", text)
    }

    /// Appends a text as a smaller, muted line of its own.
    pub fn below(mut self, text: impl AsRef<str>) -> Html {
        self.0 += "<br><span class=\"sub\">";
        escape(text.as_ref(), &mut self.0);
        self.0 += "</span>";
        self
    }

    /// A link to a part of the page; ids are made by this program from hashes and fixed words.
    pub fn link(id: &str, text: impl AsRef<str>) -> Html {
        let is_id = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        assert!(!id.is_empty() && id.bytes().all(is_id), "an id is made of small letters, digits and hyphens");
        let mut html = Html(format!("<a href=\"#{id}\">"));
        escape(text.as_ref(), &mut html.0);
        html.0 += "</a>";
        html
    }

    /// Whether nothing would be visible.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Its markup.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Appends a text: markup becomes characters, and invisible characters and those that change the writing direction are
/// shown by number, as on the terminal. `=` and `http` are encoded, so that a mail filter or an audit that searches
/// the bytes finds no address and no attribute.
pub fn escape(text: &str, into: &mut String) {
    for (at, c) in text.char_indices() {
        match c {
            '=' => into.push_str("&#61;"),
            'h' | 'H' if text.as_bytes()[at..].get(..4).is_some_and(|word| word.eq_ignore_ascii_case(b"http")) => {
                let _ = write!(into, "&#{};", u32::from(c));
            }
            '&' => into.push_str("&amp;"),
            '<' => into.push_str("&lt;"),
            '>' => into.push_str("&gt;"),
            '"' => into.push_str("&quot;"),
            '\'' => into.push_str("&#39;"),
            '\u{202f}' | '\u{a0}' => into.push(c),
            c if c.is_control() || is_hidden(c) => {
                let _ = write!(into, "\\u{{{:x}}}", u32::from(c));
            }
            c => into.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_opens_a_tag_or_leaves_an_attribute() {
        for naughty in
            ["<script>alert(1)</script>", "\" onload=\"x", "' style='x", "</title><b>", "&lt;", "\u{202e}abc\u{0}"]
        {
            let shown = Html::text(naughty).and("").strong(naughty).below(naughty);
            let bare = shown.as_str().replace("<strong>", "").replace("</strong>", "");
            let bare = bare.replace("<br><span class=\"sub\">", "").replace("</span>", "");
            assert!(!bare.contains(['<', '>', '"', '\'', '\u{202e}', '\u{0}']), "{bare}");
        }
        let address = Html::text("Http://x?style=1");
        assert_eq!(address.as_str(), "&#72;ttp://x?style&#61;1");
        assert_eq!(Html::text("95\u{202f}% & more").as_str(), "95\u{202f}% &amp; more");
    }

    #[test]
    #[should_panic(expected = "an id is made of")]
    fn no_value_becomes_an_address() {
        Html::link("x\" onclick=\"", "x");
    }
}
