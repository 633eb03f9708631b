//! Tests of what a sync must replace, and when it is refused.

use super::*;
use crate::publish::local::Local;
use crate::publish::log::{Job, Replaced};
use crate::publish::{Manifest, Sums};
use arrow::array::{ArrayRef, Int64Array};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A file of a week, named by its content.
fn file(week: Option<Day>, content: &str) -> DataFile {
    let path = format!("data/t/{content}");
    DataFile {
        path,
        sha256: content.to_owned(),
        bytes: 1,
        rows: 1,
        week,
        judged_by: 1,
        by_week: BTreeMap::new(),
        made_from: None,
    }
}

fn manifest(version: u64, tables: &[(Table, Vec<DataFile>)]) -> Manifest {
    Manifest {
        format: 1,
        version,
        run_id: format!("r{version}"),
        program: "vtr".into(),
        job: Job { name: "weekly".into(), digest: "d".into() },
        book: "b".into(),
        evidence: "scans".into(),
        as_of: 20_000,
        health_as_of: None,
        inputs: Vec::new(),
        bad: Vec::new(),
        revision: 2,
        states: Vec::new(),
        health_state: None,
        judged: BTreeMap::new(),
        weeks: BTreeMap::new(),
        sums: Sums::default(),
        rates: Vec::new(),
        unpriced: 0,
        copies_apart_days: None,
        not_judged: Vec::new(),
        set_aside: Vec::new(),
        warnings: Vec::new(),
        replaced: Replaced { base: None, tables: BTreeMap::new(), files: Vec::new() },
        tables: tables.iter().map(|(table, files)| (table.name().to_owned(), files.clone())).collect(),
    }
}

const WEEK: Day = 20_101;

#[test]
fn only_weeks_whose_files_differ_are_replaced() {
    let weekly = |files: &[(Day, &str)]| {
        (Table::VtrWeekly, files.iter().map(|(week, content)| file(Some(*week), content)).collect::<Vec<_>>())
    };
    let health = |content: &str| (Table::AccountHealth, vec![file(None, content)]);
    let old = manifest(1, &[weekly(&[(WEEK, "a"), (WEEK + 7, "b"), (WEEK + 14, "c")]), health("h")]);
    let new = manifest(2, &[weekly(&[(WEEK, "a"), (WEEK + 7, "x"), (WEEK + 21, "d")]), health("h")]);
    let both = [Table::VtrWeekly, Table::AccountHealth];
    let found = changes(Some(&old), &new, &both);
    // The week that vanished is deleted although no file replaces it.
    let weeks = BTreeSet::from([WEEK + 7, WEEK + 14, WEEK + 21]);
    let files = vec![file(Some(WEEK + 7), "x"), file(Some(WEEK + 21), "d")];
    let before = vec![file(Some(WEEK + 7), "b"), file(Some(WEEK + 14), "c")];
    assert_eq!(found, [Change { table: Table::VtrWeekly, part: Part::Weeks(weeks), files, before }]);
    let back = changes(Some(&new), &old, &both);
    assert_eq!(back[0].files, [file(Some(WEEK + 7), "b"), file(Some(WEEK + 14), "c")]);
    assert!(changes(Some(&new), &new, &both).is_empty());
    let health_changed = changes(Some(&old), &manifest(3, &[health("i")]), &[Table::AccountHealth]);
    assert_eq!((&health_changed[0].part, &health_changed[0].before), (&Part::All, &vec![file(None, "h")]));
    let all = changes(None, &new, &both);
    assert_eq!(
        all.iter().map(|change| (change.part == Part::All, change.files.len())).collect::<Vec<_>>(),
        [(true, 3), (true, 1)]
    );
}

#[test]
fn a_sink_that_is_ahead_or_another_outputs_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = Local::new(folder.path());
    for version in 1..=2 {
        let text = serde_json::to_vec(&manifest(version, &[(Table::AccountHealth, vec![file(None, "h")])])).unwrap();
        store.create(&log::path(version), &text, "r").unwrap();
    }
    let source = Source::open(&store, Some(1)).unwrap();
    assert_eq!(source.output, Source::open(&store, None).unwrap().output, "an output keeps its id");
    let sink = Sink { name: "bi".into(), tables: None, place: SinkPlace::Postgres { schema: "vtr".into() } };
    let asked = |newer| Asked { version: None, amount: Amount::Changed, newer };
    let digest = |version| digest_of(&store, version).unwrap().unwrap();
    let held =
        |version: u64| Held { output: source.output.clone(), version, manifest: digest(version), settings: "s".into() };
    let does = |held: Held, newer| source.changes(&sink, Some(&held), "s", &asked(newer));
    assert_eq!(does(held(1), Newer::Keep).unwrap(), None);
    assert_eq!(does(held(2), Newer::Keep).unwrap_err().exit_code(), 5);
    assert_eq!(does(held(2), Newer::Replace).unwrap(), Some(Vec::new()), "the files are the same");
    let other = Held { output: "0".repeat(32), ..held(1) };
    assert_eq!(does(other, Newer::Replace).unwrap_err().exit_code(), 2, "also with --force");
    // A sink in an unknown state is replaced whole: a version of another history, other settings.
    for strange in [Held { manifest: "x".into(), ..held(1) }, Held { settings: "t".into(), ..held(1) }] {
        let changes = does(strange, Newer::Keep).unwrap().unwrap();
        assert_eq!(changes[0].part, Part::All);
    }
}

#[test]
fn a_damaged_id_is_no_id() {
    let folder = tempfile::tempdir().unwrap();
    let store = Local::new(folder.path());
    let first = output_id(&store).unwrap();
    assert!(first.len() == 32 && output_id(&store).unwrap() == first);
    std::fs::write(folder.path().join(OUTPUT_ID), "torn").unwrap();
    assert!(output_id(&store).unwrap_err().to_string().contains("damaged"));
}

#[test]
fn sums_are_of_tables_that_have_them() {
    let batch = |columns: &[(&str, i64)]| {
        let columns =
            columns.iter().map(|(name, count)| (*name, Arc::new(Int64Array::from(vec![*count; 2])) as ArrayRef));
        RecordBatch::try_from_iter(columns).unwrap()
    };
    let mut counted = Counted::default();
    counted.add(&batch(&[("eligible", 5), ("valid", 4)]));
    counted.add(&batch(&[("eligible", 1), ("valid", 1)]));
    assert_eq!(counted, Counted { rows: 4, sums: Some([12, 10]) });
    let mut plain = Counted::default();
    plain.add(&batch(&[("valid", 4)]));
    assert_eq!(plain.sums, None);
    assert!(is_summed(Table::VtrRolling) && !is_summed(Table::Defects) && !is_summed(Table::InputFiles));
}

#[test]
fn texts_of_dbt_are_texts_of_yaml_and_no_templates() {
    let manifest = manifest(1, &[(Table::AccountHealth, vec![file(None, "h")])]);
    let text = dbt::sources(&manifest, &dbt::Target::Postgres { schema: "a\"b{{c".into() });
    assert!(text.contains("schema: \"a\\\"b{ {c\"") && !text.contains("{{"), "{text}");
    for facts in Table::AccountHealth.columns() {
        assert!(text.contains(&format!("- name: {}\n", facts.name)));
    }
    assert!(text.contains("values: [\"no_data\", \"good\", \"at_risk\", \"breach\"]"), "{text}");
}
