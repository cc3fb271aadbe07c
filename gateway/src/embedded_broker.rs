//! A Kafka broker inside this process, for the demo and for tests: librdkafka's mock cluster.
//!
//! What it does differently from Apache Kafka:
//! - a group's first join takes 3 s, in which a shorter session would expire, and one after a
//!   member left takes nearly the session timeout;
//! - it stamps no time on records, so they carry their own capture time;
//! - a partition keeps at most 5 MiB or 100,000 records, and forgets the oldest;
//! - ListOffsets knows only the earliest and the latest offset;
//! - a producer that names an unknown topic creates it, with four partitions;
//! - everything is gone with it.

use std::{
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread::{self, JoinHandle},
};

use anyhow::{Context, anyhow};
#[cfg(test)]
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use rdkafka::{error::KafkaResult, mocking::MockCluster, producer::DefaultProducerContext};

/// A running broker; dropping it stops it.
pub struct EmbeddedBroker {
    bootstrap_servers: String,
    /// To the thread that owns the cluster, whose handle may not leave it.
    orders: Option<SyncSender<(Order, SyncSender<KafkaResult<()>>)>>,
    thread: Option<JoinHandle<()>>,
}

enum Order {
    CreateTopic {
        name: String,
        partitions: i32,
    },
    GoDown,
    ComeUp,
    #[cfg(test)]
    Refuse(RDKafkaApiKey, Vec<RDKafkaRespErr>),
}

type Cluster = MockCluster<'static, DefaultProducerContext>;
type Orders = Receiver<(Order, SyncSender<KafkaResult<()>>)>;

/// All brokers of the cluster, in the words of librdkafka.
const ALL_BROKERS: i32 = -1;

impl EmbeddedBroker {
    /// Starts a cluster of one broker on a free port of the loopback interface, with these topics.
    ///
    /// # Errors
    /// When the broker cannot be started or a topic cannot be created.
    pub fn start<T: AsRef<str>>(topics: &[T], partitions: i32) -> anyhow::Result<Self> {
        let (orders, received) = sync_channel(1);
        let (started, address) = sync_channel(1);
        let thread = thread::Builder::new()
            .name("embedded-broker".to_owned())
            .spawn(move || run(&started, &received))
            .context("the embedded broker's thread cannot be started")?;
        let bootstrap_servers = address
            .recv()
            .context("the embedded broker's thread ended")?
            .context("the embedded broker cannot be started")?;
        let broker = Self { bootstrap_servers, orders: Some(orders), thread: Some(thread) };
        for topic in topics {
            broker.create_topic(topic.as_ref(), partitions)?;
        }
        Ok(broker)
    }

    /// `host:port`, as clients want it.
    pub fn bootstrap_servers(&self) -> &str {
        &self.bootstrap_servers
    }

    /// Creates a topic.
    ///
    /// # Errors
    /// When there is one of that name, or the name or number is not valid.
    pub fn create_topic(&self, name: &str, partitions: i32) -> anyhow::Result<()> {
        self.order(Order::CreateTopic { name: name.to_owned(), partitions })
            .with_context(|| format!("topic {name} cannot be created"))
    }

    /// Cuts all connections and takes no new ones, until [`EmbeddedBroker::come_up`].
    ///
    /// # Errors
    /// When the cluster has ended.
    pub fn go_down(&self) -> anyhow::Result<()> {
        self.order(Order::GoDown)
    }

    /// Takes connections again.
    ///
    /// # Errors
    /// When the cluster has ended.
    pub fn come_up(&self) -> anyhow::Result<()> {
        self.order(Order::ComeUp)
    }

    /// Answers the next requests of the kind with these errors, one each.
    #[cfg(test)]
    pub(crate) fn refuse(&self, kind: RDKafkaApiKey, errors: &[RDKafkaRespErr]) {
        self.order(Order::Refuse(kind, errors.to_vec())).expect("the broker runs");
    }

    fn order(&self, order: Order) -> anyhow::Result<()> {
        let ended = || anyhow!("the embedded broker has ended");
        let (done, result) = sync_channel(1);
        let orders = self.orders.as_ref().ok_or_else(ended)?;
        orders.send((order, done)).map_err(|_| ended())?;
        Ok(result.recv().map_err(|_| ended())??)
    }
}

impl Drop for EmbeddedBroker {
    fn drop(&mut self) {
        // Without senders the thread ends; its panic, if any, was reported as such.
        drop(self.orders.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(started: &SyncSender<KafkaResult<String>>, orders: &Orders) {
    let cluster = match Cluster::new(1) {
        Ok(cluster) => cluster,
        Err(error) => {
            // Whoever started us waits for this answer.
            let _ = started.send(Err(error));
            return;
        }
    };
    let _ = started.send(Ok(cluster.bootstrap_servers()));
    while let Ok((order, done)) = orders.recv() {
        let _ = done.send(carry_out(&cluster, &order));
    }
}

fn carry_out(cluster: &Cluster, order: &Order) -> KafkaResult<()> {
    match order {
        Order::CreateTopic { name, partitions } => cluster.create_topic(name, *partitions, 1),
        Order::GoDown => cluster.broker_down(ALL_BROKERS),
        Order::ComeUp => cluster.broker_up(ALL_BROKERS),
        #[cfg(test)]
        Order::Refuse(kind, errors) => {
            cluster.request_errors(*kind, errors);
            Ok(())
        }
    }
}
