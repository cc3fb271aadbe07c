//! Buckets on S3, and on what speaks its protocol.
//!
//! `object_store` finds credentials and signs. What it leaves open is decided here: how many bytes
//! are read at most, how often and how long is tried, and that no redirect is followed.

// What is configured.
mod credentials;
mod location;
mod retries;

// The objects.
mod bucket;
mod connector;
mod objects;

// How it went.
mod complaints;
mod failure;
mod fetch;

#[cfg(test)]
#[path = "tests/s3_server.rs"]
pub(super) mod server;

use std::time::Duration;

pub use self::{
    bucket::S3Bucket,
    credentials::S3Credentials,
    fetch::{FETCH_RESULTS, FetchObserver, S3Fetch},
    location::S3Location,
    retries::S3Retries,
};

/// How a bucket is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Options {
    /// `http://host:port` or `https://host`; AWS's own for the region if absent.
    pub endpoint: Option<String>,
    /// What requests are signed for.
    pub region: String,
    /// `bucket.host/key` instead of `host/bucket/key`.
    pub virtual_hosted_style: bool,
    /// Where the credentials come from.
    pub credentials: S3Credentials,
    /// How long a try may take, from the credentials to the last byte.
    pub timeout: Duration,
    /// How long a connection may take; a part of `timeout`.
    pub connect_timeout: Duration,
    /// How often a request is tried.
    pub retries: S3Retries,
}

impl Default for S3Options {
    fn default() -> Self {
        Self {
            endpoint: None,
            region: "us-east-1".to_owned(),
            virtual_hosted_style: false,
            credentials: S3Credentials::Environment,
            timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(1),
            retries: S3Retries::default(),
        }
    }
}
