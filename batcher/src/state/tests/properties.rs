//! Random lives of a pool. [`Model`] checks every answer; here is what may happen.

use proptest::prelude::*;

use super::model::Model;
use super::*;

#[derive(Debug, Clone)]
enum Step {
    Submit {
        key: usize,
        priority: u32,
        origin: Origin,
        ttl: Option<u64>,
        latest: Option<(u32, u64)>,
    },
    Cancel {
        entry: u64,
    },
    Discard {
        origin: Origin,
    },
    Register,
    Leave {
        seat: usize,
    },
    StopClaiming {
        seat: usize,
    },
    Claim {
        seat: usize,
        room: usize,
    },
    ClaimAll {
        seat: usize,
    },
    Start {
        seat: usize,
        count: usize,
    },
    Finish {
        seat: usize,
        entry: usize,
    },
    GiveBack {
        seat: usize,
        executing: bool,
        charge: Charge,
    },
    LimitBatches {
        size: usize,
    },
    Pass {
        millis: u64,
    },
    ComeToRest,
}

const KEYS: [&str; 4] = ["camera_1", "camera_2", "camera_3", "client"];
const MOST_SEATS: usize = 5;

fn step() -> impl Strategy<Value = Step> {
    let origin = || prop_oneof![Just(Origin::Interactive), Just(Origin::Ingest)];
    let priority = prop_oneof![4 => Just(5u32), 1 => Just(0), 2 => Just(9)];
    let ttl = prop_oneof![4 => Just(None), 1 => (1..50u64).prop_map(Some)];
    let lag = prop_oneof![3 => Just(0u64), 1 => 1..8u64];
    let latest = prop_oneof![2 => Just(None), 3 => (0..2u32, lag).prop_map(Some)];
    let charge = prop_oneof![Just(Charge::Free), Just(Charge::Suspect)];
    let seat = 0..MOST_SEATS;
    prop_oneof![
        24 => (0..KEYS.len(), priority, origin(), ttl, latest).prop_map(
            |(key, priority, origin, ttl, latest)| Step::Submit { key, priority, origin, ttl, latest },
        ),
        2 => any::<u64>().prop_map(|entry| Step::Cancel { entry }),
        1 => origin().prop_map(|origin| Step::Discard { origin }),
        2 => Just(Step::Register),
        1 => seat.clone().prop_map(|seat| Step::Leave { seat }),
        1 => seat.clone().prop_map(|seat| Step::StopClaiming { seat }),
        8 => (seat.clone(), 0..6usize).prop_map(|(seat, room)| Step::Claim { seat, room }),
        4 => seat.clone().prop_map(|seat| Step::ClaimAll { seat }),
        6 => (seat.clone(), 1..6usize).prop_map(|(seat, count)| Step::Start { seat, count }),
        8 => (seat.clone(), any::<usize>()).prop_map(|(seat, entry)| Step::Finish { seat, entry }),
        2 => (seat, any::<bool>(), charge).prop_map(|(seat, executing, charge)| {
            Step::GiveBack { seat, executing, charge }
        }),
        1 => (1..6usize).prop_map(|size| Step::LimitBatches { size }),
        3 => (1..20u64).prop_map(|millis| Step::Pass { millis }),
        3 => Just(Step::ComeToRest),
    ]
}

fn run(model: &mut Model, step: Step) {
    let taken = model.seats.len();
    match step {
        Step::Submit { key, priority, origin, ttl, latest } => {
            model.submit(KEYS[key], priority, origin, ttl, latest);
        }
        Step::Cancel { entry } => model.cancel(EntryId(entry % (model.known() + 1))),
        Step::Discard { origin } => model.discard(origin),
        Step::Register if taken < MOST_SEATS => model.register(),
        Step::Leave { seat } if seat < taken => model.leave(seat),
        Step::StopClaiming { seat } if seat < taken => model.stop_claiming(seat),
        Step::Claim { seat, room } if seat < taken => model.claim(seat, room),
        Step::ClaimAll { seat } if seat < taken => model.claim_all(seat),
        Step::Start { seat, count } if seat < taken => model.start(seat, count),
        Step::Finish { seat, entry } if seat < taken => finish(model, seat, entry),
        Step::GiveBack { seat, executing, charge } if seat < taken => {
            model.give_back(seat, executing, charge);
        }
        Step::LimitBatches { size } => model.limit_batches(size),
        Step::Pass { millis } => model.pass(Duration::from_millis(millis)),
        Step::ComeToRest => model.come_to_rest(),
        _ => {} // there is no such seat
    }
}

/// Finishes one of the entries that the seat holds, or if it holds none, any that it does not.
fn finish(model: &mut Model, seat: usize, entry: usize) {
    let id = model.seats[seat].id;
    let held = [model.held(id, true), model.held(id, false)].concat();
    let any = EntryId(entry as u64 % (model.known() + 1));
    model.finish(seat, if held.is_empty() { any } else { held[entry % held.len()] });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn the_pool_keeps_its_promises(
        seats in 1..4usize,
        max_queued in 1..24usize,
        max_queued_ingest in 1..12usize,
        max_batch_size in 1..6usize,
        steps in prop::collection::vec(step(), 1..250),
    ) {
        let batch = BatchLimits { max_batch_size, ..limits().batch };
        let mut model = Model::new(PoolLimits { max_queued, max_queued_ingest, batch });
        for _ in 0..seats {
            model.register();
        }
        for step in steps {
            run(&mut model, step);
            model.check();
        }
        model.come_to_rest();
        model.check();
        model.end();
    }
}
