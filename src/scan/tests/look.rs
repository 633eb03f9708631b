//! A first look at text and Parquet: the counts, the proposals, and the values that it does not show.

use super::*;
use crate::inspect::{Declared, Look, Request, Values, look};
use encoding_rs::{Encoding, SHIFT_JIS};

fn request(path: &std::path::Path) -> Request<'_> {
    let limits = plan(std::path::Path::new("."), Vec::new()).limits;
    Request {
        path,
        input: input(&["x"]),
        declared: Declared::default(),
        timestamps: Vec::new(),
        limits,
        values: Values::Hidden,
    }
}

fn looked(name: &str, content: &[u8], adapt: impl FnOnce(&mut Request)) -> Result<Look> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    let mut request = request(&path);
    adapt(&mut request);
    look(&request)
}

fn of(name: &str, content: impl AsRef<[u8]>) -> Look {
    looked(name, content.as_ref(), |_| {}).unwrap()
}

fn encoded(request: &mut Request, encoding: &'static Encoding) {
    request.input.dialect.encoding = encoding;
    request.declared.encoding = true;
}

#[test]
fn records_ragged_ones_and_types_are_counted() {
    let look = of(
        "a.csv",
        "order-id,qty,paid,when\r\n001,1,true,2025-01-01\r\n\r\n002,2\r\n003,3,no,2025-01-02T10:00:00Z\r\n",
    );
    let text = look.text.unwrap();
    assert_eq!((look.rows, text.records, text.ragged, text.line_ends), (3, 4, 1, "CRLF"));
    let kinds: Vec<&str> = look.columns.iter().map(|column| column.kind.as_str()).collect();
    assert_eq!(kinds, ["integer, leading zeros", "integer", "boolean", "timestamp"]);
    assert_eq!(look.columns[0].maps_to, Some("order_id"));
    let spot = look.findings[0].first[0];
    assert_eq!((spot.record, spot.line, spot.fields), (2, 4, Some(2)));
    assert!(look.refused.is_none() && look.columns.iter().all(|column| column.examples.is_empty()));
}

#[test]
fn broken_quotes_are_said_and_refused() {
    let look = of("a.csv", "a,b\n3,\"z\"w\n1,\"x\n2,y\n");
    let kinds: Vec<_> = look.findings.iter().map(|finding| (finding.kind, finding.count)).collect();
    assert_eq!(kinds, [("unterminated_quote", 1), ("text_after_quote", 1)]);
    assert!(look.refused.unwrap().starts_with("2 of 4 records cannot be cut"));
}

#[test]
fn the_report_with_three_lines_of_headings_reads_right() {
    let lines = "TemplateType=OrderFulfillment\tVersion=2011.1102\t変更や削除しないでください。\n注文番号\t出荷日\t配送業者名\norder-id\tship-date\tcarrier-name\n249-1\t2025-01-05\tヤマト運輸\n";
    let (bytes, _, _) = SHIFT_JIS.encode(lines);
    let hints = of("a.txt", &bytes).hints.join("\n");
    assert!(hints.contains("`header_line = 3`") && hints.contains("`encoding = \"shift_jis\"`"), "{hints}");
    let look = looked("a.txt", &bytes, |request| {
        encoded(request, SHIFT_JIS);
        request.input.dialect.header_line = 3;
        request.declared.header_line = true;
    });
    let look = look.unwrap();
    assert_eq!((look.rows, look.columns.len(), look.findings.len(), look.hints.len()), (1, 3, 1, 0));
    for part in ["carrier = \"carrier-name\"", "encoding = \"shift_jis\"", "header_line = 3"] {
        assert!(look.snippet.contains(part), "{part}: {}", look.snippet);
    }
}

#[test]
fn the_first_byte_outside_the_encoding_is_named() {
    let look = of("a.csv", b"\xef\xbb\xbfa,b\n1,caf\xe9\n2,x\n");
    assert_eq!(look.text.unwrap().undecodable_at, Some(12));
    assert!(look.hints[0].contains("begins with the mark of UTF-8"), "{:?}", look.hints);
    let look = of("a.csv", b"a,b\n1,caf\xe9\n2,x\n");
    assert!(look.text.unwrap().undecodable_at == Some(9) && look.snippet.contains("encoding = \"windows-1252\""));
    let wide: Vec<u8> = "\u{feff}a,b\r\n1,é\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let look = of("a.csv", wide);
    assert_eq!((look.rows, look.findings.len()), (1, 0));
    assert!(look.snippet.contains("encoding = \"utf-16\""), "{}", look.snippet);
}

#[test]
fn what_stands_before_the_headings_is_followed_and_said() {
    let look = of("a.csv", "sep=;\r\norder-id;qty\r\n1;2\r\n");
    assert_eq!((look.rows, look.columns.len()), (1, 2));
    assert!(look.snippet.contains("header_line = 2") && look.snippet.contains("delimiter = \";\""), "{}", look.snippet);
    let look = of("a.csv", "\n\na,b\n1,2\n");
    assert!(look.hints[0].contains("header_line = 3"), "{:?}", look.hints);
    let look = of("a.csv", "order-id;qty\n1;2\n");
    assert!(look.hints[0].contains("a job needs `delimiter = \";\"`"), "{:?}", look.hints);
    assert_eq!(look.columns.len(), 2);
}

#[test]
fn values_are_shown_only_when_asked_for_even_without_headings() {
    let text = "jane@example.com,12345\njohn@example.com,67890\n";
    let json = serde_json::to_string(&of("a.csv", text)).unwrap();
    assert!(!json.contains("example.com") && !json.contains("12345"), "{json}");
    let shown = looked("a.csv", text.as_bytes(), |request| request.values = Values::Shown).unwrap();
    assert_eq!(shown.columns[1].examples, ["67890"]);
}

#[test]
fn identifiers_that_a_spreadsheet_damaged_are_counted() {
    let text = "order_id,tracking_number,note\n1,9.2E+21,1E+10\n2,1.23457E+11,x\n3,JJD1,x\n";
    let look = of("a.csv", text);
    let damage: Vec<_> = look.findings.iter().map(|finding| (finding.kind, finding.count)).collect();
    assert_eq!(damage, [("spreadsheet_damage", 2)]);
}

#[test]
fn times_in_other_forms_get_a_proposal() {
    let look = of("a.tsv", "order-id\tship-date\n1\t31.12.2024\n");
    assert!(look.snippet.contains("timestamps = [\"%d.%m.%Y\"]"), "{}", look.snippet);
    let look = of("a.tsv", "order-id\tship-date\n1\t01/02/2024\n");
    assert!(look.snippet.contains("# timestamps = [\"%d/%m/%Y\", \"%m/%d/%Y\"]"), "{}", look.snippet);
}

#[test]
fn headings_that_stand_twice_are_found() {
    let look = of("a.csv", "order_id,Order_ID,x\n1,2,3\n");
    assert_eq!(look.findings[0].kind, "doubled_heading");
    assert!(look.findings[0].says.contains("columns 1 and 2"), "{}", look.findings[0].says);
}

#[test]
fn names_that_do_not_tell_are_read_by_their_first_bytes() {
    let look = of("export", "a,b\n1,2\n");
    assert!(look.format == "csv" && look.hints[0].contains("`format = \"csv\"`"), "{:?}", look.hints);
    let refused = looked("readable", &[0, 1, 2, 3, 4, 5, 6, 7, 8], |_| {}).err().unwrap();
    assert!(refused.exit_code() == 3 && refused.to_string().contains("neither text nor Parquet"), "{refused}");
    let refused = looked("a.csv", b"PK\x03\x04", |_| {}).err().unwrap();
    assert!(refused.to_string().contains("Excel"), "{refused}");
}
