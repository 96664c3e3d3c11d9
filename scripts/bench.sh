#!/usr/bin/env bash
# Measure the gateway beside other servers and beside the physical limit, on
# this machine, in one run. Compare figures of one run only.
#
# usage: scripts/bench.sh [--no-install] [--quick] [--docs] [FLAG]...
#        scripts/bench.sh overhead [ROUNDS]
#        scripts/bench.sh bodies
#        scripts/bench.sh scale [--framegate BINARY] [PART]...
#
# The first installs the other servers from Debian's packages (as root;
# --no-install leaves the machine as it is, and whoever is missing out), starts
# each of them, asks them by turns, and prints a table for each case and one of
# ratios: about an hour, or under five minutes with --quick. --docs
# writes the figures into docs/performance.*, README.md and README.zh.md.
# FLAGs are bench's own: --only REGEXP, --among REGEXP, --rounds N, --time 3s,
# --json FILE, --svg FILE, --framegate BINARY, --list, --redraw (with --docs).
#
# overhead prints the median time of a bare start of a static C program, of the
# same program through the gateway on one connection, and their difference
# (3000 ROUNDS). bodies prints throughput and the gateway's peak memory for
# bodies of 2 GiB, which need 2 GiB free in the temporary directory.
#
# scale measures what is not to change with the load: a program that is asked
# for four times what it can do, and good requests beside it (overload; lighttpd
# for comparison, where it is installed), 10 to 10,000 frames (routes), bodies
# of 1 KiB to 1 GiB (bodies), 8 and 256 connections (concurrency), and 10,000
# that wait (idle). About four minutes; without PARTs it is all of them.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(
  gcc libc6-dev python3 python3-flask perl
  apache2-bin busybox fcgiwrap gunicorn lighttpd nginx-light python3-waitress uwsgi uwsgi-plugin-python3
  nghttp2-client wrk
)

usage() {
  sed -n '2,28s/^# \{0,1\}//p' "$0"
  exit 2
}

install_packages() {
  local missing=() p
  for p in "${packages[@]}"; do
    # Any nginx will do.
    if [ "$p" = nginx-light ] && command -v nginx >/dev/null; then
      continue
    fi
    dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing+=("$p")
  done
  if [ "${#missing[@]}" = 0 ]; then
    return
  fi
  if [ "$(id -u)" != 0 ]; then
    echo "bench.sh: install these as root, or run with --no-install: ${missing[*]}" >&2
    exit 1
  fi
  echo "== installing ${missing[*]}"
  # A daemon that a package brings is not wanted: bench starts its own.
  local policy=/usr/sbin/policy-rc.d made=
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    made=yes
  fi
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  if [ -n "$made" ]; then
    rm -f "$policy"
  fi
}

require_cc() {
  command -v cc >/dev/null || {
    echo "bench.sh: cc is missing: apt-get install gcc libc6-dev" >&2
    exit 1
  }
}

# The program is opened, and gone before it runs: nothing is left behind,
# however it ends, and Ctrl-C reaches it, and not a shell that waits for it.
bench() {
  local bin
  # nginx, lighttpd and the like are in sbin, which is not on everybody's path.
  export PATH="$PATH:/usr/sbin"
  bin=$(mktemp -d)
  go build -o "$bin/bench" ./server/bench
  exec 9<"$bin/bench"
  rm -r "$bin"
  exec /proc/self/fd/9 "$@"
}

case "${1:-}" in
  overhead)
    case "${2:-3000}" in
      *[!0-9]* | "") usage ;;
    esac
    require_cc
    exec go test -run '^$' -bench Overhead -benchtime "${2:-3000}x" ./server/bench_test
    ;;
  bodies)
    [ "$#" = 1 ] || usage
    exec go test -run '^$' -bench LargeBodies -benchtime 1x -timeout 20m ./server/bench_test
    ;;
  scale)
    require_cc
    for p in wrk python3; do
      command -v "$p" >/dev/null || {
        echo "bench.sh: $p is missing: apt-get install $p" >&2
        exit 1
      }
    done
    bench "$@"
    ;;
esac

install=yes
flags=()
for flag in "$@"; do
  case "$flag" in
    --no-install) install= ;;
    --docs) flags+=(--docs .) ;;
    -h | --help) usage ;;
    --list) install= && flags+=("$flag") ;;
    *) flags+=("$flag") ;;
  esac
done
if [ -n "$install" ]; then
  install_packages
fi
require_cc
bench "${flags[@]}"
