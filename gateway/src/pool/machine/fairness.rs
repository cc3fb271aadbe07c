use std::ops::Add;

use super::resources::Resources;

/// What a pool wants.
#[derive(Debug, Clone, Copy)]
pub(super) struct Want {
    /// Replicas that it gets in any case.
    pub(super) least: u32,
    pub(super) replicas: u32,
}

/// The replicas that each pool may have where not all that are wanted fit: dominant resource
/// fairness (Ghodsi and others, NSDI 2011) by progressive filling, in whole replicas; of threads
/// alone that is max-min fair. Among pools of an equal share, the first comes first.
pub(super) fn shares(all: Resources, wants: &[(Resources, Want)]) -> Vec<u32> {
    let takes_nothing = |each: Resources| each == Resources::default();
    let first = |(each, want): &(Resources, Want)| {
        if takes_nothing(*each) { want.replicas } else { want.least }
    };
    let mut shares: Vec<u32> = wants.iter().map(first).collect();
    let taken = |((each, _), share): (&(Resources, Want), &u32)| *each * *share;
    let mut left = all - wants.iter().zip(&shares).map(taken).fold(Resources::default(), Add::add);
    loop {
        let hungry = wants.iter().zip(&shares).enumerate().filter(|(_, ((each, want), share))| {
            !takes_nothing(*each) && each.fits(left) && **share < want.replicas
        });
        let share_of = |of| taken(of).dominant_share(all);
        let poorest = hungry.min_by(|(_, a), (_, b)| share_of(*a).total_cmp(&share_of(*b)));
        let Some((poorest, _)) = poorest else { return shares };
        shares[poorest] += 1;
        left = left - wants[poorest].0;
    }
}
