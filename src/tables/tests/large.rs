//! A week of more cells than a batch or a chunk holds, made on several threads.

use super::*;
use crate::publish::encode;
use arrow::array::AsArray;
use arrow::datatypes::Int64Type;

const SELLERS: usize = 100_000;
const CATEGORIES: [&str; 3] = ["Art", "Bags", "Toys"];
const CARRIERS: [&str; 3] = ["(none)", "blue", "red"];

/// What a seller sold in a category, all with the carrier of the same index: counts of valid, defect and canceled.
fn sold(seller: usize, category: usize) -> [i64; 3] {
    let cell = seller * 3 + category;
    [1 + cell as i64 % 5, cell as i64 / 7 % 4, cell as i64 / 3 % 2]
}

const REASONS: [Reason; 3] = [Reason::Scanned, Reason::ScanMissing, Reason::Canceled];

/// Counts of all sellers in GB on one day, by the index of the last key and its text.
fn counts(last: &str, texts: [&str; 3]) -> RecordBatch {
    let (mut sellers, mut places, mut reasons, mut counts) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for seller in 0..SELLERS {
        for place in 0..3 {
            let of_cell = REASONS.into_iter().zip(sold(seller, place)).filter(|(_, count)| *count > 0);
            let mut of_cell: Vec<(u8, i64)> = of_cell.map(|(reason, count)| (reason as u8, count)).collect();
            of_cell.sort_unstable();
            for (reason, count) in of_cell {
                sellers.push(seller as u32);
                places.push(place as u32);
                reasons.push(reason);
                counts.push(count);
            }
        }
    }
    let names: Vec<String> = (0..SELLERS).map(|seller| format!("S{seller:06}")).collect();
    let key = |codes: Vec<u32>, texts: StringArray| -> ArrayRef {
        Arc::new(DictionaryArray::new(UInt32Array::from(codes), Arc::new(texts)))
    };
    let rows = sellers.len();
    RecordBatch::try_from_iter([
        ("seller_id", key(sellers, StringArray::from_iter_values(names))),
        ("marketplace", key(vec![0; rows], StringArray::from(vec!["GB"]))),
        ("programme", key(vec![0; rows], StringArray::from(vec!["standard"]))),
        (last, key(places, StringArray::from(texts.to_vec()))),
        ("reason", Arc::new(UInt8Array::from(reasons))),
        ("count", Arc::new(Int64Array::from(counts))),
    ])
    .unwrap()
}

/// The defects of [`counts`] by category and carrier.
fn culprits(category: &RecordBatch) -> RecordBatch {
    let is_defect = category["reason"].as_primitive::<arrow::datatypes::UInt8Type>().values();
    let is_defect = is_defect.iter().map(|code| Some(*code == Reason::ScanMissing as u8)).collect();
    let kept = arrow::compute::filter_record_batch(category, &is_defect).unwrap();
    let places = kept["product_category"].as_dictionary::<arrow::datatypes::UInt32Type>().keys().clone();
    let carrier: ArrayRef = Arc::new(DictionaryArray::new(places, Arc::new(StringArray::from(CARRIERS.to_vec()))));
    let column = |name: &'static str| (name, kept[name].clone());
    let keys = ["seller_id", "marketplace", "programme", "product_category"].map(column);
    RecordBatch::try_from_iter(keys.into_iter().chain([("carrier", carrier), column("reason"), column("count")]))
        .unwrap()
}

fn many() -> crate::fold::counts::Counted {
    let (monday, category) = (day("2025-05-12"), counts("product_category", CATEGORIES));
    let marginals = Marginals {
        weekly: BTreeMap::from([(monday, counts("carrier", CARRIERS))]),
        reasons: BTreeMap::new(),
        breakdown: BTreeMap::from([(2, culprits(&category))]),
        category: BTreeMap::from([(monday, category)]),
        names: BTreeMap::new(),
    };
    crate::fold::counts::Counted::in_memory(marginals, Vec::new())
}

fn ints(piece: &MadePiece, name: &str) -> Vec<i64> {
    piece.batches.iter().flat_map(|batch| batch[name].as_primitive::<Int64Type>().values().to_vec()).collect()
}

fn texts<'a>(piece: &'a MadePiece, name: &str) -> Vec<Option<&'a str>> {
    piece.batches.iter().flat_map(|batch| batch[name].as_string::<i32>().iter()).collect()
}

/// Pieces without the checks of every cell, which take long for many cells.
fn made(input: &TablesInput) -> Vec<MadePiece> {
    let pieces = Mutex::new(Vec::new());
    let take = |piece: Piece| {
        let batches = piece.batches.map(|batch| batch.map(|batch| plain(piece.table, &batch)));
        let batches = batches.collect::<Result<_, _>>()?;
        pieces.lock().push(MadePiece { table: piece.table, week: piece.week, batches });
        Ok(())
    };
    build(input, &Progress::begin("", 0, Visibility::Quiet), &take).unwrap();
    pieces.into_inner()
}

#[test]
fn a_week_of_many_cells_is_what_its_packages_are() {
    let (plan, counted) = (plan("2025-06-17", &[Table::VtrWeekly, Table::VtrWeeklyCategory]), many());
    let input = input(&plan, &counted);
    let pieces = made(&input);
    assert_eq!(pieces.len(), 2);
    for (piece, (name, last)) in pieces.iter().zip([("carrier", CARRIERS), ("product_category", CATEGORIES)]) {
        assert!(piece.batches.len() > 4 && piece.batches.iter().all(|batch| batch.num_rows() <= 65_536));
        let (sellers, lasts) = (texts(piece, "seller_id"), texts(piece, name));
        let columns = ["valid", "defects", "out_of_scope", "shipments", "eligible", "scan_missing"];
        let columns = columns.map(|name| ints(piece, name));
        assert_eq!(sellers.len(), SELLERS * 3);
        for row in 0..sellers.len() {
            assert_eq!(sellers[row], Some(format!("S{:06}", row / 3).as_str()));
            assert_eq!(lasts[row], Some(last[row % 3]));
            let [valid, defects, canceled] = sold(row / 3, row % 3);
            let want = [valid, defects, canceled, valid + defects + canceled, valid + defects, defects];
            assert_eq!(columns.each_ref().map(|column| column[row]), want, "row {row}");
        }
    }
}

#[test]
fn accounts_are_whole_wherever_chunks_end() {
    let (plan, counted) = (plan("2025-06-17", &[Table::AccountHealth]), many());
    let input = input(&plan, &counted);
    let pieces = made(&input);
    let [piece] = pieces.as_slice() else { panic!("one piece") };
    let (sellers, categories) = (texts(piece, "seller_id"), texts(piece, "product_category"));
    let (valid, defects, leading) = (ints(piece, "valid"), ints(piece, "defects"), texts(piece, "cause_carrier"));
    assert_eq!(sellers.len(), SELLERS * 4);
    for row in 0..sellers.len() {
        let (seller, place) = (row / 4, row % 4);
        assert_eq!(sellers[row], Some(format!("S{seller:06}").as_str()));
        assert_eq!(categories[row], Some(["(all)", "Art", "Bags", "Toys"][place]));
        let sold: Vec<[i64; 3]> = (0..3).map(|category| sold(seller, category)).collect();
        let (of_row, leads): (Vec<[i64; 3]>, usize) = match place {
            // `max_by_key` returns the last of equal items; the order is reversed, so it is the first here.
            0 => (sold.clone(), (0..3).rev().max_by_key(|category| sold[*category][1]).unwrap()),
            _ => (vec![sold[place - 1]], place - 1),
        };
        let sum = |of: usize| of_row.iter().map(|sold| sold[of]).sum::<i64>();
        assert_eq!((valid[row], defects[row]), (sum(0), sum(1)), "row {row}");
        assert_eq!(leading[row], (sum(1) > 0).then_some(CARRIERS[leads]), "row {row}");
    }
}

#[test]
fn threads_move_no_byte() {
    let mut plan = plan("2025-06-17", &Table::ALL);
    plan.output.rolling = Rolling::Daily;
    let packages: Vec<JudgedPackages> = (0..2_000)
        .map(|index| JudgedPackages {
            day: day("2025-01-02") + index % 151,
            seller: ["A", "B", "C", "D"][index as usize % 4],
            market: ["GB", "FR", "DE"][index as usize / 7 % 3],
            category: CATEGORIES[index as usize / 5 % 3],
            ..judged("2025-01-02", REASONS[index as usize / 3 % 3], 1 + i64::from(index % 11))
        })
        .collect();
    let counted = counted(&plan, &packages);
    let mut bytes = |threads: usize| {
        plan.threads = threads;
        let input = input(&plan, &counted);
        let files = Mutex::new(BTreeMap::new());
        let take = |piece: Piece| {
            let key = (piece.table, piece.week);
            let encoded = encode::batches(piece.table.name(), &piece.table.schema(), piece.batches)?;
            assert!(files.lock().insert(key, (encoded.sha256, encoded.rows)).is_none(), "{key:?} came twice");
            Ok(())
        };
        build(&input, &Progress::begin("", 0, Visibility::Quiet), &take).unwrap();
        files.into_inner()
    };
    let (one, four) = (bytes(1), bytes(4));
    assert!(one.len() > 60 && one.values().map(|(_, rows)| rows).sum::<u64>() > 5_000, "{}", one.len());
    assert_eq!(one, four);
}

#[test]
fn the_first_failure_ends_all_threads() {
    let mut plan = plan("2025-06-17", &[Table::VtrWeekly, Table::Rejects, Table::InputFiles]);
    plan.threads = 4;
    let packages: Vec<JudgedPackages> = (0..40)
        .map(|week| JudgedPackages { day: day("2025-01-02") + 7 * week, ..judged("2025-01-02", Reason::Scanned, 1) })
        .collect();
    let counted = counted(&plan, &packages);
    let input = input(&plan, &counted);
    let fail = |piece: Piece| match piece.table {
        Table::Rejects => Err(crate::error::Error::Usage("the disk is full".into())),
        _ => piece.batches.collect::<Result<Vec<_>, _>>().map(drop),
    };
    let error = build(&input, &Progress::begin("", 0, Visibility::Quiet), &fail).unwrap_err();
    assert_eq!(error.to_string(), "the disk is full");
}
