use crate::{Bounds, Detection, Point, artifact::Labels, frame::Mapping};

/// More candidates than this are not compared with one another; the best are.
const MAX_CANDIDATES: usize = 4096;

/// Which candidates become detections.
pub(super) struct Rule<'a> {
    pub(super) labels: &'a Labels,
    pub(super) score_threshold: f32,
    pub(super) iou_threshold: f32,
}

/// A box that may be an object: its best class, and its edges in pixels of the model's input.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Candidate {
    pub(super) class: usize,
    pub(super) score: f32,
    /// Left, top, right, bottom.
    pub(super) edges: [f32; 4],
    /// Points of the object as x and y in pixels of the input.
    pub(super) landmarks: Vec<[f32; 2]>,
}

impl Rule<'_> {
    /// Whether a candidate of this score is one; NaN is none.
    pub(super) fn wants(&self, score: f32) -> bool {
        score >= self.score_threshold
    }

    /// The objects among an entry's candidates, best first: greedy non-maximum suppression within
    /// each class.
    pub(super) fn detections(
        &self,
        mapping: &Mapping,
        mut candidates: Vec<Candidate>,
    ) -> Vec<Detection> {
        candidates.sort_by(|a, b| b.score.total_cmp(&a.score));
        candidates.truncate(MAX_CANDIDATES);
        let mut kept: Vec<Candidate> = Vec::new();
        for candidate in candidates {
            let same_object = |other: &Candidate| {
                other.class == candidate.class
                    && intersection_over_union(&other.edges, &candidate.edges) > self.iou_threshold
            };
            if !kept.iter().any(same_object) {
                kept.push(candidate);
            }
        }
        kept.iter().map(|candidate| self.detection(mapping, candidate)).collect()
    }

    fn detection(&self, mapping: &Mapping, candidate: &Candidate) -> Detection {
        let [left, top, right, bottom] = candidate.edges;
        let (x_min, y_min) = mapping.to_frame(left, top);
        let (x_max, y_max) = mapping.to_frame(right, bottom);
        let point = |[x, y]: &[f32; 2]| {
            let (x, y) = mapping.to_frame(*x, *y);
            Point { x, y }
        };
        Detection {
            label: self.labels[candidate.class].clone(),
            index: u32::try_from(candidate.class).unwrap_or(u32::MAX),
            score: candidate.score,
            bounds: Bounds { x_min, y_min, x_max, y_max },
            landmarks: candidate.landmarks.iter().map(point).collect(),
        }
    }
}

/// The best class and its score; `None` if there is nothing but NaN.
pub(super) fn highest(scores: impl Iterator<Item = f32>) -> Option<(usize, f32)> {
    let numbers = scores.enumerate().filter(|(_, score)| !score.is_nan());
    numbers.max_by(|a, b| a.1.total_cmp(&b.1))
}

pub(super) fn intersection_over_union(a: &[f32; 4], b: &[f32; 4]) -> f32 {
    let width = (a[2].min(b[2]) - a[0].max(b[0])).max(0.0);
    let height = (a[3].min(b[3]) - a[1].max(b[1])).max(0.0);
    let area = |edges: &[f32; 4]| (edges[2] - edges[0]) * (edges[3] - edges[1]);
    let intersection = width * height;
    intersection / (area(a) + area(b) - intersection).max(f32::EPSILON)
}
