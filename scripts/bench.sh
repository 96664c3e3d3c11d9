#!/usr/bin/env bash
# Measure the gateway beside other servers and beside the physical limit, on
# this machine, in one run. Compare figures of one run only.
#
# usage: scripts/bench.sh [FLAG]...
#        scripts/bench.sh overhead [ROUNDS]
#        scripts/bench.sh bodies
#        scripts/bench.sh scale [--framegate BINARY] [PART]...
#
# The first installs the other servers from Debian's packages (as root), starts
# each of them, asks them by turns, and prints a table for each case and one of
# ratios: about an hour, or under five minutes with --quick. FLAGs:
#   --quick             the cases that tell most, a second each
#   --list              list the cases and their contestants
#   --only REGEXP       run the cases whose names match
#   --among REGEXP      measure only the contestants that match, and framegate
#   --rounds N          rounds of each case (5)
#   --time DURATION     of one measurement (3s, with --quick 1s)
#   --no-install        leave the machine as it is, and whoever is missing out
#   --framegate BINARY  what to measure (built from ./server)
#   --json FILE         write the figures to FILE
#   --svg FILE          draw a chart of the cases that tell most into FILE
#   --docs              write figures, chart and tables into docs/performance.*,
#                       README.md and README.zh.md
#   --redraw            measure nothing: with --docs, write them anew from the
#                       figures that are there
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
  sed -n '2,/^set /s/^# \{0,1\}//p' scripts/bench.sh
}

misused() {
  echo "bench.sh: $1" >&2
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
build_bench() {
  local bin
  bin=$(mktemp -d)
  go build -o "$bin/bench" ./server/bench || {
    rm -r "$bin"
    exit 1
  }
  exec 9<"$bin/bench"
  rm -r "$bin"
}

for arg in "$@"; do
  case "$arg" in
    -h | -help | --help)
      usage
      exit 0
      ;;
  esac
done

case "${1:-}" in
  overhead)
    [ "$#" -le 2 ] || misused "overhead: one number of ROUNDS and no more: --help says how"
    case "${2-3000}" in
      *[!0-9]* | "" | 0*) misused "overhead: ROUNDS is a number from 1, not \"$2\"" ;;
    esac
    require_cc
    exec go test -run '^$' -bench Overhead -benchtime "${2:-3000}x" ./server/bench_test
    ;;
  bodies)
    [ "$#" = 1 ] || misused "bodies: takes nothing behind it, and not \"$2\""
    exec go test -run '^$' -bench LargeBodies -benchtime 1x -timeout 20m ./server/bench_test
    ;;
esac

# What is wrong with the flags is said before anything is installed or missed.
build_bench
needs=$(/proc/self/fd/9 judge "$@")
case "$needs" in
  packages)
    install_packages
    require_cc
    ;;
  compiler) require_cc ;;
  scale)
    require_cc
    for p in wrk python3; do
      command -v "$p" >/dev/null || {
        echo "bench.sh: $p is missing: apt-get install $p" >&2
        exit 1
      }
    done
    ;;
esac

# nginx, lighttpd and the like are in sbin, which is not on everybody's path.
export PATH="$PATH:/usr/sbin"
exec /proc/self/fd/9 "$@"
