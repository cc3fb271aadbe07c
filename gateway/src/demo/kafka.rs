use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use rdkafka::{
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    config::ClientConfig,
    error::KafkaError,
    types::RDKafkaErrorCode,
};
use tracing::warn;

use crate::{
    embedded_broker::EmbeddedBroker,
    policy::{Policy, Security, Sink},
};

/// The Kafka that a demo plays on.
pub enum Kafka {
    /// One that it brings, and that is gone with it.
    Embedded(EmbeddedBroker),
    /// A real one, on which the run has topics and groups of its own.
    Real(Run),
}

/// What a run has on a real Kafka. Nothing else there is read or written.
pub struct Run {
    brokers: String,
    admin: AdminClient<DefaultClientContext>,
    /// What the names of its topics and groups begin with.
    name: String,
    topics: Vec<String>,
    groups: Vec<String>,
}

/// How long the brokers may take to create or delete topics.
const LIMIT: Duration = Duration::from_secs(20);
/// In place of a number of copies: as many as the broker makes by default.
const BROKERS_DEFAULT: i32 = -1;
/// What the topics of cameras are called, before their number.
const CAMERA: &str = "camera_";

impl Kafka {
    /// Starts a broker or turns to those that are named, creates a topic for each camera, and
    /// points `policy` there.
    ///
    /// # Errors
    /// When the broker cannot start, or the named ones do not answer or refuse the topics.
    pub async fn set(
        brokers: Option<&str>,
        cameras: u32,
        policy: &mut Policy,
    ) -> anyhow::Result<Self> {
        let kafka = match brokers {
            None => {
                let mut topics = camera_topics(CAMERA, cameras);
                topics.extend(other_topics(policy));
                Self::Embedded(EmbeddedBroker::start(&topics, 1)?)
            }
            Some(brokers) => Self::Real(Run::begin(brokers, cameras, policy).await?),
        };
        for ingest in &mut policy.ingest {
            ingest.brokers = kafka.brokers().to_owned();
            ingest.security = Security::default();
        }
        for sink in &mut policy.sinks {
            if let Sink::Kafka(sink) = sink {
                sink.brokers = kafka.brokers().to_owned();
                sink.security = Security::default();
            }
        }
        Ok(kafka)
    }

    /// Where clients find it.
    pub fn brokers(&self) -> &str {
        match self {
            Self::Embedded(broker) => broker.bootstrap_servers(),
            Self::Real(run) => &run.brokers,
        }
    }

    /// What the topics of cameras are called, before their number.
    pub fn camera_prefix(&self) -> String {
        match self {
            Self::Embedded(_) => CAMERA.to_owned(),
            Self::Real(run) => run.camera_prefix(),
        }
    }

    /// Removes what the run has on a real Kafka.
    pub async fn clear(&self) {
        if let Self::Real(run) = self {
            run.clear().await;
        }
    }
}

impl Run {
    async fn begin(brokers: &str, cameras: u32, policy: &mut Policy) -> anyhow::Result<Self> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", brokers);
        let mut run = Self {
            brokers: brokers.to_owned(),
            admin: config.create()?,
            name: format!("demo-{}-{}-", now.as_secs(), std::process::id()),
            topics: Vec::new(),
            groups: Vec::new(),
        };
        run.rename(policy);
        run.topics = camera_topics(&run.camera_prefix(), cameras);
        run.topics.extend(other_topics(policy));
        run.groups = policy.ingest.iter().map(|ingest| ingest.group.clone()).collect();
        run.create().await.with_context(|| format!("no topics for the demo on {brokers}"))?;
        Ok(run)
    }

    fn camera_prefix(&self) -> String {
        format!("{}{CAMERA}", self.name)
    }

    /// Gives all topics and groups of the policy names of this run.
    fn rename(&self, policy: &mut Policy) {
        let own = |name: &mut String| name.insert_str(0, &self.name);
        for ingest in &mut policy.ingest {
            ingest.topics = vec![format!("^{}[0-9]+$", self.camera_prefix())];
            own(&mut ingest.group);
            ingest.dead_letter.iter_mut().for_each(own);
        }
        for sink in &mut policy.sinks {
            if let Sink::Kafka(sink) = sink {
                own(&mut sink.topic);
                sink.drops.iter_mut().for_each(own);
            }
        }
    }

    async fn create(&self) -> anyhow::Result<()> {
        let copies = || TopicReplication::Fixed(BROKERS_DEFAULT);
        let topics: Vec<NewTopic> =
            self.topics.iter().map(|name| NewTopic::new(name, 1, copies())).collect();
        for created in self.admin.create_topics(&topics, &options()).await? {
            match created {
                Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((topic, code)) => bail!("{topic}: {code}"),
            }
        }
        Ok(())
    }

    async fn clear(&self) {
        if let Err(error) = self.delete().await {
            let name = &self.name;
            warn!(%error, name, "the demo's topics are left; delete those that begin with this name");
        }
    }

    async fn delete(&self) -> Result<(), KafkaError> {
        let topics: Vec<&str> = self.topics.iter().map(String::as_str).collect();
        let groups: Vec<&str> = self.groups.iter().map(String::as_str).collect();
        let deleted = self.admin.delete_topics(&topics, &options()).await?;
        for (topic, code) in deleted.into_iter().filter_map(Result::err) {
            warn!(topic, %code, "a topic of the demo is left");
        }
        self.admin.delete_groups(&groups, &options()).await?;
        Ok(())
    }
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(LIMIT)).operation_timeout(Some(LIMIT))
}

fn camera_topics(prefix: &str, cameras: u32) -> Vec<String> {
    (1..=cameras).map(|number| format!("{prefix}{number}")).collect()
}

/// The topics that the policy writes to.
fn other_topics(policy: &Policy) -> Vec<String> {
    let dead_letters = policy.ingest.iter().filter_map(|ingest| ingest.dead_letter.clone());
    let sinks = policy.sinks.iter().filter_map(|sink| match sink {
        Sink::Kafka(sink) => Some(sink),
        Sink::Jsonl(_) => None,
    });
    let written = sinks.flat_map(|sink| [Some(sink.topic.clone()), sink.drops.clone()]).flatten();
    let mut topics: Vec<String> = dead_letters.chain(written).collect();
    topics.sort();
    topics.dedup();
    topics
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;
    use crate::policy;

    #[test]
    fn all_names_of_a_real_run_are_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("policy.yaml");
        std::fs::write(
            &file,
            "models: { m: { backend: simulated, simulated: { base: 1ms, per_item: 0ms } } }\n\
             ingest:\n  - kafka: { brokers: '127.0.0.1:1', topics: ['^camera_[0-9]+$'], group: g }\n    \
             dead_letter: { topic: dead }\n\
             sinks: [{ kafka: { brokers: '127.0.0.1:1', topic: results, drops: drops } }]\n",
        )
        .unwrap();
        let mut policy = policy::load(&file).unwrap();
        let run = Run {
            brokers: "127.0.0.1:1".to_owned(),
            admin: ClientConfig::new().create().unwrap(),
            name: "demo-1-".to_owned(),
            topics: Vec::new(),
            groups: Vec::new(),
        };
        run.rename(&mut policy);
        let ingest = &policy.ingest[0];
        assert_eq!(ingest.topics, ["^demo-1-camera_[0-9]+$"]);
        assert_eq!(ingest.group, "demo-1-g");
        assert_eq!(other_topics(&policy), ["demo-1-dead", "demo-1-drops", "demo-1-results"]);
        assert_eq!(camera_topics(&run.camera_prefix(), 2), ["demo-1-camera_1", "demo-1-camera_2"]);
    }
}
