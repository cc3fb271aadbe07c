//! Encoded bytes to pixels, by a library for each format.

pub(super) mod jpeg;
pub(super) mod png;
pub(super) mod webp;

use std::panic::{self, UnwindSafe};

use framegate_proto::{ErrorCode, ServeError};

use super::header::{Format, Header, Scale};
use crate::failpoint;

/// A decoded frame, perhaps smaller than the frame itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pixels {
    /// Pixels from left to right, of what is held.
    pub width: u32,
    /// Pixels from top to bottom, of what is held.
    pub height: u32,
    /// Pixels from left to right of the whole frame.
    pub full_width: u32,
    /// Pixels from top to bottom of the whole frame.
    pub full_height: u32,
    /// How much smaller than the frame it is: a pixel held stands for a square of this many.
    pub scale: Scale,
    /// RGB8, rows from top to bottom: `height * width * 3` bytes.
    pub data: Vec<u8>,
}

/// Why a decoder gave no pixels; for the log.
pub(super) type DecodeFailure = Box<dyn std::error::Error + Send + Sync>;

/// Decodes a probed image at a scale that its header offers.
///
/// # Errors
/// `FrameUndecodable` for an image that is damaged or cut short in any way, that has another size
/// than its header said, or on which its decoder panics.
pub fn decode(bytes: &[u8], header: &Header, scale: Scale) -> Result<Pixels, ServeError> {
    let data = caught(|| {
        failpoint!("decode.before", "failpoint".into());
        let data = match header.format {
            Format::Jpeg => jpeg::decode(bytes, header, scale),
            Format::Png => png::decode(bytes, header),
            Format::WebP => webp::decode(bytes, header),
        }?;
        failpoint!("decode.after", "failpoint".into());
        Ok(data)
    });
    let data = data.map_err(|error| {
        tracing::debug!(%error, ?header, ?scale, "a frame cannot be decoded");
        ServeError::new(ErrorCode::FrameUndecodable)
    })?;
    Ok(Pixels {
        width: scale.of(header.width),
        height: scale.of(header.height),
        full_width: header.width,
        full_height: header.height,
        scale,
        data,
    })
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
