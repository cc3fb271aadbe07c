use framegate_proto::{ErrorCode, ServeError};
use serde::{Deserialize, Serialize};

/// What a model wants of a frame: the size of its input, and how the frame is made to fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputGeometry {
    /// Pixels of the input from left to right, at least 1.
    pub width: u32,
    /// Pixels of the input from top to bottom, at least 1.
    pub height: u32,
    /// How a frame of another shape is made to fit.
    pub fit: Fit,
}

/// How a frame of another shape becomes a model's input.
///
/// In YAML: `{ letterbox: { fill: [0, 0, 0] } }`, `{ center_crop: { short_side: 256 } }`, `stretch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Fit {
    /// The whole frame, scaled by one factor, in the middle of the input.
    Letterbox {
        /// RGB of the borders.
        fill: [u8; 3],
    },
    /// The frame scaled by one factor until its shorter side has this many pixels, of which the
    /// middle is taken.
    CenterCrop {
        /// At least the input's width and height.
        short_side: u32,
    },
    /// The whole frame, each side scaled by its own factor.
    Stretch,
}

/// A part of a frame, in pixels of the whole frame from its upper left corner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Region {
    /// Columns left of it.
    pub x: u32,
    /// Rows above it.
    pub y: u32,
    /// Columns in it.
    pub width: u32,
    /// Rows in it.
    pub height: u32,
}

/// Where the pixels of a model's input lie in the frame.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Mapping {
    /// Frame pixels for an input pixel, along x and y.
    scale: (f64, f64),
    /// The frame's point at the input's upper left corner.
    origin: (f64, f64),
    /// What was asked about: the region, else the whole frame.
    area: Region,
}

/// Which rectangle of the frame fills which rectangle of the input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Placement {
    /// In pixels of the whole frame: left, top, width, height.
    pub source: [f64; 4],
    /// In pixels of the input.
    pub target: Region,
}

impl InputGeometry {
    /// Whether every frame can be made to fit: no side is 0, and a centre crop is not larger than
    /// what it is cut from. [`prepare`](super::prepare) relies on it.
    pub fn is_valid(&self) -> bool {
        let largest = self.width.max(self.height);
        let crop_fits = !matches!(self.fit, Fit::CenterCrop { short_side } if short_side < largest);
        self.width.min(self.height) > 0 && crop_fits
    }
}

impl Region {
    /// The region within a frame of this size; without one, the whole frame.
    pub(super) fn within(
        region: Option<Self>,
        frame_width: u32,
        frame_height: u32,
    ) -> Result<Self, ServeError> {
        let whole = Self { x: 0, y: 0, width: frame_width, height: frame_height };
        let region = region.unwrap_or(whole);
        let ends = |from: u32, length: u32, side: u32| {
            length > 0 && from.checked_add(length).is_some_and(|end| end <= side)
        };
        if ends(region.x, region.width, frame_width) && ends(region.y, region.height, frame_height)
        {
            Ok(region)
        } else {
            Err(ErrorCode::RegionOutsideFrame.into())
        }
    }
}

impl Placement {
    pub(super) fn new(area: Region, input: &InputGeometry) -> Self {
        match input.fit {
            Fit::Letterbox { .. } => Self::letterbox(area, input),
            Fit::CenterCrop { short_side } => Self::center_crop(area, input, short_side),
            Fit::Stretch => {
                let target = Region { x: 0, y: 0, width: input.width, height: input.height };
                Self { source: whole(area), target }
            }
        }
    }

    /// As Pillow users write it: sides rounded half to even, the odd pixel of border at the end.
    fn letterbox(area: Region, input: &InputGeometry) -> Self {
        let ratio = (ratio(input.width, area.width)).min(ratio(input.height, area.height));
        let width = scaled(area.width, ratio).min(input.width);
        let height = scaled(area.height, ratio).min(input.height);
        let (x, y) = ((input.width - width) / 2, (input.height - height) / 2);
        Self { source: whole(area), target: Region { x, y, width, height } }
    }

    /// The same pixels as resizing the whole area and then cutting out its middle.
    fn center_crop(area: Region, input: &InputGeometry, short_side: u32) -> Self {
        let ratio = ratio(short_side, area.width.min(area.height));
        let cut = |from: u32, side: u32, wanted: u32| {
            let resized = scaled(side, ratio).max(wanted);
            let step = f64::from(side) / f64::from(resized);
            let before = f64::from((resized - wanted) / 2);
            (f64::from(from) + before * step, f64::from(wanted) * step)
        };
        let (left, width) = cut(area.x, area.width, input.width);
        let (top, height) = cut(area.y, area.height, input.height);
        let target = Region { x: 0, y: 0, width: input.width, height: input.height };
        Self { source: [left, top, width, height], target }
    }

    /// Input pixels for a frame pixel, along the side that has more. The smallest scale (1.0 = full
    /// size) at which a frame still has as many pixels as are taken from it; it may be above 1.0.
    pub(super) fn scale(&self) -> f64 {
        let [_, _, width, height] = self.source;
        (f64::from(self.target.width) / width).max(f64::from(self.target.height) / height)
    }
}

impl Mapping {
    pub(super) fn new(placement: &Placement, area: Region) -> Self {
        let [left, top, width, height] = placement.source;
        let target = placement.target;
        let scale = (width / f64::from(target.width), height / f64::from(target.height));
        let origin = (left - f64::from(target.x) * scale.0, top - f64::from(target.y) * scale.1);
        Self { scale, origin, area }
    }

    /// A point of the input, in pixels from its upper left corner, as a point of the whole frame.
    pub fn to_frame(&self, x: f32, y: f32) -> (f32, f32) {
        let point = (
            f64::from(x).mul_add(self.scale.0, self.origin.0),
            f64::from(y).mul_add(self.scale.1, self.origin.1),
        );
        (point.0 as f32, point.1 as f32)
    }

    /// The nearest point within the region that was asked about, else within the frame.
    pub fn clip(&self, x: f32, y: f32) -> (f32, f32) {
        let Region { x: left, y: top, width, height } = self.area;
        (x.clamp(left as f32, (left + width) as f32), y.clamp(top as f32, (top + height) as f32))
    }
}

fn whole(area: Region) -> [f64; 4] {
    [area.x, area.y, area.width, area.height].map(f64::from)
}

fn ratio(wanted: u32, side: u32) -> f64 {
    f64::from(wanted) / f64::from(side)
}

/// Python's `round(side * ratio)`, but at least one pixel.
fn scaled(side: u32, ratio: f64) -> u32 {
    (f64::from(side) * ratio).round_ties_even().max(1.0) as u32
}

#[cfg(test)]
#[path = "tests/geometry.rs"]
mod tests;
