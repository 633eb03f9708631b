//! Parts of an account's page: the weeks before and after an event, what was left out, and the figures as a table.
//!
//! It lays out figures of the model and makes none. It cannot fail.

use super::*;

impl Detail<'_> {
    /// Shows whether a change helped, from whole weeks before and after it.
    pub(super) fn evidence(&self, event: &RateChange) -> Section {
        let since = words::weekday(event.monday, self.as_of());
        let weeks = self.weeks();
        let found = levers::evidence(&weeks, event);
        let opening = |text: &str| {
            let html = Html::markup("<p>").and(format!("Since the week of {since}"));
            if text.is_empty() { html.and(". ") } else { html.and(format!(": {text}. ")) }
        };
        let (before, after) = (&found.before, &found.after);
        let (few_before, few_after) = (before.tally.eligible, after.tally.eligible);
        let title = "Did the change help?";
        let Some((difference, low, high)) = found.difference else {
            let text = format!(
                "{} before and {few_after} after in as many final weeks of the {} shown: too few to tell; {} a side are needed.",
                words::plural(few_before as i64, "package"),
                words::plural(weeks.len() as i64, "week"),
                levers::FEW_A_SIDE
            );
            return Section::of(title, vec![opening(&event.text).and(text).with(&Html::markup("</p>"))]);
        };
        let verdict = if low > 0.0 {
            "The rate rose."
        } else if high < 0.0 {
            "The rate fell."
        } else {
            "No effect shown: chance alone could make this difference."
        };
        let sentence = format!(
            " {} points; the true change lies between {} and {} (95{THIN}% interval).",
            words::difference(difference),
            words::difference(low),
            words::difference(high)
        );
        let sentence = opening(&event.text).strong(verdict).and(sentence).with(&Html::markup("</p>"));
        let row = |stretch: &levers::Stretch, label: &str| {
            let (first, last) = stretch.mondays.unwrap_or_default();
            let reasons = model::by_reason(&stretch.reasons).into_iter().take(3);
            let reasons =
                reasons.map(|(name, count)| format!("{} × {}", words::number(count), words::reason_inline(name)));
            let name = format!("{}–{}, {label}", words::week(first), words::week(last));
            let reasons = Html::text(reasons.collect::<Vec<_>>().join(", "));
            Side { name, tally: stretch.tally, pending: 0, more: vec![reasons] }
        };
        let count = before.mondays.map_or(0, |(first, last)| (last - first) / 7 + 1);
        let caption = format!("{} before and after", words::plural(i64::from(count), "final week"));
        let rows = [row(before, "before"), row(after, "after")];
        Section::of(
            title,
            vec![sentence, side("Weeks", &["Most frequent causes"], &rows, self.account.target, Html::text(caption))],
        )
    }

    pub(super) fn left_part(&self) -> Option<Section> {
        let left = self.left?;
        let sentence = format!(
            "Of the {} that count in the {} shown, {} crossed a border, {} went as letters and {} had a Buy Shipping label.",
            words::plural(left.eligible, "package"),
            words::plural(self.points.len() as i64, "week"),
            words::number(left.cross_border),
            words::number(left.letters),
            words::number(left.buy_shipping)
        );
        let mut pieces = vec![Html::markup("<p>").and(sentence).with(&Html::markup("</p>"))];
        let mut rules: Vec<_> =
            left.rules.iter().map(|(rule, weeks)| (rule, weeks, weeks.values().sum::<i64>())).collect();
        rules.sort_by_key(|(_, _, count)| std::cmp::Reverse(*count));
        let by_week = |weeks: &BTreeMap<Day, i64>| -> Vec<i64> {
            self.points.iter().map(|point| weeks.get(&point.week.monday).copied().unwrap_or_default()).collect()
        };
        let rows: Vec<Vec<Html>> = rules
            .iter()
            .take(CATEGORIES)
            .map(|((reason, rule), weeks, count)| {
                let bars = chart::week_bars(&by_week(weeks));
                vec![Html::text(words::reason(reason)).below(rule), bars, Html::text(words::number(*count))]
            })
            .collect();
        if !rows.is_empty() {
            let heads =
                vec![ColumnHead::of("Rule", ""), ColumnHead::of("Weeks", "gr"), ColumnHead::of("Packages", "n")];
            let caption = format!("Packages on neither side of the rate.{}", cut_note(rows.len(), rules.len()));
            pieces.push(HtmlTable::plain("left", Html::text(caption), heads, rows));
        }
        Some(Section::of("Left out of the rate", pieces))
    }

    pub(super) fn figures(&self) -> Section {
        let as_of = self.as_of();
        let row = |point: &Point| {
            let week = &point.week;
            let interval = week
                .tally
                .wilson()
                .map_or(NONE.into(), |(low, high)| format!("{}–{}", words::percent(low, 0), words::percent(high, 0)));
            let open = if week.is_open { " open" } else { "" };
            let due = if week.pending > 0 { words::number(week.pending as i64) } else { NONE.into() };
            vec![
                format!("{}{open}", words::week(week.monday)),
                words::day(week.monday, as_of),
                words::number(week.tally.eligible as i64),
                words::number((week.tally.eligible - week.tally.valid) as i64),
                due,
                words::rate(week.tally),
                interval,
                point.window.map_or(NONE.into(), |window| words::rate(window.tally)),
            ]
        };
        let figures = FiguresTable {
            caption: "Newest week first. Defects hold those that are not due; rolling: the window that ends with the week.",
            heads: &["Week", "From", "All", "Defects", "Not due", "Rate", "Interval", "Rolling"],
            rows: self.points.iter().rev().map(row).collect(),
        };
        Section::of("Figures behind the chart", vec![rendered(&figures)])
    }
}
