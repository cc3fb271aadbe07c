use std::{
    fs,
    os::unix::{fs::symlink, net::UnixListener},
    process::Command,
    sync::mpsc,
    thread,
    time::Duration,
};

use tempfile::TempDir;

use super::*;

fn bucket(folder: &Path) -> Bucket {
    Bucket::new("frames", &format!("file://{}", folder.display())).unwrap()
}

fn code(folder: &TempDir, key: &str) -> ErrorCode {
    bucket(folder.path()).read(key, 4).unwrap().unwrap_err().code
}

#[test]
fn a_file_of_exactly_the_limit_is_read() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("cam")).unwrap();
    fs::write(folder.path().join("cam/a"), b"1234").unwrap();
    symlink("cam", folder.path().join("link")).unwrap();
    let bucket = bucket(folder.path());
    assert_eq!(bucket.read("cam/a", 4).unwrap().unwrap(), &b"1234"[..]);
    assert_eq!(bucket.read("link/a", 4).unwrap().unwrap(), &b"1234"[..]);
    assert_eq!(bucket.read("cam/a", 3).unwrap().unwrap_err().code, ErrorCode::ObjectTooLarge);
}

#[test]
fn what_is_no_regular_file_is_not_found() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("dir")).unwrap();
    fs::write(folder.path().join("file"), b"1").unwrap();
    symlink("loop", folder.path().join("loop")).unwrap();
    let _socket = UnixListener::bind(folder.path().join("socket")).unwrap();
    let long = "a".repeat(300);
    for key in ["none", "dir", "file/a", "loop", "socket", long.as_str()] {
        assert_eq!(code(&folder, key), ErrorCode::ObjectNotFound, "{key}");
    }
}

#[test]
fn nobody_waits_for_a_fifo_s_writer() {
    let folder = TempDir::new().unwrap();
    let made = Command::new("mkfifo").arg(folder.path().join("fifo")).status().unwrap();
    assert!(made.success());
    let (sender, answer) = mpsc::channel();
    thread::spawn(move || sender.send(code(&folder, "fifo")));
    assert_eq!(answer.recv_timeout(Duration::from_secs(60)), Ok(ErrorCode::ObjectNotFound));
}

#[test]
fn symlinks_out_of_the_bucket_are_not_followed() {
    let folder = TempDir::new().unwrap();
    let outside = TempDir::new().unwrap();
    fs::write(outside.path().join("a"), b"1").unwrap();
    symlink(outside.path().join("a"), folder.path().join("absolute")).unwrap();
    symlink("../../../../etc/passwd", folder.path().join("relative")).unwrap();
    symlink(outside.path(), folder.path().join("folder")).unwrap();
    for key in ["absolute", "relative", "folder/a", "../a", "/etc/passwd"] {
        assert_eq!(code(&folder, key), ErrorCode::ReferenceNotAllowed, "{key}");
    }
}

#[test]
fn what_a_file_grows_by_is_not_read() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a");
    fs::write(&path, b"12345678").unwrap();
    let file = File::from_std(fs::File::open(path).unwrap());
    assert!(matches!(read_at_most(file, 2, 4), Ok(bytes) if *bytes == *b"12"));
}

#[test]
fn a_folder_may_appear_later() {
    let folder = TempDir::new().unwrap();
    let later = folder.path().join("later");
    let bucket = bucket(&later);
    assert_eq!(bucket.read("a", 4).unwrap().unwrap_err().code, ErrorCode::BucketUnavailable);
    fs::create_dir(&later).unwrap();
    assert_eq!(bucket.read("a", 4).unwrap().unwrap_err().code, ErrorCode::ObjectNotFound);
    fs::write(later.join("a"), b"1").unwrap();
    assert!(bucket.read("a", 4).unwrap().is_ok());
}

#[test]
fn names_and_urls_are_checked() {
    for (url, kept) in [("file:///a/b//", "file:///a/b"), ("file:///", "file://")] {
        assert_eq!(Bucket::new("b", url).unwrap().url(), kept);
    }
    for url in ["", "/a", "file://", "file://a/b", "file:///a/../b", "file:///a//b", "s3://a"] {
        assert_eq!(Bucket::new("b", url).unwrap_err(), BucketError::Url(url.to_owned()));
    }
    for name in ["", "a:b", "a/b", "a b"] {
        assert_eq!(Bucket::new(name, "file:///a").unwrap_err(), BucketError::Name(name.into()));
    }
}
