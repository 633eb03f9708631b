//! Figures as SVG in which text keeps its size at every width: positions are percentages.
//!
//! Lines, bands and bars are in an inner picture that is stretched. Every mark has presentation attributes, so that it
//! is visible even if the style is blocked, and a class that the style recolours. Values of a source enter only as
//! numbers; names are escaped. Nothing in it fails.

use super::html::{Html, escape};
use super::model::{Account, Rolling, Standing, Week};
use super::words;
use std::fmt::Write;
use vtr_kernel::calendar::{Day, date_from_day, monday};
use vtr_kernel::tally::Tally;

/// With fewer packages a mark is drawn light, with its count beside it.
const LIGHT_BELOW: u64 = 20;

fn frame(height: u32, class: &str, body: &str) -> Html {
    Html::drawn(format!(
        "<svg class=\"g {class}\" width=\"100%\" height=\"{height}\" aria-hidden=\"true\">{body}</svg>"
    ))
}

fn share(tally: Tally) -> f64 {
    tally.rate().unwrap_or_default()
}

/// The shape of a standing; the word is written beside it.
pub fn shape(standing: Standing, size: u32) -> Html {
    let (path, class) = match standing {
        Standing::Breach => ("M6 1 11 11H1Z", "bad"),
        Standing::AtRisk => ("M6 0 12 6 6 12 0 6Z", "warn"),
        Standing::Good => ("M1 6a5 5 0 1 0 10 0a5 5 0 1 0-10 0", "ok"),
        Standing::Few | Standing::Unassessed => ("M1.5 6a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0-9 0", "few"),
    };
    let paint = match standing {
        Standing::Few => "fill=\"none\" stroke=\"currentColor\" stroke-width=\"1.5\"",
        Standing::Unassessed => "fill=\"none\" stroke=\"currentColor\" stroke-width=\"1.5\" stroke-dasharray=\"2 2\"",
        _ => "fill=\"currentColor\"",
    };
    Html::drawn(format!(
        "<svg class=\"{class}\" width=\"{size}\" height=\"{size}\" viewBox=\"0 0 12 12\" aria-hidden=\"true\"><path d=\"{path}\" {paint}/></svg>"
    ))
}

/// The class that colours a standing's word.
pub fn class(standing: Standing) -> &'static str {
    match standing {
        Standing::Breach => "bad",
        Standing::AtRisk => "warn",
        Standing::Good => "ok",
        Standing::Few | Standing::Unassessed => "few",
    }
}

/// A bar of a Pareto table: a share, and as a tick the cumulative share; the first bar is red.
pub fn bar(part: i64, so_far: i64, whole: i64, is_first: bool) -> Html {
    let of = |count: i64| count as f64 / whole.max(1) as f64 * 100.0;
    let (class, fill) = if is_first { ("bad", "#a3261d") } else { ("pale", "#7390a8") };
    frame(
        14,
        "bar",
        &format!(
            "<rect class=\"track\" y=\"6\" width=\"100%\" height=\"2\" fill=\"#e3e6e8\"/>\
             <rect class=\"{class}\" y=\"2\" width=\"{:.1}%\" height=\"10\" fill=\"{fill}\"/>\
             <rect class=\"i\" x=\"{:.1}%\" y=\"1\" width=\"2\" height=\"12\" fill=\"#59636b\"/>",
            of(part),
            (of(so_far) - 0.4).max(0.0)
        ),
    )
}

/// A rate on the scale from 50 to 100 % with its interval and the target. If packages are not yet due, the span from
/// none to all of them scanned replaces the interval.
pub fn interval(tally: Tally, pending: u64, target: f64) -> Html {
    let Some(wilson) = tally.wilson() else { return Html::text(words::NONE) };
    let x = |rate: f64| ((rate - 0.5) / 0.5).max(0.0) * 98.0 + 1.0;
    let rate = share(tally);
    let all = share(Tally { valid: tally.valid + pending, ..tally });
    let (low, high) = if pending > 0 { (rate, all) } else { wilson };
    let (class, fill) = if pending > 0 { ("look", "#e0c48a") } else { ("band", "#c9d8e4") };
    let (dot, paint) =
        if pending > 0 || tally.eligible < LIGHT_BELOW { ("hollow", "#fff") } else { ("ink", "#235a87") };
    frame(
        20,
        "ival",
        &format!(
            "<rect class=\"track\" y=\"9.5\" width=\"100%\" height=\"1\" fill=\"#e3e6e8\"/>\
             <rect class=\"{class}\" x=\"{:.1}%\" y=\"6\" width=\"{:.1}%\" height=\"8\" fill=\"{fill}\"/>\
             <rect class=\"t\" x=\"{:.1}%\" width=\"1.5\" height=\"20\" fill=\"#222b33\"/>\
             <circle class=\"{dot}\" cx=\"{:.1}%\" cy=\"10\" r=\"4\" fill=\"{paint}\" stroke=\"#235a87\"/>",
            x(low),
            x(high) - x(low),
            x(target),
            x(rate)
        ),
    )
}

/// A lever on the scale from 50 to 100 %: the present rate dark, the gain light, the target a vertical line.
pub fn lever(from: Tally, to: Tally, target: f64) -> Html {
    let x = |rate: f64| (rate - 0.5).max(0.0) * 200.0;
    let (low, high) = (x(share(from)), x(share(to)));
    frame(
        22,
        "lever",
        &format!(
            "<rect class=\"track\" y=\"10\" width=\"100%\" height=\"2\" fill=\"#e3e6e8\"/>\
             <rect class=\"ink\" y=\"5\" width=\"{low:.1}%\" height=\"12\" fill=\"#235a87\"/>\
             <rect class=\"gain\" x=\"{low:.1}%\" y=\"5\" width=\"{:.1}%\" height=\"12\" fill=\"#7390a8\"/>\
             <rect class=\"t\" x=\"{:.1}%\" width=\"2\" height=\"22\" fill=\"#222b33\"/>",
            (high - low).max(0.0),
            x(target)
        ),
    )
}

/// Weekly counts as bars: one path, whose strokes are stretched with the picture.
pub fn week_bars(counts: &[i64]) -> Html {
    let (top, weeks) = (counts.iter().copied().max().unwrap_or_default().max(1) as f64, counts.len().max(1));
    let mut path = String::new();
    for (index, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let _ = write!(path, "M{index} 20V{:.1}", 20.0 - *count as f64 / top * 19.0);
    }
    Html::drawn(format!(
        "<svg class=\"g wb\" width=\"100%\" height=\"20\" viewBox=\"-.35 0 {weeks} 20\" preserveAspectRatio=\"none\" aria-hidden=\"true\">\
         <path class=\"base\" d=\"M-.35 19.75H{weeks}\" fill=\"none\" stroke=\"#e3e6e8\" stroke-width=\".5\"/>\
         <path class=\"wh\" d=\"{path}\" fill=\"none\" stroke=\"#7390a8\" stroke-width=\".7\"/></svg>"
    ))
}

/// A week of a timeline, and the window that ends with it.
#[derive(Clone, Debug)]
pub struct Point {
    /// The week.
    pub week: Week,
    /// The window that ends on its Sunday.
    pub window: Option<Rolling>,
}

/// A window on the axis of weeks.
struct At {
    x: f64,
    tally: Tally,
    pending: u64,
}

impl At {
    fn rate(&self) -> f64 {
        share(self.tally)
    }

    fn best(&self) -> f64 {
        share(Tally { valid: self.tally.valid + self.pending, ..self.tally })
    }

    fn wilson(&self) -> (f64, f64) {
        self.tally.wilson().unwrap_or((0.0, 1.0))
    }
}

/// The position of a day's end on the axis of weeks: the middle of a week's column is its Sunday.
fn place(day: Day, first: Day) -> f64 {
    f64::from(monday(day) - first) / 7.0 + 0.5 - f64::from(6 - (day - monday(day))) / 7.0
}

/// The final windows up to the judged one, which is the last of them, and the windows that are still open.
fn windows(account: &Account, points: &[Point]) -> (Vec<At>, Vec<At>) {
    let first = points.first().map_or(0, |point| point.week.monday);
    let at = place(account.window.1, first);
    let (mut closed, mut open) = (Vec::new(), Vec::new());
    for (index, point) in points.iter().enumerate() {
        let Some(window) = point.window else { continue };
        let here = At { x: index as f64 + 0.5, tally: window.tally, pending: window.pending };
        if here.x > at + 1e-9 {
            open.push(here);
        } else if here.x < at - 1e-9 {
            closed.push(here);
        }
    }
    closed.push(At { x: at, tally: account.tally, pending: account.pending.unsigned_abs() });
    (closed, open)
}

/// The rolling figure as a small line on one scale for all accounts, 70 to 100 %; empty with fewer than two windows.
pub fn spark(account: &Account, points: &[Point]) -> Html {
    let (closed, open) = windows(account, points);
    if closed.len() + open.len() < 2 {
        return Html::new();
    }
    let y = |rate: f64| 3.0 + (1.0 - rate).min(0.32) / 0.3 * 24.0;
    let weeks = points.len();
    let line =
        |ats: &[&At]| ats.iter().map(|at| format!("{:.1},{:.0}", at.x, y(at.rate()))).collect::<Vec<_>>().join(" ");
    let last = closed.last().expect("the judged window is among them");
    let target = account.target.map_or(String::new(), |target| {
        format!(
            "<path class=\"tl\" d=\"M0 {:.0}H{weeks}\" fill=\"none\" stroke=\"#222b33\" vector-effect=\"non-scaling-stroke\"/>",
            y(target.share())
        )
    });
    let mut lines = format!(
        "<polyline class=\"line\" points=\"{}\" fill=\"none\" stroke=\"#235a87\" stroke-width=\"1.5\" vector-effect=\"non-scaling-stroke\"/>",
        line(&closed.iter().collect::<Vec<_>>())
    );
    if !open.is_empty() {
        let _ = write!(
            lines,
            "<polyline class=\"line\" points=\"{}\" fill=\"none\" stroke=\"#235a87\" stroke-width=\"1.5\" stroke-dasharray=\"2 2\" vector-effect=\"non-scaling-stroke\"/>",
            line(&closed.last().into_iter().chain(&open).collect::<Vec<_>>())
        );
    }
    frame(
        30,
        "spark",
        &format!(
            "<svg width=\"100%\" height=\"30\" viewBox=\"0 0 {weeks} 30\" preserveAspectRatio=\"none\">{target}{lines}</svg>\
             <circle class=\"ink\" cx=\"{:.1}%\" cy=\"{:.1}\" r=\"2.5\" fill=\"#235a87\"/>",
            last.x / weeks as f64 * 100.0,
            y(last.rate())
        ),
    )
}

/// How often an account missed its target, as the heading of its timeline.
pub fn finding(account: &Account, points: &[Point]) -> String {
    let (closed, _) = windows(account, points);
    let missed = closed.iter().filter(|at| !account.meets(at.tally)).count();
    let all = closed.len();
    match missed {
        0 => format!("Never below the target in {} final {}", all, if all == 1 { "window" } else { "windows" }),
        missed if missed == all => format!("Below the target in all {all} final windows"),
        missed => format!("Below the target in {missed} of {all} final windows"),
    }
}

/// The tops and heights of the three panels.
const ROLLING: (f64, f64) = (32.0, 150.0);
const WEEKLY: (f64, f64) = (226.0, 90.0);
const PACKAGES: (f64, f64) = (366.0, 44.0);
const FLOOR: f64 = PACKAGES.0 + PACKAGES.1;

/// One path or group of marks per kind.
#[derive(Default)]
struct ChartMarks {
    /// Marks in the stretched picture, in painting order.
    inner: String,
    whiskers: String,
    spans: String,
    packages: String,
    bad: String,
    due: String,
    /// Marks in the picture that is not stretched.
    outer: String,
    dots: [String; 3],
    counts: String,
}

const SCALED: &str = "vector-effect=\"non-scaling-stroke\"";

/// Three panels over one axis of weeks: the judged figure, the rate of each week, packages.
pub fn timeline(account: &Account, points: &[Point]) -> Html {
    let (closed, open) = windows(account, points);
    let lowest = closed.iter().map(|at| at.wilson().0).chain(open.iter().map(At::rate)).fold(0.89, f64::min);
    let low = ((lowest * 10.0).floor() / 10.0).clamp(0.0, 0.8);
    let weeks = points.len() as f64;
    let ya = |rate: f64| ROLLING.0 + (1.0 - rate) / (1.0 - low) * ROLLING.1;
    let yb = |rate: f64| WEEKLY.0 + ((1.0 - rate) / 0.6).min(1.0) * WEEKLY.1;
    let mut marks = ChartMarks::default();
    let first_open = points.iter().position(|point| point.week.is_open);
    if let Some(first) = first_open {
        let x = first as f64 / weeks * 100.0;
        let _ = write!(
            marks.outer,
            "<rect class=\"open\" x=\"{x:.2}%\" y=\"0\" width=\"{:.2}%\" height=\"{FLOOR}\" fill=\"#f4f2ec\"/>",
            100.0 - x
        );
    }
    rolling_lines(&closed, &open, &ya, &mut marks);
    target_lines(account, points, &[&ya, &yb], &mut marks);
    week_marks(points, &yb, &mut marks);
    let mut body = axis(low, &ya, &yb);
    let picture = picture(&marks, points.len());
    let labels = labels(account, points, (&closed, &open), first_open, &ya);
    let _ = write!(body, "<svg x=\"4.5%\" width=\"95.5%\" height=\"432\" overflow=\"visible\">{picture}{labels}</svg>");
    let id = account.id();
    Html::drawn(format!(
        "<figure><svg class=\"g tline\" width=\"100%\" height=\"432\" role=\"img\" aria-labelledby=\"{id}t {id}d\">\
         <title id=\"{id}t\">Valid tracking by week, {} weeks</title><desc id=\"{id}d\">{}</desc>{body}</svg></figure>",
        points.len(),
        described(account, points, &closed)
    ))
}

/// The timeline in words, for screen readers.
fn described(account: &Account, points: &[Point], closed: &[At]) -> String {
    let open = points.iter().filter(|point| point.week.is_open).count() as i64;
    let side = if account.meets(account.tally) { "not below" } else { "below" };
    let asked =
        account.target.map_or("no target".to_owned(), |target| format!("the target of {}", words::target(target)));
    let before = closed
        .first()
        .map_or(String::new(), |first| format!(" In the first window shown it was {}.", words::rate(first.tally)));
    let text = format!(
        "{}. The figure is {} on {}, {side} {asked}.{before} {} at the end can still change. The figures stand in the table \u{201c}Figures behind the chart\u{201d}.",
        finding(account, points),
        words::rate(account.tally),
        words::day(account.window.1, account.as_of),
        words::plural(open, "week"),
    );
    let mut escaped = String::new();
    escape(&text, &mut escaped);
    escaped
}

fn points_of<'a>(ats: impl Iterator<Item = &'a At>, y: impl Fn(&At) -> f64) -> String {
    ats.map(|at| format!("{:.2},{:.1}", at.x, y(at))).collect::<Vec<_>>().join(" ")
}

fn rolling_lines(closed: &[At], open: &[At], y: &dyn Fn(f64) -> f64, marks: &mut ChartMarks) {
    let band = points_of(closed.iter(), |at| y(at.wilson().1));
    let back = points_of(closed.iter().rev(), |at| y(at.wilson().0));
    let _ = write!(marks.inner, "<polygon class=\"band\" points=\"{band} {back}\" fill=\"#dbe6ee\"/>");
    if !open.is_empty() {
        let tail: Vec<&At> = closed.last().into_iter().chain(open).collect();
        let best = points_of(tail.iter().copied(), |at| y(at.best()));
        let back = points_of(tail.iter().rev().copied(), |at| y(at.rate()));
        let line = points_of(tail.iter().copied(), |at| y(at.rate()));
        let _ = write!(
            marks.inner,
            "<polygon class=\"look\" points=\"{best} {back}\" fill=\"#e9dcc0\"/>\
             <polyline class=\"line\" points=\"{line}\" fill=\"none\" stroke=\"#235a87\" stroke-width=\"2\" stroke-dasharray=\"3 3\" {SCALED}/>"
        );
    }
    let line = points_of(closed.iter(), |at| y(at.rate()));
    let _ = write!(
        marks.inner,
        "<polyline class=\"line\" points=\"{line}\" fill=\"none\" stroke=\"#235a87\" stroke-width=\"2\" {SCALED}/>"
    );
}

/// The target as a step line, because a new version of the rule changes it.
fn target_lines(account: &Account, points: &[Point], scales: &[&dyn Fn(f64) -> f64], marks: &mut ChartMarks) {
    let Some(target) = account.target else { return };
    for y in scales {
        let mut path = String::new();
        for (index, point) in points.iter().enumerate() {
            let share = point.window.map_or(target.share(), |window| window.target);
            let step = if index == 0 { format!("M0 {:.1}", y(share)) } else { format!("V{:.1}", y(share)) };
            let _ = write!(path, "{step}H{}", index + 1);
        }
        let _ = write!(
            marks.inner,
            "<path class=\"tl\" d=\"{path}\" fill=\"none\" stroke=\"#222b33\" stroke-width=\"1.5\" {SCALED}/>"
        );
    }
}

fn week_marks(points: &[Point], y: &dyn Fn(f64) -> f64, marks: &mut ChartMarks) {
    let top = points.iter().map(|point| point.week.tally.eligible).max().unwrap_or_default().max(1) as f64;
    for (index, Point { week, .. }) in points.iter().enumerate().filter(|(_, point)| point.week.tally.eligible > 0) {
        let (tally, middle) = (week.tally, index as f64 + 0.5);
        let x = middle / points.len() as f64 * 100.0;
        let best = share(Tally { valid: tally.valid + week.pending, ..tally });
        let (low, high) = if week.pending > 0 { (share(tally), best) } else { tally.wilson().unwrap_or((0.0, 1.0)) };
        let lines = if week.pending > 0 { &mut marks.spans } else { &mut marks.whiskers };
        let _ = write!(lines, "M{middle} {:.1}V{:.1}", y(high), y(low));
        let kind = match (week.is_open, tally.eligible < LIGHT_BELOW) {
            (true, _) => 2,
            (false, true) => 1,
            (false, false) => 0,
        };
        let _ = write!(marks.dots[kind], "<circle cx=\"{x:.2}%\" cy=\"{:.1}\" r=\"3.5\"/>", y(share(tally)));
        let height = |count: u64| count as f64 / top * PACKAGES.1;
        let defects = height(tally.eligible - tally.valid - week.pending.min(tally.eligible - tally.valid));
        let due = height(week.pending);
        let bar = |path: &mut String, from: f64, height: f64| {
            if height > 0.0 {
                let _ = write!(path, "M{:.2} {:.1}v{:.1}h.68v{height:.1}z", index as f64 + 0.16, FLOOR - from, -height);
            }
        };
        bar(&mut marks.packages, 0.0, height(tally.eligible));
        bar(&mut marks.bad, 0.0, defects);
        bar(&mut marks.due, defects, due);
        if points.len() <= 30 {
            let above = FLOOR - height(tally.eligible) - 3.0;
            let _ = write!(
                marks.counts,
                "<text x=\"{x:.2}%\" y=\"{above:.1}\">{}</text>",
                words::number(tally.eligible as i64)
            );
        }
    }
}

fn picture(marks: &ChartMarks, weeks: usize) -> String {
    let mut inner = marks.inner.clone();
    let paths = [
        ("wh", &marks.whiskers, "fill=\"none\" stroke=\"#7390a8\""),
        ("lw", &marks.spans, "fill=\"none\" stroke=\"#e6d3a6\" stroke-width=\"4\""),
        ("pk", &marks.packages, "fill=\"#bccddb\""),
        ("bad", &marks.bad, "fill=\"#a3261d\""),
        ("due", &marks.due, "fill=\"#fff\" stroke=\"#a3261d\""),
    ];
    for (class, path, paint) in paths.iter().filter(|(_, path, _)| !path.is_empty()) {
        let _ = write!(inner, "<path class=\"{class}\" d=\"{path}\" {paint} {SCALED}/>");
    }
    let mut text = marks.outer.clone();
    let _ = write!(
        text,
        "<svg width=\"100%\" height=\"412\" viewBox=\"0 0 {weeks} 412\" preserveAspectRatio=\"none\">{inner}</svg>"
    );
    let kinds = [("ink", "#235a87"), ("pale", "#7390a8"), ("hollow", "#fff")];
    for ((class, fill), dots) in kinds.iter().zip(&marks.dots).filter(|(_, dots)| !dots.is_empty()) {
        let _ = write!(text, "<g class=\"{class}\" fill=\"{fill}\" stroke=\"#235a87\">{dots}</g>");
    }
    let _ = write!(text, "<g class=\"nl\" text-anchor=\"middle\" fill=\"#59636b\">{}</g>", marks.counts);
    text
}

fn axis(low: f64, ya: &dyn Fn(f64) -> f64, yb: &dyn Fn(f64) -> f64) -> String {
    let step = if low >= 0.6 { 10 } else { 20 };
    let bottom = (low * 100.0).round() as i32;
    let of_rolling = (bottom..=100).rev().filter(|share| (100 - share) % step == 0);
    let marks: Vec<(f64, i32)> = of_rolling
        .map(|share| (ya(f64::from(share) / 100.0), share))
        .chain([40, 70, 100].map(|share| (yb(f64::from(share) / 100.0), share)))
        .collect();
    let mut text = String::new();
    for (y, share) in &marks {
        let unit = if *share == 100 { "\u{202f}%" } else { "" };
        let _ = write!(
            text,
            "<rect class=\"grid\" y=\"{y:.1}\" width=\"100%\" height=\"1\" fill=\"#e3e6e8\"/>\
             <text class=\"ax\" x=\"0\" y=\"{:.1}\" fill=\"#59636b\">{share}{unit}</text>",
            y - 3.0
        );
    }
    let heads = [
        (ROLLING.0, "Rolling figure, as Amazon judges it"),
        (WEEKLY.0, "Each week alone, light below 20 packages"),
        (PACKAGES.0, "Packages; red: defects, hollow: not due"),
    ];
    for (top, head) in heads {
        let _ = write!(text, "<text class=\"cap\" x=\"0\" y=\"{}\" fill=\"#222b33\">{head}</text>", top - 19.0);
    }
    text
}

/// Ticks and month names along the time axis.
fn months(points: &[Point]) -> String {
    let (weeks, mut text) = (points.len() as f64, String::new());
    for (index, point) in points.iter().enumerate() {
        let date = date_from_day(point.week.monday);
        let before = date_from_day(point.week.monday - 7);
        // A new year is labelled by its number, other months by name; with many weeks only every third is labelled.
        let month = date.format("%m").to_string();
        let is_new = index == 0 || date.format("%m").to_string() != before.format("%m").to_string();
        if is_new && (points.len() <= 30 || ["01", "04", "07", "10"].contains(&month.as_str())) {
            let label = if month == "01" { date.format("%Y") } else { date.format("%b") };
            let (tick, at) = (index as f64 / weeks * 100.0, (index as f64 + 0.15) / weeks * 100.0);
            let _ = write!(
                text,
                "<rect class=\"i\" x=\"{tick:.2}%\" y=\"{FLOOR}\" width=\"1\" height=\"6\" fill=\"#59636b\"/>\
                 <text class=\"ax\" x=\"{at:.2}%\" y=\"{}\" fill=\"#59636b\">{label}</text>",
                FLOOR + 16.0
            );
        }
    }
    text
}

fn labels(
    account: &Account,
    points: &[Point],
    (closed, open): (&[At], &[At]),
    first_open: Option<usize>,
    y: &dyn Fn(f64) -> f64,
) -> String {
    let (weeks, mut text) = (points.len() as f64, months(points));
    for at in open {
        let _ = write!(
            text,
            "<circle class=\"hollow\" cx=\"{:.2}%\" cy=\"{:.1}\" r=\"2.5\" fill=\"#fff\" stroke=\"#235a87\"/>",
            at.x / weeks * 100.0,
            y(at.rate())
        );
    }
    let judged = closed.last().expect("the judged window is among them");
    let (x, height) = (judged.x / weeks * 100.0, y(judged.rate()));
    let _ = write!(
        text,
        "<circle class=\"ink\" cx=\"{x:.2}%\" cy=\"{height:.1}\" r=\"5\" fill=\"#235a87\"/>\
         <text class=\"big\" x=\"{x:.2}%\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#222b33\">{}</text>",
        height - 12.0,
        words::rate(judged.tally)
    );
    if let Some(target) = account.target {
        let _ = write!(
            text,
            "<text class=\"lab\" x=\"4%\" y=\"{:.1}\" fill=\"#222b33\">Amazon asks {}</text>",
            y(target.share()) + 15.0,
            words::target(target)
        );
    }
    if let (Some(first), Some(last)) = (first_open, points.last()) {
        let (from, to) = (words::week(points[first].week.monday), words::week(last.week.monday));
        let span = if from == to { format!("{from} open") } else { format!("{from}–{to} open") };
        let _ = write!(
            text,
            "<text class=\"lab\" x=\"99.6%\" y=\"{}\" text-anchor=\"end\" fill=\"#222b33\">{span}</text>",
            ROLLING.0 - 19.0
        );
    }
    if let Some(middle) = closed.get(closed.len() / 2).filter(|_| closed.len() > 4) {
        let _ = write!(
            text,
            "<text class=\"ax\" x=\"{:.1}%\" y=\"{:.1}\" fill=\"#59636b\">95\u{202f}% interval</text>",
            (middle.x - 0.5) / weeks * 100.0,
            y(middle.wilson().0) - 6.0
        );
    }
    if let Some(last) = open.last() {
        let mut end = |rate: String, height: f64| {
            let _ = write!(
                text,
                "<text class=\"lab\" x=\"99.6%\" y=\"{height:.1}\" text-anchor=\"end\" fill=\"#222b33\">{rate}</text>"
            );
        };
        if last.pending > 0 {
            let best = words::rate(Tally { valid: last.tally.valid + last.pending, ..last.tally });
            end(best, (y(last.best()) - 9.0).max(ROLLING.0 - 3.0));
        }
        end(words::rate(last.tally), y(last.rate()) + 19.0);
    }
    text
}
