//! Sends requests, and notes how each of them ends.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use framegate_proto::v1::{
    PredictRequest, PredictResponse, frame_service_client::FrameServiceClient,
    model_result::Outcome,
};
use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, sleep_until},
};
use tonic::{Code, Request, Status, transport::Channel};
use tonic_types::StatusExt;

use crate::{arrivals::Arrival, report::Report, requests::Requests};

type Client = FrameServiceClient<Channel>;

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
    clients: Vec<Client>,
    requests: Requests,
    in_flight: u32,
    lasts: Duration,
    bounds: Bounds,
) -> Report {
    let began = Instant::now();
    let desk = Desk::new(began + bounds.warm_up, Some(began + lasts));
    let mut callers = JoinSet::new();
    for caller in 0..in_flight {
        let (mut client, requests, desk) =
            (pick(&clients, caller.into()), requests.clone(), desk.clone());
        callers.spawn(async move {
            for number in (u64::from(caller)..).step_by(in_flight as usize) {
                let sent = Instant::now();
                if sent >= began + lasts {
                    return;
                }
                let moments = Moments { due: sent, sent };
                call(&mut client, requests.get(number), moments, bounds.timeout, &desk).await;
            }
        });
    }
    while callers.join_next().await.is_some() {}
    desk.close()
}

/// Sends each request when it is due.
pub async fn open(
    clients: Vec<Client>,
    arrivals: Box<dyn Iterator<Item = Arrival> + Send>,
    bounds: Bounds,
) -> Report {
    let began = Instant::now();
    let desk = Desk::new(began + bounds.warm_up, None);
    let places = Arc::new(Semaphore::new(bounds.most_in_flight));
    let mut calls = JoinSet::new();
    for (number, Arrival { due, asked }) in arrivals.enumerate() {
        let due = began + due;
        sleep_until(due).await;
        let Ok(place) = places.clone().try_acquire_owned() else {
            desk.note(due, Report::not_sent);
            continue;
        };
        let (mut client, desk) = (pick(&clients, number as u64), desk.clone());
        calls.spawn(async move {
            let moments = Moments { due, sent: Instant::now() };
            call(&mut client, asked, moments, bounds.timeout, &desk).await;
            drop(place);
        });
        while calls.try_join_next().is_some() {}
    }
    while calls.join_next().await.is_some() {}
    desk.close()
}

fn pick(clients: &[Client], number: u64) -> Client {
    clients[(number % clients.len() as u64) as usize].clone()
}

async fn call(
    client: &mut Client,
    asked: PredictRequest,
    Moments { due, sent }: Moments,
    timeout: Duration,
    desk: &Desk,
) {
    let mut request = Request::new(asked);
    request.set_timeout(timeout);
    let answer = client.predict(request).await;
    let ended = Instant::now();
    let end = match &answer {
        Ok(response) => end(response.get_ref()),
        Err(status) => reason(status, ended - sent >= timeout),
    };
    desk.note(due, |report| report.call(&end, ended - due, sent - due));
    desk.answered(&end, ended);
}

/// `OK`, or the reason of the first model that has failed.
fn end(response: &PredictResponse) -> String {
    let mut errors = response.results.iter().filter_map(|result| match &result.outcome {
        Some(Outcome::Error(error)) => Some(error.reason.clone()),
        _ => None,
    });
    errors.next().unwrap_or_else(|| "OK".to_owned())
}

fn reason(status: &Status, is_over: bool) -> String {
    match status.get_details_error_info() {
        Some(info) => info.reason,
        // So tonic's clients call it when their own time is over.
        None if is_over && status.code() == Code::Cancelled => "DEADLINE_EXCEEDED".to_owned(),
        None => format!("{:?}", status.code()),
    }
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
