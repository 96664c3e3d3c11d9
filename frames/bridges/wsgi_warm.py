"""What the bridge's two warm modes share: see wsgi_worker.py and wsgi_fork.py.

Modules with Python code are not imported but for Python's own (_socket and not socket): a project
may have a file of that name, and imports its own one as in a plain exchange.
"""
import os
import sys

import _socket
import __main__ as bridge

__framegate__ = "wsgi"


def connect():
    """The connection to the gateway, which descriptor 0 is at the start.

    After this 0 is empty and 1 is the log, as in a plain exchange.
    """
    wire, out = bridge.take_streams()
    os.close(out)
    try:
        return _socket.socket(fileno=wire)
    except OSError:
        bridge.usage("--worker and --fork are for the gateway: descriptor 0 is no socket")


def load(options):
    """The module and the application."""
    sys.path[:] = options.dirs + bridge.INSTALLED_PATH
    sys.argv = [options.spec]
    return bridge.load(options.spec, options.dirs)


def warm_up(options, app):
    """A GET through the application that nobody waits for, so that what it does late is done."""
    environ = bridge.cgi_environ(options.path_info)
    environ.update(request_variables(options.script_name, options.warm_up, options.path_info))
    status = Nobody(options.spec, environ, 0, -1, options.path_info, run_once=False).run(app)
    bridge.WARNED.clear()
    if status:
        bridge.say("framegate: warning: the warm-up request %s failed" % (options.script_name + options.warm_up))


def request_variables(script_name, url, path_info):
    path, _, query = url.partition("?")
    first, *escaped = os.fsencode(path).decode("latin-1").split("%")
    path = first + "".join(chr(int(part[:2], 16)) + part[2:] for part in escaped)
    uri, script_name = script_name + url, os.fsencode(script_name).decode("latin-1")
    if path_info == "text":
        script_name, path = bridge.text_path(script_name), bridge.text_path(path)
    return {
        "GATEWAY_INTERFACE": "CGI/1.1", "SERVER_PROTOCOL": "HTTP/1.1", "SERVER_NAME": "localhost", "SERVER_PORT": "80",
        "REMOTE_ADDR": "127.0.0.1", "REQUEST_SCHEME": "http", "REQUEST_METHOD": "GET", "REQUEST_URI": os.fsencode(uri).decode("latin-1"),
        "SCRIPT_NAME": script_name, "PATH_INFO": path, "QUERY_STRING": os.fsencode(query).decode("latin-1"), "HTTP_HOST": "localhost",
    }


class Nobody(bridge.Host):
    """Answers nobody."""

    def output(self, data):
        self.sent = True

    def cut(self):
        return 1
