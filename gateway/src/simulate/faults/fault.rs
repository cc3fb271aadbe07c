use std::ops::AddAssign;

/// What goes wrong in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fault {
    /// A replica is gone, with all that it holds, and says nothing.
    Crash,
    /// A backend panics, and its replica ends.
    Panic,
    /// A backend answers a batch with an error.
    BackendError,
    /// A batch does not end within its time, and its replica is given up.
    Hang,
    /// A batch was executed, and its answers are lost on their way.
    AnswerLost,
    /// Answers come from a replica that was given up.
    AnswerLate,
    /// Claimed entries are recalled by an idle replica.
    Recall,
    /// A replica starts what was recalled from it a moment ago.
    Race,
    /// A replica is drained.
    Drain,
    /// A draining replica does not finish in time.
    StuckDrain,
    /// A replica does not start.
    StartFails,
    /// A frame's bucket is away.
    BucketAway,
    /// A frame cannot be decoded, crashes the backend, or makes it err.
    Poison,
    /// A client leaves.
    Cancel,
    /// A sink refuses.
    SinkFails,
    /// A sink has written, and says that it has not.
    SinkTimesOut,
    /// A commit, or transaction, is refused.
    CommitFails,
    /// Nobody knows whether a commit, or transaction, has happened.
    CommitInDoubt,
    /// A partition goes to another gateway, and comes back.
    PartitionTaken,
    /// The gateway is stopped in order.
    Stop,
    /// The gateway is killed.
    Kill,
}

/// How often each fault fell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts([u64; Fault::ALL.len()]);

impl Fault {
    /// All of them, in their order.
    pub const ALL: [Self; 21] = [
        Self::Crash,
        Self::Panic,
        Self::BackendError,
        Self::Hang,
        Self::AnswerLost,
        Self::AnswerLate,
        Self::Recall,
        Self::Race,
        Self::Drain,
        Self::StuckDrain,
        Self::StartFails,
        Self::BucketAway,
        Self::Poison,
        Self::Cancel,
        Self::SinkFails,
        Self::SinkTimesOut,
        Self::CommitFails,
        Self::CommitInDoubt,
        Self::PartitionTaken,
        Self::Stop,
        Self::Kill,
    ];

    /// What is counted, in the plural.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Crash => "replicas crashed",
            Self::Panic => "backends panicked",
            Self::BackendError => "batches erred",
            Self::Hang => "batches hung",
            Self::AnswerLost => "answers lost",
            Self::AnswerLate => "answers too late",
            Self::Recall => "entries recalled",
            Self::Race => "recalled entries started",
            Self::Drain => "replicas drained",
            Self::StuckDrain => "drains stuck",
            Self::StartFails => "starts failed",
            Self::BucketAway => "buckets away",
            Self::Poison => "frames poisonous",
            Self::Cancel => "clients left",
            Self::SinkFails => "sinks failed",
            Self::SinkTimesOut => "sinks applied and timed out",
            Self::CommitFails => "commits failed",
            Self::CommitInDoubt => "commits in doubt",
            Self::PartitionTaken => "partitions taken away",
            Self::Stop => "gateways stopped",
            Self::Kill => "gateways killed",
        }
    }

    /// How likely it falls at an occasion, at most.
    pub(super) const fn most(self) -> f64 {
        match self {
            Self::Recall | Self::StuckDrain => 0.0, // they follow from others
            Self::AnswerLate | Self::Race => 0.9,
            Self::Crash | Self::Hang | Self::AnswerLost | Self::Poison | Self::BucketAway => 0.1,
            Self::Panic | Self::BackendError | Self::StartFails | Self::Cancel => 0.2,
            Self::SinkFails | Self::SinkTimesOut | Self::CommitFails => 0.3,
            Self::CommitInDoubt => 0.3,
            Self::Drain | Self::PartitionTaken | Self::Stop | Self::Kill => 0.9,
        }
    }
}

impl Counts {
    /// One more.
    pub(super) fn add(&mut self, fault: Fault) {
        self.0[fault as usize] += 1;
    }

    /// How often the fault fell.
    #[must_use]
    pub fn of(&self, fault: Fault) -> u64 {
        self.0[fault as usize]
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.0.iter_mut().zip(other.0).for_each(|(count, more)| *count += more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_has_its_place() {
        for (place, fault) in Fault::ALL.into_iter().enumerate() {
            assert_eq!(fault as usize, place);
        }
    }
}
