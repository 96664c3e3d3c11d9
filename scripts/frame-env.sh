#!/bin/sh
# Export the environ of one CGI request (RFC 3875 §4.1) into your own shell.
#
# usage: . scripts/frame-env.sh URL [options]     or:  frame_env URL [options]
#        frame_env_off                            takes it back
#        eval "$(scripts/frame-env.sh URL [options])"
#
#   -X METHOD               default: GET, with -d POST
#   -H 'Name: value'        a header field; may be repeated
#   -d DATA | -d @FILE      the body, of which CONTENT_LENGTH is told
#   --script-name NAME      SCRIPT_NAME, as of a mount; PATH_INFO is the rest
#   --script-filename FILE  SCRIPT_FILENAME (php-cgi wants it)
#   --document-root DIR     DOCUMENT_ROOT, and with it PATH_TRANSLATED
#   --pass-authorization    hand over an Authorization field
#
# For any POSIX shell. dash hands no arguments to ".": there, source it alone,
# then say "frame_env URL". What stays behind is named frame_env or fe_.
# Variables of another request are taken out of the shell's environment, and an
# HTTP_PROXY, which a frame would take for a field of this one (httpoxy).

# shellcheck disable=SC1003,SC2254 # a backslash is one; patterns are in variables

# frame_env exports the environ of a URL.
frame_env() {
    frame_env_off
    fe_text=$(frame_env_code source "$@") || {
        unset fe_text
        return 2
    }
    eval "$fe_text"
    unset fe_text
}

# frame_env_off puts back what frame_env has found.
frame_env_off() {
    [ -z "${frame_env_undo-}" ] || eval "$frame_env_undo"
    unset frame_env_undo frame_env_names
}

# frame_env_code prints what is to be evaluated. What is set in its subshell,
# options and all, stays in there.
frame_env_code() { (fe_code "$@"); }

fe_code() {
    [ -z "${ZSH_VERSION-}" ] || emulate sh
    set +eu -f
    unset IFS
    LC_ALL=C # lengths and patterns are of bytes
    export LC_ALL
    fe_for=$1
    shift
    fe_names='' fe_url='' fe_method='' fe_data='' fe_length=0 fe_host='' fe_agent=frame-env fe_type='' fe_typed=''
    fe_mount='' fe_filename='' fe_root='' fe_authorization=''
    fe_token="*[!A-Za-z0-9!#\$%&'*+.^_\`|~-]*" # matches what is none (RFC 9110 §5.6.2)
    fe_options "$@"
    [ -n "$fe_url" ] || fe_fail "no URL: frame_env 'http://localhost:7890/path?query'"
    fe_split_url "$fe_url"
    fe_resolve "$fe_path"
    fe_split_mount "$fe_out"
    fe_environ
    [ "$fe_for" = print ] || fe_print_undo
    fe_print
}

fe_fail() {
    printf 'frame-env: %s\n' "$1" >&2
    exit 2 # frame_env_code's subshell
}

fe_note() { printf 'frame-env: note: %s\n' "$1" >&2; }

fe_options() {
    while [ $# -gt 0 ]; do
        case $1 in
        -X | -H | -d | --script-name | --script-filename | --document-root)
            [ $# -gt 1 ] || fe_fail "$1 wants a value"
            fe_option "$1" "$2"
            shift
            ;;
        --pass-authorization) fe_authorization=yes ;;
        -*) fe_fail "unknown option $1" ;;
        *)
            [ -z "$fe_url" ] || fe_fail "two URLs: $fe_url and $1"
            fe_url=$1
            ;;
        esac
        shift
    done
}

fe_option() {
    case $1 in
    -X)
        case $2 in
        '' | $fe_token) fe_fail "method '$2' is no token (RFC 9110 §9.1)" ;;
        esac
        fe_method=$2
        ;;
    -H) fe_header "$2" ;;
    -d)
        fe_data=yes
        case $2 in
        @-) fe_fail '-d @-: stdin can be read only once: put it into a file, -d @FILE' ;;
        @*)
            if [ ! -f "${2#@}" ] || [ ! -r "${2#@}" ]; then
                fe_fail "-d $2: no such file, or it may not be read"
            fi
            fe_length=$(command wc -c <"${2#@}")
            ;;
        *) fe_length=$(printf '%s' "$2" | command wc -c) ;;
        esac
        fe_length=$((fe_length)) # some wc print blanks, too
        ;;
    --script-name)
        fe_mount=${2%/}
        case $2 in
        '' | /*) ;;
        *) fe_fail "--script-name $2: does not begin with /" ;;
        esac
        ;;
    --script-filename) fe_filename=$2 ;;
    --document-root) fe_root=$2 ;;
    esac
}

# fe_header takes one field, as a gateway would (§4.1.18). As with curl, "Name:"
# takes a default away, and "Name;" is an empty field.
fe_header() {
    case $1 in
    *:*) fe_name=${1%%:*} fe_value=${1#*:} fe_given='' ;;
    *';') fe_name=${1%;} fe_value='' fe_given=yes ;;
    *) fe_fail "header '$1' is not 'Name: value'" ;;
    esac
    case $fe_name in
    '' | $fe_token) fe_fail "header '$1': '$fe_name' is no field name (RFC 9110 §5.1)" ;;
    esac
    while :; do
        case $fe_value in
        [' 	']*) fe_value=${fe_value#?} ;;
        *[' 	']) fe_value=${fe_value%?} ;;
        *) break ;;
        esac
    done
    fe_control "$fe_value" && fe_fail "header $fe_name: its value holds a control character (RFC 9110 §5.5)"
    case $fe_name in
    *[!A-Za-z0-9-]*) fe_note "header $fe_name is not passed on: X_Foo would pose as X-Foo" && return ;;
    esac
    fe_upper=$(printf '%s' "$fe_name" | command tr 'a-z-' 'A-Z_')
    case ${fe_value:+yes}$fe_given:$fe_upper in
    yes:*) fe_field "$fe_upper" ;;
    :USER_AGENT) fe_agent='' ;;
    :CONTENT_TYPE) fe_typed=${fe_typed:-no} ;;
    esac
}

# fe_control asks whether a value holds a control character other than a tab.
fe_control() {
    case $1 in
    *[!' '-~]*) ;;
    *) return 1 ;; # ASCII and printable: the usual case
    esac
    [ "$(printf '%s' "$1" | command tr -d '\001-\010\012-\037\177' | command wc -c)" -ne "$(printf '%s' "$1" | command wc -c)" ]
}

# fe_field files the value of the field that HTTP_$1 is for.
fe_field() {
    case $1 in
    HOST) fe_host=${fe_host:-$fe_value} ;;
    CONTENT_TYPE)
        [ "$fe_typed" = yes ] || fe_type=$fe_value
        fe_typed=yes
        ;;
    CONTENT_LENGTH | TRANSFER_ENCODING) fe_note "header $fe_name is left out: the body is what -d says" ;;
    PROXY | PROXY_AUTHORIZATION) fe_note "header $fe_name is never passed on (httpoxy)" ;;
    *)
        case $1:" $fe_names " in
        COOKIE:*' HTTP_COOKIE '*) fe_value="${fe_v_HTTP_COOKIE-}; $fe_value" ;; # RFC 6265 §5.4
        *" HTTP_$1 "*) eval "fe_value=\"\$fe_v_HTTP_$1, \$fe_value\"" ;;
        esac
        fe_set "HTTP_$1" "$fe_value"
        ;;
    esac
}

# fe_set files a variable of the environ.
fe_set() {
    eval "fe_v_$1=\$2"
    case " $fe_names " in
    *" $1 "*) ;;
    *) fe_names="$fe_names $1" ;;
    esac
}

# fe_split_url takes a URL apart as a client does, and encodes what cannot
# stand in a request line. A path alone is one of framegate's default address.
fe_split_url() {
    fe_scheme=http fe_rest=${1%%'#'*}
    case $fe_rest in
    /*) fe_rest=127.0.0.1:7890$fe_rest ;;
    [Hh][Tt][Tt][Pp]://*) fe_rest=${fe_rest#*://} ;;
    [Hh][Tt][Tt][Pp][Ss]://*) fe_scheme=https fe_rest=${fe_rest#*://} ;;
    *://*) fe_fail "$1: neither http nor https" ;;
    esac
    fe_authority=${fe_rest%%[/?]*}
    fe_uri=${fe_rest#"$fe_authority"}
    case $fe_uri in
    /*) ;;
    *) fe_uri=/$fe_uri ;;
    esac
    fe_encode "$fe_uri"
    fe_uri=$fe_out
    fe_path=${fe_uri%%'?'*} fe_query=''
    case $fe_uri in
    *'?'*) fe_query=${fe_uri#*'?'} ;;
    esac
    case $fe_authority in
    *@*) fe_note "the user in the URL is left out: a client makes an Authorization field of it (see --pass-authorization)" ;;
    esac
    fe_split_authority "${fe_authority##*@}"
}

# fe_split_authority finds Host and SERVER_PORT. Clients leave out the port that
# is the scheme's anyway.
fe_split_authority() {
    fe_server=$1 fe_port=''
    case $1 in
    *']') ;;
    *:*) fe_server=${1%:*} fe_port=${1##*:} ;;
    esac
    fe_default=80
    [ "$fe_scheme" = http ] || fe_default=443
    fe_port=${fe_port:-$fe_default}
    case $fe_server in
    '['*']')
        fe_name=${fe_server#?}
        fe_name=${fe_name%?}
        fe_bad='*[!0-9A-Fa-f:.]*'
        ;;
    *) fe_name=$fe_server fe_bad="*[!A-Za-z0-9._~%!\$&'()*+,;=-]*" ;;
    esac
    case $fe_name in
    '' | $fe_bad) fe_fail "$fe_url: '$fe_server' is no host (RFC 3986 §3.2.2)" ;;
    esac
    case $fe_port in
    *[!0-9]* | ??????*) fe_fail "$fe_url: '$fe_port' is no port" ;;
    esac
    if [ -z "$fe_host" ]; then
        fe_host=$fe_server
        [ "$fe_port" = "$fe_default" ] || fe_host=$fe_server:$fe_port
    fi
}

# fe_encode percent-encodes blanks, control characters and what is not ASCII,
# as a browser's address bar does.
fe_encode() {
    fe_out=$1
    case $1 in
    *[!!-~]*) ;;
    *) return ;;
    esac
    fe_format=''
    for fe_hex in $(printf '%s' "$1" | command od -An -v -tx1 | command tr 'a-f' 'A-F'); do
        fe_byte=$((0x$fe_hex))
        if [ "$fe_byte" -gt 32 ] && [ "$fe_byte" -lt 127 ]; then
            fe_octal "$fe_byte"
        else
            fe_format=$fe_format%$fe_hex
        fi
    done
    fe_out=$(printf '%b' "$fe_format")
}

# fe_octal appends a byte to a format of printf's %b.
fe_octal() { fe_format=$fe_format'\0'$(($1 / 64))$(($1 / 8 % 8))$(($1 % 8)); }

# fe_decode decodes what is percent-encoded (§4.1.5), once.
fe_decode() {
    fe_rest=$1 fe_format=''
    while :; do
        fe_part=${fe_rest%%['%\']*}
        fe_format=$fe_format$fe_part
        fe_rest=${fe_rest#"$fe_part"}
        case $fe_rest in
        '') break ;;
        '\'*) fe_octal 92 && fe_rest=${fe_rest#?} ;; # it is %b's own sign
        %00*) fe_fail "$fe_url: the path holds a NUL (%00), which no environment can" ;;
        %[0-9A-Fa-f][0-9A-Fa-f]*)
            fe_tail=${fe_rest#???}
            fe_hex=${fe_rest#?}
            fe_octal $((0x${fe_hex%"$fe_tail"}))
            fe_rest=$fe_tail
            ;;
        *) fe_fail "$fe_url: the path holds a % that is not followed by two hex digits" ;;
        esac
    done
    fe_out=$(printf '%bx' "$fe_format") # x: a line feed at the end is the path's
    fe_out=${fe_out%x}
}

# fe_resolve takes the segments "." and ".." out of a path that is still
# encoded. A slash that was sent as %2F separates them, too, so that "..%2F.."
# cannot hide; it is left as it is, since it is data.
fe_resolve() {
    fe_decode "$1" # refuses what cannot be decoded
    fe_rest=$1 fe_out=''
    while [ -n "$fe_rest" ]; do
        fe_sep=/
        case $fe_rest in
        %*) fe_sep=%2F fe_rest=${fe_rest#??} ;;
        esac
        fe_rest=${fe_rest#?}
        fe_part=${fe_rest%%/*}
        fe_part=${fe_part%%'%2'[Ff]*}
        fe_rest=${fe_rest#"$fe_part"}
        case $fe_part in
        . | %2[Ee]) [ -n "$fe_rest" ] || fe_out=$fe_out/ ;;
        .. | .%2[Ee] | %2[Ee]. | %2[Ee]%2[Ee])
            fe_parent
            [ -n "$fe_rest" ] || fe_out=$fe_out/
            ;;
        *) fe_out=$fe_out$fe_sep$fe_part ;;
        esac
    done
    case $fe_out in
    '') fe_out=/ ;;
    %2F*) fe_out=/${fe_out#???} ;; # "/a/..%2Fb" leaves one in front: the root is no data
    esac
}

# fe_parent takes the last segment away.
fe_parent() {
    [ -n "$fe_out" ] || fe_fail "$fe_url: the path leaves the root"
    fe_plain=${fe_out%/*} fe_coded=${fe_out%'%2F'*}
    [ "$fe_plain" != "$fe_out" ] || fe_plain=''
    [ "$fe_coded" != "$fe_out" ] || fe_coded=''
    fe_out=$fe_plain
    [ "${#fe_plain}" -gt "${#fe_coded}" ] || fe_out=$fe_coded
}

# fe_split_mount finds PATH_INFO behind the script's name, which ends at a slash
# that was not sent as %2F.
fe_split_mount() {
    fe_whole=$1
    fe_decode "$fe_whole"
    fe_info=$fe_out
    [ -n "$fe_mount" ] || return 0
    fe_decode "${fe_whole%%'%2F'*}"
    case $fe_out in
    "$fe_mount"/*) fe_info=${fe_info#"$fe_mount"} ;;
    *)
        [ "$fe_out:$fe_info" = "$fe_mount:$fe_mount" ] || fe_fail "$fe_url is not below --script-name $fe_mount"
        fe_info=''
        ;;
    esac
}

# fe_environ files what a gateway tells of a request, in §4.1's words.
fe_environ() {
    fe_address=127.0.0.1
    case $fe_authority in
    *'[::1]'*) fe_address=::1 ;;
    esac
    fe_set GATEWAY_INTERFACE CGI/1.1
    fe_set SERVER_SOFTWARE frame-env
    fe_set SERVER_PROTOCOL HTTP/1.1
    fe_server=${fe_host%:*}
    case $fe_host in
    *']') fe_server=$fe_host ;;
    esac
    fe_set SERVER_NAME "$fe_server"
    fe_set SERVER_PORT "$fe_port"
    fe_set SERVER_ADDR "$fe_address"
    fe_set REMOTE_ADDR "$fe_address"
    fe_set REMOTE_HOST "$fe_address"
    fe_method=${fe_method:-${fe_data:+POST}}
    fe_set REQUEST_METHOD "${fe_method:-GET}"
    fe_set REQUEST_SCHEME "$fe_scheme"
    [ "$fe_scheme" = http ] || fe_set HTTPS on
    fe_set REQUEST_URI "$fe_uri"
    fe_set QUERY_STRING "$fe_query"
    fe_set SCRIPT_NAME "$fe_mount"
    fe_set PATH_INFO "$fe_info"
    if [ -n "$fe_root" ]; then
        fe_set DOCUMENT_ROOT "$fe_root"
        [ -z "$fe_info" ] || fe_set PATH_TRANSLATED "${fe_root%/}$fe_info" # §4.1.6
    fi
    [ -z "$fe_filename" ] || fe_set SCRIPT_FILENAME "$fe_filename"
    fe_set REDIRECT_STATUS 200
    fe_set REQUEST_ID 0000000000000000
    fe_body
    fe_set HTTP_HOST "$fe_host"
    case :$fe_agent:" $fe_names " in
    ::* | *' HTTP_USER_AGENT '*) ;;
    *) fe_set HTTP_USER_AGENT "$fe_agent" ;;
    esac
    case $fe_authorization:" $fe_names " in
    :*' HTTP_AUTHORIZATION '*)
        fe_note 'header Authorization is not passed on without --pass-authorization'
        fe_names=" $fe_names "
        fe_names="${fe_names%% HTTP_AUTHORIZATION *} ${fe_names#* HTTP_AUTHORIZATION }"
        ;;
    esac
}

# fe_body tells of a body if and only if there is one (§4.1.2, §4.1.3). Clients
# send a length of 0 with the methods that are made for a body.
fe_body() {
    case ${fe_method:-GET}:$fe_data in
    POST:* | PUT:* | PATCH:* | *:yes) fe_set CONTENT_LENGTH "$fe_length" ;;
    esac
    case $fe_typed:$fe_data in
    yes:*) fe_set CONTENT_TYPE "$fe_type" ;;
    :yes) fe_set CONTENT_TYPE application/x-www-form-urlencoded ;;
    esac
}

# fe_stale prints the variables of another request that a frame would find.
fe_stale() {
    for fe_name in AUTH_TYPE REMOTE_IDENT REMOTE_USER REMOTE_PORT HTTPS CONTENT_LENGTH CONTENT_TYPE \
        DOCUMENT_ROOT PATH_TRANSLATED SCRIPT_FILENAME \
        $(command env | command sed -n 's/^\(HTTP_[A-Za-z0-9_]*\)=.*/\1/p'); do
        case " $fe_names " in
        *" $fe_name "*) continue ;;
        esac
        eval "[ -z \"\${$fe_name+x}\" ]" || printf '%s\n' "$fe_name"
    done
}

fe_print() {
    for fe_name in $(fe_stale); do
        printf 'unset %s\n' "$fe_name"
    done
    for fe_name in $fe_names; do
        eval "fe_quote \"\$fe_v_$fe_name\""
        printf 'export %s=%s\n' "$fe_name" "$fe_out"
    done
}

# fe_print_undo prints the assignment of what frame_env_off evaluates.
fe_print_undo() {
    fe_undo=''
    for fe_name in $fe_names $(fe_stale); do
        fe_undo="${fe_undo}unset $fe_name
"
        eval "[ -n \"\${$fe_name+x}\" ]" || continue
        eval "fe_quote \"\$$fe_name\""
        fe_undo="$fe_undo$fe_name=$fe_out
"
        # A child knows which of them were exported.
        command env sh -c "[ -z \"\${$fe_name+x}\" ]" || fe_undo="${fe_undo}export $fe_name
"
    done
    fe_quote "$fe_undo"
    printf 'frame_env_undo=%s\nframe_env_names="%s"\n' "$fe_out" "${fe_names# }"
}

# fe_quote quotes for a shell.
fe_quote() {
    fe_rest=$1 fe_out=''
    while :; do
        case $fe_rest in
        *\'*) ;;
        *) break ;;
        esac
        fe_out=$fe_out${fe_rest%%\'*}"'\\''"
        fe_rest=${fe_rest#*\'}
    done
    fe_out="'$fe_out$fe_rest'"
}

# fe_source is what sourcing does.
fe_source() {
    case ${1-} in
    '') echo "frame-env: frame_env URL exports a request's environ, frame_env_off takes it back" >&2 ;;
    --functions) ;; # nothing: whoever sources it wants frame_env alone
    *) frame_env "$@" ;;
    esac
}

# zsh has $0 name this file when it is sourced, too.
case ${ZSH_EVAL_CONTEXT-}:${0##*/} in
*file*:*) fe_source "$@" ;;
*:frame-env.sh)
    case ${1---help} in
    -h | --help) sed -n '2,19s/^# \{0,1\}//p' "$0" ;;
    *) frame_env_code print "$@" ;;
    esac
    ;;
*) fe_source "$@" ;;
esac
