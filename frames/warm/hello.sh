#!/bin/sh
# A warm frame in sh: SCGI on stdin, one CGI response on stdout. socat keeps the socket, and runs this for each connection:
#   socat UNIX-LISTEN:/run/hello.sock,fork EXEC:frames/warm/hello.sh     with address = "unix:/run/hello.sock", or, from socat 1.8 on,
#   socat ACCEPT-FD:0,fork EXEC:frames/warm/hello.sh                     as the command of a frame
size=
while c=$(dd bs=1 count=1 2>/dev/null) && [ -n "$c" ] && [ "$c" != : ]; do # the environ is a netstring: LENGTH ":" (NAME NUL VALUE NUL)* ","
    size=$size$c
done
environ=$(head -c "$((${size:-0} + 1))" | tr '\n\0' ' \n')
get() {
    printf '%s\n' "$environ" | awk -v name="$1" 'NR % 2 && $0 == name { getline; print; exit }'
}
length=$(get CONTENT_LENGTH)
body=$(head -c "${length:-0}" | wc -c)
printf 'Content-Type: text/plain; charset=utf-8\n\nhello, %s\nasked: 1\nbody: %d bytes\n' "$(get PATH_INFO)" "$body"
