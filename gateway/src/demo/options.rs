use std::path::PathBuf;

use clap::Args;

/// What `framegate demo` runs.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// The policy; its brokers are replaced by the embedded one, or by `--brokers`.
    #[arg(long, value_name = "FILE", default_value = "configs/demo.yaml")]
    pub config: PathBuf,
    /// A video or folder of frames to play; repeatable. Cameras take the clips in turn.
    #[arg(long = "clip", value_name = "FILE|FOLDER", required = true)]
    pub clips: Vec<PathBuf>,
    /// Where results, logs of the run and its summary are written.
    #[arg(long, value_name = "FOLDER", default_value = ".demo")]
    pub folder: PathBuf,
    /// How many cameras play.
    #[arg(long, value_name = "N", default_value_t = 4, env = "DEMO_CAMERAS")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub cameras: u32,
    /// Frames per second of each camera.
    #[arg(long, value_name = "F", default_value_t = 5.0, env = "DEMO_FPS")]
    pub fps: f64,
    /// End after this many seconds; otherwise run until stopped.
    #[arg(long, value_name = "S", env = "DEMO_SECONDS")]
    pub seconds: Option<f64>,
    /// Play on these Kafka brokers instead of an embedded one, in topics of the run's own that are
    /// deleted at its end.
    #[arg(long, value_name = "HOST:PORT,…")]
    pub brokers: Option<String>,
    /// Print status lines instead of the view, as where stdout is no terminal.
    #[arg(long)]
    pub plain: bool,
}
