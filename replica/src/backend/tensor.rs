use crate::artifact::{Channels, InputSpec};

/// Makes prepared inputs the values that a model takes: `(pixel - mean) / std` of each channel.
///
/// A channel has 256 values, so they are computed once: looking one up costs less than computing it,
/// on any processor.
pub(super) struct Normaliser {
    channels: Channels,
    /// The values of red, green and blue.
    red: [f32; 256],
    green: [f32; 256],
    blue: [f32; 256],
}

impl Normaliser {
    /// For the channels of a model's input.
    pub(super) fn new(spec: &InputSpec) -> Self {
        let values = |channel: usize| {
            let value = |pixel: usize| (pixel as f32 - spec.mean[channel]) / spec.std[channel];
            std::array::from_fn(value)
        };
        let [red, green, blue] = in_order(spec.channels, [0, 1, 2]).map(values);
        Self { channels: spec.channels, red, green, blue }
    }

    /// Writes one prepared input, `height x width x 3` bytes in RGB order, as three planes in the
    /// model's channel order.
    ///
    /// `planes` holds `3 x height x width` values; both slices have the same length.
    pub(super) fn write(&self, pixels: &[u8], planes: &mut [f32]) {
        let (pixels, _) = pixels.as_chunks::<3>();
        let (first, rest) = planes.split_at_mut(pixels.len());
        let (second, third) = rest.split_at_mut(pixels.len());
        let [reds, greens, blues] = in_order(self.channels, [first, second, third]);
        let values = reds.iter_mut().zip(greens).zip(blues);
        for (&[r, g, b], ((red, green), blue)) in pixels.iter().zip(values) {
            *red = self.red[usize::from(r)];
            *green = self.green[usize::from(g)];
            *blue = self.blue[usize::from(b)];
        }
    }
}

/// Red's, green's and blue's of what is in the model's order, or the other way round.
fn in_order<T>(channels: Channels, [first, second, third]: [T; 3]) -> [T; 3] {
    match channels {
        Channels::Rgb => [first, second, third],
        Channels::Bgr => [third, second, first],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Fit, InputGeometry};

    fn normaliser(channels: Channels) -> Normaliser {
        Normaliser::new(&InputSpec {
            tensor: "x".to_owned(),
            geometry: InputGeometry { width: 2, height: 1, fit: Fit::Stretch },
            channels,
            mean: [10.0, 20.0, 30.0],
            std: [1.0, 2.0, 4.0],
        })
    }

    #[test]
    fn planes_follow_the_channel_order() {
        let pixels = [11, 22, 34, 12, 24, 38];
        let mut planes = [0.0; 6];
        normaliser(Channels::Rgb).write(&pixels, &mut planes);
        assert_eq!(planes, [1.0, 2.0, 1.0, 2.0, 1.0, 2.0]);
        normaliser(Channels::Bgr).write(&pixels, &mut planes);
        assert_eq!(planes, [24.0, 28.0, 1.0, 2.0, -4.75, -4.5]);
    }
}
