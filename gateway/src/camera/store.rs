use std::{
    env,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, anyhow, bail, ensure};
use framegate_proto::ErrorCode;
use framegate_replica::frame::S3Bucket;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::{
    clip::frames_of,
    options::{Destination, Options},
    staging::Staging,
};

/// Frames that are written to S3 at once.
const CONCURRENT_WRITES: usize = 16;
/// Lists a clip's frames on S3. It is written last, so a clip that has it is whole.
const LIST: &str = "frames.json";
/// More than a list of the most frames of a clip takes, in bytes.
const LIST_BYTES: u64 = 8 << 20;

/// The bucket that clips are written to.
#[derive(Debug, Clone)]
pub(super) enum ClipStore {
    /// A folder.
    Folder(PathBuf),
    /// A place on S3.
    S3(S3Bucket),
}

impl ClipStore {
    /// The bucket that the options name; nothing is written yet.
    pub(super) fn open(options: &Options) -> anyhow::Result<Self> {
        match &options.bucket {
            Destination::Folder(folder) => {
                let s3_only = options.s3.endpoint.is_some() || options.s3.region.is_some();
                ensure!(!s3_only, "--endpoint and --region are for --bucket s3://…: remove them");
                Ok(Self::Folder(folder.clone()))
            }
            Destination::S3(location) => {
                let untold = Arc::new(|_: &_| {});
                let bucket = S3Bucket::new(location.clone(), &options.s3.options(), untold);
                let refused = |reason| anyhow!("cannot write to the bucket {location}: {reason}");
                Ok(Self::S3(bucket.map_err(refused)?))
            }
        }
    }

    /// The names of a clip's frames, in order, if the bucket has the whole clip.
    pub(super) async fn find(&self, clip: &str) -> anyhow::Result<Option<Vec<String>>> {
        match self {
            Self::Folder(bucket) => {
                let target = bucket.join(clip);
                if !target.exists() {
                    return Ok(None);
                }
                let names = names_of(&target)?;
                let remedy = format!("{} is empty: delete it, and run again", target.display());
                ensure!(!names.is_empty(), remedy);
                Ok(Some(names))
            }
            Self::S3(bucket) => match bucket.get(&format!("{clip}/{LIST}"), LIST_BYTES).await {
                Ok(list) => Ok(Some(serde_json::from_slice(&list).with_context(|| {
                    format!("{LIST} of {clip} in the bucket is damaged: delete it, and run again")
                })?)),
                Err(error) if error.code == ErrorCode::ObjectNotFound => Ok(None),
                Err(error) => bail!(
                    "the bucket {} cannot be read: {error}; the log says why",
                    bucket.location()
                ),
            },
        }
    }

    /// Where a clip's frames are to be put before they are published.
    pub(super) fn staging(&self, clip: &str) -> anyhow::Result<Staging> {
        match self {
            Self::Folder(bucket) => Staging::beside(&bucket.join(clip)),
            Self::S3(_) => Staging::beside(&env::temp_dir().join("framegate-camera").join(clip)),
        }
    }

    /// Makes the staged frames those of the clip; when this returns, the bucket has them all.
    pub(super) async fn publish(&self, staged: Staging, clip: &str) -> anyhow::Result<()> {
        match self {
            Self::Folder(bucket) => staged.publish(&bucket.join(clip)),
            Self::S3(bucket) => {
                let names = names_of(staged.folder())?;
                let list = serde_json::to_vec(&names)?;
                let writes =
                    names.into_iter().map(|name| upload(bucket, staged.folder(), clip, name));
                stream::iter(writes)
                    .buffer_unordered(CONCURRENT_WRITES)
                    .try_collect::<()>()
                    .await?;
                put(bucket, &format!("{clip}/{LIST}"), list).await
            }
        }
    }
}

async fn upload(bucket: &S3Bucket, folder: &Path, clip: &str, name: String) -> anyhow::Result<()> {
    let path = folder.join(&name);
    let frame = tokio::fs::read(&path).await;
    let frame = frame.with_context(|| format!("cannot read {}", path.display()))?;
    put(bucket, &format!("{clip}/{name}"), frame).await
}

async fn put(bucket: &S3Bucket, key: &str, bytes: Vec<u8>) -> anyhow::Result<()> {
    let written = bucket.put(key, bytes.into()).await;
    written.map_err(|reason| anyhow!("cannot write {key} to {}: {reason}", bucket.location()))
}

fn names_of(folder: &Path) -> anyhow::Result<Vec<String>> {
    let unreadable = || format!("cannot read {} in the bucket", folder.display());
    let files = frames_of(folder).with_context(unreadable)?;
    let name = |file: &PathBuf| file.file_name()?.to_str().map(str::to_owned);
    Ok(files.iter().filter_map(name).collect())
}
