//! From encoded bytes to a model's input, without a fetch: header, decode, resize.
//!
//! `cargo bench -p framegate-replica`
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{future, sync::Arc};

use bytes::Bytes;
use divan::Bencher;
use framegate_replica::frame::{
    Fit, FrameLoader, ImageLimits, InputGeometry, LoaderLimits, Source, Wanted,
};
use turbojpeg::{Image, PixelFormat, Subsamp, compress};

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

fn main() {
    divan::main();
}

const CLASSIFIER: InputGeometry =
    InputGeometry { width: 224, height: 224, fit: Fit::CenterCrop { short_side: 256 } };
const DETECTOR: InputGeometry =
    InputGeometry { width: 416, height: 416, fit: Fit::Letterbox { fill: [0; 3] } };

/// A 1920x1080 JPEG (4:2:0, quality 85) for the classifier, 224x224.
#[divan::bench]
fn jpeg_1080p_to_classifier(bencher: Bencher) {
    load(bencher, &[CLASSIFIER]);
}

/// The same for the detector, 416x416.
#[divan::bench]
fn jpeg_1080p_to_detector(bencher: Bencher) {
    load(bencher, &[DETECTOR]);
}

/// The same for both: one decode, two resizes.
#[divan::bench]
fn jpeg_1080p_to_both(bencher: Bencher) {
    load(bencher, &[DETECTOR, CLASSIFIER]);
}

fn load(bencher: Bencher, inputs: &[InputGeometry]) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let loader = FrameLoader::new(LoaderLimits {
        object_bytes: 20 << 20,
        image: ImageLimits { width: 16_384, height: 16_384, pixels: 64_000_000 },
        frame_bytes: 256 << 20,
        concurrent_fetches: 1,
        concurrent_loads: 1,
    });
    let (jpeg, geometries): (Bytes, Arc<[InputGeometry]>) = (jpeg(1920, 1080), inputs.into());
    bencher.bench_local(|| {
        let frame = loader.frame(Source::Inline(jpeg.clone()), None, geometries.clone());
        for geometry in inputs {
            let loaded = runtime.block_on(loader.load(&frame, geometry, Stays));
            assert!(loaded.expect("a frame").is_some());
        }
    });
}

/// A picture with edges and gradients, so that its JPEG is about as large as a camera's.
fn jpeg(width: usize, height: usize) -> Bytes {
    let pixel = |index: usize| {
        let (x, y) = (index % width, index / width);
        [(x * 255 / width) as u8, (y * 255 / height) as u8, ((x / 16 + y / 16) % 2 * 200) as u8]
    };
    let pixels: Vec<u8> = (0..width * height).flat_map(pixel).collect();
    let image = Image {
        pixels: pixels.as_slice(),
        width,
        pitch: 3 * width,
        height,
        format: PixelFormat::RGB,
    };
    Bytes::from(compress(image, 85, Subsamp::Sub2x2).expect("a JPEG").to_vec())
}
