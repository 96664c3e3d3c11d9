#!/usr/bin/env bash
# Soak the gateway: good traffic mixed with every fault, then look for what
# was lost, cut or left behind.
#
# usage: scripts/soak.sh [--seconds N | --requests N] [--concurrency N] [--seed N]
#
# Default: 120 seconds, 256 clients. Builds framegate, starts `framegate serve`
# on a loopback port and ends it again; needs Go, gcc and python3. Prints what
# became of each class of request and what the server held before and after.
# Exits 1 when a good answer was not whole, a bad one had the wrong end, or
# processes, descriptors, threads or memory did not go back.
set -euo pipefail
cd "$(dirname "$0")/../server/soak_test"

usage() {
  sed -n '2,11s/^# \{0,1\}//p' ../../scripts/soak.sh
  exit "$1"
}

seconds='' requests='' concurrency=256 seed=$RANDOM
while [ $# -gt 0 ]; do
  case "$1" in
    -h | --help) usage 0 ;;
    --seconds | --requests | --concurrency | --seed) ;;
    *) usage 2 ;;
  esac
  case "${2:-}" in '' | 0* | *[!0-9]*) usage 2 ;; esac
  declare "${1#--}=$2"
  shift 2
done
if [ -n "$seconds" ] && [ -n "$requests" ]; then
  usage 2
fi
if [ -z "$requests" ]; then
  seconds=${seconds:-120}
fi

# An exchange takes up to seven descriptors of the server and one of the
# clients'; a frame that dies of a signal need not leave a core.
ulimit -n "$(ulimit -Hn)"
ulimit -c 0

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go test -c -o "$work/soak" .
echo "$(nproc) cores, Linux $(uname -r), $(go env GOVERSION)"
# Beyond the load: two minutes for what is before and after it. A hundred
# exchanges a second is slow on any machine.
limit=$((${seconds:-0} + ${requests:-0} / 100 + 600))
"$work/soak" -test.v -test.timeout "${limit}s" -seconds "${seconds:-0}" -requests "${requests:-0}" \
  -concurrency "$concurrency" -seed "$seed"
