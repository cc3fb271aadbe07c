use std::{borrow::Cow, collections::HashMap, time::Duration};

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::{ERROR_DOMAIN, ErrorCode, v1};

/// Why a request, or one of its models, failed. It may be shown to clients as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ServeError {
    /// Which of the closed set of errors it is.
    pub code: ErrorCode,
    /// For people: the code's fixed text, or one that names what the client itself sent.
    pub message: Cow<'static, str>,
    /// After what time a further try makes sense, where that is known.
    pub retry_after: Option<Duration>,
}

impl ServeError {
    /// The error with its fixed text.
    pub const fn new(code: ErrorCode) -> Self {
        Self { code, message: Cow::Borrowed(code.message()), retry_after: None }
    }

    /// The error with a text of its own, which must hold nothing but limits and what the client sent.
    pub fn with_message(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), retry_after: None }
    }

    /// Says after what time a further try makes sense (`RetryInfo`).
    #[must_use]
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.retry_after = Some(delay);
        self
    }
}

impl From<ErrorCode> for ServeError {
    fn from(code: ErrorCode) -> Self {
        Self::new(code)
    }
}

/// The only place where an error becomes a gRPC status.
impl From<ServeError> for Status {
    fn from(error: ServeError) -> Self {
        let mut details = ErrorDetails::with_error_info(
            error.code.reason(),
            ERROR_DOMAIN,
            HashMap::<String, String>::new(),
        );
        if error.code.grpc() == Code::ResourceExhausted || error.retry_after.is_some() {
            details.set_retry_info(Some(error.retry_after.unwrap_or(DEFAULT_RETRY_DELAY)));
        }
        Status::with_error_details(error.code.grpc(), error.message, details)
    }
}

/// What `RetryInfo` says where nothing better is known: about the time in which a pool gets a
/// further replica.
const DEFAULT_RETRY_DELAY: Duration = Duration::from_millis(500);

impl From<&ServeError> for v1::Error {
    fn from(error: &ServeError) -> Self {
        Self {
            code: error.code.grpc() as i32,
            reason: error.code.reason().to_owned(),
            message: error.message.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_carries_its_reason() {
        for code in ErrorCode::ALL {
            let status = Status::from(ServeError::new(*code));
            let info = status.get_details_error_info().expect("an ErrorInfo");
            assert_eq!((status.code(), info.reason.as_str()), (code.grpc(), code.reason()));
            assert_eq!(info.domain, ERROR_DOMAIN);
        }
    }

    #[test]
    fn a_full_queue_says_when_to_try_again() {
        let status = Status::from(ServeError::new(ErrorCode::QueueFull));
        let retry = status.get_details_retry_info().expect("a RetryInfo");
        assert_eq!(retry.retry_delay, Some(DEFAULT_RETRY_DELAY));
    }
}
