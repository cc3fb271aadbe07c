//! From a frame reference to a model's input, in the order in which data flows.
//!
//! A reference is resolved once, when a request is admitted ([`Buckets::resolve`]). Pixels come
//! into being only when a replica has claimed an entry ([`FrameLoader::load`]): the object is read,
//! its header checked against the limits, the image decoded inside the byte budget and resized to
//! what the model wants. What leaves here is the small [`Input`]; the frame itself stays behind as
//! evictable cache for the other models of the request.

// What may be read, and how it is named.
mod bucket;
mod reference;
mod s3;

// Encoded bytes to pixels.
mod header;

mod decode;
mod extent;

// Pixels to a model's input.
mod geometry;

mod fit;

// All of it for many frames at once, inside the limits.
mod budget;
mod loader;

#[cfg(test)]
#[path = "tests/samples.rs"]
mod samples;

pub use self::{
    bucket::{Bucket, BucketError},
    budget::BudgetStats,
    decode::{Pixels, decode},
    extent::Extent,
    fit::{Input, prepare},
    geometry::{Fit, InputGeometry, Mapping, Region},
    header::{Format, Header, ImageLimits, Scale, probe},
    loader::{
        Departed, Frame, FrameLoader, LoadTimings, Loaded, LoaderLimits, LoaderStats, Source,
        Wanted,
    },
    reference::{Buckets, ObjectRef},
    s3::{
        FETCH_RESULTS, FetchObserver, S3Bucket, S3Credentials, S3Fetch, S3Location, S3Options,
        S3Retries,
    },
};
