#!/bin/sh
# framegate capture 1
#
# HEAD /greet/a%20b?from=docs was redirected inside the server on 2026-11-22 at 15:04:05 UTC
#
# sh FILE                         runs it again: the same environment, arguments, directory, stdin
# sh FILE NAME=VALUE...           with these variables besides, or instead
# sh FILE --env                   prints the environment
# sh FILE --trace                 runs it under strace
# sh FILE --against CMD [ARG...]  runs another program in its place
# sh FILE --curl URL [OPTION...]  sends the request with curl to the server at URL
#
# What was seen then stands behind "#:", for people and for framegate replay.
#
#: id: 1f2e3d4c5b6a7988
#: time: 2026-11-22T15:04:05.123456789Z
#: frame: greet
#: mode: exec
#: request: HEAD /greet/a%20b?from=docs HTTP/1.1
#: host: 127.0.0.1:7890
#: remote: 127.0.0.1:51234
#: program: /srv/site/greet.sh
#: limit: first-byte-timeout 1m
#: limit: memory 64MiB
#: status: 0
#: body: 0 bytes
#: body-sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
#: stdout: 40 bytes
#: stdout-base64: U2V0LUNvb2tpZTogPHJlZGFjdGVkOiAxMCBieXRlcz4KIDxyZWRhY3RlZDogNyBieXRlcz4KWDog
#: stdout-base64: eQoKYm9keQ==
#: stderr-dropped: 2
#: stderr: who is there?
#: stderr: "\u001b[31mred\u001b[0m"
#: pid: 4711
#: exit: 3
#: cpu: 0.001500 s
#: max-rss: 3456 KiB
#: event: 0.000000 start
#: event: 0.000500 spawned
#: event: 0.000600 stdin 0 8
#: event: 0.000610 stdin-end 8
#: event: 0.002000 stdout 0 40
#: event: 0.002100 stderr 0 13
#: event: 0.003000 stdout-end 40
#: event: 0.003100 exit
#: redacted: Set-Cookie

self=$0
LC_ALL=C # bytes are bytes, whatever the shell's language
export LC_ALL

# --- what the program was given. Change what you like. ---------------------------------

directory='/srv/site'
mask=0022

# environ COMMAND WORD...: calls COMMAND with the environment ahead of the words.
environ() {
	call=$1
	shift
	"$call" \
		A='b' \
		"$@"
}

# program COMMAND WORD...: calls COMMAND with the program and its arguments behind the words.
program() {
	call=$1
	shift
	set -- "$@" '/srv/site/greet.sh'
	"$call" "$@" \
		'it'\''s' \
		'中文'
}

# request COMMAND WORD...: calls COMMAND with curl's options for the request, and the words.
request() {
	call=$1
	shift
	"$call" \
		--head \
		--request-target '/greet/a%20b?from=docs' \
		--http1.1 \
		-H 'Host: 127.0.0.1:7890' \
		-H 'Accept:' \
		-H 'User-Agent:' \
		-H 'Content-Type:' \
		-H 'Expect:' \
		"$@"
}

# --- how it is run ---------------------------------------------------------------------

say() {
	printf 'framegate: capture: %s\n' "$1" >&2
}

fail() {
	say "$1"
	[ -z "$temp" ] || rm -rf "$temp"
	exit 125
}

usage() {
	cat <<END
usage: sh $self [NAME=VALUE...] [OPTION]

  (none)                   run the captured exchange again
  NAME=VALUE...            with these variables besides, or instead
  --env                    print the environment
  --trace                  run under strace; may stand ahead of --against
  --against CMD [ARG...]   run another program in its place
  --curl URL [OPTION...]   send the request with curl to the server at URL
  --help                   print this

The exit status is the program's; 2 is wrong usage, 125 a capture that cannot be run.
END
}

wrong() {
	say "$1"
	usage >&2
	exit 2
}

main() {
	how=run trace='' temp='' found='' given=' ' count=0 left=$#
	while [ "$left" -gt 0 ]; do
		case $1 in
		--help | -h)
			usage
			exit 0
			;;
		--env) how=show ;;
		--trace) trace=yes ;;
		--against | --curl)
			[ "$left" -gt 1 ] || wrong "$1 what?"
			how=${1#--}
			shift
			left=$((left - 1))
			break
			;;
		[A-Za-z_]*=*)
			given="$given${1%%=*} "
			count=$((count + 1))
			set -- "$@" "$1"
			;;
		*) wrong "$1: no such option" ;;
		esac
		shift
		left=$((left - 1))
	done
	if [ "$how" = curl ]; then
		[ "$count" = 0 ] || wrong 'NAME=VALUE means nothing to --curl: give it -H'
		by_curl "$@"
	fi
	[ "$how" != show ] || environ show "$@"
	if [ -n "$trace" ]; then
		strace=$(command -v strace) || fail 'strace is not installed'
		set -- "$@" "$strace" -f -y -s 200 -e trace=execve,exit_group,openat,read,write,connect,kill
	fi
	[ "$how" != against ] || locate "$1"
	case $found in
	*=*) set -- "$@" "$(command -v nice)" -n 0 ;; # env would take it for a variable
	esac
	# The variables come to the front: NAME=VALUE... CMD ARG...
	while [ "$left" -gt 0 ]; do
		set -- "$@" "${found:-$1}"
		found=''
		shift
		left=$((left - 1))
	done
	feed
	[ "$how" != against ] || environ start "$@"
	program environ start "$@"
}

# start NAME=VALUE... CMD ARG...: becomes CMD, with these variables and no others.
start() {
	enter
	exec env -i "$@"
}

# show NAME=VALUE...
show() {
	exec env -i "$@" "$(command -v env)"
}

enter() {
	cd "$directory" || fail "its directory cannot be entered"
	umask "$mask"
}

# locate CMD: finds it from here, and not from where it will run.
locate() {
	case $1 in
	/*) found=$1 ;;
	*/*) found=$(pwd)/$1 ;;
	*) found=$(command -v "$1") || fail "$1: no such program" ;;
	esac
}

# feed makes the body stdin.
feed() {
	exec </dev/null
}

# by_curl URL OPTION...
by_curl() {
	command -v curl >/dev/null || fail 'curl is not installed'
	feed
	request exec_curl "$@"
}

exec_curl() {
	exec curl -q -sS -i -g --path-as-is "$@"
}

main "$@"
