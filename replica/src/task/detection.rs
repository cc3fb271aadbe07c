use crate::{Bounds, Detection, artifact::Labels, frame::Mapping};

/// How boxes and scores become detections.
pub(super) struct Rule<'a> {
    pub(super) labels: &'a Labels,
    pub(super) score_threshold: f32,
    pub(super) iou_threshold: f32,
}

/// A box that may be an object: its best class, and its edges in pixels of the model's input.
struct Candidate {
    class: usize,
    score: f32,
    edges: [f32; 4],
}

impl Rule<'_> {
    /// The objects of one entry, best first: greedy non-maximum suppression within each class.
    /// `boxes` holds 4 values per anchor, `scores` one per class and anchor.
    pub(super) fn read(&self, mapping: &Mapping, boxes: &[f32], scores: &[f32]) -> Vec<Detection> {
        let mut candidates = self.candidates(boxes, scores);
        candidates.sort_unstable_by(|a, b| b.score.total_cmp(&a.score));
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

    fn candidates(&self, boxes: &[f32], scores: &[f32]) -> Vec<Candidate> {
        let anchors = boxes.chunks_exact(4).zip(scores.chunks_exact(self.labels.len()));
        let candidate = |(edges, scores): (&[f32], &[f32])| {
            let (class, score) = highest(scores)?;
            let edges = [edges[0], edges[1], edges[2], edges[3]];
            let wanted = score >= self.score_threshold && edges.iter().all(|edge| edge.is_finite());
            wanted.then_some(Candidate { class, score, edges })
        };
        anchors.filter_map(candidate).collect()
    }

    fn detection(&self, mapping: &Mapping, candidate: &Candidate) -> Detection {
        let [left, top, right, bottom] = candidate.edges;
        let (x_min, y_min) = mapping.to_frame(left, top);
        let (x_max, y_max) = mapping.to_frame(right, bottom);
        Detection {
            label: self.labels[candidate.class].clone(),
            index: u32::try_from(candidate.class).unwrap_or(u32::MAX),
            score: candidate.score,
            bounds: Bounds { x_min, y_min, x_max, y_max },
        }
    }
}

fn highest(scores: &[f32]) -> Option<(usize, f32)> {
    let numbers = scores.iter().copied().enumerate().filter(|(_, score)| !score.is_nan());
    numbers.max_by(|a, b| a.1.total_cmp(&b.1))
}

fn intersection_over_union(a: &[f32; 4], b: &[f32; 4]) -> f32 {
    let width = (a[2].min(b[2]) - a[0].max(b[0])).max(0.0);
    let height = (a[3].min(b[3]) - a[1].max(b[1])).max(0.0);
    let area = |edges: &[f32; 4]| (edges[2] - edges[0]) * (edges[3] - edges[1]);
    let intersection = width * height;
    intersection / (area(a) + area(b) - intersection).max(f32::EPSILON)
}
