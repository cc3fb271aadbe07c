//! What a replica's process and the one that has started it say to one another: length-delimited
//! messages on a socket. Both are of the same binary, so the form may change with each version.

use std::{
    io::{self, Read},
    time::Duration,
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{ExecuteError, Opened};
use crate::{
    ModelOutput,
    backend::{BackendError, BackendSource},
    frame::Input,
};

/// What the process is to do, one after another.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Order {
    /// The first, and no other: open this. Batches are measured for the objective and largest size.
    Open { source: BackendSource, sizing: Option<(Duration, usize)> },
    /// Execute this batch.
    Execute(Vec<Option<Input>>),
}

/// What the process says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Report {
    /// It lives; said all [`HEARTBEAT`], whatever else it does.
    Alive,
    /// How [`Order::Open`] ended.
    Opened(Result<Opened, String>),
    /// How [`Order::Execute`] ended.
    Executed(Result<Vec<ModelOutput>, Failure>),
}

/// An [`ExecuteError`] that can be sent.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Failure {
    Backend(String),
    /// Nothing more can be executed.
    Crashed(String),
}

/// How often a replica's process says that it lives.
pub(super) const HEARTBEAT: Duration = Duration::from_millis(500);

/// Bytes of the length before each message.
const LENGTH_BYTES: usize = 4;
/// Bytes of a message at most, which the length can say: batches of 1,024 inputs of 4 MB.
pub(super) const MOST_BYTES: usize = u32::MAX as usize;

/// The message with its length before it.
pub(super) fn encode(message: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut bytes = postcard::to_extend(message, vec![0; LENGTH_BYTES]).map_err(invalid)?;
    let length = u32::try_from(bytes.len() - LENGTH_BYTES).map_err(invalid)?;
    bytes[..LENGTH_BYTES].copy_from_slice(&length.to_be_bytes());
    Ok(bytes)
}

/// A message without its length.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> io::Result<T> {
    postcard::from_bytes(bytes).map_err(invalid)
}

/// Waits for a message.
pub(super) fn read<T: DeserializeOwned>(mut from: impl Read) -> io::Result<T> {
    let mut length = [0; LENGTH_BYTES];
    from.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length);
    let mut bytes = Vec::new();
    // Not reserved at once: a length is only a claim.
    from.take(length.into()).read_to_end(&mut bytes)?;
    decode(&bytes)
}

fn invalid(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

impl From<ExecuteError> for Failure {
    fn from(error: ExecuteError) -> Self {
        match error {
            ExecuteError::Backend(BackendError(why)) => Self::Backend(why),
            ExecuteError::Crashed(how) => Self::Crashed(how.as_ref().to_owned()),
        }
    }
}

impl From<Failure> for ExecuteError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Backend(why) => Self::Backend(BackendError(why)),
            Failure::Crashed(how) => Self::Crashed(how.into()),
        }
    }
}
