use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, SystemTime},
};

use anyhow::Context;
use futures_util::FutureExt;
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer},
    error::KafkaResult,
};
use tokio::{
    runtime::Handle,
    sync::{mpsc, watch},
    task::{AbortHandle, JoinSet},
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    committer::{self, Commit, Committer, Offsets, Worker},
    consumer::{ConsumerThread, Stage},
    context::GroupContext,
    dead_letters::DeadLetters,
    finder::{self, Asker, Finder},
    group::Group,
    settings,
    status::Status,
    transactions::{Patience, Transactor},
};
use crate::{
    ingest::{
        admission::{Admission, Answered, max_entries},
        delivery::{Delivery, Ends},
        gate::Gate,
        hold_back::HoldBack,
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
    hold_back: Option<Arc<HoldBack>>,
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

/// How often the stop looks whether everything has ended.
const SETTLED_LOOK: Duration = Duration::from_millis(10);

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
        let ((committer, worker), (finder, asker)) = (Committer::new(), Finder::new());
        let hold_back = hold_back(ingest, &in_flight);
        let seen = (Arc::clone(&status), Arc::clone(&metrics));
        let group = Group::new(ended, committer, hold_back.clone(), finder, ingest, seen);
        let instance = ingest.instance()?;
        let consumer = connect(ingest, instance.as_deref(), group)?;
        let observation = Arc::new(Observation::new(registry, &ingest.group, &models, observer));
        let no_commits = CancellationToken::new();
        let by = (ingest, instance.as_deref(), Patience::until(no_commits.clone()));
        let committing = committing(by, &consumer, &sinks, &observation);
        let thread = spawn(ConsumerThread {
            committer: start_committer(worker, committing)?,
            no_commits: no_commits.drop_guard(),
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
        let ends = Ends { told, consumer: thread.thread().clone(), observation };
        let delivery = delivery(ingest, admission, answers, sinks, hold_back.clone(), ends)?;
        Ok(Self {
            group: ingest.group.clone(),
            models,
            demanding_part: demanding_part(ingest.overload),
            status: Arc::clone(&status),
            in_flight,
            hold_back,
            wanted,
            reached: reached_seen,
            stopping: delivery.stopping.clone(),
            delivery: tokio::spawn(watched(delivery, status)).abort_handle(),
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
        if timeout(within, self.settled()).await.is_err() {
            let records = self.in_flight.records();
            tracing::warn!(
                group = self.group,
                records,
                "records without an outcome stay uncommitted"
            );
        }
    }

    /// Waits until nothing can end any more. Results that wait for their record's turn have ended.
    async fn settled(&self) {
        let Some(hold_back) = &self.hold_back else { return self.in_flight.idle().await };
        while !hold_back.holds_all_in_flight() {
            sleep(SETTLED_LOOK).await;
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
    hold_back: Option<Arc<HoldBack>>,
    ends: Ends,
) -> anyhow::Result<Delivery> {
    Ok(Delivery {
        answers,
        admission,
        sinks,
        dead_letters: dead_letters(ingest, hold_back.is_some())?,
        hold_back,
        retries: ingest.retries.clone(),
        stopping: CancellationToken::new(),
        ends: Arc::new(ends),
        tasks: JoinSet::new(),
    })
}

/// Without its delivery an ingest takes records and nothing comes of them. So it fails for good, which
/// its consumer and whoever asks for readiness see.
async fn watched(delivery: Delivery, status: Arc<Status>) {
    if AssertUnwindSafe(delivery.run()).catch_unwind().await.is_err() {
        tracing::error!("delivery panicked; restart the gateway");
        status.fail();
    }
}

/// How the rule's offsets are committed: alone, or in transactions.
fn committing(
    (ingest, instance, patience): (&policy::Ingest, Option<&str>, Patience),
    consumer: &SharedConsumer,
    sinks: &Sinks,
    observation: &Arc<Observation>,
) -> Box<dyn Commit> {
    match ingest.delivery {
        policy::Delivery::AtLeastOnce => Box::new(offsets_alone(consumer)),
        policy::Delivery::ExactlyOnce => Box::new(Transactor::new(
            settings::transactional(ingest, instance, sinks.kafka()),
            (sinks.kafka().to_vec(), ingest.dead_letter.clone()),
            Arc::clone(consumer),
            Arc::clone(observation),
            patience,
        )),
    }
}

fn hold_back(ingest: &policy::Ingest, in_flight: &Arc<InFlight>) -> Option<Arc<HoldBack>> {
    let hold_back = || HoldBack::new(Arc::clone(in_flight), ingest.dead_letter.is_some());
    (ingest.delivery == policy::Delivery::ExactlyOnce).then(|| Arc::new(hold_back()))
}

/// The producer of dead letters, unless they are written in transactions.
fn dead_letters(ingest: &policy::Ingest, held: bool) -> anyhow::Result<Option<Arc<DeadLetters>>> {
    let Some(topic) = ingest.dead_letter.as_ref().filter(|_| !held) else { return Ok(None) };
    Ok(Some(Arc::new(DeadLetters::new(&ingest.brokers, &ingest.security, topic)?)))
}

fn connect(
    ingest: &policy::Ingest,
    instance: Option<&str>,
    group: Group,
) -> anyhow::Result<SharedConsumer> {
    let begins_since = (ingest.start == policy::Start::Latest).then(SystemTime::now);
    let context = GroupContext::new(group, begins_since);
    let consumer: BaseConsumer<GroupContext> = settings::consumer(ingest, instance)
        .create_with_context(context)
        .with_context(|| format!("the consumer of group {} cannot be created", ingest.group))?;
    let topics: Vec<&str> = ingest.topics.iter().map(String::as_str).collect();
    consumer
        .subscribe(&topics)
        .with_context(|| format!("topics {topics:?} cannot be subscribed to"))?;
    Ok(Arc::new(consumer))
}

/// Commits offsets behind the ends of their records.
fn offsets_alone(
    consumer: &SharedConsumer,
) -> impl FnMut(&Offsets) -> KafkaResult<()> + Send + 'static {
    let consumer = Arc::clone(consumer);
    move |offsets: &Offsets| {
        let mut list = TopicPartitionList::with_capacity(offsets.len());
        for (partition, offset) in offsets {
            let offset = Offset::Offset(*offset);
            list.add_partition_offset(&partition.topic, partition.number, offset)?;
        }
        consumer.commit(&list, CommitMode::Sync)
    }
}

fn start_committer(worker: Worker, by: Box<dyn Commit>) -> anyhow::Result<JoinHandle<()>> {
    committer::start(worker, by).context("the committer's thread cannot be started")
}

fn start_finder(asker: Asker, consumer: &SharedConsumer) -> anyhow::Result<JoinHandle<()>> {
    let consumer = Arc::clone(consumer);
    let find = move || move |question| finder::find(&*consumer, question);
    asker.start("kafka-finder", find).context("the finder's thread cannot be started")
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
