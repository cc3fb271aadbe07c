//! How many instructions the queue's [`parts`] execute: `make bench-instructions`.
#![allow(missing_docs, reason = "what the macros make has none")]

mod parts;
mod still;

use framegate_batcher::Desk;
use gungraun::{library_benchmark, library_benchmark_group, main};
use parts::{Nothing, Pool};

#[library_benchmark(setup = parts::used)]
#[bench::of_1(1)]
#[bench::of_4(4)]
#[bench::of_32(32)]
fn lives(mut pool: Pool) -> Pool {
    parts::lives(&mut pool);
    pool
}

#[library_benchmark(setup = parts::backlog)]
#[bench::of_4(4)]
fn claims(mut pool: Pool) -> Pool {
    parts::claims(&mut pool);
    pool
}

#[library_benchmark]
#[bench::of_1(parts::desk())]
fn forms(mut desk: Desk<Nothing, ()>) -> Desk<Nothing, ()> {
    parts::forms(&mut desk);
    desk
}

library_benchmark_group!(name = queue, benchmarks = [lives, claims, forms]);
main!(library_benchmark_groups = queue);
