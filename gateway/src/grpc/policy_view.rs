//! The policy in force, and verdicts on others, as operators see them.

use framegate_proto::v1::{
    PolicyAnswer, PolicyChange, PolicyProblem, PolicySource, RefusedPolicy, RunningPolicy,
};

use crate::{
    live::{Change, Live, Refused, Source, Verdict},
    policy::Problem,
};

pub(super) fn running(live: &Live) -> RunningPolicy {
    let history = live.history();
    let good = history.running();
    RunningPolicy {
        generation: good.generation,
        source: source(good.source).into(),
        applied_at: Some(good.at.into()),
        yaml: good.document.text.to_string(),
        file: good.document.file.display().to_string(),
        kept: u32::try_from(history.kept()).unwrap_or(u32::MAX),
        last_refused: history.refused().map(refused),
    }
}

pub(super) fn answer(verdict: Verdict) -> PolicyAnswer {
    PolicyAnswer {
        problems: verdict.problems.iter().map(problem).collect(),
        changes: verdict.changes.into_iter().map(change).collect(),
        generation: verdict.generation,
        note: verdict.note.to_owned(),
    }
}

fn refused(refused: &Refused) -> RefusedPolicy {
    RefusedPolicy {
        source: source(refused.source).into(),
        refused_at: Some(refused.at.into()),
        problems: refused.problems.iter().map(problem).collect(),
    }
}

fn problem(problem: &Problem) -> PolicyProblem {
    PolicyProblem {
        line: problem.position.map_or(0, |position| position.line),
        column: problem.position.map_or(0, |position| position.column),
        key: problem.key.clone(),
        reason: problem.reason.clone(),
    }
}

fn change(Change { key, before, after, effect }: Change) -> PolicyChange {
    PolicyChange { key, before, after, effect: effect.words().to_owned() }
}

fn source(source: Source) -> PolicySource {
    match source {
        Source::Start => PolicySource::Start,
        Source::File => PolicySource::File,
        Source::Signal => PolicySource::Signal,
        Source::Call => PolicySource::Call,
        Source::Rollback => PolicySource::Rollback,
    }
}
