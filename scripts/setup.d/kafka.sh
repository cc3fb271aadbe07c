# Apache Kafka, which scripts/kafka runs for the demo and the tests. Maven fetches its jars; where there is no Java or no Maven,
# the rest works without it.
# shellcheck shell=bash

set_up_kafka() {
  local pom=$PWD/scripts/kafka.d/pom.xml sums=$PWD/scripts/kafka.d/sha256sums kept tool
  if holds_jars "$DEPS/kafka" "$sums"; then
    present kafka
    return
  fi
  kept=$CACHE/kafka/$(sha256_of "$sums")
  for tool in java mvn; do
    if ! command -v "$tool" >/dev/null; then
      say "*** kafka: LEFT OUT, since $tool is not on PATH (Debian: default-jre-headless, maven): scripts/kafka and its tests do not run ***"
      return
    fi
  done
  mkdir -p "$kept"
  locked "$kept/.lock" fetch_jars "$kept/jars" "$pom" "$sums"
  cp -r "$kept/jars" "$TEMPORARY/kafka"
  rm -rf "$DEPS/kafka"
  mv "$TEMPORARY/kafka" "$DEPS/kafka"
  made kafka fetched
}

# holds_jars FOLDER SUMS: the pinned jars, and no others, which would come onto the class path.
holds_jars() {
  [ -d "$1" ] && (cd "$1" && sha256sum --check --status --strict "$2") 2>/dev/null &&
    [ "$(find "$1" -name '*.jar' | wc -l)" -eq "$(wc -l <"$2")" ]
}

# fetch_jars FOLDER POM SUMS: they appear there whole or not at all.
fetch_jars() {
  if holds_jars "$1" "$3"; then return; fi
  say "kafka: fetching its jars"
  rm -rf "$1" "$TEMPORARY/jars"
  mvn --quiet --batch-mode --file "$2" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$TEMPORARY/jars" >&3 ||
    fail "kafka: Maven could not fetch its jars: mvn --file $2 dependency:copy-dependencies"
  holds_jars "$TEMPORARY/jars" "$3" || fail "kafka: its jars are not what was pinned in $3"
  mv "$TEMPORARY/jars" "$1"
}
