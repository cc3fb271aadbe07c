//! The only caller of `fast_image_resize`, which is compiled into each module that calls it.

use fast_image_resize::{
    FilterType, ResizeAlg, ResizeOptions, Resizer,
    images::{TypedCroppedImageMut, TypedImage, TypedImageRef},
    pixels::U8x3,
};
use framegate_proto::{ErrorCode, ServeError};
use serde::{Deserialize, Serialize};

use super::{
    decode::Pixels,
    extent::Extent,
    geometry::{Fit, InputGeometry, Mapping, Placement, Region},
};

/// What a model gets of a frame, and how its answer is read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// RGB8, rows from top to bottom: `height * width * 3` bytes of the model's geometry.
    #[serde(with = "serde_bytes")]
    pub data: Vec<u8>,
    /// Where the input's pixels lie in the frame.
    pub mapping: Mapping,
}

impl Input {
    /// A black one, which is no frame's.
    pub(crate) fn blank(geometry: &InputGeometry) -> Self {
        let (width, height) = (geometry.width, geometry.height);
        let area = Region { x: 0, y: 0, width, height };
        let data = vec![0; 3 * width as usize * height as usize];
        Self { data, mapping: Mapping::new(&Placement::new(area, geometry), area) }
    }
}

/// Cuts and resizes a frame, or a region of it, to a model's input.
///
/// The filter is bilinear with a support that grows with the reduction, as Pillow's `BILINEAR`.
/// It reads the region in place, also from a frame that was made smaller while decoding; at a
/// region's edge it may take up a neighbouring pixel of the frame.
///
/// # Errors
/// `RegionOutsideFrame`; `Internal` for an invalid geometry or pixels of another length than told.
pub fn prepare(
    pixels: &Pixels,
    region: Option<Region>,
    geometry: &InputGeometry,
) -> Result<Input, ServeError> {
    if !geometry.is_valid() {
        return Err(ErrorCode::Internal.into());
    }
    let area = Region::within(region, pixels.full_width, pixels.full_height)?;
    let placement = Placement::new(area, geometry);
    let mut data = canvas(geometry);
    resize(pixels, &placement, geometry, &mut data).map_err(|error| {
        tracing::error!(%error, ?placement, ?geometry, "a frame cannot be resized");
        ServeError::new(ErrorCode::Internal)
    })?;
    Ok(Input { data, mapping: Mapping::new(&placement, area) })
}

fn canvas(geometry: &InputGeometry) -> Vec<u8> {
    let pixels = geometry.width as usize * geometry.height as usize;
    match geometry.fit {
        Fit::Letterbox { fill } => fill.repeat(pixels),
        Fit::CenterCrop { .. } | Fit::Stretch => vec![0; pixels * 3],
    }
}

/// Straight from the frame into the input's rectangle: no copy in between.
fn resize(
    pixels: &Pixels,
    placement: &Placement,
    geometry: &InputGeometry,
    data: &mut [u8],
) -> Result<(), Box<dyn std::error::Error>> {
    let part = pixels.extent.part;
    let source = TypedImageRef::<U8x3>::from_buffer(part.width, part.height, &pixels.data)?;
    let mut canvas = TypedImage::<U8x3>::from_buffer(geometry.width, geometry.height, data)?;
    let Region { x, y, width, height } = placement.target;
    let mut target = TypedCroppedImageMut::from_ref(&mut canvas, x, y, width, height)?;
    let [left, top, across, down] = held(pixels, placement);
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::Bilinear))
        .crop(left, top, across, down);
    Ok(Resizer::new().resize_typed(&source, &mut target, &options)?)
}

/// The placement's source in the pixels that are held: left, top, width and height.
///
/// A held pixel stands for a whole square of the frame's, so the factor is the scale's own and not
/// the ratio of the sizes, of which the smaller one is rounded up.
fn held(pixels: &Pixels, placement: &Placement) -> [f64; 4] {
    let Extent { scale, part } = pixels.extent;
    let [left, top, width, height] = placement.source.map(|side| side * scale.factor());
    let (left, top) = (left - f64::from(part.x), top - f64::from(part.y));
    [left, top, within(left, width, part.width), within(top, height, part.height)]
}

/// The length, cut where rounding would carry its end beyond the side. The sum of both is then
/// exact: a whole number like the side is nearer to it than any number above.
fn within(start: f64, length: f64, side: u32) -> f64 {
    length.min(f64::from(side) - start)
}

#[cfg(test)]
#[path = "tests/fit.rs"]
mod tests;
