#!/usr/bin/env bash
# Build framegate and serve the demo site.
#
# usage: scripts/run.sh [PORT]        (default: 7890)
#
# Needs Go; installs python3 from Debian if there is none (as root). The demo
# keeps its data in data/stock.db, which is made on first use.
set -euo pipefail
cd "$(dirname "$0")/.."

case "${1:-}" in
  -h | --help)
    sed -n '2,7s/^# \{0,1\}//p' "$0"
    exit 0
    ;;
esac

if ! command -v go >/dev/null; then
  echo "run.sh: go is missing: install Go 1.26 or later (https://go.dev/dl/)" >&2
  exit 1
fi
if ! command -v python3 >/dev/null; then
  if [ "$(id -u)" != 0 ]; then
    echo "run.sh: python3 is missing, the demo is a Python program: apt-get install python3" >&2
    exit 1
  fi
  echo "installing python3, which the demo is written in" >&2
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3 >/dev/null
fi

echo "building framegate (the first time fetches the Go modules)" >&2
CGO_ENABLED=0 go build -o framegate ./server
exec ./framegate serve "${1:-7890}"
