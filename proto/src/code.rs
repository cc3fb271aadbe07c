use tonic::Code;

/// Declares each code once. Its comment is its page in docs/errors.md: first when it comes, then what to do.
macro_rules! error_codes {
    ($($(#[doc = $doc:literal])* $variant:ident => $reason:literal, $grpc:ident, $message:literal;)*) => {
        /// Every way in which Framegate refuses or fails a request, and nothing else.
        ///
        /// Each has a stable reason (`ErrorInfo.reason`), one gRPC code and one fixed text.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode { $($(#[doc = $doc])* $variant,)* }

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

            /// The lines of its comment.
            const fn comment(self) -> &'static [&'static str] {
                match self { $(ErrorCode::$variant => &[$($doc),*],)* }
            }
        }
    };
}

error_codes! {
    /// The request itself breaks the API's rules, which the message names.
    ///
    /// Correct the request.
    InvalidRequest => "INVALID_REQUEST", InvalidArgument, "the request is not valid";
    /// A message of a call has more bytes than `limits.message_bytes`.
    ///
    /// Refer to the frame by `uri` instead of sending it, or raise that limit.
    MessageTooLarge => "MESSAGE_TOO_LARGE", OutOfRange,
        "the message has more bytes than the limit allows; refer to the frame instead of sending it";
    /// The policy has no model of that name.
    ///
    /// Ask for one that `ListPools` names, or add it to `models:`.
    UnknownModel => "UNKNOWN_MODEL", NotFound,
        "the policy has no such model; ListPools names those it has";
    /// No pool has a replica of that name, or it has gone.
    ///
    /// Ask for one that `ListPools` names.
    UnknownReplica => "UNKNOWN_REPLICA", NotFound,
        "no pool has such a replica; ListPools names those they have";
    /// The frame reference has none of the known forms; `%` escapes are not decoded.
    ///
    /// Write `file:///path`, `s3://bucket/key`, `NAME:key` or an absolute path.
    MalformedReference => "MALFORMED_REFERENCE", InvalidArgument,
        "the frame reference is malformed; use file:///path, s3://bucket/key, NAME:key or an absolute path";
    /// The reference is well formed, but outside the configured buckets: another place or scheme,
    /// `..`, a link that leads out.
    ///
    /// Use a reference within a bucket, or add the place to `buckets:`.
    ReferenceNotAllowed => "REFERENCE_NOT_ALLOWED", PermissionDenied,
        "the frame reference lies outside the configured buckets";
    /// The bucket has no such object, or it is not a regular file.
    ///
    /// Write the frame before its reference is sent, and keep it until its result is there.
    ObjectNotFound => "OBJECT_NOT_FOUND", NotFound, "the bucket has no such object";
    /// The object has more bytes than `limits.object_bytes`.
    ///
    /// Send a smaller one, or raise that limit.
    ObjectTooLarge => "OBJECT_TOO_LARGE", OutOfRange,
        "the object has more bytes than the limit allows";
    /// The image's header says more than `limits.image_width`, `image_height` or `image_pixels`;
    /// nothing was decoded.
    ///
    /// Send a smaller image, or raise that limit.
    ImageTooLarge => "IMAGE_TOO_LARGE", OutOfRange,
        "the image is wider, higher or has more pixels than the limits allow";
    /// Not an image, of an unknown format, in CMYK, animated, or damaged.
    ///
    /// Look at the object: it must be one whole JPEG, PNG or WebP in grey or RGB.
    FrameUndecodable => "FRAME_UNDECODABLE", InvalidArgument,
        "the frame cannot be decoded; it must be a whole JPEG, PNG or WebP image";
    /// The region is empty or does not lie within the frame.
    ///
    /// Give the region in pixels of the frame as it is stored.
    RegionOutsideFrame => "REGION_OUTSIDE_FRAME", InvalidArgument,
        "the region is empty or does not lie within the frame";
    /// The pool's queue, or the ingest's share of it, is full.
    ///
    /// Try again after `RetryInfo.retry_delay`; if it lasts, raise `max_replicas` or
    /// `max_queued_requests`.
    QueueFull => "QUEUE_FULL", ResourceExhausted, "the model's queue is full; try again later";
    /// As many watches are open as the gateway allows.
    ///
    /// Close a `WatchPools` call that nobody reads.
    TooManyWatches => "TOO_MANY_WATCHES", ResourceExhausted,
        "as many watches are open as the gateway allows; close one or try again later";
    /// The call's deadline, or else `server.default_timeout`, passed, or could not be met any more.
    ///
    /// Allow more time, or raise `max_replicas`; `framegate_stage_seconds` says where the time
    /// goes.
    DeadlineExceeded => "DEADLINE_EXCEEDED", DeadlineExceeded, "the deadline passed before a result";
    /// The frame grew older than `max_frame_age`; records are dropped with the reason `too_old`.
    ///
    /// Raise `max_replicas` if too many are lost, or allow older frames.
    FrameTooOld => "FRAME_TOO_OLD", DeadlineExceeded, "the frame is older than max_frame_age";
    /// A newer frame of the camera took its place; only records of a `latest_only` ingest meet it.
    ///
    /// Nothing; raise `max_replicas` if too many frames are skipped.
    Superseded => "SUPERSEDED", Aborted, "a newer frame of the camera took the place of this one";
    /// The client went away.
    ///
    /// Nothing; its place in the queue is free already.
    Cancelled => "CANCELLED", Cancelled, "the request was cancelled";
    /// The gateway is stopping.
    ///
    /// Ask another one, or the same one when it is back.
    Draining => "DRAINING", Unavailable, "the gateway is stopping; try another one";
    /// All replicas of the model have failed and are being started again, or its files cannot be
    /// read.
    ///
    /// Try again later; `GetPool`, `/readyz` and the log say why.
    NoReplica => "NO_REPLICA", Unavailable, "no replica of the model can be had now; try again later";
    /// The bucket's folder cannot be read, or its S3 server did not answer, even after retries.
    ///
    /// Try again later; the log says why. Records wait for it and are not lost.
    BucketUnavailable => "BUCKET_UNAVAILABLE", Unavailable,
        "the bucket cannot be read now; try again later";
    /// The entry crashed the replica that executed it, and once more when it was alone.
    ///
    /// Keep the frame and report it; the log has the crash.
    ReplicaCrashed => "REPLICA_CRASHED", Internal, "the replica crashed on this frame";
    /// The entry's batch, in which it was alone, was not executed within `batch_timeout`.
    ///
    /// Keep the frame and report it; if it was only slow, raise `batch_timeout` of the model.
    ReplicaHung => "REPLICA_HUNG", Internal, "the replica did not come through this frame in time";
    /// The backend answered this entry, executed alone, with an error.
    ///
    /// Look into the log for the backend's own words; the model may not fit its `model.yaml`.
    BackendFailed => "BACKEND_FAILED", Internal, "the model's backend failed on this frame";
    /// A fault of Framegate's own.
    ///
    /// Report it with the log.
    Internal => "INTERNAL", Internal, "internal error";
}

impl ErrorCode {
    /// Whether the same request can succeed later without being changed (gRPC `UNAVAILABLE`).
    /// Such an error is no outcome of a Kafka record: it is retried.
    pub const fn is_transient(self) -> bool {
        matches!(self.grpc(), Code::Unavailable)
    }

    /// When it comes, for the reference.
    pub fn when(self) -> String {
        joined(self.comment().split(|line| line.trim().is_empty()).next())
    }

    /// What its receiver or the operator can do, for the reference.
    pub fn what_to_do(self) -> String {
        joined(self.comment().split(|line| line.trim().is_empty()).nth(1))
    }
}

/// The lines of a paragraph as one.
fn joined(paragraph: Option<&[&str]>) -> String {
    let lines: Vec<&str> = paragraph.unwrap_or_default().iter().map(|line| line.trim()).collect();
    lines.join(" ")
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

    #[test]
    fn each_says_when_it_comes_and_what_to_do() {
        for code in ErrorCode::ALL {
            let (when, what_to_do) = (code.when(), code.what_to_do());
            assert!(when.ends_with('.') && what_to_do.ends_with('.'), "{}", code.reason());
        }
        assert_eq!(ErrorCode::Draining.when(), "The gateway is stopping.");
    }
}
