use super::{
    detection::{Candidate, Rule, highest},
    tensor::Tensor,
};
use crate::{
    Bounds,
    artifact::{Axes, CenterPoints, OffsetFrom, SizeRule},
    backend::BackendError,
    frame::Mapping,
};

/// The outputs of one entry: planes of `rows x columns` cells, one after the other.
pub(super) struct Grids<'a> {
    /// A plane for each class.
    pub(super) heatmap: &'a [f32],
    /// Two planes.
    pub(super) scale: &'a [f32],
    /// Two planes.
    pub(super) offset: &'a [f32],
    /// Two planes for each point; empty for a model that finds none.
    pub(super) landmarks: &'a [f32],
}

/// The candidates of one entry: every cell whose best class is wanted. One with a box or points
/// that are no finite numbers is none.
pub(super) fn candidates(rule: &Rule, points: &CenterPoints, grids: &Grids) -> Vec<Candidate> {
    let cells = points.rows * points.columns;
    let candidate = |cell: usize| {
        let scores = plane_values(grids.heatmap, cells, cell);
        let (class, score) = highest(scores).filter(|(_, score)| rule.wants(*score))?;
        let (edges, landmarks) = points.object(grids, cell);
        let finite = edges.iter().chain(landmarks.as_flattened()).all(|value| value.is_finite());
        finite.then_some(Candidate { class, score, edges, landmarks })
    };
    (0..cells).filter_map(candidate).collect()
}

/// The part of a box that lies in what was asked about: a box around a center at the edge reaches
/// beyond it.
pub(super) fn clip(mapping: &Mapping, bounds: Bounds) -> Bounds {
    let (x_min, y_min) = mapping.clip(bounds.x_min, bounds.y_min);
    let (x_max, y_max) = mapping.clip(bounds.x_max, bounds.y_max);
    Bounds { x_min, y_min, x_max, y_max }
}

/// The channels of an output with landmarks, which must be pairs.
pub(super) fn landmark_channels(tensor: &Tensor) -> Result<usize, BackendError> {
    match tensor.shape.get(1) {
        Some(channels) if channels.is_multiple_of(2) => Ok(*channels),
        _ => Err(BackendError(format!("landmarks of shape {:?} are no points", tensor.shape))),
    }
}

impl CenterPoints {
    /// Edges and points of the object in a cell, in pixels of the input.
    fn object(&self, grids: &Grids, cell: usize) -> ([f32; 4], Vec<[f32; 2]>) {
        let stride = self.stride as f32;
        let [offset_x, offset_y] = self.pair(grids.offset, cell, 0);
        let from = match self.offset_from {
            OffsetFrom::Center => 0.5,
            OffsetFrom::Corner => 0.0,
        };
        let center_x = ((cell % self.columns) as f32 + from + offset_x) * stride;
        let center_y = ((cell / self.columns) as f32 + from + offset_y) * stride;
        let [width, height] = self.pair(grids.scale, cell, 0).map(|scale| match self.size {
            SizeRule::Exponential => scale.exp() * stride,
            SizeRule::Linear => scale.max(0.0) * stride,
        });
        let (left, top) = (center_x - width / 2.0, center_y - height / 2.0);
        let count = grids.landmarks.len() / (2 * self.rows * self.columns);
        let landmark = |point: usize| {
            let [x, y] = self.pair(grids.landmarks, cell, point);
            [left + x * width, top + y * height]
        };
        let edges = [left, top, left + width, top + height];
        (edges, (0..count).map(landmark).collect())
    }

    /// What two planes say of a cell along x and along y; `number` counts pairs of planes.
    fn pair(&self, planes: &[f32], cell: usize, number: usize) -> [f32; 2] {
        let cells = self.rows * self.columns;
        let value = |plane: usize| planes[(2 * number + plane) * cells + cell];
        match self.axes {
            Axes::Xy => [value(0), value(1)],
            Axes::Yx => [value(1), value(0)],
        }
    }
}

fn plane_values(planes: &[f32], cells: usize, cell: usize) -> impl Iterator<Item = f32> {
    planes.iter().skip(cell).step_by(cells).copied()
}

#[cfg(test)]
mod tests;
