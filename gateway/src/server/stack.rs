use std::sync::Arc;

use framegate_proto::{
    FILE_DESCRIPTORS,
    v1::{
        frame_service_server::FrameServiceServer, operator_service_server::OperatorServiceServer,
    },
};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic_health::server::HealthReporter;
use tower::{ServiceBuilder, util::BoxCloneSyncService};
use tower_http::catch_panic::CatchPanicLayer;

use crate::{
    admission::Admission,
    grpc::{Frames, Operator, typed_response},
    live::Live,
};

/// A request as it comes from a connection.
pub type GrpcRequest = http::Request<hyper::body::Incoming>;
/// The whole server, for one connection.
pub type GrpcStack =
    BoxCloneSyncService<GrpcRequest, http::Response<tonic::body::Body>, std::convert::Infallible>;

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
    /// 4. routes to services; messages are bounded to `limits.message_bytes`. Tonic's own server,
    ///    and with it its timeout layer, is not used: it would answer a passed deadline with
    ///    CANCELLED, while the pools answer it with DEADLINE_EXCEEDED;
    /// 5. the services: frames, operators, health and reflection. Streams end with `no_calls`.
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
        let routes = Routes::new(frames)
            .add_service(operator)
            .add_service(health_service)
            .add_service(reflection().build_v1()?)
            // What clients asked before v1, and some still do.
            .add_service(reflection().build_v1alpha()?)
            .prepare();
        let service = ServiceBuilder::new()
            .map_response(|response: http::Response<_>| response.map(tonic::body::Body::new))
            .layer(CatchPanicLayer::custom(internal_error))
            .map_response(typed_response)
            .service(routes);
        Ok(Self { service: BoxCloneSyncService::new(service), health })
    }
}

fn internal_error(_: Box<dyn std::any::Any + Send + 'static>) -> http::Response<tonic::body::Body> {
    let error = framegate_proto::ServeError::new(framegate_proto::ErrorCode::Internal);
    tonic::Status::from(error).into_http()
}
