# ONNX Runtime's library, out of its Python wheel.
# shellcheck shell=bash

ONNXRUNTIME_VERSION=1.31.1

set_up_onnxruntime() {
  local machine wheel_sha256 library_sha256
  machine=$(uname -m)
  case $machine in
    x86_64)
      wheel_sha256=5752bd508126ae7c49894d3b9d2e83f0c3d487319246d04c444b393308d7ad7f
      library_sha256=fc44112fbe06d7d689c57e11d3862031f64711007e4ee020f8eed5185fd2c1d3
      ;;
    aarch64)
      wheel_sha256=da05378364c44d4407e463982d2bf8d5e4cfea873283757e48beeb41df97b7f3
      library_sha256=8aa3b76b28c778a2b1dd660d34161adb1d508c9ccd04ff9dc80e26eca5df8467
      ;;
    *) fail "onnxruntime: there is no pinned library for $machine, only for x86_64 and aarch64" ;;
  esac
  need python
  produce onnxruntime/libonnxruntime.so "$library_sha256" extracted extract_onnxruntime "$machine" "$wheel_sha256"
}

# extract_onnxruntime MACHINE SHA256 FILE: the library is the same in the wheels of all Python versions; one is pinned.
extract_onnxruntime() {
  local wheel platform=manylinux_2_28_$1
  wheel=$(fetch_wheel "onnxruntime==$ONNXRUNTIME_VERSION" \
    "onnxruntime-$ONNXRUNTIME_VERSION-cp311-cp311-$platform.whl" "$2" --python-version 3.11 --platform "$platform")
  zip_member "$wheel" "onnxruntime/capi/libonnxruntime.so.$ONNXRUNTIME_VERSION" "$3"
}
