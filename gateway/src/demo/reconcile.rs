use std::{
    collections::{BTreeMap, HashMap},
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::dead_letters::DeadLetter;

/// What became of each (frame, model), found by comparing ids: those that the broker acknowledged
/// to the cameras, times the models, against those in the results, the drop log and the dead-letter
/// topic. Nothing here is a difference of counters.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Reconciliation {
    /// Per model.
    pub models: BTreeMap<String, Fates>,
}

/// What became of the frames of one model.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Fates {
    /// Ids that must have ended.
    pub expected: u64,
    /// Ids among the results.
    pub delivered: u64,
    /// Ids in the drop log, by reason.
    pub dropped: BTreeMap<String, u64>,
    /// Ids in the dead-letter topic.
    pub dead_lettered: u64,
    /// Expected ids that are nowhere.
    pub lost: u64,
    /// Ids that are in more than one place, or more than once.
    pub repeated: u64,
}

/// The files and letters of a run.
pub struct Evidence<'a> {
    /// What the cameras logged as acknowledged by the broker.
    pub acknowledged: &'a Path,
    /// The results.
    pub results: &'a Path,
    /// The drop log.
    pub drops: &'a Path,
    /// The dead-letter topic's content.
    pub dead_letters: &'a [DeadLetter],
}

#[derive(Deserialize)]
struct Acknowledged {
    topic: String,
    partition: i32,
    offset: i64,
}

#[derive(Deserialize)]
struct Outcome {
    id: String,
    model: String,
    reason: Option<String>,
}

/// Compares the ids of a run.
///
/// # Errors
/// When a file cannot be read or a line of it is not of its form.
pub fn reconcile(evidence: &Evidence, models: &[String]) -> anyhow::Result<Reconciliation> {
    let mut found = Reconciliation::default();
    let mut seen: HashMap<String, u64> = HashMap::new();
    let mut note = |id: String| *seen.entry(id).and_modify(|times| *times += 1).or_insert(1) > 1;
    let models_of = &mut found.models;
    for_each_line(evidence.results, |outcome: Outcome| {
        let fates = models_of.entry(outcome.model).or_default();
        fates.delivered += 1;
        fates.repeated += u64::from(note(outcome.id));
    })?;
    for_each_line(evidence.drops, |outcome: Outcome| {
        let fates = models_of.entry(outcome.model).or_default();
        *fates.dropped.entry(outcome.reason.unwrap_or_default()).or_default() += 1;
        fates.repeated += u64::from(note(outcome.id));
    })?;
    for letter in evidence.dead_letters {
        let fates = models_of.entry(letter.model.clone()).or_default();
        fates.dead_lettered += 1;
        fates.repeated += u64::from(note(letter.id.clone()));
    }
    for_each_line(evidence.acknowledged, |Acknowledged { topic, partition, offset }| {
        for model in models {
            let fates = models_of.entry(model.clone()).or_default();
            fates.expected += 1;
            let id = format!("{topic}:{partition}:{offset}:{model}");
            fates.lost += u64::from(!seen.contains_key(&id));
        }
    })?;
    Ok(found)
}

impl Reconciliation {
    /// The sum of one count over the models.
    pub fn total(&self, count: impl Fn(&Fates) -> u64) -> u64 {
        self.models.values().map(count).sum()
    }

    /// Drops of all models by reason.
    pub fn dropped(&self) -> BTreeMap<String, u64> {
        let mut total = BTreeMap::new();
        for (reason, count) in self.models.values().flat_map(|fates| &fates.dropped) {
            *total.entry(reason.clone()).or_default() += count;
        }
        total
    }
}

fn for_each_line<T: for<'de> Deserialize<'de>>(
    path: &Path,
    mut take: impl FnMut(T),
) -> anyhow::Result<()> {
    let name = || path.display().to_string();
    for (index, line) in BufReader::new(File::open(path).with_context(name)?).lines().enumerate() {
        let line = line.with_context(name)?;
        let place = || format!("{}:{}", path.display(), index + 1);
        take(serde_json::from_str(&line).with_context(place)?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Three frames at one model: one delivered (twice), one dropped, one nowhere.
    #[test]
    fn what_is_nowhere_is_lost() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str, lines: &[&str]| {
            let path = folder.path().join(name);
            fs::write(&path, lines.join("\n")).expect("written");
            path
        };
        let frame =
            |offset| format!(r#"{{"topic":"camera_1","partition":0,"offset":{offset},"uri":"x"}}"#);
        let acknowledged = file("acknowledged", &[&frame(0), &frame(1), &frame(2)]);
        let result = r#"{"id":"camera_1:0:0:m","model":"m"}"#;
        let results = file("results", &[result, result]);
        let drops = file("drops", &[r#"{"id":"camera_1:0:1:m","model":"m","reason":"too_old"}"#]);
        let evidence = Evidence {
            acknowledged: &acknowledged,
            results: &results,
            drops: &drops,
            dead_letters: &[],
        };
        let found = reconcile(&evidence, &["m".to_owned()]).expect("readable");
        let fates = Fates {
            expected: 3,
            delivered: 2,
            dropped: BTreeMap::from([("too_old".to_owned(), 1)]),
            dead_lettered: 0,
            lost: 1,
            repeated: 1,
        };
        assert_eq!(found.models["m"], fates);
    }
}
