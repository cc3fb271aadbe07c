use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

use super::options::Options;
use crate::gateway::Gateway;

/// What runs and where to look at it.
pub fn addresses(options: &Options, gateway: &Gateway) -> String {
    let pools = gateway.pools();
    let models: Vec<&str> = pools.iter().map(|pool| &**pool.name()).collect();
    let Options { cameras, fps, folder, .. } = options;
    format!(
        "Framegate demo: {cameras} cameras of {fps} frames/s, a burst every 8 s; models: {models}.\n\
         \n  gRPC      {grpc}   (framegate.v1, reflection, health)\
         \n  metrics   http://{http}/metrics   also /healthz and /readyz\
         \n  results   {results}   summary in summary.json at the end; Ctrl-C stops gracefully\n",
        models = models.join(", "),
        grpc = gateway.grpc_address(),
        http = gateway.http_address(),
        results = folder.join("results.jsonl").display(),
    )
}

/// A command that asks for a frame which exists, as soon as there are results.
pub fn command(results: &Path, gateway: &Gateway) -> Option<String> {
    let first = BufReader::new(File::open(results).ok()?).lines().next()?.ok()?;
    let result: serde_json::Value = serde_json::from_str(&first).ok()?;
    let uri = result.get("uri")?.as_str()?;
    let request = serde_json::json!({ "frame": { "uri": uri } });
    Some(format!(
        "\nTry it by hand:\n  grpcurl -plaintext -d '{request}' {} framegate.v1.FrameService/Predict\n",
        gateway.grpc_address()
    ))
}
