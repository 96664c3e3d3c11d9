#!/usr/bin/env bash
# Run every check of the project, as CI does.
#
# usage: scripts/test.sh [--no-install]
#
# Needs Go. Installs the programs that the tests run from Debian's packages
# (as root; --no-install leaves the machine as it is). With them, a missing
# program is a failure, not a skip.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(
  ca-certificates curl git gcc libc6-dev shellcheck procps
  perl mawk gawk busybox zsh mksh ksh93u+m yash strace valgrind socat
  python3 python3-flask python3-django python3-pyramid python3-pymysql
  php-cgi php-fpm libfcgi-perl libfcgi-bin cgit gitweb
  mariadb-server
  chromium fonts-noto-cjk
  wrk
)

install_packages() {
  local missing=() p
  for p in "${packages[@]}"; do
    dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing+=("$p")
  done
  if [ "${#missing[@]}" = 0 ]; then
    return
  fi
  if [ "$(id -u)" != 0 ]; then
    echo "test.sh: install these as root, or run with --no-install: ${missing[*]}" >&2
    exit 1
  fi
  echo "== installing ${missing[*]}"
  # A daemon that a package brings is not wanted: tests start their own.
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

step() {
  echo "== $1"
  shift
  "$@"
}

gofmt_clean() {
  local files
  files=$(git ls-files '*.go' | xargs gofmt -l)
  if [ -n "$files" ]; then
    echo "not gofmt-ed:" "$files" >&2
    return 1
  fi
}

shell_scripts() {
  # Every file that a shell runs, found by its first line. A template is none
  # yet: what is made of it is checked by its own tests.
  git ls-files | grep -v '\.tmpl$' | while read -r f; do
    if [ -f "$f" ] && head -c 40 "$f" | head -n 1 | grep -qE '^#!.*\b(ba|da)?sh\b'; then
      printf '%s\0' "$f"
    fi
  done
}

cross_build() {
  local os
  for os in darwin freebsd; do
    GOOS=$os GOARCH=arm64 go vet ./server/... || return 1
    GOOS=$os GOARCH=arm64 go build -o /dev/null ./server || return 1
  done
  GOOS=linux GOARCH=arm64 go build -o /dev/null ./server
}

case "$*" in
  --no-install) ;;
  "")
    install_packages
    export FRAMEGATE_REQUIRE=all
    ;;
  -h | -help | --help)
    sed -n '2,8s/^# \{0,1\}//p' scripts/test.sh
    exit 0
    ;;
  *)
    echo "test.sh: \"$*\": --no-install is all that it takes: --help says more" >&2
    exit 2
    ;;
esac

step "gofmt" gofmt_clean
step "vet" go vet ./...
step "vet frames/hello.go" go vet frames/hello.go
step "staticcheck" go tool staticcheck ./...
step "build for darwin, freebsd and linux/arm64" cross_build
step "shellcheck" bash -c 'xargs -0 shellcheck' < <(shell_scripts)
step "WSGI bridge, every Python that is here" frames/bridges/run_tests.sh
step "Go tests with the race detector" go test -race -timeout 15m ./...
# Counts of what the race detector would change, of a gateway that is built
# anew: no result of before will do.
step "counts and their ceilings" go test -count=1 ./server/count_test
step "soak, two minutes" scripts/soak.sh --seconds 120
