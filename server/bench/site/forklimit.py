"""What fork can do: a loaded Flask app, a fork for each request, nothing else.

usage: forklimit.py SECONDS PROCESSES

The child calls the app, writes the answer into a pipe and ends; the parent
reads it to the end and reaps. On as many processes as there are cores. Prints
the number of requests in a second.
"""
import gc
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from flask_hello import application  # noqa: E402

ENVIRON = {
    "REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": "/", "QUERY_STRING": "", "SERVER_NAME": "localhost",
    "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.version": (1, 0), "wsgi.url_scheme": "http",
    "wsgi.input": sys.stdin.buffer, "wsgi.errors": sys.stderr, "wsgi.multithread": False, "wsgi.multiprocess": True,
    "wsgi.run_once": True,
}


def answer():
    head = []
    return b"".join(application(dict(ENVIRON), lambda status, headers: head.append((status, headers))))


def one():
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(writing, answer())
        os._exit(0)
    os.close(writing)
    while os.read(reading, 65536):
        pass
    os.close(reading)
    os.waitpid(pid, 0)


def loop(seconds):
    begun, n = time.monotonic(), 0
    while time.monotonic() - begun < seconds:
        one()
        n += 1
    return n / (time.monotonic() - begun)


def main(seconds, processes):
    gc.disable()
    answer()  # what the app does late is done
    gc.collect()
    gc.freeze()
    reading, writing = os.pipe()
    pids = []
    for _ in range(processes):
        pid = os.fork()
        if pid == 0:
            os.write(writing, b"%f\n" % loop(seconds))
            os._exit(0)
        pids.append(pid)
    os.close(writing)
    for pid in pids:
        os.waitpid(pid, 0)
    with open(reading, "rb") as rates:
        print("%.1f" % sum(float(line) for line in rates))


main(float(sys.argv[1]), int(sys.argv[2]))
