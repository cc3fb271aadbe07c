use framegate_replica::Responder;
use tokio::{sync::oneshot, time::timeout};

use super::*;
use crate::{
    ingest::{
        outcome::{DropReason, Tries},
        testing,
    },
    intake::{FrameRequest, Intake},
    metrics::Registry,
    sink::{Acknowledged, SinkError},
};

/// Hands what is admitted to the test.
struct Queue(mpsc::Sender<Responder>);

impl Intake for Queue {
    fn admit_detached(
        &self,
        _: &FrameRequest,
        models: &[Arc<str>],
        responder: &mut dyn FnMut(&Arc<str>) -> Responder,
    ) {
        models.iter().for_each(|model| self.0.try_send(responder(model)).ok().unwrap());
    }

    fn ingest_fill(&self, _: &[Arc<str>]) -> f64 {
        0.0
    }
}

/// Hands each batch to the test, which says whether it is kept.
struct AskedSink(mpsc::Sender<(Arc<Batch>, oneshot::Sender<bool>)>);

impl Sink for AskedSink {
    fn deliver(&self, batch: Arc<Batch>) -> Acknowledged<'_> {
        Box::pin(async move {
            let (keep, kept) = oneshot::channel();
            self.0.send((batch, keep)).await.unwrap();
            if kept.await.unwrap() { Ok(()) } else { Err(SinkError::Closed) }
        })
    }

    fn flush(&self) -> Acknowledged<'_> {
        Box::pin(async { Ok(()) })
    }

    fn name(&self) -> &str {
        "asked"
    }
}

/// At once in paused time.
const LONG: Duration = Duration::from_secs(60);

struct Harness {
    queue: mpsc::Receiver<Responder>,
    admission: Admission,
    batches: mpsc::Receiver<(Arc<Batch>, oneshot::Sender<bool>)>,
    ended: mpsc::Receiver<Arc<TakenRecord>>,
    stopping: CancellationToken,
    registry: Registry,
}

impl Harness {
    fn start() -> Self {
        let (queued, queue) = mpsc::channel(8);
        let (admission, answers) = Admission::new(Arc::new(Queue(queued)), 8);
        let (batches_in, batches) = mpsc::channel(8);
        let (told, ended) = mpsc::channel(8);
        let registry = Registry::new().unwrap();
        let stopping = CancellationToken::new();
        let observation = Observation::new(&registry, "group", &["detector".into()], None);
        let delivery = Delivery {
            answers,
            admission: admission.clone(),
            sinks: Arc::new(Sinks::of(vec![Arc::new(AskedSink(batches_in))])),
            dead_letters: None,
            hold_back: None,
            retries: Retries { attempts: 2, backoff: Duration::from_millis(100) },
            stopping: stopping.clone(),
            ends: Arc::new(Ends {
                told,
                consumer: std::thread::current(),
                observation: Arc::new(observation),
            }),
            tasks: JoinSet::new(),
        };
        tokio::spawn(delivery.run());
        Self { queue, admission, batches, ended, stopping, registry }
    }

    fn refuse(&self, code: ErrorCode) {
        self.admission.refuse(testing::entry("detector"), code.into());
    }

    /// The next batch's only line, which is answered with `keep`.
    async fn line(&mut self, keep: bool) -> String {
        let (batch, answer) = timeout(LONG, self.batches.recv()).await.unwrap().unwrap();
        answer.send(keep).unwrap();
        let lines: Vec<_> = batch.results.iter().chain(&batch.drops).collect();
        assert_eq!(lines.len(), 1);
        String::from_utf8(lines[0].json.clone()).unwrap()
    }

    async fn ended(&mut self) -> Arc<TakenRecord> {
        timeout(LONG, self.ended.recv()).await.expect("an entry ends").unwrap()
    }

    /// Waits for the next entry to be queued at its pool, and fails it there with `code`.
    async fn fail_next(&mut self, code: ErrorCode) {
        let responder = timeout(LONG, self.queue.recv()).await.unwrap().unwrap();
        responder(Err(code.into()));
    }
}

#[tokio::test]
async fn an_entry_ends_only_when_the_sink_has_kept_it() {
    let mut harness = Harness::start();
    harness.refuse(ErrorCode::FrameUndecodable);
    let (batch, keep) = harness.batches.recv().await.unwrap();
    assert!(harness.ended.try_recv().is_err(), "the sink has not answered");
    assert_eq!(batch.results.len(), 1);
    keep.send(true).unwrap();
    assert_eq!(harness.ended().await.source.offset, 7);
    let metrics = harness.registry.render();
    let counted =
        r#"outcomes_total{model="detector",outcome="dead_lettered",reason="FRAME_UNDECODABLE"} 1"#;
    assert!(metrics.contains(counted), "{metrics}");
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_fails_is_asked_again_with_the_same() {
    let mut harness = Harness::start();
    harness.refuse(ErrorCode::FrameUndecodable);
    let first = harness.line(false).await;
    let second = harness.line(false).await;
    assert!(harness.ended.try_recv().is_err());
    let third = harness.line(true).await;
    harness.ended().await;
    assert_eq!((&first, &first), (&second, &third));
    assert!(first.contains(r#""reason":"FRAME_UNDECODABLE""#), "{first}");
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_panics_is_asked_again() {
    let mut harness = Harness::start();
    harness.refuse(ErrorCode::FrameUndecodable);
    let (_, keep) = timeout(LONG, harness.batches.recv()).await.unwrap().unwrap();
    drop(keep); // at which the test's sink panics
    harness.line(true).await;
    harness.ended().await;
}

#[tokio::test]
async fn a_round_that_waits_for_its_sink_holds_up_no_other() {
    let mut harness = Harness::start();
    harness.refuse(ErrorCode::FrameUndecodable);
    let (_, keep_first) = harness.batches.recv().await.unwrap();
    harness.refuse(ErrorCode::FrameTooOld);
    harness.line(true).await;
    harness.ended().await;
    assert!(harness.ended.try_recv().is_err(), "the first round is not kept");
    keep_first.send(true).unwrap();
    harness.ended().await;
}

#[tokio::test(start_paused = true)]
async fn beyond_a_few_rounds_only_full_ones_begin() {
    let mut harness = Harness::start();
    let mut kept = Vec::new();
    for _ in 0..SMALL_ROUNDS {
        harness.refuse(ErrorCode::FrameUndecodable);
        kept.push(harness.batches.recv().await.unwrap().1);
    }
    harness.refuse(ErrorCode::FrameUndecodable);
    harness.refuse(ErrorCode::FrameUndecodable);
    assert!(timeout(LONG, harness.batches.recv()).await.is_err(), "no further round begins");
    kept.remove(0).send(true).unwrap();
    let (batch, _keep) = timeout(LONG, harness.batches.recv()).await.unwrap().unwrap();
    assert_eq!(batch.results.len(), 2, "what waited goes together");
}

#[tokio::test]
async fn what_is_too_old_goes_to_the_drop_log() {
    let mut harness = Harness::start();
    harness.refuse(ErrorCode::FrameTooOld);
    let line = harness.line(true).await;
    assert!(line.contains(&format!(r#""reason":"{}""#, DropReason::TooOld.name())), "{line}");
    harness.ended().await;
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_is_tried_without_end_and_a_missing_object_is_not() {
    let mut harness = Harness::start();
    harness.refuse(ErrorCode::QueueFull);
    for _ in 0..20 {
        harness.fail_next(ErrorCode::QueueFull).await;
    }
    assert!(harness.ended.try_recv().is_err());
    harness.fail_next(ErrorCode::ObjectNotFound).await;
    harness.fail_next(ErrorCode::ObjectNotFound).await;
    let line = harness.line(true).await;
    assert!(line.contains(r#""reason":"OBJECT_NOT_FOUND""#), "{line}");
    harness.ended().await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_abandons_what_would_be_tried_again() {
    let mut harness = Harness::start();
    harness.refuse(ErrorCode::QueueFull);
    harness.fail_next(ErrorCode::NoReplica).await;
    harness.stopping.cancel();
    harness.refuse(ErrorCode::Draining);
    harness.refuse(ErrorCode::FrameUndecodable);
    harness.line(true).await;
    harness.ended().await; // the undecodable frame
    let more = timeout(LONG, harness.ended.recv()).await;
    assert!(more.is_err(), "nothing else does");
    assert!(harness.queue.try_recv().is_err(), "nothing was queued again");
}

#[tokio::test]
async fn a_responder_that_is_dropped_answers_for_its_pool() {
    let mut harness = Harness::start();
    let entry = testing::entry("detector");
    harness.admission.admit(&entry.taken, &["detector".into()], Tries { failed: 1, deferred: 0 });
    drop(harness.queue.recv().await);
    let line = harness.line(true).await;
    assert!(line.contains(r#""reason":"INTERNAL""#), "{line}");
}
