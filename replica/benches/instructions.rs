//! How many instructions the frame path's [`parts`] execute: `make bench-instructions`.
#![allow(clippy::expect_used)]
#![allow(missing_docs, reason = "what the macros make has none")]

mod parts;
#[path = "../../batcher/benches/still/mod.rs"]
mod still;

use framegate_replica::frame::{Extent, Header, Input, Pixels};
use gungraun::{library_benchmark, library_benchmark_group, main};
use parts::{CLASSIFIER, DETECTOR, Decoded, Encoded, LARGE, SMALL};

#[library_benchmark(setup = parts::encoded)]
#[bench::large(LARGE)]
#[bench::small(SMALL)]
fn probe(frame: Encoded) -> (Encoded, (Header, Extent)) {
    let found = parts::probe(&frame);
    (frame, found)
}

#[library_benchmark(setup = parts::encoded)]
#[bench::large(LARGE)]
#[bench::small(SMALL)]
fn decode(frame: Encoded) -> (Encoded, Pixels) {
    let pixels = parts::decode(&frame);
    (frame, pixels)
}

#[library_benchmark(setup = parts::decoded)]
#[bench::large_to_classifier(LARGE, CLASSIFIER)]
#[bench::large_to_detector(LARGE, DETECTOR)]
#[bench::small_to_classifier(SMALL, CLASSIFIER)]
#[bench::small_to_detector(SMALL, DETECTOR)]
fn resize(frame: Decoded) -> (Decoded, Input) {
    let input = parts::resize(&frame);
    (frame, input)
}

library_benchmark_group!(name = frame, benchmarks = [probe, decode, resize]);
main!(library_benchmark_groups = frame);
