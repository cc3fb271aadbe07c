# Toxiproxy, through which the tests make a network slow, narrow or broken. It is built by Go, which checks it against its
# checksum database; where there is no Go, the rest works without it.
# shellcheck shell=bash

TOXIPROXY_VERSION=2.12.0

set_up_toxiproxy() {
  local kept=$CACHE/toxiproxy/$TOXIPROXY_VERSION-$(uname -m)
  if [ -x "$DEPS/bin/toxiproxy-server" ] && cmp --quiet "$kept/toxiproxy-server" "$DEPS/bin/toxiproxy-server"; then
    present toxiproxy
    return
  fi
  if [ ! -x "$kept/toxiproxy-server" ] && ! command -v go >/dev/null; then
    say "*** toxiproxy: LEFT OUT, since go is not on PATH: the tests of a bad network do not run ***"
    return
  fi
  mkdir -p "$kept" "$DEPS/bin"
  locked "$kept/.lock" build_toxiproxy "$kept"
  cp "$kept/toxiproxy-server" "$TEMPORARY/toxiproxy-server"
  mv -f "$TEMPORARY/toxiproxy-server" "$DEPS/bin/toxiproxy-server"
  made toxiproxy built
}

# build_toxiproxy FOLDER: it appears there whole or not at all.
build_toxiproxy() {
  local package=github.com/Shopify/toxiproxy/v2/cmd/server@v$TOXIPROXY_VERSION
  if [ -x "$1/toxiproxy-server" ]; then return; fi
  say "toxiproxy: building"
  GOBIN=$TEMPORARY/gobin go install "$package" 2>/dev/null || fail "toxiproxy: go install failed: go install $package"
  cp "$TEMPORARY/gobin/server" "$1/.partial"
  mv -f "$1/.partial" "$1/toxiproxy-server"
}
