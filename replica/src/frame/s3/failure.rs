use std::{error::Error, fmt};

use framegate_proto::ErrorCode;

/// Why a try did not succeed. As text it is for the log: it may hold addresses, but never a secret
/// nor what a server sent, except for S3's own word for an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// There is no such object.
    NotFound,
    /// The object has more bytes than are wanted.
    TooLarge,
    /// The server answered with another status than success.
    Refused(Refused),
    /// There are no credentials to ask with.
    Credentials(String),
    /// The try took too long.
    TimedOut,
    /// No answer, or not a whole one.
    Broken(String),
}

/// A server's answer that is no success.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("refused with status {status} ({code})")]
pub(super) struct Refused {
    pub(super) status: u16,
    /// S3's word for the error, such as `AccessDenied`; empty if it gave none.
    pub(super) code: String,
}

impl Failure {
    /// What clients and records are told.
    pub(super) fn code(&self) -> ErrorCode {
        match self {
            Self::NotFound => ErrorCode::ObjectNotFound,
            Self::TooLarge => ErrorCode::ObjectTooLarge,
            Self::Refused(_) | Self::Credentials(_) | Self::TimedOut | Self::Broken(_) => {
                ErrorCode::BucketUnavailable
            }
        }
    }

    /// Whether a further try may succeed without anybody doing something about it.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::NotFound | Self::TooLarge => false,
            Self::Refused(Refused { status, .. }) => matches!(status, 408 | 429 | 500..),
            Self::Credentials(_) | Self::TimedOut | Self::Broken(_) => true,
        }
    }

    /// A missing bucket is the operator's affair; only a missing object is the reference's.
    pub(super) fn of_answer(refused: Refused) -> Self {
        match refused {
            Refused { status: 404, code } if code != "NoSuchBucket" => Self::NotFound,
            refused => Self::Refused(refused),
        }
    }

    #[cfg(test)]
    pub(super) fn refused(status: u16, code: &str) -> Self {
        Self::of_answer(Refused { status, code: code.to_owned() })
    }
}

impl From<object_store::Error> for Failure {
    /// The outer errors hold URLs and nothing of use; the innermost says what happened.
    fn from(error: object_store::Error) -> Self {
        let mut innermost: &(dyn Error + 'static) = &error;
        while let Some(cause) = innermost.source() {
            innermost = cause;
        }
        match innermost.downcast_ref::<Refused>() {
            Some(refused) => Self::of_answer(refused.clone()),
            None => Self::Broken(innermost.to_string()),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("there is no such object"),
            Self::TooLarge => f.write_str("the object has too many bytes"),
            Self::Refused(refused) => refused.fmt(f),
            Self::Credentials(reason) => write!(f, "no credentials: {reason}"),
            Self::TimedOut => f.write_str("no whole answer within the timeout of a try"),
            Self::Broken(reason) => f.write_str(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_missing_object_is_the_reference_s_fault() {
        for (status, code, seen, passes) in [
            (404, "NoSuchKey", ErrorCode::ObjectNotFound, false),
            (404, "", ErrorCode::ObjectNotFound, false),
            (404, "NoSuchBucket", ErrorCode::BucketUnavailable, false),
            (403, "AccessDenied", ErrorCode::BucketUnavailable, false),
            (400, "ExpiredToken", ErrorCode::BucketUnavailable, false),
            (301, "PermanentRedirect", ErrorCode::BucketUnavailable, false),
            (408, "RequestTimeout", ErrorCode::BucketUnavailable, true),
            (429, "", ErrorCode::BucketUnavailable, true),
            (500, "InternalError", ErrorCode::BucketUnavailable, true),
            (503, "SlowDown", ErrorCode::BucketUnavailable, true),
        ] {
            let failure = Failure::refused(status, code);
            assert_eq!((failure.code(), failure.may_pass()), (seen, passes), "{status} {code}");
        }
    }
}
