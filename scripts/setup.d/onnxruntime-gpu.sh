# ONNX Runtime with its providers for GPUs, out of its Python wheel: 260 MB of download. It needs no GPU to be loaded.
# shellcheck shell=bash

set_up_onnxruntime-gpu() {
  local machine
  machine=$(uname -m)
  [ "$machine" = x86_64 ] || fail "onnxruntime-gpu: there is no pinned library for $machine, only for x86_64"
  need python
  produce_gpu "libonnxruntime.so.$ONNXRUNTIME_VERSION" libonnxruntime.so 5104254339ecadae808da771bd0b63b240f0dbd466514234905e54372435c303
  produce_gpu libonnxruntime_providers_shared.so libonnxruntime_providers_shared.so 086ec1d5388f64153d9c63470d126693db9a182c8ce236d3a1119068471b8a0d
  produce_gpu libonnxruntime_providers_cuda.so libonnxruntime_providers_cuda.so d5290158115fa5569a3fe8f1f4037ee9b0e86658a96e52f852bbb7039aa88137
  produce_gpu libonnxruntime_providers_tensorrt.so libonnxruntime_providers_tensorrt.so 1882ee49fdb0e6fc2d272b00cfaf9a3310bf8580a34385c0eec4d82014ea172e
}

# produce_gpu MEMBER FILE SHA256
produce_gpu() {
  produce "onnxruntime-gpu/$2" "$3" extracted extract_onnxruntime_gpu "$1"
}

# extract_onnxruntime_gpu MEMBER FILE
extract_onnxruntime_gpu() {
  local wheel
  wheel=$(fetch_wheel "onnxruntime-gpu==$ONNXRUNTIME_VERSION" onnxruntime_gpu-$ONNXRUNTIME_VERSION-cp311-cp311-manylinux_2_28_x86_64.whl e26c475fe361b2015f45b4b824bd13f0bb20204e59b62814e6f0acd5f3d491a6 --python-version 3.11 --platform manylinux_2_28_x86_64)
  zip_member "$wheel" "onnxruntime/capi/$1" "$2"
}
