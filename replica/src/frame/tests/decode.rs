use proptest::prelude::*;

use super::*;
use crate::frame::{
    geometry::Region,
    header::{ImageLimits, Scale, probe},
    samples,
};

const LIMITS: ImageLimits = ImageLimits { width: 4000, height: 4000, pixels: 4_000_000 };

fn decoded(bytes: &[u8], scale: Scale) -> Result<Pixels, ErrorCode> {
    let header = probe(bytes, &LIMITS).map_err(|error| error.code)?;
    let extent = Extent::whole((header.width, header.height), scale);
    decode(bytes, &header, extent).map_err(|error| error.code)
}

/// The largest difference of any channel from the sample's gradient, in pixels of the frame.
fn error_of(pixels: &Pixels) -> i32 {
    let Extent { scale, part } = pixels.extent;
    let step = scale.denominator();
    let size = (pixels.full_width, pixels.full_height);
    let mut worst = 0;
    for (index, held) in pixels.data.chunks_exact(3).enumerate() {
        let (x, y) = (part.x + index as u32 % part.width, part.y + index as u32 / part.width);
        let middle = |at: u32, side: u32| (at * step + step / 2).min(side - 1);
        let wanted = samples::pixel(middle(x, size.0), middle(y, size.1), size);
        let far = |(a, b): (&u8, &u8)| (i32::from(*a) - i32::from(*b)).abs();
        worst = worst.max(held.iter().zip(&wanted).map(far).max().unwrap_or(0));
    }
    worst
}

#[test]
fn a_jpeg_is_decoded_at_each_scale() {
    let image = samples::jpeg(1920, 1080);
    for scale in [Scale::Full, Scale::Half, Scale::Quarter, Scale::Eighth] {
        let pixels = decoded(&image, scale).unwrap();
        let (width, height) = (scale.of(1920), scale.of(1080));
        assert_eq!(pixels.extent.part, Region { x: 0, y: 0, width, height });
        assert_eq!(pixels.data.len() as u32, width * height * 3);
        assert!(error_of(&pixels) <= 6, "{scale:?}: {}", error_of(&pixels));
    }
}

#[test]
fn odd_sizes_round_up() {
    let pixels = decoded(&samples::jpeg(333, 121), Scale::Eighth).unwrap();
    assert_eq!(pixels.extent.part, Region { x: 0, y: 0, width: 42, height: 16 });
}

#[test]
fn jpegs_of_other_kinds_are_decoded() {
    let progressive = decoded(&samples::progressive_jpeg(64, 48), Scale::Full).unwrap();
    assert!(error_of(&progressive) <= 8);
    let grey = decoded(&samples::grey_jpeg(64, 48), Scale::Half).unwrap();
    assert!(grey.data.chunks_exact(3).all(|rgb| rgb[0] == rgb[1] && rgb[1] == rgb[2]));
    assert_eq!(decoded(&samples::cmyk_jpeg(64, 48), Scale::Full), Err(ErrorCode::FrameUndecodable));
}

#[test]
fn fill_bytes_may_stand_before_a_marker() {
    let plain = samples::jpeg(64, 48);
    let mut filled = plain.clone();
    filled.splice(2..2, [0xff; 3]);
    assert_eq!(decoded(&filled, Scale::Full), decoded(&plain, Scale::Full));
    assert!(decoded(&filled, Scale::Full).is_ok());
}

#[test]
fn a_decoder_s_panic_is_an_error() {
    let result = caught::<()>(|| panic!("at row {}", 7));
    assert_eq!(result.unwrap_err().to_string(), "the decoder panicked: at row 7");
    let result = caught::<()>(|| panic!("early"));
    assert_eq!(result.unwrap_err().to_string(), "the decoder panicked: early");
}

#[test]
fn pngs_of_every_kind_are_the_same_pixels() {
    let plain = decoded(&samples::png(40, 30), Scale::Full).unwrap();
    assert_eq!(error_of(&plain), 0);
    for kind in [samples::png_16_bit, samples::png_with_alpha, samples::animated_png] {
        assert_eq!(decoded(&kind(40, 30), Scale::Full).unwrap(), plain);
    }
    let interlaced = decoded(samples::INTERLACED_PNG, Scale::Full).unwrap();
    assert_eq!((interlaced.full_width, interlaced.full_height), (5, 5));
    assert_eq!(error_of(&interlaced), 0);
}

#[test]
fn grey_and_palette_become_rgb() {
    let grey = decoded(&samples::grey_png(4, 1), Scale::Full).unwrap();
    assert_eq!(grey.data, [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]);
    let grey_and_alpha = decoded(&samples::grey_alpha_png(4, 1), Scale::Full).unwrap();
    assert_eq!(grey_and_alpha.data, grey.data);
    let palette = decoded(&samples::palette_png(), Scale::Full).unwrap();
    assert_eq!(palette.data, [255, 0, 0, 0, 255, 0, 0, 255, 0, 255, 0, 0]);
}

#[test]
fn a_cut_image_is_undecodable_wherever_it_is_cut() {
    for image in [
        samples::jpeg(64, 48),
        samples::png(64, 48),
        samples::progressive_jpeg(64, 48),
        samples::webp(64, 48),
    ] {
        assert!(decoded(&image, Scale::Full).is_ok());
        for length in 0..image.len() {
            let cut = decoded(&image[..length], Scale::Full);
            assert_eq!(cut, Err(ErrorCode::FrameUndecodable), "{length} of {}", image.len());
        }
    }
}

#[test]
fn an_image_of_another_size_than_its_header_is_undecodable() {
    for image in [samples::jpeg(64, 48), samples::png(64, 48), samples::webp(64, 48)] {
        for height in [47, 49] {
            let header = Header { height, ..probe(&image, &LIMITS).unwrap() };
            let error = decode(&image, &header, Extent::whole((64, 47), Scale::Full)).unwrap_err();
            assert_eq!(error.code, ErrorCode::FrameUndecodable);
        }
    }
}

proptest! {
    #[test]
    fn damaged_images_never_panic(changes in prop::collection::vec((0_usize..4000, any::<u8>()), 1..6)) {
        for mut image in [samples::jpeg(48, 32), samples::png(48, 32), samples::INTERLACED_PNG.to_vec()] {
            for (at, byte) in &changes {
                let place = at % image.len();
                image[place] = *byte;
            }
            let _ = decoded(&image, Scale::Half);
            let _ = decoded(&image, Scale::Full);
        }
    }
}
