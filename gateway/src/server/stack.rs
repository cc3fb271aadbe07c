use std::{panic::AssertUnwindSafe, sync::Arc};

use framegate_proto::{
    ErrorCode, FILE_DESCRIPTORS, ServeError,
    v1::{
        frame_service_server::FrameServiceServer, operator_service_server::OperatorServiceServer,
    },
};
use futures_util::FutureExt;
use tokio_util::sync::CancellationToken;
use tonic::{Status, body::Body, server::NamedService, service::Routes};
use tonic_health::server::HealthReporter;
use tower::{Service, ServiceExt};

use crate::{
    admission::Admission,
    grpc::{Frames, Operator, typed_response},
    live::Live,
};

/// A request as it comes from a connection.
pub type GrpcRequest = http::Request<hyper::body::Incoming>;

/// The whole server, for one connection.
#[derive(Clone)]
pub struct GrpcStack {
    frames: FrameServiceServer<Frames>,
    others: Routes,
}

/// The server's layers and services, with what switches its health.
pub struct Stack {
    /// Handles requests.
    pub service: GrpcStack,
    /// Tells health checks whether the server takes requests.
    pub health: HealthReporter,
}

impl Stack {
    /// The server, from the outside in:
    ///
    /// 1. connections (`connections.rs`): their number, streams, header bytes and idle time are
    ///    bounded there, and the client's address joins the request;
    /// 2. a panic in a handler fails its own call with INTERNAL, not the connection;
    /// 3. a message that tonic cannot take gets its reason;
    /// 4. the services: frames, which most calls are for, straight; operators, health and reflection
    ///    by tonic's routes. Messages are bounded to `limits.message_bytes`. Tonic's own server, and
    ///    with it its timeout layer, is not used: it would answer a passed deadline with CANCELLED,
    ///    while the pools answer it with DEADLINE_EXCEEDED. Streams end with `no_calls`.
    pub fn new(
        message_bytes: usize,
        admission: &Arc<Admission>,
        live: &Arc<Live>,
        no_calls: &CancellationToken,
    ) -> Result<Self, anyhow::Error> {
        let (health, health_service) = tonic_health::server::health_reporter();
        let reflection = || {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(FILE_DESCRIPTORS)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
                // So that clients by reflection show the details of errors in words.
                .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
        };
        let frames = Frames::new(admission.clone(), no_calls.clone());
        let frames = FrameServiceServer::new(frames).max_decoding_message_size(message_bytes);
        let operator = Operator::new(admission.clone(), live.clone(), no_calls.clone());
        let operator =
            OperatorServiceServer::new(operator).max_decoding_message_size(message_bytes);
        let others = Routes::new(operator)
            .add_service(health_service)
            .add_service(reflection().build_v1()?)
            // What clients asked before v1, and some still do.
            .add_service(reflection().build_v1alpha()?)
            .prepare();
        Ok(Self { service: GrpcStack { frames, others }, health })
    }
}

impl GrpcStack {
    /// Answers a call.
    pub fn answer(
        &self,
        request: GrpcRequest,
    ) -> impl Future<Output = http::Response<Body>> + Send + use<> {
        let answered = if is_of(FrameServiceServer::<Frames>::NAME, &request) {
            // It is always ready.
            self.frames.clone().call(request).left_future()
        } else {
            self.others.clone().oneshot(request).right_future()
        };
        async move {
            match AssertUnwindSafe(answered).catch_unwind().await {
                Ok(Ok(response)) => typed_response(response),
                Ok(Err(never)) => match never {},
                Err(_) => Status::from(ServeError::new(ErrorCode::Internal)).into_http(),
            }
        }
    }
}

/// Whether the call is for this service.
fn is_of(service: &str, request: &GrpcRequest) -> bool {
    let method = request.uri().path().strip_prefix('/').and_then(|path| path.strip_prefix(service));
    method.is_some_and(|method| method.starts_with('/'))
}
