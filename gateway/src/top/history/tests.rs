#![allow(clippy::unwrap_used)]

use super::*;

fn response(second: i64, results: u64) -> WatchPoolsResponse {
    let counters = v1::PoolCounters { results, ..Default::default() };
    let replica = v1::Replica { state: ReplicaState::Running.into(), ..Default::default() };
    let pool = v1::Pool {
        model: "detector".into(),
        demand: 1.25,
        replicas: vec![replica; 2],
        counters: Some(counters),
        ..Default::default()
    };
    let camera = |camera_id: &str| v1::Camera {
        camera_id: camera_id.to_owned(),
        frames: results,
        last_frame_at: Some(prost_types::Timestamp { seconds: second - 3, nanos: 0 }),
        ..Default::default()
    };
    WatchPoolsResponse {
        time: Some(prost_types::Timestamp { seconds: second, nanos: 0 }),
        pools: vec![pool],
        cameras: ["camera_10", "yard", "camera_2"].map(camera).to_vec(),
        latest_results: Vec::new(),
    }
}

fn rate(history: &History) -> Option<f64> {
    history.latest.as_ref().unwrap().pools[0].rates.map(|rates| rates.results)
}

#[test]
fn rates_begin_with_the_second_snapshot() {
    let mut history = History::default();
    history.take(response(100, 50));
    assert_eq!(rate(&history), None);
    history.take(response(102, 70));
    assert_eq!(rate(&history), Some(10.0));
    assert_eq!(history.first_at, Timestamp::new(100, 0).ok());
}

#[test]
fn a_gateway_that_started_anew_has_no_rate_until_its_second_snapshot() {
    let mut history = History::default();
    history.take(response(100, 50));
    history.take(response(101, 7));
    assert_eq!(rate(&history), None);
    history.take(response(102, 9));
    assert_eq!(rate(&history), Some(2.0));
}

#[test]
fn counts_of_different_connections_are_not_compared() {
    let mut history = History::default();
    history.take(response(100, 50));
    history.interrupt();
    assert!(history.latest.is_some(), "the last snapshot stays to be seen");
    history.take(response(101, 5000));
    assert_eq!(rate(&history), None);
    history.take(response(102, 5001));
    assert_eq!(rate(&history), Some(1.0));
}

#[test]
fn a_clock_that_stands_or_goes_back_gives_no_rate() {
    let mut history = History::default();
    for second in [100, 100, 99] {
        history.take(response(second, 50));
        assert_eq!(rate(&history), None);
    }
}

#[test]
fn cameras_are_sorted_by_name_and_number() {
    let mut history = History::default();
    history.take(response(100, 50));
    let cameras = &history.latest.as_ref().unwrap().cameras;
    let names: Vec<&str> = cameras.iter().map(|c| c.camera.camera_id.as_str()).collect();
    assert_eq!(names, ["camera_2", "camera_10", "yard"]);
    assert_eq!(cameras[0].idle, Some(Duration::from_secs(3)));
}

#[test]
fn trends_follow_the_pools_that_there_are() {
    let mut history = History::default();
    history.take(response(100, 50));
    history.take(response(101, 50));
    let trend = history.trend("detector").unwrap();
    assert_eq!((trend.demand.bars(9), trend.replicas.bars(9)), (vec![13, 13], vec![2, 2]));
    history.take(WatchPoolsResponse { pools: Vec::new(), ..response(102, 50) });
    assert!(history.trend("detector").is_none(), "a pool that the policy no longer has");
}
