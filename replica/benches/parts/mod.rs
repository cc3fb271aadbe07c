//! What is measured of the frame path: the parts, and the data that they work on.
//!
//! Synthetic JPEGs, as large as those of cameras, for a classifier and a detector.

mod picture;

use framegate_replica::frame::{
    self, Extent, Fit, Header, ImageLimits, Input, InputGeometry, Pixels,
};

pub use picture::jpeg;

/// A frame's width and height.
pub type Size = (u32, u32);

/// A frame of 1920x1080, which both models together take at a quarter of its size.
pub const LARGE: Size = (1920, 1080);
/// A frame of 1280x720, which they take at half of its size.
pub const SMALL: Size = (1280, 720);

/// 224x224, as efficientnet-lite0 takes it.
pub const CLASSIFIER: InputGeometry =
    InputGeometry { width: 224, height: 224, fit: Fit::CenterCrop { short_side: 256 } };
/// 416x416, as nanodet takes it.
pub const DETECTOR: InputGeometry =
    InputGeometry { width: 416, height: 416, fit: Fit::Letterbox { fill: [0; 3] } };

/// The largest frames that are taken.
pub const LIMITS: ImageLimits = ImageLimits { width: 16_384, height: 16_384, pixels: 64_000_000 };

/// An encoded frame, and how it is to be decoded.
pub struct Encoded {
    bytes: Vec<u8>,
    header: Header,
    extent: Extent,
}

/// A decoded frame, and what it is to be made into.
pub struct Decoded {
    pixels: Pixels,
    geometry: InputGeometry,
}

/// A frame of this size, for both models.
pub fn encoded((width, height): Size) -> Encoded {
    let bytes = jpeg(width as usize, height as usize);
    let (header, extent) = plan(&bytes);
    Encoded { bytes, header, extent }
}

/// Its pixels, for one model.
pub fn decoded(size: Size, geometry: InputGeometry) -> Decoded {
    Decoded { pixels: decode(&encoded(size)), geometry }
}

/// Reads the header, and chooses the smallest scale and part that serve both models.
pub fn probe(frame: &Encoded) -> (Header, Extent) {
    plan(&frame.bytes)
}

/// Decodes that.
pub fn decode(frame: &Encoded) -> Pixels {
    frame::decode(&frame.bytes, &frame.header, frame.extent).expect("a whole JPEG")
}

/// Cuts and resizes pixels to a model's input.
pub fn resize(frame: &Decoded) -> Input {
    frame::prepare(&frame.pixels, None, &frame.geometry).expect("a valid geometry")
}

fn plan(bytes: &[u8]) -> (Header, Extent) {
    let header = frame::probe(bytes, &LIMITS).expect("a JPEG");
    let extent = Extent::needed(&header, None, &[CLASSIFIER, DETECTOR]).expect("a whole frame");
    (header, extent)
}
