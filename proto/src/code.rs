use tonic::Code;

macro_rules! error_codes {
    ($($(#[$doc:meta])* $variant:ident => $reason:literal, $grpc:ident, $message:literal;)*) => {
        /// Every way in which Framegate refuses or fails a request, and nothing else.
        ///
        /// Each has a stable reason (`ErrorInfo.reason`), one gRPC code and one fixed text.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode { $($(#[$doc])* $variant,)* }

        impl ErrorCode {
            /// All codes, in the order of the documentation.
            pub const ALL: &[ErrorCode] = &[$(ErrorCode::$variant,)*];

            /// The stable reason, in the form `UPPER_SNAKE_CASE`.
            pub const fn reason(self) -> &'static str {
                match self { $(ErrorCode::$variant => $reason,)* }
            }

            /// The gRPC code that a client sees.
            pub const fn grpc(self) -> Code {
                match self { $(ErrorCode::$variant => Code::$grpc,)* }
            }

            /// The fixed text for people; it never holds a path, an address or an internal.
            pub const fn message(self) -> &'static str {
                match self { $(ErrorCode::$variant => $message,)* }
            }
        }
    };
}

error_codes! {
    /// The request itself breaks the API's rules.
    InvalidRequest => "INVALID_REQUEST", InvalidArgument, "the request is not valid";
    /// A model that the policy does not have.
    UnknownModel => "UNKNOWN_MODEL", NotFound,
        "the policy has no such model; ListPools names those it has";
    /// Not a reference of any known form.
    MalformedReference => "MALFORMED_REFERENCE", InvalidArgument,
        "the frame reference is malformed; use file:///path, s3://bucket/key, NAME:key or an absolute path";
    /// A well-formed reference to something outside the configured buckets.
    ReferenceNotAllowed => "REFERENCE_NOT_ALLOWED", PermissionDenied,
        "the frame reference lies outside the configured buckets";
    /// The bucket has no such object.
    ObjectNotFound => "OBJECT_NOT_FOUND", NotFound, "the bucket has no such object";
    /// The object has more bytes than `limits.object_bytes`.
    ObjectTooLarge => "OBJECT_TOO_LARGE", OutOfRange,
        "the object has more bytes than the limit allows";
    /// The image's header says more width, height or pixels than the limits.
    ImageTooLarge => "IMAGE_TOO_LARGE", OutOfRange,
        "the image is wider, higher or has more pixels than the limits allow";
    /// Not an image, of an unknown format, or damaged.
    FrameUndecodable => "FRAME_UNDECODABLE", InvalidArgument,
        "the frame cannot be decoded; it must be a whole JPEG or PNG image";
    /// The region does not lie within the frame.
    RegionOutsideFrame => "REGION_OUTSIDE_FRAME", InvalidArgument,
        "the region is empty or does not lie within the frame";
    /// The pool's queue, or the ingest's share of it, is full.
    QueueFull => "QUEUE_FULL", ResourceExhausted, "the model's queue is full; try again later";
    /// As many watches are open as the gateway allows.
    TooManyWatches => "TOO_MANY_WATCHES", ResourceExhausted,
        "as many watches are open as the gateway allows; close one or try again later";
    /// The call's deadline passed.
    DeadlineExceeded => "DEADLINE_EXCEEDED", DeadlineExceeded, "the deadline passed before a result";
    /// The frame grew older than `max_frame_age`.
    FrameTooOld => "FRAME_TOO_OLD", DeadlineExceeded, "the frame is older than max_frame_age";
    /// The client went away.
    Cancelled => "CANCELLED", Cancelled, "the request was cancelled";
    /// The gateway is stopping.
    Draining => "DRAINING", Unavailable, "the gateway is stopping; try another one";
    /// No replica of the model can be had now.
    NoReplica => "NO_REPLICA", Unavailable, "no replica of the model can be had now; try again later";
    /// The bucket did not answer, even after retries.
    BucketUnavailable => "BUCKET_UNAVAILABLE", Unavailable,
        "the bucket cannot be read now; try again later";
    /// The entry crashed the replica that executed it alone.
    ReplicaCrashed => "REPLICA_CRASHED", Internal, "the replica crashed on this frame";
    /// The backend answered this entry, executed alone, with an error.
    BackendFailed => "BACKEND_FAILED", Internal, "the model's backend failed on this frame";
    /// A fault of Framegate's own.
    Internal => "INTERNAL", Internal, "internal error";
}

impl ErrorCode {
    /// Whether the same request can succeed later without being changed (gRPC `UNAVAILABLE`).
    /// Such an error is no outcome of a Kafka record: it is retried.
    pub const fn is_transient(self) -> bool {
        matches!(self.grpc(), Code::Unavailable)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::ErrorCode;

    #[test]
    fn reasons_are_unique_and_upper_snake_case() {
        let mut seen = HashSet::new();
        for code in ErrorCode::ALL {
            let reason = code.reason();
            assert!(seen.insert(reason), "{reason} stands twice");
            assert!(reason.chars().all(|c| c.is_ascii_uppercase() || c == '_'), "{reason}");
        }
    }
}
