//! A server of HTTP that is called, whatever the bodies mean to it.

use std::{
    error::Error,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result, anyhow};
use http_body_util::BodyExt;
use hyper::{StatusCode, Uri, header::HeaderValue};
use tokio::time::timeout;

use crate::{
    connection::{BoxError, Connection, Version, address},
    posts::Posts,
};

/// Connections to a server, and what is sent. Of HTTP/2 there is one; of HTTP/1.1 there are as many as there
/// were requests under way.
#[derive(Clone)]
pub struct Web {
    version: Version,
    address: Arc<str>,
    posts: Posts,
    idle: Arc<Mutex<Vec<Connection>>>,
}

/// Statuses of an answer: that of HTTP, and that of gRPC if there is one.
type Statuses = (StatusCode, Option<HeaderValue>);

impl Web {
    /// Connects.
    ///
    /// # Errors
    /// When the URL is none of HTTP, or nothing listens there.
    pub async fn connect(url: &Uri, version: Version, posts: Posts) -> Result<Self> {
        let web = Self { version, address: address(url)?.into(), posts, idle: Arc::default() };
        let connection = timeout(Duration::from_secs(3), web.open()).await;
        let connection = connection.map_err(BoxError::from).flatten();
        let connection = connection.map_err(|error| anyhow!(cause(&*error)));
        web.put_back(connection.with_context(|| format!("no server answers at {url}"))?);
        Ok(web)
    }

    /// See [`crate::target::Target::call`].
    pub async fn call(&self, number: u64, limit: Duration) -> String {
        match timeout(limit, self.post(number)).await {
            Ok(Ok((status, grpc_status))) => end(status, grpc_status.as_ref()),
            Ok(Err(error)) => cause(&*error),
            Err(_elapsed) => "DEADLINE_EXCEEDED".to_owned(),
        }
    }

    async fn post(&self, number: u64) -> Result<Statuses, BoxError> {
        let mut connection = match self.take() {
            Some(connection) => connection,
            None => self.open().await?,
        };
        let response = connection.send(self.posts.get(number)).await?;
        let status = response.status();
        let header = response.headers().get("grpc-status").cloned();
        let body = response.into_body().collect().await?;
        self.put_back(connection);
        // It is a header where there is no body.
        let trailer = body.trailers().and_then(|trailers| trailers.get("grpc-status").cloned());
        Ok((status, trailer.or(header)))
    }

    async fn open(&self) -> Result<Connection, BoxError> {
        Connection::open(self.version, &self.address).await
    }

    /// A connection on which nothing is under way, or that takes more.
    fn take(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|connection| !connection.is_closed());
        idle.last()?.shared().or_else(|| idle.pop())
    }

    fn put_back(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.is_empty() || connection.shared().is_none() {
            idle.push(connection);
        }
    }
}

fn end(status: StatusCode, grpc_status: Option<&HeaderValue>) -> String {
    match grpc_status.map(HeaderValue::as_bytes) {
        _ if status != StatusCode::OK => format!("HTTP {}", status.as_u16()),
        None | Some(b"0") => "OK".to_owned(),
        Some(code) => format!("GRPC {}", String::from_utf8_lossy(code)),
    }
}

/// What lies at the bottom of an error; what is above it tells of the client.
fn cause(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_good_only_if_http_and_grpc_say_so() {
        let grpc = |code| Some(HeaderValue::from_static(code));
        assert_eq!(end(StatusCode::OK, None), "OK");
        assert_eq!(end(StatusCode::OK, grpc("0").as_ref()), "OK");
        assert_eq!(end(StatusCode::OK, grpc("14").as_ref()), "GRPC 14");
        assert_eq!(end(StatusCode::SERVICE_UNAVAILABLE, grpc("0").as_ref()), "HTTP 503");
    }
}
