use std::{fmt::Write, sync::Arc, time::Duration};

use framegate_replica::ReplicaState;

use super::scoreboard::{Scoreboard, Scores};
use crate::pool::Pool;

/// Writes the status of all pools, one line each, once a second.
pub struct StatusLines {
    pools: Vec<Arc<Pool>>,
    delivered_before: Vec<u64>,
    replicas: Vec<ReplicaHistory>,
}

/// How the number of a pool's running replicas changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReplicaHistory {
    /// Running now.
    pub running: usize,
    /// Most that ran at once.
    pub peak: usize,
    /// How often one came.
    pub came: usize,
    /// How often one went.
    pub went: usize,
}

impl ReplicaHistory {
    fn note(&mut self, running: usize) {
        self.came += running.saturating_sub(self.running);
        self.went += self.running.saturating_sub(running);
        self.running = running;
        self.peak = self.peak.max(running);
    }
}

impl StatusLines {
    /// For these pools.
    pub fn new(pools: &[Arc<Pool>]) -> Self {
        Self {
            pools: pools.to_vec(),
            delivered_before: vec![0; pools.len()],
            replicas: vec![ReplicaHistory::default(); pools.len()],
        }
    }

    /// How the replicas of a model came and went.
    pub fn replicas(&self, model: &str) -> ReplicaHistory {
        let index = self.pools.iter().position(|pool| &**pool.name() == model);
        index.map(|index| self.replicas[index]).unwrap_or_default()
    }

    /// Looks at the running replicas; to be called often, so that none comes and goes unseen.
    pub fn watch(&mut self) {
        for (pool, history) in self.pools.iter().zip(&mut self.replicas) {
            history.note(running(pool));
        }
    }

    /// One line per pool, `at` after the start and `since` the last lines.
    pub fn lines(&mut self, scoreboard: &Scoreboard, at: Duration, since: Duration) -> String {
        self.watch();
        let scores = scoreboard.take_recent();
        let mut text = String::new();
        for (index, pool) in self.pools.iter().enumerate() {
            let scores = scores.get(pool.name()).cloned().unwrap_or_default();
            let fresh = scores.delivered - self.delivered_before[index];
            self.delivered_before[index] = scores.delivered;
            let rate = fresh as f64 / since.as_secs_f64();
            let time = if index == 0 { format!("{:>4}s", at.as_secs()) } else { String::new() };
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{time:>5}  {}", line(pool, &scores, rate));
        }
        text
    }
}

fn line(pool: &Pool, scores: &Scores, rate: f64) -> String {
    let snapshot = pool.snapshot();
    let age = |quantile| scores.recent_ages.value_at_quantile(quantile);
    format!(
        "{:<12} queued {:>4}  ongoing {:>4}  replicas {}/{}  {:>6.1} frames/s  age p50 {:>4} ms p99 {:>4} ms  drops {}",
        pool.name(),
        snapshot.queued,
        snapshot.ongoing,
        running(pool),
        pool.desired_replicas(),
        rate,
        age(0.5),
        age(0.99),
        scores.dropped,
    )
}

fn running(pool: &Pool) -> usize {
    let replicas = pool.replicas();
    replicas.iter().filter(|replica| replica.status.state == ReplicaState::Running).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replicas_are_counted_as_they_come_and_go() {
        let mut history = ReplicaHistory::default();
        for running in [1, 3, 2, 2, 3, 1] {
            history.note(running);
        }
        assert_eq!(history, ReplicaHistory { running: 1, peak: 3, came: 4, went: 3 });
    }
}
