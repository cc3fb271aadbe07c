use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, SystemTime},
};

use anyhow::Context;
use futures_util::FutureExt;
use rdkafka::consumer::BaseConsumer;
use tokio::{
    runtime::Handle,
    sync::{mpsc, watch},
    task::{AbortHandle, JoinSet},
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    consumer::{ConsumerThread, Stage},
    dead_letters::DeadLetters,
    group::{Group, SharedGroup},
    member::{Joining, Member},
    settings,
    status::Status,
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
    /// When its group began to read here, by this ingest or by those that it takes the place of.
    since: SystemTime,
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

/// The consumer answers within one poll, or after one revocation and its commit.
const STOP_TAKING_LIMIT: Duration = Duration::from_secs(10);

/// How often the stop looks whether everything has ended.
const SETTLED_LOOK: Duration = Duration::from_millis(10);

impl KafkaIngest {
    /// Starts the rule's consumer and delivery. Brokers that cannot be reached are no error: the
    /// consumer connects whenever they can. It goes on for one that read for its group `since` then,
    /// or begins now.
    ///
    /// # Errors
    /// When librdkafka refuses the settings or the topics, or the thread cannot be started.
    pub async fn start(
        ingest: &policy::Ingest,
        since: SystemTime,
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
        let hold_back = hold_back(ingest, &in_flight);
        let seen = (Arc::clone(&status), Arc::clone(&metrics));
        let group = SharedGroup::new(Group::new(ended, hold_back.clone(), ingest, seen));
        let observation = Arc::new(Observation::new(registry, &ingest.group, &models, observer));
        let joining = Joining::new(ingest, since, &sinks, &observation)?;
        let member = joining.join(&group)?;
        let consumer = ConsumerThread {
            group,
            joining,
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
        };
        let thread = spawn(consumer, member)?;
        let ends = Ends { told, consumer: thread.thread().clone(), observation };
        let delivery = delivery(ingest, admission, answers, sinks, hold_back.clone(), ends)?;
        Ok(Self {
            group: ingest.group.clone(),
            since,
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

    /// Finds out whether it could be started: what librdkafka refuses of its settings it refuses here.
    /// Nothing is joined or read. It blocks for some milliseconds.
    ///
    /// # Errors
    /// When librdkafka refuses the settings, or the member's name cannot be found out.
    pub fn rehearse(ingest: &policy::Ingest) -> anyhow::Result<()> {
        let (group, instance) = (&ingest.group, ingest.instance()?);
        let consumer: Result<BaseConsumer, _> =
            settings::consumer(ingest, instance.as_deref()).create();
        consumer.with_context(|| format!("the consumer of group {group} cannot be created"))?;
        dead_letters(ingest, ingest.delivery == policy::Delivery::ExactlyOnce)?;
        Ok(())
    }

    /// Its consumer group.
    pub fn group(&self) -> &str {
        &self.group
    }

    /// When its group began to read here.
    pub fn since(&self) -> SystemTime {
        self.since
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

    /// False once a part of it has panicked: then only a restart of the gateway helps.
    pub fn healthy(&self) -> bool {
        self.status.healthy()
    }

    /// What keeps it from consuming for the moment.
    pub fn problem(&self) -> Option<String> {
        let problem = "its consumer has lost its membership and joins again; the log says why";
        (!self.status.is_member()).then(|| format!("group `{}`: {problem}", self.group))
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

fn hold_back(ingest: &policy::Ingest, in_flight: &Arc<InFlight>) -> Option<Arc<HoldBack>> {
    let hold_back = || HoldBack::new(Arc::clone(in_flight), ingest.dead_letter.is_some());
    (ingest.delivery == policy::Delivery::ExactlyOnce).then(|| Arc::new(hold_back()))
}

/// The producer of dead letters, unless they are written in transactions.
fn dead_letters(ingest: &policy::Ingest, held: bool) -> anyhow::Result<Option<Arc<DeadLetters>>> {
    let Some(topic) = ingest.dead_letter.as_ref().filter(|_| !held) else { return Ok(None) };
    Ok(Some(Arc::new(DeadLetters::new(&ingest.brokers, &ingest.security, topic)?)))
}

fn spawn(consumer: ConsumerThread, member: Member) -> anyhow::Result<JoinHandle<()>> {
    let runtime = Handle::current();
    let status = Arc::clone(&consumer.status);
    let run = move || {
        let _entered = runtime.enter();
        if catch_unwind(AssertUnwindSafe(|| consumer.run(member))).is_err() {
            tracing::error!("consumer panicked; restart the gateway");
            status.fail();
        }
    };
    thread::Builder::new()
        .name("kafka-consumer".to_owned())
        .spawn(run)
        .context("the consumer's thread cannot be started")
}
