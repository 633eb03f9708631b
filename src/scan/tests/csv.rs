//! Each class of fault of delimited text, and each correct way to write it.

use super::*;
use flate2::{Compression, write::GzEncoder};
use std::io::{Read, Write};

fn csv(content: impl AsRef<[u8]>) -> Got {
    let (_folder, plan) = one_file("a.csv", content.as_ref(), |_| {});
    get(&plan).unwrap()
}

fn refused(name: &str, content: &[u8], adapt: impl FnOnce(&mut Input)) -> String {
    let (_folder, plan) = one_file(name, content, adapt);
    let error = get(&plan).err().expect("the file is refused");
    assert_eq!(error.exit_code(), 3);
    error.to_string()
}

fn row(order: &str, number: &str) -> Vec<Option<String>> {
    ["S", "DE", order, number, "2025-01-01"].map(|cell| Some(cell.to_owned())).to_vec()
}

/// Returns record, line, byte offset, column and reason of the only reject.
fn only_reject(got: &Got) -> (u64, u64, u64, Option<&str>, &str) {
    let [reject] = got.rejects.as_slice() else { panic!("{:?}", got.rejects) };
    (reject.record, reject.line.unwrap(), reject.byte_offset.unwrap(), reject.column.as_deref(), &reject.reason)
}

#[test]
fn line_ends_of_every_kind_give_the_same_records() {
    for end in ["\n", "\r\n", "\r"] {
        for last in ["", end] {
            let lines = [HEADINGS, "S,DE,1,T1,2025-01-01", "", "S,DE,2,T2,2025-01-01"];
            let text = lines.join(end) + last;
            let got = csv(&text);
            assert_eq!(got.rows, [(1, row("1", "T1")), (2, row("2", "T2"))], "{end:?} {last:?}");
            let offset = text.find("S,DE,1").unwrap() as u64;
            let second = text.find("S,DE,2").unwrap() as u64;
            assert_eq!(got.places, [(2, offset), (4, second)], "{end:?}");
            assert_eq!((got.ends[0].rows_read, got.ends[0].bytes_read), (2, text.len() as u64));
            assert!(got.rejects.is_empty());
        }
    }
}

#[test]
fn quotes_may_hold_delimiters_line_ends_and_quotes() {
    let got = csv(format!(
        "{HEADINGS}\n\"S\",DE,\"a\r\nb\n\",\"say \"\"hi\"\", he said\",2025-01-01\nS,DE,2,5\" pipe,2025-01-01\n"
    ));
    assert_eq!(got.rows, [(1, row("a\r\nb\n", "say \"hi\", he said")), (2, row("2", "5\" pipe"))]);
    assert_eq!(got.places[1].0, 5);
    let (_folder, plan) = one_file("a.csv", format!("{HEADINGS}\nS,DE,1,\"T,2025-01-01\n").as_bytes(), |input| {
        input.dialect.quote = Quote::None
    });
    assert_eq!(get(&plan).unwrap().rows, [(1, row("1", "\"T"))]);
}

#[test]
fn a_quote_gone_wrong_costs_its_line_and_no_other() {
    let good = "S,DE,2,T,2025-01-01";
    for (bad, says) in [
        ("S,DE,1,\"T,2025-01-01", "a quote opens a field and is never closed"),
        ("S,DE,1,\"T\" x,2025-01-01", "text follows the closing quote of a field"),
        ("S,DE,1,\"a\\\"b\",2025-01-01", "text follows the closing quote of a field"),
    ] {
        let got = csv(format!("{HEADINGS}\n{good}\n{bad}\n{good}\n{good}\n"));
        assert_eq!(got.rows.iter().map(|row| row.0).collect::<Vec<_>>(), [1, 3, 4], "{bad}");
        assert_eq!(only_reject(&got), (2, 3, (HEADINGS.len() + good.len() + 2) as u64, None, says));
        assert_eq!(got.ends[0].rows_read, 4);
    }
    // The wrong quote meets one far below: each line becomes a record of its own again.
    let got = csv(format!("{HEADINGS}\nS,DE,1,\"T,2025-01-01\n{good}\n{good}\nS,DE,4,\"T4\",2025-01-01\n"));
    assert_eq!((got.rows.len(), got.rejects.len(), got.ends[0].rows_read), (3, 1, 4));
}

#[test]
fn a_line_without_any_cell_is_no_record() {
    let good = "S,DE,1,T,2025-01-01";
    let got = csv(format!("{HEADINGS}\n,,,,\n{good}\n   \n ,\t,\n\"\",,\" \",,\n{good}\n,,,,"));
    assert_eq!((got.rows.len(), got.rejects.len(), got.ends[0].rows_read), (2, 0, 2));
    assert_eq!(got.rows.iter().map(|row| row.0).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(got.places.iter().map(|place| place.0).collect::<Vec<_>>(), [3, 7]);
    // A NUL is no blank.
    assert_eq!(csv(format!("{HEADINGS}\n,,,\0,\n")).rejects.len(), 1);
}

#[test]
fn short_and_long_records_are_rejected_not_shifted() {
    let got = csv(format!("{HEADINGS}\nS,DE,1,2025-01-01\nS,DE,2,T,2025-01-01,x\n x \nS,DE,4,T,2025-01-01\n"));
    assert_eq!(got.rows, [(4, row("4", "T"))]);
    let reasons: Vec<&str> = got.rejects.iter().map(|reject| reject.reason.as_str()).collect();
    assert_eq!(
        reasons,
        [
            "too few fields: 4, where the headings are 5",
            "too many fields: 6, where the headings are 5",
            "too few fields: 1, where the headings are 5"
        ]
    );
    assert!(got.rejects.iter().all(|reject| reject.value.is_none()));
}

#[test]
fn undecodable_bytes_and_nul_reject_their_record_only() {
    let mut text = format!("{HEADINGS},buyer\nS,DE,1,T,2025-01-01,x\nS,DE,2,caf").into_bytes();
    text.extend(b"\xe9,2025-01-01,x\nS,DE,3,a\0b,2025-01-01,x\nS,DE,4,T,2025-01-01,Jos\xe9\nS,DE,5,T,2025-01-01,\n");
    let got = csv(text);
    assert_eq!(got.rows.iter().map(|row| row.0).collect::<Vec<_>>(), [1, 5]);
    let seen: Vec<_> =
        got.rejects.iter().map(|r| (r.record, r.column.as_deref(), r.reason.as_str(), r.value.as_deref())).collect();
    assert_eq!(seen[0], (2, Some("tracking_number"), "not in the declared encoding", Some("caf\u{fffd}")));
    assert_eq!(seen[1], (3, Some("tracking_number"), "holds a NUL character", Some("a\\u{0}b")));
    // A field that the job does not map is not shown.
    assert_eq!(seen[2], (4, None, "a field that the job does not map: not in the declared encoding", None));
}

#[test]
fn oversize_cells_and_records_are_rejected_in_bounded_memory() {
    let good = "S,DE,2,T,2025-01-01";
    let cell = "x".repeat(70_000);
    let got = csv(format!("{HEADINGS}\nS,DE,1,{cell},2025-01-01\n{good}\n"));
    assert_eq!((got.rows.len(), only_reject(&got).3), (1, Some("tracking_number")));
    assert_eq!(got.rejects[0].value.as_ref().map(String::len), Some(200));
    let huge = "x".repeat(3 << 20);
    for quote in ["", "\""] {
        let got = csv(format!("{HEADINGS}\nS,DE,1,{quote}{huge}{quote},2025-01-01\r\n{good}\n"));
        assert_eq!((got.rows.len(), got.places[0].0), (1, 3));
        assert_eq!(only_reject(&got).4, "the record is longer than 1048576 bytes");
    }
}

#[test]
fn encodings_are_as_declared() {
    let text = format!("{HEADINGS}\r\nS,DE,表\n1,é\r\nS,DE,ソ,T,2025-01-01\r\n");
    let text = text.replace("表\n1,é", "表1,ﾃ,2025-01-01");
    let want = vec![(1, row("表1", "ﾃ")), (2, row("ソ", "T"))];
    let (sjis, _, _) = encoding_rs::SHIFT_JIS.encode(&text);
    let units = |text: &str, big: bool| -> Vec<u8> {
        let bytes = |unit: u16| if big { unit.to_be_bytes() } else { unit.to_le_bytes() };
        std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(bytes).collect()
    };
    let utf8 = format!("\u{feff}{text}").into_bytes();
    for (content, encoding) in [
        (utf8, encoding_rs::UTF_8),
        (sjis.into_owned(), encoding_rs::SHIFT_JIS),
        (units(&text, false), encoding_rs::UTF_16LE),
        (units(&text, true), encoding_rs::UTF_16LE),
    ] {
        let (_folder, plan) = one_file("a.csv", &content, |input| input.dialect.encoding = encoding);
        let got = get(&plan).unwrap();
        assert_eq!(got.rows, want, "{}", encoding.name());
        // The offset is the one in the file, whatever the encoding.
        let (head, _, _) = encoding.encode(HEADINGS);
        let before = match encoding.name() {
            "UTF-16LE" => 2 + 2 * (HEADINGS.len() + 2),
            "UTF-8" => 3 + HEADINGS.len() + 2,
            _ => head.len() + 2,
        };
        assert_eq!(got.places[0], (2, before as u64), "{}", encoding.name());
    }
    let latin = b"seller_id,marketplace,order_id,shipped_at\nS\xfc,DE,1,2025-01-01\n";
    let (_folder, plan) = one_file("a.csv", latin, |input| input.dialect.encoding = encoding_rs::WINDOWS_1252);
    assert_eq!(get(&plan).unwrap().rows[0].1[0].as_deref(), Some("Sü"));
    // A lead byte without its trail byte rejects its own record.
    let broken = b"seller_id,marketplace,order_id,shipped_at\nS\x81,DE,1,2025-01-01\nS,DE,2,2025-01-01\n";
    let (_folder, plan) = one_file("a.csv", broken, |input| input.dialect.encoding = encoding_rs::SHIFT_JIS);
    let got = get(&plan).unwrap();
    assert_eq!((got.rows.len(), only_reject(&got).4), (1, "not in the declared encoding"));
    assert!(
        refused("a.csv", &units(&text, true), |_| {})
            .contains("begins with the mark of utf-16be but is declared to be utf-8")
    );
}

#[test]
fn headings_stand_on_the_declared_line() {
    let text = format!("注文\t番号\n\n{}\nS\tDE\t1\tT\t2025-01-01\n", HEADINGS.replace(',', "\t"));
    let (sjis, _, _) = encoding_rs::SHIFT_JIS.encode(&text);
    let adapt = |input: &mut Input| {
        input.dialect.encoding = encoding_rs::SHIFT_JIS;
        input.dialect.header_line = 3;
    };
    let (_folder, plan) = one_file("a.txt", &sjis, adapt);
    let got = get(&plan).unwrap();
    assert_eq!((got.rows, got.places[0].0), (vec![(1, row("1", "T"))], 4));
    assert!(refused("a.csv", b"\nseller_id\n", |_| {}).contains("line 1 is empty"));
    assert!(refused("a.csv", b"sep=;\nseller_id\n", |_| {}).contains("header_line = 2"));
    assert!(refused("a.csv", b"seller_id\n", |input| input.dialect.header_line = 5).contains("has 1 lines"));
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn packed_files_are_read_whole_or_refused() {
    let text = format!("{HEADINGS}\nS,DE,1,T,2025-01-01\nS,DE,2,T,2025-01-01\n");
    let (head, tail) = text.as_bytes().split_at(70);
    let members = [gzip(head), gzip(tail)].concat();
    let zst = [zstd::encode_all(head, 3).unwrap(), zstd::encode_all(tail, 3).unwrap()].concat();
    for (name, content) in [("a.csv.gz", &members), ("a.csv.zst", &zst)] {
        let (_folder, plan) = one_file(name, content, |_| {});
        let got = get(&plan).unwrap();
        assert_eq!(got.rows, [(1, row("1", "T")), (2, row("2", "T"))], "{name}");
        assert_eq!(got.ends[0].bytes_read, content.len() as u64);
        assert_eq!(got.ends[0].digest.as_deref(), Some(format!("blake3:{}", blake3::hash(content).to_hex()).as_str()));
        let cut = &content[..content.len() - 5];
        assert!(refused(name, cut, |_| {}).contains("cannot be inflated to the end"), "{name}");
    }
    let mut damaged = gzip(text.as_bytes());
    let at = damaged.len() - 6;
    damaged[at] ^= 1;
    assert!(refused("a.csv.gz", &damaged, |_| {}).contains("cannot be inflated"));
    assert!(
        refused("a.csv.gz", &[gzip(text.as_bytes()), b"garbage".to_vec()].concat(), |_| {})
            .contains("cannot be inflated")
    );
    assert!(
        refused("a.csv.gz", text.as_bytes(), |_| {}).contains("is not gzip data, as its name says, but plain text")
    );
    assert!(refused("a.csv", &members, |_| {}).contains("is not delimited text but gzip data"));
}

#[test]
fn bombs_are_refused_by_size_and_by_ratio() {
    let text = format!("{HEADINGS}\n{}", "S,DE,1,T,2025-01-01\n".repeat(100));
    let (_folder, mut plan) = one_file("a.csv.gz", &gzip(text.as_bytes()), |_| {});
    plan.limits.max_inflated_bytes = 1000;
    assert!(get(&plan).err().unwrap().to_string().contains("max_inflated_bytes"));
    let zeros = zstd::encode_all(std::io::repeat(b'\n').take(80 << 20), 3).unwrap();
    let bomb = [zstd::encode_all(text.as_bytes(), 3).unwrap(), zeros].concat();
    assert!(refused("a.csv.zst", &bomb, |_| {}).contains("max_inflated_ratio"));
}

#[test]
fn long_files_come_in_chunks_with_true_places() {
    let mut text = HEADINGS.to_owned() + "\n";
    for order in 0..40_000 {
        text += &format!("S{},DE,{order},T,2025-01-01\n", order % 7);
    }
    let (_folder, plan) = one_file("a.csv", text.as_bytes(), |_| {});
    let survey = survey(&plan).unwrap();
    let mut sizes = Vec::new();
    let got = get(&plan).unwrap();
    read(&plan, &survey, &survey.units[0], &mut |chunk| {
        assert_eq!(*chunk.batch.schema().field(0).data_type(), vtr_columnar::input::label_type());
        sizes.push(chunk.batch.num_rows());
        Ok(())
    })
    .unwrap();
    assert_eq!(sizes, [[2_048; 19].as_slice(), &[1_088]].concat());
    for (index, ((record, cells), (line, offset))) in got.rows.iter().zip(&got.places).enumerate() {
        assert_eq!((*record, *line), (index as u64 + 1, index as u64 + 2));
        assert!(text[*offset as usize..].starts_with(&format!("S{},DE,{index},", index % 7)));
        assert_eq!(cells[2].as_deref(), Some(index.to_string().as_str()));
    }
}
