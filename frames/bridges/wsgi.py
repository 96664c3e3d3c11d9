"""Framegate's WSGI bridge: runs a Python application (PEP 3333) as a CGI/1.1 program.

    wsgi.py [--path-info text|pep3333] [--module-path DIR]... MODULE:OBJECT
    wsgi.py --check|--measure [the same options] MODULE:OBJECT
    wsgi.py --check --site [the same options] MODULE:OBJECT
    wsgi.py --worker [the same options] [--warm-up PATH [--script-name PATH]] MODULE:OBJECT
    wsgi.py --fork [these options] [--post-fork MODULE:FUNCTION] [--cpu-time SECONDS] MODULE:OBJECT

The environ comes as environment variables, the request's body on stdin, and one
CGI response goes to stdout. OBJECT may be dotted; "factory()" is called first.
--check imports and resolves only: it prints the module's file, or says in one
line on stderr (and a "hint:" line) what is wrong. --worker and --fork keep the
application loaded, --measure says what that would save: wsgi_worker.py,
wsgi_fork.py and wsgi_measure.py, beside this file. --site says what the module
site has done; --installed DIR and --distutils NAMES, with python -S, stand for
it: see start_without_site().

Exit status: 0 answered (or the client went away), 1 the application failed, 2 wrong
usage. A failure after the first byte of the body ends in SIGABRT: see abort().

It runs once per request, so what is not needed for a plain answer is imported late.
"""
import posix  # and not os, which an application may do without, and which takes an eighth of a small one's request
import sys

# Python put this file's own directory first, unless told not to; nobody's modules are there. See start_without_site().
INSTALLED_PATH = sys.path[0 if sys.flags.isolated or getattr(sys.flags, "safe_path", False) else 1:]

__framegate__ = "wsgi"  # marks a file of the bridge

TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
HOP_BY_HOP = frozenset(("connection", "keep-alive", "proxy-authenticate", "proxy-authorization",
                        "te", "trailer", "trailers", "transfer-encoding", "upgrade"))
WARNED = set()


class Fault(Exception):
    """What is wrong with an application, in words for its author.

    Its __cause__, when there is one, is the exception whose traceback helps.
    """

    def __init__(self, message, hint=""):
        super().__init__(message)
        self.message, self.hint = message, hint


# --- the log -----------------------------------------------------------------------------------

def say(line):
    # Not sys.stderr: an application may have put a stream of its own there.
    sys.__stderr__.write(line + "\n")


def warn(what, want):
    """One line per kind of leniency; the gateway knows it by this prefix."""
    line = "framegate: warning: %s; PEP 3333 wants %s" % (what, want)
    if line not in WARNED:
        WARNED.add(line)
        say(line)


def describe(exc):
    text = (str(exc).splitlines() or [""])[0]
    return type(exc).__name__ + (": " + text if text else "")


def own(tb):
    """Is this frame the bridge's? By a mark and not by file name: several files, compiled or not."""
    return "__framegate__" in tb.tb_frame.f_globals


def users_frame(tb):
    """FILE:LINE of the deepest frame that is the user's own code, else of the deepest one."""
    where = deepest = ""
    while tb is not None:
        file = tb.tb_frame.f_code.co_filename
        if not own(tb) and not file.startswith("<"):
            deepest = "%s:%d" % (file, tb.tb_lineno)
            if not any(file.startswith(d + "/") for d in INSTALLED_PATH if d):
                where = deepest
        tb = tb.tb_next
    return where or deepest


def print_traceback(exc):
    """The whole traceback but for the bridge's own frames, which tell the author nothing."""
    frames, tb = [], exc.__traceback__
    while tb is not None:
        if not own(tb):
            frames.append(tb)
        tb = tb.tb_next
    for this, after in zip(frames, frames[1:] + [None]):
        if this.tb_next is not after:
            this.tb_next = after
    exc = exc.with_traceback(frames[0] if frames else None)
    kept, sys.stderr = sys.stderr, sys.__stderr__
    try:  # the built-in hook: no import, and no apport or the like in between
        sys.__excepthook__(type(exc), exc, exc.__traceback__)
    finally:
        sys.stderr = kept


def standard(name):
    """Import a standard module although a frame's directory may hold a file of that name."""
    kept, sys.path = sys.path, INSTALLED_PATH
    try:
        return __import__(name)
    finally:
        sys.path = kept


# --- path-info = "text" ------------------------------------------------------------------------

class PathText(str):
    """A path as its reader sees it, "/中文", that still keeps PEP 3333's promise.

    The promise is path.encode("latin-1") == the URL's bytes: Flask, Django and WebOb
    all take that way. So encode() answers the UTF-8 bytes there, and the methods with
    which paths are taken apart and put together answer a PathText again. All others
    (format, %, join, re groups, bytes(path, "latin-1")) see plain text.
    """
    __slots__ = ()

    def encode(self, encoding="utf-8", errors="strict"):
        if encoding.lower().replace("_", "-") in ("latin-1", "latin1", "iso-8859-1", "iso8859-1", "latin", "l1"):
            encoding = "utf-8"
        return str.encode(self, encoding, errors)

    # Only with str: another subclass, such as an escaping Markup, must have its own say.
    def __add__(self, other):
        return path_text(str(self) + str(other)) if type(other) in (str, PathText) else NotImplemented

    def __radd__(self, other):
        return path_text(other + str(self)) if type(other) is str else NotImplemented

    def __reduce__(self):
        return str, (str(self),)  # what unpickles it may not have this class


def path_text(text):
    return text if text.isascii() else PathText(text)


def _keeps_path_text(name):
    method = getattr(str, name)

    def keeps(self, *args, **named):
        got = method(self, *args, **named)
        return path_text(got) if isinstance(got, str) else type(got)(map(path_text, got))
    return keeps


for _name in ("__getitem__", "lower", "lstrip", "partition", "removeprefix", "removesuffix",
              "replace", "rpartition", "rsplit", "rstrip", "split", "strip"):
    if hasattr(str, _name):
        setattr(PathText, _name, _keeps_path_text(_name))


# --- environ -----------------------------------------------------------------------------------

class Input:
    """wsgi.input: CONTENT_LENGTH bytes and then the end, or earlier where stdin ends early."""

    def __init__(self, fd, length):
        self._fd, self._left = fd, length

    def __getattr__(self, name):
        if name != "_file":
            raise AttributeError(name)
        self._file = open(self._fd, "rb", closefd=False)  # once somebody reads: most requests have no body
        return self._file

    def _bound(self, size):
        return self._left if size is None or size < 0 else min(size, self._left)

    def read(self, size=-1):
        data = self._file.read(self._bound(size))
        self._left -= len(data)
        return data

    def readline(self, size=-1):
        data = self._file.readline(self._bound(size))
        self._left -= len(data)
        return data

    def readlines(self, hint=-1):
        lines, total = [], 0
        for line in self:
            lines.append(line)
            total += len(line)
            if hint is not None and 0 < hint <= total:
                break
        return lines

    def __iter__(self):
        return iter(self.readline, b"")


class FileWrapper:
    """wsgi.file_wrapper: a file-like object as an iterable of blocks."""

    def __init__(self, filelike, block_size=65536):
        self.filelike, self.block_size = filelike, max(block_size, 8192)
        if hasattr(filelike, "close"):
            self.close = filelike.close

    def __iter__(self):
        return self

    def __next__(self):
        data = self.filelike.read(self.block_size)
        if not data:
            raise StopIteration
        return data


def cgi_environ(path_info):
    """The CGI variables as PEP 3333 wants them: str whose characters are the bytes."""
    os = sys.modules.get("os")  # sitecustomize may have changed what it has
    return wsgi_strings({key.decode("latin-1"): value.decode("latin-1")
                         for key, value in (os.environb if os else posix.environ).items()}, path_info)


def wsgi_strings(environ, path_info):
    for key in ("SCRIPT_NAME", "PATH_INFO", "QUERY_STRING"):
        environ.setdefault(key, "")
    if path_info == "text":
        for key in ("SCRIPT_NAME", "PATH_INFO"):
            environ[key] = text_path(environ[key])
    return environ


def text_path(path):
    try:
        return path_text(path.encode("latin-1").decode("utf-8"))
    except UnicodeDecodeError:
        return path  # no UTF-8, so no text: the bytes as latin-1


# --- the response's header ---------------------------------------------------------------------

def wire(text, what):
    """Text as header bytes. Control characters would let data become header lines (response splitting)."""
    if not text.isprintable() and any((c < " " and c != "\t") or c == "\x7f" for c in text):
        raise ValueError("%s has a control character in it: %r" % (what, text))
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        warn("%s is not latin-1, sent as UTF-8" % what, "latin-1 text (a URL percent-encoded)")
        return text.encode("utf-8")


def status_line(status):
    given = status
    if isinstance(status, int):
        status = str(int(status))
    elif isinstance(status, bytes):
        status = status.decode("latin-1")
    elif not isinstance(status, str):
        raise TypeError('status %r is %s: it must be a str such as "200 OK"' % (status, type(status).__name__))
    code, _, phrase = status.partition(" ")
    if not (len(code) == 3 and code.isascii() and code.isdigit() and code >= "100"):
        raise ValueError('status %r does not begin with a three-digit code, as "200 OK" does' % (given,))
    if not isinstance(given, str):
        warn("status %r is %s" % (status, type(given).__name__), 'a str such as "200 OK"')
    elif not phrase.strip():
        warn("status %r has no phrase" % status, 'one, such as "200 OK"')
    return b"Status: " + wire(code + " " + (phrase.strip() or standard_phrase(code)), "the status")


def standard_phrase(code):
    try:
        return standard("http").HTTPStatus(int(code)).phrase
    except (ValueError, AttributeError):  # no such status, or the application has an http module of its own
        return "Unknown"


def header_pairs(headers):
    if type(headers) is not list:
        warn("the headers are %s" % type(headers).__name__, "a list of (name, value) tuples")
        headers = list(headers.items() if hasattr(headers, "items") else headers or ())
    for pair in headers:
        if isinstance(pair, (str, bytes)) or not hasattr(pair, "__len__") or len(pair) != 2:
            raise TypeError("header %r is not a (name, value) tuple" % (pair,))
        if not isinstance(pair, tuple):
            warn("header %r is %s" % (pair[0], type(pair).__name__), "a (name, value) tuple")
        yield pair


def header_text(text, what):
    """A header's name or value as str: numbers and bytes are let through, with a warning."""
    if isinstance(text, str):
        return text
    if isinstance(text, (int, float)):
        warn("%s is a number" % what, "a str")
        return str(text)
    if isinstance(text, bytes):
        warn("%s is bytes" % what, "a str")
        return text.decode("latin-1")
    raise TypeError("%s is %s: it must be a str" % (what, type(text).__name__))


def header_lines(headers):
    """The headers as (lower-case name, line) pairs, without those that are not the application's."""
    lines = []
    for name, value in header_pairs(headers):
        name = header_text(name, "header name %r" % (name,))
        if not name or not TOKEN.issuperset(name):
            raise ValueError("header name %r is not a token" % name)
        lower = name.lower()
        line = name.encode("ascii") + b": " + wire(header_text(value, "the value of header %r" % name),
                                                  "the value of header %r" % name)
        if lower in HOP_BY_HOP:
            warn("header %r is hop-by-hop, dropped" % name, "it left to the server")
        elif lower == "status":
            warn("header %r dropped" % name, "the status as start_response's first argument")
        else:
            lines.append((lower, line))
    return lines


# --- one exchange ------------------------------------------------------------------------------

class Host:
    """Runs an application for one request: environ in, one CGI response to the descriptor out."""

    def __init__(self, name, environ, body, out, path_info="pep3333", run_once=True):
        self.name, self.environ, self.out, self.path_info = name, environ, out, path_info
        self.status = None     # the Status line, once start_response was called
        self.headers = ()      # (lower-case name, line) pairs
        self.length = None     # of the body, where it is known before it is sent
        self.sent = False      # the header is out: no other answer is possible
        self.complete = False  # all of the answer is out
        self.gone = False      # nobody reads stdout any more
        length = environ.get("CONTENT_LENGTH", "")
        https = environ.get("HTTPS", "").lower() in ("on", "1", "yes")
        environ.update({
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "https" if https else environ.get("REQUEST_SCHEME") or "http",
            "wsgi.input": Input(body, int(length) if length.isascii() and length.isdigit() else 0),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": False,
            "wsgi.multiprocess": True,
            "wsgi.run_once": run_once,
            "wsgi.file_wrapper": FileWrapper,
        })

    def run(self, app):
        """The whole exchange; answers the exit status of the process."""
        result = None
        try:
            try:
                result = self.call(app)
                self.respond(self.body(result))
            finally:
                if hasattr(result, "close"):
                    result.close()
        except KeyboardInterrupt:
            raise
        except BaseException as exc:
            return self.fail(exc)
        return 0

    def call(self, app):
        if takes_one_parameter(app):
            warn("%s takes one parameter, so it got PATH_INFO and its result is sent as HTML" % self.name,
                 "application(environ, start_response)")
            self.start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
            return app(self.environ["PATH_INFO"])
        return app(self.environ, self.start_response)

    def start_response(self, status, headers, exc_info=None):
        if exc_info:
            try:
                if self.sent:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # a frame that holds its own traceback is a cycle
        elif self.status is not None:
            raise RuntimeError("start_response was called twice, the second time without exc_info")
        # Both or neither: a refused header must not leave half an answer behind.
        self.status, self.headers = status_line(status), header_lines(headers)
        return self.write

    def write(self, data):
        self.send(self.chunk(data, "write() got"))

    def body(self, result):
        """What the application returned, as an iterable of chunks."""
        if result is None:
            if not self.sent:
                raise Fault("%s returned None, so there is no answer" % self.name,
                            "every way through the function needs a return, for instance [b\"text\"]")
            warn("%s returned None after write()" % self.name, "an iterable, such as []")
            return ()
        if isinstance(result, (str, bytes, bytearray, memoryview)):
            is_str = isinstance(result, str)
            warn("%s returned %s%s" % (self.name, "str" if is_str else type(result).__name__, ", sent as UTF-8" if is_str else ""),
                 "an iterable of bytes, such as [text.encode()]")
            return [result.encode("utf-8") if is_str else bytes(result)]
        if hasattr(result, "__await__") or hasattr(result, "__anext__"):
            raise Fault("%s returned %s: it is async" % (self.name, type(result).__name__),
                        "an ASGI application needs an adapter, such as asgiref's or a2wsgi's")
        if isinstance(result, dict) or not hasattr(result, "__iter__"):
            raise Fault("%s returned %s, which is not an iterable of bytes" % (self.name, type(result).__name__),
                        "return a list of bytes, for instance [b\"text\"]")
        return result

    def chunk(self, data, how):
        if isinstance(data, bytes):
            return data
        if isinstance(data, str):
            warn("%s str, sent as UTF-8" % how, "bytes")
            return data.encode("utf-8")
        if isinstance(data, (bytearray, memoryview)):
            warn("%s %s" % (how, type(data).__name__), "bytes")
            return bytes(data)
        raise Fault("%s failed: %s %s, which is not bytes" % (self.name, how, type(data).__name__))

    def respond(self, body):
        """Sends the body chunk by chunk, and the header with the first that is not empty or at the end."""
        if type(body) in (list, tuple):
            body = [self.chunk(data, "a chunk of the body is") for data in body]
            self.length = sum(map(len, body))
        for data in body:
            self.send(self.chunk(data, "a chunk of the body is"))
        if not self.sent:
            # An empty answer to HEAD says nothing about the length that GET would have.
            self.length = None if self.environ.get("REQUEST_METHOD") == "HEAD" else 0
            self.output(self.header())
        self.complete = True

    def header(self):
        if self.status is None:
            raise Fault("%s did not call start_response" % self.name,
                        'call start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")]) before '
                        "the first bytes of the body")
        lines = [self.status] + [line for _, line in self.headers]
        # RFC 9110 §8.6: no Content-Length with 1xx and 204; with 304 it would be another answer's.
        if (self.length is not None and self.status[8:11] not in (b"204", b"304") and self.status[8:9] != b"1"
                and all(name != "content-length" for name, _ in self.headers)):
            lines.append(b"Content-Length: %d" % self.length)
        return b"\r\n".join(lines) + b"\r\n\r\n"

    def send(self, data):
        if not data:
            return  # PEP 3333: no header before there is a body or its end
        if not self.sent:
            head = self.header()
            if len(data) > 65536:
                self.output(head)
            else:
                data = head + data  # most answers are one write
        self.output(data)

    def output(self, data):
        self.sent = True
        try:
            done = posix.write(self.out, data)
            if done < len(data):
                data = memoryview(data)
                while done < len(data):
                    done += posix.write(self.out, data[done:])
        except ConnectionError:
            self.gone = True
            raise

    def fail(self, exc):
        """Says what went wrong, to the log in full and to the client in one sentence."""
        if self.gone and isinstance(exc, ConnectionError):
            return 0  # the client went away: nobody's fault, and nobody reads on
        report(exc, self)
        if self.sent:
            return 1 if self.complete or self.gone else self.cut()
        body = b"500 Internal Server Error\n\nThe application failed. Its log says why.\n"
        if self.environ.get("REQUEST_ID", "").isalnum():
            body += b"Request id: " + self.environ["REQUEST_ID"].encode("utf-8") + b"\n"
        try:
            self.output(b"Status: 500 Internal Server Error\r\nContent-Type: text/plain; charset=utf-8\r\n"
                        b"Content-Length: %d\r\n\r\n" % len(body) + body)
        except ConnectionError:
            pass
        return 1

    def cut(self):
        """The answer ends in the middle of its body."""
        abort()


def takes_one_parameter(app):
    """Is it application(file_name), the step before WSGI? Told by the code object: inspect is a slow import."""
    bound, named = 0, ()
    functools = sys.modules.get("functools")
    if functools and isinstance(app, getattr(functools, "partial", ())):
        bound, named, app = len(app.args), app.keywords, app.func
    if isinstance(app, type):
        bound, app = bound + 1, app.__init__
    elif not hasattr(app, "__code__") and not hasattr(app, "__func__"):
        bound, app = bound + 1, type(app).__call__
    if hasattr(app, "__func__"):
        bound, app = bound + 1, app.__func__
    code = getattr(app, "__code__", None)
    if type(code) is not type(say.__code__) or code.co_flags & 0x04:  # C code, or *args: WSGI
        return False
    return len([name for name in code.co_varnames[bound:code.co_argcount] if name not in named]) == 1


def report(exc, host):
    """A failure for the log: the traceback, then one line that says it all, then perhaps a hint."""
    if isinstance(exc, Fault):
        if exc.__cause__ is not None:
            print_traceback(exc.__cause__)
        message, hint = exc.message, exc.hint
    else:
        message, hint = "%s failed: %s" % (host.name, describe(exc)), ""
        where = users_frame(exc.__traceback__)
        print_traceback(exc)
        message += " at " + where if where else ""
        if isinstance(exc, SystemExit):
            hint = "sys.exit() ends the process and not the request: return an answer instead"
        elif isinstance(exc, KeyError) and exc.args and str(exc.args[0]).isupper() and exc.args[0] not in host.environ:
            hint = "this request has no such environ key: environ.get(%r) answers None for it" % exc.args[0]
        elif isinstance(exc, UnicodeEncodeError) and exc.encoding == "latin-1" and host.path_info == "text":
            hint = 'path-info = "pep3333" gives the framework the latin-1 path that it expects'
    say("framegate: " + message)
    if hint:
        say("hint: " + hint)


def abort():
    """Ends a process whose answer is cut short so that nobody takes the answer for whole.

    The gateway lets an answer stand whatever the exit status, but cuts the client's
    connection after a signal. SIGABRT, because a frame sends it only to itself: SIGTERM and
    SIGKILL would look like the gateway's own timeout or the kernel's out-of-memory killer.
    """
    try:
        sys.stdout.flush()
        sys.stderr.flush()
        standard("atexit")._run_exitfuncs()  # the signal skips them: logging flushes there
        # No core file. On Linux 1 and not 0: it also keeps the kernel from piping one to a collector.
        resource = standard("resource")
        hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
        resource.setrlimit(resource.RLIMIT_CORE, (1 if sys.platform == "linux" and hard else 0, hard))
    finally:
        posix.abort()


# --- the end of the process --------------------------------------------------------------------

# Extension modules whose objects do nothing when they go that the kernel would not do.
PLAIN = frozenset((
    "_asyncio _bisect _blake2 _bz2 _contextvars _csv _datetime _decimal _elementtree _hashlib _heapq _json _lzma _md5 "
    "_opcode _pickle _posixsubprocess _queue _random _sha1 _sha2 _sha256 _sha3 _sha512 _socket _ssl _statistics _struct "
    "_typing _uuid _zoneinfo array binascii cmath fcntl grp markupsafe._speedups math pyexpat resource select termios "
    "unicodedata zlib").split())
# Those that some builds have inside the interpreter, and whose objects do.
NOT_PLAIN = frozenset(("_ctypes", "_curses", "_dbm", "_gdbm", "_sqlite3", "_tkinter"))
COLLECTED = 1 << 14  # Py_TPFLAGS_HAVE_GC: objects without are in no list of objects


def leave(status):
    """Ends the process where the interpreter's own end has nothing to do but free memory, which is a seventh of what a
    request costs. Otherwise it returns, for the usual end."""
    try:
        if not ends_plainly():
            return
        sys.stdout.flush()
        sys.stderr.flush()
    except Exception:
        return
    posix._exit(status)


def ends_plainly():
    """Is there nobody to see the end: no thread, destructor, weak reference or file, and no extension that has its own?
    What is registered with atexit has run then."""
    import _thread
    import _weakref
    import atexit
    import gc
    import itertools
    streams = (sys.__stdin__, sys.__stdout__, sys.__stderr__)
    if _thread._count() or sys.gettrace() or sys.getprofile() or sys.flags.inspect or sys.flags.dev_mode or b"LD_PRELOAD" in posix.environ \
            or getattr(sys.modules.get("threading"), "_threading_atexits", None) or (sys.stdin, sys.stdout, sys.stderr) != streams:
        return False
    if atexit._ncallbacks():
        if sys.version_info < (3, 10):
            return False  # _run_exitfuncs() is not what the interpreter itself does
        atexit._run_exitfuncs()
    if not all(map(is_plain, sys.modules.items())):
        return False
    gc.unfreeze()
    things = gc.get_objects()
    types = list(map(type, things))  # all that goes through all objects is C: there are thousands
    ends = {kind for kind in set(types) if hasattr(kind, "__del__")}
    looked_at = ends.union(kind for kind in set(types) if issubclass(kind, (_weakref.ref, type)))
    own = {id(part) for stream in streams for part in (stream, stream.buffer, getattr(stream.buffer, "raw", None))}
    return not any(is_missed(thing) if type(thing) not in ends else id(thing) not in own and not is_at_rest(thing)
                   for thing in itertools.compress(things, map(looked_at.__contains__, types)))


def is_plain(item):
    name, module = item
    if type(module) is not type(sys) and not isinstance(module, type):  # typing.io is a class
        return False
    file = module.__dict__.get("__file__")
    if isinstance(file, str) and file.endswith((".so", ".dylib")):
        return name in PLAIN
    return name not in NOT_PLAIN


def is_missed(thing):
    """Is it a weak reference with a function, or a class with a destructor whose objects are in no list of objects?"""
    if isinstance(thing, type):
        return not thing.__flags__ & COLLECTED and is_function(thing.__dict__.get("__del__"))
    return is_function(thing.__callback__)


def is_at_rest(thing):
    """Is it a generator that was never started, or is through? Only one in the middle has something to do at its end."""
    if type(thing) is not type(_ for _ in ()):
        return False
    if hasattr(thing, "gi_suspended"):  # from Python 3.11 on
        return not thing.gi_suspended and not thing.gi_running
    return thing.gi_frame is None or thing.gi_frame.f_lasti < 0


def is_function(thing):
    """Is it one in Python, and not one of the standard library's that keep their own books?"""
    return thing is not None and not isinstance(thing, type(len)) and hasattr(thing, "__call__") \
        and type(thing).__name__ != "wrapper_descriptor" and getattr(thing, "__module__", None) not in ("weakref", "_weakrefset", "logging")


# --- finding the application -------------------------------------------------------------------

def load(spec, dirs):
    """The module and the application that MODULE:OBJECT names; a Fault says why not."""
    what = "cannot load %s: " % spec
    name, _, path = spec.partition(":")
    try:
        __import__(name)
    except KeyboardInterrupt:
        raise
    except BaseException as exc:
        if isinstance(exc, ModuleNotFoundError) and exc.name and (name + ".").startswith(exc.name + ".") \
                and not users_frame(exc.__traceback__):
            raise no_module(what, name, exc.name, dirs) from None
        raise Fault(what + import_failure(exc)) from exc
    module = app = sys.modules[name]
    for attribute in (path[:-2] if path.endswith("()") else path).split("."):
        if not hasattr(app, attribute):
            raise no_attribute(what, app, attribute)
        app = getattr(app, attribute)
    if path.endswith("()"):
        if not callable(app):
            raise Fault("%s%s is %s, which cannot be called" % (what, path[:-2], type(app).__name__))
        try:
            app = app()
        except KeyboardInterrupt:
            raise
        except BaseException as exc:
            raise Fault("%s%s raised %s at %s" % (what, path, describe(exc), users_frame(exc.__traceback__))) from exc
    if not callable(app):
        raise Fault("%s%s is %s, which cannot be called" % (what, path, type(app).__name__),
                    "name the function application(environ, start_response), or write factory() for one that makes it")
    return module, app


def import_failure(exc):
    if isinstance(exc, SyntaxError) and exc.filename:
        text = (exc.text or "").strip()
        return "%s:%s: %s: %s%s" % (exc.filename, exc.lineno, type(exc).__name__, exc.msg, ": " + text if text else "")
    where = users_frame(exc.__traceback__)
    return "%s%s while it was imported" % (describe(exc), " at " + where if where else "")


def no_module(what, name, missing, dirs):
    parent, _, leaf = missing.rpartition(".")
    if name.endswith(".py") or "/" in name:
        return Fault("%sno module named %r" % (what, name),
                     "a module is named with dots and without .py: %s"
                     % (name[:-3] if name.endswith(".py") else name).replace("/", ".").strip("."))
    if parent:
        dirs = list(getattr(sys.modules.get(parent), "__path__", ()))
    names = set()
    for directory in dirs:
        try:
            entries = posix.listdir(directory or ".")
        except OSError:
            continue
        # A directory of the module path itself is no module, whatever lies above it.
        names.update(e[:-3] if e.endswith(".py") else e for e in entries
                     if directory.rstrip("/") + "/" + e not in dirs)
    near = nearest(leaf, [n for n in names if n.isidentifier()])
    return Fault("%sno module named %r in %s" % (what, missing, ", ".join(dirs) or "the module path"),
                 "did you mean %s?" % (parent + "." + near if parent else near) if near else "")


def no_attribute(what, owner, attribute):
    """Names in the hint only what can be called: nothing else can be an application."""
    kind = "module %s" % owner.__name__ if type(owner) is type(sys) else type(owner).__name__
    names = [n for n in dir(owner) if n[0] != "_" and callable(getattr(owner, n, None))]
    near, some = nearest(attribute, names), ", ".join(names[:8])
    hint = "did you mean %s?" % near if near else "it has %s" % some if some else ""
    return Fault("%s%s has no %r" % (what, kind, attribute), hint)


def nearest(word, names):
    return (standard("difflib").get_close_matches(word, sorted(names), 1) or [""])[0]


# --- main --------------------------------------------------------------------------------------

def take_streams():
    """Keeps the body and the response for the bridge alone; answers their descriptors.

    After this, whatever prints (print(), C code, a subprocess) prints into the log, and
    whatever reads stdin finds it empty: neither can touch the request or the response.
    """
    for stream in (sys.stdout, sys.stderr):  # first, because it asks a file where it stands, and the log may be a pipe
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
    body, out = posix.dup(0), posix.dup(1)
    null = posix.open("/dev/null", posix.O_RDONLY)
    posix.dup2(null, 0)
    posix.close(null)
    posix.dup2(2, 1)
    return body, out


def usage(why):
    sys.stderr.write("framegate: wsgi.py: %s\nusage: wsgi.py [--check [--site] | --worker | --fork] [--path-info text|pep3333] [--module-path DIR]... "
                     "[--warm-up PATH] [--script-name PATH] [--post-fork MODULE:FUNCTION] [--cpu-time SECONDS] MODULE:OBJECT\n" % why)
    sys.exit(2)


class Options:
    """The command line."""

    task = ""  # "check", "measure", "worker" or "fork": else one exchange
    path_info = "pep3333"
    site = False  # with "check": say what site has done
    distutils = ""
    warm_up = script_name = post_fork = ""
    cpu_time = "0"

    def __init__(self, args):
        self.dirs, self.installed, args = [], [], list(args)
        while args and args[0].startswith("--"):
            flag = args.pop(0)
            if flag in ("--check", "--measure", "--worker", "--fork"):
                self.task = flag[2:]
            elif flag == "--site":
                self.site = True
            elif flag not in ("--path-info", "--module-path", "--warm-up", "--script-name", "--post-fork", "--cpu-time",
                              "--installed", "--distutils"):
                usage("unknown option %s" % flag)
            elif not args:
                usage("%s wants a value" % flag)
            elif flag == "--module-path":
                self.dirs.append(absolute(args.pop(0)))  # the application may chdir
            elif flag == "--installed":
                self.installed.append(args.pop(0))
            else:
                setattr(self, flag[2:].replace("-", "_"), args.pop(0))
        if self.path_info not in ("text", "pep3333"):
            usage("--path-info is text or pep3333, not %r" % self.path_info)
        if not self.cpu_time.isdigit():
            usage("--cpu-time is a number of seconds, not %r" % self.cpu_time)
        if len(args) != 1 or not all(args[0].partition(":")):
            usage("one MODULE:OBJECT is wanted, not %s" % (" ".join(args) or "none"))
        self.spec = args[0]


def absolute(path):
    if path[:1] == "/" and "//" not in path and "/." not in path and path[-1] != "/":
        return path
    return standard("os").path.abspath(path)


def beside(name):
    """What is more than one exchange, from a file beside this one: a plain exchange never reads it."""
    kept, sys.path = sys.path, [absolute(__file__).rpartition("/")[0]] + INSTALLED_PATH
    try:
        return __import__(name)
    finally:
        sys.path = kept


# --- without site ------------------------------------------------------------------------------

def start_without_site(options):
    """Leaves the interpreter as site would, which takes a quarter of a small application's request: what it finds has
    been learned by a start with it, and is no more than this; see wsgi_site.py."""
    import builtins
    import _sitebuiltins
    INSTALLED_PATH[:] = options.installed
    builtins.quit = _sitebuiltins.Quitter("quit", "Ctrl-D (i.e. EOF)")
    builtins.exit = _sitebuiltins.Quitter("exit", "Ctrl-D (i.e. EOF)")
    builtins.help = _sitebuiltins._Helper()

    class Printer(_sitebuiltins._Printer):
        def __init__(self, name):
            self.called = name

        def __getattr__(self, attribute):  # the texts are looked for when they are wanted: that takes os
            __import__("site").setcopyright()
            self.__class__, self.__dict__ = _sitebuiltins._Printer, getattr(builtins, self.called).__dict__
            return getattr(self, attribute)

    for name in ("copyright", "credits", "license"):
        setattr(builtins, name, Printer(name))
    if options.distutils:
        sys.meta_path.insert(0, Distutils(options.distutils.split(",")))


class Distutils:
    """In the place of the finder that setuptools puts up at each start: it comes when it is wanted."""

    def __init__(self, names):
        self.names = names

    def find_spec(self, name, path=None, target=None):
        if name not in self.names or self not in sys.meta_path:
            return None
        finder = __import__("_distutils_hack").DISTUTILS_FINDER
        sys.meta_path[sys.meta_path.index(self)] = finder
        return finder.find_spec(name, path, target)


# --- one exchange, or more ---------------------------------------------------------------------


def main(args):
    options = Options(args)
    if options.task in ("measure", "worker", "fork"):
        return beside("wsgi_" + options.task).main(options)
    if options.installed:
        start_without_site(options)
    spec, dirs, path_info = options.spec, options.dirs, options.path_info
    body, out = take_streams()
    sys.path[:] = dirs + INSTALLED_PATH
    sys.argv = [spec]
    if options.task == "check":
        if options.site:
            modules = dict(sys.modules)
            posix.write(out, beside("wsgi_site").facts(modules))
        try:
            module, _ = load(spec, dirs)
            if options.post_fork:
                load(options.post_fork, dirs)
        except Fault as fault:
            say("framegate: " + fault.message + ("\nhint: " + fault.hint if fault.hint else ""))
            return 1
        posix.write(out, standard("os").fsencode(module_file(module, spec)) + b"\n")
        return 0
    host = Host(spec, cgi_environ(path_info), body, out, path_info)
    try:
        _, app = load(spec, dirs)
    except Fault as fault:
        status = host.fail(fault)
    else:
        status = host.run(app)
    posix.close(out)  # the answer ends here and not with the interpreter, which may take a while to go
    leave(status)
    return status


def module_file(module, spec):
    return absolute(getattr(module, "__file__", None) or spec)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
