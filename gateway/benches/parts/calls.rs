//! Calls of 150 cameras, one each, that name their frame in a bucket: from the decoded request to
//! entries that are queued, and from answers to the encoded response.
//!
//! They take the public way, `Predict` of the service, without its transport. The gateway has no
//! replica; where answers are needed, they are given by hand.

use std::{path::Path, pin::Pin, sync::Arc, task::Context, task::Poll, task::Waker};

use bytes::BytesMut;
use framegate::{grpc::Frames, live::Live, metrics::Registry, policy::Document};
use framegate_proto::v1::{
    FrameReference, PredictRequest, PredictResponse, frame_reference::Source,
    frame_service_server::FrameService,
};
use framegate_replica::{Program, Served};
use prost::Message;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

/// Calls in one measurement.
pub const CALLS: usize = 150;

/// A gateway without listeners and replicas. It lives as long as the program.
pub struct Gate {
    live: Arc<Live>,
    frames: Frames,
}

/// A call whose entries are queued, or answered.
pub type Call = Pin<Box<dyn Future<Output = Result<Response<PredictResponse>, Status>> + Send>>;

const MODELS: [&str; 2] = ["classifier", "detector"];
const POLICY: &str = r#"
server: { grpc: "127.0.0.1:0", http: "127.0.0.1:0" }
buckets: [{ name: frames, url: "file:///var/frames" }]
models:
  classifier: { backend: simulated, simulated: { base: 0s, per_item: 0s, fetch: true } }
  detector: { backend: simulated, simulated: { base: 0s, per_item: 0s, fetch: true } }
"#;

/// A gateway through which every camera has called once.
pub fn gate() -> &'static Gate {
    let document = Document::parse(POLICY.to_owned(), Path::new("policy.yaml")).expect("a policy");
    let program = Program { path: "framegate".into(), arguments: Vec::new() };
    let registry = Registry::new().expect("a registry");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let live = runtime.block_on(Live::start(document, program, &registry, None));
    let live = live.expect("nothing that can fail is opened");
    let frames = Frames::new(live.admission().clone(), CancellationToken::new());
    let gate: &Gate = Box::leak(Box::new(Gate { live, frames }));
    admit(gate, requests(MODELS.len()));
    gate
}

/// A request of each camera, for the first so many models.
pub fn requests(models: usize) -> Vec<Request<PredictRequest>> {
    let models: Vec<String> = MODELS[..models].iter().map(|&model| model.to_owned()).collect();
    let request = |camera: usize| PredictRequest {
        request_id: format!("{camera:08x}-cafe"),
        frame: Some(FrameReference {
            source: Some(Source::Uri(format!("frames:camera_{camera}/000123.jpg"))),
            camera_id: format!("camera_{camera}"),
            captured_at: Some(prost_types::Timestamp { seconds: 999_999_999, nanos: 0 }),
            sequence: Some(123),
            region: None,
        }),
        models: models.clone(),
        timeout: Some(prost_types::Duration { seconds: 10, nanos: 0 }),
        ..Default::default()
    };
    (0..CALLS).map(|camera| Request::new(request(camera))).collect()
}

/// From decoded requests to entries that wait in the queues of their models.
pub fn admit(gate: &'static Gate, requests: Vec<Request<PredictRequest>>) -> Vec<Call> {
    let admit = |request| {
        let mut call = gate.frames.predict(request);
        assert!(poll(&mut call).is_pending());
        call
    };
    requests.into_iter().map(admit).collect()
}

/// Calls of one model that have this answer and do not know it yet.
pub fn answered(gate: &'static Gate, answer: &Served) -> Vec<Call> {
    let calls = admit(gate, requests(1));
    let pools = gate.live.pools();
    let queue = pools[0].queue();
    let mut seat = queue.register();
    while queue.ongoing() > 0 {
        for claimed in seat.claim_all().1 {
            let job = seat.finish(claimed.id).expect("nobody else takes it");
            job.answer(Ok(answer.clone()));
        }
    }
    calls
}

/// From answers to encoded responses, one after another in the same buffer.
pub fn respond(calls: Vec<Call>, buffer: &mut BytesMut) {
    for mut call in calls {
        let Poll::Ready(Ok(response)) = poll(&mut call) else { panic!("it has its answer") };
        buffer.clear();
        response.get_ref().encode(buffer).expect("a buffer that grows");
    }
}

fn poll(call: &mut Call) -> Poll<Result<Response<PredictResponse>, Status>> {
    call.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}
