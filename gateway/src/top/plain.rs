use std::{
    collections::HashMap,
    fmt::{self, Write},
    time::Duration,
};

use framegate_proto::v1::ReplicaState;
use jiff::Timestamp;

use super::history::{self, CameraReading, PoolReading, Snapshot};

/// A line of `key=value` pairs, for people and for grep.
struct Line(String);

impl Line {
    fn new(at: Timestamp) -> Self {
        Self(at.strftime("%FT%TZ").to_string())
    }

    fn put(&mut self, key: &str, value: impl fmt::Display) -> &mut Self {
        // Writing to a String cannot fail.
        let _ = write!(self.0, " {key}={value}");
        self
    }

    /// Text of others, quoted, so that it cannot be taken for pairs or lines.
    fn quote(&mut self, key: &str, text: &str) -> &mut Self {
        self.put(key, format_args!("{text:?}"))
    }

    fn name(&mut self, key: &str, name: &str) -> &mut Self {
        let is_plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '=' | '\\');
        if !name.is_empty() && name.chars().all(is_plain) {
            return self.put(key, name);
        }
        self.quote(key, name)
    }

    /// A count, and what it consists of.
    fn reasons(&mut self, key: &str, counts: &HashMap<String, u64>) {
        self.put(key, counts.values().sum::<u64>());
        for (reason, count) in by_reason(counts) {
            self.put(&format!("{key}.{reason}"), count);
        }
    }
}

/// One line per pool, then one per camera. A figure that is not known is left out.
pub fn block(snapshot: &Snapshot) -> String {
    let pools = snapshot.pools.iter().map(|reading| pool(snapshot.at, reading));
    let cameras = snapshot.cameras.iter().map(|reading| camera(snapshot.at, reading));
    pools.chain(cameras).map(|line| line.0 + "\n").collect()
}

/// The line that says that the gateway is away.
pub fn lost(at: Timestamp, address: &str, reason: &str, retry_in: Duration) -> String {
    let mut line = Line::new(at);
    line.name("gateway", address).put("state", "reconnecting");
    line.quote("reason", reason).put("retry_in_s", retry_in.as_secs_f64());
    line.0 + "\n"
}

/// Counts by reason, the largest first.
pub fn by_reason(counts: &HashMap<String, u64>) -> Vec<(&str, u64)> {
    let mut counts: Vec<(&str, u64)> = counts
        .iter()
        .filter(|(_, count)| **count > 0)
        .map(|(r, count)| (r.as_str(), *count))
        .collect();
    counts.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    counts
}

fn pool(at: Timestamp, reading: &PoolReading) -> Line {
    let PoolReading { pool, rates } = reading;
    let mut line = Line::new(at);
    line.name("pool", &pool.model).name("version", &pool.version);
    line.put("queued", pool.queued).put("ongoing", pool.ongoing);
    for (key, state) in [
        ("running", ReplicaState::Running),
        ("starting", ReplicaState::Starting),
        ("draining", ReplicaState::Draining),
        ("failed", ReplicaState::Failed),
    ] {
        line.put(key, history::count(pool, state));
    }
    line.put("desired", pool.desired_replicas);
    line.put("min", pool.min_replicas).put("max", pool.max_replicas);
    line.put("demand", format_args!("{:.1}", pool.demand));
    if let Some(rates) = rates {
        line.put("frames_per_s", format_args!("{:.1}", rates.results));
        if let Some(size) = rates.batch_size {
            line.put("batch_size", format_args!("{size:.1}"));
        }
        if let Some(age) = rates.frame_age {
            line.put("frame_age_ms", age.as_millis());
        }
    }
    if let Some(counters) = &pool.counters {
        line.put("results", counters.results);
        line.reasons("drops", &counters.drops);
        line.reasons("failures", &counters.failures);
    }
    line.put("serving", pool.serving);
    if !pool.problem.is_empty() {
        line.quote("problem", &pool.problem);
    }
    line
}

fn camera(at: Timestamp, reading: &CameraReading) -> Line {
    let CameraReading { camera, rates, idle } = reading;
    let mut line = Line::new(at);
    line.name("camera", &camera.camera_id);
    if let Some(rates) = rates {
        line.put("frames_per_s", format_args!("{:.1}", rates.frames));
        line.put("results_per_s", format_args!("{:.1}", rates.results));
        line.put("skipped_per_s", format_args!("{:.1}", rates.skipped));
    }
    line.put("frames", camera.frames).put("results", camera.results);
    line.put("skipped", camera.skipped).put("errors", camera.errors);
    if let Some(idle) = idle {
        line.put("last_frame_s", format_args!("{:.1}", idle.as_secs_f64()));
    }
    line
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{super::testing, *};

    #[test]
    fn a_block_has_a_line_for_each_pool_and_camera() {
        let screen = testing::screen();
        let text = block(screen.history.latest.as_ref().unwrap());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2 + 12);
        assert_eq!(
            lines[0],
            "1970-01-01T00:01:41Z pool=detector version=1.0 queued=12 ongoing=28 running=2 starting=1 \
             draining=1 failed=0 desired=4 min=1 max=4 demand=12.5 frames_per_s=42.0 batch_size=3.5 \
             frame_age_ms=250 results=10042 drops=14 drops.too_old=12 drops.superseded=2 failures=1 \
             failures.QUEUE_FULL=1 serving=true"
        );
        assert!(lines[1].ends_with(" serving=false problem=\"the model cannot be loaded\""));
        assert_eq!(
            lines[4],
            "1970-01-01T00:01:41Z camera=camera_3 frames_per_s=5.0 results_per_s=6.0 skipped_per_s=4.0 \
             frames=505 results=606 skipped=404 errors=0 last_frame_s=0.2"
        );
    }

    #[test]
    fn names_of_others_cannot_be_taken_for_pairs_or_lines() {
        let mut line = Line::new(Timestamp::UNIX_EPOCH);
        line.name("camera", "yard\nqueued=7 \u{1b}[2J").name("empty", "");
        assert_eq!(line.0, "1970-01-01T00:00:00Z camera=\"yard\\nqueued=7 \\u{1b}[2J\" empty=\"\"");
    }

    #[test]
    fn a_gateway_that_is_away_is_a_line_too() {
        let text = lost(Timestamp::UNIX_EPOCH, "gw:9000", "refused", Duration::from_millis(250));
        let expected = "gateway=gw:9000 state=reconnecting reason=\"refused\" retry_in_s=0.25\n";
        assert_eq!(text, format!("1970-01-01T00:00:00Z {expected}"));
    }
}
