# The gateway, its replicas and `framegate camera` in one image, for docker-compose.yml and as a start for your own.

# Cargo.toml's rust-version, or newer; Debian's release must be that of the last stage, whose libraries the binary is linked to.
FROM rust:1.95-bookworm AS build
RUN apt-get update \
 && apt-get install --yes --no-install-recommends cmake nasm pkg-config zlib1g-dev libssl-dev libcurl4-openssl-dev \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /framegate
COPY . .
RUN cargo build --release --locked --bin framegate

# ONNX Runtime's library out of its Python wheel, as in scripts/setup.d/onnxruntime.sh: for x86_64, for aarch64.
FROM python:3.11-slim-bookworm AS onnxruntime
RUN echo "onnxruntime==1.31.1 \
  --hash=sha256:5752bd508126ae7c49894d3b9d2e83f0c3d487319246d04c444b393308d7ad7f \
  --hash=sha256:da05378364c44d4407e463982d2bf8d5e4cfea873283757e48beeb41df97b7f3" > wheels.txt \
 && pip download --no-deps --only-binary :all: --require-hashes --requirement wheels.txt \
 && python -m zipfile --extract onnxruntime-*.whl wheel \
 && cp wheel/onnxruntime/capi/libonnxruntime.so.1.31.1 /libonnxruntime.so

FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates ffmpeg libcurl4 libssl3 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --user-group framegate \
 && install --directory --owner framegate --group framegate /clips /var/lib/framegate \
 && ffmpeg -loglevel error -f lavfi -i testsrc2=size=640x360:rate=10 -t 10 /clips/pattern.mp4
COPY --from=onnxruntime /libonnxruntime.so /usr/local/lib/libonnxruntime.so
COPY --from=build /framegate/target/release/framegate /usr/local/bin/framegate
ENV ORT_DYLIB_PATH=/usr/local/lib/libonnxruntime.so
USER framegate
WORKDIR /var/lib/framegate
EXPOSE 9000 9001
STOPSIGNAL SIGTERM
ENTRYPOINT ["framegate"]
CMD ["--help"]
