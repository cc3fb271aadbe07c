use framegate_proto::{ErrorCode, ServeError};
use tonic::{Code, Status, body::Body};

/// A status with its reason: tonic's own about messages that it cannot read get the error that
/// they stand for, and all others stay what they are.
pub(crate) fn typed(status: Status) -> Status {
    if !status.details().is_empty() {
        return status;
    }
    let error = match status.code() {
        Code::OutOfRange => ServeError::new(ErrorCode::MessageTooLarge),
        // Tonic has no other fault of its own than what it cannot decode.
        Code::Internal => ServeError::with_message(
            ErrorCode::InvalidRequest,
            "a message cannot be read; it must be one protobuf message of the method's type",
        ),
        _ => return status,
    };
    error.into()
}

/// The same for a call that ends without a message, whose status is in the headers.
pub(crate) fn typed_response(response: http::Response<Body>) -> http::Response<Body> {
    match Status::from_header_map(response.headers()) {
        Some(status) if status.details().is_empty() => typed(status).into_http(),
        _ => response,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use tonic_types::StatusExt;

    use super::*;

    #[test]
    fn statuses_of_tonics_own_get_a_reason() {
        let cases = [
            (Status::out_of_range("large"), Code::OutOfRange, Some("MESSAGE_TOO_LARGE")),
            (Status::internal("decode"), Code::InvalidArgument, Some("INVALID_REQUEST")),
            (Status::unimplemented("none"), Code::Unimplemented, None),
            (ServeError::new(ErrorCode::Internal).into(), Code::Internal, Some("INTERNAL")),
            (
                ServeError::new(ErrorCode::QueueFull).into(),
                Code::ResourceExhausted,
                Some("QUEUE_FULL"),
            ),
        ];
        for (status, code, reason) in cases {
            let response = typed_response(status.into_http());
            let status = Status::from_header_map(response.headers()).unwrap();
            let info = status.get_details_error_info();
            let found = info.as_ref().map(|info| info.reason.as_str());
            assert_eq!((status.code(), found), (code, reason));
        }
    }
}
