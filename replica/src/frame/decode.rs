//! Encoded bytes to pixels, by a library for each format.

pub(super) mod jpeg;
pub(super) mod png;
mod turbo;
pub(super) mod webp;

use std::panic::{self, UnwindSafe};

use framegate_proto::{ErrorCode, ServeError};

use super::{
    extent::Extent,
    header::{Format, Header},
};
use crate::failpoint;

/// A decoded frame, or a part of one, perhaps smaller than the frame itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pixels {
    /// Pixels from left to right of the whole frame.
    pub full_width: u32,
    /// Pixels from top to bottom of the whole frame.
    pub full_height: u32,
    /// What is held: a pixel stands for a square of as many as the scale tells.
    pub extent: Extent,
    /// RGB8, rows from top to bottom: as many bytes as the extent has.
    pub data: Vec<u8>,
}

/// Why a decoder gave no pixels; for the log.
pub(super) type DecodeFailure = Box<dyn std::error::Error + Send + Sync>;

/// Decodes as much of a probed image as its header offers.
///
/// # Errors
/// `FrameUndecodable` for an image that is damaged or cut short in any way, that has another size
/// than its header said, or on which its decoder panics.
pub fn decode(bytes: &[u8], header: &Header, extent: Extent) -> Result<Pixels, ServeError> {
    let data = caught(|| {
        failpoint!("decode.before", "failpoint".into());
        let data = match header.format {
            Format::Jpeg => jpeg::decode(bytes, header, extent),
            Format::Png => png::decode(bytes, header),
            Format::WebP => webp::decode(bytes, header),
        }?;
        failpoint!("decode.after", "failpoint".into());
        Ok(data)
    });
    let data = data.map_err(|error| {
        tracing::debug!(%error, ?header, ?extent, "a frame cannot be decoded");
        ServeError::new(ErrorCode::FrameUndecodable)
    })?;
    Ok(Pixels { full_width: header.width, full_height: header.height, extent, data })
}

/// A decoder's panic as an error like any other.
fn caught<T>(
    decoder: impl FnOnce() -> Result<T, DecodeFailure> + UnwindSafe,
) -> Result<T, DecodeFailure> {
    panic::catch_unwind(decoder).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(format!("the decoder panicked: {}", text.unwrap_or("without a text")).into())
    })
}

#[cfg(test)]
#[path = "tests/decode.rs"]
mod tests;
