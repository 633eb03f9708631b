//! Rows that the fold handles per second on one thread: Arrow batches to verdicts and counts.
//!
//! The batches are those of the Parquet reader, read before anything is measured. `weekly` counts for `vtr_weekly`
//! alone; `all` counts for every table, with everything that deduplication needs.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use vtr_gen::Format;
use vtr::scan::{Chunk, read, survey};
use vtr_micro::{clock, history};

const WEEKLY: &[&str] = &["deduplicate=false", "output.tables=[\"vtr_weekly\"]"];

fn benches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fold");
    group.sample_size(20).throughput(Throughput::Elements(history::ROWS));
    for (name, settings) in [("weekly", WEEKLY), ("all", &[])] {
        let plan = history::plan(name, Format::Parquet, settings);
        let survey = survey(&plan).unwrap_or_else(|error| panic!("{error}"));
        let mut batches: Vec<(usize, Chunk)> = Vec::new();
        for unit in &survey.units {
            let mut each = |chunk| {
                batches.push((unit.file as usize, chunk));
                Ok(())
            };
            read(&plan, &survey, unit, &mut each).unwrap_or_else(|error| panic!("{error}"));
        }
        let rules = vtr::fold::judge(&plan, &survey).most_text_bytes(1 << 30);
        group.bench_function(name, |bencher| {
            let all = || {
                let judge = rules.clone().build();
                let mut counter = judge.counter();
                for (index, chunk) in &batches {
                    let source = vtr::fold::source(&plan, &survey, *index as u32);
                    let input = judge.input_of(&chunk.batch.schema(), &source).expect("the columns can be read");
                    let rejects = counter.add(&input, &chunk.batch, &chunk.records).expect("the batch can be read");
                    black_box((rejects, counter.take_copies(), counter.take_defects(1 << 14, 1 << 22)));
                }
                black_box((counter.take(), counter.take_pieces()));
            };
            bencher.iter_custom(|count| clock::of(0..count, |_| all()));
        });
    }
    group.finish();
}

criterion_group!(all, benches);
criterion_main!(all);
