use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, SystemTime},
};

use anyhow::Context;
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer},
};
use tokio::{
    runtime::Handle,
    sync::{mpsc, watch},
    task::{AbortHandle, JoinSet},
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    committer::{Committer, Offsets, Worker},
    consumer::{ConsumerThread, Stage},
    context::GroupContext,
    dead_letters::DeadLetters,
    finder::{self, Asker, Finder},
    group::Group,
    settings,
    status::Status,
};
use crate::{
    ingest::{
        admission::{Admission, Answered, max_entries},
        delivery::{Delivery, Ends},
        gate::Gate,
        in_flight::InFlight,
        observe::{ConsumerMetrics, Observation, OutcomeObserver},
        overload::{OverloadRule, demanding_part},
    },
    intake::Intake,
    metrics::Registry,
    policy,
    sink::Sinks,
};

/// A running ingest rule: its consumer's thread and its delivery.
///
/// It stops in three steps: [`KafkaIngest::stop_taking`], then the gateway drains;
/// [`KafkaIngest::delivered`], then the sinks are flushed; [`KafkaIngest::finish`]. Dropped without
/// them it leaves its group at once, and what has no outcome by then is read again later.
pub struct KafkaIngest {
    group: String,
    models: Arc<[Arc<str>]>,
    /// The part of the lag that is demand.
    demanding_part: f64,
    status: Arc<Status>,
    in_flight: Arc<InFlight>,
    /// What the consumer is to do, and what it has come to.
    wanted: watch::Sender<Stage>,
    reached: watch::Receiver<Stage>,
    /// Cancelled when no entry is to be tried again.
    stopping: CancellationToken,
    delivery: AbortHandle,
    thread: Mutex<Option<JoinHandle<()>>>,
}

type SharedConsumer = Arc<BaseConsumer<GroupContext>>;

/// The consumer answers within one poll, or after one revocation and its commit.
const STOP_TAKING_LIMIT: Duration = Duration::from_secs(10);

impl KafkaIngest {
    /// Starts the rule's consumer and delivery. Brokers that cannot be reached are no error: the
    /// consumer connects whenever they can.
    ///
    /// # Errors
    /// When librdkafka refuses the settings or the topics, or the thread cannot be started.
    pub async fn start(
        ingest: &policy::Ingest,
        intake: Arc<dyn Intake>,
        sinks: Arc<Sinks>,
        registry: &Registry,
        observer: Option<Arc<dyn OutcomeObserver>>,
    ) -> anyhow::Result<Self> {
        let models: Arc<[Arc<str>]> = ingest.models.as_slice().into();
        let max_entries = max_entries(ingest.max_in_flight, models.len());
        let (admission, answers) = Admission::new(intake, max_entries);
        let (told, ended) = mpsc::channel(max_entries);
        let (wanted, wanted_seen) = watch::channel(Stage::Taking);
        let (reached, reached_seen) = watch::channel(Stage::Taking);
        let status = Arc::new(Status::new(ingest.max_frame_age));
        let in_flight = InFlight::new(ingest.max_in_flight);
        let metrics = Arc::new(ConsumerMetrics::new(registry, &ingest.group));
        let (committer, worker) = Committer::new();
        let (finder, asker) = Finder::new();
        let (of_status, of_metrics) = (Arc::clone(&status), Arc::clone(&metrics));
        let group = Group::new(ended, committer, finder, ingest, of_status, of_metrics);
        let consumer = connect(ingest, group)?;
        let thread = spawn(ConsumerThread {
            committer: start_committer(worker, &consumer)?,
            finder: start_finder(asker, &consumer)?,
            consumer,
            models: Arc::clone(&models),
            rule: ingest.clone(),
            admission: admission.clone(),
            in_flight: Arc::clone(&in_flight),
            gate: Gate::default(),
            overload: OverloadRule::new(ingest),
            next_poll: Instant::now(),
            next_look: Instant::now(),
            wanted: wanted_seen,
            reached,
            status: Arc::clone(&status),
            metrics,
        })?;
        let ends = Ends {
            told,
            consumer: thread.thread().clone(),
            observation: Observation::new(registry, &ingest.group, &models, observer),
        };
        let delivery = delivery(ingest, admission, answers, sinks, ends)?;
        Ok(Self {
            group: ingest.group.clone(),
            models,
            demanding_part: demanding_part(ingest.overload),
            status,
            in_flight,
            wanted,
            reached: reached_seen,
            stopping: delivery.stopping.clone(),
            delivery: tokio::spawn(delivery.run()).abort_handle(),
            thread: Mutex::new(Some(thread)),
        })
    }

    /// The models that it feeds with records which name none.
    pub fn models(&self) -> &[Arc<str>] {
        &self.models
    }

    /// What waits in the topics, in entries for each of its models: the lag of the assigned
    /// partitions, but at most what arrives within `max_frame_age`; of every n-th record only
    /// those, and nothing under `latest_only`. Measured twice a second.
    pub fn waiting_demand(&self) -> f64 {
        self.status.demand() * self.demanding_part
    }

    /// Whether it consumes, or will as soon as a broker answers. Once false, it stays so: only a
    /// restart of the gateway helps.
    pub fn healthy(&self) -> bool {
        self.status.healthy()
    }

    /// How many partitions it reads now.
    pub fn assigned_partitions(&self) -> usize {
        self.status.assigned()
    }

    /// First step of the stop: when it returns, no more records are taken and no entry is tried
    /// again. The consumer stays in its group and commits behind what still ends.
    pub async fn stop_taking(&self) {
        self.stopping.cancel();
        self.want(Stage::Standing);
        let mut reached = self.reached.clone();
        let standing = reached.wait_for(|stage| *stage >= Stage::Standing);
        if timeout(STOP_TAKING_LIMIT, standing).await.is_err() {
            tracing::warn!(group = self.group, "consumer has not stopped taking records in time");
        }
    }

    /// Second step, once the pools have answered everything: waits for what is still being
    /// delivered. What has no outcome by then stays uncommitted and is read again later.
    pub async fn delivered(&self, within: Duration) {
        if timeout(within, self.in_flight.idle()).await.is_err() {
            let records = self.in_flight.records();
            tracing::warn!(
                group = self.group,
                records,
                "records without an outcome stay uncommitted"
            );
        }
    }

    /// Last step of the stop, once the sinks are flushed: commits synchronously and leaves the
    /// group.
    pub async fn finish(&self, within: Duration) {
        self.want(Stage::Left);
        let mut reached = self.reached.clone();
        let left = reached.wait_for(|stage| *stage == Stage::Left);
        if timeout(within, left).await.is_err() {
            tracing::error!(
                group = self.group,
                "offsets not committed in time; records may be read again"
            );
        } else if let Some(thread) =
            self.thread.lock().unwrap_or_else(PoisonError::into_inner).take()
        {
            // It has nothing left to do, so this does not block; it has caught its own panic.
            let _ = thread.join();
        }
    }

    fn want(&self, stage: Stage) {
        self.wanted.send_if_modified(|wanted| {
            let later = stage > *wanted;
            *wanted = (*wanted).max(stage);
            later
        });
    }
}

impl Drop for KafkaIngest {
    fn drop(&mut self) {
        // It holds an end of its own channel, for further tries, so it would never end by itself.
        self.delivery.abort();
    }
}

fn delivery(
    ingest: &policy::Ingest,
    admission: Admission,
    answers: mpsc::Receiver<Answered>,
    sinks: Arc<Sinks>,
    ends: Ends,
) -> anyhow::Result<Delivery> {
    Ok(Delivery {
        answers,
        admission,
        sinks,
        dead_letters: dead_letters(ingest)?,
        retries: ingest.retries.clone(),
        stopping: CancellationToken::new(),
        ends: Arc::new(ends),
        tasks: JoinSet::new(),
    })
}

fn dead_letters(ingest: &policy::Ingest) -> anyhow::Result<Option<Arc<DeadLetters>>> {
    let Some(topic) = &ingest.dead_letter else { return Ok(None) };
    Ok(Some(Arc::new(DeadLetters::new(&ingest.brokers, topic)?)))
}

fn connect(ingest: &policy::Ingest, group: Group) -> anyhow::Result<SharedConsumer> {
    let begins_since = (ingest.start == policy::Start::Latest).then(SystemTime::now);
    let context = GroupContext::new(group, begins_since);
    let consumer: BaseConsumer<GroupContext> = settings::consumer(ingest)
        .create_with_context(context)
        .with_context(|| format!("the consumer of group {} cannot be created", ingest.group))?;
    let topics: Vec<&str> = ingest.topics.iter().map(String::as_str).collect();
    consumer
        .subscribe(&topics)
        .with_context(|| format!("topics {topics:?} cannot be subscribed to"))?;
    Ok(Arc::new(consumer))
}

fn start_committer(worker: Worker, consumer: &SharedConsumer) -> anyhow::Result<JoinHandle<()>> {
    let consumer = Arc::clone(consumer);
    let commit = move |offsets: &Offsets| {
        let mut list = TopicPartitionList::with_capacity(offsets.len());
        for (partition, offset) in offsets {
            let offset = Offset::Offset(*offset);
            list.add_partition_offset(&partition.topic, partition.number, offset)?;
        }
        consumer.commit(&list, CommitMode::Sync)
    };
    worker.start(commit).context("the committer's thread cannot be started")
}

fn start_finder(asker: Asker, consumer: &SharedConsumer) -> anyhow::Result<JoinHandle<()>> {
    let consumer = Arc::clone(consumer);
    let find = move |question| finder::find(&*consumer, question);
    asker.start(find).context("the finder's thread cannot be started")
}

fn spawn(consumer: ConsumerThread) -> anyhow::Result<JoinHandle<()>> {
    let runtime = Handle::current();
    let status = Arc::clone(&consumer.status);
    let run = move || {
        let _entered = runtime.enter();
        if catch_unwind(AssertUnwindSafe(|| consumer.run())).is_err() {
            tracing::error!("consumer panicked; restart the gateway");
            status.fail();
        }
    };
    thread::Builder::new()
        .name("kafka-consumer".to_owned())
        .spawn(run)
        .context("the consumer's thread cannot be started")
}
