use std::{fmt, future::Future, sync::Arc, time::Duration};

use bytes::Bytes;
use framegate_proto::{ErrorCode, ServeError};
use futures_util::StreamExt;
use object_store::{
    ClientOptions, GetOptions, ObjectStore, PutOptions, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder, AwsCredentialProvider},
    path::Path,
};
use tokio::time::{sleep, timeout};

use super::{
    FetchObserver, S3Credentials, S3Location, S3Options, S3Retries, complaints::Complaints,
    connector::Connector, failure::Failure, fetch::Tally, retries::chance,
};

/// The objects beneath one place on S3. Clones share connections and credentials.
#[derive(Clone)]
pub struct S3Bucket {
    // Where it is.
    location: S3Location,
    pub(super) store: Arc<AmazonS3>,
    /// Absent where requests are not signed.
    credentials: Option<AwsCredentialProvider>,

    // How it is asked.
    timeout: Duration,
    retries: S3Retries,

    // Who is told.
    observer: FetchObserver,
    complaints: Arc<Complaints>,
}

impl S3Bucket {
    /// The bucket at this place; nothing is asked of it yet.
    ///
    /// # Errors
    /// A text for the operator: credentials that are not to be had, or options that cannot be.
    pub fn new(
        location: S3Location,
        options: &S3Options,
        observer: FetchObserver,
    ) -> Result<Self, String> {
        let builder = options.credentials.apply(builder(&location, options))?;
        let store = builder.build().map_err(|error| Failure::from(error).to_string())?;
        let signed = options.credentials != S3Credentials::Anonymous;
        Ok(Self {
            location,
            credentials: signed.then(|| Arc::clone(store.credentials())),
            store: Arc::new(store),
            timeout: options.timeout,
            retries: options.retries,
            observer,
            complaints: Arc::default(),
        })
    }

    /// Where it is.
    pub fn location(&self) -> &S3Location {
        &self.location
    }

    /// The object's bytes, at most `limit`. If the future is dropped, its connection is closed.
    ///
    /// # Errors
    /// `ObjectNotFound`; `ObjectTooLarge`, without reading the rest; `BucketUnavailable` for all
    /// else, after retries where they make sense. The log then says why.
    pub async fn get(&self, key: &str, limit: u64) -> Result<Bytes, ServeError> {
        let mut tally = Tally::new(Arc::clone(&self.observer));
        let read = match self.location.path(key) {
            Some(path) => self.tried(&tally, || self.read(&path, limit, &tally)).await,
            None => Err(Failure::NotFound),
        };
        let answer = read.map_err(|failure| self.error(key, &failure));
        tally.ended(&answer);
        answer
    }

    /// Writes an object; when this returns, the bucket has it.
    ///
    /// # Errors
    /// A text for the operator, after retries where they make sense.
    pub async fn put(&self, key: &str, bytes: Bytes) -> Result<(), String> {
        let path = self.location.path(key).ok_or("S3 takes no key as long as this")?;
        let untold = Tally::new(Arc::new(|_| {}));
        let written = self.tried(&untold, || self.write(&path, &bytes)).await;
        written.map_err(|failure| failure.to_string())
    }

    /// Takes a step until it succeeds or no further try makes sense.
    pub(super) async fn tried<T, F>(
        &self,
        tally: &Tally,
        step: impl Fn() -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        loop {
            let tries = tally.next_try();
            let ended = timeout(self.timeout, step()).await;
            let failure = match ended.unwrap_or(Err(Failure::TimedOut)) {
                Ok(done) => return Ok(done),
                Err(failure) => failure,
            };
            match self.retries.wait_after(tries, &failure, chance()) {
                Some(wait) => sleep(wait).await,
                None => return Err(failure),
            }
        }
    }

    async fn read(&self, path: &Path, limit: u64, tally: &Tally) -> Result<Bytes, Failure> {
        self.check_credentials().await?;
        let object = self.store.get_opts(path, GetOptions::default()).await?;
        let declared = object.meta.size;
        if declared > limit {
            return Err(Failure::TooLarge);
        }
        let mut bytes = Vec::with_capacity(usize::try_from(declared).unwrap_or(0));
        let mut chunks = object.into_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk?;
            tally.came(chunk.len());
            if (bytes.len() + chunk.len()) as u64 > limit {
                return Err(Failure::TooLarge);
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes.into())
    }

    async fn write(&self, path: &Path, bytes: &Bytes) -> Result<(), Failure> {
        self.check_credentials().await?;
        self.store.put_opts(path, bytes.clone().into(), PutOptions::default()).await?;
        Ok(())
    }

    /// The provider keeps credentials until they expire. They are had beforehand, so that what
    /// refuses them is never taken for the bucket's answer.
    pub(super) async fn check_credentials(&self) -> Result<(), Failure> {
        let Some(credentials) = &self.credentials else { return Ok(()) };
        let had = credentials.get_credential().await;
        had.map(drop).map_err(|error| Failure::Credentials(Failure::from(error).to_string()))
    }

    fn error(&self, key: &str, failure: &Failure) -> ServeError {
        let code = failure.code();
        if code == ErrorCode::BucketUnavailable
            && let Some(unsaid) = self.complaints.may_speak()
        {
            let bucket = self.location.url();
            tracing::error!(bucket, key, %failure, unsaid, "a bucket cannot be read");
        }
        code.into()
    }
}

impl fmt::Debug for S3Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Bucket").field("location", &self.location).finish_non_exhaustive()
    }
}

fn builder(location: &S3Location, options: &S3Options) -> AmazonS3Builder {
    // Tries are made here, where one covers the body too, and all are counted.
    let once =
        RetryConfig { max_retries: 0, retry_timeout: options.timeout, ..RetryConfig::default() };
    let builder = AmazonS3Builder::new()
        .with_bucket_name(&location.bucket)
        .with_region(&options.region)
        .with_virtual_hosted_style_request(options.virtual_hosted_style)
        .with_client_options(ClientOptions::new().with_allow_http(true))
        .with_http_connector(Connector::new(options.connect_timeout))
        .with_retry(once);
    match endpoint(location, options) {
        Some(endpoint) => builder.with_endpoint(endpoint),
        None => builder,
    }
}

/// With virtual hosts, `object_store` takes an endpoint as it is: the bucket must stand there.
fn endpoint(location: &S3Location, options: &S3Options) -> Option<String> {
    let endpoint = options.endpoint.clone()?;
    let host = format!("://{}.", location.bucket);
    Some(if options.virtual_hosted_style { endpoint.replacen("://", &host, 1) } else { endpoint })
}

#[cfg(test)]
#[path = "../tests/s3.rs"]
mod tests;
