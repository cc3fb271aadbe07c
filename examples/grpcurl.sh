#!/usr/bin/env bash
# usage: examples/grpcurl.sh [ADDRESS [REFERENCE [MODEL [LINE]]]]
#
# Talks to a running gateway with grpcurl (https://github.com/fullstorydev/grpcurl), which learns the API by reflection.
# Shows each command line before it runs it. LINE runs one of them alone:
#
#   services, describe, predict, stream, pools, pool, health, model-health
#
# .deps/bin/grpcurl, which scripts/setup builds, is taken where grpcurl is not on PATH.
set -euo pipefail

case ${1:-} in
  -h | --help) sed -n '2,/^set -/{/^set -/d;s/^# \{0,1\}//;p}' "$0" && exit ;;
esac

ADDRESS=${1:-127.0.0.1:9000}
REFERENCE=${2:-frames:cam1/000123.jpg}
MODEL=${3:-detector}
LINES=(services describe predict stream pools pool health model-health)

PATH=$PATH:$(cd "$(dirname "$0")/.." && pwd)/.deps/bin
command -v grpcurl >/dev/null || { echo "grpcurl is not on PATH; run: scripts/setup grpcurl" >&2 && exit 3; }

# Shows a command on stderr, and runs it.
run() {
  printf '\n$ %s\n' "${*@Q}" >&2
  "$@"
}

request() { printf '{"request_id": "%s", "frame": {"uri": "%s", "camera_id": "1"}, "models": ["%s"]}' "$1" "$REFERENCE" "$MODEL"; }

line() {
  case $1 in
    services) run grpcurl -plaintext "$ADDRESS" list ;;
    describe) run grpcurl -plaintext "$ADDRESS" describe framegate.v1.PredictRequest ;;
    predict) run grpcurl -plaintext -d "$(request 1)" "$ADDRESS" framegate.v1.FrameService/Predict ;;
    stream) run grpcurl -plaintext -d "$(request 1) $(request 2)" "$ADDRESS" framegate.v1.FrameService/PredictStream ;;
    pools) run grpcurl -plaintext "$ADDRESS" framegate.v1.OperatorService/ListPools ;;
    pool) run grpcurl -plaintext -d "{\"model\": \"$MODEL\"}" "$ADDRESS" framegate.v1.OperatorService/GetPool ;;
    health) run grpcurl -plaintext "$ADDRESS" grpc.health.v1.Health/Check ;;
    model-health) run grpcurl -plaintext -d "{\"service\": \"$MODEL\"}" "$ADDRESS" grpc.health.v1.Health/Check ;;
    *) echo "no line is called '$1'; there are: ${LINES[*]}" >&2 && exit 2 ;;
  esac
}

for name in "${4:-${LINES[@]}}"; do line "$name"; done
