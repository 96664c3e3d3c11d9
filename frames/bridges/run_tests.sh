#!/usr/bin/env bash
# Runs the WSGI bridge's tests under every Python from 3.8 to 3.13 that is found.
#
# usage: frames/bridges/run_tests.sh [unittest arguments, such as -v or -k NAME]
#
# Looks on $PATH and in ${PYENV_ROOT:-$HOME/.pyenv}/versions/*/bin. At least one must be there; those found and
# those missing are named. FRAMEGATE_REQUIRE=all makes a missing framework (Flask, Django, Pyramid) a failure
# instead of a skip, under Debian's own Python, for which they are installed.
set -euo pipefail
cd "$(dirname "$0")"

versions="3.8 3.9 3.10 3.11 3.12 3.13"

# Prints the interpreters of version $1, one path per line. A version manager's shim on PATH may run
# another version or none, so each candidate is asked.
find_python() {
    local version="$1" candidate
    { type -ap "python$version" || true
      printf '%s\n' "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version".*/bin/"python$version" /usr/bin/python3
    } | while IFS= read -r candidate; do
        [ -x "$candidate" ] || continue
        "$candidate" -c 'import os, sys
if "%d.%d" % sys.version_info[:2] == sys.argv[1]: print(os.path.realpath(sys.executable))' "$version" 2>/dev/null || true
    done | sort -u
}

# Tests the bridge under one interpreter.
test_under() {
    local python="$1"
    # Frameworks are installed for Debian's Python alone; elsewhere there is nothing to require.
    case "$python" in
        /usr/bin/*) ;;
        *) export FRAMEGATE_REQUIRE="" ;;
    esac
    # The newest Python must read the source as the oldest does.
    "$python" -c 'import ast; ast.parse(open("wsgi.py", encoding="utf-8").read(), feature_version=(3, 8))' || return 1
    PYTHONDONTWRITEBYTECODE=1 "$python" -m unittest discover -p '*_test.py' "${arguments[@]}"
}

arguments=("$@")
found=0 failed=0 debian=0
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
names=() pids=()
for version in $versions; do
    pythons="$(find_python "$version")"
    if [ -z "$pythons" ]; then
        echo "python$version: not found"
        continue
    fi
    while IFS= read -r python; do
        case "$python" in /usr/bin/*) debian=1 ;; esac
        # As many at a time as there are cores; each into a file, so that they can be told apart.
        [ "$found" -lt "$(nproc)" ] || wait "${pids[found - $(nproc)]}" || :
        (test_under "$python" || : >"$work/$found.failed") >"$work/$found" 2>&1 </dev/null &
        pids+=("$!") names+=("python$version: $python")
        found=$((found + 1))
    done <<<"$pythons"
done
for ((i = 0; i < found; i++)); do
    wait "${pids[i]}" 2>/dev/null || : # it may have been waited for
    [ ! -e "$work/$i.failed" ] || failed=1
    echo "== ${names[i]}"
    cat "$work/$i"
done

if [ "${FRAMEGATE_REQUIRE:-}" = all ] && [ "$debian" -eq 0 ]; then
    echo "run_tests.sh: FRAMEGATE_REQUIRE=all, but no Python under /usr/bin to test the frameworks with" >&2
    failed=1
fi
if [ "$found" -eq 0 ]; then
    echo "run_tests.sh: no Python from 3.8 to 3.13 was found" >&2
    exit 1
fi
echo "== $found interpreters, $([ "$failed" -eq 0 ] && echo "all passed" || echo "FAILED")"
exit "$failed"
