#!/usr/bin/env python3
"""A warm frame without the bridge: SCGI on descriptor 0, one request after the other."""
import socket

listener, asked = socket.socket(fileno=0), 0
while True:
    connection, _ = listener.accept()
    with connection, connection.makefile("rwb") as stream:
        size = b""
        while not size.endswith(b":"):  # the environ is a netstring: LENGTH ":" (NAME NUL VALUE NUL)* ","
            size += stream.read(1) or b":"
        texts = iter(stream.read(int(size[:-1] or 0) + 1).split(b"\0"))
        environ = dict(zip(texts, texts))
        body = stream.read(int(environ.get(b"CONTENT_LENGTH", 0)))
        asked += 1
        answer = b"hello, %s\nasked: %d\nbody: %d bytes\n" % (environ.get(b"PATH_INFO", b""), asked, len(body))
        try:
            stream.write(b"Content-Type: text/plain; charset=utf-8\n\n" + answer)
            stream.flush()
        except ConnectionError:
            print("nobody waits any more", flush=True)  # stdout and stderr are the log
