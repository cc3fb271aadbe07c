mod taking;

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, MutexGuard},
    thread::{self, JoinHandle},
    time::Duration,
};

use rdkafka::{consumer::Consumer, error::KafkaError};
use tokio::{sync::watch, time::Instant};

use super::{
    context::Client,
    group::{Group, SharedGroup},
    holds::Reading,
    member::{Joining, Member},
    message::Fetched,
    status::Status,
};
use crate::{
    backoff::{Backoff, chance},
    ingest::{
        admission::Admission, gate::Gate, in_flight::InFlight, membership::Astray,
        observe::ConsumerMetrics, overload::OverloadRule,
    },
    policy::Ingest,
};

/// The consumer, on a thread of its own: it takes records as long as there is room, queues their
/// entries, and commits behind their ends. It polls at least every [`POLL_WAIT`], paused or not.
/// When it has lost its membership for good, it gives the client up and joins with another.
pub(super) struct ConsumerThread {
    // What it consumes, and how.
    pub(super) group: SharedGroup,
    pub(super) joining: Joining,
    pub(super) models: Arc<[Arc<str>]>,
    pub(super) rule: Ingest,
    // Where it goes, and what bounds it.
    pub(super) admission: Admission,
    pub(super) in_flight: Arc<InFlight>,
    pub(super) gate: Gate,
    pub(super) overload: OverloadRule,
    /// When to poll next while there is no room.
    pub(super) next_poll: Instant,
    /// When to look next at the shares of all partitions.
    pub(super) next_look: Instant,
    // How it is told to stop, and tells that it has.
    pub(super) wanted: watch::Receiver<Stage>,
    pub(super) reached: watch::Sender<Stage>,
    pub(super) status: Arc<Status>,
    pub(super) metrics: Arc<ConsumerMetrics>,
}

/// The life of a consumer, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// Takes records.
    Taking,
    /// Stays in the group and commits, but takes no more records.
    Standing,
    /// Has committed and left the group.
    Left,
}

/// Why a membership ended that was not given back.
#[derive(Debug)]
enum Lost {
    /// Kafka forbids the client to go on.
    Refused(KafkaError),
    /// The client waits for what will not come.
    Astray(Astray),
}

/// A membership that lasted so long was not lost to what ended the one before.
const PROVEN_AFTER: Duration = Duration::from_secs(60);
/// Clients that are given up and not closed yet, at most, when another joins.
const MAX_CLOSING: usize = 3;

/// The longest wait for a record: ended entries and orders wait as long. Short against a commit
/// interval, long enough to cost nothing when idle.
const POLL_WAIT: Duration = Duration::from_millis(20);
/// How often the shares of all partitions are looked at; that of one is when its records change.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

impl ConsumerThread {
    /// Runs until told to leave.
    pub(super) fn run(mut self, mut member: Member) {
        let (mut backoff, mut closing) = (Backoff::default(), Vec::new());
        loop {
            let joined_at = Instant::now();
            let consumed = catch_unwind(AssertUnwindSafe(|| self.consume(&member.client)));
            let lost = match consumed {
                Ok(Ok(())) => break member.leave(&self.group),
                Ok(Err(lost)) => lost,
                Err(_) => {
                    tracing::error!("consumer panicked; restart the gateway");
                    self.status.fail();
                    member.give_up(&self.group);
                    break;
                }
            };
            if joined_at.elapsed() > PROVEN_AFTER {
                backoff = Backoff::default();
            }
            self.note(&lost);
            closing.extend(member.give_up(&self.group));
            match self.join_again(&mut backoff, &mut closing) {
                Some(next) => member = next,
                None => break,
            }
        }
        self.metrics.left();
        self.reached.send_replace(Stage::Left);
    }

    fn note(&self, lost: &Lost) {
        let group = &self.rule.group;
        let advice = lost.advice();
        tracing::warn!(group, %lost, advice, "membership lost, joining again");
        self.metrics.lost_memberships.increment(1);
        self.status.set_member(false);
    }

    /// Another member, after some time; none if told to leave.
    fn join_again(
        &mut self,
        backoff: &mut Backoff,
        closing: &mut Vec<JoinHandle<()>>,
    ) -> Option<Member> {
        loop {
            let until = Instant::now() + backoff.next_wait(chance());
            while closing.len() >= MAX_CLOSING || Instant::now() < until || self.stands() {
                if self.wanted() == Stage::Left {
                    return None;
                }
                self.stand_if(self.wanted());
                self.group().note_ended();
                closing.retain(|closing| !closing.is_finished());
                thread::park_timeout(POLL_WAIT);
            }
            match self.joining.join(&self.group) {
                Ok(member) => return Some(member),
                Err(error) => tracing::warn!(%error, "cannot join, trying again"),
            }
        }
    }

    fn consume(&mut self, client: &Client) -> Result<(), Lost> {
        let mut next_commit = Instant::now() + self.rule.commit_interval;
        loop {
            let wanted = self.wanted();
            if wanted == Stage::Left {
                return Ok(());
            }
            self.stand_if(wanted);
            if self.regulate(client, wanted) {
                self.poll_and_take(client)?;
            } else {
                self.poll_and_hold(client, wanted)?;
            }
            self.group().note_ended();
            self.group().note_answer();
            self.catch_up(client);
            if Instant::now() >= next_commit || self.group().fills_a_transaction() {
                self.group().begin_commit(client);
                next_commit = Instant::now() + self.rule.commit_interval;
            }
            if let Some(astray) = self.group().astray() {
                return Err(Lost::Astray(astray));
            }
        }
    }

    fn wanted(&self) -> Stage {
        if !self.status.healthy() {
            // Its partitions go to a gateway whose delivery works.
            return Stage::Left;
        }
        match self.wanted.has_changed() {
            Ok(_) => *self.wanted.borrow(),
            // Nobody is left to tell us.
            Err(_) => Stage::Left,
        }
    }

    fn stands(&self) -> bool {
        *self.reached.borrow() == Stage::Standing
    }

    fn stand_if(&self, wanted: Stage) {
        if wanted == Stage::Standing && !self.stands() {
            self.group().stop_waiting();
            self.reached.send_replace(Stage::Standing);
        }
    }

    /// Whether a record may be taken now. Called before each poll, so that one is only taken when
    /// there is room for it.
    fn regulate(&mut self, client: &Client, wanted: Stage) -> bool {
        let share = self.admission.ingest_fill(&self.models);
        let share = if self.overload.pauses_for_backlog() { share } else { 0.0 };
        let full = self.gate.decide(share, self.in_flight.fill());
        self.look_at_shares();
        let open = wanted == Stage::Taking && !full && self.take_held();
        let reading = match wanted {
            Stage::Taking if open => Reading::Open,
            Stage::Taking => Reading::Shut,
            Stage::Standing | Stage::Left => Reading::Over,
        };
        self.group().pause_and_resume(client, reading);
        self.metrics.in_flight.set(self.in_flight.records() as f64);
        open && !self.group().all_shut()
    }

    fn look_at_shares(&mut self) {
        let now = Instant::now();
        if now >= self.next_look {
            self.group().regulate_all();
            self.next_look = now + LOOK_INTERVAL;
        }
    }

    /// Takes the held records that there is room for; true if there is room for more.
    fn take_held(&mut self) -> bool {
        while self.in_flight.has_room() {
            let held = self.group().next_held();
            let Some(record) = held else { return true };
            self.take(record);
        }
        false
    }

    fn poll_and_take(&mut self, client: &Client) -> Result<(), Lost> {
        if let Some(record) = poll(client, POLL_WAIT)? {
            if self.group().is_open(&record.source.partition) {
                self.take(record);
            } else {
                self.group().hold(record);
            }
        }
        Ok(())
    }

    /// Waits for room. What librdkafka hands out meanwhile is held, a record with each poll; it
    /// polls no more often than every [`POLL_WAIT`], however often an entry ends and wakes it.
    fn poll_and_hold(&mut self, client: &Client, wanted: Stage) -> Result<(), Lost> {
        let left = self.next_poll.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            thread::park_timeout(left);
            return Ok(());
        }
        self.next_poll = Instant::now() + POLL_WAIT;
        match poll(client, Duration::ZERO)? {
            Some(record) if wanted == Stage::Taking => self.group().hold(record),
            // Never counted in, so never committed: the partition's next owner reads it.
            _ => {}
        }
        Ok(())
    }

    fn group(&self) -> MutexGuard<'_, Group> {
        self.group.lock()
    }
}

impl Lost {
    fn advice(&self) -> &'static str {
        match self {
            Self::Refused(_) => {
                "if it goes on: no two gateways may have the same group_instance_id"
            }
            Self::Astray(_) => "",
        }
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => error.fmt(f),
            Self::Astray(astray) => astray.fmt(f),
        }
    }
}

fn poll(client: &Client, wait: Duration) -> Result<Option<Fetched>, Lost> {
    let watch = &client.context().watch;
    match client.poll(wait) {
        Some(Ok(message)) => {
            watch.recovered();
            return Ok(Some(Fetched::of(&message)));
        }
        Some(Err(error @ KafkaError::MessageConsumptionFatal(_))) => {
            return Err(Lost::Refused(error));
        }
        Some(Err(error)) => watch.polled(&error),
        None => {}
    }
    Ok(None)
}
