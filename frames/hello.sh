#!/bin/sh
# hello.sh: says hello and sends back what it is sent. POSIX sh: dash, busybox ash, bash.
# By hand, without a server:  QUERY_STRING=name=Ada ./hello.sh

# RFC 3875 §4.1: the request comes as environment variables. The defaults are
# for a run by hand only.
method=${REQUEST_METHOD:-GET}
query=${QUERY_STRING-}

# §6.3.3: a Status line, when it is not 200. §6.2: header lines, an empty line, the body.
case $method in
GET | HEAD | POST | PUT) ;;
*)
    printf 'Status: 405 Method Not Allowed\nAllow: GET, HEAD, POST, PUT\n'
    printf 'Content-Type: text/plain; charset=utf-8\n\nonly GET, HEAD, POST and PUT\n'
    exit
    ;;
esac
printf 'Content-Type: text/plain; charset=utf-8\n\n' # §6.3.1
[ "$method" = HEAD ] && exit                         # §4.3.3: a HEAD has no body

# §4.1.7: the query arrives still encoded. "+" is a space, "%41" is the byte
# 0x41, and a "%" without two hex digits is only a "%".
decode() {
    rest=$1
    while [ -n "$rest" ]; do
        plain=${rest%%[%+]*}
        printf '%s' "$plain"
        rest=${rest#"$plain"}
        case $rest in
        +*) printf ' ' && rest=${rest#+} ;;
        %[0-9A-Fa-f][0-9A-Fa-f]*)
            tail=${rest#%??}
            hex=${rest#%} && hex=${hex%"$tail"} && rest=$tail
            printf '%b' "\\0$(printf '%03o' "0x$hex")" # bytes straight to stdout: a variable can't hold NUL
            ;;
        %*) printf '%%' && rest=${rest#%} ;;
        esac
    done
}

name=
case "&$query" in
*'&name='*) name="&$query" && name=${name#*'&name='} && name=${name%%'&'*} ;;
esac

printf 'hello, ' && decode "${name:-world}"
printf '\nmethod: %s\nscript: %s\npath: %s\nquery: %s\n' \
    "$method" "${SCRIPT_NAME-}" "${PATH_INFO-}" "$query" # §4.1.13, §4.1.5

# §4.2: CONTENT_LENGTH bytes wait on stdin, never read further. Any bytes: so they do not touch a variable.
if [ "$method" = POST ] || [ "$method" = PUT ]; then
    case ${CONTENT_LENGTH-} in '' | *[!0-9]*) CONTENT_LENGTH=0 ;; esac
    printf 'body: %s bytes\n' "$CONTENT_LENGTH"
    head -c "$CONTENT_LENGTH"
fi
exit 0
