use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

use super::*;
use crate::{
    policy::{Fsync, Rotation},
    sink::{About, SinkRecord},
};

fn policy(path: &Path) -> policy::JsonlSink {
    policy::JsonlSink { path: path.to_owned(), drops: None, rotate: None, fsync: Fsync::Never }
}

fn rotating(path: &Path, rotate: Rotation) -> policy::JsonlSink {
    policy::JsonlSink { rotate: Some(rotate), ..policy(path) }
}

const BY_SIZE: Rotation = Rotation { size: Some(100), interval: None, keep: None };

fn batch(results: &[&str], drops: &[&str]) -> Arc<Batch> {
    let record = |line: &&str| SinkRecord {
        camera_id: "1".into(),
        about: About::default(),
        json: line.as_bytes().into(),
    };
    let records = |lines: &[&str]| lines.iter().map(record).collect();
    Arc::new(Batch { results: records(results), drops: records(drops) })
}

async fn open(policy: &policy::JsonlSink) -> anyhow::Result<JsonlSink> {
    JsonlSink::open(policy, &Files::new(), &mut Files::new()).await
}

/// The files in the folder, oldest first; the one that is written to comes first.
fn files(folder: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files.collect::<BTreeSet<_>>().into_iter().collect()
}

fn lines(files: &[PathBuf]) -> Vec<String> {
    let text = |file: &PathBuf| std::fs::read_to_string(file).unwrap();
    files
        .iter()
        .flat_map(|file| text(file).lines().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

#[tokio::test]
async fn what_is_acknowledged_is_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let (results, drops) = (folder.path().join("new/r.jsonl"), folder.path().join("d.jsonl"));
    let sink =
        open(&policy::JsonlSink { drops: Some(drops.clone()), ..policy(&results) }).await.unwrap();
    for round in 1..=50 {
        sink.deliver(batch(&["{1}", "{2}"], &["{3}"])).await.unwrap();
        assert_eq!(std::fs::read_to_string(&results).unwrap(), "{1}\n{2}\n".repeat(round));
        assert_eq!(std::fs::read_to_string(&drops).unwrap(), "{3}\n".repeat(round));
    }
    sink.flush().await.unwrap();
}

#[tokio::test]
async fn batches_that_wait_are_written_whole_and_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.jsonl");
    let sink = Arc::new(open(&policy(&path)).await.unwrap());
    let mut writes = tokio::task::JoinSet::new();
    for number in 0..200 {
        let sink = Arc::clone(&sink);
        let lines = [format!("a{number}"), format!("b{number}")];
        writes.spawn(async move { sink.deliver(batch(&[&lines[0], &lines[1]], &[])).await });
    }
    writes.join_all().await.into_iter().for_each(|written| written.unwrap());
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 400);
    assert!(lines.chunks(2).all(|pair| pair[0][1..] == pair[1][1..]), "{lines:?}");
}

#[tokio::test]
async fn it_appends_and_closes_a_line_that_was_cut() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.jsonl");
    std::fs::write(&path, "{1}\n{cut").unwrap();
    let sink = open(&policy(&path)).await.unwrap();
    sink.deliver(batch(&["{2}"], &[])).await.unwrap();
    drop(sink);
    let again = open(&policy(&path)).await.unwrap();
    again.deliver(batch(&["{3}"], &["{dropped}"])).await.unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "{1}\n{cut\n{2}\n{3}\n");
}

#[tokio::test]
async fn a_full_disk_is_an_error_and_no_acknowledgement() {
    let sink = open(&policy(Path::new("/dev/full"))).await.unwrap();
    let error = sink.deliver(batch(&["{1}"], &[])).await.unwrap_err();
    assert!(error.to_string().starts_with("writing failed: "), "{error}");
}

#[tokio::test]
async fn a_file_that_cannot_be_opened_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = open(&policy(folder.path())).await.err().unwrap();
    let path = folder.path().display().to_string();
    assert!(error.to_string().contains(&path), "{error:#}");
}

#[tokio::test]
async fn rotation_by_size_keeps_each_line_whole_and_in_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.jsonl");
    let sink = Arc::new(open(&rotating(&path, BY_SIZE)).await.unwrap());
    let mut writes = tokio::task::JoinSet::new();
    for number in 100..400 {
        let (sink, line) = (Arc::clone(&sink), format!("{{\"line\":{number}}}"));
        writes.spawn(async move { sink.deliver(batch(&[&line], &[])).await });
        if number % 7 == 0 {
            writes.join_next().await.unwrap().unwrap().unwrap();
        }
    }
    writes.join_all().await.into_iter().for_each(|written| written.unwrap());
    let files = files(folder.path());
    assert!(files.len() > 3, "{files:?}");
    let found = lines(&files);
    let wanted: Vec<String> = (100..400).map(|number| format!("{{\"line\":{number}}}")).collect();
    let mut sorted = found.clone();
    sorted.sort();
    assert_eq!(sorted, wanted);
}

#[tokio::test]
async fn a_file_grows_up_to_the_size_and_not_beyond() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.jsonl");
    let sink = open(&rotating(&path, BY_SIZE)).await.unwrap();
    for _ in 0..25 {
        sink.deliver(batch(&["{45678}91"], &[])).await.unwrap(); // 10 bytes with its line break
    }
    let sizes = files(folder.path()).into_iter().map(|file| file.metadata().unwrap().len());
    assert_eq!(sizes.collect::<Vec<_>>(), [50, 100, 100]);
    sink.deliver(batch(&[&"x".repeat(500)], &[])).await.unwrap();
    assert_eq!(path.metadata().unwrap().len(), 501, "a longer line stands alone, in one piece");
}

#[tokio::test]
async fn of_the_old_files_the_newest_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.jsonl");
    let others = ["r.jsonl.1", "r.jsonl.20261122T100000Z", "other.jsonl"];
    others.iter().for_each(|other| std::fs::write(folder.path().join(other), "").unwrap());
    let policy = rotating(&path, Rotation { size: Some(5), interval: None, keep: Some(2) });
    let sink = open(&policy).await.unwrap();
    for number in 1..=9 {
        sink.deliver(batch(&[&format!("{{{number}}}")], &[])).await.unwrap();
    }
    sink.flush().await.unwrap();
    let found = files(folder.path());
    assert_eq!(found.len(), others.len() + 3, "{found:?}");
    assert_eq!(lines(&found), ["{9}", "{7}", "{8}"]);
}

#[tokio::test(start_paused = true)]
async fn a_file_is_put_aside_when_its_interval_is_over_also_without_new_lines() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.jsonl");
    let hour = Duration::from_secs(3600);
    let policy = rotating(&path, Rotation { size: None, interval: Some(hour), keep: None });
    let sink = open(&policy).await.unwrap();
    tokio::time::sleep(hour * 5).await;
    assert_eq!(files(folder.path()).len(), 1, "an empty file stays");
    sink.deliver(batch(&["{1}"], &[])).await.unwrap();
    tokio::time::sleep(hour / 2).await;
    sink.deliver(batch(&["{2}"], &[])).await.unwrap();
    assert_eq!(files(folder.path()).len(), 1);
    tokio::time::sleep(hour / 2 + Duration::from_secs(1)).await;
    sink.flush().await.unwrap();
    let found = files(folder.path());
    assert_eq!((found.len(), path.metadata().unwrap().len()), (2, 0), "{found:?}");
    assert_eq!(lines(&found), ["{1}", "{2}"]);
}

#[tokio::test]
async fn a_rotation_that_fails_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.jsonl");
    let sink = open(&rotating(&path, BY_SIZE)).await.unwrap();
    let moved = folder.path().join("moved");
    std::fs::rename(&path, &moved).unwrap();
    for number in 0..30 {
        sink.deliver(batch(&[&format!("{{456789{number}}}")], &[])).await.unwrap();
    }
    assert_eq!(lines(&[moved]).len(), 30);
}

#[tokio::test(start_paused = true)]
async fn each_fsync_policy_writes_what_it_acknowledges() {
    for fsync in [Fsync::Never, Fsync::Batch, Fsync::Every(Duration::from_secs(1))] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/r.jsonl");
        let policy = policy::JsonlSink { fsync, ..rotating(&path, BY_SIZE) };
        let sink = open(&policy).await.unwrap();
        for _ in 0..30 {
            sink.deliver(batch(&["{456789}"], &[])).await.unwrap();
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
        sink.flush().await.unwrap();
        assert_eq!(lines(&files(path.parent().unwrap())).len(), 30, "{fsync:?}");
    }
}

/// A file that can be written and not forced onto the disk.
#[tokio::test(start_paused = true)]
async fn with_batch_a_line_that_is_not_on_the_disk_is_not_acknowledged() {
    let sink = |fsync| policy::JsonlSink { fsync, ..policy(Path::new("/dev/null")) };
    let batched = open(&sink(Fsync::Batch)).await.unwrap();
    let error = batched.deliver(batch(&["{1}"], &[])).await.unwrap_err();
    assert!(error.to_string().starts_with("writing failed: "), "{error}");
    let never = open(&sink(Fsync::Never)).await.unwrap();
    never.deliver(batch(&["{1}"], &[])).await.unwrap();
    never.flush().await.unwrap();
    let every = open(&sink(Fsync::Every(Duration::from_secs(1)))).await.unwrap();
    every.deliver(batch(&["{1}"], &[])).await.unwrap();
    every.flush().await.unwrap_err();
}
