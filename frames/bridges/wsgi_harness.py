"""Runs the WSGI bridge as the gateway does: a real process per request, with a CGI environ."""
import os
import subprocess
import sys
import tempfile
import textwrap
import unittest

BRIDGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "wsgi.py")
OK = 'start_response("200 OK", [("Content-Type", "text/plain")])'


class Answer:
    """One finished exchange: the CGI response taken apart, stderr as text, the exit status."""

    def __init__(self, out, err, code):
        self.raw, self.log, self.code = out, err.decode("utf-8"), code
        head, _, self.body = out.partition(b"\r\n\r\n")
        self.headers = [tuple(line.split(b": ", 1)) for line in head.split(b"\r\n")] if head else []
        self.status = dict(self.headers).get(b"Status", b"").decode("latin-1")
        self.warnings = [line for line in self.log.splitlines() if line.startswith("framegate: warning: ")]

    def all(self, name):
        return [value.decode("latin-1") for key, value in self.headers if key.decode("latin-1").lower() == name.lower()]


def cgi_environ(body=b"", **more):
    """What the gateway passes for a plain request; a value of None takes a variable away."""
    environ = {
        "GATEWAY_INTERFACE": "CGI/1.1", "SERVER_PROTOCOL": "HTTP/1.1", "SERVER_SOFTWARE": "framegate/test",
        "SERVER_NAME": "localhost", "SERVER_PORT": "7890", "REMOTE_ADDR": "127.0.0.1", "REMOTE_PORT": "40000",
        "REQUEST_METHOD": "POST" if body else "GET", "REQUEST_URI": "/a?x=1", "REQUEST_SCHEME": "http",
        "SCRIPT_NAME": "", "PATH_INFO": "/a", "QUERY_STRING": "x=1", "HTTP_HOST": "localhost:7890",
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"), "PYTHONDONTWRITEBYTECODE": "1",
    }
    if body:
        environ["CONTENT_LENGTH"] = str(len(body))
        environ["CONTENT_TYPE"] = "application/octet-stream"
    environ.update(more)
    return {os.fsencode(k): v if isinstance(v, bytes) else os.fsencode(v) for k, v in environ.items() if v is not None}


class BridgeTest(unittest.TestCase):
    """A test with a project directory of its own."""

    def setUp(self):
        made = tempfile.TemporaryDirectory()
        self.addCleanup(made.cleanup)
        self.dir = os.path.realpath(made.name)

    def file(self, name, text):
        path = os.path.join(self.dir, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as out:
            out.write(textwrap.dedent(text))
        return path

    def command(self, *args, app="app:application", bridge=BRIDGE, dirs=None):
        argv = [sys.executable, "-X", "utf8", bridge]
        for directory in [self.dir] if dirs is None else dirs:
            argv += ["--module-path", directory]
        return argv + list(args) + [app]

    def bridge(self, *args, body=b"", stdin=None, environ=None, **more):
        """Runs app.py (or what app= names) for one request."""
        done = subprocess.run(self.command(*args, **more), input=body if stdin is None else stdin,
                              env=cgi_environ(body, **(environ or {})), cwd=self.dir, timeout=60,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return Answer(done.stdout, done.stderr, done.returncode)

    def app(self, lines, *args, setup="", **more):
        """Runs an application whose function body is lines; STARTED in it is a plain start_response."""
        source = textwrap.dedent(setup) + "\ndef application(environ, start_response):\n" + \
            textwrap.indent(textwrap.dedent(lines).replace("STARTED", OK), "    ")
        self.file("app.py", source)
        return self.bridge(*args, **more)

    def assert_answer(self, answer, status="200 OK", body=None, code=0, warnings=0):
        detail = "\nstdout: %r\nstderr: %s" % (answer.raw, answer.log)
        self.assertEqual(answer.status, status, "status" + detail)
        if body is not None:
            self.assertEqual(answer.body, body, "body" + detail)
        self.assertEqual(answer.code, code, "exit status" + detail)
        self.assertEqual(len(answer.warnings), warnings, "warnings" + detail)

    def assert_failed(self, answer, *in_log, warnings=0):
        """A clean 500: nothing of the cause for the client, all of it in the log, exit status 1."""
        self.assert_answer(answer, "500 Internal Server Error", code=1, warnings=warnings)
        self.assertIn(b"The application failed. Its log says why.\n", answer.body)
        for text in in_log:
            self.assertIn(text, answer.log)
        self.assertNotIn(b"app.py", answer.raw)
        self.assertEqual(answer.all("Content-Length"), [str(len(answer.body))])
