# Tools that Go builds, which checks them against its checksum database; where there is no Go, the rest works without them.
# shellcheck shell=bash

# go_tool NAME PACKAGE VERSION WITHOUT: .deps/bin/NAME; WITHOUT says what does not run where it cannot be built.
go_tool() {
  local name=$1 package=$2@v$3 without=$4 kept=$CACHE/$1/$3-$(uname -m)
  if [ -x "$DEPS/bin/$name" ] && cmp --quiet "$kept/$name" "$DEPS/bin/$name"; then
    present "$name"
    return
  fi
  if [ ! -x "$kept/$name" ] && ! command -v go >/dev/null; then
    say "*** $name: LEFT OUT, since go is not on PATH: $without do not run ***"
    return
  fi
  mkdir -p "$kept" "$DEPS/bin"
  locked "$kept/.lock" build_go_tool "$kept" "$name" "$package"
  cp "$kept/$name" "$TEMPORARY/$name"
  mv -f "$TEMPORARY/$name" "$DEPS/bin/$name"
  made "$name" built
}

# build_go_tool FOLDER NAME PACKAGE: it appears there whole or not at all.
build_go_tool() {
  if [ -x "$1/$2" ]; then return; fi
  say "$2: building"
  rm -rf "$TEMPORARY/gobin"
  GOBIN=$TEMPORARY/gobin go install "$3" 2>/dev/null || fail "$2: go install failed: go install $3"
  mv "$TEMPORARY"/gobin/* "$1/.partial"
  mv -f "$1/.partial" "$1/$2"
}

# A gRPC client of the examples and tests.
set_up_grpcurl() {
  go_tool grpcurl github.com/fullstorydev/grpcurl/cmd/grpcurl 1.9.3 "examples/grpcurl.sh and its tests"
}

# A proxy through which the tests make a network slow, narrow or broken.
set_up_toxiproxy() {
  go_tool toxiproxy-server github.com/Shopify/toxiproxy/v2/cmd/server 2.12.0 "the tests of a bad network"
}

# A steady load of gRPC calls for tests.
set_up_ghz() {
  go_tool ghz github.com/bojand/ghz/cmd/ghz 0.121.0 "the tests under a load of ghz"
}
