//! Snapshots of a gateway become rates and series: pure.

mod rates;
mod series;

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use framegate_proto::v1::{self, ReplicaState, WatchPoolsResponse};
use jiff::Timestamp;

pub use rates::{CameraRates, PoolRates};
pub use series::Series;

/// What was seen of a gateway: the latest snapshot with its rates, and how figures went until then.
#[derive(Debug, Default)]
pub struct History {
    /// The latest snapshot; it stays while the gateway is away.
    pub latest: Option<Snapshot>,
    /// When the first snapshot was made, by the gateway's clock.
    pub first_at: Option<Timestamp>,
    trends: BTreeMap<String, Trend>,
    /// Whether the latest snapshot and the next one are of one connection, so that the difference
    /// of their counters is what happened between.
    unbroken: bool,
}

/// A gateway at one moment.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// When, by the gateway's clock.
    pub at: Timestamp,
    /// In the order of the policy.
    pub pools: Vec<PoolReading>,
    /// By name; numbers within names count as numbers.
    pub cameras: Vec<CameraReading>,
    /// Newest first.
    pub results: Vec<v1::CameraResult>,
}

/// A pool at one moment.
#[derive(Debug, Default)]
pub struct PoolReading {
    /// What the gateway says of it.
    pub pool: v1::Pool,
    /// None in the first snapshot, and after the gateway was away.
    pub rates: Option<PoolRates>,
}

/// A camera at one moment.
#[derive(Debug, Default)]
pub struct CameraReading {
    /// What the gateway says of it.
    pub camera: v1::Camera,
    /// None when it is first seen, and after the gateway was away.
    pub rates: Option<CameraRates>,
    /// How long ago its last frame came in.
    pub idle: Option<Duration>,
}

/// How a pool's figures went.
#[derive(Debug, Default)]
pub struct Trend {
    /// In tenths of an entry.
    pub demand: Series,
    /// Replicas RUNNING.
    pub replicas: Series,
}

impl History {
    /// Takes the next snapshot in.
    pub fn take(&mut self, response: WatchPoolsResponse) {
        let at = response.time.and_then(timestamp).unwrap_or_default();
        let before = self.latest.take().filter(|_| self.unbroken).unwrap_or_default();
        let over = Duration::try_from(at.duration_since(before.at)).unwrap_or_default();
        let snapshot = Snapshot {
            at,
            pools: pools(&before, response.pools, over),
            cameras: cameras(&before, response.cameras, at, over),
            results: response.latest_results,
        };
        self.note(&snapshot);
        self.first_at.get_or_insert(at);
        self.latest = Some(snapshot);
        self.unbroken = true;
    }

    /// The gateway went away: the next snapshot has no rates.
    pub fn interrupt(&mut self) {
        self.unbroken = false;
    }

    /// How a pool's figures went.
    pub fn trend(&self, model: &str) -> Option<&Trend> {
        self.trends.get(model)
    }

    fn note(&mut self, snapshot: &Snapshot) {
        self.trends.retain(|model, _| snapshot.pools.iter().any(|p| p.pool.model == *model));
        for PoolReading { pool, .. } in &snapshot.pools {
            let trend = self.trends.entry(pool.model.clone()).or_default();
            trend.demand.push((pool.demand * 10.0).round() as u64);
            trend.replicas.push(count(pool, ReplicaState::Running) as u64);
        }
    }
}

/// How many replicas of a pool are in a state.
pub fn count(pool: &v1::Pool, state: ReplicaState) -> usize {
    pool.replicas.iter().filter(|replica| replica.state() == state).count()
}

/// A time of the API; none if it is out of range.
pub fn timestamp(time: prost_types::Timestamp) -> Option<Timestamp> {
    Timestamp::new(time.seconds, time.nanos).ok()
}

fn pools(before: &Snapshot, now: Vec<v1::Pool>, over: Duration) -> Vec<PoolReading> {
    let rates = |pool: &v1::Pool| {
        let mut pools = before.pools.iter().map(|reading| &reading.pool);
        let counters = pools.find(|before| before.model == pool.model)?.counters.as_ref()?;
        rates::pool(counters, pool.counters.as_ref()?, over)
    };
    now.into_iter().map(|pool| PoolReading { rates: rates(&pool), pool }).collect()
}

fn cameras(
    before: &Snapshot,
    now: Vec<v1::Camera>,
    at: Timestamp,
    over: Duration,
) -> Vec<CameraReading> {
    let before: HashMap<&str, &v1::Camera> =
        before.cameras.iter().map(|c| (c.camera.camera_id.as_str(), &c.camera)).collect();
    let reading = |camera: v1::Camera| CameraReading {
        rates: before
            .get(camera.camera_id.as_str())
            .and_then(|before| rates::camera(before, &camera, over)),
        idle: camera.last_frame_at.and_then(timestamp).map(|last| {
            // A clock that was set back shall not make a camera look idle.
            Duration::try_from(at.duration_since(last)).unwrap_or_default()
        }),
        camera,
    };
    let mut readings: Vec<CameraReading> = now.into_iter().map(reading).collect();
    readings.sort_by_cached_key(|reading| by_number(&reading.camera.camera_id));
    readings
}

/// A key that sorts `camera_2` before `camera_10`.
fn by_number(name: &str) -> (String, u64, String) {
    let text = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = name[text.len()..].parse().unwrap_or(u64::MAX);
    (text.to_owned(), number, name.to_owned())
}

#[cfg(test)]
mod tests;
