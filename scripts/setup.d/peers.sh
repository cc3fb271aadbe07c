# Other model servers that loadtest/compare measures, each in a Python environment of its own, and one that draws what was measured.
# Where one cannot be made, the rest works without it.
# shellcheck shell=bash

PEERS=(ray-serve triton mosec litserve)
# Their requirements name the wheels of this version.
PEERS_PYTHON=3.11

set_up_peers() {
  local name
  need models
  need clips
  for name in "${PEERS[@]}" plots; do set_up_peer "$name"; done
}

# set_up_peer NAME
set_up_peer() {
  local folder=$DEPS/peers/$1 requirements=loadtest/peers/requirements/$1.txt python
  if is_environment "$folder" "$requirements"; then
    present "peers/$1"
  elif ! python=$(find_python "$PEERS_PYTHON"); then
    say "*** peers/$1: LEFT OUT, since there is no CPython $PEERS_PYTHON with venv: make compare goes on without it ***"
  elif make_environment "$folder" "$requirements" "$python"; then
    made "peers/$1" built
  else
    say "*** peers/$1: LEFT OUT, since its packages could not be installed: make compare goes on without it ***"
  fi
}
