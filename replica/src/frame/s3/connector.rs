use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use object_store::{
    ClientConfigKey, ClientOptions, HeaderValue,
    client::{
        HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse,
        HttpResponseBody, HttpService,
    },
};
use reqwest::redirect::Policy;

use super::failure::Refused;

/// Idle connections that are kept, for each server.
const IDLE_CONNECTIONS: usize = 64;
/// Bytes that are read of an answer that is no success.
const ERROR_BYTES: usize = 4096;
/// The longest word for an error that is repeated in the log.
const LONGEST_CODE: usize = 64;

/// Makes HTTP clients that follow no redirect: a reference must not lead anywhere but to its
/// bucket, and `object_store`'s own clients would follow ten.
#[derive(Debug)]
pub(super) struct Connector {
    connect_timeout: Duration,
}

/// Answers with what S3 has to say, in bounds.
#[derive(Debug)]
struct Http(reqwest::Client);

impl Connector {
    pub(super) fn new(connect_timeout: Duration) -> Self {
        // reqwest is built without a provider of its own, so that the binary holds one kind of
        // cryptography only; it takes the process' default. Whoever was first has set the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self { connect_timeout }
    }
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let http = options.get_config_value(&ClientConfigKey::AllowHttp);
        let client = reqwest::Client::builder()
            .redirect(Policy::none())
            .connect_timeout(self.connect_timeout)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .https_only(http.as_deref() != Some("true"))
            .build();
        let client = client.map_err(|error| object_store::Error::Generic {
            store: "HTTP client",
            source: Box::new(error),
        })?;
        Ok(HttpClient::new(Http(client)))
    }
}

#[async_trait]
impl HttpService for Http {
    /// Redirects and errors are errors here: no more of their text is read than names them.
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let mut response = HttpService::call(&self.0, request).await?;
        let status = response.status();
        if !status.is_success() {
            let code = error_code(&beginning(response.into_body()).await);
            let refused = Refused { status: status.as_u16(), code };
            return Err(HttpError::new(HttpErrorKind::Decode, refused));
        }
        // `object_store` refuses an answer without this, which servers that send in chunks do not
        // give. What is read is counted anyway.
        let unknown = HeaderValue::from_static("0");
        response.headers_mut().entry("content-length").or_insert(unknown);
        Ok(response)
    }
}

async fn beginning(body: HttpResponseBody) -> Vec<u8> {
    let mut kept = Vec::new();
    let mut chunks = body.bytes_stream();
    while let Some(Ok(chunk)) = chunks.next().await
        && kept.len() < ERROR_BYTES
    {
        let chunk: Bytes = chunk;
        kept.extend(chunk.iter().take(ERROR_BYTES - kept.len()));
    }
    kept
}

/// What stands in `<Code>`, if it is a plain word.
fn error_code(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let code = text.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
    let plain =
        |code: &&str| code.len() <= LONGEST_CODE && code.chars().all(|c| c.is_ascii_alphanumeric());
    code.map(|(code, _)| code).filter(plain).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_s_code_is_a_plain_word_or_nothing() {
        let answer = "<?xml?><Error><Code>NoSuchKey</Code><Message>m</Message></Error>";
        assert_eq!(error_code(answer.as_bytes()), "NoSuchKey");
        for other in ["", "<Code>", "<Code>a b</Code>", "<Code>a\n</Code>", "\u{1}\u{2}"] {
            assert_eq!(error_code(other.as_bytes()), "", "{other:?}");
        }
        let long = format!("<Code>{}</Code>", "a".repeat(LONGEST_CODE + 1));
        assert_eq!(error_code(long.as_bytes()), "");
    }
}
