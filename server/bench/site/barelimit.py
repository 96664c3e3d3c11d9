"""What Python can do: the same app, called once by a bare interpreter."""
import os
import sys


def answer(application):
    environ = {
        "REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": "/", "QUERY_STRING": "", "SERVER_NAME": "localhost",
        "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.version": (1, 0), "wsgi.url_scheme": "http",
        "wsgi.input": sys.stdin.buffer, "wsgi.errors": sys.stderr, "wsgi.multithread": False, "wsgi.multiprocess": True,
        "wsgi.run_once": True,
    }
    os.write(1, b"Content-Type: text/plain\n\n" + b"".join(application(environ, lambda status, headers: None)))
