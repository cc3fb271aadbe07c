//! Images for the tests: a gradient in each format and form that frames come in.

use png::{BitDepth, ColorType, Encoder};
use turbojpeg::{Compressor, Image, PixelFormat, Subsamp};

/// An RGB8 PNG of 5 x 5 pixels in seven passes (the encoder here writes none).
pub(crate) const INTERLACED_PNG: &[u8] = b"\
    \x89PNG\x0d\x0a\x1a\x0a\x00\x00\x00\x0dIHDR\x00\x00\x00\x05\x00\x00\x00\x05\x08\x02\x00\x00\
    \x01u\x0a\x81$\x00\x00\x00AIDATx\xda\x05\xc1\x81\x00\xc00\x00\x03\xc1@\x04b\x10\x81(\xc4C\
    \x14\x22\x10\x85\x08\xe0\xeed[3\xf2\xd8&\x1c\xb1\xca\x04\x18U\xfc\xd5G\xe1\x94\xab\xecvO\xce\
    \x97\x84\x9c\x86\xe5\xca=)\xf4\xb6]\xdf\x0f\x7f\x96\x1dM+n\xd3\x91\x00\x00\x00\x00IEND\xaeB`\
    \x82";

/// The gradient's pixel in an image of this size.
pub(crate) fn pixel(x: u32, y: u32, (width, height): (u32, u32)) -> [u8; 3] {
    let part = |at: u32, side: u32| 20.0 + 200.0 * at as f32 / side as f32;
    let (right, down) = (part(x, width), part(y, height));
    [right as u8, down as u8, ((right + down) / 2.0) as u8]
}

/// The gradient as RGB8.
pub(crate) fn rgb(width: u32, height: u32) -> Vec<u8> {
    let all = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    all.flat_map(|(x, y)| pixel(x, y, (width, height))).collect()
}

/// A 4:2:0 JPEG of quality 85.
pub(crate) fn jpeg(width: u32, height: u32) -> Vec<u8> {
    compress(width, height, PixelFormat::RGB, |compressor| {
        compressor.set_subsamp(Subsamp::Sub2x2).unwrap();
    })
}

/// A JPEG in several scans.
pub(crate) fn progressive_jpeg(width: u32, height: u32) -> Vec<u8> {
    compress(width, height, PixelFormat::RGB, |compressor| {
        compressor.set_progressive(true).unwrap();
    })
}

/// A JPEG of one component.
pub(crate) fn grey_jpeg(width: u32, height: u32) -> Vec<u8> {
    compress(width, height, PixelFormat::RGB, |compressor| {
        compressor.set_subsamp(Subsamp::Gray).unwrap();
    })
}

/// The ways of sampling colours that encoders use.
pub(crate) const SAMPLINGS: [Subsamp; 7] = [
    Subsamp::None,
    Subsamp::Sub2x1,
    Subsamp::Sub2x2,
    Subsamp::Gray,
    Subsamp::Sub1x2,
    Subsamp::Sub4x1,
    Subsamp::Sub1x4,
];

/// A JPEG of pixels of which none is like its neighbours.
pub(crate) fn noisy_jpeg(width: u32, height: u32, sampling: Subsamp, progressive: bool) -> Vec<u8> {
    let noise = |at: u32| (at.wrapping_mul(2_654_435_761) >> 24) as u8;
    let pixels: Vec<u8> = (0..3 * width * height).map(noise).collect();
    compress_pixels(width, height, PixelFormat::RGB, &pixels, |compressor| {
        compressor.set_subsamp(sampling).unwrap();
        compressor.set_progressive(progressive).unwrap();
    })
}

/// A JPEG of four components.
pub(crate) fn cmyk_jpeg(width: u32, height: u32) -> Vec<u8> {
    compress(width, height, PixelFormat::CMYK, |_| {})
}

fn compress(
    width: u32,
    height: u32,
    format: PixelFormat,
    set: impl FnOnce(&mut Compressor),
) -> Vec<u8> {
    let pixels = match format {
        PixelFormat::RGB => rgb(width, height),
        _ => vec![100; width as usize * height as usize * format.size()],
    };
    compress_pixels(width, height, format, &pixels, set)
}

fn compress_pixels(
    width: u32,
    height: u32,
    format: PixelFormat,
    pixels: &[u8],
    set: impl FnOnce(&mut Compressor),
) -> Vec<u8> {
    let (wide, high) = (width as usize, height as usize);
    let mut compressor = Compressor::new().unwrap();
    compressor.set_quality(85).unwrap();
    set(&mut compressor);
    let pitch = wide * format.size();
    let image = Image { pixels, width: wide, pitch, height: high, format };
    compressor.compress_to_vec(image).unwrap()
}

/// A small JPEG whose header claims another size.
pub(crate) fn jpeg_claiming(width: u16, height: u16) -> Vec<u8> {
    let mut bytes = jpeg(8, 8);
    let frame = bytes.windows(2).position(|two| two == [0xff, 0xc0]).unwrap();
    bytes[frame + 5..frame + 7].copy_from_slice(&height.to_be_bytes());
    bytes[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
    bytes
}

/// A small PNG whose header claims another size (its checksum is then wrong, which nobody has
/// reason to see before the limits).
pub(crate) fn png_claiming(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = png(8, 8);
    bytes[16..20].copy_from_slice(&width.to_be_bytes());
    bytes[20..24].copy_from_slice(&height.to_be_bytes());
    bytes
}

/// An RGB8 PNG.
pub(crate) fn png(width: u32, height: u32) -> Vec<u8> {
    encode(width, height, ColorType::Rgb, BitDepth::Eight, &rgb(width, height), |_| {})
}

/// An RGB PNG of 16 bits, whose lower bytes are noise.
pub(crate) fn png_16_bit(width: u32, height: u32) -> Vec<u8> {
    let data: Vec<u8> = rgb(width, height).into_iter().flat_map(|byte| [byte, 77]).collect();
    encode(width, height, ColorType::Rgb, BitDepth::Sixteen, &data, |_| {})
}

/// An RGBA8 PNG, half transparent.
pub(crate) fn png_with_alpha(width: u32, height: u32) -> Vec<u8> {
    let data: Vec<u8> =
        rgb(width, height).chunks_exact(3).flat_map(|p| [p[0], p[1], p[2], 128]).collect();
    encode(width, height, ColorType::Rgba, BitDepth::Eight, &data, |_| {})
}

/// An RGB8 PNG of two images, the second one black.
pub(crate) fn animated_png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, width, height);
    encoder.set_color(ColorType::Rgb);
    encoder.set_animated(2, 0).unwrap();
    let mut writer = encoder.write_header().unwrap();
    let first = rgb(width, height);
    writer.write_image_data(&first).unwrap();
    writer.write_image_data(&vec![0; first.len()]).unwrap();
    writer.finish().unwrap();
    bytes
}

/// A grey PNG whose pixels count up from 0.
pub(crate) fn grey_png(width: u32, height: u32) -> Vec<u8> {
    let data: Vec<u8> = (0..width * height).map(|at| at as u8).collect();
    encode(width, height, ColorType::Grayscale, BitDepth::Eight, &data, |_| {})
}

/// The same with an alpha that is half transparent.
pub(crate) fn grey_alpha_png(width: u32, height: u32) -> Vec<u8> {
    let data: Vec<u8> = (0..width * height).flat_map(|at| [at as u8, 128]).collect();
    encode(width, height, ColorType::GrayscaleAlpha, BitDepth::Eight, &data, |_| {})
}

/// Two by two pixels of two bits: red, green; green, red.
pub(crate) fn palette_png() -> Vec<u8> {
    let data = [0b0001_0000, 0b0100_0000];
    encode(2, 2, ColorType::Indexed, BitDepth::Two, &data, |encoder| {
        encoder.set_palette(vec![255, 0, 0, 0, 255, 0]);
    })
}

/// A lossless WebP.
pub(crate) fn webp(width: u32, height: u32) -> Vec<u8> {
    lossless_webp(width, height, image_webp::ColorType::Rgb8, &rgb(width, height))
}

/// A lossless WebP with alpha, half transparent.
pub(crate) fn webp_with_alpha(width: u32, height: u32) -> Vec<u8> {
    let pixels = rgb(width, height);
    let data: Vec<u8> = pixels.chunks_exact(3).flat_map(|p| [p[0], p[1], p[2], 128]).collect();
    lossless_webp(width, height, image_webp::ColorType::Rgba8, &data)
}

fn lossless_webp(width: u32, height: u32, color: image_webp::ColorType, data: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    image_webp::WebPEncoder::new(&mut bytes).encode(data, width, height, color).unwrap();
    bytes
}

fn encode(
    width: u32,
    height: u32,
    color: ColorType,
    depth: BitDepth,
    data: &[u8],
    set: impl FnOnce(&mut Encoder<'_, &mut Vec<u8>>),
) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, width, height);
    encoder.set_color(color);
    encoder.set_depth(depth);
    set(&mut encoder);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(data).unwrap();
    writer.finish().unwrap();
    bytes
}
