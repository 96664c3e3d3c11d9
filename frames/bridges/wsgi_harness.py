"""Runs the WSGI bridge as the gateway does: a real process per request with a CGI environ, with the module site or
without, a fork of one that is loaded, or one that answers requests on a connection."""
import atexit
import os
import shutil
import signal
import site
import socket
import struct
import subprocess
import sys
import sysconfig
import tempfile
import textwrap
import unittest

BRIDGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "wsgi.py")
OK = 'start_response("200 OK", [("Content-Type", "text/plain")])'
MODES = ("exec", "without_site", "fork", "worker") if sys.version_info >= (3, 11) else ("exec", "fork", "worker")
INSTALLATIONS = []  # at most one: a directory for PYTHONHOME
LEARNED = {}  # of that one: the options that stand for site, by the variables that Python starts with
CUT = -6  # SIGABRT: how a process ends in the middle of an answer

# A shell has what runs in its background ignore Ctrl-C, and so would all that it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)


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


def operators(environ):
    """The part of an environ that is not the request's: what a process that is loaded is started with."""
    return {k: v for k, v in environ.items() if k == b"PATH" or k.startswith(b"PYTHON")}


def spool(data=b""):
    file = tempfile.TemporaryFile()
    file.write(data)
    file.seek(0)
    return file


class Warm:
    """A process with a connection in the place of stdin."""

    def __init__(self, argv, environ, cwd):
        self.wire, theirs = socket.socketpair()
        self.wire.settimeout(60)
        self.stderr, self.seen = spool(), 0
        with theirs:
            self.process = subprocess.Popen(argv, stdin=theirs, stdout=subprocess.DEVNULL, stderr=self.stderr,
                                            env=operators(environ), cwd=cwd)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
        self.stderr.close()

    def read(self, size):
        data = b""
        while len(data) < size:
            got = self.wire.recv(size - len(data))
            if not got:
                raise EOFError("the process has closed its connection after %r" % data)
            data += got
        return data

    def log(self):
        """What was written to stderr since the last call."""
        self.stderr.seek(self.seen)
        text = self.stderr.read()
        self.seen += len(text)
        return text

    def close(self):
        """Ends the process as the gateway does, and answers its exit status."""
        self.wire.close()
        try:
            return self.process.wait(60)
        finally:
            self.process.kill()
            self.process.wait()


class Worker(Warm):
    def ready(self):
        """Whether it is; otherwise it has ended."""
        try:
            return self.read(4) == b"\x80\0\0\0"
        except (EOFError, ConnectionResetError):
            return False

    def send(self, environ, body=b"", asked=False):
        """Sends a request; asked is one whose body does not come with it."""
        block = b"".join(k + b"\0" + v + b"\0" for k, v in environ.items() if k not in operators(environ))
        self.wire.sendall(struct.pack(">II", len(block), 1 << 31 if asked else len(body)) + block + (b"" if asked else body))

    def records(self, stdin=None):
        """The records of an answer, as they come: bytes, and its status at the end."""
        while True:
            number = struct.unpack(">I", self.read(4))[0]
            if number == 0xC0000000:
                self.wire.sendmsg([b"\0"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", stdin.fileno()))])
            elif number & 0x80000000:
                yield number & 0x3FFFFFFF
                return
            else:
                yield self.read(number)

    def answer(self, environ, body=b"", stdin=None):
        """One exchange."""
        with spool(stdin or b"") as file:
            self.send(environ, body, asked=stdin is not None)
            *pieces, status = self.records(file)
        assert all(pieces), "an empty piece of an answer"
        return Answer(b"".join(pieces), self.log(), CUT if status == 2 else status)


class Loaded(Warm):
    count = 0

    def ready(self):
        """What it says about itself when it has loaded the application, as (key, value) pairs."""
        kind, content = self.message()
        assert kind == b"R", kind
        return [tuple(fact.decode().split("=", 1)) for fact in content.split(b"\0")[:-1]]

    def message(self):
        kind, length = struct.unpack(">cI", self.read(5))
        return kind, self.read(length)

    def fork(self, environ, *files):
        """Asks for a fork with these as its stdin, stdout and stderr; answers its number."""
        self.count += 1
        block = struct.pack(">I", self.count) + b"".join(k + b"\0" + v + b"\0" for k, v in environ.items())
        fds = struct.pack("3i", *[file.fileno() for file in files])
        self.wire.sendmsg([struct.pack(">cI", b"Q", len(block)) + block], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
        return self.count

    def expect(self, kind, number, format=">I"):
        got, content = self.message()
        values = struct.unpack(format, content)
        assert (got, values[0]) == (kind, number), (got, values, "wanted", kind, number)
        return values[1:]

    def ended(self, number):
        """Waits for the end of a fork: its pid and exit status, its CPU seconds and peak memory."""
        pid, status, microseconds, kib = self.expect(b"X", number, ">IIIQQ")
        return pid, -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status), microseconds / 1e6, kib

    def answer(self, environ, stdin=b""):
        with spool(stdin) as body, spool() as out, spool() as err:
            number = self.fork(environ, body, out, err)
            forked, = self.expect(b"F", number, ">II")
            pid, code, _, _ = self.ended(number)
            assert pid == forked
            out.seek(0)
            err.seek(0)
            return Answer(out.read(), err.read(), code)


def installation(packages=None):
    """A directory for PYTHONHOME: this Python with what is installed, but without the .pth files, some of which need
    the module site. With packages, that directory is all that is installed."""
    home, prefix = tempfile.mkdtemp(), sys.base_prefix
    atexit.register(shutil.rmtree, home)
    left_out = ("site-packages", "dist-packages") + (("sitecustomize.py",) if packages else ())
    link(sysconfig.get_paths()["stdlib"], home, prefix, lambda name: name not in left_out)
    directories = [path for path in site.getsitepackages([prefix]) if os.path.isdir(path)]
    if packages:
        os.symlink(packages, home + site.getsitepackages([prefix])[-1][len(prefix):])
    else:
        for path in directories:
            link(path, home, prefix, lambda name: not name.endswith(".pth"))
    return home


def link(directory, home, prefix, wanted):
    there = home + directory[len(prefix):]
    os.makedirs(there, exist_ok=True)
    for name in filter(wanted, os.listdir(directory)):
        os.symlink(os.path.join(directory, name), os.path.join(there, name))


def modes(*names):
    """A test for these modes alone."""
    def decorate(test):
        test.modes = names
        return test
    return decorate


def in_every_mode(cls):
    """The class's tests in mode "exec", and classes beside it for the other modes."""
    namespace = sys.modules[cls.__module__].__dict__
    for mode in MODES:
        members = {"mode": mode, "__module__": cls.__module__}
        for name, test in vars(cls).items():
            if name.startswith("test_") and mode not in getattr(test, "modes", MODES):
                members[name] = None
        named = cls.__name__ + mode.capitalize()
        namespace[named] = type(named, (cls,), members)
    return None  # the class itself would be exec's tests once more


class BridgeTest(unittest.TestCase):
    """A test with a project directory of its own."""

    mode = "exec"

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
        return getattr(self, "run_" + self.mode)(args, more, cgi_environ(body, **(environ or {})), body, stdin)

    def run_exec(self, args, more, environ, body, stdin):
        done = subprocess.run(self.command(*args, **more), input=body if stdin is None else stdin, env=environ,
                              cwd=self.dir, timeout=60, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return Answer(done.stdout, done.stderr, done.returncode)

    def run_without_site(self, args, more, environ, body, stdin):
        """With what the gateway has learned of site, where that is enough."""
        if not INSTALLATIONS:
            INSTALLATIONS.append(installation())
        environ.setdefault(b"PYTHONNOUSERSITE", b"1")
        argv = self.command(*args, **more)
        if environ.setdefault(b"PYTHONHOME", os.fsencode(INSTALLATIONS[0])) == os.fsencode(INSTALLATIONS[0]):
            key = tuple(sorted(operators(environ).items()))
            if key not in LEARNED:
                LEARNED[key] = self.learned_site(argv, environ)
            learned = LEARNED[key]
        else:
            learned = self.learned_site(argv, environ)
        assert learned, "site has to run"
        done = subprocess.run(argv[:1] + ["-S"] + argv[1:-1] + learned + argv[-1:], input=body if stdin is None else stdin,
                              env=environ, cwd=self.dir, timeout=60, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return Answer(done.stdout, done.stderr, done.returncode)

    def learned_site(self, argv, environ):
        """The options that stand for site: none where it has to run."""
        facts = self.site_facts(argv, environ)
        return [word for key, value in facts if key != "seen" for word in ("--" + key, value)]

    def site_facts(self, argv, environ):
        """As the gateway asks for them, but without the application, which may be no good."""
        self.file("site_check/nothing.py", "def application(environ, start_response): pass")
        argv = argv[:4] + ["--check", "--site", "--module-path", os.path.join(self.dir, "site_check"), "nothing:application"]
        done = subprocess.run(argv, env=environ, cwd=self.dir, timeout=60, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True)
        return [tuple(os.fsdecode(fact).split("=", 1)) for fact in done.stdout.split(b"\0")[:-1]]

    def run_fork(self, args, more, environ, body, stdin):
        with Loaded(self.command("--fork", *args, **more), environ, self.dir) as loaded:
            loaded.ready()
            before = loaded.log()
            answer = loaded.answer(environ, body if stdin is None else stdin)
            self.assertEqual(loaded.close(), 0, loaded.log())
        return Answer(answer.raw, before + answer.log.encode(), answer.code)

    def run_worker(self, args, more, environ, body, stdin):
        with Worker(self.command("--worker", *args, **more), environ, self.dir) as worker:
            self.assertTrue(worker.ready(), worker.log())
            answer = worker.answer(environ, body, stdin)
            self.assertEqual(worker.close(), 0, worker.log())
        return answer

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
