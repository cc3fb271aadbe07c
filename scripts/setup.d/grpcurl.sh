# grpcurl, with which the examples and tests call the gateway by reflection. It is built by Go, which checks it against its
# checksum database; where there is no Go, the rest works without it.
# shellcheck shell=bash

GRPCURL_VERSION=1.9.3

set_up_grpcurl() {
  local kept=$CACHE/grpcurl/$GRPCURL_VERSION-$(uname -m)
  if [ -x "$DEPS/bin/grpcurl" ] && cmp --quiet "$kept/grpcurl" "$DEPS/bin/grpcurl"; then
    present grpcurl
    return
  fi
  if [ ! -x "$kept/grpcurl" ] && ! command -v go >/dev/null; then
    say "*** grpcurl: LEFT OUT, since go is not on PATH: examples/grpcurl.sh and its tests do not run ***"
    return
  fi
  mkdir -p "$kept" "$DEPS/bin"
  locked "$kept/.lock" build_grpcurl "$kept"
  cp "$kept/grpcurl" "$TEMPORARY/grpcurl"
  mv -f "$TEMPORARY/grpcurl" "$DEPS/bin/grpcurl"
  made grpcurl built
}

# build_grpcurl FOLDER: it appears there whole or not at all.
build_grpcurl() {
  if [ -x "$1/grpcurl" ]; then return; fi
  say "grpcurl: building"
  GOBIN=$TEMPORARY/gobin go install "github.com/fullstorydev/grpcurl/cmd/grpcurl@v$GRPCURL_VERSION" 2>/dev/null ||
    fail "grpcurl: go install failed: go install github.com/fullstorydev/grpcurl/cmd/grpcurl@v$GRPCURL_VERSION"
  cp "$TEMPORARY/gobin/grpcurl" "$1/.partial"
  mv -f "$1/.partial" "$1/grpcurl"
}
