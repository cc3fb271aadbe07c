//! Framegate's gRPC API: the generated types, and the closed set of errors with its one mapping to
//! a gRPC status.

mod code;
mod error;

pub use code::ErrorCode;
pub use error::ServeError;

/// The generated types, clients and servers of `framegate.v1`. Units are in the `.proto` files.
#[allow(missing_docs, clippy::all)]
pub mod v1 {
    tonic::include_proto!("framegate.v1");
}

/// Encoded file descriptors of all services here, for server reflection.
pub const FILE_DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/framegate.bin"));

/// The domain of every `google.rpc.ErrorInfo` that Framegate sends.
pub const ERROR_DOMAIN: &str = "framegate";
