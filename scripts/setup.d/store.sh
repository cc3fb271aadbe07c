# What all groups share: messages, the cache of downloads, and files under .deps/ that appear whole or not at all.
# shellcheck shell=bash

DEPS=$PWD/.deps
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/framegate
CHANGES=0
declare -A SET_UP=()

# Messages go to the script's own output even where a function's output is its result.
exec 3>&1

say() { echo "setup: $*" >&3; }

fail() {
  echo "setup: $*" >&2
  exit 1
}

# made THING HOW: tells of a change.
made() {
  CHANGES=$((CHANGES + 1))
  say "$1: $2"
}

present() { say "$1: present"; }

# need GROUP: sets the group up, once in a run.
need() {
  [ -z "${SET_UP[$1]:-}" ] || return 0
  SET_UP[$1]=yes
  "set_up_$1"
}

# require TOOL: for the groups that can be had without the group `packages`.
require() { command -v "$1" >/dev/null || fail "$1 is not on PATH: run scripts/setup packages"; }

# One run at a time works on .deps/; what an interrupted run left in its temporary folder is removed.
open_store() {
  mkdir -p "$DEPS" "$CACHE"
  exec 8>"$DEPS/.lock"
  flock --nonblock 8 || { say "waiting for another run to end" && flock 8; }
  TEMPORARY=$DEPS/.tmp
  rm -rf "$TEMPORARY"
  mkdir "$TEMPORARY"
  trap 'rm -rf "$TEMPORARY"' EXIT
}

# locked FILE COMMAND...: one process at a time runs a command under this lock.
locked() {
  (
    flock 9
    "${@:2}"
  ) 9>"$1"
}

sha256_of() { sha256sum "$1" | cut -d ' ' -f 1; }

# is_intact FILE SHA256
is_intact() { [ -f "$1" ] && [ "$(sha256_of "$1")" = "$2" ]; }

# fetch FILE SHA256 COMMAND...: prints the path of FILE in the cache. If it is not there, or damaged, COMMAND is run in an
# empty folder, where it must leave FILE.
fetch() {
  local folder=$CACHE/sha256/$2
  mkdir -p "$folder"
  locked "$folder/.lock" ensure_cached "$folder" "$@" >/dev/null
  echo "$folder/$1"
}

# ensure_cached FOLDER FILE SHA256 COMMAND...
ensure_cached() {
  local folder=$1 file=$2 sha256=$3 partial=$1/.partial
  shift 3
  if is_intact "$folder/$file" "$sha256"; then return; fi
  [ ! -e "$folder/$file" ] || say "$file: damaged in the cache"
  say "$file: downloading"
  rm -rf "$partial"
  mkdir "$partial"
  (cd "$partial" && "$@") || fail "$file: the download failed: $*"
  is_intact "$partial/$file" "$sha256" || fail "$file: not what was pinned: its sha256 must be $sha256"
  mv -f "$partial/$file" "$folder/$file"
  rm -rf "$partial"
}

# produce PATH SHA256 HOW COMMAND...: makes .deps/PATH with COMMAND, which is given the name of the file to write.
produce() {
  local path=$1 sha256=$2 how=$3
  shift 3
  if is_intact "$DEPS/$path" "$sha256"; then
    present "$path"
    return
  fi
  "$@" "$TEMPORARY/product"
  is_intact "$TEMPORARY/product" "$sha256" || fail "$path: not what was pinned: its sha256 must be $sha256"
  mkdir -p "$(dirname "$DEPS/$path")"
  mv -f "$TEMPORARY/product" "$DEPS/$path"
  made "$path" "$how"
}

# copy SOURCE PATH: .deps/PATH is the same as a file of the project.
copy() {
  cmp --quiet "$1" "$DEPS/$2" && return
  mkdir -p "$(dirname "$DEPS/$2")"
  cp "$1" "$TEMPORARY/copy"
  mv -f "$TEMPORARY/copy" "$DEPS/$2"
  made "$2" "copied"
}
