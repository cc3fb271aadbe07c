use crate::artifact::{Channels, InputSpec};

/// Writes one prepared input, `height x width x 3` bytes in RGB order, as three planes of f32 in
/// the model's channel order, `(pixel - mean) / std` each.
///
/// `planes` holds `3 x height x width` values; both slices have the same length.
pub(super) fn write_planes(spec: &InputSpec, pixels: &[u8], planes: &mut [f32]) {
    let area = pixels.len() / 3;
    for (channel, plane) in planes.chunks_exact_mut(area).enumerate() {
        let source = match spec.channels {
            Channels::Rgb => channel,
            Channels::Bgr => 2 - channel,
        };
        let scale = 1.0 / spec.std[channel];
        let offset = -spec.mean[channel] * scale;
        for (value, pixel) in plane.iter_mut().zip(pixels.chunks_exact(3)) {
            *value = f32::from(pixel[source]).mul_add(scale, offset);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Fit, InputGeometry};

    fn spec(channels: Channels) -> InputSpec {
        InputSpec {
            tensor: "x".to_owned(),
            geometry: InputGeometry { width: 2, height: 1, fit: Fit::Stretch },
            channels,
            mean: [10.0, 20.0, 30.0],
            std: [1.0, 2.0, 4.0],
        }
    }

    #[test]
    fn planes_follow_the_channel_order() {
        let pixels = [11, 22, 34, 12, 24, 38];
        let mut planes = [0.0; 6];
        write_planes(&spec(Channels::Rgb), &pixels, &mut planes);
        assert_eq!(planes, [1.0, 2.0, 1.0, 2.0, 1.0, 2.0]);
        write_planes(&spec(Channels::Bgr), &pixels, &mut planes);
        assert_eq!(planes, [24.0, 28.0, 1.0, 2.0, -4.75, -4.5]);
    }
}
