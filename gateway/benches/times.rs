//! How long the gateway's [`parts`] take, with the allocator that it is served with: `make bench`.
#![allow(clippy::expect_used)]

mod parts;

use bytes::BytesMut;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput};
use parts::{calls, offsets, results};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    admission(&mut criterion);
    responses(&mut criterion);
    tracking(&mut criterion);
    criterion.final_summary();
}

fn admission(criterion: &mut Criterion) {
    let gate = calls::gate();
    let mut group = criterion.benchmark_group("admission");
    group.throughput(Throughput::Elements(calls::CALLS as u64));
    for models in [1, 2] {
        group.bench_function(BenchmarkId::new("models", models), |bencher| {
            let requests = || calls::requests(models);
            let admit = |requests| calls::admit(gate, requests);
            bencher.iter_batched(requests, admit, BatchSize::PerIteration);
        });
    }
    group.finish();
}

fn responses(criterion: &mut Criterion) {
    let (gate, mut buffer) = (calls::gate(), BytesMut::new());
    let mut group = criterion.benchmark_group("response");
    group.throughput(Throughput::Elements(calls::CALLS as u64));
    let answers =
        [("classification", results::classification()), ("detections", results::detections())];
    for (name, answer) in answers {
        group.bench_function(name, |bencher| {
            let answered = || calls::answered(gate, &answer);
            let respond = |answered| calls::respond(answered, &mut buffer);
            bencher.iter_batched(answered, respond, BatchSize::PerIteration);
        });
    }
    group.finish();
}

fn tracking(criterion: &mut Criterion) {
    let mut offsets = offsets::offsets();
    let mut group = criterion.benchmark_group("offsets");
    group.throughput(Throughput::Elements(offsets::RECORDS as u64));
    group.bench_function("pass", |bencher| bencher.iter(|| offsets::pass(&mut offsets)));
    group.finish();
}
