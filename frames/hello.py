#!/usr/bin/env python3
"""hello.py: says hello and sends back what it is sent. Plain CGI, no bridge.

By hand, without a server:  QUERY_STRING=name=Ada ./hello.py
"""
import os
import sys
from urllib.parse import unquote_to_bytes

METHODS = (b"GET", b"HEAD", b"POST", b"PUT")
environ, stdin, stdout = os.environb, sys.stdin.buffer, sys.stdout.buffer


def main():
    # RFC 3875 §4.1: the request comes as environment variables, as bytes here:
    # a path need not be text. The default is for a run by hand only.
    method = environ.get(b"REQUEST_METHOD") or b"GET"

    # §6.3.3: a Status line, when it is not 200.
    # §6.2: header lines, an empty line, the body.
    if method not in METHODS:
        stdout.write(b"Status: 405 Method Not Allowed\nAllow: GET, HEAD, POST, PUT\n"
                     b"Content-Type: text/plain; charset=utf-8\n\n"
                     b"only GET, HEAD, POST and PUT\n")
        return
    stdout.write(b"Content-Type: text/plain; charset=utf-8\n\n")  # §6.3.1
    if method == b"HEAD":  # §4.3.3: a HEAD has no body
        return

    # §4.1.7: the query arrives still encoded. "+" is a space, "%41" is the
    # byte 0x41, and a "%" without two hex digits is only a "%".
    query = environ.get(b"QUERY_STRING", b"")
    name = (b"&" + query).partition(b"&name=")[2].partition(b"&")[0]
    name = unquote_to_bytes(name.replace(b"+", b" ")) or b"world"

    stdout.write(b"hello, %b\nmethod: %b\nscript: %b\npath: %b\nquery: %b\n" % (
        name, method,
        environ.get(b"SCRIPT_NAME", b""),  # §4.1.13
        environ.get(b"PATH_INFO", b""),    # §4.1.5
        query))

    # §4.2: CONTENT_LENGTH bytes wait on stdin, never read further.
    if method in (b"POST", b"PUT"):
        length = environ.get(b"CONTENT_LENGTH", b"")
        left = int(length) if length.isdigit() else 0
        stdout.write(b"body: %d bytes\n" % left)
        while left > 0 and (chunk := stdin.read(min(left, 65536))):
            stdout.write(chunk)
            left -= len(chunk)


main()
