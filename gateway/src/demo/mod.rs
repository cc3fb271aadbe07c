//! `framegate demo`: cameras, an embedded broker (or a real one) and the gateway in one process, and a summary that
//! accounts for every frame.

mod dead_letters;
mod greeting;
mod kafka;
mod options;
mod reconcile;
mod run;
mod scoreboard;
mod stage;
mod status;
mod summary;
mod view;

pub use options::Options;
pub use reconcile::Fates;
pub use run::run;
pub use summary::{ModelSummary, Quantiles, ReplicaSummary, Summary};
