//! Which of an image's pixels come into being: at what scale, and the part that is looked at.

use framegate_proto::ServeError;

use super::{
    geometry::{InputGeometry, Placement, Region},
    header::{Header, Scale},
};

/// What is decoded of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// By how much it is made smaller.
    pub scale: Scale,
    /// What is held of it, in pixels at that scale.
    pub part: Region,
}

/// Pixels around what is resized that take part in making it, besides those that the filter reads:
/// where chroma is sampled down, a pixel takes some of its neighbours', two at most.
const SPILL: f64 = 4.0;

/// A part of a JPEG begins at a block of its coarsest samples, and those of the coarsest kind are this
/// wide at full size.
const BLOCK: u32 = 32;

impl Extent {
    /// All of an image of this size.
    pub fn whole((width, height): (u32, u32), scale: Scale) -> Self {
        let part = Region { x: 0, y: 0, width: scale.of(width), height: scale.of(height) };
        Self { scale, part }
    }

    /// The least that serves every one of these inputs as the whole image would: the smallest scale,
    /// and the smallest part where the format lets one be decoded alone.
    ///
    /// # Errors
    /// `RegionOutsideFrame`.
    pub fn needed(
        header: &Header,
        region: Option<Region>,
        inputs: &[InputGeometry],
    ) -> Result<Self, ServeError> {
        let size = (header.width, header.height);
        let area = Region::within(region, header.width, header.height)?;
        let placements = || inputs.iter().map(|input| Placement::new(area, input));
        let scale = placements().map(|placement| placement.scale()).fold(0.0, f64::max);
        let whole = Self::whole(size, header.scale_for(scale));
        if !header.has_parts {
            return Ok(whole);
        }
        let parts = placements().map(|placement| whole.read_by(&placement));
        Ok(Self { part: parts.reduce(around).unwrap_or(whole.part), ..whole })
    }

    /// Bytes of its pixels, as RGB8.
    pub fn bytes(&self) -> u64 {
        3 * u64::from(self.part.width) * u64::from(self.part.height)
    }

    /// What resizing reads of this, from a column on at which a part may begin, and all below it:
    /// a decoder is done with the last row of a part, and would not see that a frame is cut short.
    fn read_by(&self, placement: &Placement) -> Region {
        let [left, top, width, height] = placement.source.map(|side| side * self.scale.factor());
        let Region { width: across, height: down, .. } = self.part;
        let (x, right) = read(left, width, placement.target.width, across);
        let (y, _) = read(top, height, placement.target.height, down);
        let x = x - x % (BLOCK / self.scale.denominator());
        Region { x, y, width: right - x, height: down - y }
    }
}

/// From where to where pixels of a side are read, for this length of it to become `target` pixels. The
/// filter reaches over as many pixels as become one, to each side.
fn read(start: f64, length: f64, target: u32, side: u32) -> (u32, u32) {
    let reach = (length / f64::from(target)).max(1.0) + SPILL;
    let from = (start - reach).floor().max(0.0) as u32;
    let to = (start + length + reach).ceil() as u32;
    (from, to.min(side))
}

/// The smallest region around two.
fn around(one: Region, other: Region) -> Region {
    let (x, y) = (one.x.min(other.x), one.y.min(other.y));
    let right = (one.x + one.width).max(other.x + other.width);
    let bottom = (one.y + one.height).max(other.y + other.height);
    Region { x, y, width: right - x, height: bottom - y }
}

#[cfg(test)]
#[path = "tests/extent.rs"]
mod tests;
