use proptest::prelude::*;

use super::*;
use crate::frame::samples;

const LIMITS: ImageLimits = ImageLimits { width: 400, height: 300, pixels: 100_000 };

fn size(bytes: &[u8]) -> Result<(u32, u32), ErrorCode> {
    probe(bytes, &LIMITS).map(|header| (header.width, header.height)).map_err(|e| e.code)
}

#[test]
fn sizes_come_from_the_header() {
    assert_eq!(size(&samples::jpeg(321, 201)), Ok((321, 201)));
    assert_eq!(size(&samples::png(17, 300)), Ok((17, 300)));
    assert_eq!(size(&samples::webp(5, 299)), Ok((5, 299)));
}

#[test]
fn each_limit_is_kept_to_the_pixel() {
    for (width, height, fits) in
        [(400, 250, true), (401, 1, false), (1, 301, false), (400, 251, false), (334, 300, false)]
    {
        let expected = if fits { Ok((width, height)) } else { Err(ErrorCode::ImageTooLarge) };
        assert_eq!(size(&samples::jpeg(width, height)), expected);
        assert_eq!(size(&samples::png(width, height)), expected);
        assert_eq!(size(&samples::webp(width, height)), expected);
    }
}

#[test]
fn a_huge_claim_in_a_tiny_file_is_too_large() {
    for side in [60_000, 65_535] {
        assert_eq!(size(&samples::jpeg_claiming(side, side)), Err(ErrorCode::ImageTooLarge));
        let png = samples::png_claiming(side.into(), side.into());
        assert_eq!(size(&png), Err(ErrorCode::ImageTooLarge));
    }
}

#[test]
fn what_is_no_image_is_undecodable() {
    let gif: &[u8] = b"GIF89a\x01\x00\x01\x00\x00\x00\x00;";
    for bytes in [&b""[..], b"hello, I am a text", b"\xff\xd8", b"\xff\xd8\xff\xe0\x00\x10JF", gif]
    {
        assert_eq!(size(bytes), Err(ErrorCode::FrameUndecodable));
    }
    assert_eq!(size(&samples::jpeg_claiming(0, 7)), Err(ErrorCode::FrameUndecodable));
}

#[test]
fn the_scale_is_the_smallest_that_suffices() {
    let (width, height, working_bytes, has_parts) = (801, 600, 0, false);
    let header = |format| Header { format, width, height, working_bytes, has_parts };
    for (needed, scale) in [
        (0.01, Scale::Eighth),
        (0.125, Scale::Eighth),
        (0.1251, Scale::Quarter),
        (0.5, Scale::Half),
        (0.51, Scale::Full),
        (3.0, Scale::Full),
    ] {
        assert_eq!(header(Format::Jpeg).scale_for(needed), scale, "{needed}");
        assert_eq!(header(Format::Png).scale_for(needed), Scale::Full);
        assert_eq!(header(Format::WebP).scale_for(needed), Scale::Full);
    }
}

#[test]
fn the_coefficients_of_progressive_images_are_counted() {
    let sequential = probe(&samples::jpeg(64, 48), &LIMITS).unwrap();
    let progressive = probe(&samples::progressive_jpeg(64, 48), &LIMITS).unwrap();
    assert_eq!(sequential.working_bytes, 0);
    let half = Extent::whole((64, 48), Scale::Half);
    assert!(progressive.decoding_bytes(&half) >= 2 * 3 * 64 * 48);
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes: Vec<u8>, cut in 0_usize..2000, at in 0_usize..600, byte: u8) {
        let _ = probe(&bytes, &LIMITS);
        for mut image in [samples::jpeg(16, 16), samples::png(16, 16), samples::webp(16, 16)] {
            let place = at % image.len();
            image[place] = byte;
            image.truncate(cut);
            let _ = probe(&image, &LIMITS);
        }
    }
}
