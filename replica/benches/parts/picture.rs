use turbojpeg::{Image, PixelFormat, Subsamp, compress};

/// A JPEG (4:2:0, quality 85) of gradients, edges and grain, about as large as a camera's.
pub fn jpeg(width: usize, height: usize) -> Vec<u8> {
    let mut state = 1;
    let mut pixels = Vec::with_capacity(3 * width * height);
    for y in 0..height {
        for x in 0..width {
            let square = if (x / 16 + y / 16) % 2 == 0 { 40 } else { 0 };
            let grain = grain(&mut state);
            let shades = [x * 180 / width, y * 180 / height, 90];
            pixels.extend(shades.map(|shade| (shade + square + grain) as u8));
        }
    }
    let format = PixelFormat::RGB;
    let image = Image { pixels: pixels.as_slice(), width, pitch: 3 * width, height, format };
    compress(image, 85, Subsamp::Sub2x2).expect("a JPEG").to_vec()
}

/// 0 to 15, by a linear congruential generator (Numerical Recipes).
fn grain(state: &mut u32) -> usize {
    *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
    (*state >> 28) as usize
}
