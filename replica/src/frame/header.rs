use framegate_proto::{ErrorCode, ServeError};

use super::{
    decode::{jpeg, png, webp},
    extent::Extent,
};

/// The largest image that is decoded. All three bounds hold for the whole frame, region or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageLimits {
    /// Pixels from left to right.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
    /// Width times height.
    pub pixels: u64,
}

/// An image format that frames may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JPEG, sequential or progressive, grey or of three components.
    Jpeg,
    /// PNG; of an animated one, the first image.
    Png,
    /// WebP, lossy or lossless, but not an animated one.
    WebP,
}

/// What an encoded image says about itself before anything is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// How it is encoded.
    pub format: Format,
    /// Pixels from left to right, at least 1.
    pub width: u32,
    /// Pixels from top to bottom, at least 1.
    pub height: u32,
    /// Bytes that grow with the image and that its decoder holds besides the pixels, at most: the
    /// coefficients of a JPEG that comes in several scans; the planes, tables and copies of a WebP.
    pub working_bytes: u64,
    /// Whether a part of it can be decoded alone.
    pub has_parts: bool,
}

/// By how much an image is made smaller while it is decoded.
///
/// These four of JPEG's factors have fast inverse transforms; PNG and WebP have the first only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scale {
    /// As it is.
    Full,
    /// Half the width and height, rounded up.
    Half,
    /// A quarter of the width and height, rounded up.
    Quarter,
    /// An eighth of the width and height, rounded up.
    Eighth,
}

/// What a client is told of a WebP with several images in it.
const ANIMATED: &str =
    "the frame cannot be decoded; it is an animated WebP, and a frame is one image";
/// What a client is told of a JPEG that is made for printing.
const CMYK: &str = "the frame cannot be decoded; it is a CMYK JPEG, convert it to RGB";

/// Reads the header of an image, without decoding or allocating anything.
///
/// # Errors
/// `ImageTooLarge` above a limit, whatever else is wrong with the image; `FrameUndecodable` for
/// what does not begin like a JPEG, PNG or WebP, for an animated WebP and a JPEG in CMYK.
pub fn probe(bytes: &[u8], limits: &ImageLimits) -> Result<Header, ServeError> {
    let header = jpeg::header(bytes).or_else(|| png::header(bytes));
    let header = header.or_else(|| webp::header(bytes));
    let header = header.ok_or(ErrorCode::FrameUndecodable)?;
    let pixels = u64::from(header.width) * u64::from(header.height);
    if header.width > limits.width || header.height > limits.height || pixels > limits.pixels {
        return Err(ErrorCode::ImageTooLarge.into());
    }
    if pixels == 0 {
        return Err(ErrorCode::FrameUndecodable.into());
    }
    if header.format == Format::WebP && webp::is_animated(bytes) {
        return Err(ServeError::with_message(ErrorCode::FrameUndecodable, ANIMATED));
    }
    if header.format == Format::Jpeg && jpeg::is_cmyk(bytes) {
        return Err(ServeError::with_message(ErrorCode::FrameUndecodable, CMYK));
    }
    Ok(header)
}

impl Header {
    /// The smallest scale at which the image can be decoded and that is still at least `needed`
    /// (1.0 = full size).
    pub fn scale_for(&self, needed: f64) -> Scale {
        let scales = [Scale::Eighth, Scale::Quarter, Scale::Half];
        let enough = |scale: &Scale| self.format == Format::Jpeg && scale.factor() >= needed;
        scales.into_iter().find(enough).unwrap_or(Scale::Full)
    }

    /// Bytes held while so much of the image is being decoded: the pixels, and what the decoder needs
    /// besides.
    pub fn decoding_bytes(&self, extent: &Extent) -> u64 {
        extent.bytes() + self.working_bytes
    }
}

impl Scale {
    /// 1.0 for the full size, 0.125 for an eighth.
    pub fn factor(self) -> f64 {
        1.0 / f64::from(self.denominator())
    }

    /// A width or height at this scale, rounded up.
    pub fn of(self, full: u32) -> u32 {
        full.div_ceil(self.denominator())
    }

    /// 1, 2, 4 or 8.
    pub(super) fn denominator(self) -> u32 {
        match self {
            Self::Full => 1,
            Self::Half => 2,
            Self::Quarter => 4,
            Self::Eighth => 8,
        }
    }
}

#[cfg(test)]
#[path = "tests/header.rs"]
mod tests;
