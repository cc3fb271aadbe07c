/// A mistake that is planted into a simulated replica, to see whether a run finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Bug {
    /// A replica that crashes takes what it executes for done.
    LostOnCrash,
    /// A replica executes and answers what was recalled from it.
    AnsweredAfterRecall,
    /// What a failed batch hands back goes to the end of its line.
    ReturnedLast,
}
