# Debian packages, the only thing that may need root, and Rust.
# shellcheck shell=bash

DEBIAN_PACKAGES=(build-essential cmake nasm pkg-config zlib1g-dev libssl-dev libcurl4-openssl-dev ffmpeg nghttp2-client)

set_up_packages() {
  install_debian_packages
  check_cargo
}

install_debian_packages() {
  local missing
  command -v dpkg-query >/dev/null || fail "packages: this is not a Debian system; it needs dpkg and apt-get"
  mapfile -t missing < <(missing_packages)
  if [ ${#missing[@]} -eq 0 ]; then
    present packages
    return
  fi
  say "packages: missing: ${missing[*]}"
  can_be_root || fail "packages: root is needed to install them; run this, then scripts/setup again:
  sudo apt-get update && sudo apt-get install --no-install-recommends -y ${missing[*]}"
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends -y "${missing[@]}" >/dev/null
  made packages installed
}

missing_packages() {
  local package
  for package in "${DEBIAN_PACKAGES[@]}"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || echo "$package"
  done
  command -v npm >/dev/null || echo npm
  [ -x "$VENV/bin/pip" ] || find_python >/dev/null || echo python3-venv
}

can_be_root() { [ "$EUID" -eq 0 ] || sudo --non-interactive true 2>/dev/null; }

as_root() {
  if [ "$EUID" -eq 0 ]; then "$@"; else sudo --non-interactive "$@"; fi
}

# apt knows no package, and no version of one, before its lists are there.
ensure_package_lists() {
  if compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null; then return; fi
  can_be_root || fail "apt has no package lists; run this, then scripts/setup again: sudo apt-get update"
  as_root apt-get update -qq
}

check_cargo() {
  local wanted found
  wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
  found=$(cargo --version 2>/dev/null | cut -d ' ' -f 2) ||
    fail "rust: cargo is not on PATH or does not run; install rustup, then Rust $wanted or newer: rustup default stable"
  printf '%s\n' "$wanted" "$found" | sort --version-sort --check=quiet ||
    fail "rust: cargo is version $found, $wanted or newer is needed: rustup update stable"
  present "rust $found"
}
