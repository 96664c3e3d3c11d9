#!/usr/bin/env bash
# Run a frame by hand, with no gateway: make the environ of a URL, run the
# program with that and nothing else, and print its answer as curl -i would.
#
# usage: scripts/frame-try.sh [options] URL -- PROGRAM [ARG...]
#
#   -X METHOD, -H 'Name: value', -d DATA | -d @FILE | -d @-, --script-name NAME,
#   --script-filename FILE, --document-root DIR, --pass-authorization
#                      the request: see scripts/frame-env.sh
#   -e NAME=VALUE      one more variable; -e NAME hands over your own
#   --dir DIR          where the program runs (default: here)
#   --timeout SECONDS  stop it then, and whatever it has started
#   --raw              print what it printed, untouched
#   --env              print the environ that it would be given; run nothing
#   --strace           have strace tell, on stderr, what it does
#
# Exits with 0 when the status is below 500, else with 1; with --raw as the
# program did. Any POSIX sh will do: "sh scripts/frame-try.sh" without bash.
set -eu
# shellcheck disable=SC3040 # not every sh has it yet
if (set -o pipefail) 2>/dev/null; then set -o pipefail; fi

# In a function, because dash lets what is sourced see a function's arguments.
load() {
  # shellcheck source=/dev/null
  . "$here/frame-env.sh"
}
here=$(dirname -- "$0")
fe_out='' frame_env_names='' # which are set in there
load --functions

say() { printf 'frame-try: %s\n' "$1" >&2; }

die() {
  say "$1"
  [ -z "${2-}" ] || printf 'hint: %s\n' "$2" >&2
  exit 2
}

# option takes an option and its value.
option() {
  case $1 in
  -e) variable "$2" ;;
  --dir)
    [ -d "$2" ] || die "--dir $2: no such directory"
    dir=$2
    ;;
  --timeout)
    case $2 in '' | *[!0-9]* | 0*) die "--timeout $2: want a number of seconds" ;; esac
    timeout=$2
    ;;
  -d) body "$2" ;;
  *) pass "$1" "$2" ;;
  esac
}

# pass keeps arguments for frame_env, quoted.
pass() {
  for argument; do
    fe_quote "$argument"
    request="$request $fe_out"
  done
}

# variable keeps one for the frame, quoted.
variable() {
  name=${1%%=*}
  case $name in '' | [0-9]* | *[!A-Za-z0-9_]*) die "-e $1: want NAME or NAME=VALUE" ;; esac
  case $1 in
  *=*) fe_quote "$1" ;;
  *)
    eval "[ -n \"\${$name+x}\" ]" || die "-e $name: there is no such variable"
    eval "fe_quote \"$name=\$$name\""
    ;;
  esac
  variables="$variables $fe_out"
}

# body has stdin be a file of the body's bytes.
body() {
  stdin=$work/body
  case $1 in
  @-) cat >"$stdin" ;;
  @*)
    if [ -f "${1#@}" ] || [ ! -r "${1#@}" ]; then
      stdin=${1#@} # what is wrong with it, frame_env says
    else
      cat -- "${1#@}" >"$stdin" # a pipe, which can be read only once
    fi
    ;;
  *)
    printf '%s' "$1" >"$stdin"
    pass -d "$1"
    return
    ;;
  esac
  pass -d "@$stdin"
}

# locate finds the program as the system will, and says what would fail there.
locate() {
  program=$1
  case $1 in
  */*) ;;
  *)
    program=$(search "$1") || die "program $1: not on PATH" "$([ ! -e "$1" ] || echo "say ./$1 for the one in this directory")"
    ;;
  esac
  [ -e "$program" ] || die "program $1: no such file"
  [ -f "$program" ] || die "program $1: is not a file"
  [ -x "$program" ] || die "program $1: has no run bit" "chmod +x $1"
  case $program in *=*) die "program $1: env cannot run a program with = in its path" ;; esac
  program=$(cd -- "$(dirname -- "$program")" && pwd)/${program##*/}
  [ "$(head -c 2 -- "$program" | tr -d '\000')" = '#!' ] || return 0
  first=$(head -n 1 -- "$program")
  case $first in
  *"$cr")
    first=${first%"$cr"}
    die "program $1: its first line ends in CR LF, so what is looked for is '${first##*['! ']}\\r'" "sed -i 's/\\r\$//' $1"
    ;;
  esac
  first=${first#??}
  first=${first#"${first%%[! ]*}"}
  [ -e "${first%% *}" ] || die "program $1: the interpreter of its first line, ${first%% *}, is missing"
}

search() (
  set -f
  IFS=:
  for at in $PATH; do
    if [ -f "${at:-.}/$1" ] && [ -x "${at:-.}/$1" ]; then
      printf '%s\n' "${at:-.}/$1"
      exit 0
    fi
  done
  exit 1
)

# now is a time in milliseconds, or in what the system has.
now() {
  case $(date +%N) in
  [0-9]*) echo $(($(date +%s%N) / 1000000)) ;;
  *)
    if read -r up _ 2>/dev/null </proc/uptime; then
      echo "${up%.*}${up#*.}0"
    else
      date +%s000
    fi
    ;;
  esac
}

# environ adds the request's variables to $variables; env takes the last of a
# name, so that they win.
environ() {
  fe_quote "PATH=$PATH"
  variables=$fe_out$variables
  for name in $frame_env_names; do
    eval "fe_quote \"$name=\$$name\""
    variables="$variables $fe_out"
  done
}

# start runs a program, with its environ ahead, in the background: in a session
# of its own where it can be had, so that it ends with all that it has started.
start() {
  clean=$(search env) # that of the system: busybox would prefer its own
  # A shell has what runs in its background ignore Ctrl-C, and so would the frame.
  if "$clean" --default-signal=INT true 2>/dev/null; then
    set -- "$clean" --default-signal=INT --default-signal=QUIT -i "$@"
  else
    set -- "$clean" -i "$@"
  fi
  if command -v setsid >/dev/null; then
    set -- setsid "$@"
    group=-
  fi
  began=$(now)
  # A shell tells on its stderr of a job that was killed, at whatever command it
  # hears of that, which is not always the wait below: until then it has none.
  exec 5>&2 2>/dev/null
  (cd -- "$dir" && exec "$@") <"$stdin" >&4 2>&5 4>&- 5>&- &
  pid=$!
}

# listen opens a pipe for what the frame prints, which is read as far as $most.
listen() {
  mkfifo "$work/pipe"
  head -c "$most" <"$work/pipe" >"$work/out" &
  reader=$!
  exec 4>"$work/pipe"
}

# unlisten waits for the end of the output. With no group, something that the
# frame has left behind may have it open for ever.
unlisten() {
  [ -n "$reader" ] || return 0
  if [ -z "$group" ]; then
    sleep 1
    kill "$reader" 2>/dev/null || :
  fi
  wait "$reader" || :
  [ "$(wc -c <"$work/out")" -lt "$most" ] || say "it printed more than $most bytes: the rest was not read"
}

# stop ends the frame and its group.
stop() { [ -z "$pid" ] || kill -s "$1" -- "$group$pid" 2>/dev/null || :; }

# watch stops the frame when its time is over.
watch() {
  trap 'kill -s KILL "$nap" 2>/dev/null; exit 0' TERM # one that is only being started would miss SIGTERM
  sleep "$timeout" &
  nap=$!
  : >"$work/watched" # from now on it can be told to leave, and leaves no sleep
  wait "$nap" || :
  : >"$work/late"
  stop TERM
  sleep 1 &
  nap=$!
  wait "$nap" || :
  stop KILL
}

# unwatch ends what watch has begun.
unwatch() {
  [ -n "$watcher" ] || return 0
  until [ -e "$work/watched" ]; do :; done
  kill "$watcher" 2>/dev/null || :
  wait "$watcher" 2>/dev/null || :
  watcher=
}

# leave ends everything, for a trap.
# shellcheck disable=SC2317
leave() {
  trap '' HUP INT TERM
  stop KILL
  unwatch
  exit "$1"
}

# await waits for the frame and tells how it ended.
await() {
  if [ -n "$timeout" ]; then
    watch 4>&- >/dev/null &
    watcher=$!
  fi
  status=0
  wait "$pid" || status=$?
  exec 2>&5 5>&-
  ms=$(($(now) - began))
  unwatch
  [ -z "$group" ] || stop KILL # what it has left behind
  unlisten
  if [ -e "$work/late" ]; then
    how="stopped: it was not done after $timeout s"
  elif [ "$status" -gt 128 ] && signal=$(kill -l $((status - 128)) 2>/dev/null); then
    how="killed by SIG${signal#SIG} (the shell's status $status)"
  else
    how="exit status $status"
  fi
}

# present prints the answer as a client gets it. It fails where a gateway fails.
present() {
  head -c 65537 "$work/out" >"$work/top" # a gateway reads no longer header, either
  end=$(sed -n "/^$cr\{0,1\}\$/{=;q;}" "$work/top") # the line number of the empty line
  sed "/^$cr\{0,1\}\$/,\$d" "$work/top" >"$work/head"
  if [ -e "$work/late" ] && [ -z "$end" ]; then
    printf 'HTTP/1.1 504 Gateway Timeout\r\n\r\n'
    return 1
  fi
  judge >"$work/answer"
  read -r code length reason <"$work/answer"
  if [ "$code" = bad ]; then
    say "$length $reason"
    [ ! -s "$work/out" ] || printf 'hint: --raw shows what it printed\n' >&2
    printf 'HTTP/1.1 502 Bad Gateway\r\n\r\n'
    return 1
  fi
  tail -n +$((end + 1)) "$work/out" >"$work/rest"
  printf 'HTTP/1.1 %s %s\r\n' "$code" "$(phrase "$code" "$reason")"
  sed 1d "$work/answer"
  if [ -s "$work/rest" ] && ! grep -qi '^content-type:' "$work/answer"; then
    say 'there is no Content-Type: a gateway sends application/octet-stream (RFC 3875 §6.3.1)'
    printf 'Content-Type: application/octet-stream\r\n'
  fi
  printf '\r\n'
  print_body && [ "$code" -lt 500 ]
}

# judge reads the header as a gateway does. It prints "CODE LENGTH PHRASE" and
# the fields, or "bad" and why. Its awk sees no NUL: some awks end a line there.
judge() {
  if [ ! -s "$work/out" ]; then
    echo 'bad the program ended before it printed a header'
  elif [ "$(wc -c <"$work/head")" -gt 65536 ]; then
    echo 'bad the header is longer than 64 KiB'
  elif [ "$(tr -d '\000' <"$work/head" | wc -c)" -ne "$(wc -c <"$work/head")" ]; then
    echo 'bad the header holds a NUL (RFC 9110 §5.5)'
  else
    awk -v ended="$end" '
      function bad(why) {
        print "bad response header, line " NR ": " why
        failed = 1
        exit
      }
      function status(s) {
        if (code != "") bad("a second status: a response has one (RFC 3875 §6.3.3)")
        if (s !~ /^[1-5][0-9][0-9]( |$)/) bad("status \"" s "\": a status is three digits from 100 to 599 (RFC 3875 §6.3.3)")
        code = substr(s, 1, 3)
        phrase = substr(s, 5)
      }
      { sub(/\r$/, "") }
      NR == 1 && (/^HTTP\/[0-9.]+ / || /^[0-9][0-9][0-9]( |$)/) {
        sub(/^HTTP\/[0-9.]+ /, "")
        status($0)
        next
      }
      /^[ \t]/ { bad("it begins with white space: folded header fields are obsolete (RFC 9112 §5.2)") }
      !/:/ { bad("\"" $0 "\" is no header field: it has no colon (is something printed before the headers, or is the empty line after them missing?) (RFC 3875 §6.3)") }
      {
        colon = index($0, ":")
        name = substr($0, 1, colon - 1)
        value = substr($0, colon + 1)
        gsub(/^[ \t]+|[ \t]+$/, "", value)
        key = tolower(name)
        if (name !~ /^[A-Za-z0-9!#$%&\047*+.^_`|~-]+$/) bad("\"" name "\" is no field name (RFC 9110 §5.1)")
        if (value ~ /[\001-\010\012-\037\177]/) bad("the value of " name " holds a control character (RFC 9110 §5.5)")
        if (key == "transfer-encoding") bad("Transfer-Encoding is the server\047s to choose: print the body as it is (RFC 9112 §6.1)")
        if (key == "content-length" && value !~ /^[0-9]+$/) bad("Content-Length \"" value "\" is no number of bytes (RFC 9110 §8.6)")
        if (key ~ /^(content-type|content-length|location)$/ && key in seen) bad("a second " name)
        seen[key] = value
        if (key == "status") status(value)
        else if (key !~ /^(connection|keep-alive|proxy-connection|te|trailer|upgrade)$/) fields = fields name ": " value "\r\n"
      }
      END {
        if (failed) exit
        if (ended == "") print "bad the program ended before the empty line that ends the header"
        else if (NR == 0) print "bad no header field at all: print at least a Content-Type, then an empty line (RFC 3875 §6.3)"
        else if (code != "" && code < 200) print "bad status " code " is no answer to a request"
        else {
          if (code == "") code = seen["location"] == "" ? 200 : 302
          print code, ("content-length" in seen ? seen["content-length"] : "-"), phrase
          printf "%s", fields
        }
      }' "$work/head"
  fi
}

# print_body prints what of the body is sent, and fails where it is cut.
print_body() {
  case $REQUEST_METHOD:$code in
  HEAD:* | *:204 | *:205 | *:304) return 0 ;;
  esac
  size=$(($(wc -c <"$work/rest")))
  [ "$length" != - ] || length=$size
  head -c "$length" "$work/rest"
  if [ "$size" -lt "$length" ]; then
    say "the body is $((length - size)) bytes shorter than the Content-Length of $length: a gateway cuts the connection"
    return 1
  elif [ "$size" -gt "$length" ]; then
    say "the body is $((size - length)) bytes longer than the Content-Length of $length: a gateway sends no more than that"
  fi
  case $how in
  exit*) ;;
  *) say 'it did not end by itself: a gateway cuts the connection' && return 1 ;;
  esac
}

# phrase is what a server says of a status, whatever the frame says of it.
phrase() {
  case $1 in
  200) echo OK ;; 201) echo Created ;; 202) echo Accepted ;; 204) echo No Content ;;
  301) echo Moved Permanently ;; 302) echo Found ;; 303) echo See Other ;; 304) echo Not Modified ;;
  307) echo Temporary Redirect ;; 308) echo Permanent Redirect ;; 400) echo Bad Request ;;
  401) echo Unauthorized ;; 403) echo Forbidden ;; 404) echo Not Found ;; 405) echo Method Not Allowed ;;
  409) echo Conflict ;; 410) echo Gone ;; 500) echo Internal Server Error ;; 501) echo Not Implemented ;;
  502) echo Bad Gateway ;; 503) echo Service Unavailable ;; 504) echo Gateway Timeout ;;
  *) printf '%s\n' "$2" ;;
  esac
}

request='' variables='' dir=. timeout='' mode='' trace='' stdin=/dev/null
cr=$(printf '\r')
work=$(mktemp -d)
group='' pid='' watcher='' reader='' most=268435456
trap 'rm -rf -- "$work"' EXIT
trap 'leave 129' HUP
trap 'leave 130' INT
trap 'leave 143' TERM
while [ $# -gt 0 ]; do
  argument=$1
  shift
  case $argument in
  --) break ;;
  -h | --help) sed -n '2,19s/^# \{0,1\}//p' "$0" && exit ;;
  --raw | --env) mode=${argument#--} ;;
  --strace) trace=$(search strace) || die '--strace: strace is not on PATH' 'apt-get install strace' ;;
  --pass-authorization) pass "$argument" ;;
  -X | -H | -d | -e | --dir | --timeout | --script-name | --script-filename | --document-root)
    [ $# -gt 0 ] || die "$argument wants a value"
    option "$argument" "$1"
    shift
    ;;
  -*) die "unknown option $argument" 'scripts/frame-try.sh --help' ;;
  *) pass "$argument" ;;
  esac
done
LC_ALL=C # from here on everything is bytes
export LC_ALL
program=
if [ $# -gt 0 ]; then
  locate "$1"
  shift
  fe_quote "$program"
  request="--script-filename $fe_out$request" # one that was given comes later, and wins
elif [ "$mode" != env ]; then
  die 'no program' 'scripts/frame-try.sh [options] URL -- PROGRAM [ARG...]'
fi
eval "frame_env $request" || exit 2

environ
if [ "$mode" = env ]; then
  eval "printf '%s\\n' $variables"
  exit
fi
set -- "$program" "$@"
if [ -n "$trace" ]; then
  set -- "$trace" -f -s 64 -e trace=execve,read,write,openat,connect,exit_group "$@"
fi
if [ "$mode" = raw ]; then
  exec 4>&1
else
  listen
fi
eval "set -- $variables \"\$@\""
start "$@"
exec 4>&-
await
result=$status
if [ "$mode" != raw ]; then
  result=0
  present || result=1
fi
say "$how, $((ms / 1000)).$(printf %03d $((ms % 1000))) s"
exit "$result"
