//! Whether a pool serves, and what is wrong if it does not. Pure.

use std::time::Duration;

use framegate_replica::{Abandoned, ReplicaFailure, ReplicaState};

use super::replicas::ReplicaView;

/// Whether a pool serves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PoolHealth {
    /// A replica runs, or one starts or can be started on demand: entries have a prospect.
    pub serving: bool,
    /// A replica runs, or none needs to: entries need not wait for more than their turn.
    pub ready: bool,
    /// Why it does not serve, or serves worse than it should; empty if all is well. For operators:
    /// it may name paths.
    pub problem: String,
}

/// What a pool's health is judged by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Condition<'a> {
    /// Its replicas, leaving ones included.
    pub(super) replicas: &'a [ReplicaView],
    /// `min_replicas`.
    pub(super) min_replicas: u32,
    /// How many replicas the machine allows.
    pub(super) machine_limit: u32,
    /// Whether the model's files could be read; without, no entry can be taken.
    pub(super) is_known: bool,
    /// What a replica and all of them may take, in bytes, if the least of all pools do not fit.
    pub(super) lacks_memory: Option<(u64, u64)>,
    /// Threads that hang in a batch.
    pub(super) abandoned: usize,
    /// `latency_slo`, and what one entry takes, if that does not keep it.
    pub(super) too_slow: Option<(Duration, Duration)>,
}

impl Condition<'_> {
    /// A replica that is starting again after it could not start is no prospect: otherwise the
    /// health of a broken model would come and go with each try.
    pub(super) fn judge(&self) -> PoolHealth {
        let staying = || self.replicas.iter().filter(|replica| is_staying(replica));
        let is_in = |state| move |replica: &ReplicaView| replica.status.state == state;
        let running = staying().any(is_in(ReplicaState::Running));
        let starting = |replica: &ReplicaView| {
            is_in(ReplicaState::Starting)(replica) && replica.failure.is_none()
        };
        let on_demand = self.min_replicas == 0 && staying().next().is_none();
        let serving = self.is_known && (running || on_demand || staying().any(starting));
        let ready = serving && !self.has_too_many_hung() && (running || self.min_replicas == 0);
        PoolHealth { serving, ready, problem: self.problem(running).unwrap_or_default() }
    }

    /// Then no replica can be started any more.
    fn has_too_many_hung(&self) -> bool {
        self.abandoned >= Abandoned::MOST
    }

    fn problem(&self, running: bool) -> Option<String> {
        let staying = || self.replicas.iter().filter(|replica| is_staying(replica));
        let failures = || staying().filter_map(|replica| replica.failure.as_ref());
        let (failed, all) = (failures().count(), staying().count());
        if let Some(failure) = failures().next_back() {
            let what = if running {
                format!("{failed} of {all} replicas failed")
            } else {
                "no replica runs".to_owned()
            };
            return Some(format!("{what}: {failure}; tried again after a back-off"));
        }
        if self.has_too_many_hung() {
            return Some(ReplicaFailure::Abandoned(self.abandoned).to_string());
        }
        let min = self.min_replicas;
        if self.machine_limit < min {
            return Some(format!(
                "limits.replica_threads has room for {all} of {min} replicas (min_replicas)"
            ));
        }
        if let Some((each, all)) = self.lacks_memory {
            return Some(format!(
                "limits.replica_memory ({} MiB) has no room for min_replicas of all models; a \
                 replica of this one takes {} MiB",
                all >> 20,
                each >> 20,
            ));
        }
        self.too_slow.map(|(slo, alone)| {
            format!(
                "latency_slo ({slo:?}) is not kept, since a frame alone takes {alone:.1?} and may \
                 wait as long for the one before: raise it, or num_threads, or take a faster model"
            )
        })
    }
}

fn is_staying(replica: &ReplicaView) -> bool {
    !matches!(replica.status.state, ReplicaState::Draining | ReplicaState::Stopped)
}

#[cfg(test)]
mod tests {
    use framegate_replica::{Placement, ReplicaStatus};

    use super::*;
    use ReplicaState::{Draining, Failed, Running, Starting};

    const WELL: Condition<'_> = Condition {
        replicas: &[],
        min_replicas: 0,
        machine_limit: 8,
        is_known: true,
        lacks_memory: None,
        abandoned: 0,
        too_slow: None,
    };

    fn view(state: ReplicaState, failure: &str) -> ReplicaView {
        ReplicaView {
            id: "m-1".into(),
            placement: Placement::Thread,
            status: ReplicaStatus::new(state),
            failure: (!failure.is_empty()).then(|| failure.into()),
        }
    }

    fn judge(min_replicas: u32, replicas: &[ReplicaView]) -> (bool, bool, String) {
        let condition = Condition { replicas, min_replicas, ..WELL };
        let PoolHealth { serving, ready, problem } = condition.judge();
        (serving, ready, problem)
    }

    #[test]
    fn a_pool_serves_while_a_replica_runs_or_can_be_had() {
        let well = |serving, ready| (serving, ready, String::new());
        let table = [
            (1, vec![view(Running, "")], well(true, true)),
            (1, vec![view(Starting, "")], well(true, false)),
            (1, vec![view(Draining, "")], well(false, false)),
            (1, vec![], well(false, false)),
            (0, vec![], well(true, true)),
            (0, vec![view(Draining, "")], well(true, true)),
            (0, vec![view(Starting, "")], well(true, true)),
        ];
        for (min, replicas, expected) in table {
            assert_eq!(judge(min, &replicas), expected, "min {min}, {replicas:?}");
        }
    }

    #[test]
    fn failures_are_told() {
        let none = "no replica runs: no file; tried again after a back-off";
        let some = "1 of 2 replicas failed: no file; tried again after a back-off";
        let table = [
            (1, vec![view(Failed, "no file")], (false, false, none)),
            (1, vec![view(Starting, "no file")], (false, false, none)),
            (0, vec![view(Failed, "no file")], (false, false, none)),
            (1, vec![view(Failed, "no file"), view(Starting, "")], (true, false, none)),
            (1, vec![view(Failed, "no file"), view(Running, "")], (true, true, some)),
            (1, vec![view(Draining, "no file"), view(Running, "")], (true, true, "")),
        ];
        for (min, replicas, (serving, ready, problem)) in table {
            let expected = (serving, ready, problem.to_owned());
            assert_eq!(judge(min, &replicas), expected, "min {min}, {replicas:?}");
        }
    }

    #[test]
    fn a_machine_without_room_is_told() {
        let replicas = [view(Running, "")];
        let condition =
            Condition { replicas: &replicas, min_replicas: 2, machine_limit: 1, ..WELL };
        let health = condition.judge();
        assert!(health.serving);
        assert_eq!(
            health.problem,
            "limits.replica_threads has room for 1 of 2 replicas (min_replicas)"
        );
    }

    #[test]
    fn a_pool_of_threads_that_hang_is_unready() {
        let replicas = [view(Running, "")];
        let judge = |abandoned| Condition { replicas: &replicas, abandoned, ..WELL }.judge();
        assert!(judge(1).ready && judge(1).problem.is_empty());
        let health = judge(2);
        assert!(health.serving && !health.ready);
        assert!(health.problem.starts_with("2 threads of the model hang"), "{}", health.problem);
    }

    #[test]
    fn too_little_memory_is_told() {
        let replicas = [view(Running, "")];
        let lacks_memory = Some((400 << 20, 1000 << 20));
        let health = Condition { replicas: &replicas, lacks_memory, ..WELL }.judge();
        assert!(health.serving && health.ready);
        assert_eq!(
            health.problem,
            "limits.replica_memory (1000 MiB) has no room for min_replicas of all models; a replica \
             of this one takes 400 MiB"
        );
    }

    #[test]
    fn an_objective_that_is_not_kept_is_told() {
        let replicas = [view(Running, "")];
        let too_slow = Some((Duration::from_millis(10), Duration::from_micros(12_345)));
        let health = Condition { replicas: &replicas, too_slow, ..WELL }.judge();
        assert!(health.serving && health.ready);
        let told = "latency_slo (10ms) is not kept, since a frame alone takes 12.3ms and may wait";
        assert!(health.problem.starts_with(told), "{}", health.problem);
    }

    #[test]
    fn a_model_that_could_not_be_read_does_not_serve() {
        let condition = Condition { is_known: false, ..WELL };
        assert!(!condition.judge().serving);
    }
}
