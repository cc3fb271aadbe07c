//! The policies that were in force, and what was refused. Pure.

use std::{collections::VecDeque, sync::Arc, time::SystemTime};

use super::verdict::Source;
use crate::policy::{Document, Problem};

/// The last policies that were in force, the present one included.
#[derive(Debug)]
pub struct History {
    /// At least one; newest last.
    good: VecDeque<Good>,
    refused: Option<Refused>,
}

/// A policy that was in force.
#[derive(Debug, Clone)]
pub struct Good {
    /// Counts all that were, from 1.
    pub generation: u64,
    /// Where it came from.
    pub source: Source,
    /// When it came into force.
    pub at: SystemTime,
    /// The policy as it ran, and its text.
    pub document: Arc<Document>,
}

/// A policy that was refused.
#[derive(Debug, Clone)]
pub struct Refused {
    /// Where it came from.
    pub source: Source,
    /// When.
    pub at: SystemTime,
    /// Why.
    pub problems: Vec<Problem>,
}

/// How many policies before the present one are kept.
pub const KEPT: usize = 10;

impl History {
    /// The policy that the gateway starts with.
    pub fn new(document: Document, at: SystemTime) -> Self {
        let document = Arc::new(document);
        let good = Good { generation: 1, source: Source::Start, at, document };
        Self { good: VecDeque::from([good]), refused: None }
    }

    /// The policy that is in force.
    #[expect(
        clippy::expect_used,
        reason = "one is put in by `new`, and none is taken out but for another"
    )]
    pub fn running(&self) -> &Good {
        self.good.back().expect("there is always one")
    }

    /// The one before it, if it is kept.
    pub fn before(&self) -> Option<&Good> {
        self.good.iter().nth_back(1)
    }

    /// How many are kept before the present one.
    pub fn kept(&self) -> usize {
        self.good.len() - 1
    }

    /// What was refused last, since the present one is in force.
    pub fn refused(&self) -> Option<&Refused> {
        self.refused.as_ref()
    }

    /// Another policy is in force. One that was brought back takes the place of itself, so that the
    /// next time the one before it comes.
    pub fn applied(&mut self, document: Document, source: Source, at: SystemTime) -> u64 {
        let generation = self.running().generation + 1;
        if source == Source::Rollback {
            self.good.truncate(self.good.len().saturating_sub(2));
        }
        self.good.push_back(Good { generation, source, at, document: Arc::new(document) });
        if self.good.len() > KEPT + 1 {
            self.good.pop_front();
        }
        self.refused = None;
        generation
    }

    /// A policy was refused.
    pub fn refuse(&mut self, source: Source, problems: Vec<Problem>, at: SystemTime) {
        self.refused = Some(Refused { source, at, problems });
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::path::Path;

    use super::*;

    fn document(threads: usize) -> Document {
        let models =
            "models: { m: { backend: simulated, simulated: { base: 1ms, per_item: 0ms } } }";
        let text = format!("limits: {{ replica_threads: {threads} }}\n{models}\n");
        Document::parse(text, Path::new("/etc/framegate/policy.yaml")).unwrap()
    }

    fn threads(good: &Good) -> usize {
        good.document.policy.limits.replica_threads
    }

    fn apply(history: &mut History, threads: usize) -> u64 {
        history.applied(document(threads), Source::Call, SystemTime::UNIX_EPOCH)
    }

    #[test]
    fn rolling_back_goes_back_one_by_one() {
        let mut history = History::new(document(1), SystemTime::UNIX_EPOCH);
        assert!(history.before().is_none());
        assert_eq!((apply(&mut history, 2), apply(&mut history, 3)), (2, 3));
        for (expected, generation, kept) in [(2, 4, 1), (1, 5, 0)] {
            let before = Document::clone(&history.before().unwrap().document);
            let now = history.applied(before, Source::Rollback, SystemTime::UNIX_EPOCH);
            let running = history.running();
            assert_eq!((threads(running), now, history.kept()), (expected, generation, kept));
        }
        assert!(history.before().is_none());
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let mut history = History::new(document(1), SystemTime::UNIX_EPOCH);
        let last = (2..=50).map(|threads| apply(&mut history, threads)).last();
        assert_eq!(last, Some(50));
        assert_eq!((history.kept(), history.running().generation), (KEPT, 50));
        assert_eq!((threads(history.running()), threads(history.before().unwrap())), (50, 49));
    }

    #[test]
    fn what_was_refused_is_told_until_another_is_in_force() {
        let mut history = History::new(document(1), SystemTime::UNIX_EPOCH);
        history.refuse(Source::File, Vec::new(), SystemTime::UNIX_EPOCH);
        assert_eq!(history.refused().unwrap().source, Source::File);
        assert_eq!(history.running().generation, 1);
        apply(&mut history, 2);
        assert!(history.refused().is_none());
    }
}
