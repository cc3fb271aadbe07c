# What counts instructions: valgrind, and the runner of the benches' library, which must be of the same version as that.
# shellcheck shell=bash

set_up_gungraun() {
  local name=gungraun-runner version kept
  need_valgrind
  version=$(sed -n '/^name = "gungraun"$/{n;s/^version = "\(.*\)"$/\1/p}' Cargo.lock)
  kept=$CACHE/$name/$version-$(uname -m)
  if [ -x "$DEPS/bin/$name" ] && cmp --quiet "$kept/$name" "$DEPS/bin/$name"; then
    present "$name"
    return
  fi
  mkdir -p "$kept" "$DEPS/bin"
  locked "$kept/.lock" build_runner "$kept" "$name" "$version"
  cp "$kept/$name" "$TEMPORARY/$name"
  mv -f "$TEMPORARY/$name" "$DEPS/bin/$name"
  made "$name" built
}

need_valgrind() {
  if command -v valgrind >/dev/null; then return; fi
  can_be_root || fail "gungraun: valgrind is not on PATH; run this, then again: sudo apt-get install --no-install-recommends -y valgrind"
  ensure_package_lists
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends -y valgrind >/dev/null
  made valgrind installed
}

# build_runner FOLDER NAME VERSION: it appears there whole or not at all.
build_runner() {
  if [ -x "$1/$2" ]; then return; fi
  say "$2: building"
  cargo install --quiet --locked --root "$TEMPORARY/cargo" --version "=$3" "$2" ||
    fail "$2: cargo install failed: cargo install --locked --version =$3 $2"
  mv "$TEMPORARY/cargo/bin/$2" "$1/.partial"
  mv -f "$1/.partial" "$1/$2"
}
