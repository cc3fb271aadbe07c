//! How many instructions the gateway's [`parts`] execute: `make bench-instructions`.
#![allow(clippy::expect_used)]
#![allow(missing_docs, reason = "what the macros make has none")]

mod parts;
#[path = "../../batcher/benches/still/mod.rs"]
mod still;

use bytes::BytesMut;
use framegate_proto::v1::PredictRequest;
use framegate_replica::Served;
use gungraun::{library_benchmark, library_benchmark_group, main};
use parts::{
    calls::{self, Call, Gate},
    offsets::{self, Offsets},
    results,
};
use tonic::Request;

type Requests = (&'static Gate, Vec<Request<PredictRequest>>);

fn requests(models: usize) -> Requests {
    (calls::gate(), calls::requests(models))
}

#[library_benchmark(setup = requests)]
#[bench::one_model(1)]
#[bench::two_models(2)]
fn admission((gate, requests): Requests) -> Vec<Call> {
    calls::admit(gate, requests)
}

fn answered(answer: Served) -> (Vec<Call>, BytesMut) {
    (calls::answered(calls::gate(), &answer), BytesMut::with_capacity(1 << 16))
}

#[library_benchmark(setup = answered)]
#[bench::classification(results::classification())]
#[bench::detections(results::detections())]
fn response((calls, mut buffer): (Vec<Call>, BytesMut)) -> BytesMut {
    calls::respond(calls, &mut buffer);
    buffer
}

#[library_benchmark]
#[bench::all(offsets::offsets())]
fn pass(mut offsets: Offsets) -> Offsets {
    offsets::pass(&mut offsets);
    offsets
}

library_benchmark_group!(name = gateway, benchmarks = [admission, response, pass]);
main!(library_benchmark_groups = gateway);
