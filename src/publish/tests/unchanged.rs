//! Publications that replace weeks by the rows that they have.

use super::*;

#[test]
fn rows_that_are_published_are_not_encoded_again() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let run = |id, as_of, weeks: &[(Day, i64)]| TestRun { as_of, ..TestRun::new(id, weeks) }.publish(&out).unwrap();
    let files = |published: &Published| published.manifest.files(Table::VtrWeekly).to_vec();
    let first = files(&run("r1", 20_000, &[(WEEKS[0], 5), (WEEKS[1], 6)]));
    assert!(first.iter().all(|file| file.made_from.is_none()), "a first file takes no other's place");
    let second = files(&run("r2", 20_001, &[(WEEKS[0], 5), (WEEKS[1], 7)]));
    assert!(second.iter().all(|file| file.made_from.is_some()));
    assert_eq!((&second[0].path, &second[0].sha256), (&first[0].path, &first[0].sha256));
    // An entry whose rows are known stays, whatever else it says; so it shows here that nothing was encoded.
    let log = out.join("_log/00000000000000000002.json");
    let text = fs::read_to_string(&log).unwrap();
    let of_week = |rows: u64| format!("\"rows\": {rows},\n        \"week\": \"2024-10-07\"");
    let changed = text.replace(&of_week(second[0].rows), &of_week(77));
    assert_ne!(changed, text, "{text}");
    fs::write(&log, changed).unwrap();
    let third = files(&run("r3", 20_002, &[(WEEKS[0], 5), (WEEKS[1], 8)]));
    assert_eq!((third[0].rows, third[1].rows), (77, second[1].rows));
    assert_eq!(third[0].made_from, second[0].made_from);
    assert_ne!(third[1].path, second[1].path);
    // A file that was damaged is written again.
    fs::write(out.join(&third[0].path), b"damaged").unwrap();
    let fourth = files(&run("r4", 20_003, &[(WEEKS[0], 5), (WEEKS[1], 8)]));
    assert_eq!((fourth[0].rows, fourth[0].sha256.as_str()), (second[0].rows, first[0].sha256.as_str()));
}
