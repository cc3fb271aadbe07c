use std::{collections::HashMap, path::PathBuf, sync::Arc};

use anyhow::Context;

use super::{
    Sink,
    jsonl::{JsonlSink, LineWriter},
    kafka::KafkaSink,
};
use crate::policy;

/// The sinks of one policy.
#[derive(Default)]
pub struct SinkSet {
    sinks: Vec<Arc<dyn Sink>>,
    /// What they were opened by, in the same order; none of those that tests bring.
    policies: Vec<policy::Sink>,
    /// The files that are written, each by one writer.
    files: Files,
}

/// Writers by their file.
pub(super) type Files = HashMap<PathBuf, LineWriter>;

impl SinkSet {
    pub(super) fn of(sinks: Vec<Arc<dyn Sink>>) -> Self {
        Self { sinks, ..Self::default() }
    }

    /// The set of these sinks, with those of this set that stay as they are. What it drops of what
    /// it has opened is closed again; files that were created stay.
    ///
    /// # Errors
    /// The first sink that cannot be opened, why, and what to do.
    pub async fn followed_by(&self, sinks: &[policy::Sink]) -> anyhow::Result<Self> {
        let mut next = Self { policies: sinks.to_vec(), ..Self::default() };
        for sink in sinks {
            let opened = match self.opened_by(sink) {
                Some(opened) => opened,
                None => self.open(sink, &mut next.files).await?,
            };
            next.sinks.push(opened);
        }
        for path in sinks.iter().flat_map(files) {
            if let Some(writer) = self.files.get(path) {
                next.files.entry(path.clone()).or_insert_with(|| writer.clone());
            }
        }
        Ok(next)
    }

    fn opened_by(&self, sink: &policy::Sink) -> Option<Arc<dyn Sink>> {
        let place = self.policies.iter().position(|policy| policy == sink)?;
        self.sinks.get(place).cloned()
    }

    async fn open(&self, sink: &policy::Sink, opened: &mut Files) -> anyhow::Result<Arc<dyn Sink>> {
        Ok(match sink {
            policy::Sink::Jsonl(jsonl) => {
                let sink = JsonlSink::open(jsonl, &self.files, opened).await;
                Arc::new(sink.context("a jsonl sink of the policy cannot be used")?)
            }
            policy::Sink::Kafka(kafka) => {
                let sink = KafkaSink::open(kafka);
                Arc::new(sink.context("a kafka sink of the policy cannot be used")?)
            }
        })
    }

    /// Each sink.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Sink>> {
        self.sinks.iter()
    }

    /// Whether the sink is one of them.
    pub fn has(&self, sink: &Arc<dyn Sink>) -> bool {
        self.sinks.iter().any(|one| Arc::ptr_eq(one, sink))
    }

    pub(super) fn kafka(&self) -> Vec<policy::KafkaSink> {
        let kafka = self.policies.iter().filter_map(|sink| match sink {
            policy::Sink::Kafka(kafka) => Some((**kafka).clone()),
            policy::Sink::Jsonl(_) => None,
        });
        kafka.collect()
    }

    /// Waits until each of these sinks keeps everything that was delivered before; one that cannot
    /// is logged.
    pub async fn flush(&self, of: impl Fn(&Arc<dyn Sink>) -> bool) {
        for sink in self.sinks.iter().filter(|sink| of(sink)) {
            if let Err(error) = sink.flush().await {
                tracing::error!(sink = sink.name(), %error, "sink not flushed");
            }
        }
    }
}

fn files(sink: &policy::Sink) -> impl Iterator<Item = &PathBuf> {
    let jsonl = match sink {
        policy::Sink::Jsonl(jsonl) => Some(jsonl),
        policy::Sink::Kafka(_) => None,
    };
    jsonl.into_iter().flat_map(|jsonl| std::iter::once(&jsonl.path).chain(&jsonl.drops))
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;
    use crate::{
        policy::{Fsync, JsonlSink, Rotation},
        sink::{About, Batch, SinkRecord, Sinks},
    };

    fn jsonl(path: &Path, rotate: Option<Rotation>) -> policy::Sink {
        policy::Sink::Jsonl(JsonlSink {
            path: path.to_owned(),
            drops: None,
            rotate,
            fsync: Fsync::Never,
        })
    }

    async fn write(sinks: &Sinks, line: &str) {
        let json = line.as_bytes().into();
        let record = SinkRecord { camera_id: "1".into(), about: About::default(), json };
        let batch = Arc::new(Batch { results: vec![record], drops: Vec::new() });
        for sink in sinks.current().iter() {
            sink.deliver(batch.clone()).await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_sink_that_stays_is_the_same_and_a_file_has_one_writer() {
        let folder = tempfile::tempdir().unwrap();
        let [a, b] = ["a", "b"].map(|name| folder.path().join(name));
        let sinks = Sinks::open(&[jsonl(&a, None), jsonl(&b, None)]).await.unwrap();
        let first = sinks.current();
        write(&sinks, "{1}").await;
        let rotate = Rotation { size: Some(5), interval: None, keep: None };
        let policy = [jsonl(&b, None), jsonl(&a, Some(rotate))];
        let next = sinks.current().followed_by(&policy).await.unwrap();
        let old = sinks.replace(next).await;
        let kept: Vec<bool> = first.iter().map(|sink| sinks.current().has(sink)).collect();
        assert_eq!((kept, Arc::ptr_eq(&old, &first)), (vec![false, true], true));
        write(&sinks, "{2}").await;
        // What is on its way to the sink of before comes into the same file.
        let late = first.iter().next().unwrap();
        assert!(late.flush().await.is_ok());
        assert_eq!(fs::read_to_string(&b).unwrap(), "{1}\n{2}\n");
        assert_eq!(fs::read_to_string(&a).unwrap(), "{2}\n", "the first line was put aside");
    }

    #[tokio::test]
    async fn one_that_cannot_be_opened_leaves_the_others_as_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let good = folder.path().join("good");
        let sinks = Sinks::open(&[jsonl(&good, None)]).await.unwrap();
        let policy = [jsonl(&good, None), jsonl(&good.join("below"), None)];
        let refused = sinks.current().followed_by(&policy).await.err().unwrap();
        assert!(format!("{refused:#}").contains("below"), "{refused:#}");
        write(&sinks, "{1}").await;
        assert_eq!(fs::read_to_string(&good).unwrap(), "{1}\n");
    }
}
