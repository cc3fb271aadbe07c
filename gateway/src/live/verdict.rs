use super::difference::Change;
use crate::policy::{PolicyErrors, Problem};

/// What became of a policy that was asked for, or would.
#[derive(Debug, Clone, Default)]
pub struct Verdict {
    /// Why it is refused; none if it is not.
    pub problems: Vec<Problem>,
    /// What is different from the policy that was in force, as far as it could be read.
    pub changes: Vec<Change>,
    /// Of the policy that is in force.
    pub generation: u64,
    /// What to know besides.
    pub note: &'static str,
}

/// Where a policy came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The start of the gateway.
    Start,
    /// Its file has changed.
    File,
    /// SIGHUP.
    Signal,
    /// A call.
    Call,
    /// A call, for the one before.
    Rollback,
}

impl Source {
    /// Where changes come from.
    pub const CHANGES: [Self; 4] = [Self::File, Self::Signal, Self::Call, Self::Rollback];

    /// A word for logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::File => "file",
            Self::Signal => "signal",
            Self::Call => "call",
            Self::Rollback => "rollback",
        }
    }
}

impl Verdict {
    /// Refused for this.
    pub(super) fn refused(problem: Problem) -> Self {
        Self { problems: vec![problem], ..Self::default() }
    }

    /// Whether it is refused.
    pub fn is_refused(&self) -> bool {
        !self.problems.is_empty()
    }
}

impl From<PolicyErrors> for Verdict {
    fn from(errors: PolicyErrors) -> Self {
        Self { problems: errors.problems().to_vec(), ..Self::default() }
    }
}

/// A problem of a key that is only found where the policy is to run.
pub(super) fn problem(key: &str, reason: impl Into<String>) -> Problem {
    Problem { position: None, key: key.to_owned(), reason: reason.into() }
}
