#!/bin/sh
# framegate capture 1
#
# POST /greet/a%20b?from=docs was answered 502 on 2026-11-22 at 15:04:05 UTC:
# the program exited with status 3 before it printed a header
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
#: failure: the program exited with status 3 before it printed a header
#: request: POST /greet/a%20b?from=docs HTTP/1.1
#: host: 127.0.0.1:7890
#: remote: 127.0.0.1:51234
#: request-header: Accept: */*
#: request-header: Content-Length: 8
#: request-header: Content-Type: application/x-www-form-urlencoded
#: request-header: Cookie: <redacted: 14 bytes>
#: request-header: "X-Empty: "
#: stdin: 8 bytes, 8 read
#: program: /srv/site/greet.sh
#: limit: first-byte-timeout 1m
#: limit: memory 64MiB
#: status: 502
#: header: Content-Type: text/plain; charset=utf-8
#: header: Set-Cookie: <redacted: 3 bytes>
#: body: 16 bytes
#: body-sha256: 3902a7dec2d75762d78a8211d47ce4fe3544c0959a196d26dd441d01d1fc1549
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
#: redacted: HTTP_COOKIE
#: redacted: HTTP_X_LATIN
#: redacted: Cookie
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
		PATH='/usr/bin:/bin' \
		REQUEST_METHOD='POST' \
		PATH_INFO='/a b' \
		CONTENT_LENGTH='8' \
		HTTP_COOKIE='<redacted: 14 bytes>' \
		HTTP_X_LATIN='<redacted: 4 bytes>' \
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
		-X 'POST' \
		--request-target '/greet/a%20b?from=docs' \
		--http1.1 \
		-H 'Host: 127.0.0.1:7890' \
		-H 'Accept: */*' \
		-H 'Content-Type: application/x-www-form-urlencoded' \
		-H 'X-Empty;' \
		-H 'User-Agent:' \
		-H 'Expect:' \
		--data-binary @- \
		"$@"
}

body() {
	printf '%s' 'name=Ada'
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
	secret 'HTTP_COOKIE'
	secret 'HTTP_X_LATIN'
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

# secret NAME: says how to give the value that is not told.
secret() {
	case $given in
	*" $1 "*) ;;
	*) say "$1 is redacted. To give it: sh $self $1='...'" ;;
	esac
}

# keep COMMAND WORD...: puts what COMMAND prints into the file $temp/data, for us alone.
keep() {
	n=0
	while temp=${TMPDIR:-/tmp}/framegate-$$-$n && ! mkdir -m 700 "$temp" 2>/dev/null; do
		temp='' n=$((n + 1))
		[ "$n" -lt 100 ] || fail "no directory can be made in ${TMPDIR:-/tmp}"
	done
	trap 'rm -rf "$temp"; exit 130' 1 2 15
	# What the shell starts for it is none of the program's children.
	("$@") >"$temp/data" || fail "what the capture holds cannot be written to $temp"
}

# gone removes that file; whoever has it open can still read it.
gone() {
	rm -rf "$temp"
	temp=''
	trap - 1 2 15
}

# feed makes the body stdin.
feed() {
	keep body
	exec <"$temp/data"
	gone
}

# by_curl URL OPTION...
by_curl() {
	command -v curl >/dev/null || fail 'curl is not installed'
	say 'Cookie is redacted, and left out. To give it: -H '\''Cookie: ...'\'' behind the URL'
	feed
	request exec_curl "$@"
}

exec_curl() {
	exec curl -q -sS -i -g --path-as-is "$@"
}

main "$@"
