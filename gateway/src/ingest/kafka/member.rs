use std::{
    sync::Arc,
    thread::{self, JoinHandle},
    time::SystemTime,
};

use anyhow::Context;
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{CommitMode, Consumer},
    error::KafkaResult,
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    committer::{self, Commit, Committer, Offsets},
    context::{Client, GroupContext},
    finder::{self, Finder},
    group::SharedGroup,
    settings,
    transactions::{Patience, Transactor},
};
use crate::{
    ingest::observe::Observation,
    policy::{Delivery, Ingest, Start},
    sink::Sinks,
};

/// How to become a member of the rule's group, as often as it takes.
pub(super) struct Joining {
    rule: Ingest,
    /// The member's stable name, if it has one.
    instance: Option<String>,
    /// Under `start: latest`, when the ingest was started.
    begins_since: Option<SystemTime>,
    /// What transactions write to, and who hears of it.
    sinks: Arc<Sinks>,
    observation: Arc<Observation>,
}

/// A client of the group, and the threads that it is shared with.
pub(super) struct Member {
    pub(super) client: Arc<Client>,
    committer: JoinHandle<()>,
    /// Ends what a committer that still waits for a broker would wait for.
    no_commits: DropGuard,
    finder: JoinHandle<()>,
}

impl Joining {
    /// By `rule`; under `start: latest`, what was written before `since` is not read where the group
    /// has committed nothing.
    ///
    /// # Errors
    /// When the member's name cannot be found out.
    pub(super) fn new(
        rule: &Ingest,
        since: SystemTime,
        sinks: &Arc<Sinks>,
        observation: &Arc<Observation>,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            rule: rule.clone(),
            instance: rule.instance()?,
            begins_since: (rule.start == Start::Latest).then_some(since),
            sinks: Arc::clone(sinks),
            observation: Arc::clone(observation),
        })
    }

    /// A client that joins as soon as a broker answers. To be called within the runtime.
    ///
    /// # Errors
    /// When librdkafka refuses the settings or the topics, or a thread cannot be started.
    pub(super) fn join(&self, group: &SharedGroup) -> anyhow::Result<Member> {
        let ((committer, worker), (finder, asker)) = (Committer::new(), Finder::new());
        let client = Arc::new(self.connect(group)?);
        let no_commits = CancellationToken::new();
        let committing = self.committing(&client, Patience::until(no_commits.clone()));
        let asked = Arc::clone(&client);
        let find = move || move |question| finder::find(&*asked, question);
        let member = Member {
            client,
            committer: committer::start(worker, committing)
                .context("the committer's thread cannot be started")?,
            no_commits: no_commits.drop_guard(),
            finder: asker
                .start("kafka-finder", find)
                .context("the finder's thread cannot be started")?,
        };
        group.lock().joins(committer, finder);
        Ok(member)
    }

    fn connect(&self, group: &SharedGroup) -> anyhow::Result<Client> {
        let Ingest { group: name, topics, .. } = &self.rule;
        let context = GroupContext::new(group.clone(), self.begins_since);
        let client: Client = settings::consumer(&self.rule, self.instance.as_deref())
            .create_with_context(context)
            .with_context(|| format!("the consumer of group {name} cannot be created"))?;
        client.context().watch.tie(client.client(), &self.rule.brokers);
        let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
        client
            .subscribe(&topics)
            .with_context(|| format!("topics {topics:?} cannot be subscribed to"))?;
        Ok(client)
    }

    /// How the rule's offsets are committed: alone, or in transactions.
    fn committing(&self, client: &Arc<Client>, patience: Patience) -> Box<dyn Commit> {
        let sinks = self.sinks.kafka();
        match self.rule.delivery {
            Delivery::AtLeastOnce => Box::new(offsets_alone(client)),
            Delivery::ExactlyOnce => Box::new(Transactor::new(
                settings::transactional(&self.rule, self.instance.as_deref(), &sinks),
                (sinks.clone(), self.rule.dead_letter.clone()),
                Arc::clone(client),
                Arc::clone(&self.observation),
                patience,
            )),
        }
    }
}

impl Member {
    /// Commits, and leaves the group.
    pub(super) fn leave(self, group: &SharedGroup) {
        let mut ours = group.lock();
        ours.stop_waiting();
        let (answered, found) = ours.close(&self.client);
        drop(ours);
        // It may still be waiting for a broker, for a commit that nobody waits for any more.
        drop(self.no_commits);
        if answered {
            // It has caught nothing to tell us, and has no commit left that could block it.
            let _ = self.committer.join();
        } else {
            tracing::error!("last commit not answered; records will be read again");
        }
        if found {
            let _ = self.finder.join();
        }
    }

    /// Gives the client up, with all of its partitions and without a commit. Closing it takes as long
    /// as brokers let it wait, so that is done on a thread of its own, whose end is the end of it.
    ///
    /// A transaction that is under way ends by itself or through that of the next member, which has
    /// the same name. If it is committed after all, its outcomes are not counted in metrics.
    pub(super) fn give_up(self, group: &SharedGroup) -> Option<JoinHandle<()>> {
        let Self { client, committer, no_commits, finder } = self;
        client.context().give_up();
        group.lock().gives_up();
        drop(no_commits);
        let close = move || {
            // Neither has anything to tell us; both end after what is under way.
            let _ = (committer.join(), finder.join());
            drop(client);
        };
        thread::Builder::new().name("kafka-closer".to_owned()).spawn(close).ok()
    }
}

/// Commits offsets behind the ends of their records.
fn offsets_alone(client: &Arc<Client>) -> impl FnMut(&Offsets) -> KafkaResult<()> + Send + 'static {
    let client = Arc::clone(client);
    move |offsets: &Offsets| {
        let mut list = TopicPartitionList::with_capacity(offsets.len());
        for (partition, offset) in offsets {
            let offset = Offset::Offset(*offset);
            list.add_partition_offset(&partition.topic, partition.number, offset)?;
        }
        client.commit(&list, CommitMode::Sync)
    }
}
