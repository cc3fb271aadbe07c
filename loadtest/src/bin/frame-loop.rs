//! The frame job without a server: threads that read frames, decode, resize and classify them, each
//! with a session of its own, as fast as they can. On CPUs batches do not pay, so no gateway that decodes whole frames,
//! as this does, is faster.
//!
//! The job is that of the `efficientnet-lite0` artifact: an image at half its size where that suffices,
//! the short side to 256, the middle 224 x 224 of it, `(pixel - 127) / 128`, the class with the highest
//! score.
#![allow(clippy::print_stdout)]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Barrier,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, ensure};
use clap::Parser;
use fast_image_resize::{
    FilterType, ResizeAlg, ResizeOptions, Resizer,
    images::{TypedImage, TypedImageRef},
    pixels::U8x3,
};
use ort::{
    environment::Environment,
    session::{Session, builder::GraphOptimizationLevel},
    value::TensorRef,
};
use turbojpeg::{Decompressor, Image, PixelFormat, ScalingFactor};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SIDE: u32 = 224;
const SHORT_SIDE: f64 = 256.0;

/// Prints how many frames per second the job does without a server.
#[derive(Parser)]
struct Options {
    /// The ONNX model.
    #[arg(long)]
    model: PathBuf,
    /// A folder of JPEG frames, which are taken in turn.
    #[arg(long)]
    frames: PathBuf,
    /// Threads, each with a session of one thread.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Seconds that count.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Seconds before that.
    #[arg(long, default_value_t = 2.0)]
    warm_up: f64,
    /// ONNX Runtime's library.
    #[arg(long, env = "ORT_DYLIB_PATH")]
    library: PathBuf,
}

/// What the threads share.
struct Shared<'a> {
    frames: &'a [PathBuf],
    next: AtomicUsize,
    ready: Barrier,
    warm_up: Duration,
    lasts: Duration,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let environment = ort::init_from(&options.library)?.with_telemetry(false).build()?;
    let frames = jpegs(&options.frames)?;
    let shared = Shared {
        frames: &frames,
        next: AtomicUsize::new(0),
        ready: Barrier::new(options.threads),
        warm_up: Duration::try_from_secs_f64(options.warm_up)?,
        lasts: Duration::try_from_secs_f64(options.seconds)?,
    };
    let count = thread::scope(|scope| {
        let threads: Vec<_> = (0..options.threads)
            .map(|_| scope.spawn(|| work(&environment, &options.model, &shared)))
            .collect();
        let panicked = |_| anyhow!("a thread panicked");
        let counts = threads.into_iter().map(|thread| thread.join().map_err(panicked).flatten());
        counts.sum::<Result<usize>>()
    })?;
    println!("{:.1} frames/s", count as f64 / options.seconds);
    Ok(())
}

fn jpegs(folder: &Path) -> Result<Vec<PathBuf>> {
    let files = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut frames: Vec<PathBuf> = files.map(|file| Ok(file?.path())).collect::<Result<_>>()?;
    frames.retain(|path| path.extension().is_some_and(|extension| extension == "jpg"));
    frames.sort();
    ensure!(!frames.is_empty(), "{}: no file ends in .jpg", folder.display());
    Ok(frames)
}

/// Frames that one thread has done in the time that counts.
fn work(environment: &Environment, model: &Path, shared: &Shared<'_>) -> Result<usize> {
    let opened = open(environment, model);
    // The others do not wait for one that has failed.
    shared.ready.wait();
    let (mut session, mut job) = (opened?, Job::new()?);
    let began = Instant::now();
    let mut count = 0;
    loop {
        let path = &shared.frames[shared.next.fetch_add(1, Relaxed) % shared.frames.len()];
        job.load(&fs::read(path)?)?;
        let class = job.classify(&mut session)?;
        ensure!(class < 1000, "there is no class {class}");
        let passed = began.elapsed();
        if passed >= shared.warm_up + shared.lasts {
            return Ok(count);
        }
        count += usize::from(passed >= shared.warm_up);
    }
}

fn open(environment: &Environment, model: &Path) -> Result<Session, ort::Error> {
    Session::builder(environment)?
        .with_optimization_level(GraphOptimizationLevel::All)?
        .with_intra_threads(1)?
        .with_inter_threads(1)?
        .commit_from_file(model)
}

/// One thread's buffers.
struct Job {
    decompressor: Decompressor,
    pixels: Vec<u8>,
    resizer: Resizer,
    input: Vec<u8>,
    values: Vec<f32>,
}

impl Job {
    fn new() -> Result<Self> {
        let input = vec![0; 3 * SIDE as usize * SIDE as usize];
        Ok(Self {
            decompressor: Decompressor::new()?,
            pixels: Vec::new(),
            resizer: Resizer::new(),
            values: vec![0.0; input.len()],
            input,
        })
    }

    /// Decodes a frame and makes it the model's input.
    fn load(&mut self, jpeg: &[u8]) -> Result<()> {
        let header = self.decompressor.read_header(jpeg)?;
        let suffices = header.width.min(header.height) / 2 >= SHORT_SIDE as usize;
        let factor = ScalingFactor::new(1, if suffices { 2 } else { 1 });
        self.decompressor.set_scaling_factor(factor)?;
        let (width, height) = (factor.scale(header.width), factor.scale(header.height));
        self.pixels.resize(3 * width * height, 0);
        let pixels = self.pixels.as_mut_slice();
        let format = PixelFormat::RGB;
        self.decompressor
            .decompress(jpeg, Image { pixels, width, pitch: 3 * width, height, format })?;
        self.resize(u32::try_from(width)?, u32::try_from(height)?)?;
        self.normalise();
        Ok(())
    }

    fn resize(&mut self, width: u32, height: u32) -> Result<()> {
        let source = TypedImageRef::<U8x3>::from_buffer(width, height, &self.pixels)?;
        let mut target = TypedImage::<U8x3>::from_buffer(SIDE, SIDE, &mut self.input)?;
        let side = f64::from(SIDE) * f64::from(width.min(height)) / SHORT_SIDE;
        let (left, top) = ((f64::from(width) - side) / 2.0, (f64::from(height) - side) / 2.0);
        let options = ResizeOptions::new()
            .resize_alg(ResizeAlg::Convolution(FilterType::Bilinear))
            .crop(left, top, side, side);
        self.resizer.resize_typed(&source, &mut target, &options)?;
        Ok(())
    }

    fn normalise(&mut self) {
        let area = self.input.len() / 3;
        for (channel, plane) in self.values.chunks_exact_mut(area).enumerate() {
            for (value, pixel) in plane.iter_mut().zip(self.input.chunks_exact(3)) {
                *value = (f32::from(pixel[channel]) - 127.0) / 128.0;
            }
        }
    }

    fn classify(&self, session: &mut Session) -> Result<usize> {
        let shape = [1, 3, SIDE as usize, SIDE as usize];
        let image = TensorRef::from_array_view((shape, self.values.as_slice()))?;
        let outputs = session.run(ort::inputs!["image" => image])?;
        let (_, scores) = outputs["probabilities"].try_extract_tensor::<f32>()?;
        let best = scores.iter().enumerate().max_by(|(_, a), (_, b)| a.total_cmp(b));
        Ok(best.map_or(0, |(class, _)| class))
    }
}
