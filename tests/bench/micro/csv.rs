//! Bytes that the CSV reader reads per second on one thread: it splits records, makes Arrow arrays of mapped cells,
//! keeps places and hashes the content.
//!
//! The file is in the page cache; its chunks are dropped as they arrive.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use vtr_gen::Format;
use vtr::scan::{read, survey};
use vtr_micro::{clock, history};

fn benches(criterion: &mut Criterion) {
    let plan = history::plan("csv", Format::Csv, &[]);
    let survey = survey(&plan).unwrap_or_else(|error| panic!("{error}"));
    let all = || {
        let mut bytes = 0;
        for unit in &survey.units {
            let mut each = |chunk| {
                black_box(chunk);
                Ok(())
            };
            bytes += read(&plan, &survey, unit, &mut each).unwrap_or_else(|error| panic!("{error}")).bytes_read;
        }
        bytes
    };
    let mut group = criterion.benchmark_group("csv");
    group.sample_size(20).throughput(Throughput::Bytes(all()));
    group.bench_function("read", |bencher| {
        bencher.iter_custom(|count| {
            clock::of(0..count, |_| {
                black_box(all());
            })
        })
    });
    group.finish();
}

criterion_group!(all, benches);
criterion_main!(all);
