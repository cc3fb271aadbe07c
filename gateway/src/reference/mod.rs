//! The generated pages of the documentation: whatever a table of docs/ says is read from what runs.

mod errors;
mod keys;
mod metrics;
mod policy;
mod table;
#[cfg(test)]
mod tests;

pub use errors::errors;
pub use metrics::metrics;
pub use policy::{policy, policy_schema};

/// A generated file of the repository.
pub struct Page {
    /// Its path from the root.
    pub path: &'static str,
    /// What it holds.
    pub text: String,
}

/// All generated files. `framegate docs ROOT` writes them; a test fails when one is stale.
#[must_use]
pub fn pages() -> [Page; 4] {
    let schema = crate::policy::schema();
    [
        Page { path: "configs/policy.schema.json", text: policy_schema(&schema) },
        Page { path: "docs/policy.md", text: policy(&schema) },
        Page { path: "docs/errors.md", text: errors() },
        Page { path: "docs/metrics.md", text: metrics() },
    ]
}
