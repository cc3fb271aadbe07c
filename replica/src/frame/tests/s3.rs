#![allow(clippy::unwrap_used, clippy::expect_used)]

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::*;
use crate::frame::s3::server::{Server, answer};

const LIMIT: u64 = 1000;

async fn code(server: &Server) -> ErrorCode {
    server.bucket().get("a.jpg", LIMIT).await.unwrap_err().code
}

#[tokio::test]
async fn an_object_is_asked_for_beneath_the_prefix() {
    let body = vec![7; LIMIT as usize];
    let server = Server::scripted(vec![answer("200 OK", "etag: \"e\"\r\n", &body)]).await;
    assert_eq!(server.bucket().get("a b/100%.jpg", LIMIT).await.unwrap(), body);
    assert_eq!(server.asked(), ["GET /cams/site1/a%20b/100%25.jpg HTTP/1.1"]);
    assert_eq!(server.told(), [("OK", 0, LIMIT)]);
}

#[tokio::test]
async fn what_may_pass_is_tried_again() {
    let whole = answer("200 OK", "", &[7; 20]);
    let server = Server::scripted(vec![
        answer("503 Slow Down", "", b"<Error><Code>SlowDown</Code></Error>"),
        whole[..whole.len() - 5].to_vec(),
        whole,
    ])
    .await;
    assert_eq!(server.bucket().get("a.jpg", LIMIT).await.unwrap(), [7; 20][..]);
    assert_eq!(server.asked().len(), 3);
    let [(result, retries, bytes)] = server.told()[..] else { panic!("one read") };
    assert_eq!((result, retries), ("OK", 2));
    assert!((20..=35).contains(&bytes), "{bytes}");
}

#[tokio::test]
async fn tries_are_bounded_and_what_will_not_pass_has_one() {
    for (status, body, wanted, tries) in [
        ("500 Oops", "", ErrorCode::BucketUnavailable, 3),
        ("404 Not Found", "<Code>NoSuchKey</Code>", ErrorCode::ObjectNotFound, 1),
        ("404 Not Found", "<Code>NoSuchBucket</Code>", ErrorCode::BucketUnavailable, 1),
        ("403 Forbidden", "<Code>AccessDenied</Code>", ErrorCode::BucketUnavailable, 1),
    ] {
        let server = Server::scripted(vec![answer(status, "", body.as_bytes()); 3]).await;
        assert_eq!(code(&server).await, wanted, "{status}");
        assert_eq!(server.asked().len(), tries, "{status}");
        let told = (wanted.reason(), tries as u32 - 1, 0);
        assert_eq!(server.told(), [told], "{status}");
    }
}

#[tokio::test]
async fn no_redirect_is_followed() {
    for status in ["301 Moved", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let elsewhere = Server::scripted(vec![answer("200 OK", "", b"secret")]).await;
        let location = format!("location: http://{}/x\r\n", elsewhere.address);
        let server = Server::scripted(vec![answer(status, &location, b"")]).await;
        assert_eq!(code(&server).await, ErrorCode::BucketUnavailable, "{status}");
        assert_eq!((server.asked().len(), elsewhere.asked().len()), (1, 0), "{status}");
    }
}

#[tokio::test]
async fn a_declared_length_above_the_limit_is_enough() {
    let server = Server::scripted(vec![answer("200 OK", "", &vec![0; 1001])]).await;
    assert_eq!(code(&server).await, ErrorCode::ObjectTooLarge);
    assert_eq!(server.told(), [("OBJECT_TOO_LARGE", 0, 0)]);
}

/// Sends chunks without an end until nobody reads them any more.
async fn send_chunks_for_ever(mut connection: TcpStream) {
    let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    connection.write_all(head).await.unwrap();
    while connection.write_all(b"64\r\n").await.is_ok()
        && connection.write_all(&[0; 100]).await.is_ok()
        && connection.write_all(b"\r\n").await.is_ok()
    {}
}

#[tokio::test]
async fn an_endless_object_without_a_length_is_cut_at_the_limit() {
    let server = Server::start(|_, connection| send_chunks_for_ever(connection)).await;
    assert_eq!(code(&server).await, ErrorCode::ObjectTooLarge);
    let [(_, _, bytes)] = server.told()[..] else { panic!("one read") };
    assert!(bytes < 100 * LIMIT, "{bytes} bytes were read");
}

#[tokio::test]
async fn an_endless_error_is_cut_too() {
    let server = Server::start(async |_, mut connection: TcpStream| {
        let head = b"HTTP/1.1 403 Forbidden\r\n\r\n<Code>AccessDenied</Code>";
        connection.write_all(head).await.unwrap();
        while connection.write_all(&[b' '; 1000]).await.is_ok() {}
    })
    .await;
    assert_eq!(code(&server).await, ErrorCode::BucketUnavailable);
}

#[tokio::test]
async fn an_object_without_a_length_is_read_whole() {
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n\
                   3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    let server = Server::scripted(vec![chunked.into()]).await;
    assert_eq!(server.bucket().get("a.jpg", 5).await.unwrap(), "abcde");
}

#[tokio::test]
async fn a_try_ends_at_its_timeout() {
    let server = Server::start(async |_, mut connection: TcpStream| {
        // Until the other side has given up.
        let _ = connection.read_u8().await;
    })
    .await;
    let bucket = S3Bucket { timeout: Duration::from_millis(20), ..server.bucket() };
    let error = bucket.get("a.jpg", LIMIT).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::BucketUnavailable);
    assert_eq!(server.told(), [("BUCKET_UNAVAILABLE", 2, 0)]);
}

#[tokio::test]
async fn https_is_spoken_and_a_server_that_does_not_is_an_error() {
    let server = Server::scripted(vec![]).await;
    let options = S3Options {
        endpoint: Some("https://127.0.0.1:1".to_owned()),
        credentials: S3Credentials::Anonymous,
        retries: S3Retries { attempts: 1, ..S3Retries::default() },
        ..S3Options::default()
    };
    let location = server.bucket().location().clone();
    let bucket = S3Bucket::new(location, &options, Arc::new(|_| {})).unwrap();
    let error = bucket.get("a.jpg", LIMIT).await.unwrap_err();
    assert_eq!(error, ErrorCode::BucketUnavailable.into());
}

#[tokio::test]
async fn what_is_written_is_acknowledged_after_retries() {
    let server = Server::start(async |number, mut connection: TcpStream| {
        let mut body = [0; 4];
        connection.read_exact(&mut body).await.unwrap();
        assert_eq!(&body, b"data");
        let said = if number == 0 { "500 Oops" } else { "200 OK" };
        connection.write_all(&answer(said, "etag: \"e\"\r\n", b"")).await.unwrap();
    })
    .await;
    server.bucket().put("a.jpg", Bytes::from_static(b"data")).await.unwrap();
    assert_eq!(server.asked(), ["PUT /cams/site1/a.jpg HTTP/1.1"; 2]);
}

#[test]
fn virtual_hosts_have_the_bucket_s_name() {
    let location = S3Location::parse("s3://cams").unwrap();
    for (virtual_hosted_style, host) in
        [(false, "https://s3.example.com:1"), (true, "https://cams.s3.example.com:1")]
    {
        let written = Some("https://s3.example.com:1".to_owned());
        let options = S3Options { endpoint: written, virtual_hosted_style, ..S3Options::default() };
        assert_eq!(endpoint(&location, &options).as_deref(), Some(host));
    }
}
