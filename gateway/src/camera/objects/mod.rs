//! Objects of one frame each: written before their reference is sent, never changed, and deleted
//! when they have had their time.

mod folder;
mod layout;

use std::{
    convert::Infallible,
    hash::{BuildHasher, RandomState},
    path::Path,
    time::Duration,
};

use anyhow::{Context, anyhow, ensure};
use bytes::Bytes;
use framegate_replica::frame::S3Bucket;
use jiff::Timestamp;
use tokio::task::spawn_blocking;
use tracing::{info, warn};

use self::layout::Layout;
use super::{options::Options, store::ClipStore};

/// Objects deleted in one sweep at most, so that a sweep has an end; the next one goes on.
const SWEEP: usize = 20_000;
/// How often is swept.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// The shortest time that objects can be kept.
const SHORTEST: Duration = Duration::from_secs(1);

/// Gives each frame an object of its own.
pub(super) struct UniqueObjects {
    store: ClipStore,
    layout: Layout,
    /// How long they are kept; for good if absent.
    keep: Option<Duration>,
}

impl UniqueObjects {
    /// None if references are to the clips' own objects. Errors name the option that does not hold.
    pub(super) fn open(options: &Options, store: &ClipStore) -> anyhow::Result<Option<Self>> {
        let keep = options.keep;
        if !options.unique_objects && !options.has_streams() {
            ensure!(keep.is_none(), "--keep is for objects of one frame: add --unique-objects");
            return Ok(None);
        }
        ensure!(
            keep.is_none_or(|keep| keep >= SHORTEST),
            "--keep is below {SHORTEST:?}: give more"
        );
        let run = RandomState::new().hash_one(());
        let layout = Layout::new(&options.topic_prefix, keep, run)?;
        Ok(Some(Self { store: store.clone(), layout, keep }))
    }

    /// Makes an object of a clip's frame; its key, once it is there.
    pub(super) async fn copy(
        &self,
        clip_key: &str,
        camera_id: &str,
        sequence: u64,
        at: Timestamp,
    ) -> anyhow::Result<String> {
        let extension = Path::new(clip_key).extension().unwrap_or_default().to_string_lossy();
        let key = self.layout.key(camera_id, sequence, &extension, at);
        match &self.store {
            ClipStore::Folder(bucket) => {
                let (from, to) = (bucket.join(clip_key), bucket.join(&key));
                spawn_blocking(move || folder::link(&from, &to)).await?.context(UNWRITTEN)?;
            }
            ClipStore::S3(bucket) => bucket.copy(clip_key, &key).await.map_err(unwritten)?,
        }
        Ok(key)
    }

    /// Makes an object of a stream's frame; its key, once it is there.
    pub(super) async fn write(
        &self,
        jpeg: Bytes,
        camera_id: &str,
        sequence: u64,
        at: Timestamp,
    ) -> anyhow::Result<String> {
        let key = self.layout.key(camera_id, sequence, "jpg", at);
        match &self.store {
            ClipStore::Folder(bucket) => {
                let to = bucket.join(&key);
                spawn_blocking(move || folder::write(&to, &jpeg)).await?.context(UNWRITTEN)?;
            }
            ClipStore::S3(bucket) => bucket.put(&key, jpeg).await.map_err(unwritten)?,
        }
        Ok(key)
    }

    /// Deletes what has had its time, also of runs before this one, until dropped.
    pub(super) async fn sweep(&self) -> Infallible {
        let Some(keep) = self.keep else { return std::future::pending().await };
        let mut failing = false;
        loop {
            let swept = self.sweep_once(keep).await;
            match &swept {
                Ok(_) if failing => info!("old frames are deleted again"),
                Err(error) if !failing => {
                    warn!(error = %format_args!("{error:#}"), "old frames cannot be deleted");
                }
                _ => {}
            }
            failing = swept.is_err();
            tokio::time::sleep(self.layout.slice().min(SWEEP_EVERY)).await;
        }
    }

    async fn sweep_once(&self, keep: Duration) -> anyhow::Result<usize> {
        let (layout, now) = (self.layout.clone(), Timestamp::now());
        match &self.store {
            ClipStore::Folder(bucket) => {
                let bucket = bucket.clone();
                let sweep = move || {
                    folder::sweep(&bucket, &layout, |slice| layout.expired(slice, keep, now), SWEEP)
                };
                Ok(spawn_blocking(sweep).await??)
            }
            ClipStore::S3(bucket) => {
                sweep_s3(bucket, &layout, |slice| layout.expired(slice, keep, now))
                    .await
                    .map_err(|reason| anyhow!(reason))
            }
        }
    }
}

async fn sweep_s3(
    bucket: &S3Bucket,
    layout: &Layout,
    expired: impl Fn(&str) -> bool,
) -> Result<usize, String> {
    let (parent, mut deleted) = (layout.folder(), 0);
    let slices = bucket.folders(&parent).await?;
    for slice in slices.into_iter().filter(|slice| expired(slice)) {
        let folder = format!("{parent}/{slice}");
        let mut names = bucket.names(&folder, SWEEP - deleted).await?;
        names.retain(|name| layout.owns(name));
        deleted += names.len();
        bucket.delete(names.into_iter().map(|name| format!("{folder}/{name}")).collect()).await?;
        if deleted == SWEEP {
            break;
        }
    }
    Ok(deleted)
}

const UNWRITTEN: &str = "a frame cannot be written to the bucket";

fn unwritten(reason: String) -> anyhow::Error {
    anyhow!(reason).context(UNWRITTEN)
}
