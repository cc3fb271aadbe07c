//! `limits:` what is bounded before anything is allocated.

use std::thread::available_parallelism;

use super::checks::Checks;
use super::raw::RawLimits;
use super::units::{BYTES, PIXEL_COUNT, whole};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;

/// What is bounded before anything is allocated.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Decoded pixels held by claimed entries, in bytes. Default 256 MiB, 1 KiB to 1 TiB. A larger frame goes alone.
    pub frame_bytes: u64,
    /// One encoded frame, in bytes. Default 20 MiB, 1 KiB to 1 GiB.
    pub object_bytes: u64,
    /// Width of an image, in pixels. Default 16,384, 1 to 65,535.
    pub image_width: u32,
    /// Height of an image, in pixels. Default 16,384, 1 to 65,535.
    pub image_height: u32,
    /// Width × height of an image, in pixels. Default 64 MP, 1 P to 4 GP.
    pub image_pixels: u64,
    /// One gRPC message, in bytes. Default 20 MiB, 1 KiB to 1 GiB.
    pub message_bytes: usize,
    /// Objects that are fetched over a network at once; each may hold `object_bytes`. Default 64, 1 to 4,096.
    pub concurrent_fetches: usize,
    /// Intra-op threads of all local replicas together. Default 2 × cores, 1 to 4,096.
    pub replica_threads: usize,
}

impl Limits {
    pub(super) fn resolve(raw: &RawLimits, checks: &mut Checks) -> Self {
        let message_bytes = checks.value(&raw.message_bytes, &BYTES, 20 * MIB, KIB..=GIB);
        Self {
            frame_bytes: checks.value(&raw.frame_bytes, &BYTES, 256 * MIB, KIB..=TIB),
            object_bytes: checks.value(&raw.object_bytes, &BYTES, 20 * MIB, KIB..=GIB),
            image_width: checks.value(&raw.image_width, &whole(), 16_384, 1..=65_535),
            image_height: checks.value(&raw.image_height, &whole(), 16_384, 1..=65_535),
            image_pixels: checks.value(
                &raw.image_pixels,
                &PIXEL_COUNT,
                64_000_000,
                1..=4_000_000_000,
            ),
            message_bytes: usize::try_from(message_bytes).unwrap_or(usize::MAX),
            concurrent_fetches: checks.value(&raw.concurrent_fetches, &whole(), 64, 1..=4096),
            replica_threads: checks.value(
                &raw.replica_threads,
                &whole(),
                default_threads(),
                1..=4096,
            ),
        }
    }
}

/// Two for each core, so that one replica computes while another waits.
fn default_threads() -> usize {
    available_parallelism().map_or(2, |cores| 2 * cores.get())
}
