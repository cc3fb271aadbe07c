//! A whole load, through all gates of the loader and a blocking thread, but without a fetch.

use std::{future, sync::Arc};

use bytes::Bytes;
use framegate_replica::frame::{FrameLoader, InputGeometry, LoaderLimits, Source, Wanted};
use tokio::runtime::{Builder, Runtime};

use crate::parts::{self, Size};

/// A loader with nothing in it, and a frame that is loaded again and again.
pub struct Loading {
    runtime: Runtime,
    loader: FrameLoader,
    jpeg: Bytes,
    inputs: Arc<[InputGeometry]>,
}

/// An entry that stays.
struct Stays;

impl Wanted for Stays {
    fn is_wanted(&self) -> bool {
        true
    }

    async fn departed(&self) {
        future::pending().await
    }
}

impl Loading {
    /// A frame of this size for the models with these inputs.
    pub fn new((width, height): Size, inputs: &[InputGeometry]) -> Self {
        let limits = LoaderLimits {
            object_bytes: 20 << 20,
            image: parts::LIMITS,
            frame_bytes: 256 << 20,
            concurrent_fetches: 1,
            concurrent_loads: 1,
        };
        Self {
            runtime: Builder::new_current_thread().build().expect("a runtime"),
            loader: FrameLoader::new(limits),
            jpeg: parts::jpeg(width as usize, height as usize).into(),
            inputs: inputs.into(),
        }
    }

    /// From encoded bytes to the inputs of all models: one decode, a resize for each.
    pub fn load(&self) {
        let source = Source::Inline(self.jpeg.clone());
        let frame = self.loader.frame(source, None, self.inputs.clone());
        for geometry in &*self.inputs {
            let loaded = self.runtime.block_on(self.loader.load(&frame, geometry, Stays));
            assert!(loaded.expect("a frame").is_some());
        }
    }
}
