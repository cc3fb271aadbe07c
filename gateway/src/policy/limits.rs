//! `limits:` what is bounded before anything is allocated.

use std::thread::available_parallelism;

use sysinfo::System;

use super::checks::Checks;
use super::key::Key;
use super::raw::RawLimits;
use super::units::{BYTES, PIXEL_COUNT, whole};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;
const MP: u64 = 1_000_000;

pub(super) const FRAME_BYTES: Key<u64> = Key::new(BYTES, KIB, TIB).or(256 * MIB);
pub(super) const OBJECT_BYTES: Key<u64> = Key::new(BYTES, KIB, GIB).or(20 * MIB);
pub(super) const IMAGE_WIDTH: Key<u32> = Key::new(whole(), 1, 65_535).or(16_384);
pub(super) const IMAGE_HEIGHT: Key<u32> = Key::new(whole(), 1, 65_535).or(16_384);
pub(super) const IMAGE_PIXELS: Key<u64> = Key::new(PIXEL_COUNT, 1, 4_000 * MP).or(64 * MP);
pub(super) const MESSAGE_BYTES: Key<u64> = Key::new(BYTES, KIB, GIB).or(20 * MIB);
pub(super) const CONCURRENT_FETCHES: Key<usize> = Key::new(whole(), 1, 4096).or(64);
pub(super) const REPLICA_THREADS: Key<usize> =
    Key::new(whole(), 1, 4096).or_words("2 × cores of the machine");
pub(super) const REPLICA_MEMORY: Key<u64> =
    Key::new(BYTES, MIB, 1024 * TIB).or_words("3/4 of the memory that the process may use");

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
    /// Memory of all local replicas together, in bytes. Default 3/4 of what the process may use, 1 MiB to 1 PiB.
    pub replica_memory: u64,
}

impl Limits {
    pub(super) fn resolve(raw: &RawLimits, checks: &mut Checks) -> Self {
        let message_bytes = checks.value(&raw.message_bytes, MESSAGE_BYTES);
        Self {
            frame_bytes: checks.value(&raw.frame_bytes, FRAME_BYTES),
            object_bytes: checks.value(&raw.object_bytes, OBJECT_BYTES),
            image_width: checks.value(&raw.image_width, IMAGE_WIDTH),
            image_height: checks.value(&raw.image_height, IMAGE_HEIGHT),
            image_pixels: checks.value(&raw.image_pixels, IMAGE_PIXELS),
            message_bytes: usize::try_from(message_bytes).unwrap_or(usize::MAX),
            replica_threads: raw
                .replica_threads
                .as_ref()
                .map_or_else(default_threads, |text| checks.required(text, REPLICA_THREADS)),
            replica_memory: raw
                .replica_memory
                .as_ref()
                .map_or_else(default_memory, |text| checks.required(text, REPLICA_MEMORY)),
            concurrent_fetches: checks.value(&raw.concurrent_fetches, CONCURRENT_FETCHES),
        }
    }
}

/// Two for each core, so that one replica computes while another waits.
fn default_threads() -> usize {
    available_parallelism().map_or(2, |cores| 2 * cores.get())
}

/// The rest is for frames, connections and the system. One that does not say sets no limit.
fn default_memory() -> u64 {
    usable_memory().map_or(REPLICA_MEMORY.most, |may_use| may_use / 4 * 3)
}

/// Bytes of memory that the process may use: what its control group allows, else all that the machine
/// has. None if the system says neither.
pub(crate) fn usable_memory() -> Option<u64> {
    let mut system = System::new().ok()?;
    system.refresh_memory();
    let allowed = system.cgroup_limits().map(|limits| limits.total_memory);
    Some(allowed.unwrap_or(u64::MAX).min(system.total_memory())).filter(|may_use| *may_use > 0)
}
