//! Sends requests, and notes how each of them ends.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, sleep_until},
};

use crate::{arrivals::Arrivals, report::Report, target::Target};

/// What a load keeps to.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// What begins before this has passed does not count.
    pub warm_up: Duration,
    /// A request is given up after that.
    pub timeout: Duration,
    /// What is due beyond so many requests under way is not sent.
    pub most_in_flight: usize,
}

/// A request with its moments.
#[derive(Clone, Copy)]
struct Moments {
    /// It is due, or is sent in a closed load.
    due: Instant,
    sent: Instant,
}

/// Where calls are noted.
#[derive(Clone)]
struct Desk {
    report: Arc<Mutex<Report>>,
    /// What is due from here on counts.
    counts_from: Instant,
    /// Answers until then make the rate; without an end, until the last of them.
    until: Option<Instant>,
}

/// Keeps so many requests under way.
pub async fn closed(
    targets: Vec<Target>,
    in_flight: u32,
    lasts: Duration,
    bounds: Bounds,
) -> Report {
    let began = Instant::now();
    let desk = Desk::new(began + bounds.warm_up, Some(began + lasts));
    let mut callers = JoinSet::new();
    for caller in 0..in_flight {
        let (mut target, desk) = (pick(&targets, caller.into()), desk.clone());
        callers.spawn(async move {
            for number in (u64::from(caller)..).step_by(in_flight as usize) {
                let sent = Instant::now();
                if sent >= began + lasts {
                    return;
                }
                let moments = Moments { due: sent, sent };
                call(&mut target, number, moments, bounds.timeout, &desk).await;
            }
        });
    }
    while callers.join_next().await.is_some() {}
    desk.close()
}

/// Sends each request when it is due, since the beginning.
pub async fn open(targets: Vec<Target>, arrivals: Arrivals, bounds: Bounds) -> Report {
    let began = Instant::now();
    let desk = Desk::new(began + bounds.warm_up, None);
    let places = Arc::new(Semaphore::new(bounds.most_in_flight));
    let mut calls = JoinSet::new();
    for (number, due) in (0..).zip(arrivals) {
        let due = began + due;
        sleep_until(due).await;
        let Ok(place) = places.clone().try_acquire_owned() else {
            desk.note(due, Report::not_sent);
            continue;
        };
        let (mut target, desk) = (pick(&targets, number), desk.clone());
        calls.spawn(async move {
            let moments = Moments { due, sent: Instant::now() };
            call(&mut target, number, moments, bounds.timeout, &desk).await;
            drop(place);
        });
        while calls.try_join_next().is_some() {}
    }
    while calls.join_next().await.is_some() {}
    desk.close()
}

fn pick(targets: &[Target], number: u64) -> Target {
    targets[(number % targets.len() as u64) as usize].clone()
}

async fn call(
    target: &mut Target,
    number: u64,
    Moments { due, sent }: Moments,
    timeout: Duration,
    desk: &Desk,
) {
    let end = target.call(number, timeout).await;
    let ended = Instant::now();
    desk.note(due, |report| report.call(&end, ended - due, sent - due));
    desk.answered(&end, ended);
}

impl Desk {
    fn new(counts_from: Instant, until: Option<Instant>) -> Self {
        Self { report: Arc::default(), counts_from, until }
    }

    /// Those count for the rate that come while it is measured, whenever they were asked for.
    fn answered(&self, end: &str, at: Instant) {
        if at >= self.counts_from && self.until.is_none_or(|until| at < until) {
            let lasted = self.until.unwrap_or(at) - self.counts_from;
            self.report.lock().unwrap_or_else(PoisonError::into_inner).answered(end, lasted);
        }
    }

    fn note(&self, due: Instant, what: impl FnOnce(&mut Report)) {
        if due >= self.counts_from {
            what(&mut self.report.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }

    fn close(self) -> Report {
        std::mem::take(&mut self.report.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
