#!/usr/bin/env bash
# Measure the gateway beside the physical limit, on this machine, in one run.
#
# usage: scripts/bench.sh [ROUNDS]        (default: 3000)
#
# Prints the median time of a bare start of a static C program, of the same
# program through the gateway on one connection, and their difference; then
# throughput and the gateway's peak memory for 2 GiB bodies, which need 2 GiB
# free in the temporary directory. Compare figures of one run only.
set -euo pipefail
cd "$(dirname "$0")/.."

case "${1:-3000}" in
  *[!0-9]* | "")
    sed -n '2,10s/^# \{0,1\}//p' "$0"
    exit 2
    ;;
esac
command -v cc >/dev/null || {
  echo "bench.sh: cc is missing: apt-get install gcc libc6-dev" >&2
  exit 1
}

echo "$(nproc) cores, $(awk '/MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo), Linux $(uname -r), $(go env GOVERSION)"
go test -run '^$' -bench Overhead -benchtime "${1:-3000}x" ./server/bench_test
go test -run '^$' -bench LargeBodies -benchtime 1x -timeout 20m ./server/bench_test
