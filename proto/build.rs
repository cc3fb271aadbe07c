//! Compiles the `.proto` files without protoc: protox parses them, tonic-prost-build writes the Rust.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message as _;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=framegate");
    let descriptors = protox::compile(
        ["framegate/v1/frame_service.proto", "framegate/v1/operator_service.proto"],
        ["."],
    )?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("framegate.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        .bytes(".framegate.v1")
        // Streams are boxed, and a service of a test need not have every call.
        .generate_default_stubs(true)
        .compile_fds(descriptors)?;
    Ok(())
}
