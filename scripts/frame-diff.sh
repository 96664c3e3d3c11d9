#!/usr/bin/env bash
# Give two frames the same requests and show where their answers differ.
#
# usage: scripts/frame-diff.sh [options] A B URL...
#
#   A, B             a program, or a program and its arguments in one word:
#                    'perl frames/hello.pl' (split at blanks, no shell reads it)
#   -X, -H, -d, -e, --script-name, --script-filename, --document-root,
#   --pass-authorization, --dir, --timeout
#                    the request: see scripts/frame-try.sh
#   --ignore NAME    a header field whose value may differ; may be repeated
#   --filter SCRIPT  a shell command that both bodies go through before they are
#                    compared: --filter 'sed "s/[0-9.]* ms/… ms/"'
#
# What may differ: the order of header fields, and the values of Date, Expires,
# Last-Modified and of cookies. Exits with 0 when all is the same, with 1 when
# not, with 2 when it cannot be told. Any POSIX sh will do.
set -eu
# shellcheck disable=SC3040 # not every sh has it yet
if (set -o pipefail) 2>/dev/null; then set -o pipefail; fi

die() {
  printf 'frame-diff: %s\n' "$1" >&2
  exit 2
}

# run has one side answer: run SIDE PROGRAM URL [OPTION...].
run() {
  side=$work/$1 program=$2 url=$3
  shift 3
  if [ -e "$program" ]; then
    set -- "$@" "$url" -- "$program"
  else
    # shellcheck disable=SC2086 # it is split here
    set -- "$@" "$url" -- $program
  fi
  status=0
  sh "$here/frame-try.sh" "$@" >"$side.answer" 2>"$side.stderr" || status=$?
  if [ "$status" -gt 1 ]; then
    cat "$side.stderr" >&2
    exit 2
  fi
  sed "1!d; s/$cr//; s/^HTTP[^ ]* //" "$side.answer" >"$side.status"
  sed "/^$cr\$/,\$d" "$side.answer" >"$side.head"
  tail -c +$(($(wc -c <"$side.head") + 3)) "$side.answer" | sh -c "$filter" >"$side.body"
  fields <"$side.head" >"$side.fields"
  # The last line is frame-try's: how it ended, how long it took.
  tail -n 1 "$side.stderr" | sed 's/^frame-try: //' >"$side.end"
  sed 's/, [^,]*$//' "$side.end" >"$side.exit"
  sed -n '$d; s/^frame-try: //p' "$side.stderr" >"$side.notes"
}

# fields brings header fields into one form.
fields() {
  tr -d '\r' | awk -v ignored="$ignored" '
    BEGIN { n = split("date expires last-modified " tolower(ignored), names, " "); for (i = 1; i <= n; i++) any[names[i]] }
    NR == 1 { next }
    {
      colon = index($0, ":")
      name = tolower(substr($0, 1, colon - 1))
      value = substr($0, colon + 2)
      if (name in any) value = "…"
      if (name == "set-cookie") sub(/=[^;]*/, "=…", value)
      print name ": " value
    }' | sort
}

seconds() { sed 's/.*, //' "$work/$1.end"; }

bytes() { echo $(($(wc -c <"$work/$1.body"))); }

same() { cmp -s "$work/a.$1" "$work/b.$1"; }

# either prints one line for both sides of a difference.
either() { printf '  %s: A %s, B %s\n' "$1" "$2" "$3"; }

# compare shows how the two answers to a URL differ.
compare() {
  took="A $(seconds a), B $(seconds b)"
  if same status && same exit && same fields && same body; then
    printf '%s: same: %s, %s bytes (%s)\n' "$1" "$(cat "$work/a.status")" "$(bytes a)" "$took"
    return 0
  fi
  printf '%s: different (%s)\n' "$1" "$took"
  same status || either status "$(cat "$work/a.status")" "$(cat "$work/b.status")"
  same exit || either end "$(cat "$work/a.exit")" "$(cat "$work/b.exit")"
  if ! same fields; then
    echo '  header: - A, + B'
    difference fields 0
  fi
  if ! same body; then
    compare_bodies
  fi
  sed 's/^/  A: /' "$work/a.notes" # what frame-try had to say
  sed 's/^/  B: /' "$work/b.notes"
  return 1
}

compare_bodies() {
  if binary a || binary b; then
    either body "$(bytes a) bytes, $(hash a)" "$(bytes b) bytes, $(hash b)"
    at=$(cmp -l "$work/a.body" "$work/b.body" 2>/dev/null | head -n 1) || :
    if [ -n "$at" ]; then
      # shellcheck disable=SC2086 # three numbers: the byte, from 1, and both values, octal
      set -- $at
      printf '  first at byte %d (from 0): A 0x%02x, B 0x%02x\n' $(($1 - 1)) "0$2" "0$3"
    elif [ "$(bytes a)" -lt "$(bytes b)" ]; then
      echo "  A is the beginning of B"
    else
      echo "  B is the beginning of A"
    fi
  else
    echo '  body: - A, + B'
    difference body 2
  fi
}

# difference prints what diff says of the two, but not for ever.
difference() {
  diff -U "$2" "$work/a.$1" "$work/b.$1" | sed -e 1,2d >"$work/difference" || :
  if [ "$2" = 0 ]; then # of a sorted list no line numbers are wanted
    sed '/^@@/d' "$work/difference" >"$work/lines"
  else
    cat "$work/difference" >"$work/lines"
  fi
  sed -n '1,40s/^/    /p' "$work/lines"
  more=$(($(wc -l <"$work/lines") - 40))
  [ "$more" -le 0 ] || printf '    … %d lines more\n' "$more"
}

binary() { [ "$(tr -d '\000-\010\016-\032\034-\037' <"$work/$1.body" | wc -c)" -ne "$(wc -c <"$work/$1.body")" ]; }

hash() {
  for program in sha256sum 'shasum -a 256' cksum; do
    if command -v "${program%% *}" >/dev/null; then
      # shellcheck disable=SC2086 # shasum and its arguments
      printf '%s %s\n' "${program%% *}" "$($program <"$work/$1.body" | sed 's/  *-*$//')"
      return
    fi
  done
}

here=$(dirname -- "$0")
cr=$(printf '\r')
a='' b='' urls='' ignored='' filter=cat
left=$#
while [ "$left" -gt 0 ]; do
  argument=$1
  shift
  left=$((left - 1))
  case $argument in
  -h | --help) sed -n '2,18s/^# \{0,1\}//p' "$0" && exit ;;
  --pass-authorization) set -- "$@" "$argument" ;;
  -X | -H | -d | -e | --script-name | --script-filename | --document-root | --dir | --timeout | --ignore | --filter)
    [ "$left" -gt 0 ] || die "$argument wants a value"
    value=$1
    shift
    left=$((left - 1))
    case $argument:$value in
    -d:@-) die '-d @-: stdin can be read only once: put it into a file, -d @FILE' ;;
    --ignore:*) ignored="$ignored $value" ;;
    --filter:*) filter=$value ;;
    *) set -- "$@" "$argument" "$value" ;;
    esac
    ;;
  -*) die "unknown option $argument: scripts/frame-diff.sh --help" ;;
  *)
    if [ -z "$a" ]; then
      a=$argument
    elif [ -z "$b" ]; then
      b=$argument
    else
      urls="$urls$argument
"
    fi
    ;;
  esac
done
[ -n "$urls" ] || die 'want two programs and a URL: scripts/frame-diff.sh A B URL...'

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
LC_ALL=C
export LC_ALL
set -f
different=0
while IFS= read -r url; do
  [ -n "$url" ] || continue
  run a "$a" "$url" "$@"
  run b "$b" "$url" "$@"
  compare "$url" || different=1
done <<END
$urls
END
exit "$different"
