//! How long the queue's [`parts`] take: `make bench`.

mod parts;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("queue");
    group.throughput(Throughput::Elements(parts::ENTRIES as u64));
    for seats in [1, 4, 32] {
        let mut pool = parts::used(seats);
        group.bench_function(BenchmarkId::new("lives", seats), |bencher| {
            bencher.iter(|| parts::lives(&mut pool));
        });
    }
    group.bench_function(BenchmarkId::new("claims", 4), |bencher| {
        let backlog = || parts::backlog(4);
        bencher.iter_batched_ref(backlog, parts::claims, BatchSize::PerIteration);
    });
    group.bench_function("forms", |bencher| {
        bencher.iter_batched_ref(parts::desk, parts::forms, BatchSize::PerIteration);
    });
    group.finish();
    criterion.final_summary();
}
