//! The pieces of pages: tables whose rows become cards on a narrow screen, and the document itself.
//!
//! Each is a template that the compiler checks against its fields. It knows no figure and reads nothing. Nothing in it
//! fails.

use super::chart;
use super::html::Html;
use super::words::{self, NONE};
use askama::Template;
use std::fmt::Write;
use vtr_kernel::tally::{Tally, Target};

/// Renders a template as a piece of a page.
pub fn rendered(template: &impl Template) -> Html {
    Html::drawn(template.render().expect("a template of texts in memory renders"))
}

/// A column of a table.
pub struct ColumnHead {
    html: Html,
    class: &'static str,
    label: Option<&'static str>,
}

impl ColumnHead {
    /// A column with its heading and the class of its cells.
    pub fn of(text: &'static str, class: &'static str) -> ColumnHead {
        let is_bare = ["gr", "rt"].iter().any(|bare| class.split(' ').any(|one| one == *bare));
        ColumnHead { html: Html::text(text), class, label: Some(text).filter(|text| !text.is_empty() && !is_bare) }
    }

    /// The column of rates, drawn from 50 to 100 %.
    fn scale() -> ColumnHead {
        let html = Html::markup("<span>50\u{202f}%</span> <span>100\u{202f}%</span>");
        ColumnHead { html, class: "gr axis", label: None }
    }
}

/// Rows of a table under their own heading.
#[derive(Default)]
pub struct TableGroup {
    /// The heading, if there is one.
    pub title: Option<Html>,
    /// The rows, a cell for each column.
    pub rows: Vec<Vec<Html>>,
}

/// Headings that are repeated in front of cells on a narrow screen, by the letter for which the style has them, because
/// a page of many accounts has tens of thousands of cells; others are written out.
const LABELS: [(&str, &str); 17] = [
    ("a", "Asked"),
    ("b", "By"),
    ("c", "Day that counts"),
    ("d", "Defects"),
    ("g", "What went wrong"),
    ("i", "In 7 days"),
    ("m", "What mends it in time"),
    ("n", "Number as given"),
    ("o", "Order"),
    ("p", "Packages"),
    ("r", "Room"),
    ("s", "Sum"),
    ("t", "Status"),
    ("u", "Worth it until"),
    ("w", "What is wrong"),
    ("x", "Not due"),
    ("y", "Too many"),
];

struct HtmlCell<'a> {
    html: &'a Html,
    /// Its class and the letter of its label.
    attributes: Html,
}

/// A table.
#[derive(Template)]
#[template(path = "table.html", config = "src/pages/askama.toml")]
pub struct HtmlTable {
    /// Its class.
    pub class: &'static str,
    /// The caption: what the table shows, and of how many.
    pub caption: Html,
    /// Its columns.
    pub heads: Vec<ColumnHead>,
    /// Its rows.
    pub groups: Vec<TableGroup>,
}

impl HtmlTable {
    /// A table without groups.
    pub fn plain(class: &'static str, caption: Html, heads: Vec<ColumnHead>, rows: Vec<Vec<Html>>) -> Html {
        rendered(&HtmlTable { class, caption, heads, groups: vec![TableGroup { title: None, rows }] })
    }

    fn cells<'a>(&self, row: &'a [Html]) -> Vec<HtmlCell<'a>> {
        let cells = row.iter().zip(&self.heads).enumerate();
        cells
            .map(|(index, (html, head))| {
                let is_nil = html.is_empty() || html.as_str() == NONE;
                let class = match (head.class, is_nil) {
                    (class, false) => class.to_owned(),
                    ("", true) => "nil".to_owned(),
                    (class, true) => format!("{class} nil"),
                };
                let label = head.label.filter(|_| index > 0 || head.class == "when");
                HtmlCell { html, attributes: attributes(&class, label) }
            })
            .collect()
    }
}

/// The attributes of a cell behind its role. HTML asks for quotes only where a value has spaces.
fn attributes(class: &str, label: Option<&'static str>) -> Html {
    let mut attributes = String::new();
    let _ = match class {
        "" => Ok(()),
        one if !one.contains(' ') => write!(attributes, " class={one}"),
        several => write!(attributes, " class=\"{several}\""),
    };
    if let Some(label) = label {
        let _ = match LABELS.iter().find(|(_, known)| *known == label) {
            Some((letter, _)) => write!(attributes, " data-l={letter}"),
            None => write!(attributes, " data-l=\"{label}\""),
        };
    }
    Html::drawn(attributes)
}

/// A table of many short figures, which stays a table on a narrow screen: its cells need no labels and no roles.
#[derive(Template)]
#[template(path = "figures.html", config = "src/pages/askama.toml")]
pub struct FiguresTable {
    /// What it shows.
    pub caption: &'static str,
    /// The headings of its columns.
    pub heads: &'static [&'static str],
    /// Its rows, a cell for each column.
    pub rows: Vec<Vec<String>>,
}

/// The document.
#[derive(Template)]
#[template(path = "page.html", config = "src/pages/askama.toml")]
pub struct PageDocument {
    /// The Content-Security-Policy.
    pub policy: String,
    /// The title of the window.
    pub title: String,
    /// The style; the policy has its hash.
    pub style: &'static str,
    /// The line above the title.
    pub kick: Html,
    /// The content of the head.
    pub head: Vec<Html>,
    /// The sections.
    pub parts: Vec<Html>,
    /// The content of the foot.
    pub foot: Vec<Html>,
}

/// The rows of a Pareto table.
const PARETO_ROWS: usize = 8;

/// Causes by size: a label, a count, and a remark for people who act.
pub fn pareto(what: &'static str, remark: Option<&'static str>, rows: &[(String, i64, Html)], caption: &str) -> Html {
    let whole: i64 = rows.iter().map(|(_, count, _)| count).sum();
    let mut so_far = 0;
    let shown = rows.iter().take(PARETO_ROWS).enumerate().map(|(index, (label, count, more))| {
        so_far += count;
        let sum = format!("{}{}%", so_far * 100 / whole.max(1), words::THIN);
        let mut row = vec![
            Html::text(label),
            chart::bar(*count, so_far, whole, index == 0),
            Html::new().strong(words::number(*count)),
            Html::text(sum),
        ];
        row.extend(remark.map(|_| more.clone()));
        row
    });
    let shown: Vec<Vec<Html>> = shown.collect();
    let mut heads = vec![
        ColumnHead::of(what, ""),
        ColumnHead::of("Share", "gr"),
        ColumnHead::of("Defects", "n"),
        ColumnHead::of("Sum", "n"),
    ];
    heads.extend(remark.map(|remark| ColumnHead::of(remark, "say")));
    let rest = rows.len().saturating_sub(PARETO_ROWS);
    let left =
        if rest > 0 { format!(" {} not shown.", words::plural(rest as i64, "smaller one")) } else { String::new() };
    let class = if remark.is_some() { "pareto wide" } else { "pareto" };
    HtmlTable::plain(class, Html::text(caption).and(left), heads, shown)
}

/// A row of rates side by side.
pub struct Side {
    /// Its name.
    pub name: String,
    /// Its packages; those not yet due count as defects.
    pub tally: Tally,
    /// Packages not yet due.
    pub pending: u64,
    /// Further cells.
    pub more: Vec<Html>,
}

/// Rates side by side on one scale.
pub fn side(what: &'static str, more: &[&'static str], rows: &[Side], target: Option<Target>, caption: Html) -> Html {
    let mut heads = vec![
        ColumnHead::of(what, ""),
        ColumnHead::of("Rate", "n rt"),
        ColumnHead::scale(),
        ColumnHead::of("Defects", "n of"),
    ];
    heads.extend(more.iter().map(|head| ColumnHead::of(head, "n")));
    let share = target.map_or(0.0, |target| target.share());
    let row = |row: &Side| {
        let (tally, pending) = (row.tally, row.pending);
        let best = Tally { valid: tally.valid + pending, ..tally };
        let rate = if pending > 0 {
            format!("{} to {}", words::cut(tally.valid, tally.eligible), words::rate(best))
        } else {
            words::rate(tally)
        };
        let defects = (tally.eligible - tally.valid).saturating_sub(pending) as i64;
        let of =
            Html::new().strong(words::number(defects)).and(format!(" of {}", words::number(tally.eligible as i64)));
        let mut cells = vec![Html::text(&row.name), Html::text(rate), chart::interval(tally, pending, share), of];
        cells.extend(row.more.iter().cloned());
        cells
    };
    HtmlTable::plain("side", caption, heads, rows.iter().map(row).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_style_has_every_label_once() {
        let style = include_str!("style.css");
        for (letter, label) in LABELS {
            assert_eq!(style.matches(&format!("[data-l={letter}]{{--l:\"{label}\"}}")).count(), 1, "{label}");
            assert_eq!(LABELS.iter().filter(|(other, _)| *other == letter).count(), 1, "{label}");
        }
        assert_eq!(style.matches("--l:").count(), LABELS.len());
    }

    #[test]
    fn labels_and_classes_are_quoted_only_where_they_need_it() {
        assert_eq!(attributes("n", Some("Defects")).as_str(), " class=n data-l=d");
        assert_eq!(
            attributes("n nil", Some("Another heading")).as_str(),
            " class=\"n nil\" data-l=\"Another heading\""
        );
        assert_eq!(attributes("", None).as_str(), "");
    }
}
