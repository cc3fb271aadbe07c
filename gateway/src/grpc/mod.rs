//! The gRPC doors: `FrameService` for clients and `OperatorService` for operators.

mod call;
mod convert;
mod frame_service;
mod operator_service;
mod policy_view;
mod pool_view;
mod predict;
mod record;
mod request;
mod scaling_view;
mod stream;
mod typed;
mod watch;

pub use call::ClientAddress;
pub use frame_service::Frames;
pub use operator_service::Operator;
pub(crate) use typed::typed_response;
