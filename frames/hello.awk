#!/usr/bin/awk -f
# hello.awk: says hello and sends back what it is sent. mawk, gawk, busybox awk.
# By hand, without a server:  QUERY_STRING=name=Ada ./hello.awk

BEGIN {
    # RFC 3875 §4.1: the request comes as environment variables. The default
    # is for a run by hand only.
    method = ENVIRON["REQUEST_METHOD"]
    if (method == "") method = "GET"
    query = ENVIRON["QUERY_STRING"]

    # §6.3.3: a Status line, when it is not 200. §6.2: header lines, an empty line, the body.
    if (method !~ /^(GET|HEAD|POST|PUT)$/) {
        print "Status: 405 Method Not Allowed\nAllow: GET, HEAD, POST, PUT"
        print "Content-Type: text/plain; charset=utf-8\n\nonly GET, HEAD, POST and PUT"
        exit
    }
    print "Content-Type: text/plain; charset=utf-8\n"    # §6.3.1
    if (method == "HEAD") exit                           # §4.3.3: a HEAD has no body

    at = index("&" query, "&name=")
    name = at ? substr(query, at + 5) : ""
    sub(/&.*/, "", name)
    if (name == "") name = "world"

    printf "hello, "
    run("printf %b '" escape(name) "'")
    print "\nmethod: " method
    print "script: " ENVIRON["SCRIPT_NAME"]    # §4.1.13
    print "path: " ENVIRON["PATH_INFO"]        # §4.1.5
    print "query: " query

    # §4.2: CONTENT_LENGTH bytes wait on stdin, never read further. awk reads
    # lines of text and these may be any bytes: head copies them.
    if (method == "POST" || method == "PUT") {
        size = ENVIRON["CONTENT_LENGTH"]
        if (size !~ /^[0-9]+$/) size = "0"
        print "body: " size " bytes"
        run("head -c " size)
    }
}

# run lets a command write to our stdout, after all that was printed so far.
function run(command) { fflush(); system(command) }

# escape makes printf's octal escapes of %41 (§4.1.7: the query arrives still
# encoded); awk's own %c is a character, not a byte, where the locale is UTF-8.
# No quote and no backslash gets through, so that the shell sees plain text.
function escape(text,   done, high, low) {
    gsub(/\+/, " ", text); gsub(/'/, "%27", text); gsub(/\\/, "%5C", text)
    while (match(text, /%[0-9A-Fa-f][0-9A-Fa-f]/)) {
        high = index("123456789abcdef", tolower(substr(text, RSTART + 1, 1)))
        low = index("123456789abcdef", tolower(substr(text, RSTART + 2, 1)))
        done = done substr(text, 1, RSTART - 1) sprintf("\\0%03o", high * 16 + low)
        text = substr(text, RSTART + 3)
    }
    return done text
}
