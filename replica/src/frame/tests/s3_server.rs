//! A server of a few bytes of HTTP, which answers each request as its test says.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    future::Future,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::{FetchObserver, S3Bucket, S3Credentials, S3Fetch, S3Location, S3Options, S3Retries};

/// A server, what was asked of it, and what the bucket told of its reads.
pub(in crate::frame) struct Server {
    pub(in crate::frame) address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    told: Arc<Mutex<Vec<S3Fetch>>>,
}

impl Server {
    /// Answers request `n` (from 0) with `answer(n, connection)`, one for each connection.
    pub(in crate::frame) async fn start<F>(
        answer: impl Fn(usize, TcpStream) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((mut connection, _)) = listener.accept().await {
                let head = head_of(&mut connection).await;
                let number = heard.lock().unwrap().len();
                heard.lock().unwrap().push(head);
                tokio::spawn(answer(number, connection));
            }
        });
        Self { address, asked, told: Arc::default() }
    }

    /// Answers request `n` with the `n`th of these texts, and closes the connection.
    pub(in crate::frame) async fn scripted(answers: Vec<Vec<u8>>) -> Self {
        let answers = Arc::new(answers);
        Self::start(move |number, mut connection| {
            let answers = Arc::clone(&answers);
            async move {
                let answer = answers.get(number).expect("one request too many");
                connection.write_all(answer).await.unwrap();
            }
        })
        .await
    }

    /// The bucket `s3://cams/site1` there, with quick retries.
    pub(in crate::frame) fn bucket(&self) -> S3Bucket {
        let told = Arc::clone(&self.told);
        self.bucket_with(Arc::new(move |fetch| told.lock().unwrap().push(*fetch)))
    }

    /// The same with an observer of the test's own.
    pub(in crate::frame) fn bucket_with(&self, observer: FetchObserver) -> S3Bucket {
        let options = S3Options {
            endpoint: Some(format!("http://{}", self.address)),
            credentials: S3Credentials::Anonymous,
            timeout: Duration::from_secs(60),
            retries: S3Retries { attempts: 3, backoff: Duration::from_millis(1) },
            ..S3Options::default()
        };
        S3Bucket::new(S3Location::parse("s3://cams/site1").unwrap(), &options, observer).unwrap()
    }

    /// The request lines so far.
    pub(in crate::frame) fn asked(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        asked.iter().map(|head| head.lines().next().unwrap().to_owned()).collect()
    }

    /// What was told of the reads so far: result, retries and bytes.
    pub(in crate::frame) fn told(&self) -> Vec<(&'static str, u32, u64)> {
        let told = self.told.lock().unwrap();
        told.iter().map(|fetch| (fetch.result, fetch.retries, fetch.bytes)).collect()
    }
}

/// A whole answer: `status` is such as `200 OK`.
pub(in crate::frame) fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n"
    );
    [head.as_bytes(), body].concat()
}

async fn head_of(connection: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(connection.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}
