//! Tests of which facts make which weeks outdated, fact by fact.

use super::*;
use crate::publish::state::{ALL, Differences};

/// No week.
const NONE: [i32; 0] = [];
/// A Monday.
const MONDAY: Day = 20_003;
const SLACK: i32 = 10;

fn week(index: i32) -> Day {
    MONDAY + 7 * index
}

fn names(texts: &[&str]) -> BTreeSet<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn parts(texts: &[(&str, &str)]) -> BTreeMap<String, String> {
    texts.iter().map(|(part, digest)| ((*part).to_owned(), (*digest).to_owned())).collect()
}

/// Two files of five weeks each, judged together on the Monday after the tenth week.
fn facts() -> (Now, InForce) {
    let days = |first: i32| vec![(week(first), week(first + 4) + 6)];
    let file = |name: &str, first| InputFile {
        file: name.into(),
        digest: format!("{name}-1"),
        days: Some(days(first)),
        ..InputFile::default()
    };
    let inputs = vec![file("a", 0), file("b", 5)];
    let known = |input: &InputFile| {
        (input.file.clone(), Input { digest: input.digest.clone(), days: input.days.clone(), ..Input::default() })
    };
    let now = Now {
        as_of: week(10),
        revision: 2,
        job: "job".into(),
        book: parts(&[("de-2025", "1"), ("services", "1")]),
        tables: names(&["vtr_weekly", "vtr_rolling"]),
        latencies: [14].into(),
        first_end: 6,
        slack: Some(SLACK),
        turns: BTreeSet::new(),
        inputs: inputs.iter().map(known).collect(),
    };
    let state = State {
        version: 1,
        as_of: now.as_of,
        ran_on: now.as_of,
        revision: now.revision,
        job: now.job.clone(),
        book: now.book.clone(),
        tables: now.tables.clone(),
        copies_apart_days: Some(0),
        weeks: vec![ALL],
        inputs: Differences::default(),
    };
    let weeks = (0..10).map(week).collect();
    (now, InForce { states: vec![(state, inputs)], weeks, ..InForce::default() })
}

/// Indices of the outdated weeks.
fn stale(now: &Now, standing: &InForce) -> Vec<i32> {
    match outdated(now, standing) {
        Outdated::Weeks(weeks) => weeks.keys().map(|day| (day - MONDAY) / 7).collect(),
        Outdated::Everything(why) => panic!("everything: {why}"),
    }
}

fn everything(now: &Now, standing: &InForce) -> String {
    match outdated(now, standing) {
        Outdated::Everything(why) => why,
        Outdated::Weeks(weeks) => panic!("{weeks:?}"),
    }
}

fn all() -> Vec<i32> {
    (0..10).collect()
}

#[test]
fn what_stands_as_it_would_be_judged_is_not_outdated() {
    let (now, standing) = facts();
    assert_eq!(stale(&now, &standing), NONE);
    assert!(everything(&now, &InForce::default()).contains("it is not known"));
}

#[test]
fn a_week_is_outdated_once_it_turns_final() {
    let (mut now, standing) = facts();
    // The Sunday of week 7 is 15 days before the Monday of week 10, that of week 8 eight days.
    now.as_of += 6;
    assert_eq!(stale(&now, &standing), NONE, "its 14th day is not over yet");
    now.as_of += 1;
    assert_eq!(stale(&now, &standing), [8]);
    now.as_of += 7;
    assert_eq!(stale(&now, &standing), [8, 9]);
    now.first_end = 0;
    now.as_of = week(10) + 1;
    assert_eq!(stale(&now, &standing), [8], "windows that end on its Monday turn by themselves");
}

#[test]
fn inputs_touch_their_weeks_and_those_of_copies() {
    let (base, standing) = facts();
    let mut now = base.clone();
    now.inputs.get_mut("a").unwrap().digest = "a-2".into();
    assert_eq!(stale(&now, &standing), [0, 1, 2, 3, 4, 5, 6], "ten days reach two weeks further");
    now.slack = None;
    assert_eq!(stale(&now, &standing), [0, 1, 2, 3, 4]);
    now.inputs.remove("a");
    assert_eq!(stale(&now, &standing), [0, 1, 2, 3, 4], "gone");
    let mut now = Now { slack: Some(0), ..base.clone() };
    let days = Some(vec![(week(9), week(12))]);
    now.inputs.insert("c".into(), Input { digest: "c".into(), days, ..Input::default() });
    assert_eq!(stale(&now, &standing), [9, 10, 11, 12], "new, with weeks that nobody judged");
    now.inputs.get_mut("c").unwrap().days = None;
    assert!(everything(&now, &standing).contains("c has changed"));
    now.inputs.get_mut("c").unwrap().days = Some(Vec::new());
    assert!(everything(&now, &standing).contains("no row of it has a day"));
    // Copies that a full run found further apart extend the reach.
    let (mut now, mut standing) = facts();
    now.inputs.get_mut("a").unwrap().digest = "a-2".into();
    standing.states[0].0.copies_apart_days = Some(21);
    assert_eq!(stale(&now, &standing), [0, 1, 2, 3, 4, 5, 6, 7]);
    standing.states[0].1[0].days = None;
    assert!(everything(&now, &standing).contains("the days that it contained are not known"));
}

#[test]
fn what_was_dated_after_as_of_is_asked_again_when_its_day_has_come() {
    let (mut now, standing) = facts();
    now.slack = Some(0);
    let (first, last) = (week(2), week(2) + 3);
    now.inputs.get_mut("a").unwrap().later = vec![Later { first, last, from: week(10) + 3, until: week(10) + 5 }];
    for (day, weeks) in [(0, vec![]), (2, vec![]), (3, vec![2]), (6, vec![2])] {
        now.as_of = week(10) + day;
        assert_eq!(stale(&now, &standing), weeks, "{day}");
    }
    // Once the day is over, it causes no further change.
    let mut standing = standing;
    (standing.states[0].0.as_of, standing.states[0].0.ran_on) = (week(10) + 5, week(10) + 5);
    assert_eq!(stale(&now, &standing), NONE);
}

#[test]
fn what_another_run_has_read_since_is_still_dated_after_the_as_of_of_a_week() {
    let (mut now, mut standing) = facts();
    now.slack = Some(0);
    now.as_of = week(10) + 5;
    // A run of other weeks as of a later day read the file again, and met nothing after its own `as_of`.
    let (first, last) = (week(2), week(2) + 3);
    standing.states[0].1[0].later = Some(Later { first, last, from: week(10) + 3, until: week(10) + 5 });
    assert_eq!(stale(&now, &standing), [2]);
    standing.states[0].1[0].later = None;
    assert_eq!(stale(&now, &standing), NONE);
}

#[test]
fn a_week_that_only_held_rows_too_far_ahead_is_judged_once_it_is_plausible() {
    let (mut now, standing) = facts();
    now.slack = Some(0);
    let day = week(10) + 733;
    let later = Later { first: day, last: day, from: day - 732, until: day - 730 };
    now.inputs.get_mut("a").unwrap().later = vec![later];
    assert_eq!(stale(&now, &standing), NONE);
    now.as_of += 3;
    assert_eq!(stale(&now, &standing), [(monday(day) - MONDAY) / 7]);
}

#[test]
fn a_new_file_whose_copies_are_known_touches_its_days_and_theirs() {
    let (mut now, standing) = facts();
    now.slack = Some(21);
    let days = Some(vec![(week(5) + 1, week(5) + 2)]);
    let late = Input { digest: "late".into(), days, ..Input::default() };
    now.inputs.insert("late".into(), late.clone());
    assert_eq!(stale(&now, &standing), [2, 3, 4, 5, 6, 7, 8], "all that copies can be in");
    let touched = Some(vec![(week(7), week(7))]);
    now.inputs.insert("late".into(), Input { touched, ..late.clone() });
    assert_eq!(stale(&now, &standing), [5, 7]);
    now.inputs.insert("late".into(), Input { touched: Some(Vec::new()), ..late });
    assert_eq!(stale(&now, &standing), [5]);
    // Whatever is known of a file that was there before with other rows, those that are gone are not known.
    now.inputs.remove("late");
    let changed = now.inputs.get_mut("a").unwrap();
    (changed.digest, changed.touched) = ("other".into(), Some(Vec::new()));
    let wide = stale(&now, &standing);
    now.inputs.get_mut("a").unwrap().touched = None;
    assert_eq!(stale(&now, &standing), wide);
}

#[test]
fn the_book_touches_what_it_covers() {
    let (mut now, mut standing) = facts();
    now.book = parts(&[("de-2025", "2"), ("services", "1")]);
    assert_eq!(stale(&now, &standing), all(), "nobody says what it covers");
    standing.covered.insert("de-2025".into(), [week(3), week(4)].into());
    assert_eq!(stale(&now, &standing), [3, 4]);
    now.book = parts(&[("de-2025", "1")]);
    assert_eq!(stale(&now, &standing), all(), "another file of it is gone");
}

#[test]
fn jobs_revisions_and_new_tables_touch_everything_and_a_dropped_table_nothing() {
    let (now, standing) = facts();
    assert_eq!(stale(&Now { job: "other".into(), ..now.clone() }, &standing), all());
    assert_eq!(stale(&Now { revision: 3, ..now.clone() }, &standing), all());
    assert_eq!(stale(&Now { tables: names(&["vtr_weekly", "defects"]), ..now.clone() }, &standing), all());
    assert_eq!(stale(&Now { tables: names(&["vtr_weekly"]), ..now.clone() }, &standing), NONE);
    assert_eq!(stale(&Now { turns: [week(10) + 1].into(), ..now.clone() }, &standing), NONE);
    assert_eq!(stale(&Now { turns: [week(10) + 1].into(), as_of: week(10) + 1, ..now.clone() }, &standing), all());
    assert_eq!(stale(&Now { as_of: week(10) - 1, ..now }, &standing), all(), "an earlier day");
}

#[test]
fn a_run_that_looked_back_is_asked_again_on_any_other_day() {
    let (mut now, mut standing) = facts();
    standing.states[0].0.ran_on = week(20);
    assert_eq!(stale(&now, &standing), NONE);
    now.as_of += 1;
    assert_eq!(stale(&now, &standing), all());
}

#[test]
fn pending_packages_make_their_weeks_outdated_as_days_pass() {
    let (mut now, mut standing) = facts();
    standing.pending = [(week(9), now.as_of), (week(3), now.as_of + 1)].into();
    assert_eq!(stale(&now, &standing), NONE);
    now.as_of += 1;
    assert_eq!(stale(&now, &standing), [9]);
    now.as_of += 1;
    assert_eq!(stale(&now, &standing), [3, 9]);
}

#[test]
fn each_week_is_held_against_its_own_state() {
    let (now, mut standing) = facts();
    let (old, inputs) = standing.states[0].clone();
    let weeks = super::super::state::minus(&[ALL], &[(week(5), week(9))]);
    let new = State { version: 2, weeks: vec![(week(5), week(9))], ..old.clone() };
    let old = State { job: "before".into(), weeks, ..old };
    standing.states = vec![(new, inputs.clone()), (old, inputs)];
    assert_eq!(stale(&now, &standing), [0, 1, 2, 3, 4]);
    standing.states.pop();
    let Outdated::Weeks(weeks) = outdated(&now, &standing) else { panic!() };
    assert!(weeks.values().all(|why| why == "not judged yet") && weeks.len() == 5);
}

#[test]
fn near_weeks_are_one_range() {
    let range = |first, last| WeekRange { first, last };
    assert_eq!(ranges([4, 11, 25, 32, 39, 60], 0), [range(4, 11), range(25, 39), range(60, 60)]);
    assert_eq!(ranges([4, 11, 25, 60], 1), [range(4, 25), range(60, 60)]);
    assert!(ranges([], 3).is_empty());
}

#[test]
fn a_file_whose_rows_are_known_by_week_outdates_the_weeks_that_differ() {
    let (mut now, mut standing) = facts();
    let known = |weeks: &[(i32, &str)]| weeks.iter().map(|(at, rows)| (week(*at), (*rows).to_owned())).collect();
    standing.states[0].1[0].by_week = known(&[(0, "a"), (1, "b"), (2, "c")]);
    let file = now.inputs.get_mut("a").unwrap();
    file.digest = "a-2".into();
    file.by_week = known(&[(0, "a"), (1, "B"), (3, "d")]);
    let Outdated::Weeks(stale) = outdated(&now, &standing) else { panic!("weeks are known") };
    let slack = SLACK / 7 + 1;
    assert!([1, 2, 3].iter().all(|at| stale.contains_key(&week(*at))), "{stale:?}");
    assert!(stale.keys().all(|at| (week(1 - slack)..=week(3 + slack)).contains(at)), "{stale:?}");
    now.slack = None;
    standing.states[0].0.copies_apart_days = None;
    let Outdated::Weeks(stale) = outdated(&now, &standing) else { panic!("weeks are known") };
    assert_eq!(stale.keys().copied().collect::<Vec<_>>(), [1, 2, 3].map(week));
    // Without the older rows nothing is known but the days.
    standing.states[0].1[0].by_week.clear();
    let Outdated::Weeks(stale) = outdated(&now, &standing) else { panic!("weeks are known") };
    assert_eq!(stale.keys().copied().collect::<Vec<_>>(), [0, 1, 2, 3, 4].map(week));
}
