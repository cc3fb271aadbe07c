//! How long the frame path's [`parts`] take, and whole loads: `make bench`.
#![allow(clippy::expect_used)]

mod loading;
mod parts;

use criterion::{BenchmarkId, Criterion};
use loading::Loading;
use parts::{CLASSIFIER, DETECTOR, LARGE, SMALL};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    from_bytes(&mut criterion);
    from_pixels(&mut criterion);
    whole(&mut criterion);
    criterion.final_summary();
}

fn from_bytes(criterion: &mut Criterion) {
    for size in [LARGE, SMALL] {
        let frame = parts::encoded(size);
        criterion.bench_function(&format!("probe/{}", size.1), |bencher| {
            bencher.iter(|| parts::probe(&frame));
        });
        criterion.bench_function(&format!("decode/{}", size.1), |bencher| {
            bencher.iter_with_large_drop(|| parts::decode(&frame));
        });
    }
}

fn from_pixels(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("resize");
    for size in [LARGE, SMALL] {
        for (name, geometry) in [("classifier", CLASSIFIER), ("detector", DETECTOR)] {
            let frame = parts::decoded(size, geometry);
            group.bench_function(BenchmarkId::new(name, size.1), |bencher| {
                bencher.iter_with_large_drop(|| parts::resize(&frame));
            });
        }
    }
    group.finish();
}

fn whole(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("load");
    let inputs = [CLASSIFIER, DETECTOR];
    for (name, inputs) in [("classifier", &inputs[..1]), ("both", &inputs)] {
        for size in [LARGE, SMALL] {
            let loading = Loading::new(size, inputs);
            group.bench_function(BenchmarkId::new(name, size.1), |bencher| {
                bencher.iter(|| loading.load());
            });
        }
    }
    group.finish();
}
